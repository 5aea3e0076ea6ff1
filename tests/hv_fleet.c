/* hv_fleet.c - see hv_fleet.h. */
#include "config.h"

#include "tests/hv_fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/report.h"
#include "base/clock.h"
#include "base/err.h"

#define POLL_MS      25
#define HOST_MHZ     2500
#define HOST_CPUS    8
#define HOST_MEM_MB  65536
#define COPY_MS      120 /* a migration at least */
#define COPY_STEP_MS 20
#define INCOMING     ".incoming-"
#define MANAGEMENT   "127.0.0.1" /* where every host is watched */

struct HvFleet {
    char *fleet, *host, *dir;
    struct hv_sink sink;
    guint poll_timer;
    GHashTable *told; /* uuid -> struct domain_report *, as the sink knows it; loop thread */
};

/* What a domain's file says. */
struct domain {
    enum domain_state state;
    int64_t gen, vm_id, busy_mhz, slow_ms, copy_ms;
    char fail[16];
};

/* ---- files ------------------------------------------------------------------------------------
 */

static char *domain_path(const char *fleet, const char *host, const char *uuid)
{
    return g_build_filename(fleet, host, uuid, NULL);
}

/* One change at a time in the whole fleet. */
static int lock_fleet(const HvFleet *hv)
{
    g_autofree char *path = g_build_filename(hv->fleet, "lock", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        g_error("%s: %s", path, g_strerror(errno));
    return fd;
}

static void append(const HvFleet *hv, const char *file, const char *what, const char *uuid,
                   int64_t gen)
{
    g_autofree char *path = g_build_filename(hv->fleet, file, NULL);
    g_autofree char *line = g_strdup_printf("%s %s %s %" PRId64 " %" PRId64 "\n", hv->host, what,
                                            uuid, gen, clock_now_ms());
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, line, strlen(line)) < 0)
        g_error("%s: %s", path, g_strerror(errno));
    close(fd);
}

static bool read_domain(const char *path, struct domain *ret_domain)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) words = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return false;
    words = g_strsplit(text, " ", 0);
    if (g_strv_length(words) != 7 || !domain_state_parse(words[0], &ret_domain->state))
        g_error("%s: %s", path, text);
    ret_domain->gen = g_ascii_strtoll(words[1], NULL, 10);
    ret_domain->vm_id = g_ascii_strtoll(words[2], NULL, 10);
    ret_domain->busy_mhz = g_ascii_strtoll(words[3], NULL, 10);
    ret_domain->slow_ms = g_ascii_strtoll(words[4], NULL, 10);
    ret_domain->copy_ms = g_ascii_strtoll(words[5], NULL, 10);
    g_strlcpy(ret_domain->fail, words[6], sizeof(ret_domain->fail));
    return true;
}

static void write_domain(const char *path, const struct domain *domain)
{
    g_autofree char *text =
        g_strdup_printf("%s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %s",
                        domain_state_name(domain->state), domain->gen, domain->vm_id,
                        domain->busy_mhz, domain->slow_ms, domain->copy_ms, domain->fail);
    g_autoptr(GError) error = NULL;

    if (!g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error))
        g_error("%s", error->message);
}

static bool find_here(const HvFleet *hv, const char *uuid, struct domain *ret_domain)
{
    g_autofree char *path = domain_path(hv->fleet, hv->host, uuid);
    g_autofree char *name = g_strconcat(INCOMING, uuid, NULL);
    g_autofree char *incoming = domain_path(hv->fleet, hv->host, name);

    if (read_domain(path, ret_domain))
        return true;
    if (!read_domain(incoming, ret_domain))
        return false;
    ret_domain->state = DOMAIN_INCOMING;
    return true;
}

static bool is_elsewhere(const HvFleet *hv, const char *uuid)
{
    g_autoptr(GDir) dir = g_dir_open(hv->fleet, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = domain_path(hv->fleet, name, uuid);

        if (!g_str_equal(name, hv->host) && g_file_test(path, G_FILE_TEST_EXISTS))
            return true;
    }
    return false;
}

