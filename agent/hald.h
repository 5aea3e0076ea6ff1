/* hald.h - the core of vrm-hald: the shell around ha/keeper.h.
 *
 * Five times a second: look which processes of VMs are there, let the keeper decide, do what it
 * says (renew, claim, release in etcd; kill; pet the watchdog), save what the next process needs.
 * It decides nothing itself.  tests/sim/host_model.c is its model: the same steps in the same
 * order.
 *
 * Without a setup (agentproto/ha_setup.h) it only waits for one.  Loop thread. */
#ifndef VRM_AGENT_HALD_H
#define VRM_AGENT_HALD_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agentproto/hald_msg.h"

struct hald_conf;

typedef struct Hald Hald;

/* Exactly one for each request, also from inside hald_request. */
typedef void (*hald_reply_fn)(uint64_t conn, const struct hald_reply *reply, void *user);

struct hald_options {
    const struct hald_conf *conf; /* borrowed, outlives the Hald */
    const char *boot_id;
    hald_reply_fn reply;
    void *user;
};

/* Goes on with what an earlier process of this boot left.  Fails if that cannot be read: VMs may
 * run by it, and the watchdog is the safer end then. */
Hald *hald_new(const struct hald_options *options, GError **error);
/* NULL is fine. */
void hald_free(Hald *hald);

void hald_request(Hald *hald, uint64_t conn, const struct hald_request *request);

/* For the status: is it locked in memory, is it scheduled in real time? */
void hald_set_favours(Hald *hald, bool locked, bool real_time);

/* Certificates for etcd were renewed. */
void hald_reload(Hald *hald);

/* A planned end: VMs run on for what is left of the lease, which is the time in which another
 * vrm-hald has to be up; nothing protected: the watchdog is called off. */
void hald_stop(Hald *hald);
/* Is a setup on its way to disk? */
bool hald_is_idle(const Hald *hald);

#endif /* VRM_AGENT_HALD_H */
