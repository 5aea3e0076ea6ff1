/* on_vm.c - VMs: create, change, and every verb that is a task. */
#include "config.h"

#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "controller/call.h"
#include "controller/task.h"
#include "controller/vm_after.h"
#include "controller/vm_grow.h"
#include "controller/vm_mac.h"
#include "controller/vm_order.h"
#include "controller/vm_owed.h"
#include "model/reason.h"

/* ---- create -----------------------------------------------------------------------------------
 */

static void replace(char **field, char *value)
{
    g_free(*field);
    *field = value;
}

/* The name of a file in the datastore: given (alone or with the datastore's path, as a GET shows
 * it), or <vm uuid>-<n>.img. */
static char *file_name(const Vm *vm, const struct vm_disk *disk, const Datastore *datastore)
{
    size_t len = strlen(datastore->path);

    if (!*disk->path)
        return g_strdup_printf("%s-%" G_GINT64_FORMAT ".img", vm->uuid, disk->sequence);
    if (g_str_has_prefix(disk->path, datastore->path) && disk->path[len] == '/')
        return g_strdup(disk->path + len + 1);
    return g_strdup(disk->path);
}

static bool place_disk(const struct call *call, const Vm *vm, struct vm_disk *disk, GError **error)
{
    const Datastore *datastore =
        snapshot_builder_get_datastore(inventory_edit(call->app->inv), disk->datastore_id);
    g_autofree char *name = NULL;

    if (!datastore) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_DATASTORE_MISSING,
                       "vmConfig.disks.datastoreUrn",
                       "datastore %" G_GINT64_FORMAT " does not exist", disk->datastore_id);
        return false;
    }
    name = file_name(vm, disk, datastore);
    if (strchr(name, '/') || g_str_has_prefix(name, ".")) {
        err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "vmConfig.disks.volumeUrl",
                       "volumeUrl = '%s': want the plain name of a file in datastore %s", name,
                       datastore->name);
        return false;
    }
    replace(&disk->path, g_build_filename(datastore->path, name, NULL));
    return true; /* that no other VM has the file is the database's to say */
}

static bool check_location(const struct call *call, Vm *vm, GError **error)
{
    const Host *host;

    if (vm->location_is_host) {
        host = call_host(call, vm->host_id, error);
        if (!host)
            return false;
        vm->cluster_id = host->cluster_id;
    }
    if (vm->cluster_id == 0) {
        err_set_reason(error, VRM_ERR_INVALID, REASON_VM_BAD_LOCATION, "location",
                       "the host is in no cluster; VMs need one");
        return false;
    }
    return call_cluster(call, vm->cluster_id, error) != NULL;
}

static bool complete_vm(const struct call *call, Vm *vm, GError **error)
{
    vm->id = 0;
    if (!*vm->uuid)
        replace(&vm->uuid, g_uuid_string_random());
    if (!check_location(call, vm, error) ||
        !vm_after_check(inventory_peek(call->app->inv), vm, error))
        return false;
    for (size_t i = 0; i < vm->n_disks; i++) {
        if (!place_disk(call, vm, &vm->disks[i], error))
            return false;
    }
    vm_mac_fill(inventory_peek(call->app->inv), rng_secret, vm);
    return true;
}

struct vm_order_reply {
    struct call *call;
    Vm *created; /* NULL: an order about an existing VM */
};

static void ordered(int64_t task_id, const GError *error, void *user)
{
    g_autofree struct vm_order_reply *reply = user;
    g_autoptr(Vm) created = reply->created;

    if (error)
        call_fail(reply->call, error);
    else
        call_task(reply->call, task_id, created ? created->id : 0);
}

static struct vm_order_reply *reply_to(struct call *call, Vm *created)
{
    struct vm_order_reply *reply = g_new(struct vm_order_reply, 1);

    *reply = (struct vm_order_reply){ call, created };
    return reply;
}

