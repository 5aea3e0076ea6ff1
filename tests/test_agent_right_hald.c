/* test_agent_right_hald.c - what the agent hands on between libvirtd, vrm-hald and the controller:
 * ends of guests, the setup, heartbeat slots, hello. */
#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/agent_right_bench.h"
#include "tests/suite.h"

#define GIVEN_UP "\"state\":\"absent\",\"detail\":\"given up\""

/* ---- what the hypervisor says ------------------------------------------------------------------
 */

START_TEST(a_vm_that_ended_by_itself_keeps_its_right_and_its_process_is_gone)
{
    struct bench bench;

    right_prepare(&bench);
    hv_fake_put_by_right(bench.hv, U1, DOMAIN_RUNNING, 2, false);
    right_up(&bench);
    right_wait_told(&bench, "process+ 01;");
    hv_fake_remove(bench.hv, U1);
    hv_fake_tell(bench.hv, U1);
    right_wait_told(&bench, "process- 01;");
    right_expect_hald(&bench, "");
    bench_clear(&bench);
}
END_TEST

START_TEST(a_vrm_hald_that_began_anew_hears_of_every_vm)
{
    struct bench bench;

    right_prepare(&bench);
    hv_fake_put_by_right(bench.hv, U1, DOMAIN_RUNNING, 2, false);
    right_up(&bench);
    right_wait_told(&bench, "process+ 01;");
    warden_fake_set_up(bench.warden, false);
    bench_wait_well(&bench, "ha", false);
    warden_fake_set_up(bench.warden, true);
    right_wait_told(&bench, "process+ 01;");
    ck_assert(bench_is_well(&bench, "ha"));
    bench_clear(&bench);
}
END_TEST

START_TEST(a_vm_without_the_right_to_be_here_is_ended)
{
    struct bench bench;

    right_prepare(&bench);
    hv_fake_put_by_right(bench.hv, U1, DOMAIN_RUNNING, 2, false);
    warden_fake_fail(bench.warden, HALD_PROCESS, VRM_ERR_CONFLICT, "it has no right to be here");
    right_up(&bench);
    right_wait_told(&bench, "process- 01;");
    bench_expect_history(&bench, "destroy 01;");
    bench_clear(&bench);
}
END_TEST

START_TEST(vms_that_run_by_no_right_are_nobodys_business)
{
    struct bench bench;
    g_autofree char *told = NULL;

    right_prepare(&bench);
    hv_fake_put(bench.hv, U1, DOMAIN_RUNNING, 2);
    right_up(&bench);
    hv_fake_remove(bench.hv, U1);
    hv_fake_tell(bench.hv, U1);
    right_send(&bench, "c1", "resume", NULL);
    bench_expect(&bench, "c1", "failed", "");
    told = warden_fake_take_history(bench.warden);
    ck_assert_str_eq(told, "");
    bench_clear(&bench);
}
END_TEST

START_TEST(a_command_waits_while_vrm_hald_is_asked_about_its_vm)
{
    struct bench bench;

    right_prepare(&bench);
    hv_fake_put_by_right(bench.hv, U1, DOMAIN_RUNNING, 2, false);
    warden_fake_hold(bench.warden, HALD_PROCESS);
    right_up(&bench);
    while (warden_fake_inside(bench.warden, HALD_PROCESS) == 0)
        bench_turn();
    right_send(&bench, "c1", "stop", NULL);
    bench_expect_history(&bench, "");
    warden_fake_release(bench.warden, HALD_PROCESS);
    bench_expect(&bench, "c1", "done", "");
    right_expect_hald(&bench, "process+ 01;" GIVEN);
    bench_clear(&bench);
}
END_TEST

/* ---- vrm-hald's setup ---------------------------------------------------------------------------
 */

static void make_setup(struct ha_setup *ret, int64_t epoch)
{
    g_autoptr(json_t) json = json_pack(
        "{s:i, s:I, s:i, s:[s], s:s, s:i, s:i, s:i, s:i, s:s, s:[], s:[]}", "v",
        AGENT_PROTOCOL_VERSION, "epoch", (json_int_t)epoch, "host", 101, "etcd",
        "http://192.0.2.1:2379", "prefix", "/vrm", "lease_ms", 12000, "renew_ms", 1500, "kill_ms",
        2000, "beat_ms", 1000, "beat_key",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "beat_to", "peers");
    GError *error = NULL;

    ha_setup_decode(json, ret, &error);
    suite_no_error(error);
}

static void set_ha(struct bench *bench, int64_t epoch, int want_status, const char *want_text)
{
    struct answer answer = { 0 };
    struct ha_setup setup;

    make_setup(&setup, epoch);
    agent_set_ha(bench->agent, &setup, answer_take, &answer);
    answer_wait(&answer);
    ck_assert_int_eq(answer.status, want_status);
    ck_assert_msg(strstr(answer_error(&answer), want_text) != NULL, "expected \"%s\" in: %s",
                  want_text, answer_error(&answer));
    answer_clear(&answer);
}

