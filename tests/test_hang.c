/* test_hang.c - which guests are said to hang, and what is done about them. */
#include "config.h"

#include "tests/suite.h"

#include "ha/hang_fsm.h"

#define S INT64_C(1000) /* ms */

static struct hang_facts facts_of(unsigned bits)
{
    return (struct hang_facts){
        .follows = (bits & 1U) != 0,
        .can = (bits & 2U) != 0,
        .at_limit = (bits & 4U) != 0,
        .is_asked = (bits & 8U) != 0,
    };
}

START_TEST(every_state_and_sign_has_a_verdict_and_every_row_can_fire)
{
    bool fired[64] = { false };

    ck_assert_uint_le(hang_n_rules, G_N_ELEMENTS(fired));
    for (unsigned state = 0; state < HANG_N_STATES; state++)
        for (unsigned sign = 0; sign < HANG_N_SIGNS; sign++)
            for (unsigned bits = 0; bits < 16; bits++) {
                const struct hang_facts facts = facts_of(bits);
                const struct hang_rule *rule = hang_fsm_find(state, sign, &facts);

                fired[rule - hang_rules] = true;
                ck_assert_msg((rule->from >> state & 1U) != 0 && (rule->on >> sign & 1U) != 0 &&
                                  (!rule->when || rule->when(&facts)),
                              "no row for %s in state %s", hang_sign_name(sign),
                              hang_state_name(state));
            }
    for (size_t i = 0; i < hang_n_rules; i++)
        ck_assert_msg(fired[i], "row %d never fires", hang_rules[i].id);
}
END_TEST

START_TEST(nothing_is_reset_that_is_not_known_to_hang_or_that_policy_leaves)
{
    for (unsigned state = 0; state < HANG_N_STATES; state++)
        for (unsigned sign = 0; sign < HANG_N_SIGNS; sign++)
            for (unsigned bits = 0; bits < 16; bits++) {
                const struct hang_facts facts = facts_of(bits);
                const struct hang_rule *rule = hang_fsm_find(state, sign, &facts);

                if (rule->act != HANG_ACT_RESET)
                    continue;
                ck_assert_uint_eq(state, HANG_HUNG);
                ck_assert_uint_eq(sign, HANG_SIGN_HANGS);
                ck_assert(facts.follows && facts.can && !facts.at_limit && !facts.is_asked);
            }
}
END_TEST

/* ---- one guest over time ----------------------------------------------------------------------
 *
 * Samples come each 5 s.  From the moment `ill_s` its agent, I/O and CPU show what the row says. */

enum symptom {
    AGENT = 1, /* silent */
    IO = 2,    /* still */
    SPIN = 4,  /* CPU stuck */
    REST = 8,  /* CPU still */
    BARE = 16, /* it never had an agent */
};

enum event {
    NO_EVENT,
    PAUSED,
    HANDLED,
    NEW,
    STALLED,
};

// clang-format off
static const struct {
    const char *name;
    unsigned symptoms;
    int limit_s;
    enum event event; /* from event_s to event_end_s */
    int event_s, event_end_s;
    int hung_s; /* when it is told to hang, ill from 100 s on; 0: never in 600 s */
} guests[] = {
    { "a guest that spins",                   AGENT | IO | SPIN,        60, NO_EVENT, 0, 0, 160 },
    { "a guest that stands still",            AGENT | IO | REST,        60, NO_EVENT, 0, 0, 160 },
    { "a sensitive one",                      AGENT | IO | SPIN,        30, NO_EVENT, 0, 0, 130 },
    { "a patient one",                        AGENT | IO | SPIN,       120, NO_EVENT, 0, 0, 220 },
    { "only its agent is silent",             AGENT,                    60, NO_EVENT, 0, 0, 0 },
    { "its agent died, it reads and writes",  AGENT | SPIN,             60, NO_EVENT, 0, 0, 0 },
    { "it is silent and computes, with pauses", AGENT | IO,             60, NO_EVENT, 0, 0, 0 },
    { "its agent answers",                    IO | SPIN,                60, NO_EVENT, 0, 0, 0 },
    { "its agent answers, it is idle",        IO | REST,                60, NO_EVENT, 0, 0, 0 },
    { "it never had an agent",                BARE | IO | SPIN,         60, NO_EVENT, 0, 0, 0 },
    { "it is paused meanwhile",               AGENT | IO | REST,        60, PAUSED, 120, 200, 255 },
    { "a task works on it for long",          AGENT | IO | REST,        60, HANDLED, 80, 300, 355 },
    { "it came here just now",                AGENT | IO | REST,        60, NEW, 100, 130, 185 },
    { "its host stood still",                 AGENT | IO | REST,        60, STALLED, 140, 145, 200 },
};
// clang-format on

static int64_t since(bool ill, int now_s)
{
    return ill && now_s > 100 ? (now_s - 100) * S : 0;
}

static struct hang_sample sample_of(unsigned symptoms, int now_s)
{
    return (struct hang_sample){
        .agent_silent_ms = (symptoms & BARE) ? 0 : since((symptoms & AGENT) != 0, now_s),
        .io_still_ms = since((symptoms & IO) != 0, now_s),
        .cpu_stuck_ms = since((symptoms & SPIN) != 0, now_s),
        .cpu_still_ms = since((symptoms & REST) != 0, now_s),
    };
}

