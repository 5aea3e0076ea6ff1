/* dpm_order.c - see dpm.h: recommendations, or a person's wish for a proof, become committed tasks.
 */
#include "config.h"

#include "base/err.h"
#include "base/log.h"
#include "controller/dpm.h"
#include "controller/dpm_private.h"
#include "controller/drs_private.h"
#include "controller/power.h"
#include "model/reason.h"

struct request {
    Dpm *dpm;
    int64_t cluster_id;
    struct dpm_turn turn;
    GPtrArray *tasks, *recs;
    dpm_apply_fn done;
    void *user;
    GError *error;
    char *user_name, *address; /* NULL: the controller itself */
    /* a proof, while it is judged */
    struct dpm_params params;
    Snapshot *snap;
    int64_t host_id;
};

static struct request *new_request(Dpm *dpm, int64_t cluster_id, dpm_apply_fn done, void *user)
{
    struct request *request = g_new0(struct request, 1);

    *request = (struct request){
        .dpm = dpm,
        .cluster_id = cluster_id,
        .tasks = g_ptr_array_new_with_free_func((GDestroyNotify)task_unref),
        .recs = g_ptr_array_new_with_free_func((GDestroyNotify)recommendation_unref),
        .done = done,
        .user = user,
    };
    return request;
}

static void finish(struct request *request, const GError *error)
{
    const Task *first = request->tasks->len ? request->tasks->pdata[0] : NULL;

    dpm_end(request->dpm, &request->turn);
    request->done(error || !first ? 0 : first->id, error, request->user);
    g_ptr_array_unref(request->tasks);
    g_ptr_array_unref(request->recs);
    snapshot_unref(request->snap);
    g_free(request->user_name);
    g_free(request->address);
    g_clear_error(&request->error);
    g_free(request);
}

static gboolean refuse(void *data)
{
    struct request *request = data;

    finish(request, request->error);
    return G_SOURCE_REMOVE;
}

static void log_task(const Task *task)
{
    g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, task->id);

    log_info("DPM orders", "TYPE", task_type_name(task->type), "HOST", task->entity_name, "TASK",
             id, "USER", task->user, "REASON", task->why, NULL);
}

static void written(const GError *error, void *user)
{
    struct request *request = user;
    struct app *app = dpm_app(request->dpm);

    for (guint i = 0; !error && i < request->recs->len; i++)
        dpm_put_recommendation(request->dpm, recommendation_ref(request->recs->pdata[i]));
    for (guint i = 0; !error && i < request->tasks->len; i++) {
        log_task(request->tasks->pdata[i]);
        tasks_begin(app->tasks, ((const Task *)request->tasks->pdata[i])->id);
    }
    finish(request, error);
}

static Task *add_task(struct request *request, Commit *commit, enum task_type type,
                      const Host *host, const char *why)
{
    const char *user = request->user_name;
    Task *task = task_prepare(type, OBJECT_HOST, host->id, host->name, user ? user : "-_system");

    task->origin = user ? ORIGIN_USER : ORIGIN_DPM;
    g_free(task->why);
    task->why = g_strdup(why);
    g_ptr_array_add(request->tasks, task_ref(task));
    commit_put_task(commit, task, NULL);
    commit_audit(commit, &(struct commit_audit){ .user = task->user,
                                                 .address = request->address,
                                                 .operation = task_type_name(type),
                                                 .object = host->name,
                                                 .result = *why ? why : "accepted",
                                                 .task_id_from = &task->id });
    return task;
}

/* ---- recommendations --------------------------------------------------------------------------
 */

/* The world has moved on since it was recommended? */
static bool still_fits(const struct app *app, const Recommendation *rec, const Host *host)
{
    if (!host || dpm_host_task(app, host->id))
        return false;
    return rec->type == REC_POWER_ON
               ? dpm_is_asleep(host)
               : host->connected && host->status == HOST_NORMAL && !host->maintaining;
}

static void choose(struct request *request, const struct dpm_order *order, Commit *commit)
{
    struct app *app = dpm_app(request->dpm);
    const DrsReport *report = dpm_report(request->dpm, order->cluster_id);

    for (size_t i = 0; report && i < report->n_recommendations; i++) {
        const Recommendation *open = report->recommendations[i];
        const Host *host =
            snapshot_builder_get_host(inventory_edit(app->inv), open->target_host_id);
        Recommendation *rec;
        Task *task;

        if (open->state != REC_OPEN || open->id == 0 ||
            !drs_is_chosen(order->ids, order->n_ids, open->id) || !still_fits(app, open, host))
            continue;
        task =
            add_task(request, commit, open->type == REC_POWER_ON ? TASK_WAKE_HOST : TASK_SLEEP_HOST,
                     host, open->text);
        task->recommendation_id = open->id;
        rec = recommendation_dup(open);
        rec->state = REC_APPLYING;
        g_ptr_array_add(request->recs, recommendation_ref(rec));
        commit_put_recommendation_of(commit, rec, &task->id);
    }
}

