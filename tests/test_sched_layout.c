/* test_sched_layout.c - running sums are exact, roots are floors, bounds hold; ordering. */
#include "config.h"

#include "base/rng.h"
#include "scheduler/layout.h"
#include "scheduler/order.h"
#include "tests/sched_gen.h"
#include "tests/sched_scn.h"
#include "tests/suite.h"

START_TEST(a_root_is_the_floor_whatever_the_guess)
{
    struct rng rng;

    rng_seed(&rng, 7);
    for (int i = 0; i < 20000; i++) {
        int64_t square = (int64_t)(rng_next(&rng) >> (2 + rng_below(&rng, 60)));
        int64_t guess = (int64_t)(rng_next(&rng) >> (1 + rng_below(&rng, 60)));
        int64_t root = layout_root(square, guess);

        ck_assert(root * root <= square);
        ck_assert(root >= 3037000499 || (root + 1) * (root + 1) > square);
    }
    ck_assert_int_eq(layout_root(0, 5), 0);
    ck_assert_int_eq(layout_root(-4, 5), 0);
    ck_assert_int_eq(layout_root(1, 0), 1);
    ck_assert_int_eq(layout_root(16, -3), 4);
}
END_TEST

static void assert_same_score(const struct score *a, const struct score *b, uint64_t seed)
{
    ck_assert_msg(score_cmp(a, b) == 0,
                  "seed %u: must %ld/%ld shortage %ld/%ld overload %ld/%ld should %ld/%ld soft "
                  "%ld/%ld",
                  (unsigned)seed, (long)a->must, (long)b->must, (long)a->shortage,
                  (long)b->shortage, (long)a->overload, (long)b->overload, (long)a->should,
                  (long)b->should, (long)a->soft, (long)b->soft);
}

/* A layout made from scratch with the VMs where they are now, at the same prices. */
static struct score score_from_scratch(const Layout *layout)
{
    const struct layout_price free_moves = { 0 };
    Problem twin = *layout->problem;
    g_autoptr(Layout) fresh = NULL;
    struct score score;

    twin.vm_home = layout->at;
    fresh = layout_new(&twin, &free_moves);
    score = fresh->score;
    score.soft += layout->price_sum;
    return score;
}

/* Between two hosts that count, no move gains more than its bound said. */
static void check_bound(const Layout *layout, uint32_t vm, uint32_t to, const struct score *after,
                        uint64_t seed)
{
    const Problem *p = layout->problem;
    uint32_t from = layout->at[vm], home = p->vm_home[vm];
    int64_t price = 0;

    if (from == NO_INDEX || to == NO_INDEX || from == to || !problem_usable(p, from) ||
        !problem_usable(p, to))
        return;
    if (home != NO_INDEX)
        price = ((to != home) - (from != home)) * layout->price[vm];
    ck_assert_msg(layout->score.soft + price - after->soft <= layout_gain_bound(layout, vm, to),
                  "seed %u: gain %ld, bound %ld", (unsigned)seed,
                  (long)(layout->score.soft + price - after->soft),
                  (long)layout_gain_bound(layout, vm, to));
}

static void check_running_sums(uint64_t seed)
{
    static const struct layout_price price = { .lambda_percent = 100, .min_gain = 15 };
    struct sched_params params;
    g_autoptr(SnapshotBuilder) builder = gen_cluster(seed, 8, 60, &params);
    g_autoptr(Snapshot) snap = snapshot_builder_build(builder, params.now_mono_ms);
    g_autoptr(Problem) problem = problem_new(snap, GEN_CLUSTER, &params, 0, NULL);
    g_autoptr(Layout) layout = layout_new(problem, &price);
    const struct score first = layout->score;
    struct rng rng;

    rng_seed(&rng, seed);
    for (int i = 0; i < 300 && problem->n_vms > 0; i++) {
        uint32_t vm = rng_below(&rng, problem->n_vms);
        uint32_t to = rng_below(&rng, problem->n_hosts + 1);
        struct score expected, scratch;

        if (to == problem->n_hosts)
            to = NO_INDEX;
        layout_try(layout, vm, to, &expected);
        check_bound(layout, vm, to, &expected, seed);
        layout_move(layout, vm, to);
        assert_same_score(&expected, &layout->score, seed);
        scratch = score_from_scratch(layout);
        assert_same_score(&scratch, &layout->score, seed);
    }
    for (uint32_t v = 0; v < problem->n_vms; v++)
        layout_move(layout, v, problem->vm_home[v]);
    assert_same_score(&first, &layout->score, seed);
    ck_assert_uint_eq(layout->n_moved, 0);
}

