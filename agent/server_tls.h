/* server_tls.h - who may connect to the agent: certificates and their check.
 *
 * A struct server_tls never changes once it is made, so any thread may use it. */
#ifndef VRM_AGENT_SERVER_TLS_H
#define VRM_AGENT_SERVER_TLS_H

#include <glib.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>

/* The organizational unit of controllers' certificates, as deploy/certs makes them. */
#define SERVER_TLS_CONTROLLER_ROLE "VRM controller"

typedef struct ServerTls ServerTls;

struct server_tls_files {
    const char *ca_file, *cert_file, *key_file;
    const char *const *controllers; /* allowed common names; empty or NULL: the role */
};

/* Reads the files and proves that they fit together. */
ServerTls *server_tls_new(const struct server_tls_files *files, GError **error);
void server_tls_free(ServerTls *tls);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ServerTls, server_tls_free)

/* PEM texts; borrowed. */
const char *server_tls_ca(const ServerTls *tls);
const char *server_tls_cert(const ServerTls *tls);
const char *server_tls_key(const ServerTls *tls);

/* Before the handshake: a client without a certificate of the authority fails it. */
void server_tls_demand(gnutls_session_t session);
/* After it: the certificate stands, is for clients, and its name or role is allowed. */
bool server_tls_check(const ServerTls *tls, gnutls_session_t session, GError **error);

#endif /* VRM_AGENT_SERVER_TLS_H */
