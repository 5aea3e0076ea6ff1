/* test_agent_stats.c - counters become rates. */
#include "config.h"

#include "agent/stats.h"

#include <stdio.h>

#include "tests/suite.h"

#define U1      "00000000-0000-4000-8000-000000000001"
#define MHZ     INT64_C(2000)
#define SECOND  UINT64_C(1000000000)
#define MIB_KIB UINT64_C(1024)

struct take {
    struct stats_domain_sample before, after;
    struct domain_stats want; /* uuid NULL: none is told */
};

static char u1[] = U1;

/* clang-format off */
static const struct take rows[] = {
    /* one core busy for the five seconds between the two samples */
    { { .run_id = 1, .cpu_ns = 7 * SECOND }, { .run_id = 1, .cpu_ns = 12 * SECOND },
      { .uuid = u1, .cpu_mhz = MHZ } },
    /* two and a half cores */
    { { .run_id = 1 }, { .run_id = 1, .cpu_ns = 25 * SECOND / 2 },
      { .uuid = u1, .cpu_mhz = 5 * MHZ / 2 } },
    { { .run_id = 1, .cpu_ns = 5 }, { .run_id = 1, .cpu_ns = 5 }, { .uuid = u1 } },
    { { .run_id = 1 }, { .run_id = 1, .rss_kib = 300 * MIB_KIB + 5 },
      { .uuid = u1, .mem_mb = 300 } },
    { { .run_id = 1, .net_bytes = 1000 }, { .run_id = 1, .net_bytes = 626000 },
      { .uuid = u1, .net_kbps = 1000 } },
    { { .run_id = 1 }, { .run_id = 1, .read_bytes = 10240, .write_bytes = 20480 },
      { .uuid = u1, .disk_read_kbps = 2, .disk_write_kbps = 4 } },
    /* a card was unplugged: its bytes are gone from the sum */
    { { .run_id = 1, .net_bytes = 9000 }, { .run_id = 1, .net_bytes = 10 },
      { .uuid = u1 } },
    /* started again: counters of another run say nothing */
    { { .run_id = 1, .cpu_ns = 1 * SECOND }, { .run_id = 2, .cpu_ns = 9 * SECOND }, { 0 } },
    { { .run_id = 1, .cpu_ns = 9 * SECOND }, { .run_id = 1, .cpu_ns = 1 * SECOND }, { 0 } },
};
/* clang-format on */

static void update(StatsTracker *tracker, int64_t at_ms, const struct stats_domain_sample *domain,
                   const struct stats_host_sample *host, struct watch_line *ret_line)
{
    struct stats_domain_sample copy = domain ? *domain : (struct stats_domain_sample){ 0 };
    const struct stats_sample sample = {
        .at_ms = at_ms,
        .cpu_mhz = MHZ,
        .host = *host,
        .domains = &copy,
        .n_domains = domain ? 1 : 0,
    };

    g_strlcpy(copy.uuid, U1, sizeof(copy.uuid));
    stats_tracker_update(tracker, &sample, ret_line);
}

START_TEST(two_samples_give_these_rates)
{
    static const struct stats_host_sample host = { 0 };
    g_autoptr(StatsTracker) tracker = stats_tracker_new();
    const struct domain_stats *want = &rows[_i].want;
    struct watch_line line;

    update(tracker, 1000, &rows[_i].before, &host, &line);
    ck_assert_uint_eq(line.n_stats, 0);
    ck_assert_int_eq(line.interval_ms, 0);
    watch_line_clear(&line);
    update(tracker, 6000, &rows[_i].after, &host, &line);
    ck_assert_int_eq(line.interval_ms, 5000);
    ck_assert_uint_eq(line.n_stats, want->uuid ? 1 : 0);
    if (want->uuid) {
        ck_assert_str_eq(line.stats[0].uuid, want->uuid);
        ck_assert_int_eq(line.stats[0].cpu_mhz, want->cpu_mhz);
        ck_assert_int_eq(line.stats[0].mem_mb, want->mem_mb);
        ck_assert_int_eq(line.stats[0].net_kbps, want->net_kbps);
        ck_assert_int_eq(line.stats[0].disk_read_kbps, want->disk_read_kbps);
        ck_assert_int_eq(line.stats[0].disk_write_kbps, want->disk_write_kbps);
    }
    watch_line_clear(&line);
}
END_TEST

