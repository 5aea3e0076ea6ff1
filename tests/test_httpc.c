/* test_httpc.c - the HTTP client: what arrives, streams, and what goes wrong.
 *
 * Time-outs are the only tests of the tree that wait for real time; they wait a second. */
#include "config.h"

#include "base/httpc.h"

#include "tests/httpc_bench.h"
#include "tests/suite.h"

/* What never comes is waited for so long: enough for a busy machine to come as far as that. */
#define SHORT_MS 1000

static const struct {
    const char *method, *body;
    const char *reply;
} messages[] = {
    { "GET", NULL, "GET /v1 body= type=- length=- mark=a b" },
    { "GET", "{}", "GET /v1 body={} type=application/json length=2 mark=a b" },
    { "POST", "{\"a\":1}", "POST /v1 body={\"a\":1} type=application/json length=7 mark=a b" },
    { "POST", NULL, "POST /v1 body= type=application/x-www-form-urlencoded length=0 mark=a b" },
    { "PUT", "", "PUT /v1 body= type=application/json length=0 mark=a b" },
    { "DELETE", NULL, "DELETE /v1 body= type=- length=- mark=a b" },
};

START_TEST(method_body_and_headers_arrive)
{
    static const char *const headers[] = { "X-Mark: a b", NULL };
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct result result = { 0 };
    struct http_request request;
    struct server server;

    server_start(&server, NULL);
    url = server_url(&server, "/v1");
    request = result_request(url, &result);
    request.method = messages[_i].method;
    request.body = messages[_i].body;
    request.headers = headers;
    http_client_send(client, &request);
    result_wait(&result);
    suite_no_error(result.error);
    ck_assert_int_eq(result.status, 200);
    ck_assert_str_eq(result.body, messages[_i].reply);
    result_clear(&result);
    server_stop(&server);
}
END_TEST

START_TEST(a_status_is_not_an_error)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct result result = { 0 };
    struct server server;

    server_start(&server, NULL);
    url = server_url(&server, "/status/409");
    result_get(client, url, &result);
    suite_no_error(result.error);
    ck_assert_int_eq(result.status, 409);
    ck_assert_str_eq(result.body, "{\"why\":\"so\"}");
    result_clear(&result);
    server_stop(&server);
}
END_TEST

START_TEST(a_connection_is_used_again)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct server server;

    server_start(&server, NULL);
    url = server_url(&server, "/v1");
    for (int i = 0; i < 20; i++) {
        struct result result = { 0 };

        result_get(client, url, &result);
        suite_no_error(result.error);
        result_clear(&result);
    }
    ck_assert_int_eq(atomic_load(&server.n_connections), 1);
    server_stop(&server);
}
END_TEST

static const unsigned turn_limits_ms[] = { 0, 1 };

START_TEST(many_calls_run_at_once)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct result results[50] = { 0 };
    struct server server;

    http_client_limit_turn(client, turn_limits_ms[_i]);
    server_start(&server, NULL);
    url = server_url(&server, "/bytes/100000");
    for (size_t i = 0; i < G_N_ELEMENTS(results); i++) {
        struct http_request request = result_request(url, &results[i]);

        http_client_send(client, &request);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(results); i++) {
        result_wait(&results[i]);
        suite_no_error(results[i].error);
        ck_assert_uint_eq(strlen(results[i].body), 100000);
        ck_assert_int_eq(results[i].n_done, 1);
        result_clear(&results[i]);
    }
    server_stop(&server);
}
END_TEST

START_TEST(a_body_is_bounded)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *good = NULL;
    g_autofree char *bad = NULL;
    struct result result = { 0 };
    struct http_request request;
    struct server server;

    server_start(&server, NULL);
    good = server_url(&server, "/bytes/5000");
    bad = server_url(&server, "/bytes/5001");
    request = result_request(good, &result);
    request.max_reply = 5000;
    http_client_send(client, &request);
    result_wait(&result);
    suite_no_error(result.error);
    result_clear(&result);
    request.url = bad;
    http_client_send(client, &request);
    result_wait(&result);
    ck_assert_int_eq(result.status, 0);
    ck_assert_str_eq(result.body, "");
    ck_assert(result.sent);
    suite_take_error(&result.error, VRM_ERR_INTERNAL, "the reply is longer than 5000 bytes");
    result_clear(&result);
    server_stop(&server);
}
END_TEST

