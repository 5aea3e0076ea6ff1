/* slots.h - what is known of the hosts' slots on shared datastores, and who is asked to read them.
 *
 * Two hosts read each datastore, so that none is its own only witness: what a host says of its own
 * slot does not count.  A reader that fails makes room for the next one, and so does one whose own
 * slot does not move where another one reads well: it has another file, and what it reads there
 * does not count.  Pure: the shell (ha_slots.c) asks and tells.  One thread at a time. */
#ifndef VRM_CONTROLLER_SLOTS_H
#define VRM_CONTROLLER_SLOTS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agentproto/ha_reading.h"
#include "controller/stores.h"
#include "ha/ha.h"

typedef struct SlotBook SlotBook;

SlotBook *slot_book_new(void);
void slot_book_free(SlotBook *book);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SlotBook, slot_book_free)

/* How long it takes to ask for all slots once; 0 until this is called. */
void slot_book_set_round(SlotBook *book, int64_t round_ms);

/* Who is to read now: of the candidates (host ids, ascending; each keeps slots on every one of the
 * stores) two for each store.  Appends to hosts, nobody twice. */
void slot_book_pick(SlotBook *book, const struct stores *stores, const GArray *candidates,
                    int64_t now_ms, GArray *hosts);

/* What a reader answered to a question sent at asked_ms; fn is told of each slot that counts. */
typedef void (*slot_book_fn)(int64_t host, int32_t authority, const struct ha_slot_seen *seen,
                             void *user);
struct slot_reading {
    int64_t reader;
    int64_t asked_ms;
    const struct ha_reading *slots;
};
void slot_book_take(SlotBook *book, const struct slot_reading *reading, int64_t now_ms,
                    slot_book_fn fn, void *user);
/* It gave no answer. */
void slot_book_fail(SlotBook *book, int64_t reader, int64_t now_ms);

/* The host has no use of the datastore at present: its slot there, once seen, stands still though
 * the datastore is read, or the host, or everybody who was asked, could not read it. */
bool slot_book_lacks(const SlotBook *book, int64_t host, int32_t authority, int64_t now_ms);
/* Did anybody read the datastore, at any time since we lead? */
bool slot_book_was_read(const SlotBook *book, int32_t authority);
/* The host's own slot never moved where another host reads well: its readings do not count. */
bool slot_book_is_unseen(const SlotBook *book, int64_t host, int32_t authority, int64_t now_ms);
/* "": it does, or nobody said why.  Borrowed. */
const char *slot_book_why(const SlotBook *book, int64_t host, int32_t authority);

#endif /* VRM_CONTROLLER_SLOTS_H */
