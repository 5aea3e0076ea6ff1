/* test_admission.c - room for failures and for more VMs, and clusters that are otherwise. */
#include "config.h"

#include "model/reason.h"
#include "scheduler/admission.h"
#include "scheduler/balance.h"
#include "scheduler/evacuate.h"
#include "scheduler/whatif.h"
#include "tests/sched_gen.h"
#include "tests/sched_scn.h"
#include "tests/suite.h"

#define THREE "host h1 mem=10240\nhost h2 mem=10240\nhost h3 mem=10240\n"

/* Reads the scenario; all its VMs get HA but those named "x...". */
static void read_scn(Scn *scn, const char *text)
{
    g_autoptr(Snapshot) snap = NULL;

    scn_run(scn, text, NULL);
    snap = scn_snapshot(scn);
    for (size_t i = 0; i < snap->n_vms; i++) {
        Vm *vm = vm_dup(snap->vms[i]);

        vm->enable_ha = vm->name[0] != 'x';
        snapshot_builder_put_vm(scn_builder(scn), vm);
    }
}

static Snapshot *snapshot_of(Scn *scn, const char *text)
{
    read_scn(scn, text);
    return scn_snapshot(scn);
}

static Snapshot *snapshot_with(Scn *scn, const char *text, const struct ha_policy *policy)
{
    Cluster *cluster;

    read_scn(scn, text);
    cluster = cluster_dup(snapshot_builder_get_cluster(scn_builder(scn), 1));
    g_free(cluster->ha.failover_hosts);
    cluster->ha = *policy;
    cluster->ha.failover_hosts =
        g_memdup2(policy->failover_hosts, policy->n_failover_hosts * sizeof(int64_t));
    snapshot_builder_put_cluster(scn_builder(scn), cluster);
    return scn_snapshot(scn);
}

/* ---- if host X died now --------------------------------------------------------------------- */

static const struct {
    const char *name, *text;
    uint32_t n_bad;
    const char *first; /* text of the first host */
} losses[] = {
    { "room elsewhere", THREE "vm a on=h1 size=8192\nvm b on=h2 size=2048\n", 0,
      "1 of 1 VMs fit elsewhere" },
    { "no VMs", THREE, 0, "runs no VM" },
    { "no room for the big one",
      THREE "vm a on=h1 size=8192\nvm b on=h2 size=4096\n"
            "vm c on=h3 size=4096\nvm d on=h1 size=1024\n",
      1, "1 of 2 VMs would be lost (8192 MiB): a has no place elsewhere" },
    { "rules hold in need too", "host h1\nhost h2\nvm a on=h1\nvm b on=h2\nrule r apart must a b\n",
      2, "1 of 1 VMs would be lost" },
    { "a rule is named, not the room",
      "host h1\nhost h2\nhost h3\nvm a on=h1\ngroup g vm a\ngroup k host h1\nrule pin host must g "
      "k\n",
      1,
      "1 of 1 VMs would be lost (1024 MiB): a has no place elsewhere: rule 'pin' allows only h1" },
    { "what a host without room has free is told, not what a forbidden one has",
      "host h1 mem=8192\nhost h2 mem=4096\nhost h3 mem=16384\nvm a on=h1 size=6144\n"
      "group g vm a\ngroup k host h1 h2\nrule pin host must g k\n",
      1, "the most free memory of a host is now 4096 MiB" },
    { "none is to restart", "host h1\nhost h2\nvm x1 on=h1\nvm x2 on=h1\n", 0,
      "HA has none of its VMs to restart; 2 without HA" },
    { "should-rules give way",
      "host h1\nhost h2\nvm a on=h1\nvm b on=h2\n"
      "rule r apart should a b\n",
      0, "1 of 1 VMs fit elsewhere" },
    { "tied VMs are counted apart", THREE "vm a on=h1 bound\nvm b on=h1\nvm c on=h1 local_disk\n",
      0, "1 of 3 VMs fit elsewhere; 2 tied to it" },
    { "VMs without HA too", THREE "vm x1 on=h1 size=10240\nvm b on=h1\n", 0,
      "1 of 2 VMs fit elsewhere; 1 without HA" },
    { "hosts that are not there take none",
      "host h1 mem=4096\nhost h2 mem=4096 state=fault\nhost h3 mem=4096 state=maintaining\n"
      "vm a on=h1\n",
      1, "1 of 1 VMs would be lost" },
    /* the emptiest first would put 2 + 2 on different hosts, and leave no room for 6 */
    { "both ways of packing are tried",
      "host h1 mem=10240\nhost h2 mem=6144\nhost h3 mem=5120\nvm a on=h1 size=5120\n"
      "vm b on=h1 size=3072\nvm c on=h1 size=3072\n",
      0, "3 of 3 VMs fit elsewhere" },
};

