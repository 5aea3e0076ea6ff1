/* test_settings_keys.c - vrmd's configuration: every key with its limits, the rules between keys,
 * the sample file. */
#include "config.h"

#include "controller/settings.h"

#include <unistd.h>

#include "tests/suite.h"
#include "tests/tempdir.h"

enum kind {
    TEXT,
    NUMBER,
    FLAG,
    LIST
};

#define AT(field) offsetof(struct settings, field)

/* Each key: values at its limits, which must arrive in its field, and values beyond them. */
// clang-format off
static const struct {
    const char *section, *key;
    enum kind kind;
    size_t field;
    const char *good[3], *bad[3];
    const char *want; /* what the complaint says would be right */
} keys[] = {
    { "controller", "name", TEXT, AT(name), { "c" }, { "@65" }, "want 0..64 characters" },
    { "controller", "state_dir", TEXT, AT(state_dir), { "/s" }, { "", "s", "./s" },
      "want an absolute path" },
    { "controller", "site_name", TEXT, AT(site_name), { "x", "@256" }, { "", "@257" },
      "want 1..256 characters" },
    { "controller", "log_level", TEXT, AT(log_level), { "error", "warning", "debug" },
      { "", "verbose", "Info" }, "want one of error, warning, info, debug" },
    { "api", "listen", TEXT, AT(api_listen), { "::", "127.0.0.1" }, { "", "@65", "localhost" },
      "want " },
    { "api", "port", NUMBER, AT(api_port), { "1", "65535" }, { "0", "65536", "http" },
      "want 1..65535" },
    { "api", "url", TEXT, AT(api_url), { "https://vrm.example" }, { "@121", "vrm.example" },
      "want " },
    { "api", "tls", FLAG, AT(api_tls), { "true", "off" }, { "", "2", "maybe" },
      "want true or false" },
    { "api", "cert_file", TEXT, AT(api_cert_file), { "" }, { "c", "./c" }, "want an absolute path" },
    { "api", "key_file", TEXT, AT(api_key_file), { "" }, { "c", "./c" }, "want an absolute path" },
    { "api", "threads", NUMBER, AT(api_threads), { "1", "64" }, { "0", "65" }, "want 1..64" },
    { "api", "max_connections", NUMBER, AT(api_max_connections), { "10", "20000" },
      { "9", "20001" }, "want 10..20000" },
    { "api", "max_connections_per_address", NUMBER, AT(api_max_per_address), { "1", "20000" },
      { "0", "20001" }, "want 1..20000" },
    { "api", "session_idle_s", NUMBER, AT(session_idle_s), { "10", "86400" }, { "9", "86401" },
      "want 10..86400" },
    { "api", "admin_password_file", TEXT, AT(admin_password_file), { "" }, { "c", "./c" }, "want an absolute path" },
    { "database", "conninfo", TEXT, AT(db_conninfo), { "host=a", "dbname=@1017" },
      { "", "dbname=@1018", "hots=a" }, "want " },
    { "database", "workers", NUMBER, AT(db_workers), { "1", "16" }, { "0", "17" }, "want 1..16" },
    { "database", "statement_timeout_ms", NUMBER, AT(db_statement_timeout_ms),
      { "100", "60000" }, { "99", "60001" }, "want 100..60000" },
    { "etcd", "endpoints", LIST, AT(etcd_endpoints), { "http://a", "http://a:1, http://b:1" },
      { "", ",", "http://a,,http://b" }, "want 1..16 items" },
    { "etcd", "prefix", TEXT, AT(etcd_prefix), { "/v", "/@127" }, { "", "/@128", "v" }, "want " },
    { "etcd", "ttl_s", NUMBER, AT(etcd_ttl_s), { "2", "60" }, { "1", "61" }, "want 2..60" },
    { "etcd", "ca_file", TEXT, AT(etcd_ca_file), { "" }, { "c", "./c" }, "want an absolute path" },
    { "etcd", "cert_file", TEXT, AT(etcd_cert_file), { "" }, { "c", "./c" }, "want an absolute path" },
    { "etcd", "key_file", TEXT, AT(etcd_key_file), { "" }, { "c", "./c" }, "want an absolute path" },
    { "agents", "ca_file", TEXT, AT(agents_ca_file), { "/c" }, { "", "c" },
      "want an absolute path" },
    { "agents", "cert_file", TEXT, AT(agents_cert_file), { "/c" }, { "", "c" },
      "want an absolute path" },
    { "agents", "key_file", TEXT, AT(agents_key_file), { "/c" }, { "", "c" },
      "want an absolute path" },
    { "agents", "silence_limit_s", NUMBER, AT(agents_silence_s), { "5", "3600" },
      { "4", "3601" }, "want 5..3600" },
    { "drs", "interval_s", NUMBER, AT(drs_interval_s), { "2", "3600" }, { "1", "3601" },
      "want 2..3600" },
    { "drs", "window_s", NUMBER, AT(drs_window_s), { "30", "3600" }, { "9", "3601" },
      "want 10..3600" },
    { "drs", "percentile", NUMBER, AT(drs_percentile), { "50", "100" }, { "49", "101" },
      "want 50..100" },
    { "drs", "min_samples", NUMBER, AT(drs_min_samples), { "1", "240" }, { "0", "241" },
      "want 1..240" },
    { "drs", "max_age_s", NUMBER, AT(drs_max_age_s), { "2", "300" }, { "1", "601" },
      "want 2..600" },
    { "drs", "horizon_s", NUMBER, AT(drs_horizon_s), { "60", "86400" }, { "59", "86401" },
      "want 60..86400" },
    { "drs", "cooldown_s", NUMBER, AT(drs_cooldown_s), { "0", "86400" }, { "-1", "86401" },
      "want 0..86400" },
    { "drs", "link_mbps", NUMBER, AT(drs_link_mbps), { "10", "1000000" }, { "9", "1000001" },
      "want 10..1000000" },
    { "drs", "moves_per_host", NUMBER, AT(drs_cap_host), { "1", "16" }, { "0", "17" },
      "want 1..16" },
    { "drs", "moves_per_cluster", NUMBER, AT(drs_cap_cluster), { "1", "64" }, { "0", "65" },
      "want 1..64" },
    { "drs", "vcpus_per_thread", NUMBER, AT(drs_vcpus_per_thread), { "0", "1024" },
      { "-1", "1025" }, "want 0..1024" },
    { "drs", "cpu_reserve_percent", NUMBER, AT(drs_cpu_reserve), { "0", "50" }, { "-1", "51" },
      "want 0..50" },
    { "drs", "cpu_own_use", FLAG, AT(drs_cpu_own_use), { "true", "off" }, { "", "2" }, "want " },
    { "drs", "mem_overcommit_percent", NUMBER, AT(drs_mem_overcommit), { "100", "150" },
      { "99", "151" }, "want 100..150" },
    { "power", "agent", TEXT, AT(power_agent), { "/usr/sbin/fence_idrac" }, { "", "fence_x" },
      "want an absolute path" },
    { "power", "cipher", NUMBER, AT(power_cipher), { "0", "17" }, { "-1", "18" }, "want 0..17" },
    { "power", "timeout_s", NUMBER, AT(power_limit_s), { "5", "600" }, { "4", "601" },
      "want 5..600" },
    { "power", "boot_timeout_s", NUMBER, AT(power_boot_limit_s), { "10", "7200" },
      { "9", "7201" }, "want 10..7200" },
    { "migration", "timeout_s", NUMBER, AT(migration_timeout_s), { "5", "86400" },
      { "4", "86401" }, "want 5..86400" },
    { "migration", "bandwidth_mib", NUMBER, AT(migration_bandwidth_mib), { "0", "100000" },
      { "-1", "100001", "0.5" }, "want 0..100000" },
    { "migration", "auto_converge", FLAG, AT(migration_auto_converge), { "yes", "false" },
      { "", "later" }, "want true or false" },
    { "ha", "enabled", FLAG, AT(ha_enabled), { "yes", "false" }, { "", "later" },
      "want true or false" },
    { "ha", "profile", TEXT, AT(ha_profile), { "normal", "fast" }, { "", "slow" },
      "want one of normal, fast" },
    { "ha", "lease_ms", NUMBER, AT(ha_lease_ms), { "7500", "600000" }, { "-1", "600001" },
      "want 0..600000" },
    { "ha", "renew_ms", NUMBER, AT(ha_renew_ms), { "200", "6000" }, { "199", "60001" },
      "want 200..60000" },
    { "ha", "kill_ms", NUMBER, AT(ha_kill_ms), { "500", "5000" }, { "499", "60001" },
      "want 500..60000" },
    { "ha", "beat_ms", NUMBER, AT(ha_beat_ms), { "200", "10000" }, { "199", "10001" },
      "want 200..10000" },
    { "ha", "beat_listen", TEXT, AT(ha_beat_listen), { "::", "127.0.0.1" }, { "", "@65", "host" },
      "want " },
    { "ha", "beat_port", NUMBER, AT(ha_beat_port), { "1", "65535" }, { "0", "65536" },
      "want 1..65535" },
    { "ha", "beat_to", LIST, AT(ha_beat_to), { "192.0.2.1,192.0.2.2:7446", "[2001:db8::1]:7445" },
      { "host", "192.0.2.1:0", "[::1]:65536" }, "want " },
    { "ha", "power_on_again", FLAG, AT(ha_power_on_again), { "yes", "false" }, { "", "later" },
      "want true or false" },
    { "ha", "storage", FLAG, AT(ha_storage), { "yes", "false" }, { "", "maybe" },
      "want true or false" },
    { "ha", "slot_ms", NUMBER, AT(ha_slot_ms), { "0", "11001", "900000" }, { "-1", "900001" },
      "want 0..900000" },
    { "ha", "etcd", LIST, AT(ha_etcd), { "", "http://192.0.2.1:2379" }, { "192.0.2.1", "ftp://a" },
      "want " },
    { "dpm", "interval_s", NUMBER, AT(dpm_interval_s), { "6", "3600" }, { "1", "3601" },
      "want 2..3600" },
    { "dpm", "sleep_window_s", NUMBER, AT(dpm_sleep_window_s), { "10", "12000" },
      { "9", "14401" }, "want 10..14400" },
    { "dpm", "wake_window_s", NUMBER, AT(dpm_wake_window_s), { "5", "3600" }, { "4", "3601" },
      "want 5..3600" },
    { "dpm", "settle_s", NUMBER, AT(dpm_settle_s), { "0", "86400" }, { "-1", "86401" },
      "want 0..86400" },
    { "dpm", "proof_days", NUMBER, AT(dpm_proof_days), { "1", "3650" }, { "0", "3651" },
      "want 1..3650" },
    { "dpm", "spare_hosts", NUMBER, AT(dpm_spare_hosts), { "0", "64" }, { "-1", "65" },
      "want 0..64" },
    { "dpm", "retry_s", NUMBER, AT(dpm_retry_s), { "5", "86400" }, { "4", "86401" },
      "want 5..86400" },
    { "dpm", "drain_timeout_s", NUMBER, AT(dpm_drain_limit_s), { "10", "86400" },
      { "9", "86401" }, "want 10..86400" },
    { "dpm", "start_wait_s", NUMBER, AT(dpm_start_wait_s), { "10", "86400" }, { "9", "86401" },
      "want 10..86400" },
    { "dpm", "watts", NUMBER, AT(dpm_watts), { "1", "20000" }, { "0", "20001" },
      "want 1..20000" },
    { "history", "days", NUMBER, AT(history_days), { "1", "3650" }, { "0", "3651" },
      "want 1..3650" },
    { "history", "recent_tasks", NUMBER, AT(recent_tasks), { "10", "100000" },
      { "9", "100001" }, "want 10..100000" },
};
// clang-format on

