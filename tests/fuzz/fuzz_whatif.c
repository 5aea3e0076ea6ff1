/* fuzz_whatif.c - a rule in words, as vrm-plan's what-if takes it, over a small cluster.
 *
 * What is accepted is a rule that the cluster can be planned with. */
#include "config.h"

#include <string.h>

#include "base/err.h"
#include "scheduler/balance.h"
#include "scheduler/whatif.h"

#define CLUSTER 1
#define N_HOSTS 3
#define N_VMS   5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void set_name(char **name, const char *prefix, int number)
{
    g_free(*name);
    *name = g_strdup_printf("%s%d", prefix, number);
}

static Snapshot *make_cluster(void)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    Cluster *cluster = cluster_new();

    cluster->id = CLUSTER;
    snapshot_builder_put_cluster(builder, cluster);
    for (int h = 1; h <= N_HOSTS; h++) {
        Host *host = host_new();

        host->id = 100 + h;
        host->cluster_id = CLUSTER;
        set_name(&host->name, "cna", h);
        host->cpu_threads = 8;
        host->cpu_mhz = 2000;
        host->mem_mb = 16384;
        host->status = HOST_NORMAL;
        host->connected = true;
        snapshot_builder_put_host(builder, host);
    }
    for (int v = 1; v <= N_VMS; v++) {
        Vm *vm = vm_new();

        vm->id = v;
        vm->cluster_id = CLUSTER;
        set_name(&vm->name, "web", v);
        vm->host_id = 101;
        vm->status = VM_RUNNING;
        vm->cpu.quantity = 1;
        vm->memory.size_mb = 512;
        snapshot_builder_put_vm(builder, vm);
    }
    return snapshot_builder_build(builder, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup(size > 0 ? (const char *)data : "", size);
    g_autoptr(Snapshot) snap = make_cluster();
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) changed = whatif_add_rule(snap, CLUSTER, text, &error);
    g_autoptr(Plan) plan = NULL;
    struct sched_params params;

    if (!changed) {
        g_assert(error && *error->message);
        return 0;
    }
    sched_params_init(&params);
    params.on_demand = true;
    g_assert(balance_plan(changed, CLUSTER, &params, &plan, &error));
    return 0;
}
