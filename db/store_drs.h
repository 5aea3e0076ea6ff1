/* store_drs.h - DRS plans and their recommendations.  See store_cluster.h for the rules of all
 * stores. */
#ifndef VRM_DB_STORE_DRS_H
#define VRM_DB_STORE_DRS_H

#include "db/db.h"
#include "db/query.h"
#include "model/types.h"

/* The newest plan of each cluster with its recommendations. */
bool store_drs_list_latest(Db *db, GPtrArray **ret_reports, GError **error);
/* Stores a plan and its recommendations and fills plan_id and their ids; open recommendations of
 * older plans of this cluster become expired.  A depends_on in here is the place (1 .. n) of
 * another recommendation of the same report, because ids do not exist yet; it becomes that one's
 * id. */
bool store_drs_insert(Db *db, DrsReport *report, GError **error);
/* State, task and finish time. */
bool store_drs_update_recommendation(Db *db, const Recommendation *rec, GError **error);
/* Newest first.  scope_kind OBJECT_CLUSTER; type: a move reason, status: a state, name: of the VM.
 */
bool store_drs_query(Db *db, const struct db_query *query, GPtrArray **ret_recommendations,
                     int64_t *ret_total, GError **error);

#endif /* VRM_DB_STORE_DRS_H */
