/* handlers.h - the handlers that route.c's table names, one file per resource (h_x.c).
 *
 * read: writes the answer from the snapshot.  build: makes the operation.  answer: turns its result
 * into the answer.  See route.h. */
#ifndef VRM_API_HANDLERS_H
#define VRM_API_HANDLERS_H

#include "api/request.h"

// clang-format off
#define HANDLER_READS(X)                                                                   \
    X(h_health_alive) X(h_health_active) X(h_health_metrics)                               \
    X(h_session_versions)                                                                  \
    X(h_site_list) X(h_site_get)                                                           \
    X(h_cluster_list) X(h_cluster_get) X(h_cluster_resource) X(h_cluster_all_resource)     \
    X(h_cluster_statistics)                                                                \
    X(h_group_list) X(h_group_get) X(h_rule_list) X(h_rule_get)                            \
    X(h_host_list) X(h_host_get) X(h_host_statistics) X(h_host_resource)                   \
    X(h_vm_list) X(h_vm_get) X(h_vm_statistics) X(h_vm_osversions)                         \
    X(h_snapshot) X(h_drs_balance) X(h_drs_overrides)                                      \
    X(h_datastore_list) X(h_datastore_get)                                                 \
    X(h_user_roles) X(h_user_rights) X(h_alarm_kinds)                                      \
    X(h_monitor_time) X(h_stream)
#define HANDLER_BUILDS(X)                                                                  \
    X(h_session_open) X(h_session_close)                                                   \
    X(h_cluster_create) X(h_cluster_update) X(h_cluster_delete)                            \
    X(h_group_create) X(h_group_update) X(h_group_delete)                                  \
    X(h_rule_create) X(h_rule_update) X(h_rule_delete)                                     \
    X(h_host_add) X(h_host_update) X(h_host_delete) X(h_host_enter_maintenance)            \
    X(h_host_exit_maintenance) X(h_host_evacuate) X(h_host_power_on) X(h_host_power_off) X(h_host_reboot)                                          \
    X(h_vm_create) X(h_vm_update) X(h_vm_delete) X(h_vm_start) X(h_vm_stop) X(h_vm_reboot) \
    X(h_vm_pause) X(h_vm_resume) X(h_vm_migrate)                                           \
    X(h_task_list) X(h_task_get) X(h_task_cancel)                                          \
    X(h_drs_refresh) X(h_drs_list) X(h_drs_apply) X(h_drs_apply_one) X(h_drs_history)      \
    X(h_dpm_status) X(h_dpm_refresh) X(h_host_prove_wake)                                  \
    X(h_imc_check) X(h_imc_check_mode)                                                     \
    X(h_vm_explain) X(h_failover) X(h_capacity) X(h_drain_plan)                            \
    X(h_ha_status) X(h_ha_arm) X(h_ha_disarm) X(h_ha_drill) X(h_ha_trust)                  \
    X(h_ha_incidents) X(h_ha_incident) X(h_ha_latest)                                      \
    X(h_alarm_active) X(h_alarm_history) X(h_event_query) X(h_event_list) X(h_audit_list)  \
    X(h_datastore_create) X(h_datastore_delete)                                            \
    X(h_user_list) X(h_user_password)
#define HANDLER_ANSWERS(X)                                                                 \
    X(h_session_opened)                                                                    \
    X(h_host_entered_maintenance)                                                          \
    X(h_task_list_answer) X(h_task_get_answer)                                             \
    X(h_drs_refreshed) X(h_drs_list_answer) X(h_drs_get_answer) X(h_drs_history_answer) X(h_imc_answer)        \
    X(h_vm_explain_answer) X(h_failover_answer) X(h_capacity_answer)                       \
    X(h_drain_answer)                                                                      \
    X(h_ha_answer) X(h_ha_drill_answer) X(h_ha_incidents_answer) X(h_ha_incident_answer)   \
    X(h_dpm_answer) X(h_alarm_answer) X(h_rule_created) X(h_event_answer) X(h_audit_answer) \
    X(h_user_list_answer) X(h_user_password_answer)
// clang-format on

#define X(name) bool name(struct request *req, GError **error);
HANDLER_READS(X)
#undef X
#define X(name) struct op *name(struct request *req, GError **error);
HANDLER_BUILDS(X)
#undef X
#define X(name) bool name(struct request *req, struct op_result *result, GError **error);
HANDLER_ANSWERS(X)
#undef X

#endif /* VRM_API_HANDLERS_H */
