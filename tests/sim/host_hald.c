/* host_hald.c - vrm-hald of a simulated host around ha/keeper.h, and its watchdog.  See
 * host_private.h. */
#include "config.h"

#include "tests/sim/host_private.h"

#define TICK_MS     250
#define REPLY_MS    1000
#define CUT_OFF_MS  30000
#define SHUTDOWN_MS 60000
#define RENEW_MS    1500
#define KILL_MS     2000
#define SLOT_RENEW  1000

/* As the host was set up. */
static struct lease_times times_of(const struct sim_host *host, int32_t authority)
{
    const bool in_etcd = authority == HA_ETCD;

    return (struct lease_times){
        .length_ms = in_etcd ? host->setup.lease_ms : host->setup.slot_ms,
        .renew_ms = in_etcd ? RENEW_MS : SLOT_RENEW,
        .kill_ms = KILL_MS,
    };
}

static int64_t watchdog_of(const struct sim_host *host)
{
    return host->setup.lease_ms - KILL_MS;
}

/* By which of its leases the host has the VM; what the keeper does not know is swept. */
static bool is_kept_by(const struct world *world, int host, int vm, int32_t authority)
{
    const struct keeper_vm *known = keeper_find(&world->hosts[host].keeper, world->vms[vm].spec.id);

    return known && known->authority == authority;
}

/* What hald keeps on tmpfs, for its own next process. */
static void save(struct world *world, int host)
{
    struct sim_host *self = &world->hosts[host];

    self->saved_armed_ms = self->keeper.armed_until_ms;
    self->n_saved = self->keeper.n_leases;
    for (unsigned i = 0; i < self->n_saved; i++) {
        const struct lease_fsm *lease = &self->keeper.leases[i];
        const bool is_held = lease->state == LEASE_HELD;

        self->saved[i] = (struct saved_lease){ lease->self.authority, lease->self.inc,
                                               is_held ? lease->end_ms : 0 };
        self->was_held |= is_held && lease->self.authority == HA_ETCD;
    }
    self->saved_vms.len = 0;
    for (size_t i = 0; i < self->keeper.vms.len; i++)
        if (self->keeper.vms.items[i].state == KEEPER_VM_ALLOWED)
            keeper_vms_push(&self->saved_vms, self->keeper.vms.items[i]);
}

enum lease_event host_event_of(const struct call *call, bool answered)
{
    if (!answered)
        return LSE_UNKNOWN;
    if (call->done)
        return LSE_RENEWED;
    if (call->fenced)
        return LSE_FENCED;
    if (!call->exists)
        return LSE_OURS;
    return ha_inc_equal(call->record.lease.inc, call->txn.puts[0].record.lease.inc) ? LSE_OURS
                                                                                    : LSE_OTHER;
}

void host_renewed(struct world *world, int host, int32_t authority,
                  const struct lease_input *answer)
{
    struct keeper_actions actions = { 0 };

    keeper_renewed(&world->hosts[host].keeper, authority, answer, &actions);
    host_do(world, host, &actions);
    save(world, host);
}

static void on_renewed(struct world *world, const struct event *event)
{
    const struct call *call = event->call;
    const struct lease_input input = {
        .event = host_event_of(call, event->flag),
        .now_ms = host_clock(world, event->node),
        .request = call->request,
        .version = call->version,
        .inc = call->exists ? call->record.lease.inc : (struct ha_inc){ 0 },
    };

    host_renewed(world, event->node, call->authority, &input);
}

static void on_vm_answer(struct world *world, const struct event *event)
{
    const struct call *call = event->call;
    const struct keeper_answer answer = {
        .request = call->request,
        .known = event->flag,
        .done = call->done,
        .version = call->version,
        .right = call->record.vm,
    };
    struct keeper_actions actions = { 0 };

    keeper_answered(&world->hosts[event->node].keeper, world->vms[call->vm].spec.id, &answer,
                    host_clock(world, event->node), &actions);
    host_do(world, event->node, &actions);
    save(world, event->node);
}

static void send(struct world *world, int host, const struct keeper_action *action)
{
    const bool is_lease = action->act == KEEPER_RENEW;
    struct call *call =
        etcd_call(world, IN_HALD, host, &action->txn, is_lease ? on_renewed : on_vm_answer);

    call->request = action->request;
    call->authority = action->authority;
    call->vm = is_lease ? NOBODY : world_vm_index(world, action->vm);
    etcd_send(world, call, REPLY_MS);
}

static void killed(struct world *world, const struct event *event)
{
    struct proc *proc = &world->hosts[event->node].procs[event->vm];

    if (!proc->exists || proc->n != event->request)
        return;
    world_note(world, "host %d: vm %d killed", event->node, event->vm);
    world->n_kills++;
    host_end_process(world, event->node, event->vm);
}

