/* ha_host.c - hosts and their leases in ha.h: from evidence to signs, tombstones and fencing. */
#include "config.h"

#include "ha/ha_private.h"

/* Clocks differ by up to 0.2 % either way; ticks and the watchdog's own lateness take less than the
 * rest. */
#define DRIFT_PER_MILLE 4
#define SLACK_MS        300

/* A lease that stood still for this long, by our clock and from our first sight of its version, is
 * over on its host. */
static int64_t proof_ms(int64_t lease_ms)
{
    return lease_ms + lease_ms * DRIFT_PER_MILLE / 1000 + SLACK_MS;
}

/* ---- grips ----------------------------------------------------------------------------------- */

static struct ha_owner owner_of(const struct ha_host *host, const struct grip *grip)
{
    return (struct ha_owner){ host->id, grip->authority, grip->inc };
}

/* How long the host keeps what it runs by what it wrote last, as it says itself: it may not have
 * heard of our options.  A registration that is newer than the slot may be followed by a write of
 * the same length that is under way. */
static int64_t told_ms(const struct grip *grip)
{
    const int64_t record_ms = ha_length_ms(grip->authority, grip->record_ms);
    const int64_t slot_ms = ha_length_ms(grip->authority, grip->slot_ms);

    if (grip->authority == HA_ETCD)
        return record_ms;
    return grip->record_seq > grip->seq ? MAX(slot_ms, record_ms) : slot_ms; /* registered */
}

/* A slot may stand still where we look while its host writes to another file of that name; so the
 * word of a host that still runs what lives by it counts for more. */
static enum ha_proof proof_of(const Ha *ha, const struct ha_host *host, const struct grip *grip,
                              int64_t now_ms)
{
    const struct ha_owner owner = owner_of(host, grip);
    const bool in_etcd = grip->authority == HA_ETCD;
    const int64_t our_ms = in_etcd ? ha->options.lease_ms : ha->options.slot_ms;
    const int64_t lease_ms = MAX(our_ms, told_ms(grip)); /* its own */
    const int64_t known_ms = in_etcd ? now_ms : grip->confirmed_ms;

    if (host->off_ms > grip->since_ms)
        return HA_PROOF_POWER;
    if (!in_etcd && grip->seq == 0)
        return HA_PROOF_NONE; /* nobody saw it stand still */
    if (known_ms - grip->since_ms < proof_ms(lease_ms))
        return HA_PROOF_NONE;
    if (!in_etcd && ha_is_vouched(ha, &owner, now_ms)) /* vouched */
        return HA_PROOF_NONE;
    return HA_PROOF_STILL;
}

static void tick_grip(Ha *ha, int index, struct grip *grip, int64_t now_ms,
                      struct ha_actions *actions)
{
    const struct ha_host *host = &ha->hosts.items[index];
    const struct ha_owner owner = owner_of(host, grip);
    const enum ha_proof proof = proof_of(ha, host, grip, now_ms);
    struct ha_action action;

    if (grip->burial != 0 || now_ms < grip->retry_ms || proof == HA_PROOF_NONE ||
        ha_is_buried(ha, &owner))
        return;
    action = ha_action_of(HA_DO_BURY, index, -1, 0, ha_proof_name(proof));
    right_fence(&ha->mandate, &owner, grip->version, proof, &action.txn);
    action.request = grip->burial = ++ha->n_requests;
    ha_actions_push(actions, action);
}

static bool moves(const Ha *ha, const struct ha_host *host, int64_t now_ms)
{
    for (size_t i = 0; i < host->grips.len; i++) {
        const struct grip *grip = &host->grips.items[i];
        const struct ha_owner owner = owner_of(host, grip);

        if (!ha_is_buried(ha, &owner) && now_ms - grip->moved_ms < ha->options.move_ms)
            return true;
    }
    return false;
}

/* Without etcd's word a lease that we do not see move says nothing. */
static bool sees_leases(const Ha *ha, int64_t now_ms)
{
    return now_ms - ha->etcd_ms < ha->options.move_ms;
}

static bool is_named(const Ha *ha, const struct ha_owner *owner)
{
    for (size_t i = 0; i < ha->vms.len; i++) {
        const struct ha_vm_right *right = &ha->vms.items[i].seen.right;

        for (unsigned j = 0; j < right->n_owners; j++)
            if (ha_owner_equal(&right->owners[j], owner))
                return true;
    }
    return false;
}

/* A storage lease that was registered and whose slot we never saw: we give it no VM (ha_may_take),
 * but the decider before us may have seen it and done so. */
static bool is_idle(const Ha *ha, const struct ha_owner *owner, const struct grip *grip)
{
    return grip->authority >= HA_STORAGE && grip->seq == 0 && !is_named(ha, owner);
}

static bool all_buried(const Ha *ha, const struct ha_host *host)
{
    bool found = false;

    for (size_t i = 0; i < host->grips.len; i++) {
        const struct ha_owner owner = owner_of(host, &host->grips.items[i]);

        if (is_idle(ha, &owner, &host->grips.items[i]))
            continue;
        if (!ha_is_buried(ha, &owner))
            return false;
        found = true;
    }
    return found;
}

/* ---- signs ----------------------------------------------------------------------------------- */

static bool is_fresh(int64_t at_ms, int64_t for_ms, int64_t now_ms)
{
    return now_ms - at_ms < for_ms;
}

bool ha_host_speaks(const Ha *ha, const struct ha_host *host, int64_t now_ms)
{
    return is_fresh(host->agent_ms, ha->options.agent_ms, now_ms);
}

/* Not one host's beats are heard: the HA network, or our own card in it, is down.  That says
 * nothing of any host; those whose agents speak and whose leases move can take VMs. */
