/* it_ctl_ha_vm.c - HA's shell over a real PostgreSQL and a real etcd: what it makes of single VMs
 * and datastores while all hosts live, and right after a take-over. */
#include "config.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

#include "agentproto/ha_plan.h"
#include "base/json.h"
#include "controller/agents.h"
#include "controller/alarm.h"
#include "controller/observe.h"
#include "controller/plan_publish.h"
#include "ha/slot.h"
#include "tests/ha_lab.h"
#include "tests/suite.h"
#include "tests/testcerts.h"

/* ---- stops ------------------------------------------------------------------------------------
 */

static void put_right(int i, const char *rest)
{
    g_autofree char *key = g_strdup_printf("vm/%" G_GINT64_FORMAT, ha_lab.vms[i]);
    g_autofree char *value = g_strdup_printf("{\"gen\":1,%s}", rest);

    ha_lab_put(key, value);
}

/* The right of the first host's life under one authority. */
static void put_owner(int i, bool claimed, int authority)
{
    g_autofree char *rest =
        g_strdup_printf("\"claimed\":%s,\"owners\":[{\"host\":%" G_GINT64_FORMAT
                        ",\"authority\":%d,\"inc\":\"00000000000000aa-1\"}]",
                        claimed ? "true" : "false", ha_lab.hosts[0].id, authority);

    put_right(i, rest);
}

static bool is_ready(const void *user)
{
    (void)user;
    return ha_shell_is_ready(ha_lab_app()->ha);
}

static const struct {
    bool is_owned; /* never claimed; else nobody owns it */
    bool take_over;
} stops[] = {
    { false, false },
    { true, false },
    { false, true },
    { true, true },
};

/* Its record knows less than its host: it is taken in later. */
START_TEST(a_vm_that_its_host_reports_running_is_not_stopped_before_its_host_stopped_it)
{
    struct op *op;
    struct op_result result;

    ha_lab_begin(false);
    if (stops[_i].is_owned)
        put_owner(0, false, HA_ETCD);
    else
        put_right(0, "\"claimed\":false,\"owners\":[]");
    etcdlab_run_for(1000);
    if (stops[_i].take_over) {
        ha_lab.hosts[0].agent = false;
        ha_lab_take_over();
        ck_assert(etcdlab_run_until(is_ready, NULL, PATIENCE_MS));
    }
    op = ctl_lab_op(OP_VM_STOP, ha_lab.vms[0]);
    op->force = true;
    result = ctl_lab_must(&ha_lab.lab, op);
    op_result_clear(&result);
    etcdlab_run_for(1500);
    ck_assert_str_eq(vm_status_name(ha_lab_vm(0)->status), vm_status_name(VM_STOPPING));
    ha_lab_hear_again();
    etcdlab_run_for(3000);
    ck_assert_str_eq(vm_status_name(ha_lab_vm(0)->status), vm_status_name(VM_STOPPING));
    ha_lab_end();
}
END_TEST

/* ---- ends -------------------------------------------------------------------------------------
 */

static void set_fault_process(int i, const char *word)
{
    Vm *vm = vm_dup(ha_lab_vm(i));
    Commit *commit = commit_new(&ha_lab_app()->committer);

    g_free(vm->fault_process);
    vm->fault_process = g_strdup(word);
    commit_put_vm(commit, vm);
    ctl_lab_write(&ha_lab.lab, commit);
}

static bool has_ended(const void *user)
{
    (void)user;
    return ha_lab_vm(0)->status == VM_STOPPED || ha_lab_vm(0)->status == VM_FAULT_RESUMING;
}

/* What it lives by was registered, and nobody reads the datastore. */
START_TEST(a_slot_that_nobody_reads_does_not_make_a_vms_end_its_hosts_failure)
{
    g_autofree char *lease = NULL;

    ha_lab_begin(false);
    lease = g_strdup_printf("lease/%" G_GINT64_FORMAT "/%d", ha_lab.hosts[0].id, HA_STORAGE + 4);
    ha_lab_put(lease, "{\"inc\":\"00000000000000aa-1\",\"seq\":1}");
    put_owner(0, true, HA_STORAGE + 4);
    set_fault_process(0, "notprocess");
    etcdlab_run_for(9500);
    ha_lab.ended[0] = true;
    ck_assert(etcdlab_run_until(has_ended, NULL, PATIENCE_MS));
    ck_assert_msg(ha_lab_vm(0)->status == VM_STOPPED, "%s", ha_lab_state_text());
    ha_lab_end();
}
END_TEST

