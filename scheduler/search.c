/* search.c - see search.h.
 *
 * Greedy: the best of a sample of moves from the hottest to the coolest hosts; when that sample is
 * exhausted, one sweep over every VM and host; when that finds nothing, exchanges. */
#include "config.h"

#include "scheduler/search.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/filter.h"

#define N_COOL   8 /* coolest hosts per resource that are tried as targets */
#define MAX_COOL (N_COOL * N_RESOURCES)
#define N_HOT    3 /* as many as Layout.top keeps */
#define MAX_HOT  (N_HOT * N_RESOURCES)

/* Tries of making room in one plan. */
#define MAX_EFFORT 2000000

/* A move of vm to `to`; with other != NO_INDEX also other to other_to; with bundle != NO_INDEX of
 * all that bundle's VMs (vm is its first). */
struct candidate {
    bool found;
    uint32_t vm, to;
    uint32_t other, other_to;
    uint32_t bundle;
    struct score score;
};

struct hosts {
    uint32_t items[MAX_COOL];
    uint32_t n;
};

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
    if (after->should != before->should)
        return after->should < before->should ? GAIN_SHOULD : GAIN_NONE;
    return after->soft < before->soft ? GAIN_SOFT : GAIN_NONE;
}

/* ---- which moves are open ------------------------------------------------------------------- */

static bool may_leave(Search *s, uint32_t vm)
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

/* A VM that moved lately is only moved again for urgent reasons. */
static enum search_gain least_gain(const Search *s, uint32_t vm, enum search_gain wanted)
{
    return s->layout->problem->vm_pin[vm] == PIN_COOLING ? GAIN_URGENT : wanted;
}

static bool is_before(const struct candidate *a, const struct candidate *b)
{
    int cmp = score_cmp(&a->score, &b->score);

    if (cmp != 0)
        return cmp < 0;
    if (a->vm != b->vm)
        return a->vm < b->vm;
    if (a->to != b->to)
        return a->to < b->to;
    return a->other < b->other;
}

static void offer(struct candidate *best, const struct candidate *candidate)
{
    if (!best->found || is_before(candidate, best)) {
        *best = *candidate;
        best->found = true;
    }
}

static void consider(Search *s, uint32_t vm, uint32_t to, enum search_gain wanted,
                     struct candidate *best)
{
    struct candidate candidate = { .vm = vm, .to = to, .other = NO_INDEX, .bundle = NO_INDEX };

    if (to == s->layout->at[vm] || filter_first(s->layout, vm, to, FILTER_USE_DRS) != FILTER_NONE)
        return;
    layout_try(s->layout, vm, to, &candidate.score);
    if (search_gain(s, &s->layout->score, &candidate.score) >= least_gain(s, vm, wanted))
        offer(best, &candidate);
}

static void move_bundle(Search *s, uint32_t bundle, uint32_t to)
{
    for (uint32_t i = s->first[bundle]; i < s->first[bundle + 1]; i++)
        layout_move(s->layout, s->members[i], to);
}

static bool accept(Search *s, const struct candidate *best)
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
static void consider_all(Search *s, uint32_t vm, enum search_gain wanted, struct candidate *best)
{
    const Problem *p = s->layout->problem;

    if (!may_leave(s, vm))
        return;
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (problem_usable(p, h))
            consider(s, vm, h, wanted, best);
    }
}

/* Puts the bundle on the host for a moment. */
static void consider_bundle(Search *s, uint32_t bundle, uint32_t to, enum search_gain wanted,
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
        wanted = least_gain(s, vm, wanted);
        if (!may_leave(s, vm) || filter_first(l, vm, to, FILTER_USE_BUNDLE) != FILTER_NONE)
            break;
        layout_move(l, vm, to);
    }
    candidate.score = l->score;
    if (moved == n && search_gain(s, &before, &candidate.score) >= wanted)
        offer(best, &candidate);
    while (moved-- > 0)
        layout_move(l, s->members[first + moved], from[moved]);
}

static void consider_bundle_all(Search *s, uint32_t bundle, enum search_gain wanted,
                                struct candidate *best)
{
    const Problem *p = s->layout->problem;

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (problem_usable(p, h))
            consider_bundle(s, bundle, h, wanted, best);
    }
}

