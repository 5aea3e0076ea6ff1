/* test_confcheck.c - addresses, URLs and folders of settings. */
#include "config.h"

#include "base/confcheck.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "base/err.h"
#include "tests/suite.h"
#include "tests/tempdir.h"

static const struct {
    const char *text;
    bool good;
} addresses[] = {
    { "0.0.0.0", true },    { "192.0.2.10", true },     { "::", true },         { "fd00::1", true },
    { "localhost", false }, { "192.0.2.10:80", false }, { "256.1.1.1", false }, { "*", false },
};

START_TEST(an_address_is_a_number_and_not_a_name)
{
    g_autofree char *want = confcheck_address(addresses[_i].text);

    ck_assert_msg(!want == addresses[_i].good, "%s: %s", addresses[_i].text, want);
}
END_TEST

static const struct {
    const char *text;
    bool good;
} urls[] = {
    { "http://127.0.0.1:2379", true },
    { "https://etcd1.example:2379/", true },
    { "https://[fd00::1]:2379", true },
    { "HTTP://a", true },
    { "127.0.0.1:2379", false },
    { "etcd1", false },
    { "ftp://a:1", false },
    { "http://", false },
    { "http://a:0", false },
    { "http://a:99999", false },
    { "http://a:x", false },
    { "http://a:1/v3", false },
    { "http://a:1?x=y", false },
    { "http://me:pw@a:1", false },
    { "http://a b:1", false },
    { "http://a:1#f", false },
};

START_TEST(a_url_has_scheme_and_host_and_no_path)
{
    g_autofree char *want = confcheck_url(urls[_i].text);

    ck_assert_msg(!want == urls[_i].good, "%s: %s", urls[_i].text, want);
}
END_TEST

START_TEST(a_folder_may_be_missing_if_it_can_be_made)
{
    char *dir = tempdir_new();
    g_autofree char *deep = g_build_filename(dir, "a", "b", NULL);
    g_autoptr(GError) error = NULL;

    ck_assert(confcheck_folder("[x] dir", dir, &error));
    ck_assert(confcheck_folder("[x] dir", deep, &error));
    ck_assert(!g_file_test(deep, G_FILE_TEST_EXISTS));
    tempdir_free(dir);
}
END_TEST

START_TEST(what_is_no_folder_is_named)
{
    char *dir = tempdir_new();
    g_autofree char *file = g_build_filename(dir, "file", NULL);
    g_autofree char *below = g_build_filename(file, "state", NULL);
    g_autofree char *said = g_strdup_printf("[x] dir = %s: %s is not a folder", below, file);
    g_autoptr(GError) error = NULL;

    ck_assert(g_file_set_contents(file, "", 0, NULL));
    ck_assert(!confcheck_folder("[x] dir", below, &error));
    suite_take_error(&error, VRM_ERR_INVALID, said);
    tempdir_free(dir);
}
END_TEST

START_TEST(a_folder_that_nobody_may_write_is_refused)
{
    g_autoptr(GError) error = NULL;

    ck_assert(!confcheck_folder("[x] dir", "/proc/sys/nowhere", &error));
    suite_take_error(&error, VRM_ERR_INVALID, "[x] dir = /proc/sys/nowhere: cannot write in");
}
END_TEST

/* clang-format off */
static const struct {
    const char *error, *want; /* want: after the path */
} places[] = {
    { "[a] x = 1: want 2",       ":3: [a] x = 1: want 2" },
    { "[b] x = 7, y = 8: no",    ":6: [b] x = 7, y = 8: no" },
    { "[b] x is given and z is not", ":6: [b] x is given and z is not" },
    { "[b] xx = 1: want 2",      ": [b] xx = 1: want 2" },
    { "[c] x = 1: want 2",       ": [c] x = 1: want 2" },
    { "no setting is named",     ": no setting is named" },
};
/* clang-format on */

START_TEST(an_error_about_a_setting_gets_its_line)
{
    g_autofree char *path = NULL;
    g_autofree char *want = NULL;
    g_autoptr(GError) error = NULL;
    int fd = g_file_open_tmp("vrm-confcheck-XXXXXX", &path, NULL);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(fd), 0);
    ck_assert(g_file_set_contents(path, "# x = 0\n[a]\n  x=1\ny = 2\n[b]\nx = 7\n", -1, NULL));
    err_set(&error, VRM_ERR_INVALID, "%s", places[_i].error);
    confcheck_place(path, &error);
    want = g_strconcat(path, places[_i].want, NULL);
    ck_assert_str_eq(error->message, want);
    (void)g_unlink(path);
}
END_TEST

SUITE_MAIN("confcheck", SUITE_LOOP(an_address_is_a_number_and_not_a_name, addresses),
           SUITE_LOOP(a_url_has_scheme_and_host_and_no_path, urls),
           SUITE_TEST(a_folder_may_be_missing_if_it_can_be_made),
           SUITE_TEST(what_is_no_folder_is_named),
           SUITE_TEST(a_folder_that_nobody_may_write_is_refused),
           SUITE_LOOP(an_error_about_a_setting_gets_its_line, places))
