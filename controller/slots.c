/* slots.c - see slots.h. */
#include "config.h"

#include "controller/slots.h"

#include "ha/etcd/right_etcd.h"
#include "ha/slot.h"

#define N_READERS 2
#define LACKS_MS  8000  /* a slot that is well moves each second */
#define SHUN_MS   30000 /* a reader that could not read is not asked again so long ... */
#define PAUSE_MS  5000  /* ... nor one that gave no answer */

#define FRESH_MS  4000 /* who read well so lately reads well */

/* One host and one datastore. */
struct sight_key {
    int64_t host;
    int32_t authority;
};

/* A slot as one reader has it. */
struct view {
    int64_t reader;
    struct ha_inc inc;
    int64_t seq;
};

struct sight {
    struct sight_key key;
    /* its slot, as others read it */
    struct ha_inc inc;
    int64_t seq;
    int64_t moved_ms;     /* 0: not seen yet */
    int64_t confirmed_ms; /* the latest reading of it was asked for then */
    struct view views[N_READERS];
    struct ha_inc seen_inc; /* one reader's view of it moved; boot 0: none did yet */
    /* the host as a reader */
    struct ha_inc own_inc; /* as it read its own slot last; boot 0: it did not yet */
    int64_t well_ms;       /* it reads well since, without a pause; 0: it does not */
    int64_t read_ms;       /* the latest time */
    int64_t bad_ms;        /* it cannot read since; 0: it can */
    int64_t shunned_ms;    /* not asked until then */
    char *why;
};

struct readers {
    int32_t authority;
    int64_t hosts[N_READERS]; /* 0: none */
    guint next;               /* candidate to try next */
    int64_t ok_ms;            /* the last good reading by anybody */
    int64_t bad_ms;           /* the last one that failed */
};
VEC_DECLARE(readers_vec, struct readers);

struct SlotBook {
    GHashTable *sights; /* struct sight_key -> struct sight */
    struct readers_vec stores;
    int64_t round_ms; /* all slots are read once in it */
};

static guint hash_key(gconstpointer data)
{
    const struct sight_key *key = data;

    return g_int64_hash(&key->host) * 31 + (guint)key->authority;
}

static gboolean same_key(gconstpointer a, gconstpointer b)
{
    const struct sight_key *x = a, *y = b;

    return x->host == y->host && x->authority == y->authority;
}

static void free_sight(void *data)
{
    struct sight *sight = data;

    g_free(sight->why);
    g_free(sight);
}

static struct sight *find_sight(const SlotBook *book, int64_t host, int32_t authority)
{
    return g_hash_table_lookup(book->sights, &(struct sight_key){ host, authority });
}

static struct sight *sight_of(SlotBook *book, int64_t host, int32_t authority)
{
    struct sight *sight = find_sight(book, host, authority);

    if (sight)
        return sight;
    sight = g_new0(struct sight, 1);
    sight->key = (struct sight_key){ host, authority };
    (void)g_hash_table_insert(book->sights, &sight->key, sight);
    return sight;
}

static struct readers *find_readers(const SlotBook *book, int32_t authority)
{
    for (size_t i = 0; i < book->stores.len; i++)
        if (book->stores.items[i].authority == authority)
            return &book->stores.items[i];
    return NULL;
}

/* ---- who reads --------------------------------------------------------------------------------
 */

static bool is_candidate(const GArray *candidates, int64_t host)
{
    for (guint i = 0; i < candidates->len; i++)
        if (g_array_index(candidates, int64_t, i) == host)
            return true;
    return false;
}

static bool reads_well(const SlotBook *book, const struct readers *readers, int64_t host,
                       int64_t now_ms)
{
    const struct sight *sight = find_sight(book, host, readers->authority);

    return !sight || now_ms >= sight->shunned_ms;
}