static struct hang_case case_of(enum event event, bool holds)
{
    return (struct hang_case){
        .runs = !(holds && event == PAUSED),
        .is_handled = holds && event == HANDLED,
        .is_new = holds && event == NEW,
        .stalled = holds && event == STALLED,
    };
}

START_TEST(a_guest_hangs_when_nothing_of_it_moves_for_long_enough)
{
    const struct hang_facts facts = { .follows = true, .can = true };
    struct hang_watch watch = { 0 };
    int told_s = 0, reset_s = 0;

    for (int now_s = 0; now_s <= 600; now_s += 5) {
        const bool holds = now_s >= guests[_i].event_s && now_s < guests[_i].event_end_s;
        const struct hang_case about = case_of(guests[_i].event, holds);
        const struct hang_sample sample = sample_of(guests[_i].symptoms, now_s);
        const struct hang_rule *rule =
            hang_look(&watch, &about, &sample, &facts, guests[_i].limit_s * S, now_s * S);

        if (rule->act == HANG_ACT_TELL && told_s == 0)
            told_s = now_s;
        if (rule->act == HANG_ACT_RESET && reset_s == 0)
            reset_s = now_s;
    }
    ck_assert_msg(told_s == guests[_i].hung_s, "%s: told after %d s", guests[_i].name, told_s);
    ck_assert_int_eq(reset_s, told_s ? told_s + 5 : 0); /* the look after */
}
END_TEST

/* ---- what is done -----------------------------------------------------------------------------
 */

static const struct {
    unsigned facts;
    enum hang_action act;
    const char *words;
} acts[] = {
    { 0x0, HANG_ACT_NOTHING, "its policy says: leave it" },
    { 0x1, HANG_ACT_NOTHING, "nobody would start it again" },
    { 0x3, HANG_ACT_RESET, "started again" },
    { 0x7, HANG_ACT_NOTHING, "as often as its policy allows" },
    { 0xb, HANG_ACT_NOTHING, "is being reset" },
};

START_TEST(a_hung_guest_is_reset_if_its_policy_says_so)
{
    const struct hang_facts facts = facts_of(acts[_i].facts);
    const struct hang_rule *rule = hang_fsm_find(HANG_HUNG, HANG_SIGN_HANGS, &facts);

    ck_assert_int_eq(rule->act, acts[_i].act);
    ck_assert_msg(strstr(rule->why, acts[_i].words) != NULL, "%s", rule->why);
}
END_TEST

START_TEST(a_guest_that_comes_back_is_well_again)
{
    const struct hang_facts facts = { .follows = false };
    const struct hang_case about = { .runs = true };
    const struct hang_sample ill = { 90 * S, 90 * S, 0, 90 * S };
    const struct hang_sample well = { 0 };
    struct hang_watch watch = { 0 };

    for (int now_s = 0; now_s <= 70; now_s += 5)
        (void)hang_look(&watch, &about, &ill, &facts, 60 * S, now_s * S);
    ck_assert_int_eq(watch.state, HANG_HUNG);
    ck_assert_int_eq(watch.silence_ms, 70 * S);
    (void)hang_look(&watch, &about, &well, &facts, 60 * S, 75 * S);
    ck_assert_int_eq(watch.state, HANG_WELL);
}
END_TEST

START_TEST(silence_from_before_our_first_sight_does_not_count)
{
    const struct hang_facts facts = { .follows = true, .can = true };
    const struct hang_case about = { .runs = true };
    const struct hang_sample ill = { 900 * S, 900 * S, 0, 900 * S };
    struct hang_watch watch = { 0 };

    for (int now_s = 0; now_s < 60; now_s += 5)
        ck_assert_int_eq(hang_look(&watch, &about, &ill, &facts, 60 * S, now_s * S)->act,
                         HANG_ACT_NOTHING);
    ck_assert_int_eq(hang_look(&watch, &about, &ill, &facts, 60 * S, 60 * S)->act, HANG_ACT_TELL);
}
END_TEST

START_TEST(each_exemption_has_its_reason)
{
    const struct hang_case fine = { .runs = true };
    const struct hang_case cases[] = {
        { .runs = false },
        { .runs = true, .is_handled = true },
        { .runs = true, .is_new = true },
        { .runs = true, .stalled = true },
    };

    ck_assert_ptr_null(hang_exemption(&fine));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        ck_assert_ptr_nonnull(hang_exemption(&cases[i]));
}
END_TEST

SUITE_MAIN("hang", SUITE_TEST(every_state_and_sign_has_a_verdict_and_every_row_can_fire),
           SUITE_TEST(nothing_is_reset_that_is_not_known_to_hang_or_that_policy_leaves),
           SUITE_LOOP(a_guest_hangs_when_nothing_of_it_moves_for_long_enough, guests),
           SUITE_LOOP(a_hung_guest_is_reset_if_its_policy_says_so, acts),
           SUITE_TEST(a_guest_that_comes_back_is_well_again),
           SUITE_TEST(silence_from_before_our_first_sight_does_not_count),
           SUITE_TEST(each_exemption_has_its_reason))
