/* ops.c - see ops.h. */
#include "config.h"

#include "api/ops.h"

#include <string.h>

static const struct {
    const char *name;
    bool mutates;
} op_kinds[] = {
#define X(name, text, mutates) { text, mutates },
    OP_KINDS(X)
#undef X
};

const char *op_kind_name(enum op_kind kind)
{
    g_assert((size_t)kind < G_N_ELEMENTS(op_kinds));
    return op_kinds[kind].name;
}

bool op_kind_mutates(enum op_kind kind)
{
    g_assert((size_t)kind < G_N_ELEMENTS(op_kinds));
    return op_kinds[kind].mutates;
}

struct op *op_new(enum op_kind kind)
{
    struct op *op = g_new0(struct op, 1);

    op->kind = kind;
    op->user = g_strdup("");
    op->address = g_strdup("");
    op->request_id = g_strdup("");
    op->query.limit = -1;
    op->query.cancelled = -1;
    op->query.type = g_strdup("");
    op->query.user = g_strdup("");
    op->query.status = g_strdup("");
    op->query.name = g_strdup("");
    return op;
}

static void free_secret(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    g_free(secret);
}

static void query_clear(struct op_query *query)
{
    g_free(query->type);
    g_free(query->user);
    g_free(query->status);
    g_free(query->name);
    g_free(query->ids);
}

void op_free(struct op *op)
{
    if (!op)
        return;
    g_free(op->user);
    g_free(op->address);
    g_free(op->request_id);
    g_clear_pointer(&op->cluster, cluster_unref);
    g_clear_pointer(&op->host, host_unref);
    g_clear_pointer(&op->vm, vm_unref);
    g_clear_pointer(&op->group, group_unref);
    g_clear_pointer(&op->datastore, datastore_unref);
    for (size_t i = 0; i < op->n_rules; i++)
        g_clear_pointer(&op->rules[i].rule, rule_unref);
    g_free(op->rules);
    g_free(op->overrides);
    g_free(op->recommendations);
    g_free(op->login_name);
    free_secret(op->login_key);
    g_free(op->session_hash);
    free_secret(op->old_key);
    free_secret(op->new_key);
    query_clear(&op->query);
    alarm_filter_clear(&op->alarms);
    g_free(op);
}

static void user_clear(struct op_user *user)
{
    g_free(user->name);
    g_free(user->roles);
    g_free(user->description);
}

static void event_clear(struct op_event *event)
{
    g_free(event->name);
    g_free(event->object_name);
    g_free(event->text);
}

static void audit_clear(struct op_audit *audit)
{
    g_free(audit->user);
    g_free(audit->address);
    g_free(audit->operation);
    g_free(audit->object);
    g_free(audit->result);
}

static void imc_free(struct op_imc *imc)
{
    for (size_t i = 0; i < imc->n_hosts; i++) {
        g_free(imc->hosts[i].name);
        g_free(imc->hosts[i].newest);
        g_free(imc->hosts[i].text);
        g_strfreev(imc->hosts[i].missing);
    }
    for (size_t i = 0; i < imc->n_vms; i++) {
        g_free(imc->vms[i].name);
        g_free(imc->vms[i].cpu);
        g_free(imc->vms[i].text);
        g_strfreev(imc->vms[i].features);
    }
    g_free(imc->hosts);
    g_free(imc->vms);
    g_free(imc->now);
    g_free(imc->mode);
    g_free(imc->common);
    g_free(imc->text);
    g_free(imc);
}

static void op_dpm_free(struct op_dpm *dpm)
{
    for (size_t i = 0; i < dpm->n_hosts; i++) {
        g_free(dpm->hosts[i].name);
        g_free(dpm->hosts[i].text);
        g_free(dpm->hosts[i].trouble);
    }
    g_free(dpm->hosts);
    g_free(dpm->verdict);
    g_free(dpm);
}

void op_result_clear(struct op_result *result)
{
    g_clear_error(&result->error);
    g_free(result->note);
    user_clear(&result->user);
    for (size_t i = 0; i < result->n_tasks; i++)
        task_unref(result->tasks[i]);
    g_free(result->tasks);
    for (size_t i = 0; i < result->n_recommendations; i++)
        recommendation_unref(result->recommendations[i]);
    g_free(result->recommendations);
    g_clear_pointer(&result->imc, imc_free);
    for (size_t i = 0; i < result->n_alarms; i++)
        alarm_free(result->alarms[i]);
    g_free(result->alarms);
    g_clear_pointer(&result->explain, op_explain_free);
    g_clear_pointer(&result->failover, op_failover_free);
    g_clear_pointer(&result->capacity, op_capacity_free);
    g_clear_pointer(&result->drain, op_drain_free);
    g_clear_pointer(&result->dpm, op_dpm_free);
    g_clear_pointer(&result->ha, op_ha_free);
    for (size_t i = 0; i < result->n_incidents; i++)
        incident_free(result->incidents[i]);
    g_free(result->incidents);
    for (size_t i = 0; i < result->n_events; i++)
        event_clear(&result->events[i]);
    g_free(result->events);
    for (size_t i = 0; i < result->n_audits; i++)
        audit_clear(&result->audits[i]);
    g_free(result->audits);
    for (size_t i = 0; i < result->n_users; i++)
        user_clear(&result->users[i]);
    g_free(result->users);
    memset(result, 0, sizeof(*result));
}
