/* dbq.c - see dbq.h. */
#include "config.h"

#include "controller/dbq.h"

#include <stdatomic.h>

#include "base/err.h"
#include "base/log.h"
#include "base/work.h"

#define PING_INTERVAL_MS 2000
#define MAX_QUEUED       20000

struct Dbq {
    struct dbq_options options;
    char *conninfo;
    WorkPool *pool;
    guint ping_timer;
    bool pinging;
    bool up;
    struct server_line line; /* of all workers */
    int64_t known_line;      /* as far as the program was told */
};

struct dbq_job {
    Dbq *dbq;
    dbq_fn fn;
    dbq_done_fn done;
    void *data;
    GError *error;
};

static void *start_worker(void *user)
{
    Dbq *dbq = user;
    Db *db = db_new(dbq->conninfo, dbq->options.statement_timeout_ms);

    db_share_line(db, &dbq->line);
    return db;
}

static void stop_worker(void *thread_state)
{
    db_free(thread_state);
}

static void set_up(Dbq *dbq, const GError *error)
{
    bool up = !(err_is(error, VRM_ERR_UNAVAILABLE) || err_is(error, VRM_ERR_TIMEOUT));

    if (up == dbq->up)
        return;
    dbq->up = up;
    if (up)
        log_info("the database answers again", NULL);
    else
        log_error("the database does not answer; writes are refused until it does", "REASON",
                  error->message, NULL);
    dbq->options.on_link(up, dbq->options.user);
}

static void check_line(Dbq *dbq)
{
    const int64_t newest = atomic_load(&dbq->line.newest), known = dbq->known_line;

    dbq->known_line = newest;
    if (known != 0 && newest != known)
        dbq->options.on_promoted(dbq->options.user);
}

static void run_job(void *thread_state, void *data)
{
    struct dbq_job *job = data;

    (void)job->fn(thread_state, job->data, &job->error);
}

static void finish_job(void *data, bool ran)
{
    g_autofree struct dbq_job *job = data;
    g_autoptr(GError) error = job->error;

    if (ran)
        set_up(job->dbq, error);
    else
        err_set(&error, VRM_ERR_UNAVAILABLE, "the controller is stopping");
    job->done(error, job->data); /* first: what the new server has acknowledged stands */
    if (ran)
        check_line(job->dbq);
}

static gboolean refuse_job(void *data)
{
    g_autofree struct dbq_job *job = data;
    g_autoptr(GError) error = NULL;

    err_set(&error, VRM_ERR_BUSY, "too many database jobs are waiting (%d)", MAX_QUEUED);
    job->done(error, job->data);
    return G_SOURCE_REMOVE;
}

void dbq_submit(Dbq *dbq, const char *key, dbq_fn fn, dbq_done_fn done, void *data)
{
    struct dbq_job *job = g_new(struct dbq_job, 1);

    *job = (struct dbq_job){ .dbq = dbq, .fn = fn, .done = done, .data = data };
    if (!work_pool_submit(dbq->pool, key, run_job, finish_job, job))
        g_idle_add(refuse_job, job); /* never from inside the caller */
}

static bool ping(Db *db, void *data, GError **error)
{
    (void)data;
    return db_ping(db, error);
}

static void pinged(const GError *error, void *data)
{
    Dbq *dbq = data;

    (void)error; /* finish_job has drawn its conclusion */
    dbq->pinging = false;
}

static gboolean on_ping_timer(void *data)
{
    Dbq *dbq = data;

    if (!dbq->pinging) {
        dbq->pinging = true;
        dbq_submit(dbq, NULL, ping, pinged, dbq);
    }
    return G_SOURCE_CONTINUE;
}

Dbq *dbq_new(const struct dbq_options *options)
{
    Dbq *dbq = g_new0(Dbq, 1);

    dbq->options = *options;
    dbq->conninfo = g_strdup(options->conninfo);
    dbq->up = true;
    dbq->pool = work_pool_new(&(struct work_pool_options){
        .name = "db",
        .n_threads = options->n_workers,
        .max_queued = MAX_QUEUED,
        .thread_start = start_worker,
        .thread_stop = stop_worker,
        .user = dbq,
    });
    dbq->ping_timer = g_timeout_add(PING_INTERVAL_MS, on_ping_timer, dbq);
    return dbq;
}

void dbq_free(Dbq *dbq)
{
    if (!dbq)
        return;
    g_source_remove(dbq->ping_timer);
    work_pool_free(dbq->pool);
    g_free(dbq->conninfo);
    g_free(dbq);
}

bool dbq_up(const Dbq *dbq)
{
    return dbq->up;
}
