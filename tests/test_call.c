/* test_call.c - operations of the API against the inventory: what is refused, and why.
 *
 * Nothing can be written here, so an operation that nothing speaks against ends with "does not lead
 * now"; tests/it_ctl.c has what happens then. */
#include "config.h"

#include "controller/call.h"

#include "controller/task.h"
#include "model/reason.h"
#include "tests/ctl_app.h"
#include "tests/suite.h"

START_TEST(each_operation_has_a_handler)
{
#define X(kind, text, mutates) ck_assert_msg(call_handler(kind) != NULL, "%s", text);
    OP_KINDS(X)
#undef X
}
END_TEST

/* ---- the door ---------------------------------------------------------------------------------
 */

struct door {
    unsigned n;
    GError *error;
};

static void refused(struct op_result *result, void *user)
{
    struct door *door = user;

    door->n++;
    g_clear_error(&door->error);
    door->error = g_steal_pointer(&result->error);
}

START_TEST(a_standby_and_a_stopping_controller_answer_every_operation_with_a_refusal)
{
    struct ctl ctl;
    struct door door = { 0 };
    CallBox *box;

    ctl_init(&ctl, NULL);
    box = call_box_new(&ctl.app);
#define X(kind, text, mutates)                                                                     \
    call_box_submit(box, op_new(kind), refused, &door);                                            \
    while (door.n <= kind)                                                                         \
        g_main_context_iteration(NULL, TRUE);                                                      \
    ck_assert_int_eq(err_reason(door.error), REASON_RECOVERING);                                   \
    suite_take_error(&door.error, VRM_ERR_UNAVAILABLE, "this controller is not active");
    OP_KINDS(X)
#undef X
    door.n = 0;
    call_box_submit(box, op_new(OP_VM_START), refused, &door);
    call_box_free(box);
    ck_assert_uint_eq(door.n, 1);
    suite_take_error(&door.error, VRM_ERR_UNAVAILABLE, "this controller is stopping");
    ctl_clear(&ctl);
}
END_TEST

/* ---- handlers ---------------------------------------------------------------------------------
 */

/* Clusters 1 and 2.  Hosts: 11, 12, 15 in 1; 13 in none; 14 in 2, maintaining; 16 in 2, switched
 * off; 11, 13 and 16 have a BMC.  VMs of cluster 1:
 * 21 runs on 11, 22 is stopped, 23 moves from 12 to 15, 24 is a template; VM 25 of cluster 2 is
 * stopped.  VM group 31 of cluster 1 has 21, host group 32 has 11; datastore 41; rule 61 of
 * cluster 2. */
static Host *with_bmc(Host *host)
{
    g_free(host->bmc_ip);
    host->bmc_ip = g_strdup("192.0.2.200");
    return host;
}

static void put_hosts(struct ctl *ctl)
{
    Host *asleep = with_bmc(ctl_host(16, 2));
    Host *maintained = ctl_host(14, 2);

    maintained->maintaining = true;
    asleep->status = HOST_POWEROFF;
    asleep->connected = false;
    ctl_put_host(ctl, with_bmc(ctl_host(11, 1)));
    ctl_put_host(ctl, ctl_host(12, 1));
    ctl_put_host(ctl, ctl_host(15, 1));
    ctl_put_host(ctl, with_bmc(ctl_host(13, 0)));
    ctl_put_host(ctl, asleep);
    ctl_put_host(ctl, maintained);
}

static Vm *place(Vm *vm, enum vm_status status, int64_t host_id)
{
    vm->status = status;
    vm->host_id = host_id;
    vm->host_reported = true;
    return vm;
}

static void put_vms(struct ctl *ctl)
{
    Vm *moving = place(ctl_vm(23, 1), VM_MIGRATING, 12);
    Vm *template = ctl_vm(24, 1);

    moving->target_host_id = 15;
    template->is_template = true;
    ctl_put_vm(ctl, place(ctl_vm(21, 1), VM_RUNNING, 11));
    ctl_put_vm(ctl, place(ctl_vm(22, 1), VM_STOPPED, 12));
    ctl_put_vm(ctl, moving);
    ctl_put_vm(ctl, template);
    ctl_put_vm(ctl, ctl_vm(25, 2));
}

