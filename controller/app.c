/* app.c - see app.h: makes the object graph and takes it down in the reverse order. */
#include "config.h"

#include "controller/app.h"

#include "api/auth.h"
#include "base/clock.h"
#include "base/err.h"
#include "controller/alarm.h"
#include "controller/dpm.h"
#include "controller/drs.h"
#include "controller/ha_count.h"
#include "controller/ha_shell.h"
#include "controller/host_setup.h"
#include "controller/imc_gate.h"
#include "controller/metrics_view.h"
#include "controller/observe.h"
#include "controller/plan_publish.h"
#include "controller/right_keep.h"
#include "controller/rights.h"
#include "controller/role.h"
#include "controller/rule_watch.h"
#include "controller/sessions.h"
#include "controller/task.h"
#include "controller/task_dpm.h"
#include "controller/task_host.h"
#include "controller/task_power.h"
#include "controller/task_vm.h"
#include "controller/users.h"
#include "controller/vm_hang.h"
#include "controller/vm_order.h"
#include "controller/vm_owed.h"
#include "scheduler/sched_params.h"

#define HASH_THREADS 2
#define ASK_THREADS  2
#define MAX_ASKS     32 /* waiting */
#define MAX_HASHES   64 /* waiting; the last has its answer after some 2 s */

static int64_t current_epoch(void *user)
{
    const struct app *app = user;

    return role_epoch(app->role);
}

/* As those who commit. */
static int64_t acting_epoch(void *user)
{
    const struct app *app = user;

    return app->committer.epoch(app->committer.user);
}

static void on_doubt(const GError *error, void *user)
{
    struct app *app = user;

    if (err_is(error, VRM_ERR_DENIED))
        role_deposed(app->role, error->message);
    else
        role_reload(app->role, error->message);
}

static void on_database(bool up, void *user)
{
    struct app *app = user;

    (void)up; /* the role asks the queue */
    if (app->role)
        role_database_link(app->role);
}

/* Asynchronous replication, or a hand that helped, may have lost what is in memory here. */
static void on_promoted(void *user)
{
    struct app *app = user;

    role_reload(app->role, "a standby of PostgreSQL was promoted and serves now");
}

static void on_agent_deposed(const char *why, void *user)
{
    struct app *app = user;

    role_deposed(app->role, why);
}

/* Every kind of task, from the files that know them. */
static Tasks *make_tasks(struct app *app)
{
    g_autoptr(GPtrArray) kinds = g_ptr_array_new();

    for (size_t i = 0; i < task_vm_n_kinds; i++)
        g_ptr_array_add(kinds, (gpointer)(uintptr_t)task_vm_kinds[i]);
    for (size_t i = 0; i < task_host_n_kinds; i++)
        g_ptr_array_add(kinds, (gpointer)(uintptr_t)task_host_kinds[i]);
    for (size_t i = 0; i < task_power_n_kinds; i++)
        g_ptr_array_add(kinds, (gpointer)(uintptr_t)task_power_kinds[i]);
    for (size_t i = 0; i < task_dpm_n_kinds; i++)
        g_ptr_array_add(kinds, (gpointer)(uintptr_t)task_dpm_kinds[i]);
    g_ptr_array_add(kinds, (gpointer)(uintptr_t)&drs_apply_kind);
    return tasks_new(app, (const struct task_kind *const *)kinds->pdata, kinds->len);
}

/* Its snapshots tell by which figures DRS and DPM decide here: vrm-plan then does the same. */
static Inventory *make_inventory(const struct settings *settings)
{
    Inventory *inv = inventory_new();

    inventory_set_measuring(inv,
                            &(struct measuring){ .min_samples = (uint32_t)settings->drs_min_samples,
                                                 .max_age_ms = settings->drs_max_age_s * 1000 });
    return inv;
}

