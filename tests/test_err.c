/* test_err.c - codes, reasons and fields of VRM_ERROR. */
#include "config.h"

#include "tests/suite.h"

START_TEST(the_error_carries_code_and_message)
{
    g_autoptr(GError) error = NULL;

    err_set(&error, VRM_ERR_BUSY, "vm %s is %d", "web", 7);
    ck_assert_str_eq(error->message, "vm web is 7");
    ck_assert(err_is(error, VRM_ERR_BUSY));
    ck_assert(!err_is(error, VRM_ERR_INVALID));
    ck_assert_int_eq(err_reason(error), 0);
    ck_assert_ptr_null(err_field(error));
}
END_TEST

START_TEST(reason_and_field_survive_copy_and_prefix)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) copy = NULL;
    char field[] = "cpu.quantity";

    err_set_reason(&error, VRM_ERR_INVALID, 10300010, field, "%s = 99", field);
    field[0] = 'X'; /* it was copied */
    copy = g_error_copy(error);
    g_clear_error(&error);
    g_prefix_error(&copy, "create: ");
    ck_assert_str_eq(copy->message, "create: cpu.quantity = 99");
    ck_assert_int_eq(err_reason(copy), 10300010);
    ck_assert_str_eq(err_field(copy), "cpu.quantity");
}
END_TEST

START_TEST(nobody_listening_is_fine)
{
    err_set(NULL, VRM_ERR_BUSY, "x");
    err_set_reason(NULL, VRM_ERR_BUSY, 1, "f", "x");
}
END_TEST

START_TEST(a_foreign_error_has_no_reason)
{
    g_autoptr(GError) error = g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_NOENT, "gone");

    ck_assert(!err_is(error, VRM_ERR_BUSY));
    ck_assert_int_eq(err_reason(error), 0);
    ck_assert_ptr_null(err_field(error));
    ck_assert_int_eq(err_reason(NULL), 0);
    ck_assert_ptr_null(err_field(NULL));
    ck_assert(!err_is(NULL, VRM_ERR_INVALID));
}
END_TEST

START_TEST(each_code_has_a_name_that_parses_back)
{
    for (enum vrm_err code = VRM_ERR_INVALID; code <= VRM_ERR_INTERNAL; code++) {
        enum vrm_err again = VRM_ERR_INTERNAL;

        ck_assert_ptr_nonnull(err_code_name(code));
        ck_assert(err_code_parse(err_code_name(code), &again));
        ck_assert_int_eq((int)again, (int)code);
    }
}
END_TEST

START_TEST(an_unknown_name_is_refused)
{
    enum vrm_err code = VRM_ERR_BUSY;

    ck_assert(!err_code_parse("Busy", &code));
    ck_assert(!err_code_parse("", &code));
    ck_assert(!err_code_parse(NULL, &code));
    ck_assert_int_eq((int)code, (int)VRM_ERR_BUSY);
}
END_TEST

SUITE_MAIN("err", SUITE_TEST(the_error_carries_code_and_message),
           SUITE_TEST(reason_and_field_survive_copy_and_prefix),
           SUITE_TEST(nobody_listening_is_fine), SUITE_TEST(a_foreign_error_has_no_reason),
           SUITE_TEST(each_code_has_a_name_that_parses_back),
           SUITE_TEST(an_unknown_name_is_refused))
