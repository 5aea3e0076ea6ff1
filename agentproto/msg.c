/* msg.c - see msg.h: commands, their reports, errors.  The watch stream is in watch.c. */
#include "config.h"

#include "agentproto/msg.h"

#include <inttypes.h>
#include <string.h>

#include "agentproto/codec.h"
#include "base/err.h"
#include "base/json.h"

STATE_DEFINE(command_state, COMMAND_STATES, N_COMMAND_STATES)

#define DAY_MS    (24LL * 60 * 60 * 1000)
#define MAX_NAME  256
#define MAX_WORD  64
#define MAX_PATH  1024
#define MAX_TEXT  1024
#define MAX_VCPUS 1024
#define MAX_DISKS 64
#define MAX_NICS  64
#define MAX_MHZ   (MAX_VCPUS * 10000LL)
#define MAX_MB    (64LL << 20)
#define MAX_GB    (1LL << 20)

/* ---- the VM: only what an agent needs to define and start it -------------------------------- */

// clang-format off
#define AT(member) .offset = offsetof(struct vm_cpu, member)
static const struct field cpu_fields[] = {
    { "quantity",         FIELD_INT, AT(quantity), .required = true, .min = 1, .max = MAX_VCPUS },
    { "cores_per_socket", FIELD_INT, AT(cores_per_socket), .max = MAX_VCPUS },
    { "reservation_mhz",  FIELD_INT, AT(reservation_mhz), .max = MAX_MHZ },
    { "weight",           FIELD_INT, AT(weight), .max = INT32_MAX },
    { "limit_mhz",        FIELD_INT, AT(limit_mhz), .max = MAX_MHZ },
    { "hot_plug",         FIELD_INT, AT(hot_plug), .max = 2 },
};
#undef AT
TABLE_DEFINE(cpu, "VM's cpu", struct vm_cpu);

#define AT(member) .offset = offsetof(struct vm_memory, member)
static const struct field memory_fields[] = {
    { "size_mb",        FIELD_INT, AT(size_mb), .required = true, .min = 1, .max = MAX_MB },
    { "reservation_mb", FIELD_INT, AT(reservation_mb), .max = MAX_MB },
    { "weight",         FIELD_INT, AT(weight), .max = INT64_MAX },
    { "limit_mb",       FIELD_INT, AT(limit_mb), .max = MAX_MB },
    { "hot_plug",       FIELD_INT, AT(hot_plug), .max = 1 },
};
#undef AT
TABLE_DEFINE(memory, "VM's memory", struct vm_memory);

#define AT(member) .offset = offsetof(struct vm_disk, member)
static const struct field disk_fields[] = {
    { "sequence",     FIELD_INT,   AT(sequence), .required = true, .min = 1, .max = MAX_DISKS },
    { "volume_id",    FIELD_INT,   AT(volume_id), .max = INT64_MAX },
    { "datastore_id", FIELD_INT,   AT(datastore_id), .max = INT64_MAX },
    { "name",         FIELD_NAME,  AT(name), .max = MAX_NAME },
    { "path",         FIELD_PATH,  AT(path), .required = true, .min = 2, .max = MAX_PATH },
    { "size_gb",      FIELD_INT,   AT(size_gb), .required = true, .min = 1, .max = MAX_GB },
    { "thin",         FIELD_BOOL,  AT(thin) },
    { "independent",  FIELD_BOOL,  AT(independent) },
    { "persistent",   FIELD_BOOL,  AT(persistent) },
    { "bus",          FIELD_TOKEN, AT(bus), .max = MAX_WORD },
};
#undef AT
TABLE_DEFINE(disk, "VM's disk", struct vm_disk);

