/* ctl_standin.c - a simulated stand-in of the controllers: ha/standin.h says what.  Its eyes are
 * etcd alone; hosts follow what it writes (follow.c).  See world.h. */
#include "config.h"

#include <inttypes.h>

#include "tests/sim/ctl_private.h"

#define TXN_LIMIT_MS 1500

/* ---- what it knows --------------------------------------------------------------------------- */

/* As the last controller published it; the hosts after its home are its targets. */
static void read_plan(struct world *world, struct controller *self)
{
    for (int i = 0; i < world->n_hosts; i++)
        standin_host(self->standin, world->hosts[i].id);
    for (int i = 0; i < world->n_vms; i++) {
        const struct sim_vm *vm = &world->vms[i];
        struct standin_plan plan = {
            .vm = vm->spec.id,
            .authority = vm->spec.authority,
            .priority = vm->spec.priority,
            .after = vm->spec.after >= 0 ? world->vms[vm->spec.after].spec.id : 0,
        };

        for (int j = 1; j <= world->n_hosts && plan.n_targets < STANDIN_MAX_TARGETS; j++) {
            const int host = (MAX(vm->home, 0) + i + j) % world->n_hosts;

            if (!world->hosts[host].maintenance)
                plan.targets[plan.n_targets++] = world->hosts[host].id;
        }
        standin_plan(self->standin, &plan);
        if (!vm->wanted || vm->spec.authority == HA_LOCAL || !vm->spec.follows_host ||
            !world->armed)
            standin_unplan(self->standin, vm->spec.id);
    }
}

/* Its times are those of its host. */
void ctl_stand_by(struct world *world, int ctl, bool leaderless)
{
    struct controller *self = &world->ctls[ctl];
    const struct settings *setup = &world->hosts[self->host].setup;

    if (!leaderless) {
        if (!self->active)
            g_clear_pointer(&self->standin, standin_free);
        return;
    }
    if (self->standin)
        return;
    self->standin = standin_new(setup->lease_ms, setup->slot_ms);
    read_plan(world, self);
    ctl_list(world, ctl);
}

void ctl_stand_in_leads(struct world *world, int ctl)
{
    struct controller *self = &world->ctls[ctl];

    world_note(world, "controller %d: stands in with epoch %" PRId64, ctl, self->fsm.epoch);
    if (!self->standin)
        ctl_stand_by(world, ctl, true);
    standin_lead(self->standin, self->fsm.epoch);
    self->active = true;
    ctl_list(world, ctl);
}

void ctl_stand_in_sees(struct world *world, struct controller *self, const struct kv *kv,
                       const struct ha_key *key)
{
    standin_see(self->standin, key, kv ? &kv->record : NULL, kv ? kv->modified : 0, world->now);
}

/* ---- what it does ---------------------------------------------------------------------------- */

static void txn_answer(struct world *world, const struct event *event)
{
    struct controller *self = &world->ctls[event->node];
    const struct call *call = event->call;
    const struct kv kv = {
        .key = call->txn.puts[0].key,
        .modified = call->version,
        .record = call->record,
    };

    if (!self->standin)
        return;
    if (event->flag && call->exists)
        ctl_stand_in_sees(world, self, &kv, &kv.key);
    standin_answered(self->standin, call->request,
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

static void tell(struct world *world, int ctl, const struct ha_action *action)
{
    const Ha *ha = standin_peek(world->ctls[ctl].standin);

    if (action->act == HA_DO_HOST)
        world_note(world, "controller %d: host %d %s (%d): %s", ctl, action->host,
                   host_fsm_state_name(ha_host_state(ha, action->host)), action->rule, action->why);
    else if (action->act == HA_DO_VM)
        world_note(world, "controller %d: vm %d %s (%d): %s", ctl, action->vm,
                   vm_fsm_state_name(ha_vm_state(ha, action->vm)), action->rule, action->why);
    else if (action->act == HA_DO_BURY)
        world_note(world, "controller %d: buries host %d: %s", ctl, action->host, action->why);
}

void ctl_stand_in_tick(struct world *world, int ctl)
{
    struct ha_actions actions = { 0 };

    standin_tick(world->ctls[ctl].standin, world->now, &actions);
    for (size_t i = 0; i < actions.len; i++) {
        const struct ha_action *action = &actions.items[i];

        tell(world, ctl, action);
        if (action->request != 0)
            send_txn(world, ctl, action);
        if (action->act != HA_DO_START)
            continue;
        world->n_restarts++;
        world->vms[action->vm].ordered_ms = world->now;
    }
    ha_actions_clear(&actions);
}
