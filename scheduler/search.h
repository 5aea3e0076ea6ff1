/* search.h - single changes of a layout: which are open, what each would gain, the best one done.
 *
 * Moves of one VM, of all VMs that must stay together, exchanges of two VMs, and making room for
 * one.  improve.h strings them together.  Internal to the scheduler.  Each accepted change makes
 * the score better, so every search ends; ties go to the smaller VM id, then the smaller host id.
 * Pure. */
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

/* A move of vm to `to`; with other != NO_INDEX also other to other_to; with bundle != NO_INDEX of
 * all that bundle's VMs (vm is its first). */
struct candidate {
    bool found;
    uint32_t vm, to;
    uint32_t other, other_to;
    uint32_t bundle;
    struct score score;
};

/* May the VM be moved at all?  Notes in full that only max_moves bars it. */
bool search_may_leave(Search *search, uint32_t vm);
/* A VM that moved lately is only moved again for urgent reasons. */
enum search_gain search_least_gain(const Search *search, uint32_t vm, enum search_gain wanted);
/* The VMs of a host by id (g_free); the host's own list changes with each move. */
uint32_t *search_list_vms(const Layout *layout, uint32_t host, size_t *ret_n);

/* Replaces *best by the candidate if that is better, or the first. */
void search_offer(const Search *search, struct candidate *best, const struct candidate *candidate);

/* Each replaces *best (to begin with all zero) by a better change, if it finds one; the layout is
 * as before.  search_consider is for a VM that may leave; the others see to that themselves. */
void search_consider(Search *search, uint32_t vm, uint32_t to, enum search_gain wanted,
                     struct candidate *best);
/* To every host. */
void search_consider_all(Search *search, uint32_t vm, enum search_gain wanted,
                         struct candidate *best);
void search_consider_bundle(Search *search, uint32_t bundle, uint32_t to, enum search_gain wanted,
                            struct candidate *best);
void search_consider_bundle_all(Search *search, uint32_t bundle, enum search_gain wanted,
                                struct candidate *best);
/* A VM of `from` against a VM of `to`. */
void search_consider_exchanges(Search *search, uint32_t from, uint32_t to, struct candidate *best);
/* To a host from which another VM has to go first. */
void search_consider_room(Search *search, uint32_t vm, struct candidate *best);

/* Carries it out; false if none was found. */
bool search_accept(Search *search, const struct candidate *best);

#endif /* VRM_SCHEDULER_SEARCH_H */
