/* vrmdlab.c - see vrmdlab.h. */
#include "config.h"

#include "tests/vrmdlab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "tests/it_db.h"
#include "tests/tempdir.h"
#include "tests/testcerts.h"

#define MAX_VRMD      2
#define STOP_LIMIT_MS 20000
#define ETCD_TTL_S    2

struct VrmdLab {
    char *dir, *conninfo, *prefix;
    const char *builddir, *etcd_url;
    struct testcerts certs;
    unsigned n_vrmd;
    bool ha;
    uint16_t api_ports[MAX_VRMD], host_ports[VRMDLAB_HOSTS];
    uint16_t beat_ports[MAX_VRMD], hald_ports[VRMDLAB_HOSTS];
    pid_t vrmd[MAX_VRMD], hosts[VRMDLAB_HOSTS], halds[VRMDLAB_HOSTS]; /* 0: does not run */
    char *urls[MAX_VRMD + 1];
    Rest *rest; /* health and etcd */
};

void vrmdlab_pause_ms(int64_t ms)
{
    (void)poll(NULL, 0, (int)ms);
}

static const char *need_env(const char *name)
{
    const char *value = g_getenv(name);

    ck_assert_msg(value != NULL, "%s is not set: run tests/it_vrmd.sh", name);
    return value;
}

/* ---- files ------------------------------------------------------------------------------------
 */

/* Below the ports that outgoing connections take: a controller must get its own again. */
static uint16_t free_port(void)
{
    static unsigned n_tried;
    uint16_t port = 0;
    int fd, rc = -1;

    while (rc < 0) {
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

        port = (uint16_t)(11000 + ((unsigned)getpid() * 11 + n_tried++) % 8000);
        address.sin_port = htons(port);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
        close(fd);
        ck_assert_uint_lt(n_tried, 8000);
    }
    return port;
}

static void write_file(const char *dir, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    GError *error = NULL;

    (void)g_file_set_contents(path, text, -1, &error);
    suite_no_error(error);
}

static char *beat_targets(const VrmdLab *lab)
{
    GString *text = g_string_new(NULL);

    for (unsigned n = 0; n < lab->n_vrmd; n++)
        g_string_append_printf(text, "%s127.0.0.1:%u", n ? "," : "", lab->beat_ports[n]);
    return g_string_free(text, FALSE);
}

static void configure_vrmd(VrmdLab *lab, unsigned n)
{
    g_autofree char *beat_to = beat_targets(lab);
    g_autofree char *name = g_strdup_printf("vrmd%u.conf", n);
    g_autofree char *text = g_strdup_printf(
        "[controller]\nname = ctl%u\nstate_dir = %s/state%u\n"
        "[api]\nlisten = 127.0.0.1\nport = %u\ntls = false\nurl = %s\n"
        "admin_password_file = %s/password\n"
        "[database]\nconninfo = %s\nstatement_timeout_ms = 3000\n"
        "[etcd]\nendpoints = %s\nprefix = %s\nttl_s = %d\n"
        "[agents]\nca_file = %s\ncert_file = %s\nkey_file = %s\nsilence_limit_s = 10\n"
        "[drs]\ninterval_s = 2\nwindow_s = 30\nmin_samples = 1\ncooldown_s = 2\nmax_age_s = 20\n"
        "[migration]\ntimeout_s = 30\n"
        "[ha]\nenabled = %s\nbeat_listen = 127.0.0.1\nbeat_port = %u\nbeat_to = %s\n",
        n, lab->dir, n, lab->api_ports[n], lab->urls[n], lab->dir, lab->conninfo, lab->etcd_url,
        lab->prefix, ETCD_TTL_S, lab->certs.ca, lab->certs.client_cert, lab->certs.client_key,
        lab->ha ? "true" : "false", lab->beat_ports[n], beat_to);

    write_file(lab->dir, name, text);
}

static void configure_host(VrmdLab *lab, unsigned host)
{
    g_autofree char *name = g_strdup_printf("host%u.conf", host);
    g_autofree char *socket = g_strdup_printf("%s/hald%u.sock", lab->dir, host);
    g_autofree char *text = g_strdup_printf(
        "[agent]\nname = cna%u\nlisten = 127.0.0.1\nport = %u\nstate_dir = %s/agent%u\n"
        "stats_interval_ms = 500\n"
        "[tls]\nca_file = %s\ncert_file = %s\nkey_file = %s\n"
        "[libvirt]\nuri = %s/fleet\n[ha]\nsocket = %s\n",
        host, lab->host_ports[host], lab->dir, host, lab->certs.ca, lab->certs.server_cert,
        lab->certs.server_key, lab->dir, lab->ha ? socket : "");

    write_file(lab->dir, name, text);
}

