/* store_datastore.h - datastores.  See store_cluster.h for the rules of all stores. */
#ifndef VRM_DB_STORE_DATASTORE_H
#define VRM_DB_STORE_DATASTORE_H

#include "db/db.h"
#include "model/types.h"

bool store_datastore_list(Db *db, GPtrArray **ret_datastores, GError **error);
bool store_datastore_insert(Db *db, Datastore *datastore, GError **error);
bool store_datastore_update(Db *db, Datastore *datastore, GError **error);
/* VRM_ERR_CONFLICT while it has volumes. */
bool store_datastore_delete(Db *db, int64_t id, int64_t generation, GError **error);

#endif /* VRM_DB_STORE_DATASTORE_H */
