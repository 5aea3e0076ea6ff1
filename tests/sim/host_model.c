/* host_model.c - a simulated host: its clock, processes of VMs and power.  See world.h. */
#include "config.h"

#include "tests/sim/host_private.h"

/* A host's own clock: from its boot on, a little fast or slow. */
int64_t host_clock(const struct world *world, int host)
{
    const int64_t up_ms = world->now - world->hosts[host].booted_ms;

    return up_ms + up_ms * world->hosts[host].drift_ppm / 1000000;
}

void host_note_fault(struct world *world, int host)
{
    if (world->hosts[host].faulted_ms < world->now)
        world->hosts[host].faulted_ms = world->now;
}

/* ---- processes ------------------------------------------------------------------------------- */

void host_end_process(struct world *world, int host, int vm)
{
    struct proc *proc = &world->hosts[host].procs[vm];

    *proc = (struct proc){ .n = proc->n };
}

void host_let_run(struct world *world, int host, int vm)
{
    struct proc *proc = &world->hosts[host].procs[vm];

    proc->executes = true;
    proc->incoming = proc->handed = false;
    world->vms[vm].n_starts++;
    world_note(world, "host %d: vm %d runs", host, vm);
    oracle_runs(world, vm);
}

/* QEMU ends by itself. */
void host_end_vm(struct world *world, int host, int vm)
{
    world_note(world, "host %d: vm %d crashes", host, vm);
    host_end_process(world, host, vm);
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void start_programs(struct world *world, const struct event *event)
{
    struct sim_host *self = &world->hosts[event->node];

    self->agent_up = true;
    self->agent_life = world_new_id(world);
    host_start_hald(world, event->node, false);
    world_post(world, world_between(world, 0, BEAT_MS), host_report, IN_AGENT, event->node);
    host_follow(world, event->node);
}

void host_boot(struct world *world, int host)
{
    struct sim_host *self = &world->hosts[host];

    if (self->up)
        return;
    self->up = true;
    self->was_held = false;
    self->n_saved = 0; /* tmpfs is empty */
    self->saved_vms.len = 0;
    self->booted_ms = world->now;
    self->boot = world_new_id(world);
    self->host_life = world_new_id(world);
    self->watchdog_at = 0;
    self->paused_until = self->hald_paused_until = self->agent_paused_until = 0;
    world_note(world, "host %d: boots", host);
    world_post(world, world_between(world, 500, 3000), start_programs, IN_HOST, host);
}

static void reboot(struct world *world, const struct event *event)
{
    host_boot(world, event->peer);
}

void host_die(struct world *world, int host, int64_t reboot_in_ms)
{
    struct sim_host *self = &world->hosts[host];

    if (!self->up)
        return;
    self->up = self->agent_up = false;
    host_end_hald(world, host);
    host_note_fault(world, host);
    world_note(world, "host %d: dies", host);
    for (int vm = 0; vm < world->n_vms; vm++) {
        world->hosts[host].orders[vm].request = 0;
        if (self->procs[vm].exists)
            host_end_process(world, host, vm);
    }
    if (reboot_in_ms >= 0)
        world_post(world, reboot_in_ms, reboot, IN_WORLD, 0)->peer = host;
}
