/* ctl_model.c - a simulated vrmd: ha/leader_fsm.h decides whether it leads, ha/ha.h what it then
 * does.  See world.h. */
#include "config.h"

#include <inttypes.h>

#include "tests/sim/world.h"

#define TTL          3000
#define TICK_MS      250
#define RELIST_MS    5000
#define TXN_LIMIT_MS 1500

static const struct ha_key leader_key = { .kind = HA_KEY_LEADER };

static const struct ha_options options = {
    .beat_ms = 1000,
    .agent_ms = 3000,
    .move_ms = 4000,
    .ask_ms = 1000,
    .stall_ms = 1000,
    .shoot_pause_ms = 10000,
    .lease_ms = 12000,
    .slot_ms = 20000,
    .brake_percent = 30,
    .max_starts = 8,
    .max_host_starts = 4,
    .max_failures = 3,
    .failure_ms = 3600000,
};

enum op {
    OP_GRANT,
    OP_KEEP_ALIVE,
    OP_PUT,
    OP_CLAIM,
    OP_READ,
    OP_REVOKE,
};

static void feed(struct world *world, int ctl, enum leader_event event, uint64_t request,
                 int64_t value);

/* ---- leadership: requests to etcd ------------------------------------------------------------ */

static enum leader_event claim(struct world *world, int64_t lease, int64_t *ret_value)
{
    if (!etcd_lease_alive(world, lease))
        return LEV_LEASE_GONE;
    if (etcd_find(world, &leader_key))
        return LEV_REFUSED;
    etcd_put(world, &(struct ha_put){ .key = leader_key }, lease);
    *ret_value = etcd_find(world, &leader_key)->created;
    return LEV_CLAIMED;
}

static enum leader_event read_key(const struct world *world, int64_t lease, int64_t *ret_value)
{
    const struct kv *kv = etcd_find(world, &leader_key);

    *ret_value = kv ? kv->created : 0;
    if (!kv)
        return LEV_READ_ABSENT;
    return kv->lease == lease ? LEV_READ_OURS : LEV_READ_OTHER;
}

static enum leader_event renew(struct world *world, int64_t lease, int64_t epoch)
{
    const struct kv *kv = etcd_find(world, &leader_key);

    if (!etcd_lease_alive(world, lease))
        return LEV_LEASE_GONE;
    if (!kv || kv->created != epoch)
        return LEV_REFUSED;
    etcd_put(world, &(struct ha_put){ .key = leader_key }, lease);
    return LEV_RENEWED;
}

static enum leader_event execute_op(struct world *world, enum op op, int64_t lease, int64_t *value)
{
    switch (op) {
    case OP_GRANT:
        *value = etcd_grant(world, TTL);
        return LEV_GRANTED;
    case OP_KEEP_ALIVE:
        return etcd_keep_alive(world, lease, TTL) ? LEV_RENEWED : LEV_LEASE_GONE;
    case OP_PUT:
        return renew(world, lease, *value);
    case OP_CLAIM:
        return claim(world, lease, value);
    case OP_READ:
        return read_key(world, lease, value);
    case OP_REVOKE:
        etcd_revoke(world, lease);
        return LEV_REVOKED;
    }
    return LEV_UNKNOWN;
}

/* What an operation carries on its way there and back: op in `peer`, the lease in `authority`, the
 * call in `inc.boot`, the event in `inc.n`. */
static void send_op(struct world *world, int ctl, enum op op);

static void op_answer(struct world *world, const struct event *event)
{
    struct controller *self = &world->ctls[event->node];
    const enum leader_event answer = (enum leader_event)event->inc.n;
    int64_t value = event->value;

    if (event->inc.boot != self->call) { /* cancelled: the machine itself must not be misled */
        feed(world, event->node, answer, event->request, value);
        return;
    }
    self->call = 0;
    if (answer == LEV_GRANTED) {
        self->lease = value;
        value = TTL;
    }
    if (answer == LEV_RENEWED && event->peer == OP_KEEP_ALIVE)
        send_op(world, event->node, OP_PUT);
    else
        feed(world, event->node, answer, event->request, value);
}

static void op_execute(struct world *world, const struct event *event)
{
    struct event *answer;
    int64_t value = event->value;
    enum leader_event result;

    if (world->etcd.down || world->ctls[event->vm].cut_etcd)
        return;
    result = execute_op(world, (enum op)event->peer, event->authority, &value);
    if (event->request == 0 || world_chance(world, world->loss_pm))
        return;
    answer = world_post(world, world_way_ms(world), op_answer, IN_CTL, event->vm);
    answer->life = (uint64_t)event->call->life;
    answer->peer = event->peer;
    answer->request = event->request;
    answer->value = value;
    answer->inc = (struct ha_inc){ event->inc.boot, (uint32_t)result };
}

