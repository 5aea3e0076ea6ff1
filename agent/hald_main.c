/* hald_main.c - vrm-hald: options, signals, systemd, the machine's favours; wires socket and core.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent/frame.h"
#include "agent/hald.h"
#include "agent/hald_conf.h"
#include "agent/hald_dog.h"
#include "agent/hald_show.h"
#include "agent/hald_sock.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define BOOT_ID      "/proc/sys/kernel/random/boot_id"
#define PRIORITY     20
#define RUN_MODE     0755
#define STATE_MODE   0700
#define LOCK_MODE    0600
#define END_LIMIT_MS 2000
#define END_POLL_MS  20

struct app {
    const char *config;
    struct hald_conf conf;
    GMainLoop *loop;
    Hald *hald;
    HaldSock *sock;
    int lock;
    int64_t end_ms; /* ending since; 0: not */
};

/* ---- the machine's favours ------------------------------------------------------------------- */

/* Libraries that others need run much code once, at their start: those pages are not kept.  A page
 * of code is only ever read, and comes back when it is needed. */
static void drop_used_code(void)
{
    g_autofree char *maps = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents("/proc/self/maps", &maps, NULL, NULL))
        return;
    lines = g_strsplit(maps, "\n", -1);
    for (char **line = lines; *line; line++) {
        char *end = NULL;
        const guint64 from = g_ascii_strtoull(*line, &end, 16);
        const guint64 to = *end == '-' ? g_ascii_strtoull(end + 1, &end, 16) : 0;

        if (to > from && g_str_has_prefix(end, " r-xp ") && strchr(end, '/'))
            madvise(GSIZE_TO_POINTER(from), to - from, MADV_DONTNEED);
    }
}

/* What is used from here on stays; what is never used takes no memory. */
static bool lock_memory(void)
{
    drop_used_code();
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
        return true;
    log_warning("not locked in memory: may be late when the machine swaps", "ERROR",
                g_strerror(errno), NULL);
    return false;
}

/* Its threads and children do not inherit it. */
static bool be_real_time(void)
{
    const struct sched_param param = { .sched_priority = PRIORITY };

    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param) == 0)
        return true;
    log_warning("no real-time scheduling: may be late when the machine is busy", "ERROR",
                g_strerror(errno), NULL);
    return false;
}

/* ---- settings -------------------------------------------------------------------------------- */

static bool load_checked(const char *path, struct hald_conf *ret_conf, GError **error)
{
    struct hald_conf conf = { 0 };

    if (!hald_conf_load(path, &conf, error))
        return false;
    if (!hald_conf_check(&conf, path, error)) {
        hald_conf_clear(&conf);
        return false;
    }
    *ret_conf = conf;
    return true;
}

/* ---- signals and systemd --------------------------------------------------------------------- */

static gboolean on_hangup(gpointer user)
{
    struct app *app = user;
    struct hald_conf fresh = { 0 };
    g_autoptr(GError) error = NULL;

    if (!load_checked(app->config, &fresh, &error)) {
        log_error("nothing reloaded", "ERROR", error->message, NULL);
        return G_SOURCE_CONTINUE;
    }
    frame_set_log_level(fresh.log_level);
    hald_conf_clear(&fresh);
    hald_reload(app->hald);
    log_info("certificates and log level reloaded", NULL);
    return G_SOURCE_CONTINUE;
}

static gboolean on_ending(gpointer user)
{
    struct app *app = user;

    if (!hald_is_idle(app->hald) && clock_now_ms() - app->end_ms < END_LIMIT_MS)
        return G_SOURCE_CONTINUE;
    g_main_loop_quit(app->loop);
    return G_SOURCE_REMOVE;
}

