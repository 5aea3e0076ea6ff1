/* test_dpm.c - DPM in the controller: failures and their rest, what is shown, what is refused. */
#include "config.h"

#include "controller/dpm.h"

#include "base/clock.h"
#include "base/err.h"
#include "model/reason.h"
#include "tests/ctl_app.h"
#include "tests/suite.h"

/* ---- failures ---------------------------------------------------------------------------------
 */

#define REST_MS 1000
#define ENDED   INT64_C(50000)

static Task *ended_task(enum task_type type, int reason)
{
    Task *task = task_new();

    task->type = type;
    task->entity_kind = OBJECT_HOST;
    task->entity_id = 11;
    task->status = reason ? TASK_FAILED : TASK_SUCCESS;
    task->reason = reason;
    g_free(task->reason_text);
    task->reason_text = g_strdup("the BMC sulks");
    task->finish_ms = ENDED;
    return task;
}

static void end_task(DpmTroubles *troubles, enum task_type type, int reason, const Host *host)
{
    g_autoptr(Task) task = ended_task(type, reason);

    dpm_trouble_note(troubles, task, host);
}

START_TEST(each_failure_in_a_row_doubles_the_rest_up_to_sixteen_times)
{
    static const int64_t rests[] = { 1, 2, 4, 8, 16, 16, 16 };
    g_autoptr(DpmTroubles) troubles = dpm_troubles_new(REST_MS);
    g_autoptr(Host) host = ctl_host(11, 1);

    for (size_t i = 0; i < G_N_ELEMENTS(rests); i++) {
        int64_t end_ms = ENDED + rests[i] * REST_MS;

        end_task(troubles, TASK_WAKE_HOST, REASON_HOST_NOT_BACK, host);
        ck_assert_ptr_nonnull(dpm_trouble_look(troubles, host, end_ms - 1));
        ck_assert_ptr_null(dpm_trouble_look(troubles, host, end_ms));
    }
    end_task(troubles, TASK_SLEEP_HOST, 0, host); /* a success */
    ck_assert_ptr_null(dpm_trouble_look(troubles, host, ENDED));
    end_task(troubles, TASK_WAKE_HOST, REASON_HOST_NOT_BACK, host);
    ck_assert_ptr_null(dpm_trouble_look(troubles, host, ENDED + REST_MS)); /* from the start */
}
END_TEST

static const struct {
    enum task_type type;
    int reason;
    bool counts, is_power;
} ends[] = {
    { TASK_WAKE_HOST, REASON_BMC_UNREACHABLE, true, true },
    { TASK_SLEEP_HOST, REASON_HOST_BAD_BMC_PASSWORD, true, true },
    { TASK_PROVE_HOST, REASON_HOST_NOT_BACK, true, true },
    { TASK_WAKE_HOST, REASON_FAILED, true, true },
    { TASK_SLEEP_HOST, REASON_NO_RESOURCES, true, false }, /* a VM could not leave */
    { TASK_SLEEP_HOST, REASON_HOST_STATE, false, false },  /* it is needed, or in maintenance */
    { TASK_SLEEP_HOST, REASON_FAILED, true, false },       /* cancelled, or it took too long */
};

START_TEST(a_failure_bars_the_host_until_its_rest_or_its_cause_is_over)
{
    g_autoptr(DpmTroubles) troubles = dpm_troubles_new(REST_MS);
    g_autoptr(Host) host = ctl_host(11, 1), other = ctl_host(12, 1);
    const struct dpm_trouble *trouble;
    g_autofree char *text = NULL;

    end_task(troubles, ends[_i].type, ends[_i].reason, host);
    ck_assert_ptr_null(dpm_trouble_look(troubles, other, ENDED));
    trouble = dpm_trouble_look(troubles, host, ENDED);
    ck_assert_int_eq(trouble != NULL, ends[_i].counts);
    if (!trouble)
        return;
    ck_assert_int_eq(dpm_trouble_is_power(trouble), ends[_i].is_power);
    text = dpm_trouble_text(trouble, ENDED + 400);
    ck_assert_ptr_nonnull(strstr(text, "the BMC sulks"));
    g_free(host->bmc_password);
    host->bmc_password = g_strdup("a new one");
    ck_assert_int_eq(dpm_trouble_look(troubles, host, ENDED) == NULL, ends[_i].is_power);
}
END_TEST

