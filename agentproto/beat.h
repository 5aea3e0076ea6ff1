/* beat.h - the packet that says "this host lives": vrm-hald to vrmd and to its peers, over UDP.
 *
 * One packet, all numbers big-endian:
 *   "VRMB"  version(1)  n_peers(1)  0(2)  host(8)  boot(8)  n(4)  seq(8)
 *   n_peers times  host(8)  boot(8)  n(4)
 *   HMAC-SHA256 of all before it, with the site's beat key
 * boot and n are the incarnation of the host's etcd authority, as in its lease record; the peers
 * are those heard in the last BEAT_HEARD_MS, eight at a time in turn.
 *
 * A packet is worth what its key is worth: it shows that this incarnation sent it once.  A receiver
 * drops what beat_follows() does not take; a boot that neither the last packet nor the lease
 * record knows may be a recording.  Pure; any thread. */
#ifndef VRM_AGENTPROTO_BEAT_H
#define VRM_AGENTPROTO_BEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BEAT_VERSION = 1,
    BEAT_KEY_SIZE = 32,
    BEAT_MAX_PEERS = 8,
    BEAT_HEARD_MS = 3000,
    BEAT_HEAD_SIZE = 36,
    BEAT_PEER_SIZE = 20,
    BEAT_HMAC_SIZE = 32,
    BEAT_MAX_SIZE = BEAT_HEAD_SIZE + BEAT_MAX_PEERS * BEAT_PEER_SIZE + BEAT_HMAC_SIZE,
    BEAT_PORT_VRMD = 7445,
    BEAT_PORT_HALD = 7446,
};

struct beat_inc {
    uint64_t boot;
    uint32_t n;
};

struct beat_peer {
    int64_t host;
    struct beat_inc inc;
};

struct beat {
    int64_t host; /* >= 1 */
    struct beat_inc inc;
    uint64_t seq; /* grows with each packet of one incarnation */
    unsigned n_peers;
    struct beat_peer peers[BEAT_MAX_PEERS];
};

/* 64 hexadecimal digits. */
bool beat_key_parse(const char *text, uint8_t ret_key[BEAT_KEY_SIZE]);

/* Returns how many bytes of ret_packet were filled. */
size_t beat_encode(const struct beat *beat, const uint8_t key[BEAT_KEY_SIZE],
                   uint8_t ret_packet[BEAT_MAX_SIZE]);
/* False: not of our version, not signed with this key, or damaged; ret_beat is untouched. */
bool beat_decode(const uint8_t *packet, size_t size, const uint8_t key[BEAT_KEY_SIZE],
                 struct beat *ret_beat);

/* Is `next` news after `last` of the same host?  Not a copy, not overtaken, not of an incarnation
 * that ended within this boot. */
bool beat_follows(const struct beat *last, const struct beat *next);

#endif /* VRM_AGENTPROTO_BEAT_H */
