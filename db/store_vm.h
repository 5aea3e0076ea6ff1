/*~ store_vm.h - VMs with their disks and NICs.
 *
 * A disk is a volume (a file on a datastore) and its attachment to the VM; here they travel
 * together.  See store_cluster.h for the rules of all stores. */
#ifndef VRM_DB_STORE_VM_H
#define VRM_DB_STORE_VM_H

#include "db/db.h"
#include "model/types.h"

/* Runtime fields are as vm_new() makes them. */
bool store_vm_list(Db *db, GPtrArray **ret_vms, GError **error);
/* Disks with volume_id 0 get a new volume and its id; others are attached. */
bool store_vm_insert(Db *db, Vm *vm, GError **error);
/* Everything, disks and NICs too.  The volume of a disk that is no longer listed stays. */
bool store_vm_update(Db *db, Vm *vm, GError **error);
/* Only what changes while it runs: status, host_id, run_gen, moved_ms, CPU, why it is where it is.
 */
bool store_vm_update_run(Db *db, Vm *vm, GError **error);
/* With volumes: also the volumes that no other VM has attached. */
bool store_vm_delete(Db *db, int64_t id, int64_t generation, bool with_volumes, GError **error);

#endif /* VRM_DB_STORE_VM_H */
