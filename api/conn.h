/* conn.h - the server's open connections, and an end to those that drag.
 *
 * libmicrohttpd ends connections without any traffic; a client that sends or takes a byte now and
 * then would keep one busy for ever.  Any thread. */
#ifndef VRM_API_CONN_H
#define VRM_API_CONN_H

#include <stdint.h>

struct MHD_Connection;
typedef struct ConnList ConnList;

enum conn_phase {
    CONN_READING, /* idle, or a request is coming in */
    CONN_WORKING, /* the controller is asked */
    CONN_WRITING,
    CONN_STREAMING, /* an answer without end; set anew whenever the client takes some of it */
};

ConnList *conn_list_new(void *owner);
void conn_list_free(ConnList *list); /* all connections are closed */

/* A connection was accepted; what is returned becomes its socket context. */
void *conn_open(ConnList *list, struct MHD_Connection *connection, int64_t now_ms);
void conn_close(ConnList *list, void *socket_context);

void conn_set_phase(struct MHD_Connection *connection, enum conn_phase phase, int64_t now_ms);
/* The owner given to conn_list_new; NULL if the connection is in no list. */
void *conn_owner(struct MHD_Connection *connection);

/* Shuts down what has been reading for longer than limit_ms, or writing for five times as long. */
void conn_sweep(ConnList *list, int64_t now_ms, int64_t limit_ms);
unsigned conn_count(ConnList *list);

#endif /* VRM_API_CONN_H */