/* What has no default; as in the sample file. */
static const struct {
    const char *section, *key, *value;
} needed[] = {
    { "database", "conninfo", "host=/run/postgresql dbname=vrm user=vrm" },
    { "etcd", "endpoints", "http://127.0.0.1:2379" },
    { "agents", "ca_file", "/etc/vrm/pki/ca.pem" },
    { "agents", "cert_file", "/etc/vrm/pki/controller.pem" },
    { "agents", "key_file", "/etc/vrm/pki/controller-key.pem" },
};

/* "a@65": a and 65 more characters. */
static char *spell(const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, "@", 2);
    g_autofree char *more = NULL;

    if (!parts[0] || !parts[1])
        return g_strdup(value);
    more = g_strnfill(g_ascii_strtoull(parts[1], NULL, 10), 'x');
    return g_strconcat(parts[0], more, NULL);
}

/* The needed settings without [section] key, then extra lines. */
static char *compose(const char *section, const char *key, const char *extra)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(needed); i++) {
        if (!g_str_equal(needed[i].section, section) || !g_str_equal(needed[i].key, key))
            g_string_append_printf(text, "[%s]\n%s = %s\n", needed[i].section, needed[i].key,
                                   needed[i].value);
    }
    g_string_append(text, extra);
    return g_string_free(text, FALSE);
}

