/* it_deputy.c - hosts that stand in for a vrmd that is gone, beside a real etcd
 * (tests/with-etcd.sh): who decides, what is started where, and how it ends. */
#include "config.h"

#include "tests/suite.h"

#include <inttypes.h>
#include <string.h>

#include "agent/deputy.h"
#include "agentproto/ha_plan.h"
#include "base/clock.h"
#include "base/err.h"
#include "ha/etcd/right_etcd.h"
#include "tests/etcdlab.h"

#define N_HOSTS       4
#define FIRST         101 /* host id */
#define VM            7
#define UUID          "12345678-1234-1234-1234-123456789abc"
#define LEASE_MS      5000 /* long enough for a machine that is slow */
#define RENEW_MS      300
#define LEADERLESS_MS 500
#define LONG_MS       INT64_C(30000)

struct world;

/* A host: its deputy, its vrm-hald's lease, and what its agent was told to start. */
struct host {
    struct world *world;
    int64_t id;
    Deputy *deputy;
    bool alive; /* its lease is renewed */
    unsigned n_starts;
    enum follow_state outcome; /* of each start */
    char *right;
    int64_t epoch, gen;
};

struct world {
    struct etcdlab_client client;
    const char *prefix;
    struct host hosts[N_HOSTS];
    guint timer;
    int64_t seq;
};

/* ---- hosts ----------------------------------------------------------------------------------- */

static struct ha_inc life_of(int64_t host)
{
    return (struct ha_inc){ (uint64_t)host, 1 };
}

static void put_record(struct world *world, const struct ha_key *key,
                       const struct ha_record *record)
{
    g_autofree char *name = right_key_format(world->prefix, key);
    g_autofree char *value = right_value_format(key->kind, record);

    etcdlab_put(&world->client, name, value);
}

static void on_ignored(const struct etcd_answer *answer, const GError *error, void *user)
{
    (void)answer;
    (void)error;
    (void)user;
}

static gboolean renew(gpointer user)
{
    struct world *world = user;

    for (int i = 0; i < N_HOSTS; i++) {
        const struct host *host = &world->hosts[i];
        const struct ha_key key = { HA_KEY_LEASE, HA_ETCD, host->id, { 0 } };
        const struct ha_record record = { .lease = { life_of(host->id), ++world->seq, LEASE_MS } };
        g_autofree char *name = right_key_format(world->prefix, &key);
        g_autofree char *value = right_value_format(HA_KEY_LEASE, &record);
        g_autoptr(EtcdTxn) txn = etcd_txn_new();

        if (!host->alive)
            continue;
        etcd_txn_put(txn, name, value, 0);
        etcd_commit(world->client.etcd, txn, on_ignored, NULL);
    }
    return G_SOURCE_CONTINUE;
}

static void on_claimed(const struct etcd_answer *answer, const GError *error, void *user)
{
    (void)user;
    suite_no_error(error);
    ck_assert_msg(answer->succeeded, "the right had changed: the token is wrong, or two hosts got "
                                     "it");
}

/* As vrm-hald does it: by the token alone. */
static void claim(struct host *host)
{
    const struct ha_owner self = { host->id, HA_ETCD, life_of(host->id) };
    struct ha_vm_seen seen;
    struct ha_txn txn;
    g_autoptr(EtcdTxn) etcd = NULL;
    GError *error = NULL;

    ck_assert(right_token_parse(host->right, VM, &seen, &error));
    suite_no_error(error);
    right_claim(&self, &seen, &txn);
    etcd = right_etcd_txn(host->world->prefix, &txn);
    etcd_commit(host->world->client.etcd, etcd, on_claimed, NULL);
}

static void start(struct agent_command *command, void *user)
{
    struct host *host = user;

    ck_assert_str_eq(command->vm_uuid, UUID);
    ck_assert_int_eq(command->vm->id, VM);
    ck_assert_uint_le(strlen(command->id), AGENT_COMMAND_ID_MAX);
    host->n_starts++;
    host->epoch = command->epoch;
    host->gen = command->gen;
    g_free(host->right);
    host->right = g_strdup(command->right);
    if (host->outcome == FOLLOW_DONE)
        claim(host);
    agent_command_clear(command);
}

static enum follow_state state(const char *id, void *user)
{
    const struct host *host = user;

    (void)id;
    return host->outcome;
}

static bool is_absent(const char *uuid, void *user)
{
    (void)uuid;
    (void)user;
    return true;
}

static int64_t newest_gen(const char *uuid, void *user)
{
    (void)uuid;
    (void)user;
    return 3;
}

