/* task_power.h - tasks that switch a host off or on by its BMC.
 *
 * Off: the host takes no VMs from the moment the task begins, is seen to be empty, loses its power,
 * and is "poweroff" from then on.  On: the power comes, then the agent must answer in time; the
 * host is "booting" meanwhile.  A wake-up that worked is the proof that the next one will.  Both
 * may be begun again after a take-over: what is done already is found so. */
#ifndef VRM_CONTROLLER_TASK_POWER_H
#define VRM_CONTROLLER_TASK_POWER_H

#include "controller/task.h"

extern const struct task_kind *const task_power_kinds[];
extern const size_t task_power_n_kinds;

/* CONFLICT with this reason if a VM is, or is about to be, on the host.  Reads the published
 * snapshot. */
bool task_power_check_empty(const struct app *app, const Host *host, int reason, GError **error);
/* The host has power again: what it slept is counted. */
void task_power_end_sleep(Host *host);

#endif /* VRM_CONTROLLER_TASK_POWER_H */
