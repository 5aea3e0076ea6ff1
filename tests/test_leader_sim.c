/* test_leader_sim.c - three machines of ha/leader_fsm against a model of etcd and of the database.
 *
 * Virtual time, one seed = one run: requests and answers are late, lost or arrive after their
 * sender gave up; processes pause, crash, resign and come back; etcd deletes a live lease (it was
 * measured to do so).  After each event the promises of check_promises() hold; once the faults end
 * somebody leads soon.  Mutants of the shell show that the promises would catch a mistake.
 *
 * SIM_SEEDS=n runs more seeds, SIM_SEED=n only that one. */
#include "config.h"

#include "tests/suite.h"

#include "base/rng.h"
#include "base/vec.h"
#include "ha/leader_fsm.h"

#define N_NODES   3
#define TTL       3000
#define FAULTY_MS 40000
#define END_MS    60000

enum mutant {
    SOUND,
    COUNT_FROM_ANSWER, /* validity from the answer's arrival instead of the sending */
    COUNT_FROM_READ,   /* a read that finds the key prolongs */
    TRUST_CLAIM,       /* validity from the claim although the lease is older */
    IGNORE_DATABASE,   /* act without asking the database */
    UNKNOWN_IS_FINE,   /* a lost answer to a renewal counts as a good one */
};

enum kind {
    TO_ETCD,
    ANSWER,
    GIVE_UP, /* the client's time-out */
    TICK,
    WATCH,
    TO_DB,
    DB_ANSWER,
    WRITE_ETCD, /* an effect of the leader, guarded by its epoch */
    WRITE_DB,
    LAPSE, /* etcd looks whether a lease is over */
    RESTART,
    RESIGN,
};
enum op {
    OP_GRANT,
    OP_KEEP_ALIVE,
    OP_PUT,
    OP_CLAIM,
    OP_READ,
    OP_REVOKE,
};

struct message {
    int64_t at_ms;
    uint64_t order, request, call;
    enum kind kind;
    enum op op;
    enum leader_event event;
    unsigned node, life;
    int64_t lease, value;
};
VEC_DECLARE(messages, struct message);

struct lease {
    int64_t expires_ms;
    bool alive, deleted_early;
};
VEC_DECLARE(leases, struct lease);
VEC_DECLARE(epochs, int64_t);

struct node {
    struct leader_fsm fsm;
    unsigned life;
    int64_t lease, paused_until_ms;
    uint64_t call;    /* the HTTP call that is out */
    int64_t proof_ms; /* when etcd last executed something that proved lease or key */
    bool db_took;
};

struct world {
    struct rng rng;
    enum mutant mutant;
    int64_t now_ms;
    uint64_t n_messages, n_calls;
    struct messages queue;
    struct leases leases; /* id = index + 1 */
    struct node nodes[N_NODES];
    int64_t revision, key_epoch, key_lease; /* key_epoch 0: absent */
    int64_t db_epoch, etcd_written, db_written;
    struct epochs elections;
    uint32_t loss_pm, slow_pm, chaos_pm; /* per mille */
    bool early_deletions;
    const char *broken; /* the promise that did not hold */
};

static bool chance(struct world *world, uint32_t per_mille)
{
    return world->now_ms < FAULTY_MS && rng_below(&world->rng, 1000) < per_mille;
}

static int64_t delay_ms(struct world *world)
{
    return 1 + rng_below(&world->rng, chance(world, world->slow_pm) ? 4000 : 15);
}

static void post(struct world *world, int64_t at_ms, struct message message)
{
    message.at_ms = at_ms;
    message.order = world->n_messages++;
    if (message.life == 0) /* an answer keeps that of its question */
        message.life = world->nodes[message.node].life;
    messages_push(&world->queue, message);
}

static void post_late(struct world *world, struct message message)
{
    if (!chance(world, world->loss_pm))
        post(world, world->now_ms + delay_ms(world), message);
}

static bool is_valid(const struct world *world, const struct node *node)
{
    return world->now_ms < leader_fsm_valid_until(&node->fsm);
}

/* ---- etcd ------------------------------------------------------------------------------------ */

static struct lease *lease_of(struct world *world, int64_t id)
{
    return id > 0 ? &world->leases.items[id - 1] : NULL;
}

