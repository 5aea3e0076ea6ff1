/* server.c - see server.h: listening, one instance of libmicrohttpd per set of certificates.  What
 * happens to a request is in server_call.c.
 *
 * The loop accepts and gives each connection to the current instance.  libmicrohttpd listens not
 * itself, because an instance that is replaced has to stop that while the listening socket lives
 * on: MHD_quiesce_daemon() races with its own workers over the epoll set (0.9.75 calls abort() when
 * both remove the socket), and the socket must stay open until MHD_stop_daemon(). */
#include "config.h"

#include "agent/server.h"

#include <errno.h>
#include <glib-unix.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/server_call.h"
#include "agent/server_tls.h"
#include "base/err.h"
#include "base/log.h"
#include "base/work.h"

#define N_THREADS        2
#define MAX_CONNECTIONS  128
#define MAX_PER_ADDRESS  64
#define HEADER_BYTES     (16u << 10)
#define IDLE_TIMEOUT_S   30
#define BACKLOG          64
#define KEEPALIVE_S      5
#define DEAD_PEER_MS     15000
#define REAP_INTERVAL_MS 200
#define ACCEPT_BATCH     16 /* at most so many before the loop has its turn */
#define ACCEPT_RETRY_MS  1000
/* Out of reach behind MAX_CONNECTIONS: at its own limit 0.9.75 keeps a lock for ever. */
#define MHD_CONNECTIONS (2 * N_THREADS * MAX_CONNECTIONS)
#define TLS_PRIORITIES  "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* A libmicrohttpd daemon with its certificates. */
struct instance {
    struct MHD_Daemon *daemon;
    ServerTls *tls;
    struct server_door door;
    atomic_uint n_open; /* connections */
};

struct Server {
    Agent *agent;
    Mailbox *calls;
    int fd;              /* listening */
    guint accept_source; /* for fd, or the timer after which it is tried again */
    struct instance *current;
    GPtrArray *old; /* struct instance *: reloaded, end as soon as nobody waits */
    guint reap_timer;
};

/* ---- listening ----------------------------------------------------------------------------- */

/* Accepted connections inherit these: a controller that lost its power is noticed within
 * DEAD_PEER_MS, whether we are sending or not. */
static void set_options(int fd)
{
    const struct {
        int level, name, value;
    } options[] = {
        { SOL_SOCKET, SO_REUSEADDR, 1 },
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S },
        { IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_S },
        { IPPROTO_TCP, TCP_USER_TIMEOUT, DEAD_PEER_MS },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++)
        setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

static int bind_socket(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    set_options(fd);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    close(fd);
    return -1;
}

static int open_socket(const char *listen_on, uint16_t port, GError **error)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
    };
    g_autofree char *service = g_strdup_printf("%u", port);
    struct addrinfo *found = NULL;
    int code = getaddrinfo(listen_on, service, &hints, &found);
    int fd;

    if (code != 0) {
        err_set(error, VRM_ERR_INVALID, "[agent] listen = \"%s\": %s", listen_on,
                gai_strerror(code));
        return -1;
    }
    fd = bind_socket(found);
    freeaddrinfo(found);
    if (fd < 0) {
        int failed = errno;

        err_set(error, VRM_ERR_UNAVAILABLE, "cannot listen on %s port %u: %s", listen_on, port,
                g_strerror(failed));
    }
    return fd;
}

uint16_t server_port(const Server *server)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = { 0 };
    socklen_t len = sizeof(address);

    if (getsockname(server->fd, &address.any, &len) < 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

/* ---- instances ----------------------------------------------------------------------------- */

/* libmicrohttpd's own complaints, mostly about clients that do not speak TLS. */
static void G_GNUC_PRINTF(2, 0) on_mhd_log(void *user, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);

    (void)user;
    log_debug("http", "TEXT", g_strstrip(text), NULL);
}

static void on_connection(void *user, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct instance *instance = user;
    const union MHD_ConnectionInfo *info;

    (void)socket_context;
    if (code != MHD_CONNECTION_NOTIFY_STARTED) {
        atomic_fetch_sub(&instance->n_open, 1);
        return;
    }
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info && info->tls_session)
        server_tls_demand(info->tls_session);
}

static struct MHD_Daemon *start_daemon(struct instance *instance)
{
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_TLS |
                           MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

    return MHD_start_daemon(
        flags, 0, NULL, NULL, server_call_handle, &instance->door, /* */
        MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL,              /* first: for the others */
        MHD_OPTION_HTTPS_MEM_TRUST, server_tls_ca(instance->tls),  /* */
        MHD_OPTION_HTTPS_MEM_CERT, server_tls_cert(instance->tls), /* */
        MHD_OPTION_HTTPS_MEM_KEY, server_tls_key(instance->tls),   /* */
        MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES,               /* */
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, instance,     /* */
        MHD_OPTION_NOTIFY_COMPLETED, server_call_completed, NULL,  /* */
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)N_THREADS,          /* */
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)MHD_CONNECTIONS,    /* */
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)MAX_PER_ADDRESS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES, /* */
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_END);
}

static void instance_free(struct instance *instance)
{
    if (!instance)
        return;
    if (instance->daemon)
        MHD_stop_daemon(instance->daemon);
    server_tls_free(instance->tls);
    g_free(instance);
}

