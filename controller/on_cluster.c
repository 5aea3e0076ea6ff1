/* on_cluster.c - clusters with their policies, rules and per-VM overrides. */
#include "config.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "controller/call.h"
#include "controller/imc_gate.h"
#include "controller/rule_check.h"
#include "model/reason.h"
#include "scheduler/imc.h"

static void finish(const GError *error, void *user)
{
    struct call *call = user;
    const struct op *op = call->op;
    struct op_result result = { .object_id = op->cluster->id };

    if (error) {
        call_fail(call, error);
        return;
    }
    result.rule_id = op->n_rules > 0 ? op->rules[0].rule->id : 0;
    if (call->judge_policy)
        explain_policy(call, &result);
    else
        call_result(call, &result);
}

static void finish_baseline(const GError *error, void *user)
{
    struct call *call = user;

    imc_gate_open(call->app->imc, call->op->id);
    finish(error, call);
}

/* The commit has its own reference to the cluster, so the call may read its id afterwards.  Its
 * rules are empty: nothing belongs to the cluster yet, so the API has refused any that name VMs. */
void on_cluster_create(struct call *call)
{
    Cluster *cluster = call->op->cluster;
    Commit *commit = commit_new(&call->app->committer);

    cluster->id = 0;
    cluster->create_ms = clock_wall_ms();
    commit_put_cluster(commit, cluster_ref(cluster));
    for (size_t i = 0; i < call->op->n_rules; i++) {
        Rule *rule = call->op->rules[i].rule;

        rule->create_ms = rule->update_ms = cluster->create_ms;
        commit_put_rule_of(commit, rule_ref(rule), &cluster->id);
    }
    call_audit(call, commit, cluster->name, NULL);
    commit_submit(commit, NULL, finish, call);
}

/* ---- rules ------------------------------------------------------------------------------------
 */

static const Rule *find_rule(const struct call *call, int64_t id, GError **error)
{
    const Rule *rule = snapshot_builder_get_rule(inventory_edit(call->app->inv), id);

    if (rule && rule->cluster_id == call->op->id)
        return rule;
    err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_RULE_MISSING, "ruleIndex",
                   "rule %" G_GINT64_FORMAT " does not exist in this cluster", id);
    return NULL;
}

static void put_rule(const struct call *call, Rule *rule, Commit *commit)
{
    rule->cluster_id = call->op->id;
    rule->update_ms = clock_wall_ms();
    commit_put_rule(commit, rule_ref(rule));
}

static bool add_rule_change(const struct call *call, const struct rule_change *change,
                            Commit *commit, GError **error)
{
    const Rule *current;

    if (change->operation == RULE_CREATE) {
        change->rule->id = 0;
        change->rule->create_ms = clock_wall_ms();
        put_rule(call, change->rule, commit);
        return true;
    }
    current = find_rule(call, change->rule->id, error);
    if (!current)
        return false;
    if (change->operation == RULE_DELETE) {
        commit_delete(commit, OBJECT_RULE, current->id, current->generation);
        return true;
    }
    change->rule->generation = current->generation;
    change->rule->create_ms = current->create_ms;
    put_rule(call, change->rule, commit);
    return true;
}

static bool add_override(const struct call *call, const struct vm_override *override,
                         Commit *commit, GError **error)
{
    const Vm *current = call_vm(call, override->vm_id, error);
    Vm *vm;

    if (!current)
        return false;
    if (current->cluster_id != call->op->id) {
        err_set_reason(error, VRM_ERR_INVALID, REASON_RULE_VM_NOT_IN_CLUSTER, "drsVmConfig",
                       "VM %s is not in this cluster", current->name);
        return false;
    }
    vm = vm_dup(current);
    vm->drs_behavior = override->behavior;
    commit_put_vm(commit, vm);
    return true;
}

