/* test_ha_setup.c - what vrm-hald is told makes the round trip; nonsense is named. */
#include "config.h"

#include "agentproto/ha_setup.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "tests/suite.h"

#define KEY   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define TIMES "'lease_ms':12000,'renew_ms':1500,'kill_ms':2000,'beat_ms':1000"
#define ETCD  "'etcd':['http://10.91.0.1:2379','https://[fd00::1]:2379']"
#define REST                                                                                       \
    "'beat_key':'" KEY "','beat_to':['10.91.0.1:7445','[fd00::1]:7445'],"                          \
    "'peers':[{'host':102,'address':'10.91.0.12'}]}"
#define HEAD "{'v':6,'epoch':7,'host':101,'prefix':'/vrm',"
#define GOOD HEAD ETCD "," TIMES "," REST

/* The least slot_ms is more than 1000 + 12000 - 2000. */
#define SLOT_TIMES "'slot_ms':20000,'slot_renew_ms':1000"
#define STORE(authority, path)                                                                     \
    "{'authority':" authority ",'path':'" path "','slot':0,'name':'a shelf'}"
#define WITH(more) HEAD ETCD "," TIMES ",'beat_key':'" KEY "','beat_to':[],'peers':[]," more "}"

static json_t *parse(const char *quoted)
{
    g_autofree char *text = g_strdup(quoted);
    json_t *json;

    g_strdelimit(text, "'", '"');
    json = json_parse(text, strlen(text), NULL);
    ck_assert_msg(json != NULL, "the test itself is wrong: %s", text);
    return json;
}

START_TEST(a_setup_makes_the_round_trip)
{
    g_autoptr(json_t) json = parse(GOOD);
    g_autoptr(json_t) again = NULL;
    g_autoptr(GError) error = NULL;
    struct ha_setup setup;

    ck_assert(ha_setup_decode(json, &setup, &error));
    suite_no_error(error);
    ck_assert_int_eq(setup.epoch, 7);
    ck_assert_int_eq(setup.host, 101);
    ck_assert_uint_eq(g_strv_length(setup.etcd), 2);
    ck_assert_str_eq(setup.etcd[1], "https://[fd00::1]:2379");
    ck_assert_str_eq(setup.prefix, "/vrm");
    ck_assert_int_eq(setup.lease_ms, 12000);
    ck_assert_int_eq(setup.renew_ms, 1500);
    ck_assert_int_eq(setup.kill_ms, 2000);
    ck_assert_int_eq(setup.beat_ms, 1000);
    ck_assert_str_eq(setup.beat_key, KEY);
    ck_assert_uint_eq(g_strv_length(setup.beat_to), 2);
    ck_assert_uint_eq(setup.n_peers, 1);
    ck_assert_int_eq(setup.peers[0].host, 102);
    ck_assert_str_eq(setup.peers[0].address, "10.91.0.12");
    again = ha_setup_encode(&setup);
    ck_assert(json_equal(json, again));
    ha_setup_clear(&setup);
    ha_setup_clear(&setup);
}
END_TEST

START_TEST(a_host_without_peers_is_in_order)
{
    g_autoptr(json_t) json =
        parse(HEAD ETCD "," TIMES ",'beat_key':'" KEY "','beat_to':[],'peers':[]}");
    g_autoptr(GError) error = NULL;
    struct ha_setup setup;

    ck_assert(ha_setup_decode(json, &setup, &error));
    suite_no_error(error);
    ck_assert_ptr_null(setup.beat_to[0]);
    ha_setup_clear(&setup);
}
END_TEST

START_TEST(a_setup_with_datastores_makes_the_round_trip)
{
    g_autoptr(json_t) json = parse(
        WITH(SLOT_TIMES ",'stores':[" STORE("2", "/srv/a") "," STORE("2147483647", "/srv/b") "]"));
    g_autoptr(json_t) again = NULL;
    g_autoptr(GError) error = NULL;
    struct ha_setup setup;

    ck_assert(ha_setup_decode(json, &setup, &error));
    suite_no_error(error);
    ck_assert_int_eq(setup.slot_ms, 20000);
    ck_assert_int_eq(setup.slot_renew_ms, 1000);
    ck_assert_uint_eq(setup.n_stores, 2);
    ck_assert_int_eq(setup.stores[1].authority, INT32_MAX);
    ck_assert_str_eq(setup.stores[1].path, "/srv/b");
    ck_assert_int_eq(setup.stores[1].slot, 0);
    ck_assert_str_eq(setup.stores[1].name, "a shelf");
    again = ha_setup_encode(&setup);
    ck_assert(json_equal(json, again));
    ha_setup_clear(&setup);
}
END_TEST