static Group *make_group(int64_t id, enum group_type type, int64_t member)
{
    Group *group = group_new();

    group->id = id;
    group->cluster_id = 1;
    group->type = type;
    group->members = g_memdup2(&member, sizeof(member));
    group->n_members = 1;
    return group;
}

static void put_small_things(struct ctl *ctl)
{
    SnapshotBuilder *builder = inventory_edit(ctl->app.inv);
    Datastore *datastore = datastore_new();
    Task *drain = task_new();
    Rule *rule = rule_new();

    datastore->id = 41;
    snapshot_builder_put_datastore(builder, datastore);
    snapshot_builder_put_group(builder, make_group(31, GROUP_VM, 21));
    snapshot_builder_put_group(builder, make_group(32, GROUP_HOST, 11));
    rule->id = 61;
    rule->cluster_id = 2;
    snapshot_builder_put_rule(builder, rule);
    drain->id = 51;
    drain->type = TASK_EVACUATE_HOST;
    drain->status = TASK_RUNNING;
    drain->entity_kind = OBJECT_HOST;
    drain->entity_id = 14;
    snapshot_builder_put_task(builder, drain);
    inventory_publish(ctl->app.inv);
}

static void make_inventory(struct ctl *ctl)
{
    ctl_put_cluster(ctl, ctl_cluster(1));
    ctl_put_cluster(ctl, ctl_cluster(2));
    put_hosts(ctl);
    put_vms(ctl);
    put_small_things(ctl);
}

static struct op *about(enum op_kind kind, int64_t id)
{
    struct op *op = op_new(kind);

    op->id = id;
    return op;
}

/* The object as a client read it. */
static struct op *change_vm(const Snapshot *snap, int64_t id)
{
    struct op *op = about(OP_VM_UPDATE, id);

    op->vm = vm_dup(snapshot_vm(snap, id));
    return op;
}

static struct op *change_host(const Snapshot *snap, int64_t id)
{
    struct op *op = about(OP_HOST_UPDATE, id);

    op->host = host_dup(snapshot_host(snap, id));
    return op;
}

static struct op *change_cluster(const Snapshot *snap, int64_t id)
{
    struct op *op = about(OP_CLUSTER_UPDATE, id);

    op->cluster = cluster_dup(snapshot_cluster(snap, id));
    return op;
}

// clang-format off
static struct op *vm_rename(const Snapshot *s) { return change_vm(s, 21); }
static struct op *vm_old(const Snapshot *s)
{ struct op *op = change_vm(s, 21); op->vm->generation--; return op; }
static struct op *vm_grow(const Snapshot *s)
{ struct op *op = change_vm(s, 21); op->vm->memory.size_mb *= 2; return op; }
static struct op *vm_grow_cpu(const Snapshot *s)
{ struct op *op = change_vm(s, 21); op->vm->cpu.quantity++; return op; }
static struct op *vm_grow_stopped(const Snapshot *s)
{ struct op *op = change_vm(s, 22); op->vm->memory.size_mb *= 2; return op; }
static struct op *vm_other_host(const Snapshot *s)
{ struct op *op = change_vm(s, 21); op->vm->host_id = 12; op->vm->location_is_host = true; return op; }
static struct op *vm_other_cluster(const Snapshot *s)
{ struct op *op = change_vm(s, 21); op->vm->cluster_id = 2; return op; }
static struct op *vm_moving_elsewhere(const Snapshot *s)
{ struct op *op = change_vm(s, 23); op->vm->host_id = 11; return op; }
static struct op *vm_same_place(const Snapshot *s)
{ struct op *op = change_vm(s, 21); op->vm->location_is_host = true; return op; }
static struct op *vm_stopped_elsewhere(const Snapshot *s)
{ struct op *op = change_vm(s, 22); op->vm->host_id = 11; return op; }
static struct op *vm_to_template(const Snapshot *s)
{ struct op *op = change_vm(s, 21); op->vm->is_template = true; return op; }
static struct op *vm_stopped_to_template(const Snapshot *s)
{ struct op *op = change_vm(s, 22); op->vm->is_template = true; return op; }
static struct op *vm_from_template(const Snapshot *s)
{ struct op *op = change_vm(s, 24); op->vm->is_template = false; return op; }
static struct op *vm_missing(const Snapshot *s)
{ struct op *op = change_vm(s, 21); op->vm->id = 99; return op; }

