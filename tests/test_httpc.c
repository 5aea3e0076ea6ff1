/* test_httpc.c - the HTTP client against a real server in this process (libmicrohttpd) and against
 * one that says exactly what a test wants.
 *
 * Time-outs are the only tests of the tree that wait for real time; they wait 50 ms. */
#include "config.h"

#include "base/httpc.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/suite.h"
#include "tests/testcerts.h"

/* What never comes is waited for so long: enough for a busy machine to come as far as that. */
#define SHORT_MS 1000

/* --- a server -------------------------------------------------------------------------------- */

struct server {
    struct MHD_Daemon *daemon;
    unsigned port;
    bool tls;
    atomic_int n_connections;
};

static enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned status,
                                  const char *text)
{
    g_autofree char *copy = g_strdup(text);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(copy), copy, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_queue_response(connection, status, response);

    MHD_destroy_response(response);
    return result;
}

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);

    return value ? value : "-";
}

static ssize_t next_line(void *user, uint64_t pos, char *buf, size_t max)
{
    int *n = user;

    (void)pos;
    if (*n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    --*n;
    return g_snprintf(buf, max, "{\"left\":%d}\r\n", *n);
}

static enum MHD_Result reply_lines(struct MHD_Connection *connection, int n)
{
    int *left = g_new(int, 1);
    struct MHD_Response *response;
    enum MHD_Result result;

    *left = n;
    response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024, next_line, left, g_free);
    result = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer(struct MHD_Connection *connection, const char *url,
                              const char *method, const char *body)
{
    g_autofree char *text = NULL;

    if (g_str_has_prefix(url, "/lines/"))
        return reply_lines(connection, (int)g_ascii_strtoll(url + strlen("/lines/"), NULL, 10));
    if (g_str_has_prefix(url, "/status/"))
        return reply_text(connection,
                          (unsigned)g_ascii_strtoull(url + strlen("/status/"), NULL, 10),
                          "{\"why\":\"so\"}");
    if (g_str_has_prefix(url, "/bytes/"))
        text = g_strnfill(g_ascii_strtoull(url + strlen("/bytes/"), NULL, 10), 'x');
    else
        text = g_strdup_printf("%s %s body=%s type=%s length=%s mark=%s", method, url, body,
                               header_of(connection, "Content-Type"),
                               header_of(connection, "Content-Length"),
                               header_of(connection, "X-Mark"));
    return reply_text(connection, 200, text);
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd's signature */
static enum MHD_Result request_came(void *user, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *data,
                                    size_t *data_len, void **state)
{
    GString *body = *state;

    (void)user;
    (void)version;
    if (!body) {
        *state = g_string_new(NULL);
        return MHD_YES;
    }
    if (*data_len > 0) {
        g_string_append_len(body, data, (gssize)*data_len);
        *data_len = 0;
        return MHD_YES;
    }
    return answer(connection, url, method, body->str);
}

static void request_ended(void *user, struct MHD_Connection *connection, void **state,
                          enum MHD_RequestTerminationCode code)
{
    (void)user;
    (void)connection;
    (void)code;
    if (*state)
        g_string_free(*state, TRUE);
}

static void connection_changed(void *user, struct MHD_Connection *connection, void **state,
                               enum MHD_ConnectionNotificationCode code)
{
    struct server *server = user;

    (void)connection;
    (void)state;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        atomic_fetch_add(&server->n_connections, 1);
}

static char *slurp(const char *path)
{
    char *text = NULL;

    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

/* certs NULL: plain. */
static void server_start(struct server *server, const struct testcerts *certs)
{
    g_autofree char *cert = certs ? slurp(certs->server_cert) : NULL;
    g_autofree char *key = certs ? slurp(certs->server_key) : NULL;
    g_autofree char *trust = certs ? slurp(certs->ca) : NULL;
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct MHD_OptionItem tls[] = { { MHD_OPTION_HTTPS_MEM_CERT, 0, cert },
                                    { MHD_OPTION_HTTPS_MEM_KEY, 0, key },
                                    { MHD_OPTION_HTTPS_MEM_TRUST, 0, trust },
                                    { MHD_OPTION_END, 0, NULL } };
    struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
    const union MHD_DaemonInfo *info;

    *server = (struct server){ .tls = certs != NULL };
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | (certs ? MHD_USE_TLS : 0U), 0, NULL, NULL,
        request_came, server, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
        MHD_OPTION_NOTIFY_COMPLETED, request_ended, NULL, MHD_OPTION_NOTIFY_CONNECTION,
        connection_changed, server, MHD_OPTION_ARRAY, certs ? tls : none, MHD_OPTION_END);
    ck_assert_ptr_nonnull(server->daemon);
    info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    server->port = info->port;
}

static void server_stop(struct server *server)
{
    MHD_stop_daemon(server->daemon);
}

static char *server_url(const struct server *server, const char *path)
{
    return g_strdup_printf("http%s://127.0.0.1:%u%s", server->tls ? "s" : "", server->port, path);
}

/* --- a server that says bytes as told -------------------------------------------------------- */

struct teller {
    int fd;
    unsigned port;
    const char *text; /* NULL: never accepts */
    bool hang;        /* keep the connection open afterwards */
    int stop[2];
    pthread_t thread;
};

static void *teller_run(void *arg)
{
    struct teller *teller = arg;
    char buf[4096];
    int fd = accept(teller->fd, NULL, NULL);
    ssize_t n;

    if (fd < 0)
        return NULL;
    n = read(fd, buf, sizeof(buf));
    if (n > 0)
        n = send(fd, teller->text, strlen(teller->text), MSG_NOSIGNAL);
    if (n > 0 && teller->hang)
        g_assert_cmpint(read(teller->stop[0], buf, 1), ==, 1); /* until the test is over */
    close(fd);
    return NULL;
}

static void teller_start(struct teller *teller, const char *text, bool hang)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);

    *teller = (struct teller){ .text = text, .hang = hang };
    ck_assert_int_eq(pipe(teller->stop), 0);
    teller->fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(teller->fd, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(listen(teller->fd, 4), 0);
    ck_assert_int_eq(getsockname(teller->fd, (struct sockaddr *)&address, &len), 0);
    teller->port = ntohs(address.sin_port);
    if (text)
        pthread_create(&teller->thread, NULL, teller_run, teller);
}

static void teller_stop(struct teller *teller)
{
    ck_assert_int_eq(write(teller->stop[1], "x", 1), 1);
    shutdown(teller->fd, SHUT_RDWR);
    if (teller->text)
        pthread_join(teller->thread, NULL);
    close(teller->fd);
    close(teller->stop[0]);
    close(teller->stop[1]);
}

static char *teller_url(const struct teller *teller)
{
    return g_strdup_printf("http://127.0.0.1:%u/x?token=abc", teller->port);
}

/* --- what came ------------------------------------------------------------------------------- */

struct result {
    int n_done;
    int status;
    bool sent;
    GError *error;
    char *body;
    GString *lines; /* joined with '|' */
    int n_lines;
    int refuse_at;     /* on_line says false at this line; 0: never */
    HttpCall **cancel; /* cancelled when a line or the end comes */
    HttpClient *free_client;
};

static void on_done(const struct http_reply *reply, void *user)
{
    struct result *result = user;

    result->n_done++;
    result->status = reply->status;
    result->sent = reply->sent;
    result->error = reply->error ? g_error_copy(reply->error) : NULL;
    ck_assert_uint_eq(strlen(reply->body), reply->body_len);
    result->body = g_strdup(reply->body);
    if (result->cancel)
        http_call_cancel(*result->cancel);
    http_client_free(result->free_client);
}

static bool on_line(const char *line, size_t len, void *user)
{
    struct result *result = user;

    ck_assert_uint_eq(strlen(line), len);
    result->n_lines++;
    if (!result->lines)
        result->lines = g_string_new(NULL);
    g_string_append_printf(result->lines, "%s|", line);
    if (result->cancel)
        http_call_cancel(*result->cancel);
    http_client_free(result->free_client);
    return result->n_lines != result->refuse_at;
}

static void clear_result(struct result *result)
{
    g_clear_error(&result->error);
    g_free(result->body);
    if (result->lines)
        g_string_free(result->lines, TRUE);
    *result = (struct result){ 0 };
}

static struct http_request request_for(const char *url, struct result *result)
{
    return (struct http_request){
        .method = "GET", .url = url, .timeout_ms = 20000, .on_done = on_done, .user = result
    };
}

static void wait_done(const struct result *result)
{
    while (result->n_done == 0)
        g_main_context_iteration(NULL, TRUE);
}

static void settle(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

static void get(HttpClient *client, const char *url, struct result *result)
{
    struct http_request request = request_for(url, result);

    http_client_send(client, &request);
    ck_assert_int_eq(result->n_done, 0); /* never from inside send */
    wait_done(result);
}

/* --- tests ----------------------------------------------------------------------------------- */

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
    request = request_for(url, &result);
    request.method = messages[_i].method;
    request.body = messages[_i].body;
    request.headers = headers;
    http_client_send(client, &request);
    wait_done(&result);
    suite_no_error(result.error);
    ck_assert_int_eq(result.status, 200);
    ck_assert_str_eq(result.body, messages[_i].reply);
    clear_result(&result);
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
    get(client, url, &result);
    suite_no_error(result.error);
    ck_assert_int_eq(result.status, 409);
    ck_assert_str_eq(result.body, "{\"why\":\"so\"}");
    clear_result(&result);
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

        get(client, url, &result);
        suite_no_error(result.error);
        clear_result(&result);
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
        struct http_request request = request_for(url, &results[i]);

        http_client_send(client, &request);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(results); i++) {
        wait_done(&results[i]);
        suite_no_error(results[i].error);
        ck_assert_uint_eq(strlen(results[i].body), 100000);
        ck_assert_int_eq(results[i].n_done, 1);
        clear_result(&results[i]);
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
    request = request_for(good, &result);
    request.max_reply = 5000;
    http_client_send(client, &request);
    wait_done(&result);
    suite_no_error(result.error);
    clear_result(&result);
    request.url = bad;
    http_client_send(client, &request);
    wait_done(&result);
    ck_assert_int_eq(result.status, 0);
    ck_assert_str_eq(result.body, "");
    ck_assert(result.sent);
    suite_take_error(&result.error, VRM_ERR_INTERNAL, "the reply is longer than 5000 bytes");
    clear_result(&result);
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
    request = request_for(url, &result);
    request.on_line = on_line;
    request.timeout_ms = 0;
    http_client_send(client, &request);
    wait_done(&result);
    suite_no_error(result.error);
    ck_assert_str_eq(result.lines->str, "{\"left\":2}|{\"left\":1}|{\"left\":0}|");
    ck_assert_str_eq(result.body, "");
    ck_assert_int_eq(result.status, 200);
    clear_result(&result);
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
    request = request_for(url, &result);
    request.on_line = on_line;
    http_client_send(client, &request);
    wait_done(&result);
    suite_no_error(result.error);
    ck_assert_int_eq(result.status, 503);
    ck_assert_int_eq(result.n_lines, 0);
    ck_assert_str_eq(result.body, "{\"why\":\"so\"}");
    clear_result(&result);
    server_stop(&server);
}
END_TEST

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

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
    request = request_for(url, &result);
    request.on_line = on_line;
    request.max_reply = 8;
    http_client_send(client, &request);
    wait_done(&result);
    ck_assert_pstr_eq(result.lines ? result.lines->str : NULL, streams[_i].lines);
    if (streams[_i].message) {
        ck_assert_ptr_null(strstr(result.error->message, "token")); /* queries may hold secrets */
        suite_take_error(&result.error, streams[_i].code, streams[_i].message);
    } else {
        suite_no_error(result.error);
    }
    clear_result(&result);
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
    get(client, url, &result);
    suite_take_error(&result.error, VRM_ERR_INTERNAL, "headers exceed 65536 bytes");
    clear_result(&result);
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
    request = request_for(url, &result);
    request.on_line = on_line;
    http_client_send(client, &request);
    wait_done(&result);
    ck_assert_int_eq(result.n_lines, 2);
    suite_take_error(&result.error, VRM_ERR_INTERNAL, "a line made no sense: {\"left\":98}");
    clear_result(&result);
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
    request = request_for(url, &result);
    request.timeout_ms = SHORT_MS;
    http_client_send(client, &request);
    wait_done(&result);
    ck_assert(result.sent);
    suite_take_error(&result.error, VRM_ERR_TIMEOUT, "127.0.0.1");
    clear_result(&result);
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
    request = request_for(url, &result);
    request.on_line = on_line;
    request.timeout_ms = 0;
    request.idle_timeout_ms = SHORT_MS;
    http_client_send(client, &request);
    wait_done(&result);
    ck_assert_str_eq(result.lines->str, "first|");
    suite_take_error(&result.error, VRM_ERR_TIMEOUT, "silent for 1000 ms");
    clear_result(&result);
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
    get(client, url, &result);
    ck_assert(!result.sent);
    suite_take_error(&result.error, VRM_ERR_UNAVAILABLE, "/x: ");
    clear_result(&result);
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
    struct http_request request = request_for(unsendable[_i].url, &result);

    request.method = unsendable[_i].method;
    request.headers = headers;
    http_client_send(client, &request);
    ck_assert_int_eq(result.n_done, 0);
    wait_done(&result);
    ck_assert(!result.sent);
    suite_take_error(&result.error, VRM_ERR_INVALID, unsendable[_i].message);
    clear_result(&result);
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
    get(client, url, &result);
    suite_no_error(result.error);
    clear_result(&result);
    server_stop(&server);
}
END_TEST

