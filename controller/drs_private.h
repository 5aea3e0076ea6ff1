/* drs_private.h - between drs.c (planning), drs_order.c (orders) and drs_apply.c (carrying out). */
#ifndef VRM_CONTROLLER_DRS_PRIVATE_H
#define VRM_CONTROLLER_DRS_PRIVATE_H

#include "controller/drs.h"
#include "scheduler/plan.h"

struct app *drs_app(const Drs *drs);
/* The plan behind the cluster's latest report; NULL after a take-over. */
const Plan *drs_latest_plan(const Drs *drs, int64_t cluster_id);
/* Marks the cluster: a plan is being made, or one is being ordered, until drs_end.  BUSY while that
 * is so or a plan is being carried out, because a new plan takes the place of the one whose
 * dependencies the carrying out follows. */
bool drs_begin(Drs *drs, int64_t cluster_id, GError **error);
void drs_end(Drs *drs, int64_t cluster_id);
/* A plan of this cluster is being carried out. */
bool drs_is_applying(const struct app *app, int64_t cluster_id);

#endif /* VRM_CONTROLLER_DRS_PRIVATE_H */