/* All of one machine: nothing is locked in memory, and nothing resets it. */
static void configure_hald(VrmdLab *lab, unsigned host)
{
    g_autofree char *name = g_strdup_printf("hald%u.conf", host);
    g_autofree char *text = g_strdup_printf(
        "[hald]\nsocket = %s/hald%u.sock\nstate_dir = %s/hald%u\nlife_file = %s/hald%u.life\n"
        "lock_memory = false\nreal_time = false\n"
        "[beat]\naddress = 127.0.0.1\nport = %u\n[watchdog]\ndevice = none\n",
        lab->dir, host, lab->dir, host, lab->dir, host, lab->hald_ports[host]);

    write_file(lab->dir, name, text);
}

/* ---- processes --------------------------------------------------------------------------------
 */

/* Ends with us; its output goes to a file. */
static pid_t spawn(const VrmdLab *lab, const char *log, char *const argv[])
{
    g_autofree char *path = g_build_filename(lab->dir, log, NULL);
    pid_t parent = getpid(), pid;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
            _exit(126);
        (void)execv(argv[0], argv);
        _exit(127);
    }
    close(fd);
    return pid;
}

static void kill_process(pid_t *pid)
{
    if (*pid == 0)
        return;
    (void)kill(*pid, SIGKILL);
    (void)waitpid(*pid, NULL, 0);
    *pid = 0;
}

void vrmdlab_start(VrmdLab *lab, unsigned n)
{
    g_autofree char *program = g_build_filename(lab->builddir, "vrmd", NULL);
    g_autofree char *config = g_strdup_printf("%s/vrmd%u.conf", lab->dir, n);
    g_autofree char *log = g_strdup_printf("vrmd%u.log", n);
    char option[] = "--config";
    char *argv[] = { program, option, config, NULL };

    ck_assert_int_eq(lab->vrmd[n], 0);
    lab->vrmd[n] = spawn(lab, log, argv);
}

void vrmdlab_start_host(VrmdLab *lab, unsigned host)
{
    g_autofree char *program = g_build_filename(lab->builddir, "tests", "fleet_host", NULL);
    g_autofree char *config = g_strdup_printf("%s/host%u.conf", lab->dir, host);
    g_autofree char *log = g_strdup_printf("host%u.log", host);
    char *argv[] = { program, config, NULL };

    lab->hosts[host] = spawn(lab, log, argv);
}

void vrmdlab_start_hald(VrmdLab *lab, unsigned host)
{
    g_autofree char *program = g_build_filename(lab->builddir, "vrm-hald", NULL);
    g_autofree char *config = g_strdup_printf("%s/hald%u.conf", lab->dir, host);
    g_autofree char *log = g_strdup_printf("hald%u.log", host);
    char option[] = "--config";
    char *argv[] = { program, option, config, NULL };

    lab->halds[host] = spawn(lab, log, argv);
}

void vrmdlab_kill_hald(VrmdLab *lab, unsigned host)
{
    kill_process(&lab->halds[host]);
}

void vrmdlab_set_ha(VrmdLab *lab, unsigned n, bool on)
{
    lab->ha = on;
    configure_vrmd(lab, n);
}

void vrmdlab_kill_host(VrmdLab *lab, unsigned host)
{
    kill_process(&lab->hosts[host]);
}

void vrmdlab_signal(VrmdLab *lab, unsigned n, int signal)
{
    ck_assert_int_eq(kill(lab->vrmd[n], signal), 0);
}

bool vrmdlab_runs(VrmdLab *lab, unsigned n)
{
    int status;

    if (lab->vrmd[n] == 0 || waitpid(lab->vrmd[n], &status, WNOHANG) != 0) {
        lab->vrmd[n] = 0;
        return false;
    }
    return true;
}

