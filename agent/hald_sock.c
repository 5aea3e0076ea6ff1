/* hald_sock.c - see hald_sock.h. */
#include "config.h"

#include "agent/hald_sock.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define MAX_CONNS   32
#define MAX_BACKLOG (4u << 20) /* bytes that a client has not taken */
#define READ_SIZE   16384u
#define BACKLOG     16
#define SOCKET_MODE 0600
#define WARN_MS     60000
#define MAX_PATH    sizeof((struct sockaddr_un *)NULL)->sun_path

struct conn {
    HaldSock *sock;
    uint64_t id;
    int fd;
    guint in, out; /* sources; out 0: nothing to send */
    GString *line; /* received, not yet whole */
    GString *backlog;
    bool last; /* close when the backlog is sent */
};

struct HaldSock {
    char *path;
    int fd;
    guint source;
    hald_sock_fn on_request;
    void *user;
    GHashTable *conns; /* id -> conn */
    uint64_t n_ids;
    struct log_limit warned;
};

static void warn(HaldSock *sock, const char *text)
{
    unsigned left_out;

    if (log_limit_pass(&sock->warned, clock_now_ms(), WARN_MS, &left_out))
        log_warning(text, NULL);
}

/* ---- connections ----------------------------------------------------------------------------- */

static void conn_free(void *data)
{
    struct conn *conn = data;

    g_source_remove(conn->in);
    if (conn->out != 0)
        g_source_remove(conn->out);
    close(conn->fd);
    g_string_free(conn->line, TRUE);
    g_string_free(conn->backlog, TRUE);
    g_free(conn);
}

static void drop(struct conn *conn)
{
    g_hash_table_remove(conn->sock->conns, &conn->id);
}

static gboolean on_writable(gint fd, GIOCondition condition, gpointer user)
{
    struct conn *conn = user;
    const ssize_t n = send(fd, conn->backlog->str, conn->backlog->len, MSG_NOSIGNAL | MSG_DONTWAIT);

    (void)condition;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n >= 0)
        g_string_erase(conn->backlog, 0, n);
    if (n >= 0 && conn->backlog->len > 0)
        return G_SOURCE_CONTINUE;
    conn->out = 0;
    if (n < 0 || conn->last)
        drop(conn);
    return G_SOURCE_REMOVE;
}

static void say(struct conn *conn, const struct hald_reply *reply)
{
    g_autofree char *text = hald_reply_format(reply);

    g_string_append(conn->backlog, text);
    g_string_append_c(conn->backlog, '\n');
    if (conn->out == 0)
        conn->out = g_unix_fd_add(conn->fd, G_IO_OUT, on_writable, conn);
}

void hald_sock_reply(HaldSock *sock, uint64_t id, const struct hald_reply *reply)
{
    struct conn *conn = g_hash_table_lookup(sock->conns, &id);

    if (!conn)
        return;
    if (conn->backlog->len > MAX_BACKLOG) {
        warn(sock, "a client of the socket does not read its replies: cut off");
        drop(conn);
        return;
    }
    say(conn, reply);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void refuse_line(struct conn *conn, int64_t id, const char *why)
{
    struct hald_reply reply = { .id = id, .why = g_strdup(why) };

    say(conn, &reply);
    g_free(reply.why);
}

/* The connection may be gone afterwards. */
static void take_line(HaldSock *sock, uint64_t conn_id, const char *line, size_t len)
{
    struct hald_request request;
    g_autoptr(GError) error = NULL;
    struct conn *conn;
    int64_t id;

    if (hald_request_parse(line, len, &request, &id, &error)) {
        sock->on_request(conn_id, &request, sock->user);
        hald_request_clear(&request);
        return;
    }
    conn = g_hash_table_lookup(sock->conns, &conn_id);
    refuse_line(conn, id, error->message);
    conn->last = id == 0; /* no request at all: who knows what comes next */
}

static void take_lines(HaldSock *sock, uint64_t id)
{
    for (;;) {
        struct conn *conn = g_hash_table_lookup(sock->conns, &id);
        const char *end = conn ? memchr(conn->line->str, '\n', conn->line->len) : NULL;
        g_autofree char *line = NULL;
        size_t len;

        if (!end || conn->last)
            return;
        len = (size_t)(end - conn->line->str);
        line = g_memdup2(conn->line->str, len + 1);
        g_string_erase(conn->line, 0, (gssize)len + 1);
        take_line(sock, id, line, len);
    }
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer user)
{
    struct conn *conn = user;
    HaldSock *sock = conn->sock;
    const uint64_t id = conn->id;
    char buffer[READ_SIZE];
    const ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);

    (void)condition;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    if (n <= 0) {
        drop(conn);
        return G_SOURCE_CONTINUE; /* it is removed already */
    }
    if (conn->last)
        return G_SOURCE_CONTINUE; /* nobody listens any more */
    g_string_append_len(conn->line, buffer, n);
    take_lines(sock, id);
    conn = g_hash_table_lookup(sock->conns, &id);
    if (conn && !conn->last && conn->line->len > HALD_MAX_LINE) {
        refuse_line(conn, 0, "the line is too long; want at most 1048576 bytes");
        conn->last = true;
    }
    return G_SOURCE_CONTINUE;
}

static bool may_connect(int fd)
{
    struct ucred peer = { 0 };
    socklen_t len = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == 0 || peer.uid == getuid());
}

static void welcome(HaldSock *sock, int fd)
{
    struct conn *conn = g_new0(struct conn, 1);

    conn->sock = sock;
    conn->id = ++sock->n_ids;
    conn->fd = fd;
    conn->line = g_string_new(NULL);
    conn->backlog = g_string_new(NULL);
    conn->in = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, conn);
    g_hash_table_insert(sock->conns, &conn->id, conn);
}

static gboolean on_connect(gint listening, GIOCondition condition, gpointer user)
{
    HaldSock *sock = user;
    const int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)condition;
    if (fd < 0)
        return G_SOURCE_CONTINUE;
    if (may_connect(fd) && g_hash_table_size(sock->conns) < MAX_CONNS) {
        welcome(sock, fd);
    } else {
        warn(sock, "a client of the socket is turned away");
        close(fd);
    }
    return G_SOURCE_CONTINUE;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    unlink(path);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        chmod(path, SOCKET_MODE) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

HaldSock *hald_sock_new(const char *path, hald_sock_fn on_request, void *user, GError **error)
{
    HaldSock *sock;
    int fd;

    if (strlen(path) >= MAX_PATH) {
        err_set(error, VRM_ERR_INVALID, "%s: a socket's path has less than %zu characters", path,
                MAX_PATH);
        return NULL;
    }
    fd = listen_at(path);
    if (fd < 0) {
        err_set(error, VRM_ERR_UNAVAILABLE, "%s: %s", path, g_strerror(errno));
        return NULL;
    }
    sock = g_new0(HaldSock, 1);
    sock->path = g_strdup(path);
    sock->fd = fd;
    sock->on_request = on_request;
    sock->user = user;
    sock->conns = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, conn_free);
    sock->source = g_unix_fd_add(fd, G_IO_IN, on_connect, sock);
    return sock;
}

void hald_sock_free(HaldSock *sock)
{
    if (!sock)
        return;
    g_source_remove(sock->source);
    g_hash_table_unref(sock->conns);
    close(sock->fd);
    unlink(sock->path);
    g_free(sock->path);
    g_free(sock);
}