static gboolean on_terminate(gpointer user)
{
    struct app *app = user;

    if (app->end_ms != 0)
        return G_SOURCE_CONTINUE;
    app->end_ms = clock_now_ms();
    log_info("ending", NULL);
    sd_notify(0, "STOPPING=1");
    g_timeout_add(END_POLL_MS, on_ending, app);
    return G_SOURCE_CONTINUE;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void on_request(uint64_t conn, const struct hald_request *request, void *user)
{
    struct app *app = user;

    hald_request(app->hald, conn, request);
}

static void on_reply(uint64_t conn, const struct hald_reply *reply, void *user)
{
    struct app *app = user;

    hald_sock_reply(app->sock, conn, reply);
}

static bool make_folder(const char *path, unsigned mode, GError **error)
{
    if (g_mkdir_with_parents(path, (int)mode) == 0)
        return true;
    err_set(error, VRM_ERR_UNAVAILABLE, "%s: %s", path, g_strerror(errno));
    return false;
}

static bool make_folders(const struct hald_conf *conf, GError **error)
{
    g_autofree char *run = g_path_get_dirname(conf->socket);
    g_autofree char *life = g_path_get_dirname(conf->life_file);

    return make_folder(run, RUN_MODE, error) && make_folder(life, RUN_MODE, error) &&
           make_folder(conf->state_dir, STATE_MODE, error);
}

/* Two of them would lead two lives of one host. */
static bool be_the_only_one(struct app *app, GError **error)
{
    g_autofree char *path = g_strconcat(app->conf.life_file, ".lock", NULL);

    app->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, LOCK_MODE);
    if (app->lock >= 0 && flock(app->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    err_set(error, VRM_ERR_BUSY, "%s: %s", path,
            errno == EWOULDBLOCK ? "another vrm-hald runs" : g_strerror(errno));
    return false;
}

static bool read_boot_id(char **ret_boot_id, GError **error)
{
    g_autoptr(GError) trouble = NULL;

    if (g_file_get_contents(BOOT_ID, ret_boot_id, NULL, &trouble)) {
        g_strstrip(*ret_boot_id);
        return true;
    }
    err_set(error, VRM_ERR_UNAVAILABLE, "%s", trouble->message);
    return false;
}

static bool start(struct app *app, GError **error)
{
    g_autofree char *boot_id = NULL;
    struct hald_options options = { .conf = &app->conf, .reply = on_reply, .user = app };

    if (!make_folders(&app->conf, error) || !be_the_only_one(app, error) ||
        !read_boot_id(&boot_id, error))
        return false;
    options.boot_id = boot_id;
    app->hald = hald_new(&options, error);
    if (!app->hald)
        return false;
    hald_set_favours(app->hald, app->conf.lock_memory && lock_memory(),
                     app->conf.real_time && be_real_time());
    app->sock = hald_sock_new(app->conf.socket, on_request, app, error);
    return app->sock != NULL;
}

static void finish(struct app *app)
{
    hald_stop(app->hald);
    hald_sock_free(app->sock);
    app->sock = NULL;
    hald_free(app->hald);
}

static enum frame_status run(struct app *app)
{
    g_autoptr(GError) error = NULL;

    frame_begin("vrm-hald", app->conf.log_level);
    app->loop = g_main_loop_new(NULL, FALSE);
    frame_on_signals(on_terminate, on_hangup, app);
    if (!start(app, &error)) {
        log_error("cannot start", "ERROR", error->message, NULL);
        g_main_loop_unref(app->loop);
        return FRAME_FAILED;
    }
    if (g_str_equal(app->conf.device, "none"))
        log_warning("no watchdog: VMs run on if vrm-hald hangs, while others start them too", NULL);
    log_info("vrm-hald " PACKAGE_VERSION " runs", "SOCKET", app->conf.socket, "WATCHDOG",
             app->conf.device, NULL);
    frame_tell_ready();
    g_main_loop_run(app->loop);
    finish(app);
    g_main_loop_unref(app->loop);
    return FRAME_OK;
}

/* ---- command line ---------------------------------------------------------------------------- */

static enum frame_status show(const struct hald_conf *conf)
{
    g_autoptr(GError) error = NULL;

    if (hald_show(conf->socket, &error))
        return FRAME_OK;
    fprintf(stderr, "vrm-hald: %s\n", error->message);
    return FRAME_FAILED;
}

static enum frame_status with_settings(const struct frame_options *options, void *user)
{
    const gboolean *shows = user;
    struct app app = { .config = options->config, .lock = -1 };
    g_autoptr(GError) error = NULL;
    const bool look_only = options->print || *shows;
    enum frame_status status = FRAME_OK;

    /* What is printed may be meant for another machine. */
    if (!(look_only ? hald_conf_load : load_checked)(app.config, &app.conf, &error)) {
        fprintf(stderr, "vrm-hald: %s\n", error->message);
        return FRAME_USAGE;
    }
    if (options->print) {
        g_autofree char *text = conf_format(hald_conf_table, hald_conf_n_table, &app.conf);

        fputs(text, stdout);
    } else if (*shows) {
        status = show(&app.conf);
    } else if (options->check) {
        printf("%s: ok\n", app.config);
    } else {
        status = run(&app);
    }
    hald_conf_clear(&app.conf);
    return status;
}

int main(int argc, char **argv)
{
    gboolean shows = FALSE;
    const GOptionEntry more[] = {
        { "status", 's', 0, G_OPTION_ARG_NONE, &shows,
          "ask the vrm-hald that runs how it is, print that and exit", NULL },
        G_OPTION_ENTRY_NULL,
    };
    const struct frame frame = {
        .name = "vrm-hald",
        .config = VRM_SYSCONFDIR "/vrm-hald.conf",
        .summary = "Runs on each host: keeps the host's leases, and ends VMs that have lost their "
                   "right to run here.",
        .more = more,
        .run = with_settings,
        .user = &shows,
    };

    return frame_main(&frame, argc, argv);
}
