/* explain.c - see explain.h. */
#include "config.h"

#include "scheduler/explain.h"

#include <inttypes.h>

#include "base/err.h"
#include "model/reason.h"
#include "scheduler/entitle.h"
#include "scheduler/layout.h"

static int64_t percent(int64_t permille)
{
    return (permille + 5) / 10;
}

struct explain_loads explain_loads(const Layout *layout, uint32_t from, uint32_t to)
{
    return (struct explain_loads){
        .cpu_from = layout_permille(layout, RES_CPU, from),
        .cpu_to = layout_permille(layout, RES_CPU, to),
        .mem_from = layout_permille(layout, RES_MEM, from),
        .mem_to = layout_permille(layout, RES_MEM, to),
    };
}

uint32_t explain_mended_rule(const Layout *layout, uint32_t vm, uint32_t to)
{
    const Ruleset *set = layout->problem->rules;
    uint32_t should = NO_INDEX;

    for (uint32_t i = set->vm_first[vm]; i < set->vm_first[vm + 1]; i++) {
        uint32_t r = set->vm_rules[i];

        if (layout_rule_change(layout, r, vm, to) >= 0)
            continue;
        if (set->rules[r].must)
            return r;
        if (should == NO_INDEX)
            should = r;
    }
    return should;
}

/* ---- a move --------------------------------------------------------------------------------- */

static void append_cpu(GString *text, const Layout *l, const struct explain_move *m,
                       const struct explain_loads *after)
{
    const Problem *p = l->problem;

    g_string_append_printf(
        text, "CPU of %s %" PRId64 " -> %" PRId64 " %%, of %s %" PRId64 " -> %" PRId64 " %%",
        p->host[m->from]->name, percent(m->before.cpu_from), percent(after->cpu_from),
        p->host[m->to]->name, percent(m->before.cpu_to), percent(after->cpu_to));
}

static void append_mem(GString *text, const Layout *l, const struct explain_move *m,
                       const struct explain_loads *after)
{
    const Problem *p = l->problem;

    g_string_append_printf(
        text, "memory of %s %" PRId64 " -> %" PRId64 " %%, of %s %" PRId64 " -> %" PRId64 " %%",
        p->host[m->from]->name, percent(m->before.mem_from), percent(after->mem_from),
        p->host[m->to]->name, percent(m->before.mem_to), percent(after->mem_to));
}

static void append_rule(GString *text, const Layout *l, uint32_t ruleset_index)
{
    static const char *const kinds[N_RULE_TYPES] = {
        [RULE_TOGETHER] = "keep-together",
        [RULE_APART] = "keep-apart",
        [RULE_VM_HOST] = "VM-to-host",
    };
    const Rule *rule = l->problem->rules->rules[ruleset_index].rule;

    g_string_append_printf(text, "%s rule '%s'", kinds[rule->type], rule->name);
}

static void append_mended(GString *text, const Layout *l, const struct explain_move *m)
{
    g_string_append(text, "mends ");
    if (m->mended == NO_INDEX)
        g_string_append(text, "a rule");
    else
        append_rule(text, l, m->mended);
    g_string_append(text, ": ");
}

/* Memory short: configured sizes count, not what is touched. */
static void append_shortage(GString *text, const Layout *l, const struct explain_move *m)
{
    const Problem *p = l->problem;

    g_string_append_printf(text,
                           "ends memory shortage: %s has VMs of %" PRId64 " -> %" PRId64
                           " MiB for %" PRId64 " MiB, %s %" PRId64 " for %" PRId64 " MiB",
                           p->host[m->from]->name, m->committed_before, l->committed[m->from],
                           p->host_mem_limit[m->from], p->host[m->to]->name, l->committed[m->to],
                           p->host_mem_limit[m->to]);
}

/* The bounded resource that the source had too much of; -1: none. */
static int crowded_by(const Problem *p, const struct explain_move *m)
{
    for (int b = N_BOUNDED - 1; b >= 0; b--) {
        if (m->part_before[b] > p->host_bound[b][m->from])
            return b;
    }
    return -1;
}

/* False if the source was beyond no bound. */
static bool append_crowd(GString *text, const Layout *l, const struct explain_move *m)
{
    static const struct {
        const char *what, *unit;
    } words[N_BOUNDED] = {
        [BOUNDED_VCPUS] = { "an excess of vCPUs", "vCPUs" },
        [BOUNDED_NET] = { "overload of the network", "kbit/s" },
    };
    const Problem *p = l->problem;
    int b = crowded_by(p, m);

    if (b < 0)
        return false;
    g_string_append_printf(text, "ends %s: %s has VMs of %" PRId64 " -> %" PRId64, words[b].what,
                           p->host[m->from]->name, m->part_before[b], l->part[b][m->from]);
    g_string_append_printf(text, " %s for %" PRId64 ", %s %" PRId64, words[b].unit,
                           p->host_bound[b][m->from], p->host[m->to]->name, l->part[b][m->to]);
    if (p->host_bound[b][m->to] != NO_BOUND)
        g_string_append_printf(text, " for %" PRId64, p->host_bound[b][m->to]);
    return true;
}

