/* http.c - see http.h.
 *
 * One call's way: the request line (on_target), its headers and body (on_access), request_step; if
 * it needs the controller, the gate suspends the connection and asks; the answer resumes it and
 * on_access is called again. */
#include "config.h"

#include "api/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "api/conn.h"
#include "api/gate.h"
#include "api/request.h"
#include "api/stream.h"
#include "api/tls.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"

#define SWEEP_S 5
/* So much of header_max may arrive before libmicrohttpd itself refuses it. */
#define MEMORY_FACTOR  8
#define DISCARD_FACTOR 8 /* of body_max: so much of a body that is too long is read and dropped */
#define STATUS_CLASSES 6
#define TLS_PRIORITIES "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"

struct call {
    struct gate_call gate; /* its req is NULL until the headers are there */
    Api *api;
    char *target;
    size_t discarded;
    int64_t begun_ms;
    bool counted; /* in n_calls */
};

/* What a daemon's callbacks get. */
struct face {
    Api *api;
    bool management;
};

struct Api {
    struct api_core core;
    Auth *own_auth;             /* NULL: it was given */
    struct api_options options; /* strings are the copies below */
    char *cert_file, *key_file;
    TlsStore *tls;
    struct face faces[2];
    struct MHD_Daemon *daemon, *management;
    Gate *gate;
    ConnList *conns;
    pthread_mutex_t lock; /* n_calls */
    pthread_cond_t calls_gone;
    int n_calls;
    atomic_bool closing; /* nobody new is let in */
    guint sweep_source;
    Metrics *metrics;
    Metric *by_status[STATUS_CLASSES];
    Metric *latency, *sessions_gauge, *conns_gauge, *streams_gauge;
};

void api_options_init(struct api_options *options)
{
    *options = (struct api_options){
        .address = "0.0.0.0",
        .port = 7443,
        .threads = 4,
        .tls = true,
        .session_idle_ms = 600000,
        .max_sessions = AUTH_MAX_SESSIONS,
        .max_sessions_per_user = AUTH_MAX_PER_USER,
        .max_connections = 1024,
        .max_connections_per_address = 256,
        .body_max = 1048576,
        .header_max = 32768,
        .idle_timeout_s = 60,
        .request_timeout_s = 60,
        .stop_timeout_ms = 2000,
    };
}

/* ---- connections ----------------------------------------------------------------------------- */

/* MHD_quiesce_daemon() would refuse them, too, but it races with its own workers over the epoll
 * set: 0.9.75 calls abort() when both remove the socket. */
static enum MHD_Result on_accept(void *cls, const struct sockaddr *address, socklen_t length)
{
    const Api *api = cls;

    (void)address;
    (void)length;
    return atomic_load(&api->closing) ? MHD_NO : MHD_YES;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    const struct face *face = cls;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = conn_open(face->api->conns, connection, clock_now_ms());
    } else if (*socket_context) {
        conn_close(face->api->conns, *socket_context);
        *socket_context = NULL;
    }
}

static gboolean on_sweep(void *data)
{
    Api *api = data;

    conn_sweep(api->conns, clock_now_ms(),
               (int64_t)(api->options.idle_timeout_s + api->options.request_timeout_s) * 1000);
    return G_SOURCE_CONTINUE;
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* The request line as it came, before libmicrohttpd takes it apart. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
    const struct face *face = cls;
    struct call *call = g_new0(struct call, 1);

    call->api = face->api;
    call->gate.connection = connection;
    call->target = g_strdup(target);
    call->begun_ms = clock_now_ms();
    return call;
}

/* Calls that were received in full and still lack their answer: api_stop lets these finish. */
static void count_call(Api *api, int change)
{
    pthread_mutex_lock(&api->lock);
    api->n_calls += change;
    pthread_cond_signal(&api->calls_gone);
    pthread_mutex_unlock(&api->lock);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode code)
{
    const struct face *face = cls;
    struct call *call = *con_cls;

    (void)code;
    conn_set_phase(connection, CONN_READING, clock_now_ms());
    if (!call)
        return;
    *con_cls = NULL;
    if (call->counted)
        count_call(face->api, -1);
    request_free(call->gate.req);
    g_free(call->target);
    g_free(call);
}

static char *peer_address(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char text[INET6_ADDRSTRLEN] = "";

    if (info && info->client_addr->sa_family == AF_INET) {
        const void *addr = info->client_addr;
        const struct sockaddr_in *in = addr;

        inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
    } else if (info && info->client_addr->sa_family == AF_INET6) {
        const void *addr = info->client_addr;
        const struct sockaddr_in6 *in6 = addr;

        inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
    }
    return g_strdup(text);
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    (void)kind;
    if (value)
        request_set_header(cls, name, value);
    return MHD_YES;
}