void dpm_apply(Dpm *dpm, const struct dpm_order *order, dpm_apply_fn done, void *user)
{
    struct app *app = dpm_app(dpm);
    struct request *request = new_request(dpm, order->cluster_id, done, user);
    g_autoptr(Commit) commit = commit_new(&app->committer);

    request->user_name = g_strdup(order->user);
    request->address = g_strdup(order->address);
    inventory_publish(app->inv);
    if (dpm_begin(dpm, order->cluster_id, &request->turn, &request->error)) {
        choose(request, order, commit);
        if (request->tasks->len == 0)
            err_set_reason(&request->error, VRM_ERR_NOT_FOUND, REASON_OBJECT_MISSING,
                           "recommendations", "there is no open recommendation that still fits");
    }
    if (request->error) {
        g_idle_add(refuse, request);
        return;
    }
    commit_submit(g_steal_pointer(&commit), NULL, written, request);
}

/* ---- prove now --------------------------------------------------------------------------------
 */

/* What needs no plan: power, tasks. */
static bool check_proof(const struct app *app, const Host *host, GError **error)
{
    const Task *task = dpm_host_task(app, host->id);

    if (task) {
        err_set_reason(error, VRM_ERR_BUSY, REASON_HOST_SAME_OPERATION, NULL,
                       "host %s is held by %s %" G_GINT64_FORMAT ": wait for it or cancel it",
                       host->name, task_type_name(task->type), task->id);
        return false;
    }
    if (dpm_is_asleep(host)) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_STATE, NULL,
                       "host %s sleeps: switch it on, that proves its wake-up as well", host->name);
        return false;
    }
    if (host->cluster_id != 0 && drs_is_applying(app, host->cluster_id)) {
        err_set_reason(error, VRM_ERR_BUSY, REASON_BUSY, NULL,
                       "DRS is moving VMs in the cluster of host %s; try again", host->name);
        return false;
    }
    return power_check_host(host, error);
}

static void run_proof(void *thread_state, void *data)
{
    struct request *request = data;

    (void)thread_state;
    (void)dpm_check_absence(request->snap, request->host_id, &request->params, &request->error);
}

static const Host *proof_host(const struct request *request, GError **error)
{
    const struct app *app = dpm_app(request->dpm);
    const Host *host = snapshot_builder_get_host(inventory_edit(app->inv), request->host_id);

    if (!host)
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_HOST_MISSING, NULL,
                       "host %" G_GINT64_FORMAT " does not exist", request->host_id);
    return host;
}

static void proof_judged(void *data, bool ran)
{
    struct request *request = data;
    struct app *app = dpm_app(request->dpm);
    g_autoptr(GError) error = g_steal_pointer(&request->error);
    const Host *host;
    Commit *commit;

    inventory_publish(app->inv);
    if (!ran)
        err_set(&error, VRM_ERR_UNAVAILABLE, "the controller is stopping");
    else if (!error)
        (void)dpm_still_counts(request->dpm, &request->turn, &error);
    host = error ? NULL : proof_host(request, &error);
    if (!host || !check_proof(app, host, &error)) {
        finish(request, error);
        return;
    }
    commit = commit_new(&app->committer);
    (void)add_task(request, commit, TASK_PROVE_HOST, host, "");
    commit_submit(commit, NULL, written, request);
}

void dpm_prove(Dpm *dpm, const struct dpm_proof *proof, dpm_apply_fn done, void *user)
{
    struct app *app = dpm_app(dpm);
    struct request *request = new_request(dpm, 0, done, user);
    const Host *host;

    request->host_id = proof->host_id;
    request->user_name = g_strdup(proof->user);
    request->address = g_strdup(proof->address);
    inventory_publish(app->inv);
    host = proof_host(request, &request->error);
    if (host && check_proof(app, host, &request->error)) {
        request->cluster_id = host->cluster_id;
        (void)dpm_begin(dpm, host->cluster_id, &request->turn, &request->error);
    }
    if (request->turn.begun) {
        dpm_fill_params(app, &request->params);
        request->snap = inventory_snapshot(app->inv);
        if (work_pool_submit(app->cpu, NULL, run_proof, proof_judged, request))
            return;
        err_set_reason(&request->error, VRM_ERR_BUSY, REASON_BUSY, NULL,
                       "too much planning is waiting");
    }
    g_idle_add(refuse, request);
}
