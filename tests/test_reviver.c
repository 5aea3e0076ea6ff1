/* test_reviver.c - when a libvirtd is said to hang, and which restart commands are none. */
#include "config.h"

#include "tests/suite.h"

#include "agent/reviver.h"

#define S INT64_C(1000) /* ms */

/* A look each second from 1 s on, but for a pause of ours; the question is out from since_s on. */
static const struct {
    const char *name;
    int since_s, answered_s; /* 0: never */
    int pause_s, pause_end_s;
    int hangs_s[3]; /* the looks that say so, in 300 s */
} waits[] = {
    { "it answers", 10, 11, 0, 0, { 0 } },
    { "it answers late", 10, 39, 0, 0, { 0 } },
    { "nothing is asked", 0, 0, 0, 0, { 0 } },
    { "it hangs, and the first try does not help", 10, 0, 0, 0, { 40, 100, 220 } },
    { "it hangs, and the try helps", 10, 42, 0, 0, { 40 } },
    { "we stood still ourselves", 10, 55, 12, 50, { 0 } },
    { "we stood still, and it does still", 10, 0, 12, 50, { 80, 140, 260 } },
    { "asked before our first look", -90, 0, 0, 0, { 31, 91, 211 } },
};

START_TEST(a_libvirtd_hangs_when_a_question_waits_too_long_while_we_do_not_stand_still)
{
    struct reviver_judge judge = { 0 };
    size_t n = 0;

    for (int now_s = 1; now_s <= 300; now_s++) {
        const bool is_out = waits[_i].since_s != 0 && now_s >= waits[_i].since_s &&
                            (waits[_i].answered_s == 0 || now_s < waits[_i].answered_s);
        const int64_t base_ms = 1000 * S; /* a clock that does not begin at 0 */

        if (now_s > waits[_i].pause_s && now_s < waits[_i].pause_end_s)
            continue;
        if (!reviver_judge_look(&judge, is_out ? base_ms + waits[_i].since_s * S : 0, 30 * S,
                                base_ms + now_s * S))
            continue;
        ck_assert_msg(n < G_N_ELEMENTS(waits[_i].hangs_s) && waits[_i].hangs_s[n] == now_s,
                      "%s: said to hang at %d s", waits[_i].name, now_s);
        n++;
    }
    ck_assert_msg(n == G_N_ELEMENTS(waits[_i].hangs_s) || waits[_i].hangs_s[n] == 0,
                  "%s: not said to hang at %d s", waits[_i].name, waits[_i].hangs_s[n]);
}
END_TEST

/* Asked and not answered from then on, looked at each second: how long until it is said to hang? */
static int patience_s(struct reviver_judge *judge, int from_s)
{
    int now_s = from_s;

    while (!reviver_judge_look(judge, from_s * S, 30 * S, now_s * S))
        now_s++;
    return now_s - from_s;
}

START_TEST(patience_grows_and_is_forgotten_after_a_quiet_time)
{
    struct reviver_judge judge = { 0 };
    int now_s = 1000;

    for (int want_s = 30; want_s <= 960; want_s *= 2) {
        ck_assert_int_eq(patience_s(&judge, now_s), want_s);
        now_s += want_s;
    }
    ck_assert_int_eq(patience_s(&judge, now_s), 960); /* no longer than that */
    for (int i = 0; i < 3600; i++)
        ck_assert(!reviver_judge_look(&judge, 0, 30 * S, (now_s + 960 + i) * S));
    ck_assert_int_eq(patience_s(&judge, now_s + 960 + 3600), 30);
}
END_TEST

static const struct {
    const char *text;
    bool is_wrong;
} commands[] = {
    { "", false },
    { "systemctl kill --kill-who=main --signal=KILL libvirtd.service", false },
    { "sh -c 'pkill -KILL -x libvirtd'", false },
    { "sh -c 'pkill", true },
    { "   ", true },
};

START_TEST(a_restart_command_is_words_as_a_shell_splits_them)
{
    g_autofree char *wrong = reviver_wrong_command(commands[_i].text);

    ck_assert_msg((wrong != NULL) == commands[_i].is_wrong, "'%s': %s", commands[_i].text,
                  wrong ? wrong : "taken");
}
END_TEST

SUITE_MAIN("reviver",
           SUITE_LOOP(a_libvirtd_hangs_when_a_question_waits_too_long_while_we_do_not_stand_still,
                      waits),
           SUITE_TEST(patience_grows_and_is_forgotten_after_a_quiet_time),
           SUITE_LOOP(a_restart_command_is_words_as_a_shell_splits_them, commands))
