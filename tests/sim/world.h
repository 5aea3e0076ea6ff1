/* world.h - the simulated world around the production code of ha/: time, etcd, datastores, hosts,
 * controllers, networks, fence devices, and the promises that must hold in it.
 *
 * Nothing in here decides anything about HA: each "process" feeds what it would see to the state
 * machines of ha/ and does what they say, late, twice or never, as its seed or its scenario has it.
 * True time is `now`; each host's own clock runs up to 0.2 % fast or slow.
 *
 * One world, one thread. */
#ifndef VRM_TESTS_SIM_WORLD_H
#define VRM_TESTS_SIM_WORLD_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/vec.h"
#include "ha/ha.h"
#include "ha/keeper.h"
#include "ha/leader_fsm.h"
#include "ha/slot.h"
#include "ha/standin.h"

enum {
    MAX_HOSTS = 16,
    MAX_VMS = 64,
    MAX_CTLS = 3,
    MAX_STORES = 3,
    MAX_STAND_INS = 3, /* the first hosts; they follow the controllers in `ctls` */
    NOBODY = -1,
};

struct world;
struct event;
typedef void event_fn(struct world *world, const struct event *event);

/* Where the code of an event runs: nothing runs in a process that is down, was started again since
 * (another life) or, until it goes on, is paused. */
enum place {
    IN_WORLD,
    IN_HALD,  /* node: host */
    IN_AGENT, /* node: host */
    IN_HOST,  /* node: host; the machine itself */
    IN_CTL,   /* node: controller */
};

/* The administrator's; a vrmd reads them when it starts, and tells the hosts. */
struct settings {
    int64_t lease_ms, slot_ms;
};

struct event {
    int64_t at_ms;
    uint64_t order;
    event_fn *run;
    enum place place;
    int node;
    uint64_t life;
    /* what the event is about; each handler knows which of these it uses */
    int vm, peer;
    int32_t authority;
    uint64_t request;
    int64_t value;
    bool flag;
    struct ha_inc inc;
    struct settings settings;
    const char *why;
    struct call *call; /* owned by the world */
};

struct proc {
    bool exists, executes;
    bool incoming; /* a migration's target, until it is handed over */
    bool handed;   /* a migration's source that handed over and waits for the end */
    bool asked;    /* its guest was told to shut down */
    uint64_t n;    /* which process: a new one is a new number */
};

/* The order that a VM's start or release on a host answers; request 0: none. */
struct order {
    int ctl;
    uint64_t life, request;
};

/* Which file a host's path to its datastore leads to: the datastore's, or one in the host's own
 * folder, where nothing is mounted. */
enum file {
    NO_FILE,
    SHARED_FILE,
    LOCAL_FILE,
};

/* A host's way to a datastore, and what its vrm-hald has open there. */
struct sim_disk {
    bool hangs, fails; /* nothing ends; all ends with an error */
    bool full;         /* writes end with an error */
    bool tears;        /* the next write writes one sector, and fails */
    bool away;         /* it is not mounted (any more) */
    int64_t slow_ms;   /* each access takes up to so long */
    uint8_t *frozen;   /* reads show this; NULL: what is there */
    uint8_t local[SLOT_SIZE];
    int64_t faulted_ms; /* true time of the last fault that touched it */
    /* vrm-hald's */
    enum file file;
    struct ha_inc inc; /* whose file it is */
    bool wrote;        /* that incarnation sent a write */
    bool is_checked;   /* this process found or made it its own */
    bool busy;         /* its thread writes */
};

/* What hald keeps of a lease on tmpfs. */
struct saved_lease {
    int32_t authority;
    struct ha_inc inc;
    int64_t end_ms;
};

struct sim_host {
    int64_t id;
    bool up, hald_up, agent_up;
    bool has_bmc, bmc_dead;
    bool cut_mgmt, cut_ha, cut_etcd;
    bool maintenance;
    int64_t reboot_until;
    uint64_t boot, hald_life, agent_life, host_life;
    int64_t paused_until, hald_paused_until, agent_paused_until; /* true time */
    int64_t drift_ppm;
    int64_t booted_ms;   /* true time */
    int64_t watchdog_at; /* true time; 0: not armed */
    struct keeper keeper;
    struct settings setup;  /* as the last controller told it; on its disk */
    int64_t setup_epoch;    /* that one's */
    int64_t saved_armed_ms; /* hald's word to its next process: when the watchdog fires */
    bool was_held;          /* etcd's lease, since it booted */
    unsigned n_saved;
    struct saved_lease saved[KEEPER_MAX_LEASES]; /* what hald keeps on tmpfs */
    struct keeper_vms saved_vms;
    struct sim_disk disks[MAX_STORES];
    struct proc procs[MAX_VMS];
    struct order orders[MAX_VMS];
    int64_t faulted_ms;      /* true time of the last fault that touched it */
    int64_t hald_faulted_ms; /* the same of faults of vrm-hald itself */
};

