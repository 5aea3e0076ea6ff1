/* task_power.c - see task_power.h. */
#include "config.h"

#include "controller/task_power.h"

#include "base/clock.h"
#include "base/err.h"
#include "controller/alarm.h"
#include "controller/observe.h"
#include "controller/power.h"
#include "model/reason.h"

#define MS_PER_S 1000
/* Between closing the host and looking whether it is empty: an order that had chosen it before is
 * committed by then. */
#define SETTLE_MS    1500
#define BOOT_POLL_MS 500
/* One that did not come back in time is given so long to show that it is up after all: links are
 * tried again every 10 s at most. */
#define LATE_LOOK_MS 15000

struct power_run {
    Power *power;
    guint timer;
    int64_t until_ms; /* the host must be back; 0: it has no power yet */
};

static void free_run_data(void *data)
{
    struct power_run *work = data;

    if (work->timer)
        g_source_remove(work->timer);
    power_cancel(work->power);
    g_free(work);
}

static const Host *host_of(const struct run *run)
{
    return inventory_find_host(run->app->inv, run_task(run)->entity_id);
}

static void show(struct app *app, const Host *current, bool connected, enum host_status status)
{
    Host *host = host_dup(current);

    host->status = status;
    host->connected = connected;
    snapshot_builder_put_host(inventory_edit(app->inv), host);
}

/* What a host shows while its power is off, or on and it is not back. */
static enum host_status away_status(const struct run *run, enum host_status alone)
{
    const Task *parent =
        snapshot_builder_get_task(inventory_edit(run->app->inv), run_task(run)->parent_id);

    return parent && parent->type == TASK_REBOOT_HOST ? HOST_REBOOTING : alone;
}

bool task_power_check_empty(const struct app *app, const Host *host, int reason, GError **error)
{
    const Snapshot *snap = inventory_peek(app->inv);

    for (size_t i = 0; i < snap->n_vms; i++) {
        const Vm *vm = snap->vms[i];

        if (!vm_is_placed(vm) || (vm->host_id != host->id && vm->target_host_id != host->id))
            continue;
        err_set_reason(error, VRM_ERR_CONFLICT, reason, NULL,
                       "VM %s is on host %s: move it away or stop it first", vm->name, host->name);
        return false;
    }
    return true;
}

void task_power_end_sleep(Host *host)
{
    if (host->off_since_ms > 0 && host->off_by_dpm)
        host->slept_ms += MAX(clock_wall_ms() - host->off_since_ms, 0);
    host->off_since_ms = 0;
}

/* The run ends with the error if the BMC cannot even be asked. */
static void command(struct run *run, enum power_verb verb, power_done_fn done)
{
    const struct settings *settings = run->app->settings;
    struct power_run *work = run->data;
    const Host *host = host_of(run);
    g_autoptr(GError) error = NULL;

    if (!host)
        err_set_reason(&error, VRM_ERR_NOT_FOUND, REASON_HOST_MISSING, NULL, "host %s is gone",
                       run_task(run)->entity_name);
    else
        work->power =
            power_start(&(struct power_order){ .agent = settings->power_agent,
                                               .cipher = settings->power_cipher,
                                               .limit_ms = settings->power_limit_s * MS_PER_S,
                                               .host = host,
                                               .verb = verb },
                        done, run, &error);
    if (error)
        run_finish(run, error);
}

static struct commit_event event_of(const Task *task, const GError *error, const char *name)
{
    return (struct commit_event){ .severity = error ? EVENT_ERROR : EVENT_INFO,
                                  .name = name,
                                  .kind = OBJECT_HOST,
                                  .object_id = task->entity_id,
                                  .object_name = task->entity_name,
                                  .task_id = task->id };
}

/* ---- off --------------------------------------------------------------------------------------
 */

static void is_off(bool is_on, const GError *error, void *user)
{
    struct run *run = user;

    (void)is_on;
    ((struct power_run *)run->data)->power = NULL;
    alarm_judge_power(run->app, run_task(run)->entity_id, error);
    run_finish(run, error);
}

