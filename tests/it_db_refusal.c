/* it_db_refusal.c - what PostgreSQL itself refuses, in the words of whoever asked for it. */
#include "config.h"

#include "base/text.h"
#include "db/store_cluster.h"
#include "db/store_host.h"
#include "db/store_rule.h"
#include "db/store_user.h"
#include "db/store_vm.h"
#include "model/reason.h"
#include "tests/db_world.h"

static bool second_cluster(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    g_autoptr(Cluster) cluster = make_cluster("c1");

    return store_cluster_insert(db, cluster, error);
}

static bool second_host_name(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    g_autoptr(Host) host = make_host("h1", 0);

    return store_host_insert(db, host, error);
}

static bool second_host_address(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    g_autoptr(Host) host = make_host("h2", 0);

    return store_host_insert(db, host, error);
}

static bool host_without_cluster(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    g_autoptr(Host) host = make_host("h2", 9999);

    text_set(&host->ip, "10.0.0.2");
    return store_host_insert(db, host, error);
}

static bool vm_with_bad_uuid(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Vm) vm = make_vm("v2", world->cluster->id, 0);

    text_set(&vm->uuid, "no-uuid");
    return store_vm_insert(db, vm, error);
}

static bool vm_with_taken_mac(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Vm) vm = make_vm("v2", world->cluster->id, 0);

    add_nic(vm, 0, "52:54:00:00:00:01");
    return store_vm_insert(db, vm, error);
}

static bool vm_with_taken_file(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Vm) vm = make_vm("v2", world->cluster->id, 0);

    add_disk(vm, 1, "/b.qcow2");
    return store_vm_insert(db, vm, error);
}

static bool vm_with_a_file_twice(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Vm) vm = make_vm("v2", world->cluster->id, 0);

    add_disk(vm, 1, "/c.qcow2");
    add_disk(vm, 2, "/c.qcow2");
    return store_vm_insert(db, vm, error);
}

static bool volume_renamed_to_a_taken_file(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Vm) vm = vm_dup(world->vm);

    text_set(&vm->disks[0].path, "/b.qcow2");
    return store_vm_update(db, vm, error);
}

static bool bound_to_no_host(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Vm) vm = make_vm("v2", world->cluster->id, 0);

    vm->binding_host = true;
    return store_vm_insert(db, vm, error);
}

static bool foreign_rule_member(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Cluster) other = make_cluster("other");
    g_autoptr(Rule) rule = rule_new();

    if (!store_cluster_insert(db, other, error))
        return false;
    rule->cluster_id = other->id;
    text_set(&rule->name, "r");
    rule->vms = one_id(world->vm->id);
    rule->n_vms = 1;
    return store_rule_insert(db, rule, error);
}

static bool vm_on_missing_datastore(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Vm) vm = make_vm("v2", world->cluster->id, 0);

    add_disk(vm, 1, "/d.qcow2");
    vm->disks[0].datastore_id = 999;
    return store_vm_insert(db, vm, error);
}

static bool rule_of_missing_group(Db *db, void *data, GError **error)
{
    const struct world *world = data;
    g_autoptr(Rule) rule = rule_new();

    rule->cluster_id = world->cluster->id;
    text_set(&rule->name, "r");
    rule->type = RULE_VM_HOST;
    rule->vm_group_id = rule->host_group_id = 999;
    return store_rule_insert(db, rule, error);
}

static bool unknown_role(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    g_autoptr(User) user = user_new();

    user->name = g_strdup("eve");
    user->roles = g_strdup("emperor");
    return store_user_insert(db, user, error);
}

static const struct refusal {
    const char *what;
    db_tx_fn fn;
    enum vrm_err code;
    int reason;
    const char *field;
} refusals[] = {
    { "cluster name", second_cluster, VRM_ERR_CONFLICT, REASON_CLUSTER_NAME_TAKEN, "name" },
    { "host name", second_host_name, VRM_ERR_CONFLICT, REASON_HOST_NAME_TAKEN, "name" },
    { "host address", second_host_address, VRM_ERR_CONFLICT, REASON_HOST_IP_TAKEN, "ip" },
    { "host's cluster", host_without_cluster, VRM_ERR_CONFLICT, REASON_HOST_CLUSTER_MISSING,
      "clusterUrn" },
    { "VM UUID", vm_with_bad_uuid, VRM_ERR_INVALID, REASON_MALFORMED, NULL },
    { "MAC", vm_with_taken_mac, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, "mac" },
    { "disk file", vm_with_taken_file, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT,
      "vmConfig.disks.volumeUrl" },
    { "one file twice", vm_with_a_file_twice, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT,
      "vmConfig.disks.volumeUrl" },
    { "volume's file", volume_renamed_to_a_taken_file, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT,
      "vmConfig.disks.volumeUrl" },
    { "bound", bound_to_no_host, VRM_ERR_INVALID, REASON_VM_BAD_LOCATION, "isBindingHost" },
    { "rule member", foreign_rule_member, VRM_ERR_CONFLICT, REASON_RULE_VM_NOT_IN_CLUSTER, "vms" },
    { "VM's datastore", vm_on_missing_datastore, VRM_ERR_CONFLICT, REASON_DATASTORE_MISSING,
      "datastoreUrn" },
    { "rule's group", rule_of_missing_group, VRM_ERR_CONFLICT, REASON_OBJECT_MISSING,
      "vmGroupUrn" },
    { "role", unknown_role, VRM_ERR_CONFLICT, REASON_OBJECT_MISSING, "roleList" },
};

/* One database for all rows: making one takes longer than the row. */
START_TEST(a_refusal_names_reason_and_field)
{
    g_autoptr(Db) db = scratch_db(NULL);
    struct world world;

    make_world(db, &world);
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        const struct refusal *row = &refusals[i];
        GError *error = NULL;

        ck_assert_msg(!db_write(db, 1, row->fn, &world, &error), "%s", row->what);
        ck_assert_msg(err_is(error, row->code), "%s: %s", row->what, error->message);
        ck_assert_msg(err_reason(error) == row->reason, "%s: %d", row->what, err_reason(error));
        ck_assert_pstr_eq(err_field(error), row->field);
        /* in a client's words: no statement of ours, and the value that was taken */
        ck_assert_msg(!row->field || !strstr(error->message, "_insert"), "%s", error->message);
        ck_assert_msg(!g_str_has_suffix(row->what, " name") || strstr(error->message, " = \""),
                      "%s", error->message);
        /* one of the two sides of a foreign key, not both */
        ck_assert_msg(!strstr(error->message, "still") && !strstr(error->message, "uses it"), "%s",
                      error->message);
        g_clear_error(&error);
    }
    clear_world(&world);
}
END_TEST

SUITE_MAIN("db-refusal", SUITE_TEST(a_refusal_names_reason_and_field))
