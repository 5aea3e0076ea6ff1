/* task_vm.c - see task_vm.h. */
#include "config.h"

#include "controller/task_vm.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/dpm.h"
#include "controller/ha_shell.h"
#include "controller/observe.h"
#include "controller/right_keep.h"
#include "controller/right_steps.h"
#include "controller/rights.h"
#include "controller/vm_files.h"
#include "controller/vm_order.h"
#include "controller/vm_owed.h"
#include "controller/vm_verb.h"
#include "model/reason.h"
#include "scheduler/rest.h"
#include "scheduler/sched_params.h"

#define SECOND_MS      INT64_C(1000)
#define ABORT_AGAIN_MS 500
#define TARGET_LOOK_MS 50
#define STOP_LOOK_MS   500

static const char *host_name(const struct app *app, int64_t id)
{
    const Host *host = inventory_find_host(app->inv, id);

    return host ? host->name : "?";
}

/* ---- a task's data ----------------------------------------------------------------------------
 */

/* Of a migration that had to wait for its target, or that was told to end; of a task that has a
 * right to run its VM to see to. */
struct work {
    struct app *app;
    RightSteps *steps; /* under way; NULL: none */
    bool has_right;    /* what the command needs stands in etcd ... */
    char *right;       /* ... and this is a start's token */
    GError *outcome;   /* of the migration; NULL: it succeeded */
    guint wait;        /* timer: does the target answer by now? */
    bool called_off;
    unsigned number; /* of the word to end it: its ids are used once */
    char *id;        /* under way; NULL: none */
    guint timer;
};

static struct work *work_of(struct run *run)
{
    struct work *work = run->data;

    if (!work) {
        run->data = work = g_new0(struct work, 1);
        work->app = run->app;
    }
    return work;
}

static void free_work(void *data)
{
    struct work *work = data;

    right_steps_free(work->steps);
    if (work->wait)
        g_source_remove(work->wait);
    if (work->timer)
        g_source_remove(work->timer);
    if (work->id && work->app->agents)
        agents_forget(work->app->agents, work->id);
    g_clear_error(&work->outcome);
    g_free(work->right);
    g_free(work->id);
    g_free(work);
}

/* ---- the command ------------------------------------------------------------------------------
 */

static char *command_id(const struct app *app, int64_t task_id, const char *part)
{
    return g_strdup_printf("%s-t%" G_GINT64_FORMAT "-%s", inventory_peek(app->inv)->site->id,
                           task_id, part);
}

static int64_t deadline_ms(const struct app *app, const struct vm_verb *verb)
{
    return verb->deadline_ms ? verb->deadline_ms
                             : app->settings->migration_timeout_s * SECOND_MS + 30 * SECOND_MS;
}

static bool fill_migration(const struct app *app, const Task *task, struct migrate_args *ret_args,
                           GError **error)
{
    const Host *target = inventory_find_host(app->inv, task->target_host_id);

    if (!target) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_HOST_MISSING, NULL,
                       "the target host was removed");
        return false;
    }
    *ret_args = (struct migrate_args){
        .target_name = g_strdup(target->name),
        .target_address = g_strdup(*target->migrate_address ? target->migrate_address : target->ip),
        .bandwidth_mib = app->settings->migration_bandwidth_mib,
        .auto_converge = app->settings->migration_auto_converge,
        .timeout_ms = app->settings->migration_timeout_s * SECOND_MS,
    };
    return true;
}

static bool fill_command(const struct run *run, const Task *task, const Vm *vm,
                         struct agent_command *command, GError **error)
{
    const struct app *app = run->app;
    const struct work *work = run->data;
    const struct vm_verb *verb = vm_verb_find(task->type);