static bool load_text(const char *text, struct settings *ret_settings, GError **error)
{
    char *dir = tempdir_new();
    g_autofree char *path = g_build_filename(dir, "vrmd.conf", NULL);
    bool good;

    ck_assert(g_file_set_contents(path, text, -1, NULL));
    good = settings_load(path, ret_settings, error);
    tempdir_free(dir);
    return good;
}

static bool load_with(int row, const char *value, struct settings *ret_settings, GError **error)
{
    g_autofree char *line =
        g_strdup_printf("[%s]\n%s = %s\n", keys[row].section, keys[row].key, value);
    g_autofree char *text = compose(keys[row].section, keys[row].key, line);

    return load_text(text, ret_settings, error);
}

static char *field_text(int row, const struct settings *settings)
{
    const char *field = (const char *)settings + keys[row].field;

    switch (keys[row].kind) {
    case TEXT:
        return g_strdup(*(char *const *)(const void *)field);
    case NUMBER:
        return g_strdup_printf("%" G_GINT64_FORMAT, *(const int64_t *)(const void *)field);
    case FLAG:
        return g_strdup(*(const bool *)field ? "true" : "false");
    case LIST:
        return g_strjoinv(",", *(char **const *)(const void *)field);
    }
    return NULL;
}

static const char *canonical(const char *value)
{
    static const char *const same[][2] = { { "yes", "true" },
                                           { "off", "false" },
                                           { "http://a:1, http://b:1", "http://a:1,http://b:1" } };

    for (size_t i = 0; i < G_N_ELEMENTS(same); i++) {
        if (g_str_equal(same[i][0], value))
            return same[i][1];
    }
    return value;
}

