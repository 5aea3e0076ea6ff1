/* it_alarm.c - alarms over a real PostgreSQL: raised and cleared once, kept over a take-over. */
#include "config.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "controller/alarm.h"
#include "controller/call.h"
#include "controller/rule_watch.h"
#include "db/store_alarm.h"
#include "model/reason.h"
#include "tests/ctl_app.h"
#include "tests/it_db.h"
#include "tests/suite.h"

static struct {
    struct ctl ctl;
    Db *db; /* the test's own connection */
    char *conninfo;
} lab;

static void setup(void)
{
    lab.db = scratch_db(&lab.conninfo);
    ctl_init(&lab.ctl, lab.conninfo);
    ctl_put_cluster(&lab.ctl, ctl_cluster(101));
    ctl_put_host(&lab.ctl, ctl_host(112, 101));
    ctl_put_host(&lab.ctl, ctl_host(113, 101));
}

static void teardown(void)
{
    ctl_clear(&lab.ctl);
    db_free(lab.db);
    g_free(lab.conninfo);
}

static void settle(void)
{
    while (lab.ctl.app.committer.in_flight > 0)
        g_main_context_iteration(NULL, TRUE);
}

static void raise_silent(const char *text)
{
    alarm_raise(&lab.ctl.app, ALARM_HOST_SILENT, OBJECT_HOST, 112, text);
    settle();
}

static void clear_silent(void)
{
    alarm_clear(&lab.ctl.app, ALARM_HOST_SILENT, OBJECT_HOST, 112);
    settle();
}

static struct op_result list(enum op_kind kind, struct alarm_filter filter)
{
    struct op *op = op_new(kind);
    struct op_result result;

    if (filter.limit == 0)
        filter.limit = -1;
    op->alarms = filter;
    result = ctl_call(&lab.ctl, op);
    suite_no_error(result.error);
    return result;
}

static int64_t count(enum op_kind kind)
{
    struct op_result result = list(kind, (struct alarm_filter){ 0 });
    int64_t total = result.total;

    op_result_clear(&result);
    return total;
}

static void check_sql(const char *text, const char *expected)
{
    g_autofree char *got = scratch_sql(lab.conninfo, text);

    ck_assert_str_eq(got, expected);
}

#define EVENTS "SELECT string_agg(name, ' ' ORDER BY id) FROM event"

START_TEST(raising_twice_is_one_alarm_and_one_event)
{
    struct op_result result;

    setup();
    raise_silent("why");
    raise_silent("why");
    alarm_raise(&lab.ctl.app, ALARM_HOST_SILENT, OBJECT_HOST, 112,
                "why"); /* before it is written */
    alarm_raise(&lab.ctl.app, ALARM_HOST_SILENT, OBJECT_HOST, 113, "the other");
    alarm_raise(&lab.ctl.app, ALARM_HOST_SILENT, OBJECT_HOST, 113, "the other");
    settle();
    result = list(OP_ALARM_ACTIVE, (struct alarm_filter){ .oldest_first = true });
    ck_assert_int_eq(result.total, 2);
    ck_assert_int_eq(result.n_alarms, 2);
    ck_assert_int_gt(result.alarms[0]->id, 0);
    ck_assert_str_eq(result.alarms[0]->number, "15.7000002");
    ck_assert_str_eq(result.alarms[0]->name, "Host does not answer");
    ck_assert_str_eq(result.alarms[0]->object_name, "cna112");
    ck_assert_str_eq(result.alarms[0]->text, "why");
    ck_assert_int_eq(result.alarms[0]->level, ALARM_CRITICAL);
    ck_assert_int_gt(result.alarms[0]->occur_ms, 0);
    ck_assert_int_eq(result.alarms[0]->clear_ms, 0);
    op_result_clear(&result);
    ck_assert_int_eq(count(OP_ALARM_HISTORY), 0);
    check_sql(EVENTS, "AlarmRaised AlarmRaised");
    teardown();
}
END_TEST

