/* drs_private.h - between drs.c (planning), drs_order.c (orders) and drs_apply.c (carrying out). */
#ifndef VRM_CONTROLLER_DRS_PRIVATE_H
#define VRM_CONTROLLER_DRS_PRIVATE_H

#include "controller/drs.h"
#include "scheduler/plan.h"

struct drift_move;
struct drift_verdict;

struct app *drs_app(const Drs *drs);
/* The plan behind the cluster's latest report; NULL after a take-over. */
const Plan *drs_latest_plan(const Drs *drs, int64_t cluster_id);
/* Marks the cluster: a plan is being made, or one is being ordered, until drs_end.  BUSY while that
 * is so or a plan is being carried out, because a new plan takes the place of the one whose
 * dependencies the carrying out follows. */
bool drs_begin(Drs *drs, int64_t cluster_id, GError **error);
void drs_end(Drs *drs, int64_t cluster_id);
/* Is the recommendation among the chosen ones?  ids NULL: all are. */
bool drs_is_chosen(const int64_t *ids, size_t n_ids, int64_t rec_id);
/* A plan of this cluster is being carried out. */
bool drs_is_applying(const struct app *app, int64_t cluster_id);

/* drs_drift.c: judges the moves that wait or run by the loads of now, on the CPU worker.  Takes
 * moves (g_free).  The answer comes as drs_take_drift() unless the task is over by then.  False:
 * too much planning is waiting; moves is freed. */
bool drs_judge_drift(struct app *app, int64_t task_id, struct drift_move *moves, size_t n_moves);
/* drs_apply.c; verdicts NULL: nothing could be judged. */
void drs_take_drift(struct run *run, const struct drift_move *moves,
                    const struct drift_verdict *verdicts, size_t n_moves);

#endif /* VRM_CONTROLLER_DRS_PRIVATE_H */
