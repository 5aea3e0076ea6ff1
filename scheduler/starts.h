/* starts.h - where VMs that wait for their start go, all of them in one pass.
 *
 * Each counts those placed before it, for room, rules and the cluster's HA policy alike, as if they
 * had come one by one.  Pure; any thread. */
#ifndef VRM_SCHEDULER_STARTS_H
#define VRM_SCHEDULER_STARTS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/sched_params.h"

struct start_want {
    int64_t vm_id;
    int64_t host_id;  /* named by somebody; 0: the best one */
    bool recovery;    /* after a failure: takes of what admission control keeps free */
    int64_t leave_id; /* a host that only gets it if no other can have it; 0: none */
};

struct start_answer {
    int64_t host_id; /* 0: refused */
    char *why;       /* why there, with the best alternative and why it lost; NULL: refused */
    /* Refused: no host fits as place_vm says; the named one does not as filter_check_target says;
     * the HA policy would not hold: VRM_ERR_NO_CAPACITY with REASON_NO_RESOURCES, the numbers, and
     * what would be right. */
    GError *error;
};
void start_answer_clear(struct start_answer *answer);

/* No VM may be named twice.  Fills ret_answers[n]. */
void starts_place(const Snapshot *snap, const struct start_want *wants, size_t n,
                  const struct sched_params *params, struct start_answer *ret_answers);

#endif /* VRM_SCHEDULER_STARTS_H */
