/* h_drs.c - DRS: balance, the plan's recommendations, applying them, history.
 *
 * FusionCompute's fields, and beside them what a person needs to judge a move: the reason in a
 * sentence, gain, cost, and the best alternative with why it lost. */
#include "config.h"

#include "api/handlers.h"

#include "api/body.h"
#include "api/known.h"
#include "api/read.h"
#include "base/err.h"
#include "model/id.h"
#include "model/reason.h"

#define PERMILLE 1000

enum balance {
    BALANCE_UNEVEN = 0,
    BALANCE_EVEN = 1,
    BALANCE_OTHER = 2, /* not judged: no data, or DRS never looked */
};

static const char *const reasons[N_MOVE_REASONS] = {
    [MOVE_OVERLOAD] = "OVERLOAD",     [MOVE_BALANCE_CPU] = "LB_CPU",
    [MOVE_BALANCE_MEM] = "LB_MEMORY", [MOVE_RULE] = "RULES",
    [MOVE_EVACUATION] = "EVACUATION", [MOVE_UNDERLOAD] = "UNDERLOAD",
};

/* ---- balance ------------------------------------------------------------------------------------
 */

static size_t count_open(const DrsReport *report)
{
    size_t n = 0;

    for (size_t i = 0; i < report->n_recommendations; i++)
        n += report->recommendations[i]->state == REC_OPEN;
    return n;
}

static void put_balance(struct request *req, const DrsReport *report)
{
    struct jw *out = &req->out;
    enum balance balance = BALANCE_OTHER;

    if (report && report->decided)
        balance = count_open(report) ? BALANCE_UNEVEN : BALANCE_EVEN;
    jw_object(out, NULL);
    jw_int(out, "drsBalance", balance);
    jw_decimal(out, "currentStdev", report ? report->imbalance_now : 0, PERMILLE);
    jw_decimal(out, "targetStdev", report ? report->imbalance_planned : 0, PERMILLE);
    jw_bool(out, "decided", report && report->decided);
    jw_str(out, "verdict", report ? report->verdict : "no plan was made yet");
    jw_int(out, "overloadMHz", report ? report->overload_now : 0);
    jw_int(out, "targetOverloadMHz", report ? report->overload_planned : 0);
    jw_int(out, "recommendationQuantity", report ? (int64_t)count_open(report) : 0);
    jw_int(out, "planId", report ? report->plan_id : 0);
    read_put_time(req, "updateTime", report ? report->at_ms : 0);
    jw_object_end(out);
}

bool h_drs_balance(struct request *req, GError **error)
{
    (void)error;
    put_balance(req, snapshot_drs_report(req->snap, req->ids[OBJECT_CLUSTER]));
    return true;
}

struct op *h_drs_refresh(struct request *req, GError **error)
{
    struct op *op = op_new(OP_DRS_REFRESH);

    (void)error;
    op->id = req->ids[OBJECT_CLUSTER];
    return op;
}

bool h_drs_refreshed(struct request *req, struct op_result *result, GError **error)
{
    (void)result;
    request_refresh(req);
    return h_drs_balance(req, error);
}

/* ---- recommendations ------------------------------------------------------------------------- */

static void put_place(struct request *req, const char *prefix, int64_t host_id, const char *name)
{
    g_autofree char *urn_key = g_strconcat(prefix, "HostUrn", NULL);
    g_autofree char *uri_key = g_strconcat(prefix, "HostUri", NULL);
    g_autofree char *name_key = g_strconcat(prefix, "HostName", NULL);

    read_put_urn(req, urn_key, OBJECT_HOST, host_id);
    read_put_uri(req, uri_key, OBJECT_HOST, host_id);
    jw_str(&req->out, name_key, name);
}

static void put_why(struct request *req, const Recommendation *rec)
{
    struct jw *out = &req->out;

    jw_str(out, "reason", reasons[rec->reason]);
    jw_str(out, "reasonText", rec->text);
    jw_object(out, "gain");
    jw_int(out, "overloadMHz", rec->gain_overload);
    jw_int(out, "imbalancePermille", rec->gain_balance);
    jw_object_end(out);
    jw_object(out, "cost");
    jw_int(out, "durationMs", rec->cost_ms);
    jw_int(out, "copyMB", rec->cost_mb);
    jw_object_end(out);
    jw_str(out, "rejected", rec->rejected);
}

