/* store_tables.c - see store_tables.h. */
#include "config.h"

#include "db/store_tables.h"

const struct stmt_table *const stmt_tables[] = {
    &db_stmt_table,         &store_site_table,    &store_cluster_table,  &store_host_table,
    &store_datastore_table, &store_vm_table,      &store_group_table,    &store_rule_table,
    &store_task_table,      &store_drs_table,     &store_event_table,    &store_user_table,
    &store_alarm_table,     &store_session_table, &store_incident_table, &store_ha_table,
};
const size_t n_stmt_tables = G_N_ELEMENTS(stmt_tables);