static bool hears_nobody(const Ha *ha, int64_t now_ms)
{
    for (size_t i = 0; i < ha->hosts.len; i++)
        if (is_fresh(ha->hosts.items[i].beat_ms, 3 * ha->options.beat_ms, now_ms))
            return false;
    return ha->hosts.len > 1;
}

static enum host_sign sign_of(const Ha *ha, const struct ha_host *host, int64_t now_ms)
{
    const int64_t silent_ms = 3 * ha->options.beat_ms;
    const bool beats = is_fresh(host->beat_ms, silent_ms, now_ms);
    const bool peers = is_fresh(host->peer_ms, silent_ms, now_ms);
    const bool agent = ha_host_speaks(ha, host, now_ms);
    const bool lease = moves(ha, host, now_ms);

    if ((beats || ha->deaf) && agent && (lease || !sees_leases(ha, now_ms)))
        return SIGN_WELL;
    if (beats || agent || peers)
        return SIGN_PARTLY;
    if (lease)
        return SIGN_ALONE;
    if (all_buried(ha, host))
        return SIGN_DEAD;
    if (now_ms - host->since_ms < ha->options.ask_ms || !sees_leases(ha, now_ms))
        return SIGN_QUIET;
    return SIGN_SILENT;
}

unsigned ha_host_failures(const Ha *ha, const struct ha_host *host, int64_t now_ms)
{
    unsigned n = 0;

    for (size_t i = 0; i < host->failures.len; i++)
        n += now_ms - host->failures.items[i] < ha->options.failure_ms;
    return n;
}

static struct host_facts facts_of(const Ha *ha, const struct ha_host *host, int64_t now_ms)
{
    return (struct host_facts){
        .in_maintenance = host->in_maintenance,
        .reboot_expected = now_ms < host->reboot_until_ms,
        .may_shoot = ha->armed && host->has_fence_device && !ha->braked &&
                     now_ms - host->shot_ms >= ha->options.shoot_pause_ms,
        .is_untrusted = ha_host_failures(ha, host, now_ms) > ha->options.max_failures,
    };
}

/* ---- the brake ------------------------------------------------------------------------------- */

/* So many hosts at once: the fault is more likely ours, or a network's, than theirs. */
static void tick_brake(Ha *ha, struct ha_actions *actions)
{
    unsigned n_doubt = 0;
    const bool was = ha->braked;

    for (size_t i = 0; i < ha->hosts.len; i++)
        n_doubt += host_fsm_is_in_doubt(ha->hosts.items[i].state);
    ha->braked = n_doubt > 1 && (size_t)n_doubt * 100 > ha->options.brake_percent * ha->hosts.len;
    if (ha->braked && !was)
        ha_actions_push(actions,
                        ha_action_of(HA_DO_BRAKE, -1, -1, 0, "too many hosts in doubt at once"));
}

/* ---- hosts ----------------------------------------------------------------------------------- */

static enum ha_act act_of(enum host_action act)
{
    static const enum ha_act acts[HOST_N_ACTIONS] = {
        [HOST_ACT_NOTHING] = HA_DO_HOST, [HOST_ACT_ASK] = HA_DO_ASK,
        [HOST_ACT_SHOOT] = HA_DO_SHOOT,  [HOST_ACT_MOURN] = HA_DO_HOST,
        [HOST_ACT_GREET] = HA_DO_HOST,   [HOST_ACT_WARN] = HA_DO_WARN,
    };

    return acts[act];
}

/* Those that are too old to count are forgotten. */
static void note_failure(const Ha *ha, struct ha_host *host, int64_t now_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < host->failures.len; i++)
        if (now_ms - host->failures.items[i] < ha->options.failure_ms)
            host->failures.items[kept++] = host->failures.items[i];
    host->failures.len = kept;
    failure_times_push(&host->failures, now_ms);
}

static void enter(const Ha *ha, struct ha_host *host, const struct host_rule *rule, int64_t now_ms)
{
    host->state = rule->to;
    host->rule = rule;
    host->since_ms = now_ms;
    if (rule->to == HOST_FENCED && rule->act == HOST_ACT_MOURN)
        note_failure(ha, host, now_ms);
    if (rule->to == HOST_REJOINING)
        host->off_ms = 0;
}

static void tick_host(Ha *ha, int index, int64_t now_ms, struct ha_actions *actions)
{
    struct ha_host *host = &ha->hosts.items[index];
    const struct host_facts facts = facts_of(ha, host, now_ms);
    const struct host_rule *rule = host_fsm_find(host->state, sign_of(ha, host, now_ms), &facts);
    const bool is_new = rule->to != HOST_STAY;

    if (rule->act == HOST_ACT_SHOOT)
        host->shot_ms = now_ms;
    if (is_new)
        enter(ha, host, rule, now_ms);
    if (is_new && act_of(rule->act) != HA_DO_HOST)
        ha_actions_push(actions, ha_action_of(HA_DO_HOST, index, -1, rule->id, rule->why));
    if (is_new || rule->act == HOST_ACT_SHOOT)
        ha_actions_push(actions, ha_action_of(act_of(rule->act), index, -1, rule->id, rule->why));
}

void ha_hosts_tick(Ha *ha, int64_t now_ms, struct ha_actions *actions)
{
    tick_brake(ha, actions);
    ha->deaf = hears_nobody(ha, now_ms);
    for (size_t i = 0; i < ha->hosts.len; i++) {
        struct ha_host *host = &ha->hosts.items[i];

        for (size_t j = 0; j < host->grips.len; j++)
            tick_grip(ha, (int)i, &host->grips.items[j], now_ms, actions);
        tick_host(ha, (int)i, now_ms, actions);
    }
}
