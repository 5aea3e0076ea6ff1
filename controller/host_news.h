/* host_news.h - which change of a host's state is worth an event, and in what words.
 *
 * Pure.  Only what was announced is called over again: after a take-over, which starts from
 * nothing, the first word of a host is no news. */
#ifndef VRM_CONTROLLER_HOST_NEWS_H
#define VRM_CONTROLLER_HOST_NEWS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/state.h"

/* What people know of a host; zero: nothing yet. */
struct host_news {
    enum host_status told;
    int64_t since_ms;
};

struct host_now {
    enum host_status status; /* normal, fault or unknown */
    int64_t since_ms;        /* of its trouble */
    int64_t now_ms;
    const char *name, *reason;
};

struct host_news_item {
    enum event_severity severity;
    const char *event; /* static */
    char *text;        /* owned by the caller */
};

/* False: nothing new, ret_item is untouched. */
bool host_news_take(struct host_news *news, const struct host_now *now,
                    struct host_news_item *ret_item);

#endif /* VRM_CONTROLLER_HOST_NEWS_H */
