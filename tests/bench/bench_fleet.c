/* bench_fleet.c - many agents in one process, over hypervisors that live in memory.
 *
 *     bench_fleet DIR HOSTS RUNNING PORT
 *
 * Real cores and doors of vrm-agent (agent.h, server.h), so vrmd meets the real protocol over
 * mutual TLS; only the hypervisor is made up.  Host hostN (0 ..) listens on PORT of 127.7.(N /
 * 250). (N % 250 + 1) with DIR/ca.pem, DIR/agent.pem and DIR/agent-key.pem, and keeps its journal
 * below DIR.  VMs 1 to RUNNING run, ID on host ID % HOSTS; bench_vrmd.sh writes the same into the
 * database. */
#include "config.h"

#include <glib/gstdio.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "agent/agent.h"
#include "agent/report.h"
#include "agent/server.h"
#include "base/err.h"
#include "base/log.h"
#include "base/work.h"

#define HOST_MHZ     2500
#define HOST_CPUS    64
#define HOST_MEM_MB  262144
#define VM_MEM_MB    2048
#define HOT_EVERY    16 /* each so-many-th host is busier */
#define MIGRATE_MS   300
#define START_MS     50
#define MAX_FDS      16384
#define STATS_MS     5000
#define MAX_COMMANDS 100

struct fleet;

struct machine {
    struct fleet *fleet;
    unsigned number;
    char *name;
    GHashTable *domains; /* uuid -> struct domain_report *; below the fleet's lock */
    struct hv_sink sink;
    Mailbox *changes; /* char *: uuids */
    int64_t n_samples;
};

struct fleet {
    const char *dir;
    unsigned n_hosts, n_running, port;
    pthread_mutex_t lock;
    struct machine *machines;
};

static void free_domain(void *domain)
{
    report_free_domain(domain);
}

static void put_domain(struct machine *machine, const struct domain_report *domain)
{
    struct domain_report *copy = report_dup_domain(domain);

    (void)g_hash_table_replace(machine->domains, copy->uuid, copy);
}

/* ---- events -----------------------------------------------------------------------------------
 */

static void announce(struct machine *machine, const char *uuid)
{
    char *copy = g_strdup(uuid);

    if (!mailbox_post(machine->changes, copy))
        g_free(copy);
}

static bool mem_lookup(void *data, const char *uuid, struct domain_report *ret, GError **error)
{
    struct machine *machine = data;
    const struct domain_report *found;

    (void)error;
    pthread_mutex_lock(&machine->fleet->lock);
    found = g_hash_table_lookup(machine->domains, uuid);
    if (found)
        report_copy_domain(found, ret);
    else
        report_set_absent(uuid, "gone", ret);
    pthread_mutex_unlock(&machine->fleet->lock);
    return true;
}

static void on_change(void *message, void *user)
{
    const struct machine *machine = user;
    g_autofree char *uuid = message;
    struct domain_report now = { 0 };

    (void)mem_lookup(user, uuid, &now, NULL);
    machine->sink.domain(&now, machine->sink.user);
    domain_report_clear(&now);
}

/* ---- the table --------------------------------------------------------------------------------
 */

static void mem_start_link(void *data, const struct hv_sink *sink)
{
    struct machine *machine = data;

    machine->sink = *sink;
    machine->changes = mailbox_new(NULL, on_change, g_free, machine);
    sink->link(true, sink->user);
}

static bool mem_free(void *data)
{
    (void)data; /* the process ends by a signal */
    return true;
}

static bool mem_facts(void *data, struct agent_hello *hello, GError **error)
{
    const struct machine *machine = data;

    (void)error;
    *hello = (struct agent_hello){
        .uuid = g_strdup_printf("%08x-0000-4000-8000-00000000cafe", machine->number),
        .boot_id = g_strdup("boot-1"),
        .real_name = g_strdup(machine->name),
        .vendor = g_strdup("bench"),
        .model = g_strdup("memory"),
        .cpu_model = g_strdup("none"),
        .hypervisor = g_strdup("bench 1"),
        .migrate_address = g_strdup(""),
        .mem_mb = HOST_MEM_MB,
        .cpu_threads = HOST_CPUS,
        .cpu_sockets = 2,
        .cpu_cores = HOST_CPUS / 2,
        .cpu_mhz = HOST_MHZ,
        .nic_count = 2,
    };
    return true;
}

static bool mem_list(void *data, struct domain_report **ret_domains, size_t *ret_n, GError **error)
{
    struct machine *machine = data;
    GHashTableIter iter;
    void *domain;

    (void)error;
    pthread_mutex_lock(&machine->fleet->lock);
    *ret_domains = g_new0(struct domain_report, g_hash_table_size(machine->domains) + 1);
    *ret_n = 0;
    g_hash_table_iter_init(&iter, machine->domains);
    while (g_hash_table_iter_next(&iter, NULL, &domain))
        report_copy_domain(domain, &(*ret_domains)[(*ret_n)++]);
    pthread_mutex_unlock(&machine->fleet->lock);
    return true;
}

