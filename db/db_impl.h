/* db_impl.h - what db.c shows to the rest of db/. */
#ifndef VRM_DB_DB_IMPL_H
#define VRM_DB_DB_IMPL_H

#include "db/db.h"
#include "db/pg.h"

/* Keys of the advisory locks: (8675, 1) epoch, also in prove_epoch(); (8675, 2) migrations. */
#define DB_LOCK_CLASS   "8675"
#define DB_LOCK_EPOCH   "1"
#define DB_LOCK_MIGRATE "2"

/* The connection of the running transaction; a bug of ours outside of one. */
Pg *db_peek_pg(Db *db);

#endif /* VRM_DB_DB_IMPL_H */
