/* anneal.c - see anneal.h. */
#include "config.h"

#include "scheduler/anneal.h"

#include "base/rng.h"
#include "scheduler/filter.h"

/* Slack at the start: of the mean price of a move, the scale on which good layouts differ.  More
 * only shakes the cluster. */
#define START_PART 10

/* So often a slope begins at the hottest host. */
#define HOTTEST_ONE_IN 4

/* Of so many random hosts the hottest gives, the coolest takes. */
#define N_DRAWN 3

/* One step back to the best layout. */
struct undo {
    uint32_t vm, from;
};
VEC_DECLARE(undo_vec, struct undo);

struct walk {
    Search *search;
    Layout *layout; /* the search's */
    struct rng rng;
    uint32_t *hosts; /* usable ones */
    uint32_t n_hosts;
    struct layout_vms away; /* VMs not at home; may hold some that came back */
    int64_t slack;          /* how much worse score.soft may become */
    struct score best;
    struct undo_vec since_best;
};

/* ---- taking and leaving --------------------------------------------------------------------- */

static bool is_no_worse(const struct score *after, const struct score *before, int64_t slack)
{
    struct score hard_after = *after, hard_before = *before;
    int cmp;

    hard_after.soft = hard_before.soft = 0;
    cmp = score_cmp(&hard_after, &hard_before);
    return cmp < 0 || (cmp == 0 && after->soft < before->soft + slack);
}

static bool is_away(const struct walk *w, uint32_t vm)
{
    return w->layout->at[vm] != w->layout->problem->vm_home[vm];
}

static void go(struct walk *w, uint32_t vm, uint32_t to)
{
    struct undo undo = { .vm = vm, .from = w->layout->at[vm] };
    bool was_away = is_away(w, vm);

    layout_move(w->layout, vm, to);
    undo_vec_push(&w->since_best, undo);
    if (!was_away && is_away(w, vm))
        layout_vms_push(&w->away, vm);
}

static void note_best(struct walk *w)
{
    if (score_cmp(&w->layout->score, &w->best) >= 0)
        return;
    w->best = w->layout->score;
    w->since_best.len = 0;
}

static void back_to_best(struct walk *w)
{
    while (w->since_best.len > 0) {
        const struct undo *undo = &w->since_best.items[--w->since_best.len];

        layout_move(w->layout, undo->vm, undo->from);
    }
}

/* ---- what can be picked --------------------------------------------------------------------- */

static uint32_t pick(struct walk *w, uint32_t n)
{
    return (uint32_t)rng_below(&w->rng, n);
}

/* Resting VMs were moved lately, or just started: only urgent reasons move them again, and repair
 * has seen to those.
 */
static bool may_move(struct walk *w, uint32_t vm)
{
    return !problem_rests(w->layout->problem, vm) && search_may_leave(w->search, vm);
}

/* A VM that may move, of the host; NO_INDEX: not this time. */
static uint32_t pick_vm_of(struct walk *w, uint32_t host)
{
    const struct layout_vms *list = &w->layout->host_vms[host];
    uint32_t vm;

    if (list->len == 0)
        return NO_INDEX;
    vm = list->items[pick(w, (uint32_t)list->len)];
    return may_move(w, vm) ? vm : NO_INDEX;
}

/* A VM that is not at home. */
static uint32_t pick_away(struct walk *w)
{
    uint32_t place, vm;

    if (w->away.len == 0)
        return NO_INDEX;
    place = pick(w, (uint32_t)w->away.len);
    vm = w->away.items[place];
    if (!is_away(w, vm)) {
        w->away.items[place] = w->away.items[--w->away.len];
        return NO_INDEX;
    }
    return may_move(w, vm) ? vm : NO_INDEX;
}

/* The most (sign 1) or least loaded of some hosts. */
static uint32_t pick_extreme(struct walk *w, int r, int64_t sign)
{
    const int64_t *load = w->layout->load[r];
    uint32_t best = w->hosts[pick(w, w->n_hosts)];

    for (int i = 1; i < N_DRAWN; i++) {
        uint32_t host = w->hosts[pick(w, w->n_hosts)];

        if (sign * load[host] > sign * load[best])
            best = host;
    }
    return best;
}

/* Two hosts, the first one with more load in some resource that counts. */
static bool pick_slope(struct walk *w, uint32_t *ret_from, uint32_t *ret_to)
{
    const Layout *l = w->layout;
    int r = (int)pick(w, N_RESOURCES);

    if (!l->problem->uses[r])
        r = RES_CPU + RES_MEM - r;
    *ret_from = pick(w, HOTTEST_ONE_IN) == 0 ? l->top[r][0] : pick_extreme(w, r, 1);
    *ret_to = pick_extreme(w, r, -1);
    return l->load[r][*ret_from] > l->load[r][*ret_to];
}

/* ---- proposals ------------------------------------------------------------------------------ */

static void try_move(struct walk *w, uint32_t vm, uint32_t to)
{
    struct score after;

    if (filter_first(w->layout, vm, to, FILTER_USE_DRS) != FILTER_NONE)
        return;
    layout_try(w->layout, vm, to, &after);
    if (!is_no_worse(&after, &w->layout->score, w->slack))
        return;
    go(w, vm, to);
    note_best(w);
}