struct sim_vm {
    struct ha_vm_spec spec;
    bool wanted;
    bool ran;      /* it ran at least once */
    bool no_start; /* every start fails, by the scenario */
    bool stays_up; /* its guest does not shut down when told to */
    int home;
    int64_t version;    /* of its record, as the creator left it */
    int64_t started_ms; /* true time of its last start */
    int64_t ordered_ms; /* when its last start was ordered */
    unsigned n_starts;
};

/* A vrmd; or the recovery leader that a host becomes while no vrmd leads: it sees etcd alone. */
struct controller {
    int host;              /* of a stand-in; NOBODY: a vrmd */
    int64_t leaderless_ms; /* stand-in: since when it knows of no leader; 0: there is one */
    struct leader_fsm fsm;
    bool up, active;
    bool cut_etcd;
    uint64_t life;
    int64_t paused_until;
    int64_t stale_until;      /* its watch is silent, and lists are of the past */
    int64_t lease;            /* its lease in etcd; 0: none */
    uint64_t call;            /* the request to etcd that is out */
    Ha *ha;                   /* a vrmd's, while it leads */
    StandIn *standin;         /* a stand-in's, while no leader is seen */
    int moving_vm;            /* the migration it carries out; NOBODY: none */
    struct settings settings; /* a vrmd's, since it started */
    int64_t set_up_ms;        /* the last time that it told the hosts */
};

/* ---- etcd -------------------------------------------------------------------------------------
 */

struct kv {
    struct ha_key key;
    int64_t created, modified;
    int64_t lease;
    struct ha_record record;
};
VEC_DECLARE(kvs, struct kv);

struct sim_lease {
    int64_t ends_ms;
    bool alive;
};
VEC_DECLARE(sim_leases, struct sim_lease);

struct sim_etcd {
    bool down;
    int64_t revision;
    struct kvs kvs;
    struct sim_leases leases; /* id: index + 1 */
};

/* ---- datastores -------------------------------------------------------------------------------
 */

/* A datastore's file of slots; its number is its authority less HA_STORAGE. */
struct sim_store {
    uint8_t blocks[MAX_HOSTS][SLOT_SIZE];
};

/* All slots as one reading found them. */
struct reading {
    bool failed;
    enum slot_content content[MAX_HOSTS];
    struct slot_record records[MAX_HOSTS];
};

/* A request on its way to etcd or to a datastore, its execution and its answer. */
struct call {
    struct ha_txn txn;
    uint64_t epoch; /* 0: not of one who decides */
    bool done;
    int64_t version;         /* of the first put's key, now */
    struct ha_record record; /* the same */
    bool exists, fenced;     /* the same; fenced: the sender's tombstone stands */
    uint64_t life;
    event_fn *on_answer;
    enum place place;
    int node, vm;
    int32_t authority;
    uint64_t request;
    bool answered;
    unsigned n_refs;
    /* of datastores */
    enum file file;
    uint64_t host_life;
    int64_t asked_ms;
    struct reading *reading; /* owned */
};

/* ---- the world --------------------------------------------------------------------------------
 */

VEC_DECLARE(heap, struct event *);

struct scenario;

struct world {
    struct rng rng;
    struct rng settings_rng; /* of its own: worlds without changes stay as they were */
    int64_t now;
    uint64_t n_events, n_ids;
    struct heap heap;
    struct sim_etcd etcd;
    struct sim_store stores[MAX_STORES];
    int n_hosts, n_vms, n_ctls, n_stores;
    int n_stand_ins;
    struct sim_host hosts[MAX_HOSTS];
    struct sim_vm vms[MAX_VMS];
    struct controller ctls[MAX_CTLS + MAX_STAND_INS];
    /* chaos, per mille, while now < calm_ms */
    int64_t calm_ms, end_ms;
    uint32_t loss_pm, slow_pm, start_fails_pm;
    int64_t gap_ms; /* longest pause between two random faults */
    int64_t etcd_faulted_ms;
    const struct scenario *scenario;
    bool armed;
    enum ha_isolation isolation; /* what hosts do that are cut off from all others */
    struct settings settings;    /* as they are on file */
    int64_t db_epoch;
    /* what came of it */
    GString *trace; /* NULL: not wanted */
    char *broken;   /* the promise that did not hold, with its moment */
    unsigned n_restarts, n_kills, n_burials, n_shots, n_migrations, n_resets;
};

/* queue.c */
struct event *world_post(struct world *world, int64_t delay_ms, event_fn *run, enum place place,
                         int node);
/* Runs the next event; false: there is none before `end_ms`. */
bool world_step(struct world *world, int64_t end_ms);
void world_drop_events(struct world *world);
bool world_chance(struct world *world, uint32_t per_mille);
int64_t world_between(struct world *world, int64_t low, int64_t high);
/* A message's way: mostly some ms, sometimes seconds. */
int64_t world_way_ms(struct world *world);
uint64_t world_new_id(struct world *world);
G_GNUC_PRINTF(2, 3) void world_note(struct world *world, const char *format, ...);

/* etcd_model.c */
struct call *etcd_call(struct world *world, enum place place, int node, const struct ha_txn *txn,
                       event_fn *on_answer);
