/* vm_order.c - see vm_order.h. */
#include "config.h"

#include "controller/imc_gate.h"
#include "controller/vm_order.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/dpm.h"
#include "controller/ha_shell.h"
#include "controller/observe.h"
#include "controller/right_steps.h"
#include "controller/task.h"
#include "controller/vm_starts.h"
#include "controller/vm_target.h"
#include "controller/vm_verb.h"
#include "model/reason.h"
#include "scheduler/imc.h"

#define SECOND_MS    INT64_C(1000)
#define INTENT_TRIES 5
/* After a take-over orders wait for the hosts to be heard, at most so long: otherwise they would be
 * refused, or all placed on the host that happens to come first. */
#define HOSTS_WAIT_MS (6 * SECOND_MS)
#define HOSTS_LOOK_MS 50
/* Starts that are placed, and then committed, together: so many that the loop's turn stays short.
 */
#define MAX_STARTS 100

/* ---- the intent -------------------------------------------------------------------------------
 */

/* An order on its way to its committed intent.  Orders pass one at a time, so that each placement
 * sees the one before it; starts that follow each other pass together, because the scheduler
 * places them in one pass. */
struct placing {
    struct app *app;
    struct vm_order order; /* its strings are owned */
    int64_t vm_id;         /* 0: a VM that is being created */
    int64_t target_host_id;
    int64_t start_host_id; /* where it starts, as the scheduler answered */
    char *chosen_why;      /* why there; NULL: nobody chose */
    Vm *vm;                /* as committed; for the id of a new one */
    Task *task;
    bool auto_start;
    unsigned tries;
    vm_order_fn done;
    vm_turn_fn turn; /* no order: somebody else's turn */
    void *user;
};

struct Orders {
    GQueue waiting;         /* struct placing */
    unsigned n_open;        /* being committed */
    StartsJob *asked;       /* the scheduler was asked about these starts: */
    GPtrArray *starts;      /* struct placing */
    bool stopping;          /* the controller ends: nothing is begun any more */
    int64_t hosts_until_ms; /* so long it waits for hosts that were not heard yet */
    guint pump_source;
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
    g_free(placing->chosen_why);
    vm_unref(placing->vm);
    task_unref(placing->task);
    g_free(placing);
}

static void finish_order(struct placing *placing, const GError *error)
{
    if (placing->turn)
        placing->turn(error, placing->user);
    else
        placing->done(error ? 0 : placing->task->id, error, placing->user);
    free_placing(placing);
}

/* Somebody renamed the VM, say, while the intent was written: look again and decide anew. */
static bool was_overtaken(const struct placing *placing, const GError *error)
{
    return placing->vm_id && placing->tries < INTENT_TRIES && !placing->app->orders->stopping &&
           err_is(error, VRM_ERR_CONFLICT) && err_reason(error) == REASON_OBJECT_CONFLICT;
}

static void forget_choice(struct placing *placing)
{
    placing->start_host_id = 0;
    g_clear_pointer(&placing->chosen_why, g_free);
}

static void open_again(struct placing *placing)
{
    placing->tries++;
    placing->target_host_id = 0;
    forget_choice(placing);
    g_clear_pointer(&placing->vm, vm_unref);
    g_clear_pointer(&placing->task, task_unref);
    g_queue_push_head(&placing->app->orders->waiting, placing);
}

static void intent_written(const GError *error, void *user)
{
    struct placing *placing = user;
    struct app *app = placing->app;

    if (--app->orders->n_open == 0)
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

/* What the orderer says, then why this host. */
static char *why_text(const struct placing *placing)
{
    const char *why = placing->order.why ? placing->order.why : "";

    if (!placing->chosen_why)
        return g_strdup(why);
    return g_strdup_printf("%s%s%s", why, *why ? ": " : "", placing->chosen_why);
}

static Task *make_task(const struct vm_verb *verb, const Vm *vm, const struct placing *placing)
{
    const struct vm_order *order = &placing->order;
    Task *task = task_prepare(verb->type, OBJECT_VM, vm->id, vm->name,
                              order->user ? order->user : "-_system");

    task->origin = order->origin;
    task->parent_id = order->parent_id;
    task->force = order->force;
    task->format_disks = order->format_disks;
    task->target_host_id = vm->host_id;
    g_free(task->why);
    task->why = why_text(placing);
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
    placing->app->orders->n_open++;
    commit_submit(commit, placing->vm_id ? key : NULL, intent_written, placing);
}

/* Where the command goes must be able to hear it now. */
static bool check_host(const struct app *app, const Vm *vm, const struct vm_verb *verb,
                       GError **error)
{
    const Host *host = inventory_find_host(app->inv, vm->host_id);

    if (host && host->connected)
        return true;
    err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_HOST_FAULTY, NULL,
                   "VM %s cannot be %s: its host %s does not answer%s%s", vm->name, verb->past,
                   host ? host->name : "?", host && *host->trouble ? ": " : "",
                   host ? host->trouble : "");
    return false;
}

