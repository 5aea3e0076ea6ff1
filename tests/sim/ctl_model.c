/* ctl_model.c - what a simulated decider does: ha/ha.h says what.  See world.h. */
#include "config.h"

#include <inttypes.h>

#include "tests/ha_usual.h"
#include "tests/sim/ctl_private.h"

#define TTL          3000
#define TICK_MS      250
#define SET_UP_MS    1000
#define TXN_LIMIT_MS 1500

/* ---- it leads -------------------------------------------------------------------------------- */

void ctl_tell(struct world *world, int ctl)
{
    Ha *ha = world->ctls[ctl].ha;

    ha_set_armed(ha, world->armed);
    for (int i = 0; i < world->n_hosts; i++) {
        ha_set_maintenance(ha, i, world->hosts[i].maintenance);
        ha_expect_reboot(ha, i, world->hosts[i].reboot_until);
    }
    for (int i = 0; i < world->n_vms; i++)
        ha_set_wanted(ha, i, world->vms[i].wanted && world->vms[i].spec.authority != HA_LOCAL);
}

void ctl_lead(struct world *world, int ctl)
{
    struct controller *self = &world->ctls[ctl];
    const struct ha_mandate mandate = { false, self->fsm.epoch };
    struct ha_options options = ha_usual();

    options.lease_ms = self->settings.lease_ms;
    options.slot_ms = self->settings.slot_ms;
    if (ctl_is_stand_in(self)) {
        ctl_stand_in_leads(world, ctl);
        return;
    }
    world_note(world, "controller %d: leads with epoch %" PRId64, ctl, mandate.epoch);
    self->active = true;
    ha_free(self->ha);
    options.max_starts = 8; /* starts wait for each other in small worlds, too */
    self->ha = ha_new(&options, mandate);
    for (int i = 0; i < world->n_hosts; i++)
        ha_add_host(self->ha, world->hosts[i].id, world->hosts[i].has_bmc);
    for (int i = 0; i < world->n_vms; i++)
        ha_add_vm(self->ha, &world->vms[i].spec);
    ctl_tell(world, ctl);
    ctl_list(world, ctl);
}

/* ---- what it does ---------------------------------------------------------------------------- */

void ctl_answer(struct world *world, int ctl, uint64_t life, uint64_t request,
                enum ha_outcome outcome)
{
    struct controller *self = &world->ctls[ctl];

    if (self->ha && self->life == life)
        ha_answered(self->ha, request, outcome, world->now);
}

static void txn_answer(struct world *world, const struct event *event)
{
    struct controller *self = &world->ctls[event->node];
    const struct call *call = event->call;

    if (!self->ha)
        return;
    if (event->flag)
        ha_see_etcd(self->ha, world->now);
    if (event->flag)
        for (unsigned i = 0; i < call->txn.n_puts; i++) {
            const struct kv kv = {
                .key = call->txn.puts[i].key,
                .modified = call->version,
                .record = call->record,
            };

            if (call->exists)
                ctl_see_record(world, self, &kv, world->now);
        }
    ha_answered(self->ha, call->request,
                event->flag ? (call->done ? HA_DONE : HA_FAILED) : HA_UNKNOWN, world->now);
}

static void send_txn(struct world *world, int ctl, const struct ha_action *action)
{
    struct call *call = etcd_call(world, IN_CTL, ctl, &action->txn, txn_answer);

    call->request = action->request;
    call->epoch = (uint64_t)world->ctls[ctl].fsm.epoch;
    if (action->act == HA_DO_BURY)
        world->n_burials++;
    etcd_send(world, call, TXN_LIMIT_MS);
}

static unsigned n_vms_of(const struct world *world, int host)
{
    unsigned n = 0;

    for (int vm = 0; vm < world->n_vms; vm++)
        n += world->hosts[host].procs[vm].exists;
    return n;
}