/* --- cancelling ------------------------------------------------------------------------------ */

START_TEST(a_cancelled_call_is_never_heard_of_again)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct result result = { 0 }, other = { 0 };
    struct http_request request;
    struct server server;

    server_start(&server, NULL);
    url = server_url(&server, "/v1");
    request = request_for(url, &result);
    http_call_cancel(http_client_send(client, &request)); /* at once */
    request.url = "file:///x";
    http_call_cancel(http_client_send(client, &request)); /* one that could not start */
    request.url = url;
    for (int i = 0; i < 8; i++) { /* at each stage of its life */
        HttpCall *call = http_client_send(client, &request);

        for (int j = 0; j < i && result.n_done == 0; j++)
            g_main_context_iteration(NULL, FALSE);
        if (result.n_done == 0)
            http_call_cancel(call);
        clear_result(&result);
    }
    http_call_cancel(NULL);
    get(client, url, &other);
    suite_no_error(other.error);
    settle();
    ck_assert_int_eq(result.n_done, 0);
    clear_result(&other);
    server_stop(&server);
}
END_TEST

START_TEST(a_call_may_cancel_itself_while_a_line_comes)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    HttpCall *call = NULL;
    struct result result = { .cancel = &call };
    struct http_request request;
    struct server server;

    server_start(&server, NULL);
    url = server_url(&server, "/lines/100");
    request = request_for(url, &result);
    request.on_line = on_line;
    call = http_client_send(client, &request);
    while (result.n_lines == 0)
        g_main_context_iteration(NULL, TRUE);
    settle();
    ck_assert_int_eq(result.n_lines, 1);
    ck_assert_int_eq(result.n_done, 0);
    clear_result(&result);
    server_stop(&server);
}
END_TEST

