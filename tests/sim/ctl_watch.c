/* ctl_watch.c - what a simulated decider sees: keys of etcd, beats, reports.  See world.h. */
#include "config.h"

#include "tests/sim/ctl_private.h"

#define RELIST_MS 5000

/* ---- keys ------------------------------------------------------------------------------------ */

void ctl_see_record(struct world *world, struct controller *self, const struct kv *kv,
                    int64_t asked_ms)
{
    const struct ha_lease_seen lease = { kv->record.lease, kv->modified, asked_ms };
    const struct ha_owner dead = { kv->key.id, kv->key.authority, kv->key.inc };

    switch (kv->key.kind) {
    case HA_KEY_LEASE:
        ha_see_lease(self->ha, world_host_index(world, kv->key.id), kv->key.authority, &lease,
                     world->now);
        break;
    case HA_KEY_FENCE:
        ha_see_fence(self->ha, &dead);
        break;
    case HA_KEY_VM:
        ha_see_right(self->ha, world_vm_index(world, kv->key.id), kv->modified, &kv->record.vm);
        break;
    case HA_KEY_LEADER:
    case HA_KEY_RECOVERY:
        break;
    }
}

/* What a stand-in makes of the keys: nobody leads only when no vrmd does, and has not for long. */
static void stand_by(struct world *world, int ctl, const struct ha_key *key, bool exists)
{
    struct controller *self = &world->ctls[ctl];

    if (key->kind == HA_KEY_LEADER && exists)
        self->leaderless_ms = 0;
    else if (key->kind == HA_KEY_LEADER && self->leaderless_ms == 0)
        self->leaderless_ms = world->now;
    if (self->leaderless_ms == 0)
        ctl_feed(world, ctl, LEV_KEY_OTHER, 0, 0);
    ctl_stand_by(world, ctl, self->leaderless_ms != 0);
}

static void see_leader(struct world *world, int ctl, const struct kv *kv, const struct event *event)
{
    struct controller *self = &world->ctls[ctl];

    if (ctl_is_stand_in(self))
        stand_by(world, ctl, &kv->key, event->flag);
    if (ctl_is_stand_in(self) && (kv->key.kind == HA_KEY_LEADER || self->leaderless_ms == 0 ||
                                  world->now - self->leaderless_ms < STANDIN_LEADERLESS_MS))
        return;
    if (kv->key.kind != ctl_key_of(self)->kind)
        return;
    if (!event->flag)
        ctl_feed(world, ctl, LEV_KEY_ABSENT, 0, 0);
    else if ((int64_t)event->request != self->lease)
        ctl_feed(world, ctl, LEV_KEY_OTHER, 0, 0);
}

/* A change on its way to one watcher; the record rides in the call. */
static void watched(struct world *world, const struct event *event)
{
    struct controller *self = &world->ctls[event->node];
    const struct kv kv = {
        .key = event->call->txn.puts[0].key,
        .created = event->value,
        .modified = event->call->version,
        .record = event->call->record,
    };

    if (kv.key.kind == HA_KEY_LEADER || kv.key.kind == HA_KEY_RECOVERY)
        see_leader(world, event->node, &kv, event);
    if (self->standin)
        ctl_stand_in_sees(world, self, event->flag ? &kv : NULL, &kv.key);
    if (self->ha)
        ha_see_etcd(self->ha, world->now);
    if (self->ha && event->flag && kv.key.kind != HA_KEY_LEADER && kv.key.kind != HA_KEY_RECOVERY)
        ctl_see_record(world, self, &kv, world->now);
}

static void send_change(struct world *world, int ctl, const struct kv *kv, struct ha_key key)
{
    struct event *event;

    if (!world->ctls[ctl].up || ctl_is_cut(world, ctl) ||
        world->now < world->ctls[ctl].stale_until || world_chance(world, world->loss_pm))
        return;
    event = world_post(world, world_way_ms(world), watched, IN_CTL, ctl);
    event->flag = kv != NULL;
    event->value = kv ? kv->created : 0;
    event->request = kv ? (uint64_t)kv->lease : 0;
    event->call = g_new0(struct call, 1);
    event->call->n_refs = 1;
    event->call->txn.puts[0].key = key;
    if (kv) {
        event->call->version = kv->modified;
        event->call->record = kv->record;
    }
}

