/* dpm_look.c - see dpm.h: one look at a cluster: two pictures of its load to the scheduler, on the
 * CPU worker; its verdict becomes a stored plan, and is carried out where nobody has to agree. */
#include "config.h"

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

static bool is_granted(const Snapshot *snap, const struct dpm_wish *wish)
{
    const Vm *vm = snapshot_vm(snap, wish->vm_id);

    return !vm || vm_is_placed(vm) || clock_now_ms() >= wish->until_mono_ms;
}

static void collect_waiting(struct look *look)
{
    GArray *wishes = look->dpm->wishes;

    for (guint i = wishes->len; i > 0; i--) {
        const struct dpm_wish *wish = &g_array_index(wishes, struct dpm_wish, i - 1);

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

static void carry_out(struct look *look, const struct dpm_watch *watch)
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
    struct dpm_watch *watch = dpm_find_watch(look->dpm, look->cluster_id);

    if (!error && watch && dpm_still_counts(look->dpm, &look->turn, NULL)) {
        changes_tell_report(look->dpm->app->changes, watch->report, look->report);
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

static void take_plan(struct look *look, struct dpm_watch *watch)
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
    struct dpm_watch *watch = dpm_find_watch(look->dpm, look->cluster_id);

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
    const struct dpm_watch *watch = dpm_find_watch(look->dpm, look->cluster_id);
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
