/* evacuate.c - see evacuate.h.
 *
 * VMs that must stay together leave together: a bundle goes to one host or not at all.  Bundles
 * with the fewest possible hosts choose first.  Where one finds no room, a single other VM is moved
 * aside to make some. */
#include "config.h"

#include "scheduler/evacuate.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/vec.h"
#include "model/reason.h"
#include "scheduler/compose.h"

/* Hosts named in the reason of a VM that cannot leave. */
#define MAX_NAMED 6
/* Rounds of picking a better host once all have one. */
#define MAX_PASSES 5

VEC_DECLARE(vm_list, uint32_t);

struct bundle {
    uint32_t *vms; /* slice of drain.members, ascending */
    uint32_t n;
    uint32_t n_fit; /* hosts that could take it at the start */
    int64_t size_mb;
};

struct drain {
    const Problem *problem;
    Layout *layout;
    uint32_t host; /* that is emptied */
    bool *banned;  /* VMs for which no order was found */
    uint32_t *members;
    struct bundle *bundles;
    uint32_t n_bundles;
    Plan *plan; /* gets the stays */
};

/* ---- who can leave -------------------------------------------------------------------------- */

static void add_stay(struct drain *d, uint32_t vm, bool transient, char *text)
{
    struct plan_stay *stay = plan_add_stay(d->plan);

    stay->vm_id = d->problem->vm[vm]->id;
    g_free(stay->vm_name);
    stay->vm_name = g_strdup(d->problem->vm[vm]->name);
    stay->transient = transient;
    g_free(stay->text);
    stay->text = text;
}

static bool is_transient(enum problem_pin pin)
{
    return pin == PIN_BUSY || pin == PIN_MOVING || pin == PIN_STATE;
}

/* NULL if the VM itself may leave. */
static char *stay_text(const struct drain *d, uint32_t vm)
{
    const Host *host = d->problem->host[d->host];

    if (d->problem->vm_pin[vm] >= PIN_BUSY)
        return problem_pin_text(d->problem, vm);
    if (!host->connected || host->status != HOST_NORMAL)
        return g_strdup_printf("%s cannot send it: %s", host->name,
                               host->connected ? host_status_name(host->status)
                                               : "its agent is not connected");
    if (d->banned[vm])
        return g_strdup("no safe order of moves leads to a host that fits");
    return NULL;
}

