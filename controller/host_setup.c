/* host_setup.c - see host_setup.h. */
#include "config.h"

#include "controller/host_setup.h"

#include <string.h>

#include "agentproto/beat.h"
#include "agentproto/ha_setup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rng.h"
#include "controller/rights.h"
#include "controller/stores.h"
#include "etcd/etcd.h"
#include "ha/slot.h"

#define LOOK_MS      500
#define RETRY_MS     3000
#define ANSWER_MS    15000
#define ETCD_MS      1500
#define KEY_RETRY_MS 1000
#define WARN_MS      60000
#define N_NEIGHBOURS 2 /* on each side of the ring */
#define MAX_PEERS    4
#define ISOLATION_MS 30000  /* a host that hears nobody for so long is cut off */
#define SHUTDOWN_MS  120000 /* its guests then have so long to shut down */

/* What one host was told. */
struct told {
    int64_t host_id;
    char *taken;      /* body that it has taken since its last hello; NULL: none */
    char *out;        /* body that is on its way */
    int64_t taken_ms; /* when it took what it has; 0: nothing */
    bool is_old;      /* it said hello while one was on its way */
    int64_t sent_ms, due_ms;
    struct log_limit warned;
};

struct HostSetups {
    struct app *app;
    Etcd *etcd;
    char *key_name, *leader_key;
    char *beat_key;
    EtcdCall *call;
    int64_t key_due_ms;
    GHashTable *told; /* int64 host id -> struct told */
    guint timer;
};

/* ---- the key ----------------------------------------------------------------------------------
 */

static void on_key(const struct etcd_answer *answer, const GError *error, void *user)
{
    HostSetups *setups = user;
    uint8_t bytes[BEAT_KEY_SIZE];

    setups->call = NULL;
    if (error || answer->kvs.len == 0)
        return; /* asked again */
    if (!beat_key_parse(answer->kvs.items[0].value, bytes)) {
        log_warning("the key of the beats in etcd is none: want 64 hexadecimal digits; hosts are "
                    "not set up until it is removed or mended",
                    "KEY", setups->key_name, NULL);
        setups->key_due_ms = clock_now_ms() + WARN_MS;
        return;
    }
    setups->beat_key = g_strdup(answer->kvs.items[0].value);
}

/* Makes it unless there is one; whoever made it, it is read. */
static void ask_key(HostSetups *setups, int64_t epoch)
{
    g_autoptr(EtcdTxn) txn = etcd_txn_new();
    g_autofree char *fresh = rng_secret_hex(BEAT_KEY_SIZE);

    if (setups->call || clock_now_ms() < setups->key_due_ms)
        return;
    setups->key_due_ms = clock_now_ms() + KEY_RETRY_MS;
    etcd_txn_guard(txn, setups->leader_key, epoch);
    etcd_txn_if_created(txn, setups->key_name, 0);
    etcd_txn_put(txn, setups->key_name, fresh, 0);
    etcd_txn_range(txn, setups->key_name);
    etcd_txn_else_range(txn, setups->key_name);
    setups->call = etcd_commit(setups->etcd, txn, on_key, setups);
}

const char *host_setups_beat_key(const HostSetups *setups)
{
    return setups->beat_key;
}

/* ---- one host's -------------------------------------------------------------------------------
 */

/* Hosts of its cluster that hear beats and are not switched off, in the order of ids; ret_at: where
 * the host itself is. */
static GPtrArray *ring_of(const Snapshot *snap, const Host *host, guint *ret_at)
{
    GPtrArray *ring = g_ptr_array_new();

    for (size_t i = 0; i < snap->n_hosts; i++) {
        const Host *it = snap->hosts[i];

        if (it->id == host->id)
            *ret_at = ring->len;
        if (it->id == host->id || (it->cluster_id == host->cluster_id && *it->ha_address &&
                                   it->off_since_ms == 0 && !it->off_by_dpm))
            g_ptr_array_add(ring, (gpointer)(uintptr_t)it);
    }
    return ring;
}

static void add_peer(struct ha_setup *setup, const Host *self, const Host *peer)
{
    if (peer->id == self->id)
        return;
    for (size_t i = 0; i < setup->n_peers; i++) {
        if (setup->peers[i].host == peer->id)
            return;
    }
    setup->peers[setup->n_peers++] = (struct ha_peer){ peer->id, g_strdup(peer->ha_address) };
}