START_TEST(each_key_takes_its_limits_into_its_own_field)
{
    for (size_t i = 0; i < G_N_ELEMENTS(keys[_i].good) && keys[_i].good[i]; i++) {
        g_autofree char *value = spell(keys[_i].good[i]);
        g_autofree char *got = NULL;
        g_autoptr(GError) error = NULL;
        struct settings settings;

        (void)load_with(_i, value, &settings, &error);
        suite_no_error(error);
        got = field_text(_i, &settings);
        settings_clear(&settings);
        if (*value)
            ck_assert_str_eq(got, canonical(value));
    }
}
END_TEST

START_TEST(each_key_refuses_what_is_beyond_and_says_what_it_wants)
{
    for (size_t i = 0; i < G_N_ELEMENTS(keys[_i].bad) && keys[_i].bad[i]; i++) {
        g_autofree char *value = spell(keys[_i].bad[i]);
        g_autofree char *named = g_strdup_printf("[%s] %s = ", keys[_i].section, keys[_i].key);
        g_autoptr(GError) error = NULL;
        struct settings settings = { .api_port = -7 };

        ck_assert_msg(!load_with(_i, value, &settings, &error), "%s%s is taken", named, value);
        ck_assert_int_eq(settings.api_port, -7); /* untouched */
        ck_assert_ptr_nonnull(strstr(error->message, named));
        suite_take_error(&error, VRM_ERR_INVALID, keys[_i].want);
    }
}
END_TEST

