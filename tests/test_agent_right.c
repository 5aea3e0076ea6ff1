/* test_agent_right.c - the agent between a hypervisor and a vrm-hald that only remember: nothing is
 * let run that was not allowed, also when the agent was started anew meanwhile. */
#include "config.h"

#include "base/clock.h"
#include "tests/agent_right_bench.h"
#include "tests/suite.h"

/* ---- start ---------------------------------------------------------------------------------- */

START_TEST(a_guest_runs_only_after_vrm_hald_was_asked_twice)
{
    struct bench bench;

    right_init(&bench);
    right_send(&bench, "c1", "start", TOKEN);
    bench_expect(&bench, "c1", "done", "");
    bench_expect_history(&bench, "halt 01;run 01;");
    right_expect_hald(&bench, ALLOWED);
    right_expect_state(&bench, DOMAIN_RUNNING);
    bench_clear(&bench);
}
END_TEST

START_TEST(it_is_not_let_run_while_vrm_hald_thinks)
{
    struct bench bench;

    right_init(&bench);
    warden_fake_hold(bench.warden, HALD_MAY_RUN);
    right_send(&bench, "c1", "start", TOKEN);
    while (warden_fake_inside(bench.warden, HALD_MAY_RUN) == 0)
        bench_turn();
    bench_expect_history(&bench, "halt 01;");
    right_expect_state(&bench, DOMAIN_PAUSED);
    warden_fake_release(bench.warden, HALD_MAY_RUN);
    bench_expect(&bench, "c1", "done", "");
    bench_expect_history(&bench, "halt 01;run 01;");
    bench_clear(&bench);
}
END_TEST

static const struct {
    enum hald_op op;
    const char *call; /* of the hypervisor */
    enum vrm_err code;
    const char *text, *hv, *warden;
} failures[] = {
    /* refused at once; the second look at what is allowed already is refused too */
    { HALD_ASK, NULL, VRM_ERR_CONFLICT, "the right is not this host's", "",
      "process- 01;ask 01;may_run 01;" },
    { HALD_ASK, NULL, VRM_ERR_TIMEOUT, "said nothing in time", "", "process- 01;ask 01;" GIVEN },
    { NO_OP, "halt", VRM_ERR_NO_CAPACITY, "Cannot allocate memory", "halt 01;destroy 01;",
      "process- 01;ask 01;" GIVEN },
    { HALD_MAY_RUN, NULL, VRM_ERR_CONFLICT, "the lease does not hold any more",
      "halt 01;destroy 01;", ALLOWED GIVEN },
    { HALD_MAY_RUN, NULL, VRM_ERR_TIMEOUT, "said nothing in time", "halt 01;destroy 01;",
      ALLOWED GIVEN },
    { NO_OP, "run", VRM_ERR_INTERNAL, "cannot resume", "halt 01;run 01;destroy 01;",
      ALLOWED GIVEN },
};

