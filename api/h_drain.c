/* h_drain.c - what emptying a host for maintenance would do, before it is done. */
#include "config.h"

#include "api/answer.h"
#include "api/handlers.h"
#include "api/read.h"
#include "model/id.h"

struct op *h_drain_plan(struct request *req, GError **error)
{
    struct op *op = op_new(OP_DRAIN_PLAN);

    (void)error;
    op->id = req->ids[OBJECT_HOST];
    return op;
}

static void put_place(struct request *req, const char *urn_key, const char *name_key, int64_t id)
{
    read_put_urn(req, urn_key, OBJECT_HOST, id);
    jw_str(&req->out, name_key, read_name(req, OBJECT_HOST, id));
}

static void put_vm(struct request *req, int64_t id, const char *name)
{
    read_put_urn(req, "vmUrn", OBJECT_VM, id);
    jw_str(&req->out, "vmName", name);
}

/* Steps count from 1, as people do. */
static void put_move(struct request *req, const struct op_drain_move *move, int64_t step)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    jw_int(out, "step", step);
    put_vm(req, move->vm_id, move->vm_name);
    put_place(req, "sourceHostUrn", "sourceHostName", move->from_id);
    put_place(req, "destinationHostUrn", "destinationHostName", move->to_id);
    jw_bool(out, "makesRoom", move->aside);
    jw_bool(out, "detour", move->detour);
    jw_array(out, "afterSteps");
    for (size_t i = 0; i < move->n_after; i++)
        jw_int(out, NULL, (int64_t)move->after[i] + 1);
    jw_array_end(out);
    jw_int(out, "startMs", move->start_ms);
    jw_int(out, "durationMs", move->cost_ms);
    jw_int(out, "copyMB", move->cost_mb);
    jw_str(out, "reasonText", move->text);
    jw_str(out, "rejected", move->rejected);
    jw_object_end(out);
}

static void put_stay(struct request *req, const struct op_drain_stay *stay)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    put_vm(req, stay->vm_id, stay->vm_name);
    jw_bool(out, "waits", stay->transient);
    jw_str(out, "text", stay->text);
    jw_object_end(out);
}

static void put_sums(struct request *req, const struct op_drain *drain)
{
    int64_t copy_mb = 0;

    for (size_t i = 0; i < drain->n_moves; i++)
        copy_mb += drain->moves[i].cost_mb;
    jw_int(&req->out, "moves", (int64_t)drain->n_moves);
    jw_int(&req->out, "cannotLeave", (int64_t)drain->n_stays);
    jw_int(&req->out, "copyMB", copy_mb);
    jw_int(&req->out, "durationMs", drain->duration_ms);
}

static void put_lists(struct request *req, const struct op_drain *drain)
{
    struct jw *out = &req->out;

    jw_array(out, "plan");
    for (size_t i = 0; i < drain->n_moves; i++)
        put_move(req, &drain->moves[i], (int64_t)i + 1);
    jw_array_end(out);
    jw_array(out, "violations");
    for (size_t i = 0; i < drain->n_stays; i++)
        put_stay(req, &drain->stays[i]);
    jw_array_end(out);
}

bool h_drain_answer(struct request *req, struct op_result *result, GError **error)
{
    const struct op_drain *drain = result->drain;
    const Host *host = snapshot_host(req->snap, req->ids[OBJECT_HOST]);
    struct jw *out = &req->out;

    if (!drain) /* MigrateAllVms without dryRun */
        return answer_done(req, result, error);
    jw_object(out, NULL);
    read_put_urn(req, "hostUrn", OBJECT_HOST, host->id);
    jw_str(out, "hostName", host->name);
    jw_bool(out, "maintaining", host->maintaining);
    jw_bool(out, "possible", drain->n_stays == 0);
    jw_str(out, "text", drain->text);
    put_sums(req, drain);
    put_lists(req, drain);
    jw_object(out, "policy");
    jw_bool(out, "wanted", drain->wanted);
    jw_bool(out, "holds", drain->holds);
    jw_str(out, "text", drain->policy);
    jw_object_end(out);
    jw_object_end(out);
    return true;
}
