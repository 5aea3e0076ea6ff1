/* ha_reading.c - see ha_reading.h. */
#include "config.h"

#include "agentproto/ha_reading.h"

#include "agentproto/codec.h"

#define MAX_INC       64
#define MIN_AUTHORITY 2 /* HA_STORAGE of ha/right.h */

// clang-format off
#define AT(member) .offset = offsetof(struct ha_slot_read, member)
static const struct field slot_fields[] = {
    { "slot", FIELD_INT,   AT(slot), .required = true, .max = HA_READING_LAST },
    { "host", FIELD_INT,   AT(host), .required = true, .min = 1, .max = INT64_MAX },
    { "inc",  FIELD_TOKEN, AT(inc), .required = true, .min = 1, .max = MAX_INC },
    { "seq",  FIELD_INT,   AT(seq), .required = true, .max = INT64_MAX },
    { "length_ms", FIELD_INT, AT(length_ms), .max = UINT32_MAX },
};
#undef AT
TABLE_DEFINE(slot, "slot", struct ha_slot_read);

#define AT(member) .offset = offsetof(struct ha_store_read, member)
static const struct field store_fields[] = {
    { "authority", FIELD_INT,   AT(authority), .required = true,
                                .min = MIN_AUTHORITY, .max = INT32_MAX },
    { "ok",        FIELD_BOOL,  AT(ok), .required = true },
    { "why",       FIELD_TEXT,  AT(why), .max = HA_READING_MAX_WHY },
    { "age_ms",    FIELD_INT,   AT(age_ms), .max = INT64_MAX },
    { "slots",     FIELD_ARRAY, AT(slots), .max = HA_READING_MAX, .table = &slot_table,
                                .n_offset = offsetof(struct ha_store_read, n_slots) },
};
#undef AT
TABLE_DEFINE(store, "store", struct ha_store_read);

#define AT(member) .offset = offsetof(struct ha_reading, member)
static const struct field slots_fields[] = {
    { "stores", FIELD_ARRAY, AT(stores), .max = HA_READING_MAX_STORES, .table = &store_table,
                             .n_offset = offsetof(struct ha_reading, n_stores) },
};
#undef AT
// clang-format on
const struct field_table ha_reading_table = TABLE("slots", struct ha_reading, slots_fields);

void ha_reading_clear(struct ha_reading *slots)
{
    codec_clear(&ha_reading_table, slots);
}

json_t *ha_reading_encode(const struct ha_reading *slots)
{
    return codec_encode(&ha_reading_table, slots);
}

bool ha_reading_decode(const json_t *json, struct ha_reading *ret_slots, GError **error)
{
    return codec_decode(&ha_reading_table, json, ret_slots, error);
}
