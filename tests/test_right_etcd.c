/* test_right_etcd.c - the records of ha/right.h as keys, values and transactions of etcd. */
#include "config.h"

#include "tests/suite.h"

#include "ha/etcd/right_etcd.h"

#define BOOT UINT64_C(0x9f3c00000000ab12)

static const struct ha_key keys[] = {
    { .kind = HA_KEY_LEADER },
    { .kind = HA_KEY_RECOVERY },
    { HA_KEY_LEASE, HA_ETCD, 101, { 0 } },
    { HA_KEY_FENCE, HA_STORAGE + 1, 101, { BOOT, 7 } },
    { HA_KEY_FENCE, HA_ETCD, 1, { UINT64_MAX, UINT32_MAX } },
    { .kind = HA_KEY_VM, .id = INT64_MAX },
};

START_TEST(a_key_comes_back_as_it_was)
{
    g_autofree char *text = right_key_format("/vrm", &keys[_i]);
    struct ha_key key;

    ck_assert(right_key_parse("/vrm", text, &key));
    ck_assert(ha_key_equal(&key, &keys[_i]));
}
END_TEST

static const char *const strange_keys[] = {
    "",
    "/vrm",
    "/vrmleader",
    "/vrm/leader/",
    "/other/ha/vm/1",
    "/vrm/ha/vm/",
    "/vrm/ha/vm/-1",
    "/vrm/ha/vm/ 1",
    "/vrm/ha/vm/1x",
    "/vrm/ha/vm/9223372036854775808",
    "/vrm/ha/lease/101",
    "/vrm/ha/lease/101/1/",
    "/vrm/ha/lease/101/4294967296",
    "/vrm/ha/fence/101/1/",
    "/vrm/ha/fence/101/1/9f3c00000000ab12",
    "/vrm/ha/fence/101/1/9F3C00000000AB12-7",
    "/vrm/ha/fence/101/1/9f3c00000000ab12-4294967296",
    "/vrm/ha/fence/101/1/9f3c00000000ab123-7",
};

START_TEST(a_strange_key_is_none_of_ours)
{
    struct ha_key key;

    ck_assert_msg(!right_key_parse("/vrm", strange_keys[_i], &key), "%s", strange_keys[_i]);
}
END_TEST

static const struct ha_record records[] = {
    [HA_KEY_LEASE] = { .lease = { { BOOT, 3 }, INT64_MAX, 12000 } },
    [HA_KEY_FENCE] = { .fence = { HA_PROOF_REBOOT, 42 } },
    [HA_KEY_VM] = { .vm = { 9,
                            2,
                            { { 101, HA_ETCD, { BOOT, 1 } }, { 102, HA_ETCD, { 5, 0 } } },
                            true } },
};

START_TEST(a_value_comes_back_as_it_was)
{
    const enum ha_key_kind kind = (enum ha_key_kind)_i;
    g_autofree char *text = right_value_format(kind, &records[_i]);
    g_autofree char *again = NULL;
    struct ha_record record;
    GError *error = NULL;

    right_value_parse(kind, text, &record, &error);
    suite_no_error(error);
    again = right_value_format(kind, &record);
    ck_assert_str_eq(again, text);
}
END_TEST

START_TEST(a_value_reads_well)
{
    g_autofree char *text = right_value_format(HA_KEY_VM, &records[HA_KEY_VM]);

    ck_assert_str_eq(text, "{\"gen\":9,\"claimed\":true,\"owners\":["
                           "{\"host\":101,\"authority\":1,\"inc\":\"9f3c00000000ab12-1\"},"
                           "{\"host\":102,\"authority\":1,\"inc\":\"0000000000000005-0\"}]}");
}
END_TEST

#define LEASE "{\"inc\":\"9f3c00000000ab12-1\",\"seq\":7"

/* As vrm-hald wrote it before it told the length. */
START_TEST(a_lease_that_does_not_say_its_length_is_understood)
{
    struct ha_record record = records[HA_KEY_LEASE];
    g_autofree char *again = NULL;
    GError *error = NULL;

    right_value_parse(HA_KEY_LEASE, LEASE "}", &record, &error);
    suite_no_error(error);
    ck_assert_int_eq(record.lease.seq, 7);
    ck_assert_int_eq(record.lease.length_ms, 0);
    again = right_value_format(HA_KEY_LEASE, &record);
    ck_assert_str_eq(again, LEASE "}");
}
END_TEST

#define OWNER "{\"host\":101,\"authority\":1,\"inc\":\"9f3c00000000ab12-1\"}"

