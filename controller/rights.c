/* rights.c - see rights.h: the table of records, kept true by a watch, and who is told. */
#include "config.h"

#include "controller/rights.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/err.h"
#include "controller/rights_private.h"
#include "controller/stores.h"
#include "ha/etcd/right_etcd.h"

#define TIMEOUT_MS  1500
#define IDLE_MS     5000
#define PATIENCE_MS 8000
#define WARN_MS     60000

/* ---- the table --------------------------------------------------------------------------------
 */

static guint hash_key(gconstpointer data)
{
    const struct ha_key *key = data;
    uint64_t mixed = (uint64_t)key->id * UINT64_C(0x9e3779b97f4a7c15) ^ key->inc.boot ^
                     ((uint64_t)key->inc.n << 8) ^ ((uint64_t)(uint32_t)key->authority << 4) ^
                     (uint64_t)key->kind;

    return (guint)(mixed ^ mixed >> 32);
}

static gboolean same_key(gconstpointer a, gconstpointer b)
{
    return ha_key_equal(a, b);
}

const struct right_record *rights_find(const Rights *rights, const struct ha_key *key)
{
    return g_hash_table_lookup(rights->records, key);
}

static void tell_one(const struct rights_sink *sink, const struct right_record *it)
{
    const struct ha_owner owner = { it->key.id, it->key.authority, it->key.inc };
    const struct ha_lease_seen lease = { it->record.lease, it->version, it->seen_ms };

    switch (it->key.kind) {
    case HA_KEY_LEASE:
        if (sink->lease)
            sink->lease(it->key.id, it->key.authority, &lease, sink->user);
        break;
    case HA_KEY_FENCE:
        if (sink->fence)
            sink->fence(&owner, &it->record.fence, sink->user);
        break;
    case HA_KEY_VM:
        if (sink->right)
            sink->right(&it->vm, sink->user);
        break;
    case HA_KEY_LEADER:
    case HA_KEY_RECOVERY:
        break;
    }
}

static void tell(const Rights *rights, const struct right_record *it)
{
    for (unsigned i = 0; i < rights->n_sinks; i++) {
        if (!rights->sinks[i].is_new)
            tell_one(&rights->sinks[i].sink, it);
    }
}

static void tell_gone(const Rights *rights, const struct ha_key *key)
{
    for (unsigned i = 0; i < rights->n_sinks; i++) {
        const struct rights_sink *sink = &rights->sinks[i].sink;

        if (!rights->sinks[i].is_new && sink->gone)
            sink->gone(key, sink->user);
    }
}

/* Leases, which change all the time, name no VM. */
static void note_change(Rights *rights, const struct ha_key *key)
{
    if (key->kind == HA_KEY_VM || key->kind == HA_KEY_FENCE)
        rights->is_named_old = true;
}

void rights_see(Rights *rights, const struct ha_key *key, const struct ha_record *record,
                int64_t version)
{
    const struct right_record *known = rights_find(rights, key);
    struct right_record *it;

    if (known && known->version >= version)
        return;
    it = g_new0(struct right_record, 1);
    *it = (struct right_record){
        .key = *key, .version = version, .seen_ms = clock_now_ms(), .record = *record
    };
    if (key->kind == HA_KEY_VM)
        it->vm = (struct ha_vm_seen){ key->id, version, record->vm };
    (void)g_hash_table_replace(rights->records, &it->key, it);
    note_change(rights, key);
    tell(rights, it);
}

void rights_see_none(Rights *rights, const struct ha_key *key, int64_t revision)
{
    const struct right_record *known = rights_find(rights, key);
    const struct ha_key gone = *key;

    if (!known || known->version > revision)
        return;
    (void)g_hash_table_remove(rights->records, &gone);
    note_change(rights, &gone);
    tell_gone(rights, &gone);
}

