/* stats.h - counters to rates.
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