void vrmdlab_kill(VrmdLab *lab, unsigned n, bool lapse)
{
    ck_assert_msg(vrmdlab_runs(lab, n), "vrmd%u ended by itself, see %s/vrmd%u.log", n, lab->dir,
                  n);
    kill_process(&lab->vrmd[n]);
    if (lapse)
        vrmdlab_lapse(lab, n);
}

int vrmdlab_stop(VrmdLab *lab, unsigned n)
{
    int64_t until_ms = clock_now_ms() + STOP_LIMIT_MS;
    pid_t pid = lab->vrmd[n];
    int status = 0;

    vrmdlab_signal(lab, n, SIGTERM);
    lab->vrmd[n] = 0;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (clock_now_ms() > until_ms) {
            kill_process(&pid);
            return -1;
        }
        vrmdlab_pause_ms(20);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- etcd -------------------------------------------------------------------------------------
 */

static char *base64(const char *text)
{
    return g_base64_encode((const unsigned char *)text, strlen(text));
}

static json_t *etcd_call(VrmdLab *lab, const char *path, const char *body)
{
    g_autofree char *url = g_strconcat(lab->etcd_url, path, NULL);
    g_autofree char *text = NULL;
    int status;

    text = rest_raw(lab->rest, "POST", url, body, &status);
    return text ? json_loads(text, 0, NULL) : NULL;
}

char *vrmdlab_etcd(VrmdLab *lab, const char *key)
{
    g_autofree char *full = g_strconcat(lab->prefix, key, NULL);
    g_autofree char *key64 = base64(full);
    g_autofree char *body = g_strdup_printf("{\"key\":\"%s\"}", key64);
    json_t *json = etcd_call(lab, "/v3/kv/range", body);
    const json_t *kv = json_array_get(json_object_get(json, "kvs"), 0);
    gsize len = 0;
    char *value = kv ? (char *)g_base64_decode(rest_text(kv, "value"), &len) : NULL;

    value = g_realloc(value, len + 1);
    value[len] = '\0';
    json_decref(json);
    return value;
}

void vrmdlab_etcd_put(VrmdLab *lab, const char *key, const char *value)
{
    g_autofree char *full = g_strconcat(lab->prefix, key, NULL);
    g_autofree char *key64 = base64(full), *value64 = base64(value);
    g_autofree char *body = g_strdup_printf("{\"key\":\"%s\",\"value\":\"%s\"}", key64, value64);

    json_decref(etcd_call(lab, "/v3/kv/put", body));
}

/* The leader's lease if it is ctlN's; "" otherwise. */
static char *lease_of(VrmdLab *lab, unsigned n)
{
    g_autofree char *key = g_strconcat(lab->prefix, "/leader", NULL);
    g_autofree char *key64 = base64(key);
    g_autofree char *body = g_strdup_printf("{\"key\":\"%s\"}", key64);
    g_autofree char *name = g_strdup_printf("\"ctl%u\"", n);
    json_t *json = etcd_call(lab, "/v3/kv/range", body);
    const json_t *kv = json_array_get(json_object_get(json, "kvs"), 0);
    g_autofree char *value = NULL;
    char *lease;
    gsize len;

    value = (char *)g_base64_decode(rest_text(kv, "value"), &len);
    value = g_realloc(value, len + 1);
    value[len] = '\0';
    lease = g_strdup(strstr(value, name) ? rest_text(kv, "lease") : "");
    json_decref(json);
    return lease;
}

void vrmdlab_lapse(VrmdLab *lab, unsigned n)
{
    g_autofree char *lease = lease_of(lab, n);
    g_autofree char *body = g_strdup_printf("{\"ID\":\"%s\"}", lease);

    if (*lease)
        json_decref(etcd_call(lab, "/v3/lease/revoke", body));
}

/* ---- questions --------------------------------------------------------------------------------
 */

int vrmdlab_active(VrmdLab *lab)
{
    for (unsigned n = 0; n < lab->n_vrmd; n++) {
        g_autofree char *url = g_strconcat(lab->urls[n], "/healthz/active", NULL);
        int status = 0;

        if (lab->vrmd[n])
            g_free(rest_raw(lab->rest, "GET", url, NULL, &status));
        if (status == 200)
            return (int)n;
    }
    return -1;
}

unsigned vrmdlab_wait_active(VrmdLab *lab, int64_t patience_ms)
{
    int64_t until_ms = clock_now_ms() + patience_ms;
    int active;

    while ((active = vrmdlab_active(lab)) < 0) {
        ck_assert_msg(clock_now_ms() < until_ms,
                      "no controller became active within %" PRId64 " ms, see %s", patience_ms,
                      lab->dir);
        vrmdlab_pause_ms(10);
    }
    return (unsigned)active;
}

const char *const *vrmdlab_urls(const VrmdLab *lab)
{
    return (const char *const *)lab->urls;
}

const char *vrmdlab_conninfo(const VrmdLab *lab)
{
    return lab->conninfo;
}

const char *vrmdlab_dir(const VrmdLab *lab)
{
    return lab->dir;
}

uint16_t vrmdlab_host_port(const VrmdLab *lab, unsigned host)
{
    return lab->host_ports[host];
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *vrmdlab_fleet(const VrmdLab *lab)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < VRMDLAB_HOSTS; i++) {
        g_autofree char *path = g_strdup_printf("%s/fleet/cna%u", lab->dir, i);
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        const char *name;

        while (dir && (name = g_dir_read_name(dir))) {
            if (g_uuid_string_is_valid(name))
                g_ptr_array_add(lines, g_strdup_printf("cna%u %s\n", i, name));
        }
    }
    g_ptr_array_sort(lines, compare_text);
    for (guint i = 0; i < lines->len; i++)
        g_string_append(text, lines->pdata[i]);
    return g_string_free(text, FALSE);
}

