/* watch.c - see watch.h. */
#include "config.h"

#include "agent/watch.h"

#include <pthread.h>
#include <string.h>

#include "base/json.h"
#include "base/ref.h"

#define SHRINK_ABOVE ((size_t)64 << 10) /* consumed bytes that are worth moving the rest for */

struct Watcher {
    struct ref ref; /* one for the hub, one for the reader */
    int64_t epoch;
    pthread_mutex_t mutex;
    /* below the mutex: */
    GString *queue;
    size_t sent; /* of queue */
    bool ended, lost, closed;
    bool parked;
    struct watcher_pause pause;
};

struct WatchHub {
    struct watch_limits limits;
    GPtrArray *watchers; /* Watcher *, a reference each */
};

/* ---- watcher ------------------------------------------------------------------------------- */

static Watcher *watcher_new(int64_t epoch)
{
    Watcher *watcher = g_new0(Watcher, 1);

    ref_init(&watcher->ref);
    watcher->epoch = epoch;
    watcher->queue = g_string_new(NULL);
    pthread_mutex_init(&watcher->mutex, NULL);
    return watcher;
}

static void watcher_unref(Watcher *watcher)
{
    if (!ref_put(&watcher->ref))
        return;
    pthread_mutex_destroy(&watcher->mutex);
    g_string_free(watcher->queue, TRUE);
    g_free(watcher);
}

/* Mutex held. */
static void wake(Watcher *watcher)
{
    if (!watcher->parked)
        return;
    watcher->parked = false;
    watcher->pause.wake(watcher->pause.user);
}

static void push(Watcher *watcher, const char *text, size_t len, size_t max_queued)
{
    pthread_mutex_lock(&watcher->mutex);
    if (!watcher->ended && !watcher->lost && !watcher->closed) {
        if (watcher->queue->len - watcher->sent + len > max_queued)
            watcher->lost = true;
        else
            g_string_append_len(watcher->queue, text, (gssize)len);
        wake(watcher);
    }
    pthread_mutex_unlock(&watcher->mutex);
}

static void end(Watcher *watcher)
{
    pthread_mutex_lock(&watcher->mutex);
    watcher->ended = true;
    wake(watcher);
    pthread_mutex_unlock(&watcher->mutex);
}

static bool is_over(Watcher *watcher)
{
    bool over;

    pthread_mutex_lock(&watcher->mutex);
    over = watcher->ended || watcher->lost || watcher->closed;
    pthread_mutex_unlock(&watcher->mutex);
    return over;
}

/* Mutex held. */
static size_t take(Watcher *watcher, char *buf, size_t max)
{
    size_t n = MIN(max, watcher->queue->len - watcher->sent);

    memcpy(buf, watcher->queue->str + watcher->sent, n);
    watcher->sent += n;
    if (watcher->sent == watcher->queue->len || watcher->sent > SHRINK_ABOVE) {
        g_string_erase(watcher->queue, 0, (gssize)watcher->sent);
        watcher->sent = 0;
    }
    return n;
}

ssize_t watcher_read(Watcher *watcher, char *buf, size_t max, const struct watcher_pause *pause)
{
    ssize_t n = WATCHER_WAIT;

    pthread_mutex_lock(&watcher->mutex);
    if (watcher->lost) {
        n = WATCHER_LOST;
    } else if (watcher->queue->len > watcher->sent) {
        n = (ssize_t)take(watcher, buf, max);
    } else if (watcher->ended) {
        n = WATCHER_ENDED;
    } else {
        watcher->pause = *pause;
        watcher->parked = true;
        pause->park(pause->user);
    }
    pthread_mutex_unlock(&watcher->mutex);
    return n;
}

void watcher_close(Watcher *watcher)
{
    pthread_mutex_lock(&watcher->mutex);
    watcher->closed = true;
    watcher->parked = false;
    pthread_mutex_unlock(&watcher->mutex);
    watcher_unref(watcher);
}

/* ---- hub ----------------------------------------------------------------------------------- */

static void release(gpointer watcher)
{
    end(watcher);
    watcher_unref(watcher);
}

WatchHub *watch_hub_new(const struct watch_limits *limits)
{
    WatchHub *hub = g_new0(WatchHub, 1);

    hub->limits = *limits;
    hub->watchers = g_ptr_array_new_with_free_func(release);
    return hub;
}

void watch_hub_free(WatchHub *hub)
{
    if (!hub)
        return;
    g_ptr_array_unref(hub->watchers);
    g_free(hub);
}

static void drop_over(WatchHub *hub)
{
    for (guint i = hub->watchers->len; i-- > 0;) {
        if (is_over(g_ptr_array_index(hub->watchers, i)))
            g_ptr_array_remove_index(hub->watchers, i);
    }
}

unsigned watch_hub_count(WatchHub *hub)
{
    drop_over(hub);
    return hub->watchers->len;
}

Watcher *watch_hub_add(WatchHub *hub, int64_t epoch)
{
    Watcher *watcher;

    if (watch_hub_count(hub) >= hub->limits.max_watchers)
        return NULL;
    watcher = watcher_new(epoch);
    ref_get(&watcher->ref);
    g_ptr_array_add(hub->watchers, watcher);
    return watcher;
}

static char *format_line(const struct watch_line *line)
{
    g_autoptr(json_t) json = watch_line_encode(line);
    g_autofree char *text = json_format(json);

    return g_strconcat(text, "\n", NULL);
}

void watch_hub_send(WatchHub *hub, Watcher *watcher, const struct watch_line *line)
{
    g_autofree char *text = format_line(line);

    push(watcher, text, strlen(text), hub->limits.max_queued);
}

void watch_hub_publish(WatchHub *hub, const struct watch_line *line)
{
    g_autofree char *text = NULL;

    if (watch_hub_count(hub) == 0)
        return;
    text = format_line(line);
    for (guint i = 0; i < hub->watchers->len; i++)
        push(g_ptr_array_index(hub->watchers, i), text, strlen(text), hub->limits.max_queued);
}

void watch_hub_end_below(WatchHub *hub, int64_t epoch)
{
    for (guint i = hub->watchers->len; i-- > 0;) {
        const Watcher *watcher = g_ptr_array_index(hub->watchers, i);

        if (watcher->epoch < epoch)
            g_ptr_array_remove_index(hub->watchers, i);
    }
}

void watch_hub_end_all(WatchHub *hub)
{
    g_ptr_array_set_size(hub->watchers, 0);
}
