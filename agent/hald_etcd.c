/* hald_etcd.c - see hald_private.h: the keeper's transactions, to etcd and back. */
#include "config.h"

#include "agent/hald_private.h"

#include "base/clock.h"
#include "base/err.h"
#include "ha/etcd/right_etcd.h"

#define WARN_MS 60000

struct call {
    Hald *hald;
    EtcdCall *etcd;
    struct keeper_action action;
    int64_t sent_ms;
};

static void warn(Hald *hald, const char *error)
{
    unsigned left_out;

    if (log_limit_pass(&hald->etcd_trouble, clock_now_ms(), WARN_MS, &left_out))
        log_warning("etcd does not answer as it should", "ERROR", error, NULL);
}

/* The record that a refused transaction read.  version 0: there is none.  False: it cannot be
 * understood. */
static bool read_record(const Hald *hald, const struct ha_key *want,
                        const struct etcd_answer *answer, int64_t *ret_version,
                        struct ha_record *ret_record, GError **error)
{
    struct ha_key key;

    *ret_version = 0;
    if (answer->kvs.len == 0)
        return true;
    if (!right_kv_parse(hald->setup.prefix, &answer->kvs.items[0], &key, ret_record, error))
        return false;
    if (!ha_key_equal(&key, want)) {
        err_set(error, VRM_ERR_INTERNAL, "etcd sent another key than it was asked for");
        return false;
    }
    *ret_version = answer->kvs.items[0].mod_revision;
    return true;
}

/* ---- renewals -------------------------------------------------------------------------------- */

/* Refused though the record stood as it was expected to: then it was the tombstone. */
static enum lease_event refusal_of(const struct ha_txn *txn, int64_t version, struct ha_inc inc)
{
    if (version == txn->compares[0].revision)
        return LSE_FENCED;
    if (version == 0 || ha_inc_equal(inc, txn->puts[0].record.lease.inc))
        return LSE_OURS;
    return LSE_OTHER;
}

static void read_renewal(Hald *hald, const struct call *call, const struct etcd_answer *answer,
                         struct lease_input *input)
{
    const struct ha_txn *txn = &call->action.txn;
    struct ha_record record = { 0 };
    g_autoptr(GError) error = NULL;

    if (answer->succeeded) {
        input->event = LSE_RENEWED;
        input->version = answer->revision;
    } else if (read_record(hald, &txn->puts[0].key, answer, &input->version, &record, &error)) {
        input->event = refusal_of(txn, input->version, record.lease.inc);
        input->inc = record.lease.inc;
    } else {
        warn(hald, error->message);
    }
}

static void renewed(Hald *hald, const struct call *call, const struct etcd_answer *answer)
{
    const int32_t authority = call->action.authority;
    const bool is_stored = authority >= HA_STORAGE;
    struct lease_input input = { .event = LSE_UNKNOWN, .request = call->action.request };
    struct keeper_actions actions = { 0 };

    if (is_stored && !hald_store_expects(hald, &call->action))
        return;
    if (is_stored && answer && answer->succeeded) {
        hald_store_registered(hald, &call->action, answer->revision);
        return;
    }
    if (answer)
        read_renewal(hald, call, answer, &input);
    input.now_ms = clock_now_ms();
    if (answer && !is_stored)
        hald->answer_ms = MAX(input.now_ms - call->sent_ms, 1);
    keeper_renewed(&hald->keeper, authority, &input, &actions);
    hald_act(hald, &actions);
}

/* ---- rights of VMs --------------------------------------------------------------------------- */

static void vm_answered(Hald *hald, const struct call *call, const struct etcd_answer *answer)
{
    const struct ha_put *put = &call->action.txn.puts[0];
    struct keeper_answer result = { .request = call->action.request };
    struct ha_record record = { 0 };
    struct keeper_actions actions = { 0 };
    g_autoptr(GError) error = NULL;

    if (answer && answer->succeeded) {
        result.known = result.done = true;
        result.version = answer->revision;
        result.right = put->record.vm;
    } else if (answer) {
        result.known = read_record(hald, &put->key, answer, &result.version, &record, &error);
        result.right = record.vm;
    }
    if (error)
        warn(hald, error->message);
    keeper_answered(&hald->keeper, call->action.vm, &result, clock_now_ms(), &actions);
    hald_act(hald, &actions);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void hand_over(struct call *call, const struct etcd_answer *answer)
{
    Hald *hald = call->hald;

    g_hash_table_remove(hald->calls, call);
    if (call->action.act == KEEPER_RENEW)
        renewed(hald, call, answer);
    else
        vm_answered(hald, call, answer);
    g_free(call);
}

static void on_answer(const struct etcd_answer *answer, const GError *error, void *user)
{
    struct call *call = user;

    if (error)
        warn(call->hald, error->message);
    hand_over(call, answer);
}

void hald_send_etcd(Hald *hald, const struct keeper_action *action)
{
    g_autoptr(EtcdTxn) txn = right_etcd_txn(hald->setup.prefix, &action->txn);
    struct call *call = g_new0(struct call, 1);

    call->hald = hald;
    call->action = *action;
    call->sent_ms = clock_now_ms();
    g_hash_table_add(hald->calls, call);
    call->etcd = etcd_commit(hald->etcd, txn, on_answer, call);
}

void hald_send(Hald *hald, const struct keeper_action *action)
{
    if (action->act == KEEPER_RENEW && action->authority >= HA_STORAGE)
        hald_store_renew(hald, action);
    else
        hald_send_etcd(hald, action);
}

/* All that are out, cancelled; the caller frees them. */
static GPtrArray *cancel_all(Hald *hald)
{
    GPtrArray *calls = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, hald->calls);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        struct call *call = key;

        etcd_cancel(call->etcd);
        g_ptr_array_add(calls, call);
    }
    g_hash_table_remove_all(hald->calls);
    return calls;
}

void hald_cancel_calls(Hald *hald)
{
    GPtrArray *calls = cancel_all(hald);

    g_ptr_array_set_free_func(calls, g_free);
    g_ptr_array_unref(calls);
}

/* The hosts begin at different members, so that none has them all. */
static Etcd *make_etcd(const Hald *hald)
{
    char *const *members = hald->setup.etcd;
    const guint n = g_strv_length(hald->setup.etcd);
    const char **turned = g_new0(const char *, n + 1);
    Etcd *etcd;

    for (guint i = 0; i < n; i++)
        turned[i] = members[((guint64)hald->setup.host + i) % n];
    etcd = etcd_new(hald->http, turned, (unsigned)hald_reply_ms(&hald->setup));
    g_free(turned);
    return etcd;
}

void hald_use_etcd(Hald *hald)
{
    GPtrArray *calls = cancel_all(hald);

    etcd_free(hald->etcd);
    hald->etcd = make_etcd(hald);
    for (guint i = 0; i < calls->len; i++)
        hand_over(calls->pdata[i], NULL);
    g_ptr_array_unref(calls);
}
