/* stats.c - see stats.h. */
#include "config.h"

#include "agent/stats.h"

#include <string.h>

#define NS_PER_MS     1000000
#define KIB_PER_MIB   1024
#define BYTES_PER_KIB 1024
#define BITS_PER_BYTE 8
#define MS_PER_S      1000

/* A vCPU that turns more than this part of the time has no pause, less than this does nothing.
 * Counters are read a moment before the clock: the longer, the busier the host. */
#define STUCK_PERCENT  95
#define STUCK_SLACK_MS 1000
#define STILL_PERMILL  1
#define PERCENT        100
#define PERMILL        1000

/* When a guest was last seen to do something.  Counters only count when they pass their highest
 * value: one that could not be read in a sample comes back as if it had grown. */
struct cpu_times {
    uint64_t cpu_ns, vcpu_ns, delay_ns;
};

struct life {
    uint64_t io_bytes;
    struct cpu_times cpu;
    int64_t io_ms, cpu_ms;  /* of the last sample that saw them move */
    int64_t pause_ms;       /* of the last one that saw some vCPU pause */
    struct cpu_times pause; /* then */
};

struct known {
    struct stats_domain_sample sample;
    struct life life;
};

struct StatsTracker {
    bool has_sample;
    int64_t at_ms;
    struct stats_host_sample host;
    GHashTable *domains; /* uuid -> struct known, of the last sample */
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

/* ---- signs of life -------------------------------------------------------------------------- */

static uint64_t io_of(const struct stats_domain_sample *sample)
{
    return sample->sent_bytes + sample->read_bytes + sample->write_bytes;
}

static void begin_life(const struct stats_domain_sample *now, int64_t at_ms, struct life *life)
{
    const struct cpu_times cpu = { now->cpu_ns, now->vcpu_ns, now->delay_ns };

    *life = (struct life){
        .io_bytes = io_of(now),
        .cpu = cpu,
        .io_ms = at_ms,
        .cpu_ms = at_ms,
        .pause_ms = at_ms,
        .pause = cpu,
    };
}

/* Of its vCPUs, where that is known of both: QEMU itself is never quite still. */
static uint64_t turned_ns(const struct cpu_times *now, const struct cpu_times *before)
{
    return before->vcpu_ns > 0 && now->vcpu_ns > 0 ? now->vcpu_ns - before->vcpu_ns
                                                   : now->cpu_ns - before->cpu_ns;
}

/* A guest that spins on a busy host turns only part of the time, but never pauses.  Looked at since
 * its last pause, not since the last sample: then what samples come early or late does not add up.
 */
static bool has_paused(const struct life *life, int64_t n_vcpus, int64_t at_ms)
{
    const uint64_t wanted_ns =
        turned_ns(&life->cpu, &life->pause) +
        (life->pause.delay_ns > 0 ? life->cpu.delay_ns - life->pause.delay_ns : 0);
    const int64_t span_ms = at_ms - life->pause_ms;
    const int64_t busy_ms = span_ms * STUCK_PERCENT / PERCENT - STUCK_SLACK_MS;

    return n_vcpus <= 0 ||
           (busy_ms > 0 && wanted_ns < (uint64_t)busy_ms * NS_PER_MS * (uint64_t)n_vcpus);
}

static void go_on(const struct stats_domain_sample *now, int64_t at_ms, int64_t interval_ms,
                  struct life *life)
{
    const struct cpu_times cpu = {
        .cpu_ns = MAX(life->cpu.cpu_ns, now->cpu_ns),
        .vcpu_ns = MAX(life->cpu.vcpu_ns, now->vcpu_ns),
        .delay_ns = MAX(life->cpu.delay_ns, now->delay_ns),
    };

