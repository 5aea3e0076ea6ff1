/* test_start_pace.c - a start that was refused is tried again in time, and told once. */
#include "config.h"

#include "controller/start_pace.h"
#include "tests/suite.h"

#define S INT64_C(1000)

/* After n refusals, the last one just now: how long until it is due? */
static const struct {
    unsigned n;
    int64_t quiet_ms, changed_ms;
} waits[] = {
    { 1, 10 * S, 2 * S },      { 2, 20 * S, 4 * S },   { 3, 40 * S, 8 * S },
    { 5, 160 * S, 32 * S },    { 6, 300 * S, 60 * S }, { 60, 300 * S, 60 * S },
    { 6000, 300 * S, 60 * S },
};

START_TEST(a_refused_start_is_tried_again_ever_more_seldom_but_sooner_after_a_change)
{
    struct start_pace pace = { .world = 7 };

    ck_assert(start_pace_is_due(&pace, 0, 7));
    for (unsigned i = 0; i < waits[_i].n; i++)
        (void)start_pace_refused(&pace, 100 * S, 1, "full");
    ck_assert(!start_pace_is_due(&pace, 100 * S + waits[_i].quiet_ms - 1, 7));
    ck_assert(start_pace_is_due(&pace, 100 * S + waits[_i].quiet_ms, 7));
    ck_assert(!start_pace_is_due(&pace, 100 * S + waits[_i].changed_ms - 1, 8));
    ck_assert(start_pace_is_due(&pace, 100 * S + waits[_i].changed_ms, 8));
    start_pace_clear(&pace);
}
END_TEST

START_TEST(a_refusal_is_told_once_and_again_when_its_reason_changes)
{
    struct start_pace pace = { 0 };

    ck_assert(start_pace_refused(&pace, 1 * S, 1, "needs 10 MiB, 5 free"));
    ck_assert(!start_pace_refused(&pace, 2 * S, 1, "needs 10 MiB, 5 free"));
    ck_assert(!start_pace_refused(&pace, 3000 * S, 1, "needs 10 MiB, 7 free"));
    ck_assert(start_pace_refused(&pace, 3001 * S, 2, "needs 10 MiB, 7 free"));
    ck_assert(!start_pace_refused(&pace, 3002 * S, 2, "kept apart"));
    ck_assert(start_pace_refused(&pace, 3601 * S, 2, "kept apart"));
    ck_assert(!start_pace_refused(&pace, 3602 * S, 2, "kept apart"));
    start_pace_clear(&pace);
}
END_TEST

SUITE_MAIN("start_pace",
           SUITE_LOOP(a_refused_start_is_tried_again_ever_more_seldom_but_sooner_after_a_change,
                      waits),
           SUITE_TEST(a_refusal_is_told_once_and_again_when_its_reason_changes))
