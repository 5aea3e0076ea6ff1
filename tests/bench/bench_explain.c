/* bench_explain.c - how long a person waits for an explanation, and a start for its host.  Prints
 * CPU milliseconds, the worst of several VMs or hosts:
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
#include "scheduler/explain_vm.h"
#include "scheduler/starts.h"
#include "tests/sched_gen.h"

#define N_EXPLAINED 40
#define N_STARTS    500

static double ms_since(int64_t start_us)
{
    return (double)(clock_now_us() - start_us) / 1000;
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
    double worst = 0;

    for (size_t i = 0; i < N_EXPLAINED; i++) {
        const Vm *vm = snap->vms[i * snap->n_vms / N_EXPLAINED];
        int64_t start = clock_now_us();
        g_autoptr(VmExplanation) x = NULL;
        double taken;

        if (!explain_vm(snap, vm->id, 0, params, &x, NULL))
            abort();
        taken = ms_since(start);
        worst = MAX(worst, taken);
    }
    printf("  explain a VM, all hosts     %9.2f ms\n", worst);
}

static void run_failover(const Snapshot *snap, const struct sched_params *params)
{
    int64_t start = clock_now_us();
    g_autoptr(HostLosses) all = NULL;
    g_autoptr(HostLosses) one = NULL;

    if (!admission_host_fates(snap, GEN_CLUSTER, 0, params, &all, NULL))
        abort();
    printf("  if each host died, VM by VM %9.2f ms\n", ms_since(start));
    start = clock_now_us();
    if (!admission_host_fates(snap, GEN_CLUSTER, snap->hosts[0]->id, params, &one, NULL))
        abort();
    printf("  if one host died            %9.2f ms\n", ms_since(start));
}

static void run_capacity(const Snapshot *snap, const struct sched_params *params)
{
    static const int64_t sizes[] = { 64, 1024, 8192 };

    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        const struct admission_size size = { .vcpus = 1, .mem_mb = sizes[i], .failures = 1 };
        int64_t start = clock_now_us();
        struct admission_room room;

        if (!admission_room(snap, GEN_CLUSTER, &size, params, &room, NULL))
            abort();
        printf("  VMs of %5" PRId64 " MB that fit    %9.2f ms: %u, %u with a host fewer\n",
               sizes[i], ms_since(start), room.n_now, room.n_secure);
        g_free(room.text);
    }
}

static void run_starts(const Snapshot *snap, const struct sched_params *params, const char *what)
{
    g_autofree struct start_want *wants = g_new0(struct start_want, N_STARTS);
    g_autofree struct start_answer *answers = g_new0(struct start_answer, N_STARTS);
    size_t n = 0, placed = 0;
    int64_t start;

    for (size_t i = 0; i < snap->n_vms && n < N_STARTS; i++) {
        if (snap->vms[i]->status == VM_STOPPED)
            wants[n++].vm_id = snap->vms[i]->id;
    }
    start = clock_now_us();
    starts_place(snap, wants, n, params, answers);
    printf("  %zu starts, %s %9.2f ms", n, what, ms_since(start));
    for (size_t i = 0; i < n; i++) {
        placed += answers[i].host_id != 0;
        start_answer_clear(&answers[i]);
    }
    printf(": %zu placed\n", placed);
}

static void run(uint32_t n_hosts, uint32_t n_vms, uint64_t seed)
{
    struct sched_params params;
    g_autoptr(Snapshot) snap = make_snapshot(n_hosts, n_vms, seed, false, &params);
    g_autoptr(Snapshot) strict = make_snapshot(n_hosts, n_vms, seed, true, &params);
    g_autofree char *text = NULL;
    int64_t start;

    printf("%u hosts %u VMs\n", n_hosts, n_vms);
    run_explain(snap, &params);
    run_failover(snap, &params);
    run_capacity(snap, &params);
    run_starts(snap, &params, "no admission  ");
    run_starts(strict, &params, "1 host may die");
    start = clock_now_us();
    text = snapshot_json_write(snap, GEN_CLUSTER);
    printf("  snapshot as JSON            %9.2f ms: %zu bytes\n", ms_since(start), strlen(text));
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
