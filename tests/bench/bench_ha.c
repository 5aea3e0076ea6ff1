/* bench_ha.c - what vrm-hald costs: by tests/bench/bench_ha.sh.
 *
 *   bench_ha --hosts N SECONDS URL...   N of vrm-hald's cores in this process renew on these etcd
 *                                       members; prints renewals, their answers' times, lapses
 *   bench_ha --one N SECONDS            one real vrm-hald beside $VRM_ETCD_URL with N VMs; prints
 *                                       its memory and processor time */
#include "config.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/hald.h"
#include "agent/hald_conf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/vec.h"
#include "tests/haldlab.h"
#include "tests/suite.h"
#include "tests/tempdir.h"

#define FIRST_HOST 101
#define FIRST_PORT 27446
#define WARM_MS    5000
#define SAMPLE_MS  250
#define MS_PER_S   1000
#define KEY        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

VEC_DECLARE(times, int64_t);

struct host {
    struct hald_conf conf;
    Hald *hald;
    int64_t seq, first_seq;
    bool held;
};

struct fleet {
    char *dir;
    struct host *hosts;
    size_t n_hosts;
    struct times answers;
    size_t n_lapsed; /* samples in which a lease was not held */
};

/* ---- many ------------------------------------------------------------------------------------ */

static void on_reply(uint64_t conn, const struct hald_reply *reply, void *user)
{
    struct fleet *fleet = user;
    struct host *host = &fleet->hosts[conn - 1];
    const struct hald_lease *lease = reply->status.leases;

    if (reply->status.n_leases == 0)
        return;
    if (lease->seq != host->seq && lease->answer_ms > 0)
        times_push(&fleet->answers, lease->answer_ms);
    host->seq = lease->seq;
    host->held = strcmp(lease->state, "held") == 0;
    fleet->n_lapsed += host->held ? 0 : 1;
}

/* No peers: this process would be all of theirs, too. */
static struct ha_setup setup_for(size_t i, char **urls)
{
    struct ha_setup setup = {
        .epoch = 1,
        .host = FIRST_HOST + (int64_t)i,
        .etcd = g_strdupv(urls),
        .prefix = g_strdup("/bench"),
        .lease_ms = 12000,
        .renew_ms = 1500,
        .kill_ms = 2000,
        .beat_ms = 1000,
        .beat_key = g_strdup(KEY),
        .beat_to = g_new0(char *, 1),
    };

    return setup;
}

static void start_host(struct fleet *fleet, size_t i, char **urls)
{
    struct host *host = &fleet->hosts[i];
    /* Another process has the same ports at another address. */
    g_autofree char *address =
        g_strdup_printf("127.%d.%d.1", (getpid() >> 8) % 255, getpid() % 255);
    g_autofree char *boot_id = g_strdup_printf("boot %zu", i);
    g_autofree char *text =
        g_strdup_printf("[hald]\nstate_dir = %s/%zu\nlife_file = %s/%zu/life\n[beat]\n"
                        "address = %s\nport = %zu\n[watchdog]\ndevice = none\n",
                        fleet->dir, i, fleet->dir, i, address, FIRST_PORT + i);
    g_autofree char *folder = g_strdup_printf("%s/%zu", fleet->dir, i);
    g_autofree char *path = g_build_filename(folder, "conf", NULL);
    const struct hald_options options = {
        .conf = &host->conf, .boot_id = boot_id, .reply = on_reply, .user = fleet
    };
    struct hald_request request = { .op = HALD_SETUP, .id = 1 };
    GError *error = NULL;

    g_mkdir(folder, 0700);
    if (!g_file_set_contents(path, text, -1, &error) ||
        !hald_conf_load(path, &host->conf, &error) || !(host->hald = hald_new(&options, &error)))
        g_error("%s", error->message);
    request.setup = setup_for(i, urls);
    hald_request(host->hald, i + 1, &request);
    ha_setup_clear(&request.setup);
}

static void sample(struct fleet *fleet)
{
    const struct hald_request status = { .op = HALD_STATUS, .id = 2 };

    for (size_t i = 0; i < fleet->n_hosts; i++)
        hald_request(fleet->hosts[i].hald, i + 1, &status);
}

static void sample_for(struct fleet *fleet, int64_t ms)
{
    const int64_t end_ms = clock_now_ms() + ms;

    while (clock_now_ms() < end_ms) {
        etcdlab_run_for(SAMPLE_MS);
        sample(fleet);
    }
}

