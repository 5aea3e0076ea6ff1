/* ganeti_improve.h - few moves for much of hbal's score.
 *
 * Internal to the scheduler.  Seeded annealing over single moves, moves home, replacements (another
 * VM of the same host goes instead) and exchanged targets, each VM away from home at a price; then
 * a descent to a placement that no single step betters.  Filters and must-rules hold at every step,
 * and overload, shortage and broken rules never grow.  Pure. */
#ifndef VRM_SCHEDULER_GANETI_IMPROVE_H
#define VRM_SCHEDULER_GANETI_IMPROVE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/ganeti.h"
#include "scheduler/plan.h"
#include "scheduler/sched_params.h"

struct ganeti_goal {
    const struct sched_params *sched;
    int level;           /* 1..9: what a move must gain; used if min_gain is 0 */
    int64_t min_gain;    /* in GANETI_SCORE_ONE: a move of average size must gain that */
    int64_t until_score; /* as few moves as lead to this score; < 0: none */
};

/* A plan whose moves lower hbal's score; what is urgent (rules, overload) is repaired before. snap:
 * ganeti_snapshot of `ganeti`, or a later state.  Fails with VRM_ERR_NOT_FOUND for an unknown
 * cluster. */
bool ganeti_improve(const Ganeti *ganeti, const Snapshot *snap, int64_t cluster_id,
                    const struct ganeti_goal *goal, Plan **ret_plan, GError **error);

#endif /* VRM_SCHEDULER_GANETI_IMPROVE_H */
