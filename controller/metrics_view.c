/* metrics_view.c - see metrics_view.h. */
#include "config.h"

#include "controller/metrics_view.h"

#include "base/clock.h"
#include "base/log.h"
#include "controller/role.h"

#define TICK_MS         100
#define LATE_MS         50
#define TICKS_PER_COUNT 50 /* gauges are counted every 5 s */

struct MetricsView {
    struct app *app;
    guint timer;
    int64_t due_ms;
    unsigned ticks;
    struct log_limit warned;
    GSource *turns;
    Metric *lag, *turn, *active, *epoch, *database, *hosts, *vms, *running, *tasks;
    Metric *host_status[N_HOST_STATUSES];
};

/* GLib asks the sources of the highest priority first, before and after it waits for events; so
 * from check to the next prepare is one turn: all that ran between two waits.  The lag below misses
 * what ended before its tick was due; this misses the time in which we were not given a processor.
 */
struct turn_source {
    GSource source;
    Metric *turn;
    int64_t begun_us; /* 0: not yet */
};

static gboolean turn_prepare(GSource *source, gint *timeout)
{
    const struct turn_source *turns = (const struct turn_source *)(void *)source;

    *timeout = -1;
    if (turns->begun_us)
        metric_observe_ms(turns->turn, (clock_now_us() - turns->begun_us + 999) / 1000);
    return FALSE;
}

static gboolean turn_check(GSource *source)
{
    ((struct turn_source *)(void *)source)->begun_us = clock_now_us();
    return FALSE;
}

static GSource *turn_source_new(Metric *turn)
{
    static GSourceFuncs funcs = { .prepare = turn_prepare, .check = turn_check };
    GSource *source = g_source_new(&funcs, sizeof(struct turn_source));

    ((struct turn_source *)(void *)source)->turn = turn;
    g_source_set_priority(source, G_MININT);
    (void)g_source_attach(source, NULL);
    return source;
}

static void measure_lag(MetricsView *view, int64_t now_ms)
{
    int64_t late_ms = MAX(now_ms - view->due_ms, 0);
    guint left_out;

    metric_observe_ms(view->lag, late_ms);
    if (late_ms > LATE_MS && log_limit_pass(&view->warned, now_ms, 10000, &left_out)) {
        g_autofree char *ms = g_strdup_printf("%" G_GINT64_FORMAT, late_ms);

        log_warning("the main loop was late", "MS", ms, NULL);
    }
    view->due_ms = now_ms + TICK_MS;
}

static void count_vms(MetricsView *view, const Snapshot *snap)
{
    int64_t running = 0;

    for (size_t i = 0; i < snap->n_vms; i++)
        running += snap->vms[i]->status == VM_RUNNING;
    metric_set(view->vms, (int64_t)snap->n_vms);
    metric_set(view->running, running);
}

static void count_hosts(MetricsView *view, const Snapshot *snap)
{
    int64_t counts[N_HOST_STATUSES] = { 0 };

    for (size_t i = 0; i < snap->n_hosts; i++)
        counts[snap->hosts[i]->status]++;
    for (size_t i = 0; i < N_HOST_STATUSES; i++)
        metric_set(view->host_status[i], counts[i]);
    metric_set(view->hosts, (int64_t)snap->n_hosts);
}

static void count_tasks(MetricsView *view, const Snapshot *snap)
{
    int64_t unfinished = 0;

    for (size_t i = 0; i < snap->n_tasks; i++)
        unfinished += !task_is_final(snap->tasks[i]);
    metric_set(view->tasks, unfinished);
}

static void count(MetricsView *view)
{
    struct app *app = view->app;
    const Snapshot *snap = inventory_peek(app->inv);

    metric_set(view->active, role_epoch(app->role) > 0);
    metric_set(view->epoch, role_epoch(app->role));
    metric_set(view->database, dbq_up(app->dbq));
    count_hosts(view, snap);
    count_vms(view, snap);
    count_tasks(view, snap);
}

static gboolean tick(void *data)
{
    MetricsView *view = data;

    measure_lag(view, clock_now_ms());
    if (view->ticks++ % TICKS_PER_COUNT == 0)
        count(view);
    return G_SOURCE_CONTINUE;
}

static void register_host_status(MetricsView *view, Metrics *metrics)
{
    for (size_t i = 0; i < N_HOST_STATUSES; i++) {
        g_autofree char *label =
            g_strdup_printf("status=\"%s\"", host_status_name((enum host_status)i));

        view->host_status[i] =
            metrics_gauge(metrics, "vrm_hosts_by_status", label, "Hosts by status.");
    }
}

MetricsView *metrics_view_new(struct app *app)
{
    static const int64_t bounds_ms[] = { 1, 2, 5, 10, 25, 50, 100, 250, 1000, 0 };
    MetricsView *view = g_new0(MetricsView, 1);
    Metrics *metrics = app->metrics;

    view->app = app;
    view->lag = metrics_histogram_ms(metrics, "vrm_loop_lag_seconds", NULL,
                                     "How late the main loop ran.", bounds_ms);
    view->turn = metrics_histogram_ms(metrics, "vrm_loop_turn_seconds", NULL,
                                      "How long one turn of the main loop took.", bounds_ms);
    view->active = metrics_gauge(metrics, "vrm_active", NULL, "1 on the active controller.");
    view->epoch = metrics_gauge(metrics, "vrm_epoch", NULL, "Epoch we lead with; 0: we do not.");
    view->database = metrics_gauge(metrics, "vrm_database_up", NULL, "1 while PostgreSQL answers.");
    view->hosts = metrics_gauge(metrics, "vrm_hosts", NULL, "Hosts in the inventory.");
    view->vms = metrics_gauge(metrics, "vrm_vms", NULL, "VMs in the inventory.");
    view->running = metrics_gauge(metrics, "vrm_vms_running", NULL, "Running VMs.");
    view->tasks = metrics_gauge(metrics, "vrm_tasks_unfinished", NULL, "Unfinished tasks.");
    register_host_status(view, metrics);
    view->due_ms = clock_now_ms() + TICK_MS;
    view->timer = g_timeout_add(TICK_MS, tick, view);
    view->turns = turn_source_new(view->turn);
    return view;
}

void metrics_view_free(MetricsView *view)
{
    if (!view)
        return;
    g_source_remove(view->timer);
    g_source_destroy(view->turns);
    g_source_unref(view->turns);
    g_free(view);
}
