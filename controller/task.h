/* task.h - the task engine: every mutation that takes longer than a database write.
 *
 * A task is a row first (committed together with its intent: the VM's new status, target, run
 * generation), then work, then one final commit.  After a crash or a take-over the unfinished rows
 * are loaded and begun again: the work is a command whose id follows from the task, so an agent
 * that has already done it just says how it ended.  A row that no kind of task can carry on (of a
 * newer version, damaged) fails.  If a final commit cannot be written, nothing is
 * retried here: the role reloads everything from the database and begins again (controller/role.h).
 *
 * Loop thread only. */
#ifndef VRM_CONTROLLER_TASK_H
#define VRM_CONTROLLER_TASK_H

#include <glib.h>
#include <stdbool.h>

#include "controller/app.h"

/* A task under way. */
struct run {
    struct app *app;
    int64_t task_id;
    const struct task_kind *kind;
    void *data; /* the kind's own; freed by kind->free_data */
    bool finishing;
    bool bare;        /* the final commit holds the task only: its outcome could not be stored */
    unsigned tries;   /* of the final commit */
    char *called_off; /* why its controller wants it to end; NULL: it does not */
};

/* What a type of task does.  begin is called after its row is committed and again after a
 * take-over. */
struct task_kind {
    enum task_type type;
    enum object_kind entity; /* what it is about */
    void (*begin)(struct run *run);
    /* Asks the work to end early; NULL: cannot be cancelled.  Called once the wish is committed,
     * and again after a take-over. */
    void (*cancel)(struct run *run);
    /* Adds the outcome for the task's objects to the final commit. error NULL: success. */
    void (*record)(struct run *run, const Task *task, const GError *error, Commit *commit);
    /* After the final commit: releases what is held, starts what follows.  May be NULL. */
    void (*after)(struct run *run, const Task *task, bool ok);
    /* A child task has ended (final row written).  May be NULL. */
    void (*child_ended)(struct run *run, const Task *child, bool ok);
    void (*free_data)(void *data);
};

Tasks *tasks_new(struct app *app, const struct task_kind *const *kinds, size_t n_kinds);
void tasks_free(Tasks *tasks);

/* Forgets every run without ending it (before a reload). */
void tasks_reset(Tasks *tasks);
/* Begins every unfinished task of the inventory. */
void tasks_resume(Tasks *tasks);

/* A task object ready to be committed as running. */
Task *task_prepare(enum task_type type, enum object_kind kind, int64_t entity_id,
                   const char *entity_name, const char *user);

/* Nothing is begun or cancelled any more: the next controller finds the rows. */
void tasks_stop(Tasks *tasks);

/* Begins a task whose row has just been committed. */
void tasks_begin(Tasks *tasks, int64_t task_id);

/* The task as the inventory has it; NULL if unknown. */
const Task *run_task(const struct run *run);

/* Shown, not stored. */
void run_progress(struct run *run, int64_t progress);
/* Ends the task: error NULL is success.  Writes the final commit; the run is gone afterwards. */
void run_finish(struct run *run, const GError *error);

/* Commits the wish, then asks the work to end early.  done is called once the wish is committed (by
 * this call or one before) and cannot be forgotten, or refused; maybe from inside the call.  audit:
 * user, address, request id and operation, which must live until then. */
typedef void (*task_cancel_fn)(const GError *error, void *user);
void tasks_cancel(Tasks *tasks, int64_t task_id, const struct commit_audit *audit,
                  task_cancel_fn done, void *user);
/* The controller's own wish, as tasks_cancel(); CONFLICT if somebody else's came first.  why
 * becomes the task's reason, stored with the wish. */
void tasks_call_off(Tasks *tasks, int64_t task_id, const char *why, task_cancel_fn done,
                    void *user);
/* Did that end it, or will it? */
bool task_is_called_off(const Task *task);
/* The run of an unfinished task; NULL if there is none. */
struct run *tasks_find_run(Tasks *tasks, int64_t task_id);
/* Unfinished children of a parent. */
unsigned tasks_count_children(const struct app *app, int64_t parent_id);

/* Calls fn once when the task is final, or after timeout_ms with what it is then (NULL: unknown
 * task); from the loop. */
typedef void (*task_wait_fn)(const Task *task, void *user);
void tasks_wait(Tasks *tasks, int64_t task_id, int64_t timeout_ms, task_wait_fn fn, void *user);

/* One task holds a VM at a time.  BUSY names the holder. */
bool tasks_check_vm_free(const Tasks *tasks, int64_t vm_id, GError **error);
bool tasks_hold_vm(Tasks *tasks, int64_t vm_id, GError **error);
void tasks_release_vm(Tasks *tasks, int64_t vm_id);
bool tasks_vm_is_held(const Tasks *tasks, int64_t vm_id);
/* Marks the holder in the inventory once the task has an id, and the host whose memory a migration
 * takes. */
void tasks_mark_vm(Tasks *tasks, int64_t vm_id, int64_t task_id, int64_t target_host_id);

#endif /* VRM_CONTROLLER_TASK_H */
