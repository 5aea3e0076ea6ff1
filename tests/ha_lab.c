/* ha_lab.c - see ha_lab.h. */
#include "config.h"

#include "tests/ha_lab.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agentproto/beat.h"
#include "agentproto/msg.h"
#include "base/clock.h"
#include "base/rng.h"
#include "controller/ha_count.h"
#include "controller/host_setup.h"
#include "controller/load_all.h"
#include "controller/observe.h"
#include "controller/rights.h"
#include "controller/vm_order.h"
#include "tests/it_db.h"
#include "tests/suite.h"
#include "tests/tempdir.h"

#define KEY   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define PULSE 250 /* ms between two signs of life */

struct ha_lab ha_lab;

struct app *ha_lab_app(void)
{
    return &ha_lab.lab.ctl.app;
}

const Vm *ha_lab_vm(int i)
{
    return inventory_find_vm(ha_lab_app()->inv, ha_lab.vms[i]);
}

/* ---- hosts that live --------------------------------------------------------------------------
 */

static void ignore(const struct etcd_answer *answer, const GError *error, void *user)
{
    (void)answer, (void)error, (void)user;
}

static void send_lease(struct fake_host *host)
{
    g_autofree char *key =
        g_strdup_printf("%s/ha/lease/%" G_GINT64_FORMAT "/1", ha_lab.prefix, host->id);
    g_autofree char *value = g_strdup_printf(
        "{\"inc\":\"00000000000000%02x-1\",\"seq\":%" G_GINT64_FORMAT ",\"length_ms\":4800}",
        0xaa + host->boot, host->seq);
    EtcdTxn *txn = etcd_txn_new();

    etcd_txn_put(txn, key, value, 0);
    (void)etcd_commit(ha_lab.etcd.etcd, txn, ignore, NULL);
    etcd_txn_free(txn);
}

static void send_beat(const struct fake_host *host)
{
    const struct beat beat = { .host = host->id,
                               .inc = { 0xaa + host->boot, 1 },
                               .seq = (uint64_t)host->seq };
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)ha_lab.port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    uint8_t key[BEAT_KEY_SIZE], packet[BEAT_MAX_SIZE];
    size_t size;

    ck_assert(beat_key_parse(KEY, key));
    size = beat_encode(&beat, key, packet);
    ck_assert_int_eq(
        sendto(ha_lab.socket, packet, size, 0, (const struct sockaddr *)&to, sizeof(to)),
        (ssize_t)size);
}

/* Its domains, as its agent tells them. */
static void send_full(const struct fake_host *host)
{
    struct domain_report domains[HA_LAB_VMS + 1] = { 0 };
    struct watch_line line = { .kind = WATCH_FULL, .hypervisor_ok = true, .domains = domains };

    for (int i = 0; i < HA_LAB_VMS && host == ha_lab.hosts; i++) {
        if (ha_lab.ended[i])
            continue;
        domains[line.n_domains++] =
            (struct domain_report){ .uuid = (char *)(uintptr_t)ha_lab_vm(i)->uuid,
                                    .name = (char *)(uintptr_t) "vm",
                                    .state = DOMAIN_RUNNING,
                                    .detail = (char *)(uintptr_t) "",
                                    .vm_id = ha_lab.vms[i],
                                    .cpu = (char *)(uintptr_t) "" };
    }
    if (host == ha_lab.hosts && ha_lab.local != 0 && ha_lab.local_runs)
        domains[line.n_domains++] = (struct domain_report){
            .uuid = (char *)(uintptr_t)inventory_find_vm(ha_lab_app()->inv, ha_lab.local)->uuid,
            .name = (char *)(uintptr_t) "local",
            .state = DOMAIN_RUNNING,
            .detail = (char *)(uintptr_t) "",
            .vm_id = ha_lab.local,
            .cpu = (char *)(uintptr_t) ""
        };
    observe_line(host->id, &line, ha_lab_app());
}

