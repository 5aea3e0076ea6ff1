/* ganeti_score.h - the score that hbal minimises, for a placement of Ganeti's instances.
 *
 * A weighted sum of standard deviations over the online nodes of a group: free memory and vCPUs for
 * each thread in proportion to the node, and the plain sums of the four loads; to which come
 * exclusion tags in conflict and instances on offline nodes.  Kept up to date by running integer
 * sums, so that any way to the same placement gives the same score.
 *
 * What N+1 of mirrored instances (drbd), spindles of local disks and locations add is left out: the
 * score is then lower than hbal's, which ganeti_score_is_whole tells.
 *
 * Pure; one thread at a time. */
#ifndef VRM_SCHEDULER_GANETI_SCORE_H
#define VRM_SCHEDULER_GANETI_SCORE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/ganeti.h"

/* A score of 1. */
#define GANETI_SCORE_ONE INT64_C(1000000)

typedef struct GanetiScore GanetiScore;

/* The group's instances where the file has them; borrows `ganeti`.  Instances and nodes are named
 * by their index in the file (id - 1 in its snapshot). */
GanetiScore *ganeti_score_new(const Ganeti *ganeti, int64_t cluster_id);
void ganeti_score_free(GanetiScore *score);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GanetiScore, ganeti_score_free)

/* The part that depends on who is where, without conflicts and offline nodes. */
int64_t ganeti_score_value(const GanetiScore *score);
/* The same if the instance were on that node. */
int64_t ganeti_score_try(const GanetiScore *score, uint32_t instance, uint32_t node);
void ganeti_score_move(GanetiScore *score, uint32_t instance, uint32_t node);

/* The whole score of the instances where `snap` (made by ganeti_snapshot, or a later state) has
 * them. */
int64_t ganeti_score_of(const Ganeti *ganeti, int64_t cluster_id, const Snapshot *snap);
/* No instance of the group is mirrored or on local disks, and there are no locations: the score
 * equals hbal's. */
bool ganeti_score_is_whole(const Ganeti *ganeti, int64_t cluster_id);

#endif /* VRM_SCHEDULER_GANETI_SCORE_H */
