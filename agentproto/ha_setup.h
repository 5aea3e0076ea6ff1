/* ha_setup.h - what a host's vrm-hald needs to work without anybody: the body of POST /v1/ha.
 *
 * vrmd sends it after each connect and whenever it changes; the agent checks epoch and hands it to
 * vrm-hald, which keeps it (0600: beat_key is a secret) and boots with it.  Decoding checks what
 * the fields say together, too.  Pure; any thread. */
#ifndef VRM_AGENTPROTO_HA_SETUP_H
#define VRM_AGENTPROTO_HA_SETUP_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct field_table;

#define HA_SETUP_MAX_ETCD    16
#define HA_SETUP_MAX_BEATS   16
#define HA_SETUP_MAX_PEERS   1024
#define HA_SETUP_KEY_CHARS   64 /* of beat_key: 32 bytes in hexadecimal */
#define HA_SETUP_MAX_STORES  7
#define HA_SETUP_QUIET_BEATS 5 /* isolation_ms is at least so many beat_ms */

struct ha_peer {
    int64_t host;
    char *address; /* on the HA plane */
};

/* A datastore with heartbeat slots (ha/slot.h). */
struct ha_store {
    int64_t authority; /* from 2 on, 1 + the datastore's id; none twice */
    char *path;        /* the datastore's folder, as this host sees it; none twice */
    int64_t slot;      /* this host's */
    char *name;        /* the datastore's, for people; "": its path */
};

struct ha_setup {
    int64_t epoch; /* of the controller that says so; >= 1 */
    int64_t host;  /* this host's id */
    char **etcd;   /* "http://10.91.0.1:2379", 1..16 */
    char *prefix;  /* of all keys: "/vrm" */
    /* lease_ms > renew_ms + 2 kill_ms, and so is a watchdog of lease_ms - kill_ms */
    int64_t lease_ms, renew_ms, kill_ms;
    int64_t beat_ms;
    char *beat_key;
    char **beat_to; /* "10.91.0.1:7445" */
    struct ha_peer *peers;
    size_t n_peers;
    /* Since 5; the times are 0 without stores.  slot_ms - slot_renew_ms > lease_ms less the longer
     * of renew_ms and kill_ms, so that the watchdog's length does for these leases, too. */
    int64_t slot_ms, slot_renew_ms;
    struct ha_store *stores;
    size_t n_stores;
    /* Since 6: a host that hears nobody for isolation_ms gives up the VMs that live by a slot
     * (ha/isolation.h); 0: it leaves them running.  Their guests get shutdown_ms to end by
     * themselves; 0: they are ended at once. */
    int64_t isolation_ms, shutdown_ms;
};

void ha_setup_clear(struct ha_setup *setup);
json_t *ha_setup_encode(const struct ha_setup *setup);
/* Fills *ret_setup, which needs no initialisation; untouched on failure (VRM_ERR_INVALID). */
bool ha_setup_decode(const json_t *json, struct ha_setup *ret_setup, GError **error);

/* For hald_msg.c, which carries it: the fields, and what they say together. */
extern const struct field_table ha_setup_table;
bool ha_setup_check(const struct ha_setup *setup, GError **error);

#endif /* VRM_AGENTPROTO_HA_SETUP_H */
