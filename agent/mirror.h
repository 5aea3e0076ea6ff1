/* mirror.h - the hypervisor's domains as the agent last saw them.
 *
 * Follows the connection: lists everything when it comes up (a QEMU that died meanwhile gave no
 * event), applies events in between, looks again every now and then, samples loads.  Loop thread;
 * its questions run on workers of its own. */
#ifndef VRM_AGENT_MIRROR_H
#define VRM_AGENT_MIRROR_H

#include <glib.h>
#include <stdbool.h>

#include "agent/hv.h"
#include "agentproto/msg.h"

typedef struct Mirror Mirror;

/* Loop thread. */
struct mirror_sink {
    /* One domain changed or went away. */
    void (*domain)(const struct domain_report *domain, void *user);
    /* The whole list is new: the connection came up. */
    void (*full)(void *user);
    /* The hypervisor does not answer any more. */
    void (*lost)(void *user);
    void (*stats)(const struct watch_line *line, void *user);
    void *user;
};

struct mirror_options {
    const struct hv *hv;
    struct mirror_sink sink;
    const char *name;          /* in hello; borrowed */
    int64_t stats_interval_ms; /* 0: no samples */
};

Mirror *mirror_new(const struct mirror_options *options);
/* Connects; from now on the sink is called. */
void mirror_start(Mirror *mirror);
/* Ends the hypervisor's object too.  False: a call hangs, see hv_ops.free; the mirror is then
 * leaked on purpose. */
bool mirror_free(Mirror *mirror);
/* No list, facts or statistics are being asked for. */
bool mirror_is_idle(const Mirror *mirror);

/* The hypervisor answers and the list is current. */
bool mirror_ok(const Mirror *mirror);
/* The facts were read at least once; fills ret_hello (not: epoch), caller clears. */
bool mirror_hello(const Mirror *mirror, struct agent_hello *ret_hello);
void mirror_fill_full(const Mirror *mirror, struct watch_line *line);
/* The generation of a VM's domain; 0: none here. */
int64_t mirror_gen(const Mirror *mirror, const char *uuid);
bool mirror_has(const Mirror *mirror, const char *uuid);
unsigned mirror_n_domains(const Mirror *mirror);

#endif /* VRM_AGENT_MIRROR_H */
