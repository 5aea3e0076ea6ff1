/* leader.c - see leader.h.  Does what the rows of ha/leader_fsm say and reports what came back; it
 * decides nothing. */
#include "config.h"

#include "controller/leader.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "etcd/etcd.h"
#include "etcd/etcd_watch.h"
#include "ha/leader_fsm.h"

#define DEFAULT_TTL_MS 3000
#define MAX_URL        300

/* What the program must be told; delivered one by one from the loop, in this order. */
enum notice {
    NOTICE_URL,
    NOTICE_ELECTED,
    NOTICE_ACTIVE,
    NOTICE_LOST,
    NOTICE_RESIGNED,
};

struct Leader {
    struct leader_options options;
    char *name, *own_url, *key;
    Etcd *etcd;
    EtcdWatch *watch;
    struct leader_fsm fsm;

    EtcdCall *call; /* the request that is out */
    int64_t lease;  /* 0: none */
    int64_t seq;

    char *url; /* of whoever leads */
    guint tick_source, notice_source;
    unsigned notices; /* bits of enum notice */
    const char *why_lost;
    void (*on_resigned)(void *user);
    void *resigned_user;
    int64_t last_tick_ms;
    bool was_valid;

    /* For other threads: what the machine says now. */
    _Atomic int64_t valid_until_ms, epoch;
    _Atomic bool etcd_ok;
};

static void feed(Leader *leader, enum leader_event event, int64_t value);

/* ---- telling the program --------------------------------------------------------------------- */

static gboolean deliver_notice(gpointer user)
{
    Leader *leader = user;
    const struct leader_options *options = &leader->options;
    const enum notice notice = (enum notice)g_bit_nth_lsf(leader->notices, -1);
    const gboolean more = (leader->notices &= ~(1U << notice)) != 0;

    if (!more)
        leader->notice_source = 0;
    switch (notice) { /* each callback comes last, because it may free the leader */
    case NOTICE_URL:
        options->on_leader_changed(leader->url, options->user);
        break;
    case NOTICE_ELECTED:
        options->on_elected(leader->fsm.epoch, options->user);
        break;
    case NOTICE_ACTIVE:
        options->on_active(leader->fsm.epoch, options->user);
        break;
    case NOTICE_LOST:
        options->on_lost(leader->why_lost, options->user);
        break;
    case NOTICE_RESIGNED:
        leader->on_resigned(leader->resigned_user);
        break;
    }
    return more;
}

static void tell(Leader *leader, enum notice notice)
{
    if (leader->on_resigned && notice != NOTICE_RESIGNED)
        return;
    leader->notices |= 1U << notice;
    if (leader->notice_source == 0)
        leader->notice_source = g_idle_add_full(G_PRIORITY_HIGH, deliver_notice, leader, NULL);
}

static void set_url(Leader *leader, const char *url)
{
    if (g_str_equal(leader->url, url))
        return;
    g_free(leader->url);
    leader->url = g_strdup(url);
    tell(leader, NOTICE_URL);
}

/* ---- the watch ------------------------------------------------------------------------------- */

/* The key's value is {name, url, seq}; an unreadable one leaves the address unknown. */
static char *parse_url(const struct etcd_kv *kv)
{
    g_autoptr(json_t) json = json_parse(kv->value, kv->value_len, NULL);
    struct json_reader reader;
    char *url = NULL;

    json_reader_init(&reader, json);
    if (!json_read_string(&reader, "url", MAX_URL, &url, NULL) || !url)
        return g_strdup("");
    return url;
}

static void see_key(Leader *leader, const struct etcd_kv *kv)
{
    g_autofree char *url = NULL;

    if (!kv || kv->version == 0) {
        set_url(leader, "");
        feed(leader, LEV_KEY_ABSENT, 0);
        return;
    }
    url = parse_url(kv);
    set_url(leader, url);
    if (kv->lease != leader->lease)
        feed(leader, LEV_KEY_OTHER, 0);
}

static void on_watch_list(const struct etcd_answer *answer, void *user)
{
    see_key(user, answer->kvs.len > 0 ? &answer->kvs.items[0] : NULL);
}

