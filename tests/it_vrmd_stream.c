/* it_vrmd_stream.c - watching the real vrmd: a VM's life, a host that goes silent, a take-over. */
#include "config.h"

#include "tests/suite.h"
#include "tests/vrmdsys.h"
#include "tests/watchcli.h"

#define PATIENCE_MS 60000

static void must_come(Watch *watch, const char *part)
{
    g_autofree char *text = NULL;

    if (watch_wait(watch, part, PATIENCE_MS))
        return;
    text = watch_text(watch);
    ck_abort_msg("\"%s\" did not come, but: %s", part, text);
}

static Watch *open_at(struct vrmdsys *sys, unsigned n, const char *query, int64_t last_id)
{
    Watch *watch = watch_open(vrmdlab_urls(sys->lab)[n], sys->site, query, last_id);

    must_come(watch, "event: beat\n");
    return watch;
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned n = 0;

    for (text = strstr(text, part); text; text = strstr(text + 1, part))
        n++;
    return n;
}

START_TEST(a_vms_life_and_a_hosts_silence_are_seen_as_they_happen)
{
    struct vrmdsys sys = vrmdsys_begin(1);
    Watch *watch = open_at(&sys, 0, "", 0);
    Watch *alarms = open_at(&sys, 0, "?types=alarm", 0);
    g_autofree char *vm = vrmdsys_make_vm(&sys, "web", 0, "");
    g_autofree char *there = vrmdsys_host_urn(&sys, 1);
    g_autofree char *body = g_strdup_printf("{\"location\":\"%s\"}", there);
    g_autofree char *migrate = g_strconcat(vm, "/action/migrate", NULL);
    g_autofree char *text = NULL;

    must_come(watch, "\"taskType\":\"CreateVmTask\"");
    must_come(watch, "\"type\":\"vm\",\"change\":\"created\"");
    must_come(watch, "\"name\":\"web\",\"status\":\"running\"");
    vrmdsys_task(&sys, "POST", migrate, body);
    must_come(watch, "\"hostName\":\"cna1\",\"oldStatus\":\"migrating\"");
    must_come(watch, "\"eventName\":\"VmMigrated\"");
    vrmdlab_kill_host(sys.lab, 1);
    must_come(watch, "\"name\":\"cna1\",\"status\":\"unknow\",\"oldStatus\":\"normal\"");
    must_come(watch, "\"name\":\"web\",\"status\":\"unknown\"");
    must_come(watch, "\"eventName\":\"HostUnreachable\"");
    must_come(alarms, "\"change\":\"raised\"");
    must_come(alarms, "\"svAlarmName\":\"Host does not answer\"");
    ck_assert_int_gt(watch_last_id(watch), 0);
    ck_assert_int_gt(watch_last_id(alarms), 0);
    watch_close(alarms);
    vrmdsys_end(&sys);
    must_come(watch, "event: end\n");
    text = watch_text(watch);
    ck_assert_uint_eq(count_of(text, "event: reset"), 0);
    watch_close(watch);
}
END_TEST

/* It answers, so it also takes the signal to end. */
static void await_alive(struct vrmdsys *sys, unsigned n)
{
    g_autofree char *url = g_strconcat(vrmdlab_urls(sys->lab)[n], "/healthz", NULL);
    Rest *rest = rest_new(NULL);
    int status;

    for (;;) {
        g_free(rest_raw(rest, "GET", url, NULL, &status));
        if (status == 200)
            break;
        vrmdlab_pause_ms(50);
    }
    rest_free(rest);
}

/* Each change from here on is in the stream, whichever controller leads. */
START_TEST(over_a_take_over_ids_grow_and_what_was_missed_is_told)
{
    struct vrmdsys sys = vrmdsys_begin(2);
    unsigned active = vrmdlab_wait_active(sys.lab, VRMDSYS_ACTIVE_MS);
    Watch *before = open_at(&sys, active, "", 0);
    g_autofree char *vm = vrmdsys_make_vm(&sys, "web", 0, "");
    g_autofree char *stop = g_strconcat(vm, "/action/stop", NULL);
    g_autofree char *text = NULL;
    int64_t last;
    Watch *after;

    must_come(before, "\"name\":\"web\",\"status\":\"running\"");
    vrmdlab_kill(sys.lab, active, true);
    ck_assert(watch_wait_end(before, PATIENCE_MS));
    vrmdlab_start(sys.lab, active);
    await_alive(&sys, active);
    last = watch_last_id(before);
    ck_assert_int_gt(last, 0);
    active = vrmdlab_wait_active(sys.lab, VRMDSYS_ACTIVE_MS);
    after = open_at(&sys, active, "", last);
    must_come(after, "event: reset\n");
    text = watch_text(after);
    ck_assert_uint_eq(count_of(text, "event: reset"), 1);
    ck_assert_int_gt(watch_last_id(after), last);
    vrmdsys_must_be(&sys, vm, "name", "web"); /* the client has found the new one, too */
    vrmdsys_task(&sys, "POST", stop, "{\"mode\":\"force\"}");
    must_come(after, "\"name\":\"web\",\"status\":\"stopped\"");
    /* coming back to the same controller loses nothing */
    last = watch_last_id(after);
    watch_close(after);
    vrmdsys_task(&sys, "DELETE", vm, NULL);
    after = open_at(&sys, active, "?types=vm", last);
    must_come(after, "\"type\":\"vm\",\"change\":\"deleted\"");
    g_free(text);
    text = watch_text(after);
    ck_assert_uint_eq(count_of(text, "event: reset"), 0);
    ck_assert_int_gt(watch_last_id(after), last);
    watch_close(after);
    watch_close(before);
    vrmdsys_end(&sys);
}
END_TEST

SUITE_MAIN("it_vrmd_stream", SUITE_TEST(a_vms_life_and_a_hosts_silence_are_seen_as_they_happen),
           SUITE_TEST(over_a_take_over_ids_grow_and_what_was_missed_is_told))
