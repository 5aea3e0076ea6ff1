/* test_ganeti.c - Ganeti's text files: what is read, what is refused, what is written again. */
#include "config.h"

#include "scheduler/ganeti.h"

#include "scheduler/whatif.h"
#include "tests/suite.h"

#define GROUPS "g1|u1|preferred||\n\n"
#define NODES                                                                                      \
    "a|10000|1000|6000|100|50|8|M|u1|1\n"                                                          \
    "b|10000|1000|9000|100|50|8|N|u1|1\n"                                                          \
    "c|20000|1000|18900|100|50|16|N|u1|1\n\n"
#define INSTANCES                                                                                  \
    "i1|2000|10|2|running|Y|a||ext|web:x,other|1\n"                                                \
    "i2|1000|10|1|ADMIN_down|Y|a||ext|web:x|1\n"                                                   \
    "i3|100|10|4|running|Y|c||ext||1\n\n"
#define TAGS_OPEN "htools:iextags:web\n"
#define TAGS      TAGS_OPEN "\n"
#define POLICY    "|1,1,1,1,1,1|1,1,1,1,1,1;9,9,9,9,9,9|ext,plain|6.5|32.0\n"
#define FILE_A    GROUPS NODES INSTANCES TAGS POLICY

static Ganeti *must_parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    Ganeti *g = ganeti_parse(text, strlen(text), "x.data", &error);

    suite_no_error(error);
    return g;
}

static void must_load(Ganeti *g, const char *text)
{
    g_autoptr(GError) error = NULL;

    ck_assert(ganeti_parse_load(g, text, strlen(text), "x.load", &error));
}

static Snapshot *model_of(const Ganeti *g)
{
    const struct ganeti_unit units[N_GANETI_LOADS] = {
        ganeti_find_unit(g, GANETI_CPU),
        ganeti_find_unit(g, GANETI_MEM),
    };

    return ganeti_snapshot(g, units);
}

static Snapshot *must_model(const char *text)
{
    g_autoptr(Ganeti) g = must_parse(text);

    return model_of(g);
}

/* ---- reading -------------------------------------------------------------------------------- */

START_TEST(a_cluster_becomes_hosts_and_vms_in_order)
{
    g_autoptr(Snapshot) snap = must_model(FILE_A);

    ck_assert_uint_eq(snap->n_clusters, 1);
    ck_assert_uint_eq(snap->n_hosts, 3);
    ck_assert_uint_eq(snap->n_vms, 3);
    ck_assert_str_eq(snap->clusters[0]->name, "g1");
    ck_assert_str_eq(snap->hosts[2]->name, "c");
    ck_assert_int_eq(snap->hosts[2]->cpu_threads, 16);
    ck_assert_int_eq(snap->hosts[2]->cpu_mhz, 1000);
    ck_assert_str_eq(snap->vms[0]->name, "i1");
    ck_assert_int_eq(snap->vms[0]->host_id, 1);
    ck_assert_int_eq(snap->vms[0]->status, VM_RUNNING);
    ck_assert_int_eq(snap->vms[1]->status, VM_STOPPED);
}
END_TEST

START_TEST(a_host_carries_what_is_free_and_runs_less_what_will_start_again)
{
    g_autoptr(Snapshot) snap = must_model(FILE_A);

    ck_assert_int_eq(snap->hosts[0]->mem_mb, 6000 + 2000 - 1000);
    ck_assert_int_eq(snap->hosts[1]->mem_mb, 9000);
    ck_assert_int_eq(snap->hosts[2]->mem_mb, 18900 + 100);
}
END_TEST

START_TEST(exclusion_tags_keep_apart)
{
    g_autoptr(Snapshot) snap = must_model(FILE_A);

    ck_assert_uint_eq(snap->n_rules, 1);
    ck_assert_str_eq(snap->rules[0]->name, "web:x");
    ck_assert_int_eq(snap->rules[0]->type, RULE_APART);
    ck_assert_int_eq(snap->rules[0]->strength, RULE_MUST);
    ck_assert_uint_eq(snap->rules[0]->n_vms, 2);
}
END_TEST

