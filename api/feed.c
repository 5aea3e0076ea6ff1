/* feed.c - see feed.h. */
#include "config.h"

#include "api/feed.h"

#include <pthread.h>
#include <string.h>

#include "api/jw.h"
#include "base/clock.h"
#include "base/err.h"
#include "model/reason.h"

#define TICK_MS 1000
#define PULSE_MS                                                                                   \
    20 /* at most so often all are woken: a burst costs one wake, not one a message                \
        */
#define RETRY     "retry: 2000\n" /* ms that a client is asked to wait before it connects again */
#define N_PARTS   64              /* messages that a reader takes in one go */
#define EPOCH_MAX ((INT64_C(1) << (62 - FEED_ID_SHIFT)) - 1)

struct message {
    enum feed_type type;
    GBytes *text;
};

struct FeedReader {
    Feed *feed;
    FeedReader *next, *prev;
    struct feed_seat seat;
    unsigned types;
    int64_t cursor;  /* the last id that it knows, or was skipped for it */
    int64_t beat_ms; /* the next beat */
    bool parked, greeted;
    char *going; /* it has to: why */
    bool gone;   /* ... and was told */
    /* being sent; only the reader's thread looks at these */
    GBytes *parts[N_PARTS];
    size_t n_parts, at, offset;
};

struct Feed {
    struct feed_limits limits;
    guint tick, pulse; /* sources of the loop */
    int64_t pulsed_ms;
    pthread_mutex_t lock; /* guards all below, and readers' fields but for what is being sent */
    int64_t epoch;        /* 0: stopped */
    char *why_stopped;
    struct message *ring;   /* max_messages */
    size_t first, n, bytes; /* the oldest; how many */
    int64_t last_id;        /* of the newest, or the one before the first there will be */
    int64_t start_id;       /* last_id when this epoch began */
    int64_t last_of[N_FEED_TYPES];
    FeedReader *readers;
    unsigned n_readers;
};

const struct feed_limits feed_limits_default = {
    .max_messages = 16384,
    .max_bytes = (size_t)8 << 20,
    /* Well below what one address may hold open: behind a proxy all come from one. */
    .max_readers = 128,
};

static const char *const type_words[N_FEED_TYPES] = {
#define X(name, word) [name] = word,
    FEED_TYPES(X)
#undef X
};

/* ---- words ------------------------------------------------------------------------------------
 */

const char *feed_type_word(enum feed_type type)
{
    return type_words[type];
}

static bool find_type(const char *word, unsigned *ret_type)
{
    for (unsigned i = 0; i < N_FEED_TYPES; i++) {
        if (g_ascii_strcasecmp(word, type_words[i]) != 0)
            continue;
        *ret_type = i;
        return true;
    }
    return false;
}

static bool refuse_types(const char *word, GError **error)
{
    err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "types",
                   "types: \"%.64s\" is none: want a list of task, alarm, vm, host, cluster, "
                   "recommendation and event, parted by commas, or no types for all",
                   word);
    return false;
}

bool feed_types_parse(const char *text, unsigned *ret_types, GError **error)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    unsigned types = 0;

    for (size_t i = 0; words[i]; i++) {
        unsigned type;

        if (!find_type(g_strstrip(words[i]), &type))
            return refuse_types(words[i], error);
        types |= 1u << type;
    }
    if (!types)
        return refuse_types(text, error);
    *ret_types = types;
    return true;
}

bool feed_id_parse(const char *field, const char *text, int64_t *ret_id, GError **error)
{
    guint64 id;

    if (g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &id, NULL)) {
        *ret_id = (int64_t)id;
        return true;
    }
    err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, field,
                   "%s = %.64s: want the id of a message of this stream, 0 to %" G_GINT64_FORMAT,
                   field, text, G_MAXINT64);
    return false;
}

/* ---- the ring, under the lock ------------------------------------------------------------------
 */

static struct message *message_at(const Feed *feed, size_t i)
{
    return &feed->ring[(feed->first + i) % feed->limits.max_messages];
}

static int64_t oldest_id(const Feed *feed)
{
    return feed->last_id - (int64_t)feed->n + 1;
}

static void drop_oldest(Feed *feed)
{
    struct message *message = message_at(feed, 0);

    feed->bytes -= g_bytes_get_size(message->text);
    g_clear_pointer(&message->text, g_bytes_unref);
    feed->first = (feed->first + 1) % feed->limits.max_messages;
    feed->n--;
}

