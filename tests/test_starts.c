/* test_starts.c - many VMs that start at once, and how the HA policy bears it. */
#include "config.h"

#include "model/reason.h"
#include "scheduler/place.h"
#include "scheduler/starts.h"
#include "tests/sched_gen.h"
#include "tests/sched_scn.h"
#include "tests/suite.h"

#define THREE      "host h1 mem=10240\nhost h2 mem=10240\nhost h3 mem=10240\n"
#define EMPTY      THREE "vm a on=h1 size=4096\nvm b on=h2 size=4096\n"
#define FULL       THREE "vm a on=h1 size=8192\nvm b on=h2 size=8192\nvm c on=h3 size=1024\n"

#define MAX_STARTS 8

static int64_t third[] = { 103 };

/* All its VMs get HA, its cluster the policy. */
static Snapshot *snapshot_with(Scn *scn, const char *text, const struct ha_policy *policy)
{
    g_autoptr(Snapshot) snap = NULL;
    Cluster *cluster;

    scn_run(scn, text, NULL);
    snap = scn_snapshot(scn);
    for (size_t i = 0; i < snap->n_vms; i++) {
        Vm *vm = vm_dup(snap->vms[i]);

        vm->enable_ha = true;
        snapshot_builder_put_vm(scn_builder(scn), vm);
    }
    cluster = cluster_dup(snapshot_builder_get_cluster(scn_builder(scn), 1));
    g_free(cluster->ha.failover_hosts);
    cluster->ha = *policy;
    cluster->ha.failover_hosts =
        g_memdup2(policy->failover_hosts, policy->n_failover_hosts * sizeof(int64_t));
    snapshot_builder_put_cluster(scn_builder(scn), cluster);
    return scn_snapshot(scn);
}

/* ---- one start ------------------------------------------------------------------------------ */

