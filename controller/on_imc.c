/* on_imc.c - what a CPU baseline would mean for a cluster. */
#include "config.h"

#include "controller/call.h"
#include "scheduler/imc.h"

static const char *const verdicts[] = {
    [IMC_VM_FITS] = "fits",
    [IMC_VM_GAINS] = "gains",
    [IMC_VM_HIDES] = "hides",
    [IMC_VM_UNSTABLE] = "unstable",
};

static char **names_of(const CpuSet *set)
{
    return set ? g_strdupv(set->names) : NULL;
}

static void copy_hosts(const ImcPlan *plan, struct op_imc *imc)
{
    imc->hosts = g_new0(struct op_imc_host, plan->hosts.len);
    imc->n_hosts = plan->hosts.len;
    for (size_t i = 0; i < plan->hosts.len; i++) {
        const struct imc_host *it = &plan->hosts.items[i];

        imc->hosts[i] =
            (struct op_imc_host){ .id = it->host->id,
                                  .fits = it->verdict == IMC_HOST_FITS,
                                  .name = g_strdup(it->host->name),
                                  .newest = g_strdup(it->newest ? it->newest->mode : ""),
                                  .text = g_strdup(it->text),
                                  .missing = names_of(it->missing) };
    }
}

static void copy_vms(const ImcPlan *plan, struct op_imc *imc)
{
    imc->vms = g_new0(struct op_imc_vm, plan->vms.len);
    imc->n_vms = plan->vms.len;
    for (size_t i = 0; i < plan->vms.len; i++) {
        const struct imc_vm *it = &plan->vms.items[i];

        imc->vms[i] = (struct op_imc_vm){ .id = it->vm->id,
                                          .host_id = it->vm->host_id,
                                          .verdict = verdicts[it->verdict],
                                          .name = g_strdup(it->vm->name),
                                          .cpu = g_strdup(it->vm->cpu_seen),
                                          .text = g_strdup(it->text),
                                          .features = names_of(it->features) };
    }
}

void on_imc_check(struct call *call)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImcPlan) plan = NULL;
    const Cluster *cluster;
    struct op_imc *imc;

    inventory_publish(call->app->inv);
    cluster = call_cluster(call, call->op->id, &error);
    if (!cluster) {
        call_fail(call, error);
        return;
    }
    plan = imc_plan(inventory_peek(call->app->inv), call->op->cluster);
    imc = g_new0(struct op_imc, 1);
    imc->possible = plan->possible;
    imc->change = plan->change;
    imc->now = g_strdup(cluster->imc_enabled ? cluster->imc_setting : "");
    imc->mode = g_strdup(plan->mode);
    imc->common = g_strdup(plan->common ? plan->common->mode : "");
    imc->text = g_strdup(plan->text);
    copy_hosts(plan, imc);
    copy_vms(plan, imc);
    call_result(call, &(struct op_result){ .imc = imc });
}