static void tell_watchers(struct world *world)
{
    for (unsigned i = 0; i < N_NODES; i++)
        post_late(world, (struct message){ .kind = WATCH,
                                           .node = i,
                                           .value = world->key_epoch,
                                           .lease = world->key_lease });
}

static void end_lease(struct world *world, int64_t id)
{
    lease_of(world, id)->alive = false;
    if (world->key_lease != id)
        return;
    world->revision++;
    world->key_epoch = world->key_lease = 0;
    tell_watchers(world);
}

static void extend_lease(struct world *world, int64_t id, unsigned node)
{
    lease_of(world, id)->expires_ms = world->now_ms + TTL;
    world->nodes[node].proof_ms = world->now_ms;
    post(world, world->now_ms + TTL, (struct message){ .kind = LAPSE, .node = node, .lease = id });
}

static enum leader_event etcd_claim(struct world *world, const struct message *message,
                                    int64_t *ret_value)
{
    if (!lease_of(world, message->lease)->alive)
        return LEV_LEASE_GONE;
    if (world->key_epoch != 0)
        return LEV_REFUSED;
    world->key_epoch = ++world->revision;
    world->key_lease = message->lease;
    tell_watchers(world);
    *ret_value = world->key_epoch;
    return LEV_CLAIMED;
}

static enum leader_event etcd_read(const struct world *world, const struct message *message,
                                   int64_t *ret_value)
{
    *ret_value = world->key_epoch;
    if (world->key_epoch == 0)
        return LEV_READ_ABSENT;
    return world->key_lease == message->lease ? LEV_READ_OURS : LEV_READ_OTHER;
}

static enum leader_event etcd_execute(struct world *world, const struct message *message,
                                      int64_t *ret_value)
{
    switch (message->op) {
    case OP_GRANT:
        leases_push(&world->leases, (struct lease){ .alive = true });
        extend_lease(world, (int64_t)world->leases.len, message->node);
        *ret_value = (int64_t)world->leases.len;
        return LEV_GRANTED;
    case OP_KEEP_ALIVE:
        if (!lease_of(world, message->lease)->alive)
            return LEV_LEASE_GONE;
        extend_lease(world, message->lease, message->node);
        return LEV_RENEWED;
    case OP_PUT:
        if (!lease_of(world, message->lease)->alive)
            return LEV_LEASE_GONE;
        if (world->key_epoch != message->value)
            return LEV_REFUSED;
        world->revision++;
        return LEV_RENEWED;
    case OP_CLAIM:
        return etcd_claim(world, message, ret_value);
    case OP_READ:
        return etcd_read(world, message, ret_value);
    case OP_REVOKE:
        if (lease_of(world, message->lease)->alive)
            end_lease(world, message->lease);
        return LEV_REVOKED;
    }
    g_assert_not_reached();
}

/* ---- the shell of one machine, as controller/leader.c does it -------------------------------- */

static void send_op(struct world *world, unsigned i, enum op op)
{
    struct node *node = &world->nodes[i];
    const struct message message = {
        .kind = TO_ETCD,
        .op = op,
        .node = i,
        .request = node->fsm.request,
        .call = ++world->n_calls,
        .lease = node->lease,
        .value = node->fsm.epoch,
    };
    struct message give_up = message;

    node->call = message.call;
    post_late(world, message);
    give_up.kind = GIVE_UP;
    give_up.event = LEV_UNKNOWN;
    post(world, world->now_ms + leader_fsm_request_ms(&node->fsm), give_up);
}

/* Revoked without waiting for the answer. */
static void revoke_unattended(struct world *world, unsigned i)
{
    struct node *node = &world->nodes[i];

    node->call = 0;
    if (node->lease != 0)
        post_late(world, (struct message){
                             .kind = TO_ETCD, .op = OP_REVOKE, .node = i, .lease = node->lease });
}

static void drop_lease(struct world *world, unsigned i)
{
    revoke_unattended(world, i);
    world->nodes[i].lease = 0;
}

static void take_epoch(struct world *world, unsigned i)
{
    const int64_t epoch = world->nodes[i].fsm.epoch;
    struct message message = { .kind = TO_DB, .node = i, .value = epoch };

    for (size_t k = 0; k < world->elections.len; k++) {
        if (world->elections.items[k] == epoch)
            world->broken = "no epoch is won twice";
    }
    epochs_push(&world->elections, epoch);
    if (world->mutant == IGNORE_DATABASE) {
        message.kind = DB_ANSWER;
        message.event = LEV_DB_OK;
    }
    post(world, world->now_ms + delay_ms(world), message);
}