START_TEST(a_setup_reaches_vrm_hald_and_a_refusal_comes_back)
{
    struct bench bench;

    right_init(&bench);
    set_ha(&bench, 7, 200, "");
    right_expect_hald(&bench, "setup 0;");
    warden_fake_fail(bench.warden, HALD_SETUP, VRM_ERR_CONFLICT, "host is 101; this is host 102");
    set_ha(&bench, 7, 409, "vrm-hald: host is 101; this is host 102");
    warden_fake_fail(bench.warden, HALD_SETUP, VRM_ERR_TIMEOUT, "nothing in time");
    set_ha(&bench, 7, 503, "nothing in time");
    g_free(warden_fake_take_history(bench.warden));
    set_ha(&bench, 6, 409, "epoch 6 is over");
    right_expect_hald(&bench, "");
    bench_clear(&bench);
}
END_TEST

START_TEST(a_setup_needs_a_vrm_hald)
{
    struct bench bench;

    right_prepare(&bench);
    g_clear_pointer(&bench.warden, warden_fake_free);
    right_up(&bench);
    set_ha(&bench, 7, 503, "no vrm-hald is in use on this host");
    bench_clear(&bench);
}
END_TEST

/* ---- heartbeat slots ---------------------------------------------------------------------------
 */

static void read_slots(struct bench *bench, int want_status, struct answer *ret_answer)
{
    *ret_answer = (struct answer){ 0 };
    agent_read_slots(bench->agent, 3, 64, answer_take, ret_answer);
    answer_wait(ret_answer);
    ck_assert_int_eq(ret_answer->status, want_status);
}

static void expect_no_slots(struct bench *bench, int want_status, const char *want_text)
{
    struct answer answer;

    read_slots(bench, want_status, &answer);
    ck_assert_msg(strstr(answer_error(&answer), want_text) != NULL, "expected \"%s\" in: %s",
                  want_text, answer_error(&answer));
    answer_clear(&answer);
}

START_TEST(what_vrm_hald_reads_of_heartbeat_slots_is_handed_on)
{
    struct bench bench;
    struct answer answer;
    struct ha_reading slots;

    right_init(&bench);
    read_slots(&bench, 200, &answer);
    ck_assert(ha_reading_decode(answer.body, &slots, NULL));
    ck_assert_uint_eq(slots.n_stores, 1);
    ck_assert_uint_eq(slots.stores[0].n_slots, 1);
    ck_assert_int_eq(slots.stores[0].slots[0].slot, 3);
    ck_assert_int_eq(slots.stores[0].slots[0].host, 104);
    ck_assert_int_eq(slots.stores[0].slots[0].seq, 64);
    ha_reading_clear(&slots);
    answer_clear(&answer);
    warden_fake_fail(bench.warden, HALD_SLOTS, VRM_ERR_CONFLICT, "too many");
    expect_no_slots(&bench, 409, "vrm-hald: too many");
    warden_fake_fail(bench.warden, HALD_SLOTS, VRM_ERR_TIMEOUT, "nothing in time");
    expect_no_slots(&bench, 503, "nothing in time");
    bench_clear(&bench);
}
END_TEST

START_TEST(readings_do_not_pile_up_behind_a_vrm_hald_that_hangs)
{
    struct answer waiting[8] = { { 0 } };
    struct answer answer = { 0 };
    struct bench bench;

    right_init(&bench);
    warden_fake_hold(bench.warden, HALD_SLOTS);
    for (size_t i = 0; i < G_N_ELEMENTS(waiting); i++)
        agent_read_slots(bench.agent, 0, 1, answer_take, &waiting[i]);
    agent_read_slots(bench.agent, 0, 1, answer_take, &answer);
    ck_assert_int_eq(answer.status, 503); /* at once */
    answer_clear(&answer);
    bench_wait_well(&bench, "ha", true); /* nothing else waits for them */
    warden_fake_release(bench.warden, HALD_SLOTS);
    for (size_t i = 0; i < G_N_ELEMENTS(waiting); i++) {
        answer_wait(&waiting[i]);
        ck_assert_int_eq(waiting[i].status, 200);
        answer_clear(&waiting[i]);
    }
    bench_clear(&bench);
}
END_TEST

/* ---- hello -------------------------------------------------------------------------------------
 */

/* Until a line that was not looked at yet has this part. */
static void wait_line(struct stream *stream, const char *part)
{
    stream_wait(stream, part);
    g_string_truncate(stream->text, 0);
}

