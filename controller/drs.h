/* drs.h - balancing: when to plan, what is shown, how a plan is carried out.
 *
 * Planning itself is the scheduler's, on the CPU worker, over a snapshot.  Every verdict is stored,
 * also "leave it" and "no decision".  Automatic clusters carry a plan out at once, as one task with
 * a child for each migration; manual ones wait for a person.  While such a plan runs it is held
 * against the loads every 10 s (scheduler/drift.h): moves that no longer pay are dropped, a running
 * one whose gain has clearly gone is called off, each with an event.  Loop thread only. */
#ifndef VRM_CONTROLLER_DRS_H
#define VRM_CONTROLLER_DRS_H

#include "controller/task.h"

Drs *drs_new(struct app *app);
void drs_free(Drs *drs);
/* Forgets plans that were made in another life (before a reload). */
void drs_reset(Drs *drs);

typedef void (*drs_done_fn)(const GError *error, void *user);
/* Plans now; done (may be NULL) is called once the verdict is stored.  on_demand: a person asks, so
 * a plan is made also while DRS is off; nothing is applied by itself then. */
void drs_plan(Drs *drs, int64_t cluster_id, bool on_demand, drs_done_fn done, void *user);

/* Carries out open recommendations; ids NULL: all open ones.  task_id is 0 when refused. */
typedef void (*drs_apply_fn)(int64_t task_id, const GError *error, void *user);
struct drs_order {
    int64_t cluster_id;
    const int64_t *ids;
    size_t n_ids;
    const char *user, *address; /* NULL: the controller itself */
};
void drs_apply(Drs *drs, const struct drs_order *order, drs_apply_fn done, void *user);

extern const struct task_kind drs_apply_kind;

#endif /* VRM_CONTROLLER_DRS_H */
