/* server_call.c - see server_call.h.
 *
 * A struct call is the HTTP thread's until it is posted, the loop's until the connection is
 * resumed, and the HTTP thread's again; it is freed when libmicrohttpd says the request is over,
 * which cannot be while it is suspended. */
#include "config.h"

#include "agent/server_call.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"

#define MAX_BODY     (1u << 20)
#define STREAM_BLOCK ((size_t)32 << 10)

enum call_kind {
    CALL_COMMAND,
    CALL_STATE,
    CALL_HEALTH,
    CALL_WATCH,
    CALL_HA,
    CALL_SLOTS,
};

struct call {
    struct server_door *door;
    struct MHD_Connection *connection;
    enum call_kind kind;
    GString *body;
    bool too_long;
    bool answered;
    /* the question */
    struct agent_command command;
    struct ha_setup setup;
    char *id;
    int64_t epoch;
    int64_t first, count; /* of slots */
    /* the answer */
    int status;
    char *text;
    Watcher *watcher;
};

// clang-format off
static const struct route {
    const char *method, *path;
    bool prefix; /* path is followed by an id */
    enum call_kind kind;
} routes[] = {
    { "POST", "/v1/commands",  false, CALL_COMMAND },
    { "GET",  "/v1/commands/", true,  CALL_STATE },
    { "GET",  "/v1/health",    false, CALL_HEALTH },
    { "GET",  "/v1/watch",     false, CALL_WATCH },
    { "POST", "/v1/ha",        false, CALL_HA },
    { "GET",  "/v1/ha/slots",  false, CALL_SLOTS },
};
// clang-format on

/* ---- answering (HTTP thread) ---------------------------------------------------------------- */

static enum MHD_Result send_text(struct MHD_Connection *connection, int status, const char *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result;

    MHD_add_response_header(response, "Content-Type", "application/json");
    result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_error(struct MHD_Connection *connection, int status,
                                  const GError *error)
{
    g_autoptr(json_t) json = agent_error_encode(error);
    g_autofree char *text = json_format(json);

    return send_text(connection, status, text);
}

static enum MHD_Result G_GNUC_PRINTF(4, 5) refuse(struct MHD_Connection *connection, int status,
                                                  enum vrm_err code, const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    err_set(&error, code, "%s", text);
    return send_error(connection, status, error);
}

/* ---- the stream (HTTP thread) --------------------------------------------------------------- */

struct stream {
    struct MHD_Connection *connection;
    Watcher *watcher;
};

static void stream_park(void *user)
{
    MHD_suspend_connection(user);
}

static void stream_wake(void *user)
{
    MHD_resume_connection(user);
}

static ssize_t stream_read(void *user, uint64_t pos, char *buf, size_t max)
{
    const struct stream *stream = user;
    const struct watcher_pause pause = { stream_park, stream_wake, stream->connection };
    ssize_t n = watcher_read(stream->watcher, buf, max, &pause);

    (void)pos;
    if (n == WATCHER_ENDED)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == WATCHER_LOST)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    return n;
}

static void stream_free(void *user)
{
    struct stream *stream = user;

    watcher_close(stream->watcher);
    g_free(stream);
}

static enum MHD_Result send_stream(struct call *call)
{
    struct stream *stream = g_new0(struct stream, 1);
    struct MHD_Response *response;
    enum MHD_Result result;

    stream->connection = call->connection;
    stream->watcher = g_steal_pointer(&call->watcher);
    response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read,
                                                 stream, stream_free);
    MHD_add_response_header(response, "Content-Type", "application/json");
    MHD_add_response_header(response, "Connection", "close");
    result = MHD_queue_response(call->connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_answer(struct call *call)
{
    if (call->watcher)
        return send_stream(call);
    return send_text(call->connection, call->status, call->text);
}

struct range {
    guint64 min, max;
};

/* ---- the request (HTTP thread) -------------------------------------------------------------- */

/* ?NAME=N; without it *number stays. */
static bool parse_number(struct call *call, const char *name, const struct range *range,
                         int64_t *number, GError **error)
{
    const char *text = MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, name);
    guint64 value;

    if (!text)
        return true;
    if (!g_ascii_string_to_unsigned(text, 10, range->min, range->max, &value, NULL)) {
        err_set_reason(error, VRM_ERR_INVALID, 0, name,
                       "%s=\"%.40s\": want ?%s=N with N of %" G_GUINT64_FORMAT
                       " to %" G_GUINT64_FORMAT,
                       name, text, name, range->min, range->max);
        return false;
    }
    *number = (int64_t)value;
    return true;
}

