/* main.c - vrm-agent: options, signals, systemd; wires agent, hypervisor and server together. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/agent_conf.h"
#include "agent/deputy_home.h"
#include "agent/frame.h"
#include "agent/hostinfo.h"
#include "agent/hv_libvirt.h"
#include "agent/server.h"
#include "agent/warden_link.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "model/imc.h"

#define END_LIMIT_MS 3000  /* results still on their way to disk or to a client */
#define LINK_WAIT_MS 10000 /* one that was killed is back within seconds */
#define SETTLE_MS    2000  /* libvirtd begins in milliseconds what it reads when it wakes up */
#define END_POLL_MS  20

struct app {
    const char *config;
    struct agent_conf conf;
    GMainLoop *loop;
    Agent *agent;
    Server *server;
    DeputyHome *deputy;
    int64_t end_ms; /* ending since; 0: not */
};

/* ---- settings ------------------------------------------------------------------------------- */

static struct server_options server_options_of(const struct agent_conf *conf)
{
    return (struct server_options){
        .listen = conf->listen,
        .port = (uint16_t)conf->port,
        .ca_file = conf->ca_file,
        .cert_file = conf->cert_file,
        .key_file = conf->key_file,
        .controllers = (const char *const *)conf->controllers,
    };
}

/* The settings, with all they point to in order. */
static bool load_checked(const char *path, struct agent_conf *ret_conf, GError **error)
{
    struct agent_conf conf = { 0 };

    if (!agent_conf_load(path, &conf, error))
        return false;
    if (!agent_conf_check(&conf, path, error)) {
        agent_conf_clear(&conf);
        return false;
    }
    *ret_conf = conf;
    return true;
}

/* Certificates and the log level take effect; everything else waits for a restart. */
static bool reload(struct app *app, GError **error)
{
    struct agent_conf fresh = { 0 };
    struct server_options options;
    bool ok;

    if (!load_checked(app->config, &fresh, error))
        return false;
    options = server_options_of(&fresh);
    ok = server_reload(app->server, &options, error);
    if (ok)
        frame_set_log_level(fresh.log_level);
    agent_conf_clear(&fresh);
    return ok;
}

/* ---- signals and systemd -------------------------------------------------------------------- */

static gboolean on_hangup(gpointer user)
{
    struct app *app = user;
    g_autoptr(GError) error = NULL;

    if (app->end_ms != 0)
        return G_SOURCE_CONTINUE;
    if (reload(app, &error))
        log_info("certificates and log level reloaded", NULL);
    else
        log_error("nothing reloaded", "ERROR", error->message, NULL);
    return G_SOURCE_CONTINUE;
}