static const struct {
    enum ha_key_kind kind;
    const char *text;
} bad_values[] = {
    { HA_KEY_LEASE, "" },
    { HA_KEY_LEASE, "[]" },
    { HA_KEY_LEASE, "{\"inc\":\"1-1\",\"seq\":1}" },
    { HA_KEY_LEASE, "{\"inc\":\"9f3c00000000ab12-1\"}" },
    { HA_KEY_LEASE, LEASE ",\"length_ms\":-1}" },
    { HA_KEY_LEASE, LEASE ",\"length_ms\":4294967296}" },
    { HA_KEY_LEASE, LEASE ",\"length_ms\":\"12 s\"}" },
    { HA_KEY_LEASE, LEASE ",\"length_ms\":12000,\"more\":1}" },
    { HA_KEY_FENCE, "{\"proof\":\"because\",\"epoch\":1}" },
    { HA_KEY_VM, "{\"gen\":1,\"claimed\":1,\"owners\":[]}" },
    { HA_KEY_VM, "{\"gen\":-1,\"claimed\":true,\"owners\":[]}" },
    { HA_KEY_VM, "{\"gen\":1,\"claimed\":true,\"owners\":{}}" },
    { HA_KEY_VM, "{\"gen\":1,\"claimed\":true,\"owners\":[1]}" },
    { HA_KEY_VM, "{\"gen\":1,\"claimed\":true,\"owners\":[],\"more\":1}" },
    { HA_KEY_VM, "{\"gen\":1,\"claimed\":true,\"owners\":[" OWNER "," OWNER "," OWNER "]}" },
};

START_TEST(a_bad_value_is_refused_and_shown)
{
    struct ha_record record = records[HA_KEY_LEASE];
    g_autoptr(GError) error = NULL;

    ck_assert(!right_value_parse(bad_values[_i].kind, bad_values[_i].text, &record, &error));
    ck_assert(err_is(error, VRM_ERR_INVALID));
    ck_assert(strstr(error->message, bad_values[_i].text) != NULL);
    ck_assert_int_eq(record.lease.seq, INT64_MAX);
}
END_TEST

START_TEST(a_token_comes_back_as_it_was)
{
    const struct ha_vm_seen seen = { 12, 345, records[HA_KEY_VM].vm };
    g_autofree char *text = right_token_format(&seen);
    struct ha_vm_seen again;
    GError *error = NULL;

    ck_assert(g_str_has_prefix(text, "345 {"));
    ck_assert_uint_lt(strlen(text), RIGHT_TOKEN_MAX);
    right_token_parse(text, 12, &again, &error);
    suite_no_error(error);
    ck_assert_int_eq(again.vm, 12);
    ck_assert_int_eq(again.version, 345);
    ck_assert(ha_owner_equal(&again.right.owners[1], &seen.right.owners[1]));
}
END_TEST

static const char *const bad_tokens[] = { "", "x {}", "-1 {}", "345", "345 {}", "345  {}" };

START_TEST(a_bad_token_is_refused)
{
    struct ha_vm_seen seen;
    g_autoptr(GError) error = NULL;

    ck_assert(!right_token_parse(bad_tokens[_i], 1, &seen, &error));
    ck_assert(err_is(error, VRM_ERR_INVALID));
}
END_TEST

START_TEST(a_transaction_compares_writes_and_reads_the_first_put_if_refused)
{
    const struct ha_mandate leader = { false, 40 };
    const struct ha_vm_seen seen = { 12, 345, records[HA_KEY_VM].vm };
    const struct ha_owner to = { 103, HA_ETCD, { 6, 0 } };
    g_autofree char *vm = etcd_txn_base64("/vrm/ha/vm/12");
    g_autofree char *tomb = etcd_txn_base64("/vrm/ha/fence/101/1/9f3c00000000ab12-1");
    g_autofree char *exists = g_strdup_printf(
        "{\"target\":\"CREATE\",\"result\":\"GREATER\",\"key\":\"%s\",\"create_revision\":\"0\"}",
        tomb);
    g_autofree char *version = g_strdup_printf(
        "{\"target\":\"MOD\",\"result\":\"EQUAL\",\"key\":\"%s\",\"mod_revision\":\"345\"}", vm);
    g_autofree char *other =
        g_strdup_printf("\"failure\":[{\"request_range\":{\"key\":\"%s\"}}]", vm);
    g_autofree char *body = NULL;
    g_autoptr(EtcdTxn) etcd = NULL;
    struct ha_txn txn;

    right_assign(&leader, &seen, &to, &txn);
    etcd = right_etcd_txn("/vrm", &txn);
    body = etcd_txn_format(etcd);
    ck_assert_msg(strstr(body, exists) != NULL, "%s", body);
    ck_assert_msg(strstr(body, version) != NULL, "%s", body);
    ck_assert_msg(strstr(body, other) != NULL, "%s", body);
}
END_TEST

SUITE_MAIN("right_etcd", SUITE_LOOP(a_key_comes_back_as_it_was, keys),
           SUITE_LOOP(a_strange_key_is_none_of_ours, strange_keys),
           SUITE_LOOP(a_value_comes_back_as_it_was, records), SUITE_TEST(a_value_reads_well),
           SUITE_TEST(a_lease_that_does_not_say_its_length_is_understood),
           SUITE_LOOP(a_bad_value_is_refused_and_shown, bad_values),
           SUITE_TEST(a_token_comes_back_as_it_was), SUITE_LOOP(a_bad_token_is_refused, bad_tokens),
           SUITE_TEST(a_transaction_compares_writes_and_reads_the_first_put_if_refused))
