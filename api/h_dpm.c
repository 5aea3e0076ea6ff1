/* h_dpm.c - power management: every host with its state and reason, kWh saved, prove now. */
#include "config.h"

#include "api/handlers.h"
#include "api/read.h"

#define PERMILLE   1000
#define WH_PER_KWH 1000
#define MS_PER_S   1000

static struct op *make_op(const struct request *req, enum op_kind kind)
{
    struct op *op = op_new(kind);

    op->id = kind == OP_HOST_PROVE_WAKE ? req->ids[OBJECT_HOST] : req->ids[OBJECT_CLUSTER];
    return op;
}

struct op *h_dpm_status(struct request *req, GError **error)
{
    (void)error;
    return make_op(req, OP_DPM_STATUS);
}

struct op *h_dpm_refresh(struct request *req, GError **error)
{
    (void)error;
    return make_op(req, OP_DPM_REFRESH);
}

struct op *h_host_prove_wake(struct request *req, GError **error)
{
    (void)error;
    return make_op(req, OP_HOST_PROVE_WAKE);
}

static void put_time(struct request *req, const char *key, int64_t ms)
{
    if (ms)
        read_put_time(req, key, ms);
    else
        jw_str(&req->out, key, "");
}

static void put_host(struct request *req, const struct op_dpm_host *host)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    read_put_object(req, OBJECT_HOST, host->id);
    jw_str(out, "name", host->name);
    jw_str(out, "state", host->state);
    jw_str(out, "action", host->action);
    jw_str(out, "reason", host->text);
    put_time(req, "wakeProvenTime", host->proven_ms);
    jw_bool(out, "wakeProven", host->proven);
    put_time(req, "offSince", host->off_since_ms);
    jw_int(out, "asleepSeconds", host->slept_ms / MS_PER_S);
    jw_decimal(out, "kWhSaved", host->saved_wh, WH_PER_KWH);
    jw_int(out, "moves", (int64_t)host->n_moves);
    jw_int(out, "copyMB", host->move_mb);
    jw_str(out, "lastFailure", host->trouble);
    put_time(req, "retryTime", host->retry_ms);
    if (host->task_id)
        read_put_urn(req, "taskUrn", OBJECT_TASK, host->task_id);
    jw_object_end(out);
}

bool h_dpm_answer(struct request *req, struct op_result *result, GError **error)
{
    static const char *const modes[] = { "off", "manual", "automatic" };
    const struct op_dpm *dpm = result->dpm;
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    read_put_urn(req, "clusterUrn", OBJECT_CLUSTER, req->ids[OBJECT_CLUSTER]);
    jw_int(out, "powerLevel", dpm->power_level);
    jw_str(out, "mode", modes[CLAMP(dpm->power_level, 0, 2)]);
    jw_bool(out, "decided", dpm->decided);
    jw_str(out, "verdict", dpm->verdict);
    put_time(req, "updateTime", dpm->at_ms);
    jw_decimal(out, "load", dpm->load_permille, PERMILLE);
    jw_decimal(out, "expectedLoad", dpm->expected_permille, PERMILLE);
    jw_decimal(out, "sleepBelow", dpm->sleep_below, PERMILLE);
    jw_decimal(out, "wakeAbove", dpm->wake_above, PERMILLE);
    jw_int(out, "proofDays", dpm->proof_days);
    jw_int(out, "spareHosts", dpm->spare_hosts);
    jw_int(out, "watts", dpm->watts);
    jw_int(out, "asleepSeconds", dpm->slept_ms / MS_PER_S);
    jw_decimal(out, "kWhSaved", dpm->saved_wh, WH_PER_KWH);
    jw_array(out, "hosts");
    for (size_t i = 0; i < dpm->n_hosts; i++)
        put_host(req, &dpm->hosts[i]);
    jw_array_end(out);
    jw_object_end(out);
    return true;
}
