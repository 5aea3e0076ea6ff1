/* ganeti_improve.c - see ganeti_improve.h. */
#include "config.h"

#include "scheduler/ganeti_improve.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "scheduler/compose.h"
#include "scheduler/ganeti_score.h"
#include "scheduler/improve.h"
#include "scheduler/whatif.h"

#define LEVEL_MEDIUM 5
#define N_LEVELS     9

/* Proposals of one annealing: so many for each VM and host, within bounds. */
#define PROPOSALS_PER_PAIR 60
#define MIN_PROPOSALS      UINT64_C(50000)
#define MAX_PROPOSALS      UINT64_C(1500000)
/* Where many are made: a price is found with few, the last of them with more. */
#define BRIEF    1
#define ORDINARY 4
#define LONG     4
/* It begins with steps that may cost so many prices of a VM. */
#define HEAT 2

/* Of a VM's price, by its memory; the rest is the same for all. */
#define SIZE_PERCENT 30

/* A wanted score: searches for the price at which it is just reached, and then for fewer moves. */
#define N_PRICE_STEPS 7
#define N_THRIFTY     8

struct walk {
    Search *search;
    Layout *layout;
    GanetiScore *score;
    struct rng rng;
    struct score floor; /* what must not get worse */
    int64_t aim;        /* a lower score is worth nothing */
    uint32_t effort;
    uint64_t attempt; /* each begins with other dice */
    int64_t *price;   /* by VM, for being away from home */
    int64_t price_sum, value;
    uint32_t *away, *slot, n_away; /* VMs away from home, and where each stands in that list */
    uint32_t *hosts, n_hosts;      /* that may take VMs */
};

struct step {
    uint32_t vm, to;
};

static uint32_t instance_of(const struct walk *w, uint32_t vm)
{
    return (uint32_t)(w->layout->problem->vm[vm]->id - 1);
}

static uint32_t node_of(const struct walk *w, uint32_t host)
{
    return (uint32_t)(w->layout->problem->host[host]->id - 1);
}

static uint32_t home_of(const struct walk *w, uint32_t vm)
{
    return w->layout->problem->vm_home[vm];
}

/* ---- steps ---------------------------------------------------------------------------------- */

static void list_away(struct walk *w, uint32_t vm)
{
    w->slot[vm] = w->n_away;
    w->away[w->n_away++] = vm;
    w->price_sum += w->price[vm];
}

static void unlist_away(struct walk *w, uint32_t vm)
{
    uint32_t last = w->away[--w->n_away];

    w->away[w->slot[vm]] = last;
    w->slot[last] = w->slot[vm];
    w->slot[vm] = NO_INDEX;
    w->price_sum -= w->price[vm];
}

static void put(struct walk *w, uint32_t vm, uint32_t to)
{
    layout_move(w->layout, vm, to);
    ganeti_score_move(w->score, instance_of(w, vm), node_of(w, to));
    if (w->slot[vm] != NO_INDEX)
        unlist_away(w, vm);
    if (to != home_of(w, vm))
        list_away(w, vm);
    w->value = ganeti_score_value(w->score);
}

static bool keeps_floor(const struct walk *w, const struct score *score)
{
    return score->must <= w->floor.must && score->shortage <= w->floor.shortage &&
           score->overload <= w->floor.overload && score->should <= w->floor.should;
}

static int64_t price_change(const struct walk *w, uint32_t vm, uint32_t to)
{
    const uint32_t home = home_of(w, vm);

    return ((to != home ? 1 : 0) - (w->layout->at[vm] != home ? 1 : 0)) * w->price[vm];
}

static bool is_open(struct walk *w, uint32_t vm, uint32_t to)
{
    return w->layout->at[vm] != to && search_may_leave(w->search, vm) &&
           search_least_gain(w->search, vm, GAIN_SOFT) == GAIN_SOFT;
}

static int64_t worth(const struct walk *w, int64_t value)
{
    return MAX(value, w->aim);
}

/* What the step would add to the total, INT64_MAX if something forbids it; more than `most` is not
 * looked into. */
