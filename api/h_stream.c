/* h_stream.c - watching: the answer's head here, what follows comes from feed.h by stream.c. */
#include "config.h"

#include "api/handlers.h"

#include "api/known.h"
#include "base/err.h"
#include "model/reason.h"

#define RETRY_MS 5000

/* The header is the newer one: a browser that connects again sends it with the URL of the first
 * time.  Empty is as good as none. */
static bool read_last_id(const struct request *req, bool *ret_given, int64_t *ret_id,
                         GError **error)
{
    const char *header = req->headers[HEADER_LAST_EVENT];
    const char *param = target_param(&req->target, "lastEventId");

    *ret_given = true;
    if (header && header[0])
        return feed_id_parse("Last-Event-ID", header, ret_id, error);
    if (param)
        return feed_id_parse("lastEventId", param, ret_id, error);
    *ret_given = false;
    return true;
}

bool h_stream(struct request *req, GError **error)
{
    static const char *const words[] = { "types", "lastEventId", NULL };
    const char *types_text = target_param(&req->target, "types");
    unsigned types = FEED_ALL;
    bool resume = false;
    int64_t after = 0;

    if (!known_params(&req->target, words, error) ||
        (types_text && !feed_types_parse(types_text, &types, error)) ||
        !read_last_id(req, &resume, &after, error))
        return false;
    if (!req->core->feed) {
        err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                       "there is no stream to watch here");
        return false;
    }
    if (!feed_open(req->core->feed, types, resume, after, &req->reader, error)) {
        req->retry_ms = RETRY_MS;
        return false;
    }
    req->content_type = "text/event-stream;charset=UTF-8";
    return true;
}
