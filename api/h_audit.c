/* h_audit.c - who changed what. */
#include "config.h"

#include "api/handlers.h"

#include "api/known.h"
#include "api/read.h"

struct op *h_audit_list(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_AUDIT_LIST);
    struct op_query *query = &op->query;
    const char *user = target_param(&req->target, "user");
    const char *operation = target_param(&req->target, "operation");
    static const char *const words[] = { "user", "operation", "scope",  "from",
                                         "to",   "limit",     "offset", NULL };
    struct read_page page;
    struct read_scope object;

    if (!known_params(&req->target, words, error) || !read_page(req, &page, error) ||
        !read_scope(req, NULL, &object, error) ||
        !target_int(&req->target, INT_FIELD("from", 0, INT64_MAX / 2, 0, &query->from_ms), error) ||
        !target_int(&req->target, INT_FIELD("to", 0, INT64_MAX / 2, 0, &query->to_ms), error))
        return NULL;
    g_free(query->user);
    query->user = g_strdup(user ? user : "");
    g_free(query->type);
    query->type = g_strdup(operation ? operation : "");
    if (object.given) {
        query->scope_kind = object.kind;
        query->scope_id = object.id;
    }
    query->limit = page.limit < 0 ? READ_HISTORY_MAX : MIN(page.limit, READ_HISTORY_MAX);
    query->offset = page.offset;
    return g_steal_pointer(&op);
}

bool h_audit_answer(struct request *req, struct op_result *result, GError **error)
{
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    jw_int(out, "total", result->total);
    jw_array(out, "items");
    for (size_t i = 0; i < result->n_audits; i++) {
        const struct op_audit *audit = &result->audits[i];

        jw_object(out, NULL);
        jw_int_str(out, "id", audit->id);
        read_put_time(req, "time", audit->at_ms);
        jw_int(out, "localTime", audit->at_ms);
        jw_str(out, "user", audit->user);
        jw_str(out, "address", audit->address);
        jw_str(out, "operation", audit->operation);
        jw_str(out, "object", audit->object);
        jw_str(out, "result", audit->result);
        read_put_urn(req, "taskUrn", OBJECT_TASK, audit->task_id);
        jw_object_end(out);
    }
    jw_array_end(out);
    jw_object_end(out);
    return true;
}
