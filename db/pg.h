/* pg.h - one libpq connection on which every call has a deadline.
 *
 * libpq's own blocking calls wait for ever on a server that is frozen or cut off; here everything
 * goes through poll(2).  A connection that missed a deadline is closed: what the server does with
 * the rest is then no longer ours to know.  Errors are VRM_ERROR; SQLSTATEs and constraint names
 * become code, reason and field (pgerr.c).  One thread at a time.
 *
 * Host names in conninfo are resolved by libpq without a deadline: give addresses. */
#ifndef VRM_DB_PG_H
#define VRM_DB_PG_H

#include <glib.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Pg Pg;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGresult, PQclear)

/* Statements stand in tables beside their store; a test prepares each. */
struct stmt {
    const char *name; /* unique; the prepared statement's name */
    const char *sql;
    int n_params;
};

/* What is wanted instead, with libpq's word on it (g_free); NULL: it can be read. */
char *pg_conninfo_wrong(const char *conninfo);

/* Connects to the one server that conninfo names (servers.h: several) within connect_ms; later each
 * statement is bounded by statement_ms on the server and slightly more here.  Fails with
 * VRM_ERR_UNAVAILABLE, or VRM_ERR_INVALID for a bad conninfo. */
Pg *pg_open(const char *conninfo, int64_t connect_ms, int64_t statement_ms, GError **error);
void pg_close(Pg *pg); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pg, pg_close)

/* False once it broke or a deadline was missed: only pg_close is left. */
bool pg_usable(const Pg *pg);
/* Which server process serves us, so that another connection can end it. */
int pg_backend_pid(const Pg *pg);
const char *pg_backend_start(const Pg *pg); /* borrowed */
/* A promoted standby begins a timeline with a higher number. */
int64_t pg_timeline(const Pg *pg);
/* It broke because an answer was late: the server may hang. */
bool pg_timed_out(const Pg *pg);

/* Has the server warned since the last pg_forget_warning?  It does so when COMMIT was told to wait
 * no longer for the synchronous standby. */
void pg_forget_warning(Pg *pg);
bool pg_warned(const Pg *pg);

/* Fixed text, perhaps several statements; the result of the last, or the first error. */
PGresult *pg_exec(Pg *pg, const char *sql, GError **error);
/* Prepared at first use.  values: n_params texts, NULL is SQL's NULL. */
PGresult *pg_exec_stmt(Pg *pg, const struct stmt *stmt, const char *const *values, GError **error);

/* Sets *error from a failed result (NULL: the connection's state).  Always sets an error. */
void pgerr_set(GError **error, const PGconn *conn, const PGresult *result);

#endif /* VRM_DB_PG_H */