START_TEST(clearing_moves_it_to_history_once)
{
    struct op_result result;

    setup();
    clear_silent(); /* nothing is raised: nothing happens */
    raise_silent("why");
    clear_silent();
    clear_silent();
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 0);
    result = list(OP_ALARM_HISTORY, (struct alarm_filter){ 0 });
    ck_assert_int_eq(result.total, 1);
    ck_assert_int_gt(result.alarms[0]->clear_ms, 0);
    ck_assert_int_ge(result.alarms[0]->clear_ms, result.alarms[0]->occur_ms);
    op_result_clear(&result);
    check_sql(EVENTS, "AlarmRaised AlarmCleared");
    raise_silent("again"); /* a new one */
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 1);
    ck_assert_int_eq(count(OP_ALARM_HISTORY), 1);
    check_sql("SELECT count(DISTINCT id) FROM alarm", "2");
    teardown();
}
END_TEST

START_TEST(what_is_cleared_while_it_is_being_raised_ends_clear)
{
    setup();
    alarm_raise(&lab.ctl.app, ALARM_HOST_FAULT, OBJECT_HOST, 112, "why");
    alarm_clear(&lab.ctl.app, ALARM_HOST_FAULT, OBJECT_HOST, 112);
    settle();
    settle();
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 0);
    ck_assert_int_eq(count(OP_ALARM_HISTORY), 1);
    alarm_raise(&lab.ctl.app, ALARM_HOST_FAULT, OBJECT_HOST, 112, "why");
    settle();
    alarm_clear(&lab.ctl.app, ALARM_HOST_FAULT, OBJECT_HOST, 112);
    alarm_raise(&lab.ctl.app, ALARM_HOST_FAULT, OBJECT_HOST, 112, "why"); /* it came back at once */
    settle();
    settle();
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 1);
    teardown();
}
END_TEST

static bool read_active(Db *db, void *data, GError **error)
{
    return store_alarm_list_active(db, data, error);
}

/* What the next controller finds is what this one raised; it raises it no second time. */
START_TEST(a_take_over_keeps_what_is_raised)
{
    GPtrArray *stored = NULL;
    GError *error = NULL;

    setup();
    raise_silent("why");
    (void)db_read(lab.db, read_active, &stored, &error);
    suite_no_error(error);
    ck_assert_uint_eq(stored->len, 1);
    alarms_reset(lab.ctl.app.alarms, stored);
    g_ptr_array_unref(stored);
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 1);
    raise_silent("why");
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 1);
    check_sql(EVENTS, "AlarmRaised");
    clear_silent();
    ck_assert_int_eq(count(OP_ALARM_HISTORY), 1);
    teardown();
}
END_TEST

START_TEST(without_leadership_it_waits_and_is_written_later)
{
    setup();
    lab.ctl.epoch = 0;
    raise_silent("why");
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 0);
    lab.ctl.epoch = 1;
    inventory_publish(lab.ctl.app.inv);
    alarm_raise(&lab.ctl.app, ALARM_HOST_SILENT, OBJECT_HOST, 112, "why");
    settle();
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 1);
    teardown();
}
END_TEST

START_TEST(the_alarms_of_a_removed_object_end)
{
    setup();
    raise_silent("why");
    snapshot_builder_remove_host(inventory_edit(lab.ctl.app.inv), 112);
    inventory_publish(lab.ctl.app.inv);
    alarms_tick(lab.ctl.app.alarms);
    settle();
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 0);
    ck_assert_int_eq(count(OP_ALARM_HISTORY), 1);
    raise_silent("of nobody");
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 0);
    teardown();
}
END_TEST

