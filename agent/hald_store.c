/* hald_store.c - see hald_private.h: leases of datastores with heartbeat slots (ha/slot.h).
 *
 * While a lease is OUT: open the file and look at the own slot, register the incarnation in etcd,
 * write the slot.  While it is HELD: write the slot.  The file of an incarnation is opened once,
 * and a write that fails is tried again there: a datastore that is full or cannot be written costs
 * no incarnation.  When the path leads elsewhere (compared at each renewal while the lease is OUT,
 * at each tenth write, and when something failed), or the file is useless for good, the incarnation
 * is SPENT: the keeper goes on as the next one, which opens what the path leads to; but not while a
 * VM lives by this one.
 *
 * What hangs, hangs in a thread of its own; the keeper hears nothing then, and its lease ends. */
#include "config.h"

#include "agent/hald_private.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/err.h"
#include "ha/etcd/right_etcd.h"

#define RETRY_MS    5000 /* of a datastore that does not work, without a lease; twice as long ... */
#define RETRY_MOST  40000 /* ... after each registration in vain */
#define SPEND_MS    30000 /* each incarnation leaves a tombstone in etcd: not more often */
#define N_COMPARE   10    /* writes from one comparison of the file with its path to the next */
#define MAX_HANGING 16    /* that were taken away, until there is no room for another one */
#define HANG_MS     3000  /* is worth a word */
#define WARN_MS     60000
#define MS_PER_S    1000
#define MAX_NUMBER  100

struct store *hald_store_find(const Hald *hald, int32_t authority)
{
    for (guint i = 0; i < hald->stores->len; i++) {
        struct store *store = hald->stores->pdata[i];

        if (store->authority == authority)
            return store;
    }
    return NULL;
}

static const struct lease_fsm *lease_of(const struct store *store)
{
    return keeper_lease(&store->hald->keeper, store->authority);
}

/* ---- what is wrong --------------------------------------------------------------------------- */

static char *hang_text(int64_t ms)
{
    return g_strdup_printf("it has not answered for %" PRId64 " s", ms / MS_PER_S);
}

char *hald_store_why(const struct store *store, int64_t now_ms)
{
    const int64_t busy_ms = hald_slot_busy_ms(store->file, now_ms);

    return busy_ms >= HANG_MS ? hang_text(busy_ms) : g_strdup(store->why);
}

static void warn(struct store *store, const char *why)
{
    const bool is_new = g_strcmp0(store->why, why) != 0;
    unsigned left_out;

    if (is_new) {
        g_free(store->why);
        store->why = g_strdup(why);
    }
    if (is_new || log_limit_pass(&store->trouble, clock_now_ms(), WARN_MS, &left_out))
        log_error("no heartbeat on a datastore", "DATASTORE", store->name, "PATH", store->path,
                  "ERROR", why, NULL);
}

static void be_well(struct store *store)
{
    if (store->why)
        log_info("a heartbeat on the datastore again", "DATASTORE", store->name, NULL);
    g_clear_pointer(&store->why, g_free);
}

static char *foreign_text(const struct store *store, const struct slot_record *found)
{
    return g_strdup_printf("slot %" PRId64 " is written by host %" PRId64 " of %s cluster",
                           store->slot, found->owner.host,
                           found->tag == store->tag ? "this" : "another");
}

static char *trouble_text(const struct store *store, const struct hald_slot_result *result)
{
    switch (result->end) {
    case HALD_SLOT_DONE:
        return g_strdup("its file of slots was deleted, replaced or mounted over: other hosts may "
                        "not see this one's");
    case HALD_SLOT_FAILED:
        return g_strdup(g_strerror(result->trouble));
    case HALD_SLOT_CACHED:
        return g_strdup_printf(
            "its file system (%s) refuses O_DIRECT: what other hosts write there "
            "may stay hidden behind a cache",
            result->fs);
    case HALD_SLOT_FOREIGN:
        return foreign_text(store, &result->found);
    case HALD_SLOT_OTHER:
        return g_strdup("another file of slots stands there than the one its lease was kept in");
    case HALD_SLOT_N_ENDS:
        break;
    }
    g_assert_not_reached();
}

