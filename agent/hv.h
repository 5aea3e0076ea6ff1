/* hv.h - the hypervisor behind a table: hv_libvirt.c is the real one, hv_fake.c serves tests.
 *
 * The calls of struct hv_ops block and run on agent workers, never on the loop; calls for one VM
 * never overlap.  Errors carry libvirt's own words.  A VM that is not there: VRM_ERR_NOT_FOUND.
 *
 * Trouble with the connection has the error field HV_FIELD_LINK: VRM_ERR_UNAVAILABLE when the call
 * was not begun, VRM_ERR_TIMEOUT when the connection broke meanwhile and the outcome is unknown. */
#ifndef VRM_AGENT_HV_H
#define VRM_AGENT_HV_H

#include <glib.h>
#include <stdbool.h>

#include "agentproto/msg.h"

#define HV_FIELD_LINK "link"

/* What the hypervisor tells on its own; called on the loop thread. */
struct hv_sink {
    /* A domain changed; state DOMAIN_ABSENT: it is gone, detail says how. */
    void (*domain)(const struct domain_report *domain, void *user);
    /* The connection came up (true: list again) or went away. */
    void (*link)(bool up, void *user);
    void *user;
};

/* Progress of a migration; called every now and then on the worker that runs it, at least twice a
 * second.  False: end the migration (somebody cancelled it). */
typedef bool (*hv_progress_fn)(const struct command_report *progress, void *user);

/* A migration: begun anew, or (resumed) one that a former agent process began. */
struct hv_migration {
    const char *uuid;
    int64_t gen; /* the domain's generation from now on, also on the target */
    const struct migrate_args *args;
    bool resumed;
    hv_progress_fn progress;
    void *user;
};

struct hv_ops {
    /* Begins to connect, and connects again whenever the connection is lost; loop thread. */
    void (*start_link)(void *hv, const struct hv_sink *sink);
    /* True when everything ended; false: a call hangs, the process must end with it still open.
     * Nothing reaches the sink afterwards.  Loop thread. */
    bool (*free)(void *hv);

    /* Asks something cheap, by a connection of its own, that no single domain can hold up; returns
     * when there is an answer, whatever it is.  One call at a time. */
    void (*probe)(void *hv);

    /* The pure facts; fills hello's hardware fields. */
    bool (*facts)(void *hv, struct agent_hello *hello, GError **error);
    /* Every domain; caller clears and frees. */
    bool (*list)(void *hv, struct domain_report **ret_domains, size_t *ret_n, GError **error);
    /* One domain; DOMAIN_ABSENT when it is not here.  Caller clears. */
    bool (*lookup)(void *hv, const char *uuid, struct domain_report *ret_domain, GError **error);
    /* One bulk call for all domains, raw counters turned into rates by agent/stats.c.  Fills a
     * line of kind WATCH_STATS.  One call at a time. */
    bool (*stats)(void *hv, struct watch_line *ret_line, GError **error);

    bool (*start)(void *hv, const Vm *vm, int64_t gen, GError **error);
    /* The same by a right: the process stands, its guest halted and marked so. */
    bool (*start_halted)(void *hv, const Vm *vm, int64_t gen, GError **error);
    /* Lets a guest so marked run, and marks it as one that runs by a right (one that has run before
     * stays as it is). */
    bool (*let_run)(void *hv, const char *uuid, GError **error);
    /* Returns when the domain is gone or deadline_ms (of clock_now_ms) passed (VRM_ERR_TIMEOUT).
     * A domain that is not here is success. */
    bool (*stop)(void *hv, const char *uuid, bool force, int64_t deadline_ms, GError **error);
    bool (*reboot)(void *hv, const char *uuid, bool force, GError **error);
    bool (*pause)(void *hv, const char *uuid, GError **error);
    bool (*resume)(void *hv, const char *uuid, GError **error);
    /* Live, peer to peer.  True only if the VM now runs on the target and no longer here.  Fills
     * the elapsed, downtime and transfer fields of ret_result. */
    bool (*migrate)(void *hv, const struct hv_migration *migration,
                    struct command_report *ret_result, GError **error);
};

/* A hypervisor: the table and its object. */
struct hv {
    const struct hv_ops *ops;
    void *data;
};

#endif /* VRM_AGENT_HV_H */
