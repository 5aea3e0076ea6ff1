/* task_host.c - see task_host.h. */
#include "config.h"

#include "controller/task_host.h"

#include "base/clock.h"
#include "base/err.h"
#include "controller/observe.h"
#include "controller/vm_order.h"
#include "model/reason.h"
#include "scheduler/evacuate.h"
#include "scheduler/imc.h"
#include "scheduler/sched_params.h"

#define JOIN_LIMIT_MS      30000
#define JOIN_POLL_MS       200
#define DRAIN_POLL_MS      1000
#define DRAIN_MAX_FAILURES 3 /* of one VM */

/* ---- join -------------------------------------------------------------------------------------
 */

struct join {
    guint timer;
    int64_t until_ms;
};

static void free_join(void *data)
{
    struct join *join = data;

    if (join->timer)
        g_source_remove(join->timer);
    g_free(join);
}

/* Its facts are in the database. */
static bool has_joined(const Host *host)
{
    return host->connected && host->cpu_threads > 0;
}

/* Its CPU, now known, must have what its cluster's VMs are promised. */
static bool check_cpu(const struct run *run, const Host *host, GError **error)
{
    const Snapshot *snap;
    const Cluster *cluster;

    inventory_publish(run->app->inv);
    snap = inventory_peek(run->app->inv);
    cluster = snapshot_cluster(snap, host->cluster_id);
    return !cluster || imc_check_join(snap, cluster, host, error);
}

/* The agent has told its facts: the host is one of us.  Or it has not, in time. */
static gboolean poll_join(void *data)
{
    struct run *run = data;
    struct join *join = run->data;
    const Task *task = run_task(run);
    const Host *host = inventory_find_host(run->app->inv, task->entity_id);
    g_autoptr(GError) error = NULL;

    if (host && !has_joined(host) && clock_now_ms() < join->until_ms)
        return G_SOURCE_CONTINUE;
    join->timer = 0;
    if (!host || !host->connected)
        err_set_reason(&error, VRM_ERR_UNAVAILABLE, REASON_HOST_NOT_READY, "ip",
                       "no agent answered at %s port %" G_GINT64_FORMAT " within %d s: %s",
                       host ? host->ip : "?", host ? host->port : 0, JOIN_LIMIT_MS / 1000,
                       host && *host->trouble ? host->trouble : "no connection");
    else if (!has_joined(host))
        err_set_reason(&error, VRM_ERR_CONFLICT, REASON_HOST_NOT_READY, "ip",
                       "the agent at %s answers, but its facts could not be recorded: is this "
                       "machine a host already, under another address?",
                       host->ip);
    else
        (void)check_cpu(run, host, &error);
    run_finish(run, error);
    return G_SOURCE_REMOVE;
}

static void begin_join(struct run *run)
{
    struct join *join = g_new0(struct join, 1);
    const Task *task = run_task(run);
    const Host *host = inventory_find_host(run->app->inv, task->entity_id);

    run->data = join;
    join->until_ms = clock_now_ms() + JOIN_LIMIT_MS;
    join->timer = g_timeout_add(JOIN_POLL_MS, poll_join, run);
    if (host)
        agents_set_host(run->app->agents, host->id, host->name, host->ip, host->port);
}

/* A host that never answered leaves nothing behind. */
static void record_join(struct run *run, const Task *task, const GError *error, Commit *commit)
{
    const Host *host = inventory_find_host(run->app->inv, task->entity_id);
    struct commit_event event = { .severity = error ? EVENT_ERROR : EVENT_INFO,
                                  .name = error ? "HostJoinFailed" : "HostAdded",
                                  .kind = OBJECT_HOST,
                                  .object_id = task->entity_id,
                                  .object_name = task->entity_name,
                                  .task_id = task->id };

    if (!error) {
        commit_event(commit, &event, "host %s joined", task->entity_name);
        return;
    }
    commit_event(commit, &event, "host %s could not join: %s", task->entity_name, error->message);
    if (host)
        commit_delete(commit, OBJECT_HOST, host->id, host->generation);
}

static void after_join(struct run *run, const Task *task, bool ok)
{
    if (ok)
        return;
    agents_remove_host(run->app->agents, task->entity_id);
    observe_forget_host(run->app->observe, task->entity_id);
}

static const struct task_kind join_kind = {
    .type = TASK_ADD_HOST,
    .entity = OBJECT_HOST,
    .begin = begin_join,
    .record = record_join,
    .after = after_join,
    .free_data = free_join,
};

/* ---- drain ------------------------------------------------------------------------------------
 */

/* Level-triggered: once a second the scheduler is asked anew, on the CPU worker, which VMs go
 * where; moves that wait for others simply come later.  So nothing needs to be remembered over a
 * take-over. A plan shows the past: what it says is checked again, and only one during which
 * nothing happened may end the task. */
struct drain_job;

