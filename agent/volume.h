/* volume.h - the disk files of a VM: made by define, removed by undefine.
 *
 * Blocks on the storage: workers only. */
#ifndef VRM_AGENT_VOLUME_H
#define VRM_AGENT_VOLUME_H

#include <glib.h>
#include <stdbool.h>

#include "model/types.h"

/* Makes each missing file in its full size, sparse if thin, complete or not at all; an existing one
 * is used as it is.  On failure the files made by this call are removed again. */
bool volume_create_all(const Vm *vm, GError **error);

/* Removes the VM's files; a missing one is fine.  Tries all, reports the first failure. */
bool volume_remove_all(const Vm *vm, GError **error);

/* "none", or "writethrough" when some disk's storage refuses direct I/O (tmpfs). */
const char *volume_cache_mode(const Vm *vm);

#endif /* VRM_AGENT_VOLUME_H */
