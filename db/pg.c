/* pg.c - see pg.h. */
#include "config.h"

#include "db/pg.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "model/reason.h"

/* The server's own limit shall speak first: its message is better than our silence. */
#define CLIENT_GRACE_MS 500

struct Pg {
    PGconn *conn; /* NULL: broken */
    int64_t statement_ms;
    GHashTable *prepared; /* set of statement names */
    int backend_pid;
    char *backend_start;
    int64_t timeline;
    bool timed_out; /* broken because a deadline passed */
    bool warned;    /* since pg_forget_warning */
};

static void note_notice(void *arg, const PGresult *result)
{
    Pg *pg = arg;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

    if (severity && g_str_equal(severity, "WARNING"))
        pg->warned = true;
}

static void pg_break(Pg *pg)
{
    if (pg->conn)
        PQfinish(pg->conn);
    pg->conn = NULL;
}

/* False (and no error set) when the deadline passed or poll failed. */
static bool wait_socket(int fd, short events, int64_t deadline_ms)
{
    struct pollfd poll_fd = { .fd = fd, .events = events };

    for (;;) {
        int64_t left_ms = deadline_ms - clock_now_ms();
        int n;

        if (left_ms <= 0)
            return false;
        n = poll(&poll_fd, 1, (int)MIN(left_ms, G_MAXINT));
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

/* ---- connecting ---------------------------------------------------------------------------- */

static bool connect_steps(PGconn *conn, int64_t connect_ms, GError **error)
{
    int64_t deadline_ms = clock_now_ms() + connect_ms;
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;

    while (next != PGRES_POLLING_OK) {
        short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;

        if (next == PGRES_POLLING_FAILED) {
            pgerr_set(error, conn, NULL);
            return false;
        }
        if (!wait_socket(PQsocket(conn), events, deadline_ms)) {
            err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_DATABASE, NULL,
                           "PostgreSQL did not accept the connection within %" G_GINT64_FORMAT
                           " ms",
                           connect_ms);
            return false;
        }
        next = PQconnectPoll(conn);
    }
    return true;
}

/* libpq repeats parts of the text, which may be parts of a password. */
static bool may_be_repeated(const char *conninfo)
{
    return !strstr(conninfo, "passw") && !strstr(conninfo, "://");
}

char *pg_conninfo_wrong(const char *conninfo)
{
    char *complaint = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &complaint);
    char *want = NULL;

    if (!options)
        want = g_strdup_printf(
            "libpq's key=value pairs or its URI, such as host=/run/postgresql dbname=vrm user=vrm"
            "%s%s",
            complaint && may_be_repeated(conninfo) ? "; libpq says: " : "",
            complaint && may_be_repeated(conninfo) ? g_strchomp(complaint) : "");
    PQfreemem(complaint);
    PQconninfoFree(options);
    return want;
}

static PGconn *start_connection(const char *conninfo, GError **error)
{
    /* What stands before conninfo ("dbname") is a default, what stands behind it is not.  A machine
     * that died without a word must be noticed in seconds, not after TCP's 15 minutes. */
    static const struct {
        const char *key, *value;
    } defaults[] = {
        { "fallback_application_name", "vrm" }, { "keepalives_idle", "3" },
        { "keepalives_interval", "1" },         { "keepalives_count", "3" },
        { "tcp_user_timeout", "6000" },         { "target_session_attrs", "read-write" },
    };
    const char *keys[G_N_ELEMENTS(defaults) + 3] = { NULL };
    const char *values[G_N_ELEMENTS(defaults) + 3] = { NULL };
    g_autofree char *want = pg_conninfo_wrong(conninfo);
    size_t n = 0;
    PGconn *conn;

    if (want) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "conninfo", "database conninfo: want %s", want);
        return NULL;
    }
    for (; n < G_N_ELEMENTS(defaults); n++) {
        keys[n] = defaults[n].key;
        values[n] = defaults[n].value;
    }
    keys[n] = "dbname";
    values[n++] = conninfo;
    keys[n] = "client_encoding";
    values[n] = "UTF8";
    conn = PQconnectStartParams(keys, values, 1);
    if (!conn)
        g_error("libpq: out of memory");
    if (PQstatus(conn) == CONNECTION_BAD) {
        pgerr_set(error, conn, NULL);
        PQfinish(conn);
        return NULL;
    }
    return conn;
}

