/* test_ganeti_score.c - hbal's score, and plans that lower it.  The wanted scores are what hbal
 * 3.0.2 prints for the same files. */
#include "config.h"

#include "scheduler/ganeti_score.h"

#include <stdlib.h>

#include "base/rng.h"
#include "scheduler/balance.h"
#include "scheduler/ganeti_improve.h"
#include "scheduler/whatif.h"
#include "tests/suite.h"

static const char frame[] = "g1|u1|preferred||\n\n"
                            "a|10000|1000|6000|100|50|8|M|u1|1\n"
                            "b|10000|1000|9000|100|50|8|N|u1|1\n"
                            "c|20000|1000|18900|100|50|16|%s|u1|1\n\n"
                            "i1|2000|10|2|running|Y|a||ext|web:x,other|1\n"
                            "i2|1000|10|1|%s|Y|a||ext|%s|1\n"
                            "i3|100|10|4|running|Y|c||%s||1\n\n"
                            "htools:iextags:web\n\n";

static const char load[] = "i1 0.5 0.25 0.125 0.1\n"
                           "i2 0.1 0.1 0 0\n"
                           "i3 1.5 0.1 0.2 0.3\n";

static Ganeti *parse(const char *text, bool with_load)
{
    g_autoptr(GError) error = NULL;
    Ganeti *g = ganeti_parse(text, strlen(text), "x.data", &error);

    suite_no_error(error);
    if (with_load)
        ck_assert(ganeti_parse_load(g, load, strlen(load), "x.load", &error));
    return g;
}

static Snapshot *model_of(const Ganeti *g)
{
    const struct ganeti_unit units[N_GANETI_LOADS] = {
        ganeti_find_unit(g, GANETI_CPU),
        ganeti_find_unit(g, GANETI_MEM),
    };

    return ganeti_snapshot(g, units);
}

static const struct {
    const char *role, *status, *tags;
    bool load;
    double want;
} scores[] = {
    { "N", "ADMIN_down", "web:x", false, 5.59565334 },
    { "N", "ADMIN_down", "web:x", true, 3.30052214 },
    { "N", "running", "", false, 3.57221336 },
    { "N", "running", "", true, 1.27708216 },
    { "N", "ADMIN_offline", "", true, 1.25365860 },
    { "Y", "running", "", false, 24.3375 },
    { "Y", "running", "", true, 20.925 },
};

START_TEST(the_score_is_hbals)
{
    g_autofree char *text =
        g_strdup_printf(frame, scores[_i].role, scores[_i].status, scores[_i].tags, "ext");
    g_autoptr(Ganeti) g = parse(text, scores[_i].load);
    g_autoptr(Snapshot) snap = model_of(g);
    double is = (double)ganeti_score_of(g, 1, snap) / (double)GANETI_SCORE_ONE;

    ck_assert_double_eq_tol(is, scores[_i].want, 2e-5);
    ck_assert(ganeti_score_is_whole(g, 1));
}
END_TEST

START_TEST(with_local_disks_the_score_is_a_part_of_hbals)
{
    g_autofree char *text = g_strdup_printf(frame, "N", "running", "", "plain");
    g_autoptr(Ganeti) g = parse(text, false);

    ck_assert(!ganeti_score_is_whole(g, 1));
}
END_TEST

/* ---- a cluster at random -------------------------------------------------------------------- */

#define N_NODES     6
#define N_INSTANCES 60

/* For loops over seeds and limits. */
static const uint64_t seeds[] = { 1, 2, 3, 4 };
static const uint32_t limits[] = { 0, 1, 2, 5, 9 };

/* Full nodes and an empty one; every tenth instance has a tag that one other has too. */
static char *random_cluster(uint64_t seed)
{
    GString *text = g_string_new("g1|u1|preferred||\n\n");
    uint32_t node[N_INSTANCES], mb[N_INSTANCES], used[N_NODES] = { 0 };
    struct rng rng;

    rng_seed(&rng, seed);
    for (int i = 0; i < N_INSTANCES; i++) {
        node[i] = rng_below(&rng, N_NODES - 1);
        mb[i] = 1024 * (1 + rng_below(&rng, 8));
        used[node[i]] += mb[i];
    }
    for (int n = 0; n < N_NODES; n++)
        g_string_append_printf(text, "n%d|262144|4096|%d|1|1|16|N|u1|1\n", n,
                               262144 - 4096 - (int)used[n]);
    g_string_append(text, "\n");
    for (int i = 0; i < N_INSTANCES; i++)
        g_string_append_printf(text, "i%d|%u|1|%u|running|Y|n%u||ext|%s%d|1\n", i, mb[i],
                               1 + rng_below(&rng, 4), node[i], i % 10 == 0 ? "aa:" : "x", i / 20);
    g_string_append(text, "\nhtools:iextags:aa\n\n");
    return g_string_free(text, FALSE);
}

