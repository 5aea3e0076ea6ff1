/* ha_shell.c - see ha_shell.h: the object, its clock, and what etcd's records tell it. */
#include "config.h"

#include "controller/ha_shell_private.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/agents.h"
#include "controller/alarm.h"
#include "controller/ha_wish.h"
#include "controller/host_setup.h"
#include "controller/observe.h"
#include "controller/rights.h"
#include "model/reason.h"

#define TICK_MS   200
#define REPLAY_MS 3000 /* etcd's records are told anew within this */
#define STILL_MS  4000 /* a lease in etcd that is well moves more often */
/* After a take-over hosts need so long to be heard and called whole. */
#define JUDGE_MS 6000
/* A machine that is busy is late for a moment; what lasts longer is told. */
#define PASSING_MS 5000

/* ---- slots ------------------------------------------------------------------------------------
 */

struct ha_host_slot *ha_shell_host(const HaShell *shell, int64_t id)
{
    return g_hash_table_lookup(shell->hosts, &id);
}

struct ha_vm_slot *ha_shell_vm(const HaShell *shell, int64_t id)
{
    return g_hash_table_lookup(shell->vms, &id);
}

const struct ha_vm_seen *ha_shell_seen(const HaShell *shell, const Vm *vm)
{
    const struct ha_vm_slot *slot = ha_shell_vm(shell, vm->id);

    return slot && slot->local.right.n_owners > 0 ? &slot->local
                                                  : rights_of(shell->app->rights, vm->id);
}

struct ha_host_slot *ha_shell_host_at(const HaShell *shell, int index)
{
    return index < 0 ? NULL : shell->host_at->pdata[index];
}

const char *ha_shell_host_name(const HaShell *shell, int64_t id)
{
    const struct ha_host_slot *host = ha_shell_host(shell, id);
    const Host *known = host ? NULL : inventory_find_host(shell->app->inv, id);

    return host ? host->name : known ? known->name : "?";
}

bool ha_shell_is_trouble(enum host_fsm_state state)
{
    return state == HOST_SUSPECT || state == HOST_UNREACHABLE || state == HOST_ISOLATED ||
           state == HOST_FENCING;
}

void ha_shell_note_untold(const GError *error, void *user)
{
    (void)user;
    if (error)
        log_warning("an event of HA could not be recorded", "REASON", error->message, NULL);
}

bool ha_shell_is_passing(const HaShell *shell, const struct ha_host_slot *host)
{
    const enum host_fsm_state state = ha_host_state(shell->ha, host->index);

    return (state == HOST_UNREACHABLE || state == HOST_ISOLATED) &&
           clock_now_ms() - host->doubt_ms < PASSING_MS;
}

static void free_host(void *data)
{
    struct ha_host_slot *host = data;

    ha_witness_forget(host);
    ha_plan_free(host->plan);
    g_free(host->name);
    g_free(host);
}

static void free_vm(void *data)
{
    struct ha_vm_slot *vm = data;

    vm_unref((Vm *)(uintptr_t)vm->vm);
    g_free(vm->ended_why);
    g_free(vm);
}

/* ---- what etcd says ---------------------------------------------------------------------------
 */

static void see_lease(int64_t host_id, int32_t authority, const struct ha_lease_seen *seen,
                      void *user)
{
    HaShell *shell = user;
    const struct ha_host_slot *host = ha_shell_host(shell, host_id);

    if (!shell->ha)
        return;
    if (host)
        ha_see_lease(shell->ha, host->index, authority, seen, clock_now_ms());
    else
        ha_sync_soon(shell);
}

/* The VMs that this life protected may start elsewhere from now on.  A slot on a datastore may end
 * while its host lives on, and so may what its own host ended: there the agent speaks for itself.
 */
