/* db.c - see db.h.
 *
 * How a commit with a lost answer is settled: each Db has a client id and counts its write
 * transactions; prove_epoch() writes the count into this client's row of write_mark, in the
 * transaction itself.  Afterwards the row says whether that transaction committed.  Asking for it
 * with a row lock waits for the old transaction to end, and its server process is ended first. */
#include "config.h"

#include "db/db.h"

#include <poll.h>

#include "base/clock.h"
#include "base/err.h"
#include "db/db_impl.h"
#include "db/migrate.h"
#include "db/servers.h"
#include "db/store_tables.h"
#include "model/reason.h"

#define MIGRATION_STATEMENT_MS 600000
#define MAX_EPOCH_ATTEMPTS     5
#define SETTLE_PAUSE_MS        100

struct Db {
    char *conninfo;
    struct server_line *line; /* shared, or own_line */
    struct server_line own_line;
    Servers *servers; /* made at the first connection: what is wrong with conninfo is said then */
    int64_t timeout_ms;
    Pg *pg;
    bool in_tx;
    char *client; /* UUID: this Db's row in write_mark */
    int64_t seq;  /* number of the newest write transaction */
};

enum db_stmt {
    DB_PROVE_EPOCH,
    DB_GET_EPOCH,
    DB_SET_EPOCH,
    DB_END_BLOCKERS,
    DB_END_BACKEND,
    DB_GET_MARK,
    DB_DROP_OLD_MARKS,
    N_DB_STMTS,
};

// clang-format off
static const struct stmt db_stmts[N_DB_STMTS] = {
    [DB_PROVE_EPOCH] = { "prove_epoch", "SELECT prove_epoch($1, $2, $3, $4)", 4 },
    [DB_GET_EPOCH] = { "epoch_get", "SELECT epoch FROM leadership", 0 },
    [DB_SET_EPOCH] = { "epoch_set",
        "UPDATE leadership SET epoch = $1, holder = $2, since_ms = $3 WHERE epoch <= $1", 3 },
    [DB_END_BLOCKERS] = { "epoch_end_blockers",
        "SELECT pg_terminate_backend(pid) FROM pg_locks"
        " WHERE locktype = 'advisory' AND classid = " DB_LOCK_CLASS " AND objid = " DB_LOCK_EPOCH
        " AND objsubid = 2 AND granted AND pid <> pg_backend_pid()"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())", 0 },
    [DB_END_BACKEND] = { "settle_end_backend",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid = $1 AND backend_start = $2::timestamptz", 2 },
    /* The no-op update waits for a transaction that is still writing the row; the row of a client
     * whose first write was undone is made here, with 0. */
    [DB_GET_MARK] = { "settle_get_mark",
        "INSERT INTO write_mark AS mark (client, seq, used_ms) VALUES ($1, 0, $2)"
        " ON CONFLICT (client) DO UPDATE SET used_ms = mark.used_ms RETURNING seq", 2 },
    [DB_DROP_OLD_MARKS] = { "epoch_drop_old_marks",
        "DELETE FROM write_mark WHERE used_ms < $1", 1 },
};
// clang-format on

const struct stmt_table db_stmt_table = { db_stmts, N_DB_STMTS };

char *db_conninfo_wrong(const char *conninfo)
{
    return servers_wrong(conninfo);
}

Db *db_new(const char *conninfo, int64_t statement_timeout_ms)
{
    Db *db = g_new0(Db, 1);

    db->line = &db->own_line;
    db->conninfo = g_strdup(conninfo);
    db->timeout_ms = statement_timeout_ms;
    db->client = g_uuid_string_random();
    return db;
}

void db_free(Db *db)
{
    if (!db)
        return;
    pg_close(db->pg);
    servers_free(db->servers);
    g_free(db->client);
    g_free(db->conninfo);
    g_free(db);
}

bool db_connected(const Db *db)
{
    return pg_usable(db->pg);
}

void db_share_line(Db *db, struct server_line *line)
{
    g_assert(!db->servers);
    db->line = line;
}

static void disconnect(Db *db)
{
    if (db->pg && pg_timed_out(db->pg))
        servers_avoid(db->servers);
    pg_close(db->pg);
    db->pg = NULL;
}

static bool find_servers(Db *db, GError **error)
{
    if (!db->servers)
        db->servers = servers_new(db->conninfo, db->line, error);
    return db->servers != NULL;
}

bool db_connect(Db *db, GError **error)
{
    if (pg_usable(db->pg) && servers_current(db->servers, db->pg))
        return true;
    disconnect(db);
    if (find_servers(db, error))
        db->pg = servers_open(db->servers, db->timeout_ms, db->timeout_ms, error);
    return db->pg != NULL;
}

Pg *db_peek_pg(Db *db)
{
    g_assert(db->in_tx);
    return db->pg;
}

static bool run_text(Db *db, const char *sql, GError **error)
{
    g_autoptr(PGresult) result = pg_exec(db->pg, sql, error);

    return result != NULL;
}

static void roll_back(Db *db)
{
    if (pg_usable(db->pg) && !run_text(db, "ROLLBACK", NULL))
        disconnect(db);
}

/* A connection that died while it was idle is noticed at BEGIN and replaced, once. */
static bool begin(Db *db, const char *sql, GError **error)
{
    bool was_idle = pg_usable(db->pg);
    GError *local = NULL;

    if (!db_connect(db, error))
        return false;
    if (run_text(db, sql, &local))
        return true;
    if (was_idle && !pg_usable(db->pg)) {
        g_clear_error(&local);
        return db_connect(db, error) && run_text(db, sql, error);
    }
    g_propagate_error(error, local);
    return false;
}

bool db_ping(Db *db, GError **error)
{
    return begin(db, "SELECT 1", error);
}

bool db_migrate(Db *db, GError **error)
{
    g_autoptr(Pg) pg = NULL;

    if (!find_servers(db, error))
        return false;
    pg = servers_open(db->servers, db->timeout_ms, MIGRATION_STATEMENT_MS, error);
    return pg && migrate_run(pg, migrations, n_migrations, error);
}

/* COMMIT as it must be: true only when the server and, if it has one, its synchronous standby have
 * stored it.  Told to wait no longer for the standby, PostgreSQL warns and answers "COMMIT". */
static PGresult *run_commit(Db *db, GError **error)
{
    g_autoptr(PGresult) result = NULL;

    pg_forget_warning(db->pg);
    result = pg_exec(db->pg, "COMMIT", error);
    if (result && pg_warned(db->pg)) {
        disconnect(db);
        err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_DATABASE, NULL,
                       "PostgreSQL was told not to wait for its synchronous standby");
        return NULL;
    }
    if (!result && db->pg && pg_timed_out(db->pg))
        g_prefix_error(error, "COMMIT hangs, or waits for a synchronous standby that is away: ");
    return g_steal_pointer(&result);
}