/* A stop is remembered until its host answers, or is dead: the task waits. */
static char *stop_waits_why(const struct app *app, const Vm *vm)
{
    const Host *host = inventory_find_host(app->inv, vm->host_id);

    if (ha_shell_is_nowhere(app->ha, vm))
        return g_strdup("it runs nowhere, and HA does not start it again");
    if (host && host->connected)
        return NULL;
    return g_strdup_printf("its host %s does not answer: it is stopped as soon as that does, and "
                           "counts as stopped once that is dead by proof; HA does not start it "
                           "again, and this task can be cancelled",
                           host ? host->name : "?");
}

static bool prepare_stop(struct placing *placing, const Vm *vm, const struct vm_verb *verb,
                         GError **error)
{
    placing->chosen_why = stop_waits_why(placing->app, vm);
    return placing->chosen_why || check_host(placing->app, vm, verb, error);
}

/* Which CPU it gets: the cluster's baseline, or its host's own. */
static bool set_cpu(const struct app *app, Vm *vm, GError **error)
{
    const Host *host = inventory_find_host(app->inv, vm->host_id);
    const Cluster *cluster =
        host ? snapshot_cluster(inventory_peek(app->inv), host->cluster_id) : NULL;
    char *old = vm->cpu_model;

    if (!imc_gate_check_start(app->imc, cluster, error))
        return false;
    vm->cpu_model = g_strdup(cluster ? imc_start_model(cluster) : "");
    g_free(old);
    return true;
}

/* The host was chosen over an older snapshot: one that has closed meanwhile (maintenance, a drain,
 * its power) takes no VM; a new one is chosen then. */
static bool is_still_open(const struct app *app, const Vm *vm, GError **error)
{
    const Host *host = inventory_find_host(app->inv, vm->host_id);

    if (host && host->cluster_id == vm->cluster_id && !host->maintaining && !host->draining &&
        (host->status == HOST_NORMAL || !host->connected)) /* that check_host tells */
        return true;
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, NULL,
                   "host %s, chosen for VM %s, takes no VMs any more", host ? host->name : "?",
                   vm->name);
    return false;
}

/* Fills target and run fields of the copy that becomes the intent. */
static bool prepare(struct placing *placing, const struct vm_verb *verb, Vm *vm, GError **error)
{
    const struct app *app = placing->app;
    const struct vm_order *order = &placing->order;

    placing->target_host_id = 0;
    if (verb->type == TASK_START_VM) {
        vm->host_id = placing->start_host_id;
        vm->run_gen++;
        if (!is_still_open(app, vm, error) || !set_cpu(app, vm, error) ||
            !right_steps_check_start(app, vm, vm->host_id, error))
            return false;
    } else if (verb->type == TASK_MIGRATE_VM) {
        if (!vm_target_for_migration(app, vm, order->target_host_id, &placing->target_host_id,
                                     order->why ? NULL : &placing->chosen_why, error) ||
            !right_steps_check_move(app, vm, placing->target_host_id, error))
            return false;
        vm->binding_host = vm->binding_host || order->bind;
    } else if (verb->type == TASK_DELETE_VM && !vm_target_for_files(app, vm, &vm->host_id, error)) {
        return false;
    }
    return verb->type == TASK_STOP_VM ? prepare_stop(placing, vm, verb, error)
                                      : check_host(app, vm, verb, error);
}

/* A start that was owed may have been called off meanwhile. */
static bool check_owed(const struct placing *placing, const Vm *vm, GError **error)
{
    if (!placing->order.owed || vm->run_gen == 0)
        return true;
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_VM_STATE, NULL,
                   "VM %s does not wait for its first start any more", vm->name);
    return false;
}

/* HA knows better than the VM's status that it is down: its right is free. */
static bool is_recovery(const struct placing *placing)
{
    return placing->order.type == TASK_START_VM && placing->order.origin == ORIGIN_HA;
}

