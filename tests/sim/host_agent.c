/* host_agent.c - the agent of a simulated host: orders, what it reports, migration.  See
 * host_private.h. */
#include "config.h"

#include "tests/sim/host_private.h"

#define START_LIMIT 20000 /* after that the one who ordered a start hears nothing more */

static void deliver_answer(struct world *world, const struct event *event)
{
    ctl_answer(world, event->node, event->life, event->request, event->flag ? HA_DONE : HA_FAILED);
}

void host_answer_order(struct world *world, int host, int vm, bool done, const char *why)
{
    struct order *order = &world->hosts[host].orders[vm];
    struct event *event;

    if (order->request == 0)
        return;
    if (!done)
        world_note(world, "host %d: vm %d not started: %s", host, vm, why);
    if (!world->hosts[host].cut_mgmt && !world_chance(world, world->loss_pm)) {
        event = world_post(world, world_way_ms(world), deliver_answer, IN_CTL, order->ctl);
        event->life = order->life;
        event->request = order->request;
        event->flag = done;
    }
    order->request = 0;
}

static void give_up(struct world *world, int host, int vm)
{
    struct keeper_actions actions = { 0 };

    keeper_see_process(&world->hosts[host].keeper, world->vms[vm].spec.id,
                       world->hosts[host].procs[vm].exists);
    keeper_give_up(&world->hosts[host].keeper, world->vms[vm].spec.id, host_clock(world, host),
                   &actions);
    host_do(world, host, &actions);
}

static void run_guest(struct world *world, const struct event *event)
{
    const struct proc *proc = &world->hosts[event->node].procs[event->vm];

    if (!proc->exists || proc->n != event->request || proc->executes)
        return;
    host_let_run(world, event->node, event->vm);
    host_answer_order(world, event->node, event->vm, true, NULL);
}

/* The process stands, its guest halted: vrm-hald is asked whether it may run.  Between its answer
 * and the deed the agent may be paused for any time; the process is there to be killed. */
static void confirm(struct world *world, const struct event *event)
{
    struct sim_host *self = &world->hosts[event->node];
    const int64_t pause = world_chance(world, 20) ? world_between(world, 100, 20000) : 1;
    struct event *next;

    if (!self->procs[event->vm].exists || self->procs[event->vm].n != event->request)
        return;
    keeper_see_process(&self->keeper, world->vms[event->vm].spec.id, true);
    if (!keeper_may_run(&self->keeper, world->vms[event->vm].spec.id,
                        host_clock(world, event->node))) {
        host_end_process(world, event->node, event->vm);
        host_answer_order(world, event->node, event->vm, false, "the lease does not hold any more");
        return;
    }
    next = world_post(world, pause, run_guest, IN_AGENT, event->node);
    next->vm = event->vm;
    next->request = event->request;
}

bool host_has_disk(const struct world *world, int host, int vm)
{
    const int store = store_of(world->vms[vm].spec.authority);
    const struct sim_disk *disk = &world->hosts[host].disks[MAX(store, 0)];

    return store == NOBODY || (!disk->hangs && !disk->fails && !disk->away);
}

static void made(struct world *world, const struct event *event)
{
    struct sim_host *self = &world->hosts[event->node];
    struct proc *proc = &self->procs[event->vm];
    struct event *next;

    if (proc->exists)
        return;
    if (world->vms[event->vm].no_start || !host_has_disk(world, event->node, event->vm) ||
        world_chance(world, world->start_fails_pm)) {
        host_answer_order(world, event->node, event->vm, false, "QEMU does not start");
        give_up(world, event->node, event->vm);
        return;
    }
    *proc = (struct proc){ .exists = true, .n = proc->n + 1, .incoming = event->flag };
    if (event->flag)
        return; /* a migration's target waits for its source */
    if (world->vms[event->vm].spec.authority == HA_LOCAL) /* nobody is asked */
        next = world_post(world, 1, run_guest, IN_AGENT, event->node);
    else
        next = world_post(world, world_between(world, 1, 20), confirm, IN_HALD, event->node);
    next->vm = event->vm;
    next->request = proc->n;
}

static bool is_target(const struct world *world, int host, int vm)
{
    const struct keeper_vm *known = keeper_find(&world->hosts[host].keeper, world->vms[vm].spec.id);

    return known && known->seen.right.n_owners == 2 &&
           known->seen.right.owners[1].host == world->hosts[host].id;
}

void host_make_process(struct world *world, int host, int vm)
{
    struct event *event;

    if (!world->hosts[host].agent_up)
        return;
    event = world_post(world, world_between(world, 100, world_chance(world, 30) ? 14000 : 1500),
                       made, IN_AGENT, host);
    event->vm = vm;
    event->flag = is_target(world, host, vm);
}

static void start(struct world *world, int host, int vm, const struct ha_vm_seen *seen)
{
    struct sim_host *self = &world->hosts[host];
    struct keeper_actions actions = { 0 };

    if (self->procs[vm].exists && !self->procs[vm].executes)
        host_end_process(world, host, vm); /* left halted by a migration that died */
    if (!self->hald_up) {
        host_answer_order(world, host, vm, false, "vrm-hald does not answer");
        return;
    }
    keeper_see_process(&self->keeper, seen->vm, self->procs[vm].exists);
    keeper_ask(&self->keeper, seen, host_clock(world, host), &actions);
    host_do(world, host, &actions);
}