/* ---- the epoch ----------------------------------------------------------------------------- */

static bool get_epoch(Db *db, int64_t *ret_epoch, GError **error)
{
    return stmt_get_int(db, &db_stmts[DB_GET_EPOCH], NULL, ret_epoch, error);
}

static bool store_epoch(Db *db, int64_t epoch, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    g_auto(stmt_params_auto) drop = { 0 };
    int64_t stored, n_rows;
    int64_t now_ms = clock_wall_ms();

    if (!get_epoch(db, &stored, error))
        return false;
    stmt_add_int(&params, epoch);
    stmt_add_text(&params, g_get_host_name());
    stmt_add_int(&params, now_ms);
    if (!stmt_do(db, &db_stmts[DB_SET_EPOCH], &params, &n_rows, error))
        return false;
    if (n_rows == 0) {
        err_set_reason(error, VRM_ERR_DENIED, REASON_RECOVERING, NULL,
                       "epoch %" G_GINT64_FORMAT " is older than the database's %" G_GINT64_FORMAT,
                       epoch, stored);
        return false;
    }
    /* Marks matter for seconds; a day is generous. */
    stmt_add_int(&drop, now_ms - G_TIME_SPAN_DAY / 1000);
    return stmt_do(db, &db_stmts[DB_DROP_OLD_MARKS], &drop, NULL, error);
}

static bool lock_epoch(Db *db, GError **error)
{
    return run_text(db, "SET LOCAL lock_timeout = 1000", error) &&
           run_text(db, "SELECT pg_advisory_xact_lock(" DB_LOCK_CLASS ", " DB_LOCK_EPOCH ")",
                    error);
}