START_TEST(a_failure_of_an_earlier_controller_ends_with_other_bmc_data_too)
{
    g_autoptr(DpmTroubles) troubles = dpm_troubles_new(REST_MS);
    g_autoptr(Host) host = ctl_host(11, 1);

    end_task(troubles, TASK_WAKE_HOST, REASON_BMC_UNREACHABLE, NULL); /* from the task alone */
    ck_assert_ptr_nonnull(dpm_trouble_look(troubles, host, ENDED));
    g_free(host->bmc_ip);
    host->bmc_ip = g_strdup("192.0.2.9");
    ck_assert_ptr_null(dpm_trouble_look(troubles, host, ENDED));
}
END_TEST

/* ---- what is shown ----------------------------------------------------------------------------
 */

static void put_task(struct ctl *ctl, enum task_type type, int64_t host_id)
{
    Task *task = task_prepare(type, OBJECT_HOST, host_id, "h", "-_system");

    task->id = 900;
    task->origin = ORIGIN_DPM;
    snapshot_builder_put_task(inventory_edit(ctl->app.inv), task);
    inventory_publish(ctl->app.inv);
}

static void begin(struct ctl *ctl)
{
    ctl_init(ctl, NULL);
    ctl_put_cluster(ctl, ctl_cluster(1));
}

static Host *with_bmc(Host *host)
{
    g_free(host->bmc_ip);
    host->bmc_ip = g_strdup("192.0.2.200");
    return host;
}

#define NO_TASK (-1)
static const struct {
    const char *state;
    enum host_status status;
    bool connected, maintaining, off_by_dpm, draining;
    int64_t off_since_ms;
    int task;
} states[] = {
    { "on", HOST_NORMAL, true, false, false, false, 0, NO_TASK },
    { "fault", HOST_FAULT, true, false, false, false, 0, NO_TASK },
    { "unknow", HOST_UNKNOWN, false, false, false, false, 0, NO_TASK },
    { "maintenance", HOST_NORMAL, true, true, false, false, 0, NO_TASK },
    { "asleep", HOST_POWEROFF, false, false, true, false, 5, NO_TASK },
    { "switched-off", HOST_POWEROFF, false, false, false, false, 5, NO_TASK },
    { "not-back", HOST_UNKNOWN, false, false, true, false, 0, NO_TASK },
    { "waking", HOST_BOOTING, false, false, true, false, 5, NO_TASK },
    { "waking", HOST_POWEROFF, false, false, true, false, 5, TASK_WAKE_HOST },
    { "draining", HOST_NORMAL, true, false, false, true, 0, TASK_SLEEP_HOST },
    { "powering-off", HOST_SHUTTING_DOWN, true, false, false, true, 0, TASK_SLEEP_HOST },
    { "proving", HOST_SHUTTING_DOWN, true, false, false, true, 0, TASK_PROVE_HOST },
};

static struct op_result ask(struct ctl *ctl, enum op_kind kind, int64_t id)
{
    struct op *op = op_new(kind);

    op->id = id;
    g_free(op->user);
    op->user = g_strdup("admin");
    return ctl_call(ctl, op);
}

START_TEST(every_state_of_a_host_has_its_word)
{
    struct ctl ctl;
    struct op_result result;
    Host *host = with_bmc(ctl_host(11, 1));

    begin(&ctl);
    host->status = states[_i].status;
    host->connected = states[_i].connected;
    host->maintaining = states[_i].maintaining;
    host->off_by_dpm = states[_i].off_by_dpm;
    host->draining = states[_i].draining;
    host->off_since_ms = states[_i].off_since_ms;
    ctl_put_host(&ctl, host);
    if (states[_i].task != NO_TASK)
        put_task(&ctl, (enum task_type)states[_i].task, 11);
    result = ask(&ctl, OP_DPM_STATUS, 1);
    suite_no_error(result.error);
    ck_assert_uint_eq(result.dpm->n_hosts, 1);
    ck_assert_str_eq(result.dpm->hosts[0].state, states[_i].state);
    ck_assert_int_eq(result.dpm->hosts[0].task_id, states[_i].task == NO_TASK ? 0 : 900);
    op_result_clear(&result);
    ctl_clear(&ctl);
}
END_TEST

