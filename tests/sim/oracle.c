/* oracle.c - the promises, watched from outside: true time, true processes.  See world.h. */
#include "config.h"

#include "tests/sim/world.h"

#define HEALTHY_MS 30000 /* a host is healthy when no fault touched it for so long */

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

void oracle_kills(struct world *world, int host, int32_t authority)
{
    const bool calm = world->loss_pm == 0 && world->slow_pm == 0;
    const bool healthy = world->now - world->hosts[host].faulted_ms > HEALTHY_MS &&
                         world->now - world->etcd_faulted_ms > HEALTHY_MS;

    if (authority == HA_ETCD && healthy && (calm || world->now > world->calm_ms + HEALTHY_MS)) {
        g_autofree char *about = g_strdup_printf("host %d", host);

        oracle_broken(world, "I5 no VM is killed while its authority is healthy", about);
    }
}

/* What lapses is killed one by one; the watchdog is for a vrm-hald that cannot. */
void oracle_resets(struct world *world, int host)
{
    if (world->now - world->hosts[host].hald_faulted_ms > HEALTHY_MS) {
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
    const enum vm_fsm_state state = ha_vm_state(ctl->ha, vm);

    (void)world;
    return state == VM_FSM_BACKOFF || state == VM_FSM_HELD || state == VM_FSM_OFF;
}

static void check_hosts(struct world *world, const struct controller *ctl)
{
    for (int i = 0; i < world->n_hosts; i++) {
        const enum host_fsm_state state = ha_host_state(ctl->ha, i);
        g_autofree char *about = NULL;

        if (!world->hosts[i].up || world->hosts[i].faulted_ms > world->now || state == HOST_OK ||
            state == HOST_QUARANTINE || state == HOST_MAINTENANCE)
            continue;
        about = g_strdup_printf("host %d is %s", i, host_fsm_state_name(state));
        oracle_broken(world, "I6 a host that works is used again", about);
    }
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

        if (!world->vms[vm].wanted || running_on(world, vm) != NOBODY)
            continue;
        about = g_strdup_printf("vm %d is %s: %s", vm, vm_fsm_state_name(ha_vm_state(ctl->ha, vm)),
                                ha_vm_why(ctl->ha, vm));
        if (!is_excused(world, ctl, vm))
            oracle_broken(world, "I2 every VM that can run runs again", about);
    }
    if (ctl)
        check_hosts(world, ctl);
}
