/* ha_count.h - what HA counts and another controller goes on with: how often a VM was brought back
 * in place within the hour, and how often a dead host was switched on again.
 *
 * What happens is written with the commit that tells of it, and read when this controller becomes
 * active.  There it stands by the wall clock; counted is by our own.  Loop thread only. */
#ifndef VRM_CONTROLLER_HA_COUNT_H
#define VRM_CONTROLLER_HA_COUNT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "controller/commit.h"

typedef struct HaCounts HaCounts;

/* Of a host since its last death. */
struct ha_tries {
    int64_t n;
    int64_t last_ms; /* our clock; 0: none */
    bool is_stored;  /* also as 0 tries, until ha_counts_forgotten() */
};

HaCounts *ha_counts_new(void);
void ha_counts_free(HaCounts *counts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HaCounts, ha_counts_free)

/* Everything anew, as stored (lists of db/store_ha.h; NULL: nothing).  A time in the future, by
 * another controller's clock, is now; one further ahead than an hour tells nothing. */
void ha_counts_restore(HaCounts *counts, const GPtrArray *restarts, const GPtrArray *power_ons);
/* From when on restarts are to be read; wall clock. */
int64_t ha_counts_since_ms(void);

/* The VM is brought back now; commit will say so. */
void ha_counts_restart(HaCounts *counts, int64_t vm_id, Commit *commit);
int64_t ha_counts_restarts(const HaCounts *counts, int64_t vm_id);

/* The host is switched on again now; commit will say so. */
void ha_counts_power_on(HaCounts *counts, int64_t host_id, Commit *commit);
/* ... which was not written. */
void ha_counts_undo(HaCounts *counts, int64_t host_id);
struct ha_tries ha_counts_tries(const HaCounts *counts, int64_t host_id);
/* It lives: the next death is counted from 0; commit will say so ... */
void ha_counts_forget(HaCounts *counts, int64_t host_id, Commit *commit);
/* ... and has. */
void ha_counts_forgotten(HaCounts *counts, int64_t host_id);

#endif /* VRM_CONTROLLER_HA_COUNT_H */