static void see_end(HaShell *shell, struct ha_host_slot *host, const struct ha_owner *dead,
                    enum ha_proof proof)
{
    if (dead->authority == HA_ETCD && proof != HA_PROOF_LAPSED)
        agents_pronounce_dead(shell->app->agents, host->id);
    if (dead->authority == HA_ETCD)
        ha_place_plan(shell, host);
    ha_book_buried(shell->book, host, dead, proof);
}

static void see_fence(const struct ha_owner *dead, const struct ha_fence_record *fence, void *user)
{
    HaShell *shell = user;
    struct ha_host_slot *host = ha_shell_host(shell, dead->host);
    bool is_news;

    if (!shell->ha)
        return;
    is_news = !ha_is_buried(shell->ha, dead);
    ha_see_fence(shell->ha, dead);
    if (host && fence->epoch >= host->proof_epoch) {
        host->proof = fence->proof;
        host->proof_epoch = fence->epoch;
    }
    /* Those of long ago are told when the records are read. */
    if (host && is_news && clock_now_ms() - shell->began_ms > REPLAY_MS)
        see_end(shell, host, dead, fence->proof);
}

static void see_right(const struct ha_vm_seen *seen, void *user)
{
    HaShell *shell = user;
    const struct ha_vm_slot *vm = ha_shell_vm(shell, seen->vm);

    if (shell->ha && vm)
        ha_see_right(shell->ha, vm->index, seen->version, &seen->right);
}

static void see_answer(void *user)
{
    HaShell *shell = user;

    if (shell->ha)
        ha_see_etcd(shell->ha, clock_now_ms());
}

static bool may_take(int64_t host_id, int32_t authority, struct ha_owner *ret_owner, void *user)
{
    HaShell *shell = user;
    const struct ha_host_slot *host = ha_shell_host(shell, host_id);

    return shell->ha && host && ha_may_take(shell->ha, host->index, authority, ret_owner);
}

/* ---- life of the Ha object --------------------------------------------------------------------
 */

static void set_options(const struct settings *settings, struct ha_options *ret_options)
{
    *ret_options = (struct ha_options){
        .beat_ms = settings->ha_beat_ms,
        .agent_ms = 3000,
        .move_ms = MAX(4000, 2 * settings->ha_renew_ms + 1000),
        .ask_ms = 1000,
        .stall_ms = 1000,
        .shoot_pause_ms = 10000,
        .lease_ms = settings_lease_ms(settings),
        .slot_ms = settings_slot_ms(settings),
        .brake_percent = 30,
        .max_starts = 16,
        .max_host_starts = 4,
        .max_failures = 3,
        .failure_ms = 3600000,
    };
}

static void drop(HaShell *shell)
{
    shell->life++;
    g_clear_pointer(&shell->ha, ha_free);
    g_hash_table_remove_all(shell->hosts);
    g_hash_table_remove_all(shell->vms);
    g_ptr_array_set_size(shell->host_at, 0);
    g_ptr_array_set_size(shell->vm_at, 0);
}

/* VMs that were missing before anybody could say whether HA sees to them. */
static void look_at_all(HaShell *shell)
{
    const Snapshot *snap = inventory_peek(shell->app->inv);
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int64_t));

    for (size_t i = 0; i < snap->n_vms; i++)
        g_array_append_val(ids, snap->vms[i]->id);
    for (guint i = 0; i < ids->len; i++)
        observe_vm(shell->app->observe, g_array_index(ids, int64_t, i));
}

/* The records are read, and we lead: from now on it decides. */
static void begin(HaShell *shell)
{
    struct ha_options options;
    struct ha_mandate mandate;

    if (!rights_listed(shell->app->rights) || !rights_mandate(shell->app->rights, &mandate))
        return;
    set_options(shell->app->settings, &options);
    drop(shell);
    shell->ha = ha_new(&options, mandate);
    shell->began_ms = clock_now_ms();
    shell->n_syncs = 0;
    ha_sync(shell, shell->began_ms);
    look_at_all(shell);
    rights_remove_sink(shell->app->rights, shell);
    rights_add_sink(shell->app->rights, &(struct rights_sink){ .lease = see_lease,
                                                               .fence = see_fence,
                                                               .right = see_right,
                                                               .answered = see_answer,
                                                               .may_take = may_take,
                                                               .user = shell });
    log_info("HA decides", NULL);
}

