/* test_sched_drift.c - moves of a plan whose gain has gone while it was carried out. */
#include "config.h"

#include <string.h>

#include "scheduler/drift.h"
#include "tests/sched_scn.h"
#include "tests/suite.h"

#define TWO "policy factor=cpu limen=5\nhost h1 threads=4 mhz=1000\nhost h2 threads=4 mhz=1000\n"

struct row {
    const char *name;
    const char *text;   /* the cluster as it is now */
    const char *moves;  /* "a h1 h2; b h1 h2 40": with a percentage: it runs */
    const char *advice; /* "keep drop cancel" */
    const char *why;    /* part of the first reason */
};

// clang-format off
static const struct row rows[] = {
    { "a move that still pays is kept",
      TWO "vm a on=h1 cpu=1500 mem=512\nvm b on=h1 cpu=1500 mem=512\nvm c on=h1 cpu=400 mem=512\n",
      "a h1 h2", "keep", NULL },
    { "loads are even by now", TWO "vm a on=h1 cpu=500 mem=512\nvm b on=h1 cpu=500 mem=512\n"
      "vm c on=h2 cpu=1000 mem=512\n", "a h1 h2", "drop",
      "its gain is gone: imbalance 156 per mille with it, 0 without it" },
    { "of two moves one is enough", TWO "vm a on=h1 cpu=1000 mem=512\nvm b on=h1 cpu=1000 mem=512\n"
      "vm c on=h2 cpu=20 mem=512\n", "a h1 h2; b h1 h2", "keep drop", "its gain is gone" },
    { "the target is in maintenance",
      TWO "host h3 state=maintaining\nvm a on=h1 cpu=3000 mem=512\n", "a h1 h3", "drop",
      "h3: " },
    { "a running one to a host in maintenance is called off",
      TWO "host h3 threads=4 mhz=1000 state=maintaining\nvm a on=h1 to=h3 cpu=3000 mem=512\n",
      "a h1 h3 20", "cancel", "h3: " },
    { "a running one to a host that does not answer ends by itself",
      TWO "host h3 threads=4 mhz=1000 state=unknow\nvm a on=h1 to=h3 cpu=3000 mem=512\n",
      "a h1 h3 20", "keep", NULL },
    { "a running one whose target has got too busy is called off, however far it is",
      TWO "vm a on=h1 to=h2 cpu=1500 mem=512\nvm b on=h2 cpu=3800 mem=512\n", "a h1 h2 95",
      "cancel", "h2 has got busy" },
    { "a running one that makes things uneven is called off",
      TWO "vm a on=h1 to=h2 cpu=1200 mem=512\nvm b on=h2 cpu=1200 mem=512\n", "a h1 h2 10",
      "cancel", "its gain is gone" },
    { "but not when it is half done",
      TWO "vm a on=h1 to=h2 cpu=1200 mem=512\nvm b on=h2 cpu=1200 mem=512\n", "a h1 h2 60",
      "keep", NULL },
    { "and not for noise",
      TWO "vm a on=h1 to=h2 cpu=600 mem=512\nvm b on=h2 cpu=30 mem=512\nvm c on=h1 cpu=10 mem=512\n",
      "a h1 h2 10", "keep", NULL },
    { "a move that mends a rule is kept, balance or not",
      TWO "vm a on=h1 cpu=100 mem=512\nvm b on=h1 cpu=100 mem=512\nvm c on=h2 cpu=2000 mem=512\n"
      "rule r apart must a b\n", "a h1 h2", "keep", NULL },
    { "a running one that a rule wants to stay is called off, however far it is",
      TWO "vm a on=h1 to=h2 cpu=100 mem=512\ngroup g vm a\ngroup here host h1\n"
      "rule r host should g here\n", "a h1 h2 80", "cancel",
      "its gain is gone: by the rules 1 VMs would be at the wrong place with it, 0 without it" },
    { "and a waiting one is dropped", TWO "vm a on=h1 cpu=100 mem=512\ngroup g vm a\n"
      "group here host h1\nrule r host should g here\n", "a h1 h2", "drop", "by the rules" },
    { "an exchange that gains nothing goes as a whole",
      TWO "vm a on=h1 cpu=100 mem=512\nvm b on=h2 cpu=100 mem=512\nvm c on=h2 cpu=2000 mem=512\n"
      "rule r apart must a b\n", "a h1 h2; b h2 h1", "drop drop", "together these moves gain nothing" },
    { "the VM is somewhere else by now", TWO "host h3 threads=4 mhz=1000\n"
      "vm a on=h3 cpu=3000 mem=512\n", "a h1 h2", "drop", "a is not on h1 any more" },
    { "the VM was stopped", TWO "vm a on=h1 cpu=100 mem=512\nvm b status=stopped\n", "b h1 h2",
      "drop", "b is not on h1 any more" },
    { "both moves of a VM that steps aside go", TWO "host h3 threads=4 mhz=1000\n"
      "vm a on=h1 cpu=500 mem=512\nvm b on=h2 cpu=500 mem=512\nvm c on=h3 cpu=500 mem=512\n",
      "a h1 h3; a h3 h2", "drop drop", "its gain is gone" },
    { "with data too old nothing is judged",
      TWO "vm a on=h1 cpu=500 mem=512 age_s=900\nvm c on=h2 cpu=1000 mem=512\n", "a h1 h2",
      "keep", NULL },
};
// clang-format on