START_TEST(the_host_is_measured_like_a_domain)
{
    static const struct stats_host_sample first = { .cpu_busy_ns = 3 * SECOND, .net_bytes = 100 };
    static const struct stats_host_sample second = {
        .cpu_busy_ns = 7 * SECOND,
        .net_bytes = 250100,
        .mem_used_kib = 2048 * MIB_KIB,
    };
    g_autoptr(StatsTracker) tracker = stats_tracker_new();
    struct watch_line line;

    update(tracker, 1000, NULL, &first, &line);
    watch_line_clear(&line);
    update(tracker, 3000, NULL, &second, &line);
    ck_assert_int_eq(line.host.cpu_mhz, 2 * MHZ);
    ck_assert_int_eq(line.host.net_kbps, 1000);
    ck_assert_int_eq(line.host.mem_mb, 2048);
    watch_line_clear(&line);
}
END_TEST

START_TEST(no_time_between_two_samples_gives_no_rates)
{
    static const struct stats_host_sample host = { 0 };
    g_autoptr(StatsTracker) tracker = stats_tracker_new();
    struct stats_domain_sample domain = { .run_id = 1 };
    struct watch_line line;

    update(tracker, 1000, &domain, &host, &line);
    watch_line_clear(&line);
    domain.cpu_ns = SECOND;
    update(tracker, 1000, &domain, &host, &line);
    ck_assert_int_eq(line.interval_ms, 0);
    ck_assert_uint_eq(line.n_stats, 0);
    watch_line_clear(&line);
}
END_TEST

START_TEST(a_domain_that_was_away_for_a_sample_is_new_again)
{
    static const struct stats_host_sample host = { 0 };
    g_autoptr(StatsTracker) tracker = stats_tracker_new();
    const struct stats_domain_sample domain = { .run_id = 1, .cpu_ns = SECOND };
    struct watch_line line;

    update(tracker, 1000, &domain, &host, &line);
    watch_line_clear(&line);
    update(tracker, 2000, NULL, &host, &line);
    watch_line_clear(&line);
    update(tracker, 3000, &domain, &host, &line);
    ck_assert_uint_eq(line.n_stats, 0);
    watch_line_clear(&line);
    update(tracker, 4000, &domain, &host, &line);
    ck_assert_uint_eq(line.n_stats, 1);
    watch_line_clear(&line);
}
END_TEST

/* ---- signs of life --------------------------------------------------------------------------- */

#define AGE 7000

/* A first sample at 1 s, then one each 5 s; want is what the last one says. */
static const struct {
    struct stats_domain_sample steps[4];
    size_t n_steps;
    int64_t io_still_ms, cpu_still_ms, cpu_stuck_ms, agent_silent_ms;
} lives[] = {
    /* it works: some CPU, some I/O */
    { { { .cpu_ns = SECOND, .read_bytes = 1 },
        { .cpu_ns = 2 * SECOND, .read_bytes = 2 },
        { .cpu_ns = 3 * SECOND, .write_bytes = 1, .read_bytes = 3 } },
      3,
      0,
      0,
      0,
      0 },
    /* it does nothing at all */
    { { { .cpu_ns = SECOND }, { .cpu_ns = SECOND }, { .cpu_ns = SECOND } }, 3, 10000, 10000, 0, 0 },
    /* a thousandth of a core is nothing, too; a hundredth is something */
    { { { .cpu_ns = 0 }, { .cpu_ns = SECOND / 250 }, { .cpu_ns = SECOND / 125 } },
      3,
      10000,
      10000,
      0,
      0 },
    { { { .cpu_ns = 0 }, { .cpu_ns = SECOND / 20 }, { .cpu_ns = SECOND / 10 } },
      3,
      10000,
      0,
      0,
      0 },
    /* both vCPUs turn without a pause, and only they do */
    { { { .cpu_ns = 0 }, { .cpu_ns = 10 * SECOND }, { .cpu_ns = 20 * SECOND } },
      3,
      10000,
      0,
      10000,
      0 },
    { { { .cpu_ns = 0 }, { .cpu_ns = 10 * SECOND }, { .cpu_ns = 16 * SECOND } },
      3,
      10000,
      0,
      0,
      0 },
    /* samples of a busy host come early and late */
    { { { .cpu_ns = 0 },
        { .cpu_ns = 9 * SECOND },
        { .cpu_ns = 20 * SECOND },
        { .cpu_ns = 28 * SECOND } },
      4,
      15000,
      0,
      15000,
      0 },
    /* many short pauses are pauses */
    { { { .cpu_ns = 0 },
        { .cpu_ns = 17 * SECOND / 2 },
        { .cpu_ns = 17 * SECOND },
        { .cpu_ns = 49 * SECOND / 2 } },
      4,
      15000,
      0,
      0,
      0 },
    /* on a busy host they turn part of the time, and wait for the rest */
    { { { .cpu_ns = 0, .delay_ns = SECOND },
        { .cpu_ns = 4 * SECOND, .delay_ns = 7 * SECOND },
        { .cpu_ns = 9 * SECOND, .delay_ns = 12 * SECOND } },
      3,
      10000,
      0,
      10000,
      0 },
    /* QEMU does something, they do not */
    { { { .cpu_ns = 0, .vcpu_ns = SECOND },
        { .cpu_ns = SECOND / 20, .vcpu_ns = SECOND },
        { .cpu_ns = SECOND / 10, .vcpu_ns = SECOND } },
      3,
      10000,
      10000,
      0,
      0 },
    /* how long they waited is known only from now on */
    { { { .cpu_ns = 0 }, { .cpu_ns = SECOND, .delay_ns = 90 * SECOND } }, 2, 5000, 0, 0, 0 },
    /* what comes from the network is no sign; what goes there is */
    { { { .cpu_ns = 0 }, { .net_bytes = 9 }, { .net_bytes = 99 } }, 3, 10000, 10000, 0, 0 },
    { { { .cpu_ns = 0 }, { .sent_bytes = 9 }, { .sent_bytes = 10 } }, 3, 0, 10000, 0, 0 },
    /* a counter that could not be read for once did not grow */
    { { { .read_bytes = 50 }, { .cpu_ns = 0 }, { .read_bytes = 50 } }, 3, 10000, 10000, 0, 0 },
    /* another run begins anew */
    { { { .cpu_ns = 0 }, { .cpu_ns = 0 }, { .run_id = 2 }, { .run_id = 2 } }, 4, 5000, 5000, 0, 0 },
    { { { .cpu_ns = 0 }, { .agent_age_ms = AGE } }, 2, 5000, 5000, 0, AGE },
};

