/* standin.c - see standin.h. */
#include "config.h"

#include "ha/standin.h"

#include <stdlib.h>

/* A lease is renewed every 1.5 s: a host is missed after two or three of them. */
#define MOVE_MS  6000
#define STALL_MS 1000
/* So long a host has to claim what it was given: that comes before the start itself. */
#define START_MS 8000

/* An id, and its index in ha.h; ascending by id. */
struct id_index {
    int64_t id;
    int index;
};
VEC_DECLARE(id_indexes, struct id_index);
VEC_DECLARE(ids, int64_t);

struct standin_vm {
    struct standin_plan plan;
    bool planned;
    int64_t version;    /* of its record; 0: it has none */
    unsigned next;      /* of its targets: whose turn it is */
    uint64_t start;     /* the START that is under way; 0: none */
    int64_t ordered_at; /* its record's version then */
    int64_t limit_ms;
    int host; /* that should start it */
};
VEC_DECLARE(standin_vms, struct standin_vm);

struct StandIn {
    Ha *ha;
    bool leads;
    struct id_indexes host_index, vm_index;
    struct ids hosts;  /* by index */
    struct ids leases; /* by index of host: version of its lease */
    struct standin_vms vms;
};

StandIn *standin_new(int64_t lease_ms, int64_t slot_ms)
{
    const struct ha_options options = {
        .beat_ms = MOVE_MS / 3,
        .agent_ms = MOVE_MS,
        .move_ms = MOVE_MS,
        .ask_ms = 1000,
        .stall_ms = STALL_MS,
        .shoot_pause_ms = INT64_MAX / 4,
        .lease_ms = lease_ms,
        .slot_ms = slot_ms > 0 ? slot_ms : INT64_MAX / 4,
        .brake_percent = 100,
        .max_starts = 16,
        .max_host_starts = 4,
        .max_failures = 3,
        .failure_ms = 3600000,
    };
    StandIn *standin = g_new0(StandIn, 1);

    standin->ha = ha_new(&options, (struct ha_mandate){ .recovery = true });
    return standin;
}

void standin_free(StandIn *standin)
{
    if (!standin)
        return;
    ha_free(standin->ha);
    id_indexes_clear(&standin->host_index);
    id_indexes_clear(&standin->vm_index);
    ids_clear(&standin->hosts);
    ids_clear(&standin->leases);
    standin_vms_clear(&standin->vms);
    g_free(standin);
}

void standin_lead(StandIn *standin, int64_t epoch)
{
    standin->leads = true;
    ha_set_mandate(standin->ha, (struct ha_mandate){ .recovery = true, .epoch = epoch });
}

/* ---- ids ------------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    const struct id_index *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

static int find_index(const struct id_indexes *list, int64_t id)
{
    const struct id_index key = { .id = id };
    const struct id_index *found =
        list->len > 0 ? bsearch(&key, list->items, list->len, sizeof key, compare_ids) : NULL;

    return found ? found->index : -1;
}

/* They come in ascending order mostly. */
static void add_index(struct id_indexes *list, int64_t id, int index)
{
    size_t at = list->len;

    id_indexes_push(list, (struct id_index){ 0 });
    for (; at > 0 && list->items[at - 1].id > id; at--)
        list->items[at] = list->items[at - 1];
    list->items[at] = (struct id_index){ id, index };
}

int standin_host(StandIn *standin, int64_t id)
{
    int index = find_index(&standin->host_index, id);

    if (index >= 0)
        return index;
    index = ha_add_host(standin->ha, id, false);
    add_index(&standin->host_index, id, index);
    ids_push(&standin->hosts, id);
    ids_push(&standin->leases, 0);
    return index;
}

static int vm_of(StandIn *standin, int64_t id)
{
    const struct ha_vm_spec spec = { .id = id, .after = -1 };
    int index = find_index(&standin->vm_index, id);

    if (index >= 0)
        return index;
    index = ha_add_vm(standin->ha, &spec);
    add_index(&standin->vm_index, id, index);
    standin_vms_push(&standin->vms, (struct standin_vm){ .plan = { .vm = id }, .host = -1 });
    return index;
}

const Ha *standin_peek(const StandIn *standin)
{
    return standin->ha;
}

int64_t standin_host_id(const StandIn *standin, int index)
{
    return index >= 0 ? standin->hosts.items[index] : 0;
}