    *command = (struct agent_command){
        .id = command_id(app, task->id, agent_verb_name(verb->verb)),
        .gen = vm->run_gen,
        .verb = verb->verb,
        .vm_uuid = g_strdup(vm->uuid),
        .deadline_ms = deadline_ms(app, verb),
        .force = task->force,
    };
    if (verb->verb == VERB_DEFINE || verb->verb == VERB_UNDEFINE || verb->verb == VERB_START)
        command->vm = vm_dup(vm);
    if (verb->verb == VERB_START && work && work->right)
        command->right = g_strdup(work->right);
    if (verb->verb == VERB_STOP || verb->verb == VERB_MIGRATE)
        command->vm_id = vm->id; /* whose right goes back */
    if (verb->verb == VERB_UNDEFINE)
        vm_files_drop_kept(inventory_peek(app->inv), !task->format_disks, command->vm);
    return verb->verb != VERB_MIGRATE || fill_migration(app, task, &command->migrate, error);
}

/* What the host says the VM is now; false if it cannot say. */
static bool status_from_domain(const Vm *vm, enum vm_status *ret_status)
{
    if (!vm->host_reported)
        return false;
    switch (vm->domain) {
    case DOMAIN_RUNNING:
        *ret_status = VM_RUNNING;
        return true;
    case DOMAIN_PAUSED:
        *ret_status = VM_PAUSED;
        return true;
    case DOMAIN_ABSENT:
    case DOMAIN_SHUTDOWN:
    case DOMAIN_CRASHED:
        *ret_status = VM_STOPPED;
        return true;
    case DOMAIN_INCOMING:
        return false;
    }
    return false;
}

static void note_dirty_rate(struct app *app, int64_t vm_id, int64_t dirty_mbps)
{
    Vm *vm;

    if (dirty_mbps <= 0 || !inventory_find_vm(app->inv, vm_id))
        return;
    vm = vm_dup(inventory_find_vm(app->inv, vm_id));
    vm->dirty_mbps = dirty_mbps;
    snapshot_builder_put_vm(inventory_edit(app->inv), vm);
}

static void begin(struct run *run);

/* ---- the right --------------------------------------------------------------------------------
 */

static struct right_job job_of(const struct run *run)
{
    const Task *task = run_task(run);

    return (struct right_job){
        .app = run->app,
        .task_id = task->id,
        .vm_id = task->entity_id,
        .host_id = task->target_host_id,
        .source_id = task->source_host_id,
    };
}

static void settled(const char *token, const GError *error, void *user)
{
    struct run *run = user;
    struct work *work = work_of(run);
    g_autoptr(GError) outcome = g_steal_pointer(&work->outcome);

    (void)token;
    g_clear_pointer(&work->steps, right_steps_free);
    if (error)
        log_warning("after a migration the right to run the VM is left with both hosts for now",
                    "VM", run_task(run)->entity_name, "REASON", error->message, NULL);
    run_finish(run, outcome);
}

/* Of a migration's two owners one is left before the task is over. */
static void end_run(struct run *run, const GError *error)
{
    struct work *work = run->data;
    struct right_job job;

    if (run_task(run)->type != TASK_MIGRATE_VM || !work || !work->has_right) {
        run_finish(run, error);
        return;
    }
    job = job_of(run);
    job.moved = !error;
    work->outcome = error ? g_error_copy(error) : NULL;
    work->steps = right_steps_settle(&job, settled, run);
}

static void on_right(const char *token, const GError *error, void *user)
{
    struct run *run = user;
    struct work *work = work_of(run);
    g_autofree char *right = g_strdup(token);
    g_autoptr(GError) local = error ? g_error_copy(error) : NULL;

    g_clear_pointer(&work->steps, right_steps_free);
    work->has_right = true;
    work->right = g_steal_pointer(&right);
    if (local)
        end_run(run, local); /* a share that was begun is undone */
    else
        begin(run);
}

/* False: nothing has to be seen to, or it was. */
static bool see_to_right(struct run *run, const Vm *vm)
{
    const Task *task = run_task(run);
    const bool starts = task->type == TASK_START_VM;
    struct work *work = run->data;
    struct right_job job;

    if ((!starts && task->type != TASK_MIGRATE_VM) || (work && work->has_right) ||
        !right_steps_needed(run->app, vm))
        return false;
    job = job_of(run);
    work = work_of(run);
    work->steps =
        starts ? right_steps_start(&job, on_right, run) : right_steps_share(&job, on_right, run);
    return true;
}

