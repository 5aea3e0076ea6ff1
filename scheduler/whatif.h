/* whatif.h - the cluster as it would be: with a plan carried out, hosts more or fewer, a rule
 * added.
 *
 * Each gives a new snapshot that shares all that does not change; the caller owns it.  Pure; any
 * thread. */
#ifndef VRM_SCHEDULER_WHATIF_H
#define VRM_SCHEDULER_WHATIF_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/plan.h"

/* A builder that holds what the snapshot holds; caller frees. */
SnapshotBuilder *whatif_builder(const Snapshot *snap);

/* Every VM of the plan where its last move takes it. */
Snapshot *whatif_moved(const Snapshot *snap, const Plan *plan);

/* The VM, which was down, running on the host; what was held for it is free for others. */
Snapshot *whatif_started(const Snapshot *snap, int64_t vm_id, int64_t host_id);

/* n empty hosts more, like the given one, named NAME-new1 ...  VRM_ERR_NOT_FOUND: no such host. */
Snapshot *whatif_add_hosts(const Snapshot *snap, int64_t like_id, uint32_t n, GError **error);

/* The host in maintenance: nothing goes there, what is there should leave. */
Snapshot *whatif_close_host(const Snapshot *snap, int64_t host_id, GError **error);

/* The host switched off (nothing is moved before), or on. */
Snapshot *whatif_power(const Snapshot *snap, int64_t host_id, bool on);

/* A rule in words, names with commas between them:
 *
 *     apart must web1,web2           together should app1,db1
 *     host must-not web1,web2 cna1,cna2
 *
 * Fails like rules_check: VRM_ERR_CONFLICT names the rules in the way; VRM_ERR_NOT_FOUND: a name.
 */
Snapshot *whatif_add_rule(const Snapshot *snap, int64_t cluster_id, const char *text,
                          GError **error);

/* Are the words a rule?  VRM_ERR_INVALID. */
bool whatif_check_rule(const char *text, GError **error);

#endif /* VRM_SCHEDULER_WHATIF_H */
