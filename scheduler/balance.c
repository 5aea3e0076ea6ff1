/* balance.c - see balance.h.  Policy around the search: may DRS act now, is it worth acting, and
 * what to tell. */
#include "config.h"

#include "scheduler/balance.h"

#include <inttypes.h>

#include "base/err.h"
#include "scheduler/anneal.h"
#include "scheduler/compose.h"
#include "scheduler/explain.h"
#include "scheduler/improve.h"
#include "scheduler/rest.h"
#include "scheduler/rules.h"
#include "scheduler/whatif.h"

#define LEVEL_MEDIUM 5
#define N_LEVELS     9

/* Search and prune feed each other; it settles in two or three rounds. */
#define MAX_ROUNDS 8

/* Where trouble stays, the run that would follow is thought through, and the one after it, ... */
#define MAX_FORESIGHT 4

/* VMs that were in the way of an order and get a second chance. */
#define MAX_SECOND_TRIES 8

/* The hottest host may exceed the mean by this many thresholds before one hot host in a big, else
 * even cluster counts as imbalance. */
#define SPREAD_PER_THRESHOLD 4

/* Broken rules named in a verdict. */
#define MAX_BROKEN    3
#define MAX_ESTIMATED 3

/* Loads are never twice the same.  If each VM's is anywhere within 10 % of itself (in per mille,
 * the standard deviation of that), hosts that were made even under the same noise differ by so many
 * times what it does to one of them; and this comes on top of what evening out leaves, which is
 * taken for a part of the threshold.  Only what is beyond begins evening out: with less, an eager
 * level follows the noise (tests/sim_day). */
#define VM_NOISE        58
#define NOISE_IMBALANCE 4
#define NOISE_SPREAD    6
#define REST_PART       2

/* What evening out aims at, once it begins, is this part of the threshold: so much better that the
 * next runs have nothing to do, and not so perfect that the last moves gain next to nothing. */
#define ENOUGH_PART 8

// clang-format off
static const struct balance_level levels[N_LEVELS + 1] = {
    [1] = { 200, 60, 800, "conservative: rules, overload and gross imbalance only" },
    [2] = { 165, 45, 500, "like 1, a little sooner" },
    [3] = { 130, 32, 300, "a move must repay its cost threefold" },
    [4] = { 105, 22, 200, "between 3 and 5" },
    [5] = {  80, 17, 100, "medium: a move must repay its cost within the horizon" },
    [6] = {  60, 11,  75, "between 5 and 7" },
    [7] = {  45,  8,  50, "half of the cost is taken for worth it" },
    [8] = {  30,  5,  35, "between 7 and 9" },
    [9] = {  15,  3,  25, "aggressive: nearly any improvement" },
};
// clang-format on

const struct balance_level *balance_level(int level)
{
    return level >= 1 && level <= N_LEVELS ? &levels[level] : NULL;
}

static struct layout_price balance_price(const struct balance_level *level)
{
    return (struct layout_price){ .lambda_percent = level->lambda_percent,
                                  .min_gain = level->min_gain };
}

/* ---- may DRS act now? ----------------------------------------------------------------------- */

static bool in_cycle(const struct cycle *cycle, const struct sched_params *params)
{
    int day = cycle->type == CYCLE_WEEKLY    ? params->local_wday
              : cycle->type == CYCLE_MONTHLY ? params->local_mday
                                             : 0;

    return day < 1 || day > 31 || cycle->days == 0 || (cycle->days >> day & 1) != 0;
}

static int level_now(const struct drs_policy *drs, const struct sched_params *params)
{
    int hour = CLAMP(params->local_hour, 0, HOURS_PER_DAY - 1);

    return MIN(drs->limen[hour], N_LEVELS);
}

int balance_level_now(const Cluster *cluster, const struct sched_params *params, char **ret_why)
{
    int level = level_now(&cluster->drs, params);

    if (params->on_demand)
        return level > 0 ? level : LEVEL_MEDIUM;
    if (!cluster->drs.enabled) {
        *ret_why = g_strdup_printf("DRS is switched off in cluster %s", cluster->name);
        return 0;
    }
    if (!in_cycle(&cluster->drs.cycle, params)) {
        *ret_why = g_strdup_printf("DRS rests today: the day is not in its %s cycle",
                                   cluster->drs.cycle.type == CYCLE_WEEKLY ? "weekly" : "monthly");
        return 0;
    }
    if (level == 0)
        *ret_why =
            g_strdup_printf("DRS rests in the hour from %d:00: its level is 0", params->local_hour);
    return level;
}

