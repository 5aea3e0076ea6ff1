/* conn.c - see conn.h. */
#include "config.h"

#include "api/conn.h"

#include <glib.h>
#include <microhttpd.h>
#include <pthread.h>
#include <sys/socket.h>

#define WRITING_FACTOR 5 /* a long list over a slow line is no attack */

struct conn {
    ConnList *list;
    int fd;
    enum conn_phase phase;
    int64_t since_ms;
    struct conn *next, *prev;
};

struct ConnList {
    void *owner;
    pthread_mutex_t lock; /* all below, and the fields of each conn */
    struct conn *first;
    unsigned n;
};

ConnList *conn_list_new(void *owner)
{
    ConnList *list = g_new0(ConnList, 1);

    list->owner = owner;
    pthread_mutex_init(&list->lock, NULL);
    return list;
}

void conn_list_free(ConnList *list)
{
    g_assert(!list->first);
    pthread_mutex_destroy(&list->lock);
    g_free(list);
}

static struct conn *find(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

void *conn_open(ConnList *list, struct MHD_Connection *connection, int64_t now_ms)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct conn *conn = g_new0(struct conn, 1);

    conn->list = list;
    conn->fd = info ? info->connect_fd : -1;
    conn->since_ms = now_ms;
    pthread_mutex_lock(&list->lock);
    conn->next = list->first;
    if (conn->next)
        conn->next->prev = conn;
    list->first = conn;
    list->n++;
    pthread_mutex_unlock(&list->lock);
    return conn;
}

void conn_close(ConnList *list, void *socket_context)
{
    struct conn *conn = socket_context;

    pthread_mutex_lock(&list->lock);
    if (conn->next)
        conn->next->prev = conn->prev;
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        list->first = conn->next;
    list->n--;
    pthread_mutex_unlock(&list->lock);
    g_free(conn);
}

void conn_set_phase(struct MHD_Connection *connection, enum conn_phase phase, int64_t now_ms)
{
    struct conn *conn = find(connection);

    if (!conn)
        return;
    pthread_mutex_lock(&conn->list->lock);
    conn->phase = phase;
    conn->since_ms = now_ms;
    pthread_mutex_unlock(&conn->list->lock);
}

void *conn_owner(struct MHD_Connection *connection)
{
    struct conn *conn = find(connection);

    return conn ? conn->list->owner : NULL;
}

static int64_t allowed_ms(enum conn_phase phase, int64_t limit_ms)
{
    switch (phase) {
    case CONN_READING:
    case CONN_STREAMING: /* a beat is due far more often */
        return limit_ms;
    case CONN_WORKING:
        return INT64_MAX; /* it waits for us */
    case CONN_WRITING:
        return limit_ms * WRITING_FACTOR;
    }
    g_assert_not_reached();
}

void conn_sweep(ConnList *list, int64_t now_ms, int64_t limit_ms)
{
    pthread_mutex_lock(&list->lock);
    for (struct conn *conn = list->first; conn; conn = conn->next) {
        if (conn->fd >= 0 && now_ms - conn->since_ms > allowed_ms(conn->phase, limit_ms))
            shutdown(conn->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&list->lock);
}

unsigned conn_count(ConnList *list)
{
    unsigned n;

    pthread_mutex_lock(&list->lock);
    n = list->n;
    pthread_mutex_unlock(&list->lock);
    return n;
}
