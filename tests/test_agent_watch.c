/* test_agent_watch.c - buffers between the loop and the readers of streams. */
#include "config.h"

#include "agent/watch.h"

#include <stdio.h>

#include "tests/suite.h"

static const struct watch_limits limits = { .max_watchers = 3, .max_queued = 1000 };

struct parking {
    unsigned n_parked, n_woken;
};

static void park(void *user)
{
    ((struct parking *)user)->n_parked++;
}

static void wake(void *user)
{
    ((struct parking *)user)->n_woken++;
}

static ssize_t read_some(Watcher *watcher, struct parking *parking, char *buf, size_t max)
{
    const struct watcher_pause pause = { park, wake, parking };

    return watcher_read(watcher, buf, max, &pause);
}

static void publish_beat(WatchHub *hub)
{
    const struct watch_line line = { .kind = WATCH_BEAT, .hypervisor_ok = true };

    watch_hub_publish(hub, &line);
}

static const char beat[] =
    "{\"v\":" G_STRINGIFY(AGENT_PROTOCOL_VERSION) ",\"kind\":\"beat\",\"hypervisor_ok\":true}\n";

START_TEST(a_reader_gets_every_byte_in_pieces_of_any_size_then_parks_and_is_woken_once)
{
    g_autoptr(WatchHub) hub = watch_hub_new(&limits);
    Watcher *watcher = watch_hub_add(hub, 1);
    struct parking parking = { 0 };
    g_autoptr(GString) text = g_string_new(NULL);
    char buf[7];
    ssize_t n;

    publish_beat(hub);
    while ((n = read_some(watcher, &parking, buf, sizeof(buf))) > 0)
        g_string_append_len(text, buf, n);
    ck_assert_int_eq(n, WATCHER_WAIT);
    ck_assert_str_eq(text->str, beat);
    ck_assert_uint_eq(parking.n_parked, 1);
    publish_beat(hub);
    publish_beat(hub);
    ck_assert_uint_eq(parking.n_woken, 1);
    watcher_close(watcher);
}
END_TEST

START_TEST(a_slow_reader_loses_its_stream_and_the_others_do_not_notice)
{
    g_autoptr(WatchHub) hub = watch_hub_new(&limits);
    Watcher *slow = watch_hub_add(hub, 1), *quick = watch_hub_add(hub, 1);
    struct parking parking = { 0 };
    char buf[2000];

    for (int i = 0; i < 100; i++) {
        publish_beat(hub);
        ck_assert_int_eq(read_some(quick, &parking, buf, sizeof(buf)), (int)strlen(beat));
    }
    ck_assert_int_eq(read_some(slow, &parking, buf, sizeof(buf)), WATCHER_LOST);
    ck_assert_uint_eq(watch_hub_count(hub), 1);
    watcher_close(slow);
    watcher_close(quick);
}
END_TEST

START_TEST(an_ended_stream_is_read_to_its_end)
{
    g_autoptr(WatchHub) hub = watch_hub_new(&limits);
    Watcher *watcher = watch_hub_add(hub, 1);
    struct parking parking = { 0 };
    char buf[2000];

    publish_beat(hub);
    watch_hub_end_all(hub);
    publish_beat(hub);
    ck_assert_int_eq(read_some(watcher, &parking, buf, sizeof(buf)), (int)strlen(beat));
    ck_assert_int_eq(read_some(watcher, &parking, buf, sizeof(buf)), WATCHER_ENDED);
    watcher_close(watcher);
}
END_TEST

START_TEST(a_parked_reader_is_woken_when_its_stream_ends)
{
    g_autoptr(WatchHub) hub = watch_hub_new(&limits);
    Watcher *watcher = watch_hub_add(hub, 1);
    struct parking parking = { 0 };
    char buf[10];

    ck_assert_int_eq(read_some(watcher, &parking, buf, sizeof(buf)), WATCHER_WAIT);
    watch_hub_end_below(hub, 1);
    ck_assert_uint_eq(parking.n_woken, 0);
    watch_hub_end_below(hub, 2);
    ck_assert_uint_eq(parking.n_woken, 1);
    ck_assert_int_eq(read_some(watcher, &parking, buf, sizeof(buf)), WATCHER_ENDED);
    watcher_close(watcher);
}
END_TEST

START_TEST(there_are_only_so_many_streams_and_closed_ones_make_room)
{
    g_autoptr(WatchHub) hub = watch_hub_new(&limits);
    Watcher *watchers[3];

    for (size_t i = 0; i < G_N_ELEMENTS(watchers); i++)
        watchers[i] = watch_hub_add(hub, 1);
    ck_assert_ptr_null(watch_hub_add(hub, 1));
    watcher_close(watchers[1]);
    publish_beat(hub); /* into a closed one: nothing happens */
    watchers[1] = watch_hub_add(hub, 1);
    ck_assert_ptr_nonnull(watchers[1]);
    for (size_t i = 0; i < G_N_ELEMENTS(watchers); i++)
        watcher_close(watchers[i]);
    ck_assert_uint_eq(watch_hub_count(hub), 0);
}
END_TEST

START_TEST(a_reader_may_outlive_the_hub)
{
    WatchHub *hub = watch_hub_new(&limits);
    Watcher *watcher = watch_hub_add(hub, 1);
    struct parking parking = { 0 };
    char buf[10];

    watch_hub_free(hub);
    ck_assert_int_eq(read_some(watcher, &parking, buf, sizeof(buf)), WATCHER_ENDED);
    watcher_close(watcher);
}
END_TEST

SUITE_MAIN("agent_watch",
           SUITE_TEST(a_reader_gets_every_byte_in_pieces_of_any_size_then_parks_and_is_woken_once),
           SUITE_TEST(a_slow_reader_loses_its_stream_and_the_others_do_not_notice),
           SUITE_TEST(an_ended_stream_is_read_to_its_end),
           SUITE_TEST(a_parked_reader_is_woken_when_its_stream_ends),
           SUITE_TEST(there_are_only_so_many_streams_and_closed_ones_make_room),
           SUITE_TEST(a_reader_may_outlive_the_hub))
