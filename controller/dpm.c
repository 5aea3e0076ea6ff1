/* dpm.c - see dpm.h: looking at clusters.  dpm_order.c orders, task_dpm.c carries out. */
#include "config.h"

#include "controller/dpm.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/dpm_private.h"
#include "controller/drs_private.h"
#include "controller/task_dpm.h"
#include "model/reason.h"
#include "scheduler/whatif.h"

#define MS_PER_S   INT64_C(1000)
#define MS_PER_DAY INT64_C(86400000)
/* After something has changed (a start found no room, a task ended): soon, but once. */
#define SOON_MS 500
/* Of one cluster; more would not wake more hosts in one go. */
#define MAX_WISHES 64

/* What is known of a cluster. */
struct watch {
    int64_t cluster_id;
    int64_t since_mono_ms; /* its load is remembered since */
    bool busy;             /* dpm_begin */
    DpmPlan *plan;
    DrsReport *report;
    int64_t at_ms;
};

/* A start that found no room. */
struct wish {
    int64_t vm_id, cluster_id, until_mono_ms;
};

struct Dpm {
    struct app *app;
    guint timer, soon;
    GHashTable *watches; /* int64 cluster id -> struct watch */
    LoadBook *calm;      /* a sample of each VM's load at each look */
    DpmTroubles *troubles;
    GArray *wishes; /* struct wish */
    uint64_t age;   /* counts resets: what was begun before one means nothing after it */
};

static void free_watch(void *data)
{
    struct watch *watch = data;

    dpm_plan_free(watch->plan);
    drs_report_unref(watch->report);
    g_free(watch);
}

static struct watch *find_watch(const Dpm *dpm, int64_t cluster_id)
{
    return g_hash_table_lookup(dpm->watches, &cluster_id);
}

static struct watch *watch_of(Dpm *dpm, int64_t cluster_id)
{
    struct watch *watch = find_watch(dpm, cluster_id);

    if (watch)
        return watch;
    watch = g_new0(struct watch, 1);
    *watch = (struct watch){ .cluster_id = cluster_id, .since_mono_ms = clock_now_ms() };
    (void)g_hash_table_insert(dpm->watches, g_memdup2(&cluster_id, sizeof(cluster_id)), watch);
    return watch;
}

struct app *dpm_app(const Dpm *dpm)
{
    return dpm->app;
}

bool dpm_begin(Dpm *dpm, int64_t cluster_id, struct dpm_turn *ret_turn, GError **error)
{
    struct watch *watch = watch_of(dpm, cluster_id);

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
    struct watch *watch =
        turn->begun && turn->age == dpm->age ? find_watch(dpm, turn->cluster_id) : NULL;

    turn->begun = false;
    if (watch)
        watch->busy = false;
}

/* ---- what holds a host ------------------------------------------------------------------------
 */

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

const struct dpm_trouble *dpm_host_trouble(const Dpm *dpm, const Host *host)
{
    return dpm_trouble_look(dpm->troubles, host, clock_wall_ms());
}

/* NULL: DPM may think of the host.  A drain of DPM's own may be given up. */
static char *bar_text(const Dpm *dpm, const Host *host)
{
    const Task *task = dpm_host_task(dpm->app, host->id);
    const struct dpm_trouble *trouble = dpm_host_trouble(dpm, host);

    if (task && !(task->type == TASK_SLEEP_HOST && host->draining))
        return g_strdup_printf("%s %" G_GINT64_FORMAT " is under way", task_type_name(task->type),
                               task->id);
    return trouble ? dpm_trouble_text(trouble, clock_wall_ms()) : NULL;
}

/* ---- one look ---------------------------------------------------------------------------------
 */

struct vm_loads {
    int64_t vm_id;
    struct load calm, now;
};

struct look {
    Dpm *dpm;
    int64_t cluster_id;
    struct dpm_turn turn;
    Snapshot *snap;
    GArray *loads; /* struct vm_loads, of VMs that have samples */
    GArray *bars;  /* struct dpm_bar; the texts are owned */
    GArray *waiting;
    struct dpm_params params;
    DpmPlan *plan;
    DrsReport *report; /* being written */
    GError *error;
    dpm_done_fn done;
    void *user;
};

static void clear_bar(void *data)
{
    g_free((char *)(uintptr_t)((struct dpm_bar *)data)->why);
}

static void free_look(struct look *look)
{
    snapshot_unref(look->snap);
    g_array_unref(look->loads);
    g_array_unref(look->bars);
    g_array_unref(look->waiting);
    dpm_plan_free(look->plan);
    drs_report_unref(look->report);
    g_clear_error(&look->error);
    g_free(look);
}

