/* lease_fsm.h - a host's lease under one authority: kept, and known to be lost.
 *
 * vrm-hald has one of these for etcd and one for each datastore with heartbeat slots.  The lease
 * is a record that it rewrites every `renew`; there is no time-to-live in etcd.  What an answer
 * is worth is counted from the sending of its request, t, however late it comes: the VMs of this
 * authority may run until t + length - kill, and the watchdog is armed to at most t + length.
 *
 * Whoever sees the record unchanged for `length` from his own first sight of it therefore knows
 * that nothing it protected runs any more: it was killed in the last `kill` ms, or the watchdog
 * reset the machine.
 *
 * The length is the host's own, and each record says it: whoever waits for it has perhaps other
 * times than a host that was cut off when they were changed.  A host never keeps what it runs for
 * longer than any record says that may stand: shorter times count from the sending of the first
 * renewal that says so, longer ones from the first that is answered.
 *
 * At most one request is out; answers carry its number, others are stale.
 * Pure: same state, input and time, same verdict.  Any thread. */
#ifndef VRM_HA_LEASE_FSM_H
#define VRM_HA_LEASE_FSM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ha/right.h"

struct lease_times {
    int64_t length_ms; /* L */
    int64_t renew_ms;  /* R: pause between requests */
    int64_t kill_ms;   /* K: what killing may take */
};

// clang-format off
#define LEASE_STATES(X)                                                                            \
    X(OUT,    "out")    /* no right, and no VM of this authority runs here */                      \
    X(HELD,   "held")                                                                              \
    X(LAPSED, "lapsed") /* no right: what still runs of this authority is being killed */

#define LEASE_EVENTS(X)                                                                            \
    X(TICK,    "tick")                                                                             \
    X(RENEWED, "renewed") /* our record stands, at the version that the input says */              \
    X(OURS,    "ours")    /* refused: the record is ours at another version, or there is none */    \
    X(OTHER,   "other")   /* refused: the record is of another incarnation of this host */         \
    X(FENCED,  "fenced")  /* refused: this incarnation was buried */                               \
    X(UNKNOWN, "unknown") /* no answer in time, or none that can be understood */                  \
    X(EMPTY,   "empty")   /* no process of a VM of this authority is left */                       \
    X(GIVEN_UP, "given up") /* the host is cut off and ends its VMs (isolation.h) */               \
    X(SPENT,   "spent")   /* storage: its file must be opened anew (slot.h); it protects nothing */\
    X(STALE,   "stale") /* made by the machine: an answer to an older request */

#define LEASE_ACTIONS(X)                                                                           \
    X(NOTHING, "nothing")                                                                          \
    X(RENEW,   "renew") /* request: right_renew(), or the slot's write */                          \
    X(HOLD,    "hold")  /* the lease is good for longer: arm the watchdog */                       \
    X(KILL,    "kill")  /* kill every VM of this authority, now */                                 \
    X(REBORN,  "reborn") /* all are gone: go on as the next incarnation */
// clang-format on

#define LEASE_ENUM_STATE(name, text)  LEASE_##name,
#define LEASE_ENUM_EVENT(name, text)  LSE_##name,
#define LEASE_ENUM_ACTION(name, text) LSA_##name,
enum lease_state {
    LEASE_STATES(LEASE_ENUM_STATE) LEASE_N_STATES
};
enum lease_event {
    LEASE_EVENTS(LEASE_ENUM_EVENT) LEASE_N_EVENTS
};
enum lease_action {
    LEASE_ACTIONS(LEASE_ENUM_ACTION) LEASE_N_ACTIONS
};

/* "To" of a row that leaves the state as it is. */
#define LEASE_STAY LEASE_N_STATES

struct lease_fsm {
    struct lease_times times;
    enum lease_state state;
    struct ha_owner self; /* host, authority, present incarnation */
    struct ha_inc former; /* the incarnation that the record names; boot 0: none, or not read */
    int64_t version;      /* of the record as last seen; 0: not seen */
    int64_t seq;    /* of the last request: the time of its sending, always growing within a boot */
    int64_t end_ms; /* HELD, LAPSED: no record that may stand says less than this */
    int64_t until_ms;   /* HELD: VMs may run until then */
    int64_t armed_ms;   /* its keeper's watchdog fires then: renewals say no less */
    int64_t told_ms;    /* length that the last request's record says */
    int64_t sent_ms;    /* of the request that is out, or of the last one */
    int64_t counted_ms; /* sending of the newest request whose answer counted; -1: none */
    int64_t next_ms;    /* no new request before this */
    uint64_t request;   /* number of the request that is out, or of the last one */
    bool in_flight;
};

struct lease_input {
    enum lease_event event;
    int64_t now_ms;
    uint64_t request;  /* answers: the number of their request */
    int64_t version;   /* RENEWED, OURS, OTHER: the record's */
    struct ha_inc inc; /* OTHER: the incarnation that the record names; boot 0: no record */
};

struct lease_rule {
    int id; /* stable: it appears in logs */
    unsigned from, on;
    bool (*when)(const struct lease_fsm *fsm, int64_t now_ms); /* NULL: always */
    enum lease_state to;
    enum lease_action act;
    const char *why;
};

extern const struct lease_rule lease_rules[];
extern const size_t lease_n_rules;

/* Starts without a right and without VMs, as `self`. */
void lease_fsm_init(struct lease_fsm *fsm, const struct lease_times *times,
                    const struct ha_owner *self);

/* Starts in the life that an earlier process of the same boot left, with its VMs: its lease ends at
 * `end_ms` unless a renewal says otherwise. */
void lease_fsm_resume(struct lease_fsm *fsm, const struct lease_times *times,
                      const struct ha_owner *self, int64_t end_ms);

/* Other times, for the renewals to come; what killing takes counts at once. */
void lease_fsm_set_times(struct lease_fsm *fsm, const struct lease_times *times);

/* One event; the verdict's row says what to do and why.  Never NULL. */
const struct lease_rule *lease_fsm_step(struct lease_fsm *fsm, const struct lease_input *input);

/* The row for an event in a state, without taking it. */
const struct lease_rule *lease_fsm_find(const struct lease_fsm *fsm, enum lease_event event,
                                        int64_t now_ms);

/* May a VM of this authority run at `now`?  Asked again right before each start. */
bool lease_fsm_holds(const struct lease_fsm *fsm, int64_t now_ms);

/* The latest time to which the watchdog may be armed for what this lease protects; INT64_MAX when
 * it protects nothing. */
int64_t lease_fsm_deadline(const struct lease_fsm *fsm);

/* The transaction of the RENEW that is out. */
void lease_fsm_request(const struct lease_fsm *fsm, struct ha_txn *ret_txn);

const char *lease_state_name(enum lease_state state);
const char *lease_event_name(enum lease_event event);
const char *lease_action_name(enum lease_action action);

#endif /* VRM_HA_LEASE_FSM_H */