static void perform(struct world *world, unsigned i, enum leader_action action)
{
    switch (action) {
    case LA_GRANT:
        drop_lease(world, i);
        send_op(world, i, OP_GRANT);
        break;
    case LA_CLAIM:
        send_op(world, i, OP_CLAIM);
        break;
    case LA_RENEW:
        send_op(world, i, OP_KEEP_ALIVE);
        break;
    case LA_READ:
        send_op(world, i, OP_READ);
        break;
    case LA_REVOKE:
        send_op(world, i, OP_REVOKE);
        break;
    case LA_STAND_BY:
        drop_lease(world, i);
        break;
    case LA_TAKE_EPOCH:
        take_epoch(world, i);
        break;
    case LA_LOSE:
        revoke_unattended(world, i);
        post(world, world->now_ms + 1, (struct message){ .kind = RESIGN, .node = i });
        break;
    case LA_DONE:
        post(world, world->now_ms + 50, (struct message){ .kind = RESTART, .node = i });
        break;
    case LA_NOTHING:
    case LA_WATCH:
    case LA_ACT:
    case LEADER_N_ACTIONS:
        break;
    }
}

static void mutate(struct world *world, struct node *node, enum leader_event event)
{
    if ((world->mutant == COUNT_FROM_ANSWER && event == LEV_RENEWED) ||
        (world->mutant == COUNT_FROM_READ && event == LEV_READ_OURS) ||
        (world->mutant == TRUST_CLAIM && event == LEV_CLAIMED))
        node->fsm.confirmed_ms = world->now_ms;
}

static void feed_input(struct world *world, unsigned i, struct leader_input input)
{
    struct node *node = &world->nodes[i];
    const struct leader_rule *rule;

    if (world->mutant == UNKNOWN_IS_FINE && input.event == LEV_UNKNOWN &&
        leader_fsm_elected(&node->fsm))
        input.event = LEV_RENEWED;
    rule = leader_fsm_step(&node->fsm, &input);
    mutate(world, node, input.event);
    perform(world, i, rule->act);
}

static void feed(struct world *world, unsigned i, enum leader_event event, int64_t value)
{
    feed_input(world, i, (struct leader_input){ event, world->now_ms, 0, value });
}

static void feed_answer(struct world *world, const struct message *message, int64_t value)
{
    feed_input(world, message->node,
               (struct leader_input){ message->event, world->now_ms, message->request, value });
}

static void on_answer(struct world *world, const struct message *message)
{
    struct node *node = &world->nodes[message->node];
    int64_t value = message->value;

    if (message->request == 0)
        return; /* nobody waits for it */
    if (message->call != node->call) {
        feed_answer(world, message, value); /* cancelled: the machine itself must not be misled */
        return;
    }
    node->call = 0;
    if (message->event == LEV_GRANTED) {
        node->lease = value;
        value = TTL;
    }
    if (message->event == LEV_RENEWED && message->op == OP_KEEP_ALIVE)
        send_op(world, message->node, OP_PUT);
    else
        feed_answer(world, message, value);
}

static void restart(struct world *world, unsigned i)
{
    struct node *node = &world->nodes[i];

    *node = (struct node){ .life = node->life + 1 };
    leader_fsm_init(&node->fsm, TTL);
    feed(world, i, LEV_START, 0);
    post(world, world->now_ms + 1 + rng_below(&world->rng, 200),
         (struct message){ .kind = TICK, .node = i });
    post_late(world,
              (struct message){
                  .kind = WATCH, .node = i, .value = world->key_epoch, .lease = world->key_lease });
}

