/* test_sched_anneal.c - annealing only makes layouts better, keeps what must hold, and repeats. */
#include "config.h"

#include "scheduler/anneal.h"
#include "scheduler/filter.h"
#include "scheduler/improve.h"
#include "tests/sched_gen.h"
#include "tests/suite.h"

#define N_SEEDS 60

static const struct layout_price price = { .lambda_percent = 100, .min_gain = 15 };

struct bench {
    SnapshotBuilder *builder;
    Snapshot *snap;
    Problem *problem;
    Layout *layout;
    Search *search;
};

static void bench_up(struct bench *b, uint64_t seed)
{
    struct sched_params params;

    b->builder = gen_cluster(seed, 8, 60, &params);
    b->snap = snapshot_builder_build(b->builder, params.now_mono_ms);
    b->problem = problem_new(b->snap, GEN_CLUSTER, &params, 0, NULL);
    b->layout = layout_new(b->problem, &price);
    b->search = search_new(b->layout);
    improve_repair(b->search);
}

static void bench_down(struct bench *b)
{
    search_free(b->search);
    layout_free(b->layout);
    problem_free(b->problem);
    snapshot_unref(b->snap);
    snapshot_builder_free(b->builder);
}

/* By all filters, except for VMs that stand where they stood before. */
static void check_places(const struct bench *b, const uint32_t *before, uint64_t seed)
{
    Layout *l = b->layout;

    for (uint32_t v = 0; v < b->problem->n_vms; v++) {
        uint32_t at = l->at[v];
        enum filter_id bar;

        if (at == before[v])
            continue;
        ck_assert_msg(at != NO_INDEX && problem_usable(b->problem, at), "seed %u: VM %u is nowhere",
                      (unsigned)seed, v);
        ck_assert_msg(b->problem->vm_pin[v] < PIN_COOLING, "seed %u: pinned VM %u has moved",
                      (unsigned)seed, v);
        layout_move(l, v, NO_INDEX);
        bar = filter_first(l, v, at, FILTER_USE_BUNDLE);
        layout_move(l, v, at);
        ck_assert_msg(bar == FILTER_NONE, "seed %u: VM %u stands where %s forbids it",
                      (unsigned)seed, v, filter_name(bar));
    }
}

START_TEST(a_layout_gets_better_or_stays_and_keeps_every_filter)
{
    unsigned n_better = 0;

    for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
        struct bench b;
        struct score before;
        g_autofree uint32_t *at = NULL;
        bool better;

        bench_up(&b, seed);
        before = b.layout->score;
        at = g_memdup2(b.layout->at, (b.problem->n_vms + 1) * sizeof(*at));
        better = anneal(b.search, seed, 3000);
        n_better += better ? 1 : 0;
        ck_assert_int_eq(score_cmp(&b.layout->score, &before) < 0, better);
        ck_assert_int_le(score_cmp(&b.layout->score, &before), 0);
        check_places(&b, at, seed);
        bench_down(&b);
    }
    ck_assert_uint_gt(n_better, N_SEEDS / 2);
}
END_TEST

START_TEST(the_same_seed_and_budget_give_the_same_layout)
{
    for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
        struct bench a, b;

        bench_up(&a, seed);
        bench_up(&b, seed);
        anneal(a.search, seed, 2000);
        anneal(b.search, seed, 2000);
        ck_assert_mem_eq(a.layout->at, b.layout->at, a.problem->n_vms * sizeof(*a.layout->at));
        bench_down(&a);
        bench_down(&b);
    }
}
END_TEST

START_TEST(no_budget_changes_nothing)
{
    struct bench b;
    struct score before;

    bench_up(&b, 3);
    before = b.layout->score;
    ck_assert(!anneal(b.search, 3, 0));
    ck_assert_int_eq(score_cmp(&b.layout->score, &before), 0);
    bench_down(&b);
}
END_TEST

SUITE_MAIN("sched_anneal", SUITE_TEST(a_layout_gets_better_or_stays_and_keeps_every_filter),
           SUITE_TEST(the_same_seed_and_budget_give_the_same_layout),
           SUITE_TEST(no_budget_changes_nothing))