    if (io_of(now) > life->io_bytes)
        life->io_ms = at_ms;
    if (turned_ns(&cpu, &life->cpu) * PERMILL > (uint64_t)interval_ms * NS_PER_MS * STILL_PERMILL)
        life->cpu_ms = at_ms;
    life->io_bytes = MAX(life->io_bytes, io_of(now));
    life->cpu = cpu;
    if (has_paused(life, now->n_vcpus, at_ms)) {
        life->pause_ms = at_ms;
        life->pause = cpu;
    }
}

static bool is_same_run(const struct known *before, const struct stats_domain_sample *now)
{
    return before && before->sample.run_id == now->run_id;
}

static struct known *know(const StatsTracker *tracker, const struct stats_sample *sample,
                          const struct stats_domain_sample *now)
{
    const struct known *before = g_hash_table_lookup(tracker->domains, now->uuid);
    struct known *known = g_new0(struct known, 1);

    known->sample = *now;
    if (is_same_run(before, now) && before->sample.runs && now->runs) {
        known->life = before->life;
        go_on(now, sample->at_ms, MAX(sample->at_ms - tracker->at_ms, 0), &known->life);
    } else {
        begin_life(now, sample->at_ms, &known->life);
    }
    return known;
}

/* ---- the line ------------------------------------------------------------------------------- */

static void add_life(const struct stats_sample *sample, const struct known *known,
                     struct domain_stats *stats)
{
    if (!known->sample.runs)
        return;
    stats->agent_silent_ms = known->sample.agent_age_ms;
    stats->agent_answers = known->sample.agent_answers;
    stats->io_still_ms = sample->at_ms - known->life.io_ms;
    stats->cpu_still_ms = sample->at_ms - known->life.cpu_ms;
    stats->cpu_stuck_ms = sample->at_ms - known->life.pause_ms;
}

static void add_domain(struct watch_line *line, const struct stats_sample *sample,
                       const struct known *known, const struct stats_domain_sample *before)
{
    struct domain_stats *stats = &line->stats[line->n_stats++];
    const struct stats_domain_sample *now = &known->sample;

    stats->uuid = g_strdup(now->uuid);
    stats->cpu_mhz = mhz_of(now->cpu_ns - before->cpu_ns, sample->cpu_mhz, line->interval_ms);
    stats->mem_mb = (int64_t)(now->rss_kib / KIB_PER_MIB);
    stats->net_kbps = kbit_per_s(grown(now->net_bytes, before->net_bytes), line->interval_ms);
    stats->disk_read_kbps =
        kib_per_s(grown(now->read_bytes, before->read_bytes), line->interval_ms);
    stats->disk_write_kbps =
        kib_per_s(grown(now->write_bytes, before->write_bytes), line->interval_ms);
    add_life(sample, known, stats);
}

static void fill_host(const StatsTracker *tracker, const struct stats_sample *sample,
                      struct watch_line *line)
{
    line->interval_ms = sample->at_ms - tracker->at_ms;
    line->host.cpu_mhz = mhz_of(grown(sample->host.cpu_busy_ns, tracker->host.cpu_busy_ns),
                                sample->cpu_mhz, line->interval_ms);
    line->host.mem_mb = (int64_t)(sample->host.mem_used_kib / KIB_PER_MIB);
    line->host.net_kbps =
        kbit_per_s(grown(sample->host.net_bytes, tracker->host.net_bytes), line->interval_ms);
}

/* Also what is remembered of each domain from now on. */
static void fill_domains(StatsTracker *tracker, const struct stats_sample *sample,
                         struct watch_line *line)
{
    GHashTable *domains = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);

    line->stats = g_new0(struct domain_stats, sample->n_domains + 1);
    for (size_t i = 0; i < sample->n_domains; i++) {
        const struct stats_domain_sample *now = &sample->domains[i];
        const struct known *before = g_hash_table_lookup(tracker->domains, now->uuid);
        struct known *known = know(tracker, sample, now);

        if (line->interval_ms > 0 && is_same_run(before, now) &&
            now->cpu_ns >= before->sample.cpu_ns)
            add_domain(line, sample, known, &before->sample);
        g_hash_table_replace(domains, known->sample.uuid, known);
    }
    g_hash_table_unref(tracker->domains);
    tracker->domains = domains;
}

void stats_tracker_update(StatsTracker *tracker, const struct stats_sample *sample,
                          struct watch_line *ret_line)
{
    struct watch_line line = { .kind = WATCH_STATS };

    if (tracker->has_sample && sample->at_ms > tracker->at_ms)
        fill_host(tracker, sample, &line);
    fill_domains(tracker, sample, &line);
    tracker->host = sample->host;
    tracker->at_ms = sample->at_ms;
    tracker->has_sample = true;
    *ret_line = line;
}