/* uuid -> struct domain_report * */
static GHashTable *read_all(const HvFleet *hv)
{
    GHashTable *all =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)report_free_domain);
    g_autoptr(GDir) dir = g_dir_open(hv->dir, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        const char *uuid =
            g_str_has_prefix(name, INCOMING) ? name + strlen(INCOMING) : name; /* else temporary */
        struct domain domain;
        struct domain_report report = { 0 };

        if (!g_uuid_string_is_valid(uuid) || !find_here(hv, uuid, &domain))
            continue;
        report = (struct domain_report){
            .uuid = (char *)(uintptr_t)uuid,
            .state = domain.state,
            .vm_id = domain.vm_id,
            .gen = domain.gen,
            .vnc_port = domain.state == DOMAIN_INCOMING ? 0 : 5900,
        };
        (void)g_hash_table_replace(all, g_strdup(uuid), report_dup_domain(&report));
    }
    return all;
}

/* ---- what the name says ----------------------------------------------------------------
 */

static int64_t number_after(const char *text, const char *word)
{
    const char *at = strstr(text, word);

    return at ? g_ascii_strtoll(at + strlen(word), NULL, 10) : 0;
}

static struct domain domain_of(const Vm *vm, int64_t gen)
{
    struct domain domain = { .state = DOMAIN_RUNNING,
                             .gen = gen,
                             .vm_id = vm->id,
                             .busy_mhz = number_after(vm->name, "busy="),
                             .slow_ms = number_after(vm->name, "slow="),
                             .copy_ms = number_after(vm->name, "copy="),
                             .fail = "-" };
    const char *fail = strstr(vm->name, "fail=");

    if (fail) {
        fail += strlen("fail=");
        g_strlcpy(domain.fail, fail, MIN(strcspn(fail, " ") + 1, sizeof(domain.fail)));
    }
    return domain;
}

static void take_time(int64_t ms)
{
    if (ms > 0)
        (void)poll(NULL, 0, (int)MIN(ms, 60000));
}

static bool may_happen(const struct domain *domain, const char *call, GError **error)
{
    take_time(domain->slow_ms);
    if (!g_str_equal(domain->fail, call))
        return true;
    err_set(error, VRM_ERR_INTERNAL, "the hypervisor refused to %s", call);
    return false;
}

static bool find_or_fail(const HvFleet *hv, const char *uuid, struct domain *ret_domain,
                         GError **error)
{
    if (find_here(hv, uuid, ret_domain))
        return true;
    err_set(error, VRM_ERR_NOT_FOUND, "no domain %s", uuid);
    return false;
}

/* ---- the table --------------------------------------------------------------------------------
 */

/* Another host may have put one here, or taken one away. */
static gboolean on_poll(void *data)
{
    HvFleet *hv = data;
    g_autoptr(GHashTable) now = read_all(hv);
    g_autoptr(GHashTable) before = g_steal_pointer(&hv->told);
    GHashTableIter iter;
    void *key, *value;

    hv->told = g_hash_table_ref(now);
    g_hash_table_iter_init(&iter, now);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const struct domain_report *old = g_hash_table_lookup(before, key);

        if (!old || !report_same_domain(old, value))
            hv->sink.domain(value, hv->sink.user);
    }
    g_hash_table_iter_init(&iter, before);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        struct domain_report gone = { 0 };

        if (g_hash_table_contains(now, key))
            continue;
        report_set_absent(key, "gone", &gone);
        hv->sink.domain(&gone, hv->sink.user);
        domain_report_clear(&gone);
    }
    return G_SOURCE_CONTINUE;
}