static void fill_peers(const Snapshot *snap, const Host *host, struct ha_setup *setup)
{
    guint at = 0;
    g_autoptr(GPtrArray) ring = ring_of(snap, host, &at);

    setup->peers = g_new0(struct ha_peer, MAX_PEERS);
    for (guint step = 1; step <= N_NEIGHBOURS && step < ring->len; step++) {
        add_peer(setup, host, ring->pdata[(at + step) % ring->len]);
        add_peer(setup, host, ring->pdata[(at + ring->len - step) % ring->len]);
    }
}

bool host_setups_knows_slots(const Host *host)
{
    return host->agent_protocol >= AGENT_PROTOCOL_SLOTS && slot_of_host(host->id) >= 0;
}

/* The datastores on which the host keeps a slot.  Without any the times are 0. */
static void fill_stores(const struct app *app, const Host *host, struct ha_setup *setup)
{
    const int64_t slot = slot_of_host(host->id);
    struct stores stores;

    rights_stores(app->rights, inventory_peek(app->inv), &stores);
    if (!host_setups_knows_slots(host) || stores.n == 0)
        return;
    setup->slot_ms = settings_slot_ms(app->settings);
    setup->slot_renew_ms = SETTINGS_SLOT_RENEW_MS;
    setup->stores = g_new0(struct ha_store, stores.n);
    setup->n_stores = stores.n;
    for (size_t i = 0; i < stores.n; i++)
        setup->stores[i] = (struct ha_store){ .authority = slot_authority(stores.items[i]->id),
                                              .path = g_strdup(stores.items[i]->path),
                                              .slot = slot,
                                              .name = g_strdup(stores.items[i]->name) };
}

/* What it does when it is cut off; a host without a slot has nothing to give up.  While HA is
 * disarmed nobody would start what it ends. */
static void fill_isolation(const Snapshot *snap, const Host *host, struct ha_setup *setup)
{
    const Cluster *cluster = snapshot_cluster(snap, host->cluster_id);

    if (setup->n_stores == 0 || !cluster || !cluster->ha.enabled ||
        snap->site->ha_disarmed_ms != 0 || cluster->ha.isolation == ISOLATION_LEAVE ||
        host->agent_protocol < AGENT_PROTOCOL_ISOLATED)
        return;
    setup->isolation_ms = MAX(ISOLATION_MS, HA_SETUP_QUIET_BEATS * setup->beat_ms);
    setup->shutdown_ms = cluster->ha.isolation == ISOLATION_SHUTDOWN ? SHUTDOWN_MS : 0;
}

/* An address without a port gets the one that we listen at; IPv6 gets its brackets. */
static char *endpoint(const char *text, int64_t port)
{
    const char *colon = strrchr(text, ':');

    if (text[0] == '[')
        return colon && colon[-1] == ']' ? g_strdup(text)
                                         : g_strdup_printf("%s:%" G_GINT64_FORMAT, text, port);
    if (colon && strchr(text, ':') != colon)
        return g_strdup_printf("[%s]:%" G_GINT64_FORMAT, text, port);
    return colon ? g_strdup(text) : g_strdup_printf("%s:%" G_GINT64_FORMAT, text, port);
}

static char **endpoints(const struct settings *settings)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    for (char **to = settings->ha_beat_to; to && *to; to++) {
        g_autofree char *full = endpoint(*to, settings->ha_beat_port);

        g_strv_builder_add(builder, full);
    }
    return g_strv_builder_end(builder);
}

char *host_setups_format(const HostSetups *setups, const Host *host, int64_t epoch)
{
    const struct settings *settings = setups->app->settings;
    struct ha_setup setup = {
        .epoch = epoch,
        .host = host->id,
        .etcd = g_strdupv(settings_hosts_etcd(settings)),
        .prefix = g_strdup(settings->etcd_prefix),
        .lease_ms = settings_lease_ms(settings),
        .renew_ms = settings->ha_renew_ms,
        .kill_ms = settings->ha_kill_ms,
        .beat_ms = settings->ha_beat_ms,
        .beat_key = g_strdup(setups->beat_key),
        .beat_to = endpoints(settings),
    };
    g_autoptr(json_t) json = NULL;

    fill_peers(inventory_peek(setups->app->inv), host, &setup);
    fill_stores(setups->app, host, &setup);
    fill_isolation(inventory_peek(setups->app->inv), host, &setup);
    json = ha_setup_encode(&setup);
    ha_setup_clear(&setup);
    return json_format(json);
}

/* ---- telling ----------------------------------------------------------------------------------
 */

static void free_told(void *data)
{
    struct told *told = data;

    g_free(told->taken);
    g_free(told->out);
    g_free(told);
}

static struct told *told_of(HostSetups *setups, int64_t host_id)
{
    struct told *told = g_hash_table_lookup(setups->told, &host_id);

