/* bench_vrmd.c - measures a vrmd with a fleet; bench_vrmd.sh starts both and runs this.
 *
 * Prints one line per figure: name, value, and where the design states a bound, value / bound.
 * No bound is asserted: machines differ. */
#include "config.h"

#include <glib.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/pg.h"
#include "tests/restcli.h"

#define N_CALLS       400 /* of each request, one after the other */
#define N_CLIENTS     4   /* under load */
#define LOAD_MS       10000
#define N_STARTERS    8
#define LIMIT_MS      180000
#define LATE_MS       50.0 /* ARCHITECTURE 5 */
#define PLAN_CPU_MS   200.0
#define MAX_BUCKETS   32
#define PG_TIMEOUT_MS 5000
#define PATIENCE_MS   20000

static atomic_uint n_unavailable; /* answers of 503 */

struct bench {
    const char *urls[2][2]; /* each ended by NULL */
    pid_t pids[2];
    unsigned n_hosts, n_vms, n_running, idle_s, soak_min;
    const char *site, *cluster, *conninfo;
};

/* ---- printing ---------------------------------------------------------------------------------
 */

static void heading(const char *text)
{
    printf("\n%s\n", text);
    (void)fflush(stdout);
}

static void figure(const char *name, double value, const char *unit, double bound)
{
    printf("  %-44s %10.2f %-8s", name, value, unit);
    if (bound > 0)
        printf(" %6.2f of the bound", value / bound);
    printf("\n");
    (void)fflush(stdout);
}

static void stop(const char *why)
{
    fprintf(stderr, "bench_vrmd: %s\n", why);
    exit(EXIT_FAILURE); /* NOLINT(concurrency-mt-unsafe): no other thread ends it */
}

/* ---- the process ------------------------------------------------------------------------------
 */

static double process_number(pid_t pid, const char *word)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
    g_autofree char *text = NULL;
    const char *at = g_file_get_contents(path, &text, NULL, NULL) ? strstr(text, word) : NULL;

    return at ? g_ascii_strtod(at + strlen(word), NULL) : 0;
}

static double rss_mb(pid_t pid)
{
    return process_number(pid, "VmRSS:") / 1024;
}

/* User and system time, from a stat file. */
static double cpu_ms_of(const char *path)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) words = NULL;
    const char *at;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !(at = strrchr(text, ')')))
        return 0;
    words = g_strsplit(at + 2, " ", 0);
    return (g_ascii_strtod(words[11], NULL) + g_ascii_strtod(words[12], NULL)) * 1000 /
           (double)sysconf(_SC_CLK_TCK);
}

static double cpu_ms(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);

    return cpu_ms_of(path);
}

static double loop_cpu_ms(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/stat", (int)pid, (int)pid);

    return cpu_ms_of(path);
}

static double planner_cpu_ms(pid_t pid)
{
    g_autofree char *dir_path = g_strdup_printf("/proc/%d/task", (int)pid);
    g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *comm = g_strdup_printf("%s/%s/comm", dir_path, name);
        g_autofree char *stat = g_strdup_printf("%s/%s/stat", dir_path, name);
        g_autofree char *text = NULL;

        if (g_file_get_contents(comm, &text, NULL, NULL) && g_str_has_prefix(text, "cpu-0"))
            return cpu_ms_of(stat);
    }
    return 0;
}

/* ---- metrics ----------------------------------------------------------------------------------
 */

struct histogram {
    unsigned n;
    double bounds_ms[MAX_BUCKETS], counts[MAX_BUCKETS];
};

static char *metrics_text(const char *url)
{
    Rest *rest = rest_new(NULL);
    g_autofree char *full = g_strconcat(url, "/metrics", NULL);
    int status;
    char *text = rest_raw(rest, "GET", full, NULL, &status);

    rest_free(rest);
    return text ? text : g_strdup("");
}

static double gauge(const char *url, const char *name)
{
    g_autofree char *text = metrics_text(url);
    g_autofree char *line = g_strconcat("\n", name, " ", NULL);
    const char *at = strstr(text, line);

    return at ? g_ascii_strtod(at + strlen(line), NULL) : 0;
}

static struct histogram histogram_of(const char *text, const char *name)
{
    struct histogram h = { 0 };
    g_autofree char *word = g_strconcat(name, "_bucket{le=\"", NULL);
    const char *at = text;