/* By another reader, who does not see it. */
static bool is_contradicted(const SlotBook *book, const struct readers *readers, int64_t host,
                            int64_t now_ms)
{
    const int64_t limit_ms = LACKS_MS + book->round_ms;

    for (int i = 0; i < N_READERS; i++) {
        const struct sight *other = find_sight(book, readers->hosts[i], readers->authority);

        if (readers->hosts[i] != host && other && other->well_ms != 0 &&
            now_ms - other->well_ms >= limit_ms && now_ms - other->read_ms < FRESH_MS)
            return true;
    }
    return false;
}

/* Whose slot moved where another one read, as the same incarnation, reads what others read: an
 * incarnation has one file (ha/slot.h), whatever became of the others.  Who was not seen so though
 * another one reads well may have a folder of his own, where his datastore is not mounted.  Of two
 * hosts alone that never saw each other neither counts. */
static bool is_unseen(const SlotBook *book, const struct readers *readers, int64_t host,
                      int64_t now_ms)
{
    const struct sight *sight = find_sight(book, host, readers->authority);

    if (sight && sight->seen_inc.boot != 0 &&
        (sight->own_inc.boot == 0 || ha_inc_equal(sight->own_inc, sight->seen_inc)))
        return false;
    return is_contradicted(book, readers, host, now_ms);
}

static bool is_reader(const struct readers *readers, int64_t host)
{
    for (int i = 0; i < N_READERS; i++)
        if (readers->hosts[i] == host)
            return true;
    return false;
}

/* How good a reader must be. */
enum worth {
    GOOD,
    UNTRIED /* of late */,
    ANY
};

static bool is_worth(const SlotBook *book, const struct readers *readers, int64_t host,
                     enum worth worth, int64_t now_ms)
{
    return worth == ANY || (reads_well(book, readers, host, now_ms) &&
                            (worth == UNTRIED || !is_unseen(book, readers, host, now_ms)));
}

/* The next one that is no reader already; 0: there is none. */
static int64_t find_next(const SlotBook *book, struct readers *readers, const GArray *candidates,
                         enum worth worth, int64_t now_ms)
{
    for (guint i = 0; i < candidates->len; i++) {
        const guint at = (readers->next + i) % candidates->len;
        const int64_t host = g_array_index(candidates, int64_t, at);

        if (is_reader(readers, host) || !is_worth(book, readers, host, worth, now_ms))
            continue;
        readers->next = at + 1;
        return host;
    }
    return 0;
}

/* The best there is, no worse than `least`; 0: none. */
static int64_t choose(const SlotBook *book, struct readers *readers, const GArray *candidates,
                      enum worth least, int64_t now_ms)
{
    int64_t host = 0;

    for (int worth = GOOD; host == 0 && worth <= (int)least; worth++)
        host = find_next(book, readers, candidates, (enum worth)worth, now_ms);
    return host;
}

/* One that is unseen stays if no other is to be tried: the others may be wrong. */
static void replace(SlotBook *book, struct readers *readers, int at, const GArray *candidates,
                    int64_t now_ms)
{
    const int64_t present = readers->hosts[at];
    const bool is_well = present != 0 && reads_well(book, readers, present, now_ms);
    const int64_t other = choose(book, readers, candidates, is_well ? UNTRIED : ANY, now_ms);

    if (other == 0)
        return;
    if (is_well)
        sight_of(book, present, readers->authority)->shunned_ms = now_ms + SHUN_MS;
    readers->hosts[at] = other;
}

/* All are judged before one is replaced: its successor contradicts nobody yet. */
static void renew(SlotBook *book, struct readers *readers, const GArray *candidates, int64_t now_ms)
{
    bool stays[N_READERS];

    for (int i = 0; i < N_READERS; i++) {
        if (readers->hosts[i] != 0 && !is_candidate(candidates, readers->hosts[i]))
            readers->hosts[i] = 0;
        stays[i] =
            readers->hosts[i] != 0 && is_worth(book, readers, readers->hosts[i], GOOD, now_ms);
    }
    for (int i = 0; i < N_READERS; i++)
        if (!stays[i])
            replace(book, readers, i, candidates, now_ms);
}

