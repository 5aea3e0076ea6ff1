/* decider.c - see decider.h. */
#include "config.h"

#include "agent/decider.h"

#include <inttypes.h>

#include "agentproto/ha_plan.h"
#include "agentproto/ha_reading.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "etcd/etcd_watch.h"
#include "ha/etcd/right_etcd.h"
#include "ha/slot.h"

#define TXN_MS    1500
#define WARN_MS   60000
#define READ_MS   1000
#define HTTP_OK   200
#define SILENT_MS 5000 /* leases change all the time */

struct Decider {
    char *prefix;
    Etcd *etcd;
    EtcdWatch *records, *plan;
    bool records_listed, plan_listed;
    StandIn *standin;
    bool leads;
    int64_t slot_ms, host;
    struct slot_eyes eyes;
    struct slot_question *question; /* that is out; NULL: none */
    int64_t read_ms;                /* the last one */
    int64_t first, last;            /* slots of the hosts that hold leases; last < first: none */
    int64_t page;
    GHashTable *sent;    /* set of struct sent */
    GHashTable *planned; /* VM -> host in whose plan it stands; int64 both */
    struct log_limit warned;
};

/* A transaction on its way. */
struct sent {
    Decider *decider;
    struct ha_txn txn;
    uint64_t request;
};

/* What the slots say; outlives a Decider that is freed meanwhile. */
struct slot_question {
    Decider *decider; /* NULL: nobody wants to know any more */
    int64_t asked_ms;
};

/* ---- slots ----------------------------------------------------------------------------------- */

static void see_slots(Decider *decider, const struct ha_store_read *store, int64_t asked_ms)
{
    struct ha_slot_seen seen = { .asked_ms = asked_ms - store->age_ms };

    for (size_t i = 0; store->ok && i < store->n_slots; i++) {
        const struct ha_slot_read *slot = &store->slots[i];

        seen.seq = slot->seq;
        seen.length_ms = slot->length_ms;
        if (slot->host != decider->host && right_inc_parse(slot->inc, &seen.inc))
            standin_see_slot(decider->standin, slot->host, (int32_t)store->authority, &seen,
                             clock_now_ms());
    }
}

static void on_slots(int status, json_t *body, void *user)
{
    struct slot_question *question = user;
    Decider *decider = question->decider;
    struct ha_reading slots;

    if (decider)
        decider->question = NULL;
    if (decider && status == HTTP_OK && ha_reading_decode(body, &slots, NULL)) {
        for (size_t i = 0; i < slots.n_stores; i++)
            see_slots(decider, &slots.stores[i], question->asked_ms);
        ha_reading_clear(&slots);
    }
    json_decref(body);
    g_free(question);
}

static void read_slots(Decider *decider, int64_t now_ms)
{
    const int64_t n_pages = (decider->last - decider->first) / HA_READING_MAX + 1;
    struct slot_question *question;
    int64_t first;

    if (decider->slot_ms == 0 || decider->last < decider->first || decider->question ||
        now_ms - decider->read_ms < READ_MS)
        return;
    decider->read_ms = now_ms;
    question = decider->question = g_new(struct slot_question, 1);
    *question = (struct slot_question){ decider, now_ms };
    first = decider->first + decider->page++ % n_pages * HA_READING_MAX;
    decider->eyes.read(first, MIN(decider->last - first + 1, HA_READING_MAX), on_slots, question,
                       decider->eyes.user);
}

static void note_host(Decider *decider, const struct ha_key *key)
{
    const int64_t slot = key->kind == HA_KEY_LEASE ? slot_of_host(key->id) : -1;

    if (slot < 0)
        return;
    decider->first = MIN(decider->first, slot);
    decider->last = MAX(decider->last, slot);
}

/* ---- records --------------------------------------------------------------------------------- */

static void see_record(Decider *decider, const struct etcd_kv *kv)
{
    g_autoptr(GError) error = NULL;
    struct ha_record record;
    struct ha_key key;

    if (kv->version == 0) {
        if (right_key_parse(decider->prefix, kv->key, &key))
            standin_see(decider->standin, &key, NULL, 0, clock_now_ms());
        return;
    }
    if (right_kv_parse(decider->prefix, kv, &key, &record, &error)) {
        note_host(decider, &key);
        standin_see(decider->standin, &key, &record, kv->mod_revision, clock_now_ms());
    } else if (log_limit_pass(&decider->warned, clock_now_ms(), WARN_MS, NULL)) {
        log_warning("a record in etcd is not read", "KEY", kv->key, "ERROR", error->message, NULL);
    }
}