    while ((at = strstr(at, word)) && h.n < MAX_BUCKETS) {
        char *end;

        at += strlen(word);
        h.bounds_ms[h.n] = g_ascii_strtod(at, &end) * 1000;
        h.counts[h.n++] = g_ascii_strtod(strchr(end, ' '), NULL);
    }
    return h;
}

/* The bound of the bucket in which the quantile of what came since before lies. */
static double quantile_ms(const struct histogram *before, const struct histogram *now, double q)
{
    double total = now->n ? now->counts[now->n - 1] - before->counts[now->n - 1] : 0;

    for (unsigned i = 0; i < now->n; i++) {
        if (now->counts[i] - before->counts[i] >= q * total)
            return now->bounds_ms[i];
    }
    return 0;
}

/* Of all databases there: it is ours alone. */
static double transactions(const struct bench *bench)
{
    g_autoptr(Pg) pg = pg_open(bench->conninfo, PG_TIMEOUT_MS, PG_TIMEOUT_MS, NULL);
    g_autoptr(PGresult) result =
        pg ? pg_exec(pg, "SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database", NULL)
           : NULL;

    return result ? g_ascii_strtod(PQgetvalue(result, 0, 0), NULL) : 0;
}

/* What a phase did to the main loop and the database. */
struct phase {
    const struct bench *bench;
    const char *url;
    pid_t pid;
    int64_t begin_ms;
    double cpu, loop_cpu, transactions;
    struct histogram lag, turn;
};

static struct phase phase_begin(const struct bench *bench, unsigned n)
{
    g_autofree char *text = metrics_text(bench->urls[n][0]);

    return (struct phase){ .bench = bench,
                           .url = bench->urls[n][0],
                           .pid = bench->pids[n],
                           .begin_ms = clock_now_ms(),
                           .cpu = cpu_ms(bench->pids[n]),
                           .loop_cpu = loop_cpu_ms(bench->pids[n]),
                           .transactions = transactions(bench),
                           .lag = histogram_of(text, "vrm_loop_lag_seconds"),
                           .turn = histogram_of(text, "vrm_loop_turn_seconds") };
}

