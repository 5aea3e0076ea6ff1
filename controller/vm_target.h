/* vm_target.h - where a VM goes: asks the scheduler with the newest snapshot.  Loop thread only.
 *
 * Each stores a host id on success and fails with the scheduler's reason otherwise.  vm: as the
 * inventory has it.  wanted: a host named by a person, 0: the scheduler chooses. */
#ifndef VRM_CONTROLLER_VM_TARGET_H
#define VRM_CONTROLLER_VM_TARGET_H

#include <glib.h>
#include <stdbool.h>

#include "controller/app.h"

/* ret_why: in words, caller frees; may be NULL. */
bool vm_target_for_migration(const struct app *app, const Vm *vm, int64_t wanted,
                             int64_t *ret_host_id, char **ret_why, GError **error);
/* A host that can make the volumes of a VM that is being created (its own host, if it names one).
 */
bool vm_target_for_new(const struct app *app, const Vm *vm, int64_t *ret_host_id, GError **error);
/* A host that can remove the volumes of a stopped VM. */
bool vm_target_for_files(const struct app *app, const Vm *vm, int64_t *ret_host_id, GError **error);

#endif /* VRM_CONTROLLER_VM_TARGET_H */