static void fleet_start_link(void *data, const struct hv_sink *sink)
{
    HvFleet *hv = data;

    hv->sink = *sink;
    hv->told = read_all(hv);
    hv->poll_timer = g_timeout_add(POLL_MS, on_poll, hv);
    sink->link(true, sink->user);
}

static bool fleet_free(void *data)
{
    HvFleet *hv = data;

    if (hv->poll_timer)
        g_source_remove(hv->poll_timer);
    hv->poll_timer = 0;
    return true;
}

/* Host cna0 has no network of its own for migrations. */
static char *migrate_address_of(const char *host)
{
    return g_str_has_suffix(host, "0") ? g_strdup("") : g_strconcat(host, ".migration", NULL);
}

static bool fleet_facts(void *data, struct agent_hello *hello, GError **error)
{
    const HvFleet *hv = data;
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, hv->host, -1);

    (void)error;
    *hello = (struct agent_hello){
        .uuid = g_strdup_printf("%.8s-0000-4000-8000-%.12s", hash, hash + 8),
        .boot_id = g_strdup("boot-1"),
        .real_name = g_strdup(hv->host),
        .vendor = g_strdup("test"),
        .model = g_strdup("files"),
        .cpu_model = g_strdup("none"),
        .hypervisor = g_strdup("fleet 1"),
        .migrate_address = migrate_address_of(hv->host),
        .mem_mb = HOST_MEM_MB,
        .cpu_threads = HOST_CPUS,
        .cpu_sockets = 1,
        .cpu_cores = HOST_CPUS,
        .cpu_mhz = HOST_MHZ,
        .nic_count = 1,
    };
    return true;
}

static bool fleet_list(void *data, struct domain_report **ret_domains, size_t *ret_n,
                       GError **error)
{
    g_autoptr(GHashTable) all = read_all(data);
    GHashTableIter iter;
    void *value;

    (void)error;
    *ret_domains = g_new0(struct domain_report, g_hash_table_size(all) + 1);
    *ret_n = 0;
    g_hash_table_iter_init(&iter, all);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        report_copy_domain(value, &(*ret_domains)[(*ret_n)++]);
    return true;
}

static bool fleet_lookup(void *data, const char *uuid, struct domain_report *ret_domain,
                         GError **error)
{
    g_autoptr(GHashTable) all = read_all(data);
    const struct domain_report *found = g_hash_table_lookup(all, uuid);

    (void)error;
    if (found)
        report_copy_domain(found, ret_domain);
    else
        report_set_absent(uuid, "", ret_domain);
    return true;
}

static bool fleet_stats(void *data, struct watch_line *ret_line, GError **error)
{
    const HvFleet *hv = data;
    g_autoptr(GHashTable) all = read_all(hv);
    GHashTableIter iter;
    void *uuid;

    (void)error;
    *ret_line = (struct watch_line){ .kind = WATCH_STATS, .interval_ms = 1000 };
    ret_line->stats = g_new0(struct domain_stats, g_hash_table_size(all) + 1);
    ret_line->host = (struct host_stats){ .cpu_mhz = 100, .mem_mb = 1024, .net_kbps = 1 };
    g_hash_table_iter_init(&iter, all);
    while (g_hash_table_iter_next(&iter, &uuid, NULL)) {
        struct domain domain;

        if (!find_here(hv, uuid, &domain) || domain.state != DOMAIN_RUNNING)
            continue;
        ret_line->stats[ret_line->n_stats++] = (struct domain_stats){
            .uuid = g_strdup(uuid), .cpu_mhz = domain.busy_mhz, .mem_mb = 64, .net_kbps = 1
        };
        ret_line->host.cpu_mhz += domain.busy_mhz;
        ret_line->host.mem_mb += 64;
    }
    return true;
}

