/* it_ctl_ha.c - HA's shell over a real PostgreSQL and a real etcd: hosts that fall silent in every
 * way, and what is done about it. */
#include "config.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "controller/alarm.h"
#include "controller/host_setup.h"
#include "controller/observe.h"
#include "controller/rights.h"
#include "controller/vm_order.h"
#include "ha/slot.h"
#include "tests/ha_lab.h"
#include "tests/suite.h"

/* ---- what became of them ----------------------------------------------------------------------
 */

static bool all_started(const void *user)
{
    (void)user;
    for (int i = 0; i < HA_LAB_VMS; i++)
        if (!ha_lab_start_task(i))
            return false;
    return true;
}

static bool is_owned_elsewhere(int i)
{
    const struct ha_vm_seen *seen = rights_of(ha_lab_app()->rights, ha_lab.vms[i]);

    return seen && seen->right.n_owners == 1 && seen->right.gen == 2 &&
           seen->right.owners[0].host != ha_lab.hosts[0].id;
}

static void check_started(void)
{
    for (int i = 0; i < HA_LAB_VMS; i++) {
        const Task *task = ha_lab_start_task(i);

        ck_assert_int_eq(task->origin, ORIGIN_HA);
        ck_assert(task->target_host_id != ha_lab.hosts[0].id);
        ck_assert_msg(strstr(task->why, "restarted because cna11 died") != NULL, "%s", task->why);
        ck_assert(is_owned_elsewhere(i));
    }
}

static void check_untouched(void)
{
    for (int i = 0; i < HA_LAB_VMS; i++) {
        ck_assert_ptr_null(ha_lab_start_task(i));
        ck_assert_int_eq(rights_of(ha_lab_app()->rights, ha_lab.vms[i])->right.gen, 1);
    }
}

static const struct {
    bool bmc;
    int64_t at_least_ms, at_most_ms;
    const char *proof;
} deaths[] = {
    { false, 4800, 12000, "lease unchanged for its whole length" },
    { true, 2000, 9000, "power is off" },
};

START_TEST(a_host_that_is_silent_everywhere_is_buried_and_its_vms_start_elsewhere_once)
{
    g_autofree char *stored = NULL;
    int64_t from_ms, took_ms;

    ha_lab_begin(deaths[_i].bmc);
    ha_lab_silence(true, true, true);
    from_ms = clock_now_ms();
    ck_assert(etcdlab_run_until(all_started, NULL, deaths[_i].at_most_ms * 2));
    took_ms = clock_now_ms() - from_ms;
    ck_assert_int_ge(took_ms, deaths[_i].at_least_ms);
    check_started();
    etcdlab_run_for(1500);
    check_started();
    stored =
        ctl_lab_ask(&ha_lab.lab, "SELECT concat_ws('|', kind, host_name, proof, n_vms,"
                                 " (SELECT count(*) > 5 FROM ha_incident_line)) FROM ha_incident");
    ck_assert_msg(g_str_has_prefix(stored, "host|cna11|") && strstr(stored, deaths[_i].proof) &&
                      g_str_has_suffix(stored, "|2|t"),
                  "%s", stored);
    ha_lab_end();
}
END_TEST

static const struct {
    bool beats, agent, lease;
    enum host_fsm_state state;
} cuts[] = {
    { true, false, false, HOST_UNREACHABLE },
    { false, true, false, HOST_UNREACHABLE },
    { true, true, false, HOST_ISOLATED },
};

START_TEST(a_host_that_lives_by_any_witness_keeps_its_vms)
{
    ha_lab_begin(false);
    ha_lab_silence(cuts[_i].beats, cuts[_i].agent, cuts[_i].lease);
    etcdlab_run_for(9000);
    ck_assert_int_eq(ha_shell_host_state(ha_lab_app()->ha, ha_lab.hosts[0].id), cuts[_i].state);
    check_untouched();
    ha_lab_end();
}
END_TEST

/* What people see of it: incidents, events of its states, alarms. */
static char *told(void)
{
    return ctl_lab_ask(&ha_lab.lab, "SELECT concat_ws('|', (SELECT count(*) FROM ha_incident),"
                                    " (SELECT count(*) FROM event WHERE name = 'HaHostState'),"
                                    " (SELECT count(*) FROM alarm WHERE number = '15.7000009'))");
}

static const struct {
    bool wanted, bmc, maintenance;
} again[] = {
    { true, true, false },
    { false, true, false },
    { true, false, false },
    { true, true, true }, /* begun after its death */
};

static bool is_dead(const void *user)
{
    (void)user;
    return ha_shell_is_dead(ha_lab_app()->ha, ha_lab.hosts[0].id);
}