static void add_once(GArray *hosts, int64_t host)
{
    if (host != 0 && !is_candidate(hosts, host))
        g_array_append_val(hosts, host);
}

/* Those that have no slots any more are forgotten. */
static void keep_stores(SlotBook *book, const struct stores *stores)
{
    struct readers_vec kept = { 0 };

    for (size_t i = 0; i < stores->n; i++) {
        const int32_t authority = slot_authority(stores->items[i]->id);
        const struct readers *known = find_readers(book, authority);

        /* different hosts for different datastores, as far as there are some */
        readers_vec_push(&kept, known ? *known
                                      : (struct readers){ .authority = authority,
                                                          .next = (guint)i * N_READERS });
    }
    readers_vec_clear(&book->stores);
    book->stores = kept;
}

void slot_book_pick(SlotBook *book, const struct stores *stores, const GArray *candidates,
                    int64_t now_ms, GArray *hosts)
{
    keep_stores(book, stores);
    for (size_t i = 0; i < book->stores.len; i++) {
        struct readers *readers = &book->stores.items[i];

        renew(book, readers, candidates, now_ms);
        for (int j = 0; j < N_READERS; j++)
            add_once(hosts, readers->hosts[j]);
    }
}

/* ---- what they read ---------------------------------------------------------------------------
 */

/* As ha_see_slot() has it: an older view, or one of another life, says nothing. */
static void note_slot(struct sight *sight, const struct ha_slot_seen *seen, int64_t now_ms)
{
    const bool is_same = ha_inc_equal(sight->inc, seen->inc);

    if (is_same && seen->seq == sight->seq) {
        sight->confirmed_ms = MAX(sight->confirmed_ms, seen->asked_ms);
    } else if (!is_same || seen->seq > sight->seq) {
        sight->inc = seen->inc;
        sight->seq = seen->seq;
        sight->moved_ms = sight->confirmed_ms = now_ms;
        sight->bad_ms = 0; /* whoever writes has it again, though nobody asks him to read */
    }
}

/* As one reader has it: two that have different files would make each other's move. */
static void note_view(struct sight *sight, int at, const struct view *view)
{
    struct view *known = &sight->views[at];

    if (known->reader == view->reader && ha_inc_equal(known->inc, view->inc) &&
        view->seq > known->seq)
        sight->seen_inc = view->inc;
    *known = *view;
}

static int reader_at(const struct readers *readers, int64_t host)
{
    int at = 0;

    while (at < N_READERS && readers->hosts[at] != host)
        at++;
    return at;
}

/* Whom it sees, though it may not count itself. */
static void note_views(SlotBook *book, int64_t reader, const struct ha_store_read *read)
{
    const int32_t authority = (int32_t)read->authority;
    const struct readers *readers = find_readers(book, authority);
    const int at = readers ? reader_at(readers, reader) : N_READERS;

    for (size_t i = 0; read->ok && at < N_READERS && i < read->n_slots; i++) {
        struct view view = { .reader = reader, .seq = read->slots[i].seq };
        struct sight *sight = sight_of(book, read->slots[i].host, authority);

        if (!right_inc_parse(read->slots[i].inc, &view.inc))
            continue;
        if (read->slots[i].host == reader)
            sight->own_inc = view.inc;
        else
            note_view(sight, at, &view);
    }
}

static void note_reader(SlotBook *book, int64_t reader, const struct ha_store_read *read,
                        int64_t now_ms)
{
    struct sight *sight = sight_of(book, reader, (int32_t)read->authority);
    struct readers *readers = find_readers(book, (int32_t)read->authority);

    if (readers && read->ok)
        readers->ok_ms = now_ms;
    else if (readers)
        readers->bad_ms = now_ms;
    if (!read->ok || now_ms - sight->read_ms >= FRESH_MS)
        sight->well_ms = 0;
    if (read->ok) {
        sight->well_ms = sight->well_ms != 0 ? sight->well_ms : now_ms;
        sight->read_ms = now_ms;
        sight->bad_ms = sight->shunned_ms = 0;
        g_clear_pointer(&sight->why, g_free);
        return;
    }
    if (sight->bad_ms == 0)
        sight->bad_ms = now_ms;
    sight->shunned_ms = now_ms + SHUN_MS;
    g_free(sight->why);
    sight->why = g_strdup(read->why);
}