START_TEST(a_start_that_fails_at_any_step_leaves_nothing_but_the_reason)
{
    struct bench bench;

    right_init(&bench);
    if (failures[_i].op == HALD_ASK && failures[_i].code == VRM_ERR_CONFLICT)
        warden_fake_fail(bench.warden, HALD_MAY_RUN, VRM_ERR_CONFLICT, "not allowed");
    if (failures[_i].op != NO_OP)
        warden_fake_fail(bench.warden, failures[_i].op, failures[_i].code, failures[_i].text);
    else
        hv_fake_fail(bench.hv, failures[_i].call, failures[_i].code, false, failures[_i].text);
    right_send(&bench, "c1", "start", TOKEN);
    bench_expect(&bench, "c1", "failed", failures[_i].text);
    bench_expect_history(&bench, failures[_i].hv);
    right_expect_hald(&bench, failures[_i].warden);
    right_expect_state(&bench, DOMAIN_ABSENT);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_halted_process_that_cannot_be_ended_is_ended_later)
{
    struct bench bench;

    right_init(&bench);
    warden_fake_fail(bench.warden, HALD_MAY_RUN, VRM_ERR_CONFLICT, "the lease is over");
    hv_fake_fail(bench.hv, "destroy", VRM_ERR_INTERNAL, false, "the monitor hangs");
    right_send(&bench, "c1", "start", TOKEN);
    bench_expect(&bench, "c1", "failed", "the monitor hangs) after: vrm-hald: the lease is over");
    right_wait_told(&bench, GIVEN);
    bench_expect_history(&bench, "halt 01;destroy 01;destroy 01;");
    right_expect_state(&bench, DOMAIN_ABSENT);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_start_with_a_token_needs_a_vrm_hald)
{
    struct bench bench;

    right_prepare(&bench);
    g_clear_pointer(&bench.warden, warden_fake_free);
    right_up(&bench);
    right_send(&bench, "c1", "start", TOKEN);
    bench_expect(&bench, "c1", "failed", "no vrm-hald is in use on this host");
    bench_expect_history(&bench, "");
    right_send(&bench, "c2", "start", NULL);
    bench_expect(&bench, "c2", "done", "");
    bench_expect_history(&bench, "start 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(a_vrm_hald_that_is_away_for_a_moment_is_waited_for)
{
    struct bench bench;

    right_prepare(&bench);
    bench.link_wait_ms = 60000;
    warden_fake_set_up(bench.warden, false);
    bench_start(&bench);
    bench_wait_well(&bench, "hypervisor_ok", true);
    right_send(&bench, "c1", "start", TOKEN);
    right_wait_told(&bench, "process- 01;");
    ck_assert(!bench_has_ended(&bench, "c1"));
    warden_fake_set_up(bench.warden, true);
    bench_expect(&bench, "c1", "done", "");
    bench_expect_history(&bench, "halt 01;run 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(and_not_for_ever)
{
    struct bench bench;

    right_prepare(&bench);
    warden_fake_set_up(bench.warden, false);
    bench_start(&bench);
    bench_wait_well(&bench, "hypervisor_ok", true);
    right_send(&bench, "c1", "start", TOKEN);
    bench_expect(&bench, "c1", "failed", "vrm-hald does not answer");
    bench_expect_history(&bench, "");
    bench_clear(&bench);
}
END_TEST

START_TEST(a_start_without_a_token_asks_nobody_and_drops_what_was)
{
    struct bench bench;

    right_init(&bench);
    right_send(&bench, "c1", "start", NULL);
    bench_expect(&bench, "c1", "done", "");
    bench_expect_history(&bench, "start 01;");
    right_expect_hald(&bench, GIVEN);
    bench_clear(&bench);
}
END_TEST

/* What a start finds of its VM. */
static const struct {
    enum domain_state state;
    int64_t gen;
    bool by_right, halted;
    const char *end, *text, *hv, *warden;
} found_rows[] = {
    { DOMAIN_PAUSED, 2, true, true, "done", "", "destroy 01;halt 01;run 01;", ALLOWED },
    { DOMAIN_PAUSED, 1, true, true, "done", "", "destroy 01;halt 01;run 01;", ALLOWED },
    { DOMAIN_CRASHED, 1, true, false, "done", "", "destroy 01;halt 01;run 01;", ALLOWED },
    { DOMAIN_INCOMING, 1, true, false, "done", "", "destroy 01;halt 01;run 01;", ALLOWED },
    { DOMAIN_RUNNING, 2, true, false, "done", "", "", "process+ 01;" },
    { DOMAIN_PAUSED, 2, true, false, "done", "", "", "process+ 01;" },
    { DOMAIN_RUNNING, 2, false, false, "done", "", "run 01;", "ask 01;process+ 01;" },
    { DOMAIN_RUNNING, 1, true, false, "failed", "already running", "", "" },
};

START_TEST(a_start_ends_what_never_ran_and_leaves_what_runs)
{
    struct bench bench;

    right_init(&bench);
    if (found_rows[_i].by_right)
        hv_fake_put_by_right(bench.hv, U1, found_rows[_i].state, found_rows[_i].gen,
                             found_rows[_i].halted);
    else
        hv_fake_put(bench.hv, U1, found_rows[_i].state, found_rows[_i].gen);
    right_send(&bench, "c1", "start", TOKEN);
    bench_expect(&bench, "c1", found_rows[_i].end, found_rows[_i].text);
    bench_expect_history(&bench, found_rows[_i].hv);
    right_expect_hald(&bench, found_rows[_i].warden);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_guest_that_was_never_let_run_cannot_be_resumed)
{
    struct bench bench;

    right_init(&bench);
    hv_fake_put_by_right(bench.hv, U1, DOMAIN_PAUSED, 2, true);
    right_send(&bench, "c1", "resume", NULL);
    bench_expect(&bench, "c1", "failed", "interrupted before its guest ran");
    bench_expect_history(&bench, "");
    bench_clear(&bench);
}
END_TEST

/* ---- a restart of the agent -------------------------------------------------------------------
 */

static void leave_accepted(const struct bench *bench, const char *verb, int64_t deadline_ms)
{
    struct agent_command command;

    right_make(&command, "c1", verb, g_str_equal(verb, "stop") ? NULL : TOKEN);
    bench_leave_accepted(bench, &command, deadline_ms);
}

static const struct {
    const char *verb;
    enum domain_state state;
    bool halted, may_begin;
    const char *end, *text, *hv, *warden;
} resolve_rows[] = {
    { "start", DOMAIN_PAUSED, true, true, "done", "", "run 01;", "process+ 01;may_run 01;" },
    { "start", DOMAIN_PAUSED, true, false, "failed", "interrupted", "destroy 01;", GIVEN },
    { "start", DOMAIN_ABSENT, false, true, "done", "", "halt 01;run 01;", ALLOWED },
    { "start", DOMAIN_ABSENT, false, false, "failed", "interrupted", "", GIVEN },
    { "start", DOMAIN_RUNNING, false, true, "done", "", "run 01;", "" },
    { "stop", DOMAIN_ABSENT, false, false, "done", "", "", GIVEN },
    { "stop", DOMAIN_RUNNING, false, false, "failed", "still here", "", "" },
    { "receive", DOMAIN_ABSENT, false, true, "done", "", "", "ask 01;process+ 01;may_run 01;" },
    { "release", DOMAIN_INCOMING, false, true, "done", "", "destroy 01;",
      "process- 01;release 01;" },
};

START_TEST(after_a_restart_nothing_is_let_run_without_asking_again)
{
    const int64_t deadline_ms = resolve_rows[_i].may_begin ? clock_now_ms() + 60000 : 0;
    struct bench bench;

    right_prepare(&bench);
    leave_accepted(&bench, resolve_rows[_i].verb, deadline_ms);
    if (resolve_rows[_i].state != DOMAIN_ABSENT)
        hv_fake_put_by_right(bench.hv, U1, resolve_rows[_i].state, 2, resolve_rows[_i].halted);
    bench_start(&bench);
    bench_expect(&bench, "c1", resolve_rows[_i].end, resolve_rows[_i].text);
    bench_expect_history(&bench, resolve_rows[_i].hv);
    right_expect_hald(&bench, resolve_rows[_i].warden);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_halted_domain_without_a_command_is_ended)
{
    struct bench bench;

    right_prepare(&bench);
    hv_fake_put_by_right(bench.hv, U1, DOMAIN_PAUSED, 2, true);
    bench_start(&bench);
    right_wait_told(&bench, GIVEN);
    bench_expect_history(&bench, "destroy 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(a_lost_connection_to_libvirtd_leaves_the_question_open)
{
    struct bench bench;

    right_init(&bench);
    hv_fake_fail(bench.hv, "run", VRM_ERR_TIMEOUT, true, "libvirtd died meanwhile");
    right_send(&bench, "c1", "start", TOKEN);
    bench_expect(&bench, "c1", "done", "");
    bench_expect_history(&bench, "halt 01;run 01;run 01;");
    right_expect_hald(&bench, ALLOWED "process+ 01;may_run 01;");
    bench_clear(&bench);
}
END_TEST

SUITE_MAIN("agent_right", SUITE_TEST(a_guest_runs_only_after_vrm_hald_was_asked_twice),
           SUITE_TEST(it_is_not_let_run_while_vrm_hald_thinks),
           SUITE_LOOP(a_start_that_fails_at_any_step_leaves_nothing_but_the_reason, failures),
           SUITE_TEST(a_halted_process_that_cannot_be_ended_is_ended_later),
           SUITE_TEST(a_start_with_a_token_needs_a_vrm_hald),
           SUITE_TEST(a_vrm_hald_that_is_away_for_a_moment_is_waited_for),
           SUITE_TEST(and_not_for_ever),
           SUITE_TEST(a_start_without_a_token_asks_nobody_and_drops_what_was),
           SUITE_LOOP(a_start_ends_what_never_ran_and_leaves_what_runs, found_rows),
           SUITE_TEST(a_guest_that_was_never_let_run_cannot_be_resumed),
           SUITE_LOOP(after_a_restart_nothing_is_let_run_without_asking_again, resolve_rows),
           SUITE_TEST(a_halted_domain_without_a_command_is_ended),
           SUITE_TEST(a_lost_connection_to_libvirtd_leaves_the_question_open))
