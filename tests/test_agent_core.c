/* test_agent_core.c - the agent's core on a hypervisor that only remembers: who may command, what
 * runs once and in which order, what a restart finds out. */
#include "config.h"

#include "agent/agent.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/resource.h>

#include "agent/hv_fake.h"
#include "agent/journal.h"
#include "base/clock.h"
#include "base/json.h"
#include "tests/suite.h"
#include "tests/tempdir.h"

#define U1 "00000000-0000-4000-8000-000000000001"
#define U2 "00000000-0000-4000-8000-000000000002"

/* ---- a bench -------------------------------------------------------------------------------- */

struct bench {
    char *dir;
    HvFake *fake;
    Agent *agent;
    unsigned link_wait_ms;
};

static void bench_start(struct bench *bench)
{
    const struct agent_options options = {
        .hv = hv_fake_hv(bench->fake),
        .name = "h1",
        .state_dir = bench->dir,
        .boot_id = "boot-1",
        .n_workers = 2,
        .max_commands = 5,
        .link_wait_ms = bench->link_wait_ms,
    };
    GError *error = NULL;

    bench->agent = agent_new(&options, &error);
    suite_no_error(error);
    agent_start(bench->agent);
}

/* Not started: what the first list will find can be put there. */
static void bench_prepare(struct bench *bench)
{
    *bench = (struct bench){ .dir = tempdir_new(), .fake = hv_fake_new() };
}

static void bench_init(struct bench *bench)
{
    bench_prepare(bench);
    bench_start(bench);
}

static bool turn(void)
{
    return g_main_context_iteration(NULL, TRUE);
}

static void bench_stop(struct bench *bench)
{
    agent_stop(bench->agent);
    while (!agent_is_idle(bench->agent))
        g_main_context_iteration(NULL, FALSE);
    ck_assert(agent_free(bench->agent));
    bench->agent = NULL;
}

static void bench_clear(struct bench *bench)
{
    bench_stop(bench);
    hv_fake_free(bench->fake);
    tempdir_free(bench->dir);
}

