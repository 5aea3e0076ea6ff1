/* test_hald_msg.c - lines between vrm-agent and vrm-hald. */
#include "config.h"

#include "agentproto/hald_msg.h"

#include "base/json.h"
#include "tests/suite.h"

#define UUID "5f0c2a3e-0c7d-4b5e-9d6f-1a2b3c4d5e6f"
#define KEY  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SETUP(times)                                                                               \
    "{\"v\":1,\"op\":\"setup\",\"id\":12,\"setup\":{\"epoch\":7,\"host\":101,"                     \
    "\"etcd\":[\"http://10.0.0.1:2379\"],\"prefix\":\"/vrm\"," times ",\"beat_ms\":1000,"          \
    "\"beat_key\":\"" KEY "\",\"beat_to\":[],\"peers\":[]}}"

/* ---- requests -------------------------------------------------------------------------------- */

static const char *const requests[] = {
    "{\"v\":1,\"op\":\"ask\",\"id\":7,\"vm\":12,\"uuid\":\"" UUID "\",\"right\":\"9 {}\"}",
    "{\"v\":1,\"op\":\"may_run\",\"id\":8,\"vm\":12}",
    "{\"v\":1,\"op\":\"process\",\"id\":9,\"vm\":12,\"uuid\":\"" UUID "\",\"exists\":true}",
    "{\"v\":1,\"op\":\"give_up\",\"id\":10,\"vm\":12}",
    "{\"v\":1,\"op\":\"release\",\"id\":11,\"vm\":12,\"uuid\":\"" UUID "\",\"right\":\"9 {}\"}",
    SETUP("\"lease_ms\":12000,\"renew_ms\":1500,\"kill_ms\":2000"),
    "{\"v\":1,\"op\":\"slots\",\"id\":13,\"first\":0,\"count\":1024}",
    "{\"v\":1,\"op\":\"status\",\"id\":14}",
};

START_TEST(each_request_makes_the_round_trip)
{
    struct hald_request request, again;
    g_autofree char *text = NULL;
    g_autofree char *text_again = NULL;
    g_autoptr(GError) error = NULL;
    int64_t id = 0;

    ck_assert(hald_request_parse(requests[_i], strlen(requests[_i]), &request, &id, &error));
    suite_no_error(error);
    ck_assert_int_eq(request.op, _i);
    ck_assert_int_eq(request.id, 7 + _i);
    ck_assert_int_eq(id, 7 + _i);
    text = hald_request_format(&request);
    ck_assert_ptr_null(strchr(text, '\n'));
    ck_assert(hald_request_parse(text, strlen(text), &again, NULL, NULL));
    text_again = hald_request_format(&again);
    ck_assert_str_eq(text, text_again);
    hald_request_clear(&request);
    hald_request_clear(&again);
}
END_TEST

static const struct {
    const char *line, *says;
    int64_t id;
} bad_requests[] = {
    { "", "not JSON", 0 },
    { "[]", "want an object", 0 },
    { "{\"op\":\"status\",\"id\":3}", "v is missing", 3 },
    { "{\"v\":1,\"op\":\"sing\",\"id\":3}", "op is \"sing\"; want one of ask may_run", 3 },
    { "{\"v\":1,\"op\":\"status\",\"id\":0}", "id is 0; want an integer of 1", 0 },
    { "{\"v\":1,\"op\":\"status\",\"id\":-4}", "id is -4", 0 },
    { "{\"v\":1,\"op\":\"may_run\",\"id\":3}", "vm is missing", 3 },
    { "{\"v\":1,\"op\":\"may_run\",\"id\":3,\"vm\":\"12\"}", "vm is \"12\"", 3 },
    { "{\"v\":1,\"op\":\"process\",\"id\":3,\"vm\":1,\"uuid\":\"x\",\"exists\":true}",
      "uuid is \"x\"; want a UUID", 3 },
    { "{\"v\":1,\"op\":\"process\",\"id\":3,\"vm\":1,\"uuid\":\"" UUID "\"}", "exists is missing",
      3 },
    { "{\"v\":1,\"op\":\"status\",\"id\":3,\"vm\":1}", "vm is a key that does not belong", 3 },
    { "{\"v\":1,\"op\":\"setup\",\"id\":3,\"setup\":{\"epoch\":1}}", "setup.host is missing", 3 },
    { "{\"v\":1,\"op\":\"slots\",\"id\":3}", "first is missing", 3 },
    { "{\"v\":1,\"op\":\"slots\",\"id\":3,\"first\":0,\"count\":0}", "count is 0; want", 3 },
    { "{\"v\":1,\"op\":\"slots\",\"id\":3,\"first\":16384,\"count\":1}", "first is 16384; want",
      3 },
    { "{\"v\":1,\"op\":\"slots\",\"id\":3,\"first\":0,\"count\":1025}", "count is 1025; want", 3 },
    { "{\"v\":1,\"op\":\"slots\",\"id\":3,\"first\":0,\"count\":1,\"vm\":1}",
      "vm is a key that does not belong", 3 },
    { SETUP("\"lease_ms\":5500,\"renew_ms\":1500,\"kill_ms\":2000"), "setup.lease_ms is 5500; want",
      12 },
};

