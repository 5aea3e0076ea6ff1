/* server.h - the agent's HTTPS door: libmicrohttpd in threads of its own, mutual TLS.
 *
 * A connection's thread reads, bounds and decodes the request, hands it to the loop and is
 * suspended until the loop has answered.  Loop thread. */
#ifndef VRM_AGENT_SERVER_H
#define VRM_AGENT_SERVER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"

typedef struct Server Server;

struct server_options {
    const char *listen;
    uint16_t port; /* 0: any, see server_port */
    const char *ca_file, *cert_file, *key_file;
    const char *const *controllers; /* allowed common names; empty: all of the authority */
};

/* Listens at once; agent must live longer. */
Server *server_new(Agent *agent, const struct server_options *options, GError **error);
uint16_t server_port(const Server *server);
/* Reads the files again; later connections use them, streams of older ones end.  On failure
 * everything stays as it was. */
bool server_reload(Server *server, const struct server_options *options, GError **error);
/* No new connections; streams end. */
void server_stop(Server *server);
/* No request waits for the loop. */
bool server_is_idle(const Server *server);
/* Stopped and idle only. */
void server_free(Server *server);

#endif /* VRM_AGENT_SERVER_H */
