/* on_drs.c - DRS on demand: plan now, apply, look back. */
#include "config.h"

#include "base/err.h"
#include "controller/call.h"
#include "controller/dpm.h"
#include "controller/drs.h"
#include "controller/history.h"
#include "db/store_drs.h"
#include "model/reason.h"

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

static size_t count_of_dpm(const struct call *call)
{
    const DrsReport *report = dpm_report(call->app->dpm, call->op->id);
    size_t n = 0;

    for (size_t i = 0; report && i < report->n_recommendations; i++) {
        const Recommendation *rec = report->recommendations[i];

        if (call->op->n_recommendations == 0)
            n += rec->state == REC_OPEN;
        for (size_t k = 0; k < call->op->n_recommendations; k++)
            n += rec->id == call->op->recommendations[k];
    }
    return n;
}

static bool has_open_moves(const struct call *call)
{
    const DrsReport *report =
        snapshot_builder_get_drs_report(inventory_edit(call->app->inv), call->op->id);

    for (size_t i = 0; report && i < report->n_recommendations; i++) {
        if (report->recommendations[i]->state == REC_OPEN)
            return true;
    }
    return false;
}

static void apply_moves(struct call *call)
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

static void apply_power(struct call *call, dpm_apply_fn done)
{
    const struct op *op = call->op;

    dpm_apply(call->app->dpm,
              &(struct dpm_order){ .cluster_id = op->id,
                                   .ids = op->n_recommendations ? op->recommendations : NULL,
                                   .n_ids = op->n_recommendations,
                                   .user = op->user,
                                   .address = op->address },
              done, call);
}

/* All open ones, of both kinds: hosts first, the moves' task is the answer. */
static void power_applied(int64_t task_id, const GError *error, void *user)
{
    struct call *call = user;

    (void)task_id;
    if (error)
        call_fail(call, error);
    else
        apply_moves(call);
}

void on_drs_apply(struct call *call)
{
    const struct op *op = call->op;
    size_t n_power = count_of_dpm(call);
    g_autoptr(GError) error = NULL;

    if (n_power == 0) {
        apply_moves(call);
    } else if (op->n_recommendations == 0) {
        apply_power(call, has_open_moves(call) ? power_applied : applied);
    } else if (n_power == op->n_recommendations) {
        apply_power(call, applied);
    } else {
        err_set_reason(&error, VRM_ERR_INVALID, REASON_MALFORMED, "recommendations",
                       "recommendations: some are about hosts and some about VMs; want those about "
                       "hosts in a call of their own");
        call_fail(call, error);
    }
}

static void add_all(GPtrArray *list, const DrsReport *report)
{
    for (size_t i = 0; report && i < report->n_recommendations; i++)
        g_ptr_array_add(list, recommendation_ref(report->recommendations[i]));
}

void on_drs_list(struct call *call)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    size_t n;

    if (!call_cluster(call, call->op->id, &error)) {
        call_fail(call, error);
        return;
    }
    add_all(list, dpm_report(call->app->dpm, call->op->id));
    add_all(list, snapshot_builder_get_drs_report(inventory_edit(call->app->inv), call->op->id));
    n = list->len;
    call_result(call,
                &(struct op_result){ .recommendations =
                                         (Recommendation **)(void *)g_ptr_array_steal(list, NULL),
                                     .n_recommendations = n,
                                     .total = (int64_t)n });
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
