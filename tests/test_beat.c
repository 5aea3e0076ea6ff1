/* test_beat.c - beats make the round trip; what was not signed, or is not news, is dropped. */
#include "config.h"

#include "agentproto/beat.h"

#include "tests/suite.h"

#define KEY_TEXT "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1F"

static const uint8_t key[BEAT_KEY_SIZE] = { 1, 2, 3 };

static struct beat make_beat(unsigned n_peers)
{
    struct beat beat = { .host = 101,
                         .inc = { UINT64_C(0x9f3c00000000ab12), 7 },
                         .seq = UINT64_C(0x0102030405060708),
                         .n_peers = n_peers };

    for (unsigned i = 0; i < n_peers; i++)
        beat.peers[i] = (struct beat_peer){ 102 + i, { UINT64_MAX - i, UINT32_MAX } };
    return beat;
}

static const unsigned peer_counts[] = { 0, 1, 2, BEAT_MAX_PEERS - 1, BEAT_MAX_PEERS };

START_TEST(a_beat_comes_back_as_it_was)
{
    const struct beat beat = make_beat(peer_counts[_i]);
    uint8_t packet[BEAT_MAX_SIZE];
    const size_t size = beat_encode(&beat, key, packet);
    struct beat back;

    ck_assert_uint_eq(size, BEAT_HEAD_SIZE + peer_counts[_i] * BEAT_PEER_SIZE + BEAT_HMAC_SIZE);
    ck_assert(beat_decode(packet, size, key, &back));
    ck_assert_int_eq(back.host, beat.host);
    ck_assert(back.inc.boot == beat.inc.boot && back.inc.n == beat.inc.n);
    ck_assert(back.seq == beat.seq);
    ck_assert_uint_eq(back.n_peers, beat.n_peers);
    for (unsigned i = 0; i < back.n_peers; i++) {
        ck_assert_int_eq(back.peers[i].host, beat.peers[i].host);
        ck_assert(back.peers[i].inc.boot == beat.peers[i].inc.boot);
        ck_assert(back.peers[i].inc.n == beat.peers[i].inc.n);
    }
}
END_TEST

/* Other programs may speak this: the bytes are part of the contract. */
START_TEST(the_bytes_are_as_the_header_says)
{
    const struct beat beat = make_beat(1);
    static const uint8_t want[] = { 'V', 'R',  'M',  'B', 1, 1, 0, 0,    0,    0, 0, 0, 0, 0,  0,
                                    101, 0x9f, 0x3c, 0,   0, 0, 0, 0xab, 0x12, 0, 0, 0, 7, 1,  2,
                                    3,   4,    5,    6,   7, 8, 0, 0,    0,    0, 0, 0, 0, 102 };
    uint8_t packet[BEAT_MAX_SIZE];

    beat_encode(&beat, key, packet);
    ck_assert_mem_eq(packet, want, sizeof want);
}
END_TEST

START_TEST(any_changed_bit_and_any_other_length_is_refused)
{
    const struct beat beat = make_beat(2);
    uint8_t packet[BEAT_MAX_SIZE + 1] = { 0 };
    const size_t size = beat_encode(&beat, key, packet);
    struct beat back = { .host = -7 };

    for (size_t bit = 0; bit < 8 * size; bit++) {
        packet[bit / 8] ^= (uint8_t)(1U << bit % 8);
        ck_assert_msg(!beat_decode(packet, size, key, &back), "bit %zu", bit);
        packet[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t other = 0; other <= sizeof packet; other++)
        ck_assert(other == size || !beat_decode(packet, other, key, &back));
    ck_assert_int_eq(back.host, -7);
    ck_assert(beat_decode(packet, size, key, &back));
}
END_TEST

START_TEST(a_beat_signed_with_another_key_is_refused)
{
    static const uint8_t other[BEAT_KEY_SIZE] = { 1, 2, 4 };
    const struct beat beat = make_beat(0);
    uint8_t packet[BEAT_MAX_SIZE];
    const size_t size = beat_encode(&beat, other, packet);
    struct beat back;

    ck_assert(!beat_decode(packet, size, key, &back));
}
END_TEST

/* Well signed, but by a program with a bug. */
START_TEST(a_host_that_cannot_be_is_refused)
{
    static const int64_t hosts[] = { 0, -1, INT64_MIN };
    uint8_t packet[BEAT_MAX_SIZE];
    struct beat back;

    for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
        struct beat beat = make_beat(1);

        beat.host = hosts[i];
        ck_assert(!beat_decode(packet, beat_encode(&beat, key, packet), key, &back));
        beat = make_beat(1);
        beat.peers[0].host = hosts[i];
        ck_assert(!beat_decode(packet, beat_encode(&beat, key, packet), key, &back));
    }
}
END_TEST

