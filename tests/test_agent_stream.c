/* test_agent_stream.c - the lines of the agent's core: everything, then changes, also of a libvirtd
 * that was lost. */
#include "config.h"

#include "tests/agent_bench.h"
#include "tests/suite.h"

/* Each line decodes; their kinds in order, beats left out. */
static char *stream_kinds(const struct stream *stream)
{
    g_auto(GStrv) lines = g_strsplit(stream->text->str, "\n", -1);
    GString *kinds = g_string_new(NULL);

    for (char **text = lines; **text; text++) {
        struct watch_line line;
        GError *error = NULL;

        watch_line_decode(*text, strlen(*text), &line, &error);
        suite_no_error(error);
        if (line.kind != WATCH_BEAT)
            g_string_append_printf(kinds, "%s ", watch_kind_name(line.kind));
        watch_line_clear(&line);
    }
    return g_string_free(kinds, FALSE);
}

START_TEST(a_stream_begins_with_hello_and_everything_then_tells_changes)
{
    struct bench bench;
    struct stream stream;
    g_autofree char *kinds = NULL;

    bench_prepare(&bench);
    hv_fake_put(bench.hv, U1, DOMAIN_RUNNING, 3);
    bench_start(&bench);
    bench_wait_up(&bench);
    stream_open(&bench, 4, &stream);
    ck_assert_int_eq(stream.status, 200);
    stream_wait(&stream, "\"full\"");
    ck_assert_ptr_nonnull(strstr(stream.text->str, "\"epoch\":4"));
    ck_assert_ptr_nonnull(strstr(stream.text->str, U1));
    bench_ask_status(&bench, "c1", "stop", U1, 3, 4);
    stream_wait(&stream, "\"done\"");
    stream_wait(&stream, "\"absent\"");
    kinds = stream_kinds(&stream);
    ck_assert_msg(g_str_has_prefix(kinds, "hello full command "), "%s", kinds);
    stream_close(&stream);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_higher_epoch_ends_the_streams_of_lower_ones)
{
    struct bench bench;
    struct stream old, new;

    bench_init(&bench);
    bench_wait_up(&bench);
    stream_open(&bench, 4, &old);
    stream_open(&bench, 5, &new);
    ck_assert_int_eq(new.status, 200);
    stream_read(&old);
    stream_read(&new);
    ck_assert(old.over);
    ck_assert(!new.over);
    stream_close(&old);
    stream_open(&bench, 4, &old);
    ck_assert_int_eq(old.status, 409);
    bench_ask_status(&bench, "c1", "stop", U1, 1, 6);
    stream_read(&new);
    ck_assert(new.over);
    stream_close(&old);
    stream_close(&new);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_lost_hypervisor_is_told_and_what_vanished_meanwhile_is_missing_afterwards)
{
    struct bench bench;
    struct stream stream;

    bench_prepare(&bench);
    hv_fake_put(bench.hv, U1, DOMAIN_RUNNING, 3);
    bench_start(&bench);
    bench_wait_up(&bench);
    stream_open(&bench, 1, &stream);
    stream_wait(&stream, U1);
    hv_fake_set_link(bench.hv, false);
    stream_wait(&stream, "\"beat\",\"hypervisor_ok\":false");
    hv_fake_remove(bench.hv, U1);
    g_string_truncate(stream.text, 0);
    hv_fake_set_link(bench.hv, true);
    stream_wait(&stream, "\"full\",\"hypervisor_ok\":true,\"domains\":[]");
    stream_close(&stream);
    bench_clear(&bench);
}
END_TEST

START_TEST(an_event_during_a_list_wins_over_the_list)
{
    struct bench bench;
    struct stream stream;

    bench_prepare(&bench);
    hv_fake_put(bench.hv, U1, DOMAIN_RUNNING, 3);
    hv_fake_hold(bench.hv, "list");
    bench_start(&bench);
    bench_wait_inside(&bench, "list", 1);
    hv_fake_tell(bench.hv, U1);
    hv_fake_release(bench.hv, "list");
    bench_wait_up(&bench);
    stream_open(&bench, 1, &stream);
    hv_fake_remove(bench.hv, U1);
    hv_fake_tell(bench.hv, U1);
    stream_wait(&stream, "\"absent\"");
    stream_close(&stream);
    bench_clear(&bench);
}
END_TEST

START_TEST(no_stream_before_anything_is_known_of_the_host)
{
    struct bench bench;
    struct stream stream;

    bench_prepare(&bench);
    hv_fake_set_link(bench.hv, false);
    bench_start(&bench);
    stream_open(&bench, 1, &stream);
    ck_assert_int_eq(stream.status, 503);
    stream_close(&stream);
    bench_clear(&bench);
}
END_TEST

START_TEST(streams_are_limited_in_number)
{
    struct bench bench;
    struct stream streams[8], more;

    bench_init(&bench);
    bench_wait_up(&bench);
    for (size_t i = 0; i < G_N_ELEMENTS(streams); i++)
        stream_open(&bench, 1, &streams[i]);
    stream_open(&bench, 1, &more);
    ck_assert_int_eq(more.status, 503);
    stream_close(&more);
    for (size_t i = 0; i < G_N_ELEMENTS(streams); i++)
        stream_close(&streams[i]);
    stream_open(&bench, 1, &more);
    ck_assert_int_eq(more.status, 200);
    stream_close(&more);
    bench_clear(&bench);
}
END_TEST

SUITE_MAIN("agent_stream", SUITE_TEST(a_stream_begins_with_hello_and_everything_then_tells_changes),
           SUITE_TEST(a_higher_epoch_ends_the_streams_of_lower_ones),
           SUITE_TEST(a_lost_hypervisor_is_told_and_what_vanished_meanwhile_is_missing_afterwards),
           SUITE_TEST(an_event_during_a_list_wins_over_the_list),
           SUITE_TEST(no_stream_before_anything_is_known_of_the_host),
           SUITE_TEST(streams_are_limited_in_number))
