/* task_dpm.c - see task_dpm.h. */
#include "config.h"

#include "controller/task_dpm.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/dpm.h"
#include "controller/ha_shell.h"
#include "controller/vm_order.h"
#include "model/reason.h"

#define WATCH_MS 1000
#define MS_PER_S 1000

struct dpm_run {
    guint timer;
    int64_t until_ms;        /* it must be empty */
    int64_t reboot_until_ms; /* it must be back; 0: its power is not to be cut yet */
    bool ordering;           /* a child is being committed */
    char *given_up;          /* why; NULL: it goes on */
    int reason;              /* of that: REASON_HOST_STATE if the host may be tried again at once */
};

static void free_dpm_run(void *data)
{
    struct dpm_run *work = data;

    if (work->timer)
        g_source_remove(work->timer);
    g_free(work->given_up);
    g_free(work);
}

static void show_draining(struct app *app, int64_t host_id, bool draining)
{
    const Host *current = inventory_find_host(app->inv, host_id);
    Host *host;

    if (!current || current->draining == draining)
        return;
    host = host_dup(current);
    host->draining = draining;
    snapshot_builder_put_host(inventory_edit(app->inv), host);
}

/* ---- steps ------------------------------------------------------------------------------------
 */

/* After a child of this type ended well: the next one; NO_STEP: that was the last. */
enum {
    NO_STEP = -1,
    FIRST = -2,
};
static const struct {
    int task, done, next;
} steps[] = {
    { TASK_SLEEP_HOST, FIRST, TASK_EVACUATE_HOST },
    { TASK_SLEEP_HOST, TASK_EVACUATE_HOST, TASK_POWER_OFF_HOST },
    { TASK_SLEEP_HOST, TASK_POWER_OFF_HOST, NO_STEP },
    { TASK_WAKE_HOST, FIRST, TASK_POWER_ON_HOST },
    { TASK_WAKE_HOST, TASK_POWER_OFF_HOST, TASK_POWER_ON_HOST },
    { TASK_WAKE_HOST, TASK_POWER_ON_HOST, NO_STEP },
    { TASK_PROVE_HOST, FIRST, TASK_EVACUATE_HOST },
    { TASK_PROVE_HOST, TASK_EVACUATE_HOST, TASK_POWER_OFF_HOST },
    { TASK_PROVE_HOST, TASK_POWER_OFF_HOST, TASK_POWER_ON_HOST },
    { TASK_PROVE_HOST, TASK_POWER_ON_HOST, NO_STEP },
    { TASK_REBOOT_HOST, FIRST, TASK_EVACUATE_HOST },
    { TASK_REBOOT_HOST, TASK_EVACUATE_HOST, TASK_POWER_OFF_HOST },
    { TASK_REBOOT_HOST, TASK_POWER_OFF_HOST, TASK_POWER_ON_HOST },
    { TASK_REBOOT_HOST, TASK_POWER_ON_HOST, NO_STEP },
};

static int step_after(enum task_type task, int done)
{
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        if (steps[i].task == (int)task && steps[i].done == done)
            return steps[i].next;
    }
    return NO_STEP;
}

/* One that has power and did not come back needs a cold start, unless it comes after all.  A reboot
 * by force takes its VMs down with it. */
static int first_step(const Task *task, const Host *host)
{
    if ((task->type == TASK_WAKE_HOST && host->off_by_dpm && host->off_since_ms == 0) ||
        (task->type == TASK_REBOOT_HOST && task->force))
        return TASK_POWER_OFF_HOST;
    return step_after(task->type, FIRST);
}

static const Task *newest_child(const struct app *app, int64_t task_id)
{
    const Snapshot *snap;

    inventory_publish(app->inv);
    snap = inventory_peek(app->inv);
    for (size_t i = snap->n_tasks; i > 0; i--) {
        if (snap->tasks[i - 1]->parent_id == task_id)
            return snap->tasks[i - 1];
    }
    return NULL;
}

static void fail(struct run *run, int reason, const char *text)
{
    g_autoptr(GError) error = NULL;

    err_set_reason(&error, VRM_ERR_CONFLICT, reason, NULL, "%s", text);
    run_finish(run, error);
}

struct child_order {
    struct app *app;
    int64_t parent_id;
    Task *task;
};

static void child_written(const GError *error, void *user)
{
    struct child_order *order = user;
    struct app *app = order->app;
    struct run *run = tasks_find_run(app->tasks, order->parent_id);

    if (run)
        ((struct dpm_run *)run->data)->ordering = false;
    if (!error)
        tasks_begin(app->tasks, order->task->id);
    else if (run && !vm_order_may_pass(app, error)) /* else the timer tries again */
        run_finish(run, error);
    task_unref(order->task);
    g_free(order);
}