/* What every session needs.  Any weaker synchronous_commit would lose acknowledged writes, here or
 * at a fail-over to the standby; what is stricter (remote_apply) stays.  Whether there is a standby
 * to wait for is the server's to say (synchronous_standby_names). */
static bool configure_session(Pg *pg, GError **error)
{
    static const struct stmt settings = {
        "session_settings",
        "SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false),"
        " set_config('idle_in_transaction_session_timeout', $2, false),"
        " set_config('default_transaction_isolation', 'read committed', false),"
        " set_config('tcp_keepalives_idle', '5', false),"
        " CASE WHEN current_setting('synchronous_commit') <> 'remote_apply'"
        "  THEN set_config('synchronous_commit', 'on', false) END,"
        " (SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid())"
        "  AS backend_start,"
        " CASE WHEN pg_is_in_recovery() THEN 0 ELSE ('x' ||"
        "  substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint END"
        "  AS timeline",
        2
    };
    g_autofree char *statement = g_strdup_printf("%" G_GINT64_FORMAT, pg->statement_ms);
    g_autofree char *idle = g_strdup_printf("%" G_GINT64_FORMAT, 2 * pg->statement_ms);
    const char *const values[] = { statement, idle };
    g_autoptr(PGresult) result = pg_exec_stmt(pg, &settings, values, error);

    if (!result)
        return false;
    pg->backend_pid = PQbackendPID(pg->conn);
    pg->backend_start = g_strdup(PQgetvalue(result, 0, PQfnumber(result, "backend_start")));
    pg->timeline = g_ascii_strtoll(PQgetvalue(result, 0, PQfnumber(result, "timeline")), NULL, 10);
    return true;
}

static Pg *pg_take(PGconn *conn, int64_t statement_ms)
{
    Pg *pg = g_new0(Pg, 1);

    pg->conn = conn;
    pg->statement_ms = statement_ms;
    pg->prepared = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return pg;
}

static bool make_ready(Pg *pg, int64_t connect_ms, GError **error)
{
    if (!connect_steps(pg->conn, connect_ms, error))
        return false;
    PQsetNoticeReceiver(pg->conn, note_notice, pg);
    if (PQsetnonblocking(pg->conn, 1) != 0) {
        pgerr_set(error, pg->conn, NULL);
        return false;
    }
    return configure_session(pg, error);
}

Pg *pg_open(const char *conninfo, int64_t connect_ms, int64_t statement_ms, GError **error)
{
    PGconn *conn = start_connection(conninfo, error);
    Pg *pg;

    if (!conn)
        return NULL;
    pg = pg_take(conn, statement_ms);
    if (make_ready(pg, connect_ms, error))
        return pg;
    pg_close(pg);
    return NULL;
}

void pg_close(Pg *pg)
{
    if (!pg)
        return;
    pg_break(pg);
    g_hash_table_destroy(pg->prepared);
    g_free(pg->backend_start);
    g_free(pg);
}

bool pg_usable(const Pg *pg)
{
    return pg && pg->conn;
}

int pg_backend_pid(const Pg *pg)
{
    return pg->backend_pid;
}

const char *pg_backend_start(const Pg *pg)
{
    return pg->backend_start;
}

int64_t pg_timeline(const Pg *pg)
{
    return pg->timeline;
}

bool pg_timed_out(const Pg *pg)
{
    return pg->timed_out;
}

void pg_forget_warning(Pg *pg)
{
    pg->warned = false;
}

