/* keeper.h - the host's side of the right to run: which VMs may run here, now.
 *
 * The core of vrm-hald.  It holds one lease an authority (lease_fsm.h), claims the right of each VM
 * before it starts, says when what must be killed, and until when the watchdog may be armed.  The
 * shell sends what it is told to send and reports what came back.
 *
 * A start goes: the agent asks (keeper_ask), the claim wins (ALLOWED), the agent makes the process
 * with its guest still halted and asks again (keeper_may_run), and only then lets the guest run.  A
 * lease that lapses in between finds a process to kill, however late that process was made.
 *
 * VMs of authority HA_LOCAL need no lease: their disk is here and nowhere else.
 *
 * Pure.  One thread at a time. */
#ifndef VRM_HA_KEEPER_H
#define VRM_HA_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "ha/isolation.h"
#include "ha/lease_fsm.h"

enum {
    KEEPER_MAX_LEASES = 8 /* etcd and seven datastores */
};

// clang-format off
#define KEEPER_ACTS(X)                                                                             \
    X(RENEW,   "renew")   /* as `request` of `authority`: send `txn`; of storage: see below */     \
    X(CLAIM,   "claim")   /* send `txn` as `request` for `vm` */                                   \
    X(RELEASE, "release") /* the same */                                                           \
    X(ALLOW,   "allow")   /* tell the agent: `vm` may be started */                                \
    X(REFUSE,  "refuse")  /* tell the agent: it may not; `why` */                                  \
    X(KILL,    "kill")    /* kill every VM of `authority` */                                       \
    X(PET,     "pet")     /* arm the watchdog for its whole length */
// clang-format on
#define KEEPER_ENUM_ACT(name, text) KEEPER_##name,
enum keeper_act {
    KEEPER_ACTS(KEEPER_ENUM_ACT) KEEPER_N_ACTS
};

struct keeper_action {
    enum keeper_act act;
    int32_t authority;
    int64_t vm;
    uint64_t request;
    struct ha_txn txn;
    const char *why; /* static */
};
VEC_DECLARE(keeper_actions, struct keeper_action);

enum keeper_vm_state {
    KEEPER_VM_CLAIMING,
    KEEPER_VM_ALLOWED, /* or it runs */
    KEEPER_VM_RELEASING,
};

struct keeper_vm {
    struct ha_vm_seen seen; /* its record as last known here */
    int32_t authority;
    enum keeper_vm_state state;
    uint64_t request;
    int64_t next_ms; /* RELEASING: no new request before this */
    bool in_flight;
    bool has_process;
};
VEC_DECLARE(keeper_vms, struct keeper_vm);

struct keeper {
    int64_t host;
    int64_t watchdog_ms;    /* how long the watchdog stays quiet after it was petted */
    int64_t wanted_ms;      /* ... and will, once every lease is kept long enough for that */
    int64_t armed_until_ms; /* when it fires if it is never petted again */
    unsigned n_leases;
    struct lease_fsm leases[KEEPER_MAX_LEASES];
    struct keeper_vms vms;
    uint64_t n_requests;
    struct isolation isolation;
    enum isolation_step step; /* what the last tick found it to be */
};

void keeper_init(struct keeper *keeper, int64_t host, int64_t watchdog_ms);
void keeper_clear(struct keeper *keeper);

/* What is done when the host is cut off from all others (isolation.h); nothing by default. */
void keeper_set_isolation(struct keeper *keeper, const struct isolation_policy *policy);
/* A peer or a controller was heard then; answers of etcd are heard by themselves. */
void keeper_hear(struct keeper *keeper, int64_t at_ms);
/* Is this VM's guest to be told to shut down, because of that? */
bool keeper_shuts_down(const struct keeper *keeper, int64_t vm);
/* Is this VM ended because of that, now or within seconds (isolation_is_near)? */
bool keeper_gives_up(const struct keeper *keeper, int64_t vm, int64_t now_ms);

/* Adds an authority; `self` as for lease_fsm_init, `times` of lease_fsm.h.  The watchdog's length
 * must be less than the lease's by more than a renewal takes, else it could not be petted in time.
 */
