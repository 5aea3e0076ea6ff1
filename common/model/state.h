/*~ state.h - every state and kind of the model, as X-lists.
 *
 * A list here is the only place where a word is spelt: C enums, the API's texts, SQL CHECK
 * constraints (a test compares them) and the switches that must handle each all follow from it.
 * For each list of enum e there are  const char *e_name(enum e),  bool e_parse(const char *,
 * enum e *) - exact words only - and  e_words[]  for tables.  Pure; any thread.
 *
 * Reading on from here: types.h has the objects that carry these states, snapshot.h how a whole
 * inventory of them reaches every thread. */
#ifndef VRM_MODEL_STATE_H
#define VRM_MODEL_STATE_H

#include <stdbool.h>
#include <stddef.h>

// clang-format off

/* What the API shows as a VM's status; the words are FusionCompute's. */
#define VM_STATUSES(X)                       \
    X(VM_CREATING,      "creating")          \
    X(VM_STOPPED,       "stopped")           \
    X(VM_STARTING,      "starting")          \
    X(VM_RUNNING,       "running")           \
    X(VM_PAUSED,        "pause")             \
    X(VM_MIGRATING,     "migrating")         \
    X(VM_STOPPING,      "stopping")          \
    X(VM_SHUTTING_DOWN, "shutting-down")     \
    X(VM_HIBERNATED,    "hibernated")        \
    X(VM_HIBERNATING,   "hibernating")       \
    X(VM_FAULT_RESUMING, "fault-resuming")   \
    X(VM_RECYCLING,     "recycling")         \
    X(VM_UNKNOWN,       "unknown")

/* What an agent reports about a domain. */
#define DOMAIN_STATES(X)                     \
    X(DOMAIN_ABSENT,    "absent")            \
    X(DOMAIN_RUNNING,   "running")           \
    X(DOMAIN_PAUSED,    "paused")            \
    X(DOMAIN_INCOMING,  "incoming")          \
    X(DOMAIN_SHUTDOWN,  "shutdown")          \
    X(DOMAIN_CRASHED,   "crashed")

/* A host's status; the words are FusionCompute's, "unknow" is its spelling. */
#define HOST_STATUSES(X)                     \
    X(HOST_INITIAL,     "initial")           \
    X(HOST_NORMAL,      "normal")            \
    X(HOST_FAULT,       "fault")             \
    X(HOST_UNKNOWN,     "unknow")            \
    X(HOST_POWEROFF,    "poweroff")          \
    X(HOST_BOOTING,     "booting")           \
    X(HOST_REBOOTING,   "rebooting")         \
    X(HOST_SHUTTING_DOWN, "shutdowning")

#define TASK_STATUSES(X)                     \
    X(TASK_WAITING,     "waiting")           \
    X(TASK_RUNNING,     "running")           \
    X(TASK_CANCELLING,  "cancelling")        \
    X(TASK_SUCCESS,     "success")           \
    X(TASK_FAILED,      "failed")

#define TASK_TYPES(X)                              \
    X(TASK_CREATE_VM,     "CreateVmTask")          \
    X(TASK_DELETE_VM,     "DeleteVmTask")          \
    X(TASK_MODIFY_VM,     "ModifyVmTask")          \
    X(TASK_START_VM,      "StartVmTask")           \
    X(TASK_STOP_VM,       "StopVmTask")            \
    X(TASK_REBOOT_VM,     "RebootVmTask")          \
    X(TASK_PAUSE_VM,      "PauseVmTask")           \
    X(TASK_RESUME_VM,     "ResumeVmTask")          \
    X(TASK_MIGRATE_VM,    "MigrateVmTask")         \
    X(TASK_ADD_HOST,      "AddHostTask")           \
    X(TASK_MODIFY_HOST,   "ModifyHostTask")        \
    X(TASK_DELETE_HOST,   "DeleteHostTask")        \
    X(TASK_EVACUATE_HOST, "MigrateAllVmsTask")     \
    X(TASK_POWER_ON_HOST, "PowerOnHostTask")       \
    X(TASK_POWER_OFF_HOST,"PowerOffHostTask")      \
    X(TASK_CREATE_CLUSTER,"CreateClusterTask")     \
    X(TASK_APPLY_DRS,     "ApplyDrsRecommendationTask") \
    X(TASK_SLEEP_HOST,    "SleepHostTask")         \
    X(TASK_WAKE_HOST,     "WakeHostTask")          \
    X(TASK_PROVE_HOST,    "ProveHostWakeTask")     \
    X(TASK_REBOOT_HOST,   "RebootHostTask")

