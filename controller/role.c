/* role.c - see role.h. */
#include "config.h"

#include "controller/role.h"

#include <pthread.h>

#include "api/auth.h"
#include "api/ops.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rng.h"
#include "controller/alarm.h"
#include "controller/dpm.h"
#include "controller/drs.h"
#include "controller/ha_count.h"
#include "controller/ha_shell.h"
#include "controller/host_setup.h"
#include "controller/load_all.h"
#include "controller/observe.h"
#include "controller/plan_publish.h"
#include "controller/right_keep.h"
#include "controller/rights.h"
#include "controller/rule_watch.h"
#include "controller/sessions.h"
#include "controller/task.h"
#include "controller/users.h"
#include "controller/vm_hang.h"
#include "controller/vm_order.h"
#include "controller/vm_owed.h"
#include "db/store_site.h"

#define RETRY_MS      1000
#define DRAIN_POLL_MS 20

/* Where we are; each step leads to the next, or waits RETRY_MS and tries itself again. */
enum role_state {
    ROLE_MIGRATING, /* bringing the schema up to date */
    ROLE_STANDBY,   /* campaigning */
    ROLE_TAKING,    /* elected: the epoch goes to the database */
    ROLE_LOADING,   /* reading everything for the first time */
    ROLE_ACTIVE,
    ROLE_RELOADING, /* active, but in doubt: reads go on, writes wait for the database */
};

struct Role {
    struct app *app;
    Leader *leader;
    enum role_state state;
    int64_t epoch;
    guint retry;  /* timer of the step that waits */
    bool loading; /* a load job is on its way */
    bool ready;   /* there is a user who can log in */
    struct role_events events;

    pthread_mutex_t lock; /* guards what API threads read */
    struct controller_status shown;
    bool campaigning; /* etcd is being asked */
};

static void load(Role *role);
static void take_epoch(Role *role);
static void migrate(Role *role);

/* ---- what others see --------------------------------------------------------------------------
 */

bool role_is_active(const Role *role)
{
    return role->state == ROLE_ACTIVE || role->state == ROLE_RELOADING;
}

static void add_trouble(struct controller_status *status, const char *text)
{
    if (*status->trouble)
        g_strlcat(status->trouble, "; ", sizeof(status->trouble));
    g_strlcat(status->trouble, text, sizeof(status->trouble));
}

static void show(Role *role, const char *trouble)
{
    pthread_mutex_lock(&role->lock);
    role->shown.active = role_is_active(role) && role->ready;
    role->shown.epoch = role->epoch;
    role->shown.database_ok = dbq_up(role->app->dbq);
    role->campaigning = role->state != ROLE_MIGRATING;
    g_strlcpy(role->shown.leader_url, leader_url(role->leader), sizeof(role->shown.leader_url));
    g_strlcpy(role->shown.trouble, trouble, sizeof(role->shown.trouble));
    if (!*trouble && !role->shown.database_ok)
        add_trouble(&role->shown, "the database does not answer");
    pthread_mutex_unlock(&role->lock);
}

void role_status(const Role *role, struct controller_status *ret_status)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&role->lock;
    bool campaigning;

    pthread_mutex_lock(lock);
    *ret_status = role->shown;
    campaigning = role->campaigning;
    pthread_mutex_unlock(lock);
    ret_status->active = ret_status->active && leader_valid(role->leader);
    ret_status->etcd_ok = leader_etcd_ok(role->leader);
    if (campaigning && !ret_status->etcd_ok)
        add_trouble(ret_status, "etcd does not answer, or has lost its quorum");
    if (!ret_status->active && !leader_is_other(role->leader, ret_status->leader_url))
        ret_status->leader_url[0] = '\0'; /* it was us; who it is now, nobody has told us */
}

int64_t role_epoch(const Role *role)
{
    return role->state == ROLE_ACTIVE && leader_valid(role->leader) ? role->epoch : 0;
}

/* ---- steps ------------------------------------------------------------------------------------
 */

static gboolean on_retry(void *data)
{
    Role *role = data;

    role->retry = 0;
    switch (role->state) {
    case ROLE_MIGRATING:
        migrate(role);
        break;
    case ROLE_TAKING:
        take_epoch(role);
        break;
    case ROLE_LOADING:
    case ROLE_RELOADING:
        load(role);
        break;
    case ROLE_STANDBY:
    case ROLE_ACTIVE:
        break;
    }
    return G_SOURCE_REMOVE;
}

static void retry_later(Role *role, unsigned ms)
{
    if (!role->retry)
        role->retry = g_timeout_add(ms, on_retry, role);
}

static bool run_migrate(Db *db, void *data, GError **error)
{
    (void)data;
    return db_connect(db, error) && db_migrate(db, error);
}

