/* test_vm_verb.c - the table of what tasks do to a VM: a verdict for each pair of task and status,
 * and work for every type of task. */
#include "config.h"

#include "controller/vm_verb.h"

#include "controller/drs.h"
#include "controller/task_dpm.h"
#include "controller/task_host.h"
#include "controller/task_power.h"
#include "controller/task_vm.h"
#include "tests/suite.h"

/* allowed: the words of the statuses in which it may begin; "" none (a VM that is made). */
static const struct {
    enum task_type type;
    enum agent_verb verb;
    const char *allowed;
    enum vm_status ok, failed;
    enum reason refusal;
    const char *says; /* to a VM in a wrong status */
} rows[] = {
    { TASK_CREATE_VM, VERB_DEFINE, "", VM_STOPPED, VM_STOPPED, REASON_VM_STATE,
      "cannot be created now" },
    { TASK_DELETE_VM, VERB_UNDEFINE, "stopped", VM_STOPPED, VM_STOPPED, REASON_VM_STATE,
      "cannot be deleted now: its status must be stopped" },
    { TASK_START_VM, VERB_START, "stopped", VM_RUNNING, VM_RUNNING, REASON_VM_ALREADY_RUNNING,
      "cannot be started now: its status must be stopped" },
    { TASK_STOP_VM, VERB_STOP, "running pause fault-resuming", VM_STOPPED, VM_RUNNING,
      REASON_VM_ALREADY_STOPPED,
      "cannot be stopped now: its status must be running or pause or fault-resuming" },
    { TASK_REBOOT_VM, VERB_REBOOT, "running", VM_RUNNING, VM_RUNNING, REASON_VM_STATE,
      "cannot be rebooted now: its status must be running" },
    { TASK_PAUSE_VM, VERB_PAUSE, "running", VM_PAUSED, VM_RUNNING, REASON_VM_STATE,
      "cannot be paused now: its status must be running" },
    { TASK_RESUME_VM, VERB_RESUME, "pause", VM_RUNNING, VM_PAUSED, REASON_VM_STATE,
      "cannot be resumed now: its status must be pause" },
    { TASK_MIGRATE_VM, VERB_MIGRATE, "running", VM_RUNNING, VM_RUNNING, REASON_VM_STATE,
      "cannot be migrated now: its status must be running" },
};

static bool has_word(const char *words, const char *word)
{
    g_auto(GStrv) list = g_strsplit(words, " ", -1);

    return g_strv_contains((const char *const *)list, word);
}

static Vm *make_vm(enum vm_status status)
{
    Vm *vm = vm_new();

    g_free(vm->name);
    vm->name = g_strdup("web");
    vm->status = status;
    vm->host_reported = true;
    return vm;
}

START_TEST(each_task_is_allowed_in_its_statuses_and_refused_in_all_others)
{
    const struct vm_verb *verb = vm_verb_find(rows[_i].type);

    for (unsigned i = 0; i < N_VM_STATUSES; i++) {
        g_autoptr(Vm) vm = make_vm((enum vm_status)i);
        g_autofree char *state = g_strdup_printf("VM web is %s", vm_status_name(vm->status));
        g_autoptr(GError) error = NULL;
        bool allowed = vm_verb_check(verb, vm, &error);

        ck_assert_int_eq(allowed, has_word(rows[_i].allowed, vm_status_name(vm->status)));
        if (allowed)
            continue;
        ck_assert_int_eq(err_reason(error), rows[_i].refusal);
        ck_assert_ptr_nonnull(strstr(error->message, state));
        suite_take_error(&error, VRM_ERR_CONFLICT, rows[_i].says);
    }
}
END_TEST

START_TEST(a_vm_whose_host_is_silent_is_told_as_it_is_shown)
{
    g_autoptr(Vm) vm = make_vm(VM_RUNNING);
    g_autoptr(GError) error = NULL;

    vm->host_reported = false;
    ck_assert(!vm_verb_check(vm_verb_find(TASK_START_VM), vm, &error));
    suite_take_error(&error, VRM_ERR_CONFLICT, "VM web is unknown and cannot be started now");
}
END_TEST