struct drain {
    guint timer;
    struct drain_job *job; /* a plan is being made */
    unsigned n_changes;    /* orders, and ends of moves */
    GHashTable *failures;  /* int64 VM id -> GINT count */
    size_t under_way;      /* orders whose task has not ended */
    size_t moved;
    bool cancelled;
    char *last_error;
};

static void free_drain(void *data)
{
    struct drain *drain = data;

    if (drain->timer)
        g_source_remove(drain->timer);
    g_hash_table_unref(drain->failures);
    g_free(drain->last_error);
    g_free(drain);
}

static int count_failure(struct drain *drain, int64_t vm_id, int more)
{
    int n = GPOINTER_TO_INT(g_hash_table_lookup(drain->failures, &vm_id)) + more;

    if (more)
        (void)g_hash_table_replace(drain->failures, g_memdup2(&vm_id, sizeof(vm_id)),
                                   GINT_TO_POINTER(n));
    return n;
}

struct drain_order {
    struct app *app;
    int64_t parent_id;
    int64_t vm_id;
};

static void drain_ordered(int64_t task_id, const GError *error, void *user)
{
    g_autofree struct drain_order *order = user;
    struct run *run = tasks_find_run(order->app->tasks, order->parent_id);
    struct drain *drain;

    (void)task_id;
    if (!run || !error)
        return;
    drain = run->data;
    drain->n_changes++;
    drain->under_way -= drain->under_way > 0;
    if (vm_order_may_pass(order->app, error))
        return; /* the next look tries again */
    (void)count_failure(drain, order->vm_id, 1);
    g_free(drain->last_error);
    drain->last_error = g_strdup(error->message);
}

static void order_move(struct run *run, const struct plan_move *move)
{
    struct drain *drain = run->data;
    const Task *task = run_task(run);
    struct drain_order *order = g_new(struct drain_order, 1);

    *order = (struct drain_order){ run->app, run->task_id, move->vm_id };
    drain->n_changes++;
    drain->under_way++;
    vm_order(run->app, move->vm_id,
             &(struct vm_order){ .type = TASK_MIGRATE_VM,
                                 .origin = ORIGIN_MAINTENANCE,
                                 .user = task->user,
                                 .why = move->text,
                                 .parent_id = run->task_id,
                                 .target_host_id = move->to_id },
             drain_ordered, order);
}

static char *list_stays(const Plan *plan)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < plan->stays.len; i++)
        g_string_append_printf(text, "%s%s: %s", i ? "; " : "", plan->stays.items[i].vm_name,
                               plan->stays.items[i].text);
    return g_string_free(text, FALSE);
}

static void end_drain(struct run *run, const Plan *plan)
{
    const struct drain *drain = run->data;
    g_autoptr(GError) error = NULL;
    g_autofree char *stays = list_stays(plan);

    if (drain->cancelled)
        err_set_reason(&error, VRM_ERR_CONFLICT, REASON_FAILED, NULL, "cancelled after %zu moves",
                       drain->moved);
    else if (plan->stays.len > 0)
        err_set_reason(&error, VRM_ERR_NO_CAPACITY, REASON_NO_RESOURCES, NULL,
                       "%zu VMs could not leave: %s", plan->stays.len, stays);
    else if (plan->moves.len > 0)
        err_set_reason(&error, VRM_ERR_CONFLICT, REASON_FAILED, NULL,
                       "%zu VMs could not be moved: %s", plan->moves.len,
                       drain->last_error ? drain->last_error : "their migrations failed");
    run_finish(run, error);
}

/* Somebody took it, or moved or removed it, while the plan was made. */
static bool was_overtaken(const struct app *app, const struct plan_move *move)
{
    const Vm *vm = snapshot_builder_get_vm(inventory_edit(app->inv), move->vm_id);

    return !vm || vm->host_id != move->from_id || tasks_vm_is_held(app->tasks, move->vm_id);
}

static bool may_order(const struct run *run, const struct plan_move *move)
{
    return move->n_depends == 0 && !was_overtaken(run->app, move) &&
           count_failure(run->data, move->vm_id, 0) < DRAIN_MAX_FAILURES;
}

static unsigned start_moves(struct run *run, const Plan *plan)
{
    struct drain *drain = run->data;
    size_t cap = (size_t)run->app->settings->drs_cap_cluster;
    unsigned started = 0;

    for (size_t i = 0; i < plan->moves.len && drain->under_way < cap; i++) {
        const struct plan_move *move = &plan->moves.items[i];

        if (!may_order(run, move))
            continue;
        order_move(run, move);
        started++;
    }
    return started;
}

static bool waits_for_busy_vms(const struct app *app, const Plan *plan)
{
    for (size_t i = 0; i < plan->stays.len; i++) {
        if (plan->stays.items[i].transient)
            return true;
    }
    for (size_t i = 0; i < plan->moves.len; i++) {
        if (was_overtaken(app, &plan->moves.items[i]))
            return true;
    }
    return false;
}

