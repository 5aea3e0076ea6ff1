/* store_ha.h - what HA counts and must not forget: restarts of VMs within the hour, and how often a
 * dead host was switched on again.  See store_cluster.h for the rules of all stores. */
#ifndef VRM_DB_STORE_HA_H
#define VRM_DB_STORE_HA_H

#include "db/db.h"

struct ha_restart_row {
    int64_t vm_id, at_ms;
};

struct ha_power_on_row {
    int64_t host_id, tries;
    int64_t at_ms; /* of the last one */
};

/* Those after after_ms, oldest first. */
bool store_ha_list_restarts(Db *db, int64_t after_ms, GPtrArray **ret_restarts, GError **error);
/* Nothing if the VM is gone. */
bool store_ha_add_restart(Db *db, const struct ha_restart_row *restart, GError **error);
/* Removes a bounded number of those before before_ms. */
bool store_ha_trim_restarts(Db *db, int64_t before_ms, int64_t *ret_removed, GError **error);

bool store_ha_list_power_ons(Db *db, GPtrArray **ret_power_ons, GError **error);
/* The host's only row; with 0 tries it is removed.  Nothing if the host is gone. */
bool store_ha_put_power_on(Db *db, const struct ha_power_on_row *power_on, GError **error);

#endif /* VRM_DB_STORE_HA_H */
