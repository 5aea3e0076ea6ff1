/* test_snapshot.c - roots share what did not change and never change themselves. */
#include "config.h"

#include "model/snapshot.h"

#include <pthread.h>

#include "base/rng.h"
#include "tests/suite.h"

static Vm *make_vm(int64_t id, int64_t generation)
{
    Vm *vm = vm_new();

    vm->id = id;
    vm->generation = generation;
    return vm;
}

static Host *make_host(int64_t id)
{
    Host *host = host_new();

    host->id = id;
    return host;
}

static void check_ascending(const Snapshot *snap)
{
    for (size_t i = 1; i < snap->n_vms; i++)
        ck_assert_int_lt(snap->vms[i - 1]->id, snap->vms[i]->id);
}

START_TEST(a_new_builder_publishes_an_empty_inventory)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    g_autoptr(Snapshot) snap = NULL;

    ck_assert(snapshot_builder_dirty(builder));
    snap = snapshot_builder_build(builder, 1234);
    ck_assert(!snapshot_builder_dirty(builder));
    ck_assert_uint_eq(snap->version, 1);
    ck_assert_int_eq(snap->taken_mono_ms, 1234);
    ck_assert_str_eq(snap->site->id, "");
    ck_assert_uint_eq(snap->n_vms, 0);
    ck_assert_ptr_null(snapshot_vm(snap, 1));
    ck_assert_ptr_null(snapshot_builder_get_vm(builder, 1));
}
END_TEST

START_TEST(each_kind_can_be_put_found_and_removed)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    g_autoptr(Snapshot) full = NULL;
    g_autoptr(Snapshot) empty = NULL;

#define PUT(Type, prefix, key)                                                                     \
    do {                                                                                           \
        Type *object = prefix##_new();                                                             \
                                                                                                   \
        object->key = 7;                                                                           \
        snapshot_builder_put_##prefix(builder, object);                                            \
    } while (0)
    PUT(Cluster, cluster, id);
    PUT(Host, host, id);
    PUT(Vm, vm, id);
    PUT(Group, group, id);
    PUT(Rule, rule, id);
    PUT(Datastore, datastore, id);
    PUT(Task, task, id);
    PUT(DrsReport, drs_report, cluster_id);
#undef PUT
    full = snapshot_builder_build(builder, 1);
