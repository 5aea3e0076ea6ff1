/* test_explain_vm.c - why a VM is where it is, why nowhere else, and why it was not moved. */
#include "config.h"

#include "model/reason.h"
#include "scheduler/admission.h"
#include "scheduler/explain_vm.h"
#include "tests/sched_scn.h"
#include "tests/suite.h"

#define TWO    "policy enabled=yes limen=5\nhost h1\nhost h2\n"
#define UNEVEN TWO "vm a on=h1 cpu=4000\nvm b on=h1 cpu=3000\nvm c on=h1 cpu=1000\n"

// clang-format off
static const struct {
    const char *name, *text;
    const char *why, *stays; /* of VM a */
} rows[] = {
    { "even", TWO "vm a on=h1 cpu=1000\nvm b on=h2 cpu=1000\n", "balanced",
      "imbalance 0 per mille, threshold 80 (level 5), no overload, no broken rule" },
    { "DRS is off", "policy enabled=no\nhost h1\nhost h2\nvm a on=h1 cpu=4000\n", "drs-off",
      "DRS is switched off in cluster" },
    { "DRS rests in this hour", "policy enabled=yes limen=0\nhost h1\nhost h2\nvm a on=h1 cpu=4000\n",
      "drs-rests", "DRS rests in the hour from 12:00: its level is 0" },
    { "DRS rests today", "policy enabled=yes limen=5 weekly=3\nparams wday=4\nhost h1\nhost h2\n"
      "vm a on=h1 cpu=4000\n", "drs-rests", "the day is not in its weekly cycle" },
    { "cool-down", TWO "vm a on=h1 cpu=4000 moved_s=30\nvm b on=h1 cpu=4000\n", "cool-down",
      "moved 30 s ago (rests for 600 s); only overload or a broken must-rule would move it sooner" },
    { "override", "policy enabled=yes limen=5 overrides=yes\nhost h1\nhost h2\n"
      "vm a on=h1 cpu=4000 drs=4\nvm b on=h1 cpu=4000\n", "override",
      "DRS switched off for it" },
    { "bound", TWO "vm a on=h1 cpu=4000 bound\nvm b on=h1 cpu=4000\n", "bound", "bound to its host" },
    { "busy", TWO "vm a on=h1 cpu=4000 task=3\nvm b on=h1 cpu=4000\n", "busy", "busy with task 3" },
    { "too few samples in a cluster that is measured",
      TWO "vm a on=h1 cpu=4000 samples=1\nvm b on=h1 cpu=4000\nvm c on=h2 cpu=4000\n", "unmeasured",
      "has 1 of 6 samples (counted by estimate)" },
    { "no samples", TWO "vm a on=h1 cpu=4000 samples=0\nvm b on=h1 cpu=4000\n", "no-data",
      "no decision: VM a: has 0 of" },
    { "its host is left out", "policy enabled=yes limen=5\nhost h1 state=maintaining\nhost h2\n"
      "vm a on=h1 cpu=4000\n", "host-left-out", "its host h1 takes no part in DRS now: it is in maintenance" },
    { "no other host", "policy enabled=yes limen=5\nhost h1\nvm a on=h1 cpu=11000\n", "no-other-host",
      "the cluster has no other host" },
    { "every host is barred", TWO "vm a on=h1 cpu=4000\nvm b on=h1 cpu=4000\nvm d on=h2 cpu=10\n"
      "rule r apart must a d\n", "filtered", "no host takes it: h2: keep-apart 'r': d is there" },
    { "the move would pay", UNEVEN, "due", "a move to h2 would pay now" },
    { "the gain is below what it costs",
      TWO "policy factor=cpu\nvm a on=h1 cpu=100 size=50000 mem=49000\nvm b on=h1 cpu=4000\nvm c on=h1 cpu=3000\n",
      "no-gain", "per mille of a host over" },
    { "it would be worse", TWO "vm a on=h1 cpu=10\nvm b on=h1 cpu=4000\nvm c on=h1 cpu=3000\n"
      "rule r together should a b\n", "no-gain", "its best move would be worse: h2: 1 should-rules" },
};
// clang-format on

static VmExplanation *explain(Scn *scn, const char *text, const char *vm, int64_t host_id)
{
    g_autoptr(Snapshot) snap = NULL;
    g_autoptr(GError) error = NULL;
    VmExplanation *x = NULL;

    scn_run(scn, text, NULL);
    snap = scn_snapshot(scn);
    (void)explain_vm(snap, scn_vm(scn, vm), host_id, scn_params(scn), &x, &error);
    suite_no_error(error);
    return x;
}