static void post_op(struct world *world, int ctl, enum op op, uint64_t request, uint64_t call)
{
    const struct controller *self = &world->ctls[ctl];
    struct event *event;

    if (self->cut_etcd || world_chance(world, world->loss_pm))
        return;
    event = world_post(world, world_way_ms(world), op_execute, IN_WORLD, 0);
    event->vm = ctl;
    event->peer = (int)op;
    event->authority = (int32_t)self->lease;
    event->request = request;
    event->value = self->fsm.epoch;
    event->inc.boot = call;
    event->call = g_new0(struct call, 1);
    event->call->n_refs = 1;
    event->call->life = self->life;
}

static void send_op(struct world *world, int ctl, enum op op)
{
    struct controller *self = &world->ctls[ctl];
    struct event *limit;

    self->call = world_new_id(world);
    post_op(world, ctl, op, self->fsm.request, self->call);
    limit = world_post(world, leader_fsm_request_ms(&self->fsm), op_answer, IN_CTL, ctl);
    limit->peer = (int)op;
    limit->request = self->fsm.request;
    limit->inc = (struct ha_inc){ self->call, LEV_UNKNOWN };
}

static void drop_lease(struct world *world, int ctl)
{
    struct controller *self = &world->ctls[ctl];

    self->call = 0;
    if (self->lease != 0)
        post_op(world, ctl, OP_REVOKE, 0, 0);
    self->lease = 0;
}

/* ---- leadership: what the machine says ------------------------------------------------------- */

static void list(struct world *world, int ctl);

static void db_answer(struct world *world, const struct event *event)
{
    feed(world, event->node, event->flag ? LEV_DB_OK : LEV_DB_NO, 0, event->value);
}

static void take_epoch(struct world *world, int ctl)
{
    struct event *event = world_post(world, world_between(world, 1, 15), db_answer, IN_CTL, ctl);

    event->value = world->ctls[ctl].fsm.epoch;
    event->flag = event->value >= world->db_epoch;
    if (event->flag)
        world->db_epoch = event->value;
}

void ctl_tell(struct world *world, int ctl)
{
    Ha *ha = world->ctls[ctl].ha;

    ha_set_armed(ha, world->armed);
    for (int i = 0; i < world->n_hosts; i++) {
        ha_set_maintenance(ha, i, world->hosts[i].maintenance);
        ha_expect_reboot(ha, i, world->hosts[i].reboot_until);
    }
    for (int i = 0; i < world->n_vms; i++)
        ha_set_wanted(ha, i, world->vms[i].wanted);
}

static void act(struct world *world, int ctl)
{
    struct controller *self = &world->ctls[ctl];
    const struct ha_mandate mandate = { false, self->fsm.epoch };

    world_note(world, "controller %d: leads with epoch %" PRId64, ctl, mandate.epoch);
    self->active = true;
    ha_free(self->ha);
    self->ha = ha_new(&options, mandate);
    for (int i = 0; i < world->n_hosts; i++)
        ha_add_host(self->ha, world->hosts[i].id, world->hosts[i].has_bmc);
    for (int i = 0; i < world->n_vms; i++)
        ha_add_vm(self->ha, &world->vms[i].spec);
    ctl_tell(world, ctl);
    list(world, ctl);
}

static void restart(struct world *world, const struct event *event)
{
    ctl_start(world, event->peer);
}

void ctl_die(struct world *world, int ctl)
{
    struct controller *self = &world->ctls[ctl];

    self->up = self->active = false;
    ha_free(self->ha);
    self->ha = NULL;
    self->moving_vm = NOBODY;
    world_note(world, "controller %d: ends", ctl);
}