static void make_store(struct app *app)
{
    const struct settings *settings = app->settings;

    app->dbq = dbq_new(&(struct dbq_options){
        .conninfo = settings->db_conninfo,
        .statement_timeout_ms = settings->db_statement_timeout_ms,
        .n_workers = (unsigned)settings->db_workers,
        .on_link = on_database,
        .on_promoted = on_promoted,
        .user = app,
    });
    app->committer = (struct committer){
        .inv = app->inv,
        .dbq = app->dbq,
        .changes = app->changes,
        .epoch = current_epoch,
        .on_doubt = on_doubt,
        .user = app,
    };
}

static void make_pools(struct app *app)
{
    app->cpu = work_pool_new(
        &(struct work_pool_options){ .name = "cpu", .n_threads = 1, .max_queued = 1000 });
    app->starts = work_pool_new(
        &(struct work_pool_options){ .name = "starts", .n_threads = 1, .max_queued = 16 });
    app->asks = work_pool_new(&(struct work_pool_options){
        .name = "ask", .n_threads = ASK_THREADS, .max_queued = MAX_ASKS });
    app->checks = work_pool_new(&(struct work_pool_options){
        .name = "check", .n_threads = ASK_THREADS, .max_queued = MAX_ASKS });
    app->hashes = work_pool_new(&(struct work_pool_options){
        .name = "hash", .n_threads = HASH_THREADS, .max_queued = MAX_HASHES });
}

static void make_agents(struct app *app, HttpClient *http)
{
    app->agents = agents_new(&(struct agents_options){
        .http = http,
        .epoch = current_epoch,
        .on_hello = observe_hello,
        .on_line = observe_line,
        .on_link = observe_link,
        .on_deposed = on_agent_deposed,
        .user = app,
        .silence_limit_ms = app->settings->agents_silence_s * 1000,
    });
}

static void make_rights(struct app *app, HttpClient *http)
{
    const struct settings *settings = app->settings;

    app->rights = rights_new(&(struct rights_options){
        .http = http,
        .endpoints = (const char *const *)settings->etcd_endpoints,
        .prefix = settings->etcd_prefix,
        .slots = settings->ha_storage,
        .epoch = acting_epoch,
        .user = app,
        .metrics = app->metrics,
    });
}

void app_init(struct app *app, const struct settings *settings, HttpClient *agents_http,
              HttpClient *etcd_http, const struct role_events *events)
{
    *app = (struct app){ .settings = settings };
    app->metrics = metrics_new();
    app->inv = make_inventory(settings);
    app->feed = feed_new(NULL);
    app->changes = changes_new(app->feed, app->inv);
    make_store(app);
    make_pools(app);
    app->loads = load_book_new(&(struct load_options){ .window_ms = settings->drs_window_s * 1000,
                                                       .percentile = settings->drs_percentile });
    make_agents(app, agents_http);
    app->observe = observe_new(app);
    app->orders = orders_new();
    app->owed = owed_new(app);
    app->tasks = make_tasks(app);
    app->drs = drs_new(app);
    app->alarms = alarms_new(app);
    app->rules = rule_watch_new(app);
    app->imc = imc_gate_new();
    app->dpm = dpm_new(app);
    app->counts = ha_counts_new();
    app->hangs = vm_hangs_new(app);
    app->users = users_new(app);
    app->ha = ha_shell_new(app);
    make_rights(app, etcd_http);
    app->right_keep = right_keep_new(app);
    app->setups = host_setups_new(app, etcd_http);
    app->auth = auth_new(&(struct auth_limits){
        .idle_ms = settings->session_idle_s * 1000,
        .max_sessions = AUTH_MAX_SESSIONS,
        .max_per_user = AUTH_MAX_PER_USER,
    });
    app->sessions = sessions_new(app);
    app->plan = plan_publish_new(app, etcd_http);
    app->role = role_new(app, etcd_http, events);
    app->view = metrics_view_new(app);
}

