/* vm_files.h - which of a VM's disk files go with it when it is deleted.
 *
 * Pure; any thread. */
#ifndef VRM_CONTROLLER_VM_FILES_H
#define VRM_CONTROLLER_VM_FILES_H

#include "model/snapshot.h"

/* Takes the disks out of vm (a private copy) whose files must stay: all with keep_all, else those
 * that another VM has, too. */
void vm_files_drop_kept(const Snapshot *snap, bool keep_all, Vm *vm);

#endif /* VRM_CONTROLLER_VM_FILES_H */