/* ---- renewals -------------------------------------------------------------------------------- */

static void answer_to(const struct store *store, uint64_t request, enum lease_event event)
{
    const struct lease_input input = {
        .event = event, .now_ms = clock_now_ms(), .request = request, .version = store->version
    };
    struct keeper_actions actions = { 0 };

    keeper_renewed(&store->hald->keeper, store->authority, &input, &actions);
    hald_act(store->hald, &actions);
}

static void answer(const struct store *store, enum lease_event event)
{
    answer_to(store, store->action.request, event);
}

static void fail(struct store *store, const struct hald_slot_result *result)
{
    g_autofree char *why = trouble_text(store, result);

    if (result->end == HALD_SLOT_FOREIGN && !slot_record_equal(&store->foreign, &result->found)) {
        store->foreign = result->found;
        store->foreign_ms = clock_now_ms();
    }
    store->retry_ms = clock_now_ms() + MAX(store->pause_ms, RETRY_MS);
    warn(store, why);
}

/* The open file is the datastore's no more.  One that was not written to yet is given up as it is;
 * else its incarnation goes with it, unless a VM lives by that (ha/slot.h). */
static void spend(struct store *store, const struct hald_slot_result *result)
{
    const struct ha_inc inc = lease_of(store)->self.inc;
    g_autofree char *why = trouble_text(store, result);

    warn(store, why);
    if (!store->written)
        store->file_inc = (struct ha_inc){ 0 };
    if (!store->written || clock_now_ms() < store->spend_ms)
        return;
    answer(store, LSE_SPENT);
    if (ha_inc_equal(lease_of(store)->self.inc, inc))
        return;
    store->spend_ms = clock_now_ms() + SPEND_MS;
    store->pause_ms = store->retry_ms = 0;
    log_warning("gives up a file of heartbeats for the one that stands there now", "DATASTORE",
                store->name, "PATH", store->path, NULL);
}

static void write_failed(struct store *store, const struct hald_slot_result *result)
{
    if (lease_of(store)->state != LEASE_HELD)
        store->pause_ms = CLAMP(2 * store->pause_ms, RETRY_MS, RETRY_MOST);
    fail(store, result);
    if (result->spent)
        spend(store, result);
    answer(store, LSE_UNKNOWN);
}

static void on_written(const struct hald_slot_result *result, void *user)
{
    struct store *store = user;

    if (result->compared)
        store->strays = result->spent;
    if (result->end != HALD_SLOT_DONE) {
        write_failed(store, result);
        return;
    }
    store->resumes = false;
    store->pause_ms = 0;
    store->answer_ms = MAX(clock_now_ms() - store->begun_ms, 1);
    if (!store->strays)
        be_well(store);
    answer(store, LSE_RENEWED);
    if (result->spent)
        spend(store, result);
}

static bool is_open(const struct store *store)
{
    return ha_inc_equal(store->file_inc, lease_of(store)->self.inc);
}

static void have_opened(struct store *store, const struct hald_slot_result *result)
{
    if (!result->direct)
        log_warning("this file system knows no O_DIRECT: heartbeats go through its cache",
                    "DATASTORE", store->name, "PATH", store->path, NULL);
    store->file_inc = lease_of(store)->self.inc;
    store->written = store->strays = false;
}

/* Before it is registered. */
static void on_looked(const struct hald_slot_result *result, void *user)
{
    struct store *store = user;

    if (result->end == HALD_SLOT_DONE && !result->spent) {
        if (!is_open(store))
            have_opened(store, result);
        hald_send_etcd(store->hald, &store->action);
        return;
    }
    if (result->end != HALD_SLOT_DONE)
        fail(store, result);
    if (result->spent)
        spend(store, result);
    answer(store, LSE_UNKNOWN);
}