#define AT(member) .offset = offsetof(struct vm_nic, member)
static const struct field nic_fields[] = {
    { "sequence",   FIELD_INT,  AT(sequence), .max = MAX_NICS },
    { "name",       FIELD_NAME, AT(name), .max = MAX_NAME },
    { "mac",        FIELD_MAC,  AT(mac), .max = MAX_WORD },
    { "port_group", FIELD_NAME, AT(port_group), .max = MAX_NAME },
    { "ip",         FIELD_ADDRESS, AT(ip), .max = MAX_WORD },
    { "virtio",     FIELD_BOOL, AT(virtio) },
};
#undef AT
TABLE_DEFINE(nic, "VM's NIC", struct vm_nic);

#define AT(member) .offset = offsetof(Vm, member)
static const struct field vm_fields[] = {
    { "id",          FIELD_INT,    AT(id), .required = true, .min = 1, .max = INT64_MAX },
    { "uuid",        FIELD_UUID,   AT(uuid), .required = true, .min = 1, .max = MAX_WORD },
    { "name",        FIELD_NAME,   AT(name), .required = true, .min = 1, .max = MAX_NAME },
    { "cpu",         FIELD_OBJECT, AT(cpu), .required = true, .table = &cpu_table },
    { "memory",      FIELD_OBJECT, AT(memory), .required = true, .table = &memory_table },
    { "disks",       FIELD_ARRAY,  AT(disks), .max = MAX_DISKS, .table = &disk_table,
                                   .n_offset = offsetof(Vm, n_disks) },
    { "nics",        FIELD_ARRAY,  AT(nics), .max = MAX_NICS, .table = &nic_table,
                                   .n_offset = offsetof(Vm, n_nics) },
    { "boot_option", FIELD_TOKEN,  AT(boot_option), .max = MAX_WORD },
    { "os_type",     FIELD_NAME,   AT(os_type), .max = MAX_WORD },
    { "os_version",  FIELD_INT,    AT(os_version), .max = INT32_MAX },
    { "clock_mode",  FIELD_TOKEN,  AT(clock_mode), .max = MAX_WORD },
    { "cpu_model",   FIELD_TOKEN,  AT(cpu_model), .max = MAX_WORD },
    { "devices",     FIELD_NAME,   AT(devices), .max = AGENT_MAX_DEVICES },
};
#undef AT
const struct field_table agent_vm_table = TABLE("VM", Vm, vm_fields);

/* ---- commands ------------------------------------------------------------------------------ */

#define AT(member) .offset = offsetof(struct migrate_args, member)
static const struct field migrate_fields[] = {
    { "target_name",    FIELD_NAME,    AT(target_name), .max = MAX_NAME },
    { "target_address", FIELD_ADDRESS, AT(target_address), .required = true,
                                       .min = 1, .max = MAX_NAME },
    { "bandwidth_mib",  FIELD_INT,     AT(bandwidth_mib), .max = 1 << 20 },
    { "auto_converge",  FIELD_BOOL,    AT(auto_converge) },
    { "timeout_ms",     FIELD_INT,     AT(timeout_ms), .required = true, .min = 1, .max = DAY_MS },
};
#undef AT
TABLE_DEFINE(migrate, "migration", struct migrate_args);

#define WITH_VM    (ONLY(VERB_DEFINE) | ONLY(VERB_UNDEFINE) | ONLY(VERB_START))
#define WITH_FORCE (ONLY(VERB_STOP) | ONLY(VERB_REBOOT))
#define WITH_UUID  (~ONLY(VERB_ABORT))
#define MAY_HAVE_ID (ONLY(VERB_STOP) | ONLY(VERB_MIGRATE))
#define WITH_RIGHT (ONLY(VERB_RECEIVE) | ONLY(VERB_RELEASE))

