/* search.c - see search.h. */
#include "config.h"

#include "scheduler/search.h"

#include <string.h>

#include "scheduler/filter.h"

/* Tries of making room in one plan. */
#define MAX_EFFORT 2000000

/* Less beyond a bound than 1 % of a host is no reason for a move. */
#define CROWD_NOISE (LOAD_ONE / 100)

/* ---- bundles -------------------------------------------------------------------------------- */

static uint32_t root_of(uint32_t *parent, uint32_t vm)
{
    while (parent[vm] != vm) {
        parent[vm] = parent[parent[vm]];
        vm = parent[vm];
    }
    return vm;
}

/* The smallest VM of each set that must stay together is its root. */
static void join_members(const Ruleset *set, uint32_t *parent)
{
    for (uint32_t r = 0; r < set->n_rules; r++) {
        const uint32_t *members = &set->members[set->rules[r].first];

        if (!set->rules[r].must || set->rules[r].rule->type != RULE_TOGETHER)
            continue;
        for (uint32_t i = 1; i < set->rules[r].n; i++) {
            uint32_t a = root_of(parent, members[0]), b = root_of(parent, members[i]);

            parent[MAX(a, b)] = MIN(a, b);
        }
    }
}

static void find_bundles(Search *s)
{
    const Problem *p = s->layout->problem;
    g_autofree uint32_t *parent = g_new0(uint32_t, p->n_vms + 1);
    g_autofree uint32_t *size = g_new0(uint32_t, p->n_vms + 1);
    g_autofree uint32_t *next = g_new0(uint32_t, p->n_vms + 1);
    uint32_t used = 0;

    for (uint32_t v = 0; v < p->n_vms; v++)
        parent[v] = v;
    join_members(p->rules, parent);
    for (uint32_t v = 0; v < p->n_vms; v++)
        size[root_of(parent, v)]++;
    s->members = g_new0(uint32_t, p->n_vms + 1);
    s->first = g_new0(uint32_t, p->n_vms + 2);
    for (uint32_t v = 0; v < p->n_vms; v++) {
        uint32_t root = root_of(parent, v);

        if (size[root] < 2)
            continue;
        if (root == v) {
            next[root] = used;
            used += size[root];
            s->first[++s->n_bundles] = used;
        }
        s->members[next[root]++] = v;
    }
}

Search *search_new(Layout *layout)
{
    const Problem *p = layout->problem;
    Search *search = g_new0(Search, 1);
    int64_t capacity = 0;

    search->layout = layout;
    search->banned = g_new0(bool, p->n_vms + 1);
    search->max_moves = p->params.max_moves;
    for (uint32_t h = 0; h < p->n_hosts; h++)
        capacity += problem_usable(p, h) ? p->host_cap[RES_CPU][h] : 0;
    find_bundles(search);
    search->effort = MAX_EFFORT;
    search->noise = MAX(capacity / MAX(p->n_usable, 1) / 100, 1); /* 1 % of a host */
    return search;
}

void search_free(Search *search)
{
    if (!search)
        return;
    g_free(search->banned);
    g_free(search->members);
    g_free(search->first);
    g_free(search);
}

enum search_gain search_gain(const Search *search, const struct score *before,
                             const struct score *after)
{
    if (after->must != before->must)
        return after->must < before->must ? GAIN_URGENT : GAIN_NONE;
    if (after->shortage != before->shortage)
        return after->shortage < before->shortage ? GAIN_URGENT : GAIN_NONE;
    if (after->overload > before->overload)
        return GAIN_NONE;
    if (before->overload - after->overload >= search->noise)
        return GAIN_URGENT;
    if (after->crowd > before->crowd)
        return GAIN_NONE;
    if (before->crowd - after->crowd >= CROWD_NOISE)
        return GAIN_URGENT;
    if (after->should != before->should)
        return after->should < before->should ? GAIN_SHOULD : GAIN_NONE;
    return after->soft < before->soft ? GAIN_SOFT : GAIN_NONE;
}