START_TEST(a_dead_host_is_switched_on_again_unless_it_is_not_wanted)
{
    g_autofree char *line = NULL;

    ha_lab_begin_with(again[_i].bmc, false); /* no VM is waited for */
    ha_lab.lab.ctl.settings.ha_power_on_again = again[_i].wanted;
    ha_lab_silence(true, true, true);
    ck_assert(etcdlab_run_until(is_dead, NULL, PATIENCE_MS));
    if (again[_i].maintenance) {
        struct op_result result =
            ctl_lab_must(&ha_lab.lab, ctl_lab_op(OP_HOST_ENTER_MAINT, ha_lab.hosts[0].id));

        op_result_clear(&result);
    }
    if (!again[_i].wanted || !again[_i].bmc || again[_i].maintenance) {
        etcdlab_run_for(9000);
        ck_assert_ptr_null(ha_lab_power_on_task());
        ha_lab_end();
        return;
    }
    ck_assert(etcdlab_run_until(ha_lab_is_switched_on, NULL, 60000));
    ck_assert_int_eq(ha_lab_power_on_task()->origin, ORIGIN_HA);
    etcdlab_run_for(2000);
    ck_assert(is_dead(NULL)); /* until it is back, and not "in maintenance" */
    line = ctl_lab_ask(&ha_lab.lab, "SELECT count(*) FROM ha_incident_line WHERE text LIKE 'it is "
                                    "switched on again%'");
    ck_assert_str_eq(line, "1");
    ha_lab_end();
}
END_TEST

START_TEST(a_reboot_that_is_expected_is_no_failure_until_its_deadline)
{
    g_autofree char *before = NULL, *after = NULL;

    ha_lab_begin(false);
    before = told();
    ha_shell_expect_reboot(ha_lab_app()->ha, ha_lab.hosts[0].id, clock_now_ms() + 9000);
    etcdlab_run_for(500);
    ck_assert_int_eq(ha_shell_host_state(ha_lab_app()->ha, ha_lab.hosts[0].id),
                     HOST_REBOOT_EXPECTED);
    ha_lab_silence(true, true, true);
    etcdlab_run_for(5000);
    ck_assert_int_eq(ha_shell_host_state(ha_lab_app()->ha, ha_lab.hosts[0].id),
                     HOST_REBOOT_EXPECTED);
    after = told();
    ck_assert_str_eq(strchr(after, '|') + 2, strchr(before, '|') + 2);
    ck_assert(g_str_has_prefix(after, "0|"));
    ck_assert(etcdlab_run_until(is_dead, NULL, PATIENCE_MS));
    ck_assert(etcdlab_run_until(all_started, NULL, PATIENCE_MS));
    ha_lab_end();
}
END_TEST

static bool is_unreachable(const void *user)
{
    (void)user;
    return ha_shell_host_state(ha_lab_app()->ha, ha_lab.hosts[0].id) == HOST_UNREACHABLE;
}

/* A machine that is busy for a moment: its agent is late, and takes no VM so long. */
START_TEST(a_host_that_is_unreachable_for_a_moment_is_no_news_and_for_longer_it_is)
{
    g_autofree char *before = NULL, *moment = NULL, *longer = NULL;

    ha_lab_begin(false);
    before = told();
    ha_lab_silence(false, true, false);
    ck_assert(etcdlab_run_until(is_unreachable, NULL, PATIENCE_MS));
    ha_lab_hear_again();
    ck_assert(etcdlab_run_until(ha_lab_all_ok, NULL, PATIENCE_MS));
    etcdlab_run_for(1500);
    moment = told();
    ck_assert_str_eq(moment, before);
    ha_lab_silence(false, true, false);
    etcdlab_run_for(10000);
    longer = told();
    ck_assert_msg(g_str_has_prefix(longer, "1|") && g_str_has_suffix(longer, "|1"), "%s", longer);
    ha_lab_hear_again();
    ck_assert(etcdlab_run_until(ha_lab_all_ok, NULL, PATIENCE_MS));
    check_untouched();
    ha_lab_end();
}
END_TEST

static bool is_one_stopped_the_other_started(const void *user)
{
    (void)user; /* no ha_lab_vm(): each one is a change for the loop to publish */
    return ha_lab_start_task(1) &&
           snapshot_vm(inventory_peek(ha_lab_app()->inv), ha_lab.vms[0])->status == VM_STOPPED;
}

