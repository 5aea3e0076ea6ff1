/* hald_conf.c - see hald_conf.h. */
#include "config.h"

#include "agent/hald_conf.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/hald_dog.h"
#include "agentproto/beat.h"
#include "agentproto/hald_msg.h"
#include "base/confcheck.h"
#include "base/err.h"

#define AT(field) offsetof(struct hald_conf, field)

static char *wrong_device(const char *text)
{
    if (hald_dog_known(text))
        return NULL;
    return g_strdup("a watchdog device such as /dev/watchdog, unix:/PATH of a socket, or none");
}

// clang-format off
const struct conf_setting hald_conf_table[] = {
    { .section = "hald", .name = "socket", .type = CONF_PATH, .offset = AT(socket),
      .default_text = HALD_SOCKET,
      .doc = "where vrm-agent asks; only root may" },
    { .section = "hald", .name = "state_dir", .type = CONF_PATH, .offset = AT(state_dir),
      .default_text = VRM_STATEDIR "/hald",
      .doc = "folder of what the controller said last; must survive a reboot" },
    { .section = "hald", .name = "life_file", .type = CONF_PATH, .offset = AT(life_file),
      .default_text = "/run/vrm/hald.life",
      .doc = "what the next vrm-hald of this boot goes on with; in memory (tmpfs): it is written "
             "every second" },
    { .section = "hald", .name = "log_level", .type = CONF_CHOICE, .offset = AT(log_level),
      .default_text = "info", .choices = "error|warning|info|debug", .reload = true,
      .doc = "how much is logged" },
    { .section = "hald", .name = "lock_memory", .type = CONF_BOOL, .offset = AT(lock_memory),
      .default_text = "true",
      .doc = "keep the program in memory when the machine swaps" },
    { .section = "hald", .name = "real_time", .type = CONF_BOOL, .offset = AT(real_time),
      .default_text = "true",
      .doc = "run before all ordinary programs when the processors are busy" },

    { .section = "beat", .name = "address", .type = CONF_STRING, .offset = AT(address),
      .default_text = "", .min = 0, .max = 64,
      .doc = "this host's own address on the HA plane, told to the controller; empty: beats are sent "
             "and heard at any IPv4 address, and the other hosts send none here",
      .wrong = confcheck_address },
    { .section = "beat", .name = "port", .type = CONF_INT, .offset = AT(port),
      .default_text = G_STRINGIFY(7446), .min = 1, .max = 65535,
      .doc = "UDP port where the other hosts' beats are heard; the same on all hosts" },

    { .section = "watchdog", .name = "device", .type = CONF_STRING, .offset = AT(device),
      .default_text = "/dev/watchdog", .min = 1, .max = 96,
      .doc = "what resets this machine when vrm-hald stands still: a watchdog device, unix:PATH of a "
             "datagram socket that is told \"arm MS\", or none (then nothing does)",
      .wrong = wrong_device },

    { .section = "etcd", .name = "ca_file", .type = CONF_PATH, .offset = AT(ca_file),
      .default_text = "",
      .doc = "authority of https:// members of etcd; empty: the system's" },
    { .section = "etcd", .name = "cert_file", .type = CONF_PATH, .offset = AT(cert_file),
      .default_text = "",
      .doc = "client certificate for etcd" },
    { .section = "etcd", .name = "key_file", .type = CONF_PATH, .offset = AT(key_file),
      .default_text = "",
      .doc = "its private key" },
};
// clang-format on
const size_t hald_conf_n_table = G_N_ELEMENTS(hald_conf_table);

G_STATIC_ASSERT(BEAT_PORT_HALD == 7446);

static bool check_pair(const struct hald_conf *settings, GError **error)
{
    if (!*settings->cert_file == !*settings->key_file)
        return true;
    err_set_reason(error, VRM_ERR_INVALID, 0, "cert_file",
                   "[etcd] cert_file = %s, key_file = %s: want both or neither",
                   settings->cert_file, settings->key_file);
    return false;
}

bool hald_conf_load(const char *path, struct hald_conf *settings, GError **error)
{
    struct hald_conf loaded = { 0 };

    if (!conf_load(path, hald_conf_table, hald_conf_n_table, &loaded, error))
        return false;
    if (!check_pair(&loaded, error)) {
        confcheck_place(path, error);
        hald_conf_clear(&loaded);
        return false;
    }
    *settings = loaded;
    return true;
}

static bool check_file(const char *setting, const char *path, GError **error)
{
    if (!*path || access(path, R_OK) == 0)
        return true;
    err_set_reason(error, VRM_ERR_INVALID, 0, setting, "want a file that can be read: %s",
                   g_strerror(errno));
    return confcheck_blame(setting, path, error);
}

static bool check_parent(const char *setting, const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);

    return confcheck_folder(setting, folder, error);
}

static bool check_device(const char *device, GError **error)
{
    if (hald_dog_exists(device, error))
        return true;
    return confcheck_blame("[watchdog] device", device, error);
}

bool hald_conf_check(const struct hald_conf *settings, const char *path, GError **error)
{
    if (check_file("[etcd] ca_file", settings->ca_file, error) &&
        check_file("[etcd] cert_file", settings->cert_file, error) &&
        check_file("[etcd] key_file", settings->key_file, error) &&
        confcheck_folder("[hald] state_dir", settings->state_dir, error) &&
        check_parent("[hald] socket", settings->socket, error) &&
        check_parent("[hald] life_file", settings->life_file, error) &&
        check_device(settings->device, error))
        return true;
    confcheck_place(path, error);
    return false;
}

void hald_conf_clear(struct hald_conf *settings)
{
    conf_clear(hald_conf_table, hald_conf_n_table, settings);
}