// clang-format off
static const struct {
    const char *name, *text;
    struct ha_policy policy;
    int64_t wanted;
    bool recovery;
    int64_t host; /* 0: refused */
    int code, reason;
    const char *words;
} rows[] = {
    { "no policy", EMPTY "vm n status=stopped size=1024\n", { .enabled = true }, 0, false, 103, 0, 0,
      "h3: with it CPU" },
    { "the best alternative is told", EMPTY "vm n status=stopped size=1024\n", { .enabled = true },
      0, false, 103, 0, 0, "; rejected: h1: imbalance" },
    { "what bars the only other host is told",
      "host h1 mem=10240\nhost h2 mem=512\nvm n status=stopped size=1024\n", { .enabled = true }, 0,
      false, 101, 0, 0, "; rejected: h2: needs 1024 MiB, 512 MiB free" },
    { "a named host", EMPTY "vm n status=stopped size=1024\n", { .enabled = true }, 101, false, 101,
      0, 0, "the host was named" },
    { "a named host without room", FULL "vm n status=stopped size=4096\n", { .enabled = true }, 101,
      false, 0, VRM_ERR_NO_CAPACITY, REASON_TARGET_NO_RESOURCES,
      "n cannot go to h1: needs 4096 MiB, 2048 MiB free" },
    { "a named host that is not there", EMPTY "vm n status=stopped\n", { .enabled = true }, 999,
      false, 0, VRM_ERR_NOT_FOUND, REASON_VM_HOST_MISSING, "there is no host 999" },
    { "a named host of another cluster", EMPTY "vm n status=stopped\ncluster c2\nhost x\n",
      { .enabled = true }, 104, false, 0, VRM_ERR_CONFLICT, REASON_HOST_NOT_IN_CLUSTER,
      "host x is not in the cluster of n" },
    { "no room at all", FULL "vm n status=stopped size=10240\n", { .enabled = true }, 0, false, 0,
      VRM_ERR_NO_CAPACITY, REASON_NO_HOST_MEMORY, "no host can take n" },
    { "the share for failures is kept", EMPTY "vm n status=stopped size=4096\n",
      { .enabled = true, .control_policy_on = true, .mem_reservation = 50 }, 0, false, 103, 0, 0,
      "h3" },
    { "the share for failures would be used up", EMPTY "vm n status=stopped size=8192\n",
      { .enabled = true, .control_policy_on = true, .mem_reservation = 50 }, 0, false, 0,
      VRM_ERR_NO_CAPACITY, REASON_NO_RESOURCES,
      "n cannot start: the HA policy of cluster c1 would not hold: 50 % of memory and 0 % of CPU "
      "are kept for failures: VMs have 16384 of the 15360 MiB left for them, and reserve 0 of the "
      "30000 MHz; what would be right: add a host, or stop VMs of 1024 MiB; memoryReservation 46 "
      "would hold" },
    { "reserved CPU counts as well", EMPTY "vm n status=stopped reserve=9000\n",
      { .enabled = true, .control_policy_on = true, .cpu_reservation = 80 }, 0, false, 0,
      VRM_ERR_NO_CAPACITY, REASON_NO_RESOURCES,
      "or reserve 3000 MHz less; cpuReservation 70 would hold" },
    { "a policy that does not hold already lets none in", FULL "vm n status=stopped size=512\n",
      { .enabled = true, .control_policy_on = true, .mem_reservation = 50 }, 0, false, 0,
      VRM_ERR_NO_CAPACITY, REASON_NO_RESOURCES, "VMs have 17920 of the 15360 MiB" },
    { "the policy is switched off", FULL "vm n status=stopped size=512\n",
      { .enabled = true, .mem_reservation = 50 }, 0, false, 103, 0, 0, "h3" },
    { "HA is switched off", FULL "vm n status=stopped size=512\n",
      { .control_policy_on = true, .mem_reservation = 50 }, 0, false, 103, 0, 0, "h3" },
    { "a host may die", EMPTY "vm n status=stopped size=4096\n",
      { .enabled = true, .control_policy_on = true, .control_policy = 1, .hosts_fault_quantity = 1 },
      0, false, 103, 0, 0, "h3" },
    { "no host may die any more", FULL "vm n status=stopped size=8192\n",
      { .enabled = true, .control_policy_on = true, .control_policy = 1, .hosts_fault_quantity = 1 },
      0, false, 0, VRM_ERR_NO_CAPACITY, REASON_NO_RESOURCES,
      "if h1 died, 1 of 1 VMs would be lost (8192 MiB): a has no place elsewhere" },
    { "the number that would hold is told", EMPTY "vm n status=stopped size=6144\n",
      { .enabled = true, .control_policy_on = true, .control_policy = 1, .hosts_fault_quantity = 2 },
      0, false, 0, VRM_ERR_NO_CAPACITY, REASON_NO_RESOURCES, "hostsFaultQuantity 1 would hold" },
    { "slots", FULL "vm n status=stopped size=4096\n",
      { .enabled = true, .control_policy_on = true, .control_policy = 1, .hosts_fault_quantity = 1,
        .custom_slot = true, .slot_cpu_mhz = 100, .slot_mem_mb = 2048 },
      0, false, 0, VRM_ERR_NO_CAPACITY, REASON_NO_RESOURCES,
      "need 11 slots of 100 MHz and 2048 MiB, 10 are left without the 1 biggest hosts; what would "
      "be right: 1 slots are missing" },
    { "a fail-over host stays empty", EMPTY "vm n status=stopped size=1024\n",
      { .enabled = true, .control_policy_on = true, .control_policy = 2, .failover_hosts = third,
        .n_failover_hosts = 1 },
      0, false, 101, 0, 0, "h1" },
    { "also when it is named", EMPTY "vm n status=stopped size=1024\n",
      { .enabled = true, .control_policy_on = true, .control_policy = 2, .failover_hosts = third,
        .n_failover_hosts = 1 },
      103, false, 0, VRM_ERR_CONFLICT, REASON_TARGET_UNFIT,
      "n cannot go to h3: is kept free for fail-over by the cluster's HA policy" },
    { "unless the policy is switched off", EMPTY "vm n status=stopped size=1024\n",
      { .enabled = true, .control_policy = 2, .failover_hosts = third, .n_failover_hosts = 1 }, 0,
      false, 103, 0, 0, "h3" },
    { "more than the fail-over hosts can take", EMPTY "vm n status=stopped size=6144\n",
      { .enabled = true, .control_policy_on = true, .control_policy = 2, .failover_hosts = third,
        .n_failover_hosts = 1 },
      0, false, 101, 0, 0, "h1" },
    { "one host has more than the fail-over host can take",
      "host h1 mem=20480\nhost h2 mem=1024\nhost h3 mem=10240\nvm a on=h1 size=8192\n"
      "vm n status=stopped size=4096\n",
      { .enabled = true, .control_policy_on = true, .control_policy = 2, .failover_hosts = third,
        .n_failover_hosts = 1 },
      0, false, 0, VRM_ERR_NO_CAPACITY, REASON_NO_RESOURCES,
      "if h1 died, 1 of its 2 VMs (4096 MiB) would not fit on the 1 usable fail-over hosts, n first; "
      "what would be right: add a fail-over host, or have 4096 MiB fewer of VMs on h1" },
    { "after a failure nothing is kept", FULL "vm n status=stopped size=8192\n",
      { .enabled = true, .control_policy_on = true, .mem_reservation = 50 }, 0, true, 103, 0, 0,
      "h3" },
    { "after a failure fail-over hosts serve", FULL "vm n status=stopped size=8192\n",
      { .enabled = true, .control_policy_on = true, .control_policy = 2, .failover_hosts = third,
        .n_failover_hosts = 1 },
      0, true, 103, 0, 0, "h3" },
};

