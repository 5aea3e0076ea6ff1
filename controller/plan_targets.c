/* plan_targets.c - see plan_targets.h. */
#include "config.h"

#include "controller/plan_targets.h"

#include <string.h>

#include "scheduler/admission.h"
#include "scheduler/whatif.h"

/* Two halves each: three bits tell eight neighbours apart, which is enough for three choices. */
#define MAX_BITS 3

struct aiming {
    const struct sched_params *params;
    int64_t cluster_id;
    GArray *aims;
    GHashTable *index; /* VM, int64 -> place in aims + 1 */
};

static bool may_restart(const struct vm_fate *fate)
{
    return g_str_equal(fate->end, "restarts") || g_str_equal(fate->end, "lost");
}

static struct plan_aim *aim_of(struct aiming *aiming, int64_t vm)
{
    const guint place = GPOINTER_TO_UINT(g_hash_table_lookup(aiming->index, &vm));
    const struct plan_aim aim = { .vm = vm };

    if (place != 0)
        return &g_array_index(aiming->aims, struct plan_aim, place - 1);
    g_array_append_val(aiming->aims, aim);
    (void)g_hash_table_insert(aiming->index, g_memdup2(&vm, sizeof(vm)),
                              GUINT_TO_POINTER(aiming->aims->len));
    return &g_array_index(aiming->aims, struct plan_aim, aiming->aims->len - 1);
}

static void add_target(struct plan_aim *aim, int64_t host)
{
    for (int i = 0; i < HA_PLAN_TARGETS; i++) {
        if (aim->targets[i] == host)
            return;
        if (aim->targets[i] == 0) {
            aim->targets[i] = host;
            return;
        }
    }
}

static void note_fates(struct aiming *aiming, const Snapshot *snap)
{
    g_autoptr(HostLosses) losses = NULL;

    if (!admission_host_fates(snap, aiming->cluster_id, 0, aiming->params, &losses, NULL))
        return;
    for (size_t i = 0; i < losses->n_items; i++)
        for (uint32_t j = 0; j < losses->items[i].n_vms; j++) {
            const struct vm_fate *fate = &losses->items[i].vms[j];

            if (!may_restart(fate))
                continue;
            if (fate->to_id != 0)
                add_target(aim_of(aiming, fate->vm_id), fate->to_id);
            else
                (void)aim_of(aiming, fate->vm_id);
        }
}

/* The hosts of the cluster whose place has the bit as wanted take no VMs. */
static Snapshot *close_half(const Snapshot *snap, int64_t cluster_id, unsigned bit, bool wanted)
{
    g_autoptr(SnapshotBuilder) builder = whatif_builder(snap);
    unsigned place = 0;

    for (size_t i = 0; i < snap->n_hosts; i++) {
        Host *host;

        if (snap->hosts[i]->cluster_id != cluster_id)
            continue;
        if (((place++ >> bit & 1U) != 0) != wanted)
            continue;
        host = host_dup(snap->hosts[i]);
        host->draining = true; /* takes no VMs; those that it has stay, and may die with it */
        snapshot_builder_put_host(builder, host);
    }
    return snapshot_builder_build(builder, snap->taken_mono_ms);
}

static unsigned count_hosts(const Snapshot *snap, int64_t cluster_id)
{
    unsigned n = 0;

    for (size_t i = 0; i < snap->n_hosts; i++)
        n += snap->hosts[i]->cluster_id == cluster_id;
    return n;
}

GArray *plan_targets(const Snapshot *snap, int64_t cluster_id, const struct sched_params *params)
{
    g_autoptr(GHashTable) index = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    struct aiming aiming = { params, cluster_id, g_array_new(FALSE, FALSE, sizeof(struct plan_aim)),
                             index };
    const unsigned n_hosts = count_hosts(snap, cluster_id);

    note_fates(&aiming, snap);
    for (unsigned bit = 0; bit < MAX_BITS && 1U << bit < n_hosts; bit++)
        for (int wanted = 0; wanted < 2; wanted++) {
            g_autoptr(Snapshot) half = close_half(snap, cluster_id, bit, wanted != 0);

            note_fates(&aiming, half);
        }
    return aiming.aims;
}
