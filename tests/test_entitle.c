/* test_entitle.c - what VMs are entitled to: reservation, limit (in the demand), shares. */
#include "config.h"

#include "base/rng.h"
#include "scheduler/entitle.h"
#include "tests/suite.h"

#define MAX_CLAIMS 5

static const struct {
    const char *name;
    int64_t capacity;
    struct entitle_claim claims[MAX_CLAIMS]; /* demand, reserved, shares */
    int64_t grants[MAX_CLAIMS];
} rows[] = {
    { "all fits", 1000, { { 400, 0, 1 }, { 600, 0, 1 } }, { 400, 600 } },
    { "equal shares", 1000, { { 900, 0, 1000 }, { 900, 0, 1000 } }, { 500, 500 } },
    { "shares one to three", 1000, { { 900, 0, 1000 }, { 900, 0, 3000 } }, { 250, 750 } },
    { "small demand leaves more",
      1000,
      { { 100, 0, 1 }, { 900, 0, 1 }, { 900, 0, 1 } },
      { 100, 450, 450 } },
    { "a reservation comes first", 1000, { { 900, 800, 1 }, { 900, 0, 1 } }, { 800, 200 } },
    { "a reservation below the share changes nothing",
      1000,
      { { 900, 300, 1 }, { 900, 0, 1 } },
      { 500, 500 } },
    { "an idle VM's reservation is used by others",
      1000,
      { { 100, 900, 1 }, { 900, 0, 1 }, { 300, 0, 1 } },
      { 100, 600, 300 } },
    { "reservations beyond capacity are had all the same",
      1000,
      { { 900, 700, 1 }, { 900, 700, 9 }, { 50, 0, 1 } },
      { 700, 700, 0 } },
    { "single units go to the first",
      1000,
      { { 500, 0, 1 }, { 500, 0, 1 }, { 500, 0, 1 } },
      { 334, 333, 333 } },
    { "no shares count as one", 90, { { 90, 0, 0 }, { 90, 0, 2 }, { 90, 0, -5 } }, { 23, 45, 22 } },
    { "nothing to give", 0, { { 5, 0, 1 }, { 5, 0, 1 } }, { 0, 0 } },
    { "the largest figures",
      1000000000,
      { { 1000000000, 0, 1000000000 }, { 1000000000, 0, 1 } },
      { 999999941, 59 } },
};

START_TEST(each_gets_its_part)
{
    int64_t grants[MAX_CLAIMS] = { 0 };
    size_t n = 0;

    while (n < MAX_CLAIMS && rows[_i].claims[n].demand > 0)
        n++;
    entitle_share(rows[_i].claims, n, rows[_i].capacity, grants);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(grants[i] == rows[_i].grants[i], "%s: claim %zu gets %lld, not %lld",
                      rows[_i].name, i, (long long)grants[i], (long long)rows[_i].grants[i]);
}
END_TEST

/* The fairness that "water filling" means: who has room up to its demand holds no less for each
 * share than anybody who holds more than its reservation. */
static void check_fair(const struct entitle_claim *c, const int64_t *grants, size_t n)
{
    for (size_t a = 0; a < n; a++) {
        for (size_t b = 0; b < n; b++) {
            int64_t floor_b = MIN(c[b].demand, c[b].reserved);

            if (grants[a] >= c[a].demand || grants[b] <= floor_b)
                continue;
            ck_assert((grants[a] + 1) * c[b].shares >= (grants[b] - 1) * c[a].shares);
        }
    }
}

static const uint64_t seeds[] = { 1, 2, 3, 5, 8, 13, 21, 34, 55, 89 };

START_TEST(random_claims_keep_every_promise)
{
    struct rng rng;

    rng_seed(&rng, seeds[_i]);
    for (int round = 0; round < 200; round++) {
        struct entitle_claim c[40];
        int64_t grants[40], capacity = rng_below(&rng, 20000), demand = 0, floors = 0, sum = 0;
        size_t n = 1 + rng_below(&rng, 40);

        for (size_t i = 0; i < n; i++) {
            c[i] = (struct entitle_claim){ .demand = rng_below(&rng, 2000),
                                           .reserved =
                                               rng_below(&rng, 3) == 0 ? rng_below(&rng, 1500) : 0,
                                           .shares = 1 + rng_below(&rng, 8000) };
            demand += c[i].demand;
            floors += MIN(c[i].demand, c[i].reserved);
        }
        entitle_share(c, n, capacity, grants);
        for (size_t i = 0; i < n; i++) {
            ck_assert_int_le(grants[i], c[i].demand);
            ck_assert_int_ge(grants[i], MIN(c[i].demand, c[i].reserved));
            sum += grants[i];
        }
        ck_assert_int_eq(sum, MIN(demand, MAX(capacity, floors)));
        check_fair(c, grants, n);
    }
}
END_TEST

SUITE_MAIN("entitle", SUITE_LOOP(each_gets_its_part, rows),
           SUITE_LOOP(random_claims_keep_every_promise, seeds))
