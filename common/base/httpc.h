/* httpc.h - asynchronous HTTP client: libcurl's multi-socket interface on the GLib loop.
 *
 * Every request has a time limit and a reply bound.  HTTP/1.1, http and https only, no proxy, no
 * redirects; the peer's certificate and name are always checked.  Connections are kept and reused;
 * if a kept one turns out dead before a byte of the reply came, curl sends the request once more on
 * a new one, so requests must bear that (ours carry ids).
 *
 * Callbacks run on the loop, never inside libcurl: each may send, cancel any call (also its own)
 * and free the client.  They must not iterate the loop.  Loop thread only (default context). */
#ifndef VRM_BASE_HTTPC_H
#define VRM_BASE_HTTPC_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct HttpClient HttpClient;
typedef struct HttpCall HttpCall;

struct http_tls {
    const char *ca_file;   /* whom we trust; NULL: the system's authorities */
    const char *cert_file; /* who we are; NULL: no client certificate */
    const char *key_file;
};

struct http_reply {
    /* NULL: there is a reply, whatever its status.  VRM_ERR_UNAVAILABLE: no connection, or it
     * broke; VRM_ERR_TIMEOUT: no (complete) answer in time; VRM_ERR_INTERNAL: the answer broke a
     * bound or on_line refused it; VRM_ERR_INVALID: the request cannot be sent. */
    const GError *error;
    bool sent;        /* on error: the request may have reached the peer, its outcome is unknown */
    int status;       /* HTTP status; 0 on error */
    const char *body; /* NUL-terminated; "" if none, streamed or error; borrowed */
    size_t body_len;
};
typedef void (*http_done_fn)(const struct http_reply *reply, void *user);
/* One line of a streamed reply, NUL-terminated, without its newline; borrowed.  False ends the call
 * with an error. */
typedef bool (*http_line_fn)(const char *line, size_t len, void *user);

struct http_request {
    const char *method; /* "GET", "POST", ... */
    const char *url;
    const char *body;            /* copied; NULL: none.  Sent as application/json */
    const char *const *headers;  /* "Name: value", NULL-terminated; may be NULL; copied */
    unsigned connect_timeout_ms; /* TCP and TLS; 0: 2000 */
    unsigned timeout_ms;         /* whole call; 0: none, for streams only */
    unsigned idle_timeout_ms;    /* streams: no byte for so long = failure; 0: none */
    size_t max_reply;            /* bytes of a body, or of one line of a stream; 0: 1 MiB */
    http_line_fn on_line;        /* not NULL: stream a 2xx reply; others come as body */
    http_done_fn on_done;        /* exactly once, never from inside http_client_send */
    void *user;
};

HttpClient *http_client_new(const struct http_tls *tls /* NULL: plain or system trust */);
/* Applies to later connections (SIGHUP); keeps old connections. */
void http_client_set_tls(HttpClient *client, const struct http_tls *tls);

/* A client with many peers must not hold up the loop when all of them talk at once (TLS handshakes
 * cost milliseconds each): once it has worked so long in one turn of the loop, its other peers wait
 * for the next turn.  0, as at first: no limit. */
void http_client_limit_turn(HttpClient *client, unsigned ms);

/* The call belongs to the client and ends with on_done.  The pointer is for http_call_cancel only
 * and dead when on_done returns. */
HttpCall *http_client_send(HttpClient *client, const struct http_request *request);
/* Ends the call without on_done (inside its own on_done: does nothing).  NULL is fine. */
void http_call_cancel(HttpCall *call);

/* Cancels every call.  NULL is fine. */
void http_client_free(HttpClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpClient, http_client_free)

#endif /* VRM_BASE_HTTPC_H */