static void kill_process(struct world *world, int host, int vm)
{
    struct event *event = world_post(world, world_between(world, 5, 1200), killed, IN_HOST, host);

    event->vm = vm;
    event->request = world->hosts[host].procs[vm].n;
}

static void kill_authority(struct world *world, int host, int32_t authority, const char *why)
{
    for (int vm = 0; vm < world->n_vms; vm++)
        if (world->hosts[host].procs[vm].exists && is_kept_by(world, host, vm, authority)) {
            world_note(world, "host %d: kills vm %d: %s", host, vm, why);
            oracle_kills(world, host, authority);
            kill_process(world, host, vm);
        }
}

static void watchdog(struct world *world, const struct event *event)
{
    struct sim_host *host = &world->hosts[event->node];

    if (host->watchdog_at != event->value)
        return;
    oracle_resets(world, event->node);
    world_note(world, "host %d: the watchdog resets it", event->node);
    world->n_resets++;
    host_die(world, event->node, world_between(world, 5000, 20000));
}

static void arm(struct world *world, int host, int64_t ms)
{
    struct event *event;
    const int64_t late = world_chance(world, 50) ? world_between(world, 0, 200) : 0;

    world->hosts[host].watchdog_at = world->now + ms;
    event = world_post(world, ms + late, watchdog, IN_HOST, host);
    event->value = world->hosts[host].watchdog_at;
}

static void do_action(struct world *world, int host, const struct keeper_action *action)
{
    switch (action->act) {
    case KEEPER_RENEW:
        if (store_of(action->authority) != NOBODY)
            host_renew_slot(world, host, action);
        else
            send(world, host, action);
        break;
    case KEEPER_CLAIM:
    case KEEPER_RELEASE:
        send(world, host, action);
        break;
    case KEEPER_ALLOW:
        host_make_process(world, host, world_vm_index(world, action->vm));
        break;
    case KEEPER_REFUSE:
        host_answer_order(world, host, world_vm_index(world, action->vm), false, action->why);
        break;
    case KEEPER_KILL:
        kill_authority(world, host, action->authority, action->why);
        break;
    case KEEPER_PET:
        arm(world, host, world->hosts[host].keeper.watchdog_ms);
        break;
    case KEEPER_N_ACTS:
        g_assert_not_reached();
    }
}

void host_do(struct world *world, int host, struct keeper_actions *actions)
{
    for (size_t i = 0; i < actions->len; i++)
        do_action(world, host, &actions->items[i]);
    keeper_actions_clear(actions);
}

static void sweep(struct world *world, int host)
{
    struct sim_host *self = &world->hosts[host];

    for (int vm = 0; vm < world->n_vms; vm++)
        if (world->vms[vm].spec.authority != HA_LOCAL &&
            !keeper_see_process(&self->keeper, world->vms[vm].spec.id, self->procs[vm].exists)) {
            world_note(world, "host %d: vm %d has no right to be here", host, vm);
            kill_process(world, host, vm);
        }
}

/* ---- cut off from all others ----------------------------------------------------------------- */

static bool any_controller_is_up(const struct world *world)
{
    for (int i = 0; i < world->n_ctls; i++)
        if (world->ctls[i].up && world->ctls[i].active)
            return true;
    return false;
}

/* Of etcd the keeper hears by itself. */
static bool hears_anybody(const struct world *world, int host)
{
    const struct sim_host *self = &world->hosts[host];
    bool peers = false;

    for (int i = 0; i < world->n_hosts; i++)
        peers |= i != host && world->hosts[i].hald_up && !world->hosts[i].cut_ha;
    return (peers && !self->cut_ha) ||
           (self->agent_up && !self->cut_mgmt && any_controller_is_up(world));
}

static void guest_ends(struct world *world, const struct event *event)
{
    const struct proc *proc = &world->hosts[event->node].procs[event->vm];

    if (!proc->exists || proc->n != event->request || world->vms[event->vm].stays_up)
        return;
    world_note(world, "host %d: vm %d shuts down", event->node, event->vm);
    host_end_process(world, event->node, event->vm);
}

/* The agent tells the guests, once each. */
static void shut_down(struct world *world, int host)
{
    struct sim_host *self = &world->hosts[host];

    for (int vm = 0; vm < world->n_vms; vm++) {
        struct event *event;

        if (!self->procs[vm].exists || self->procs[vm].asked ||
            !keeper_shuts_down(&self->keeper, world->vms[vm].spec.id))
            continue;
        self->procs[vm].asked = true;
        event = world_post(world, world_between(world, 1000, 15000), guest_ends, IN_AGENT, host);
        event->vm = vm;
        event->request = self->procs[vm].n;
    }
}

static void tick_hald(struct world *world, const struct event *event)
{
    struct sim_host *self = &world->hosts[event->node];
    struct keeper_actions actions = { 0 };

    if (hears_anybody(world, event->node))
        keeper_hear(&self->keeper, host_clock(world, event->node));
    sweep(world, event->node);
    keeper_tick(&self->keeper, host_clock(world, event->node), &actions);
    host_do(world, event->node, &actions);
    shut_down(world, event->node);
    save(world, event->node);
    world_post(world, TICK_MS, tick_hald, IN_HALD, event->node);
}

