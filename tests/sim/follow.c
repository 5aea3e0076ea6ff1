/* follow.c - a simulated host's agent while no controller leads: it starts what the records in etcd
 * give to its host; and always the VMs on its own disk.  See world.h. */
#include "config.h"

#include "tests/sim/world.h"

#define LOOK_MS 1000

static bool is_known(const struct world *world, int host, int vm)
{
    return world->hosts[host].procs[vm].exists ||
           keeper_find(&world->hosts[host].keeper, world->vms[vm].spec.id);
}

/* What was read arrives. */
static void follow(struct world *world, const struct event *event)
{
    const struct sim_host *self = &world->hosts[event->node];
    const struct ha_vm_right *right = &event->call->record.vm;

    if (!is_known(world, event->node, event->vm) &&
        standin_calls_for(right, self->id, event->inc)) {
        world_note(world, "host %d: vm %d is this host's to start", event->node, event->vm);
        host_take_start(world, event->node, event->vm, right, event->value);
    }
}

static bool nobody_but_a_stand_in_leads(const struct world *world)
{
    const struct ha_key leader = { .kind = HA_KEY_LEADER };
    const struct ha_key recovery = { .kind = HA_KEY_RECOVERY };

    return !etcd_find(world, &leader) && etcd_find(world, &recovery);
}

static void read_right(struct world *world, int host, int vm)
{
    const struct ha_key key = { .kind = HA_KEY_VM, .id = world->vms[vm].spec.id };
    const struct kv *kv = etcd_find(world, &key);
    const struct ha_key lease = {
        HA_KEY_LEASE, kv ? kv->record.vm.owners[0].authority : HA_ETCD, world->hosts[host].id, { 0 }
    };
    const struct kv *life = etcd_find(world, &lease);
    struct event *event;

    if (!kv || !life || !world->vms[vm].wanted || world_chance(world, world->loss_pm))
        return;
    event = world_post(world, 2 * world_way_ms(world), follow, IN_AGENT, host);
    event->vm = vm;
    event->value = kv->modified;
    event->inc = life->record.lease.inc;
    event->call = g_new0(struct call, 1);
    event->call->n_refs = 1;
    event->call->record = kv->record;
}

/* What is on its own disk it keeps running, whoever leads. */
static void keep_local(struct world *world, int host)
{
    for (int vm = 0; vm < world->n_vms; vm++)
        if (world->vms[vm].spec.authority == HA_LOCAL && world->vms[vm].home == host &&
            world->vms[vm].wanted && !world->hosts[host].procs[vm].exists)
            host_start_local(world, host, vm);
}

static void look(struct world *world, const struct event *event)
{
    const int host = event->node;

    world_post(world, LOOK_MS, look, IN_AGENT, host);
    keep_local(world, host);
    if (world->etcd.down || world->hosts[host].cut_etcd || !nobody_but_a_stand_in_leads(world))
        return;
    for (int vm = 0; vm < world->n_vms; vm++)
        if (!is_known(world, host, vm))
            read_right(world, host, vm);
}

void host_follow(struct world *world, int host)
{
    world_post(world, world_between(world, 0, LOOK_MS), look, IN_AGENT, host);
}