/* ---- the look ---------------------------------------------------------------------------------
 */

static void tick_alarms(const HaShell *shell)
{
    const struct settings *settings = shell->app->settings;
    const bool has_network = settings->ha_beat_to && *settings->ha_beat_to;

    alarm_set(shell->app, ha_is_braked(shell->ha), ALARM_HA_BRAKE, 0,
              "more hosts are silent at once than is likely: no power is cut");
    alarm_set(shell->app, has_network && ha_is_deaf(shell->ha), ALARM_HA_DEAF, 0,
              "no beat of any host comes over the HA network");
}

/* Once the tombstones are read, too. */
static void tell_adopted(HaShell *shell, int64_t now_ms)
{
    if (shell->adopted->len == 0 || now_ms - shell->began_ms < REPLAY_MS)
        return;
    for (guint i = 0; i < shell->adopted->len; i++)
        ha_book_standin(shell->book, &g_array_index(shell->adopted, struct ha_adopted, i));
    g_array_set_size(shell->adopted, 0);
}

void ha_shell_tick(HaShell *shell)
{
    const int64_t now_ms = clock_now_ms();
    struct ha_actions actions = { 0 };

    ha_beats_set_key(shell->beats, host_setups_beat_key(shell->app->setups));
    if (shell->app->committer.epoch(shell->app->committer.user) == 0)
        return; /* we may not act; the silence of this time is ours, as the core will see */
    if (!shell->ha)
        begin(shell);
    if (!shell->ha)
        return;
    ha_sync(shell, now_ms);
    ha_witness_look(shell, now_ms);
    ha_slots_look(shell->slots, now_ms);
    ha_tick(shell->ha, now_ms, &actions);
    ha_act_all(shell, &actions);
    ha_act_lasting(shell);
    ha_again_look(shell, now_ms);
    ha_sync_show(shell);
    tell_adopted(shell, now_ms);
    tick_alarms(shell);
    ha_book_tick(shell->book);
}

static gboolean on_tick(void *data)
{
    ha_shell_tick(data);
    return G_SOURCE_CONTINUE;
}

void ha_shell_start(HaShell *shell)
{
    const Site *site = inventory_peek(shell->app->inv)->site;

    alarm_set(shell->app, shell->app->settings->ha_enabled && site->ha_disarmed_ms != 0,
              ALARM_HA_DISARMED, 0, "VMs of hosts that die are not started elsewhere");
    if (!shell->app->settings->ha_enabled)
        return;
    ha_book_load(shell->book);
    if (!shell->beats)
        shell->beats = ha_beats_new(shell);
    if (!shell->timer)
        shell->timer = g_timeout_add(TICK_MS, on_tick, shell);
}

void ha_shell_reset(HaShell *shell)
{
    rights_remove_sink(shell->app->rights, shell);
    drop(shell);
    g_hash_table_remove_all(shell->reboots); /* their tasks begin anew */
    ha_slots_reset(shell->slots);
    ha_book_free(shell->book);
    shell->book = ha_book_new(shell);
}

/* ---- questions --------------------------------------------------------------------------------
 */

bool ha_shell_is_ready(const HaShell *shell)
{
    return shell && shell->ha;
}

void ha_shell_hear(HaShell *shell, int64_t host_id)
{
    struct ha_host_slot *host = shell ? ha_shell_host(shell, host_id) : NULL;

    if (!host || !shell->ha)
        return;
    host->agent_ms = clock_now_ms();
    ha_see_agent(shell->ha, host->index, host->agent_ms);
}

