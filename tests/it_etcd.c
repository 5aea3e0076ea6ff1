/* it_etcd.c - the etcd client against a real etcd (tests/with-etcd.sh). */
#include "config.h"

#include "tests/suite.h"

#include "etcd/etcd_watch.h"
#include "tests/etcdlab.h"

START_TEST(a_transaction_does_what_its_compares_say)
{
    struct etcdlab_client client = etcdlab_open();
    struct etcdlab_outcome outcome;
    EtcdTxn *txn;
    int64_t revision;

    etcdlab_put(&client, "/txn/a", "one");
    outcome = etcdlab_read(&client, "/txn/a");
    revision = outcome.revision;
    etcdlab_outcome_clear(&outcome);
    for (int wrong = 0; wrong <= 4; wrong++) { /* 0: every compare holds */
        txn = etcd_txn_new();
        etcd_txn_if_created(txn, "/txn/a", revision + (wrong == 1));
        etcd_txn_if_modified(txn, "/txn/a", revision + (wrong == 2));
        etcd_txn_if_version(txn, "/txn/a", 1 + (wrong == 3));
        etcd_txn_if_value(txn, "/txn/a", wrong == 4 ? "two" : "one");
        etcd_txn_if_created(txn, "/txn/absent", 0);
        etcd_txn_put(txn, "/txn/b", "made", 0);
        etcd_txn_else_range(txn, "/txn/a");
        outcome = etcdlab_commit(&client, txn);
        ck_assert(outcome.succeeded == (wrong == 0));
        if (wrong != 0)
            ck_assert_str_eq(outcome.value, "one");
        etcdlab_outcome_clear(&outcome);
    }
    outcome = etcdlab_read(&client, "/txn/");
    ck_assert_uint_eq(outcome.n_kvs, 2);
    etcdlab_outcome_clear(&outcome);
    etcdlab_close(&client);
}
END_TEST

START_TEST(a_dead_lease_is_a_certain_answer)
{
    struct etcdlab_client client = etcdlab_open();
    struct etcdlab_outcome outcome = { 0 };
    EtcdTxn *txn = etcd_txn_new();

    etcd_keep_alive(client.etcd, 4711, etcdlab_on_done, &outcome);
    ck_assert(etcdlab_run_until(etcdlab_is_set, &outcome.done, PATIENCE_MS));
    suite_no_error(outcome.error);
    etcdlab_outcome_clear(&outcome);
    etcd_revoke(client.etcd, 4711, etcdlab_on_done, &outcome);
    ck_assert(etcdlab_run_until(etcdlab_is_set, &outcome.done, PATIENCE_MS));
    suite_take_error(&outcome.error, VRM_ERR_NOT_FOUND, "lease not found");
    etcdlab_outcome_clear(&outcome);
    etcd_txn_put(txn, "/x", "y", 4711);
    etcd_commit(client.etcd, txn, etcdlab_on_done, &outcome);
    etcd_txn_free(txn);
    ck_assert(etcdlab_run_until(etcdlab_is_set, &outcome.done, PATIENCE_MS));
    suite_take_error(&outcome.error, VRM_ERR_NOT_FOUND, "lease not found");
    ck_assert(etcd_ok(client.etcd));
    etcdlab_close(&client);
}
END_TEST

static void on_http_done(const struct http_reply *reply, void *user)
{
    ck_assert_int_eq(reply->status, 200);
    *(bool *)user = true;
}

static void compact(struct etcdlab_client *client, int64_t revision)
{
    g_autofree char *url = g_strconcat(g_getenv("VRM_ETCD_URL"), "/v3/kv/compaction", NULL);
    g_autofree char *body = g_strdup_printf("{\"revision\":\"%" G_GINT64_FORMAT "\"}", revision);
    bool done = false;
    const struct http_request request = {
        .method = "POST", .url = url, .body = body, .on_done = on_http_done, .user = &done
    };

    http_client_send(client->http, &request);
    ck_assert(etcdlab_run_until(etcdlab_is_set, &done, PATIENCE_MS));
}

static bool go_on_unless_canceled(const struct etcd_answer *answer, void *user)
{
    (void)user;
    return !answer->canceled;
}

START_TEST(a_stream_from_a_compacted_revision_ends_with_an_error)
{
    struct etcdlab_client client = etcdlab_open();
    struct etcdlab_outcome outcome;
    struct etcd_stream stream = { .key = "/compact/a",
                                  .revision = 1,
                                  .on_change = go_on_unless_canceled,
                                  .done = etcdlab_on_done,
                                  .user = &outcome };

    etcdlab_put(&client, "/compact/a", "1");
    etcdlab_put(&client, "/compact/a", "2");
    outcome = etcdlab_read(&client, "/compact/a");
    compact(&client, outcome.revision);
    etcdlab_outcome_clear(&outcome);
    etcd_stream(client.etcd, &stream);
    ck_assert(etcdlab_run_until(etcdlab_is_set, &outcome.done, PATIENCE_MS));
    suite_take_error(&outcome.error, VRM_ERR_UNAVAILABLE, "compacted at");
    etcdlab_close(&client);
}
END_TEST

