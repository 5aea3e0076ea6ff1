/* task.c - see task.h. */
#include "config.h"

#include "controller/task.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/role.h"
#include "model/reason.h"

#define CALLED_OFF  "called off: " /* begins the reason of a task that its controller ends */
#define FINAL_TRIES 20             /* a rename may overtake a final commit; then it is built anew */

struct waiter {
    Tasks *tasks;
    int64_t task_id;
    task_wait_fn fn;
    void *user;
    guint timer;
};

struct Tasks {
    struct app *app;
    const struct task_kind *kinds[N_TASK_TYPES];
    GHashTable *runs;  /* int64 task id -> struct run */
    GHashTable *holds; /* set of int64 VM ids */
    GPtrArray *waiters;
    bool stopped;
};

static void free_run(void *data)
{
    struct run *run = data;

    if (run->data && run->kind->free_data)
        run->kind->free_data(run->data);
    g_free(run->called_off);
    g_free(run);
}

static void free_waiter(void *data)
{
    struct waiter *waiter = data;

    if (waiter->timer)
        g_source_remove(waiter->timer);
    g_free(waiter);
}

Tasks *tasks_new(struct app *app, const struct task_kind *const *kinds, size_t n_kinds)
{
    Tasks *tasks = g_new0(Tasks, 1);

    tasks->app = app;
    for (size_t i = 0; i < n_kinds; i++)
        tasks->kinds[kinds[i]->type] = kinds[i];
    tasks->runs = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, free_run);
    tasks->holds = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    tasks->waiters = g_ptr_array_new_with_free_func(free_waiter);
    return tasks;
}

void tasks_free(Tasks *tasks)
{
    if (!tasks)
        return;
    g_ptr_array_unref(tasks->waiters);
    g_hash_table_unref(tasks->runs);
    g_hash_table_unref(tasks->holds);
    g_free(tasks);
}

