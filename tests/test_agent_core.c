/* test_agent_core.c - the agent's core on a hypervisor that only remembers: who may command, what
 * runs once and in which order. */
#include "config.h"

#include "tests/agent_bench.h"
#include "tests/suite.h"

/* ---- carrying out --------------------------------------------------------------------------- */

static const struct {
    const char *verb, *history;
    bool exists;
} verb_rows[] = {
    { "start", "start 01;", false },  { "stop", "stop 01;", true },
    { "reboot", "reboot 01;", true }, { "pause", "pause 01;", true },
    { "resume", "resume 01;", true }, { "migrate", "migrate 01;", true },
};

START_TEST(each_verb_reaches_the_hypervisor_and_ends_done)
{
    struct bench bench;

    bench_init(&bench);
    bench_wait_up(&bench);
    if (verb_rows[_i].exists)
        hv_fake_put(bench.hv, U1, DOMAIN_RUNNING, 1);
    ck_assert_int_eq(bench_ask_status(&bench, "c1", verb_rows[_i].verb, U1, 1, 1), 202);
    bench_expect(&bench, "c1", "done", "");
    bench_expect_history(&bench, verb_rows[_i].history);
    ck_assert_int_eq(bench_ask_status(&bench, "c1", verb_rows[_i].verb, U1, 1, 1), 200);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_failure_carries_the_hypervisors_words)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    bench_wait_up(&bench);
    hv_fake_fail(bench.hv, "start", VRM_ERR_NO_CAPACITY, false, "Cannot allocate memory");
    bench_ask_status(&bench, "c1", "start", U1, 1, 1);
    bench_expect(&bench, "c1", "failed", "Cannot allocate memory");
    bench_look(&bench, "c1", &answer);
    ck_assert_str_eq(answer_word(&answer, "code"), "no-capacity");
    answer_clear(&answer);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_migration_reports_progress_and_figures)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    bench_wait_up(&bench);
    hv_fake_put(bench.hv, U1, DOMAIN_RUNNING, 1);
    hv_fake_hold(bench.hv, "migrate");
    bench_ask_status(&bench, "m1", "migrate", U1, 2, 1);
    for (int64_t progress = 0; progress != 50;) {
        bench_turn();
        bench_look(&bench, "m1", &answer);
        progress = json_integer_value(json_object_get(answer.body, "progress"));
        ck_assert_str_ne(answer_word(&answer, "state"), "done");
        answer_clear(&answer);
    }
    hv_fake_release(bench.hv, "migrate");
    bench_wait_end(&bench, "m1");
    bench_look(&bench, "m1", &answer);
    ck_assert_int_eq(json_integer_value(json_object_get(answer.body, "downtime_ms")), 21);
    ck_assert_int_eq(json_integer_value(json_object_get(answer.body, "progress")), 100);
    answer_clear(&answer);
    bench_clear(&bench);
}
END_TEST

START_TEST(start_is_done_where_the_same_generation_runs_and_refused_where_another_does)
{
    struct bench bench;

    bench_init(&bench);
    bench_wait_up(&bench);
    hv_fake_put(bench.hv, U1, DOMAIN_RUNNING, 3);
    bench_ask_status(&bench, "c1", "start", U1, 3, 1);
    bench_expect(&bench, "c1", "done", "");
    bench_ask_status(&bench, "c2", "start", U1, 4, 1);
    bench_expect(&bench, "c2", "failed",
                 "already running on this host with generation 3, wanted 4");
    bench_expect_history(&bench, "");
    bench_clear(&bench);
}
END_TEST

/* ---- once, and in order --------------------------------------------------------------------- */

