/* test_feed.c - the ring of messages and those who read it: ids, places that are lost, beats. */
#include "config.h"

#include "api/feed.h"

#include "tests/suite.h"

#define EPOCH 7
#define BASE  (INT64_C(7) << FEED_ID_SHIFT)

/* ---- words ------------------------------------------------------------------------------------
 */

static const struct {
    const char *text;
    unsigned types; /* 0: refused */
} type_rows[] = {
    { "vm", 1u << FEED_VM },
    { "task,alarm,vm,host,cluster,recommendation", FEED_ALL & ~(1u << FEED_EVENT) },
    { "event", 1u << FEED_EVENT },
    { " Task , HOST ", 1u << FEED_TASK | 1u << FEED_HOST },
    { "vm,vm", 1u << FEED_VM },
    { "", 0 },
    { ",", 0 },
    { "vm,", 0 },
    { "vms", 0 },
    { "vm host", 0 },
    { "all", 0 },
    { "vm;host", 0 },
};

START_TEST(types_are_a_list_of_known_words)
{
    unsigned types = 12345;
    g_autoptr(GError) error = NULL;
    bool ok = feed_types_parse(type_rows[_i].text, &types, &error);

    ck_assert_int_eq(ok, type_rows[_i].types != 0);
    if (ok) {
        ck_assert_uint_eq(types, type_rows[_i].types);
        return;
    }
    ck_assert_uint_eq(types, 12345);
    ck_assert_str_eq(err_field(error), "types");
    suite_take_error(&error, VRM_ERR_INVALID, "want a list of task");
}
END_TEST

static const struct {
    const char *text;
    bool ok;
    int64_t id;
} id_rows[] = {
    { "0", true, 0 },
    { "117440513", true, 117440513 },
    { "007", true, 7 },
    { "9223372036854775807", true, INT64_MAX },
    { "9223372036854775808", false, 0 },
    { "18446744073709551615", false, 0 },
    { "99999999999999999999999999", false, 0 },
    { "-1", false, 0 },
    { "+1", false, 0 },
    { " 1", false, 0 },
    { "1 ", false, 0 },
    { "0x10", false, 0 },
    { "1e3", false, 0 },
    { "1.0", false, 0 },
    { "one", false, 0 },
    { "", false, 0 },
};

START_TEST(an_id_is_decimal_digits_and_fits)
{
    int64_t id = -5;
    g_autoptr(GError) error = NULL;

    ck_assert_int_eq(feed_id_parse("Last-Event-ID", id_rows[_i].text, &id, &error), id_rows[_i].ok);
    ck_assert_int_eq(id, id_rows[_i].ok ? id_rows[_i].id : -5);
    if (id_rows[_i].ok)
        return;
    ck_assert_str_eq(err_field(error), "Last-Event-ID");
    suite_take_error(&error, VRM_ERR_INVALID, id_rows[_i].text);
}
END_TEST

/* ---- a reader whose sleep a test can see -------------------------------------------------------
 */

struct watcher {
    FeedReader *reader;
    bool asleep;
    unsigned n_wakes;
    const char *trouble;
    bool ended;
};

static void on_park(void *user)
{
    struct watcher *watcher = user;

    ck_assert(!watcher->asleep);
    watcher->asleep = true;
}

static void on_wake(void *user)
{
    struct watcher *watcher = user;

    ck_assert(watcher->asleep);
    watcher->asleep = false;
    watcher->n_wakes++;
}

static const char *on_trouble(void *user, bool parked, int64_t now_ms)
{
    const struct watcher *watcher = user;

    ck_assert_int_eq(parked, watcher->asleep);
    (void)now_ms;
    return watcher->trouble;
}

static void watch_from(struct watcher *watcher, Feed *feed, unsigned types, bool resume,
                       int64_t after)
{
    g_autoptr(GError) error = NULL;

    *watcher = (struct watcher){ 0 };
    feed_open(feed, types, resume, after, &watcher->reader, &error);
    suite_no_error(error);
    feed_sit(watcher->reader, &(const struct feed_seat){ on_park, on_wake, on_trouble, watcher });
}

/* All there is until it sleeps or ends, in bites of so many bytes; ids become +N from base, the
 * time in beats T. */
