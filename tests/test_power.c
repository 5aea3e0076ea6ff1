/* test_power.c - what the end of a fence agent means; children that hang, flood or do not start. */
#include "config.h"

#include "controller/power.h"

#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "controller/child.h"
#include "model/reason.h"
#include "tests/suite.h"
#include "tests/tempdir.h"

static Host *make_host(const char *ip, const char *user, const char *password)
{
    Host *host = host_new();

    g_free(host->name);
    g_free(host->bmc_ip);
    g_free(host->bmc_user);
    g_free(host->bmc_password);
    host->name = g_strdup("cna1");
    host->bmc_ip = g_strdup(ip);
    host->bmc_user = g_strdup(user);
    host->bmc_password = g_strdup(password);
    return host;
}

/* ---- what an end means -------------------------------------------------------------------------
 */

static const struct {
    enum power_verb verb;
    struct child_result result;
    int code, reason; /* 0: no error */
    bool is_on;
    const char *words;
} ends[] = {
    { POWER_STATUS, { 0, false, "Status: ON\n" }, 0, 0, true, NULL },
    { POWER_STATUS, { 2, false, "Status: OFF\n" }, 0, 0, false, NULL },
    { POWER_ON, { 0, false, "Success: Powered ON\n" }, 0, 0, true, NULL },
    { POWER_OFF, { 0, false, "Success: Already OFF\n" }, 0, 0, false, NULL },
    { POWER_OFF, { 2, false, "" }, VRM_ERR_UNAVAILABLE, REASON_FAILED, false, "it said nothing" },
    { POWER_STATUS,
      { 1, false, "ERROR: Failed: Unable to obtain correct plug status or plug is not available" },
      VRM_ERR_CONFLICT,
      REASON_HOST_BAD_BMC_PASSWORD,
      false,
      "refuses user 'lab'" },
    { POWER_STATUS,
      { 1, false, "Failed: Unable to connect/login to fencing device\n" },
      VRM_ERR_CONFLICT,
      REASON_HOST_BAD_BMC_PASSWORD,
      false,
      "refuses user 'lab'" },
    { POWER_STATUS,
      { 1, false, "ERROR: Connection timed out\n\n" },
      VRM_ERR_UNAVAILABLE,
      REASON_BMC_UNREACHABLE,
      false,
      "at 10.0.0.1 does not answer" },
    { POWER_OFF,
      { -1, true, "" },
      VRM_ERR_UNAVAILABLE,
      REASON_BMC_UNREACHABLE,
      false,
      "does not answer" },
    { POWER_OFF,
      { 1, false, "ERROR: Failed: Timed out waiting to power OFF\n" },
      VRM_ERR_TIMEOUT,
      REASON_FAILED,
      false,
      "the power did not go off" },
    { POWER_ON,
      { 1, false, "Timed out waiting to power ON\n" },
      VRM_ERR_TIMEOUT,
      REASON_FAILED,
      false,
      "the power did not go on" },
    { POWER_ON,
      { 1, false, "a warning\nERROR: no ipmitool here\n\n" },
      VRM_ERR_UNAVAILABLE,
      REASON_FAILED,
      false,
      "failed: ERROR: no ipmitool here" },
    { POWER_ON, { -1, false, "\xff\xfe" }, VRM_ERR_UNAVAILABLE, REASON_FAILED, false, "failed: " },
};

START_TEST(the_end_of_an_agent_is_understood)
{
    g_autoptr(Host) host = make_host("10.0.0.1", "lab", "top-secret");
    g_autoptr(GError) error = NULL;
    bool is_on = false;
    bool ok = power_judge(&ends[_i].result, host, ends[_i].verb, &is_on, &error);

    ck_assert_int_eq(ok, ends[_i].code == 0);
    ck_assert_int_eq(is_on, ends[_i].is_on);
    if (ok)
        return;
    ck_assert(err_is(error, ends[_i].code));
    ck_assert_int_eq(err_reason(error), ends[_i].reason);
    ck_assert_msg(strstr(error->message, ends[_i].words) != NULL, "%s", error->message);
    ck_assert(!strstr(error->message, "top-secret"));
    ck_assert(g_utf8_validate(error->message, -1, NULL));
}
END_TEST

/* ---- who can be asked --------------------------------------------------------------------------
 */

static const struct {
    const char *ip, *user, *password;
    int reason;
} hosts[] = {
    { "10.0.0.1", "lab", "x", 0 },
    { "10.0.0.1", "", "", 0 },
    { "", "lab", "x", REASON_HOST_NO_BMC },
    { "10.0.0.1", "lab\naction=off", "x", REASON_HOST_BAD_BMC_USER },
    { "10.0.0.1", "lab", "x\rip=10.0.0.2", REASON_HOST_BAD_BMC_PASSWORD },
    { "10.0.0.1", "lab", "\xff", REASON_HOST_BAD_BMC_PASSWORD },
};

START_TEST(what_would_be_more_than_one_line_is_not_told_to_the_agent)
{
    g_autoptr(Host) host = make_host(hosts[_i].ip, hosts[_i].user, hosts[_i].password);
    g_autoptr(GError) error = NULL;

    ck_assert_int_eq(power_check_host(host, &error), hosts[_i].reason == 0);
    ck_assert_int_eq(error ? err_reason(error) : 0, hosts[_i].reason);
}
END_TEST

/* ---- with a real child -------------------------------------------------------------------------
 */

struct outcome {
    GMainLoop *loop;
    bool done, is_on;
    GError *error;
    struct child_result result;
    size_t n_output;
};

