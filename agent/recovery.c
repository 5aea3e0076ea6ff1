/* recovery.c - see recovery.h.  Does what the rows of ha/leader_fsm say. */
#include "config.h"

#include "agent/recovery.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "ha/etcd/right_etcd.h"
#include "ha/leader_fsm.h"

#define TTL_MS   3000
#define AGAIN_MS 1000 /* after a mandate ended */

struct Recovery {
    Etcd *etcd;
    char *prefix, *key, *leader_key;
    int64_t host, seq;
    struct leader_fsm fsm;
    EtcdCall *call; /* the request that is out */
    int64_t lease;  /* 0: none */
    int64_t again_ms;
    bool is_new; /* elected, and not active yet */
};

static void feed(Recovery *recovery, enum leader_event event, int64_t value);

/* ---- requests: one at a time ----------------------------------------------------------------- */

static enum leader_event event_of_error(const GError *error)
{
    return err_is(error, VRM_ERR_NOT_FOUND) ? LEV_LEASE_GONE : LEV_UNKNOWN;
}

static const struct etcd_kv *first_of(const struct etcd_answer *answer)
{
    return answer && answer->kvs.len > 0 ? &answer->kvs.items[0] : NULL;
}

static void on_granted(const struct etcd_answer *answer, const GError *error, void *user)
{
    Recovery *recovery = user;

    recovery->call = NULL;
    if (error) {
        feed(recovery, LEV_UNKNOWN, 0);
        return;
    }
    recovery->lease = answer->lease;
    feed(recovery, LEV_GRANTED, answer->ttl_ms);
}

/* Both branches read the key: whose lease it has says who won, also if it was executed twice. */
static void on_claim_answer(const struct etcd_answer *answer, const GError *error, void *user)
{
    Recovery *recovery = user;
    const struct etcd_kv *kv = first_of(answer);

    recovery->call = NULL;
    if (error)
        feed(recovery, event_of_error(error), 0);
    else if (kv && kv->lease == recovery->lease)
        feed(recovery, LEV_CLAIMED, kv->create_revision);
    else
        feed(recovery, LEV_REFUSED, 0);
}

static void on_put_answer(const struct etcd_answer *answer, const GError *error, void *user)
{
    Recovery *recovery = user;

    recovery->call = NULL;
    if (error)
        feed(recovery, event_of_error(error), 0);
    else
        feed(recovery, answer->succeeded ? LEV_RENEWED : LEV_REFUSED, 0);
}

/* "succeeded": no leader is there. */
static void on_read_answer(const struct etcd_answer *answer, const GError *error, void *user)
{
    Recovery *recovery = user;
    const struct etcd_kv *kv = first_of(answer);

    recovery->call = NULL;
    if (error)
        feed(recovery, LEV_UNKNOWN, 0);
    else if (answer->succeeded && !kv)
        feed(recovery, LEV_READ_ABSENT, 0);
    else if (answer->succeeded && kv->lease == recovery->lease)
        feed(recovery, LEV_READ_OURS, kv->create_revision);
    else
        feed(recovery, LEV_READ_OTHER, 0);
}

static void on_ignored(const struct etcd_answer *answer, const GError *error, void *user)
{
    (void)answer;
    (void)error;
    (void)user;
}

static void cancel_request(Recovery *recovery)
{
    if (recovery->call)
        etcd_cancel(recovery->call);
    recovery->call = NULL;
}

/* Nobody waits for the revocation: it spares others the wait until the lease lapses. */
static void drop_lease(Recovery *recovery)
{
    cancel_request(recovery);
    if (recovery->lease != 0)
        etcd_revoke(recovery->etcd, recovery->lease, on_ignored, NULL);
    recovery->lease = 0;
}

static EtcdCall *send_claim(Recovery *recovery)
{
    g_autoptr(EtcdTxn) txn = NULL;
    struct ha_txn claim;

    right_take_recovery(&claim);
    txn = right_etcd_txn_leased(recovery->prefix, &claim, recovery->lease);
    etcd_txn_range(txn, recovery->key);
    return etcd_commit(recovery->etcd, txn, on_claim_answer, recovery);
}

/* The value is for people. */
static EtcdCall *send_guarded_put(Recovery *recovery)
{
    g_autoptr(EtcdTxn) txn = etcd_txn_new();
    g_autoptr(json_t) json = json_pack("{s:I, s:I}", "host", (json_int_t)recovery->host, "seq",
                                       (json_int_t)++recovery->seq);
    g_autofree char *value = json_format(json);

    etcd_txn_guard(txn, recovery->key, recovery->fsm.epoch);
    etcd_txn_if_modified(txn, recovery->leader_key, 0);
    etcd_txn_put(txn, recovery->key, value, recovery->lease);
    return etcd_commit(recovery->etcd, txn, on_put_answer, recovery);
}

static EtcdCall *send_read(Recovery *recovery)
{
    g_autoptr(EtcdTxn) txn = etcd_txn_new();

    etcd_txn_if_modified(txn, recovery->leader_key, 0);
    etcd_txn_range(txn, recovery->key);
    return etcd_commit(recovery->etcd, txn, on_read_answer, recovery);
}

