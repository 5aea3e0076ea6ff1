/* ganeti_tags.h - Ganeti's migration, location and desired-location tags as our rules.
 *
 * Internal to ganeti_*.c.  Pure. */
#ifndef VRM_SCHEDULER_GANETI_TAGS_H
#define VRM_SCHEDULER_GANETI_TAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/ganeti.h"

struct ganeti_tags {
    const Ganeti *ganeti;
    SnapshotBuilder *builder;
    int64_t n_groups, n_rules; /* ids in use */
};

/* Adds must-rules for migration tags and should-rules for desired locations. */
void ganeti_tags_put(struct ganeti_tags *tags);

/* The node's first location tag, "" without; caller frees. */
char *ganeti_tags_location(const Ganeti *ganeti, const struct ganeti_node *node);
bool ganeti_tags_has_locations(const Ganeti *ganeti);

#endif /* VRM_SCHEDULER_GANETI_TAGS_H */
