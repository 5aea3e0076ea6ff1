/* test_etcd.c - etcd's answers as they come over its gateway, and the transactions we send. */
#include "config.h"

#include "tests/suite.h"

#include "etcd/etcd_reply.h"
#include "etcd/etcd_txn.h"

#define HEADER                                                                                     \
    "\"header\":{\"cluster_id\":\"15118495548433857066\",\"member_id\":\"13668033151171901709\","  \
    "\"revision\":\"7\",\"raft_term\":\"2\"}"
#define KV                                                                                         \
    "{\"key\":\"L3ZybS9sZWFkZXI=\",\"create_revision\":\"2\",\"mod_revision\":\"6\","              \
    "\"version\":\"5\",\"value\":\"e30=\",\"lease\":\"77\"}"

static bool parse(etcd_reply_fn fn, const char *text, struct etcd_answer *ret_answer,
                  GError **error)
{
    return fn(text, strlen(text), ret_answer, error);
}

static struct etcd_answer parse_good(etcd_reply_fn fn, const char *text)
{
    struct etcd_answer answer = { 0 };
    GError *error = NULL;

    parse(fn, text, &answer, &error);
    suite_no_error(error);
    return answer;
}

START_TEST(a_range_gives_its_pairs)
{
    struct etcd_answer answer =
        parse_good(etcd_reply_range, "{" HEADER ",\"kvs\":[" KV "],\"count\":\"1\"}");
    const struct etcd_kv *kv = &answer.kvs.items[0];

    ck_assert_int_eq(answer.revision, 7);
    ck_assert_uint_eq(answer.kvs.len, 1);
    ck_assert_str_eq(kv->key, "/vrm/leader");
    ck_assert_str_eq(kv->value, "{}");
    ck_assert_uint_eq(kv->value_len, 2);
    ck_assert_int_eq(kv->create_revision, 2);
    ck_assert_int_eq(kv->mod_revision, 6);
    ck_assert_int_eq(kv->version, 5);
    ck_assert_int_eq(kv->lease, 77);
    etcd_answer_clear(&answer);
}
END_TEST

START_TEST(a_range_without_pairs_is_empty)
{
    struct etcd_answer answer = parse_good(etcd_reply_range, "{" HEADER "}");

    ck_assert_uint_eq(answer.kvs.len, 0);
    etcd_answer_clear(&answer);
}
END_TEST

START_TEST(a_transaction_without_succeeded_failed_and_shows_what_is_there)
{
    struct etcd_answer answer =
        parse_good(etcd_reply_txn, "{" HEADER ",\"responses\":[{\"response_range\":{\"header\":"
                                   "{\"revision\":\"7\"},\"kvs\":[" KV "],\"count\":\"1\"}}]}");

    ck_assert(!answer.succeeded);
    ck_assert_int_eq(answer.kvs.items[0].lease, 77);
    etcd_answer_clear(&answer);
    answer = parse_good(etcd_reply_txn, "{" HEADER ",\"succeeded\":true,\"responses\":"
                                        "[{\"response_put\":{\"header\":{\"revision\":\"7\"}}}]}");
    ck_assert(answer.succeeded);
    etcd_answer_clear(&answer);
}
END_TEST

START_TEST(a_keep_alive_without_ttl_is_of_a_dead_lease)
{
    struct etcd_answer answer =
        parse_good(etcd_reply_keep_alive, "{\"result\":{" HEADER ",\"ID\":\"77\",\"TTL\":\"3\"}}");

    ck_assert_int_eq(answer.ttl_ms, 3000);
    answer = parse_good(etcd_reply_keep_alive, "{\"result\":{" HEADER ",\"ID\":\"77\"}}");
    ck_assert_int_eq(answer.ttl_ms, 0);
    ck_assert_int_eq(answer.lease, 77);
}
END_TEST

START_TEST(a_grant_gives_lease_and_ttl)
{
    const struct etcd_answer answer =
        parse_good(etcd_reply_grant, "{" HEADER ",\"ID\":\"4111120175283745542\",\"TTL\":\"2\"}");

    ck_assert_int_eq(answer.lease, 4111120175283745542);
    ck_assert_int_eq(answer.ttl_ms, 2000);
}
END_TEST

