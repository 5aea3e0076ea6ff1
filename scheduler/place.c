/*~ place.c - see place.h.
 *
 * A good place to begin reading the scheduler, because every other part does the same with more
 * VMs at once:
 *
 *   1. problem.c turns the snapshot into dense arrays (capacities, demands, who may move).
 *   2. layout.c holds an assignment of VMs to hosts and knows its score; asking "what if this VM
 *      were there?" costs a few additions.  The score is the objective: rules, overload,
 *      should-rules, imbalance, in this order.
 *   3. filter.c says whether a VM may go to a host at all, and in words why not.
 *   4. Here: of the hosts that pass the filters take the one with the best score.
 *
 * balance.c does so for all VMs of a cluster (improve.c finds the moves), evacuate.c for those of
 * one host; order.c puts moves in a safe order and compose.c finds the words. */
#include "config.h"

#include "scheduler/place.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "model/reason.h"
#include "scheduler/explain.h"
#include "scheduler/filter.h"
#include "scheduler/layout.h"

/* Hosts named in a message; the whole list is in the verdicts. */
#define MAX_NAMED 8

void placement_free(Placement *placement)
{
    if (!placement)
        return;
    for (size_t i = 0; i < placement->n_verdicts; i++) {
        g_free(placement->verdicts[i].host_name);
        g_free(placement->verdicts[i].text);
    }
    g_free(placement->verdicts);
    g_free(placement->text);
    g_free(placement->rejected);
    g_free(placement);
}

/* ---- one verdict per host ------------------------------------------------------------------- */

static char *figures_text(const Layout *l, uint32_t vm, const struct place_verdict *verdict)
{
    GString *text = g_string_new(NULL);

    g_string_printf(text, "%s: with it CPU %" PRId64 " %%, memory %" PRId64 " %%",
                    verdict->host_name, (verdict->cpu_permille + 5) / 10,
                    (verdict->mem_permille + 5) / 10);
    if (verdict->overload_mhz > 0)
        g_string_append_printf(text, ", overloaded by %" PRId64 " MHz", verdict->overload_mhz);
    if (verdict->should_broken > 0)
        g_string_append_printf(text, ", %" PRId64 " more VMs misplaced by should-rules",
                               verdict->should_broken);
    if (devfit_needs(l->problem->devices, vm))
        g_string_append_printf(text, ", %" PRId64 " %% of its devices in use",
                               (verdict->devices_permille + 5) / 10);
    g_string_append_printf(text, ", imbalance %" PRId64 " per mille", verdict->imbalance);
    if (l->problem->vm_estimated[vm])
        g_string_append_printf(text, " (CPU estimated at %" PRId64 " MHz)",
                               l->problem->vm_use[RES_CPU][vm]);
    return g_string_free(text, FALSE);
}

/* Puts the VM there for a moment and reads the figures. */
static void judge_fitting(Layout *l, uint32_t vm, uint32_t host, struct place_verdict *verdict)
{
    const Problem *p = l->problem;
    int64_t should = l->score.should;
    int64_t devices = devfit_permille(p->devices, l->devices, vm, host);
    struct plan_measure measure;

    layout_move(l, vm, host);
    layout_measure(l, &measure);
    verdict->cpu_permille = layout_permille(l, RES_CPU, host);
    verdict->mem_permille = layout_permille(l, RES_MEM, host);
    verdict->overload_mhz = MAX(l->used[RES_CPU][host] - p->host_cap[RES_CPU][host], 0);
    verdict->should_broken = l->score.should - should;
    verdict->imbalance = measure.imbalance;
    verdict->devices_permille = devices;
    verdict->text = figures_text(l, vm, verdict);
    layout_move(l, vm, NO_INDEX);
}

static void judge(Layout *l, uint32_t vm, uint32_t host, enum filter_id id,
                  struct place_verdict *verdict)
{
    verdict->host_id = l->problem->host[host]->id;
    verdict->host_name = g_strdup(l->problem->host[host]->name);
    verdict->filter_id = (int)id;
    if (id != FILTER_NONE)
        verdict->text = filter_text(l, vm, host, id);
    else
        judge_fitting(l, vm, host, verdict);
}

static void judge_hosts(Layout *l, uint32_t vm, const uint8_t *bars, Placement *placement)
{
    const Problem *p = l->problem;

    placement->verdicts = g_new0(struct place_verdict, p->n_hosts + 1);
    placement->n_verdicts = p->n_hosts;
    for (uint32_t h = 0; h < p->n_hosts; h++)
        judge(l, vm, h, (enum filter_id)bars[h], &placement->verdicts[h]);
}

/* ---- the choice ----------------------------------------------------------------------------- */

/* First what must not be; then a VM with devices goes where most of their kind are left, so that
 * GPUs are used evenly; then the load. */
