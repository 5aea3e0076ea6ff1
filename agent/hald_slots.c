/* hald_slots.c - see hald_private.h: what stands in the slots, for who decides.
 *
 * Each request has readings of its own, begun after it came in.  A datastore that hangs is told as
 * such: at once when that is known, else after a second. */
#include "config.h"

#include "agent/hald_private.h"

#include "base/clock.h"
#include "ha/etcd/right_etcd.h"

#define WAIT_MS     1000
#define MAX_WAITING 16

/* A request that waits. */
struct asked {
    Hald *hald;
    uint64_t conn;
    int64_t id;
    uint64_t ticket;
    int64_t until_ms;
    unsigned n_open; /* datastores whose reading is not done; their why is "" */
    struct ha_reading slots;
};

static void asked_free(struct asked *asked)
{
    ha_reading_clear(&asked->slots);
    g_free(asked);
}

static void say_why(struct ha_store_read *read, const char *why)
{
    g_free(read->why);
    read->why = g_strdup(why);
}

static void reply(struct asked *asked)
{
    Hald *hald = asked->hald;
    const struct hald_reply reply = { .id = asked->id, .ok = true, .slots = asked->slots };

    for (size_t i = 0; i < asked->slots.n_stores; i++) {
        struct ha_store_read *read = &asked->slots.stores[i];

        if (!read->ok && !read->why)
            say_why(read, "it does not answer");
    }
    hald->reply(asked->conn, &reply, hald->user);
    asked_free(asked);
}

/* ---- readings -------------------------------------------------------------------------------- */

static void fill(struct ha_store_read *read, const struct hald_slot_reading *reading)
{
    read->ok = true;
    read->age_ms = reading->age_ms;
    read->n_slots = reading->n_records;
    read->slots = g_new0(struct ha_slot_read, reading->n_records + 1);
    for (size_t i = 0; i < reading->n_records; i++) {
        const struct slot_record *record = &reading->records[i];

        read->slots[i] = (struct ha_slot_read){ .slot = slot_of_host(record->owner.host),
                                                .host = record->owner.host,
                                                .inc = right_inc_format(record->owner.inc),
                                                .seq = record->seq,
                                                .length_ms = record->length_ms };
    }
}

static void on_read(const struct hald_slot_reading *reading, uint64_t ticket, void *user)
{
    const struct store *store = user;
    Hald *hald = store->hald;
    struct asked *asked = NULL;
    guint at;

    for (at = 0; at < hald->reading->len && !asked; at++)
        if (((struct asked *)hald->reading->pdata[at])->ticket == ticket)
            asked = hald->reading->pdata[at];
    if (!asked)
        return; /* it came too late */
    for (size_t i = 0; i < asked->slots.n_stores; i++) {
        struct ha_store_read *read = &asked->slots.stores[i];

        if (read->authority != store->authority)
            continue;
        if (reading->trouble != 0)
            say_why(read, g_strerror(reading->trouble));
        else if (reading->age_ms < 0)
            say_why(read, "this host's own slot there is not what it wrote");
        else
            fill(read, reading);
    }
    if (--asked->n_open > 0)
        return;
    g_ptr_array_remove_index(hald->reading, at - 1);
    reply(asked);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Why there is nothing to be read, or NULL: a reading has begun. */
static char *why_not(const struct store *store, const struct hald_request *request, uint64_t ticket)
{
    const struct lease_fsm *lease = keeper_lease(&store->hald->keeper, store->authority);
    const int64_t now_ms = clock_now_ms();

    if (!lease_fsm_holds(lease, now_ms) || store->resumes) {
        char *why = hald_store_why(store, now_ms);

        return why ? why : g_strdup("this host holds no lease there");
    }
    if (hald_slot_busy_ms(store->file, now_ms) >= WAIT_MS)
        return g_strdup("it does not answer");
    if (!hald_slot_read(store->file, &lease->self, request->first, request->count, on_read, ticket))
        return g_strdup("too many readings are under way");
    return NULL;
}

void hald_slots_request(Hald *hald, uint64_t conn, const struct hald_request *request)
{
    struct asked *asked;

    if (hald->reading->len >= MAX_WAITING) {
        hald_answer(hald, conn, request->id, "too many readings are under way");
        return;
    }
    asked = g_new0(struct asked, 1);
    asked->hald = hald;
    asked->conn = conn;
    asked->id = request->id;
    asked->ticket = ++hald->n_readings;
    asked->until_ms = clock_now_ms() + WAIT_MS;
    asked->slots.stores = g_new0(struct ha_store_read, hald->stores->len + 1);
    asked->slots.n_stores = hald->stores->len;
    for (guint i = 0; i < hald->stores->len; i++) {
        const struct store *store = hald->stores->pdata[i];
        struct ha_store_read *read = &asked->slots.stores[i];

        read->authority = store->authority;
        read->why = why_not(store, request, asked->ticket);
        asked->n_open += read->why == NULL;
    }
    if (asked->n_open > 0)
        g_ptr_array_add(hald->reading, asked);
    else
        reply(asked);
}

void hald_slots_tidy(Hald *hald, int64_t now_ms)
{
    while (hald->reading->len > 0) {
        struct asked *first = hald->reading->pdata[0];

        if (now_ms < first->until_ms)
            return;
        g_ptr_array_remove_index(hald->reading, 0);
        reply(first);
    }
}

void hald_slots_drop(Hald *hald)
{
    g_ptr_array_set_free_func(hald->reading, (GDestroyNotify)asked_free);
    g_ptr_array_unref(hald->reading);
}
