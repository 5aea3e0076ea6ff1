/* on_alarm.c - alarms as people read them: the active ones from memory, those of the past from the
 * database. */
#include "config.h"

#include "controller/alarm.h"
#include "controller/call.h"
#include "db/store_alarm.h"

static void answer(struct call *call, GPtrArray *list, int64_t total)
{
    struct op_result result = { .total = total, .n_alarms = list->len };

    result.alarms = g_new0(Alarm *, list->len);
    for (guint i = 0; i < list->len; i++)
        result.alarms[i] = alarm_dup(list->pdata[i]);
    call_result(call, &result);
}

void on_alarm_active(struct call *call)
{
    int64_t total;
    g_autoptr(GPtrArray) list = alarm_list(call->app, &call->op->alarms, &total);

    answer(call, list, total);
}

struct job {
    struct call *call;
    GPtrArray *list;
    int64_t total;
};

static bool read_list(Db *db, void *data, GError **error)
{
    struct job *job = data;

    return store_alarm_query(db, &job->call->op->alarms, &job->list, &job->total, error);
}

static bool run_query(Db *db, void *data, GError **error)
{
    return db_read(db, read_list, data, error);
}

static void queried(const GError *error, void *data)
{
    g_autofree struct job *job = data;

    if (error)
        call_fail(job->call, error);
    else
        answer(job->call, job->list, job->total);
    g_clear_pointer(&job->list, g_ptr_array_unref);
}

void on_alarm_history(struct call *call)
{
    struct job *job = g_new0(struct job, 1);

    job->call = call;
    dbq_submit(call->app->dbq, NULL, run_query, queried, job);
}