static int vm_cmp(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* VMs on the host that may leave, ascending; the others become stays. */
static void find_leaving(struct drain *d, struct vm_list *leaving)
{
    const struct layout_vms *here = &d->layout->host_vms[d->host];
    struct vm_list all = { 0 };

    for (size_t i = 0; i < here->len; i++)
        vm_list_push(&all, here->items[i]);
    if (all.len > 1)
        qsort(all.items, all.len, sizeof(*all.items), vm_cmp);
    for (size_t i = 0; i < all.len; i++) {
        char *why = stay_text(d, all.items[i]);

        if (why)
            add_stay(d, all.items[i],
                     is_transient((enum problem_pin)d->problem->vm_pin[all.items[i]]), why);
        else
            vm_list_push(leaving, all.items[i]);
    }
    vm_list_clear(&all);
}

/* ---- bundles -------------------------------------------------------------------------------- */

static bool has_must_rule_with(const Problem *p, uint32_t a, uint32_t b)
{
    const Ruleset *set = p->rules;

    for (uint32_t i = set->vm_first[a]; i < set->vm_first[a + 1]; i++) {
        const struct ruleset_rule *rule = &set->rules[set->vm_rules[i]];

        if (!rule->must || rule->rule->type != RULE_TOGETHER)
            continue;
        if (bsearch(&b, &set->members[rule->first], rule->n, sizeof(b), vm_cmp))
            return true;
    }
    return false;
}

/* Takes seed and everything tied to it out of `left` into the bundle. */
static void grow_bundle(struct drain *d, struct vm_list *left, struct bundle *bundle)
{
    for (uint32_t grown = 0; grown < bundle->n; grown++) {
        size_t kept = 0;

        for (size_t i = 0; i < left->len; i++) {
            if (has_must_rule_with(d->problem, bundle->vms[grown], left->items[i]))
                bundle->vms[bundle->n++] = left->items[i];
            else
                left->items[kept++] = left->items[i];
        }
        left->len = kept;
    }
    qsort(bundle->vms, bundle->n, sizeof(*bundle->vms), vm_cmp);
    for (uint32_t i = 0; i < bundle->n; i++)
        bundle->size_mb += d->problem->vm_size[bundle->vms[i]];
}

static void make_bundles(struct drain *d, struct vm_list *leaving)
{
    uint32_t used = 0;

    d->members = g_new0(uint32_t, leaving->len + 1);
    d->bundles = g_new0(struct bundle, leaving->len + 1);
    while (leaving->len > 0) {
        struct bundle *bundle = &d->bundles[d->n_bundles++];

        bundle->vms = &d->members[used];
        bundle->vms[bundle->n++] = leaving->items[0];
        leaving->len--;
        for (size_t i = 0; i < leaving->len; i++)
            leaving->items[i] = leaving->items[i + 1];
        grow_bundle(d, leaving, bundle);
        used += bundle->n;
    }
}

/* ---- placing -------------------------------------------------------------------------------- */

static void lift(struct drain *d, const struct bundle *bundle)
{
    for (uint32_t i = 0; i < bundle->n; i++)
        layout_move(d->layout, bundle->vms[i], NO_INDEX);
}

/* Puts the bundle, which is nowhere, on a host; nothing is changed if it does not fit. */
static bool put(struct drain *d, const struct bundle *bundle, uint32_t host)
{
    for (uint32_t i = 0; i < bundle->n; i++) {
        if (filter_first(d->layout, bundle->vms[i], host, FILTER_USE_DRAIN) != FILTER_NONE) {
            while (i-- > 0)
                layout_move(d->layout, bundle->vms[i], NO_INDEX);
            return false;
        }
        layout_move(d->layout, bundle->vms[i], host);
    }
    return true;
}

/* The best host for a bundle that is nowhere; NO_INDEX if none fits. */
static uint32_t best_host(struct drain *d, const struct bundle *bundle, uint32_t *ret_n_fit)
{
    uint32_t best = NO_INDEX;
    struct score best_score = { 0 };

    *ret_n_fit = 0;
    for (uint32_t h = 0; h < d->problem->n_hosts; h++) {
        if (!put(d, bundle, h))
            continue;
        (*ret_n_fit)++;
        if (best == NO_INDEX || score_cmp(&d->layout->score, &best_score) < 0) {
            best = h;
            best_score = d->layout->score;
        }
        lift(d, bundle);
    }
    return best;
}

static int bundle_cmp(const void *a, const void *b)
{
    const struct bundle *x = a, *y = b;

    if (x->n_fit != y->n_fit)
        return x->n_fit < y->n_fit ? -1 : 1;
    if (x->size_mb != y->size_mb)
        return x->size_mb > y->size_mb ? -1 : 1;
    return vm_cmp(&x->vms[0], &y->vms[0]);
}

/* May this VM step aside for another?  One that leaves anyway, or one that DRS may move. */
static bool may_step_aside(const struct drain *d, uint32_t vm)
{
    if (d->banned[vm] || d->layout->at[vm] == NO_INDEX)
        return false;
    if (d->problem->vm_home[vm] == d->host)
        return d->problem->vm_pin[vm] < PIN_BUSY;
    return d->problem->vm_pin[vm] <= PIN_COOLING;
}

/* With `aside` off its host, does the bundle fit there and aside somewhere else? */
static bool try_aside(struct drain *d, const struct bundle *bundle, uint32_t aside)
{
    struct bundle single = { .vms = &aside, .n = 1 };
    uint32_t host = d->layout->at[aside], to, n_fit;

    lift(d, &single);
    if (put(d, bundle, host)) {
        to = best_host(d, &single, &n_fit);
        if (to != NO_INDEX && to != host)
            return put(d, &single, to);
        lift(d, bundle);
    }
    layout_move(d->layout, aside, host);
    return false;
}

/* The cheapest VM whose stepping aside gives the bundle a place. */
static bool make_room(struct drain *d, const struct bundle *bundle)
{
    const Problem *p = d->problem;
    g_autofree bool *tried = g_new0(bool, p->n_vms + 1);

    for (;;) {
        uint32_t cheapest = NO_INDEX;

        for (uint32_t v = 0; v < p->n_vms; v++) {
            if (tried[v] || !may_step_aside(d, v) || d->layout->at[v] == d->host ||
                filter_first(d->layout, bundle->vms[0], d->layout->at[v], FILTER_USE_STATIC) !=
                    FILTER_NONE)
                continue;
            if (cheapest == NO_INDEX || p->vm_cost_ms[v] < p->vm_cost_ms[cheapest])
                cheapest = v;
        }
        if (cheapest == NO_INDEX)
            return false;
        tried[cheapest] = true;
        if (try_aside(d, bundle, cheapest))
            return true;
    }
}

/* "no host can take it: cna2: needs 512 MiB, 301 MiB free; ..." */
static char *no_room_text(const struct drain *d, const struct bundle *bundle, uint32_t vm)
{
    const Problem *p = d->problem;
    GString *text = g_string_new("no host can take it");
    unsigned n = 0;

    if (bundle->n > 1)
        g_string_append_printf(text, " with the %u VMs it must stay with", bundle->n - 1);
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        enum filter_id id = filter_first(d->layout, vm, h, FILTER_USE_DRAIN);
        g_autofree char *why = NULL;

        if (h == d->host || ++n > MAX_NAMED)
            continue;
        why = id != FILTER_NONE
                  ? filter_text(d->layout, vm, h, id)
                  : g_strdup_printf("%s: not enough room for all of them", p->host[h]->name);
        g_string_append_printf(text, "%s%s", n == 1 ? ": " : "; ", why);
    }
    if (n > MAX_NAMED)
        g_string_append_printf(text, "; and %u more hosts", n - MAX_NAMED);
    if (n == 0)
        g_string_append(text, ": the cluster has no other host");
    return g_string_free(text, FALSE);
}