/* Fails with VRM_ERR_BUSY when a transaction held the lock for a second; it was ended then. */
static bool try_take_epoch(Db *db, int64_t epoch, GError **error)
{
    GError *local = NULL;
    g_autoptr(PGresult) result = NULL;

    if (!begin(db, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", error))
        return false;
    db->in_tx = true;
    if (lock_epoch(db, &local) && store_epoch(db, epoch, &local))
        result = run_commit(db, &local);
    if (result) {
        db->in_tx = false;
        return true;
    }
    roll_back(db);
    if (err_is(local, VRM_ERR_BUSY) && pg_usable(db->pg))
        stmt_do(db, &db_stmts[DB_END_BLOCKERS], NULL, NULL, NULL);
    db->in_tx = false;
    g_propagate_error(error, local);
    return false;
}

/* A connection that a standby's vrmd has had for long may be to an old primary that still answers:
 * whoever begins to lead looks at all servers first. */
static bool look_around(Db *db, GError **error)
{
    if (!find_servers(db, error))
        return false;
    if (servers_count(db->servers) > 1) {
        disconnect(db);
        servers_ask_all(db->servers);
    }
    return true;
}

bool db_take_epoch(Db *db, int64_t epoch, GError **error)
{
    g_assert(!db->in_tx);
    if (!look_around(db, error))
        return false;
    for (int attempt = 1;; attempt++) {
        GError *local = NULL;

        if (try_take_epoch(db, epoch, &local))
            return true;
        if (!err_is(local, VRM_ERR_BUSY) || attempt == MAX_EPOCH_ATTEMPTS) {
            g_propagate_error(error, local);
            return false;
        }
        g_error_free(local);
    }
}

static bool read_epoch(Db *db, void *data, GError **error)
{
    return get_epoch(db, data, error);
}

bool db_stored_epoch(Db *db, int64_t *ret_epoch, GError **error)
{
    return db_read(db, read_epoch, ret_epoch, error);
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool prove_epoch(Db *db, int64_t epoch, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    db->seq++;
    stmt_add_int(&params, epoch);
    stmt_add_text(&params, db->client);
    stmt_add_int(&params, db->seq);
    stmt_add_int(&params, clock_wall_ms());
    return stmt_do(db, &db_stmts[DB_PROVE_EPOCH], &params, NULL, error);
}

static bool get_mark(Db *db, int64_t *ret_seq, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_text(&params, db->client);
    stmt_add_int(&params, clock_wall_ms());
    pg_forget_warning(db->pg);
    return stmt_get_int(db, &db_stmts[DB_GET_MARK], &params, ret_seq, error) &&
           !pg_warned(db->pg); /* as in run_commit: the standby may not have it */
}

static void end_backend(Db *db, int pid, const char *backend_start)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, pid);
    stmt_add_text(&params, backend_start);
    stmt_do(db, &db_stmts[DB_END_BACKEND], &params, NULL, NULL);
}

/* Asks until the database answers or time is up; true when the answer is in *ret_committed.  The
 * question is a write, so a synchronous standby has what it tells; after a fail-over the server
 * that was promoted answers it. */
static bool settle(Db *db, int pid, const char *backend_start, bool *ret_committed)
{
    int64_t deadline_ms = clock_now_ms() + db->timeout_ms;

    for (;;) {
        int64_t seq;

        if (db_connect(db, NULL)) {
            end_backend(db, pid, backend_start);
            if (get_mark(db, &seq, NULL)) {
                *ret_committed = seq == db->seq;
                return true;
            }
        }
        if (clock_now_ms() >= deadline_ms)
            return false;
        poll(NULL, 0, SETTLE_PAUSE_MS);
    }
}

static bool commit(Db *db, GError **error)
{
    GError *local = NULL;
    int pid = pg_backend_pid(db->pg);
    g_autofree char *backend_start = g_strdup(pg_backend_start(db->pg));
    g_autoptr(PGresult) result = run_commit(db, &local);
    bool committed = false;

    if (result) {
        /* A transaction that failed inside answers "ROLLBACK". */
        if (g_str_equal(PQcmdStatus(result), "COMMIT"))
            return true;
        err_set(error, VRM_ERR_INTERNAL, "an error inside the transaction was ignored");
        return false;
    }
    if (pg_usable(db->pg)) { /* a deferred constraint, or the like: refused for certain */
        g_propagate_error(error, local);
        return false;
    }
    if (!settle(db, pid, backend_start, &committed)) {
        err_set_reason(error, VRM_ERR_TIMEOUT, REASON_DATABASE, NULL,
                       "it is unknown whether the change was stored: %s", local->message);
        g_error_free(local);
        return false;
    }
    if (committed)
        g_error_free(local);
    else
        g_propagate_error(error, local);
    return committed;
}

bool db_write(Db *db, int64_t epoch, db_tx_fn fn, void *data, GError **error)
{
    bool ok;

    g_assert(!db->in_tx);
    if (!begin(db, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", error))
        return false;
    db->in_tx = true;
    ok = prove_epoch(db, epoch, error) && fn(db, data, error);
    if (!ok)
        roll_back(db);
    else
        ok = commit(db, error);
    db->in_tx = false;
    return ok;
}

bool db_read(Db *db, db_tx_fn fn, void *data, GError **error)
{
    bool ok;

    g_assert(!db->in_tx);
    if (!begin(db, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", error))
        return false;
    db->in_tx = true;
    ok = fn(db, data, error);
    db->in_tx = false;
    roll_back(db); /* ends it; there is nothing to keep */
    return ok;
}
