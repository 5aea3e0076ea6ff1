/* host_model.c - a simulated host: machine, watchdog, vrm-hald around ha/keeper.h, agent, and the
 * processes of its VMs.  See world.h. */
#include "config.h"

#include <string.h>

#include "tests/sim/world.h"

#define TICK_MS     250
#define BEAT_MS     1000
#define REPLY_MS    1000
#define CUT_OFF_MS  30000
#define SHUTDOWN_MS 60000
#define RENEW_MS    1500
#define KILL_MS     2000
#define SLOT_RENEW  1000
#define START_LIMIT 20000 /* after that the one who ordered a start hears nothing more */

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

/* A host's own clock: from its boot on, a little fast or slow. */
int64_t host_clock(const struct world *world, int host)
{
    const int64_t up_ms = world->now - world->hosts[host].booted_ms;

    return up_ms + up_ms * world->hosts[host].drift_ppm / 1000000;
}

static void note_fault(struct world *world, int host)
{
    if (world->hosts[host].faulted_ms < world->now)
        world->hosts[host].faulted_ms = world->now;
}

/* ---- processes ------------------------------------------------------------------------------- */

static void end_process(struct world *world, int host, int vm)
{
    struct proc *proc = &world->hosts[host].procs[vm];

    *proc = (struct proc){ .n = proc->n };
}

static void let_run(struct world *world, int host, int vm)
{
    struct proc *proc = &world->hosts[host].procs[vm];

    proc->executes = true;
    proc->incoming = proc->handed = false;
    world->vms[vm].n_starts++;
    world_note(world, "host %d: vm %d runs", host, vm);
    oracle_runs(world, vm);
}

/* By which of its leases the host has the VM; what the keeper does not know is swept. */
static bool is_kept_by(const struct world *world, int host, int vm, int32_t authority)
{
    const struct keeper_vm *known = keeper_find(&world->hosts[host].keeper, world->vms[vm].spec.id);

    return known && known->authority == authority;
}

/* QEMU ends by itself. */
void host_end_vm(struct world *world, int host, int vm)
{
    world_note(world, "host %d: vm %d crashes", host, vm);
    end_process(world, host, vm);
}

/* ---- vrm-hald -------------------------------------------------------------------------------- */

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
    end_process(world, event->node, event->vm);
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

static void answer_order(struct world *world, int host, int vm, bool done, const char *why);
static void make_process(struct world *world, int host, int vm);

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
        make_process(world, host, world_vm_index(world, action->vm));
        break;
    case KEEPER_REFUSE:
        answer_order(world, host, world_vm_index(world, action->vm), false, action->why);
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
    end_process(world, event->node, event->vm);
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

static void end_hald(struct world *world, int host)
{
    world->hosts[host].hald_up = false;
    if (ctl_stand_in(world, host) != NOBODY)
        ctl_die(world, ctl_stand_in(world, host));
}

void host_kill_hald(struct world *world, int host)
{
    end_hald(world, host);
    note_fault(world, host);
    world->hosts[host].hald_faulted_ms = world->now;
    world_note(world, "host %d: vrm-hald dies", host);
    world_post(world, world_between(world, 500, 4000), restart_hald, IN_HOST, host);
}

/* ---- the agent ------------------------------------------------------------------------------- */

static void deliver_answer(struct world *world, const struct event *event)
{
    ctl_answer(world, event->node, event->life, event->request, event->flag ? HA_DONE : HA_FAILED);
}

static void answer_order(struct world *world, int host, int vm, bool done, const char *why)
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
    let_run(world, event->node, event->vm);
    answer_order(world, event->node, event->vm, true, NULL);
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
        end_process(world, event->node, event->vm);
        answer_order(world, event->node, event->vm, false, "the lease does not hold any more");
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
        answer_order(world, event->node, event->vm, false, "QEMU does not start");
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

static void make_process(struct world *world, int host, int vm)
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
        end_process(world, host, vm); /* left halted by a migration that died */
    if (!self->hald_up) {
        answer_order(world, host, vm, false, "vrm-hald does not answer");
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
    make_process(world, host, vm);
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
        answer_order(world, event->node, event->vm, false, "it runs here");
        return;
    }
    if (proc->exists)
        end_process(world, event->node, event->vm);
    if (!keeper_find(&self->keeper, id))
        keeper_adopt(&self->keeper,
                     &(struct ha_vm_seen){ id, event->value, event->call->record.vm },
                     authority_in(world, event->node, &event->call->record.vm));
    give_up(world, event->node, event->vm);
    answer_order(world, event->node, event->vm, true, NULL);
}

void host_order_release(struct world *world, int ctl, const struct ha_action *action)
{
    order(world, ctl, action, take_release);
}

static void report(struct world *world, const struct event *event)
{
    ctl_report(world, event->node);
    world_post(world, BEAT_MS, report, IN_AGENT, event->node);
}

/* ---- migration: both sides, and the moment between them ----------------------------------------
 */

static void source_done(struct world *world, const struct event *event)
{
    struct proc *proc = &world->hosts[event->node].procs[event->vm];

    if (!proc->exists || !proc->handed)
        return;
    end_process(world, event->node, event->vm);
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
    let_run(world, event->node, event->vm);
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

/* ---- the machine ----------------------------------------------------------------------------- */

static void start_programs(struct world *world, const struct event *event)
{
    struct sim_host *self = &world->hosts[event->node];

    self->agent_up = true;
    self->agent_life = world_new_id(world);
    host_start_hald(world, event->node, false);
    world_post(world, world_between(world, 0, BEAT_MS), report, IN_AGENT, event->node);
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
    end_hald(world, host);
    note_fault(world, host);
    world_note(world, "host %d: dies", host);
    for (int vm = 0; vm < world->n_vms; vm++) {
        world->hosts[host].orders[vm].request = 0;
        if (self->procs[vm].exists)
            end_process(world, host, vm);
    }
    if (reboot_in_ms >= 0)
        world_post(world, reboot_in_ms, reboot, IN_WORLD, 0)->peer = host;
}
