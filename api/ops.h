/* ops.h - the one door from the API to the controller.
 *
 * Reads come from the published snapshot.  Everything else is an operation: the API checks the form
 * of a request and fills a struct op; the controller checks it against the inventory, commits it
 * and answers with a struct op_result.  The API knows no database, agent or scheduler; tests put a
 * fake table here. */
#ifndef VRM_API_OPS_H
#define VRM_API_OPS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/ops_ask.h"
#include "model/alarm.h"
#include "model/incident.h"
#include "model/snapshot.h"

// clang-format off
/* kind, mutates (audited, refused on a standby and while the database is away) */
#define OP_KINDS(X)                                  \
    X(OP_LOGIN,              "login",             0) \
    X(OP_LOGOUT,             "logout",            0) \
    X(OP_CLUSTER_CREATE,     "cluster-create",    1) \
    X(OP_CLUSTER_UPDATE,     "cluster-update",    1) \
    X(OP_CLUSTER_DELETE,     "cluster-delete",    1) \
    X(OP_GROUP_CREATE,       "group-create",      1) \
    X(OP_GROUP_UPDATE,       "group-update",      1) \
    X(OP_GROUP_DELETE,       "group-delete",      1) \
    X(OP_DATASTORE_CREATE,   "datastore-create",  1) \
    X(OP_DATASTORE_DELETE,   "datastore-delete",  1) \
    X(OP_HOST_ADD,           "host-add",          1) \
    X(OP_HOST_UPDATE,        "host-update",       1) \
    X(OP_HOST_DELETE,        "host-delete",       1) \
    X(OP_HOST_ENTER_MAINT,   "host-enter-maintenance", 1) \
    X(OP_HOST_EXIT_MAINT,    "host-exit-maintenance",  1) \
    X(OP_HOST_EVACUATE,      "host-evacuate",     1) \
    X(OP_HOST_POWER_ON,      "host-power-on",     1) \
    X(OP_HOST_POWER_OFF,     "host-power-off",    1) \
    X(OP_HOST_REBOOT,        "host-reboot",       1) \
    X(OP_VM_CREATE,          "vm-create",         1) \
    X(OP_VM_UPDATE,          "vm-update",         1) \
    X(OP_VM_DELETE,          "vm-delete",         1) \
    X(OP_VM_START,           "vm-start",          1) \
    X(OP_VM_STOP,            "vm-stop",           1) \
    X(OP_VM_REBOOT,          "vm-reboot",         1) \
    X(OP_VM_PAUSE,           "vm-pause",          1) \
    X(OP_VM_RESUME,          "vm-resume",         1) \
    X(OP_VM_MIGRATE,         "vm-migrate",        1) \
    X(OP_TASK_CANCEL,        "task-cancel",       1) \
    X(OP_TASK_WAIT,          "task-wait",         0) \
    X(OP_TASK_GET,           "task-get",          0) \
    X(OP_TASK_LIST,          "task-list",         0) \
    X(OP_DRS_REFRESH,        "drs-refresh",       1) \
    X(OP_DRS_APPLY,          "drs-apply",         1) \
    X(OP_DRS_LIST,           "drs-list",          0) \
    X(OP_DRS_HISTORY,        "drs-history",       0) \
    X(OP_DPM_STATUS,         "dpm-status",        0) \
    X(OP_DPM_REFRESH,        "dpm-refresh",       1) \
    X(OP_HOST_PROVE_WAKE,    "host-prove-wake",   1) \
    X(OP_IMC_CHECK,          "imc-check",         0) \
    X(OP_ALARM_ACTIVE,      "alarm-active",      0) \
    X(OP_ALARM_HISTORY,     "alarm-history",     0) \
    X(OP_VM_EXPLAIN,         "vm-explain",        0) \
    X(OP_FAILOVER,           "failover",          0) \
    X(OP_CAPACITY,           "capacity",          0) \
    X(OP_DRAIN_PLAN,         "drain-plan",        0) \
    X(OP_HA_STATUS,          "ha-status",         0) \
    X(OP_HA_ARM,             "ha-arm",            1) \
    X(OP_HA_DISARM,          "ha-disarm",         1) \
    X(OP_HOST_DRILL,         "host-test-failover", 1) \
    X(OP_HOST_TRUST,         "host-end-quarantine", 1) \
    X(OP_INCIDENT_LIST,      "incident-list",     0) \
    X(OP_INCIDENT_GET,       "incident-get",      0) \
    X(OP_EVENT_LIST,         "event-list",        0) \
    X(OP_AUDIT_LIST,         "audit-list",        0) \
    X(OP_USER_LIST,          "user-list",         0) \
    X(OP_PASSWORD_CHANGE,    "password-change",   1)
