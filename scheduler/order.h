/* order.h - from "who shall be where" to moves in an order that is safe at every moment.
 *
 * Internal to the scheduler.  A VM that moves holds memory on both hosts and stands on both for
 * keep-apart rules.  Each step lists the steps that must have ended before it starts; whatever
 * starts when its list is done, in any order and with any durations, no host carries more memory,
 * vCPUs or reserved MHz than it may and no keep-apart must-rule breaks that was not broken before.
 * No host gets more CPU demand than it had, will have and can carry, as far as that is possible:
 * two full hosts that exchange VMs cannot avoid it.  (A keep-together set that moves as a whole is
 * split while it is on its way; nothing can be done about that.) Pure. */
#ifndef VRM_SCHEDULER_ORDER_H
#define VRM_SCHEDULER_ORDER_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "scheduler/layout.h"

struct order_step {
    uint32_t vm, from, to;
    bool detour;       /* first leg over a spare host */
    bool pressing;     /* mends a rule, relieves a host that is full when its turn comes, or lets
                        * such a step go */
    uint32_t *depends; /* indices of earlier steps, ascending */
    size_t n_depends;
    int64_t start_ms, length_ms;
};
VEC_DECLARE(order_step_vec, struct order_step);
VEC_DECLARE(order_vm_vec, uint32_t);

typedef struct Order {
    struct order_step_vec steps; /* by expected start */
    struct order_vm_vec dropped; /* VMs for which no order exists: they stay at home */
    int64_t makespan_ms;
} Order;

/* How a VM's move ranks: urgent ones first; when something must be dropped, the least urgent and
 * least valuable.  From ORDER_PRESSING on, a detour may overload the spare host for a while. */
#define ORDER_PRESSING 2
struct order_rank {
    int urgency;
    int64_t value;
};

/* Moves from home to target->at.  rank: by VM index. */
Order *order_new(const Layout *target, const struct order_rank *rank);
void order_free(Order *order);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Order, order_free)

#endif /* VRM_SCHEDULER_ORDER_H */
