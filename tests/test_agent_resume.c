/* test_agent_resume.c - the agent's core and what can end under it: what a restart finds out, a
 * libvirtd that dies, a disk that is full. */
#include "config.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "tests/agent_bench.h"
#include "tests/suite.h"

/* ---- a restart with unfinished commands ------------------------------------------------------ */

static void leave_accepted(const struct bench *bench, const char *verb, int64_t deadline_ms)
{
    struct agent_command command;

    bench_decode(bench_json(ORDER("c1", verb, g_str_equal(verb, "abort") ? "m9" : U1, 2, 1)),
                 &command);
    bench_leave_accepted(bench, &command, deadline_ms);
}

static const struct {
    const char *verb;
    enum domain_state found;
    int64_t gen; /* of what is found; the command has 2 */
    const char *state, *text, *history;
} resolve_rows[] = {
    { "start", DOMAIN_RUNNING, 2, "done", "", "" },
    { "start", DOMAIN_ABSENT, 0, "failed", "interrupted before the VM was started", "" },
    { "start", DOMAIN_RUNNING, 1, "failed", "already running", "" },
    { "stop", DOMAIN_ABSENT, 0, "done", "", "" },
    { "stop", DOMAIN_RUNNING, 1, "failed", "still here", "" },
    { "pause", DOMAIN_PAUSED, 1, "done", "", "" },
    { "pause", DOMAIN_RUNNING, 1, "failed", "the VM is running, wanted paused", "" },
    { "resume", DOMAIN_RUNNING, 1, "done", "", "" },
    { "resume", DOMAIN_ABSENT, 1, "failed", "the VM is absent, wanted running", "" },
    { "reboot", DOMAIN_RUNNING, 1, "failed", "not known", "" },
    { "migrate", DOMAIN_RUNNING, 1, "done", "", "follow 01;" },
    { "abort", DOMAIN_RUNNING, 1, "failed", "interrupted", "" },
};

