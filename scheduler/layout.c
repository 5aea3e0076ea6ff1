/* layout.c - see layout.h. */
#include "config.h"

#include "scheduler/layout.h"

#include <string.h>

/* A host at eight times its capacity is as bad as can be; the bound keeps n x sum of squares of
 * PROBLEM_MAX_HOSTS hosts within 63 bits. */
#define LOAD_MAX  (8 * LOAD_ONE)

#define MAX_SIDES 2

/* What a host would carry after a move. */
struct side {
    uint32_t host;
    int64_t load[N_RESOURCES];
};

/* What a move changes; sides are usable hosts only, others do not count. */
struct effect {
    struct side sides[MAX_SIDES];
    uint32_t n_sides;
    struct score change; /* of all but soft */
};

int score_cmp(const struct score *a, const struct score *b)
{
    const int64_t left[] = { a->must, a->shortage, a->overload, a->crowd, a->should, a->soft };
    const int64_t right[] = { b->must, b->shortage, b->overload, b->crowd, b->should, b->soft };

    for (size_t i = 0; i < G_N_ELEMENTS(left); i++) {
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    }
    return 0;
}

/* Newton from above: the first step from any guess lands at or above the root. */
int64_t layout_root(int64_t square, int64_t near)
{
    int64_t x = near, next;

    if (square <= 0)
        return 0;
    if (x <= 0 || x > square)
        x = MIN(square, INT64_C(3037000499));
    next = (x + square / x) / 2;
    if (next > x)
        x = next;
    next = (x + square / x) / 2;
    while (next < x) {
        x = next;
        next = (x + square / x) / 2;
    }
    return x;
}

/* ---- rules ---------------------------------------------------------------------------------- */

uint32_t layout_others(const Layout *layout, uint32_t rule, uint32_t vm, uint32_t host)
{
    const Problem *p = layout->problem;
    uint32_t at = layout->at[vm], domain = problem_domain(p, rule, host);
    uint32_t n = layout->count[(size_t)rule * p->n_hosts + domain];

    return at != NO_INDEX && problem_domain(p, rule, at) == domain ? n - 1 : n;
}

/* Members that would not be with the largest part of their keep-together set, vm being at `to`. */
static int64_t strays(const Layout *l, uint32_t r, uint32_t vm, uint32_t to)
{
    const Ruleset *set = l->problem->rules;
    const struct ruleset_rule *rule = &set->rules[r];
    int64_t placed = 0, most = 0;

    for (uint32_t i = 0; i < rule->n; i++) {
        uint32_t member = set->members[rule->first + i];
        uint32_t host = member == vm ? to : l->at[member];
        int64_t there;

        if (host == NO_INDEX)
            continue;
        placed++;
        there = layout_others(l, r, vm, host) + (host == to ? 1 : 0);
        most = MAX(most, there);
    }
    return placed - most;
}

int64_t layout_rule_change(const Layout *layout, uint32_t rule, uint32_t vm, uint32_t to)
{
    const Ruleset *set = layout->problem->rules;
    const struct ruleset_rule *it = &set->rules[rule];
    uint32_t from = layout->at[vm];
    int64_t change = 0;

    switch (it->rule->type) {
    case RULE_APART:
        if (from != NO_INDEX && layout_others(layout, rule, vm, from) > 0)
            change--;
        if (to != NO_INDEX && layout_others(layout, rule, vm, to) > 0)
            change++;
        break;
    case RULE_VM_HOST:
        if (from != NO_INDEX && !ruleset_host_ok(set, it, from))
            change--;
        if (to != NO_INDEX && !ruleset_host_ok(set, it, to))
            change++;
        break;
    case RULE_TOGETHER:
        change = strays(layout, rule, vm, to) - strays(layout, rule, vm, from);
        break;
    }
    return change;
}

static void add_rules(const Layout *l, uint32_t vm, uint32_t to, struct score *change)
{
    const Ruleset *set = l->problem->rules;

    for (uint32_t i = set->vm_first[vm]; i < set->vm_first[vm + 1]; i++) {
        uint32_t r = set->vm_rules[i];
        int64_t more = layout_rule_change(l, r, vm, to);

        if (set->rules[r].must)
            change->must += more;
        else
            change->should += more;
    }
}

/* ---- resources ------------------------------------------------------------------------------ */