static const Task *find_task(const struct app *app, int64_t task_id)
{
    return snapshot_builder_get_task(inventory_edit(app->inv), task_id);
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

static void answer_waiter(struct waiter *waiter)
{
    Tasks *tasks = waiter->tasks;
    task_wait_fn fn = waiter->fn;
    void *user = waiter->user;
    const Task *task = find_task(tasks->app, waiter->task_id);

    (void)g_ptr_array_remove_fast(tasks->waiters, waiter);
    fn(task, user);
}

static gboolean on_wait_timeout(void *data)
{
    struct waiter *waiter = data;

    waiter->timer = 0;
    answer_waiter(waiter);
    return G_SOURCE_REMOVE;
}

void tasks_wait(Tasks *tasks, int64_t task_id, int64_t timeout_ms, task_wait_fn fn, void *user)
{
    const Task *task = find_task(tasks->app, task_id);
    struct waiter *waiter = g_new0(struct waiter, 1);

    *waiter = (struct waiter){ .tasks = tasks, .task_id = task_id, .fn = fn, .user = user };
    if (!task || task_is_final(task))
        timeout_ms = 0;
    waiter->timer = g_timeout_add((guint)timeout_ms, on_wait_timeout, waiter);
    g_ptr_array_add(tasks->waiters, waiter);
}

static void answer_waiters_of(Tasks *tasks, int64_t task_id)
{
    for (guint i = tasks->waiters->len; i > 0; i--) {
        struct waiter *waiter = tasks->waiters->pdata[i - 1];

        if (waiter->task_id == task_id)
            answer_waiter(waiter);
    }
}

/* ---- holds ------------------------------------------------------------------------------------
 */

bool tasks_vm_is_held(const Tasks *tasks, int64_t vm_id)
{
    return g_hash_table_contains(tasks->holds, &vm_id);
}

bool tasks_check_vm_free(const Tasks *tasks, int64_t vm_id, GError **error)
{
    const Vm *vm;
    const Task *task;

    if (!tasks_vm_is_held(tasks, vm_id))
        return true;
    vm = snapshot_builder_get_vm(inventory_edit(tasks->app->inv), vm_id);
    task = vm ? find_task(tasks->app, vm->task_id) : NULL;
    err_set_reason(error, VRM_ERR_BUSY, REASON_VM_BUSY, NULL,
                   "VM %s is held by %s; wait for it or cancel it", vm ? vm->name : "?",
                   task ? task_type_name(task->type) : "an operation that has just begun");
    return false;
}

bool tasks_hold_vm(Tasks *tasks, int64_t vm_id, GError **error)
{
    if (!tasks_check_vm_free(tasks, vm_id, error))
        return false;
    (void)g_hash_table_add(tasks->holds, g_memdup2(&vm_id, sizeof(vm_id)));
    return true;
}

void tasks_mark_vm(Tasks *tasks, int64_t vm_id, int64_t task_id, int64_t target_host_id)
{
    SnapshotBuilder *builder = inventory_edit(tasks->app->inv);
    const Vm *current = snapshot_builder_get_vm(builder, vm_id);
    Vm *vm;

    if (!current)
        return;
    vm = vm_dup(current);
    vm->task_id = task_id;
    vm->target_host_id = target_host_id;
    snapshot_builder_put_vm(builder, vm);
}

void tasks_release_vm(Tasks *tasks, int64_t vm_id)
{
    (void)g_hash_table_remove(tasks->holds, &vm_id);
    tasks_mark_vm(tasks, vm_id, 0, 0);
}

/* ---- begin ------------------------------------------------------------------------------------
 */

Task *task_prepare(enum task_type type, enum object_kind kind, int64_t entity_id,
                   const char *entity_name, const char *user)
{
    Task *task = task_new();

    task->type = type;
    task->origin = ORIGIN_USER;
    task->entity_kind = kind;
    task->entity_id = entity_id;
    g_free(task->entity_name);
    task->entity_name = g_strdup(entity_name);
    g_free(task->user);
    task->user = g_strdup(user);
    task->status = TASK_RUNNING;
    task->start_ms = clock_wall_ms();
    return task;
}

const Task *run_task(const struct run *run)
{
    return find_task(run->app, run->task_id);
}

static void begin_foreign(struct run *run)
{
    const Task *task = run_task(run);
    g_autoptr(GError) error = NULL;

    err_set(&error, VRM_ERR_INTERNAL,
            "the database holds an unfinished %s about one of the %s, which this controller cannot "
            "carry on",
            task_type_name(task->type), object_kind_segment(task->entity_kind));
    run_finish(run, error);
}

static void after_foreign(struct run *run, const Task *task, bool ok)
{
    (void)ok;
    if (task->entity_kind == OBJECT_VM)
        tasks_release_vm(run->app->tasks, task->entity_id);
}

/* For rows that we cannot have written. */
static const struct task_kind foreign_kind = { .begin = begin_foreign, .after = after_foreign };

static const struct task_kind *kind_of(const Tasks *tasks, const Task *task)
{
    const struct task_kind *kind = tasks->kinds[task->type];

    return kind && kind->entity == task->entity_kind ? kind : &foreign_kind;
}

static struct run *begin_run(Tasks *tasks, const Task *task)
{
    struct run *run = g_new0(struct run, 1);

    *run = (struct run){ .app = tasks->app, .task_id = task->id, .kind = kind_of(tasks, task) };
    (void)g_hash_table_replace(tasks->runs, &run->task_id, run);
    run->kind->begin(run);
    return run;
}

void tasks_stop(Tasks *tasks)
{
    tasks->stopped = true;
}

void tasks_begin(Tasks *tasks, int64_t task_id)
{
    if (tasks->stopped)
        return;
    (void)begin_run(tasks, find_task(tasks->app, task_id));
}

void tasks_reset(Tasks *tasks)
{
    g_hash_table_remove_all(tasks->runs);
    g_hash_table_remove_all(tasks->holds);
}

bool task_is_called_off(const Task *task)
{
    return g_str_has_prefix(task->reason_text, CALLED_OFF);
}

static void note_called_off(struct run *run, const char *why)
{
    g_free(run->called_off);
    run->called_off = g_strdup(why);
}

/* Ends early what somebody wanted to end, before the take-over or now. */
static void pass_cancel(struct run *run)
{
    if (!run->finishing && run->kind->cancel && !run->app->tasks->stopped)
        run->kind->cancel(run);
}

static void resume(Tasks *tasks, const Task *task)
{
    bool cancel_wanted = task->cancel_wanted;
    g_autofree char *why = cancel_wanted && task_is_called_off(task)
                               ? g_strdup(task->reason_text + strlen(CALLED_OFF))
                               : NULL;
    struct run *run = begin_run(tasks, task);

    if (why)
        note_called_off(run, why);
    if (cancel_wanted)
        pass_cancel(run);
}

void tasks_resume(Tasks *tasks)
{
    const Snapshot *snap = inventory_peek(tasks->app->inv);
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int64_t));

    for (size_t i = 0; i < snap->n_tasks; i++) {
        if (!task_is_final(snap->tasks[i]))
            g_array_append_val(ids, snap->tasks[i]->id);
    }
    for (guint i = 0; i < ids->len; i++) {
        const Task *task = find_task(tasks->app, g_array_index(ids, int64_t, i));
        g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, task->id);

        log_info("resuming a task", "TASK", id, "TYPE", task_type_name(task->type), "OBJECT",
                 task->entity_name, NULL);
        if (task->entity_kind == OBJECT_VM && tasks_hold_vm(tasks, task->entity_id, NULL))
            tasks_mark_vm(tasks, task->entity_id, task->id,
                          task->type == TASK_MIGRATE_VM ? task->target_host_id : 0);
    }
    for (guint i = 0; i < ids->len; i++)
        resume(tasks, find_task(tasks->app, g_array_index(ids, int64_t, i)));
}

