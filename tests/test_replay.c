/* test_replay.c - traces of load, and what would have been done with them. */
#include "config.h"

#include "scheduler/replay.h"

#include <math.h>
#include <string.h>

#include "scheduler/ganeti.h"
#include "scheduler/trace.h"
#include "tests/suite.h"

/* ---- reading -------------------------------------------------------------------------------- */

static Trace *must_parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    Trace *trace = trace_parse(text, strlen(text), "x.trace", &error);

    suite_no_error(error);
    return trace;
}

START_TEST(samples_are_kept_by_vm_in_their_order)
{
    g_autoptr(Trace) trace = must_parse("# a comment\n\n"
                                        "100 web 10 20 30\r\n"
                                        "100\ta name  with blanks\t1 2 3 \n"
                                        "  160.5 web 11 21 31");
    const struct trace_vm *web = trace_find(trace, "web");
    const struct trace_vm *named = trace_find(trace, "a name  with blanks");

    ck_assert_uint_eq(trace->n_samples, 3);
    ck_assert_int_eq(trace->begin_ms, 100000);
    ck_assert_int_eq(trace->end_ms, 160500);
    ck_assert_uint_eq(web->samples.len, 2);
    ck_assert_int_eq(web->samples.items[1].cpu_mhz, 11);
    ck_assert_int_eq(web->samples.items[1].mem_mb, 21);
    ck_assert_int_eq(web->samples.items[1].net_kbps, 31);
    ck_assert_int_eq(named->samples.items[0].net_kbps, 3);
    ck_assert_ptr_null(trace_find(trace, "nobody"));
}
END_TEST

static const struct {
    const char *text, *want;
} broken[] = {
    { "", "x.trace: has no sample: want lines" },
    { "# nothing\n", "x.trace: has no sample: want lines" },
    { "100 web 1 2\n", "x.trace:1: has 4 fields: want five: seconds, VM, CPU MHz" },
    { "100\n", "x.trace:1: has 1 field: want five" },
    { "soon web 1 2 3\n", "x.trace:1: sample: time = 'soon'" },
    { "\n100 web 1 x 3\n", "x.trace:2: sample 100: memory MiB = 'x': want a number 0..1000000000" },
    { "100 web -1 2 3\n", "CPU MHz = '-1': want a number" },
    { "100 web 1 2 1e30\n", "network kbit/s = '1e30': want a number" },
    { "100 web 1 2 3\n99 web 1 2 3\n", "x.trace:2: sample: time = '99': want a time not before" },
    { "100 web 1 2 3\n86501 web 1 2 3\n", "x.trace:2: sample: time = '86501': want seconds, at "
                                          "most 86400 (a day) after the line above" },
    { "100 w\xff 1 2 3\n", "x.trace:1: the byte 0xff is no text" },
};

START_TEST(what_is_wrong_is_told_with_its_place)
{
    const char *text = broken[_i].text;
    g_autoptr(GError) error = NULL;
    g_autoptr(Trace) trace = trace_parse(text, strlen(text), "x.trace", &error);

    ck_assert_ptr_null(trace);
    ck_assert_msg(strstr(error->message, broken[_i].want) != NULL, "%s", error->message);
}
END_TEST

/* ---- playing -------------------------------------------------------------------------------- */

/* Two hosts of 4 threads; both VMs on the first want 2.5 of them each. */
static const char cluster_text[] = "g1|u1|preferred||\n\n"
                                   "a|20000|0|16000|1|1|4|N|u1|1\n"
                                   "b|20000|0|20000|1|1|4|N|u1|1\n\n"
                                   "i1|2000|1|4|running|Y|a||ext||1\n"
                                   "i2|2000|1|4|running|Y|a||ext||1\n\n\n";

struct scene {
    Snapshot *snap;
    Trace *trace;
    Cluster *cluster;
    struct replay_setting setting;
};

/* Twenty minutes, a sample a minute; mhz for each VM. */
static Trace *steady_trace(int mhz)
{
    GString *text = g_string_new(NULL);
    Trace *trace;

    for (int t = 0; t <= 1200; t += 60)
        g_string_append_printf(text, "%d i1 %d 1000 0\n%d i2 %d 1000 0\n", t, mhz, t, mhz);
    trace = must_parse(text->str);
    g_string_free(text, TRUE);
    return trace;
}

static void scene_init(struct scene *scene, int mhz)
{
    const struct ganeti_unit units[N_GANETI_LOADS] = { { 0, "" }, { 0, "" } };
    g_autoptr(GError) error = NULL;
    g_autoptr(Ganeti) g = ganeti_parse(cluster_text, strlen(cluster_text), "x", &error);

    suite_no_error(error);
    scene->snap = ganeti_snapshot(g, units);
    scene->trace = steady_trace(mhz);
    scene->cluster = cluster_dup(snapshot_cluster(scene->snap, 1));
    replay_setting_init(&scene->setting);
    scene->setting.cluster = scene->cluster;
    scene->setting.sched.mem_reserve_permille = 0;
}

static void scene_clear(struct scene *scene)
{
    snapshot_unref(scene->snap);
    trace_free(scene->trace);
    cluster_unref(scene->cluster);
}

static void must_set(struct scene *scene, const char *assignment)
{
    g_autoptr(GError) error = NULL;

    ck_assert(replay_set(&scene->setting, scene->cluster, assignment, &error));
}