/* Things that befall a process, and its effects on the world. */
static void on_tick(struct world *world, unsigned i)
{
    struct node *node = &world->nodes[i];
    const struct message act = { .node = i, .value = node->fsm.epoch };
    struct message message = act;

    post(world, world->now_ms + 200, (struct message){ .kind = TICK, .node = i });
    if (is_valid(world, node)) {
        message.kind = WRITE_ETCD;
        post_late(world, message);
        message.kind = WRITE_DB;
        post_late(world, message);
    }
    feed(world, i, LEV_TICK, 0);
    if (rng_below(&world->rng, 25) == 0) { /* list again */
        post_late(world, (struct message){ .kind = WATCH,
                                           .node = i,
                                           .value = world->key_epoch,
                                           .lease = world->key_lease });
    }
    if (chance(world, world->chaos_pm))
        node->paused_until_ms = world->now_ms + rng_below(&world->rng, 9000);
    if (chance(world, world->chaos_pm))
        post(world, world->now_ms, (struct message){ .kind = RESTART, .node = i });
    if (chance(world, world->chaos_pm))
        post(world, world->now_ms, (struct message){ .kind = RESIGN, .node = i });
    if (world->early_deletions && world->key_lease != 0 && chance(world, world->chaos_pm)) {
        lease_of(world, world->key_lease)->deleted_early = true;
        end_lease(world, world->key_lease);
    }
}

/* ---- the world --------------------------------------------------------------------------------
 */

static void on_etcd(struct world *world, const struct message *message)
{
    struct message answer = *message;

    answer.value = 0;
    answer.kind = ANSWER;
    answer.event = etcd_execute(world, message, &answer.value);
    post_late(world, answer);
}

static void on_db(struct world *world, const struct message *message)
{
    struct message answer = *message;

    answer.kind = DB_ANSWER;
    answer.event = message->value >= world->db_epoch ? LEV_DB_OK : LEV_DB_NO;
    world->db_epoch = MAX(world->db_epoch, message->value);
    if (answer.event == LEV_DB_OK && world->nodes[message->node].life == message->life)
        world->nodes[message->node].db_took = true;
    post(world, world->now_ms + delay_ms(world), answer);
}

static void on_write(struct world *world, const struct message *message)
{
    if (message->kind == WRITE_ETCD && message->value == world->key_epoch) {
        if (message->value < world->etcd_written)
            world->broken = "no effect of an old epoch in etcd";
        world->etcd_written = message->value;
    }
    if (message->kind == WRITE_DB && message->value == world->db_epoch) {
        if (message->value < world->db_written)
            world->broken = "no effect of an old epoch in the database";
        world->db_written = message->value;
    }
}

static void on_watch(struct world *world, const struct message *message)
{
    if (message->value == 0)
        feed(world, message->node, LEV_KEY_ABSENT, 0);
    else if (message->lease != world->nodes[message->node].lease)
        feed(world, message->node, LEV_KEY_OTHER, 0);
}

static void on_lapse(struct world *world, const struct message *message)
{
    const struct lease *lease = lease_of(world, message->lease);

    if (lease->alive && lease->expires_ms <= world->now_ms)
        end_lease(world, message->lease);
}

static bool is_for_process(enum kind kind)
{
    return kind == ANSWER || kind == GIVE_UP || kind == TICK || kind == WATCH ||
           kind == DB_ANSWER || kind == RESIGN || kind == RESTART;
}

static void deliver_to_process(struct world *world, const struct message *message)
{
    struct node *node = &world->nodes[message->node];

    switch (message->kind) {
    case ANSWER:
        on_answer(world, message);
        break;
    case GIVE_UP:
        if (message->call == node->call) {
            node->call = 0;
            feed_answer(world, message, 0);
        }
        break;
    case TICK:
        on_tick(world, message->node);
        break;
    case WATCH:
        on_watch(world, message);
        break;
    case DB_ANSWER:
        feed(world, message->node, message->event, message->value);
        break;
    case RESIGN:
        feed(world, message->node, LEV_STOP, 0);
        break;
    case RESTART:
        restart(world, message->node);
        break;
    case TO_ETCD:
    case TO_DB:
    case WRITE_ETCD:
    case WRITE_DB:
    case LAPSE:
        g_assert_not_reached();
    }
}

static void deliver(struct world *world, const struct message *message)
{
    const struct node *node = &world->nodes[message->node];

    if (is_for_process(message->kind)) {
        if (message->life != node->life)
            return;
        if (world->now_ms < node->paused_until_ms)
            post(world, node->paused_until_ms, *message);
        else
            deliver_to_process(world, message);
    } else if (message->kind == TO_ETCD) {
        on_etcd(world, message);
    } else if (message->kind == TO_DB) {
        on_db(world, message);
    } else if (message->kind == LAPSE) {
        on_lapse(world, message);
    } else {
        on_write(world, message);
    }
}

