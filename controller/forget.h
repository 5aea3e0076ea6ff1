/* forget.h - what goes along with a deleted object: the database's ON DELETE rules, in memory.
 *
 * Call before the object itself is removed from the builder.  Generations stay as they are, because
 * the database changes none either.  Loop only. */
#ifndef VRM_CONTROLLER_FORGET_H
#define VRM_CONTROLLER_FORGET_H

#include "model/snapshot.h"

/* Groups and rules lose the member. */
void forget_uses_of_vm(SnapshotBuilder *builder, int64_t vm_id);
/* Groups and fail-over hosts lose the member; VMs that ran there last have run nowhere. */
void forget_uses_of_host(SnapshotBuilder *builder, int64_t host_id);
/* Its groups, rules and DRS report go. */
void forget_parts_of_cluster(SnapshotBuilder *builder, int64_t cluster_id);

#endif /* VRM_CONTROLLER_FORGET_H */
