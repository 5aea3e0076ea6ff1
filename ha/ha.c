/* ha.c - see ha.h: the object and what it is told.  What follows from it: ha_host.c, ha_vm.c. */
#include "config.h"

#include "ha/ha_private.h"

/* What etcd or a host refused is not asked again at once. */
#define RETRY_MS 1000
/* So long the start of a VM waits for its host's slot, before etcd's lease has to do. */
#define SLOT_WAIT_MS 3000

static guint hash_owner(gconstpointer data)
{
    const struct ha_owner *owner = data;
    const guint64 mixed = ((guint64)owner->host * 31 + (guint64)owner->authority) * 31 +
                          owner->inc.n + owner->inc.boot;

    return (guint)(mixed ^ mixed >> 32);
}

static gboolean same_owner(gconstpointer a, gconstpointer b)
{
    return ha_owner_equal(a, b);
}

Ha *ha_new(const struct ha_options *options, struct ha_mandate mandate)
{
    Ha *ha = g_new0(Ha, 1);

    ha->options = *options;
    ha->mandate = mandate;
    ha->armed = true;
    ha->ticked_ms = -1;
    ha->graves = g_hash_table_new_full(hash_owner, same_owner, g_free, NULL);
    ha->host_ids = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    return ha;
}

void ha_free(Ha *ha)
{
    if (!ha)
        return;
    for (size_t i = 0; i < ha->vms.len; i++)
        g_free(ha->vms.items[i].trouble);
    for (size_t i = 0; i < ha->hosts.len; i++) {
        grips_clear(&ha->hosts.items[i].grips);
        failure_times_clear(&ha->hosts.items[i].failures);
    }
    ha_hosts_clear(&ha->hosts);
    ha_vms_clear(&ha->vms);
    g_hash_table_unref(ha->graves);
    g_hash_table_unref(ha->host_ids);
    g_free(ha);
}

void ha_set_mandate(Ha *ha, struct ha_mandate mandate)
{
    ha->mandate = mandate;
}

int ha_add_host(Ha *ha, int64_t id, bool has_fence_device)
{
    const struct ha_host host = {
        .id = id,
        .has_fence_device = has_fence_device,
        .state = HOST_REJOINING,
        .shot_ms = INT64_MIN / 2,
    };

    ha_hosts_push(&ha->hosts, host);
    if (!g_hash_table_contains(ha->host_ids, &id))
        g_hash_table_insert(ha->host_ids, g_memdup2(&id, sizeof(id)),
                            GSIZE_TO_POINTER(ha->hosts.len - 1));
    return (int)ha->hosts.len - 1;
}

int ha_host_index(const Ha *ha, int64_t id)
{
    gpointer index;

    return g_hash_table_lookup_extended(ha->host_ids, &id, NULL, &index)
               ? (int)GPOINTER_TO_SIZE(index)
               : -1;
}

int ha_add_vm(Ha *ha, const struct ha_vm_spec *spec)
{
    const struct ha_vm vm = {
        .spec = *spec,
        .seen = { .vm = spec->id },
        .reports = { { .host = -1 }, { .host = -1 } },
        .starting_on = -1,
    };

    ha_vms_push(&ha->vms, vm);
    return (int)ha->vms.len - 1;
}

/* ---- what an administrator wants ------------------------------------------------------------- */

void ha_set_armed(Ha *ha, bool armed)
{
    ha->armed = armed;
}

void ha_set_spec(Ha *ha, int vm, const struct ha_vm_spec *spec)
{
    ha->vms.items[vm].spec = *spec;
}

void ha_set_wanted(Ha *ha, int vm, bool wanted)
{
    ha->vms.items[vm].wanted = wanted;
}

void ha_set_moving(Ha *ha, int vm, bool moving)
{
    ha->vms.items[vm].moving = moving;
}

void ha_set_held(Ha *ha, int vm, bool held)
{
    ha->vms.items[vm].held = held;
}