START_TEST(hello_says_whether_vrm_hald_answers_and_says_it_again_when_that_changes)
{
    struct bench bench;
    struct stream stream;

    right_init(&bench);
    stream_open(&bench, 1, &stream);
    ck_assert_int_eq(stream.status, 200);
    wait_line(&stream, "\"ha\":true,\"ha_address\":\"10.91.0.11\"");
    warden_fake_set_up(bench.warden, false);
    wait_line(&stream, "\"hello\":{");
    warden_fake_set_up(bench.warden, true);
    wait_line(&stream, "\"ha\":true");
    stream_close(&stream);
    bench_clear(&bench);
}
END_TEST

/* It may not know all of what its former process was told. */
START_TEST(a_vrm_hald_that_began_anew_between_two_looks_is_a_new_hello)
{
    struct bench bench;
    struct stream stream;

    right_init(&bench);
    stream_open(&bench, 1, &stream);
    wait_line(&stream, "\"ha\":true");
    warden_fake_set_up(bench.warden, true);
    wait_line(&stream, "\"hello\":{");
    ck_assert(bench_is_well(&bench, "ha"));
    stream_close(&stream);
    bench_clear(&bench);
}
END_TEST

/* ---- cut off ----------------------------------------------------------------------------------
 */

START_TEST(vrm_hald_hears_whether_a_controller_listens)
{
    struct bench bench;
    struct stream stream;

    right_init(&bench);
    ck_assert(!warden_fake_is_watched(bench.warden));
    stream_open(&bench, 1, &stream);
    while (!warden_fake_is_watched(bench.warden))
        bench_turn();
    stream_close(&stream);
    bench_clear(&bench);
}
END_TEST

/* A controller that comes later hears that nobody in the guest wanted its end. */
START_TEST(a_guest_that_the_host_gives_up_is_told_to_shut_down_and_called_given_up)
{
    struct bench bench;
    struct stream stream;

    right_init(&bench);
    right_send(&bench, "c1", "start", TOKEN);
    bench_expect(&bench, "c1", "done", "");
    right_expect_hald(&bench, ALLOWED);
    warden_fake_shut_down(bench.warden, U1);
    right_wait_told(&bench, "process- 01;");
    warden_fake_shut_down(bench.warden, NULL);
    bench_expect_history(&bench, "halt 01;run 01;stop 01;");
    stream_open(&bench, 1, &stream);
    stream_wait(&stream, GIVEN_UP);
    stream_close(&stream);
    bench_clear(&bench);
}
END_TEST

/* Until the agent has acted on what a status says that is asked for from now on (one is asked for
 * when the last one was looked at), and what it began before is older than press_again_ms. */
static void wait_polled(struct bench *bench)
{
    const unsigned n = warden_fake_asked(bench->warden, HALD_STATUS);

    while (warden_fake_asked(bench->warden, HALD_STATUS) < n + 5)
        bench_turn();
}

static void up_with_a_vm(struct bench *bench)
{
    right_prepare(bench);
    bench->press_again_ms = 10;
    hv_fake_put_by_right(bench->hv, U1, DOMAIN_RUNNING, 2, false);
    right_up(bench);
}

/* The agent asks vrm-hald about it. */
static void change_state(struct bench *bench, enum domain_state state)
{
    hv_fake_put_by_right(bench->hv, U1, state, 2, false);
    hv_fake_tell(bench->hv, U1);
}

START_TEST(a_guest_that_may_run_on_meanwhile_is_not_told_to_shut_down_late)
{
    struct bench bench;

    up_with_a_vm(&bench);
    right_wait_told(&bench, "process+ 01;");
    wait_polled(&bench);
    warden_fake_hold(bench.warden, HALD_PROCESS);
    change_state(&bench, DOMAIN_PAUSED);
    right_wait_told(&bench, "process+ 01;"); /* whatever is about this VM waits for its end */
    warden_fake_shut_down(bench.warden, U1);
    wait_polled(&bench);
    warden_fake_shut_down(bench.warden, NULL);
    wait_polled(&bench);
    warden_fake_release(bench.warden, HALD_PROCESS);
    change_state(&bench, DOMAIN_RUNNING);
    right_wait_told(&bench, "process");
    bench_expect_history(&bench, "");
    bench_clear(&bench);
}
END_TEST

START_TEST(a_guest_is_not_told_to_shut_down_again_before_libvirtd_has_answered)
{
    struct bench bench;

    up_with_a_vm(&bench);
    hv_fake_hold(bench.hv, "stop");
    warden_fake_shut_down(bench.warden, U1);
    bench_wait_inside(&bench, "stop", 1);
    wait_polled(&bench);
    warden_fake_shut_down(bench.warden, NULL);
    wait_polled(&bench);
    hv_fake_release(bench.hv, "stop");
    right_wait_told(&bench, "process- 01;");
    bench_expect_history(&bench, "stop 01;");
    bench_clear(&bench);
}
END_TEST

