/* http.h - the HTTPS server of vrmd: libmicrohttpd's threads around request.h.
 *
 * Requests beyond body_max, header_max and target.h's bound get our own error form with 413, 431
 * and 414.  What libmicrohttpd cannot take apart at all it answers itself, with a page of HTML and
 * no hook for us, and closes the connection: a broken chunk, a Content-Length that is no number,
 * another major version of HTTP, more than eight times header_max.
 *
 * A call that needs the controller is suspended while it is asked; no thread waits.  api_start,
 * api_stop and api_reload_tls belong to the loop thread; everything else runs on the server's own
 * threads. */
#ifndef VRM_API_HTTP_H
#define VRM_API_HTTP_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/auth.h"
#include "api/feed.h"
#include "api/ops.h"

typedef struct Api Api;

struct api_options {
    const char *address; /* IPv4 or IPv6; "0.0.0.0" */
    uint16_t port;       /* 7443; 0: the kernel chooses, api_port tells */
    unsigned threads;
    bool tls; /* false is for tests and for a proxy on loopback */
    const char *cert_file, *key_file;
    Auth *auth; /* borrowed; NULL: one of our own, with the next three */
    int64_t session_idle_ms;
    size_t max_sessions, max_sessions_per_user;
    unsigned max_connections, max_connections_per_address;
    size_t body_max, header_max;    /* bytes of the body, of all headers together */
    unsigned idle_timeout_s;        /* a connection without traffic */
    unsigned request_timeout_s;     /* from the first byte of a request to its last */
    unsigned stop_timeout_ms;       /* how long api_stop lets answers go out */
    const char *management_address; /* NULL or "": health and metrics on the main port only */
    uint16_t management_port;
    Feed *feed; /* what clients may watch; NULL: nothing.  Must outlive the server */
};

void api_options_init(struct api_options *options);

/* ops, ctx: must live until api_stop has returned and every operation submitted was answered. */
Api *api_start(const struct api_options *options, const struct api_ops *ops, void *ctx,
               GError **error);
/* The ports that were bound. */
uint16_t api_port(const Api *api);
uint16_t api_management_port(const Api *api);

/* Takes no new connections, answers what waits for the controller with 503, stops the feed, and
 * ends.  NULL is fine. */
void api_stop(Api *api);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Api, api_stop)

/* Reads the certificate files again; running connections keep theirs.  On failure the old pair
 * stays in use. */
bool api_reload_tls(Api *api, GError **error);

#endif /* VRM_API_HTTP_H */
