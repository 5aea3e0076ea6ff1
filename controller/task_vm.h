/* task_vm.h - tasks about one VM: each is one intent, one agent command and one record.
 *
 * vm_verb.h says what each does, vm_order.h how one begins. */
#ifndef VRM_CONTROLLER_TASK_VM_H
#define VRM_CONTROLLER_TASK_VM_H

#include "controller/task.h"

/* For tasks_new(). */
extern const struct task_kind *const task_vm_kinds[];
extern const size_t task_vm_n_kinds;

#endif /* VRM_CONTROLLER_TASK_VM_H */
