/* plan_targets.h - where each VM of a cluster goes if its host dies: the answer that failover?host=
 * gives, with second and third choices.
 *
 * The second choices are what the same computation says when half of the hosts is closed; the
 * halves are those whose place in the list has a bit set, or not, so that there is a half without
 * the first choice for every VM.  Pure; slow (some ms a host): workers only. */
#ifndef VRM_CONTROLLER_PLAN_TARGETS_H
#define VRM_CONTROLLER_PLAN_TARGETS_H

#include <glib.h>
#include <stdint.h>

#include "agentproto/ha_plan.h"
#include "model/snapshot.h"
#include "scheduler/sched_params.h"

struct plan_aim {
    int64_t vm;
    int64_t targets[HA_PLAN_TARGETS]; /* best first; 0: none */
};

/* Of struct plan_aim, for each VM that HA would restart; caller owns it. */
GArray *plan_targets(const Snapshot *snap, int64_t cluster_id, const struct sched_params *params);

#endif /* VRM_CONTROLLER_PLAN_TARGETS_H */
