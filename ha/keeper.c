/* keeper.c - see keeper.h. */
#include "config.h"

#include "ha/keeper.h"

#define RETRY_MS 500 /* between two tries to give a right back */

void keeper_init(struct keeper *keeper, int64_t host, int64_t watchdog_ms)
{
    *keeper = (struct keeper){ .host = host, .watchdog_ms = watchdog_ms, .wanted_ms = watchdog_ms };
    isolation_init(&keeper->isolation);
}

void keeper_clear(struct keeper *keeper)
{
    keeper_vms_clear(&keeper->vms);
}

void keeper_add_lease(struct keeper *keeper, const struct lease_times *times,
                      const struct ha_owner *self)
{
    g_assert(keeper->n_leases < KEEPER_MAX_LEASES);
    g_assert(keeper->wanted_ms <= times->length_ms - times->renew_ms);
    lease_fsm_init(&keeper->leases[keeper->n_leases++], times, self);
}

void keeper_resume_lease(struct keeper *keeper, const struct lease_times *times,
                         const struct ha_owner *self, int64_t end_ms)
{
    g_assert(keeper->n_leases < KEEPER_MAX_LEASES);
    lease_fsm_resume(&keeper->leases[keeper->n_leases++], times, self, end_ms);
}

void keeper_adopt(struct keeper *keeper, const struct ha_vm_seen *seen, int32_t authority)
{
    keeper_vms_push(&keeper->vms,
                    (struct keeper_vm){ .seen = *seen,
                                        .authority = authority,
                                        .state = KEEPER_VM_ALLOWED,
                                        .has_process = true }); /* until a sweep has looked */
}

/* ---- looking up ------------------------------------------------------------------------------ */

static struct lease_fsm *lease_of(struct keeper *keeper, int32_t authority)
{
    for (unsigned i = 0; i < keeper->n_leases; i++)
        if (keeper->leases[i].self.authority == authority)
            return &keeper->leases[i];
    return NULL;
}

const struct lease_fsm *keeper_lease(const struct keeper *keeper, int32_t authority)
{
    for (unsigned i = 0; i < keeper->n_leases; i++)
        if (keeper->leases[i].self.authority == authority)
            return &keeper->leases[i];
    return NULL;
}

/* Does a VM stand under it, however far its start is? */
static bool protects(const struct keeper *keeper, int32_t authority)
{
    for (size_t i = 0; i < keeper->vms.len; i++)
        if (keeper->vms.items[i].authority == authority)
            return true;
    return false;
}

void keeper_set_times(struct keeper *keeper, int32_t authority, const struct lease_times *times,
                      int64_t watchdog_ms)
{
    struct lease_fsm *lease = lease_of(keeper, authority);

    g_assert(lease && watchdog_ms <= times->length_ms - times->renew_ms);
    keeper->wanted_ms = watchdog_ms;
    keeper->watchdog_ms = MIN(keeper->watchdog_ms, watchdog_ms);
    lease_fsm_set_times(lease, times);
}

bool keeper_remove_lease(struct keeper *keeper, int32_t authority)
{
    struct lease_fsm *lease = lease_of(keeper, authority);

    if (protects(keeper, authority)) /* remove */
        return false;
    if (lease)
        *lease = keeper->leases[--keeper->n_leases];
    return true;
}

static struct keeper_vm *vm_of(struct keeper *keeper, int64_t vm)
{
    for (size_t i = 0; i < keeper->vms.len; i++)
        if (keeper->vms.items[i].seen.vm == vm)
            return &keeper->vms.items[i];
    return NULL;
}

const struct keeper_vm *keeper_find(const struct keeper *keeper, int64_t vm)
{
    for (size_t i = 0; i < keeper->vms.len; i++)
        if (keeper->vms.items[i].seen.vm == vm)
            return &keeper->vms.items[i];
    return NULL;
}

static void forget(struct keeper *keeper, struct keeper_vm *vm)
{
    *vm = keeper->vms.items[--keeper->vms.len];
}

