/* host_fsm.h - what the one who decides believes of a host, and when its fence device may be used.
 *
 * The evidence of all witnesses is boiled down to one sign at each look; the table says what that
 * means in the present state.  Whether a host's VMs may start elsewhere is not decided here: that
 * hangs on the tombstones of its incarnations alone (ha.h).
 *
 * Pure: same state, sign, facts and time, same verdict.  Any thread. */
#ifndef VRM_HA_HOST_FSM_H
#define VRM_HA_HOST_FSM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// clang-format off
#define HOST_FSM_STATES(X)                                                                         \
    X(OK,              "ok")                                                                       \
    X(SUSPECT,         "suspect")         /* beats stopped: the other witnesses are asked */       \
    X(UNREACHABLE,     "unreachable")     /* alive, but one of its networks or programs is not */  \
    X(ISOLATED,        "isolated")        /* alive by its leases alone */                          \
    X(FENCING,         "fencing")         /* no sign of life: a proof of death is awaited */       \
    X(FENCED,          "fenced")          /* dead by proof: nothing of it holds a right */         \
    X(REJOINING,       "rejoining")       /* back in a new life, not yet whole */                  \
    X(MAINTENANCE,     "maintenance")     /* an administrator works on it: silence is no failure */\
    X(REBOOT_EXPECTED, "reboot-expected") /* silence is no failure until the deadline */           \
    X(QUARANTINE,      "quarantine")      /* it failed too often to be trusted with VMs */

/* The strongest thing the evidence says, strongest first. */
#define HOST_SIGNS(X)                                                                              \
    X(DEAD,     "dead")     /* every incarnation it had is buried, and no new one is seen */       \
    X(WELL,     "well")     /* beats and agent */                                                  \
    X(PARTLY,   "partly")   /* a network witness says it lives, another hears nothing */           \
    X(ALONE,    "alone")    /* only its leases move */                                             \
    X(QUIET,    "quiet")    /* nothing, but not for long enough to say so */                       \
    X(SILENT,   "silent")   /* nothing for long enough, everywhere */
// clang-format on

#define HOST_FSM_ENUM_STATE(name, text) HOST_##name,
#define HOST_FSM_ENUM_SIGN(name, text)  SIGN_##name,
enum host_fsm_state {
    HOST_FSM_STATES(HOST_FSM_ENUM_STATE) HOST_N_STATES
};
enum host_sign {
    HOST_SIGNS(HOST_FSM_ENUM_SIGN) HOST_N_SIGNS
};

// clang-format off
#define HOST_ACTIONS(X)                                                                            \
    X(NOTHING, "nothing")                                                                          \
    X(ASK,     "ask")     /* probe agent, peers, slots and fence device, now */                    \
    X(SHOOT,   "shoot")   /* power off through the fence device */                                 \
    X(MOURN,   "mourn")   /* event: the host is dead */                                            \
    X(GREET,   "greet")   /* event: it is back */                                                  \
    X(WARN,    "warn")    /* alarm with the row's reason */
// clang-format on
#define HOST_FSM_ENUM_ACTION(name, text) HOST_ACT_##name,
enum host_action {
    HOST_ACTIONS(HOST_FSM_ENUM_ACTION) HOST_N_ACTIONS
};

/* "To" of a row that leaves the state as it is. */
#define HOST_STAY HOST_N_STATES

/* What guards may look at. */
struct host_facts {
    bool in_maintenance;
    bool reboot_expected; /* and its deadline is not over */
    bool may_shoot;       /* armed, it has a fence device, no brake, the last try is old enough */
    bool is_untrusted;    /* it failed more often than policy allows */
};

struct host_rule {
    int id; /* stable: it appears in events, traces and API answers */
    unsigned from, on;
    bool (*when)(const struct host_facts *facts); /* NULL: always */
    enum host_fsm_state to;
    enum host_action act;
    const char *why;
};

extern const struct host_rule host_rules[];
extern const size_t host_n_rules;

/* The row for a sign in a state.  Never NULL. */
const struct host_rule *host_fsm_find(enum host_fsm_state state, enum host_sign sign,
                                      const struct host_facts *facts);

/* Is the host one on which nothing new may start? */
bool host_fsm_is_closed(enum host_fsm_state state);

/* Does the state count for the brake "too many hosts at once"? */
bool host_fsm_is_in_doubt(enum host_fsm_state state);

const char *host_fsm_state_name(enum host_fsm_state state);
const char *host_sign_name(enum host_sign sign);
const char *host_action_name(enum host_action action);

#endif /* VRM_HA_HOST_FSM_H */
