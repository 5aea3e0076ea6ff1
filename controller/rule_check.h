/* rule_check.h - can the rules be met that a call is about to write, or those of a group it
 * changes?
 *
 * The scheduler answers on a worker (scheduler/rules.h): many rules that hang together take longer
 * than the loop may stand still.  Whoever writes a rule or a group of a cluster also writes the
 * cluster, so of two at once the second is told to look again (REASON_OBJECT_CONFLICT).
 * Loop thread only. */
#ifndef VRM_CONTROLLER_RULE_CHECK_H
#define VRM_CONTROLLER_RULE_CHECK_H

#include "controller/call.h"

/* Takes the commit, which holds what the call (OP_CLUSTER_UPDATE or OP_GROUP_UPDATE) wants, made
 * from the inventory as it is now.  Hands it to submit if the answer is yes and the cluster is
 * still the same then; else the call fails. */
void rule_check(struct call *call, Commit *commit, int64_t cluster_id,
                void (*submit)(struct call *call, Commit *commit));

#endif /* VRM_CONTROLLER_RULE_CHECK_H */
