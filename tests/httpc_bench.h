/* httpc_bench.h - whom the HTTP client talks to in tests: a real server in this process
 * (libmicrohttpd), and one that says exactly what a test wants; and what came of a call. */
#ifndef VRM_TESTS_HTTPC_BENCH_H
#define VRM_TESTS_HTTPC_BENCH_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/httpc.h"

struct testcerts;

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

struct server {
    struct MHD_Daemon *daemon;
    unsigned port;
    bool tls;
    atomic_int n_connections;
};

/* certs NULL: plain. */
void server_start(struct server *server, const struct testcerts *certs);
void server_stop(struct server *server);
/* path: /lines/N and /bytes/N stream and send so many, /status/N answers with it, all others tell
 * what was asked. */
char *server_url(const struct server *server, const char *path);

/* Says bytes as told, once. */
struct teller {
    int fd;
    unsigned port;
    const char *text; /* NULL: never accepts */
    bool hang;        /* keep the connection open afterwards */
    int stop[2];
    pthread_t thread;
};

void teller_start(struct teller *teller, const char *text, bool hang);
void teller_stop(struct teller *teller);
char *teller_url(const struct teller *teller);

/* What came of a call. */
struct result {
    int n_done;
    int status;
    bool sent;
    GError *error;
    char *body;
    GString *lines; /* joined with '|' */
    int n_lines;
    int refuse_at;     /* on_line says false at this line; 0: never */
    HttpCall **cancel; /* cancelled when a line or the end comes */
    HttpClient *free_client;
};

/* A GET that ends in result. */
struct http_request result_request(const char *url, struct result *result);
/* For on_line of such a request. */
bool result_on_line(const char *line, size_t len, void *result);
void result_wait(const struct result *result);
void result_get(HttpClient *client, const char *url, struct result *result);
void result_clear(struct result *result);
/* All that can happen without waiting. */
void httpc_settle(void);

#endif /* VRM_TESTS_HTTPC_BENCH_H */