static void phase_print(const struct phase *phase)
{
    g_autofree char *text = metrics_text(phase->url);
    double took_ms = (double)(clock_now_ms() - phase->begin_ms);
    struct histogram lag = histogram_of(text, "vrm_loop_lag_seconds");
    struct histogram turn = histogram_of(text, "vrm_loop_turn_seconds");

    figure("CPU of vrmd", (cpu_ms(phase->pid) - phase->cpu) * 100 / took_ms, "% core", 0);
    figure("CPU of its main loop", (loop_cpu_ms(phase->pid) - phase->loop_cpu) * 100 / took_ms,
           "% core", 0);
    figure("database transactions",
           (transactions(phase->bench) - phase->transactions) * 1000 / took_ms, "/s", 0);
    figure("loop late, max (below)", quantile_ms(&phase->lag, &lag, 1), "ms", LATE_MS);
    figure("loop late, p99 (below)", quantile_ms(&phase->lag, &lag, 0.99), "ms", LATE_MS);
    figure("one turn of the loop, max (below)", quantile_ms(&phase->turn, &turn, 1), "ms", LATE_MS);
    figure("one turn of the loop, p99 (below)", quantile_ms(&phase->turn, &turn, 0.99), "ms",
           LATE_MS);
    figure("answers of 503", atomic_exchange(&n_unavailable, 0), "", 0);
    figure("memory of vrmd", rss_mb(phase->pid), "MiB", 0);
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double at_quantile(GArray *ms, double q)
{
    g_array_sort(ms, compare_double);
    return ms->len ? g_array_index(ms, double, MIN((guint)(q * ms->len), ms->len - 1)) : 0;
}

static double now_us_ms(void)
{
    return (double)clock_now_us() / 1000;
}

static Rest *log_in(const struct bench *bench, unsigned n)
{
    Rest *rest = rest_new(bench->urls[n]);

    while (!rest_ready(rest))
        continue;
    return rest;
}

static json_t *must(Rest *rest, const char *method, const char *path, const char *body)
{
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;
    int status;
    json_t *json = rest_call(rest, method, path, body, &status);

    while (status == 503 && clock_now_ms() < until_ms) { /* it was late, and asks who leads */
        n_unavailable++;
        json_decref(json);
        (void)poll(NULL, 0, 20);
        json = rest_call(rest, method, path, body, &status);
    }
    if (status != 200) {
        g_autofree char *text = json_dumps(json, JSON_COMPACT);
        g_autofree char *why = g_strdup_printf("%s %s: %d %s", method, path, status, text);

        stop(why);
    }
    return json;
}

#define N_KINDS 5

static char *path_of(const struct bench *bench, unsigned kind, unsigned i)
{
    switch (kind) {
    case 0:
        return g_strdup_printf("%s/vms?limit=100&offset=%u", bench->site, i * 100 % bench->n_vms);
    case 1:
        return g_strdup_printf("%s/vms/i-%08X", bench->site, i * 37 % bench->n_vms + 1);
    case 2:
        return g_strdup_printf("%s/clusters", bench->site);
    case 3:
        return g_strdup_printf("%s/drsBalance", bench->cluster);
    default:
        return g_strdup_printf("%s/hosts?limit=100", bench->site);
    }
}

static const char *const kind_names[N_KINDS] = { "GET vms?limit=100&offset=N", "GET a VM",
                                                 "GET clusters", "GET drsBalance",
                                                 "GET hosts?limit=100" };

static double time_call(Rest *rest, const char *path)
{
    double begin = now_us_ms();

    json_decref(must(rest, "GET", path, NULL));
    return now_us_ms() - begin;
}

static void print_latency(const char *name, GArray *ms)
{
    g_autofree char *p50 = g_strconcat(name, ", p50", NULL);
    g_autofree char *p99 = g_strconcat(name, ", p99", NULL);

    figure(p50, at_quantile(ms, 0.5), "ms", 0);
    figure(p99, at_quantile(ms, 0.99), "ms", 0);
}

static void measure_requests(const struct bench *bench)
{
    Rest *rest = log_in(bench, 0);

    heading("requests, one after the other (with the client's JSON)");
    for (unsigned kind = 0; kind < N_KINDS; kind++) {
        g_autoptr(GArray) ms = g_array_new(FALSE, FALSE, sizeof(double));

        for (unsigned i = 0; i < N_CALLS; i++) {
            g_autofree char *path = path_of(bench, kind, i);
            double took = time_call(rest, path);

            g_array_append_val(ms, took);
        }
        print_latency(kind_names[kind], ms);
    }
    rest_free(rest);
}

struct client {
    const struct bench *bench;
    pthread_t thread;
    GArray *ms[N_KINDS];
};

static void *load(void *data)
{
    struct client *client = data;
    Rest *rest = log_in(client->bench, 0);
    int64_t until_ms = clock_now_ms() + LOAD_MS;

    for (unsigned i = 0; clock_now_ms() < until_ms; i++) {
        g_autofree char *path = path_of(client->bench, i % N_KINDS, i);
        double took = time_call(rest, path);

        g_array_append_val(client->ms[i % N_KINDS], took);
    }
    rest_free(rest);
    return NULL;
}

static void measure_load(const struct bench *bench)
{
    struct client clients[N_CLIENTS];
    struct phase phase = phase_begin(bench, 0);
    guint n = 0;

    heading("requests of four clients at the same time");
    for (unsigned c = 0; c < N_CLIENTS; c++) {
        clients[c].bench = bench;
        for (unsigned kind = 0; kind < N_KINDS; kind++)
            clients[c].ms[kind] = g_array_new(FALSE, FALSE, sizeof(double));
        (void)pthread_create(&clients[c].thread, NULL, load, &clients[c]);
    }
    for (unsigned c = 0; c < N_CLIENTS; c++)
        (void)pthread_join(clients[c].thread, NULL);
    for (unsigned kind = 0; kind < N_KINDS; kind++) {
        g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(double));

        for (unsigned c = 0; c < N_CLIENTS; c++) {
            g_array_append_vals(all, clients[c].ms[kind]->data, clients[c].ms[kind]->len);
            g_array_unref(clients[c].ms[kind]);
        }
        n += all->len;
        print_latency(kind_names[kind], all);
    }
    figure("requests", n * 1000.0 / LOAD_MS, "/s", 0);
    phase_print(&phase);
}

/* ---- work -------------------------------------------------------------------------------------
 */

static int64_t running(const struct bench *bench, Rest *rest)
{
    g_autofree char *path = g_strconcat(bench->site, "/vms/statistics", NULL);
    json_t *json = must(rest, "GET", path, NULL);
    int64_t n = json_integer_value(json_object_get(json, "running"));

    json_decref(json);
    return n;
}

struct starter {
    const struct bench *bench;
    pthread_t thread;
    unsigned first;
};

