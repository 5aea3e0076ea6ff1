/* it_ctl_dpm.c - DPM's part of the controller over a real PostgreSQL: hints, looks and orders. */
#include "config.h"

#include <sys/stat.h>

#include "base/clock.h"
#include "controller/alarm.h"
#include "controller/call.h"
#include "controller/dpm.h"
#include "controller/task.h"
#include "model/reason.h"
#include "tests/ctl_lab.h"
#include "tests/suite.h"
#include "tests/tempdir.h"

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
    struct op_result result;

    ctl_lab_begin(&lab);
    cluster_id = create_cluster();
    a = add_host(11, cluster_id);
    (void)add_host(12, cluster_id);
    result = ctl_lab_must(&lab, ctl_lab_op(OP_DPM_REFRESH, cluster_id));
    op_result_clear(&result);
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

/* ---- a host that is late ----------------------------------------------------------------------
 */

static const char agent_text[] = "#!/bin/sh\n"
                                 "while read -r line; do\n"
                                 "  case $line in action=*) action=${line#action=} ;; esac\n"
                                 "done\n"
                                 "echo \"$action\" >>\"$(dirname \"$0\")/log\"\n";

/* A BMC by which every host has power; what it is told is in DIR/log. */
static void make_bmc(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "agent", NULL);

    ck_assert(g_file_set_contents(path, agent_text, -1, NULL));
    ck_assert_int_eq(chmod(path, 0700), 0);
    g_free(lab.ctl.settings.power_agent);
    lab.ctl.settings.power_agent = g_steal_pointer(&path);
}

static void show_host(int64_t id, bool connected, enum host_status status)
{
    Host *host = host_dup(snapshot_host(now(), id));

    host->connected = connected;
    host->status = status;
    ctl_put_host(&lab.ctl, host);
}

static int64_t add_late_host(int64_t cluster_id)
{
    Host *host = ctl_host(11, cluster_id);

    g_free(host->bmc_ip);
    host->bmc_ip = g_strdup("192.0.2.200");
    host->off_by_dpm = true; /* and off_since_ms is 0: it was switched on again */
    host->connected = false;
    host->status = HOST_UNKNOWN;
    return ctl_lab_add_host(&lab, host);
}

static int64_t begin_wake(int64_t host_id)
{
    Task *task = task_prepare(TASK_WAKE_HOST, OBJECT_HOST, host_id, "cna11", "-_system");
    Commit *commit = commit_new(&lab.ctl.app.committer);
    int64_t id;

    task->origin = ORIGIN_DPM;
    commit_put_task(commit, task_ref(task), NULL);
    ctl_lab_write(&lab, commit);
    id = task->id;
    task_unref(task);
    tasks_begin(lab.ctl.app.tasks, id);
    return id;
}

static const Task *task_of(int64_t id)
{
    return snapshot_builder_get_task(inventory_edit(lab.ctl.app.inv), id);
}

static void wait_for_end(int64_t task_id)
{
    while (!task_is_final(task_of(task_id)))
        g_main_context_iteration(NULL, TRUE);
}

static char *log_of(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "log", NULL);
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? text : g_strdup("");
}

static const struct {
    bool comes; /* after all, while its power is looked at */
    int64_t boot_limit_s;
    enum task_status status;
    const char *said; /* to its BMC */
} late[] = {
    { true, 600, TASK_SUCCESS, "status\n" },
    { false, 1, TASK_FAILED, "status\nstatus\noff\nstatus\n" }, /* look, off, on */
};

START_TEST(a_host_that_is_late_but_up_keeps_its_power)
{
    char *dir = tempdir_new();
    g_autofree char *said = NULL;
    int64_t host_id, task_id;

    ctl_lab_begin(&lab);
    make_bmc(dir);
    lab.ctl.settings.power_boot_limit_s = late[_i].boot_limit_s;
    host_id = add_late_host(create_cluster());
    task_id = begin_wake(host_id);
    do {
        g_free(said);
        g_main_context_iteration(NULL, TRUE);
        said = log_of(dir);
    } while (!*said);
    if (late[_i].comes)
        show_host(host_id, true, HOST_NORMAL);
    wait_for_end(task_id);
    ck_assert_int_eq(task_of(task_id)->status, late[_i].status);
    g_free(said);
    said = log_of(dir);
    ck_assert_str_eq(said, late[_i].said);
    ctl_lab_end(&lab);
    tempdir_free(dir);
}
END_TEST

SUITE_MAIN("it_ctl_dpm", SUITE_LOOP(a_host_that_is_late_but_up_keeps_its_power, late),
           SUITE_TEST(the_hint_at_a_missing_proof_ends_with_its_reason),
           SUITE_TEST(a_look_from_before_a_reload_says_nothing_and_holds_nothing),
           SUITE_TEST(a_proof_asked_for_before_a_reload_is_not_begun))