int64_t standin_vm_id(const StandIn *standin, int index)
{
    return index >= 0 ? standin->vms.items[index].plan.vm : 0;
}

/* ---- the plan -------------------------------------------------------------------------------- */

/* Nobody knows whether a VM without a record runs. */
static void tell_wanted(StandIn *standin, int index)
{
    const struct standin_vm *vm = &standin->vms.items[index];

    ha_set_wanted(standin->ha, index, vm->planned && vm->version > 0); /* known */
}

void standin_plan(StandIn *standin, const struct standin_plan *plan)
{
    const int index = vm_of(standin, plan->vm);
    const struct ha_vm_spec spec = {
        .id = plan->vm,
        .authority = plan->authority,
        .priority = plan->priority,
        .after = plan->after != 0 ? vm_of(standin, plan->after) : -1,
        .follows_host = true,
        .follows_crash = true, /* here: a right that nobody claimed yet */
    };

    g_assert(plan->n_targets <= STANDIN_MAX_TARGETS);
    standin->vms.items[index].plan = *plan;
    standin->vms.items[index].planned = true;
    ha_set_spec(standin->ha, index, &spec);
    tell_wanted(standin, index);
}

void standin_unplan(StandIn *standin, int64_t id)
{
    const int index = find_index(&standin->vm_index, id);

    if (index < 0)
        return;
    standin->vms.items[index].planned = false;
    tell_wanted(standin, index);
}

/* ---- what is seen ---------------------------------------------------------------------------- */

/* The first sight of a lease is no sign of life, each change after it is. */
static void see_lease(StandIn *standin, const struct ha_key *key, const struct ha_lease_seen *seen,
                      int64_t now_ms)
{
    const int host = standin_host(standin, key->id);
    const int64_t known = standin->leases.items[host];

    ha_see_lease(standin->ha, host, key->authority, seen, now_ms);
    if (key->authority != HA_ETCD || seen->version <= known)
        return;
    standin->leases.items[host] = seen->version;
    if (known == 0)
        return;
    ha_see_beat(standin->ha, host, seen->record.inc, now_ms);
    ha_see_agent(standin->ha, host, now_ms);
}

static void end_start(StandIn *standin, struct standin_vm *vm, enum ha_outcome outcome,
                      int64_t now_ms)
{
    const uint64_t request = vm->start;

    vm->start = 0;
    for (unsigned i = 0; outcome != HA_DONE && i < vm->plan.n_targets; i++)
        if (vm->plan.targets[i] == standin->hosts.items[vm->host])
            vm->next = i + 1;
    ha_answered(standin->ha, request, outcome, now_ms);
}

/* The record's change is the host's answer to our START. */
static void judge_start(StandIn *standin, struct standin_vm *vm, const struct ha_vm_right *right,
                        int64_t version, int64_t now_ms)
{
    const bool claimed = right && right->n_owners > 0 && right->claimed &&
                         right->owners[0].host == standin->hosts.items[vm->host];

    if (!right || version > vm->ordered_at)
        end_start(standin, vm, claimed ? HA_DONE : HA_FAILED, now_ms);
}

static void see_right(StandIn *standin, int64_t id, const struct ha_vm_right *right,
                      int64_t version, int64_t now_ms)
{
    const int index = vm_of(standin, id);
    struct standin_vm *vm = &standin->vms.items[index];

    vm->version = right ? version : 0;
    if (right) {
        ha_see_right(standin->ha, index, version, right);
        for (unsigned i = 0; i < right->n_owners; i++)
            ha_see_vm(standin->ha, index, standin_host(standin, right->owners[i].host),
                      right->claimed);
    }
    if (vm->start != 0)
        judge_start(standin, vm, right, version, now_ms);
    if (right && right->claimed)
        vm->next = 0;
    tell_wanted(standin, index);
}

void standin_see(StandIn *standin, const struct ha_key *key, const struct ha_record *record,
                 int64_t version, int64_t now_ms)
{
    const struct ha_owner dead = { key->id, key->authority, key->inc };

    ha_see_etcd(standin->ha, now_ms);
    switch (key->kind) {
    case HA_KEY_LEASE:
        if (record)
            see_lease(standin, key, &(struct ha_lease_seen){ record->lease, version, now_ms },
                      now_ms);
        break;
    case HA_KEY_FENCE:
        if (record)
            ha_see_fence(standin->ha, &dead);
        break;
    case HA_KEY_VM:
        see_right(standin, key->id, record ? &record->vm : NULL, version, now_ms);
        break;
    case HA_KEY_LEADER:
    case HA_KEY_RECOVERY:
        break;
    }
}