static int64_t judge(struct walk *w, const struct step *step, int64_t most)
{
    struct score after;
    int64_t more;

    if (!is_open(w, step->vm, step->to))
        return INT64_MAX;
    more = worth(w, ganeti_score_try(w->score, instance_of(w, step->vm), node_of(w, step->to))) -
           worth(w, w->value) + price_change(w, step->vm, step->to);
    if (more > most || filter_first(w->layout, step->vm, step->to, FILTER_USE_DRS) != FILTER_NONE)
        return INT64_MAX;
    layout_try(w->layout, step->vm, step->to, &after);
    return keeps_floor(w, &after) ? more : INT64_MAX;
}

/* The score alone of both steps. */
static int64_t glance(struct walk *w, const struct step steps[2])
{
    const uint32_t first = instance_of(w, steps[0].vm), second = instance_of(w, steps[1].vm);
    const uint32_t from = node_of(w, w->layout->at[steps[0].vm]);
    int64_t after;

    ganeti_score_move(w->score, first, node_of(w, steps[0].to));
    after = ganeti_score_try(w->score, second, node_of(w, steps[1].to));
    ganeti_score_move(w->score, first, from);
    return worth(w, after) - worth(w, w->value) + price_change(w, steps[0].vm, steps[0].to) +
           price_change(w, steps[1].vm, steps[1].to);
}

/* Both steps, one after the other, or none. */
static bool take_pair(struct walk *w, const struct step steps[2], int64_t most)
{
    const uint32_t from = w->layout->at[steps[0].vm];
    struct score after;

    if (!is_open(w, steps[0].vm, steps[0].to) || glance(w, steps) > most ||
        filter_first(w->layout, steps[0].vm, steps[0].to, FILTER_USE_DRS) != FILTER_NONE)
        return false;
    put(w, steps[0].vm, steps[0].to);
    if (is_open(w, steps[1].vm, steps[1].to) &&
        filter_first(w->layout, steps[1].vm, steps[1].to, FILTER_USE_DRS) == FILTER_NONE) {
        layout_try(w->layout, steps[1].vm, steps[1].to, &after);
        if (keeps_floor(w, &after)) {
            put(w, steps[1].vm, steps[1].to);
            return true;
        }
    }
    put(w, steps[0].vm, from);
    return false;
}

static bool take_one(struct walk *w, struct step step, int64_t most)
{
    if (judge(w, &step, most) > most)
        return false;
    put(w, step.vm, step.to);
    return true;
}

/* ---- annealing ------------------------------------------------------------------------------ */

static uint32_t any_host(struct walk *w)
{
    return w->hosts[rng_below(&w->rng, w->n_hosts)];
}

/* Another VM of its home goes where this one is. */
static void propose_replacement(struct walk *w, uint32_t vm, int64_t most)
{
    const struct layout_vms *list = &w->layout->host_vms[home_of(w, vm)];
    struct step steps[2] = { { .vm = vm, .to = home_of(w, vm) }, { .to = w->layout->at[vm] } };

    if (list->len == 0)
        return;
    steps[1].vm = list->items[rng_below(&w->rng, (uint32_t)list->len)];
    (void)take_pair(w, steps, most);
}

/* Two that are away exchange their targets. */
static void propose_exchange(struct walk *w, uint32_t vm, int64_t most)
{
    uint32_t other = w->away[rng_below(&w->rng, w->n_away)];
    const struct step steps[2] = { { .vm = vm, .to = w->layout->at[other] },
                                   { .vm = other, .to = w->layout->at[vm] } };

    if (other != vm && steps[0].to != steps[1].to)
        (void)take_pair(w, steps, most);
}

/* One proposal; it may make the total worse by `most`. */
static void propose(struct walk *w, int64_t most)
{
    const uint32_t dice = rng_below(&w->rng, 8);
    uint32_t vm;

    if (w->n_away == 0 || dice < 3) {
        (void)take_one(
            w, (struct step){ rng_below(&w->rng, w->layout->problem->n_vms), any_host(w) }, most);
        return;
    }
    vm = w->away[rng_below(&w->rng, w->n_away)];
    if (dice < 5)
        (void)take_one(w, (struct step){ vm, dice == 3 ? home_of(w, vm) : any_host(w) }, most);
    else if (dice == 5)
        propose_exchange(w, vm, most);
    else
        propose_replacement(w, vm, most);
}

