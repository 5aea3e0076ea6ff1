/* oracle.c - the promises, watched from outside: true time, true processes.  See world.h. */
#include "config.h"

#include "tests/sim/world.h"

#define HEALTHY_MS  30000  /* a host is healthy when no fault touched it for so long */
#define ISOLATED_MS 120000 /* a response to being cut off ends its VMs within this */

void oracle_broken(struct world *world, const char *promise, const char *about)
{
    if (!world->broken)
        world->broken =
            g_strdup_printf("%s: %s at %.3f s", promise, about, (double)world->now / 1000);
    world_note(world, "BROKEN: %s: %s", promise, about);
}

void oracle_runs(struct world *world, int vm)
{
    int n = 0;

    for (int i = 0; i < world->n_hosts; i++)
        n += world->hosts[i].procs[vm].executes;
    world->vms[vm].ran = true;
    world->vms[vm].started_ms = world->now;
    if (n > 1) {
        g_autofree char *about = g_strdup_printf("vm %d", vm);

        oracle_broken(world, "I1 no VM runs on two hosts", about);
    }
}

/* Whatever etcd and the networks do. */
static bool storage_is_healthy(const struct world *world, int host, int store)
{
    const struct sim_host *self = &world->hosts[host];

    return world->now - self->hald_faulted_ms > HEALTHY_MS &&
           world->now - self->disks[store].faulted_ms > HEALTHY_MS;
}

/* By the cluster's choice such a host ends its VMs. */
static bool is_cut_off(const struct world *world, int host)
{
    const struct sim_host *self = &world->hosts[host];

    return world->isolation != ISOLATION_LEAVE && self->keeper.step == ISOLATION_END &&
           world->now - MAX(self->faulted_ms, world->etcd_faulted_ms) < ISOLATED_MS;
}

void oracle_kills(struct world *world, int host, int32_t authority)
{
    const int store = store_of(authority);
    const bool calm = world->loss_pm == 0 && world->slow_pm == 0;
    const bool healthy = world->now - world->hosts[host].faulted_ms > HEALTHY_MS &&
                         world->now - world->etcd_faulted_ms > HEALTHY_MS;

    if (store != NOBODY && storage_is_healthy(world, host, store) && !is_cut_off(world, host)) {
        g_autofree char *about = g_strdup_printf("storage of host %d", host);

        oracle_broken(world, "I5 no VM is killed while its authority is healthy", about);
    }
    if (authority == HA_ETCD && healthy && (calm || world->now > world->calm_ms + HEALTHY_MS)) {
        g_autofree char *about = g_strdup_printf("host %d", host);

        oracle_broken(world, "I5 no VM is killed while its authority is healthy", about);
    }
}

static bool is_calm(const struct world *world)
{
    return world->loss_pm == 0 && world->slow_pm == 0;
}

/* A datastore and the way to etcd are ill at once: while the VMs of the one are killed, the other's
 * lease may be too old for the watchdog to be armed anew. */
static bool is_ill_twice(const struct world *world, int host)
{
    const struct sim_host *self = &world->hosts[host];
    bool disk = false;

    for (int i = 0; i < world->n_stores; i++)
        disk |= world->now - self->disks[i].faulted_ms < HEALTHY_MS;
    return disk && (!is_calm(world) || world->now - self->faulted_ms < HEALTHY_MS ||
                    world->now - world->etcd_faulted_ms < HEALTHY_MS);
}

/* What lapses is killed one by one; the watchdog is for a vrm-hald that cannot. */
void oracle_resets(struct world *world, int host)
{
    if (world->now - world->hosts[host].hald_faulted_ms > HEALTHY_MS &&
        !is_ill_twice(world, host)) {
        g_autofree char *about = g_strdup_printf("host %d", host);

        oracle_broken(world, "I5 no host is reset while its vrm-hald works", about);
    }
}

void oracle_commits(struct world *world, const struct call *call)
{
    const struct ha_key leader_key = { .kind = HA_KEY_LEADER };
    const struct ha_key recovery_key = { .kind = HA_KEY_RECOVERY };
    const struct kv *leader = etcd_find(world, &leader_key);
    const struct kv *holder = leader ? leader : etcd_find(world, &recovery_key);

    if (call->epoch != 0 && (!holder || holder->created != (int64_t)call->epoch))
        oracle_broken(world, "I4 nothing is done by an old epoch", "a transaction");
}

static int running_on(const struct world *world, int vm)
{
    for (int i = 0; i < world->n_hosts; i++)
        if (world->hosts[i].procs[vm].executes)
            return i;
    return NOBODY;
}

static const struct controller *find_active(const struct world *world)
{
    for (int i = 0; i < world->n_ctls + world->n_stand_ins; i++)
        if (ctl_may_act(world, &world->ctls[i]))
            return &world->ctls[i];
    return NULL;
}

static bool is_excused(const struct world *world, const struct controller *ctl, int vm)
{
    const enum vm_fsm_state state = ha_vm_state(ctl_ha(ctl), vm);

    if (world->vms[vm].spec.authority == HA_LOCAL)
        return false;
    return state == VM_FSM_BACKOFF || state == VM_FSM_HELD || state == VM_FSM_OFF;
}

static void check_hosts(struct world *world, const struct controller *ctl)
{
    for (int i = 0; i < world->n_hosts; i++) {
        const enum host_fsm_state state = ha_host_state(ctl_ha(ctl), i);
        g_autofree char *about = NULL;

        if (!world->hosts[i].up || world->hosts[i].faulted_ms > world->now || state == HOST_OK ||
            state == HOST_QUARANTINE || state == HOST_MAINTENANCE)
            continue;
        about = g_strdup_printf("host %d is %s", i, host_fsm_state_name(state));
        oracle_broken(world, "I6 a host that works is used again", about);
    }
}

static bool is_gone_with_its_host(const struct world *world, int vm)
{
    const struct sim_vm *self = &world->vms[vm];

    return self->spec.authority == HA_LOCAL &&
           (!world->hosts[self->home].up || self->no_start ||
            world->now - world->hosts[self->home].booted_ms < HEALTHY_MS);
}

void oracle_end(struct world *world)
{
    const struct controller *ctl = find_active(world);

    if (!ctl && world->n_ctls > 0) {
        oracle_broken(world, "I2 somebody leads again", "no controller");
        return;
    }
    for (int vm = 0; ctl && vm < world->n_vms; vm++) {
        g_autofree char *about = NULL;

        if (!world->vms[vm].wanted || running_on(world, vm) != NOBODY ||
            is_gone_with_its_host(world, vm))
            continue;
        about =
            g_strdup_printf("vm %d is %s: %s", vm, vm_fsm_state_name(ha_vm_state(ctl_ha(ctl), vm)),
                            ha_vm_why(ctl_ha(ctl), vm));
        if (!is_excused(world, ctl, vm))
            oracle_broken(world, "I2 every VM that can run runs again", about);
    }
    if (ctl)
        check_hosts(world, ctl);
}
