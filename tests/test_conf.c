/* test_conf.c - configuration files: every type, every complaint. */
#include "config.h"

#include "base/conf.h"

#include <string.h>
#include <unistd.h>

#include "tests/suite.h"

struct settings {
    char *listen;
    int64_t port;
    bool tls;
    char *ca;
    char *level;
    char **peers;
    char *password;
};

#define AT(field) offsetof(struct settings, field)

static char *no_digits(const char *text)
{
    return strpbrk(text, "0123456789") ? g_strdup("no digits") : NULL;
}

/* clang-format off */
static const struct conf_setting table[] = {
    { "api", "listen",   CONF_STRING, AT(listen), "127.0.0.1", 1, 64, NULL,
      "address the API listens on", false, false, NULL },
    { "api", "port",     CONF_INT,    AT(port),   "7443", 1, 65535, NULL,
      "its port", false, false, NULL },
    { "api", "tls",      CONF_BOOL,   AT(tls),    "yes", 0, 0, NULL,
      "speak TLS", true, false, NULL },
    { "api", "ca-file",  CONF_PATH,   AT(ca),     "", 0, 0, NULL,
      "whom to trust", true, false, NULL },
    { "log", "level",    CONF_CHOICE, AT(level),  "info", 0, 0, "error|warning|info|debug",
      "what is logged", true, false, NULL },
    { "etcd", "peers",   CONF_LIST,   AT(peers),  "a, b", 1, 3, NULL,
      "the servers", false, false, no_digits },
    { "db",  "password", CONF_STRING, AT(password), NULL, 4, 0, NULL,
      "of the database user", false, true, no_digits },
};
/* clang-format on */
#define N G_N_ELEMENTS(table)

START_TEST(defaults_fill_everything_that_has_one)
{
    g_autoptr(GError) error = NULL;
    struct settings s = { 0 };

    ck_assert(conf_load(NULL, table, N, &s, &error));
    ck_assert_str_eq(s.listen, "127.0.0.1");
    ck_assert_int_eq(s.port, 7443);
    ck_assert(s.tls);
    ck_assert_str_eq(s.ca, "");
    ck_assert_str_eq(s.level, "info");
    ck_assert_uint_eq(g_strv_length(s.peers), 2);
    ck_assert_str_eq(s.peers[1], "b");
    ck_assert_ptr_null(s.password);
    conf_clear(table, N, &s);
    ck_assert_ptr_null(s.listen);
    ck_assert_ptr_null(s.peers);
    ck_assert_int_eq(s.port, 0);
    conf_clear(table, N, &s);
}
END_TEST

static const char full[] = "# a comment\n"
                           "; another\n"
                           "\n"
                           "  [ api ]\r\n"
                           "listen =\t::1 \n"
                           "port=1\n"
                           "tls = OFF\n"
                           "ca-file = /etc/ca = 1.pem\n"
                           "[db]\n"
                           "password = a#b;c \"d\"\n"
                           "[log]\n"
                           "level = debug\n"
                           "[api]\n"
                           "[etcd]\n"
                           "peers = x ,y,\t z";

START_TEST(a_file_gives_every_type)
{
    g_autoptr(GError) error = NULL;
    struct settings s = { 0 };

    ck_assert_msg(conf_parse(full, "t.conf", table, N, &s, &error), "%s",
                  error ? error->message : "");
    ck_assert_str_eq(s.listen, "::1");
    ck_assert_int_eq(s.port, 1);
    ck_assert(!s.tls);
    ck_assert_str_eq(s.ca, "/etc/ca = 1.pem");
    ck_assert_str_eq(s.password, "a#b;c \"d\"");
    ck_assert_str_eq(s.level, "debug");
    ck_assert_uint_eq(g_strv_length(s.peers), 3);
    ck_assert_str_eq(s.peers[0], "x");
    ck_assert_str_eq(s.peers[2], "z");
    conf_clear(table, N, &s);
}
END_TEST

