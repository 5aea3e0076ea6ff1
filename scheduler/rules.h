/* rules.h - placement rules: contradictions when one is written, breaches when one is broken.
 *
 * Must-rules forbid, should-rules cost.  A rule without VMs, or a VM-to-host rule whose host
 * group is missing or empty, has no effect (clients make them empty and fill them later).  Pure;
 * any thread. */
#ifndef VRM_SCHEDULER_RULES_H
#define VRM_SCHEDULER_RULES_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/sched_params.h"

/* May candidate be added to its cluster, or replace the rule with the same id?  VRM_ERR_INVALID: it
 * is malformed or names VMs or groups that do not exist or are of another cluster.
 * VRM_ERR_CONFLICT with REASON_RULES_CONFLICT: no placement could ever satisfy it and the other
 * must-rules together; the message names rules and VMs. */
bool rules_check(const Snapshot *snap, const Rule *candidate, GError **error);

/* Several changes that are made at once: they are judged together, not one after the other. */
struct rules_change {
    const Rule *const *put; /* new (id 0), or replacing the rule with the same id */
    size_t n_put;
    const int64_t *dropped; /* ids of rules to delete */
    size_t n_dropped;
};
/* *ret_unsure (may be NULL): so many rules hang together that a contradiction may have been
 * overlooked: the effort is bounded. */
bool rules_check_change(const Snapshot *snap, int64_t cluster_id, const struct rules_change *change,
                        bool *ret_unsure, GError **error);

/* The same for a group about to be changed, with the rules that use it. */
bool rules_check_group(const Snapshot *snap, const Group *candidate, bool *ret_unsure,
                       GError **error);

/* A rule that running VMs break now. */
struct rule_breach {
    int64_t rule_id;
    char *rule_name;
    bool must;
    char *text; /* "keep-apart 'web' is broken: web1 and web2 are both on cna1" */
};

/* Owned by the caller, independent of the snapshot; ascending by rule id. */
typedef struct RuleBreaches {
    struct rule_breach *items;
    size_t n_items;
} RuleBreaches;

void rule_breaches_free(RuleBreaches *breaches);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RuleBreaches, rule_breaches_free)

RuleBreaches *rules_breaches(const Snapshot *snap, int64_t cluster_id);
/* The same in an assignment that is only thought of. */
struct Layout;
RuleBreaches *rules_breaches_at(const struct Layout *layout);

/* How each rule of a cluster stands: met, broken (moves can mend it), unsatisfiable (no moves can,
 * as things are). */
struct rule_verdict {
    int64_t rule_id;
    bool must;
    enum rule_state state;
    char *text; /* "" if it is met (or why it binds nothing); else the breach, and for what cannot
                 * be mended what is in the way of each VM, host by host */
};
typedef struct RuleVerdicts {
    struct rule_verdict *items; /* ascending by rule id */
    size_t n_items;
} RuleVerdicts;
void rule_verdicts_free(RuleVerdicts *verdicts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RuleVerdicts, rule_verdicts_free)

/* Tries in a copy whether moves would mend what is broken; the level of DRS does not matter.  Fails
 * with VRM_ERR_NOT_FOUND for an unknown cluster. */
bool rules_judge(const Snapshot *snap, int64_t cluster_id, const struct sched_params *params,
                 RuleVerdicts **ret_verdicts, GError **error);

/* ---- for the scheduler itself --------------------------------------------------------------- */

/* Does the VM stand wrong by the rule with this index? */
bool rules_is_misplaced(const struct Layout *layout, uint32_t rule, uint32_t vm);

/* Does any of the rule's VMs? */
bool rules_is_broken(const struct Layout *layout, uint32_t rule);

#endif /* VRM_SCHEDULER_RULES_H */
