/* it_ctl_ha_count.c - what HA counts goes on under the next controller: restarts of a VM within the
 * hour, and how often a dead host was switched on again. */
#include "config.h"

#include <string.h>

#include "api/ops_ask.h"
#include "base/clock.h"
#include "tests/ha_lab.h"
#include "tests/suite.h"

#define MINUTE_MS INT64_C(60000)

static void run_sql(const char *sql)
{
    g_free(ctl_lab_ask(&ha_lab.lab, sql));
}

/* user: the value that the query gives at last. */
struct wanted {
    const char *query, *value;
};

static bool is_stored(const void *user)
{
    const struct wanted *wanted = user;
    g_autofree char *value = ctl_lab_ask(&ha_lab.lab, wanted->query);

    return g_str_equal(value, wanted->value);
}

static void must_store(const char *query, const char *value)
{
    if (!etcdlab_run_until(is_stored, &(struct wanted){ query, value }, PATIENCE_MS))
        ck_abort_msg("%s: %s; %s", query, ctl_lab_ask(&ha_lab.lab, query), ha_lab_state_text());
}

/* ---- restarts ---------------------------------------------------------------------------------
 */

static bool all_run(const void *user)
{
    struct op_ha *ha = ha_shell_status(ha_lab_app()->ha);
    const bool run = ha->ready && ha->n_running == HA_LAB_VMS;

    (void)user;
    op_ha_free(ha);
    return run;
}

static void set_fault_process(const char *word)
{
    Vm *vm = vm_dup(ha_lab_vm(0));
    Commit *commit = commit_new(&ha_lab_app()->committer);

    g_free(vm->fault_process);
    vm->fault_process = g_strdup(word);
    commit_put_vm(commit, vm);
    ctl_lab_write(&ha_lab.lab, commit);
}

/* Two of ten minutes ago, and one more. */
static void store_restarts(int64_t age_ms)
{
    for (int i = 0; i < 3; i++) {
        g_autofree char *sql =
            g_strdup_printf("INSERT INTO ha_restart (vm_id, at_ms) VALUES (%" G_GINT64_FORMAT
                            ", %" G_GINT64_FORMAT ")",
                            ha_lab.vms[0], clock_wall_ms() - (i < 2 ? 10 * MINUTE_MS : age_ms));

        run_sql(sql);
    }
}

static const struct {
    int64_t age_min; /* of the third one; below 0: by another controller's clock */
    bool held;       /* the next one would be the fourth within the hour */
} thirds[] = { { 50, true }, { 70, false }, { -10, true }, { -70, false } };

#define N_STATES(word)                                                                             \
    "SELECT count(*) FROM event WHERE name = 'HaVmState' AND text LIKE 'HA: VM vm1 is " word ":%'"

START_TEST(restarts_of_a_vm_are_counted_on_by_the_next_controller)
{
    ha_lab_begin(false);
    set_fault_process("reboot");
    store_restarts(thirds[_i].age_min * MINUTE_MS);
    ha_lab_take_over();
    ck_assert(etcdlab_run_until(all_run, NULL, PATIENCE_MS));
    ha_lab.ended[0] = true;
    if (thirds[_i].held) {
        must_store(N_STATES("held"), "1");
        must_store("SELECT count(*) FROM ha_restart", "3");
    } else {
        must_store("SELECT count(*) FROM ha_restart", "4");
        must_store(N_STATES("held"), "0");
    }
    ha_lab_end();
}
END_TEST

/* ---- hosts that are switched on again ---------------------------------------------------------
 */

static bool is_dead(const void *user)
{
    (void)user;
    return ha_shell_is_dead(ha_lab_app()->ha, ha_lab.hosts[0].id);
}

/* Dead, and switched on so often, the last time ten minutes ago; then another one takes over. */
static void die_after(int64_t tries)
{
    struct settings *settings = &ha_lab.lab.ctl.settings;
    g_autofree char *sql = NULL;

    ha_lab_begin_with(true, false); /* no VM is waited for */
    settings->ha_power_on_again = false;
    ha_lab_silence(true, true, true);
    ck_assert(etcdlab_run_until(is_dead, NULL, PATIENCE_MS));
    sql =
        g_strdup_printf("INSERT INTO ha_power_on (host_id, tries, at_ms) VALUES (%" G_GINT64_FORMAT
                        ", %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ")",
                        ha_lab.hosts[0].id, tries, clock_wall_ms() - 10 * MINUTE_MS);
    run_sql(sql);
    ha_lab_take_over();
    settings->ha_power_on_again = true;
    ck_assert(etcdlab_run_until(is_dead, NULL, PATIENCE_MS));
}

START_TEST(the_last_try_is_left_to_the_next_controller)
{
    die_after(2);
    ck_assert(etcdlab_run_until(ha_lab_is_switched_on, NULL, 60000));
    ck_assert_msg(strstr(ha_lab_power_on_task()->why, "(try 3 of 3)") != NULL, "%s",
                  ha_lab_power_on_task()->why);
    must_store("SELECT tries FROM ha_power_on", "3");
    ha_lab.hosts[0].boot++;
    ha_lab.hosts[0].beats = ha_lab.hosts[0].lease = true;
    ha_lab_hear_again();
    must_store("SELECT count(*) FROM ha_power_on", "0"); /* it lives */
    ha_lab_end();
}
END_TEST

START_TEST(a_host_that_was_switched_on_three_times_stays_off_under_the_next_controller)
{
    die_after(3);
    must_store("SELECT count(*) FROM event WHERE name = 'HaHostStaysOff'", "1");
    ck_assert_ptr_null(ha_lab_power_on_task());
    must_store("SELECT tries FROM ha_power_on", "3");
    ha_lab_end();
}
END_TEST

SUITE_MAIN("it_ctl_ha_count",
           SUITE_LOOP(restarts_of_a_vm_are_counted_on_by_the_next_controller, thirds),
           SUITE_TEST(the_last_try_is_left_to_the_next_controller),
           SUITE_TEST(a_host_that_was_switched_on_three_times_stays_off_under_the_next_controller))