/* ---- the command's end ------------------------------------------------------------------------
 */

/* The source is silent and so is the target: the VM may be on either, and if it were let go, it
 * could be called stopped because the source, back again, no longer has it. */
static bool nobody_can_tell(const struct run *run, const Task *task,
                            const struct command_report *report, const GError *error)
{
    bool silent = err_is(error, VRM_ERR_TIMEOUT) && !report->id;

    return task->type == TASK_MIGRATE_VM && silent &&
           !observe_hears(run->app->observe, task->target_host_id);
}

/* A stop is a wish that is kept: the host was silent for too long, or has died meanwhile. */
static bool is_stop_unheard(const struct run *run, const Task *task, const GError *error)
{
    const Vm *vm = inventory_find_vm(run->app->inv, task->entity_id);

    return task->type == TASK_STOP_VM && err_is(error, VRM_ERR_TIMEOUT) && vm &&
           !observe_hears(run->app->observe, vm->host_id);
}

static void on_report(const struct command_report *report, const GError *error, bool final,
                      void *user)
{
    struct run *run = user;
    const Task *task = run_task(run);

    if (!final) {
        run_progress(run, report->progress);
        return;
    }
    if (nobody_can_tell(run, task, report, error) || is_stop_unheard(run, task, error)) {
        begin(run); /* the same command: asks on until one of the two hosts is back */
        return;
    }
    if (task->type == TASK_MIGRATE_VM)
        note_dirty_rate(run->app, task->entity_id, report->dirty_mbps);
    /* Nobody knows how a migration ended: the target may already run it. */
    if (task->type == TASK_MIGRATE_VM && err_is(error, VRM_ERR_TIMEOUT) &&
        observe_runs_on(run->app->observe, task->entity_id, task->target_host_id))
        error = NULL;
    end_run(run, error);
}

/* The host that is told: a migration is driven by its source. */
static int64_t commanded_host(const Task *task, const Vm *vm)
{
    return task->source_host_id ? task->source_host_id : vm->host_id;
}

static gboolean begin_again(void *data)
{
    struct run *run = data;

    work_of(run)->wait = 0;
    begin(run);
    return G_SOURCE_REMOVE;
}

/* After a take-over, where a target wants its VMs sent to is not known before it has answered. */
static bool awaits_target(const struct run *run)
{
    const Task *task = run_task(run);

    return task->type == TASK_MIGRATE_VM &&
           !observe_hears(run->app->observe, task->target_host_id) &&
           vm_order_awaits_hosts(run->app);
}

/* ---- a stop that waits ------------------------------------------------------------------------
 */

static void end_cancelled(struct run *run)
{
    g_autoptr(GError) error = NULL;

    err_set_reason(&error, VRM_ERR_CONFLICT, REASON_FAILED, NULL,
                   "cancelled while its host did not answer");
    run_finish(run, error);
}

/* The VM is down, and stays so; or its host has to answer first, unless it is dead. */
static bool see_to_stop(struct run *run, const Task *task, const Vm *vm)
{
    struct work *work;

    if (task->type != TASK_STOP_VM)
        return false;
    if (ha_shell_is_nowhere(run->app->ha, vm)) {
        run_finish(run, NULL);
        return true;
    }
    if (observe_hears(run->app->observe, vm->host_id))
        return false;
    work = work_of(run);
    if (work->called_off)
        end_cancelled(run);
    else
        work->wait = g_timeout_add(STOP_LOOK_MS, begin_again, run);
    return true;
}

/* Only one that waits: a host that was told cannot be called back. */
static void cancel_stop(struct run *run)
{
    work_of(run)->called_off = true;
}

