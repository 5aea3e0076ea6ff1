/* snapshot_check.h - does an inventory that somebody else wrote hold together?
 *
 * A file may have been edited by hand: ids that lead nowhere, names that are missing or not clear.
 * Who plans over it must not guess.  Pure; any thread. */
#ifndef VRM_MODEL_SNAPSHOT_CHECK_H
#define VRM_MODEL_SNAPSHOT_CHECK_H

#include <glib.h>
#include <stdbool.h>

#include "model/snapshot.h"

/* Policies are of a known kind; every id that an object names is there, or 0; clusters, hosts and
 * VMs have names, which no other has (VMs that their UUIDs tell apart may share one, as in a site).
 * Fails with VRM_ERR_INVALID and the path in the JSON form: "vms[3].hostId = 999: want ...". */
bool snapshot_check(const Snapshot *snap, GError **error);

#endif /* VRM_MODEL_SNAPSHOT_CHECK_H */
