/* test_vm_after.c - after which VMs another one may be told to start. */
#include "config.h"

#include "controller/vm_after.h"

#include "tests/suite.h"

/* VMs 1 to 5; each starts after the one given (0: none, 9: one that has gone); 5 is a template. */
static const struct {
    int64_t after[6];
    int64_t vm, wanted; /* vm 0: a new one */
    const char *part;   /* of the refusal; NULL: it may */
} rows[] = {
    { { 0 }, 1, 0, NULL },
    { { 0 }, 1, 2, NULL },
    { { 0 }, 0, 2, NULL },
    { { 0 }, 1, 1, "cannot wait for itself" },
    { { 0 }, 1, 7, "vms/i-00000007: there is no such VM" },
    { { 0 }, 0, 7, "there is no such VM" },
    { { 0 }, 1, 5, "VM vm5 is a template" },
    { { 0, 0, 1 }, 1, 2, "VM vm2 already waits for vm1" },
    { { 0, 0, 3, 1 }, 1, 2, "VM vm2 already waits for vm1" },
    { { 0, 0, 3, 4, 1 }, 1, 2, "VM vm2 already waits for vm1" },
    { { 0, 0, 3, 4 }, 1, 2, NULL },
    { { 0, 2, 3, 4 }, 1, 4, NULL },
    /* rings that are there already, and links to nowhere, end */
    { { 0, 0, 3, 2 }, 1, 2, NULL },
    { { 0, 0, 9 }, 1, 2, NULL },
};

static Snapshot *make_snapshot(const int64_t *after)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();

    for (int64_t id = 1; id <= 5; id++) {
        Vm *vm = vm_new();

        vm->id = id;
        g_free(vm->name);
        vm->name = g_strdup_printf("vm%" G_GINT64_FORMAT, id);
        vm->start_after_id = after[id];
        vm->is_template = id == 5;
        snapshot_builder_put_vm(builder, vm);
    }
    return snapshot_builder_build(builder, 0);
}

START_TEST(a_vm_waits_for_another_that_can_run_and_never_in_a_ring)
{
    g_autoptr(Snapshot) snap = make_snapshot(rows[_i].after);
    g_autoptr(Vm) vm = rows[_i].vm ? vm_dup(snapshot_vm(snap, rows[_i].vm)) : vm_new();
    g_autoptr(GError) error = NULL;

    vm->start_after_id = rows[_i].wanted;
    ck_assert_int_eq(vm_after_check(snap, vm, &error), rows[_i].part == NULL);
    if (!rows[_i].part)
        return;
    ck_assert_str_eq(err_field(error), "properties.startAfterVmUrn");
    suite_take_error(&error, VRM_ERR_INVALID, rows[_i].part);
}
END_TEST

/* What is stored, whoever stored it; whom each VM then waits for, and which one broke a ring (0:
 * there is none). */
static const struct {
    int64_t after[6], waits_for[6];
    int64_t breaker;
} stored[] = {
    { { 0 }, { 0 }, 0 },
    { { 0, 2, 3 }, { 0, 2, 3 }, 0 },
    { { 0, 1 }, { 0, 0 }, 1 },
    { { 0, 2, 1 }, { 0, 0, 1 }, 1 },
    { { 0, 0, 4, 2, 3 }, { 0, 0, 0, 2, 3 }, 2 },
    { { 0, 3, 3, 2 }, { 0, 3, 0, 2 }, 2 }, /* 1 waits for a ring, it is not of it */
    { { 0, 9 }, { 0, 9 }, 0 },             /* of one that has gone nobody waits for long */
};

START_TEST(a_ring_that_is_stored_is_broken_at_one_place)
{
    g_autoptr(Snapshot) snap = make_snapshot(stored[_i].after);

    for (int64_t id = 1; id <= 5; id++) {
        bool is_ring = false;
        const int64_t first = vm_after_first(snap, snapshot_vm(snap, id), &is_ring);

        ck_assert_int_eq(first, stored[_i].waits_for[id]);
        ck_assert_int_eq(is_ring, id == stored[_i].breaker);
    }
}
END_TEST

SUITE_MAIN("vm_after", SUITE_LOOP(a_vm_waits_for_another_that_can_run_and_never_in_a_ring, rows),
           SUITE_LOOP(a_ring_that_is_stored_is_broken_at_one_place, stored))