static int64_t excess(int64_t used, int64_t limit)
{
    return used > limit ? used - limit : 0;
}

static int64_t load_of(const Problem *p, enum resource res, uint32_t host, int64_t used)
{
    int64_t load = used * LOAD_ONE / p->host_cap[res][host];

    return MIN(load, LOAD_MAX);
}

static int64_t crowd_of(int64_t held, int64_t bound)
{
    return held > bound ? MIN((held - bound) * LOAD_ONE / bound, LOAD_MAX) : 0;
}

int64_t layout_crowd(const Layout *layout, uint32_t host)
{
    int64_t crowd = 0;

    for (int b = 0; b < N_BOUNDED; b++)
        crowd += crowd_of(layout->part[b][host], layout->problem->host_bound[b][host]);
    return crowd;
}

/* Configured sizes beyond what may be promised, and of overcommitted hosts what their guests touch
 * beyond what there is. */
static int64_t shortage_of(const Problem *p, uint32_t host, int64_t size, int64_t used)
{
    int64_t shortage = excess(size, p->host_mem_limit[host]);

    if (p->cluster->mem_overcommit)
        shortage += excess(used, p->host_cap[RES_MEM][host]);
    return shortage;
}

static void add_crowd(const Layout *l, uint32_t host, uint32_t vm, int64_t sign,
                      struct effect *effect)
{
    const Problem *p = l->problem;

    for (int b = 0; b < N_BOUNDED; b++) {
        int64_t held = l->part[b][host], bound = p->host_bound[b][host];
        int64_t after = held + sign * p->vm_part[b][vm];

        if (held > bound || after > bound)
            effect->change.crowd += crowd_of(after, bound) - crowd_of(held, bound);
    }
}

/* The host with vm added (sign 1) or taken away (-1). */
static void add_side(const Layout *l, uint32_t host, uint32_t vm, int64_t sign,
                     struct effect *effect)
{
    const Problem *p = l->problem;
    struct side *side = &effect->sides[effect->n_sides];
    int64_t cpu, size, mem;

    if (host == NO_INDEX || !problem_usable(p, host))
        return;
    effect->n_sides++;
    side->host = host;
    for (int r = 0; r < N_RESOURCES; r++) {
        enum resource res = (enum resource)r;

        side->load[r] = load_of(p, res, host, l->used[r][host] + sign * p->vm_use[r][vm]);
    }
    cpu = l->used[RES_CPU][host];
    size = l->committed[host];
    effect->change.overload +=
        excess(cpu + sign * p->vm_use[RES_CPU][vm], p->host_cap[RES_CPU][host]) -
        excess(cpu, p->host_cap[RES_CPU][host]);
    mem = l->used[RES_MEM][host];
    effect->change.shortage +=
        shortage_of(p, host, size + sign * p->vm_size[vm], mem + sign * p->vm_use[RES_MEM][vm]) -
        shortage_of(p, host, size, mem);
    add_crowd(l, host, vm, sign, effect);
}

static void find_effect(const Layout *l, uint32_t vm, uint32_t to, struct effect *effect)
{
    *effect = (struct effect){ 0 };
    if (l->at[vm] == to)
        return;
    add_side(l, l->at[vm], vm, -1, effect);
    add_side(l, to, vm, 1, effect);
    add_rules(l, vm, to, &effect->change);
}

static bool is_side(const struct effect *effect, uint32_t host)
{
    for (uint32_t i = 0; i < effect->n_sides; i++) {
        if (effect->sides[i].host == host)
            return true;
    }
    return false;
}

static int64_t highest(const Layout *l, int r, const struct effect *effect)
{
    int64_t max = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(l->top[r]); i++) {
        uint32_t host = l->top[r][i];

        if (host != NO_INDEX && !is_side(effect, host)) {
            max = l->load[r][host];
            break;
        }
    }
    for (uint32_t i = 0; i < effect->n_sides; i++)
        max = MAX(max, effect->sides[i].load[r]);
    return max;
}

/* In a big cluster one hot host must not outweigh everything else. */
static int64_t spread_share(const Problem *p)
{
    return MAX(p->n_usable / 4, 4);
}