static void bench_restart(struct bench *bench)
{
    bench_stop(bench);
    bench_start(bench);
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct answer {
    int status; /* 0: not yet */
    json_t *body;
};

static void on_reply(int status, json_t *body, void *user)
{
    struct answer *answer = user;

    ck_assert_int_eq(answer->status, 0);
    answer->status = status;
    answer->body = body;
}

static const char *word(const struct answer *answer, const char *key)
{
    const char *text = json_string_value(json_object_get(answer->body, key));

    return text ? text : "";
}

static const char *error_text(const struct answer *answer)
{
    const json_t *error = json_object_get(answer->body, "error");

    if (json_is_object(error))
        error = json_object_get(error, "text");
    return json_string_value(error) ? json_string_value(error) : "";
}

static void answer_clear(struct answer *answer)
{
    json_decref(answer->body);
    *answer = (struct answer){ 0 };
}

/* A command as the protocol's decoder makes it. */
static void make(struct agent_command *ret, const char *id, const char *verb, const char *uuid,
                 int64_t gen, int64_t epoch)
{
    g_autoptr(json_t) json =
        json_pack("{s:s, s:I, s:I, s:s, s:i}", "id", id, "epoch", (json_int_t)epoch, "gen",
                  (json_int_t)gen, "verb", verb, "deadline_ms", 60000);
    GError *error = NULL;

    if (g_str_equal(verb, "abort"))
        json_object_set_new(json, "abort_id", json_string(uuid));
    else
        json_object_set_new(json, "vm_uuid", json_string(uuid));
    if (g_str_equal(verb, "start"))
        json_object_set_new(json, "vm",
                            json_pack("{s:i, s:s, s:s, s:{s:i}, s:{s:i}}", "id", 1, "uuid", uuid,
                                      "name", "web", "cpu", "quantity", 1, "memory", "size_mb",
                                      64));
    if (g_str_equal(verb, "migrate"))
        json_object_set_new(json, "migrate",
                            json_pack("{s:s, s:s, s:i}", "target_name", "h2", "target_address",
                                      "192.0.2.2", "timeout_ms", 60000));
    json_object_set_new(json, "v", json_integer(AGENT_PROTOCOL_VERSION));
    agent_command_decode(json, ret, &error);
    suite_no_error(error);
}

struct order {
    const char *id, *verb, *uuid;
    int64_t gen, epoch;
};
#define ORDER(...) (&(const struct order){ __VA_ARGS__ })

static void post(struct bench *bench, const struct order *order, struct answer *ret_answer)
{
    struct agent_command command;

    make(&command, order->id, order->verb, order->uuid, order->gen, order->epoch);
    *ret_answer = (struct answer){ 0 };
    agent_command(bench->agent, &command, on_reply, ret_answer);
}

static void ask(struct bench *bench, const struct order *order, struct answer *ret_answer)
{
    post(bench, order, ret_answer);
    while (ret_answer->status == 0)
        turn();
}

static int ask_status(struct bench *bench, const char *id, const char *verb, const char *uuid,
                      int64_t gen, int64_t epoch)
{
    struct answer answer;
    int status;

    ask(bench, ORDER(id, verb, uuid, gen, epoch), &answer);
    status = answer.status;
    answer_clear(&answer);
    return status;
}

static void look(struct bench *bench, const char *id, struct answer *ret_answer)
{
    *ret_answer = (struct answer){ 0 };
    agent_command_state(bench->agent, id, on_reply, ret_answer);
}

/* False also while it is being stored. */
static bool has_ended(struct bench *bench, const char *id)
{
    struct answer answer;
    bool ended;

    look(bench, id, &answer);
    ended = g_str_equal(word(&answer, "state"), "done") ||
            g_str_equal(word(&answer, "state"), "failed");
    answer_clear(&answer);
    return ended;
}

static void wait_end(struct bench *bench, const char *id)
{
    while (!has_ended(bench, id))
        turn();
}

/* Waits for the end and demands state and a part of the error's text. */
static void expect(struct bench *bench, const char *id, const char *state, const char *text)
{
    struct answer answer;

    wait_end(bench, id);
    look(bench, id, &answer);
    ck_assert_str_eq(word(&answer, "state"), state);
    ck_assert_msg(strstr(error_text(&answer), text) != NULL, "expected \"%s\" in: %s", text,
                  error_text(&answer));
    answer_clear(&answer);
}

static void expect_history(struct bench *bench, const char *want)
{
    g_autofree char *history = hv_fake_history(bench->fake);

    ck_assert_str_eq(history, want);
}

static void wait_inside(struct bench *bench, const char *call, unsigned n)
{
    while (hv_fake_inside(bench->fake, call) < n)
        g_main_context_iteration(NULL, FALSE);
}

/* Hypervisor up and listed. */
static bool is_up(struct bench *bench)
{
    struct answer answer = { 0 };
    bool up;

    agent_health(bench->agent, on_reply, &answer);
    up = json_is_true(json_object_get(answer.body, "hypervisor_ok"));
    answer_clear(&answer);
    return up;
}

static void wait_up(struct bench *bench)
{
    while (!is_up(bench))
        turn();
}

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
    wait_up(&bench);
    if (verb_rows[_i].exists)
        hv_fake_put(bench.fake, U1, DOMAIN_RUNNING, 1);
    ck_assert_int_eq(ask_status(&bench, "c1", verb_rows[_i].verb, U1, 1, 1), 202);
    expect(&bench, "c1", "done", "");
    expect_history(&bench, verb_rows[_i].history);
    ck_assert_int_eq(ask_status(&bench, "c1", verb_rows[_i].verb, U1, 1, 1), 200);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_failure_carries_the_hypervisors_words)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    wait_up(&bench);
    hv_fake_fail(bench.fake, "start", VRM_ERR_NO_CAPACITY, false, "Cannot allocate memory");
    ask_status(&bench, "c1", "start", U1, 1, 1);
    expect(&bench, "c1", "failed", "Cannot allocate memory");
    look(&bench, "c1", &answer);
    ck_assert_str_eq(word(&answer, "code"), "no-capacity");
    answer_clear(&answer);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_migration_reports_progress_and_figures)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    wait_up(&bench);
    hv_fake_put(bench.fake, U1, DOMAIN_RUNNING, 1);
    hv_fake_hold(bench.fake, "migrate");
    ask_status(&bench, "m1", "migrate", U1, 2, 1);
    for (int64_t progress = 0; progress != 50;) {
        turn();
        look(&bench, "m1", &answer);
        progress = json_integer_value(json_object_get(answer.body, "progress"));
        ck_assert_str_ne(word(&answer, "state"), "done");
        answer_clear(&answer);
    }
    hv_fake_release(bench.fake, "migrate");
    wait_end(&bench, "m1");
    look(&bench, "m1", &answer);
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
    wait_up(&bench);
    hv_fake_put(bench.fake, U1, DOMAIN_RUNNING, 3);
    ask_status(&bench, "c1", "start", U1, 3, 1);
    expect(&bench, "c1", "done", "");
    ask_status(&bench, "c2", "start", U1, 4, 1);
    expect(&bench, "c2", "failed", "already running on this host with generation 3, wanted 4");
    expect_history(&bench, "");
    bench_clear(&bench);
}
END_TEST