/* ---- progress and end -------------------------------------------------------------------------
 */

void run_progress(struct run *run, int64_t progress)
{
    const Task *current = run_task(run);
    Task *task;

    progress = CLAMP(progress, 0, 99);
    if (run->finishing || !current || current->progress >= progress)
        return;
    task = task_dup(current);
    task->progress = progress;
    snapshot_builder_put_task(inventory_edit(run->app->inv), task);
}

static void log_end(const Task *task, const GError *error)
{
    g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, task->id);

    if (error)
        log_warning("task failed", "TASK", id, "TYPE", task_type_name(task->type), "OBJECT",
                    task->entity_name, "REASON", error->message, NULL);
    else
        log_info("task done", "TASK", id, "TYPE", task_type_name(task->type), "OBJECT",
                 task->entity_name, NULL);
}

struct final_commit {
    struct app *app;
    int64_t task_id;
    GError *error;
};

static void write_final(struct run *run, GError *error);

/* Keeps memory bounded: the oldest finished tasks leave the inventory, not the database. */
static void drop_old_tasks(struct app *app)
{
    SnapshotBuilder *builder = inventory_edit(app->inv);
    const Snapshot *snap = inventory_peek(app->inv);
    size_t limit = (size_t)app->settings->recent_tasks + 100;

    if (snap->n_tasks <= limit)
        return;
    for (size_t i = 0; i < snap->n_tasks - (size_t)app->settings->recent_tasks; i++) {
        if (task_is_final(snap->tasks[i]))
            snapshot_builder_remove_task(builder, snap->tasks[i]->id);
    }
}

static void tell_parent(Tasks *tasks, const Task *child, bool ok)
{
    struct run *parent = g_hash_table_lookup(tasks->runs, &child->parent_id);

    if (parent && !parent->finishing && parent->kind->child_ended)
        parent->kind->child_ended(parent, child, ok);
}