static bool is_same_ha(const struct ha_policy *a, const struct ha_policy *b)
{
    return a->enabled == b->enabled && a->control_policy_on == b->control_policy_on &&
           a->control_policy == b->control_policy && a->cpu_reservation == b->cpu_reservation &&
           a->mem_reservation == b->mem_reservation &&
           a->hosts_fault_quantity == b->hosts_fault_quantity && a->custom_slot == b->custom_slot &&
           a->slot_cpu_mhz == b->slot_cpu_mhz && a->slot_mem_mb == b->slot_mem_mb &&
           a->n_failover_hosts == b->n_failover_hosts &&
           (a->n_failover_hosts == 0 ||
            memcmp(a->failover_hosts, b->failover_hosts,
                   a->n_failover_hosts * sizeof(*a->failover_hosts)) == 0);
}

static bool fill_update(const struct call *call, Commit *commit, GError **error)
{
    struct op *op = call->op;
    const Cluster *current = call_cluster(call, op->id, error);

    if (!current ||
        !call_is_current(op->cluster->generation, current->generation, current->name, error))
        return false;
    commit_put_cluster(commit, cluster_ref(op->cluster));
    for (size_t i = 0; i < op->n_rules; i++) {
        if (!add_rule_change(call, &op->rules[i], commit, error))
            return false;
    }
    for (size_t i = 0; i < op->n_overrides; i++) {
        if (!add_override(call, &op->overrides[i], commit, error))
            return false;
    }
    call_audit(call, commit, current->name, NULL);
    return true;
}

/* A start and a new baseline wait for each other: also for one that came during a check. */
static void submit_update(struct call *call, Commit *commit)
{
    const struct op *op = call->op;
    const Cluster *current = call_cluster(call, op->id, NULL);
    g_autofree char *key = g_strdup_printf("cluster:%" G_GINT64_FORMAT, op->id);
    g_autoptr(GError) error = NULL;

    if (!imc_check_change(inventory_peek(call->app->inv), current, op->cluster, &error) ||
        !imc_gate_check_change(call->app, current, op->cluster, &error)) {
        commit_free(commit);
        call_fail(call, error);
        return;
    }
    if (imc_gate_is_change(current, op->cluster)) {
        imc_gate_close(call->app->imc, op->id);
        commit_submit(commit, key, finish_baseline, call);
        return;
    }
    commit_submit(commit, key, finish, call);
}

void on_cluster_update(struct call *call)
{
    g_autoptr(Commit) commit = commit_new(&call->app->committer);
    g_autoptr(GError) error = NULL;

    inventory_publish(call->app->inv);
    if (!fill_update(call, commit, &error)) {
        call_fail(call, error);
        return;
    }
    call->judge_policy =
        !is_same_ha(&call_cluster(call, call->op->id, NULL)->ha, &call->op->cluster->ha);
    if (call->op->n_rules > 0)
        rule_check(call, g_steal_pointer(&commit), call->op->id, submit_update);
    else
        submit_update(call, g_steal_pointer(&commit));
}

/* ---- delete -----------------------------------------------------------------------------------
 */

static bool check_empty(const struct call *call, GError **error)
{
    const Snapshot *snap = inventory_peek(call->app->inv);

    for (size_t i = 0; i < snap->n_hosts; i++) {
        if (snap->hosts[i]->cluster_id != call->op->id)
            continue;
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_CLUSTER_HAS_HOSTS, NULL,
                       "the cluster still has host %s", snap->hosts[i]->name);
        return false;
    }
    for (size_t i = 0; i < snap->n_vms; i++) {
        if (snap->vms[i]->cluster_id != call->op->id)
            continue;
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_CLUSTER_HAS_VMS, NULL,
                       "the cluster still has VM %s", snap->vms[i]->name);
        return false;
    }
    return true;
}

static void deleted(const GError *error, void *user)
{
    struct call *call = user;

    if (error)
        call_fail(call, error);
    else
        call_done(call);
}

void on_cluster_delete(struct call *call)
{
    const Cluster *cluster;
    Commit *commit;
    g_autoptr(GError) error = NULL;

    inventory_publish(call->app->inv);
    cluster = call_cluster(call, call->op->id, &error);
    if (!cluster || !check_empty(call, &error)) {
        call_fail(call, error);
        return;
    }
    commit = commit_new(&call->app->committer);
    commit_delete(commit, OBJECT_CLUSTER, cluster->id, cluster->generation);
    call_audit(call, commit, cluster->name, NULL);
    commit_submit(commit, NULL, deleted, call);
}