static void clear_ring(Feed *feed)
{
    while (feed->n > 0)
        drop_oldest(feed);
}

static void push(Feed *feed, enum feed_type type, GBytes *text)
{
    feed->bytes += g_bytes_get_size(text);
    while (feed->n > 0 &&
           (feed->n == feed->limits.max_messages || feed->bytes > feed->limits.max_bytes))
        drop_oldest(feed);
    *message_at(feed, feed->n) = (struct message){ type, text };
    feed->n++;
    feed->last_of[type] = feed->last_id;
}

/* ---- waking, under the lock --------------------------------------------------------------------
 */

static void wake(FeedReader *reader)
{
    if (!reader->parked)
        return;
    reader->parked = false;
    reader->seat.wake(reader->seat.user);
}

static bool has_news(const FeedReader *reader)
{
    const Feed *feed = reader->feed;

    for (unsigned type = 0; type < N_FEED_TYPES; type++) {
        if (reader->types & 1u << type && feed->last_of[type] > reader->cursor)
            return true;
    }
    return false;
}

static void send_away(FeedReader *reader, const char *why)
{
    if (!reader->going)
        reader->going = g_strdup(why);
    wake(reader);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static gboolean on_tick(void *data)
{
    feed_tick(data, clock_now_ms());
    return G_SOURCE_CONTINUE;
}

static gboolean on_pulse(void *data)
{
    Feed *feed = data;

    feed->pulse = 0;
    feed_pulse(feed, clock_now_ms());
    return G_SOURCE_REMOVE;
}

Feed *feed_new(const struct feed_limits *limits)
{
    Feed *feed = g_new0(Feed, 1);

    feed->limits = limits ? *limits : feed_limits_default;
    feed->ring = g_new0(struct message, feed->limits.max_messages);
    feed->why_stopped = g_strdup("this controller does not lead");
    pthread_mutex_init(&feed->lock, NULL);
    feed->tick = g_timeout_add(TICK_MS, on_tick, feed);
    return feed;
}

void feed_free(Feed *feed)
{
    if (!feed)
        return;
    g_assert(!feed->readers);
    g_source_remove(feed->tick);
    if (feed->pulse)
        g_source_remove(feed->pulse);
    clear_ring(feed);
    g_free(feed->ring);
    g_free(feed->why_stopped);
    pthread_mutex_destroy(&feed->lock);
    g_free(feed);
}

void feed_start(Feed *feed, int64_t epoch)
{
    pthread_mutex_lock(&feed->lock);
    if (epoch != feed->epoch) {
        clear_ring(feed);
        feed->epoch = epoch;
        feed->last_id = MAX(feed->last_id, (epoch & EPOCH_MAX) << FEED_ID_SHIFT);
        feed->start_id = feed->last_id;
        memset(feed->last_of, 0, sizeof(feed->last_of));
    }
    pthread_mutex_unlock(&feed->lock);
}

void feed_stop(Feed *feed, const char *why)
{
    pthread_mutex_lock(&feed->lock);
    feed->epoch = 0;
    g_free(feed->why_stopped);
    feed->why_stopped = g_strdup(why);
    for (FeedReader *reader = feed->readers; reader; reader = reader->next)
        send_away(reader, why);
    pthread_mutex_unlock(&feed->lock);
}

/* ---- the writer --------------------------------------------------------------------------------
 */

static GBytes *frame(int64_t id, const char *event, const char *data)
{
    char *text =
        g_strdup_printf("id: %" G_GINT64_FORMAT "\nevent: %s\ndata: %s\n\n", id, event, data);

    return g_bytes_new_take(text, strlen(text));
}

static bool somebody_waits(const Feed *feed)
{
    for (const FeedReader *reader = feed->readers; reader; reader = reader->next) {
        if (reader->parked && has_news(reader))
            return true;
    }
    return false;
}

static void pulse_soon(Feed *feed)
{
    int64_t passed_ms = clock_now_ms() - feed->pulsed_ms;

    feed->pulse = g_timeout_add((guint)CLAMP(PULSE_MS - passed_ms, 0, PULSE_MS), on_pulse, feed);
}

void feed_add(Feed *feed, enum feed_type type, const char *data)
{
    bool waits;

    pthread_mutex_lock(&feed->lock);
    if (feed->epoch) {
        feed->last_id++;
        push(feed, type, frame(feed->last_id, type_words[type], data));
    }
    waits = !feed->pulse && somebody_waits(feed);
    pthread_mutex_unlock(&feed->lock);
    if (waits)
        pulse_soon(feed);
}

void feed_pulse(Feed *feed, int64_t now_ms)
{
    feed->pulsed_ms = now_ms;
    pthread_mutex_lock(&feed->lock);
    for (FeedReader *reader = feed->readers; reader; reader = reader->next) {
        if (has_news(reader))
            wake(reader);
    }
    pthread_mutex_unlock(&feed->lock);
}

void feed_tick(Feed *feed, int64_t now_ms)
{
    pthread_mutex_lock(&feed->lock);
    for (FeedReader *reader = feed->readers; reader; reader = reader->next) {
        const struct feed_seat *seat = &reader->seat;
        const char *why = seat->trouble && !reader->going
                              ? seat->trouble(seat->user, reader->parked, now_ms)
                              : NULL;

        if (why)
            send_away(reader, why);
        else if (has_news(reader) || now_ms >= reader->beat_ms)
            wake(reader);
    }
    pthread_mutex_unlock(&feed->lock);
}

/* ---- readers: coming and going -----------------------------------------------------------------
 */

static bool may_enter(const Feed *feed, GError **error)
{
    if (!feed->epoch) {
        err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                       "there is no stream to watch now: %s", feed->why_stopped);
        return false;
    }
    if (feed->n_readers < feed->limits.max_readers)
        return true;
    err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_BUSY, NULL,
                   "%u streams are being watched, and there may be no more: end one, or try again "
                   "later",
                   feed->n_readers);
    return false;
}

