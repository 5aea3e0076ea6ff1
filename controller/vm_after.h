/* vm_after.h - may a VM be started again only after another one?
 *
 * Pure.  What is stored may still hold a ring, of two changes that were written at the same time,
 * or name a VM that has gone; who goes by it must not wait for ever. */
#ifndef VRM_CONTROLLER_VM_AFTER_H
#define VRM_CONTROLLER_VM_AFTER_H

#include <glib.h>
#include <stdbool.h>

#include "model/snapshot.h"

/* The VM that this one waits for, for who goes by it; 0: none.  Of a ring the VM with the lowest id
 * waits for nobody, so all of them come up; ret_ring (may be NULL): that is this one. */
int64_t vm_after_first(const Snapshot *snap, const Vm *vm, bool *ret_ring);

/* vm as it would be (id 0: new) in this inventory. */
bool vm_after_check(const Snapshot *snap, const Vm *vm, GError **error);

#endif /* VRM_CONTROLLER_VM_AFTER_H */
