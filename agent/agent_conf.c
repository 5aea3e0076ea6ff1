/* agent_conf.c - see agent_conf.h. */
#include "config.h"

#include "agent/agent_conf.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/hostdevs.h"
#include "agent/reviver.h"
#include "agent/server_tls.h"
#include "agentproto/hald_msg.h"
#include "agentproto/msg.h"
#include "base/confcheck.h"
#include "base/err.h"
#include "model/imc.h"

#define AT(field) offsetof(struct agent_conf, field)

// clang-format off
const struct conf_setting agent_conf_table[] = {
    { .section = "agent", .name = "name", .type = CONF_STRING, .offset = AT(name),
      .default_text = "", .min = 0, .max = 64,
      .doc = "name in reports; empty: the machine's host name" },
    { .section = "agent", .name = "listen", .type = CONF_STRING, .offset = AT(listen),
      .default_text = "0.0.0.0", .min = 1, .max = 64,
      .doc = "IPv4 or IPv6 address of the management plane to listen on",
      .wrong = confcheck_address },
    { .section = "agent", .name = "port", .type = CONF_INT, .offset = AT(port),
      .default_text = "7444", .min = 1, .max = 65535,
      .doc = "TCP port to listen on" },
    { .section = "agent", .name = "state_dir", .type = CONF_PATH, .offset = AT(state_dir),
      .default_text = VRM_STATEDIR "/agent",
      .doc = "folder of the epoch and the command journal; must survive a restart" },
    { .section = "agent", .name = "log_level", .type = CONF_CHOICE, .offset = AT(log_level),
      .default_text = "info", .choices = "error|warning|info|debug", .reload = true,
      .doc = "how much is logged" },
    { .section = "agent", .name = "stats_interval_ms", .type = CONF_INT,
      .offset = AT(stats_interval_ms), .default_text = "5000", .min = 500, .max = 60000,
      .doc = "time between two samples of host and VM load" },

    { .section = "tls", .name = "ca_file", .type = CONF_PATH, .offset = AT(ca_file),
      .default_text = VRM_SYSCONFDIR "/pki/ca-cert.pem", .reload = true,
      .doc = "authority that signed the controllers' certificates" },
    { .section = "tls", .name = "cert_file", .type = CONF_PATH, .offset = AT(cert_file),
      .default_text = VRM_SYSCONFDIR "/pki/server-cert.pem", .reload = true,
      .doc = "this host's certificate" },
    { .section = "tls", .name = "key_file", .type = CONF_PATH, .offset = AT(key_file),
      .default_text = VRM_SYSCONFDIR "/pki/server-key.pem", .reload = true,
      .doc = "this host's private key" },
    { .section = "tls", .name = "controllers", .type = CONF_LIST, .offset = AT(controllers),
      .default_text = "", .reload = true,
      .doc = "common names of certificates that may command this host; empty: every one with "
             "organizational unit VRM controller, as `certs controller` makes them" },

    { .section = "etcd", .name = "ca_file", .type = CONF_PATH, .offset = AT(etcd_ca_file),
      .default_text = "",
      .doc = "authority of https:// members of etcd, which this host asks itself while no controller "
             "leads; empty: the system's" },
    { .section = "etcd", .name = "cert_file", .type = CONF_PATH, .offset = AT(etcd_cert_file),
      .default_text = "",
      .doc = "client certificate for etcd" },
    { .section = "etcd", .name = "key_file", .type = CONF_PATH, .offset = AT(etcd_key_file),
      .default_text = "",
      .doc = "its private key" },

    { .section = "libvirt", .name = "uri", .type = CONF_STRING, .offset = AT(uri),
      .default_text = "qemu:///system", .min = 1, .max = 256,
      .doc = "how the agent reaches libvirtd on this host" },
    { .section = "libvirt", .name = "domain_type", .type = CONF_CHOICE, .offset = AT(domain_type),
      .default_text = "auto", .choices = "auto|kvm|qemu",
      .doc = "kvm: hardware virtualisation; qemu: emulation; auto: kvm where it works" },
    { .section = "libvirt", .name = "emulator", .type = CONF_STRING, .offset = AT(emulator),
      .default_text = "", .min = 0, .max = 256,
      .doc = "absolute path of the QEMU program; empty: libvirt's choice" },
    { .section = "libvirt", .name = "bridge", .type = CONF_STRING, .offset = AT(bridge),
      .default_text = "", .min = 0, .max = 15,
      .doc = "bridge that VMs' network cards are plugged into; empty: cards exist, unplugged" },
    { .section = "libvirt", .name = "migrate_host", .type = CONF_STRING, .offset = AT(migrate_host),
      .default_text = "", .min = 0, .max = 64,
      .doc = "this host's address of the migration network, told to other hosts; empty: listen",
      .wrong = confcheck_address },
    { .section = "libvirt", .name = "migrate_tls", .type = CONF_BOOL, .offset = AT(migrate_tls),
      .default_text = "true",
      .doc = "encrypt the memory that a migration copies (needs QEMU's TLS set up on both hosts)" },
    { .section = "libvirt", .name = "shared_storage_unchecked", .type = CONF_BOOL,
      .offset = AT(shared_storage_unchecked), .default_text = "false",
      .doc = "trust that disks are on shared storage even where libvirt cannot see it" },
    { .section = "libvirt", .name = "cpu_limit", .type = CONF_STRING, .offset = AT(cpu_limit),
      .default_text = "", .min = 0, .max = 64,
      .doc = "newest CPU generation that VMs may see on this host, a name of imcSetting such as "
             "Nehalem; empty: the newest it can present" },
    { .section = "libvirt", .name = "hang_s", .type = CONF_INT, .offset = AT(hang_s),
      .default_text = "30", .min = 0, .max = 3600,
      .doc = "a libvirtd that answers nothing for so long is started anew, VMs are not touched; 0: "
             "never" },
    { .section = "libvirt", .name = "restart_command", .type = CONF_STRING,
      .offset = AT(restart_command),
      .default_text = "systemctl kill --kill-who=main --signal=KILL libvirtd.service", .min = 0,
      .max = 1024, .wrong = reviver_wrong_command,
      .doc = "how that is done: the command ends the hanging process, systemd starts it again; with "
             "the modular daemons virtqemud.service; empty: never" },

    { .section = "devices", .name = "passthrough", .type = CONF_LIST, .offset = AT(passthrough),
      .default_text = "",
      .doc = "PCI devices that VMs can be given, NAME=ADDRESS such as gpu-t4=0000:65:00.0; graphics "
             "cards bound to vfio-pci and mediated devices are found without it, as "
             "pci-VENDOR-PRODUCT and mdev-TYPE" },
    { .section = "devices", .name = "simulated", .type = CONF_STRING, .offset = AT(simulated),
      .default_text = "", .min = 0, .max = 1024,
      .doc = "devices that are counted though nothing is attached, NAME:COUNT with blanks between "
             "them; for tests" },
    { .section = "devices", .name = "network_mbps", .type = CONF_INT, .offset = AT(network_mbps),
      .default_text = "0", .min = 0, .max = 10000000,
      .doc = "speed of the host's uplinks, summed, in Mbit/s; 0: as the kernel says" },

    { .section = "ha", .name = "socket", .type = CONF_STRING, .offset = AT(hald_socket),
      .default_text = HALD_SOCKET, .min = 0, .max = 107,
      .doc = "socket of this host's vrm-hald; empty: there is none, and no VM that could run on "
             "several hosts is started here while HA is on" },

    { .section = "limits", .name = "workers", .type = CONF_INT, .offset = AT(workers),
      .default_text = "4", .min = 1, .max = 64,
      .doc = "commands carried out at the same time; migrations and shut-downs do not count" },
    { .section = "limits", .name = "max_commands", .type = CONF_INT, .offset = AT(max_commands),
      .default_text = "1000", .min = 1, .max = AGENT_MAX_REPORTS,
      .doc = "unfinished commands; more are refused with 503" },
};
// clang-format on
const size_t agent_conf_n_table = G_N_ELEMENTS(agent_conf_table);

