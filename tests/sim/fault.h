/* fault.h - what can befall hosts, networks, etcd and controllers, and how it ends.
 *
 * For chance (chaos.c) and scenarios (scenario_deed.c) alike: both say what, here is what it means.
 * The oracle forgives a host for what its faults explain, so each fault notes how long it lasts. */
#ifndef VRM_TESTS_SIM_FAULT_H
#define VRM_TESTS_SIM_FAULT_H

#include "tests/sim/world.h"

#define FAULT_FOREVER (-1)

/* What a host can be cut from. */
enum {
    CUT_MGMT = 1,
    CUT_HA = 2,
    CUT_ETCD = 4,
    CUT_ALL = CUT_MGMT | CUT_HA | CUT_ETCD,
};

void fault_pause_host(struct world *world, int host, int64_t ms);
void fault_pause_hald(struct world *world, int host, int64_t ms);
void fault_pause_agent(struct world *world, int host, int64_t ms);

/* Ends by itself after ms, unless that is FAULT_FOREVER. */
void fault_cut_host(struct world *world, int host, unsigned cuts, int64_t ms);
void fault_heal_host(struct world *world, int host, unsigned cuts);

/* What befalls a host's way to a datastore. */
enum disk_fault {
    DISK_HANGS, /* APD: nothing ends, until it is over */
    DISK_FAILS, /* PDL */
    DISK_AWAY,  /* not mounted: its path leads to the host's own folder */
    DISK_FULL,  /* writes fail, reads do not */
    DISK_STALE, /* reads show what was there now */
    DISK_N_FAULTS,
};

/* A storage lease leaves 10 s to arm the watchdog, and a write may begin just when the one before
 * ends: slower than this, a datastore cannot stand a second fault (of etcd) beside it. */
#define FAULT_BEARABLE_MS 4500

/* Of one host, or (host NOBODY) of all. */
void fault_break_disk(struct world *world, int host, int store, enum disk_fault fault, int64_t ms);
void fault_heal_disk(struct world *world, int host, int store);
void fault_slow_disk(struct world *world, int host, int store, int64_t slow_ms);
/* The host's next write leaves one sector of its slot as it was. */
void fault_tear_disk(struct world *world, int host, int store);

void fault_stop_etcd(struct world *world, int64_t ms);
void fault_start_etcd(struct world *world);
void fault_drop_leader(struct world *world);

/* Other times for leases: the controllers are started again with them, and tell the hosts that they
 * reach.  False: such ones vrmd refuses. */
bool fault_set(struct world *world, const struct settings *settings);

/* One that is down stays so. */
void fault_kill_ctl(struct world *world, int ctl, int64_t ms);
void fault_pause_ctl(struct world *world, int ctl, int64_t ms);
void fault_cut_ctl(struct world *world, int ctl, int64_t ms);

#endif /* VRM_TESTS_SIM_FAULT_H */