static gboolean pulse(void *user)
{
    (void)user;
    for (int i = 0; i < HA_LAB_HOSTS; i++) {
        struct fake_host *host = &ha_lab.hosts[i];

        host->seq++;
        if (host->lease)
            send_lease(host);
        if (host->beats)
            send_beat(host);
        if (host->agent)
            send_full(host);
    }
    return G_SOURCE_CONTINUE;
}

/* ---- the world --------------------------------------------------------------------------------
 */

static int free_udp_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, len), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    close(fd);
    return ntohs(at.sin_port);
}

/* Leads for etcd and for the database: a key that is there, and its epoch. */
static void lead(Db *db)
{
    g_autofree char *leader = g_strdup_printf("%s/leader", ha_lab.prefix);
    g_autofree char *key = g_strdup_printf("%s/beat_key", ha_lab.prefix);
    struct etcdlab_outcome outcome;
    GError *error = NULL;

    etcdlab_put(&ha_lab.etcd, key, KEY);
    etcdlab_put(&ha_lab.etcd, leader, "c1");
    outcome = etcdlab_read(&ha_lab.etcd, leader);
    ha_lab.lab.ctl.epoch = outcome.revision;
    etcdlab_outcome_clear(&outcome);
    (void)db_take_epoch(db, ha_lab.lab.ctl.epoch, &error);
    suite_no_error(error);
}

void ha_lab_put(const char *key, const char *value)
{
    g_autofree char *full = g_strdup_printf("%s/ha/%s", ha_lab.prefix, key);

    etcdlab_put(&ha_lab.etcd, full, value);
}

void ha_lab_give_right(int i, int32_t authority)
{
    g_autofree char *key = g_strdup_printf("vm/%" G_GINT64_FORMAT, ha_lab.vms[i]);
    g_autofree char *value =
        g_strdup_printf("{\"gen\":1,\"claimed\":true,\"owners\":[{\"host\":%" G_GINT64_FORMAT
                        ",\"authority\":%d,\"inc\":\"00000000000000aa-1\"}]}",
                        ha_lab.hosts[0].id, authority);

    ha_lab_put(key, value);
}

static const char agent_text[] = "#!/bin/sh\n"
                                 "while read -r line; do\n"
                                 "  case $line in action=*) action=${line#action=} ;; esac\n"
                                 "done\n"
                                 "[ \"$action\" = status ] && exit 2\n"
                                 "exit 0\n";

/* By which every host that is asked about has no power. */
static void make_bmc(void)
{
    g_autofree char *path = g_build_filename(ha_lab.dir, "agent", NULL);

    ck_assert(g_file_set_contents(path, agent_text, -1, NULL));
    ck_assert_int_eq(chmod(path, 0700), 0);
    g_free(ha_lab.lab.ctl.settings.power_agent);
    ha_lab.lab.ctl.settings.power_agent = g_steal_pointer(&path);
}

static void add_hosts(int64_t cluster_id, bool bmc)
{
    for (int i = 0; i < HA_LAB_HOSTS; i++) {
        Host *host = ctl_host(11 + i, cluster_id);
        int64_t id;

        host->hald = true;
        host->agent_protocol = AGENT_PROTOCOL_SLOTS;
        g_free(host->bmc_ip);
        host->bmc_ip = g_strdup(bmc && i == 0 ? "192.0.2.200" : "");
        id = ctl_lab_add_host(&ha_lab.lab, host);
        ha_lab.hosts[i] =
            (struct fake_host){ .id = id, .beats = true, .agent = true, .lease = true };
        observe_link(id, true, "", ha_lab_app());
    }
}

static void add_vms(int64_t cluster_id)
{
    for (int i = 0; i < HA_LAB_VMS; i++) {
        Vm *vm = ctl_vm(1 + i, cluster_id);

        vm->status = VM_RUNNING;
        vm->host_id = ha_lab.hosts[0].id;
        vm->enable_ha = true;
        vm->run_gen = 1;
        ha_lab.vms[i] = ctl_lab_add_vm(&ha_lab.lab, vm);
        ha_lab_give_right(i, HA_ETCD);
    }
}

