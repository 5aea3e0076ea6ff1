/* dpm_need.c - see dpm_need.h. */
#include "config.h"

#include "scheduler/dpm_need.h"

#include <inttypes.h>

#include "scheduler/admission.h"
#include "scheduler/layout.h"
#include "scheduler/place.h"
#include "scheduler/whatif.h"

/* ha_policy.control_policy: so many hosts may fail. */
#define POLICY_FAILURES 1

void dpm_set_power(SnapshotBuilder *world, int64_t host_id, bool on)
{
    Host *host = host_dup(snapshot_builder_get_host(world, host_id));

    host->connected = on;
    host->draining = false;
    host->status = on ? HOST_NORMAL : HOST_POWEROFF;
    snapshot_builder_put_host(world, host);
}

/* ---- how full it is ------------------------------------------------------------------------- */

bool dpm_read_picture(const Snapshot *snap, int64_t cluster_id, const struct sched_params *params,
                      struct dpm_picture *ret, GError **error)
{
    const struct layout_price free_moves = { 0 };
    g_autoptr(Problem) p = problem_new(snap, cluster_id, params, 0, error);
    g_autoptr(Layout) layout = NULL;

    if (!p)
        return false;
    layout = layout_new(p, &free_moves);
    *ret = (struct dpm_picture){ .n_hosts = p->n_usable,
                                 .overload = layout->score.overload,
                                 .shortage = layout->score.shortage,
                                 .crowd = layout->score.crowd,
                                 .must = layout->score.must,
                                 .should = layout->score.should };
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        /* of closed hosts too: the others will have to carry it */
        for (int r = 0; r < N_RESOURCES; r++)
            ret->used[r] += layout->used[r][h];
        if (!problem_usable(p, h))
            continue;
        for (int r = 0; r < N_RESOURCES; r++) {
            ret->cap[r] += p->host_cap[r][h];
            ret->hottest = MAX(ret->hottest, layout_permille(layout, r, h));
        }
    }
    return true;
}

int64_t dpm_fullness(const struct dpm_picture *picture, const int64_t *growth)
{
    int64_t most = 0;

    for (int r = 0; r < N_RESOURCES; r++) {
        int64_t more = growth ? growth[r] : 0;

        if (picture->cap[r] > 0)
            most = MAX(most, (picture->used[r] + more) * 1000 / picture->cap[r]);
    }
    return most;
}

/* ---- what must hold with hosts failing ------------------------------------------------------ */

uint32_t dpm_hosts_to_fail(const Cluster *cluster, const struct dpm_params *params)
{
    return MAX(cluster->ha.enabled ? 1 : 0, params->spare_hosts);
}

/* Does HA's own policy promise as much?  Then it need not be judged twice. */
static bool is_promised(const struct dpm_judge *j)
{
    const struct ha_policy *ha = &j->cluster->ha;

    return j->n_fail == 0 ||
           (ha->enabled && ha->control_policy_on && ha->control_policy == POLICY_FAILURES &&
            !ha->custom_slot && ha->hosts_fault_quantity >= (int64_t)j->n_fail);
}

char *dpm_failure_trouble(const struct dpm_judge *j, const Snapshot *snap)
{
    const int asked[] = { -1, (int)MIN(j->n_fail, PROBLEM_MAX_HOSTS) };

    for (size_t i = 0; i < (is_promised(j) ? 1 : G_N_ELEMENTS(asked)); i++) {
        struct admission_verdict verdict = { 0 };

        if (!admission_check(snap, j->cluster->id, asked[i], &j->params->sched, &verdict, NULL))
            return g_strdup("it cannot be judged");
        if (verdict.wanted && !verdict.holds)
            return verdict.text;
        g_free(verdict.text);
    }
    return NULL;
}

/* ---- must something wake? ------------------------------------------------------------------- */

static char *load_trouble(const struct dpm_judge *j, const struct dpm_picture *picture)
{
    int64_t now = dpm_fullness(picture, NULL), expected = dpm_fullness(picture, j->growth);

    if (picture->n_hosts < j->n_fail + 1)
        return g_strdup_printf("at least %u hosts must be on", j->n_fail + 1);
    if (picture->shortage > 0)
        return g_strdup_printf("%" PRId64 " MiB more memory is configured than there is",
                               picture->shortage);
    if (expected > j->level->wake_above)
        return g_strdup_printf("the load is %" PRId64 " %%, soon %" PRId64 " %%; the limit is "
                               "%" PRId64 " %%",
                               now / 10, expected / 10, j->level->wake_above / 10);
    if (picture->overload > 0 && now > j->level->sleep_below)
        return g_strdup_printf("%" PRId64 " MHz are wanted that overloaded hosts do not have",
                               picture->overload);
    return NULL;
}

/* The first of the waiting VMs that finds no place, with those before it at theirs; or what HA
 * lacks once all of them run. */
static char *start_trouble(const struct dpm_judge *j, const Snapshot *snap)
{
    g_autoptr(SnapshotBuilder) world = NULL;
    g_autoptr(Snapshot) filled = NULL;

    for (size_t i = 0; i < j->n_waiting; i++) {
        g_autoptr(Placement) placement = NULL;
        Vm *vm;

        if (!place_vm(filled ? filled : snap, j->waiting[i], &j->params->sched, &placement, NULL))
            return g_strdup_printf("VM %s is to start and finds no room",
                                   snapshot_vm(snap, j->waiting[i])->name);
        if (!world)
            world = whatif_builder(snap);
        vm = vm_dup(snapshot_builder_get_vm(world, j->waiting[i]));
        vm->host_id = placement->host_id;
        vm->status = VM_RUNNING;
        snapshot_builder_put_vm(world, vm);
        g_clear_pointer(&filled, snapshot_unref);
        filled = snapshot_builder_build(world, 0);
    }
    return filled ? dpm_failure_trouble(j, filled) : NULL;
}

char *dpm_need(const struct dpm_judge *j, const Snapshot *snap)
{
    struct dpm_picture picture;
    char *why;

    if (!dpm_read_picture(snap, j->cluster->id, &j->params->sched, &picture, NULL))
        return g_strdup("it cannot be judged");
    why = load_trouble(j, &picture);
    if (!why)
        why = dpm_failure_trouble(j, snap);
    return why ? why : start_trouble(j, snap);
}
