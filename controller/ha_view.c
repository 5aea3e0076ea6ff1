/* ha_view.c - how HA sees the site, for people.  See ha_shell.h. */
#include "config.h"

#include "api/ops_ask.h"
#include "base/clock.h"
#include "controller/ha_shell_private.h"
#include "controller/rights.h"
#include "controller/stores.h"
#include "ha/slot.h"

static int64_t since(int64_t at_ms, int64_t now_ms)
{
    return at_ms == 0 ? -1 : MAX(now_ms - at_ms, 0);
}

static void add_leases(const HaShell *shell, const struct ha_host_slot *slot, int64_t now_ms,
                       struct op_ha_host *host)
{
    const Snapshot *snap = inventory_peek(shell->app->inv);
    struct ha_lease_view lease;

    for (size_t i = 0; ha_view_lease(shell->ha, slot->index, i, &lease); i++) {
        host->leases = g_renew(struct op_ha_lease, host->leases, i + 1);
        host->leases[i] =
            (struct op_ha_lease){ .authority = stores_authority_name(snap, lease.authority),
                                  .boot = lease.inc.boot,
                                  .n = lease.inc.n,
                                  .still_ms = now_ms - lease.since_ms,
                                  .buried = lease.buried,
                                  .shown = lease.authority < HA_STORAGE || lease.seq != 0 };
        host->n_leases = i + 1;
    }
}

static char **names_of_lost(const HaShell *shell, const struct ha_host_slot *slot)
{
    const Snapshot *snap = inventory_peek(shell->app->inv);
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    struct stores stores;

    rights_stores(shell->app->rights, snap, &stores);
    for (size_t i = 0; i < stores.n; i++)
        if (ha_slots_lacks(shell->slots, slot, slot_authority(stores.items[i]->id)))
            g_strv_builder_add(names, stores.items[i]->name);
    return g_strv_builder_end(names);
}

static void fill_known(const HaShell *shell, const struct ha_host_slot *slot,
                       struct op_ha_host *host)
{
    const int64_t now_ms = clock_now_ms();
    struct ha_host_view view;
    struct ha_owner owner;

    ha_view_host(shell->ha, slot->index, now_ms, &view);
    host->state = host_fsm_state_name(view.state);
    host->rule = view.rule ? view.rule->id : 0;
    host->why = view.rule ? view.rule->why : "not judged yet";
    host->since_ms = view.since_ms ? clock_wall_ms() - (now_ms - view.since_ms) : 0;
    host->beat_ms = since(slot->beat_ms, now_ms);
    host->peer_ms = since(slot->peer_ms, now_ms);
    host->agent_ms = since(slot->agent_ms, now_ms);
    host->n_failures = view.n_failures;
    host->takes_vms = ha_may_take(shell->ha, slot->index, HA_ETCD, &owner);
    host->lost_stores = names_of_lost(shell, slot);
    add_leases(shell, slot, now_ms, host);
}

static void fill_host(const HaShell *shell, const Host *about, struct op_ha_host *host)
{
    const struct ha_host_slot *slot = shell->ha ? ha_shell_host(shell, about->id) : NULL;

    *host = (struct op_ha_host){ .id = about->id,
                                 .name = g_strdup(about->name),
                                 .state = "unknown",
                                 .why = "no vrm-hald has a lease for it",
                                 .beat_ms = -1,
                                 .peer_ms = -1,
                                 .agent_ms = -1,
                                 .has_bmc = *about->bmc_ip != '\0' };
    if (slot)
        fill_known(shell, slot, host);
}

static void add_vm(const HaShell *shell, const struct ha_vm_slot *slot, struct op_ha *ha)
{
    const enum vm_fsm_state state = ha_vm_state(shell->ha, slot->index);
    const struct vm_rule *rule = ha_vm_rule(shell->ha, slot->index);

    if (slot->gone || !slot->vm || state == VM_FSM_OFF)
        return;
    ha->n_guarded++;
    ha->n_running += state == VM_FSM_RUNNING;
    if (state == VM_FSM_RUNNING)
        return;
    ha->vms[ha->n_vms++] = (struct op_ha_vm){ .id = slot->id,
                                              .host_id = slot->vm->host_id,
                                              .rule = rule ? rule->id : 0,
                                              .name = g_strdup(slot->vm->name),
                                              .why = g_strdup(ha_vm_why(shell->ha, slot->index)),
                                              .state = vm_fsm_state_name(state) };
}

static const char *obstacle(const HaShell *shell)
{
    if (!shell->app->settings->ha_enabled)
        return "HA is switched off: [ha] enabled of vrmd's configuration";
    if (!shell->ha)
        return "the records in etcd were not read yet";
    if (!shell->armed)
        return "disarmed: VMs of hosts that die are not started elsewhere";
    if (!rights_etcd_ok(shell->app->rights))
        return "etcd does not answer: no death can be proved and no VM be given away until it does";
    return ha_is_braked(shell->ha) ? "too many hosts in doubt at once: no power is cut" : "";
}

struct op_ha *ha_shell_status(const HaShell *shell)
{
    const Snapshot *snap = inventory_peek(shell->app->inv);
    struct op_ha *ha = g_new0(struct op_ha, 1);

    *ha = (struct op_ha){ .enabled = shell->app->settings->ha_enabled,
                          .armed = snap->site->ha_disarmed_ms == 0,
                          .braked = shell->ha && ha_is_braked(shell->ha),
                          .etcd_ok = rights_etcd_ok(shell->app->rights),
                          .ready = shell->ha != NULL,
                          .disarmed_ms = snap->site->ha_disarmed_ms,
                          .disarmed_by = g_strdup(snap->site->ha_disarmed_by),
                          .text = g_strdup(obstacle(shell)),
                          .hosts = g_new0(struct op_ha_host, snap->n_hosts + 1),
                          .n_hosts = snap->n_hosts,
                          .vms = g_new0(struct op_ha_vm, shell->vm_at->len + 1) };
    for (size_t i = 0; i < snap->n_hosts; i++)
        fill_host(shell, snap->hosts[i], &ha->hosts[i]);
    for (guint i = 0; shell->ha && i < shell->vm_at->len; i++)
        add_vm(shell, shell->vm_at->pdata[i], ha);
    return ha;
}
