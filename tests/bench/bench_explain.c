/* bench_explain.c - how long a person waits for an explanation, and a start for its host.  Prints
 * milliseconds of CPU and of the clock, the worst of several VMs or hosts:
 *
 *     bench_explain [HOSTS VMS [SEED]]
 *
 * A target, not a test: machines differ.  Explanations should stay below 50 ms at 128/8000. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "model/snapshot_json.h"
#include "scheduler/admission.h"
#include "scheduler/evacuate.h"
#include "scheduler/explain_vm.h"
#include "scheduler/starts.h"
#include "scheduler/whatif.h"
#include "tests/sched_gen.h"

#define N_EXPLAINED 40
#define N_STARTS    500

struct lap {
    double cpu_ms, wall_ms;
};

static double cpu_now_ms(void)
{
    struct rusage used;

    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
}

static struct lap lap_begin(void)
{
    return (struct lap){ cpu_now_ms(), (double)clock_now_us() / 1000 };
}

static struct lap lap_end(const struct lap *begin)
{
    struct lap now = lap_begin();

    return (struct lap){ now.cpu_ms - begin->cpu_ms, now.wall_ms - begin->wall_ms };
}

/* Begins a line; the caller ends it. */
static void print_lap(const char *what, const struct lap *lap)
{
    printf("  %-30s %9.2f %9.2f", what, lap->cpu_ms, lap->wall_ms);
}

static Snapshot *make_snapshot(uint32_t n_hosts, uint32_t n_vms, uint64_t seed, bool policy,
                               struct sched_params *ret_params)
{
    g_autoptr(SnapshotBuilder) builder = gen_park(seed, n_hosts, n_vms, ret_params);
    Cluster *cluster = cluster_dup(snapshot_builder_get_cluster(builder, GEN_CLUSTER));

    cluster->drs.enabled = true;
    cluster->ha.enabled = true;
    cluster->ha.control_policy_on = policy;
    cluster->ha.control_policy = HA_POLICY_FAILURES;
    cluster->ha.hosts_fault_quantity = 1;
    snapshot_builder_put_cluster(builder, cluster);
    for (uint32_t i = 0; i < N_STARTS && i < n_vms / 2; i++) {
        Vm *vm = vm_dup(snapshot_builder_get_vm(builder, 1 + 2 * (int64_t)i));

        vm->status = VM_STOPPED;
        snapshot_builder_put_vm(builder, vm);
    }
    return snapshot_builder_build(builder, ret_params->now_mono_ms);
}

static void run_explain(const Snapshot *snap, const struct sched_params *params)
{
    struct lap worst = { 0 };

    for (size_t i = 0; i < N_EXPLAINED; i++) {
        const Vm *vm = snap->vms[i * snap->n_vms / N_EXPLAINED];
        struct lap begin = lap_begin(), lap;
        g_autoptr(VmExplanation) x = NULL;

        if (!explain_vm(snap, vm->id, 0, params, &x, NULL))
            abort();
        lap = lap_end(&begin);
        worst.cpu_ms = MAX(worst.cpu_ms, lap.cpu_ms);
        worst.wall_ms = MAX(worst.wall_ms, lap.wall_ms);
    }
    print_lap("explain a VM, all hosts", &worst);
    printf("\n");
}

static void run_failover(const Snapshot *snap, const struct sched_params *params)
{
    struct lap begin = lap_begin(), lap;
    g_autoptr(HostLosses) all = NULL;
    g_autoptr(HostLosses) one = NULL;

    if (!admission_host_fates(snap, GEN_CLUSTER, 0, params, &all, NULL))
        abort();
    lap = lap_end(&begin);
    print_lap("if each host died, VM by VM", &lap);
    begin = lap_begin();
    if (!admission_host_fates(snap, GEN_CLUSTER, snap->hosts[0]->id, params, &one, NULL))
        abort();
    lap = lap_end(&begin);
    printf("\n");
    print_lap("if one host died", &lap);
    printf("\n");
}

/* The fullest host. */
static const Host *busiest(const Snapshot *snap)
{
    g_autofree size_t *n = g_new0(size_t, snap->n_hosts);
    size_t best = 0;

    for (size_t i = 0; i < snap->n_vms; i++)
        n[snap->vms[i]->host_id - snap->hosts[0]->id] += vm_is_placed(snap->vms[i]);
    for (size_t h = 1; h < snap->n_hosts; h++)
        best = n[h] > n[best] ? h : best;
    return snap->hosts[best];
}

