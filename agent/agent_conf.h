/* agent_conf.h - the settings of vrm-agent.  Loop thread; afterwards read-only. */
#ifndef VRM_AGENT_AGENT_CONF_H
#define VRM_AGENT_AGENT_CONF_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"

struct agent_conf {
    /* [agent] */
    char *name;
    char *listen;
    int64_t port;
    char *state_dir;
    char *log_level;
    int64_t stats_interval_ms;
    /* [tls] */
    char *ca_file, *cert_file, *key_file;
    char **controllers;
    /* [etcd] */
    char *etcd_ca_file, *etcd_cert_file, *etcd_key_file;
    /* [libvirt] */
    char *uri;
    char *domain_type;
    char *emulator;
    char *bridge;
    char *migrate_host;
    bool migrate_tls;
    bool shared_storage_unchecked;
    char *cpu_limit;
    int64_t hang_s;
    char *restart_command;
    /* [devices] */
    char **passthrough;
    char *simulated;
    int64_t network_mbps;
    /* [ha] */
    char *hald_socket;
    /* [limits] */
    int64_t workers;
    int64_t max_commands;
};

extern const struct conf_setting agent_conf_table[];
extern const size_t agent_conf_n_table;

/* Loads and checks what the table cannot: addresses, names.  settings is zeroed by the caller and
 * cleared with agent_conf_clear. */
bool agent_conf_load(const char *path, struct agent_conf *settings, GError **error);
/* Does what the settings point to exist, and is it fit for its use?  Changes nothing; path: of the
 * file, for messages. */
bool agent_conf_check(const struct agent_conf *settings, const char *path, GError **error);
void agent_conf_clear(struct agent_conf *settings);

#endif /* VRM_AGENT_AGENT_CONF_H */