bool ha_lab_all_ok(const void *user)
{
    (void)user;
    for (int i = 0; i < HA_LAB_HOSTS; i++)
        if (ha_shell_host_state(ha_lab_app()->ha, ha_lab.hosts[i].id) != HOST_OK)
            return false;
    return true;
}

static void make_site(void)
{
    Commit *commit = commit_new(&ha_lab_app()->committer);
    Site *site = site_new();

    g_free(site->id);
    site->id = g_strdup("43BC08E8");
    g_free(site->name);
    site->name = g_strdup("site");
    commit_put_site(commit, site);
    ctl_lab_write(&ha_lab.lab, commit);
}

void ha_lab_become_active(void)
{
    rights_start(ha_lab_app()->rights);
    host_setups_start(ha_lab_app()->setups);
    ha_shell_start(ha_lab_app()->ha);
}

/* As role.c does it. */
static void load_counts(void)
{
    g_autoptr(Db) db = db_new(ha_lab.lab.conninfo, SCRATCH_TIMEOUT_MS);
    struct loaded loaded = { .recent_tasks = 1, .ha_since_ms = ha_counts_since_ms() };
    GError *error = NULL;

    (void)load_all_read(db, &loaded, &error);
    suite_no_error(error);
    ha_counts_restore(ha_lab_app()->counts, loaded.ha_restarts, loaded.ha_power_ons);
    loaded_clear(&loaded);
}

void ha_lab_take_over(void)
{
    struct app *app = ha_lab_app();

    (void)ctl_lab_settle(&ha_lab.lab);
    load_counts();
    orders_reset(app->orders);
    ha_shell_reset(app->ha);
    rights_reset(app->rights);
    observe_reset(app->observe);
    for (int i = 0; i < HA_LAB_HOSTS; i++)
        observe_link(ha_lab.hosts[i].id, ha_lab.hosts[i].agent, "no answer", app);
    ha_lab_become_active();
}

void ha_lab_begin_with(bool bmc, bool ha)
{
    Cluster *cluster = ctl_cluster(1);
    g_autofree char *more = NULL;
    int64_t cluster_id;
    Db *db = scratch_db(&ha_lab.lab.conninfo);
    g_autofree char *tag = rng_secret_hex(8);

    ha_lab.etcd = etcdlab_open();
    ha_lab.dir = tempdir_new();
    ha_lab.prefix = g_strconcat("/t-", tag, NULL);
    ha_lab.port = free_udp_port();
    ha_lab.socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    more = g_strdup_printf("prefix = %s\n[ha]\nenabled = true\n"
                           "lease_ms = 4800\nrenew_ms = 200\nkill_ms = 500\n"
                           "beat_listen = 127.0.0.1\nbeat_port = %d\nbeat_to = 127.0.0.1:%d\n"
                           "storage = %s\n",
                           ha_lab.prefix, ha_lab.port, ha_lab.port,
                           ha_lab.no_storage ? "false" : "true");
    ctl_init_with(&ha_lab.lab.ctl, ha_lab.lab.conninfo, g_getenv("VRM_ETCD_URL"), more);
    make_bmc();
    lead(db);
    db_free(db);
    make_site();
    cluster->ha.enabled = ha;
    cluster_id = ctl_lab_add_cluster(&ha_lab.lab, cluster);
    add_hosts(cluster_id, bmc);
    add_vms(cluster_id);
    ha_lab.pulse = g_timeout_add(PULSE, pulse, NULL);
    ha_lab_become_active();
    ck_assert_msg(etcdlab_run_until(ha_lab_all_ok, NULL, PATIENCE_MS), "hosts do not become ok");
    etcdlab_run_for(2000);
}