START_TEST(the_last_line_without_newline_may_cancel_too)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    HttpCall *call = NULL;
    struct result result = { .cancel = &call };
    struct http_request request;
    struct teller teller;

    teller_start(&teller, OK_HEAD "Content-Length: 4\r\n\r\nlast", false);
    url = teller_url(&teller);
    request = request_for(url, &result);
    request.on_line = on_line;
    call = http_client_send(client, &request);
    while (result.n_lines == 0)
        g_main_context_iteration(NULL, TRUE);
    settle();
    ck_assert_int_eq(result.n_done, 0);
    clear_result(&result);
    teller_stop(&teller);
}
END_TEST

START_TEST(a_callback_may_cancel_another_call_and_itself)
{
    g_autoptr(HttpClient) client = http_client_new(NULL);
    g_autofree char *url = NULL;
    HttpCall *mine = NULL, *others = NULL;
    struct result first = { .cancel = &others }, second = { 0 }, third = { .cancel = &mine };
    struct http_request request;
    struct server server;
    struct teller teller;
    g_autofree char *slow = NULL;

    server_start(&server, NULL);
    teller_start(&teller, NULL, true);
    url = server_url(&server, "/v1");
    slow = teller_url(&teller);
    request = request_for(slow, &second);
    others = http_client_send(client, &request);
    get(client, url, &first);
    suite_no_error(first.error);
    request = request_for(url, &third);
    mine = http_client_send(client, &request); /* cancels itself in its own on_done: no effect */
    wait_done(&third);
    settle();
    ck_assert_int_eq(second.n_done, 0);
    ck_assert_int_eq(third.n_done, 1);
    clear_result(&first);
    clear_result(&third);
    teller_stop(&teller);
    server_stop(&server);
}
END_TEST

