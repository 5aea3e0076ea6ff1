/* replay_set.c - see replay.h.  Settings by name. */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "scheduler/replay.h"

#define SECOND_MS 1000

void replay_setting_init(struct replay_setting *setting)
{
    *setting = (struct replay_setting){
        .interval_s = 60,
        .window_s = 300,
        .percentile = 80,
        .dpm_interval_s = 300,
        .wake_window_s = 300,
        .sleep_window_s = 2400,
        .boot_s = 240,
        .hot_percent = 90,
        .watts = 200,
    };
    sched_params_init(&setting->sched);
}

enum place {
    PLACE_CLUSTER,
    PLACE_SETTING,
    PLACE_PARAMS,
};

enum kind {
    KIND_INT,     /* int64_t */
    KIND_SECONDS, /* int64_t of milliseconds */
    KIND_COUNT,   /* uint32_t */
    KIND_SEED,    /* uint64_t */
    KIND_HOURS,   /* HOURS_PER_DAY levels */
    KIND_BOOL,
    KIND_FACTOR,
};

#define AT(type, field) offsetof(type, field)

// clang-format off
static const struct {
    const char *key;
    enum place place;
    size_t offset;
    enum kind kind;
    int64_t min, max;
} rows[] = {
    { "drs.enabled",      PLACE_CLUSTER, AT(Cluster, drs.enabled),                   KIND_BOOL,    0, 1 },
    { "drs.limen",        PLACE_CLUSTER, AT(Cluster, drs.limen),                     KIND_HOURS,   0, 9 },
    { "drs.factor",       PLACE_CLUSTER, AT(Cluster, drs.factor),                    KIND_FACTOR,  0, 0 },
    { "drs.interval_s",   PLACE_SETTING, AT(struct replay_setting, interval_s),      KIND_INT,    10, 86400 },
    { "drs.window_s",     PLACE_SETTING, AT(struct replay_setting, window_s),        KIND_INT,    10, 86400 },
    { "drs.percentile",   PLACE_SETTING, AT(struct replay_setting, percentile),      KIND_INT,    50, 100 },
    { "drs.horizon_s",    PLACE_PARAMS,  AT(struct sched_params, horizon_ms),        KIND_SECONDS, 1, 31536000 },
    { "drs.cooldown_s",   PLACE_PARAMS,  AT(struct sched_params, cooldown_ms),       KIND_SECONDS, 0, 86400 },
    { "drs.link_mbps",    PLACE_PARAMS,  AT(struct sched_params, link_mbps),         KIND_INT,     1, 10000000 },
    { "drs.moves_per_cluster", PLACE_PARAMS, AT(struct sched_params, cap_cluster),   KIND_COUNT,   1, 10000 },
    { "drs.max_moves",    PLACE_PARAMS,  AT(struct sched_params, max_moves),         KIND_COUNT,   0, 1000000 },
    { "drs.seed",         PLACE_PARAMS,  AT(struct sched_params, seed),              KIND_SEED,    0, INT32_MAX },
    { "dpm.enabled",      PLACE_CLUSTER, AT(Cluster, dpm.power_level),               KIND_INT,     0, 2 },
    { "dpm.limen",        PLACE_CLUSTER, AT(Cluster, dpm.limen),                     KIND_HOURS,   0, 9 },
    { "dpm.interval_s",   PLACE_SETTING, AT(struct replay_setting, dpm_interval_s),  KIND_INT,    10, 86400 },
    { "dpm.wake_window_s", PLACE_SETTING, AT(struct replay_setting, wake_window_s),  KIND_INT,    10, 86400 },
    { "dpm.sleep_window_s", PLACE_SETTING, AT(struct replay_setting, sleep_window_s), KIND_INT,   10, 86400 },
    { "dpm.boot_s",       PLACE_SETTING, AT(struct replay_setting, boot_s),          KIND_INT,     0, 86400 },
    { "dpm.spare",        PLACE_SETTING, AT(struct replay_setting, spare_hosts),     KIND_INT,     0, 1000 },
    { "hot_percent",      PLACE_SETTING, AT(struct replay_setting, hot_percent),     KIND_INT,     1, 1000 },
    { "watts",            PLACE_SETTING, AT(struct replay_setting, watts),           KIND_INT,     1, 100000 },
};
// clang-format on

static char *list_keys(void)
{
    GString *text = g_string_new(rows[0].key);

    for (size_t i = 1; i < G_N_ELEMENTS(rows); i++)
        g_string_append_printf(text, ", %s", rows[i].key);
    return g_string_free(text, FALSE);
}

static void store(size_t row, void *base, int64_t value)
{
    char *at = (char *)base + rows[row].offset;
    const int64_t ms = value * SECOND_MS;
    const uint32_t count = (uint32_t)value;
    const uint64_t seed = (uint64_t)value;
    const bool yes = value != 0;

    switch (rows[row].kind) {
    case KIND_INT:
        memcpy(at, &value, sizeof(value));
        break;
    case KIND_SECONDS:
        memcpy(at, &ms, sizeof(ms));
        break;
    case KIND_COUNT:
        memcpy(at, &count, sizeof(count));
        break;
    case KIND_SEED:
        memcpy(at, &seed, sizeof(seed));
        break;
    case KIND_HOURS:
        memset(at, (int)value, HOURS_PER_DAY);
        break;
    case KIND_BOOL:
        memcpy(at, &yes, sizeof(yes));
        break;
    case KIND_FACTOR:
        memcpy(at, &(enum drs_factor){ (enum drs_factor)value }, sizeof(enum drs_factor));
        break;
    }
}

static bool read_factor(const char *text, int64_t *ret_value)
{
    static const struct {
        const char *word;
        enum drs_factor factor;
    } words[] = { { "cpu", DRS_FACTOR_CPU },
                  { "mem", DRS_FACTOR_MEM },
                  { "both", DRS_FACTOR_BOTH } };

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(words[i].word, text) == 0) {
            *ret_value = words[i].factor;
            return true;
        }
    }
    return false;
}

static bool read_value(size_t row, const char *key, const char *text, int64_t *ret_value,
                       GError **error)
{
    char *end;

    if (rows[row].kind == KIND_FACTOR) {
        if (read_factor(text, ret_value))
            return true;
        err_set(error, VRM_ERR_INVALID, "%s = '%s': want cpu, mem or both", key, text);
        return false;
    }
    *ret_value = g_ascii_strtoll(text, &end, 10);
    if (g_ascii_isdigit(*text) && *end == '\0' && *ret_value >= rows[row].min &&
        *ret_value <= rows[row].max)
        return true;
    err_set(error, VRM_ERR_INVALID, "%s = '%s': want a number %" PRId64 "..%" PRId64, key, text,
            rows[row].min, rows[row].max);
    return false;
}

bool replay_set(struct replay_setting *setting, Cluster *cluster, const char *assignment,
                GError **error)
{
    const char *equals = strchr(assignment, '=');
    g_autofree char *key =
        equals ? g_strndup(assignment, (gsize)(equals - assignment)) : g_strdup(assignment);
    g_autofree char *keys = NULL;
    void *const bases[] = { cluster, setting, &setting->sched };
    int64_t value;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strcmp(rows[i].key, key) != 0)
            continue;
        if (!read_value(i, key, equals ? equals + 1 : "", &value, error))
            return false;
        store(i, bases[rows[i].place], value);
        return true;
    }
    keys = list_keys();
    err_set(error, VRM_ERR_INVALID, "there is no setting '%s': want KEY=VALUE with a key of %s",
            key, keys);
    return false;
}