static const char *cluster_name(const struct look *look)
{
    const Cluster *cluster = snapshot_cluster(look->snap, look->cluster_id);

    return cluster ? cluster->name : "?";
}

static void finish_look(struct look *look, const GError *error)
{
    dpm_end(look->dpm, &look->turn);
    if (error && !err_is(error, VRM_ERR_BUSY))
        log_warning("DPM has no verdict", "CLUSTER", cluster_name(look), "REASON", error->message,
                    NULL);
    if (look->done)
        look->done(error, look->user);
    free_look(look);
}

void dpm_fill_params(const struct app *app, struct dpm_params *ret_params)
{
    const struct settings *settings = app->settings;

    dpm_params_init(ret_params);
    app_sched_params(app, &ret_params->sched);
    ret_params->proof_ms = settings->dpm_proof_days * MS_PER_DAY;
    ret_params->settle_ms = settings->dpm_settle_s * MS_PER_S;
    ret_params->watch_ms = settings->dpm_sleep_window_s * MS_PER_S;
    ret_params->watched_ms = ret_params->watch_ms;
    ret_params->spare_hosts = (uint32_t)settings->dpm_spare_hosts;
}

/* Both windows of one VM; what is known of it stays as young as its newest sample is. */
static void add_loads(struct look *look, const Vm *vm, int64_t now_ms)
{
    Dpm *dpm = look->dpm;
    int64_t wake_ms = dpm->app->settings->dpm_wake_window_s * MS_PER_S;
    struct load_sample sample = { vm->load.cpu_mhz, vm->load.mem_mb, vm->load.net_kbps };
    struct vm_loads loads = {
        .vm_id = vm->id,
        .calm = load_book_add(dpm->calm, OBJECT_VM, vm->id, &sample, now_ms),
        .now = load_book_over(dpm->app->loads, OBJECT_VM, vm->id, wake_ms, now_ms),
    };

    loads.calm.n_samples = loads.now.n_samples = vm->load.n_samples;
    loads.calm.sampled_mono_ms = loads.now.sampled_mono_ms = vm->load.sampled_mono_ms;
    g_array_append_val(look->loads, loads);
}

static void collect_loads(struct look *look)
{
    int64_t now_ms = clock_now_ms();

    for (size_t i = 0; i < look->snap->n_vms; i++) {
        const Vm *vm = look->snap->vms[i];
        const Host *host = snapshot_host(look->snap, vm->host_id);

        if (host && host->cluster_id == look->cluster_id && vm->load.n_samples > 0 &&
            vm_is_placed(vm))
            add_loads(look, vm, now_ms);
    }
}

static void collect_bars(struct look *look)
{
    for (size_t i = 0; i < look->snap->n_hosts; i++) {
        const Host *host = look->snap->hosts[i];
        struct dpm_bar bar = { .host_id = host->id };

        if (host->cluster_id != look->cluster_id)
            continue;
        bar.why = bar_text(look->dpm, host);
        if (bar.why)
            g_array_append_val(look->bars, bar);
    }
}

static bool is_granted(const Snapshot *snap, const struct wish *wish)
{
    const Vm *vm = snapshot_vm(snap, wish->vm_id);

    return !vm || vm_is_placed(vm) || clock_now_ms() >= wish->until_mono_ms;
}

static void collect_waiting(struct look *look)
{
    GArray *wishes = look->dpm->wishes;

    for (guint i = wishes->len; i > 0; i--) {
        const struct wish *wish = &g_array_index(wishes, struct wish, i - 1);

        if (is_granted(look->snap, wish))
            g_array_remove_index(wishes, i - 1);
        else if (wish->cluster_id == look->cluster_id)
            g_array_append_val(look->waiting, wish->vm_id);
    }
}

static Snapshot *with_loads(const struct look *look, bool calm)
{
    g_autoptr(SnapshotBuilder) world = whatif_builder(look->snap);

    for (guint i = 0; i < look->loads->len; i++) {
        const struct vm_loads *loads = &g_array_index(look->loads, struct vm_loads, i);
        Vm *vm = vm_dup(snapshot_builder_get_vm(world, loads->vm_id));

        vm->load = calm ? loads->calm : loads->now;
        snapshot_builder_put_vm(world, vm);
    }
    return snapshot_builder_build(world, look->snap->taken_mono_ms);
}

static void run_look(void *thread_state, void *data)
{
    struct look *look = data;
    g_autoptr(Snapshot) calm = with_loads(look, true);
    g_autoptr(Snapshot) now = with_loads(look, false);

    (void)thread_state;
    (void)dpm_plan(calm, now, look->cluster_id, &look->params, &look->plan, &look->error);
}

/* ---- a verdict becomes recommendations --------------------------------------------------------
 */

