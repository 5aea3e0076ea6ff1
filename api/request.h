/*~ request.h - one API call from its parts to its answer, without the transport.
 *
 * The HTTP layer (http.c) or a test makes a request, fills in headers and body and calls
 * request_step until it is REQUEST_ANSWERED.  REQUEST_WAITS means: submit what request_take_op
 * gives, hand its result to request_set_result, step again.  So no thread ever blocks on the
 * controller, and every handler runs in tests without a socket.  One thread at a time. */
#ifndef VRM_API_REQUEST_H
#define VRM_API_REQUEST_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/auth.h"
#include "api/feed.h"
#include "api/jw.h"
#include "api/ops.h"
#include "api/target.h"
#include "base/json.h"

struct route;

/* What all requests share. */
struct api_core {
    const struct api_ops *ops;
    void *ctx;
    Auth *auth;
    Feed *feed;                       /* NULL: nothing can be watched */
    int64_t (*now_ms)(void);          /* clock_now_ms; tests have their own */
    size_t body_max, header_max;      /* bytes */
    char *(*own_metrics)(void *user); /* the API's own metrics text; may be NULL */
    void *metrics_user;
    bool metrics_elsewhere; /* there is a management address: /metrics is only there */
};

// clang-format off
#define REQUEST_HEADERS(X)               \
    X(HEADER_TOKEN,  "X-Auth-Token")     \
    X(HEADER_USER,   "X-Auth-User")      \
    X(HEADER_KEY,    "X-Auth-Key")       \
    X(HEADER_ACCEPT, "Accept")           \
    X(HEADER_PREFER, "Prefer")           \
    X(HEADER_BEARER, "Authorization")    \
    X(HEADER_REQUEST_ID, "X-Request-Id") \
    X(HEADER_LAST_EVENT, "Last-Event-ID")
#define METHODS(X)                       \
    X(METHOD_GET,    "GET")              \
    X(METHOD_POST,   "POST")             \
    X(METHOD_PUT,    "PUT")              \
    X(METHOD_DELETE, "DELETE")
// clang-format on

enum request_header {
#define X(name, text) name,
    REQUEST_HEADERS(X)
#undef X
};
#define N_REQUEST_HEADERS 8

enum method {
#define X(name, text) name,
    METHODS(X)
#undef X
    METHOD_OTHER,
};
const char *method_name(enum method method);

enum request_progress {
    REQUEST_WAITS,
    REQUEST_ANSWERED,
};

struct request;
/* Writes the next part of the answer to req->out, or sets req->op and req->answer to go on. */
typedef bool (*request_answer_fn)(struct request *req, struct op_result *result, GError **error);

struct request {
    const struct api_core *core;
    /* as received */
    enum method method;
    bool management; /* it came in at the management address */
    bool body_too_big;
    struct target target;
    GError *bad_target;
    bool target_too_long;
    size_t header_bytes;
    char *line;                       /* "GET /service/sites", for messages; cut if it is long */
    char *headers[N_REQUEST_HEADERS]; /* NULL: not sent */
    GString *body;
    char *address;     /* the client's */
    char *id;          /* request id */
    char *login_token; /* good once the log-in has passed */
    /* worked out */
    const struct route *route;
    Snapshot *snap;
    const char *site; /* snap's site id */
    struct auth_who who;
    int64_t ids[N_OBJECT_KINDS]; /* from the path */
    int64_t incident_id;         /* the same; 0: the newest */
    json_t *root;
    struct json_reader json; /* the body's object; reads nothing if there is none */
    int64_t wait_ms;         /* Prefer: wait */
    /* under way */
    bool begun;
    enum op_kind op_kind; /* of the last operation built by the route */
    unsigned attempts;
    struct op *op;
    request_answer_fn answer;
    struct op_result result;
    int64_t task_id, object_id; /* of a done operation, while its task is waited for */
    int64_t power_task_id;
    char *note;
    /* the answer */
    int status;
    int error_status; /* 0: an error's code decides */
    struct jw out;
    const char *content_type;
    char *new_token;           /* X-Auth-Token of a login */
    char *active_url;          /* X-Active-Controller of a standby */
    char *allow;               /* Allow of a wrong method */
    const char *missing_right; /* of a refusal */
    int64_t retry_ms;          /* Retry-After */
    FeedReader *reader;        /* the answer goes on with what it reads; the transport takes it */
};

struct request *request_new(const struct api_core *core, const char *method, const char *target,
                            const char *address);
void request_free(struct request *req);
typedef struct request request_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(request_auto, request_free)

/* Keeps the headers it knows, in any case of letters; the first of a name counts. */
void request_set_header(struct request *req, const char *name, const char *value);
/* Beyond the bound nothing is kept and the answer will be an error. */
void request_add_body(struct request *req, const char *data, size_t len);

enum request_progress request_step(struct request *req);
/* After REQUEST_WAITS: what to submit; the caller owns it. */
struct op *request_take_op(struct request *req);
/* Takes the contents of result, which is zeroed. */
void request_set_result(struct request *req, struct op_result *result);
/* The transport gives up (shutdown): answers 503 whatever was under way. */
void request_abort(struct request *req);

/* The token that came along, or NULL; borrowed. */
const char *request_token(const struct request *req);
/* For handlers that read the body themselves: *ret_root stays if there is none (nothing, null). */
bool request_body_object(struct request *req, json_t **ret_root, GError **error);
/* dryRun in the query or the body: true in either counts. */
bool request_dry_run(const struct request *req, bool *ret_dry_run, GError **error);
/* For handlers: the newest snapshot in place of the one held. */
void request_refresh(struct request *req);

#endif /* VRM_API_REQUEST_H */
