/* bench_dpm.c - how long DPM thinks about a cluster.  Prints one line for each case:
 *
 *     bench_dpm [HOSTS VMS [SEED]]
 *
 * CPU seconds by getrusage; a target (0.5 s at 128 hosts with 8,000 VMs), not a test: machines
 * differ. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "scheduler/dpm.h"
#include "tests/sched_gen.h"

#define NOW_WALL_MS INT64_C(1700000000000)
#define HOUR_MS     INT64_C(3600000)

struct night {
    const char *name;
    int64_t load_permille; /* of the generated load, in the long window and the short one */
    int64_t now_permille;
    uint32_t asleep; /* hosts, without VMs */
    bool ha, tight;  /* tight: memory is nearly full */
    bool tied;       /* each host has a VM that cannot leave, found after the plan for the others */
    uint32_t spare;  /* hosts that must not be needed */
};

static const struct night nights[] = {
    { "quiet, HA, a host can sleep", 500, 500, 0, true, false, false, 0 },
    { "quiet, no HA, a host can sleep", 500, 500, 0, false, false, false, 0 },
    { "quiet, but memory is full", 500, 500, 0, true, true, false, 0 },
    { "quiet, but VMs are tied", 500, 500, 0, true, false, true, 0 },
    { "quiet, 4 spare hosts", 500, 500, 0, true, false, false, 4 },
    { "busy, none can sleep", 1800, 1800, 0, true, false, false, 0 },
    { "load rises, 16 asleep", 1000, 1900, 16, true, false, false, 0 },
};

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void set_cluster(SnapshotBuilder *builder, const struct night *night)
{
    Cluster *cluster = cluster_dup(snapshot_builder_get_cluster(builder, GEN_CLUSTER));

    cluster->dpm.power_level = 2;
    memset(cluster->dpm.limen, 9, sizeof(cluster->dpm.limen));
    cluster->ha.enabled = night->ha;
    cluster->ha.control_policy_on = night->ha;
    cluster->ha.control_policy = 1;
    cluster->ha.hosts_fault_quantity = 1;
    snapshot_builder_put_cluster(builder, cluster);
}

static void set_hosts(SnapshotBuilder *builder, const Snapshot *snap, const struct night *night)
{
    for (size_t i = 0; i < snap->n_hosts; i++) {
        Host *host = host_dup(snap->hosts[i]);

        g_free(host->bmc_ip);
        host->bmc_ip = g_strdup("10.0.0.1");
        host->wake_proven_ms = NOW_WALL_MS - HOUR_MS;
        host->mem_mb = INT64_C(1024) * (night->tight ? 660 : 1024);
        if (i < night->asleep) {
            host->status = HOST_POWEROFF;
            host->connected = false;
            host->off_since_ms = NOW_WALL_MS - HOUR_MS;
            host->off_by_dpm = true;
        }
        snapshot_builder_put_host(builder, host);
    }
}

static void set_vms(SnapshotBuilder *builder, const Snapshot *snap, const struct night *night,
                    int64_t permille)
{
    for (size_t i = 0; i < snap->n_vms; i++) {
        Vm *vm = vm_dup(snap->vms[i]);

        vm->load.cpu_mhz = vm->load.cpu_mhz * permille / 1000;
        vm->enable_ha = true;
        vm->binding_host = night->tied && i % 50 == 0;
        if (night->asleep > 0 && vm->host_id <= snap->hosts[night->asleep - 1]->id)
            vm->host_id = snap->hosts[night->asleep + i % (snap->n_hosts - night->asleep)]->id;
        snapshot_builder_put_vm(builder, vm);
    }
}

static void run(uint32_t n_hosts, uint32_t n_vms, uint64_t seed, const struct night *night)
{
    struct dpm_params params;
    struct sched_params sched;
    g_autoptr(SnapshotBuilder) builder = gen_park(seed, n_hosts, n_vms, &sched);
    g_autoptr(Snapshot) park = snapshot_builder_build(builder, 0);
    g_autoptr(Snapshot) calm = NULL, now = NULL;
    g_autoptr(DpmPlan) plan = NULL;
    double start, taken;

    dpm_params_init(&params);
    params.sched = sched;
    params.sched.now_wall_ms = NOW_WALL_MS;
    params.spare_hosts = night->spare;
    set_cluster(builder, night);
    set_hosts(builder, park, night);
    set_vms(builder, park, night, night->load_permille);
    calm = snapshot_builder_build(builder, 0);
    set_vms(builder, park, night, night->now_permille);
    now = snapshot_builder_build(builder, 0);
    start = cpu_seconds();
    if (!dpm_plan(calm, now, GEN_CLUSTER, &params, &plan, NULL))
        abort();
    taken = cpu_seconds() - start;
    printf("%4u hosts %6u VMs, %-31s %.3f s: %s\n", n_hosts, n_vms, night->name, taken,
           plan->verdict);
}

int main(int argc, char **argv)
{
    uint32_t n_hosts = argc >= 3 ? (uint32_t)strtoul(argv[1], NULL, 10) : 128;
    uint32_t n_vms = argc >= 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 8000;
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;

    for (size_t i = 0; i < G_N_ELEMENTS(nights); i++)
        run(n_hosts, n_vms, seed, &nights[i]);
    return 0;
}