/* n x imbalance of one resource after the effect; *ret_deviation: n x standard deviation. */
static int64_t imbalance_of(const Layout *l, int r, const struct effect *effect,
                            int64_t *ret_deviation)
{
    int64_t n = l->problem->n_usable;
    int64_t sum = l->sum[r], sum_sq = l->sum_sq[r];

    for (uint32_t i = 0; i < effect->n_sides; i++) {
        int64_t before = l->load[r][effect->sides[i].host];
        int64_t after = effect->sides[i].load[r];

        sum += after - before;
        sum_sq += after * after - before * before;
    }
    *ret_deviation = layout_root(n * sum_sq - sum * sum, l->deviation[r]);
    return *ret_deviation + (n * highest(l, r, effect) - sum) / spread_share(l->problem);
}

/* n x imbalance, over the resources that count. */
static int64_t total_imbalance(const Layout *l, const struct effect *effect,
                               int64_t ret_deviation[N_RESOURCES])
{
    const Problem *p = l->problem;
    int64_t total = 0, weight = 0;

    for (int r = 0; r < N_RESOURCES; r++) {
        ret_deviation[r] = l->deviation[r];
        if (!p->uses[r])
            continue;
        total += p->weight[r] * imbalance_of(l, r, effect, &ret_deviation[r]);
        weight += p->weight[r];
    }
    return weight > 0 ? total / weight : 0;
}

static bool is_away(const Layout *l, uint32_t vm, uint32_t host)
{
    uint32_t home = l->problem->vm_home[vm];

    return home != NO_INDEX && host != home;
}

static void score_after(const Layout *l, const struct effect *effect, int64_t price_change,
                        int64_t ret_deviation[N_RESOURCES], struct score *ret_score)
{
    int64_t horizon_s = l->problem->params.horizon_ms / 1000;

    *ret_score = l->score;
    ret_score->must += effect->change.must;
    ret_score->shortage += effect->change.shortage;
    ret_score->overload += effect->change.overload;
    ret_score->crowd += effect->change.crowd;
    ret_score->should += effect->change.should;
    ret_score->soft =
        total_imbalance(l, effect, ret_deviation) * horizon_s + l->price_sum + price_change;
}

static int64_t price_change(const Layout *l, uint32_t vm, uint32_t to)
{
    return ((is_away(l, vm, to) ? 1 : 0) - (is_away(l, vm, l->at[vm]) ? 1 : 0)) * l->price[vm];
}

void layout_try(const Layout *layout, uint32_t vm, uint32_t to, struct score *ret_score)
{
    struct effect effect;
    int64_t deviation[N_RESOURCES];

    find_effect(layout, vm, to, &effect);
    score_after(layout, &effect, price_change(layout, vm, to), deviation, ret_score);
}

/* How far n x imbalance of a resource could fall, the hottest host staying what it is: its standard
 * deviation, and its distance from a mean that rises when load goes to a smaller host. */
static int64_t imbalance_bound(const Layout *l, int r, uint32_t vm, uint32_t to)
{
    const Problem *p = l->problem;
    uint32_t from = l->at[vm];
    int64_t use = p->vm_use[r][vm], n = p->n_usable;
    int64_t left = load_of(p, (enum resource)r, from, l->used[r][from] - use);
    int64_t there = load_of(p, (enum resource)r, to, l->used[r][to] + use);
    int64_t from_load = l->load[r][from], to_load = l->load[r][to];
    int64_t more = left - from_load + there - to_load;
    int64_t more_sq = left * left - from_load * from_load + there * there - to_load * to_load;
    int64_t fall = more * (2 * l->sum[r] + more) - n * more_sq;

    return (fall > 0 ? fall / MAX(l->deviation[r], 1) + 1 : 0) +
           (more > 0 ? more / spread_share(p) + 1 : 0);
}

int64_t layout_gain_bound(const Layout *layout, uint32_t vm, uint32_t to)
{
    const Problem *p = layout->problem;
    int64_t bound = 0, weight = 0;

    for (int r = 0; r < N_RESOURCES; r++) {
        if (!p->uses[r])
            continue;
        if (layout->top[r][0] == layout->at[vm])
            return INT64_MAX;
        bound += p->weight[r] * imbalance_bound(layout, r, vm, to);
        weight += p->weight[r];
    }
    return weight > 0 ? (bound / weight + 1) * (p->params.horizon_ms / 1000) : 0;
}

/* ---- change --------------------------------------------------------------------------------- */

static void list_remove(Layout *l, uint32_t vm, uint32_t host)
{
    struct layout_vms *list = &l->host_vms[host];
    uint32_t last = list->items[--list->len];

    list->items[l->slot[vm]] = last;
    l->slot[last] = l->slot[vm];
}

