/* test_owed.c - the start after creation waits, says why, and ends when a person ends it. */
#include "config.h"

#include "base/err.h"
#include "controller/task.h"
#include "controller/vm_owed.h"
#include "tests/ctl_app.h"
#include "tests/suite.h"

#define HOST 101
#define VM   1

static struct ctl ctl;

/* As published. */
static const Vm *the_vm(void)
{
    return snapshot_vm(inventory_peek(ctl.app.inv), VM);
}

/* Bigger than its host, and its start was refused. */
static void setup(void)
{
    g_autoptr(Task) created = task_prepare(TASK_CREATE_VM, OBJECT_VM, VM, "big", "admin");
    Vm *vm = ctl_vm(VM, 1);

    ctl_init(&ctl, NULL);
    ctl_put_cluster(&ctl, ctl_cluster(1));
    ctl_put_host(&ctl, ctl_host(HOST, 1));
    vm->memory.size_mb = 999999;
    ctl_put_vm(&ctl, vm);
    owed_start(ctl.app.owed, created);
    while (!*the_vm()->start_wait)
        g_main_context_iteration(NULL, TRUE);
}

/* As the inventory shows it after a commit. */
static void put_changed(void (*change)(Vm *vm))
{
    Vm *vm = vm_dup(the_vm());

    change(vm);
    ctl_put_vm(&ctl, vm);
    while (owed_waits(ctl.app.owed, VM))
        g_main_context_iteration(NULL, TRUE);
    inventory_publish(ctl.app.inv);
    ck_assert_str_eq(the_vm()->start_wait, "");
    ctl_drop(&ctl);
}

START_TEST(a_vm_whose_start_is_refused_says_that_it_waits_and_why)
{
    setup();
    ck_assert_msg(strstr(the_vm()->start_wait, "needs 999999 MiB") != NULL, "%s",
                  the_vm()->start_wait);
    ck_assert(owed_waits(ctl.app.owed, VM));
    ctl_drop(&ctl);
}
END_TEST

static void ran(Vm *vm)
{
    vm->run_gen++;
}

static void goes(Vm *vm)
{
    vm->status = VM_RECYCLING;
}

static void is_template(Vm *vm)
{
    vm->is_template = true;
}

static void (*const ends[])(Vm *vm) = { ran, goes, is_template };

START_TEST(the_wait_ends_with_a_start_a_deletion_or_as_a_template)
{
    setup();
    put_changed(ends[_i]);
}
END_TEST

START_TEST(an_end_that_could_not_be_written_leaves_it_waiting)
{
    setup();
    owed_end(ctl.app.owed, VM, true);
    owed_end(ctl.app.owed, VM, false);
    ck_assert(owed_waits(ctl.app.owed, VM));
    put_changed(ran);
}
END_TEST

/* ---- a person stops it ----------------------------------------------------------------------- */

static void stop_is_refused(int code, const char *text)
{
    struct op *op = op_new(OP_VM_STOP);
    struct op_result result;

    op->id = VM;
    result = ctl_call(&ctl, op);
    suite_take_error(&result.error, code, text);
    op_result_clear(&result);
    ctl_drop(&ctl);
}

START_TEST(a_deleted_vm_that_still_waits_cannot_be_stopped)
{
    setup();
    snapshot_builder_remove_vm(inventory_edit(ctl.app.inv), VM);
    inventory_publish(ctl.app.inv);
    stop_is_refused(VRM_ERR_NOT_FOUND, "does not exist");
}
END_TEST

START_TEST(a_waiting_vm_that_a_task_holds_cannot_be_stopped)
{
    setup();
    ck_assert(tasks_hold_vm(ctl.app.tasks, VM, NULL));
    stop_is_refused(VRM_ERR_BUSY, "is held by");
}
END_TEST

SUITE_MAIN("owed", SUITE_TEST(a_vm_whose_start_is_refused_says_that_it_waits_and_why),
           SUITE_LOOP(the_wait_ends_with_a_start_a_deletion_or_as_a_template, ends),
           SUITE_TEST(an_end_that_could_not_be_written_leaves_it_waiting),
           SUITE_TEST(a_deleted_vm_that_still_waits_cannot_be_stopped),
           SUITE_TEST(a_waiting_vm_that_a_task_holds_cannot_be_stopped))