START_TEST(why_it_was_not_moved)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(VmExplanation) x = explain(scn, rows[_i].text, "a", 0);

    ck_assert_msg(strcmp(x->why, rows[_i].why) == 0, "%s: %s: %s", rows[_i].name, x->why, x->stays);
    ck_assert_msg(strstr(x->stays, rows[_i].stays) != NULL, "%s: %s", rows[_i].name, x->stays);
    ck_assert_ptr_null(x->start);
}
END_TEST

START_TEST(a_move_of_the_last_plan_is_told_before_anything_else)
{
    static const struct {
        enum recommendation_state state;
        const char *why;
    } cases[] = { { REC_OPEN, "recommended" },
                  { REC_APPLYING, "moving" },
                  { REC_DONE, "drs-off" },
                  { REC_EXPIRED, "drs-off" } };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Scn) scn = scn_new();
        g_autoptr(VmExplanation) x = NULL;
        Recommendation *rec = recommendation_new();
        DrsReport *report = drs_report_new();

        rec->vm_id = 1;
        rec->state = cases[i].state;
        g_free(rec->target_name);
        rec->target_name = g_strdup("h2");
        report->cluster_id = 1;
        drs_report_take(report, rec);
        snapshot_builder_put_drs_report(scn_builder(scn), report);
        x = explain(scn, "policy enabled=no\nhost h1\nhost h2\nvm a on=h1\n", "a", 0);
        ck_assert_str_eq(x->why, cases[i].why);
    }
}
END_TEST

START_TEST(every_host_has_its_verdict)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(VmExplanation) x =
        explain(scn,
                "policy enabled=yes limen=5\nhost h1\nhost h2 state=maintaining\nhost h3 mem=512\n"
                "host h4\nvm a on=h1 cpu=4000 size=1024\nvm b on=h4 cpu=5000\n",
                "a", 0);

    ck_assert_uint_eq(x->n_hosts, 4);
    ck_assert(x->hosts[0].here && x->hosts[0].fits);
    ck_assert_int_eq(x->hosts[0].cpu_permille, 400);
    ck_assert_str_eq(x->hosts[1].filter, "host-maintenance");
    ck_assert_str_eq(x->hosts[2].filter, "memory");
    ck_assert_str_eq(x->hosts[2].text, "h3: needs 1024 MiB, 512 MiB free");
    ck_assert(x->hosts[3].fits && !x->hosts[3].here && x->hosts[3].filter == NULL);
    ck_assert_ptr_nonnull(strstr(x->hosts[3].text, "per mille"));
    ck_assert_ptr_nonnull(strstr(x->here, "h1: CPU 40 %"));
    ck_assert_ptr_nonnull(strstr(x->here, "nothing forbids it there"));
}
END_TEST

START_TEST(one_host_can_be_asked_for)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(VmExplanation) x = explain(scn, UNEVEN "cluster c2\nhost x\n", "a", 102);
    g_autoptr(Snapshot) snap = scn_snapshot(scn);
    g_autoptr(VmExplanation) y = NULL;

    ck_assert_uint_eq(x->n_hosts, 1);
    ck_assert_int_eq(x->hosts[0].host_id, 102);
    ck_assert(explain_vm(snap, scn_vm(scn, "a"), scn_host(scn, "x"), scn_params(scn), &y, NULL));
    ck_assert_uint_eq(y->n_hosts, 1);
    ck_assert_str_eq(y->hosts[0].filter, "host-cluster");
    ck_assert_str_eq(y->hosts[0].text, "x: is not in the cluster of a");
}
END_TEST

START_TEST(a_place_that_breaks_a_rule_is_said)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(VmExplanation) x = explain(
        scn, TWO "vm a on=h1 cpu=6000\nvm b on=h1 cpu=5000\nrule r apart must a b\n", "a", 0);

    ck_assert_ptr_nonnull(strstr(x->here, "its CPU is overloaded by 1000 MHz"));
    ck_assert_ptr_nonnull(
        strstr(x->here, "it would not be put there today: h1: keep-apart 'r': b is there"));
    ck_assert_str_eq(x->why, "due");
}
END_TEST