static bool parse_slots(struct call *call, GError **error)
{
    static const struct range first = { 0, HA_READING_LAST }, count = { 1, HA_READING_MAX };

    call->first = 0;
    call->count = HA_READING_MAX;
    return parse_number(call, "first", &first, &call->first, error) &&
           parse_number(call, "count", &count, &call->count, error);
}

static bool parse_epoch(struct call *call, GError **error)
{
    const char *text =
        MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, "epoch");
    guint64 epoch = 0;

    if (!text || !g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT64, &epoch, NULL)) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "epoch",
                       "epoch=\"%.40s\": want ?epoch=N with N from 1", text ? text : "");
        return false;
    }
    call->epoch = (int64_t)epoch;
    return true;
}

static bool parse_body(struct call *call, GError **error)
{
    g_autoptr(json_t) json = NULL;

    if (call->too_long) {
        err_set(error, VRM_ERR_INVALID, "body longer than %u bytes", MAX_BODY);
        return false;
    }
    json = json_parse(call->body->str, call->body->len, error);
    if (!json)
        return false;
    return call->kind == CALL_HA ? ha_setup_decode(json, &call->setup, error)
                                 : agent_command_decode(json, &call->command, error);
}

static bool parse_call(struct call *call, GError **error)
{
    switch (call->kind) {
    case CALL_COMMAND:
    case CALL_HA:
        return parse_body(call, error);
    case CALL_WATCH:
        return parse_epoch(call, error);
    case CALL_SLOTS:
        return parse_slots(call, error);
    case CALL_STATE:
    case CALL_HEALTH:
        return true;
    }
    g_assert_not_reached();
}

/* Suspends first: the loop may answer before we are back. */
static enum MHD_Result hand_over(struct call *call)
{
    g_autoptr(GError) error = NULL;

    if (!parse_call(call, &error))
        return send_error(call->connection, MHD_HTTP_BAD_REQUEST, error);
    atomic_fetch_add(&call->door->n_waiting, 1);
    MHD_suspend_connection(call->connection);
    if (!mailbox_post(call->door->calls, call))
        server_call_drop(call);
    return MHD_YES;
}

static enum MHD_Result check_client(const struct server_door *door,
                                    struct MHD_Connection *connection, bool *ret_ok)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    g_autoptr(GError) error = NULL;

    *ret_ok = info && info->tls_session && server_tls_check(door->tls, info->tls_session, &error);
    if (*ret_ok)
        return MHD_YES;
    if (!error)
        err_set(&error, VRM_ERR_DENIED, "no TLS session");
    return send_error(connection, MHD_HTTP_FORBIDDEN, error);
}

static bool matches(const struct route *route, const char *url)
{
    return route->prefix ? g_str_has_prefix(url, route->path) : g_str_equal(url, route->path);
}

static const struct route *find_route(const char *url, const char *method, bool *ret_path_exists)
{
    *ret_path_exists = false;
    for (size_t i = 0; i < G_N_ELEMENTS(routes); i++) {
        if (!matches(&routes[i], url))
            continue;
        *ret_path_exists = true;
        if (g_str_equal(routes[i].method, method))
            return &routes[i];
    }
    return NULL;
}