static void perform(struct world *world, int ctl, enum leader_action action)
{
    switch (action) {
    case LA_GRANT:
        drop_lease(world, ctl);
        send_op(world, ctl, OP_GRANT);
        break;
    case LA_CLAIM:
        send_op(world, ctl, OP_CLAIM);
        break;
    case LA_RENEW:
        send_op(world, ctl, OP_KEEP_ALIVE);
        break;
    case LA_READ:
        send_op(world, ctl, OP_READ);
        break;
    case LA_REVOKE:
        send_op(world, ctl, OP_REVOKE);
        break;
    case LA_STAND_BY:
        drop_lease(world, ctl);
        break;
    case LA_TAKE_EPOCH:
        take_epoch(world, ctl);
        break;
    case LA_ACT:
        act(world, ctl);
        break;
    case LA_LOSE:
    case LA_DONE:
        drop_lease(world, ctl);
        ctl_die(world, ctl);
        world_post(world, 500, restart, IN_WORLD, 0)->peer = ctl;
        break;
    case LA_NOTHING:
    case LA_WATCH:
    case LEADER_N_ACTIONS:
        break;
    }
}

static void feed(struct world *world, int ctl, enum leader_event event, uint64_t request,
                 int64_t value)
{
    const struct leader_input input = { event, world->now, request, value };

    perform(world, ctl, leader_fsm_step(&world->ctls[ctl].fsm, &input)->act);
}

/* ---- what it sees ---------------------------------------------------------------------------- */

bool ctl_may_act(const struct world *world, const struct controller *ctl)
{
    return ctl->up && ctl->active && ctl->ha &&
           world->now < leader_fsm_valid_until(&ctl->fsm); /* nothing is issued after that */
}

static int index_of_host(const struct world *world, int64_t id)
{
    for (int i = 0; i < world->n_hosts; i++)
        if (world->hosts[i].id == id)
            return i;
    return NOBODY;
}

static int index_of_vm(const struct world *world, int64_t id)
{
    for (int i = 0; i < world->n_vms; i++)
        if (world->vms[i].spec.id == id)
            return i;
    return NOBODY;
}

static void see_record(struct world *world, struct controller *self, const struct kv *kv,
                       int64_t asked_ms)
{
    const struct ha_lease_seen lease = { kv->record.lease, kv->modified, asked_ms };
    const struct ha_owner dead = { kv->key.id, kv->key.authority, kv->key.inc };

    switch (kv->key.kind) {
    case HA_KEY_LEASE:
        ha_see_lease(self->ha, index_of_host(world, kv->key.id), kv->key.authority, &lease,
                     world->now);
        break;
    case HA_KEY_FENCE:
        ha_see_fence(self->ha, &dead);
        break;
    case HA_KEY_VM:
        ha_see_right(self->ha, index_of_vm(world, kv->key.id), kv->modified, &kv->record.vm);
        break;
    case HA_KEY_LEADER:
    case HA_KEY_RECOVERY:
        break;
    }
}

/* A change on its way to one watcher; the record rides in the call. */
static void watched(struct world *world, const struct event *event)
{
    struct controller *self = &world->ctls[event->node];
    const struct kv kv = {
        .key = event->call->txn.puts[0].key,
        .created = event->value,
        .modified = event->call->version,
        .record = event->call->record,
    };

    if (kv.key.kind == HA_KEY_LEADER && !event->flag)
        feed(world, event->node, LEV_KEY_ABSENT, 0, 0);
    else if (kv.key.kind == HA_KEY_LEADER && (int64_t)event->request != self->lease)
        feed(world, event->node, LEV_KEY_OTHER, 0, 0);
    else if (self->ha && event->flag)
        see_record(world, self, &kv, world->now);
}

static void send_change(struct world *world, int ctl, const struct kv *kv, const struct ha_key *key)
{
    struct event *event;

    if (!world->ctls[ctl].up || world->ctls[ctl].cut_etcd ||
        world->now < world->ctls[ctl].stale_until || world_chance(world, world->loss_pm))
        return;
    event = world_post(world, world_way_ms(world), watched, IN_CTL, ctl);
    event->flag = kv != NULL;
    event->value = kv ? kv->created : 0;
    event->request = kv ? (uint64_t)kv->lease : 0;
    event->call = g_new0(struct call, 1);
    event->call->n_refs = 1;
    event->call->txn.puts[0].key = *key;
    if (kv) {
        event->call->version = kv->modified;
        event->call->record = kv->record;
    }
}

void ctl_see_key(struct world *world, const struct kv *kv, const struct ha_key *key)
{
    for (int i = 0; i < world->n_ctls; i++)
        if (key->kind == HA_KEY_LEADER || world->ctls[i].active)
            send_change(world, i, kv, key);
}

