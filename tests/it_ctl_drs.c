/* it_ctl_drs.c - DRS's part of the controller over a real PostgreSQL: plans that are carried out.
 */
#include "config.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "controller/dpm.h"
#include "controller/drs_private.h"
#include "controller/task.h"
#include "controller/vm_order.h"
#include "scheduler/drift.h"
#include "tests/ctl_lab.h"
#include "tests/suite.h"

/* ---- drift ------------------------------------------------------------------------------------
 */

static struct ctl_lab lab;

static int64_t put_running_vm(const char *name, int64_t cluster_id, int64_t host_id)
{
    Vm *vm = ctl_vm(0, cluster_id);

    g_free(vm->name);
    vm->name = g_strdup(name);
    vm->host_id = host_id;
    vm->status = VM_RUNNING;
    vm->domain = DOMAIN_RUNNING;
    return ctl_lab_add_vm(&lab, vm);
}

static Recommendation *move_of(int64_t vm_id, int64_t from_id, int64_t to_id)
{
    Recommendation *rec = recommendation_new();

    rec->vm_id = vm_id;
    rec->source_host_id = from_id;
    rec->target_host_id = to_id;
    rec->rating = 3;
    rec->create_ms = 1;
    rec->state = REC_OPEN;
    return rec;
}

/* A plan of two moves, as the store gives it ids. */
static void put_plan(int64_t cluster_id, Recommendation *first, Recommendation *second)
{
    DrsReport *report = drs_report_new();
    Commit *commit = commit_new(&lab.ctl.app.committer);

    report->cluster_id = cluster_id;
    report->at_ms = 1;
    report->decided = true;
    drs_report_take(report, first);
    drs_report_take(report, second);
    commit_put_report(commit, report);
    ctl_lab_write(&lab, commit);
}

static void applied(int64_t task_id, const GError *error, void *user)
{
    suite_no_error(error);
    *(int64_t *)user = task_id;
}

static const Task *child_of(int64_t task_id)
{
    for (size_t i = 0; i < inventory_peek(lab.ctl.app.inv)->n_tasks; i++) {
        if (inventory_peek(lab.ctl.app.inv)->tasks[i]->parent_id == task_id)
            return inventory_peek(lab.ctl.app.inv)->tasks[i];
    }
    return NULL;
}

static enum recommendation_state rec_state(int64_t cluster_id, size_t i)
{
    return snapshot_drs_report(inventory_peek(lab.ctl.app.inv), cluster_id)
        ->recommendations[i]
        ->state;
}

/* No agent answers, so the first move stays under way, and the second waits for it. */
static void drs_events(const char *wanted)
{
    g_autofree char *events =
        ctl_lab_ask(&lab, "SELECT count(*) FROM event WHERE name LIKE 'DrsMove%'");
    ck_assert_str_eq(events, wanted);
}

/* Two moves of which one runs; its task is the answer. */
static int64_t begin_plan(int64_t *ret_cluster_id, struct drift_move moves[2])
{
    int64_t from, to, task_id = 0;

    lab.ctl.settings.drs_cap_cluster = 1;
    *ret_cluster_id = ctl_lab_add_cluster(&lab, ctl_cluster(1));
    from = ctl_lab_add_host(&lab, ctl_host(11, *ret_cluster_id));
    to = ctl_lab_add_host(&lab, ctl_host(12, *ret_cluster_id));
    moves[0] = (struct drift_move){ 0, from, to, true, 10 };
    moves[1] = (struct drift_move){ 0, from, to, false, 0 };
    moves[0].vm_id = put_running_vm("a", *ret_cluster_id, from);
    moves[1].vm_id = put_running_vm("b", *ret_cluster_id, from);
    put_plan(*ret_cluster_id, move_of(moves[0].vm_id, from, to), move_of(moves[1].vm_id, from, to));
    drs_apply(lab.ctl.app.drs, &(struct drs_order){ .cluster_id = *ret_cluster_id }, applied,
              &task_id);
    while (!task_id || !child_of(task_id))
        g_main_context_iteration(NULL, TRUE);
    return task_id;
}