/* ---- resets -----------------------------------------------------------------------------------
 */

/* The first host's agent: it says hello, and each command fails once and for all, as by its id. */
static struct {
    struct MHD_Daemon *daemon;
    struct testcerts certs;
    char *hello;
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool stop;       /* under lock */
    GHashTable *ids; /* of commands; under lock */
} agent = { .lock = PTHREAD_MUTEX_INITIALIZER, .stopped = PTHREAD_COND_INITIALIZER };

static ssize_t stream_hello(void *user, uint64_t pos, char *buf, size_t max)
{
    const size_t len = strlen(agent.hello);
    const size_t n = pos < len ? MIN(len - pos, max) : 0;

    (void)user;
    memcpy(buf, agent.hello + (n > 0 ? pos : 0), n);
    if (n > 0)
        return (ssize_t)n;
    pthread_mutex_lock(&agent.lock);
    while (!agent.stop)
        pthread_cond_wait(&agent.stopped, &agent.lock);
    pthread_mutex_unlock(&agent.lock);
    return MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *refuse_command(const char *body)
{
    g_autoptr(json_t) json = json_parse(body, strlen(body), NULL);
    const char *id = json_string_value(json_object_get(json, "id"));
    g_autofree char *text =
        g_strdup_printf("{\"v\":1,\"id\":\"%s\",\"verb\":\"stop\",\"vm_uuid\":\"%s\",\"state\":"
                        "\"failed\",\"progress\":100,\"code\":\"timeout\",\"reason\":0,"
                        "\"error\":\"libvirtd does not answer\"}",
                        id, json_string_value(json_object_get(json, "vm_uuid")));

    pthread_mutex_lock(&agent.lock);
    (void)g_hash_table_add(agent.ids, g_strdup(id));
    pthread_mutex_unlock(&agent.lock);
    return MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd's signature */
static enum MHD_Result request_came(void *user, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *data,
                                    size_t *data_len, void **state)
{
    GString *body = *state;
    struct MHD_Response *response;
    enum MHD_Result result;

    (void)user, (void)version;
    if (!body || *data_len > 0) {
        *state = body = body ? body : g_string_new(NULL);
        g_string_append_len(body, data, (gssize)*data_len);
        *data_len = 0;
        return MHD_YES;
    }
    if (g_str_equal(url, "/v1/commands"))
        response = refuse_command(body->str);
    else if (g_str_equal(method, "GET"))
        response =
            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, stream_hello, NULL, NULL);
    else
        response = MHD_create_response_from_buffer(2, (char[]){ "{}" }, MHD_RESPMEM_MUST_COPY);
    result = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return result;
}

static void request_over(void *user, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how)
{
    (void)user, (void)connection, (void)how;
    if (*state)
        (void)g_string_free(*state, TRUE);
    *state = NULL;
}

static char *hello_line(void)
{
    static char none[] = "", word[] = "x", uuid[] = "11111111-1111-4111-8111-111111111111";
    const struct watch_line line = { .kind = WATCH_HELLO,
                                     .hello = { .protocol = AGENT_PROTOCOL_VERSION,
                                                .agent_version = word,
                                                .name = word,
                                                .uuid = uuid,
                                                .real_name = none,
                                                .vendor = none,
                                                .model = none,
                                                .cpu_model = none,
                                                .hypervisor = none,
                                                .boot_id = word,
                                                .migrate_address = none,
                                                .mem_mb = 16384,
                                                .cpu_threads = 8,
                                                .cpu_mhz = 2000,
                                                .ha = true,
                                                .ha_address = none,
                                                .epoch = 1 } };
    g_autoptr(json_t) json = watch_line_encode(&line);
    g_autofree char *text = json_format(json);

    return g_strconcat(text, "\n", NULL);
}

static unsigned agent_start(void)
{
    const struct sockaddr_in address = { .sin_family = AF_INET,
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    g_autofree char *cert = NULL, *key = NULL;

    testcerts_make(&agent.certs);
    agent.hello = hello_line();
    agent.ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ck_assert(g_file_get_contents(agent.certs.server_cert, &cert, NULL, NULL));
    ck_assert(g_file_get_contents(agent.certs.server_key, &key, NULL, NULL));
    agent.daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL,
        NULL, request_came, NULL, MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)&address,
        MHD_OPTION_NOTIFY_COMPLETED, request_over, NULL, MHD_OPTION_HTTPS_MEM_CERT, cert,
        MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_END);
    ck_assert_ptr_nonnull(agent.daemon);
    return MHD_get_daemon_info(agent.daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

static void agent_stop(void)
{
    pthread_mutex_lock(&agent.lock);
    agent.stop = true;
    pthread_cond_broadcast(&agent.stopped);
    pthread_mutex_unlock(&agent.lock);
    MHD_stop_daemon(agent.daemon);
    g_hash_table_unref(agent.ids);
    g_free(agent.hello);
    testcerts_clear(&agent.certs);
}

static unsigned n_commands(void)
{
    unsigned n;

    pthread_mutex_lock(&agent.lock);
    n = g_hash_table_size(agent.ids);
    pthread_mutex_unlock(&agent.lock);
    return n;
}

static bool is_over(const void *user)
{
    (void)user;
    return !ha_shell_is_ending(ha_lab_app()->ha, ha_lab.vms[0]);
}

static bool is_linked(const void *user)
{
    (void)user;
    return agents_connected(ha_lab_app()->agents, ha_lab.hosts[0].id);
}

static int64_t epoch_now(void *user)
{
    const struct app *app = user;

    return app->committer.epoch(app->committer.user);
}

/* That of the lab leads nowhere. */
static HttpClient *link_host(unsigned port)
{
    HttpClient *http = http_client_new(&(struct http_tls){ .ca_file = agent.certs.ca });
    struct app *app = ha_lab_app();

    agents_free(app->agents);
    app->agents = agents_new(&(struct agents_options){ .http = http,
                                                       .epoch = epoch_now,
                                                       .on_hello = observe_hello,
                                                       .on_line = observe_line,
                                                       .on_link = observe_link,
                                                       .user = app });
    agents_set_host(app->agents, ha_lab.hosts[0].id, "cna11", "127.0.0.1", port);
    return http;
}

START_TEST(a_hanging_guests_reset_that_failed_is_a_command_of_its_own_when_tried_again)
{
    const unsigned port = agent_start();
    HttpClient *http;

    ha_lab_begin(false);
    http = link_host(port);
    ck_assert(etcdlab_run_until(is_linked, NULL, PATIENCE_MS));
    for (unsigned i = 1; i <= 3; i++) {
        ha_shell_end_guest(ha_lab_app()->ha, ha_lab_vm(0), "its guest hung");
        ck_assert(!is_over(NULL));
        ck_assert(etcdlab_run_until(is_over, NULL, PATIENCE_MS));
        ck_assert_uint_eq(n_commands(), i); /* the agent runs each id once */
        (void)ctl_lab_settle(&ha_lab.lab);
    }
    agents_reset(ha_lab_app()->agents);
    agent_stop();
    ha_lab_end();
    http_client_free(http);
}
END_TEST

/* ---- alarms -----------------------------------------------------------------------------------
 */

/* Of whom the alarm with this number is active. */
static char *alarmed(const char *number)
{
    g_autofree char *query =
        g_strdup_printf("SELECT coalesce(string_agg(object_id::text, ',' ORDER BY object_id), '') "
                        "FROM alarm WHERE number = '%s' AND clear_ms = 0",
                        number);

    return ctl_lab_ask(&ha_lab.lab, query);
}

static bool is_lost_alarm_over(const void *user)
{
    g_autofree char *of = alarmed("15.7000018");

    (void)user;
    return !*of;
}

START_TEST(a_lost_datastores_alarm_from_before_a_take_over_ends_once_nothing_is_lost)
{
    ha_lab_begin(false);
    alarm_raise(ha_lab_app(), ALARM_HA_STORE_LOST, OBJECT_HOST, ha_lab.hosts[0].id, "it is lost");
    ha_lab_take_over();
    etcdlab_run_for(5000);
    ck_assert(!is_lost_alarm_over(NULL)); /* nobody can know yet */
    ck_assert(etcdlab_run_until(is_lost_alarm_over, NULL, 40000));
    ha_lab_end();
}
END_TEST

static void stop_now(int i)
{
    Vm *vm = vm_dup(ha_lab_vm(i));
    Commit *commit = commit_new(&ha_lab_app()->committer);

    ha_lab.ended[i] = true;
    vm->status = VM_STOPPED;
    commit_run_vm(commit, vm);
    ctl_lab_write(&ha_lab.lab, commit);
}

static bool hangs_only(const void *user)
{
    g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, *(const int64_t *)user);
    g_autofree char *of = alarmed("15.7000019");

    return g_str_equal(of, id);
}

START_TEST(a_hanging_guests_alarm_ends_when_its_vm_is_stopped)
{
    g_autofree char *both = NULL;

    ha_lab_begin(false);
    for (int i = 0; i < HA_LAB_VMS; i++)
        alarm_raise(ha_lab_app(), ALARM_VM_HUNG, OBJECT_VM, ha_lab.vms[i], "it hangs");
    etcdlab_run_for(7000);
    both = alarmed("15.7000019");
    ck_assert_ptr_nonnull(strchr(both, ',')); /* both run, and nobody says that they are well */
    stop_now(0);
    ck_assert(etcdlab_run_until(hangs_only, &ha_lab.vms[1], PATIENCE_MS));
    ha_lab_end();
}
END_TEST

/* ---- the plan ---------------------------------------------------------------------------------
 */

static int64_t add_disk(int i)
{
    const int64_t store = ha_lab_add_datastore();
    Commit *commit = commit_new(&ha_lab_app()->committer);
    Vm *vm = vm_dup(ha_lab_vm(i));
    struct vm_disk *disk = vm_add_disk(vm);

    disk->sequence = 1;
    disk->size_gb = 1;
    disk->datastore_id = store;
    g_free(disk->path);
    disk->path = g_strdup("/srv/nas/1.img");
    commit_put_vm(commit, vm);
    ctl_lab_write(&ha_lab.lab, commit);
    return store;
}

static bool is_published(const void *user)
{
    (void)user;
    return plan_publish_is_current(ha_lab_app()->plan);
}

START_TEST(a_published_plan_names_what_should_protect_each_vm)
{
    g_autofree char *key = NULL;
    struct etcdlab_outcome outcome;
    struct ha_plan_host plan;
    GError *error = NULL;
    int64_t store;

    ha_lab_begin(false);
    store = add_disk(0);
    plan_publish_start(ha_lab_app()->plan);
    ck_assert(etcdlab_run_until(is_published, NULL, PATIENCE_MS));
    key = ha_plan_key(ha_lab.prefix, HA_PLAN_HOST, ha_lab.hosts[0].id);
    outcome = etcdlab_read(&ha_lab.etcd, key);
    ck_assert_ptr_nonnull(outcome.value);
    ck_assert(ha_plan_host_parse(outcome.value, strlen(outcome.value), &plan, &error));
    suite_no_error(error);
    ck_assert_uint_eq(plan.n_rows, HA_LAB_VMS);
    for (size_t i = 0; i < plan.n_rows; i++)
        ck_assert_int_eq(plan.rows[i].authority,
                         plan.rows[i].vm == ha_lab.vms[0] ? slot_authority(store) : HA_ETCD);
    ha_plan_host_clear(&plan);
    etcdlab_outcome_clear(&outcome);
    ha_lab_end();
}
END_TEST

SUITE_MAIN("it_ctl_ha_vm",
           SUITE_LOOP(a_vm_that_its_host_reports_running_is_not_stopped_before_its_host_stopped_it,
                      stops),
           SUITE_TEST(a_slot_that_nobody_reads_does_not_make_a_vms_end_its_hosts_failure),
           SUITE_TEST(a_hanging_guests_reset_that_failed_is_a_command_of_its_own_when_tried_again),
           SUITE_TEST(a_lost_datastores_alarm_from_before_a_take_over_ends_once_nothing_is_lost),
           SUITE_TEST(a_hanging_guests_alarm_ends_when_its_vm_is_stopped),
           SUITE_TEST(a_published_plan_names_what_should_protect_each_vm))
