/* stats.c - see stats.h. */
#include "config.h"

#include "agent/stats.h"

#include <string.h>

#define NS_PER_MS     1000000
#define KIB_PER_MIB   1024
#define BYTES_PER_KIB 1024
#define BITS_PER_BYTE 8
#define MS_PER_S      1000

struct StatsTracker {
    bool has_sample;
    int64_t at_ms;
    struct stats_host_sample host;
    GHashTable *domains; /* uuid -> struct stats_domain_sample, of the last sample */
};

StatsTracker *stats_tracker_new(void)
{
    StatsTracker *tracker = g_new0(StatsTracker, 1);

    tracker->domains = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    return tracker;
}

void stats_tracker_free(StatsTracker *tracker)
{
    if (!tracker)
        return;
    g_hash_table_unref(tracker->domains);
    g_free(tracker);
}

/* A counter that went backwards counts as standing still: one device of several was removed. */
static uint64_t grown(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

/* Rounded; the products stay far below 2^64: an hour on 4096 CPUs is 1.5e16 ns. */
static int64_t mhz_of(uint64_t cpu_ns, int64_t cpu_mhz, int64_t interval_ms)
{
    double cores = (double)cpu_ns / ((double)interval_ms * NS_PER_MS);

    return (int64_t)(cores * (double)cpu_mhz + 0.5);
}

static int64_t kib_per_s(uint64_t bytes, int64_t interval_ms)
{
    return (int64_t)((double)bytes * MS_PER_S / ((double)interval_ms * BYTES_PER_KIB) + 0.5);
}

static int64_t kbit_per_s(uint64_t bytes, int64_t interval_ms)
{
    return (int64_t)((double)bytes * BITS_PER_BYTE / (double)interval_ms + 0.5);
}

static void add_domain(struct watch_line *line, const struct stats_sample *sample,
                       const struct stats_domain_sample *now,
                       const struct stats_domain_sample *before)
{
    struct domain_stats *stats = &line->stats[line->n_stats++];

    stats->uuid = g_strdup(now->uuid);
    stats->cpu_mhz = mhz_of(now->cpu_ns - before->cpu_ns, sample->cpu_mhz, line->interval_ms);
    stats->mem_mb = (int64_t)(now->rss_kib / KIB_PER_MIB);
    stats->net_kbps = kbit_per_s(grown(now->net_bytes, before->net_bytes), line->interval_ms);
    stats->disk_read_kbps =
        kib_per_s(grown(now->read_bytes, before->read_bytes), line->interval_ms);
    stats->disk_write_kbps =
        kib_per_s(grown(now->write_bytes, before->write_bytes), line->interval_ms);
}

static void fill_line(const StatsTracker *tracker, const struct stats_sample *sample,
                      struct watch_line *line)
{
    line->interval_ms = sample->at_ms - tracker->at_ms;
    line->host.cpu_mhz = mhz_of(grown(sample->host.cpu_busy_ns, tracker->host.cpu_busy_ns),
                                sample->cpu_mhz, line->interval_ms);
    line->host.mem_mb = (int64_t)(sample->host.mem_used_kib / KIB_PER_MIB);
    line->host.net_kbps =
        kbit_per_s(grown(sample->host.net_bytes, tracker->host.net_bytes), line->interval_ms);
    line->stats = g_new0(struct domain_stats, sample->n_domains + 1);
    for (size_t i = 0; i < sample->n_domains; i++) {
        const struct stats_domain_sample *now = &sample->domains[i];
        const struct stats_domain_sample *before = g_hash_table_lookup(tracker->domains, now->uuid);

        if (before && before->run_id == now->run_id && now->cpu_ns >= before->cpu_ns)
            add_domain(line, sample, now, before);
    }
}

static void remember(StatsTracker *tracker, const struct stats_sample *sample)
{
    g_hash_table_remove_all(tracker->domains);
    for (size_t i = 0; i < sample->n_domains; i++) {
        struct stats_domain_sample *copy = g_memdup2(&sample->domains[i], sizeof(*copy));

        g_hash_table_replace(tracker->domains, copy->uuid, copy);
    }
    tracker->host = sample->host;
    tracker->at_ms = sample->at_ms;
    tracker->has_sample = true;
}

void stats_tracker_update(StatsTracker *tracker, const struct stats_sample *sample,
                          struct watch_line *ret_line)
{
    struct watch_line line = { .kind = WATCH_STATS };

    if (tracker->has_sample && sample->at_ms > tracker->at_ms)
        fill_line(tracker, sample, &line);
    remember(tracker, sample);
    *ret_line = line;
}