struct drain_job {
    struct app *app;
    int64_t task_id, host_id;
    unsigned n_changes; /* of the drain, when the snapshot was taken */
    Snapshot *snap;
    struct sched_params params;
    Plan *plan;
    GError *error;
};

static void run_drain_plan(void *thread_state, void *data)
{
    struct drain_job *job = data;

    (void)thread_state;
    (void)evacuate_plan(job->snap, job->host_id, &job->params, &job->plan, &job->error);
}

static void free_drain_job(struct drain_job *job)
{
    snapshot_unref(job->snap);
    plan_free(job->plan);
    g_clear_error(&job->error);
    g_free(job);
}

static void follow_plan(struct run *run, const struct drain_job *job)
{
    struct drain *drain = run->data;
    const Plan *plan = job->plan;
    bool current = job->n_changes == drain->n_changes;
    size_t left = plan->moves.len + plan->stays.len + drain->under_way;

    run_progress(run, left ? (int64_t)(100 * drain->moved / (drain->moved + left)) : 99);
    if (!drain->cancelled && start_moves(run, plan) > 0)
        return;
    if (current && drain->under_way == 0 &&
        (drain->cancelled || !waits_for_busy_vms(run->app, plan)))
        end_drain(run, plan);
}

/* The task may have ended, or begun anew after a reload, while the plan was made. */
static void drain_planned(void *data, bool ran)
{
    struct drain_job *job = data;
    struct run *run = tasks_find_run(job->app->tasks, job->task_id);
    struct drain *drain = run ? run->data : NULL;

    if (drain && drain->job == job) {
        drain->job = NULL;
        if (ran && job->error && !run->finishing)
            run_finish(run, job->error);
        else if (ran && !run->finishing)
            follow_plan(run, job);
    }
    free_drain_job(job);
}

static void begin_drain_plan(struct run *run)
{
    struct app *app = run->app;
    struct drain *drain = run->data;
    struct drain_job *job = g_new0(struct drain_job, 1);

    inventory_publish(app->inv);
    *job = (struct drain_job){ .app = app,
                               .task_id = run->task_id,
                               .host_id = run_task(run)->entity_id,
                               .n_changes = drain->n_changes,
                               .snap = inventory_snapshot(app->inv) };
    app_sched_params(app, &job->params);
    if (work_pool_submit(app->cpu, NULL, run_drain_plan, drain_planned, job))
        drain->job = job;
    else
        free_drain_job(job); /* too much waits there; the timer tries again */
}

static gboolean poll_drain(void *data)
{
    struct run *run = data;
    const struct drain *drain = run->data;

    if (!run->finishing && !drain->job && !vm_order_awaits_hosts(run->app))
        begin_drain_plan(run);
    return G_SOURCE_CONTINUE;
}

static void begin_drain(struct run *run)
{
    struct drain *drain = g_new0(struct drain, 1);

    drain->failures = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    drain->under_way = tasks_count_children(run->app, run->task_id); /* after a take-over */
    drain->timer = g_timeout_add(DRAIN_POLL_MS, poll_drain, run);
    run->data = drain;
}

static void drain_child_ended(struct run *run, const Task *child, bool ok)
{
    struct drain *drain = run->data;

    drain->n_changes++;
    drain->under_way -= drain->under_way > 0;
    if (ok) {
        drain->moved++;
        return;
    }
    (void)count_failure(drain, child->entity_id, 1);
    g_free(drain->last_error);
    drain->last_error = g_strdup(child->reason_text);
}

static void cancel_drain(struct run *run)
{
    ((struct drain *)run->data)->cancelled = true;
}

static void record_drain(struct run *run, const Task *task, const GError *error, Commit *commit)
{
    const struct drain *drain = run->data;
    struct commit_event event = { .severity = error ? EVENT_WARNING : EVENT_INFO,
                                  .name = "HostDrained",
                                  .kind = OBJECT_HOST,
                                  .object_id = task->entity_id,
                                  .object_name = task->entity_name,
                                  .task_id = task->id };

    if (error)
        commit_event(commit, &event, "host %s is not empty: %s", task->entity_name, error->message);
    else
        commit_event(commit, &event, "host %s is empty, %zu VMs were moved", task->entity_name,
                     drain->moved);
}

static const struct task_kind drain_kind = {
    .type = TASK_EVACUATE_HOST,
    .entity = OBJECT_HOST,
    .begin = begin_drain,
    .cancel = cancel_drain,
    .record = record_drain,
    .child_ended = drain_child_ended,
    .free_data = free_drain,
};

const struct task_kind *const task_host_kinds[] = { &join_kind, &drain_kind };
const size_t task_host_n_kinds = G_N_ELEMENTS(task_host_kinds);