/* "Sun, 22 Nov 2026 15:00:01 GMT", whatever the locale. */
static char *http_date(void)
{
    static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    time_t now_s = (time_t)(clock_wall_ms() / 1000);
    struct tm tm;

    gmtime_r(&now_s, &tm);
    return g_strdup_printf("%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                           months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Server, Date, Content-Type and the Content-Length that libmicrohttpd adds, and nothing else:
 * Huawei's Python kit takes the token of a log-in by its place in Python 2's dictionary of exactly
 * these, which also wants Server before X-Auth-Token. */
static void add_headers(struct MHD_Response *response, const struct request *req)
{
    g_autofree char *date = http_date();

    MHD_add_response_header(response, "Server", "VRM");
    MHD_add_response_header(response, "Date", date);
    MHD_add_response_header(response, "Content-Type", req->content_type);
    if (req->new_token)
        MHD_add_response_header(response, "X-Auth-Token", req->new_token);
    if (req->active_url)
        MHD_add_response_header(response, "X-Active-Controller", req->active_url);
    if (req->allow)
        MHD_add_response_header(response, "Allow", req->allow);
    if (req->retry_ms > 0) {
        g_autofree char *seconds =
            g_strdup_printf("%" G_GINT64_FORMAT, (req->retry_ms + 999) / 1000);

        MHD_add_response_header(response, "Retry-After", seconds);
    }
}

static void count(Api *api, const struct call *call)
{
    int class = call->gate.req->status / 100;

    if (class > 0 && class < STATUS_CLASSES)
        metric_add(api->by_status[class], 1);
    metric_observe_ms(api->latency, clock_now_ms() - call->begun_ms);
}

static struct MHD_Response *text_response(struct request *req)
{
    size_t length = req->out.text->len;
    char *text = g_string_free(req->out.text, FALSE);
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(length, text, g_free);

    req->out.text = g_string_new(NULL);
    if (!response)
        g_free(text);
    return response;
}

static enum MHD_Result send_answer(struct call *call)
{
    struct request *req = call->gate.req;
    struct MHD_Response *response;
    enum MHD_Result queued;

    count(call->api, call);
    response = req->reader ? stream_response(req, call->gate.connection) : text_response(req);
    if (!response)
        return MHD_NO;
    add_headers(response, req);
    conn_set_phase(call->gate.connection, CONN_WRITING, clock_now_ms());
    queued = MHD_queue_response(call->gate.connection, (unsigned)req->status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result work(struct call *call)
{
    if (!call->counted)
        count_call(call->api, 1);
    call->counted = true;
    conn_set_phase(call->gate.connection, CONN_WORKING, clock_now_ms());
    if (!call->gate.aborted && request_step(call->gate.req) == REQUEST_WAITS) {
        if (gate_ask(call->api->gate, &call->gate))
            return MHD_YES;
        call->gate.aborted = true;
    }
    if (call->gate.aborted)
        request_abort(call->gate.req);
    return send_answer(call);
}

static void begin_call(struct call *call, const struct face *face, const char *method)
{
    g_autofree char *address = peer_address(call->gate.connection);

    call->gate.req = request_new(&call->api->core, method, call->target, address);
    call->gate.req->management = face->management;
    MHD_get_connection_values(call->gate.connection, MHD_HEADER_KIND, on_header, call->gate.req);
}

/* A length that is announced too long is refused before it is sent. */
static bool announced_too_long(const struct call *call)
{
    const char *text =
        MHD_lookup_connection_value(call->gate.connection, MHD_HEADER_KIND, "Content-Length");

    return text && g_ascii_strtoull(text, NULL, 10) > call->api->core.body_max;
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd's signature */
static enum MHD_Result on_access(void *cls, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload_data,
                                 size_t *upload_data_size, void **con_cls)
{
    struct call *call = *con_cls;

    (void)url;
    (void)version;
    (void)connection;
    if (!call)
        return MHD_NO;
    if (!call->gate.req) {
        begin_call(call, cls, method);
        if (!announced_too_long(call))
            return MHD_YES;
        call->gate.req->body_too_big = true;
        return work(call);
    }
    if (*upload_data_size) {
        size_t size = *upload_data_size;

        *upload_data_size = 0;
        request_add_body(call->gate.req, upload_data, size);
        call->discarded += call->gate.req->body_too_big ? size : 0;
        return call->discarded > DISCARD_FACTOR * call->api->core.body_max ? MHD_NO : MHD_YES;
    }
    return work(call);
}

/* ---- TLS ------------------------------------------------------------------------------------- */

/* libmicrohttpd keeps its connection as the session's pointer.
 * NOLINTNEXTLINE(readability-function-size): GnuTLS's signature */
static int on_certificate(gnutls_session_t session, const gnutls_datum_t *req_ca_dn, int nreqs,
                          const gnutls_pk_algorithm_t *pk_algos, int pk_algos_length,
                          gnutls_pcert_st **pcert, unsigned *pcert_length, gnutls_privkey_t *key)
{
    struct MHD_Connection *connection = gnutls_session_get_ptr(session);
    const Api *api = connection ? conn_owner(connection) : NULL;

    (void)req_ca_dn;
    (void)nreqs;
    (void)pk_algos;
    (void)pk_algos_length;
    return api && tls_store_current(api->tls, pcert, pcert_length, key) ? 0 : -1;
}

bool api_reload_tls(Api *api, GError **error)
{
    if (!api->tls)
        return true;
    return tls_store_load(api->tls, api->cert_file, api->key_file, clock_now_ms(), error);
}

/* ---- start and stop -------------------------------------------------------------------------- */

G_GNUC_PRINTF(2, 0)
static void on_mhd_log(void *cls, const char *format, va_list args)
{
    g_autofree char *text = g_strchomp(g_strdup_vprintf(format, args));

    (void)cls;
    log_debug("http server", "TEXT", text, NULL);
}

static bool parse_address(const char *text, uint16_t port, struct sockaddr_storage *ret_address,
                          GError **error)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

    memset(ret_address, 0, sizeof(*ret_address));
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        memcpy(ret_address, &in, sizeof(in));
        return true;
    }
    if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) {
        memcpy(ret_address, &in6, sizeof(in6));
        return true;
    }
    err_set_reason(error, VRM_ERR_INVALID, 0, "address",
                   "address = %s: want an IPv4 or IPv6 address", text);
    return false;
}

static struct MHD_Daemon *listen_on(Api *api, struct face *face, const char *address, uint16_t port,
                                    bool tls, GError **error)
{
    const struct api_options *o = &api->options;
    struct sockaddr_storage bind_to;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls_items[] = {
        { MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)on_certificate },
        { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES },
        { MHD_OPTION_END, 0, NULL },
    };
    struct MHD_OptionItem no_items[] = { { MHD_OPTION_END, 0, NULL } };
    struct MHD_Daemon *daemon;

    if (!parse_address(address, port, &bind_to, error))
        return NULL;
    if (tls)
        flags |= MHD_USE_TLS;
    if (bind_to.ss_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    errno = 0;
    daemon = MHD_start_daemon(
        flags, port, on_accept, api, on_access, face, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL,
        MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)&bind_to, MHD_OPTION_THREAD_POOL_SIZE,
        face->management ? 1U : o->threads, MHD_OPTION_CONNECTION_LIMIT, o->max_connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->max_connections_per_address,
        MHD_OPTION_CONNECTION_TIMEOUT, o->idle_timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        MEMORY_FACTOR * o->header_max, MHD_OPTION_URI_LOG_CALLBACK, on_target, face,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, face, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, face, MHD_OPTION_ARRAY, tls ? tls_items : no_items, MHD_OPTION_END);
    if (!daemon)
        err_set(error, VRM_ERR_UNAVAILABLE, "cannot listen on %s port %u: %s", address,
                (unsigned)port, errno ? g_strerror(errno) : "bad options");
    return daemon;
}

static char *own_metrics(void *user)
{
    Api *api = user;

    metric_set(api->sessions_gauge, (int64_t)auth_count(api->core.auth));
    metric_set(api->conns_gauge, conn_count(api->conns));
    metric_set(api->streams_gauge, api->core.feed ? feed_count(api->core.feed) : 0);
    return metrics_format(api->metrics);
}

static void make_metrics(Api *api)
{
    static const int64_t bounds_ms[] = { 1, 5, 20, 100, 500, 2000, 10000, 60000, 0 };

    api->metrics = metrics_new();
    for (int class = 1; class < STATUS_CLASSES; class ++) {
        g_autofree char *labels = g_strdup_printf("status=\"%dxx\"", class);

        api->by_status[class] = metrics_counter(api->metrics, "vrm_api_requests_total", labels,
                                                "answered requests by class of HTTP status");
    }
    api->latency = metrics_histogram_ms(api->metrics, "vrm_api_request_seconds", NULL,
                                        "time from the request line to the answer", bounds_ms);
    api->sessions_gauge = metrics_gauge(api->metrics, "vrm_api_sessions", NULL, "open sessions");
    api->conns_gauge = metrics_gauge(api->metrics, "vrm_api_connections", NULL, "open connections");
    api->streams_gauge =
        metrics_gauge(api->metrics, "vrm_api_streams", NULL, "clients that watch what changes");
}

static Api *api_new(const struct api_options *options, const struct api_ops *ops, void *ctx)
{
    Api *api = g_new0(Api, 1);
    const struct auth_limits limits = { options->session_idle_ms, options->max_sessions,
                                        options->max_sessions_per_user };

    api->options = *options;
    if (!options->auth)
        api->own_auth = auth_new(&limits);
    api->cert_file = g_strdup(options->cert_file);
    api->key_file = g_strdup(options->key_file);
    pthread_mutex_init(&api->lock, NULL);
    pthread_cond_init(&api->calls_gone, NULL);
    api->gate = gate_new(ops, ctx);
    api->conns = conn_list_new(api);
    atomic_init(&api->closing, false);
    make_metrics(api);
    api->core = (struct api_core){
        .ops = ops,
        .ctx = ctx,
        .auth = options->auth ? options->auth : api->own_auth,
        .feed = options->feed,
        .now_ms = clock_now_ms,
        .body_max = options->body_max,
        .header_max = options->header_max,
        .own_metrics = own_metrics,
        .metrics_user = api,
        .metrics_elsewhere = options->management_address && options->management_address[0],
    };
    api->faces[0] = (struct face){ api, false };
    api->faces[1] = (struct face){ api, true };
    return api;
}

static bool open_ports(Api *api, GError **error)
{
    const struct api_options *o = &api->options;

    if (o->tls) {
        api->tls = tls_store_new();
        if (!api_reload_tls(api, error))
            return false;
    }
    api->daemon = listen_on(api, &api->faces[0], o->address, o->port, o->tls, error);
    if (!api->daemon)
        return false;
    if (!api->core.metrics_elsewhere)
        return true;
    api->management =
        listen_on(api, &api->faces[1], o->management_address, o->management_port, false, error);
    return api->management != NULL;
}

Api *api_start(const struct api_options *options, const struct api_ops *ops, void *ctx,
               GError **error)
{
    Api *api = api_new(options, ops, ctx);

    if (!open_ports(api, error)) {
        api_stop(api);
        return NULL;
    }
    api->sweep_source = g_timeout_add_seconds(SWEEP_S, on_sweep, api);
    return api;
}

static uint16_t bound_port(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info =
        daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;

    return info ? info->port : 0;
}

uint16_t api_port(const Api *api)
{
    return bound_port(api->daemon);
}

uint16_t api_management_port(const Api *api)
{
    return bound_port(api->management);
}

/* Lets answers go out, for a bounded time. */
static void drain(Api *api)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until); /* allowed: timedwait counts in it */
    until.tv_sec += api->options.stop_timeout_ms / 1000;
    until.tv_nsec += (long)(api->options.stop_timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&api->lock);
    while (api->n_calls > 0) {
        if (pthread_cond_timedwait(&api->calls_gone, &api->lock, &until) != 0)
            break;
    }
    pthread_mutex_unlock(&api->lock);
}

void api_stop(Api *api)
{
    struct MHD_Daemon *daemons[2];

    if (!api)
        return;
    daemons[0] = api->daemon;
    daemons[1] = api->management;
    if (api->sweep_source)
        g_source_remove(api->sweep_source);
    atomic_store(&api->closing, true);
    gate_close(api->gate);
    if (api->core.feed)
        feed_stop(api->core.feed, "this controller is shutting down");
    drain(api);
    for (size_t i = 0; i < G_N_ELEMENTS(daemons); i++) {
        if (daemons[i])
            MHD_stop_daemon(daemons[i]);
    }
    gate_free(api->gate);
    conn_list_free(api->conns);
    auth_free(api->own_auth);
    tls_store_free(api->tls);
    metrics_free(api->metrics);
    pthread_cond_destroy(&api->calls_gone);
    pthread_mutex_destroy(&api->lock);
    g_free(api->cert_file);
    g_free(api->key_file);
    g_free(api);
}