/* The level to work with; 0 and a verdict if DRS rests. */
static int find_level(const Cluster *cluster, const struct sched_params *params, Plan *plan)
{
    g_autofree char *why = NULL;
    int level = balance_level_now(cluster, params, &why);

    if (level == 0)
        plan_set_verdict(plan, "%s", why);
    return level;
}

/* ---- can it decide? ------------------------------------------------------------------------- */

/* Hosts that do not take part, for a verdict: "; cna3 left out: its agent is not connected". */
static char *left_out_text(const Layout *l)
{
    const Problem *p = l->problem;
    GString *text = g_string_new(NULL);
    unsigned n = 0;

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        g_autofree char *why = NULL;

        if (problem_usable(p, h))
            continue;
        if (++n > 3)
            continue;
        why = filter_text(l, 0, h, (enum filter_id)p->host_filter[h]);
        g_string_append_printf(text, "%s%s", n > 1 ? "; " : "; left out: ", why);
    }
    if (n > 3)
        g_string_append_printf(text, "; and %u more hosts", n - 3);
    return g_string_free(text, FALSE);
}

/* False and a verdict if there is nothing to decide with. */
static bool can_decide(const Layout *l, Plan *plan)
{
    const Problem *p = l->problem;
    g_autofree char *trouble = problem_data_trouble(p);
    g_autofree char *left_out = left_out_text(l);

    if (trouble) {
        plan->decided = false;
        plan_set_verdict(plan, "no decision: %s", trouble);
        return false;
    }
    if (p->n_usable >= 2)
        return true;
    plan->decided = p->n_hosts < 2;
    if (p->n_hosts < 2)
        plan_set_verdict(plan, "nothing to do: cluster %s has %u host%s", p->cluster->name,
                         p->n_hosts, p->n_hosts == 1 ? "" : "s");
    else
        plan_set_verdict(plan, "no decision: only %u of %u hosts can be used%s", p->n_usable,
                         p->n_hosts, left_out);
    return false;
}

/* ---- the search under the policy ------------------------------------------------------------ */

/* drsThreshold: load below which a resource is left alone, in percent. */
static bool is_busy(const Layout *l, enum resource res, int64_t threshold_percent)
{
    uint32_t top = l->top[res][0];

    return l->problem->uses[res] && top != NO_INDEX &&
           layout_permille(l, res, top) >= threshold_percent * 10;
}

/* Standard deviation of a host's load, in LOAD_ONE, that comes from its VMs' noise alone: the root
 * of the mean square over the hosts. */
static int64_t noise_of(const Layout *l)
{
    const Problem *p = l->problem;
    int64_t sum_sq = 0;

    for (uint32_t h = 0; h < p->n_hosts && p->uses[RES_CPU]; h++) {
        for (size_t i = 0; i < l->host_vms[h].len && problem_usable(p, h); i++) {
            int64_t use = MIN(p->vm_use[RES_CPU][l->host_vms[h].items[i]], p->host_cap[RES_CPU][h]);
            int64_t part = use * LOAD_ONE / p->host_cap[RES_CPU][h] * VM_NOISE / 1000;

            sum_sq += part * part;
        }
    }
    return layout_root(sum_sq / MAX(p->n_usable, 1), 0);
}

/* What evening out begins at: per mille of imbalance, and of the hottest host above the mean. */
struct bar {
    int64_t imbalance, spread;
};

static struct bar bar_of(const struct balance_level *level)
{
    return (struct bar){ .imbalance = level->threshold,
                         .spread = level->threshold * SPREAD_PER_THRESHOLD };
}

/* What noise alone may amount to. */
static struct bar noise_bar(const Layout *l)
{
    const int64_t noise = noise_of(l), *weight = l->problem->weight;
    const bool *uses = l->problem->uses;
    int64_t all = (uses[RES_CPU] ? weight[RES_CPU] : 0) + (uses[RES_MEM] ? weight[RES_MEM] : 0);

    return (struct bar){
        .imbalance = noise * NOISE_IMBALANCE * weight[RES_CPU] / MAX(all, 1) / LOAD_PER_PERMILLE,
        .spread = noise * NOISE_SPREAD / LOAD_PER_PERMILLE,
    };
}

