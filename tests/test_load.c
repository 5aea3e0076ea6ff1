/* test_load.c - what "the load" is: a percentile of the samples of a window. */
#include "config.h"

#include "controller/load.h"

#include "tests/suite.h"

#define WINDOW_MS 60000

static struct load add_cpu(LoadBook *book, int64_t id, int64_t cpu_mhz, int64_t now_ms)
{
    struct load_sample sample = { cpu_mhz, cpu_mhz * 10, cpu_mhz * 100 };

    return load_book_add(book, OBJECT_VM, id, &sample, now_ms);
}

static LoadBook *make_book(int64_t percentile)
{
    return load_book_new(
        &(struct load_options){ .window_ms = WINDOW_MS, .percentile = percentile });
}

/* Nearest rank: of n values the one at place ceil(n * percentile / 100), counted from 1. */
static const struct {
    int64_t percentile, values[11]; /* ended by 0 */
    int64_t load;
} ranks[] = {
    { 80, { 7 }, 7 },
    { 80, { 10, 20 }, 20 },
    { 50, { 10, 20 }, 10 },
    { 50, { 20, 10, 30 }, 20 },
    { 80, { 5, 4, 3, 2, 1 }, 4 },
    { 80, { 100, 90, 80, 70, 60, 50, 40, 30, 20, 10 }, 80 },
    { 81, { 10, 20, 30, 40, 50, 60, 70, 80, 90, 100 }, 90 },
    { 100, { 10, 99, 20 }, 99 },
    { 1, { 30, 20, 10 }, 10 },
    { 90, { 1, 1, 1, 1, 1, 1, 1, 1, 1, 500 }, 1 }, /* one peak is not the load */
};

START_TEST(the_load_is_the_percentile_by_nearest_rank)
{
    g_autoptr(LoadBook) book = make_book(ranks[_i].percentile);
    struct load load = { 0 };
    uint32_t n = 0;

    for (; ranks[_i].values[n]; n++)
        load = add_cpu(book, 1, ranks[_i].values[n], 1000 + n);
    ck_assert_int_eq(load.cpu_mhz, ranks[_i].load);
    ck_assert_int_eq(load.mem_mb, ranks[_i].load * 10);
    ck_assert_int_eq(load.net_kbps, ranks[_i].load * 100);
    ck_assert_uint_eq(load.n_samples, n);
    ck_assert_int_eq(load.last_cpu_mhz, ranks[_i].values[n - 1]);
    ck_assert_int_eq(load.last_mem_mb, ranks[_i].values[n - 1] * 10);
    ck_assert_int_eq(load.sampled_mono_ms, 1000 + n - 1);
    ck_assert_int_eq(load.window_ms, n - 1);
}
END_TEST

/* How much is known is told with the load: the scheduler decides nothing on too little of it. */
static const struct {
    int64_t gap_ms; /* between an old sample and a new one */
    uint32_t n_samples;
    int64_t window_ms, cpu_mhz;
} gaps[] = {
    { 1, 2, 1, 900 },
    { WINDOW_MS, 2, WINDOW_MS, 900 },
    { WINDOW_MS + 1, 1, 0, 100 },
    { INT64_C(1000) * WINDOW_MS, 1, 0, 100 },
};

START_TEST(a_sample_counts_until_it_is_older_than_the_window)
{
    g_autoptr(LoadBook) book = make_book(100);
    struct load load;

    (void)add_cpu(book, 1, 900, 5000);
    load = add_cpu(book, 1, 100, 5000 + gaps[_i].gap_ms);
    ck_assert_uint_eq(load.n_samples, gaps[_i].n_samples);
    ck_assert_int_eq(load.window_ms, gaps[_i].window_ms);
    ck_assert_int_eq(load.cpu_mhz, gaps[_i].cpu_mhz);
    ck_assert_int_eq(load.last_cpu_mhz, 100);
}
END_TEST

/* Of samples 900, 500, 100, a second apart, seen when the last was taken. */
static const struct {
    int64_t window_ms, cpu_mhz, span_ms;
    uint32_t n_samples;
} shorter[] = {
    { 5000, 900, 2000, 3 }, { 2000, 900, 2000, 3 }, { 1999, 500, 1000, 2 },
    { 999, 100, 0, 1 },     { -1, 100, 0, 1 }, /* the newest counts in any case */
};

START_TEST(the_load_over_a_shorter_window_leaves_the_older_samples_out)
{
    g_autoptr(LoadBook) book = make_book(100);
    struct load load;

    load = load_book_over(book, OBJECT_VM, 1, 5000, 9000);
    ck_assert_uint_eq(load.n_samples, 0);
    (void)add_cpu(book, 1, 900, 7000);
    (void)add_cpu(book, 1, 500, 8000);
    (void)add_cpu(book, 1, 100, 9000);
    load = load_book_over(book, OBJECT_VM, 1, shorter[_i].window_ms, 9000);
    ck_assert_int_eq(load.cpu_mhz, shorter[_i].cpu_mhz);
    ck_assert_uint_eq(load.n_samples, shorter[_i].n_samples);
    ck_assert_int_eq(load.window_ms, shorter[_i].span_ms);
    ck_assert_int_eq(load.sampled_mono_ms, 9000);
    ck_assert_int_eq(load.last_cpu_mhz, 100);
}
END_TEST

START_TEST(a_flood_of_samples_keeps_the_newest_ones)
{
    g_autoptr(LoadBook) book = make_book(100);
    struct load load = { 0 };

    (void)add_cpu(book, 1, 9999, 0);
    for (int64_t i = 1; i <= 1000; i++)
        load = add_cpu(book, 1, i, i);
    ck_assert_uint_eq(load.n_samples, 240);
    ck_assert_int_eq(load.window_ms, 239);
    ck_assert_int_eq(load.cpu_mhz, 1000);
}
END_TEST

START_TEST(a_host_and_a_vm_of_the_same_number_are_two)
{
    g_autoptr(LoadBook) book = make_book(100);
    struct load_sample busy = { 500, 0, 0 }, idle = { 1, 0, 0 };

    for (int kind = 0; kind < N_OBJECT_KINDS; kind++)
        (void)load_book_add(book, (enum object_kind)kind, 7, &busy, 1);
    (void)load_book_add(book, OBJECT_VM, 8, &busy, 1);
    load_book_forget(book, OBJECT_VM, 7);
    load_book_forget(book, OBJECT_VM, 99);
    for (int kind = 0; kind < N_OBJECT_KINDS; kind++) {
        struct load load = load_book_add(book, (enum object_kind)kind, 7, &idle, 2);

        ck_assert_int_eq(load.n_samples, kind == OBJECT_VM ? 1 : 2);
        ck_assert_int_eq(load.cpu_mhz, kind == OBJECT_VM ? 1 : 500);
    }
    ck_assert_uint_eq(load_book_add(book, OBJECT_VM, 8, &idle, 2).n_samples, 2);
}
END_TEST

SUITE_MAIN("load", SUITE_LOOP(the_load_is_the_percentile_by_nearest_rank, ranks),
           SUITE_LOOP(a_sample_counts_until_it_is_older_than_the_window, gaps),
           SUITE_LOOP(the_load_over_a_shorter_window_leaves_the_older_samples_out, shorter),
           SUITE_TEST(a_flood_of_samples_keeps_the_newest_ones),
           SUITE_TEST(a_host_and_a_vm_of_the_same_number_are_two))
