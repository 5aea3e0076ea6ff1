/* agent_bench.c - see agent_bench.h. */
#include "config.h"

#include "tests/agent_bench.h"

#include "agent/journal.h"
#include "tests/suite.h"
#include "tests/tempdir.h"

#define BOOT_ID "boot-1"

/* ---- a bench -------------------------------------------------------------------------------- */

void bench_prepare(struct bench *bench)
{
    *bench = (struct bench){ .dir = tempdir_new(), .hv = hv_fake_new() };
}

void bench_start(struct bench *bench)
{
    const struct agent_options options = {
        .hv = hv_fake_hv(bench->hv),
        .warden = bench->warden ? warden_fake_warden(bench->warden) : (struct warden){ 0 },
        .name = "h1",
        .state_dir = bench->dir,
        .boot_id = BOOT_ID,
        .n_workers = 2,
        .max_commands = 5,
        .link_wait_ms = bench->link_wait_ms,
        .press_again_ms = bench->press_again_ms,
        .gone_ms = bench->gone_ms,
        .warden_poll_ms = bench->warden ? 5 : 0,
    };
    GError *error = NULL;

    bench->agent = agent_new(&options, &error);
    suite_no_error(error);
    agent_start(bench->agent);
}

void bench_init(struct bench *bench)
{
    bench_prepare(bench);
    bench_start(bench);
}

static void stop(struct bench *bench)
{
    agent_stop(bench->agent);
    while (!agent_is_idle(bench->agent))
        g_main_context_iteration(NULL, FALSE);
    ck_assert(agent_free(bench->agent));
    bench->agent = NULL;
}

void bench_restart(struct bench *bench)
{
    stop(bench);
    bench_start(bench);
}

void bench_clear(struct bench *bench)
{
    stop(bench);
    hv_fake_free(bench->hv);
    warden_fake_free(bench->warden);
    tempdir_free(bench->dir);
}

void bench_turn(void)
{
    g_main_context_iteration(NULL, TRUE);
}

bool bench_is_well(struct bench *bench, const char *key)
{
    struct answer answer = { 0 };
    bool yes;

    agent_health(bench->agent, answer_take, &answer);
    yes = json_is_true(json_object_get(answer.body, key));
    answer_clear(&answer);
    return yes;
}

void bench_wait_well(struct bench *bench, const char *key, bool want)
{
    while (bench_is_well(bench, key) != want)
        bench_turn();
}

void bench_wait_up(struct bench *bench)
{
    bench_wait_well(bench, "hypervisor_ok", true);
}

void bench_wait_inside(struct bench *bench, const char *call, unsigned n)
{
    while (hv_fake_inside(bench->hv, call) < n)
        g_main_context_iteration(NULL, FALSE);
}

/* ---- answers --------------------------------------------------------------------------------- */

void answer_take(int status, json_t *body, void *user)
{
    struct answer *answer = user;

    ck_assert_int_eq(answer->status, 0);
    answer->status = status;
    answer->body = body;
}

void answer_wait(const struct answer *answer)
{
    while (answer->status == 0)
        bench_turn();
}

void answer_clear(struct answer *answer)
{
    json_decref(answer->body);
    *answer = (struct answer){ 0 };
}

const char *answer_word(const struct answer *answer, const char *key)
{
    const char *text = json_string_value(json_object_get(answer->body, key));

    return text ? text : "";
}

const char *answer_error(const struct answer *answer)
{
    const json_t *error = json_object_get(answer->body, "error");

    if (json_is_object(error))
        error = json_object_get(error, "text");
    return json_string_value(error) ? json_string_value(error) : "";
}

/* ---- commands -------------------------------------------------------------------------------- */

void bench_look(struct bench *bench, const char *id, struct answer *ret_answer)
{
    *ret_answer = (struct answer){ 0 };
    agent_command_state(bench->agent, id, answer_take, ret_answer);
}

bool bench_has_ended(struct bench *bench, const char *id)
{
    struct answer answer;
    bool ended;

    bench_look(bench, id, &answer);
    ended = g_str_equal(answer_word(&answer, "state"), "done") ||
            g_str_equal(answer_word(&answer, "state"), "failed");
    answer_clear(&answer);
    return ended;
}

void bench_wait_end(struct bench *bench, const char *id)
{
    while (!bench_has_ended(bench, id))
        bench_turn();
}