static void beat(struct world *world, const struct event *event)
{
    ctl_beat(world, event->node);
    world_post(world, BEAT_MS, beat, IN_HALD, event->node);
}

static void add_lease(struct world *world, int host, int32_t authority)
{
    struct sim_host *self = &world->hosts[host];
    const struct ha_owner owner = { self->id, authority, { self->boot, 1 } };
    const struct lease_times times = times_of(self, authority);

    keeper_add_lease(&self->keeper, &times, &owner);
}

static void resume_lease(struct world *world, int host, const struct saved_lease *saved)
{
    struct sim_host *self = &world->hosts[host];
    const struct ha_owner owner = { self->id, saved->authority, saved->inc };
    const struct lease_times times = times_of(self, saved->authority);

    keeper_resume_lease(&self->keeper, &times, &owner, saved->end_ms);
}

static void take_setup(struct world *world, const struct event *event)
{
    struct sim_host *self = &world->hosts[event->node];

    if (event->value < self->setup_epoch)
        return;
    self->setup_epoch = event->value;
    self->setup = event->settings;
    world_note(world, "host %d: leases last %.1f s in etcd, %.1f s on datastores", event->node,
               (double)self->setup.lease_ms / 1000, (double)self->setup.slot_ms / 1000);
    for (unsigned i = 0; i < self->keeper.n_leases; i++) {
        const int32_t authority = self->keeper.leases[i].self.authority;
        const struct lease_times times = times_of(self, authority);

        keeper_set_times(&self->keeper, authority, &times, watchdog_of(self));
    }
    save(world, event->node);
}

void host_set_up(struct world *world, int ctl, int host)
{
    const struct controller *from = &world->ctls[ctl];
    const struct sim_host *to = &world->hosts[host];
    struct event *event;

    if (memcmp(&from->settings, &to->setup, sizeof from->settings) == 0 || !to->hald_up ||
        !to->agent_up || to->cut_mgmt || world_chance(world, world->loss_pm))
        return;
    event = world_post(world, world_way_ms(world), take_setup, IN_HALD, host);
    event->value = from->fsm.epoch;
    event->settings = from->settings;
}

/* Nothing is open in a new process. */
static void forget_files(struct sim_host *self)
{
    for (int i = 0; i < MAX_STORES; i++) {
        self->disks[i].file = NO_FILE;
        self->disks[i].inc = (struct ha_inc){ 0 };
        self->disks[i].wrote = self->disks[i].is_checked = self->disks[i].busy = false;
    }
}

void host_start_hald(struct world *world, int host, bool resume)
{
    struct sim_host *self = &world->hosts[host];

    self->hald_up = true;
    self->hald_life = world_new_id(world);
    forget_files(self);
    keeper_clear(&self->keeper);
    keeper_init(&self->keeper, self->id, watchdog_of(self));
    self->keeper.armed_until_ms = resume ? self->saved_armed_ms : 0;
    keeper_set_isolation(&self->keeper,
                         &(struct isolation_policy){ world->isolation, CUT_OFF_MS, SHUTDOWN_MS });
    for (unsigned i = 0; resume && i < self->n_saved; i++)
        resume_lease(world, host, &self->saved[i]);
    for (int i = -1; !resume && i < world->n_stores; i++)
        add_lease(world, host, i < 0 ? HA_ETCD : HA_STORAGE + i);
    for (size_t i = 0; resume && i < self->saved_vms.len; i++)
        keeper_adopt(&self->keeper, &self->saved_vms.items[i].seen,
                     self->saved_vms.items[i].authority);
    world_post(world, world_between(world, 0, TICK_MS), tick_hald, IN_HALD, host);
    world_post(world, world_between(world, 0, BEAT_MS), beat, IN_HALD, host);
    if (ctl_stand_in(world, host) != NOBODY)
        ctl_start(world, ctl_stand_in(world, host));
}

static void restart_hald(struct world *world, const struct event *event)
{
    if (!world->hosts[event->node].hald_up)
        host_start_hald(world, event->node, world->hosts[event->node].n_saved > 0);
}

void host_end_hald(struct world *world, int host)
{
    world->hosts[host].hald_up = false;
    if (ctl_stand_in(world, host) != NOBODY)
        ctl_die(world, ctl_stand_in(world, host));
}

void host_kill_hald(struct world *world, int host)
{
    host_end_hald(world, host);
    host_note_fault(world, host);
    world->hosts[host].hald_faulted_ms = world->now;
    world_note(world, "host %d: vrm-hald dies", host);
    world_post(world, world_between(world, 500, 4000), restart_hald, IN_HOST, host);
}