START_TEST(a_stream_comes_line_by_line)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct result result = { 0 };
    struct http_request request;
    struct server server;

    server_start(&server, NULL);
    url = server_url(&server, "/lines/3");
    request = result_request(url, &result);
    request.on_line = result_on_line;
    request.timeout_ms = 0;
    http_client_send(client, &request);
    result_wait(&result);
    suite_no_error(result.error);
    ck_assert_str_eq(result.lines->str, "{\"left\":2}|{\"left\":1}|{\"left\":0}|");
    ck_assert_str_eq(result.body, "");
    ck_assert_int_eq(result.status, 200);
    result_clear(&result);
    server_stop(&server);
}
END_TEST

START_TEST(a_stream_that_is_refused_gives_its_body)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct result result = { 0 };
    struct http_request request;
    struct server server;

    server_start(&server, NULL);
    url = server_url(&server, "/status/503");
    request = result_request(url, &result);
    request.on_line = result_on_line;
    http_client_send(client, &request);
    result_wait(&result);
    suite_no_error(result.error);
    ck_assert_int_eq(result.status, 503);
    ck_assert_int_eq(result.n_lines, 0);
    ck_assert_str_eq(result.body, "{\"why\":\"so\"}");
    result_clear(&result);
    server_stop(&server);
}
END_TEST

static const struct {
    const char *text;
    const char *lines;
    const char *message; /* NULL: ends well */
    enum vrm_err code;
} streams[] = {
    { OK_HEAD "Content-Length: 7\r\n\r\na\n\nb\r\nc", "a||b|c|", NULL, VRM_ERR_INTERNAL },
    { OK_HEAD "Content-Length: 0\r\n\r\n", NULL, NULL, VRM_ERR_INTERNAL },
    { OK_HEAD "Content-Length: 90\r\n\r\na\nhalf", "a|", "transfer closed", VRM_ERR_UNAVAILABLE },
    { OK_HEAD "Content-Length: 20\r\n\r\na\n123456789\nb\n....\n", "a|",
      "a line is longer than 8 bytes", VRM_ERR_INTERNAL },
    { OK_HEAD "Content-Length: 90\r\n\r\na\n123456789", "a|", "a line is longer than 8 bytes",
      VRM_ERR_INTERNAL },
    { OK_HEAD "Content-Length: 90\r\n\r\na\n123456789\n123456789", "a|",
      "a line is longer than 8 bytes", VRM_ERR_INTERNAL },
    { "HTTP/1.1 2000 OK\r\n\r\n", NULL, "", VRM_ERR_UNAVAILABLE },
    { "rubbish\r\n\r\n", NULL, "", VRM_ERR_UNAVAILABLE },
};

START_TEST(streams_end_well_or_say_why)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct result result = { 0 };
    struct http_request request;
    struct teller teller;

    teller_start(&teller, streams[_i].text, false);
    url = teller_url(&teller);
    request = result_request(url, &result);
    request.on_line = result_on_line;
    request.max_reply = 8;
    http_client_send(client, &request);
    result_wait(&result);
    ck_assert_pstr_eq(result.lines ? result.lines->str : NULL, streams[_i].lines);
    if (streams[_i].message) {
        ck_assert_ptr_null(strstr(result.error->message, "token")); /* queries may hold secrets */
        suite_take_error(&result.error, streams[_i].code, streams[_i].message);
    } else {
        suite_no_error(result.error);
    }
    result_clear(&result);
    teller_stop(&teller);
}
END_TEST

START_TEST(endless_headers_are_cut)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *filler = g_strnfill(60000, 'x');
    g_autofree char *text = g_strdup_printf(OK_HEAD "A: %s\r\nB: %s\r\n\r\n", filler, filler);
    g_autofree char *url = NULL;
    struct result result = { 0 };
    struct teller teller;

    teller_start(&teller, text, false);
    url = teller_url(&teller);
    result_get(client, url, &result);
    suite_take_error(&result.error, VRM_ERR_INTERNAL, "headers exceed 65536 bytes");
    result_clear(&result);
    teller_stop(&teller);
}
END_TEST

START_TEST(a_refused_line_ends_the_call)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct result result = { .refuse_at = 2 };
    struct http_request request;
    struct server server;

    server_start(&server, NULL);
    url = server_url(&server, "/lines/100");
    request = result_request(url, &result);
    request.on_line = result_on_line;
    http_client_send(client, &request);
    result_wait(&result);
    ck_assert_int_eq(result.n_lines, 2);
    suite_take_error(&result.error, VRM_ERR_INTERNAL, "a line made no sense: {\"left\":98}");
    result_clear(&result);
    server_stop(&server);
}
END_TEST