#define X(Type, field, prefix)                                                                     \
    ck_assert_uint_eq(full->n_##field, 1);                                                         \
    ck_assert_ptr_eq(snapshot_##prefix(full, 7), full->field[0]);                                  \
    ck_assert_ptr_eq(snapshot_builder_get_##prefix(builder, 7), full->field[0]);                   \
    ck_assert_ptr_null(snapshot_##prefix(full, 6));                                                \
    ck_assert_ptr_null(snapshot_##prefix(full, 8));                                                \
    snapshot_builder_remove_##prefix(builder, 7);
    SNAPSHOT_LISTS(X)
#undef X
    empty = snapshot_builder_build(builder, 2);
#define X(Type, field, prefix)                                                                     \
    ck_assert_uint_eq(empty->n_##field, 0);                                                        \
    ck_assert_ptr_nonnull(snapshot_##prefix(full, 7));
    SNAPSHOT_LISTS(X)
#undef X
}
END_TEST

START_TEST(a_root_keeps_what_it_showed_when_the_builder_goes_on)
{
    SnapshotBuilder *builder = snapshot_builder_new();
    g_autoptr(Snapshot) old = NULL;
    g_autoptr(Snapshot) new = NULL;

    for (int64_t id = 1; id <= 300; id++)
        snapshot_builder_put_vm(builder, make_vm(id, 1));
    old = snapshot_builder_build(builder, 1);
    snapshot_builder_put_vm(builder, make_vm(150, 2));
    snapshot_builder_remove_vm(builder, 151);
    ck_assert_int_eq(snapshot_builder_get_vm(builder, 150)->generation, 2);
    new = snapshot_builder_build(builder, 2);
    snapshot_builder_free(builder);

    ck_assert_uint_eq(old->n_vms, 300);
    ck_assert_int_eq(snapshot_vm(old, 150)->generation, 1);
    ck_assert_ptr_nonnull(snapshot_vm(old, 151));
    ck_assert_uint_eq(new->n_vms, 299);
    ck_assert_int_eq(snapshot_vm(new, 150)->generation, 2);
    ck_assert_ptr_null(snapshot_vm(new, 151));
    ck_assert_uint_gt(new->version, old->version);
    check_ascending(new);
}
END_TEST

START_TEST(unchanged_objects_and_lists_are_shared)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    g_autoptr(Snapshot) old = NULL;
    g_autoptr(Snapshot) new = NULL;

    for (int64_t id = 1; id <= 300; id++)
        snapshot_builder_put_vm(builder, make_vm(id, 1));
    snapshot_builder_put_host(builder, make_host(1));
    old = snapshot_builder_build(builder, 1);
    snapshot_builder_put_vm(builder, make_vm(150, 2));
    new = snapshot_builder_build(builder, 2);

    ck_assert_ptr_eq(old->hosts, new->hosts);
    ck_assert_ptr_ne(old->vms, new->vms);
    for (size_t i = 0; i < 300; i++) {
        if (old->vms[i]->id == 150)
            ck_assert_ptr_ne(old->vms[i], new->vms[i]);
        else
            ck_assert_ptr_eq(old->vms[i], new->vms[i]);
    }
}
END_TEST

START_TEST(only_changes_make_the_builder_dirty)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    Site *site = site_new();

    snapshot_unref(snapshot_builder_build(builder, 1));
    snapshot_builder_remove_vm(builder, 5);
    ck_assert(!snapshot_builder_dirty(builder));
    snapshot_builder_put_vm(builder, make_vm(5, 1));
    ck_assert(snapshot_builder_dirty(builder));
    snapshot_unref(snapshot_builder_build(builder, 2));
    snapshot_builder_remove_vm(builder, 5);
    ck_assert(snapshot_builder_dirty(builder));
    snapshot_unref(snapshot_builder_build(builder, 3));
    snapshot_builder_set_site(builder, site);
    ck_assert(snapshot_builder_dirty(builder));
}
END_TEST

START_TEST(a_root_outlives_the_builder_and_its_reader)
{
    SnapshotBuilder *builder = snapshot_builder_new();
    Snapshot *snap, *second;

    snapshot_builder_put_vm(builder, make_vm(1, 9));
    snap = snapshot_builder_build(builder, 1);
    snapshot_builder_free(builder);
    second = snapshot_ref(snap);
    snapshot_unref(snap);
    ck_assert_int_eq(snapshot_vm(second, 1)->generation, 9);
    snapshot_unref(second);
    snapshot_unref(NULL);
    snapshot_builder_free(NULL);
}
END_TEST

/* The same changes on a plain array by id, thousands of them, in orders that split, fill and empty
 * pages everywhere; each row is a seed with its range of ids and its share of removals. */
static const struct {
    uint64_t seed;
    uint32_t ids, remove_percent;
} walks[] = { { 1, 50, 50 }, { 2, 700, 30 }, { 3, 700, 60 }, { 4, 3000, 45 }, { 5, 64, 10 } };

START_TEST(any_order_of_changes_gives_the_same_as_a_plain_array)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    g_autofree int64_t *plain = g_new0(int64_t, walks[_i].ids + 1);
    struct rng rng;

    rng_seed(&rng, walks[_i].seed);
    for (int64_t step = 1; step <= 6000; step++) {
        uint32_t id = 1 + rng_below(&rng, walks[_i].ids);
        g_autoptr(Snapshot) snap = NULL;
        size_t n = 0;

        if (rng_below(&rng, 100) < walks[_i].remove_percent) {
            snapshot_builder_remove_vm(builder, id);
            plain[id] = 0;
        } else {
            snapshot_builder_put_vm(builder, make_vm(id, step));
            plain[id] = step;
        }
        if (step % 50 != 0)
            continue;
        snap = snapshot_builder_build(builder, step);
        for (uint32_t i = 0; i <= walks[_i].ids; i++) {
            const Vm *vm = snapshot_vm(snap, i);

            ck_assert_int_eq(vm ? vm->generation : 0, plain[i]);
            ck_assert_ptr_eq(snapshot_builder_get_vm(builder, i), vm);
            n += plain[i] != 0;
        }
        ck_assert_uint_eq(snap->n_vms, n);
        check_ascending(snap);
    }
}
END_TEST

/* ---- threads (ThreadSanitizer watches) ------------------------------------------------------ */

#define N_READERS 3
#define N_ROUNDS  300
#define N_VMS     500

struct board {
    pthread_mutex_t lock;
    Snapshot *current;
    bool end;
};

struct reader {
    struct board *board;
    pthread_t thread;
    uint64_t wrong; /* what must not be seen */
};

static Snapshot *board_take(struct board *board)
{
    Snapshot *snap = NULL;

    pthread_mutex_lock(&board->lock);
    if (!board->end)
        snap = snapshot_ref(board->current);
    pthread_mutex_unlock(&board->lock);
    return snap;
}

static void board_publish(struct board *board, Snapshot *snap)
{
    Snapshot *old;

    pthread_mutex_lock(&board->lock);
    old = board->current;
    board->current = snap;
    pthread_mutex_unlock(&board->lock);
    snapshot_unref(old);
}

/* Every VM of a root was written in the same round or before, and host 1 tells which it was. */
static void *read_roots(void *user)
{
    struct reader *reader = user;
    uint64_t last = 0;

    for (;;) {
        g_autoptr(Snapshot) snap = board_take(reader->board);
        const Host *host;

        if (!snap)
            return NULL;
        host = snapshot_host(snap, 1);
        reader->wrong += snap->version < last || snap->n_vms != N_VMS || !host;
        last = snap->version;
        for (size_t i = 0; host && i < snap->n_vms; i++)
            reader->wrong += snap->vms[i]->generation > host->generation;
    }
}

START_TEST(readers_on_other_threads_see_whole_roots)
{
    struct board board = { .lock = PTHREAD_MUTEX_INITIALIZER };
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();
    struct reader readers[N_READERS];

    for (int64_t id = 1; id <= N_VMS; id++)
        snapshot_builder_put_vm(builder, make_vm(id, 0));
    snapshot_builder_put_host(builder, make_host(1));
    board_publish(&board, snapshot_builder_build(builder, 0));
    for (size_t i = 0; i < N_READERS; i++) {
        readers[i] = (struct reader){ .board = &board };
        ck_assert_int_eq(pthread_create(&readers[i].thread, NULL, read_roots, &readers[i]), 0);
    }
    for (int64_t round = 1; round <= N_ROUNDS; round++) {
        Host *host = host_dup(snapshot_builder_get_host(builder, 1));

        for (int64_t k = 0; k < 5; k++) {
            const Vm *old = snapshot_builder_get_vm(builder, 1 + (round * 97 + k * 131) % N_VMS);
            Vm *vm = vm_dup(old);

            vm->generation = round;
            snapshot_builder_put_vm(builder, vm);
        }
        host->generation = round;
        snapshot_builder_put_host(builder, host);
        board_publish(&board, snapshot_builder_build(builder, round));
    }
    pthread_mutex_lock(&board.lock);
    board.end = true;
    pthread_mutex_unlock(&board.lock);
    for (size_t i = 0; i < N_READERS; i++) {
        ck_assert_int_eq(pthread_join(readers[i].thread, NULL), 0);
        ck_assert_uint_eq(readers[i].wrong, 0);
    }
    snapshot_unref(board.current);
}
END_TEST

SUITE_MAIN("snapshot", SUITE_TEST(a_new_builder_publishes_an_empty_inventory),
           SUITE_TEST(each_kind_can_be_put_found_and_removed),
           SUITE_TEST(a_root_keeps_what_it_showed_when_the_builder_goes_on),
           SUITE_TEST(unchanged_objects_and_lists_are_shared),
           SUITE_TEST(only_changes_make_the_builder_dirty),
           SUITE_TEST(a_root_outlives_the_builder_and_its_reader),
           SUITE_LOOP(any_order_of_changes_gives_the_same_as_a_plain_array, walks),
           SUITE_TEST(readers_on_other_threads_see_whole_roots))
