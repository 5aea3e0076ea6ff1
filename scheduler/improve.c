/* improve.c - see improve.h.
 *
 * Greedy: the best of a sample of moves from the hottest to the coolest hosts.  Where that leaves a
 * cluster uneven, exchanges and sweeps over every VM and host. */
#include "config.h"

#include "scheduler/improve.h"

#include "scheduler/filter.h"

#define N_COOL   8 /* coolest hosts per resource that are tried as targets */
#define MAX_COOL (N_COOL * N_RESOURCES)
#define N_HOT    3 /* as many as Layout.top keeps */
#define MAX_HOT  (N_HOT * N_RESOURCES)

/* Where a bundle goes, so many VMs make room; and so many VMs are looked at for that in one sweep.
 */
#define MAX_YIELDS   3
#define RESETTLE_VMS 2000

struct hosts {
    uint32_t items[MAX_COOL];
    uint32_t n;
};

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
                search_consider_exchanges(s, hot->items[i], cool->items[j], &best);
            changed = search_accept(s, &best) || changed;
        }
    }
    return changed;
}

/* ---- repair --------------------------------------------------------------------------------- */

/* Overcommitted, and its guests touch more than there is. */
static bool is_squeezed(const Layout *l, uint32_t host)
{
    const Problem *p = l->problem;

    return p->cluster->mem_overcommit && l->used[RES_MEM][host] > p->host_cap[RES_MEM][host];
}

static bool is_in_trouble(const Layout *l, uint32_t host)
{
    const Problem *p = l->problem;

    return problem_usable(p, host) && (l->used[RES_CPU][host] > p->host_cap[RES_CPU][host] ||
                                       l->committed[host] > p->host_mem_limit[host] ||
                                       layout_crowd(l, host) > 0 || is_squeezed(l, host));
}

/* What to compare troubles by: load, whichever resource it is of. */
static int64_t trouble_of(const Layout *l, uint32_t host)
{
    int64_t crowd = layout_crowd(l, host);

    return MAX(l->load[RES_CPU][host], crowd > 0 ? LOAD_ONE + crowd : 0);
}

/* To the coolest hosts; nearly always one of them will do. */
static bool relieve_to_cool(Search *s, const uint32_t *vms, size_t n_vms)
{
    struct candidate best = { 0 };
    struct hosts cool;

    find_cool(s->layout, &cool);
    for (size_t i = 0; i < n_vms; i++) {
        for (uint32_t j = 0; j < cool.n && search_may_leave(s, vms[i]); j++)
            search_consider(s, vms[i], cool.items[j], GAIN_URGENT, &best);
    }
    return search_accept(s, &best);
}

static bool relieve_host(Search *s, uint32_t host)
{
    struct candidate best = { 0 };
    size_t n;
    g_autofree uint32_t *vms = search_list_vms(s->layout, host, &n);

    if (relieve_to_cool(s, vms, n))
        return true;
    for (size_t i = 0; i < n; i++)
        search_consider_all(s, vms[i], GAIN_SHOULD, &best);
    for (uint32_t b = 0; b < s->n_bundles; b++) {
        if (s->layout->at[s->members[s->first[b]]] == host)
            search_consider_bundle_all(s, b, GAIN_SHOULD, &best);
    }
    return search_accept(s, &best);
}

/* When no single move relieves the host: an exchange with a cool one that does so urgently. */
static bool relieve_by_exchange(Search *s, uint32_t host)
{
    struct candidate best = { 0 };
    struct hosts cool;

    find_cool(s->layout, &cool);
    for (uint32_t i = 0; i < cool.n; i++) {
        if (cool.items[i] != host)
            search_consider_exchanges(s, host, cool.items[i], &best);
    }
    if (!best.found || search_gain(s, &s->layout->score, &best.score) < GAIN_URGENT)
        return false;
    return search_accept(s, &best);
}