int64_t ha_shell_still_ms(const HaShell *shell, const struct ha_owner *owner)
{
    const struct ha_host_slot *host =
        ha_shell_is_ready(shell) ? ha_shell_host(shell, owner->host) : NULL;
    struct ha_lease_view lease;

    for (size_t i = 0; host && ha_view_lease(shell->ha, host->index, i, &lease); i++)
        if (lease.authority == owner->authority && ha_inc_equal(lease.inc, owner->inc))
            return clock_now_ms() - lease.since_ms;
    return -1;
}

/* Its lease ended, or is about to: whatever ended there with it was the host's failure.  That a
 * slot is not seen to move may only mean that nobody reads the datastore. */
static bool lost_by_host(const HaShell *shell, const struct ha_owner *owner)
{
    const int64_t still_ms = ha_shell_still_ms(shell, owner);

    if (ha_is_buried(shell->ha, owner) || still_ms < 0)
        return true;
    if (owner->authority >= HA_STORAGE)
        return ha_slots_misses(shell->slots, owner->host, owner->authority);
    return still_ms > STILL_MS;
}

bool ha_shell_disowns(const HaShell *shell, const Vm *vm)
{
    const struct ha_vm_seen *seen =
        shell && shell->ha ? rights_of(shell->app->rights, vm->id) : NULL;

    for (unsigned i = 0; seen && i < seen->right.n_owners; i++)
        if (seen->right.owners[i].host == vm->host_id &&
            !ha_is_buried(shell->ha, &seen->right.owners[i]))
            return false;
    return seen != NULL;
}

/* A record may know less than the host that runs the VM: that is taken in later (right_keep.c). */
static bool is_seen_alive(const HaShell *shell, const Vm *vm, const struct ha_vm_right *right)
{
    Observe *observe = shell->app->observe;

    for (unsigned i = 0; i < right->n_owners; i++)
        if (observe_runs_on(observe, vm->id, right->owners[i].host))
            return true;
    return observe_runs_on(observe, vm->id, vm->host_id);
}

/* A take-over was just now, and its host may be about to say what runs there. */
static bool is_unheard(const HaShell *shell, const Vm *vm)
{
    return clock_now_ms() - shell->began_ms < JUDGE_MS &&
           inventory_find_host(shell->app->inv, vm->host_id) &&
           !observe_hears(shell->app->observe, vm->host_id) &&
           !ha_shell_is_dead(shell, vm->host_id);
}

bool ha_shell_is_nowhere(const HaShell *shell, const Vm *vm)
{
    const struct ha_vm_seen *seen =
        shell && shell->ha ? rights_of(shell->app->rights, vm->id) : NULL;

    if (!seen || is_seen_alive(shell, vm, &seen->right))
        return false;
    for (unsigned i = 0; seen->right.claimed && i < seen->right.n_owners; i++)
        if (!ha_is_buried(shell->ha, &seen->right.owners[i]))
            return false;
    return (seen->right.claimed && seen->right.n_owners > 0) || !is_unheard(shell, vm);
}

bool ha_shell_awaits_slot(const HaShell *shell, int64_t host_id, int32_t authority)
{
    return ha_shell_is_ready(shell) && ha_slots_awaits(shell->slots, host_id, authority);
}

static bool keeps(const HaShell *shell, const Vm *vm, const Cluster *cluster, enum ha_wish_end end)
{
    const struct ha_vm_seen *seen = ha_shell_seen(shell, vm);
    const struct ha_vm_slot *slot = ha_shell_vm(shell, vm->id);
    struct ha_owner owner = { 0 };
    struct ha_vm_spec spec;

    if (!slot || !ha_wish_is_wanted(vm, cluster, seen))
        return false;
    ha_wish_policy(vm, cluster, &spec);
    if (seen && seen->right.n_owners > 0)
        owner = seen->right.owners[0];
    if (owner.authority == HA_LOCAL) /* its host's own life says whether that went down */
        owner = (struct ha_owner){ owner.host, HA_ETCD, slot->life };
    if (owner.host == 0 || end == HA_WISH_GIVEN_UP || lost_by_host(shell, &owner))
        return spec.follows_host || vm->recover_by_host;
    return spec.follows_crash && (end == HA_WISH_CRASHED || end == HA_WISH_LOST);
}