/* Headers are there, the body is not. */
static enum MHD_Result begin(struct server_door *door, struct MHD_Connection *connection,
                             const char *url, const char *method, void **request_context)
{
    bool path_exists, ok;
    const struct route *route = find_route(url, method, &path_exists);
    enum MHD_Result result = check_client(door, connection, &ok);
    struct call *call;

    if (!ok)
        return result;
    if (!route && path_exists)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, VRM_ERR_INVALID,
                      "%.10s is not possible on %.80s", method, url);
    if (!route)
        return refuse(
            connection, MHD_HTTP_NOT_FOUND, VRM_ERR_NOT_FOUND,
            "no such path: %.80s (there are /v1/watch, /v1/commands, /v1/ha, /v1/ha/slots, "
            "/v1/health)",
            url);
    call = g_new0(struct call, 1);
    call->door = door;
    call->connection = connection;
    call->kind = route->kind;
    call->body = g_string_new(NULL);
    if (route->prefix)
        call->id = g_strdup(url + strlen(route->path));
    *request_context = call;
    return MHD_YES;
}

static void add_body(struct call *call, const char *upload, size_t len)
{
    if (call->body->len + len > MAX_BODY)
        call->too_long = true;
    else
        g_string_append_len(call->body, upload, (gssize)len);
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd's signature */
enum MHD_Result server_call_handle(void *user, struct MHD_Connection *connection, const char *url,
                                   const char *method, const char *version, const char *upload,
                                   size_t *upload_len, void **request_context)
{
    struct call *call = *request_context;

    (void)version;
    if (!call)
        return begin(user, connection, url, method, request_context);
    if (*upload_len > 0) {
        add_body(call, upload, *upload_len);
        *upload_len = 0;
        return MHD_YES;
    }
    return call->answered ? send_answer(call) : hand_over(call);
}

void server_call_completed(void *user, struct MHD_Connection *connection, void **request_context,
                           enum MHD_RequestTerminationCode code)
{
    struct call *call = *request_context;

    (void)user;
    (void)connection;
    (void)code;
    *request_context = NULL;
    if (!call)
        return;
    agent_command_clear(&call->command);
    ha_setup_clear(&call->setup);
    g_string_free(call->body, TRUE);
    if (call->watcher)
        watcher_close(call->watcher);
    g_free(call->id);
    g_free(call->text);
    g_free(call);
}

/* ---- the loop's side ------------------------------------------------------------------------ */

static void give_back(struct call *call)
{
    struct server_door *door = call->door;

    call->answered = true;
    MHD_resume_connection(call->connection); /* from here on call is not ours */
    atomic_fetch_sub(&door->n_waiting, 1);
}

static void on_reply(int status, json_t *body, void *user)
{
    struct call *call = user;

    call->status = status;
    call->text = json_format(body);
    json_decref(body);
    give_back(call);
}

static void on_watch(Watcher *watcher, int status, json_t *body, void *user)
{
    struct call *call = user;

    if (!watcher) {
        on_reply(status, body, user);
        return;
    }
    call->watcher = watcher;
    give_back(call);
}

void server_call_serve(void *message, Agent *agent)
{
    struct call *call = message;
    struct agent_command command;
    struct ha_setup setup;

    /* Whatever is answered at once is the HTTP thread's again before the function returns. */
    switch (call->kind) {
    case CALL_COMMAND:
        command = call->command;
        call->command = (struct agent_command){ 0 };
        agent_command(agent, &command, on_reply, call);
        break;
    case CALL_STATE:
        agent_command_state(agent, call->id, on_reply, call);
        break;
    case CALL_HEALTH:
        agent_health(agent, on_reply, call);
        break;
    case CALL_HA:
        setup = call->setup;
        call->setup = (struct ha_setup){ 0 };
        agent_set_ha(agent, &setup, on_reply, call);
        break;
    case CALL_SLOTS:
        agent_read_slots(agent, call->first, call->count, on_reply, call);
        break;
    case CALL_WATCH:
        agent_open_watch(agent, call->epoch, on_watch, call);
        break;
    }
}

void server_call_drop(void *message)
{
    g_autoptr(GError) error = NULL;

    err_set(&error, VRM_ERR_UNAVAILABLE, "the agent is ending");
    on_reply(MHD_HTTP_SERVICE_UNAVAILABLE, agent_error_encode(error), message);
}
