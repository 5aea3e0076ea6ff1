/* vm_owed.h - starts that are owed: a VM was created with autoBoot, and its start is tried until it
 * is accepted or the time is over, which an event tells.
 *
 * Not stored: the finished CreateVmTask and the VM that never ran say it all, so the next
 * controller finds it out by itself.  Loop thread only. */
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
/* After a take-over: what the last controller still owed to VMs it had created. */
void owed_resume(Owed *owed);

#endif /* VRM_CONTROLLER_VM_OWED_H */
