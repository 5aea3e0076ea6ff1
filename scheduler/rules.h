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
bool rules_check_change(const Snapshot *snap, int64_t cluster_id, const struct rules_change *change,
                        GError **error);

/* The same for a group about to be changed, with the rules that use it. */
bool rules_check_group(const Snapshot *snap, const Group *candidate, GError **error);

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

#endif /* VRM_SCHEDULER_RULES_H */
