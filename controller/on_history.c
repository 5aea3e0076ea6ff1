/* on_history.c - tasks, events and audit as people read them. */
#include "config.h"

#include "base/err.h"
#include "controller/call.h"
#include "controller/history.h"
#include "controller/task.h"
#include "db/store_event.h"
#include "db/store_task.h"
#include "model/reason.h"

/* ---- tasks ------------------------------------------------------------------------------------
 */

static void cancelled(const GError *error, void *user)
{
    struct call *call = user;

    if (error)
        call_fail(call, error);
    else
        call_done(call);
}

void on_task_cancel(struct call *call)
{
    const struct op *op = call->op;

    tasks_cancel(call->app->tasks, op->id,
                 &(struct commit_audit){ .user = op->user,
                                         .address = op->address,
                                         .request_id = op->request_id,
                                         .operation = op_kind_name(op->kind) },
                 cancelled, call);
}

static void answer_with_task(struct call *call, const Task *task)
{
    struct op_result result = { .task_id = task->id, .total = 1, .n_tasks = 1 };

    result.tasks = g_new(Task *, 1);
    result.tasks[0] = task_ref(task);
    call_result(call, &result);
}

static void fail_missing(struct call *call)
{
    g_autoptr(GError) error = NULL;

    err_set_reason(&error, VRM_ERR_NOT_FOUND, REASON_TASK_MISSING, NULL,
                   "task %" G_GINT64_FORMAT " does not exist", call->op->id);
    call_fail(call, error);
}

static void waited(const Task *task, void *user)
{
    struct call *call = user;

    if (task)
        answer_with_task(call, task);
    else
        fail_missing(call);
}

void on_task_wait(struct call *call)
{
    tasks_wait(call->app->tasks, call->op->id, call->op->wait_ms, waited, call);
}

struct task_job {
    struct call *call;
    Task *task;
};

static bool read_task(Db *db, void *data, GError **error)
{
    struct task_job *job = data;

    return store_task_get(db, job->call->op->id, &job->task, error);
}

static bool run_task_get(Db *db, void *data, GError **error)
{
    return db_read(db, read_task, data, error);
}

static void task_read(const GError *error, void *data)
{
    g_autofree struct task_job *job = data;

    if (error)
        call_fail(job->call, error);
    else
        answer_with_task(job->call, job->task);
    task_unref(job->task);
}

void on_task_get(struct call *call)
{
    const Task *task = snapshot_builder_get_task(inventory_edit(call->app->inv), call->op->id);
    struct task_job *job;

    if (task) {
        answer_with_task(call, task);
        return;
    }
    job = g_new0(struct task_job, 1);
    job->call = call;
    dbq_submit(call->app->dbq, NULL, run_task_get, task_read, job);
}

/* Progress is not stored: an unfinished task is shown as the inventory has it. */
static const Task *newest(struct app *app, const Task *stored)
{
    const Task *current;

    if (task_is_final(stored))
        return stored;
    current = snapshot_builder_get_task(inventory_edit(app->inv), stored->id);
    return current ? current : stored;
}

static void show_tasks(struct app *app, struct op_result *result, GPtrArray *list)
{
    result->tasks = g_new0(Task *, list->len);
    result->n_tasks = list->len;
    for (guint i = 0; i < list->len; i++)
        result->tasks[i] = task_ref(newest(app, list->pdata[i]));
}

void on_task_list(struct call *call)
{
    history_query(call, store_task_query, show_tasks);
}

/* ---- events and audit -------------------------------------------------------------------------
 */

static void show_events(struct app *app, struct op_result *result, GPtrArray *list)
{
    (void)app;
    result->events = g_new0(struct op_event, list->len);
    result->n_events = list->len;
    for (guint i = 0; i < list->len; i++) {
        StoredEvent *event = list->pdata[i];

        result->events[i] = (struct op_event){ .id = event->id,
                                               .at_ms = event->at_ms,
                                               .severity = event->severity,
                                               .name = g_steal_pointer(&event->name),
                                               .kind = event->kind,
                                               .object_id = event->object_id,
                                               .object_name = g_steal_pointer(&event->object_name),
                                               .task_id = event->task_id,
                                               .text = g_steal_pointer(&event->text) };
    }
}

void on_event_list(struct call *call)
{
    history_query(call, store_event_query, show_events);
}

static void show_audit(struct app *app, struct op_result *result, GPtrArray *list)
{
    (void)app;
    result->audits = g_new0(struct op_audit, list->len);
    result->n_audits = list->len;
    for (guint i = 0; i < list->len; i++) {
        AuditEntry *entry = list->pdata[i];

        result->audits[i] = (struct op_audit){ .id = entry->id,
                                               .at_ms = entry->at_ms,
                                               .user = g_steal_pointer(&entry->user),
                                               .address = g_steal_pointer(&entry->address),
                                               .operation = g_steal_pointer(&entry->operation),
                                               .object = g_steal_pointer(&entry->object),
                                               .result = g_steal_pointer(&entry->result),
                                               .task_id = entry->task_id };
    }
}

void on_audit_list(struct call *call)
{
    history_query(call, store_audit_query, show_audit);
}