void on_vm_create(struct call *call)
{
    const struct op *op = call->op;
    g_autoptr(GError) error = NULL;

    inventory_publish(call->app->inv);
    if (!complete_vm(call, op->vm, &error)) {
        call_fail(call, error);
        return;
    }
    vm_order_create(call->app, vm_ref(op->vm), op->auto_start,
                    &(struct vm_order){ .type = TASK_CREATE_VM,
                                        .user = op->user,
                                        .address = op->address,
                                        .request_id = op->request_id },
                    ordered, reply_to(call, vm_ref(op->vm)));
}

/* ---- what is written at once --------------------------------------------------------------------
 */

struct modify {
    struct call *call;
    Task *task;
    bool ends_start; /* that was owed */
    bool has_turn;   /* between orders, which this write ends */
};

static void modified(const GError *error, void *user)
{
    g_autofree struct modify *modify = user;

    if (modify->has_turn)
        vm_order_turn_over(modify->call->app);
    if (modify->ends_start)
        owed_end(modify->call->app->owed, modify->call->op->vm->id, false);
    if (error)
        call_fail(modify->call, error);
    else
        call_task(modify->call, modify->task->id, 0);
}

/* autoBoot false: its start, if it still waits, is called off with the change. */
static bool end_start(const struct call *call, Vm *vm)
{
    Owed *owed = call->app->owed;

    if (call->op->auto_start || vm->run_gen != 0 || !owed_waits(owed, vm->id))
        return false;
    vm->run_gen++;
    owed_end(owed, vm->id, true);
    return true;
}

/* type: of the finished task that tells of it; has_turn: as struct modify. */
static void write_change(struct call *call, enum task_type type, bool has_turn)
{
    Vm *vm = call->op->vm;
    Commit *commit;
    struct modify *modify;
    g_autofree char *key = g_strdup_printf("vm:%" G_GINT64_FORMAT, vm->id);

    modify = g_new(struct modify, 1);
    modify->call = call;
    modify->has_turn = has_turn;
    modify->ends_start = end_start(call, vm);
    commit = commit_new(&call->app->committer);
    commit_put_vm(commit, vm_ref(vm));
    modify->task = call_finished_task(call, commit, type, OBJECT_VM, vm->name, &vm->id);
    call_audit(call, commit, vm->name, &modify->task->id);
    commit_submit(commit, key, modified, modify);
}

/* ---- verbs ------------------------------------------------------------------------------------
 */

static enum task_type task_of(enum op_kind kind)
{
    static const struct {
        enum op_kind kind;
        enum task_type type;
    } table[] = {
        { OP_VM_DELETE, TASK_DELETE_VM },   { OP_VM_START, TASK_START_VM },
        { OP_VM_STOP, TASK_STOP_VM },       { OP_VM_REBOOT, TASK_REBOOT_VM },
        { OP_VM_PAUSE, TASK_PAUSE_VM },     { OP_VM_RESUME, TASK_RESUME_VM },
        { OP_VM_MIGRATE, TASK_MIGRATE_VM },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        if (table[i].kind == kind)
            return table[i].type;
    }
    g_assert_not_reached();
}

/* "Some host of this cluster": only the VM's own has any that it may go to. */
static bool check_target_cluster(const struct call *call, GError **error)
{
    int64_t wanted = call->op->target_cluster_id;
    const Vm *vm = wanted ? call_vm(call, call->op->id, error) : NULL;
    const Cluster *own, *other;

    if (!wanted || (vm && vm->cluster_id == wanted))
        return true;
    own = vm ? call_cluster(call, vm->cluster_id, error) : NULL;
    other = own ? call_cluster(call, wanted, error) : NULL;
    if (other)
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_NOT_IN_CLUSTER, "location",
                       "VM %s belongs to cluster %s and cannot migrate to cluster %s; stop it and "
                       "change its location",
                       vm->name, own->name, other->name);
    return false;
}

/* A VM that waits for its first start is stopped by not starting it.  What is owed ends a moment
 * after the VM: it may be gone. */