static void migrated(const GError *error, void *data)
{
    Role *role = data;

    if (err_is(error, VRM_ERR_CONFLICT)) { /* newer or edited: a person must decide */
        log_error("the database's schema is not ours", "REASON", error->message, NULL);
        role->events.on_hopeless(error->message);
        return;
    }
    if (error) {
        show(role, error->message);
        retry_later(role, RETRY_MS);
        return;
    }
    role->state = ROLE_STANDBY;
    show(role, "");
    leader_start(role->leader);
}

static void migrate(Role *role)
{
    dbq_submit(role->app->dbq, NULL, run_migrate, migrated, role);
}

struct taking {
    Role *role;
    int64_t epoch;
};

static bool run_take(Db *db, void *data, GError **error)
{
    const struct taking *taking = data;

    return db_take_epoch(db, taking->epoch, error);
}

static void taken(const GError *error, void *data)
{
    g_autofree struct taking *taking = data;
    Role *role = taking->role;

    if (role->state != ROLE_TAKING || role->epoch != taking->epoch)
        return;
    if (!error) {
        leader_accept(role->leader, role->epoch, true);
        return;
    }
    if (err_is(error, VRM_ERR_DENIED)) {
        log_error("the database knows a higher epoch than etcd's", "REASON", error->message, NULL);
        leader_accept(role->leader, role->epoch, false);
        return;
    }
    show(role, error->message);
    retry_later(role, RETRY_MS);
}

static void take_epoch(Role *role)
{
    struct taking *taking = g_new(struct taking, 1);

    *taking = (struct taking){ role, role->epoch };
    dbq_submit(role->app->dbq, NULL, run_take, taken, taking);
}

/* ---- loading ----------------------------------------------------------------------------------
 */

struct loading {
    Role *role;
    struct loaded loaded;
    Site *first_site; /* made up in case there is none */
    int64_t epoch;
};

static bool write_first_site(Db *db, void *data, GError **error)
{
    struct loading *loading = data;

    return store_site_put(db, loading->first_site, error);
}

/* The epoch is taken first, again.  Nobody else's transaction outlives that, so nothing changes
 * behind the picture; a server that was promoted meanwhile learns whom it serves; and as a write it
 * returns only when a synchronous standby has all that can be read here. */
static bool run_load(Db *db, void *data, GError **error)
{
    struct loading *loading = data;

    if (!db_take_epoch(db, loading->epoch, error) || !load_all_read(db, &loading->loaded, error))
        return false;
    if (loading->loaded.site)
        return true;
    if (!db_write(db, loading->epoch, write_first_site, loading, error))
        return false;
    loading->loaded.site = site_ref(loading->first_site);
    return true;
}

static Site *make_site(const struct settings *settings)
{
    Site *site = site_new();
    g_autofree char *hex = rng_secret_hex(4);

    g_free(site->id);
    g_free(site->name);
    g_free(site->ip);
    site->id = g_ascii_strup(hex, -1);
    site->name = g_strdup(settings->site_name);
    site->ip = g_strdup(settings->api_listen);
    return site;
}

static void admin_ready(const GError *error, void *user)
{
    Role *role = user;

    if (error)
        log_error("the first user could not be made; nobody can log in", "REASON", error->message,
                  NULL);
    role->ready = !error;
    show(role, error ? error->message : "");
}

static void show_loaded(Role *role, const struct loaded *loaded)
{
    struct app *app = role->app;
    SnapshotBuilder *builder;

    owed_reset(app->owed);
    orders_reset(app->orders);
    tasks_reset(app->tasks);
    right_keep_reset(app->right_keep);
    ha_shell_reset(app->ha);
    rights_reset(app->rights);
    host_setups_reset(app->setups);
    plan_publish_reset(app->plan);
    agents_reset(app->agents);
    observe_reset(app->observe);
    drs_reset(app->drs);
    rule_watch_reset(app->rules);
    alarms_reset(app->alarms, loaded->alarms);
    dpm_reset(app->dpm);
    ha_counts_restore(app->counts, loaded->ha_restarts, loaded->ha_power_ons);
    vm_hangs_reset(app->hangs);
    inventory_reset(app->inv);
    builder = inventory_edit(app->inv);
    snapshot_builder_set_site(builder, site_ref(loaded->site));
    load_all_show(loaded, builder);
    users_set(app->users, loaded->users);
    sessions_restore(app->sessions, loaded->sessions);
    inventory_publish(app->inv);
}