bool ha_shell_keeps(const HaShell *shell, const Vm *vm, const char *how)
{
    const enum ha_wish_end end = ha_wish_judge_end(how);
    const Cluster *cluster;

    if (!shell || !shell->app->settings->ha_enabled)
        return false;
    cluster = snapshot_cluster(inventory_peek(shell->app->inv), vm->cluster_id);
    if (!ha_wish_is_guarded(vm, cluster))
        return false;
    if (vm->status == VM_FAULT_RESUMING)
        return true;
    if (end == HA_WISH_STOPPED)
        return false;
    return !shell->ha || keeps(shell, vm, cluster, end);
}

enum host_fsm_state ha_shell_host_state(const HaShell *shell, int64_t host_id)
{
    const struct ha_host_slot *host = ha_shell_host(shell, host_id);

    return shell->ha && host ? ha_host_state(shell->ha, host->index) : HOST_N_STATES;
}

bool ha_shell_is_dead(const HaShell *shell, int64_t host_id)
{
    return ha_shell_is_ready(shell) && ha_shell_host_state(shell, host_id) == HOST_FENCED;
}

bool ha_shell_awaits(const HaShell *shell, int64_t cluster_id)
{
    const Snapshot *snap = inventory_peek(shell->app->inv);

    if (!shell->ha || clock_now_ms() - shell->began_ms > JUDGE_MS)
        return false;
    for (size_t i = 0; i < snap->n_hosts; i++) {
        const Host *host = snap->hosts[i];

        if (host->cluster_id == cluster_id && host->ha_closed &&
            ha_shell_host_state(shell, host->id) == HOST_REJOINING)
            return true;
    }
    return false;
}

/* ---- what people want -------------------------------------------------------------------------
 */

bool ha_shell_trust(HaShell *shell, const Host *host, GError **error)
{
    const struct ha_host_slot *slot = ha_shell_host(shell, host->id);

    if (shell->ha && slot && ha_host_state(shell->ha, slot->index) == HOST_QUARANTINE) {
        ha_trust(shell->ha, slot->index);
        return true;
    }
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_STATE, NULL,
                   "host %s is not in quarantine: HA calls it %s", host->name,
                   *host->ha_state ? host->ha_state : "unknown");
    return false;
}

static const char *drill_obstacle(const HaShell *shell, const Host *host)
{
    if (!ha_shell_is_ready(shell))
        return "HA does not act here: it is switched off, or etcd does not answer";
    if (!shell->armed)
        return "HA is disarmed: nothing would bring its VMs back; arm it first";
    if (ha_shell_host_state(shell, host->id) != HOST_OK)
        return "HA does not call it ok";
    if (!*host->bmc_ip)
        return "it has no bmcIp: its power could be neither cut nor switched on again";
    return NULL;
}

bool ha_shell_check_drill(const HaShell *shell, const Host *host, GError **error)
{
    const char *obstacle = drill_obstacle(shell, host);

    if (!obstacle)
        return true;
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_STATE, NULL,
                   "host %s cannot be tested now: %s", host->name, obstacle);
    return false;
}

void ha_shell_drill(HaShell *shell, const Host *host, const char *user)
{
    struct ha_host_slot *slot = ha_shell_host(shell, host->id);

    if (!slot || !shell->ha)
        return;
    slot->drill = true;
    ha_book_drill(shell->book, slot, user);
    ha_witness_shoot(shell, slot);
}

void ha_shell_adopts(HaShell *shell, const Vm *vm, int64_t to_host_id)
{
    const struct ha_adopted adopted = { vm->id, vm->host_id, to_host_id };

    if (shell && shell->app->settings->ha_enabled)
        g_array_append_val(shell->adopted, adopted);
}

