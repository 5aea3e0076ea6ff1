/* test_settings.c - vrmd's settings: what is wrong is found by reading and looking, before use. */
#include "config.h"

#include "controller/settings.h"

#include <unistd.h>

#include "controller/settings_check.h"
#include "tests/suite.h"
#include "tests/testcerts.h"

static struct testcerts certs;

/* A whole file of good settings with one line more, or another one in place of the good one. */
static char *compose(const char *section, const char *line)
{
    static const struct {
        const char *section, *name;
    } good[] = {
        { "controller", "state_dir" }, { "database", "conninfo" }, { "etcd", "endpoints" },
        { "agents", "ca_file" },       { "agents", "cert_file" },  { "agents", "key_file" }
    };
    const char *const values[] = { certs.dir, "host=/tmp dbname=x", "http://127.0.0.1:2379",
                                   certs.ca,  certs.client_cert,    certs.client_key };
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "[%s]\n%s\n", section, line);
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        if (!g_str_equal(section, good[i].section) || !g_str_has_prefix(line, good[i].name))
            g_string_append_printf(text, "[%s]\n%s = %s\n", good[i].section, good[i].name,
                                   values[i]);
    }
    return g_string_free(text, FALSE);
}

/* Both halves, as the program has them. */
static bool load(const char *section, const char *line, GError **error)
{
    g_autofree char *text = compose(section, line);
    g_autofree char *path = g_build_filename(certs.dir, "vrmd.conf", NULL);
    struct settings settings = { 0 };
    bool ok;

    ck_assert(g_file_set_contents(path, text, -1, NULL));
    if (!settings_load(path, &settings, error))
        return false;
    ok = settings_check(&settings, path, error);
    settings_clear(&settings);
    return ok;
}

/* $D is the folder of the certificates. */
static char *fill(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "$D", -1);

    return g_strjoinv(certs.dir, parts);
}

static void setup(void)
{
    g_autofree char *junk = NULL;

    testcerts_make(&certs);
    junk = g_build_filename(certs.dir, "junk", NULL);
    ck_assert(g_file_set_contents(junk, "no certificate\n", -1, NULL));
}

static void teardown(void)
{
    static const char *const names[] = { "junk", "vrmd.conf" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(certs.dir, names[i], NULL);

        unlink(path);
    }
    testcerts_clear(&certs);
}

static const struct {
    const char *section, *line;
} good[] = {
    { "controller", "name = a" },
    { "controller", "state_dir = $D/not/there/yet" },
    { "api", "listen = ::1" },
    { "api", "url = https://vrm.example:7443" },
    { "api", "cert_file = $D/server.pem\nkey_file = $D/server.key" },
    { "api", "tls = false\ncert_file = /nowhere\nkey_file = /nowhere" },
    { "api", "admin_password_file = $D/gone-after-the-first-start" },
    { "database", "conninfo = postgresql://vrm@127.0.0.1:5432/vrm" },
    { "etcd", "endpoints = https://a:2379, https://b:2379\nca_file = $D/ca.pem" },
};

START_TEST(what_is_fit_for_use_is_taken)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *line = NULL;
    bool ok;

    setup();
    line = fill(good[_i].line);
    ok = load(good[_i].section, line, &error);
    teardown();
    suite_no_error(error);
    ck_assert(ok);
}
END_TEST

static const struct {
    const char *section, *line, *said;
} wrong[] = {
    { "api", "listen = localhost",
      "vrmd.conf:2: [api] listen = localhost: want an IPv4 or IPv6 address" },
    { "api", "port = 0", "vrmd.conf:2: [api] port = 0: want 1..65535" },
    { "api", "url = vrm.example:7443", "vrmd.conf:2: [api] url = vrm.example:7443: want a URL" },
    { "api", "cert_file = relative.pem", "vrmd.conf:2: [api] cert_file = relative.pem: want an" },
    { "api", "cert_file = /x", "vrmd.conf:2: [api] cert_file is given and key_file is not" },
    { "api", "key_file = /x", "vrmd.conf:2: [api] key_file is given and cert_file is not" },
    { "api", "cert_file = $D/none\nkey_file = $D/server.key",
      "vrmd.conf:2: [api] cert_file = $D/none, key_file = $D/server.key: cannot read $D/none" },
    { "api", "cert_file = $D/server.pem\nkey_file = $D/client.key",
      "the key in $D/client.key does not belong to the certificate in $D/server.pem" },
    { "api", "cert_file = $D/junk\nkey_file = $D/server.key", "$D/junk: want a PEM file" },
    { "api", "cert_file = $D/server.pem\nkey_file = $D/junk", "$D/junk: want a PEM file" },
    { "agents", "ca_file = $D/none", "[agents] ca_file = $D/none: cannot read $D/none: " },
    { "agents", "ca_file = $D/junk", "[agents] ca_file = $D/junk: $D/junk: want a PEM file" },
    { "agents", "key_file = $D/server.key", "does not belong to the certificate" },
    { "database", "conninfo = host",
      "vrmd.conf:2: [database] conninfo = ***: want libpq's key=value pairs" },
    { "database", "conninfo = hots=a", "libpq says: invalid connection option \"hots\"" },
    { "etcd", "endpoints = 127.0.0.1:2379", "[etcd] endpoints = 127.0.0.1:2379: want a URL" },
    { "etcd", "endpoints = http://a:1, b", "vrmd.conf:2: [etcd] endpoints = b: want a URL" },
    { "etcd", "endpoints = https://a:1", "vrmd.conf: [etcd] ca_file is empty" },
    { "etcd", "endpoints = https://a:1,http://b:1\nca_file = $D/ca.pem", "not both" },
    { "etcd", "ca_file = $D/ca.pem", "certificates are given, so want https:// URLs" },
    { "etcd", "endpoints = https://a:1\nca_file = $D/none", "[etcd] ca_file = $D/none: cannot" },
    { "etcd", "prefix = vrm", "[etcd] prefix = vrm: want a path such as /vrm" },
    { "controller", "state_dir = $D/junk", "[controller] state_dir = $D/junk: $D/junk is not a" },
    { "controller", "state_dir = /proc/sys/vrm", "cannot write in /proc/sys" },
};

START_TEST(what_would_fail_later_is_refused_and_named)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *line = NULL;
    g_autofree char *said = NULL;
    bool ok;

    setup();
    line = fill(wrong[_i].line);
    said = fill(wrong[_i].said);
    ok = load(wrong[_i].section, line, &error);
    teardown();
    ck_assert_msg(!ok, "%s was taken", line);
    suite_take_error(&error, VRM_ERR_INVALID, said);
}
END_TEST

START_TEST(a_password_is_never_repeated)
{
    g_autoptr(GError) error = NULL;

    setup();
    ck_assert(!load("database", "conninfo = host=a password=s3 cret", &error));
    teardown();
    ck_assert_ptr_null(strstr(error->message, "cret"));
}
END_TEST

SUITE_MAIN("settings", SUITE_LOOP(what_is_fit_for_use_is_taken, good),
           SUITE_LOOP(what_would_fail_later_is_refused_and_named, wrong),
           SUITE_TEST(a_password_is_never_repeated))
