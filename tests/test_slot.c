/* test_slot.c - heartbeat slots: their bytes, and what ha/ makes of what was read. */
#include "config.h"

#include "ha/ha.h"
#include "ha/keeper.h"
#include "ha/slot.h"
#include "tests/ha_usual.h"
#include "tests/suite.h"

#define TAG   0x0123456789abcdefULL
#define STORE (HA_STORAGE + 4)

static const struct ha_owner self = { 107, STORE, { 0xfeedface01020304, 3 } };

static struct slot_record record_of(int64_t seq)
{
    return (
        struct slot_record){ .tag = TAG, .owner = self, .seq = seq, .length_ms = USUAL_SLOT_MS };
}

/* ---- bytes ----------------------------------------------------------------------------------- */

START_TEST(a_record_comes_back_as_it_was_written)
{
    const struct slot_record record = record_of(1234567);
    struct slot_record again;
    uint8_t block[SLOT_SIZE];

    slot_format(&record, block);
    ck_assert_int_eq(slot_parse(block, &again), SLOT_VALID);
    ck_assert(ha_owner_equal(&again.owner, &self));
    ck_assert(again.tag == TAG && again.seq == 1234567 && again.length_ms == USUAL_SLOT_MS);
    ck_assert_mem_eq(block, "VRMSLOT1\1\0\0\0", 12);
    ck_assert_mem_eq(block, block + SLOT_SECTOR, SLOT_SECTOR);
    ck_assert_mem_eq(block + 16, "\xef\xcd\xab\x89\x67\x45\x23\x01", 8);
    ck_assert_mem_eq(block + 44, "\x20\x4e\0\0", 4);
}
END_TEST

/* As vrm-hald wrote it before it told the length, with the sum that it had. */
START_TEST(a_slot_that_does_not_say_its_length_is_understood)
{
    static const uint8_t former[] = { 0x56, 0x52, 0x4d, 0x53, 0x4c, 0x4f, 0x54, 0x31, 0x01, 0x00,
                                      0x00, 0x00, 0x06, 0x00, 0x00, 0x00, 0xef, 0xcd, 0xab, 0x89,
                                      0x67, 0x45, 0x23, 0x01, 0x6b, 0x00, 0x00, 0x00, 0x00, 0x00,
                                      0x00, 0x00, 0x04, 0x03, 0x02, 0x01, 0xce, 0xfa, 0xed, 0xfe,
                                      0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x87, 0xd6,
                                      0x12, 0x00, 0x00, 0x00, 0x00, 0x00, 0x12, 0x72, 0x04, 0x28 };
    uint8_t block[SLOT_SIZE] = { 0 };
    struct slot_record record;

    memcpy(block, former, sizeof former);
    ck_assert_int_eq(slot_parse(block, &record), SLOT_VALID);
    ck_assert(ha_owner_equal(&record.owner, &self));
    ck_assert_int_eq(record.seq, 1234567);
    ck_assert_int_eq(record.length_ms, 0);
}
END_TEST

static const int64_t unsayable[] = { -1, 0, (int64_t)UINT32_MAX + 1 };

/* Never a shorter one. */
START_TEST(a_length_that_has_no_room_is_not_said)
{
    struct slot_record record = record_of(9), again;
    uint8_t block[SLOT_SIZE];

    record.length_ms = unsayable[_i];
    slot_format(&record, block);
    ck_assert_int_eq(slot_parse(block, &again), SLOT_VALID);
    ck_assert_int_eq(again.length_ms, 0);
}
END_TEST

START_TEST(a_slot_that_was_never_written_is_empty)
{
    const uint8_t block[SLOT_SIZE] = { 0 };
    struct slot_record record = record_of(9);

    ck_assert_int_eq(slot_parse(block, &record), SLOT_EMPTY);
    ck_assert_int_eq(record.seq, 9);
}
END_TEST

