/* watch.c - see msg.h: the lines of GET /v1/watch. */
#include "config.h"

#include "agentproto/codec.h"
#include "agentproto/msg.h"
#include "base/err.h"
#include "base/json.h"

STATE_DEFINE(watch_kind, WATCH_KINDS, N_WATCH_KINDS)

#define HOUR_MS     (60LL * 60 * 1000)
#define MAX_NAME    256
#define MAX_WORD    64
#define MAX_CPU     4096
#define MAX_THREADS 65536
#define MAX_MHZ     (MAX_THREADS * 10000LL)
#define MAX_MB      (1LL << 30)
#define MAX_KBPS    (1LL << 40)

// clang-format off
#define AT(member) .offset = offsetof(struct agent_hello, member)
static const struct field hello_fields[] = {
    { "protocol",      FIELD_INT,  AT(protocol), .required = true,
                                   .min = AGENT_PROTOCOL_OLDEST, .max = INT32_MAX },
    { "agent_version", FIELD_NAME, AT(agent_version), .required = true, .min = 1, .max = MAX_WORD },
    { "name",          FIELD_NAME, AT(name), .required = true, .min = 1, .max = MAX_NAME },
    { "uuid",          FIELD_UUID, AT(uuid), .required = true, .min = 1, .max = MAX_WORD },
    { "real_name",     FIELD_NAME, AT(real_name), .max = MAX_NAME },
    { "vendor",        FIELD_NAME, AT(vendor), .max = MAX_NAME },
    { "model",         FIELD_NAME, AT(model), .max = MAX_NAME },
    { "cpu_model",     FIELD_NAME, AT(cpu_model), .max = MAX_NAME },
    { "hypervisor",    FIELD_NAME, AT(hypervisor), .max = MAX_NAME },
    { "boot_id",       FIELD_NAME, AT(boot_id), .required = true, .min = 1, .max = MAX_WORD },
    { "migrate_address", FIELD_ADDRESS, AT(migrate_address), .max = MAX_NAME },
    { "mem_mb",        FIELD_INT,  AT(mem_mb), .required = true, .min = 1, .max = MAX_MB },
    { "cpu_threads",   FIELD_INT,  AT(cpu_threads), .required = true,
                                   .min = 1, .max = MAX_THREADS },
    { "cpu_sockets",   FIELD_INT,  AT(cpu_sockets), .max = MAX_THREADS },
    { "cpu_cores",     FIELD_INT,  AT(cpu_cores), .max = MAX_THREADS },
    { "cpu_mhz",       FIELD_INT,  AT(cpu_mhz), .required = true, .min = 1, .max = 100000 },
    { "nic_count",     FIELD_INT,  AT(nic_count), .max = 4096 },
    { "cpu_vendor",    FIELD_NAME, AT(cpu_vendor), .max = MAX_WORD },
    { "cpu_features",  FIELD_NAME, AT(cpu_features), .max = MAX_CPU },
    { "cpu_generations", FIELD_NAME, AT(cpu_generations), .max = MAX_CPU },
    { "devices",       FIELD_NAME, AT(devices), .max = AGENT_MAX_DEVICES },
    { "net_mbps",      FIELD_INT,  AT(net_mbps), .max = INT32_MAX },
    { "ha",            FIELD_BOOL, AT(ha) },
    { "ha_address",    FIELD_ADDRESS, AT(ha_address), .max = MAX_NAME },
    { "hypervisor_restarts", FIELD_INT, AT(hypervisor_restarts), .max = INT32_MAX },
    { "epoch",         FIELD_INT,  AT(epoch), .required = true, .min = 1, .max = INT64_MAX },
};
#undef AT
TABLE_DEFINE(hello, "hello", struct agent_hello);

#define AT(member) .offset = offsetof(struct domain_report, member)
static const struct field domain_fields[] = {
    { "uuid",     FIELD_UUID, AT(uuid), .required = true, .min = 1, .max = MAX_WORD },
    { "name",     FIELD_NAME, AT(name), .max = MAX_NAME },
    { "state",    FIELD_WORD, AT(state), .required = true, WORDS(domain_state) },
    { "detail",   FIELD_TEXT, AT(detail), .max = MAX_NAME },
    { "vm_id",    FIELD_INT,  AT(vm_id), .max = INT64_MAX },
    { "gen",      FIELD_INT,  AT(gen), .max = INT64_MAX },
    { "vnc_port", FIELD_INT,  AT(vnc_port), .max = 65535 },
    { "cpu",      FIELD_NAME, AT(cpu), .max = AGENT_MAX_CPU },
    { "by_right", FIELD_BOOL, AT(by_right) },
    { "halted",   FIELD_BOOL, AT(halted) },
};
#undef AT
TABLE_DEFINE(domain, "domain", struct domain_report);

