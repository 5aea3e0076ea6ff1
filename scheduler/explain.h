/* explain.h - decisions in words.
 *
 * Pure; any thread.  Callers free the texts. */
#ifndef VRM_SCHEDULER_EXPLAIN_H
#define VRM_SCHEDULER_EXPLAIN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/sched_params.h"

/* "Why is the VM not on that host?": the first filter in the way, or what it would cost.  NULL and
 * VRM_ERR_NOT_FOUND for unknown ids. */
char *explain_why_not(const Snapshot *snap, int64_t vm_id, int64_t host_id,
                      const struct sched_params *params, GError **error);

#endif /* VRM_SCHEDULER_EXPLAIN_H */