START_TEST(each_hosts_death_is_tried)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = snapshot_of(scn, losses[_i].text);
    g_autoptr(HostLosses) result = NULL;

    ck_assert(admission_host_losses(snap, 1, scn_params(scn), &result, NULL));
    ck_assert_msg(result->n_bad == losses[_i].n_bad, "%s: %u", losses[_i].name, result->n_bad);
    ck_assert_msg(strstr(result->items[0].text, losses[_i].first) != NULL, "%s: %s",
                  losses[_i].name, result->items[0].text);
}
END_TEST

static const struct {
    const char *name, *text;
    size_t n_items;
    uint32_t n_bad;
    const char *host, *first;
} racks[] = {
    { "no racks", "host h1\nhost h2\nvm a on=h1 ha\n", 0, 0, "", "" },
    { "a rack fits into the other",
      "host h1 rack=A mem=10240\nhost h2 rack=A mem=10240\nhost h3 rack=B mem=20480\n"
      "vm a on=h1 size=8192 ha\nvm b on=h2 size=8192 ha\n",
      2, 0, "rack A (h1, h2)", "2 of 2 VMs fit elsewhere" },
    { "one host's loss is borne, a rack's is not",
      "host h1 rack=A mem=10240\nhost h2 rack=A mem=10240\nhost h3 rack=B mem=10240\n"
      "vm a on=h1 size=4096 ha\nvm b on=h2 size=8192 ha\n",
      2, 1, "rack A (h1, h2)", "1 of 2 VMs would be lost" },
    { "a host without a rack takes them too",
      "host h1 rack=A\nhost h2\nvm a on=h1 ha\nvm b on=h1\n", 1, 0, "rack A (h1)",
      "2 of 2 VMs fit elsewhere" },
    { "hosts that are down do not die", "host h1 rack=A state=maintaining\nhost h2 rack=B\n", 1, 0,
      "rack B (h2)", "runs no VM" },
};

START_TEST(each_racks_death_is_tried)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = snapshot_of(scn, racks[_i].text);
    g_autoptr(HostLosses) result = NULL;

    ck_assert(admission_rack_losses(snap, 1, scn_params(scn), &result, NULL));
    ck_assert_msg(result->n_items == racks[_i].n_items, "%s: %zu", racks[_i].name, result->n_items);
    ck_assert_msg(result->n_bad == racks[_i].n_bad, "%s: %u", racks[_i].name, result->n_bad);
    if (result->n_items == 0)
        return;
    ck_assert_str_eq(result->items[0].host_name, racks[_i].host);
    ck_assert_msg(strstr(result->items[0].text, racks[_i].first) != NULL, "%s: %s", racks[_i].name,
                  result->items[0].text);
}
END_TEST

/* ---- policies ------------------------------------------------------------------------------- */

#define FULL  THREE "vm a on=h1 size=8192\nvm b on=h2 size=8192\nvm c on=h3 size=1024\n"
#define EMPTY THREE "vm a on=h1 size=4096\nvm b on=h2 size=4096\n"

static int64_t third[] = { 103 }, unknown[] = { 999 };

