/* test_reload.c - what is under way when everything is read again belongs to the reign before: its
 * end must not touch what the new one has begun. */
#include "config.h"

#include "controller/task.h"
#include "controller/vm_order.h"
#include "tests/ctl_app.h"
#include "tests/suite.h"

#define HOST 11
#define VM   101

static struct {
    struct ctl ctl;
    unsigned n_ended;
} lab;

static void setup(void)
{
    Vm *vm = ctl_vm(VM, 1);

    ctl_init(&lab.ctl, NULL);
    ctl_put_cluster(&lab.ctl, ctl_cluster(1));
    ctl_put_host(&lab.ctl, ctl_host(HOST, 1));
    ctl_put_host(&lab.ctl, ctl_host(HOST + 1, 1));
    vm->host_id = HOST;
    vm->status = VM_RUNNING;
    vm->host_reported = true;
    vm->domain = DOMAIN_RUNNING;
    ctl_put_vm(&lab.ctl, vm);
}

static void teardown(void)
{
    ctl_clear(&lab.ctl);
}

static void turn(void)
{
    (void)g_main_context_iteration(NULL, FALSE);
}

/* ---- orders -----------------------------------------------------------------------------------
 */

static void refused(int64_t task_id, const GError *error, void *user)
{
    (void)task_id, (void)user;
    ck_assert(err_is(error, VRM_ERR_UNAVAILABLE));
    lab.n_ended++;
}

START_TEST(an_order_that_cannot_be_written_takes_no_hold_from_a_resumed_task)
{
    struct app *app = &lab.ctl.app;

    setup();
    vm_order(app, VM, &(struct vm_order){ .type = TASK_REBOOT_VM }, refused, NULL);
    while (lab.n_ended == 0 && !tasks_vm_is_held(app->tasks, VM))
        turn();
    /* read again: the database knew of a task about this VM */
    orders_reset(app->orders);
    tasks_reset(app->tasks);
    ck_assert(tasks_hold_vm(app->tasks, VM, NULL));
    while (lab.n_ended == 0)
        turn();
    ck_assert(tasks_vm_is_held(app->tasks, VM));
    teardown();
}
END_TEST

SUITE_MAIN("reload", SUITE_TEST(an_order_that_cannot_be_written_takes_no_hold_from_a_resumed_task))
