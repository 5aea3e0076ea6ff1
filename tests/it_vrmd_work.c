/* it_vrmd_work.c - the real vrmd at work: the life of a VM, a drain, a plan of DRS; the last two
 * also while the controller is killed. */
#include "config.h"

#include <glib/gstdio.h>
#include <inttypes.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/rng.h"
#include "tests/it_db.h"
#include "tests/vrmdsys.h"

#define N_BUSY     6
#define N_WRITERS  25
#define N_KILLS    6
#define BALANCE_MS 40000
#define EVENT_MS   12000

/* ---- VMs --------------------------------------------------------------------------------------
 */

static char *uri_of(const char *urn)
{
    g_auto(GStrv) parts = g_strsplit(urn + strlen("urn"), ":", -1);
    g_autofree char *path = g_strjoinv("/", parts);

    return g_strconcat("/service", path, NULL);
}

static void act(struct vrmdsys *sys, const char *vm, const char *verb, const char *body)
{
    g_autofree char *path = g_strdup_printf("%s/action/%s", vm, verb);

    vrmdsys_task(sys, "POST", path, body);
}

static void refuse_act(struct vrmdsys *sys, const char *vm, const char *verb, const char *body,
                       const char *part)
{
    g_autofree char *path = g_strdup_printf("%s/action/%s", vm, verb);

    vrmdsys_refuse(sys, "POST", path, body, part);
}

/* On how many domains of the fleet "cnaN UUID" holds. */
static unsigned count_on(struct vrmdsys *sys, const char *host)
{
    g_autofree char *fleet = vrmdlab_fleet(sys->lab);
    g_auto(GStrv) lines = g_strsplit(fleet, "\n", -1);
    unsigned n = 0;

    for (size_t i = 0; lines[i]; i++)
        n += g_str_has_prefix(lines[i], host);
    return n;
}

/* ---- a life -----------------------------------------------------------------------------------
 */

static char *add_datastore(struct vrmdsys *sys, const char *dir)
{
    g_autofree char *path = vrmdsys_path(sys, "/datastores");
    g_autofree char *body = g_strdup_printf(
        "{\"name\":\"nas\",\"storageType\":\"NAS\",\"path\":\"%s\",\"capacityGB\":10}", dir);

    return vrmdsys_text(sys, "POST", path, body, "urn");
}

static void check_refusals(struct vrmdsys *sys, const char *vm)
{
    g_autofree char *here = vrmdsys_host_urn(sys, 1);
    g_autofree char *here_uri = uri_of(here);
    g_autofree char *same = g_strdup_printf("{\"location\":\"%s\"}", here);

    refuse_act(sys, vm, "start", NULL, "running");
    refuse_act(sys, vm, "resume", NULL, "running");
    refuse_act(sys, vm, "migrate", same, "cna1");
    refuse_act(sys, vm, "migrate", "{\"location\":\"urn:sites:X:hosts:1\"}", "location");
    vrmdsys_refuse(sys, "DELETE", vm, NULL, "running");
    vrmdsys_refuse(sys, "DELETE", here_uri, NULL, "VM a is on host cna1");
    vrmdsys_refuse(sys, "PUT", vm, "{\"memory\":{\"quantityMB\":256}}", "running");
    vrmdsys_refuse(sys, "DELETE", sys->cluster, NULL, "");
}

START_TEST(a_vm_lives_moves_and_goes_with_its_files)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *store = g_build_filename(vrmdlab_dir(sys.lab), "store", NULL);
    g_autofree char *image = g_build_filename(store, "a.img", NULL);
    g_autofree char *urn = NULL, *disks = NULL, *vm = NULL, *target = NULL, *body = NULL;

    ck_assert_int_eq(g_mkdir(store, 0700), 0);
    urn = add_datastore(&sys, store);
    disks = g_strdup_printf("{\"sequenceNum\":1,\"quantityGB\":1,\"datastoreUrn\":\"%s\","
                            "\"volumeUrl\":\"a.img\",\"isThin\":true}",
                            urn);
    vm = vrmdsys_make_vm(&sys, "a", 0, disks);
    ck_assert_msg(g_file_test(image, G_FILE_TEST_EXISTS), "%s was not made", image);
    vrmdsys_must_be(&sys, vm, "status", "running");
    act(&sys, vm, "pause", NULL);
    vrmdsys_must_be(&sys, vm, "status", "pause");
    act(&sys, vm, "resume", NULL);
    act(&sys, vm, "reboot", "{\"mode\":\"force\"}");
    vrmdsys_must_be(&sys, vm, "status", "running");
    target = vrmdsys_host_urn(&sys, 1);
    body = g_strdup_printf("{\"location\":\"%s\"}", target);
    act(&sys, vm, "migrate", body);
    vrmdsys_must_be(&sys, vm, "hostName", "cna1");
    ck_assert_uint_eq(count_on(&sys, "cna1"), 1);
    check_refusals(&sys, vm);
    act(&sys, vm, "stop", "{\"mode\":\"safe\"}");
    vrmdsys_must_be(&sys, vm, "status", "stopped");
    refuse_act(&sys, vm, "stop", "{\"mode\":\"safe\"}", "stopped");
    ck_assert_uint_eq(count_on(&sys, "cna"), 0);
    vrmdsys_task(&sys, "DELETE", vm, NULL);
    ck_assert_msg(!g_file_test(image, G_FILE_TEST_EXISTS), "%s was left", image);
    json_decref(vrmdsys_call(&sys, "GET", vm, NULL, 400));
    vrmdsys_end(&sys);
}
END_TEST