static const struct {
    const char *text;
    struct ha_policy policy;
    int failures;
    bool holds;
    const char *words;
} policies[] = {
    { FULL, { .enabled = true }, -1, true, "HA admission control is switched off" },
    { FULL, { .control_policy_on = true }, -1, true, "HA is switched off" },
    { FULL, { .enabled = true }, 1, true, "1 host may die" },
    { FULL, { .enabled = true }, 2, false, "2 hosts that are hardest to replace died, 1 of their" },
    { EMPTY, { .enabled = true }, 2, true, "2 hosts may die" },
    { EMPTY, { .enabled = true }, 3, false, "2 of their 2 VMs would be lost" },
    { FULL,
      { .enabled = true, .control_policy_on = true, .mem_reservation = 40 },
      -1,
      true,
      "40 % of memory and 0 % of CPU are kept for failures: VMs have 17408 of the 18432 MiB" },
    { FULL,
      { .enabled = true, .control_policy_on = true, .mem_reservation = 50 },
      -1,
      false,
      "VMs have 17408 of the 15360 MiB" },
    { THREE "vm a on=h1 reserve=9000\n",
      { .enabled = true, .control_policy_on = true, .cpu_reservation = 75 },
      -1,
      false,
      "reserve 9000 of the 7500 MHz" },
    { FULL,
      { .enabled = true,
        .control_policy_on = true,
        .control_policy = 1,
        .hosts_fault_quantity = 1 },
      -1,
      true,
      "1 host may die" },
    { FULL,
      { .enabled = true,
        .control_policy_on = true,
        .control_policy = 1,
        .hosts_fault_quantity = 1,
        .custom_slot = true,
        .slot_cpu_mhz = 100,
        .slot_mem_mb = 2048 },
      -1,
      true,
      "need 9 slots of 100 MHz and 2048 MiB, 10 are left without the 1 biggest hosts" },
    { FULL,
      { .enabled = true,
        .control_policy_on = true,
        .control_policy = 1,
        .hosts_fault_quantity = 2,
        .custom_slot = true,
        .slot_cpu_mhz = 100,
        .slot_mem_mb = 2048 },
      -1,
      false,
      "need 9 slots of 100 MHz and 2048 MiB, 5 are left" },
    { EMPTY,
      { .enabled = true,
        .control_policy_on = true,
        .control_policy = 2,
        .failover_hosts = third,
        .n_failover_hosts = 1 },
      -1,
      true,
      "the VMs of any host fit on the 1 fail-over hosts" },
    { EMPTY,
      { .enabled = true,
        .control_policy_on = true,
        .control_policy = 2,
        .failover_hosts = unknown,
        .n_failover_hosts = 1 },
      -1,
      false,
      "if h1 died, 1 of its 1 VMs (4096 MiB) would not fit on the 0 usable fail-over hosts, a" },
};

START_TEST(each_policy_holds_or_says_what_is_missing)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = snapshot_with(scn, policies[_i].text, &policies[_i].policy);
    struct admission_verdict verdict;
    g_autofree char *text = NULL;

    ck_assert(admission_check(snap, 1, policies[_i].failures, scn_params(scn), &verdict, NULL));
    text = verdict.text;
    ck_assert_msg(strstr(text, policies[_i].words) != NULL, "%s", text);
    ck_assert_int_eq(verdict.holds, policies[_i].holds);
}
END_TEST

/* ---- how many more -------------------------------------------------------------------------- */

static const struct {
    const char *text;
    struct admission_size size;
    uint32_t n_now, n_secure;
    const char *words;
} rooms[] = {
    { THREE, { 1, 1024, 0, 0 }, 30, 30, "no host takes another one" },
    { THREE, { 1, 1024, 0, 1 }, 30, 20, "if h1 died" },
    { THREE, { 1, 1024, 0, 2 }, 30, 10, "died" },
    { THREE, { 1, 1024, 0, 3 }, 30, 0, "died" },
    { THREE, { 1, 20480, 0, 1 }, 0, 0, "no host has the memory for one" },
    { THREE, { 9, 1024, 0, 1 }, 0, 0, "no host takes another one" },
    { THREE, { 1, 1024, 5000, 0 }, 6, 6, "no host takes another one" },
    { THREE "vm a on=h1 size=8192\nvm b on=h2 size=8192\n", { 1, 1024, 0, 1 }, 14, 4, "died" },
    { "params vcpus_per_thread=1\n" THREE, { 4, 1024, 0, 1 }, 6, 4, "died" },
    { "host h1 mem=2048\nvm a on=h1\n", { 1, 512, 0, 1 }, 2, 0, "if h1 died" },
};

START_TEST(what_fits_is_counted_with_and_without_failures)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = snapshot_of(scn, rooms[_i].text);
    struct admission_room room;
    g_autofree char *text = NULL;

    ck_assert(admission_room(snap, 1, &rooms[_i].size, scn_params(scn), &room, NULL));
    text = room.text;
    ck_assert_uint_eq(room.n_now, rooms[_i].n_now);
    ck_assert_uint_eq(room.n_secure, rooms[_i].n_secure);
    ck_assert_msg(strstr(text, rooms[_i].words) != NULL, "%s", text);
}
END_TEST

