/* metrics.h - counters, gauges and histograms in Prometheus' text form.
 *
 * Metrics are created once at start and live as long as the registry; updates are atomic and may
 * come from any thread.  Names start with "vrm_"; counters end in "_total", histograms in
 * "_seconds". */
#ifndef VRM_BASE_METRICS_H
#define VRM_BASE_METRICS_H

#include <glib.h>
#include <stdint.h>

typedef struct Metrics Metrics;
typedef struct Metric Metric;

Metrics *metrics_new(void);
/* Nobody may use its metrics any more.  NULL is fine. */
void metrics_free(Metrics *metrics);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Metrics, metrics_free)

/* labels: "verb=\"start\"" or NULL.  The same name may be registered with several label sets; the
 * same name and labels again give the same metric.  help must fit on one line.  Any thread. */
Metric *metrics_counter(Metrics *metrics, const char *name, const char *labels, const char *help);
Metric *metrics_gauge(Metrics *metrics, const char *name, const char *labels, const char *help);
/* Upper bounds in ms, ascending, ended by 0; values are given in ms and printed in seconds. */
Metric *metrics_histogram_ms(Metrics *metrics, const char *name, const char *labels,
                             const char *help, const int64_t *bounds_ms);

void metric_add(Metric *metric, int64_t n);         /* counter, gauge; NULL is fine */
void metric_set(Metric *metric, int64_t value);     /* gauge; NULL is fine */
void metric_observe_ms(Metric *metric, int64_t ms); /* histogram; NULL is fine */

/* The exposition text, one HELP and TYPE per name, in the order of registration; g_free. */
char *metrics_format(Metrics *metrics);

#endif /* VRM_BASE_METRICS_H */