static void append_use(GString *text, const Problem *p, uint32_t vm)
{
    g_string_append_printf(text, " (%s: %" PRId64 " MHz%s", p->vm[vm]->name, p->vm_use[RES_CPU][vm],
                           p->vm_estimated[vm] ? " estimated" : "");
    if (p->vm_use[RES_CPU][vm] < p->vm_demand[RES_CPU][vm]) {
        g_autofree char *terms = entitle_cpu_terms(p->vm[vm]);

        g_string_append_printf(text, " of the %" PRId64 " MHz that it wants, by %s",
                               p->vm_demand[RES_CPU][vm], terms);
    }
    g_string_append_printf(text, ", %" PRId64 " MiB)", p->vm_use[RES_MEM][vm]);
}

static void append_loads(GString *text, const Layout *l, const struct explain_move *m,
                         const struct explain_loads *after)
{
    if (m->reason != MOVE_BALANCE_MEM)
        append_cpu(text, l, m, after);
    if (m->reason == MOVE_EVACUATION)
        g_string_append(text, "; ");
    if (m->reason == MOVE_BALANCE_MEM || m->reason == MOVE_EVACUATION)
        append_mem(text, l, m, after);
}

/* Which of the things that a host can have too much of the move relieves. */
static void append_overload(GString *text, const Layout *l, const struct explain_move *m,
                            const struct explain_loads *after)
{
    const Problem *p = l->problem;

    if (m->committed_before > p->host_mem_limit[m->from]) {
        append_shortage(text, l, m);
        return;
    }
    if (m->before.cpu_from <= 1000 && append_crowd(text, l, m))
        return;
    if (p->cluster->mem_overcommit && m->before.mem_from > 1000) {
        g_string_append(text, "ends overload of overcommitted memory: ");
        append_mem(text, l, m, after);
        return;
    }
    g_string_append(text, "ends overload: ");
    append_cpu(text, l, m, after);
}

/* A move that would not be made for its own sake. */
static void append_help(GString *text, const Layout *l, const struct explain_move *m,
                        const struct explain_loads *after)
{
    const Problem *p = l->problem;

    if (m->detour)
        g_string_append_printf(text, "steps aside to %s, for moves that wait for each other's room",
                               p->host[m->to]->name);
    else
        g_string_append_printf(text, "makes room for %s", p->vm[m->helps]->name);
    if (m->mended != NO_INDEX) {
        g_string_append(text, m->detour ? ", one of which mends " : ", whose move mends ");
        append_rule(text, l, m->mended);
    }
    g_string_append(text, ": ");
    append_cpu(text, l, m, after);
}

/* The loads of the moment would look as if the move did harm. */
static void append_late(GString *text, const struct explain_move *m)
{
    const struct explain_loads end = explain_loads(m->goal, m->from, m->to);
    const Problem *p = m->goal->problem;
    bool is_mem = m->reason == MOVE_BALANCE_MEM;

    g_string_append_printf(text,
                           "evens out %s with the moves %s it: in the end %s has %" PRId64
                           " %%, %s %" PRId64 " %%",
                           is_mem ? "memory" : "CPU", m->last ? "before" : "after",
                           p->host[m->from]->name, percent(is_mem ? end.mem_from : end.cpu_from),
                           p->host[m->to]->name, percent(is_mem ? end.mem_to : end.cpu_to));
}

static void append_reason(GString *text, const Layout *l, const struct explain_move *m,
                          const struct explain_loads *after)
{
    const Problem *p = l->problem;

    switch (m->reason) {
    case MOVE_OVERLOAD:
        append_overload(text, l, m, after);
        return;
    case MOVE_BALANCE_CPU:
        g_string_append(text, m->unnamed ? "" : "evens out CPU: ");
        break;
    case MOVE_BALANCE_MEM:
        g_string_append(text, m->unnamed ? "" : "evens out memory: ");
        break;
    case MOVE_RULE:
        append_mended(text, l, m);
        break;
    case MOVE_UNDERLOAD: /* of a host, not of a VM */
        break;
    case MOVE_EVACUATION:
        if (problem_usable(p, m->from))
            g_string_append(text, "makes room for a VM that must leave its host: ");
        else
            g_string_append_printf(text, "empties %s: ", p->host[m->from]->name);
        break;
    }
    append_loads(text, l, m, after);
}