/* The name becomes part of libvirt's XML and of messages. */
static bool check_word(const char *field, const char *text, const char *more, GError **error)
{
    for (const char *p = text; *p; p++) {
        if (!g_ascii_isalnum(*p) && !strchr(more, *p)) {
            err_set_reason(error, VRM_ERR_INVALID, 0, field,
                           "%s = \"%s\": want letters, digits and any of \"%s\"", field, text,
                           more);
            return false;
        }
    }
    return true;
}

static bool check_cpu_limit(const char *limit, GError **error)
{
    g_autofree char *modes = NULL;

    if (!*limit || imc_mode_find(limit))
        return true;
    modes = imc_modes_list();
    err_set_reason(error, VRM_ERR_INVALID, 0, "cpu_limit",
                   "[libvirt] cpu_limit = \"%s\": want nothing or one of %s", limit, modes);
    return false;
}

static bool check_devices(const struct agent_conf *settings, GError **error)
{
    g_autoptr(HostDevs) devs =
        hostdevs_new((const char *const *)settings->passthrough, settings->simulated, error);

    return devs != NULL;
}

static bool check_absolute(const char *field, const char *path, GError **error)
{
    if (!*path || g_path_is_absolute(path))
        return true;
    err_set_reason(error, VRM_ERR_INVALID, 0, strchr(field, ' ') + 1,
                   "%s = \"%s\": want an absolute path", field, path);
    return false;
}

