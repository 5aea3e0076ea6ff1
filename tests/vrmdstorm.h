/* vrmdstorm.h - clients that write without pause while the system is hurt, and what must be true
 * of it afterwards.
 *
 * Each client owns its VMs, so it knows what must have become of every write: done, refused, or in
 * doubt (no answer) until it has looked.  What it sees wrong ends up in storm_troubles(). */
#ifndef VRM_TESTS_VRMDSTORM_H
#define VRM_TESTS_VRMDSTORM_H

#include <stdint.h>

#include "tests/vrmdlab.h"

typedef struct Storm Storm;

/* The system must be there: site, cluster with hosts; cluster_urn is where VMs are made.  The
 * clients begin at once, in threads of their own. */
Storm *storm_begin(VrmdLab *lab, const char *site, const char *cluster_urn, uint64_t seed,
                   unsigned n_clients);
/* Waits until every client has ended what it was doing. */
void storm_end(Storm *storm);
/* Compares what was promised with what is: API, database, hosts.  Main thread, after storm_end. */
void storm_check(Storm *storm);
/* Everything wrong so far, a line each; "" is what we want.  g_free. */
char *storm_troubles(Storm *storm);
/* For people. */
char *storm_summary(Storm *storm);
void storm_free(Storm *storm);

#endif /* VRM_TESTS_VRMDSTORM_H */
