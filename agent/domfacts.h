/* domfacts.h - what a running domain's XML tells about it: our metadata element, the VNC port.
 *
 * Pure; any thread. */
#ifndef VRM_AGENT_DOMFACTS_H
#define VRM_AGENT_DOMFACTS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/domxml.h"

struct domfacts {
    struct domxml_mark mark; /* vm_id and gen 0: the domain is not ours */
    int64_t vnc_port;        /* 0: none */
};

/* Fails, with *ret_facts untouched, only when the XML itself is broken. */
bool domfacts_parse(const char *xml, size_t len, struct domfacts *ret_facts, GError **error);

#endif /* VRM_AGENT_DOMFACTS_H */