/* Why a task was begun; decides its user name in the API ("-_system" for the controller's own). */
#define TASK_ORIGINS(X)                      \
    X(ORIGIN_USER,      "user")              \
    X(ORIGIN_DRS,       "drs")               \
    X(ORIGIN_MAINTENANCE, "maintenance")     \
    X(ORIGIN_HA,        "ha")                \
    X(ORIGIN_DPM,       "dpm")

#define RULE_TYPES(X)                        \
    X(RULE_TOGETHER,    "keep-together")     \
    X(RULE_APART,       "keep-apart")        \
    X(RULE_VM_HOST,     "vm-to-host")

#define RULE_STRENGTHS(X)                    \
    X(RULE_MUST,        "must")              \
    X(RULE_SHOULD,      "should")            \
    X(RULE_MUST_NOT,    "must-not")          \
    X(RULE_SHOULD_NOT,  "should-not")

/* How a rule stands now. */
#define RULE_STATES(X)                       \
    X(RULE_UNJUDGED,    "unknown")           \
    X(RULE_MET,         "met")               \
    X(RULE_BROKEN,      "broken")            \
    X(RULE_UNSATISFIABLE, "unsatisfiable")

/* In which order VMs of a dead host are started again; the last first. */
#define RESTART_PRIORITIES(X)                \
    X(RESTART_LOWEST,   "lowest")            \
    X(RESTART_LOW,      "low")               \
    X(RESTART_MEDIUM,   "medium")            \
    X(RESTART_HIGH,     "high")              \
    X(RESTART_HIGHEST,  "highest")

/* How soon a guest without any sign of life is said to hang. */
#define HANG_SENSITIVITIES(X)                \
    X(SENSITIVITY_LOW,    "low")             \
    X(SENSITIVITY_MEDIUM, "medium")          \
    X(SENSITIVITY_HIGH,   "high")

/* What a host that is cut off from everybody does with its VMs while it may still run them: nothing,
 * shut them down, or give up its storage slot so that others take them over at once. */
#define HA_ISOLATIONS(X)                     \
    X(ISOLATION_LEAVE,    "leaveRunning")    \
    X(ISOLATION_SHUTDOWN, "shutdown")        \
    X(ISOLATION_POISON,   "poison")

#define GROUP_TYPES(X)                       \
    X(GROUP_VM,         "vm")                \
    X(GROUP_HOST,       "host")

/* Why DRS (or a drain) moves a VM, or DPM switches a host. */
#define MOVE_REASONS(X)                      \
    X(MOVE_OVERLOAD,    "overload")          \
    X(MOVE_BALANCE_CPU, "balance-cpu")       \
    X(MOVE_BALANCE_MEM, "balance-memory")    \
    X(MOVE_RULE,        "rule")              \
    X(MOVE_EVACUATION,  "evacuation")        \
    X(MOVE_UNDERLOAD,   "underload")

/* What a recommendation is about. */
#define RECOMMENDATION_TYPES(X)              \
    X(REC_MIGRATE,      "migrate")           \
    X(REC_POWER_ON,     "power-on")          \
    X(REC_POWER_OFF,    "power-off")

/* Whose plan it is. */
#define PLAN_KINDS(X)                        \
    X(PLAN_DRS,         "drs")               \
    X(PLAN_DPM,         "dpm")

/* Life of a recommendation. */
#define RECOMMENDATION_STATES(X)             \
    X(REC_OPEN,         "open")              \
    X(REC_APPLYING,     "applying")          \
    X(REC_DONE,         "done")              \
    X(REC_FAILED,       "failed")            \
    X(REC_EXPIRED,      "expired")

#define EVENT_SEVERITIES(X)                  \
    X(EVENT_INFO,       "info")              \
    X(EVENT_WARNING,    "warning")           \
    X(EVENT_ERROR,      "error")

