/* vm_owed.h - starts that are owed: a VM was created with autoBoot, and its start waits until it
 * can be accepted; one event and the VM itself (start_wait) tell why it was refused.  It ends with
 * a start by somebody else, with the VM, when it becomes a template, or when a person ends it.
 *
 * Not stored: the finished CreateVmTask and the VM that never ran (run_gen 0) say it all, so the
 * next controller finds it out by itself.  Loop thread only. */
#ifndef VRM_CONTROLLER_VM_OWED_H
#define VRM_CONTROLLER_VM_OWED_H

#include "controller/app.h"

Owed *owed_new(struct app *app);
/* Forgets what is owed (before a reload). */
void owed_reset(Owed *owed);
void owed_free(Owed *owed);

/* Starts the VM that this task has created.  Nothing happens if owed is NULL (the controller ends).
 */
void owed_start(Owed *owed, const Task *created);
/* The VM waits to start. */
bool owed_waits(const Owed *owed, int64_t vm_id);
/* A person ends it: nothing is tried while the VM is written with a run_gen that is not 0, which
 * makes it so for the next controller too.  false: that has failed, or is done. */
void owed_end(Owed *owed, int64_t vm_id, bool ending);
/* After a take-over: what the last controller still owed to VMs it had created. */
void owed_resume(Owed *owed);

#endif /* VRM_CONTROLLER_VM_OWED_H */