/* The scheduler's part: the emptiest host that may take it. */
static void place(struct world *world, int ctl, const struct ha_action *action,
                  struct ha_actions *actions)
{
    struct controller *self = &world->ctls[ctl];
    const struct sim_vm *vm = &world->vms[action->vm];
    const int home = action->host != NOBODY ? action->host : vm->ran ? NOBODY : vm->home;
    struct ha_owner owner;
    int best = NOBODY;

    for (int i = 0; i < world->n_hosts; i++)
        if ((home == NOBODY || home == i) && host_has_disk(world, i, action->vm) &&
            ha_may_take(self->ha, i, vm->spec.authority, &owner) &&
            (best == NOBODY || n_vms_of(world, i) < n_vms_of(world, best)))
            best = i;
    ha_placed(self->ha, action->request, best, best == NOBODY ? "no host may take it" : "emptiest",
              world->now, actions);
}

static void power_answer(struct world *world, const struct event *event)
{
    struct controller *self = &world->ctls[event->node];

    if (self->ha)
        ha_see_power(self->ha, event->peer, event->flag, event->value);
}

static void power_on(struct world *world, const struct event *event)
{
    if (!world->hosts[event->peer].bmc_dead)
        host_boot(world, event->peer);
}

static void power_off(struct world *world, const struct event *event)
{
    struct event *answer;
    struct sim_host *host = &world->hosts[event->peer];

    if (host->bmc_dead)
        return;
    host_die(world, event->peer, -1);
    world_post(world, world_between(world, 10000, 20000), power_on, IN_WORLD, 0)->peer =
        event->peer;
    if (!world->ctls[event->vm].up)
        return;
    answer = world_post(world, world_way_ms(world), power_answer, IN_CTL, event->vm);
    answer->peer = event->peer;
    answer->flag = true;
    answer->value = world->now;
}

static void shoot(struct world *world, int ctl, int host)
{
    struct event *event =
        world_post(world, world_between(world, 500, 3000), power_off, IN_WORLD, 0);

    world->n_shots++;
    world_note(world, "controller %d: shoots host %d", ctl, host);
    event->vm = ctl;
    event->peer = host;
}

static void do_action(struct world *world, int ctl, const struct ha_action *action,
                      struct ha_actions *actions)
{
    switch (action->act) {
    case HA_DO_HOST:
        world_note(world, "controller %d: host %d %s (%d): %s", ctl, action->host,
                   host_fsm_state_name(ha_host_state(world->ctls[ctl].ha, action->host)),
                   action->rule, action->why);
        break;
    case HA_DO_VM:
        world_note(world, "controller %d: vm %d %s (%d): %s", ctl, action->vm,
                   vm_fsm_state_name(ha_vm_state(world->ctls[ctl].ha, action->vm)), action->rule,
                   action->why);
        break;
    case HA_DO_SHOOT:
        shoot(world, ctl, action->host);
        break;
    case HA_DO_BURY:
        world_note(world, "controller %d: buries host %d: %s", ctl, action->host, action->why);
        send_txn(world, ctl, action);
        break;
    case HA_DO_ASSIGN:
    case HA_DO_SETTLE:
        send_txn(world, ctl, action);
        break;
    case HA_DO_PLACE:
        place(world, ctl, action, actions);
        break;
    case HA_DO_START:
        world->n_restarts++;
        world->vms[action->vm].ordered_ms = world->now;
        host_order_start(world, ctl, action);
        break;
    case HA_DO_RELEASE:
        host_order_release(world, ctl, action);
        break;
    case HA_DO_ASK:
    case HA_DO_WARN:
    case HA_DO_BRAKE:
    case HA_N_ACTS:
        break;
    }
}

static void do_actions(struct world *world, int ctl, struct ha_actions *actions)
{
    for (size_t i = 0; i < actions->len; i++) { /* grows while it is carried out */
        const struct ha_action action = actions->items[i];

        do_action(world, ctl, &action, actions);
    }
    ha_actions_clear(actions);
}

/* ---- migration ------------------------------------------------------------------------------- */

static void move_over(struct world *world, const struct event *event)
{
    struct controller *self = &world->ctls[event->node];

    if (self->ha)
        ha_set_moving(self->ha, event->vm, false);
    self->moving_vm = NOBODY;
}

