/* balance.h - moves that end overload, mend rules and even out load in one cluster (DRS).
 *
 * Objective, lexicographic: broken must-rules; memory shortage, CPU overload; broken should-rules;
 * then imbalance (see struct plan_measure) over the horizon plus lambda x the cost of the moves,
 * lambda from the threshold level.  Load is vm->load (a high percentile kept by the controller).
 * Pure: same snapshot, same params, same plan.  Any thread. */
#ifndef VRM_SCHEDULER_BALANCE_H
#define VRM_SCHEDULER_BALANCE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/plan.h"
#include "scheduler/sched_params.h"

/* Stores the moves in *ret_plan, in order of execution; an empty plan means "leave it" and its
 * verdict says why.  Data too old or missing is not an error but a plan with decided == false.
 * Fails with VRM_ERR_NOT_FOUND for an unknown cluster. */
bool balance_plan(const Snapshot *snap, int64_t cluster_id, const struct sched_params *params,
                  Plan **ret_plan, GError **error);

/* The cluster as it is now.  Fails with VRM_ERR_NOT_FOUND for an unknown cluster and with
 * VRM_ERR_UNAVAILABLE, naming the host or VM, when data are too old or missing. */
bool balance_measure(const Snapshot *snap, int64_t cluster_id, const struct sched_params *params,
                     struct plan_measure *ret_measure, GError **error);

/* What a threshold level means. */
struct balance_level {
    int64_t threshold;      /* per mille of imbalance below which nothing is moved to balance */
    int64_t min_gain;       /* per mille of one host that a balancing move must gain at least */
    int64_t lambda_percent; /* weight of the cost: 100: a move must repay just its own cost */
    const char *why;
};

/* level 1 (conservative) .. 9 (aggressive); NULL for others (0: off). */
const struct balance_level *balance_level(int level);

/* ---- for the scheduler itself --------------------------------------------------------------- */

struct Layout;

/* The level DRS works with now; 0 and *ret_why (caller frees) if it rests. */
int balance_level_now(const Cluster *cluster, const struct sched_params *params, char **ret_why);

/* Is the layout so uneven that something is moved to balance it? */
bool balance_is_worth(const struct Layout *layout, const struct balance_level *level);

#endif /* VRM_SCHEDULER_BALANCE_H */
