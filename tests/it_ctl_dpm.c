/* it_ctl_dpm.c - DPM's part of the controller over a real PostgreSQL: hints, looks and orders. */
#include "config.h"

#include "base/clock.h"
#include "controller/alarm.h"
#include "controller/call.h"
#include "controller/dpm.h"
#include "model/reason.h"
#include "tests/ctl_lab.h"
#include "tests/suite.h"

static struct ctl_lab lab;

static const Snapshot *now(void)
{
    return inventory_peek(lab.ctl.app.inv);
}

static int64_t create_cluster(void)
{
    Cluster *cluster = ctl_cluster(1);

    cluster->dpm.power_level = 1;
    return ctl_lab_add_cluster(&lab, cluster);
}

static void set_power_level(int64_t cluster_id, int64_t level)
{
    struct op *op = ctl_lab_op(OP_CLUSTER_UPDATE, cluster_id);

    op->cluster = cluster_dup(snapshot_cluster(now(), cluster_id));
    op->cluster->dpm.power_level = level;
    (void)ctl_lab_must(&lab, op);
}

static int64_t add_host(int64_t n, int64_t cluster_id)
{
    Host *host = ctl_host(n, cluster_id);

    g_free(host->bmc_ip);
    host->bmc_ip = g_strdup("192.0.2.200");
    return ctl_lab_add_host(&lab, host);
}

/* ---- the hint ---------------------------------------------------------------------------------
 */

static int64_t count_hints(void)
{
    struct op *op = op_new(OP_ALARM_ACTIVE);
    struct op_result result;
    int64_t total;

    op->alarms = (struct alarm_filter){ .number = g_strdup("15.7000008"), .limit = -1 };
    alarms_tick(lab.ctl.app.alarms);
    (void)ctl_lab_settle(&lab);
    result = ctl_lab_must(&lab, op);
    total = result.total;
    op_result_clear(&result);
    return total;
}

static void leave_cluster(int64_t host_id)
{
    struct op *op = ctl_lab_op(OP_HOST_UPDATE, host_id);

    op->host = host_dup(snapshot_host(now(), host_id));
    op->host->cluster_id = 0;
    op->host->maintaining = true;
    ctl_put_host(&lab.ctl, host_ref(op->host));
    (void)ctl_lab_must(&lab, op);
}

START_TEST(the_hint_at_a_missing_proof_ends_with_its_reason)
{
    int64_t cluster_id, a;

    ctl_lab_begin(&lab);
    cluster_id = create_cluster();
    a = add_host(11, cluster_id);
    (void)add_host(12, cluster_id);
    (void)ctl_lab_must(&lab, ctl_lab_op(OP_DPM_REFRESH, cluster_id));
    ck_assert_int_eq(count_hints(), 2);
    leave_cluster(a);
    ck_assert_int_eq(count_hints(), 1);
    set_power_level(cluster_id, 0);
    ck_assert_int_eq(count_hints(), 0);
    set_power_level(cluster_id, 2);
    ck_assert_int_eq(count_hints(), 1);
    ctl_lab_end(&lab);
}
END_TEST

/* ---- what was begun in another life -----------------------------------------------------------
 */

struct outcome {
    bool came;
    GError *error;
};

static void looked(const GError *error, void *user)
{
    struct outcome *outcome = user;

    outcome->came = true;
    outcome->error = error ? g_error_copy(error) : NULL;
}

static void ordered(int64_t task_id, const GError *error, void *user)
{
    (void)task_id;
    looked(error, user);
}

static void wait_for(const struct outcome *outcome)
{
    while (!outcome->came)
        g_main_context_iteration(NULL, TRUE);
}

/* The first look's verdict is of the old life; the second has the cluster for itself. */
START_TEST(a_look_from_before_a_reload_says_nothing_and_holds_nothing)
{
    struct outcome old = { 0 }, new = { 0 }, third = { 0 };
    int64_t cluster_id, at_ms;

    ctl_lab_begin(&lab);
    cluster_id = create_cluster();
    (void)add_host(11, cluster_id);
    dpm_look(lab.ctl.app.dpm, cluster_id, looked, &old);
    dpm_reset(lab.ctl.app.dpm);
    dpm_look(lab.ctl.app.dpm, cluster_id, looked, &new);
    ck_assert(!new.came);
    wait_for(&old);
    ck_assert_int_eq(err_reason(old.error), REASON_RECOVERING);
    suite_take_error(&old.error, VRM_ERR_UNAVAILABLE, "read anew");
    if (!new.came) { /* its turn did not end with the old one */
        dpm_look(lab.ctl.app.dpm, cluster_id, looked, &third);
        wait_for(&third);
        suite_take_error(&third.error, VRM_ERR_BUSY, "looking at this cluster");
    }
    wait_for(&new);
    suite_no_error(new.error);
    ck_assert_ptr_nonnull(dpm_latest(lab.ctl.app.dpm, cluster_id, &at_ms));
    ctl_lab_end(&lab);
}
END_TEST

START_TEST(a_proof_asked_for_before_a_reload_is_not_begun)
{
    struct outcome outcome = { 0 };
    int64_t cluster_id, host_id;

    ctl_lab_begin(&lab);
    cluster_id = create_cluster();
    host_id = add_host(11, cluster_id);
    (void)add_host(12, cluster_id);
    (void)add_host(13, cluster_id);
    dpm_prove(lab.ctl.app.dpm, &(struct dpm_proof){ .host_id = host_id, .user = "admin" }, ordered,
              &outcome);
    dpm_reset(lab.ctl.app.dpm);
    wait_for(&outcome);
    suite_take_error(&outcome.error, VRM_ERR_UNAVAILABLE, "read anew");
    ctl_lab_end(&lab);
}
END_TEST

SUITE_MAIN("it_ctl_dpm", SUITE_TEST(the_hint_at_a_missing_proof_ends_with_its_reason),
           SUITE_TEST(a_look_from_before_a_reload_says_nothing_and_holds_nothing),
           SUITE_TEST(a_proof_asked_for_before_a_reload_is_not_begun))
