/* stats.h - counters to rates, and to signs of life.
 *
 * Pure: the caller reads counters and clock.  The first sample of a domain gives no rates, nor does
 * one whose counters went backwards (it was started again).  One thread at a time. */
#ifndef VRM_AGENT_STATS_H
#define VRM_AGENT_STATS_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#include "agentproto/msg.h"

typedef struct StatsTracker StatsTracker;

/* Raw counters of one domain; they only grow while run_id stays. */
struct stats_domain_sample {
    char uuid[40];
    int64_t run_id; /* the hypervisor's id of this run: another one means new counters */
    uint64_t cpu_ns;
    uint64_t net_bytes;
    uint64_t read_bytes, write_bytes;
    uint64_t rss_kib; /* not a counter */
    /* signs of life; a guest that does not run shows none, and is not missed */
    bool runs;
    uint64_t sent_bytes;  /* to its networks: what comes from there is no sign of the guest */
    int64_t n_vcpus;      /* 0: not known */
    uint64_t vcpu_ns;     /* of cpu_ns that of its vCPUs; 0: not known */
    uint64_t delay_ns;    /* its vCPUs could have turned, but the host was busy; 0: not known */
    int64_t agent_age_ms; /* its agent does not answer; 0: it does, or never did in this run */
    bool agent_answers;   /* it did, the last time */
};

struct stats_host_sample {
    uint64_t cpu_busy_ns; /* summed over all CPUs */
    uint64_t net_bytes;
    uint64_t mem_used_kib; /* not a counter */
};

struct stats_sample {
    int64_t at_ms;   /* clock_now_ms */
    int64_t cpu_mhz; /* of one core */
    struct stats_host_sample host;
    const struct stats_domain_sample *domains;
    size_t n_domains;
};

StatsTracker *stats_tracker_new(void);
void stats_tracker_free(StatsTracker *tracker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StatsTracker, stats_tracker_free)

/* Makes a line of kind WATCH_STATS from this sample and the one before.  interval_ms is 0 and the
 * line has no rates when there is no sample before, or none that is older. */
void stats_tracker_update(StatsTracker *tracker, const struct stats_sample *sample,
                          struct watch_line *ret_line);

#endif /* VRM_AGENT_STATS_H */
