/* on_dpm.c - power management: how it stands, look again, prove now. */
#include "config.h"

#include "base/clock.h"
#include "controller/call.h"
#include "controller/dpm.h"

/* ---- status -----------------------------------------------------------------------------------
 */

/* NULL: no task of DPM has it. */
static const char *state_by_task(const Host *host, const Task *task)
{
    if (task && task->type == TASK_PROVE_HOST)
        return "proving";
    if (task && task->type == TASK_SLEEP_HOST)
        return host->status == HOST_NORMAL ? "draining" : "powering-off";
    if (task && task->type == TASK_WAKE_HOST)
        return "waking";
    return NULL;
}

static const char *state_of(const Host *host, const Task *task)
{
    const char *state = state_by_task(host, task);

    if (state)
        return state;
    if (host->status == HOST_BOOTING)
        return "waking";
    if (host->maintaining)
        return "maintenance";
    if (host->status == HOST_POWEROFF)
        return host->off_by_dpm ? "asleep" : "switched-off";
    if (dpm_is_asleep(host))
        return "not-back";
    return host->connected && host->status == HOST_NORMAL ? "on" : host_status_name(host->status);
}

static const struct dpm_verdict *verdict_of(const DpmPlan *plan, int64_t host_id)
{
    for (size_t i = 0; plan && i < plan->hosts.len; i++) {
        if (plan->hosts.items[i].host_id == host_id)
            return &plan->hosts.items[i];
    }
    return NULL;
}

static char *text_of(const struct app *app, const Host *host, const struct dpm_verdict *verdict,
                     const Task *task)
{
    const Cluster *cluster = snapshot_cluster(inventory_peek(app->inv), host->cluster_id);

    if (task && *task->why)
        return g_strdup_printf("%s %" G_GINT64_FORMAT ": %s", task_type_name(task->type), task->id,
                               task->why);
    if (verdict)
        return g_strdup(verdict->text);
    return g_strdup(cluster && cluster->dpm.power_level == 0 ? "DPM is off"
                                                             : "DPM has not looked at it yet");
}

static struct op_dpm_host describe(const struct app *app, const Host *host, const DpmPlan *plan)
{
    static const char *const actions[] = { "stay", "sleep", "wake" };
    const Task *task = dpm_host_task(app, host->id);
    const struct dpm_verdict *verdict = verdict_of(plan, host->id);
    const struct dpm_trouble *trouble = dpm_host_trouble(app->dpm, host);

    return (struct op_dpm_host){
        .id = host->id,
        .task_id = task ? task->id : 0,
        .state = state_of(host, task),
        .action = actions[verdict ? verdict->action : DPM_STAY],
        .proven = dpm_is_proven(app, host),
        .name = g_strdup(host->name),
        .text = text_of(app, host, verdict, task),
        .trouble = g_strdup(trouble ? trouble->text : ""),
        .proven_ms = host->wake_proven_ms,
        .off_since_ms = host->off_since_ms,
        .slept_ms = dpm_slept_ms(host),
        .saved_wh = dpm_saved_wh(app, host),
        .retry_ms = trouble ? trouble->until_ms : 0,
        .move_mb = verdict ? verdict->move_mb : 0,
        .n_moves = verdict ? verdict->n_moves : 0,
    };
}

static void fill_hosts(const struct app *app, struct op_dpm *dpm, int64_t cluster_id,
                       const DpmPlan *plan)
{
    const Snapshot *snap = inventory_peek(app->inv);

    dpm->hosts = g_new0(struct op_dpm_host, snap->n_hosts + 1);
    for (size_t i = 0; i < snap->n_hosts; i++) {
        if (snap->hosts[i]->cluster_id != cluster_id)
            continue;
        dpm->hosts[dpm->n_hosts] = describe(app, snap->hosts[i], plan);
        dpm->slept_ms += dpm->hosts[dpm->n_hosts].slept_ms;
        dpm->saved_wh += dpm->hosts[dpm->n_hosts++].saved_wh;
    }
}

/* All 0 in an hour in which DPM rests. */
static struct dpm_level level_of(const Cluster *cluster)
{
    g_autoptr(GDateTime) now = g_date_time_new_from_unix_local(clock_wall_ms() / 1000);
    struct dpm_level level = { 0 };

    if (cluster->dpm.power_level > 0)
        (void)dpm_level(cluster, cluster->dpm.limen[g_date_time_get_hour(now)], &level);
    return level;
}

static void answer(struct call *call, const Cluster *cluster)
{
    const struct app *app = call->app;
    const struct settings *settings = app->settings;
    struct dpm_level level = level_of(cluster);
    struct op_dpm *dpm = g_new0(struct op_dpm, 1);
    const DpmPlan *plan = dpm_latest(app->dpm, cluster->id, &dpm->at_ms);

    dpm->power_level = cluster->dpm.power_level;
    dpm->decided = plan && plan->decided;
    dpm->verdict = g_strdup(plan                           ? plan->verdict
                            : cluster->dpm.power_level > 0 ? "DPM has not looked yet"
                                                           : "power management is switched off");
    dpm->load_permille = plan ? plan->load_permille : 0;
    dpm->expected_permille = plan ? plan->expected_permille : 0;
    dpm->sleep_below = level.sleep_below;
    dpm->wake_above = level.wake_above;
    dpm->proof_days = settings->dpm_proof_days;
    dpm->spare_hosts = settings->dpm_spare_hosts;
    dpm->watts = settings->dpm_watts;
    fill_hosts(app, dpm, cluster->id, plan);
    call_result(call, &(struct op_result){ .dpm = dpm });
}

void on_dpm_status(struct call *call)
{
    g_autoptr(GError) error = NULL;
    const Cluster *cluster;

    inventory_publish(call->app->inv);
    cluster = call_cluster(call, call->op->id, &error);
    if (cluster)
        answer(call, cluster);
    else
        call_fail(call, error);
}

static void looked(const GError *error, void *user)
{
    struct call *call = user;

    if (error)
        call_fail(call, error);
    else
        on_dpm_status(call);
}

void on_dpm_refresh(struct call *call)
{
    g_autoptr(GError) error = NULL;

    if (call_cluster(call, call->op->id, &error))
        dpm_look(call->app->dpm, call->op->id, looked, call);
    else
        call_fail(call, error);
}

/* ---- prove now --------------------------------------------------------------------------------
 */

static void ordered(int64_t task_id, const GError *error, void *user)
{
    struct call *call = user;

    if (error)
        call_fail(call, error);
    else
        call_task(call, task_id, 0);
}

void on_host_prove_wake(struct call *call)
{
    const struct op *op = call->op;

    dpm_prove(call->app->dpm,
              &(struct dpm_proof){ .host_id = op->id, .user = op->user, .address = op->address },
              ordered, call);
}