#define AT(member) .offset = offsetof(struct agent_command, member)
static const struct field command_fields[] = {
    { "verb",        FIELD_WORD,  AT(verb), .required = true, WORDS(agent_verb) },
    { "id",          FIELD_TOKEN, AT(id), .required = true, .min = 1, .max = AGENT_COMMAND_ID_MAX },
    { "epoch",       FIELD_INT,   AT(epoch), .required = true, .min = 1, .max = INT64_MAX },
    { "gen",         FIELD_INT,   AT(gen), .required = true, .max = INT64_MAX },
    { "vm_uuid",     FIELD_UUID,  AT(vm_uuid), .required = true, .only = WITH_UUID,
                                  .min = 1, .max = MAX_WORD },
    { "deadline_ms", FIELD_INT,   AT(deadline_ms), .required = true, .min = 1, .max = DAY_MS },
    { "vm",          FIELD_VM,    AT(vm), .required = true, .only = WITH_VM, .table = &agent_vm_table },
    { "force",       FIELD_BOOL,  AT(force), .only = WITH_FORCE },
    { "migrate",     FIELD_OBJECT, AT(migrate), .required = true, .only = ONLY(VERB_MIGRATE),
                                  .table = &migrate_table },
    { "abort_id",    FIELD_TOKEN, AT(abort_id), .required = true, .only = ONLY(VERB_ABORT),
                                  .min = 1, .max = AGENT_COMMAND_ID_MAX },
    { "vm_id",       FIELD_INT,   AT(vm_id), .only = MAY_HAVE_ID, .max = INT64_MAX },
    { "vm_id",       FIELD_INT,   AT(vm_id), .required = true, .only = WITH_RIGHT,
                                  .min = 1, .max = INT64_MAX },
    { "right",       FIELD_NAME,  AT(right), .only = ONLY(VERB_START), .max = AGENT_RIGHT_MAX },
    { "right",       FIELD_NAME,  AT(right), .required = true, .only = WITH_RIGHT,
                                  .min = 1, .max = AGENT_RIGHT_MAX },
};
#undef AT
TABLE_DEFINE(command, "command", struct agent_command);
// clang-format on

void agent_command_clear(struct agent_command *command)
{
    codec_clear(&command_table, command);
}

json_t *agent_command_encode(const struct agent_command *command)
{
    return codec_encode(&command_table, command);
}

bool agent_command_decode(const json_t *json, struct agent_command *ret_command, GError **error)
{
    struct agent_command command;

    if (!codec_decode(&command_table, json, &command, error))
        return false;
    if (command.vm && strcmp(command.vm->uuid, command.vm_uuid) != 0) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "vm.uuid",
                       "vm.uuid is %s; want the command's vm_uuid %s", command.vm->uuid,
                       command.vm_uuid);
        agent_command_clear(&command);
        return false;
    }
    *ret_command = command;
    return true;
}

bool agent_command_fits(const struct agent_command *command, int64_t protocol, GError **error)
{
    const bool needs_rights = (WITH_RIGHT >> command->verb & 1) != 0 ||
                              (command->verb == VERB_START && command->right && *command->right);

    if (!needs_rights || protocol >= AGENT_PROTOCOL_RIGHTS)
        return true;
    err_set(error, VRM_ERR_UNAVAILABLE,
            "the host's vrm-agent speaks protocol version %" PRId64
            " and knows nothing of the right to run a VM: version %d is needed for this %s",
            protocol, AGENT_PROTOCOL_RIGHTS, agent_verb_name(command->verb));
    return false;
}

/* ---- reports ------------------------------------------------------------------------------- */