/* By hand, say: what is still so is raised anew, what is over is left. */
START_TEST(an_alarm_that_somebody_else_has_cleared_is_not_taken_for_active)
{
    g_autofree char *shown = NULL;

    setup();
    raise_silent("why");
    alarm_raise(&lab.ctl.app, ALARM_HOST_FAULT, OBJECT_HOST, 113, "a fault");
    settle();
    g_free(scratch_sql(lab.conninfo, "UPDATE alarm SET clear_ms = 1"));
    clear_silent();
    check_sql("SELECT count(*) FROM event WHERE name = 'AlarmCleared'", "0"); /* not by us */
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 1);
    shown = metrics_format(lab.ctl.app.metrics);
    ck_assert_ptr_nonnull(strstr(shown, "vrm_alarms_active{level=\"critical\"} 0\n"));
    alarm_clear(&lab.ctl.app, ALARM_HOST_FAULT, OBJECT_HOST, 113);
    alarm_raise(&lab.ctl.app, ALARM_HOST_FAULT, OBJECT_HOST, 113, "still a fault");
    settle();
    settle();
    alarm_raise(&lab.ctl.app, ALARM_HOST_FAULT, OBJECT_HOST, 113, "still a fault");
    settle();
    check_sql("SELECT string_agg(text, ' ') FROM alarm WHERE clear_ms = 0", "still a fault");
    check_sql("SELECT count(*) FROM event WHERE name = 'AlarmCleared'", "0");
    teardown();
}
END_TEST

static void show_status(enum host_status status, const char *trouble)
{
    Host *host = host_dup(snapshot_host(inventory_peek(lab.ctl.app.inv), 112));

    host->status = status;
    host->connected = status == HOST_NORMAL || status == HOST_FAULT;
    g_free(host->trouble);
    host->trouble = g_strdup(trouble);
    ctl_put_host(&lab.ctl, host);
    alarms_tick(lab.ctl.app.alarms);
    settle();
}

START_TEST(the_tick_judges_hosts)
{
    struct op_result result;

    setup();
    show_status(HOST_INITIAL, "");
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 0);
    show_status(HOST_UNKNOWN, "Connection refused");
    result = list(OP_ALARM_ACTIVE, (struct alarm_filter){ 0 });
    ck_assert_int_eq(result.total, 1);
    ck_assert_str_eq(result.alarms[0]->text, "host cna112 does not answer: Connection refused");
    op_result_clear(&result);
    show_status(HOST_FAULT, "libvirtd does not answer");
    result = list(OP_ALARM_ACTIVE, (struct alarm_filter){ 0 });
    ck_assert_int_eq(result.total, 1);
    ck_assert_str_eq(result.alarms[0]->number, "15.7000003");
    op_result_clear(&result);
    show_status(HOST_NORMAL, "");
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 0);
    show_status(HOST_POWEROFF, ""); /* wanted */
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 0);
    ck_assert_int_eq(count(OP_ALARM_HISTORY), 2);
    teardown();
}
END_TEST

START_TEST(a_missing_proof_is_told_of_once_the_host_was_heard)
{
    Cluster *cluster = ctl_cluster(101);
    Host *host = ctl_host(112, 101);

    setup();
    cluster->dpm.power_level = 1;
    ctl_put_cluster(&lab.ctl, cluster);
    g_free(host->bmc_ip);
    host->bmc_ip = g_strdup("10.9.9.9");
    ctl_put_host(&lab.ctl, host);
    show_status(HOST_INITIAL, "");
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 0);
    show_status(HOST_NORMAL, "");
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 1);
    show_status(HOST_INITIAL, "");
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 1);
    teardown();
}
END_TEST

static void judge(int reason)
{
    g_autoptr(GError) error = NULL;

    if (reason)
        err_set_reason(&error, VRM_ERR_UNAVAILABLE, reason, NULL, "reason %d", reason);
    alarm_judge_power(&lab.ctl.app, 112, error);
    settle();
}

/* After each command: the alarms that stand, by their last digit. */
static const struct {
    int reason; /* 0: it worked */
    const char *active;
} power_steps[] = {
    { REASON_BMC_UNREACHABLE, "5" },
    { REASON_BMC_UNREACHABLE, "5" },
    { REASON_HOST_BAD_BMC_PASSWORD, "6" }, /* it answers again, and refuses */
    { REASON_HOST_MISSING, "6" },          /* the BMC was not asked */
    { REASON_BMC_UNREACHABLE, "56" },      /* nobody knows whether it would still refuse */
    { REASON_FAILED, "7" },
    { REASON_HOST_NOT_BACK, "4" },
    { 0, "4" }, /* only an answer of the host ends that */
};

