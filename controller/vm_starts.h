/* vm_starts.h - asks the scheduler where waiting VMs start: one pass over the newest snapshot, on a
 * worker, so that the loop does not wait.  Loop thread only. */
#ifndef VRM_CONTROLLER_VM_STARTS_H
#define VRM_CONTROLLER_VM_STARTS_H

#include "controller/app.h"
#include "scheduler/starts.h"

typedef struct StartsJob StartsJob;

/* answers: one for each want, to be read until it returns; NULL: the controller is stopping. */
typedef void (*vm_starts_fn)(struct start_answer *answers, size_t n, void *user);

/* Takes wants (g_malloc).  done is called once, never from inside the call; NULL, and nothing
 * happens, when the controller is stopping. */
StartsJob *vm_starts_ask(struct app *app, struct start_want *wants, size_t n, vm_starts_fn done,
                         void *user);
/* Its done will not be called any more; it frees itself.  NULL is fine. */
void vm_starts_forget(StartsJob *job);

#endif /* VRM_CONTROLLER_VM_STARTS_H */