void ha_set_fence_device(Ha *ha, int host, bool has_one)
{
    ha->hosts.items[host].has_fence_device = has_one;
}

void ha_trust(Ha *ha, int host)
{
    ha->hosts.items[host].failures.len = 0;
}

void ha_hurry(Ha *ha, int index, int64_t now_ms)
{
    struct ha_vm *vm = &ha->vms.items[index];

    vm->due_ms = MIN(vm->due_ms, now_ms);
}

void ha_tell_trouble(Ha *ha, int index, const char *why)
{
    struct ha_vm *vm = &ha->vms.items[index];

    g_free(vm->trouble);
    vm->trouble = g_strdup(why);
}

void ha_set_maintenance(Ha *ha, int host, bool on)
{
    ha->hosts.items[host].in_maintenance = on;
}

void ha_expect_reboot(Ha *ha, int host, int64_t deadline_ms)
{
    if (ha->hosts.items[host].reboot_told_ms == deadline_ms)
        return; /* told again: it may be over already */
    ha->hosts.items[host].reboot_told_ms = deadline_ms;
    ha->hosts.items[host].reboot_until_ms = deadline_ms;
}

/* ---- what is seen ---------------------------------------------------------------------------- */

bool ha_is_buried(const Ha *ha, const struct ha_owner *owner)
{
    return g_hash_table_contains(ha->graves, owner);
}

/* A word of a life that is over is an echo. */
static bool is_echo(const Ha *ha, const struct ha_host *host, struct ha_inc inc)
{
    const struct ha_owner owner = { host->id, HA_ETCD, inc };

    return ha_is_buried(ha, &owner);
}

void ha_see_beat(Ha *ha, int index, struct ha_inc inc, int64_t now_ms)
{
    struct ha_host *host = &ha->hosts.items[index];

    if (!is_echo(ha, host, inc))
        host->beat_ms = now_ms;
}

void ha_see_peer(Ha *ha, int index, struct ha_inc inc, int64_t now_ms)
{
    struct ha_host *host = &ha->hosts.items[index];

    if (!is_echo(ha, host, inc))
        host->peer_ms = now_ms;
}

void ha_see_agent(Ha *ha, int index, int64_t now_ms)
{
    ha->hosts.items[index].agent_ms = now_ms;
}

static struct grip *find_grip(struct ha_host *host, int32_t authority)
{
    for (size_t i = 0; i < host->grips.len; i++)
        if (host->grips.items[i].authority == authority)
            return &host->grips.items[i];
    return NULL;
}

static struct grip *grip_of(struct ha_host *host, int32_t authority)
{
    struct grip *grip = find_grip(host, authority);

    if (grip)
        return grip;
    grips_push(&host->grips, (struct grip){ .authority = authority });
    return &host->grips.items[host->grips.len - 1];
}

void ha_see_lease(Ha *ha, int index, int32_t authority, const struct ha_lease_seen *seen,
                  int64_t now_ms)
{
    struct grip *grip = grip_of(&ha->hosts.items[index], authority);

    ha->etcd_ms = now_ms;
    if (seen->version <= grip->version)
        return; /* nothing new, or an old record */
    if (grip->inc.boot != 0 && seen->record.inc.boot != grip->inc.boot)
        ha->hosts.items[index].reboot_until_ms = 0; /* that was the reboot */
    if (!ha_inc_equal(grip->inc, seen->record.inc))
        grip->seq = 0; /* the former one's slot */
    grip->inc = seen->record.inc;
    grip->record_seq = seen->record.seq;
    grip->record_ms = seen->record.length_ms;
    grip->version = seen->version;
    grip->moved_ms = now_ms;
    grip->since_ms = grip->confirmed_ms = now_ms; /* lease */
}