static void put_dependences(struct request *req, const Recommendation *rec)
{
    jw_array(&req->out, "dependences");
    if (rec->depends_on) {
        g_autofree char *urn = urn_format_child(req->site, OBJECT_CLUSTER, rec->cluster_id,
                                                OBJECT_RECOMMENDATION, rec->depends_on);

        jw_str(&req->out, NULL, urn);
    }
    jw_array_end(&req->out);
}

static void put_vm(struct request *req, const Recommendation *rec)
{
    struct jw *out = &req->out;

    jw_object(out, "vmRecommendation");
    read_put_urn(req, "vmUrn", OBJECT_VM, rec->vm_id);
    read_put_uri(req, "vmUri", OBJECT_VM, rec->vm_id);
    jw_str(out, "vmName", rec->vm_name);
    put_place(req, "source", rec->source_host_id, rec->source_name);
    put_place(req, "destination", rec->target_host_id, rec->target_name);
    jw_object_end(out);
}

static void put_host(struct request *req, const Recommendation *rec)
{
    struct jw *out = &req->out;

    jw_object(out, "hostRecommendation");
    read_put_urn(req, "hostUrn", OBJECT_HOST, rec->target_host_id);
    read_put_uri(req, "hostUri", OBJECT_HOST, rec->target_host_id);
    jw_str(out, "hostName", rec->target_name);
    jw_object_end(out);
}

static const char *type_word(const Recommendation *rec, bool past)
{
    switch (rec->type) {
    case REC_POWER_ON:
        return past ? "powerOnHost" : "powerOn";
    case REC_POWER_OFF:
        return past ? "powerOffHost" : "powerOff";
    case REC_MIGRATE:
        break;
    }
    return "migrateVm";
}

/* past: in the history, where clients know other words for hosts. */
static void put_recommendation(struct request *req, const Recommendation *rec, bool past)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    read_put_child(req, rec->cluster_id, OBJECT_RECOMMENDATION, rec->id);
    read_put_time(req, "createTime", rec->create_ms);
    jw_str(out, "type", type_word(rec, past));
    jw_str(out, "status", recommendation_state_name(rec->state));
    jw_int(out, "rating", rec->rating);
    put_dependences(req, rec);
    put_why(req, rec);
    if (rec->type == REC_MIGRATE)
        put_vm(req, rec);
    else
        put_host(req, rec);
    if (rec->task_id)
        read_put_urn(req, "taskUrn", OBJECT_TASK, rec->task_id);
    if (rec->finish_ms)
        read_put_time(req, "finishedTime", rec->finish_ms);
    jw_object_end(out);
}

static void put_list(struct request *req, const struct op_result *result, int64_t total,
                     size_t from, size_t to, bool past)
{
    jw_object(&req->out, NULL);
    jw_int(&req->out, "total", total);
    jw_array(&req->out, "recommendations");
    for (size_t i = from; i < to; i++)
        put_recommendation(req, result->recommendations[i], past);
    jw_array_end(&req->out);
    jw_object_end(&req->out);
}

struct op *h_drs_list(struct request *req, GError **error)
{
    struct read_page page;
    struct op *op;

    if (!read_page(req, &page, error))
        return NULL;
    op = op_new(OP_DRS_LIST);
    op->id = req->ids[OBJECT_CLUSTER];
    return op;
}

bool h_drs_list_answer(struct request *req, struct op_result *result, GError **error)
{
    struct read_page page;
    size_t from = 0, to = 0;

    if (!read_page(req, &page, error))
        return false;
    read_page_bounds(&page, result->n_recommendations, &from, &to);
    put_list(req, result, (int64_t)result->n_recommendations, from, to, false);
    return true;
}

