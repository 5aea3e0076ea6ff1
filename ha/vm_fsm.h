/* vm_fsm.h - what is done for a VM that should run: nothing, wait, start again, or hold it and say
 * why.
 *
 * Level-triggered: each look boils the records and reports down to one sign, and the table says
 * what that means in the present state.  Nothing here makes a second start harmless: that is the
 * work of the right's transactions (right.h).  A wrong sign costs time, never data.
 *
 * Pure: same state, sign and facts, same verdict.  Any thread. */
#ifndef VRM_HA_VM_FSM_H
#define VRM_HA_VM_FSM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// clang-format off
#define VM_FSM_STATES(X)                                                                           \
    X(OFF,        "off")        /* nobody wants it to run */                                       \
    X(RUNNING,    "running")                                                                       \
    X(LOST,       "lost")       /* no word from its host, and no proof of its death */             \
    X(RECOVERING, "recovering") /* waits for its turn, or is being started */                      \
    X(BACKOFF,    "backoff")    /* a try failed: the next one comes later */                       \
    X(HELD,       "held")       /* stays down until something changes; the reason says what */

#define VM_SIGNS(X)                                                                                \
    X(UNWANTED, "unwanted")                                                                        \
    X(RUNS,     "runs")   /* the owner's host reports it running */                                \
    X(FAILED,   "failed") /* our last try for it failed */                                         \
    X(BUSY,     "busy")   /* a request of ours for it is out */                                    \
    X(MOVING,   "moving") /* a migration is under way, and both its owners live */                 \
    X(WIDOWED,  "widowed") /* one of its two owners is buried */                                   \
    X(STRAY,    "stray")  /* two living owners, and no migration under way */                      \
    X(UNHEARD,  "unheard") /* its host has said nothing of it yet */                               \
    X(FREE,     "free")   /* nobody holds its right, or only one that did not claim it */          \
    X(DOWN,     "down")   /* the owner's host lives and says that it does not run */               \
    X(SILENT,   "silent") /* no word from the owner's host */

#define VM_ACTIONS(X)                                                                              \
    X(NOTHING, "nothing")                                                                          \
    X(PLACE,   "place")   /* find a host, then assign the right */                                 \
    X(START,   "start")   /* order the owner to start it */                                        \
    X(RELEASE, "release") /* order the owner (STRAY: the one that does not run it) to give it back */ \
    X(SETTLE,  "settle")  /* the owner that lives becomes the only one */
// clang-format on

#define VM_FSM_ENUM_STATE(name, text)  VM_FSM_##name,
#define VM_FSM_ENUM_SIGN(name, text)   VM_SIGN_##name,
#define VM_FSM_ENUM_ACTION(name, text) VM_ACT_##name,
enum vm_fsm_state {
    VM_FSM_STATES(VM_FSM_ENUM_STATE) VM_FSM_N_STATES
};
enum vm_sign {
    VM_SIGNS(VM_FSM_ENUM_SIGN) VM_N_SIGNS
};
enum vm_action {
    VM_ACTIONS(VM_FSM_ENUM_ACTION) VM_N_ACTIONS
};

/* "To" of a row that leaves the state as it is. */
#define VM_FSM_STAY VM_FSM_N_STATES

/* What guards may look at. */
struct vm_facts {
    bool armed;         /* HA is armed for its cluster */
    bool may_place;     /* its policy lets it go to another host, or its own is back */
    bool follows_crash; /* policy: start it again when it ended by itself */
    bool at_limit;      /* it did so as often as its policy allows in an hour */
    bool is_due;        /* its back-off is over */
    bool has_turn;      /* priority, dependencies and caps let it go now */
    bool awaits_slots;  /* hosts that just came may show a slot for it in a moment */
    bool should_leave;  /* its owner tried often enough, or is closed to starts */
};

struct vm_rule {
    int id; /* stable: it appears in events, traces and API answers */
    unsigned from, on;
    bool (*when)(const struct vm_facts *facts); /* NULL: always */
    enum vm_fsm_state to;
    enum vm_action act;
    const char *why;
};

extern const struct vm_rule vm_rules[];
extern const size_t vm_n_rules;

/* The row for a sign in a state.  Never NULL. */
const struct vm_rule *vm_fsm_find(enum vm_fsm_state state, enum vm_sign sign,
                                  const struct vm_facts *facts);

/* Pause after the n-th failure in a row, n from 1. */
int64_t vm_fsm_backoff_ms(unsigned n_failures);

const char *vm_fsm_state_name(enum vm_fsm_state state);
const char *vm_sign_name(enum vm_sign sign);
const char *vm_action_name(enum vm_action action);

#endif /* VRM_HA_VM_FSM_H */
