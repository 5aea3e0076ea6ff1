/* test_sched_golden.c - scenarios against plans that a person has read.
 *
 * tests/golden/NAME.scn in, tests/golden/NAME.plan out.  UPDATE_GOLDEN=1 make check rewrites the
 * plans; review the difference line by line. */
#include "config.h"

#include <stdio.h>

#include "tests/sched_scn.h"
#include "tests/suite.h"

static const char *const scenarios[] = {
    "sched-demo",   "sched-imc",        "sched-overload",   "sched-rules",   "sched-no-decision",
    "sched-policy", "sched-evacuate",   "sched-place",      "sched-order",   "sched-conflicts",
    "sched-dpm",    "sched-dpm-limits", "sched-network",    "sched-devices", "sched-entitlement",
    "sched-racks",  "sched-bounds",     "sched-rulegroups",
};

static char *golden_path(const char *name, const char *suffix)
{
    const char *srcdir = g_getenv("srcdir");
    g_autofree char *file = g_strconcat(name, suffix, NULL);

    return g_build_filename(srcdir ? srcdir : ".", "tests", "golden", file, NULL);
}

START_TEST(a_scenario_gives_its_golden_plan)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(Scn) scn = scn_new();
    g_autofree char *scn_path = golden_path(scenarios[_i], ".scn");
    g_autofree char *plan_path = golden_path(scenarios[_i], ".plan");
    g_autofree char *text = NULL;
    g_autofree char *wanted = NULL;

    ck_assert_msg(g_file_get_contents(scn_path, &text, NULL, &error), "%s",
                  error ? error->message : "");
    scn_run(scn, text, out);
    if (g_getenv("UPDATE_GOLDEN"))
        ck_assert(g_file_set_contents(plan_path, out->str, (gssize)out->len, NULL));
    ck_assert_msg(g_file_get_contents(plan_path, &wanted, NULL, NULL), "no %s", plan_path);
    ck_assert_msg(strcmp(wanted, out->str) == 0, "%s differs; it is now:\n%s", plan_path, out->str);
}
END_TEST

SUITE_MAIN("sched_golden", SUITE_LOOP(a_scenario_gives_its_golden_plan, scenarios))
