/* sessions.c - see sessions.h.  All jobs have one key: what was asked first is written first. */
#include "config.h"

#include "controller/sessions.h"

#include <string.h>

#include "api/auth.h"
#include "base/clock.h"
#include "base/log.h"
#include "db/store_session.h"

#define DBQ_KEY      "sessions"
#define FLUSH_MIN_MS 1000
#define FLUSH_MAX_MS 15000
#define FLUSHES_IDLE 10    /* at least so many within the idle time of a session */
#define TRIM_MS      60000 /* expired ones are removed so often, also when nothing happens */
#define MAX_DROPS    4096  /* log-outs that wait for the database */

struct Sessions {
    struct app *app;
    bool restored;
    bool flushing;
    GPtrArray *drops; /* hashes of sessions that ended and may still be stored */
    int64_t flush_ms, trimmed_ms;
    guint timer;
};

static int64_t flush_interval(int64_t idle_ms)
{
    return CLAMP(idle_ms / FLUSHES_IDLE, FLUSH_MIN_MS, FLUSH_MAX_MS);
}

void sessions_restore(Sessions *sessions, const GPtrArray *stored)
{
    int64_t now_ms = clock_now_ms();

    if (sessions->restored)
        return;
    sessions->restored = true;
    for (guint i = 0; i < stored->len; i++) {
        const Session *row = stored->pdata[i];
        /* its last use may have come after its last flush */
        int64_t idle_ms = MAX(row->idle_ms - sessions->flush_ms, 0);
        const struct auth_session session = { .hash = row->hash,
                                              .user_id = row->account_id,
                                              .user = row->user,
                                              .roles = row->roles,
                                              .used_ms = now_ms - idle_ms,
                                              .stored = true };

        auth_admit(sessions->app->auth, &session, now_ms);
    }
}

/* ---- one log-in or log-out --------------------------------------------------------------------
 */

struct one {
    Sessions *sessions;
    int64_t epoch;
    bool put;
    GPtrArray *list; /* of Session, or of hashes */
    sessions_done_fn done;
    void *user;
};

static bool write_one(Db *db, void *data, GError **error)
{
    const struct one *one = data;

    return one->put ? store_session_put(db, one->list, error)
                    : store_session_drop(db, one->list, error);
}

static bool run_one(Db *db, void *data, GError **error)
{
    struct one *one = data;

    return db_write(db, one->epoch, write_one, one, error);
}

static void remember_drop(Sessions *sessions, const char *hash)
{
    if (sessions->drops->len >= MAX_DROPS)
        g_ptr_array_remove_index(sessions->drops, 0);
    g_ptr_array_add(sessions->drops, g_strdup(hash));
}

static void one_written(const GError *error, void *data)
{
    g_autofree struct one *one = data;

    if (error)
        log_debug("a session could not be written", "REASON", error->message, NULL);
    if (error && !one->put)
        remember_drop(one->sessions, one->list->pdata[0]);
    g_ptr_array_unref(one->list);
    one->done(!error, one->user);
}

/* While the database is away nobody waits for it. */
static int64_t epoch_to_write(const Sessions *sessions)
{
    const struct app *app = sessions->app;

    return dbq_up(app->dbq) ? app->committer.epoch(app->committer.user) : 0;
}

static void submit_one(Sessions *sessions, struct one what)
{
    struct one *one = g_new(struct one, 1);

    *one = what;
    dbq_submit(sessions->app->dbq, DBQ_KEY, run_one, one_written, one);
}

static Session *make_row(const char *hash, int64_t user_id, int64_t idle_ms)
{
    Session *row = session_new();

    row->hash = g_strdup(hash);
    row->account_id = user_id;
    row->idle_ms = idle_ms;
    return row;
}

static GPtrArray *row_list(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)session_free);
}

void sessions_put(Sessions *sessions, const char *hash, int64_t user_id, sessions_done_fn done,
                  void *user)
{
    int64_t epoch = epoch_to_write(sessions);
    GPtrArray *list;

    if (epoch == 0) {
        done(false, user);
        return;
    }
    list = row_list();
    g_ptr_array_add(list, make_row(hash, user_id, 0));
    submit_one(sessions, (struct one){ sessions, epoch, true, list, done, user });
}