static void on_records(const struct etcd_answer *answer, void *user)
{
    Decider *decider = user;

    standin_see_etcd(decider->standin, clock_now_ms());
    for (size_t i = 0; i < answer->kvs.len; i++)
        see_record(decider, &answer->kvs.items[i]);
    decider->records_listed = true;
}

static void on_record(const struct etcd_kv *kv, void *user)
{
    see_record(user, kv);
}

/* ---- the plan -------------------------------------------------------------------------------- */

struct leavers {
    Decider *decider;
    int64_t host;
    GHashTable *stay; /* VMs that its plan names now; NULL: none */
};

static gboolean leaves(gpointer key, gpointer value, gpointer user)
{
    const struct leavers *leavers = user;

    if (*(const int64_t *)value != leavers->host ||
        (leavers->stay && g_hash_table_contains(leavers->stay, key)))
        return FALSE;
    standin_unplan(leavers->decider->standin, *(const int64_t *)key);
    return TRUE;
}

static void plan_row(Decider *decider, int64_t host, const struct ha_plan_row *row)
{
    struct standin_plan plan = {
        .vm = row->vm,
        .authority = (int32_t)row->authority,
        .priority = (int)row->priority,
        .after = row->after,
    };

    for (int i = 0; i < HA_PLAN_TARGETS; i++)
        if (row->targets[i] != 0)
            plan.targets[plan.n_targets++] = row->targets[i];
    standin_plan(decider->standin, &plan);
    (void)g_hash_table_replace(decider->planned, g_memdup2(&row->vm, sizeof(row->vm)),
                               g_memdup2(&host, sizeof(host)));
}

static void plan_host(Decider *decider, int64_t host, const struct ha_plan_host *plan)
{
    g_autoptr(GHashTable) stay = g_hash_table_new(g_int64_hash, g_int64_equal);
    struct leavers leavers = { decider, host, stay };

    for (size_t i = 0; i < plan->n_rows; i++) {
        plan_row(decider, host, &plan->rows[i]);
        (void)g_hash_table_add(stay, &plan->rows[i].vm);
    }
    (void)g_hash_table_foreach_remove(decider->planned, leaves, &leavers);
}

static void see_plan(Decider *decider, const struct etcd_kv *kv)
{
    g_autoptr(GError) error = NULL;
    struct ha_plan_host plan = { 0 };
    enum ha_plan_kind kind;
    int64_t host;

    if (!ha_plan_key_parse(decider->prefix, kv->key, &kind, &host) || kind != HA_PLAN_HOST)
        return;
    if (kv->version != 0 && !ha_plan_host_parse(kv->value, kv->value_len, &plan, &error)) {
        log_warning("a host's plan in etcd is not read", "KEY", kv->key, "ERROR", error->message,
                    NULL);
        return;
    }
    plan_host(decider, host, &plan);
    ha_plan_host_clear(&plan);
}

static gboolean is_unlisted(gpointer key, gpointer value, gpointer user)
{
    const struct leavers *leavers = user;

    if (g_hash_table_contains(leavers->stay, value))
        return FALSE;
    standin_unplan(leavers->decider->standin, *(const int64_t *)key);
    return TRUE;
}

/* Hosts whose plan is gone take their VMs with them. */
static void on_plans(const struct etcd_answer *answer, void *user)
{
    Decider *decider = user;
    g_autoptr(GHashTable) hosts = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    struct leavers leavers = { .decider = decider, .stay = hosts };

    for (size_t i = 0; i < answer->kvs.len; i++) {
        enum ha_plan_kind kind;
        int64_t host;

        see_plan(decider, &answer->kvs.items[i]);
        if (ha_plan_key_parse(decider->prefix, answer->kvs.items[i].key, &kind, &host))
            (void)g_hash_table_add(hosts, g_memdup2(&host, sizeof(host)));
    }
    (void)g_hash_table_foreach_remove(decider->planned, is_unlisted, &leavers);
    decider->plan_listed = true;
}

static void on_plan(const struct etcd_kv *kv, void *user)
{
    see_plan(user, kv);
}

/* ---- what is sent ---------------------------------------------------------------------------- */

static void see_answer(Decider *decider, const struct ha_txn *txn, const struct etcd_answer *answer)
{
    const int64_t now_ms = clock_now_ms();

    standin_see_etcd(decider->standin, now_ms);
    for (unsigned i = 0; answer->succeeded && i < txn->n_puts; i++)
        standin_see(decider->standin, &txn->puts[i].key, &txn->puts[i].record, answer->revision,
                    now_ms);
    for (size_t i = 0; !answer->succeeded && i < answer->kvs.len; i++)
        see_record(decider, &answer->kvs.items[i]);
}

