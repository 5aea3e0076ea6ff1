/* ha.h - high availability as the one who decides sees it: hosts, leases, VMs, and what to do next.
 *
 * The core of HA in vrmd, and of the recovery leader while no vrmd leads.  The shell reports all
 * that it sees (beats, agents, records in etcd, fence devices, answers) whenever it sees it, and
 * calls ha_tick() a few times a second; the look at everything that is known then yields what to
 * do.  Nothing is remembered that a new leader could not see again.
 *
 *   host      host_fsm.h: is it alive, and may its power be cut?
 *   grip      one host's lease under one authority, as seen from here: is it proved to be over?
 *             It is when what the host writes stood still for as long as it says there, and for as
 *             long as the options say: who is cut off keeps the times that it was told last.  A
 *             host that does not say it counts as if it had the longest there can be (right.h)
 *             Proof -> BURY (a tombstone).  In any state of the host: the grip alone decides
 *             whether VMs may start elsewhere.
 *   VM        vm_fsm.h: FREE and wanted -> PLACE, ASSIGN, START
 *
 * Hosts and VMs are named by their index in order of adding.  Times are milliseconds of one
 * monotonic clock that counts suspended time.
 * Pure.  One thread at a time. */
#ifndef VRM_HA_HA_H
#define VRM_HA_HA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "ha/host_fsm.h"
#include "ha/right.h"
#include "ha/vm_fsm.h"

typedef struct Ha Ha;

struct ha_options {
    int64_t beat_ms;          /* a witness is silent after three of these */
    int64_t agent_ms;         /* the management plane is silent after this */
    int64_t move_ms;          /* a lease stands still after this */
    int64_t ask_ms;           /* how long the other witnesses get to answer */
    int64_t stall_ms;         /* a longer pause between two ticks is our own fault */
    int64_t shoot_pause_ms;   /* between two tries of a fence device */
    int64_t lease_ms;         /* L of etcd's leases, at least */
    int64_t slot_ms;          /* L of storage's leases, at least */
    unsigned brake_percent;   /* more hosts than this in doubt at once: no power is cut */
    unsigned max_starts;      /* at once, in all */
    unsigned max_host_starts; /* at once, on one host */
    unsigned max_failures;    /* of a host in failure_ms, then quarantine */
    int64_t failure_ms;
};

struct ha_vm_spec {
    int64_t id;
    int32_t authority;
    int priority;       /* higher starts first */
    int after;          /* index of the VM that must run first; -1: none */
    bool follows_host;  /* policy: start it elsewhere when its host is dead */
    bool follows_crash; /* policy: start it again when it ended by itself ... */
    bool leaves_crash;  /* ... and not where it ended, if another host can have it */
    bool at_limit;      /* it was started again as often as its policy allows in an hour */
};

// clang-format off
#define HA_ACTS(X)                                                                                 \
    X(HOST,    "host")    /* `host` changed: event with rule, why */                               \
    X(ASK,     "ask")     /* ask every witness of `host` */                                        \
    X(SHOOT,   "shoot")   /* power `host` off; ha_see_power() */                                   \
    X(WARN,    "warn")    /* alarm about `host` */                                                 \
    X(BURY,    "bury")    /* send `txn`; ha_answered() */                                          \
    X(VM,      "vm")      /* `vm` changed: event with rule, why */                                 \
    X(PLACE,   "place")   /* find a host for `vm` (`host` alone, if not -1); ha_placed() */         \
    X(ASSIGN,  "assign")  /* send `txn`; ha_answered() */                                          \
    X(START,   "start")   /* order `host` to start `vm` by `seen`; ha_answered() */                \
    X(RELEASE, "release") /* order `host` to give up `vm`'s right; ha_answered() */                \
    X(SETTLE,  "settle")  /* send `txn`: one of two owners is left; ha_answered() */                \
    X(BRAKE,   "brake")   /* alarm: too many hosts at once; no power is cut */
// clang-format on
#define HA_ENUM_ACT(name, text) HA_DO_##name,
enum ha_act {
    HA_ACTS(HA_ENUM_ACT) HA_N_ACTS
};

struct ha_action {
    enum ha_act act;
    int host, vm;     /* -1: none */
    uint64_t request; /* what ha_answered() and ha_placed() are told; 0: no answer is expected */
    struct ha_txn txn;
    struct ha_vm_seen seen; /* START, RELEASE */
    bool leaves;            /* PLACE: not where it ended, if another host can have it */
    int rule;
    const char *why; /* static */
};
VEC_DECLARE(ha_actions, struct ha_action);

struct ha_lease_seen {
    struct ha_lease_record record;
    int64_t version;
    int64_t asked_ms;
};

/* A host's slot on a datastore, as another host read it. */
struct ha_slot_seen {
    struct ha_inc inc;
    int64_t seq;
    int64_t asked_ms;  /* what was read is not older: when it was asked for, less the reading's age
                        * (slot_age_ms) */
    int64_t length_ms; /* as the slot says; 0: it, or who read it, did not */
};

/* What came back. */
enum ha_outcome {
    HA_DONE,
    HA_FAILED,  /* refused: a comparison failed, or the order could not be carried out */
    HA_UNKNOWN, /* no answer: it may have happened */
    HA_PUT_OFF, /* a start that nobody could order just now: nothing was begun, no failure of the VM
                 */
};

Ha *ha_new(const struct ha_options *options, struct ha_mandate mandate);
void ha_free(Ha *ha);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ha, ha_free)

/* One who watched without a mandate (epoch 0: no transaction of it can win) has it now. */
void ha_set_mandate(Ha *ha, struct ha_mandate mandate);