#define AT(member) .offset = offsetof(struct host_stats, member)
static const struct field host_fields[] = {
    { "cpu_mhz",  FIELD_INT, AT(cpu_mhz), .required = true, .max = MAX_MHZ },
    { "mem_mb",   FIELD_INT, AT(mem_mb), .required = true, .max = MAX_MB },
    { "net_kbps", FIELD_INT, AT(net_kbps), .max = MAX_KBPS },
};
#undef AT
TABLE_DEFINE(host, "host", struct host_stats);

#define AT(member) .offset = offsetof(struct domain_stats, member)
static const struct field stats_fields[] = {
    { "uuid",            FIELD_UUID, AT(uuid), .required = true, .min = 1, .max = MAX_WORD },
    { "cpu_mhz",         FIELD_INT,  AT(cpu_mhz), .required = true, .max = MAX_MHZ },
    { "mem_mb",          FIELD_INT,  AT(mem_mb), .required = true, .max = MAX_MB },
    { "net_kbps",        FIELD_INT,  AT(net_kbps), .max = MAX_KBPS },
    { "disk_read_kbps",  FIELD_INT,  AT(disk_read_kbps), .max = MAX_KBPS },
    { "disk_write_kbps", FIELD_INT,  AT(disk_write_kbps), .max = MAX_KBPS },
    { "agent_silent_ms", FIELD_INT,  AT(agent_silent_ms), .max = INT64_MAX },
    { "io_still_ms",     FIELD_INT,  AT(io_still_ms), .max = INT64_MAX },
    { "cpu_still_ms",    FIELD_INT,  AT(cpu_still_ms), .max = INT64_MAX },
    { "cpu_stuck_ms",    FIELD_INT,  AT(cpu_stuck_ms), .max = INT64_MAX },
    { "agent_answers",   FIELD_BOOL, AT(agent_answers) },
};
#undef AT
TABLE_DEFINE(stats, "sample", struct domain_stats);

#define AT(member)       .offset = offsetof(struct watch_line, member)
#define AT_ARRAY(member) AT(member), .n_offset = offsetof(struct watch_line, n_##member)
static const struct field line_fields[] = {
    { "kind",          FIELD_WORD,   AT(kind), .required = true, WORDS(watch_kind) },
    { "hello",         FIELD_OBJECT, AT(hello), .required = true, .only = ONLY(WATCH_HELLO),
                                     .table = &hello_table },
    { "hypervisor_ok", FIELD_BOOL,   AT(hypervisor_ok), .required = true,
                                     .only = ONLY(WATCH_FULL) | ONLY(WATCH_BEAT) },
    { "domains",       FIELD_ARRAY,  AT_ARRAY(domains), .required = true, .only = ONLY(WATCH_FULL),
                                     .max = AGENT_MAX_DOMAINS, .table = &domain_table },
    { "commands",      FIELD_ARRAY,  AT_ARRAY(commands), .required = true, .only = ONLY(WATCH_FULL),
                                     .max = AGENT_MAX_REPORTS, .table = &command_report_table },
    { "domains",       FIELD_ARRAY,  AT_ARRAY(domains), .required = true,
                                     .only = ONLY(WATCH_DOMAIN),
                                     .min = 1, .max = 1, .table = &domain_table },
    { "commands",      FIELD_ARRAY,  AT_ARRAY(commands), .required = true,
                                     .only = ONLY(WATCH_COMMAND),
                                     .min = 1, .max = 1, .table = &command_report_table },
    { "interval_ms",   FIELD_INT,    AT(interval_ms), .required = true, .only = ONLY(WATCH_STATS),
                                     .min = 1, .max = HOUR_MS },
    { "host",          FIELD_OBJECT, AT(host), .required = true, .only = ONLY(WATCH_STATS),
                                     .table = &host_table },
    { "stats",         FIELD_ARRAY,  AT_ARRAY(stats), .required = true, .only = ONLY(WATCH_STATS),
                                     .max = AGENT_MAX_DOMAINS, .table = &stats_table },
};
#undef AT_ARRAY
#undef AT
TABLE_DEFINE(line, "line", struct watch_line);
// clang-format on

void agent_hello_clear(struct agent_hello *hello)
{
    codec_clear(&hello_table, hello);
}

void domain_report_clear(struct domain_report *domain)
{
    codec_clear(&domain_table, domain);
}

void watch_line_clear(struct watch_line *line)
{
    codec_clear(&line_table, line);
}

json_t *watch_line_encode(const struct watch_line *line)
{
    return codec_encode(&line_table, line);
}

bool watch_line_decode(const char *text, size_t len, struct watch_line *ret_line, GError **error)
{
    g_autoptr(json_t) json = NULL;

    if (len > AGENT_MAX_LINE) {
        err_set(error, VRM_ERR_INVALID, "the line has %zu bytes; want at most %u", len,
                AGENT_MAX_LINE);
        return false;
    }
    json = json_parse(text, len, error);
    if (!json)
        return false;
    return codec_decode(&line_table, json, ret_line, error);
}