START_TEST(a_start_finds_its_host_or_is_told_what_would_be_right)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = snapshot_with(scn, rows[_i].text, &rows[_i].policy);
    const struct start_want want = { .vm_id = scn_vm(scn, "n"),
                                     .host_id = rows[_i].wanted,
                                     .recovery = rows[_i].recovery };
    struct start_answer answer;

    starts_place(snap, &want, 1, scn_params(scn), &answer);
    ck_assert_msg(answer.host_id == rows[_i].host, "%s: host %d, %s", rows[_i].name,
                  (int)answer.host_id, answer.error ? answer.error->message : answer.why);
    if (rows[_i].host) {
        ck_assert_msg(strstr(answer.why, rows[_i].words) != NULL, "%s: %s", rows[_i].name,
                      answer.why);
    } else {
        ck_assert_ptr_null(answer.why);
        ck_assert_int_eq(err_reason(answer.error), rows[_i].reason);
        suite_take_error(&answer.error, (enum vrm_err)rows[_i].code, rows[_i].words);
    }
    start_answer_clear(&answer);
}
END_TEST

// clang-format off
static const struct {
    const char *name, *text;
    int64_t leave, host;
    const char *words;
} leaves[] = {
    { "the best is left for the next best", EMPTY "vm n status=stopped size=1024\n", 103, 101,
      "not where it ended" },
    { "another one than the best is left", EMPTY "vm n status=stopped size=1024\n", 102, 103,
      "not where it ended" },
    { "no other can have it", FULL "vm n status=stopped size=8192\n", 103, 103, "h3" },
    { "a host that is gone is no host", EMPTY "vm n status=stopped size=1024\n", 999, 103, "h3" },
};
// clang-format on

START_TEST(a_vm_leaves_a_host_if_another_can_have_it)
{
    const struct ha_policy policy = { .enabled = true };
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = snapshot_with(scn, leaves[_i].text, &policy);
    const struct start_want want = { .vm_id = scn_vm(scn, "n"),
                                     .recovery = true,
                                     .leave_id = leaves[_i].leave };
    struct start_answer answer;

    starts_place(snap, &want, 1, scn_params(scn), &answer);
    ck_assert_msg(answer.host_id == leaves[_i].host, "%s: host %d, %s", leaves[_i].name,
                  (int)answer.host_id, answer.error ? answer.error->message : answer.why);
    ck_assert_msg(strstr(answer.why, leaves[_i].words) != NULL, "%s: %s", leaves[_i].name,
                  answer.why);
    start_answer_clear(&answer);
}
END_TEST

/* ---- many ----------------------------------------------------------------------------------- */

#define TWO           "host h1 mem=8192\nhost h2 mem=8192\n"
#define N(name, size) "vm " name " status=stopped size=" size "\n"