void ha_see_slot(Ha *ha, int index, int32_t authority, const struct ha_slot_seen *seen,
                 int64_t now_ms)
{
    struct grip *grip = find_grip(&ha->hosts.items[index], authority);

    if (!grip || !ha_inc_equal(grip->inc, seen->inc)) /* slot */
        return;
    if (seen->seq == grip->seq && seen->asked_ms > grip->confirmed_ms)
        grip->confirmed_ms = seen->asked_ms;
    if (seen->seq == grip->seq && seen->length_ms > 0)
        grip->slot_ms = seen->length_ms; /* the reader before this one did not tell */
    if (seen->seq <= grip->seq)
        return; /* nothing new, or an old view */
    grip->seq = seen->seq;
    grip->slot_ms = seen->length_ms;
    grip->moved_ms = now_ms;
    grip->since_ms = grip->confirmed_ms = now_ms; /* seq */
}

void ha_see_etcd(Ha *ha, int64_t now_ms)
{
    ha->etcd_ms = now_ms;
}

void ha_see_fence(Ha *ha, const struct ha_owner *dead)
{
    if (!ha_is_buried(ha, dead))
        g_hash_table_add(ha->graves, g_memdup2(dead, sizeof(*dead)));
}

void ha_see_right(Ha *ha, int index, int64_t version, const struct ha_vm_right *right)
{
    struct ha_vm *vm = &ha->vms.items[index];

    if (version <= vm->seen.version)
        return;
    if (right->gen != vm->seen.right.gen) {
        vm->n_here = 0;
        vm->leaves = false;
    }
    vm->seen.version = version;
    vm->seen.right = *right;
}

void ha_see_vm(Ha *ha, int index, int host, bool runs)
{
    struct ha_vm *vm = &ha->vms.items[index];

    for (unsigned i = 0; i < vm->seen.right.n_owners; i++)
        if (vm->seen.right.owners[i].host == ha->hosts.items[host].id)
            vm->reports[i] = (struct vm_report){ host, runs };
}

void ha_see_power(Ha *ha, int index, bool off, int64_t now_ms)
{
    ha->hosts.items[index].off_ms = off ? now_ms : 0;
}

/* ---- what came back -------------------------------------------------------------------------- */

struct ha_action ha_action_of(enum ha_act act, int host, int vm, int rule, const char *why)
{
    return (struct ha_action){ .act = act, .host = host, .vm = vm, .rule = rule, .why = why };
}

static struct ha_vm *vm_asked(Ha *ha, uint64_t request)
{
    for (size_t i = 0; request != 0 && i < ha->vms.len; i++)
        if (ha->vms.items[i].request == request)
            return &ha->vms.items[i];
    return NULL;
}

static void end_request(Ha *ha, struct ha_vm *vm)
{
    if (vm->starting_on >= 0)
        ha->hosts.items[vm->starting_on].n_starting--;
    vm->starting_on = -1;
    vm->request = 0;
}

void ha_vm_fail(struct ha_vm *vm, const char *why, int64_t now_ms)
{
    g_free(vm->trouble);
    vm->trouble = g_strdup(why);
    vm->failed = true;
    vm->n_failures++;
    vm->n_here++;
    vm->due_ms = now_ms + vm_fsm_backoff_ms(vm->n_failures);
}

void ha_placed(Ha *ha, uint64_t request, int target, const char *why, int64_t now_ms,
               struct ha_actions *actions)
{
    struct ha_vm *vm = vm_asked(ha, request);
    struct ha_action action;
    struct ha_owner owner;

    if (!vm || vm->asked != HA_DO_PLACE)
        return;
    end_request(ha, vm);
    if (target < 0 || !ha_may_take(ha, target, vm->spec.authority, &owner)) {
        ha_vm_fail(vm, why, now_ms);
        return;
    }
    if (ha->hosts.items[target].n_starting >= ha->options.max_host_starts)
        return; /* still its turn: the next look asks again */
    action = ha_action_of(HA_DO_ASSIGN, target, (int)(vm - ha->vms.items), 0, why);
    right_assign(&ha->mandate, &vm->seen, &owner, &action.txn);
    action.request = vm->request = ++ha->n_requests;
    vm->asked = HA_DO_ASSIGN;
    vm->starting_on = target;
    ha->hosts.items[target].n_starting++;
    ha_actions_push(actions, action);
}