/* The owner in a VM's record that is this host as it is now; NULL: it is not ours. */
static const struct ha_owner *self_in(const struct keeper *keeper, const struct ha_vm_right *right)
{
    for (unsigned i = 0; i < right->n_owners; i++) {
        const struct ha_owner *owner = &right->owners[i];
        const struct lease_fsm *lease = keeper_lease(keeper, owner->authority);

        if (owner->host == keeper->host && owner->authority == HA_LOCAL)
            return owner;
        if (lease && ha_owner_equal(&lease->self, owner))
            return owner;
    }
    return NULL;
}

static bool holds(const struct keeper *keeper, int32_t authority, int64_t now_ms)
{
    const struct lease_fsm *lease = keeper_lease(keeper, authority);

    return authority == HA_LOCAL || (lease && lease_fsm_holds(lease, now_ms));
}

/* ---- what to do ------------------------------------------------------------------------------ */

static void say(struct keeper_actions *actions, enum keeper_act act, int64_t vm, const char *why)
{
    keeper_actions_push(actions, (struct keeper_action){ .act = act, .vm = vm, .why = why });
}

static void refuse(struct keeper *keeper, struct keeper_vm *vm, const char *why,
                   struct keeper_actions *actions)
{
    say(actions, KEEPER_REFUSE, vm->seen.vm, why);
    forget(keeper, vm);
}

static void send_txn(struct keeper *keeper, struct keeper_vm *vm, enum keeper_act act,
                     struct keeper_actions *actions)
{
    const struct ha_owner *self = self_in(keeper, &vm->seen.right);
    struct keeper_action action = { .act = act, .vm = vm->seen.vm };

    g_assert(self);
    if (act == KEEPER_CLAIM)
        right_claim(self, &vm->seen, &action.txn);
    else
        right_release(self, &vm->seen, &action.txn);
    action.request = vm->request = ++keeper->n_requests;
    vm->in_flight = true;
    keeper_actions_push(actions, action);
}

/* ---- leases ---------------------------------------------------------------------------------- */

static bool has_processes(const struct keeper *keeper, int32_t authority)
{
    for (size_t i = 0; i < keeper->vms.len; i++)
        if (keeper->vms.items[i].authority == authority && keeper->vms.items[i].has_process)
            return true;
    return false;
}

/* Rights of a life that is over: what waits is refused, what is gone is forgotten. */
static void drop_rights(struct keeper *keeper, int32_t authority, const char *why,
                        struct keeper_actions *actions)
{
    for (size_t i = keeper->vms.len; i-- > 0;) {
        struct keeper_vm *vm = &keeper->vms.items[i];

        if (vm->authority != authority || vm->has_process)
            continue;
        if (vm->state == KEEPER_VM_CLAIMING)
            refuse(keeper, vm, why, actions);
        else
            forget(keeper, vm);
    }
}

static void step_lease(struct keeper *keeper, struct lease_fsm *lease,
                       const struct lease_input *input, struct keeper_actions *actions)
{
    struct keeper_action action = { .authority = lease->self.authority };
    const struct lease_rule *rule;

    lease->armed_ms = keeper->armed_until_ms; /* watchdog */
    rule = lease_fsm_step(lease, input);
    action.why = rule->why;
    if (rule->act == LSA_RENEW) {
        action.act = KEEPER_RENEW;
        action.request = lease->request;
        lease_fsm_request(lease, &action.txn);
        keeper_actions_push(actions, action);
    } else if (rule->act == LSA_KILL) {
        action.act = KEEPER_KILL;
        keeper_actions_push(actions, action);
    } else if (rule->act == LSA_REBORN) {
        drop_rights(keeper, action.authority, rule->why, actions);
    }
}

void keeper_renewed(struct keeper *keeper, int32_t authority, const struct lease_input *answer,
                    struct keeper_actions *actions)
{
    struct lease_fsm *lease = lease_of(keeper, authority);