static bool watches(const struct controller *self)
{
    return self->active || self->standin;
}

void ctl_see_key(struct world *world, const struct kv *kv, const struct ha_key *key)
{
    const bool is_leader = key->kind == HA_KEY_LEADER || key->kind == HA_KEY_RECOVERY;

    for (int i = 0; i < world->n_ctls + world->n_stand_ins; i++)
        if (is_leader || watches(&world->ctls[i]))
            send_change(world, i, kv, *key);
}

static const struct ha_key leader_key = { .kind = HA_KEY_LEADER };
static const struct ha_key recovery_key = { .kind = HA_KEY_RECOVERY };

/* All keys as they are now, each on its way. */
void ctl_list(struct world *world, int ctl)
{
    const struct kvs *kvs = &world->etcd.kvs;

    send_change(world, ctl, etcd_find(world, &leader_key), leader_key);
    send_change(world, ctl, etcd_find(world, &recovery_key), recovery_key);
    for (size_t i = 0; watches(&world->ctls[ctl]) && i < kvs->len; i++)
        send_change(world, ctl, &kvs->items[i], kvs->items[i].key);
}

void ctl_relist(struct world *world, const struct event *event)
{
    if (!world->etcd.down)
        ctl_list(world, event->node);
    world_post(world, RELIST_MS, ctl_relist, IN_CTL, event->node);
}

/* ---- beats and reports ----------------------------------------------------------------------- */

static void hear_beat(struct world *world, const struct event *event)
{
    struct controller *self = &world->ctls[event->node];

    if (!self->ha)
        return;
    if (event->flag)
        ha_see_peer(self->ha, event->peer, event->inc, world->now);
    else
        ha_see_beat(self->ha, event->peer, event->inc, world->now);
}

/* A peer passes on that it hears the host. */
static bool has_peer(const struct world *world, int host)
{
    for (int i = 0; i < world->n_hosts; i++)
        if (i != host && world->hosts[i].hald_up && !world->hosts[i].cut_ha &&
            !world->hosts[i].cut_mgmt)
            return true;
    return false;
}

static void post_beat(struct world *world, int ctl, int host, bool by_peer)
{
    struct event *event;

    if (!world->ctls[ctl].up || world_chance(world, world->loss_pm))
        return;
    event = world_post(world, world_way_ms(world), hear_beat, IN_CTL, ctl);
    event->peer = host;
    event->flag = by_peer;
    event->inc = keeper_lease(&world->hosts[host].keeper, HA_ETCD)->self.inc;
}

void ctl_beat(struct world *world, int host)
{
    for (int i = 0; i < world->n_ctls && !world->hosts[host].cut_ha; i++) {
        post_beat(world, i, host, false);
        if (has_peer(world, host))
            post_beat(world, i, host, true);
    }
}

static void hear_report(struct world *world, const struct event *event)
{
    struct controller *self = &world->ctls[event->node];

    if (!self->ha)
        return;
    ha_see_agent(self->ha, event->peer, world->now);
    for (int vm = 0; vm < world->n_vms; vm++)
        ha_see_vm(self->ha, vm, event->peer, ((uint64_t)event->value >> vm & 1U) != 0);
}

void ctl_report(struct world *world, int host)
{
    uint64_t runs = 0;

    for (int vm = 0; vm < world->n_vms; vm++)
        runs |= (uint64_t)world->hosts[host].procs[vm].executes << vm;
    for (int i = 0; i < world->n_ctls && !world->hosts[host].cut_mgmt; i++) {
        struct event *event;

        if (!world->ctls[i].up || world_chance(world, world->loss_pm))
            continue;
        event = world_post(world, world_way_ms(world), hear_report, IN_CTL, i);
        event->peer = host;
        event->value = (int64_t)runs;
    }
}
