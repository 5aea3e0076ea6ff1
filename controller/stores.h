/* stores.h - the datastores with heartbeat slots (ha/slot.h): which of them have some, and what
 * protects a VM.
 *
 * Shared datastores, those with the lowest ids: a host keeps slots on a few, and all must mean the
 * same few.  Authority numbers are those of ha/right.h.  Pure; any thread. */
#ifndef VRM_CONTROLLER_STORES_H
#define VRM_CONTROLLER_STORES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"

enum {
    STORES_MAX = 7
};

struct stores {
    size_t n;
    const Datastore *items[STORES_MAX]; /* borrowed from the snapshot, by id */
};

/* Those that VMs may be protected by from now on. */
void stores_find(const Snapshot *snap, struct stores *ret_stores);

/* Those on which hosts keep slots: with `slots` as stores_find() has it, but first those in `named`
 * (authorities, as GINT_TO_POINTER): a VM lives by them and nobody could prove it dead otherwise,
 * whatever was changed since it was started. */
void stores_keep(const Snapshot *snap, bool slots, GHashTable *named, struct stores *ret_stores);

/* NULL: no datastore of the snapshot. */
const Datastore *stores_of_authority(const Snapshot *snap, int32_t authority);

/* HA_LOCAL when the VM has disks and all of them are on local datastores; with `slots` the first of
 * its datastores that has slots; else HA_ETCD. */
int32_t stores_protector(const Snapshot *snap, const Vm *vm, bool slots);

/* "local", "etcd", "storage:NAME".  Free with g_free. */
char *stores_authority_name(const Snapshot *snap, int32_t authority);

#endif /* VRM_CONTROLLER_STORES_H */
