/* hald_beat.c - see hald_beat.h. */
#include "config.h"

#include "agent/hald_beat.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define MAX_BURST 64 /* packets in one turn of the loop */
#define WARN_MS   60000

struct place {
    struct sockaddr_storage address;
    socklen_t len;
};

struct peer {
    int64_t host;
    struct place place;
    struct beat last;
    int64_t heard_ms; /* 0: never */
};

struct HaldBeat {
    int fd;
    int family;
    uint16_t port;
    hald_beat_inc_fn inc;
    void *user;
    guint in, timer;
    int64_t host;
    uint8_t key[BEAT_KEY_SIZE];
    uint64_t seq;
    struct place *listeners;
    size_t n_listeners;
    struct peer *peers;
    size_t n_peers, next; /* next: where the list of peers in the next beat begins */
    struct log_limit warned;
};

/* ---- addresses ------------------------------------------------------------------------------- */

static bool make_place(const char *address, uint16_t port, struct place *ret_place)
{
    struct place place = { 0 };
    struct sockaddr_in *v4 = (struct sockaddr_in *)&place.address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&place.address;

    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        place.len = sizeof *v4;
    } else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        place.len = sizeof *v6;
    } else {
        return false;
    }
    *ret_place = place;
    return true;
}

/* "10.91.0.1:7445", "[fd00::1]:7445". */
static bool parse_place(const char *text, struct place *ret_place)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *address = NULL;
    guint64 port;

    if (!colon || !g_ascii_string_to_unsigned(colon + 1, 10, 1, UINT16_MAX, &port, NULL))
        return false;
    if (text[0] == '[' && colon > text + 1 && colon[-1] == ']')
        address = g_strndup(text + 1, (gsize)(colon - text - 2));
    else
        address = g_strndup(text, (gsize)(colon - text));
    return make_place(address, (uint16_t)port, ret_place);
}

static bool refuse(const HaldBeat *beats, const char *field, const char *value, GError **error)
{
    err_set_reason(error, VRM_ERR_INVALID, 0, field,
                   "%s is \"%s\"; want an IPv%c address, as [beat] address", field, value,
                   beats->family == AF_INET6 ? '6' : '4');
    return false;
}

static bool fits(const HaldBeat *beats, bool parsed, const struct place *place)
{
    return parsed && place->address.ss_family == beats->family;
}

bool hald_beat_check(const HaldBeat *beats, const struct ha_setup *setup, GError **error)
{
    struct place place;

    for (size_t i = 0; setup->beat_to[i]; i++) {
        g_autofree char *field = g_strdup_printf("beat_to[%zu]", i);

        if (!fits(beats, parse_place(setup->beat_to[i], &place), &place))
            return refuse(beats, field, setup->beat_to[i], error);
    }
    for (size_t i = 0; i < setup->n_peers; i++) {
        const char *address = setup->peers[i].address;
        g_autofree char *field = g_strdup_printf("peers[%zu].address", i);

        if (!fits(beats, make_place(address, beats->port, &place), &place))
            return refuse(beats, field, address, error);
    }
    return true;
}

/* ---- out ------------------------------------------------------------------------------------- */

static bool is_fresh(const struct peer *peer, int64_t now_ms)
{
    return peer->heard_ms != 0 && now_ms - peer->heard_ms <= BEAT_HEARD_MS;
}

/* As many as fit, another time the others. */
static void add_peers(HaldBeat *beats, int64_t now_ms, struct beat *beat)
{
    size_t i = 0;

    for (; i < beats->n_peers && beat->n_peers < BEAT_MAX_PEERS; i++) {
        const struct peer *peer = &beats->peers[(beats->next + i) % beats->n_peers];

        if (is_fresh(peer, now_ms))
            beat->peers[beat->n_peers++] = (struct beat_peer){ peer->host, peer->last.inc };
    }
    if (beats->n_peers > 0)
        beats->next = (beats->next + i) % beats->n_peers;
}

static void send_to(const HaldBeat *beats, const struct place *place, const uint8_t *packet,
                    size_t size)
{
    /* What cannot be sent is a beat missed: the others say so. */
    if (sendto(beats->fd, packet, size, MSG_DONTWAIT, (const struct sockaddr *)&place->address,
               place->len) < 0)
        errno = 0;
}

static gboolean on_beat(gpointer user)
{
    HaldBeat *beats = user;
    const int64_t now_ms = clock_now_ms();
    struct beat beat = { .host = beats->host, .inc = beats->inc(beats->user) };
    uint8_t packet[BEAT_MAX_SIZE];
    size_t size;

    /* Grows over restarts within one boot, too. */
    beats->seq = MAX(beats->seq + 1, (uint64_t)now_ms);
    beat.seq = beats->seq;
    add_peers(beats, now_ms, &beat);
    size = beat_encode(&beat, beats->key, packet);
    for (size_t i = 0; i < beats->n_listeners; i++)
        send_to(beats, &beats->listeners[i], packet, size);
    for (size_t i = 0; i < beats->n_peers; i++)
        send_to(beats, &beats->peers[i].place, packet, size);
    return G_SOURCE_CONTINUE;
}

