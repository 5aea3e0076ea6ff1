/* suite.h - main() and small helpers for a unit test program (Check).
 *
 *     START_TEST(a_name_that_says_what_holds) { ... } END_TEST
 *     SUITE_MAIN("err", SUITE_TEST(a_name_that_says_what_holds), SUITE_LOOP(by_table, table))
 *
 * In a looped test `_i` is the row.  Each test runs in its own process. */
#ifndef VRM_TESTS_SUITE_H
#define VRM_TESTS_SUITE_H

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

struct suite_test {
    const TTest *test;
    size_t n_rows; /* 0: not looped */
};

#define SUITE_TEST(fn)                                                                             \
    {                                                                                              \
        fn, 0                                                                                      \
    }
#define SUITE_LOOP(fn, table)                                                                      \
    {                                                                                              \
        fn, G_N_ELEMENTS(table)                                                                    \
    }

/* Fails the test with the error's text if there is one. */
G_GNUC_UNUSED static inline void suite_no_error(const GError *error)
{
    ck_assert_msg(!error, "unexpected error: %s", error ? error->message : "");
}

/* The error must be there, have this code and contain this text; it is cleared. */
G_GNUC_UNUSED static inline void suite_take_error(GError **error, enum vrm_err code,
                                                  const char *part)
{
    const char *message = *error && (*error)->message ? (*error)->message : "no error";

    ck_assert_msg(err_is(*error, code), "expected code %s: %s", err_code_name(code), message);
    ck_assert_msg(strstr(message, part) != NULL, "expected \"%s\" in: %s", part, message);
    g_clear_error(error);
}

static inline int suite_run(const char *name, const struct suite_test *tests, size_t n_tests)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    const char *only = g_getenv("SUITE_ONLY"); /* a part of names: for who looks for one fault */
    int failed;

    for (size_t i = 0; i < n_tests; i++) {
        if (only && !strstr(tests[i].test->name, only))
            continue;
        if (tests[i].n_rows == 0)
            tcase_add_test(tcase, tests[i].test);
        else
            tcase_add_loop_test(tcase, tests[i].test, 0, (int)tests[i].n_rows);
    }
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define SUITE_MAIN(name, ...)                                                                      \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct suite_test tests[] = { __VA_ARGS__ };                                         \
                                                                                                   \
        return suite_run(name, tests, G_N_ELEMENTS(tests));                                        \
    }

#endif /* VRM_TESTS_SUITE_H */