bool pg_warned(const Pg *pg)
{
    return pg->warned;
}

/* ---- statements ---------------------------------------------------------------------------- */

static bool flush_output(PGconn *conn, int64_t deadline_ms)
{
    for (;;) {
        int left = PQflush(conn);

        if (left <= 0)
            return left == 0;
        /* The server may wait for us to read before it reads on. */
        if (!wait_socket(PQsocket(conn), POLLIN | POLLOUT, deadline_ms) || !PQconsumeInput(conn))
            return false;
    }
}

/* The next result, or NULL at the end; *ret_late when the deadline passed instead. */
static PGresult *next_result(PGconn *conn, int64_t deadline_ms, bool *ret_late)
{
    while (PQisBusy(conn)) {
        if (!wait_socket(PQsocket(conn), POLLIN, deadline_ms)) {
            *ret_late = true;
            return NULL;
        }
        if (!PQconsumeInput(conn))
            break; /* PQgetResult then reports the break */
    }
    return PQgetResult(conn);
}

static bool is_failure(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY;
}

/* Reads to the end of what was sent. */
static PGresult *collect(Pg *pg, bool sent, GError **error)
{
    int64_t limit_ms = pg->statement_ms + CLIENT_GRACE_MS;
    int64_t deadline_ms = clock_now_ms() + limit_ms;
    g_autoptr(PGresult) kept = NULL;
    bool late = false;

    if (!sent || !flush_output(pg->conn, deadline_ms)) {
        pg->timed_out = clock_now_ms() >= deadline_ms;
        pgerr_set(error, pg->conn, NULL);
        pg_break(pg);
        return NULL;
    }
    for (;;) {
        PGresult *result = next_result(pg->conn, deadline_ms, &late);

        if (!result)
            break;
        if (kept && is_failure(kept)) {
            PQclear(result);
            continue;
        }
        PQclear(kept);
        kept = result;
    }
    if (late) {
        pg->timed_out = true;
        err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_DATABASE, NULL,
                       "PostgreSQL did not answer within %" G_GINT64_FORMAT " ms", limit_ms);
        pg_break(pg);
        return NULL;
    }
    if (!kept || is_failure(kept)) {
        pgerr_set(error, pg->conn, kept);
        if (PQstatus(pg->conn) == CONNECTION_BAD)
            pg_break(pg);
        return NULL;
    }
    return g_steal_pointer(&kept);
}

static bool check_usable(const Pg *pg, GError **error)
{
    if (pg_usable(pg))
        return true;
    err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_DATABASE, NULL,
                   "the connection to PostgreSQL is lost");
    return false;
}

PGresult *pg_exec(Pg *pg, const char *sql, GError **error)
{
    if (!check_usable(pg, error))
        return NULL;
    return collect(pg, PQsendQuery(pg->conn, sql) == 1, error);
}

static bool prepare(Pg *pg, const struct stmt *stmt, GError **error)
{
    g_autoptr(PGresult) result = NULL;

    if (g_hash_table_contains(pg->prepared, stmt->name))
        return true;
    result = collect(pg, PQsendPrepare(pg->conn, stmt->name, stmt->sql, stmt->n_params, NULL) == 1,
                     error);
    if (!result)
        return false;
    g_hash_table_add(pg->prepared, g_strdup(stmt->name));
    return true;
}

PGresult *pg_exec_stmt(Pg *pg, const struct stmt *stmt, const char *const *values, GError **error)
{
    PGresult *result = NULL;

    if (check_usable(pg, error) && prepare(pg, stmt, error))
        result = collect(
            pg,
            PQsendQueryPrepared(pg->conn, stmt->name, stmt->n_params, values, NULL, NULL, 0) == 1,
            error);
    /* What a client caused is said in words already; for the rest the statement is the context. */
    if (!result && error && !err_field(*error))
        g_prefix_error(error, "%s: ", stmt->name);
    return result;
}
