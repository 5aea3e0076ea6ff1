/* task_vm.c - see task_vm.h. */
#include "config.h"

#include "controller/task_vm.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/observe.h"
#include "controller/vm_files.h"
#include "controller/vm_target.h"
#include "model/reason.h"

#define STATUS(status) (1u << (status))
#define SECOND_MS      INT64_C(1000)
#define INTENT_TRIES   5
/* A start that the last controller still owed is made up for so long; a person has seen later ones
 * not to start and may have had reasons to leave it so. */
#define AUTO_START_MS (10 * 60 * SECOND_MS)
#define OWED_MS       (60 * SECOND_MS) /* and is tried for so long */
#define ASK_AGAIN_MS  500

/* One row per task type. */
struct vm_verb {
    enum task_type type;
    enum agent_verb verb;
    unsigned from;         /* statuses that allow it */
    enum vm_status busy;   /* while it runs */
    enum vm_status ok;     /* afterwards */
    enum vm_status failed; /* afterwards, while its host cannot tell: a VM that may run counts as
                            * running, so that nobody starts it elsewhere */
    enum reason wrong_state;
    int64_t deadline_ms; /* 0: from the settings */
    const char *event;   /* name of the event that tells its end */
    const char *past;    /* "VM x was <past>" */
};

// clang-format off
static const struct vm_verb verbs[] = {
    { TASK_CREATE_VM,  VERB_DEFINE,   0,                                        VM_CREATING,  VM_STOPPED, VM_STOPPED,
      REASON_VM_STATE,           120 * SECOND_MS, "VmCreated",  "created" },
    { TASK_DELETE_VM,  VERB_UNDEFINE, STATUS(VM_STOPPED),                       VM_RECYCLING, VM_STOPPED, VM_STOPPED,
      REASON_VM_STATE,           120 * SECOND_MS, "VmDeleted",  "deleted" },
    { TASK_START_VM,   VERB_START,    STATUS(VM_STOPPED),                       VM_STARTING,  VM_RUNNING, VM_RUNNING,
      REASON_VM_ALREADY_RUNNING, 120 * SECOND_MS, "VmStarted",  "started" },
    { TASK_STOP_VM,    VERB_STOP,     STATUS(VM_RUNNING) | STATUS(VM_PAUSED),   VM_STOPPING,  VM_STOPPED, VM_RUNNING,
      REASON_VM_ALREADY_STOPPED, 120 * SECOND_MS, "VmStopped",  "stopped" },
    { TASK_REBOOT_VM,  VERB_REBOOT,   STATUS(VM_RUNNING),                       VM_RUNNING,   VM_RUNNING, VM_RUNNING,
      REASON_VM_STATE,           120 * SECOND_MS, "VmRebooted", "rebooted" },
    { TASK_PAUSE_VM,   VERB_PAUSE,    STATUS(VM_RUNNING),                       VM_RUNNING,   VM_PAUSED,  VM_RUNNING,
      REASON_VM_STATE,            60 * SECOND_MS, "VmPaused",   "paused" },
    { TASK_RESUME_VM,  VERB_RESUME,   STATUS(VM_PAUSED),                        VM_PAUSED,    VM_RUNNING, VM_PAUSED,
      REASON_VM_STATE,            60 * SECOND_MS, "VmResumed",  "resumed" },
    { TASK_MIGRATE_VM, VERB_MIGRATE,  STATUS(VM_RUNNING),                       VM_MIGRATING, VM_RUNNING, VM_RUNNING,
      REASON_VM_STATE,             0,             "VmMigrated", "migrated" },
};
// clang-format on

static const struct vm_verb *find_verb(enum task_type type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (verbs[i].type == type)
            return &verbs[i];
    }
    g_assert_not_reached();
}

static const Vm *find_vm(const struct app *app, int64_t id)
{
    return snapshot_builder_get_vm(inventory_edit(app->inv), id);
}

static const Host *find_host(const struct app *app, int64_t id)
{
    return snapshot_builder_get_host(inventory_edit(app->inv), id);
}