static struct replay_result play(const struct scene *scene)
{
    const struct replay_watch watch = { .tell = NULL };
    g_autoptr(GError) error = NULL;
    struct replay_result result;

    ck_assert(replay_run(scene->snap, scene->trace, &scene->setting, &watch, &result, &error));
    return result;
}

START_TEST(without_drs_the_hot_host_stays_hot)
{
    struct scene scene;
    struct replay_result result;

    scene_init(&scene, 2500);
    must_set(&scene, "drs.enabled=0");
    result = play(&scene);
    ck_assert_int_eq(result.n_moves, 0);
    ck_assert_int_eq(result.length_ms, 1210000);
    ck_assert_int_eq(result.hot_ms, 1210000);
    ck_assert_int_eq(result.max_cpu, 1250);
    ck_assert_int_eq(result.unmet_mhz_s, INT64_C(1210000));
    ck_assert_int_eq(result.on_ms, INT64_C(2420000));
    ck_assert(fabs(result.kwh - 2 * 1210.0 / 3600 * 0.2) < 1e-9);
    scene_clear(&scene);
}
END_TEST

START_TEST(drs_ends_it_after_its_window_and_the_move)
{
    struct scene scene;
    struct replay_result result, again;

    scene_init(&scene, 2500);
    result = play(&scene);
    again = play(&scene);
    ck_assert_int_eq(result.n_moves, 1);
    ck_assert_int_gt(result.moved_mb, 0);
    /* five minutes of window, then a move of some seconds */
    ck_assert_int_ge(result.hot_ms, 300000);
    ck_assert_int_le(result.hot_ms, 320000);
    ck_assert_int_eq(result.n_undecided, 0);
    ck_assert_mem_eq(&result, &again, sizeof(result));
    scene_clear(&scene);
}
END_TEST

START_TEST(dpm_saves_the_hours_of_a_host_that_is_not_needed)
{
    struct scene scene;
    struct replay_result result;

    scene_init(&scene, 200);
    must_set(&scene, "dpm.enabled=2");
    scene.cluster->ha.enabled = false; /* with HA two hosts stay on */
    must_set(&scene, "dpm.sleep_window_s=300");
    must_set(&scene, "drs.enabled=0");
    result = play(&scene);
    ck_assert_int_eq(result.n_sleeps, 1);
    ck_assert_int_eq(result.n_wakes, 0);
    ck_assert_int_lt(result.on_ms, INT64_C(1620000));
    scene_clear(&scene);
}
END_TEST

static const struct {
    const char *assignment, *want; /* NULL: right */
} settings[] = {
    { "drs.limen=9", NULL },
    { "drs.factor=mem", NULL },
    { "drs.horizon_s=60", NULL },
    { "drs.seed=7", NULL },
    { "drs.limen=10", "drs.limen = '10': want a number 0..9" },
    { "drs.limen=", "drs.limen = '': want a number" },
    { "drs.limen", "drs.limen = '': want a number" },
    { "drs.limen=5x", "drs.limen = '5x': want a number" },
    { "drs.factor=disk", "drs.factor = 'disk': want cpu, mem or both" },
    { "drs.speed=1", "there is no setting 'drs.speed': want KEY=VALUE with a key of drs.enabled" },
    { "=1", "there is no setting ''" },
};

START_TEST(settings_are_set_by_name)
{
    g_autoptr(Cluster) cluster = cluster_new();
    struct replay_setting setting;
    g_autoptr(GError) error = NULL;

    replay_setting_init(&setting);
    if (!settings[_i].want) {
        ck_assert(replay_set(&setting, cluster, settings[_i].assignment, &error));
        return;
    }
    ck_assert(!replay_set(&setting, cluster, settings[_i].assignment, &error));
    ck_assert_msg(strstr(error->message, settings[_i].want) != NULL, "%s", error->message);
}
END_TEST

START_TEST(a_setting_goes_where_it_belongs)
{
    struct scene scene;

    scene_init(&scene, 100);
    must_set(&scene, "drs.limen=7");
    must_set(&scene, "dpm.enabled=1");
    must_set(&scene, "drs.cooldown_s=77");
    must_set(&scene, "drs.max_moves=3");
    must_set(&scene, "watts=350");
    ck_assert_int_eq(scene.cluster->drs.limen[0], 7);
    ck_assert_int_eq(scene.cluster->drs.limen[23], 7);
    ck_assert_int_eq(scene.cluster->dpm.power_level, 1);
    ck_assert_int_eq(scene.setting.sched.cooldown_ms, 77000);
    ck_assert_uint_eq(scene.setting.sched.max_moves, 3);
    ck_assert_int_eq(scene.setting.watts, 350);
    scene_clear(&scene);
}
END_TEST

SUITE_MAIN("replay", SUITE_TEST(samples_are_kept_by_vm_in_their_order),
           SUITE_LOOP(what_is_wrong_is_told_with_its_place, broken),
           SUITE_TEST(without_drs_the_hot_host_stays_hot),
           SUITE_TEST(drs_ends_it_after_its_window_and_the_move),
           SUITE_TEST(dpm_saves_the_hours_of_a_host_that_is_not_needed),
           SUITE_LOOP(settings_are_set_by_name, settings),
           SUITE_TEST(a_setting_goes_where_it_belongs))