static bool is_uphill(int64_t from, int64_t to)
{
    return percent(to) > percent(from);
}

/* To the hotter of the two hosts, by the figures that were told: what makes it right? */
static void append_uphill(GString *text, const Layout *l, const struct explain_move *m,
                          const struct explain_loads *after)
{
    const bool is_mem = m->reason == MOVE_BALANCE_MEM && m->helps == NO_INDEX;
    const struct explain_loads end = explain_loads(m->goal, m->from, m->to);
    const Problem *p = l->problem;

    if (!(is_mem ? is_uphill(m->before.mem_from, m->before.mem_to)
                 : is_uphill(m->before.cpu_from, m->before.cpu_to)))
        return;
    if (!is_mem && p->uses[RES_MEM] && is_uphill(m->before.mem_to, m->before.mem_from) &&
        !is_uphill(after->mem_from, after->mem_to)) {
        g_string_append(text, "; it is about memory: ");
        append_mem(text, l, m, after);
    } else if (is_mem && p->uses[RES_CPU] && is_uphill(m->before.cpu_to, m->before.cpu_from) &&
               !is_uphill(after->cpu_from, after->cpu_to)) {
        g_string_append(text, "; it is about CPU: ");
        append_cpu(text, l, m, after);
    } else if (is_mem ? !is_uphill(end.mem_from, end.mem_to)
                      : !is_uphill(end.cpu_from, end.cpu_to)) {
        g_string_append_printf(text, "; in the end %s has %" PRId64 " %%, %s %" PRId64 " %%",
                               p->host[m->from]->name,
                               percent(is_mem ? end.mem_from : end.cpu_from), p->host[m->to]->name,
                               percent(is_mem ? end.mem_to : end.cpu_to));
    } else if (*m->others != '\0' && !m->unnamed) {
        g_string_append_printf(text, "; in the end the best of the other hosts is no better: %s",
                               m->others);
    }
}

char *explain_move(const Layout *layout, const struct explain_move *move)
{
    struct explain_loads after = explain_loads(layout, move->from, move->to);
    GString *text = g_string_new(NULL);

    if (move->detour || move->helps != NO_INDEX)
        append_help(text, layout, move, &after);
    else if (move->late || move->last)
        append_late(text, move);
    else
        append_reason(text, layout, move, &after);
    if (!move->detour && !move->late && !move->last && move->reason != MOVE_EVACUATION &&
        move->reason != MOVE_OVERLOAD)
        append_uphill(text, layout, move, &after);
    append_use(text, layout->problem, move->vm);
    return g_string_free(text, FALSE);
}

/* ---- what was not chosen -------------------------------------------------------------------- */

static int64_t imbalance_permille(const Layout *l, const struct score *score)
{
    int64_t horizon_s = MAX(l->problem->params.horizon_ms / 1000, 1);

    return (score->soft - l->price_sum) / horizon_s / MAX(l->problem->n_usable, 1) /
           LOAD_PER_PERMILLE;
}

char *explain_scores(const Layout *l, const char *name, const struct score *other,
                     const struct score *chosen)
{
    if (other->must != chosen->must)
        return g_strdup_printf("%s: %" PRId64 " must-rules broken, not %" PRId64, name, other->must,
                               chosen->must);
    if (other->shortage != chosen->shortage)
        return g_strdup_printf("%s: memory short by %" PRId64 " MiB, not %" PRId64, name,
                               other->shortage, chosen->shortage);
    if (other->overload != chosen->overload)
        return g_strdup_printf("%s: overload %" PRId64 " MHz, not %" PRId64, name, other->overload,
                               chosen->overload);
    if (other->crowd != chosen->crowd)
        return g_strdup_printf("%s: network and vCPUs %" PRId64 " per mille over, not %" PRId64,
                               name, other->crowd / LOAD_PER_PERMILLE,
                               chosen->crowd / LOAD_PER_PERMILLE);
    if (other->should != chosen->should)
        return g_strdup_printf("%s: %" PRId64 " should-rules broken, not %" PRId64, name,
                               other->should, chosen->should);
    if (imbalance_permille(l, other) == imbalance_permille(l, chosen))
        return g_strdup_printf("%s: no better, imbalance %" PRId64 " per mille as well", name,
                               imbalance_permille(l, other));
    return g_strdup_printf("%s: imbalance %" PRId64 " per mille, not %" PRId64, name,
                           imbalance_permille(l, other), imbalance_permille(l, chosen));
}