static void on_watch_change(const struct etcd_kv *kv, void *user)
{
    see_key(user, kv);
}

static void on_watch_trouble(const GError *error, void *user)
{
    const Leader *leader = user;

    log_warning("etcd does not answer; trying on", "KEY", leader->key, "ERROR", error->message,
                NULL);
}

static void start_watch(Leader *leader)
{
    const struct etcd_watch_options options = {
        .key = leader->key,
        /* A leader changes its key each third of a TTL; the key's end comes within a TTL. */
        .idle_ms = (unsigned)(2 * leader->fsm.ttl_ms),
        .on_list = on_watch_list,
        .on_change = on_watch_change,
        .on_trouble = on_watch_trouble,
        .user = leader,
    };

    leader->watch = etcd_watch_new(leader->etcd, &options);
}

/* ---- requests: one at a time ----------------------------------------------------------------- */

static enum leader_event event_of_error(const GError *error)
{
    return err_is(error, VRM_ERR_NOT_FOUND) ? LEV_LEASE_GONE : LEV_UNKNOWN;
}

static void on_granted(const struct etcd_answer *answer, const GError *error, void *user)
{
    Leader *leader = user;

    leader->call = NULL;
    if (error) {
        feed(leader, LEV_UNKNOWN, 0);
        return;
    }
    leader->lease = answer->lease;
    feed(leader, LEV_GRANTED, answer->ttl_ms);
}

/* Both branches of the claim read the key back: whose lease it has says who won, also if the claim
 * was executed twice on its way. */
static void on_claim_answer(const struct etcd_answer *answer, const GError *error, void *user)
{
    Leader *leader = user;
    const struct etcd_kv *kv = answer && answer->kvs.len > 0 ? &answer->kvs.items[0] : NULL;

    leader->call = NULL;
    if (error)
        feed(leader, event_of_error(error), 0);
    else if (kv && kv->lease == leader->lease)
        feed(leader, LEV_CLAIMED, kv->create_revision);
    else
        feed(leader, LEV_REFUSED, 0);
}

static void on_put_answer(const struct etcd_answer *answer, const GError *error, void *user)
{
    Leader *leader = user;

    leader->call = NULL;
    if (error)
        feed(leader, event_of_error(error), 0);
    else
        feed(leader, answer->succeeded ? LEV_RENEWED : LEV_REFUSED, 0);
}

static void on_read_answer(const struct etcd_answer *answer, const GError *error, void *user)
{
    Leader *leader = user;
    const struct etcd_kv *kv = answer && answer->kvs.len > 0 ? &answer->kvs.items[0] : NULL;

    leader->call = NULL;
    if (error)
        feed(leader, LEV_UNKNOWN, 0);
    else if (!kv)
        feed(leader, LEV_READ_ABSENT, 0);
    else if (kv->lease == leader->lease)
        feed(leader, LEV_READ_OURS, kv->create_revision);
    else
        feed(leader, LEV_READ_OTHER, 0);
}

static void on_revoked(const struct etcd_answer *answer, const GError *error, void *user)
{
    Leader *leader = user;

    (void)answer;
    (void)error; /* whatever it is: without renewals the lease lapses */
    leader->call = NULL;
    feed(leader, LEV_REVOKED, 0);
}

static void on_ignored(const struct etcd_answer *answer, const GError *error, void *user)
{
    (void)answer;
    (void)error;
    (void)user;
}

static void cancel_request(Leader *leader)
{
    if (leader->call)
        etcd_cancel(leader->call);
    leader->call = NULL;
}

/* Nobody waits for this revocation: it only spares others the wait until the lease lapses. */
static void revoke_unattended(Leader *leader)
{
    cancel_request(leader);
    if (leader->lease != 0)
        etcd_revoke(leader->etcd, leader->lease, on_ignored, NULL);
}

static void drop_lease(Leader *leader)
{
    revoke_unattended(leader);
    leader->lease = 0;
}

static void put_ourselves(Leader *leader, EtcdTxn *txn)
{
    g_autoptr(json_t) json = json_pack("{s:s, s:s, s:I}", "name", leader->name, "url",
                                       leader->own_url, "seq", (json_int_t)++leader->seq);
    g_autofree char *value = json_format(json);

    etcd_txn_put(txn, leader->key, value, leader->lease);
}

