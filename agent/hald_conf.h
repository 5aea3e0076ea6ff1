/* hald_conf.h - the settings of vrm-hald.  Loop thread; afterwards read-only.
 *
 * Only what this machine must say itself; what HA is like on this site comes from the controller
 * (agentproto/ha_setup.h). */
#ifndef VRM_AGENT_HALD_CONF_H
#define VRM_AGENT_HALD_CONF_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/conf.h"

struct hald_conf {
    /* [hald] */
    char *socket;
    char *state_dir;
    char *life_file;
    char *log_level;
    bool lock_memory, real_time;
    /* [beat] */
    char *address;
    int64_t port;
    /* [watchdog] */
    char *device;
    /* [etcd] */
    char *ca_file, *cert_file, *key_file;
};

extern const struct conf_setting hald_conf_table[];
extern const size_t hald_conf_n_table;

/* settings is zeroed by the caller and cleared with hald_conf_clear. */
bool hald_conf_load(const char *path, struct hald_conf *settings, GError **error);
/* Does what the settings point to exist, and is it fit for its use?  Changes nothing; path: of the
 * file, for messages. */
bool hald_conf_check(const struct hald_conf *settings, const char *path, GError **error);
void hald_conf_clear(struct hald_conf *settings);

#endif /* VRM_AGENT_HALD_CONF_H */
