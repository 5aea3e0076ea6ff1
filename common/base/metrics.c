/* metrics.c - see metrics.h.  Values are C11 atomics; the lock only guards the list. */
#include "config.h"

#include "base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum kind {
    KIND_COUNTER,
    KIND_GAUGE,
    KIND_HISTOGRAM,
};

static const char *const kind_names[] = {
    [KIND_COUNTER] = "counter",
    [KIND_GAUGE] = "gauge",
    [KIND_HISTOGRAM] = "histogram",
};

struct Metric {
    enum kind kind;
    char *name, *labels, *help;
    atomic_int_least64_t value; /* counter, gauge; of a histogram the sum in ms */
    size_t n_bounds;
    int64_t *bounds_ms;
    atomic_int_least64_t *buckets; /* n_bounds + 1: the last is +Inf; not cumulative */
    Metric *next;
    Metric *next_label_set; /* of the same name */
};

struct Metrics {
    pthread_mutex_t lock;
    Metric *first; /* the first of each name */
    Metric **end;
};

Metrics *metrics_new(void)
{
    Metrics *metrics = g_new0(Metrics, 1);

    pthread_mutex_init(&metrics->lock, NULL);
    metrics->end = &metrics->first;
    return metrics;
}

static void free_metric(Metric *metric)
{
    g_free(metric->name);
    g_free(metric->labels);
    g_free(metric->help);
    g_free(metric->bounds_ms);
    g_free(metric->buckets);
    g_free(metric);
}

void metrics_free(Metrics *metrics)
{
    if (!metrics)
        return;
    while (metrics->first) {
        Metric *metric = metrics->first;

        metrics->first = metric->next;
        while (metric) {
            Metric *next = metric->next_label_set;

            free_metric(metric);
            metric = next;
        }
    }
    pthread_mutex_destroy(&metrics->lock);
    g_free(metrics);
}

/* Takes made, or frees it and returns the one that is there already. */
static Metric *add_metric(Metrics *metrics, Metric *made)
{
    Metric *same_name = NULL, **end = NULL, *result = made;

    pthread_mutex_lock(&metrics->lock);
    for (Metric *metric = metrics->first; metric && !same_name; metric = metric->next) {
        if (strcmp(metric->name, made->name) == 0)
            same_name = metric;
    }
    if (!same_name) {
        *metrics->end = made;
        metrics->end = &made->next;
    } else {
        g_assert(same_name->kind == made->kind);
        for (end = &same_name; *end && strcmp((*end)->labels, made->labels) != 0;)
            end = &(*end)->next_label_set;
        if (*end)
            result = *end;
        else
            *end = made;
    }
    pthread_mutex_unlock(&metrics->lock);
    if (result != made)
        free_metric(made);
    return result;
}

static Metric *new_metric(enum kind kind, const char *name, const char *labels, const char *help)
{
    Metric *metric = g_new0(Metric, 1);

    metric->kind = kind;
    metric->name = g_strdup(name);
    metric->labels = g_strdup(labels ? labels : "");
    metric->help = g_strdup(help);
    atomic_init(&metric->value, 0);
    return metric;
}

Metric *metrics_counter(Metrics *metrics, const char *name, const char *labels, const char *help)
{
    return add_metric(metrics, new_metric(KIND_COUNTER, name, labels, help));
}

Metric *metrics_gauge(Metrics *metrics, const char *name, const char *labels, const char *help)
{
    return add_metric(metrics, new_metric(KIND_GAUGE, name, labels, help));
}

Metric *metrics_histogram_ms(Metrics *metrics, const char *name, const char *labels,
                             const char *help, const int64_t *bounds_ms)
{
    Metric *metric = new_metric(KIND_HISTOGRAM, name, labels, help);

    while (bounds_ms[metric->n_bounds] != 0)
        metric->n_bounds++;
    metric->bounds_ms = g_memdup2(bounds_ms, metric->n_bounds * sizeof(bounds_ms[0]));
    metric->buckets = g_new0(atomic_int_least64_t, metric->n_bounds + 1);
    for (size_t i = 0; i <= metric->n_bounds; i++)
        atomic_init(&metric->buckets[i], 0);
    return add_metric(metrics, metric);
}

void metric_add(Metric *metric, int64_t n)
{
    if (!metric)
        return;
    g_assert(metric->kind != KIND_HISTOGRAM);
    atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

void metric_set(Metric *metric, int64_t value)
{
    if (!metric)
        return;
    g_assert(metric->kind == KIND_GAUGE);
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void metric_observe_ms(Metric *metric, int64_t ms)
{
    size_t i = 0;

    if (!metric)
        return;
    g_assert(metric->kind == KIND_HISTOGRAM);
    while (i < metric->n_bounds && ms > metric->bounds_ms[i])
        i++;
    atomic_fetch_add_explicit(&metric->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->value, MAX(ms, 0), memory_order_relaxed);
}

/* Milliseconds as seconds: 5 -> "0.005", 2500 -> "2.5"; without floating point. */
static void append_seconds(GString *out, int64_t ms)
{
    g_string_append_printf(out, "%" G_GINT64_FORMAT, ms / 1000);
    if (ms % 1000 == 0)
        return;
    g_string_append_printf(out, ".%03d", (int)(ms % 1000));
    while (out->str[out->len - 1] == '0')
        g_string_truncate(out, out->len - 1);
}

static void append_value(GString *out, const Metric *metric)
{
    const char *open = metric->labels[0] != '\0' ? "{" : "";
    const char *close = metric->labels[0] != '\0' ? "}" : "";
    int64_t value = atomic_load_explicit(&metric->value, memory_order_relaxed);

    g_string_append_printf(out, "%s%s%s%s %" G_GINT64_FORMAT "\n", metric->name, open,
                           metric->labels, close, value);
}

static void append_histogram(GString *out, const Metric *metric)
{
    const char *comma = metric->labels[0] != '\0' ? "," : "";
    const char *open = metric->labels[0] != '\0' ? "{" : "";
    const char *close = metric->labels[0] != '\0' ? "}" : "";
    int64_t n = 0;

    for (size_t i = 0; i <= metric->n_bounds; i++) {
        n += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        g_string_append_printf(out, "%s_bucket{%s%sle=\"", metric->name, metric->labels, comma);
        if (i < metric->n_bounds)
            append_seconds(out, metric->bounds_ms[i]);
        else
            g_string_append(out, "+Inf");
        g_string_append_printf(out, "\"} %" G_GINT64_FORMAT "\n", n);
    }
    g_string_append_printf(out, "%s_sum%s%s%s ", metric->name, open, metric->labels, close);
    append_seconds(out, atomic_load_explicit(&metric->value, memory_order_relaxed));
    g_string_append_printf(out, "\n%s_count%s%s%s %" G_GINT64_FORMAT "\n", metric->name, open,
                           metric->labels, close, n);
}

char *metrics_format(Metrics *metrics)
{
    GString *out = g_string_new(NULL);

    pthread_mutex_lock(&metrics->lock);
    for (const Metric *first = metrics->first; first; first = first->next) {
        g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", first->name, first->help,
                               first->name, kind_names[first->kind]);
        for (const Metric *metric = first; metric; metric = metric->next_label_set) {
            if (metric->kind == KIND_HISTOGRAM)
                append_histogram(out, metric);
            else
                append_value(out, metric);
        }
    }
    pthread_mutex_unlock(&metrics->lock);
    return g_string_free(out, FALSE);
}
