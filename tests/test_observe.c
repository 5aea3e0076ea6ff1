/* test_observe.c - what a host says counts only if it is that host. */
#include "config.h"

#include "controller/observe.h"

#include <string.h>

#include "base/clock.h"
#include "controller/task.h"
#include "tests/suite.h"

#define HOST_ID 101
#define U1      "11111111-1111-4111-8111-111111111111"
#define U2      "22222222-2222-4222-8222-222222222222"

/* As the committer asks: nothing can be written here. */
static int64_t no_epoch(void *user)
{
    (void)user;
    return 0;
}

static void app_make(struct app *app, const char *known_uuid)
{
    Host *host = host_new();

    *app = (struct app){ .inv = inventory_new() };
    app->committer = (struct committer){ .inv = app->inv, .epoch = no_epoch };
    app->tasks = tasks_new(app, NULL, 0);
    app->observe = observe_new(app);
    host->id = HOST_ID;
    g_free(host->uuid);
    host->uuid = g_strdup(known_uuid);
    snapshot_builder_put_host(inventory_edit(app->inv), host);
}

static void put_to_sleep(struct app *app)
{
    Host *host = host_dup(snapshot_builder_get_host(inventory_edit(app->inv), HOST_ID));

    host->connected = false;
    host->status = HOST_POWEROFF;
    host->off_since_ms = 5;
    host->off_by_dpm = true;
    snapshot_builder_put_host(inventory_edit(app->inv), host);
}

static void app_end(struct app *app)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
    observe_free(app->observe);
    tasks_free(app->tasks);
    inventory_free(app->inv);
}

static const struct {
    const char *known, *told;
    bool welcome;
} rows[] = {
    { "", U1, true }, /* joins */
    { U1, U1, true },
    { "ABCDEF00-0000-4000-8000-000000000001", "abcdef00-0000-4000-8000-000000000001", true },
    { U1, "", true }, /* its libvirt cannot say */
    { U1, U2, false },
};

START_TEST(another_machine_under_the_hosts_address_is_not_welcome)
{
    char empty[] = "";
    struct agent_hello hello = { .agent_version = empty,
                                 .name = empty,
                                 .real_name = empty,
                                 .vendor = empty,
                                 .model = empty,
                                 .cpu_model = empty,
                                 .hypervisor = empty,
                                 .cpu_vendor = empty,
                                 .cpu_features = empty,
                                 .cpu_generations = empty,
                                 .boot_id = empty };
    g_autofree char *told = g_strdup(rows[_i].told);
    g_autoptr(GError) error = NULL;
    struct app app;

    app_make(&app, rows[_i].known);
    hello.uuid = told;
    ck_assert_int_eq(observe_hello(HOST_ID, &hello, &app, &error), rows[_i].welcome);
    ck_assert_int_eq(error == NULL, rows[_i].welcome);
    if (error)
        ck_assert_ptr_nonnull(strstr(error->message, U2));
    app_end(&app);
}
END_TEST

/* DPM leaves it on for a while, whoever woke it. */
START_TEST(a_host_that_a_person_woke_came_back_just_now)
{
    struct watch_line line = { .kind = WATCH_FULL, .hypervisor_ok = true };
    const Host *host;
    int64_t before_ms = clock_wall_ms();
    struct app app;

    app_make(&app, U1);
    observe_line(HOST_ID, &line, &app);
    host = snapshot_builder_get_host(inventory_edit(app.inv), HOST_ID);
    ck_assert_int_eq(host->back_ms, 0); /* it was never off */
    put_to_sleep(&app);
    observe_line(HOST_ID, &line, &app);
    host = snapshot_builder_get_host(inventory_edit(app.inv), HOST_ID);
    ck_assert_int_ge(host->back_ms, before_ms);
    ck_assert_int_eq(host->wake_proven_ms, 0); /* its BMC has proven nothing */
    app_end(&app);
}
END_TEST

SUITE_MAIN("observe", SUITE_TEST(a_host_that_a_person_woke_came_back_just_now),
           SUITE_LOOP(another_machine_under_the_hosts_address_is_not_welcome, rows))