/* vm to `to`, and other, which is there, to `other_to`: other is lifted for a moment, so that what
 * it holds is free for vm. */
static void try_pair(struct walk *w, uint32_t vm, uint32_t other, uint32_t other_to)
{
    Layout *l = w->layout;
    const struct score before = l->score;
    uint32_t from = l->at[vm], to = l->at[other];
    bool good = false;

    if (filter_first(l, vm, to, FILTER_USE_STATIC) != FILTER_NONE ||
        filter_first(l, other, other_to, FILTER_USE_STATIC) != FILTER_NONE)
        return;
    layout_move(l, other, NO_INDEX);
    if (filter_first(l, vm, to, FILTER_USE_DRS) == FILTER_NONE) {
        struct score after;

        layout_move(l, vm, to);
        if (filter_first(l, other, other_to, FILTER_USE_DRS) == FILTER_NONE) {
            layout_try(l, other, other_to, &after);
            good = is_no_worse(&after, &before, w->slack);
        }
        layout_move(l, vm, from);
    }
    layout_move(l, other, to);
    if (!good)
        return;
    go(w, other, other_to);
    go(w, vm, to);
    note_best(w);
}

static void propose_move(struct walk *w)
{
    uint32_t from, to, vm;

    if (pick_slope(w, &from, &to) && (vm = pick_vm_of(w, from)) != NO_INDEX)
        try_move(w, vm, to);
}

static void propose_home(struct walk *w)
{
    uint32_t vm = pick_away(w);

    if (vm != NO_INDEX)
        try_move(w, vm, w->layout->problem->vm_home[vm]);
}

static void propose_elsewhere(struct walk *w)
{
    uint32_t vm = pick_away(w), to = w->hosts[pick(w, w->n_hosts)];

    if (vm != NO_INDEX && to != w->layout->at[vm])
        try_move(w, vm, to);
}

/* A VM goes home, and one from there takes its place. */
static void propose_instead(struct walk *w)
{
    uint32_t vm = pick_away(w), home, other;

    if (vm == NO_INDEX)
        return;
    home = w->layout->problem->vm_home[vm];
    if (!problem_usable(w->layout->problem, home))
        return;
    other = pick_vm_of(w, home);
    if (other != NO_INDEX)
        try_pair(w, other, vm, home);
}

static void propose_exchange(struct walk *w)
{
    uint32_t from, to, vm, other;

    if (!pick_slope(w, &from, &to))
        return;
    vm = pick_vm_of(w, from);
    other = pick_vm_of(w, to);
    if (vm != NO_INDEX && other != NO_INDEX)
        try_pair(w, vm, other, from);
}

/* The whole of a keep-together set. */
static void propose_bundle(struct walk *w)
{
    Search *s = w->search;
    struct candidate best = { 0 };
    uint32_t bundle;

    if (s->n_bundles == 0)
        return;
    bundle = pick(w, s->n_bundles);
    search_consider_bundle(s, bundle, w->hosts[pick(w, w->n_hosts)], GAIN_SOFT, &best);
    for (uint32_t i = s->first[bundle]; best.found && i < s->first[bundle + 1]; i++)
        go(w, s->members[i], best.to);
    note_best(w);
}

typedef void (*propose_fn)(struct walk *w);

/* Drawn with equal chances. */
static const propose_fn proposals[] = {
    propose_move, propose_move,      propose_move,    propose_home,     propose_home,
    propose_home, propose_elsewhere, propose_instead, propose_exchange, propose_bundle,
};

/* ---- the walk ------------------------------------------------------------------------------- */

static void walk_init(struct walk *w, Search *search, uint64_t seed)
{
    Layout *l = search->layout;
    const Problem *p = l->problem;

    *w = (struct walk){ .search = search, .layout = l, .best = l->score };
    rng_seed(&w->rng, seed);
    w->hosts = g_new(uint32_t, p->n_hosts + 1);
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (problem_usable(p, h))
            w->hosts[w->n_hosts++] = h;
    }
    for (uint32_t v = 0; v < p->n_vms; v++) {
        if (p->vm_home[v] != NO_INDEX && l->at[v] != p->vm_home[v])
            layout_vms_push(&w->away, v);
    }
}

static void walk_clear(struct walk *w)
{
    g_free(w->hosts);
    layout_vms_clear(&w->away);
    undo_vec_clear(&w->since_best);
}

static int64_t mean_price(const Layout *l)
{
    int64_t sum = 0;

    for (uint32_t v = 0; v < l->problem->n_vms; v++)
        sum += l->price[v];
    return l->problem->n_vms > 0 ? sum / l->problem->n_vms : 0;
}

bool anneal(Search *search, uint64_t seed, uint32_t n_proposals)
{
    const struct score before = search->layout->score;
    struct walk w;
    int64_t start = mean_price(search->layout) / START_PART;

    walk_init(&w, search, seed);
    for (uint32_t i = 0; i < n_proposals && w.n_hosts > 1; i++) {
        w.slack = start * (int64_t)(n_proposals - i) / n_proposals;
        proposals[pick(&w, G_N_ELEMENTS(proposals))](&w);
    }
    back_to_best(&w);
    walk_clear(&w);
    return score_cmp(&search->layout->score, &before) < 0;
}
