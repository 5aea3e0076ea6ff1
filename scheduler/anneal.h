/* anneal.h - better layouts by many small random changes.
 *
 * Greedy search ends where no single move pays.  From there on changes are proposed at random -
 * a move downhill, a VM back home, one VM instead of another, an exchange, a bundle - and taken
 * also if they make the soft part of the score a little worse; how much worse falls to nothing on
 * the way (threshold accepting, Dueck and Scheuer 1990: annealing without exponentials, hence the
 * same on every machine).  The best layout on the way is what remains.  Rules, shortage and
 * overload never get worse.
 *
 * Internal to the scheduler.  The budget is a number of proposals, never a time.  Pure. */
#ifndef VRM_SCHEDULER_ANNEAL_H
#define VRM_SCHEDULER_ANNEAL_H

#include "scheduler/search.h"

/* The same layout, seed and number of proposals give the same result.  True if it got better. */
bool anneal(Search *search, uint64_t seed, uint32_t n_proposals);

#endif /* VRM_SCHEDULER_ANNEAL_H */
