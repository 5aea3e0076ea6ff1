/* rights_send.c - changes of records; see rights.h.
 *
 * A transaction compares the version of what it changes, so it can be done once at most, and one
 * that is sent again after an unknown outcome does no harm: of the two one fails.  Before that the
 * record is read, because it may already stand as wanted. */
#include "config.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/err.h"
#include "controller/rights_private.h"
#include "ha/etcd/right_etcd.h"

#define PAUSE_MS 200

struct RightsCall {
    Rights *rights;
    struct ha_txn txn; /* puts[0].key is what it is about, also when it is removed */
    bool removes;
    int64_t version; /* of that record, as compared; -1: not compared */
    int64_t begun_ms;
    bool in_doubt; /* sent, and no answer came */
    EtcdCall *call;
    guint timer;
    rights_done_fn done;
    void *user;
};

static void send_now(RightsCall *call);

void rights_free_call(void *data)
{
    RightsCall *call = data;

    if (call->call)
        etcd_cancel(call->call);
    if (call->timer)
        g_source_remove(call->timer);
    g_free(call);
}

void rights_drop_calls(Rights *rights)
{
    g_hash_table_remove_all(rights->calls);
}

void rights_forget(RightsCall *call)
{
    if (call)
        call->done = NULL;
}

static void end_call(RightsCall *call, enum ha_outcome outcome, const GError *error)
{
    const rights_done_fn done = call->done;
    void *const user = call->user;

    metric_add(call->rights->txns[outcome], 1);
    (void)g_hash_table_remove(call->rights->calls, call);
    if (done)
        done(outcome, error, user); /* last: it may reset or free the Rights */
}

/* ---- why it failed ----------------------------------------------------------------------------
 */

static char *why_fence_fails(const struct ha_compare *compare, const struct right_record *it)
{
    if (compare->kind == HA_EXISTS && !it)
        return g_strdup_printf("host %" PRId64 " went to start it and is not known to be dead",
                               compare->key.id);
    if (compare->kind == HA_VERSION_IS && it)
        return g_strdup_printf("the lease of host %" PRId64 " has ended (%s)", compare->key.id,
                               ha_proof_name(it->record.fence.proof));
    return NULL;
}

/* NULL: not by this one, as far as is known here. */
static char *why_compare_fails(const Rights *rights, const struct ha_compare *compare)
{
    const struct right_record *it = rights_find(rights, &compare->key);
    const bool moved = (it ? it->version : 0) != compare->revision;

    switch (compare->key.kind) {
    case HA_KEY_FENCE:
        return why_fence_fails(compare, it);
    case HA_KEY_LEASE:
        return moved ? g_strdup_printf("host %" PRId64 " has renewed its lease", compare->key.id)
                     : NULL;
    case HA_KEY_VM:
        return moved ? g_strdup("the VM's right has changed meanwhile") : NULL;
    case HA_KEY_LEADER:
    case HA_KEY_RECOVERY:
        break;
    }
    return NULL;
}

static void end_refused(RightsCall *call)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *why = NULL;

    for (unsigned i = 0; i < call->txn.n_compares && !why; i++)
        why = why_compare_fails(call->rights, &call->txn.compares[i]);
    err_set(&error, VRM_ERR_CONFLICT, "etcd refuses the change: %s",
            why ? why : "it does not stand as was known here, or another controller leads");
    end_call(call, HA_FAILED, error);
}

/* ---- judging ----------------------------------------------------------------------------------
 */

/* Does the VM's record say what was to be put, or what its host made of that since?  Only a leader
 * changes owners and generation upwards, and there is one. */
static bool vm_is_as_wanted(const struct ha_vm_right *wanted, const struct ha_vm_right *now)
{
    if (now->gen != wanted->gen || now->n_owners != wanted->n_owners)
        return false;
    for (unsigned i = 0; i < now->n_owners; i++) {
        if (!ha_owner_equal(&now->owners[i], &wanted->owners[i]))
            return false;
    }
    return true;
}

static bool is_as_wanted(const RightsCall *call)
{
    const struct ha_put *put = &call->txn.puts[0];
    const struct right_record *it = rights_find(call->rights, &put->key);

    if (call->removes)
        return !it;
    if (!it || it->version == call->version)
        return false;
    return put->key.kind != HA_KEY_VM || vm_is_as_wanted(&put->record.vm, &it->record.vm);
}

static bool may_still_be_done(const RightsCall *call)
{
    const struct right_record *it = rights_find(call->rights, &call->txn.puts[0].key);

    return call->version < 0 ? !it : (it ? it->version : 0) == call->version;
}

static void see_kvs(RightsCall *call, const struct etcd_answer *answer)
{
    if (answer->kvs.len == 0)
        rights_see_none(call->rights, &call->txn.puts[0].key, answer->revision);
    for (size_t i = 0; i < answer->kvs.len; i++)
        rights_see_kv(call->rights, &answer->kvs.items[i]);
}

static void end_unknown(RightsCall *call, const char *why)
{
    g_autoptr(GError) error = NULL;

    err_set(&error, VRM_ERR_UNAVAILABLE, "etcd does not answer: %s", why);
    end_call(call, HA_UNKNOWN, error);
}

/* ---- in doubt ---------------------------------------------------------------------------------
 */

static void read_soon(RightsCall *call, const GError *error);

static void on_read(const struct etcd_answer *answer, const GError *error, void *user)
{
    RightsCall *call = user;

    call->call = NULL;
    if (error) {
        read_soon(call, error);
        return;
    }
    rights_see_answer(call->rights);
    see_kvs(call, answer);
    if (is_as_wanted(call))
        end_call(call, HA_DONE, NULL);
    else if (may_still_be_done(call))
        send_now(call);
    else
        end_refused(call);
}