void ha_shell_expect_reboot(HaShell *shell, int64_t host_id, int64_t deadline_ms)
{
    if (!shell)
        return;
    if (deadline_ms == 0)
        (void)g_hash_table_remove(shell->reboots, &host_id);
    else
        g_hash_table_replace(shell->reboots, g_memdup2(&host_id, sizeof(host_id)),
                             g_memdup2(&deadline_ms, sizeof(deadline_ms)));
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void make_metrics(HaShell *shell)
{
    static const int64_t bounds_ms[] = { 1000,  2000,  4000,  6000,  8000,   10000, 12000,
                                         15000, 20000, 30000, 60000, 300000, 0 };
    Metrics *metrics = shell->app->metrics;

    for (int i = 0; i < HOST_N_STATES; i++) {
        g_autofree char *label =
            g_strdup_printf("state=\"%s\"", host_fsm_state_name((enum host_fsm_state)i));

        shell->hosts_in[i] =
            metrics_gauge(metrics, "vrm_ha_hosts", label, "Hosts as HA sees them.");
    }
    for (int i = 0; i < VM_FSM_N_STATES; i++) {
        g_autofree char *label =
            g_strdup_printf("state=\"%s\"", vm_fsm_state_name((enum vm_fsm_state)i));

        shell->vms_in[i] = metrics_gauge(metrics, "vrm_ha_vms", label, "VMs that HA looks after.");
    }
    for (int i = 0; i < HA_N_ACTS; i++) {
        g_autofree char *label = g_strdup_printf("act=\"%s\"", ha_act_name((enum ha_act)i));

        shell->acts[i] = metrics_counter(metrics, "vrm_ha_acts_total", label, "What HA did.");
    }
    shell->armed_gauge = metrics_gauge(metrics, "vrm_ha_armed", NULL, "1: HA decides.");
    shell->beats_taken = metrics_counter(metrics, "vrm_ha_beats_total", "result=\"taken\"",
                                         "Beats on the HA plane.");
    shell->beats_dropped = metrics_counter(metrics, "vrm_ha_beats_total", "result=\"dropped\"",
                                           "Beats on the HA plane.");
    shell->restarted =
        metrics_counter(metrics, "vrm_ha_restarts_total", NULL, "VMs that HA got to run again.");
    shell->recovery = metrics_histogram_ms(metrics, "vrm_ha_recovery_seconds", NULL,
                                           "From a VM's loss to its running again.", bounds_ms);
}

HaShell *ha_shell_new(struct app *app)
{
    HaShell *shell = g_new0(HaShell, 1);

    shell->app = app;
    shell->armed = true;
    shell->hosts = g_hash_table_new(g_int64_hash, g_int64_equal);
    shell->vms = g_hash_table_new(g_int64_hash, g_int64_equal);
    shell->adopted = g_array_new(FALSE, FALSE, sizeof(struct ha_adopted));
    shell->reboots = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    shell->host_at = g_ptr_array_new_with_free_func(free_host);
    shell->vm_at = g_ptr_array_new_with_free_func(free_vm);
    shell->asked = g_hash_table_new_full(NULL, NULL, g_free, NULL);
    shell->slots = ha_slots_new(shell);
    shell->book = ha_book_new(shell);
    make_metrics(shell);
    return shell;
}

void ha_shell_free(HaShell *shell)
{
    if (!shell)
        return;
    if (shell->timer)
        g_source_remove(shell->timer);
    ha_beats_free(shell->beats);
    drop(shell);
    ha_slots_free(shell->slots);
    ha_book_free(shell->book);
    g_hash_table_unref(shell->hosts);
    g_hash_table_unref(shell->vms);
    g_ptr_array_unref(shell->host_at);
    g_ptr_array_unref(shell->vm_at);
    g_hash_table_unref(shell->asked);
    g_hash_table_unref(shell->reboots);
    g_array_unref(shell->adopted);
    g_free(shell);
}