START_TEST(tags_on_the_command_line_keep_apart_too)
{
    g_autoptr(Ganeti) g = must_parse(GROUPS NODES "i1|1|1|1|running|Y|a||ext|db:1|1\n"
                                                  "i2|1|1|1|running|Y|b||ext|db:1,db:1,dbx:1|1\n"
                                                  "i3|1|1|1|running|Y|c||ext|dbx:1|1\n\n\n");
    g_autoptr(Snapshot) without = model_of(g), with = NULL;

    ck_assert_uint_eq(without->n_rules, 0);
    ganeti_add_exclusion(g, "db");
    with = model_of(g);
    ck_assert_uint_eq(with->n_rules, 1);
    ck_assert_uint_eq(with->rules[0]->n_vms, 2);
}
END_TEST

START_TEST(older_files_have_fewer_fields)
{
    g_autoptr(Ganeti) g = must_parse("g1|u1|preferred\n\n"
                                     "a|100|0|90|1|1|4|N|u1\n\n"
                                     "i1|10|1|1|running|Y|a||ext|\n\n\n");

    ck_assert_uint_eq(g->nodes.len, 1);
    ck_assert_uint_eq(g->instances.len, 1);
    ck_assert(g->groups.items[0].vcpu_ratio > 3.9 && g->groups.items[0].vcpu_ratio < 4.1);
}
END_TEST

START_TEST(newer_files_have_more_fields_and_other_line_ends)
{
    g_autoptr(Ganeti) g = must_parse("g1|u1|preferred|t1,t2|net1\r\n\r\n"
                                     "a|100|0|90|1|1|4|N|u1|1|tag|N|0|1|1.5\r\n\r\n"
                                     "i1|10|1|1|running|Y|a||ext|t|1|-|N\r\n"
                                     "i2|10|1|1|running|Y|a||ext|t|1|-|Y\r\n\r\n\r\n" POLICY);
    g_autoptr(Snapshot) snap = model_of(g);

    ck_assert_int_eq(snap->hosts[0]->cpu_mhz, 1500);
    ck_assert_int_eq(snap->vms[1]->status, VM_STOPPED); /* not created yet */
    ck_assert(g->groups.items[0].vcpu_ratio > 6.4 && g->groups.items[0].vcpu_ratio < 6.6);
}
END_TEST

START_TEST(offline_nodes_are_in_maintenance)
{
    g_autoptr(Ganeti) g = must_parse(GROUPS "a|?|?|?|?|?|?|N|u1|1\n"
                                            "b|10|1|9|1|1|8|Y|u1|1\n"
                                            "c|10|1|9|1|1|8|N|u1|1\n\n\n\n");
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) snap = NULL;

    ck_assert(!ganeti_set_offline(g, "d", &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "no node 'd'");
    ck_assert(ganeti_set_offline(g, "c", NULL));
    snap = model_of(g);
    for (size_t i = 0; i < 3; i++)
        ck_assert(snap->hosts[i]->maintaining);
}
END_TEST

START_TEST(local_disks_bind_and_mirrors_allow_two_nodes)
{
    g_autoptr(Snapshot) snap = must_model(GROUPS NODES "i1|1|1|1|running|Y|a||plain||1\n"
                                                       "i2|1|1|1|running|Y|b|a|drbd||1\n"
                                                       "i3|1|1|1|running|Y|a|b|drbd||1\n\n\n");
    const Rule *rule = snap->rules[0];

    ck_assert(snap->vms[0]->binding_host);
    ck_assert(!snap->vms[1]->binding_host);
    ck_assert_uint_eq(snap->n_rules, 1);
    ck_assert_int_eq(rule->type, RULE_VM_HOST);
    ck_assert_uint_eq(snapshot_group(snap, rule->vm_group_id)->n_members, 2);
    ck_assert_uint_eq(snapshot_group(snap, rule->host_group_id)->n_members, 2);
}
END_TEST

