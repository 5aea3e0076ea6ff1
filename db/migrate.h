/* migrate.h - brings a database's schema up to this program's.  DB workers. */
#ifndef VRM_DB_MIGRATE_H
#define VRM_DB_MIGRATE_H

#include <glib.h>
#include <stdbool.h>

#include "db/pg.h"

struct migration {
    unsigned version; /* 1, 2, 3 ... */
    const char *name; /* "0001_core" */
    const char *sql;
};

/* The embedded files, made by gen-migrations.sh. */
extern const struct migration migrations[];
extern const unsigned n_migrations;

/* Waits for its turn (advisory lock), checks what is applied against the list, applies the rest in
 * one transaction each.  Fails with VRM_ERR_CONFLICT if the database is newer than the list or an
 * applied file has changed; nothing is touched then. */
bool migrate_run(Pg *pg, const struct migration *list, unsigned n_list, GError **error);

#endif /* VRM_DB_MIGRATE_H */
