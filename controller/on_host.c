/* on_host.c - hosts: join, change, leave, maintenance. */
#include "config.h"

#include "base/clock.h"
#include "base/err.h"
#include "controller/call.h"
#include "controller/dpm.h"
#include "controller/observe.h"
#include "controller/power.h"
#include "controller/task.h"
#include "controller/task_power.h"
#include "model/reason.h"
#include "scheduler/imc.h"

#define DEFAULT_AGENT_PORT 7444

static void finish(const GError *error, void *user)
{
    struct call *call = user;

    if (error)
        call_fail(call, error);
    else
        call_done(call);
}

/* An operation that ends with its commit but is shown as a task. */
struct host_job {
    struct call *call;
    Task *task;
    int64_t host_id;
    bool begin; /* the task goes on */
};

static void finish_job(const GError *error, void *user)
{
    g_autofree struct host_job *job = user;
    struct app *app = job->call->app;
    const Host *host;

    if (error) {
        call_fail(job->call, error);
        return;
    }
    host = snapshot_builder_get_host(inventory_edit(app->inv), job->task->entity_id);
    if (host && !job->begin)
        agents_set_host(app->agents, host->id, host->name, host->ip, host->port);
    if (!host) {
        agents_remove_host(app->agents, job->task->entity_id);
        observe_forget_host(app->observe, job->task->entity_id);
    }
    if (job->begin)
        tasks_begin(app->tasks, job->task->id);
    call_task(job->call, job->task->id, job->task->entity_id);
}

static void submit_job(struct call *call, Commit *commit, Task *task, bool begin)
{
    struct host_job *job = g_new0(struct host_job, 1);
    g_autofree char *key = task->entity_id
                               ? g_strdup_printf("host:%" G_GINT64_FORMAT, task->entity_id)
                               : NULL; /* a new one */

    *job = (struct host_job){ .call = call, .task = task, .begin = begin };
    call_audit(call, commit, task->entity_name, &task->id);
    commit_submit(commit, key, finish_job, job);
}

/* Work on a host that exists; nothing but the task is written. */
static void submit_task(struct call *call, const Host *host, enum task_type type, bool force)
{
    Commit *commit = commit_new(&call->app->committer);
    Task *task = task_prepare(type, OBJECT_HOST, host->id, host->name, call->op->user);

    task->force = force;
    commit_put_task(commit, task, NULL);
    submit_job(call, commit, task, true);
}

/* ---- join and change --------------------------------------------------------------------------
 */

static bool check_address(const struct call *call, const Host *host, GError **error)
{
    const Snapshot *snap = inventory_peek(call->app->inv);

    for (size_t i = 0; i < snap->n_hosts; i++) {
        const Host *other = snap->hosts[i];

        if (other->id == host->id || !g_str_equal(other->ip, host->ip) || other->port != host->port)
            continue;
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_IP_TAKEN, "ip",
                       "host %s already has address %s", other->name, host->ip);
        return false;
    }
    return host->cluster_id == 0 || call_cluster(call, host->cluster_id, error);
}

void on_host_add(struct call *call)
{
    Host *host = call->op->host;
    Task *task;
    Commit *commit;
    g_autoptr(GError) error = NULL;

    inventory_publish(call->app->inv);
    host->id = 0;
    if (host->port == 0)
        host->port = DEFAULT_AGENT_PORT;
    if (!check_address(call, host, &error)) {
        call_fail(call, error);
        return;
    }
    host->create_ms = clock_wall_ms();
    host->status = HOST_INITIAL;
    commit = commit_new(&call->app->committer);
    commit_put_host(commit, host_ref(host));
    task = task_prepare(TASK_ADD_HOST, OBJECT_HOST, 0, host->name, call->op->user);
    commit_put_task(commit, task, &host->id);
    submit_job(call, commit, task, true);
}

static bool check_no_vms(const struct call *call, const Host *host, GError **error)
{
    return task_power_check_empty(call->app, host, REASON_HOST_HAS_VMS, error);
}

/* VMs stay in their cluster: a host that carries some cannot leave it.  Its new one may have a CPU
 * baseline. */
