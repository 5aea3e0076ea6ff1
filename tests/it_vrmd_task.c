/* it_vrmd_task.c - what the real vrmd keeps of tasks over its death, and what it refuses: cancels,
 * plans that half failed, rows that are not ours, two VMs on one disk file. */
#include "config.h"

#include <glib/gstdio.h>

#include "base/clock.h"
#include "base/work.h"
#include "tests/it_db.h"
#include "tests/vrmdsys.h"

#define N_VMS    6
#define N_ROUNDS 8
#define LIMIT_MS 40000

static void restart(struct vrmdsys *sys)
{
    vrmdlab_kill(sys->lab, 0, true);
    vrmdlab_start(sys->lab, 0);
    (void)vrmdlab_wait_active(sys->lab, VRMDSYS_ACTIVE_MS);
}

static void wait_until(struct vrmdsys *sys, const char *sql)
{
    int64_t until_ms = clock_now_ms() + LIMIT_MS;

    for (;;) {
        g_autofree char *answer = scratch_sql(vrmdlab_conninfo(sys->lab), sql);

        if (g_str_equal(answer, "t"))
            return;
        ck_assert_msg(clock_now_ms() < until_ms, "never true: %s, see %s", sql,
                      vrmdlab_dir(sys->lab));
        vrmdlab_pause_ms(20);
    }
}

static char *begin_task(struct vrmdsys *sys, const char *object, const char *action,
                        const char *body)
{
    g_autofree char *path = g_strconcat(object, action, NULL);

    return vrmdsys_text(sys, "POST", path, body, "taskUri");
}

static void cancel(struct vrmdsys *sys, const char *task)
{
    g_autofree char *path = g_strconcat(task, "/cancel", NULL);

    json_decref(vrmdsys_call(sys, "POST", path, "null", 200));
}

static void must_end(struct vrmdsys *sys, const char *task, const char *want, bool cancelled)
{
    g_autofree char *status = vrmdsys_await(sys, task);
    json_t *json = vrmdsys_call(sys, "GET", task, NULL, 200);

    ck_assert_msg(g_str_equal(status, want), "%s: %s: %s", task, status,
                  rest_text(json, "reasonDes"));
    ck_assert_int_eq(json_is_true(json_object_get(json, "cancelled")), cancelled);
    json_decref(json);
}

/* ---- cancel -----------------------------------------------------------------------------------
 */

static char *begin_migration(struct vrmdsys *sys, const char *vm)
{
    g_autofree char *target = vrmdsys_host_urn(sys, 1);
    g_autofree char *body = g_strdup_printf("{\"location\":\"%s\"}", target);

    return begin_task(sys, vm, "/action/migrate", body);
}

START_TEST(a_cancel_is_committed_before_it_is_answered)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *vm = vrmdsys_make_vm(&sys, "a copy=20000", 0, "");
    g_autofree char *task = begin_migration(&sys, vm);

    cancel(&sys, task);
    vrmdlab_kill(sys.lab, 0, true);
    vrmdsys_must_say(&sys,
                     "SELECT status || ' ' || cancel_wanted FROM task WHERE type ="
                     " 'MigrateVmTask'",
                     "cancelling true");
    vrmdlab_start(sys.lab, 0);
    (void)vrmdlab_wait_active(sys.lab, VRMDSYS_ACTIVE_MS);
    must_end(&sys, task, "failed", true);
    vrmdsys_must_be(&sys, vm, "status", "running");
    vrmdsys_must_be(&sys, vm, "hostName", "cna0");
    vrmdsys_must_say(&sys, "SELECT count(*) FROM audit WHERE operation = 'task-cancel'", "1");
    vrmdsys_end(&sys);
}
END_TEST

