/* starts.c - see starts.h.
 *
 * Placing a VM is cheap, asking whether the HA policy still holds is not: so the question is asked
 * after many, and only if the answer is no the many are taken back and become fewer. */
#include "config.h"

#include "scheduler/starts.h"

#include <inttypes.h>

#include "base/err.h"
#include "model/reason.h"
#include "scheduler/admission.h"
#include "scheduler/filter.h"
#include "scheduler/layout.h"
#include "scheduler/place.h"

void start_answer_clear(struct start_answer *answer)
{
    g_free(answer->why);
    g_clear_error(&answer->error);
    *answer = (struct start_answer){ 0 };
}

/* The wants of one cluster. */
struct batch {
    const Snapshot *snap;
    Problem *problem, *open; /* open: as after a failure; NULL: nothing is kept free */
    Layout *layout, *after;  /* the same VMs stand in both */
    const struct start_want **wants;
    struct start_answer **answers;
    uint32_t *vm, *host; /* of each want */
    size_t n;
};

/* ---- one VM --------------------------------------------------------------------------------- */

static void put(struct batch *b, size_t i, uint32_t host)
{
    b->host[i] = host;
    layout_move(b->layout, b->vm[i], host);
    if (b->after)
        layout_move(b->after, b->vm[i], host);
}

static void take_back(struct batch *b, size_t i)
{
    put(b, i, NO_INDEX);
    start_answer_clear(b->answers[i]);
}

static bool check_named(const struct batch *b, size_t i, Layout *l, GError **error)
{
    uint32_t host;
    enum filter_id id;

    if (!filter_check_pair(b->snap, b->wants[i]->vm_id, b->wants[i]->host_id, error))
        return false;
    host = problem_find_host(b->problem, b->wants[i]->host_id);
    id = filter_first(l, b->vm[i], host, FILTER_USE_START);
    if (id != FILTER_NONE)
        filter_refuse(l, b->vm[i], host, id, error);
    return id == FILTER_NONE;
}

static Placement *find_place(const struct batch *b, size_t i, Layout *l, GError **error)
{
    Placement *placement;

    if (b->wants[i]->host_id != 0) {
        if (!check_named(b, i, l, error))
            return NULL;
        return place_on(l, b->vm[i], problem_find_host(b->problem, b->wants[i]->host_id));
    }
    placement =
        place_away(l, b->vm[i],
                   b->wants[i]->leave_id != 0 ? problem_find_host(b->problem, b->wants[i]->leave_id)
                                              : NO_INDEX);
    if (placement->host_id != 0)
        return placement;
    place_error(placement, error);
    placement_free(placement);
    return NULL;
}

static void place_one(struct batch *b, size_t i)
{
    struct start_answer *answer = b->answers[i];
    Layout *l = b->wants[i]->recovery && b->after ? b->after : b->layout;
    g_autoptr(Placement) placement = find_place(b, i, l, &answer->error);

    if (!placement)
        return;
    answer->host_id = placement->host_id;
    answer->why = g_strdup_printf("%s%s%s", placement->text,
                                  *placement->rejected ? "; rejected: " : "", placement->rejected);
    put(b, i, problem_find_host(b->problem, placement->host_id));
}

/* ---- the HA policy -------------------------------------------------------------------------- */

static bool is_placed(const struct batch *b, size_t i)
{
    return b->host[i] != NO_INDEX;
}

/* Is there anybody among them for whom the policy must hold? */
static bool must_ask(const struct batch *b, size_t from, size_t n)
{
    for (size_t i = from; i < from + n; i++) {
        if (is_placed(b, i) && !b->wants[i]->recovery)
            return b->after != NULL;
    }
    return false;
}

/* *ret_text, *ret_remedy: when it does not hold; caller frees. */
static bool policy_holds(const struct batch *b, char **ret_text, char **ret_remedy)
{
    struct admission_verdict verdict;

    admission_check_layout(b->after, -1, &verdict, ret_remedy);
    *ret_text = verdict.text;
    return verdict.holds;
}

static void refuse(struct batch *b, size_t i, const char *text, const char *remedy)
{
    take_back(b, i);
    err_set_reason(&b->answers[i]->error, VRM_ERR_NO_CAPACITY, REASON_NO_RESOURCES, NULL,
                   "%s cannot start: the HA policy of cluster %s would not hold: %s; what would be "
                   "right: %s",
                   b->problem->vm[b->vm[i]]->name, b->problem->cluster->name, text, remedy);
}