#define DB "[db]\npassword = secret\n"

static const struct {
    const char *text;
    const char *message;
} wrong[] = {
    { "", "t.conf: [db] password is missing; it has no default (of the database user)" },
    { DB "[api]\nport = 99999\n", "t.conf:4: [api] port = 99999: want 1..65535" },
    { DB "[api]\nport = 0\n", "t.conf:4: [api] port = 0: want 1..65535" },
    { DB "[api]\nport = 7443x\n", "t.conf:4: [api] port = 7443x: want 1..65535" },
    { DB "[api]\nport =\n", "t.conf:4: [api] port = : want 1..65535" },
    { DB "[api]\nport = 99999999999999999999999\n", "want 1..65535" },
    { DB "[api]\nlisten =\n", "t.conf:4: [api] listen = : want 1..64 characters" },
    { DB "[api]\ntls = maybe\n", "t.conf:4: [api] tls = maybe: want true or false" },
    { DB "[api]\nca-file = ca.pem\n", "t.conf:4: [api] ca-file = ca.pem: want an absolute path" },
    { DB "[log]\nlevel = Info\n",
      "t.conf:4: [log] level = Info: want one of error, warning, info, debug" },
    { DB "[etcd]\npeers =\n", "t.conf:4: [etcd] peers = : want 1..3 items" },
    { DB "[etcd]\npeers = a,,b\n", "t.conf:4: [etcd] peers = a,,b: want 1..3 items" },
    { DB "[etcd]\npeers = a,b,\n", "want 1..3 items" },
    { DB "[etcd]\npeers = a, b2\n", "t.conf:4: [etcd] peers = b2: want no digits" },
    { "[db]\npassword = abc1\n", "t.conf:2: [db] password = ***: want no digits" },
    { DB "[etcd]\npeers = a,b,c,d\n", "want 1..3 items" },
    { "[db]\npassword = abc\n", "t.conf:2: [db] password = ***: want 4..4096 characters" },
    { DB "[api]\nprot = 1\n", "t.conf:4: unknown key prot in [api]; did you mean port?" },
    { DB "[api]\nPORT = 1\n", "t.conf:4: unknown key PORT in [api]; did you mean port?" },
    { DB "[api]\nlevel = info\n", "unknown key level in [api]; known: listen, port, tls, ca-file" },
    { DB "[apis]\n", "t.conf:3: unknown section [apis]; did you mean api?" },
    { DB "[storage]\n", "t.conf:3: unknown section [storage]; known: api, log, etcd, db" },
    { DB "[]\n", "t.conf:3: unknown section []; known" },
    { DB "[api\n", "t.conf:3: \"[api\": want [section]" },
    { DB "[api]\nport = 1\n\nport = 1\n", "t.conf:6: [api] port is given twice, first in line 4" },
    { DB "[api]\nport 1\n", "t.conf:4: \"port 1\": want key = value" },
    { DB "[api]\n= 1\n", "t.conf:4: \"= 1\": want key = value" },
    { "port = 1\n", "t.conf:1: a key stands before the first [section]" },
    { DB "[api]\nlisten = a\x01"
         "b\n",
      "t.conf:4: want UTF-8 text without control characters" },
    { DB "[api]\nlisten = \xff\n", "t.conf:4: want UTF-8 text without control characters" },
};

START_TEST(a_mistake_is_named_and_nothing_changes)
{
    g_autoptr(GError) error = NULL;
    struct settings s = { .port = 42 };

    ck_assert(!conf_parse(wrong[_i].text, "t.conf", table, N, &s, &error));
    suite_take_error(&error, VRM_ERR_INVALID, wrong[_i].message);
    ck_assert_int_eq(s.port, 42);
    ck_assert_ptr_null(s.listen);
    ck_assert_ptr_null(s.peers);
}
END_TEST

