/* fuzz_beat.c - packets from the network, as they come and well signed. */
#include "config.h"

#include "agentproto/beat.h"

#include <glib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[BEAT_KEY_SIZE] = { 1, 2, 3 };

static void try_packet(const uint8_t *packet, size_t size)
{
    uint8_t again[BEAT_MAX_SIZE];
    struct beat beat;

    if (!beat_decode(packet, size, key, &beat))
        return;
    g_assert(beat.host > 0 && beat.n_peers <= BEAT_MAX_PEERS);
    g_assert(beat_encode(&beat, key, again) == size);
    g_assert(memcmp(packet, again, size) == 0);
    g_assert(!beat_follows(&beat, &beat));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *signed_data = NULL;
    gsize len = BEAT_HMAC_SIZE;
    GHmac *hmac;

    try_packet(data, size);
    if (size > BEAT_MAX_SIZE)
        return 0;
    signed_data = g_malloc(size + BEAT_HMAC_SIZE);
    if (size > 0)
        memcpy(signed_data, data, size);
    hmac = g_hmac_new(G_CHECKSUM_SHA256, key, sizeof key);
    g_hmac_update(hmac, signed_data, (gssize)size);
    g_hmac_get_digest(hmac, signed_data + size, &len);
    g_hmac_unref(hmac);
    try_packet(signed_data, size + BEAT_HMAC_SIZE);
    return 0;
}
