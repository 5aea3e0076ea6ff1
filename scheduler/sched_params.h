/* sched_params.h - everything a decision needs beside the snapshot: time, seed and policy numbers.
 *
 * Plain value, nothing to free.  Set it up with sched_params_init(), then overwrite what the
 * configuration or the caller knows better.  Pure; any thread. */
#ifndef VRM_SCHEDULER_SCHED_PARAMS_H
#define VRM_SCHEDULER_SCHED_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

struct sched_params {
    /* now */
    int64_t now_mono_ms; /* CLOCK_BOOTTIME, the clock of load.sampled_mono_ms */
    int64_t now_wall_ms; /* Unix ms, the clock of vm->moved_ms */
    int local_hour;      /* 0..23: picks the threshold level of the hour */
    int local_wday;      /* 1..7, Sunday first; 0: unknown, the weekly cycle then always runs */
    int local_mday;      /* 1..31; 0: unknown, the monthly cycle then always runs */
    uint64_t seed;       /* "random" placement, search; same seed, same plan */

    /* A person asks for a plan: made also when DRS is switched off, outside its cycle, or in an
     * hour of level 0 (which then counts as 5). */
    bool on_demand;

    /* what load data is good enough for DRS */
    int64_t max_age_ms;   /* newest sample older than this: no decision */
    uint32_t min_samples; /* fewer than this: the VM is estimated, and rests */

    /* what a move costs and when it is repaid */
    int64_t horizon_ms;         /* how long the measured load is believed to last */
    int64_t cooldown_ms;        /* a VM moved less long ago is not moved to balance; see rest.h */
    int64_t link_mbps;          /* migration link, Mbit/s */
    int64_t move_fixed_ms;      /* set-up and switch-over of each move */
    int64_t move_load_permille; /* of a host's power that a running move takes, both ends summed */

    /* capacity */
    int64_t mem_reserve_permille;    /* of a host's memory that is kept for the host itself ... */
    int64_t mem_reserve_min_mb;      /* ... and at least this much */
    int64_t cpu_reserve_permille;    /* of a host's CPU, at least, and ... */
    bool cpu_reserve_measured;       /* ... what it was last seen to use beside its guests */
    int64_t mem_overcommit_permille; /* where the cluster allows it; 1000: none */
    int64_t vcpus_per_thread;        /* most vCPUs for each host thread; 0: no limit; a cluster's
                                      * own figure goes before it */
    int64_t start_cpu_permille;      /* of its vCPUs that a VM without samples is taken to need */

    /* moves at the same time; 0 is read as 1 */
    uint32_t cap_host_in, cap_host_out, cap_cluster;

    uint32_t max_moves;        /* of one plan */
    uint32_t proposals_per_vm; /* annealing's budget; 0: none */
};

/* The defaults; now_* are 0, local_hour 12, seed 1: the caller sets them. */
void sched_params_init(struct sched_params *params);

#endif /* VRM_SCHEDULER_SCHED_PARAMS_H */
