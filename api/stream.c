/* stream.c - see stream.h. */
#include "config.h"

#include "api/stream.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "api/conn.h"
#include "api/request.h"

#define BLOCK        ((size_t)16 << 10)
#define DEAD_PEER_MS 30000

struct stream {
    const struct api_core *core;
    struct MHD_Connection *connection;
    FeedReader *reader;
    char *token;
    int fd;
};

static void park(void *user)
{
    const struct stream *stream = user;

    MHD_suspend_connection(stream->connection);
}

static void wake(void *user)
{
    const struct stream *stream = user;

    MHD_resume_connection(stream->connection);
}

/* libmicrohttpd does not look at a connection that sleeps.  Only such a one's descriptor is surely
 * still open. */
static bool has_hung_up(const struct stream *stream)
{
    struct pollfd ask = { .fd = stream->fd, .events = POLLRDHUP };

    return stream->fd >= 0 && poll(&ask, 1, 0) > 0 && ask.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

/* Who sleeps has taken all that was sent: that is use of the session.  One that takes nothing is
 * let expire. */
static bool session_is_open(const struct stream *stream, bool parked, int64_t now_ms)
{
    struct auth_who who = { 0 };
    bool open;

    if (!parked)
        return auth_is_open(stream->core->auth, stream->token, now_ms);
    open = auth_check(stream->core->auth, stream->token, now_ms, &who);
    auth_who_clear(&who);
    return open;
}

/* Loop thread, under the feed's lock, which stands before those of sessions and status. */
static const char *trouble(void *user, bool parked, int64_t now_ms)
{
    const struct stream *stream = user;
    const struct api_core *core = stream->core;
    struct controller_status status = { 0 };

    if (parked && has_hung_up(stream))
        return "the client has gone";
    if (!session_is_open(stream, parked, now_ms))
        return "the session has ended: log in again and go on with Last-Event-ID";
    core->ops->status(core->ctx, &status);
    return status.active ? NULL : "this controller is no longer the active one";
}

static ssize_t on_read(void *user, uint64_t position, char *buffer, size_t size)
{
    struct stream *stream = user;
    int64_t now_ms = stream->core->now_ms();
    ssize_t n;

    (void)position;
    conn_set_phase(stream->connection, CONN_STREAMING, now_ms);
    n = feed_read(stream->reader, buffer, size, now_ms);
    return n == FEED_READ_END ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

static void on_free(void *user)
{
    struct stream *stream = user;

    feed_close(stream->reader);
    explicit_bzero(stream->token, strlen(stream->token));
    g_free(stream->token);
    g_free(stream);
}

/* A client that lost its power says nothing: its place is free again soon after the next beat. */
static int descriptor_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const unsigned limit_ms = DEAD_PEER_MS;

    if (!info)
        return -1;
    (void)setsockopt(info->connect_fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof(limit_ms));
    return info->connect_fd;
}

struct MHD_Response *stream_response(struct request *req, struct MHD_Connection *connection)
{
    struct stream *stream = g_new0(struct stream, 1);
    struct MHD_Response *response;

    *stream = (struct stream){ .core = req->core,
                               .connection = connection,
                               .reader = g_steal_pointer(&req->reader),
                               .token = g_strdup(request_token(req)),
                               .fd = descriptor_of(connection) };
    feed_sit(stream->reader, &(const struct feed_seat){ park, wake, trouble, stream });
    response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, stream, on_free);
    if (!response) {
        on_free(stream);
        return NULL;
    }
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Accel-Buffering", "no");
    MHD_add_response_header(response, "Connection", "close");
    return response;
}