static bool fleet_start(void *data, const Vm *vm, int64_t gen, GError **error)
{
    const HvFleet *hv = data;
    struct domain domain = domain_of(vm, gen);
    g_autofree char *path = domain_path(hv->fleet, hv->host, vm->uuid);
    int lock;

    if (!may_happen(&domain, "start", error))
        return false;
    lock = lock_fleet(hv);
    if (is_elsewhere(hv, vm->uuid))
        append(hv, "double", "start", vm->uuid, gen);
    append(hv, "log", "start", vm->uuid, gen);
    write_domain(path, &domain);
    close(lock);
    return true;
}

static bool fleet_stop(void *data, const char *uuid, bool force, int64_t deadline_ms,
                       GError **error)
{
    const HvFleet *hv = data;
    g_autofree char *path = domain_path(hv->fleet, hv->host, uuid);
    struct domain domain;
    int lock;

    (void)deadline_ms;
    if (!read_domain(path, &domain))
        return true;
    if (!may_happen(&domain, force ? "destroy" : "stop", error))
        return false;
    lock = lock_fleet(hv);
    append(hv, "log", "stop", uuid, domain.gen);
    (void)g_unlink(path);
    close(lock);
    return true;
}

static bool fleet_reboot(void *data, const char *uuid, bool force, GError **error)
{
    const HvFleet *hv = data;
    struct domain domain;

    (void)force;
    if (!find_or_fail(hv, uuid, &domain, error) || !may_happen(&domain, "reboot", error))
        return false;
    append(hv, "log", "reboot", uuid, domain.gen);
    return true;
}

static bool switch_state(const HvFleet *hv, const char *call, const char *uuid,
                         enum domain_state state, GError **error)
{
    g_autofree char *path = domain_path(hv->fleet, hv->host, uuid);
    struct domain domain;
    int lock;

    if (!find_or_fail(hv, uuid, &domain, error) || !may_happen(&domain, call, error))
        return false;
    lock = lock_fleet(hv);
    append(hv, "log", call, uuid, domain.gen);
    domain.state = state;
    write_domain(path, &domain);
    close(lock);
    return true;
}

static bool fleet_pause(void *data, const char *uuid, GError **error)
{
    return switch_state(data, "pause", uuid, DOMAIN_PAUSED, error);
}

static bool fleet_resume(void *data, const char *uuid, GError **error)
{
    return switch_state(data, "resume", uuid, DOMAIN_RUNNING, error);
}

/* By a right: a file that says "paused" until it is let run. */
static bool fleet_start_halted(void *data, const Vm *vm, int64_t gen, GError **error)
{
    return fleet_start(data, vm, gen, error) &&
           switch_state(data, "halt", vm->uuid, DOMAIN_PAUSED, error);
}

static bool fleet_let_run(void *data, const char *uuid, GError **error)
{
    return switch_state(data, "run", uuid, DOMAIN_RUNNING, error);
}

/* ---- migration --------------------------------------------------------------------------------
 */

static bool copy_memory(const struct hv_migration *migration, const struct domain *domain)
{
    int64_t ms = COPY_MS + domain->slow_ms + domain->copy_ms;
    struct command_report progress = { .dirty_mbps = 3 };

    for (int64_t done = 0; done < ms; done += COPY_STEP_MS) {
        progress.progress = 100 * done / ms;
        progress.elapsed_ms = done;
        progress.transferred_mb = done;
        progress.remaining_mb = ms - done;
        if (!migration->progress(&progress, migration->user) &&
            !g_str_equal(domain->fail, "cancel"))
            return false;
        take_time(COPY_STEP_MS);
    }
    return true;
}

/* The domain is on one host at every moment: its file is renamed. */
static bool hand_over(const HvFleet *hv, const struct hv_migration *migration, const char *from,
                      const char *to, GError **error)
{
    struct domain domain;
    int lock = lock_fleet(hv);
    bool ok = read_domain(from, &domain);

    if (ok) {
        append(hv, "log", "migrate", migration->uuid, migration->gen);
        domain.gen = migration->gen;
        write_domain(from, &domain);
        ok = g_rename(from, to) == 0;
    }
    close(lock);
    if (!ok)
        err_set(error, VRM_ERR_CONFLICT, "the domain ended while it was copied");
    return ok;
}