/* Nothing may run there: neither what we placed nor a guest that only its host knows, made by hand
 * or left over by a command whose end nobody heard. */
static bool check_dark(const struct app *app, const Host *host, GError **error)
{
    if (!task_power_check_empty(app, host, REASON_HOST_POWER_HAS_VMS, error))
        return false;
    if (!observe_has_guests(app->observe, host->id))
        return true;
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_POWER_HAS_VMS, NULL,
                   "host %s runs a guest that this controller did not place there: look at 'virsh "
                   "list' on it and stop it first",
                   host->name);
    return false;
}

static gboolean switch_off(void *data)
{
    struct run *run = data;
    const Host *host = host_of(run);
    g_autoptr(GError) error = NULL;

    ((struct power_run *)run->data)->timer = 0;
    inventory_publish(run->app->inv);
    if (host && !run_task(run)->force && !check_dark(run->app, host, &error))
        run_finish(run, error);
    else
        command(run, POWER_OFF, is_off);
    return G_SOURCE_REMOVE;
}

static void go_off(struct run *run)
{
    struct power_run *work = run->data;
    const Host *host = host_of(run);

    if (host)
        show(run->app, host, host->connected, HOST_SHUTTING_DOWN);
    work->timer = g_timeout_add(SETTLE_MS, switch_off, run);
}

/* ---- off, of one that is late -----------------------------------------------------------------
 */

/* It was woken and did not come back in time; whether it hangs is not known. */
static bool is_late(const struct run *run, const Host *host)
{
    return run_task(run)->origin == ORIGIN_DPM && host && host->off_by_dpm &&
           host->off_since_ms == 0;
}

static gboolean poll_late(void *data)
{
    struct run *run = data;
    struct power_run *work = run->data;
    const Host *host = host_of(run);
    g_autoptr(GError) error = NULL;

    if (host && !host->connected && clock_now_ms() < work->until_ms)
        return G_SOURCE_CONTINUE;
    work->timer = 0;
    if (host && host->connected)
        err_set_reason(&error, VRM_ERR_CONFLICT, REASON_HOST_STATE, NULL,
                       "host %s is up, later than it should have been: its power is left alone",
                       host->name);
    if (error)
        run_finish(run, error);
    else
        go_off(run);
    return G_SOURCE_REMOVE;
}

static void late_is_on(bool on, const GError *error, void *user)
{
    struct run *run = user;
    struct power_run *work = run->data;

    work->power = NULL;
    if (error || !on) { /* nothing to cut, or nobody to cut it */
        alarm_judge_power(run->app, run_task(run)->entity_id, error);
        run_finish(run, error);
        return;
    }
    work->until_ms =
        clock_now_ms() + MIN(LATE_LOOK_MS, run->app->settings->power_boot_limit_s * MS_PER_S);
    work->timer = g_timeout_add(BOOT_POLL_MS, poll_late, run);
}

static void begin_off(struct run *run)
{
    run->data = g_new0(struct power_run, 1);
    if (is_late(run, host_of(run)))
        command(run, POWER_STATUS, late_is_on);
    else
        go_off(run);
}

static void record_off(struct run *run, const Task *task, const GError *error, Commit *commit)
{
    const Host *current = inventory_find_host(run->app->inv, task->entity_id);
    struct commit_event event =
        event_of(task, error, error ? "HostPowerOffFailed" : "HostPoweredOff");

    if (err_reason(error) == REASON_HOST_STATE)
        return; /* it is up; who wanted to wake it tells */
    if (error) {
        commit_event(commit, &event, "host %s was not switched off: %s", task->entity_name,
                     error->message);
        return;
    }
    commit_event(commit, &event, "host %s is switched off", task->entity_name);
    if (current) {
        Host *host = host_dup(current);

        host->off_since_ms = clock_wall_ms();
        host->off_by_dpm = task->origin == ORIGIN_DPM;
        commit_put_host(commit, host);
    }
}

