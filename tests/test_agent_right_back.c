/* test_agent_right_back.c - the right to run goes back, or comes with a migration: nothing is given
 * back too early. */
#include "config.h"

#include "tests/agent_right_bench.h"
#include "tests/suite.h"

/* ---- giving back ------------------------------------------------------------------------------
 */

START_TEST(a_right_goes_back_after_the_vm_is_gone_and_not_before)
{
    struct bench bench;

    right_prepare(&bench);
    hv_fake_put_by_right(bench.hv, U1, DOMAIN_RUNNING, 2, false);
    right_up(&bench);
    right_wait_told(&bench, "process+ 01;");
    hv_fake_hold(bench.hv, "destroy");
    right_send(&bench, "c1", "stop", NULL);
    while (hv_fake_inside(bench.hv, "destroy") == 0)
        bench_turn();
    right_expect_hald(&bench, "");
    hv_fake_release(bench.hv, "destroy");
    bench_expect(&bench, "c1", "done", "");
    right_expect_hald(&bench, GIVEN);
    bench_clear(&bench);
}
END_TEST

static const struct {
    const char *verb, *call;
    enum domain_state state;
    const char *end, *warden;
} back_rows[] = {
    { "stop", NULL, DOMAIN_ABSENT, "done", GIVEN },
    { "stop", "destroy", DOMAIN_RUNNING, "failed", "" },
    { "undefine", NULL, DOMAIN_ABSENT, "done", GIVEN },
    { "undefine", NULL, DOMAIN_RUNNING, "failed", "" },
    { "migrate", NULL, DOMAIN_RUNNING, "done", GIVEN },
    { "migrate", "migrate", DOMAIN_RUNNING, "failed", "" },
};

START_TEST(a_right_goes_back_only_when_the_vm_is_gone)
{
    struct bench bench;

    right_init(&bench);
    if (back_rows[_i].state != DOMAIN_ABSENT)
        hv_fake_put_by_right(bench.hv, U1, back_rows[_i].state, 2, false);
    if (back_rows[_i].call)
        hv_fake_fail(bench.hv, back_rows[_i].call, VRM_ERR_INTERNAL, false, "no");
    right_send(&bench, "c1", back_rows[_i].verb, NULL);
    bench_expect(&bench, "c1", back_rows[_i].end, "");
    right_expect_hald(&bench, back_rows[_i].warden);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_right_that_cannot_go_back_now_is_owed)
{
    struct bench bench;

    right_init(&bench);
    warden_fake_fail(bench.warden, HALD_GIVE_UP, VRM_ERR_TIMEOUT, "nothing in time");
    right_send(&bench, "c1", "stop", NULL);
    bench_expect(&bench, "c1", "done", "");
    right_wait_told_times(&bench, GIVEN, 2);
    bench_clear(&bench);
}
END_TEST

START_TEST(what_is_owed_is_forgotten_when_the_vm_runs_again)
{
    struct bench bench;

    right_init(&bench);
    warden_fake_set_up(bench.warden, false);
    right_send(&bench, "c1", "stop", NULL);
    bench_expect(&bench, "c1", "done", "");
    hv_fake_put_by_right(bench.hv, U1, DOMAIN_RUNNING, 2, false); /* came in meanwhile */
    bench_wait_well(&bench, "ha", false);
    g_free(warden_fake_take_history(bench.warden));
    warden_fake_set_up(bench.warden, true);
    right_wait_told(&bench, "process+ 01;");
    right_expect_hald(&bench, "");
    bench_clear(&bench);
}
END_TEST

/* ---- migration's target -----------------------------------------------------------------------
 */

static const struct {
    enum domain_state state;
    int64_t gen;
    enum hald_op refuses;
    const char *end, *text, *hv, *warden;
} receive_rows[] = {
    { DOMAIN_ABSENT, 0, NO_OP, "done", "", "", "ask 01;process+ 01;may_run 01;" },
    { DOMAIN_INCOMING, 1, NO_OP, "done", "", "", "ask 01;process+ 01;may_run 01;" },
    { DOMAIN_RUNNING, 2, NO_OP, "done", "", "", "ask 01;process+ 01;may_run 01;" },
    { DOMAIN_CRASHED, 1, NO_OP, "done", "", "destroy 01;", "ask 01;process+ 01;may_run 01;" },
    { DOMAIN_RUNNING, 1, NO_OP, "failed", "already running", "", "" },
    { DOMAIN_ABSENT, 0, HALD_PROCESS, "failed", "vrm-hald: no", "", "ask 01;process+ 01;" GIVEN },
    { DOMAIN_ABSENT, 0, HALD_MAY_RUN, "failed", "vrm-hald: no", "",
      "ask 01;process+ 01;may_run 01;" GIVEN },
};