static void stop_waiting(struct call *call)
{
    g_autoptr(GError) error = NULL;
    const Vm *current = call_vm(call, call->op->id, &error);

    if (!current || !tasks_check_vm_free(call->app->tasks, current->id, &error)) {
        call_fail(call, error);
        return;
    }
    vm_unref(call->op->vm);
    call->op->vm = vm_dup(current);
    call->op->auto_start = false;
    write_change(call, TASK_STOP_VM, false);
}

void on_vm_order(struct call *call)
{
    const struct op *op = call->op;
    g_autoptr(GError) error = NULL;

    if (!check_target_cluster(call, &error)) {
        call_fail(call, error);
        return;
    }
    if (op->kind == OP_VM_STOP && owed_waits(call->app->owed, op->id)) {
        stop_waiting(call);
        return;
    }
    vm_order(call->app, op->id,
             &(struct vm_order){ .type = task_of(op->kind),
                                 .user = op->user,
                                 .address = op->address,
                                 .request_id = op->request_id,
                                 .why = NULL,
                                 .target_host_id = op->target_host_id,
                                 .force = op->force,
                                 .format_disks = !op->keep_disks,
                                 .bind = op->bind_target },
             ordered, reply_to(call, NULL));
}

/* ---- change -----------------------------------------------------------------------------------
 */

/* What of the change needs the VM to be stopped: CPU and memory of a VM that is on a host cannot
 * change under it; its host changes by migration only, or the VM could be started a second time;
 * and a template never runs.  NULL: nothing. */
static const char *needs_stop(const Vm *vm, const Vm *current, const char **ret_field)
{
    const struct {
        bool changed;
        const char *field, *what;
    } table[] = {
        { vm->memory.size_mb != current->memory.size_mb, "memory.quantityMB", "memory" },
        { vm->cpu.quantity != current->cpu.quantity, "cpu.quantity", "CPUs" },
        { vm->cpu.cores_per_socket != current->cpu.cores_per_socket, "cpu.coresPerSocket", "CPUs" },
        { vm->host_id != current->host_id || vm->cluster_id != current->cluster_id, "location",
          "location" },
        { !g_str_equal(vm->devices, current->devices), "gpu", "devices" },
        { vm->is_template && !current->is_template, "isTemplate", "use as a template" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        if (!table[i].changed)
            continue;
        *ret_field = table[i].field;
        return table[i].what;
    }
    return NULL;
}

static bool check_change(const Vm *vm, const Vm *current, GError **error)
{
    const char *field = NULL;
    const char *what = needs_stop(vm, current, &field);

    if (!what || current->status == VM_STOPPED)
        return true;
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_VM_STATE, field,
                   "VM %s is %s: its %s can be changed only while it is stopped", current->name,
                   vm_status_name(current->status), what);
    return false;
}

/* Only a new order is looked at: an old one may not be in the way of other changes. */
static bool check_order(const struct call *call, const Vm *vm, const Vm *current, GError **error)
{
    return vm->start_after_id == current->start_after_id ||
           vm_after_check(inventory_peek(call->app->inv), vm, error);
}

/* ---- a running VM that is to have more --------------------------------------------------------
 */

static void write_growth(struct call *call)
{
    write_change(call, TASK_MODIFY_VM, true); /* of a VM that changed: refused by its generation */
}

static bool is_more(const Vm *vm, const Vm *current)
{
    return vm_is_placed(current) && (vm->memory.size_mb > current->memory.size_mb ||
                                     vm->cpu.quantity > current->cpu.quantity ||
                                     vm->cpu.reservation_mhz > current->cpu.reservation_mhz ||
                                     vm->memory.reservation_mb > current->memory.reservation_mb);
}

void on_vm_update(struct call *call)
{
    const Vm *vm = call->op->vm;
    const Vm *current;
    g_autoptr(GError) error = NULL;

    inventory_publish(call->app->inv);
    current = call_vm(call, vm->id, &error);
    if (!current || !call_is_current(vm->generation, current->generation, current->name, &error) ||
        !check_change(vm, current, &error) || !check_order(call, vm, current, &error))
        call_fail(call, error);
    else if (is_more(vm, current))
        vm_grow(call, write_growth);
    else
        write_change(call, TASK_MODIFY_VM, false);
}