static const struct {
    const char *path;
    http_line_fn on_line;
} freeing[] = { { "/v1", NULL }, { "/lines/50", on_line } };

START_TEST(a_callback_may_free_the_client)
{
    HttpClient *client = http_client_new(NULL);
    g_autofree char *url = NULL;
    struct result results[10] = { 0 };
    struct server server;
    int n_done = 0;

    server_start(&server, NULL);
    url = server_url(&server, freeing[_i].path);
    for (size_t i = 0; i < G_N_ELEMENTS(results); i++) {
        struct http_request request = request_for(url, &results[i]);

        results[i].free_client = client;
        request.on_line = freeing[_i].on_line;
        http_client_send(client, &request);
    }
    while (n_done == 0) {
        g_main_context_iteration(NULL, TRUE);
        for (size_t i = 0; i < G_N_ELEMENTS(results); i++)
            n_done += results[i].n_done + results[i].n_lines;
    }
    settle();
    for (size_t i = 0; i < G_N_ELEMENTS(results); i++) {
        n_done -= results[i].n_done + results[i].n_lines;
        clear_result(&results[i]);
    }
    ck_assert_int_eq(n_done, 0); /* nothing came after the first */
    server_stop(&server);
}
END_TEST

START_TEST(the_failure_of_an_unsendable_call_may_free_the_client)
{
    HttpClient *client = http_client_new(NULL);
    struct result result = { .free_client = client };
    struct http_request request = request_for("http://a\nb", &result);

    http_client_send(client, &request);
    wait_done(&result);
    clear_result(&result);
}
END_TEST

