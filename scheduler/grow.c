/* grow.c - see grow.h. */
#include "config.h"

#include "scheduler/grow.h"

#include <inttypes.h>

#include "base/err.h"
#include "model/reason.h"
#include "scheduler/layout.h"
#include "scheduler/whatif.h"

/* One kind of reservation. */
struct growth {
    const char *field, *unit;
    int64_t before, wanted;
    int64_t promised; /* on the host, this VM included */
    enum resource res;
    int reason;
};

/* The most that a host of the cluster could promise. */
static int64_t biggest_host(const Problem *p, enum resource res)
{
    int64_t most = 0;

    for (uint32_t h = 0; h < p->n_hosts; h++)
        most = MAX(most, p->host_cap[res][h]);
    return most;
}

static bool check_one(const Problem *p, uint32_t vm, const struct growth *growth, GError **error)
{
    uint32_t host = p->vm_home[vm];
    int64_t cap = p->host_cap[growth->res][host];
    int64_t left = MAX(cap - (growth->promised - growth->wanted), 0);
    g_autofree char *elsewhere = NULL;

    if (growth->wanted <= growth->before || growth->wanted <= left)
        return true;
    if (growth->wanted > biggest_host(p, growth->res))
        elsewhere = g_strdup_printf(" (no host of the cluster has more than %" PRId64 " %s)",
                                    biggest_host(p, growth->res), growth->unit);
    err_set_reason(error, VRM_ERR_NO_CAPACITY, growth->reason, growth->field,
                   "%s = %" PRId64 " %s: host %s, where VM %s runs, has %" PRId64
                   " %s for VMs, %" PRId64 " not reserved by others%s; want at most %" PRId64,
                   growth->field, growth->wanted, growth->unit, p->host[host]->name,
                   p->vm[vm]->name, cap, growth->unit, left, elsewhere ? elsewhere : "",
                   MAX(left, growth->before));
    return false;
}

bool grow_check(const Snapshot *snap, const Vm *grown, const struct sched_params *params,
                GError **error)
{
    const struct layout_price free_moves = { 0 };
    const Vm *now = snapshot_vm(snap, grown->id);
    g_autoptr(SnapshotBuilder) builder = whatif_builder(snap);
    g_autoptr(Snapshot) after = NULL;
    g_autoptr(Problem) p = NULL;
    g_autoptr(Layout) layout = NULL;
    uint32_t vm, host;

    if (!now || !snapshot_cluster(snap, grown->cluster_id))
        return true;
    snapshot_builder_put_vm(builder, vm_dup(grown));
    after = snapshot_builder_build(builder, snap->taken_mono_ms);
    p = problem_new(after, grown->cluster_id, params, 0, error);
    if (!p)
        return false;
    vm = problem_find_vm(p, grown->id);
    host = vm == NO_INDEX ? NO_INDEX : p->vm_home[vm];
    if (host == NO_INDEX)
        return true;
    layout = layout_new(p, &free_moves);
    return check_one(p, vm,
                     &(struct growth){ "cpu.reservation", "MHz", now->cpu.reservation_mhz,
                                       p->vm_reserved[vm], layout->reserved[host], RES_CPU,
                                       REASON_NO_HOST_CPU },
                     error) &&
           check_one(p, vm,
                     &(struct growth){ "memory.reservation", "MiB", now->memory.reservation_mb,
                                       p->vm_mem_reserved[vm], layout->mem_reserved[host], RES_MEM,
                                       REASON_NO_HOST_MEMORY },
                     error);
}
