/* test_agent_server.c - the agent's door over real TLS on loopback, with the real HTTP client. */
#include "config.h"

#include "agent/server.h"

#include <glib/gstdio.h>
#include <stdio.h>

#include "agent/hv_fake.h"
#include "base/httpc.h"
#include "base/json.h"
#include "tests/suite.h"
#include "tests/tempdir.h"
#include "tests/testcerts.h"

#define U1 "00000000-0000-4000-8000-000000000001"

struct bench {
    char *dir;
    struct testcerts certs;
    HvFake *fake;
    Agent *agent;
    Server *server;
    HttpClient *client;
};

static struct server_options options_of(const struct bench *bench)
{
    return (struct server_options){
        .listen = "127.0.0.1",
        .ca_file = bench->certs.ca,
        .cert_file = bench->certs.server_cert,
        .key_file = bench->certs.server_key,
    };
}

static void set_client(struct bench *bench, const char *cert, const char *key)
{
    const struct http_tls tls = {
        .ca_file = bench->certs.ca,
        .cert_file = cert,
        .key_file = key,
    };

    if (bench->client)
        http_client_free(bench->client);
    bench->client = http_client_new(&tls);
}

static bool is_up(struct bench *bench);

static void bench_init(struct bench *bench)
{
    struct server_options server;
    GError *error = NULL;

    *bench = (struct bench){ .dir = tempdir_new(), .fake = hv_fake_new() };
    testcerts_make(&bench->certs);
    {
        const struct agent_options options = {
            .hv = hv_fake_hv(bench->fake),
            .name = "h1",
            .state_dir = bench->dir,
            .boot_id = "boot-1",
            .n_workers = 2,
            .max_commands = 5,
        };

        bench->agent = agent_new(&options, &error);
    }
    suite_no_error(error);
    server = options_of(bench);
    bench->server = server_new(bench->agent, &server, &error);
    suite_no_error(error);
    set_client(bench, bench->certs.client_cert, bench->certs.client_key);
    agent_start(bench->agent);
    while (!is_up(bench))
        g_main_context_iteration(NULL, TRUE);
}

static void bench_clear(struct bench *bench)
{
    http_client_free(bench->client);
    server_stop(bench->server);
    agent_stop(bench->agent);
    while (!server_is_idle(bench->server) || !agent_is_idle(bench->agent))
        g_main_context_iteration(NULL, FALSE);
    server_free(bench->server);
    ck_assert(agent_free(bench->agent));
    hv_fake_free(bench->fake);
    testcerts_clear(&bench->certs);
    tempdir_free(bench->dir);
}

/* ---- asking --------------------------------------------------------------------------------- */

struct answer {
    bool done;
    int status;
    bool failed; /* no answer at all */
    char *body;
    GString *lines;
};

static void on_done(const struct http_reply *reply, void *user)
{
    struct answer *answer = user;

    answer->done = true;
    answer->status = reply->status;
    answer->failed = reply->error != NULL;
    answer->body = g_strdup(reply->body);
}

static bool on_line(const char *line, size_t len, void *user)
{
    struct answer *answer = user;

    g_string_append_len(answer->lines, line, (gssize)len);
    g_string_append_c(answer->lines, '\n');
    return true;
}

static void answer_clear(struct answer *answer)
{
    g_free(answer->body);
    if (answer->lines)
        g_string_free(answer->lines, TRUE);
    *answer = (struct answer){ 0 };
}

static void ask(struct bench *bench, const char *method, const char *path, const char *body,
                struct answer *ret_answer)
{
    g_autofree char *url =
        g_strdup_printf("https://127.0.0.1:%u%s", server_port(bench->server), path);
    const struct http_request request = {
        .method = method,
        .url = url,
        .body = body,
        .timeout_ms = 10000,
        .on_done = on_done,
        .user = ret_answer,
    };

    *ret_answer = (struct answer){ 0 };
    http_client_send(bench->client, &request);
    while (!ret_answer->done)
        g_main_context_iteration(NULL, TRUE);
}

static bool is_up(struct bench *bench)
{
    struct answer answer;
    bool up;

    ask(bench, "GET", "/v1/health", NULL, &answer);
    ck_assert_int_eq(answer.status, 200);
    up = strstr(answer.body, "\"hypervisor_ok\":true") != NULL;
    answer_clear(&answer);
    return up;
}

