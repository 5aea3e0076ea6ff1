/* store_incident.h - what HA saw and did (model/incident.h). */
#ifndef VRM_DB_STORE_INCIDENT_H
#define VRM_DB_STORE_INCIDENT_H

#include "db/db.h"
#include "db/query.h"
#include "model/incident.h"

/* A new one (id 0, which is filled) or its present state; its VMs as they are now; those of its
 * lines that are not stored yet. */
bool store_incident_put(Db *db, Incident *incident, GError **error);
/* Those that go on, with their VMs and without their lines; oldest first. */
bool store_incident_list_open(Db *db, GPtrArray **ret_incidents, GError **error);
/* The whole one; id 0: the newest.  VRM_ERR_NOT_FOUND. */
bool store_incident_get(Db *db, int64_t id, Incident **ret_incident, GError **error);
/* Newest first, without lines and VMs.  type: the kind; status: "open" or "closed"; name: of host
 * or VM. */
bool store_incident_query(Db *db, const struct db_query *query, GPtrArray **ret_incidents,
                          int64_t *ret_total, GError **error);
/* Removes a bounded number of those that ended before before_ms, and of those beyond the newest
 * thousands. */
bool store_incident_trim(Db *db, int64_t before_ms, int64_t *ret_removed, GError **error);

#endif /* VRM_DB_STORE_INCIDENT_H */