/* The most overloaded host that may still be relieved; NO_INDEX: none is left. */
static uint32_t worst_host(const Layout *l, const bool *stuck)
{
    uint32_t worst = NO_INDEX;

    for (uint32_t h = 0; h < l->problem->n_hosts; h++) {
        if (stuck[h] || !is_in_trouble(l, h))
            continue;
        if (worst == NO_INDEX || trouble_of(l, h) > trouble_of(l, worst))
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
            search_consider_bundle_all(s, b, GAIN_SHOULD, &best);
        changed = search_accept(s, &best) || changed;
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
            search_consider_all(s, members[i], GAIN_SHOULD, &best);
    }
    for (uint32_t i = 0; i < set->rules[rule].n && !best.found; i++) {
        if (is_misplaced(s->layout, rule, members[i]))
            search_consider_room(s, members[i], &best);
    }
    return search_accept(s, &best);
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

bool improve_repair(Search *search)
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
    g_autofree uint32_t *vms = search_list_vms(s->layout, host, &n);

    for (size_t v = 0; v < n; v++) {
        for (uint32_t j = 0; j < cool->n && search_may_leave(s, vms[v]); j++) {
            if (may_pay(s->layout, vms[v], cool->items[j]))
                search_consider(s, vms[v], cool->items[j], GAIN_SOFT, &best);
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
            search_offer(s, &best, &found[i]);
    }
    if (!search_accept(s, &best))
        return false;
    best_gain = before - s->layout->score.soft;
    for (uint32_t i = 0; i < hot->n; i++) {
        struct candidate again = { 0 };

        if (!found[i].found || found[i].vm == best.vm || !search_may_leave(s, found[i].vm))
            continue;
        search_consider(s, found[i].vm, found[i].to, GAIN_SOFT, &again);
        if (2 * (s->layout->score.soft - again.score.soft) >= best_gain)
            (void)search_accept(s, &again);
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

        if (!search_may_leave(s, v))
            continue;
        for (uint32_t i = 0; i < n_hosts; i++) {
            if (may_pay(s->layout, v, hosts[i]))
                search_consider(s, v, hosts[i], GAIN_SOFT, &best);
        }
        changed = search_accept(s, &best) || changed;
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

        search_consider_bundle_all(s, b, GAIN_SOFT, &best);
        changed = search_accept(s, &best) || changed;
    }
    return changed;
}

static bool may_resettle(Search *s, uint32_t bundle)
{
    bool may = true;

    for (uint32_t i = s->first[bundle]; i < s->first[bundle + 1]; i++)
        may = may && search_may_leave(s, s->members[i]) &&
              search_least_gain(s, s->members[i], GAIN_SOFT) == GAIN_SOFT &&
              s->layout->at[s->members[i]] == s->layout->at[s->members[s->first[bundle]]];
    return may;
}

/* The bundle to the host, whatever that does to it, and then the best moves away from there.  A
 * bundle is big: alone it only carries the unevenness with it.  False: something forbids it; the
 * caller undoes what was done. */
static bool resettle(Search *s, uint32_t bundle, uint32_t to)
{
    struct hosts cool;

    for (uint32_t i = s->first[bundle]; i < s->first[bundle + 1]; i++) {
        if (filter_first(s->layout, s->members[i], to, FILTER_USE_BUNDLE) != FILTER_NONE)
            return false; /* and torn */
        layout_move(s->layout, s->members[i], to);
    }
    for (int i = 0; i < MAX_YIELDS; i++) {
        struct candidate best;

        find_cool(s->layout, &cool);
        best = best_from(s, to, &cool);
        if (!search_accept(s, &best))
            break;
    }
    return true;
}

/* Keeps the first change of a bundle's place that gains. */
static bool resettle_bundles(Search *s)
{
    Layout *l = s->layout;
    const Problem *p = l->problem;
    const struct score before = l->score;
    g_autofree uint32_t *at = g_memdup2(l->at, (p->n_vms + 1) * sizeof(*at));
    size_t looked_at = 0;

    for (uint32_t b = 0; b < s->n_bundles; b++) {
        for (uint32_t h = 0; h < p->n_hosts && looked_at < RESETTLE_VMS; h++) {
            if (!problem_usable(p, h) || h == at[s->members[s->first[b]]] || !may_resettle(s, b))
                continue;
            looked_at += p->n_vms;
            if (resettle(s, b, h) && search_gain(s, &before, &l->score) != GAIN_NONE)
                return true;
            for (uint32_t v = 0; v < p->n_vms; v++)
                layout_move(l, v, at[v]);
        }
    }
    return false;
}

bool improve_even(Search *search)
{
    bool changed = false, better = true;
    struct hosts hot, cool;

    while (better && !is_even_enough(search)) {
        find_hot(search->layout, &hot);
        find_cool(search->layout, &cool);
        better = move_hot_to_cool(search, &hot, &cool) || sweep_bundles(search);
        changed = changed || better;
    }
    return changed;
}

bool improve_even_more(Search *search)
{
    bool changed = false, better = true;
    struct hosts hot, cool;

    while (better && !is_even_enough(search)) {
        changed = improve_even(search) || changed;
        find_hot(search->layout, &hot);
        find_cool(search->layout, &cool);
        better = sweep_to(search, cool.items, cool.n) || exchange_between(search, &hot, &cool) ||
                 sweep_all(search) || resettle_bundles(search);
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
    return gain != GAIN_NONE && gain >= search_least_gain(s, vm, GAIN_SOFT);
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

bool improve_prune(Search *search)
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

void improve_restart_without(Search *search, uint32_t vm)
{
    const Problem *p = search->layout->problem;

    search->banned[vm] = true;
    search->full = false;
    for (uint32_t v = 0; v < p->n_vms; v++) {
        if (p->vm_home[v] != NO_INDEX)
            layout_move(search->layout, v, p->vm_home[v]);
    }
}
