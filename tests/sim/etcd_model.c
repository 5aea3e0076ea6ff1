/* etcd_model.c - etcd as ha/ knows it: keys with revisions, guarded transactions executed one after
 * the other, leases for liveness, answers that are late or lost.  See world.h. */
#include "config.h"

#include "tests/sim/world.h"

/* ---- keys ------------------------------------------------------------------------------------ */

static struct kv *find(struct world *world, const struct ha_key *key)
{
    struct kvs *kvs = &world->etcd.kvs;

    for (size_t i = 0; i < kvs->len; i++)
        if (ha_key_equal(&kvs->items[i].key, key))
            return &kvs->items[i];
    return NULL;
}

const struct kv *etcd_find(const struct world *world, const struct ha_key *key)
{
    for (size_t i = 0; i < world->etcd.kvs.len; i++)
        if (ha_key_equal(&world->etcd.kvs.items[i].key, key))
            return &world->etcd.kvs.items[i];
    return NULL;
}

static void tell(struct world *world, const struct kv *kv, const struct ha_key *key)
{
    ctl_see_key(world, kv, key);
}

static void put_at(struct world *world, const struct ha_put *put, int64_t lease, int64_t revision)
{
    struct kv *kv = find(world, &put->key);

    if (!kv) {
        g_assert(world->etcd.kvs.items || world->etcd.kvs.len == world->etcd.kvs.cap);
        kvs_push(&world->etcd.kvs, (struct kv){ .key = put->key, .created = revision });
        kv = &world->etcd.kvs.items[world->etcd.kvs.len - 1];
    }
    kv->modified = revision;
    kv->lease = lease;
    kv->record = put->record;
    tell(world, kv, &kv->key);
}

void etcd_put(struct world *world, const struct ha_put *put, int64_t lease)
{
    put_at(world, put, lease, ++world->etcd.revision);
}

void etcd_delete(struct world *world, const struct ha_key *key)
{
    struct kv *kv = find(world, key);
    const struct ha_key gone = *key;

    if (!kv)
        return;
    world->etcd.revision++;
    *kv = world->etcd.kvs.items[--world->etcd.kvs.len];
    tell(world, NULL, &gone);
}

/* ---- leases ---------------------------------------------------------------------------------- */

bool etcd_lease_alive(const struct world *world, int64_t lease)
{
    return lease > 0 && world->etcd.leases.items[lease - 1].alive;
}

void etcd_revoke(struct world *world, int64_t lease)
{
    if (!etcd_lease_alive(world, lease))
        return;
    world->etcd.leases.items[lease - 1].alive = false;
    for (size_t i = world->etcd.kvs.len; i-- > 0;) {
        const struct ha_key key = world->etcd.kvs.items[i].key;

        if (world->etcd.kvs.items[i].lease == lease)
            etcd_delete(world, &key);
    }
}

static void lapse(struct world *world, const struct event *event)
{
    if (!etcd_lease_alive(world, event->value))
        return;
    if (world->etcd.down) /* leases are not counted down without a leader of etcd */
        world_post(world, 1000, lapse, IN_WORLD, 0)->value = event->value;
    else if (world->etcd.leases.items[event->value - 1].ends_ms <= world->now)
        etcd_revoke(world, event->value);
}

bool etcd_keep_alive(struct world *world, int64_t lease, int64_t ttl_ms)
{
    if (!etcd_lease_alive(world, lease))
        return false;
    world->etcd.leases.items[lease - 1].ends_ms = world->now + ttl_ms;
    world_post(world, ttl_ms, lapse, IN_WORLD, 0)->value = lease;
    return true;
}

int64_t etcd_grant(struct world *world, int64_t ttl_ms)
{
    sim_leases_push(&world->etcd.leases, (struct sim_lease){ .alive = true });
    etcd_keep_alive(world, (int64_t)world->etcd.leases.len, ttl_ms);
    return (int64_t)world->etcd.leases.len;
}

