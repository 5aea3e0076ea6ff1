/* test_api_target.c - request targets as real clients write them. */
#include "config.h"

#include "api/target.h"

#include "tests/suite.h"

static const struct {
    const char *text;
    const char *path; /* segments joined with '|'; NULL: refused */
    const char *limit;
} targets[] = {
    { "/service/sites", "service|sites", NULL },
    { "/service/sites/", "service|sites", NULL },
    { "https://127.0.0.1:7443/service/sites", "service|sites", NULL },
    { "HTTP://h/service?limit=3", "service", "3" },
    { "https://h:7443", "", NULL },
    { "/a/discovery ", "a|discovery", NULL },
    { "/a/discovery%20", "a|discovery", NULL },
    { "/a%2Fb", "a/b", NULL },
    { "/a?LIMIT=5&x=1", "a", "5" },
    { "/a?limit=&limit=7", "a", "7" },
    { "/a?limit", "a", NULL },
    { "/a?&&=3&limit=+8+", "a", "8" },
    { "/a?limit=%319", "a", "19" },
    { "", "", NULL },
    { "*", "*", NULL },
    { "/a%", NULL, NULL },
    { "/a%0", NULL, NULL },
    { "/a%zz", NULL, NULL },
    { "/a%00b", NULL, NULL },
    { "/a%ff", NULL, NULL },
    { "/a?b=%00", NULL, NULL },
    { "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", NULL, NULL },
};

START_TEST(a_target_is_taken_apart_as_clients_mean_it)
{
    struct target target = { 0 };
    g_autoptr(GError) error = NULL;
    bool ok = target_parse(targets[_i].text, &target, &error);

    ck_assert_msg(ok == !!targets[_i].path, "%s", targets[_i].text);
    if (ok) {
        g_autoptr(GString) path = g_string_new("");

        for (size_t i = 0; i < target.n_segments; i++)
            g_string_append_printf(path, "%s%s", i ? "|" : "", target.segments[i]);
        ck_assert_str_eq(path->str, targets[_i].path);
        ck_assert_pstr_eq(target_param(&target, "limit"), targets[_i].limit);
    } else {
        ck_assert(err_is(error, VRM_ERR_INVALID));
    }
    target_clear(&target);
}
END_TEST

START_TEST(numbers_outside_their_range_name_the_parameter)
{
    struct target target = { 0 };
    g_autoptr(GError) error = NULL;
    int64_t value = 3;
    bool flag = false;

    ck_assert(target_parse("/x?limit=-1&name=a&b=TRUE&c=maybe", &target, NULL));
    ck_assert(!target_int(&target, INT_FIELD("limit", 0, 10, 10000013, &value), &error));
    ck_assert_int_eq(err_reason(error), 10000013);
    ck_assert_str_eq(err_field(error), "limit");
    suite_take_error(&error, VRM_ERR_INVALID, "limit = -1: want an integer in 0..10");
    ck_assert_int_eq(value, 3);
    ck_assert(target_int(&target, INT_FIELD("absent", 0, 10, 0, &value), &error));
    ck_assert(!target_int(&target, INT_FIELD("name", 0, 10, 0, &value), &error));
    g_clear_error(&error);
    ck_assert(target_bool(&target, "b", &flag, &error) && flag);
    ck_assert(!target_bool(&target, "c", &flag, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "c = maybe");
    target_clear(&target);
}
END_TEST

START_TEST(too_many_parameters_or_too_long_a_target_is_refused)
{
    g_autoptr(GString) text = g_string_new("/x?");
    struct target target = { 0 };

    for (int i = 0; i <= TARGET_MAX_PARAMS; i++)
        g_string_append(text, "a=1&");
    ck_assert(!target_parse(text->str, &target, NULL));
    target_clear(&target);
    g_string_assign(text, "/");
    for (int i = 0; i <= TARGET_MAX_LENGTH; i++)
        g_string_append_c(text, 'a');
    ck_assert(!target_parse(text->str, &target, NULL));
    target_clear(&target);
}
END_TEST

SUITE_MAIN("api_target", SUITE_LOOP(a_target_is_taken_apart_as_clients_mean_it, targets),
           SUITE_TEST(numbers_outside_their_range_name_the_parameter),
           SUITE_TEST(too_many_parameters_or_too_long_a_target_is_refused))