    if (answer->event == LSE_SPENT && protects(keeper, authority))
        return;
    if (authority == HA_ETCD && answer->event != LSE_UNKNOWN)
        keeper_hear(keeper, answer->now_ms);
    if (lease)
        step_lease(keeper, lease, answer, actions);
}

static void tick_lease(struct keeper *keeper, struct lease_fsm *lease, int64_t now_ms,
                       struct keeper_actions *actions)
{
    const struct lease_input tick = { .event = LSE_TICK, .now_ms = now_ms };
    const struct lease_input empty = { .event = LSE_EMPTY, .now_ms = now_ms };

    if (lease->state == LEASE_LAPSED && !has_processes(keeper, lease->self.authority))
        step_lease(keeper, lease, &empty, actions);
    step_lease(keeper, lease, &tick, actions);
}

int64_t keeper_deadline(const struct keeper *keeper)
{
    int64_t deadline = INT64_MAX;

    for (unsigned i = 0; i < keeper->n_leases; i++) {
        const struct lease_fsm *lease = &keeper->leases[i];

        if (has_processes(keeper, lease->self.authority) && lease_fsm_deadline(lease) < deadline)
            deadline = lease_fsm_deadline(lease);
    }
    return deadline;
}

/* While a lease is still kept for its former, shorter time, a longer watchdog could not be petted.
 */
static void lengthen_watchdog(struct keeper *keeper)
{
    for (unsigned i = 0; i < keeper->n_leases; i++) {
        const struct lease_fsm *lease = &keeper->leases[i];

        if (lease->state != LEASE_OUT && lease->end_ms - lease->counted_ms < lease->times.length_ms)
            return;
    }
    keeper->watchdog_ms = keeper->wanted_ms;
}

/* Does it, late already, keep the watchdog from being armed anew before it fires? */
static bool holds_up(const struct keeper *keeper, const struct lease_fsm *lease, int64_t now_ms)
{
    const int64_t last_ms = lease_fsm_deadline(lease) - keeper->watchdog_ms;
    const int64_t late_ms = lease->counted_ms + lease->times.renew_ms + lease->times.kill_ms;

    return now_ms > late_ms && keeper->armed_until_ms > last_ms;
}

/* What the kills take.  A lease that leaves much time to arm the watchdog goes a little earlier, so
 * that one that leaves little can let it be armed in time afterwards. */
static int64_t margin_ms(const struct keeper *keeper, const struct lease_fsm *lease)
{
    const int64_t kept_ms = lease->end_ms - lease->counted_ms, kill_ms = lease->times.kill_ms;
    const int64_t spare_ms = kept_ms - keeper->watchdog_ms - 2 * kill_ms;

    return kill_ms + CLAMP(spare_ms, 0, kill_ms / 2);
}

/* When the watchdog is about to fire, those leases end whose VMs hold it up: they are killed one by
 * one, instead of all with the host. */
static void end_in_time(struct keeper *keeper, int64_t now_ms)
{
    for (unsigned i = 0; keeper->armed_until_ms > now_ms && i < keeper->n_leases; i++) {
        struct lease_fsm *lease = &keeper->leases[i];
        const int64_t until_ms = keeper->armed_until_ms - margin_ms(keeper, lease);

        if (now_ms >= until_ms && until_ms < lease->until_ms &&
            has_processes(keeper, lease->self.authority) && holds_up(keeper, lease, now_ms))
            lease->until_ms = until_ms; /* in time */
    }
}

/* ---- cut off from all others ----------------------------------------------------------------- */

void keeper_set_isolation(struct keeper *keeper, const struct isolation_policy *policy)
{
    isolation_set(&keeper->isolation, policy);
}

void keeper_hear(struct keeper *keeper, int64_t at_ms)
{
    isolation_hear(&keeper->isolation, at_ms);
}