/* Both may own it now: the target makes its process, the source sends. */
static void shared(struct world *world, const struct event *event)
{
    const struct call *call = event->call;
    const int from = world_host_index(world, call->txn.puts[0].record.vm.owners[0].host);
    const int to = world_host_index(world, call->txn.puts[0].record.vm.owners[1].host);
    const struct ha_action action = {
        .host = to,
        .vm = call->vm,
        .seen = { world->vms[call->vm].spec.id, call->version, call->record.vm },
    };

    world_post(world, world_between(world, 8000, 25000), move_over, IN_CTL, event->node)->vm =
        call->vm;
    if (!event->flag || !call->done)
        return;
    host_order_start(world, event->node, &action);
    host_order_move(world, call->vm, from, to);
}

void ctl_move(struct world *world, int vm, int to)
{
    for (int i = 0; i < world->n_ctls; i++) {
        struct controller *self = &world->ctls[i];
        const struct ha_key key = { .kind = HA_KEY_VM, .id = world->vms[vm].spec.id };
        const struct kv *kv = etcd_find(world, &key);
        const struct ha_mandate mandate = { false, self->fsm.epoch };
        struct ha_owner owner;
        struct ha_vm_seen seen;
        struct ha_txn txn;
        struct call *call;

        if (!ctl_may_act(world, self) || self->moving_vm != NOBODY || !kv ||
            kv->record.vm.n_owners != 1 || !kv->record.vm.claimed ||
            kv->record.vm.owners[0].host == world->hosts[to].id ||
            !ha_may_take(self->ha, to, world->vms[vm].spec.authority, &owner))
            continue;
        seen = (struct ha_vm_seen){ key.id, kv->modified, kv->record.vm };
        right_share(&mandate, &seen, &owner, &txn);
        call = etcd_call(world, IN_CTL, i, &txn, shared);
        call->vm = vm;
        call->epoch = (uint64_t)mandate.epoch;
        self->moving_vm = vm;
        ha_set_moving(self->ha, vm, true);
        world_note(world, "controller %d: migrates vm %d to host %d", i, vm, to);
        etcd_send(world, call, TXN_LIMIT_MS);
        return;
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static void set_up_hosts(struct world *world, int ctl)
{
    struct controller *self = &world->ctls[ctl];

    if (world->now - self->set_up_ms < SET_UP_MS)
        return;
    self->set_up_ms = world->now;
    for (int i = 0; i < world->n_hosts; i++)
        host_set_up(world, ctl, i);
}

static void tick(struct world *world, const struct event *event)
{
    struct controller *self = &world->ctls[event->node];
    struct ha_actions actions = { 0 };

    world_post(world, TICK_MS, tick, IN_CTL, event->node);
    ctl_feed(world, event->node, LEV_TICK, 0, 0);
    if (!ctl_may_act(world, self))
        return;
    if (self->standin) {
        ctl_stand_in_tick(world, event->node);
        return;
    }
    set_up_hosts(world, event->node);
    ha_tick(self->ha, world->now, &actions);
    do_actions(world, event->node, &actions);
}

void ctl_start(struct world *world, int ctl)
{
    struct controller *self = &world->ctls[ctl];

    if (self->up || (ctl_is_stand_in(self) && !world->hosts[self->host].hald_up))
        return;
    ha_free(self->ha);
    standin_free(self->standin);
    *self = (struct controller){
        .up = true,
        .host = self->host,
        .cut_etcd = self->cut_etcd,
        .life = world_new_id(world),
        .moving_vm = NOBODY,
        .settings = world->settings,
    };
    leader_fsm_init(&self->fsm, TTL);
    ctl_feed(world, ctl, LEV_START, 0, 0);
    world_post(world, world_between(world, 0, TICK_MS), tick, IN_CTL, ctl);
    world_post(world, world_between(world, 0, 200), ctl_relist, IN_CTL, ctl);
    ctl_poll_slots(world, ctl);
}