void sessions_drop(Sessions *sessions, const char *hash, sessions_done_fn done, void *user)
{
    int64_t epoch = epoch_to_write(sessions);
    GPtrArray *list;

    if (epoch == 0) {
        remember_drop(sessions, hash);
        done(false, user);
        return;
    }
    list = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(list, g_strdup(hash));
    submit_one(sessions, (struct one){ sessions, epoch, false, list, done, user });
}

/* ---- all that happened since ------------------------------------------------------------------
 */

struct flush {
    Sessions *sessions;
    int64_t epoch;
    GPtrArray *news;        /* as auth_news gave them */
    GPtrArray *put, *touch; /* the same as rows */
    GPtrArray *drops;
    bool trim;
    struct session_bounds bounds;
};

static bool write_flush(Db *db, void *data, GError **error)
{
    const struct flush *flush = data;

    return (flush->put->len == 0 || store_session_put(db, flush->put, error)) &&
           (flush->touch->len == 0 || store_session_touch(db, flush->touch, error)) &&
           (flush->drops->len == 0 || store_session_drop(db, flush->drops, error)) &&
           (!flush->trim || store_session_trim(db, &flush->bounds, error));
}

static bool run_flush(Db *db, void *data, GError **error)
{
    struct flush *flush = data;

    return db_write(db, flush->epoch, write_flush, flush, error);
}

static void flushed(const GError *error, void *data)
{
    g_autofree struct flush *flush = data;
    Sessions *sessions = flush->sessions;

    sessions->flushing = false;
    auth_news_written(sessions->app->auth, flush->news, !error);
    if (error) {
        log_debug("sessions could not be written", "REASON", error->message, NULL);
        for (guint i = 0; i < flush->drops->len; i++)
            remember_drop(sessions, flush->drops->pdata[i]);
    } else if (flush->trim) {
        sessions->trimmed_ms = clock_now_ms();
    }
    g_ptr_array_unref(flush->news);
    g_ptr_array_unref(flush->put);
    g_ptr_array_unref(flush->touch);
    g_ptr_array_unref(flush->drops);
}

static struct flush *make_flush(Sessions *sessions, int64_t epoch)
{
    const struct auth_limits *limits = auth_limits(sessions->app->auth);
    struct flush *flush = g_new0(struct flush, 1);
    int64_t now_ms = clock_now_ms();

    *flush = (struct flush){
        .sessions = sessions,
        .epoch = epoch,
        .news = auth_news(sessions->app->auth),
        .put = row_list(),
        .touch = row_list(),
        .drops = g_steal_pointer(&sessions->drops),
        .trim = now_ms - sessions->trimmed_ms >= TRIM_MS,
        .bounds = { limits->idle_ms, (int64_t)limits->max_sessions, (int64_t)limits->max_per_user },
    };
    sessions->drops = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < flush->news->len; i++) {
        const struct auth_news *news = flush->news->pdata[i];

        g_ptr_array_add(news->stored ? flush->touch : flush->put,
                        make_row(news->hash, news->user_id, MAX(now_ms - news->used_ms, 0)));
    }
    return flush;
}

static gboolean on_flush(void *data)
{
    Sessions *sessions = data;
    int64_t epoch = epoch_to_write(sessions);
    struct flush *flush;

    if (epoch == 0 || sessions->flushing)
        return G_SOURCE_CONTINUE;
    flush = make_flush(sessions, epoch);
    sessions->flushing = true;
    if (flush->news->len == 0 && flush->drops->len == 0 && !flush->trim)
        flushed(NULL, flush);
    else
        dbq_submit(sessions->app->dbq, DBQ_KEY, run_flush, flushed, flush);
    return G_SOURCE_CONTINUE;
}

/* ---- life -------------------------------------------------------------------------------------
 */

Sessions *sessions_new(struct app *app)
{
    Sessions *sessions = g_new0(Sessions, 1);

    sessions->app = app;
    sessions->drops = g_ptr_array_new_with_free_func(g_free);
    sessions->flush_ms = flush_interval(auth_idle_ms(app->auth));
    sessions->trimmed_ms = clock_now_ms();
    sessions->timer = g_timeout_add((guint)sessions->flush_ms, on_flush, sessions);
    return sessions;
}

void sessions_free(Sessions *sessions)
{
    if (!sessions)
        return;
    g_source_remove(sessions->timer);
    g_ptr_array_unref(sessions->drops);
    g_free(sessions);
}