START_TEST(the_same_id_runs_once_even_while_it_is_being_stored)
{
    struct bench bench;
    struct answer first, second;

    bench_init(&bench);
    bench_wait_up(&bench);
    bench_post(&bench, ORDER("c1", "start", U1, 1, 1), &first);
    bench_post(&bench, ORDER("c1", "start", U1, 1, 1), &second);
    while (first.status == 0 || second.status == 0)
        bench_turn();
    ck_assert_int_eq(first.status, 202);
    ck_assert_int_eq(second.status, 202);
    answer_clear(&first);
    answer_clear(&second);
    bench_expect(&bench, "c1", "done", "");
    bench_restart(&bench);
    bench_wait_up(&bench);
    ck_assert_int_eq(bench_ask_status(&bench, "c1", "start", U1, 1, 1), 200);
    bench_expect_history(&bench, "start 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(an_id_cannot_be_used_for_two_commands)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    bench_wait_up(&bench);
    bench_ask_status(&bench, "c1", "start", U1, 1, 1);
    bench_ask(&bench, ORDER("c1", "stop", U1, 1, 1), &answer);
    ck_assert_int_eq(answer.status, 409);
    ck_assert_ptr_nonnull(strstr(answer_error(&answer), "was used for another command: start"));
    answer_clear(&answer);
    bench_clear(&bench);
}
END_TEST

START_TEST(commands_for_one_vm_keep_their_order_and_another_vm_does_not_wait)
{
    struct bench bench;

    bench_init(&bench);
    bench_wait_up(&bench);
    hv_fake_hold(bench.hv, "start");
    bench_ask_status(&bench, "c1", "start", U1, 1, 1);
    bench_wait_inside(&bench, "start", 1);
    bench_ask_status(&bench, "c2", "pause", U1, 1, 1);
    bench_ask_status(&bench, "c3", "resume", U1, 1, 1);
    bench_ask_status(&bench, "c4", "reboot", U2, 1, 1);
    bench_expect(&bench, "c4", "done", "");
    bench_expect_history(&bench, "start 01;reboot 02;");
    hv_fake_release(bench.hv, "start");
    bench_expect(&bench, "c3", "done", "");
    bench_expect_history(&bench, "start 01;reboot 02;pause 01;resume 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(waiting_for_guests_does_not_keep_others_from_working)
{
    struct bench bench;

    bench_init(&bench);
    bench_wait_up(&bench);
    hv_fake_hold(bench.hv, "stop");
    bench_ask_status(&bench, "c1", "stop", U1, 1, 1);
    bench_ask_status(&bench, "c2", "stop", U2, 1, 1);
    bench_wait_inside(&bench, "stop", 2);
    bench_ask_status(&bench, "c3", "start", "00000000-0000-4000-8000-000000000003", 1, 1);
    bench_expect(&bench, "c3", "done", "");
    hv_fake_release(bench.hv, "stop");
    bench_expect(&bench, "c2", "done", "");
    bench_clear(&bench);
}
END_TEST

START_TEST(too_many_unfinished_commands_are_refused_until_some_end)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    bench_wait_up(&bench);
    hv_fake_hold(bench.hv, "reboot");
    for (int i = 0; i < 5; i++) {
        g_autofree char *id = g_strdup_printf("c%d", i);

        ck_assert_int_eq(bench_ask_status(&bench, id, "reboot", U1, 1, 1), 202);
    }
    bench_ask(&bench, ORDER("c5", "reboot", U1, 1, 1), &answer);
    ck_assert_int_eq(answer.status, 503);
    ck_assert_ptr_nonnull(strstr(answer_error(&answer), "5 commands are unfinished"));
    answer_clear(&answer);
    hv_fake_release(bench.hv, "reboot");
    bench_expect(&bench, "c4", "done", "");
    ck_assert_int_eq(bench_ask_status(&bench, "c5", "reboot", U1, 1, 1), 202);
    bench_clear(&bench);
}
END_TEST

/* ---- who may command ------------------------------------------------------------------------ */

START_TEST(a_lower_epoch_is_refused_also_after_a_restart)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    bench_wait_up(&bench);
    ck_assert_int_eq(bench_ask_status(&bench, "c1", "start", U1, 1, 7), 202);
    for (int i = 0; i < 2; i++) {
        bench_ask(&bench, ORDER("c2", "stop", U1, 1, 6), &answer);
        ck_assert_int_eq(answer.status, 409);
        ck_assert_ptr_nonnull(strstr(answer_error(&answer), "epoch 6 is over"));
        answer_clear(&answer);
        bench_wait_end(&bench, "c1");
        bench_restart(&bench);
    }
    ck_assert_int_eq(bench_ask_status(&bench, "c2", "stop", U1, 1, 7), 202);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_lower_generation_is_refused_also_after_a_restart)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    bench_wait_up(&bench);
    bench_ask_status(&bench, "c1", "start", U1, 5, 1);
    bench_wait_end(&bench, "c1");
    hv_fake_remove(bench.hv, U1);
    for (int i = 0; i < 2; i++) {
        bench_ask(&bench, ORDER("c2", "start", U1, 4, 1), &answer);
        ck_assert_int_eq(answer.status, 409);
        ck_assert_ptr_nonnull(strstr(answer_error(&answer), "generation 4 of VM"));
        answer_clear(&answer);
        bench_restart(&bench);
        bench_wait_up(&bench);
    }
    bench_clear(&bench);
}
END_TEST

