/* dpm_need.h - does a world need one host more?  How full it is, what HA promises, who waits.
 *
 * Internal to DPM (dpm.c).  Every "what if" is a scratch copy of the snapshot, judged anew.
 * Pure. */
#ifndef VRM_SCHEDULER_DPM_NEED_H
#define VRM_SCHEDULER_DPM_NEED_H

#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/dpm.h"
#include "scheduler/problem.h"

/* One world in figures. */
struct dpm_picture {
    uint32_t n_hosts;                            /* that are on */
    int64_t used[N_RESOURCES], cap[N_RESOURCES]; /* of all VMs; of hosts that are on */
    int64_t overload, shortage, crowd, must, should;
    int64_t hottest; /* per mille */
};

/* What worlds are judged by. */
struct dpm_judge {
    const struct dpm_params *params;
    const Cluster *cluster;
    const struct dpm_level *level;
    uint32_t n_fail;             /* hosts may fail, beside HA's own policy */
    int64_t growth[N_RESOURCES]; /* expected while a host boots */
    int64_t *waiting;            /* VMs that are to start: those for which there could be room */
    size_t n_waiting;
    bool asked; /* a person asks for one host: should-rules do not block */
};

/* On, or off and empty. */
void dpm_set_power(SnapshotBuilder *world, int64_t host_id, bool on);

bool dpm_read_picture(const Snapshot *snap, int64_t cluster_id, const struct sched_params *params,
                      struct dpm_picture *ret, GError **error);
/* Per mille of the fuller resource, with so much more demand (NULL: none). */
int64_t dpm_fullness(const struct dpm_picture *picture, const int64_t *growth);

/* With HA one host may fail at any time, whatever policy is set beside; spare hosts are the same
 * promise made by DPM. */
uint32_t dpm_hosts_to_fail(const Cluster *cluster, const struct dpm_params *params);

/* What the policy of HA or the spare hosts lack; NULL if nothing.  Caller frees. */
char *dpm_failure_trouble(const struct dpm_judge *j, const Snapshot *snap);

/* Why this world needs one host more; NULL if it does not.  Caller frees. */
char *dpm_need(const struct dpm_judge *j, const Snapshot *snap);

#endif /* VRM_SCHEDULER_DPM_NEED_H */
