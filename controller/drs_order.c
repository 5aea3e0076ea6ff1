/* drs_order.c - see drs.h: a plan, or a person's choice of it, becomes a committed task, which
 * drs_apply.c carries out. */
#include "config.h"

#include "base/err.h"
#include "controller/drs.h"
#include "controller/drs_private.h"
#include "controller/task.h"
#include "model/reason.h"

struct apply_request {
    struct app *app;
    int64_t cluster_id;
    bool begun; /* drs_begin */
    Task *task;
    drs_apply_fn done;
    void *user;
    GError *error;
};

static void finish_request(struct apply_request *request, const GError *error)
{
    if (request->begun)
        drs_end(request->app->drs, request->cluster_id);
    request->done(error ? 0 : request->task->id, error, request->user);
    task_unref(request->task);
    g_clear_error(&request->error);
    g_free(request);
}

static gboolean refuse(void *data)
{
    struct apply_request *request = data;

    finish_request(request, request->error);
    return G_SOURCE_REMOVE;
}

static void apply_written(const GError *error, void *user)
{
    struct apply_request *request = user;

    if (!error)
        tasks_begin(request->app->tasks, request->task->id);
    finish_request(request, error);
}

bool drs_is_chosen(const int64_t *ids, size_t n_ids, int64_t rec_id)
{
    if (!ids)
        return true;
    for (size_t i = 0; i < n_ids; i++) {
        if (ids[i] == rec_id)
            return true;
    }
    return false;
}

static size_t choose(const struct app *app, const struct drs_order *order, Commit *commit,
                     const int64_t *task_id)
{
    const DrsReport *report =
        snapshot_builder_get_drs_report(inventory_edit(app->inv), order->cluster_id);
    size_t n = 0;

    for (size_t i = 0; report && i < report->n_recommendations; i++) {
        Recommendation *rec;

        if (report->recommendations[i]->state != REC_OPEN ||
            !drs_is_chosen(order->ids, order->n_ids, report->recommendations[i]->id))
            continue;
        rec = recommendation_dup(report->recommendations[i]);
        rec->state = REC_APPLYING;
        commit_put_recommendation_of(commit, rec, task_id);
        n++;
    }
    return n;
}

static bool check_cluster(const struct app *app, int64_t cluster_id, GError **error)
{
    if (snapshot_cluster(inventory_peek(app->inv), cluster_id))
        return true;
    err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_CLUSTER_MISSING, NULL,
                   "cluster %" G_GINT64_FORMAT " does not exist", cluster_id);
    return false;
}

static Task *make_task(const struct app *app, const struct drs_order *order)
{
    const Cluster *cluster = snapshot_cluster(inventory_peek(app->inv), order->cluster_id);
    Task *task = task_prepare(TASK_APPLY_DRS, OBJECT_CLUSTER, cluster->id, cluster->name,
                              order->user ? order->user : "-_system");

    task->origin = order->user ? ORIGIN_USER : ORIGIN_DRS;
    return task;
}

void drs_apply(Drs *drs, const struct drs_order *order, drs_apply_fn done, void *user)
{
    struct app *app = drs_app(drs);
    struct apply_request *request = g_new0(struct apply_request, 1);
    g_autoptr(Commit) commit = commit_new(&app->committer);

    *request = (struct apply_request){
        .app = app, .cluster_id = order->cluster_id, .done = done, .user = user
    };
    request->begun = check_cluster(app, order->cluster_id, &request->error) &&
                     drs_begin(drs, order->cluster_id, &request->error);
    if (!request->begun) {
        g_idle_add(refuse, request);
        return;
    }
    request->task = make_task(app, order);
    commit_put_task(commit, task_ref(request->task), NULL);
    if (choose(app, order, commit, &request->task->id) == 0) {
        err_set_reason(&request->error, VRM_ERR_NOT_FOUND, REASON_OBJECT_MISSING, "recommendations",
                       "there is no open recommendation to apply");
        g_idle_add(refuse, request);
        return;
    }
    commit_audit(commit, &(struct commit_audit){ .user = request->task->user,
                                                 .address = order->address,
                                                 .operation = task_type_name(TASK_APPLY_DRS),
                                                 .object = request->task->entity_name,
                                                 .result = "accepted",
                                                 .task_id_from = &request->task->id });
    commit_submit(g_steal_pointer(&commit), NULL, apply_written, request);
}