static const char *host_name(const struct app *app, int64_t id)
{
    const Host *host = find_host(app, id);

    return host ? host->name : "?";
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
    const Host *target = find_host(app, task->target_host_id);

    if (!target) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_HOST_MISSING, NULL,
                       "the target host was removed");
        return false;
    }
    *ret_args = (struct migrate_args){
        .target_name = g_strdup(target->name),
        .target_address = g_strdup(target->ip),
        .bandwidth_mib = app->settings->migration_bandwidth_mib,
        .auto_converge = app->settings->migration_auto_converge,
        .timeout_ms = app->settings->migration_timeout_s * SECOND_MS,
    };
    return true;
}

static bool fill_command(const struct app *app, const Task *task, const Vm *vm,
                         struct agent_command *command, GError **error)
{
    const struct vm_verb *verb = find_verb(task->type);

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

    if (dirty_mbps <= 0 || !find_vm(app, vm_id))
        return;
    vm = vm_dup(find_vm(app, vm_id));
    vm->dirty_mbps = dirty_mbps;
    snapshot_builder_put_vm(inventory_edit(app->inv), vm);
}

static void begin(struct run *run);

/* The source is silent and so is the target: the VM may be on either, and if it were let go, it
 * could be called stopped because the source, back again, no longer has it. */
static bool nobody_can_tell(const struct run *run, const Task *task,
                            const struct command_report *report, const GError *error)
{
    bool silent = err_is(error, VRM_ERR_TIMEOUT) && !report->id;

    return task->type == TASK_MIGRATE_VM && silent &&
           !observe_hears(run->app->observe, task->target_host_id);
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
    if (nobody_can_tell(run, task, report, error)) {
        begin(run); /* the same command: asks on until one of the two hosts is back */
        return;
    }
    if (task->type == TASK_MIGRATE_VM)
        note_dirty_rate(run->app, task->entity_id, report->dirty_mbps);
    /* Nobody knows how a migration ended: the target may already run it. */
    if (task->type == TASK_MIGRATE_VM && err_is(error, VRM_ERR_TIMEOUT) &&
        observe_runs_on(run->app->observe, task->entity_id, task->target_host_id))
        error = NULL;
    run_finish(run, error);
}

/* The host that is told: a migration is driven by its source. */
static int64_t commanded_host(const Task *task, const Vm *vm)
{
    return task->source_host_id ? task->source_host_id : vm->host_id;
}

static void begin(struct run *run)
{
    const Task *task = run_task(run);
    const Vm *vm = find_vm(run->app, task->entity_id);
    struct agent_command command;
    g_autoptr(GError) error = NULL;

    if (!vm) {
        err_set_reason(&error, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL, "the VM was removed");
        run_finish(run, error);
        return;
    }
    if (!fill_command(run->app, task, vm, &command, &error)) {
        agent_command_clear(&command);
        run_finish(run, error);
        return;
    }
    agents_command(run->app->agents, commanded_host(task, vm), &command, on_report, run);
}

static void ignore_report(const struct command_report *report, const GError *error, bool final,
                          void *user)
{
    (void)report, (void)error, (void) final, (void)user; /* the migration itself tells its end */
}

static void cancel_migration(struct run *run)
{
    const Task *task = run_task(run);
    const Vm *vm = find_vm(run->app, task->entity_id);
    struct agent_command command = {
        .id = command_id(run->app, task->id, "abort"),
        .gen = vm ? vm->run_gen : 0,
        .verb = VERB_ABORT,
        .vm_uuid = g_strdup(vm ? vm->uuid : ""),
        .deadline_ms = 30 * SECOND_MS,
        .abort_id = command_id(run->app, task->id, agent_verb_name(VERB_MIGRATE)),
    };

    agents_command(run->app->agents, task->source_host_id, &command, ignore_report, NULL);
}

/* ---- the record -------------------------------------------------------------------------------
 */

static void record_success(const struct vm_verb *verb, const Task *task, Vm *vm)
{
    vm->status = verb->ok;
    if (task->type != TASK_MIGRATE_VM)
        return;
    vm->host_id = task->target_host_id;
    vm->moved_ms = clock_wall_ms();
}

static void record_failure(const struct vm_verb *verb, Vm *vm)
{
    enum vm_status seen;

    vm->status = status_from_domain(vm, &seen) ? seen : verb->failed;
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
        commit_event(commit, &event, "VM %s was %s on %s", task->entity_name, verb->past,
                     host_name(app, task->target_host_id));
}