static struct instance *instance_new(Server *server, const struct server_options *options,
                                     GError **error)
{
    const struct server_tls_files files = {
        .ca_file = options->ca_file,
        .cert_file = options->cert_file,
        .key_file = options->key_file,
        .controllers = options->controllers,
    };
    struct instance *instance = g_new0(struct instance, 1);

    instance->tls = server_tls_new(&files, error);
    if (!instance->tls) {
        instance_free(instance);
        return NULL;
    }
    instance->door.calls = server->calls;
    instance->door.tls = instance->tls;
    atomic_init(&instance->door.n_waiting, 0);
    atomic_init(&instance->n_open, 0);
    instance->daemon = start_daemon(instance);
    if (!instance->daemon) {
        err_set(error, VRM_ERR_INTERNAL, "cannot start the HTTPS server");
        instance_free(instance);
        return NULL;
    }
    return instance;
}

/* ---- accepting ------------------------------------------------------------------------------ */

static gboolean on_incoming(gint fd, GIOCondition condition, gpointer user);

static gboolean on_accept_again(gpointer user)
{
    Server *server = user;

    server->accept_source = g_unix_fd_add(server->fd, G_IO_IN, on_incoming, server);
    return G_SOURCE_REMOVE;
}

/* Without room for another connection the socket would stay readable: not asked for a while. */
static gboolean on_accept_failed(Server *server, int code)
{
    if (code != EMFILE && code != ENFILE && code != ENOBUFS && code != ENOMEM)
        return G_SOURCE_CONTINUE; /* nobody there any more, or gone before we came */
    log_warning("cannot accept connections", "REASON", g_strerror(code), NULL);
    server->accept_source = g_timeout_add(ACCEPT_RETRY_MS, on_accept_again, server);
    return G_SOURCE_REMOVE;
}

static unsigned count_open(const Server *server)
{
    unsigned n = atomic_load(&server->current->n_open);

    for (guint i = 0; i < server->old->len; i++) {
        const struct instance *instance = g_ptr_array_index(server->old, i);

        n += atomic_load(&instance->n_open);
    }
    return n;
}

/* client is the current instance's then, or closed. */
static void admit(Server *server, int client, const struct sockaddr *peer, socklen_t len)
{
    struct instance *instance = server->current;

    if (count_open(server) >= MAX_CONNECTIONS) {
        log_debug("connection refused: there are too many", NULL);
        close(client);
        return;
    }
    atomic_fetch_add(&instance->n_open, 1);
    if (MHD_add_connection(instance->daemon, client, peer, len) != MHD_YES)
        atomic_fetch_sub(&instance->n_open, 1); /* closed by it */
}

static gboolean on_incoming(gint fd, GIOCondition condition, gpointer user)
{
    Server *server = user;

    (void)condition;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        union {
            struct sockaddr any;
            struct sockaddr_storage space;
        } peer;
        socklen_t len = sizeof(peer);
        int client = accept4(fd, &peer.any, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (client < 0)
            return on_accept_failed(server, errno);
        admit(server, client, &peer.any, len);
    }
    return G_SOURCE_CONTINUE;
}

/* ---- life ---------------------------------------------------------------------------------- */

static void on_call(void *message, void *user)
{
    const Server *server = user;

    server_call_serve(message, server->agent);
}

Server *server_new(Agent *agent, const struct server_options *options, GError **error)
{
    Server *server = g_new0(Server, 1);

    server->agent = agent;
    server->old = g_ptr_array_new();
    server->calls = mailbox_new(NULL, on_call, server_call_drop, server);
    server->fd = open_socket(options->listen, options->port, error);
    if (server->fd >= 0)
        server->current = instance_new(server, options, error);
    if (!server->current) {
        server_free(server);
        return NULL;
    }
    server->accept_source = g_unix_fd_add(server->fd, G_IO_IN, on_incoming, server);
    return server;
}

static bool is_idle(const struct instance *instance)
{
    return !instance || atomic_load(&instance->door.n_waiting) == 0;
}

static gboolean on_reap(gpointer user)
{
    Server *server = user;

    for (guint i = server->old->len; i-- > 0;) {
        struct instance *instance = g_ptr_array_index(server->old, i);

        if (!is_idle(instance))
            continue;
        g_ptr_array_remove_index_fast(server->old, i);
        instance_free(instance);
    }
    if (server->old->len > 0)
        return G_SOURCE_CONTINUE;
    server->reap_timer = 0;
    return G_SOURCE_REMOVE;
}

bool server_reload(Server *server, const struct server_options *options, GError **error)
{
    struct instance *fresh = instance_new(server, options, error);

    if (!fresh)
        return false;
    g_ptr_array_add(server->old, server->current);
    server->current = fresh;
    agent_end_streams(server->agent);
    if (server->reap_timer == 0)
        server->reap_timer = g_timeout_add(REAP_INTERVAL_MS, on_reap, server);
    return true;
}

void server_stop(Server *server)
{
    if (server->accept_source)
        g_source_remove(server->accept_source);
    server->accept_source = 0;
    if (server->fd >= 0)
        close(server->fd);
    server->fd = -1;
}

bool server_is_idle(const Server *server)
{
    for (guint i = 0; i < server->old->len; i++) {
        if (!is_idle(g_ptr_array_index(server->old, i)))
            return false;
    }
    return is_idle(server->current);
}

void server_free(Server *server)
{
    if (!server)
        return;
    if (server->reap_timer)
        g_source_remove(server->reap_timer);
    server_stop(server);
    mailbox_close(server->calls);
    for (guint i = 0; i < server->old->len; i++)
        instance_free(g_ptr_array_index(server->old, i));
    g_ptr_array_unref(server->old);
    instance_free(server->current);
    mailbox_free(server->calls);
    g_free(server);
}
