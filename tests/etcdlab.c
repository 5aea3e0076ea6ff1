/* etcdlab.c - see etcdlab.h. */
#include "config.h"

#include "tests/etcdlab.h"

#include "tests/suite.h"

#include "base/clock.h"

/* ---- the loop -------------------------------------------------------------------------------- */

static gboolean wake(gpointer user)
{
    (void)user;
    return G_SOURCE_CONTINUE;
}

/* Runs the loop until the condition holds; false if patience ended first. */
bool etcdlab_run_until(bool (*condition)(const void *user), const void *user, int64_t patience_ms)
{
    const int64_t end_ms = clock_now_ms() + patience_ms;
    const guint source = g_timeout_add(10, wake, NULL);
    bool held;

    while (!(held = condition(user)) && clock_now_ms() < end_ms)
        g_main_context_iteration(NULL, TRUE);
    g_source_remove(source);
    return held;
}

static bool never(const void *user)
{
    (void)user;
    return false;
}

void etcdlab_run_for(int64_t ms)
{
    etcdlab_run_until(never, NULL, ms);
}

bool etcdlab_is_set(const void *user)
{
    return *(const bool *)user;
}

void etcdlab_control(const char *verb)
{
    char *argv[] = { (char[]){ "/bin/sh" }, g_strdup(g_getenv("VRM_WITH_ETCD")), g_strdup(verb),
                     NULL };
    int status = -1;

    ck_assert(g_spawn_sync(NULL, argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                           &status, NULL));
    ck_assert_msg(status == 0, "with-etcd.sh %s failed", verb);
    g_free(argv[1]);
    g_free(argv[2]);
}

/* ---- single calls ---------------------------------------------------------------------------- */

void etcdlab_on_done(const struct etcd_answer *answer, const GError *error, void *user)
{
    struct etcdlab_outcome *outcome = user;

    outcome->done = true;
    if (error) {
        outcome->error = g_error_copy(error);
        return;
    }
    outcome->succeeded = answer->succeeded;
    outcome->revision = answer->revision;
    outcome->lease = answer->lease;
    outcome->n_kvs = answer->kvs.len;
    if (answer->kvs.len > 0)
        outcome->value = g_strdup(answer->kvs.items[0].value);
}

void etcdlab_outcome_clear(struct etcdlab_outcome *outcome)
{
    g_free(outcome->value);
    g_clear_error(&outcome->error);
    *outcome = (struct etcdlab_outcome){ 0 };
}

struct etcdlab_client etcdlab_open(void)
{
    const char *const endpoints[] = { g_getenv("VRM_ETCD_URL"), NULL };
    struct etcdlab_client client = { .http = http_client_new(NULL) };

    client.etcd = etcd_new(client.http, endpoints, 1000);
    return client;
}

void etcdlab_close(struct etcdlab_client *client)
{
    etcd_free(client->etcd);
    http_client_free(client->http);
}

struct etcdlab_outcome etcdlab_commit(struct etcdlab_client *client, EtcdTxn *take_txn)
{
    struct etcdlab_outcome outcome = { 0 };

    etcd_commit(client->etcd, take_txn, etcdlab_on_done, &outcome);
    etcd_txn_free(take_txn);
    ck_assert(etcdlab_run_until(etcdlab_is_set, &outcome.done, PATIENCE_MS));
    suite_no_error(outcome.error);
    return outcome;
}

struct etcdlab_outcome etcdlab_read(struct etcdlab_client *client, const char *key)
{
    struct etcdlab_outcome outcome = { 0 };

    etcd_read(client->etcd, key, etcdlab_on_done, &outcome);
    ck_assert(etcdlab_run_until(etcdlab_is_set, &outcome.done, PATIENCE_MS));
    suite_no_error(outcome.error);
    return outcome;
}

void etcdlab_put(struct etcdlab_client *client, const char *key, const char *value)
{
    EtcdTxn *txn = etcd_txn_new();
    struct etcdlab_outcome outcome;

    etcd_txn_put(txn, key, value, 0);
    outcome = etcdlab_commit(client, txn);
    ck_assert(outcome.succeeded);
    etcdlab_outcome_clear(&outcome);
}
