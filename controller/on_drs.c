/* on_drs.c - DRS on demand: plan now, apply, look back. */
#include "config.h"

#include "base/err.h"
#include "controller/call.h"
#include "controller/drs.h"
#include "controller/history.h"
#include "db/store_drs.h"

static void planned(const GError *error, void *user)
{
    struct call *call = user;

    if (error)
        call_fail(call, error);
    else
        call_done(call);
}

void on_drs_refresh(struct call *call)
{
    g_autoptr(GError) error = NULL;

    if (call_cluster(call, call->op->id, &error))
        drs_plan(call->app->drs, call->op->id, true, planned, call);
    else
        call_fail(call, error);
}

static void applied(int64_t task_id, const GError *error, void *user)
{
    struct call *call = user;

    if (error)
        call_fail(call, error);
    else
        call_task(call, task_id, 0);
}

void on_drs_apply(struct call *call)
{
    const struct op *op = call->op;

    drs_apply(call->app->drs,
              &(struct drs_order){ .cluster_id = op->id,
                                   .ids = op->n_recommendations ? op->recommendations : NULL,
                                   .n_ids = op->n_recommendations,
                                   .user = op->user,
                                   .address = op->address },
              applied, call);
}

static void show_history(struct app *app, struct op_result *result, GPtrArray *list)
{
    (void)app;
    result->recommendations = g_new0(Recommendation *, list->len);
    result->n_recommendations = list->len;
    for (guint i = 0; i < list->len; i++)
        result->recommendations[i] = recommendation_ref(list->pdata[i]);
}

void on_drs_history(struct call *call)
{
    history_query(call, store_drs_query, show_history);
}