static void *start_some(void *data)
{
    const struct starter *starter = data;
    const struct bench *bench = starter->bench;
    Rest *rest = log_in(bench, 0);

    for (unsigned id = starter->first; id <= bench->n_vms; id += N_STARTERS) {
        g_autofree char *path = g_strdup_printf("%s/vms/i-%08X/action/start", bench->site, id);

        json_decref(must(rest, "POST", path, NULL));
    }
    rest_free(rest);
    return NULL;
}

static void measure_starts(const struct bench *bench)
{
    struct starter starters[N_STARTERS];
    struct phase phase = phase_begin(bench, 0);
    Rest *rest = log_in(bench, 0);
    unsigned n = bench->n_vms - bench->n_running;
    double begin = now_us_ms(), accepted;

    heading("every stopped VM is started");
    for (unsigned i = 0; i < N_STARTERS; i++) {
        starters[i] = (struct starter){ .bench = bench, .first = bench->n_running + 1 + i };
        (void)pthread_create(&starters[i].thread, NULL, start_some, &starters[i]);
    }
    for (unsigned i = 0; i < N_STARTERS; i++)
        (void)pthread_join(starters[i].thread, NULL);
    accepted = now_us_ms() - begin;
    while (running(bench, rest) < bench->n_vms && now_us_ms() - begin < LIMIT_MS)
        (void)poll(NULL, 0, 20);
    figure("starts", n, "", 0);
    figure("all accepted after", accepted, "ms", 0);
    figure("all running after", now_us_ms() - begin, "ms", 0);
    figure("tasks", n * 1000.0 / (now_us_ms() - begin), "/s", 0);
    phase_print(&phase);
    rest_free(rest);
}

static void measure_plan(const struct bench *bench)
{
    g_autofree char *refresh = g_strconcat(bench->cluster, "/drsBalance/action/refresh", NULL);
    struct phase phase = phase_begin(bench, 0);
    Rest *rest = log_in(bench, 0);
    double cpu = planner_cpu_ms(bench->pids[0]), begin;
    g_autofree char *text = NULL;
    json_t *json;

    heading("a DRS plan");
    begin = now_us_ms();
    json = must(rest, "POST", refresh, NULL);
    figure("answered after", now_us_ms() - begin, "ms", 0);
    figure("CPU of the planner", planner_cpu_ms(bench->pids[0]) - cpu, "ms", PLAN_CPU_MS);
    text = json_dumps(json, JSON_COMPACT);
    printf("  %.300s\n", text);
    json_decref(json);
    phase_print(&phase);
    rest_free(rest);
}

/* The first host of the fleet. */
static char *some_host(const struct bench *bench, Rest *rest)
{
    g_autofree char *path = g_strconcat(bench->site, "/hosts?limit=1", NULL);
    json_t *json = must(rest, "GET", path, NULL);
    char *uri = g_strdup(rest_text(json_array_get(json_object_get(json, "hosts"), 0), "uri"));

    json_decref(json);
    return uri;
}

static void await_task(Rest *rest, const char *uri)
{
    int64_t until_ms = clock_now_ms() + LIMIT_MS;

    while (clock_now_ms() < until_ms) {
        json_t *json = must(rest, "GET", uri, NULL);
        g_autofree char *status = g_strdup(rest_text(json, "status"));
        g_autofree char *why = g_strdup(rest_text(json, "reasonDes"));

        json_decref(json);
        if (g_str_equal(status, "success") || g_str_equal(status, "failed")) {
            printf("  it ended: %s %.200s\n", status, why);
            return;
        }
        (void)poll(NULL, 0, 50);
    }
    printf("  it did not end within %d s\n", LIMIT_MS / 1000);
}

static void measure_drain(const struct bench *bench)
{
    struct phase phase = phase_begin(bench, 0);
    Rest *rest = log_in(bench, 0);
    g_autofree char *host = some_host(bench, rest);
    g_autofree char *enter = g_strconcat(host, "/action/enterMaintenanceMode", NULL);
    g_autofree char *drain = g_strconcat(host, "/action/MigrateAllVms", NULL);
    double cpu = planner_cpu_ms(bench->pids[0]), begin;
    json_t *json;

    heading("a host is emptied");
    json_decref(must(rest, "POST", enter, "{}"));
    begin = now_us_ms();
    json = must(rest, "POST", drain, NULL);
    figure("accepted after", now_us_ms() - begin, "ms", 0);
    await_task(rest, rest_text(json, "taskUri"));
    figure("empty after", now_us_ms() - begin, "ms", 0);
    figure("CPU of the planner", planner_cpu_ms(bench->pids[0]) - cpu, "ms", 0);
    json_decref(json);
    phase_print(&phase);
    rest_free(rest);
}

