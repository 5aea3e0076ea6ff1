/* dpm.h - power management: when hosts are looked at, what is recommended, and what is done.
 *
 * Which host may sleep or must wake is the scheduler's word (scheduler/dpm.h), on the CPU worker,
 * over two pictures of the cluster: loads over a long window, which this module remembers, and over
 * a short one.  What comes out is stored as a plan with recommendations; automatic clusters carry
 * them out at once, manual ones wait for a person, and in one whose DPM was switched off the hosts
 * that sleep are woken.  Tasks carry out: task_dpm.h.
 *
 * A host that a person switched off is left off.  Loop thread only. */
#ifndef VRM_CONTROLLER_DPM_H
#define VRM_CONTROLLER_DPM_H

#include "controller/dpm_trouble.h"
#include "controller/task.h"
#include "scheduler/dpm.h"

Dpm *dpm_new(struct app *app);
void dpm_free(Dpm *dpm);
/* Forgets plans and loads of another life (before a reload). */
void dpm_reset(Dpm *dpm);
/* After a take-over: learns from finished tasks which hosts are to be left alone for a while. */
void dpm_resume(Dpm *dpm);

/* Looks at the cluster now; done (may be NULL) is called once the verdict is there. */
typedef void (*dpm_done_fn)(const GError *error, void *user);
void dpm_look(Dpm *dpm, int64_t cluster_id, dpm_done_fn done, void *user);

/* The VM's start found no room: it counts as one that waits, if a host of its cluster sleeps.  True
 * if so. */
bool dpm_want_start(Dpm *dpm, const Vm *vm);
/* One that is gone, or was stopped. */
void dpm_forget_vm(Dpm *dpm, int64_t vm_id);

/* A task of DPM has ended; remembers how, and tells people of trouble. */
void dpm_task_ended(Dpm *dpm, const Task *task);

/* ---- orders: dpm_order.c ----------------------------------------------------------------------
 */

/* Carries out open recommendations about hosts; task_id: the first of the tasks, 0 when refused. */
typedef void (*dpm_apply_fn)(int64_t task_id, const GError *error, void *user);
struct dpm_order {
    int64_t cluster_id;
    const int64_t *ids; /* NULL: all open ones */
    size_t n_ids;
    const char *user, *address; /* NULL: the controller itself */
};
void dpm_apply(Dpm *dpm, const struct dpm_order *order, dpm_apply_fn done, void *user);
/* Empties the host, switches it off and on again: refused with the reason when that is impossible.
 */
struct dpm_proof {
    int64_t host_id;
    const char *user, *address;
};
void dpm_prove(Dpm *dpm, const struct dpm_proof *proof, dpm_apply_fn done, void *user);

/* ---- for the API ------------------------------------------------------------------------------
 */

/* The latest verdict; NULL: none yet.  Valid until the next turn of the loop. */
const DpmPlan *dpm_latest(const Dpm *dpm, int64_t cluster_id, int64_t *ret_at_ms);
/* The latest recommendations; NULL: none yet. */
const DrsReport *dpm_report(const Dpm *dpm, int64_t cluster_id);
/* What keeps DPM from the host now; NULL: nothing. */
const struct dpm_trouble *dpm_host_trouble(const Dpm *dpm, const Host *host);
/* Was its wake-up proven within proof_days? */
bool dpm_is_proven(const struct app *app, const Host *host);
/* DPM is on in its cluster, and may not use it for want of that proof. */
bool dpm_lacks_proof(const struct app *app, const Host *host);
bool dpm_is_task(enum task_type type);
/* The unfinished task that holds the host; NULL: none. */
const Task *dpm_host_task(const struct app *app, int64_t host_id);
/* How long DPM had it asleep, with the present time; and what that saved. */
int64_t dpm_slept_ms(const Host *host);
int64_t dpm_saved_wh(const struct app *app, const Host *host);

#endif /* VRM_CONTROLLER_DPM_H */