/* Trying again would fail again: one bad row must not hold up the whole controller. */
static bool is_our_fault(const GError *error)
{
    return err_is(error, VRM_ERR_INVALID) || err_is(error, VRM_ERR_INTERNAL) ||
           err_is(error, VRM_ERR_NOT_FOUND);
}

static void final_written(const GError *error, void *user)
{
    g_autofree struct final_commit *final = user;
    g_autoptr(GError) outcome = final->error;
    struct app *app = final->app;
    struct run *run = g_hash_table_lookup(app->tasks->runs, &final->task_id);
    const Task *task;

    if (!run) /* a reload has taken over */
        return;
    if (err_is(error, VRM_ERR_CONFLICT) && ++run->tries < FINAL_TRIES) {
        write_final(run, g_steal_pointer(&outcome));
        return;
    }
    if (is_our_fault(error) && !run->bare) {
        log_error("the outcome of a task cannot be stored; it ends without it", "TYPE",
                  task_type_name(run->kind->type), "REASON", error->message, NULL);
        run->bare = true;
        write_final(run, g_steal_pointer(&outcome));
        return;
    }
    if (error) { /* the row stays unfinished; only the database knows the truth now */
        log_warning("the end of a task could not be written; reloading", "REASON", error->message,
                    NULL);
        role_reload(app->role, error->message);
        return;
    }
    task = run_task(run); /* a reference is not needed: finished tasks leave last, below */
    log_end(task, outcome);
    (void)g_hash_table_steal(app->tasks->runs, &final->task_id);
    if (run->kind->after)
        run->kind->after(run, task, outcome == NULL);
    answer_waiters_of(app->tasks, final->task_id);
    tell_parent(app->tasks, task, outcome == NULL);
    free_run(run);
    drop_old_tasks(app);
}

/* Owns error. */
static void write_final(struct run *run, GError *error)
{
    struct app *app = run->app;
    const Task *current = run_task(run);
    Commit *commit = commit_new(&app->committer);
    Task *task = task_dup(current);
    struct final_commit *final = g_new(struct final_commit, 1);
    g_autofree char *key = g_strdup_printf("task:%" G_GINT64_FORMAT, run->task_id);

    task->status = error ? TASK_FAILED : TASK_SUCCESS;
    task->cancel_wanted = task->cancel_wanted && error; /* else it came too late */
    task->progress = 100;
    task->finish_ms = clock_wall_ms();
    task->reason = error ? (err_reason(error) ? err_reason(error) : REASON_FAILED) : 0;
    g_free(task->reason_text);
    task->reason_text = task->cancel_wanted && run->called_off
                            ? g_strdup_printf(CALLED_OFF "%s (%s)", run->called_off, error->message)
                            : g_strdup(error ? error->message : "");
    if (run->kind->record && !run->bare)
        run->kind->record(run, task, error, commit);
    commit_put_task(commit, task, NULL);
    *final = (struct final_commit){ .app = app, .task_id = run->task_id, .error = error };
    commit_submit(commit, key, final_written, final);
}

void run_finish(struct run *run, const GError *error)
{
    if (run->finishing)
        return;
    run->finishing = true;
    write_final(run, error ? g_error_copy(error) : NULL);
}

/* ---- cancel -----------------------------------------------------------------------------------
 */

struct cancel {
    Tasks *tasks;
    int64_t task_id;
    struct commit_audit audit; /* the caller's part; its texts are borrowed until done */
    char *why;                 /* it is called off; NULL: cancelled */
    unsigned tries;
    task_cancel_fn done;
    void *user;
};

static void finish_cancel(struct cancel *cancel, const GError *error)
{
    cancel->done(error, cancel->user);
    g_free(cancel->why);
    g_free(cancel);
}

static void log_cancel(const struct cancel *cancel)
{
    g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, cancel->task_id);

    log_info("task is being cancelled", "TASK", id, "USER", cancel->audit.user, NULL);
}