START_TEST(the_generation_of_a_domain_that_came_from_elsewhere_counts)
{
    struct bench bench;

    bench_init(&bench);
    bench_wait_up(&bench);
    hv_fake_put(bench.hv, U1, DOMAIN_RUNNING, 9);
    hv_fake_tell(bench.hv, U1);
    ck_assert_int_eq(bench_ask_status(&bench, "c1", "stop", U1, 8, 1), 409);
    ck_assert_int_eq(bench_ask_status(&bench, "c1", "stop", U1, 9, 1), 202);
    bench_clear(&bench);
}
END_TEST

START_TEST(upper_case_uuids_are_the_same_vm)
{
    struct bench bench;

    bench_init(&bench);
    bench_wait_up(&bench);
    bench_ask_status(&bench, "c1", "stop", "ABCDEF00-0000-4000-8000-000000000001", 5, 1);
    ck_assert_int_eq(
        bench_ask_status(&bench, "c2", "stop", "abcdef00-0000-4000-8000-000000000001", 4, 1), 409);
    bench_clear(&bench);
}
END_TEST

/* ---- abort ---------------------------------------------------------------------------------- */

START_TEST(abort_ends_a_migration_that_runs_and_one_that_waits)
{
    struct bench bench;

    bench_init(&bench);
    bench_wait_up(&bench);
    hv_fake_put(bench.hv, U1, DOMAIN_RUNNING, 1);
    hv_fake_hold(bench.hv, "migrate");
    bench_ask_status(&bench, "m1", "migrate", U1, 2, 1);
    bench_ask_status(&bench, "m2", "migrate", U1, 3, 1);
    bench_ask_status(&bench, "a2", "abort", "m2", 0, 1);
    bench_expect(&bench, "a2", "done", "");
    bench_ask_status(&bench, "a1", "abort", "m1", 0, 1);
    bench_expect(&bench, "m1", "failed", "cancelled");
    bench_expect(&bench, "m2", "failed", "cancelled");
    bench_expect_history(&bench, "migrate 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(abort_of_something_else_fails_and_of_something_finished_does_not)
{
    struct bench bench;

    bench_init(&bench);
    bench_wait_up(&bench);
    bench_ask_status(&bench, "c1", "start", U1, 1, 1);
    bench_ask_status(&bench, "a1", "abort", "c1", 0, 1);
    bench_expect(&bench, "a1", "failed", "only migrate can be aborted");
    bench_ask_status(&bench, "a2", "abort", "nix", 0, 1);
    bench_expect(&bench, "a2", "failed", "there is no command \"nix\"");
    bench_wait_end(&bench, "c1");
    bench_ask_status(&bench, "m1", "migrate", U1, 1, 1);
    bench_expect(&bench, "m1", "done", "");
    bench_ask_status(&bench, "a3", "abort", "m1", 0, 1);
    bench_expect(&bench, "a3", "done", "");
    bench_clear(&bench);
}
END_TEST

SUITE_MAIN("agent_core", SUITE_LOOP(each_verb_reaches_the_hypervisor_and_ends_done, verb_rows),
           SUITE_TEST(a_failure_carries_the_hypervisors_words),
           SUITE_TEST(a_migration_reports_progress_and_figures),
           SUITE_TEST(start_is_done_where_the_same_generation_runs_and_refused_where_another_does),
           SUITE_TEST(the_same_id_runs_once_even_while_it_is_being_stored),
           SUITE_TEST(an_id_cannot_be_used_for_two_commands),
           SUITE_TEST(commands_for_one_vm_keep_their_order_and_another_vm_does_not_wait),
           SUITE_TEST(waiting_for_guests_does_not_keep_others_from_working),
           SUITE_TEST(too_many_unfinished_commands_are_refused_until_some_end),
           SUITE_TEST(a_lower_epoch_is_refused_also_after_a_restart),
           SUITE_TEST(a_lower_generation_is_refused_also_after_a_restart),
           SUITE_TEST(the_generation_of_a_domain_that_came_from_elsewhere_counts),
           SUITE_TEST(upper_case_uuids_are_the_same_vm),
           SUITE_TEST(abort_ends_a_migration_that_runs_and_one_that_waits),
           SUITE_TEST(abort_of_something_else_fails_and_of_something_finished_does_not))