void etcd_send(struct world *world, struct call *call, int64_t limit_ms);
void call_unref(struct call *call);
const struct kv *etcd_find(const struct world *world, const struct ha_key *key);
void etcd_execute(struct world *world, struct call *call);
bool etcd_holds(const struct world *world, const struct ha_txn *txn);
int64_t etcd_grant(struct world *world, int64_t ttl_ms);
bool etcd_keep_alive(struct world *world, int64_t lease, int64_t ttl_ms);
void etcd_revoke(struct world *world, int64_t lease);
bool etcd_lease_alive(const struct world *world, int64_t lease);
void etcd_put(struct world *world, const struct ha_put *put, int64_t lease);
void etcd_delete(struct world *world, const struct ha_key *key);

/* store_model.c */
#define STORE_TAG 0x5ee0f5107a6e5ULL
/* The host writes its slot: `record` of the call's txn's first put, to the call's file.
 * `on_answer` runs in its vrm-hald when it has ended, which may be never; flag: all is written. */
void store_write(struct world *world, struct call *call);
/* The host reads the call's file: call->reading is there when `on_answer` runs. */
void store_read(struct world *world, struct call *call);
/* Index of a storage authority's datastore; NOBODY: it is not one of storage. */
int store_of(int32_t authority);

/* host_slot.c */
/* KEEPER_RENEW of a storage authority. */
void host_renew_slot(struct world *world, int host, const struct keeper_action *action);
/* A decider asks the host for all slots of a datastore; ctl_hear_slots() has the answer. */
void host_ask_slots(struct world *world, int ctl, int host, int store);

/* host_model.c */
int64_t host_clock(const struct world *world, int host);
/* What the keeper says to do. */
void host_do(struct world *world, int host, struct keeper_actions *actions);
/* The answer to a RENEW. */
void host_renewed(struct world *world, int host, int32_t authority,
                  const struct lease_input *answer);
enum lease_event host_event_of(const struct call *call, bool answered);
void host_boot(struct world *world, int host);
void host_die(struct world *world, int host, int64_t reboot_in_ms); /* < 0: stays off */
void host_start_hald(struct world *world, int host, bool resume);
void host_kill_hald(struct world *world, int host);
void host_order_start(struct world *world, int ctl, const struct ha_action *action);
void host_order_release(struct world *world, int ctl, const struct ha_action *action);
void host_order_move(struct world *world, int vm, int from, int to);
void host_end_vm(struct world *world, int host, int vm);
/* A leader's word on how long leases last, on its way to a host that has others. */
void host_set_up(struct world *world, int ctl, int host);
/* By the record alone: nobody waits for an answer. */
void host_take_start(struct world *world, int host, int vm, const struct ha_vm_right *right,
                     int64_t version);

/* Is the VM's disk there? */
bool host_has_disk(const struct world *world, int host, int vm);
/* A VM on the host's own disk, which nobody else can run: the agent starts it. */
void host_start_local(struct world *world, int host, int vm);

/* follow.c */
void host_follow(struct world *world, int host);

/* ctl_slots.c */
void ctl_poll_slots(struct world *world, int ctl);
void ctl_hear_slots(struct world *world, int ctl, int reader, const struct call *call,
                    int64_t age_ms);

/* ctl_model.c */
void ctl_start(struct world *world, int ctl);
void ctl_die(struct world *world, int ctl);
void ctl_see_key(struct world *world, const struct kv *kv, const struct ha_key *key);
/* Index of the host's stand-in; NOBODY: it is not designated. */
int ctl_stand_in(const struct world *world, int host);
bool ctl_is_cut(const struct world *world, int ctl);
bool ctl_may_act(const struct world *world, const struct controller *ctl);
/* What it decides by; NULL: it does not. */
const Ha *ctl_ha(const struct controller *ctl);
void ctl_report(struct world *world, int host);
/* Tells it what the database says: what is wanted, maintenance, arming. */
void ctl_tell(struct world *world, int ctl);
/* The active controller, if any, migrates the VM to that host. */
void ctl_move(struct world *world, int vm, int to);
void ctl_beat(struct world *world, int host);
void ctl_answer(struct world *world, int ctl, uint64_t life, uint64_t request,
                enum ha_outcome outcome);

/* oracle.c: the promises; the first broken one ends the run */
void oracle_broken(struct world *world, const char *promise, const char *about);
void oracle_runs(struct world *world, int vm);
void oracle_kills(struct world *world, int host, int32_t authority);
void oracle_resets(struct world *world, int host);
void oracle_commits(struct world *world, const struct call *call);
void oracle_end(struct world *world);

/* chaos.c */
void chaos_begin(struct world *world);

/* world.c */
struct sim_options {
    uint64_t seed;
    int n_hosts, n_vms, n_ctls, n_stores;
    bool trace;
};
void world_init(struct world *world, const struct sim_options *options);
void world_boot(struct world *world);
void world_clear(struct world *world);
int world_add_host(struct world *world);
int world_add_store(struct world *world);
/* Index of an id; NOBODY: there is none. */
int world_host_index(const struct world *world, int64_t id);
int world_vm_index(const struct world *world, int64_t id);
int world_add_vm(struct world *world, const struct ha_vm_spec *spec, int home);

#endif /* VRM_TESTS_SIM_WORLD_H */
