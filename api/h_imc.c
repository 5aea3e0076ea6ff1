/* h_imc.c - one CPU baseline for a cluster (IMC): what it would mean to set it. */
#include "config.h"

#include "api/body.h"
#include "api/handlers.h"
#include "api/read.h"
#include "base/err.h"
#include "model/imc.h"
#include "model/reason.h"

/* text NULL: the cluster as it is. */
static struct op *make_check(struct request *req, const char *text, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_IMC_CHECK);
    const char *mode = text ? imc_mode_find(text) : NULL;
    g_autofree char *modes = NULL;

    op->id = req->ids[OBJECT_CLUSTER];
    op->cluster = cluster_dup(snapshot_cluster(req->snap, op->id));
    if (text && !mode) {
        modes = imc_modes_list();
        err_set_reason(error, VRM_ERR_INVALID, REASON_IMC_MODE, "imcSetting",
                       "imcSetting = %s: want one of %s", text, modes);
        return NULL;
    }
    if (mode) {
        g_free(op->cluster->imc_setting);
        op->cluster->imc_setting = g_strdup(mode);
        op->cluster->imc_enabled = true;
    }
    return g_steal_pointer(&op);
}

struct op *h_imc_check(struct request *req, GError **error)
{
    const char *text = target_param(&req->target, "imcSetting");

    return make_check(req, text && *text ? text : NULL, error);
}

struct op *h_imc_check_mode(struct request *req, GError **error)
{
    g_autofree char *text = g_strdup("");

    if (!body_string(&req->json, "imcSetting", BODY_TAG_MAX, REASON_IMC_MODE, &text, error))
        return NULL;
    return make_check(req, *text ? text : NULL, error);
}

static void put_names(struct request *req, const char *key, char *const *names)
{
    jw_array(&req->out, key);
    for (size_t i = 0; names && names[i]; i++)
        jw_str(&req->out, NULL, names[i]);
    jw_array_end(&req->out);
}

static void put_hosts(struct request *req, const struct op_imc *imc)
{
    struct jw *out = &req->out;

    jw_array(out, "hosts");
    for (size_t i = 0; i < imc->n_hosts; i++) {
        const struct op_imc_host *host = &imc->hosts[i];

        jw_object(out, NULL);
        read_put_object(req, OBJECT_HOST, host->id);
        jw_str(out, "name", host->name);
        jw_str(out, "maxImcSetting", host->newest);
        jw_bool(out, "fits", host->fits);
        put_names(req, "missingFeatures", host->missing);
        jw_str(out, "text", host->text);
        jw_object_end(out);
    }
    jw_array_end(out);
}

/* When the VM has to be stopped and started again: before the baseline can be set, or after, to use
 * all of it. */
static const char *power_cycle(const char *verdict)
{
    return g_str_equal(verdict, "hides") ? "before" : g_str_equal(verdict, "gains") ? "after" : "";
}

static void put_vms(struct request *req, const struct op_imc *imc)
{
    struct jw *out = &req->out;

    jw_array(out, "vms");
    for (size_t i = 0; i < imc->n_vms; i++) {
        const struct op_imc_vm *vm = &imc->vms[i];

        jw_object(out, NULL);
        read_put_object(req, OBJECT_VM, vm->id);
        jw_str(out, "name", vm->name);
        read_put_urn(req, "hostUrn", OBJECT_HOST, vm->host_id);
        jw_str(out, "cpuSeen", vm->cpu);
        jw_str(out, "verdict", vm->verdict);
        jw_str(out, "powerCycle", power_cycle(vm->verdict));
        put_names(req, "features", vm->features);
        jw_str(out, "text", vm->text);
        jw_object_end(out);
    }
    jw_array_end(out);
}

bool h_imc_answer(struct request *req, struct op_result *result, GError **error)
{
    const struct op_imc *imc = result->imc;
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    read_put_urn(req, "clusterUrn", OBJECT_CLUSTER, req->ids[OBJECT_CLUSTER]);
    jw_str(out, "imcSetting", imc->mode);
    jw_str(out, "currentImcSetting", imc->now);
    jw_str(out, "change", imc->change);
    jw_bool(out, "possible", imc->possible);
    jw_str(out, "maxImcSetting", imc->common);
    jw_str(out, "text", imc->text);
    put_hosts(req, imc);
    put_vms(req, imc);
    jw_object_end(out);
    return true;
}
