/* vm_hang.h - guests that hang: the shell around ha/hang_fsm.h in vrmd.
 *
 * Each sample of a host's agent is a look at each of its VMs.  One whose guest hangs gets an event
 * and an alarm, and is reset if its policy (vmFaultProcess) says so: a VM whose right to run is
 * kept by HA is ended, and HA brings it back here or elsewhere, as after a crash; any other is
 * reset in place by a task.  Loop thread only. */
#ifndef VRM_CONTROLLER_VM_HANG_H
#define VRM_CONTROLLER_VM_HANG_H

#include "agentproto/msg.h"
#include "controller/app.h"

VmHangs *vm_hangs_new(struct app *app);
void vm_hangs_free(VmHangs *hangs);
/* Forgets everything (before a reload). */
void vm_hangs_reset(VmHangs *hangs);

/* The host that the VM is said to be on has sent a sample of it; interval_ms: since the one
 * before. */
void vm_hang_take(VmHangs *hangs, const Vm *vm, const struct domain_stats *stats,
                  int64_t interval_ms);

#endif /* VRM_CONTROLLER_VM_HANG_H */