static void take_turn(struct store *store, struct hald_slot_turn *turn, hald_slot_done_fn done)
{
    const struct lease_fsm *lease = lease_of(store);
    const struct ha_lease_record *record = &store->action.txn.puts[0].record.lease;

    turn->record = (struct slot_record){
        .tag = store->tag,
        .owner = lease->self,
        .seq = record->seq,
        .length_ms = record->length_ms,
    };
    turn->foreign = store->foreign;
    turn->spare =
        store->foreign_ms != 0 &&
        clock_now_ms() - store->foreign_ms >= MAX(lease->times.length_ms, store->foreign.length_ms);
    if (!hald_slot_turn(store->file, turn, done))
        answer(store, LSE_UNKNOWN);
}

static void write_slot(struct store *store)
{
    struct hald_slot_turn turn = { .open = store->resumes,
                                   .resume = store->resumes,
                                   .write = true,
                                   .compare = store->n_writes++ % N_COMPARE == 0 };

    if (store->resumes)
        store->file_inc = lease_of(store)->self.inc;
    store->written = true;
    take_turn(store, &turn, on_written);
}

static void begin(struct store *store)
{
    struct hald_slot_turn turn = { .open = !is_open(store), .compare = is_open(store) };

    store->resumes = false;
    if (clock_now_ms() < store->retry_ms)
        answer(store, LSE_UNKNOWN);
    else
        take_turn(store, &turn, on_looked);
}

void hald_store_renew(Hald *hald, const struct keeper_action *action)
{
    struct store *store = hald_store_find(hald, action->authority);
    const struct lease_fsm *lease;

    g_assert(store);
    lease = lease_of(store);
    if (hald_slot_turns(store->file)) { /* an earlier life's: it hangs */
        answer_to(store, action->request, LSE_UNKNOWN);
        return;
    }
    store->action = *action;
    store->begun_ms = clock_now_ms();
    if (lease->state == LEASE_HELD) {
        store->version = lease->version;
        write_slot(store);
    } else {
        begin(store);
    }
}

/* False: the answer is for one that was taken away meanwhile. */
bool hald_store_expects(const Hald *hald, const struct keeper_action *action)
{
    const struct store *store = hald_store_find(hald, action->authority);

    return store && store->action.request == action->request &&
           ha_inc_equal(action->txn.puts[0].record.lease.inc, lease_of(store)->self.inc);
}

void hald_store_registered(Hald *hald, const struct keeper_action *action, int64_t version)
{
    struct store *store = hald_store_find(hald, action->authority);

    store->version = version;
    write_slot(store);
}

/* ---- which there are ------------------------------------------------------------------------- */

static void store_free(void *data)
{
    struct store *store = data;

    hald_slot_retire(store->file);
    g_free(store->name);
    g_free(store->path);
    g_free(store->why);
    g_free(store);
}

GPtrArray *hald_stores_new(void)
{
    return g_ptr_array_new_with_free_func(store_free);
}

static uint64_t tag_of(const struct ha_setup *setup)
{
    uint8_t key[BEAT_KEY_SIZE] = { 0 };

    beat_key_parse(setup->beat_key, key); /* the setup was checked */
    return slot_tag(key, sizeof key);
}

static struct store *make(Hald *hald, const struct ha_store *what)
{
    struct store *store = g_new0(struct store, 1);
    struct hald_slot_options options = { .folder = what->path,
                                         .slot = what->slot,
                                         .tag = tag_of(&hald->setup),
                                         .number = hald->n_made++ % MAX_NUMBER,
                                         .n_hanging = hald->n_hanging,
                                         .user = store };

    store->hald = hald;
    store->authority = (int32_t)what->authority;
    store->path = g_strdup(what->path);
    store->name = g_strdup(*what->name ? what->name : what->path);
    store->slot = what->slot;
    store->tag = options.tag;
    store->file = hald_slot_new(&options);
    g_ptr_array_add(hald->stores, store);
    return store;
}

/* Incarnations of one boot must not come again, whatever was forgotten: they are numbered by the
 * clock. */
