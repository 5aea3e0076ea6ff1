/* ctl_app.c - see ctl_app.h. */
#include "config.h"

#include "tests/ctl_app.h"

#include "controller/call.h"
#include "controller/role.h"
#include "tests/suite.h"
#include "tests/tempdir.h"

static const char text[] = "[controller]\nname = c1\n"
                           "[database]\nconninfo = CONNINFO\nworkers = 1\n"
                           "[agents]\nca_file = /ca\ncert_file = /cert\nkey_file = /key\n"
                           "[etcd]\nendpoints = ETCD\n";

static void unexpected(const char *why)
{
    ck_abort_msg("%s", why);
}

static int64_t fixed_epoch(void *user)
{
    const struct ctl *ctl = user;

    return ctl->epoch;
}

static void no_doubt(const GError *error, void *user)
{
    (void)error, (void)user;
}

static void load_settings(struct ctl *ctl, const char *conninfo, const char *etcd, const char *more)
{
    char *dir = tempdir_new();
    g_autofree char *path = g_build_filename(dir, "vrmd.conf", NULL);
    g_autoptr(GString) filled = g_string_new(text);
    GError *error = NULL;

    g_string_replace(filled, "CONNINFO", conninfo ? conninfo : "host=/nowhere", 0);
    g_string_replace(filled, "ETCD", etcd, 0);
    g_string_append(filled, more);
    ck_assert(g_file_set_contents(path, filled->str, -1, NULL));
    (void)settings_load(path, &ctl->settings, &error);
    suite_no_error(error);
    tempdir_free(dir);
}

void ctl_init_with(struct ctl *ctl, const char *conninfo, const char *etcd_url, const char *more)
{
    static const struct role_events events = { unexpected, unexpected };

    *ctl = (struct ctl){ .epoch = conninfo ? 1 : 0 };
    load_settings(ctl, conninfo, etcd_url, more);
    ctl->http = http_client_new(NULL);
    app_init(&ctl->app, &ctl->settings, ctl->http, ctl->http, &events);
    ctl->app.committer.epoch = fixed_epoch;
    ctl->app.committer.on_doubt = no_doubt;
    ctl->app.committer.user = ctl;
}

void ctl_init(struct ctl *ctl, const char *conninfo)
{
    ctl_init_with(ctl, conninfo, "http://127.0.0.1:1", "[ha]\nenabled = false\n");
}

void ctl_clear(struct ctl *ctl)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
    ctl_drop(ctl);
}

void ctl_drop(struct ctl *ctl)
{
    app_clear(&ctl->app);
    http_client_free(ctl->http);
    settings_clear(&ctl->settings);
}

struct answer {
    struct op_result result;
    bool came;
};

static void answered(struct op_result *result, void *user)
{
    struct answer *answer = user;

    ck_assert(!answer->came);
    answer->came = true;
    answer->result = *result;
    *result = (struct op_result){ 0 };
}

struct op_result ctl_call(struct ctl *ctl, struct op *op)
{
    struct answer answer = { 0 };
    struct call *call = g_new(struct call, 1);

    *call = (struct call){ .app = &ctl->app, .op = op, .done = answered, .user = &answer };
    call_handler(op->kind)(call);
    while (!answer.came)
        g_main_context_iteration(NULL, TRUE);
    return answer.result;
}

void ctl_put_cluster(struct ctl *ctl, Cluster *cluster)
{
    snapshot_builder_put_cluster(inventory_edit(ctl->app.inv), cluster);
    inventory_publish(ctl->app.inv);
}

void ctl_put_host(struct ctl *ctl, Host *host)
{
    snapshot_builder_put_host(inventory_edit(ctl->app.inv), host);
    inventory_publish(ctl->app.inv);
}

void ctl_put_vm(struct ctl *ctl, Vm *vm)
{
    snapshot_builder_put_vm(inventory_edit(ctl->app.inv), vm);
    inventory_publish(ctl->app.inv);
}

static char *name_of(const char *what, int64_t id)
{
    return g_strdup_printf("%s%" G_GINT64_FORMAT, what, id);
}

Cluster *ctl_cluster(int64_t id)
{
    Cluster *cluster = cluster_new();

    cluster->id = id;
    g_free(cluster->name);
    cluster->name = name_of("cluster", id);
    return cluster;
}

Host *ctl_host(int64_t id, int64_t cluster_id)
{
    Host *host = host_new();

    host->id = id;
    host->cluster_id = cluster_id;
    g_free(host->name);
    host->name = name_of("cna", id);
    g_free(host->ip);
    host->ip = g_strdup_printf("192.0.2.%" G_GINT64_FORMAT, id);
    host->port = 7444;
    host->status = HOST_NORMAL;
    host->connected = true;
    host->cpu_threads = 8;
    host->cpu_mhz = 2000;
    host->mem_mb = 16384;
    return host;
}

Vm *ctl_vm(int64_t id, int64_t cluster_id)
{
    Vm *vm = vm_new();

    vm->id = id;
    vm->cluster_id = cluster_id;
    g_free(vm->name);
    vm->name = name_of("vm", id);
    g_free(vm->uuid);
    vm->uuid = g_uuid_string_random();
    vm->status = VM_STOPPED;
    vm->cpu.quantity = vm->cpu.cores_per_socket = 1;
    vm->memory.size_mb = 1024;
    return vm;
}
