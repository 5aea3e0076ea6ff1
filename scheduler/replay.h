/* replay.h - what DRS and DPM would have done with a recorded load, under other settings.
 *
 * Virtual time in steps of ten seconds.  Each cycle takes the load of every VM as the controller
 * does (a high percentile of its samples over a window), asks balance.h and dpm.h for a plan, and
 * carries it out: a move takes its time and a part of the power of both its hosts; a host takes its
 * time to boot, and draws power meanwhile.  Demand is that of the trace, whatever the host gives.
 *
 * Hours are those of UTC.  Pure: same input, same result. */
#ifndef VRM_SCHEDULER_REPLAY_H
#define VRM_SCHEDULER_REPLAY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/sched_params.h"
#include "scheduler/trace.h"

struct replay_setting {
    const Cluster *cluster; /* its DRS and DPM policies count; borrowed */
    struct sched_params sched;
    int64_t interval_s;     /* from one DRS plan to the next */
    int64_t window_s;       /* the load is a percentile over this ... */
    int64_t percentile;     /* 50..100 */
    int64_t dpm_interval_s; /* from one DPM plan to the next */
    int64_t wake_window_s;  /* by its mean hosts are woken ... */
    int64_t sleep_window_s; /* ... and by this one sent to sleep */
    int64_t boot_s;         /* from power-on until a host takes VMs */
    int64_t spare_hosts;    /* dpm.h */
    int64_t hot_percent;    /* a host with more CPU demand is hot */
    int64_t watts;          /* of a host that is on */
};

/* The controller's defaults; the cluster is NULL. */
void replay_setting_init(struct replay_setting *setting);

/* Sets "drs.limen=7" and the like: VRM_ERR_INVALID names the key, the value and what would be
 * right. cluster: where policies go, the caller's own. */
bool replay_set(struct replay_setting *setting, Cluster *cluster, const char *assignment,
                GError **error);

struct replay_result {
    int64_t length_ms;
    int64_t n_moves, moved_mb; /* memory copied, with what is copied twice */
    int64_t n_sleeps, n_wakes;
    int64_t n_cycles, n_undecided; /* DRS plans asked for; without a decision */
    int64_t hot_ms;                /* summed over hosts */
    int64_t unmet_mhz_s;           /* demand beyond capacity, MHz x seconds */
    int64_t on_ms;                 /* summed over hosts, with boots */
    int64_t max_cpu;               /* per mille, of any host at any time */
    int64_t mean_stdev;            /* per mille: standard deviation of CPU load, mean over time */
    double kwh;
};

/* Called now and then with what is done, 0..1; tell may be NULL. */
struct replay_watch {
    void (*tell)(void *ctx, double done);
    void *ctx;
};

/* Plays the trace over the cluster.  Fails with VRM_ERR_NOT_FOUND for an unknown cluster. */
bool replay_run(const Snapshot *snap, const Trace *trace, const struct replay_setting *setting,
                const struct replay_watch *watch, struct replay_result *ret_result, GError **error);

#endif /* VRM_SCHEDULER_REPLAY_H */