bool h_drs_get_answer(struct request *req, struct op_result *result, GError **error)
{
    for (size_t i = 0; i < result->n_recommendations; i++) {
        if (result->recommendations[i]->id != req->ids[OBJECT_RECOMMENDATION])
            continue;
        put_recommendation(req, result->recommendations[i], false);
        return true;
    }
    err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_OBJECT_MISSING, NULL,
                   "drsrecommendations/%" G_GINT64_FORMAT " is in none of the current plans of "
                   "this cluster: drsrecommendations/history has those of earlier ones",
                   req->ids[OBJECT_RECOMMENDATION]);
    return false;
}

struct op *h_drs_history(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_DRS_HISTORY);
    struct read_page page;

    if (!read_page(req, &page, error))
        return NULL;
    op->id = req->ids[OBJECT_CLUSTER];
    op->query.limit = page.limit < 0 ? READ_HISTORY_MAX : MIN(page.limit, READ_HISTORY_MAX);
    op->query.offset = page.offset;
    return g_steal_pointer(&op);
}

bool h_drs_history_answer(struct request *req, struct op_result *result, GError **error)
{
    (void)error;
    put_list(req, result, result->total, 0, result->n_recommendations, true);
    return true;
}

/* ---- applying -------------------------------------------------------------------------------- */

/* No list in the body: all open ones. */
struct op *h_drs_apply(struct request *req, GError **error)
{
    static const char *const words[] = { "recommendations", NULL };
    g_autoptr(op_auto) op = op_new(OP_DRS_APPLY);

    op->id = req->ids[OBJECT_CLUSTER];
    if (!known_keys(&req->json, words, error) ||
        !body_urns(&req->json, URN_FIELD("recommendations", req->site, OBJECT_RECOMMENDATION, 0),
                   &op->recommendations, &op->n_recommendations, error))
        return NULL;
    if (json_is_array(json_get(&req->json, "recommendations")) && op->n_recommendations == 0) {
        body_fail(&req->json, "recommendations", 0,
                  "at least one, or no list at all to apply every open one", error);
        return NULL;
    }
    return g_steal_pointer(&op);
}

struct op *h_drs_apply_one(struct request *req, GError **error)
{
    struct op *op = op_new(OP_DRS_APPLY);

    (void)error;
    op->id = req->ids[OBJECT_CLUSTER];
    op->recommendations = g_new(int64_t, 1);
    op->recommendations[0] = req->ids[OBJECT_RECOMMENDATION];
    op->n_recommendations = 1;
    return op;
}

/* ---- overrides ------------------------------------------------------------------------------- */

static bool read_behavior(const struct request *req, int64_t *ret_behavior, GError **error)
{
    return target_int(&req->target,
                      INT_FIELD("behavior", 0, DRS_BEHAVIOR_DISABLED, 0, ret_behavior), error) &&
           body_int(&req->json, INT_FIELD("behavior", 0, DRS_BEHAVIOR_DISABLED, 0, ret_behavior),
                    error);
}

bool h_drs_overrides(struct request *req, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    const char *name = target_param(&req->target, "name");
    struct jw *out = &req->out;
    int64_t behavior = -1;
    struct read_page page;
    size_t from, to;

    if (!read_page(req, &page, error) || !read_behavior(req, &behavior, error))
        return false;
    for (size_t i = 0; i < req->snap->n_vms; i++) {
        const Vm *vm = req->snap->vms[i];

        if (vm->cluster_id == req->ids[OBJECT_CLUSTER] && read_like(vm->name, name) &&
            (behavior < 0 || behavior == (int64_t)vm->drs_behavior))
            g_ptr_array_add(found, (void *)(uintptr_t)vm);
    }
    read_page_bounds(&page, found->len, &from, &to);
    jw_object(out, NULL);
    jw_int(out, "total", found->len);
    jw_array(out, "vms");
    for (size_t i = from; i < to; i++) {
        const Vm *vm = g_ptr_array_index(found, i);

        jw_object(out, NULL);
        read_put_object(req, OBJECT_VM, vm->id);
        jw_str(out, "name", vm->name);
        jw_int(out, "behavior", vm->drs_behavior);
        jw_object_end(out);
    }
    jw_array_end(out);
    jw_object_end(out);
    return true;
}