bool keeper_shuts_down(const struct keeper *keeper, int64_t id)
{
    const struct keeper_vm *vm = keeper_find(keeper, id);

    return keeper->step == ISOLATION_ASK && vm && vm->authority >= HA_STORAGE && vm->has_process;
}

bool keeper_gives_up(const struct keeper *keeper, int64_t id, int64_t now_ms)
{
    const struct keeper_vm *vm = keeper_find(keeper, id);

    return vm && vm->authority >= HA_STORAGE && isolation_is_near(&keeper->isolation, now_ms);
}

/* VMs that could run on for as long as the datastore can be written. */
static bool has_stored_vms(const struct keeper *keeper)
{
    for (size_t i = 0; i < keeper->vms.len; i++)
        if (keeper->vms.items[i].authority >= HA_STORAGE)
            return true;
    return false;
}

/* Its VMs have ended, or must now. */
static bool is_given_up(const struct keeper *keeper, const struct lease_fsm *lease)
{
    const int32_t authority = lease->self.authority;

    return authority >= HA_STORAGE && protects(keeper, authority) &&
           (keeper->step == ISOLATION_END || !has_processes(keeper, authority));
}

static void tick_isolation(struct keeper *keeper, int64_t now_ms, struct keeper_actions *actions)
{
    const struct lease_input given_up = { .event = LSE_GIVEN_UP, .now_ms = now_ms };

    keeper->step = isolation_tick(&keeper->isolation, has_stored_vms(keeper), now_ms);
    for (unsigned i = 0; keeper->step != ISOLATION_NOTHING && i < keeper->n_leases; i++)
        if (is_given_up(keeper, &keeper->leases[i]))
            step_lease(keeper, &keeper->leases[i], &given_up, actions);
}

/* Nothing new begins under leases that are being given up. */
static bool is_leaving(const struct keeper *keeper, int32_t authority)
{
    return authority >= HA_STORAGE && keeper->step != ISOLATION_NOTHING;
}

/* ---- VMs ------------------------------------------------------------------------------------- */

static void retry_release(struct keeper *keeper, struct keeper_vm *vm, int64_t now_ms,
                          struct keeper_actions *actions)
{
    if (vm->state != KEEPER_VM_RELEASING || vm->in_flight || now_ms < vm->next_ms)
        return;
    vm->next_ms = now_ms + RETRY_MS;
    send_txn(keeper, vm, KEEPER_RELEASE, actions);
}

void keeper_tick(struct keeper *keeper, int64_t now_ms, struct keeper_actions *actions)
{
    end_in_time(keeper, now_ms);
    tick_isolation(keeper, now_ms, actions);
    for (unsigned i = 0; i < keeper->n_leases; i++)
        tick_lease(keeper, &keeper->leases[i], now_ms, actions);
    for (size_t i = 0; i < keeper->vms.len; i++)
        retry_release(keeper, &keeper->vms.items[i], now_ms, actions);
    lengthen_watchdog(keeper);
    if (now_ms <= keeper_deadline(keeper) - keeper->watchdog_ms) {
        keeper->armed_until_ms = now_ms + keeper->watchdog_ms;
        say(actions, KEEPER_PET, 0, NULL);
    }
}

void keeper_ask(struct keeper *keeper, const struct ha_vm_seen *seen, int64_t now_ms,
                struct keeper_actions *actions)
{
    const struct ha_owner *self = self_in(keeper, &seen->right);
    struct keeper_vm *vm = vm_of(keeper, seen->vm);

