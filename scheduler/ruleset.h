/* ruleset.h - the rules of one cluster in dense form: VM and host indices instead of ids.
 *
 * Internal to the scheduler.  Groups are expanded; VMs that are not in the problem (stopped) are
 * left out; rules with no effect are dropped.  Pure. */
#ifndef VRM_SCHEDULER_RULESET_H
#define VRM_SCHEDULER_RULESET_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"

#define NO_INDEX UINT32_MAX

struct ruleset_rule {
    const Rule *rule;  /* borrowed from the snapshot */
    bool must;         /* must or must-not */
    bool by_rack;      /* RULE_APART: over racks, not hosts */
    uint32_t first, n; /* slice of Ruleset.members */
    uint32_t bits;     /* RULE_VM_HOST: first word of its hosts in Ruleset.bitmap */
};

typedef struct Ruleset {
    struct ruleset_rule *rules;
    uint32_t n_rules;
    uint32_t *members;  /* VM indices, ascending within a rule */
    uint32_t *vm_first; /* n_vms + 1 offsets into vm_rules */
    uint32_t *vm_rules; /* rule indices of each VM, ascending */
    uint64_t *bitmap;   /* allowed hosts, must-not already turned round */
    uint32_t n_words;   /* of one host bitmap */
} Ruleset;

/* vm and host: the problem's objects, both ascending by id. */
Ruleset *ruleset_new(const Snapshot *snap, int64_t cluster_id, const Vm *const *vm, uint32_t n_vms,
                     const Host *const *host, uint32_t n_hosts);
void ruleset_free(Ruleset *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ruleset, ruleset_free)

/* ret_rack[h]: the first host of h's rack; a host without a rack stands alone. */
void ruleset_find_racks(const Host *const *host, uint32_t n_hosts, uint32_t *ret_rack);

static inline bool ruleset_host_ok(const Ruleset *set, const struct ruleset_rule *rule,
                                   uint32_t host)
{
    return set->bitmap[rule->bits + host / 64] >> (host % 64) & 1;
}

/* The VM ids a rule is about: direct members and its VM group's, ascending, without doubles; caller
 * frees.  groups: look-up of a group by id, so that a tentative group can be tried. */
typedef const Group *(*ruleset_group_fn)(const void *ctx, int64_t group_id);
int64_t *ruleset_expand(const Rule *rule, ruleset_group_fn group, const void *ctx, size_t *ret_n);

/* ruleset_group_fn over a snapshot (ctx). */
const Group *ruleset_snapshot_group(const void *ctx, int64_t group_id);

#endif /* VRM_SCHEDULER_RULESET_H */