void standin_see_slot(StandIn *standin, int64_t host, int32_t authority,
                      const struct ha_slot_seen *seen, int64_t now_ms)
{
    ha_see_slot(standin->ha, standin_host(standin, host), authority, seen, now_ms);
}

void standin_see_etcd(StandIn *standin, int64_t now_ms)
{
    ha_see_etcd(standin->ha, now_ms);
}

/* ---- what is done ---------------------------------------------------------------------------- */

/* The first of its targets that may take it; after a failed start the next one is the first. */
static int find_target(const StandIn *standin, const struct standin_vm *vm, int wanted)
{
    const struct standin_plan *plan = &vm->plan;
    struct ha_owner owner;

    for (unsigned i = 0; i < plan->n_targets; i++) {
        const int host =
            find_index(&standin->host_index, plan->targets[(vm->next + i) % plan->n_targets]);

        if (host >= 0 && (wanted < 0 || wanted == host) &&
            ha_may_take(standin->ha, host, plan->authority, &owner))
            return host;
    }
    return -1;
}

static void place(StandIn *standin, const struct ha_action *action, int64_t now_ms,
                  struct ha_actions *actions)
{
    const int host = find_target(standin, &standin->vms.items[action->vm], action->host);

    ha_placed(standin->ha, action->request, host,
              host >= 0 ? "the published plan" : "no host of the published plan may take it",
              now_ms, actions);
}

static void await_start(StandIn *standin, struct ha_action *action, int64_t now_ms)
{
    struct standin_vm *vm = &standin->vms.items[action->vm];

    vm->start = action->request;
    vm->ordered_at = action->seen.version;
    vm->limit_ms = now_ms + START_MS;
    vm->host = action->host;
    action->request = 0;
}

/* True if the shell is to see it. */
static bool perform(StandIn *standin, struct ha_action *action, int64_t now_ms,
                    struct ha_actions *actions)
{
    switch (action->act) {
    case HA_DO_PLACE:
        place(standin, action, now_ms, actions);
        return false;
    case HA_DO_START:
        await_start(standin, action, now_ms);
        return true;
    case HA_DO_RELEASE: /* only a controller can command a host */
        ha_answered(standin->ha, action->request, HA_FAILED, now_ms);
        return false;
    case HA_DO_ASK:
    case HA_DO_SHOOT:
    case HA_DO_WARN:
        return false;
    case HA_DO_HOST:
    case HA_DO_BURY:
    case HA_DO_VM:
    case HA_DO_ASSIGN:
    case HA_DO_SETTLE:
    case HA_DO_BRAKE:
        return true;
    case HA_N_ACTS:
        break;
    }
    return false;
}

/* Those that take too long, or whose host is in doubt now. */
static void end_starts(StandIn *standin, int64_t now_ms)
{
    for (size_t i = 0; i < standin->vms.len; i++) {
        struct standin_vm *vm = &standin->vms.items[i];

        if (vm->start != 0 &&
            (now_ms >= vm->limit_ms || host_fsm_is_closed(ha_host_state(standin->ha, vm->host))))
            end_start(standin, vm, HA_UNKNOWN, now_ms);
    }
}

void standin_tick(StandIn *standin, int64_t now_ms, struct ha_actions *actions)
{
    struct ha_actions all = { 0 };

    if (!standin->leads)
        return;
    end_starts(standin, now_ms);
    ha_tick(standin->ha, now_ms, &all);
    for (size_t i = 0; i < all.len; i++) { /* grows while it is carried out */
        struct ha_action action = all.items[i];

        if (perform(standin, &action, now_ms, &all))
            ha_actions_push(actions, action);
    }
    ha_actions_clear(&all);
}

void standin_answered(StandIn *standin, uint64_t request, enum ha_outcome outcome, int64_t now_ms)
{
    ha_answered(standin->ha, request, outcome, now_ms);
}

/* ---- on every host --------------------------------------------------------------------------- */

bool standin_calls_for(const struct ha_vm_right *right, int64_t host, struct ha_inc inc)
{
    const struct ha_owner self = { host, right->owners[0].authority, inc };

    return right->n_owners == 1 && self.authority != HA_LOCAL && !right->claimed && inc.boot != 0 &&
           ha_owner_equal(&right->owners[0], &self);
}