static void list_add(Layout *l, uint32_t vm, uint32_t host)
{
    l->slot[vm] = (uint32_t)l->host_vms[host].len;
    layout_vms_push(&l->host_vms[host], vm);
}

static void set_load(Layout *l, uint32_t host)
{
    for (int r = 0; r < N_RESOURCES; r++)
        l->load[r][host] = load_of(l->problem, (enum resource)r, host, l->used[r][host]);
}

static void carry_devices(Layout *l, uint32_t vm, uint32_t host, int64_t sign)
{
    const DevFit *fit = l->problem->devices;

    if (!fit)
        return;
    for (uint32_t i = fit->first[vm]; i < fit->first[vm + 1]; i++)
        l->devices[(size_t)fit->needs[i].kind * fit->n_hosts + host] += sign * fit->needs[i].count;
}

/* The sums; set_load follows. */
static void carry(Layout *l, uint32_t vm, uint32_t host, int64_t sign)
{
    const Problem *p = l->problem;
    const Ruleset *set = p->rules;

    if (host == NO_INDEX)
        return;
    for (int r = 0; r < N_RESOURCES; r++)
        l->used[r][host] += sign * p->vm_use[r][vm];
    l->committed[host] += sign * p->vm_size[vm];
    for (int b = 0; b < N_BOUNDED; b++)
        l->part[b][host] += sign * p->vm_part[b][vm];
    l->reserved[host] += sign * p->vm_reserved[vm];
    l->mem_reserved[host] += sign * p->vm_mem_reserved[vm];
    carry_devices(l, vm, host, sign);
    for (uint32_t i = set->vm_first[vm]; i < set->vm_first[vm + 1]; i++) {
        uint32_t domain = problem_domain(p, set->vm_rules[i], host);
        uint32_t *count = &l->count[(size_t)set->vm_rules[i] * p->n_hosts + domain];

        *count = sign > 0 ? *count + 1 : *count - 1;
    }
}

/* Inserts host into the three highest of a resource; equal loads keep the order of ids. */
static void top_insert(Layout *l, int r, uint32_t host)
{
    uint32_t *top = l->top[r];

    for (size_t i = 0; i < G_N_ELEMENTS(l->top[r]); i++) {
        if (top[i] == NO_INDEX || l->load[r][host] > l->load[r][top[i]]) {
            uint32_t pushed = top[i];

            top[i] = host;
            host = pushed;
            if (host == NO_INDEX)
                return;
        }
    }
}

static void find_top_of(Layout *l, int r)
{
    for (size_t i = 0; i < G_N_ELEMENTS(l->top[r]); i++)
        l->top[r][i] = NO_INDEX;
    for (uint32_t h = 0; h < l->problem->n_hosts; h++) {
        if (problem_usable(l->problem, h))
            top_insert(l, r, h);
    }
}

static void find_top(Layout *l)
{
    for (int r = 0; r < N_RESOURCES; r++)
        find_top_of(l, r);
}

/* Most moves are among hosts further down. */
static bool touches_top(const Layout *l, int r, const struct effect *effect)
{
    uint32_t last = l->top[r][G_N_ELEMENTS(l->top[r]) - 1];

    for (uint32_t i = 0; i < effect->n_sides; i++) {
        if (last == NO_INDEX || effect->sides[i].load[r] >= l->load[r][last])
            return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(l->top[r]); i++) {
        if (is_side(effect, l->top[r][i]))
            return true;
    }
    return false;
}

static void update_top(Layout *l, const struct effect *effect)
{
    for (int r = 0; r < N_RESOURCES; r++) {
        if (touches_top(l, r, effect))
            find_top_of(l, r);
    }
}