    if (!self || !holds(keeper, self->authority, now_ms)) {
        say(actions, KEEPER_REFUSE, seen->vm,
            self ? "this host's lease does not hold" : "the right is not this host's");
        return;
    }
    if (is_leaving(keeper, self->authority)) {
        say(actions, KEEPER_REFUSE, seen->vm, "this host was cut off and gives its VMs up");
        return;
    }
    if (vm && (vm->state != KEEPER_VM_ALLOWED || vm->has_process)) {
        say(actions, KEEPER_REFUSE, seen->vm, "it runs or changes already");
        return;
    }
    if (!vm) {
        keeper_vms_push(&keeper->vms, (struct keeper_vm){ 0 });
        vm = &keeper->vms.items[keeper->vms.len - 1];
    }
    vm->seen = *seen;
    vm->authority = self->authority;
    if (self->authority == HA_LOCAL) {
        vm->state = KEEPER_VM_ALLOWED;
        say(actions, KEEPER_ALLOW, seen->vm, "its disk is on this host");
        return;
    }
    vm->state = KEEPER_VM_CLAIMING;
    send_txn(keeper, vm, KEEPER_CLAIM, actions);
}

static void claimed(struct keeper *keeper, struct keeper_vm *vm, const struct keeper_answer *answer,
                    int64_t now_ms, struct keeper_actions *actions)
{
    if (!answer->known) {
        /* It may have won: that is no harm, the record still names this host. */
        refuse(keeper, vm, "etcd does not answer", actions);
    } else if (!answer->done) {
        refuse(keeper, vm, "the right changed meanwhile", actions);
    } else if (!holds(keeper, vm->authority, now_ms)) {
        refuse(keeper, vm, "this host's lease ended meanwhile", actions);
    } else {
        vm->state = KEEPER_VM_ALLOWED;
        say(actions, KEEPER_ALLOW, vm->seen.vm, "the right is claimed");
    }
}

static void released(struct keeper *keeper, struct keeper_vm *vm,
                     const struct keeper_answer *answer)
{
    if (answer->known && (answer->done || !self_in(keeper, &vm->seen.right)))
        forget(keeper, vm);
}

void keeper_answered(struct keeper *keeper, int64_t id, const struct keeper_answer *answer,
                     int64_t now_ms, struct keeper_actions *actions)
{
    struct keeper_vm *vm = vm_of(keeper, id);

    if (answer->known)
        keeper_hear(keeper, now_ms);
    if (!vm || !vm->in_flight || vm->request != answer->request)
        return;
    vm->in_flight = false;
    if (answer->known)
        vm->seen = (struct ha_vm_seen){ id, answer->version, answer->right };
    if (vm->state == KEEPER_VM_CLAIMING)
        claimed(keeper, vm, answer, now_ms, actions);
    else if (vm->state == KEEPER_VM_RELEASING)
        released(keeper, vm, answer);
}

void keeper_give_up(struct keeper *keeper, int64_t id, int64_t now_ms,
                    struct keeper_actions *actions)
{
    struct keeper_vm *vm = vm_of(keeper, id);

    if (!vm || vm->has_process)
        return;
    if (vm->authority == HA_LOCAL) {
        forget(keeper, vm);
        return;
    }
    if (!self_in(keeper, &vm->seen.right)) {
        forget(keeper, vm);
        return;
    }
    vm->state = KEEPER_VM_RELEASING;
    retry_release(keeper, vm, now_ms, actions);
}

bool keeper_see_process(struct keeper *keeper, int64_t id, bool exists)
{
    struct keeper_vm *vm = vm_of(keeper, id);

    if (!vm)
        return !exists;
    vm->has_process = exists;
    return true;
}

static bool is_watched(const struct keeper *keeper, int32_t authority)
{
    const struct lease_fsm *lease = keeper_lease(keeper, authority);

    return !lease || keeper->armed_until_ms <= lease_fsm_deadline(lease);
}

bool keeper_may_run(const struct keeper *keeper, int64_t id, int64_t now_ms)
{
    const struct keeper_vm *vm = keeper_find(keeper, id);

    return vm && vm->state == KEEPER_VM_ALLOWED && is_watched(keeper, vm->authority) &&
           holds(keeper, vm->authority, now_ms); /* may run */
}

#define NAME(name, text) text,

const char *keeper_act_name(enum keeper_act act)
{
    static const char *const names[] = { KEEPER_ACTS(NAME) };

    return names[act];
}