int ha_add_host(Ha *ha, int64_t id, bool has_fence_device);
int ha_add_vm(Ha *ha, const struct ha_vm_spec *spec);

/* ---- what an administrator wants --------------------------------------------------------------
 */

void ha_set_armed(Ha *ha, bool armed);
/* The VM's policy is another one now; its id stays. */
void ha_set_spec(Ha *ha, int vm, const struct ha_vm_spec *spec);
void ha_set_wanted(Ha *ha, int vm, bool wanted);
/* A migration of the VM is under way: its two owners are that task's business. */
void ha_set_moving(Ha *ha, int vm, bool moving);
/* Somebody else's task works on the VM: nothing is begun for it. */
void ha_set_held(Ha *ha, int vm, bool held);
void ha_set_fence_device(Ha *ha, int host, bool has_one);
/* What the host failed is forgotten: quarantine ends. */
void ha_trust(Ha *ha, int host);
/* The VM's back-off is over. */
void ha_hurry(Ha *ha, int vm, int64_t now_ms);
/* Why the VM's last try failed, in the words of whoever tried; after ha_answered(). */
void ha_tell_trouble(Ha *ha, int vm, const char *why);
void ha_set_maintenance(Ha *ha, int host, bool on);
void ha_expect_reboot(Ha *ha, int host, int64_t deadline_ms);

/* ---- what is seen -----------------------------------------------------------------------------
 */

/* A beat of the host's life `inc` came on the HA plane. */
void ha_see_beat(Ha *ha, int host, struct ha_inc inc, int64_t now_ms);
/* Another host hears that life's beats. */
void ha_see_peer(Ha *ha, int host, struct ha_inc inc, int64_t now_ms);
/* The agent said something on the management plane. */
void ha_see_agent(Ha *ha, int host, int64_t now_ms);
/* A lease record as read or watched; `asked_ms`: when the reading began.  Of a storage authority it
 * says who the host is, not that it lives. */
void ha_see_lease(Ha *ha, int host, int32_t authority, const struct ha_lease_seen *seen,
                  int64_t now_ms);
/* A slot of our cluster that is whole, as read by another host than its own: a host is no witness
 * of itself.  What could not be read is not told.  A slot counts as unchanged only up to its latest
 * reading, a record in etcd up to the burial that compares it. */
void ha_see_slot(Ha *ha, int host, int32_t authority, const struct ha_slot_seen *seen,
                 int64_t now_ms);
/* etcd answers, whatever it says: without that no lease is said to stand still. */
void ha_see_etcd(Ha *ha, int64_t now_ms);
/* A tombstone stands. */
void ha_see_fence(Ha *ha, const struct ha_owner *dead);
/* A VM's record as read or watched. */
void ha_see_right(Ha *ha, int vm, int64_t version, const struct ha_vm_right *right);
/* The host's agent says whether it runs the VM.  A host that speaks says so of each VM that it
 * owns, of those that it does not have too. */
void ha_see_vm(Ha *ha, int vm, int host, bool runs);
/* The fence device's answer to SHOOT or ASK: is the power off, as seen after `now` began? */
void ha_see_power(Ha *ha, int host, bool off, int64_t now_ms);

/* ---- what came back ---------------------------------------------------------------------------
 */

/* PLACE: `host` -1 and why, or the host; then the ASSIGN is in `actions`. */
void ha_placed(Ha *ha, uint64_t request, int host, const char *why, int64_t now_ms,
               struct ha_actions *actions);
void ha_answered(Ha *ha, uint64_t request, enum ha_outcome outcome, int64_t now_ms);

/* ---- the look ---------------------------------------------------------------------------------
 */

void ha_tick(Ha *ha, int64_t now_ms, struct ha_actions *actions);

enum host_fsm_state ha_host_state(const Ha *ha, int host);
enum vm_fsm_state ha_vm_state(const Ha *ha, int vm);
/* Why the VM is in its state; valid until the next call that changes `ha`. */
const char *ha_vm_why(const Ha *ha, int vm);
bool ha_is_buried(const Ha *ha, const struct ha_owner *owner);
/* May a VM of this authority be given to the host now?  If so, as which owner: of that authority,
 * or, where the host has no slot that others see move, of etcd's. */
bool ha_may_take(const Ha *ha, int host, int32_t authority, struct ha_owner *ret_owner);

/* ---- for people -------------------------------------------------------------------------------
 */

struct ha_host_view {
    enum host_fsm_state state;
    const struct host_rule *rule; /* by which it came there; NULL: not looked at yet */
    int64_t since_ms;
    int64_t beat_ms, peer_ms, agent_ms; /* last sign of each witness */
    bool off;                           /* its power was seen off since it lived */
    unsigned n_failures;                /* lately */
    bool is_untrusted;                  /* ... more than policy allows */
};
void ha_view_host(const Ha *ha, int host, int64_t now_ms, struct ha_host_view *ret_view);

struct ha_lease_view {
    int32_t authority;
    struct ha_inc inc;
    int64_t since_ms; /* unchanged since our first sight then */
    bool buried;
    int64_t seq; /* storage: of its slot as last read; 0: not seen */
};
/* The host's n-th lease; false: it has fewer. */
bool ha_view_lease(const Ha *ha, int host, size_t n, struct ha_lease_view *ret_view);

/* The row that holds for the VM; NULL: not looked at yet. */
const struct vm_rule *ha_vm_rule(const Ha *ha, int vm);
bool ha_is_braked(const Ha *ha);
/* No host's beats are heard at all: hosts are judged by their agents and leases. */
bool ha_is_deaf(const Ha *ha);

const char *ha_act_name(enum ha_act act);

#endif /* VRM_HA_HA_H */
