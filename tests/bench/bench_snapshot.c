/* bench_snapshot.c - what publishing costs: one change among 8,000 VMs and 128 hosts.
 *
 * Compares with the obvious way (copy the array of pointers and take a reference to each object)
 * and prints ns per publication and the ratio.  The newest 16 roots are kept, as API requests
 * do.  bench_snapshot [VMS [HOSTS]] */
#include "config.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "model/snapshot.h"

#define ROUNDS      20000
#define NS_PER_MS   1e6
#define MAX_OBJECTS 1000000LL
#define LOOKUPS     5000000LL
#define KEPT        16

static void put_vm(SnapshotBuilder *builder, int64_t id, int64_t generation)
{
    Vm *vm = vm_new();

    vm->id = id;
    vm->generation = generation;
    snapshot_builder_put_vm(builder, vm);
}

static void fill(SnapshotBuilder *builder, int64_t n_vms, int64_t n_hosts)
{
    for (int64_t id = 1; id <= n_vms; id++)
        put_vm(builder, id, 0);
    for (int64_t id = 1; id <= n_hosts; id++) {
        Host *host = host_new();

        host->id = id;
        snapshot_builder_put_host(builder, host);
    }
}

/* Nanoseconds per change, including the release of old roots. */
static double measure_pages(SnapshotBuilder *builder, int64_t n_vms, bool publish)
{
    Snapshot *kept[KEPT] = { NULL };
    struct rng rng;
    int64_t begin;

    rng_seed(&rng, 1);
    begin = clock_now_ms();
    for (int64_t round = 0; round < ROUNDS; round++) {
        put_vm(builder, 1 + rng_below(&rng, (uint32_t)n_vms), round);
        if (publish) {
            snapshot_unref(kept[round % KEPT]);
            kept[round % KEPT] = snapshot_builder_build(builder, round);
        }
    }
    for (size_t i = 0; i < KEPT; i++)
        snapshot_unref(kept[i]);
    return (double)(clock_now_ms() - begin) * NS_PER_MS / ROUNDS;
}

static void free_copy(Vm **copy, size_t n)
{
    for (size_t i = 0; copy && i < n; i++)
        vm_unref(copy[i]);
    g_free(copy);
}

static double measure_copies(const Snapshot *snap)
{
    Vm **kept[KEPT] = { NULL };
    int64_t begin = clock_now_ms();

    for (int64_t round = 0; round < ROUNDS; round++) {
        Vm **copy = g_new(Vm *, snap->n_vms);

        for (size_t i = 0; i < snap->n_vms; i++)
            copy[i] = vm_ref(snap->vms[i]);
        free_copy(kept[round % KEPT], snap->n_vms);
        kept[round % KEPT] = copy;
    }
    for (size_t i = 0; i < KEPT; i++)
        free_copy(kept[i], snap->n_vms);
    return (double)(clock_now_ms() - begin) * NS_PER_MS / ROUNDS;
}

static double measure_lookups(const Snapshot *snap)
{
    struct rng rng;
    int64_t begin, found = 0;

    rng_seed(&rng, 2);
    begin = clock_now_ms();
    for (int64_t i = 0; i < LOOKUPS; i++)
        found += snapshot_vm(snap, 1 + rng_below(&rng, (uint32_t)snap->n_vms)) != NULL;
    g_assert(found == LOOKUPS);
    return (double)(clock_now_ms() - begin) * NS_PER_MS / (double)LOOKUPS;
}

int main(int argc, char **argv)
{
    int64_t n_vms = argc > 1 ? g_ascii_strtoll(argv[1], NULL, 10) : 8000;
    int64_t n_hosts = argc > 2 ? g_ascii_strtoll(argv[2], NULL, 10) : 128;
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    g_autoptr(Snapshot) snap = NULL;
    double change, published, copied;

    if (n_vms < 1 || n_vms > MAX_OBJECTS || n_hosts < 0 || n_hosts > MAX_OBJECTS) {
        fprintf(stderr, "usage: %s [VMS [HOSTS]]   1..1000000 and 0..1000000\n", argv[0]);
        return EXIT_FAILURE;
    }
    fill(builder, n_vms, n_hosts);
    snap = snapshot_builder_build(builder, 0);
    change = measure_pages(builder, n_vms, false);
    published = measure_pages(builder, n_vms, true);
    copied = measure_copies(snap);
    printf("%" G_GINT64_FORMAT " VMs, %" G_GINT64_FORMAT " hosts, one VM changed per root\n", n_vms,
           n_hosts);
    printf("change without publishing     %9.0f ns\n", change);
    printf("change, publish, free an old  %9.0f ns\n", published);
    printf("plain copy with references    %9.0f ns\n", copied);
    printf("ratio copy / publish          %9.1f\n", copied / published);
    printf("look-up by id                 %9.1f ns\n", measure_lookups(snap));
    return EXIT_SUCCESS;
}
