/* drift.c - see drift.h.
 *
 * A waiting move costs nothing to drop, so it must still repay half of its price; a running one has
 * paid already, so it is called off only when the cluster is better without it, and not for mere
 * balance when it is half done.  What mends a rule or ends an overload is measured by the objective
 * like everything else: leaving it out then makes the score worse, and it is kept. */
#include "config.h"

#include "scheduler/drift.h"

#include <inttypes.h>

#include "scheduler/balance.h"
#include "scheduler/filter.h"
#include "scheduler/search.h"

#define LEVEL_MEDIUM 5
#define HALF_DONE    50 /* percent */

struct drift {
    const Problem *problem;
    Layout *goal; /* everything that is not dropped is done */
    Search *search;
    const struct balance_level *level;
    const struct drift_move *moves;
    size_t n_moves;
    struct drift_verdict *verdicts;
};

void drift_verdicts_free(struct drift_verdict *verdicts, size_t n)
{
    for (size_t i = 0; verdicts && i < n; i++)
        g_free(verdicts[i].why);
    g_free(verdicts);
}

static void advise(struct drift *d, size_t i, char *why)
{
    g_free(d->verdicts[i].why);
    d->verdicts[i].advice = d->moves[i].running ? DRIFT_CANCEL : DRIFT_DROP;
    d->verdicts[i].why = why;
}

static bool is_last_of_vm(const struct drift *d, size_t i)
{
    for (size_t j = i + 1; j < d->n_moves; j++) {
        if (d->moves[j].vm_id == d->moves[i].vm_id)
            return false;
    }
    return true;
}

static bool is_dropped(const struct drift *d, size_t i)
{
    return d->verdicts[i].advice != DRIFT_KEEP;
}

/* Where the VM would be without its moves. */
static uint32_t source_of(const struct drift *d, size_t i)
{
    size_t first = i;

    for (size_t j = 0; j < i; j++) {
        if (d->moves[j].vm_id == d->moves[i].vm_id) {
            first = j;
            break;
        }
    }
    return problem_find_host(d->problem, d->moves[first].from_id);
}

/* ---- what has become impossible ------------------------------------------------------------- */

static bool is_where_it_was(const struct drift *d, const struct drift_move *move, uint32_t vm)
{
    uint32_t at = vm == NO_INDEX ? NO_INDEX : d->problem->vm_home[vm];

    return at != NO_INDEX && (at == problem_find_host(d->problem, move->from_id) ||
                              at == problem_find_host(d->problem, move->to_id));
}

static char *gone_text(const struct drift *d, const struct drift_move *move)
{
    const Vm *vm = snapshot_vm(d->problem->snap, move->vm_id);
    const Host *from = snapshot_host(d->problem->snap, move->from_id);

    return g_strdup_printf("%s is not on %s any more", vm ? vm->name : "the VM",
                           from ? from->name : "its host");
}

/* The move as the first of its VM: whether it is there and the target takes it. */
static char *impossible_text(const struct drift *d, size_t i)
{
    const struct drift_move *move = &d->moves[i];
    uint32_t vm = problem_find_vm(d->problem, move->vm_id);
    uint32_t to = problem_find_host(d->problem, move->to_id);
    bool is_first = source_of(d, i) == problem_find_host(d->problem, move->from_id);
    enum filter_id id;

    if (is_first && !is_where_it_was(d, move, vm))
        return gone_text(d, move);
    if (to == NO_INDEX)
        return g_strdup("its target is not in the cluster any more");
    id = filter_first(d->goal, vm, to, FILTER_USE_STATIC);
    if (id == FILTER_NONE || (move->running && id == FILTER_HOST_STATE))
        return NULL; /* a running one to a host that is cut off ends by itself */
    return filter_text(d->goal, vm, to, id);
}

static void put_in_goal(struct drift *d, size_t i)
{
    uint32_t vm = problem_find_vm(d->problem, d->moves[i].vm_id);
    uint32_t to = problem_find_host(d->problem, d->moves[i].to_id);

    if (vm != NO_INDEX && to != NO_INDEX && d->goal->at[vm] != to)
        layout_move(d->goal, vm, to);
}

static void take_from_goal(struct drift *d, size_t i)
{
    uint32_t vm = problem_find_vm(d->problem, d->moves[i].vm_id);
    uint32_t from = source_of(d, i);

    if (vm != NO_INDEX && from != NO_INDEX && d->goal->at[vm] != NO_INDEX &&
        d->goal->at[vm] != from)
        layout_move(d->goal, vm, from);
}

/* Both of a VM that steps aside go, or none. */
static void drop_with_mates(struct drift *d, size_t i, const char *why)
{
    for (size_t j = 0; j < d->n_moves; j++) {
        if (d->moves[j].vm_id == d->moves[i].vm_id && !is_dropped(d, j))
            advise(d, j, g_strdup(why));
    }
    take_from_goal(d, i);
}

static void drop_impossible(struct drift *d)
{
    for (size_t i = 0; i < d->n_moves; i++) {
        g_autofree char *why = is_dropped(d, i) ? NULL : impossible_text(d, i);

        if (why)
            drop_with_mates(d, i, why);
    }
}

/* ---- what no longer pays -------------------------------------------------------------------- */

static int64_t n_wrong(const struct plan_measure *measure)
{
    return measure->must_broken + measure->should_broken;
}

