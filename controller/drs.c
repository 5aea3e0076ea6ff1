/* drs.c - see drs.h: the planning half.  drs_order.c and drs_apply.c carry plans out. */
#include "config.h"

#include "controller/drs.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/drs_private.h"
#include "model/reason.h"
#include "scheduler/balance.h"
#include "scheduler/sched_params.h"

struct Drs {
    struct app *app;
    guint timer;
    GHashTable *busy;  /* set of int64 cluster ids, see drs_begin */
    GHashTable *plans; /* int64 cluster id -> Plan, the latest, for its dependencies */
    uint64_t age; /* of what is known; drs_reset() ends it, and every plan that is being made */
};

/* ---- one thing at a time ----------------------------------------------------------------------
 */

static bool is_busy(const Drs *drs, int64_t cluster_id)
{
    return drs_is_applying(drs->app, cluster_id) || g_hash_table_contains(drs->busy, &cluster_id);
}

bool drs_begin(Drs *drs, int64_t cluster_id, GError **error)
{
    if (!is_busy(drs, cluster_id))
        return g_hash_table_add(drs->busy, g_memdup2(&cluster_id, sizeof(cluster_id)));
    err_set_reason(error, VRM_ERR_BUSY, REASON_BUSY, NULL,
                   drs_is_applying(drs->app, cluster_id)
                       ? "an earlier plan of this cluster is being carried out"
                       : "a plan for this cluster is being made or ordered; try again");
    return false;
}

void drs_end(Drs *drs, int64_t cluster_id)
{
    (void)g_hash_table_remove(drs->busy, &cluster_id);
}

/* ---- a plan becomes a report ------------------------------------------------------------------
 */

static Recommendation *recommend(const Plan *plan, const struct plan_move *move, int64_t now_ms)
{
    Recommendation *rec = recommendation_new();

    g_free(rec->vm_name);
    g_free(rec->source_name);
    g_free(rec->target_name);
    g_free(rec->text);
    g_free(rec->rejected);
    rec->cluster_id = plan->cluster_id;
    rec->vm_id = move->vm_id;
    rec->source_host_id = move->from_id;
    rec->target_host_id = move->to_id;
    rec->vm_name = g_strdup(move->vm_name);
    rec->source_name = g_strdup(move->from_name);
    rec->target_name = g_strdup(move->to_name);
    rec->reason = move->reason;
    rec->state = REC_OPEN;
    rec->rating = move->rating;
    rec->gain_overload = move->gain_overload_mhz;
    rec->gain_balance = move->gain_balance;
    rec->cost_ms = move->cost_ms;
    rec->cost_mb = move->cost_mb;
    /* the store wants the place in the report; ids do not exist yet */
    rec->depends_on = move->n_depends ? (int64_t)move->depends[move->n_depends - 1] + 1 : 0;
    rec->text = g_strdup(move->text);
    rec->rejected = g_strdup(move->rejected);
    rec->create_ms = now_ms;
    return rec;
}

static DrsReport *report_of(const Plan *plan)
{
    DrsReport *report = drs_report_new();
    int64_t now_ms = clock_wall_ms();

    report->cluster_id = plan->cluster_id;
    report->at_ms = now_ms;
    report->decided = plan->decided;
    report->imbalance_now = plan->before.imbalance;
    report->imbalance_planned = plan->after.imbalance;
    report->overload_now = plan->before.overload_mhz;
    report->overload_planned = plan->after.overload_mhz;
    g_free(report->verdict);
    report->verdict = g_strdup(plan->verdict);
    for (size_t i = 0; i < plan->moves.len; i++)
        drs_report_take(report, recommend(plan, &plan->moves.items[i], now_ms));
    return report;
}

/* A move that was open already stays the same recommendation, with new figures: who looked at it
 * may apply it by its id. */
static void keep_ids(const DrsReport *last, DrsReport *report)
{
    for (size_t i = 0; last && i < report->n_recommendations; i++) {
        Recommendation *rec = report->recommendations[i];

        for (size_t k = 0; k < last->n_recommendations; k++) {
            const Recommendation *old = last->recommendations[k];

            if (old->state != REC_OPEN || old->vm_id != rec->vm_id ||
                old->source_host_id != rec->source_host_id ||
                old->target_host_id != rec->target_host_id)
                continue;
            rec->id = old->id;
            rec->create_ms = old->create_ms;
            break;
        }
    }
}

/* ---- planning ---------------------------------------------------------------------------------
 */

struct plan_job {
    Drs *drs;
    int64_t cluster_id;
    bool on_demand;
    bool begun; /* drs_begin */
    uint64_t age;
    Snapshot *snap;
    struct sched_params params;
    Plan *plan;
    GError *error;
    drs_done_fn done;
    void *user;
};

static void run_plan(void *thread_state, void *data)
{
    struct plan_job *job = data;

    (void)thread_state;
    (void)balance_plan(job->snap, job->cluster_id, &job->params, &job->plan, &job->error);
}

static void finish_job(struct plan_job *job, const GError *error)
{
    if (job->begun)
        drs_end(job->drs, job->cluster_id);
    if (error)
        log_warning("no DRS plan", "REASON", error->message, NULL);
    if (job->done)
        job->done(error, job->user);
    snapshot_unref(job->snap);
    plan_free(job->plan);
    g_clear_error(&job->error);
    g_free(job);
}

static void log_apply(int64_t task_id, const GError *error, void *user)
{
    (void)task_id, (void)user;
    if (error)
        log_warning("a DRS plan was not carried out", "REASON", error->message, NULL);
}