START_TEST(each_trouble_with_power_has_its_own_alarm)
{
    setup();
    for (size_t i = 0; i < G_N_ELEMENTS(power_steps); i++) {
        judge(power_steps[i].reason);
        settle();
        check_sql("SELECT string_agg(right(number, 1), '' ORDER BY number) FROM alarm"
                  " WHERE clear_ms = 0",
                  power_steps[i].active);
    }
    show_status(HOST_NORMAL, "");
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 0);
    teardown();
}
END_TEST

static void raise_some(void)
{
    struct app *app = &lab.ctl.app;

    alarm_raise(app, ALARM_HOST_SILENT, OBJECT_HOST, 112, "one");
    settle();
    alarm_raise(app, ALARM_WAKE_UNPROVEN, OBJECT_HOST, 112, "two");
    settle();
    alarm_raise(app, ALARM_BMC_REFUSED, OBJECT_HOST, 113, "three");
    settle();
}

static const struct {
    struct alarm_filter filter;
    int64_t total;
    size_t n;
    const char *first; /* its text */
} asked[] = {
    { { .limit = -1, .oldest_first = true }, 3, 3, "one" },
    { { .limit = 1, .offset = 1, .oldest_first = true }, 3, 1, "two" },
    { { .limit = 5, .offset = 3 }, 3, 0, NULL },
    { { .limit = -1, .levels = (char[]){ ",4,2," }, .oldest_first = true }, 2, 2, "two" },
    { { .limit = -1, .event_types = (char[]){ ",communications," } }, 1, 1, "one" },
    { { .limit = -1, .number = (char[]){ "15.7000006" } }, 1, 1, "three" },
    { { .limit = -1, .name = (char[]){ "WAKE" } }, 1, 1, "two" },
    { { .limit = -1, .kind = OBJECT_HOST, .with_kind = true, .object_id = 113 }, 1, 1, "three" },
    { { .limit = -1, .kind = OBJECT_VM, .with_kind = true }, 0, 0, NULL },
    { { .limit = -1, .occur_to_ms = 5 }, 0, 0, NULL },
    { { .limit = -1, .occur_from_ms = 5, .oldest_first = true }, 3, 3, "one" },
};

static struct alarm_filter copy_of(const struct alarm_filter *filter)
{
    struct alarm_filter copy = *filter;

    copy.number = g_strdup(filter->number);
    copy.name = g_strdup(filter->name);
    copy.levels = g_strdup(filter->levels);
    copy.event_types = g_strdup(filter->event_types);
    return copy;
}

static void check_list(enum op_kind kind, int row)
{
    struct op_result result = list(kind, copy_of(&asked[row].filter));

    ck_assert_int_eq(result.total, asked[row].total);
    ck_assert_uint_eq(result.n_alarms, asked[row].n);
    if (asked[row].first)
        ck_assert_str_eq(result.alarms[0]->text, asked[row].first);
    op_result_clear(&result);
}

/* Memory and database answer alike. */
START_TEST(filters_and_pages_choose_the_same_of_the_active_and_the_cleared)
{
    setup();
    raise_some();
    check_list(OP_ALARM_ACTIVE, _i);
    alarm_clear(&lab.ctl.app, ALARM_HOST_SILENT, OBJECT_HOST, 112);
    alarm_clear(&lab.ctl.app, ALARM_WAKE_UNPROVEN, OBJECT_HOST, 112);
    alarm_clear(&lab.ctl.app, ALARM_BMC_REFUSED, OBJECT_HOST, 113);
    settle();
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 0);
    check_list(OP_ALARM_HISTORY, _i);
    teardown();
}
END_TEST