START_TEST(each_task_sends_its_verb_and_leaves_a_vm_that_may_run_as_running)
{
    const struct vm_verb *verb = vm_verb_find(rows[_i].type);

    ck_assert_int_eq(verb->verb, rows[_i].verb);
    ck_assert_int_eq(verb->ok, rows[_i].ok);
    ck_assert_int_eq(verb->failed, rows[_i].failed);
    /* Only a migration's time comes from the settings. */
    ck_assert_int_eq(verb->deadline_ms == 0, verb->type == TASK_MIGRATE_VM);
    ck_assert(g_str_has_prefix(verb->event, "Vm"));
    ck_assert_uint_gt(strlen(verb->past), 0);
}
END_TEST

START_TEST(a_template_may_be_deleted_and_nothing_else)
{
    for (unsigned i = 0; i < N_VM_STATUSES; i++) {
        g_autoptr(Vm) vm = make_vm((enum vm_status)i);
        g_autoptr(GError) error = NULL;

        vm->is_template = true;
        ck_assert_int_eq(vm_verb_check(vm_verb_find(rows[_i].type), vm, &error),
                         rows[_i].type == TASK_DELETE_VM && vm->status == VM_STOPPED);
        if (rows[_i].type == TASK_DELETE_VM)
            continue;
        ck_assert_int_eq(err_reason(error), REASON_VM_STATE);
        suite_take_error(&error, VRM_ERR_CONFLICT, "web is a template");
    }
}
END_TEST

/* ---- every type of task can be carried out ----------------------------------------------------
 */

/* One commit and over: no work follows, so nothing to take up after a crash. */
static bool is_done_at_once(enum task_type type)
{
    switch (type) {
    case TASK_MODIFY_VM:
    case TASK_MODIFY_HOST:
    case TASK_DELETE_HOST:
    case TASK_CREATE_CLUSTER:
        return true;
    case TASK_CREATE_VM:
    case TASK_DELETE_VM:
    case TASK_START_VM:
    case TASK_STOP_VM:
    case TASK_REBOOT_VM:
    case TASK_PAUSE_VM:
    case TASK_RESUME_VM:
    case TASK_MIGRATE_VM:
    case TASK_ADD_HOST:
    case TASK_EVACUATE_HOST:
    case TASK_POWER_ON_HOST:
    case TASK_POWER_OFF_HOST:
    case TASK_APPLY_DRS:
    case TASK_SLEEP_HOST:
    case TASK_WAKE_HOST:
    case TASK_PROVE_HOST:
    case TASK_REBOOT_HOST:
        return false;
    }
    return false;
}

static unsigned count_kinds(const struct task_kind *const *kinds, size_t n, enum task_type type)
{
    unsigned count = 0;

    for (size_t i = 0; i < n; i++)
        count += kinds[i]->type == type && kinds[i]->begin && kinds[i]->record;
    return count;
}

START_TEST(each_type_of_task_has_its_work_exactly_once)
{
    const struct task_kind *const plan[] = { &drs_apply_kind };
    bool is_verb = false;

    for (int i = 0; i < N_TASK_TYPES; i++) {
        enum task_type type = (enum task_type)i;
        unsigned of_vm = count_kinds(task_vm_kinds, task_vm_n_kinds, type);
        unsigned n = of_vm + count_kinds(task_host_kinds, task_host_n_kinds, type) +
                     count_kinds(task_power_kinds, task_power_n_kinds, type) +
                     count_kinds(task_dpm_kinds, task_dpm_n_kinds, type) +
                     count_kinds(plan, G_N_ELEMENTS(plan), type);

        ck_assert_msg(n == (is_done_at_once(type) ? 0 : 1), "%s: %u", task_type_name(type), n);
        is_verb = false;
        for (size_t row = 0; row < G_N_ELEMENTS(rows); row++)
            is_verb = is_verb || rows[row].type == type;
        ck_assert_msg(is_verb == (of_vm == 1), "%s", task_type_name(type));
    }
}
END_TEST

SUITE_MAIN("vm_verb",
           SUITE_LOOP(each_task_is_allowed_in_its_statuses_and_refused_in_all_others, rows),
           SUITE_TEST(a_vm_whose_host_is_silent_is_told_as_it_is_shown),
           SUITE_LOOP(each_task_sends_its_verb_and_leaves_a_vm_that_may_run_as_running, rows),
           SUITE_LOOP(a_template_may_be_deleted_and_nothing_else, rows),
           SUITE_TEST(each_type_of_task_has_its_work_exactly_once))
