/* right_steps.h - the right to run a VM, as the steps of its task: before a start, around a
 * migration.
 *
 * Level-triggered: each step follows from the VM's record in etcd as it is, so a task that another
 * controller began goes on where the record says it is, and commands carry ids that follow from the
 * task.  Nothing here makes a second start harmless: the record's transactions do (ha/right.h).
 *
 *   start    the former owner gives up what it does not run (release), then assign
 *   share    the migration's target becomes the second owner and its vrm-hald takes the VM in
 *   settle   after the migration: one owner is left, by its host's own word
 *
 * Loop thread only. */
#ifndef VRM_CONTROLLER_RIGHT_STEPS_H
#define VRM_CONTROLLER_RIGHT_STEPS_H

#include <glib.h>
#include <stdbool.h>

#include "controller/app.h"

typedef struct RightSteps RightSteps;

/* Does the VM need a right to run: [ha] is on, and not all its disks are on local storage? */
bool right_steps_needed(const struct app *app, const Vm *vm);

/* As far as is known now, before anything is begun: may the VM start on this host, or move there?
 * UNAVAILABLE or CONFLICT says who stands in the way, and what will end that. */
bool right_steps_check_start(const struct app *app, const Vm *vm, int64_t host_id, GError **error);
bool right_steps_check_move(const struct app *app, const Vm *vm, int64_t target_id, GError **error);
/* After a take-over: the records are not read yet. */
bool right_steps_await(const struct app *app);

struct right_job {
    struct app *app;
    int64_t task_id, vm_id;
    int64_t host_id;   /* start: where; migration: its target */
    int64_t source_id; /* migration */
    bool moved;        /* settle: the migration succeeded */
};

/* token: for the start's command; NULL with an error, or when none is needed.  Called once, never
 * from inside the call. */
typedef void (*right_steps_fn)(const char *token, const GError *error, void *user);
RightSteps *right_steps_start(const struct right_job *job, right_steps_fn done, void *user);
RightSteps *right_steps_share(const struct right_job *job, right_steps_fn done, void *user);
/* An error only tells what is left to do: it is done by others later. */
RightSteps *right_steps_settle(const struct right_job *job, right_steps_fn done, void *user);
/* done is not called any more; also from inside done.  NULL is fine. */
void right_steps_free(RightSteps *steps);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RightSteps, right_steps_free)

#endif /* VRM_CONTROLLER_RIGHT_STEPS_H */
