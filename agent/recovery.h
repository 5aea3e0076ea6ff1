/* recovery.h - the mandate of a recovery leader: PREFIX/recovery in etcd, held by one host while no
 * vrmd leads.
 *
 * The shell around ha/leader_fsm.h, as controller/leader.c is for vrmd; other than there, the claim
 * and each renewal ask for the absence of a leader, nobody is deposed for good (the host may step
 * in again), and whoever made this says who is seen to hold the keys.
 *
 * Loop thread only. */
#ifndef VRM_AGENT_RECOVERY_H
#define VRM_AGENT_RECOVERY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "etcd/etcd.h"

typedef struct Recovery Recovery;

struct recovery_options {
    HttpClient *http;             /* borrowed; must outlive the Recovery */
    const char *const *endpoints; /* copied */
    const char *prefix;           /* copied */
    int64_t host;
};

Recovery *recovery_new(const struct recovery_options *options);
/* Its key lapses by itself. */
void recovery_free(Recovery *recovery);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recovery, recovery_free)

/* A few times a second.  may_campaign: no leader for long enough, and nobody holds the mandate. */
void recovery_tick(Recovery *recovery, bool may_campaign);
/* The watch saw the key; kv NULL or of version 0: there is none. */
void recovery_see(Recovery *recovery, const struct etcd_kv *kv);
/* The epoch under which may be decided at this moment; 0: nothing may. */
int64_t recovery_epoch(const Recovery *recovery);

#endif /* VRM_AGENT_RECOVERY_H */