/* ---- once, and in order --------------------------------------------------------------------- */

START_TEST(the_same_id_runs_once_even_while_it_is_being_stored)
{
    struct bench bench;
    struct answer first, second;

    bench_init(&bench);
    wait_up(&bench);
    post(&bench, ORDER("c1", "start", U1, 1, 1), &first);
    post(&bench, ORDER("c1", "start", U1, 1, 1), &second);
    while (first.status == 0 || second.status == 0)
        turn();
    ck_assert_int_eq(first.status, 202);
    ck_assert_int_eq(second.status, 202);
    answer_clear(&first);
    answer_clear(&second);
    expect(&bench, "c1", "done", "");
    bench_restart(&bench);
    wait_up(&bench);
    ck_assert_int_eq(ask_status(&bench, "c1", "start", U1, 1, 1), 200);
    expect_history(&bench, "start 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(an_id_cannot_be_used_for_two_commands)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    wait_up(&bench);
    ask_status(&bench, "c1", "start", U1, 1, 1);
    ask(&bench, ORDER("c1", "stop", U1, 1, 1), &answer);
    ck_assert_int_eq(answer.status, 409);
    ck_assert_ptr_nonnull(strstr(error_text(&answer), "was used for another command: start"));
    answer_clear(&answer);
    bench_clear(&bench);
}
END_TEST

START_TEST(commands_for_one_vm_keep_their_order_and_another_vm_does_not_wait)
{
    struct bench bench;

    bench_init(&bench);
    wait_up(&bench);
    hv_fake_hold(bench.fake, "start");
    ask_status(&bench, "c1", "start", U1, 1, 1);
    wait_inside(&bench, "start", 1);
    ask_status(&bench, "c2", "pause", U1, 1, 1);
    ask_status(&bench, "c3", "resume", U1, 1, 1);
    ask_status(&bench, "c4", "reboot", U2, 1, 1);
    expect(&bench, "c4", "done", "");
    expect_history(&bench, "start 01;reboot 02;");
    hv_fake_release(bench.fake, "start");
    expect(&bench, "c3", "done", "");
    expect_history(&bench, "start 01;reboot 02;pause 01;resume 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(waiting_for_guests_does_not_keep_others_from_working)
{
    struct bench bench;

    bench_init(&bench);
    wait_up(&bench);
    hv_fake_hold(bench.fake, "stop");
    ask_status(&bench, "c1", "stop", U1, 1, 1);
    ask_status(&bench, "c2", "stop", U2, 1, 1);
    wait_inside(&bench, "stop", 2);
    ask_status(&bench, "c3", "start", "00000000-0000-4000-8000-000000000003", 1, 1);
    expect(&bench, "c3", "done", "");
    hv_fake_release(bench.fake, "stop");
    expect(&bench, "c2", "done", "");
    bench_clear(&bench);
}
END_TEST

START_TEST(too_many_unfinished_commands_are_refused_until_some_end)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    wait_up(&bench);
    hv_fake_hold(bench.fake, "reboot");
    for (int i = 0; i < 5; i++) {
        g_autofree char *id = g_strdup_printf("c%d", i);

        ck_assert_int_eq(ask_status(&bench, id, "reboot", U1, 1, 1), 202);
    }
    ask(&bench, ORDER("c5", "reboot", U1, 1, 1), &answer);
    ck_assert_int_eq(answer.status, 503);
    ck_assert_ptr_nonnull(strstr(error_text(&answer), "5 commands are unfinished"));
    answer_clear(&answer);
    hv_fake_release(bench.fake, "reboot");
    expect(&bench, "c4", "done", "");
    ck_assert_int_eq(ask_status(&bench, "c5", "reboot", U1, 1, 1), 202);
    bench_clear(&bench);
}
END_TEST

/* ---- who may command ------------------------------------------------------------------------ */

START_TEST(a_lower_epoch_is_refused_also_after_a_restart)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    wait_up(&bench);
    ck_assert_int_eq(ask_status(&bench, "c1", "start", U1, 1, 7), 202);
    for (int i = 0; i < 2; i++) {
        ask(&bench, ORDER("c2", "stop", U1, 1, 6), &answer);
        ck_assert_int_eq(answer.status, 409);
        ck_assert_ptr_nonnull(strstr(error_text(&answer), "epoch 6 is over"));
        answer_clear(&answer);
        wait_end(&bench, "c1");
        bench_restart(&bench);
    }
    ck_assert_int_eq(ask_status(&bench, "c2", "stop", U1, 1, 7), 202);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_lower_generation_is_refused_also_after_a_restart)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    wait_up(&bench);
    ask_status(&bench, "c1", "start", U1, 5, 1);
    wait_end(&bench, "c1");
    hv_fake_remove(bench.fake, U1);
    for (int i = 0; i < 2; i++) {
        ask(&bench, ORDER("c2", "start", U1, 4, 1), &answer);
        ck_assert_int_eq(answer.status, 409);
        ck_assert_ptr_nonnull(strstr(error_text(&answer), "generation 4 of VM"));
        answer_clear(&answer);
        bench_restart(&bench);
        wait_up(&bench);
    }
    bench_clear(&bench);
}
END_TEST