static void take_start(struct world *world, const struct event *event)
{
    const struct ha_vm_seen seen = {
        .vm = world->vms[event->vm].spec.id,
        .version = event->value,
        .right = event->call->record.vm,
    };

    world->hosts[event->node].orders[event->vm] =
        (struct order){ event->peer, event->call->life, event->request };
    start(world, event->node, event->vm, &seen);
}

void host_take_start(struct world *world, int host, int vm, const struct ha_vm_right *right,
                     int64_t version)
{
    const struct ha_vm_seen seen = { world->vms[vm].spec.id, version, *right };

    world->hosts[host].orders[vm].request = 0;
    start(world, host, vm, &seen);
}

static void no_answer(struct world *world, const struct event *event)
{
    ctl_answer(world, event->node, event->life, event->request, HA_UNKNOWN);
}

static void order(struct world *world, int ctl, const struct ha_action *action, event_fn *take)
{
    struct event *limit = world_post(world, START_LIMIT, no_answer, IN_CTL, ctl);
    struct event *event;

    limit->request = action->request;
    if (world->hosts[action->host].cut_mgmt || world_chance(world, world->loss_pm))
        return;
    event = world_post(world, world_way_ms(world), take, IN_AGENT, action->host);
    event->vm = action->vm;
    event->peer = ctl;
    event->request = action->request;
    event->value = action->seen.version;
    event->call = g_new0(struct call, 1);
    event->call->n_refs = 1;
    event->call->life = world->ctls[ctl].life;
    event->call->record.vm = action->seen.right;
}

void host_order_start(struct world *world, int ctl, const struct ha_action *action)
{
    order(world, ctl, action, take_start);
}

void host_start_local(struct world *world, int host, int vm)
{
    world->hosts[host].orders[vm].request = 0;
    host_make_process(world, host, vm);
}

/* The owner in the record that this host is, or was. */
static int32_t authority_in(const struct world *world, int host, const struct ha_vm_right *right)
{
    for (unsigned i = 0; i < right->n_owners; i++)
        if (right->owners[i].host == world->hosts[host].id)
            return right->owners[i].authority;
    return HA_ETCD;
}

static void take_release(struct world *world, const struct event *event)
{
    struct sim_host *self = &world->hosts[event->node];
    struct proc *proc = &self->procs[event->vm];
    const int64_t id = world->vms[event->vm].spec.id;

    self->orders[event->vm] = (struct order){ event->peer, event->call->life, event->request };
    if (proc->executes || !self->hald_up) {
        host_answer_order(world, event->node, event->vm, false, "it runs here");
        return;
    }
    if (proc->exists)
        host_end_process(world, event->node, event->vm);
    if (!keeper_find(&self->keeper, id))
        keeper_adopt(&self->keeper,
                     &(struct ha_vm_seen){ id, event->value, event->call->record.vm },
                     authority_in(world, event->node, &event->call->record.vm));
    give_up(world, event->node, event->vm);
    host_answer_order(world, event->node, event->vm, true, NULL);
}

void host_order_release(struct world *world, int ctl, const struct ha_action *action)
{
    order(world, ctl, action, take_release);
}

void host_report(struct world *world, const struct event *event)
{
    ctl_report(world, event->node);
    world_post(world, BEAT_MS, host_report, IN_AGENT, event->node);
}

/* ---- migration: both sides, and the moment between them ----------------------------------------
 */

static void source_done(struct world *world, const struct event *event)
{
    struct proc *proc = &world->hosts[event->node].procs[event->vm];

    if (!proc->exists || !proc->handed)
        return;
    host_end_process(world, event->node, event->vm);
    if (world->hosts[event->node].hald_up)
        give_up(world, event->node, event->vm);
}

/* All memory is here and the source stands still: run, and tell it. */
static void target_takes_over(struct world *world, const struct event *event)
{
    struct sim_host *self = &world->hosts[event->node];
    struct proc *proc = &self->procs[event->vm];
    struct event *done;

    if (!proc->exists || !proc->incoming)
        return;
    keeper_see_process(&self->keeper, world->vms[event->vm].spec.id, true);
    if (!self->hald_up || !keeper_may_run(&self->keeper, world->vms[event->vm].spec.id,
                                          host_clock(world, event->node)))
        return;
    host_let_run(world, event->node, event->vm);
    world->n_migrations++;
    if (world_chance(world, world->loss_pm))
        return;
    done = world_post(world, world_way_ms(world), source_done, IN_AGENT, event->peer);
    done->vm = event->vm;
}

static void source_hands_over(struct world *world, const struct event *event)
{
    struct proc *source = &world->hosts[event->node].procs[event->vm];
    const struct sim_host *to = &world->hosts[event->peer];
    struct event *over;

    if (!source->executes || !to->up || !to->procs[event->vm].incoming)
        return;
    source->executes = false;
    source->handed = true;
    world_note(world, "host %d: vm %d handed over to host %d", event->node, event->vm, event->peer);
    if (world_chance(world, world->loss_pm))
        return;
    over = world_post(world, world_way_ms(world), target_takes_over, IN_AGENT, event->peer);
    over->vm = event->vm;
    over->peer = event->node;
}

void host_order_move(struct world *world, int vm, int from, int to)
{
    struct event *event =
        world_post(world, world_between(world, 3000, 9000), source_hands_over, IN_AGENT, from);

    event->vm = vm;
    event->peer = to;
}
