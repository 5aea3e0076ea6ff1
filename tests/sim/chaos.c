/* chaos.c - random faults, and their end: see world.h. */
#include "config.h"

#include "tests/sim/world.h"

static int any_host(struct world *world)
{
    return (int)rng_below(&world->rng, (uint32_t)world->n_hosts);
}

static int any_ctl(struct world *world)
{
    return (int)rng_below(&world->rng, (uint32_t)world->n_ctls);
}

static void touch(struct world *world, int host, int64_t for_ms)
{
    const int64_t until = world->now + for_ms;

    if (until > world->hosts[host].faulted_ms)
        world->hosts[host].faulted_ms = until;
}

static void touch_hald(struct world *world, int host, int64_t for_ms)
{
    touch(world, host, for_ms);
    world->hosts[host].hald_faulted_ms = world->hosts[host].faulted_ms;
}

/* ---- hosts ----------------------------------------------------------------------------------- */

static void kill_host(struct world *world)
{
    const bool fast = rng_below(&world->rng, 3) == 0;

    host_die(world, any_host(world),
             fast ? world_between(world, 1000, 8000) : world_between(world, 8000, 90000));
}

static void pause_host(struct world *world)
{
    const int host = any_host(world);
    const int64_t ms = world_between(world, 500, 30000);

    world_note(world, "chaos: host %d stands still for %.1f s", host, (double)ms / 1000);
    touch_hald(world, host, ms);
    world->hosts[host].paused_until = world->now + ms;
}

static void pause_hald(struct world *world)
{
    const int host = any_host(world);
    const int64_t ms = world_between(world, 500, 20000);

    world_note(world, "chaos: vrm-hald of host %d stands still for %.1f s", host,
               (double)ms / 1000);
    touch_hald(world, host, ms);
    world->hosts[host].hald_paused_until = world->now + ms;
}

static void pause_agent(struct world *world)
{
    const int host = any_host(world);
    const int64_t ms = world_between(world, 500, 20000);

    world_note(world, "chaos: the agent of host %d stands still for %.1f s", host,
               (double)ms / 1000);
    world->hosts[host].agent_paused_until = world->now + ms;
}

static void kill_hald(struct world *world)
{
    const int host = any_host(world);

    if (world->hosts[host].hald_up)
        host_kill_hald(world, host);
}

enum cut {
    CUT_MGMT,
    CUT_HA,
    CUT_ETCD,
    CUT_NETWORKS,
    CUT_ALL,
    N_CUTS
};

static void set_cut(struct sim_host *host, enum cut cut, bool on)
{
    if (cut == CUT_MGMT || cut == CUT_NETWORKS || cut == CUT_ALL)
        host->cut_mgmt = on;
    if (cut == CUT_HA || cut == CUT_NETWORKS || cut == CUT_ALL)
        host->cut_ha = on;
    if (cut == CUT_ETCD || cut == CUT_ALL)
        host->cut_etcd = on;
}

static void heal(struct world *world, const struct event *event)
{
    world_note(world, "chaos: host %d is connected again", event->peer);
    set_cut(&world->hosts[event->peer], (enum cut)event->value, false);
}

static void cut_host(struct world *world)
{
    static const char *const names[N_CUTS] = { "the management plane", "the HA plane", "etcd",
                                               "both planes", "everything" };
    const int host = any_host(world);
    const enum cut cut = (enum cut)rng_below(&world->rng, N_CUTS);
    const int64_t ms = world_between(world, 1000, 40000);
    struct event *event = world_post(world, ms, heal, IN_WORLD, 0);

    world_note(world, "chaos: host %d is cut from %s for %.1f s", host, names[cut],
               (double)ms / 1000);
    touch(world, host, ms);
    set_cut(&world->hosts[host], cut, true);
    event->peer = host;
    event->value = cut;
}

static void hald_stands_still(struct world *world, const struct event *event)
{
    touch_hald(world, event->node, event->value);
    world->hosts[event->node].hald_paused_until = world->now + event->value;
}

/* Two at once: the lease ends unseen while its keeper stands still. */
static void pause_cut_hald(struct world *world)
{
    const int host = any_host(world);
    const int64_t ms = world_between(world, 8000, 30000);
    struct event *event = world_post(world, ms, heal, IN_WORLD, 0);

    world_note(world, "chaos: host %d is cut from etcd, then its vrm-hald stands still", host);
    touch_hald(world, host, ms);
    world->hosts[host].cut_etcd = true;
    event->peer = host;
    event->value = CUT_ETCD;
    event = world_post(world, world_between(world, 1000, 9000), hald_stands_still, IN_HALD, host);
    event->value = world_between(world, 3000, 12000);
}

static void break_bmc(struct world *world)
{
    const int host = any_host(world);

    world_note(world, "chaos: the fence device of host %d is dead", host);
    world->hosts[host].bmc_dead = true;
}

/* ---- etcd and controllers -------------------------------------------------------------------- */

static void etcd_up(struct world *world, const struct event *event)
{
    (void)event;
    world_note(world, "chaos: etcd is back");
    world->etcd.down = false;
    world->etcd_faulted_ms = world->now;
}