/* All keys as they are now, each on its way. */
static void list(struct world *world, int ctl)
{
    const struct kv *leader = etcd_find(world, &leader_key);

    send_change(world, ctl, leader, &leader_key);
    for (size_t i = 0; world->ctls[ctl].active && i < world->etcd.kvs.len; i++)
        send_change(world, ctl, &world->etcd.kvs.items[i], &world->etcd.kvs.items[i].key);
}

static void relist(struct world *world, const struct event *event)
{
    if (!world->etcd.down)
        list(world, event->node);
    world_post(world, RELIST_MS, relist, IN_CTL, event->node);
}

/* ---- beats and reports ----------------------------------------------------------------------- */

static void hear_beat(struct world *world, const struct event *event)
{
    struct controller *self = &world->ctls[event->node];

    if (!self->ha)
        return;
    if (event->flag)
        ha_see_peer(self->ha, event->peer, event->inc, world->now);
    else
        ha_see_beat(self->ha, event->peer, event->inc, world->now);
}

/* A peer passes on that it hears the host. */
static bool has_peer(const struct world *world, int host)
{
    for (int i = 0; i < world->n_hosts; i++)
        if (i != host && world->hosts[i].hald_up && !world->hosts[i].cut_ha &&
            !world->hosts[i].cut_mgmt)
            return true;
    return false;
}

static void post_beat(struct world *world, int ctl, int host, bool by_peer)
{
    struct event *event;

    if (!world->ctls[ctl].up || world_chance(world, world->loss_pm))
        return;
    event = world_post(world, world_way_ms(world), hear_beat, IN_CTL, ctl);
    event->peer = host;
    event->flag = by_peer;
    event->inc = world->hosts[host].keeper.leases[0].self.inc;
}

void ctl_beat(struct world *world, int host)
{
    for (int i = 0; i < world->n_ctls && !world->hosts[host].cut_ha; i++) {
        post_beat(world, i, host, false);
        if (has_peer(world, host))
            post_beat(world, i, host, true);
    }
}

static void hear_report(struct world *world, const struct event *event)
{
    struct controller *self = &world->ctls[event->node];

    if (!self->ha)
        return;
    ha_see_agent(self->ha, event->peer, world->now);
    for (int vm = 0; vm < world->n_vms; vm++)
        ha_see_vm(self->ha, vm, event->peer, ((uint64_t)event->value >> vm & 1U) != 0, world->now);
}

void ctl_report(struct world *world, int host)
{
    uint64_t runs = 0;

    for (int vm = 0; vm < world->n_vms; vm++)
        runs |= (uint64_t)world->hosts[host].procs[vm].executes << vm;
    for (int i = 0; i < world->n_ctls && !world->hosts[host].cut_mgmt; i++) {
        struct event *event;

        if (!world->ctls[i].up || world_chance(world, world->loss_pm))
            continue;
        event = world_post(world, world_way_ms(world), hear_report, IN_CTL, i);
        event->peer = host;
        event->value = (int64_t)runs;
    }
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
        for (unsigned i = 0; i < call->txn.n_puts; i++) {
            const struct kv kv = {
                .key = call->txn.puts[i].key,
                .modified = call->version,
                .record = call->record,
            };

            if (call->exists)
                see_record(world, self, &kv, world->now);
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
        if ((home == NOBODY || home == i) && ha_may_take(self->ha, i, vm->spec.authority, &owner) &&
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
    const int from = index_of_host(world, call->txn.puts[0].record.vm.owners[0].host);
    const int to = index_of_host(world, call->txn.puts[0].record.vm.owners[1].host);
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

static void tick(struct world *world, const struct event *event)
{
    struct controller *self = &world->ctls[event->node];
    struct ha_actions actions = { 0 };

    world_post(world, TICK_MS, tick, IN_CTL, event->node);
    feed(world, event->node, LEV_TICK, 0, 0);
    if (!ctl_may_act(world, self))
        return;
    ha_tick(self->ha, world->now, &actions);
    do_actions(world, event->node, &actions);
}

void ctl_start(struct world *world, int ctl)
{
    struct controller *self = &world->ctls[ctl];

    if (self->up)
        return;
    ha_free(self->ha);
    *self = (struct controller){
        .up = true,
        .cut_etcd = self->cut_etcd,
        .life = world_new_id(world),
        .moving_vm = NOBODY,
    };
    leader_fsm_init(&self->fsm, TTL);
    feed(world, ctl, LEV_START, 0, 0);
    world_post(world, world_between(world, 0, TICK_MS), tick, IN_CTL, ctl);
    world_post(world, world_between(world, 0, 200), relist, IN_CTL, ctl);
}