static gboolean on_ending(gpointer user)
{
    struct app *app = user;
    bool idle = agent_is_idle(app->agent) && server_is_idle(app->server);

    if (!idle && clock_now_ms() - app->end_ms < END_LIMIT_MS)
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
    log_info("ending; VMs stay as they are", NULL);
    sd_notify(0, "STOPPING=1");
    g_clear_pointer(&app->deputy, deputy_home_free);
    server_stop(app->server);
    agent_stop(app->agent);
    g_timeout_add(END_POLL_MS, on_ending, app);
    return G_SOURCE_CONTINUE;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void on_ha_setup(const char *text, void *user)
{
    const struct app *app = user;

    if (app->deputy)
        deputy_home_set(app->deputy, text);
}

static DeputyHome *make_deputy(const struct app *app)
{
    const struct agent_conf *conf = &app->conf;
    const struct deputy_home_options options = {
        .agent = app->agent,
        .state_dir = conf->state_dir,
        .ca_file = conf->etcd_ca_file,
        .cert_file = conf->etcd_cert_file,
        .key_file = conf->etcd_key_file,
    };

    return deputy_home_new(&options);
}

static Agent *make_agent(struct app *app, GError **error)
{
    const struct agent_conf *conf = &app->conf;
    const char *migrate_address = *conf->migrate_host ? conf->migrate_host : "";
    /* agent_conf_load has checked the words */
    g_autoptr(HostDevs) devices =
        hostdevs_new((const char *const *)conf->passthrough, conf->simulated, NULL);
    const struct hv_libvirt_options libvirt = {
        .uri = conf->uri,
        .domain_type = conf->domain_type,
        .emulator = conf->emulator,
        .bridge = conf->bridge,
        .migrate_address = migrate_address,
        .migrate_tls = conf->migrate_tls,
        .shared_storage_unchecked = conf->shared_storage_unchecked,
        .cpu_limit = *conf->cpu_limit ? imc_mode_model(conf->cpu_limit) : "",
        .net_mbps = conf->network_mbps,
        .devices = devices,
    };
    g_autofree char *boot_id = hostinfo_boot_id();
    const struct agent_options options = {
        .hv = hv_libvirt_new(&libvirt),
        .warden = warden_link_new(conf->hald_socket),
        .name = conf->name,
        .state_dir = conf->state_dir,
        .boot_id = *boot_id ? boot_id : "unknown",
        .stats_interval_ms = conf->stats_interval_ms,
        .hang_ms = conf->hang_s * 1000,
        .restart = conf->restart_command,
        .n_workers = (unsigned)conf->workers,
        .max_commands = (unsigned)conf->max_commands,
        .settle_ms = SETTLE_MS,
        .link_wait_ms = LINK_WAIT_MS,
        .on_ha_setup = on_ha_setup,
        .ha_user = app,
    };

    return agent_new(&options, error);
}

static bool start(struct app *app, GError **error)
{
    struct server_options options = server_options_of(&app->conf);

    app->agent = make_agent(app, error);
    if (!app->agent)
        return false;
    app->server = server_new(app->agent, &options, error);
    if (!app->server)
        return false;
    agent_start(app->agent);
    app->deputy = make_deputy(app);
    return true;
}

/* A worker that hangs in libvirt cannot be joined: the process ends around it.  Migrations go on in
 * libvirtd, and the journal knows what to ask at the next start. */
static void finish(struct app *app)
{
    if (!agent_is_idle(app->agent) || !server_is_idle(app->server)) {
        log_info("ended with commands under way; the next start resolves them", NULL);
        _exit(FRAME_OK);
    }
    server_free(app->server);
    if (!agent_free(app->agent))
        _exit(FRAME_OK);
}

static enum frame_status run(struct app *app)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *port = g_strdup_printf("%" PRId64, app->conf.port);

    frame_begin("vrm-agent", app->conf.log_level);
    app->loop = g_main_loop_new(NULL, FALSE);
    frame_on_signals(on_terminate, on_hangup, app);
    if (!start(app, &error)) {
        log_error("cannot start", "ERROR", error->message, NULL);
        return FRAME_FAILED;
    }
    log_info("vrm-agent " PACKAGE_VERSION " listens", "NAME", app->conf.name, "LISTEN",
             app->conf.listen, "PORT", port, NULL);
    frame_tell_ready();
    g_main_loop_run(app->loop);
    finish(app);
    g_main_loop_unref(app->loop);
    return FRAME_OK;
}

/* ---- command line --------------------------------------------------------------------------- */

static enum frame_status with_settings(const struct frame_options *options, void *user)
{
    struct app app = { .config = options->config };
    g_autoptr(GError) error = NULL;
    enum frame_status status = FRAME_OK;

    (void)user;
    /* What is printed may be meant for another machine. */
    if (!(options->print ? agent_conf_load : load_checked)(app.config, &app.conf, &error)) {
        fprintf(stderr, "vrm-agent: %s\n", error->message);
        return FRAME_USAGE;
    }
    if (options->print) {
        g_autofree char *text = conf_format(agent_conf_table, agent_conf_n_table, &app.conf);

        fputs(text, stdout);
    } else if (options->check) {
        printf("%s: ok\n", app.config);
    } else {
        status = run(&app);
    }
    agent_conf_clear(&app.conf);
    return status;
}

int main(int argc, char **argv)
{
    const struct frame frame = {
        .name = "vrm-agent",
        .config = VRM_SYSCONFDIR "/vrm-agent.conf",
        .summary = "Runs on each host: starts, stops, migrates and measures VMs through libvirt,\n"
                   "as the controller (vrmd) says.",
        .run = with_settings,
    };

    return frame_main(&frame, argc, argv);
}
