/* on_explain.c - questions about decisions: the scheduler answers on a worker, over the snapshot of
 * the moment. */
#include "config.h"

#include "base/err.h"
#include "controller/call.h"
#include "controller/right_show.h"
#include "model/reason.h"
#include "scheduler/admission.h"
#include "scheduler/evacuate.h"
#include "scheduler/explain_vm.h"
#include "scheduler/sched_params.h"
#include "scheduler/whatif.h"

struct question {
    struct call *call;
    Snapshot *snap;
    struct sched_params params;
    bool (*ask)(struct question *question, GError **error);
    struct op_result result;
};

/* ---- on the worker ----------------------------------------------------------------------------
 */

static bool ask_explain(struct question *q, GError **error)
{
    const struct op *op = q->call->op;
    g_autoptr(VmExplanation) x = NULL;
    struct op_explain *answer;

    if (!explain_vm(q->snap, op->id, op->target_host_id, &q->params, &x, error))
        return false;
    answer = g_new0(struct op_explain, 1);
    *answer = (struct op_explain){ .here = g_steal_pointer(&x->here),
                                   .why = x->why,
                                   .stays = g_steal_pointer(&x->stays),
                                   .start_id = x->start_id,
                                   .start = g_steal_pointer(&x->start),
                                   .hosts = g_new0(struct op_explain_host, x->n_hosts + 1),
                                   .n_hosts = x->n_hosts };
    for (size_t i = 0; i < x->n_hosts; i++) {
        struct vm_host_verdict *it = &x->hosts[i];

        answer->hosts[i] = (struct op_explain_host){ .id = it->host_id,
                                                     .name = g_steal_pointer(&it->host_name),
                                                     .here = it->here,
                                                     .fits = it->fits,
                                                     .filter = it->filter,
                                                     .text = g_steal_pointer(&it->text),
                                                     .cpu_permille = it->cpu_permille,
                                                     .mem_permille = it->mem_permille };
    }
    q->result.explain = answer;
    return true;
}

static void copy_fates(struct host_loss *from, struct op_loss *to)
{
    to->vms = g_new0(struct op_fate, from->n_vms + 1);
    for (uint32_t i = 0; i < from->n_vms; i++) {
        struct vm_fate *fate = &from->vms[i];

        to->vms[i] = (struct op_fate){ .vm_id = fate->vm_id,
                                       .mem_mb = fate->mem_mb,
                                       .to_id = fate->to_id,
                                       .end = fate->end,
                                       .vm_name = g_steal_pointer(&fate->vm_name),
                                       .text = g_steal_pointer(&fate->text) };
    }
}

static void copy_losses(HostLosses *losses, struct op_failover *answer)
{
    answer->n_bad = losses->n_bad;
    answer->n_hosts = losses->n_items;
    answer->hosts = g_new0(struct op_loss, losses->n_items + 1);
    for (size_t i = 0; i < losses->n_items; i++) {
        struct host_loss *loss = &losses->items[i];

        answer->hosts[i] = (struct op_loss){ .host_id = loss->host_id,
                                             .host_name = g_steal_pointer(&loss->host_name),
                                             .text = g_steal_pointer(&loss->text),
                                             .n_vms = loss->n_vms,
                                             .n_lost = loss->n_lost,
                                             .n_tied = loss->n_tied,
                                             .n_unguarded = loss->n_unguarded,
                                             .lost_mb = loss->lost_mb };
        copy_fates(loss, &answer->hosts[i]);
    }
}

static bool ask_failover(struct question *q, GError **error)
{
    const struct op *op = q->call->op;
    g_autoptr(HostLosses) losses = NULL;
    struct admission_verdict verdict;
    struct op_failover *answer;

    if (!admission_host_fates(q->snap, op->id, op->target_host_id, &q->params, &losses, error) ||
        !admission_check(q->snap, op->id, -1, &q->params, &verdict, error))
        return false;
    answer = g_new0(struct op_failover, 1);
    answer->wanted = verdict.wanted;
    answer->holds = verdict.holds;
    answer->text = verdict.text;
    copy_losses(losses, answer);
    q->result.failover = answer;
    return true;
}

static bool ask_capacity(struct question *q, GError **error)
{
    const struct op *op = q->call->op;
    const struct admission_size size = { .vcpus = op->size.vcpus,
                                         .mem_mb = op->size.mem_mb,
                                         .reserved_mhz = op->size.reserved_mhz,
                                         .failures = (uint32_t)op->size.failures };
    struct admission_room room;

    if (!admission_room(q->snap, op->id, &size, &q->params, &room, error))
        return false;
    q->result.capacity = g_new0(struct op_capacity, 1);
    *q->result.capacity = (struct op_capacity){
        .size = op->size, .n_now = room.n_now, .n_secure = room.n_secure, .text = room.text
    };
    return true;
}

static bool is_on(const Snapshot *snap, int64_t vm_id, int64_t host_id)
{
    const Vm *vm = snapshot_vm(snap, vm_id);

    return vm && vm->host_id == host_id;
}

