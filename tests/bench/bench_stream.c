/* bench_stream.c - many watch what changes quickly: the stream of events at its promised load.
 *
 *     bench_stream [CHANGES_A_S [WATCHERS [SECONDS [VMS]]]]     (1000 50 10 8000)
 *
 * One process has inventory, changes, feed and HTTP server as vrmd has them, and publishes a
 * snapshot for each change of a VM's host; another has the watchers, each on a connection of its
 * own.  By hand; other load on the machine shows in the figures. */
#include "config.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/http.h"
#include "base/clock.h"
#include "controller/changes.h"
#include "tests/api_fake.h"

#define TOKEN_HEADER "X-Auth-Token: "
#define MAX_LATE     5000 /* ms, of the histogram */

struct plan {
    unsigned rate, watchers, seconds, vms;
};

/* ---- the watchers' process ---------------------------------------------------------------------
 */

struct watcher {
    CURL *curl;
    struct counts *counts;
    bool ready;
    char tail[512]; /* of the bytes so far: a piece of a line */
};

struct counts {
    unsigned ready;
    uint64_t messages, bytes, resets;
    uint64_t late[MAX_LATE + 1]; /* messages by ms from the change to here */
};

static void count_line(struct watcher *watcher, const char *line)
{
    const char *at = strstr(line, "\"time\":");
    int64_t late_ms;

    if (strstr(line, "event: reset"))
        watcher->counts->resets++;
    if (strstr(line, "event: beat") && !watcher->ready) {
        watcher->ready = true;
        watcher->counts->ready++;
    }
    if (!at || !strstr(line, "\"type\":\"vm\""))
        return;
    late_ms = clock_wall_ms() - g_ascii_strtoll(at + strlen("\"time\":"), NULL, 10);
    watcher->counts->messages++;
    watcher->counts->late[CLAMP(late_ms, 0, MAX_LATE)]++;
}

static size_t on_text(char *data, size_t size, size_t n, void *user)
{
    struct watcher *watcher = user;
    g_autofree char *piece = g_strndup(data, size * n);
    g_autofree char *text = g_strconcat(watcher->tail, piece, NULL);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    size_t i;

    for (i = 0; lines[i + 1]; i++)
        count_line(watcher, lines[i]);
    g_strlcpy(watcher->tail, lines[i], sizeof(watcher->tail));
    watcher->counts->bytes += size * n;
    return size * n;
}

static size_t keep_token(char *data, size_t size, size_t n, void *user)
{
    char **token = user;
    g_autofree char *line = g_strndup(data, size * n);

    if (g_ascii_strncasecmp(line, TOKEN_HEADER, strlen(TOKEN_HEADER)) == 0 && !*token)
        *token = g_strdup(g_strchomp(line));
    return size * n;
}

static size_t drop(char *data, size_t size, size_t n, void *user)
{
    (void)data, (void)user;
    return size * n;
}

static char *log_in(unsigned port)
{
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/service/session", port);
    struct curl_slist *headers = curl_slist_append(NULL, "X-Auth-User: ops");
    CURL *curl = curl_easy_init();
    char *token = NULL;

    headers = curl_slist_append(headers, "X-Auth-Key: secret");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "POST");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, keep_token);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &token);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_perform(curl); /* allowed: a process of its own */
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return token;
}

static void add_watcher(CURLM *multi, struct watcher *watcher, unsigned port,
                        struct curl_slist *headers)
{
    g_autofree char *url =
        g_strdup_printf("http://127.0.0.1:%u" FAKE_S "/events/stream?types=vm", port);

