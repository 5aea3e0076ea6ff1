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
    FILTER_VM_DEVICES = 6,
    FILTER_FAILOVER_HOST = 7,
    FILTER_NO_RIGHT = 8,
    FILTER_DATASTORE = 9,
    FILTER_CPU_THREADS = 10,
    FILTER_CPU_RATIO = 11,
    FILTER_CPU_RESERVATION = 12,
    FILTER_CPU_OVERLOAD = 13,
    FILTER_CPU_MODEL = 14,
    FILTER_MEMORY = 20,
    FILTER_MEM_RESERVATION = 21,
    FILTER_MEM_OVERLOAD = 22,
    FILTER_NETWORK = 23,
    FILTER_DEVICES = 24,
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

/* ---- for the scheduler itself --------------------------------------------------------------- */

struct Layout;
struct Problem;

/* What is asked; a filter applies to some of them. */
enum filter_use {
    FILTER_USE_START = 1 << 0, /* where a VM starts */
    FILTER_USE_USER = 1 << 1,  /* a person moves it */
    FILTER_USE_DRS = 1 << 2,   /* to even out load */
    FILTER_USE_DRAIN = 1 << 3, /* to empty its host */
    /* Only what does not depend on where other VMs are; for hosts passed through or swapped into.
     */
    FILTER_USE_STATIC = 1 << 4,
    FILTER_USE_RULES = 1 << 6,  /* rules between VMs alone, for one that is there already */
    FILTER_USE_BUNDLE = 1 << 5, /* as DRS, but its keep-together mates come along */
};

#define N_FILTER_USES 7
#define MAX_FILTERS   32

/* The filters that can keep anybody from anywhere in this problem, by use, in their order: most of
 * them cannot, and they are asked millions of times.  The first n_state of each list are about the
 * host's state alone. */
struct filter_lists {
    uint8_t at[N_FILTER_USES][MAX_FILTERS];
    uint8_t n[N_FILTER_USES], n_state[N_FILTER_USES];
};
void filter_prepare(const struct Problem *problem, struct filter_lists *ret_lists);

/* The first filter that keeps vm from going to host in this layout, FILTER_NONE if none does. */
enum filter_id filter_first(const struct Layout *layout, uint32_t vm, uint32_t host,
                            enum filter_use use);
/* "cna2: needs 512 MiB, 301 MiB free"; caller frees. */
char *filter_text(const struct Layout *layout, uint32_t vm, uint32_t host, enum filter_id id);
/* The VM and the host exist, belong together, and the VM is not there already; else as
 * filter_check_target. */
bool filter_check_pair(const Snapshot *snap, int64_t vm_id, int64_t host_id, GError **error);
/* The error for a target that a person named. */
void filter_refuse(const struct Layout *layout, uint32_t vm, uint32_t host, enum filter_id id,
                   GError **error);
/* enum vrm_err and enum reason of the filter, for a single named target. */
void filter_error(enum filter_id id, int *ret_code, int *ret_reason);

#endif /* VRM_SCHEDULER_FILTER_H */