static struct op *vm_new_in(const Snapshot *s, int64_t cluster_id, int64_t host_id)
{
    struct op *op = about(OP_VM_CREATE, 0);

    (void)s;
    op->vm = ctl_vm(0, cluster_id);
    op->vm->host_id = host_id;
    op->vm->location_is_host = host_id != 0;
    return op;
}
static struct op *vm_create(const Snapshot *s) { return vm_new_in(s, 1, 0); }
static struct op *vm_create_on(const Snapshot *s) { return vm_new_in(s, 0, 11); }
static struct op *vm_create_nowhere(const Snapshot *s) { return vm_new_in(s, 9, 0); }
static struct op *vm_create_on_missing(const Snapshot *s) { return vm_new_in(s, 0, 99); }
static struct op *vm_create_on_loner(const Snapshot *s) { return vm_new_in(s, 0, 13); }
static struct op *vm_create_with(const Snapshot *s, int64_t datastore, const char *path)
{
    struct op *op = vm_new_in(s, 1, 0);
    struct vm_disk *disk = vm_add_disk(op->vm);

    disk->datastore_id = datastore;
    g_free(disk->path);
    disk->path = g_strdup(path);
    return op;
}
static struct op *vm_create_disk(const Snapshot *s) { return vm_create_with(s, 41, "a.img"); }
static struct op *vm_create_no_store(const Snapshot *s) { return vm_create_with(s, 49, ""); }
static struct op *vm_create_climbs(const Snapshot *s) { return vm_create_with(s, 41, "../a"); }
static struct op *vm_create_hidden(const Snapshot *s) { return vm_create_with(s, 41, ".a"); }

static struct op *vm_start_missing(const Snapshot *s) { (void)s; return about(OP_VM_START, 99); }
static struct op *vm_start_running(const Snapshot *s) { (void)s; return about(OP_VM_START, 21); }
static struct op *vm_start_template(const Snapshot *s) { (void)s; return about(OP_VM_START, 24); }
static struct op *vm_start(const Snapshot *s) { (void)s; return about(OP_VM_START, 22); }
static struct op *vm_start_no_host(const Snapshot *s) { (void)s; return about(OP_VM_START, 25); }
static struct op *vm_stop_stopped(const Snapshot *s) { (void)s; return about(OP_VM_STOP, 22); }
static struct op *vm_stop(const Snapshot *s) { (void)s; return about(OP_VM_STOP, 21); }
static struct op *vm_delete_running(const Snapshot *s) { (void)s; return about(OP_VM_DELETE, 21); }
static struct op *vm_delete_template(const Snapshot *s) { (void)s; return about(OP_VM_DELETE, 24); }
static struct op *vm_migrate_to(int64_t id, int64_t host_id)
{ struct op *op = about(OP_VM_MIGRATE, id); op->target_host_id = host_id; return op; }
static struct op *vm_migrate(const Snapshot *s) { (void)s; return vm_migrate_to(21, 12); }
static struct op *vm_migrate_any(const Snapshot *s) { (void)s; return vm_migrate_to(21, 0); }
static struct op *vm_migrate_home(const Snapshot *s) { (void)s; return vm_migrate_to(21, 11); }
static struct op *vm_migrate_far(const Snapshot *s) { (void)s; return vm_migrate_to(21, 14); }
static struct op *vm_migrate_to_other_cluster(const Snapshot *s)
{ struct op *op = vm_migrate(s); op->target_host_id = 0; op->target_cluster_id = 2; return op; }
static struct op *vm_migrate_stopped(const Snapshot *s) { (void)s; return vm_migrate_to(22, 11); }

static struct op *host_add_at(const char *ip, int64_t port, int64_t cluster_id)
{
    struct op *op = about(OP_HOST_ADD, 0);

