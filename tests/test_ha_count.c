/* test_ha_count.c - what HA counts, and how it comes back from what was stored. */
#include "config.h"

#include "controller/ha_count.h"

#include "base/clock.h"
#include "db/store_ha.h"
#include "tests/suite.h"

#define MINUTE_MS INT64_C(60000)
#define VM        7
#define HOST      101

static GPtrArray *rows_new(void)
{
    return g_ptr_array_new_with_free_func(g_free);
}

static void add_restart(GPtrArray *rows, int64_t vm_id, int64_t age_ms)
{
    const struct ha_restart_row row = { vm_id, clock_wall_ms() - age_ms };

    g_ptr_array_add(rows, g_memdup2(&row, sizeof(row)));
}

static const struct {
    int64_t age_min; /* below 0: in the future */
    int64_t counted;
} ages[] = {
    { 0, 1 }, { 59, 1 }, { 61, 0 }, { 100000, 0 }, { -59, 1 }, { -61, 0 }, { -100000, 0 }
};

START_TEST(a_stored_restart_counts_for_an_hour_by_whichever_clock)
{
    g_autoptr(HaCounts) counts = ha_counts_new();
    g_autoptr(GPtrArray) rows = rows_new();

    add_restart(rows, VM, ages[_i].age_min * MINUTE_MS);
    add_restart(rows, VM + 1, 0);
    ha_counts_restore(counts, rows, NULL);
    ck_assert_int_eq(ha_counts_restarts(counts, VM), ages[_i].counted);
    ck_assert_int_eq(ha_counts_restarts(counts, VM + 1), 1);
    ck_assert_int_eq(ha_counts_restarts(counts, VM + 2), 0);
}
END_TEST

START_TEST(what_happens_now_is_added_to_what_was_stored_and_a_reload_begins_anew)
{
    struct committer committer = { 0 };
    g_autoptr(Commit) commit = commit_new(&committer);
    g_autoptr(HaCounts) counts = ha_counts_new();
    g_autoptr(GPtrArray) rows = rows_new();

    add_restart(rows, VM, 30 * MINUTE_MS);
    ha_counts_restore(counts, rows, NULL);
    ha_counts_restart(counts, VM, commit);
    ck_assert_int_eq(ha_counts_restarts(counts, VM), 2);
    for (int i = 0; i < 200; i++)
        ha_counts_restart(counts, VM + i, commit);
    ck_assert_int_eq(ha_counts_restarts(counts, VM), 3);
    ck_assert_int_eq(ha_counts_restarts(counts, VM + 199), 1);
    for (int i = 0; i < 200; i++)
        ha_counts_restart(counts, VM, commit);
    ck_assert_int_eq(ha_counts_restarts(counts, VM), 64); /* more than any policy allows */
    ha_counts_restore(counts, rows, NULL);
    ck_assert_int_eq(ha_counts_restarts(counts, VM), 1);
    ck_assert_int_eq(ha_counts_restarts(counts, VM + 199), 0);
    ha_counts_restore(counts, NULL, NULL);
    ck_assert_int_eq(ha_counts_restarts(counts, VM), 0);
}
END_TEST

START_TEST(tries_of_a_host_go_on_until_it_lives)
{
    struct committer committer = { 0 };
    g_autoptr(Commit) commit = commit_new(&committer);
    g_autoptr(HaCounts) counts = ha_counts_new();
    g_autoptr(GPtrArray) rows = rows_new();
    const struct ha_power_on_row row = { HOST, 1, clock_wall_ms() - 2 * MINUTE_MS };
    struct ha_tries tries;
    int64_t age_ms;

    g_ptr_array_add(rows, g_memdup2(&row, sizeof(row)));
    ha_counts_restore(counts, NULL, rows);
    tries = ha_counts_tries(counts, HOST);
    age_ms = clock_now_ms() - tries.last_ms;
    ck_assert(tries.n == 1 && tries.is_stored);
    ck_assert(age_ms >= 2 * MINUTE_MS && age_ms < 5 * MINUTE_MS);
    ha_counts_power_on(counts, HOST, commit);
    ck_assert_int_eq(ha_counts_tries(counts, HOST).n, 2);
    ck_assert_int_ge(ha_counts_tries(counts, HOST).last_ms, tries.last_ms + MINUTE_MS);
    ha_counts_undo(counts, HOST);
    ck_assert_int_eq(ha_counts_tries(counts, HOST).n, 1);
    ha_counts_forget(counts, HOST, commit);
    ck_assert(ha_counts_tries(counts, HOST).n == 0 && ha_counts_tries(counts, HOST).is_stored);
    ha_counts_forgotten(counts, HOST);
    ck_assert(!ha_counts_tries(counts, HOST).is_stored);
    ha_counts_undo(counts, HOST);
    ck_assert_int_eq(ha_counts_tries(counts, HOST).n, 0);
}
END_TEST

/* Else the next try would wait for somebody else's clock. */
START_TEST(a_try_in_the_future_was_made_now)
{
    g_autoptr(HaCounts) counts = ha_counts_new();
    g_autoptr(GPtrArray) rows = rows_new();
    const struct ha_power_on_row row = { HOST, 2, clock_wall_ms() + 100000 * MINUTE_MS };

    g_ptr_array_add(rows, g_memdup2(&row, sizeof(row)));
    ha_counts_restore(counts, NULL, rows);
    ck_assert_int_eq(ha_counts_tries(counts, HOST).n, 2);
    ck_assert_int_le(ha_counts_tries(counts, HOST).last_ms, clock_now_ms());
}
END_TEST

SUITE_MAIN("ha-count", SUITE_LOOP(a_stored_restart_counts_for_an_hour_by_whichever_clock, ages),
           SUITE_TEST(what_happens_now_is_added_to_what_was_stored_and_a_reload_begins_anew),
           SUITE_TEST(tries_of_a_host_go_on_until_it_lives),
           SUITE_TEST(a_try_in_the_future_was_made_now))
