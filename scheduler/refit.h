/* refit.h - do the VMs of hosts that died fit on the others?
 *
 * Internal to the scheduler.  The layout is the same afterwards.  Pure. */
#ifndef VRM_SCHEDULER_REFIT_H
#define VRM_SCHEDULER_REFIT_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/layout.h"

struct refit {
    uint32_t n_vms, n_unguarded, n_tied, n_lost;
    int64_t lost_mb;
    uint32_t first_lost; /* VM, NO_INDEX: none */
};

/* What becomes of a VM of a dead host. */
enum refit_end {
    REFIT_RESTARTS,
    REFIT_LOST,      /* no host takes it */
    REFIT_TIED,      /* to its host */
    REFIT_UNGUARDED, /* HA is off for it */
};

struct refit_fate {
    uint32_t vm, to; /* NO_INDEX: nowhere */
    enum refit_end end;
    char *text; /* why nowhere; NULL: it restarts */
};
VEC_DECLARE(refit_fates, struct refit_fate);
/* With the texts. */
void refit_fates_free(struct refit_fates *fates);

/* Of one host, VM by VM in order of their ids. */
void refit_fates_of(Layout *layout, uint32_t host, struct refit_fates *ret_fates);

/* dead: n_dead hosts.  allowed: hosts that may take VMs, NULL: all that are usable. */
struct refit refit_try(Layout *layout, const uint32_t *dead, uint32_t n_dead, const bool *allowed);

/* Why the first lost VM of such a try has no place, asked while the others stand where they would
 * go. */
struct refit_why {
    bool room;       /* a host would take it if it had more room (memory, CPU, devices) */
    bool rules;      /* otherwise: rules keep it from at least one that is usable */
    int64_t most_mb; /* the most memory that a host which only lacks memory has free now; -1: memory
                        is not what is missing */
    char *text;      /* "rule 'pin' allows only cna3", or host by host; caller frees */
};
void refit_why(Layout *layout, const uint32_t *dead, uint32_t n_dead, const bool *allowed,
               struct refit_why *ret_why);

/* The n hosts whose loss would be the hardest: with the most committed memory, or (by_size) the
 * most memory; only usable ones.  Gives how many there are, at most n. */
uint32_t refit_hardest(const Layout *layout, uint32_t n, bool by_size, uint32_t *ret_hosts);

#endif /* VRM_SCHEDULER_REFIT_H */
