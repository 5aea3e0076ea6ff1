/* httpc.h - asynchronous HTTP client: libcurl's multi-socket interface on the GLib loop.
 *
 * Every request has a time limit and a reply bound.  Loop thread only. */
#ifndef VRM_BASE_HTTPC_H
#define VRM_BASE_HTTPC_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct HttpClient HttpClient;
typedef struct HttpCall HttpCall;

struct http_tls {
    const char *ca_file;   /* whom we trust */
    const char *cert_file; /* who we are; NULL: no client certificate */
    const char *key_file;
};

struct http_reply {
    const GError *error; /* transport failure (VRM_ERR_UNAVAILABLE or VRM_ERR_TIMEOUT), else NULL */
    int status;          /* HTTP status; 0 on a transport failure */
    const char *body;    /* NUL-terminated; "" if none or streamed; borrowed */
    size_t body_len;
};
typedef void (*http_done_fn)(const struct http_reply *reply, void *user);
/* One line of a streamed reply, without its newline; borrowed.  False ends the call with an error.
 */
typedef bool (*http_line_fn)(const char *line, size_t len, void *user);

struct http_request {
    const char *method; /* "GET", "POST", ... */
    const char *url;
    const char *body;            /* copied; NULL: none.  Sent as application/json */
    const char *const *headers;  /* "Name: value", NULL-terminated; may be NULL */
    unsigned connect_timeout_ms; /* 0: 2000 */
    unsigned timeout_ms;         /* whole call; 0: none, for streams only */
    unsigned idle_timeout_ms;    /* streams: no byte for so long = failure; 0: none */
    size_t max_reply;            /* bytes of a body, or of one line of a stream; 0: 1 MiB */
    http_line_fn on_line;        /* not NULL: stream */
    http_done_fn on_done;        /* exactly once, never from inside http_client_send */
    void *user;
};

HttpClient *http_client_new(const struct http_tls *tls /* NULL: plain or system trust */);
/* Applies to later connections (SIGHUP); keeps old connections. */
void http_client_set_tls(HttpClient *client, const struct http_tls *tls);

/* The call belongs to the client and ends with on_done.  The pointer is for http_call_cancel only.
 */
HttpCall *http_client_send(HttpClient *client, const struct http_request *request);
/* Ends the call without on_done. */
void http_call_cancel(HttpCall *call);

/* Cancels every call. */
void http_client_free(HttpClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpClient, http_client_free)

#endif /* VRM_BASE_HTTPC_H */