/* Of its own size, busier on hot hosts, and never quite the same. */
static int64_t busy_mhz(const struct machine *machine, int64_t vm_id)
{
    int64_t mhz = 200 + vm_id * 7919 % 700;

    if (machine->number % HOT_EVERY == 0)
        mhz *= 4;
    return mhz * (95 + (vm_id + machine->n_samples) % 11) / 100;
}

static bool mem_stats(void *data, struct watch_line *ret_line, GError **error)
{
    struct machine *machine = data;
    GHashTableIter iter;
    void *value;

    (void)error;
    pthread_mutex_lock(&machine->fleet->lock);
    machine->n_samples++;
    *ret_line = (struct watch_line){ .kind = WATCH_STATS, .interval_ms = STATS_MS };
    ret_line->stats = g_new0(struct domain_stats, g_hash_table_size(machine->domains) + 1);
    ret_line->host = (struct host_stats){ .cpu_mhz = 1000, .mem_mb = 4096, .net_kbps = 1000 };
    g_hash_table_iter_init(&iter, machine->domains);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct domain_report *domain = value;
        struct domain_stats *stats = &ret_line->stats[ret_line->n_stats++];

        *stats = (struct domain_stats){ .uuid = g_strdup(domain->uuid),
                                        .cpu_mhz = busy_mhz(machine, domain->vm_id),
                                        .mem_mb = VM_MEM_MB,
                                        .net_kbps = 100 };
        ret_line->host.cpu_mhz += stats->cpu_mhz;
        ret_line->host.mem_mb += VM_MEM_MB;
        ret_line->host.net_kbps += stats->net_kbps;
    }
    pthread_mutex_unlock(&machine->fleet->lock);
    return true;
}

static bool mem_start(void *data, const Vm *vm, int64_t gen, GError **error)
{
    struct machine *machine = data;
    const struct domain_report domain = {
        .uuid = vm->uuid, .state = DOMAIN_RUNNING, .vm_id = vm->id, .gen = gen, .vnc_port = 5900
    };

    (void)error;
    (void)poll(NULL, 0, START_MS);
    pthread_mutex_lock(&machine->fleet->lock);
    put_domain(machine, &domain);
    pthread_mutex_unlock(&machine->fleet->lock);
    announce(machine, vm->uuid);
    return true;
}

static bool mem_stop(void *data, const char *uuid, bool force, int64_t deadline_ms, GError **error)
{
    struct machine *machine = data;

    (void)force, (void)deadline_ms, (void)error;
    pthread_mutex_lock(&machine->fleet->lock);
    (void)g_hash_table_remove(machine->domains, uuid);
    pthread_mutex_unlock(&machine->fleet->lock);
    announce(machine, uuid);
    return true;
}

static bool mem_reboot(void *data, const char *uuid, bool force, GError **error)
{
    (void)data, (void)uuid, (void)force, (void)error;
    return true;
}

static bool set_state(struct machine *machine, const char *uuid, enum domain_state state,
                      GError **error)
{
    struct domain_report *domain;

    pthread_mutex_lock(&machine->fleet->lock);
    domain = g_hash_table_lookup(machine->domains, uuid);
    if (domain)
        domain->state = state;
    pthread_mutex_unlock(&machine->fleet->lock);
    if (!domain) {
        err_set(error, VRM_ERR_NOT_FOUND, "no domain %s", uuid);
        return false;
    }
    announce(machine, uuid);
    return true;
}

static bool mem_pause(void *data, const char *uuid, GError **error)
{
    return set_state(data, uuid, DOMAIN_PAUSED, error);
}

static bool mem_resume(void *data, const char *uuid, GError **error)
{
    return set_state(data, uuid, DOMAIN_RUNNING, error);
}

static bool mem_start_halted(void *data, const Vm *vm, int64_t gen, GError **error)
{
    return mem_start(data, vm, gen, error) && set_state(data, vm->uuid, DOMAIN_PAUSED, error);
}

static struct machine *find_machine(struct fleet *fleet, const char *name)
{
    for (unsigned i = 0; i < fleet->n_hosts; i++) {
        if (g_str_equal(fleet->machines[i].name, name))
            return &fleet->machines[i];
    }
    return NULL;
}

static bool hand_over(struct machine *from, struct machine *to,
                      const struct hv_migration *migration)
{
    const struct domain_report *domain;

    pthread_mutex_lock(&from->fleet->lock);
    domain = g_hash_table_lookup(from->domains, migration->uuid);
    if (domain) {
        struct domain_report moved = *domain;

        moved.gen = migration->gen;
        put_domain(to, &moved);
        (void)g_hash_table_remove(from->domains, migration->uuid);
    }
    pthread_mutex_unlock(&from->fleet->lock);
    return domain != NULL;
}

