/* improve.h - better layouts: repair what is wrong, even out the rest, take back what does not pay.
 *
 * Internal to the scheduler.  Pure. */
#ifndef VRM_SCHEDULER_IMPROVE_H
#define VRM_SCHEDULER_IMPROVE_H

#include "scheduler/search.h"

/* Each returns true if it changed the layout. */
bool improve_repair(Search *search);    /* rules, shortage, overload */
bool improve_even(Search *search);      /* imbalance, by moves of VMs and bundles */
bool improve_even_more(Search *search); /* also by exchanges, from and to every host: dear */
bool improve_prune(Search *search);     /* moves home what is not worth its move */

/* Everything home again, and vm stays there. */
void improve_restart_without(Search *search, uint32_t vm);

#endif /* VRM_SCHEDULER_IMPROVE_H */