START_TEST(running_sums_stay_exact)
{
    for (uint64_t seed = 1; seed <= 60; seed++)
        check_running_sums(seed);
}
END_TEST

START_TEST(a_cluster_may_have_only_so_many_hosts)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) snap = NULL;

    for (int64_t i = 0; i <= PROBLEM_MAX_HOSTS; i++) {
        Host *host = host_new();

        host->id = i + 1;
        host->cluster_id = 1;
        snapshot_builder_put_host(scn_builder(scn), host);
    }
    snap = scn_snapshot(scn);
    ck_assert_ptr_null(problem_new(snap, 1, scn_params(scn), 0, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "has 2049 hosts, one cluster may have 2048");
    ck_assert_ptr_null(problem_new(snap, 1, scn_params(scn), 77, &error));
    g_clear_error(&error);
}
END_TEST

START_TEST(an_unknown_vm_to_place_is_not_found)
{
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Snapshot) snap = scn_snapshot(scn);

    ck_assert_ptr_null(problem_new(snap, 1, scn_params(scn), 77, &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "no VM 77");
}
END_TEST

/* ---- order ---------------------------------------------------------------------------------- */

#define FULL_PAIR "host h1 mem=1000\nhost h2 mem=1000\nvm a on=h1 size=600\nvm b on=h2 size=600\n"

struct order_row {
    const char *name;
    const char *text;
    const char *moves[3]; /* "vm host" */
    const char *steps;    /* "vm:from>to(after) ..." */
};

// clang-format off
static const struct order_row order_rows[] = {
    { "moves that are in nobody's way depend on nothing", FULL_PAIR "host h3 mem=4000",
      { "a h3", "b h3" }, "a:h1>h3() b:h2>h3()" },
    { "one waits for the room that another makes", FULL_PAIR "host h3 mem=1000",
      { "a h2", "b h3" }, "b:h2>h3() a:h1>h2(0)" },
    { "two full hosts change over by way of a third", FULL_PAIR "host h3 mem=1000",
      { "a h2", "b h1" }, "a:h1>h3()! b:h2>h1(0) a:h3>h2(0,1)" },
    { "without a third, nothing moves", FULL_PAIR, { "a h2", "b h1" }, "dropped b dropped a" },
    { "a VM waits for the one it must be apart from",
      "host h1\nhost h2\nhost h3\nvm a on=h1\nvm b on=h2\nrule t apart must a b\n",
      { "a h2", "b h3" }, "b:h2>h3() a:h1>h2(0)" },
    { "a wish to be apart makes nobody wait",
      "host h1\nhost h2\nhost h3\nvm a on=h1\nvm b on=h2\nrule t apart should a b\n",
      { "a h2", "b h3" }, "a:h1>h2() b:h2>h3()" },
    { "several departures make room together",
      "host h1 mem=2000\nhost h2 mem=1000\nhost h3\nvm a on=h1 size=900\nvm b on=h2 size=400\n"
      "vm c on=h2 size=400\n", { "a h2", "b h3", "c h3" },
      "b:h2>h3() c:h2>h3() a:h1>h2(0,1)" },
    { "the busiest VM of the fullest host goes first",
      "host h1\nhost h2\nhost h3\nhost h4\nvm a on=h1 cpu=300\nvm b on=h1 cpu=9500\n"
      "vm c on=h2 cpu=9200\n", { "a h4", "b h3", "c h4" }, "b:h1>h3() c:h2>h4() a:h1>h4()" },
};
// clang-format on

