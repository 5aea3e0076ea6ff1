/* etcd_watch.c - see etcd_watch.h.  One call (list or stream) and one timer at a time. */
#include "config.h"

#include "etcd/etcd_watch.h"

#define RELIST_MS    30000
#define PAUSE_MIN_MS 50
#define PAUSE_MAX_MS 1000

struct EtcdWatch {
    Etcd *etcd;
    struct etcd_watch_options options;
    char *key;
    EtcdCall *call;
    guint timer;
    unsigned pause_ms; /* before the next list after a failure */
    bool in_trouble;
};

static void list_now(EtcdWatch *watch);

static gboolean on_timer(gpointer user)
{
    EtcdWatch *watch = user;

    watch->timer = 0;
    list_now(watch);
    return G_SOURCE_REMOVE;
}

static void set_timer(EtcdWatch *watch, unsigned ms)
{
    if (watch->timer != 0)
        g_source_remove(watch->timer);
    watch->timer = g_timeout_add(ms, on_timer, watch);
}

/* A stream that ends is no trouble if the list that follows at once is answered. */
static void on_stream_done(const struct etcd_answer *answer, const GError *error, void *user)
{
    EtcdWatch *watch = user;

    (void)answer;
    (void)error;
    watch->call = NULL;
    set_timer(watch, watch->pause_ms);
}

static bool on_stream_change(const struct etcd_answer *answer, void *user)
{
    EtcdWatch *watch = user;

    if (answer->canceled)
        return false;
    watch->pause_ms = PAUSE_MIN_MS; /* a stream that works */
    for (size_t i = 0; i < answer->kvs.len; i++)
        watch->options.on_change(&answer->kvs.items[i], watch->options.user);
    return true;
}

static void pause_longer(EtcdWatch *watch)
{
    watch->pause_ms = MIN(watch->pause_ms * 2, PAUSE_MAX_MS);
}

static void follow(EtcdWatch *watch, int64_t revision)
{
    const struct etcd_stream stream = {
        .key = watch->key,
        .revision = revision,
        .idle_ms = watch->options.idle_ms,
        .on_change = on_stream_change,
        .done = on_stream_done,
        .user = watch,
    };

    watch->call = etcd_stream(watch->etcd, &stream);
    set_timer(watch, watch->options.relist_ms);
}

static void on_listed(const struct etcd_answer *answer, const GError *error, void *user)
{
    EtcdWatch *watch = user;
    const bool was_in_trouble = watch->in_trouble;

    watch->call = NULL;
    watch->in_trouble = error != NULL;
    pause_longer(watch); /* until a stream works */
    if (!error) {
        follow(watch, answer->revision + 1);
        watch->options.on_list(answer, watch->options.user);
        return;
    }
    set_timer(watch, watch->pause_ms);
    if (!was_in_trouble && watch->options.on_trouble)
        watch->options.on_trouble(error, watch->options.user);
}

static void list_now(EtcdWatch *watch)
{
    if (watch->call)
        etcd_cancel(watch->call);
    watch->call = etcd_read(watch->etcd, watch->key, on_listed, watch);
}

EtcdWatch *etcd_watch_new(Etcd *etcd, const struct etcd_watch_options *options)
{
    EtcdWatch *watch = g_new0(EtcdWatch, 1);

    watch->etcd = etcd;
    watch->options = *options;
    watch->key = g_strdup(options->key);
    watch->options.key = watch->key;
    if (watch->options.relist_ms == 0)
        watch->options.relist_ms = RELIST_MS;
    watch->pause_ms = PAUSE_MIN_MS;
    list_now(watch);
    return watch;
}

void etcd_watch_free(EtcdWatch *watch)
{
    if (!watch)
        return;
    if (watch->call)
        etcd_cancel(watch->call);
    if (watch->timer != 0)
        g_source_remove(watch->timer);
    g_free(watch->key);
    g_free(watch);
}
