/* runtime.h - the fields of inventory objects that live in memory only.
 *
 * A write to the database starts from a copy that may be older than the newest report of an agent;
 * these carry the newest runtime fields over before the written object is shown.  current may be
 * NULL (a new object).  Loop thread only. */
#ifndef VRM_CONTROLLER_RUNTIME_H
#define VRM_CONTROLLER_RUNTIME_H

#include "model/types.h"

void runtime_keep_vm(Vm *vm, const Vm *current);
void runtime_keep_rule(Rule *rule, const Rule *current);
void runtime_keep_host(Host *host, const Host *current);

#endif /* VRM_CONTROLLER_RUNTIME_H */