/* First half of a renewal; both halves count from the sending of this one. */
static void on_kept_alive(const struct etcd_answer *answer, const GError *error, void *user)
{
    Recovery *recovery = user;

    recovery->call = NULL;
    if (error)
        feed(recovery, event_of_error(error), 0);
    else if (answer->ttl_ms == 0)
        feed(recovery, LEV_LEASE_GONE, 0);
    else
        recovery->call = send_guarded_put(recovery);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void perform(Recovery *recovery, enum leader_action action)
{
    if (leader_action_is_request(action))
        cancel_request(recovery);
    switch (action) {
    case LA_GRANT:
        drop_lease(recovery);
        recovery->call = etcd_grant(recovery->etcd, recovery->fsm.ttl_ms, on_granted, recovery);
        break;
    case LA_CLAIM:
        recovery->call = send_claim(recovery);
        break;
    case LA_RENEW:
        recovery->call = etcd_keep_alive(recovery->etcd, recovery->lease, on_kept_alive, recovery);
        break;
    case LA_READ:
        recovery->call = send_read(recovery);
        break;
    case LA_TAKE_EPOCH: /* there is no database to ask */
        recovery->is_new = true;
        break;
    case LA_STAND_BY:
        drop_lease(recovery);
        break;
    case LA_LOSE:
    case LA_DONE:
        drop_lease(recovery);
        recovery->again_ms = clock_now_ms() + AGAIN_MS;
        break;
    case LA_REVOKE: /* nobody says STOP here */
    case LA_WATCH:
    case LA_ACT:
    case LA_NOTHING:
    case LEADER_N_ACTIONS:
        break;
    }
}

static void log_step(const Recovery *recovery, enum leader_state from,
                     const struct leader_rule *rule)
{
    g_autofree char *row = g_strdup_printf("%d", rule->id);
    g_autofree char *epoch = g_strdup_printf("%" G_GINT64_FORMAT, recovery->fsm.epoch);

    if (from == recovery->fsm.state)
        return;
    log_info("recovery leadership", "FROM", leader_state_name(from), "TO",
             leader_state_name(recovery->fsm.state), "RULE", row, "WHY", rule->why, "EPOCH", epoch,
             NULL);
}

static void feed(Recovery *recovery, enum leader_event event, int64_t value)
{
    const enum leader_state from = recovery->fsm.state;
    const struct leader_input input = {
        .event = event, .now_ms = clock_now_ms(), .request = recovery->fsm.request, .value = value
    };
    const struct leader_rule *rule = leader_fsm_step(&recovery->fsm, &input);

    log_step(recovery, from, rule);
    perform(recovery, rule->act);
}

static void begin(Recovery *recovery)
{
    leader_fsm_init(&recovery->fsm, TTL_MS);
    feed(recovery, LEV_START, 0);
}

/* ---- interface ------------------------------------------------------------------------------- */

Recovery *recovery_new(const struct recovery_options *options)
{
    Recovery *recovery = g_new0(Recovery, 1);

    leader_fsm_init(&recovery->fsm, TTL_MS);
    recovery->host = options->host;
    recovery->prefix = g_strdup(options->prefix);
    recovery->key = g_strconcat(options->prefix, "/recovery", NULL);
    recovery->leader_key = g_strconcat(options->prefix, "/leader", NULL);
    recovery->etcd = etcd_new(options->http, options->endpoints,
                              (unsigned)leader_fsm_request_ms(&recovery->fsm));
    begin(recovery);
    return recovery;
}

void recovery_free(Recovery *recovery)
{
    if (!recovery)
        return;
    etcd_free(recovery->etcd);
    g_free(recovery->prefix);
    g_free(recovery->key);
    g_free(recovery->leader_key);
    g_free(recovery);
}

void recovery_tick(Recovery *recovery, bool may_campaign)
{
    if (recovery->fsm.state == LEADER_DEPOSED) {
        if (clock_now_ms() >= recovery->again_ms)
            begin(recovery);
        return;
    }
    if (recovery->is_new) {
        recovery->is_new = false;
        feed(recovery, LEV_DB_OK, recovery->fsm.epoch);
    }
    if (recovery->fsm.state == LEADER_STANDBY && may_campaign != recovery->fsm.nobody_leads)
        feed(recovery, may_campaign ? LEV_KEY_ABSENT : LEV_KEY_OTHER, 0);
    else
        feed(recovery, LEV_TICK, 0);
}

void recovery_see(Recovery *recovery, const struct etcd_kv *kv)
{
    if (recovery->fsm.state == LEADER_STANDBY)
        return; /* recovery_tick says whether to campaign */
    if (!kv || kv->version == 0)
        feed(recovery, LEV_KEY_ABSENT, 0);
    else if (kv->lease != recovery->lease)
        feed(recovery, LEV_KEY_OTHER, 0);
}

int64_t recovery_epoch(const Recovery *recovery)
{
    return clock_now_ms() < leader_fsm_valid_until(&recovery->fsm) ? recovery->fsm.epoch : 0;
}
