/* request.c - see request.h. */
#include "config.h"

#include "api/request.h"

#include <string.h>

#include "api/answer.h"
#include "api/reply.h"
#include "api/route.h"
#include "base/err.h"
#include "base/rng.h"
#include "model/id.h"
#include "model/reason.h"

#define MAX_ATTEMPTS     100 /* of each round of racing writers one wins */
#define MAX_WAIT_MS      120000
#define MAX_REQUEST_ID   64
#define SHOWN_PATH       160 /* bytes of the target in messages */
#define REQUEST_ID_BYTES 8
#define JSON_TYPE        "application/json;charset=UTF-8"

static const char *const header_names[N_REQUEST_HEADERS] = {
#define X(name, text) [name] = text,
    REQUEST_HEADERS(X)
#undef X
};

static const char *const method_names[] = {
#define X(name, text) [name] = text,
    METHODS(X)
#undef X
        [METHOD_OTHER] = "?",
};

const char *method_name(enum method method)
{
    return method_names[method];
}

static enum method method_parse(const char *text)
{
    if (g_str_equal(text, "HEAD")) /* the transport leaves the body out */
        return METHOD_GET;
    for (enum method m = METHOD_GET; m < METHOD_OTHER; m++) {
        if (g_str_equal(text, method_names[m]))
            return m;
    }
    return METHOD_OTHER;
}

struct request *request_new(const struct api_core *core, const char *method, const char *target,
                            const char *address)
{
    struct request *req = g_new0(struct request, 1);

    req->core = core;
    req->method = method_parse(method);
    req->line = g_strdup_printf("%.16s %.*s", method, SHOWN_PATH, target);
    req->target_too_long = strlen(target) > TARGET_MAX_LENGTH;
    target_parse(target, &req->target, &req->bad_target);
    req->body = g_string_new(NULL);
    req->address = g_strdup(address);
    req->id = rng_secret_hex(REQUEST_ID_BYTES);
    req->status = 200;
    req->content_type = JSON_TYPE;
    jw_init(&req->out);
    json_reader_init(&req->json, NULL);
    return req;
}

void request_free(struct request *req)
{
    if (!req)
        return;
    target_clear(&req->target);
    g_clear_error(&req->bad_target);
    if (req->headers[HEADER_KEY])
        explicit_bzero(req->headers[HEADER_KEY], strlen(req->headers[HEADER_KEY]));
    for (size_t i = 0; i < N_REQUEST_HEADERS; i++)
        g_free(req->headers[i]);
    explicit_bzero(req->body->str, req->body->len); /* it may hold a password */
    g_string_free(req->body, TRUE);
    g_free(req->line);
    g_free(req->address);
    g_free(req->id);
    g_clear_pointer(&req->snap, snapshot_unref);
    auth_who_clear(&req->who);
    json_decref(req->root);
    op_free(req->op);
    op_result_clear(&req->result);
    jw_clear(&req->out);
    g_free(req->login_token);
    g_free(req->new_token);
    g_free(req->note);
    g_free(req->active_url);
    g_free(req->allow);
    feed_close(req->reader);
    g_free(req);
}

static bool id_char(char c)
{
    return g_ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
}

static bool request_id_usable(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        if (!id_char(text[i]))
            return false;
    }
    return len > 0 && len <= MAX_REQUEST_ID;
}

void request_set_header(struct request *req, const char *name, const char *value)
{
    req->header_bytes += strlen(name) + strlen(value);
    for (size_t i = 0; i < N_REQUEST_HEADERS; i++) {
        if (g_ascii_strcasecmp(name, header_names[i]) != 0)
            continue;
        if (!req->headers[i])
            req->headers[i] = g_strstrip(g_strdup(value));
        if (i == HEADER_REQUEST_ID && request_id_usable(req->headers[i])) {
            g_free(req->id);
            req->id = g_strdup(req->headers[i]);
        }
        return;
    }
}

void request_add_body(struct request *req, const char *data, size_t len)
{
    if (len > req->core->body_max - MIN(req->body->len, req->core->body_max))
        req->body_too_big = true;
    if (!req->body_too_big)
        g_string_append_len(req->body, data, (gssize)len);
}

/* ---- the steps before the handler -------------------------------------------------------------
 */

static bool refuse(enum vrm_err code, int reason, const char *text, GError **error)
{
    err_set_reason(error, code, reason, NULL, "%s", text);
    return false;
}

/* "application/json;version=v8.0;charset=UTF-8": any version 1 to 9 will do, none as well. */
static bool check_version(const struct request *req, GError **error)
{
    const char *accept = req->headers[HEADER_ACCEPT];
    const char *version = accept ? strcasestr(accept, "version=") : NULL;

    if (!version)
        return true;
    version += strlen("version=");
    version += *version == 'v' || *version == 'V';
    if (*version >= '1' && *version <= '9' && !g_ascii_isdigit(version[1]))
        return true;
    err_set_reason(error, VRM_ERR_INVALID, REASON_VERSION, "Accept",
                   "version error: Accept = %.128s: want version=1.0 to version=9.9, or none",
                   accept);
    return false;
}

