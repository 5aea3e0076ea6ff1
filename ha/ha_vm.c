/* ha_vm.c - VMs in ha.h: from records and reports to signs, and who goes next. */
#include "config.h"

#include <limits.h>

#include "ha/ha_private.h"

#define TRIES_HERE 2      /* failed starts by one owner before the VM goes elsewhere */
#define STABLE_MS  300000 /* a VM that ran so long started well: its crashes are forgotten */

/* ---- signs ----------------------------------------------------------------------------------- */

static bool owner_speaks(const Ha *ha, const struct ha_vm *vm, unsigned owner, int64_t now_ms)
{
    const int host = ha_host_index(ha, vm->seen.right.owners[owner].host);

    return host >= 0 && ha_host_speaks(ha, &ha->hosts.items[host], now_ms);
}

/* Does the owner's host say that the VM runs?  What a silent host said last is no word. */
static bool runs_by(const Ha *ha, const struct ha_vm *vm, unsigned owner, int64_t now_ms)
{
    const struct vm_report *report = &vm->reports[owner];

    return owner_speaks(ha, vm, owner, now_ms) &&
           report->host == ha_host_index(ha, vm->seen.right.owners[owner].host) && report->runs &&
           !ha_is_buried(ha, &vm->seen.right.owners[owner]);
}

bool ha_is_vouched(const Ha *ha, const struct ha_owner *owner, int64_t now_ms)
{
    for (size_t i = 0; i < ha->vms.len; i++) {
        const struct ha_vm *vm = &ha->vms.items[i];

        for (unsigned j = 0; j < vm->seen.right.n_owners; j++)
            if (ha_owner_equal(&vm->seen.right.owners[j], owner) && runs_by(ha, vm, j, now_ms))
                return true;
    }
    return false;
}

/* An owner that did not claim its right loses it by a new assignment alone. */
static bool is_abandoned(const Ha *ha, const struct ha_vm *vm)
{
    const int host = ha_host_index(ha, vm->seen.right.owners[0].host);

    return !vm->seen.right.claimed &&
           (host < 0 || host_fsm_is_closed(ha->hosts.items[host].state) ||
            vm->n_here >= TRIES_HERE);
}

/* Has the owner's host said anything of the VM since we look? */
static bool is_heard(const Ha *ha, const struct ha_vm *vm, unsigned owner)
{
    return vm->reports[owner].host == ha_host_index(ha, vm->seen.right.owners[owner].host);
}

/* One of two owners is dead.  If the other does not run the VM, it died with its host: the other
 * gives it up, so that it does not count as one that ended by itself. */
static enum vm_sign sign_of_widowed(const Ha *ha, const struct ha_vm *vm, unsigned survivor,
                                    int64_t now_ms)
{
    if (runs_by(ha, vm, survivor, now_ms))
        return VM_SIGN_WIDOWED;
    if (!owner_speaks(ha, vm, survivor, now_ms) || !is_heard(ha, vm, survivor))
        return VM_SIGN_SILENT;
    return VM_SIGN_STRAY;
}

static enum vm_sign sign_of_two(const Ha *ha, const struct ha_vm *vm, int64_t now_ms)
{
    const bool first = ha_is_buried(ha, &vm->seen.right.owners[0]);
    const bool second = ha_is_buried(ha, &vm->seen.right.owners[1]);

    if (first && second)
        return VM_SIGN_FREE;
    if (first || second)
        return sign_of_widowed(ha, vm, first ? 1 : 0, now_ms);
    return vm->moving ? VM_SIGN_MOVING : VM_SIGN_STRAY;
}

static enum vm_sign sign_of_one(const Ha *ha, const struct ha_vm *vm, int64_t now_ms)
{
    if (ha_is_buried(ha, &vm->seen.right.owners[0]) || is_abandoned(ha, vm))
        return VM_SIGN_FREE;
    if (!owner_speaks(ha, vm, 0, now_ms))
        return VM_SIGN_SILENT;
    if (now_ms < vm->trusted_until_ms || (!is_heard(ha, vm, 0) && !vm->is_fresh))
        return VM_SIGN_UNHEARD;
    return VM_SIGN_DOWN;
}

static enum vm_sign sign_of(const Ha *ha, const struct ha_vm *vm, int64_t now_ms)
{
    const unsigned n_owners = vm->seen.right.n_owners;

