/* ha_wish.h - what HA is to do for a VM: from its status, its policy and its record.
 *
 * Whether a VM should run is its stored status and nothing else: what a person stopped, or what
 * ended as its guest wished, is stopped; VM_FAULT_RESUMING is a VM that is down and should not be.
 * Pure; any thread. */
#ifndef VRM_CONTROLLER_HA_WISH_H
#define VRM_CONTROLLER_HA_WISH_H

#include <stdbool.h>

#include "ha/ha.h"
#include "model/types.h"

/* The policy of the VM in its cluster (NULL: none), without id, authority and after. */
void ha_wish_policy(const Vm *vm, const Cluster *cluster, struct ha_vm_spec *ret_spec);
/* Does any policy ever start it again? */
bool ha_wish_is_guarded(const Vm *vm, const Cluster *cluster);

/* Is HA to see to it that the VM runs?  seen: its record; NULL: it has none.  A VM that counts as
 * running is left alone unless its record says the same as the inventory: one that was started
 * without a right has none, or an old one. */
bool ha_wish_is_wanted(const Vm *vm, const Cluster *cluster, const struct ha_vm_seen *seen);

/* How a VM's end, as its host's hypervisor tells it, is meant. */
enum ha_wish_end {
    HA_WISH_STOPPED,  /* somebody wanted it: the guest, a person on the host */
    HA_WISH_CRASHED,  /* nobody did */
    HA_WISH_GIVEN_UP, /* its host, which was cut off, shut it down for others to start it */
    HA_WISH_LOST,     /* nobody said how: the host may have been away */
};
enum ha_wish_end ha_wish_judge_end(const char *how);

#endif /* VRM_CONTROLLER_HA_WISH_H */
