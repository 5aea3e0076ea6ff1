/* place.h - on which host a VM starts, and what speaks for or against each host.
 *
 * Least-bad host by the objective of balance.h.  A VM whose location is a host (location_is_host)
 * starts there if it can; strategy "random" of the cluster picks any host that fits.
 * Pure; any thread. */
#ifndef VRM_SCHEDULER_PLACE_H
#define VRM_SCHEDULER_PLACE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/sched_params.h"

struct place_verdict {
    int64_t host_id;
    char *host_name;
    int filter_id;                      /* enum filter_id that excluded the host; 0: it fits */
    int64_t cpu_permille, mem_permille; /* load of the host with the VM */
    int64_t overload_mhz;               /* of the host with the VM */
    int64_t devices_permille;           /* in use with it, of the host's of its kinds */
    int64_t should_broken;              /* should-rules broken by this choice */
    int64_t imbalance;                  /* of the cluster with this choice, per mille */
    char *text;                         /* "cna2: needs 512 MiB, 301 MiB free" or the figures */
};

/* Owned by the caller; independent of the snapshot. */
typedef struct Placement {
    int64_t vm_id;
    int64_t host_id;                /* the choice; 0: no host fits */
    char *text;                     /* why this one; or why none, host by host */
    char *rejected;                 /* the next best host and why it lost; "" none */
    struct place_verdict *verdicts; /* one for each host of the cluster, ascending by id */
    size_t n_verdicts;
} Placement;

void placement_free(Placement *placement);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Placement, placement_free)

/* Picks a host for a VM that is to start.  No host: VRM_ERR_NO_CAPACITY (or VRM_ERR_CONFLICT when
 * only rules or states stand in the way) with FusionCompute's reason number and each host's reason
 * in the message.  Unknown VM or cluster: VRM_ERR_NOT_FOUND. */
bool place_vm(const Snapshot *snap, int64_t vm_id, const struct sched_params *params,
              Placement **ret_placement, GError **error);

/* The same table, also when no host fits (host_id 0); for "why not host X". */
bool place_explain(const Snapshot *snap, int64_t vm_id, const struct sched_params *params,
                   Placement **ret_placement, GError **error);

/* ---- for the scheduler itself --------------------------------------------------------------- */

struct Layout;

/* The choice for a VM that is nowhere in the layout, which is the same afterwards.  Verdicts are
 * there only if no host fits.  Caller frees. */
Placement *place_in(struct Layout *layout, uint32_t vm);
/* The same, but on the host `leave` (NO_INDEX: none) only if no other fits. */
Placement *place_away(struct Layout *layout, uint32_t vm, uint32_t leave);

/* The same on a host that somebody named; no filter is asked. */
Placement *place_on(struct Layout *layout, uint32_t vm, uint32_t host);

/* The error for a placement without a host. */
void place_error(const Placement *placement, GError **error);

#endif /* VRM_SCHEDULER_PLACE_H */