/* ---- in -------------------------------------------------------------------------------------- */

static struct peer *find_peer(HaldBeat *beats, int64_t host)
{
    for (size_t i = 0; i < beats->n_peers; i++)
        if (beats->peers[i].host == host)
            return &beats->peers[i];
    return NULL;
}

static void take(HaldBeat *beats, const uint8_t *packet, size_t size)
{
    struct beat beat;
    struct peer *peer;
    unsigned left_out;

    if (!beat_decode(packet, size, beats->key, &beat)) {
        if (log_limit_pass(&beats->warned, clock_now_ms(), WARN_MS, &left_out))
            log_warning("packets come to the beats' port that are no beats of this site", NULL);
        return;
    }
    peer = find_peer(beats, beat.host);
    if (!peer || (peer->heard_ms != 0 && !beat_follows(&peer->last, &beat)))
        return;
    peer->last = beat;
    peer->heard_ms = clock_now_ms();
}

static gboolean on_packets(gint fd, GIOCondition condition, gpointer user)
{
    HaldBeat *beats = user;

    (void)condition;
    for (unsigned i = 0; i < MAX_BURST; i++) {
        uint8_t packet[BEAT_MAX_SIZE + 1];
        const ssize_t n = recv(fd, packet, sizeof packet, MSG_DONTWAIT);

        if (n < 0)
            break;
        if (beats->host != 0)
            take(beats, packet, (size_t)n);
    }
    return G_SOURCE_CONTINUE;
}

bool hald_beat_heard(const HaldBeat *beats, unsigned nth, struct beat *ret_last,
                     int64_t *ret_age_ms)
{
    for (size_t i = 0; i < beats->n_peers; i++) {
        const struct peer *peer = &beats->peers[i];

        if (peer->heard_ms == 0 || nth-- > 0)
            continue;
        *ret_last = peer->last;
        *ret_age_ms = clock_now_ms() - peer->heard_ms;
        return true;
    }
    return false;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void set_peers(HaldBeat *beats, const struct ha_setup *setup)
{
    struct peer *peers = g_new0(struct peer, setup->n_peers + 1);

    for (size_t i = 0; i < setup->n_peers; i++) {
        const struct peer *known = find_peer(beats, setup->peers[i].host);

        if (known)
            peers[i] = *known;
        peers[i].host = setup->peers[i].host;
        make_place(setup->peers[i].address, beats->port, &peers[i].place);
    }
    g_free(beats->peers);
    beats->peers = peers;
    beats->n_peers = setup->n_peers;
    beats->next = 0;
}

void hald_beat_set(HaldBeat *beats, const struct ha_setup *setup)
{
    beats->n_listeners = g_strv_length(setup->beat_to);
    g_free(beats->listeners);
    beats->listeners = g_new0(struct place, beats->n_listeners + 1);
    for (size_t i = 0; i < beats->n_listeners; i++)
        parse_place(setup->beat_to[i], &beats->listeners[i]);
    set_peers(beats, setup);
    beat_key_parse(setup->beat_key, beats->key);
    beats->host = setup->host;
    if (beats->timer != 0)
        g_source_remove(beats->timer);
    beats->timer = g_timeout_add((guint)setup->beat_ms, on_beat, beats);
}

static int open_socket(const struct place *own)
{
    const int fd = socket(own->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    if (bind(fd, (const struct sockaddr *)&own->address, own->len) == 0)
        return fd;
    close(fd);
    return -1;
}

HaldBeat *hald_beat_new(const char *address, uint16_t port, hald_beat_inc_fn inc, void *user,
                        GError **error)
{
    struct place own;
    HaldBeat *beats;
    int fd;

    if (!make_place(*address ? address : "0.0.0.0", port, &own)) {
        err_set(error, VRM_ERR_INVALID, "[beat] address = %s: want an address", address);
        return NULL;
    }
    fd = open_socket(&own);
    if (fd < 0) {
        err_set(error, VRM_ERR_UNAVAILABLE, "[beat] address = %s, port = %u: %s", address, port,
                g_strerror(errno));
        return NULL;
    }
    beats = g_new0(HaldBeat, 1);
    beats->fd = fd;
    beats->family = own.address.ss_family;
    beats->port = port;
    beats->inc = inc;
    beats->user = user;
    beats->in = g_unix_fd_add(fd, G_IO_IN, on_packets, beats);
    return beats;
}

void hald_beat_free(HaldBeat *beats)
{
    if (!beats)
        return;
    g_source_remove(beats->in);
    if (beats->timer != 0)
        g_source_remove(beats->timer);
    close(beats->fd);
    g_free(beats->listeners);
    g_free(beats->peers);
    g_free(beats);
}
