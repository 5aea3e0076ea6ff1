/* test_log.c - the stderr form, levels and the rate limiter. */
#include "config.h"

#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/suite.h"

/* What write_entries put on stderr, without the times. */
static char *capture(void (*write_entries)(void))
{
    g_autofree char *name = NULL;
    g_autoptr(GRegex) when =
        g_regex_new("(?m)^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3} ", 0, 0, NULL);
    char *text = NULL, *without;
    int fd = g_file_open_tmp("test_log_XXXXXX", &name, NULL);
    int saved = dup(STDERR_FILENO);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
    write_entries();
    ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
    close(saved);
    close(fd);
    ck_assert(g_file_get_contents(name, &text, NULL, NULL));
    unlink(name);
    without = g_regex_replace_literal(when, text, -1, 0, "", 0, NULL);
    g_free(text);
    return without;
}

static void plain(void)
{
    log_info("migration done", "TASK", "12", "VM", "web", NULL);
    log_warning("no fields", NULL);
    log_error("agent lost", "HOST", NULL, NULL);
    log_debug("not at this level", NULL);
}

START_TEST(an_entry_is_one_line_with_its_fields)
{
    g_autofree char *text = capture(plain);

    ck_assert_str_eq(text, "info  migration done TASK=12 VM=web\n"
                           "warning no fields\n"
                           "error agent lost HOST=-\n");
}
END_TEST

static void nasty(void)
{
    log_info("two\nlines", "VM", "a b", "NOTE", "say \"hi\"\\", "EMPTY", "", "ESC", "\x1b[31m\n",
             "UTF", "\xc3\xa9", "CSI",
             "\xc2\x9b"
             "2J",
             NULL);
}

START_TEST(a_value_cannot_forge_a_line_or_a_field)
{
    g_autofree char *text = capture(nasty);

    ck_assert_str_eq(text, "info  two\\x0alines VM=\"a b\" NOTE=\"say \\\"hi\\\"\\\\\" EMPTY=\"\" "
                           "ESC=\\x1b[31m\\x0a UTF=\xc3\xa9 CSI=\\xc2\\x9b2J\n");
}
END_TEST

static void many(void)
{
    log_info("many", "F", "1", "F", "2", "F", "3", "F", "4", "F", "5", "F", "6", "F", "7", "F", "8",
             "F", "9", "F", "10", "F", "11", "F", "12", "F", "13", "F", "14", "F", "15", "F", "16",
             "F", "17", "F", "18", "F", "19", "F", "20", "F", "21", "F", "22", "F", "23", "F", "24",
             "F", "25", "F", "26", "F", "27", "F", "28", NULL);
}

START_TEST(too_many_fields_are_cut_not_a_crash)
{
    g_autofree char *text = capture(many);

    ck_assert_ptr_nonnull(strstr(text, "F=24"));
    ck_assert_ptr_null(strstr(text, "F=28"));
}
END_TEST

static void by_glib(void)
{
    log_init("test", LOG_LEVEL_WARNING);
    log_info("hidden", NULL);
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("shown", NULL);
    g_message("from %s", "glib");
}

START_TEST(the_level_can_change_and_glib_takes_the_same_way)
{
    g_autofree char *text = capture(by_glib);

    ck_assert_str_eq(text, "debug shown\ninfo  from glib\n");
}
END_TEST

START_TEST(level_names_parse)
{
    enum log_level level = LOG_LEVEL_INFO;

    ck_assert(log_level_parse("debug", &level));
    ck_assert_int_eq((int)level, (int)LOG_LEVEL_DEBUG);
    ck_assert(!log_level_parse("Debug", &level));
    ck_assert(!log_level_parse(NULL, &level));
    ck_assert_int_eq((int)level, (int)LOG_LEVEL_DEBUG);
}
END_TEST

START_TEST(the_limiter_passes_once_per_interval_and_counts)
{
    struct log_limit limit = { 0 };
    unsigned left_out = 99;

    ck_assert(log_limit_pass(&limit, 5000, 1000, &left_out));
    ck_assert_uint_eq(left_out, 0);
    ck_assert(!log_limit_pass(&limit, 5001, 1000, &left_out));
    ck_assert(!log_limit_pass(&limit, 5999, 1000, &left_out));
    ck_assert(log_limit_pass(&limit, 6000, 1000, &left_out));
    ck_assert_uint_eq(left_out, 2);
    ck_assert(log_limit_pass(&limit, 9000, 1000, NULL));
}
END_TEST

SUITE_MAIN("log", SUITE_TEST(an_entry_is_one_line_with_its_fields),
           SUITE_TEST(a_value_cannot_forge_a_line_or_a_field),
           SUITE_TEST(too_many_fields_are_cut_not_a_crash),
           SUITE_TEST(the_level_can_change_and_glib_takes_the_same_way),
           SUITE_TEST(level_names_parse),
           SUITE_TEST(the_limiter_passes_once_per_interval_and_counts))