static bool is_beyond(const Layout *l, struct bar bar)
{
    struct plan_measure m;

    layout_measure(l, &m);
    return m.imbalance >= bar.imbalance || layout_spread(l, &m) >= bar.spread;
}

static bool is_any_busy(const Layout *l)
{
    const struct drs_policy *drs = &l->problem->cluster->drs;

    return is_busy(l, RES_CPU, drs->threshold_cpu) || is_busy(l, RES_MEM, drs->threshold_mem);
}

static bool is_uneven(const Layout *l, const struct balance_level *level)
{
    return is_beyond(l, bar_of(level)) && is_any_busy(l);
}

bool balance_is_worth(const Layout *l, const struct balance_level *level)
{
    const struct bar bar = bar_of(level), noise = noise_bar(l);
    const struct bar higher = {
        .imbalance = MAX(bar.imbalance, bar.imbalance / REST_PART + noise.imbalance),
        .spread = MAX(bar.spread, bar.spread / REST_PART + noise.spread),
    };

    return is_beyond(l, higher) && is_any_busy(l);
}

/* Greedy; if that has set something in motion, many small changes to it; if the cluster is still
 * uneven, the dear search. */
static bool even_out(Search *search, const struct balance_level *level, bool is_first)
{
    const Problem *p = search->layout->problem;
    bool changed = improve_even(search);

    if (changed && is_first)
        anneal(search, p->params.seed, p->params.proposals_per_vm * p->n_vms);
    if (is_uneven(search->layout, level))
        changed = improve_even_more(search) || changed;
    return changed;
}

static void search_layout(Search *search, const struct balance_level *level)
{
    bool even = false, changed = true;

    search->enough = level->threshold / ENOUGH_PART;
    search->enough_spread = search->enough * SPREAD_PER_THRESHOLD;
    improve_repair(search);
    for (int round = 0; round < MAX_ROUNDS && changed; round++) {
        even = even || balance_is_worth(search->layout, level);
        changed = even && even_out(search, level, round == 0);
        changed = improve_prune(search) || changed;
        changed = improve_repair(search) || changed;
    }
    if (!even && balance_is_worth(search->layout, level)) /* by the last repair */
        even_out(search, level, true);
}

/* What each VM's move is worth, from what its undoing would cost. */
static struct order_rank *rank_moves(const Search *search)
{
    const Layout *l = search->layout;
    const Problem *p = l->problem;
    struct order_rank *rank = g_new0(struct order_rank, p->n_vms + 1);

    for (uint32_t v = 0; v < p->n_vms; v++) {
        struct score without;

        if (p->vm_home[v] == NO_INDEX || l->at[v] == p->vm_home[v])
            continue;
        layout_try(l, v, p->vm_home[v], &without);
        rank[v].urgency = (int)search_gain(search, &without, &l->score);
        rank[v].value = rank[v].urgency == GAIN_URGENT ? without.overload - l->score.overload
                                                       : without.soft - l->score.soft;
    }
    return rank;
}

/* An order of all moves of the layout; NULL and the VM that is in the way if there is none. */
static Order *try_order(const Search *search, uint32_t *ret_dropped)
{
    g_autofree struct order_rank *rank = rank_moves(search);
    g_autoptr(Order) order = order_new(search->layout, rank);

    if (order->dropped.len == 0)
        return g_steal_pointer(&order);
    *ret_dropped = order->dropped.items[0];
    return NULL;
}

/* Goes on from the present layout with one VM allowed again; back to where it was if that ends
 * without an order. */
static Order *try_again_with(Search *search, const struct balance_level *level, uint32_t vm)
{
    Layout *l = search->layout;
    const uint32_t n_vms = l->problem->n_vms;
    g_autofree uint32_t *at = g_memdup2(l->at, (n_vms + 1) * sizeof(*at));
    Order *order;
    uint32_t dropped;

    search->banned[vm] = false;
    search_layout(search, level);
    order = try_order(search, &dropped);
    if (order)
        return order;
    search->banned[vm] = true;
    for (uint32_t v = 0; v < n_vms; v++)
        layout_move(l, v, at[v]);
    return NULL;
}

/* Now that an order is found: perhaps a VM that stood in the way of another layout has a place in
 * this one.  Otherwise the next run would find the move that this one left out. */