START_TEST(what_to_do_when_cut_off_makes_the_round_trip)
{
    g_autoptr(json_t) json = parse(WITH("'isolation_ms':30000,'shutdown_ms':120000"));
    g_autoptr(json_t) again = NULL;
    struct ha_setup setup;

    ck_assert(ha_setup_decode(json, &setup, NULL));
    ck_assert_int_eq(setup.isolation_ms, 30000);
    ck_assert_int_eq(setup.shutdown_ms, 120000);
    again = ha_setup_encode(&setup);
    ck_assert(json_equal(json, again));
    ha_setup_clear(&setup);
}
END_TEST

START_TEST(an_older_controller_says_nothing_of_datastores)
{
    g_autoptr(json_t) json =
        parse("{'v':4,'epoch':7,'host':101,'prefix':'/vrm'," ETCD "," TIMES "," REST);
    g_autoptr(json_t) again = NULL;
    struct ha_setup setup;

    ck_assert(ha_setup_decode(json, &setup, NULL));
    ck_assert_uint_eq(setup.n_stores, 0);
    ck_assert_int_eq(setup.slot_ms, 0);
    again = ha_setup_encode(&setup);
    ck_assert_ptr_null(json_object_get(again, "slot_ms"));
    ck_assert_ptr_null(json_object_get(again, "stores"));
    ha_setup_clear(&setup);
}
END_TEST

