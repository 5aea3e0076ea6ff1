/* outcome.h - plans that follow each other, what they lead to and what they took; their output.
 *
 * Main thread. */
#ifndef VRM_SCHEDULER_TOOL_OUTCOME_H
#define VRM_SCHEDULER_TOOL_OUTCOME_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "scheduler/plan.h"
#include "scheduler/tool/input.h"
#include "scheduler/tool/options.h"

struct outcome {
    GPtrArray *plans; /* Plan *, in order; two at least are never needed before the first */
    Snapshot *before, *after;
    double plan_cpu_s;
    struct plan_measure present; /* the cluster as it is, where the first plan does not see it so */
    bool has_present;
};

void outcome_init(struct outcome *outcome, const Snapshot *before);
void outcome_clear(struct outcome *outcome);

/* The "before" of the table is the cluster of the snapshot. */
bool outcome_measure(struct outcome *outcome, const Snapshot *snap, const struct input *input,
                     GError **error);

/* Takes the plan; cpu_s: what it cost to make. */
void outcome_add(struct outcome *outcome, Plan *plan, double cpu_s);

/* Figures over all plans. */
struct outcome_sums {
    size_t n_moves, n_vms, n_stays; /* n_vms: that end elsewhere */
    int64_t vm_mb, copy_mb, makespan_ms;
};
struct outcome_sums outcome_sums(const struct outcome *outcome);

/* What the options ask for: table, JSON, or plain moves; commands. */
void outcome_print(const struct outcome *outcome, const struct input *input,
                   const struct options *options);
/* The same as a JSON object, for answers that hold more; new reference. */
json_t *outcome_json(const struct outcome *outcome, const struct input *input);
/* Writes the files that the options name. */
bool outcome_save(const struct outcome *outcome, const struct input *input,
                  const struct options *options, GError **error);

/* CPU seconds of this process so far. */
double outcome_cpu_seconds(void);

#endif /* VRM_SCHEDULER_TOOL_OUTCOME_H */