static const int powers[] = { 0, 1 };

START_TEST(a_host_that_nobody_looked_at_says_whether_anybody_will)
{
    const bool is_on = powers[_i] > 0;
    struct ctl ctl;
    struct op_result result;
    Cluster *cluster = ctl_cluster(1);

    ctl_init(&ctl, NULL);
    cluster->dpm.power_level = powers[_i];
    ctl_put_cluster(&ctl, cluster);
    ctl_put_host(&ctl, with_bmc(ctl_host(11, 1)));
    result = ask(&ctl, OP_DPM_STATUS, 1);
    suite_no_error(result.error);
    ck_assert_str_eq(result.dpm->hosts[0].text,
                     is_on ? "DPM has not looked at it yet" : "DPM is off");
    op_result_clear(&result);
    ctl_clear(&ctl);
}
END_TEST

START_TEST(kwh_are_counted_with_the_sleep_that_is_not_over)
{
    struct ctl ctl;
    struct op_result result;
    Host *asleep = ctl_host(11, 1), *off = ctl_host(12, 1);

    begin(&ctl);
    ctl.settings.dpm_watts = 100;
    asleep->slept_ms = INT64_C(3600000);
    asleep->off_by_dpm = true;
    asleep->off_since_ms = clock_wall_ms() - INT64_C(7200000);
    asleep->status = HOST_POWEROFF;
    asleep->connected = false;
    off->off_since_ms = asleep->off_since_ms; /* by hand: nobody's saving */
    ctl_put_host(&ctl, asleep);
    ctl_put_host(&ctl, off);
    result = ask(&ctl, OP_DPM_STATUS, 1);
    ck_assert_int_eq(result.dpm->hosts[0].saved_wh, 300);
    ck_assert_int_eq(result.dpm->hosts[1].saved_wh, 0);
    ck_assert_int_eq(result.dpm->saved_wh, 300);
    op_result_clear(&result);
    ctl_clear(&ctl);
}
END_TEST

/* ---- what is refused --------------------------------------------------------------------------
 */

static void refused(struct ctl *ctl, enum op_kind kind, int64_t id, int code, const char *text)
{
    struct op_result result = ask(ctl, kind, id);

    suite_take_error(&result.error, code, text);
    op_result_clear(&result);
}

START_TEST(a_proof_is_refused_while_it_is_impossible)
{
    struct ctl ctl;
    Host *asleep = with_bmc(ctl_host(14, 1));
    Vm *bound = ctl_vm(21, 1);

    begin(&ctl);
    asleep->status = HOST_POWEROFF;
    asleep->connected = false;
    asleep->off_by_dpm = true;
    bound->host_id = 13;
    bound->status = VM_RUNNING;
    bound->binding_host = true;
    ctl_put_host(&ctl, ctl_host(11, 1));
    ctl_put_host(&ctl, with_bmc(ctl_host(12, 0)));
    ctl_put_host(&ctl, with_bmc(ctl_host(13, 1)));
    ctl_put_host(&ctl, asleep);
    ctl_put_vm(&ctl, bound);
    refused(&ctl, OP_HOST_PROVE_WAKE, 99, VRM_ERR_NOT_FOUND, "host 99 does not exist");
    refused(&ctl, OP_HOST_PROVE_WAKE, 11, VRM_ERR_INVALID, "has no BMC");
    refused(&ctl, OP_HOST_PROVE_WAKE, 12, VRM_ERR_CONFLICT, "is in no cluster");
    refused(&ctl, OP_HOST_PROVE_WAKE, 13, VRM_ERR_NO_CAPACITY, "bound to its host");
    refused(&ctl, OP_HOST_PROVE_WAKE, 14, VRM_ERR_CONFLICT, "sleeps: switch it on");
    put_task(&ctl, TASK_EVACUATE_HOST, 13);
    refused(&ctl, OP_HOST_PROVE_WAKE, 13, VRM_ERR_BUSY, "is held by MigrateAllVmsTask 900");
    ctl_clear(&ctl);
}
END_TEST

