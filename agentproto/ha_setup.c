/* ha_setup.c - see ha_setup.h. */
#include "config.h"

#include "agentproto/ha_setup.h"

#include <inttypes.h>
#include <string.h>

#include "agentproto/codec.h"
#include "agentproto/ha_reading.h"
#include "base/err.h"

#define MAX_NAME      256
#define MAX_MS        3600000
#define MIN_BEAT_MS   100
#define MAX_BEAT_MS   60000
#define MAX_PORT      65535
#define MAX_PATH      1024
#define MIN_AUTHORITY 2 /* HA_STORAGE of ha/right.h */

// clang-format off
static const struct field etcd_item = { .type = FIELD_NAME, .min = 1, .max = MAX_NAME };
static const struct field beat_item = { .type = FIELD_NAME, .min = 1, .max = MAX_NAME };

#define AT(member) .offset = offsetof(struct ha_peer, member)
static const struct field peer_fields[] = {
    { "host",    FIELD_INT,     AT(host), .required = true, .min = 1, .max = INT64_MAX },
    { "address", FIELD_ADDRESS, AT(address), .required = true, .min = 1, .max = MAX_NAME },
};
#undef AT
TABLE_DEFINE(peer, "peer", struct ha_peer);

#define AT(member) .offset = offsetof(struct ha_store, member)
static const struct field store_fields[] = {
    { "authority", FIELD_INT,  AT(authority), .required = true,
                               .min = MIN_AUTHORITY, .max = INT32_MAX },
    { "path",      FIELD_PATH, AT(path), .required = true, .min = 2, .max = MAX_PATH },
    { "slot",      FIELD_INT,  AT(slot), .required = true, .max = HA_READING_LAST },
    { "name",      FIELD_NAME, AT(name), .max = MAX_NAME },
};
#undef AT
TABLE_DEFINE(store, "store", struct ha_store);

#define AT(member) .offset = offsetof(struct ha_setup, member)
static const struct field setup_fields[] = {
    { "epoch",    FIELD_INT,   AT(epoch), .required = true, .min = 1, .max = INT64_MAX },
    { "host",     FIELD_INT,   AT(host), .required = true, .min = 1, .max = INT64_MAX },
    { "etcd",     FIELD_LIST,  AT(etcd), .required = true, .min = 1, .max = HA_SETUP_MAX_ETCD,
                               .item = &etcd_item },
    { "prefix",   FIELD_PATH,  AT(prefix), .required = true, .min = 2, .max = MAX_NAME },
    { "lease_ms", FIELD_INT,   AT(lease_ms), .required = true, .min = 1, .max = MAX_MS },
    { "renew_ms", FIELD_INT,   AT(renew_ms), .required = true, .min = 1, .max = MAX_MS },
    { "kill_ms",  FIELD_INT,   AT(kill_ms), .required = true, .min = 1, .max = MAX_MS },
    { "beat_ms",  FIELD_INT,   AT(beat_ms), .required = true,
                               .min = MIN_BEAT_MS, .max = MAX_BEAT_MS },
    { "beat_key", FIELD_TOKEN, AT(beat_key), .required = true,
                               .min = HA_SETUP_KEY_CHARS, .max = HA_SETUP_KEY_CHARS },
    { "beat_to",  FIELD_LIST,  AT(beat_to), .required = true, .max = HA_SETUP_MAX_BEATS,
                               .item = &beat_item },
    { "peers",    FIELD_ARRAY, AT(peers), .required = true, .max = HA_SETUP_MAX_PEERS,
                               .table = &peer_table, .n_offset = offsetof(struct ha_setup, n_peers) },
    { "slot_ms",       FIELD_INT, AT(slot_ms), .max = MAX_MS },
    { "slot_renew_ms", FIELD_INT, AT(slot_renew_ms), .max = MAX_MS },
    { "stores",   FIELD_ARRAY, AT(stores), .max = HA_SETUP_MAX_STORES,
                               .table = &store_table, .n_offset = offsetof(struct ha_setup, n_stores) },
    { "isolation_ms", FIELD_INT, AT(isolation_ms), .max = MAX_MS },
    { "shutdown_ms",  FIELD_INT, AT(shutdown_ms), .max = MAX_MS },
};
#undef AT
// clang-format on
const struct field_table ha_setup_table = TABLE("HA setup", struct ha_setup, setup_fields);

void ha_setup_clear(struct ha_setup *setup)
{
    codec_clear(&ha_setup_table, setup);
}

json_t *ha_setup_encode(const struct ha_setup *setup)
{
    return codec_encode(&ha_setup_table, setup);
}

/* ---- what the fields mean -------------------------------------------------------------------- */

static bool G_GNUC_PRINTF(3, 4) refuse(GError **error, const char *field, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    err_set_reason(error, VRM_ERR_INVALID, 0, field, "%s", text);
    return false;
}