/* The best single step of a VM, done if it gains. */
static bool descend_vm(struct walk *w, uint32_t vm)
{
    struct step best = { .vm = vm, .to = NO_INDEX };
    int64_t least = -1;

    for (uint32_t i = 0; i < w->n_hosts; i++) {
        struct step step = { vm, w->hosts[i] };
        int64_t more = judge(w, &step, least);

        if (more <= least) {
            least = more - 1;
            best.to = step.to;
        }
    }
    if (best.to == NO_INDEX)
        return false;
    put(w, vm, best.to);
    return true;
}

static void descend(struct walk *w)
{
    bool changed = true;

    while (changed) {
        changed = false;
        for (uint32_t vm = 0; vm < w->layout->problem->n_vms; vm++)
            changed = descend_vm(w, vm) || changed;
    }
}

/* Cools down to nothing. */
static void anneal(struct walk *w, int64_t heat)
{
    const uint64_t pairs = (uint64_t)w->layout->problem->n_vms * w->n_hosts;
    const uint32_t n = (uint32_t)(CLAMP(pairs * PROPOSALS_PER_PAIR, MIN_PROPOSALS, MAX_PROPOSALS) *
                                  w->effort / ORDINARY);

    for (uint32_t i = 0; i < n; i++) {
        uint64_t left = (uint64_t)(n - i) * 1024 / n; /* cools with the cube of what is left */
        int64_t most = (int64_t)((uint64_t)heat * left / 1024 * left / 1024 * left / 1024);

        propose(w, most > 0 ? (int64_t)rng_below(&w->rng, (uint32_t)MIN(most, INT32_MAX)) : -1);
    }
    descend(w);
}

/* ---- one search at one price ---------------------------------------------------------------- */

static void set_prices(struct walk *w, int64_t mean)
{
    const Problem *p = w->layout->problem;
    int64_t sum_mb = 0;

    for (uint32_t v = 0; v < p->n_vms; v++)
        sum_mb += p->vm_size[v];
    for (uint32_t v = 0; v < p->n_vms; v++) {
        double share = (double)p->vm_size[v] * (double)p->n_vms / (double)MAX(sum_mb, 1);

        w->price[v] = mean * (100 - SIZE_PERCENT) / 100 +
                      (int64_t)((double)mean * share * SIZE_PERCENT / 100);
    }
}

/* The score and the list from where the layout has the VMs. */
static void follow_layout(struct walk *w)
{
    const Problem *p = w->layout->problem;

    w->n_away = 0;
    w->price_sum = 0;
    for (uint32_t v = 0; v < p->n_vms; v++) {
        w->slot[v] = NO_INDEX;
        if (w->layout->at[v] == NO_INDEX)
            continue;
        ganeti_score_move(w->score, instance_of(w, v), node_of(w, w->layout->at[v]));
        if (w->layout->at[v] != p->vm_home[v])
            list_away(w, v);
    }
    w->value = ganeti_score_value(w->score);
}

static void search_at(struct walk *w, int64_t mean_price)
{
    const Problem *p = w->layout->problem;

    for (uint32_t v = 0; v < p->n_vms; v++)
        layout_move(w->layout, v, p->vm_home[v]);
    w->search->full = false;
    (void)improve_repair(w->search);
    w->floor = w->layout->score;
    set_prices(w, mean_price);
    follow_layout(w);
    rng_seed(&w->rng, p->params.seed + w->attempt++);
    if (w->n_hosts >= 2 && p->n_vms > 0)
        anneal(w, mean_price * HEAT);
}

/* ---- as few moves as reach a score ---------------------------------------------------------- */

struct outcome {
    uint32_t *at;
    uint32_t n_away;
    int64_t value, away_mb;
};

static int64_t away_mb(const struct walk *w)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < w->n_away; i++)
        sum += w->layout->problem->vm_size[w->away[i]];
    return sum;
}

static void keep(const struct walk *w, struct outcome *kept)
{
    memcpy(kept->at, w->layout->at, w->layout->problem->n_vms * sizeof(*kept->at));
    kept->n_away = w->n_away;
    kept->value = w->value;
    kept->away_mb = away_mb(w);
}

/* Does what was found serve better than what was kept? */
static bool serves_better(const struct walk *w, const struct outcome *kept, int64_t until)
{
    const bool reached = w->value <= until, was_reached = kept->value <= until;

    if (reached != was_reached)
        return reached;
    if (!reached)
        return w->value < kept->value;
    return w->n_away != kept->n_away ? w->n_away < kept->n_away : away_mb(w) < kept->away_mb;
}

