/* fleet_host.c - vrm-agent without libvirt: its core and its door over tests/hv_fleet.
 *
 *     fleet_host vrm-agent.conf        ([libvirt] uri: the fleet's folder)
 *
 * Ends by a signal only, like a host. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/agent_conf.h"
#include "agent/server.h"
#include "agent/warden_link.h"
#include "base/log.h"
#include "tests/hv_fleet.h"

static Agent *make_agent(const struct agent_conf *conf, GError **error)
{
    const struct agent_options options = {
        .hv = hv_fleet_hv(hv_fleet_new(conf->uri, conf->name)),
        .warden = warden_link_new(conf->hald_socket),
        .name = conf->name,
        .state_dir = conf->state_dir,
        .boot_id = "boot-1",
        .stats_interval_ms = conf->stats_interval_ms,
        .n_workers = (unsigned)conf->workers,
        .max_commands = (unsigned)conf->max_commands,
    };

    return agent_new(&options, error);
}

int main(int argc, char **argv)
{
    struct agent_conf conf = { 0 };
    struct server_options options;
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(GError) error = NULL;
    Agent *agent;

    if (argc != 2 || !agent_conf_load(argv[1], &conf, &error)) {
        fprintf(stderr, "fleet_host: %s\n", error ? error->message : "want one argument");
        return EXIT_FAILURE;
    }
    log_init("fleet_host", LOG_LEVEL_INFO);
    (void)signal(SIGPIPE, SIG_IGN);
    options = (struct server_options){ .listen = conf.listen,
                                       .port = (uint16_t)conf.port,
                                       .ca_file = conf.ca_file,
                                       .cert_file = conf.cert_file,
                                       .key_file = conf.key_file,
                                       .controllers = (const char *const *)conf.controllers };
    agent = make_agent(&conf, &error);
    if (!agent || !server_new(agent, &options, &error)) {
        fprintf(stderr, "fleet_host: %s\n", error->message);
        return EXIT_FAILURE;
    }
    agent_start(agent);
    g_main_loop_run(loop);
    return EXIT_SUCCESS;
}
