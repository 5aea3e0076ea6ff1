/* hald_beat.h - beats of this host to all who listen, and those of its peers heard.
 *
 * One UDP socket.  Loop thread. */
#ifndef VRM_AGENT_HALD_BEAT_H
#define VRM_AGENT_HALD_BEAT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agentproto/beat.h"
#include "agentproto/ha_setup.h"

typedef struct HaldBeat HaldBeat;

/* The incarnation that goes into the next beat. */
typedef struct beat_inc (*hald_beat_inc_fn)(void *user);

/* address "": any IPv4 address. */
HaldBeat *hald_beat_new(const char *address, uint16_t port, hald_beat_inc_fn inc, void *user,
                        GError **error);
/* NULL is fine. */
void hald_beat_free(HaldBeat *beats);

/* Can these addresses be reached from ours?  Names are no addresses here: nobody may wait for a
 * name server.  VRM_ERR_INVALID names the field. */
bool hald_beat_check(const HaldBeat *beats, const struct ha_setup *setup, GError **error);
/* Beats by this setup from now on; it was checked.  Peers that stay are not forgotten. */
void hald_beat_set(HaldBeat *beats, const struct ha_setup *setup);

/* Peer i of those heard at least once; false: there are no more. */
bool hald_beat_heard(const HaldBeat *beats, unsigned i, struct beat *ret_last, int64_t *ret_age_ms);

#endif /* VRM_AGENT_HALD_BEAT_H */
