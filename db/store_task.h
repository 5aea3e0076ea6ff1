/* store_task.h - tasks, unfinished and past.  See store_cluster.h for the rules of all stores. */
#ifndef VRM_DB_STORE_TASK_H
#define VRM_DB_STORE_TASK_H

#include "db/db.h"
#include "db/query.h"
#include "model/types.h"

/* What a new leader must take up, ascending by id; with each unfinished task all its children, also
 * those that have ended. */
bool store_task_list_unfinished(Db *db, GPtrArray **ret_tasks, GError **error);
/* Newest first; *ret_total counts all that match, before limit and offset. */
bool store_task_query(Db *db, const struct db_query *query, GPtrArray **ret_tasks,
                      int64_t *ret_total, GError **error);
/* VRM_ERR_NOT_FOUND with REASON_TASK_MISSING. */
bool store_task_get(Db *db, int64_t id, Task **ret_task, GError **error);
bool store_task_insert(Db *db, Task *task, GError **error);
/* Status, step, progress, cancel_wanted, reason, texts, hosts, entity and finish time.  A task that
 * is final in the database is never changed again (VRM_ERR_CONFLICT).  Moves that a final task was
 * still to carry out have failed with it. */
bool store_task_update(Db *db, Task *task, GError **error);

#endif /* VRM_DB_STORE_TASK_H */