static Order *improve_order(Search *search, const struct balance_level *level, Order *order)
{
    int tries = MAX_SECOND_TRIES;

    for (uint32_t v = 0; v < search->layout->problem->n_vms && tries > 0; v++) {
        Order *better;

        if (!search->banned[v])
            continue;
        tries--;
        better = try_again_with(search, level, v);
        if (better) {
            order_free(order);
            order = better;
        }
    }
    return order;
}

/* Searches until every move has its place in an order. */
static Order *find_order(Search *search, const struct balance_level *level)
{
    Order *order;
    uint32_t dropped;

    search_layout(search, level);
    while ((order = try_order(search, &dropped)) == NULL) {
        improve_restart_without(search, dropped);
        search_layout(search, level);
    }
    return improve_order(search, level, order);
}

/* ---- what the next run would find ----------------------------------------------------------- */

static bool has_trouble(const struct score *score)
{
    return score->must > 0 || score->shortage > 0 || score->overload > 0 || score->crowd > 0 ||
           score->should > 0;
}

/* The cluster with every VM where the layout has it; those that moved rest. */
static Snapshot *carried_out(const Layout *l)
{
    const Problem *p = l->problem;
    g_autoptr(SnapshotBuilder) builder = whatif_builder(p->snap);

    for (uint32_t v = 0; v < p->n_vms; v++) {
        Vm *vm;

        if (p->vm_home[v] == NO_INDEX || l->at[v] == p->vm_home[v])
            continue;
        vm = vm_dup(p->vm[v]);
        vm->host_id = p->host[l->at[v]]->id;
        rest_begin(vm, true, p->params.now_wall_ms, p->params.cooldown_ms);
        snapshot_builder_put_vm(builder, vm);
    }
    return snapshot_builder_build(builder, p->params.now_mono_ms);
}

/* Puts the VMs where the next run would; false if it would leave them. */
static bool follow_next_run(const Search *search, const struct balance_level *level)
{
    Layout *l = search->layout;
    const Problem *p = l->problem;
    g_autoptr(Snapshot) then = carried_out(l);
    g_autoptr(Problem) next = problem_new(then, p->cluster->id, &p->params, 0, NULL);
    const struct layout_price price = balance_price(level);
    g_autoptr(Layout) goal = layout_new(next, &price);
    g_autoptr(Search) again = search_new(goal);
    g_autoptr(Order) order = find_order(again, level);
    bool changed = order->steps.len > 0;

    for (uint32_t v = 0; v < next->n_vms && changed; v++) {
        if (goal->at[v] != next->vm_home[v])
            layout_move(l, problem_find_vm(p, next->vm[v]->id),
                        problem_find_host(p, next->host[goal->at[v]]->id));
    }
    return changed;
}

/* Repair is a descent, and it ends where no single change helps; begun anew from there, with the
 * search for balance in between, it may find more.  What it finds belongs into this plan, not into
 * the next one, as far as there is an order for all of it. */
static Order *foresee(Search *search, const struct balance_level *level, Order *order)
{
    Layout *l = search->layout;
    const uint32_t n_vms = l->problem->n_vms;

    for (int i = 0; i < MAX_FORESIGHT && has_trouble(&l->score) && l->n_moved > 0; i++) {
        g_autofree uint32_t *at = g_memdup2(l->at, (n_vms + 1) * sizeof(*at));
        Order *longer = NULL;
        uint32_t dropped;

        if (!follow_next_run(search, level))
            break;
        if (l->n_moved <= search->max_moves)
            longer = try_order(search, &dropped);
        if (!longer) {
            for (uint32_t v = 0; v < n_vms; v++)
                layout_move(l, v, at[v]);
            break;
        }
        order_free(order);
        order = longer;
    }
    return order;
}

static uint32_t count_banned(const Search *search)
{
    uint32_t n = 0;

    for (uint32_t v = 0; v < search->layout->problem->n_vms; v++)
        n += search->banned[v] ? 1 : 0;
    return n;
}

/* ---- words ---------------------------------------------------------------------------------- */