/* A VM that exists: checks, copies, fills in. */
static bool open_existing(struct placing *placing, GError **error)
{
    struct app *app = placing->app;
    const struct vm_order *order = &placing->order;
    const struct vm_verb *verb = vm_verb_find(order->type);
    const Vm *current = inventory_find_vm(app->inv, placing->vm_id);
    Vm *vm;

    if (!current) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL,
                       "VM i-%08" PRIX64 " does not exist", (uint64_t)placing->vm_id);
        return false;
    }
    if (tasks_vm_is_held(app->tasks, placing->vm_id))
        return tasks_hold_vm(app->tasks, placing->vm_id, error);
    placing->vm = vm = vm_dup(current);
    if ((!is_recovery(placing) && !vm_verb_check(verb, vm, error)) ||
        !check_owed(placing, vm, error) || !prepare(placing, verb, vm, error))
        return false;
    placing->task = make_task(verb, vm, placing);
    if (placing->target_host_id) {
        placing->task->source_host_id = vm->host_id;
        placing->task->target_host_id = placing->target_host_id;
    }
    vm->status = verb->busy;
    return commit_check(&app->committer, error) && tasks_hold_vm(app->tasks, placing->vm_id, error);
}

static bool open_new(struct placing *placing, GError **error)
{
    Vm *vm = placing->vm;

    if (!vm_target_for_new(placing->app, vm, &vm->host_id, error))
        return false;
    vm->status = VM_CREATING;
    vm->create_ms = clock_wall_ms();
    placing->task = make_task(vm_verb_find(TASK_CREATE_VM), vm, placing);
    placing->task->auto_start = placing->auto_start;
    return true;
}

/* Connected, and judged by HA. */
static bool all_hosts_known(const struct app *app)
{
    const Snapshot *snap = inventory_peek(app->inv);

    if (app->settings->ha_enabled && !ha_shell_is_ready(app->ha))
        return false;
    for (size_t i = 0; i < snap->n_hosts; i++) {
        const Host *host = snap->hosts[i];

        if (!host->connected || ha_shell_awaits(app->ha, host->cluster_id))
            return false;
    }
    return true;
}

/* Might more hosts have helped? */
static bool is_for_want_of_hosts(const GError *error)
{
    static const int reasons[] = { REASON_HOST_FAULTY,  REASON_NO_RESOURCES,
                                   REASON_TARGET_UNFIT, REASON_TARGET_NO_RESOURCES,
                                   REASON_NO_HOST_CPU,  REASON_NO_HOST_MEMORY,
                                   REASON_NO_HOST_RULE };

    for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++) {
        if (err_reason(error) == reasons[i])
            return true;
    }
    return false;
}

/* Refused for want of hosts, while the first try to reach some of them may have come too early? */
static bool hosts_may_come(const struct app *app, const GError *error)
{
    return clock_now_ms() < app->orders->hosts_until_ms && !all_hosts_known(app) &&
           is_for_want_of_hosts(error);
}

static void wait_for_hosts(struct placing *placing)
{
    struct app *app = placing->app;

    forget_choice(placing);
    if (placing->vm_id)
        g_clear_pointer(&placing->vm, vm_unref);
    g_queue_push_head(&app->orders->waiting, placing);
    if (app->orders->pump_source)
        g_source_remove(app->orders->pump_source);
    app->orders->pump_source = g_timeout_add(HOSTS_LOOK_MS, pump, app);
}

/* No room: a host may be woken for it. */
static void ask_for_host(const struct placing *placing, GError *error)
{
    struct app *app = placing->app;
    const Vm *vm = inventory_find_vm(app->inv, placing->vm_id);
    char *text;

    if (!vm || placing->order.type != TASK_START_VM || placing->order.target_host_id != 0 ||
        !is_for_want_of_hosts(error) || !dpm_want_start(app->dpm, vm))
        return;
    text = g_strconcat(error->message,
                       "; DPM is asked for a host that sleeps: try again in some minutes", NULL);
    g_free(error->message);
    error->message = text;
}