static void record(struct run *run, const Task *task, const GError *error, Commit *commit)
{
    const struct vm_verb *verb = find_verb(task->type);
    const Vm *current = find_vm(run->app, task->entity_id);
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
        record_failure(verb, vm);
    else
        record_success(verb, task, vm);
    commit_run_vm(commit, vm);
}

static void owe_start(struct app *app, const Task *task);

static void after(struct run *run, const Task *task, bool ok)
{
    struct app *app = run->app;

    tasks_release_vm(app->tasks, task->entity_id);
    if (task->type == TASK_STOP_VM || task->type == TASK_DELETE_VM)
        load_book_forget(app->loads, OBJECT_VM, task->entity_id);
    observe_settle(app->observe, task->entity_id);
    observe_vm(app->observe, task->entity_id);
    if (ok && task->type == TASK_CREATE_VM && task->auto_start)
        owe_start(app, task);
}

/* ---- the intent -------------------------------------------------------------------------------
 */

/* An order on its way to its committed intent.  Orders pass one at a time, so that each placement
 * sees the one before it. */
struct placing {
    struct app *app;
    struct vm_order order; /* its strings are owned */
    int64_t vm_id;         /* 0: a VM that is being created */
    int64_t target_host_id;
    Vm *vm; /* as committed; for the id of a new one */
    Task *task;
    bool auto_start;
    unsigned tries;
    vm_order_fn done;
    void *user;
};

struct Orders {
    GQueue waiting; /* struct placing */
    bool open;      /* one is being committed */
    guint pump_source;
    GPtrArray *owed; /* struct owed */
    guint owed_timer;
};

static gboolean pump(void *data);

static void pump_soon(struct app *app)
{
    if (!app->orders->pump_source)
        app->orders->pump_source = g_idle_add(pump, app);
}

static void free_placing(struct placing *placing)
{
    g_free((char *)(uintptr_t)placing->order.user);
    g_free((char *)(uintptr_t)placing->order.address);
    g_free((char *)(uintptr_t)placing->order.request_id);
    g_free((char *)(uintptr_t)placing->order.why);
    vm_unref(placing->vm);
    task_unref(placing->task);
    g_free(placing);
}

static void finish_order(struct placing *placing, const GError *error)
{
    placing->done(error ? 0 : placing->task->id, error, placing->user);
    free_placing(placing);
}

/* Somebody renamed the VM, say, while the intent was written: look again and decide anew. */
static bool was_overtaken(const struct placing *placing, const GError *error)
{
    return placing->vm_id && placing->tries < INTENT_TRIES && err_is(error, VRM_ERR_CONFLICT) &&
           err_reason(error) == REASON_OBJECT_CONFLICT;
}

static void open_again(struct placing *placing)
{
    placing->tries++;
    placing->target_host_id = 0;
    g_clear_pointer(&placing->vm, vm_unref);
    g_clear_pointer(&placing->task, task_unref);
    g_queue_push_head(&placing->app->orders->waiting, placing);
}

static void intent_written(const GError *error, void *user)
{
    struct placing *placing = user;
    struct app *app = placing->app;

    app->orders->open = false;
    pump_soon(app);
    if (error && placing->vm_id)
        tasks_release_vm(app->tasks, placing->vm_id);
    if (error && was_overtaken(placing, error)) {
        open_again(placing);
        return;
    }
    if (error) {
        finish_order(placing, error);
        return;
    }
    if (!placing->vm_id)
        (void)tasks_hold_vm(app->tasks, placing->vm->id, NULL);
    tasks_mark_vm(app->tasks, placing->vm->id, placing->task->id, placing->target_host_id);
    tasks_begin(app->tasks, placing->task->id);
    finish_order(placing, NULL);
}

static Task *make_task(const struct vm_verb *verb, const Vm *vm, const struct vm_order *order)
{
    Task *task = task_prepare(verb->type, OBJECT_VM, vm->id, vm->name,
                              order->user ? order->user : "-_system");

    task->origin = order->origin;
    task->parent_id = order->parent_id;
    task->force = order->force;
    task->format_disks = order->format_disks;
    task->target_host_id = vm->host_id;
    g_free(task->why);
    task->why = g_strdup(order->why ? order->why : "");
    return task;
}

