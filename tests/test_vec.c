/* test_vec.c - typed arrays and the reference count. */
#include "config.h"

#include "base/vec.h"

#include "base/ref.h"
#include "tests/suite.h"

VEC_DECLARE(int_vec, int);

START_TEST(a_vector_keeps_what_is_pushed)
{
    struct int_vec vec = { 0 };

    for (int i = 0; i < 1000; i++)
        int_vec_push(&vec, i * 3);
    ck_assert_uint_eq(vec.len, 1000);
    for (size_t i = 0; i < vec.len; i++)
        ck_assert_int_eq(vec.items[i], (intmax_t)i * 3);
    int_vec_clear(&vec);
    ck_assert_uint_eq(vec.len, 0);
    ck_assert_ptr_null(vec.items);
    int_vec_clear(&vec); /* twice is fine */
}
END_TEST

START_TEST(only_the_last_put_says_free)
{
    struct ref ref;

    ref_init(&ref);
    ref_get(&ref);
    ref_get(&ref);
    ck_assert(!ref_put(&ref));
    ck_assert(!ref_put(&ref));
    ck_assert(ref_put(&ref));
}
END_TEST

SUITE_MAIN("vec", SUITE_TEST(a_vector_keeps_what_is_pushed),
           SUITE_TEST(only_the_last_put_says_free))
