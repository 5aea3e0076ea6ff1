/* ops_ask.c - see ops_ask.h. */
#include "config.h"

#include "api/ops_ask.h"

#include <glib.h>

void op_right_free(struct op_right *right)
{
    if (!right)
        return;
    for (unsigned i = 0; i < right->n_owners; i++) {
        g_free(right->owners[i].incarnation);
        g_free(right->owners[i].authority);
    }
    g_free(right->authority);
    g_free(right->text);
    g_free(right);
}

void op_explain_free(struct op_explain *explain)
{
    for (size_t i = 0; i < explain->n_hosts; i++) {
        g_free(explain->hosts[i].name);
        g_free(explain->hosts[i].text);
    }
    g_free(explain->hosts);
    g_free(explain->here);
    g_free(explain->stays);
    g_free(explain->start);
    op_right_free(explain->right);
    g_free(explain);
}

static void loss_clear(struct op_loss *loss)
{
    for (int64_t i = 0; i < loss->n_vms; i++) {
        g_free(loss->vms[i].vm_name);
        g_free(loss->vms[i].text);
    }
    g_free(loss->vms);
    g_free(loss->host_name);
    g_free(loss->text);
}

void op_failover_free(struct op_failover *failover)
{
    for (size_t i = 0; i < failover->n_hosts; i++)
        loss_clear(&failover->hosts[i]);
    g_free(failover->hosts);
    g_free(failover->text);
    g_free(failover);
}

void op_capacity_free(struct op_capacity *capacity)
{
    g_free(capacity->text);
    g_free(capacity);
}

void op_drain_free(struct op_drain *drain)
{
    for (size_t i = 0; i < drain->n_moves; i++) {
        g_free(drain->moves[i].vm_name);
        g_free(drain->moves[i].after);
        g_free(drain->moves[i].text);
        g_free(drain->moves[i].rejected);
    }
    for (size_t i = 0; i < drain->n_stays; i++) {
        g_free(drain->stays[i].vm_name);
        g_free(drain->stays[i].text);
    }
    g_free(drain->moves);
    g_free(drain->stays);
    g_free(drain->text);
    g_free(drain->policy);
    g_free(drain);
}

void op_ha_free(struct op_ha *ha)
{
    for (size_t i = 0; i < ha->n_hosts; i++) {
        g_free(ha->hosts[i].name);
        for (size_t j = 0; j < ha->hosts[i].n_leases; j++)
            g_free(ha->hosts[i].leases[j].authority);
        g_free(ha->hosts[i].leases);
        g_strfreev(ha->hosts[i].lost_stores);
    }
    for (size_t i = 0; i < ha->n_vms; i++) {
        g_free(ha->vms[i].name);
        g_free(ha->vms[i].why);
    }
    g_free(ha->hosts);
    g_free(ha->vms);
    g_free(ha->disarmed_by);
    g_free(ha->text);
    g_free(ha);
}
