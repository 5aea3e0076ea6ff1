/* test_rng.c - the generator repeats exactly and is fair. */
#include "config.h"

#include "base/rng.h"

#include "tests/suite.h"

/* From an independent implementation of the published algorithms, seed 42. */
static const uint64_t seed_42[] = {
    UINT64_C(0x15780b2e0c2ec716), UINT64_C(0x6104d9866d113a7e), UINT64_C(0xae17533239e499a1),
    UINT64_C(0xecb8ad4703b360a1), UINT64_C(0xfde6dc7fe2ec5e64), UINT64_C(0xc50da53101795238),
};

START_TEST(a_seed_gives_the_published_sequence)
{
    struct rng rng;

    rng_seed(&rng, 42);
    for (size_t i = 0; i < G_N_ELEMENTS(seed_42); i++)
        ck_assert_uint_eq(rng_next(&rng), seed_42[i]);
}
END_TEST

START_TEST(different_seeds_give_different_sequences)
{
    struct rng a, b;

    rng_seed(&a, 0);
    rng_seed(&b, 1);
    ck_assert_uint_ne(rng_next(&a), rng_next(&b));
}
END_TEST

static const uint32_t bounds[] = { 1, 2, 3, 7, 10, 1000, UINT32_C(0x80000001), UINT32_MAX };

START_TEST(below_stays_below)
{
    struct rng rng;

    rng_seed(&rng, (uint64_t)_i);
    for (int i = 0; i < 10000; i++)
        ck_assert_uint_lt(rng_below(&rng, bounds[_i]), bounds[_i]);
}
END_TEST

START_TEST(below_is_even)
{
    struct rng rng;
    int seen[6] = { 0 };

    rng_seed(&rng, 3);
    for (int i = 0; i < 60000; i++)
        seen[rng_below(&rng, 6)]++;
    for (size_t i = 0; i < G_N_ELEMENTS(seen); i++) {
        ck_assert_int_gt(seen[i], 9500);
        ck_assert_int_lt(seen[i], 10500);
    }
}
END_TEST

START_TEST(a_secret_is_hex_of_the_right_length_and_new_each_time)
{
    g_autofree char *a = rng_secret_hex(24);
    g_autofree char *b = rng_secret_hex(24);
    g_autofree char *none = rng_secret_hex(0);

    ck_assert_uint_eq(strlen(a), 48);
    ck_assert_uint_eq(strspn(a, "0123456789abcdef"), 48);
    ck_assert_str_ne(a, b);
    ck_assert_str_eq(none, "");
}
END_TEST

SUITE_MAIN("rng", SUITE_TEST(a_seed_gives_the_published_sequence),
           SUITE_TEST(different_seeds_give_different_sequences),
           SUITE_LOOP(below_stays_below, bounds), SUITE_TEST(below_is_even),
           SUITE_TEST(a_secret_is_hex_of_the_right_length_and_new_each_time))