START_TEST(a_cancelled_drain_stays_cancelled_under_the_next_controller)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *urn = vrmdsys_host_urn(&sys, 0);
    g_autofree char *host = g_strdelimit(g_strconcat("/service", urn + 3, NULL), ":", '/');
    g_autofree char *enter = g_strconcat(host, "/action/enterMaintenanceMode", NULL);
    g_autofree char *task = NULL;

    for (unsigned i = 0; i < N_VMS; i++) {
        g_autofree char *name = g_strdup_printf("%u copy=1500", i);

        g_free(vrmdsys_make_vm(&sys, name, 0, ""));
    }
    json_decref(vrmdsys_call(&sys, "POST", enter, NULL, 200));
    task = begin_task(&sys, host, "/action/MigrateAllVms", NULL);
    wait_until(&sys, "SELECT count(*) > 0 FROM task WHERE type = 'MigrateVmTask'");
    cancel(&sys, task);
    restart(&sys);
    must_end(&sys, task, "failed", true);
    vrmdsys_must_say(&sys, "SELECT count(*) > 0 FROM vm WHERE host_id = 101", "t");
    vrmdsys_end(&sys);
}
END_TEST

START_TEST(a_cancel_that_came_too_late_is_not_said_to_have_worked)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *vm = vrmdsys_make_vm(&sys, "a copy=1500 fail=cancel", 0, "");
    g_autofree char *task = begin_migration(&sys, vm);

    cancel(&sys, task);
    cancel(&sys, task); /* to ask twice is no error */
    must_end(&sys, task, "success", false);
    vrmdsys_must_be(&sys, vm, "hostName", "cna1");
    vrmdsys_end(&sys);
}
END_TEST

/* ---- plans ------------------------------------------------------------------------------------
 */

/* The first VM to be moved is told apart. */
static void make_plan(struct vrmdsys *sys, const char *first, const char *others)
{
    g_autofree char *plan = g_strconcat(sys->cluster, "/drsBalance/action/refresh", NULL);
    g_autofree char *list = g_strconcat(sys->cluster, "/drsrecommendations", NULL);
    int64_t until_ms = clock_now_ms() + LIMIT_MS;
    json_int_t n = 0;

    for (unsigned i = 0; i < N_VMS; i++) {
        g_autofree char *name = g_strdup_printf("%u busy=2300 %s", i, i ? others : first);

        g_free(vrmdsys_make_vm(sys, name, 0, ""));
    }
    while (n < 3) { /* until there are samples enough of all */
        json_t *json;

        json_decref(vrmdsys_call(sys, "POST", plan, NULL, 200));
        json = vrmdsys_call(sys, "GET", list, NULL, 200);
        n = json_integer_value(json_object_get(json, "total"));
        json_decref(json);
        ck_assert(clock_now_ms() < until_ms);
        vrmdlab_pause_ms(200);
    }
}

static char *begin_apply(struct vrmdsys *sys)
{
    return begin_task(sys, sys->cluster, "/drsrecommendations/action/apply", "{}");
}

/* Makes the first records of moves fail; the final commit comes later. */
static void fail_records(struct vrmdsys *sys, unsigned n)
{
    g_autofree char *sql =
        g_strdup_printf("CREATE SEQUENCE failures;"
                        "CREATE FUNCTION fail_record() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                        " IF nextval('failures') <= %u THEN RAISE EXCEPTION 'not now'; END IF;"
                        " RETURN NEW; END $$;"
                        "CREATE TRIGGER fail_record BEFORE UPDATE ON recommendation FOR EACH ROW"
                        " WHEN (NEW.state = 'done') EXECUTE FUNCTION fail_record()",
                        n);

    g_free(scratch_sql(vrmdlab_conninfo(sys->lab), sql));
}

/* By the database and by the API. */
static void must_not_be_applying(struct vrmdsys *sys)
{
    g_autofree char *list = g_strconcat(sys->cluster, "/drsrecommendations", NULL);
    json_t *json = vrmdsys_call(sys, "GET", list, NULL, 200);
    g_autofree char *text = json_dumps(json, JSON_COMPACT);

    ck_assert_msg(!strstr(text, "applying"), "%s", text);
    vrmdsys_must_say(sys, "SELECT count(*) FROM recommendation WHERE state = 'applying'", "0");
    vrmdsys_must_say(sys,
                     "SELECT count(*) FROM recommendation r JOIN task t ON t.id = r.task_id WHERE"
                     " t.type = 'MigrateVmTask' AND (r.state = 'done') <> (t.status = 'success')",
                     "0");
    json_decref(json);
}

