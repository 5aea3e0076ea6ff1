/* watchcli.h - a client that watches {site}/events/stream, with a thread of its own. */
#ifndef VRM_TESTS_WATCHCLI_H
#define VRM_TESTS_WATCHCLI_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Watch Watch;

/* Logs in at the controller of this base URL, which must be the active one, and opens the stream
 * with this query ("" or "?types=vm").  last_id 0: none is sent. */
Watch *watch_open(const char *base, const char *site_path, const char *query, int64_t last_id);
/* Hangs up if it is not over. */
void watch_close(Watch *watch);

/* Waits until this has come; false: it did not within patience_ms, or the stream ended without. */
bool watch_wait(Watch *watch, const char *part, int64_t patience_ms);
/* The answer is over, or the connection. */
bool watch_wait_end(Watch *watch, int64_t patience_ms);
/* All that came; g_free. */
char *watch_text(Watch *watch);
/* Of the last message that came whole; every id must have been above the one before it, or that of
 * a beat equal to it.  -1: they were not; 0: there was none. */
int64_t watch_last_id(Watch *watch);

#endif /* VRM_TESTS_WATCHCLI_H */