static bool check_move(const struct call *call, const Host *host, const Host *current,
                       GError **error)
{
    const Snapshot *snap = inventory_peek(call->app->inv);
    const Cluster *cluster = snapshot_cluster(snap, host->cluster_id);

    if (host->cluster_id == current->cluster_id)
        return true;
    return check_no_vms(call, current, error) &&
           (!cluster || imc_check_join(snap, cluster, host, error));
}

void on_host_update(struct call *call)
{
    Host *host = call->op->host;
    const Host *current;
    Commit *commit;
    g_autoptr(GError) error = NULL;

    inventory_publish(call->app->inv);
    current = call_host(call, host->id, &error);
    if (!current ||
        !call_is_current(host->generation, current->generation, current->name, &error) ||
        !check_address(call, host, &error) || !check_move(call, host, current, &error)) {
        call_fail(call, error);
        return;
    }
    commit = commit_new(&call->app->committer);
    commit_put_host(commit, host_ref(host));
    submit_job(
        call, commit,
        call_finished_task(call, commit, TASK_MODIFY_HOST, OBJECT_HOST, host->name, &host->id),
        false);
}

/* ---- leave ------------------------------------------------------------------------------------
 */

void on_host_delete(struct call *call)
{
    const Host *host;
    Commit *commit;
    g_autoptr(GError) error = NULL;

    inventory_publish(call->app->inv);
    host = call_host(call, call->op->id, &error);
    if (!host || !check_no_vms(call, host, &error)) {
        call_fail(call, error);
        return;
    }
    commit = commit_new(&call->app->committer);
    commit_delete(commit, OBJECT_HOST, host->id, host->generation);
    submit_job(
        call, commit,
        call_finished_task(call, commit, TASK_DELETE_HOST, OBJECT_HOST, host->name, &call->op->id),
        false);
}

/* ---- maintenance ------------------------------------------------------------------------------
 */

static bool check_mode(const Host *host, bool enter, GError **error)
{
    if (host->maintaining != enter)
        return true;
    err_set_reason(error, VRM_ERR_CONFLICT,
                   enter ? REASON_HOST_ALREADY_MAINTAINING : REASON_HOST_NOT_MAINTAINING, NULL,
                   "host %s is %sin maintenance mode", host->name, enter ? "already " : "not ");
    return false;
}

static void add_mode_event(Commit *commit, const Host *host, const char *user)
{
    commit_event(commit,
                 &(struct commit_event){ .name = host->maintaining ? "HostEnteredMaintenance"
                                                                   : "HostLeftMaintenance",
                                         .kind = OBJECT_HOST,
                                         .object_id = host->id,
                                         .object_name = host->name },
                 "host %s %s maintenance mode (%s)", host->name,
                 host->maintaining ? "entered" : "left", user);
}

void on_host_maintenance(struct call *call)
{
    bool enter = call->op->kind == OP_HOST_ENTER_MAINT;
    const Host *current;
    Host *host;
    Commit *commit;
    g_autofree char *key = g_strdup_printf("host:%" G_GINT64_FORMAT, call->op->id);
    g_autoptr(GError) error = NULL;

    current = call_host(call, call->op->id, &error);
    if (!current || !check_mode(current, enter, &error)) {
        call_fail(call, error);
        return;
    }
    host = host_dup(current);
    host->maintaining = enter;
    commit = commit_new(&call->app->committer);
    commit_put_host(commit, host);
    add_mode_event(commit, host, call->op->user);
    call_audit(call, commit, host->name, NULL);
    commit_submit(commit, key, finish, call);
}

/* No unfinished task of that type; doing: what it does, for people. */
static bool check_no_task(const struct call *call, const Host *host, enum task_type type,
                          const char *doing, GError **error)
{
    const Snapshot *snap = inventory_peek(call->app->inv);

    for (size_t i = 0; i < snap->n_tasks; i++) {
        const Task *task = snap->tasks[i];

        if (task->type != type || task->entity_id != host->id || task_is_final(task))
            continue;
        err_set_reason(error, VRM_ERR_BUSY, REASON_HOST_SAME_OPERATION, NULL,
                       "host %s is being %s already by task %" G_GINT64_FORMAT, host->name, doing,
                       task->id);
        return false;
    }
    return true;
}

