/* lv_target.c - see lv_target.h. */
#include "config.h"

#include "agent/lv_target.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/ref.h"

#define TLS_PORT    "16514"
#define PROBE_MS    3000
#define ASK_MS      10000
#define ASK_STEP_MS 50

char *lv_target_uri_host(const char *address)
{
    return strchr(address, ':') ? g_strdup_printf("[%s]", address) : g_strdup(address);
}

char *lv_target_uri(const char *address)
{
    g_autofree char *host = lv_target_uri_host(address);

    return g_strdup_printf("qemu+tls://%s/system", host);
}

/* ---- probe ---------------------------------------------------------------------------------- */

/* 0, or why not. */
static int connect_within(const struct addrinfo *address, int ms)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
    socklen_t len = sizeof(int);
    int code = 0;

    if (fd < 0)
        return errno;
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
        if (errno != EINPROGRESS)
            code = errno;
        else if (poll(&poll_fd, 1, ms) != 1)
            code = ETIMEDOUT;
        else
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len);
    }
    close(fd);
    return code;
}

bool lv_target_probe(const char *address, GError **error)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int code = getaddrinfo(address, TLS_PORT, &hints, &found);

    if (code != 0) {
        err_set(error, VRM_ERR_UNAVAILABLE, "target %s: %s", address, gai_strerror(code));
        return false;
    }
    code = connect_within(found, PROBE_MS);
    freeaddrinfo(found);
    if (code != 0)
        err_set(error, VRM_ERR_UNAVAILABLE, "target %s: libvirtd's port " TLS_PORT ": %s", address,
                g_strerror(code));
    return code == 0;
}

/* ---- asking --------------------------------------------------------------------------------- */

/* A libvirtd that stands still would block us for ever: a thread asks, we wait only so long. */
struct question {
    struct ref ref; /* ours and the thread's */
    char *uri;
    char *uuid;
    pthread_mutex_t mutex;
    bool answered; /* below the mutex */
    enum lv_arrival arrival;
};

static void question_unref(struct question *question)
{
    if (!ref_put(&question->ref))
        return;
    pthread_mutex_destroy(&question->mutex);
    g_free(question->uri);
    g_free(question->uuid);
    g_free(question);
}

static enum lv_arrival ask(const struct question *question)
{
    g_autoptr(virConnect) conn = lv_open(question->uri, NULL);
    g_autoptr(virDomain) domain = NULL;
    g_autoptr(GError) error = NULL;
    int state, reason;

    if (!conn)
        return LV_NO_ANSWER;
    domain = lv_domain(conn, question->uuid, &error);
    if (!domain)
        return err_is(error, VRM_ERR_NOT_FOUND) ? LV_NOT_THERE : LV_NO_ANSWER;
    if (virDomainGetState(domain, &state, &reason, 0) < 0)
        return LV_NO_ANSWER;
    if (state == VIR_DOMAIN_PAUSED &&
        (reason == VIR_DOMAIN_PAUSED_MIGRATION || reason == VIR_DOMAIN_PAUSED_STARTING_UP))
        return LV_NOT_THERE; /* still incoming: libvirt destroys it, its source is gone */
    return state == VIR_DOMAIN_SHUTOFF ? LV_NOT_THERE : LV_ARRIVED;
}

static void ask_run(void *thread_state, void *data)
{
    struct question *question = data;
    enum lv_arrival arrival = ask(question);

    (void)thread_state;
    pthread_mutex_lock(&question->mutex);
    question->answered = true;
    question->arrival = arrival;
    pthread_mutex_unlock(&question->mutex);
}

static void ask_done(void *data, bool ran)
{
    (void)ran;
    question_unref(data);
}

static enum lv_arrival wait_answer(struct question *question)
{
    for (unsigned waited = 0; waited < ASK_MS; waited += ASK_STEP_MS) {
        enum lv_arrival arrival;
        bool answered;

        pthread_mutex_lock(&question->mutex);
        answered = question->answered;
        arrival = question->arrival;
        pthread_mutex_unlock(&question->mutex);
        if (answered)
            return arrival;
        lv_wait_ms(ASK_STEP_MS);
    }
    return LV_NO_ANSWER;
}

enum lv_arrival lv_target_ask(Lv *lv, const char *address, const char *uuid)
{
    struct question *question;
    enum lv_arrival arrival = LV_NO_ANSWER;

    if (!lv_target_probe(address, NULL))
        return LV_NO_ANSWER;
    question = g_new0(struct question, 1);
    ref_init(&question->ref);
    ref_get(&question->ref);
    pthread_mutex_init(&question->mutex, NULL);
    question->uri = lv_target_uri(address);
    question->uuid = g_strdup(uuid);
    if (work_pool_submit(lv->migrate_pool, NULL, ask_run, ask_done, question))
        arrival = wait_answer(question);
    else
        question_unref(question);
    question_unref(question);
    return arrival;
}
