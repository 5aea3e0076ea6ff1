/* beat.c - see beat.h. */
#include "config.h"

#include "agentproto/beat.h"

#include <glib.h>
#include <string.h>

static const uint8_t magic[] = { 'V', 'R', 'M', 'B' };

/* ---- numbers --------------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *at, uint64_t number, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++)
        at[i] = (uint8_t)(number >> (8 * (n_bytes - 1 - i)));
    return at + n_bytes;
}

static const uint8_t *take(const uint8_t *at, unsigned n_bytes, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < n_bytes; i++)
        number = number << 8 | at[i];
    *ret_number = number;
    return at + n_bytes;
}

static uint8_t *put_life(uint8_t *at, int64_t host, struct beat_inc inc)
{
    at = put(at, (uint64_t)host, 8);
    at = put(at, inc.boot, 8);
    return put(at, inc.n, 4);
}

/* Host ids start at 1; a number beyond int64_t becomes 0. */
static const uint8_t *take_life(const uint8_t *at, int64_t *ret_host, struct beat_inc *ret_inc)
{
    uint64_t host, n;

    at = take(at, 8, &host);
    at = take(at, 8, &ret_inc->boot);
    at = take(at, 4, &n);
    *ret_host = host <= INT64_MAX ? (int64_t)host : 0;
    ret_inc->n = (uint32_t)n;
    return at;
}

/* ---- the key --------------------------------------------------------------------------------- */

bool beat_key_parse(const char *text, uint8_t ret_key[BEAT_KEY_SIZE])
{
    uint8_t key[BEAT_KEY_SIZE];

    if (strlen(text) != (size_t)2 * BEAT_KEY_SIZE)
        return false;
    for (size_t i = 0; i < BEAT_KEY_SIZE; i++) {
        const int high = g_ascii_xdigit_value(text[2 * i]);
        const int low = g_ascii_xdigit_value(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        key[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(ret_key, key, sizeof key);
    return true;
}

static void sign(const uint8_t *packet, size_t size, const uint8_t *key, uint8_t *ret_hmac)
{
    GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA256, key, BEAT_KEY_SIZE);
    gsize len = BEAT_HMAC_SIZE;

    g_hmac_update(hmac, packet, (gssize)size);
    g_hmac_get_digest(hmac, ret_hmac, &len);
    g_hmac_unref(hmac);
}

/* In the same time whatever differs. */
static bool is_signed(const uint8_t *packet, size_t size, const uint8_t *key)
{
    uint8_t want[BEAT_HMAC_SIZE];
    unsigned differs = 0;

    sign(packet, size - BEAT_HMAC_SIZE, key, want);
    for (unsigned i = 0; i < BEAT_HMAC_SIZE; i++)
        differs |= want[i] ^ packet[size - BEAT_HMAC_SIZE + i];
    return differs == 0;
}

/* ---- packets --------------------------------------------------------------------------------- */

static size_t size_with(unsigned n_peers)
{
    return BEAT_HEAD_SIZE + (size_t)n_peers * BEAT_PEER_SIZE + BEAT_HMAC_SIZE;
}

size_t beat_encode(const struct beat *beat, const uint8_t key[BEAT_KEY_SIZE],
                   uint8_t ret_packet[BEAT_MAX_SIZE])
{
    const unsigned n_peers = MIN(beat->n_peers, BEAT_MAX_PEERS);
    uint8_t *at = ret_packet;

    memcpy(at, magic, sizeof magic);
    at = put(at + sizeof magic, BEAT_VERSION, 1);
    at = put(at, n_peers, 1);
    at = put(at, 0, 2);
    at = put_life(at, beat->host, beat->inc);
    at = put(at, beat->seq, 8);
    for (unsigned i = 0; i < n_peers; i++)
        at = put_life(at, beat->peers[i].host, beat->peers[i].inc);
    sign(ret_packet, (size_t)(at - ret_packet), key, at);
    return size_with(n_peers);
}

static bool read_packet(const uint8_t *at, struct beat *ret_beat)
{
    struct beat beat = { 0 };
    uint64_t n_peers, zero;

    at = take(at + sizeof magic + 1, 1, &n_peers);
    at = take(at, 2, &zero);
    at = take_life(at, &beat.host, &beat.inc);
    at = take(at, 8, &beat.seq);
    if (zero != 0 || beat.host < 1)
        return false;
    beat.n_peers = (unsigned)n_peers;
    for (unsigned i = 0; i < beat.n_peers; i++) {
        at = take_life(at, &beat.peers[i].host, &beat.peers[i].inc);
        if (beat.peers[i].host < 1)
            return false;
    }
    *ret_beat = beat;
    return true;
}

bool beat_decode(const uint8_t *packet, size_t size, const uint8_t key[BEAT_KEY_SIZE],
                 struct beat *ret_beat)
{
    if (size < size_with(0) || memcmp(packet, magic, sizeof magic) != 0)
        return false;
    if (packet[4] != BEAT_VERSION || packet[5] > BEAT_MAX_PEERS || size != size_with(packet[5]))
        return false;
    return is_signed(packet, size, key) && read_packet(packet, ret_beat);
}

bool beat_follows(const struct beat *last, const struct beat *next)
{
    if (last->inc.boot != next->inc.boot)
        return true;
    if (last->inc.n != next->inc.n)
        return next->inc.n > last->inc.n;
    return next->seq > last->seq;
}
