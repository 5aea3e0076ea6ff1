/* store_cluster.h - clusters with their policies.  DB workers, inside a transaction.
 *
 * For all stores: lists own references to new objects and ascend by id.  insert fills id and
 * generation; update and delete demand the generation the object was read at (VRM_ERR_CONFLICT with
 * REASON_OBJECT_CONFLICT otherwise) and update raises it by one.  What a call filled in counts only
 * once db_write() has succeeded. */
#ifndef VRM_DB_STORE_CLUSTER_H
#define VRM_DB_STORE_CLUSTER_H

#include "db/db.h"
#include "model/types.h"

bool store_cluster_list(Db *db, GPtrArray **ret_clusters, GError **error);
bool store_cluster_insert(Db *db, Cluster *cluster, GError **error);
bool store_cluster_update(Db *db, Cluster *cluster, GError **error);
/* Its groups, rules, plans go with it; hosts and VMs must be gone (VRM_ERR_CONFLICT). */
bool store_cluster_delete(Db *db, int64_t id, int64_t generation, GError **error);

#endif /* VRM_DB_STORE_CLUSTER_H */
