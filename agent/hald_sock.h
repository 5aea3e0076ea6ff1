/* hald_sock.h - vrm-hald's unix socket: connections, lines, requests, replies.
 *
 * A few connections, each with a bounded line in and a bounded backlog out; whoever breaks a bound
 * is cut off.  Only root and our own user may connect.  Replies are sent when the loop turns next,
 * so that what they promise can be saved before.  Loop thread. */
#ifndef VRM_AGENT_HALD_SOCK_H
#define VRM_AGENT_HALD_SOCK_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agentproto/hald_msg.h"

typedef struct HaldSock HaldSock;

/* conn is never 0 and never used twice.  request is borrowed. */
typedef void (*hald_sock_fn)(uint64_t conn, const struct hald_request *request, void *user);

/* Takes the place of a socket that an earlier process left. */
HaldSock *hald_sock_new(const char *path, hald_sock_fn on_request, void *user, GError **error);
/* Removes it.  NULL is fine. */
void hald_sock_free(HaldSock *sock);

/* Does nothing if the connection is gone. */
void hald_sock_reply(HaldSock *sock, uint64_t conn, const struct hald_reply *reply);

#endif /* VRM_AGENT_HALD_SOCK_H */