static void describe(const Layout *layout, const Order *order, GString *text)
{
    const Problem *p = layout->problem;

    for (size_t i = 0; i < order->dropped.len; i++)
        g_string_append_printf(text, "%sdropped %s", text->len ? " " : "",
                               p->vm[order->dropped.items[i]]->name);
    for (size_t i = 0; i < order->steps.len; i++) {
        const struct order_step *step = &order->steps.items[i];

        g_string_append_printf(text, "%s%s:%s>%s(", text->len ? " " : "", p->vm[step->vm]->name,
                               p->host[step->from]->name, p->host[step->to]->name);
        for (size_t d = 0; d < step->n_depends; d++)
            g_string_append_printf(text, "%s%u", d ? "," : "", step->depends[d]);
        g_string_append(text, step->detour ? ")!" : ")");
    }
}

START_TEST(moves_wait_for_what_they_need)
{
    const struct order_row *row = &order_rows[_i];
    const struct layout_price free_moves = { 0 };
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = NULL;
    g_autoptr(Problem) problem = NULL;
    g_autoptr(Layout) layout = NULL;
    g_autoptr(Order) order = NULL;
    g_autofree struct order_rank *rank = NULL;
    g_autoptr(GString) text = g_string_new(NULL);

    scn_run(scn, row->text, NULL);
    snap = scn_snapshot(scn);
    problem = problem_new(snap, 1, scn_params(scn), 0, NULL);
    layout = layout_new(problem, &free_moves);
    for (size_t i = 0; i < G_N_ELEMENTS(row->moves) && row->moves[i]; i++) {
        g_auto(GStrv) words = g_strsplit(row->moves[i], " ", 2);

        layout_move(layout, problem_find_vm(problem, scn_vm(scn, words[0])),
                    problem_find_host(problem, scn_host(scn, words[1])));
    }
    rank = g_new0(struct order_rank, problem->n_vms + 1);
    order = order_new(layout, rank);
    describe(layout, order, text);
    ck_assert_msg(strcmp(text->str, row->steps) == 0, "%s: %s, expected %s", row->name, text->str,
                  row->steps);
}
END_TEST

START_TEST(caps_bound_what_runs_at_the_same_time)
{
    const struct layout_price free_moves = { 0 };
    g_autoptr(Scn) scn = scn_new();
    g_autoptr(Snapshot) snap = NULL;
    g_autoptr(Problem) problem = NULL;
    g_autoptr(Layout) layout = NULL;
    g_autoptr(Order) order = NULL;
    struct order_rank rank[4] = { { 0 } };

    scn_run(scn, "host h1\nhost h2\nhost h3\nvm a on=h1\nvm b on=h1\nvm c on=h1\nvm d on=h2", NULL);
    scn_params(scn)->cap_host_out = 0; /* read as 1 */
    scn_params(scn)->cap_cluster = 2;
    snap = scn_snapshot(scn);
    problem = problem_new(snap, 1, scn_params(scn), 0, NULL);
    layout = layout_new(problem, &free_moves);
    for (uint32_t v = 0; v < 4; v++)
        layout_move(layout, v, 2);
    rank[2].urgency = 3; /* c first */
    order = order_new(layout, rank);
    ck_assert_uint_eq(order->steps.len, 4);
    ck_assert_uint_eq(order->steps.items[0].vm, 2);
    for (size_t i = 0; i < 4; i++) {
        const struct order_step *a = &order->steps.items[i];
        int running = 0;

        for (size_t j = 0; j < 4; j++) {
            const struct order_step *b = &order->steps.items[j];

            if (i == j || a->start_ms < b->start_ms || a->start_ms >= b->start_ms + b->length_ms)
                continue;
            running++;
            ck_assert_uint_ne(a->from, b->from);
        }
        ck_assert_int_le(running, 1);
    }
    ck_assert_int_eq(order->makespan_ms, 3 * problem->vm_cost_ms[0]);
}
END_TEST

SUITE_MAIN("sched_layout", SUITE_TEST(a_root_is_the_floor_whatever_the_guess),
           SUITE_TEST(running_sums_stay_exact), SUITE_TEST(a_cluster_may_have_only_so_many_hosts),
           SUITE_TEST(an_unknown_vm_to_place_is_not_found),
           SUITE_LOOP(moves_wait_for_what_they_need, order_rows),
           SUITE_TEST(caps_bound_what_runs_at_the_same_time))