    op->host = ctl_host(0, cluster_id);
    g_free(op->host->ip);
    op->host->ip = g_strdup(ip);
    op->host->port = port;
    return op;
}
static struct op *host_add(const Snapshot *s) { (void)s; return host_add_at("192.0.2.99", 0, 1); }
static struct op *host_add_twice(const Snapshot *s) { (void)s; return host_add_at("192.0.2.11", 0, 1); }
static struct op *host_add_port(const Snapshot *s) { (void)s; return host_add_at("192.0.2.11", 7445, 1); }
static struct op *host_add_nowhere(const Snapshot *s) { (void)s; return host_add_at("192.0.2.99", 0, 9); }
static struct op *host_rename(const Snapshot *s) { return change_host(s, 11); }
static struct op *host_old(const Snapshot *s)
{ struct op *op = change_host(s, 11); op->host->generation--; return op; }
static struct op *host_missing(const Snapshot *s)
{ struct op *op = change_host(s, 11); op->host->id = 99; return op; }
static struct op *host_taken(const Snapshot *s)
{ struct op *op = change_host(s, 13); g_free(op->host->ip); op->host->ip = g_strdup("192.0.2.11"); return op; }
static struct op *host_leaves(const Snapshot *s)
{ struct op *op = change_host(s, 11); op->host->cluster_id = 2; return op; }
static struct op *host_target_leaves(const Snapshot *s)
{ struct op *op = change_host(s, 15); op->host->cluster_id = 0; return op; }
static struct op *host_empty_leaves(const Snapshot *s)
{ struct op *op = change_host(s, 13); op->host->cluster_id = 2; return op; }
static struct op *host_delete_busy(const Snapshot *s) { (void)s; return about(OP_HOST_DELETE, 11); }
static struct op *host_delete(const Snapshot *s) { (void)s; return about(OP_HOST_DELETE, 13); }
static struct op *host_delete_missing(const Snapshot *s) { (void)s; return about(OP_HOST_DELETE, 99); }
static struct op *host_enter(const Snapshot *s) { (void)s; return about(OP_HOST_ENTER_MAINT, 11); }
static struct op *host_enter_again(const Snapshot *s) { (void)s; return about(OP_HOST_ENTER_MAINT, 14); }
static struct op *host_exit(const Snapshot *s) { (void)s; return about(OP_HOST_EXIT_MAINT, 14); }
static struct op *host_exit_again(const Snapshot *s) { (void)s; return about(OP_HOST_EXIT_MAINT, 11); }
static struct op *host_enter_missing(const Snapshot *s) { (void)s; return about(OP_HOST_ENTER_MAINT, 99); }
static struct op *host_drain(const Snapshot *s) { (void)s; return about(OP_HOST_EVACUATE, 11); }
static struct op *host_drain_again(const Snapshot *s) { (void)s; return about(OP_HOST_EVACUATE, 14); }
static struct op *host_drain_missing(const Snapshot *s) { (void)s; return about(OP_HOST_EVACUATE, 99); }

static struct op *power_off(const Snapshot *s) { (void)s; return about(OP_HOST_POWER_OFF, 13); }
static struct op *power_off_busy(const Snapshot *s) { (void)s; return about(OP_HOST_POWER_OFF, 11); }
static struct op *power_off_no_bmc(const Snapshot *s) { (void)s; return about(OP_HOST_POWER_OFF, 12); }
static struct op *power_off_again(const Snapshot *s) { (void)s; return about(OP_HOST_POWER_OFF, 16); }
static struct op *power_on(const Snapshot *s) { (void)s; return about(OP_HOST_POWER_ON, 16); }
static struct op *power_on_again(const Snapshot *s) { (void)s; return about(OP_HOST_POWER_ON, 13); }
static struct op *power_missing(const Snapshot *s) { (void)s; return about(OP_HOST_POWER_ON, 99); }

static struct op *cluster_create(const Snapshot *s)
{ struct op *op = about(OP_CLUSTER_CREATE, 0); (void)s; op->cluster = ctl_cluster(0); return op; }
static struct op *cluster_rename(const Snapshot *s) { return change_cluster(s, 1); }
static struct op *cluster_old(const Snapshot *s)
{ struct op *op = change_cluster(s, 1); op->cluster->generation--; return op; }
static struct op *cluster_missing(const Snapshot *s)
{ struct op *op = change_cluster(s, 1); op->id = 99; return op; }
static struct op *cluster_rule(const Snapshot *s, enum rule_operation operation, int64_t id)
{
    struct op *op = change_cluster(s, 1);

