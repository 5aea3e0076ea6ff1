/* watch.h - the watch streams: what the agent tells is copied into a bounded buffer for each
 * reader, from which an HTTP thread sends.
 *
 * WatchHub: loop thread.  Watcher: the loop writes, one HTTP thread reads; a mutex stands between
 * them.  A reader that is too slow loses its stream, never delays the others. */
#ifndef VRM_AGENT_WATCH_H
#define VRM_AGENT_WATCH_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agentproto/msg.h"

typedef struct WatchHub WatchHub;
typedef struct Watcher Watcher;

struct watch_limits {
    unsigned max_watchers;
    size_t max_queued; /* bytes waiting for one reader */
};

WatchHub *watch_hub_new(const struct watch_limits *limits);
/* Ends all streams; their readers may live on. */
void watch_hub_free(WatchHub *hub);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WatchHub, watch_hub_free)

/* A new stream, with a reference for the reader; NULL when there are max_watchers. */
Watcher *watch_hub_add(WatchHub *hub, int64_t epoch);
/* To one stream, or to all. */
void watch_hub_send(WatchHub *hub, Watcher *watcher, const struct watch_line *line);
void watch_hub_publish(WatchHub *hub, const struct watch_line *line);
/* Ends the streams of lower epochs. */
void watch_hub_end_below(WatchHub *hub, int64_t epoch);
void watch_hub_end_all(WatchHub *hub);
unsigned watch_hub_count(WatchHub *hub);

/* ---- the reader's side (HTTP thread) -------------------------------------------------------- */

#define WATCHER_ENDED (-1) /* after everything was read */
#define WATCHER_LOST  (-2) /* the reader was too slow: the stream has a gap, break it */
#define WATCHER_WAIT  0

/* Copies up to max bytes.  WATCHER_WAIT: nothing there; park was called (holding the mutex, so
 * that no wake-up is missed) and wake will be called once, from the loop, when there is more. */
struct watcher_pause {
    void (*park)(void *user);
    void (*wake)(void *user);
    void *user;
};
ssize_t watcher_read(Watcher *watcher, char *buf, size_t max, const struct watcher_pause *pause);
/* The reader is gone; drops its reference. */
void watcher_close(Watcher *watcher);

#endif /* VRM_AGENT_WATCH_H */
