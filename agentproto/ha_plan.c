/* ha_plan.c - see ha_plan.h. */
#include "config.h"

#include "agentproto/ha_plan.h"

#include <inttypes.h>
#include <string.h>

#include "agentproto/codec.h"
#include "base/json.h"

// clang-format off
#define AT(member) .offset = offsetof(struct ha_plan_vm, member)
static const struct field plan_vm_fields[] = {
    { "gen", FIELD_INT, AT(gen), .required = true, .max = INT64_MAX },
    { "vm",  FIELD_VM,  AT(vm), .required = true, .table = &agent_vm_table },
};
#undef AT
TABLE_DEFINE(plan_vm, "planned VM", struct ha_plan_vm);

#define AT(member) .offset = offsetof(struct ha_plan_row, member)
static const struct field plan_row_fields[] = {
    { "id",        FIELD_INT,   AT(vm), .required = true, .min = 1, .max = INT64_MAX },
    { "authority", FIELD_INT,   AT(authority), .required = true, .max = INT32_MAX },
    { "priority",  FIELD_INT,   AT(priority), .min = INT32_MIN, .max = INT32_MAX },
    { "after",     FIELD_INT,   AT(after), .max = INT64_MAX },
    { "to",        FIELD_INT,   AT(targets[0]), .max = INT64_MAX },
    { "or",        FIELD_INT,   AT(targets[1]), .max = INT64_MAX },
    { "else",      FIELD_INT,   AT(targets[2]), .max = INT64_MAX },
    { "digest",    FIELD_TOKEN, AT(digest), .required = true,
                                .min = HA_PLAN_DIGEST, .max = HA_PLAN_DIGEST },
};
#undef AT
TABLE_DEFINE(plan_row, "planned VM", struct ha_plan_row);

#define AT(member) .offset = offsetof(struct ha_plan_host, member)
static const struct field plan_host_fields[] = {
    { "vms", FIELD_ARRAY, AT(rows), .required = true, .max = HA_PLAN_MAX_VMS,
                          .table = &plan_row_table, .n_offset = offsetof(struct ha_plan_host, n_rows) },
};
#undef AT
TABLE_DEFINE(plan_host, "host's plan", struct ha_plan_host);

#define AT(member) .offset = offsetof(struct ha_plan_deputy, member)
static const struct field plan_deputy_fields[] = {
    { "host", FIELD_INT, AT(host), .required = true, .min = 1, .max = INT64_MAX },
};
#undef AT
TABLE_DEFINE(plan_deputy, "deputy", struct ha_plan_deputy);

#define AT(member) .offset = offsetof(struct ha_plan_deputies, member)
static const struct field plan_deputies_fields[] = {
    { "epoch", FIELD_INT,   AT(epoch), .required = true, .min = 1, .max = INT64_MAX },
    { "hosts", FIELD_ARRAY, AT(hosts), .required = true, .max = HA_PLAN_MAX_DEPUTIES,
                            .table = &plan_deputy_table,
                            .n_offset = offsetof(struct ha_plan_deputies, n_hosts) },
};
#undef AT
TABLE_DEFINE(plan_deputies, "deputies", struct ha_plan_deputies);
// clang-format on

/* ---- keys ------------------------------------------------------------------------------------ */

static const char *const folders[] = {
    [HA_PLAN_HOST] = "/plan/host/",
    [HA_PLAN_VM] = "/plan/vm/",
    [HA_PLAN_DEPUTIES] = "/plan/deputies",
};

char *ha_plan_key(const char *prefix, enum ha_plan_kind kind, int64_t id)
{
    if (kind == HA_PLAN_DEPUTIES)
        return g_strconcat(prefix, folders[kind], NULL);
    return g_strdup_printf("%s%s%" PRId64, prefix, folders[kind], id);
}

/* As ha_plan_key writes it: no sign, no leading zero. */
static bool parse_id(const char *text, int64_t *ret_id)
{
    guint64 id;

    if (*text == '0' || !g_ascii_string_to_unsigned(text, 10, 1, INT64_MAX, &id, NULL))
        return false;
    *ret_id = (int64_t)id;
    return true;
}

bool ha_plan_key_parse(const char *prefix, const char *key, enum ha_plan_kind *ret_kind,
                       int64_t *ret_id)
{
    const char *rest = g_str_has_prefix(key, prefix) ? key + strlen(prefix) : "";
    int64_t id = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
        const char *number;

        if (!g_str_has_prefix(rest, folders[i]))
            continue;
        number = rest + strlen(folders[i]);
        if (i == HA_PLAN_DEPUTIES ? *number != '\0' : !parse_id(number, &id))
            return false;
        *ret_kind = (enum ha_plan_kind)i;
        *ret_id = id;
        return true;
    }
    return false;
}

/* ---- values ---------------------------------------------------------------------------------- */

static char *format(const struct field_table *table, const void *value)
{
    g_autoptr(json_t) json = codec_encode(table, value);

    return json_format(json);
}

static bool parse(const struct field_table *table, const char *text, size_t len, void *ret_value,
                  GError **error)
{
    g_autoptr(json_t) json = json_parse(text, len, error);

    return json && codec_decode(table, json, ret_value, error);
}

void ha_plan_vm_clear(struct ha_plan_vm *plan)
{
    codec_clear(&plan_vm_table, plan);
}

char *ha_plan_vm_format(const struct ha_plan_vm *plan)
{
    return format(&plan_vm_table, plan);
}

bool ha_plan_vm_parse(const char *text, size_t len, struct ha_plan_vm *ret_plan, GError **error)
{
    return parse(&plan_vm_table, text, len, ret_plan, error);
}

char *ha_plan_digest(const char *text)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

    return g_strndup(sum, HA_PLAN_DIGEST);
}

void ha_plan_host_clear(struct ha_plan_host *plan)
{
    codec_clear(&plan_host_table, plan);
}

char *ha_plan_host_format(const struct ha_plan_host *plan)
{
    return format(&plan_host_table, plan);
}

bool ha_plan_host_parse(const char *text, size_t len, struct ha_plan_host *ret_plan, GError **error)
{
    return parse(&plan_host_table, text, len, ret_plan, error);
}

void ha_plan_deputies_clear(struct ha_plan_deputies *plan)
{
    codec_clear(&plan_deputies_table, plan);
}

char *ha_plan_deputies_format(const struct ha_plan_deputies *plan)
{
    return format(&plan_deputies_table, plan);
}

bool ha_plan_deputies_parse(const char *text, size_t len, struct ha_plan_deputies *ret_plan,
                            GError **error)
{
    return parse(&plan_deputies_table, text, len, ret_plan, error);
}
