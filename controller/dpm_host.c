/* dpm_host.c - see dpm.h: what DPM's rules are about one host: the task that holds it, the proof of
 * its wake-up, and the time that it slept. */
#include "config.h"

#include "base/clock.h"
#include "controller/dpm.h"

#define MS_PER_S   INT64_C(1000)
#define MS_PER_DAY INT64_C(86400000)

bool dpm_is_task(enum task_type type)
{
    return type == TASK_SLEEP_HOST || type == TASK_WAKE_HOST || type == TASK_PROVE_HOST;
}

/* The outermost one: a task of DPM rather than its children. */
const Task *dpm_host_task(const struct app *app, int64_t host_id)
{
    const Snapshot *snap = inventory_peek(app->inv);
    const Task *found = NULL;

    for (size_t i = 0; i < snap->n_tasks; i++) {
        const Task *task = snap->tasks[i];

        if (task->entity_kind == OBJECT_HOST && task->entity_id == host_id &&
            !task_is_final(task) && (!found || dpm_is_task(task->type)))
            found = task;
    }
    return found;
}

bool dpm_is_proven(const struct app *app, const Host *host)
{
    return host->wake_proven_ms > 0 &&
           clock_wall_ms() - host->wake_proven_ms <= app->settings->dpm_proof_days * MS_PER_DAY;
}

bool dpm_lacks_proof(const struct app *app, const Host *host)
{
    const Cluster *cluster =
        snapshot_builder_get_cluster(inventory_edit(app->inv), host->cluster_id);

    return cluster && cluster->dpm.power_level > 0 && *host->bmc_ip && !host->off_by_dpm &&
           !dpm_is_proven(app, host);
}

int64_t dpm_slept_ms(const Host *host)
{
    int64_t now_ms = host->off_by_dpm && host->off_since_ms > 0
                         ? MAX(clock_wall_ms() - host->off_since_ms, 0)
                         : 0;

    return host->slept_ms + now_ms;
}

int64_t dpm_saved_wh(const struct app *app, const Host *host)
{
    return dpm_slept_ms(host) / MS_PER_S * app->settings->dpm_watts / 3600;
}
