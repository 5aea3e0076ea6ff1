/* role.h - what this vrmd is: standby, becoming active, active; and how it gets its state.
 *
 * Elected by etcd, it takes the epoch to PostgreSQL, loads everything, connects to the agents and
 * resumes unfinished tasks; only then it is active.  On any doubt about what the database holds it
 * does the same again (role_reload): one recovery path for take-over, lost answers and lost
 * connections.  Deposed, the program re-executes itself.  Loop thread only. */
#ifndef VRM_CONTROLLER_ROLE_H
#define VRM_CONTROLLER_ROLE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "controller/app.h"
#include "controller/leader.h"

struct controller_status;

struct role_events {
    void (*on_deposed)(const char *why);  /* start anew as a standby */
    void (*on_hopeless)(const char *why); /* a person must decide: end */
};
Role *role_new(struct app *app, HttpClient *etcd_http, const struct role_events *events);
void role_free(Role *role);
void role_start(Role *role);

/* The epoch under which we may act right now; 0: we may not (not active, or the lease has run out,
 * or a reload is under way). */
int64_t role_epoch(const Role *role);
/* Active, or reading everything again: what is in memory may be shown. */
bool role_is_active(const Role *role);

/* Reads everything again once the database answers. */
void role_reload(Role *role, const char *why);
/* The database went away or came back. */
void role_database_link(Role *role);
/* Somebody has seen a higher epoch. */
void role_deposed(Role *role, const char *why);

void role_status(const Role *role, struct controller_status *ret_status);
/* Gives leadership back; done within 2 s. */
void role_resign(Role *role, void (*done)(void *user), void *user);

#endif /* VRM_CONTROLLER_ROLE_H */