static bool check_etcd(const struct agent_conf *settings, GError **error)
{
    if (!*settings->etcd_cert_file == !*settings->etcd_key_file)
        return true;
    err_set_reason(error, VRM_ERR_INVALID, 0, "cert_file",
                   "[etcd] cert_file = %s, key_file = %s: want both or neither",
                   settings->etcd_cert_file, settings->etcd_key_file);
    return false;
}

static bool check(const struct agent_conf *settings, GError **error)
{
    if (!check_word("[agent] name", settings->name, "-._", error) ||
        !check_word("[libvirt] bridge", settings->bridge, "-._", error) ||
        !check_cpu_limit(settings->cpu_limit, error) || !check_devices(settings, error) ||
        !check_etcd(settings, error))
        return false;
    return check_absolute("[libvirt] emulator", settings->emulator, error) &&
           check_absolute("[ha] socket", settings->hald_socket, error);
}

bool agent_conf_load(const char *path, struct agent_conf *settings, GError **error)
{
    struct agent_conf loaded = { 0 };

    if (!conf_load(path, agent_conf_table, agent_conf_n_table, &loaded, error))
        return false;
    if (!check(&loaded, error)) {
        confcheck_place(path, error);
        agent_conf_clear(&loaded);
        return false;
    }
    if (!*loaded.name) {
        g_free(loaded.name);
        loaded.name = g_strdup(g_get_host_name());
    }
    *settings = loaded;
    return true;
}

static bool check_certificates(const struct agent_conf *settings, GError **error)
{
    const struct server_tls_files files = { settings->ca_file, settings->cert_file,
                                            settings->key_file, NULL };
    g_autoptr(ServerTls) tls = server_tls_new(&files, error);

    if (!tls)
        g_prefix_error(error, "[tls] ");
    return tls != NULL;
}

static bool check_emulator(const char *path, GError **error)
{
    if (!*path || access(path, X_OK) == 0)
        return true;
    err_set_reason(error, VRM_ERR_INVALID, 0, "emulator",
                   "[libvirt] emulator = %s: want a program that can be run, such as "
                   "/usr/bin/qemu-system-x86_64: %s",
                   path, g_strerror(errno));
    return false;
}

static bool check_file(const char *setting, const char *path, GError **error)
{
    if (!*path || access(path, R_OK) == 0)
        return true;
    err_set_reason(error, VRM_ERR_INVALID, 0, setting, "%s = %s: want a file that can be read: %s",
                   setting, path, g_strerror(errno));
    return false;
}

bool agent_conf_check(const struct agent_conf *settings, const char *path, GError **error)
{
    if (check_certificates(settings, error) && check_emulator(settings->emulator, error) &&
        check_file("[etcd] ca_file", settings->etcd_ca_file, error) &&
        check_file("[etcd] cert_file", settings->etcd_cert_file, error) &&
        check_file("[etcd] key_file", settings->etcd_key_file, error) &&
        confcheck_folder("[agent] state_dir", settings->state_dir, error))
        return true;
    confcheck_place(path, error);
    return false;
}

void agent_conf_clear(struct agent_conf *settings)
{
    conf_clear(agent_conf_table, agent_conf_n_table, settings);
}