static void open_order(struct placing *placing)
{
    struct app *app = placing->app;
    Commit *commit;
    g_autoptr(GError) error = NULL;

    if (!(placing->vm_id ? open_existing(placing, &error) : open_new(placing, &error))) {
        if (hosts_may_come(app, error)) {
            wait_for_hosts(placing);
            return;
        }
        if (was_overtaken(placing, error)) {
            open_again(placing);
            pump_soon(app);
            return;
        }
        ask_for_host(placing, error);
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

/* ---- starts, many at once ---------------------------------------------------------------------
 */

static bool is_start(const struct placing *placing)
{
    return placing && placing->vm_id && placing->order.type == TASK_START_VM;
}

/* What need not be asked the scheduler. */
static bool check_start(const struct placing *placing, GError **error)
{
    const struct app *app = placing->app;
    const Vm *vm = inventory_find_vm(app->inv, placing->vm_id);

    if (!vm) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL,
                       "VM i-%08" PRIX64 " does not exist", (uint64_t)placing->vm_id);
        return false;
    }
    if (tasks_vm_is_held(app->tasks, placing->vm_id))
        return tasks_hold_vm(app->tasks, placing->vm_id, error);
    return is_recovery(placing) || vm_verb_check(vm_verb_find(TASK_START_VM), vm, error);
}

static bool is_among(const GPtrArray *starts, int64_t vm_id)
{
    for (guint i = 0; i < starts->len; i++) {
        if (((const struct placing *)starts->pdata[i])->vm_id == vm_id)
            return true;
    }
    return false;
}

static void starts_answered(struct start_answer *answers, size_t n, void *user);

/* The starts at the head of the queue. */
static void ask_starts(struct app *app)
{
    Orders *orders = app->orders;
    struct start_want *wants;

    while (is_start(g_queue_peek_head(&orders->waiting)) && orders->starts->len < MAX_STARTS) {
        struct placing *placing = g_queue_peek_head(&orders->waiting);
        g_autoptr(GError) error = NULL;

        if (is_among(orders->starts, placing->vm_id)) /* twice: the second is refused then */
            break;
        (void)g_queue_pop_head(&orders->waiting);
        if (check_start(placing, &error))
            g_ptr_array_add(orders->starts, placing);
        else
            finish_order(placing, error);
    }
    if (orders->starts->len == 0)
        return;
    wants = g_new0(struct start_want, orders->starts->len);
    for (guint i = 0; i < orders->starts->len; i++) {
        const struct placing *placing = orders->starts->pdata[i];

        wants[i] = (struct start_want){ .vm_id = placing->vm_id,
                                        .host_id = placing->order.target_host_id,
                                        .recovery = placing->order.origin == ORIGIN_HA };
    }
    orders->asked = vm_starts_ask(app, wants, orders->starts->len, starts_answered, app);
    if (!orders->asked)
        starts_answered(NULL, orders->starts->len, app);
}

static void refusal_noted(const GError *error, void *user)
{
    (void)user;
    if (error)
        log_warning("refused starts could not be recorded", "REASON", error->message, NULL);
}

/* A refusal is a decision too, and whoever asks later should find its reason. */
static void note_refusals(struct app *app, const GPtrArray *starts,
                          const struct start_answer *answers)
{
    g_autoptr(Commit) commit = NULL;

    for (guint i = 0; i < starts->len; i++) {
        const struct placing *placing = starts->pdata[i];
        const Vm *vm =
            placing && answers[i].error ? inventory_find_vm(app->inv, placing->vm_id) : NULL;

        if (!vm || !placing->order.user || placing->order.owed) /* these tell it themselves */
            continue;
        if (!commit)
            commit = commit_new(&app->committer);
        commit_event(commit,
                     &(struct commit_event){ .severity = EVENT_WARNING,
                                             .name = "VmStartRefused",
                                             .kind = OBJECT_VM,
                                             .object_id = vm->id,
                                             .object_name = vm->name },
                     "the start of VM %s was refused: %s", vm->name, answers[i].error->message);
    }
    if (commit)
        commit_submit(g_steal_pointer(&commit), NULL, refusal_noted, NULL);
}

/* Takes its part of the answer. */
static void go_on(struct placing *placing, struct start_answer *answer)
{
    if (answer->error) {
        ask_for_host(placing, answer->error);
        finish_order(placing, answer->error);
        return;
    }
    placing->start_host_id = answer->host_id;
    placing->chosen_why = g_steal_pointer(&answer->why);
    open_order(placing);
}

static void drop_starts(const GPtrArray *starts)
{
    g_autoptr(GError) error = NULL;

    err_set_reason(&error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                   "the controller is stopping");
    for (guint i = 0; i < starts->len; i++)
        finish_order(starts->pdata[i], error);
}