/* As the API's preview of a maintenance does it. */
static void run_drain(const Snapshot *snap, const struct sched_params *params)
{
    const Host *host = busiest(snap);
    struct lap begin = lap_begin(), lap;
    g_autoptr(Snapshot) closed = whatif_close_host(snap, host->id, NULL);
    g_autoptr(Plan) plan = NULL;
    g_autoptr(Snapshot) then = NULL;
    struct admission_verdict verdict;

    if (!closed || !evacuate_plan(closed, host->id, params, &plan, NULL))
        abort();
    then = whatif_moved(closed, plan);
    if (!admission_check(then, GEN_CLUSTER, -1, params, &verdict, NULL))
        abort();
    lap = lap_end(&begin);
    print_lap("what maintenance would do", &lap);
    printf(": %zu moves, %zu cannot leave\n", plan->moves.len, plan->stays.len);
    g_free(verdict.text);
}

static void run_capacity(const Snapshot *snap, const struct sched_params *params)
{
    static const int64_t sizes[] = { 64, 1024, 8192 };

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        const struct admission_size size = { .vcpus = 1, .mem_mb = sizes[i], .failures = 1 };
        g_autofree char *what = g_strdup_printf("VMs of %5" PRId64 " MB that fit", sizes[i]);
        struct lap begin = lap_begin(), lap;
        struct admission_room room;

        if (!admission_room(snap, GEN_CLUSTER, &size, params, &room, NULL))
            abort();
        lap = lap_end(&begin);
        print_lap(what, &lap);
        printf(": %u, %u with a host fewer\n", room.n_now, room.n_secure);
        g_free(room.text);
    }
}

static void run_starts(const Snapshot *snap, const struct sched_params *params, const char *policy)
{
    g_autofree struct start_want *wants = g_new0(struct start_want, N_STARTS);
    g_autofree struct start_answer *answers = g_new0(struct start_answer, N_STARTS);
    g_autofree char *what = NULL;
    struct lap begin, lap;
    size_t n = 0, placed = 0;

    for (size_t i = 0; i < snap->n_vms && n < N_STARTS; i++) {
        if (snap->vms[i]->status == VM_STOPPED)
            wants[n++].vm_id = snap->vms[i]->id;
    }
    begin = lap_begin();
    starts_place(snap, wants, n, params, answers);
    lap = lap_end(&begin);
    for (size_t i = 0; i < n; i++) {
        placed += answers[i].host_id != 0;
        start_answer_clear(&answers[i]);
    }
    what = g_strdup_printf("%zu starts, %s", n, policy);
    print_lap(what, &lap);
    printf(": %zu placed\n", placed);
}

static void run(uint32_t n_hosts, uint32_t n_vms, uint64_t seed)
{
    struct sched_params params;
    g_autoptr(Snapshot) snap = make_snapshot(n_hosts, n_vms, seed, false, &params);
    g_autoptr(Snapshot) strict = make_snapshot(n_hosts, n_vms, seed, true, &params);
    g_autofree char *text = NULL;
    struct lap begin, lap;

    printf("%-32s %9s %9s\n", "", "CPU ms", "wall ms");
    printf("%u hosts %u VMs\n", n_hosts, n_vms);
    run_explain(snap, &params);
    run_failover(strict, &params);
    run_drain(strict, &params);
    run_capacity(snap, &params);
    run_starts(snap, &params, "no admission");
    run_starts(strict, &params, "1 host may die");
    begin = lap_begin();
    text = snapshot_json_write(snap, GEN_CLUSTER);
    lap = lap_end(&begin);
    print_lap("snapshot as JSON", &lap);
    printf(": %zu bytes\n", strlen(text));
}

int main(int argc, char **argv)
{
    if (argc >= 3) {
        run((uint32_t)strtoul(argv[1], NULL, 10), (uint32_t)strtoul(argv[2], NULL, 10),
            argc > 3 ? strtoull(argv[3], NULL, 10) : 1);
        return 0;
    }
    run(16, 200, 1);
    run(128, 8000, 1);
    return 0;
}