static gboolean read_now(void *data)
{
    RightsCall *call = data;
    g_autofree char *key = right_key_format(call->rights->prefix, &call->txn.puts[0].key);

    call->timer = 0;
    call->call = etcd_read(call->rights->etcd, key, on_read, call);
    return G_SOURCE_REMOVE;
}

static void read_soon(RightsCall *call, const GError *error)
{
    if (clock_now_ms() - call->begun_ms > call->rights->options.patience_ms)
        end_unknown(call, error->message);
    else
        call->timer = g_timeout_add(PAUSE_MS, read_now, call);
}

/* ---- sending ----------------------------------------------------------------------------------
 */

static void see_done(RightsCall *call, int64_t revision)
{
    if (call->removes)
        rights_see_none(call->rights, &call->txn.puts[0].key, revision);
    for (unsigned i = 0; !call->removes && i < call->txn.n_puts; i++)
        rights_see(call->rights, &call->txn.puts[i].key, &call->txn.puts[i].record, revision);
}

static void on_committed(const struct etcd_answer *answer, const GError *error, void *user)
{
    RightsCall *call = user;

    call->call = NULL;
    if (err_is(error, VRM_ERR_INVALID) || err_is(error, VRM_ERR_NOT_FOUND)) {
        end_call(call, HA_FAILED, error);
        return;
    }
    if (error) {
        call->in_doubt = true;
        read_soon(call, error);
        return;
    }
    rights_see_answer(call->rights);
    if (answer->succeeded) {
        see_done(call, answer->revision);
        end_call(call, HA_DONE, NULL);
        return;
    }
    see_kvs(call, answer);
    if (is_as_wanted(call))
        end_call(call, HA_DONE, NULL);
    else
        end_refused(call);
}

static EtcdTxn *make_removal(const RightsCall *call)
{
    const Rights *rights = call->rights;
    g_autofree char *key = right_key_format(rights->prefix, &call->txn.puts[0].key);
    EtcdTxn *txn = etcd_txn_new();

    etcd_txn_guard(txn, rights->leader_key, call->txn.compares[0].revision);
    for (unsigned i = 1; i < call->txn.n_compares; i++) {
        g_autofree char *other = right_key_format(rights->prefix, &call->txn.compares[i].key);

        etcd_txn_if_modified(txn, other, call->txn.compares[i].revision);
    }
    etcd_txn_delete(txn, key);
    etcd_txn_else_range(txn, key);
    return txn;
}

/* Was this decided under the present epoch? */
static bool is_of_epoch(const RightsCall *call, int64_t epoch)
{
    for (unsigned i = 0; i < call->txn.n_compares; i++) {
        const struct ha_compare *compare = &call->txn.compares[i];

        if (compare->key.kind == HA_KEY_LEADER && compare->kind == HA_CREATED_IS)
            return compare->revision == epoch;
    }
    return false;
}

static void send_now(RightsCall *call)
{
    const struct rights_options *options = &call->rights->options;
    const int64_t epoch = options->epoch(options->user);
    g_autoptr(EtcdTxn) txn = NULL;
    g_autoptr(GError) error = NULL;

    if (epoch == 0 || !is_of_epoch(call, epoch)) {
        err_set(&error, VRM_ERR_UNAVAILABLE, "this controller may not act now");
        end_call(call, call->in_doubt ? HA_UNKNOWN : HA_FAILED, error);
        return;
    }
    txn = call->removes ? make_removal(call) : right_etcd_txn(call->rights->prefix, &call->txn);
    call->call = etcd_commit(call->rights->etcd, txn, on_committed, call);
}

static gboolean first_send(void *data)
{
    RightsCall *call = data;

    call->timer = 0;
    send_now(call);
    return G_SOURCE_REMOVE;
}

static RightsCall *begin_call(Rights *rights, const RightsCall *how)
{
    RightsCall *call = g_memdup2(how, sizeof(*how));

    call->rights = rights;
    call->begun_ms = clock_now_ms();
    (void)g_hash_table_add(rights->calls, call);
    call->timer = g_idle_add_full(G_PRIORITY_HIGH, first_send, call, NULL);
    return call;
}

static int64_t compared_version(const struct ha_txn *txn)
{
    for (unsigned i = 0; i < txn->n_compares; i++) {
        if (txn->compares[i].kind == HA_VERSION_IS &&
            ha_key_equal(&txn->compares[i].key, &txn->puts[0].key))
            return txn->compares[i].revision;
    }
    return -1;
}

RightsCall *rights_send(Rights *rights, const struct ha_txn *txn, rights_done_fn done, void *user)
{
    g_assert(txn->n_puts > 0);
    return begin_call(
        rights,
        &(RightsCall){ .txn = *txn, .version = compared_version(txn), .done = done, .user = user });
}

RightsCall *rights_remove(Rights *rights, const struct rights_removal *removal, rights_done_fn done,
                          void *user)
{
    struct ha_mandate mandate = { 0 };
    RightsCall call = {
        .txn = { .n_puts = 1, .puts = { { .key = removal->key } } },
        .removes = true,
        .version = removal->version,
        .done = done,
        .user = user,
    };

    (void)rights_mandate(rights, &mandate); /* 0: refused when it is sent */
    call.txn.compares[call.txn.n_compares++] = (struct ha_compare){
        .kind = HA_CREATED_IS, .key = { .kind = HA_KEY_LEADER }, .revision = mandate.epoch
    };
    call.txn.compares[call.txn.n_compares++] =
        (struct ha_compare){ HA_VERSION_IS, removal->key, removal->version };
    if (removal->other)
        call.txn.compares[call.txn.n_compares++] =
            (struct ha_compare){ HA_VERSION_IS, *removal->other, removal->other_version };
    return begin_call(rights, &call);
}