/* The check values that are published for CRC-32C (RFC 3720, B.4). */
static const struct {
    const char *bytes;
    size_t size;
    uint32_t sum;
} known_sums[] = {
    { "", 0, 0 },
    { "123456789", 9, 0xe3069283 },
    { "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32, 0x8a9136aa },
};

START_TEST(a_sum_is_a_crc_32c)
{
    ck_assert_uint_eq(slot_sum((const uint8_t *)known_sums[_i].bytes, known_sums[_i].size),
                      known_sums[_i].sum);
}
END_TEST

/* The same, a bit at a time. */
static uint32_t sum_by_bits(const uint8_t *bytes, size_t size)
{
    uint32_t sum = ~0U;

    for (size_t i = 0; i < size; i++) {
        sum ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ ((sum & 1U) != 0 ? 0x82f63b78U : 0);
    }
    return ~sum;
}

START_TEST(each_byte_counts_as_it_does_bit_by_bit)
{
    for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
        const uint8_t bytes[] = { (uint8_t)byte, 0x5a, (uint8_t)~byte };

        ck_assert_uint_eq(slot_sum(bytes, sizeof bytes), sum_by_bits(bytes, sizeof bytes));
    }
}
END_TEST

static const size_t sectors[] = { 0, 1 };

/* Of a torn write each sector is the old or the new one. */
START_TEST(of_a_torn_write_the_newer_sector_counts)
{
    const struct slot_record older = record_of(100), newer = record_of(200);
    struct slot_record record;
    uint8_t old_block[SLOT_SIZE], block[SLOT_SIZE];

    slot_format(&older, old_block);
    slot_format(&newer, block);
    memcpy(block + sectors[_i] * SLOT_SECTOR, old_block, SLOT_SECTOR);
    ck_assert_int_eq(slot_parse(block, &record), SLOT_VALID);
    ck_assert_int_eq(record.seq, 200);
}
END_TEST

START_TEST(a_later_incarnation_is_newer_whatever_its_seq)
{
    struct slot_record older = record_of(900), newer = record_of(5), record;
    uint8_t old_block[SLOT_SIZE], block[SLOT_SIZE];

    newer.owner.inc.n++;
    slot_format(&older, old_block);
    slot_format(&newer, block);
    memcpy(block, old_block, SLOT_SECTOR);
    ck_assert_int_eq(slot_parse(block, &record), SLOT_VALID);
    ck_assert_int_eq(record.seq, 5);
}
END_TEST

START_TEST(any_byte_that_changed_spoils_its_sector)
{
    const struct slot_record record = record_of(77);
    struct slot_record again;
    uint8_t block[SLOT_SIZE];

    for (size_t at = 0; at < 60; at++) {
        slot_format(&record, block);
        block[at] ^= 0x10;
        ck_assert_int_eq(slot_parse(block, &again), SLOT_VALID); /* the other one */
        block[SLOT_SECTOR + at] ^= 0x10;
        ck_assert_msg(slot_parse(block, &again) == SLOT_BROKEN, "byte %zu", at);
    }
}
END_TEST

static const struct {
    const char *what;
    struct ha_owner owner;
    int64_t seq;
} senseless[] = {
    { "no host", { 0, STORE, { 1, 1 } }, 1 },
    { "a negative host", { -5, STORE, { 1, 1 } }, 1 },
    { "etcd's authority", { 101, HA_ETCD, { 1, 1 } }, 1 },
    { "no boot", { 101, STORE, { 0, 1 } }, 1 },
    { "no seq", { 101, STORE, { 1, 1 } }, 0 },
};

START_TEST(a_record_that_makes_no_sense_is_broken)
{
    const struct slot_record record = { TAG, senseless[_i].owner, senseless[_i].seq,
                                        USUAL_SLOT_MS };
    struct slot_record again;
    uint8_t block[SLOT_SIZE];

    slot_format(&record, block);
    ck_assert_msg(slot_parse(block, &again) == SLOT_BROKEN, "%s", senseless[_i].what);
}
END_TEST

/* ---- numbers --------------------------------------------------------------------------------- */

