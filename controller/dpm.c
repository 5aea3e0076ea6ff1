/* dpm.c - see dpm.h: when clusters are looked at, what is remembered of them, and what others tell
 * and ask.  dpm_look.c looks, dpm_order.c orders, task_dpm.c carries out. */
#include "config.h"

#include "controller/dpm.h"

#include "base/clock.h"
#include "base/err.h"
#include "controller/dpm_private.h"
#include "model/reason.h"

#define MS_PER_S INT64_C(1000)
/* After something has changed (a start found no room, a task ended): soon, but once. */
#define SOON_MS 500
/* Of one cluster; more would not wake more hosts in one go. */
#define MAX_WISHES 64

static void free_watch(void *data)
{
    struct dpm_watch *watch = data;

    dpm_plan_free(watch->plan);
    drs_report_unref(watch->report);
    g_free(watch);
}

struct dpm_watch *dpm_find_watch(const Dpm *dpm, int64_t cluster_id)
{
    return g_hash_table_lookup(dpm->watches, &cluster_id);
}

static struct dpm_watch *watch_of(Dpm *dpm, int64_t cluster_id)
{
    struct dpm_watch *watch = dpm_find_watch(dpm, cluster_id);

    if (watch)
        return watch;
    watch = g_new0(struct dpm_watch, 1);
    *watch = (struct dpm_watch){ .cluster_id = cluster_id, .since_mono_ms = clock_now_ms() };
    (void)g_hash_table_insert(dpm->watches, g_memdup2(&cluster_id, sizeof(cluster_id)), watch);
    return watch;
}

struct app *dpm_app(const Dpm *dpm)
{
    return dpm->app;
}

bool dpm_begin(Dpm *dpm, int64_t cluster_id, struct dpm_turn *ret_turn, GError **error)
{
    struct dpm_watch *watch = watch_of(dpm, cluster_id);

    if (!watch->busy) {
        *ret_turn = (struct dpm_turn){ .cluster_id = cluster_id, .age = dpm->age, .begun = true };
        return watch->busy = true;
    }
    err_set_reason(error, VRM_ERR_BUSY, REASON_BUSY, NULL,
                   "DPM is looking at this cluster, or ordering something; try again");
    return false;
}

bool dpm_still_counts(const Dpm *dpm, const struct dpm_turn *turn, GError **error)
{
    if (turn->age == dpm->age)
        return true;
    err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                   "everything was read anew from the database meanwhile; try again");
    return false;
}

void dpm_end(Dpm *dpm, struct dpm_turn *turn)
{
    struct dpm_watch *watch =
        turn->begun && turn->age == dpm->age ? dpm_find_watch(dpm, turn->cluster_id) : NULL;

    turn->begun = false;
    if (watch)
        watch->busy = false;
}

/* ---- when -------------------------------------------------------------------------------------
 */

static bool has_sleepers(const Snapshot *snap, int64_t cluster_id)
{
    for (size_t i = 0; i < snap->n_hosts; i++) {
        if (snap->hosts[i]->cluster_id == cluster_id && snap->hosts[i]->off_by_dpm)
            return true;
    }
    return false;
}

static void look_at_all(Dpm *dpm)
{
    struct app *app = dpm->app;
    const Snapshot *snap = inventory_peek(app->inv);
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int64_t));

    if (app->committer.epoch(app->committer.user) == 0)
        return;
    for (size_t i = 0; i < snap->n_clusters; i++) {
        const Cluster *cluster = snap->clusters[i];

        if (cluster->dpm.power_level > 0 || has_sleepers(snap, cluster->id))
            g_array_append_val(ids, cluster->id);
        else if (dpm_find_watch(dpm, cluster->id) && !dpm_find_watch(dpm, cluster->id)->busy)
            (void)g_hash_table_remove(dpm->watches, &cluster->id); /* watched anew some day */
    }
    for (guint i = 0; i < ids->len; i++)
        dpm_look(dpm, g_array_index(ids, int64_t, i), NULL, NULL);
}

static gboolean on_timer(void *data)
{
    Dpm *dpm = data;

    dpm_gauges_update(dpm->app);
    look_at_all(dpm);
    return G_SOURCE_CONTINUE;
}

static gboolean on_soon(void *data)
{
    Dpm *dpm = data;

    dpm->soon = 0;
    look_at_all(dpm);
    return G_SOURCE_REMOVE;
}

static void look_soon(Dpm *dpm)
{
    if (!dpm->soon)
        dpm->soon = g_timeout_add(SOON_MS, on_soon, dpm);
}

/* ---- what others tell -------------------------------------------------------------------------
 */

