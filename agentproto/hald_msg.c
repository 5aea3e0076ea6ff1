/* hald_msg.c - see hald_msg.h. */
#include "config.h"

#include "agentproto/hald_msg.h"

#include "agentproto/codec.h"
#include "base/err.h"
#include "base/json.h"

STATE_DEFINE(hald_op, HALD_OPS, N_HALD_OPS)

#define MAX_RIGHT     512
#define MAX_WORD      64
#define MAX_NAME      256
#define MAX_PATH      1024
#define MAX_LEASES    16
#define MAX_AUTHORITY INT32_MAX

#define WITH_VM       (~(ONLY(HALD_SETUP) | ONLY(HALD_SLOTS) | ONLY(HALD_STATUS)))
#define WITH_UUID     (ONLY(HALD_ASK) | ONLY(HALD_PROCESS) | ONLY(HALD_RELEASE))
#define WITH_RIGHT    (ONLY(HALD_ASK) | ONLY(HALD_RELEASE))

// clang-format off
#define AT(member) .offset = offsetof(struct hald_request, member)
static const struct field request_fields[] = {
    { "op",     FIELD_WORD,   AT(op), .required = true, WORDS(hald_op) },
    { "id",     FIELD_INT,    AT(id), .required = true, .min = 1, .max = INT64_MAX },
    { "vm",     FIELD_INT,    AT(vm), .required = true, .only = WITH_VM, .min = 1, .max = INT64_MAX },
    { "uuid",   FIELD_UUID,   AT(uuid), .required = true, .only = WITH_UUID, .min = 1, .max = MAX_WORD },
    { "right",  FIELD_NAME,   AT(right), .required = true, .only = WITH_RIGHT, .min = 1, .max = MAX_RIGHT },
    { "exists", FIELD_BOOL,   AT(exists), .required = true, .only = ONLY(HALD_PROCESS) },
    { "setup",  FIELD_OBJECT, AT(setup), .required = true, .only = ONLY(HALD_SETUP),
                              .table = &ha_setup_table },
    { "first",  FIELD_INT,    AT(first), .required = true, .only = ONLY(HALD_SLOTS),
                              .max = HA_READING_LAST },
    { "count",  FIELD_INT,    AT(count), .required = true, .only = ONLY(HALD_SLOTS),
                              .min = 1, .max = HA_READING_MAX },
    { "watched", FIELD_BOOL,  AT(watched), .only = ONLY(HALD_STATUS) },
};
#undef AT
TABLE_DEFINE(request, "request", struct hald_request);

#define AT(member) .offset = offsetof(struct hald_lease, member)
static const struct field lease_fields[] = {
    { "authority", FIELD_INT,   AT(authority), .required = true, .max = MAX_AUTHORITY },
    { "name",      FIELD_NAME,  AT(name), .max = MAX_NAME },
    { "state",     FIELD_TOKEN, AT(state), .required = true, .min = 1, .max = MAX_WORD },
    { "inc",       FIELD_TOKEN, AT(inc), .max = MAX_WORD },
    { "left_ms",   FIELD_INT,   AT(left_ms), .max = INT64_MAX },
    { "seq",       FIELD_INT,   AT(seq), .max = INT64_MAX },
    { "answer_ms", FIELD_INT,   AT(answer_ms), .max = INT64_MAX },
    { "why",       FIELD_TEXT,  AT(why), .max = HALD_MAX_WHY },
};
#undef AT
TABLE_DEFINE(lease, "lease", struct hald_lease);

#define AT(member) .offset = offsetof(struct hald_vm, member)
static const struct field vm_fields[] = {
    { "vm",        FIELD_INT,   AT(vm), .required = true, .min = 1, .max = INT64_MAX },
    { "uuid",      FIELD_UUID,  AT(uuid), .max = MAX_WORD },
    { "authority", FIELD_INT,   AT(authority), .required = true, .max = MAX_AUTHORITY },
    { "state",     FIELD_TOKEN, AT(state), .required = true, .min = 1, .max = MAX_WORD },
    { "process",   FIELD_BOOL,  AT(process) },
    { "shut_down", FIELD_BOOL,  AT(shut_down) },
    { "given_up",  FIELD_BOOL,  AT(given_up) },
};
#undef AT
TABLE_DEFINE(vm, "VM", struct hald_vm);

#define AT(member) .offset = offsetof(struct hald_peer, member)
static const struct field peer_fields[] = {
    { "host",   FIELD_INT,   AT(host), .required = true, .min = 1, .max = INT64_MAX },
    { "inc",    FIELD_TOKEN, AT(inc), .max = MAX_WORD },
    { "age_ms", FIELD_INT,   AT(age_ms), .max = INT64_MAX },
};
#undef AT
TABLE_DEFINE(peer, "peer", struct hald_peer);

