/* fault.c - see fault.h. */
#include "config.h"

#include "tests/sim/fault.h"

/* ---- a host's programs stand still ------------------------------------------------------------
 */

static void touch(struct world *world, int host, int64_t ms)
{
    const int64_t until = ms == FAULT_FOREVER ? INT64_MAX / 2 : world->now + ms;

    if (until > world->hosts[host].faulted_ms)
        world->hosts[host].faulted_ms = until;
}

static void touch_hald(struct world *world, int host, int64_t ms)
{
    touch(world, host, ms);
    world->hosts[host].hald_faulted_ms = world->hosts[host].faulted_ms;
}

void fault_pause_host(struct world *world, int host, int64_t ms)
{
    touch_hald(world, host, ms);
    world->hosts[host].paused_until = world->now + ms;
}

void fault_pause_hald(struct world *world, int host, int64_t ms)
{
    touch_hald(world, host, ms);
    world->hosts[host].hald_paused_until = world->now + ms;
}

void fault_pause_agent(struct world *world, int host, int64_t ms)
{
    world->hosts[host].agent_paused_until = world->now + ms;
}

/* ---- networks ---------------------------------------------------------------------------------
 */

static void set_cuts(struct sim_host *host, unsigned cuts, bool on)
{
    if (cuts & CUT_MGMT)
        host->cut_mgmt = on;
    if (cuts & CUT_HA)
        host->cut_ha = on;
    if (cuts & CUT_ETCD)
        host->cut_etcd = on;
}

void fault_heal_host(struct world *world, int host, unsigned cuts)
{
    struct sim_host *self = &world->hosts[host];

    world_note(world, "fault: host %d is connected again", host);
    set_cuts(self, cuts, false);
    if (self->faulted_ms >= INT64_MAX / 2)
        self->faulted_ms = world->now;
    touch(world, host, 0);
}

static void heal(struct world *world, const struct event *event)
{
    fault_heal_host(world, event->peer, (unsigned)event->value);
}

void fault_cut_host(struct world *world, int host, unsigned cuts, int64_t ms)
{
    touch(world, host, ms);
    set_cuts(&world->hosts[host], cuts, true);
    if (ms != FAULT_FOREVER) {
        struct event *event = world_post(world, ms, heal, IN_WORLD, 0);

        event->peer = host;
        event->value = cuts;
    }
}

/* ---- datastores -------------------------------------------------------------------------------
 */

static void heal_one(struct world *world, int host, int store)
{
    struct sim_disk *disk = &world->hosts[host].disks[store];

    disk->hangs = disk->fails = disk->full = disk->away = disk->tears = false;
    disk->slow_ms = 0;
    g_clear_pointer(&disk->frozen, g_free);
    disk->faulted_ms = world->now;
}

static bool is_meant(int host, int who)
{
    return who == NOBODY || who == host;
}

void fault_heal_disk(struct world *world, int who, int store)
{
    world_note(world, "fault: datastore %d is whole again for host %d", store, who);
    for (int host = 0; host < world->n_hosts; host++)
        if (is_meant(host, who))
            heal_one(world, host, store);
}

static void disk_healed(struct world *world, const struct event *event)
{
    fault_heal_disk(world, event->peer, (int)event->value);
}

static void break_one(struct world *world, int host, int store, enum disk_fault fault)
{
    struct sim_disk *disk = &world->hosts[host].disks[store];

    disk->hangs |= fault == DISK_HANGS;
    disk->fails |= fault == DISK_FAILS;
    disk->away |= fault == DISK_AWAY;
    disk->full |= fault == DISK_FULL;
    if (fault == DISK_STALE && !disk->frozen)
        disk->frozen = g_memdup2(world->stores[store].blocks, sizeof world->stores[store].blocks);
    disk->faulted_ms = INT64_MAX / 2; /* until it is healed */
}

void fault_break_disk(struct world *world, int who, int store, enum disk_fault fault, int64_t ms)
{
    for (int host = 0; host < world->n_hosts; host++)
        if (is_meant(host, who))
            break_one(world, host, store, fault);
    if (ms != FAULT_FOREVER) {
        struct event *event = world_post(world, ms, disk_healed, IN_WORLD, 0);

        event->peer = who;
        event->value = store;
    }
}

void fault_slow_disk(struct world *world, int who, int store, int64_t slow_ms)
{
    for (int host = 0; host < world->n_hosts; host++)
        if (is_meant(host, who)) {
            world->hosts[host].disks[store].slow_ms = slow_ms;
            world->hosts[host].disks[store].faulted_ms =
                slow_ms > FAULT_BEARABLE_MS ? INT64_MAX / 2 : world->now;
        }
}

void fault_tear_disk(struct world *world, int host, int store)
{
    world->hosts[host].disks[store].tears = true;
}

/* ---- etcd -------------------------------------------------------------------------------------
 */

void fault_start_etcd(struct world *world)
{
    world_note(world, "fault: etcd is back");
    world->etcd.down = false;
    world->etcd_faulted_ms = world->now;
}

static void etcd_up(struct world *world, const struct event *event)
{
    (void)event;
    fault_start_etcd(world);
}

void fault_stop_etcd(struct world *world, int64_t ms)
{
    world->etcd.down = true;
    world->etcd_faulted_ms = ms == FAULT_FOREVER ? INT64_MAX / 2 : world->now + ms;
    if (ms != FAULT_FOREVER)
        world_post(world, ms, etcd_up, IN_WORLD, 0);
}

void fault_drop_leader(struct world *world)
{
    const struct ha_key key = { .kind = HA_KEY_LEADER };
    const struct kv *kv = etcd_find(world, &key);

    if (kv)
        etcd_revoke(world, kv->lease);
}

/* ---- controllers ------------------------------------------------------------------------------
 */

static void restart(struct world *world, const struct event *event)
{
    ctl_start(world, event->peer);
}

void fault_kill_ctl(struct world *world, int ctl, int64_t ms)
{
    if (world->ctls[ctl].up)
        ctl_die(world, ctl);
    if (ms != FAULT_FOREVER)
        world_post(world, ms, restart, IN_WORLD, 0)->peer = ctl;
}

void fault_pause_ctl(struct world *world, int ctl, int64_t ms)
{
    world->ctls[ctl].paused_until = world->now + ms;
}

static void connect_ctl(struct world *world, const struct event *event)
{
    world->ctls[event->peer].cut_etcd = false;
}

void fault_cut_ctl(struct world *world, int ctl, int64_t ms)
{
    world->ctls[ctl].cut_etcd = true;
    if (ms != FAULT_FOREVER)
        world_post(world, ms, connect_ctl, IN_WORLD, 0)->peer = ctl;
}

/* ---- settings ---------------------------------------------------------------------------------
 */

bool fault_set(struct world *world, const struct settings *settings)
{
    /* as settings.c of controller/ has it */
    if (settings->lease_ms < 7500 || settings->slot_ms < settings->lease_ms - 999)
        return false;
    world->settings = *settings;
    world_note(world, "fault: leases are to last %.1f s in etcd, %.1f s on datastores",
               (double)settings->lease_ms / 1000, (double)settings->slot_ms / 1000);
    for (int i = 0; i < world->n_ctls; i++)
        if (world->ctls[i].up)
            fault_kill_ctl(world, i, world_between(world, 300, 1000));
    return true;
}
