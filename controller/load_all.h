/* load_all.h - the whole inventory from the database, in one consistent read.
 *
 * load_all_read runs on a DB worker; load_all_show hands the objects to a builder on the loop. */
#ifndef VRM_CONTROLLER_LOAD_ALL_H
#define VRM_CONTROLLER_LOAD_ALL_H

#include "db/db.h"
#include "model/snapshot.h"

struct loaded {
    /* in */
    int64_t recent_tasks, session_idle_ms, ha_since_ms;
    /* out; NULL before the very first start */
    Site *site;
    /* of Cluster, Host, ... */
    GPtrArray *clusters, *hosts, *vms, *groups, *rules, *datastores, *unfinished, *finished;
    GPtrArray *reports, *users, *sessions, *alarms, *ha_restarts, *ha_power_ons;
};

bool load_all_read(Db *db, struct loaded *loaded, GError **error);
void load_all_show(const struct loaded *loaded, SnapshotBuilder *builder);
void loaded_clear(struct loaded *loaded);

#endif /* VRM_CONTROLLER_LOAD_ALL_H */
