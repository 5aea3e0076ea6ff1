/* task_host.h - tasks about a host: joining, and emptying it for maintenance. */
#ifndef VRM_CONTROLLER_TASK_HOST_H
#define VRM_CONTROLLER_TASK_HOST_H

#include "controller/task.h"

extern const struct task_kind *const task_host_kinds[];
extern const size_t task_host_n_kinds;

#endif /* VRM_CONTROLLER_TASK_HOST_H */