// clang-format on

enum op_kind {
#define X(name, text, mutates) name,
    OP_KINDS(X)
#undef X
};
const char *op_kind_name(enum op_kind kind);
bool op_kind_mutates(enum op_kind kind);

enum rule_operation {
    RULE_DELETE = 0,
    RULE_MODIFY = 1,
    RULE_CREATE = 2,
};

/* One entry of drsSetting.drsRules.  On modify, absent fields keep their old value: the API
 * resolved them against the snapshot already. */
struct rule_change {
    enum rule_operation operation;
    Rule *rule; /* id: ruleIndex; for delete only id counts */
};

struct vm_override {
    int64_t vm_id;
    enum drs_behavior behavior;
};

/* Filter of a history or list query; "" and 0 mean "any". */
struct op_query {
    int64_t limit, offset; /* limit -1: all */
    char *type, *user, *status, *name;
    int64_t from_ms, to_ms;
    int64_t *ids; /* task ids asked for */
    size_t n_ids;
    enum object_kind scope_kind; /* with scope_id != 0: objects of, or tasks and events about */
    int64_t scope_id;
    int cancelled; /* -1 any, 0, 1 */
};

/* A request.  Only the fields its kind needs are set; op_free frees all. */
struct op {
    enum op_kind kind;
    /* who asks; filled by the HTTP layer */
    int64_t user_id;
    char *user;
    char *address;
    char *request_id;
    /* what about: cluster, host, VM, task ... id; recommendations: cluster id */
    int64_t id;
    /* objects to write (IMC_CHECK: the cluster as it would be): create: generation 0; update: the
     * changed copy with the generation it was read at (VRM_ERR_CONFLICT with REASON_OBJECT_CONFLICT
     * when it is no longer current; the HTTP layer then applies the body to the newer object and
     * tries again) */
    Cluster *cluster;
    Host *host;
    Vm *vm;
    Group *group;
    Datastore *datastore;
    struct rule_change *rules; /* cluster update */
    size_t n_rules;
    struct vm_override *overrides; /* cluster update */
    size_t n_overrides;
    /* verbs */
    bool force;                /* stop, reboot, host delete; drill: also if VMs would be lost */
    bool auto_start;           /* VM create: autoBoot; update: false ends a start that waits */
    bool keep_disks;           /* VM delete: isReserveDisks */
    int64_t target_host_id;    /* migrate; 0: the scheduler chooses; explain, failover: 0: all */
    int64_t target_cluster_id; /* migrate to "a host of this cluster" */
    bool bind_target;          /* migrate: isBindingHost */
    int64_t *recommendations;  /* DRS_APPLY: ids; none: all open ones of cluster id */
    size_t n_recommendations;
    struct op_size size;          /* CAPACITY */
    int64_t wait_ms;              /* TASK_WAIT */
    char *login_name, *login_key; /* LOGIN: key is the password or hex SHA-256 of it */
    char *old_key, *new_key;      /* PASSWORD_CHANGE */
    char *session_hash;           /* LOGIN: of the new token; LOGOUT, PASSWORD_CHANGE: of ours */
    struct op_query query;
    struct alarm_filter alarms; /* ALARM_ACTIVE, ALARM_HISTORY */
};

struct op_user {
    int64_t id;
    char *name;
    char *roles; /* comma-separated */
    char *description;
    int64_t create_ms;
};

/* Owned copies, for lists of history. */
struct op_event {
    int64_t id, at_ms;
    enum event_severity severity;
    char *name;
    enum object_kind kind;
    int64_t object_id;
    char *object_name;
    int64_t task_id;
    char *text;
};

struct op_audit {
    int64_t id, at_ms;
    char *user, *address, *operation, *object, *result;
    int64_t task_id;
};

/* IMC_CHECK: what a CPU baseline would mean. */
struct op_imc_host {
    int64_t id;
    bool fits;
    char *name, *newest, *text;
    char **missing; /* features of the baseline; NULL: none, or not known */
};