static bool mem_migrate(void *data, const struct hv_migration *migration,
                        struct command_report *ret_result, GError **error)
{
    struct machine *from = data, *to = find_machine(from->fleet, migration->args->target_name);

    (void)poll(NULL, 0, MIGRATE_MS);
    if (!to || !hand_over(from, to, migration)) {
        err_set(error, VRM_ERR_CONFLICT, "no such domain or target");
        return false;
    }
    announce(to, migration->uuid);
    announce(from, migration->uuid);
    *ret_result = (struct command_report){ .elapsed_ms = MIGRATE_MS, .downtime_ms = 1 };
    return true;
}

static const struct hv_ops mem_ops = {
    .start_link = mem_start_link,
    .free = mem_free,
    .facts = mem_facts,
    .list = mem_list,
    .lookup = mem_lookup,
    .stats = mem_stats,
    .start = mem_start,
    .start_halted = mem_start_halted,
    .let_run = mem_resume,
    .stop = mem_stop,
    .reboot = mem_reboot,
    .pause = mem_pause,
    .resume = mem_resume,
    .migrate = mem_migrate,
};

/* ---- life -------------------------------------------------------------------------------------
 */

static bool start_agent(struct machine *machine, GError **error)
{
    const struct fleet *fleet = machine->fleet;
    g_autofree char *state_dir = g_build_filename(fleet->dir, machine->name, NULL);
    g_autofree char *ca = g_build_filename(fleet->dir, "ca.pem", NULL);
    g_autofree char *cert = g_build_filename(fleet->dir, "agent.pem", NULL);
    g_autofree char *key = g_build_filename(fleet->dir, "agent-key.pem", NULL);
    g_autofree char *address =
        g_strdup_printf("127.7.%u.%u", machine->number / 250, machine->number % 250 + 1);
    static const char *const anybody[] = { NULL };
    const struct agent_options agent_options = {
        .hv = { &mem_ops, machine },
        .name = machine->name,
        .state_dir = state_dir,
        .boot_id = "boot-1",
        .stats_interval_ms = STATS_MS,
        .n_workers = 2,
        .max_commands = MAX_COMMANDS,
    };
    const struct server_options server_options = {
        .listen = address,
        .port = (uint16_t)fleet->port,
        .ca_file = ca,
        .cert_file = cert,
        .key_file = key,
        .controllers = anybody,
    };
    Agent *agent;

    (void)g_mkdir(state_dir, 0700);
    agent = agent_new(&agent_options, error);
    if (!agent || !server_new(agent, &server_options, error))
        return false;
    agent_start(agent);
    return true;
}

static void fill_machine(struct machine *machine, struct fleet *fleet, unsigned number)
{
    *machine = (struct machine){ .fleet = fleet, .number = number };
    machine->name = g_strdup_printf("host%u", number);
    machine->domains = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_domain);
    for (unsigned id = 1; id <= fleet->n_running; id++) {
        g_autofree char *uuid = g_strdup_printf("%08x-0000-4000-8000-%012x", id, id);
        const struct domain_report domain = {
            .uuid = uuid, .state = DOMAIN_RUNNING, .vm_id = id, .gen = 1, .vnc_port = 5900
        };

        if (id % fleet->n_hosts == number)
            put_domain(machine, &domain);
    }
}

static unsigned number_of(const char *text)
{
    return (unsigned)g_ascii_strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
    const struct rlimit files = { MAX_FDS, MAX_FDS };
    struct fleet fleet = { .lock = PTHREAD_MUTEX_INITIALIZER };
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(GError) error = NULL;

    if (argc != 5) {
        fprintf(stderr, "usage: bench_fleet DIR HOSTS RUNNING PORT\n");
        return EXIT_FAILURE;
    }
    fleet.dir = argv[1];
    fleet.n_hosts = MAX(number_of(argv[2]), 1);
    fleet.n_running = number_of(argv[3]);
    fleet.port = number_of(argv[4]);
    log_init("bench_fleet", LOG_LEVEL_WARNING);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setrlimit(RLIMIT_NOFILE, &files);
    fleet.machines = g_new0(struct machine, fleet.n_hosts);
    for (unsigned i = 0; i < fleet.n_hosts; i++) {
        fill_machine(&fleet.machines[i], &fleet, i);
        if (!start_agent(&fleet.machines[i], &error)) {
            fprintf(stderr, "bench_fleet: %s: %s\n", fleet.machines[i].name,
                    error ? error->message : "?");
            return EXIT_FAILURE;
        }
    }
    printf("ready\n");
    (void)fflush(stdout);
    g_main_loop_run(loop);
    return EXIT_SUCCESS;
}
