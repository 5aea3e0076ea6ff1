/* on_ha.c - high availability: status, arming, the fail-over test, incidents. */
#include "config.h"

#include "base/clock.h"
#include "base/err.h"
#include "controller/alarm.h"
#include "controller/call.h"
#include "controller/ha_shell.h"
#include "controller/history.h"
#include "db/store_incident.h"
#include "model/reason.h"
#include "scheduler/admission.h"
#include "scheduler/sched_params.h"

void on_ha_status(struct call *call)
{
    struct op_result result = { .ha = ha_shell_status(call->app->ha) };

    call_result(call, &result);
}

/* ---- arming -----------------------------------------------------------------------------------
 */

static void armed(const GError *error, void *user)
{
    struct call *call = user;

    if (error) {
        call_fail(call, error);
        return;
    }
    alarm_set(call->app, call->op->kind == OP_HA_DISARM, ALARM_HA_DISARMED, 0,
              "VMs of hosts that die are not started elsewhere");
    call_done(call);
}

static void set_armed(struct call *call, bool on)
{
    const Site *current = snapshot_builder_get_site(inventory_edit(call->app->inv));
    Commit *commit;
    Site *site;

    if (on == (current->ha_disarmed_ms == 0)) {
        call_done(call);
        return;
    }
    site = site_dup(current);
    site->ha_disarmed_ms = on ? 0 : clock_wall_ms();
    g_free(site->ha_disarmed_by);
    site->ha_disarmed_by = g_strdup(on ? "" : call->op->user);
    commit = commit_new(&call->app->committer);
    commit_event(commit,
                 &(struct commit_event){ .severity = on ? EVENT_INFO : EVENT_WARNING,
                                         .name = on ? "HaArmed" : "HaDisarmed",
                                         .kind = OBJECT_SITE,
                                         .object_name = site->name },
                 "HA was %s by %s", on ? "armed" : "disarmed", call->op->user);
    commit_put_site(commit, site);
    call_audit(call, commit, "HA", NULL);
    commit_submit(commit, "site", armed, call);
}

void on_ha_arm(struct call *call)
{
    set_armed(call, true);
}

void on_ha_disarm(struct call *call)
{
    set_armed(call, false);
}

/* ---- one host ---------------------------------------------------------------------------------
 */

static void noted(const GError *error, void *user)
{
    struct call *call = user;

    if (error)
        call_fail(call, error);
    else
        call_done(call);
}

static void note(struct call *call, const char *object, commit_done_fn done, void *user)
{
    Commit *commit = commit_new(&call->app->committer);

    call_audit(call, commit, object, NULL);
    commit_submit(commit, NULL, done, user);
}

void on_host_trust(struct call *call)
{
    g_autoptr(GError) error = NULL;
    const Host *host = call_host(call, call->op->id, &error);
    g_autofree char *object = NULL;

    if (!host || !ha_shell_trust(call->app->ha, host, &error)) {
        call_fail(call, error);
        return;
    }
    object = g_strdup_printf("host %s", host->name);
    note(call, object, noted, call);
}

/* What would become of its VMs is asked first: the same question as GET failover?host=. */
struct drill {
    struct call *call;
    Snapshot *snap;
    struct sched_params params;
    int64_t host_id, cluster_id;
    HostLosses *losses;
    GError *error;
};

static void free_drill(struct drill *drill)
{
    snapshot_unref(drill->snap);
    host_losses_free(drill->losses);
    g_clear_error(&drill->error);
    g_free(drill);
}

static void run_drill(void *thread_state, void *data)
{
    struct drill *drill = data;

    (void)thread_state;
    (void)admission_host_fates(drill->snap, drill->cluster_id, drill->host_id, &drill->params,
                               &drill->losses, &drill->error);
}