/* The VMs of a host by id; the host's own list changes with each move. */
static uint32_t *list_vms(const Layout *l, uint32_t host, size_t *ret_n)
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
    int64_t vcpus = l->vcpus[host] - MAX(p->vm[leaving]->cpu.quantity, 1);
    int64_t per_thread = p->params.vcpus_per_thread;

    return l->committed[host] - p->vm_size[leaving] <= p->host_mem_limit[host] &&
           l->reserved[host] - p->vm_reserved[leaving] <= p->host_cap[RES_CPU][host] &&
           (per_thread <= 0 || vcpus <= per_thread * p->host[host]->cpu_threads);
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
        enum search_gain wanted = least_gain(s, vm, GAIN_SOFT);

        if (!promising[i] || !may_leave(s, others[i]) || !fits_without(l, to, others[i]) ||
            filter_first(l, others[i], from, FILTER_USE_DRS) != FILTER_NONE)
            continue;
        layout_try(l, others[i], from, &candidate.score);
        wanted = least_gain(s, others[i], wanted);
        if (search_gain(s, &before, &candidate.score) >= wanted)
            offer(best, &candidate);
    }
    layout_move(l, vm, from);
}

static void consider_exchanges(Search *s, uint32_t from, uint32_t to, struct candidate *best)
{
    size_t n_vms, n_others;
    g_autofree uint32_t *vms = list_vms(s->layout, from, &n_vms);
    g_autofree uint32_t *others = list_vms(s->layout, to, &n_others);

    for (size_t i = 0; i < n_vms; i++) {
        if (may_leave(s, vms[i]) &&
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
    enum search_gain wanted = least_gain(s, aside, least_gain(s, vm, GAIN_SHOULD));

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
            offer(best, &candidate);
    }
}

/* vm would be right on the host, but something bars it: does one VM less there help? */
static void consider_room_on(Search *s, uint32_t vm, uint32_t host, struct candidate *best)
{
    Layout *l = s->layout;
    const struct score before = l->score;
    uint32_t from = l->at[vm];
    size_t n;
    g_autofree uint32_t *there = list_vms(l, host, &n);

    for (size_t i = 0; i < n && s->effort > 0; i++) {
        if (!may_leave(s, there[i]))
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

static void consider_room(Search *s, uint32_t vm, struct candidate *best)
{
    const Problem *p = s->layout->problem;

    if (!may_leave(s, vm))
        return;
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (h != s->layout->at[vm] && problem_usable(p, h) &&
            filter_first(s->layout, vm, h, FILTER_USE_STATIC) == FILTER_NONE)
            consider_room_on(s, vm, h, best);
    }
}

/* ---- hot and cool hosts --------------------------------------------------------------------- */

static void add_host(struct hosts *hosts, uint32_t host)
{
    for (uint32_t i = 0; i < hosts->n; i++) {
        if (hosts->items[i] == host)
            return;
    }
    if (hosts->n < G_N_ELEMENTS(hosts->items))
        hosts->items[hosts->n++] = host;
}

static void find_hot(const Layout *l, struct hosts *hot)
{
    hot->n = 0;
    for (int r = 0; r < N_RESOURCES; r++) {
        for (int i = 0; i < N_HOT && l->problem->uses[r]; i++) {
            if (l->top[r][i] != NO_INDEX)
                add_host(hot, l->top[r][i]);
        }
    }
}

/* Inserts a host into the sorted list of the coolest in one resource. */
static void cool_insert(const Layout *l, int r, uint32_t host, uint32_t list[N_COOL], uint32_t *n)
{
    uint32_t i = *n;

    if (*n == N_COOL && l->load[r][host] >= l->load[r][list[N_COOL - 1]])
        return;
    if (*n < N_COOL)
        (*n)++;
    else
        i--;
    for (; i > 0 && l->load[r][list[i - 1]] > l->load[r][host]; i--)
        list[i] = list[i - 1];
    list[i] = host;
}

static void find_cool(const Layout *l, struct hosts *cool)
{
    cool->n = 0;
    for (int r = 0; r < N_RESOURCES; r++) {
        uint32_t list[N_COOL], n = 0;

        for (uint32_t h = 0; h < l->problem->n_hosts && l->problem->uses[r]; h++) {
            if (problem_usable(l->problem, h))
                cool_insert(l, r, h, list, &n);
        }
        for (uint32_t i = 0; i < n; i++)
            add_host(cool, list[i]);
    }
}

static bool is_even_enough(const Search *s)
{
    struct plan_measure m;

    layout_measure(s->layout, &m);
    return m.imbalance <= s->enough && layout_spread(s->layout, &m) <= s->enough_spread;
}

/* The best exchange of each pair: comparing all pairs for every single exchange would look at the
 * same ones again and again. */
static bool exchange_between(Search *s, const struct hosts *hot, const struct hosts *cool)
{
    bool changed = false;

    for (uint32_t i = 0; i < hot->n; i++) {
        for (uint32_t j = 0; j < cool->n && !is_even_enough(s); j++) {
            struct candidate best = { 0 };

            if (hot->items[i] != cool->items[j])
                consider_exchanges(s, hot->items[i], cool->items[j], &best);
            changed = accept(s, &best) || changed;
        }
    }
    return changed;
}

/* ---- repair --------------------------------------------------------------------------------- */

static bool is_in_trouble(const Layout *l, uint32_t host)
{
    const Problem *p = l->problem;

    return problem_usable(p, host) && (l->used[RES_CPU][host] > p->host_cap[RES_CPU][host] ||
                                       l->committed[host] > p->host_mem_limit[host]);
}

/* To the coolest hosts; nearly always one of them will do. */
static bool relieve_to_cool(Search *s, const uint32_t *vms, size_t n_vms)
{
    struct candidate best = { 0 };
    struct hosts cool;

    find_cool(s->layout, &cool);
    for (size_t i = 0; i < n_vms; i++) {
        for (uint32_t j = 0; j < cool.n && may_leave(s, vms[i]); j++)
            consider(s, vms[i], cool.items[j], GAIN_URGENT, &best);
    }
    return accept(s, &best);
}

static bool relieve_host(Search *s, uint32_t host)
{
    struct candidate best = { 0 };
    size_t n;
    g_autofree uint32_t *vms = list_vms(s->layout, host, &n);

    if (relieve_to_cool(s, vms, n))
        return true;
    for (size_t i = 0; i < n; i++)
        consider_all(s, vms[i], GAIN_SHOULD, &best);
    for (uint32_t b = 0; b < s->n_bundles; b++) {
        if (s->layout->at[s->members[s->first[b]]] == host)
            consider_bundle_all(s, b, GAIN_SHOULD, &best);
    }
    return accept(s, &best);
}

/* When no single move relieves the host: an exchange with a cool one that does so urgently. */
static bool relieve_by_exchange(Search *s, uint32_t host)
{
    struct candidate best = { 0 };
    struct hosts cool;

    find_cool(s->layout, &cool);
    for (uint32_t i = 0; i < cool.n; i++) {
        if (cool.items[i] != host)
            consider_exchanges(s, host, cool.items[i], &best);
    }
    if (!best.found || search_gain(s, &s->layout->score, &best.score) < GAIN_URGENT)
        return false;
    return accept(s, &best);
}

/* The most overloaded host that may still be relieved; NO_INDEX: none is left. */
static uint32_t worst_host(const Layout *l, const bool *stuck)
{
    uint32_t worst = NO_INDEX;

    for (uint32_t h = 0; h < l->problem->n_hosts; h++) {
        if (stuck[h] || !is_in_trouble(l, h))
            continue;
        if (worst == NO_INDEX || l->load[RES_CPU][h] > l->load[RES_CPU][worst])
            worst = h;
    }
    return worst;
}

static bool relieve_hosts(Search *s)
{
    g_autofree bool *stuck = g_new0(bool, s->layout->problem->n_hosts + 1);
    bool changed = false;
    uint32_t worst;

    while ((worst = worst_host(s->layout, stuck)) != NO_INDEX) {
        if (relieve_host(s, worst) || relieve_by_exchange(s, worst))
            changed = true;
        else
            stuck[worst] = true;
    }
    return changed;
}

static bool is_split(const Search *s, uint32_t bundle)
{
    for (uint32_t i = s->first[bundle]; i < s->first[bundle + 1]; i++) {
        if (s->layout->at[s->members[i]] != s->layout->at[s->members[s->first[bundle]]])
            return true;
    }
    return false;
}

/* Moving them one by one could lead into a dead end. */
static bool gather_bundles(Search *s)
{
    bool changed = false;

    for (uint32_t b = 0; b < s->n_bundles; b++) {
        struct candidate best = { 0 };

        if (is_split(s, b))
            consider_bundle_all(s, b, GAIN_SHOULD, &best);
        changed = accept(s, &best) || changed;
    }
    return changed;
}

/* Does the VM stand wrong by the rule?  Then being nowhere would be better. */
static bool is_misplaced(const Layout *l, uint32_t rule, uint32_t vm)
{
    return l->at[vm] != NO_INDEX && layout_rule_change(l, rule, vm, NO_INDEX) < 0;
}

static bool mend_rule(Search *s, uint32_t rule)
{
    const Ruleset *set = s->layout->problem->rules;
    const uint32_t *members = &set->members[set->rules[rule].first];
    struct candidate best = { 0 };

    for (uint32_t i = 0; i < set->rules[rule].n; i++) {
        if (is_misplaced(s->layout, rule, members[i]))
            consider_all(s, members[i], GAIN_SHOULD, &best);
    }
    for (uint32_t i = 0; i < set->rules[rule].n && !best.found; i++) {
        if (is_misplaced(s->layout, rule, members[i]))
            consider_room(s, members[i], &best);
    }
    return accept(s, &best);
}

static bool mend_rules(Search *s)
{
    const Ruleset *set = s->layout->problem->rules;
    bool changed;

    if (s->layout->score.must == 0 && s->layout->score.should == 0)
        return false;
    changed = gather_bundles(s);
    for (uint32_t r = 0; r < set->n_rules; r++) {
        while (mend_rule(s, r))
            changed = true;
    }
    return changed;
}

bool search_repair(Search *search)
{
    bool changed = false;

    while (mend_rules(search) || relieve_hosts(search))
        changed = true;
    return changed;
}

/* ---- evening out ---------------------------------------------------------------------------- */

/* Could the move repay its price by evening out?  Most cannot, and this is found out quickly. */
static bool may_pay(const Layout *l, uint32_t vm, uint32_t to)
{
    bool leaves_home = l->at[vm] == l->problem->vm_home[vm];

    return layout_gain_bound(l, vm, to) > (leaves_home ? l->price[vm] : 0);
}

static struct candidate best_from(Search *s, uint32_t host, const struct hosts *cool)
{
    struct candidate best = { 0 };
    size_t n;
    g_autofree uint32_t *vms = list_vms(s->layout, host, &n);

    for (size_t v = 0; v < n; v++) {
        for (uint32_t j = 0; j < cool->n && may_leave(s, vms[v]); j++) {
            if (may_pay(s->layout, vms[v], cool->items[j]))
                consider(s, vms[v], cool->items[j], GAIN_SOFT, &best);
        }
    }
    return best;
}

/* The best move of all, and then of each other hot host its best if that is still worth half as
 * much: a look at the cluster is dear, and moves between different hosts hardly spoil each other.
 */
static bool move_hot_to_cool(Search *s, const struct hosts *hot, const struct hosts *cool)
{
    struct candidate found[MAX_HOT], best = { 0 };
    int64_t before = s->layout->score.soft, best_gain;

    for (uint32_t i = 0; i < hot->n; i++) {
        found[i] = best_from(s, hot->items[i], cool);
        if (found[i].found)
            offer(&best, &found[i]);
    }
    if (!accept(s, &best))
        return false;
    best_gain = before - s->layout->score.soft;
    for (uint32_t i = 0; i < hot->n; i++) {
        struct candidate again = { 0 };

        if (!found[i].found || found[i].vm == best.vm || !may_leave(s, found[i].vm))
            continue;
        consider(s, found[i].vm, found[i].to, GAIN_SOFT, &again);
        if (2 * (s->layout->score.soft - again.score.soft) >= best_gain)
            (void)accept(s, &again);
    }
    return true;
}

/* The best move of each VM to one of the hosts in turn, taken at once. */
static bool sweep_to(Search *s, const uint32_t *hosts, uint32_t n_hosts)
{
    const Problem *p = s->layout->problem;
    bool changed = false;

    for (uint32_t v = 0; v < p->n_vms; v++) {
        struct candidate best = { 0 };

        if (!may_leave(s, v))
            continue;
        for (uint32_t i = 0; i < n_hosts; i++) {
            if (may_pay(s->layout, v, hosts[i]))
                consider(s, v, hosts[i], GAIN_SOFT, &best);
        }
        changed = accept(s, &best) || changed;
    }
    return changed;
}

static bool sweep_all(Search *s)
{
    const Problem *p = s->layout->problem;
    g_autofree uint32_t *hosts = g_new(uint32_t, p->n_hosts + 1);
    uint32_t n = 0;

    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (problem_usable(p, h))
            hosts[n++] = h;
    }
    return sweep_to(s, hosts, n);
}

static bool sweep_bundles(Search *s)
{
    bool changed = false;

    for (uint32_t b = 0; b < s->n_bundles; b++) {
        struct candidate best = { 0 };

        consider_bundle_all(s, b, GAIN_SOFT, &best);
        changed = accept(s, &best) || changed;
    }
    return changed;
}

bool search_even(Search *search)
{
    bool changed = false, better = true;
    struct hosts hot, cool;

    while (better && !is_even_enough(search)) {
        find_hot(search->layout, &hot);
        find_cool(search->layout, &cool);
        better = move_hot_to_cool(search, &hot, &cool) || sweep_to(search, cool.items, cool.n) ||
                 sweep_bundles(search) || exchange_between(search, &hot, &cool) ||
                 sweep_all(search);
        changed = changed || better;
    }
    return changed;
}

/* ---- taking back ---------------------------------------------------------------------------- */

static bool is_worth_it(Search *s, uint32_t vm)
{
    struct score without;
    enum search_gain gain;

    layout_try(s->layout, vm, s->layout->problem->vm_home[vm], &without);
    gain = search_gain(s, &without, &s->layout->score);
    return gain != GAIN_NONE && gain >= least_gain(s, vm, GAIN_SOFT);
}

/* The bundle goes home if it has to and all of it fits there. */
static bool prune_bundle(Search *s, uint32_t bundle)
{
    Layout *l = s->layout;
    const Problem *p = l->problem;
    const struct score with = l->score;
    uint32_t first = s->first[bundle], n = s->first[bundle + 1] - first, back;
    g_autofree uint32_t *away = g_new(uint32_t, n);
    bool moved = false;

    for (back = 0; back < n; back++) {
        uint32_t vm = s->members[first + back];

        away[back] = l->at[vm];
        if (away[back] == p->vm_home[vm] || p->vm_home[vm] == NO_INDEX)
            continue;
        if (filter_first(l, vm, p->vm_home[vm], FILTER_USE_BUNDLE) != FILTER_NONE)
            break;
        layout_move(l, vm, p->vm_home[vm]);
        moved = true;
    }
    if (moved && back == n && search_gain(s, &l->score, &with) == GAIN_NONE)
        return true;
    while (back-- > 0)
        layout_move(l, s->members[first + back], away[back]);
    return false;
}

bool search_prune(Search *search)
{
    Layout *l = search->layout;
    const Problem *p = l->problem;
    bool changed = false;

    for (uint32_t b = 0; b < search->n_bundles; b++)
        changed = prune_bundle(search, b) || changed;
    for (uint32_t v = 0; v < p->n_vms; v++) {
        uint32_t home = p->vm_home[v];

        if (home == NO_INDEX || l->at[v] == home || is_worth_it(search, v) ||
            filter_first(l, v, home, FILTER_USE_DRS) != FILTER_NONE)
            continue;
        layout_move(l, v, home);
        changed = true;
    }
    return changed;
}

void search_restart_without(Search *search, uint32_t vm)
{
    const Problem *p = search->layout->problem;

    search->banned[vm] = true;
    search->full = false;
    for (uint32_t v = 0; v < p->n_vms; v++) {
        if (p->vm_home[v] != NO_INDEX)
            layout_move(search->layout, v, p->vm_home[v]);
    }
}