    if (!vm->wanted)
        return VM_SIGN_UNWANTED;
    if (vm->request != 0)
        return VM_SIGN_BUSY;
    if (n_owners == 1 && runs_by(ha, vm, 0, now_ms))
        return VM_SIGN_RUNS;
    if (now_ms < vm->retry_ms)
        return VM_SIGN_BUSY;
    if (vm->failed)
        return VM_SIGN_FAILED;
    if (n_owners == 2)
        return sign_of_two(ha, vm, now_ms);
    if (vm->held)
        return VM_SIGN_BUSY;
    if (n_owners == 0) /* given up by the host that ran it: it ended there */
        return vm->state == VM_FSM_RUNNING ? VM_SIGN_DOWN : VM_SIGN_FREE;
    return sign_of_one(ha, vm, now_ms);
}

/* ---- who goes next --------------------------------------------------------------------------- */

static bool is_start(const struct ha_vm *vm)
{
    return vm->request != 0 &&
           (vm->asked == HA_DO_PLACE || vm->asked == HA_DO_ASSIGN || vm->asked == HA_DO_START);
}

/* Looked at once for all VMs: how many starts are under way, and the highest priority that waits
 * for nobody but its turn. */
static void count(Ha *ha)
{
    ha->n_starts = 0;
    ha->top_priority = INT_MIN;
    for (size_t i = 0; i < ha->vms.len; i++) {
        const struct ha_vm *vm = &ha->vms.items[i];

        ha->n_starts += is_start(vm);
        if (vm->state == VM_FSM_RECOVERING && vm->request == 0 && vm->spec.after < 0 &&
            vm->spec.priority > ha->top_priority)
            ha->top_priority = vm->spec.priority;
    }
}

static bool waits_for_another(const Ha *ha, const struct ha_vm *vm)
{
    const struct ha_vm *first = vm->spec.after >= 0 ? &ha->vms.items[vm->spec.after] : NULL;

    return first && first->wanted && first->state != VM_FSM_RUNNING && first->state != VM_FSM_HELD;
}

static bool has_turn(const Ha *ha, const struct ha_vm *vm)
{
    return vm->state == VM_FSM_RECOVERING && !waits_for_another(ha, vm) &&
           ha->n_starts < ha->options.max_starts && vm->spec.priority >= ha->top_priority;
}

static struct vm_facts facts_of(const Ha *ha, const struct ha_vm *vm, int64_t now_ms)
{
    const int host =
        vm->seen.right.n_owners > 0 ? ha_host_index(ha, vm->seen.right.owners[0].host) : -1;

    return (struct vm_facts){
        .armed = ha->armed,
        .may_place = vm->spec.follows_host || vm->seen.right.n_owners == 0 ||
                     (host >= 0 && !host_fsm_is_closed(ha->hosts.items[host].state)),
        .follows_crash = vm->spec.follows_crash,
        .at_limit = vm->spec.at_limit,
        .is_due = now_ms >= vm->due_ms,
        .awaits_slots = vm->state == VM_FSM_RECOVERING && ha_awaits_slots(ha, vm->spec.authority),
        .has_turn = has_turn(ha, vm),
        .should_leave =
            vm->spec.authority != HA_LOCAL && (vm->n_here >= TRIES_HERE || vm->leaves || host < 0 ||
                                               host_fsm_is_closed(ha->hosts.items[host].state)),
    };
}

/* ---- acts ------------------------------------------------------------------------------------ */

static void ask(Ha *ha, struct ha_vm *vm, struct ha_action action, struct ha_actions *actions)
{
    vm->asked = action.act;
    vm->is_fresh = false;
    action.request = vm->request = ++ha->n_requests;
    ha->n_starts += is_start(vm);
    action.seen = vm->seen;
    if (action.act == HA_DO_START) {
        vm->starting_on = action.host;
        ha->hosts.items[action.host].n_starting++;
    }
    ha_actions_push(actions, action);
}

/* Of two owners a living one that does not run it gives it up; the migration's target if neither
 * does. */
static unsigned find_stray(const Ha *ha, const struct ha_vm *vm, int64_t now_ms)
{
    for (unsigned i = 0; i < 2; i++)
        if (ha_is_buried(ha, &vm->seen.right.owners[i]))
            return 1 - i;
    return runs_by(ha, vm, 1, now_ms) ? 0 : 1;
}

static void do_release(Ha *ha, struct ha_vm *vm, struct ha_action action, int64_t now_ms,
                       struct ha_actions *actions)
{
    const unsigned owner = vm->seen.right.n_owners == 2 ? find_stray(ha, vm, now_ms) : 0;