static const struct {
    const char *text, *field, *part;
} bad[] = {
    { "[]", "HA setup", "want an object" },
    { "{'v':5}", "epoch", "missing" },
    { "{'v':5,'epoch':0}", "epoch", "is 0" },
    { "{'v':5,'epoch':7}", "host", "missing" },
    { "{'v':5,'epoch':7,'host':-1}", "host", "is -1" },
    { HEAD TIMES "," REST, "etcd", "missing" },
    { HEAD "'etcd':[]," TIMES "," REST, "etcd", "want an array of 1 to 16" },
    { HEAD "'etcd':'x'," TIMES "," REST, "etcd", "etcd is \"x\"; want an array" },
    { HEAD "'etcd':['http://a:1',7]," TIMES "," REST, "etcd[1]", "etcd[1] is 7" },
    { HEAD "'etcd':['']," TIMES "," REST, "etcd[0]", "1 to 256 characters" },
    { HEAD "'etcd':['10.0.0.1:2379']," TIMES "," REST, "etcd", "want http://HOST:PORT" },
    { HEAD ETCD ",'lease_ms':0", "lease_ms", "is 0" },
    { HEAD ETCD ",'lease_ms':5500,'renew_ms':1500,'kill_ms':2000,'beat_ms':1000," REST, "lease_ms",
      "want more than renew_ms and twice kill_ms, 5500" },
    { HEAD ETCD ",'lease_ms':12000,'renew_ms':1500,'kill_ms':2000,'beat_ms':99," REST, "beat_ms",
      "of 100 to 60000" },
    { HEAD ETCD "," TIMES ",'beat_key':'abc','beat_to':[],'peers':[]}", "beat_key",
      "64 to 64 characters" },
    { HEAD ETCD "," TIMES
                ",'beat_key':'z00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',"
                "'beat_to':[],'peers':[]}",
      "beat_key", "beat_key has the character 'z'" },
    { HEAD ETCD "," TIMES ",'beat_key':'" KEY "','beat_to':['h'],'peers':[]}", "beat_to",
      "beat_to[0] is \"h\"; want HOST:PORT" },
    { HEAD ETCD "," TIMES ",'beat_key':'" KEY "','beat_to':['h:0'],'peers':[]}", "beat_to",
      "want HOST:PORT" },
    { HEAD ETCD "," TIMES ",'beat_key':'" KEY "','beat_to':['fd00::1:7445'],'peers':[]}", "beat_to",
      "want HOST:PORT" },
    { HEAD ETCD "," TIMES ",'beat_key':'" KEY "','beat_to':[':7445'],'peers':[]}", "beat_to",
      "want HOST:PORT" },
    { HEAD ETCD "," TIMES ",'beat_key':'" KEY "','beat_to':[],'peers':[{'host':1}]}",
      "peers[0].address", "missing" },
    { "{'v':5,'epoch':7,'host':101,'prefix':'vrm'," ETCD "," TIMES "," REST, "prefix",
      "want an absolute path" },
    { "{'v':5,'mood':1,'epoch':7,'host':101,'prefix':'/vrm'," ETCD "," TIMES "," REST, "mood",
      "does not belong" },
    { WITH("'stores':[" STORE("2", "/srv/a") "]"), "slot_renew_ms", "slot_renew_ms is 0; want at" },
    { WITH("'slot_ms':11000,'slot_renew_ms':1000,'stores':[" STORE("2", "/srv/a") "]"), "slot_ms",
      "slot_ms is 11000; want more than" },
    { WITH("'slot_ms':-1"), "slot_ms", "is -1" },
    { WITH(SLOT_TIMES ",'stores':7"), "stores", "want an array of 0 to 7" },
    { WITH(SLOT_TIMES ",'stores':[" STORE("1", "/srv/a") "]"), "stores[0].authority", "is 1" },
    { WITH(SLOT_TIMES ",'stores':[" STORE("2147483648", "/srv/a") "]"), "stores[0].authority",
      "is 2147483648" },
    { WITH(SLOT_TIMES ",'stores':[" STORE("2", "srv") "]"), "stores[0].path",
      "want an absolute path" },
    { WITH(SLOT_TIMES ",'stores':[" STORE("2", "/") "]"), "stores[0].path", "2 to 1024" },
    { WITH(SLOT_TIMES ",'stores':[{'authority':2,'path':'/srv'}]"), "stores[0].slot", "missing" },
    { WITH(SLOT_TIMES ",'stores':[{'authority':2,'path':'/srv','slot':16384}]"), "stores[0].slot",
      "is 16384" },
    { WITH(SLOT_TIMES ",'stores':[" STORE("2", "/srv/a") "," STORE("2", "/srv/b") "]"), "stores",
      "stores[1].authority is 2; want another" },
    { WITH(SLOT_TIMES ",'stores':[" STORE("2", "/srv/a") "," STORE("3", "/srv/a") "]"), "stores",
      "stores[1].path is \"/srv/a\"; want another" },
    { WITH("'shutdown_ms':1000"), "shutdown_ms", "shutdown_ms is 1000; want 0 without" },
    { WITH("'isolation_ms':4999"), "isolation_ms", "is 4999; want 0, or at least 5 times" },
    { WITH("'isolation_ms':-1"), "isolation_ms", "is -1" },
};

START_TEST(nonsense_is_refused_by_the_name_of_its_field)
{
    g_autofree char *whole =
        g_strconcat(bad[_i].text,
                    g_str_has_suffix(bad[_i].text, "}") || bad[_i].text[0] == '[' ? "" : "}", NULL);
    g_autoptr(json_t) json = parse(whole);
    g_autoptr(GError) error = NULL;
    struct ha_setup setup, before;

    memset(&setup, 0x5a, sizeof(setup));
    before = setup;
    ck_assert_msg(!ha_setup_decode(json, &setup, &error), "taken: %s", whole);
    ck_assert_mem_eq(&setup, &before, sizeof(setup));
    ck_assert_str_eq(err_field(error), bad[_i].field);
    suite_take_error(&error, VRM_ERR_INVALID, bad[_i].part);
}
END_TEST

SUITE_MAIN("ha_setup", SUITE_TEST(a_setup_makes_the_round_trip),
           SUITE_TEST(a_host_without_peers_is_in_order),
           SUITE_TEST(what_to_do_when_cut_off_makes_the_round_trip),
           SUITE_TEST(a_setup_with_datastores_makes_the_round_trip),
           SUITE_TEST(an_older_controller_says_nothing_of_datastores),
           SUITE_LOOP(nonsense_is_refused_by_the_name_of_its_field, bad))