#define AT(member) .offset = offsetof(struct hald_status, member)
static const struct field status_fields[] = {
    { "version",     FIELD_NAME,    AT(version), .max = MAX_WORD },
    { "up_ms",       FIELD_INT,     AT(up_ms), .max = INT64_MAX },
    { "address",     FIELD_ADDRESS, AT(address), .max = MAX_WORD },
    { "set_up",      FIELD_BOOL,    AT(set_up) },
    { "host",        FIELD_INT,     AT(host), .max = INT64_MAX },
    { "epoch",       FIELD_INT,     AT(epoch), .max = INT64_MAX },
    { "etcd_ok",     FIELD_BOOL,    AT(etcd_ok) },
    { "watchdog",    FIELD_NAME,    AT(watchdog), .max = MAX_PATH },
    { "watchdog_ms", FIELD_INT,     AT(watchdog_ms), .max = INT64_MAX },
    { "armed_ms",    FIELD_INT,     AT(armed_ms), .max = INT64_MAX },
    { "locked",      FIELD_BOOL,    AT(locked) },
    { "real_time",   FIELD_BOOL,    AT(real_time) },
    { "kills",       FIELD_INT,     AT(kills), .max = INT64_MAX },
    { "quiet_ms",    FIELD_INT,     AT(quiet_ms), .max = INT64_MAX },
    { "leases",      FIELD_ARRAY,   AT(leases), .max = MAX_LEASES, .table = &lease_table,
                                    .n_offset = offsetof(struct hald_status, n_leases) },
    { "vms",         FIELD_ARRAY,   AT(vms), .max = HALD_MAX_VMS, .table = &vm_table,
                                    .n_offset = offsetof(struct hald_status, n_vms) },
    { "peers",       FIELD_ARRAY,   AT(peers), .max = HA_SETUP_MAX_PEERS, .table = &peer_table,
                                    .n_offset = offsetof(struct hald_status, n_peers) },
};
#undef AT
TABLE_DEFINE(status, "status", struct hald_status);

#define AT(member) .offset = offsetof(struct hald_reply, member)
static const struct field reply_fields[] = {
    { "id",     FIELD_INT,    AT(id), .required = true, .max = INT64_MAX },
    { "ok",     FIELD_BOOL,   AT(ok), .required = true },
    { "why",    FIELD_TEXT,   AT(why), .max = HALD_MAX_WHY },
    { "status", FIELD_OBJECT, AT(status), .table = &status_table },
    { "slots",  FIELD_OBJECT, AT(slots), .table = &ha_reading_table },
};
#undef AT
TABLE_DEFINE(reply, "reply", struct hald_reply);
// clang-format on

void hald_request_clear(struct hald_request *request)
{
    codec_clear(&request_table, request);
}

void hald_reply_clear(struct hald_reply *reply)
{
    codec_clear(&reply_table, reply);
}

static char *format(const struct field_table *table, const void *value)
{
    g_autoptr(json_t) json = codec_encode(table, value);

    return json_format(json);
}

char *hald_request_format(const struct hald_request *request)
{
    return format(&request_table, request);
}

char *hald_reply_format(const struct hald_reply *reply)
{
    return format(&reply_table, reply);
}

static json_t *parse(const char *line, size_t len, GError **error)
{
    if (len <= HALD_MAX_LINE)
        return json_parse(line, len, error);
    err_set(error, VRM_ERR_INVALID, "the line has %zu bytes; want at most %u", len, HALD_MAX_LINE);
    return NULL;
}

static bool check_setup(const struct hald_request *request, GError **error)
{
    if (request->op != HALD_SETUP || ha_setup_check(&request->setup, error))
        return true;
    g_prefix_error(error, "setup.");
    return false;
}

static bool decode_request(const json_t *json, struct hald_request *ret_request, GError **error)
{
    struct hald_request request;

    if (!codec_decode(&request_table, json, &request, error))
        return false;
    if (!check_setup(&request, error)) {
        hald_request_clear(&request);
        return false;
    }
    *ret_request = request;
    return true;
}

bool hald_request_parse(const char *line, size_t len, struct hald_request *ret_request,
                        int64_t *ret_id, GError **error)
{
    g_autoptr(json_t) json = parse(line, len, error);
    const json_int_t id = json_integer_value(json_object_get(json, "id"));

    if (ret_id)
        *ret_id = MAX(id, 0);
    return json && decode_request(json, ret_request, error);
}

bool hald_reply_parse(const char *line, size_t len, struct hald_reply *ret_reply, GError **error)
{
    g_autoptr(json_t) json = parse(line, len, error);

    return json && codec_decode(&reply_table, json, ret_reply, error);
}
