/* test_forget.c - a deleted object leaves no trace in the rest of the inventory. */
#include "config.h"

#include "controller/forget.h"

#include "tests/suite.h"

static int64_t *ids(int64_t a, int64_t b, int64_t c)
{
    int64_t *list = g_new(int64_t, 3);

    list[0] = a;
    list[1] = b;
    list[2] = c;
    return list;
}

static void put_group(SnapshotBuilder *builder, int64_t id, enum group_type type)
{
    Group *group = group_new();

    group->id = id;
    group->generation = 4;
    group->cluster_id = 1;
    group->type = type;
    group->members = ids(10, 11, 12);
    group->n_members = 3;
    snapshot_builder_put_group(builder, group);
}

static void put_vm(SnapshotBuilder *builder, int64_t id, int64_t host_id)
{
    Vm *vm = vm_new();

    vm->id = id;
    vm->generation = 6;
    vm->cluster_id = 1;
    vm->host_id = host_id;
    snapshot_builder_put_vm(builder, vm);
}

static void put_cluster(SnapshotBuilder *builder, int64_t id)
{
    Cluster *cluster = cluster_new();

    cluster->id = id;
    g_free(cluster->ha.failover_hosts);
    cluster->ha.failover_hosts = ids(10, 11, 12);
    cluster->ha.n_failover_hosts = 3;
    snapshot_builder_put_cluster(builder, cluster);
}

/* VMs 10 .. 12 and hosts 10 .. 12 are in everything; nothing was published yet. */
static SnapshotBuilder *make_inventory(void)
{
    SnapshotBuilder *builder = snapshot_builder_new();
    Rule *rule = rule_new();
    DrsReport *report = drs_report_new();

    put_cluster(builder, 1);
    put_cluster(builder, 2);
    put_group(builder, 20, GROUP_VM);
    put_group(builder, 21, GROUP_HOST);
    put_vm(builder, 10, 11);
    put_vm(builder, 11, 12);
    put_vm(builder, 12, 11);
    rule->id = 30;
    rule->generation = 5;
    rule->cluster_id = 1;
    rule->vms = ids(10, 11, 12);
    rule->n_vms = 3;
    snapshot_builder_put_rule(builder, rule);
    report->cluster_id = 1;
    snapshot_builder_put_drs_report(builder, report);
    return builder;
}

START_TEST(a_deleted_vm_leaves_its_groups_and_rules)
{
    g_autoptr(SnapshotBuilder) builder = make_inventory();
    const Group *vms, *hosts;
    const Rule *rule;

    forget_uses_of_vm(builder, 11);
    vms = snapshot_builder_get_group(builder, 20);
    hosts = snapshot_builder_get_group(builder, 21);
    rule = snapshot_builder_get_rule(builder, 30);
    ck_assert_uint_eq(vms->n_members, 2);
    ck_assert_int_eq(vms->members[0], 10);
    ck_assert_int_eq(vms->members[1], 12);
    ck_assert_int_eq(vms->generation, 4);
    ck_assert_uint_eq(hosts->n_members, 3); /* a host of the same number is another thing */
    ck_assert_uint_eq(rule->n_vms, 2);
    ck_assert_int_eq(rule->vms[1], 12);
    ck_assert_int_eq(rule->generation, 5);
}
END_TEST

START_TEST(a_deleted_host_leaves_groups_clusters_and_vms)
{
    g_autoptr(SnapshotBuilder) builder = make_inventory();

    forget_uses_of_host(builder, 11);
    ck_assert_uint_eq(snapshot_builder_get_group(builder, 20)->n_members, 3);
    ck_assert_uint_eq(snapshot_builder_get_group(builder, 21)->n_members, 2);
    ck_assert_uint_eq(snapshot_builder_get_cluster(builder, 1)->ha.n_failover_hosts, 2);
    ck_assert_int_eq(snapshot_builder_get_cluster(builder, 1)->ha.failover_hosts[1], 12);
    ck_assert_int_eq(snapshot_builder_get_vm(builder, 10)->host_id, 0);
    ck_assert_int_eq(snapshot_builder_get_vm(builder, 10)->generation, 6);
    ck_assert_int_eq(snapshot_builder_get_vm(builder, 11)->host_id, 12);
    ck_assert_int_eq(snapshot_builder_get_vm(builder, 12)->host_id, 0);
}
END_TEST

START_TEST(a_deleted_cluster_takes_its_groups_rules_and_report_along)
{
    g_autoptr(SnapshotBuilder) builder = make_inventory();

    forget_parts_of_cluster(builder, 2);
    ck_assert_ptr_nonnull(snapshot_builder_get_rule(builder, 30));
    forget_parts_of_cluster(builder, 1);
    ck_assert_ptr_null(snapshot_builder_get_group(builder, 20));
    ck_assert_ptr_null(snapshot_builder_get_group(builder, 21));
    ck_assert_ptr_null(snapshot_builder_get_rule(builder, 30));
    ck_assert_ptr_null(snapshot_builder_get_drs_report(builder, 1));
}
END_TEST

SUITE_MAIN("forget", SUITE_TEST(a_deleted_vm_leaves_its_groups_and_rules),
           SUITE_TEST(a_deleted_host_leaves_groups_clusters_and_vms),
           SUITE_TEST(a_deleted_cluster_takes_its_groups_rules_and_report_along))