struct op_imc_vm {
    int64_t id, host_id;
    const char *verdict; /* static: "fits", "gains", "hides", "unstable" */
    char *name, *cpu, *text;
    char **features; /* that it would lose, or gain; NULL: none, or not known */
};

struct op_imc {
    bool possible;
    const char *change; /* static: "on", "off", "raise", "lower", "other", "none" */
    char *now;          /* the cluster's imcSetting; "": off */
    char *mode, *common, *text;
    struct op_imc_host *hosts;
    size_t n_hosts;
    struct op_imc_vm *vms;
    size_t n_vms;
};

/* DPM_STATUS. */
struct op_dpm_host {
    int64_t id, task_id;
    const char *state;  /* static: "on", "asleep", "waking", "draining" ... */
    const char *action; /* static, of the latest verdict: "stay", "sleep", "wake" */
    bool proven;        /* lately enough */
    char *name, *text;  /* text: why it stays, sleeps or wakes */
    char *trouble;      /* the last failure; "": none */
    int64_t proven_ms, off_since_ms, slept_ms, saved_wh, retry_ms, move_mb;
    size_t n_moves;
};

struct op_dpm {
    int64_t power_level, at_ms; /* at_ms 0: no verdict yet */
    bool decided;
    char *verdict;
    int64_t load_permille, expected_permille, sleep_below, wake_above; /* 0: DPM rests */
    int64_t proof_days, spare_hosts, watts, slept_ms, saved_wh;
    struct op_dpm_host *hosts;
    size_t n_hosts;
};

struct op_result {
    GError *error;     /* NULL: success */
    int64_t retry_ms;  /* login lock-out: how long; else 0 */
    int64_t task_id;   /* 0: the operation was done at once */
    int64_t object_id; /* of what was created */
    int64_t
        power_task_id;   /* DRS_APPLY: the first about a host, beside the one about VMs; 0: none */
    char *note;          /* DRS_APPLY: what was applied and what not; NULL: all was */
    int64_t rule_id;     /* CLUSTER_UPDATE: of its first rule */
    struct op_user user; /* LOGIN */
    bool session_stored; /* LOGIN: it outlives this controller */
    int64_t total;       /* of a list, before limit and offset */
    Task **tasks;        /* TASK_GET, TASK_WAIT (one), TASK_LIST */
    size_t n_tasks;
    Recommendation **recommendations; /* DRS_LIST (all), DRS_HISTORY */
    size_t n_recommendations;
    struct op_imc *imc; /* IMC_CHECK */
    Alarm **alarms;     /* ALARM_ACTIVE, ALARM_HISTORY */
    size_t n_alarms;
    struct op_explain *explain;
    struct op_failover *failover;
    struct op_capacity *capacity;
    struct op_drain *drain; /* DRAIN_PLAN */
    struct op_dpm *dpm;     /* DPM_STATUS */
    struct op_ha *ha;       /* HA_STATUS */
    Incident **incidents;   /* INCIDENT_LIST; INCIDENT_GET (one) */
    size_t n_incidents;
    struct op_event *events;
    size_t n_events;
    struct op_audit *audits;
    size_t n_audits;
    struct op_user *users;
    size_t n_users;
};

struct op *op_new(enum op_kind kind);
void op_free(struct op *op);
typedef struct op op_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(op_auto, op_free)
void op_result_clear(struct op_result *result);

/* Called once, on the loop thread; borrows result (steal what you keep by setting it NULL). */
typedef void (*op_done_fn)(struct op_result *result, void *user);

/* How this vrmd stands now; for health, standby answers and /metrics. */
struct controller_status {
    bool active;
    int64_t epoch;
    char leader_url[128]; /* "https://10.0.0.1:7443" of the active controller; "" unknown */
    bool database_ok, etcd_ok;
    char trouble[256]; /* "" or what a person should look at */
};

struct api_ops {
    /* A new reference, never NULL after start; any thread. */
    Snapshot *(*snapshot)(void *ctx);
    /* Takes op; any thread.  done is called even when the operation is refused. */
    void (*submit)(void *ctx, struct op *op, op_done_fn done, void *user);
    void (*status)(void *ctx, struct controller_status *ret_status); /* any thread */
    char *(*metrics)(void *ctx);                                     /* any thread; g_free */
};

#endif /* VRM_API_OPS_H */
