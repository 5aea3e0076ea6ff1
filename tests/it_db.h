/* it_db.h - scratch databases for component tests of db/.  Needs VRM_PG_CONNINFO (it_db.sh). */
#ifndef VRM_TESTS_IT_DB_H
#define VRM_TESTS_IT_DB_H

#include "db/db.h"
#include "db/stmt.h"
#include "tests/suite.h"

#define SCRATCH_TIMEOUT_MS 3000

/* An own, empty database; it goes with the server at the end of it_db.sh. */
char *scratch_conninfo(void);
/* The same, migrated and with leader's epoch 1. */
Db *scratch_db(char **ret_conninfo);

/* Runs fixed SQL on its own connection; the first column of the first row, or "". */
char *scratch_sql(const char *conninfo, const char *sql);

/* db_write and db_read with epoch 1 that must succeed. */
void must_write(Db *db, db_tx_fn fn, void *data);
void must_read(Db *db, db_tx_fn fn, void *data);

/* deploy/services VERB pg */
void services(const char *verb);

#endif /* VRM_TESTS_IT_DB_H */