/* ---- while it is killed -----------------------------------------------------------------------
 */

static void make_busy_vms(struct vrmdsys *sys)
{
    for (unsigned i = 0; i < N_BUSY; i++) {
        g_autofree char *name = g_strdup_printf("%u busy=2300 slow=150", i);

        g_free(vrmdsys_make_vm(sys, name, 0, ""));
    }
    ck_assert_uint_eq(count_on(sys, "cna0"), N_BUSY);
}

static void kill_some(struct vrmdsys *sys, unsigned n)
{
    struct rng rng;
    uint64_t seed;

    rng_secret(&seed, sizeof(seed));
    rng_seed(&rng, seed);
    for (unsigned i = 0; i < n; i++) {
        (void)vrmdlab_wait_active(sys->lab, VRMDSYS_ACTIVE_MS);
        vrmdlab_pause_ms(rng_below(&rng, 700) + 1);
        vrmdlab_kill(sys->lab, 0, true);
        vrmdlab_start(sys->lab, 0);
    }
    (void)vrmdlab_wait_active(sys->lab, VRMDSYS_ACTIVE_MS);
}

START_TEST(a_cluster_is_created_with_its_rules)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *path = vrmdsys_path(&sys, "/clusters");
    g_autofree char *uri =
        vrmdsys_text(&sys, "POST", path,
                     "{\"name\":\"ruled\",\"drsSetting\":{\"drsRules\":[{\"operationType\":2,"
                     "\"ruleName\":\"apart-web\",\"ruleType\":2}]}}",
                     "uri");
    json_t *json = vrmdsys_call(&sys, "GET", uri, NULL, 200);
    const json_t *rules = json_object_get(json_object_get(json, "drsSetting"), "drsRules");

    ck_assert_uint_eq(json_array_size(rules), 1);
    ck_assert_str_eq(rest_text(json_array_get(rules, 0), "ruleName"), "apart-web");
    json_decref(json);
    vrmdsys_end(&sys);
}
END_TEST

struct writer {
    struct vrmdsys *sys;
    pthread_t thread;
    int status;
};

static void *write_once(void *data)
{
    struct writer *writer = data;
    Rest *rest = rest_new(vrmdlab_urls(writer->sys->lab));

    while (!rest_ready(rest))
        vrmdlab_pause_ms(50);
    json_decref(rest_call(rest, "PUT", writer->sys->cluster, "{\"description\":\"mine\"}",
                          &writer->status));
    rest_free(rest);
    return NULL;
}

START_TEST(of_many_writers_at_once_none_is_refused)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    struct writer writers[N_WRITERS];

    for (size_t i = 0; i < N_WRITERS; i++) {
        writers[i] = (struct writer){ .sys = &sys };
        ck_assert_int_eq(pthread_create(&writers[i].thread, NULL, write_once, &writers[i]), 0);
    }
    for (size_t i = 0; i < N_WRITERS; i++)
        (void)pthread_join(writers[i].thread, NULL);
    for (size_t i = 0; i < N_WRITERS; i++)
        ck_assert_int_eq(writers[i].status, 200);
    vrmdsys_end(&sys);
}
END_TEST

/* Longer than the grace for a silent host, and than the pause between two tries to reach it. */
static void await_event(struct vrmdsys *sys, const char *name)
{
    g_autofree char *count = g_strdup_printf("SELECT count(*) FROM event WHERE name = '%s'", name);

    vrmdlab_pause_ms(EVENT_MS);
    vrmdsys_must_say(sys, count, "1");
}