/* ---- rules ------------------------------------------------------------------------------------
 */

static void put_vm_on(int64_t id, int64_t host_id)
{
    Vm *vm = ctl_vm(id, 101);

    vm->host_id = host_id;
    vm->status = VM_RUNNING;
    vm->domain = DOMAIN_RUNNING;
    ctl_put_vm(&lab.ctl, vm);
}

static const Rule *look_at_rule(void)
{
    struct app *app = &lab.ctl.app;

    rule_watch_look(app->rules);
    for (int i = 0; i < 100 && !rule_watch_idle(app->rules); i++)
        g_main_context_iteration(NULL, TRUE);
    settle();
    return snapshot_builder_get_rule(inventory_edit(app->inv), 301);
}

static void put_apart(void)
{
    Rule *rule = rule_new();

    rule->id = 301;
    rule->cluster_id = 101;
    g_free(rule->name);
    rule->name = g_strdup("apart");
    rule->type = RULE_APART;
    rule->vms = g_memdup2((int64_t[]){ 1, 2, 3 }, 3 * sizeof(int64_t));
    rule->n_vms = 3;
    snapshot_builder_put_rule(inventory_edit(lab.ctl.app.inv), rule);
    inventory_publish(lab.ctl.app.inv);
}

START_TEST(a_rule_that_no_move_can_mend_has_an_alarm_until_it_can)
{
    struct op_result result;

    setup();
    put_vm_on(1, 112);
    put_vm_on(2, 113);
    put_apart();
    ck_assert_int_eq(look_at_rule()->state, RULE_MET);
    put_vm_on(3, 113); /* three VMs, two hosts */
    ck_assert_int_eq(look_at_rule()->state, RULE_UNSATISFIABLE);
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 0); /* one look is not enough */
    ck_assert_int_eq(look_at_rule()->state, RULE_UNSATISFIABLE);
    result = list(OP_ALARM_ACTIVE, (struct alarm_filter){ 0 });
    ck_assert_int_eq(result.total, 1);
    ck_assert_str_eq(result.alarms[0]->number, "15.7000001");
    ck_assert_int_eq(result.alarms[0]->cluster_id, 101);
    ck_assert_ptr_nonnull(strstr(result.alarms[0]->text, "it needs 3 hosts, 2 can be used"));
    op_result_clear(&result);
    (void)look_at_rule();
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 1);
    ctl_put_host(&lab.ctl, ctl_host(114, 101)); /* now a move would do */
    ck_assert_int_eq(look_at_rule()->state, RULE_BROKEN);
    ck_assert_int_eq(count(OP_ALARM_ACTIVE), 0);
    ck_assert_int_eq(count(OP_ALARM_HISTORY), 1);
    put_vm_on(3, 114);
    ck_assert_int_eq(look_at_rule()->state, RULE_MET);
    ck_assert_str_eq(look_at_rule()->state_text, "");
    teardown();
}
END_TEST

SUITE_MAIN("it_alarm", SUITE_TEST(raising_twice_is_one_alarm_and_one_event),
           SUITE_TEST(clearing_moves_it_to_history_once),
           SUITE_TEST(what_is_cleared_while_it_is_being_raised_ends_clear),
           SUITE_TEST(a_take_over_keeps_what_is_raised),
           SUITE_TEST(without_leadership_it_waits_and_is_written_later),
           SUITE_TEST(an_alarm_that_somebody_else_has_cleared_is_not_taken_for_active),
           SUITE_TEST(the_alarms_of_a_removed_object_end), SUITE_TEST(the_tick_judges_hosts),
           SUITE_TEST(a_missing_proof_is_told_of_once_the_host_was_heard),
           SUITE_TEST(each_trouble_with_power_has_its_own_alarm),
           SUITE_TEST(a_rule_that_no_move_can_mend_has_an_alarm_until_it_can),
           SUITE_LOOP(filters_and_pages_choose_the_same_of_the_active_and_the_cleared, asked))