/* A migration whose agent died has died with it, or had ended. */
static bool resume_migration(const struct hv_migration *migration, const char *from, const char *to,
                             struct command_report *ret_result, GError **error)
{
    if (g_file_test(to, G_FILE_TEST_EXISTS) && !g_file_test(from, G_FILE_TEST_EXISTS)) {
        ret_result->elapsed_ms = COPY_MS;
        return true;
    }
    err_set(error, VRM_ERR_CONFLICT, "the migration to %s was interrupted",
            migration->args->target_name);
    return false;
}

/* Not where the target wants its VMs sent to. */
static bool goes_astray(const struct migrate_args *args, GError **error)
{
    g_autofree char *told = migrate_address_of(args->target_name);
    const char *want = *told ? told : MANAGEMENT;

    if (g_str_equal(args->target_address, want))
        return false;
    err_set(error, VRM_ERR_INVALID, "target_address = %s: want %s", args->target_address, want);
    return true;
}

static bool fleet_migrate(void *data, const struct hv_migration *migration,
                          struct command_report *ret_result, GError **error)
{
    const HvFleet *hv = data;
    const char *target = migration->args->target_name;
    g_autofree char *name = g_strconcat(INCOMING, migration->uuid, NULL);
    g_autofree char *from = domain_path(hv->fleet, hv->host, migration->uuid);
    g_autofree char *to = domain_path(hv->fleet, target, migration->uuid);
    g_autofree char *incoming = domain_path(hv->fleet, target, name);
    struct domain domain;
    bool ok;

    if (migration->resumed) {
        ok = resume_migration(migration, from, to, ret_result, error);
        (void)g_unlink(incoming);
        return ok;
    }
    if (goes_astray(migration->args, error) || !find_or_fail(hv, migration->uuid, &domain, error) ||
        !may_happen(&domain, "migrate", error))
        return false;
    write_domain(incoming, &domain);
    ok = copy_memory(migration, &domain);
    if (!ok)
        err_set(error, VRM_ERR_CONFLICT, "cancelled");
    ok = ok && hand_over(hv, migration, from, to, error);
    (void)g_unlink(incoming);
    *ret_result = (struct command_report){ .elapsed_ms = COPY_MS, .downtime_ms = 1 };
    return ok;
}

static const struct hv_ops fleet_ops = {
    .start_link = fleet_start_link,
    .free = fleet_free,
    .facts = fleet_facts,
    .list = fleet_list,
    .lookup = fleet_lookup,
    .stats = fleet_stats,
    .start = fleet_start,
    .start_halted = fleet_start_halted,
    .let_run = fleet_let_run,
    .stop = fleet_stop,
    .reboot = fleet_reboot,
    .pause = fleet_pause,
    .resume = fleet_resume,
    .migrate = fleet_migrate,
};

/* ---- life -------------------------------------------------------------------------------------
 */

HvFleet *hv_fleet_new(const char *fleet, const char *host)
{
    HvFleet *hv = g_new0(HvFleet, 1);

    hv->fleet = g_strdup(fleet);
    hv->host = g_strdup(host);
    hv->dir = g_build_filename(fleet, host, NULL);
    if (g_mkdir_with_parents(hv->dir, 0700) < 0)
        g_error("%s: %s", hv->dir, g_strerror(errno));
    return hv;
}

void hv_fleet_free(HvFleet *hv)
{
    if (!hv)
        return;
    g_clear_pointer(&hv->told, g_hash_table_unref);
    g_free(hv->fleet);
    g_free(hv->host);
    g_free(hv->dir);
    g_free(hv);
}

struct hv hv_fleet_hv(HvFleet *hv)
{
    return (struct hv){ &fleet_ops, hv };
}
