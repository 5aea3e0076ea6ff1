/* ha_lab.h - HA's shell over a real PostgreSQL and a real etcd, for component tests: one cluster,
 * three hosts, two VMs on the first.  Hosts are made of lease records, beats over UDP and agents'
 * lines; no command is ever carried out. */
#ifndef VRM_TESTS_HA_LAB_H
#define VRM_TESTS_HA_LAB_H

#include "controller/ha_shell.h"
#include "tests/ctl_lab.h"
#include "tests/etcdlab.h"

#define HA_LAB_HOSTS 3
#define HA_LAB_VMS   2 /* both on the first host */

struct fake_host {
    int64_t id;
    bool beats, agent, lease; /* what it does each PULSE */
    int64_t seq;
    unsigned boot; /* how often it was booted */
};

/* The one of this process. */
struct ha_lab {
    struct ctl_lab lab;
    struct etcdlab_client etcd;
    char *prefix, *dir;
    int port, socket;
    struct fake_host hosts[HA_LAB_HOSTS];
    int64_t vms[HA_LAB_VMS];
    bool ended[HA_LAB_VMS]; /* its host does not report it any more */
    int64_t local;          /* one more on the first host, on a disk of its own; 0: none */
    bool local_runs;
    guint pulse;
    bool no_storage; /* set before: [ha] storage = false */
};
extern struct ha_lab ha_lab;

/* Until every host is ok.  bmc: the first one has a fence device, which says "off"; ha: the
 * cluster's. */
void ha_lab_begin_with(bool bmc, bool ha);
void ha_lab_begin(bool bmc);
void ha_lab_end(void);

struct app *ha_lab_app(void);
/* The task that switches the first host on; NULL: there is none. */
const Task *ha_lab_power_on_task(void);
/* There is one; for etcdlab_run_until(). */
bool ha_lab_is_switched_on(const void *user);
const Vm *ha_lab_vm(int i);
/* vrmd becomes active, as the loop's owner has it. */
void ha_lab_become_active(void);
/* ... and has forgotten everything before: as after a doubt, or the next controller. */
void ha_lab_take_over(void);
bool ha_lab_all_ok(const void *user);

/* A record of rights: below PREFIX/ha/. */
void ha_lab_put(const char *key, const char *value);
/* The VM is the first host's, by that authority. */
void ha_lab_give_right(int i, int32_t authority);
/* A shared one, at /srv/nas; its id. */
int64_t ha_lab_add_datastore(void);

/* The first host's signs of life end, each if true. */
void ha_lab_silence(bool beats, bool agent, bool lease);
void ha_lab_hear_again(void);

/* The VM's start, of which there may be one; NULL: none. */
const Task *ha_lab_start_task(int i);
/* How HA sees it, for a failure's message.  Free with g_free. */
char *ha_lab_state_text(void);

#endif /* VRM_TESTS_HA_LAB_H */
