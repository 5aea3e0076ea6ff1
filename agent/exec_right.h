/* exec_right.h - the part of exec.c that asks vrm-hald: starts by a right, a migration's target,
 * giving rights back.
 *
 * Inner header of exec.c; workers only. */
#ifndef VRM_AGENT_EXEC_RIGHT_H
#define VRM_AGENT_EXEC_RIGHT_H

#include "agent/exec.h"

bool exec_is_by_right(const struct exec *exec);

enum exec_found {
    EXEC_ABSENT,
    EXEC_RUNS,          /* a start of this generation was carried out before */
    EXEC_RUNS_BY_RIGHT, /* and vrm-hald was asked */
};

/* Is the VM here?  What is left of a start or migration that died, and never ran or runs no more,
 * is ended first.  One of another generation is an error. */
bool exec_find_running(const struct exec *exec, enum exec_found *ret_found, GError **error);

/* Ask, make the process with its guest halted, ask again, let it run; whatever fails, nothing is
 * left of it but the reason. */
bool exec_start_by_right(const struct exec *exec, GError **error);
bool exec_resolve_start_by_right(const struct exec *exec, GError **error);
bool exec_receive(const struct exec *exec, GError **error);
bool exec_release(const struct exec *exec, GError **error);

/* Nothing of the VM is here any more, on purpose: its right goes back.  If vrm-hald cannot be told
 * now it is owed. */
void exec_give_up(const struct exec *exec);

#endif /* VRM_AGENT_EXEC_RIGHT_H */
