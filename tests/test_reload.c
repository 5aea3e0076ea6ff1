/* test_reload.c - what is under way when everything is read again belongs to the reign before: its
 * end must not touch what the new one has begun. */
#include "config.h"

#include <pthread.h>

#include "base/clock.h"
#include "controller/observe.h"
#include "controller/task.h"
#include "controller/vm_order.h"
#include "controller/vm_owed.h"
#include "tests/ctl_app.h"
#include "tests/suite.h"

#define HOST    11
#define VM      101
#define DRAIN   7
#define LOOK_MS 1000 /* a drain looks so often */

static struct {
    struct ctl ctl;
    pthread_mutex_t busy; /* held: the CPU worker is at a long plan */
    unsigned n_ended;
} lab;

static void setup(void)
{
    Vm *vm = ctl_vm(VM, 1);

    pthread_mutex_init(&lab.busy, NULL);
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
    pthread_mutex_destroy(&lab.busy);
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

/* What those who ordered do when they are refused: look whether it may pass. */
static void refused_at_the_end(int64_t task_id, const GError *error, void *user)
{
    ck_assert_ptr_null(tasks_find_run(lab.ctl.app.tasks, VM));
    (void)vm_order_may_pass(&lab.ctl.app, error);
    refused(task_id, error, user);
}

START_TEST(an_end_refuses_what_waits_while_all_modules_are_there)
{
    struct app *app = &lab.ctl.app;
    g_autoptr(Task) created = task_prepare(TASK_CREATE_VM, OBJECT_VM, VM + 1, "new", "admin");

    setup();
    ctl_put_vm(&lab.ctl, ctl_vm(VM + 1, 1));
    owed_start(app->owed, created);
    vm_order(app, VM, &(struct vm_order){ .type = TASK_REBOOT_VM }, refused_at_the_end, NULL);
    ctl_drop(&lab.ctl);
    ck_assert_uint_eq(lab.n_ended, 1);
    pthread_mutex_destroy(&lab.busy);
}
END_TEST

/* ---- drains -----------------------------------------------------------------------------------
 */

static void run_plan(void *thread_state, void *data)
{
    (void)thread_state, (void)data;
    pthread_mutex_lock(&lab.busy);
    pthread_mutex_unlock(&lab.busy);
}

static void planned(void *data, bool ran)
{
    bool *ended = data;

    ck_assert(ran);
    *ended = true;
}

/* Every plan asked for so far was made and followed. */
static void finish_plans(void)
{
    bool ended = false;

    ck_assert(work_pool_submit(lab.ctl.app.cpu, NULL, run_plan, planned, &ended));
    while (!ended)
        turn();
}

static void begin_drain(void)
{
    struct app *app = &lab.ctl.app;
    Task *task = task_prepare(TASK_EVACUATE_HOST, OBJECT_HOST, HOST, "cna11", "admin");

    task->id = DRAIN;
    snapshot_builder_put_task(inventory_edit(app->inv), task);
    inventory_publish(app->inv);
    tasks_begin(app->tasks, DRAIN);
}

static bool has_ended(void)
{
    const struct run *run = tasks_find_run(lab.ctl.app.tasks, DRAIN);

    return !run || run->finishing;
}

static void wait_for_look(void)
{
    int64_t until_ms = clock_now_ms() + LOOK_MS + LOOK_MS / 2;

    while (clock_now_ms() < until_ms && work_pool_depth(lab.ctl.app.cpu) < 2)
        turn();
}

START_TEST(a_plan_that_life_has_overtaken_does_not_end_a_drain)
{
    struct app *app = &lab.ctl.app;
    bool ended = false;

    setup();
    pthread_mutex_lock(&lab.busy);
    ck_assert(work_pool_submit(app->cpu, NULL, run_plan, planned, &ended));
    begin_drain();
    while (work_pool_depth(app->cpu) < 2) /* until the drain has looked */
        turn();
    /* the plan will want to move a VM that somebody has just begun to reboot */
    ck_assert(tasks_hold_vm(app->tasks, VM, NULL));
    pthread_mutex_unlock(&lab.busy);
    finish_plans();
    ck_assert(!has_ended());
    teardown();
}
END_TEST

START_TEST(a_drain_waits_for_hosts_that_were_not_heard_since_the_take_over)
{
    struct app *app = &lab.ctl.app;

    setup();
    vm_order_resume(app);
    observe_await(app->observe, HOST);
    begin_drain();
    wait_for_look();
    finish_plans();
    ck_assert(!has_ended());
    teardown();
}
END_TEST

SUITE_MAIN("reload", SUITE_TEST(an_order_that_cannot_be_written_takes_no_hold_from_a_resumed_task),
           SUITE_TEST(an_end_refuses_what_waits_while_all_modules_are_there),
           SUITE_TEST(a_plan_that_life_has_overtaken_does_not_end_a_drain),
           SUITE_TEST(a_drain_waits_for_hosts_that_were_not_heard_since_the_take_over))