static const struct {
    const char *name, *text;
    struct ha_policy policy;
    const char *wants[MAX_STARTS]; /* VMs */
    const char *hosts[MAX_STARTS]; /* "-": refused */
} batches[] = {
    { "they spread",
      TWO N("a", "1024") N("b", "1024") N("c", "1024") N("d", "1024"),
      { .enabled = true },
      { "a", "b", "c", "d" },
      { "h1", "h2", "h1", "h2" } },
    { "each counts the room of those before it",
      TWO N("a", "6144") N("b", "6144") N("c", "6144") N("d", "2048"),
      { .enabled = true },
      { "a", "b", "c", "d" },
      { "h1", "h2", "-", "h1" } },
    { "rules hold among them",
      TWO N("a", "512") N("b", "512") N("c", "512") "rule r apart must a b c\n",
      { .enabled = true },
      { "a", "b", "c" },
      { "h1", "h2", "-" } },
    { "the policy counts those before it",
      TWO N("a", "4096") N("b", "4096") N("c", "1024"),
      { .enabled = true, .control_policy_on = true, .mem_reservation = 50 },
      { "a", "b", "c" },
      { "h1", "h2", "-" } },
    { "one that is refused takes nothing from the next",
      TWO N("a", "2048") N("b", "8192") N("c", "4096") N("d", "2048") N("e", "512"),
      { .enabled = true, .control_policy_on = true, .mem_reservation = 50 },
      { "a", "b", "c", "d", "e" },
      { "h1", "-", "h2", "h1", "-" } },
    { "in the order in which they came",
      TWO N("a", "4096") N("b", "8192") N("c", "4096"),
      { .enabled = true, .control_policy_on = true, .mem_reservation = 50 },
      { "c", "b", "a" },
      { "h1", "-", "h2" } },
    { "clusters do not count for each other",
      TWO "cluster c2\nhost x mem=8192\n" N("b", "8192") "cluster c3\nhost y mem=8192\n" N(
          "c", "8192") N("d", "1024"),
      { .enabled = true },
      { "b", "c", "d" },
      { "x", "y", "-" } },
};
// clang-format on

START_TEST(starts_in_one_pass_are_as_if_they_came_one_by_one)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = snapshot_with(scn, batches[_i].text, &batches[_i].policy);
    struct start_want wants[MAX_STARTS] = { 0 };
    struct start_answer answers[MAX_STARTS];
    size_t n = 0;

    for (; n < MAX_STARTS && batches[_i].wants[n]; n++)
        wants[n].vm_id = scn_vm(scn, batches[_i].wants[n]);
    starts_place(snap, wants, n, scn_params(scn), answers);
    for (size_t i = 0; i < n; i++) {
        const Host *host = snapshot_host(snap, answers[i].host_id);
        const char *got = host ? host->name : "-";

        ck_assert_msg(strcmp(got, batches[_i].hosts[i]) == 0, "%s: %s on %s (%s)", batches[_i].name,
                      batches[_i].wants[i], got,
                      answers[i].error ? answers[i].error->message : answers[i].why);
        ck_assert_int_eq(host != NULL, answers[i].error == NULL);
        start_answer_clear(&answers[i]);
    }
}
END_TEST

START_TEST(a_vm_that_is_gone_is_refused_and_the_others_start)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap =
        snapshot_with(scn, TWO "vm a status=stopped\n", &(struct ha_policy){ .enabled = true });
    const struct start_want wants[] = { { .vm_id = 99 }, { .vm_id = scn_vm(scn, "a") } };
    struct start_answer answers[2];

    starts_place(snap, wants, 2, scn_params(scn), answers);
    suite_take_error(&answers[0].error, VRM_ERR_NOT_FOUND, "there is no VM 99");
    ck_assert_int_eq(answers[1].host_id, 101);
    start_answer_clear(&answers[1]);
}
END_TEST

/* ---- against a naive one --------------------------------------------------------------------- */

