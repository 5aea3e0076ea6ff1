/* test_snapshot_check.c - a snapshot that somebody edited: what leads nowhere is told with its
 * path. */
#include "config.h"

#include "model/snapshot_check.h"

#include "model/snapshot_json.h"
#include "tests/suite.h"

/* %s: more of the host, the VM, the group, the rule; then more VMs. */
#define TEXT                                                                                       \
    "{\"format\":\"vrm-snapshot\",\"version\":1,"                                                  \
    "\"clusters\":[{\"id\":1,\"name\":\"c\"%s}],"                                                  \
    "\"hosts\":[{\"id\":7,\"name\":\"h\",\"clusterId\":1},{\"id\":8%s}],"                          \
    "\"vms\":[{\"id\":11,\"name\":\"v\",\"uuid\":\"u1\",\"clusterId\":1,\"hostId\":7},"            \
    "{\"id\":12%s}],"                                                                              \
    "\"groups\":[{\"id\":5,\"name\":\"g\",\"clusterId\":1,\"type\":\"vm\",\"members\":[11]}%s],"   \
    "\"rules\":[{\"id\":6,\"name\":\"r\",\"clusterId\":1%s}]}"

static const struct {
    const char *cluster, *host, *vm, *group, *rule, *message; /* NULL: usual; nothing is wrong */
} rows[] = {
    { NULL, NULL, NULL, NULL, NULL, NULL },
    { NULL, NULL, ",\"name\":\"v\",\"uuid\":\"u2\"", NULL, NULL, NULL },
    { NULL, NULL, ",\"name\":\"v\",\"uuid\":\"u1\"", NULL, NULL,
      "vms[1].name = 'v': want a name that no other of them has" },
    { NULL, NULL, ",\"name\":\"v\"", NULL, NULL, "vms[1].name = 'v': want a name that no other" },
    { NULL, NULL, "", NULL, NULL, "vms[1].name = '': want a name" },
    { NULL, ",\"name\":\"h\"", NULL, NULL, NULL, "hosts[1].name = 'h': want a name that no other" },
    { NULL, "", NULL, NULL, NULL, "hosts[1].name = '': want a name" },
    { NULL, ",\"name\":\"i\",\"clusterId\":2", NULL, NULL, NULL,
      "hosts[1].clusterId = 2: want the id of a cluster of the file, or 0 for none" },
    { NULL, NULL, ",\"name\":\"w\",\"hostId\":9", NULL, NULL,
      "vms[1].hostId = 9: want the id of a host of the file, or 0 for none" },
    { NULL, NULL, ",\"name\":\"w\",\"targetHostId\":9", NULL, NULL, "vms[1].targetHostId = 9" },
    { NULL, NULL, ",\"name\":\"w\",\"clusterId\":9", NULL, NULL, "vms[1].clusterId = 9" },
    { NULL, NULL, ",\"name\":\"w\",\"disks\":[{},{\"datastoreId\":4}]", NULL, NULL,
      "vms[1].disks[1].datastoreId = 4: want the id of a datastore" },
    { ",\"ha\":{\"failoverHosts\":[7,9]}", NULL, NULL, NULL, NULL,
      "clusters[0].ha.failoverHosts = 9: want ids of hosts of the file" },
    { ",\"ha\":{\"controlPolicy\":7}", NULL, NULL, NULL, NULL,
      "clusters[0].ha.controlPolicy = 7: want a number 0..2" },
    { ",\"dpm\":{\"powerLevel\":-1}", NULL, NULL, NULL, NULL, "clusters[0].dpm.powerLevel = -1" },
    { NULL, NULL, NULL, ",{\"id\":8,\"clusterId\":4}", NULL, "groups[1].clusterId = 4" },
    { NULL, NULL, NULL, ",{\"id\":8,\"type\":\"vm\",\"members\":[7]}", NULL,
      "groups[1].members = 7: want ids of VMs" },
    { NULL, NULL, NULL, ",{\"id\":8,\"type\":\"host\",\"members\":[7,11]}", NULL,
      "groups[1].members = 11: want ids of hosts" },
    { NULL, NULL, NULL, NULL, ",\"vms\":[11,13]", "rules[0].vms = 13: want ids of VMs" },
    { NULL, NULL, NULL, NULL, ",\"vmGroupId\":5", NULL },
    { NULL, NULL, NULL, NULL, ",\"vmGroupId\":9",
      "rules[0].vmGroupId = 9: want the id of a group" },
    { NULL, NULL, NULL, NULL, ",\"hostGroupId\":5",
      "rules[0].hostGroupId = 5: want the id of a group of hosts" },
};

