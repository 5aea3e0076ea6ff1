/* leader_fsm.h - the machine of leadership: when to campaign, act, doubt and give up.
 *
 * The shell (controller/leader.c) talks to etcd and reports what came back as events; each step
 * returns the one thing to do next.  At most one request to etcd is out at a time and carries the
 * number of the step that asked for it, so that an answer to an older request changes nothing.
 *
 * Right to act: until send time + 0.7 TTL of the last confirmed renewal, never counted from the
 * answer.  A time-out says nothing: the key is read, the write is not repeated.
 *
 * Pure: same state, event and time, same verdict.  Any thread. */
#ifndef VRM_HA_LEADER_FSM_H
#define VRM_HA_LEADER_FSM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// clang-format off
#define LEADER_STATES(X)                                                                           \
    X(IDLE,           "idle")           /* not started */                                          \
    X(STANDBY,        "standby")        /* another leads, or nobody knows */                       \
    X(LEASING,        "leasing")        /* nobody leads: asking for a lease */                     \
    X(CLAIMING,       "claiming")       /* the claim is out */                                     \
    X(CLAIM_UNSURE,   "claim-unsure")   /* the claim's answer was lost: reading */                 \
    X(ELECTED,        "elected")        /* etcd says us; the database is being asked */            \
    X(ELECTED_UNSURE, "elected-unsure") /* the same, and a renewal's answer was lost: reading */   \
    X(ACTIVE,         "active")         /* etcd and database agree */                              \
    X(UNSURE,         "unsure")         /* the same, and a renewal's answer was lost: reading */   \
    X(DEPOSED,        "deposed")        /* never again in this process */                          \
    X(RESIGNING,      "resigning")      /* the lease is being revoked */                           \
    X(STOPPED,        "stopped")

#define LEADER_EVENTS(X)                                                                           \
    X(START,        "start")                                                                       \
    X(TICK,         "tick")                                                                        \
    X(KEY_ABSENT,   "key-absent")   /* the watch: nobody leads */                                  \
    X(KEY_OTHER,    "key-other")    /* the watch: a key that is not of our lease */                \
    X(GRANTED,      "granted")      /* lease granted */                                            \
    X(CLAIMED,      "claimed")      /* the claim won: epoch */                                     \
    X(RENEWED,      "renewed")      /* lease kept alive and guarded put done */                    \
    X(REFUSED,      "refused")      /* the compare of a claim or renewal failed */                 \
    X(LEASE_GONE,   "lease-gone")   /* etcd does not know our lease */                             \
    X(READ_OURS,    "read-ours")    /* linearizable read: the key is of our lease: epoch */        \
    X(READ_OTHER,   "read-other")                                                                  \
    X(READ_ABSENT,  "read-absent")                                                                 \
    X(REVOKED,      "revoked")                                                                     \
    X(UNKNOWN,      "unknown")      /* time-out, broken connection, unintelligible answer */       \
    X(STALE,        "stale")        /* made by the machine: an answer to an older request */       \
    X(DB_OK,        "db-ok")        /* the database took the epoch */                              \
    X(DB_NO,        "db-no")        /* the database refused it, or knows a later one */            \
    X(STOP,         "stop")

#define LEADER_ACTIONS(X)                                                                          \
    X(NOTHING,    "nothing")                                                                       \
    X(WATCH,      "watch")       /* list and watch the key */                                      \
    X(GRANT,      "grant")       /* request: drop any earlier lease, ask for a new one */          \
    X(CLAIM,      "claim")       /* request: put the key if it does not exist, with our lease */   \
    X(RENEW,      "renew")       /* request: keep-alive, then the guarded put */                   \
    X(READ,       "read")        /* request: linearizable read of the key */                       \
    X(REVOKE,     "revoke")      /* request: revoke the lease */                  \
    X(STAND_BY,   "stand-by")    /* drop the lease, which also voids a claim still on its way */   \
    X(TAKE_EPOCH, "take-epoch")  /* bring the epoch to the database */                             \
    X(ACT,        "act")         /* tell the program that it leads */                              \
    X(LOSE,       "lose")        /* tell the program that it is over; drop the lease */            \
    X(DONE,       "done")        /* resigned */
// clang-format on

#define LEADER_ENUM_STATE(name, text)  LEADER_##name,
#define LEADER_ENUM_EVENT(name, text)  LEV_##name,
#define LEADER_ENUM_ACTION(name, text) LA_##name,
enum leader_state {
    LEADER_STATES(LEADER_ENUM_STATE) LEADER_N_STATES
};
enum leader_event {
    LEADER_EVENTS(LEADER_ENUM_EVENT) LEADER_N_EVENTS
};
enum leader_action {
    LEADER_ACTIONS(LEADER_ENUM_ACTION) LEADER_N_ACTIONS
};

/* "To" of a row that leaves the state as it is. */
#define LEADER_STAY LEADER_N_STATES

struct leader_fsm {
    enum leader_state state;
    int64_t ttl_ms;
    int64_t epoch;        /* create revision of our key; 0 before the claim won */
    int64_t confirmed_ms; /* send time of the newest request that proved lease and key */
    int64_t sent_ms;      /* send time of the request that is out, or of the last one */
    int64_t next_ms;      /* no new request before this */
    uint64_t request;     /* number of the request that is out, or of the last one */
    unsigned n_failures;  /* in a row: back-off */
    bool in_flight;
    bool nobody_leads; /* what the watch said last */
};

struct leader_input {
    enum leader_event event;
    int64_t now_ms;
    uint64_t request; /* answers: the number of their request */
    int64_t value;    /* CLAIMED, READ_OURS: epoch.  GRANTED: the lease's TTL in ms */
};

struct leader_rule {
    int id; /* stable: it appears in logs */
    unsigned from, on;
    bool (*when)(const struct leader_fsm *fsm, int64_t now_ms); /* NULL: always */
    enum leader_state to;
    enum leader_action act;
    const char *why;
};

extern const struct leader_rule leader_rules[];
extern const size_t leader_n_rules;

void leader_fsm_init(struct leader_fsm *fsm, int64_t ttl_ms);

/* One event; the verdict's row says what to do and why.  Never NULL. */
const struct leader_rule *leader_fsm_step(struct leader_fsm *fsm, const struct leader_input *input);

/* The row for an event in a state, without taking it. */
const struct leader_rule *leader_fsm_find(const struct leader_fsm *fsm, enum leader_event event,
                                          int64_t now_ms);

/* End of the right to act; 0 if there is none.  Only ever ahead of `now` by less than the TTL. */
int64_t leader_fsm_valid_until(const struct leader_fsm *fsm);

/* Does the machine hold, or may it hold, the key? */
bool leader_fsm_elected(const struct leader_fsm *fsm);

/* Time limit for one request to etcd. */
int64_t leader_fsm_request_ms(const struct leader_fsm *fsm);

bool leader_action_is_request(enum leader_action action);
const char *leader_state_name(enum leader_state state);
const char *leader_event_name(enum leader_event event);
const char *leader_action_name(enum leader_action action);

#endif /* VRM_HA_LEADER_FSM_H */
