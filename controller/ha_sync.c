/* ha_sync.c - the inventory, told to the Ha object; and what that believes, shown in the inventory.
 * See ha_shell_private.h.
 *
 * Only hosts that hold, or held, a lease take part: one without vrm-hald is no business of HA. */
#include "config.h"

#include "base/clock.h"
#include "base/log.h"
#include "controller/alarm.h"
#include "controller/ha_count.h"
#include "controller/ha_shell_private.h"
#include "controller/ha_wish.h"
#include "controller/observe.h"
#include "controller/rights.h"
#include "controller/stores.h"
#include "controller/task.h"
#include "controller/vm_after.h"
#include "ha/slot.h"

#define FULL_SYNC 25    /* each so many looks everything is told, also what did not change */
#define KNOWN_MS  20000 /* after a take-over: which hosts live, and then whose slots stand still */

/* ---- hosts ------------------------------------------------------------------------------------
 */

/* We switched it off, or an administrator works on it: its silence is wanted.  One that was not
 * switched off by order and is being switched on is dead until it is back. */
static bool is_away(const Host *host)
{
    return host->maintaining || host->off_since_ms > 0 || host->off_by_dpm ||
           host->status == HOST_SHUTTING_DOWN || host->status == HOST_POWEROFF;
}

/* Who the host is on each datastore; what came before it was added went by. */
static void tell_slots(const HaShell *shell, const struct ha_host_slot *slot, int64_t now_ms)
{
    struct ha_lease_seen lease;
    struct stores stores;

    rights_stores(shell->app->rights, inventory_peek(shell->app->inv), &stores);
    for (size_t i = 0; i < stores.n; i++) {
        const int32_t authority = slot_authority(stores.items[i]->id);

        if (rights_lease(shell->app->rights, slot->id, authority, &lease))
            ha_see_lease(shell->ha, slot->index, authority, &lease, now_ms);
    }
}

static struct ha_host_slot *add_host(HaShell *shell, const Host *host,
                                     const struct ha_lease_seen *lease, int64_t now_ms)
{
    struct ha_host_slot *slot = g_new0(struct ha_host_slot, 1);

    *slot = (struct ha_host_slot){
        .id = host->id,
        .index = ha_add_host(shell->ha, host->id, *host->bmc_ip != '\0'),
        .name = g_strdup(host->name),
    };
    g_ptr_array_add(shell->host_at, slot);
    (void)g_hash_table_insert(shell->hosts, &slot->id, slot);
    ha_see_lease(shell->ha, slot->index, HA_ETCD, lease, now_ms);
    tell_slots(shell, slot, now_ms);
    return slot;
}

static void sync_host(HaShell *shell, const Host *host, int64_t now_ms)
{
    struct ha_host_slot *slot = ha_shell_host(shell, host->id);
    const int64_t *reboot = g_hash_table_lookup(shell->reboots, &host->id);
    struct ha_lease_seen lease;

    if (!slot && !rights_lease(shell->app->rights, host->id, HA_ETCD, &lease))
        return;
    if (!slot)
        slot = add_host(shell, host, &lease, now_ms);
    if (!g_str_equal(slot->name, host->name)) {
        g_free(slot->name);
        slot->name = g_strdup(host->name);
    }
    ha_expect_reboot(shell->ha, slot->index, reboot ? *reboot : 0);
    ha_set_maintenance(shell->ha, slot->index,
                       (reboot ? host->maintaining : is_away(host)) && !slot->drill);
    ha_set_fence_device(shell->ha, slot->index, *host->bmc_ip != '\0');
}

/* A host that was removed stays as one in maintenance: its lease may still be buried. */
static void drop_hosts(HaShell *shell, const Snapshot *snap)
{
    for (guint i = 0; i < shell->host_at->len; i++) {
        struct ha_host_slot *slot = shell->host_at->pdata[i];

        if (slot->gone || snapshot_host(snap, slot->id))
            continue;
        slot->gone = true;
        ha_set_maintenance(shell->ha, slot->index, true);
        ha_set_fence_device(shell->ha, slot->index, false);
        ha_witness_forget(slot);
    }
}