void keeper_add_lease(struct keeper *keeper, const struct lease_times *times,
                      const struct ha_owner *self);

/* Goes on in the life that an earlier process of the same boot left: its lease, which ends at
 * `end_ms`, and (keeper_adopt, for each) the VMs it had allowed; each counts as a process until a
 * sweep has looked. */
void keeper_resume_lease(struct keeper *keeper, const struct lease_times *times,
                         const struct ha_owner *self, int64_t end_ms);
void keeper_adopt(struct keeper *keeper, const struct ha_vm_seen *seen, int32_t authority);

/* Takes an authority away; false, and nothing is done, while a VM stands under it.  Added again in
 * the same boot, it goes on as a later incarnation than it was. */
bool keeper_remove_lease(struct keeper *keeper, int32_t authority);

/* Other times for one authority's lease.  Shorter ones count from the sending of the next renewal,
 * which says the watchdog's time while that is armed for longer; longer ones from the answer to it,
 * and the watchdog's from when every lease has one.  So whoever decides by what the records say is
 * never ahead of this host, whatever it heard of his times. */
void keeper_set_times(struct keeper *keeper, int32_t authority, const struct lease_times *times,
                      int64_t watchdog_ms);

/* The watchdog may fire no later than this: the end of the first lease that protects a process;
 * INT64_MAX: none does. */
int64_t keeper_deadline(const struct keeper *keeper);

/* Due every 100..500 ms: renewals, kills, releases, the watchdog.  A RENEW may end its lease
 * earlier than before (lease_fsm.h, end_ms): a next process must know of it before it is sent. */
void keeper_tick(struct keeper *keeper, int64_t now_ms, struct keeper_actions *actions);

/* The answer to a RENEW of `authority`.
 *
 * Storage (slot.h): while the lease is OUT, send `txn`, and when that won write the slot; RENEWED,
 * with the record's version, when the write is complete.  While it is HELD, write the slot alone;
 * RENEWED with the version the lease has.  The slot says what `txn` would put: its incarnation and
 * seq.  A write that failed is UNKNOWN, and the next one goes to the same file; one that takes long
 * is told when it ends.  SPENT, in OUT and HELD, when the open file is not the datastore's any
 * more: the path leads to another one or to none, or it answers ESTALE or EBADF.  It is heard while
 * no VM stands under the lease, which is the next incarnation's then, and OUT; each leaves a
 * tombstone in etcd, so it is told twice a minute at most. */
void keeper_renewed(struct keeper *keeper, int32_t authority, const struct lease_input *answer,
                    struct keeper_actions *actions);

/* The agent wants to start (or take in) a VM that `seen` says is ours. */
void keeper_ask(struct keeper *keeper, const struct ha_vm_seen *seen, int64_t now_ms,
                struct keeper_actions *actions);

/* What became of a CLAIM or RELEASE. */
struct keeper_answer {
    uint64_t request;
    bool known;      /* false: no answer */
    bool done;       /* the transaction's comparisons held */
    int64_t version; /* of the VM's record now */
    struct ha_vm_right right;
};
void keeper_answered(struct keeper *keeper, int64_t vm, const struct keeper_answer *answer,
                     int64_t now_ms, struct keeper_actions *actions);

/* The VM was stopped on purpose, or its start failed: give the right back. */
void keeper_give_up(struct keeper *keeper, int64_t vm, int64_t now_ms,
                    struct keeper_actions *actions);

/* What was seen of a VM's process: after each change, and of all at each sweep.  False: it has no
 * right to exist here, kill it now. */
bool keeper_see_process(struct keeper *keeper, int64_t vm, bool exists);

/* May this guest be let run, at this moment?  Not while the watchdog was armed past the end of its
 * lease, as it may be on a host without VMs: it would fire too late for this one. */
bool keeper_may_run(const struct keeper *keeper, int64_t vm, int64_t now_ms);

const struct keeper_vm *keeper_find(const struct keeper *keeper, int64_t vm);
const struct lease_fsm *keeper_lease(const struct keeper *keeper, int32_t authority);
const char *keeper_act_name(enum keeper_act act);

#endif /* VRM_HA_KEEPER_H */
