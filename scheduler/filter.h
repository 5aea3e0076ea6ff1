/* filter.h - may this VM be on that host?  One table of filters with stable ids and reasons.
 *
 * Must-rules and capacity forbid; should-rules only cost (score.h).  Pure; any thread. */
#ifndef VRM_SCHEDULER_FILTER_H
#define VRM_SCHEDULER_FILTER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/sched_params.h"

/* Stable: they appear in verdicts, events and API answers.  Never renumber. */
enum filter_id {
    FILTER_NONE = 0,
    FILTER_HOST_STATE = 1,
    FILTER_HOST_MAINTENANCE = 2,
    FILTER_HOST_CLUSTER = 3,
    FILTER_VM_BOUND = 4,
    FILTER_LOCAL_DISK = 5,
    FILTER_CPU_THREADS = 10,
    FILTER_CPU_RATIO = 11,
    FILTER_CPU_RESERVATION = 12,
    FILTER_CPU_OVERLOAD = 13,
    FILTER_MEMORY = 20,
    FILTER_RULE_TOGETHER = 30,
    FILTER_RULE_APART = 31,
    FILTER_RULE_MUST_HOST = 32,
    FILTER_RULE_MUST_NOT_HOST = 33,
};

/* "memory"; NULL if unknown. */
const char *filter_name(enum filter_id id);

/* A user wants vm_id on host_id (migrate to it, or start on it): true if nothing forbids it.
 * Otherwise the first filter that does: VRM_ERR_NO_CAPACITY (CPU, memory) or VRM_ERR_CONFLICT
 * (state, rules, binding) with FusionCompute's reason number; VRM_ERR_NOT_FOUND for unknown ids,
 * VRM_ERR_INVALID with REASON_VM_SAME_HOST when it already runs there. */
bool filter_check_target(const Snapshot *snap, int64_t vm_id, int64_t host_id,
                         const struct sched_params *params, GError **error);

#endif /* VRM_SCHEDULER_FILTER_H */