START_TEST(what_has_no_default_must_be_given)
{
    g_autofree char *text = compose(needed[_i].section, needed[_i].key, "");
    g_autofree char *named =
        g_strdup_printf("[%s] %s is missing", needed[_i].section, needed[_i].key);
    g_autoptr(GError) error = NULL;
    struct settings settings;

    ck_assert(!load_text(text, &settings, &error));
    suite_take_error(&error, VRM_ERR_INVALID, named);
}
END_TEST

static const struct {
    const char *extra, *complaint; /* NULL: fine */
} together[] = {
    { "[api]\ncert_file = /c\nkey_file = /k\n", NULL },
    { "[api]\ncert_file = /c\n", "[api] cert_file is given and key_file is not" },
    { "[api]\nkey_file = /k\n", "[api] key_file is given and cert_file is not" },
    { "[drs]\nwindow_s = 40\nmax_age_s = 40\n", NULL },
    { "[drs]\nwindow_s = 40\nmax_age_s = 41\n",
      "[drs] max_age_s = 41: want at most window_s (40)" },
    { "[drs]\nwindow_s = 29\n", "[drs] max_age_s = 30: want at most window_s (29)" },
    { "[dpm]\ninterval_s = 6\nsleep_window_s = 1200\n", NULL },
    { "[dpm]\ninterval_s = 6\nsleep_window_s = 1201\n",
      "[dpm] sleep_window_s = 1201: want at most 200 times interval_s (6)" },
    { "[ha]\nprofile = fast\n", NULL },
    { "[ha]\nlease_ms = 7500\n", NULL },
    { "[ha]\nslot_ms = 11001\n", NULL },
    { "[ha]\nslot_ms = 11000\n", "[ha] slot_ms = 11000: want 0 or at least 11001" },
    { "[ha]\nslot_ms = 11000\nstorage = false\n", NULL },
    { "[ha]\nlease_ms = 40000\n", NULL },
    { "[ha]\nlease_ms = 40000\nslot_ms = 20000\n", "want 0 or at least 39001" },
    { "[ha]\nlease_ms = 7499\n", "[ha] lease_ms = 7499 (profile normal): want at least 7500" },
    { "[ha]\nprofile = fast\nkill_ms = 2600\n",
      "[ha] lease_ms = 8000 (profile fast): want at least 8100, that is renew_ms (1500)" },
};

START_TEST(keys_that_belong_together_are_held_against_each_other)
{
    g_autofree char *text = compose("", "", together[_i].extra);
    g_autoptr(GError) error = NULL;
    struct settings settings = { 0 };

    if (load_text(text, &settings, &error)) {
        ck_assert_ptr_null(together[_i].complaint);
        settings_clear(&settings);
        return;
    }
    ck_assert_ptr_nonnull(together[_i].complaint);
    ck_assert_ptr_nonnull(strstr(error->message, "vrmd.conf:")); /* which file */
    suite_take_error(&error, VRM_ERR_INVALID, together[_i].complaint);
}
END_TEST

static const struct {
    const char *extra, *url; /* %s: the machine's name */
} urls[] = {
    { "[controller]\nname = c1\n", "https://c1:7443" },
    { "[controller]\nname = c1\n[api]\nport = 80\ntls = false\n", "http://c1:80" },
    { "[controller]\nname = c1\n[api]\nurl = https://vrm\n", "https://vrm" },
    { "", NULL },
};

START_TEST(name_and_address_are_made_up_from_the_machine_when_not_given)
{
    g_autofree char *text = compose("", "", urls[_i].extra);
    g_autofree char *own = g_strdup_printf("https://%s:7443", g_get_host_name());
    g_autoptr(GError) error = NULL;
    struct settings settings;

    (void)load_text(text, &settings, &error);
    suite_no_error(error);
    ck_assert_str_eq(settings.api_url, urls[_i].url ? urls[_i].url : own);
    ck_assert_str_eq(settings.name, urls[_i].url ? "c1" : g_get_host_name());
    settings_clear(&settings);
}
END_TEST

static char *sample_path(void)
{
    return g_build_filename(g_getenv("srcdir") ? g_getenv("srcdir") : ".", "deploy", "conf",
                            "vrmd.conf", NULL);
}