/* The state is a file; what it was told is kept.  $D is the folder. */
#define AGENT                                                                                      \
    "#!/bin/sh\ncd $D\ncat >told\naction=$(sed -n s/^action=//p told)\necho \"$action\" "          \
    ">>actions\n"                                                                                  \
    "case $action in status) test -e on && exit 0; exit 2;; on) : >on;; off) rm -f on;; "          \
    "esac\n"

static char *write_script(const char *dir, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "$D", -1);
    g_autofree char *body = g_strjoinv(dir, parts);
    char *path = g_build_filename(dir, "agent", NULL);

    ck_assert(g_file_set_contents(path, body, -1, NULL));
    ck_assert_int_eq(chmod(path, 0700), 0);
    return path;
}

static char *read_in(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    char *text = NULL;

    (void)g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

static void on_power(bool is_on, const GError *error, void *user)
{
    struct outcome *outcome = user;

    outcome->done = true;
    outcome->is_on = is_on;
    outcome->error = error ? g_error_copy(error) : NULL;
    g_main_loop_quit(outcome->loop);
}

static const struct {
    enum power_verb verb;
    bool was_on;
    const char *actions;
    bool is_on;
} verbs[] = {
    { POWER_STATUS, true, "status\n", true },    { POWER_STATUS, false, "status\n", false },
    { POWER_ON, false, "status\non\n", true },   { POWER_ON, true, "status\n", true },
    { POWER_OFF, true, "status\noff\n", false }, { POWER_OFF, false, "status\n", false },
};

START_TEST(power_is_changed_only_if_it_must)
{
    char *dir = tempdir_new();
    g_autofree char *agent = write_script(dir, AGENT);
    g_autofree char *on = g_build_filename(dir, "on", NULL);
    g_autoptr(Host) host = make_host("10.0.0.1", "lab", " se\"cret ");
    struct outcome outcome = { .loop = g_main_loop_new(NULL, FALSE) };
    g_autofree char *told = NULL, *actions = NULL;

    if (verbs[_i].was_on)
        ck_assert(g_file_set_contents(on, "", 0, NULL));
    ck_assert(power_start(&(struct power_order){ .agent = agent,
                                                 .cipher = 3,
                                                 .limit_ms = 5000,
                                                 .host = host,
                                                 .verb = verbs[_i].verb },
                          on_power, &outcome, NULL) != NULL);
    g_main_loop_run(outcome.loop);
    g_main_loop_unref(outcome.loop);
    ck_assert_msg(!outcome.error, "%s", outcome.error ? outcome.error->message : "");
    ck_assert_int_eq(outcome.is_on, verbs[_i].is_on);
    actions = read_in(dir, "actions");
    ck_assert_str_eq(actions, verbs[_i].actions);
    told = read_in(dir, "told");
    ck_assert(strstr(told, "password=\" se\"cret \"\n") != NULL);
    tempdir_free(dir);
}
END_TEST

START_TEST(a_missing_agent_is_named)
{
    g_autoptr(Host) host = make_host("10.0.0.1", "lab", "x");
    g_autoptr(GError) error = NULL;

    ck_assert(!power_start(
        &(struct power_order){ .agent = "/nonexistent/fence_x", .limit_ms = 5000, .host = host },
        on_power, NULL, &error));
    ck_assert(err_is(error, VRM_ERR_UNAVAILABLE));
    ck_assert(strstr(error->message, "/nonexistent/fence_x") != NULL);
}
END_TEST

static void on_child(const struct child_result *result, void *user)
{
    struct outcome *outcome = user;

    outcome->done = true;
    outcome->result = *result;
    outcome->n_output = strlen(result->output);
    g_main_loop_quit(outcome->loop);
}

static const struct {
    const char *script;
    int64_t limit_ms;
    int exit_code;
    bool timed_out;
    size_t n_output;
} children[] = {
    { "exit 7", 5000, 7, false, 0 },
    { "echo a; echo b >&2", 5000, 0, false, 4 },
    { "yes | head -c 100000", 20000, 0, false, CHILD_OUTPUT_MAX },
    { "kill -9 $$", 5000, -1, false, 0 },
    { "echo x; sleep 600 & wait", 300, -1, true, 2 }, /* what it started dies with it */
};

START_TEST(a_child_cannot_hang_or_flood)
{
    const char *const argv[] = { "/bin/sh", "-c", children[_i].script, NULL };
    struct outcome outcome = { .loop = g_main_loop_new(NULL, FALSE) };

    ck_assert(child_start(argv, "", children[_i].limit_ms, on_child, &outcome, NULL) != NULL);
    g_main_loop_run(outcome.loop);
    g_main_loop_unref(outcome.loop);
    ck_assert_int_eq(outcome.result.exit_code, children[_i].exit_code);
    ck_assert_int_eq(outcome.result.timed_out, children[_i].timed_out);
    ck_assert_uint_eq(outcome.n_output, children[_i].n_output);
}
END_TEST

START_TEST(a_killed_child_tells_nobody)
{
    const char *const argv[] = { "/bin/sh", "-c", "exit 0", NULL };
    struct outcome outcome = { 0 };

    child_kill(child_start(argv, "", 5000, on_child, &outcome, NULL));
    for (int i = 0; i < 100; i++)
        (void)g_main_context_iteration(NULL, FALSE);
    ck_assert(!outcome.done);
    child_kill(NULL);
}
END_TEST

SUITE_MAIN("power", SUITE_LOOP(the_end_of_an_agent_is_understood, ends),
           SUITE_LOOP(what_would_be_more_than_one_line_is_not_told_to_the_agent, hosts),
           SUITE_LOOP(power_is_changed_only_if_it_must, verbs),
           SUITE_TEST(a_missing_agent_is_named), SUITE_LOOP(a_child_cannot_hang_or_flood, children),
           SUITE_TEST(a_killed_child_tells_nobody))