static char *read_in_bites(struct watcher *watcher, size_t bite, int64_t now_ms, int64_t base)
{
    g_autoptr(GString) text = g_string_new("");
    g_autoptr(GString) out = g_string_new("");
    g_autofree char *buffer = g_malloc(bite);
    g_auto(GStrv) lines = NULL;
    ssize_t n;

    ck_assert(!watcher->asleep);
    while ((n = feed_read(watcher->reader, buffer, bite, now_ms)) > 0)
        g_string_append_len(text, buffer, n);
    watcher->ended = n == FEED_READ_END;
    ck_assert_int_ne(watcher->ended, watcher->asleep);
    lines = g_strsplit(text->str, "\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        if (g_str_has_prefix(lines[i], "id: "))
            g_string_append_printf(out, "+%" G_GINT64_FORMAT,
                                   (gint64)g_ascii_strtoll(lines[i] + strlen("id: "), NULL, 10) -
                                       base);
        else if (g_str_has_prefix(lines[i], "data: {\"time\":"))
            g_string_append(out, "T");
        else
            g_string_append(out, lines[i]);
        g_string_append_c(out, '|');
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static void expect(struct watcher *watcher, int64_t now_ms, const char *want)
{
    g_autofree char *got = read_in_bites(watcher, 4096, now_ms, BASE);
    g_autofree char *full = g_strconcat(want, "|", NULL);

    ck_assert_str_eq(got, full);
}

#define HELLO               "retry: 2000|"
#define BEAT(id)            id "|event: beat|T||"
#define MSG(id, type, data) id "|event: " type "|data: " data "||"

static Feed *feed_of(size_t max_messages, size_t max_bytes)
{
    const struct feed_limits limits = { max_messages, max_bytes, 3 };
    Feed *feed = feed_new(&limits);

    feed_start(feed, EPOCH);
    return feed;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

START_TEST(a_reader_gets_what_comes_after_it_came)
{
    Feed *feed = feed_of(10, 10000);
    struct watcher watcher;

    feed_add(feed, FEED_VM, "{1}");
    watch_from(&watcher, feed, FEED_ALL, false, 0);
    expect(&watcher, 1000, HELLO BEAT("+1"));
    feed_add(feed, FEED_VM, "{2}");
    feed_add(feed, FEED_EVENT, "{3}");
    ck_assert(watcher.asleep);
    feed_pulse(feed, 1001);
    expect(&watcher, 1001, MSG("+2", "vm", "{2}") MSG("+3", "event", "{3}"));
    ck_assert_uint_eq(watcher.n_wakes, 1);
    feed_close(watcher.reader);
    feed_free(feed);
}
END_TEST

START_TEST(only_what_it_watches_wakes_a_reader)
{
    Feed *feed = feed_of(10, 10000);
    struct watcher watcher;

    watch_from(&watcher, feed, 1u << FEED_ALARM | 1u << FEED_HOST, false, 0);
    expect(&watcher, 0, HELLO BEAT("+0"));
    feed_add(feed, FEED_VM, "{1}");
    feed_add(feed, FEED_TASK, "{2}");
    feed_pulse(feed, 1);
    feed_tick(feed, 2);
    ck_assert(watcher.asleep);
    feed_add(feed, FEED_HOST, "{3}");
    feed_pulse(feed, 3);
    expect(&watcher, 3, MSG("+3", "host", "{3}"));
    feed_close(watcher.reader);
    feed_free(feed);
}
END_TEST

START_TEST(a_beat_comes_each_15_s_and_carries_the_place)
{
    Feed *feed = feed_of(10, 10000);
    struct watcher watcher;

    watch_from(&watcher, feed, 1u << FEED_ALARM, false, 0);
    expect(&watcher, 0, HELLO BEAT("+0"));
    feed_add(feed, FEED_VM, "{1}");
    feed_tick(feed, FEED_BEAT_MS - 1);
    ck_assert(watcher.asleep);
    feed_tick(feed, FEED_BEAT_MS);
    expect(&watcher, FEED_BEAT_MS, BEAT("+1"));
    feed_add(feed, FEED_ALARM, "{2}");
    feed_tick(feed, INT64_C(2) * FEED_BEAT_MS + 900); /* late: the next is not later for it */
    expect(&watcher, INT64_C(2) * FEED_BEAT_MS + 900, BEAT("+1") MSG("+2", "alarm", "{2}"));
    feed_tick(feed, INT64_C(3) * FEED_BEAT_MS);
    expect(&watcher, INT64_C(3) * FEED_BEAT_MS, BEAT("+2"));
    feed_tick(feed, INT64_C(9) * FEED_BEAT_MS); /* much too late: one, not many */
    expect(&watcher, INT64_C(9) * FEED_BEAT_MS, BEAT("+2"));
    feed_tick(feed, INT64_C(10) * FEED_BEAT_MS - 1);
    ck_assert(watcher.asleep);
    feed_close(watcher.reader);
    feed_free(feed);
}
END_TEST

static const size_t bites[] = { 1, 2, 7, 64, 4096 };

START_TEST(messages_are_whole_whatever_the_buffer)
{
    Feed *feed = feed_of(200, 1000000);
    g_autofree char *long_text = g_strnfill(5000, 'x');
    g_autofree char *got = NULL;
    struct watcher watcher;

    for (int i = 0; i < 100; i++)
        feed_add(feed, FEED_VM, i == 50 ? long_text : "{}");
    watch_from(&watcher, feed, FEED_ALL, true, BASE);
    got = read_in_bites(&watcher, bites[_i], 0, BASE);
    ck_assert(g_str_has_prefix(got, HELLO BEAT("+0") MSG("+1", "vm", "{}")));
    ck_assert(g_str_has_suffix(got, MSG("+100", "vm", "{}") "|"));
    ck_assert_ptr_nonnull(strstr(got, long_text));
    feed_close(watcher.reader);
    feed_free(feed);
}
END_TEST

/* ---- places that are lost ----------------------------------------------------------------------
 */

/* The ring keeps 4 and 10 were added, so that +6 is the last place that is still good. */
static const struct {
    int64_t after;
    const char *begins;
    unsigned n_reset, n_messages;
} resume_rows[] = {
    { BASE + 10, HELLO BEAT("+10"), 0, 0 },
    { BASE + 9, HELLO BEAT("+9") MSG("+10", "vm", "{10}"), 0, 1 },
    { BASE + 6, HELLO BEAT("+6") MSG("+7", "vm", "{7}"), 0, 4 },
    { BASE + 5, "+10|event: reset|data: {\"reason\":\"the messages after", 1, 0 },
    { BASE, "+10|event: reset|data: {\"reason\":\"the messages after", 1, 0 },
    { 0, "+10|event: reset|data: {\"reason\":\"the messages after", 1, 0 },
    /* of an epoch before, as after a take-over */
    { BASE - 1000, "+10|event: reset|data: {\"reason\":\"the messages after", 1, 0 },
    { BASE + 11, "+10|event: reset|data: {\"reason\":\"your last id was not given", 1, 0 },
    { INT64_MAX, "+10|event: reset|data: {\"reason\":\"your last id was not given", 1, 0 },
};

static unsigned count_of(const char *text, const char *part)
{
    unsigned n = 0;

    for (text = strstr(text, part); text; text = strstr(text + 1, part))
        n++;
    return n;
}

START_TEST(a_reader_that_comes_back_goes_on_or_is_told_what_it_lost)
{
    Feed *feed = feed_of(4, 10000);
    g_autofree char *got = NULL;
    struct watcher watcher;

    for (int i = 1; i <= 10; i++) {
        g_autofree char *data = g_strdup_printf("{%d}", i);

        feed_add(feed, FEED_VM, data);
    }
    watch_from(&watcher, feed, FEED_ALL, true, resume_rows[_i].after);
    got = read_in_bites(&watcher, 4096, 0, BASE);
    ck_assert_msg(g_str_has_prefix(got, resume_rows[_i].begins), "%s", got);
    ck_assert_uint_eq(count_of(got, "event: reset"), resume_rows[_i].n_reset);
    ck_assert_uint_eq(count_of(got, "event: vm"), resume_rows[_i].n_messages);
    feed_add(feed, FEED_VM, "{11}");
    feed_pulse(feed, 1);
    expect(&watcher, 1, MSG("+11", "vm", "{11}"));
    feed_close(watcher.reader);
    feed_free(feed);
}
END_TEST

START_TEST(what_it_does_not_watch_costs_a_reader_no_place)
{
    Feed *feed = feed_of(4, 10000);
    struct watcher watcher;

    feed_add(feed, FEED_ALARM, "{1}");
    for (int i = 0; i < 100; i++)
        feed_add(feed, FEED_TASK, "{}");
    watch_from(&watcher, feed, 1u << FEED_ALARM, true, BASE + 1);
    expect(&watcher, 0, HELLO BEAT("+101"));
    feed_close(watcher.reader);
    feed_free(feed);
}
END_TEST

START_TEST(a_slow_reader_is_reset_and_delays_nobody)
{
    Feed *feed = feed_of(4, 10000);
    struct watcher slow, quick;

    watch_from(&slow, feed, FEED_ALL, false, 0);
    watch_from(&quick, feed, FEED_ALL, false, 0);
    expect(&quick, 0, HELLO BEAT("+0"));
    for (int i = 1; i <= 8; i++) {
        g_autofree char *want = g_strdup_printf("+%d|event: vm|data: {}||", i);

        feed_add(feed, FEED_VM, "{}");
        feed_pulse(feed, i);
        expect(&quick, i, want);
    }
    expect(&slow, 9,
           "+8|event: reset|data: {\"reason\":\"the messages after your last id are no longer kept "
           "here: read the objects anew\",\"lastEventId\":117440512,\"oldestId\":117440517}||" HELLO
               BEAT("+8"));
    feed_close(slow.reader);
    feed_close(quick.reader);
    feed_free(feed);
}
END_TEST

START_TEST(the_ring_is_bounded_in_bytes_and_keeps_the_newest)
{
    Feed *feed = feed_of(100, 1000);
    g_autofree char *big = g_strnfill(600, 'x');
    g_autofree char *huge = g_strnfill(5000, 'x');
    g_autofree char *got = NULL;
    struct watcher watcher;

    feed_add(feed, FEED_VM, big);
    feed_add(feed, FEED_VM, big);
    watch_from(&watcher, feed, FEED_ALL, true, BASE);
    got = read_in_bites(&watcher, 4096, 0, BASE);
    ck_assert_ptr_nonnull(strstr(got, "event: reset"));
    feed_close(watcher.reader);
    feed_add(feed, FEED_VM, huge);
    watch_from(&watcher, feed, FEED_ALL, true, BASE + 2);
    g_free(got);
    got = read_in_bites(&watcher, 4096, 0, BASE);
    ck_assert_ptr_null(strstr(got, "event: reset"));
    ck_assert_ptr_nonnull(strstr(got, huge));
    feed_close(watcher.reader);
    feed_free(feed);
}
END_TEST

/* ---- leadership --------------------------------------------------------------------------------
 */

static int64_t id_now(Feed *feed)
{
    struct watcher watcher;
    g_autofree char *got = NULL;
    const char *id;

    watch_from(&watcher, feed, FEED_ALL, false, 0);
    got = read_in_bites(&watcher, 4096, 0, 0);
    id = strstr(got, "|+");
    ck_assert_ptr_nonnull(id);
    feed_close(watcher.reader);
    return g_ascii_strtoll(id + 2, NULL, 10);
}

START_TEST(ids_grow_over_a_take_over_and_never_shrink)
{
    static const int64_t epochs[] = {
        EPOCH + 1, EPOCH + 2, 3, 5000000, 1, INT64_C(1) << 37, INT64_MAX,
    };
    Feed *feed = feed_of(4, 10000);
    int64_t last = id_now(feed);

    ck_assert_int_eq(last, BASE);
    for (size_t i = 0; i < G_N_ELEMENTS(epochs); i++) {
        int64_t id;

        feed_stop(feed, "deposed");
        feed_start(feed, epochs[i]);
        feed_add(feed, FEED_VM, "{}");
        id = id_now(feed);
        ck_assert_int_gt(id, last);
        last = id;
    }
    feed_free(feed);
}
END_TEST

START_TEST(a_reload_in_the_same_epoch_loses_nothing)
{
    Feed *feed = feed_of(4, 10000);
    struct watcher watcher;

    watch_from(&watcher, feed, FEED_ALL, false, 0);
    expect(&watcher, 0, HELLO BEAT("+0"));
    feed_add(feed, FEED_VM, "{1}");
    feed_start(feed, EPOCH);
    feed_add(feed, FEED_VM, "{2}");
    feed_pulse(feed, 1);
    expect(&watcher, 1, MSG("+1", "vm", "{1}") MSG("+2", "vm", "{2}"));
    feed_close(watcher.reader);
    feed_free(feed);
}
END_TEST

START_TEST(a_feed_that_stops_gives_the_rest_says_why_and_lets_nobody_in)
{
    Feed *feed = feed_of(10, 10000);
    g_autoptr(GError) error = NULL;
    FeedReader *reader = NULL;
    struct watcher watcher;

    watch_from(&watcher, feed, FEED_ALL, false, 0);
    expect(&watcher, 0, HELLO BEAT("+0"));
    feed_add(feed, FEED_VM, "{1}");
    feed_stop(feed, "another one leads");
    feed_add(feed, FEED_VM, "{2}");
    expect(&watcher, 1,
           MSG("+1", "vm", "{1}") MSG("+1", "end", "{\"reason\":\"another one leads\"}"));
    ck_assert(watcher.ended);
    ck_assert(!feed_open(feed, FEED_ALL, false, 0, &reader, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "another one leads");
    ck_assert_ptr_null(reader);
    feed_close(watcher.reader);
    feed_free(feed);
}
END_TEST

START_TEST(a_reader_in_trouble_is_told_and_sees_no_more)
{
    Feed *feed = feed_of(10, 10000);
    struct watcher watcher;

    watch_from(&watcher, feed, FEED_ALL, false, 0);
    expect(&watcher, 0, HELLO BEAT("+0"));
    feed_add(feed, FEED_VM, "{secret}");
    watcher.trouble = "logged out";
    feed_tick(feed, 1);
    expect(&watcher, 1, MSG("+0", "end", "{\"reason\":\"logged out\"}"));
    ck_assert(watcher.ended);
    feed_tick(feed, 2);
    ck_assert_uint_eq(watcher.n_wakes, 1);
    feed_close(watcher.reader);
    feed_free(feed);
}
END_TEST

START_TEST(there_is_room_for_so_many_readers)
{
    Feed *feed = feed_of(10, 10000);
    struct watcher watchers[3];
    FeedReader *reader = NULL;
    g_autoptr(GError) error = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(watchers); i++)
        watch_from(&watchers[i], feed, FEED_ALL, false, 0);
    ck_assert_uint_eq(feed_count(feed), 3);
    ck_assert(!feed_open(feed, FEED_ALL, false, 0, &reader, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "3 streams are being watched");
    feed_close(watchers[1].reader);
    ck_assert(feed_open(feed, FEED_ALL, false, 0, &reader, &error));
    feed_close(reader);
    feed_close(watchers[0].reader);
    feed_close(watchers[2].reader);
    ck_assert_uint_eq(feed_count(feed), 0);
    feed_free(feed);
}
END_TEST

/* clang-format off */
SUITE_MAIN("feed", SUITE_LOOP(types_are_a_list_of_known_words, type_rows),
           SUITE_LOOP(an_id_is_decimal_digits_and_fits, id_rows),
           SUITE_TEST(a_reader_gets_what_comes_after_it_came),
           SUITE_TEST(only_what_it_watches_wakes_a_reader),
           SUITE_TEST(a_beat_comes_each_15_s_and_carries_the_place),
           SUITE_LOOP(messages_are_whole_whatever_the_buffer, bites),
           SUITE_LOOP(a_reader_that_comes_back_goes_on_or_is_told_what_it_lost, resume_rows),
           SUITE_TEST(what_it_does_not_watch_costs_a_reader_no_place),
           SUITE_TEST(a_slow_reader_is_reset_and_delays_nobody),
           SUITE_TEST(the_ring_is_bounded_in_bytes_and_keeps_the_newest),
           SUITE_TEST(ids_grow_over_a_take_over_and_never_shrink),
           SUITE_TEST(a_reload_in_the_same_epoch_loses_nothing),
           SUITE_TEST(a_feed_that_stops_gives_the_rest_says_why_and_lets_nobody_in),
           SUITE_TEST(a_reader_in_trouble_is_told_and_sees_no_more),
           SUITE_TEST(there_is_room_for_so_many_readers))
/* clang-format on */
