/* vm_grow.c - see vm_grow.h. */
#include "config.h"

#include "controller/vm_grow.h"

#include "base/err.h"
#include "controller/vm_order.h"
#include "model/reason.h"
#include "scheduler/admission.h"
#include "scheduler/grow.h"
#include "scheduler/sched_params.h"

#define MAX_TRIES 10 /* each time something else in the cluster was placed, or moved */

struct growth {
    struct call *call;
    void (*write)(struct call *call);
    Snapshot *snap; /* that was judged */
    struct sched_params params;
    unsigned tries;
    GError *error;
};

/* ---- on the worker ----------------------------------------------------------------------------
 */

static void run(void *thread_state, void *data)
{
    struct growth *growth = data;

    (void)thread_state;
    if (grow_check(growth->snap, growth->call->op->vm, &growth->params, &growth->error))
        (void)admission_check_growth(growth->snap, growth->call->op->vm, &growth->params,
                                     &growth->error);
}

/* ---- is what was judged still so? -------------------------------------------------------------
 */

static bool is_same_host(const Host *a, const Host *b)
{
    return a == b || (b && a->generation == b->generation && a->cluster_id == b->cluster_id &&
                      a->status == b->status && a->connected == b->connected &&
                      a->maintaining == b->maintaining && a->draining == b->draining);
}

static bool is_same_vm(const Vm *a, const Vm *b)
{
    return a == b || (b && a->generation == b->generation && a->run_gen == b->run_gen &&
                      vm_is_placed(a) == vm_is_placed(b) && a->host_id == b->host_id &&
                      a->target_host_id == b->target_host_id);
}

/* All of this cluster that a has is in b, as it was; loads do not count. */
static bool holds_in(const Snapshot *a, const Snapshot *b, int64_t cluster_id)
{
    for (size_t i = 0; i < a->n_hosts; i++) {
        if (a->hosts[i]->cluster_id == cluster_id &&
            !is_same_host(a->hosts[i], snapshot_host(b, a->hosts[i]->id)))
            return false;
    }
    for (size_t i = 0; i < a->n_vms; i++) {
        if (a->vms[i]->cluster_id == cluster_id && vm_is_placed(a->vms[i]) &&
            !is_same_vm(a->vms[i], snapshot_vm(b, a->vms[i]->id)))
            return false;
    }
    return true;
}

static bool is_still_so(const struct growth *growth, const Snapshot *now)
{
    int64_t cluster_id = growth->call->op->vm->cluster_id;
    const Cluster *was = snapshot_cluster(growth->snap, cluster_id);
    const Cluster *is = snapshot_cluster(now, cluster_id);

    return was && is && was->generation == is->generation &&
           holds_in(growth->snap, now, cluster_id) && holds_in(now, growth->snap, cluster_id);
}

/* ---- on the loop ------------------------------------------------------------------------------
 */

static void free_growth(struct growth *growth)
{
    snapshot_unref(growth->snap);
    g_clear_error(&growth->error);
    g_free(growth);
}

static void fail(struct growth *growth)
{
    call_fail(growth->call, growth->error);
    free_growth(growth);
}

static void ask(struct growth *growth);

static void take_turn(const GError *error, void *user)
{
    struct growth *growth = user;
    struct app *app = growth->call->app;

    if (error) {
        growth->error = g_error_copy(error);
        fail(growth);
        return;
    }
    inventory_publish(app->inv);
    if (is_still_so(growth, inventory_peek(app->inv))) {
        growth->write(growth->call);
        free_growth(growth);
        return;
    }
    vm_order_turn_over(app);
    ask(growth);
}

static void answered(void *data, bool ran)
{
    struct growth *growth = data;

    if (!ran && !growth->error)
        err_set_reason(&growth->error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                       "this controller is stopping");
    if (growth->error)
        fail(growth);
    else
        vm_order_turn(growth->call->app, take_turn, growth);
}

static bool submit(struct growth *growth, GError **error)
{
    struct app *app = growth->call->app;
    g_autofree char *key =
        g_strdup_printf("cluster:%" G_GINT64_FORMAT, growth->call->op->vm->cluster_id);

    if (growth->tries++ == MAX_TRIES) {
        err_set_reason(error, VRM_ERR_BUSY, REASON_BUSY, NULL,
                       "the VM's cluster changes faster than the change can be checked; try again "
                       "later");
        return false;
    }
    inventory_publish(app->inv);
    snapshot_unref(growth->snap);
    growth->snap = inventory_snapshot(app->inv);
    app_sched_params(app, &growth->params);
    if (work_pool_submit(app->checks, key, run, answered, growth))
        return true;
    err_set_reason(error, VRM_ERR_BUSY, REASON_BUSY, NULL,
                   "too many changes are waiting to be checked; try again later");
    return false;
}

static void ask(struct growth *growth)
{
    if (!submit(growth, &growth->error))
        fail(growth);
}

void vm_grow(struct call *call, void (*write)(struct call *call))
{
    struct growth *growth = g_new0(struct growth, 1);

    growth->call = call;
    growth->write = write;
    ask(growth);
}