void bench_expect(struct bench *bench, const char *id, const char *state, const char *text)
{
    struct answer answer;

    bench_wait_end(bench, id);
    bench_look(bench, id, &answer);
    ck_assert_msg(g_str_equal(answer_word(&answer, "state"), state), "%s: %s, wanted %s",
                  answer_word(&answer, "state"), answer_error(&answer), state);
    ck_assert_msg(strstr(answer_error(&answer), text) != NULL, "expected \"%s\" in: %s", text,
                  answer_error(&answer));
    answer_clear(&answer);
}

void bench_expect_history(struct bench *bench, const char *want)
{
    g_autofree char *history = hv_fake_history(bench->hv);

    ck_assert_str_eq(history, want);
}

json_t *bench_json(const struct order *order)
{
    const bool is_abort = g_str_equal(order->verb, "abort");
    json_t *json = json_pack("{s:i, s:s, s:I, s:I, s:s, s:i, s:s}", "v", AGENT_PROTOCOL_VERSION,
                             "id", order->id, "epoch", (json_int_t)order->epoch, "gen",
                             (json_int_t)order->gen, "verb", order->verb, "deadline_ms", 60000,
                             is_abort ? "abort_id" : "vm_uuid", order->uuid);

    if (g_str_equal(order->verb, "start") || g_str_equal(order->verb, "undefine"))
        json_object_set_new(json, "vm",
                            json_pack("{s:i, s:s, s:s, s:{s:i}, s:{s:i}}", "id", 1, "uuid",
                                      order->uuid, "name", "web", "cpu", "quantity", 1, "memory",
                                      "size_mb", 64));
    if (g_str_equal(order->verb, "migrate"))
        json_object_set_new(json, "migrate",
                            json_pack("{s:s, s:s, s:i}", "target_name", "h2", "target_address",
                                      "192.0.2.2", "timeout_ms", 60000));
    return json;
}

void bench_decode(json_t *json, struct agent_command *ret)
{
    GError *error = NULL;

    agent_command_decode(json, ret, &error);
    suite_no_error(error);
    json_decref(json);
}

void bench_post(struct bench *bench, const struct order *order, struct answer *ret_answer)
{
    struct agent_command command;

    bench_decode(bench_json(order), &command);
    *ret_answer = (struct answer){ 0 };
    agent_command(bench->agent, &command, answer_take, ret_answer);
}

void bench_ask(struct bench *bench, const struct order *order, struct answer *ret_answer)
{
    bench_post(bench, order, ret_answer);
    answer_wait(ret_answer);
}

int bench_ask_status(struct bench *bench, const char *id, const char *verb, const char *uuid,
                     int64_t gen, int64_t epoch)
{
    struct answer answer;
    int status;

    bench_ask(bench, ORDER(id, verb, uuid, gen, epoch), &answer);
    status = answer.status;
    answer_clear(&answer);
    return status;
}

void bench_leave_accepted(const struct bench *bench, struct agent_command *command,
                          int64_t deadline_ms)
{
    struct journal_state state;
    g_autofree char *boot = journal_line_boot(BOOT_ID);
    g_autofree char *line = journal_line_accept(command, deadline_ms);
    GError *error = NULL;
    Journal *journal = journal_open(bench->dir, BOOT_ID, &state, &error);

    suite_no_error(error);
    ck_assert(journal_append(journal, boot, NULL) && journal_append(journal, line, NULL));
    agent_command_clear(command);
    journal_state_clear(&state);
    journal_free(journal);
}

/* ---- streams --------------------------------------------------------------------------------- */

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

void stream_open(struct bench *bench, int64_t epoch, struct stream *ret_stream)
{
    *ret_stream = (struct stream){ .text = g_string_new(NULL) };
    agent_open_watch(bench->agent, epoch, on_opened, ret_stream);
    while (ret_stream->status == 0)
        bench_turn();
}

void stream_read(struct stream *stream)
{
    const struct watcher_pause pause = { nothing, nothing, NULL };
    char buf[100];
    ssize_t n;

    while ((n = watcher_read(stream->watcher, buf, sizeof(buf), &pause)) > 0)
        g_string_append_len(stream->text, buf, n);
    stream->over = n != WATCHER_WAIT;
}

void stream_wait(struct stream *stream, const char *part)
{
    for (stream_read(stream); !strstr(stream->text->str, part); stream_read(stream))
        bench_turn();
}

void stream_close(struct stream *stream)
{
    if (stream->watcher)
        watcher_close(stream->watcher);
    g_string_free(stream->text, TRUE);
}