/* Commands to an agent. */
#define AGENT_VERBS(X)                       \
    X(VERB_DEFINE,      "define")            \
    X(VERB_UNDEFINE,    "undefine")          \
    X(VERB_START,       "start")             \
    X(VERB_STOP,        "stop")              \
    X(VERB_REBOOT,      "reboot")            \
    X(VERB_PAUSE,       "pause")             \
    X(VERB_RESUME,      "resume")            \
    X(VERB_MIGRATE,     "migrate")           \
    X(VERB_ABORT,       "abort")             \
    X(VERB_RECEIVE,     "receive")           \
    X(VERB_RELEASE,     "release")
// clang-format on

/*~ The machinery.  STATE_DECLARE turns a list into the enum, a count and three declarations;
 * STATE_DEFINE, in one .c file, into the words behind them.  Other modules use both for lists of
 * their own (agentproto/msg.h). */
#define STATE_ENUM_MEMBER(name, text) name,
#define STATE_COUNT_ONE(name, text)   +1
#define STATE_WORD(name, text)        text,

#define STATE_DECLARE(type, LIST, count)                                                           \
    enum type {                                                                                    \
        LIST(STATE_ENUM_MEMBER)                                                                    \
    };                                                                                             \
    enum {                                                                                         \
        count = 0 LIST(STATE_COUNT_ONE)                                                            \
    };                                                                                             \
    extern const char *const type##_words[count];                                                  \
    const char *type##_name(enum type value);                                                      \
    bool type##_parse(const char *text, enum type *ret_value);

#define STATE_DEFINE(type, LIST, count)                                                            \
    const char *const type##_words[count] = { LIST(STATE_WORD) };                                  \
    const char *type##_name(enum type value)                                                       \
    {                                                                                              \
        return state_word(type##_words, count, (unsigned)value);                                   \
    }                                                                                              \
    bool type##_parse(const char *text, enum type *ret_value)                                      \
    {                                                                                              \
        unsigned value;                                                                            \
                                                                                                   \
        if (!state_find(type##_words, count, text, &value))                                        \
            return false;                                                                          \
        *ret_value = (enum type)value;                                                             \
        return true;                                                                               \
    }

/* The word of value, which must be below n: anything else is our own bug. */
const char *state_word(const char *const *words, size_t n, unsigned value);
/* False, *ret_value untouched, if text is NULL or none of the words. */
bool state_find(const char *const *words, size_t n, const char *text, unsigned *ret_value);

STATE_DECLARE(vm_status, VM_STATUSES, N_VM_STATUSES)
STATE_DECLARE(domain_state, DOMAIN_STATES, N_DOMAIN_STATES)
STATE_DECLARE(host_status, HOST_STATUSES, N_HOST_STATUSES)
STATE_DECLARE(task_status, TASK_STATUSES, N_TASK_STATUSES)
STATE_DECLARE(task_type, TASK_TYPES, N_TASK_TYPES)
STATE_DECLARE(task_origin, TASK_ORIGINS, N_TASK_ORIGINS)
STATE_DECLARE(rule_type, RULE_TYPES, N_RULE_TYPES)
STATE_DECLARE(rule_strength, RULE_STRENGTHS, N_RULE_STRENGTHS)
STATE_DECLARE(rule_state, RULE_STATES, N_RULE_STATES)
STATE_DECLARE(restart_priority, RESTART_PRIORITIES, N_RESTART_PRIORITIES)
STATE_DECLARE(hang_sensitivity, HANG_SENSITIVITIES, N_HANG_SENSITIVITIES)
STATE_DECLARE(ha_isolation, HA_ISOLATIONS, N_HA_ISOLATIONS)
STATE_DECLARE(group_type, GROUP_TYPES, N_GROUP_TYPES)
STATE_DECLARE(move_reason, MOVE_REASONS, N_MOVE_REASONS)
STATE_DECLARE(recommendation_type, RECOMMENDATION_TYPES, N_RECOMMENDATION_TYPES)
STATE_DECLARE(plan_kind, PLAN_KINDS, N_PLAN_KINDS)
STATE_DECLARE(recommendation_state, RECOMMENDATION_STATES, N_RECOMMENDATION_STATES)
STATE_DECLARE(event_severity, EVENT_SEVERITIES, N_EVENT_SEVERITIES)
STATE_DECLARE(agent_verb, AGENT_VERBS, N_AGENT_VERBS)

#endif /* VRM_MODEL_STATE_H */
