/* bench_plan.c - what the plan for the time without a controller costs: computing where VMs go,
 * its size, and writing all of it to an etcd.
 *
 *     tests/with-etcd.sh bench_plan [HOSTS VMS]
 *
 * A target, not a test: at 128/8000 the targets should take less than 2 s of a worker, the plan
 * less than 16 MB, its first publication less than 10 s. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "controller/plan_book.h"
#include "controller/plan_targets.h"
#include "etcd/etcd.h"
#include "tests/sched_gen.h"

#define MAX_OPS   48
#define MAX_BYTES ((size_t)400 * 1024)
#define SEED      7

static double since_ms(int64_t begin_us)
{
    return (double)(clock_now_us() - begin_us) / 1000;
}

static Snapshot *make_park(uint32_t n_hosts, uint32_t n_vms, struct sched_params *ret_params)
{
    g_autoptr(SnapshotBuilder) builder = gen_park(SEED, n_hosts, n_vms, ret_params);
    g_autoptr(Snapshot) snap = snapshot_builder_build(builder, ret_params->now_mono_ms);

    for (size_t i = 0; i < snap->n_vms; i++) {
        Vm *vm = vm_dup(snap->vms[i]);
        struct vm_disk *disk = vm_add_disk(vm);
        struct vm_nic *nic = vm_add_nic(vm);

        vm->enable_ha = true;
        g_free(vm->uuid);
        vm->uuid = g_strdup_printf("12345678-1234-1234-1234-%012" PRId64, vm->id);
        disk->sequence = 1;
        disk->size_gb = 40;
        g_free(disk->path);
        disk->path =
            g_strdup_printf("/var/lib/vrm/datastores/shared-1/%" PRId64 "/disk1.qcow2", vm->id);
        g_free(nic->mac);
        nic->mac = g_strdup_printf("28:6e:d4:00:%02x:%02x", (unsigned)(vm->id >> 8 & 0xff),
                                   (unsigned)(vm->id & 0xff));
        snapshot_builder_put_vm(builder, vm);
    }
    return snapshot_builder_build(builder, ret_params->now_mono_ms);
}

static void want_all(PlanBook *book, const Snapshot *snap)
{
    plan_book_begin(book);
    for (size_t i = 0; i < snap->n_vms; i++) {
        const Vm *vm = snap->vms[i];
        const struct ha_plan_vm plan = { .gen = 1, .vm = (Vm *)(uintptr_t)vm };
        const struct plan_wish wish = {
            .vm = vm->id, .host = vm->host_id, .authority = 1, .version = { 1, 1 }
        };

        if (vm->host_id != 0 && !plan_book_want(book, &wish))
            plan_book_tell(book, vm->id, ha_plan_vm_format(&plan));
    }
    plan_book_end(book);
}

static void on_done(const struct etcd_answer *answer, const GError *error, void *user)
{
    int *done = user;

    *done = answer && answer->succeeded ? 1 : -1;
    if (error)
        printf("  %s\n", error->message);
}

static bool commit(Etcd *etcd, const EtcdTxn *txn)
{
    int done = 0;

    etcd_commit(etcd, txn, on_done, &done);
    while (done == 0)
        g_main_context_iteration(NULL, TRUE);
    return done > 0;
}

static void publish(PlanBook *book, Etcd *etcd)
{
    const int64_t begin_us = clock_now_us();
    size_t n_bytes[2] = { 0 };
    unsigned n_txns = 0;

    for (;;) {
        g_autoptr(GArray) ops = plan_book_next(book, MAX_OPS, MAX_BYTES);
        g_autoptr(EtcdTxn) txn = etcd_txn_new();

        if (ops->len == 0)
            break;
        for (guint i = 0; i < ops->len; i++) {
            const struct plan_op *op = &g_array_index(ops, struct plan_op, i);
            g_autofree char *key = ha_plan_key("/bench", op->kind, op->id);

            etcd_txn_put(txn, key, op->text, 0);
            n_bytes[op->kind == HA_PLAN_VM] += strlen(op->text);
        }
        if (!commit(etcd, txn))
            return;
        plan_book_done(book, ops);
        n_txns++;
    }
    printf("  publication               %9.0f ms, %u transactions, VMs %.1f MB, hosts %.2f MB\n",
           since_ms(begin_us), n_txns, (double)n_bytes[1] / 1e6, (double)n_bytes[0] / 1e6);
}

int main(int argc, char **argv)
{
    const uint32_t n_hosts = argc > 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 128;
    const uint32_t n_vms = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 8000;
    struct sched_params params;
    g_autoptr(Snapshot) snap = make_park(n_hosts, n_vms, &params);
    g_autoptr(PlanBook) book = plan_book_new();
    const char *const endpoints[] = { g_getenv("VRM_ETCD_URL"), NULL };
    GArray *aims;
    int64_t begin_us;

    printf("%u hosts, %u VMs\n", n_hosts, n_vms);
    begin_us = clock_now_us();
    aims = plan_targets(snap, GEN_CLUSTER, &params);
    printf("  where they go             %9.0f ms, %u VMs\n", since_ms(begin_us), aims->len);
    begin_us = clock_now_us();
    want_all(book, snap);
    printf("  texts                     %9.0f ms\n", since_ms(begin_us));
    begin_us = clock_now_us();
    want_all(book, snap);
    printf("  a look without a change   %9.1f ms\n", since_ms(begin_us));
    for (guint i = 0; i < aims->len; i++)
        plan_book_aim(book, g_array_index(aims, struct plan_aim, i).vm,
                      g_array_index(aims, struct plan_aim, i).targets);
    g_array_unref(aims);
    if (endpoints[0]) {
        g_autoptr(HttpClient) http = http_client_new(NULL);
        g_autoptr(Etcd) etcd = etcd_new(http, endpoints, 5000);

        publish(book, etcd);
    }
    return 0;
}