/* ---- VMs --------------------------------------------------------------------------------------
 */

static int64_t restart_limit(const Vm *vm, const Cluster *cluster)
{
    if (vm->max_restarts > 0)
        return vm->max_restarts;
    return cluster ? cluster->ha.max_restarts : HA_MAX_RESTARTS;
}

/* Its datastore is lost on its host, which lives, and its cluster says: it stays there. */
static bool awaits_store(const HaShell *shell, const Vm *vm, const Cluster *cluster)
{
    const struct ha_vm_seen *seen = rights_of(shell->app->rights, vm->id);
    const struct ha_owner *owner =
        seen && seen->right.n_owners == 1 ? &seen->right.owners[0] : NULL;
    const struct ha_host_slot *host = owner ? ha_shell_host(shell, owner->host) : NULL;

    return host && cluster && cluster->ds_fault_strategy == 0 &&
           ha_slots_lacks(shell->slots, host, owner->authority);
}

bool ha_sync_is_at_limit(const HaShell *shell, const struct ha_vm_slot *slot, const Vm *vm)
{
    const Cluster *cluster = snapshot_cluster(inventory_peek(shell->app->inv), vm->cluster_id);

    return ha_counts_restarts(shell->app->counts, slot->id) >= restart_limit(vm, cluster);
}

static void fill_spec(const HaShell *shell, const struct ha_vm_slot *slot, const Vm *vm,
                      const Snapshot *snap, struct ha_vm_spec *ret_spec)
{
    const Cluster *cluster = snapshot_cluster(snap, vm->cluster_id);
    const int64_t after = vm->start_after_id ? vm_after_first(snap, vm, NULL) : 0;
    const struct ha_vm_slot *first = after ? ha_shell_vm(shell, after) : NULL;

    ha_wish_policy(vm, cluster, ret_spec);
    ret_spec->id = vm->id;
    ret_spec->authority = rights_authority(shell->app->rights, snap, vm);
    ret_spec->priority = (int)vm->restart_priority;
    ret_spec->after = first && !first->gone ? first->index : -1;
    if (vm->status == VM_FAULT_RESUMING) /* that it is brought back was decided when it went down */
        ret_spec->follows_crash = true;
    ret_spec->at_limit = slot && ha_sync_is_at_limit(shell, slot, vm);
    if (ret_spec->follows_host && awaits_store(shell, vm, cluster))
        ret_spec->follows_host = false;
}

static struct ha_vm_slot *add_vm(HaShell *shell, const Vm *vm, const Snapshot *snap)
{
    const struct ha_vm_seen *seen = rights_of(shell->app->rights, vm->id);
    struct ha_vm_slot *slot = g_new0(struct ha_vm_slot, 1);
    struct ha_vm_spec spec;

    fill_spec(shell, NULL, vm, snap, &spec);
    *slot = (struct ha_vm_slot){
        .id = vm->id, .index = ha_add_vm(shell->ha, &spec), .is_alarmed = true, .is_ring = true
    };
    g_ptr_array_add(shell->vm_at, slot);
    (void)g_hash_table_insert(shell->vms, &slot->id, slot);
    if (seen)
        ha_see_right(shell->ha, slot->index, seen->version, &seen->right);
    return slot;
}

/* A VM without policy and record is not even added: a site without HA has no work here. */
static bool is_of_interest(const HaShell *shell, const Vm *vm, const Snapshot *snap)
{
    if (!ha_wish_is_guarded(vm, snapshot_cluster(snap, vm->cluster_id)))
        return false;
    if (rights_authority(shell->app->rights, snap, vm) ==
        HA_LOCAL) /* its host must be one that HA knows */
        return vm_is_placed(vm) && ha_shell_host(shell, vm->host_id);
    return vm->status == VM_FAULT_RESUMING || rights_of(shell->app->rights, vm->id);
}

