/* chaos.c - random faults, and their end: see world.h. */
#include "config.h"

#include "tests/sim/fault.h"

static int any_host(struct world *world)
{
    return (int)rng_below(&world->rng, (uint32_t)world->n_hosts);
}

static int any_ctl(struct world *world)
{
    return (int)rng_below(&world->rng, (uint32_t)world->n_ctls);
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
    fault_pause_host(world, host, ms);
}

static void pause_hald(struct world *world)
{
    const int host = any_host(world);
    const int64_t ms = world_between(world, 500, 20000);

    world_note(world, "chaos: vrm-hald of host %d stands still for %.1f s", host,
               (double)ms / 1000);
    fault_pause_hald(world, host, ms);
}

static void pause_agent(struct world *world)
{
    const int host = any_host(world);
    const int64_t ms = world_between(world, 500, 30000);

    world_note(world, "chaos: the agent of host %d stands still for %.1f s", host,
               (double)ms / 1000);
    fault_pause_agent(world, host, ms);
}

static void kill_hald(struct world *world)
{
    const int host = any_host(world);

    if (world->hosts[host].hald_up)
        host_kill_hald(world, host);
}

static const struct {
    unsigned cuts;
    const char *from;
} cuts[] = {
    { CUT_MGMT, "the management plane" }, { CUT_HA, "the HA plane" }, { CUT_ETCD, "etcd" },
    { CUT_MGMT | CUT_HA, "both planes" }, { CUT_ALL, "everything" },
};

static void cut_host(struct world *world)
{
    const int host = any_host(world);
    const uint32_t cut = rng_below(&world->rng, G_N_ELEMENTS(cuts));
    const int64_t ms = world_between(world, 1000, 40000);

    world_note(world, "chaos: host %d is cut from %s for %.1f s", host, cuts[cut].from,
               (double)ms / 1000);
    fault_cut_host(world, host, cuts[cut].cuts, ms);
}

static void hald_stands_still(struct world *world, const struct event *event)
{
    fault_pause_hald(world, event->node, event->value);
}