bool feed_open(Feed *feed, unsigned types, bool resume, int64_t after, FeedReader **ret_reader,
               GError **error)
{
    FeedReader *reader;
    bool ok;

    pthread_mutex_lock(&feed->lock);
    ok = may_enter(feed, error);
    if (ok) {
        reader = g_new0(FeedReader, 1);
        reader->feed = feed;
        reader->types = types;
        reader->cursor = resume ? after : feed->last_id;
        reader->next = feed->readers;
        if (reader->next)
            reader->next->prev = reader;
        feed->readers = reader;
        feed->n_readers++;
        *ret_reader = reader;
    }
    pthread_mutex_unlock(&feed->lock);
    return ok;
}

static void drop_parts(FeedReader *reader)
{
    for (size_t i = reader->at; i < reader->n_parts; i++)
        g_bytes_unref(reader->parts[i]);
    reader->n_parts = reader->at = reader->offset = 0;
}

void feed_close(FeedReader *reader)
{
    Feed *feed;

    if (!reader)
        return;
    feed = reader->feed;
    pthread_mutex_lock(&feed->lock);
    if (reader->next)
        reader->next->prev = reader->prev;
    if (reader->prev)
        reader->prev->next = reader->next;
    else
        feed->readers = reader->next;
    feed->n_readers--;
    pthread_mutex_unlock(&feed->lock);
    drop_parts(reader);
    g_free(reader->going);
    g_free(reader);
}

unsigned feed_count(Feed *feed)
{
    unsigned n;

    pthread_mutex_lock(&feed->lock);
    n = feed->n_readers;
    pthread_mutex_unlock(&feed->lock);
    return n;
}

void feed_sit(FeedReader *reader, const struct feed_seat *seat)
{
    pthread_mutex_lock(&reader->feed->lock);
    reader->seat = *seat;
    pthread_mutex_unlock(&reader->feed->lock);
}

/* ---- reading: what comes next, under the lock --------------------------------------------------
 */

static void take_part(FeedReader *reader, GBytes *part)
{
    reader->parts[reader->n_parts++] = part;
}

static void take_beat(FeedReader *reader, int64_t now_ms)
{
    g_autofree char *data = g_strdup_printf("{\"time\":%" G_GINT64_FORMAT "}", clock_wall_ms());

    if (!reader->greeted)
        take_part(reader, g_bytes_new_static(RETRY, strlen(RETRY)));
    take_part(reader, frame(reader->cursor, "beat", data));
    /* from the one before, so that the tick's coarseness does not add up */
    if (!reader->greeted || now_ms - reader->beat_ms >= FEED_BEAT_MS)
        reader->beat_ms = now_ms;
    reader->beat_ms += FEED_BEAT_MS;
    reader->greeted = true;
}

