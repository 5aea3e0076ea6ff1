/* hv.h - the hypervisor behind a table: hv_libvirt.c is the real one, hv_fake.c serves tests.
 *
 * Every call blocks and runs on an agent worker, never on the loop; calls for one VM never overlap.
 * Errors carry libvirt's own words. */
#ifndef VRM_AGENT_HV_H
#define VRM_AGENT_HV_H

#include <glib.h>
#include <stdbool.h>

#include "agentproto/msg.h"

/* A lifecycle event; called on the loop thread. */
typedef void (*hv_event_fn)(const struct domain_report *domain, void *user);
/* The connection to the hypervisor came up (true: list again) or went away; loop thread. */
typedef void (*hv_link_fn)(bool up, void *user);
/* Progress of a migration; called on the worker that runs it. */
typedef void (*hv_progress_fn)(const struct command_report *progress, void *user);

struct hv_ops {
    void (*free)(void *hv);
    /* The pure facts; fills hello's hardware fields. */
    bool (*facts)(void *hv, struct agent_hello *hello, GError **error);
    /* Every domain; caller clears and frees. */
    bool (*list)(void *hv, struct domain_report **ret_domains, size_t *ret_n, GError **error);
    /* One bulk call for all domains, raw counters turned into rates by agent/stats.c. */
    bool (*stats)(void *hv, struct watch_line *ret_line, GError **error);
    bool (*start)(void *hv, const Vm *vm, int64_t gen, GError **error);
    /* Returns when the domain is gone or deadline_ms passed (VRM_ERR_TIMEOUT). */
    bool (*stop)(void *hv, const char *uuid, bool force, int64_t deadline_ms, GError **error);
    bool (*reboot)(void *hv, const char *uuid, bool force, GError **error);
    bool (*pause)(void *hv, const char *uuid, GError **error);
    bool (*resume)(void *hv, const char *uuid, GError **error);
    /* Live, peer to peer.  True only if the VM now runs on the target and no longer here. */
    bool (*migrate)(void *hv, const char *uuid, const struct migrate_args *args,
                    hv_progress_fn progress, void *user, struct command_report *ret_result,
                    GError **error);
    /* Ends a running migration of this VM; any worker. */
    bool (*abort)(void *hv, const char *uuid, GError **error);
};

#endif /* VRM_AGENT_HV_H */
