/* gate.h - calls that wait for the controller: suspended connections and the operations they sent.
 *
 * An operation's answer may come when its connection is long gone (the server was stopped), so each
 * operation carries a ticket; the gate behind the tickets lives until the last one is back.
 * gate_ask: server threads; answers: the loop thread; gate_close and gate_free: who stops the
 * server. */
#ifndef VRM_API_GATE_H
#define VRM_API_GATE_H

#include <stdbool.h>

#include "api/ops.h"

struct MHD_Connection;
struct request;
typedef struct Gate Gate;

/* Part of a call; must live until the connection was resumed. */
struct gate_call {
    struct MHD_Connection *connection;
    struct request *req; /* in REQUEST_WAITS */
    bool aborted;        /* resumed without an answer: the gate was closed */
};

Gate *gate_new(const struct api_ops *ops, void *ctx);
/* Suspends the connection and submits the request's operation; the answer resumes it.  False: the
 * gate is closed, nothing was done. */
bool gate_ask(Gate *gate, struct gate_call *call);
/* Resumes all as aborted; from now on gate_ask refuses. */
void gate_close(Gate *gate);
/* After gate_close and the server's end; operations may still be under way. */
void gate_free(Gate *gate);

#endif /* VRM_API_GATE_H */