/* Not only HA's VMs end with it. */
static bool check_losses(const struct drill *drill, GError **error)
{
    const struct host_loss *loss = drill->losses->n_items > 0 ? drill->losses->items : NULL;

    if (!loss || drill->call->op->force ||
        (loss->n_lost == 0 && loss->n_tied == 0 && loss->n_unguarded == 0))
        return true;
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_HOST_STATE, "force",
                   "host %s: %u of its %u VMs would not come back (%u without a place, %u tied to "
                   "it, %u without HA): %s; want force = true if that is meant",
                   loss->host_name, loss->n_lost + loss->n_tied + loss->n_unguarded, loss->n_vms,
                   loss->n_lost, loss->n_tied, loss->n_unguarded, loss->text);
    return false;
}

static void drill_noted(const GError *error, void *user)
{
    struct drill *drill = user;
    struct call *call = drill->call;
    struct op_result result = { 0 };
    const Host *host = inventory_find_host(call->app->inv, drill->host_id);

    if (error || !host || !ha_shell_check_drill(call->app->ha, host, &result.error)) {
        if (error)
            result.error = g_error_copy(error);
        else if (!host)
            err_set_reason(&result.error, VRM_ERR_NOT_FOUND, REASON_HOST_MISSING, NULL,
                           "the host was removed");
    } else {
        ha_shell_drill(call->app->ha, host, call->op->user);
        result.note = g_strdup_printf("the power of %s is being cut; when its VMs are back it is "
                                      "switched on again",
                                      host->name);
    }
    call_result(call, &result);
    free_drill(drill);
}

static void drill_judged(void *data, bool ran)
{
    struct drill *drill = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *object = NULL;

    if (!ran)
        err_set_reason(&error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                       "this controller is stopping");
    else if (drill->error)
        error = g_error_copy(drill->error);
    if (error || !check_losses(drill, &error)) {
        call_fail(drill->call, error);
        free_drill(drill);
        return;
    }
    object = g_strdup_printf("host %s",
                             drill->losses->n_items > 0 ? drill->losses->items[0].host_name : "?");
    note(drill->call, object, drill_noted, drill);
}

void on_host_drill(struct call *call)
{
    g_autoptr(GError) error = NULL;
    const Host *host = call_host(call, call->op->id, &error);
    struct drill *drill;

    if (!host || !ha_shell_check_drill(call->app->ha, host, &error)) {
        call_fail(call, error);
        return;
    }
    drill = g_new0(struct drill, 1);
    inventory_publish(call->app->inv);
    *drill = (struct drill){ .call = call,
                             .snap = inventory_snapshot(call->app->inv),
                             .host_id = host->id,
                             .cluster_id = host->cluster_id };
    app_sched_params(call->app, &drill->params);
    if (work_pool_submit(call->app->asks, NULL, run_drill, drill_judged, drill))
        return;
    free_drill(drill);
    err_set_reason(&error, VRM_ERR_BUSY, REASON_BUSY, NULL,
                   "too many questions are waiting for their answers; ask again later");
    call_fail(call, error);
}

/* ---- incidents --------------------------------------------------------------------------------
 */

static void show_incidents(struct app *app, struct op_result *result, GPtrArray *list)
{
    (void)app;
    result->incidents = g_new0(Incident *, list->len + 1);
    while (list->len > 0)
        result->incidents[result->n_incidents++] = g_ptr_array_steal_index(list, 0);
}

void on_incident_list(struct call *call)
{
    history_query(call, store_incident_query, show_incidents);
}

struct incident_job {
    struct call *call;
    Incident *incident;
};

static bool read_incident(Db *db, void *data, GError **error)
{
    struct incident_job *job = data;

    return store_incident_get(db, job->call->op->id, &job->incident, error);
}

static bool run_incident(Db *db, void *data, GError **error)
{
    return db_read(db, read_incident, data, error);
}

static void incident_read(const GError *error, void *data)
{
    g_autofree struct incident_job *job = data;
    struct op_result result = { .total = 1 };

    if (error) {
        call_fail(job->call, error);
        return;
    }
    result.incidents = g_new(Incident *, 1);
    result.incidents[0] = job->incident;
    result.n_incidents = 1;
    call_result(job->call, &result);
}

void on_incident_get(struct call *call)
{
    struct incident_job *job = g_new0(struct incident_job, 1);

    job->call = call;
    dbq_submit(call->app->dbq, NULL, run_incident, incident_read, job);
}
