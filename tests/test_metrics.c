/* test_metrics.c - the exposition text. */
#include "config.h"

#include "base/metrics.h"

#include <pthread.h>

#include "tests/suite.h"

START_TEST(counters_and_gauges_print_once_per_name)
{
    g_autoptr(Metrics) metrics = metrics_new();
    Metric *start = metrics_counter(metrics, "vrm_commands_total", "verb=\"start\"", "Commands.");
    Metric *vms = metrics_gauge(metrics, "vrm_vms", NULL, "VMs known.");
    Metric *stop = metrics_counter(metrics, "vrm_commands_total", "verb=\"stop\"", "Commands.");
    g_autofree char *text = NULL;

    metric_add(start, 2);
    metric_add(stop, 1);
    metric_set(vms, 12);
    metric_add(vms, -2);
    text = metrics_format(metrics);
    ck_assert_str_eq(text, "# HELP vrm_commands_total Commands.\n"
                           "# TYPE vrm_commands_total counter\n"
                           "vrm_commands_total{verb=\"start\"} 2\n"
                           "vrm_commands_total{verb=\"stop\"} 1\n"
                           "# HELP vrm_vms VMs known.\n"
                           "# TYPE vrm_vms gauge\n"
                           "vrm_vms 10\n");
}
END_TEST

START_TEST(the_same_name_and_labels_give_the_same_metric)
{
    g_autoptr(Metrics) metrics = metrics_new();
    Metric *a = metrics_counter(metrics, "vrm_x_total", "k=\"1\"", "X.");
    Metric *b = metrics_counter(metrics, "vrm_x_total", "k=\"2\"", "X.");

    ck_assert_ptr_ne(a, b);
    ck_assert_ptr_eq(a, metrics_counter(metrics, "vrm_x_total", "k=\"1\"", "X."));
    ck_assert_ptr_eq(b, metrics_counter(metrics, "vrm_x_total", "k=\"2\"", "X."));
}
END_TEST

START_TEST(a_histogram_is_cumulative_and_in_seconds)
{
    static const int64_t bounds[] = { 5, 50, 2500, 10000, 0 };
    static const int64_t seen[] = { 0, 5, 6, 50, 51, 2500, 60000, -3 };
    g_autoptr(Metrics) metrics = metrics_new();
    Metric *lag = metrics_histogram_ms(metrics, "vrm_lag_seconds", "loop=\"main\"", "Lag.", bounds);
    g_autofree char *text = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(seen); i++)
        metric_observe_ms(lag, seen[i]);
    text = metrics_format(metrics);
    ck_assert_str_eq(text, "# HELP vrm_lag_seconds Lag.\n"
                           "# TYPE vrm_lag_seconds histogram\n"
                           "vrm_lag_seconds_bucket{loop=\"main\",le=\"0.005\"} 3\n"
                           "vrm_lag_seconds_bucket{loop=\"main\",le=\"0.05\"} 5\n"
                           "vrm_lag_seconds_bucket{loop=\"main\",le=\"2.5\"} 7\n"
                           "vrm_lag_seconds_bucket{loop=\"main\",le=\"10\"} 7\n"
                           "vrm_lag_seconds_bucket{loop=\"main\",le=\"+Inf\"} 8\n"
                           "vrm_lag_seconds_sum{loop=\"main\"} 62.612\n"
                           "vrm_lag_seconds_count{loop=\"main\"} 8\n");
}
END_TEST

START_TEST(nothing_registered_is_nothing_to_do)
{
    g_autoptr(Metrics) metrics = metrics_new();
    g_autofree char *text = metrics_format(metrics);

    ck_assert_str_eq(text, "");
    metric_add(NULL, 1);
    metric_set(NULL, 1);
    metric_observe_ms(NULL, 1);
    metrics_free(NULL);
}
END_TEST

#define N_THREADS 4
#define N_UPDATES 5000

static void *update(void *arg)
{
    static const int64_t bounds[] = { 1, 0 };
    Metrics *metrics = arg;
    Metric *counter = metrics_counter(metrics, "vrm_n_total", NULL, "N.");
    Metric *histogram = metrics_histogram_ms(metrics, "vrm_t_seconds", NULL, "T.", bounds);

    for (int i = 0; i < N_UPDATES; i++) {
        metric_add(counter, 1);
        metric_observe_ms(histogram, i % 3);
    }
    return NULL;
}

START_TEST(updates_from_many_threads_are_all_counted)
{
    g_autoptr(Metrics) metrics = metrics_new();
    g_autofree char *text = NULL;
    pthread_t threads[N_THREADS];

    for (int i = 0; i < N_THREADS; i++)
        pthread_create(&threads[i], NULL, update, metrics);
    g_free(metrics_format(metrics)); /* meanwhile */
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    text = metrics_format(metrics);
    ck_assert_ptr_nonnull(strstr(text, "vrm_n_total 20000\n"));
    ck_assert_ptr_nonnull(strstr(text, "vrm_t_seconds_count 20000\n"));
}
END_TEST

SUITE_MAIN("metrics", SUITE_TEST(counters_and_gauges_print_once_per_name),
           SUITE_TEST(the_same_name_and_labels_give_the_same_metric),
           SUITE_TEST(a_histogram_is_cumulative_and_in_seconds),
           SUITE_TEST(nothing_registered_is_nothing_to_do),
           SUITE_TEST(updates_from_many_threads_are_all_counted))