START_TEST(no_more_peers_are_sent_than_fit)
{
    struct beat beat = make_beat(BEAT_MAX_PEERS);
    uint8_t packet[BEAT_MAX_SIZE];
    struct beat back;

    beat.n_peers = BEAT_MAX_PEERS + 5;
    ck_assert(beat_decode(packet, beat_encode(&beat, key, packet), key, &back));
    ck_assert_uint_eq(back.n_peers, BEAT_MAX_PEERS);
}
END_TEST

static const struct {
    struct beat_inc last_inc, next_inc;
    uint64_t last_seq, next_seq;
    bool follows;
} orders[] = {
    { { 5, 1 }, { 5, 1 }, 7, 8, true },  { { 5, 1 }, { 5, 1 }, 7, 7, false },
    { { 5, 1 }, { 5, 1 }, 7, 6, false }, { { 5, 1 }, { 5, 2 }, 7, 1, true },
    { { 5, 2 }, { 5, 1 }, 7, 8, false }, { { 5, 2 }, { 6, 1 }, 7, 1, true },
};

START_TEST(only_news_follow)
{
    const struct beat last = { .host = 1, .inc = orders[_i].last_inc, .seq = orders[_i].last_seq };
    const struct beat next = { .host = 1, .inc = orders[_i].next_inc, .seq = orders[_i].next_seq };

    ck_assert_int_eq(beat_follows(&last, &next), orders[_i].follows);
}
END_TEST

START_TEST(a_key_is_read_from_its_digits)
{
    uint8_t read[BEAT_KEY_SIZE] = { 0 };

    ck_assert(beat_key_parse(KEY_TEXT, read));
    for (unsigned i = 0; i < BEAT_KEY_SIZE; i++)
        ck_assert_uint_eq(read[i], i);
}
END_TEST

#define ODD_KEY  KEY_TEXT "0"
#define LONG_KEY KEY_TEXT "00"
#define WORD_KEY "g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static const char *const bad_keys[] = { "", "00", ODD_KEY, LONG_KEY, WORD_KEY };

START_TEST(a_bad_key_is_refused_and_changes_nothing)
{
    uint8_t read[BEAT_KEY_SIZE] = { 42 };

    ck_assert(!beat_key_parse(bad_keys[_i], read));
    ck_assert_uint_eq(read[0], 42);
}
END_TEST

SUITE_MAIN("beat", SUITE_LOOP(a_beat_comes_back_as_it_was, peer_counts),
           SUITE_TEST(the_bytes_are_as_the_header_says),
           SUITE_TEST(any_changed_bit_and_any_other_length_is_refused),
           SUITE_TEST(a_beat_signed_with_another_key_is_refused),
           SUITE_TEST(a_host_that_cannot_be_is_refused),
           SUITE_TEST(no_more_peers_are_sent_than_fit), SUITE_LOOP(only_news_follow, orders),
           SUITE_TEST(a_key_is_read_from_its_digits),
           SUITE_LOOP(a_bad_key_is_refused_and_changes_nothing, bad_keys))