char *vrmdlab_fleet_file(const VrmdLab *lab, const char *name)
{
    g_autofree char *path = g_build_filename(lab->dir, "fleet", name, NULL);
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? text : g_strdup("");
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void start_hosts(VrmdLab *lab)
{
    for (unsigned i = 0; i < VRMDLAB_HOSTS; i++) {
        lab->host_ports[i] = free_port();
        lab->hald_ports[i] = free_port();
        configure_host(lab, i);
        configure_hald(lab, i);
        if (lab->ha)
            vrmdlab_start_hald(lab, i);
        vrmdlab_start_host(lab, i);
    }
}

static VrmdLab *make_lab(unsigned n_vrmd, bool ha)
{
    VrmdLab *lab = g_new0(VrmdLab, 1);
    g_autofree char *tag = rng_secret_hex(8);

    ck_assert_uint_le(n_vrmd, MAX_VRMD);
    lab->ha = ha;
    lab->builddir = need_env("builddir");
    lab->etcd_url = need_env("VRM_ETCD_URL");
    lab->dir = g_dir_make_tmp("vrm-vrmd-XXXXXX", NULL);
    lab->conninfo = scratch_conninfo();
    lab->prefix = g_strconcat("/lab-", tag, NULL);
    lab->n_vrmd = n_vrmd;
    testcerts_make(&lab->certs);
    write_file(lab->dir, "password", REST_PASSWORD "\n");
    for (unsigned n = 0; n < n_vrmd; n++)
        lab->beat_ports[n] = free_port();
    for (unsigned n = 0; n < n_vrmd; n++) {
        lab->api_ports[n] = free_port();
        lab->urls[n] = g_strdup_printf("http://127.0.0.1:%u", lab->api_ports[n]);
        configure_vrmd(lab, n);
    }
    start_hosts(lab);
    lab->rest = rest_new(vrmdlab_urls(lab));
    return lab;
}

VrmdLab *vrmdlab_new(unsigned n_vrmd)
{
    return make_lab(n_vrmd, false);
}

VrmdLab *vrmdlab_new_ha(unsigned n_vrmd)
{
    return make_lab(n_vrmd, true);
}

void vrmdlab_free(VrmdLab *lab)
{
    for (unsigned n = 0; n < lab->n_vrmd; n++) {
        kill_process(&lab->vrmd[n]);
        g_free(lab->urls[n]);
    }
    for (unsigned i = 0; i < VRMDLAB_HOSTS; i++) {
        kill_process(&lab->hosts[i]);
        kill_process(&lab->halds[i]);
    }
    if (g_getenv("VRM_KEEP"))
        g_free(lab->dir);
    else
        tempdir_free(lab->dir);
    testcerts_clear(&lab->certs);
    rest_free(lab->rest);
    g_free(lab->conninfo);
    g_free(lab->prefix);
    g_free(lab);
}
