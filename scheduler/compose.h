/* compose.h - from ordered steps to a Plan: gains, costs, reasons and sentences.
 *
 * Internal to the scheduler.  Pure. */
#ifndef VRM_SCHEDULER_COMPOSE_H
#define VRM_SCHEDULER_COMPOSE_H

#include "scheduler/order.h"
#include "scheduler/plan.h"

/* Appends order's steps to the plan as moves and sets before, after and makespan.  use: DRS or
 * DRAIN; a drain's moves all have the reason evacuation and are automatic. */
void compose_moves(Plan *plan, const Problem *problem, const Order *order, enum filter_use use);

/* The same for DRS, but what a move for balance is good for is left to the caller to say. */
void compose_unnamed_moves(Plan *plan, const Problem *problem, const Order *order);

#endif /* VRM_SCHEDULER_COMPOSE_H */
