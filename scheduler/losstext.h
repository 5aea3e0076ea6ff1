/* losstext.h - a host's death in a sentence: how many of its VMs fit elsewhere, or which one does
 * not and why.
 *
 * Internal to the scheduler.  Pure. */
#ifndef VRM_SCHEDULER_LOSSTEXT_H
#define VRM_SCHEDULER_LOSSTEXT_H

#include "scheduler/refit.h"

/* refit: of this host alone.  *ret_why without its text: what keeps the first lost VM from a place
 * (room if none is lost).  Caller frees the answer. */
char *losstext_host(Layout *layout, uint32_t host, const struct refit *refit,
                    struct refit_why *ret_why);

#endif /* VRM_SCHEDULER_LOSSTEXT_H */