static void say_moves(Plan *plan, const Search *search, const char *left_out)
{
    const struct plan_measure *a = &plan->before, *b = &plan->after;
    GString *text = g_string_new(NULL);

    g_string_printf(text, "%zu move%s: imbalance %" PRId64 " -> %" PRId64 " per mille",
                    plan->moves.len, plan->moves.len == 1 ? "" : "s", a->imbalance, b->imbalance);
    if (a->overload_mhz > 0)
        g_string_append_printf(text, ", overload %" PRId64 " -> %" PRId64 " MHz", a->overload_mhz,
                               b->overload_mhz);
    if (a->shortage_mb > 0)
        g_string_append_printf(text, ", memory shortage %" PRId64 " -> %" PRId64 " MiB",
                               a->shortage_mb, b->shortage_mb);
    if (a->net_over_kbps > 0)
        g_string_append_printf(text, ", network over by %" PRId64 " -> %" PRId64 " kbit/s",
                               a->net_over_kbps, b->net_over_kbps);
    if (a->vcpus_over > 0)
        g_string_append_printf(text, ", vCPUs too many %" PRId64 " -> %" PRId64, a->vcpus_over,
                               b->vcpus_over);
    if (a->must_broken + a->should_broken > 0)
        g_string_append_printf(text, ", VMs misplaced by rules %" PRId64 " -> %" PRId64,
                               a->must_broken + a->should_broken,
                               b->must_broken + b->should_broken);
    if (plan->n_unordered > 0)
        g_string_append_printf(text, "; %u more VMs wait for room that these moves make",
                               plan->n_unordered);
    if (search->full)
        g_string_append_printf(text, "; more next time, one plan has at most %u moves",
                               search->max_moves);
    plan_set_verdict(plan, "%s%s", text->str, left_out);
    g_string_free(text, TRUE);
}

static const char *trouble_word(const struct plan_measure *m)
{
    if (m->must_broken > 0)
        return "must-rules are broken";
    if (m->shortage_mb > 0)
        return "memory is short";
    return m->overload_mhz > 0    ? "overloaded"
           : m->net_over_kbps > 0 ? "the network is overloaded"
           : m->vcpus_over > 0    ? "hosts have too many vCPUs"
           : m->should_broken > 0 ? "should-rules are broken"
                                  : NULL;
}

static void say_nothing_moves(Plan *plan, const Layout *l, const struct balance_level *level,
                              int number, const char *left_out)
{
    const struct plan_measure *m = &plan->before;
    const char *trouble = trouble_word(m);
    g_autofree char *pins = explain_pins(l->problem);
    g_autofree char *held =
        pins[0] ? g_strdup_printf(" (of %u VMs: %s)", l->problem->n_vms, pins) : g_strdup("");

    if (l->problem->params.max_moves == 0)
        plan_set_verdict(plan, "%s%simbalance %" PRId64 " per mille; no move is allowed%s",
                         trouble ? trouble : "", trouble ? "; " : "", m->imbalance, left_out);
    else if (trouble)
        plan_set_verdict(plan, "%s, but no move helps%s%s", trouble, held, left_out);
    else if (m->imbalance < level->threshold && !balance_is_worth(l, level))
        plan_set_verdict(plan,
                         "balanced: %" PRId64 " per mille, threshold %" PRId64 " (level %d)%s",
                         m->imbalance, level->threshold, number, left_out);
    else if (is_uneven(l, level) && !balance_is_worth(l, level))
        plan_set_verdict(plan,
                         "left alone: imbalance %" PRId64 " per mille (threshold %" PRId64
                         ", level %d) is what loads make that vary by 10 %%%s",
                         m->imbalance, level->threshold, number, left_out);
    else if (!balance_is_worth(l, level))
        plan_set_verdict(plan,
                         "left alone: imbalance %" PRId64 " per mille, but no host is as busy as "
                         "drsThreshold (CPU %" PRId64 " %%, memory %" PRId64 " %%)%s",
                         m->imbalance, l->problem->cluster->drs.threshold_cpu,
                         l->problem->cluster->drs.threshold_mem, left_out);
    else
        plan_set_verdict(plan,
                         "imbalance %" PRId64 " per mille (threshold %" PRId64
                         ", level %d), but no "
                         "move gains enough to repay its cost within %" PRId64 " s%s%s",
                         m->imbalance, level->threshold, number,
                         l->problem->params.horizon_ms / 1000, held, left_out);
}

