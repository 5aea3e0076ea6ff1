/* hald_show.c - see hald_show.h. */
#include "config.h"

#include "agent/hald_show.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agentproto/hald_msg.h"
#include "base/err.h"

#define WAIT_S    5
#define READ_SIZE 65536
#define MS_PER_S  1000.0

/* ---- text ------------------------------------------------------------------------------------ */

static double seconds(int64_t ms)
{
    return (double)ms / MS_PER_S;
}

static const char *yes_no(bool yes)
{
    return yes ? "yes" : "no";
}

static void add_leases(const struct hald_status *status, GString *text)
{
    for (size_t i = 0; i < status->n_leases; i++) {
        const struct hald_lease *lease = &status->leases[i];

        g_string_append_printf(text, "lease      %s (authority %" PRId64 "): %s, incarnation %s",
                               lease->name, lease->authority, lease->state, lease->inc);
        if (lease->left_ms > 0)
            g_string_append_printf(text, ", good for %.1f s", seconds(lease->left_ms));
        if (lease->answer_ms > 0)
            g_string_append_printf(text, "; last answer took %" PRId64 " ms", lease->answer_ms);
        if (*lease->why)
            g_string_append_printf(text, "; %s", lease->why);
        g_string_append_c(text, '\n');
    }
}

static const char *shown(const struct hald_vm *vm)
{
    if (vm->shut_down)
        return "has a process, is to shut down: this host is cut off";
    if (vm->given_up && vm->process)
        return "has a process, is given up: this host is cut off";
    return vm->process ? "has a process" : "no process";
}

static void add_lists(const struct hald_status *status, GString *text)
{
    for (size_t i = 0; i < status->n_peers; i++)
        g_string_append_printf(text, "peer       %" PRId64 " %s, heard %.1f s ago\n",
                               status->peers[i].host, status->peers[i].inc,
                               seconds(status->peers[i].age_ms));
    for (size_t i = 0; i < status->n_vms; i++)
        g_string_append_printf(text, "VM         %" PRId64 " %s %s, %s\n", status->vms[i].vm,
                               status->vms[i].uuid, status->vms[i].state, shown(&status->vms[i]));
}

char *hald_show_text(const struct hald_status *status)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "vrm-hald   %s, up %.0f s, VMs killed: %" PRId64 "\n",
                           status->version, seconds(status->up_ms), status->kills);
    g_string_append_printf(text, "machine    locked in memory: %s, real time: %s\n",
                           yes_no(status->locked), yes_no(status->real_time));
    g_string_append_printf(text, "HA plane   %s\n",
                           *status->address ? status->address : "any address");
    if (!status->set_up) {
        g_string_append(text, "setup      none yet: waits for the controller\n");
        return g_string_free(text, FALSE);
    }
    g_string_append_printf(text, "setup      host %" PRId64 ", epoch %" PRId64 "\n", status->host,
                           status->epoch);
    g_string_append_printf(text, "watchdog   %s, %.1f s, fires in %.1f s\n", status->watchdog,
                           seconds(status->watchdog_ms), seconds(status->armed_ms));
    g_string_append_printf(text, "etcd       %s\n",
                           status->etcd_ok ? "answers" : "does not answer");
    g_string_append_printf(text, "others     last heard %.1f s ago\n", seconds(status->quiet_ms));
    add_leases(status, text);
    add_lists(status, text);
    return g_string_free(text, FALSE);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const struct timeval wait = { .tv_sec = WAIT_S };
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 &&
        connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool send_line(int fd, const char *line)
{
    g_autofree char *text = g_strconcat(line, "\n", NULL);

    return send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

static bool read_line(int fd, GString *line)
{
    g_autofree char *buffer = g_malloc(READ_SIZE);
    ssize_t n;

    while ((n = recv(fd, buffer, READ_SIZE, 0)) > 0) {
        g_string_append_len(line, buffer, n);
        if (line->str[line->len - 1] == '\n') {
            g_string_truncate(line, line->len - 1);
            return true;
        }
        if (line->len > HALD_MAX_LINE)
            return false;
    }
    return false;
}

static bool ask(const char *path, struct hald_reply *ret_reply, GError **error)
{
    const struct hald_request request = { .op = HALD_STATUS, .id = 1 };
    g_autofree char *text = hald_request_format(&request);
    g_autoptr(GString) line = g_string_new(NULL);
    const int fd = connect_to(path);
    bool ok = fd >= 0 && send_line(fd, text) && read_line(fd, line);

    if (!ok)
        err_set(error, VRM_ERR_UNAVAILABLE, "vrm-hald does not answer at %s: %s", path,
                g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok && hald_reply_parse(line->str, line->len, ret_reply, error);
}

bool hald_show(const char *socket_path, GError **error)
{
    struct hald_reply reply;
    g_autofree char *text = NULL;

    if (!ask(socket_path, &reply, error))
        return false;
    text = hald_show_text(&reply.status);
    fputs(text, stdout);
    hald_reply_clear(&reply);
    return true;
}