static void begin(struct run *run)
{
    const Task *task = run_task(run);
    const Vm *vm = inventory_find_vm(run->app->inv, task->entity_id);
    struct agent_command command;
    g_autoptr(GError) error = NULL;

    if (!vm) {
        err_set_reason(&error, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL, "the VM was removed");
        run_finish(run, error);
        return;
    }
    if (awaits_target(run)) {
        work_of(run)->wait = g_timeout_add(TARGET_LOOK_MS, begin_again, run);
        return;
    }
    if (see_to_stop(run, task, vm) || see_to_right(run, vm))
        return;
    if (!fill_command(run, task, vm, &command, &error)) {
        agent_command_clear(&command);
        end_run(run, error);
        return;
    }
    agents_command(run->app->agents, commanded_host(task, vm), &command, on_report, run);
}

/* ---- the word to end a migration --------------------------------------------------------------
 */

static void send_abort(struct run *run);

static gboolean abort_again(void *data)
{
    struct run *run = data;

    work_of(run)->timer = 0;
    send_abort(run);
    return G_SOURCE_REMOVE;
}

/* The migration itself tells its end.  But the word may have overtaken the migration on its way, so
 * that the agent knows of none (yet), or have been lost with the host's link. */
static void abort_ended(const struct command_report *report, const GError *error, bool final,
                        void *user)
{
    struct run *run = user;
    struct work *off = work_of(run);

    (void)report;
    if (!final)
        return;
    g_clear_pointer(&off->id, g_free);
    if (error)
        off->timer = g_timeout_add(ABORT_AGAIN_MS, abort_again, run);
}

static void send_abort(struct run *run)
{
    const Task *task = run_task(run);
    const Vm *vm = inventory_find_vm(run->app->inv, task->entity_id);
    struct work *off = work_of(run);
    g_autofree char *part = g_strdup_printf("abort%u", ++off->number);
    struct agent_command command = {
        .id = command_id(run->app, task->id, part),
        .gen = vm ? vm->run_gen : 0,
        .verb = VERB_ABORT,
        .vm_uuid = g_strdup(vm ? vm->uuid : ""),
        .deadline_ms = 30 * SECOND_MS,
        .abort_id = command_id(run->app, task->id, agent_verb_name(VERB_MIGRATE)),
    };

    off->id = g_strdup(command.id);
    agents_command(run->app->agents, task->source_host_id, &command, abort_ended, run);
}

static void cancel_migration(struct run *run)
{
    struct work *work = work_of(run);

    if (work->called_off)
        return;
    work->called_off = true;
    send_abort(run);
}

/* ---- the record -------------------------------------------------------------------------------
 */

/* For whoever asks later why the VM is where it is; the task's row goes with the history. */
static void record_placement(const Task *task, Vm *vm)
{
    g_free(vm->placed_why);
    vm->placed_why = g_strdup(task->why);
    vm->placed_ms = task->finish_ms;
    vm->placed_task_id = task->id;
}

static void record_success(const struct app *app, const struct vm_verb *verb, const Task *task,
                           Vm *vm)
{
    struct sched_params params;

    vm->status = verb->ok;
    if (task->type == TASK_START_VM || task->type == TASK_MIGRATE_VM)
        record_placement(task, vm);
    if (task->type != TASK_MIGRATE_VM)
        return;
    vm->host_id = task->target_host_id;
    app_sched_params(app, &params);
    rest_begin(vm, task->origin == ORIGIN_DRS || task->recommendation_id != 0, clock_wall_ms(),
               params.cooldown_ms);
}

/* A migration of which one host died may have left the VM to its target: that is where it is, or
 * was. */
static void follow_right(const struct app *app, const Task *task, Vm *vm)
{
    const struct ha_vm_seen *seen = app->rights ? rights_of(app->rights, vm->id) : NULL;

    if (task->type == TASK_MIGRATE_VM && seen && seen->right.n_owners == 1 &&
        seen->right.owners[0].host == task->target_host_id)
        vm->host_id = task->target_host_id;
}

