/* compose.c - see compose.h.  Replays the steps from the present state; each move is judged at the
 * moment it would be made, so that the gains add up to those of the plan. */
#include "config.h"

#include "scheduler/compose.h"

#include <inttypes.h>

#include "scheduler/explain.h"
#include "scheduler/filter.h"
#include "scheduler/rules.h"

#define RATING_MUST     5
#define RATING_OVERLOAD 4
#define RATING_MOST     3
#define RATING_SOME     2
#define RATING_LEAST    1

/* Gain in per mille of imbalance from which a move is worth a better rating. */
#define GAIN_MOST 50
#define GAIN_SOME 15

/* Level and override: may it go without a person? */
static bool is_automatic(const Problem *p, const Vm *vm)
{
    if (p->cluster->drs.vm_overrides_enabled && vm->drs_behavior == DRS_BEHAVIOR_MANUAL)
        return false;
    if (p->cluster->drs.vm_overrides_enabled && vm->drs_behavior == DRS_BEHAVIOR_AUTOMATIC)
        return true;
    return p->cluster->drs.level == DRS_AUTOMATIC;
}

/* Waiting for a person's move means waiting for a person. */
static bool waits_for_manual(const Plan *plan, const struct plan_move *move)
{
    for (size_t i = 0; i < move->n_depends; i++) {
        if (!plan->moves.items[move->depends[i]].automatic)
            return true;
    }
    return false;
}

static enum move_reason find_reason(const Problem *p, const struct plan_measure *before,
                                    const struct plan_measure *after)
{
    int64_t cpu = p->uses[RES_CPU] ? before->cpu_stdev - after->cpu_stdev : INT64_MIN;
    int64_t mem = p->uses[RES_MEM] ? before->mem_stdev - after->mem_stdev : INT64_MIN;

    if (after->must_broken < before->must_broken)
        return MOVE_RULE;
    if (after->shortage_mb < before->shortage_mb || after->overload_mhz < before->overload_mhz ||
        after->net_over_kbps < before->net_over_kbps || after->vcpus_over < before->vcpus_over)
        return MOVE_OVERLOAD;
    if (after->should_broken < before->should_broken)
        return MOVE_RULE;
    return mem > cpu ? MOVE_BALANCE_MEM : MOVE_BALANCE_CPU;
}

static int64_t find_rating(const struct plan_move *move, const struct plan_measure *before,
                           const struct plan_measure *after)
{
    if (move->reason == MOVE_EVACUATION || after->must_broken < before->must_broken ||
        after->shortage_mb < before->shortage_mb)
        return RATING_MUST;
    if (move->reason == MOVE_OVERLOAD)
        return RATING_OVERLOAD;
    if (move->reason == MOVE_RULE || move->gain_balance >= GAIN_MOST)
        return RATING_MOST;
    return move->gain_balance >= GAIN_SOME ? RATING_SOME : RATING_LEAST;
}

static void set_text(char **text, char *value)
{
    g_free(*text);
    *text = value;
}

static void set_names(struct plan_move *move, const Problem *p, const struct order_step *step)
{
    move->vm_id = p->vm[step->vm]->id;
    move->from_id = p->host[step->from]->id;
    move->to_id = p->host[step->to]->id;
    set_text(&move->vm_name, g_strdup(p->vm[step->vm]->name));
    set_text(&move->from_name, g_strdup(p->host[step->from]->name));
    set_text(&move->to_name, g_strdup(p->host[step->to]->name));
}

static void set_gains(struct plan_move *move, const struct plan_measure *before,
                      const struct plan_measure *after)
{
    move->gain_overload_mhz = before->overload_mhz - after->overload_mhz;
    move->gain_balance = before->imbalance - after->imbalance;
    move->gain_rules =
        before->must_broken + before->should_broken - after->must_broken - after->should_broken;
}

static bool is_for_balance(const struct plan_move *move)
{
    return move->reason == MOVE_BALANCE_CPU || move->reason == MOVE_BALANCE_MEM;
}

static bool pays_alone(const struct plan_move *move)
{
    return move->gain_rules > 0 || move->gain_overload_mhz > 0 ||
           (move->gain_overload_mhz == 0 && move->gain_balance >= 0);
}

static bool waits_for(const struct order_step *step, uint32_t other)
{
    for (size_t i = 0; i < step->n_depends; i++) {
        if (step->depends[i] == other)
            return true;
    }
    return false;
}

