/* ctl_leader.c - who leads: ha/leader_fsm.h over the simulated etcd, for vrmds and for the
 * stand-ins of the hosts.  See world.h. */
#include "config.h"

#include "tests/sim/ctl_private.h"

#define TTL 3000

static const struct ha_key leader_key = { .kind = HA_KEY_LEADER };
static const struct ha_key recovery_key = { .kind = HA_KEY_RECOVERY };

enum op {
    OP_GRANT,
    OP_KEEP_ALIVE,
    OP_PUT,
    OP_CLAIM,
    OP_READ,
    OP_REVOKE,
};

/* ---- requests to etcd ------------------------------------------------------------ */

int ctl_stand_in(const struct world *world, int host)
{
    return host < world->n_stand_ins ? world->n_ctls + host : NOBODY;
}

bool ctl_is_stand_in(const struct controller *self)
{
    return self->host != NOBODY;
}

bool ctl_is_cut(const struct world *world, int ctl)
{
    const struct controller *self = &world->ctls[ctl];

    return ctl_is_stand_in(self) ? world->hosts[self->host].cut_etcd : self->cut_etcd;
}

const struct ha_key *ctl_key_of(const struct controller *self)
{
    return ctl_is_stand_in(self) ? &recovery_key : &leader_key;
}

/* A stand-in's mandate ends with the first leader. */
static bool is_barred(const struct world *world, const struct controller *self)
{
    return ctl_is_stand_in(self) && etcd_find(world, &leader_key) != NULL;
}

/* As controller/leader.c has it. */
static void take_lead(struct ha_txn *ret_txn)
{
    *ret_txn = (struct ha_txn){
        .n_compares = 1,
        .compares = { { HA_CREATED_IS, leader_key, 0 } },
        .n_puts = 1,
        .puts = { { .key = leader_key } },
    };
}

static enum leader_event claim(struct world *world, const struct controller *self, int64_t lease,
                               int64_t *ret_value)
{
    struct ha_txn txn;

    if (!etcd_lease_alive(world, lease))
        return LEV_LEASE_GONE;
    if (ctl_is_stand_in(self))
        right_take_recovery(&txn);
    else
        take_lead(&txn);
    if (!etcd_holds(world, &txn))
        return LEV_REFUSED;
    etcd_put(world, &txn.puts[0], lease);
    *ret_value = etcd_find(world, ctl_key_of(self))->created;
    return LEV_CLAIMED;
}

static enum leader_event read_key(const struct world *world, const struct controller *self,
                                  int64_t lease, int64_t *ret_value)
{
    const struct kv *kv = etcd_find(world, ctl_key_of(self));

    *ret_value = kv ? kv->created : 0;
    if (!kv)
        return LEV_READ_ABSENT;
    return kv->lease == lease && !is_barred(world, self) ? LEV_READ_OURS : LEV_READ_OTHER;
}

static enum leader_event renew(struct world *world, const struct controller *self, int64_t lease,
                               int64_t epoch)
{
    const struct kv *kv = etcd_find(world, ctl_key_of(self));

    if (!etcd_lease_alive(world, lease))
        return LEV_LEASE_GONE;
    if (!kv || kv->created != epoch || is_barred(world, self))
        return LEV_REFUSED;
    etcd_put(world, &(struct ha_put){ .key = *ctl_key_of(self) }, lease);
    return LEV_RENEWED;
}

static enum leader_event execute_op(struct world *world, const struct controller *self, enum op op,
                                    int64_t lease, int64_t *value)
{
    switch (op) {
    case OP_GRANT:
        *value = etcd_grant(world, TTL);
        return LEV_GRANTED;
    case OP_KEEP_ALIVE:
        return etcd_keep_alive(world, lease, TTL) ? LEV_RENEWED : LEV_LEASE_GONE;
    case OP_PUT:
        return renew(world, self, lease, *value);
    case OP_CLAIM:
        return claim(world, self, lease, value);
    case OP_READ:
        return read_key(world, self, lease, value);
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
        ctl_feed(world, event->node, answer, event->request, value);
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
        ctl_feed(world, event->node, answer, event->request, value);
}

static void op_execute(struct world *world, const struct event *event)
{
    struct event *answer;
    int64_t value = event->value;
    enum leader_event result;

    if (world->etcd.down || ctl_is_cut(world, event->vm))
        return;
    result =
        execute_op(world, &world->ctls[event->vm], (enum op)event->peer, event->authority, &value);
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

    if (ctl_is_cut(world, ctl) || world_chance(world, world->loss_pm))
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

/* ---- what the machine says ------------------------------------------------------- */

static void db_answer(struct world *world, const struct event *event)
{
    ctl_feed(world, event->node, event->flag ? LEV_DB_OK : LEV_DB_NO, 0, event->value);
}

static void take_epoch(struct world *world, int ctl)
{
    struct event *event = world_post(world, world_between(world, 1, 15), db_answer, IN_CTL, ctl);

    event->value = world->ctls[ctl].fsm.epoch;
    event->flag = ctl_is_stand_in(&world->ctls[ctl]) || event->value >= world->db_epoch;
    if (event->flag && !ctl_is_stand_in(&world->ctls[ctl]))
        world->db_epoch = event->value;
}

static void restart(struct world *world, const struct event *event)
{
    ctl_start(world, event->peer);
}

void ctl_die(struct world *world, int ctl)
{
    struct controller *self = &world->ctls[ctl];

    self->up = self->active = false;
    g_clear_pointer(&self->ha, ha_free);
    g_clear_pointer(&self->standin, standin_free);
    self->moving_vm = NOBODY;
    if (!ctl_is_stand_in(self))
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
        ctl_lead(world, ctl);
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

void ctl_feed(struct world *world, int ctl, enum leader_event event, uint64_t request,
              int64_t value)
{
    const struct leader_input input = { event, world->now, request, value };

    perform(world, ctl, leader_fsm_step(&world->ctls[ctl].fsm, &input)->act);
}

const Ha *ctl_ha(const struct controller *ctl)
{
    return ctl->standin ? standin_peek(ctl->standin) : ctl->ha;
}

bool ctl_may_act(const struct world *world, const struct controller *ctl)
{
    return ctl->up && ctl->active && ctl_ha(ctl) &&
           world->now < leader_fsm_valid_until(&ctl->fsm); /* nothing is issued after that */
}
