/* stmt.h - how stores run their statements inside a transaction.  Internal to db/; DB workers. */
#ifndef VRM_DB_STMT_H
#define VRM_DB_STMT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "db/db.h"
#include "db/pg.h"

#define STMT_MAX_PARAMS 64

/* Values in the order of $1, $2 ...; adding more than fit is a bug of ours. */
struct stmt_params {
    int n;
    char *values[STMT_MAX_PARAMS]; /* owned */
};

typedef struct stmt_params stmt_params_auto;
void stmt_params_clear(struct stmt_params *params);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(stmt_params_auto, stmt_params_clear)

void stmt_add_int(struct stmt_params *params, int64_t value);
void stmt_add_id(struct stmt_params *params, int64_t id); /* 0 becomes NULL */
void stmt_add_bool(struct stmt_params *params, bool value);
void stmt_add_text(struct stmt_params *params, const char *text); /* NULL becomes "" */
void stmt_add_ids(struct stmt_params *params, const int64_t *ids, size_t n);

/* Inside db_write() or db_read() only.  params may be NULL for a statement without any. */
PGresult *stmt_run(Db *db, const struct stmt *stmt, const struct stmt_params *params,
                   GError **error);
/* The same for a result that nobody reads; *ret_rows (may be NULL): rows touched or read. */
bool stmt_do(Db *db, const struct stmt *stmt, const struct stmt_params *params, int64_t *ret_rows,
             GError **error);
/* The first column of exactly one row, which must be an integer. */
bool stmt_get_int(Db *db, const struct stmt *stmt, const struct stmt_params *params,
                  int64_t *ret_value, GError **error);

/* Tables of every store, for the test that prepares each statement. */
struct stmt_table {
    const struct stmt *stmts;
    size_t n_stmts;
};
extern const struct stmt_table *const stmt_tables[];
extern const size_t n_stmt_tables;

#endif /* VRM_DB_STMT_H */
