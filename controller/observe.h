/* observe.h - what the hosts say, held against what the inventory says.
 *
 * Level-triggered: each line of an agent updates the view of that host, then every VM it concerns
 * is compared again.  A VM that no task holds follows reality: it stopped by itself, was found on
 * another host after an interrupted migration, or runs where nobody expected it.  Loop thread
 * only. */
#ifndef VRM_CONTROLLER_OBSERVE_H
#define VRM_CONTROLLER_OBSERVE_H

#include <stdbool.h>

#include "controller/app.h"

Observe *observe_new(struct app *app);
void observe_free(Observe *observe);
/* Forgets all views (before a reload). */
void observe_reset(Observe *observe);

/* A host that is about to be connected after a take-over. */
void observe_await(Observe *observe, int64_t host_id);
/* Is there such a host of which nothing is known yet: neither its list nor why it does not come? */
bool observe_awaits(const Observe *observe);

/* Callbacks for agents_options. */
bool observe_hello(int64_t host_id, const struct agent_hello *hello, void *app, GError **error);
void observe_line(int64_t host_id, const struct watch_line *line, void *app);
void observe_link(int64_t host_id, bool up, const char *trouble, void *app);

/* Compares one VM again, e.g. after its task has ended. */
void observe_vm(Observe *observe, int64_t vm_id);
/* What is reported about it means nothing for some seconds: a task has just changed it, and the
 * hosts' reports may be older than the task's end. */
void observe_settle(Observe *observe, int64_t vm_id);
/* Does this host, connected now, report the VM as running or paused? */
bool observe_runs_on(Observe *observe, int64_t vm_id, int64_t host_id);
/* Has some host told of a command about the VM that is not over? */
bool observe_is_worked_on(const Observe *observe, int64_t vm_id);
/* Does the host say, now, whether it has the VM alive?  False: nobody can tell. */
bool observe_tells(const Observe *observe, const Vm *vm, int64_t host_id, bool *ret_runs);
/* Is what we know of this host what it says now? */
bool observe_hears(Observe *observe, int64_t host_id);
/* Does this host, connected now, report any guest as alive, known here or not? */
bool observe_has_guests(const Observe *observe, int64_t host_id);
void observe_forget_host(Observe *observe, int64_t host_id);

#endif /* VRM_CONTROLLER_OBSERVE_H */