static void check_promises(struct world *world)
{
    unsigned n_valid = 0;
    bool early = false;

    for (unsigned i = 0; i < N_NODES; i++) {
        const struct node *node = &world->nodes[i];
        const struct lease *lease = lease_of(world, node->lease);

        if (!is_valid(world, node))
            continue;
        n_valid++;
        if (!node->db_took)
            world->broken = "nobody is valid before the database took the epoch";
        if (world->now_ms >= node->proof_ms + TTL * 7 / 10)
            world->broken = "validity ends 0.7 TTL after the last proof";
        if (lease && lease->deleted_early) /* then: only until that deadline, and guards refuse */
            early = true;
        else if (!lease || !lease->alive || world->key_epoch != node->fsm.epoch)
            world->broken = "a valid leader holds lease and key";
    }
    if (n_valid > 1 && !early)
        world->broken = "never two valid leaders while etcd keeps its leases";
}

static struct message take_next(struct world *world)
{
    struct messages *queue = &world->queue;
    size_t best = 0;
    struct message message;

    for (size_t i = 1; i < queue->len; i++) {
        const struct message *a = &queue->items[i];
        const struct message *b = &queue->items[best];

        if (a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order))
            best = i;
    }
    message = queue->items[best];
    queue->items[best] = queue->items[--queue->len];
    return message;
}

static void check_healed(struct world *world)
{
    unsigned n_valid = 0;

    for (unsigned i = 0; i < N_NODES; i++)
        n_valid += is_valid(world, &world->nodes[i]);
    if (n_valid != 1 && !world->broken)
        world->broken = "somebody leads soon after the faults ended";
}

/* NULL, or the promise that was broken. */
static const char *run(uint64_t seed, enum mutant mutant, size_t *ret_elections)
{
    struct world world = { .mutant = mutant, .revision = 1 };

    rng_seed(&world.rng, seed);
    world.loss_pm = rng_below(&world.rng, 3) * rng_below(&world.rng, 100);
    world.slow_pm = rng_below(&world.rng, 3) * rng_below(&world.rng, 150);
    world.chaos_pm = rng_below(&world.rng, 20);
    world.early_deletions = rng_below(&world.rng, 3) == 0;
    for (unsigned i = 0; i < N_NODES; i++)
        restart(&world, i);
    while (world.now_ms < END_MS && !world.broken) {
        const struct message message = take_next(&world);

        world.now_ms = message.at_ms;
        check_promises(&world); /* as time alone went by */
        deliver(&world, &message);
        check_promises(&world);
    }
    check_healed(&world);
    *ret_elections = world.elections.len;
    epochs_clear(&world.elections);
    messages_clear(&world.queue);
    leases_clear(&world.leases);
    return world.broken;
}

static uint64_t env_number(const char *name, uint64_t otherwise)
{
    const char *text = g_getenv(name);

    return text ? g_ascii_strtoull(text, NULL, 10) : otherwise;
}

START_TEST(no_seed_breaks_a_promise)
{
    const uint64_t only = env_number("SIM_SEED", 0);
    const uint64_t n_seeds = env_number("SIM_SEEDS", 1500);
    size_t n_elections = 0;

    for (uint64_t seed = 1; seed <= n_seeds; seed++) {
        size_t n = 0;
        const char *broken = only == 0 || only == seed ? run(seed, SOUND, &n) : NULL;

        ck_assert_msg(!broken, "seed %" G_GUINT64_FORMAT ": %s", seed, broken);
        n_elections += n;
    }
    if (only == 0)
        ck_assert_uint_gt(n_elections, n_seeds * 3); /* the runs are eventful */
}
END_TEST

static const enum mutant mutants[] = { COUNT_FROM_ANSWER, COUNT_FROM_READ, TRUST_CLAIM,
                                       IGNORE_DATABASE, UNKNOWN_IS_FINE };

START_TEST(each_mutant_is_caught)
{
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        size_t n;

        if (run(seed, mutants[_i], &n))
            return;
    }
    ck_abort_msg("mutant %u survived", (unsigned)mutants[_i]);
}
END_TEST

SUITE_MAIN("leader_sim", SUITE_TEST(no_seed_breaks_a_promise),
           SUITE_LOOP(each_mutant_is_caught, mutants))