START_TEST(a_size_of_nothing_is_refused)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = snapshot_of(scn, THREE);
    const struct admission_size size = { 0, 1024, 0, 1 };
    struct admission_room room;
    g_autoptr(GError) error = NULL;

    ck_assert(!admission_room(snap, 1, &size, scn_params(scn), &room, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "a VM of 0 vCPUs");
    ck_assert(!admission_check(snap, 9, 1, scn_params(scn), NULL, &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "no cluster 9");
}
END_TEST

/* ---- what if -------------------------------------------------------------------------------- */

START_TEST(new_hosts_are_empty_and_alike)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = snapshot_of(scn, THREE "vm a on=h1\nhost h2-new1 mem=512\n");
    g_autoptr(Snapshot) more = whatif_add_hosts(snap, scn_host(scn, "h2"), 2, NULL);
    g_autoptr(GError) error = NULL;

    ck_assert_uint_eq(more->n_hosts, 6);
    ck_assert_str_eq(more->hosts[4]->name, "h2-new2");
    ck_assert_str_eq(more->hosts[5]->name, "h2-new3");
    ck_assert_int_eq(more->hosts[5]->mem_mb, 10240);
    ck_assert_ptr_eq(more->vms[0], snap->vms[0]);
    ck_assert_ptr_null(whatif_add_hosts(snap, 999, 1, &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "no host 999");
}
END_TEST

START_TEST(a_plan_can_be_carried_out_in_thought)
{
    struct sched_params params;
    g_autoptr(SnapshotBuilder) builder = gen_park(7, 8, 100, &params);
    g_autoptr(Snapshot) snap = snapshot_builder_build(builder, params.now_mono_ms);
    g_autoptr(Plan) plan = NULL;
    g_autoptr(Snapshot) after = NULL;
    struct plan_measure measure;

    ck_assert(balance_plan(snap, GEN_CLUSTER, &params, &plan, NULL));
    ck_assert_uint_gt(plan->moves.len, 0);
    after = whatif_moved(snap, plan);
    ck_assert(balance_measure(after, GEN_CLUSTER, &params, &measure, NULL));
    ck_assert_int_eq(measure.imbalance, plan->after.imbalance);
    ck_assert_int_eq(measure.must_broken, plan->after.must_broken);
}
END_TEST

START_TEST(a_closed_host_is_emptied_by_a_plan)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = snapshot_of(scn, THREE "vm a on=h1\nvm b on=h1\n");
    g_autoptr(Snapshot) closed = whatif_close_host(snap, 101, NULL);
    g_autoptr(Snapshot) after = NULL;
    g_autoptr(Plan) plan = NULL;

    ck_assert(closed->hosts[0]->maintaining);
    ck_assert(evacuate_plan(closed, 101, scn_params(scn), &plan, NULL));
    after = whatif_moved(closed, plan);
    for (size_t i = 0; i < after->n_vms; i++)
        ck_assert_int_ne(after->vms[i]->host_id, 101);
}
END_TEST

static const struct {
    const char *text;
    int code; /* -1: good */
    const char *words;
} rules[] = {
    { "apart must a,b", -1, "" },
    { "  together  should b,a,a ", -1, "" },
    { "host must a,b h1,h2", -1, "" },
    { "host should-not a h3", -1, "" },
    { "", VRM_ERR_INVALID, "rule '': want 'apart must|should VM,VM...'" },
    { "apart a,b", VRM_ERR_INVALID, "want 'apart" },
    { "apart must-not a,b", VRM_ERR_INVALID, "want 'apart" },
    { "near must a,b", VRM_ERR_INVALID, "want 'apart" },
    { "host must a,b", VRM_ERR_INVALID, "want 'apart" },
    { "apart must a,z", VRM_ERR_NOT_FOUND, "there is no VM 'z'" },
    { "host must a h9", VRM_ERR_NOT_FOUND, "there is no host 'h9'" },
    { "together must a,c", VRM_ERR_CONFLICT, "r1" },
};

START_TEST(rules_in_words_are_checked_like_others)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap =
        snapshot_of(scn, THREE "vm a on=h1\nvm b on=h2\nvm c on=h3\nrule r1 apart must a c\n");
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) with = whatif_add_rule(snap, 1, rules[_i].text, &error);

    ck_assert_int_eq(with != NULL, rules[_i].code < 0);
    if (with)
        ck_assert_uint_eq(with->n_rules, 2);
    else
        suite_take_error(&error, (enum vrm_err)rules[_i].code, rules[_i].words);
}
END_TEST

SUITE_MAIN("admission", SUITE_LOOP(each_hosts_death_is_tried, losses),
           SUITE_LOOP(each_racks_death_is_tried, racks),
           SUITE_LOOP(each_policy_holds_or_says_what_is_missing, policies),
           SUITE_LOOP(what_fits_is_counted_with_and_without_failures, rooms),
           SUITE_TEST(a_size_of_nothing_is_refused), SUITE_TEST(new_hosts_are_empty_and_alike),
           SUITE_TEST(a_plan_can_be_carried_out_in_thought),
           SUITE_TEST(a_closed_host_is_emptied_by_a_plan),
           SUITE_LOOP(rules_in_words_are_checked_like_others, rules))