/* ---- transactions ---------------------------------------------------------------------------- */

static bool compare_holds(const struct world *world, const struct ha_compare *compare)
{
    const struct kv *kv = etcd_find(world, &compare->key);

    switch (compare->kind) {
    case HA_VERSION_IS:
        return (kv ? kv->modified : 0) == compare->revision;
    case HA_CREATED_IS:
        return (kv ? kv->created : 0) == compare->revision;
    case HA_EXISTS:
        return kv != NULL;
    }
    return false;
}

bool etcd_holds(const struct world *world, const struct ha_txn *txn)
{
    for (unsigned i = 0; i < txn->n_compares; i++)
        if (!compare_holds(world, &txn->compares[i]))
            return false;
    return true;
}

/* Does a tombstone of the one who renews stand?  The failure branch of a renewal reads it. */
static bool sender_is_fenced(const struct world *world, const struct call *call)
{
    struct ha_key key;

    if (call->txn.puts[0].key.kind != HA_KEY_LEASE)
        return false;
    key = call->txn.puts[0].key;
    key.kind = HA_KEY_FENCE;
    key.inc = call->txn.puts[0].record.lease.inc;
    return etcd_find(world, &key) != NULL;
}

void etcd_execute(struct world *world, struct call *call)
{
    const struct kv *kv;

    call->done = etcd_holds(world, &call->txn);
    if (call->done) {
        const int64_t revision = ++world->etcd.revision;

        oracle_commits(world, call);
        for (unsigned i = 0; i < call->txn.n_puts; i++)
            put_at(world, &call->txn.puts[i], 0, revision);
    }
    kv = etcd_find(world, &call->txn.puts[0].key);
    call->exists = kv != NULL;
    call->version = kv ? kv->modified : 0;
    if (kv)
        call->record = kv->record;
    call->fenced = sender_is_fenced(world, call);
}

/* ---- calls ----------------------------------------------------------------------------------- */

void call_unref(struct call *call)
{
    if (--call->n_refs > 0)
        return;
    g_free(call->reading);
    g_free(call);
}

struct call *etcd_call(struct world *world, enum place place, int node, const struct ha_txn *txn,
                       event_fn *on_answer)
{
    struct call *call = g_new0(struct call, 1);

    (void)world;
    call->txn = *txn;
    call->place = place;
    call->node = node;
    call->on_answer = on_answer;
    call->vm = NOBODY;
    call->n_refs = 1;
    return call;
}

static bool is_cut(const struct world *world, const struct call *call)
{
    return call->place == IN_CTL ? ctl_is_cut(world, call->node)
                                 : world->hosts[call->node].cut_etcd;
}

static struct event *post_call(struct world *world, int64_t delay_ms, event_fn *run,
                               enum place place, int node, struct call *call)
{
    struct event *event = world_post(world, delay_ms, run, place, node);

    event->call = call;
    call->n_refs++;
    return event;
}

/* `flag`: there is an answer.  The first of answer and time-out counts. */
static void arrive(struct world *world, const struct event *event)
{
    if (event->call->answered)
        return;
    event->call->answered = true;
    event->call->on_answer(world, event);
}

static void execute(struct world *world, const struct event *event)
{
    struct call *call = event->call;

    if (world->etcd.down || is_cut(world, call))
        return;
    etcd_execute(world, call);
    if (!world_chance(world, world->loss_pm)) {
        struct event *answer =
            post_call(world, world_way_ms(world), arrive, call->place, call->node, call);

        answer->flag = true;
        answer->life = call->life;
    }
}

void etcd_send(struct world *world, struct call *call, int64_t limit_ms)
{
    struct event *limit = post_call(world, limit_ms, arrive, call->place, call->node, call);

    call->life = limit->life;
    if (!is_cut(world, call) && !world_chance(world, world->loss_pm))
        post_call(world, world_way_ms(world), execute, IN_WORLD, 0, call);
    call_unref(call);
}
