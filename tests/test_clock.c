/* test_clock.c - time as text.  TZ is fixed: local time must not depend on the builder. */
#include "config.h"

#include "base/clock.h"

#include <time.h>

#include "tests/suite.h"

static void use_zone(const char *zone)
{
    g_setenv("TZ", zone, TRUE);
    tzset();
}

/* Central European rules as a POSIX string: works without a zone database. */
#define CET "CET-1CEST,M3.5.0,M10.5.0/3"

static const struct {
    const char *zone;
    int64_t wall_ms;
    const char *text;
} times[] = {
    { "UTC0", 1000, "1970-01-01 00:00:01" },
    { "UTC0", 1795363201000, "2026-11-22 16:00:01" },
    { CET, 1795363201000, "2026-11-22 17:00:01" },
    { CET, 1784736000000, "2026-07-22 18:00:00" },
    { "UTC0", 1835395199000, "2028-02-28 23:59:59" },
    { "UTC0", 1835395200000, "2028-02-29 00:00:00" },
    { "CST-8", 4102444800000, "2100-01-01 08:00:00" },
};

START_TEST(a_time_prints_and_parses_back)
{
    g_autofree char *text = NULL;
    int64_t again = -1;

    use_zone(times[_i].zone);
    text = clock_format_local(times[_i].wall_ms);
    ck_assert_str_eq(text, times[_i].text);
    ck_assert(clock_parse_local(text, &again));
    ck_assert_int_eq(again, times[_i].wall_ms);
}
END_TEST

static const char *const not_times[] = {
    "",
    "2026-11-22",
    "2026-11-22T16:00:01",
    "2026-11-22 16:00",
    "2026-11-22 16:00:01 ",
    "2026-11-22 16:00:01.5",
    " 2026-11-22 16:00:01",
    "2026-13-01 00:00:00",
    "2026-00-01 00:00:00",
    "2026-02-29 00:00:00",
    "2026-04-31 00:00:00",
    "2026-11-22 24:00:00",
    "2026-11-22 16:60:01",
    "2026-11-22 16:00:61",
    "0000-00-00 00:00:00",
    "1969-12-31 23:00:00",
    "+026-11-22 16:00:01",
    "2026-11-2x 16:00:01",
    "2026-03-29 02:30:00", /* the hour that CET skips */
};

START_TEST(what_is_not_a_time_is_refused)
{
    int64_t wall_ms = -7;

    use_zone(CET);
    ck_assert_msg(!clock_parse_local(not_times[_i], &wall_ms), "\"%s\"", not_times[_i]);
    ck_assert_int_eq(wall_ms, -7);
}
END_TEST

START_TEST(null_is_not_a_time)
{
    int64_t wall_ms;

    ck_assert(!clock_parse_local(NULL, &wall_ms));
}
END_TEST

START_TEST(zero_prints_as_nothing)
{
    g_autofree char *zero = clock_format_local(0);
    g_autofree char *negative = clock_format_local(-1);
    g_autofree char *log = clock_format_log(0);

    ck_assert_str_eq(zero, "");
    ck_assert_str_eq(negative, "");
    ck_assert_str_eq(log, "");
}
END_TEST

START_TEST(the_log_form_has_milliseconds)
{
    g_autofree char *text = NULL;

    use_zone("UTC0");
    text = clock_format_log(1795363201007);
    ck_assert_str_eq(text, "2026-11-22T16:00:01.007");
}
END_TEST

START_TEST(now_does_not_go_back)
{
    int64_t a = clock_now_ms();
    int64_t b = clock_now_ms();

    ck_assert_int_gt(a, 0);
    ck_assert_int_ge(b, a);
    ck_assert_int_gt(clock_wall_ms(), 1700000000000);
}
END_TEST

SUITE_MAIN("clock", SUITE_LOOP(a_time_prints_and_parses_back, times),
           SUITE_LOOP(what_is_not_a_time_is_refused, not_times), SUITE_TEST(null_is_not_a_time),
           SUITE_TEST(zero_prints_as_nothing), SUITE_TEST(the_log_form_has_milliseconds),
           SUITE_TEST(now_does_not_go_back))