static bool check_active(struct request *req, GError **error)
{
    struct controller_status status = { 0 };

    req->core->ops->status(req->core->ctx, &status);
    if (status.active)
        return true;
    if (status.leader_url[0])
        req->active_url = g_strdup(status.leader_url);
    if (status.leader_url[0])
        err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                       "this controller is a standby; the active one is %s", status.leader_url);
    else
        err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                       "this controller is not active, and it is unknown which one is%s%s",
                       status.trouble[0] ? ": " : "", status.trouble);
    return false;
}

const char *request_token(const struct request *req)
{
    const char *bearer = req->headers[HEADER_BEARER];

    if (req->headers[HEADER_TOKEN] && req->headers[HEADER_TOKEN][0])
        return req->headers[HEADER_TOKEN];
    if (bearer && g_ascii_strncasecmp(bearer, "Bearer ", 7) == 0)
        return bearer + 7;
    return NULL;
}

static bool check_right(struct request *req, GError **error)
{
    enum right right = req->route->right;
    const char *token = request_token(req);

    if (right == RIGHT_NONE)
        return true;
    if (!token || !auth_check(req->core->auth, token, req->core->now_ms(), &req->who))
        return refuse(VRM_ERR_DENIED, REASON_NOT_LOGGED_IN,
                      "not logged in, or the session has expired: log in with "
                      "POST /service/session",
                      error);
    if (roles_allow(req->who.roles, right))
        return true;
    req->missing_right = right_name(right);
    err_set_reason(error, VRM_ERR_DENIED, REASON_NO_PERMISSION, NULL,
                   "user %s lacks the right %s for %s %s", req->who.user, right_name(right),
                   method_name(req->route->method), req->route->pattern);
    return false;
}

/* "Prefer: respond-async, wait=30" */
static void read_wait(struct request *req)
{
    const char *wait =
        req->headers[HEADER_PREFER] ? strcasestr(req->headers[HEADER_PREFER], "wait=") : NULL;
    guint64 seconds;

    if (!wait)
        return;
    seconds = g_ascii_strtoull(wait + strlen("wait="), NULL, 10);
    req->wait_ms = (int64_t)MIN(seconds, MAX_WAIT_MS / 1000) * 1000;
}

bool request_body_object(struct request *req, json_t **ret_root, GError **error)
{
    const char *text = req->body->str;
    size_t len = req->body->len;
    g_autoptr(json_t) root = NULL;

    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        text += 3;
        len -= 3;
    }
    while (len && g_ascii_isspace(text[len - 1]))
        len--;
    while (len && g_ascii_isspace(*text)) {
        text++;
        len--;
    }
    if (len == 0 || (len == 4 && memcmp(text, "null", 4) == 0))
        return true;
    root = json_parse(text, len, error);
    if (!root || !json_refuse_twins(root, error))
        return false;
    if (!json_is_object(root))
        return refuse(VRM_ERR_INVALID, REASON_MALFORMED, "the body must be a JSON object", error);
    *ret_root = g_steal_pointer(&root);
    return true;
}

static bool parse_body(struct request *req, GError **error)
{
    if (req->route->flags & ROUTE_NO_BODY || req->method == METHOD_GET ||
        req->method == METHOD_DELETE)
        return true;
    if (!request_body_object(req, &req->root, error))
        return false;
    json_reader_init(&req->json, req->root);
    return true;
}

void request_refresh(struct request *req)
{
    g_clear_pointer(&req->snap, snapshot_unref);
    req->snap = req->core->ops->snapshot(req->core->ctx);
    req->site = req->snap->site ? req->snap->site->id : "";
}

/* ---- the operation -----------------------------------------------------------------------------
 */

static bool check_database(const struct request *req, const struct op *op, GError **error)
{
    struct controller_status status = { 0 };

    if (!op_kind_mutates(op->kind))
        return true;
    req->core->ops->status(req->core->ctx, &status);
    if (status.database_ok)
        return true;
    return refuse(VRM_ERR_UNAVAILABLE, REASON_DATABASE,
                  "the database does not answer: nothing can be changed now; reads still work",
                  error);
}

bool request_dry_run(const struct request *req, bool *ret_dry_run, GError **error)
{
    bool in_query = false, in_body = false;

    if (!target_bool(&req->target, "dryRun", &in_query, error) ||
        !json_read_bool(&req->json, "dryRun", &in_body, error))
        return false;
    *ret_dry_run = in_query || in_body;
    return true;
}

