/* warden_link.h - vrm-hald's unix socket.
 *
 * Each call has a connection of its own: nothing to keep up, nothing that a vrm-hald which was
 * restarted in between could have forgotten.  Any thread. */
#ifndef VRM_AGENT_WARDEN_LINK_H
#define VRM_AGENT_WARDEN_LINK_H

#include "agent/warden.h"

/* path "": no vrm-hald is in use. */
struct warden warden_link_new(const char *path);

#endif /* VRM_AGENT_WARDEN_LINK_H */
