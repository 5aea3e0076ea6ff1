/* rulefit.h - can a set of must-rules be met at all, by any placement on these hosts?
 *
 * Looks at what the rules say, not at what fits: no load, no memory.  Only VMs that rules tie to
 * some of the hosts can make it impossible: the others could always have one more host.  Internal
 * to the scheduler.  Pure. */
#ifndef VRM_SCHEDULER_RULEFIT_H
#define VRM_SCHEDULER_RULEFIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/state.h"

struct rulefit_fact {
    enum rule_type type;
    const uint32_t *nodes; /* the rule's VMs */
    size_t n;
    const uint64_t *hosts; /* RULE_VM_HOST: bitmap of those it allows */
    const uint32_t
        *slots; /* RULE_APART: where hosts count as one place (racks); NULL: each alone */
};

struct rulefit {
    const struct rulefit_fact *facts;
    size_t n_facts;
    uint32_t n_nodes, n_hosts;
    int64_t
        *budget; /* effort left for all questions together, about a host looked at for a VM each;
                    <= 0: it is used up */
};

/* True only if it is proven that no placement meets all facts f with !off[f] (NULL: all).  The
 * effort is bounded: what is too hard to prove counts as possible. */
bool rulefit_impossible(const struct rulefit *fit, const bool *off);

/* The facts without any of which the rest could be met: on return off[f] is true for those that do
 * not matter.  On entry off names facts to leave out; what is left must be impossible.  Once the
 * budget is used up what is left is still impossible, but may hold facts that do not matter. */
void rulefit_core(const struct rulefit *fit, bool *off);

/* Leaves out every keep-apart fact that cannot be met by itself beside the other kinds; true if
 * there is any.  False if those alone are impossible. */
bool rulefit_drop_tight(const struct rulefit *fit, bool *off);

#endif /* VRM_SCHEDULER_RULEFIT_H */