static void copy_plan(const struct question *q, Plan *plan, struct op_drain *answer)
{
    answer->text = g_steal_pointer(&plan->verdict);
    answer->duration_ms = plan->makespan_ms;
    answer->n_moves = plan->moves.len;
    answer->moves = g_new0(struct op_drain_move, plan->moves.len + 1);
    for (size_t i = 0; i < plan->moves.len; i++) {
        struct plan_move *move = &plan->moves.items[i];

        answer->moves[i] =
            (struct op_drain_move){ .vm_id = move->vm_id,
                                    .from_id = move->from_id,
                                    .to_id = move->to_id,
                                    .vm_name = g_steal_pointer(&move->vm_name),
                                    .aside = !is_on(q->snap, move->vm_id, q->call->op->id),
                                    .detour = move->detour,
                                    .start_ms = move->start_ms,
                                    .cost_ms = move->cost_ms,
                                    .cost_mb = move->cost_mb,
                                    .after = g_steal_pointer(&move->depends),
                                    .n_after = move->n_depends,
                                    .text = g_steal_pointer(&move->text),
                                    .rejected = g_steal_pointer(&move->rejected) };
        move->n_depends = 0;
    }
    answer->n_stays = plan->stays.len;
    answer->stays = g_new0(struct op_drain_stay, plan->stays.len + 1);
    for (size_t i = 0; i < plan->stays.len; i++) {
        struct plan_stay *stay = &plan->stays.items[i];

        answer->stays[i] = (struct op_drain_stay){ .vm_id = stay->vm_id,
                                                   .vm_name = g_steal_pointer(&stay->vm_name),
                                                   .transient = stay->transient,
                                                   .text = g_steal_pointer(&stay->text) };
    }
}

/* The very plan that a drain would follow, which sees its host in maintenance; and what the HA
 * policy would say when that is done. */
static bool ask_drain(struct question *q, GError **error)
{
    int64_t id = q->call->op->id;
    g_autoptr(Snapshot) closed = whatif_close_host(q->snap, id, error);
    g_autoptr(Plan) plan = NULL;
    g_autoptr(Snapshot) then = NULL;
    struct admission_verdict verdict;

    if (!closed || !evacuate_plan(closed, id, &q->params, &plan, error))
        return false;
    then = whatif_moved(closed, plan);
    if (!admission_check(then, plan->cluster_id, -1, &q->params, &verdict, error))
        return false;
    q->result.drain = g_new0(struct op_drain, 1);
    copy_plan(q, plan, q->result.drain);
    q->result.drain->wanted = verdict.wanted;
    q->result.drain->holds = verdict.holds;
    q->result.drain->policy = verdict.text;
    return true;
}

/* ---- on the loop ------------------------------------------------------------------------------
 */

static void run(void *thread_state, void *data)
{
    struct question *q = data;

    (void)thread_state;
    (void)q->ask(q, &q->result.error);
}

/* Of the moment of the answer; the records are the loop's. */
static void add_right(struct question *q)
{
    const Vm *vm = q->result.explain ? snapshot_vm(q->snap, q->call->op->id) : NULL;

    if (vm)
        q->result.explain->right = right_show(q->call->app, vm);
}

static void answered(void *data, bool ran)
{
    struct question *q = data;

    if (!ran)
        err_set_reason(&q->result.error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                       "this controller is stopping");
    add_right(q);
    snapshot_unref(q->snap);
    call_result(q->call, &q->result);
    g_free(q);
}

static void ask(struct call *call, bool (*fn)(struct question *question, GError **error))
{
    struct question *q = g_new0(struct question, 1);
    g_autoptr(GError) error = NULL;

    inventory_publish(call->app->inv);
    q->call = call;
    q->ask = fn;
    q->snap = inventory_snapshot(call->app->inv);
    app_sched_params(call->app, &q->params);
    if (work_pool_submit(call->app->asks, NULL, run, answered, q))
        return;
    snapshot_unref(q->snap);
    g_free(q);
    err_set_reason(&error, VRM_ERR_BUSY, REASON_BUSY, NULL,
                   "too many questions are waiting for their answers; ask again later");
    call_fail(call, error);
}

/* ---- a policy that does not hold from its first moment ----------------------------------------
 */

static bool ask_policy(struct question *q, GError **error)
{
    struct admission_verdict verdict;
    g_autofree char *text = NULL;

    if (!admission_check(q->snap, q->call->op->id, -1, &q->params, &verdict, error))
        return false;
    text = verdict.text;
    if (!verdict.holds)
        q->result.note = g_strdup_printf("warning: the HA policy does not hold now, and no VM will "
                                         "start until it does: %s",
                                         text);
    return true;
}

/* The cluster is changed, whatever came of the question; a silence would say that all is well. */
static void policy_judged(void *data, bool ran)
{
    struct question *q = data;

    if (!ran || q->result.error)
        q->result.note =
            g_strdup_printf("warning: whether the HA policy holds now could not be "
                            "judged: %s",
                            ran ? q->result.error->message : "too much is waiting to be checked");
    g_clear_error(&q->result.error);
    snapshot_unref(q->snap);
    call_result(q->call, &q->result);
    g_free(q);
}

void explain_policy(struct call *call, const struct op_result *result)
{
    struct question *q = g_new0(struct question, 1);

    inventory_publish(call->app->inv);
    *q = (struct question){ .call = call,
                            .snap = inventory_snapshot(call->app->inv),
                            .ask = ask_policy,
                            .result = *result };
    app_sched_params(call->app, &q->params);
    if (!work_pool_submit(call->app->checks, NULL, run, policy_judged, q))
        policy_judged(q, false);
}

void on_vm_explain(struct call *call)
{
    ask(call, ask_explain);
}

void on_failover(struct call *call)
{
    ask(call, ask_failover);
}

void on_capacity(struct call *call)
{
    ask(call, ask_capacity);
}

void on_drain_plan(struct call *call)
{
    ask(call, ask_drain);
}