/* a and b may not exchange VMs with c, but c may send to those with the tag kvm:old. */
#define TAGGED_NODES                                                                               \
    "a|10000|1000|6000|100|50|8|M|u1|1|kvm:old,rack:1\n"                                           \
    "b|10000|1000|9000|100|50|8|N|u1|1|kvm:old,rack:2\n"                                           \
    "c|20000|1000|18900|100|50|16|N|u1|1|kvm:new,rack:2\n\n"

static const Rule *find_rule(const Snapshot *snap, const char *name)
{
    for (size_t i = 0; i < snap->n_rules; i++) {
        if (strcmp(snap->rules[i]->name, name) == 0)
            return snap->rules[i];
    }
    return NULL;
}

static size_t n_hosts_of(const Snapshot *snap, const Rule *rule)
{
    return snapshot_group(snap, rule->host_group_id)->n_members;
}

START_TEST(migration_tags_bind_to_nodes_that_may_take)
{
    g_autoptr(Snapshot) snap = must_model(GROUPS TAGGED_NODES INSTANCES "htools:migration:kvm\n");
    g_autoptr(Snapshot) more =
        must_model(GROUPS TAGGED_NODES INSTANCES "htools:migration:kvm\n"
                                                 "htools:allowmigration:kvm:new::kvm:old\n");
    g_autoptr(Snapshot) other = must_model(GROUPS TAGGED_NODES INSTANCES "htools:migration:k\n");

    ck_assert_uint_eq(snap->n_rules, 2);
    ck_assert_int_eq(find_rule(snap, "migration from a")->strength, RULE_MUST);
    ck_assert_uint_eq(n_hosts_of(snap, find_rule(snap, "migration from a")), 2);
    ck_assert_uint_eq(n_hosts_of(snap, find_rule(snap, "migration from c")), 1);
    ck_assert_uint_eq(more->n_rules, 1);
    ck_assert_ptr_null(find_rule(more, "migration from c"));
    ck_assert_uint_eq(other->n_rules, 0);
}
END_TEST

START_TEST(location_tags_are_racks_and_wishes)
{
    g_autoptr(Snapshot) snap =
        must_model(GROUPS TAGGED_NODES "i1|10|1|1|running|Y|a||ext|web:x,rack:2|1\n"
                                       "i2|10|1|1|running|Y|b||ext|web:x|1\n\n" TAGS_OPEN
                                       "htools:nlocation:rack\nhtools:desiredlocation:rack\n\n");
    const Rule *wish = find_rule(snap, "desired location rack:2");
    const Rule *apart = find_rule(snap, "web:x over locations");

    ck_assert_uint_eq(snap->n_rules, 3);
    ck_assert_str_eq(snap->hosts[0]->rack, "rack:1");
    ck_assert_str_eq(snap->hosts[2]->rack, "rack:2");
    ck_assert_int_eq(wish->strength, RULE_SHOULD);
    ck_assert_uint_eq(n_hosts_of(snap, wish), 2);
    ck_assert_int_eq(apart->strength, RULE_SHOULD);
    ck_assert_int_eq(apart->domain, FAULT_DOMAIN_RACK);
    ck_assert_uint_eq(apart->n_vms, 2);
}
END_TEST