/* The step after it for whose sake this one is made: one that comes the other way, or one that
 * waits for it; NO_INDEX: there is none. */
static uint32_t find_helped(const Order *order, uint32_t index)
{
    const struct order_step *steps = order->steps.items;
    const uint32_t n = (uint32_t)order->steps.len;

    for (uint32_t i = index + 1; i < n; i++) {
        if (steps[i].from == steps[index].to && steps[i].to == steps[index].from)
            return i;
    }
    for (uint32_t i = index + 1; i < n; i++) {
        if (waits_for(&steps[i], index))
            return i;
    }
    return NO_INDEX;
}

struct replay {
    Plan *plan;
    const Order *order;
    enum filter_use use;
    bool unnamed;
    Layout *layout; /* as the steps so far leave it */
    Layout *goal;   /* after all steps */
    struct plan_measure now;
    bool *was_broken; /* per rule, before all steps */
    uint32_t *helps;  /* per step: the one it is made for, NO_INDEX: itself */
};

static void set_step(struct plan_move *move, const Problem *p, const struct order_step *step)
{
    set_names(move, p, step);
    move->detour = step->detour;
    move->start_ms = step->start_ms;
    move->cost_ms = p->vm_cost_ms[step->vm];
    move->cost_mb = p->vm_cost_mb[step->vm];
    move->depends = g_memdup2(step->depends, step->n_depends * sizeof(*step->depends));
    move->n_depends = step->n_depends;
}

/* What must be looked at before the move is made. */
static struct explain_move look_before(const struct replay *r, const struct order_step *step)
{
    struct explain_move words = {
        .vm = step->vm,
        .from = step->from,
        .to = step->to,
        .use = r->use,
        .detour = step->detour,
        .helps = NO_INDEX,
        .unnamed = r->unnamed,
        .goal = r->goal,
        .committed_before = r->layout->committed[step->from],
        .before = explain_loads(r->layout, step->from, step->to),
        .mended = explain_mended_rule(r->layout, step->vm, step->to),
    };

    for (int b = 0; b < N_BOUNDED; b++)
        words.part_before[b] = r->layout->part[b][step->from];
    return words;
}

/* What the move is good for once all moves are made. */
static enum move_reason find_late_reason(const struct replay *r, const struct order_step *step)
{
    struct plan_measure with, without;

    layout_measure(r->goal, &with);
    layout_move(r->goal, step->vm, step->from);
    layout_measure(r->goal, &without);
    layout_move(r->goal, step->vm, step->to);
    return find_reason(r->goal->problem, &without, &with);
}

/* The rule, broken before all steps, that is broken without this one once all others are made;
 * NO_INDEX: none. */
static uint32_t find_late_rule(const struct replay *r, const struct order_step *step)
{
    uint32_t mended;

    layout_move(r->goal, step->vm, step->from);
    mended = explain_mended_rule(r->goal, step->vm, step->to);
    layout_move(r->goal, step->vm, step->to);
    return mended != NO_INDEX && r->was_broken[mended] ? mended : NO_INDEX;
}

/* A move that mends nothing yet, as one of several that together mend a rule: it is made for that
 * rule, whatever little it does for balance. */
static void take_rule(const struct replay *r, const struct order_step *step, struct plan_move *move,
                      struct explain_move *words)
{
    uint32_t rule = find_late_rule(r, step);

    if (rule == NO_INDEX)
        return;
    words->mended = rule;
    move->reason = MOVE_RULE;
    move->rating =
        MAX(move->rating, r->layout->problem->rules->rules[rule].must ? RATING_MUST : RATING_MOST);
}

static uint32_t helped_rule(const struct replay *r, uint32_t helped)
{
    return helped == NO_INDEX ? NO_INDEX : find_late_rule(r, &r->order->steps.items[helped]);
}

/* For whose sake, if not its own: of one move, or of all that follow. */
static void find_sake(struct replay *r, uint32_t index, struct plan_move *move,
                      struct explain_move *words)
{
    const struct order_step *step = &r->order->steps.items[index];