START_TEST(a_guests_signs_of_life_are_told)
{
    static const struct stats_host_sample host = { 0 };
    g_autoptr(StatsTracker) tracker = stats_tracker_new();
    struct watch_line line = { 0 };

    for (size_t i = 0; i < lives[_i].n_steps; i++) {
        struct stats_domain_sample sample = lives[_i].steps[i];

        sample.runs = true;
        sample.n_vcpus = 2;
        watch_line_clear(&line);
        update(tracker, 1000 + 5000 * (int64_t)i, &sample, &host, &line);
    }
    ck_assert_uint_eq(line.n_stats, 1);
    ck_assert_int_eq(line.stats[0].io_still_ms, lives[_i].io_still_ms);
    ck_assert_int_eq(line.stats[0].cpu_still_ms, lives[_i].cpu_still_ms);
    ck_assert_int_eq(line.stats[0].cpu_stuck_ms, lives[_i].cpu_stuck_ms);
    ck_assert_int_eq(line.stats[0].agent_silent_ms, lives[_i].agent_silent_ms);
    watch_line_clear(&line);
}
END_TEST

START_TEST(an_agent_answers_only_while_its_guest_runs)
{
    static const struct stats_host_sample host = { 0 };
    g_autoptr(StatsTracker) tracker = stats_tracker_new();
    struct stats_domain_sample sample = { .agent_answers = true };
    struct watch_line line;

    for (int64_t i = 0; i < 3; i++) {
        sample.runs = i < 2;
        update(tracker, 1000 + 5000 * i, &sample, &host, &line);
        if (i > 0)
            ck_assert_int_eq(line.stats[0].agent_answers, sample.runs);
        watch_line_clear(&line);
    }
}
END_TEST

START_TEST(a_paused_guest_is_not_missed)
{
    static const struct stats_host_sample host = { 0 };
    g_autoptr(StatsTracker) tracker = stats_tracker_new();
    struct stats_domain_sample sample = { .runs = true };
    struct watch_line line;

    for (int64_t i = 0; i < 6; i++) {
        sample.runs = i < 2 || i == 5;
        update(tracker, 1000 + 5000 * i, &sample, &host, &line);
        if (i >= 2)
            ck_assert_int_eq(line.stats[0].io_still_ms, 0);
        watch_line_clear(&line);
    }
    update(tracker, 31000, &sample, &host, &line);
    ck_assert_int_eq(line.stats[0].io_still_ms, 5000);
    watch_line_clear(&line);
}
END_TEST

SUITE_MAIN("agent_stats", SUITE_LOOP(a_guests_signs_of_life_are_told, lives),
           SUITE_TEST(a_paused_guest_is_not_missed),
           SUITE_TEST(an_agent_answers_only_while_its_guest_runs),
           SUITE_LOOP(two_samples_give_these_rates, rows),
           SUITE_TEST(the_host_is_measured_like_a_domain),
           SUITE_TEST(no_time_between_two_samples_gives_no_rates),
           SUITE_TEST(a_domain_that_was_away_for_a_sample_is_new_again))
