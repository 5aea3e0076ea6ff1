/* rule_check.c - see rule_check.h. */
#include "config.h"

#include "controller/rule_check.h"

#include "base/err.h"
#include "model/reason.h"
#include "scheduler/rules.h"

struct check {
    struct call *call;
    Commit *commit;
    Snapshot *snap;
    int64_t cluster_id;
    void (*submit)(struct call *call, Commit *commit);
    bool unsure;
    GError *error;
};

static void free_check(struct check *check)
{
    commit_free(check->commit);
    snapshot_unref(check->snap);
    g_clear_error(&check->error);
    g_free(check);
}

/* ---- on the worker ----------------------------------------------------------------------------
 */

/* All changes of one request together: what it deletes no longer forbids what it makes, and what it
 * makes may contradict itself. */
static bool check_rules(struct check *check)
{
    const struct op *op = check->call->op;
    g_autofree const Rule **put = g_new0(const Rule *, op->n_rules + 1);
    g_autofree int64_t *dropped = g_new0(int64_t, op->n_rules + 1);
    struct rules_change change = { .put = put, .dropped = dropped };

    for (size_t i = 0; i < op->n_rules; i++) {
        if (op->rules[i].operation == RULE_DELETE)
            dropped[change.n_dropped++] = op->rules[i].rule->id;
        else
            put[change.n_put++] = op->rules[i].rule;
    }
    return rules_check_change(check->snap, check->cluster_id, &change, &check->unsure,
                              &check->error);
}

static void run(void *thread_state, void *data)
{
    struct check *check = data;

    (void)thread_state;
    if (check->call->op->kind == OP_GROUP_UPDATE)
        (void)rules_check_group(check->snap, check->call->op->group, &check->unsure, &check->error);
    else
        (void)check_rules(check);
}

/* ---- on the loop ------------------------------------------------------------------------------
 */

/* They are accepted: nothing is known against them. */
static void tell_unsure(const struct check *check, const Cluster *cluster)
{
    commit_event(check->commit,
                 &(struct commit_event){ .severity = EVENT_WARNING,
                                         .name = "RulesNotProven",
                                         .kind = OBJECT_CLUSTER,
                                         .object_id = cluster->id,
                                         .object_name = cluster->name },
                 "the rules of cluster %s were accepted, but so many of them hang together that "
                 "nobody knows whether all can be met; one that cannot will have an alarm",
                 cluster->name);
}

static bool is_as_it_was(const struct check *check, GError **error)
{
    const Cluster *now = call_cluster(check->call, check->cluster_id, error);

    return now && call_is_current(snapshot_cluster(check->snap, check->cluster_id)->generation,
                                  now->generation, now->name, error);
}

static void answered(void *data, bool ran)
{
    struct check *check = data;

    if (!ran)
        err_set_reason(&check->error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                       "this controller is stopping");
    if (check->error || !is_as_it_was(check, &check->error)) {
        call_fail(check->call, check->error);
    } else {
        if (check->unsure)
            tell_unsure(check, snapshot_cluster(check->snap, check->cluster_id));
        check->submit(check->call, g_steal_pointer(&check->commit));
    }
    free_check(check);
}

void rule_check(struct call *call, Commit *commit, int64_t cluster_id,
                void (*submit)(struct call *call, Commit *commit))
{
    struct check *check = g_new0(struct check, 1);
    g_autofree char *key = g_strdup_printf("cluster:%" G_GINT64_FORMAT, cluster_id);

    inventory_publish(call->app->inv);
    *check = (struct check){ .call = call,
                             .commit = commit,
                             .snap = inventory_snapshot(call->app->inv),
                             .cluster_id = cluster_id,
                             .submit = submit };
    if (work_pool_submit(call->app->checks, key, run, answered, check))
        return;
    err_set_reason(&check->error, VRM_ERR_BUSY, REASON_BUSY, NULL,
                   "too many changes are waiting to be checked; try again later");
    call_fail(call, check->error);
    free_check(check);
}