START_TEST(the_end_of_a_plan_records_what_could_not_be_recorded_before)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *task = NULL;

    make_plan(&sys, "", "");
    fail_records(&sys, 2);
    task = begin_apply(&sys);
    must_end(&sys, task, "success", false);
    must_not_be_applying(&sys);
    vrmdsys_end(&sys);
}
END_TEST

START_TEST(what_failed_before_a_take_over_still_counts)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *task = NULL, *why = NULL, *want = NULL, *n = NULL;

    make_plan(&sys, "fail=migrate", "copy=2000");
    n = scratch_sql(vrmdlab_conninfo(sys.lab),
                    "SELECT count(*) FROM recommendation WHERE state = 'open'");
    task = begin_apply(&sys);
    wait_until(&sys, "SELECT count(*) = 1 FROM recommendation WHERE state = 'failed'");
    restart(&sys);
    must_end(&sys, task, "failed", false);
    why = vrmdsys_text(&sys, "GET", task, NULL, "reasonDes");
    want = g_strdup_printf("%d of %s moves were done; the hypervisor refused to migrate",
                           (int)g_ascii_strtoll(n, NULL, 10) - 1, n);
    ck_assert_msg(strstr(why, want) != NULL, "%s not in: %s", want, why);
    must_not_be_applying(&sys);
    vrmdsys_end(&sys);
}
END_TEST

/* Neither at their own ends nor at the plan's: the task ends all the same. */
START_TEST(a_plan_whose_moves_cannot_be_recorded_leaves_none_applying)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *task = NULL;

    make_plan(&sys, "", "");
    fail_records(&sys, 1000);
    task = begin_apply(&sys);
    must_end(&sys, task, "success", false);
    must_not_be_applying(&sys);
    vrmdsys_end(&sys);
}
END_TEST

/* ---- rows that are not ours -------------------------------------------------------------------
 */

static void add_row(struct vrmdsys *sys, const char *type, const char *kind, int entity_id)
{
    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO task (type, origin, entity_kind, entity_id, entity_name, user_name, status,"
        " step, progress, cancel_wanted, reason, reason_text, why, start_ms, finish_ms,"
        " source_host_id, target_host_id, force, auto_start, format_disks) VALUES ('%s', 'user',"
        " '%s', %d, 'odd', 'ops', 'running', 0, 0, true, 0, '', '', 1, 0, 0, 0, false, false,"
        " false)",
        type, kind, entity_id);

    g_free(scratch_sql(vrmdlab_conninfo(sys->lab), sql));
}

START_TEST(a_task_nobody_can_carry_on_fails_and_says_so)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *vm = vrmdsys_make_vm(&sys, "a", 0, "");
    g_autofree char *stop = g_strconcat(vm, "/action/stop", NULL);

    vrmdlab_kill(sys.lab, 0, true);
    add_row(&sys, "ModifyVmTask", "vms", 1);          /* ends with its own commit */
    add_row(&sys, "StopVmTask", "hosts", 1);          /* not what a stop is about */
    add_row(&sys, "MigrateVmTask", "vms", 99);        /* no such VM */
    add_row(&sys, "MigrateAllVmsTask", "hosts", 999); /* no such host */
    add_row(&sys, "AddHostTask", "hosts", 999);       /* nor to add */
    add_row(&sys, "ApplyDrsRecommendationTask", "clusters", 999);
    vrmdlab_start(sys.lab, 0);
    (void)vrmdlab_wait_active(sys.lab, VRMDSYS_ACTIVE_MS);
    wait_until(&sys, "SELECT count(*) = 6 FROM task WHERE entity_name = 'odd' AND status ="
                     " 'failed' AND reason_text <> ''");
    vrmdsys_must_be(&sys, vm, "status", "running");
    vrmdsys_task(&sys, "POST", stop, "{\"mode\":\"force\"}");
    vrmdsys_end(&sys);
}
END_TEST

/* Its command was on its way to nobody when the controller died; cna1 has a network of its own for
 * migrations, which the next controller does not know before cna1 has told it. */