START_TEST(the_sample_file_says_the_defaults)
{
    g_autofree char *path = sample_path();
    g_autofree char *text = compose("", "", "");
    g_autofree char *of_sample = NULL, *of_defaults = NULL;
    g_autoptr(GError) error = NULL;
    struct settings sample, defaults;

    (void)settings_load(path, &sample, &error);
    suite_no_error(error);
    (void)load_text(text, &defaults, &error);
    suite_no_error(error);
    of_sample = settings_format(&sample);
    of_defaults = settings_format(&defaults);
    ck_assert_str_eq(of_sample, of_defaults);
    ck_assert_str_eq(sample.db_conninfo, needed[0].value); /* secret: not in the text */
    ck_assert_ptr_null(strstr(of_sample, sample.db_conninfo));
    settings_clear(&sample);
    settings_clear(&defaults);
}
END_TEST

static bool has_row(const char *section, const char *key)
{
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (g_str_equal(keys[i].section, section) && g_str_equal(keys[i].key, key))
            return true;
    }
    return false;
}

/* A new setting without a row above is found here: the program's own print names every key. */
START_TEST(every_key_of_the_program_has_a_row_here)
{
    g_autofree char *text = compose("", "", "");
    g_autofree char *printed = NULL;
    g_autofree char *section = g_strdup("");
    g_auto(GStrv) lines = NULL;
    g_autoptr(GError) error = NULL;
    struct settings settings;
    size_t n = 0;

    (void)load_text(text, &settings, &error);
    suite_no_error(error);
    printed = settings_format(&settings);
    settings_clear(&settings);
    lines = g_strsplit(printed, "\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], " = ", 2);

        if (lines[i][0] == '[') {
            g_free(section);
            section = g_strndup(lines[i] + 1, strlen(lines[i]) - 2);
        } else if (g_strv_length(parts) == 2 && lines[i][0] != '#') {
            ck_assert_msg(has_row(section, parts[0]), "[%s] %s", section, parts[0]);
            n++;
        }
    }
    ck_assert_uint_eq(n, G_N_ELEMENTS(keys));
}
END_TEST

static const struct {
    const char *extra;
    const char *doubts[3];
} doubtful[] = {
    { "[ha]\n", { "etcd on loopback", "beat_to is empty" } },
    { "[ha]\nenabled = false\n", { NULL } },
    { "[ha]\nbeat_to = 10.1.0.1\n", { "etcd on loopback" } },
    { "[ha]\nbeat_to = 10.1.0.1\netcd = http://127.0.0.1:1, http://10.0.0.1:2379\n", { NULL } },
    { "[ha]\nbeat_to = 10.1.0.1\netcd = https://[::1]:1, http://localhost:1\n",
      { "etcd on loopback" } },
    { "[ha]\netcd = http://etcd.example:2379\n", { "beat_to is empty" } },
};

START_TEST(what_can_hardly_be_meant_is_doubted)
{
    g_autofree char *text = compose("", "", doubtful[_i].extra);
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) doubts = NULL;
    struct settings settings;

    (void)load_text(text, &settings, &error);
    suite_no_error(error);
    doubts = settings_doubts(&settings);
    for (size_t i = 0; i < G_N_ELEMENTS(doubtful[_i].doubts); i++) {
        const char *want = doubtful[_i].doubts[i];

        ck_assert(want ? doubts[i] && strstr(doubts[i], want) : !doubts[i]);
        if (!want)
            break;
    }
    settings_clear(&settings);
}
END_TEST

SUITE_MAIN("settings_keys", SUITE_LOOP(each_key_takes_its_limits_into_its_own_field, keys),
           SUITE_LOOP(each_key_refuses_what_is_beyond_and_says_what_it_wants, keys),
           SUITE_LOOP(what_has_no_default_must_be_given, needed),
           SUITE_LOOP(keys_that_belong_together_are_held_against_each_other, together),
           SUITE_LOOP(name_and_address_are_made_up_from_the_machine_when_not_given, urls),
           SUITE_LOOP(what_can_hardly_be_meant_is_doubted, doubtful),
           SUITE_TEST(the_sample_file_says_the_defaults),
           SUITE_TEST(every_key_of_the_program_has_a_row_here))
