/* drift.h - do the moves of a plan still pay, now that the loads are others?
 *
 * A plan takes minutes; loads do not wait.  Each move that waits or runs is judged in the cluster
 * as it is now, with all the others done: what would be lost if just this one were left out?
 * Pure; any thread. */
#ifndef VRM_SCHEDULER_DRIFT_H
#define VRM_SCHEDULER_DRIFT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/sched_params.h"

/* In the plan's order; a VM that steps aside first has two. */
struct drift_move {
    int64_t vm_id, from_id, to_id;
    bool running;
    int64_t progress; /* percent, of a running one */
};

enum drift_advice {
    DRIFT_KEEP,
    DRIFT_DROP,   /* a waiting one: do not begin it */
    DRIFT_CANCEL, /* a running one: call it off */
};

struct drift_verdict {
    enum drift_advice advice;
    char *why; /* NULL: keep */
};
void drift_verdicts_free(struct drift_verdict *verdicts, size_t n);

struct drift_question {
    int64_t cluster_id;
    const struct drift_move *moves;
    size_t n_moves;
};

/* One verdict for each move, in *ret_verdicts.  With data too old to judge all are kept.  Fails
 * with VRM_ERR_NOT_FOUND for an unknown cluster. */
bool drift_judge(const Snapshot *snap, const struct drift_question *question,
                 const struct sched_params *params, struct drift_verdict **ret_verdicts,
                 GError **error);

#endif /* VRM_SCHEDULER_DRIFT_H */