static size_t read_moves(const Scn *scn, const char *text, struct drift_move *ret_moves)
{
    g_auto(GStrv) parts = g_strsplit(text, "; ", -1);
    size_t n = 0;

    for (; parts[n]; n++) {
        g_auto(GStrv) words = g_strsplit(parts[n], " ", -1);

        ret_moves[n] = (struct drift_move){ .vm_id = scn_vm(scn, words[0]),
                                            .from_id = scn_host(scn, words[1]),
                                            .to_id = scn_host(scn, words[2]),
                                            .running = words[3] != NULL };
        if (words[3])
            ret_moves[n].progress = g_ascii_strtoll(words[3], NULL, 10);
    }
    return n;
}

static char *advice_text(const struct drift_verdict *verdicts, size_t n)
{
    static const char *const words[] = { "keep", "drop", "cancel" };
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < n; i++)
        g_string_append_printf(text, "%s%s", i ? " " : "", words[verdicts[i].advice]);
    return g_string_free(text, FALSE);
}

START_TEST(moves_are_judged_by_the_loads_of_now)
{
    const struct row *row = &rows[_i];
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = NULL;
    struct drift_move moves[4];
    struct drift_verdict *verdicts = NULL;
    GError *error = NULL;
    g_autofree char *advice = NULL;
    const char *why = NULL;
    size_t n;

    scn_run(scn, row->text, NULL);
    snap = scn_snapshot(scn);
    n = read_moves(scn, row->moves, moves);
    (void)drift_judge(snap, &(struct drift_question){ scn_cluster(scn), moves, n }, scn_params(scn),
                      &verdicts, &error);
    suite_no_error(error);
    advice = advice_text(verdicts, n);
    for (size_t i = 0; i < n && !why; i++)
        why = verdicts[i].why;
    ck_assert_msg(strcmp(advice, row->advice) == 0, "%s: %s (%s)", row->name, advice,
                  why ? why : "no reason");
    ck_assert_msg(!row->why || (why && strstr(why, row->why)), "%s: %s", row->name,
                  why ? why : "no reason");
    drift_verdicts_free(verdicts, n);
}
END_TEST

START_TEST(an_unknown_cluster_is_not_found)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = NULL;
    struct drift_verdict *verdicts = NULL;
    g_autoptr(GError) error = NULL;

    scn_run(scn, TWO, NULL);
    snap = scn_snapshot(scn);
    ck_assert(!drift_judge(snap, &(struct drift_question){ .cluster_id = 99 }, scn_params(scn),
                           &verdicts, &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "cluster 99");
}
END_TEST

SUITE_MAIN("sched_drift", SUITE_LOOP(moves_are_judged_by_the_loads_of_now, rows),
           SUITE_TEST(an_unknown_cluster_is_not_found))