/* Two at once: the lease ends unseen while its keeper stands still. */
static void pause_cut_hald(struct world *world)
{
    const int host = any_host(world);
    const int64_t ms = world_between(world, 8000, 30000);
    struct event *event;

    world_note(world, "chaos: host %d is cut from etcd, then its vrm-hald stands still", host);
    fault_cut_host(world, host, CUT_ETCD, ms);
    world->hosts[host].hald_faulted_ms = world->hosts[host].faulted_ms;
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

static void stop_etcd(struct world *world)
{
    const bool is_long = rng_below(&world->rng, 4) == 0;
    const int64_t ms = world_between(world, 500, is_long ? 50000 : 20000);

    world_note(world, "chaos: etcd has no quorum for %.1f s", (double)ms / 1000);
    fault_stop_etcd(world, ms);
}

static void drop_leader(struct world *world)
{
    world_note(world, "chaos: etcd drops the leader's lease");
    fault_drop_leader(world);
}

static void kill_ctl(struct world *world)
{
    const int ctl = any_ctl(world);

    if (world->ctls[ctl].up)
        fault_kill_ctl(world, ctl, world_between(world, 500, 10000));
}

/* Long enough for a stand-in. */
static void kill_every_ctl(struct world *world)
{
    const int64_t ms = world_between(world, 10000, 45000);

    world_note(world, "chaos: no controller for %.1f s", (double)ms / 1000);
    for (int i = 0; i < world->n_ctls; i++)
        fault_kill_ctl(world, i, ms + world_between(world, 0, 3000));
}

static void pause_ctl(struct world *world)
{
    const int ctl = any_ctl(world);

    world_note(world, "chaos: controller %d stands still", ctl);
    fault_pause_ctl(world, ctl, world_between(world, 500, 15000));
}

static void cut_ctl(struct world *world)
{
    const int ctl = any_ctl(world);

    world_note(world, "chaos: controller %d is cut from etcd", ctl);
    fault_cut_ctl(world, ctl, world_between(world, 500, 15000));
}

static void stall_watch(struct world *world)
{
    const int ctl = any_ctl(world);

    world_note(world, "chaos: controller %d sees old data only", ctl);
    world->ctls[ctl].stale_until = world->now + world_between(world, 5000, 25000);
}

/* ---- datastores ------------------------------------------------------------------------------ */

static int any_store(struct world *world)
{
    return (int)rng_below(&world->rng, (uint32_t)world->n_stores);
}

static void break_disk(struct world *world)
{
    static const char *const words[DISK_N_FAULTS] = { "hangs", "fails", "is not mounted", "is full",
                                                      "is shown as it was" };
    const int who = rng_below(&world->rng, 4) == 0 ? NOBODY : any_host(world);
    const enum disk_fault fault = rng_below(&world->rng, DISK_N_FAULTS);
    const int64_t ms = world_between(world, 1000, 45000);
    int store;

    if (world->n_stores == 0)
        return;
    store = any_store(world);
    world_note(world, "chaos: datastore %d %s on host %d for %.1f s", store, words[fault], who,
               (double)ms / 1000);
    fault_break_disk(world, who, store, fault, ms);
}

static void slow_disk(struct world *world)
{
    const int who = rng_below(&world->rng, 3) == 0 ? NOBODY : any_host(world);
    const int64_t slow_ms = world_between(world, 500, 25000);
    int store;

    if (world->n_stores == 0)
        return;
    store = any_store(world);
    world_note(world, "chaos: datastore %d takes up to %.1f s on host %d", store,
               (double)slow_ms / 1000, who);
    fault_slow_disk(world, who, store, slow_ms);
}

static void tear_disk(struct world *world)
{
    const int host = any_host(world);

    if (world->n_stores == 0)
        return;
    world_note(world, "chaos: host %d's next slot is torn", host);
    fault_tear_disk(world, host, any_store(world));
}

/* vrm-hald goes on in a file that it has to open anew. */
static void unmount_kill_hald(struct world *world)
{
    const int host = any_host(world);

    if (world->n_stores == 0)
        return;
    world_note(world, "chaos: host %d loses a mount, then its vrm-hald", host);
    fault_break_disk(world, host, any_store(world), DISK_AWAY, world_between(world, 1000, 40000));
    if (world->hosts[host].hald_up)
        host_kill_hald(world, host);
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
    { 4, pause_cut_hald },    { 4, kill_host },   { 3, pause_host },  { 3, pause_hald },
    { 2, pause_agent },       { 2, kill_hald },   { 5, cut_host },    { 1, break_bmc },
    { 2, stop_etcd },         { 1, drop_leader }, { 3, kill_ctl },    { 1, kill_every_ctl },
    { 3, pause_ctl },         { 2, cut_ctl },     { 3, stall_watch }, { 3, crash_vm },
    { 8, move_vm },           { 6, break_disk },  { 3, slow_disk },   { 3, tear_disk },
    { 2, unmount_kill_hald },
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

/* ---- settings -------------------------------------------------------------------------------- */

/* Often while a host is cut off, or with a renewal under way.  Each leaves a slow datastore some
 * time between the watchdog's length and the slot's. */
static void change_settings(struct world *world, const struct event *event)
{
    static const struct settings choices[] = {
        { 12000, 20000 }, { 12000, 40000 }, { 20000, 40000 }, { 30000, 40000 }, { 12000, 60000 },
    };
    const uint32_t choice = rng_below(&world->settings_rng, G_N_ELEMENTS(choices));

    (void)event;
    if (world->now >= world->calm_ms)
        return;
    fault_set(world, &choices[choice]);
    world_post(world, 3000 + rng_below(&world->settings_rng, 20000), change_settings, IN_WORLD, 0);
}

static void calm(struct world *world, const struct event *event)
{
    (void)event;
    world_note(world, "chaos: calm from here on");
    for (int i = 0; i < world->n_hosts; i++) {
        struct sim_host *host = &world->hosts[i];

        host->bmc_dead = false;
        fault_heal_host(world, i, CUT_ALL);
        for (int j = 0; j < world->n_stores; j++)
            fault_heal_disk(world, i, j);
        if (!host->up)
            host_boot(world, i);
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
    if (rng_below(&world->settings_rng, 4) == 0)
        world_post(world, 8000 + rng_below(&world->settings_rng, 20000), change_settings, IN_WORLD,
                   0);
}
