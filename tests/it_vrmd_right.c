/* it_vrmd_right.c - no VM runs without its right in etcd: the real vrmd, agents and vrm-halds, also
 * when the controller dies between any two steps. */
#include "config.h"

#include <glib/gstdio.h>
#include <signal.h>

#include "base/clock.h"
#include "tests/it_db.h"
#include "tests/suite.h"
#include "tests/vrmdsys.h"

#define LIMIT_MS 40000

/* ---- the record -------------------------------------------------------------------------------
 */

static char *key_of(const char *vm)
{
    const char *id = strrchr(vm, '-') + 1; /* .../vms/i-0000000A */

    return g_strdup_printf("/ha/vm/%" G_GUINT64_FORMAT, g_ascii_strtoull(id, NULL, 16));
}

/* "G claimed 101 102": generation, whether it is claimed, owners; "" without a record. */
static char *record_of(struct vrmdsys *sys, const char *vm)
{
    g_autofree char *key = key_of(vm);
    g_autofree char *value = vrmdlab_etcd(sys->lab, key);
    json_t *json = json_loads(value, 0, NULL);
    GString *text = g_string_new(NULL);
    const json_t *owner;
    size_t i;

    if (json)
        g_string_append_printf(text, "%d %s", (int)json_integer_value(json_object_get(json, "gen")),
                               json_is_true(json_object_get(json, "claimed")) ? "claimed" : "free");
    json_array_foreach(json_object_get(json, "owners"), i, owner) g_string_append_printf(
        text, " %d", (int)json_integer_value(json_object_get(owner, "host")));
    json_decref(json);
    return g_string_free(text, FALSE);
}

static void must_stand(struct vrmdsys *sys, const char *vm, const char *want)
{
    int64_t until_ms = clock_now_ms() + LIMIT_MS;

    for (;;) {
        g_autofree char *record = record_of(sys, vm);

        if (g_str_equal(record, want))
            return;
        ck_assert_msg(clock_now_ms() < until_ms, "%s: the record is \"%s\", want \"%s\", see %s",
                      vm, record, want, vrmdlab_dir(sys->lab));
        vrmdlab_pause_ms(20);
    }
}

static void must_not_have_doubled(struct vrmdsys *sys)
{
    g_autofree char *doubled = vrmdlab_fleet_file(sys->lab, "double");

    ck_assert_str_eq(doubled, "");
}

/* ---- tasks ------------------------------------------------------------------------------------
 */

static char *act(const char *vm, const char *action)
{
    return g_strdup_printf("%s/action/%s", vm, action);
}

/* It may run on any host of the cluster. */
static void set_free(struct vrmdsys *sys, const char *vm)
{
    g_autofree char *body = g_strdup_printf("{\"location\":\"%s\"}", sys->cluster_urn);

    json_decref(vrmdsys_call(sys, "PUT", vm, body, 200));
}

static void close_host(struct vrmdsys *sys, unsigned host)
{
    g_autofree char *urn = vrmdsys_host_urn(sys, host);
    g_autofree char *path = g_strdelimit(g_strconcat("/service", urn + 3, NULL), ":", '/');
    g_autofree char *enter = g_strconcat(path, "/action/enterMaintenanceMode", NULL);

    json_decref(vrmdsys_call(sys, "POST", enter, NULL, 200));
}

static void start(struct vrmdsys *sys, const char *vm)
{
    g_autofree char *path = act(vm, "start");

    vrmdsys_task(sys, "POST", path, "null");
}

/* The record's generation, claimed by the host where the VM is said to be. */
static void must_run(struct vrmdsys *sys, const char *vm, int gen)
{
    g_autofree char *name = vrmdsys_text(sys, "GET", vm, NULL, "hostName");
    g_autofree char *want =
        g_strdup_printf("%d claimed %d", gen,
                        VRMDSYS_FIRST_HOST + (int)g_ascii_strtoll(name + strlen("cna"), NULL, 10));
    int64_t until_ms = clock_now_ms() + LIMIT_MS;

    must_stand(sys, vm, want);
    for (;;) {
        g_autofree char *status = vrmdsys_text(sys, "GET", vm, NULL, "status");

        if (g_str_equal(status, "running"))
            return;
        ck_assert_msg(clock_now_ms() < until_ms, "it is still %s", status);
        vrmdlab_pause_ms(20);
    }
}

static char *begin_move(struct vrmdsys *sys, const char *vm, unsigned host)
{
    g_autofree char *path = act(vm, "migrate");
    g_autofree char *urn = vrmdsys_host_urn(sys, host);
    g_autofree char *body = g_strdup_printf("{\"location\":\"%s\"}", urn);

    return vrmdsys_text(sys, "POST", path, body, "taskUri");
}

static void stop(struct vrmdsys *sys, const char *vm)
{
    g_autofree char *path = act(vm, "stop");

    vrmdsys_task(sys, "POST", path, "{\"mode\":\"force\"}");
}

static void restart(struct vrmdsys *sys)
{
    vrmdlab_kill(sys->lab, 0, true);
    vrmdlab_start(sys->lab, 0);
    (void)vrmdlab_wait_active(sys->lab, VRMDSYS_ACTIVE_MS);
}