static HttpCall *watch(struct bench *bench, int64_t epoch, struct answer *ret_answer)
{
    g_autofree char *url = g_strdup_printf("https://127.0.0.1:%u/v1/watch?epoch=%" G_GINT64_FORMAT,
                                           server_port(bench->server), epoch);
    const struct http_request request = {
        .method = "GET",
        .url = url,
        .on_line = on_line,
        .on_done = on_done,
        .user = ret_answer,
    };

    *ret_answer = (struct answer){ .lines = g_string_new(NULL) };
    return http_client_send(bench->client, &request);
}

static void wait_line(const struct answer *answer, const char *part)
{
    while (!strstr(answer->lines->str, part)) {
        ck_assert(!answer->done);
        g_main_context_iteration(NULL, TRUE);
    }
}

static const char stop_body[] = "{\"v\":1,\"id\":\"c1\",\"epoch\":3,\"gen\":1,\"verb\":\"stop\","
                                "\"vm_uuid\":\"" U1 "\",\"deadline_ms\":60000}";

/* ---- tests ---------------------------------------------------------------------------------- */

START_TEST(a_command_is_accepted_carried_out_and_can_be_looked_up)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    ask(&bench, "POST", "/v1/commands", stop_body, &answer);
    ck_assert_int_eq(answer.status, 202);
    do {
        answer_clear(&answer);
        ask(&bench, "GET", "/v1/commands/c1", NULL, &answer);
        ck_assert_int_eq(answer.status, 200);
    } while (!strstr(answer.body, "\"done\""));
    answer_clear(&answer);
    ask(&bench, "POST", "/v1/commands", stop_body, &answer);
    ck_assert_int_eq(answer.status, 200);
    answer_clear(&answer);
    bench_clear(&bench);
}
END_TEST

static const struct {
    const char *method, *path, *body;
    int status;
    const char *text;
} bad_rows[] = {
    { "GET", "/", NULL, 404, "no such path" },
    { "GET", "/v1/nix", NULL, 404, "no such path: /v1/nix" },
    { "GET", "/v1/commands/nix", NULL, 404, "there is no command" },
    { "DELETE", "/v1/health", NULL, 405, "DELETE is not possible on /v1/health" },
    { "GET", "/v1/commands", NULL, 405, "GET is not possible" },
    { "POST", "/v1/commands", "", 400, "\"invalid\"" },
    { "POST", "/v1/commands", "{", 400, "not JSON" },
    { "POST", "/v1/commands", "[]", 400, "\"invalid\"" },
    { "POST", "/v1/commands", "{\"v\":1}", 400, "\"invalid\"" },
    { "POST", "/v1/ha/slots", "{}", 405, "POST is not possible on /v1/ha/slots" },
    { "GET", "/v1/ha/slots?first=16384", NULL, 400,
      "first=\\\"16384\\\": want ?first=N with N of 0 to 16383" },
    { "GET", "/v1/ha/slots?first=-1", NULL, 400, "want ?first=N" },
    { "GET", "/v1/ha/slots?count=0", NULL, 400, "want ?count=N with N of 1 to 1024" },
    { "GET", "/v1/ha/slots?first=2&count=1025", NULL, 400, "want ?count=N" },
    { "GET", "/v1/ha/slots", NULL, 503, "no vrm-hald is in use on this host" },
    { "GET", "/v1/watch", NULL, 400, "want ?epoch=N" },
    { "GET", "/v1/watch?epoch=0", NULL, 400, "want ?epoch=N" },
    { "GET", "/v1/watch?epoch=x", NULL, 400, "want ?epoch=N" },
    { "GET", "/v1/watch?epoch=99999999999999999999", NULL, 400, "want ?epoch=N" },
};

