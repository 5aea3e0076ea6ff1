/* imc_gate.c - see imc_gate.h. */
#include "config.h"

#include "controller/imc_gate.h"

#include "base/err.h"
#include "controller/task.h"
#include "model/reason.h"
#include "scheduler/imc.h"

struct ImcGate {
    GHashTable *closed; /* int64 cluster id -> changes on their way */
};

ImcGate *imc_gate_new(void)
{
    ImcGate *gate = g_new0(ImcGate, 1);

    gate->closed = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    return gate;
}

void imc_gate_free(ImcGate *gate)
{
    if (!gate)
        return;
    g_hash_table_unref(gate->closed);
    g_free(gate);
}

static guint count(const ImcGate *gate, int64_t cluster_id)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(gate->closed, &cluster_id));
}

static void set_count(ImcGate *gate, int64_t cluster_id, guint n)
{
    if (n == 0)
        (void)g_hash_table_remove(gate->closed, &cluster_id);
    else
        (void)g_hash_table_replace(gate->closed, g_memdup2(&cluster_id, sizeof(cluster_id)),
                                   GUINT_TO_POINTER(n));
}

void imc_gate_close(ImcGate *gate, int64_t cluster_id)
{
    set_count(gate, cluster_id, count(gate, cluster_id) + 1);
}

void imc_gate_open(ImcGate *gate, int64_t cluster_id)
{
    guint n = count(gate, cluster_id);

    g_assert(n > 0);
    set_count(gate, cluster_id, n - 1);
}

bool imc_gate_check_start(const ImcGate *gate, const Cluster *cluster, GError **error)
{
    if (!cluster || count(gate, cluster->id) == 0)
        return true;
    err_set_reason(error, VRM_ERR_BUSY, REASON_BUSY, NULL,
                   "the CPU baseline of cluster %s is being changed: try again in a moment",
                   cluster->name);
    return false;
}

bool imc_gate_is_change(const Cluster *current, const Cluster *wanted)
{
    return !g_str_equal(imc_start_model(current), imc_start_model(wanted));
}

bool imc_gate_check_change(const struct app *app, const Cluster *current, const Cluster *wanted,
                           GError **error)
{
    const Snapshot *snap = inventory_peek(app->inv);

    if (!imc_gate_is_change(current, wanted))
        return true;
    for (size_t i = 0; i < snap->n_vms; i++) {
        const Vm *vm = snap->vms[i];

        if (vm->cluster_id != current->id || vm_is_placed(vm) ||
            !tasks_vm_is_held(app->tasks, vm->id))
            continue;
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_IMC_VM_UNSTABLE, "imcSetting",
                       "imcSetting = %s: VM %s may be starting now, a task holds it; wait until "
                       "that is over",
                       wanted->imc_setting, vm->name);
        return false;
    }
    return true;
}
