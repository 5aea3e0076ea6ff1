/* h_event.c - what happened: FusionCompute's query by POST, and a plain GET.
 *
 * In items every value is a string, as clients have it typed. */
#include "config.h"

#include "api/handlers.h"

#include "api/body.h"
#include "api/known.h"
#include "api/read.h"
#include "base/clock.h"
#include "base/err.h"
#include "model/id.h"
#include "model/reason.h"

static void set_page(struct op_query *query, const struct read_page *page)
{
    query->limit = page->limit < 0 ? READ_HISTORY_MAX : MIN(page->limit, READ_HISTORY_MAX);
    query->offset = page->offset;
}

struct op *h_event_query(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_EVENT_LIST);
    struct op_query *query = &op->query;
    struct read_page page;

    if (!read_page_body(req, &page, error) ||
        !body_string(&req->json, "eventName", BODY_NAME_MAX, 0, &query->type, error) ||
        !body_time(&req->json, "occurStartTime", &query->from_ms, error) ||
        !body_time(&req->json, "occurStopTime", &query->to_ms, error))
        return NULL;
    set_page(query, &page);
    return g_steal_pointer(&op);
}

struct op *h_event_list(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_EVENT_LIST);
    struct op_query *query = &op->query;
    const char *name = target_param(&req->target, "name");
    const char *event = target_param(&req->target, "eventName");
    const char *severity = target_param(&req->target, "severity");
    enum event_severity known;
    struct read_page page;
    static const char *const words[] = { "name", "eventName", "severity", "scope", "from",
                                         "to",   "limit",     "offset",   NULL };
    struct read_scope scope;

    if (!known_params(&req->target, words, error) || !read_page(req, &page, error) ||
        !read_scope(req, NULL, &scope, error) ||
        !target_int(&req->target, INT_FIELD("from", 0, INT64_MAX / 2, 0, &query->from_ms), error) ||
        !target_int(&req->target, INT_FIELD("to", 0, INT64_MAX / 2, 0, &query->to_ms), error))
        return NULL;
    if (severity && !event_severity_parse(severity, &known)) {
        err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "severity",
                       "severity = %.64s: want info, warning or error", severity);
        return NULL;
    }
    g_free(query->name);
    query->name = g_strdup(name ? name : "");
    g_free(query->type);
    query->type = g_strdup(event ? event : "");
    g_free(query->status);
    query->status = g_strdup(severity ? severity : "");
    if (scope.given) {
        query->scope_kind = scope.kind;
        query->scope_id = scope.id;
    }
    set_page(query, &page);
    return g_steal_pointer(&op);
}

static void put_event(struct request *req, const struct op_event *event)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    jw_str(out, "eventName", event->name);
    jw_int_str(out, "eventID", event->id);
    jw_str(out, "objectType", object_kind_segment(event->kind));
    read_put_urn(req, "objectUrn", event->kind, event->object_id);
    jw_str(out, "urnByName", event->object_name);
    jw_int_str(out, "occurTime", event->at_ms);
    jw_str(out, "additionalInfo", event->text);
    jw_str(out, "severity", event_severity_name(event->severity));
    read_put_urn(req, "taskUrn", OBJECT_TASK, event->task_id);
    jw_str(out, "isParse", "0");
    jw_str(out, "locationInfo", "");
    jw_object_end(out);
}

bool h_event_answer(struct request *req, struct op_result *result, GError **error)
{
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    jw_int(out, "total", result->total);
    jw_int(out, "itemSize", (int64_t)result->n_events);
    jw_int(out, "pageno", 1);
    jw_int(out, "viewId", 0);
    jw_int(out, "updateFlag", 0);
    jw_array(out, "items");
    for (size_t i = 0; i < result->n_events; i++)
        put_event(req, &result->events[i]);
    jw_array_end(out);
    jw_object_end(out);
    return true;
}