/* Nobody else has its disks: its host owns it, whatever becomes of that host. */
static void tell_local(HaShell *shell, struct ha_vm_slot *slot, const Vm *vm, bool is_local)
{
    struct ha_vm_right *right = &slot->local.right;
    struct ha_lease_seen lease;

    if (!is_local || vm->host_id == 0) {
        right->n_owners = 0;
        return;
    }
    if (vm->host_reported && vm->domain == DOMAIN_RUNNING &&
        rights_lease(shell->app->rights, vm->host_id, HA_ETCD, &lease))
        slot->life = lease.record.inc;
    if (right->n_owners > 0 && right->owners[0].host == vm->host_id && right->gen == vm->run_gen)
        return;
    slot->local.vm = vm->id;
    slot->local.version++;
    *right = (struct ha_vm_right){ .gen = vm->run_gen,
                                   .n_owners = 1,
                                   .owners = { { vm->host_id, HA_LOCAL, { 0 } } },
                                   .claimed = true };
    ha_see_right(shell->ha, slot->index, slot->local.version, right);
}

/* Two changes that were stored at the same time can make VMs wait for each other. */
static void look_for_ring(HaShell *shell, struct ha_vm_slot *slot, const Vm *vm,
                          const Snapshot *snap)
{
    const Vm *after = snapshot_vm(snap, vm->start_after_id);
    g_autofree char *text = NULL;
    bool ring = false;

    if (after)
        (void)vm_after_first(snap, vm, &ring);
    if (!ring && !slot->is_ring)
        return;
    slot->is_ring = ring;
    if (ring)
        text = g_strdup_printf("VM %s shall start after %s, which waits for it, itself or through "
                               "others: %s is started without waiting",
                               vm->name, after->name, vm->name);
    alarm_set(shell->app, ring, ALARM_HA_RING, vm->id, text ? text : "");
}

static void tell_vm(HaShell *shell, struct ha_vm_slot *slot, const Vm *vm, const Snapshot *snap)
{
    struct ha_vm_spec spec;

    if (slot->vm != vm) {
        vm_unref((Vm *)(uintptr_t)slot->vm);
        slot->vm = vm_ref((Vm *)(uintptr_t)vm);
    }
    look_for_ring(shell, slot, vm, snap);
    fill_spec(shell, slot, vm, snap, &spec);
    ha_set_spec(shell->ha, slot->index, &spec);
    tell_local(shell, slot, vm, spec.authority == HA_LOCAL);
}

/* Its new host says so, and the next look will. */
static bool is_back(const HaShell *shell, const Vm *vm)
{
    return vm->host_reported && (vm->domain == DOMAIN_RUNNING || vm->domain == DOMAIN_PAUSED) &&
           observe_hears(shell->app->observe, vm->host_id) && !ha_shell_disowns(shell, vm);
}

/* HA brings it back, and its stored status does not say so yet. */
static bool is_unwritten(const HaShell *shell, const struct ha_vm_slot *slot, const Vm *vm,
                         const Cluster *cluster)
{
    return (slot->told == VM_FSM_RECOVERING || slot->told == VM_FSM_BACKOFF) &&
           (vm->status == VM_RUNNING || vm->status == VM_PAUSED) && !is_back(shell, vm) &&
           ha_wish_is_guarded(vm, cluster);
}