static void submit_cancel(struct cancel *cancel);

static void cancel_written(const GError *error, void *user)
{
    struct cancel *cancel = user;
    struct run *run = tasks_find_run(cancel->tasks, cancel->task_id);

    if (err_is(error, VRM_ERR_CONFLICT) && ++cancel->tries < FINAL_TRIES) {
        submit_cancel(cancel); /* it ended meanwhile, say, or somebody else was faster */
        return;
    }
    if (!error)
        log_cancel(cancel);
    if (!error && run && cancel->why)
        note_called_off(run, cancel->why);
    if (!error && run)
        pass_cancel(run);
    finish_cancel(cancel, error);
}

/* Fails when there is nothing to cancel. */
static bool check_cancel(const struct cancel *cancel, const Task *task, GError **error)
{
    const struct run *run = tasks_find_run(cancel->tasks, cancel->task_id);

    if (!task) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_TASK_MISSING, NULL,
                       "task %" G_GINT64_FORMAT " does not exist or ended long ago",
                       cancel->task_id);
        return false;
    }
    if (run && !run->finishing && run->kind->cancel && !(cancel->why && task->cancel_wanted))
        return true;
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_TASK_NOT_CANCELLABLE, NULL,
                   "%s %" G_GINT64_FORMAT " is %s and cannot be cancelled",
                   task_type_name(task->type), task->id, task_status_name(task->status));
    return false;
}

static void submit_cancel(struct cancel *cancel)
{
    Tasks *tasks = cancel->tasks;
    const Task *current = find_task(tasks->app, cancel->task_id);
    g_autofree char *key = g_strdup_printf("task:%" G_GINT64_FORMAT, cancel->task_id);
    g_autoptr(GError) error = NULL;
    Commit *commit;
    Task *task;

    if (!check_cancel(cancel, current, &error) || current->cancel_wanted) {
        finish_cancel(cancel, error);
        return;
    }
    task = task_dup(current);
    task->status = TASK_CANCELLING;
    task->cancel_wanted = true;
    if (cancel->why) {
        g_free(task->reason_text);
        task->reason_text = g_strconcat(CALLED_OFF, cancel->why, NULL);
    }
    commit = commit_new(&tasks->app->committer);
    commit_put_task(commit, task, NULL);
    cancel->audit.object = task->entity_name;
    cancel->audit.result = "accepted";
    cancel->audit.task_id_from = &task->id;
    commit_audit(commit, &cancel->audit);
    commit_submit(commit, key, cancel_written, cancel);
}

void tasks_cancel(Tasks *tasks, int64_t task_id, const struct commit_audit *audit,
                  task_cancel_fn done, void *user)
{
    struct cancel *cancel = g_new(struct cancel, 1);

    *cancel = (struct cancel){
        .tasks = tasks, .task_id = task_id, .audit = *audit, .done = done, .user = user
    };
    submit_cancel(cancel);
}

void tasks_call_off(Tasks *tasks, int64_t task_id, const char *why, task_cancel_fn done, void *user)
{
    struct cancel *cancel = g_new(struct cancel, 1);

    *cancel = (struct cancel){ .tasks = tasks,
                               .task_id = task_id,
                               .audit = { .user = "-_system",
                                          .address = "",
                                          .request_id = "",
                                          .operation = "task-call-off" },
                               .why = g_strdup(why),
                               .done = done,
                               .user = user };
    submit_cancel(cancel);
}

unsigned tasks_count_children(const struct app *app, int64_t parent_id)
{
    const Snapshot *snap = inventory_peek(app->inv);
    unsigned n = 0;

    for (size_t i = 0; i < snap->n_tasks; i++)
        n += snap->tasks[i]->parent_id == parent_id && !task_is_final(snap->tasks[i]);
    return n;
}

struct run *tasks_find_run(Tasks *tasks, int64_t task_id)
{
    return g_hash_table_lookup(tasks->runs, &task_id);
}