static void drop_wish(Dpm *dpm, int64_t vm_id)
{
    for (guint i = dpm->wishes->len; i > 0; i--) {
        if (g_array_index(dpm->wishes, struct dpm_wish, i - 1).vm_id == vm_id)
            g_array_remove_index(dpm->wishes, i - 1);
    }
}

bool dpm_want_start(Dpm *dpm, const Vm *vm)
{
    struct dpm_wish wish = { .vm_id = vm->id,
                             .cluster_id = vm->cluster_id,
                             .until_mono_ms =
                                 clock_now_ms() + dpm->app->settings->dpm_start_wait_s * MS_PER_S };

    if (!has_sleepers(inventory_peek(dpm->app->inv), vm->cluster_id))
        return false;
    drop_wish(dpm, vm->id);
    if (dpm->wishes->len >= MAX_WISHES)
        g_array_remove_index(dpm->wishes, 0);
    g_array_append_val(dpm->wishes, wish);
    look_soon(dpm);
    return true;
}

void dpm_forget_vm(Dpm *dpm, int64_t vm_id)
{
    drop_wish(dpm, vm_id);
    load_book_forget(dpm->calm, OBJECT_VM, vm_id);
}

void dpm_task_ended(Dpm *dpm, const Task *task)
{
    const Host *host = snapshot_builder_get_host(inventory_edit(dpm->app->inv), task->entity_id);

    dpm_trouble_note(dpm->troubles, task, host);
    look_soon(dpm);
}

void dpm_resume(Dpm *dpm)
{
    const Snapshot *snap = inventory_peek(dpm->app->inv);

    for (size_t i = 0; i < snap->n_tasks; i++) {
        if (task_is_final(snap->tasks[i]) && dpm_is_task(snap->tasks[i]->type))
            dpm_trouble_note(dpm->troubles, snap->tasks[i], NULL);
    }
    look_soon(dpm);
}

/* ---- what others ask --------------------------------------------------------------------------
 */

const struct dpm_trouble *dpm_host_trouble(const Dpm *dpm, const Host *host)
{
    return dpm_trouble_look(dpm->troubles, host, clock_wall_ms());
}

const DpmPlan *dpm_latest(const Dpm *dpm, int64_t cluster_id, int64_t *ret_at_ms)
{
    const struct dpm_watch *watch = dpm_find_watch(dpm, cluster_id);

    *ret_at_ms = watch ? watch->at_ms : 0;
    return watch ? watch->plan : NULL;
}

const DrsReport *dpm_report(const Dpm *dpm, int64_t cluster_id)
{
    const struct dpm_watch *watch = dpm_find_watch(dpm, cluster_id);

    return watch ? watch->report : NULL;
}

void dpm_put_recommendation(Dpm *dpm, Recommendation *rec)
{
    struct dpm_watch *watch = dpm_find_watch(dpm, rec->cluster_id);
    DrsReport *changed;

    for (size_t i = 0; watch && watch->report && i < watch->report->n_recommendations; i++) {
        if (watch->report->recommendations[i]->id != rec->id)
            continue;
        changed = drs_report_dup(watch->report);
        recommendation_unref(changed->recommendations[i]);
        changed->recommendations[i] = recommendation_ref(rec);
        changes_tell_report(dpm->app->changes, watch->report, changed);
        drs_report_unref(watch->report);
        watch->report = changed;
    }
    recommendation_unref(rec);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static LoadBook *new_calm(const struct settings *settings)
{
    return load_book_new(
        &(struct load_options){ .window_ms = settings->dpm_sleep_window_s * MS_PER_S,
                                .percentile = settings->drs_percentile });
}

Dpm *dpm_new(struct app *app)
{
    Dpm *dpm = g_new0(Dpm, 1);

    dpm->app = app;
    dpm->watches = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_watch);
    dpm->calm = new_calm(app->settings);
    dpm->troubles = dpm_troubles_new(app->settings->dpm_retry_s * MS_PER_S);
    dpm->wishes = g_array_new(FALSE, FALSE, sizeof(struct dpm_wish));
    dpm->timer = g_timeout_add_seconds((guint)app->settings->dpm_interval_s, on_timer, dpm);
    return dpm;
}

void dpm_reset(Dpm *dpm)
{
    dpm->age++;
    g_hash_table_remove_all(dpm->watches);
    load_book_free(dpm->calm);
    dpm->calm = new_calm(dpm->app->settings);
    dpm_troubles_reset(dpm->troubles);
    g_array_set_size(dpm->wishes, 0);
}

void dpm_free(Dpm *dpm)
{
    if (!dpm)
        return;
    g_source_remove(dpm->timer);
    if (dpm->soon)
        g_source_remove(dpm->soon);
    g_hash_table_unref(dpm->watches);
    load_book_free(dpm->calm);
    dpm_troubles_free(dpm->troubles);
    g_array_unref(dpm->wishes);
    g_free(dpm);
}