static void commit_intent(struct placing *placing, Commit *commit)
{
    const struct vm_order *order = &placing->order;
    g_autofree char *key = g_strdup_printf("vm:%" G_GINT64_FORMAT, placing->vm_id);
    g_autofree char *object = g_strdup_printf("VM %s", placing->vm->name);

    commit_put_task(commit, task_ref(placing->task), &placing->vm->id);
    commit_audit(commit, &(struct commit_audit){
                             .user = order->user ? order->user : "-_system",
                             .address = order->address,
                             .request_id = order->request_id,
                             .operation = task_type_name(order->type),
                             .object = object,
                             .result = order->why ? order->why : "accepted",
                             .task_id_from = &placing->task->id,
                         });
    placing->app->orders->open = true;
    commit_submit(commit, placing->vm_id ? key : NULL, intent_written, placing);
}

static bool check_status(const struct vm_verb *verb, const Vm *vm, GError **error)
{
    if (vm->is_template) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_VM_STATE, NULL,
                       "%s is a template: it cannot be %s", vm->name, verb->past);
        return false;
    }
    if (!(verb->from & STATUS(vm->status))) {
        err_set_reason(error, VRM_ERR_CONFLICT, (int)verb->wrong_state, NULL,
                       "VM %s is %s and cannot be %s now", vm->name, vm_status_name(vm->status),
                       verb->past);
        return false;
    }
    return true;
}

/* Where the command goes must be able to hear it now. */
static bool check_host(const struct app *app, const Vm *vm, const struct vm_verb *verb,
                       GError **error)
{
    const Host *host = find_host(app, vm->host_id);

    if (host && host->connected)
        return true;
    err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_HOST_FAULTY, NULL,
                   "VM %s cannot be %s: its host %s does not answer%s%s", vm->name, verb->past,
                   host ? host->name : "?", host && *host->trouble ? ": " : "",
                   host ? host->trouble : "");
    return false;
}

/* Fills target and run fields of the copy that becomes the intent. */
static bool prepare(const struct app *app, const struct vm_verb *verb, const struct vm_order *order,
                    Vm *vm, int64_t *ret_target_id, GError **error)
{
    *ret_target_id = 0;
    if (verb->type == TASK_START_VM) {
        if (!vm_target_for_start(app, vm, order->target_host_id, &vm->host_id, error))
            return false;
        vm->run_gen++;
    } else if (verb->type == TASK_MIGRATE_VM) {
        if (!vm_target_for_migration(app, vm, order->target_host_id, ret_target_id, error))
            return false;
        vm->binding_host = vm->binding_host || order->bind;
    } else if (verb->type == TASK_DELETE_VM && !vm_target_for_files(app, vm, &vm->host_id, error)) {
        return false;
    }
    return check_host(app, vm, verb, error);
}

/* A VM that exists: checks, copies, fills in. */
static bool open_existing(struct placing *placing, GError **error)
{
    struct app *app = placing->app;
    const struct vm_order *order = &placing->order;
    const struct vm_verb *verb = find_verb(order->type);
    const Vm *current = find_vm(app, placing->vm_id);
    Vm *vm;

    if (!current) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL,
                       "VM i-%08" PRIX64 " does not exist", (uint64_t)placing->vm_id);
        return false;
    }
    if (tasks_vm_is_held(app->tasks, placing->vm_id))
        return tasks_hold_vm(app->tasks, placing->vm_id, error);
    placing->vm = vm = vm_dup(current);
    if (!check_status(verb, vm, error) ||
        !prepare(app, verb, order, vm, &placing->target_host_id, error))
        return false;
    placing->task = make_task(verb, vm, order);
    if (placing->target_host_id) {
        placing->task->source_host_id = vm->host_id;
        placing->task->target_host_id = placing->target_host_id;
    }
    vm->status = verb->busy;
    return tasks_hold_vm(app->tasks, placing->vm_id, error);
}