static uint32_t n_by_clock(Hald *hald)
{
    const int64_t now_s = clock_now_ms() / MS_PER_S;

    hald->last_n = MAX(hald->last_n, (uint32_t)CLAMP(now_s, 0, UINT32_MAX / 2)) + 1;
    return hald->last_n;
}

static struct lease_times slot_times(const struct ha_setup *setup)
{
    return (struct lease_times){ .length_ms = setup->slot_ms,
                                 .renew_ms = setup->slot_renew_ms,
                                 .kill_ms = setup->kill_ms };
}

static bool is_same(const struct ha_store *what, const struct store *store)
{
    return what->authority == store->authority && what->slot == store->slot &&
           g_str_equal(what->path, store->path);
}

bool hald_store_is_wanted(const struct ha_setup *setup, const struct store *store)
{
    if (tag_of(setup) != store->tag)
        return false;
    for (size_t i = 0; i < setup->n_stores; i++)
        if (is_same(&setup->stores[i], store))
            return true;
    return false;
}

static void add(Hald *hald, const struct ha_store *what)
{
    const struct lease_times times = slot_times(&hald->setup);
    const struct ha_owner self = { hald->setup.host,
                                   (int32_t)what->authority,
                                   { hald->boot, n_by_clock(hald) } };
    const struct store *store = make(hald, what);

    keeper_add_lease(&hald->keeper, &times, &self);
    log_info("keeps a heartbeat on a datastore", "DATASTORE", store->name, "PATH", store->path,
             NULL);
}

static void rename_if(struct store *store, const struct ha_store *what)
{
    const char *name = *what->name ? what->name : what->path;

    if (!is_same(what, store) || g_str_equal(name, store->name))
        return;
    g_free(store->name);
    store->name = g_strdup(name);
}

static void drop_unwanted(Hald *hald)
{
    for (guint i = hald->stores->len; i-- > 0;) {
        const struct store *store = hald->stores->pdata[i];
        const uint32_t n = lease_of(store)->self.inc.n;

        if (hald_store_is_wanted(&hald->setup, store) ||
            !keeper_remove_lease(&hald->keeper, store->authority))
            continue;
        hald->last_n = MAX(hald->last_n, n);
        log_info("keeps no heartbeat on a datastore any more", "DATASTORE", store->name, NULL);
        g_ptr_array_remove_index(hald->stores, i);
    }
}

/* Each that hangs keeps its thread and memory for ever. */
static bool has_room(Hald *hald)
{
    if (hald->keeper.n_leases >= KEEPER_MAX_LEASES)
        return false;
    if (*hald->n_hanging < MAX_HANGING)
        return true;
    if (log_limit_pass(&hald->crowded, clock_now_ms(), WARN_MS, NULL))
        log_error("no heartbeat on another datastore: too many that were taken away still hang; "
                  "mend them, or empty and restart this host",
                  NULL);
    return false;
}

void hald_stores_match(Hald *hald)
{
    drop_unwanted(hald);
    for (size_t i = 0; i < hald->setup.n_stores; i++) {
        const struct ha_store *what = &hald->setup.stores[i];
        struct store *store = hald_store_find(hald, (int32_t)what->authority);

        if (store)
            rename_if(store, what);
        else if (has_room(hald))
            add(hald, what);
    }
}

void hald_stores_set_times(Hald *hald)
{
    const struct lease_times times = slot_times(&hald->setup);

    for (guint i = 0; i < hald->stores->len; i++) {
        const struct store *store = hald->stores->pdata[i];

        if (hald_store_is_wanted(&hald->setup, store))
            keeper_set_times(&hald->keeper, store->authority, &times,
                             hald_watchdog_ms(&hald->setup));
    }
}

void hald_store_resume(Hald *hald, const struct life_lease *lease)
{
    const struct lease_times times = { .length_ms = lease->length_ms,
                                       .renew_ms = lease->renew_ms,
                                       .kill_ms = hald->setup.kill_ms };
    const struct ha_owner self = { hald->setup.host, lease->authority, lease->inc };
    const int64_t most_ms = clock_now_ms() + HA_LONGEST_SLOT_MS;
    const struct ha_store what = { .authority = lease->authority,
                                   .path = lease->path,
                                   .name = lease->name,
                                   .slot = slot_of_host(hald->setup.host) };

    make(hald, &what)->resumes = true;
    keeper_resume_lease(&hald->keeper, &times, &self, MIN(lease->end_ms, most_ms));
}

