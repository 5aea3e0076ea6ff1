/*~ main.c - vrmd: options, signals, start and end.
 *
 * A tour: app.h shows the modules; role.c how this process becomes active; call.c where API calls
 * enter; task.c and task_vm.c how work is done; observe.c how reality comes back; drs.c who asks
 * the scheduler. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "api/cert.h"
#include "api/http.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "controller/app.h"
#include "controller/call.h"
#include "controller/history.h"
#include "controller/release.h"
#include "controller/role.h"
#include "controller/settings_check.h"

/* Exit status: the command line or the settings are wrong; a person must change them. */
#define STATUS_USAGE    2

#define STOP_LIMIT_MS   4000
#define TRIM_INTERVAL_S 3600
#define LAST_ANSWERS_MS 500
#define AGENTS_TURN_MS  10 /* of the loop's time, in one go */

struct daemon {
    const char *config_path;
    struct settings settings;
    struct app app;
    HttpClient *agents_http, *etcd_http;
    CallBox *calls;
    Api *api;
    GMainLoop *loop;
    char **argv;
    bool leaving;  /* leadership is being given back; then the loop ends */
    bool stopping; /* because we were told to */
    bool again;    /* start this program anew when the loop has ended */
    int status;
};

/* GLib's signal and lost-leadership callbacks need to find the one daemon of this process. */
static struct daemon daemon_; /* allowed: the process itself */

/* ---- the API's view ---------------------------------------------------------------------------
 */

static Snapshot *ops_snapshot(void *ctx)
{
    const struct daemon *d = ctx;

    return inventory_snapshot(d->app.inv);
}

static void ops_submit(void *ctx, struct op *op, op_done_fn done, void *user)
{
    const struct daemon *d = ctx;

    call_box_submit(d->calls, op, done, user);
}

static void ops_status(void *ctx, struct controller_status *ret_status)
{
    const struct daemon *d = ctx;

    role_status(d->app.role, ret_status);
}

static char *ops_metrics(void *ctx)
{
    const struct daemon *d = ctx;

    return metrics_format(d->app.metrics);
}

static const struct api_ops ops = { ops_snapshot, ops_submit, ops_status, ops_metrics };

/* ---- certificates -----------------------------------------------------------------------------
 */

static char *state_path(const struct daemon *d, const char *name)
{
    return g_build_filename(d->settings.state_dir, name, NULL);
}

static bool ensure_state_dir(const struct daemon *d, GError **error)
{
    if (g_mkdir_with_parents(d->settings.state_dir, 0700) == 0)
        return true;
    err_set(error, VRM_ERR_INVALID, "[controller] state_dir = %s: %s", d->settings.state_dir,
            g_strerror(errno));
    return false;
}

/* The configured pair, or our own self-signed one, made at the first start. */
static bool find_certificate(const struct daemon *d, char **ret_cert, char **ret_key,
                             GError **error)
{
    const struct settings *settings = &d->settings;
    g_autofree char *cert = NULL, *key = NULL;
    const char *names[] = { settings->name, "localhost", "127.0.0.1", "::1", NULL };

    if (*settings->api_cert_file) {
        *ret_cert = g_strdup(settings->api_cert_file);
        *ret_key = g_strdup(settings->api_key_file);
        return true;
    }
    cert = state_path(d, "api-cert.pem");
    key = state_path(d, "api-key.pem");
    if (!g_file_test(cert, G_FILE_TEST_EXISTS) || !g_file_test(key, G_FILE_TEST_EXISTS)) {
        if (!cert_make_self_signed(cert, key, names, error))
            return false;
        log_info("first start: a self-signed certificate was made", "FILE", cert, NULL);
    }
    *ret_cert = g_steal_pointer(&cert);
    *ret_key = g_steal_pointer(&key);
    return true;
}

static bool start_api(struct daemon *d, GError **error)
{
    const struct settings *settings = &d->settings;
    struct api_options options;
    g_autofree char *cert = NULL, *key = NULL;

    if (settings->api_tls && !find_certificate(d, &cert, &key, error))
        return false;
    api_options_init(&options);
    options.address = settings->api_listen;
    options.port = (uint16_t)settings->api_port;
    options.threads = (unsigned)settings->api_threads;
    options.tls = settings->api_tls;
    options.cert_file = cert;
    options.key_file = key;
    options.feed = d->app.feed;
    options.auth = d->app.auth;
    options.max_connections = (unsigned)settings->api_max_connections;
    options.max_connections_per_address = (unsigned)settings->api_max_per_address;
    d->api = api_start(&options, &ops, d, error);
    return d->api != NULL;
}