static void add_deputy(struct host *host)
{
    const char *const endpoints[] = { g_getenv("VRM_ETCD_URL"), NULL };
    const struct deputy_options options = {
        .http = host->world->client.http,
        .endpoints = endpoints,
        .prefix = host->world->prefix,
        .host = host->id,
        .lease_ms = LEASE_MS,
        .leaderless_ms = LEADERLESS_MS,
        .hands = { start, state, is_absent, newest_gen, host },
    };

    host->deputy = deputy_new(&options);
}

/* ---- what the controller left behind --------------------------------------------------------- */

static void put_plan(struct world *world, enum ha_plan_kind kind, int64_t id, char *take_text)
{
    g_autofree char *text = take_text;
    g_autofree char *key = ha_plan_key(world->prefix, kind, id);

    etcdlab_put(&world->client, key, text);
}

static void plan_vm(struct world *world)
{
    g_autoptr(Vm) vm = vm_new();
    const struct ha_plan_vm plan = { .gen = 5, .vm = vm };
    g_autofree char *text = NULL;

    vm->id = VM;
    g_free(vm->uuid);
    vm->uuid = g_strdup(UUID);
    g_free(vm->name);
    vm->name = g_strdup("web");
    vm->cpu.quantity = 1;
    vm->memory.size_mb = 64;
    text = ha_plan_vm_format(&plan);
    put_plan(world, HA_PLAN_VM, VM, g_steal_pointer(&text));
}

/* The VM was on the last host; should that die, it goes to the third, or else to the second. */
static void publish(struct world *world)
{
    const int64_t home = FIRST + N_HOSTS - 1;
    struct ha_plan_row row = { .vm = VM,
                               .authority = HA_ETCD,
                               .targets = { FIRST + 2, FIRST + 1 },
                               .digest = (char[]){ "0123456789abcdef" } };
    const struct ha_plan_host host = { &row, 1 };
    struct ha_plan_deputy names[] = { { FIRST }, { FIRST + 1 } };
    const struct ha_plan_deputies deputies = { 1, names, 2 };
    const struct ha_key key = { .kind = HA_KEY_VM, .id = VM };
    const struct ha_record right = {
        .vm = { .gen = 1,
                .n_owners = 1,
                .owners = { { home, HA_ETCD, life_of(home) } },
                .claimed = true },
    };

    plan_vm(world);
    put_plan(world, HA_PLAN_HOST, home, ha_plan_host_format(&host));
    put_plan(world, HA_PLAN_DEPUTIES, 0, ha_plan_deputies_format(&deputies));
    put_record(world, &key, &right);
}

static void open_world(struct world *world, const char *prefix)
{
    *world = (struct world){ .prefix = prefix, .client = etcdlab_open() };
    for (int i = 0; i < N_HOSTS; i++)
        world->hosts[i] =
            (struct host){ .world = world, .id = FIRST + i, .alive = true, .outcome = FOLLOW_DONE };
    publish(world);
    renew(world);
    world->timer = g_timeout_add(RENEW_MS, renew, world);
    for (int i = 0; i < N_HOSTS; i++)
        add_deputy(&world->hosts[i]);
}

static void close_world(struct world *world)
{
    g_source_remove(world->timer);
    for (int i = 0; i < N_HOSTS; i++) {
        deputy_free(world->hosts[i].deputy);
        g_free(world->hosts[i].right);
    }
    etcdlab_close(&world->client);
}

static void put_leader(struct world *world)
{
    g_autofree char *key = g_strconcat(world->prefix, "/leader", NULL);

    etcdlab_put(&world->client, key, "{}");
}

/* ---- what came of it ------------------------------------------------------------------------- */

static unsigned n_leading(const struct world *world)
{
    unsigned n = 0;

    for (int i = 0; i < N_HOSTS; i++)
        n += world->hosts[i].deputy && deputy_leads(world->hosts[i].deputy);
    return n;
}

static bool somebody_leads(const void *world)
{
    return n_leading(world) > 0;
}

static bool nobody_leads(const void *world)
{
    return n_leading(world) == 0;
}

static unsigned n_starts(const struct world *world)
{
    unsigned n = 0;

    for (int i = 0; i < N_HOSTS; i++)
        n += world->hosts[i].n_starts;
    return n;
}

static bool is_started(const void *world)
{
    return n_starts(world) > 0;
}

static void die(struct world *world)
{
    struct host *home = &world->hosts[N_HOSTS - 1];

    home->alive = false;
    g_clear_pointer(&home->deputy, deputy_free);
}