START_TEST(hosts_have_slots_and_datastores_have_authorities)
{
    ck_assert_int_eq(slot_of_host(101), 0);
    ck_assert_int_eq(slot_of_host(101 + SLOT_MAX - 1), SLOT_MAX - 1);
    ck_assert_int_eq(slot_of_host(101 + SLOT_MAX), -1);
    ck_assert_int_eq(slot_of_host(100), -1);
    ck_assert_int_eq(slot_host(6), 107);
    ck_assert_int_eq(slot_host(-1), -1);
    ck_assert_int_eq(slot_host(SLOT_MAX), -1);
    ck_assert_int_eq(slot_authority(1), HA_STORAGE);
    ck_assert_int_eq(slot_authority(0), -1);
    ck_assert_int_eq(slot_authority((int64_t)INT32_MAX), -1);
    ck_assert_int_eq(slot_datastore(slot_authority(4711)), 4711);
    ck_assert_int_eq(slot_datastore(HA_ETCD), -1);
}
END_TEST

START_TEST(a_cluster_s_tag_is_the_head_of_its_key_s_sha_256)
{
    ck_assert_uint_eq(slot_tag((const uint8_t *)"abc", 3), 0xba7816bf8f01cfeaULL);
}
END_TEST

/* ---- whose it is ----------------------------------------------------------------------------- */

START_TEST(only_the_same_life_goes_on_in_a_file)
{
    struct slot_record record = record_of(50);

    ck_assert(slot_may_go_on(&record, TAG, &self));
    ck_assert(!slot_may_go_on(&record, TAG + 1, &self));
    ck_assert(!slot_is_foreign(&record, TAG, &self));
    ck_assert(slot_is_foreign(&record, TAG + 1, &self));
    record.owner.inc.n++;
    ck_assert(!slot_may_go_on(&record, TAG, &self));
    ck_assert(!slot_is_foreign(&record, TAG, &self)); /* ours, of another life */
    record.owner.host++;
    ck_assert(slot_is_foreign(&record, TAG, &self));
    record.owner = self;
    record.owner.authority++;
    ck_assert(slot_is_foreign(&record, TAG, &self));
}
END_TEST

START_TEST(a_reading_is_as_old_as_the_own_slot_that_it_shows)
{
    struct slot_record own = record_of(1000);

    ck_assert_int_eq(slot_age_ms(&own, TAG, &self, 1400), 400);
    ck_assert_int_eq(slot_age_ms(&own, TAG, &self, 900), 0); /* written after it was asked for */
    own.owner.inc.boot++;
    ck_assert_int_eq(slot_age_ms(&own, TAG, &self, 1400), -1);
}
END_TEST

/* ---- one who decides ------------------------------------------------------------------------- */

static Ha *ha;

static void see_lease(int32_t authority, int64_t version, uint32_t n, int64_t now_ms)
{
    const struct ha_lease_seen seen = {
        { { self.inc.boot, n }, 1, authority == HA_ETCD ? 12000 : USUAL_SLOT_MS }, version, now_ms
    };

    ha_see_lease(ha, 0, authority, &seen, now_ms);
}

/* asked_ms is now. */
static void see_slot_saying(int64_t seq, int64_t length_ms, int64_t now_ms)
{
    const struct ha_slot_seen seen = { self.inc, seq, now_ms, length_ms };

    ha_see_slot(ha, 0, STORE, &seen, now_ms);
}

static void see_slot(uint32_t n, int64_t seq, int64_t asked_ms, int64_t now_ms)
{
    const struct ha_slot_seen seen = { { self.inc.boot, n }, seq, asked_ms, USUAL_SLOT_MS };

    ha_see_slot(ha, 0, STORE, &seen, now_ms);
}

