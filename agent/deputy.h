/* deputy.h - what a host does when no vrmd leads (docs/ha-alone.md).
 *
 *   every host     follows the recovery leader's records: follow.h
 *   some, whom vrmd named (PREFIX/plan/deputies)
 *                  miss the leader, watch (decider.h), and after ten seconds one of them takes the
 *                  mandate (recovery.h) and decides
 *
 * While a vrmd leads this costs two silent watches, and a third one on the deputies.  Needs etcd,
 * and nothing else of the controllers' side.  A leader that comes back ends all of it at once.
 *
 * Loop thread only. */
#ifndef VRM_AGENT_DEPUTY_H
#define VRM_AGENT_DEPUTY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/decider.h"
#include "agent/follow.h"

typedef struct Deputy Deputy;

struct deputy_options {
    HttpClient *http;             /* borrowed; must outlive the Deputy */
    const char *const *endpoints; /* copied */
    const char *prefix;           /* copied */
    int64_t host;
    int64_t lease_ms;      /* L of etcd's leases */
    int64_t leaderless_ms; /* before a deputy steps in; 0: STANDIN_LEADERLESS_MS */
    int64_t slot_ms;       /* L of storage's; 0: this host keeps no slots */
    struct slot_eyes eyes;
    struct follow_hands hands;
};

Deputy *deputy_new(const struct deputy_options *options);
void deputy_free(Deputy *deputy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Deputy, deputy_free)

/* It holds the mandate now. */
bool deputy_leads(const Deputy *deputy);

#endif /* VRM_AGENT_DEPUTY_H */
