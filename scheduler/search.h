/* search.h - better layouts: repair what is wrong, even out the rest, take back what does not pay.
 *
 * Internal to the scheduler.  Each accepted step makes the score better, so the search ends; ties
 * go to the smaller VM id, then the smaller host id.  Pure. */
#ifndef VRM_SCHEDULER_SEARCH_H
#define VRM_SCHEDULER_SEARCH_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "scheduler/layout.h"

/* What a change is good for. */
enum search_gain {
    GAIN_NONE,   /* worse, or not better */
    GAIN_SOFT,   /* imbalance that repays its cost */
    GAIN_SHOULD, /* should-rules */
    GAIN_URGENT, /* must-rules, memory shortage, CPU overload */
};

typedef struct Search {
    Layout *layout; /* borrowed */
    bool *banned;   /* VMs that stay where they are */
    int64_t noise;  /* MHz: less overload than this is not worth a move */
    uint32_t max_moves;
    bool full;                     /* max_moves stopped it */
    int64_t enough, enough_spread; /* per mille of imbalance, and of the hottest host above the
                                    * mean: evening out ends there */
    int64_t effort; /* tries left for the dear ways of repair: a number, never a time */
    /* VMs tied by must-keep-together rules, two or more: they move as one.  Slices of members. */
    uint32_t *members;
    uint32_t *first; /* n_bundles + 1 */
    uint32_t n_bundles;
} Search;

Search *search_new(Layout *layout);
void search_free(Search *search);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Search, search_free)

enum search_gain search_gain(const Search *search, const struct score *before,
                             const struct score *after);

/* Each returns true if it changed the layout. */
bool search_repair(Search *search); /* rules, shortage, overload */
bool search_even(Search *search);   /* imbalance */
bool search_prune(Search *search);  /* moves home what is not worth its move */

/* Everything home again, and vm stays there. */
void search_restart_without(Search *search, uint32_t vm);

#endif /* VRM_SCHEDULER_SEARCH_H */
