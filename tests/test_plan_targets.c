/* test_plan_targets.c - where VMs go when their host dies: controller/plan_targets.h. */
#include "config.h"

#include "tests/suite.h"

#include "controller/plan_targets.h"
#include "scheduler/admission.h"
#include "tests/sched_gen.h"

#define N_VMS 120

static Snapshot *make_park(uint32_t n_hosts, struct sched_params *ret_params)
{
    g_autoptr(SnapshotBuilder) builder = gen_park(7, n_hosts, N_VMS, ret_params);
    g_autoptr(Snapshot) snap = snapshot_builder_build(builder, ret_params->now_mono_ms);

    for (size_t i = 0; i < snap->n_vms; i++) {
        Vm *vm = vm_dup(snap->vms[i]);

        vm->enable_ha = i % 10 != 0;
        snapshot_builder_put_vm(builder, vm);
    }
    return snapshot_builder_build(builder, ret_params->now_mono_ms);
}

static int64_t fate_of(const HostLosses *losses, int64_t vm)
{
    for (size_t i = 0; i < losses->n_items; i++)
        for (uint32_t j = 0; j < losses->items[i].n_vms; j++)
            if (losses->items[i].vms[j].vm_id == vm)
                return losses->items[i].vms[j].to_id;
    return 0;
}

static const uint32_t sizes[] = { 2, 3, 4, 9, 16 };

START_TEST(the_first_target_is_what_failover_says_and_the_others_are_others)
{
    struct sched_params params;
    g_autoptr(Snapshot) snap = make_park(sizes[_i], &params);
    g_autoptr(GArray) aims = plan_targets(snap, GEN_CLUSTER, &params);
    g_autoptr(HostLosses) losses = NULL;
    guint n_choices = 0;

    ck_assert(admission_host_fates(snap, GEN_CLUSTER, 0, &params, &losses, NULL));
    ck_assert_uint_gt(aims->len, N_VMS / 2);
    for (guint i = 0; i < aims->len; i++) {
        const struct plan_aim *aim = &g_array_index(aims, struct plan_aim, i);
        const Vm *vm = snapshot_vm(snap, aim->vm);
        const int64_t *to = aim->targets;

        ck_assert(vm->enable_ha);
        ck_assert_int_eq(to[0], fate_of(losses, aim->vm));
        for (int j = 0; j < HA_PLAN_TARGETS; j++) {
            ck_assert_int_ne(to[j], vm->host_id);
            ck_assert(j == 0 || to[j] == 0 || to[j] != to[j - 1]);
        }
        n_choices += to[0] == 0 || to[1] != 0;
    }
    ck_assert(sizes[_i] < 3 || n_choices * 10 >= aims->len * 9); /* rules may leave one only */
}
END_TEST

START_TEST(a_cluster_that_is_not_there_has_no_targets)
{
    struct sched_params params;
    g_autoptr(Snapshot) snap = make_park(2, &params);
    g_autoptr(GArray) aims = plan_targets(snap, 99, &params);

    ck_assert_uint_eq(aims->len, 0);
}
END_TEST

SUITE_MAIN("plan_targets",
           SUITE_LOOP(the_first_target_is_what_failover_says_and_the_others_are_others, sizes),
           SUITE_TEST(a_cluster_that_is_not_there_has_no_targets))