void rights_see_kv(Rights *rights, const struct etcd_kv *kv)
{
    struct ha_record record;
    struct ha_key key;
    g_autoptr(GError) error = NULL;
    guint left_out;

    if (kv->version == 0 && right_key_parse(rights->prefix, kv->key, &key))
        rights_see_none(rights, &key, kv->mod_revision);
    else if (right_kv_parse(rights->prefix, kv, &key, &record, &error))
        rights_see(rights, &key, &record, kv->mod_revision);
    else if (error && log_limit_pass(&rights->warned, clock_now_ms(), WARN_MS, &left_out))
        log_warning("a record in etcd cannot be read and counts for nothing", "KEY", kv->key,
                    "REASON", error->message, NULL);
}

void rights_see_answer(Rights *rights)
{
    for (unsigned i = 0; i < rights->n_sinks; i++) {
        const struct rights_sink *sink = &rights->sinks[i].sink;

        if (sink->answered)
            sink->answered(sink->user);
    }
}

/* ---- the watch --------------------------------------------------------------------------------
 */

/* What the table has and a list of this revision has not. */
static void see_removals(Rights *rights, const struct etcd_answer *answer)
{
    g_autoptr(GHashTable) there = g_hash_table_new_full(hash_key, same_key, g_free, NULL);
    g_autoptr(GArray) gone = g_array_new(FALSE, FALSE, sizeof(struct ha_key));
    GHashTableIter iter;
    void *value;

    for (size_t i = 0; i < answer->kvs.len; i++) {
        struct ha_key key;

        if (right_key_parse(rights->prefix, answer->kvs.items[i].key, &key))
            (void)g_hash_table_add(there, g_memdup2(&key, sizeof(key)));
    }
    g_hash_table_iter_init(&iter, rights->records);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (!g_hash_table_contains(there, &((struct right_record *)value)->key))
            g_array_append_vals(gone, value, 1); /* the key stands first */
    }
    for (guint i = 0; i < gone->len; i++)
        rights_see_none(rights, &g_array_index(gone, struct ha_key, i), answer->revision);
}

static void tell_listed(const Rights *rights)
{
    for (unsigned i = 0; i < rights->n_sinks; i++) {
        const struct rights_sink *sink = &rights->sinks[i].sink;

        if (!rights->sinks[i].is_new && sink->listed)
            sink->listed(sink->user);
    }
}

static void on_list(const struct etcd_answer *answer, void *user)
{
    Rights *rights = user;
    const bool is_first = !rights->listed;

    rights_see_answer(rights);
    for (size_t i = 0; i < answer->kvs.len; i++)
        rights_see_kv(rights, &answer->kvs.items[i]);
    see_removals(rights, answer);
    rights->listed = true;
    if (is_first)
        tell_listed(rights);
}

static void on_change(const struct etcd_kv *kv, void *user)
{
    rights_see_answer(user);
    rights_see_kv(user, kv);
}

static void on_trouble(const GError *error, void *user)
{
    const Rights *rights = user;

    log_warning("etcd does not answer: rights to run VMs cannot be read now", "KEY", rights->folder,
                "REASON", error->message, NULL);
}

void rights_start(Rights *rights)
{
    if (rights->watch)
        return;
    rights->watch = etcd_watch_new(
        rights->etcd, &(struct etcd_watch_options){
                          .key = rights->folder,
                          /* hosts renew all the time: silence is a reason to look again */
                          .idle_ms = rights->options.idle_ms,
                          .on_list = on_list,
                          .on_change = on_change,
                          .on_trouble = on_trouble,
                          .user = rights,
                      });
}

void rights_reset(Rights *rights)
{
    g_clear_pointer(&rights->watch, etcd_watch_free);
    rights_drop_calls(rights);
    g_hash_table_remove_all(rights->records);
    rights->is_named_old = true;
    rights->listed = false;
}

/* ---- sinks ------------------------------------------------------------------------------------
 */

static gboolean tell_new_sinks(void *data)
{
    Rights *rights = data;

    rights->tell_source = 0;
    for (unsigned i = 0; i < rights->n_sinks; i++) {
        struct right_sink_slot *slot = &rights->sinks[i];
        GHashTableIter iter;
        void *value;

        if (!slot->is_new)
            continue;
        slot->is_new = false;
        g_hash_table_iter_init(&iter, rights->records);
        while (g_hash_table_iter_next(&iter, NULL, &value))
            tell_one(&slot->sink, value);
        if (rights->listed && slot->sink.listed)
            slot->sink.listed(slot->sink.user);
    }
    return G_SOURCE_REMOVE;
}