    op->rules = g_new0(struct rule_change, 1);
    op->n_rules = 1;
    op->rules[0] = (struct rule_change){ operation, rule_new() };
    op->rules[0].rule->id = id;
    return op;
}
static struct op *cluster_drops_no_rule(const Snapshot *s) { return cluster_rule(s, RULE_DELETE, 7); }
static struct op *cluster_drops_far_rule(const Snapshot *s) { return cluster_rule(s, RULE_DELETE, 61); }
static struct op *cluster_changes_no_rule(const Snapshot *s) { return cluster_rule(s, RULE_MODIFY, 7); }
static struct op *cluster_override(const Snapshot *s, int64_t vm_id)
{
    struct op *op = change_cluster(s, 1);

    op->overrides = g_new0(struct vm_override, 1);
    op->n_overrides = 1;
    op->overrides[0] = (struct vm_override){ vm_id, DRS_BEHAVIOR_MANUAL };
    return op;
}
static struct op *cluster_overrides(const Snapshot *s) { return cluster_override(s, 21); }
static struct op *cluster_overrides_none(const Snapshot *s) { return cluster_override(s, 99); }
static struct op *cluster_overrides_other(const Snapshot *s) { return cluster_override(s, 25); }
static struct op *cluster_delete_hosts(const Snapshot *s) { (void)s; return about(OP_CLUSTER_DELETE, 1); }
static struct op *cluster_delete_missing(const Snapshot *s) { (void)s; return about(OP_CLUSTER_DELETE, 9); }

static struct op *group_make(enum op_kind kind, int64_t id, int64_t cluster_id, enum group_type type, int64_t member)
{
    struct op *op = about(kind, id);

    op->group = make_group(id, type, member);
    op->group->cluster_id = cluster_id;
    return op;
}
static struct op *group_create(const Snapshot *s) { (void)s; return group_make(OP_GROUP_CREATE, 0, 1, GROUP_VM, 22); }
static struct op *group_create_hosts(const Snapshot *s) { (void)s; return group_make(OP_GROUP_CREATE, 0, 1, GROUP_HOST, 12); }
static struct op *group_nowhere(const Snapshot *s) { (void)s; return group_make(OP_GROUP_CREATE, 0, 9, GROUP_VM, 22); }
static struct op *group_no_vm(const Snapshot *s) { (void)s; return group_make(OP_GROUP_CREATE, 0, 1, GROUP_VM, 99); }
static struct op *group_no_host(const Snapshot *s) { (void)s; return group_make(OP_GROUP_CREATE, 0, 1, GROUP_HOST, 99); }
static struct op *group_far_vm(const Snapshot *s) { (void)s; return group_make(OP_GROUP_CREATE, 0, 1, GROUP_VM, 25); }
static struct op *group_far_host(const Snapshot *s) { (void)s; return group_make(OP_GROUP_CREATE, 0, 1, GROUP_HOST, 14); }
static struct op *group_update(const Snapshot *s) { (void)s; return group_make(OP_GROUP_UPDATE, 31, 1, GROUP_VM, 22); }
static struct op *group_update_far(const Snapshot *s) { (void)s; return group_make(OP_GROUP_UPDATE, 31, 1, GROUP_VM, 25); }
static struct op *group_missing(const Snapshot *s) { (void)s; return group_make(OP_GROUP_UPDATE, 39, 1, GROUP_VM, 22); }
static struct op *group_old(const Snapshot *s)
{ struct op *op = group_update(s); op->group->generation--; return op; }
static struct op *group_delete(const Snapshot *s) { (void)s; return about(OP_GROUP_DELETE, 31); }
static struct op *group_delete_missing(const Snapshot *s) { (void)s; return about(OP_GROUP_DELETE, 39); }
static struct op *datastore_create(const Snapshot *s)
{ struct op *op = about(OP_DATASTORE_CREATE, 0); (void)s; op->datastore = datastore_new(); return op; }
static struct op *datastore_delete(const Snapshot *s) { (void)s; return about(OP_DATASTORE_DELETE, 41); }
static struct op *datastore_missing(const Snapshot *s) { (void)s; return about(OP_DATASTORE_DELETE, 49); }

static struct op *drs_refresh_missing(const Snapshot *s) { (void)s; return about(OP_DRS_REFRESH, 9); }
static struct op *task_cancel_missing(const Snapshot *s) { (void)s; return about(OP_TASK_CANCEL, 9); }
static struct op *task_wait_missing(const Snapshot *s) { (void)s; return about(OP_TASK_WAIT, 9); }

#define FINE VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL, "does not lead now"