static void try_price(struct walk *w, double price, int64_t until, struct outcome *kept)
{
    search_at(w, (int64_t)price);
    if (serves_better(w, kept, until))
        keep(w, kept);
}

/* The dearest price that still leads to the score, by halving the ratio; then at lower prices, with
 * nothing to gain below the score. */
static void search_until(struct walk *w, int64_t until)
{
    g_autofree uint32_t *at = g_new0(uint32_t, w->layout->problem->n_vms + 1);
    struct outcome kept = { .at = at };
    double dear, cheap;

    search_at(w, GANETI_SCORE_ONE * 1000); /* what is urgent only */
    keep(w, &kept);
    if (w->value <= until)
        return;
    dear = (double)(w->value - until);
    cheap = MAX(dear / 1e5, 1);
    w->effort = BRIEF;
    for (int i = 0; i < N_PRICE_STEPS; i++) {
        double middle = sqrt(dear * cheap);

        try_price(w, middle, until, &kept);
        if (w->value <= until)
            cheap = middle;
        else
            dear = middle;
    }
    w->aim = until;
    cheap *= 2; /* the brief searches may have missed a dearer one */
    w->effort = LONG;
    for (int i = 0; i < N_THRIFTY && kept.value <= until; i++) {
        try_price(w, cheap, until, &kept);
        cheap *= 0.8;
    }
    w->aim = 0;
    for (uint32_t v = 0; v < w->layout->problem->n_vms; v++)
        layout_move(w->layout, v, kept.at[v]);
    follow_layout(w);
}

/* ---- from the placement to a plan ----------------------------------------------------------- */

static struct order_rank *rank_moves(const struct walk *w)
{
    const Layout *l = w->layout;
    struct order_rank *rank = g_new0(struct order_rank, l->problem->n_vms + 1);

    for (uint32_t i = 0; i < w->n_away; i++) {
        uint32_t vm = w->away[i], home = home_of(w, vm);
        struct score without;

        layout_try(l, vm, home, &without);
        rank[vm].urgency = keeps_floor(w, &without) ? GAIN_SOFT : GAIN_URGENT;
        rank[vm].value =
            ganeti_score_try(w->score, instance_of(w, vm), node_of(w, home)) - w->value;
    }
    return rank;
}

static int64_t price_of_level(const struct walk *w, const struct ganeti_goal *goal)
{
    /* Thousandths that the share of one host in the score must gain. */
    static const int64_t permille[N_LEVELS + 1] = { 0, 500, 350, 250, 160, 100, 60, 40, 20, 10 };
    int level = goal->level >= 1 && goal->level <= N_LEVELS ? goal->level : LEVEL_MEDIUM;

    if (goal->min_gain > 0)
        return goal->min_gain;
    return permille[level] * (GANETI_SCORE_ONE / 1000) / MAX(w->n_hosts, 1);
}

static void search_once(struct walk *w, const struct ganeti_goal *goal)
{
    w->effort = ORDINARY;
    w->attempt = 0;
    if (goal->until_score >= 0)
        search_until(w, goal->until_score);
    else
        search_at(w, price_of_level(w, goal));
}

/* Until every move has its place in an order; VMs in the way stay at home. */
static Order *find_order(struct walk *w, const struct ganeti_goal *goal, uint32_t *ret_n_banned)
{
    for (uint32_t n = 0;; n++) {
        g_autofree struct order_rank *rank = NULL;
        g_autoptr(Order) order = NULL;

        search_once(w, goal);
        rank = rank_moves(w);
        order = order_new(w->layout, rank);
        *ret_n_banned = n;
        if (order->dropped.len == 0)
            return g_steal_pointer(&order);
        for (size_t i = 0; i < order->dropped.len; i++)
            w->search->banned[order->dropped.items[i]] = true;
    }
}

static void walk_init(struct walk *w, Search *search, GanetiScore *score)
{
    const Problem *p = search->layout->problem;

    *w = (struct walk){ .search = search, .layout = search->layout, .score = score };
    w->price = g_new0(int64_t, p->n_vms + 1);
    w->away = g_new0(uint32_t, p->n_vms + 1);
    w->slot = g_new0(uint32_t, p->n_vms + 1);
    w->hosts = g_new0(uint32_t, p->n_hosts + 1);
    for (uint32_t h = 0; h < p->n_hosts; h++) {
        if (problem_usable(p, h))
            w->hosts[w->n_hosts++] = h;
    }
}