static int by_size(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static int64_t part(const struct times *times, size_t per_mille)
{
    return times->items[(times->len - 1) * per_mille / 1000];
}

static void print_fleet(struct fleet *fleet, int64_t ms)
{
    int64_t n = 0;

    for (size_t i = 0; i < fleet->n_hosts; i++)
        n += fleet->hosts[i].seq - fleet->hosts[i].first_seq;
    if (fleet->answers.len == 0)
        g_error("no renewal was answered");
    qsort(fleet->answers.items, fleet->answers.len, sizeof(int64_t), by_size);
    printf("%zu hosts: %.0f renewals/s; answers in ms: median %" PRId64 ", 90 %% %" PRId64
           ", 99 %% %" PRId64 ", worst %" PRId64 "; leases not held in %zu samples\n",
           fleet->n_hosts, (double)n * MS_PER_S / (double)ms, part(&fleet->answers, 500),
           part(&fleet->answers, 900), part(&fleet->answers, 990), part(&fleet->answers, 1000),
           fleet->n_lapsed);
}

static int run_fleet(size_t n_hosts, int64_t seconds, char **urls)
{
    struct fleet fleet = { .dir = tempdir_new(),
                           .hosts = g_new0(struct host, n_hosts),
                           .n_hosts = n_hosts };

    log_set_level(LOG_LEVEL_WARNING);
    for (size_t i = 0; i < n_hosts; i++)
        start_host(&fleet, i, urls);
    sample_for(&fleet, WARM_MS);
    fleet.answers.len = fleet.n_lapsed = 0;
    for (size_t i = 0; i < n_hosts; i++)
        fleet.hosts[i].first_seq = fleet.hosts[i].seq;
    puts("begin"); /* the script looks at etcd's processor time here */
    fflush(stdout);
    sample_for(&fleet, seconds * MS_PER_S);
    print_fleet(&fleet, seconds * MS_PER_S);
    for (size_t i = 0; i < n_hosts; i++) {
        hald_free(fleet.hosts[i].hald);
        hald_conf_clear(&fleet.hosts[i].conf);
    }
    times_clear(&fleet.answers);
    g_free(fleet.hosts);
    tempdir_free(fleet.dir);
    return EXIT_SUCCESS;
}

/* ---- one ------------------------------------------------------------------------------------- */

/* Of /proc/PID/status, in kB. */
static int64_t memory_of(GPid pid, const char *key)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", pid);
    g_autofree char *text = NULL;
    const char *at;

    if (!g_file_get_contents(path, &text, NULL, NULL) || !(at = strstr(text, key)))
        return -1;
    return g_ascii_strtoll(at + strlen(key), NULL, 10);
}

/* User and system, ms. */
static int64_t processor_of(GPid pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = NULL;
    g_auto(GStrv) words = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return -1;
    words = g_strsplit(strrchr(text, ')') + 2, " ", -1);
    return (g_ascii_strtoll(words[11], NULL, 10) + g_ascii_strtoll(words[12], NULL, 10)) *
           MS_PER_S / sysconf(_SC_CLK_TCK);
}

static gint64 n_vms, run_s;

START_TEST(one_vrm_hald)
{
    static const struct haldlab_times as_usual = { 12000, 1500, 2000 };
    struct haldlab lab;
    GPid *guests = g_new0(GPid, (size_t)n_vms);
    int64_t before_ms;

    haldlab_open(&lab);
    haldlab_begin(&lab, &as_usual);
    for (gint64 i = 0; i < n_vms; i++) {
        g_autofree char *uuid = g_uuid_string_random();

        guests[i] = haldlab_run_vm(&lab, i + 1, uuid);
    }
    etcdlab_run_for(WARM_MS);
    before_ms = processor_of(lab.hald);
    etcdlab_run_for(run_s * MS_PER_S);
    printf("vrm-hald with %" PRId64 " VMs: %.1f MB resident (own %.1f), %.2f %% of a core\n", n_vms,
           (double)memory_of(lab.hald, "VmRSS:") / 1024,
           (double)memory_of(lab.hald, "RssAnon:") / 1024,
           (double)(processor_of(lab.hald) - before_ms) / (double)run_s / 10);
    for (gint64 i = 0; i < n_vms; i++)
        haldlab_kill(guests[i]);
    haldlab_close(&lab);
    g_free(guests);
}
END_TEST

static bool read_number(const char *text, gint64 *ret_number)
{
    return text && g_ascii_string_to_signed(text, 10, 1, 100000, ret_number, NULL);
}

int main(int argc, char **argv)
{
    const struct suite_test one[] = { SUITE_TEST(one_vrm_hald) };
    const bool numbers = argc >= 4 && read_number(argv[2], &n_vms) && read_number(argv[3], &run_s);

    if (haldlab_is_guest(argc, argv))
        return EXIT_SUCCESS;
    if (numbers && argc > 4 && strcmp(argv[1], "--hosts") == 0)
        return run_fleet((size_t)n_vms, run_s, argv + 4);
    if (numbers && strcmp(argv[1], "--one") == 0)
        return suite_run("bench_ha", one, G_N_ELEMENTS(one));
    fprintf(stderr, "usage: bench_ha --hosts N SECONDS URL... | --one N SECONDS\n");
    return 2;
}
