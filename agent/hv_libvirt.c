/* hv_libvirt.c - see hv_libvirt.h: the table, and the life of the object. */
#include "config.h"

#include "agent/hv_libvirt.h"

#include "agent/lv.h"
#include "base/err.h"

#define N_EVENT_THREADS   2
#define N_MIGRATE_THREADS 16 /* libvirtd has 20 workers by default */

static bool free_hv(void *hv)
{
    Lv *lv = hv;

    if (work_pool_depth(lv->migrate_pool) > 0 || !lv_guest_end(lv) || !lv_end_link(lv))
        return false;
    work_pool_free(lv->migrate_pool);
    stats_tracker_free(lv->tracker);
    g_hash_table_unref(lv->traces);
    g_hash_table_unref(lv->promised);
    pthread_mutex_destroy(&lv->mutex);
    pthread_mutex_destroy(&lv->device_mutex);
    g_free(lv->uri);
    g_free(lv->domain_type);
    g_free(lv->emulator);
    g_free(lv->bridge);
    g_free(lv->cpu_limit);
    hostdevs_free(lv->devices);
    g_free(lv->migrate_address);
    g_free(lv->usable_type);
    g_free(lv);
    return true;
}

static const struct hv_ops ops = {
    .start_link = lv_start_link,
    .free = free_hv,
    .probe = lv_probe,
    .facts = lv_facts,
    .list = lv_list,
    .lookup = lv_lookup,
    .stats = lv_stats,
    .start = lv_start,
    .start_halted = lv_start_halted,
    .let_run = lv_let_run,
    .stop = lv_stop,
    .reboot = lv_reboot,
    .pause = lv_pause,
    .resume = lv_resume,
    .migrate = lv_migrate,
};

/* libvirt prints every error on stderr unless told otherwise. */
static void ignore_error(void *user, virErrorPtr error)
{
    (void)user;
    (void)error;
}

static void free_trace(gpointer data)
{
    lv_trace_clear(data);
    g_free(data);
}

static WorkPool *make_pool(const char *name, unsigned n_threads)
{
    const struct work_pool_options options = { .name = name, .n_threads = n_threads };

    return work_pool_new(&options);
}

struct hv hv_libvirt_new(const struct hv_libvirt_options *options)
{
    Lv *lv = g_new0(Lv, 1);

    virSetErrorFunc(NULL, ignore_error);
    if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0)
        g_error("libvirt cannot be initialised: %s", virGetLastErrorMessage());
    lv->uri = g_strdup(options->uri);
    lv->domain_type = g_strdup(options->domain_type);
    lv->emulator = g_strdup(options->emulator);
    lv->bridge = g_strdup(options->bridge);
    lv->cpu_limit = g_strdup(options->cpu_limit);
    lv->net_mbps = options->net_mbps;
    lv->devices = hostdevs_dup(options->devices);
    lv->migrate_address = g_strdup(options->migrate_address);
    lv->migrate_tls = options->migrate_tls;
    lv->shared_storage_unchecked = options->shared_storage_unchecked;
    lv->link_pool = make_pool("link", 1);
    lv->event_pool = make_pool("event", N_EVENT_THREADS);
    lv->migrate_pool = make_pool("move", N_MIGRATE_THREADS);
    lv_guest_init(lv);
    lv->tracker = stats_tracker_new();
    lv->traces = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_trace);
    lv->promised = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    pthread_mutex_init(&lv->mutex, NULL);
    pthread_mutex_init(&lv->device_mutex, NULL);
    return (struct hv){ &ops, lv };
}
