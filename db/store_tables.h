/* store_tables.h - the statement tables of all stores.  Internal to db/. */
#ifndef VRM_DB_STORE_TABLES_H
#define VRM_DB_STORE_TABLES_H

#include "db/stmt.h"

extern const struct stmt_table db_stmt_table, store_site_table, store_cluster_table,
    store_host_table, store_datastore_table, store_vm_table, store_group_table, store_rule_table,
    store_task_table, store_drs_table, store_event_table, store_user_table, store_alarm_table,
    store_session_table, store_incident_table, store_ha_table;

#endif /* VRM_DB_STORE_TABLES_H */