START_TEST(a_bad_request_is_answered_by_name)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    ask(&bench, bad_rows[_i].method, bad_rows[_i].path, bad_rows[_i].body, &answer);
    ck_assert_int_eq(answer.status, bad_rows[_i].status);
    ck_assert_msg(strstr(answer.body, bad_rows[_i].text) != NULL, "%s", answer.body);
    answer_clear(&answer);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_body_that_is_too_long_is_refused)
{
    struct bench bench;
    struct answer answer;
    g_autofree char *body = g_strnfill((1u << 20) + 1, ' ');

    bench_init(&bench);
    ask(&bench, "POST", "/v1/commands", body, &answer);
    ck_assert_int_eq(answer.status, 400);
    ck_assert_ptr_nonnull(strstr(answer.body, "body longer than 1048576 bytes"));
    answer_clear(&answer);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_client_without_a_certificate_gets_no_answer)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    set_client(&bench, NULL, NULL);
    ask(&bench, "GET", "/v1/health", NULL, &answer);
    ck_assert(answer.failed);
    answer_clear(&answer);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_certificate_for_servers_is_none_for_clients)
{
    struct bench bench;
    struct answer answer;

    bench_init(&bench);
    set_client(&bench, bench.certs.server_cert, bench.certs.server_key);
    ask(&bench, "GET", "/v1/health", NULL, &answer);
    ck_assert(answer.failed || answer.status == 403);
    answer_clear(&answer);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_certificate_of_another_authority_is_refused_after_a_reload)
{
    struct bench bench;
    struct answer answer;
    struct server_options server;
    GError *error = NULL;

    bench_init(&bench);
    server = options_of(&bench);
    server.ca_file = bench.certs.other_ca;
    ck_assert(server_reload(bench.server, &server, &error));
    set_client(&bench, bench.certs.client_cert, bench.certs.client_key);
    ask(&bench, "GET", "/v1/health", NULL, &answer);
    ck_assert(answer.failed);
    answer_clear(&answer);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_host_commands_no_other_host_unless_it_is_named)
{
    static const char *const named[] = { "host", NULL };
    struct bench bench;
    struct answer answer;
    struct server_options server;

    bench_init(&bench);
    set_client(&bench, bench.certs.host_cert, bench.certs.host_key);
    ask(&bench, "POST", "/v1/commands", stop_body, &answer);
    ck_assert_int_eq(answer.status, 403);
    ck_assert_ptr_nonnull(strstr(answer.body, "\\\"host\\\" is not a controller's"));
    answer_clear(&answer);
    server = options_of(&bench);
    server.controllers = named;
    ck_assert(server_reload(bench.server, &server, NULL));
    set_client(&bench, bench.certs.host_cert, bench.certs.host_key);
    ask(&bench, "POST", "/v1/commands", stop_body, &answer);
    ck_assert_int_eq(answer.status, 202);
    answer_clear(&answer);
    bench_clear(&bench);
}
END_TEST