static void on_sent(const struct etcd_answer *answer, const GError *error, void *user)
{
    struct sent *sent = user;
    enum ha_outcome outcome = HA_UNKNOWN;

    if (answer) {
        see_answer(sent->decider, &sent->txn, answer);
        outcome = answer->succeeded ? HA_DONE : HA_FAILED;
    } else if (err_is(error, VRM_ERR_INVALID)) {
        outcome = HA_FAILED;
    }
    standin_answered(sent->decider->standin, sent->request, outcome, clock_now_ms());
    (void)g_hash_table_remove(sent->decider->sent, sent);
}

static void send_txn(Decider *decider, const struct ha_action *action)
{
    struct sent *sent = g_new0(struct sent, 1);
    g_autoptr(EtcdTxn) txn = right_etcd_txn(decider->prefix, &action->txn);

    *sent = (struct sent){ decider, action->txn, action->request };
    (void)g_hash_table_add(decider->sent, sent);
    etcd_commit(decider->etcd, txn, on_sent, sent);
}

static void log_action(const Decider *decider, const struct ha_action *action)
{
    const Ha *ha = standin_peek(decider->standin);
    const char *state = "";
    g_autofree char *host =
        g_strdup_printf("%" PRId64, standin_host_id(decider->standin, action->host));
    g_autofree char *vm = g_strdup_printf("%" PRId64, standin_vm_id(decider->standin, action->vm));

    if (action->act == HA_DO_HOST)
        state = host_fsm_state_name(ha_host_state(ha, action->host));
    else if (action->act == HA_DO_VM)
        state = vm_fsm_state_name(ha_vm_state(ha, action->vm));
    log_info("standing in for the controller", "ACT", ha_act_name(action->act), "HOST", host, "VM",
             vm, "STATE", state, "WHY", action->why, NULL);
}

/* That a VM runs is no news: at the first look thousands do. */
static bool is_news(const Decider *decider, const struct ha_action *action)
{
    const Ha *ha = standin_peek(decider->standin);

    return action->act != HA_DO_VM || (ha_vm_state(ha, action->vm) != VM_FSM_OFF &&
                                       ha_vm_state(ha, action->vm) != VM_FSM_RUNNING);
}

void decider_tick(Decider *decider, int64_t epoch)
{
    struct ha_actions actions = { 0 };

    read_slots(decider, clock_now_ms());
    if (epoch == 0 || !decider_is_ready(decider))
        return;
    if (!decider->leads)
        standin_lead(decider->standin, epoch);
    decider->leads = true;
    standin_tick(decider->standin, clock_now_ms(), &actions);
    for (size_t i = 0; i < actions.len; i++) {
        const struct ha_action *action = &actions.items[i];

        if (is_news(decider, action))
            log_action(decider, action);
        if (action->request != 0)
            send_txn(decider, action);
    }
    ha_actions_clear(&actions);
}

/* ---- life ------------------------------------------------------------------------------------ */

Decider *decider_new(const struct decider_options *options)
{
    Decider *decider = g_new0(Decider, 1);
    g_autofree char *records = g_strconcat(options->prefix, "/ha/", NULL);
    g_autofree char *plan = g_strconcat(options->prefix, "/plan/host/", NULL);
    const struct etcd_watch_options of_records = {
        .key = records,
        .idle_ms = SILENT_MS,
        .on_list = on_records,
        .on_change = on_record,
        .user = decider,
    };
    const struct etcd_watch_options of_plan = {
        .key = plan,
        .on_list = on_plans,
        .on_change = on_plan,
        .user = decider,
    };

    decider->prefix = g_strdup(options->prefix);
    decider->standin = standin_new(options->lease_ms, options->slot_ms);
    decider->slot_ms = options->slot_ms;
    decider->host = options->host;
    decider->eyes = options->eyes;
    decider->first = INT64_MAX;
    decider->last = -1;
    decider->sent = g_hash_table_new_full(NULL, NULL, g_free, NULL);
    decider->planned = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    decider->etcd = etcd_new(options->http, options->endpoints, TXN_MS);
    decider->records = etcd_watch_new(decider->etcd, &of_records);
    decider->plan = etcd_watch_new(decider->etcd, &of_plan);
    return decider;
}

void decider_free(Decider *decider)
{
    if (!decider)
        return;
    if (decider->question)
        decider->question->decider = NULL;
    etcd_watch_free(decider->records);
    etcd_watch_free(decider->plan);
    etcd_free(decider->etcd);
    standin_free(decider->standin);
    g_hash_table_unref(decider->planned);
    g_hash_table_unref(decider->sent);
    g_free(decider->prefix);
    g_free(decider);
}

bool decider_is_ready(const Decider *decider)
{
    return decider->records_listed && decider->plan_listed;
}

const StandIn *decider_peek(const Decider *decider)
{
    return decider->standin;
}