static void take_store(SlotBook *book, const struct slot_reading *reading,
                       const struct ha_store_read *read, int64_t now_ms, slot_book_fn fn,
                       void *user)
{
    const int32_t authority = (int32_t)read->authority;

    note_reader(book, reading->reader, read, now_ms);
    note_views(book, reading->reader, read);
    if (slot_book_is_unseen(book, reading->reader, authority, now_ms))
        return;
    for (size_t i = 0; read->ok && i < read->n_slots; i++) {
        const struct ha_slot_read *slot = &read->slots[i];
        struct ha_slot_seen seen = { .seq = slot->seq,
                                     .asked_ms = reading->asked_ms - read->age_ms,
                                     .length_ms = slot->length_ms };

        if (slot->host == reading->reader || !right_inc_parse(slot->inc, &seen.inc))
            continue;
        note_slot(sight_of(book, slot->host, authority), &seen, now_ms);
        fn(slot->host, authority, &seen, user);
    }
}

void slot_book_take(SlotBook *book, const struct slot_reading *reading, int64_t now_ms,
                    slot_book_fn fn, void *user)
{
    for (size_t i = 0; i < reading->slots->n_stores; i++)
        take_store(book, reading, &reading->slots->stores[i], now_ms, fn, user);
}

void slot_book_fail(SlotBook *book, int64_t reader, int64_t now_ms)
{
    for (size_t i = 0; i < book->stores.len; i++)
        sight_of(book, reader, book->stores.items[i].authority)->shunned_ms = now_ms + PAUSE_MS;
}

/* ---- what follows -----------------------------------------------------------------------------
 */

/* Somebody could read it, and whoever was asked of late could not. */
static bool is_dark(const struct readers *readers, int64_t now_ms)
{
    return now_ms - readers->bad_ms < LACKS_MS && readers->bad_ms - readers->ok_ms >= LACKS_MS;
}

bool slot_book_lacks(const SlotBook *book, int64_t host, int32_t authority, int64_t now_ms)
{
    const struct sight *sight = find_sight(book, host, authority);
    const struct readers *readers = find_readers(book, authority);

    if (!readers || readers->ok_ms == 0) /* nobody ever read it: that says nothing of one host */
        return false;
    if (is_dark(readers, now_ms))
        return true;
    if (!sight)
        return false;
    return (sight->moved_ms != 0 && sight->confirmed_ms - sight->moved_ms >= LACKS_MS) ||
           (sight->bad_ms != 0 && now_ms - sight->bad_ms >= LACKS_MS);
}

bool slot_book_was_read(const SlotBook *book, int32_t authority)
{
    const struct readers *readers = find_readers(book, authority);

    return readers && readers->ok_ms != 0;
}

bool slot_book_is_unseen(const SlotBook *book, int64_t host, int32_t authority, int64_t now_ms)
{
    const struct readers *readers = find_readers(book, authority);

    return readers && is_unseen(book, readers, host, now_ms);
}

const char *slot_book_why(const SlotBook *book, int64_t host, int32_t authority)
{
    const struct sight *sight = find_sight(book, host, authority);

    return sight && sight->why ? sight->why : "";
}

/* ---- life -------------------------------------------------------------------------------------
 */

void slot_book_set_round(SlotBook *book, int64_t round_ms)
{
    book->round_ms = round_ms;
}

SlotBook *slot_book_new(void)
{
    SlotBook *book = g_new0(SlotBook, 1);

    book->sights = g_hash_table_new_full(hash_key, same_key, NULL, free_sight);
    return book;
}

void slot_book_free(SlotBook *book)
{
    if (!book)
        return;
    g_hash_table_unref(book->sights);
    readers_vec_clear(&book->stores);
    g_free(book);
}