static struct http_tls agents_tls(const struct settings *settings)
{
    return (struct http_tls){ settings->agents_ca_file, settings->agents_cert_file,
                              settings->agents_key_file };
}

static HttpClient *make_etcd_client(const struct settings *settings)
{
    const struct http_tls tls = { settings->etcd_ca_file,
                                  *settings->etcd_cert_file ? settings->etcd_cert_file : NULL,
                                  *settings->etcd_key_file ? settings->etcd_key_file : NULL };

    return http_client_new(*settings->etcd_ca_file ? &tls : NULL);
}

/* The settings, with all they point to in order. */
static bool load_checked(const char *path, struct settings *ret_settings, GError **error)
{
    struct settings settings;

    if (!settings_load(path, &settings, error))
        return false;
    if (!settings_check(&settings, path, error)) {
        settings_clear(&settings);
        return false;
    }
    *ret_settings = settings;
    return true;
}

/* ---- signals ----------------------------------------------------------------------------------
 */

static void resigned(void *user)
{
    struct daemon *d = user;

    g_main_loop_quit(d->loop);
}

static gboolean on_stop_signal(void *data)
{
    struct daemon *d = data;

    if (d->stopping)
        return G_SOURCE_CONTINUE;
    d->stopping = true;
    d->again = false;
    log_info("stopping", NULL);
    (void)sd_notify(0, "STOPPING=1");
    if (!d->leaving)
        role_resign(d->app.role, resigned, d);
    d->leaving = true;
    return G_SOURCE_CONTINUE;
}

/* Log level and certificates; everything else needs a restart. */
static gboolean on_reload_signal(void *data)
{
    struct daemon *d = data;
    struct settings fresh;
    struct http_tls tls;
    enum log_level level;
    g_autoptr(GError) error = NULL;

    (void)sd_notify(0, "RELOADING=1");
    if (!load_checked(d->config_path, &fresh, &error)) {
        log_error("the configuration was not reloaded", "REASON", error->message, NULL);
        (void)sd_notify(0, "READY=1");
        return G_SOURCE_CONTINUE;
    }
    if (log_level_parse(fresh.log_level, &level))
        log_set_level(level);
    tls = agents_tls(&fresh);
    http_client_set_tls(d->agents_http, &tls);
    if (d->settings.api_tls && !api_reload_tls(d->api, &error))
        log_error("the old API certificate stays in use", "REASON", error->message, NULL);
    else
        log_info("reloaded: log level and certificates", NULL);
    settings_clear(&fresh);
    (void)sd_notify(0, "READY=1");
    return G_SOURCE_CONTINUE;
}

static gboolean on_watchdog(void *data)
{
    (void)data;
    (void)sd_notify(0, "WATCHDOG=1");
    return G_SOURCE_CONTINUE;
}

static gboolean on_trim(void *data)
{
    struct daemon *d = data;

    history_trim(&d->app);
    return G_SOURCE_CONTINUE;
}

static gboolean quit_later(void *data)
{
    struct daemon *d = data;

    g_main_loop_quit(d->loop);
    return G_SOURCE_REMOVE;
}

/* Requests that waited while we stood still get their 503 before this process goes. */
static void given_up(void *user)
{
    (void)g_timeout_add(LAST_ANSWERS_MS, quit_later, user);
}

/* Nothing of the old life may stay: the program starts anew, as a standby. */
static void on_deposed(const char *why)
{
    if (daemon_.leaving)
        return;
    daemon_.leaving = daemon_.again = true;
    log_warning("no longer the active controller; starting anew as standby", "REASON", why, NULL);
    role_resign(daemon_.app.role, given_up, &daemon_);
}

/* Nothing that we could do again would help. */
static void on_hopeless(const char *why)
{
    (void)why; /* said already */
    daemon_.status = EXIT_FAILURE;
    g_main_loop_quit(daemon_.loop);
}

