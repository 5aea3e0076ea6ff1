/* release.h - gives back the leadership of a vrmd that has died without doing so.
 *
 * For systemd's ExecStopPost (vrmd --release): a standby then takes over at once, not when the
 * lease lapses.  What makes this safe is not that the process is gone, but what makes every
 * take-over safe: guards and epochs.  Runs a loop of its own for some seconds at most. */
#ifndef VRM_CONTROLLER_RELEASE_H
#define VRM_CONTROLLER_RELEASE_H

#include <glib.h>
#include <stdbool.h>

#include "base/httpc.h"

struct release_options {
    const char *const *endpoints; /* as in leader.h */
    const char *prefix;
    const char *name; /* whose leadership; nobody else's is touched */
    HttpClient *http;
};

/* *ret_released: it led, and leads no more; false: it did not lead.  Fails when no endpoint
 * answers: the lease lapses by itself then. */
bool release_leadership(const struct release_options *options, bool *ret_released, GError **error);

#endif /* VRM_CONTROLLER_RELEASE_H */