/* A person was faster: it was not the controller that called it off. */
START_TEST(what_is_not_called_off_is_not_told)
{
    int64_t cluster_id, task_id;
    struct drift_move moves[2];
    struct drift_verdict verdict = { DRIFT_CANCEL, (char[]){ "the target got busy" } };

    ctl_lab_begin(&lab);
    task_id = begin_plan(&cluster_id, moves);
    (void)ctl_lab_must(&lab, ctl_lab_op(OP_TASK_CANCEL, child_of(task_id)->id));
    drs_take_drift(tasks_find_run(lab.ctl.app.tasks, task_id), moves, &verdict, 1);
    drs_events("0");
    ck_assert_str_eq(child_of(task_id)->reason_text, "");
    ctl_lab_end(&lab);
}
END_TEST

/* As a controller does that takes over: what was called off is no failure of the plan. */
START_TEST(a_called_off_move_is_one_after_a_take_over_too)
{
    int64_t cluster_id, task_id, child_id;
    struct drift_move moves[2];
    struct drift_verdict verdict = { DRIFT_CANCEL, (char[]){ "the target got busy" } };
    g_autoptr(GError) error = NULL;

    ctl_lab_begin(&lab);
    task_id = begin_plan(&cluster_id, moves);
    child_id = child_of(task_id)->id;
    drs_take_drift(tasks_find_run(lab.ctl.app.tasks, task_id), moves, &verdict, 1);
    drs_events("1");
    orders_reset(lab.ctl.app.orders);
    tasks_reset(lab.ctl.app.tasks);
    agents_reset(lab.ctl.app.agents);
    tasks_resume(lab.ctl.app.tasks);
    err_set(&error, VRM_ERR_INTERNAL, "operation aborted: migration out job: canceled by client");
    run_finish(tasks_find_run(lab.ctl.app.tasks, child_id), error);
    while (rec_state(cluster_id, 0) == REC_APPLYING)
        g_main_context_iteration(NULL, TRUE);
    ck_assert_int_eq(rec_state(cluster_id, 0), REC_EXPIRED);
    drs_events("1"); /* not told again */
    ctl_lab_end(&lab);
}
END_TEST

START_TEST(a_move_that_no_longer_pays_is_dropped_and_a_running_one_called_off)
{
    int64_t cluster_id, task_id;
    struct drift_move moves[2];
    struct drift_verdict verdicts[2] = { { DRIFT_CANCEL, (char[]){ "the target got busy" } },
                                         { DRIFT_DROP, (char[]){ "its gain is gone" } } };
    g_autofree char *events = NULL;

    ctl_lab_begin(&lab);
    task_id = begin_plan(&cluster_id, moves);
    drs_take_drift(tasks_find_run(lab.ctl.app.tasks, task_id), moves, verdicts, 2);
    while (rec_state(cluster_id, 1) != REC_EXPIRED || !child_of(task_id)->cancel_wanted)
        g_main_context_iteration(NULL, TRUE);
    ck_assert_int_eq(rec_state(cluster_id, 0), REC_APPLYING); /* until its host has answered */
    ck_assert_int_eq(child_of(task_id)->status, TASK_CANCELLING);
    events =
        ctl_lab_ask(&lab, "SELECT string_agg(name || ': ' || text, '; ' ORDER BY id) FROM event"
                          " WHERE name LIKE 'DrsMove%'");
    ck_assert_ptr_nonnull(strstr(events, "DrsMoveCalledOff: the move of"));
    ck_assert_ptr_nonnull(strstr(events, "was called off: the target got busy"));
    ck_assert_ptr_nonnull(strstr(events, "was dropped: its gain is gone"));
    ctl_lab_end(&lab);
}
END_TEST

static void plan_refused(const GError *error, void *user)
{
    *(GError **)user = error ? g_error_copy(error) : NULL;
}