START_TEST(a_migration_that_was_never_sent_goes_where_its_target_takes_it)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *vm = vrmdsys_make_vm(&sys, "a", 0, "");

    vrmdlab_kill(sys.lab, 0, true);
    add_row(&sys, "MigrateVmTask", "vms", 1);
    g_free(scratch_sql(vrmdlab_conninfo(sys.lab),
                       "UPDATE task SET source_host_id = 101, target_host_id = 102,"
                       " cancel_wanted = false WHERE entity_name = 'odd'"));
    vrmdlab_start(sys.lab, 0);
    (void)vrmdlab_wait_active(sys.lab, VRMDSYS_ACTIVE_MS);
    wait_until(&sys, "SELECT status IN ('success', 'failed') FROM task WHERE entity_name = 'odd'");
    vrmdsys_must_say(&sys,
                     "SELECT status || ' ' || reason_text FROM task WHERE entity_name = 'odd'",
                     "success ");
    vrmdsys_must_be(&sys, vm, "hostName", "cna1");
    vrmdsys_end(&sys);
}
END_TEST

/* ---- disk files -------------------------------------------------------------------------------
 */

struct create {
    Rest *rest;
    const char *path;
    char *body;
    int status;
    json_t *json;
    bool done;
};

static void run_create(void *thread_state, void *data)
{
    struct create *create = data;

    (void)thread_state;
    create->json = rest_call(create->rest, "POST", create->path, create->body, &create->status);
}

static void created(void *data, bool ran)
{
    struct create *create = data;

    create->done = ran;
}

/* Names field, value and the VM that has it. */
static void check_refusal(const struct create *create, unsigned round, int other)
{
    g_autofree char *text = json_dumps(create->json, JSON_COMPACT);
    g_autofree char *name = g_strdup_printf("v%u-%d", round, other);

    ck_assert_msg(create->status == 400, "%d %s", create->status, text);
    ck_assert_str_eq(rest_text(create->json, "field"), "vmConfig.disks.volumeUrl");
    ck_assert_msg(strstr(text, "a.img") && strstr(text, name), "no a.img, %s: %s", name, text);
}

/* Both VMs in the same moment; the uri of the one that was made. */
static char *create_two(struct vrmdsys *sys, const char *disk, unsigned round)
{
    g_autoptr(WorkPool) pool =
        work_pool_new(&(struct work_pool_options){ .name = "create", .n_threads = 2 });
    g_autofree char *path = vrmdsys_path(sys, "/vms");
    struct create two[2];
    int ok;
    char *uri;

    for (unsigned i = 0; i < 2; i++) {
        two[i] = (struct create){ .rest = rest_new(vrmdlab_urls(sys->lab)), .path = path };
        two[i].body = g_strdup_printf(
            "{\"name\":\"v%u-%u\",\"location\":\"%s\",\"autoBoot\":false,\"osOptions\":"
            "{\"osType\":\"Linux\"},\"vmConfig\":{\"cpu\":{\"quantity\":1},\"memory\":"
            "{\"quantityMB\":128},\"disks\":[%s]}}",
            round, i, sys->cluster_urn, disk);
        while (!rest_ready(two[i].rest))
            vrmdlab_pause_ms(20);
    }
    for (unsigned i = 0; i < 2; i++)
        ck_assert(work_pool_submit(pool, NULL, run_create, created, &two[i]));
    while (!two[0].done || !two[1].done)
        (void)g_main_context_iteration(NULL, TRUE);
    ok = two[0].status == 200 ? 0 : 1;
    check_refusal(&two[!ok], round, ok);
    ck_assert_int_eq(two[ok].status, 200);
    uri = g_strdup(rest_text(two[ok].json, "uri"));
    g_free(vrmdsys_await(sys, rest_text(two[ok].json, "taskUri")));
    for (unsigned i = 0; i < 2; i++) {
        rest_free(two[i].rest);
        g_free(two[i].body);
        json_decref(two[i].json);
    }
    return uri;
}