void rights_add_sink(Rights *rights, const struct rights_sink *sink)
{
    g_assert(rights->n_sinks < RIGHTS_MAX_SINKS);
    rights->sinks[rights->n_sinks++] = (struct right_sink_slot){ *sink, true };
    if (!rights->tell_source)
        rights->tell_source = g_idle_add_full(G_PRIORITY_HIGH, tell_new_sinks, rights, NULL);
}

void rights_remove_sink(Rights *rights, const void *user)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < rights->n_sinks; i++) {
        if (rights->sinks[i].sink.user != user)
            rights->sinks[kept++] = rights->sinks[i];
    }
    rights->n_sinks = kept;
}

/* ---- questions --------------------------------------------------------------------------------
 */

bool rights_listed(const Rights *rights)
{
    return rights->listed;
}

bool rights_etcd_ok(const Rights *rights)
{
    return rights->listed && etcd_ok(rights->etcd);
}

const struct ha_vm_seen *rights_of(const Rights *rights, int64_t vm)
{
    const struct right_record *it =
        rights_find(rights, &(struct ha_key){ .kind = HA_KEY_VM, .id = vm });

    return it ? &it->vm : NULL;
}

bool rights_is_buried(const Rights *rights, const struct ha_owner *owner)
{
    const struct ha_key key = { HA_KEY_FENCE, owner->authority, owner->host, owner->inc };

    return rights_find(rights, &key) != NULL;
}

bool rights_lease(const Rights *rights, int64_t host, int32_t authority,
                  struct ha_lease_seen *ret_seen)
{
    const struct ha_key key = { .kind = HA_KEY_LEASE, .authority = authority, .id = host };
    const struct right_record *it = rights_find(rights, &key);

    if (!it)
        return false;
    *ret_seen = (struct ha_lease_seen){ it->record.lease, it->version, it->seen_ms };
    return true;
}

static bool refuse(GError **error, enum vrm_err code, const char *why)
{
    err_set(error, code, "%s", why);
    return false;
}

/* The sinks' word; the last one that has one fills in the owner. */
static bool sinks_allow(const Rights *rights, struct ha_owner *owner)
{
    const int32_t authority = owner->authority;
    bool is_asked = false;

    for (unsigned i = 0; i < rights->n_sinks; i++) {
        const struct rights_sink *sink = &rights->sinks[i].sink;

        if (rights->sinks[i].is_new || !sink->may_take)
            continue;
        if (!sink->may_take(owner->host, authority, owner, sink->user))
            return false;
        is_asked = true;
    }
    return is_asked || authority < HA_STORAGE;
}

static bool has_life(const Rights *rights, struct ha_owner *owner, GError **error)
{
    struct ha_lease_seen lease;

    if (!rights_lease(rights, owner->host, owner->authority, &lease))
        return refuse(error, VRM_ERR_UNAVAILABLE,
                      "it keeps no lease: vrm-hald does not run there, or does not reach etcd");
    owner->inc = lease.record.inc;
    if (rights_is_buried(rights, owner))
        return refuse(error, VRM_ERR_UNAVAILABLE,
                      "its lease has ended and vrm-hald has not taken a new one yet");
    return true;
}

bool rights_owner(const Rights *rights, int64_t host, int32_t authority, struct ha_owner *ret_owner,
                  GError **error)
{
    struct ha_owner owner = { host, authority, { 0 } };

    if (!rights->listed)
        return refuse(error, VRM_ERR_UNAVAILABLE,
                      "etcd has not answered yet, and without it no right to run is given");
    if (authority >= HA_STORAGE &&
        (!has_life(rights, &owner, NULL) || !sinks_allow(rights, &owner)))
        owner = (struct ha_owner){ host, HA_ETCD, { 0 } };
    if (owner.authority == HA_ETCD && !has_life(rights, &owner, error))
        return false;
    if (!sinks_allow(rights, &owner))
        return refuse(error, VRM_ERR_UNAVAILABLE, "high availability does not let it take VMs now");
    *ret_owner = owner;
    return true;
}