void ha_lab_begin(bool bmc)
{
    ha_lab_begin_with(bmc, true);
}

void ha_lab_end(void)
{
    g_source_remove(ha_lab.pulse);
    ctl_lab_end(&ha_lab.lab);
    etcdlab_close(&ha_lab.etcd);
    close(ha_lab.socket);
    tempdir_free(ha_lab.dir);
    g_free(ha_lab.prefix);
}

/* ---- what happens to them ----------------------------------------------------------------------
 */

void ha_lab_silence(bool beats, bool agent, bool lease)
{
    struct fake_host *host = &ha_lab.hosts[0];

    host->beats = !beats;
    host->agent = !agent;
    host->lease = !lease;
    if (agent)
        observe_link(host->id, false, "no answer", ha_lab_app());
}

void ha_lab_hear_again(void)
{
    ha_lab.hosts[0].agent = true;
    observe_link(ha_lab.hosts[0].id, true, "", ha_lab_app());
}

const Task *ha_lab_start_task(int i)
{
    const Snapshot *snap;
    const Task *found = NULL;

    inventory_publish(ha_lab_app()->inv);
    snap = inventory_peek(ha_lab_app()->inv);
    for (size_t t = 0; t < snap->n_tasks; t++) {
        if (snap->tasks[t]->type != TASK_START_VM || snap->tasks[t]->entity_id != ha_lab.vms[i])
            continue;
        ck_assert_msg(!found, "started twice");
        found = snap->tasks[t];
    }
    return found;
}

/* How HA sees it, for a failure's message. */
char *ha_lab_state_text(void)
{
    struct op_ha *ha = ha_shell_status(ha_lab_app()->ha);
    GString *state = g_string_new(ha->text);

    for (size_t i = 0; i < ha->n_vms; i++)
        g_string_append_printf(state, "; %s %s (%d): %s", ha->vms[i].name, ha->vms[i].state,
                               (int)ha->vms[i].rule, ha->vms[i].why);
    for (int i = 0; i < HA_LAB_VMS; i++)
        g_string_append_printf(state, "; %s is %s", ha_lab_vm(i)->name,
                               vm_status_name(ha_lab_vm(i)->status));
    op_ha_free(ha);
    inventory_publish(ha_lab_app()->inv);
    for (size_t i = 0; i < inventory_peek(ha_lab_app()->inv)->n_tasks; i++) {
        const Task *task = inventory_peek(ha_lab_app()->inv)->tasks[i];

        g_string_append_printf(state, "; task %s of %s is %s: %s", task_type_name(task->type),
                               task->entity_name, task_status_name(task->status),
                               task->reason_text);
    }
    return g_string_free(state, FALSE);
}

int64_t ha_lab_add_datastore(void)
{
    Commit *commit = commit_new(&ha_lab_app()->committer);
    Datastore *store = datastore_new();
    int64_t id;

    g_free(store->name);
    store->name = g_strdup("nas");
    g_free(store->storage_type);
    store->storage_type = g_strdup("NAS");
    g_free(store->path);
    store->path = g_strdup("/srv/nas");
    commit_put_datastore(commit, datastore_ref(store));
    ctl_lab_write(&ha_lab.lab, commit);
    id = store->id;
    datastore_unref(store);
    return id;
}

const Task *ha_lab_power_on_task(void)
{
    const Snapshot *snap;

    inventory_publish(ha_lab_app()->inv);
    snap = inventory_peek(ha_lab_app()->inv);
    for (size_t t = 0; t < snap->n_tasks; t++)
        if (snap->tasks[t]->type == TASK_POWER_ON_HOST &&
            snap->tasks[t]->entity_id == ha_lab.hosts[0].id)
            return snap->tasks[t];
    return NULL;
}

bool ha_lab_is_switched_on(const void *user)
{
    (void)user;
    return ha_lab_power_on_task() != NULL;
}