/* Places n wants; false if they, being several, were taken back. */
static bool place_some(struct batch *b, size_t from, size_t n)
{
    g_autofree char *text = NULL, *remedy = NULL;

    for (size_t i = from; i < from + n; i++)
        place_one(b, i);
    if (!must_ask(b, from, n) || policy_holds(b, &text, &remedy))
        return true;
    if (n == 1) {
        refuse(b, from, text, remedy);
        return true;
    }
    for (size_t i = from; i < from + n; i++)
        take_back(b, i);
    return false;
}

static void place_all(struct batch *b)
{
    size_t some = b->n;

    for (size_t i = 0; i < b->n;) {
        size_t n = MIN(some, b->n - i);

        if (place_some(b, i, n)) {
            some = n < some ? some : n * 2;
            if (n == 1 && b->answers[i]->error) /* full: the next will be refused as well */
                some = 1;
            i += n;
        } else {
            some = n / 2;
        }
    }
}

/* ---- one cluster ---------------------------------------------------------------------------- */

static void refuse_all(struct batch *b, const GError *error)
{
    for (size_t i = 0; i < b->n; i++)
        b->answers[i]->error = g_error_copy(error);
}

static bool make_layouts(struct batch *b, int64_t cluster_id, const struct sched_params *params,
                         GError **error)
{
    const struct layout_price free_moves = { 0 };
    g_autofree int64_t *ids = g_new(int64_t, b->n);
    const struct problem_starts starts = { .ids = ids, .n = b->n };

    for (size_t i = 0; i < b->n; i++)
        ids[i] = b->wants[i]->vm_id;
    qsort(ids, b->n, sizeof(*ids), id_cmp);
    b->problem = problem_new_starts(b->snap, cluster_id, params, &starts, error);
    if (!b->problem)
        return false;
    b->layout = layout_new(b->problem, &free_moves);
    if (!admission_is_wanted(b->problem->cluster))
        return true;
    b->open = problem_new_starts(b->snap, cluster_id, params, &starts, error);
    problem_open_failover(b->open);
    b->after = layout_new(b->open, &free_moves);
    return true;
}

static void place_batch(struct batch *b, int64_t cluster_id, const struct sched_params *params)
{
    g_autoptr(GError) error = NULL;

    if (!make_layouts(b, cluster_id, params, &error)) {
        refuse_all(b, error);
        return;
    }
    for (size_t i = 0; i < b->n; i++) {
        b->vm[i] = problem_find_vm(b->problem, b->wants[i]->vm_id);
        b->host[i] = NO_INDEX;
    }
    place_all(b);
    layout_free(b->after);
    problem_free(b->open);
    layout_free(b->layout);
    problem_free(b->problem);
}

/* ---- entry ---------------------------------------------------------------------------------- */

/* From the first on, those of its cluster that have no answer yet. */
static void place_cluster(const Snapshot *snap, const struct start_want *wants, size_t n,
                          int64_t cluster_id, const struct sched_params *params,
                          struct start_answer *answers)
{
    g_autofree const struct start_want **mine = g_new0(const struct start_want *, n);
    g_autofree struct start_answer **theirs = g_new0(struct start_answer *, n);
    g_autofree uint32_t *vm = g_new0(uint32_t, n), *host = g_new0(uint32_t, n);
    struct batch batch = { .snap = snap, .wants = mine, .answers = theirs, .vm = vm, .host = host };

    for (size_t i = 0; i < n; i++) {
        const Vm *it = snapshot_vm(snap, wants[i].vm_id);

        if (!it || it->cluster_id != cluster_id)
            continue;
        mine[batch.n] = &wants[i];
        theirs[batch.n++] = &answers[i];
    }
    place_batch(&batch, cluster_id, params);
}

void starts_place(const Snapshot *snap, const struct start_want *wants, size_t n,
                  const struct sched_params *params, struct start_answer *ret_answers)
{
    for (size_t i = 0; i < n; i++)
        ret_answers[i] = (struct start_answer){ 0 };
    for (size_t i = 0; i < n; i++) {
        const Vm *vm = snapshot_vm(snap, wants[i].vm_id);

        if (!vm)
            err_set_reason(&ret_answers[i].error, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL,
                           "there is no VM %" PRId64, wants[i].vm_id);
        else if (ret_answers[i].host_id == 0 && !ret_answers[i].error)
            place_cluster(snap, wants, n, vm->cluster_id, params, ret_answers);
    }
}
