/* test_imc_gate.c - a start and a change of the CPU baseline do not slip past each other. */
#include "config.h"

#include "controller/imc_gate.h"

#include "base/err.h"
#include "controller/task.h"
#include "model/imc.h"
#include "model/reason.h"
#include "tests/ctl_app.h"
#include "tests/suite.h"

static Cluster *with_baseline(const Cluster *cluster, const char *mode)
{
    Cluster *wanted = cluster_dup(cluster);

    wanted->imc_enabled = true;
    g_free(wanted->imc_setting);
    wanted->imc_setting = g_strdup(mode);
    return wanted;
}

START_TEST(nothing_starts_while_the_baseline_is_being_written)
{
    ImcGate *gate = imc_gate_new();
    g_autoptr(Cluster) cluster = ctl_cluster(101);
    g_autoptr(Cluster) other = ctl_cluster(102);
    g_autoptr(GError) error = NULL;

    ck_assert(imc_gate_check_start(gate, cluster, &error));
    imc_gate_close(gate, 101);
    imc_gate_close(gate, 101); /* two writers: the second is refused later, and reopens later */
    ck_assert(!imc_gate_check_start(gate, cluster, &error));
    suite_take_error(&error, VRM_ERR_BUSY, "the CPU baseline of cluster cluster101");
    ck_assert(imc_gate_check_start(gate, other, &error));
    imc_gate_open(gate, 101);
    ck_assert(!imc_gate_check_start(gate, cluster, NULL));
    imc_gate_open(gate, 101);
    ck_assert(imc_gate_check_start(gate, cluster, &error));
    ck_assert(imc_gate_check_start(gate, NULL, &error));
    imc_gate_free(gate);
}
END_TEST

START_TEST(the_baseline_waits_for_a_vm_that_may_be_starting)
{
    struct ctl ctl;
    const Cluster *cluster;
    g_autoptr(Cluster) wanted = NULL;
    g_autoptr(GError) error = NULL;

    ctl_init(&ctl, NULL);
    ctl_put_cluster(&ctl, ctl_cluster(101));
    ctl_put_vm(&ctl, ctl_vm(7, 101));
    cluster = snapshot_cluster(inventory_peek(ctl.app.inv), 101);
    wanted = with_baseline(cluster, "Nehalem");
    ck_assert(imc_gate_is_change(cluster, wanted));
    ck_assert(!imc_gate_is_change(cluster, cluster));
    ck_assert(imc_gate_check_change(&ctl.app, cluster, wanted, &error));
    ck_assert(tasks_hold_vm(ctl.app.tasks, 7, &error)); /* its start was ordered, not committed */
    ck_assert(!imc_gate_check_change(&ctl.app, cluster, wanted, &error));
    ck_assert_int_eq(err_reason(error), REASON_IMC_VM_UNSTABLE);
    suite_take_error(&error, VRM_ERR_CONFLICT, "VM vm7 may be starting");
    ck_assert(imc_gate_check_change(&ctl.app, cluster, cluster, &error)); /* changes no baseline */
    tasks_release_vm(ctl.app.tasks, 7);
    ck_assert(imc_gate_check_change(&ctl.app, cluster, wanted, &error));
    ctl_clear(&ctl);
}
END_TEST

static const struct {
    const char *model, *seen, *mode; /* mode NULL: none */
} guests[] = {
    { "Nehalem", "", "Nehalem" },
    { "Nehalem", "Westmere +aes", "Nehalem" }, /* what it was started as counts */
    { "", "Westmere", "Westmere" },
    { "", "Penryn", "Penryn" },
    { "", "Penryn +popcnt", "Nehalem" }, /* Penryn would hide popcnt */
    { "", "Conroe", "Merom" },
    { "", "", NULL },
    { "", "NoSuchModel", NULL },
};

START_TEST(the_lowest_baseline_hides_nothing_the_guest_sees)
{
    const struct imc_generation *it = imc_oldest_for(guests[_i].model, guests[_i].seen);

    if (guests[_i].mode)
        ck_assert_str_eq(it ? it->mode : "none", guests[_i].mode);
    else
        ck_assert_ptr_null(it);
}
END_TEST

SUITE_MAIN("imc_gate", SUITE_TEST(nothing_starts_while_the_baseline_is_being_written),
           SUITE_TEST(the_baseline_waits_for_a_vm_that_may_be_starting),
           SUITE_LOOP(the_lowest_baseline_hides_nothing_the_guest_sees, guests))
