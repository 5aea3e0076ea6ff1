/* inventory.h - the controller's one copy of the cluster: a single writer, many readers.
 *
 * The loop changes it through put/remove and publishes an immutable snapshot; inventory_snapshot()
 * may be called by any thread, all else by the loop only. */
#ifndef VRM_CONTROLLER_INVENTORY_H
#define VRM_CONTROLLER_INVENTORY_H

#include <stdbool.h>

#include "model/snapshot.h"

typedef struct Inventory Inventory;

Inventory *inventory_new(void);
void inventory_free(Inventory *inv);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Inventory, inventory_free)

/* What every snapshot published from now on says of it, also after a reset. */
void inventory_set_measuring(Inventory *inv, const struct measuring *measuring);

/* The builder to change; the change is published at the end of this loop turn, or at once by
 * inventory_publish() (before an API caller is answered, so that it reads its own write). */
SnapshotBuilder *inventory_edit(Inventory *inv);
void inventory_publish(Inventory *inv);

/* Called after each publication with the snapshot before and the one that is published now; one at
 * a time, NULL ends it. */
typedef void (*inventory_watch_fn)(const Snapshot *before, const Snapshot *now, void *user);
void inventory_watch(Inventory *inv, inventory_watch_fn fn, void *user);

/* As they stand in the builder, borrowed until they are changed; NULL: there is none. */
const Vm *inventory_find_vm(Inventory *inv, int64_t id);
const Host *inventory_find_host(Inventory *inv, int64_t id);

/* Forgets everything and starts from an empty builder (before a reload). */
void inventory_reset(Inventory *inv);

/* A new reference; never NULL.  Any thread. */
Snapshot *inventory_snapshot(Inventory *inv);

/* The published snapshot, borrowed until the next publication.  Loop only. */
const Snapshot *inventory_peek(Inventory *inv);

#endif /* VRM_CONTROLLER_INVENTORY_H */
