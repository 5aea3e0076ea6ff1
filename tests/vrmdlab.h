/* vrmdlab.h - a whole system of processes for component tests: one or two vrmd, hosts
 * (tests/fleet_host), the PostgreSQL and the etcd of tests/services.sh.
 *
 * Everything is in a folder of its own and ends with the test, also when it fails.  Main thread,
 * but for vrmdlab_urls. */
#ifndef VRM_TESTS_VRMDLAB_H
#define VRM_TESTS_VRMDLAB_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/restcli.h"

#define VRMDLAB_HOSTS 3

typedef struct VrmdLab VrmdLab;

/* Hosts run, controllers do not yet. */
VrmdLab *vrmdlab_new(unsigned n_vrmd);
/* The same with a vrm-hald beside each host, and [ha] on. */
VrmdLab *vrmdlab_new_ha(unsigned n_vrmd);
/* Kills what still runs; the folder stays when VRM_KEEP is set. */
void vrmdlab_free(VrmdLab *lab);

const char *const *vrmdlab_urls(const VrmdLab *lab);
const char *vrmdlab_conninfo(const VrmdLab *lab);
const char *vrmdlab_dir(const VrmdLab *lab);
uint16_t vrmdlab_host_port(const VrmdLab *lab, unsigned host);

void vrmdlab_start(VrmdLab *lab, unsigned n);
/* SIGKILL.  lapse: its leadership ends at once, as if the lease's time had passed. */
void vrmdlab_kill(VrmdLab *lab, unsigned n, bool lapse);
void vrmdlab_signal(VrmdLab *lab, unsigned n, int signal);
/* Ends the leadership of a controller that is stopped or dead. */
void vrmdlab_lapse(VrmdLab *lab, unsigned n);
/* SIGTERM; the exit status. */
int vrmdlab_stop(VrmdLab *lab, unsigned n);
bool vrmdlab_runs(VrmdLab *lab, unsigned n);

void vrmdlab_kill_host(VrmdLab *lab, unsigned host);
void vrmdlab_start_host(VrmdLab *lab, unsigned host);

/* Its vrm-hald; one that was killed goes on in the same life. */
void vrmdlab_kill_hald(VrmdLab *lab, unsigned host);
void vrmdlab_start_hald(VrmdLab *lab, unsigned host);
/* Its settings from its next start on. */
void vrmdlab_set_ha(VrmdLab *lab, unsigned n, bool on);

/* The value of a key below the prefix, such as "/ha/vm/1"; "" if there is none. */
char *vrmdlab_etcd(VrmdLab *lab, const char *key);
void vrmdlab_etcd_put(VrmdLab *lab, const char *key, const char *value);

/* Which controller is active; -1: none. */
int vrmdlab_active(VrmdLab *lab);
/* Fails the test when none is after patience_ms. */
unsigned vrmdlab_wait_active(VrmdLab *lab, int64_t patience_ms);

/* Lines "HOST UUID" of the domains in the fleet, sorted. */
char *vrmdlab_fleet(const VrmdLab *lab);
/* A file of the fleet's: "log", "double"; "" if there is none. */
char *vrmdlab_fleet_file(const VrmdLab *lab, const char *name);

void vrmdlab_pause_ms(int64_t ms);

#endif /* VRM_TESTS_VRMDLAB_H */