START_TEST(only_the_named_controllers_may_command)
{
    static const char *const others[] = { "vrmd1", "vrmd2", NULL };
    static const char *const ours[] = { "vrmd1", "client", NULL };
    struct bench bench;
    struct answer answer;
    struct server_options server;

    bench_init(&bench);
    server = options_of(&bench);
    server.controllers = others;
    ck_assert(server_reload(bench.server, &server, NULL));
    set_client(&bench, bench.certs.client_cert, bench.certs.client_key);
    ask(&bench, "POST", "/v1/commands", stop_body, &answer);
    ck_assert_int_eq(answer.status, 403);
    ck_assert_ptr_nonnull(strstr(answer.body, "\\\"client\\\" is not one of"));
    answer_clear(&answer);
    server.controllers = ours;
    ck_assert(server_reload(bench.server, &server, NULL));
    set_client(&bench, bench.certs.client_cert, bench.certs.client_key);
    ask(&bench, "POST", "/v1/commands", stop_body, &answer);
    ck_assert_int_eq(answer.status, 202);
    answer_clear(&answer);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_reload_with_bad_files_changes_nothing)
{
    struct bench bench;
    struct answer answer;
    struct server_options server;
    GError *error = NULL;

    bench_init(&bench);
    server = options_of(&bench);
    server.key_file = bench.certs.client_key;
    ck_assert(!server_reload(bench.server, &server, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "want PEM files that belong together");
    server = options_of(&bench);
    server.ca_file = "/nix/ca.pem";
    ck_assert(!server_reload(bench.server, &server, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "/nix/ca.pem");
    ask(&bench, "GET", "/v1/health", NULL, &answer);
    ck_assert_int_eq(answer.status, 200);
    answer_clear(&answer);
    bench_clear(&bench);
}
END_TEST

START_TEST(a_stream_tells_what_happens_and_ends_for_a_higher_epoch_and_at_a_reload)
{
    struct bench bench;
    struct answer first, second, third;
    struct server_options server;

    bench_init(&bench);
    watch(&bench, 3, &first);
    wait_line(&first, "\"full\"");
    hv_fake_put(bench.fake, U1, DOMAIN_RUNNING, 5);
    hv_fake_tell(bench.fake, U1);
    wait_line(&first, "\"gen\":5");
    wait_line(&first, "\"beat\"");
    watch(&bench, 4, &second);
    wait_line(&second, "\"full\"");
    while (!first.done)
        g_main_context_iteration(NULL, TRUE);
    watch(&bench, 3, &third);
    while (!third.done)
        g_main_context_iteration(NULL, TRUE);
    ck_assert_int_eq(third.status, 409);
    server = options_of(&bench);
    ck_assert(server_reload(bench.server, &server, NULL));
    while (!second.done)
        g_main_context_iteration(NULL, TRUE);
    answer_clear(&first);
    answer_clear(&second);
    answer_clear(&third);
    watch(&bench, 4, &first);
    wait_line(&first, "\"full\"");
    bench_clear(&bench); /* with a stream open */
    answer_clear(&first);
}
END_TEST

/* Each reload replaces what serves while connections come and go. */
START_TEST(reloads_disturb_no_later_client)
{
    struct bench bench;
    struct server_options server;

    bench_init(&bench);
    server = options_of(&bench);
    for (int i = 0; i < 20; i++) {
        struct answer answer, stream;

        watch(&bench, 1, &stream);
        wait_line(&stream, "\"full\"");
        ck_assert(server_reload(bench.server, &server, NULL));
        while (!stream.done)
            g_main_context_iteration(NULL, TRUE);
        set_client(&bench, bench.certs.client_cert, bench.certs.client_key);
        ask(&bench, "GET", "/v1/health", NULL, &answer);
        ck_assert_int_eq(answer.status, 200);
        answer_clear(&answer);
        answer_clear(&stream);
    }
    bench_clear(&bench);
}
END_TEST

static bool health_says(struct bench *bench, const char *part)
{
    struct answer answer;
    bool found;

    ask(bench, "GET", "/v1/health", NULL, &answer);
    found = strstr(answer.body, part) != NULL;
    answer_clear(&answer);
    return found;
}

START_TEST(streams_of_clients_that_went_away_make_room)
{
    struct bench bench;

    bench_init(&bench);
    for (int i = 0; i < 8; i++) {
        struct answer answer;
        HttpCall *call = watch(&bench, 1, &answer);

        wait_line(&answer, "\"full\"");
        http_call_cancel(call);
        answer_clear(&answer);
    }
    /* Noticed when a beat cannot be sent. */
    while (!health_says(&bench, "\"watchers\":0"))
        g_main_context_iteration(NULL, TRUE);
    bench_clear(&bench);
}
END_TEST

SUITE_MAIN("agent_server", SUITE_TEST(a_command_is_accepted_carried_out_and_can_be_looked_up),
           SUITE_LOOP(a_bad_request_is_answered_by_name, bad_rows),
           SUITE_TEST(a_body_that_is_too_long_is_refused),
           SUITE_TEST(a_client_without_a_certificate_gets_no_answer),
           SUITE_TEST(a_certificate_for_servers_is_none_for_clients),
           SUITE_TEST(a_certificate_of_another_authority_is_refused_after_a_reload),
           SUITE_TEST(a_host_commands_no_other_host_unless_it_is_named),
           SUITE_TEST(only_the_named_controllers_may_command),
           SUITE_TEST(a_reload_with_bad_files_changes_nothing),
           SUITE_TEST(a_stream_tells_what_happens_and_ends_for_a_higher_epoch_and_at_a_reload),
           SUITE_TEST(reloads_disturb_no_later_client),
           SUITE_TEST(streams_of_clients_that_went_away_make_room))