struct sight {
    unsigned n_lists, n_changes, n_troubles;
    size_t n_kvs; /* of the last list */
    char *last;
    bool deleted;
};

static void on_sight_list(const struct etcd_answer *answer, void *user)
{
    struct sight *sight = user;

    sight->n_lists++;
    sight->n_kvs = answer->kvs.len;
}

static void on_sight_change(const struct etcd_kv *kv, void *user)
{
    struct sight *sight = user;

    sight->n_changes++;
    g_free(sight->last);
    sight->last = g_strdup(kv->value);
    sight->deleted = kv->version == 0;
}

static void on_sight_trouble(const GError *error, void *user)
{
    struct sight *sight = user;

    (void)error;
    sight->n_troubles++;
}

static bool has_listed_twice(const void *user)
{
    return ((const struct sight *)user)->n_lists >= 2;
}

static bool has_listed(const void *user)
{
    return ((const struct sight *)user)->n_lists >= 1;
}

static bool saw_deletion(const void *user)
{
    return ((const struct sight *)user)->deleted;
}

static bool saw_three(const void *user)
{
    return ((const struct sight *)user)->n_kvs == 3;
}

static EtcdWatch *watch_new(struct etcdlab_client *client, const char *key, unsigned idle_ms,
                            unsigned relist_ms, struct sight *sight)
{
    const struct etcd_watch_options options = { .key = key,
                                                .idle_ms = idle_ms,
                                                .relist_ms = relist_ms,
                                                .on_list = on_sight_list,
                                                .on_change = on_sight_change,
                                                .on_trouble = on_sight_trouble,
                                                .user = sight };

    return etcd_watch_new(client->etcd, &options);
}

START_TEST(a_watch_lists_then_follows_and_lists_again)
{
    struct etcdlab_client client = etcdlab_open();
    struct sight sight = { 0 };
    EtcdTxn *txn = etcd_txn_new();
    EtcdWatch *watch;
    struct etcdlab_outcome outcome;

    etcdlab_put(&client, "/watch/a", "1");
    watch = watch_new(&client, "/watch/", 0, 1500, &sight);
    ck_assert(etcdlab_run_until(has_listed, &sight, PATIENCE_MS));
    ck_assert_uint_eq(sight.n_kvs, 1);
    etcdlab_put(&client, "/watch/b", "2");
    etcd_txn_delete(txn, "/watch/b");
    outcome = etcdlab_commit(&client, txn);
    ck_assert(etcdlab_run_until(saw_deletion, &sight, PATIENCE_MS));
    ck_assert_uint_eq(sight.n_changes, 2);
    ck_assert(etcdlab_run_until(has_listed_twice, &sight, PATIENCE_MS));
    ck_assert_uint_eq(sight.n_troubles, 0);
    etcd_watch_free(watch);
    etcdlab_outcome_clear(&outcome);
    g_free(sight.last);
    etcdlab_close(&client);
}
END_TEST

START_TEST(a_silent_watch_is_listed_again)
{
    struct etcdlab_client client = etcdlab_open();
    struct sight sight = { 0 };
    EtcdWatch *watch = watch_new(&client, "/silent", 300, 0, &sight);

    ck_assert(etcdlab_run_until(has_listed_twice, &sight, 3000));
    etcd_watch_free(watch);
    etcdlab_close(&client);
}
END_TEST

START_TEST(a_watch_sees_what_happened_while_etcd_was_away)
{
    struct etcdlab_client client = etcdlab_open(), other;
    struct sight sight = { 0 };
    EtcdWatch *watch;

    etcdlab_put(&client, "/away/a", "1");
    etcdlab_put(&client, "/away/b", "1");
    watch = watch_new(&client, "/away/", 0, 0, &sight);
    ck_assert(etcdlab_run_until(has_listed, &sight, PATIENCE_MS));
    etcdlab_control("--stop");
    etcdlab_run_for(1500);
    ck_assert_uint_eq(sight.n_troubles, 1); /* told once */
    etcdlab_control("--start");
    other = etcdlab_open();
    etcdlab_put(&other, "/away/c", "1");
    ck_assert(etcdlab_run_until(saw_three, &sight, PATIENCE_MS) || sight.n_changes == 1);
    ck_assert_uint_ge(sight.n_lists, 2);
    etcd_watch_free(watch);
    g_free(sight.last);
    etcdlab_close(&other);
    etcdlab_close(&client);
}
END_TEST

SUITE_MAIN("it_etcd", SUITE_TEST(a_transaction_does_what_its_compares_say),
           SUITE_TEST(a_dead_lease_is_a_certain_answer),
           SUITE_TEST(a_stream_from_a_compacted_revision_ends_with_an_error),
           SUITE_TEST(a_watch_lists_then_follows_and_lists_again),
           SUITE_TEST(a_silent_watch_is_listed_again),
           SUITE_TEST(a_watch_sees_what_happened_while_etcd_was_away))
