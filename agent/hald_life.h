/* hald_life.h - what vrm-hald leaves for its own next process, and where.
 *
 * The life: incarnations, leases and VMs, for a process of the same boot; a file in memory (tmpfs)
 * that is replaced after each change.  The setup: what the controller said last; a file on disk.
 * Both hold what keeps VMs alive: mode 0600.  Any thread; one writer a file. */
#ifndef VRM_AGENT_HALD_LIFE_H
#define VRM_AGENT_HALD_LIFE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agentproto/ha_setup.h"
#include "base/vec.h"
#include "ha/right.h"

struct life_lease {
    int32_t authority;
    struct ha_inc inc;
    int64_t end_ms; /* CLOCK_BOOTTIME; 0: not held */
    /* of a datastore */
    int64_t length_ms, renew_ms;
    char *path, *name;
};
VEC_DECLARE(life_leases, struct life_lease);

struct life_vm {
    struct ha_vm_seen seen;
    int32_t authority;
    char uuid[37];
    bool held;      /* allowed to run; else only banned */
    bool releasing; /* held, but being given back */
    bool told;      /* the agent says that its process will be there at any moment */
    bool unseen;    /* it was let run, and its process cannot be seen from here */
    bool banned;    /* its right lapsed: a process of it is killed on sight */
};
VEC_DECLARE(life_vms, struct life_vm);

struct life {
    uint64_t boot;
    int64_t host;
    char *prefix;
    int64_t armed_until_ms; /* the watchdog's, at most */
    struct life_leases leases;
    struct life_vms vms;
};

void life_clear(struct life *life);
/* Free with g_free. */
char *life_format(const struct life *life);
/* Strict; ret_life is untouched on failure. */
bool life_parse(const char *text, size_t len, struct life *ret_life, GError **error);

/* The kernel's boot id as a number; never 0. */
uint64_t life_boot(const char *boot_id);

/* Replaces the file at once or not at all; its folder must be there.  sync: it must survive a loss
 * of power, which may take long. */
bool life_write(const char *path, const char *text, bool sync, GError **error);
/* VRM_ERR_NOT_FOUND: there is none. */
char *life_read(const char *path, size_t *ret_len, GError **error);

bool life_load_setup(const char *path, struct ha_setup *ret_setup, GError **error);

#endif /* VRM_AGENT_HALD_LIFE_H */