static bool check_drain(const struct call *call, const Host *host, GError **error)
{
    if (!host->maintaining) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_EVACUATE_NEEDS_MAINTENANCE, NULL,
                       "host %s is not in maintenance mode: enter it first", host->name);
        return false;
    }
    if (host->cluster_id == 0) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_NO_CLUSTER, NULL,
                       "host %s is in no cluster: its VMs have nowhere to go", host->name);
        return false;
    }
    return check_no_task(call, host, TASK_EVACUATE_HOST, "emptied", error);
}

void on_host_evacuate(struct call *call)
{
    const Host *host;
    g_autoptr(GError) error = NULL;

    inventory_publish(call->app->inv);
    host = call_host(call, call->op->id, &error);
    if (!host || !check_drain(call, host, &error)) {
        call_fail(call, error);
        return;
    }
    submit_task(call, host, TASK_EVACUATE_HOST, false);
}

/* ---- power ------------------------------------------------------------------------------------
 */

static bool check_off(const struct call *call, const Host *host, GError **error)
{
    if (host->status != HOST_POWEROFF)
        return task_power_check_empty(call->app, host, REASON_HOST_POWER_HAS_VMS, error);
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_ALREADY_OFF, NULL, "host %s is off already",
                   host->name);
    return false;
}

static bool check_on(const Host *host, GError **error)
{
    if (!host->connected)
        return true;
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_STATE, NULL,
                   "host %s is on already: its agent answers", host->name);
    return false;
}

/* Nobody else is at its power. */
static bool check_power(const struct call *call, const Host *host, GError **error)
{
    const Task *task;

    inventory_publish(call->app->inv);
    task = dpm_host_task(call->app, host->id);
    if (task && dpm_is_task(task->type)) {
        err_set_reason(error, VRM_ERR_BUSY, REASON_HOST_SAME_OPERATION, NULL,
                       "host %s is held by %s %" G_GINT64_FORMAT ": wait for it or cancel it",
                       host->name, task_type_name(task->type), task->id);
        return false;
    }
    return power_check_host(host, error) &&
           check_no_task(call, host, TASK_REBOOT_HOST, "rebooted", error) &&
           check_no_task(call, host, TASK_POWER_ON_HOST, "switched on", error) &&
           check_no_task(call, host, TASK_POWER_OFF_HOST, "switched off", error);
}

void on_host_power(struct call *call)
{
    bool on = call->op->kind == OP_HOST_POWER_ON;
    const Host *host;
    g_autoptr(GError) error = NULL;

    inventory_publish(call->app->inv);
    host = call_host(call, call->op->id, &error);
    if (!host || !check_power(call, host, &error) ||
        !(on ? check_on(host, &error) : check_off(call, host, &error))) {
        call_fail(call, error);
        return;
    }
    submit_task(call, host, on ? TASK_POWER_ON_HOST : TASK_POWER_OFF_HOST, false);
}

/* One that does not answer cannot be emptied: then only force is left. */
static bool check_reboot(const struct call *call, const Host *host, GError **error)
{
    if (host->status == HOST_POWEROFF) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_IS_OFF, NULL,
                       "host %s is off: it cannot be rebooted; switch it on", host->name);
        return false;
    }
    if (host->connected || call->op->force)
        return true;
    err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_HOST_FAULTY, "mode",
                   "host %s does not answer, so its VMs cannot be moved away first: look at it, or "
                   "want mode = force, which takes down what runs there",
                   host->name);
    return false;
}

void on_host_reboot(struct call *call)
{
    const Host *host;
    g_autoptr(GError) error = NULL;

    inventory_publish(call->app->inv);
    host = call_host(call, call->op->id, &error);
    if (!host || !check_power(call, host, &error) || !check_reboot(call, host, &error)) {
        call_fail(call, error);
        return;
    }
    submit_task(call, host, TASK_REBOOT_HOST, call->op->force);
}
