/* plan.h - what the scheduler decided: moves in order of execution, and why.
 *
 * Life: made by balance_plan or evacuate_plan, owned by the caller, freed with plan_free.  A plan
 * does not refer to the snapshot it came from (it owns its strings), so it may outlive it.  The
 * controller turns it into a DrsReport with Recommendations.  One thread at a time. */
#ifndef VRM_SCHEDULER_PLAN_H
#define VRM_SCHEDULER_PLAN_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "model/state.h"

/* State of a cluster in numbers.  Load of a host: demand / capacity in per mille.  Hosts that are
 * not usable (not connected, not normal, maintaining) are left out.
 *
 *   stdev      standard deviation of the hosts' loads
 *   max, mean  of the hosts' loads
 *   imbalance  stdev + (max - mean) / max(4, hosts / 4); with factor "both" the mean of the CPU and
 *              the memory figure.  0: perfectly even.
 *   overload   MHz of CPU entitlement beyond the capacity of the host it is on, summed.  A VM is
 *              entitled to its demand (clipped by its limit), or where the cluster is too small for
 *              all demand to its part of it, by reservations and shares (entitle.h)
 *   shortage   MiB of configured memory beyond what may be promised, summed; where memory is
 *              overcommitted also what is touched beyond what there is
 *   net        load of the uplinks, of hosts whose speed is known; over: kbit/s beyond, summed
 *   vcpu       vCPUs over the most that the hosts may have; over: vCPUs beyond, summed */
struct plan_measure {
    int64_t imbalance;
    int64_t overload_mhz;
    int64_t shortage_mb;
    int64_t cpu_stdev, cpu_max, cpu_mean;
    int64_t mem_stdev, mem_max, mem_mean;
    int64_t net_max, net_over_kbps;
    int64_t vcpu_max, vcpus_over;
    int64_t must_broken, should_broken; /* VMs at the wrong place by a rule */
    int64_t n_hosts;                    /* that count */
};

struct plan_move {
    int64_t vm_id, from_id, to_id;
    char *vm_name, *from_name, *to_name;
    enum move_reason reason;
    bool automatic; /* the cluster's level and the VM's override allow it without a person */
    bool detour;    /* first leg to a spare host; a later move of the same VM ends it */
    int64_t rating; /* 1..5, 5 most urgent */
    /* what it adds when done after the moves above; the sums are before - after of the plan.  The
     * first half of an exchange may well be negative. */
    int64_t gain_overload_mhz;
    int64_t gain_balance; /* per mille of imbalance */
    int64_t gain_rules;   /* broken rules mended */
    int64_t cost_ms, cost_mb;
    int64_t start_ms;  /* expected start after the plan's start, with the caps of the params */
    uint32_t *depends; /* indices of moves (all < own index) that must have ended before it starts:
                        * while this holds, rules and memory hold at every moment, whatever the
                        * order and durations */
    size_t n_depends;
    char *text;     /* the reason in a sentence */
    char *rejected; /* the best alternative and why it lost; "" none */
};

/* A VM that should leave and cannot (evacuation). */
struct plan_stay {
    int64_t vm_id;
    char *vm_name;
    bool transient; /* busy now: asking again later may help */
    char *text;     /* why, with each host's reason */
};

VEC_DECLARE(plan_move_vec, struct plan_move);
VEC_DECLARE(plan_stay_vec, struct plan_stay);

typedef struct Plan {
    int64_t cluster_id;
    bool decided;  /* false: data too old or missing, verdict says whose; there are no moves */
    char *verdict; /* one sentence, also when there are no moves */
    struct plan_measure before, after;
    struct plan_move_vec moves;
    struct plan_stay_vec stays;
    uint32_t n_unordered; /* VMs left out because their moves had no safe order; the next plan, made
                           * when this one is done, may find one */
    int64_t makespan_ms;  /* expected duration of the whole, with the caps */
} Plan;

Plan *plan_new(int64_t cluster_id);
void plan_free(Plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)

/* Appends an empty move (strings "") and returns it; valid until the next append. */
struct plan_move *plan_add_move(Plan *plan);
struct plan_stay *plan_add_stay(Plan *plan);

/* Only the first n moves, or fewer: none is left that waits aside for a later one.  They are a safe
 * plan of their own; `after` and the verdict are the caller's to set. */
void plan_cut(Plan *plan, size_t n);

/* Replaces the verdict. */
void plan_set_verdict(Plan *plan, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The whole plan as text, the same bytes for the same plan; caller frees. */
char *plan_format(const Plan *plan);
/* FNV-1a over plan_format(). */
uint64_t plan_hash(const Plan *plan);

#endif /* VRM_SCHEDULER_PLAN_H */