START_TEST(one_deputy_takes_the_mandate_and_only_when_nobody_leads)
{
    struct world world;

    open_world(&world, "/one");
    ck_assert(etcdlab_run_until(somebody_leads, &world, PATIENCE_MS));
    etcdlab_run_for(2000);
    ck_assert_uint_eq(n_leading(&world), 1);
    ck_assert(deputy_leads(world.hosts[0].deputy) || deputy_leads(world.hosts[1].deputy));
    ck_assert_uint_eq(n_starts(&world), 0);
    put_leader(&world);
    ck_assert(etcdlab_run_until(nobody_leads, &world, PATIENCE_MS));
    etcdlab_run_for(2000);
    ck_assert_uint_eq(n_leading(&world), 0);
    close_world(&world);
}
END_TEST

START_TEST(a_dead_host_s_vm_is_started_once_where_the_plan_says)
{
    struct world world;
    const struct host *target = &world.hosts[2];

    open_world(&world, "/dead");
    die(&world);
    ck_assert(etcdlab_run_until(is_started, &world, LONG_MS));
    etcdlab_run_for(4000);
    ck_assert_uint_eq(target->n_starts, 1);
    ck_assert_uint_eq(n_starts(&world), 1);
    ck_assert_int_eq(target->gen, 6);
    ck_assert_int_gt(target->epoch, 1);
    close_world(&world);
}
END_TEST

START_TEST(another_deputy_goes_on_where_the_first_one_died)
{
    struct world world;
    int first;

    open_world(&world, "/next");
    ck_assert(etcdlab_run_until(somebody_leads, &world, PATIENCE_MS));
    first = deputy_leads(world.hosts[0].deputy) ? 0 : 1;
    die(&world);
    g_clear_pointer(&world.hosts[first].deputy, deputy_free);
    ck_assert(etcdlab_run_until(is_started, &world, LONG_MS));
    etcdlab_run_for(2000);
    ck_assert_uint_eq(world.hosts[2].n_starts, 1);
    ck_assert_uint_eq(n_starts(&world), 1);
    close_world(&world);
}
END_TEST

START_TEST(while_a_vrmd_leads_nothing_is_done_for_the_dead)
{
    struct world world;

    open_world(&world, "/led");
    put_leader(&world);
    die(&world);
    etcdlab_run_for(LEASE_MS + 3000);
    ck_assert_uint_eq(n_leading(&world), 0);
    ck_assert_uint_eq(n_starts(&world), 0);
    close_world(&world);
}
END_TEST

START_TEST(a_leader_that_comes_back_voids_what_the_stand_in_began)
{
    const struct ha_key key = { .kind = HA_KEY_VM, .id = VM };
    g_autofree char *name = right_key_format("/void", &key);
    struct world world;
    struct etcdlab_outcome outcome;

    open_world(&world, "/void");
    ck_assert(etcdlab_run_until(somebody_leads, &world, PATIENCE_MS));
    die(&world);
    etcdlab_run_for(LEASE_MS / 2);
    put_leader(&world);
    etcdlab_run_for(LEASE_MS + 2000);
    outcome = etcdlab_read(&world.client, name);
    ck_assert(strstr(outcome.value, "\"host\":104") != NULL);
    etcdlab_outcome_clear(&outcome);
    ck_assert_uint_eq(n_starts(&world), 0);
    close_world(&world);
}
END_TEST

static bool is_tried_again(const void *user)
{
    const struct world *world = user;

    return world->hosts[2].n_starts > 1;
}

START_TEST(a_start_that_failed_is_tried_again_as_another_command)
{
    struct world world;

    open_world(&world, "/again");
    world.hosts[2].outcome = FOLLOW_FAILED;
    die(&world);
    ck_assert(etcdlab_run_until(is_tried_again, &world, LONG_MS));
    close_world(&world);
}
END_TEST

SUITE_MAIN("deputy", SUITE_TEST(one_deputy_takes_the_mandate_and_only_when_nobody_leads),
           SUITE_TEST(a_dead_host_s_vm_is_started_once_where_the_plan_says),
           SUITE_TEST(another_deputy_goes_on_where_the_first_one_died),
           SUITE_TEST(while_a_vrmd_leads_nothing_is_done_for_the_dead),
           SUITE_TEST(a_leader_that_comes_back_voids_what_the_stand_in_began),
           SUITE_TEST(a_start_that_failed_is_tried_again_as_another_command))
