/* naive.h - a judge of plans that shares no code with the scheduler.
 *
 * It knows the snapshot's objects, the plan and the numbers of the policy, counts everything anew
 * at every moment, and does nothing clever.  What it means by "right" is written here once more on
 * purpose: where the scheduler and the judge disagree, one of them is wrong.
 *
 * At every moment, in whatever order and with whatever durations the moves run:
 *   - no host carries more configured memory than it may, or than it did (a VM on its way holds
 *     memory at both ends); no more vCPUs, no more reserved MHz;
 *   - counted apart: a host with more demand than it had, will have at the end and can carry; two
 *     full hosts that exchange VMs cannot avoid it;
 *   - no two VMs of a keep-apart must-rule share a host that did not before, at either end;
 *   - nothing goes where a must-rule, its CPU, its ties or the host's state forbid.
 * At the end no must-rule is broken more than before. */
#ifndef VRM_TESTS_NAIVE_H
#define VRM_TESTS_NAIVE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "model/snapshot.h"
#include "scheduler/plan.h"
#include "scheduler/sched_params.h"

/* What a host carries. */
struct naive_sum {
    int64_t mem_mb, vcpus, reserved_mhz, cpu_mhz;
    int64_t touched_mb, mem_reserved_mb; /* of memory that is overcommitted */
    int64_t net_kbps;
};

typedef struct Naive {
    const Snapshot *snap;
    const struct sched_params *params;
    const Cluster *cluster;
    int64_t closed_id;       /* host that is emptied; 0: none */
    int *at, *to;            /* per VM: place of its host in snap->hosts, and where it goes; -1 */
    bool *ours;              /* per VM: its move is the plan's */
    bool *member;            /* [rule * n_vms + vm] */
    struct naive_sum *first; /* per host, before the plan */
    int *first_at, *first_to;
    GString *blame;         /* everything that was found wrong, a line each */
    bool open;              /* a failure is thought of: fail-over hosts take VMs */
    bool drs;               /* the plan is DRS's: overload counts */
    struct naive_sum *last; /* per host, after the plan */
    bool hot;               /* a host has too much demand now */
    uint64_t n_hot;         /* moves by which one came to that */
} Naive;

/* The cluster as it is.  snap and params must outlive it. */
Naive *naive_new(const Snapshot *snap, int64_t cluster_id, const struct sched_params *params,
                 int64_t closed_id);
void naive_free(Naive *naive);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Naive, naive_free)

void naive_blame(Naive *naive, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Carries the plan out in a random order that its dependencies and the caps allow; stops at the
 * first wrong and says false. */
bool naive_carry_out(Naive *naive, const Plan *plan, struct rng *rng);
/* The times that the plan itself expects: dependencies, caps, makespan. */
void naive_check_times(Naive *naive, const Plan *plan);

/* The cluster in numbers, as things will be when all that is on its way has arrived. */
struct naive_figures {
    int64_t must, should, overload_mhz, shortage_mb;
    int64_t crowd; /* vCPUs and traffic beyond bounds, 100,000ths of them */
    bool short_of; /* CPU or overcommitted memory do not suffice for all: then the scheduler counts
                    * what VMs are entitled to, and this judge has no say */
};
struct naive_figures naive_figures(const Naive *naive);
/* VMs in wrong places by rule r of the snapshot. */
int64_t naive_misplaced(const Naive *naive, size_t r);
bool naive_is_must(const Rule *rule);

/* Could the VM start on host h (place in snap->hosts), or be sent there by a person?  NULL: yes;
 * else in one word why not. */
const char *naive_why_not(const Naive *naive, size_t v, size_t h);

bool naive_usable(const Naive *naive, size_t h);
int64_t naive_mem_cap(const Naive *naive, size_t h);
int64_t naive_mem_limit(const Naive *naive, size_t h);
int64_t naive_cpu_cap(const Naive *naive, size_t h);
int64_t naive_vcpu_limit(const Naive *naive, size_t h);
void naive_sums(const Naive *naive, struct naive_sum *sums);
int64_t naive_demand(const Naive *naive, size_t v);
int naive_host(const Snapshot *snap, int64_t id);
int naive_vm(const Snapshot *snap, int64_t id);

#endif /* VRM_TESTS_NAIVE_H */