START_TEST(the_generation_of_a_domain_that_came_from_elsewhere_counts)
{
    struct bench bench;

    bench_init(&bench);
    wait_up(&bench);
    hv_fake_put(bench.fake, U1, DOMAIN_RUNNING, 9);
    hv_fake_tell(bench.fake, U1);
    ck_assert_int_eq(ask_status(&bench, "c1", "stop", U1, 8, 1), 409);
    ck_assert_int_eq(ask_status(&bench, "c1", "stop", U1, 9, 1), 202);
    bench_clear(&bench);
}
END_TEST

START_TEST(upper_case_uuids_are_the_same_vm)
{
    struct bench bench;

    bench_init(&bench);
    wait_up(&bench);
    ask_status(&bench, "c1", "stop", "ABCDEF00-0000-4000-8000-000000000001", 5, 1);
    ck_assert_int_eq(ask_status(&bench, "c2", "stop", "abcdef00-0000-4000-8000-000000000001", 4, 1),
                     409);
    bench_clear(&bench);
}
END_TEST

/* ---- abort ---------------------------------------------------------------------------------- */

START_TEST(abort_ends_a_migration_that_runs_and_one_that_waits)
{
    struct bench bench;

    bench_init(&bench);
    wait_up(&bench);
    hv_fake_put(bench.fake, U1, DOMAIN_RUNNING, 1);
    hv_fake_hold(bench.fake, "migrate");
    ask_status(&bench, "m1", "migrate", U1, 2, 1);
    ask_status(&bench, "m2", "migrate", U1, 3, 1);
    ask_status(&bench, "a2", "abort", "m2", 0, 1);
    expect(&bench, "a2", "done", "");
    ask_status(&bench, "a1", "abort", "m1", 0, 1);
    expect(&bench, "m1", "failed", "cancelled");
    expect(&bench, "m2", "failed", "cancelled");
    expect_history(&bench, "migrate 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(abort_of_something_else_fails_and_of_something_finished_does_not)
{
    struct bench bench;

    bench_init(&bench);
    wait_up(&bench);
    ask_status(&bench, "c1", "start", U1, 1, 1);
    ask_status(&bench, "a1", "abort", "c1", 0, 1);
    expect(&bench, "a1", "failed", "only migrate can be aborted");
    ask_status(&bench, "a2", "abort", "nix", 0, 1);
    expect(&bench, "a2", "failed", "there is no command \"nix\"");
    wait_end(&bench, "c1");
    ask_status(&bench, "m1", "migrate", U1, 1, 1);
    expect(&bench, "m1", "done", "");
    ask_status(&bench, "a3", "abort", "m1", 0, 1);
    expect(&bench, "a3", "done", "");
    bench_clear(&bench);
}
END_TEST

/* ---- a restart with unfinished commands ------------------------------------------------------ */

/* As a process would leave it that died after it accepted the command. */
static void leave_accepted(const char *dir, const char *verb, int64_t gen, int64_t deadline_ms)
{
    const char *id = "c1";
    g_autofree char *boot = NULL;
    struct journal_state state;
    struct agent_command command;
    g_autofree char *line = NULL;
    GError *error = NULL;
    Journal *journal = journal_open(dir, "boot-1", &state, &error);

    suite_no_error(error);
    make(&command, id, verb, g_str_equal(verb, "abort") ? "m9" : U1, gen, 1);
    line = journal_line_accept(&command, deadline_ms);
    boot = journal_line_boot("boot-1");
    ck_assert(journal_append(journal, boot, NULL) && journal_append(journal, line, NULL));
    agent_command_clear(&command);
    journal_state_clear(&state);
    journal_free(journal);
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
    leave_accepted(bench.dir, resolve_rows[_i].verb, 2, 0);
    if (resolve_rows[_i].found != DOMAIN_ABSENT)
        hv_fake_put(bench.fake, U1, resolve_rows[_i].found, resolve_rows[_i].gen);
    bench_start(&bench);
    ck_assert_int_eq(ask_status(&bench, "c1", resolve_rows[_i].verb,
                                g_str_equal(resolve_rows[_i].verb, "abort") ? "m9" : U1, 2, 1),
                     202);
    expect(&bench, "c1", resolve_rows[_i].state, resolve_rows[_i].text);
    expect_history(&bench, resolve_rows[_i].history);
    bench_restart(&bench);
    expect(&bench, "c1", resolve_rows[_i].state, resolve_rows[_i].text);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_start_of_a_former_process_is_begun_while_its_deadline_stands)
{
    struct bench bench;

    bench_prepare(&bench);
    leave_accepted(bench.dir, "start", 2, clock_now_ms() + 60000);
    bench_start(&bench);
    expect(&bench, "c1", "done", "");
    expect_history(&bench, "start 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(resolving_waits_for_the_hypervisor_and_new_commands_wait_for_it)
{
    struct bench bench;

    bench_prepare(&bench);
    leave_accepted(bench.dir, "start", 2, 0);
    hv_fake_set_link(bench.fake, false);
    bench_start(&bench);
    ck_assert_int_eq(ask_status(&bench, "c2", "reboot", U1, 2, 1), 202);
    ck_assert(!has_ended(&bench, "c1"));
    ck_assert(!has_ended(&bench, "c2"));
    hv_fake_set_link(bench.fake, true);
    expect(&bench, "c1", "failed", "interrupted");
    expect(&bench, "c2", "done", "");
    bench_clear(&bench);
}
END_TEST

/* libvirtd carries the migration on, so it must be followed to its end, and told to end there. */
START_TEST(abort_of_a_migration_that_is_to_be_resolved_follows_it_all_the_same)
{
    struct bench bench;

    bench_prepare(&bench);
    leave_accepted(bench.dir, "migrate", 2, 0);
    hv_fake_put(bench.fake, U1, DOMAIN_RUNNING, 1);
    hv_fake_set_link(bench.fake, false);
    hv_fake_hold(bench.fake, "follow");
    bench_start(&bench);
    ask_status(&bench, "a1", "abort", "c1", 0, 1);
    expect(&bench, "a1", "done", "");
    ck_assert(!has_ended(&bench, "c1"));
    hv_fake_set_link(bench.fake, true);
    expect(&bench, "c1", "failed", "cancelled");
    expect_history(&bench, "follow 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(a_connection_that_breaks_in_mid_call_is_resolved_like_a_restart)
{
    struct bench bench;

    bench_init(&bench);
    wait_up(&bench);
    hv_fake_fail(bench.fake, "start", VRM_ERR_TIMEOUT, true, "libvirtd went away");
    hv_fake_put(bench.fake, U2, DOMAIN_RUNNING, 1);
    hv_fake_hold(bench.fake, "start");
    ask_status(&bench, "c1", "start", U1, 1, 1);
    wait_inside(&bench, "start", 1);
    hv_fake_put(bench.fake, U1, DOMAIN_RUNNING, 1); /* it was carried out after all */
    hv_fake_release(bench.fake, "start");
    hv_fake_set_link(bench.fake, true); /* reconnected: listed anew */
    expect(&bench, "c1", "done", "");
    expect_history(&bench, "start 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(a_start_that_a_dying_libvirtd_lost_is_begun_again)
{
    struct bench bench;

    bench_init(&bench);
    wait_up(&bench);
    hv_fake_fail(bench.fake, "start", VRM_ERR_TIMEOUT, true, "libvirtd went away");
    hv_fake_hold(bench.fake, "start");
    ask_status(&bench, "c1", "start", U1, 1, 1);
    wait_inside(&bench, "start", 1);
    hv_fake_release(bench.fake, "start");
    hv_fake_set_link(bench.fake, true); /* reconnected: listed anew, and it is not there */
    expect(&bench, "c1", "done", "");
    expect_history(&bench, "start 01;start 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(a_command_waits_for_a_libvirtd_that_comes_back)
{
    struct bench bench;

    bench_prepare(&bench);
    bench.link_wait_ms = 10000;
    bench_start(&bench);
    wait_up(&bench);
    hv_fake_fail(bench.fake, "start", VRM_ERR_UNAVAILABLE, true, "libvirtd does not answer");
    hv_fake_hold(bench.fake, "start");
    ask_status(&bench, "c1", "start", U1, 1, 1);
    wait_inside(&bench, "start", 1);
    hv_fake_release(bench.fake, "start");
    hv_fake_set_link(bench.fake, true);
    expect(&bench, "c1", "done", "");
    expect_history(&bench, "start 01;start 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(without_a_connection_a_command_fails_and_says_so)
{
    struct bench bench;

    bench_init(&bench);
    wait_up(&bench);
    hv_fake_set_link(bench.fake, false);
    ask_status(&bench, "c1", "start", U1, 1, 1);
    expect(&bench, "c1", "failed", "libvirtd does not answer");
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
    wait_up(&bench);
    ask_status(&bench, "c0", "reboot", U1, 1, 1);
    wait_end(&bench, "c0");
    path = g_build_filename(bench.dir, "journal", NULL);
    ck_assert_int_eq(g_stat(path, &st), 0);
    make(&command, "c1", "start", U1, 1, 1);
    limited = limit_files((rlim_t)st.st_size + 20); /* in the middle of the line */
    agent_command(bench.agent, &command, on_quiet_reply, &answer);
    while (answer.status == 0)
        turn();
    ck_assert(limit_files(RLIM_INFINITY) && limited);
    ck_assert_int_eq(answer.status, 503);
    ck_assert_ptr_nonnull(strstr(error_text(&answer), "journal: File too large"));
    answer_clear(&answer);
    expect_history(&bench, "reboot 01;");
    ck_assert_int_eq(ask_status(&bench, "c1", "start", U1, 1, 1), 202);
    expect(&bench, "c1", "done", "");
    bench_restart(&bench);
    expect(&bench, "c1", "done", "");
    bench_clear(&bench);
}
END_TEST

/* A command that is long on disk. */
static void make_long(struct agent_command *ret, const char *id, int64_t gen)
{
    g_autofree char *path = g_strnfill(1000, 'x');

    make(ret, id, "start", U1, gen, 1);
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
    wait_up(&bench);
    path = g_build_filename(bench.dir, "journal", NULL);
    for (int i = 0; i < N; i++) {
        g_autofree char *id = g_strdup_printf("c%d", i);
        struct answer answer = { 0 };

        make_long(&command, id, i);
        agent_command(bench.agent, &command, on_reply, &answer);
        wait_end(&bench, id);
        answer_clear(&answer);
    }
    bench_restart(&bench);
    ck_assert_int_eq(g_stat(path, &st), 0);
    ck_assert_int_lt(st.st_size, N * LONG / 2);
    wait_up(&bench);
    expect(&bench, "c0", "done", "");
    expect(&bench, "c59", "failed", "already running");
    ck_assert_int_eq(ask_status(&bench, "n1", "reboot", U1, 58, 1), 409);
    ck_assert_int_eq(ask_status(&bench, "n1", "reboot", U1, 59, 1), 202);
    bench_clear(&bench);
}
END_TEST

/* ---- watching ------------------------------------------------------------------------------- */

struct stream {
    Watcher *watcher;
    int status;
    GString *text;
    bool over;
};

static void on_opened(Watcher *watcher, int status, json_t *body, void *user)
{
    struct stream *stream = user;

    stream->watcher = watcher;
    stream->status = status;
    json_decref(body);
}

static void nothing(void *user)
{
    (void)user;
}

static void stream_open(struct bench *bench, int64_t epoch, struct stream *ret_stream)
{
    *ret_stream = (struct stream){ .text = g_string_new(NULL) };
    agent_open_watch(bench->agent, epoch, on_opened, ret_stream);
    while (ret_stream->status == 0)
        turn();
}

static void stream_read(struct stream *stream)
{
    const struct watcher_pause pause = { nothing, nothing, NULL };
    char buf[100];
    ssize_t n;

    while ((n = watcher_read(stream->watcher, buf, sizeof(buf), &pause)) > 0)
        g_string_append_len(stream->text, buf, n);
    stream->over = n != WATCHER_WAIT;
}

static void stream_wait(struct stream *stream, const char *part)
{
    for (stream_read(stream); !strstr(stream->text->str, part); stream_read(stream))
        turn();
}

static void stream_close(struct stream *stream)
{
    if (stream->watcher)
        watcher_close(stream->watcher);
    g_string_free(stream->text, TRUE);
}

/* Each line decodes; their kinds in order, beats left out. */
static char *stream_kinds(const struct stream *stream)
{
    g_auto(GStrv) lines = g_strsplit(stream->text->str, "\n", -1);
    GString *kinds = g_string_new(NULL);

    for (char **text = lines; **text; text++) {
        struct watch_line line;
        GError *error = NULL;

        watch_line_decode(*text, strlen(*text), &line, &error);
        suite_no_error(error);
        if (line.kind != WATCH_BEAT)
            g_string_append_printf(kinds, "%s ", watch_kind_name(line.kind));
        watch_line_clear(&line);
    }
    return g_string_free(kinds, FALSE);
}

START_TEST(a_stream_begins_with_hello_and_everything_then_tells_changes)
{
    struct bench bench;
    struct stream stream;
    g_autofree char *kinds = NULL;

    bench_prepare(&bench);
    hv_fake_put(bench.fake, U1, DOMAIN_RUNNING, 3);
    bench_start(&bench);
    wait_up(&bench);
    stream_open(&bench, 4, &stream);
    ck_assert_int_eq(stream.status, 200);
    stream_wait(&stream, "\"full\"");
    ck_assert_ptr_nonnull(strstr(stream.text->str, "\"epoch\":4"));
    ck_assert_ptr_nonnull(strstr(stream.text->str, U1));
    ask_status(&bench, "c1", "stop", U1, 3, 4);
    stream_wait(&stream, "\"done\"");
    stream_wait(&stream, "\"absent\"");
    kinds = stream_kinds(&stream);
    ck_assert_msg(g_str_has_prefix(kinds, "hello full command "), "%s", kinds);
    stream_close(&stream);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_higher_epoch_ends_the_streams_of_lower_ones)
{
    struct bench bench;
    struct stream old, new;

    bench_init(&bench);
    wait_up(&bench);
    stream_open(&bench, 4, &old);
    stream_open(&bench, 5, &new);
    ck_assert_int_eq(new.status, 200);
    stream_read(&old);
    stream_read(&new);
    ck_assert(old.over);
    ck_assert(!new.over);
    stream_close(&old);
    stream_open(&bench, 4, &old);
    ck_assert_int_eq(old.status, 409);
    ask_status(&bench, "c1", "stop", U1, 1, 6);
    stream_read(&new);
    ck_assert(new.over);
    stream_close(&old);
    stream_close(&new);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_lost_hypervisor_is_told_and_what_vanished_meanwhile_is_missing_afterwards)
{
    struct bench bench;
    struct stream stream;

    bench_prepare(&bench);
    hv_fake_put(bench.fake, U1, DOMAIN_RUNNING, 3);
    bench_start(&bench);
    wait_up(&bench);
    stream_open(&bench, 1, &stream);
    stream_wait(&stream, U1);
    hv_fake_set_link(bench.fake, false);
    stream_wait(&stream, "\"beat\",\"hypervisor_ok\":false");
    hv_fake_remove(bench.fake, U1);
    g_string_truncate(stream.text, 0);
    hv_fake_set_link(bench.fake, true);
    stream_wait(&stream, "\"full\",\"hypervisor_ok\":true,\"domains\":[]");
    stream_close(&stream);
    bench_clear(&bench);
}
END_TEST

START_TEST(an_event_during_a_list_wins_over_the_list)
{
    struct bench bench;
    struct stream stream;

    bench_prepare(&bench);
    hv_fake_put(bench.fake, U1, DOMAIN_RUNNING, 3);
    hv_fake_hold(bench.fake, "list");
    bench_start(&bench);
    wait_inside(&bench, "list", 1);
    hv_fake_tell(bench.fake, U1);
    hv_fake_release(bench.fake, "list");
    wait_up(&bench);
    stream_open(&bench, 1, &stream);
    hv_fake_remove(bench.fake, U1);
    hv_fake_tell(bench.fake, U1);
    stream_wait(&stream, "\"absent\"");
    stream_close(&stream);
    bench_clear(&bench);
}
END_TEST

START_TEST(no_stream_before_anything_is_known_of_the_host)
{
    struct bench bench;
    struct stream stream;

    bench_prepare(&bench);
    hv_fake_set_link(bench.fake, false);
    bench_start(&bench);
    stream_open(&bench, 1, &stream);
    ck_assert_int_eq(stream.status, 503);
    stream_close(&stream);
    bench_clear(&bench);
}
END_TEST

START_TEST(streams_are_limited_in_number)
{
    struct bench bench;
    struct stream streams[8], more;

    bench_init(&bench);
    wait_up(&bench);
    for (size_t i = 0; i < G_N_ELEMENTS(streams); i++)
        stream_open(&bench, 1, &streams[i]);
    stream_open(&bench, 1, &more);
    ck_assert_int_eq(more.status, 503);
    stream_close(&more);
    for (size_t i = 0; i < G_N_ELEMENTS(streams); i++)
        stream_close(&streams[i]);
    stream_open(&bench, 1, &more);
    ck_assert_int_eq(more.status, 200);
    stream_close(&more);
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
           SUITE_TEST(abort_of_something_else_fails_and_of_something_finished_does_not),
           SUITE_LOOP(after_a_restart_an_unfinished_command_is_resolved_by_asking, resolve_rows),
           SUITE_TEST(a_start_of_a_former_process_is_begun_while_its_deadline_stands),
           SUITE_TEST(resolving_waits_for_the_hypervisor_and_new_commands_wait_for_it),
           SUITE_TEST(abort_of_a_migration_that_is_to_be_resolved_follows_it_all_the_same),
           SUITE_TEST(a_connection_that_breaks_in_mid_call_is_resolved_like_a_restart),
           SUITE_TEST(a_start_that_a_dying_libvirtd_lost_is_begun_again),
           SUITE_TEST(a_command_waits_for_a_libvirtd_that_comes_back),
           SUITE_TEST(without_a_connection_a_command_fails_and_says_so),
           SUITE_TEST(a_command_that_cannot_be_stored_is_refused_and_does_not_run),
           SUITE_TEST(a_long_journal_is_written_anew_and_forgets_nothing_that_counts),
           SUITE_TEST(a_stream_begins_with_hello_and_everything_then_tells_changes),
           SUITE_TEST(a_higher_epoch_ends_the_streams_of_lower_ones),
           SUITE_TEST(a_lost_hypervisor_is_told_and_what_vanished_meanwhile_is_missing_afterwards),
           SUITE_TEST(an_event_during_a_list_wins_over_the_list),
           SUITE_TEST(no_stream_before_anything_is_known_of_the_host),
           SUITE_TEST(streams_are_limited_in_number))