static Recommendation *recommend(const DpmPlan *plan, const struct dpm_verdict *verdict,
                                 int64_t now_ms)
{
    Recommendation *rec = recommendation_new();

    g_free(rec->target_name);
    g_free(rec->text);
    rec->cluster_id = plan->cluster_id;
    rec->type = verdict->action == DPM_WAKE ? REC_POWER_ON : REC_POWER_OFF;
    rec->reason = verdict->action == DPM_WAKE ? MOVE_OVERLOAD : MOVE_UNDERLOAD;
    rec->target_host_id = verdict->host_id;
    rec->target_name = g_strdup(verdict->host_name);
    rec->state = REC_OPEN;
    rec->rating = verdict->action == DPM_WAKE ? 5 : 2;
    rec->cost_mb = verdict->move_mb;
    rec->text = g_strdup(verdict->text);
    rec->create_ms = now_ms;
    return rec;
}

static bool is_draining(const struct app *app, int64_t host_id)
{
    const Host *host = snapshot_builder_get_host(inventory_edit(app->inv), host_id);

    return host && host->draining;
}

static DrsReport *report_of(const struct app *app, const DpmPlan *plan)
{
    DrsReport *report = drs_report_new();

    report->kind = PLAN_DPM;
    report->cluster_id = plan->cluster_id;
    report->at_ms = clock_wall_ms();
    report->decided = plan->decided;
    g_free(report->verdict);
    report->verdict = g_strdup(plan->verdict);
    for (size_t i = 0; i < plan->hosts.len; i++) {
        const struct dpm_verdict *verdict = &plan->hosts.items[i];

        if (verdict->action != DPM_STAY && !is_draining(app, verdict->host_id))
            drs_report_take(report, recommend(plan, verdict, report->at_ms));
    }
    return report;
}

/* The same hosts, and none of them ordered yet. */
static bool says_the_same(const DrsReport *last, const DrsReport *report)
{
    if (last->decided != report->decided || last->n_recommendations != report->n_recommendations)
        return false;
    for (size_t i = 0; i < report->n_recommendations; i++) {
        const Recommendation *a = last->recommendations[i], *b = report->recommendations[i];

        if (a->type != b->type || a->target_host_id != b->target_host_id || a->state != REC_OPEN)
            return false;
    }
    return true;
}

static void log_apply(int64_t task_id, const GError *error, void *user)
{
    g_autofree char *cluster = user;

    (void)task_id; /* dpm_order.c tells of each task */
    if (error)
        log_warning("a plan of DPM was not carried out", "CLUSTER", cluster, "REASON",
                    error->message, NULL);
}

/* Manual: a person applies.  Switched off: what sleeps is woken all the same. */
static bool is_automatic(const Cluster *cluster)
{
    return cluster && cluster->dpm.power_level != 1;
}

static void carry_out(struct look *look, const struct watch *watch)
{
    struct app *app = look->dpm->app;
    const Cluster *cluster =
        snapshot_builder_get_cluster(inventory_edit(app->inv), look->cluster_id);

    dpm_end(look->dpm, &look->turn);
    if (watch->report->n_recommendations > 0 && is_automatic(cluster) &&
        (watch->report->recommendations[0]->type == REC_POWER_ON ||
         !drs_is_applying(app, look->cluster_id)))
        dpm_apply(look->dpm, &(struct dpm_order){ .cluster_id = look->cluster_id }, log_apply,
                  g_strdup(cluster->name));
}

static void report_written(const GError *error, void *user)
{
    struct look *look = user;
    struct watch *watch = find_watch(look->dpm, look->cluster_id);

    if (!error && watch && dpm_still_counts(look->dpm, &look->turn, NULL)) {
        drs_report_unref(watch->report);
        watch->report = g_steal_pointer(&look->report);
        carry_out(look, watch);
    }
    finish_look(look, error);
}