    action.act = HA_DO_RELEASE;
    action.host = ha_host_index(ha, vm->seen.right.owners[owner].host);
    if (action.host >= 0)
        ask(ha, vm, action, actions);
}

static void do_settle(Ha *ha, struct ha_vm *vm, struct ha_action action, struct ha_actions *actions)
{
    const unsigned keep = ha_is_buried(ha, &vm->seen.right.owners[0]) ? 1 : 0;

    action.act = HA_DO_SETTLE;
    right_settle(&ha->mandate, &vm->seen, keep, &action.txn);
    ask(ha, vm, action, actions);
}

static void act(Ha *ha, struct ha_vm *vm, const struct vm_rule *rule, int64_t now_ms,
                struct ha_actions *actions)
{
    struct ha_action action =
        ha_action_of(HA_DO_PLACE, -1, (int)(vm - ha->vms.items), rule->id, rule->why);

    switch (rule->act) {
    case VM_ACT_NOTHING:
        break;
    case VM_ACT_PLACE:
        action.leaves = vm->leaves;
        if (!vm->spec.follows_host && vm->seen.right.n_owners > 0)
            action.host = ha_host_index(ha, vm->seen.right.owners[0].host);
        ask(ha, vm, action, actions);
        break;
    case VM_ACT_START:
        action.act = HA_DO_START;
        action.host = ha_host_index(ha, vm->seen.right.owners[0].host);
        if (ha->hosts.items[action.host].n_starting < ha->options.max_host_starts)
            ask(ha, vm, action, actions);
        break;
    case VM_ACT_RELEASE:
        do_release(ha, vm, action, now_ms, actions);
        break;
    case VM_ACT_SETTLE:
        do_settle(ha, vm, action, actions);
        break;
    case VM_N_ACTIONS:
        g_assert_not_reached();
    }
}

/* A VM that ends again and again soon after its start is started ever more rarely. */
static void note_crash(struct ha_vm *vm, int64_t now_ms)
{
    vm->n_crashes = now_ms - vm->running_ms < STABLE_MS ? vm->n_crashes + 1 : 1;
    ha_vm_fail(vm, "it ended by itself", now_ms);
    vm->n_failures = vm->n_here = 0;
    vm->leaves = vm->spec.leaves_crash;
    vm->due_ms = now_ms + vm_fsm_backoff_ms(vm->n_crashes);
}

/* What the sign changes before the table is asked, and the sign then: a crash is a failed start. */
static enum vm_sign learn(struct ha_vm *vm, enum vm_sign sign, int64_t now_ms)
{
    if (sign == VM_SIGN_RUNS && vm->state != VM_FSM_RUNNING)
        vm->running_ms = now_ms;
    if (sign == VM_SIGN_RUNS)
        vm->n_failures = vm->n_here = 0;
    if (sign == VM_SIGN_DOWN && vm->state == VM_FSM_RUNNING && vm->spec.follows_crash &&
        !vm->spec.at_limit)
        note_crash(vm, now_ms);
    if (sign == VM_SIGN_FREE && !vm->was_free && vm->seen.right.n_owners > 0)
        vm->due_ms = now_ms; /* failures on the host that lost it say nothing of the next one */
    vm->was_free = sign == VM_SIGN_FREE;
    return vm->failed && sign == VM_SIGN_DOWN ? VM_SIGN_FAILED : sign;
}

static void tick_vm(Ha *ha, int index, int64_t now_ms, struct ha_actions *actions)
{
    struct ha_vm *vm = &ha->vms.items[index];
    const struct vm_facts facts = facts_of(ha, vm, now_ms);
    const enum vm_sign sign = learn(vm, sign_of(ha, vm, now_ms), now_ms);
    const struct vm_rule *rule = vm_fsm_find(vm->state, sign, &facts);

    if ((rule->on & (1U << VM_SIGN_FAILED | 1U << VM_SIGN_RUNS)) != 0)
        vm->failed = false; /* it is seen, or it does not matter any more */
    if (rule->to != VM_FSM_STAY && rule->to != vm->state) {
        vm->state = rule->to;
        ha_actions_push(actions, ha_action_of(HA_DO_VM, -1, index, rule->id, rule->why));
    }
    vm->rule = rule;
    act(ha, vm, rule, now_ms, actions);
}

void ha_vms_tick(Ha *ha, int64_t now_ms, struct ha_actions *actions)
{
    count(ha);
    for (size_t i = 0; i < ha->vms.len; i++)
        tick_vm(ha, (int)i, now_ms, actions);
}
