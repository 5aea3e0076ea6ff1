/* ha_beats.c - beats of the HA plane: a UDP socket, and whose packets are taken.  See
 * ha_shell_private.h. */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>

#include "base/clock.h"
#include "base/log.h"
#include "controller/ha_shell_private.h"

#define MAX_PACKETS 256 /* in one turn of the loop */
#define RETRY_S     5

struct HaBeats {
    HaShell *shell;
    int fd; /* -1: it could not be opened yet */
    guint source, retry;
    bool has_key;
    uint8_t key[BEAT_KEY_SIZE];
};

static void take(HaBeats *beats, const uint8_t *packet, size_t size)
{
    struct beat beat;

    if (!beats->has_key || !beat_decode(packet, size, beats->key, &beat)) {
        metric_add(beats->shell->beats_dropped, 1);
        return;
    }
    ha_witness_beat(beats->shell, &beat, clock_now_ms());
}

static gboolean on_packets(gint fd, GIOCondition condition, gpointer data)
{
    HaBeats *beats = data;
    uint8_t packet[BEAT_MAX_SIZE + 1]; /* a longer one is cut, and then it is none */

    (void)condition;
    for (int i = 0; i < MAX_PACKETS; i++) {
        const ssize_t size = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);

        if (size < 0)
            break;
        take(beats, packet, (size_t)size);
    }
    return G_SOURCE_CONTINUE;
}

static int open_socket(const char *address, int64_t port)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM,
                                    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
    g_autofree char *service = g_strdup_printf("%" G_GINT64_FORMAT, port);
    struct addrinfo *found = NULL;
    int fd = -1;

    if (getaddrinfo(address, service, &hints, &found) != 0) {
        errno = EINVAL;
        return -1;
    }
    fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) != 0) {
        const int reason = errno;

        close(fd);
        fd = -1;
        errno = reason;
    }
    freeaddrinfo(found);
    return fd;
}

static bool try_open(HaBeats *beats)
{
    const struct settings *settings = beats->shell->app->settings;

    beats->fd = open_socket(settings->ha_beat_listen, settings->ha_beat_port);
    if (beats->fd < 0) {
        if (!beats->retry)
            log_warning("beats of hosts cannot be received; it is tried again", "ADDRESS",
                        settings->ha_beat_listen, "REASON", g_strerror(errno), NULL);
        return false;
    }
    beats->source = g_unix_fd_add(beats->fd, G_IO_IN, on_packets, beats);
    return true;
}

static gboolean retry(void *data)
{
    HaBeats *beats = data;

    if (!try_open(beats))
        return G_SOURCE_CONTINUE;
    beats->retry = 0;
    return G_SOURCE_REMOVE;
}

void ha_beats_set_key(HaBeats *beats, const char *hex)
{
    uint8_t key[BEAT_KEY_SIZE];

    if (!beats || !hex || !beat_key_parse(hex, key))
        return;
    memcpy(beats->key, key, sizeof(key));
    beats->has_key = true;
}

HaBeats *ha_beats_new(HaShell *shell)
{
    HaBeats *beats = g_new0(HaBeats, 1);

    beats->shell = shell;
    if (!try_open(beats))
        beats->retry = g_timeout_add_seconds(RETRY_S, retry, beats);
    return beats;
}

void ha_beats_free(HaBeats *beats)
{
    if (!beats)
        return;
    if (beats->source)
        g_source_remove(beats->source);
    if (beats->retry)
        g_source_remove(beats->retry);
    if (beats->fd >= 0)
        close(beats->fd);
    explicit_bzero(beats->key, sizeof(beats->key));
    g_free(beats);
}
