/* show.h - plans, measures and clusters as tables and as JSON.
 *
 * Main thread. */
#ifndef VRM_SCHEDULER_TOOL_SHOW_H
#define VRM_SCHEDULER_TOOL_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/json.h"
#include "model/snapshot.h"
#include "scheduler/plan.h"

/* The balance before and after, side by side; after may be NULL. */
void show_measures(FILE *out, const struct plan_measure *before, const struct plan_measure *after);
/* One line a move, numbered on from *number; more: the best alternative and why it lost. */
void show_moves(FILE *out, const Plan *plan, size_t *number, bool more);
void show_stays(FILE *out, const Plan *plan);
/* The hosts of a cluster with what they carry. */
void show_hosts(FILE *out, const char *title, const Snapshot *snap, int64_t cluster_id);
/* Where each VM is, and was. */
void show_vms(FILE *out, const Snapshot *before, const Snapshot *after, int64_t cluster_id);

/* New references. */
json_t *show_measure_json(const struct plan_measure *measure);
json_t *show_plan_json(const Plan *plan);

/* Progress also where standard error is no terminal, a line each. */
void show_progress_always(void);
/* On a terminal, a line on standard error that says what goes on; the next one replaces it. */
void show_progress(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Removes the line. */
void show_progress_end(void);

#endif /* VRM_SCHEDULER_TOOL_SHOW_H */