static Snapshot *with_started(const Snapshot *snap, int64_t vm_id, int64_t host_id)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    Vm *vm = vm_dup(snapshot_vm(snap, vm_id));

    for (size_t i = 0; i < snap->n_clusters; i++)
        snapshot_builder_put_cluster(builder, cluster_ref(snap->clusters[i]));
    for (size_t i = 0; i < snap->n_hosts; i++)
        snapshot_builder_put_host(builder, host_ref(snap->hosts[i]));
    for (size_t i = 0; i < snap->n_vms; i++)
        snapshot_builder_put_vm(builder, vm_ref(snap->vms[i]));
    for (size_t i = 0; i < snap->n_groups; i++)
        snapshot_builder_put_group(builder, group_ref(snap->groups[i]));
    for (size_t i = 0; i < snap->n_rules; i++)
        snapshot_builder_put_rule(builder, rule_ref(snap->rules[i]));
    for (size_t i = 0; i < snap->n_datastores; i++)
        snapshot_builder_put_datastore(builder, datastore_ref(snap->datastores[i]));
    vm->status = VM_RUNNING;
    vm->host_id = host_id;
    vm->location_is_host = false;
    snapshot_builder_put_vm(builder, vm);
    return snapshot_builder_build(builder, snap->taken_mono_ms);
}

/* Every second VM is stopped and starts again; one by one over ever new snapshots, and at once. */
START_TEST(random_clusters_are_filled_alike_in_one_pass_and_one_by_one)
{
    struct sched_params params;
    g_autoptr(SnapshotBuilder) builder = gen_cluster((uint64_t)_i + 1, 8, 40, &params);
    g_autoptr(Snapshot) first = snapshot_builder_build(builder, params.now_mono_ms);
    g_autoptr(GArray) wants = g_array_new(FALSE, TRUE, sizeof(struct start_want));
    Cluster *cluster = cluster_dup(snapshot_cluster(first, GEN_CLUSTER));
    g_autofree struct start_answer *answers = NULL;
    g_autoptr(Snapshot) snap = NULL;
    Snapshot *now;

    cluster->ha.enabled = true;
    cluster->ha.control_policy_on = _i % 3 != 0;
    cluster->ha.control_policy = _i % 2;
    cluster->ha.mem_reservation = 30;
    cluster->ha.hosts_fault_quantity = 1;
    snapshot_builder_put_cluster(builder, cluster);
    for (size_t i = 0; i < first->n_vms; i += 2) {
        Vm *vm = vm_dup(first->vms[i]);
        struct start_want want = { .vm_id = vm->id };

        vm->status = VM_STOPPED;
        vm->target_host_id = 0;
        vm->is_template = false;
        vm->cluster_id = GEN_CLUSTER;
        snapshot_builder_put_vm(builder, vm);
        g_array_append_val(wants, want);
    }
    snap = snapshot_builder_build(builder, params.now_mono_ms);
    answers = g_new0(struct start_answer, wants->len + 1);
    starts_place(snap, &g_array_index(wants, struct start_want, 0), wants->len, &params, answers);
    now = snapshot_ref(snap);
    for (guint i = 0; i < wants->len; i++) {
        const struct start_want *want = &g_array_index(wants, struct start_want, i);
        struct start_answer alone;
        Snapshot *next;

        starts_place(now, want, 1, &params, &alone);
        ck_assert_msg((alone.host_id != 0) == (answers[i].host_id != 0), "seed %d, VM %d: %s / %s",
                      _i + 1, (int)want->vm_id, alone.error ? alone.error->message : alone.why,
                      answers[i].error ? answers[i].error->message : answers[i].why);
        if (answers[i].host_id) {
            next = with_started(now, want->vm_id, answers[i].host_id);
            snapshot_unref(now);
            now = next;
        }
        start_answer_clear(&alone);
        start_answer_clear(&answers[i]);
    }
    snapshot_unref(now);
}
END_TEST

#define SEEDS 60

SUITE_MAIN("starts", SUITE_LOOP(a_start_finds_its_host_or_is_told_what_would_be_right, rows),
           SUITE_LOOP(a_vm_leaves_a_host_if_another_can_have_it, leaves),
           SUITE_LOOP(starts_in_one_pass_are_as_if_they_came_one_by_one, batches),
           SUITE_TEST(a_vm_that_is_gone_is_refused_and_the_others_start),
           { random_clusters_are_filled_alike_in_one_pass_and_one_by_one, SEEDS })
