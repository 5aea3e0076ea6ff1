/* dpm.h - which host could sleep, which must wake (DPM).
 *
 * "Host absent" is judged by the engine that empties a host: every VM must have a place by all
 * rules and capacities, the rest must stay below a load, and what HA promises must hold with the
 * largest remaining hosts failing.  A host sleeps only if a wake-up of it was proven lately.  One
 * host sleeps at a time; as many wake as are needed.
 *
 * Two pictures of the same cluster, with loads over different windows: a long one, after which a
 * host may sleep, and a short one, by which hosts are woken.  What the short one has gained over
 * the long one is taken to be gained once more while a host boots.  Waking starts well above the
 * load that is allowed to be left by sleeping: that is the hysteresis.
 *
 * Only hosts that DPM itself put to sleep are woken: one that a person switched off stays off.
 *
 * Pure: same input, same plan.  Any thread. */
#ifndef VRM_SCHEDULER_DPM_H
#define VRM_SCHEDULER_DPM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "model/snapshot.h"
#include "scheduler/sched_params.h"

/* A host that neither sleeps nor wakes now. */
struct dpm_bar {
    int64_t host_id;
    const char *why; /* "its last wake-up failed 3 min ago: ..." */
};

struct dpm_params {
    struct sched_params sched;
    int64_t proof_ms;     /* a wake-up proven longer ago proves nothing */
    int64_t settle_ms;    /* a host that came back less long ago stays on */
    uint32_t spare_hosts; /* so many of the largest hosts are kept free of what the load needs */
    int64_t watch_ms;     /* no host sleeps before the load was watched so long ... */
    int64_t watched_ms;   /* ... and it was so long */
    const struct dpm_bar *bars;
    size_t n_bars;
    const int64_t *waiting; /* ids of VMs whose start found no room */
    size_t n_waiting;
};

/* Three days, ten minutes, none; the load was watched long enough. */
void dpm_params_init(struct dpm_params *params);

/* What a threshold level means, in per mille of the capacity that counts. */
struct dpm_level {
    int64_t sleep_below; /* what may be left of the mean load after a host has gone */
    int64_t wake_above;
    const char *why;
};
/* level 1 (conservative) .. 9 (aggressive) with the cluster's own thresholds, if it has some. False
 * for others (0: off). */
bool dpm_level(const Cluster *cluster, int level, struct dpm_level *ret_level);

enum dpm_action {
    DPM_STAY,
    DPM_SLEEP,
    DPM_WAKE, /* one that is being emptied: it is to stay after all */
};

/* One for each host of the cluster. */
struct dpm_verdict {
    int64_t host_id;
    char *host_name;
    enum dpm_action action;
    char *text;     /* why, also why not */
    size_t n_moves; /* DPM_SLEEP: to empty it */
    int64_t move_mb;
};
VEC_DECLARE(dpm_verdict_vec, struct dpm_verdict);

typedef struct DpmPlan {
    int64_t cluster_id;
    bool decided;  /* false: load data too old or missing; nothing is done */
    char *verdict; /* one sentence */
    int64_t load_permille, expected_permille; /* of the hosts that are on: long and short window */
    struct dpm_verdict_vec hosts;             /* ascending by id */
} DpmPlan;

void dpm_plan_free(DpmPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DpmPlan, dpm_plan_free)

/* calm: loads over the long window; now: over the short one (may be the same snapshot).  Fails with
 * VRM_ERR_NOT_FOUND for an unknown cluster, VRM_ERR_INVALID for one that is too big. */
bool dpm_plan(const Snapshot *calm, const Snapshot *now, int64_t cluster_id,
              const struct dpm_params *params, DpmPlan **ret_plan, GError **error);

/* May the host be away for a while, though its wake-up was not proven?  Its VMs must have places by
 * all rules, the others must bear the load and HA's promises hold.  VRM_ERR_CONFLICT or
 * VRM_ERR_NO_CAPACITY with the reason if not; VRM_ERR_NOT_FOUND: no such host. */
bool dpm_check_absence(const Snapshot *now, int64_t host_id, const struct dpm_params *params,
                       GError **error);

/* Switched off by DPM, or did not come back when it was woken; and no person has taken it over. */
bool dpm_is_asleep(const Host *host);

/* The whole plan as text, the same bytes for the same plan; caller frees. */
char *dpm_plan_format(const DpmPlan *plan);

#endif /* VRM_SCHEDULER_DPM_H */