static bool open_new(struct placing *placing, GError **error)
{
    Vm *vm = placing->vm;

    if (!vm_target_for_new(placing->app, vm, &vm->host_id, error))
        return false;
    vm->status = VM_CREATING;
    vm->create_ms = clock_wall_ms();
    placing->task = make_task(find_verb(TASK_CREATE_VM), vm, &placing->order);
    placing->task->auto_start = placing->auto_start;
    return true;
}

static void open_order(struct placing *placing)
{
    struct app *app = placing->app;
    Commit *commit;
    g_autoptr(GError) error = NULL;

    if (!(placing->vm_id ? open_existing(placing, &error) : open_new(placing, &error))) {
        finish_order(placing, error);
        return;
    }
    commit = commit_new(&app->committer);
    if (!placing->vm_id || placing->order.bind)
        commit_put_vm(commit, vm_ref(placing->vm));
    else
        commit_run_vm(commit, vm_ref(placing->vm));
    commit_intent(placing, commit);
}

static gboolean pump(void *data)
{
    struct app *app = data;

    app->orders->pump_source = 0;
    inventory_publish(app->inv);
    while (!app->orders->open && !g_queue_is_empty(&app->orders->waiting))
        open_order(g_queue_pop_head(&app->orders->waiting));
    return G_SOURCE_REMOVE;
}

static struct placing *queue_order(struct app *app, const struct vm_order *order, vm_order_fn done,
                                   void *user)
{
    struct placing *placing = g_new0(struct placing, 1);

    *placing = (struct placing){ .app = app, .order = *order, .done = done, .user = user };
    placing->order.user = g_strdup(order->user);
    placing->order.address = g_strdup(order->address);
    placing->order.request_id = g_strdup(order->request_id);
    placing->order.why = g_strdup(order->why);
    g_queue_push_tail(&app->orders->waiting, placing);
    pump_soon(app);
    return placing;
}

void vm_order(struct app *app, int64_t vm_id, const struct vm_order *order, vm_order_fn done,
              void *user)
{
    queue_order(app, order, done, user)->vm_id = vm_id;
}

void vm_order_create(struct app *app, Vm *vm, bool auto_start, const struct vm_order *order,
                     vm_order_fn done, void *user)
{
    struct placing *placing = queue_order(app, order, done, user);

    placing->vm = vm;
    placing->auto_start = auto_start;
}

/* ---- starts that are owed ---------------------------------------------------------------------
 */

/* autoBoot was accepted together with a VM's creation, so its start is tried until it is accepted:
 * after a take-over no host is connected for a moment. */
struct owed {
    struct app *app;
    int64_t vm_id, until_ms;
    char *user;
    bool asked; /* an order is on its way */
};

static void free_owed(void *data)
{
    struct owed *owed = data;

    g_free(owed->user);
    g_free(owed);
}

static struct owed *find_owed(const Orders *orders, int64_t vm_id)
{
    for (guint i = 0; i < orders->owed->len; i++) {
        struct owed *owed = orders->owed->pdata[i];

        if (owed->vm_id == vm_id)
            return owed;
    }
    return NULL;
}

static bool may_help_to_wait(const GError *error)
{
    return err_is(error, VRM_ERR_UNAVAILABLE) || err_is(error, VRM_ERR_NO_CAPACITY) ||
           err_is(error, VRM_ERR_BUSY) || err_is(error, VRM_ERR_TIMEOUT);
}

struct owed_order {
    struct app *app;
    int64_t vm_id;
};

static void owed_ordered(int64_t task_id, const GError *error, void *user)
{
    g_autofree struct owed_order *order = user;
    Orders *orders = order->app->orders;
    struct owed *owed = find_owed(orders, order->vm_id);

    (void)task_id;
    if (!owed)
        return;
    owed->asked = false;
    if (may_help_to_wait(error) && clock_now_ms() < owed->until_ms)
        return; /* the timer asks again */
    if (error)
        log_warning("automatic start after creation was refused", "REASON", error->message, NULL);
    (void)g_ptr_array_remove(orders->owed, owed);
}

