/* right_keep.h - keeps rights and what really runs together, beside the tasks.
 *
 *   A VM that runs without a right (it was started before [ha] was on) is given one: a record that
 *   names its host, then its vrm-hald is asked to take it in, which claims it.
 *   Records that nobody needs any more go: of VMs and hosts that were deleted, tombstones of lives
 *   that no VM's record names.  In small steps, each guarded by what it was decided by.
 *
 * Level-triggered, once a second.  Loop thread only. */
#ifndef VRM_CONTROLLER_RIGHT_KEEP_H
#define VRM_CONTROLLER_RIGHT_KEEP_H

#include <stdint.h>

#include "controller/app.h"

RightKeep *right_keep_new(struct app *app);
void right_keep_free(RightKeep *keep);
void right_keep_start(RightKeep *keep);
/* Forgets what is under way (before a reload). */
void right_keep_reset(RightKeep *keep);

/* The VM was deleted: its record goes now, not with the next sweep.  keep NULL: nothing. */
void right_keep_forget_vm(RightKeep *keep, int64_t vm_id);

/* For tests: one look at running VMs; one sweep as of now_ms. */
void right_keep_look(RightKeep *keep);
void right_keep_sweep(RightKeep *keep, int64_t now_ms);

#endif /* VRM_CONTROLLER_RIGHT_KEEP_H */