static EtcdCall *send_claim(Leader *leader)
{
    g_autoptr(EtcdTxn) txn = etcd_txn_new();

    etcd_txn_if_created(txn, leader->key, 0);
    put_ourselves(leader, txn);
    etcd_txn_range(txn, leader->key);
    etcd_txn_else_range(txn, leader->key);
    return etcd_commit(leader->etcd, txn, on_claim_answer, leader);
}

static EtcdCall *send_guarded_put(Leader *leader)
{
    g_autoptr(EtcdTxn) txn = etcd_txn_new();

    etcd_txn_guard(txn, leader->key, leader->fsm.epoch);
    put_ourselves(leader, txn);
    return etcd_commit(leader->etcd, txn, on_put_answer, leader);
}

/* First half of a renewal; both halves count from the sending of this one. */
static void on_kept_alive(const struct etcd_answer *answer, const GError *error, void *user)
{
    Leader *leader = user;

    leader->call = NULL;
    if (error)
        feed(leader, event_of_error(error), 0);
    else if (answer->ttl_ms == 0)
        feed(leader, LEV_LEASE_GONE, 0);
    else
        leader->call = send_guarded_put(leader);
}

static void perform(Leader *leader, const struct leader_rule *rule)
{
    if (leader_action_is_request(rule->act))
        cancel_request(leader);
    switch (rule->act) {
    case LA_NOTHING:
    case LEADER_N_ACTIONS:
        break;
    case LA_WATCH:
        start_watch(leader);
        break;
    case LA_GRANT:
        drop_lease(leader);
        leader->call = etcd_grant(leader->etcd, leader->fsm.ttl_ms, on_granted, leader);
        break;
    case LA_CLAIM:
        leader->call = send_claim(leader);
        break;
    case LA_RENEW:
        leader->call = etcd_keep_alive(leader->etcd, leader->lease, on_kept_alive, leader);
        break;
    case LA_READ:
        leader->call = etcd_read(leader->etcd, leader->key, on_read_answer, leader);
        break;
    case LA_REVOKE:
        leader->call = etcd_revoke(leader->etcd, leader->lease, on_revoked, leader);
        break;
    case LA_STAND_BY:
        drop_lease(leader);
        break;
    case LA_TAKE_EPOCH:
        tell(leader, NOTICE_ELECTED);
        break;
    case LA_ACT:
        tell(leader, NOTICE_ACTIVE);
        break;
    case LA_LOSE:
        revoke_unattended(leader); /* leader_resign revokes it again, and waits */
        leader->why_lost = rule->why;
        tell(leader, NOTICE_LOST);
        break;
    case LA_DONE:
        cancel_request(leader);
        tell(leader, NOTICE_RESIGNED);
        break;
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void log_step(const Leader *leader, enum leader_state from, enum leader_event event,
                     const struct leader_rule *rule)
{
    g_autofree char *row = g_strdup_printf("%d", rule->id);
    g_autofree char *epoch = g_strdup_printf("%" G_GINT64_FORMAT, leader->fsm.epoch);

    if (from == leader->fsm.state)
        return;
    log_info("leadership", "FROM", leader_state_name(from), "TO",
             leader_state_name(leader->fsm.state), "EVENT", leader_event_name(event), "RULE", row,
             "WHY", rule->why, "EPOCH", epoch, NULL);
}

/* Before anything else is done: nobody may act on an older verdict. */
static void publish(Leader *leader)
{
    atomic_store(&leader->valid_until_ms, leader_fsm_valid_until(&leader->fsm));
    atomic_store(&leader->epoch, leader_fsm_elected(&leader->fsm) ? leader->fsm.epoch : 0);
    atomic_store(&leader->etcd_ok, etcd_ok(leader->etcd));
}

static void feed(Leader *leader, enum leader_event event, int64_t value)
{
    const enum leader_state from = leader->fsm.state;
    const struct leader_input input = {
        .event = event, .now_ms = clock_now_ms(), .request = leader->fsm.request, .value = value
    };
    const struct leader_rule *rule = leader_fsm_step(&leader->fsm, &input);

    publish(leader);
    log_step(leader, from, event, rule);
    perform(leader, rule);
}

/* A loop that stood still (SIGSTOP, a frozen machine) may have outlived its validity unawares. */
static void check_lag(Leader *leader, int64_t now_ms)
{
    const int64_t gap_ms = now_ms - leader->last_tick_ms;

    leader->last_tick_ms = now_ms;
    if (gap_ms > leader->fsm.ttl_ms / 3) {
        g_autofree char *ms = g_strdup_printf("%" G_GINT64_FORMAT, gap_ms);

        log_warning("the main loop stood still", "MS", ms, "STATE",
                    leader_state_name(leader->fsm.state), NULL);
    }
}

static void log_validity(Leader *leader)
{
    const bool valid = leader_valid(leader);

    if (leader->was_valid && !valid && leader_fsm_elected(&leader->fsm))
        log_warning("leadership not confirmed in time: nothing is done until it is", NULL);
    leader->was_valid = valid;
}

static gboolean on_tick(gpointer user)
{
    Leader *leader = user;

    check_lag(leader, clock_now_ms());
    log_validity(leader);
    feed(leader, LEV_TICK, 0);
    return G_SOURCE_CONTINUE;
}

/* ---- interface ------------------------------------------------------------------------------- */

Leader *leader_new(const struct leader_options *options)
{
    Leader *leader = g_new0(Leader, 1);
    const int64_t ttl_ms = options->ttl_ms > 0 ? options->ttl_ms : DEFAULT_TTL_MS;

    leader->options = *options;
    leader->name = g_strdup(options->name);
    leader->own_url = g_strdup(options->url);
    leader->key = g_strconcat(options->prefix, "/leader", NULL);
    leader->url = g_strdup("");
    leader_fsm_init(&leader->fsm, ttl_ms);
    leader->etcd =
        etcd_new(options->http, options->endpoints, (unsigned)leader_fsm_request_ms(&leader->fsm));
    return leader;
}

void leader_start(Leader *leader)
{
    leader->last_tick_ms = clock_now_ms();
    leader->tick_source = g_timeout_add((guint)(leader->fsm.ttl_ms / 15), on_tick, leader);
    feed(leader, LEV_START, 0);
}

void leader_accept(Leader *leader, int64_t epoch, bool ok)
{
    feed(leader, ok ? LEV_DB_OK : LEV_DB_NO, epoch);
}

bool leader_valid(const Leader *leader)
{
    return clock_now_ms() < atomic_load(&leader->valid_until_ms);
}

int64_t leader_epoch(const Leader *leader)
{
    return atomic_load(&leader->epoch);
}

const char *leader_url(const Leader *leader)
{
    return leader->url;
}

bool leader_etcd_ok(const Leader *leader)
{
    return atomic_load(&leader->etcd_ok);
}

bool leader_is_other(const Leader *leader, const char *url)
{
    return *url && !g_str_equal(url, leader->own_url);
}

bool leader_guard(const Leader *leader, EtcdTxn *txn)
{
    if (!leader_valid(leader))
        return false;
    etcd_txn_guard(txn, leader->key, leader->fsm.epoch);
    return true;
}

void leader_resign(Leader *leader, void (*done)(void *user), void *user)
{
    g_assert(!leader->on_resigned);
    leader->on_resigned = done;
    leader->resigned_user = user;
    if (leader->notice_source != 0)
        g_source_remove(leader->notice_source);
    leader->notice_source = 0;
    leader->notices = 0;
    feed(leader, LEV_STOP, 0);
}

void leader_free(Leader *leader)
{
    if (!leader)
        return;
    if (leader->tick_source != 0)
        g_source_remove(leader->tick_source);
    if (leader->notice_source != 0)
        g_source_remove(leader->notice_source);
    etcd_watch_free(leader->watch);
    etcd_free(leader->etcd);
    g_free(leader->name);
    g_free(leader->own_url);
    g_free(leader->key);
    g_free(leader->url);
    g_free(leader);
}