    if (told)
        return told;
    told = g_new0(struct told, 1);
    told->host_id = host_id;
    (void)g_hash_table_insert(setups->told, &told->host_id, told);
    return told;
}

static void on_posted(int64_t host_id, const GError *error, void *user)
{
    HostSetups *setups = user;
    struct told *told = told_of(setups, host_id);
    g_autofree char *out = g_steal_pointer(&told->out);
    const Host *host = inventory_find_host(setups->app->inv, host_id);
    guint left_out;

    told->due_ms = clock_now_ms() + (error ? RETRY_MS : 0);
    if (!error && !told->is_old) {
        g_free(told->taken);
        told->taken = g_steal_pointer(&out);
        told->taken_ms = clock_now_ms();
    }
    told->is_old = false;
    if (error && log_limit_pass(&told->warned, clock_now_ms(), WARN_MS, &left_out))
        log_warning("a host does not take its settings for high availability; it is tried again",
                    "HOST", host ? host->name : "?", "REASON", error->message, NULL);
}

static void tell_host(HostSetups *setups, const Host *host, int64_t epoch)
{
    struct told *told = told_of(setups, host->id);
    g_autofree char *body = NULL;

    if (told->out && clock_now_ms() < told->sent_ms + ANSWER_MS)
        return; /* its link may have been lost with it */
    if (!host->connected || !host->hald || clock_now_ms() < told->due_ms)
        return;
    body = host_setups_format(setups, host, epoch);
    if (told->taken && g_str_equal(told->taken, body))
        return;
    if (!agents_post(setups->app->agents, host->id, "/v1/ha", body, on_posted, setups))
        return;
    g_free(told->out);
    told->out = g_steal_pointer(&body);
    told->sent_ms = clock_now_ms();
}

/* Which slots a host must go on to keep is known by the rights of the VMs. */
static bool is_known(const HostSetups *setups)
{
    return setups->beat_key && rights_listed(setups->app->rights);
}

static gboolean look(void *data)
{
    HostSetups *setups = data;
    const struct committer *committer = &setups->app->committer;
    const int64_t epoch = committer->epoch(committer->user);
    const Snapshot *snap = inventory_peek(setups->app->inv);

    if (epoch != 0 && !setups->beat_key)
        ask_key(setups, epoch);
    for (size_t i = 0; epoch != 0 && is_known(setups) && i < snap->n_hosts; i++)
        tell_host(setups, snap->hosts[i], epoch);
    return G_SOURCE_CONTINUE;
}

bool host_setups_in_use(const HostSetups *setups)
{
    return setups && setups->app->settings->ha_enabled;
}

void host_setups_greet(HostSetups *setups, int64_t host_id)
{
    struct told *told;

    if (!host_setups_in_use(setups))
        return;
    told = told_of(setups, host_id);
    g_clear_pointer(&told->taken, g_free);
    told->is_old = told->out != NULL;
    told->due_ms = 0;
}

int64_t host_setups_taken_ms(const HostSetups *setups, int64_t host_id)
{
    const struct told *told = setups ? g_hash_table_lookup(setups->told, &host_id) : NULL;

    return told && told->taken ? told->taken_ms : 0;
}

/* ---- life -------------------------------------------------------------------------------------
 */

void host_setups_start(HostSetups *setups)
{
    if (setups->app->settings->ha_enabled && !setups->timer)
        setups->timer = g_timeout_add(LOOK_MS, look, setups);
}

void host_setups_reset(HostSetups *setups)
{
    if (setups->timer)
        g_source_remove(setups->timer);
    setups->timer = 0;
    if (setups->call)
        etcd_cancel(setups->call);
    setups->call = NULL;
    setups->key_due_ms = 0;
    g_hash_table_remove_all(setups->told);
}

HostSetups *host_setups_new(struct app *app, HttpClient *etcd_http)
{
    HostSetups *setups = g_new0(HostSetups, 1);
    const struct settings *settings = app->settings;

    setups->app = app;
    setups->etcd = etcd_new(etcd_http, (const char *const *)settings->etcd_endpoints, ETCD_MS);
    setups->key_name = g_strconcat(settings->etcd_prefix, "/beat_key", NULL);
    setups->leader_key = g_strconcat(settings->etcd_prefix, "/leader", NULL);
    setups->told = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, free_told);
    return setups;
}

void host_setups_free(HostSetups *setups)
{
    if (!setups)
        return;
    host_setups_reset(setups);
    g_hash_table_unref(setups->told);
    etcd_free(setups->etcd);
    g_free(setups->beat_key);
    g_free(setups->leader_key);
    g_free(setups->key_name);
    g_free(setups);
}
