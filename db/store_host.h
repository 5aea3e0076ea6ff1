/* store_host.h - hosts: what was configured and the facts they last reported.  See
 * store_cluster.h for the rules of all stores. */
#ifndef VRM_DB_STORE_HOST_H
#define VRM_DB_STORE_HOST_H

#include "db/db.h"
#include "model/types.h"

/* Runtime fields are as host_new() makes them. */
bool store_host_list(Db *db, GPtrArray **ret_hosts, GError **error);
bool store_host_insert(Db *db, Host *host, GError **error);
bool store_host_update(Db *db, Host *host, GError **error);
/* Stopped VMs that ran there last forget it (their host_id becomes 0, their generation stays); any
 * other VM there refuses (VRM_ERR_CONFLICT, REASON_HOST_HAS_VMS). */
bool store_host_delete(Db *db, int64_t id, int64_t generation, GError **error);

#endif /* VRM_DB_STORE_HOST_H */