START_TEST(a_persons_power_order_waits_for_dpms_task)
{
    struct ctl ctl;

    begin(&ctl);
    ctl_put_host(&ctl, with_bmc(ctl_host(11, 1)));
    put_task(&ctl, TASK_SLEEP_HOST, 11);
    refused(&ctl, OP_HOST_POWER_OFF, 11, VRM_ERR_BUSY, "is held by SleepHostTask 900");
    refused(&ctl, OP_HOST_POWER_ON, 11, VRM_ERR_BUSY, "is held by SleepHostTask 900");
    ctl_clear(&ctl);
}
END_TEST

START_TEST(without_recommendations_nothing_is_applied)
{
    struct ctl ctl;

    begin(&ctl);
    refused(&ctl, OP_DRS_APPLY, 1, VRM_ERR_NOT_FOUND, "no open recommendation");
    refused(&ctl, OP_DPM_STATUS, 7, VRM_ERR_NOT_FOUND, "cluster 7 does not exist");
    refused(&ctl, OP_DPM_REFRESH, 7, VRM_ERR_NOT_FOUND, "cluster 7 does not exist");
    refused(&ctl, OP_DRS_LIST, 7, VRM_ERR_NOT_FOUND, "cluster 7 does not exist");
    ctl_clear(&ctl);
}
END_TEST

START_TEST(a_start_without_room_asks_for_a_host_only_if_one_of_its_cluster_sleeps)
{
    struct ctl ctl;
    g_autoptr(Vm) vm = ctl_vm(21, 1);
    Host *asleep = ctl_host(11, 1);

    begin(&ctl);
    ctl_put_cluster(&ctl, ctl_cluster(2));
    ck_assert(!dpm_want_start(ctl.app.dpm, vm));
    asleep->off_by_dpm = true;
    ctl_put_host(&ctl, asleep);
    ck_assert(dpm_want_start(ctl.app.dpm, vm));
    vm->cluster_id = 2;
    ck_assert(!dpm_want_start(ctl.app.dpm, vm));
    ctl_clear(&ctl);
}
END_TEST

/* ---- by which figures it decides --------------------------------------------------------------
 */

START_TEST(a_snapshot_tells_which_figures_are_good_enough_here_also_after_a_reset)
{
    struct sched_params params;
    struct ctl ctl;

    ctl_init(&ctl, NULL);
    app_sched_params(&ctl.app, &params);
    for (int round = 0; round < 2; round++) {
        const struct measuring *measuring;

        ctl_put_host(&ctl, ctl_host(11, 1));
        inventory_publish(ctl.app.inv);
        measuring = &inventory_peek(ctl.app.inv)->measuring;
        ck_assert_uint_gt(params.min_samples, 0);
        ck_assert_uint_eq(measuring->min_samples, params.min_samples);
        ck_assert_int_eq(measuring->max_age_ms, params.max_age_ms);
        inventory_reset(ctl.app.inv);
    }
    ctl_clear(&ctl);
}
END_TEST

SUITE_MAIN("dpm", SUITE_TEST(each_failure_in_a_row_doubles_the_rest_up_to_sixteen_times),
           SUITE_LOOP(a_failure_bars_the_host_until_its_rest_or_its_cause_is_over, ends),
           SUITE_TEST(a_failure_of_an_earlier_controller_ends_with_other_bmc_data_too),
           SUITE_LOOP(every_state_of_a_host_has_its_word, states),
           SUITE_LOOP(a_host_that_nobody_looked_at_says_whether_anybody_will, powers),
           SUITE_TEST(kwh_are_counted_with_the_sleep_that_is_not_over),
           SUITE_TEST(a_proof_is_refused_while_it_is_impossible),
           SUITE_TEST(a_persons_power_order_waits_for_dpms_task),
           SUITE_TEST(without_recommendations_nothing_is_applied),
           SUITE_TEST(a_start_without_room_asks_for_a_host_only_if_one_of_its_cluster_sleeps),
           SUITE_TEST(a_snapshot_tells_which_figures_are_good_enough_here_also_after_a_reset))