static void apply_if_automatic(struct plan_job *job)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int64_t));
    const DrsReport *report =
        snapshot_drs_report(inventory_peek(job->drs->app->inv), job->cluster_id);

    if (job->on_demand || !report || report->n_recommendations != job->plan->moves.len)
        return;
    for (size_t i = 0; i < report->n_recommendations; i++) {
        if (job->plan->moves.items[i].automatic)
            g_array_append_val(ids, report->recommendations[i]->id);
    }
    if (ids->len > 0)
        drs_apply(job->drs,
                  &(struct drs_order){ .cluster_id = job->cluster_id,
                                       .ids = (const int64_t *)(void *)ids->data,
                                       .n_ids = ids->len },
                  log_apply, NULL);
}

static void report_written(const GError *error, void *user)
{
    struct plan_job *job = user;
    Drs *drs = job->drs;
    int64_t *key = g_memdup2(&job->cluster_id, sizeof(job->cluster_id));

    if (error) {
        g_free(key);
        finish_job(job, error);
        return;
    }
    drs_end(drs, job->cluster_id);
    job->begun = false;
    apply_if_automatic(job);
    (void)g_hash_table_replace(drs->plans, key, g_steal_pointer(&job->plan));
    finish_job(job, NULL);
}

/* Saying the same "no decision" again adds nothing to the history. */
static bool is_news(const struct app *app, const DrsReport *report)
{
    const DrsReport *last = snapshot_drs_report(inventory_peek(app->inv), report->cluster_id);

    return !last || report->n_recommendations > 0 || last->n_recommendations > 0 ||
           !g_str_equal(last->verdict, report->verdict);
}

/* Fresh figures under the last stored verdict; takes report. */
static void refresh_report(struct app *app, DrsReport *report)
{
    const DrsReport *last = snapshot_drs_report(inventory_peek(app->inv), report->cluster_id);

    report->plan_id = last->plan_id;
    snapshot_builder_put_drs_report(inventory_edit(app->inv), report);
}

static void planned(void *data, bool ran)
{
    struct plan_job *job = data;
    struct app *app = job->drs->app;
    DrsReport *report;
    Commit *commit;

    if (!ran)
        err_set(&job->error, VRM_ERR_UNAVAILABLE, "the controller is stopping");
    else if (!job->error && job->age != job->drs->age)
        err_set_reason(&job->error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                       "everything was read anew from the database meanwhile; try again");
    if (job->error) {
        g_autoptr(GError) error = g_steal_pointer(&job->error);

        finish_job(job, error);
        return;
    }
    report = report_of(job->plan);
    keep_ids(snapshot_drs_report(inventory_peek(app->inv), job->cluster_id), report);
    log_info("DRS verdict", "VERDICT", report->verdict, NULL);
    if (!is_news(app, report)) {
        refresh_report(app, report);
        finish_job(job, NULL);
        return;
    }
    commit = commit_new(&app->committer);
    commit_put_report(commit, report);
    commit_submit(commit, NULL, report_written, job);
}

void drs_plan(Drs *drs, int64_t cluster_id, bool on_demand, drs_done_fn done, void *user)
{
    struct plan_job *job = g_new0(struct plan_job, 1);
    g_autoptr(GError) error = NULL;

    inventory_publish(drs->app->inv);
    *job = (struct plan_job){ .drs = drs,
                              .cluster_id = cluster_id,
                              .on_demand = on_demand,
                              .age = drs->age,
                              .snap = inventory_snapshot(drs->app->inv),
                              .done = done,
                              .user = user };
    app_sched_params(drs->app, &job->params);
    job->params.on_demand = on_demand;
    job->begun = drs_begin(drs, cluster_id, &error);
    if (job->begun && !work_pool_submit(drs->app->cpu, NULL, run_plan, planned, job))
        err_set_reason(&error, VRM_ERR_BUSY, REASON_BUSY, NULL, "too much planning is waiting");
    if (error)
        finish_job(job, error);
}

const Plan *drs_latest_plan(const Drs *drs, int64_t cluster_id)
{
    return g_hash_table_lookup(drs->plans, &cluster_id);
}

static gboolean on_timer(void *data)
{
    Drs *drs = data;
    struct app *app = drs->app;
    const Snapshot *snap = inventory_peek(app->inv);
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int64_t));

    if (app->committer.epoch(app->committer.user) == 0)
        return G_SOURCE_CONTINUE;
    for (size_t i = 0; i < snap->n_clusters; i++) {
        const Cluster *cluster = snap->clusters[i];

        if (cluster->drs.enabled && !is_busy(drs, cluster->id))
            g_array_append_val(ids, cluster->id);
    }
    for (guint i = 0; i < ids->len; i++)
        drs_plan(drs, g_array_index(ids, int64_t, i), false, NULL, NULL);
    return G_SOURCE_CONTINUE;
}

Drs *drs_new(struct app *app)
{
    Drs *drs = g_new0(Drs, 1);

    drs->app = app;
    drs->busy = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    drs->plans =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, (GDestroyNotify)plan_free);
    drs->timer = g_timeout_add_seconds((guint)app->settings->drs_interval_s, on_timer, drs);
    return drs;
}

void drs_free(Drs *drs)
{
    if (!drs)
        return;
    g_source_remove(drs->timer);
    g_hash_table_unref(drs->busy);
    g_hash_table_unref(drs->plans);
    g_free(drs);
}

void drs_reset(Drs *drs)
{
    drs->age++;
    g_hash_table_remove_all(drs->plans);
}

struct app *drs_app(const Drs *drs)
{
    return drs->app;
}