static const struct {
    const char *text, *message;
} broken[] = {
    { "", "x.data: the file is empty: want a cluster" },
    { GROUPS NODES, "x.data:6: the file ends in section 3" },
    { "g1|u1\n", "x.data:1: group 'g1' has 2 fields: want 3 to 5 with '|' between; the next is" },
    { "|u1|preferred|\n", "x.data:1: group: name = '': want a name of 1 to 255 bytes" },
    { "a b|u1|preferred|\n", "x.data:1: group: name = 'a b': want a name without blanks" },
    { "g1|u1|preferred|\ng2|u1|preferred|\n",
      "x.data:2: group g2: UUID = 'u1': want a UUID of its own" },
    { "g1|u1|preferred|\ng1|u2|preferred|\n",
      "x.data:2: group: name = 'g1': want a name of its own" },
    { GROUPS "a|x|1|1|1|1|8|N|u1\n",
      "x.data:3: node a: total memory = 'x': want a number 0..1000000000" },
    { GROUPS "a|1|1|1|1|1|-8|N|u1\n", "x.data:3: node a: physical cores = '-8'" },
    { GROUPS "a|1|1|nan|1|1|8|N|u1\n", "x.data:3: node a: free memory = 'nan'" },
    { GROUPS "a|1|1|0x10|1|1|8|N|u1\n", "x.data:3: node a: free memory = '0x10'" },
    { GROUPS "a|1|1|1|1|1|8|X|u1\n",
      "x.data:3: node a: offline/role = 'X': want Y (offline), N or M (master)" },
    { GROUPS "a|1|1|1|1|1|8|N|u2\n",
      "x.data:3: node a: group UUID = 'u2': want the UUID of a group above" },
    { GROUPS "a|1|1|1|1|1|8|N|u1\na|1|1|1|1|1|8|N|u1\n", "x.data:4: node: name = 'a'" },
    { GROUPS NODES "i1|1|1|1|running|Y|z||ext||1\n",
      "x.data:7: instance i1: primary node = 'z': want the name of a node above" },
    { GROUPS NODES "i1|1|1|1|running|Y|a|a|drbd||1\n",
      "x.data:7: instance i1: secondary node = 'a': want another node than the primary" },
    { GROUPS NODES "i1|1|1|1|running|Y|a||drbd||1\n",
      "x.data:7: instance i1: secondary node = '': want a node" },
    { GROUPS NODES "i1|1|1|1|up|Y|a||ext||1\n",
      "x.data:7: instance i1: status = 'up': want running, ERROR_up" },
    { GROUPS NODES "i1|1|1|1|running|yes|a||ext||1\n",
      "x.data:7: instance i1: auto_balance = 'yes': want Y or N" },
    { GROUPS NODES "i1|1|1|1|running|Y|a||zfs||1\n",
      "x.data:7: instance i1: disk template = 'zfs': want ext" },
    { GROUPS NODES "i1|1|1|many|running|Y|a||ext||1\n", "x.data:7: instance i1: vCPUs = 'many'" },
    { GROUPS NODES INSTANCES TAGS "g9|1|1|ext|1|1\n",
      "x.data:13: policy: owner = 'g9': want empty, or the name of a group above" },
    { GROUPS NODES INSTANCES TAGS POLICY "\nmore\n", "x.data:15: a sixth section" },
    { "g1|u1|preferred|\n\na\xff", "x.data:3: the byte 0xff is no text" },
};

START_TEST(what_is_wrong_is_told_with_its_place)
{
    g_autoptr(GError) error = NULL;

    ck_assert_ptr_null(ganeti_parse(broken[_i].text, strlen(broken[_i].text), "x.data", &error));
    suite_take_error(&error, VRM_ERR_INVALID, broken[_i].message);
}
END_TEST