static void add_local_vm(const char *fault_process)
{
    Datastore *store = datastore_new();
    Commit *commit = commit_new(&ha_lab_app()->committer);
    struct vm_disk *disk;
    Vm *vm = ctl_vm(3, ha_lab_vm(0)->cluster_id);

    g_free(store->name);
    store->name = g_strdup("disk-of-cna11");
    g_free(store->storage_type);
    store->storage_type = g_strdup("LOCAL");
    g_free(store->path);
    store->path = g_strdup("/var/lib/local");
    commit_put_datastore(commit, datastore_ref(store));
    ctl_lab_write(&ha_lab.lab, commit);
    disk = vm_add_disk(vm);
    disk->sequence = 1;
    disk->size_gb = 1;
    disk->datastore_id = store->id;
    g_free(disk->path);
    disk->path = g_strdup("/var/lib/local/vm3.img");
    datastore_unref(store);
    vm->status = VM_RUNNING;
    vm->host_id = ha_lab.hosts[0].id;
    vm->enable_ha = true;
    vm->run_gen = 1;
    g_free(vm->fault_process);
    vm->fault_process = g_strdup(fault_process);
    ha_lab.local_runs = true;
    ha_lab.local = ctl_lab_add_vm(&ha_lab.lab, vm);
    etcdlab_run_for(4000);
}

static const Task *start_of_local(void)
{
    const Snapshot *snap;

    inventory_publish(ha_lab_app()->inv);
    snap = inventory_peek(ha_lab_app()->inv);
    for (size_t t = 0; t < snap->n_tasks; t++)
        if (snap->tasks[t]->type == TASK_START_VM && snap->tasks[t]->entity_id == ha_lab.local)
            return snap->tasks[t];
    return NULL;
}

static bool local_is_started(const void *user)
{
    (void)user;
    return start_of_local() != NULL;
}

static const struct {
    const char *fault_process;
    bool reboots; /* its host does; else it ends by itself */
    bool started;
} local_ends[] = {
    { "reboot", false, true },
    { "ha", false, true },
    { "notprocess", false, false },
    { "notprocess", true, true },
};

/* Nobody else has its disk: where it ended, or nowhere. */
START_TEST(a_vm_on_a_local_disk_is_started_again_in_place)
{
    ha_lab_begin(false);
    add_local_vm(local_ends[_i].fault_process);
    ha_lab.local_runs = false;
    if (local_ends[_i].reboots) {
        ha_lab_silence(true, true, true);
        ck_assert(etcdlab_run_until(is_dead, NULL, PATIENCE_MS));
        ck_assert_ptr_null(start_of_local());
        ha_lab.hosts[0].boot++;
        ha_lab.hosts[0].beats = ha_lab.hosts[0].lease = true;
        ha_lab_hear_again();
    }
    if (!local_ends[_i].started) {
        etcdlab_run_for(5000);
        ck_assert_ptr_null(start_of_local());
        ck_assert_int_eq(inventory_find_vm(ha_lab_app()->inv, ha_lab.local)->status, VM_STOPPED);
    } else {
        if (!etcdlab_run_until(local_is_started, NULL, PATIENCE_MS))
            ck_abort_msg("%s", ha_lab_state_text());
        ck_assert_int_eq(start_of_local()->target_host_id, ha_lab.hosts[0].id);
        ck_assert_int_eq(start_of_local()->origin, ORIGIN_HA);
    }
    ha_lab_end();
}
END_TEST

START_TEST(a_stop_on_a_silent_host_is_a_wish_that_outlives_the_host)
{
    struct op *op;
    struct op_result result;

    ha_lab_begin(false);
    ha_lab_silence(true, true, true);
    etcdlab_run_for(500);
    op = ctl_lab_op(OP_VM_STOP, ha_lab.vms[0]);
    op->force = true;
    result = ctl_lab_must(&ha_lab.lab, op);
    op_result_clear(&result);
    ck_assert_int_eq(ha_lab_vm(0)->status, VM_STOPPING);
    if (!etcdlab_run_until(is_one_stopped_the_other_started, NULL, PATIENCE_MS))
        ck_abort_msg("%s", ha_lab_state_text());
    etcdlab_run_for(1500);
    ck_assert_ptr_null(ha_lab_start_task(0));
    ck_assert_int_eq(ha_lab_vm(0)->status, VM_STOPPED);
    ha_lab_end();
}
END_TEST

START_TEST(disarmed_nothing_is_started_and_armed_again_it_is)
{
    struct op_result result;

    ha_lab_begin(false);
    result = ctl_lab_must(&ha_lab.lab, ctl_lab_op(OP_HA_DISARM, 0));
    op_result_clear(&result);
    ha_lab_silence(true, true, true);
    etcdlab_run_for(9000);
    check_untouched();
    ck_assert_int_eq(ha_shell_host_state(ha_lab_app()->ha, ha_lab.hosts[0].id), HOST_FENCED);
    result = ctl_lab_must(&ha_lab.lab, ctl_lab_op(OP_HA_ARM, 0));
    op_result_clear(&result);
    ck_assert(etcdlab_run_until(all_started, NULL, PATIENCE_MS));
    check_started();
    ha_lab_end();
}
END_TEST

