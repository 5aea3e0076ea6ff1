/* on_group.c - resource groups and datastores: small objects without tasks. */
#include "config.h"

#include "base/err.h"
#include "controller/call.h"
#include "controller/rule_check.h"
#include "model/reason.h"

static void finish_group(const GError *error, void *user)
{
    struct call *call = user;

    if (error)
        call_fail(call, error);
    else
        call_task(call, 0, call->op->group ? call->op->group->id : 0);
}

struct member {
    const char *name;
    int64_t cluster_id;
};

static bool find_member(const struct call *call, const Group *group, int64_t id,
                        struct member *ret_member, GError **error)
{
    if (group->type == GROUP_VM) {
        const Vm *vm = call_vm(call, id, error);

        if (vm)
            *ret_member = (struct member){ vm->name, vm->cluster_id };
        return vm != NULL;
    }
    const Host *host = call_host(call, id, error);

    if (host)
        *ret_member = (struct member){ host->name, host->cluster_id };
    return host != NULL;
}

/* Every member must exist and be of the group's cluster. */
static bool check_members(const struct call *call, const Group *group, GError **error)
{
    for (size_t i = 0; i < group->n_members; i++) {
        struct member member;

        if (!find_member(call, group, group->members[i], &member, error))
            return false;
        if (member.cluster_id == group->cluster_id)
            continue;
        err_set_reason(error, VRM_ERR_INVALID,
                       group->type == GROUP_VM ? REASON_RULE_VM_NOT_IN_CLUSTER
                                               : REASON_HOST_NOT_IN_CLUSTER,
                       "groupMembers", "%s is not in this cluster", member.name);
        return false;
    }
    return true;
}

/* Rules and groups are checked against each other as they are when they are written: who changes
 * either takes the cluster's turn (rule_check.h). */
static void take_turn(const struct call *call, int64_t cluster_id, Commit *commit)
{
    const Cluster *cluster =
        snapshot_builder_get_cluster(inventory_edit(call->app->inv), cluster_id);

    if (cluster)
        commit_put_cluster(commit, cluster_dup(cluster));
}

void on_group_create(struct call *call)
{
    Group *group = call->op->group;
    Commit *commit;
    g_autoptr(GError) error = NULL;

    if (!call_cluster(call, group->cluster_id, &error) || !check_members(call, group, &error)) {
        call_fail(call, error);
        return;
    }
    group->id = 0;
    commit = commit_new(&call->app->committer);
    commit_put_group(commit, group_ref(group)); /* no rule can name it yet */
    call_audit(call, commit, group->name, NULL);
    commit_submit(commit, NULL, finish_group, call);
}

static const Group *find_group(const struct call *call, GError **error)
{
    const Group *group = snapshot_builder_get_group(inventory_edit(call->app->inv), call->op->id);

    if (!group)
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_OBJECT_MISSING, NULL,
                       "resource group %" G_GINT64_FORMAT " does not exist", call->op->id);
    return group;
}

static void submit_group(struct call *call, Commit *commit)
{
    commit_submit(commit, NULL, finish_group, call);
}

void on_group_update(struct call *call)
{
    Group *group = call->op->group;
    const Group *current;
    Commit *commit;
    g_autoptr(GError) error = NULL;

    inventory_publish(call->app->inv);
    current = find_group(call, &error);
    if (!current ||
        !call_is_current(group->generation, current->generation, current->name, &error) ||
        !check_members(call, group, &error)) {
        call_fail(call, error);
        return;
    }
    commit = commit_new(&call->app->committer);
    take_turn(call, group->cluster_id, commit);
    commit_put_group(commit, group_ref(group));
    call_audit(call, commit, group->name, NULL);
    rule_check(call, commit, group->cluster_id, submit_group);
}

void on_group_delete(struct call *call)
{
    const Group *group;
    Commit *commit;
    g_autoptr(GError) error = NULL;

    group = find_group(call, &error);
    if (!group) {
        call_fail(call, error);
        return;
    }
    commit = commit_new(&call->app->committer);
    commit_delete(commit, OBJECT_GROUP, group->id, group->generation);
    call_audit(call, commit, group->name, NULL);
    commit_submit(commit, NULL, finish_group, call);
}

/* ---- datastores -------------------------------------------------------------------------------
 */

static void finish_datastore(const GError *error, void *user)
{
    struct call *call = user;

    if (error)
        call_fail(call, error);
    else
        call_task(call, 0, call->op->datastore ? call->op->datastore->id : 0);
}

void on_datastore_create(struct call *call)
{
    Datastore *datastore = call->op->datastore;
    Commit *commit = commit_new(&call->app->committer);

    datastore->id = 0;
    commit_put_datastore(commit, datastore_ref(datastore));
    call_audit(call, commit, datastore->name, NULL);
    commit_submit(commit, NULL, finish_datastore, call);
}

void on_datastore_delete(struct call *call)
{
    const Datastore *datastore =
        snapshot_builder_get_datastore(inventory_edit(call->app->inv), call->op->id);
    Commit *commit;
    g_autoptr(GError) error = NULL;

    if (!datastore) {
        err_set_reason(&error, VRM_ERR_NOT_FOUND, REASON_DATASTORE_MISSING, NULL,
                       "datastore %" G_GINT64_FORMAT " does not exist", call->op->id);
        call_fail(call, error);
        return;
    }
    commit = commit_new(&call->app->committer);
    commit_delete(commit, OBJECT_DATASTORE, datastore->id, datastore->generation);
    call_audit(call, commit, datastore->name, NULL);
    commit_submit(commit, NULL, finish_datastore, call);
}
