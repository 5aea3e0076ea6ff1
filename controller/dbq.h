/* dbq.h - the queue of database jobs: PostgreSQL is never touched from the loop.
 *
 * Jobs with the same key keep their order; each worker owns one connection.  Loop thread only. */
#ifndef VRM_CONTROLLER_DBQ_H
#define VRM_CONTROLLER_DBQ_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "db/db.h"

typedef struct Dbq Dbq;

struct dbq_options {
    const char *conninfo;
    int64_t statement_timeout_ms;
    unsigned n_workers;
    /* The database went away or came back; loop thread. */
    void (*on_link)(bool up, void *user);
    /* A standby was promoted and serves us now; loop thread. */
    void (*on_promoted)(void *user);
    void *user;
};

Dbq *dbq_new(const struct dbq_options *options);
void dbq_free(Dbq *dbq);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dbq, dbq_free)

/* What the last job or ping saw. */
bool dbq_up(const Dbq *dbq);

/* Runs on a DB worker; data belongs to the job until done. */
typedef bool (*dbq_fn)(Db *db, void *data, GError **error);
/* Loop thread, exactly once; error is NULL on success, borrowed.  Owns data. */
typedef void (*dbq_done_fn)(const GError *error, void *data);

/* key may be NULL. */
void dbq_submit(Dbq *dbq, const char *key, dbq_fn fn, dbq_done_fn done, void *data);

#endif /* VRM_CONTROLLER_DBQ_H */
