/* haldlab.c - see haldlab.h. */
#include "config.h"

#include "tests/haldlab.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ha/etcd/right_etcd.h"
#include "ha/slot.h"
#include "tests/suite.h"
#include "tests/tempdir.h"

#define KEY       "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define CALL_MS   20000
#define READ_SIZE 65536

const struct haldlab_times haldlab_long = { 60000, 500, 1000 };
const struct haldlab_times haldlab_short = { 6000, 400, 1000 };

/* ---- sockets --------------------------------------------------------------------------------- */

static int udp_socket(uint16_t *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    ck_assert(bind(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    ck_assert(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static int unix_socket(const struct haldlab *lab, const char *name, int type, bool connects)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    int result;

    ck_assert(fd >= 0);
    g_snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", lab->dir, name);
    result = (connects ? connect : bind)(fd, (const struct sockaddr *)&address, sizeof address);
    if (result == 0)
        return fd;
    ck_assert_msg(connects, "bind %s", address.sun_path);
    close(fd);
    return -1;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void write_conf(const struct haldlab *lab)
{
    g_autofree char *text = g_strdup_printf(
        "[hald]\nsocket = %s/hald.sock\nstate_dir = %s/state\n"
        "life_file = %s/hald.life\nlog_level = debug\n"
        "[beat]\naddress = 127.0.0.1\nport = %u\n[watchdog]\ndevice = unix:%s/dog\n",
        lab->dir, lab->dir, lab->dir, lab->port, lab->dir);

    ck_assert(g_file_set_contents(lab->conf, text, -1, NULL));
}

void haldlab_open(struct haldlab *lab)
{
    *lab = (struct haldlab){ .host = HALDLAB_HOST, .dir = tempdir_new(), .socket = -1 };
    lab->conf = g_build_filename(lab->dir, "hald.conf", NULL);
    lab->prefix = g_path_get_basename(lab->dir); /* no case finds what another left */
    *lab->prefix = '/';
    close(udp_socket(&lab->port)); /* free now, and soon again ours */
    lab->beats = udp_socket(&lab->beats_port);
    lab->dog = unix_socket(lab, "dog", SOCK_DGRAM, false);
    lab->input = g_string_new(NULL);
    lab->etcd = etcdlab_open();
    write_conf(lab);
}

void haldlab_open_beside(struct haldlab *lab, const struct haldlab *first, int64_t host)
{
    haldlab_open(lab);
    lab->host = host;
    g_free(lab->prefix);
    lab->prefix = g_strdup(first->prefix);
}

static void be_child(gpointer user)
{
    (void)user;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static GPid spawn(char **argv)
{
    GError *error = NULL;
    GPid pid = 0;

    if (!g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, be_child, NULL, &pid, &error))
        ck_abort_msg("%s: %s", argv[0], error->message);
    return pid;
}

static void hang_up(struct haldlab *lab)
{
    if (lab->socket >= 0)
        close(lab->socket);
    lab->socket = -1;
    g_string_truncate(lab->input, 0);
}

void haldlab_start(struct haldlab *lab)
{
    const char *builddir = g_getenv("builddir");
    char *argv[] = { g_build_filename(builddir ? builddir : ".", "vrm-hald", NULL),
                     g_strdup("--config"), lab->conf, NULL };
    const int64_t end_ms = clock_now_ms() + CALL_MS;

    lab->hald = spawn(argv);
    while ((lab->socket = unix_socket(lab, "hald.sock", SOCK_STREAM, true)) < 0) {
        ck_assert_msg(clock_now_ms() < end_ms, "vrm-hald does not answer");
        etcdlab_run_for(20);
    }
    g_free(argv[0]);
    g_free(argv[1]);
}

void haldlab_signal(const struct haldlab *lab, int number)
{
    ck_assert(kill(lab->hald, number) == 0);
}

void haldlab_end(struct haldlab *lab, int number)
{
    int status = 0;

    hang_up(lab);
    haldlab_signal(lab, number);
    ck_assert(waitpid(lab->hald, &status, 0) == lab->hald);
    if (number == SIGTERM)
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
    lab->hald = 0;
}

void haldlab_close(struct haldlab *lab)
{
    if (lab->hald != 0)
        haldlab_end(lab, SIGTERM);
    etcdlab_close(&lab->etcd);
    close(lab->beats);
    close(lab->dog);
    g_string_free(lab->input, TRUE);
    g_free(lab->conf);
    g_free(lab->prefix);
    tempdir_free(lab->dir);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Lines of garbage are for the tests that want them: this one is a whole reply. */
static char *read_line(struct haldlab *lab)
{
    const int64_t end_ms = clock_now_ms() + CALL_MS;

    for (;;) {
        const char *end = memchr(lab->input->str, '\n', lab->input->len);
        g_autofree char *buffer = NULL;
        ssize_t n;

        if (end) {
            char *line = g_strndup(lab->input->str, (gsize)(end - lab->input->str));

            g_string_erase(lab->input, 0, end - lab->input->str + 1);
            return line;
        }
        ck_assert_msg(clock_now_ms() < end_ms, "no reply");
        buffer = g_malloc(READ_SIZE);
        n = recv(lab->socket, buffer, READ_SIZE, MSG_DONTWAIT);
        ck_assert_msg(n != 0, "vrm-hald hung up");
        if (n > 0)
            g_string_append_len(lab->input, buffer, n);
        else
            etcdlab_run_for(5);
    }
}

struct hald_reply haldlab_call(struct haldlab *lab, struct hald_request *request)
{
    g_autofree char *text = NULL;
    g_autoptr(GString) sent = g_string_new(NULL);
    g_autofree char *answer = NULL;
    GError *error = NULL;
    struct hald_reply reply;

    request->id = ++lab->n_ids;
    text = hald_request_format(request);
    g_string_append_printf(sent, "%s\n", text);
    ck_assert(send(lab->socket, sent->str, sent->len, MSG_NOSIGNAL) == (ssize_t)sent->len);
    answer = read_line(lab);
    ck_assert_msg(hald_reply_parse(answer, strlen(answer), &reply, &error), "%s: %s", answer,
                  error ? error->message : "");
    ck_assert_int_eq(reply.id, request->id);
    return reply;
}

void haldlab_yes(struct haldlab *lab, struct hald_request *request)
{
    struct hald_reply reply = haldlab_call(lab, request);

    ck_assert_msg(reply.ok, "%s is refused: %s", hald_op_name(request->op), reply.why);
    hald_reply_clear(&reply);
}

void haldlab_no(struct haldlab *lab, struct hald_request *request, const char *why)
{
    struct hald_reply reply = haldlab_call(lab, request);

    ck_assert_msg(!reply.ok, "%s is not refused", hald_op_name(request->op));
    ck_assert_msg(strstr(reply.why, why) != NULL, "expected \"%s\" in: %s", why, reply.why);
    hald_reply_clear(&reply);
}

struct hald_reply haldlab_status(struct haldlab *lab)
{
    struct hald_request request = { .op = HALD_STATUS };

    return haldlab_call(lab, &request);
}

struct ha_setup haldlab_setup(const struct haldlab *lab, const struct haldlab_times *times)
{
    struct ha_setup setup = {
        .epoch = 7,
        .host = lab->host,
        .etcd = g_new0(char *, 2),
        .prefix = g_strdup(lab->prefix),
        .lease_ms = times->lease_ms,
        .renew_ms = times->renew_ms,
        .kill_ms = times->kill_ms,
        .beat_ms = 200,
        .beat_key = g_strdup(KEY),
        .beat_to = g_new0(char *, 2),
        .peers = g_new0(struct ha_peer, 1),
        .n_peers = 1,
    };

    setup.etcd[0] = g_strdup(g_getenv("VRM_ETCD_URL"));
    setup.beat_to[0] = g_strdup_printf("127.0.0.1:%u", lab->beats_port);
    setup.peers[0] = (struct ha_peer){ lab->host + 1, g_strdup("127.0.0.1") };
    return setup;
}

void haldlab_add_store(struct ha_setup *setup, int32_t authority, const char *path)
{
    setup->stores = g_renew(struct ha_store, setup->stores, setup->n_stores + 1);
    setup->stores[setup->n_stores++] = (struct ha_store){ .authority = authority,
                                                          .path = g_strdup(path),
                                                          .slot = slot_of_host(setup->host),
                                                          .name = g_path_get_basename(path) };
}

void haldlab_set_up(struct haldlab *lab, struct ha_setup *setup)
{
    struct hald_request request = { .op = HALD_SETUP, .setup = *setup };

    haldlab_yes(lab, &request);
    ha_setup_clear(setup);
}

void haldlab_begin(struct haldlab *lab, const struct haldlab_times *times)
{
    struct hald_request request = { .op = HALD_SETUP, .setup = haldlab_setup(lab, times) };

    haldlab_start(lab);
    haldlab_yes(lab, &request);
    ha_setup_clear(&request.setup);
    haldlab_wait_held(lab, 0);
}

bool haldlab_lease(const struct hald_reply *reply, int32_t authority, struct hald_lease *ret_lease)
{
    for (size_t i = 0; i < reply->status.n_leases; i++)
        if (reply->status.leases[i].authority == authority) {
            *ret_lease = reply->status.leases[i];
            return true;
        }
    return false;
}

void haldlab_wait_lease(struct haldlab *lab, int32_t authority, const char *state)
{
    const int64_t end_ms = clock_now_ms() + CALL_MS;
    bool done = false;

    while (!done) {
        struct hald_reply reply = haldlab_status(lab);
        struct hald_lease lease = { 0 };
        const bool found = haldlab_lease(&reply, authority, &lease);

        done = state ? found && strcmp(lease.state, state) == 0 : !found;
        ck_assert_msg(done || clock_now_ms() < end_ms, "lease %d is %s (%s), want %s", authority,
                      found ? lease.state : "none", found ? lease.why : "", state ? state : "none");
        hald_reply_clear(&reply);
        if (!done)
            etcdlab_run_for(50);
    }
}

/* n 0: whichever. */
void haldlab_wait_held(struct haldlab *lab, uint32_t n)
{
    const int64_t end_ms = clock_now_ms() + CALL_MS;
    bool held = false;

    while (!held) {
        struct hald_reply reply = haldlab_status(lab);
        struct hald_lease lease = { 0 };
        struct ha_inc inc;

        ck_assert(haldlab_lease(&reply, HA_ETCD, &lease));
        ck_assert(right_inc_parse(lease.inc, &inc));
        held = strcmp(lease.state, "held") == 0 && (n == 0 || inc.n == n);
        ck_assert_msg(held || clock_now_ms() < end_ms, "lease %s as %s, want held as -%u",
                      lease.state, lease.inc, n);
        hald_reply_clear(&reply);
        if (!held)
            etcdlab_run_for(50);
    }
}

/* ---- rights ---------------------------------------------------------------------------------- */

struct ha_inc haldlab_inc(struct haldlab *lab)
{
    return haldlab_inc_by(lab, HA_ETCD);
}

struct ha_inc haldlab_inc_by(struct haldlab *lab, int32_t authority)
{
    struct hald_reply reply = haldlab_status(lab);
    struct hald_lease lease = { 0 };
    struct ha_inc inc = { 0 };

    ck_assert(haldlab_lease(&reply, authority, &lease));
    ck_assert(right_inc_parse(lease.inc, &inc));
    hald_reply_clear(&reply);
    return inc;
}

static char *vm_key(const struct haldlab *lab, int64_t vm)
{
    return g_strdup_printf("%s/ha/vm/%" G_GINT64_FORMAT, lab->prefix, vm);
}

char *haldlab_fence_key(const struct haldlab *lab, struct ha_inc inc)
{
    g_autofree char *text = right_inc_format(inc);

    return g_strdup_printf("%s/ha/fence/%" G_GINT64_FORMAT "/1/%s", lab->prefix, lab->host, text);
}

char *haldlab_give(struct haldlab *lab, int64_t vm)
{
    return haldlab_give_by(lab, vm, HA_ETCD);
}

char *haldlab_give_by(struct haldlab *lab, int64_t vm, int32_t authority)
{
    const struct ha_owner owner = { lab->host, authority, haldlab_inc_by(lab, authority) };
    struct ha_vm_seen seen = { .vm = vm,
                               .right = { .gen = 1, .n_owners = 1, .owners = { owner } } };
    const struct ha_record record = { .vm = seen.right };
    g_autofree char *key = vm_key(lab, vm);
    g_autofree char *value = right_value_format(HA_KEY_VM, &record);
    EtcdTxn *txn = etcd_txn_new();
    struct etcdlab_outcome outcome;

    etcd_txn_put(txn, key, value, 0);
    outcome = etcdlab_commit(&lab->etcd, txn);
    ck_assert(outcome.succeeded);
    seen.version = outcome.revision;
    etcdlab_outcome_clear(&outcome);
    return right_token_format(&seen);
}

struct ha_vm_right haldlab_right(struct haldlab *lab, int64_t vm)
{
    g_autofree char *key = vm_key(lab, vm);
    struct etcdlab_outcome outcome = etcdlab_read(&lab->etcd, key);
    struct ha_record record = { 0 };

    ck_assert_uint_eq(outcome.n_kvs, 1);
    ck_assert(right_value_parse(HA_KEY_VM, outcome.value, &record, NULL));
    etcdlab_outcome_clear(&outcome);
    return record.vm;
}

struct ha_lease_record haldlab_record(struct haldlab *lab)
{
    const struct ha_key key = { .kind = HA_KEY_LEASE, .authority = HA_ETCD, .id = lab->host };
    g_autofree char *text = right_key_format(lab->prefix, &key);
    struct etcdlab_outcome outcome = etcdlab_read(&lab->etcd, text);
    struct ha_record record = { 0 };

    ck_assert_uint_eq(outcome.n_kvs, 1);
    ck_assert(right_value_parse(HA_KEY_LEASE, outcome.value, &record, NULL));
    etcdlab_outcome_clear(&outcome);
    return record.lease;
}

/* ---- guests ---------------------------------------------------------------------------------- */

const char *haldlab_uuid(unsigned n)
{
    static char *uuids[10];

    g_assert(n < G_N_ELEMENTS(uuids));
    if (!uuids[n])
        uuids[n] = g_uuid_string_random();
    return uuids[n];
}

GPid haldlab_guest(const char *uuid)
{
    char *argv[] = { g_file_read_link("/proc/self/exe", NULL), g_strdup("--guest"),
                     g_strdup("-uuid"), g_strdup(uuid), NULL };
    const GPid pid = spawn(argv);

    for (unsigned i = 0; argv[i]; i++)
        g_free(argv[i]);
    return pid;
}

bool haldlab_lives(GPid guest)
{
    siginfo_t info = { 0 };

    ck_assert(waitid(P_PID, (id_t)guest, &info, WEXITED | WNOHANG | WNOWAIT) == 0);
    return info.si_pid == 0;
}

bool haldlab_dies(GPid guest, int64_t patience_ms)
{
    const int64_t end_ms = clock_now_ms() + patience_ms;

    while (haldlab_lives(guest)) {
        if (clock_now_ms() >= end_ms)
            return false;
        etcdlab_run_for(20);
    }
    return waitpid(guest, NULL, 0) == guest;
}

void haldlab_kill(GPid guest)
{
    kill(guest, SIGKILL);
    waitpid(guest, NULL, 0);
}

GPid haldlab_run_vm(struct haldlab *lab, int64_t vm, const char *uuid)
{
    return haldlab_run_vm_by(lab, vm, HA_ETCD, uuid);
}

GPid haldlab_run_vm_by(struct haldlab *lab, int64_t vm, int32_t authority, const char *uuid)
{
    g_autofree char *right = haldlab_give_by(lab, vm, authority);
    struct hald_request ask = {
        .op = HALD_ASK, .vm = vm, .uuid = (char *)(uintptr_t)uuid, .right = right
    };
    struct hald_request may_run = { .op = HALD_MAY_RUN, .vm = vm };
    GPid guest;

    haldlab_yes(lab, &ask);
    guest = haldlab_guest(uuid);
    haldlab_yes(lab, &may_run);
    return guest;
}

bool haldlab_is_guest(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--guest") != 0)
        return false;
    for (;;)
        pause();
}

/* ---- the watchdog ---------------------------------------------------------------------------- */

void haldlab_read_dog(struct haldlab *lab)
{
    char text[64];
    ssize_t n;

    while ((n = recv(lab->dog, text, sizeof text - 1, MSG_DONTWAIT)) > 0) {
        text[n] = '\0';
        lab->petted_ms = clock_now_ms();
        lab->dog_ms = 0;
        if (g_str_has_prefix(text, "arm "))
            lab->dog_ms = g_ascii_strtoll(text + strlen("arm "), NULL, 10);
        else
            ck_assert_str_eq(text, "disarm");
    }
}
