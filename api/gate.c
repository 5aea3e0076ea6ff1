/* gate.c - see gate.h. */
#include "config.h"

#include "api/gate.h"

#include <microhttpd.h>
#include <pthread.h>

#include "api/request.h"

struct ticket {
    Gate *gate;
    struct gate_call *call; /* NULL once the call was aborted */
    struct ticket *next, *prev;
};

struct Gate {
    const struct api_ops *ops;
    void *ctx;
    pthread_mutex_t lock;
    unsigned refs; /* the owner's, and one for each ticket */
    bool closed;
    struct ticket *tickets; /* of calls that wait */
};

Gate *gate_new(const struct api_ops *ops, void *ctx)
{
    Gate *gate = g_new0(Gate, 1);

    gate->ops = ops;
    gate->ctx = ctx;
    gate->refs = 1;
    pthread_mutex_init(&gate->lock, NULL);
    return gate;
}

static void unref_and_unlock(Gate *gate)
{
    bool last = --gate->refs == 0;

    pthread_mutex_unlock(&gate->lock);
    if (last) {
        pthread_mutex_destroy(&gate->lock);
        g_free(gate);
    }
}

void gate_free(Gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    unref_and_unlock(gate);
}

static void link_ticket(struct ticket *ticket)
{
    ticket->next = ticket->gate->tickets;
    if (ticket->next)
        ticket->next->prev = ticket;
    ticket->gate->tickets = ticket;
}

static void unlink_ticket(struct ticket *ticket)
{
    if (ticket->next)
        ticket->next->prev = ticket->prev;
    if (ticket->prev)
        ticket->prev->next = ticket->next;
    else
        ticket->gate->tickets = ticket->next;
    ticket->next = ticket->prev = NULL;
}

/* The controller has answered; loop thread. */
static void on_done(struct op_result *result, void *user)
{
    struct ticket *ticket = user;
    Gate *gate = ticket->gate;

    pthread_mutex_lock(&gate->lock);
    if (ticket->call) {
        request_set_result(ticket->call->req, result);
        unlink_ticket(ticket);
        MHD_resume_connection(ticket->call->connection);
    }
    g_free(ticket);
    unref_and_unlock(gate);
}

bool gate_ask(Gate *gate, struct gate_call *call)
{
    struct ticket *ticket;
    struct op *op;

    pthread_mutex_lock(&gate->lock);
    if (gate->closed) {
        pthread_mutex_unlock(&gate->lock);
        return false;
    }
    op = request_take_op(call->req);
    ticket = g_new0(struct ticket, 1);
    ticket->gate = gate;
    ticket->call = call;
    link_ticket(ticket);
    gate->refs++;
    /* before the operation is submitted: its answer may come at once */
    MHD_suspend_connection(call->connection);
    pthread_mutex_unlock(&gate->lock);
    gate->ops->submit(gate->ctx, op, on_done, ticket);
    return true;
}

void gate_close(Gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->closed = true;
    while (gate->tickets) {
        struct ticket *ticket = gate->tickets;
        struct gate_call *call = g_steal_pointer(&ticket->call);

        unlink_ticket(ticket);
        if (call) {
            call->aborted = true;
            MHD_resume_connection(call->connection);
        }
    }
    pthread_mutex_unlock(&gate->lock);
}