START_TEST(a_host_that_is_back_is_told)
{
    struct vrmdsys sys = vrmdsys_begin(1);

    vrmdlab_kill_host(sys.lab, 0);
    await_event(&sys, "HostUnreachable");
    vrmdlab_start_host(sys.lab, 0);
    await_event(&sys, "HostReachable");
    vrmdsys_end(&sys);
}
END_TEST

START_TEST(right_after_a_take_over_an_order_waits_for_the_hosts)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *vm = vrmdsys_make_vm(&sys, "a", 0, "");

    for (int i = 0; i < 3; i++) {
        vrmdlab_kill(sys.lab, 0, true);
        vrmdlab_start(sys.lab, 0);
        (void)vrmdlab_wait_active(sys.lab, VRMDSYS_ACTIVE_MS);
        while (!rest_ready(sys.rest))
            vrmdlab_pause_ms(5);
        act(&sys, vm, i % 2 ? "start" : "stop", "{\"mode\":\"force\"}");
    }
    vrmdsys_must_be(&sys, vm, "status", "stopped");
    vrmdsys_end(&sys);
}
END_TEST

START_TEST(a_drain_is_previewed_and_nothing_is_changed)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *urn = vrmdsys_host_urn(&sys, 0);
    g_autofree char *uri = uri_of(urn);
    g_autofree char *plan = g_strconcat(uri, "/maintenance/plan", NULL);
    g_autofree char *dry = g_strconcat(uri, "/action/MigrateAllVms?dryRun=true", NULL);
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    json_t *said, *same;

    make_busy_vms(&sys);
    before = scratch_sql(vrmdlab_conninfo(sys.lab), "SELECT count(*) FROM task");
    said = vrmdsys_call(&sys, "GET", plan, NULL, 200);
    same = vrmdsys_call(&sys, "POST", dry, NULL, 200);
    ck_assert(json_is_true(json_object_get(said, "possible")));
    ck_assert(json_is_true(json_object_get(same, "possible")));
    ck_assert_uint_eq(json_array_size(json_object_get(said, "plan")), N_BUSY);
    ck_assert_uint_eq(json_array_size(json_object_get(same, "plan")), N_BUSY);
    json_decref(said);
    json_decref(same);
    after = scratch_sql(vrmdlab_conninfo(sys.lab), "SELECT count(*) FROM task");
    ck_assert_str_eq(before, after);
    vrmdsys_must_say(&sys, "SELECT count(*) FROM host WHERE maintaining", "0");
    ck_assert_uint_eq(count_on(&sys, "cna0"), N_BUSY);
    vrmdsys_end(&sys);
}
END_TEST

START_TEST(a_drain_goes_on_under_the_next_controller)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *urn = vrmdsys_host_urn(&sys, 0);
    g_autofree char *uri = uri_of(urn);
    g_autofree char *enter = g_strconcat(uri, "/action/enterMaintenanceMode", NULL);
    g_autofree char *leave = g_strconcat(uri, "/action/exitMaintenanceMode", NULL);
    g_autofree char *drain = g_strconcat(uri, "/action/MigrateAllVms", NULL);
    g_autofree char *task = NULL, *status = NULL;

    make_busy_vms(&sys);
    vrmdsys_refuse(&sys, "POST", drain, NULL, "maintenance");
    json_decref(vrmdsys_call(&sys, "POST", enter, NULL, 200));
    vrmdsys_refuse(&sys, "POST", enter, NULL, "already in maintenance");
    task = vrmdsys_text(&sys, "POST", drain, NULL, "taskUri");
    vrmdsys_refuse(&sys, "POST", drain, NULL, "being emptied already");
    kill_some(&sys, N_KILLS);
    status = vrmdsys_await(&sys, task);
    ck_assert_str_eq(status, "success");
    ck_assert_uint_eq(count_on(&sys, "cna0"), 0);
    ck_assert_uint_eq(count_on(&sys, "cna"), N_BUSY);
    vrmdsys_must_say(&sys, "SELECT count(*) FROM event WHERE name = 'HostDrained'", "1");
    vrmdsys_must_say(&sys, "SELECT count(*) FROM task WHERE status NOT IN ('success', 'failed')",
                     "0");
    json_decref(vrmdsys_call(&sys, "POST", leave, NULL, 200));
    vrmdsys_end(&sys);
}
END_TEST

static bool is_balanced(struct vrmdsys *sys)
{
    return count_on(sys, "cna0") == N_BUSY / 3 && count_on(sys, "cna1") == N_BUSY / 3 &&
           count_on(sys, "cna2") == N_BUSY / 3;
}