/* The host is well, but for its lease; burials of that since the last look. */
static unsigned look_at(int32_t authority, int64_t now_ms)
{
    struct ha_actions actions = { 0 };
    unsigned n = 0;

    ha_see_beat(ha, 0, self.inc, now_ms);
    ha_see_agent(ha, 0, now_ms);
    ha_tick(ha, now_ms, &actions);
    for (size_t i = 0; i < actions.len; i++)
        n += actions.items[i].act == HA_DO_BURY &&
             actions.items[i].txn.puts[0].key.authority == authority;
    ha_actions_clear(&actions);
    return n;
}

static unsigned look(int64_t now_ms)
{
    return look_at(STORE, now_ms);
}

/* They may be a minute apart. */
static struct ha_options looks_far_apart(void)
{
    struct ha_options options = ha_usual();

    options.stall_ms = 100000;
    return options;
}

static void begin_with(const struct ha_options *ours)
{
    ha = ha_new(ours, (struct ha_mandate){ false, 7 });
    ha_add_host(ha, self.host, false);
    see_lease(HA_ETCD, 10, 3, 1000);
    see_lease(STORE, 11, 3, 1000);
    look(1000);
    look(1250);
}

static void begin(void)
{
    const struct ha_options ours = looks_far_apart();

    begin_with(&ours);
}

static void end(void)
{
    ha_free(ha);
}

/* What is seen after the slot's seq 100 was seen at 2000; is the lease proved to be over then? */
static const struct {
    const char *what;
    uint32_t n;
    int64_t seq, asked_ms, now_ms;
    unsigned burials;
} readings[] = {
    { "unchanged for its length", 3, 100, 22380, 22400, 1 },
    { "unchanged, not long enough", 3, 100, 22370, 22400, 0 },
    { "read in time, asked for before", 3, 100, 21000, 40000, 0 },
    { "moved", 3, 101, 22380, 22400, 0 },
    { "an old view", 3, 99, 22380, 22400, 0 },
    { "another life's", 4, 100, 22380, 22400, 0 },
    { "a former life's", 2, 100, 22380, 22400, 0 },
};

START_TEST(a_slot_is_still_when_a_reading_after_its_length_finds_the_same_seq)
{
    begin();
    see_slot(3, 100, 1900, 2000);
    ck_assert_uint_eq(look(2000), 0);
    see_slot(readings[_i].n, readings[_i].seq, readings[_i].asked_ms, readings[_i].now_ms);
    ck_assert_msg(look(readings[_i].now_ms) == readings[_i].burials, "%s", readings[_i].what);
    end();
}
END_TEST

START_TEST(a_registration_read_again_does_not_confirm_the_slot)
{
    begin();
    see_slot(3, 100, 1900, 2000);
    for (int64_t now_ms = 3000; now_ms < 60000; now_ms += 1000) {
        see_lease(STORE, 11, 3, now_ms);
        ck_assert_uint_eq(look(now_ms), 0);
    }
    end();
}
END_TEST

/* What was OUT and registers again may come to hold it: the clock starts anew. */
START_TEST(a_new_registration_of_the_same_life_begins_its_time_anew)
{
    begin();
    see_slot(3, 100, 1900, 2000);
    see_lease(STORE, 15, 3, 20000);
    see_slot(3, 100, 22390, 22400);
    ck_assert_uint_eq(look(22400), 0);
    see_slot(3, 100, 40380, 40400);
    ck_assert_uint_eq(look(40400), 1);
    end();
}
END_TEST

/* What our options say, what the slot says, and when it is proved to be over at last. */
static const struct {
    const char *what;
    int64_t our_ms, told_ms, proof_ms;
} lengths[] = {
    { "the same", 20000, 20000, 20380 },
    { "shorter ones were set, the host has not heard of them", 20000, 60000, 60540 },
    { "longer ones were set", 60000, 20000, 60540 },
    { "an older vrm-hald: any that can be set", 20000, 0, HA_LONGEST_SLOT_MS + 3900 },
};

