/* vm_mac.h - MAC addresses for network cards that came without one.
 *
 * Pure but for the randomness, which comes in; any thread. */
#ifndef VRM_CONTROLLER_VM_MAC_H
#define VRM_CONTROLLER_VM_MAC_H

#include "model/snapshot.h"

/* Fills buf with len random bytes: rng_secret(). */
typedef void (*vm_mac_random_fn)(void *buf, size_t len);

/* Gives each card of vm without an address one that no card in the inventory and none of vm's own
 * has. */
void vm_mac_fill(const Snapshot *snap, vm_mac_random_fn random, Vm *vm);

#endif /* VRM_CONTROLLER_VM_MAC_H */