static const struct {
    struct op *(*make)(const Snapshot *snap);
    enum vrm_err code;
    int reason;
    const char *field, *says;
} rows[] = {
    { vm_rename, FINE },
    { vm_old, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, NULL, "vm21 was changed by somebody else" },
    { vm_missing, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL, "VM i-00000063 does not exist" },
    { vm_grow, VRM_ERR_CONFLICT, REASON_VM_STATE, "memory.quantityMB", "VM vm21 is running" },
    { vm_grow_cpu, VRM_ERR_CONFLICT, REASON_VM_STATE, "cpu.quantity", "only while it is stopped" },
    { vm_grow_stopped, FINE },
    { vm_other_host, VRM_ERR_CONFLICT, REASON_VM_STATE, "location", "VM vm21 is running: its location" },
    { vm_other_cluster, VRM_ERR_CONFLICT, REASON_VM_STATE, "location", "only while it is stopped" },
    { vm_moving_elsewhere, VRM_ERR_CONFLICT, REASON_VM_STATE, "location", "VM vm23 is migrating" },
    { vm_same_place, FINE },
    { vm_stopped_elsewhere, FINE },
    { vm_to_template, VRM_ERR_CONFLICT, REASON_VM_STATE, "isTemplate", "VM vm21 is running" },
    { vm_stopped_to_template, FINE },
    { vm_from_template, FINE },
    { vm_create, FINE },
    { vm_create_on, FINE },
    { vm_create_nowhere, VRM_ERR_NOT_FOUND, REASON_CLUSTER_MISSING, NULL, "cluster 9 does not exist" },
    { vm_create_on_missing, VRM_ERR_NOT_FOUND, REASON_HOST_MISSING, NULL, "host 99 does not exist" },
    { vm_create_on_loner, VRM_ERR_INVALID, REASON_VM_BAD_LOCATION, "location", "in no cluster" },
    { vm_create_disk, FINE },
    { vm_create_no_store, VRM_ERR_NOT_FOUND, REASON_DATASTORE_MISSING, "vmConfig.disks.datastoreUrn", "datastore 49 does not exist" },
    { vm_create_climbs, VRM_ERR_INVALID, REASON_MALFORMED, "vmConfig.disks.volumeUrl", "volumeUrl = '../a'" },
    { vm_create_hidden, VRM_ERR_INVALID, REASON_MALFORMED, "vmConfig.disks.volumeUrl", "plain name" },
    { vm_start, FINE },
    { vm_start_missing, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL, "VM i-00000063 does not exist" },
    { vm_start_running, VRM_ERR_CONFLICT, REASON_VM_ALREADY_RUNNING, NULL, "VM vm21 is running" },
    { vm_start_template, VRM_ERR_CONFLICT, REASON_VM_STATE, NULL, "vm24 is a template" },
    { vm_start_no_host, VRM_ERR_CONFLICT, 0, NULL, "cna14" },
    { vm_stop, FINE },
    { vm_stop_stopped, VRM_ERR_CONFLICT, REASON_VM_ALREADY_STOPPED, NULL, "VM vm22 is stopped" },
    { vm_delete_running, VRM_ERR_CONFLICT, REASON_VM_STATE, NULL, "VM vm21 is running" },
    { vm_delete_template, FINE },
    { vm_migrate, FINE },
    { vm_migrate_any, FINE },
    { vm_migrate_home, VRM_ERR_INVALID, REASON_VM_SAME_HOST, "location", "cna11" },
    { vm_migrate_far, VRM_ERR_CONFLICT, 0, "location", "cna14" },
    { vm_migrate_to_other_cluster, VRM_ERR_CONFLICT, REASON_HOST_NOT_IN_CLUSTER, "location",
      "belongs to cluster" },
    { vm_migrate_stopped, VRM_ERR_CONFLICT, REASON_VM_STATE, NULL, "VM vm22 is stopped" },

    { host_add, FINE },
    { host_add_twice, VRM_ERR_CONFLICT, REASON_HOST_IP_TAKEN, "ip", "host cna11 already has address 192.0.2.11" },
    { host_add_port, FINE },
    { host_add_nowhere, VRM_ERR_NOT_FOUND, REASON_CLUSTER_MISSING, NULL, "cluster 9 does not exist" },
    { host_rename, FINE },
    { host_old, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, NULL, "cna11 was changed by somebody else" },
    { host_missing, VRM_ERR_NOT_FOUND, REASON_HOST_MISSING, NULL, "host 99 does not exist" },
    { host_taken, VRM_ERR_CONFLICT, REASON_HOST_IP_TAKEN, "ip", "host cna11 already has" },
    { host_leaves, VRM_ERR_CONFLICT, REASON_HOST_HAS_VMS, NULL, "VM vm21 is on host cna11" },
    { host_target_leaves, VRM_ERR_CONFLICT, REASON_HOST_HAS_VMS, NULL, "VM vm23 is on host cna15" },
    { host_empty_leaves, FINE },
    { host_delete, FINE },
    { host_delete_busy, VRM_ERR_CONFLICT, REASON_HOST_HAS_VMS, NULL, "move it away or stop it first" },
    { host_delete_missing, VRM_ERR_NOT_FOUND, REASON_HOST_MISSING, NULL, "host 99 does not exist" },
    { host_enter, FINE },
    { host_enter_again, VRM_ERR_CONFLICT, REASON_HOST_ALREADY_MAINTAINING, NULL, "host cna14 is already in maintenance" },
    { host_exit, FINE },
    { host_exit_again, VRM_ERR_CONFLICT, REASON_HOST_NOT_MAINTAINING, NULL, "host cna11 is not in maintenance" },
    { host_enter_missing, VRM_ERR_NOT_FOUND, REASON_HOST_MISSING, NULL, "host 99 does not exist" },
    { host_drain, VRM_ERR_CONFLICT, REASON_HOST_EVACUATE_NEEDS_MAINTENANCE, NULL, "enter it first" },
    { host_drain_again, VRM_ERR_BUSY, REASON_HOST_SAME_OPERATION, NULL, "by task 51" },
    { host_drain_missing, VRM_ERR_NOT_FOUND, REASON_HOST_MISSING, NULL, "host 99 does not exist" },

    { power_off, FINE },
    { power_off_busy, VRM_ERR_CONFLICT, REASON_HOST_POWER_HAS_VMS, NULL, "VM vm21 is on host cna11" },
    { power_off_no_bmc, VRM_ERR_INVALID, REASON_HOST_NO_BMC, "bmcIp", "host cna12 has no BMC" },
    { power_off_again, VRM_ERR_CONFLICT, REASON_HOST_ALREADY_OFF, NULL, "host cna16 is off already" },
    { power_on, FINE },
    { power_on_again, VRM_ERR_CONFLICT, REASON_HOST_STATE, NULL, "host cna13 is on already" },
    { power_missing, VRM_ERR_NOT_FOUND, REASON_HOST_MISSING, NULL, "host 99 does not exist" },

    { cluster_create, FINE },
    { cluster_rename, FINE },
    { cluster_old, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, NULL, "cluster1 was changed by somebody" },
    { cluster_missing, VRM_ERR_NOT_FOUND, REASON_CLUSTER_MISSING, NULL, "cluster 99 does not exist" },
    { cluster_drops_no_rule, VRM_ERR_NOT_FOUND, REASON_RULE_MISSING, "ruleIndex", "rule 7 does not exist in this cluster" },
    { cluster_drops_far_rule, VRM_ERR_NOT_FOUND, REASON_RULE_MISSING, "ruleIndex", "rule 61 does not exist in this cluster" },
    { cluster_changes_no_rule, VRM_ERR_NOT_FOUND, REASON_RULE_MISSING, "ruleIndex", "rule 7 does not exist in this cluster" },
    { cluster_overrides, FINE },
    { cluster_overrides_none, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL, "does not exist" },
    { cluster_overrides_other, VRM_ERR_INVALID, REASON_RULE_VM_NOT_IN_CLUSTER, "drsVmConfig", "VM vm25 is not in this cluster" },
    { cluster_delete_hosts, VRM_ERR_CONFLICT, REASON_CLUSTER_HAS_HOSTS, NULL, "still has host cna11" },
    { cluster_delete_missing, VRM_ERR_NOT_FOUND, REASON_CLUSTER_MISSING, NULL, "cluster 9 does not exist" },

    { group_create, FINE },
    { group_create_hosts, FINE },
    { group_nowhere, VRM_ERR_NOT_FOUND, REASON_CLUSTER_MISSING, NULL, "cluster 9 does not exist" },
    { group_no_vm, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL, "does not exist" },
    { group_no_host, VRM_ERR_NOT_FOUND, REASON_HOST_MISSING, NULL, "host 99 does not exist" },
    { group_far_vm, VRM_ERR_INVALID, REASON_RULE_VM_NOT_IN_CLUSTER, "groupMembers", "vm25 is not in this cluster" },
    { group_far_host, VRM_ERR_INVALID, REASON_HOST_NOT_IN_CLUSTER, "groupMembers", "cna14 is not in this cluster" },
    { group_update, FINE },
    { group_update_far, VRM_ERR_INVALID, REASON_RULE_VM_NOT_IN_CLUSTER, "groupMembers", "vm25" },
    { group_missing, VRM_ERR_NOT_FOUND, REASON_OBJECT_MISSING, NULL, "resource group 39 does not exist" },
    { group_old, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, NULL, "was changed by somebody else" },
    { group_delete, FINE },
    { group_delete_missing, VRM_ERR_NOT_FOUND, REASON_OBJECT_MISSING, NULL, "resource group 39 does not exist" },
    { datastore_create, FINE },
    { datastore_delete, FINE },
    { datastore_missing, VRM_ERR_NOT_FOUND, REASON_DATASTORE_MISSING, NULL, "datastore 49 does not exist" },
    { drs_refresh_missing, VRM_ERR_NOT_FOUND, REASON_CLUSTER_MISSING, NULL, "cluster 9 does not exist" },
    { task_cancel_missing, VRM_ERR_NOT_FOUND, REASON_TASK_MISSING, NULL, "task 9" },
    { task_wait_missing, VRM_ERR_NOT_FOUND, REASON_TASK_MISSING, NULL, "task 9 does not exist" },
};
// clang-format on

