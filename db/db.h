/* db.h - one PostgreSQL connection and its transactions; the only door to SQL.
 *
 * Blocking: runs on DB workers only, one Db each.  Stores (store_*.h) are straight-line functions
 * over a Db and return model objects, never PGresults.
 *
 * Every write happens inside db_write(): it takes the shared epoch lock, proves that the caller's
 * epoch is the current one (else VRM_ERR_DENIED: deposed), runs the function, commits.
 *   VRM_ERR_UNAVAILABLE  no connection, or it broke before the commit: nothing was written
 *   VRM_ERR_TIMEOUT      it broke while COMMIT was under way, and the database did not come back in
 *                        time to ask it: unknown; reload and look
 *   VRM_ERR_CONFLICT     a generation no longer matched, or a unique name is taken
 *   VRM_ERR_BUSY         a deadlock with another worker: nothing was written, try again
 *
 * conninfo may name several servers, a primary and its standbys: see servers.h for which one is
 * used.  What db_write() has acknowledged is also on a synchronous standby, if the primary has one.
 */
#ifndef VRM_DB_DB_H
#define VRM_DB_DB_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Db Db;

/* The newest timeline of PostgreSQL that any connection of this program was on; 0: none yet. */
struct server_line {
    _Atomic int64_t newest;
};

/* What is wanted instead of this connection string (g_free); NULL: it can be read.  Any thread. */
char *db_conninfo_wrong(const char *conninfo);

/* Does not connect yet.  statement_timeout_ms bounds each statement, and connecting too. */
Db *db_new(const char *conninfo, int64_t statement_timeout_ms);
/* All of a program's Db share what they know of promotions: before the first connection. */
void db_share_line(Db *db, struct server_line *line);
void db_free(Db *db);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Db, db_free)

/* Connects if there is no usable connection.  Statements are prepared at their first use. */
bool db_connect(Db *db, GError **error);
bool db_connected(const Db *db);
/* A cheap round trip; connects first if needed. */
bool db_ping(Db *db, GError **error);

/* Applies missing migrations under an advisory lock, one transaction each.  Refuses
 * (VRM_ERR_CONFLICT, naming the file) a schema that is newer than this program or whose applied
 * files were edited. */
bool db_migrate(Db *db, GError **error);

/* A new leader: of several servers all are looked at; exclusive lock (whoever holds it shared for
 * more than 1 s is ended), then the stored epoch becomes epoch.  VRM_ERR_DENIED if a higher one is
 * there. */
bool db_take_epoch(Db *db, int64_t epoch, GError **error);

/* The newest epoch the database knows; for messages, and for an etcd that was rebuilt empty: its
 * revisions must first grow beyond this. */
bool db_stored_epoch(Db *db, int64_t *ret_epoch, GError **error);

typedef bool (*db_tx_fn)(Db *db, void *data, GError **error);
bool db_write(Db *db, int64_t epoch, db_tx_fn fn, void *data, GError **error);
/* A consistent read: one read-only repeatable-read transaction. */
bool db_read(Db *db, db_tx_fn fn, void *data, GError **error);

#endif /* VRM_DB_DB_H */