START_TEST(a_lease_lasts_as_long_as_its_host_says_and_as_we_say)
{
    const int64_t over_ms = 2000 + lengths[_i].proof_ms;
    struct ha_options ours = looks_far_apart();

    ours.slot_ms = lengths[_i].our_ms;
    begin_with(&ours);
    see_slot_saying(100, lengths[_i].told_ms, 2000);
    see_slot_saying(100, lengths[_i].told_ms, over_ms - 1);
    ck_assert_msg(look(over_ms - 1) == 0, "%s", lengths[_i].what);
    see_slot_saying(100, lengths[_i].told_ms, over_ms);
    ck_assert_msg(look(over_ms) == 1, "%s", lengths[_i].what);
    end();
}
END_TEST

/* The same of etcd's. */
static const struct {
    int64_t our_ms, told_ms, proof_ms;
} etcd_lengths[] = {
    { 12000, 12000, 12348 },
    { 8000, 40000, 40460 },
    { 40000, 8000, 40460 },
    { 12000, 0, HA_LONGEST_LEASE_MS + 2700 },
};

START_TEST(a_lease_in_etcd_lasts_as_long_as_its_host_says_and_as_we_say)
{
    const int64_t over_ms = 1000 + etcd_lengths[_i].proof_ms;
    const struct ha_lease_seen seen = { { self.inc, 1, etcd_lengths[_i].told_ms }, 10, 1000 };
    struct ha_options ours = looks_far_apart();

    ours.lease_ms = etcd_lengths[_i].our_ms;
    ha = ha_new(&ours, (struct ha_mandate){ false, 7 });
    ha_add_host(ha, self.host, false);
    ha_see_lease(ha, 0, HA_ETCD, &seen, 1000);
    ck_assert_uint_eq(look_at(HA_ETCD, 1000), 0);
    ck_assert_uint_eq(look_at(HA_ETCD, over_ms - 1), 0);
    ck_assert_uint_eq(look_at(HA_ETCD, over_ms), 1);
    end();
}
END_TEST

START_TEST(a_reader_that_knows_the_length_completes_one_that_does_not)
{
    begin();
    see_slot_saying(100, 0, 2000); /* an older vrm-hald read it */
    see_slot_saying(100, 40000, 3000);
    see_slot_saying(100, 0, 42000);
    ck_assert_uint_eq(look(42000), 0);
    see_slot_saying(100, 0, 42460);
    ck_assert_uint_eq(look(42460), 1);
    end();
}
END_TEST

/* Its file was replaced by a copy, for all but itself: what they read stands still for ever. */
START_TEST(a_host_that_says_it_runs_vms_by_its_slot_is_not_dead_by_that)
{
    const struct ha_vm_right right = { 4, 1, { self }, true };
    const struct ha_vm_spec spec = { .id = 9 };
    int vm;

    begin();
    vm = ha_add_vm(ha, &spec);
    ha_see_right(ha, vm, 33, &right);
    ha_see_vm(ha, vm, 0, true);
    see_slot_saying(100, USUAL_SLOT_MS, 2000);
    see_slot_saying(100, USUAL_SLOT_MS, 40000);
    ck_assert_uint_eq(look(40000), 0);
    ha_see_vm(ha, vm, 0, false); /* it lost the datastore, and ended the VM */
    ck_assert_uint_eq(look(41000), 1);
    end();
}
END_TEST

START_TEST(what_the_next_write_says_counts_from_then_on)
{
    begin();
    see_slot_saying(100, 60000, 2000);
    see_slot_saying(101, USUAL_SLOT_MS, 3000);
    see_slot_saying(101, USUAL_SLOT_MS, 23380);
    ck_assert_uint_eq(look(23380), 1);
    end();
}
END_TEST

/* Registered for longer than the slot said: the write that goes with it may be under way. */
START_TEST(a_registration_that_is_newer_than_the_slot_says_the_longer_length)
{
    const struct ha_lease_seen newer = { { self.inc, 150, 60000 }, 15, 3000 };

    begin();
    see_slot_saying(100, USUAL_SLOT_MS, 2000);
    ha_see_lease(ha, 0, STORE, &newer, 3000);
    see_slot_saying(100, USUAL_SLOT_MS, 63539);
    ck_assert_uint_eq(look(63539), 0);
    see_slot_saying(100, USUAL_SLOT_MS, 63540);
    ck_assert_uint_eq(look(63540), 1);
    end();
}
END_TEST