static int place_cmp(const struct score *a, int64_t devices_a, const struct score *b,
                     int64_t devices_b)
{
    struct score x = *a, y = *b;
    int cmp;

    x.soft = y.soft = 0;
    cmp = score_cmp(&x, &y);
    if (cmp == 0)
        cmp = (devices_a > devices_b) - (devices_a < devices_b);
    return cmp != 0 ? cmp : score_cmp(a, b);
}

/* enum filter_id of each host. */
static uint8_t *find_bars(const Layout *l, uint32_t vm)
{
    uint8_t *bars = g_new0(uint8_t, l->problem->n_hosts + 1);

    for (uint32_t h = 0; h < l->problem->n_hosts; h++)
        bars[h] = (uint8_t)filter_first(l, vm, h, FILTER_USE_START);
    return bars;
}

/* The best host but `without`. */
static uint32_t choose_best(const Layout *l, uint32_t vm, const uint8_t *bars, uint32_t without)
{
    uint32_t best_host = NO_INDEX;
    struct score best = { 0 };
    int64_t best_devices = 0;

    for (uint32_t h = 0; h < l->problem->n_hosts; h++) {
        struct score score;
        int64_t devices;

        if (bars[h] != FILTER_NONE || h == without)
            continue;
        layout_try(l, vm, h, &score);
        devices = devfit_permille(l->problem->devices, l->devices, vm, h);
        if (best_host == NO_INDEX || place_cmp(&score, devices, &best, best_devices) < 0) {
            best = score;
            best_devices = devices;
            best_host = h;
        }
    }
    return best_host;
}

static uint32_t choose_random(const Problem *p, uint32_t vm, const uint8_t *bars)
{
    struct rng rng;
    uint32_t n_fit = 0, pick;

    for (uint32_t h = 0; h < p->n_hosts; h++)
        n_fit += bars[h] == FILTER_NONE ? 1 : 0;
    if (n_fit == 0)
        return NO_INDEX;
    rng_seed(&rng, p->params.seed ^ (uint64_t)p->vm[vm]->id);
    pick = rng_below(&rng, n_fit);
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (bars[h] == FILTER_NONE && pick-- == 0)
            return h;
    }
    return NO_INDEX;
}

/* The host that is the VM's location (it was created or put there, or ran there last), if it still
 * may start there. */
static uint32_t choose_own(const Problem *p, uint32_t vm, const uint8_t *bars)
{
    uint32_t own =
        p->vm[vm]->location_is_host ? problem_find_host(p, p->vm[vm]->host_id) : NO_INDEX;

    return own != NO_INDEX && bars[own] == FILTER_NONE ? own : NO_INDEX;
}

static char *no_host_text(const Placement *placement, const char *vm_name)
{
    GString *text = g_string_new(NULL);

    g_string_printf(text, "no host can take %s", vm_name);
    for (size_t i = 0; i < placement->n_verdicts && i < MAX_NAMED; i++)
        g_string_append_printf(text, "%s%s", i == 0 ? ": " : "; ", placement->verdicts[i].text);
    if (placement->n_verdicts > MAX_NAMED)
        g_string_append_printf(text, "; and %zu more hosts", placement->n_verdicts - MAX_NAMED);
    if (placement->n_verdicts == 0)
        g_string_append(text, ": its cluster has no hosts");
    return g_string_free(text, FALSE);
}

static uint32_t choose(const Layout *l, uint32_t vm, const uint8_t *bars, const char **ret_how)
{
    const Problem *p = l->problem;
    uint32_t host = choose_own(p, vm, bars);

    *ret_how = "the VM is located there";
    if (host == NO_INDEX && strcmp(p->cluster->res_strategy, "random") == 0) {
        host = choose_random(p, vm, bars);
        *ret_how = "picked at random of the hosts that fit";
    } else if (host == NO_INDEX) {
        host = choose_best(l, vm, bars, NO_INDEX);
        *ret_how = devfit_needs(p->devices, vm) ? "most of its devices left of the hosts that fit"
                                                : "least loaded of the hosts that fit";
    }
    return host;
}

/* What speaks against the best of the others; if none of them fits, against the first. */
static char *rejected_text(const Layout *l, uint32_t vm, const uint8_t *bars, uint32_t host)
{
    uint32_t other = choose_best(l, vm, bars, host);
    struct score score, chosen;

    if (other != NO_INDEX) {
        layout_try(l, vm, other, &score);
        layout_try(l, vm, host, &chosen);
        return explain_scores(l, l->problem->host[other]->name, &score, &chosen);
    }
    for (uint32_t h = 0; h < l->problem->n_hosts; h++) {
        if (h != host)
            return filter_text(l, vm, h, (enum filter_id)bars[h]);
    }
    return g_strdup("");
}

static void say_choice(Layout *l, uint32_t vm, uint32_t host, const char *how, Placement *placement)
{
    struct place_verdict verdict = { 0 };

    judge(l, vm, host, FILTER_NONE, &verdict);
    placement->host_id = verdict.host_id;
    placement->text = g_strdup_printf("%s (%s)", verdict.text, how);
    g_free(verdict.host_name);
    g_free(verdict.text);
}