static void walk_clear(struct walk *w)
{
    g_free(w->price);
    g_free(w->away);
    g_free(w->slot);
    g_free(w->hosts);
}

static void say(Plan *plan, const struct walk *w, const struct ganeti_goal *goal,
                const Ganeti *ganeti)
{
    const double one = (double)GANETI_SCORE_ONE;
    const Snapshot *snap = w->layout->problem->snap;
    g_autoptr(Snapshot) then = whatif_moved(snap, plan);
    const int64_t before = ganeti_score_of(ganeti, plan->cluster_id, snap);
    const int64_t after = ganeti_score_of(ganeti, plan->cluster_id, then);
    const bool missed = goal->until_score >= 0 && after > goal->until_score;
    g_autofree char *wish =
        missed ? g_strdup_printf("; %.4f was not reached", (double)goal->until_score / one)
               : g_strdup("");

    if (w->search->max_moves == 0)
        plan_set_verdict(plan, "hbal's score is %.4f; no move is allowed", (double)before / one);
    else if (plan->moves.len == 0)
        plan_set_verdict(plan, "left alone: no move lowers hbal's score of %.4f enough%s",
                         (double)before / one, wish);
    else
        plan_set_verdict(plan, "%zu move%s: hbal's score %.4f -> %.4f%s%s", plan->moves.len,
                         plan->moves.len == 1 ? "" : "s", (double)before / one, (double)after / one,
                         wish, w->search->full ? "; more with more moves" : "");
}

/* A move is made for the score, whatever it does to the figures that compose.c tells. */
static void name_gains(Plan *plan, const Ganeti *ganeti)
{
    const double one = (double)GANETI_SCORE_ONE;
    g_autoptr(GanetiScore) score = ganeti_score_new(ganeti, plan->cluster_id);

    for (size_t i = 0; i < plan->moves.len; i++) {
        struct plan_move *move = &plan->moves.items[i];
        int64_t gain = ganeti_score_value(score);
        char *text;

        ganeti_score_move(score, (uint32_t)(move->vm_id - 1), (uint32_t)(move->to_id - 1));
        gain -= ganeti_score_value(score);
        if (move->reason != MOVE_BALANCE_CPU && move->reason != MOVE_BALANCE_MEM)
            continue;
        text = g_strdup_printf("%s hbal's score by %.4f: %s", gain >= 0 ? "lowers" : "raises",
                               fabs((double)gain / one), move->text);
        g_free(move->text);
        move->text = text;
    }
}

static void fill_plan(Plan *plan, Layout *layout, const Ganeti *ganeti,
                      const struct ganeti_goal *goal)
{
    g_autoptr(Search) search = search_new(layout);
    g_autoptr(GanetiScore) score = ganeti_score_new(ganeti, plan->cluster_id);
    g_autoptr(Order) order = NULL;
    struct walk w;

    walk_init(&w, search, score);
    order = find_order(&w, goal, &plan->n_unordered);
    compose_unnamed_moves(plan, layout->problem, order);
    name_gains(plan, ganeti);
    say(plan, &w, goal, ganeti);
    walk_clear(&w);
}

bool ganeti_improve(const Ganeti *ganeti, const Snapshot *snap, int64_t cluster_id,
                    const struct ganeti_goal *goal, Plan **ret_plan, GError **error)
{
    const struct layout_price free_moves = { 0 };
    g_autoptr(Problem) problem = problem_new(snap, cluster_id, goal->sched, 0, error);
    g_autoptr(Layout) layout = NULL;
    g_autoptr(Plan) plan = NULL;

    if (!problem)
        return false;
    layout = layout_new(problem, &free_moves);
    plan = plan_new(cluster_id);
    layout_measure(layout, &plan->before);
    plan->after = plan->before;
    if (problem->n_usable >= 2) {
        fill_plan(plan, layout, ganeti, goal);
    } else {
        plan->decided = problem->n_hosts < 2;
        plan_set_verdict(plan, "nothing to do: %u of %u hosts can be used", problem->n_usable,
                         problem->n_hosts);
    }
    *ret_plan = g_steal_pointer(&plan);
    return true;
}
