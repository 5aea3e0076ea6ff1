/* route.c - see route.h. */
#include "config.h"

#include "api/route.h"

#include <string.h>

#include "api/answer.h"
#include "api/handlers.h"
#include "base/err.h"
#include "model/id.h"
#include "model/reason.h"

#define SITE      "/service/sites/{site}"
#define CLUSTER   SITE "/clusters/{cluster}"
#define GROUP     CLUSTER "/resourcegroups/{group}"
#define RULE      CLUSTER "/drsrules/{rule}"
#define HOST      SITE "/hosts/{host}"
#define VM        SITE "/vms/{vm}"
#define TASK      SITE "/tasks/{task}"
#define DATASTORE SITE "/datastores/{datastore}"

// clang-format off
#define READ(method, pattern, right, flags, read, summary) \
    { METHOD_##method, pattern, RIGHT_##right, flags, read, NULL, NULL, summary }
#define DO(method, pattern, right, flags, build, answer, summary) \
    { METHOD_##method, pattern, RIGHT_##right, flags, NULL, build, answer, summary }

/* The first row that fits counts: fixed words stand above placeholders. */
const struct route routes[] = {
READ(GET,    "/healthz",                     NONE, ROUTE_PLAIN | ROUTE_ANYWHERE, h_health_alive,   "this process is alive"),
READ(GET,    "/healthz/active",              NONE, ROUTE_PLAIN | ROUTE_ANYWHERE, h_health_active,  "200 only on the active controller"),
READ(GET,    "/metrics",                     NONE, ROUTE_PLAIN | ROUTE_ANYWHERE, h_health_metrics, "Prometheus text"),

READ(GET,    "/service/versions",            NONE, ROUTE_PLAIN | ROUTE_ANYWHERE, h_session_versions, "versions of this API"),
DO  (POST,   "/service/session",             NONE, ROUTE_NO_BODY, h_session_open, h_session_opened, "log in"),
DO  (PUT,    "/service/session",             NONE, ROUTE_NO_BODY, h_session_open, h_session_opened, "log in (older form)"),
DO  (DELETE, "/service/session",             SESSION, 0, h_session_close, answer_empty, "log out"),

DO  (GET,    "/service/users",               USER_READ, 0, h_user_list, h_user_list_answer, "users"),
DO  (POST,   "/service/users/password/modify", SESSION, 0, h_user_password, h_user_password_answer, "new password"),
READ(GET,    "/service/roles/list",          USER_READ, 0, h_user_roles, "roles"),
READ(GET,    "/service/roles/getRights",     USER_READ, 0, h_user_rights, "rights"),
DO  (GET,    "/service/audit",               AUDIT_READ, 0, h_audit_list, h_audit_answer, "who changed what"),

READ(GET,    "/service/sites",               READ, 0, h_site_list, "sites"),
READ(GET,    SITE,                           READ, 0, h_site_get, "one site"),

READ(GET,    SITE "/clusters",               READ, 0, h_cluster_list, "clusters"),
DO  (POST,   SITE "/clusters",               INVENTORY_WRITE, 0, h_cluster_create, NULL, "create a cluster"),
READ(GET,    CLUSTER,                        READ, 0, h_cluster_get, "one cluster with its policies and rules"),
DO  (PUT,    CLUSTER,                        CLUSTER_POLICY, 0, h_cluster_update, answer_done, "change a cluster, its policies and rules"),
DO  (DELETE, CLUSTER,                        INVENTORY_WRITE, 0, h_cluster_delete, NULL, "delete an empty cluster"),
READ(GET,    CLUSTER "/computeresource",     READ, 0, h_cluster_resource, "capacity and allocation"),
READ(GET,    CLUSTER "/allvmcomputeresource", READ, 0, h_cluster_all_resource, "the same with stopped VMs"),
READ(GET,    CLUSTER "/statistics",          READ, 0, h_cluster_statistics, "counts of hosts and VMs"),

READ(GET,    CLUSTER "/resourcegroups",      READ, 0, h_group_list, "VM and host groups"),
DO  (POST,   CLUSTER "/resourcegroups",      CLUSTER_POLICY, 0, h_group_create, NULL, "create a group"),
READ(GET,    GROUP,                          READ, 0, h_group_get, "one group"),
DO  (PUT,    GROUP,                          CLUSTER_POLICY, 0, h_group_update, NULL, "change a group"),
READ(GET,    CLUSTER "/drsrules",            READ, 0, h_rule_list, "placement rules and how they stand (state=broken, unsatisfiable, met)"),
DO  (POST,   CLUSTER "/drsrules",            CLUSTER_POLICY, 0, h_rule_create, h_rule_created, "create a rule"),
READ(GET,    RULE,                           READ, 0, h_rule_get, "one rule"),
DO  (PUT,    RULE,                           CLUSTER_POLICY, 0, h_rule_update, answer_done, "change a rule"),
DO  (DELETE, RULE,                           CLUSTER_POLICY, 0, h_rule_delete, answer_done, "delete a rule"),
DO  (DELETE, GROUP,                          CLUSTER_POLICY, 0, h_group_delete, NULL, "delete a group"),

DO  (GET,    CLUSTER "/imc/check",           READ, 0, h_imc_check, h_imc_answer, "what a CPU baseline (imcSetting=...) would mean"),
DO  (POST,   CLUSTER "/imc/check",           READ, 0, h_imc_check_mode, h_imc_answer, "the same, from a body"),
DO  (GET,    CLUSTER "/failover",            READ, 0, h_failover, h_failover_answer, "if a host died now (host=...): which VMs restart where, which would not"),
DO  (GET,    CLUSTER "/capacity",            READ, 0, h_capacity, h_capacity_answer, "how many more VMs of a size (cpu, memMB, cpuMhz) fit, also with n hosts fewer"),
READ(GET,    CLUSTER "/snapshot",            READ, 0, h_snapshot, "the cluster as vrm-plan reads it"),
READ(GET,    CLUSTER "/drsBalance",          READ, 0, h_drs_balance, "how even the load is"),
DO  (POST,   CLUSTER "/drsBalance/action/refresh", DRS_APPLY, 0, h_drs_refresh, h_drs_refreshed, "plan again now"),
DO  (GET,    CLUSTER "/drsrecommendations",  READ, 0, h_drs_list, h_drs_list_answer, "the current plans of DRS and DPM"),
DO  (GET,    CLUSTER "/drsrecommendations/history", READ, 0, h_drs_history, h_drs_history_answer, "earlier recommendations"),
DO  (GET,    CLUSTER "/drsrecommendations/{rec}", READ, 0, h_drs_list, h_drs_get_answer, "one recommendation of the current plans"),
DO  (POST,   CLUSTER "/drsrecommendations/action/apply", DRS_APPLY, 0, h_drs_apply, NULL, "apply some or all"),
DO  (POST,   CLUSTER "/drsrecommendations/{rec}/action/apply", DRS_APPLY, 0, h_drs_apply_one, NULL, "apply one"),
DO  (GET,    CLUSTER "/dpm/status",          READ, 0, h_dpm_status, h_dpm_answer, "power management: every host, why it is on or asleep, kWh saved"),
DO  (POST,   CLUSTER "/dpm/action/refresh",  DRS_APPLY, 0, h_dpm_refresh, h_dpm_answer, "look again now"),
READ(GET,    CLUSTER "/action/getVmDRS",     READ, 0, h_drs_overrides, "DRS setting per VM"),
READ(POST,   CLUSTER "/action/getVmDRS",     READ, 0, h_drs_overrides, "DRS setting per VM"),

READ(GET,    SITE "/hosts",                  READ, 0, h_host_list, "hosts"),
DO  (POST,   SITE "/hosts",                  INVENTORY_WRITE, 0, h_host_add, NULL, "add a host"),
READ(GET,    SITE "/hosts/statistics",       READ, 0, h_host_statistics, "hosts by status"),
READ(GET,    HOST,                           READ, 0, h_host_get, "one host"),
DO  (PUT,    HOST,                           INVENTORY_WRITE, 0, h_host_update, NULL, "change a host"),
DO  (DELETE, HOST,                           INVENTORY_WRITE, 0, h_host_delete, NULL, "remove a host"),
READ(GET,    HOST "/computeResourceStatics", READ, 0, h_host_resource, "capacity and allocation"),
DO  (GET,    HOST "/maintenance/plan",       READ, 0, h_drain_plan, h_drain_answer, "what emptying it for maintenance would do: which VM goes where, in which order, which cannot"),
DO  (POST,   HOST "/action/enterMaintenanceMode", HOST_OPERATE, 0, h_host_enter_maintenance, h_host_entered_maintenance, "enter maintenance; drain=true moves its VMs away; dryRun=true: only the plan"),
DO  (POST,   HOST "/action/exitMaintenanceMode", HOST_OPERATE, 0, h_host_exit_maintenance, answer_empty, "leave maintenance"),
DO  (POST,   HOST "/action/poweron",         HOST_OPERATE, 0, h_host_power_on, NULL, "switch on by its BMC, wait until it is back"),
DO  (POST,   HOST "/action/poweroff",        HOST_OPERATE, 0, h_host_power_off, NULL, "switch off by its BMC; it must be empty"),
DO  (POST,   HOST "/action/reboot",          HOST_OPERATE, 0, h_host_reboot, NULL, "reboot by its BMC: mode safe moves its VMs away first, mode force takes them down with it"),
DO  (POST,   HOST "/action/provewake",       HOST_OPERATE, 0, h_host_prove_wake, NULL, "empty it, switch it off and on again: proves that DPM can wake it"),
DO  (POST,   HOST "/action/testFailover",    HOST_OPERATE, 0, h_ha_drill, h_ha_drill_answer, "fail-over test: dryRun=true says what would become of its VMs; else its power is cut and HA brings them back"),
DO  (POST,   HOST "/action/endQuarantine",   HOST_OPERATE, 0, h_ha_trust, answer_empty, "its failures are forgotten: it may take VMs again"),
DO  (POST,   HOST "/action/MigrateAllVms",   HOST_OPERATE, 0, h_host_evacuate, h_drain_answer, "move all VMs away; dryRun=true: only the plan"),

READ(GET,    SITE "/vms",                    READ, 0, h_vm_list, "VMs"),
DO  (POST,   SITE "/vms",                    INVENTORY_WRITE, 0, h_vm_create, NULL, "create a VM"),
READ(GET,    SITE "/vms/statistics",         READ, 0, h_vm_statistics, "VMs by status"),
READ(GET,    SITE "/vms/osversions",         READ, 0, h_vm_osversions, "operating systems a VM may name"),
READ(GET,    VM,                             READ, 0, h_vm_get, "one VM"),
DO  (PUT,    VM,                             INVENTORY_WRITE, 0, h_vm_update, NULL, "change a VM"),
DO  (DELETE, VM,                             INVENTORY_WRITE, 0, h_vm_delete, NULL, "delete a VM"),
DO  (GET,    VM "/explain",                  READ, 0, h_vm_explain, h_vm_explain_answer, "why it is where it is, why on no other host (host=...), why not moved"),
DO  (POST,   VM "/action/start",             VM_OPERATE, 0, h_vm_start, NULL, "start"),
DO  (POST,   VM "/action/stop",              VM_OPERATE, 0, h_vm_stop, NULL, "stop, mode safe or force"),
DO  (POST,   VM "/action/reboot",            VM_OPERATE, 0, h_vm_reboot, NULL, "reboot, mode safe or force"),
DO  (POST,   VM "/action/pause",             VM_OPERATE, 0, h_vm_pause, NULL, "pause"),
DO  (POST,   VM "/action/resume",            VM_OPERATE, 0, h_vm_resume, NULL, "resume"),
DO  (POST,   VM "/action/migrate",           VM_OPERATE, 0, h_vm_migrate, NULL, "migrate live to a host, or to the best of a cluster"),

DO  (GET,    SITE "/tasks",                  READ, 0, h_task_list, h_task_list_answer, "tasks"),
DO  (GET,    TASK,                           READ, 0, h_task_get, h_task_get_answer, "one task"),
DO  (POST,   TASK "/cancel",                 TASK_CANCEL, 0, h_task_cancel, answer_empty, "cancel"),

DO  (GET,    SITE "/ha/status",              READ, 0, h_ha_status, h_ha_answer, "HA: every host's state with rule and reason, leases, VMs that do not run, armed or not"),
DO  (POST,   SITE "/ha/action/arm",          CLUSTER_POLICY, 0, h_ha_arm, answer_empty, "HA decides again"),
DO  (POST,   SITE "/ha/action/disarm",       CLUSTER_POLICY, 0, h_ha_disarm, answer_empty, "HA starts no VM and cuts no power until it is armed again"),
DO  (GET,    SITE "/ha/incidents",           READ, 0, h_ha_incidents, h_ha_incidents_answer, "failures of hosts and VMs, newest first"),
DO  (GET,    SITE "/ha/incidents/latest",    READ, 0, h_ha_latest, h_ha_incident_answer, "the newest one with its evidence: what was seen when, each VM's restart"),
DO  (GET,    SITE "/ha/incidents/{incident}", READ, 0, h_ha_incident, h_ha_incident_answer, "one incident with its evidence"),

DO  (POST,   SITE "/alarms/activeAlarms",    READ, 0, h_alarm_active, h_alarm_answer, "what is wrong now"),
DO  (POST,   SITE "/alarms/historyAlarms",   READ, 0, h_alarm_history, h_alarm_answer, "alarms that were cleared"),
READ(GET,    SITE "/alarms/kinds",           READ, 0, h_alarm_kinds, "every alarm there can be"),
DO  (POST,   SITE "/alarms/events",          READ, 0, h_event_query, h_event_answer, "events"),
READ(GET,    SITE "/events/stream",          READ, 0, h_stream, "what changes, as it changes (types=task,alarm,vm,host,cluster,recommendation,event), as text/event-stream"),
DO  (GET,    SITE "/events",                 READ, 0, h_event_list, h_event_answer, "events"),

READ(GET,    SITE "/datastores",             READ, 0, h_datastore_list, "datastores"),
DO  (POST,   SITE "/datastores",             INVENTORY_WRITE, 0, h_datastore_create, NULL, "add a datastore"),
READ(GET,    DATASTORE,                      READ, 0, h_datastore_get, "one datastore"),
DO  (DELETE, DATASTORE,                      INVENTORY_WRITE, 0, h_datastore_delete, NULL, "remove a datastore"),

READ(GET,    SITE "/monitors/getSysCurrentTime", READ, 0, h_monitor_time, "the controller's clock"),
};
// clang-format on
const size_t n_routes = G_N_ELEMENTS(routes);

/* ---- finding -----------------------------------------------------------------------------------
 */

/* Next segment of a pattern: *pattern behind it; its length, 0 at the end. */
static size_t next_segment(const char **pattern, const char **ret_segment)
{
    const char *start = *pattern + strspn(*pattern, "/");
    size_t len = strcspn(start, "/");

    *ret_segment = start;
    *pattern = start + len;
    return len;
}

bool route_pattern_fits(const char *pattern, const struct target *target)
{
    for (size_t i = 0; i < target->n_segments; i++) {
        const char *segment;
        size_t len = next_segment(&pattern, &segment);

        if (len == 0)
            return false;
        if (segment[0] == '{')
            continue;
        if (strlen(target->segments[i]) != len || memcmp(target->segments[i], segment, len) != 0)
            return false;
    }
    return !*pattern;
}

/* The methods of all rows that fit. */
static char *allowed_methods(const struct target *target)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (enum method method = METHOD_GET; method < METHOD_OTHER; method++) {
        for (size_t i = 0; i < n_routes; i++) {
            if (routes[i].method != method || !route_pattern_fits(routes[i].pattern, target))
                continue;
            g_string_append_printf(list, "%s%s", list->len ? ", " : "", method_name(method));
            break;
        }
    }
    return list->len ? g_string_free(g_steal_pointer(&list), FALSE) : NULL;
}

const struct route *route_find(enum method method, const struct target *target, char **ret_allow,
                               GError **error)
{
    g_autofree char *allow = NULL;

    for (size_t i = 0; i < n_routes; i++) {
        if (routes[i].method == method && route_pattern_fits(routes[i].pattern, target))
            return &routes[i];
    }
    allow = allowed_methods(target);
    if (allow)
        err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "method",
                       "this URL does not take that method: want %s", allow);
    else
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_MALFORMED, "url",
                       "there is no such URL in this API");
    *ret_allow = g_steal_pointer(&allow);
    return NULL;
}

