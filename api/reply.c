/* reply.c - see reply.h.
 *
 * FusionCompute answers 400 with a number for what went wrong in business terms, also for a missing
 * object: its own SDK hides the body of 401, 403 and 404.  Those three are therefore only for the
 * session, rights and unknown URLs. */
#include "config.h"

#include "api/reply.h"

#include <string.h>

#include "base/err.h"
#include "model/reason.h"

#define JSON_TYPE "application/json;charset=UTF-8"

/* By code: status, number when the error has none, title. */
static const struct {
    int status, reason;
    const char *title;
} by_code[] = {
    [VRM_ERR_INVALID] = { 400, REASON_MALFORMED, "Bad request" },
    [VRM_ERR_NOT_FOUND] = { 400, REASON_OBJECT_MISSING, "Object does not exist" },
    [VRM_ERR_CONFLICT] = { 400, REASON_OBJECT_CONFLICT, "Conflict with the object's state" },
    [VRM_ERR_DENIED] = { 403, REASON_NO_PERMISSION, "Not allowed" },
    [VRM_ERR_BUSY] = { 400, REASON_BUSY, "Busy" },
    [VRM_ERR_NO_CAPACITY] = { 400, REASON_NO_RESOURCES, "No capacity" },
    [VRM_ERR_UNAVAILABLE] = { 503, REASON_RECOVERING, "Not available now" },
    [VRM_ERR_TIMEOUT] = { 500, REASON_FAILED, "No answer in time" },
    [VRM_ERR_INTERNAL] = { 500, REASON_FAILED, "Internal error" },
};

/* Reasons whose status does not follow from their code. */
static const struct {
    int reason, status;
} by_reason[] = {
    { REASON_NOT_LOGGED_IN, 401 },
    { REASON_VERSION, 401 },
    { REASON_LOGIN_FAILED, 400 },
    { REASON_LOGIN_LOCKED, 400 },
};

int reply_status(const GError *error, int *ret_reason)
{
    enum vrm_err code = VRM_ERR_INTERNAL;

    if (error->domain == VRM_ERROR && (size_t)error->code < G_N_ELEMENTS(by_code))
        code = (enum vrm_err)error->code;
    *ret_reason = err_reason(error) ? err_reason(error) : by_code[code].reason;
    for (size_t i = 0; i < G_N_ELEMENTS(by_reason); i++) {
        if (by_reason[i].reason == *ret_reason)
            return by_reason[i].status;
    }
    return by_code[code].status;
}

static const char *title_of(const GError *error)
{
    if (error->domain == VRM_ERROR && (size_t)error->code < G_N_ELEMENTS(by_code))
        return by_code[error->code].title;
    return by_code[VRM_ERR_INTERNAL].title;
}

/* RFC 9457's media type, for those who ask; the body is the same. */
static bool wants_problem(const struct request *req)
{
    const char *accept = req->headers[HEADER_ACCEPT];

    return accept && strstr(accept, "application/problem+json");
}

void reply_error(struct request *req, const GError *error)
{
    struct jw *out = &req->out;
    int reason;
    int status = reply_status(error, &reason);

    req->status = req->error_status ? req->error_status : status;
    jw_reset(out);
    req->content_type = wants_problem(req) ? "application/problem+json" : JSON_TYPE;
    jw_object(out, NULL);
    jw_int_str(out, "errorCode", reason);
    jw_str(out, "errorDes", error->message);
    jw_str(out, "title", title_of(error));
    jw_int(out, "status", req->status);
    if (err_field(error))
        jw_str(out, "field", err_field(error));
    if (req->missing_right)
        jw_str(out, "missingRight", req->missing_right);
    if (req->active_url)
        jw_str(out, "activeController", req->active_url);
    if (req->retry_ms > 0)
        jw_int(out, "retryAfterMs", req->retry_ms);
    jw_str(out, "requestId", req->id);
    jw_object_end(out);
}
