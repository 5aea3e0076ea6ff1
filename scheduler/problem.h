/* problem.h - one cluster as dense arrays: what the search reads and never changes.
 *
 * Internal to the scheduler.  Structure of arrays, 32-bit indices in ascending order of ids, units
 * MHz, MiB and kbit/s.  A Problem borrows the snapshot, which must outlive it.  Pure. */
#ifndef VRM_SCHEDULER_PROBLEM_H
#define VRM_SCHEDULER_PROBLEM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "model/snapshot.h"
#include "scheduler/cpufit.h"
#include "scheduler/devfit.h"
#include "scheduler/filter.h"
#include "scheduler/ruleset.h"
#include "scheduler/sched_params.h"

/* Why a VM stays where it is, mildest first: DRS may repair overload and must-rules with a VM that
 * is cooling or not measured yet, a drain may move everything before PIN_BUSY. */
enum problem_pin {
    PIN_NONE,
    PIN_UNMEASURED,
    PIN_COOLING,
    PIN_DRS_OFF,
    PIN_PAUSED,
    PIN_BUSY,
    PIN_MOVING,
    PIN_STATE,
    PIN_TEMPLATE,
    PIN_BOUND,
    PIN_LOCAL_DISK,
    PIN_DEVICES,
};
#define N_PROBLEM_PINS 12

enum resource {
    RES_CPU,
    RES_MEM,
};
#define N_RESOURCES 2

/* What is not evened out and only counts beyond a host's bound. */
enum bounded {
    BOUNDED_VCPUS,
    BOUNDED_NET, /* kbit/s, both directions */
};
#define N_BOUNDED 2
#define NO_BOUND  INT64_MAX

/* A VM on its way holds memory at its source too, and is still there for keep-apart rules. */
struct problem_ghost {
    uint32_t vm, host;
};
VEC_DECLARE(problem_ghost_vec, struct problem_ghost);

/* More hosts in one cluster are refused: sums of squares must fit 63 bits (layout.c). */
#define PROBLEM_MAX_HOSTS 2048

typedef struct Problem {
    const Snapshot *snap;
    const Cluster *cluster;
    struct sched_params params;
    bool uses[N_RESOURCES];      /* resources to balance, by the cluster's factor */
    int64_t weight[N_RESOURCES]; /* of their imbalances against each other */
    bool local_disks;            /* there is storage that only one host sees */

    uint32_t n_hosts, n_usable;
    const Host **host;
    uint8_t *host_filter;           /* enum filter_id why it takes no VMs; 0: usable */
    int64_t *host_cap[N_RESOURCES]; /* net of the host's own reserve; > 0 */
    int64_t *host_mem_limit;        /* configured memory it may carry, with overcommitment */
    int64_t *host_bound[N_BOUNDED]; /* > 0; NO_BOUND: none */
    bool has_bound[N_BOUNDED];      /* for some host */
    uint32_t *host_rack;            /* fault domain: the smallest index of its hosts */
    int64_t *host_base_mem;         /* MiB held by VMs that are leaving */

    uint32_t n_vms;
    const Vm **vm;
    uint32_t *vm_home; /* host index; on its way: where it goes; NO_INDEX: not placed */
    int64_t *vm_demand[N_RESOURCES]; /* clipped by the limit */
    /* What it is entitled to: its demand, or where the cluster is too small for all, its part by
     * reservations and shares. */
    int64_t *vm_use[N_RESOURCES];
    int64_t *vm_part[N_BOUNDED];
    int64_t *vm_size;            /* configured memory */
    int64_t *vm_reserved;        /* CPU reservation */
    int64_t *vm_mem_reserved;    /* memory reservation; all 0 where memory is not overcommitted */
    bool contended[N_RESOURCES]; /* the cluster is too small for all demand */
    bool *vm_estimated;          /* vm_use is no measurement */
    uint8_t *vm_pin;             /* enum problem_pin */
    int64_t *vm_cost_ms, *vm_cost_mb;

    struct problem_ghost_vec ghosts;
    CpuFit *cpus;    /* NULL: any host's CPU serves */
    DevFit *devices; /* NULL: no VM needs one */
    Ruleset *rules;
} Problem;

/* VMs that are not running and are to be placed. */
struct problem_starts {
    const int64_t *ids; /* ascending */
    size_t n;
};

/* extra_vm_id: a VM that is not running and is to be placed (home NO_INDEX); 0: none.  Fails with
 * VRM_ERR_NOT_FOUND for unknown ids, with VRM_ERR_INVALID for a cluster that is too big. */
Problem *problem_new(const Snapshot *snap, int64_t cluster_id, const struct sched_params *params,
                     int64_t extra_vm_id, GError **error);
/* The same with several VMs that are to be placed. */
Problem *problem_new_starts(const Snapshot *snap, int64_t cluster_id,
                            const struct sched_params *params, const struct problem_starts *starts,
                            GError **error);
void problem_free(Problem *problem);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Problem, problem_free)

/* NO_INDEX if it is not part of the problem. */
uint32_t problem_find_host(const Problem *problem, int64_t host_id);
uint32_t problem_find_vm(const Problem *problem, int64_t vm_id);

/* For what-ifs after a failure: hosts that are kept free for fail-over take VMs.  Before the first
 * Layout. */
void problem_open_failover(Problem *problem);
/* Its cluster's HA policy names the host for fail-over, opened or not. */
bool problem_kept_free(const Problem *problem, uint32_t host);

/* The host is to be emptied: it takes no VMs and does not count. */
void problem_close_host(Problem *problem, uint32_t host);

static inline bool problem_usable(const Problem *problem, uint32_t host)
{
    return problem->host_filter[host] == FILTER_NONE;
}

/* Where a rule's members on a host count together: the host or its rack. */
static inline uint32_t problem_domain(const Problem *problem, uint32_t rule, uint32_t host)
{
    return problem->rules->rules[rule].by_rack ? problem->host_rack[host] : host;
}

/* The VM has a disk that only its present host sees. */
bool problem_has_local_disk(const Problem *problem, uint32_t vm);

/* It moves only for urgent reasons: it moved lately, or was not measured for long enough. */
static inline bool problem_rests(const Problem *problem, uint32_t vm)
{
    return problem->vm_pin[vm] == PIN_COOLING || problem->vm_pin[vm] == PIN_UNMEASURED;
}

/* NULL if the figures are good enough to decide with; else why not: "VM web1: newest sample is 95 s
 * old (at most 30 s)".  VMs that have too few samples are counted by estimate as long as they are
 * at most a third of the running VMs, of their vCPUs and of their memory.  Caller frees. */
char *problem_data_trouble(const Problem *problem);

/* "bound to its host"; for lists of VMs that stay.  Caller frees. */
char *problem_pin_text(const Problem *problem, uint32_t vm);
/* "moved lately": the same in two words, for counts. */
const char *problem_pin_word(enum problem_pin pin);

#endif /* VRM_SCHEDULER_PROBLEM_H */
