/* it_ctl_drs.c - DRS's part of the controller over a real PostgreSQL: plans that are carried out.
 */
#include "config.h"

#include <string.h>

#include "base/err.h"
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

SUITE_MAIN("it_ctl_drs", SUITE_TEST(what_is_not_called_off_is_not_told),
           SUITE_TEST(a_called_off_move_is_one_after_a_take_over_too),
           SUITE_TEST(a_move_that_no_longer_pays_is_dropped_and_a_running_one_called_off))