static char *overload_text(const struct drift *d, uint32_t vm, uint32_t to)
{
    const Problem *p = d->problem;

    return g_strdup_printf("its gain is gone: %s has got busy, it would have %" PRId64
                           " MHz of demand for %" PRId64 " MHz with %s",
                           p->host[to]->name, d->goal->used[RES_CPU][to], p->host_cap[RES_CPU][to],
                           p->vm[vm]->name);
}

/* The goal is left as it was. */
static char *useless_text(struct drift *d, uint32_t vm, uint32_t from, uint32_t to)
{
    struct plan_measure with, without;

    layout_measure(d->goal, &with);
    layout_move(d->goal, vm, from);
    layout_measure(d->goal, &without);
    layout_move(d->goal, vm, to);
    if (n_wrong(&with) > n_wrong(&without))
        return g_strdup_printf("its gain is gone: by the rules %" PRId64
                               " VMs would be at the wrong place with it, %" PRId64 " without it",
                               n_wrong(&with), n_wrong(&without));
    return g_strdup_printf("its gain is gone: imbalance %" PRId64 " per mille with it, %" PRId64
                           " without it",
                           with.imbalance, without.imbalance);
}

/* How much better evenness must be without a running move: noise is no reason to call it off. */
static int64_t margin(const struct drift *d)
{
    int64_t horizon_s = MAX(d->problem->params.horizon_ms / 1000, 1);

    return d->level->min_gain * LOAD_PER_PERMILLE * horizon_s;
}

/* What the layout's price takes for a running move is paid already. */
static bool is_better_without(const struct drift *d, size_t i, const struct score *without)
{
    const struct score *goal = &d->goal->score;
    enum search_gain lost = search_gain(d->search, without, goal);

    if (!d->moves[i].running)
        return lost == GAIN_NONE;
    if (search_gain(d->search, goal, without) >= GAIN_SHOULD)
        return true; /* urgent without it */
    if (lost >= GAIN_SHOULD || d->moves[i].progress >= HALF_DONE)
        return false;
    return goal->soft - without->soft > margin(d);
}

static char *no_gain_text(struct drift *d, size_t i)
{
    uint32_t vm = problem_find_vm(d->problem, d->moves[i].vm_id);
    uint32_t from = source_of(d, i), to = d->goal->at[vm];
    struct score without;

    if (from == NO_INDEX || from == to || !problem_usable(d->problem, from))
        return NULL; /* it cannot go back: its host is to be emptied */
    layout_try(d->goal, vm, from, &without);
    if (!is_better_without(d, i, &without))
        return NULL;
    if (d->goal->used[RES_CPU][to] > d->problem->host_cap[RES_CPU][to])
        return overload_text(d, vm, to);
    return useless_text(d, vm, from, to);
}

/* The last ones first: they were the least valuable.  Each that goes changes what the others are
 * worth, so it is looked at all of them again. */
static void drop_useless(struct drift *d)
{
    bool changed = true;

    for (size_t round = 0; changed && round <= d->n_moves; round++) {
        changed = false;
        for (size_t i = d->n_moves; i > 0 && !changed; i--) {
            g_autofree char *why = NULL;

            if (is_dropped(d, i - 1) || !is_last_of_vm(d, i - 1))
                continue;
            why = no_gain_text(d, i - 1);
            if (why)
                drop_with_mates(d, i - 1, why);
            changed = why != NULL;
        }
    }
}

/* Moves that need each other, an exchange say, stay or go together. */
static void drop_all_if_useless(struct drift *d)
{
    const struct score goal = d->goal->score;
    size_t n = 0;

    for (size_t i = 0; i < d->n_moves; i++) {
        n += !is_dropped(d, i);
        if (d->moves[i].running && !is_dropped(d, i))
            return; /* the others may be waiting for it */
    }
    for (size_t i = 0; i < d->n_moves && n > 1; i++) {
        if (!is_dropped(d, i))
            take_from_goal(d, i);
    }
    if (n < 2)
        return;
    for (size_t i = 0; i < d->n_moves; i++) {
        if (is_dropped(d, i))
            continue;
        if (search_gain(d->search, &d->goal->score, &goal) == GAIN_NONE)
            advise(d, i, g_strdup("together these moves gain nothing any more"));
    }
}

/* ---- entry ---------------------------------------------------------------------------------- */

static void judge(struct drift *d)
{
    const struct layout_price price = { .lambda_percent = d->level->lambda_percent / 2,
                                        .min_gain = d->level->min_gain / 2 };

    d->goal = layout_new(d->problem, &price);
    d->search = search_new(d->goal);
    for (size_t i = 0; i < d->n_moves; i++)
        put_in_goal(d, i);
    drop_impossible(d);
    drop_useless(d);
    drop_all_if_useless(d);
    search_free(d->search);
    layout_free(d->goal);
}

bool drift_judge(const Snapshot *snap, const struct drift_question *question,
                 const struct sched_params *params, struct drift_verdict **ret_verdicts,
                 GError **error)
{
    g_autoptr(Problem) problem = problem_new(snap, question->cluster_id, params, 0, error);
    g_autofree char *trouble = NULL;
    struct drift d = { .problem = problem, .moves = question->moves, .n_moves = question->n_moves };
    int hour = CLAMP(params->local_hour, 0, HOURS_PER_DAY - 1);

    if (!problem)
        return false;
    d.verdicts = g_new0(struct drift_verdict, d.n_moves + 1);
    d.level = balance_level(problem->cluster->drs.limen[hour]);
    if (!d.level)
        d.level = balance_level(LEVEL_MEDIUM);
    trouble = problem_data_trouble(problem);
    if (!trouble)
        judge(&d);
    *ret_verdicts = d.verdicts;
    return true;
}