START_TEST(a_target_is_ready_when_vrm_hald_counts_the_vm)
{
    struct bench bench;

    right_init(&bench);
    if (receive_rows[_i].state != DOMAIN_ABSENT)
        hv_fake_put_by_right(bench.hv, U1, receive_rows[_i].state, receive_rows[_i].gen, false);
    if (receive_rows[_i].refuses != NO_OP)
        warden_fake_fail(bench.warden, receive_rows[_i].refuses, VRM_ERR_CONFLICT, "no");
    right_send(&bench, "c1", "receive", TOKEN);
    bench_expect(&bench, "c1", receive_rows[_i].end, receive_rows[_i].text);
    bench_expect_history(&bench, receive_rows[_i].hv);
    right_expect_hald(&bench, receive_rows[_i].warden);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_vm_that_is_to_come_in_is_not_said_to_be_absent)
{
    struct bench bench;
    g_autofree char *told = NULL;

    right_init(&bench);
    warden_fake_hold(bench.warden, HALD_ASK);
    right_send(&bench, "c1", "receive", TOKEN);
    while (warden_fake_inside(bench.warden, HALD_ASK) == 0)
        bench_turn();
    /* the end of an earlier life is told late */
    hv_fake_put_by_right(bench.hv, U1, DOMAIN_RUNNING, 1, false);
    hv_fake_tell(bench.hv, U1);
    hv_fake_remove(bench.hv, U1);
    hv_fake_tell(bench.hv, U1);
    warden_fake_release(bench.warden, HALD_ASK);
    bench_expect(&bench, "c1", "done", "");
    warden_fake_set_up(bench.warden, true);   /* a new process: everything is said again */
    right_send(&bench, "c2", "resume", NULL); /* of this VM: waits for what is asked about it */
    bench_expect(&bench, "c2", "failed", "");
    told = warden_fake_take_history(bench.warden);
    ck_assert_str_eq(told, "ask 01;process+ 01;may_run 01;");
    bench_clear(&bench);
}
END_TEST

static const struct {
    enum domain_state state;
    bool halted, refused;
    const char *end, *text, *hv, *warden;
} release_rows[] = {
    { DOMAIN_ABSENT, false, false, "done", "", "", "process- 01;release 01;" },
    { DOMAIN_INCOMING, false, false, "done", "", "destroy 01;", "process- 01;release 01;" },
    { DOMAIN_PAUSED, true, false, "done", "", "destroy 01;", "process- 01;release 01;" },
    { DOMAIN_CRASHED, false, false, "done", "", "destroy 01;", "process- 01;release 01;" },
    { DOMAIN_RUNNING, false, false, "failed", "the VM is running on this host", "", "" },
    { DOMAIN_PAUSED, false, false, "failed", "the VM is paused on this host", "", "" },
    { DOMAIN_ABSENT, false, true, "failed", "vrm-hald: it changes", "", "process- 01;release 01;" },
};

START_TEST(a_right_is_released_unless_the_vm_runs)
{
    struct bench bench;

    right_init(&bench);
    if (release_rows[_i].state != DOMAIN_ABSENT)
        hv_fake_put_by_right(bench.hv, U1, release_rows[_i].state, 2, release_rows[_i].halted);
    if (release_rows[_i].refused)
        warden_fake_fail(bench.warden, HALD_RELEASE, VRM_ERR_CONFLICT, "it changes");
    right_send(&bench, "c1", "release", TOKEN);
    bench_expect(&bench, "c1", release_rows[_i].end, release_rows[_i].text);
    bench_expect_history(&bench, release_rows[_i].hv);
    right_expect_hald(&bench, release_rows[_i].warden);
    bench_clear(&bench);
}
END_TEST

SUITE_MAIN("agent_right_back", SUITE_TEST(a_right_goes_back_after_the_vm_is_gone_and_not_before),
           SUITE_LOOP(a_right_goes_back_only_when_the_vm_is_gone, back_rows),
           SUITE_TEST(a_right_that_cannot_go_back_now_is_owed),
           SUITE_TEST(what_is_owed_is_forgotten_when_the_vm_runs_again),
           SUITE_LOOP(a_target_is_ready_when_vrm_hald_counts_the_vm, receive_rows),
           SUITE_TEST(a_vm_that_is_to_come_in_is_not_said_to_be_absent),
           SUITE_LOOP(a_right_is_released_unless_the_vm_runs, release_rows))
