/* feed.h - what has just changed, for those who watch: a bounded ring of messages with one writer
 * (the loop) and many readers (server threads), in the form of text/event-stream.
 *
 * Ids grow by one with each message, and over a take-over as well: the first of a controller is its
 * epoch times 2^24, and an epoch is a revision of etcd, which counts every write there; so a
 * controller would have to send more than 16 million messages for each of etcd's writes before its
 * successor could begin below it.  Should that ever be, or should etcd itself begin anew, then a
 * reader's last id is none that was given here, and that is told by a reset, like one that is too
 * old: nobody misses a change without being told.
 *
 * A reader has a place in the ring and holds no messages; one that is too slow, or comes back too
 * late, finds its place overwritten and is told so by a reset: what it knows may be old, it has to
 * read the objects anew; messages after the reset's id are about changes after that reading.
 *
 * feed_new, feed_free, feed_start, feed_stop and feed_add: loop thread.  A reader belongs to one
 * thread at a time; all else: any thread. */
#ifndef VRM_API_FEED_H
#define VRM_API_FEED_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// clang-format off
#define FEED_TYPES(X)                             \
    X(FEED_TASK,           "task")                \
    X(FEED_ALARM,          "alarm")               \
    X(FEED_VM,             "vm")                  \
    X(FEED_HOST,           "host")                \
    X(FEED_CLUSTER,        "cluster")             \
    X(FEED_RECOMMENDATION, "recommendation")      \
    X(FEED_EVENT,          "event")
// clang-format on

enum feed_type {
#define X(name, word) name,
    FEED_TYPES(X)
#undef X
};
#define N_FEED_TYPES  7
#define FEED_ALL      ((1u << N_FEED_TYPES) - 1)
#define FEED_ID_SHIFT 24 /* of the epoch */
#define FEED_BEAT_MS  15000

const char *feed_type_word(enum feed_type type);
/* "task, VM" to a set of 1u << type; each word must be known, and there must be one. */
bool feed_types_parse(const char *text, unsigned *ret_types, GError **error);
/* Decimal digits only.  field: for the message. */
bool feed_id_parse(const char *field, const char *text, int64_t *ret_id, GError **error);

typedef struct Feed Feed;
typedef struct FeedReader FeedReader;

struct feed_limits {
    size_t max_messages, max_bytes; /* kept; the newest message is kept whatever it weighs */
    unsigned max_readers;
};
/* Stopped, with feed_limits_default if limits is NULL. */
Feed *feed_new(const struct feed_limits *limits);
void feed_free(Feed *feed); /* without readers */
extern const struct feed_limits feed_limits_default;

/* ---- the writer ------------------------------------------------------------------------------ */

/* From now on messages are kept; the first has an id above every one of a lower epoch.  Of the
 * epoch that runs already nothing changes. */
void feed_start(Feed *feed, int64_t epoch);
/* Readers get what they have not read yet and the reason; nobody new is let in. */
void feed_stop(Feed *feed, const char *why);
/* data: one line of JSON.  Dropped while the feed is stopped. */
void feed_add(Feed *feed, enum feed_type type, const char *data);
/* Those who watch get what was added; feed_add has this done soon by the loop. */
void feed_pulse(Feed *feed, int64_t now_ms);
/* Beats that are due, and readers that have to go; the loop does this each second. */
void feed_tick(Feed *feed, int64_t now_ms);

/* ---- readers --------------------------------------------------------------------------------- */

/* after: the id of the last message that is known, when resume; else only news are given.  Fails
 * with UNAVAILABLE when there are too many readers, or the feed is stopped. */
bool feed_open(Feed *feed, unsigned types, bool resume, int64_t after, FeedReader **ret_reader,
               GError **error);
void feed_close(FeedReader *reader);
unsigned feed_count(Feed *feed);

/* How to put the reader to sleep and to wake it: each sleep is ended by one wake.  Called with the
 * feed's lock held. */
struct feed_seat {
    void (*park)(void *user); /* from within feed_read */
    void (*wake)(void *user);
    /* Each tick: why the reader has to go, or NULL. */
    const char *(*trouble)(void *user, bool parked, int64_t now_ms);
    void *user;
};
/* Before the first feed_read; seat->user must live until feed_close. */
void feed_sit(FeedReader *reader, const struct feed_seat *seat);

#define FEED_READ_END (-1)
/* Bytes to send; 0: there are none, it was parked; FEED_READ_END. */
ssize_t feed_read(FeedReader *reader, char *buffer, size_t size, int64_t now_ms);

#endif /* VRM_API_FEED_H */
