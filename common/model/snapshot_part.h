/* snapshot_part.h - one cluster of an inventory, for a file of its own.
 *
 * Pure; any thread. */
#ifndef VRM_MODEL_SNAPSHOT_PART_H
#define VRM_MODEL_SNAPSHOT_PART_H

#include <stdint.h>

#include "model/snapshot.h"

/* The cluster with its hosts, VMs (also those of others that are on its hosts or on their way
 * there), groups, rules, and all datastores.  Ids of what is not among them are left out, so that
 * snapshot_check() finds nothing.  The caller owns it; objects are shared. */
Snapshot *snapshot_part(const Snapshot *snap, int64_t cluster_id);

#endif /* VRM_MODEL_SNAPSHOT_PART_H */