/* SIG_BLOCK or SIG_UNBLOCK for the signals that the loop answers.  They are blocked while there is
 * no loop to answer them, also over start_anew(): there they stay pending, and none ends the
 * program in the middle.  Threads are made while they are blocked, so that only the loop's thread
 * takes them. */
static void mask_signals(int how)
{
    sigset_t signals;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)pthread_sigmask(how, &signals, NULL);
}

static void add_sources(struct daemon *d)
{
    uint64_t watchdog_us = 0;

    g_unix_signal_add(SIGTERM, on_stop_signal, d);
    g_unix_signal_add(SIGINT, on_stop_signal, d);
    g_unix_signal_add(SIGHUP, on_reload_signal, d);
    g_timeout_add_seconds(TRIM_INTERVAL_S, on_trim, d);
    if (sd_watchdog_enabled(0, &watchdog_us) > 0)
        g_timeout_add((guint)(watchdog_us / 3000), on_watchdog, d);
    mask_signals(SIG_UNBLOCK);
}

/* ---- run --------------------------------------------------------------------------------------
 */

static bool start(struct daemon *d, GError **error)
{
    const struct role_events events = { on_deposed, on_hopeless };
    const struct http_tls tls = agents_tls(&d->settings);

    if (!ensure_state_dir(d, error))
        return false;
    d->agents_http = http_client_new(&tls);
    http_client_limit_turn(d->agents_http, AGENTS_TURN_MS);
    d->etcd_http = make_etcd_client(&d->settings);
    app_init(&d->app, &d->settings, d->agents_http, d->etcd_http, &events);
    d->calls = call_box_new(&d->app);
    return start_api(d, error);
}

/* The API first: nobody asks the modules any more when they go. */
static void stop(struct daemon *d)
{
    g_clear_pointer(&d->api, api_stop);
    g_clear_pointer(&d->calls, call_box_free);
    if (d->app.inv)
        app_clear(&d->app);
    g_clear_pointer(&d->agents_http, http_client_free);
    g_clear_pointer(&d->etcd_http, http_client_free);
}

/* Only what a signal handler may call. */
static void on_stop_limit(int signal_number)
{
    (void)signal_number;
    (void)execv("/proc/self/exe", daemon_.argv);
    _exit(EXIT_FAILURE);
}

/* A hung worker (the database is frozen, say) must not keep us from ending, or starting anew, in
 * time.  NODEFER: a signal that is blocked stays so in the new program. */
static void arm_last_resort(const struct daemon *d)
{
    struct sigaction action = { .sa_handler = d->again ? on_stop_limit : SIG_DFL,
                                .sa_flags = SA_NODEFER };

    (void)sigaction(SIGALRM, &action, NULL);
    (void)alarm(STOP_LIMIT_MS / 1000);
}

static void log_doubts(const struct settings *settings)
{
    g_auto(GStrv) doubts = settings_doubts(settings);

    for (char **doubt = doubts; *doubt; doubt++)
        log_warning("the configuration is doubtful", "REASON", *doubt, NULL);
}

static void run(struct daemon *d)
{
    g_autofree char *port = g_strdup_printf("%u", api_port(d->api));

    d->loop = g_main_loop_new(NULL, FALSE);
    add_sources(d);
    log_info("serving", "ADDRESS", d->settings.api_listen, "PORT", port, "VERSION", PACKAGE_VERSION,
             NULL);
    log_doubts(&d->settings);
    (void)sd_notify(0, "READY=1");
    role_start(d->app.role);
    g_main_loop_run(d->loop);
    mask_signals(SIG_BLOCK);
    arm_last_resort(d);
}

/* A deposed controller forgets all it knew: the program starts anew, as a standby. */
static void start_anew(const struct daemon *d)
{
    (void)alarm(0); /* execv would hand it on, and it would end the new life */
    (void)execv("/proc/self/exe", d->argv);
    log_error("cannot start anew", "REASON", g_strerror(errno), NULL);
}

static int execute(struct daemon *d)
{
    g_autoptr(GError) error = NULL;

    if (!start(d, &error)) {
        log_error("cannot start", "REASON", error->message, NULL);
        d->status = EXIT_FAILURE;
    } else {
        run(d);
    }
    stop(d);
    if (d->again) {
        start_anew(d);
        d->status = EXIT_FAILURE;
    }
    log_info("stopped", NULL);
    return d->status;
}