void layout_move(Layout *layout, uint32_t vm, uint32_t to)
{
    uint32_t from = layout->at[vm];
    struct effect effect;
    struct score score;
    int64_t price = price_change(layout, vm, to);

    if (from == to)
        return;
    find_effect(layout, vm, to, &effect);
    score_after(layout, &effect, price, layout->deviation, &score);
    for (int r = 0; r < N_RESOURCES; r++) {
        for (uint32_t i = 0; i < effect.n_sides; i++) {
            int64_t before = layout->load[r][effect.sides[i].host];
            int64_t after = effect.sides[i].load[r];

            layout->sum[r] += after - before;
            layout->sum_sq[r] += after * after - before * before;
        }
    }
    if (is_away(layout, vm, from))
        layout->n_moved--;
    if (is_away(layout, vm, to))
        layout->n_moved++;
    carry(layout, vm, from, -1);
    carry(layout, vm, to, 1);
    if (from != NO_INDEX) {
        set_load(layout, from);
        list_remove(layout, vm, from);
    }
    if (to != NO_INDEX) {
        set_load(layout, to);
        list_add(layout, vm, to);
    }
    layout->at[vm] = to;
    layout->price_sum += price;
    layout->score = score;
    update_top(layout, &effect);
}

/* ---- life ----------------------------------------------------------------------------------- */

static int64_t away_price(const Problem *p, uint32_t vm, const struct layout_price *price)
{
    int64_t cost = p->vm_cost_ms[vm] * p->params.move_load_permille / 1000 * LOAD_PER_PERMILLE;

    return cost * price->lambda_percent / 100 +
           price->min_gain * LOAD_PER_PERMILLE * (p->params.horizon_ms / 1000);
}

/* VMs that stand wrong by one rule. */
static int64_t count_misplaced(const Layout *l, uint32_t r)
{
    const Ruleset *set = l->problem->rules;
    const struct ruleset_rule *rule = &set->rules[r];
    const uint32_t *members = &set->members[rule->first];
    int64_t wrong = 0;

    switch (rule->rule->type) {
    case RULE_TOGETHER:
        return strays(l, r, members[0], l->at[members[0]]);
    case RULE_APART:
        for (uint32_t h = 0; h < l->problem->n_hosts; h++)
            wrong += excess(l->count[(size_t)r * l->problem->n_hosts + h], 1);
        break;
    case RULE_VM_HOST:
        for (uint32_t i = 0; i < rule->n; i++) {
            uint32_t host = l->at[members[i]];

            wrong += host != NO_INDEX && !ruleset_host_ok(set, rule, host) ? 1 : 0;
        }
        break;
    }
    return wrong;
}

/* Broken rules of the layout as it stands. */
static void count_broken(Layout *l)
{
    const Ruleset *set = l->problem->rules;

    for (uint32_t r = 0; r < set->n_rules; r++) {
        if (set->rules[r].must)
            l->score.must += count_misplaced(l, r);
        else
            l->score.should += count_misplaced(l, r);
    }
}

/* Sums and score from scratch. */
static void count_all(Layout *l)
{
    const Problem *p = l->problem;
    struct effect nothing = { 0 };

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (!problem_usable(p, h))
            continue;
        for (int r = 0; r < N_RESOURCES; r++) {
            l->sum[r] += l->load[r][h];
            l->sum_sq[r] += l->load[r][h] * l->load[r][h];
        }
        l->score.overload += excess(l->used[RES_CPU][h], p->host_cap[RES_CPU][h]);
        l->score.shortage += shortage_of(p, h, l->committed[h], l->used[RES_MEM][h]);
        l->score.crowd += layout_crowd(l, h);
    }
    count_broken(l);
    find_top(l);
    score_after(l, &nothing, 0, l->deviation, &l->score);
}

Layout *layout_new(const Problem *problem, const struct layout_price *price)
{
    Layout *l = g_new0(Layout, 1);
    size_t n_hosts = problem->n_hosts + 1, n_vms = problem->n_vms + 1;

    l->problem = problem;
    filter_prepare(problem, &l->filters);
    l->at = g_new0(uint32_t, n_vms);
    l->slot = g_new0(uint32_t, n_vms);
    l->price = g_new0(int64_t, n_vms);
    l->host_vms = g_new0(struct layout_vms, n_hosts);
    for (int r = 0; r < N_RESOURCES; r++) {
        l->used[r] = g_new0(int64_t, n_hosts);
        l->load[r] = g_new0(int64_t, n_hosts);
    }
    l->committed = g_memdup2(problem->host_base_mem, n_hosts * sizeof(*l->committed));
    for (int b = 0; b < N_BOUNDED; b++)
        l->part[b] = g_new0(int64_t, n_hosts);
    l->reserved = g_new0(int64_t, n_hosts);
    l->mem_reserved = g_new0(int64_t, n_hosts);
    if (problem->devices)
        l->devices = g_new0(int64_t, (size_t)problem->devices->n_kinds * problem->n_hosts + 1);
    l->count = g_new0(uint32_t, (size_t)problem->rules->n_rules * problem->n_hosts + 1);
    for (uint32_t v = 0; v < problem->n_vms; v++) {
        l->at[v] = problem->vm_home[v];
        l->price[v] = away_price(problem, v, price);
        carry(l, v, l->at[v], 1);
        if (l->at[v] != NO_INDEX)
            list_add(l, v, l->at[v]);
    }
    for (uint32_t h = 0; h < problem->n_hosts; h++)
        set_load(l, h);
    count_all(l);
    return l;
}

