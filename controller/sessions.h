/* sessions.h - keeps who is logged in also in the database, so that clients work on after a change
 * of the controller.
 *
 * The API's table (api/auth.h) decides; this module writes log-ins and log-outs before they are
 * answered, and the times of last use some seconds later, in one statement.  While the database is
 * away sessions live in memory only, and are written when it is back.  Loop thread only. */
#ifndef VRM_CONTROLLER_SESSIONS_H
#define VRM_CONTROLLER_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/app.h"

Sessions *sessions_new(struct app *app);
void sessions_free(Sessions *sessions);

/* What the controller before us wrote (GPtrArray of Session); counts once in a process: after that
 * the table knows better. */
void sessions_restore(Sessions *sessions, const GPtrArray *stored);

/* stored: it outlives us.  Called exactly once, perhaps at once. */
typedef void (*sessions_done_fn)(bool stored, void *user);
/* A session that is being opened. */
void sessions_put(Sessions *sessions, const char *hash, int64_t user_id, sessions_done_fn done,
                  void *user);
/* One that was closed; what cannot be written now is written later. */
void sessions_drop(Sessions *sessions, const char *hash, sessions_done_fn done, void *user);

#endif /* VRM_CONTROLLER_SESSIONS_H */