/* It was made of what was known then; the next life makes its own. */
START_TEST(a_plan_from_before_a_reload_is_void)
{
    int64_t cluster_id;
    GError *error = NULL;
    g_autofree char *plans = NULL;

    ctl_lab_begin(&lab);
    cluster_id = ctl_lab_add_cluster(&lab, ctl_cluster(1));
    drs_plan(lab.ctl.app.drs, cluster_id, true, plan_refused, &error);
    drs_reset(lab.ctl.app.drs);
    while (!error)
        g_main_context_iteration(NULL, TRUE);
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "read anew");
    plans = ctl_lab_ask(&lab, "SELECT count(*) FROM drs_plan");
    ck_assert_str_eq(plans, "0");
    ctl_lab_end(&lab);
}
END_TEST

/* ---- apply all --------------------------------------------------------------------------------
 */

static void planned(const GError *error, void *user)
{
    (void)error;
    *(bool *)user = true;
}

/* Manual DPM wants the sleeper on (a host is to be spare), and DRS has two moves. */
static int64_t recommend_both(void)
{
    Cluster *cluster = ctl_cluster(1);
    int64_t cluster_id, from = 0, to = 0, a, b;
    bool looked = false;
    Host *host;

    lab.ctl.settings.dpm_spare_hosts = 2;
    cluster->dpm.power_level = 1;
    cluster_id = ctl_lab_add_cluster(&lab, cluster);
    host = ctl_host(11, cluster_id);
    host->off_by_dpm = true;
    host->off_since_ms = 5;
    host->connected = false;
    host->status = HOST_POWEROFF;
    (void)ctl_lab_add_host(&lab, host);
    for (int64_t n = 12; n <= 13; n++) {
        host = ctl_host(n, cluster_id);
        host->seen_mono_ms = clock_now_ms();
        to = ctl_lab_add_host(&lab, host);
        from = n == 12 ? to : from;
    }
    dpm_look(lab.ctl.app.dpm, cluster_id, planned, &looked);
    while (!looked)
        g_main_context_iteration(NULL, TRUE);
    a = put_running_vm("a", cluster_id, from);
    b = put_running_vm("b", cluster_id, from);
    put_plan(cluster_id, move_of(a, from, to), move_of(b, from, to));
    return cluster_id;
}

/* Who is at work when all are to be applied. */
static const struct {
    bool dpm_busy, drs_busy;
    const char *note, *error;
} busy[] = {
    { false, false, NULL, NULL },
    { true, false, "those about VMs were applied; those about hosts were not: DPM is looking",
      NULL },
    { false, true, "those about hosts were applied; those about VMs were not: ", NULL },
    { true, true, NULL, "neither was applied: about hosts: DPM is looking" },
};

START_TEST(what_one_kind_meets_does_not_stop_the_other)
{
    struct op_result result;
    bool looked = false, drs_looked = false;
    int64_t cluster_id;

    ctl_lab_begin(&lab);
    cluster_id = recommend_both();
    if (busy[_i].dpm_busy)
        dpm_look(lab.ctl.app.dpm, cluster_id, planned, &looked);
    if (busy[_i].drs_busy)
        drs_plan(lab.ctl.app.drs, cluster_id, true, planned, &drs_looked);
    result = ctl_call(&lab.ctl, ctl_lab_op(OP_DRS_APPLY, cluster_id));
    if (busy[_i].error) {
        suite_take_error(&result.error, VRM_ERR_BUSY, busy[_i].error);
    } else {
        suite_no_error(result.error);
        ck_assert_int_gt(result.task_id, 0);
        ck_assert_int_eq(result.power_task_id > 0, !busy[_i].dpm_busy);
        ck_assert(!busy[_i].note == !result.note);
        ck_assert(!busy[_i].note || g_str_has_prefix(result.note, busy[_i].note));
    }
    op_result_clear(&result);
    ctl_lab_end(&lab);
}
END_TEST

SUITE_MAIN("it_ctl_drs", SUITE_LOOP(what_one_kind_meets_does_not_stop_the_other, busy),
           SUITE_TEST(what_is_not_called_off_is_not_told),
           SUITE_TEST(a_plan_from_before_a_reload_is_void),
           SUITE_TEST(a_called_off_move_is_one_after_a_take_over_too),
           SUITE_TEST(a_move_that_no_longer_pays_is_dropped_and_a_running_one_called_off))