static void check_same_vm(const Vm *before, const Vm *after)
{
    ck_assert_int_eq(before->id, after->id);
    ck_assert_int_eq(before->generation, after->generation);
    ck_assert_int_eq(before->status, after->status);
    ck_assert_int_eq(before->host_id, after->host_id);
    ck_assert_int_eq(before->run_gen, after->run_gen);
    ck_assert_int_eq(after->task_id, 0);
}

static void check_unchanged(const Snapshot *before, const Snapshot *after)
{
    ck_assert_uint_eq(after->n_hosts, before->n_hosts);
    ck_assert_uint_eq(after->n_vms, before->n_vms);
    ck_assert_uint_eq(after->n_tasks, before->n_tasks);
    for (size_t i = 0; i < before->n_vms; i++)
        check_same_vm(before->vms[i], after->vms[i]);
    for (size_t i = 0; i < before->n_hosts; i++)
        ck_assert_ptr_eq(before->hosts[i], after->hosts[i]);
    for (size_t i = 0; i < before->n_clusters; i++)
        ck_assert_ptr_eq(before->clusters[i], after->clusters[i]);
}

START_TEST(each_wrong_operation_is_refused_with_its_reason_and_changes_nothing)
{
    struct ctl ctl;
    struct op_result result;
    g_autoptr(Snapshot) before = NULL;

    ctl_init(&ctl, NULL);
    make_inventory(&ctl);
    before = inventory_snapshot(ctl.app.inv);
    result = ctl_call(&ctl, rows[_i].make(before));
    ck_assert_ptr_nonnull(result.error);
    if (rows[_i].reason)
        ck_assert_int_eq(err_reason(result.error), rows[_i].reason);
    ck_assert_pstr_eq(err_field(result.error), rows[_i].field);
    suite_take_error(&result.error, rows[_i].code, rows[_i].says);
    ck_assert_int_eq(result.task_id, 0);
    check_unchanged(before, inventory_peek(ctl.app.inv));
    for (int64_t id = 21; id <= 25; id++)
        ck_assert(!tasks_vm_is_held(ctl.app.tasks, id));
    op_result_clear(&result);
    ctl_clear(&ctl);
}
END_TEST

SUITE_MAIN("call", SUITE_TEST(each_operation_has_a_handler),
           SUITE_TEST(a_standby_and_a_stopping_controller_answer_every_operation_with_a_refusal),
           SUITE_LOOP(each_wrong_operation_is_refused_with_its_reason_and_changes_nothing, rows))
