/* fuzz_slot.c - blocks from a datastore, as they come and with their sums put right. */
#include "config.h"

#include "ha/slot.h"

#include <glib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_block(const uint8_t *block)
{
    struct slot_record record, again;
    uint8_t written[SLOT_SIZE];

    if (slot_parse(block, &record) != SLOT_VALID)
        return;
    g_assert(record.owner.host > 0 && record.owner.authority >= HA_STORAGE && record.seq > 0);
    g_assert(slot_may_go_on(&record, record.tag, &record.owner));
    g_assert(slot_age_ms(&record, record.tag, &record.owner, record.seq) == 0);
    slot_format(&record, written);
    g_assert(slot_parse(written, &again) == SLOT_VALID);
    g_assert(again.length_ms >= 0 && slot_record_equal(&again, &record));
}

/* The bytes as a record's fields: its sum is right, its sense is not sure. */
static void try_fields(const uint8_t *data, size_t size)
{
    struct slot_record record = { 0 };
    uint8_t block[SLOT_SIZE];

    memcpy(&record, data, size < sizeof record ? size : sizeof record);
    slot_format(&record, block);
    try_block(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t block[SLOT_SIZE] = { 0 };

    if (size > 0)
        memcpy(block, data, size < SLOT_SIZE ? size : SLOT_SIZE);
    try_block(block);
    if (size > 0)
        try_fields(data, size);
    return 0;
}