static const char *or_usual(const char *text, const char *usual)
{
    return text ? text : usual;
}

START_TEST(ids_lead_somewhere_and_names_are_clear)
{
    g_autofree char *text = g_strdup_printf(
        TEXT, or_usual(rows[_i].cluster, ""), or_usual(rows[_i].host, ",\"name\":\"i\""),
        or_usual(rows[_i].vm, ",\"name\":\"w\",\"hostId\":8,\"clusterId\":1"),
        or_usual(rows[_i].group, ""), or_usual(rows[_i].rule, ""));
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) snap = snapshot_json_parse(text, strlen(text), &error);

    suite_no_error(error);
    if (!rows[_i].message) {
        ck_assert(snapshot_check(snap, &error));
        suite_no_error(error);
        return;
    }
    ck_assert(!snapshot_check(snap, &error));
    suite_take_error(&error, VRM_ERR_INVALID, rows[_i].message);
}
END_TEST

static void put_cluster(SnapshotBuilder *builder, int64_t id)
{
    Cluster *cluster = cluster_new();
    Host *host = host_new();

    cluster->id = id;
    g_free(cluster->name);
    cluster->name = g_strdup_printf("c%d", (int)id);
    host->id = 10 + id;
    host->cluster_id = id;
    g_free(host->name);
    host->name = g_strdup_printf("h%d", (int)id);
    snapshot_builder_put_cluster(builder, cluster);
    snapshot_builder_put_host(builder, host);
}

/* VM 21 of cluster 1 goes to cluster 2; a group and a rule of cluster 2 name it and VM 22, which is
 * on cluster 1. */
static Snapshot *mixed_snapshot(void)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    const int64_t ids[] = { 21, 22 };
    Group *group = group_new();
    Rule *rule = rule_new();

    put_cluster(builder, 1);
    put_cluster(builder, 2);
    for (int64_t id = 21; id <= 22; id++) {
        Vm *vm = vm_new();

        vm->id = id;
        g_free(vm->name);
        vm->name = g_strdup_printf("v%d", (int)id);
        vm->cluster_id = 1;
        vm->host_id = 11;
        vm->target_host_id = id == 21 ? 12 : 0;
        snapshot_builder_put_vm(builder, vm);
    }
    group->id = 31;
    group->cluster_id = rule->cluster_id = 2;
    group->members = g_memdup2(ids, sizeof(ids));
    rule->vms = g_memdup2(ids, sizeof(ids));
    group->n_members = rule->n_vms = G_N_ELEMENTS(ids);
    rule->id = 41;
    rule->vm_group_id = 31;
    rule->host_group_id = 99;
    snapshot_builder_put_group(builder, group);
    snapshot_builder_put_rule(builder, rule);
    return snapshot_builder_build(builder, 0);
}

START_TEST(the_file_of_one_cluster_names_nothing_that_is_not_in_it)
{
    g_autoptr(Snapshot) snap = mixed_snapshot();
    g_autofree char *text = snapshot_json_write(snap, 2);
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) part = snapshot_json_parse(text, strlen(text), &error);

    suite_no_error(error);
    ck_assert(snapshot_check(part, &error));
    ck_assert_uint_eq(part->n_hosts, 1);
    ck_assert_uint_eq(part->n_vms, 1);
    ck_assert_int_eq(part->vms[0]->id, 21);
    ck_assert_int_eq(part->vms[0]->host_id, 0);
    ck_assert_int_eq(part->vms[0]->target_host_id, 12);
    ck_assert_uint_eq(part->groups[0]->n_members, 1);
    ck_assert_uint_eq(part->rules[0]->n_vms, 1);
    ck_assert_int_eq(part->rules[0]->vm_group_id, 31);
    ck_assert_int_eq(part->rules[0]->host_group_id, 0);
}
END_TEST

SUITE_MAIN("snapshot_check", SUITE_LOOP(ids_lead_somewhere_and_names_are_clear, rows),
           SUITE_TEST(the_file_of_one_cluster_names_nothing_that_is_not_in_it))
