/* ha_reading.h - what a host reads on the datastores with heartbeat slots (ha/slot.h): the body of
 * GET /v1/ha/slots?first=N&count=M, and vrm-hald's answer to "slots".
 *
 * Every reading was begun after the request for it came in.  What it shows is at most age_ms older
 * than that moment: the reader's own slot, read before the others, dates it (slot_age_ms).  Only
 * slots that hold a valid record of this cluster and datastore are told; a slot that is not among
 * them says nothing, nor does a datastore that is not ok.  Strict and bounded as msg.h's messages
 * are.  Pure; any thread. */
#ifndef VRM_AGENTPROTO_HA_READING_H
#define VRM_AGENTPROTO_HA_READING_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct field_table;

#define HA_READING_LAST       16383 /* the highest number of a slot */
#define HA_READING_MAX        1024  /* in one reading; all of all stores fit into HALD_MAX_LINE */
#define HA_READING_MAX_STORES 7
#define HA_READING_MAX_WHY    256

struct ha_slot_read {
    int64_t slot;
    int64_t host;
    char *inc; /* "BOOT-N", right_inc_parse() */
    int64_t seq;
    int64_t length_ms; /* how long its host keeps what runs by it; 0: it does not say */
};

struct ha_store_read {
    int64_t authority;
    bool ok;        /* all of first .. first + count - 1 were read, and how old that is is known */
    char *why;      /* not ok */
    int64_t age_ms; /* ok: asked_ms of ha_see_slot is the time of the request less this */
    struct ha_slot_read *slots;
    size_t n_slots;
};

struct ha_reading {
    struct ha_store_read *stores; /* all that this host's vrm-hald was set up with */
    size_t n_stores;
};

void ha_reading_clear(struct ha_reading *slots);
json_t *ha_reading_encode(const struct ha_reading *slots);
/* Fills *ret_slots, which needs no initialisation; untouched on failure (VRM_ERR_INVALID). */
bool ha_reading_decode(const json_t *json, struct ha_reading *ret_slots, GError **error);

/* For hald_msg.c, which carries it. */
extern const struct field_table ha_reading_table;

#endif /* VRM_AGENTPROTO_HA_READING_H */