START_TEST(a_registration_that_is_older_than_the_slot_says_nothing)
{
    const struct ha_lease_seen longer = { { self.inc, 90, 60000 }, 15, 1500 };

    begin();
    ha_see_lease(ha, 0, STORE, &longer, 1500);
    see_slot_saying(100, USUAL_SLOT_MS, 2000);
    see_slot_saying(100, USUAL_SLOT_MS, 22380);
    ck_assert_uint_eq(look(22380), 1);
    end();
}
END_TEST

START_TEST(a_slot_that_nobody_saw_is_not_still)
{
    begin();
    ck_assert_uint_eq(look(2000), 0);
    ck_assert_uint_eq(look(90000), 0);
    end();
}
END_TEST

START_TEST(a_vm_is_given_by_the_slot_that_others_see_move_else_by_etcd)
{
    struct ha_owner owner;

    begin();
    ck_assert(ha_may_take(ha, 0, STORE, &owner));
    ck_assert_int_eq(owner.authority, HA_ETCD); /* registered, never seen */
    see_slot(3, 100, 1900, 2000);
    look(2000);
    ck_assert(ha_may_take(ha, 0, STORE, &owner));
    ck_assert_int_eq(owner.authority, STORE);
    ck_assert(ha_may_take(ha, 0, HA_ETCD, &owner));
    ck_assert_int_eq(owner.authority, HA_ETCD);
    look(2000 + USUAL_SLOT_MS / 2);
    ck_assert(ha_may_take(ha, 0, STORE, &owner));
    ck_assert_int_eq(owner.authority, HA_ETCD); /* it does not move */
    ck_assert(!ha_may_take(ha, 0, HA_LOCAL, &owner));
    end();
}
END_TEST

START_TEST(the_slot_of_the_next_life_must_be_seen_anew)
{
    struct ha_owner owner;

    begin();
    see_slot(3, 100, 1900, 2000);
    see_lease(STORE, 20, 4, 2100);
    look(2200);
    ck_assert(ha_may_take(ha, 0, STORE, &owner));
    ck_assert_int_eq(owner.authority, HA_ETCD);
    see_slot(4, 30, 2200, 2300); /* after a boot its clock starts anew */
    look(2300);
    ck_assert(ha_may_take(ha, 0, STORE, &owner));
    ck_assert_uint_eq(owner.inc.n, 4);
    end();
}
END_TEST

START_TEST(a_slot_without_a_registration_is_nobody_s)
{
    struct ha_lease_view view;
    const struct ha_slot_seen seen = { self.inc, 100, 1900, USUAL_SLOT_MS };

    begin();
    ha_see_slot(ha, 0, STORE + 1, &seen, 2000);
    ck_assert(ha_view_lease(ha, 0, 1, &view)); /* etcd's and STORE's */
    ck_assert(!ha_view_lease(ha, 0, 2, &view));
    end();
}
END_TEST

START_TEST(a_host_is_dead_without_a_slot_that_was_never_seen)
{
    const struct ha_owner etcd = { self.host, HA_ETCD, self.inc };
    struct ha_actions actions = { 0 };

    begin();
    ha_see_fence(ha, &etcd);
    ha_tick(ha, 30000, &actions);
    ck_assert_int_eq(ha_host_state(ha, 0), HOST_FENCED);
    ha_actions_clear(&actions);
    end();
}
END_TEST

/* ---- the host's side ------------------------------------------------------------------------- */

static const struct lease_times slot_times = { USUAL_SLOT_MS, 1000, 2000 };
static const struct lease_times etcd_times = { 12000, 1500, 2000 };
static struct keeper keeper;
static struct keeper_actions done;