static void order_child(struct run *run, enum task_type type)
{
    const Task *parent = run_task(run);
    struct app *app = run->app;
    struct child_order *order = g_new(struct child_order, 1);
    Task *task =
        task_prepare(type, OBJECT_HOST, parent->entity_id, parent->entity_name, parent->user);
    Commit *commit = commit_new(&app->committer);

    task->origin = dpm_is_task(parent->type) ? ORIGIN_DPM : ORIGIN_MAINTENANCE;
    task->force = parent->force;
    task->parent_id = parent->id;
    g_free(task->why);
    task->why = g_strdup(parent->why);
    *order = (struct child_order){ app, run->task_id, task_ref(task) };
    ((struct dpm_run *)run->data)->ordering = true;
    commit_put_task(commit, task, NULL);
    commit_submit(commit, NULL, child_written, order);
}

/* ---- a reboot, and HA
 * ----------------------------------------------------------------------------
 */

/* From the cutting of its power until it is back HA takes its silence for what it is.  In time:
 * what the fence device may take twice, and what the host may take to boot. */
static void expect_reboot(struct run *run)
{
    const struct settings *settings = run->app->settings;
    struct dpm_run *work = run->data;
    const Task *task = run_task(run);

    if (task->type != TASK_REBOOT_HOST)
        return;
    if (work->reboot_until_ms == 0)
        work->reboot_until_ms =
            clock_now_ms() +
            (2 * settings->power_limit_s + settings->power_boot_limit_s) * MS_PER_S;
    ha_shell_expect_reboot(run->app->ha, task->entity_id, work->reboot_until_ms);
}

/* However it came to it; a link may outlive the power that was just cut. */
static bool is_woken(const Task *parent, const Task *child, const Host *host)
{
    bool was_cut = child && child->type == TASK_POWER_OFF_HOST && child->status == TASK_SUCCESS;

    return parent->type == TASK_WAKE_HOST && host->connected && !was_cut;
}

/* False: the task has ended, for what its newest child says or for want of a host. */
static bool may_go_on(struct run *run, const Task *child, const Host *host)
{
    const struct dpm_run *work = run->data;

    if (!host)
        fail(run, REASON_HOST_MISSING, "the host is gone");
    else if (is_woken(run_task(run), child, host))
        run_finish(run, NULL);
    else if (child && child->status == TASK_FAILED)
        fail(run, work->given_up ? work->reason : (int)child->reason,
             work->given_up ? work->given_up : child->reason_text);
    return !run->finishing;
}

/* Level-triggered: what the newest child says. */
static void advance(struct run *run)
{
    struct dpm_run *work = run->data;
    const Task *parent = run_task(run), *child;
    const Host *host = inventory_find_host(run->app->inv, parent->entity_id);
    int next;

    if (run->finishing || work->ordering)
        return;
    child = newest_child(run->app, run->task_id);
    if ((child && !task_is_final(child)) || !may_go_on(run, child, host))
        return;
    next = child ? step_after(parent->type, (int)child->type) : first_step(parent, host);
    if (next == NO_STEP)
        run_finish(run, NULL);
    else if (work->given_up && next != TASK_POWER_ON_HOST)
        fail(run, work->reason, work->given_up);
    else
        order_child(run, (enum task_type)next);
    if (next == TASK_POWER_OFF_HOST && !run->finishing)
        expect_reboot(run);
}

/* ---- giving up --------------------------------------------------------------------------------
 */

static void cancel_told(const GError *error, void *user)
{
    (void)error, (void)user; /* it ended meanwhile; its end tells */
}

/* Level-triggered: a child may have been committed only after that, or its cancelling have failed.
 */
static void stop_emptying(struct run *run)
{
    static const struct commit_audit audit = { .user = "-_system",
                                               .operation = "dpm-give-up",
                                               .result = "done" };
    const Task *child = newest_child(run->app, run->task_id);

    if (child && child->type == TASK_EVACUATE_HOST && !task_is_final(child) &&
        !child->cancel_wanted)
        tasks_cancel(run->app->tasks, child->id, &audit, cancel_told, NULL);
}

void task_dpm_give_up(struct run *run, int reason, const char *why)
{
    struct dpm_run *work = run->data;
    const Task *child = newest_child(run->app, run->task_id);

    if (run->finishing || work->given_up || (child && child->type != TASK_EVACUATE_HOST))
        return;
    work->given_up = g_strdup(why);
    work->reason = reason;
    stop_emptying(run);
    advance(run);
}

static gboolean watch(void *data)
{
    struct run *run = data;
    const struct dpm_run *work = run->data;
    const Task *task = run_task(run);
    const Host *host = inventory_find_host(run->app->inv, task->entity_id);

    if (run->finishing)
        return G_SOURCE_CONTINUE;
    if (host && host->maintaining && dpm_is_task(task->type) && task->type != TASK_WAKE_HOST)
        task_dpm_give_up(run, REASON_HOST_STATE, "the host entered maintenance mode");
    else if (work->until_ms && clock_now_ms() >= work->until_ms)
        task_dpm_give_up(run, REASON_FAILED, "emptying it took too long: drain_timeout_s is over");
    if (work->given_up)
        stop_emptying(run);
    if (!run->finishing)
        advance(run);
    return G_SOURCE_CONTINUE;
}

/* A person wants the host: not taken again at once. */
static void cancel_dpm(struct run *run)
{
    task_dpm_give_up(run, REASON_FAILED, "cancelled");
}

/* ---- begin and end ----------------------------------------------------------------------------
 */