/* ---- ids in the path ---------------------------------------------------------------------------
 */

static bool has_cluster(const struct request *req, int64_t id)
{
    return snapshot_cluster(req->snap, id) != NULL;
}

static bool has_host(const struct request *req, int64_t id)
{
    return snapshot_host(req->snap, id) != NULL;
}

static bool has_vm(const struct request *req, int64_t id)
{
    return snapshot_vm(req->snap, id) != NULL;
}

static bool has_datastore(const struct request *req, int64_t id)
{
    return snapshot_datastore(req->snap, id) != NULL;
}

static bool has_group(const struct request *req, int64_t id)
{
    const Group *group = snapshot_group(req->snap, id);

    return group && group->cluster_id == req->ids[OBJECT_CLUSTER];
}

static bool has_rule(const struct request *req, int64_t id)
{
    const Rule *rule = snapshot_rule(req->snap, id);

    return rule && rule->cluster_id == req->ids[OBJECT_CLUSTER];
}

/* has NULL: the snapshot does not hold all of them; the controller decides. */
static const struct placeholder {
    const char *text;
    enum object_kind kind;
    int reason;
    bool (*has)(const struct request *req, int64_t id);
} placeholders[] = {
    { "{cluster}", OBJECT_CLUSTER, REASON_CLUSTER_MISSING, has_cluster },
    { "{host}", OBJECT_HOST, REASON_HOST_MISSING, has_host },
    { "{vm}", OBJECT_VM, REASON_VM_MISSING, has_vm },
    { "{group}", OBJECT_GROUP, REASON_OBJECT_MISSING, has_group },
    { "{rule}", OBJECT_RULE, REASON_RULE_MISSING, has_rule },
    { "{datastore}", OBJECT_DATASTORE, REASON_DATASTORE_MISSING, has_datastore },
    { "{task}", OBJECT_TASK, REASON_TASK_MISSING, NULL },
    { "{rec}", OBJECT_RECOMMENDATION, REASON_OBJECT_MISSING, NULL },
};