/* Each time, because tasks and records change without the VM. */
static void sync_wish(HaShell *shell, struct ha_vm_slot *slot, const Vm *vm, const Snapshot *snap)
{
    const bool is_held = tasks_vm_is_held(shell->app->tasks, vm->id);
    const bool is_ours = slot->starting != 0;
    const Cluster *cluster = snapshot_cluster(snap, vm->cluster_id);
    const bool unwritten = !is_held && is_unwritten(shell, slot, vm, cluster);
    const bool is_wanted =
        is_ours || unwritten || ha_wish_is_wanted(vm, cluster, ha_shell_seen(shell, vm));

    if (unwritten)
        ha_act_resuming(shell, slot);
    ha_set_wanted(shell->ha, slot->index, is_wanted);
    ha_set_moving(shell->ha, slot->index, is_held && !is_ours && vm->status == VM_MIGRATING);
    ha_set_held(shell->ha, slot->index, is_held && !is_ours);
}

static void sync_vm(HaShell *shell, const Vm *vm, const Snapshot *snap, bool all)
{
    struct ha_vm_slot *slot = ha_shell_vm(shell, vm->id);

    if (!slot && !is_of_interest(shell, vm, snap))
        return;
    if (!slot)
        slot = add_vm(shell, vm, snap);
    if (all || slot->vm != vm)
        tell_vm(shell, slot, vm, snap);
    sync_wish(shell, slot, vm, snap);
}

static void drop_vms(HaShell *shell, const Snapshot *snap)
{
    for (guint i = 0; i < shell->vm_at->len; i++) {
        struct ha_vm_slot *slot = shell->vm_at->pdata[i];

        if (slot->gone || snapshot_vm(snap, slot->id))
            continue;
        slot->gone = true;
        ha_set_wanted(shell->ha, slot->index, false);
        alarm_clear(shell->app, ALARM_HA_VM_HELD, OBJECT_VM, slot->id);
        alarm_clear(shell->app, ALARM_HA_RING, OBJECT_VM, slot->id);
    }
}

/* ---- all --------------------------------------------------------------------------------------
 */

void ha_sync_soon(HaShell *shell)
{
    shell->n_syncs = 0;
}

void ha_sync(HaShell *shell, int64_t now_ms)
{
    const bool all = shell->n_syncs++ % FULL_SYNC == 0;
    const Snapshot *snap;

    inventory_publish(shell->app->inv);
    snap = inventory_peek(shell->app->inv);
    shell->armed = snap->site->ha_disarmed_ms == 0;
    ha_set_armed(shell->ha, shell->armed);
    for (size_t i = 0; i < snap->n_hosts; i++)
        sync_host(shell, snap->hosts[i], now_ms);
    for (size_t i = 0; i < snap->n_vms; i++)
        sync_vm(shell, snap->vms[i], snap, all);
    if (!all)
        return;
    drop_hosts(shell, snap);
    drop_vms(shell, snap);
}

/* ---- shown ------------------------------------------------------------------------------------
 */

/* A datastore is lost or back: which VMs follow is another question from now on, and those that
 * had no place may have one. */
static void note_stores(HaShell *shell, struct ha_host_slot *slot, const char *lost)
{
    log_warning("the datastores that a host cannot use are others now", "HOST", slot->name, "LOST",
                lost, NULL);
    ha_sync_soon(shell);
    for (guint i = 0; i < shell->vm_at->len; i++) {
        const struct ha_vm_slot *vm = shell->vm_at->pdata[i];

        if (vm->is_unplaced)
            ha_hurry(shell->ha, vm->index, clock_now_ms());
    }
}

static void show_host(HaShell *shell, struct ha_host_slot *slot, const char *lost)
{
    const Host *current = inventory_find_host(shell->app->inv, slot->id);
    const char *state = host_fsm_state_name(ha_host_state(shell->ha, slot->index));
    struct ha_owner owner;
    const bool closed = !ha_may_take(shell->ha, slot->index, HA_ETCD, &owner);
    Host *host;

    if (!current || (g_str_equal(current->ha_state, state) && current->ha_closed == closed &&
                     g_str_equal(current->lost_stores, lost)))
        return;
    if (!g_str_equal(current->lost_stores, lost))
        note_stores(shell, slot, lost);
    host = host_dup(current);
    g_free(host->ha_state);
    host->ha_state = g_strdup(state);
    g_free(host->lost_stores);
    host->lost_stores = g_strdup(lost);
    host->ha_closed = closed;
    snapshot_builder_put_host(inventory_edit(shell->app->inv), host);
}

