/* warden_link.c - see warden_link.h. */
#include "config.h"

#include "agent/warden_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

#define BLOCK    4096
#define ONLY_ID  1 /* one request a connection */
#define RETRY_MS 20
#define MAX_POLL 60000

struct link {
    const char *path;
    int fd;
    int64_t deadline_ms;
    bool asked; /* the request is out */
};

static bool fail(const struct link *link, GError **error, const char *what)
{
    err_set_reason(error, link->asked ? VRM_ERR_TIMEOUT : VRM_ERR_UNAVAILABLE, 0, WARDEN_FIELD,
                   "vrm-hald does not answer at %s: %s", link->path, what);
    return false;
}

static bool wait_for(const struct link *link, short events, GError **error)
{
    struct pollfd poll_fd = { .fd = link->fd, .events = events };

    for (;;) {
        int64_t left_ms = link->deadline_ms - clock_now_ms();
        int n;

        if (left_ms <= 0)
            return fail(link, error,
                        link->asked ? "it was asked, and said nothing in time"
                                    : "it takes no question");
        n = poll(&poll_fd, 1, (int)MIN(left_ms, MAX_POLL));
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return fail(link, error, g_strerror(errno));
    }
}

/* A full backlog (EAGAIN) is somebody who stands still: again, until the deadline. */
static bool open_link(struct link *link, GError **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(link->path) >= sizeof(address.sun_path))
        return fail(link, error, "the path is too long for a socket");
    memcpy(address.sun_path, link->path, strlen(link->path));
    link->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->fd < 0)
        return fail(link, error, g_strerror(errno));
    while (connect(link->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno != EAGAIN && errno != EINTR)
            return fail(link, error, g_strerror(errno));
        if (clock_now_ms() >= link->deadline_ms)
            return fail(link, error, "it takes no connection");
        (void)poll(NULL, 0, RETRY_MS);
    }
    return true;
}

static bool send_all(struct link *link, const char *text, size_t len, GError **error)
{
    for (size_t done = 0; done < len;) {
        ssize_t n;

        if (!wait_for(link, POLLOUT, error))
            return false;
        n = send(link->fd, text + done, len - done, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return fail(link, error, g_strerror(errno));
        if (n > 0) {
            done += (size_t)n;
            link->asked = true; /* a line that was cut is none, but who knows where it was cut */
        }
    }
    return true;
}

/* What has come; *ret_n is never 0. */
static bool receive(const struct link *link, char *block, size_t size, size_t *ret_n,
                    GError **error)
{
    ssize_t n;

    do {
        if (!wait_for(link, POLLIN, error))
            return false;
        n = recv(link->fd, block, size, 0);
    } while (n < 0 && (errno == EINTR || errno == EAGAIN));
    if (n <= 0)
        return fail(link, error, n == 0 ? "it hung up" : g_strerror(errno));
    *ret_n = (size_t)n;
    return true;
}

/* One line, without its newline. */
static bool read_line(const struct link *link, GString *line, GError **error)
{
    while (line->len <= HALD_MAX_LINE) {
        char block[BLOCK];
        const char *end;
        size_t n;

        if (!receive(link, block, sizeof(block), &n, error))
            return false;
        end = memchr(block, '\n', n);
        g_string_append_len(line, block, end ? end - block : (gssize)n);
        if (end)
            return true;
    }
    return fail(link, error, "its answer is too long");
}

static bool converse(struct link *link, const struct hald_request *request,
                     struct hald_reply *ret_reply, GError **error)
{
    g_autofree char *line = hald_request_format(request);
    g_autofree char *text = g_strconcat(line, "\n", NULL);
    g_autoptr(GString) answer = g_string_new(NULL);
    g_autoptr(GError) local = NULL;
    struct hald_reply reply;

    if (!open_link(link, error) || !send_all(link, text, strlen(text), error) ||
        !read_line(link, answer, error))
        return false;
    if (!hald_reply_parse(answer->str, answer->len, &reply, &local))
        return fail(link, error, local->message);
    if (reply.id != request->id && (reply.id != 0 || reply.ok)) {
        hald_reply_clear(&reply);
        return fail(link, error, "it answered another question");
    }
    *ret_reply = reply;
    return true;
}

static bool link_call(void *data, struct hald_request *request, int64_t deadline_ms,
                      struct hald_reply *ret_reply, GError **error)
{
    struct link link = { .path = data, .fd = -1, .deadline_ms = deadline_ms };
    bool ok;

    request->id = ONLY_ID;
    ok = converse(&link, request, ret_reply, error);
    if (link.fd >= 0)
        close(link.fd);
    return ok;
}

struct warden warden_link_new(const char *path)
{
    if (!*path)
        return (struct warden){ 0 };
    return (struct warden){ .call = link_call, .free = g_free, .data = g_strdup(path) };
}
