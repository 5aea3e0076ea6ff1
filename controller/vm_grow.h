/* vm_grow.h - a VM on a host that is to have more: whether its host has it and the HA policy bears
 * it is asked on a worker, and holds until it is written.  Loop thread only. */
#ifndef VRM_CONTROLLER_VM_GROW_H
#define VRM_CONTROLLER_VM_GROW_H

#include "controller/call.h"

/* Answers the call if its VM (op->vm) may not grow so.  Else write is called, once, in a turn
 * between orders (controller/vm_order.h), so that nothing is placed or grows meanwhile; whoever
 * writes ends the turn with vm_order_turn_over(). */
void vm_grow(struct call *call, void (*write)(struct call *call));

#endif /* VRM_CONTROLLER_VM_GROW_H */