static bool is_power_step(const struct run *run)
{
    const Task *child = newest_child(run->app, run->task_id);

    return child && (child->type == TASK_POWER_OFF_HOST || child->type == TASK_POWER_ON_HOST);
}

static void begin_dpm(struct run *run)
{
    struct dpm_run *work = g_new0(struct dpm_run, 1);
    const Task *task = run_task(run);

    run->data = work;
    if (task->type != TASK_WAKE_HOST) {
        work->until_ms = clock_now_ms() + run->app->settings->dpm_drain_limit_s * MS_PER_S;
        show_draining(run->app, task->entity_id, true);
    }
    work->timer = g_timeout_add(WATCH_MS, watch, run);
    if (is_power_step(run)) /* after a take-over */
        expect_reboot(run);
    advance(run);
}

static void dpm_child_ended(struct run *run, const Task *child, bool ok)
{
    (void)ok;
    if (child->type == TASK_EVACUATE_HOST)
        run_progress(run, 40);
    else if (child->type == TASK_POWER_OFF_HOST)
        run_progress(run, 60);
    advance(run);
}

/* What became of what was recommended; the report may be of an earlier life. */
static void put_outcome(const struct run *run, const Task *task, Commit *commit, bool ok)
{
    const Host *host = inventory_find_host(run->app->inv, task->entity_id);
    const DrsReport *report = host ? dpm_report(run->app->dpm, host->cluster_id) : NULL;
    g_autoptr(Recommendation) rec = NULL;

    if (task->recommendation_id == 0)
        return;
    for (size_t i = 0; report && i < report->n_recommendations; i++) {
        if (report->recommendations[i]->id == task->recommendation_id)
            rec = recommendation_dup(report->recommendations[i]);
    }
    if (!rec) {
        rec = recommendation_new();
        rec->id = task->recommendation_id;
    }
    rec->state = ok ? REC_DONE : REC_FAILED;
    rec->task_id = task->id;
    rec->finish_ms = task->finish_ms;
    commit_put_recommendation(commit, g_steal_pointer(&rec));
}

static const struct {
    enum task_type type;
    const char *good, *good_text, *bad, *bad_text;
} news[] = {
    { TASK_SLEEP_HOST, "DpmHostAsleep", "sleeps", "DpmSleepFailed", "stays on" },
    { TASK_WAKE_HOST, "DpmHostAwake", "was woken", "DpmWakeFailed", "could not be woken" },
    { TASK_PROVE_HOST, "DpmWakeProven", "was switched off and on again: its wake-up is proven",
      "DpmProofFailed", "did not prove its wake-up" },
    { TASK_REBOOT_HOST, "HostRebooted", "was rebooted", "HostRebootFailed", "was not rebooted" },
};

static void record_dpm(struct run *run, const Task *task, const GError *error, Commit *commit)
{
    struct commit_event event = { .severity = !error                         ? EVENT_INFO
                                              : task->type == TASK_WAKE_HOST ? EVENT_ERROR
                                                                             : EVENT_WARNING,
                                  .kind = OBJECT_HOST,
                                  .object_id = task->entity_id,
                                  .object_name = task->entity_name,
                                  .task_id = task->id };

    put_outcome(run, task, commit, !error);
    for (size_t i = 0; i < G_N_ELEMENTS(news); i++) {
        if (news[i].type != task->type)
            continue;
        event.name = error ? news[i].bad : news[i].good;
        if (error)
            commit_event(commit, &event, "host %s %s: %s", task->entity_name, news[i].bad_text,
                         error->message);
        else
            commit_event(commit, &event, "host %s %s%s%s", task->entity_name, news[i].good_text,
                         *task->why ? ": " : "", task->why);
    }
}

static void after_dpm(struct run *run, const Task *task, bool ok)
{
    (void)ok;
    show_draining(run->app, task->entity_id, false);
    ha_shell_expect_reboot(run->app->ha, task->entity_id, 0);
    if (dpm_is_task(task->type))
        dpm_task_ended(run->app->dpm, task);
}

/* A host that is being woken is not left half-way. */
#define DPM_KIND(TYPE, CANCEL)                                                                     \
    {                                                                                              \
        .type = (TYPE), .entity = OBJECT_HOST, .begin = begin_dpm, .cancel = (CANCEL),             \
        .record = record_dpm, .after = after_dpm, .child_ended = dpm_child_ended,                  \
        .free_data = free_dpm_run,                                                                 \
    }
static const struct task_kind sleep_kind = DPM_KIND(TASK_SLEEP_HOST, cancel_dpm);
static const struct task_kind wake_kind = DPM_KIND(TASK_WAKE_HOST, NULL);
static const struct task_kind prove_kind = DPM_KIND(TASK_PROVE_HOST, cancel_dpm);
static const struct task_kind reboot_kind = DPM_KIND(TASK_REBOOT_HOST, cancel_dpm);

const struct task_kind *const task_dpm_kinds[] = { &sleep_kind, &wake_kind, &prove_kind,
                                                   &reboot_kind };
const size_t task_dpm_n_kinds = G_N_ELEMENTS(task_dpm_kinds);