/* Without asking: it was there a moment ago. */
static uint32_t put_back(struct drain *d, const struct bundle *bundle, uint32_t host)
{
    for (uint32_t i = 0; i < bundle->n; i++)
        layout_move(d->layout, bundle->vms[i], host);
    return host;
}

static void place_bundle(struct drain *d, const struct bundle *bundle)
{
    uint32_t n_fit, host = best_host(d, bundle, &n_fit);

    if (host != NO_INDEX) {
        (void)put(d, bundle, host);
        return;
    }
    if (make_room(d, bundle))
        return;
    for (uint32_t i = 0; i < bundle->n; i++)
        add_stay(d, bundle->vms[i], false, no_room_text(d, bundle, bundle->vms[i]));
    (void)put_back(d, bundle, d->host);
}

/* All have a host; with the others placed there may be a better one. */
static void polish(struct drain *d)
{
    bool better = true;

    for (int pass = 0; pass < MAX_PASSES && better; pass++) {
        better = false;
        for (uint32_t b = 0; b < d->n_bundles; b++) {
            const struct bundle *bundle = &d->bundles[b];
            uint32_t old = d->layout->at[bundle->vms[0]], best, n_fit;

            if (old == d->host)
                continue;
            lift(d, bundle);
            best = best_host(d, bundle, &n_fit);
            if (best == NO_INDEX || !put(d, bundle, best))
                best = put_back(d, bundle, old);
            better = better || best != old;
        }
    }
}

static void place_all(struct drain *d)
{
    struct vm_list leaving = { 0 };

    find_leaving(d, &leaving);
    make_bundles(d, &leaving);
    vm_list_clear(&leaving);
    for (uint32_t b = 0; b < d->n_bundles; b++)
        lift(d, &d->bundles[b]);
    for (uint32_t b = 0; b < d->n_bundles; b++)
        (void)best_host(d, &d->bundles[b], &d->bundles[b].n_fit);
    if (d->n_bundles > 1)
        qsort(d->bundles, d->n_bundles, sizeof(*d->bundles), bundle_cmp);
    for (uint32_t b = 0; b < d->n_bundles; b++)
        place_bundle(d, &d->bundles[b]);
    polish(d);
}