static void alarm_host(HaShell *shell, const struct ha_host_slot *slot)
{
    const enum host_fsm_state state = ha_host_state(shell->ha, slot->index);
    struct ha_host_view view;
    const char *why;

    ha_view_host(shell->ha, slot->index, clock_now_ms(), &view);
    why = view.rule ? view.rule->why : "";
    alarm_set(shell->app,
              (state == HOST_UNREACHABLE || state == HOST_ISOLATED) &&
                  !ha_shell_is_passing(shell, slot),
              ALARM_HA_CUT_OFF, slot->id, why);
    alarm_set(shell->app, state == HOST_FENCING || state == HOST_FENCED, ALARM_HA_HOST_DEAD,
              slot->id, why);
    alarm_set(shell->app, state == HOST_QUARANTINE, ALARM_HA_QUARANTINE, slot->id, why);
    alarm_set(shell->app, slot->fence_failed && (state == HOST_FENCING || state == HOST_SUSPECT),
              ALARM_HA_FENCING_FAILED, slot->id, "the fence device did not switch it off");
}

/* One of the controller before us stands until we can know: slots were read for a while, and those
 * of each datastore by somebody. */
static void alarm_stores(HaShell *shell, const struct ha_host_slot *slot, const char *lost)
{
    if (*lost || (clock_now_ms() - shell->began_ms >= KNOWN_MS && ha_slots_read_all(shell->slots)))
        alarm_set(shell->app, *lost != '\0', ALARM_HA_STORE_LOST, slot->id,
                  "its slot on a shared datastore stands still, or it cannot read those of others");
}

/* Down, and nothing that HA can do now would change that. */
static bool is_held(const HaShell *shell, const struct ha_vm_slot *slot)
{
    const enum vm_fsm_state state = ha_vm_state(shell->ha, slot->index);

    return shell->armed && !slot->gone &&
           (state == VM_FSM_HELD || (state == VM_FSM_BACKOFF && slot->is_unplaced));
}

static void alarm_vm(HaShell *shell, struct ha_vm_slot *slot)
{
    const bool held = is_held(shell, slot);

    if (!held && !slot->is_alarmed)
        return;
    slot->is_alarmed = held;
    alarm_set(shell->app, held, ALARM_HA_VM_HELD, slot->id, ha_vm_why(shell->ha, slot->index));
}

void ha_sync_show(HaShell *shell)
{
    int64_t hosts[HOST_N_STATES] = { 0 }, vms[VM_FSM_N_STATES] = { 0 };

    for (guint i = 0; i < shell->host_at->len; i++) {
        struct ha_host_slot *slot = shell->host_at->pdata[i];
        g_autofree char *lost = NULL;

        if (slot->gone)
            continue;
        hosts[ha_host_state(shell->ha, slot->index)]++;
        lost = ha_slots_lost(shell->slots, slot);
        show_host(shell, slot, lost);
        alarm_host(shell, slot);
        alarm_stores(shell, slot, lost);
    }
    for (guint i = 0; i < shell->vm_at->len; i++) {
        struct ha_vm_slot *slot = shell->vm_at->pdata[i];

        vms[ha_vm_state(shell->ha, slot->index)] += !slot->gone;
        alarm_vm(shell, slot);
    }
    for (int i = 0; i < HOST_N_STATES; i++)
        metric_set(shell->hosts_in[i], hosts[i]);
    for (int i = 0; i < VM_FSM_N_STATES; i++)
        metric_set(shell->vms_in[i], vms[i]);
    metric_set(shell->armed_gauge, shell->armed);
}