/* Everything between lost and the newest is skipped. */
static void take_reset(FeedReader *reader)
{
    Feed *feed = reader->feed;
    bool old = reader->cursor < feed->last_id;
    struct jw data;

    jw_init(&data);
    jw_object(&data, NULL);
    jw_str(&data, "reason",
           old ? "the messages after your last id are no longer kept here: read the objects anew"
               : "your last id was not given here: read the objects anew");
    jw_int(&data, "lastEventId", reader->cursor);
    jw_int(&data, "oldestId", oldest_id(feed));
    jw_object_end(&data);
    reader->cursor = feed->last_id;
    take_part(reader, frame(reader->cursor, "reset", data.text->str));
    jw_clear(&data);
}

static void take_messages(FeedReader *reader)
{
    const Feed *feed = reader->feed;

    while (reader->cursor < feed->last_id && reader->n_parts < N_PARTS) {
        const struct message *message =
            message_at(feed, (size_t)(reader->cursor + 1 - oldest_id(feed)));

        reader->cursor++;
        if (reader->types & 1u << message->type)
            take_part(reader, g_bytes_ref(message->text));
    }
}

static void take_farewell(FeedReader *reader)
{
    struct jw data;

    jw_init(&data);
    jw_object(&data, NULL);
    jw_str(&data, "reason", reader->going);
    jw_object_end(&data);
    take_part(reader, frame(reader->cursor, "end", data.text->str));
    reader->gone = true;
    jw_clear(&data);
}

static bool place_is_lost(const FeedReader *reader)
{
    const Feed *feed = reader->feed;

    return reader->cursor < oldest_id(feed) - 1 || reader->cursor > feed->last_id;
}

/* What it does not watch may come and go: its place stays good. */
static void skip_foreign(FeedReader *reader)
{
    const Feed *feed = reader->feed;

    if (reader->cursor >= feed->start_id && reader->cursor < feed->last_id && !has_news(reader))
        reader->cursor = feed->last_id;
}

/* False: there is nothing (more). */
static bool take_parts(FeedReader *reader, int64_t now_ms)
{
    if (reader->gone)
        return false;
    if (reader->going && reader->feed->epoch) { /* it may see no more */
        take_farewell(reader);
        return true;
    }
    skip_foreign(reader);
    if (place_is_lost(reader))
        take_reset(reader);
    if (now_ms >= reader->beat_ms || !reader->greeted)
        take_beat(reader, now_ms);
    take_messages(reader);
    if (reader->n_parts == 0 && reader->going)
        take_farewell(reader);
    return reader->n_parts > 0;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* False: nothing came; with park it was put to sleep, unless it is at its end. */
static bool refill(FeedReader *reader, bool park, int64_t now_ms)
{
    bool more;

    drop_parts(reader);
    pthread_mutex_lock(&reader->feed->lock);
    more = take_parts(reader, now_ms);
    if (!more && park && !reader->gone) {
        reader->parked = true;
        reader->seat.park(reader->seat.user);
    }
    pthread_mutex_unlock(&reader->feed->lock);
    return more;
}

/* Of the part that is being sent. */
static size_t copy(FeedReader *reader, char *buffer, size_t size)
{
    GBytes *part = reader->parts[reader->at];
    size_t left = g_bytes_get_size(part) - reader->offset;
    size_t n = MIN(left, size);

    memcpy(buffer, (const char *)g_bytes_get_data(part, NULL) + reader->offset, n);
    reader->offset += n;
    if (n == left) {
        g_bytes_unref(part);
        reader->at++;
        reader->offset = 0;
    }
    return n;
}

ssize_t feed_read(FeedReader *reader, char *buffer, size_t size, int64_t now_ms)
{
    size_t done = 0;

    while (done < size) {
        if (reader->at == reader->n_parts && !refill(reader, done == 0, now_ms))
            break;
        done += copy(reader, buffer + done, size - done);
    }
    return done == 0 && reader->gone ? FEED_READ_END : (ssize_t)done;
}
