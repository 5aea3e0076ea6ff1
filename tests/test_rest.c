/* test_rest.c - how long a VM rests after a move, and that one which flaps rests longer. */
#include "config.h"

#include "scheduler/rest.h"
#include "tests/suite.h"

#define MINUTE   INT64_C(60000)
#define COOLDOWN (10 * MINUTE)
#define START    INT64_C(1700000000000)

static const struct row {
    const char *what;
    bool by_drs;
    int moves;
    int64_t gap_ms;  /* between them */
    int64_t rest_ms; /* after the last */
} rows[] = {
    { "the first move", true, 1, 0, COOLDOWN },
    { "a second one soon after", true, 2, 30 * MINUTE, 2 * COOLDOWN },
    { "a third", true, 3, 30 * MINUTE, 4 * COOLDOWN },
    { "the longest rest", true, 6, 30 * MINUTE, 32 * COOLDOWN },
    { "not longer", true, 50, 30 * MINUTE, 32 * COOLDOWN },
    { "each after long peace", true, 5, 80 * MINUTE, COOLDOWN },
    { "by a person", false, 5, 5 * MINUTE, COOLDOWN },
};

START_TEST(a_vm_that_flaps_rests_twice_as_long_each_time)
{
    const struct row *row = &rows[_i];
    g_autoptr(Vm) vm = vm_new();
    int64_t now_ms = START;

    for (int i = 0; i < row->moves; i++, now_ms += row->gap_ms)
        rest_begin(vm, row->by_drs, now_ms, COOLDOWN);
    ck_assert_msg(rest_length_ms(vm, COOLDOWN) == row->rest_ms, "%s: rests %d min", row->what,
                  (int)(rest_length_ms(vm, COOLDOWN) / MINUTE));
    ck_assert(!rest_is_over(vm, vm->moved_ms + row->rest_ms - 1, COOLDOWN));
    ck_assert(rest_is_over(vm, vm->moved_ms + row->rest_ms, COOLDOWN));
}
END_TEST

START_TEST(peace_ends_the_flapping)
{
    g_autoptr(Vm) vm = vm_new();

    for (int i = 0; i < 4; i++)
        rest_begin(vm, true, START + i * MINUTE, COOLDOWN);
    ck_assert_int_eq(rest_length_ms(vm, COOLDOWN), 8 * COOLDOWN);
    rest_begin(vm, true, vm->moved_ms + 64 * COOLDOWN, COOLDOWN);
    ck_assert_int_eq(rest_length_ms(vm, COOLDOWN), COOLDOWN);
}
END_TEST

START_TEST(a_vm_that_never_moved_does_not_rest_and_no_figure_overflows)
{
    g_autoptr(Vm) vm = vm_new();

    ck_assert(rest_is_over(vm, START, COOLDOWN));
    vm->moved_ms = START;
    vm->flaps = INT64_MAX;
    ck_assert(rest_length_ms(vm, INT64_MAX) > 0);
    vm->flaps = INT64_MIN;
    ck_assert_int_eq(rest_length_ms(vm, -1), 0);
    ck_assert(rest_is_over(vm, START, -1));
}
END_TEST

SUITE_MAIN("rest", SUITE_LOOP(a_vm_that_flaps_rests_twice_as_long_each_time, rows),
           SUITE_TEST(peace_ends_the_flapping),
           SUITE_TEST(a_vm_that_never_moved_does_not_rest_and_no_figure_overflows))