/* ---- entry ---------------------------------------------------------------------------------- */

/* Those that only wait come last: people read the first, and it should be what they must mend. */
static void sort_stays(Plan *plan)
{
    struct plan_stay *stays = plan->stays.items;
    size_t n = plan->stays.len, n_sorted = 0;
    g_autofree struct plan_stay *sorted = g_new(struct plan_stay, n + 1);

    for (int transient = 0; transient < 2; transient++) {
        for (size_t i = 0; i < n; i++) {
            if (stays[i].transient == (transient == 1))
                sorted[n_sorted++] = stays[i];
        }
    }
    for (size_t i = 0; i < n; i++)
        stays[i] = sorted[i];
}

static void say(Plan *plan, const Host *host, size_t n_leaving)
{
    size_t n_stay = plan->stays.len, n_aside = plan->moves.len;

    for (size_t i = 0; i < plan->moves.len; i++)
        n_aside -= plan->moves.items[i].from_id == host->id ? 1 : 0;
    if (n_leaving + n_stay == 0)
        plan_set_verdict(plan, "no VM runs on %s", host->name);
    else if (n_stay == 0 && n_aside == 0)
        plan_set_verdict(plan, "all %zu VMs of %s can leave", n_leaving, host->name);
    else if (n_stay == 0)
        plan_set_verdict(plan, "all %zu VMs of %s can leave; %zu more moves make room", n_leaving,
                         host->name, n_aside);
    else
        plan_set_verdict(plan, "%zu of %zu VMs of %s can leave, %zu cannot: %s: %s", n_leaving,
                         n_leaving + n_stay, host->name, n_stay, plan->stays.items[0].vm_name,
                         plan->stays.items[0].text);
}

static size_t count_leaving(const struct drain *d)
{
    size_t n = 0;

    for (uint32_t v = 0; v < d->problem->n_vms; v++)
        n += d->problem->vm_home[v] == d->host && d->layout->at[v] != d->host ? 1 : 0;
    return n;
}

/* One attempt; false if a VM had to be banned and all must be thought over. */
static bool try_drain(const Problem *problem, uint32_t host, bool *banned, Plan **ret_plan)
{
    const struct layout_price free_moves = { 0 };
    g_autoptr(Plan) plan = plan_new(problem->cluster->id);
    g_autoptr(Layout) layout = layout_new(problem, &free_moves);
    g_autofree struct order_rank *rank = g_new0(struct order_rank, problem->n_vms + 1);
    g_autoptr(Order) order = NULL;
    struct drain d = {
        .problem = problem, .layout = layout, .host = host, .banned = banned, .plan = plan
    };

    place_all(&d);
    g_free(d.members);
    g_free(d.bundles);
    order = order_new(layout, rank);
    if (order->dropped.len > 0) {
        banned[order->dropped.items[0]] = true;
        return false;
    }
    compose_moves(plan, problem, order, FILTER_USE_DRAIN);
    sort_stays(plan);
    say(plan, problem->host[host], count_leaving(&d));
    *ret_plan = g_steal_pointer(&plan);
    return true;
}

bool evacuate_plan(const Snapshot *snap, int64_t host_id, const struct sched_params *params,
                   Plan **ret_plan, GError **error)
{
    const Host *host = snapshot_host(snap, host_id);
    g_autoptr(Problem) problem = NULL;
    g_autofree bool *banned = NULL;
    uint32_t h;

    if (!host) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_HOST_MISSING, NULL,
                       "there is no host %" PRId64, host_id);
        return false;
    }
    if (host->cluster_id == 0) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_NO_CLUSTER, NULL,
                       "host %s is in no cluster, its VMs have nowhere to go", host->name);
        return false;
    }
    problem = problem_new(snap, host->cluster_id, params, 0, error);
    if (!problem)
        return false;
    h = problem_find_host(problem, host_id);
    problem_close_host(problem, h);
    banned = g_new0(bool, problem->n_vms + 1);
    while (!try_drain(problem, h, banned, ret_plan))
        ;
    return true;
}