/* ---- which moves are open ------------------------------------------------------------------- */

bool search_may_leave(Search *s, uint32_t vm)
{
    const Problem *p = s->layout->problem;
    uint32_t home = p->vm_home[vm];

    if (s->banned[vm] || p->vm_pin[vm] > PIN_COOLING || home == NO_INDEX ||
        !problem_usable(p, home))
        return false;
    if (s->layout->at[vm] == home && s->layout->n_moved >= s->max_moves) {
        s->full = true;
        return false;
    }
    return true;
}

enum search_gain search_least_gain(const Search *s, uint32_t vm, enum search_gain wanted)
{
    return problem_rests(s->layout->problem, vm) ? GAIN_URGENT : wanted;
}

/* a relieves VMs of the same size with more shares. */
static int shares_cmp(const Search *s, const struct candidate *a, const struct candidate *b)
{
    const Vm *const *vm = s->layout->problem->vm;
    int64_t x = vm[a->vm]->cpu.weight, y = vm[b->vm]->cpu.weight;

    return a->bundle != NO_INDEX || b->bundle != NO_INDEX ? 0 : (x < y) - (x > y);
}

/* Where overload stays, those with more shares are relieved first: a VM that leaves the overloaded
 * host gets all it is entitled to. */
static bool is_before(const Search *s, const struct candidate *a, const struct candidate *b)
{
    struct score x = a->score, y = b->score;
    int cmp;

    x.soft = y.soft = 0;
    cmp = score_cmp(&x, &y);
    if (cmp == 0 && x.overload > 0)
        cmp = shares_cmp(s, a, b);
    if (cmp == 0)
        cmp = (a->score.soft > b->score.soft) - (a->score.soft < b->score.soft);
    if (cmp != 0)
        return cmp < 0;
    if (a->vm != b->vm)
        return a->vm < b->vm;
    if (a->to != b->to)
        return a->to < b->to;
    return a->other < b->other;
}

void search_offer(const Search *search, struct candidate *best, const struct candidate *candidate)
{
    if (!best->found || is_before(search, candidate, best)) {
        *best = *candidate;
        best->found = true;
    }
}

void search_consider(Search *s, uint32_t vm, uint32_t to, enum search_gain wanted,
                     struct candidate *best)
{
    struct candidate candidate = { .vm = vm, .to = to, .other = NO_INDEX, .bundle = NO_INDEX };

    if (to == s->layout->at[vm] || filter_first(s->layout, vm, to, FILTER_USE_DRS) != FILTER_NONE)
        return;
    layout_try(s->layout, vm, to, &candidate.score);
    if (search_gain(s, &s->layout->score, &candidate.score) >= search_least_gain(s, vm, wanted))
        search_offer(s, best, &candidate);
}

static void move_bundle(Search *s, uint32_t bundle, uint32_t to)
{
    for (uint32_t i = s->first[bundle]; i < s->first[bundle + 1]; i++)
        layout_move(s->layout, s->members[i], to);
}

bool search_accept(Search *s, const struct candidate *best)
{
    if (!best->found)
        return false;
    if (best->bundle == NO_INDEX)
        layout_move(s->layout, best->vm, best->to);
    else
        move_bundle(s, best->bundle, best->to);
    if (best->other != NO_INDEX)
        layout_move(s->layout, best->other, best->other_to);
    return true;
}

/* Of the VM's possible hosts the best. */
void search_consider_all(Search *s, uint32_t vm, enum search_gain wanted, struct candidate *best)
{
    const Problem *p = s->layout->problem;

    if (!search_may_leave(s, vm))
        return;
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (problem_usable(p, h))
            search_consider(s, vm, h, wanted, best);
    }
}