START_TEST(one_of_several_groups_must_be_named)
{
    g_autoptr(Ganeti) g = must_parse("g1|u1|preferred|\ng2|u2|preferred|\n\n"
                                     "a|10|1|9|1|1|8|N|u1|1\n"
                                     "b|10|1|9|1|1|8|N|u2|1\n\n\n\n");
    g_autoptr(GError) error = NULL;
    int64_t id = 0;

    ck_assert(!ganeti_find_group(g, NULL, &id, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "nodes of several groups (g1, g2 ...)");
    ck_assert(!ganeti_find_group(g, "g3", &id, &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "no node group 'g3'");
    ck_assert(ganeti_find_group(g, "g2", &id, NULL));
    ck_assert_int_eq(id, 2);
    ck_assert(ganeti_find_group(g, "u1", &id, NULL));
    ck_assert_int_eq(id, 1);
}
END_TEST

/* ---- load ----------------------------------------------------------------------------------- */

static const struct {
    const char *load;
    double cpu, mem; /* units */
    const char *why; /* of the CPU unit */
} units[] = {
    { "i1 1 1 1 1\ni3 1 1 1 1\n", 0, 0, "all loads are the same" },
    { "i1 0 0 0 0\ni3 0 0 0 0\n", 0, 0, "all loads are the same" },
    /* i3 has 4 vCPUs and uses .25: 1.0 is at most 16, as big as node c */
    { "i1 0.1 0.1 0 0\ni3 0.25 0.01 0 0\n", 16, 10000, "the size of a node" },
    /* at most 4.16: a round figure is just below */
    { "i1 0.1 1 1 0\ni3 0.96 1 1 0\n", 4, 0, "round figure" },
    /* at most 5.71: neither */
    { "i1 0.1 1 1 0\ni3 0.7 1 1 0\n", 4 / .7, 0, "busiest" },
    /* in percent of a thread */
    { "i1 1 1 1 0\ni3 399 1 1 0\n", .01, 0, "round figure" },
};

static void assert_near(double value, double want)
{
    ck_assert_msg(value > want * .999 - 1e-9 && value < want * 1.001 + 1e-9, "%g is not %g", value,
                  want);
}

START_TEST(the_unit_follows_from_what_instances_have)
{
    g_autoptr(Ganeti) g = must_parse(FILE_A);
    struct ganeti_unit cpu;

    must_load(g, units[_i].load);
    cpu = ganeti_find_unit(g, GANETI_CPU);
    assert_near(cpu.size, units[_i].cpu);
    assert_near(ganeti_find_unit(g, GANETI_MEM).size, units[_i].mem);
    ck_assert_ptr_nonnull(strstr(cpu.why, units[_i].why));
}
END_TEST

START_TEST(load_is_demand_in_mhz_and_mib)
{
    const struct ganeti_unit given[N_GANETI_LOADS] = { { 16, "" }, { 10000, "" } };
    g_autoptr(Ganeti) g = must_parse(FILE_A);
    g_autoptr(Snapshot) snap = NULL;

    must_load(g, "i1 0.0625 0.1 0 0\n");
    snap = ganeti_snapshot(g, given);
    ck_assert_int_eq(snap->vms[0]->load.cpu_mhz, 1000);
    ck_assert_int_eq(snap->vms[0]->load.mem_mb, 1000);
    /* without a line: a quarter of its vCPUs, all its memory */
    ck_assert_int_eq(snap->vms[2]->load.cpu_mhz, 1000);
    ck_assert_int_eq(snap->vms[2]->load.mem_mb, 100);
    ck_assert_uint_eq(g->warnings->len, 1);
}
END_TEST

START_TEST(unknown_instances_are_skipped_with_a_warning)
{
    g_autoptr(Ganeti) g = must_parse(FILE_A);

    must_load(g, "i1 1 1 1 1\nzz 1 1 1 1\ni3 1 1 1 1\n");
    ck_assert_uint_eq(g->warnings->len, 1);
    ck_assert_ptr_nonnull(strstr(g->warnings->pdata[0], "skipped 1 line"));
}
END_TEST

static const struct {
    const char *text, *message;
} broken_loads[] = {
    { "i1 1 1 1\n", "x.load:1: load 'i1' has 4 fields: want 5 with ' ' between; the next is 'net" },
    { "i1 1 1 1 1\n\n\ti2 1\n", "x.load:3: load 'i2' has 2 fields" },
    { "i1 1 1 1 1 1\n", "x.load:1: load 'i1' has 6 fields" },
    { "i1 -1 1 1 1\n", "x.load:1: load i1: CPU load = '-1': want a number 0..1e+09" },
    { "i1 1 x 1 1\n", "x.load:1: load i1: memory load = 'x'" },
};

START_TEST(wrong_loads_are_told_with_their_place)
{
    g_autoptr(Ganeti) g = must_parse(FILE_A);
    g_autoptr(GError) error = NULL;
    const char *text = broken_loads[_i].text;

    ck_assert(!ganeti_parse_load(g, text, strlen(text), "x.load", &error));
    suite_take_error(&error, VRM_ERR_INVALID, broken_loads[_i].message);
}
END_TEST

/* ---- writing -------------------------------------------------------------------------------- */

static Snapshot *with_vm_on(const Snapshot *snap, int64_t vm_id, int64_t host_id)
{
    g_autoptr(SnapshotBuilder) builder = whatif_builder(snap);
    Vm *vm = vm_dup(snapshot_vm(snap, vm_id));

    vm->host_id = host_id;
    snapshot_builder_put_vm(builder, vm);
    return snapshot_builder_build(builder, 0);
}

static const struct {
    const char *text;
    int64_t vm, host; /* 0: nothing moves */
    const char *want;
} writes[] = {
    { FILE_A, 0, 0, FILE_A },
    { "g1|u1|preferred\r\n\r\na|9|0|9|1|1|8|N|u1\r\n\r\n\r\n\r\n", 0, 0,
      "g1|u1|preferred\r\n\r\na|9|0|9|1|1|8|N|u1\r\n\r\n\r\n\r\n" },
    { FILE_A, 1, 2,
      GROUPS "a|10000|1000|8000|100|50|8|M|u1|1\n"
             "b|10000|1000|7000|100|50|8|N|u1|1\n"
             "c|20000|1000|18900|100|50|16|N|u1|1\n\n"
             "i1|2000|10|2|running|Y|b||ext|web:x,other|1\n"
             "i2|1000|10|1|ADMIN_down|Y|a||ext|web:x|1\n"
             "i3|100|10|4|running|Y|c||ext||1\n\n" TAGS POLICY },
    { GROUPS NODES "i1|50|1|1|running|Y|b|a|drbd||1\n\n\n" POLICY, 1, 1,
      GROUPS "a|10000|1000|5950|100|50|8|M|u1|1\n"
             "b|10000|1000|9050|100|50|8|N|u1|1\n"
             "c|20000|1000|18900|100|50|16|N|u1|1\n\n"
             "i1|50|1|1|running|Y|a|b|drbd||1\n\n\n" POLICY },
    /* the last line has no end; an offline node knows no figures */
    { GROUPS "a|?|?|?|?|?|?|Y|u1|1\nb|90|0|90|1|1|8|N|u1|1\n\ni1|50|1|1|running|Y|a||ext|\n\nt", 1,
      2,
      GROUPS "a|?|?|?|?|?|?|Y|u1|1\nb|90|0|40|1|1|8|N|u1|1\n\ni1|50|1|1|running|Y|b||ext|\n\nt" },
};

START_TEST(only_what_moved_is_written_differently)
{
    const char *text = writes[_i].text;
    g_autoptr(Snapshot) before = must_model(text);
    g_autoptr(Snapshot) after = writes[_i].vm > 0
                                    ? with_vm_on(before, writes[_i].vm, writes[_i].host)
                                    : snapshot_ref(before);
    g_autofree char *written = ganeti_write(text, strlen(text), before, after);

    ck_assert_str_eq(written, writes[_i].want);
}
END_TEST

SUITE_MAIN("ganeti", SUITE_TEST(a_cluster_becomes_hosts_and_vms_in_order),
           SUITE_TEST(a_host_carries_what_is_free_and_runs_less_what_will_start_again),
           SUITE_TEST(exclusion_tags_keep_apart),
           SUITE_TEST(tags_on_the_command_line_keep_apart_too),
           SUITE_TEST(older_files_have_fewer_fields),
           SUITE_TEST(newer_files_have_more_fields_and_other_line_ends),
           SUITE_TEST(offline_nodes_are_in_maintenance),
           SUITE_TEST(local_disks_bind_and_mirrors_allow_two_nodes),
           SUITE_TEST(migration_tags_bind_to_nodes_that_may_take),
           SUITE_TEST(location_tags_are_racks_and_wishes),
           SUITE_LOOP(what_is_wrong_is_told_with_its_place, broken),
           SUITE_TEST(one_of_several_groups_must_be_named),
           SUITE_LOOP(the_unit_follows_from_what_instances_have, units),
           SUITE_TEST(load_is_demand_in_mhz_and_mib),
           SUITE_TEST(unknown_instances_are_skipped_with_a_warning),
           SUITE_LOOP(wrong_loads_are_told_with_their_place, broken_loads),
           SUITE_LOOP(only_what_moved_is_written_differently, writes))