void app_clear(struct app *app)
{
    /* Workers first: their completions still find the modules, and the queue that they serve. */
    tasks_stop(app->tasks);
    g_clear_pointer(&app->agents, agents_free);
    g_clear_pointer(&app->cpu, work_pool_free);
    g_clear_pointer(&app->asks, work_pool_free);
    g_clear_pointer(&app->checks, work_pool_free);
    g_clear_pointer(&app->hashes, work_pool_free);
    g_clear_pointer(&app->owed, owed_free); /* the next controller sees what is owed */
    orders_stop(app->orders);
    g_clear_pointer(&app->starts, work_pool_free);
    dbq_free(app->dbq);
    app->dbq = NULL;
    g_clear_pointer(&app->view, metrics_view_free);
    g_clear_pointer(&app->plan, plan_publish_free);
    g_clear_pointer(&app->setups, host_setups_free);
    g_clear_pointer(&app->ha, ha_shell_free);
    g_clear_pointer(&app->right_keep, right_keep_free);
    g_clear_pointer(&app->rights, rights_free);
    g_clear_pointer(&app->role, role_free);
    g_clear_pointer(&app->sessions, sessions_free);
    g_clear_pointer(&app->auth, auth_free);
    g_clear_pointer(&app->users, users_free);
    g_clear_pointer(&app->imc, imc_gate_free);
    g_clear_pointer(&app->rules, rule_watch_free);
    g_clear_pointer(&app->alarms, alarms_free);
    g_clear_pointer(&app->hangs, vm_hangs_free);
    g_clear_pointer(&app->counts, ha_counts_free);
    g_clear_pointer(&app->dpm, dpm_free);
    g_clear_pointer(&app->drs, drs_free);
    g_clear_pointer(&app->tasks, tasks_free);
    g_clear_pointer(&app->orders, orders_free);
    g_clear_pointer(&app->observe, observe_free);
    g_clear_pointer(&app->loads, load_book_free);
    g_clear_pointer(&app->changes, changes_free);
    g_clear_pointer(&app->feed, feed_free);
    g_clear_pointer(&app->inv, inventory_free);
    g_clear_pointer(&app->metrics, metrics_free);
}

/* The scheduler is told the local hour and day; it reads no clock. */
static void set_local_time(struct sched_params *params)
{
    g_autoptr(GDateTime) now = g_date_time_new_from_unix_local(params->now_wall_ms / 1000);

    params->local_hour = g_date_time_get_hour(now);
    params->local_wday =
        g_date_time_get_day_of_week(now) % 7 + 1; /* GLib: Monday 1; ours: Sunday 1 */
    params->local_mday = g_date_time_get_day_of_month(now);
}

void app_sched_params(const struct app *app, struct sched_params *ret_params)
{
    const struct settings *settings = app->settings;

    sched_params_init(ret_params);
    ret_params->now_mono_ms = clock_now_ms();
    ret_params->now_wall_ms = clock_wall_ms();
    set_local_time(ret_params);
    ret_params->max_age_ms = settings->drs_max_age_s * 1000;
    ret_params->min_samples = (uint32_t)settings->drs_min_samples;
    ret_params->horizon_ms = settings->drs_horizon_s * 1000;
    ret_params->cooldown_ms = settings->drs_cooldown_s * 1000;
    ret_params->link_mbps = settings->drs_link_mbps;
    ret_params->cap_host_in = ret_params->cap_host_out = (uint32_t)settings->drs_cap_host;
    ret_params->cap_cluster = (uint32_t)settings->drs_cap_cluster;
    ret_params->vcpus_per_thread = settings->drs_vcpus_per_thread;
    ret_params->cpu_reserve_permille = settings->drs_cpu_reserve * 10;
    ret_params->cpu_reserve_measured = settings->drs_cpu_own_use;
    ret_params->mem_overcommit_permille = settings->drs_mem_overcommit * 10;
}