int32_t rights_authority(const Rights *rights, const Snapshot *snap, const Vm *vm)
{
    return stores_protector(snap, vm, rights->options.slots);
}

static bool note_named(Rights *rights, const struct ha_vm_right *right)
{
    bool is_by_slot = false;

    for (unsigned i = 0; i < right->n_owners; i++) {
        const struct ha_owner *owner = &right->owners[i];

        if (owner->authority < HA_STORAGE || rights_is_buried(rights, owner))
            continue;
        (void)g_hash_table_add(rights->named, GINT_TO_POINTER(owner->authority));
        is_by_slot = true;
    }
    return is_by_slot;
}

static void find_named(Rights *rights)
{
    GHashTableIter iter;
    void *value;

    if (!rights->is_named_old)
        return;
    rights->is_named_old = false;
    rights->n_by_slots = 0;
    g_hash_table_remove_all(rights->named);
    g_hash_table_iter_init(&iter, rights->records);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct right_record *it = value;

        rights->n_by_slots +=
            it->key.kind == HA_KEY_VM && note_named(rights, &it->record.vm) ? 1 : 0;
    }
}

void rights_stores(Rights *rights, const Snapshot *snap, struct stores *ret_stores)
{
    find_named(rights);
    stores_keep(snap, rights->options.slots, rights->named, ret_stores);
}

size_t rights_n_by_slots(Rights *rights)
{
    find_named(rights);
    return rights->n_by_slots;
}

bool rights_mandate(const Rights *rights, struct ha_mandate *ret_mandate)
{
    const int64_t epoch = rights->options.epoch(rights->options.user);

    if (epoch == 0)
        return false;
    *ret_mandate = (struct ha_mandate){ .epoch = epoch };
    return true;
}

void rights_foreach(const Rights *rights, rights_item_fn fn, void *user)
{
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, rights->records);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct right_record *it = value;

        fn(&(struct rights_item){ it->key, it->record, it->version, it->seen_ms }, user);
    }
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void add_metrics(Rights *rights)
{
    static const char *const labels[] = {
        [HA_DONE] = "outcome=\"done\"",
        [HA_FAILED] = "outcome=\"refused\"",
        [HA_UNKNOWN] = "outcome=\"unknown\"",
    };

    for (size_t i = 0; rights->options.metrics && i < G_N_ELEMENTS(labels); i++)
        rights->txns[i] =
            metrics_counter(rights->options.metrics, "vrm_ha_transactions_total", labels[i],
                            "Changes of rights to run, by how etcd answered");
}

Rights *rights_new(const struct rights_options *options)
{
    Rights *rights = g_new0(Rights, 1);

    rights->options = *options;
    if (rights->options.timeout_ms == 0)
        rights->options.timeout_ms = TIMEOUT_MS;
    if (rights->options.patience_ms == 0)
        rights->options.patience_ms = PATIENCE_MS;
    if (rights->options.idle_ms == 0)
        rights->options.idle_ms = IDLE_MS;
    rights->prefix = g_strdup(options->prefix);
    rights->folder = g_strconcat(options->prefix, "/ha/", NULL);
    rights->leader_key = g_strconcat(options->prefix, "/leader", NULL);
    rights->etcd = etcd_new(options->http, options->endpoints, rights->options.timeout_ms);
    rights->records = g_hash_table_new_full(hash_key, same_key, NULL, g_free);
    rights->named = g_hash_table_new(NULL, NULL);
    rights->calls = g_hash_table_new_full(NULL, NULL, rights_free_call, NULL);
    add_metrics(rights);
    return rights;
}

void rights_free(Rights *rights)
{
    if (!rights)
        return;
    rights_reset(rights);
    if (rights->tell_source)
        g_source_remove(rights->tell_source);
    g_hash_table_unref(rights->calls);
    g_hash_table_unref(rights->records);
    g_hash_table_unref(rights->named);
    etcd_free(rights->etcd);
    g_free(rights->leader_key);
    g_free(rights->folder);
    g_free(rights->prefix);
    g_free(rights);
}