static void hold(void)
{
    const struct ha_owner etcd = { self.host, HA_ETCD, self.inc };
    struct lease_input renewed = { .event = LSE_RENEWED, .now_ms = 10, .version = 20 };

    keeper_init(&keeper, self.host, 10000);
    keeper_add_lease(&keeper, &etcd_times, &etcd);
    keeper_add_lease(&keeper, &slot_times, &self);
    keeper_tick(&keeper, 5, &done);
    renewed.request = keeper_lease(&keeper, STORE)->request;
    keeper_renewed(&keeper, STORE, &renewed, &done);
    done.len = 0;
}

static void adopt(void)
{
    const struct ha_vm_seen seen = { 9, 33, { 4, 1, { self }, true } };

    keeper_adopt(&keeper, &seen, STORE);
}

static void forget(void)
{
    keeper_clear(&keeper);
    keeper_actions_clear(&done);
}

START_TEST(seqs_are_times_of_sending_and_never_repeat)
{
    struct lease_fsm fsm;
    const struct lease_input tick = { .event = LSE_TICK, .now_ms = 5000 };
    int64_t last;

    hold();
    ck_assert_int_eq(keeper_lease(&keeper, STORE)->seq, 5);
    lease_fsm_resume(&fsm, &slot_times, &self, 20000); /* nothing was saved of it */
    lease_fsm_step(&fsm, &tick);
    ck_assert_int_eq(fsm.seq, 5000);
    last = fsm.seq;
    lease_fsm_step(&fsm, &(struct lease_input){ .event = LSE_OURS, .now_ms = 5000, .request = 1 });
    ck_assert_int_gt(fsm.seq, last); /* two within a millisecond */
    forget();
}
END_TEST

START_TEST(an_authority_with_a_vm_is_not_taken_away)
{
    hold();
    adopt();
    ck_assert(!keeper_remove_lease(&keeper, STORE));
    ck_assert(keeper_lease(&keeper, STORE));
    keeper_see_process(&keeper, 9, false);
    ck_assert(!keeper_remove_lease(&keeper, STORE)); /* it may be about to start */
    keeper_vms_clear(&keeper.vms);
    ck_assert(keeper_remove_lease(&keeper, STORE));
    ck_assert(!keeper_lease(&keeper, STORE));
    ck_assert(keeper_lease(&keeper, HA_ETCD));
    ck_assert(keeper_remove_lease(&keeper, STORE)); /* it is not there */
    forget();
}
END_TEST

START_TEST(times_are_set_for_one_authority)
{
    const struct lease_times longer = { 60000, 1000, 2000 };

    hold();
    keeper_set_times(&keeper, STORE, &longer, 9000);
    ck_assert_int_eq(keeper_lease(&keeper, STORE)->times.length_ms, 60000);
    ck_assert_int_eq(keeper_lease(&keeper, HA_ETCD)->times.length_ms, 12000);
    ck_assert_int_eq(keeper.watchdog_ms, 9000);
    forget();
}
END_TEST

START_TEST(another_file_is_another_life_unless_a_vm_stands_under_this_one)
{
    const struct lease_input spent = { .event = LSE_SPENT, .now_ms = 400 };

    hold();
    adopt();
    keeper_renewed(&keeper, STORE, &spent, &done);
    ck_assert_int_eq(keeper_lease(&keeper, STORE)->state, LEASE_HELD);
    ck_assert_uint_eq(keeper_lease(&keeper, STORE)->self.inc.n, 3);
    keeper_vms_clear(&keeper.vms);
    keeper_renewed(&keeper, STORE, &spent, &done);
    ck_assert_int_eq(keeper_lease(&keeper, STORE)->state, LEASE_OUT);
    ck_assert_uint_eq(keeper_lease(&keeper, STORE)->self.inc.n, 4);
    forget();
}
END_TEST

/* Counted from 5: until 18005 at first.  The answer to what was sent at 4000 comes at 15000: then
 * the watchdog, armed until 20000 at most, cannot be armed anew. */