    r->helps[index] = NO_INDEX;
    if (move->reason == MOVE_EVACUATION)
        return;
    if (step->detour) {
        words->mended = helped_rule(r, find_helped(r->order, index));
        return;
    }
    if (pays_alone(move)) {
        if (is_for_balance(move) && !r->unnamed)
            take_rule(r, step, move, words);
        return;
    }
    r->helps[index] = find_helped(r->order, index);
    if (r->helps[index] != NO_INDEX) {
        words->helps = r->order->steps.items[r->helps[index]].vm;
        words->mended = helped_rule(r, r->helps[index]);
        return;
    }
    move->reason = find_late_reason(r, step);
    if (words->mended == NO_INDEX)
        words->mended = find_late_rule(r, step);
    if (!is_for_balance(move))
        return;
    words->last = index + 1 == r->order->steps.len;
    words->late = !words->last;
}

static void compose_step(struct replay *r, uint32_t index)
{
    const struct order_step *step = &r->order->steps.items[index];
    const Problem *p = r->layout->problem;
    bool is_drain = r->use == FILTER_USE_DRAIN;
    struct explain_move words = look_before(r, step);
    struct plan_move *move = plan_add_move(r->plan);
    struct plan_measure after;

    set_step(move, p, step);
    if (!step->detour)
        set_text(&move->rejected, explain_rejected(r->goal, &words));
    layout_move(r->layout, step->vm, step->to);
    layout_measure(r->layout, &after);
    set_gains(move, &r->now, &after);
    move->reason = is_drain ? MOVE_EVACUATION : find_reason(p, &r->now, &after);
    move->rating = find_rating(move, &r->now, &after);
    move->automatic =
        is_drain || (is_automatic(p, p->vm[step->vm]) && !waits_for_manual(r->plan, move));
    find_sake(r, index, move, &words);
    words.reason = move->reason;
    words.others = move->rejected;
    set_text(&move->text, explain_move(r->layout, &words));
    r->now = after;
}

/* The last leg of a detour. */
static uint32_t find_last_leg(const Plan *plan, uint32_t index)
{
    for (uint32_t i = index + 1; i < plan->moves.len; i++) {
        if (plan->moves.items[i].vm_id == plan->moves.items[index].vm_id)
            return i;
    }
    return NO_INDEX;
}

/* What is done for another move's sake has that move's reason. */
static void copy_reasons(const struct replay *r)
{
    for (uint32_t i = 0; i < r->plan->moves.len; i++) {
        struct plan_move *move = &r->plan->moves.items[i];
        uint32_t other = move->detour ? find_last_leg(r->plan, i) : r->helps[i];

        if (other == NO_INDEX)
            continue;
        move->reason = r->plan->moves.items[other].reason;
        move->rating = r->plan->moves.items[other].rating;
    }
}

static bool *find_broken(const Layout *layout)
{
    uint32_t n = layout->problem->rules->n_rules;
    bool *broken = g_new0(bool, n + 1);

    for (uint32_t i = 0; i < n; i++)
        broken[i] = rules_is_broken(layout, i);
    return broken;
}

static void compose(Plan *plan, const Problem *problem, const Order *order,
                    const struct replay *how)
{
    const struct layout_price free_moves = { 0 };
    g_autoptr(Layout) layout = layout_new(problem, &free_moves);
    g_autoptr(Layout) goal = layout_new(problem, &free_moves);
    g_autofree uint32_t *helps = g_new0(uint32_t, order->steps.len + 1);
    g_autofree bool *was_broken = find_broken(layout);
    struct replay replay = *how;

    replay.plan = plan;
    replay.order = order;
    replay.layout = layout;
    replay.goal = goal;
    replay.helps = helps;
    replay.was_broken = was_broken;

    for (size_t i = 0; i < order->steps.len; i++)
        layout_move(goal, order->steps.items[i].vm, order->steps.items[i].to);
    layout_measure(layout, &plan->before);
    replay.now = plan->before;
    for (uint32_t i = 0; i < order->steps.len; i++)
        compose_step(&replay, i);
    copy_reasons(&replay);
    plan->after = replay.now;
    plan->makespan_ms = order->makespan_ms;
}

void compose_moves(Plan *plan, const Problem *problem, const Order *order, enum filter_use use)
{
    compose(plan, problem, order, &(struct replay){ .use = use });
}

void compose_unnamed_moves(Plan *plan, const Problem *problem, const Order *order)
{
    compose(plan, problem, order, &(struct replay){ .use = FILTER_USE_DRS, .unnamed = true });
}