static void answer_burial(Ha *ha, uint64_t request, enum ha_outcome outcome, int64_t now_ms)
{
    for (size_t i = 0; i < ha->hosts.len; i++)
        for (size_t j = 0; j < ha->hosts.items[i].grips.len; j++) {
            struct grip *grip = &ha->hosts.items[i].grips.items[j];

            if (grip->burial != request)
                continue;
            grip->burial = 0;
            if (outcome != HA_DONE)
                grip->retry_ms = now_ms + RETRY_MS;
        }
}

void ha_answered(Ha *ha, uint64_t request, enum ha_outcome outcome, int64_t now_ms)
{
    struct ha_vm *vm = vm_asked(ha, request);

    if (request == 0)
        return;
    answer_burial(ha, request, outcome, now_ms);
    if (!vm)
        return;
    end_request(ha, vm);
    vm->is_fresh = vm->asked == HA_DO_ASSIGN ? outcome == HA_DONE : outcome == HA_PUT_OFF;
    if (outcome != HA_DONE)
        vm->retry_ms = now_ms + RETRY_MS;
    if (outcome == HA_PUT_OFF)
        return;
    if (vm->asked == HA_DO_START && outcome != HA_DONE)
        ha_vm_fail(vm,
                   outcome == HA_FAILED ? "its host did not start it" : "its host gave no answer",
                   now_ms);
    else if (vm->asked == HA_DO_START)
        vm->trusted_until_ms = now_ms + ha->options.agent_ms;
}

/* ---- questions ------------------------------------------------------------------------------- */

/* A slot that nobody else sees may lie in a local folder where the datastore should be mounted. */
static bool is_shown(const Ha *ha, const struct grip *grip)
{
    return grip->authority < HA_STORAGE ||
           (grip->seq != 0 && /* shown */
            ha->ticked_ms - grip->moved_ms < ha->options.slot_ms / 2);
}

static bool may_take(const Ha *ha, const struct ha_host *host, int32_t authority,
                     struct ha_owner *ret_owner)
{
    for (size_t i = 0; i < host->grips.len; i++) {
        const struct grip *grip = &host->grips.items[i];
        const struct ha_owner owner = { host->id, authority, grip->inc };

        if (grip->authority != authority || ha_is_buried(ha, &owner) || !is_shown(ha, grip))
            continue;
        *ret_owner = owner;
        return true;
    }
    return false;
}

/* A host that just came shows its slots a moment later. */
static bool is_young(const Ha *ha, const struct ha_host *host)
{
    return !host_fsm_is_closed(host->state) && ha->ticked_ms - host->since_ms < SLOT_WAIT_MS;
}

bool ha_awaits_slots(const Ha *ha, int32_t authority)
{
    struct ha_owner owner;

    for (size_t i = 0; authority >= HA_STORAGE && i < ha->hosts.len; i++)
        if (is_young(ha, &ha->hosts.items[i]) &&
            !may_take(ha, &ha->hosts.items[i], authority, &owner))
            return true;
    return false;
}

bool ha_may_take(const Ha *ha, int index, int32_t authority, struct ha_owner *ret_owner)
{
    const struct ha_host *host = &ha->hosts.items[index];

    if (host_fsm_is_closed(host->state))
        return false;
    return may_take(ha, host, authority, ret_owner) ||
           (authority >= HA_STORAGE && may_take(ha, host, HA_ETCD, ret_owner));
}

enum host_fsm_state ha_host_state(const Ha *ha, int host)
{
    return ha->hosts.items[host].state;
}