/* As a reload after a doubt, or the next controller: everything is seen anew. */
START_TEST(a_controller_that_begins_in_the_middle_goes_on)
{
    g_autofree char *stored = NULL;

    ha_lab_begin(false);
    ha_lab_silence(true, true, true);
    ck_assert(etcdlab_run_until(is_dead, NULL, PATIENCE_MS));
    etcdlab_run_for(300);
    ha_lab_take_over();
    if (!etcdlab_run_until(all_started, NULL, INT64_C(2) * PATIENCE_MS))
        ck_abort_msg("%s", ha_lab_state_text());
    etcdlab_run_for(1500);
    for (int i = 0; i < HA_LAB_VMS; i++)
        ck_assert(is_owned_elsewhere(i) && ha_lab_start_task(i));
    stored = ctl_lab_ask(&ha_lab.lab, "SELECT count(*) FROM ha_incident");
    ck_assert_str_eq(stored, "1");
    ha_lab_end();
}
END_TEST

/* ---- slots that were switched off -------------------------------------------------------------
 */

/* As each host is told; "": it keeps no slot. */
static char *stores_told(const struct fake_host *host)
{
    g_autofree char *body =
        host_setups_format(ha_lab_app()->setups, inventory_find_host(ha_lab_app()->inv, host->id),
                           ha_lab.lab.ctl.epoch);
    g_autoptr(json_t) json = json_parse(body, strlen(body), NULL);
    GString *text = g_string_new(NULL);
    size_t i;
    json_t *store;

    json_array_foreach(json_object_get(json, "stores"), i, store)
        g_string_append_printf(text, "%s;", json_string_value(json_object_get(store, "path")));
    return g_string_free(text, FALSE);
}

static bool all_are_told(const void *user)
{
    for (int i = 0; i < HA_LAB_HOSTS; i++) {
        g_autofree char *text = stores_told(&ha_lab.hosts[i]);

        if (!g_str_equal(text, user))
            return false;
    }
    return true;
}

static char *events_of_slots(void)
{
    (void)ctl_lab_settle(&ha_lab.lab);
    return ctl_lab_ask(&ha_lab.lab, "SELECT coalesce(string_agg(text, '|' ORDER BY id), '') "
                                    "FROM event WHERE name = 'HaSlotsEnd'");
}

static bool is_event_of_slots(const void *user)
{
    g_autofree char *text = events_of_slots();

    return strstr(text, user) != NULL;
}

/* Without them nobody could say of such a VM's host that it is dead. */
START_TEST(slots_go_on_while_a_vm_lives_by_one_though_they_are_switched_off)
{
    int64_t store;

    ha_lab.no_storage = true;
    ha_lab_begin(false);
    store = ha_lab_add_datastore();
    ck_assert(all_are_told(""));
    ha_lab_give_right(0, slot_authority(store));
    ck_assert(etcdlab_run_until(all_are_told, "/srv/nas;", PATIENCE_MS));
    ck_assert(etcdlab_run_until(is_event_of_slots, "that still live by a slot on a datastore: 1",
                                PATIENCE_MS));
    ck_assert_int_eq(
        rights_authority(ha_lab_app()->rights, inventory_peek(ha_lab_app()->inv), ha_lab_vm(0)),
        HA_ETCD);
    ha_lab_give_right(0, HA_ETCD);
    ck_assert(etcdlab_run_until(all_are_told, "", PATIENCE_MS));
    ck_assert(etcdlab_run_until(is_event_of_slots, "no VM lives by a slot", PATIENCE_MS));
    ha_lab_end();
    ha_lab.no_storage = false;
}
END_TEST

SUITE_MAIN("it_ctl_ha",
           SUITE_LOOP(a_host_that_is_silent_everywhere_is_buried_and_its_vms_start_elsewhere_once,
                      deaths),
           SUITE_LOOP(a_host_that_lives_by_any_witness_keeps_its_vms, cuts),
           SUITE_TEST(a_host_that_is_unreachable_for_a_moment_is_no_news_and_for_longer_it_is),
           SUITE_LOOP(a_dead_host_is_switched_on_again_unless_it_is_not_wanted, again),
           SUITE_TEST(a_reboot_that_is_expected_is_no_failure_until_its_deadline),
           SUITE_LOOP(a_vm_on_a_local_disk_is_started_again_in_place, local_ends),
           SUITE_TEST(a_stop_on_a_silent_host_is_a_wish_that_outlives_the_host),
           SUITE_TEST(slots_go_on_while_a_vm_lives_by_one_though_they_are_switched_off),
           SUITE_TEST(disarmed_nothing_is_started_and_armed_again_it_is),
           SUITE_TEST(a_controller_that_begins_in_the_middle_goes_on))