static const struct {
    const char *text;
    int64_t start_id;
    const char *here, *start;
} stopped[] = {
    { TWO "vm b on=h1 cpu=2000\nvm a status=stopped\n", 102, "a is stopped", "h2: with it CPU" },
    { TWO "vm a status=stopped size=999999\n", 0, "a is stopped", "no host can take a: h1: needs" },
    { TWO "policy ha=yes ha_hosts=2\nvm a status=stopped\n", 0, "a is stopped",
      "a cannot start: the HA policy" },
};

START_TEST(a_should_rule_that_is_broken_where_the_vm_is_is_named)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(VmExplanation) x =
        explain(scn, TWO "vm a on=h1\nvm b on=h1\nrule r apart should a b\n", "a", 0);

    ck_assert_ptr_nonnull(strstr(x->here, "; should-rule 'r' is broken there"));
    ck_assert_ptr_null(strstr(x->here, "nothing forbids it there"));
}
END_TEST

START_TEST(of_a_stopped_vm_is_told_where_it_would_start)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(VmExplanation) x = NULL;
    Vm *vm;

    scn_run(scn, stopped[_i].text, NULL);
    vm = vm_dup(snapshot_builder_get_vm(scn_builder(scn), scn_vm(scn, "a")));
    vm->enable_ha = true;
    snapshot_builder_put_vm(scn_builder(scn), vm);
    x = explain(scn, "", "a", 0);
    ck_assert_str_eq(x->why, "stopped");
    ck_assert_str_eq(x->here, stopped[_i].here);
    ck_assert_msg(strstr(x->start, stopped[_i].start) != NULL, "%s", x->start);
    ck_assert_int_eq(x->start_id, stopped[_i].start_id);
    ck_assert_uint_eq(x->n_hosts, 2);
}
END_TEST

START_TEST(a_vm_without_a_cluster_has_an_answer)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(VmExplanation) x = NULL;
    Vm *vm;

    scn_run(scn, TWO "vm a on=h1\n", NULL);
    vm = vm_dup(snapshot_builder_get_vm(scn_builder(scn), 1));
    vm->cluster_id = 0;
    snapshot_builder_put_vm(scn_builder(scn), vm);
    x = explain(scn, "", "a", 102);
    ck_assert_str_eq(x->why, "no-cluster");
    ck_assert_str_eq(x->here, "a belongs to no cluster; it is on h1");
    ck_assert_str_eq(x->hosts[0].filter, "host-cluster");
}
END_TEST

START_TEST(unknown_ids_are_refused)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = NULL;
    VmExplanation *x = NULL;
    GError *error = NULL;

    scn_run(scn, TWO "vm a on=h1\n", NULL);
    snap = scn_snapshot(scn);
    ck_assert(!explain_vm(snap, 99, 0, scn_params(scn), &x, &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "there is no VM 99");
    ck_assert(!explain_vm(snap, 1, 99, scn_params(scn), &x, &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "there is no host 99");
}
END_TEST

/* ---- if a host died, VM by VM ---------------------------------------------------------------- */

#define THREE "host h1 mem=10240\nhost h2 mem=10240\nhost h3 mem=10240\n"

static HostLosses *fates(Scn *scn, const char *text, int64_t host_id, GError **error)
{
    g_autoptr(Snapshot) read = NULL, snap = NULL;
    HostLosses *losses = NULL;

    scn_run(scn, text, NULL);
    read = scn_snapshot(scn);
    for (size_t i = 0; i < read->n_vms; i++) {
        Vm *vm = vm_dup(read->vms[i]);

        vm->enable_ha = vm->name[0] != 'x';
        snapshot_builder_put_vm(scn_builder(scn), vm);
    }
    snap = scn_snapshot(scn);
    (void)admission_host_fates(snap, 1, host_id, scn_params(scn), &losses, error);
    return losses;
}

START_TEST(each_vm_of_a_dying_host_has_its_fate)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(HostLosses) losses =
        fates(scn,
              THREE "vm a on=h1 size=4096\nvm b on=h1 size=6144\nvm x on=h1\nvm d on=h1 bound\n"
                    "vm e on=h1 local_disk\nvm f on=h2 size=8192\nvm g on=h3 size=5120\n",
              101, NULL);
    const struct host_loss *loss = &losses->items[0];
    static const struct {
        const char *end, *to, *text;
    } want[] = { { "restarts", "h3", "" },
                 { "lost", "",
                   "no host takes it: h2: needs 6144 MiB, 2048 MiB free; h3: needs 6144" },
                 { "withoutHa", "", "HA is off for it" },
                 { "tied", "", "it is bound to its host" },
                 { "tied", "", "a disk of it is on local storage" } };

    ck_assert_uint_eq(losses->n_items, 1);
    ck_assert_uint_eq(loss->n_vms, G_N_ELEMENTS(want));
    ck_assert_uint_eq(loss->n_lost, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(want); i++) {
        ck_assert_str_eq(loss->vms[i].end, want[i].end);
        ck_assert_str_eq(loss->vms[i].to_name, want[i].to);
        ck_assert_msg(g_str_has_prefix(loss->vms[i].text, want[i].text), "%s", loss->vms[i].text);
    }
}
END_TEST