static uint32_t choose_away(const Layout *l, uint32_t vm, const uint8_t *bars, uint32_t leave,
                            const char **ret_how)
{
    uint32_t host = leave != NO_INDEX ? choose_best(l, vm, bars, leave) : NO_INDEX;

    *ret_how = "not where it ended: best of the other hosts that fit";
    return host != NO_INDEX ? host : choose(l, vm, bars, ret_how);
}

static Placement *place(Layout *l, uint32_t vm, uint32_t leave, bool all_verdicts)
{
    g_autofree uint8_t *bars = find_bars(l, vm);
    Placement *placement = g_new0(Placement, 1);
    const char *how;
    uint32_t host = choose_away(l, vm, bars, leave, &how);

    placement->vm_id = l->problem->vm[vm]->id;
    if (all_verdicts || host == NO_INDEX)
        judge_hosts(l, vm, bars, placement);
    if (host == NO_INDEX) {
        placement->text = no_host_text(placement, l->problem->vm[vm]->name);
        placement->rejected = g_strdup("");
        return placement;
    }
    say_choice(l, vm, host, how, placement);
    placement->rejected = rejected_text(l, vm, bars, host);
    return placement;
}

Placement *place_in(Layout *layout, uint32_t vm)
{
    return place(layout, vm, NO_INDEX, false);
}

Placement *place_away(Layout *layout, uint32_t vm, uint32_t leave)
{
    return place(layout, vm, leave, false);
}

Placement *place_on(Layout *layout, uint32_t vm, uint32_t host)
{
    Placement *placement = g_new0(Placement, 1);

    placement->vm_id = layout->problem->vm[vm]->id;
    placement->rejected = g_strdup("");
    say_choice(layout, vm, host, "the host was named", placement);
    return placement;
}

/* ---- entries -------------------------------------------------------------------------------- */

bool place_explain(const Snapshot *snap, int64_t vm_id, const struct sched_params *params,
                   Placement **ret_placement, GError **error)
{
    const struct layout_price free_moves = { 0 };
    const Vm *vm = snapshot_vm(snap, vm_id);
    g_autoptr(Problem) problem = NULL;
    g_autoptr(Layout) layout = NULL;
    g_autoptr(Placement) placement = NULL;
    uint32_t v;

    if (!vm) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL, "there is no VM %" PRId64,
                       vm_id);
        return false;
    }
    problem = problem_new(snap, vm->cluster_id, params, vm_id, error);
    if (!problem)
        return false;
    layout = layout_new(problem, &free_moves);
    v = problem_find_vm(problem, vm_id);
    placement = place(layout, v, NO_INDEX, true);
    *ret_placement = g_steal_pointer(&placement);
    return true;
}

/* What stands most in the way, most telling first: room on a host that is fit otherwise, then
 * rules, then the hosts' states. */
void place_error(const Placement *placement, GError **error)
{
    // clang-format off
    static const struct {
        int low, high; /* filter ids */
        enum vrm_err code;
        int reason;
    } rows[] = {
        { FILTER_MEMORY,        FILTER_MEM_OVERLOAD,       VRM_ERR_NO_CAPACITY, REASON_NO_HOST_MEMORY },
        { FILTER_DEVICES,       FILTER_DEVICES,            VRM_ERR_NO_CAPACITY, REASON_NO_RESOURCES },
        { FILTER_CPU_THREADS,   FILTER_CPU_OVERLOAD,       VRM_ERR_NO_CAPACITY, REASON_NO_HOST_CPU },
        { FILTER_RULE_TOGETHER, FILTER_RULE_MUST_NOT_HOST, VRM_ERR_CONFLICT,    REASON_NO_HOST_RULE },
        { FILTER_HOST_STATE,    FILTER_LOCAL_DISK,         VRM_ERR_CONFLICT,    REASON_NO_RESOURCES },
    };
    // clang-format on

    for (size_t r = 0; r < G_N_ELEMENTS(rows); r++) {
        for (size_t i = 0; i < placement->n_verdicts; i++) {
            int id = placement->verdicts[i].filter_id;

            if (id >= rows[r].low && id <= rows[r].high) {
                err_set_reason(error, rows[r].code, rows[r].reason, NULL, "%s", placement->text);
                return;
            }
        }
    }
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_NO_RESOURCES, NULL, "%s", placement->text);
}

bool place_vm(const Snapshot *snap, int64_t vm_id, const struct sched_params *params,
              Placement **ret_placement, GError **error)
{
    g_autoptr(Placement) placement = NULL;

    if (!place_explain(snap, vm_id, params, &placement, error))
        return false;
    if (placement->host_id == 0) {
        place_error(placement, error);
        return false;
    }
    *ret_placement = g_steal_pointer(&placement);
    return true;
}
