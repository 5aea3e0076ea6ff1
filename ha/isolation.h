/* isolation.h - what a host does that is cut off from all others, and could run its VMs on.
 *
 * VMs whose right etcd keeps lapse by themselves on such a host.  Those that live by a slot on
 * storage (slot.h) do not: the host can still write it.  Whether they run on is their cluster's
 * choice: leave them (nothing happens), shut their guests down, or end them; after the latter two
 * the host gives up the incarnation that protects them, so that the others can start them.
 *
 * Cut off is who heard nothing for `after`: no beat of a peer, no answer of etcd, no controller.
 * What was not heard while we ourselves stood still is nobody's silence.  Once begun, the response
 * is carried out, whoever is heard meanwhile: a guest that was told to shut down cannot be told
 * otherwise.
 *
 * Pure.  One thread at a time. */
#ifndef VRM_HA_ISOLATION_H
#define VRM_HA_ISOLATION_H

#include <stdbool.h>
#include <stdint.h>

#include "model/state.h"

struct isolation_policy {
    enum ha_isolation response;
    int64_t after_ms;    /* nobody was heard for so long */
    int64_t shutdown_ms; /* what guests then get to end by themselves */
};

enum isolation_step {
    ISOLATION_NOTHING,
    ISOLATION_ASK, /* the guests are to shut down; a lease without processes is given up */
    ISOLATION_END, /* every VM is ended, every lease that had one is given up */
};

struct isolation {
    struct isolation_policy policy;
    int64_t heard_ms;  /* last word of anybody; -1: we did not look yet */
    int64_t ticked_ms; /* last look */
    int64_t begun_ms;  /* of the response; -1: there is none */
};

void isolation_init(struct isolation *isolation);
/* A policy that leaves VMs running ends a response that is under way. */
void isolation_set(struct isolation *isolation, const struct isolation_policy *policy);
/* Somebody was heard then. */
void isolation_hear(struct isolation *isolation, int64_t at_ms);
/* has_vms: some live by a slot, or have not ended yet. */
enum isolation_step isolation_tick(struct isolation *isolation, bool has_vms, int64_t now_ms);
/* Has the response begun, or will it within seconds unless somebody is heard?  Whoever is to know
 * why VMs end has to hear it before they do. */
bool isolation_is_near(const struct isolation *isolation, int64_t now_ms);

#endif /* VRM_HA_ISOLATION_H */