/* What HA could not start is still to be started. */
static void record_failure(const struct app *app, const struct vm_verb *verb, const Task *task,
                           Vm *vm)
{
    const bool is_recovery = task->type == TASK_START_VM && task->origin == ORIGIN_HA;
    enum vm_status seen;

    follow_right(app, task, vm);
    vm->status = status_from_domain(vm, &seen) ? seen : verb->failed;
    if (is_recovery && vm->status == VM_STOPPED)
        vm->status = VM_FAULT_RESUMING;
}

static void record_event(const struct app *app, const struct vm_verb *verb, const Task *task,
                         const GError *error, Commit *commit)
{
    struct commit_event event = {
        .severity = error ? EVENT_WARNING : EVENT_INFO,
        .name = verb->event,
        .kind = OBJECT_VM,
        .object_id = task->entity_id,
        .object_name = task->entity_name,
        .task_id = task->id,
    };

    if (error)
        commit_event(commit, &event, "VM %s was not %s: %s", task->entity_name, verb->past,
                     error->message);
    else if (task->type == TASK_MIGRATE_VM)
        commit_event(commit, &event, "VM %s was migrated from %s to %s%s%s", task->entity_name,
                     host_name(app, task->source_host_id), host_name(app, task->target_host_id),
                     *task->why ? ": " : "", task->why);
    else
        commit_event(commit, &event, "VM %s was %s on %s%s%s", task->entity_name, verb->past,
                     host_name(app, task->target_host_id), *task->why ? ": " : "", task->why);
}

static void record(struct run *run, const Task *task, const GError *error, Commit *commit)
{
    const struct vm_verb *verb = vm_verb_find(task->type);
    const Vm *current = inventory_find_vm(run->app->inv, task->entity_id);
    Vm *vm;

    record_event(run->app, verb, task, error, commit);
    if (!current)
        return;
    if ((task->type == TASK_DELETE_VM && !error) || (task->type == TASK_CREATE_VM && error)) {
        commit_delete_vm(commit, current, task->type == TASK_CREATE_VM || task->format_disks);
        return;
    }
    vm = vm_dup(current);
    if (error)
        record_failure(run->app, verb, task, vm);
    else
        record_success(run->app, verb, task, vm);
    commit_run_vm(commit, vm);
}

static void after(struct run *run, const Task *task, bool ok)
{
    struct app *app = run->app;

    tasks_release_vm(app->tasks, task->entity_id);
    if (task->type == TASK_STOP_VM || task->type == TASK_DELETE_VM) {
        load_book_forget(app->loads, OBJECT_VM, task->entity_id);
        dpm_forget_vm(app->dpm, task->entity_id);
    }
    observe_settle(app->observe, task->entity_id);
    observe_vm(app->observe, task->entity_id);
    if (ok && task->type == TASK_DELETE_VM)
        right_keep_forget_vm(app->right_keep, task->entity_id);
    if (ok && task->type == TASK_CREATE_VM && task->auto_start)
        owed_start(app->owed, task);
}

/* ---- kinds ------------------------------------------------------------------------------------
 */

#define VM_KIND(task_type, cancel_fn)                                                              \
    &(const struct task_kind)                                                                      \
    {                                                                                              \
        .type = (task_type), .entity = OBJECT_VM, .begin = begin, .cancel = (cancel_fn),           \
        .record = record, .after = after, .free_data = free_work                                   \
    }

const struct task_kind *const task_vm_kinds[] = {
    VM_KIND(TASK_CREATE_VM, NULL), VM_KIND(TASK_DELETE_VM, NULL),
    VM_KIND(TASK_START_VM, NULL),  VM_KIND(TASK_STOP_VM, cancel_stop),
    VM_KIND(TASK_REBOOT_VM, NULL), VM_KIND(TASK_PAUSE_VM, NULL),
    VM_KIND(TASK_RESUME_VM, NULL), VM_KIND(TASK_MIGRATE_VM, cancel_migration),
};
const size_t task_vm_n_kinds = G_N_ELEMENTS(task_vm_kinds);