/* A disk a.img in a new datastore. */
static char *add_store(struct vrmdsys *sys, const char *dir)
{
    g_autofree char *path = vrmdsys_path(sys, "/datastores");
    g_autofree char *body = g_strdup_printf(
        "{\"name\":\"nas\",\"storageType\":\"NAS\",\"path\":\"%s\",\"capacityGB\":10}", dir);
    g_autofree char *urn = NULL;

    ck_assert_int_eq(g_mkdir(dir, 0700), 0);
    urn = vrmdsys_text(sys, "POST", path, body, "urn");
    return g_strdup_printf("{\"sequenceNum\":1,\"quantityGB\":1,\"datastoreUrn\":\"%s\","
                           "\"volumeUrl\":\"a.img\",\"isThin\":true}",
                           urn);
}

static char *make_stopped(struct vrmdsys *sys, const char *name, const char *disk)
{
    char *uri = vrmdsys_make_vm(sys, name, 0, disk);
    g_autofree char *stop = g_strconcat(uri, "/action/stop", NULL);

    vrmdsys_task(sys, "POST", stop, "{\"mode\":\"force\"}");
    return uri;
}

START_TEST(of_two_vms_with_one_disk_file_one_is_refused)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *store = g_build_filename(vrmdlab_dir(sys.lab), "store", NULL);
    g_autofree char *image = g_build_filename(store, "a.img", NULL);
    g_autofree char *disk = add_store(&sys, store);

    for (unsigned round = 0; round < N_ROUNDS; round++) {
        g_autofree char *vm = create_two(&sys, disk, round);
        g_autofree char *keep = g_strconcat(vm, "?isReserveDisks=1", NULL);

        ck_assert(g_file_test(image, G_FILE_TEST_EXISTS));
        vrmdsys_task(&sys, "DELETE", round % 2 ? vm : keep, NULL);
        ck_assert_int_eq(g_file_test(image, G_FILE_TEST_EXISTS), round % 2 == 0);
    }
    vrmdsys_end(&sys);
}
END_TEST

/* Made by hand: the API shares no disks yet. */
START_TEST(a_vm_that_goes_leaves_the_files_of_another)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    g_autofree char *store = g_build_filename(vrmdlab_dir(sys.lab), "store", NULL);
    g_autofree char *image = g_build_filename(store, "a.img", NULL);
    g_autofree char *disk = add_store(&sys, store);
    g_autofree char *first = make_stopped(&sys, "first", disk);
    g_autofree char *second = make_stopped(&sys, "second", "");

    vrmdlab_kill(sys.lab, 0, true);
    g_free(scratch_sql(vrmdlab_conninfo(sys.lab),
                       "INSERT INTO vm_disk SELECT 2, sequence, volume_id, bus, independent,"
                       " persistent FROM vm_disk"));
    vrmdlab_start(sys.lab, 0);
    (void)vrmdlab_wait_active(sys.lab, VRMDSYS_ACTIVE_MS);
    vrmdsys_task(&sys, "DELETE", first, NULL);
    ck_assert(g_file_test(image, G_FILE_TEST_EXISTS));
    vrmdsys_task(&sys, "DELETE", second, NULL);
    ck_assert(!g_file_test(image, G_FILE_TEST_EXISTS));
    vrmdsys_end(&sys);
}
END_TEST

SUITE_MAIN("it_vrmd_task", SUITE_TEST(a_cancel_is_committed_before_it_is_answered),
           SUITE_TEST(a_cancelled_drain_stays_cancelled_under_the_next_controller),
           SUITE_TEST(a_cancel_that_came_too_late_is_not_said_to_have_worked),
           SUITE_TEST(the_end_of_a_plan_records_what_could_not_be_recorded_before),
           SUITE_TEST(what_failed_before_a_take_over_still_counts),
           SUITE_TEST(a_plan_whose_moves_cannot_be_recorded_leaves_none_applying),
           SUITE_TEST(a_task_nobody_can_carry_on_fails_and_says_so),
           SUITE_TEST(a_migration_that_was_never_sent_goes_where_its_target_takes_it),
           SUITE_TEST(of_two_vms_with_one_disk_file_one_is_refused),
           SUITE_TEST(a_vm_that_goes_leaves_the_files_of_another))
