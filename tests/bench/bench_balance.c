/* bench_balance.c - how long a plan takes and what it achieves.  Prints one line per size:
 *
 *     bench_balance [HOSTS VMS [SEED]]
 *
 * CPU seconds by getrusage; a target, not a test: machines differ. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "scheduler/balance.h"
#include "tests/sched_gen.h"

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void run(uint32_t n_hosts, uint32_t n_vms, uint64_t seed)
{
    struct sched_params params;
    g_autoptr(SnapshotBuilder) builder = gen_park(seed, n_hosts, n_vms, &params);
    g_autoptr(Snapshot) snap = snapshot_builder_build(builder, params.now_mono_ms);
    g_autoptr(Plan) plan = NULL;
    double start = cpu_seconds(), taken;
    int64_t mb = 0;

    if (!balance_plan(snap, GEN_CLUSTER, &params, &plan, NULL))
        abort();
    taken = cpu_seconds() - start;
    for (size_t i = 0; i < plan->moves.len; i++)
        mb += plan->moves.items[i].cost_mb;
    printf("%4u hosts %6u VMs: %.3f s, %zu moves, %" PRId64 " GiB, %" PRId64 " s, imbalance "
           "%" PRId64 " -> %" PRId64 ", max CPU %" PRId64 " -> %" PRId64 ", overload %" PRId64
           " -> %" PRId64 " MHz, misplaced %" PRId64 " -> %" PRId64 "\n",
           n_hosts, n_vms, taken, plan->moves.len, mb / 1024, plan->makespan_ms / 1000,
           plan->before.imbalance, plan->after.imbalance, plan->before.cpu_max, plan->after.cpu_max,
           plan->before.overload_mhz, plan->after.overload_mhz,
           plan->before.must_broken + plan->before.should_broken,
           plan->after.must_broken + plan->after.should_broken);
}

int main(int argc, char **argv)
{
    if (argc >= 3) {
        run((uint32_t)strtoul(argv[1], NULL, 10), (uint32_t)strtoul(argv[2], NULL, 10),
            argc > 3 ? strtoull(argv[3], NULL, 10) : 1);
        return 0;
    }
    run(16, 200, 1);
    run(32, 2000, 1);
    run(128, 8000, 1);
    return 0;
}