/* ---- options ----------------------------------------------------------------------------------
 */

struct options {
    char *config;
    gboolean check, print, release, version;
};

static bool parse_options(int *argc, char ***argv, struct options *options, GError **error)
{
    const GOptionEntry entries[] = {
        { "config", 'c', 0, G_OPTION_ARG_FILENAME, &options->config,
          "configuration file (default " VRM_SYSCONFDIR "/vrmd.conf)", "FILE" },
        { "check-config", 0, 0, G_OPTION_ARG_NONE, &options->check,
          "check the configuration file and what it points to, and exit", NULL },
        { "print-config", 0, 0, G_OPTION_ARG_NONE, &options->print,
          "print every setting with its value and meaning and exit", NULL },
        { "release", 0, 0, G_OPTION_ARG_NONE, &options->release,
          "give back the leadership of this controller, which has died, and exit", NULL },
        { "version", 'V', 0, G_OPTION_ARG_NONE, &options->version, "print the version and exit",
          NULL },
        { 0 },
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);

    g_option_context_set_summary(
        context, "The cluster controller: REST API, DRS, tasks. Signals: TERM ends, HUP reloads\n"
                 "certificates and log level.");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, error))
        return false;
    if (*argc > 1) {
        err_set(error, VRM_ERR_INVALID, "unexpected argument '%s'", (*argv)[1]);
        return false;
    }
    return true;
}

static int release(const struct settings *settings)
{
    HttpClient *http = make_etcd_client(settings);
    g_autoptr(GError) error = NULL;
    bool released = false;
    bool ok = release_leadership(
        &(struct release_options){ .endpoints = (const char *const *)settings->etcd_endpoints,
                                   .prefix = settings->etcd_prefix,
                                   .name = settings->name,
                                   .http = http },
        &released, &error);

    http_client_free(http);
    if (!ok)
        fprintf(stderr, "vrmd: the leadership of %s lapses by itself, if it leads: %s\n",
                settings->name, error->message);
    else
        printf("%s %s\n", settings->name, released ? "leads no more" : "does not lead");
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void tell_doubts(const struct settings *settings)
{
    g_auto(GStrv) doubts = settings_doubts(settings);

    for (char **doubt = doubts; *doubt; doubt++)
        fprintf(stderr, "vrmd: warning: %s\n", *doubt);
}

/* True if the program should go on and serve. */
static bool handle_options(struct daemon *d, const struct options *options, int *ret_status)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;

    *ret_status = EXIT_SUCCESS;
    if (options->version) {
        printf("vrmd %s\n", PACKAGE_VERSION);
        return false;
    }
    d->config_path = options->config ? options->config : VRM_SYSCONFDIR "/vrmd.conf";
    /* What is printed may be meant for another machine. */
    if (!(options->print ? settings_load : load_checked)(d->config_path, &d->settings, &error)) {
        fprintf(stderr, "vrmd: %s\n", error->message);
        *ret_status = STATUS_USAGE;
        return false;
    }
    if (options->print) {
        text = settings_format(&d->settings);
        fputs(text, stdout);
    } else if (options->check) {
        tell_doubts(&d->settings);
        printf("%s: ok\n", d->config_path);
    } else if (options->release) {
        *ret_status = release(&d->settings);
    }
    return !options->print && !options->check && !options->release;
}

int main(int argc, char **argv)
{
    struct daemon *d = &daemon_;
    struct options options = { 0 };
    enum log_level level = LOG_LEVEL_INFO;
    g_autoptr(GError) error = NULL;
    int status;

    d->argv = g_strdupv(argv);
    (void)prctl(PR_SET_NAME, "vrmd"); /* after start_anew() it would be "exe" */
    if (!parse_options(&argc, &argv, &options, &error)) {
        fprintf(stderr, "vrmd: %s (see vrmd --help)\n", error->message);
        return STATUS_USAGE;
    }
    if (handle_options(d, &options, &status)) {
        (void)log_level_parse(d->settings.log_level, &level);
        log_init("vrmd", level);
        (void)signal(SIGPIPE, SIG_IGN);
        mask_signals(SIG_BLOCK);
        status = execute(d);
    }
    settings_clear(&d->settings);
    g_free(options.config);
    g_strfreev(d->argv);
    return status;
}