static void starts_answered(struct start_answer *answers, size_t n, void *user)
{
    struct app *app = user;
    Orders *orders = app->orders;
    g_autoptr(GPtrArray) starts = g_steal_pointer(&orders->starts);

    orders->starts = g_ptr_array_new();
    orders->asked = NULL;
    if (!answers) {
        drop_starts(starts);
        return;
    }
    pump_soon(app);
    for (size_t i = n; i-- > 0;) { /* from the last: each goes to the queue's head */
        if (!answers[i].error || !hosts_may_come(app, answers[i].error))
            continue;
        wait_for_hosts(starts->pdata[i]);
        starts->pdata[i] = NULL;
    }
    note_refusals(app, starts, answers);
    for (size_t i = 0; i < n; i++) {
        if (starts->pdata[i])
            go_on(starts->pdata[i], &answers[i]);
    }
}

void vm_order_resume(struct app *app)
{
    app->orders->hosts_until_ms = clock_now_ms() + HOSTS_WAIT_MS;
}

bool vm_order_awaits_hosts(const struct app *app)
{
    return clock_now_ms() < app->orders->hosts_until_ms &&
           (observe_awaits(app->observe) || right_steps_await(app));
}

bool vm_order_may_pass(const struct app *app, const GError *error)
{
    return err_is(error, VRM_ERR_UNAVAILABLE) &&
           (!dbq_up(app->dbq) || !commit_check(&app->committer, NULL));
}

static void open_next(struct placing *placing)
{
    if (!placing->turn) {
        open_order(placing);
        return;
    }
    placing->app->orders->n_open++;
    finish_order(placing, NULL);
}

static gboolean pump(void *data)
{
    struct app *app = data;
    Orders *orders = app->orders;

    orders->pump_source = 0;
    if (vm_order_awaits_hosts(app)) {
        if (!g_queue_is_empty(&orders->waiting))
            orders->pump_source = g_timeout_add(HOSTS_LOOK_MS, pump, app);
        return G_SOURCE_REMOVE;
    }
    inventory_publish(app->inv);
    while (orders->n_open == 0 && !orders->asked && !orders->pump_source &&
           !g_queue_is_empty(&orders->waiting)) {
        if (is_start(g_queue_peek_head(&orders->waiting)))
            ask_starts(app);
        else
            open_next(g_queue_pop_head(&orders->waiting));
    }
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

/* ---- the queue --------------------------------------------------------------------------------
 */

Orders *orders_new(void)
{
    Orders *orders = g_new0(Orders, 1);

    g_queue_init(&orders->waiting);
    orders->starts = g_ptr_array_new();
    return orders;
}

static void refuse_waiting(Orders *orders, const char *why)
{
    g_autoptr(GPtrArray) starts = orders->starts;
    g_autoptr(GError) error = NULL;

    err_set_reason(&error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL, "%s", why);
    orders->starts = g_ptr_array_new();
    vm_starts_forget(g_steal_pointer(&orders->asked));
    for (guint i = 0; i < starts->len; i++)
        finish_order(starts->pdata[i], error);
    while (!g_queue_is_empty(&orders->waiting))
        finish_order(g_queue_pop_head(&orders->waiting), error);
}

void vm_order_turn(struct app *app, vm_turn_fn fn, void *user)
{
    struct placing *placing = g_new0(struct placing, 1);

    *placing = (struct placing){ .app = app, .turn = fn, .user = user };
    g_queue_push_tail(&app->orders->waiting, placing);
    if (app->orders->stopping)
        refuse_waiting(app->orders, "the controller is stopping");
    else
        pump_soon(app);
}

void vm_order_turn_over(struct app *app)
{
    if (--app->orders->n_open == 0)
        pump_soon(app);
}

void orders_reset(Orders *orders)
{
    refuse_waiting(orders, "the inventory is being read again; try again");
}

void orders_stop(Orders *orders)
{
    orders->stopping = true;
    refuse_waiting(orders, "the controller is stopping");
}

void orders_free(Orders *orders)
{
    if (!orders)
        return;
    if (orders->pump_source)
        g_source_remove(orders->pump_source);
    g_ptr_array_unref(orders->starts);
    g_queue_clear_full(&orders->waiting, (GDestroyNotify)free_placing);
    g_free(orders);
}