START_TEST(every_host_is_told_of_also_those_out_of_service)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(HostLosses) losses =
        fates(scn, "host h1\nhost h2 state=maintaining\nvm a on=h2\n", 0, NULL);

    ck_assert_uint_eq(losses->n_items, 2);
    ck_assert_str_eq(losses->items[0].text, "runs no VM");
    ck_assert_str_eq(losses->items[1].vms[0].to_name, "h1");
}
END_TEST

START_TEST(fates_of_a_host_that_is_not_there_are_refused)
{
    g_autoptr(Scn) scn = scn_new(), other = scn_new();
    GError *error = NULL;

    ck_assert_ptr_null(fates(scn, THREE, 99, &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "there is no host 99");
    ck_assert_ptr_null(fates(other, THREE "cluster c2\nhost x\n", 104, &error));
    suite_take_error(&error, VRM_ERR_CONFLICT, "host x is not in cluster c1");
}
END_TEST

/* ---- a running VM that is to have more --------------------------------------------------------
 */

START_TEST(a_running_vm_grows_as_far_as_the_policy_bears_it)
{
    static const struct {
        bool on;
        int64_t size_mb;
        const char *words; /* NULL: it may */
    } cases[] = {
        { true, 5120, NULL },
        { true, 8192,
          "a cannot be given more: the HA policy of cluster c1 would not hold: if h1 died, 1 of 1 "
          "VMs would be lost (8192 MiB)" },
        { false, 8192, NULL },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Scn) scn = scn_new();
        g_autoptr(Snapshot) snap = NULL;
        g_autoptr(Vm) grown = NULL;
        GError *error = NULL;

        scn_run(scn,
                cases[i].on ? "policy ha=yes ha_hosts=1\n" THREE
                              "vm a on=h1 size=4096\nvm b on=h2 size=4096\nvm c on=h3 size=4096\n"
                            : "policy ha=no\n" THREE "vm a on=h1 size=4096\n",
                NULL);
        grown = vm_dup(snapshot_builder_get_vm(scn_builder(scn), 1));
        grown->enable_ha = true;
        snap = scn_snapshot(scn);
        grown->memory.size_mb = cases[i].size_mb;
        ck_assert_int_eq(admission_check_growth(snap, grown, scn_params(scn), &error),
                         cases[i].words == NULL);
        if (cases[i].words)
            suite_take_error(&error, VRM_ERR_NO_CAPACITY, cases[i].words);
    }
}
END_TEST

SUITE_MAIN("explain_vm", SUITE_LOOP(why_it_was_not_moved, rows),
           SUITE_TEST(a_move_of_the_last_plan_is_told_before_anything_else),
           SUITE_TEST(every_host_has_its_verdict), SUITE_TEST(one_host_can_be_asked_for),
           SUITE_TEST(a_place_that_breaks_a_rule_is_said),
           SUITE_LOOP(of_a_stopped_vm_is_told_where_it_would_start, stopped),
           SUITE_TEST(a_vm_without_a_cluster_has_an_answer), SUITE_TEST(unknown_ids_are_refused),
           SUITE_TEST(each_vm_of_a_dying_host_has_its_fate),
           SUITE_TEST(every_host_is_told_of_also_those_out_of_service),
           SUITE_TEST(fates_of_a_host_that_is_not_there_are_refused),
           SUITE_TEST(a_should_rule_that_is_broken_where_the_vm_is_is_named),
           SUITE_TEST(a_running_vm_grows_as_far_as_the_policy_bears_it))