START_TEST(a_lease_that_was_renewed_too_late_for_the_watchdog_ends_before_it_fires)
{
    struct lease_input late = { .event = LSE_RENEWED, .now_ms = 15000, .version = 20 };
    bool kills = false;

    hold();
    adopt();
    for (int64_t now_ms = 4000; now_ms <= 18250; now_ms += 250) {
        keeper_tick(&keeper, now_ms, &done);
        late.request = keeper_lease(&keeper, STORE)->request;
        if (now_ms == 15000)
            keeper_renewed(&keeper, STORE, &late, &done);
    }
    for (size_t i = 0; i < done.len; i++)
        kills |= done.items[i].act == KEEPER_KILL && done.items[i].authority == STORE;
    ck_assert(kills);
    ck_assert_int_ge(keeper.armed_until_ms, 19750);
    ck_assert_int_eq(keeper_lease(&keeper, STORE)->counted_ms, 4000);
    forget();
}
END_TEST

SUITE_MAIN("slot", SUITE_TEST(a_record_comes_back_as_it_was_written),
           SUITE_TEST(a_slot_that_does_not_say_its_length_is_understood),
           SUITE_LOOP(a_length_that_has_no_room_is_not_said, unsayable),
           SUITE_LOOP(a_sum_is_a_crc_32c, known_sums),
           SUITE_TEST(each_byte_counts_as_it_does_bit_by_bit),
           SUITE_TEST(a_slot_that_was_never_written_is_empty),
           SUITE_LOOP(of_a_torn_write_the_newer_sector_counts, sectors),
           SUITE_TEST(a_later_incarnation_is_newer_whatever_its_seq),
           SUITE_TEST(any_byte_that_changed_spoils_its_sector),
           SUITE_LOOP(a_record_that_makes_no_sense_is_broken, senseless),
           SUITE_TEST(hosts_have_slots_and_datastores_have_authorities),
           SUITE_TEST(a_cluster_s_tag_is_the_head_of_its_key_s_sha_256),
           SUITE_TEST(only_the_same_life_goes_on_in_a_file),
           SUITE_TEST(a_reading_is_as_old_as_the_own_slot_that_it_shows),
           SUITE_LOOP(a_slot_is_still_when_a_reading_after_its_length_finds_the_same_seq, readings),
           SUITE_TEST(a_registration_read_again_does_not_confirm_the_slot),
           SUITE_TEST(a_new_registration_of_the_same_life_begins_its_time_anew),
           SUITE_LOOP(a_lease_lasts_as_long_as_its_host_says_and_as_we_say, lengths),
           SUITE_LOOP(a_lease_in_etcd_lasts_as_long_as_its_host_says_and_as_we_say, etcd_lengths),
           SUITE_TEST(a_reader_that_knows_the_length_completes_one_that_does_not),
           SUITE_TEST(a_host_that_says_it_runs_vms_by_its_slot_is_not_dead_by_that),
           SUITE_TEST(what_the_next_write_says_counts_from_then_on),
           SUITE_TEST(a_registration_that_is_newer_than_the_slot_says_the_longer_length),
           SUITE_TEST(a_registration_that_is_older_than_the_slot_says_nothing),
           SUITE_TEST(a_slot_that_nobody_saw_is_not_still),
           SUITE_TEST(a_vm_is_given_by_the_slot_that_others_see_move_else_by_etcd),
           SUITE_TEST(the_slot_of_the_next_life_must_be_seen_anew),
           SUITE_TEST(a_slot_without_a_registration_is_nobody_s),
           SUITE_TEST(a_host_is_dead_without_a_slot_that_was_never_seen),
           SUITE_TEST(seqs_are_times_of_sending_and_never_repeat),
           SUITE_TEST(an_authority_with_a_vm_is_not_taken_away),
           SUITE_TEST(times_are_set_for_one_authority),
           SUITE_TEST(another_file_is_another_life_unless_a_vm_stands_under_this_one),
           SUITE_TEST(a_lease_that_was_renewed_too_late_for_the_watchdog_ends_before_it_fires))
