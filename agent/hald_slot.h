/* hald_slot.h - one datastore's heartbeat slots: a thread of its own that may hang.
 *
 * Writes this host's slot and reads all.  Whatever the datastore does, nothing here blocks the
 * loop; a write never waits for more than one chunk of a reading.  It decides nothing: when a file
 * is opened and what is written is the caller's (hald_store.c).  Loop thread. */
#ifndef VRM_AGENT_HALD_SLOT_H
#define VRM_AGENT_HALD_SLOT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "ha/slot.h"

typedef struct HaldSlot HaldSlot;

struct hald_slot_options {
    const char *folder;
    uint64_t tag; /* of this cluster */
    int64_t slot; /* this host's */
    int number;   /* of the object, for its thread's name and files; 0..99 */
    void *user;   /* of all callbacks */
    /* The owner's count, of g_rc_box_new0: of how many that were retired the thread still hangs. */
    unsigned *n_hanging;
};

HaldSlot *hald_slot_new(const struct hald_slot_options *options);
/* Never waits; no callback comes any more.  NULL is fine. */
void hald_slot_retire(HaldSlot *slot);

/* For how long the oldest thing has been under way that was asked for; 0: nothing is. */
int64_t hald_slot_busy_ms(const HaldSlot *slot, int64_t now_ms);

// clang-format off
#define HALD_SLOT_ENDS(X)                                                                          \
    X(DONE,    "done")                                                                             \
    X(FAILED,  "failed")      /* an errno, see `trouble` */                                        \
    X(CACHED,  "cached")      /* `fs` takes no O_DIRECT and has caches elsewhere: not opened */    \
    X(FOREIGN, "foreign")     /* the slot holds what another cluster or host wrote: `found` */     \
    X(OTHER,   "other file")  /* not the file that the incarnation wrote to */
// clang-format on
#define HALD_SLOT_ENUM(name, text) HALD_SLOT_##name,
enum hald_slot_end {
    HALD_SLOT_ENDS(HALD_SLOT_ENUM) HALD_SLOT_N_ENDS
};

/* One turn at this host's own slot: open (if wanted), look, write (if wanted), compare the open
 * file with the one that its path leads to (if wanted, or something failed). */
struct hald_slot_turn {
    bool open;   /* anew, also when a file is open */
    bool resume; /* what stands in the slot must be of the record's incarnation */
    bool write;
    bool compare;
    bool spare;                /* `foreign` stood still long enough: it may be overwritten */
    struct slot_record record; /* seq: only to write */
    struct slot_record foreign;
};

struct hald_slot_result {
    enum hald_slot_end end;
    int trouble;
    const char *fs; /* its name; static */
    bool direct;    /* the file is open with O_DIRECT */
    bool compared;
    /* The open file is the datastore's no more, or useless for good: it was deleted, replaced or
     * mounted over (slotio_is_elsewhere), ESTALE or EBADF. */
    bool spent;
    struct slot_record found;
};

typedef void (*hald_slot_done_fn)(const struct hald_slot_result *result, void *user);
/* One at a time: not while hald_slot_turns.  False: too much is under way. */
bool hald_slot_turn(HaldSlot *slot, const struct hald_slot_turn *turn, hald_slot_done_fn done);
bool hald_slot_turns(const HaldSlot *slot);

struct hald_slot_reading {
    int trouble;    /* errno; 0: all was read; ESTALE: the file was opened anew in between */
    int64_t age_ms; /* slot_age_ms at came_ms */
    const struct slot_record *records; /* of this cluster and datastore, each in its own slot */
    size_t n_records;
};

typedef void (*hald_slot_read_fn)(const struct hald_slot_reading *reading, uint64_t ticket,
                                  void *user);
/* Reads first .. first + count - 1 from now on, `self`'s own slot first.  ticket: the caller's
 * word for it.  False: too much is under way. */
bool hald_slot_read(HaldSlot *slot, const struct ha_owner *self, int64_t first, int64_t count,
                    hald_slot_read_fn done, uint64_t ticket);

#endif /* VRM_AGENT_HALD_SLOT_H */