static void wait_history(struct bench *bench, const char *want)
{
    for (;;) {
        g_autofree char *history = hv_fake_history(bench->hv);

        if (g_str_has_prefix(history, want))
            return;
        bench_turn();
    }
}

/* vrm-hald ends it with a signal: libvirtd calls that a crash. */
START_TEST(a_vm_that_the_host_ends_is_called_given_up_and_its_guest_is_told_nothing)
{
    struct bench bench;
    struct stream live, later;

    up_with_a_vm(&bench);
    stream_open(&bench, 1, &live);
    warden_fake_end(bench.warden, U1);
    wait_polled(&bench);
    hv_fake_remove(bench.hv, U1);
    hv_fake_tell(bench.hv, U1);
    stream_wait(&live, GIVEN_UP);
    right_wait_told(&bench, "process- 01;");
    stream_open(&bench, 1, &later);
    stream_wait(&later, GIVEN_UP);
    bench_expect_history(&bench, "");
    stream_close(&later);
    stream_close(&live);
    bench_clear(&bench);
}
END_TEST

/* The others have brought it back long ago, or it was deleted. */
START_TEST(that_a_guest_was_given_up_is_told_for_a_while)
{
    struct bench bench;
    struct stream stream;

    right_prepare(&bench);
    bench.gone_ms = 1;
    hv_fake_put_by_right(bench.hv, U1, DOMAIN_RUNNING, 2, false);
    right_up(&bench);
    warden_fake_shut_down(bench.warden, U1);
    wait_history(&bench, "stop 01;");
    right_wait_told(&bench, "process- 01;");
    warden_fake_shut_down(bench.warden, NULL);
    wait_polled(&bench);
    stream_open(&bench, 1, &stream);
    stream_wait(&stream, "\"full\"");
    ck_assert_ptr_null(strstr(stream.text->str, "given up"));
    stream_close(&stream);
    bench_clear(&bench);
}
END_TEST

/* From now on, in the bench's folder. */
static char *log_to_file(const struct bench *bench)
{
    char *name = g_build_filename(bench->dir, "log", NULL);
    const int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0); /* of this test's process */
    close(fd);
    return name;
}

static unsigned count_in_file(const char *name, const char *what)
{
    g_autofree char *text = NULL;
    unsigned n = 0;

    ck_assert(g_file_get_contents(name, &text, NULL, NULL));
    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

START_TEST(that_a_guest_cannot_be_told_to_shut_down_is_said_once)
{
    struct bench bench;
    g_autofree char *log = NULL;

    up_with_a_vm(&bench);
    log = log_to_file(&bench);
    hv_fake_set_link(bench.hv, false);
    warden_fake_shut_down(bench.warden, U1);
    wait_history(&bench, "stop 01;stop 01;stop 01;");
    wait_polled(&bench);
    ck_assert_uint_eq(count_in_file(log, "a guest cannot be told to shut down"), 1);
    bench_clear(&bench);
}
END_TEST

SUITE_MAIN("agent_right_hald", SUITE_TEST(vrm_hald_hears_whether_a_controller_listens),
           SUITE_TEST(a_guest_that_the_host_gives_up_is_told_to_shut_down_and_called_given_up),
           SUITE_TEST(a_guest_that_may_run_on_meanwhile_is_not_told_to_shut_down_late),
           SUITE_TEST(a_guest_is_not_told_to_shut_down_again_before_libvirtd_has_answered),
           SUITE_TEST(that_a_guest_cannot_be_told_to_shut_down_is_said_once),
           SUITE_TEST(a_vm_that_the_host_ends_is_called_given_up_and_its_guest_is_told_nothing),
           SUITE_TEST(that_a_guest_was_given_up_is_told_for_a_while),
           SUITE_TEST(a_vm_that_ended_by_itself_keeps_its_right_and_its_process_is_gone),
           SUITE_TEST(a_vrm_hald_that_began_anew_hears_of_every_vm),
           SUITE_TEST(a_vm_without_the_right_to_be_here_is_ended),
           SUITE_TEST(vms_that_run_by_no_right_are_nobodys_business),
           SUITE_TEST(a_command_waits_while_vrm_hald_is_asked_about_its_vm),
           SUITE_TEST(a_setup_reaches_vrm_hald_and_a_refusal_comes_back),
           SUITE_TEST(a_setup_needs_a_vrm_hald),
           SUITE_TEST(what_vrm_hald_reads_of_heartbeat_slots_is_handed_on),
           SUITE_TEST(readings_do_not_pile_up_behind_a_vrm_hald_that_hangs),
           SUITE_TEST(a_vrm_hald_that_began_anew_between_two_looks_is_a_new_hello),
           SUITE_TEST(hello_says_whether_vrm_hald_answers_and_says_it_again_when_that_changes))