static void ask_owed(struct owed *owed)
{
    struct owed_order *order = g_new(struct owed_order, 1);

    *order = (struct owed_order){ owed->app, owed->vm_id };
    owed->asked = true;
    vm_order(owed->app, owed->vm_id,
             &(struct vm_order){ .type = TASK_START_VM,
                                 .user = owed->user,
                                 .why = "started after creation (autoBoot)" },
             owed_ordered, order);
}

static gboolean ask_again(void *data)
{
    Orders *orders = data;

    for (guint i = 0; i < orders->owed->len; i++) {
        struct owed *owed = orders->owed->pdata[i];

        if (!owed->asked)
            ask_owed(owed);
    }
    if (orders->owed->len > 0)
        return G_SOURCE_CONTINUE;
    orders->owed_timer = 0;
    return G_SOURCE_REMOVE;
}

static void owe_start(struct app *app, const Task *task)
{
    Orders *orders = app->orders;
    struct owed *owed = g_new0(struct owed, 1);

    *owed = (struct owed){ .app = app,
                           .vm_id = task->entity_id,
                           .until_ms = clock_now_ms() + OWED_MS,
                           .user = g_strdup(task->user) };
    g_ptr_array_add(orders->owed, owed);
    if (!orders->owed_timer)
        orders->owed_timer = g_timeout_add(ASK_AGAIN_MS, ask_again, orders);
    ask_owed(owed);
}

/* Created and to be started, but the controller went between the two. */
static bool lacks_its_start(const struct app *app, const Task *task, int64_t now_ms)
{
    const Vm *vm = find_vm(app, task->entity_id);

    return task->type == TASK_CREATE_VM && task->status == TASK_SUCCESS && task->auto_start &&
           now_ms - task->finish_ms < AUTO_START_MS && vm && vm->status == VM_STOPPED &&
           vm->run_gen == 0;
}

void task_vm_resume(struct app *app)
{
    const Snapshot *snap = inventory_peek(app->inv);
    int64_t now_ms = clock_wall_ms();

    for (size_t i = 0; i < snap->n_tasks; i++) {
        if (lacks_its_start(app, snap->tasks[i], now_ms))
            owe_start(app, snap->tasks[i]);
    }
}

/* ---- the queue --------------------------------------------------------------------------------
 */

Orders *orders_new(void)
{
    Orders *orders = g_new0(Orders, 1);

    g_queue_init(&orders->waiting);
    orders->owed = g_ptr_array_new_with_free_func(free_owed);
    return orders;
}

static void refuse_waiting(Orders *orders, const char *why)
{
    g_autoptr(GError) error = NULL;

    err_set_reason(&error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL, "%s", why);
    while (!g_queue_is_empty(&orders->waiting))
        finish_order(g_queue_pop_head(&orders->waiting), error);
}

void orders_reset(Orders *orders)
{
    g_ptr_array_set_size(orders->owed, 0);
    refuse_waiting(orders, "the inventory is being read again; try again");
}

void orders_free(Orders *orders)
{
    if (!orders)
        return;
    if (orders->pump_source)
        g_source_remove(orders->pump_source);
    if (orders->owed_timer)
        g_source_remove(orders->owed_timer);
    g_ptr_array_set_size(orders->owed, 0);
    refuse_waiting(orders, "the controller is stopping");
    g_ptr_array_unref(orders->owed);
    g_free(orders);
}

/* ---- kinds ------------------------------------------------------------------------------------
 */

#define VM_KIND(task_type, cancel_fn)                                                              \
    &(const struct task_kind)                                                                      \
    {                                                                                              \
        .type = (task_type), .begin = begin, .cancel = (cancel_fn), .record = record,              \
        .after = after                                                                             \
    }

const struct task_kind *const task_vm_kinds[] = {
    VM_KIND(TASK_CREATE_VM, NULL), VM_KIND(TASK_DELETE_VM, NULL),
    VM_KIND(TASK_START_VM, NULL),  VM_KIND(TASK_STOP_VM, NULL),
    VM_KIND(TASK_REBOOT_VM, NULL), VM_KIND(TASK_PAUSE_VM, NULL),
    VM_KIND(TASK_RESUME_VM, NULL), VM_KIND(TASK_MIGRATE_VM, cancel_migration),
};
const size_t task_vm_n_kinds = G_N_ELEMENTS(task_vm_kinds);