/* "HOST:PORT"; an IPv6 address stands in brackets. */
static bool is_endpoint(const char *text)
{
    const char *colon = strrchr(text, ':');
    guint64 port;

    if (!colon || colon == text ||
        !g_ascii_string_to_unsigned(colon + 1, 10, 1, MAX_PORT, &port, NULL))
        return false;
    if (text[0] == '[')
        return colon[-1] == ']' && colon - text > 2;
    return !memchr(text, ':', (size_t)(colon - text));
}

static bool check_etcd(const struct ha_setup *setup, GError **error)
{
    for (size_t i = 0; setup->etcd[i]; i++) {
        if (!g_str_has_prefix(setup->etcd[i], "http://") &&
            !g_str_has_prefix(setup->etcd[i], "https://"))
            return refuse(error, "etcd", "etcd[%zu] is \"%s\"; want http://HOST:PORT", i,
                          setup->etcd[i]);
    }
    return true;
}

static bool check_beats(const struct ha_setup *setup, GError **error)
{
    for (const char *p = setup->beat_key; *p; p++) {
        if (!g_ascii_isxdigit(*p))
            return refuse(error, "beat_key",
                          "beat_key has the character '%c'; want %d hexadecimal"
                          " digits",
                          *p, HA_SETUP_KEY_CHARS);
    }
    for (size_t i = 0; setup->beat_to[i]; i++) {
        if (!is_endpoint(setup->beat_to[i]))
            return refuse(error, "beat_to", "beat_to[%zu] is \"%s\"; want HOST:PORT", i,
                          setup->beat_to[i]);
    }
    return true;
}

static bool check_times(const struct ha_setup *setup, GError **error)
{
    if (setup->lease_ms > setup->renew_ms + 2 * setup->kill_ms)
        return true;
    return refuse(error, "lease_ms",
                  "lease_ms is %" PRId64 "; want more than renew_ms and twice kill_ms, %" PRId64,
                  setup->lease_ms, setup->renew_ms + 2 * setup->kill_ms);
}

/* The watchdog is as long as etcd's lease allows: it must be possible to pet it for the stores'
 * leases, too. */
static bool check_slot_times(const struct ha_setup *setup, GError **error)
{
    const int64_t watchdog_ms = setup->lease_ms - MAX(setup->renew_ms, setup->kill_ms);
    const int64_t least_ms = setup->slot_renew_ms + MAX(watchdog_ms, 2 * setup->kill_ms);

    if (setup->slot_renew_ms < 1)
        return refuse(error, "slot_renew_ms",
                      "slot_renew_ms is %" PRId64 "; want at least 1 with stores",
                      setup->slot_renew_ms);
    if (setup->slot_ms > least_ms)
        return true;
    return refuse(error, "slot_ms",
                  "slot_ms is %" PRId64 "; want more than slot_renew_ms and the watchdog's length"
                  " (lease_ms less the longer of renew_ms and kill_ms), %" PRId64,
                  setup->slot_ms, least_ms);
}

static bool check_store(const struct ha_setup *setup, size_t i, GError **error)
{
    const struct ha_store *store = &setup->stores[i];

    for (size_t k = 0; k < i; k++) {
        if (store->authority == setup->stores[k].authority)
            return refuse(error, "stores",
                          "stores[%zu].authority is %" PRId64 "; want another than stores[%zu]'s",
                          i, store->authority, k);
        if (g_str_equal(store->path, setup->stores[k].path))
            return refuse(error, "stores",
                          "stores[%zu].path is \"%s\"; want another than stores[%zu]'s", i,
                          store->path, k);
    }
    return true;
}

static bool check_stores(const struct ha_setup *setup, GError **error)
{
    if (setup->n_stores > 0 && !check_slot_times(setup, error))
        return false;
    for (size_t i = 0; i < setup->n_stores; i++)
        if (!check_store(setup, i, error))
            return false;
    return true;
}

/* Nobody is alone because one beat was lost. */
static bool check_isolation(const struct ha_setup *setup, GError **error)
{
    if (setup->isolation_ms == 0 && setup->shutdown_ms != 0)
        return refuse(error, "shutdown_ms",
                      "shutdown_ms is %" PRId64 "; want 0 without isolation_ms",
                      setup->shutdown_ms);
    if (setup->isolation_ms == 0 || setup->isolation_ms >= HA_SETUP_QUIET_BEATS * setup->beat_ms)
        return true;
    return refuse(error, "isolation_ms",
                  "isolation_ms is %" PRId64 "; want 0, or at least %d times beat_ms, %" PRId64,
                  setup->isolation_ms, HA_SETUP_QUIET_BEATS, HA_SETUP_QUIET_BEATS * setup->beat_ms);
}

bool ha_setup_check(const struct ha_setup *setup, GError **error)
{
    return check_etcd(setup, error) && check_beats(setup, error) && check_times(setup, error) &&
           check_stores(setup, error) && check_isolation(setup, error);
}

bool ha_setup_decode(const json_t *json, struct ha_setup *ret_setup, GError **error)
{
    struct ha_setup setup;

    if (!codec_decode(&ha_setup_table, json, &setup, error))
        return false;
    if (!ha_setup_check(&setup, error)) {
        ha_setup_clear(&setup);
        return false;
    }
    *ret_setup = setup;
    return true;
}