void hald_stores_clear(Hald *hald)
{
    for (guint i = 0; i < hald->stores->len; i++) {
        const struct lease_fsm *lease = lease_of(hald->stores->pdata[i]);

        if (lease)
            hald->last_n = MAX(hald->last_n, lease->self.inc.n);
    }
    g_ptr_array_set_size(hald->stores, 0);
}

/* ---- may it be so? --------------------------------------------------------------------------- */

static bool check_slots(const struct ha_setup *setup, GError **error)
{
    const int64_t want = slot_of_host(setup->host);

    for (size_t i = 0; i < setup->n_stores; i++) {
        g_autofree char *field = g_strdup_printf("stores[%zu].slot", i);

        if (setup->stores[i].slot == want)
            continue;
        if (want < 0)
            err_set_reason(error, VRM_ERR_INVALID, 0, "stores",
                           "setup.stores has %zu entries; want none: host %" PRId64 " has no slot",
                           setup->n_stores, setup->host);
        else
            err_set_reason(error, VRM_ERR_INVALID, 0, field,
                           "setup.%s is %" PRId64 "; want %" PRId64 ", that of host %" PRId64,
                           field, setup->stores[i].slot, want, setup->host);
        return false;
    }
    return true;
}

/* One that stays for its VMs keeps its times: the watchdog must still do for it. */
static bool check_staying(const Hald *hald, const struct ha_setup *setup, GError **error)
{
    const int64_t watchdog_ms = hald_watchdog_ms(setup);

    for (guint i = 0; i < hald->stores->len; i++) {
        const struct store *store = hald->stores->pdata[i];
        const struct lease_times *times = &lease_of(store)->times;

        if (hald_store_is_wanted(setup, store) || watchdog_ms <= times->length_ms - times->renew_ms)
            continue;
        err_set_reason(error, VRM_ERR_CONFLICT, 0, "lease_ms",
                       "setup.lease_ms is %" PRId64 "; want no longer watchdog than %" PRId64
                       " ms while VMs run by datastore %s, which setup.stores does not name",
                       setup->lease_ms, times->length_ms - times->renew_ms, store->name);
        return false;
    }
    return true;
}

bool hald_stores_check(const Hald *hald, const struct ha_setup *setup, GError **error)
{
    return check_slots(setup, error) && check_staying(hald, setup, error);
}

/* ---- log ------------------------------------------------------------------------------------- */

static void note_hang(struct store *store, int64_t now_ms)
{
    const int64_t busy_ms = hald_slot_busy_ms(store->file, now_ms);

    if (!store->hangs && busy_ms >= HANG_MS)
        log_error("a datastore hangs", "DATASTORE", store->name, "PATH", store->path, NULL);
    if (store->hangs && busy_ms < HANG_MS)
        log_info("a datastore answers again", "DATASTORE", store->name, NULL);
    store->hangs = busy_ms >= HANG_MS;
}

static void note_lease(struct store *store)
{
    const struct lease_fsm *lease = lease_of(store);
    g_autofree char *inc = right_inc_format(lease->self.inc);

    if (lease->state == store->noted_state && ha_inc_equal(lease->self.inc, store->noted_inc))
        return;
    store->noted_state = lease->state;
    store->noted_inc = lease->self.inc;
    (lease->state == LEASE_LAPSED ? log_error : log_info)(
        "the lease on a datastore changes", "DATASTORE", store->name, "STATE",
        lease_state_name(lease->state), "INC", inc, NULL);
}

void hald_stores_note(Hald *hald, int64_t now_ms)
{
    for (guint i = 0; i < hald->stores->len; i++) {
        note_hang(hald->stores->pdata[i], now_ms);
        note_lease(hald->stores->pdata[i]);
    }
}
