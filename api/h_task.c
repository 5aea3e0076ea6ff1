/* h_task.c - tasks: the snapshot holds the unfinished and the newest, the database all. */
#include "config.h"

#include "api/handlers.h"

#include "api/read.h"
#include "base/clock.h"
#include "base/err.h"
#include "model/id.h"
#include "model/reason.h"

struct op *h_task_get(struct request *req, GError **error)
{
    int64_t id = req->ids[OBJECT_TASK];
    const Task *task = snapshot_task(req->snap, id);
    struct op *op;

    (void)error;
    if (task) {
        read_put_task(req, NULL, task);
        return NULL;
    }
    op = op_new(OP_TASK_GET);
    op->id = id;
    return op;
}

bool h_task_get_answer(struct request *req, struct op_result *result, GError **error)
{
    if (!result->n_tasks) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_TASK_MISSING, NULL,
                       "tasks/%" G_GINT64_FORMAT " does not exist", req->ids[OBJECT_TASK]);
        return false;
    }
    read_put_task(req, NULL, result->tasks[0]);
    return true;
}

struct op *h_task_cancel(struct request *req, GError **error)
{
    struct op *op = op_new(OP_TASK_CANCEL);

    (void)error;
    op->id = req->ids[OBJECT_TASK];
    return op;
}

/* Milliseconds, or "yyyy-MM-dd HH:mm:ss". */
static bool read_time(const struct request *req, const char *name, int64_t *ret_ms, GError **error)
{
    const char *text = target_param(&req->target, name);
    gint64 ms;

    if (!text || clock_parse_local(text, ret_ms))
        return true;
    if (g_ascii_string_to_signed(text, 10, 0, INT64_MAX / 2, &ms, NULL)) {
        *ret_ms = ms;
        return true;
    }
    err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, name,
                   "%s = %.64s: want milliseconds or yyyy-MM-dd HH:mm:ss", name, text);
    return false;
}

static bool read_words(const struct request *req, struct op_query *query, GError **error)
{
    const struct target *target = &req->target;
    const char *type = target_param(target, "type");
    const char *status = target_param(target, "status");
    const char *user = target_param(target, "user");
    enum task_status known;

    if (status && !task_status_parse(status, &known)) {
        err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "status",
                       "status = %.64s: want waiting, running, cancelling, success or failed",
                       status);
        return false;
    }
    g_free(query->type);
    query->type = g_strdup(type ? type : "");
    g_free(query->status);
    query->status = g_strdup(status ? status : "");
    g_free(query->user);
    query->user = g_strdup(user ? user : "");
    return true;
}

struct op *h_task_list(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_TASK_LIST);
    struct op_query *query = &op->query;
    struct read_page page;
    struct read_scope scope;
    bool cancelled = false;

    if (!read_page(req, &page, error) || !read_scope(req, NULL, &scope, error) ||
        !read_words(req, query, error) || !read_time(req, "startTime", &query->from_ms, error) ||
        !read_time(req, "finishTime", &query->to_ms, error) ||
        !target_bool(&req->target, "cancelled", &cancelled, error) ||
        !read_ids(req, "taskUrns", OBJECT_TASK, &query->ids, &query->n_ids, error))
        return NULL;
    if (target_param(&req->target, "cancelled"))
        query->cancelled = cancelled;
    if (scope.given) {
        query->scope_kind = scope.kind;
        query->scope_id = scope.id;
    }
    query->limit = page.limit < 0 ? READ_HISTORY_MAX : MIN(page.limit, READ_HISTORY_MAX);
    query->offset = page.offset;
    return g_steal_pointer(&op);
}

bool h_task_list_answer(struct request *req, struct op_result *result, GError **error)
{
    (void)error;
    jw_object(&req->out, NULL);
    jw_int(&req->out, "total", result->total);
    jw_array(&req->out, "tasks");
    for (size_t i = 0; i < result->n_tasks; i++)
        read_put_task(req, NULL, result->tasks[i]);
    jw_array_end(&req->out);
    jw_object_end(&req->out);
    return true;
}