/* A preview that we cannot give must not become the deed itself. */
static bool check_dry_run(const struct request *req, const struct op *op, GError **error)
{
    bool dry_run = false;

    if (!request_dry_run(req, &dry_run, error))
        return false;
    if (!dry_run || !op_kind_mutates(op->kind))
        return true;
    err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "dryRun",
                   "dryRun = true: this call has no preview; nothing was done, leave dryRun out to "
                   "do it");
    return false;
}

static bool prepare(struct request *req, GError **error)
{
    request_refresh(req);
    return route_resolve(req, error);
}

/* Builds the route's operation; true with req->op NULL: the answer is written already. */
static bool build(struct request *req, GError **error)
{
    GError *local = NULL;
    g_autoptr(op_auto) op = req->route->build(req, &local);

    if (local) {
        g_propagate_error(error, local);
        return false;
    }
    if (!op)
        return true;
    if (!check_dry_run(req, op, error) || !check_database(req, op, error))
        return false;
    req->op_kind = op->kind;
    req->op = g_steal_pointer(&op);
    req->answer = req->route->answer ? req->route->answer : answer_done;
    req->attempts++;
    return true;
}

static bool check_sizes(struct request *req, GError **error)
{
    if (req->target_too_long)
        req->error_status = 414; /* find_route has the error */
    if (req->header_bytes <= req->core->header_max)
        return true;
    req->error_status = 431;
    err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, NULL,
                   "the headers are too long, %" G_GSIZE_FORMAT " bytes: at most %" G_GSIZE_FORMAT
                   " are taken",
                   req->header_bytes, req->core->header_max);
    return false;
}

static bool find_route(struct request *req, GError **error)
{
    if (req->bad_target) {
        g_propagate_error(error, g_steal_pointer(&req->bad_target));
        return false;
    }
    req->route = route_find(req->method, &req->target, &req->allow, error);
    if (!req->route) {
        req->error_status = req->allow ? 405 : 404;
        g_prefix_error(error, "%s: ", req->line);
    }
    return req->route != NULL;
}

static bool begin(struct request *req, GError **error)
{
    unsigned flags;

    if (!check_sizes(req, error) || !find_route(req, error))
        return false;
    flags = req->route->flags;
    if (!(flags & ROUTE_PLAIN) && !check_version(req, error))
        return false;
    if (!(flags & ROUTE_ANYWHERE) && !check_active(req, error))
        return false;
    if (!check_right(req, error))
        return false;
    if (req->body_too_big) {
        req->error_status = 413;
        err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, NULL,
                       "the body is too long: at most %" G_GSIZE_FORMAT " bytes are taken",
                       req->core->body_max);
        return false;
    }
    if (!parse_body(req, error))
        return false;
    if (!(flags & ROUTE_ANYWHERE) && !prepare(req, error))
        return false;
    read_wait(req);
    return req->route->read ? req->route->read(req, error) : build(req, error);
}

/* The object changed between our snapshot and the commit: apply the body to the newer one.  With a
 * field it is a value that another object has: no further try would change that. */
static bool should_retry(const struct request *req)
{
    return err_is(req->result.error, VRM_ERR_CONFLICT) &&
           err_reason(req->result.error) == REASON_OBJECT_CONFLICT &&
           !err_field(req->result.error) && req->attempts < MAX_ATTEMPTS;
}

static bool go_on(struct request *req, GError **error)
{
    request_answer_fn answer = req->answer;

    if (should_retry(req)) {
        op_result_clear(&req->result);
        return prepare(req, error) && build(req, error);
    }
    req->answer = NULL;
    if (req->result.error && answer != answer_waited) {
        req->retry_ms = req->result.retry_ms;
        g_propagate_error(error, g_steal_pointer(&req->result.error));
        return false;
    }
    return answer(req, &req->result, error);
}

enum request_progress request_step(struct request *req)
{
    g_autoptr(GError) error = NULL;
    bool ok = req->begun ? go_on(req, &error) : begin(req, &error);

    req->begun = true;
    if (!ok) {
        g_clear_pointer(&req->op, op_free);
        reply_error(req, error);
    }
    op_result_clear(&req->result);
    return req->op ? REQUEST_WAITS : REQUEST_ANSWERED;
}

struct op *request_take_op(struct request *req)
{
    struct op *op = g_steal_pointer(&req->op);

    op->user_id = req->who.user_id;
    g_free(op->user);
    op->user = g_strdup(req->who.user ? req->who.user : "");
    g_free(op->address);
    op->address = g_strdup(req->address);
    g_free(op->request_id);
    op->request_id = g_strdup(req->id);
    return op;
}

void request_set_result(struct request *req, struct op_result *result)
{
    req->result = *result;
    memset(result, 0, sizeof(*result));
}

void request_abort(struct request *req)
{
    g_autoptr(GError) error = NULL;

    err_set_reason(&error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                   "the controller is shutting down; the outcome of this call is unknown");
    req->error_status = 0;
    reply_error(req, error);
}
