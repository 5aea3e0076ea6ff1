/* history.c - see history.h. */
#include "config.h"

#include "controller/history.h"

#include "base/clock.h"
#include "base/log.h"
#include "db/store_alarm.h"
#include "db/store_event.h"
#include "db/store_ha.h"
#include "db/store_incident.h"

#define DAY_MS INT64_C(86400000)

struct query_job {
    struct call *call;
    struct db_query query; /* points into the call's op */
    history_read_fn read;
    history_show_fn show;
    GPtrArray *list;
    int64_t total;
};

static bool read_list(Db *db, void *data, GError **error)
{
    struct query_job *job = data;

    return job->read(db, &job->query, &job->list, &job->total, error);
}

static bool run_query(Db *db, void *data, GError **error)
{
    return db_read(db, read_list, data, error);
}

static void queried(const GError *error, void *data)
{
    g_autofree struct query_job *job = data;
    struct op_result result = { .total = job->total };

    if (error)
        result.error = g_error_copy(error);
    else
        job->show(job->call->app, &result, job->list);
    call_result(job->call, &result);
    g_clear_pointer(&job->list, g_ptr_array_unref);
}

void history_query(struct call *call, history_read_fn read, history_show_fn show)
{
    const struct op_query *asked = &call->op->query;
    struct query_job *job = g_new0(struct query_job, 1);

    *job = (struct query_job){
        .call = call,
        .query = { .limit = asked->limit,
                   .offset = asked->offset,
                   .type = asked->type,
                   .user = asked->user,
                   .status = asked->status,
                   .name = asked->name,
                   .from_ms = asked->from_ms,
                   .to_ms = asked->to_ms,
                   .ids = asked->ids,
                   .n_ids = asked->n_ids,
                   .scope_kind = asked->scope_kind,
                   .scope_id = asked->scope_id,
                   .cancelled = asked->cancelled },
        .read = read,
        .show = show,
    };
    dbq_submit(call->app->dbq, NULL, run_query, queried, job);
}

/* ---- trim -------------------------------------------------------------------------------------
 */

struct trim_job {
    struct app *app;
    int64_t epoch, before_ms, removed;
};

static bool trim(Db *db, void *data, GError **error)
{
    struct trim_job *job = data;

    int64_t alarms, incidents, restarts;

    if (!store_history_trim(db, job->before_ms, &job->removed, error) ||
        !store_alarm_trim(db, job->before_ms, &alarms, error) ||
        !store_incident_trim(db, job->before_ms, &incidents, error) ||
        !store_ha_trim_restarts(db, job->before_ms, &restarts, error))
        return false;
    job->removed += alarms + incidents + restarts;
    return true;
}

static bool run_trim(Db *db, void *data, GError **error)
{
    struct trim_job *job = data;

    return db_write(db, job->epoch, trim, job, error);
}

static void trimmed(const GError *error, void *data)
{
    g_autofree struct trim_job *job = data;

    if (error)
        log_warning("old history could not be removed", "REASON", error->message, NULL);
    else if (job->removed > 0)
        history_trim(job->app);
}

void history_trim(struct app *app)
{
    int64_t epoch = app->committer.epoch(app->committer.user);
    struct trim_job *job;

    if (epoch == 0)
        return;
    job = g_new0(struct trim_job, 1);
    *job = (struct trim_job){ .app = app,
                              .epoch = epoch,
                              .before_ms = clock_wall_ms() - app->settings->history_days * DAY_MS };
    dbq_submit(app->dbq, "history", run_trim, trimmed, job);
}