START_TEST(start_stop_migration_and_delete_write_the_record)
{
    struct vrmdsys sys = vrmdsys_begin_ha(1);
    g_autofree char *vm = vrmdsys_make_vm(&sys, "a", 0, "");
    g_autofree char *explain = g_strconcat(vm, "/explain", NULL);
    g_autofree char *open = g_strconcat(sys.site, "/hosts/103/action/exitMaintenanceMode", NULL);
    g_autofree char *task = NULL, *status = NULL;
    json_t *json;

    must_stand(&sys, vm, "1 claimed 101");
    stop(&sys, vm);
    must_stand(&sys, vm, "1 free");
    set_free(&sys, vm);
    close_host(&sys, 0);
    close_host(&sys, 2);
    start(&sys, vm);
    must_stand(&sys, vm, "2 claimed 102");
    json_decref(vrmdsys_call(&sys, "POST", open, NULL, 200));
    vrmdsys_await_ha(&sys, 2);
    task = begin_move(&sys, vm, 2);
    status = vrmdsys_await(&sys, task);
    ck_assert_str_eq(status, "success");
    must_stand(&sys, vm, "2 claimed 103"); /* before the task was over: */
    vrmdsys_must_be(&sys, vm, "hostName", "cna2");
    json = vrmdsys_call(&sys, "GET", explain, NULL, 200);
    ck_assert_str_eq(rest_text(json_object_get(json, "right"), "authority"), "etcd");
    ck_assert_ptr_nonnull(
        strstr(rest_text(json_object_get(json, "right"), "text"), "cna2 holds it; its lease was"));
    json_decref(json);
    stop(&sys, vm);
    vrmdsys_task(&sys, "DELETE", vm, NULL);
    must_stand(&sys, vm, "");
    must_not_have_doubled(&sys);
    vrmdsys_end(&sys);
}
END_TEST

static const char *const ways[] = { "a fail=migrate", "a copy=20000" };

START_TEST(a_migration_that_fails_leaves_the_source_as_the_only_owner)
{
    struct vrmdsys sys = vrmdsys_begin_ha(1);
    g_autofree char *vm = vrmdsys_make_vm(&sys, ways[_i], 0, "");
    g_autofree char *task = begin_move(&sys, vm, 1);
    g_autofree char *cancel = g_strconcat(task, "/cancel", NULL);
    g_autofree char *status = NULL;

    if (_i == 1) {
        must_stand(&sys, vm, "1 claimed 101 102");
        json_decref(vrmdsys_call(&sys, "POST", cancel, "null", 200));
    }
    status = vrmdsys_await(&sys, task);
    ck_assert_str_eq(status, "failed");
    must_stand(&sys, vm, "1 claimed 101");
    must_run(&sys, vm, 1);
    vrmdsys_must_be(&sys, vm, "hostName", "cna0");
    vrmdsys_end(&sys);
}
END_TEST

/* From before the share to after the end. */
static const int deaths_ms[] = { 0, 15, 40, 80, 130, 200, 300, 420, 600 };

START_TEST(a_migration_ends_once_whenever_the_controller_dies)
{
    struct vrmdsys sys = vrmdsys_begin_ha(1);
    g_autofree char *vm = vrmdsys_make_vm(&sys, "a copy=200", 0, "");
    unsigned at = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(deaths_ms); i++) {
        const unsigned to = (at + 1) % VRMDLAB_HOSTS;
        g_autofree char *task = begin_move(&sys, vm, to);
        g_autofree char *name = NULL, *status = NULL;

        vrmdlab_pause_ms(deaths_ms[i]);
        restart(&sys);
        status = vrmdsys_await(&sys, task);
        at = g_str_equal(status, "success") ? to : at;
        name = g_strdup_printf("cna%u", at);
        must_run(&sys, vm, 1);
        vrmdsys_must_be(&sys, vm, "hostName", name);
    }
    must_not_have_doubled(&sys);
    vrmdsys_end(&sys);
}
END_TEST

START_TEST(a_start_ends_once_whenever_the_controller_dies)
{
    struct vrmdsys sys = vrmdsys_begin_ha(1);
    g_autofree char *vm = vrmdsys_make_vm(&sys, "a slow=100", 0, "");
    g_autofree char *path = act(vm, "start");

    for (size_t i = 0; i < G_N_ELEMENTS(deaths_ms); i++) {
        g_autofree char *task = NULL, *status = NULL, *why = NULL;

        stop(&sys, vm);
        task = vrmdsys_text(&sys, "POST", path, "null", "taskUri");
        vrmdlab_pause_ms(deaths_ms[i]);
        restart(&sys);
        status = vrmdsys_await(&sys, task);
        why = vrmdsys_text(&sys, "GET", task, NULL, "reasonDes");
        ck_assert_msg(g_str_equal(status, "success"), "round %zu: %s: %s, see %s", i, status, why,
                      vrmdlab_dir(sys.lab));
        must_run(&sys, vm, (int)i + 2);
    }
    must_not_have_doubled(&sys);
    vrmdsys_end(&sys);
}
END_TEST