static void become_active(Role *role)
{
    struct app *app = role->app;
    const Snapshot *snap = inventory_peek(app->inv);
    g_autofree char *epoch = g_strdup_printf("%" G_GINT64_FORMAT, role->epoch);
    g_autofree char *counts = g_strdup_printf("%zu hosts, %zu VMs", snap->n_hosts, snap->n_vms);

    role->state = ROLE_ACTIVE;
    changes_start(app->changes, role->epoch);
    log_info("active", "EPOCH", epoch, "INVENTORY", counts, NULL);
    for (size_t i = 0; i < snap->n_hosts; i++) {
        const Host *host = snap->hosts[i];

        observe_await(app->observe, host->id);
        agents_set_host(app->agents, host->id, host->name, host->ip, host->port);
    }
    if (app->settings->ha_enabled)
        rights_start(app->rights);
    host_setups_start(app->setups);
    right_keep_start(app->right_keep);
    plan_publish_start(app->plan);
    ha_shell_start(app->ha);
    vm_order_resume(app); /* before the tasks, which ask whether hosts are still awaited */
    tasks_resume(app->tasks);
    owed_resume(app->owed);
    dpm_resume(app->dpm);
    users_ensure_admin(app->users, admin_ready, role);
}

static void loaded_all(const GError *error, void *data)
{
    struct loading *loading = data;
    Role *role = loading->role;

    role->loading = false;
    if ((role->state == ROLE_LOADING || role->state == ROLE_RELOADING) &&
        loading->epoch == role->epoch) {
        if (err_is(error, VRM_ERR_DENIED)) {
            role_deposed(role, error->message);
        } else if (error) {
            show(role, error->message);
            retry_later(role, RETRY_MS);
        } else {
            show_loaded(role, &loading->loaded);
            become_active(role);
        }
    }
    loaded_clear(&loading->loaded);
    site_unref(loading->first_site);
    g_free(loading);
}

/* Waits for commits under way, so that what they wrote is read. */
static void load(Role *role)
{
    struct loading *loading;

    if (role->loading)
        return;
    if (role->app->committer.in_flight > 0) {
        retry_later(role, DRAIN_POLL_MS);
        return;
    }
    loading = g_new0(struct loading, 1);
    *loading = (struct loading){ .role = role,
                                 .loaded = { .recent_tasks = role->app->settings->recent_tasks,
                                             .session_idle_ms = auth_idle_ms(role->app->auth),
                                             .ha_since_ms = ha_counts_since_ms() },
                                 .first_site = make_site(role->app->settings),
                                 .epoch = role->epoch };
    role->loading = true;
    dbq_submit(role->app->dbq, NULL, run_load, loaded_all, loading);
}

void role_reload(Role *role, const char *why)
{
    if (role->state != ROLE_ACTIVE)
        return;
    log_warning("reading everything again from the database", "REASON", why, NULL);
    role->state = ROLE_RELOADING;
    show(role, why);
    load(role);
}

/* ---- leadership -------------------------------------------------------------------------------
 */

static void on_elected(int64_t epoch, void *user)
{
    Role *role = user;

    role->state = ROLE_TAKING;
    role->epoch = epoch;
    take_epoch(role);
}

static void on_active(int64_t epoch, void *user)
{
    Role *role = user;

    g_assert(epoch == role->epoch);
    role->state = ROLE_LOADING;
    load(role);
}

static void on_lost(const char *why, void *user)
{
    role_deposed(user, why);
}

static void on_leader_changed(const char *url, void *user)
{
    Role *role = user;

    log_info("the active controller is", "URL", *url ? url : "unknown", NULL);
    show(role, "");
}

void role_deposed(Role *role, const char *why)
{
    role->state = ROLE_STANDBY;
    role->epoch = 0;
    changes_stop(role->app->changes, "this controller is no longer the active one");
    show(role, why);
    role->events.on_deposed(why);
}

void role_database_link(Role *role)
{
    show(role, "");
}

/* ---- life -------------------------------------------------------------------------------------
 */

Role *role_new(struct app *app, HttpClient *etcd_http, const struct role_events *events)
{
    Role *role = g_new0(Role, 1);
    const struct settings *settings = app->settings;

    role->app = app;
    role->events = *events;
    pthread_mutex_init(&role->lock, NULL);
    role->leader = leader_new(&(struct leader_options){
        .endpoints = (const char *const *)settings->etcd_endpoints,
        .prefix = settings->etcd_prefix,
        .name = settings->name,
        .url = settings->api_url,
        .ttl_ms = settings->etcd_ttl_s * 1000,
        .http = etcd_http,
        .on_elected = on_elected,
        .on_active = on_active,
        .on_lost = on_lost,
        .on_leader_changed = on_leader_changed,
        .user = role,
    });
    return role;
}

void role_start(Role *role)
{
    show(role, "starting");
    migrate(role);
}

void role_resign(Role *role, void (*done)(void *user), void *user)
{
    role->state = ROLE_STANDBY;
    changes_stop(role->app->changes, "this controller is stopping");
    show(role, "stopping");
    leader_resign(role->leader, done, user);
}

void role_free(Role *role)
{
    if (!role)
        return;
    if (role->retry)
        g_source_remove(role->retry);
    leader_free(role->leader);
    pthread_mutex_destroy(&role->lock);
    g_free(role);
}