char *explain_rejected(const Layout *goal, const struct explain_move *move)
{
    const Problem *p = goal->problem;
    struct score best = { 0 };
    uint32_t best_host = NO_INDEX, barred_host = NO_INDEX;
    enum filter_id barred = FILTER_NONE;

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        enum filter_id id;
        struct score score;

        if (h == move->to || h == move->from || !problem_usable(p, h))
            continue;
        id = filter_first(goal, move->vm, h, move->use);
        layout_try(goal, move->vm, h, &score);
        if (id == FILTER_NONE && (best_host == NO_INDEX || score_cmp(&score, &best) < 0)) {
            best = score;
            best_host = h;
        } else if (id != FILTER_NONE && barred_host == NO_INDEX) {
            barred_host = h;
            barred = id;
        }
    }
    if (best_host != NO_INDEX)
        return explain_scores(goal, p->host[best_host]->name, &best, &goal->score);
    return barred_host != NO_INDEX ? filter_text(goal, move->vm, barred_host, barred)
                                   : g_strdup("");
}

char *explain_pins(const Problem *problem)
{
    uint32_t counts[N_PROBLEM_PINS] = { 0 };
    GString *text = g_string_new(NULL);

    for (uint32_t v = 0; v < problem->n_vms; v++)
        counts[problem->vm_pin[v]]++;
    for (int pin = PIN_NONE + 1; pin < N_PROBLEM_PINS; pin++) {
        if (counts[pin] > 0)
            g_string_append_printf(text, "%s%u %s", text->len > 0 ? ", " : "", counts[pin],
                                   problem_pin_word((enum problem_pin)pin));
    }
    return g_string_free(text, FALSE);
}

/* ---- why not there -------------------------------------------------------------------------- */

static char *compare_host(const Layout *l, uint32_t vm, uint32_t host)
{
    struct score there;
    g_autofree char *text = NULL;

    layout_try(l, vm, host, &there);
    if (l->at[vm] == NO_INDEX)
        return g_strdup_printf("%s: it fits", l->problem->host[host]->name);
    text = explain_scores(l, l->problem->host[host]->name, &there, &l->score);
    if (score_cmp(&there, &l->score) >= 0)
        return g_strdup_printf("%s, so staying is no worse", text);
    if (l->problem->vm_pin[vm] != PIN_NONE) {
        g_autofree char *pin = problem_pin_text(l->problem, vm);

        return g_strdup_printf("%s, but the VM stays: %s", text, pin);
    }
    return g_strdup_printf("%s; a move costs %" PRId64 " ms and %" PRId64
                           " MiB and is made when its gain repays that",
                           text, l->problem->vm_cost_ms[vm], l->problem->vm_cost_mb[vm]);
}

char *explain_place(const Layout *layout, uint32_t vm, uint32_t host, enum filter_id *ret_id)
{
    *ret_id = FILTER_NONE;
    if (layout->at[vm] == host)
        return g_strdup_printf("%s: the VM is there", layout->problem->host[host]->name);
    *ret_id = filter_first(layout, vm, host,
                           layout->at[vm] != NO_INDEX ? FILTER_USE_USER : FILTER_USE_START);
    if (*ret_id != FILTER_NONE)
        return filter_text(layout, vm, host, *ret_id);
    return compare_host(layout, vm, host);
}

/* Both are in the cluster's problem or the VM is not placed. */
static char *why_not_host(const Problem *problem, int64_t vm_id, int64_t host_id)
{
    const struct layout_price free_moves = { 0 };
    g_autoptr(Layout) layout = layout_new(problem, &free_moves);
    uint32_t v = problem_find_vm(problem, vm_id);
    uint32_t h = problem_find_host(problem, host_id);
    enum filter_id id;

    if (v == NO_INDEX)
        return g_strdup_printf("%s: the VM is on no host of this cluster", problem->host[h]->name);
    return explain_place(layout, v, h, &id);
}

char *explain_why_not(const Snapshot *snap, int64_t vm_id, int64_t host_id,
                      const struct sched_params *params, GError **error)
{
    const Vm *vm = snapshot_vm(snap, vm_id);
    const Host *host = snapshot_host(snap, host_id);
    g_autoptr(Problem) problem = NULL;

    if (!vm) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL, "there is no VM %" PRId64,
                       vm_id);
        return NULL;
    }
    if (!host) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_HOST_MISSING, NULL,
                       "there is no host %" PRId64, host_id);
        return NULL;
    }
    if (host->cluster_id == 0 || host->cluster_id != vm->cluster_id)
        return g_strdup_printf("%s: is not in the cluster of %s", host->name, vm->name);
    problem = problem_new(snap, host->cluster_id, params, vm_is_placed(vm) ? 0 : vm_id, error);
    return problem ? why_not_host(problem, vm_id, host_id) : NULL;
}
