/* host_slot.c - vrm-hald's leases on datastores: registered in etcd, kept by writing the slot, and
 * what others ask of slots.  See world.h. */
#include "config.h"

#include "tests/sim/world.h"

#define REPLY_MS 1000 /* of etcd */

static struct sim_disk *disk_of(struct world *world, int host, int32_t authority)
{
    return &world->hosts[host].disks[store_of(authority)];
}

static const struct lease_fsm *lease_of(const struct world *world, int host, int32_t authority)
{
    return keeper_lease(&world->hosts[host].keeper, authority);
}

static void tell(struct world *world, const struct call *call, enum lease_event what,
                 int64_t version)
{
    const struct lease_input input = {
        .event = what,
        .now_ms = host_clock(world, call->node),
        .request = call->request,
        .version = version,
        .inc = call->exists ? call->record.lease.inc : (struct ha_inc){ 0 },
    };

    host_renewed(world, call->node, call->authority, &input);
}

/* Is the RENEW that the call is a part of still what the lease waits for? */
static bool is_awaited(const struct world *world, const struct call *call)
{
    const struct lease_fsm *lease = lease_of(world, call->node, call->authority);

    return lease->in_flight && lease->request == call->request;
}

static struct call *part_of(struct world *world, const struct call *call, event_fn *on_answer)
{
    struct call *part = etcd_call(world, IN_HALD, call->node, &call->txn, on_answer);

    part->authority = call->authority;
    part->request = call->request;
    part->version = call->version;
    part->file = disk_of(world, call->node, call->authority)->file;
    return part;
}

/* ---- the slot -------------------------------------------------------------------------------- */

/* However late: what it is worth counts from its sending. */
static void written(struct world *world, const struct event *event)
{
    const struct call *call = event->call;

    disk_of(world, call->node, call->authority)->busy = false;
    tell(world, call, event->flag ? LSE_RENEWED : LSE_UNKNOWN, call->version);
}

static void write_slot(struct world *world, const struct call *call, int64_t version)
{
    struct sim_disk *disk = disk_of(world, call->node, call->authority);
    struct call *part = part_of(world, call, written);

    part->version = version;
    disk->busy = disk->wrote = true;
    store_write(world, part);
}

/* ---- registering ----------------------------------------------------------------------------- */

static void registered(struct world *world, const struct event *event)
{
    const struct call *call = event->call;
    const enum lease_event what = host_event_of(call, event->flag);

    if (!is_awaited(world, call))
        return;
    if (what == LSE_RENEWED)
        write_slot(world, call, call->version);
    else
        tell(world, call, what, call->version);
}

/* What is found in the slot before the first write of this process. */
static void looked(struct world *world, const struct event *event)
{
    const struct call *call = event->call;
    struct sim_disk *disk = disk_of(world, call->node, call->authority);
    const struct lease_fsm *lease = lease_of(world, call->node, call->authority);
    const struct reading *reading = call->reading;
    const bool is_ours = event->flag && reading->content[call->node] == SLOT_VALID &&
                         slot_may_go_on(&reading->records[call->node], STORE_TAG, &lease->self);

    disk->busy = false;
    if (!is_awaited(world, call))
        return;
    if (lease->state == LEASE_HELD && is_ours) {
        disk->is_checked = disk->wrote = true;
        write_slot(world, call, lease->version);
    } else if (lease->state == LEASE_OUT && event->flag) {
        disk->is_checked = true;
        etcd_send(world, part_of(world, call, registered), REPLY_MS);
    } else {
        disk->file = disk->wrote ? disk->file : NO_FILE;
        tell(world, call, LSE_UNKNOWN, 0);
    }
}

static enum file path_leads_to(const struct sim_disk *disk)
{
    return disk->away ? LOCAL_FILE : SHARED_FILE;
}

/* False: not now, or not as this incarnation. */
static bool has_file(struct world *world, const struct call *call, struct sim_disk *disk)
{
    const struct lease_fsm *lease = lease_of(world, call->node, call->authority);

    if (!ha_inc_equal(disk->inc, lease->self.inc)) {
        disk->file = NO_FILE;
        disk->wrote = disk->is_checked = false;
        disk->inc = lease->self.inc;
    }
    if (disk->file != NO_FILE && disk->file != path_leads_to(disk)) {
        if (disk->wrote)
            tell(world, call, LSE_SPENT, 0);
        if (!ha_inc_equal(disk->inc, lease->self.inc))
            return false;
        if (!disk->wrote)
            disk->file = NO_FILE;
    }
    if (disk->file == NO_FILE)
        disk->file = path_leads_to(disk);
    return true;
}

void host_renew_slot(struct world *world, int host, const struct keeper_action *action)
{
    struct sim_disk *disk = disk_of(world, host, action->authority);
    const struct lease_fsm *lease = lease_of(world, host, action->authority);
    struct call *call = etcd_call(world, IN_HALD, host, &action->txn, NULL);

    call->authority = action->authority;
    call->request = action->request;
    if (disk->busy || (lease->state == LEASE_OUT && !world->hosts[host].was_held)) {
        tell(world, call, LSE_UNKNOWN, 0);
    } else if (has_file(world, call, disk)) {
        if (lease->state == LEASE_HELD && disk->is_checked) {
            write_slot(world, call, lease->version);
        } else {
            disk->busy = true;
            store_read(world, part_of(world, call, looked));
        }
    }
    call_unref(call);
}

/* ---- what others ask ------------------------------------------------------------------------- */

/* The agent hands it on. */
static void relay_slots(struct world *world, const struct event *event)
{
    ctl_hear_slots(world, event->call->vm, event->node, event->call, event->value);
}

/* How old it may be is said by the reader's own slot. */
static void have_slots(struct world *world, const struct event *event)
{
    const struct call *call = event->call;
    const struct lease_fsm *lease = lease_of(world, call->node, call->authority);
    struct event *answer;
    int64_t age_ms = -1;

    if (event->flag && call->reading->content[call->node] == SLOT_VALID)
        age_ms = slot_age_ms(&call->reading->records[call->node], STORE_TAG, &lease->self,
                             call->version);
    if (age_ms < 0)
        return;
    answer = world_post(world, 1, relay_slots, IN_AGENT, call->node);
    answer->value = age_ms;
    answer->call = event->call;
    answer->call->n_refs++;
}

/* The request came in: the reading begins after that. */
static void take_question(struct world *world, const struct event *event)
{
    struct call *call = event->call;

    call->file = disk_of(world, call->node, call->authority)->file;
    call->version = host_clock(world, call->node);
    if (call->file == NO_FILE)
        return;
    call->n_refs++;
    store_read(world, call);
}

/* The agent has it. */
static void relay_question(struct world *world, const struct event *event)
{
    struct event *question = world_post(world, 1, take_question, IN_HALD, event->node);

    question->call = event->call;
    question->call->n_refs++;
}

void host_ask_slots(struct world *world, int ctl, int host, int store)
{
    const bool is_own = world->ctls[ctl].host == host;
    const struct ha_txn nothing = { 0 };
    struct event *event;

    if (!world->hosts[host].hald_up || !world->hosts[host].agent_up ||
        (!is_own && (world->hosts[host].cut_mgmt || world_chance(world, world->loss_pm))))
        return;
    event = world_post(world, is_own ? 1 : world_way_ms(world), relay_question, IN_AGENT, host);
    event->call = etcd_call(world, IN_HALD, host, &nothing, have_slots);
    event->call->authority = HA_STORAGE + store;
    event->call->vm = ctl;
    event->call->asked_ms = world->now;
    event->call->request = world->ctls[ctl].life;
}
