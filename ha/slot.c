/* slot.c - see slot.h. */
#include "config.h"

#include "ha/slot.h"

#include <glib.h>
#include <string.h>

#define FORMAT 1

enum {
    AT_FORMAT = 8,
    AT_AUTHORITY = 12,
    AT_TAG = 16,
    AT_HOST = 24,
    AT_BOOT = 32,
    AT_N = 40,
    AT_LENGTH = 44,
    AT_SEQ = 48,
    AT_SUM = 56,
};

static const char magic[AT_FORMAT] = { 'V', 'R', 'M', 'S', 'L', 'O', 'T', '1' };

/* ---- numbers --------------------------------------------------------------------------------- */

int64_t slot_of_host(int64_t host)
{
    return host >= SLOT_FIRST_HOST && host < SLOT_FIRST_HOST + SLOT_MAX ? host - SLOT_FIRST_HOST
                                                                        : -1;
}

int64_t slot_host(int64_t slot)
{
    return slot >= 0 && slot < SLOT_MAX ? slot + SLOT_FIRST_HOST : -1;
}

int32_t slot_authority(int64_t datastore)
{
    return datastore >= 1 && datastore <= INT32_MAX - HA_STORAGE
               ? (int32_t)datastore + HA_STORAGE - 1
               : -1;
}

int64_t slot_datastore(int32_t authority)
{
    return authority >= HA_STORAGE ? (int64_t)authority - HA_STORAGE + 1 : -1;
}

uint64_t slot_tag(const uint8_t *key, size_t size)
{
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, key, size);

    sum[16] = '\0';
    return g_ascii_strtoull(sum, NULL, 16);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void put(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *from, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = size; i-- > 0;)
        value = value << 8 | from[i];
    return value;
}

/* Castagnoli's polynomial, reflected, four bits at a time: four steps of `sum >> 1 ^ (sum & 1 ?
 * 0x82f63b78 : 0)` from each number below 16. */
static const uint32_t sums[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t slot_sum(const uint8_t *bytes, size_t size)
{
    uint32_t sum = ~0U;

    for (size_t i = 0; i < size; i++) {
        sum ^= bytes[i];
        sum = sum >> 4 ^ sums[sum & 15U];
        sum = sum >> 4 ^ sums[sum & 15U];
    }
    return ~sum;
}

static bool is_sayable(int64_t length_ms)
{
    return length_ms > 0 && length_ms <= UINT32_MAX;
}

void slot_format(const struct slot_record *record, uint8_t ret_block[SLOT_SIZE])
{
    memset(ret_block, 0, SLOT_SIZE);
    memcpy(ret_block, magic, sizeof magic);
    put(ret_block + AT_FORMAT, FORMAT, 4);
    put(ret_block + AT_AUTHORITY, (uint32_t)record->owner.authority, 4);
    put(ret_block + AT_TAG, record->tag, 8);
    put(ret_block + AT_HOST, (uint64_t)record->owner.host, 8);
    put(ret_block + AT_BOOT, record->owner.inc.boot, 8);
    put(ret_block + AT_N, record->owner.inc.n, 4);
    put(ret_block + AT_LENGTH, is_sayable(record->length_ms) ? (uint64_t)record->length_ms : 0, 4);
    put(ret_block + AT_SEQ, (uint64_t)record->seq, 8);
    put(ret_block + AT_SUM, slot_sum(ret_block, AT_SUM), 4);
    memcpy(ret_block + SLOT_SECTOR, ret_block, SLOT_SECTOR);
}

/* Strict: what another format or version wrote is not ours to understand. */
static bool parse_sector(const uint8_t *sector, struct slot_record *ret_record)
{
    const struct slot_record record = {
        .tag = get(sector + AT_TAG, 8),
        .owner = { .host = (int64_t)get(sector + AT_HOST, 8),
                   .authority = (int32_t)get(sector + AT_AUTHORITY, 4),
                   .inc = { get(sector + AT_BOOT, 8), (uint32_t)get(sector + AT_N, 4) } },
        .seq = (int64_t)get(sector + AT_SEQ, 8),
        .length_ms = (int64_t)get(sector + AT_LENGTH, 4),
    };

    if (memcmp(sector, magic, sizeof magic) != 0 || get(sector + AT_FORMAT, 4) != FORMAT ||
        get(sector + AT_SUM, 4) != slot_sum(sector, AT_SUM) /* sum */)
        return false;
    if (record.owner.host <= 0 || record.owner.authority < HA_STORAGE ||
        record.owner.inc.boot == 0 || record.seq <= 0)
        return false;
    *ret_record = record;
    return true;
}

static bool is_newer(const struct slot_record *a, const struct slot_record *b)
{
    if (a->owner.inc.boot != b->owner.inc.boot)
        return false; /* nobody knows: the first sector's */
    return a->owner.inc.n != b->owner.inc.n ? a->owner.inc.n > b->owner.inc.n : a->seq > b->seq;
}

static bool is_empty(const uint8_t *block)
{
    for (size_t i = 0; i < SLOT_SIZE; i++)
        if (block[i] != 0)
            return false;
    return true;
}

enum slot_content slot_parse(const uint8_t block[SLOT_SIZE], struct slot_record *ret_record)
{
    struct slot_record records[2] = { 0 };
    const bool first = parse_sector(block, &records[0]);
    const bool second = parse_sector(block + SLOT_SECTOR, &records[1]);

    if (!first && !second)
        return is_empty(block) ? SLOT_EMPTY : SLOT_BROKEN;
    *ret_record =
        second && (!first || is_newer(&records[1], &records[0])) ? records[1] : records[0];
    return SLOT_VALID;
}

/* ---- whose it is ----------------------------------------------------------------------------- */

bool slot_record_equal(const struct slot_record *a, const struct slot_record *b)
{
    return a->tag == b->tag && ha_owner_equal(&a->owner, &b->owner) && a->seq == b->seq &&
           a->length_ms == b->length_ms;
}

bool slot_is_foreign(const struct slot_record *record, uint64_t tag, const struct ha_owner *self)
{
    return record->tag != tag || record->owner.host != self->host ||
           record->owner.authority != self->authority;
}

bool slot_may_go_on(const struct slot_record *record, uint64_t tag, const struct ha_owner *self)
{
    return record->tag == tag && ha_owner_equal(&record->owner, self);
}

int64_t slot_age_ms(const struct slot_record *own, uint64_t tag, const struct ha_owner *self,
                    int64_t now_ms)
{
    if (!slot_may_go_on(own, tag, self))
        return -1;
    return now_ms > own->seq ? now_ms - own->seq : 0; /* age */
}
