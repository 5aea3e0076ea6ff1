/* dpm_gauge.c - see dpm_private.h. */
#include "config.h"

#include "controller/dpm_private.h"

static void show(const struct app *app, const char *name, const char *label, int64_t id,
                 const char *help, int64_t value)
{
    g_autofree char *labels = g_strdup_printf("%s=\"%" G_GINT64_FORMAT "\"", label, id);

    metric_set(metrics_gauge(app->metrics, name, labels, help), value);
}

/* Ids, not names: a series keeps its meaning when something is renamed. */
void dpm_gauges_update(const struct app *app)
{
    const Snapshot *snap = inventory_peek(app->inv);

    for (size_t i = 0; i < snap->n_clusters; i++) {
        int64_t id = snap->clusters[i]->id, asleep = 0, saved = 0;

        for (size_t k = 0; k < snap->n_hosts; k++) {
            const Host *host = snap->hosts[k];

            if (host->cluster_id != id)
                continue;
            asleep += dpm_is_asleep(host);
            saved += dpm_saved_wh(app, host);
        }
        show(app, "vrm_dpm_hosts_asleep", "cluster", id, "Hosts that DPM has put to sleep.",
             asleep);
        show(app, "vrm_dpm_saved_watt_hours", "cluster", id,
             "Wh saved by hosts that slept, by their cluster.", saved);
    }
    for (size_t k = 0; k < snap->n_hosts; k++)
        show(app, "vrm_dpm_host_saved_watt_hours", "host", snap->hosts[k]->id,
             "Wh saved by the host's sleep.", dpm_saved_wh(app, snap->hosts[k]));
}