START_TEST(after_a_restart_an_unfinished_command_is_resolved_by_asking)
{
    struct bench bench;

    bench_prepare(&bench);
    leave_accepted(&bench, resolve_rows[_i].verb, 0);
    if (resolve_rows[_i].found != DOMAIN_ABSENT)
        hv_fake_put(bench.hv, U1, resolve_rows[_i].found, resolve_rows[_i].gen);
    bench_start(&bench);
    ck_assert_int_eq(bench_ask_status(&bench, "c1", resolve_rows[_i].verb,
                                      g_str_equal(resolve_rows[_i].verb, "abort") ? "m9" : U1, 2,
                                      1),
                     202);
    bench_expect(&bench, "c1", resolve_rows[_i].state, resolve_rows[_i].text);
    bench_expect_history(&bench, resolve_rows[_i].history);
    bench_restart(&bench);
    bench_expect(&bench, "c1", resolve_rows[_i].state, resolve_rows[_i].text);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_start_of_a_former_process_is_begun_while_its_deadline_stands)
{
    struct bench bench;

    bench_prepare(&bench);
    leave_accepted(&bench, "start", clock_now_ms() + 60000);
    bench_start(&bench);
    bench_expect(&bench, "c1", "done", "");
    bench_expect_history(&bench, "start 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(resolving_waits_for_the_hypervisor_and_new_commands_wait_for_it)
{
    struct bench bench;

    bench_prepare(&bench);
    leave_accepted(&bench, "start", 0);
    hv_fake_set_link(bench.hv, false);
    bench_start(&bench);
    ck_assert_int_eq(bench_ask_status(&bench, "c2", "reboot", U1, 2, 1), 202);
    ck_assert(!bench_has_ended(&bench, "c1"));
    ck_assert(!bench_has_ended(&bench, "c2"));
    hv_fake_set_link(bench.hv, true);
    bench_expect(&bench, "c1", "failed", "interrupted");
    bench_expect(&bench, "c2", "done", "");
    bench_clear(&bench);
}
END_TEST

/* libvirtd carries the migration on, so it must be followed to its end, and told to end there. */
START_TEST(abort_of_a_migration_that_is_to_be_resolved_follows_it_all_the_same)
{
    struct bench bench;

    bench_prepare(&bench);
    leave_accepted(&bench, "migrate", 0);
    hv_fake_put(bench.hv, U1, DOMAIN_RUNNING, 1);
    hv_fake_set_link(bench.hv, false);
    hv_fake_hold(bench.hv, "follow");
    bench_start(&bench);
    bench_ask_status(&bench, "a1", "abort", "c1", 0, 1);
    bench_expect(&bench, "a1", "done", "");
    ck_assert(!bench_has_ended(&bench, "c1"));
    hv_fake_set_link(bench.hv, true);
    bench_expect(&bench, "c1", "failed", "cancelled");
    bench_expect_history(&bench, "follow 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(a_connection_that_breaks_in_mid_call_is_resolved_like_a_restart)
{
    struct bench bench;

    bench_init(&bench);
    bench_wait_up(&bench);
    hv_fake_fail(bench.hv, "start", VRM_ERR_TIMEOUT, true, "libvirtd went away");
    hv_fake_put(bench.hv, U2, DOMAIN_RUNNING, 1);
    hv_fake_hold(bench.hv, "start");
    bench_ask_status(&bench, "c1", "start", U1, 1, 1);
    bench_wait_inside(&bench, "start", 1);
    hv_fake_put(bench.hv, U1, DOMAIN_RUNNING, 1); /* it was carried out after all */
    hv_fake_release(bench.hv, "start");
    hv_fake_set_link(bench.hv, true); /* reconnected: listed anew */
    bench_expect(&bench, "c1", "done", "");
    bench_expect_history(&bench, "start 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(a_start_that_a_dying_libvirtd_lost_is_begun_again)
{
    struct bench bench;

    bench_init(&bench);
    bench_wait_up(&bench);
    hv_fake_fail(bench.hv, "start", VRM_ERR_TIMEOUT, true, "libvirtd went away");
    hv_fake_hold(bench.hv, "start");
    bench_ask_status(&bench, "c1", "start", U1, 1, 1);
    bench_wait_inside(&bench, "start", 1);
    hv_fake_release(bench.hv, "start");
    hv_fake_set_link(bench.hv, true); /* reconnected: listed anew, and it is not there */
    bench_expect(&bench, "c1", "done", "");
    bench_expect_history(&bench, "start 01;start 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(a_command_waits_for_a_libvirtd_that_comes_back)
{
    struct bench bench;

    bench_prepare(&bench);
    bench.link_wait_ms = 10000;
    bench_start(&bench);
    bench_wait_up(&bench);
    hv_fake_fail(bench.hv, "start", VRM_ERR_UNAVAILABLE, true, "libvirtd does not answer");
    hv_fake_hold(bench.hv, "start");
    bench_ask_status(&bench, "c1", "start", U1, 1, 1);
    bench_wait_inside(&bench, "start", 1);
    hv_fake_release(bench.hv, "start");
    hv_fake_set_link(bench.hv, true);
    bench_expect(&bench, "c1", "done", "");
    bench_expect_history(&bench, "start 01;start 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(without_a_connection_a_command_fails_and_says_so)
{
    struct bench bench;

    bench_init(&bench);
    bench_wait_up(&bench);
    hv_fake_set_link(bench.hv, false);
    bench_ask_status(&bench, "c1", "start", U1, 1, 1);
    bench_expect(&bench, "c1", "failed", "libvirtd does not answer");
    bench_clear(&bench);
}
END_TEST

/* ---- the disk ------------------------------------------------------------------------------- */

/* Check itself writes to a file: no assertion while the limit stands. */
static bool limit_files(rlim_t bytes)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
        return false;
    limit.rlim_cur = bytes;
    return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

static void on_quiet_reply(int status, json_t *body, void *user)
{
    struct answer *answer = user;

    answer->status = status;
    answer->body = body;
}

START_TEST(a_command_that_cannot_be_stored_is_refused_and_does_not_run)
{
    struct bench bench;
    struct agent_command command;
    struct answer answer = { 0 };
    g_autofree char *path = NULL;
    GStatBuf st;
    bool limited;

    signal(SIGXFSZ, SIG_IGN);
    bench_init(&bench);
    bench_wait_up(&bench);
    bench_ask_status(&bench, "c0", "reboot", U1, 1, 1);
    bench_wait_end(&bench, "c0");
    path = g_build_filename(bench.dir, "journal", NULL);
    ck_assert_int_eq(g_stat(path, &st), 0);
    bench_decode(bench_json(ORDER("c1", "start", U1, 1, 1)), &command);
    limited = limit_files((rlim_t)st.st_size + 20); /* in the middle of the line */
    agent_command(bench.agent, &command, on_quiet_reply, &answer);
    answer_wait(&answer);
    ck_assert(limit_files(RLIM_INFINITY) && limited);
    ck_assert_int_eq(answer.status, 503);
    ck_assert_ptr_nonnull(strstr(answer_error(&answer), "journal: File too large"));
    answer_clear(&answer);
    bench_expect_history(&bench, "reboot 01;");
    ck_assert_int_eq(bench_ask_status(&bench, "c1", "start", U1, 1, 1), 202);
    bench_expect(&bench, "c1", "done", "");
    bench_restart(&bench);
    bench_expect(&bench, "c1", "done", "");
    bench_clear(&bench);
}
END_TEST

/* A command that is long on disk. */
static void make_long(struct agent_command *ret, const char *id, int64_t gen)
{
    g_autofree char *path = g_strnfill(1000, 'x');

    bench_decode(bench_json(ORDER(id, "start", U1, gen, 1)), ret);
    path[0] = '/';
    for (int i = 0; i < 60; i++) {
        struct vm_disk *disk = vm_add_disk(ret->vm);

        disk->sequence = i + 1;
        g_free(disk->path);
        disk->path = g_strdup(path);
    }
}

START_TEST(a_long_journal_is_written_anew_and_forgets_nothing_that_counts)
{
    enum {
        N = 60,
        LONG = 60 * 1000
    };
    struct bench bench;
    struct agent_command command;
    g_autofree char *path = NULL;
    GStatBuf st;

    bench_init(&bench);
    bench_wait_up(&bench);
    path = g_build_filename(bench.dir, "journal", NULL);
    for (int i = 0; i < N; i++) {
        g_autofree char *id = g_strdup_printf("c%d", i);
        struct answer answer = { 0 };

        make_long(&command, id, i);
        agent_command(bench.agent, &command, answer_take, &answer);
        bench_wait_end(&bench, id);
        answer_clear(&answer);
    }
    bench_restart(&bench);
    ck_assert_int_eq(g_stat(path, &st), 0);
    ck_assert_int_lt(st.st_size, N * LONG / 2);
    bench_wait_up(&bench);
    bench_expect(&bench, "c0", "done", "");
    bench_expect(&bench, "c59", "failed", "already running");
    ck_assert_int_eq(bench_ask_status(&bench, "n1", "reboot", U1, 58, 1), 409);
    ck_assert_int_eq(bench_ask_status(&bench, "n1", "reboot", U1, 59, 1), 202);
    bench_clear(&bench);
}
END_TEST

SUITE_MAIN("agent_resume",
           SUITE_LOOP(after_a_restart_an_unfinished_command_is_resolved_by_asking, resolve_rows),
           SUITE_TEST(a_start_of_a_former_process_is_begun_while_its_deadline_stands),
           SUITE_TEST(resolving_waits_for_the_hypervisor_and_new_commands_wait_for_it),
           SUITE_TEST(abort_of_a_migration_that_is_to_be_resolved_follows_it_all_the_same),
           SUITE_TEST(a_connection_that_breaks_in_mid_call_is_resolved_like_a_restart),
           SUITE_TEST(a_start_that_a_dying_libvirtd_lost_is_begun_again),
           SUITE_TEST(a_command_waits_for_a_libvirtd_that_comes_back),
           SUITE_TEST(without_a_connection_a_command_fails_and_says_so),
           SUITE_TEST(a_command_that_cannot_be_stored_is_refused_and_does_not_run),
           SUITE_TEST(a_long_journal_is_written_anew_and_forgets_nothing_that_counts))