static bool resolve_one(struct request *req, const char *name, size_t len, const char *text,
                        GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(placeholders); i++) {
        const struct placeholder *p = &placeholders[i];
        int64_t id;

        if (strlen(p->text) != len || memcmp(p->text, name, len) != 0)
            continue;
        if (object_id_parse(p->kind, text, &id) && (!p->has || p->has(req, id))) {
            req->ids[p->kind] = id;
            return true;
        }
        err_set_reason(error, VRM_ERR_NOT_FOUND, p->reason, NULL, "%s/%.64s does not exist",
                       object_kind_segment(p->kind), text);
        return false;
    }
    g_assert_not_reached();
}

static bool resolve_site(const struct request *req, const char *text, GError **error)
{
    if (g_ascii_strcasecmp(text, req->site) == 0)
        return true;
    err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_SITE_MISSING, NULL,
                   "sites/%.64s does not exist; this one is %s", text, req->site);
    return false;
}

/* No object of the inventory: the controller decides whether there is such a one. */
static bool resolve_incident(struct request *req, const char *text, GError **error)
{
    if (object_id_parse(OBJECT_TASK, text, &req->incident_id))
        return true;
    err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_OBJECT_MISSING, NULL,
                   "incidents/%.64s does not exist: want a number, or latest", text);
    return false;
}

bool route_resolve(struct request *req, GError **error)
{
    const char *pattern = req->route->pattern;

    for (size_t i = 0; i < req->target.n_segments; i++) {
        const char *segment;
        size_t len = next_segment(&pattern, &segment);
        bool ok = true;

        if (segment[0] != '{')
            continue;
        if (len == strlen("{site}") && memcmp(segment, "{site}", len) == 0)
            ok = resolve_site(req, req->target.segments[i], error);
        else if (len == strlen("{incident}") && memcmp(segment, "{incident}", len) == 0)
            ok = resolve_incident(req, req->target.segments[i], error);
        else
            ok = resolve_one(req, segment, len, req->target.segments[i], error);
        if (!ok)
            return false;
    }
    return true;
}