START_TEST(a_watch_tells_changes_deletions_and_its_end)
{
    struct etcd_answer answer =
        parse_good(etcd_reply_watch,
                   "{\"result\":{" HEADER ",\"events\":[{\"kv\":" KV "},"
                   "{\"type\":\"DELETE\",\"kv\":{\"key\":\"YQ==\",\"mod_revision\":\"7\"}}]}}");

    ck_assert_uint_eq(answer.kvs.len, 2);
    ck_assert_int_eq(answer.kvs.items[0].version, 5);
    ck_assert_int_eq(answer.kvs.items[1].version, 0);
    ck_assert_str_eq(answer.kvs.items[1].key, "a");
    ck_assert_str_eq(answer.kvs.items[1].value, "");
    ck_assert(!answer.canceled);
    etcd_answer_clear(&answer);
    answer = parse_good(etcd_reply_watch, "{\"result\":{\"header\":{\"raft_term\":\"2\"},"
                                          "\"canceled\":true,\"compact_revision\":\"3\"}}");
    ck_assert(answer.canceled);
    ck_assert_int_eq(answer.compact_revision, 3);
}
END_TEST

static const struct bad {
    etcd_reply_fn fn;
    const char *text;
    enum vrm_err code;
    const char *part;
} bad_answers[] = {
    { etcd_reply_txn, "{}", VRM_ERR_INTERNAL, "header is missing" },
    { etcd_reply_txn, "", VRM_ERR_INTERNAL, "not JSON" },
    { etcd_reply_txn, "[]", VRM_ERR_INTERNAL, "header is missing" },
    { etcd_reply_txn, "<html>502</html>", VRM_ERR_INTERNAL, "not JSON" },
    { etcd_reply_txn, "{\"header\":{\"revision\":\"-1\"}}", VRM_ERR_INTERNAL, "header.revision" },
    { etcd_reply_txn, "{" HEADER ",\"succeeded\":\"maybe\"}", VRM_ERR_INTERNAL, "succeeded" },
    { etcd_reply_range, "{" HEADER ",\"kvs\":{}}", VRM_ERR_INTERNAL, "kvs" },
    { etcd_reply_range, "{" HEADER ",\"kvs\":[7]}", VRM_ERR_INTERNAL, "kvs[0]" },
    { etcd_reply_range, "{" HEADER ",\"kvs\":[" KV ",{}]}", VRM_ERR_INTERNAL, "kvs[1].key" },
    { etcd_reply_range, "{" HEADER ",\"kvs\":[{\"key\":\"YQ\"}]}", VRM_ERR_INTERNAL, "base64" },
    { etcd_reply_range, "{" HEADER ",\"kvs\":[{\"key\":\"AAAA\"}]}", VRM_ERR_INTERNAL, "zero" },
    { etcd_reply_grant, "{" HEADER "}", VRM_ERR_INTERNAL, "ID" },
    { etcd_reply_grant, "{" HEADER ",\"ID\":\"5\"}", VRM_ERR_INTERNAL, "TTL" },
    { etcd_reply_grant, "{" HEADER ",\"ID\":\"5x\",\"TTL\":\"2\"}", VRM_ERR_INTERNAL, "ID" },
    { etcd_reply_keep_alive, "{" HEADER ",\"ID\":\"5\"}", VRM_ERR_INTERNAL, "header is missing" },
    { etcd_reply_keep_alive, "{\"error\":{\"message\":\"etcdserver: no leader\"}}",
      VRM_ERR_UNAVAILABLE, "no leader" },
    { etcd_reply_watch, "{\"error\":7}", VRM_ERR_UNAVAILABLE, "stream ended" },
    { etcd_reply_watch, "{\"result\":{" HEADER ",\"events\":[{}]}}", VRM_ERR_INTERNAL, "key" },
};

START_TEST(an_unintelligible_answer_is_an_error_and_nothing_else)
{
    const struct bad *bad = &bad_answers[_i];
    struct etcd_answer answer = { .revision = 4711 };
    GError *error = NULL;

    ck_assert(!parse(bad->fn, bad->text, &answer, &error));
    suite_take_error(&error, bad->code, bad->part);
    ck_assert_int_eq(answer.revision, 4711);
    ck_assert_ptr_null(answer.kvs.items);
}
END_TEST