static bool is_quiet(struct vrmdsys *sys)
{
    g_autofree char *n =
        scratch_sql(vrmdlab_conninfo(sys->lab),
                    "SELECT count(*) FROM task WHERE status NOT IN ('success', 'failed')");

    return g_str_equal(n, "0");
}

static void wait_balanced(struct vrmdsys *sys)
{
    int64_t until_ms = clock_now_ms() + BALANCE_MS;

    while (!is_balanced(sys) || !is_quiet(sys)) {
        g_autofree char *fleet = vrmdlab_fleet(sys->lab);

        ck_assert_msg(clock_now_ms() < until_ms, "no balance, see %s:\n%s", vrmdlab_dir(sys->lab),
                      fleet);
        vrmdlab_pause_ms(200);
    }
}

/* What is said about moves is what happened to them. */
static void check_recommendations(struct vrmdsys *sys)
{
    vrmdsys_must_say(sys, "SELECT count(*) FROM recommendation WHERE state = 'applying'", "0");
    vrmdsys_must_say(sys,
                     "SELECT count(*) FROM recommendation r JOIN task t ON t.id = r.task_id WHERE"
                     " t.type = 'MigrateVmTask' AND (r.state = 'done') <> (t.status = 'success')",
                     "0");
    vrmdsys_must_say(sys,
                     "SELECT count(*) FROM task p WHERE p.type = 'ApplyDrsRecommendationTask' AND"
                     " p.status = 'success' AND EXISTS (SELECT FROM task c WHERE c.parent_id = p.id"
                     " AND c.status = 'failed')",
                     "0");
    vrmdsys_must_say(
        sys,
        "SELECT count(*) FROM task p WHERE p.type = 'ApplyDrsRecommendationTask' AND 1 <>"
        " (SELECT count(*) FROM event WHERE task_id = p.id AND name = 'DrsPlanDone')",
        "0");
}

START_TEST(a_plan_is_carried_out_by_hand)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *plan = g_strconcat(sys.cluster, "/drsBalance/action/refresh", NULL);
    g_autofree char *apply = g_strconcat(sys.cluster, "/drsrecommendations/action/apply", NULL);
    g_autofree char *list = g_strconcat(sys.cluster, "/drsrecommendations", NULL);
    int64_t until_ms = clock_now_ms() + BALANCE_MS;
    json_int_t n = 0;

    make_busy_vms(&sys);
    vrmdsys_refuse(&sys, "POST", apply, "{}", "no open recommendation");
    while (n < N_BUSY * 2 / 3) { /* until every VM has samples enough to be moved */
        json_t *json;

        json_decref(vrmdsys_call(&sys, "POST", plan, NULL, 200));
        json = vrmdsys_call(&sys, "GET", list, NULL, 200);
        n = json_integer_value(json_object_get(json, "total"));
        json_decref(json);
        ck_assert(clock_now_ms() < until_ms);
        vrmdlab_pause_ms(200);
    }
    ck_assert_uint_eq(count_on(&sys, "cna0"), N_BUSY);
    vrmdsys_task(&sys, "POST", apply, "{}");
    wait_balanced(&sys);
    check_recommendations(&sys);
    vrmdsys_end(&sys);
}
END_TEST

START_TEST(automatic_balance_goes_on_under_the_next_controller)
{
    struct vrmdsys sys = vrmdsys_begin(1);

    make_busy_vms(&sys);
    json_decref(vrmdsys_call(&sys, "PUT", sys.cluster,
                             "{\"isEnableDrs\":true,\"drsSetting\":{\"drsLevel\":3}}", 200));
    kill_some(&sys, N_KILLS);
    wait_balanced(&sys);
    check_recommendations(&sys);
    vrmdsys_end(&sys);
}
END_TEST

SUITE_MAIN("it_vrmd_work", SUITE_TEST(a_vm_lives_moves_and_goes_with_its_files),
           SUITE_TEST(a_cluster_is_created_with_its_rules),
           SUITE_TEST(of_many_writers_at_once_none_is_refused),
           SUITE_TEST(a_host_that_is_back_is_told),
           SUITE_TEST(right_after_a_take_over_an_order_waits_for_the_hosts),
           SUITE_TEST(a_drain_is_previewed_and_nothing_is_changed),
           SUITE_TEST(a_drain_goes_on_under_the_next_controller),
           SUITE_TEST(a_plan_is_carried_out_by_hand),
           SUITE_TEST(automatic_balance_goes_on_under_the_next_controller))
