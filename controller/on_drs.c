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

static void apply_moves(struct call *call, drs_apply_fn done, void *user)
{
    const struct op *op = call->op;

    drs_apply(call->app->drs,
              &(struct drs_order){ .cluster_id = op->id,
                                   .ids = op->n_recommendations ? op->recommendations : NULL,
                                   .n_ids = op->n_recommendations,
                                   .user = op->user,
                                   .address = op->address },
              done, user);
}

static void apply_power(struct call *call, dpm_apply_fn done, void *user)
{
    const struct op *op = call->op;

    dpm_apply(call->app->dpm,
              &(struct dpm_order){ .cluster_id = op->id,
                                   .ids = op->n_recommendations ? op->recommendations : NULL,
                                   .n_ids = op->n_recommendations,
                                   .user = op->user,
                                   .address = op->address },
              done, user);
}

/* ---- all open ones, of both kinds -------------------------------------------------------------
 */

struct both {
    struct call *call;
    int64_t power_task_id;
    GError *power_error;
};

/* What came of the other kind, in the words of a person. */
static char *note_of(const char *done, const char *not_done, const GError *error)
{
    return g_strdup_printf("%s applied; %s not: %s", done, not_done, error->message);
}

static void fail_both(struct call *call, const GError *power, const GError *moves)
{
    g_autoptr(GError) error = g_error_copy(moves);

    g_prefix_error(&error, "neither was applied: about hosts: %s; about VMs: ", power->message);
    call_fail(call, error);
}

/* The task of the moves is the answer, or that of the first host when there is none. */
static void moves_applied(int64_t task_id, const GError *error, void *user)
{
    g_autofree struct both *both = user;
    g_autoptr(GError) power_error = both->power_error;
    struct op_result result = { .task_id = error ? both->power_task_id : task_id,
                                .power_task_id = both->power_task_id };

    if (error && power_error) {
        fail_both(both->call, power_error, error);
        return;
    }
    if (power_error)
        result.note = note_of("those about VMs were", "those about hosts were", power_error);
    else if (error)
        result.note = note_of("those about hosts were", "those about VMs were", error);
    call_result(both->call, &result);
}

/* Whatever came of it: one kind does not depend on the other. */
static void power_applied(int64_t task_id, const GError *error, void *user)
{
    struct both *both = user;

    both->power_task_id = task_id;
    both->power_error = error ? g_error_copy(error) : NULL;
    apply_moves(both->call, moves_applied, both);
}

static void apply_both(struct call *call)
{
    struct both *both = g_new(struct both, 1);

    *both = (struct both){ .call = call };
    apply_power(call, power_applied, both);
}

/* ---- those that are named ---------------------------------------------------------------------
 */

static const Recommendation *find_in(const DrsReport *report, int64_t id)
{
    for (size_t i = 0; report && i < report->n_recommendations; i++) {
        if (report->recommendations[i]->id == id)
            return report->recommendations[i];
    }
    return NULL;
}

static int64_t list_open(const DrsReport *report, GString *list)
{
    int64_t newest = 0;

    for (size_t i = 0; report && i < report->n_recommendations; i++) {
        const Recommendation *rec = report->recommendations[i];

        newest = MAX(newest, rec->id);
        if (rec->state == REC_OPEN)
            g_string_append_printf(list, "%s%" G_GINT64_FORMAT, list->len ? ", " : "", rec->id);
    }
    return newest;
}

/* Each must be open; else what it is, and which ones are. */
static bool check_named(const struct call *call, GError **error)
{
    const DrsReport *power = dpm_report(call->app->dpm, call->op->id);
    const DrsReport *moves =
        snapshot_builder_get_drs_report(inventory_edit(call->app->inv), call->op->id);
    g_autoptr(GString) open = g_string_new(NULL);
    int64_t newest = MAX(list_open(power, open), list_open(moves, open));

    for (size_t i = 0; i < call->op->n_recommendations; i++) {
        const int64_t id = call->op->recommendations[i];
        const Recommendation *rec = find_in(moves, id);
        const char *what = id <= newest ? "of an earlier plan or another cluster" : "unknown";

        rec = rec ? rec : find_in(power, id);
        if (rec && rec->state == REC_OPEN)
            continue;
        err_set_reason(error, rec ? VRM_ERR_CONFLICT : VRM_ERR_NOT_FOUND, REASON_OBJECT_MISSING,
                       "recommendations",
                       "recommendation %" G_GINT64_FORMAT
                       " is %s, not open: want one of those that "
                       "are: %s",
                       id, rec ? recommendation_state_name(rec->state) : what,
                       open->len ? open->str : "none is");
        return false;
    }
    return true;
}

void on_drs_apply(struct call *call)
{
    const struct op *op = call->op;
    size_t n_power = count_of_dpm(call);
    g_autoptr(GError) error = NULL;

    if (!call_cluster(call, op->id, &error) || !check_named(call, &error))
        call_fail(call, error);
    else if (n_power == 0)
        apply_moves(call, applied, call);
    else if (op->n_recommendations == 0 && has_open_moves(call))
        apply_both(call);
    else if (op->n_recommendations == 0 || n_power == op->n_recommendations)
        apply_power(call, applied, call);
    else {
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