enum vm_fsm_state ha_vm_state(const Ha *ha, int vm)
{
    return ha->vms.items[vm].state;
}

const char *ha_vm_why(const Ha *ha, int vm)
{
    const struct vm_rule *rule = ha->vms.items[vm].rule;

    if (ha->vms.items[vm].trouble && ha->vms.items[vm].state == VM_FSM_BACKOFF)
        return ha->vms.items[vm].trouble;

    return rule ? rule->why : "not looked at yet";
}

/* ---- for people ------------------------------------------------------------------------------ */

void ha_view_host(const Ha *ha, int index, int64_t now_ms, struct ha_host_view *ret_view)
{
    const struct ha_host *host = &ha->hosts.items[index];

    *ret_view = (struct ha_host_view){
        .state = host->state,
        .rule = host->rule,
        .since_ms = host->since_ms,
        .beat_ms = host->beat_ms,
        .peer_ms = host->peer_ms,
        .agent_ms = host->agent_ms,
        .off = host->off_ms != 0,
        .n_failures = ha_host_failures(ha, host, now_ms),
        .is_untrusted = ha_host_failures(ha, host, now_ms) > ha->options.max_failures,
    };
}

bool ha_view_lease(const Ha *ha, int index, size_t n, struct ha_lease_view *ret_view)
{
    const struct ha_host *host = &ha->hosts.items[index];
    const struct grip *grip;
    struct ha_owner owner;

    if (n >= host->grips.len)
        return false;
    grip = &host->grips.items[n];
    owner = (struct ha_owner){ host->id, grip->authority, grip->inc };
    *ret_view = (struct ha_lease_view){
        .authority = grip->authority,
        .inc = grip->inc,
        .since_ms = grip->since_ms,
        .buried = ha_is_buried(ha, &owner),
        .seq = grip->seq,
    };
    return true;
}

const struct vm_rule *ha_vm_rule(const Ha *ha, int vm)
{
    return ha->vms.items[vm].rule;
}

bool ha_is_braked(const Ha *ha)
{
    return ha->braked;
}

bool ha_is_deaf(const Ha *ha)
{
    return ha->deaf;
}

/* ---- the look -------------------------------------------------------------------------------- */

static int64_t forgiven(int64_t at_ms, int64_t gap_ms, int64_t now_ms, bool is_first)
{
    return is_first || at_ms > now_ms - gap_ms ? now_ms : at_ms + gap_ms;
}

/* What we did not hear while we ourselves stood still, or before our first look, is nobody's
 * silence. */
static void forgive_stall(Ha *ha, int64_t now_ms)
{
    const bool is_first = ha->ticked_ms < 0;
    const int64_t gap_ms = now_ms - ha->ticked_ms;

    if (!is_first && gap_ms <= ha->options.stall_ms)
        return;
    for (size_t i = 0; i < ha->hosts.len; i++) {
        struct ha_host *host = &ha->hosts.items[i];

        host->beat_ms = forgiven(host->beat_ms, gap_ms, now_ms, is_first);
        host->peer_ms = forgiven(host->peer_ms, gap_ms, now_ms, is_first);
        host->agent_ms = forgiven(host->agent_ms, gap_ms, now_ms, is_first);
        for (size_t j = 0; j < host->grips.len; j++) {
            struct grip *grip = &host->grips.items[j];

            grip->moved_ms = forgiven(grip->moved_ms, gap_ms, now_ms, is_first);
        }
    }
}

void ha_tick(Ha *ha, int64_t now_ms, struct ha_actions *actions)
{
    forgive_stall(ha, now_ms);
    ha->ticked_ms = now_ms;
    ha_hosts_tick(ha, now_ms, actions);
    ha_vms_tick(ha, now_ms, actions);
}

#define NAME(name, text) text,

const char *ha_act_name(enum ha_act act)
{
    static const char *const names[] = { HA_ACTS(NAME) };

    return names[act];
}