/* --- TLS ------------------------------------------------------------------------------------- */

static struct testcerts certs; /* one process for each test */

static const struct {
    bool right_ca, with_cert;
    const char *host;
    bool good;
} handshakes[] = {
    { true, true, "127.0.0.1", true },
    { true, true, "localhost", true },
    { true, true, "127.0.0.2", false }, /* the certificate does not name it */
    { false, true, "127.0.0.1", false },
};

START_TEST(both_sides_prove_who_they_are)
{
    struct server server;
    struct result result = { 0 };
    g_autoptr(HttpClient) client = NULL;
    g_autofree char *url = NULL;
    struct http_tls tls;

    testcerts_make(&certs);
    server_start(&server, &certs);
    tls = (struct http_tls){ handshakes[_i].right_ca ? certs.ca : certs.other_ca,
                             handshakes[_i].with_cert ? certs.client_cert : NULL,
                             handshakes[_i].with_cert ? certs.client_key : NULL };
    client = http_client_new(&tls);
    url = g_strdup_printf("https://%s:%u/v1", handshakes[_i].host, server.port);
    get(client, url, &result);
    if (handshakes[_i].good) {
        suite_no_error(result.error);
        ck_assert_int_eq(result.status, 200);
    } else {
        ck_assert(!result.sent);
        suite_take_error(&result.error, VRM_ERR_UNAVAILABLE, "");
    }
    clear_result(&result);
    server_stop(&server);
    testcerts_clear(&certs);
}
END_TEST

START_TEST(new_certificates_are_for_new_connections)
{
    struct server server;
    struct result result = { 0 };
    g_autoptr(HttpClient) client = NULL;
    g_autofree char *url = NULL;
    struct http_tls tls;

    testcerts_make(&certs);
    server_start(&server, &certs);
    tls = (struct http_tls){ certs.other_ca, certs.client_cert, certs.client_key };
    client = http_client_new(&tls);
    url = server_url(&server, "/v1");
    get(client, url, &result);
    suite_take_error(&result.error, VRM_ERR_UNAVAILABLE, "");
    clear_result(&result);
    tls.ca_file = certs.ca;
    http_client_set_tls(client, &tls);
    get(client, url, &result);
    suite_no_error(result.error);
    clear_result(&result);
    server_stop(&server);
    testcerts_clear(&certs);
}
END_TEST

START_TEST(a_missing_certificate_file_is_said)
{
    struct http_tls tls = { "/nonexistent/ca.pem", NULL, NULL };
    g_autoptr(HttpClient) client = http_client_new(&tls);
    struct result result = { 0 };
    struct server server;
    g_autofree char *url = NULL;

    testcerts_make(&certs);
    server_start(&server, &certs);
    url = server_url(&server, "/v1");
    get(client, url, &result);
    suite_take_error(&result.error, VRM_ERR_UNAVAILABLE, "/nonexistent/ca.pem");
    clear_result(&result);
    server_stop(&server);
    testcerts_clear(&certs);
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
           SUITE_TEST(the_environments_proxy_is_not_used),
           SUITE_TEST(a_cancelled_call_is_never_heard_of_again),
           SUITE_TEST(a_call_may_cancel_itself_while_a_line_comes),
           SUITE_TEST(the_last_line_without_newline_may_cancel_too),
           SUITE_TEST(a_callback_may_cancel_another_call_and_itself),
           SUITE_LOOP(a_callback_may_free_the_client, freeing),
           SUITE_TEST(the_failure_of_an_unsendable_call_may_free_the_client),
           SUITE_LOOP(both_sides_prove_who_they_are, handshakes),
           SUITE_TEST(new_certificates_are_for_new_connections),
           SUITE_TEST(a_missing_certificate_file_is_said))
