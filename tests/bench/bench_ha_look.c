/* bench_ha_look.c - what one look of HA costs: bench_ha_look HOSTS VMS GRAVES [SECONDS].
 *
 * The core alone (ha/ha.h), told what vrmd's shell tells it in a second of a cluster in which all
 * is well: beats with the peers they heard, leases, agents, what the hosts say of each VM, five
 * looks. Then one host dies, and its VMs come back.  GRAVES: tombstones of former lives.  Prints a
 * line. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "ha/ha.h"
#include "tests/ha_usual.h"

#define FIRST_HOST 101
#define N_PEERS    8
#define LOOK_MS    200
#define LOOKS      5 /* a second */
#define LIMIT_MS   60000
#define US_PER_S   1000000

struct bench {
    Ha *ha;
    int n_hosts, n_vms;
    int dead; /* index of a host; -1: none */
    int64_t now_ms;
    int64_t *versions; /* of each VM's right */
    int64_t spent_us;  /* in the core */
    int64_t worst_us;  /* one look */
    int64_t n_looks;
};

static int64_t processor_us(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * US_PER_S +
           used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

static struct ha_inc life_of(int host)
{
    return (struct ha_inc){ (uint64_t)host + 1, 1 };
}

static int home_of(const struct bench *bench, int vm)
{
    return vm % bench->n_hosts;
}

static void give(struct bench *bench, int vm, int host, bool claimed)
{
    const struct ha_vm_right right = {
        .gen = bench->versions[vm] + 1,
        .claimed = claimed,
        .n_owners = 1,
        .owners = { { FIRST_HOST + host, HA_ETCD, life_of(host) } },
    };

    ha_see_right(bench->ha, vm, ++bench->versions[vm], &right);
}

static void begin(struct bench *bench, int n_graves)
{
    const struct ha_options options = ha_usual();

    bench->ha = ha_new(&options, (struct ha_mandate){ .epoch = 1 });
    bench->versions = g_new0(int64_t, bench->n_vms);
    for (int i = 0; i < bench->n_hosts; i++)
        ha_add_host(bench->ha, FIRST_HOST + i, false);
    for (int i = 0; i < bench->n_vms; i++) {
        const struct ha_vm_spec spec = {
            .id = i + 1, .authority = HA_ETCD, .after = -1, .follows_host = true
        };

        ha_add_vm(bench->ha, &spec);
        ha_set_wanted(bench->ha, i, true);
        give(bench, i, home_of(bench, i), true);
    }
    for (int i = 0; i < n_graves; i++) {
        const struct ha_owner dead = { FIRST_HOST + i % bench->n_hosts,
                                       HA_ETCD,
                                       { (uint64_t)(i + bench->n_hosts) + 1, 1 } };

        ha_see_fence(bench->ha, &dead);
    }
}

static void see_host(struct bench *bench, int host)
{
    const struct ha_lease_seen lease = {
        .record = { .inc = life_of(host), .seq = bench->now_ms, .length_ms = 12000 },
        .version = bench->now_ms,
        .asked_ms = bench->now_ms
    };

    if (host == bench->dead)
        return;
    ha_see_beat(bench->ha, host, life_of(host), bench->now_ms);
    for (int i = 1; i <= N_PEERS && i < bench->n_hosts; i++) {
        const int peer = (host + i) % bench->n_hosts;

        if (peer != bench->dead)
            ha_see_peer(bench->ha, peer, life_of(peer), bench->now_ms);
    }
    ha_see_agent(bench->ha, host, bench->now_ms);
    ha_see_lease(bench->ha, host, HA_ETCD, &lease, bench->now_ms);
}

/* What the world does with what the core wants: at once. */
static void serve(struct bench *bench, const struct ha_action *action, struct ha_actions *more)
{
    const struct ha_owner dead = { FIRST_HOST + action->host, HA_ETCD, life_of(action->host) };
    const int target = (action->vm + 1) % bench->n_hosts;

    if (action->act == HA_DO_PLACE) {
        ha_placed(bench->ha, action->request, target == bench->dead ? 1 : target, "room there",
                  bench->now_ms, more);
        return;
    }
    if (action->act == HA_DO_BURY)
        ha_see_fence(bench->ha, &dead);
    if (action->act == HA_DO_ASSIGN)
        give(bench, action->vm, action->host, false);
    if (action->act == HA_DO_START) {
        give(bench, action->vm, action->host, true);
        ha_see_vm(bench->ha, action->vm, action->host, true);
    }
    ha_answered(bench->ha, action->request, HA_DONE, bench->now_ms);
}

/* A fifth of the VMs is looked at each time. */
static void look(struct bench *bench)
{
    const int64_t began_us = processor_us();
    const int part = (int)(bench->n_looks % LOOKS);
    struct ha_actions actions = { 0 };
    int64_t took_us;

    for (int i = part; i < bench->n_hosts; i += LOOKS)
        see_host(bench, i);
    for (int i = part; i < bench->n_vms; i += LOOKS)
        if (home_of(bench, i) != bench->dead)
            ha_see_vm(bench->ha, i, home_of(bench, i), true);
    ha_tick(bench->ha, bench->now_ms, &actions);
    for (size_t i = 0; i < actions.len; i++) {
        const struct ha_action action = actions.items[i]; /* the list may grow, and move */

        serve(bench, &action, &actions);
    }
    ha_actions_clear(&actions);
    took_us = processor_us() - began_us;
    bench->spent_us += took_us;
    bench->worst_us = MAX(bench->worst_us, took_us);
    bench->n_looks++;
    bench->now_ms += LOOK_MS;
}

static void reset(struct bench *bench)
{
    bench->spent_us = bench->worst_us = bench->n_looks = 0;
}

static int n_running(const struct bench *bench)
{
    int n = 0;

    for (int i = 0; i < bench->n_vms; i++)
        n += ha_vm_state(bench->ha, i) == VM_FSM_RUNNING;
    return n;
}

static double mean_ms(const struct bench *bench)
{
    return (double)bench->spent_us / (double)bench->n_looks / 1000;
}

static int run(struct bench *bench, int n_graves, int64_t seconds)
{
    int64_t died_ms;

    begin(bench, n_graves);
    for (int i = 0; i < 10 * LOOKS; i++)
        look(bench);
    reset(bench);
    for (int64_t i = 0; i < seconds * LOOKS; i++)
        look(bench);
    printf("%d hosts, %d VMs, %d tombstones: a look of HA takes %.2f ms, %.2f at worst; %.2f %% of "
           "a core",
           bench->n_hosts, bench->n_vms, n_graves, mean_ms(bench), (double)bench->worst_us / 1000,
           mean_ms(bench) * LOOKS / 10);
    reset(bench);
    bench->dead = 0;
    died_ms = bench->now_ms;
    do
        look(bench);
    while ((ha_host_state(bench->ha, 0) != HOST_FENCED || n_running(bench) < bench->n_vms) &&
           bench->now_ms - died_ms < LIMIT_MS);
    printf("; while a host dies %.2f, %.2f at worst (all back after %.1f s)\n", mean_ms(bench),
           (double)bench->worst_us / 1000, (double)(bench->now_ms - died_ms) / 1000);
    ha_free(bench->ha);
    g_free(bench->versions);
    return bench->now_ms - died_ms < LIMIT_MS ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool read_number(const char *text, gint64 least, gint64 *ret_number)
{
    return text && g_ascii_string_to_signed(text, 10, least, 1000000, ret_number, NULL);
}

int main(int argc, char **argv)
{
    struct bench bench = { .dead = -1, .now_ms = 1000000 };
    gint64 hosts, vms, graves, seconds = 20;

    if (argc < 4 || argc > 5 || !read_number(argv[1], 2, &hosts) ||
        !read_number(argv[2], 1, &vms) || !read_number(argv[3], 0, &graves) ||
        (argc == 5 && !read_number(argv[4], 1, &seconds))) {
        fprintf(stderr, "usage: bench_ha_look HOSTS VMS TOMBSTONES [SECONDS]\n");
        return 2;
    }
    bench.n_hosts = (int)hosts;
    bench.n_vms = (int)vms;
    return run(&bench, (int)graves, seconds);
}