static const struct refusal {
    int status;
    enum vrm_err code;
    const char *text, *part;
} refusals[] = {
    { 404, VRM_ERR_NOT_FOUND, "{\"message\":\"etcdserver: requested lease not found\",\"code\":5}",
      "requested lease not found" },
    { 404, VRM_ERR_UNAVAILABLE, "404 page not found", "HTTP status 404" },
    { 400, VRM_ERR_INVALID, "{\"message\":\"etcdserver: duplicate key given\",\"code\":3}",
      "duplicate key" },
    { 503, VRM_ERR_UNAVAILABLE, "{\"message\":\"etcdserver: no leader\",\"code\":14}",
      "no leader" },
    { 502, VRM_ERR_UNAVAILABLE, "<html>", "no reason given" },
    { 500, VRM_ERR_UNAVAILABLE, "{\"message\":7}", "no reason given" },
};

START_TEST(only_a_clear_refusal_is_certain)
{
    const struct refusal *refusal = &refusals[_i];
    GError *error = NULL;

    etcd_reply_refusal(refusal->status, refusal->text, strlen(refusal->text), &error);
    suite_take_error(&error, refusal->code, refusal->part);
}
END_TEST

START_TEST(a_transaction_is_written_as_the_gateway_wants_it)
{
    g_autoptr(EtcdTxn) txn = etcd_txn_new();
    g_autofree char *body = NULL;

    etcd_txn_guard(txn, "/vrm/leader", 9007199254740993);
    etcd_txn_if_modified(txn, "a", 0);
    etcd_txn_if_version(txn, "a", 3);
    etcd_txn_if_value(txn, "a", "");
    etcd_txn_if_exists(txn, "a");
    etcd_txn_put(txn, "b", "v", 77);
    etcd_txn_put(txn, "c", "v", 0);
    etcd_txn_delete(txn, "d");
    etcd_txn_range(txn, "e");
    etcd_txn_else_range(txn, "a");
    body = etcd_txn_format(txn);
    ck_assert_str_eq(
        body, "{\"compare\":["
              "{\"target\":\"CREATE\",\"result\":\"EQUAL\",\"key\":\"L3ZybS9sZWFkZXI=\","
              "\"create_revision\":\"9007199254740993\"},"
              "{\"target\":\"MOD\",\"result\":\"EQUAL\",\"key\":\"YQ==\",\"mod_revision\":\"0\"},"
              "{\"target\":\"VERSION\",\"result\":\"EQUAL\",\"key\":\"YQ==\",\"version\":\"3\"},"
              "{\"target\":\"VALUE\",\"result\":\"EQUAL\",\"key\":\"YQ==\",\"value\":\"\"},"
              "{\"target\":\"CREATE\",\"result\":\"GREATER\",\"key\":\"YQ==\","
              "\"create_revision\":\"0\"}],"
              "\"success\":["
              "{\"request_put\":{\"key\":\"Yg==\",\"value\":\"dg==\",\"lease\":\"77\"}},"
              "{\"request_put\":{\"key\":\"Yw==\",\"value\":\"dg==\"}},"
              "{\"request_delete_range\":{\"key\":\"ZA==\"}},"
              "{\"request_range\":{\"key\":\"ZQ==\"}}],"
              "\"failure\":[{\"request_range\":{\"key\":\"YQ==\"}}]}");
}
END_TEST

SUITE_MAIN("etcd", SUITE_TEST(a_range_gives_its_pairs), SUITE_TEST(a_range_without_pairs_is_empty),
           SUITE_TEST(a_transaction_without_succeeded_failed_and_shows_what_is_there),
           SUITE_TEST(a_keep_alive_without_ttl_is_of_a_dead_lease),
           SUITE_TEST(a_grant_gives_lease_and_ttl),
           SUITE_TEST(a_watch_tells_changes_deletions_and_its_end),
           SUITE_LOOP(an_unintelligible_answer_is_an_error_and_nothing_else, bad_answers),
           SUITE_LOOP(only_a_clear_refusal_is_certain, refusals),
           SUITE_TEST(a_transaction_is_written_as_the_gateway_wants_it))