// clang-format off
#define AT(member) .offset = offsetof(struct command_report, member)
static const struct field report_fields[] = {
    { "state",          FIELD_WORD,  AT(state), .required = true, WORDS(command_state) },
    { "id",             FIELD_TOKEN, AT(id), .required = true,
                                     .min = 1, .max = AGENT_COMMAND_ID_MAX },
    { "verb",           FIELD_WORD,  AT(verb), .required = true, WORDS(agent_verb) },
    { "vm_uuid",        FIELD_UUID,  AT(vm_uuid), .max = MAX_WORD },
    { "progress",       FIELD_INT,   AT(progress), .max = 100 },
    { "code",           FIELD_ERR,   AT(err_code), .required = true, .only = ONLY(COMMAND_FAILED) },
    { "reason",         FIELD_INT,   AT(reason), .only = ONLY(COMMAND_FAILED), .max = INT32_MAX },
    { "error",          FIELD_TEXT,  AT(error), .only = ONLY(COMMAND_FAILED), .max = MAX_TEXT },
    { "elapsed_ms",     FIELD_INT,   AT(elapsed_ms), .max = INT64_MAX },
    { "downtime_ms",    FIELD_INT,   AT(downtime_ms), .max = INT64_MAX },
    { "transferred_mb", FIELD_INT,   AT(transferred_mb), .max = INT64_MAX },
    { "remaining_mb",   FIELD_INT,   AT(remaining_mb), .max = INT64_MAX },
    { "dirty_mbps",     FIELD_INT,   AT(dirty_mbps), .max = INT64_MAX },
};
#undef AT
// clang-format on
const struct field_table command_report_table =
    TABLE("command report", struct command_report, report_fields);

void command_report_clear(struct command_report *report)
{
    codec_clear(&command_report_table, report);
}

json_t *command_report_encode(const struct command_report *report)
{
    return codec_encode(&command_report_table, report);
}

bool command_report_decode(const json_t *json, struct command_report *ret_report, GError **error)
{
    return codec_decode(&command_report_table, json, ret_report, error);
}

/* ---- errors -------------------------------------------------------------------------------- */

struct agent_error {
    int code; /* enum vrm_err */
    int64_t reason;
    const char *field, *text;
};

// clang-format off
#define AT(member) .offset = offsetof(struct agent_error, member)
static const struct field error_fields[] = {
    { "code",   FIELD_ERR,  AT(code), .required = true },
    { "reason", FIELD_INT,  AT(reason), .max = INT32_MAX },
    { "field",  FIELD_NAME, AT(field), .max = MAX_NAME },
    { "text",   FIELD_TEXT, AT(text), .required = true, .max = MAX_TEXT },
};
#undef AT
TABLE_DEFINE(error, "error", struct agent_error);

static const struct field answer_fields[] = {
    { "error", FIELD_OBJECT, .required = true, .table = &error_table },
};
TABLE_DEFINE(answer, "answer", struct agent_error);
// clang-format on

/* What an answer without a body of ours means, such as one of the HTTP library itself. */
static const struct {
    int http_status;
    enum vrm_err code;
} status_codes[] = {
    { 400, VRM_ERR_INVALID },     { 401, VRM_ERR_DENIED },   { 403, VRM_ERR_DENIED },
    { 404, VRM_ERR_NOT_FOUND },   { 409, VRM_ERR_CONFLICT }, { 413, VRM_ERR_INVALID },
    { 503, VRM_ERR_UNAVAILABLE }, { 504, VRM_ERR_TIMEOUT },
};

json_t *agent_error_encode(const GError *error)
{
    struct agent_error body = {
        .code = error->domain == VRM_ERROR ? error->code : VRM_ERR_INTERNAL,
        .reason = err_reason(error),
        .field = err_field(error),
        .text = error->message,
    };

    return codec_encode(&answer_table, &body);
}

static enum vrm_err code_of_status(int http_status)
{
    for (size_t i = 0; i < G_N_ELEMENTS(status_codes); i++) {
        if (status_codes[i].http_status == http_status)
            return status_codes[i].code;
    }
    return VRM_ERR_INTERNAL;
}

void agent_error_decode(int http_status, const char *body, size_t len, GError **error)
{
    g_autoptr(json_t) json = json_parse(body, len, NULL);
    struct agent_error answer;

    if (!json || !codec_decode(&answer_table, json, &answer, NULL)) {
        err_set(error, code_of_status(http_status), "the agent answered with HTTP status %d",
                http_status);
        return;
    }
    err_set_reason(error, (enum vrm_err)answer.code, (int)answer.reason,
                   *answer.field ? answer.field : NULL, "%s", answer.text);
    codec_clear(&answer_table, &answer);
}