/* The load has risen while its host was being emptied: that ends, in every mode. */
static void keep_drained(const struct look *look)
{
    struct app *app = look->dpm->app;

    for (size_t i = 0; i < look->plan->hosts.len; i++) {
        const struct dpm_verdict *verdict = &look->plan->hosts.items[i];
        const Task *task = verdict->action == DPM_WAKE && is_draining(app, verdict->host_id)
                               ? dpm_host_task(app, verdict->host_id)
                               : NULL;
        struct run *run =
            task && task->type == TASK_SLEEP_HOST ? tasks_find_run(app->tasks, task->id) : NULL;
        g_autofree char *why = g_strdup_printf("it is needed after all: %s", verdict->text);

        if (run)
            task_dpm_give_up(run, REASON_HOST_STATE, why);
    }
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

static void take_plan(struct look *look, struct watch *watch)
{
    DrsReport *report = report_of(look->dpm->app, look->plan);
    const DrsReport *last = watch->report;
    Commit *commit;

    keep_drained(look);
    dpm_plan_free(watch->plan);
    watch->plan = g_steal_pointer(&look->plan);
    watch->at_ms = report->at_ms;
    if (last && says_the_same(last, report)) {
        drs_report_unref(report);
        carry_out(look, watch);
        finish_look(look, NULL);
        return;
    }
    log_info("DPM verdict", "CLUSTER", cluster_name(look), "VERDICT", report->verdict, NULL);
    look->report = drs_report_ref(report);
    commit = commit_new(&look->dpm->app->committer);
    commit_put_report(commit, report);
    commit_submit(commit, NULL, report_written, look);
}

static void looked(void *data, bool ran)
{
    struct look *look = data;
    struct watch *watch = find_watch(look->dpm, look->cluster_id);

    if (!ran && !look->error)
        err_set(&look->error, VRM_ERR_UNAVAILABLE, "the controller is stopping");
    else if (!look->error)
        (void)dpm_still_counts(look->dpm, &look->turn, &look->error);
    if (look->error || !watch) {
        g_autoptr(GError) error = g_steal_pointer(&look->error);

        finish_look(look, error);
        return;
    }
    take_plan(look, watch);
}

static struct look *new_look(Dpm *dpm, int64_t cluster_id)
{
    struct look *look = g_new0(struct look, 1);

    inventory_publish(dpm->app->inv);
    *look = (struct look){ .dpm = dpm,
                           .cluster_id = cluster_id,
                           .snap = inventory_snapshot(dpm->app->inv),
                           .loads = g_array_new(FALSE, FALSE, sizeof(struct vm_loads)),
                           .bars = g_array_new(FALSE, FALSE, sizeof(struct dpm_bar)),
                           .waiting = g_array_new(FALSE, FALSE, sizeof(int64_t)) };
    g_array_set_clear_func(look->bars, clear_bar);
    return look;
}

static void fill_look(struct look *look)
{
    const struct watch *watch = find_watch(look->dpm, look->cluster_id);
    struct dpm_params *params = &look->params;

    collect_loads(look);
    collect_bars(look);
    collect_waiting(look);
    dpm_fill_params(look->dpm->app, params);
    params->watched_ms = clock_now_ms() - watch->since_mono_ms;
    params->bars = (const struct dpm_bar *)(void *)look->bars->data;
    params->n_bars = look->bars->len;
    params->waiting = (const int64_t *)(void *)look->waiting->data;
    params->n_waiting = look->waiting->len;
}

void dpm_look(Dpm *dpm, int64_t cluster_id, dpm_done_fn done, void *user)
{
    struct look *look = new_look(dpm, cluster_id);
    g_autoptr(GError) error = NULL;

    look->done = done;
    look->user = user;
    if (dpm_begin(dpm, cluster_id, &look->turn, &error)) {
        fill_look(look);
        if (!work_pool_submit(dpm->app->cpu, NULL, run_look, looked, look))
            err_set_reason(&error, VRM_ERR_BUSY, REASON_BUSY, NULL, "too much planning is waiting");
    }
    if (error)
        finish_look(look, error);
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
        else if (find_watch(dpm, cluster->id) && !find_watch(dpm, cluster->id)->busy)
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
        if (g_array_index(dpm->wishes, struct wish, i - 1).vm_id == vm_id)
            g_array_remove_index(dpm->wishes, i - 1);
    }
}

bool dpm_want_start(Dpm *dpm, const Vm *vm)
{
    struct wish wish = { .vm_id = vm->id,
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

const DpmPlan *dpm_latest(const Dpm *dpm, int64_t cluster_id, int64_t *ret_at_ms)
{
    const struct watch *watch = find_watch(dpm, cluster_id);

    *ret_at_ms = watch ? watch->at_ms : 0;
    return watch ? watch->plan : NULL;
}

const DrsReport *dpm_report(const Dpm *dpm, int64_t cluster_id)
{
    const struct watch *watch = find_watch(dpm, cluster_id);

    return watch ? watch->report : NULL;
}

void dpm_put_recommendation(Dpm *dpm, Recommendation *rec)
{
    struct watch *watch = find_watch(dpm, rec->cluster_id);
    DrsReport *changed;

    for (size_t i = 0; watch && watch->report && i < watch->report->n_recommendations; i++) {
        if (watch->report->recommendations[i]->id != rec->id)
            continue;
        changed = drs_report_dup(watch->report);
        recommendation_unref(changed->recommendations[i]);
        changed->recommendations[i] = recommendation_ref(rec);
        drs_report_unref(watch->report);
        watch->report = changed;
    }
    recommendation_unref(rec);
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
    dpm->wishes = g_array_new(FALSE, FALSE, sizeof(struct wish));
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
