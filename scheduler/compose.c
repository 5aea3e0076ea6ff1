/* compose.c - see compose.h.  Replays the steps from the present state; each move is judged at the
 * moment it would be made, so that the gains add up to those of the plan. */
#include "config.h"

#include "scheduler/compose.h"

#include <inttypes.h>

#include "scheduler/explain.h"
#include "scheduler/filter.h"

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

/* One step on the replayed layout. */
static void compose_step(Plan *plan, Layout *layout, const Layout *goal,
                         const struct order_step *step, enum filter_use use,
                         struct plan_measure *now)
{
    const Problem *p = layout->problem;
    struct plan_move *move = plan_add_move(plan);
    struct plan_measure after;
    struct explain_move words = {
        .vm = step->vm, .from = step->from, .to = step->to, .use = use, .detour = step->detour
    };

    set_names(move, p, step);
    move->detour = step->detour;
    move->start_ms = step->start_ms;
    move->cost_ms = p->vm_cost_ms[step->vm];
    move->cost_mb = p->vm_cost_mb[step->vm];
    move->depends = g_memdup2(step->depends, step->n_depends * sizeof(*step->depends));
    move->n_depends = step->n_depends;
    if (!step->detour)
        set_text(&move->rejected, explain_rejected(goal, &words));
    words.committed_before = layout->committed[step->from];
    for (int b = 0; b < N_BOUNDED; b++)
        words.part_before[b] = layout->part[b][step->from];
    words.before = explain_loads(layout, step->from, step->to);
    words.mended = explain_mended_rule(layout, step->vm, step->to);
    layout_move(layout, step->vm, step->to);
    layout_measure(layout, &after);
    set_gains(move, now, &after);
    move->reason = use == FILTER_USE_DRAIN ? MOVE_EVACUATION : find_reason(p, now, &after);
    move->rating = find_rating(move, now, &after);
    move->automatic = use == FILTER_USE_DRAIN ||
                      (is_automatic(p, p->vm[step->vm]) && !waits_for_manual(plan, move));
    words.reason = move->reason;
    set_text(&move->text, explain_move(layout, &words));
    *now = after;
}

/* A detour is made for the sake of the leg that ends it. */
static void copy_detour_reasons(Plan *plan)
{
    for (size_t i = 0; i < plan->moves.len; i++) {
        struct plan_move *move = &plan->moves.items[i];

        for (size_t j = i + 1; j < plan->moves.len && move->detour; j++) {
            const struct plan_move *last = &plan->moves.items[j];

            if (last->vm_id == move->vm_id) {
                move->reason = last->reason;
                move->rating = last->rating;
            }
        }
    }
}

void compose_moves(Plan *plan, const Problem *problem, const Order *order, enum filter_use use)
{
    const struct layout_price free_moves = { 0 };
    g_autoptr(Layout) layout = layout_new(problem, &free_moves);
    g_autoptr(Layout) goal = layout_new(problem, &free_moves);
    struct plan_measure now;

    for (size_t i = 0; i < order->steps.len; i++)
        layout_move(goal, order->steps.items[i].vm, order->steps.items[i].to);
    layout_measure(layout, &plan->before);
    now = plan->before;
    for (size_t i = 0; i < order->steps.len; i++)
        compose_step(plan, layout, goal, &order->steps.items[i], use, &now);
    copy_detour_reasons(plan);
    plan->after = now;
    plan->makespan_ms = order->makespan_ms;
}