/* Puts the bundle on the host for a moment. */
void search_consider_bundle(Search *s, uint32_t bundle, uint32_t to, enum search_gain wanted,
                            struct candidate *best)
{
    Layout *l = s->layout;
    const struct score before = l->score;
    uint32_t first = s->first[bundle], n = s->first[bundle + 1] - first, moved;
    g_autofree uint32_t *from = g_new(uint32_t, n);
    struct candidate candidate = {
        .vm = s->members[first], .to = to, .other = NO_INDEX, .bundle = bundle
    };

    for (moved = 0; moved < n; moved++) {
        uint32_t vm = s->members[first + moved];

        from[moved] = l->at[vm];
        if (from[moved] == to)
            continue;
        wanted = search_least_gain(s, vm, wanted);
        if (!search_may_leave(s, vm) || filter_first(l, vm, to, FILTER_USE_BUNDLE) != FILTER_NONE)
            break;
        layout_move(l, vm, to);
    }
    candidate.score = l->score;
    if (moved == n && search_gain(s, &before, &candidate.score) >= wanted)
        search_offer(s, best, &candidate);
    while (moved-- > 0)
        layout_move(l, s->members[first + moved], from[moved]);
}

void search_consider_bundle_all(Search *s, uint32_t bundle, enum search_gain wanted,
                                struct candidate *best)
{
    const Problem *p = s->layout->problem;

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (problem_usable(p, h))
            search_consider_bundle(s, bundle, h, wanted, best);
    }
}

uint32_t *search_list_vms(const Layout *l, uint32_t host, size_t *ret_n)
{
    const struct layout_vms *list = &l->host_vms[host];
    uint32_t *copy = g_new(uint32_t, list->len + 1);

    if (list->len > 0)
        memcpy(copy, list->items, list->len * sizeof(*copy));
    *ret_n = list->len;
    return copy;
}

/* ---- exchanges ------------------------------------------------------------------------------ */

/* vm has arrived on the host; does all fit once `leaving` has gone? */
static bool fits_without(const Layout *l, uint32_t host, uint32_t leaving)
{
    const Problem *p = l->problem;
    bool fits = l->committed[host] - p->vm_size[leaving] <= p->host_mem_limit[host] &&
                l->reserved[host] - p->vm_reserved[leaving] <= p->host_cap[RES_CPU][host] &&
                l->mem_reserved[host] - p->vm_mem_reserved[leaving] <= p->host_cap[RES_MEM][host];

    for (int b = 0; b < N_BOUNDED; b++)
        fits = fits && l->part[b][host] - p->vm_part[b][leaving] <= p->host_bound[b][host];
    return fits;
}

/* An exchange can only help if it moves load downhill in some resource, and not all of it. */
static bool is_promising(const Layout *l, uint32_t vm, uint32_t from, uint32_t other, uint32_t to)
{
    const Problem *p = l->problem;

    if (l->committed[from] > p->host_mem_limit[from] && p->vm_size[vm] > p->vm_size[other])
        return true;
    for (int r = 0; r < N_RESOURCES; r++) {
        int64_t more = p->vm_use[r][vm] - p->vm_use[r][other];
        int64_t gap = l->used[r][from] - l->used[r][to];

        if (p->uses[r] && more > 0 && more < gap)
            return true;
    }
    return false;
}

/* candidate->vm has arrived where it goes: no rule with other VMs keeps it from there once `other`
 * has gone.  The score knows only how many are wrong, not that none becomes so. */
static bool keeps_rules(Layout *l, const struct candidate *candidate)
{
    const Ruleset *set = l->problem->rules;
    uint32_t vm = candidate->vm;
    bool ok;

    if (set->vm_first[vm] == set->vm_first[vm + 1])
        return true;
    layout_move(l, candidate->other, candidate->other_to);
    ok = filter_first(l, vm, candidate->to, FILTER_USE_RULES) == FILTER_NONE;
    layout_move(l, candidate->other, candidate->to);
    return ok;
}

