/* lv_target.h - the other host of a migration, seen from here.
 *
 * Inner header of hv_libvirt; blocks with time limits, workers only. */
#ifndef VRM_AGENT_LV_TARGET_H
#define VRM_AGENT_LV_TARGET_H

#include <glib.h>
#include <stdbool.h>

#include "agent/lv.h"

/* As part of a URI: IPv6 addresses in brackets.  Caller frees. */
char *lv_target_uri_host(const char *address);
/* "qemu+tls://ADDRESS/system". */
char *lv_target_uri(const char *address);

/* Somebody listens on libvirt's TLS port: libvirtd's own connecting to a dead address would block
 * for minutes and cannot be aborted. */
bool lv_target_probe(const char *address, GError **error);

enum lv_arrival {
    LV_ARRIVED,   /* it runs there */
    LV_NOT_THERE, /* the target's libvirtd says so */
    LV_NO_ANSWER,
};
/* Asks the target's libvirtd with this host's client certificate. */
enum lv_arrival lv_target_ask(Lv *lv, const char *address, const char *uuid);

#endif /* VRM_AGENT_LV_TARGET_H */