START_TEST(a_bad_request_is_named_and_changes_nothing)
{
    struct hald_request request = { .vm = 42 };
    g_autoptr(GError) error = NULL;
    int64_t id = -1;

    ck_assert(!hald_request_parse(bad_requests[_i].line, strlen(bad_requests[_i].line), &request,
                                  &id, &error));
    suite_take_error(&error, VRM_ERR_INVALID, bad_requests[_i].says);
    ck_assert_int_eq(request.vm, 42);
    ck_assert_int_eq(id, bad_requests[_i].id);
}
END_TEST

START_TEST(a_line_that_is_too_long_is_refused)
{
    const size_t len = HALD_MAX_LINE + 1;
    g_autofree char *line = g_strnfill(len, ' ');
    struct hald_request request;
    g_autoptr(GError) error = NULL;

    ck_assert(!hald_request_parse(line, len, &request, NULL, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "want at most 1048576");
}
END_TEST

/* ---- replies --------------------------------------------------------------------------------- */

START_TEST(a_reply_with_a_status_makes_the_round_trip)
{
    struct hald_lease leases[] = { { .authority = 1,
                                     .name = (char *)(uintptr_t) "etcd",
                                     .state = (char *)(uintptr_t) "held",
                                     .inc = (char *)(uintptr_t) "00ab-1",
                                     .left_ms = 9000,
                                     .seq = 44,
                                     .answer_ms = 3 } };
    struct hald_vm vms[] = { { 12, (char *)(uintptr_t)UUID, 1, (char *)(uintptr_t) "allowed", true,
                               true, true } };
    struct hald_peer peers[] = { { 102, (char *)(uintptr_t) "00cd-2", 300 } };
    const struct hald_reply reply = {
        .id = 9,
        .ok = true,
        .status = { .up_ms = 5000,
                    .set_up = true,
                    .host = 101,
                    .watchdog = (char *)(uintptr_t) "unix:/run/w",
                    .watchdog_ms = 10000,
                    .quiet_ms = 700,
                    .leases = leases,
                    .n_leases = 1,
                    .vms = vms,
                    .n_vms = 1,
                    .peers = peers,
                    .n_peers = 1 },
    };
    g_autofree char *text = hald_reply_format(&reply);
    g_autofree char *again = NULL;
    g_autoptr(GError) error = NULL;
    struct hald_reply back;

    ck_assert(hald_reply_parse(text, strlen(text), &back, &error));
    suite_no_error(error);
    again = hald_reply_format(&back);
    ck_assert_str_eq(text, again);
    ck_assert_str_eq(back.status.vms[0].uuid, UUID);
    ck_assert_int_eq(back.status.leases[0].left_ms, 9000);
    ck_assert(back.status.vms[0].shut_down);
    ck_assert(back.status.vms[0].given_up);
    ck_assert_int_eq(back.status.quiet_ms, 700);
    ck_assert_int_eq(back.status.peers[0].age_ms, 300);
    hald_reply_clear(&back);
}
END_TEST

START_TEST(a_reply_with_slots_makes_the_round_trip)
{
    struct ha_slot_read read[] = { { 0, 101, (char *)(uintptr_t) "00ab-1", 44, 0 },
                                   { 16383, 16484, (char *)(uintptr_t) "00cd-2", INT64_MAX,
                                     20000 } };
    struct ha_store_read stores[] = {
        { .authority = 2, .ok = true, .age_ms = 812, .slots = read, .n_slots = 2 },
        { .authority = 9, .why = (char *)(uintptr_t) "it hangs" }
    };
    const struct hald_reply reply = { .id = 9,
                                      .ok = true,
                                      .slots = { .stores = stores, .n_stores = 2 } };
    g_autofree char *text = hald_reply_format(&reply);
    g_autofree char *again = NULL;
    g_autoptr(json_t) json = NULL;
    struct hald_reply back;
    struct ha_reading slots;

    ck_assert(hald_reply_parse(text, strlen(text), &back, NULL));
    again = hald_reply_format(&back);
    ck_assert_str_eq(text, again);
    ck_assert_uint_eq(back.slots.n_stores, 2);
    ck_assert_int_eq(back.slots.stores[0].slots[1].host, 16484);
    ck_assert_int_eq(back.slots.stores[0].age_ms, 812);
    ck_assert_str_eq(back.slots.stores[1].why, "it hangs");
    /* and as the body of the agent's answer */
    json = ha_reading_encode(&back.slots);
    ck_assert(ha_reading_decode(json, &slots, NULL));
    ck_assert_int_eq(slots.stores[0].slots[0].length_ms, 0);
    ck_assert_int_eq(slots.stores[0].slots[1].seq, INT64_MAX);
    ck_assert_int_eq(slots.stores[0].slots[1].length_ms, 20000);
    ck_assert(!slots.stores[1].ok);
    ha_reading_clear(&slots);
    hald_reply_clear(&back);
}
END_TEST

/* Seven datastores, each slot with the longest numbers. */
START_TEST(the_largest_reading_fits_into_a_line)
{
    struct ha_slot_read *read = g_new0(struct ha_slot_read, HA_READING_MAX);
    struct ha_store_read stores[HA_READING_MAX_STORES] = { { 0 } };
    struct hald_reply reply = { .id = INT64_MAX, .ok = true };
    g_autofree char *text = NULL;

    for (size_t i = 0; i < HA_READING_MAX; i++)
        read[i] = (struct ha_slot_read){ HA_READING_LAST, 16484,
                                         (char *)(uintptr_t) "0123456789abcdef-4294967295",
                                         INT64_MAX, UINT32_MAX };
    for (size_t i = 0; i < HA_READING_MAX_STORES; i++)
        stores[i] = (struct ha_store_read){ .authority = INT32_MAX,
                                            .slots = read,
                                            .n_slots = HA_READING_MAX };
    reply.slots.stores = stores;
    reply.slots.n_stores = HA_READING_MAX_STORES;
    text = hald_reply_format(&reply);
    ck_assert_uint_lt(strlen(text), HALD_MAX_LINE);
    g_free(read);
}
END_TEST

START_TEST(a_refusal_says_why)
{
    const struct hald_reply reply = { .id = 7, .why = (char *)(uintptr_t) "it runs already" };
    g_autofree char *text = hald_reply_format(&reply);
    struct hald_reply back;

    ck_assert(hald_reply_parse(text, strlen(text), &back, NULL));
    ck_assert(!back.ok);
    ck_assert_str_eq(back.why, "it runs already");
    ck_assert_uint_eq(back.status.n_vms, 0);
    hald_reply_clear(&back);
}
END_TEST

SUITE_MAIN("hald_msg", SUITE_LOOP(each_request_makes_the_round_trip, requests),
           SUITE_LOOP(a_bad_request_is_named_and_changes_nothing, bad_requests),
           SUITE_TEST(a_line_that_is_too_long_is_refused),
           SUITE_TEST(a_reply_with_a_status_makes_the_round_trip), SUITE_TEST(a_refusal_says_why),
           SUITE_TEST(a_reply_with_slots_makes_the_round_trip),
           SUITE_TEST(the_largest_reading_fits_into_a_line))
