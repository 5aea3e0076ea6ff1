/* filter_target.c - see filter.h: a host that a person named. */
#include "config.h"

#include <inttypes.h>

#include "base/err.h"
#include "model/reason.h"
#include "scheduler/filter.h"
#include "scheduler/layout.h"

static bool find_pair(const Snapshot *snap, int64_t vm_id, int64_t host_id, const Vm **ret_vm,
                      const Host **ret_host, GError **error)
{
    *ret_vm = snapshot_vm(snap, vm_id);
    *ret_host = snapshot_host(snap, host_id);
    if (!*ret_vm) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL, "there is no VM %" PRId64,
                       vm_id);
        return false;
    }
    if (!*ret_host) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_HOST_MISSING, "location",
                       "there is no host %" PRId64, host_id);
        return false;
    }
    return true;
}

static bool check_same_cluster(const Vm *vm, const Host *host, GError **error)
{
    if (vm_is_placed(vm) && vm->status != VM_FAULT_RESUMING && vm->host_id == host->id &&
        vm->target_host_id == 0) {
        err_set_reason(error, VRM_ERR_INVALID, REASON_VM_SAME_HOST, "location",
                       "%s runs on %s already", vm->name, host->name);
        return false;
    }
    if (host->cluster_id == 0 || (vm->cluster_id != 0 && vm->cluster_id != host->cluster_id)) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_NOT_IN_CLUSTER, "location",
                       "host %s is not in the cluster of %s", host->name, vm->name);
        return false;
    }
    return true;
}

bool filter_check_pair(const Snapshot *snap, int64_t vm_id, int64_t host_id, GError **error)
{
    const Vm *vm;
    const Host *host;

    return find_pair(snap, vm_id, host_id, &vm, &host, error) &&
           check_same_cluster(vm, host, error);
}

void filter_refuse(const Layout *layout, uint32_t vm, uint32_t host, enum filter_id id,
                   GError **error)
{
    g_autofree char *why = filter_text(layout, vm, host, id);
    int code, reason;

    filter_error(id, &code, &reason);
    err_set_reason(error, (enum vrm_err)code, reason, "location", "%s cannot go to %s",
                   layout->problem->vm[vm]->name, why);
}

bool filter_check_target(const Snapshot *snap, int64_t vm_id, int64_t host_id,
                         const struct sched_params *params, GError **error)
{
    const struct layout_price free_moves = { 0 };
    g_autoptr(Problem) problem = NULL;
    g_autoptr(Layout) layout = NULL;
    uint32_t v, h;
    enum filter_id id;
    bool placed;

    if (!filter_check_pair(snap, vm_id, host_id, error))
        return false;
    placed = vm_is_placed(snapshot_vm(snap, vm_id));
    problem = problem_new(snap, snapshot_host(snap, host_id)->cluster_id, params,
                          placed ? 0 : vm_id, error);
    if (!problem)
        return false;
    layout = layout_new(problem, &free_moves);
    v = problem_find_vm(problem, vm_id);
    h = problem_find_host(problem, host_id);
    if (v == NO_INDEX || layout->at[v] == h) /* on its way there already, or away from here */
        return true;
    id = filter_first(layout, v, h, placed ? FILTER_USE_USER : FILTER_USE_START);
    if (id != FILTER_NONE)
        filter_refuse(layout, v, h, id, error);
    return id == FILTER_NONE;
}