/* ---- former owners ----------------------------------------------------------------------------
 */

/* As if its guest had shut down: its agent sees it gone, and nobody gives the right back. */
static void end_guest(struct vrmdsys *sys, const char *vm, unsigned host)
{
    g_autofree char *uuid = vrmdsys_text(sys, "GET", vm, NULL, "uuid");
    g_autofree char *path = g_strdup_printf("%s/fleet/cna%u/%s", vrmdlab_dir(sys->lab), host, uuid);
    int64_t until_ms = clock_now_ms() + LIMIT_MS;

    ck_assert_int_eq(g_unlink(path), 0);
    for (;;) {
        g_autofree char *status = vrmdsys_text(sys, "GET", vm, NULL, "status");

        if (g_str_equal(status, "stopped"))
            return;
        ck_assert_msg(clock_now_ms() < until_ms, "it is still %s", status);
        vrmdlab_pause_ms(50);
    }
}

START_TEST(a_former_owner_that_answers_gives_the_right_back_first)
{
    struct vrmdsys sys = vrmdsys_begin_ha(1);
    g_autofree char *vm = vrmdsys_make_vm(&sys, "a", 0, "");

    end_guest(&sys, vm, 0);
    must_stand(&sys, vm, "1 claimed 101");
    set_free(&sys, vm);
    close_host(&sys, 0);
    start(&sys, vm);
    must_run(&sys, vm, 2);
    vrmdsys_end(&sys);
}
END_TEST

/* "BOOT-N" of the host's lease. */
static char *life_of(struct vrmdsys *sys, unsigned host)
{
    g_autofree char *key = g_strdup_printf("/ha/lease/%u/1", VRMDSYS_FIRST_HOST + host);
    g_autofree char *value = vrmdlab_etcd(sys->lab, key);
    json_t *json = json_loads(value, 0, NULL);
    char *inc = g_strdup(rest_text(json, "inc"));

    json_decref(json);
    return inc;
}

START_TEST(a_former_owner_that_is_silent_keeps_the_vm_until_it_is_buried)
{
    struct vrmdsys sys = vrmdsys_begin_ha(1);
    g_autofree char *vm = vrmdsys_make_vm(&sys, "a", 0, "");
    g_autofree char *path = act(vm, "start");
    g_autofree char *life = life_of(&sys, 0);
    g_autofree char *tomb = g_strdup_printf("/ha/fence/101/1/%s", life);
    json_t *json;

    set_free(&sys, vm);
    end_guest(&sys, vm, 0);
    vrmdlab_kill_hald(sys.lab, 0);
    vrmdlab_kill_host(sys.lab, 0);
    vrmdlab_pause_ms(500); /* its link is seen to be down */
    json = vrmdsys_call(&sys, "POST", path, "null", 503);
    ck_assert_ptr_nonnull(strstr(rest_text(json, "errorDes"), "VM a may still run on cna0"));
    ck_assert_ptr_nonnull(strstr(rest_text(json, "errorDes"), "has stood still for 12 s"));
    json_decref(json);
    must_stand(&sys, vm, "1 claimed 101");
    vrmdlab_etcd_put(sys.lab, tomb, "{\"proof\":\"power is off\",\"epoch\":0}");
    vrmdlab_pause_ms(200);
    start(&sys, vm);
    must_run(&sys, vm, 2);
    must_not_have_doubled(&sys);
    vrmdsys_end(&sys);
}
END_TEST

/* ---- before there were rights -----------------------------------------------------------------
 */

START_TEST(a_vm_that_ran_before_gets_its_right_and_can_move)
{
    struct vrmdsys sys = vrmdsys_begin_ha(1);
    g_autofree char *vm = NULL, *task = NULL, *status = NULL;

    vrmdlab_set_ha(sys.lab, 0, false);
    restart(&sys);
    vm = vrmdsys_make_vm(&sys, "a", 0, "");
    must_stand(&sys, vm, "");
    vrmdlab_set_ha(sys.lab, 0, true);
    restart(&sys);
    must_stand(&sys, vm, "1 claimed 101");
    task = begin_move(&sys, vm, 1);
    status = vrmdsys_await(&sys, task);
    ck_assert_str_eq(status, "success");
    must_stand(&sys, vm, "1 claimed 102");
    vrmdsys_end(&sys);
}
END_TEST

SUITE_MAIN("it_vrmd_right", SUITE_TEST(start_stop_migration_and_delete_write_the_record),
           SUITE_LOOP(a_migration_that_fails_leaves_the_source_as_the_only_owner, ways),
           SUITE_TEST(a_former_owner_that_answers_gives_the_right_back_first),
           SUITE_TEST(a_former_owner_that_is_silent_keeps_the_vm_until_it_is_buried),
           SUITE_TEST(a_vm_that_ran_before_gets_its_right_and_can_move),
           SUITE_TEST(a_start_ends_once_whenever_the_controller_dies),
           SUITE_TEST(a_migration_ends_once_whenever_the_controller_dies))
