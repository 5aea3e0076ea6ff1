/* grow.h - may a VM that runs be promised more: has its host that much left?
 *
 * Whether the HA policy bears it is admission_check_growth()'s.  Pure; any thread. */
#ifndef VRM_SCHEDULER_GROW_H
#define VRM_SCHEDULER_GROW_H

#include <glib.h>
#include <stdbool.h>

#include "model/snapshot.h"
#include "scheduler/sched_params.h"

/* grown: the VM as it is to be; only reservations that become more are looked at.
 * VRM_ERR_NO_CAPACITY with the field and what would be right.  Where memory is not overcommitted
 * a VM has all of its memory, and the reservation promises nothing more. */
bool grow_check(const Snapshot *snap, const Vm *grown, const struct sched_params *params,
                GError **error);

#endif /* VRM_SCHEDULER_GROW_H */
