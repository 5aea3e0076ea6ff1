/* decider.h - the shell around ha/standin.h: what a host that stands in for vrmd sees and writes in
 * etcd.
 *
 * Made when the leader is missed: it watches records and the published plan, and reads the slots on
 * storage once a second.  Ticks with an epoch let it decide.  Whatever it sends is void once a
 * controller leads.  Loop thread only. */
#ifndef VRM_AGENT_DECIDER_H
#define VRM_AGENT_DECIDER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "etcd/etcd.h"
#include "ha/standin.h"

typedef struct Decider Decider;

/* How the slots on storage are read: as GET /v1/ha/slots is answered; body is passed on. */
struct slot_eyes {
    void (*read)(int64_t first, int64_t count,
                 void (*reply)(int status, json_t *body, void *reply_user), void *reply_user,
                 void *user);
    void *user;
};

struct decider_options {
    HttpClient *http;             /* borrowed; must outlive the Decider */
    const char *const *endpoints; /* copied */
    const char *prefix;           /* copied */
    int64_t lease_ms;             /* L of etcd's leases */
    int64_t slot_ms;              /* L of storage's; 0: this host keeps no slots */
    int64_t host;                 /* this one: no witness of itself */
    struct slot_eyes eyes;
};

Decider *decider_new(const struct decider_options *options);
/* Calls that are out are cancelled; etcd may carry them out all the same. */
void decider_free(Decider *decider);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Decider, decider_free)

/* Records and plan have been read. */
bool decider_is_ready(const Decider *decider);
/* A few times a second.  epoch: what recovery_epoch says now; 0: only watch.  Once it was given one
 * it must be the same ever after. */
void decider_tick(Decider *decider, int64_t epoch);

const StandIn *decider_peek(const Decider *decider);

#endif /* VRM_AGENT_DECIDER_H */