/* Tries vm (on from) against each VM of `others` (on to). */
static void consider_exchange(Search *s, uint32_t vm, uint32_t to, const uint32_t *others,
                              size_t n_others, struct candidate *best)
{
    Layout *l = s->layout;
    const struct score before = l->score;
    uint32_t from = l->at[vm];
    g_autofree bool *promising = g_new0(bool, n_others + 1);

    for (size_t i = 0; i < n_others; i++)
        promising[i] = is_promising(l, vm, from, others[i], to);
    layout_move(l, vm, to);
    for (size_t i = 0; i < n_others; i++) {
        struct candidate candidate = {
            .vm = vm, .to = to, .other = others[i], .other_to = from, .bundle = NO_INDEX
        };
        enum search_gain wanted = search_least_gain(s, vm, GAIN_SOFT);

        if (!promising[i] || !search_may_leave(s, others[i]) || !fits_without(l, to, others[i]) ||
            filter_first(l, others[i], from, FILTER_USE_DRS) != FILTER_NONE)
            continue;
        layout_try(l, others[i], from, &candidate.score);
        wanted = search_least_gain(s, others[i], wanted);
        if (search_gain(s, &before, &candidate.score) >= wanted && keeps_rules(l, &candidate))
            search_offer(s, best, &candidate);
    }
    layout_move(l, vm, from);
}

void search_consider_exchanges(Search *s, uint32_t from, uint32_t to, struct candidate *best)
{
    size_t n_vms, n_others;
    g_autofree uint32_t *vms = search_list_vms(s->layout, from, &n_vms);
    g_autofree uint32_t *others = search_list_vms(s->layout, to, &n_others);

    for (size_t i = 0; i < n_vms; i++) {
        if (search_may_leave(s, vms[i]) &&
            filter_first(s->layout, vms[i], to, FILTER_USE_STATIC) == FILTER_NONE)
            consider_exchange(s, vms[i], to, others, n_others, best);
    }
}

/* ---- making room ---------------------------------------------------------------------------- */

/* vm has gone to `host`, from which aside was lifted: where may aside go? */
static void consider_aside(Search *s, uint32_t vm, uint32_t host, uint32_t aside,
                           const struct score *before, struct candidate *best)
{
    Layout *l = s->layout;
    enum search_gain wanted = search_least_gain(s, aside, search_least_gain(s, vm, GAIN_SHOULD));

    for (uint32_t h = 0; h < l->problem->n_hosts; h++) {
        struct candidate candidate = {
            .vm = vm, .to = host, .other = aside, .other_to = h, .bundle = NO_INDEX
        };

        if (h == host || !problem_usable(l->problem, h) ||
            filter_first(l, aside, h, FILTER_USE_DRS) != FILTER_NONE)
            continue;
        s->effort--;
        layout_try(l, aside, h, &candidate.score);
        if (search_gain(s, before, &candidate.score) >= wanted)
            search_offer(s, best, &candidate);
    }
}

/* vm would be right on the host, but something bars it: does one VM less there help? */
static void consider_room_on(Search *s, uint32_t vm, uint32_t host, struct candidate *best)
{
    Layout *l = s->layout;
    const struct score before = l->score;
    uint32_t from = l->at[vm];
    size_t n;
    g_autofree uint32_t *there = search_list_vms(l, host, &n);

    for (size_t i = 0; i < n && s->effort > 0; i++) {
        if (!search_may_leave(s, there[i]))
            continue;
        s->effort--;
        layout_move(l, there[i], NO_INDEX);
        if (filter_first(l, vm, host, FILTER_USE_DRS) == FILTER_NONE) {
            layout_move(l, vm, host);
            consider_aside(s, vm, host, there[i], &before, best);
            layout_move(l, vm, from);
        }
        layout_move(l, there[i], host);
    }
}

void search_consider_room(Search *s, uint32_t vm, struct candidate *best)
{
    const Problem *p = s->layout->problem;

    if (!search_may_leave(s, vm))
        return;
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (h != s->layout->at[vm] && problem_usable(p, h) &&
            filter_first(s->layout, vm, h, FILTER_USE_STATIC) == FILTER_NONE)
            consider_room_on(s, vm, h, best);
    }
}