START_TEST(no_answer_in_time_is_a_timeout_of_unknown_outcome)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct result result = { 0 };
    struct http_request request;
    struct teller teller;

    teller_start(&teller, NULL, true);
    url = teller_url(&teller);
    request = result_request(url, &result);
    request.timeout_ms = SHORT_MS;
    http_client_send(client, &request);
    result_wait(&result);
    ck_assert(result.sent);
    suite_take_error(&result.error, VRM_ERR_TIMEOUT, "127.0.0.1");
    result_clear(&result);
    teller_stop(&teller);
}
END_TEST

START_TEST(a_silent_stream_is_a_timeout)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct result result = { 0 };
    struct http_request request;
    struct teller teller;

    teller_start(&teller, OK_HEAD "Content-Length: 90\r\n\r\nfirst\nhalf", true);
    url = teller_url(&teller);
    request = result_request(url, &result);
    request.on_line = result_on_line;
    request.timeout_ms = 0;
    request.idle_timeout_ms = SHORT_MS;
    http_client_send(client, &request);
    result_wait(&result);
    ck_assert_str_eq(result.lines->str, "first|");
    suite_take_error(&result.error, VRM_ERR_TIMEOUT, "silent for 1000 ms");
    result_clear(&result);
    teller_stop(&teller);
}
END_TEST

START_TEST(nobody_listening_is_unavailable_and_not_sent)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct result result = { 0 };
    struct teller teller;

    teller_start(&teller, NULL, false);
    url = teller_url(&teller);
    teller_stop(&teller);
    result_get(client, url, &result);
    ck_assert(!result.sent);
    suite_take_error(&result.error, VRM_ERR_UNAVAILABLE, "/x: ");
    result_clear(&result);
}
END_TEST

static const struct {
    const char *method, *url;
    const char *header;
    const char *message;
} unsendable[] = {
    { "GET", "file:///etc/passwd", NULL, "" },
    { "GET", "ftp://127.0.0.1/", NULL, "" },
    { "GET", "http://", NULL, "" },
    { "GET", "http://127.0.0.1:99999/", NULL, "" },
    { "GET", "http://127.0.0.1/a\r\nX: y", NULL, "control characters" },
    { "GET\r\n", "http://127.0.0.1/", NULL, "control characters" },
    { "GET", "http://127.0.0.1/", "X-Mark: a\r\nX-Other: b", "control characters" },
};

START_TEST(what_cannot_be_sent_is_invalid)
{
    const char *headers[] = { unsendable[_i].header, NULL };
    g_autoptr(HttpClient) client = http_client_new(NULL);
    struct result result = { 0 };
    struct http_request request = result_request(unsendable[_i].url, &result);

    request.method = unsendable[_i].method;
    request.headers = headers;
    http_client_send(client, &request);
    ck_assert_int_eq(result.n_done, 0);
    result_wait(&result);
    ck_assert(!result.sent);
    suite_take_error(&result.error, VRM_ERR_INVALID, unsendable[_i].message);
    result_clear(&result);
}
END_TEST

START_TEST(the_environments_proxy_is_not_used)
{
    g_autoptr(HttpClient) client = NULL;
    g_autofree char *url = NULL;
    struct result result = { 0 };
    struct server server;

    g_setenv("http_proxy", "http://127.0.0.1:1", TRUE);
    g_setenv("all_proxy", "http://127.0.0.1:1", TRUE);
    client = http_client_new(NULL);
    server_start(&server, NULL);
    url = server_url(&server, "/v1");
    result_get(client, url, &result);
    suite_no_error(result.error);
    result_clear(&result);
    server_stop(&server);
}
END_TEST

SUITE_MAIN("httpc", SUITE_LOOP(method_body_and_headers_arrive, messages),
           SUITE_TEST(a_status_is_not_an_error), SUITE_TEST(a_connection_is_used_again),
           SUITE_LOOP(many_calls_run_at_once, turn_limits_ms), SUITE_TEST(a_body_is_bounded),
           SUITE_TEST(a_stream_comes_line_by_line),
           SUITE_TEST(a_stream_that_is_refused_gives_its_body),
           SUITE_LOOP(streams_end_well_or_say_why, streams), SUITE_TEST(endless_headers_are_cut),
           SUITE_TEST(a_refused_line_ends_the_call),
           SUITE_TEST(no_answer_in_time_is_a_timeout_of_unknown_outcome),
           SUITE_TEST(a_silent_stream_is_a_timeout),
           SUITE_TEST(nobody_listening_is_unavailable_and_not_sent),
           SUITE_LOOP(what_cannot_be_sent_is_invalid, unsendable),
           SUITE_TEST(the_environments_proxy_is_not_used))
