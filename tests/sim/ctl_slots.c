/* ctl_slots.c - slots on datastores as a simulated decider has them read: a vrmd by two hosts, a
 * stand-in by its own.  See world.h. */
#include "config.h"

#include "tests/sim/ctl_private.h"

#define POLL_MS   1000
#define N_READERS 2

static bool can_read(const struct world *world, int host)
{
    return world->hosts[host].agent_up && !world->hosts[host].cut_mgmt;
}

/* Those whose turn it is among the hosts that are connected. */
static void ask_readers(struct world *world, int ctl, int store)
{
    const int first = (int)(world->now / POLL_MS) % world->n_hosts;
    int n = 0;

    for (int i = 0; i < world->n_hosts && n < N_READERS; i++) {
        const int host = (first + i) % world->n_hosts;

        if (!can_read(world, host))
            continue;
        host_ask_slots(world, ctl, host, store);
        n++;
    }
}

static void poll(struct world *world, const struct event *event)
{
    const struct controller *self = &world->ctls[event->node];

    world_post(world, POLL_MS, poll, IN_CTL, event->node);
    for (int i = 0; i < world->n_stores; i++) {
        if (self->standin)
            host_ask_slots(world, event->node, self->host, i);
        else if (self->ha)
            ask_readers(world, event->node, i);
    }
}

void ctl_poll_slots(struct world *world, int ctl)
{
    if (world->n_stores > 0)
        world_post(world, world_between(world, 0, POLL_MS), poll, IN_CTL, ctl);
}

/* ---- what comes back ------------------------------------------------------------------------- */

/* A host is no witness of itself. */
static void hear(struct world *world, const struct event *event)
{
    const struct controller *self = &world->ctls[event->node];
    const struct call *call = event->call;

    for (int i = 0; i < world->n_hosts; i++) {
        const struct slot_record *record = &call->reading->records[i];
        const struct ha_slot_seen seen = {
            .inc = record->owner.inc,
            .seq = record->seq,
            .asked_ms = call->asked_ms - event->value,
            .length_ms = record->length_ms,
        };
        const struct ha_owner owner = { world->hosts[i].id, call->authority, { 0 } };

        if (i == event->peer || call->reading->content[i] != SLOT_VALID ||
            slot_is_foreign(record, STORE_TAG, &owner))
            continue;
        if (self->standin)
            standin_see_slot(self->standin, owner.host, call->authority, &seen, world->now);
        else if (self->ha)
            ha_see_slot(self->ha, i, call->authority, &seen, world->now);
    }
}

void ctl_hear_slots(struct world *world, int ctl, int reader, const struct call *call,
                    int64_t age_ms)
{
    const bool is_own = world->ctls[ctl].host == reader;
    struct event *event;

    if (!world->ctls[ctl].up || world->ctls[ctl].life != call->request ||
        (!is_own && (world->hosts[reader].cut_mgmt || world_chance(world, world->loss_pm))))
        return;
    event = world_post(world, is_own ? 1 : world_way_ms(world), hear, IN_CTL, ctl);
    event->peer = reader;
    event->value = age_ms;
    event->call = etcd_call(world, IN_CTL, ctl, &call->txn, NULL);
    event->call->authority = call->authority;
    event->call->asked_ms = call->asked_ms;
    event->call->reading = g_memdup2(call->reading, sizeof *call->reading);
}
