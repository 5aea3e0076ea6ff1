/* evacuate.h - empty a host for maintenance over many targets.
 *
 * Pure; any thread. */
#ifndef VRM_SCHEDULER_EVACUATE_H
#define VRM_SCHEDULER_EVACUATE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/plan.h"
#include "scheduler/sched_params.h"

/* A target for every VM that runs on host_id (Plan.moves, in order of execution), and those that
 * cannot leave with the reason (Plan.stays).  The host may be maintaining already or not (preview).
 * Load data that are old or missing are replaced by estimates: a drain does not wait for them.
 * All moves are automatic.  Fails with VRM_ERR_NOT_FOUND (host), VRM_ERR_CONFLICT (host in no
 * cluster). */
bool evacuate_plan(const Snapshot *snap, int64_t host_id, const struct sched_params *params,
                   Plan **ret_plan, GError **error);

#endif /* VRM_SCHEDULER_EVACUATE_H */