static void stop_etcd(struct world *world)
{
    const int64_t ms = world_between(world, 500, 20000);

    world_note(world, "chaos: etcd has no quorum for %.1f s", (double)ms / 1000);
    world->etcd.down = true;
    world->etcd_faulted_ms = world->now + ms;
    world_post(world, ms, etcd_up, IN_WORLD, 0);
}

static void delete_leader(struct world *world)
{
    const struct ha_key key = { .kind = HA_KEY_LEADER };
    const struct kv *kv = etcd_find(world, &key);

    world_note(world, "chaos: etcd drops the leader's lease");
    if (kv)
        etcd_revoke(world, kv->lease);
}

static void restart_ctl(struct world *world, const struct event *event)
{
    ctl_start(world, event->peer);
}

static void kill_ctl(struct world *world)
{
    const int ctl = any_ctl(world);

    if (!world->ctls[ctl].up)
        return;
    ctl_die(world, ctl);
    world_post(world, world_between(world, 500, 10000), restart_ctl, IN_WORLD, 0)->peer = ctl;
}

/* Long enough for a stand-in. */
static void kill_every_ctl(struct world *world)
{
    const int64_t ms = world_between(world, 10000, 45000);

    world_note(world, "chaos: no controller for %.1f s", (double)ms / 1000);
    for (int i = 0; i < world->n_ctls; i++) {
        if (world->ctls[i].up)
            ctl_die(world, i);
        world_post(world, ms + world_between(world, 0, 3000), restart_ctl, IN_WORLD, 0)->peer = i;
    }
}

static void pause_ctl(struct world *world)
{
    const int ctl = any_ctl(world);

    world_note(world, "chaos: controller %d stands still", ctl);
    world->ctls[ctl].paused_until = world->now + world_between(world, 500, 15000);
}

static void heal_ctl(struct world *world, const struct event *event)
{
    world->ctls[event->peer].cut_etcd = false;
}

static void cut_ctl(struct world *world)
{
    const int ctl = any_ctl(world);

    world_note(world, "chaos: controller %d is cut from etcd", ctl);
    world->ctls[ctl].cut_etcd = true;
    world_post(world, world_between(world, 500, 15000), heal_ctl, IN_WORLD, 0)->peer = ctl;
}

static void stall_watch(struct world *world)
{
    const int ctl = any_ctl(world);

    world_note(world, "chaos: controller %d sees old data only", ctl);
    world->ctls[ctl].stale_until = world->now + world_between(world, 5000, 25000);
}

static void crash_vm(struct world *world)
{
    const int host = any_host(world);
    const int vm = (int)rng_below(&world->rng, (uint32_t)world->n_vms);

    if (world->hosts[host].procs[vm].executes)
        host_end_vm(world, host, vm);
}

static void move_vm(struct world *world)
{
    ctl_move(world, (int)rng_below(&world->rng, (uint32_t)world->n_vms), any_host(world));
}

/* ---- all of it ------------------------------------------------------------------------------- */

static const struct fault {
    uint32_t weight;
    void (*strike)(struct world *world);
} faults[] = {
    { 4, pause_cut_hald }, { 4, kill_host },     { 3, pause_host },  { 3, pause_hald },
    { 2, pause_agent },    { 2, kill_hald },     { 5, cut_host },    { 1, break_bmc },
    { 2, stop_etcd },      { 1, delete_leader }, { 3, kill_ctl },    { 1, kill_every_ctl },
    { 3, pause_ctl },      { 2, cut_ctl },       { 3, stall_watch }, { 3, crash_vm },
    { 8, move_vm },
};

static void strike(struct world *world, const struct event *event)
{
    uint32_t total = 0, at;

    (void)event;
    if (world->now >= world->calm_ms)
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++)
        total += faults[i].weight;
    at = rng_below(&world->rng, total);
    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        if (at < faults[i].weight) {
            faults[i].strike(world);
            break;
        }
        at -= faults[i].weight;
    }
    world_post(world, world_between(world, 200, world->gap_ms), strike, IN_WORLD, 0);
}

static void calm(struct world *world, const struct event *event)
{
    (void)event;
    world_note(world, "chaos: calm from here on");
    for (int i = 0; i < world->n_hosts; i++) {
        struct sim_host *host = &world->hosts[i];

        host->bmc_dead = host->cut_mgmt = host->cut_ha = host->cut_etcd = false;
        if (!host->up)
            host_boot(world, i);
        touch(world, i, 0);
    }
    for (int i = 0; i < world->n_ctls; i++) {
        world->ctls[i].cut_etcd = false;
        ctl_start(world, i);
    }
}

void chaos_begin(struct world *world)
{
    world->loss_pm = rng_below(&world->rng, 3) == 0 ? 0 : rng_below(&world->rng, 100);
    world->slow_pm = rng_below(&world->rng, 3) == 0 ? 0 : rng_below(&world->rng, 250);
    world->start_fails_pm = rng_below(&world->rng, 200);
    world->gap_ms = world_between(world, 500, 9000);
    world_post(world, world_between(world, 8000, 20000), strike, IN_WORLD, 0);
    world_post(world, world->calm_ms, calm, IN_WORLD, 0);
}