/* ---- controllers ------------------------------------------------------------------------------
 */

static bool is_active(const char *url)
{
    Rest *rest = rest_new(NULL);
    g_autofree char *full = g_strconcat(url, "/healthz/active", NULL);
    int status;

    g_free(rest_raw(rest, "GET", full, NULL, &status));
    rest_free(rest);
    return status == 200;
}

/* Milliseconds until this controller is active, and until every host is connected. */
static void await_fleet(const struct bench *bench, unsigned n)
{
    g_autofree char *path = g_strconcat(bench->site, "/hosts/statistics", NULL);
    double begin = now_us_ms();
    int64_t until_ms = clock_now_ms() + LIMIT_MS, normal = 0;
    Rest *rest;

    while (!is_active(bench->urls[n][0]) && clock_now_ms() < until_ms)
        (void)poll(NULL, 0, 5);
    figure("active after", now_us_ms() - begin, "ms", 0);
    rest = log_in(bench, n);
    while (normal < bench->n_hosts && clock_now_ms() < until_ms) {
        json_t *json = must(rest, "GET", path, NULL);

        normal = json_integer_value(json_object_get(json, "normal"));
        json_decref(json);
        (void)poll(NULL, 0, 20);
    }
    figure("every host connected after", now_us_ms() - begin, "ms", 0);
    rest_free(rest);
}

static void measure_take_over(const struct bench *bench)
{
    struct phase phase = phase_begin(bench, 1);

    heading("the active controller is killed (etcd's lease of 3 s is part of it)");
    (void)kill(bench->pids[0], SIGKILL);
    await_fleet(bench, 1);
    phase_print(&phase);
}

static void measure_idle(const struct bench *bench)
{
    struct phase phase;

    heading("idle, statistics every 5 s");
    (void)poll(NULL, 0, 2000); /* what just began settles */
    phase = phase_begin(bench, 0);
    (void)poll(NULL, 0, (int)bench->idle_s * 1000);
    phase_print(&phase);
    figure("hosts", gauge(bench->urls[0][0], "vrm_hosts"), "", 0);
    figure("VMs running", gauge(bench->urls[0][0], "vrm_vms_running"), "", 0);
}

static void soak(const struct bench *bench)
{
    heading("memory, once a minute");
    for (unsigned i = 0; i <= bench->soak_min; i++) {
        g_autofree char *name = g_strdup_printf("after %u min", i);

        if (i > 0)
            (void)poll(NULL, 0, 60000);
        figure(name, rss_mb(bench->pids[0]), "MiB", 0);
    }
}

/* ---- life -------------------------------------------------------------------------------------
 */

static unsigned env_number(const char *name)
{
    const char *value = g_getenv(name);

    if (!value)
        stop("run bench_vrmd.sh");
    return (unsigned)g_ascii_strtoull(value, NULL, 10);
}

static bool wants(const char *phase)
{
    const char *phases = g_getenv("BENCH_PHASES");
    g_auto(GStrv) words = g_strsplit(phases ? phases : "", " ", 0);

    return !*words || g_strv_contains((const char *const *)words, phase);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(const struct bench *bench);
    } phases[] = {
        { "idle", measure_idle }, { "requests", measure_requests },   { "load", measure_load },
        { "plan", measure_plan }, { "starts", measure_starts },       { "drain", measure_drain },
        { "soak", soak },         { "take-over", measure_take_over },
    };
    struct bench bench = {
        .urls = { { g_getenv("BENCH_URL_1") }, { g_getenv("BENCH_URL_2") } },
        .pids = { (pid_t)env_number("BENCH_PID_1"), (pid_t)env_number("BENCH_PID_2") },
        .n_hosts = env_number("BENCH_HOSTS"),
        .n_vms = env_number("BENCH_VMS"),
        .n_running = env_number("BENCH_RUNNING"),
        .idle_s = env_number("BENCH_IDLE_S"),
        .soak_min = env_number("BENCH_SOAK_MIN"),
        .site = g_getenv("BENCH_SITE"),
        .cluster = g_getenv("BENCH_CLUSTER"),
        .conninfo = g_getenv("VRM_PG_CONNINFO"),
    };

    heading("start");
    await_fleet(&bench, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(phases); i++) {
        if (wants(phases[i].name))
            phases[i].run(&bench);
    }
    return EXIT_SUCCESS;
}