static const struct {
    const char *text;
    bool value;
} bools[] = {
    { "true", true },   { "Yes", true }, { "ON", true },   { "1", true },
    { "false", false }, { "no", false }, { "Off", false }, { "0", false },
};

START_TEST(a_boolean_has_eight_words)
{
    g_autofree char *text = g_strdup_printf(DB "[api]\ntls = %s\n", bools[_i].text);
    struct settings s = { .tls = !bools[_i].value };

    ck_assert(conf_parse(text, "t.conf", table, N, &s, NULL));
    ck_assert_int_eq(s.tls, bools[_i].value);
    conf_clear(table, N, &s);
}
END_TEST

START_TEST(what_is_printed_reads_back_without_the_secret)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;
    struct settings s = { 0 }, again = { 0 };

    ck_assert(conf_parse(full, "t.conf", table, N, &s, NULL));
    first = conf_format(table, N, &s);
    ck_assert_ptr_nonnull(strstr(first, "[api]\n# address the API listens on\n"
                                        "# 1..64 characters; default 127.0.0.1\nlisten = ::1\n"));
    ck_assert_ptr_nonnull(strstr(first, "# true or false; default yes; read again at SIGHUP\n"
                                        "tls = false\n"));
    ck_assert_ptr_nonnull(strstr(first, "peers = x, y, z\n"));
    ck_assert_ptr_nonnull(strstr(first, "; must be given\npassword = ***\n"));
    ck_assert_ptr_null(strstr(first, "a#b"));
    strstr(first, "= ***")[1] = '*'; /* as long as the table wants it */
    ck_assert(conf_parse(first, "again", table, N, &again, &error));
    suite_no_error(error);
    second = conf_format(table, N, &again);
    strstr(second, "= ***")[1] = '*';
    ck_assert_str_eq(first, second);
    conf_clear(table, N, &s);
    conf_clear(table, N, &again);
}
END_TEST

START_TEST(a_missing_setting_is_printed_as_a_comment)
{
    g_autofree char *text = NULL;
    struct settings s = { 0 };

    ck_assert(conf_load(NULL, table, N, &s, NULL));
    text = conf_format(table, N, &s);
    ck_assert_ptr_nonnull(strstr(text, "\n#password =\n"));
    conf_clear(table, N, &s);
}
END_TEST

static void write_file(const char *path, const char *text, gssize len)
{
    ck_assert(g_file_set_contents(path, text, len, NULL));
}

START_TEST(a_file_is_read_and_its_troubles_named)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("test_conf_XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "t.conf", NULL);
    g_autofree char *big = g_strnfill(1024 * 1024 + 1, '\n');
    struct settings s = { 0 };

    ck_assert(!conf_load(path, table, N, &s, &error));
    suite_take_error(&error, VRM_ERR_NOT_FOUND, "t.conf: No such file");
    ck_assert(!conf_load(dir, table, N, &s, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "Is a directory");
    write_file(path, "[db]\0\n", 6);
    ck_assert(!conf_load(path, table, N, &s, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "zero byte");
    write_file(path, big, -1);
    ck_assert(!conf_load(path, table, N, &s, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "larger than 1 MiB");
    write_file(path, DB, -1);
    ck_assert(conf_load(path, table, N, &s, &error));
    ck_assert_str_eq(s.password, "secret");
    conf_clear(table, N, &s);
    unlink(path);
    rmdir(dir);
}
END_TEST

SUITE_MAIN("conf", SUITE_TEST(defaults_fill_everything_that_has_one),
           SUITE_TEST(a_file_gives_every_type),
           SUITE_LOOP(a_mistake_is_named_and_nothing_changes, wrong),
           SUITE_LOOP(a_boolean_has_eight_words, bools),
           SUITE_TEST(what_is_printed_reads_back_without_the_secret),
           SUITE_TEST(a_missing_setting_is_printed_as_a_comment),
           SUITE_TEST(a_file_is_read_and_its_troubles_named))