static void after_off(struct run *run, const Task *task, bool ok)
{
    const Host *host = inventory_find_host(run->app->inv, task->entity_id);

    if (!host || host->status != HOST_SHUTTING_DOWN)
        return;
    if (ok)
        show(run->app, host, false, away_status(run, HOST_POWEROFF));
    else
        show(run->app, host, host->connected, host->connected ? HOST_NORMAL : HOST_UNKNOWN);
}

static const struct task_kind off_kind = {
    .type = TASK_POWER_OFF_HOST,
    .entity = OBJECT_HOST,
    .begin = begin_off,
    .record = record_off,
    .after = after_off,
    .free_data = free_run_data,
};

/* ---- on ---------------------------------------------------------------------------------------
 */

static gboolean poll_boot(void *data)
{
    struct run *run = data;
    struct power_run *work = run->data;
    const Host *host = host_of(run);
    g_autoptr(GError) error = NULL;

    if (host && !host->connected && clock_now_ms() < work->until_ms)
        return G_SOURCE_CONTINUE;
    work->timer = 0;
    if (!host || !host->connected)
        err_set_reason(&error, VRM_ERR_TIMEOUT, REASON_HOST_NOT_BACK, NULL,
                       "host %s has power, but its agent has not answered within %" G_GINT64_FORMAT
                       " s: look at its console",
                       run_task(run)->entity_name, run->app->settings->power_boot_limit_s);
    if (error)
        alarm_judge_power(run->app, run_task(run)->entity_id, error);
    run_finish(run, error);
    return G_SOURCE_REMOVE;
}

static void is_on(bool on, const GError *error, void *user)
{
    struct run *run = user;
    struct power_run *work = run->data;

    (void)on;
    work->power = NULL;
    alarm_judge_power(run->app, run_task(run)->entity_id, error);
    if (error) {
        run_finish(run, error);
        return;
    }
    work->until_ms = clock_now_ms() + run->app->settings->power_boot_limit_s * MS_PER_S;
    work->timer = g_timeout_add(BOOT_POLL_MS, poll_boot, run);
    run_progress(run, 50);
}

static void begin_on(struct run *run)
{
    const Host *host = host_of(run);

    run->data = g_new0(struct power_run, 1);
    if (host && !host->connected)
        show(run->app, host, false, away_status(run, HOST_BOOTING));
    command(run, POWER_ON, is_on);
}

static void record_on(struct run *run, const Task *task, const GError *error, Commit *commit)
{
    const struct power_run *work = run->data;
    bool has_power = !error || work->until_ms > 0;
    const Host *current = inventory_find_host(run->app->inv, task->entity_id);
    struct commit_event event =
        event_of(task, error, error ? "HostPowerOnFailed" : "HostPoweredOn");
    Host *host;

    if (error)
        commit_event(commit, &event, "host %s did not come back: %s", task->entity_name,
                     error->message);
    else
        commit_event(commit, &event, "host %s is back", task->entity_name);
    if (!has_power || !current || (current->off_since_ms == 0 && !current->off_by_dpm))
        return;
    host = host_dup(current);
    if (!error && host->off_since_ms > 0)
        host->wake_proven_ms = clock_wall_ms();
    task_power_end_sleep(host);
    host->off_by_dpm = host->off_by_dpm && error; /* then it is for DPM to try again */
    commit_put_host(commit, host);
}

/* A host that has power and does not come back is no longer off: nobody knows what it does. */
static void after_on(struct run *run, const Task *task, bool ok)
{
    const Host *host = inventory_find_host(run->app->inv, task->entity_id);

    if (ok || !host || (host->status != HOST_BOOTING && host->status != HOST_REBOOTING))
        return;
    show(run->app, host, false, host->off_since_ms > 0 ? HOST_POWEROFF : HOST_UNKNOWN);
}

static const struct task_kind on_kind = {
    .type = TASK_POWER_ON_HOST,
    .entity = OBJECT_HOST,
    .begin = begin_on,
    .record = record_on,
    .after = after_on,
    .free_data = free_run_data,
};

const struct task_kind *const task_power_kinds[] = { &on_kind, &off_kind };
const size_t task_power_n_kinds = G_N_ELEMENTS(task_power_kinds);
