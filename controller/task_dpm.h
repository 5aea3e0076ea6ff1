/* task_dpm.h - tasks that put a host to sleep, wake it, or prove that it can be woken.
 *
 * Each is a row of other tasks, its children: MigrateAllVmsTask, PowerOffHostTask, PowerOnHostTask.
 * Which comes next follows from the newest child, so nothing else is remembered over a take-over.
 *
 *     SleepHostTask       empty, off
 *     WakeHostTask        on; off and on for one that has power and did not come back
 *     ProveHostWakeTask   empty, off, on
 *
 * From its beginning to its end a host that is to sleep takes no VMs (draining).  While it is being
 * emptied the task can be cancelled, and is given up when that lasts too long or the host enters
 * maintenance. */
#ifndef VRM_CONTROLLER_TASK_DPM_H
#define VRM_CONTROLLER_TASK_DPM_H

#include "controller/task.h"

extern const struct task_kind *const task_dpm_kinds[];
extern const size_t task_dpm_n_kinds;

/* Gives the emptying up; nothing happens once the power is concerned.  REASON_HOST_STATE: the host
 * may be tried again at once; another reason lets it rest. */
void task_dpm_give_up(struct run *run, int reason, const char *why);

#endif /* VRM_CONTROLLER_TASK_DPM_H */