void layout_free(Layout *layout)
{
    if (!layout)
        return;
    for (uint32_t h = 0; h < layout->problem->n_hosts; h++)
        layout_vms_clear(&layout->host_vms[h]);
    for (int r = 0; r < N_RESOURCES; r++) {
        g_free(layout->used[r]);
        g_free(layout->load[r]);
    }
    g_free(layout->at);
    g_free(layout->slot);
    g_free(layout->price);
    g_free(layout->host_vms);
    g_free(layout->committed);
    for (int b = 0; b < N_BOUNDED; b++)
        g_free(layout->part[b]);
    g_free(layout->reserved);
    g_free(layout->mem_reserved);
    g_free(layout->devices);
    g_free(layout->count);
    g_free(layout);
}

/* ---- figures for people --------------------------------------------------------------------- */

static int64_t per_host(int64_t sum, uint32_t n_hosts)
{
    return n_hosts > 0 ? (sum / n_hosts + LOAD_PER_PERMILLE / 2) / LOAD_PER_PERMILLE : 0;
}

/* The bounded resources: the fullest host, and what is beyond, summed. */
static void measure_bounded(const Layout *l, struct plan_measure *measure)
{
    const Problem *p = l->problem;
    int64_t max[N_BOUNDED] = { 0 }, over[N_BOUNDED] = { 0 };

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        for (int b = 0; b < N_BOUNDED; b++) {
            int64_t held = l->part[b][h], bound = p->host_bound[b][h];

            if (!problem_usable(p, h) || bound == NO_BOUND)
                continue;
            max[b] = MAX(max[b], MIN(held, 1000 * bound) * 1000 / bound);
            over[b] += excess(held, bound);
        }
    }
    measure->vcpu_max = max[BOUNDED_VCPUS];
    measure->vcpus_over = over[BOUNDED_VCPUS];
    measure->net_max = max[BOUNDED_NET];
    measure->net_over_kbps = over[BOUNDED_NET];
}

void layout_measure(const Layout *layout, struct plan_measure *ret_measure)
{
    const struct effect nothing = { 0 };
    uint32_t n = layout->problem->n_usable;
    int64_t deviation[N_RESOURCES] = { 0 };
    int64_t imbalance = total_imbalance(layout, &nothing, deviation);
    int64_t max[N_RESOURCES];

    for (int r = 0; r < N_RESOURCES; r++) {
        int64_t square = n * layout->sum_sq[r] - layout->sum[r] * layout->sum[r];

        deviation[r] = layout_root(square, layout->deviation[r]);
        max[r] = (highest(layout, r, &nothing) + LOAD_PER_PERMILLE / 2) / LOAD_PER_PERMILLE;
    }
    *ret_measure = (struct plan_measure){
        .imbalance = per_host(imbalance, n),
        .overload_mhz = layout->score.overload,
        .shortage_mb = layout->score.shortage,
        .cpu_stdev = per_host(deviation[RES_CPU], n),
        .cpu_max = max[RES_CPU],
        .cpu_mean = per_host(layout->sum[RES_CPU], n),
        .mem_stdev = per_host(deviation[RES_MEM], n),
        .mem_max = max[RES_MEM],
        .mem_mean = per_host(layout->sum[RES_MEM], n),
        .must_broken = layout->score.must,
        .should_broken = layout->score.should,
        .n_hosts = n,
    };
    measure_bounded(layout, ret_measure);
}

int64_t layout_spread(const Layout *layout, const struct plan_measure *measure)
{
    const bool *uses = layout->problem->uses;

    return MAX(uses[RES_CPU] ? measure->cpu_max - measure->cpu_mean : 0,
               uses[RES_MEM] ? measure->mem_max - measure->mem_mean : 0);
}