    watcher->curl = curl_easy_init();
    curl_easy_setopt(watcher->curl, CURLOPT_URL, url);
    curl_easy_setopt(watcher->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(watcher->curl, CURLOPT_WRITEFUNCTION, on_text);
    curl_easy_setopt(watcher->curl, CURLOPT_WRITEDATA, watcher);
    curl_multi_add_handle(multi, watcher->curl);
}

static unsigned percentile_ms(const struct counts *counts, unsigned percent)
{
    uint64_t sum = 0;

    for (unsigned ms = 0; ms <= MAX_LATE; ms++) {
        sum += counts->late[ms];
        if (sum * 100 >= counts->messages * percent)
            return ms;
    }
    return MAX_LATE;
}

static void print_counts(const struct counts *counts, const struct plan *load)
{
    uint64_t want = (uint64_t)load->rate * load->seconds * load->watchers;
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf("watchers   %u, %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
           " messages, %.1f MB, %" G_GUINT64_FORMAT " resets\n",
           load->watchers, counts->messages, want, (double)counts->bytes / 1e6, counts->resets);
    printf("late       %u ms median, %u ms 99 %%, %u ms all\n", percentile_ms(counts, 50),
           percentile_ms(counts, 99), percentile_ms(counts, 100));
}

/* Tells the server when all watch; ends with the streams. */
static int watch_all(unsigned port, int ready_fd, const struct plan *load)
{
    struct watcher *watchers = g_new0(struct watcher, load->watchers);
    struct counts *counts = g_new0(struct counts, 1);
    g_autofree char *token = log_in(port);
    struct curl_slist *headers = curl_slist_append(NULL, token ? token : "X: y");
    CURLM *multi = curl_multi_init();
    int running = 1;
    bool told = false, ok;

    for (unsigned i = 0; i < load->watchers; i++) {
        watchers[i].counts = counts;
        add_watcher(multi, &watchers[i], port, headers);
    }
    while (running) {
        curl_multi_perform(multi, &running);
        if (!told && counts->ready == load->watchers)
            told = write(ready_fd, "r", 1) == 1;
        curl_multi_poll(multi, NULL, 0, 100, NULL);
    }
    print_counts(counts, load);
    ok = counts->messages == (uint64_t)load->rate * load->seconds * load->watchers;
    for (unsigned i = 0; i < load->watchers; i++) {
        curl_multi_remove_handle(multi, watchers[i].curl);
        curl_easy_cleanup(watchers[i].curl);
    }
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    g_free(watchers);
    g_free(counts);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- the server's process ----------------------------------------------------------------------
 */

struct server {
    struct plan load;
    struct fake fake; /* log-in; the inventory below is another one */
    Inventory *inv;
    Feed *feed;
    Changes *changes;
    Api *api;
    GMainLoop *loop;
    int64_t begun_ms, cpu_us; /* 0: not yet */
    uint64_t done;
    int64_t worst_us;
};

static int64_t thread_cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void fill_inventory(struct server *server)
{
    SnapshotBuilder *builder = inventory_edit(server->inv);

    snapshot_builder_set_site(builder, site_dup(server->fake.snap->site));
    for (int64_t id = 1; id <= 2; id++) {
        Host *host = host_new();

        host->id = id;
        g_free(host->name);
        host->name = g_strdup_printf("cna%d", (int)id);
        snapshot_builder_put_host(builder, host);
    }
    for (int64_t id = 1; id <= server->load.vms; id++) {
        Vm *vm = vm_new();

        vm->id = id;
        vm->status = VM_RUNNING;
        vm->host_reported = true;
        vm->host_id = 1;
        g_free(vm->name);
        vm->name = g_strdup_printf("vm-%05d", (int)id);
        snapshot_builder_put_vm(builder, vm);
    }
    inventory_publish(server->inv);
}

static void change_one(struct server *server)
{
    int64_t id = (int64_t)(server->done * 7919 % server->load.vms) + 1;
    Vm *vm = vm_dup(inventory_find_vm(server->inv, id));
    int64_t before_us = thread_cpu_us(), cost_us;

    vm->host_id = vm->host_id == 1 ? 2 : 1;
    snapshot_builder_put_vm(inventory_edit(server->inv), vm);
    inventory_publish(server->inv);
    server->done++;
    cost_us = thread_cpu_us() - before_us;
    server->worst_us = MAX(server->worst_us, cost_us);
}

static gboolean on_end(void *data)
{
    struct server *server = data;

    feed_stop(server->feed, "enough");
    g_main_loop_quit(server->loop);
    return G_SOURCE_REMOVE;
}

static gboolean on_turn(void *data)
{
    struct server *server = data;
    uint64_t all = (uint64_t)server->load.rate * server->load.seconds;
    uint64_t due;

    due = (uint64_t)(clock_now_ms() - server->begun_ms) * server->load.rate / 1000;
    while (server->done < MIN(due, all))
        change_one(server);
    if (server->done < all)
        return G_SOURCE_CONTINUE;
    server->cpu_us = thread_cpu_us() - server->cpu_us;
    (void)g_timeout_add(1000, on_end, server); /* what is on its way arrives */
    return G_SOURCE_REMOVE;
}

static gboolean on_ready(GIOChannel *channel, GIOCondition condition, void *data)
{
    struct server *server = data;

    (void)channel, (void)condition;
    server->begun_ms = clock_now_ms();
    server->cpu_us = thread_cpu_us();
    (void)g_timeout_add(1, on_turn, server);
    return G_SOURCE_REMOVE;
}

static bool start_server(struct server *server)
{
    struct api_options options;
    g_autoptr(GError) error = NULL;

    fake_init(&server->fake);
    server->inv = inventory_new();
    server->feed = feed_new(NULL);
    server->changes = changes_new(server->feed, server->inv);
    fill_inventory(server);
    changes_start(server->changes, 1);
    api_options_init(&options);
    options.address = "127.0.0.1";
    options.port = 0;
    options.tls = false;
    options.feed = server->feed;
    server->api = api_start(&options, &fake_ops, &server->fake, &error);
    if (!server->api)
        fprintf(stderr, "bench_stream: %s\n", error->message);
    return server->api != NULL;
}

static void stop_server(struct server *server)
{
    api_stop(server->api);
    changes_free(server->changes);
    feed_free(server->feed);
    inventory_free(server->inv);
    fake_clear(&server->fake);
}

static void print_server(const struct server *server)
{
    int64_t wall_us = (int64_t)server->load.seconds * 1000000;
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf("changes    %u a second for %u s, among %u VMs\n", server->load.rate,
           server->load.seconds, server->load.vms);
    printf("loop       %.1f %% of a core; the dearest change %.1f ms\n",
           100.0 * (double)server->cpu_us / (double)wall_us, (double)server->worst_us / 1000.0);
    printf("process    %.1f %% of a core, %ld MB at most\n",
           100.0 *
               ((double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6) /
               (double)server->load.seconds,
           usage.ru_maxrss / 1024);
}

static unsigned number(int argc, char **argv, int at, unsigned usual)
{
    return argc > at ? (unsigned)g_ascii_strtoull(argv[at], NULL, 10) : usual;
}

int main(int argc, char **argv)
{
    struct server server = { .load = { number(argc, argv, 1, 1000), number(argc, argv, 2, 50),
                                       number(argc, argv, 3, 10), number(argc, argv, 4, 8000) } };
    int ports[2], ready[2], status = 1;
    unsigned port;
    pid_t pid;

    if (pipe(ports) < 0 || pipe(ready) < 0)
        return EXIT_FAILURE;
    pid = fork();
    if (pid == 0) {
        if (read(ports[0], &port, sizeof(port)) != sizeof(port))
            _exit(EXIT_FAILURE);
        status = watch_all(port, ready[1], &server.load);
        fflush(stdout);
        _exit(status);
    }
    if (pid < 0 || !start_server(&server))
        return EXIT_FAILURE;
    server.loop = g_main_loop_new(NULL, FALSE);
    g_io_add_watch(g_io_channel_unix_new(ready[0]), G_IO_IN, on_ready, &server);
    port = api_port(server.api);
    if (write(ports[1], &port, sizeof(port)) != sizeof(port))
        return EXIT_FAILURE;
    g_main_loop_run(server.loop);
    stop_server(&server);
    (void)waitpid(pid, &status, 0);
    print_server(&server);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
