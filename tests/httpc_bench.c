/* httpc_bench.c - see httpc_bench.h. */
#include "config.h"

#include "tests/httpc_bench.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/suite.h"
#include "tests/testcerts.h"

/* --- a server -------------------------------------------------------------------------------- */

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

void server_start(struct server *server, const struct testcerts *certs)
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

void server_stop(struct server *server)
{
    MHD_stop_daemon(server->daemon);
}

char *server_url(const struct server *server, const char *path)
{
    return g_strdup_printf("http%s://127.0.0.1:%u%s", server->tls ? "s" : "", server->port, path);
}

/* --- a server that says bytes as told -------------------------------------------------------- */

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

void teller_start(struct teller *teller, const char *text, bool hang)
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

void teller_stop(struct teller *teller)
{
    ck_assert_int_eq(write(teller->stop[1], "x", 1), 1);
    shutdown(teller->fd, SHUT_RDWR);
    if (teller->text)
        pthread_join(teller->thread, NULL);
    close(teller->fd);
    close(teller->stop[0]);
    close(teller->stop[1]);
}

char *teller_url(const struct teller *teller)
{
    return g_strdup_printf("http://127.0.0.1:%u/x?token=abc", teller->port);
}

/* --- what came ------------------------------------------------------------------------------- */

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

bool result_on_line(const char *line, size_t len, void *user)
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

void result_clear(struct result *result)
{
    g_clear_error(&result->error);
    g_free(result->body);
    if (result->lines)
        g_string_free(result->lines, TRUE);
    *result = (struct result){ 0 };
}

struct http_request result_request(const char *url, struct result *result)
{
    return (struct http_request){
        .method = "GET", .url = url, .timeout_ms = 20000, .on_done = on_done, .user = result
    };
}

void result_wait(const struct result *result)
{
    while (result->n_done == 0)
        g_main_context_iteration(NULL, TRUE);
}

void httpc_settle(void)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
}

void result_get(HttpClient *client, const char *url, struct result *result)
{
    struct http_request request = result_request(url, result);

    http_client_send(client, &request);
    ck_assert_int_eq(result->n_done, 0); /* never from inside send */
    result_wait(result);
}
