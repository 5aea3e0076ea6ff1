/* child.h - runs a helper program without ever blocking the loop.
 *
 * No shell; secrets go through its standard input, never its arguments; what it prints (both
 * outputs) is kept up to a bound; after a time limit it is killed with all it started.  Loop thread
 * only. */
#ifndef VRM_CONTROLLER_CHILD_H
#define VRM_CONTROLLER_CHILD_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Child Child;

struct child_result {
    int exit_code;  /* -1: ended by a signal */
    bool timed_out; /* killed by us after the limit */
    const char *output;
};

/* Called once, from the loop; the child is gone afterwards. */
typedef void (*child_done_fn)(const struct child_result *result, void *user);

/* argv: a program's path and its arguments; input: at most CHILD_INPUT_MAX bytes.  NULL when it
 * cannot be started (VRM_ERR_UNAVAILABLE, names the program). */
#define CHILD_INPUT_MAX  4096
#define CHILD_OUTPUT_MAX 8192
Child *child_start(const char *const *argv, const char *input, int64_t limit_ms, child_done_fn done,
                   void *user, GError **error);

/* Kills it; done is not called.  NULL is fine. */
void child_kill(Child *child);

#endif /* VRM_CONTROLLER_CHILD_H */