START_TEST(any_way_to_a_placement_gives_its_score)
{
    g_autofree char *text = random_cluster(seeds[_i]);
    g_autoptr(Ganeti) g = parse(text, false);
    g_autoptr(GanetiScore) score = ganeti_score_new(g, 1);
    const int64_t begin = ganeti_score_value(score);
    struct rng rng;

    rng_seed(&rng, seeds[_i]);
    for (int i = 0; i < 500; i++) {
        uint32_t instance = rng_below(&rng, N_INSTANCES), node = rng_below(&rng, N_NODES);
        int64_t promised = ganeti_score_try(score, instance, node);

        ganeti_score_move(score, instance, node);
        ck_assert_int_eq(ganeti_score_value(score), promised);
    }
    for (uint32_t i = 0; i < N_INSTANCES; i++)
        ganeti_score_move(score, i, g->instances.items[i].node);
    ck_assert_int_eq(ganeti_score_value(score), begin);
}
END_TEST

static Plan *plan_for(const Ganeti *g, const Snapshot *snap, const struct ganeti_goal *wanted,
                      uint32_t max_moves)
{
    struct sched_params params;
    struct ganeti_goal goal = *wanted;
    GError *error = NULL;
    Plan *plan;

    sched_params_init(&params);
    params.now_mono_ms = GANETI_NOW_MONO_MS;
    params.on_demand = true;
    params.max_moves = max_moves;
    goal.sched = &params;
    ck_assert(ganeti_improve(g, snap, 1, &goal, &plan, &error));
    return plan;
}

static int64_t broken_rules(const Snapshot *snap)
{
    struct sched_params params;
    struct plan_measure measure;
    GError *error = NULL;

    sched_params_init(&params);
    params.now_mono_ms = GANETI_NOW_MONO_MS;
    ck_assert(balance_measure(snap, 1, &params, &measure, &error));
    return measure.must_broken;
}

START_TEST(a_plan_lowers_the_score_keeps_rules_and_is_left_alone_afterwards)
{
    const struct ganeti_goal goal = { .level = 5, .until_score = -1 };
    g_autofree char *text = random_cluster(seeds[_i]);
    g_autoptr(Ganeti) g = parse(text, false);
    g_autoptr(Snapshot) before = model_of(g);
    g_autoptr(Plan) plan = plan_for(g, before, &goal, 500);
    g_autoptr(Plan) same = plan_for(g, before, &goal, 500);
    g_autoptr(Snapshot) after = whatif_moved(before, plan);
    g_autofree char *text_after = ganeti_write(text, strlen(text), before, after);
    g_autoptr(Ganeti) g_after = parse(text_after, false);
    g_autoptr(Snapshot) again = model_of(g_after);
    g_autoptr(Plan) next = plan_for(g_after, again, &goal, 500);

    ck_assert_uint_eq(plan_hash(plan), plan_hash(same));
    ck_assert_uint_gt(plan->moves.len, 0);
    ck_assert_int_lt(ganeti_score_of(g, 1, after), ganeti_score_of(g, 1, before) / 2);
    ck_assert_int_eq(ganeti_score_of(g, 1, after), ganeti_score_of(g_after, 1, again));
    ck_assert_int_eq(broken_rules(after), 0);
    ck_assert_uint_eq(next->moves.len, 0);
}
END_TEST

START_TEST(a_wanted_score_is_reached_with_fewer_moves)
{
    struct ganeti_goal goal = { .level = 9, .until_score = -1 };
    g_autofree char *text = random_cluster(1);
    g_autoptr(Ganeti) g = parse(text, false);
    g_autoptr(Snapshot) before = model_of(g);
    g_autoptr(Plan) all = plan_for(g, before, &goal, 500);
    g_autoptr(Snapshot) best = whatif_moved(before, all);
    g_autoptr(Plan) few = NULL;
    g_autoptr(Snapshot) after = NULL;

    goal.until_score = ganeti_score_of(g, 1, before) / 3 + ganeti_score_of(g, 1, best) * 2 / 3;
    few = plan_for(g, before, &goal, 500);
    after = whatif_moved(before, few);
    ck_assert_int_le(ganeti_score_of(g, 1, after), goal.until_score);
    ck_assert_uint_lt(few->moves.len, all->moves.len);
}
END_TEST

START_TEST(no_more_moves_than_allowed)
{
    const struct ganeti_goal goal = { .level = 9, .until_score = -1 };
    g_autofree char *text = random_cluster(1);
    g_autoptr(Ganeti) g = parse(text, false);
    g_autoptr(Snapshot) before = model_of(g);
    g_autoptr(Plan) plan = plan_for(g, before, &goal, limits[_i]);

    ck_assert_uint_le(plan->moves.len, limits[_i]);
}
END_TEST

SUITE_MAIN("ganeti-score", SUITE_LOOP(the_score_is_hbals, scores),
           SUITE_TEST(with_local_disks_the_score_is_a_part_of_hbals),
           SUITE_LOOP(any_way_to_a_placement_gives_its_score, seeds),
           SUITE_LOOP(a_plan_lowers_the_score_keeps_rules_and_is_left_alone_afterwards, seeds),
           SUITE_TEST(a_wanted_score_is_reached_with_fewer_moves),
           SUITE_LOOP(no_more_moves_than_allowed, limits))