/* Which VMs were not measured for long enough to be known. */
static void say_estimated(Plan *plan, const Problem *p)
{
    g_autoptr(GString) text = g_string_new(NULL);
    unsigned n = 0;

    for (uint32_t v = 0; v < p->n_vms; v++) {
        uint32_t home = p->vm_home[v];

        if (p->vm_pin[v] == PIN_UNMEASURED && problem_usable(p, home) && ++n <= MAX_ESTIMATED)
            g_string_append_printf(text, "%s%s", n > 1 ? ", " : "", p->vm[v]->name);
    }
    if (n > MAX_ESTIMATED)
        g_string_append_printf(text, " and %u more VMs", n - MAX_ESTIMATED);
    if (n > 0) {
        g_autofree char *verdict = g_strdup(plan->verdict);

        plan_set_verdict(plan, "%s; too few samples yet, counted by estimate: %s", verdict,
                         text->str);
    }
}

/* What stays broken when the moves are done: which rule, by which VMs, and for want of what. */
static void say_broken_rules(Plan *plan, const Problem *p)
{
    const struct layout_price free_moves = { 0 };
    g_autoptr(Layout) layout = layout_new(p, &free_moves);
    g_autoptr(RuleBreaches) breaches = NULL;
    GString *text;

    for (size_t i = 0; i < plan->moves.len; i++) {
        const struct plan_move *move = &plan->moves.items[i];

        layout_move(layout, problem_find_vm(p, move->vm_id), problem_find_host(p, move->to_id));
    }
    breaches = rules_breaches_at(layout);
    if (breaches->n_items == 0)
        return;
    text = g_string_new(plan->verdict);
    for (size_t i = 0; i < MIN(breaches->n_items, MAX_BROKEN); i++)
        g_string_append_printf(text, "; %s%s", plan->moves.len > 0 && i == 0 ? "afterwards " : "",
                               breaches->items[i].text);
    if (breaches->n_items > MAX_BROKEN)
        g_string_append_printf(text, "; %zu more rules are broken", breaches->n_items - MAX_BROKEN);
    plan_set_verdict(plan, "%s", text->str);
    g_string_free(text, TRUE);
}

/* ---- entries -------------------------------------------------------------------------------- */

static void fill_plan(Plan *plan, const Problem *p, int number)
{
    const struct balance_level *level = &levels[number];
    const struct layout_price price = balance_price(level);
    g_autoptr(Layout) layout = layout_new(p, &price);
    g_autoptr(Search) search = search_new(layout);
    g_autoptr(Order) order = NULL;
    g_autofree char *left_out = left_out_text(layout);

    layout_measure(layout, &plan->before);
    plan->after = plan->before;
    if (!can_decide(layout, plan))
        return;
    order = foresee(search, level, find_order(search, level));
    plan->n_unordered = count_banned(search);
    compose_moves(plan, p, order, FILTER_USE_DRS);
    if (plan->moves.len > 0)
        say_moves(plan, search, left_out);
    else
        say_nothing_moves(plan, layout, level, number, left_out);
    say_estimated(plan, p);
}

bool balance_plan(const Snapshot *snap, int64_t cluster_id, const struct sched_params *params,
                  Plan **ret_plan, GError **error)
{
    g_autoptr(Problem) problem = problem_new(snap, cluster_id, params, 0, error);
    g_autoptr(Plan) plan = NULL;
    int level;

    if (!problem)
        return false;
    plan = plan_new(cluster_id);
    level = find_level(problem->cluster, params, plan);
    if (level > 0) {
        fill_plan(plan, problem, level);
    } else {
        const struct layout_price free_moves = { 0 };
        g_autoptr(Layout) layout = layout_new(problem, &free_moves);

        layout_measure(layout, &plan->before);
        plan->after = plan->before;
    }
    say_broken_rules(plan, problem);
    *ret_plan = g_steal_pointer(&plan);
    return true;
}

bool balance_measure(const Snapshot *snap, int64_t cluster_id, const struct sched_params *params,
                     struct plan_measure *ret_measure, GError **error)
{
    const struct layout_price free_moves = { 0 };
    g_autoptr(Problem) problem = problem_new(snap, cluster_id, params, 0, error);
    g_autoptr(Layout) layout = NULL;
    g_autofree char *trouble = NULL;

    if (!problem)
        return false;
    trouble = problem_data_trouble(problem);
    if (trouble) {
        err_set(error, VRM_ERR_UNAVAILABLE, "cannot measure cluster %s: %s", problem->cluster->name,
                trouble);
        return false;
    }
    layout = layout_new(problem, &free_moves);
    layout_measure(layout, ret_measure);
    return true;
}
