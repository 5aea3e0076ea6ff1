/* hang_fsm.h - does the guest of a VM hang, and what is done about it?
 *
 * A guest hangs when, for as long as its sensitivity says, its agent (which answered before) is
 * silent AND no byte goes to or from a disk or network AND its vCPUs either turn without a pause or
 * do nothing at all.  One that never had an agent is never judged.  What lies before our own first
 * sight, or before a moment in which it could not be judged, does not count: whatever was migrated,
 * paused, or stood still with its host, gets the whole time anew.
 *
 * Level-triggered: each sample becomes one sign, the table says what that means.
 * Pure: same state, sign and facts, same verdict.  Any thread. */
#ifndef VRM_HA_HANG_FSM_H
#define VRM_HA_HANG_FSM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// clang-format off
#define HANG_STATES(X)                                                                             \
    X(UNJUDGED, "unjudged") /* nothing can be said of it now */                                    \
    X(WELL,     "well")                                                                            \
    X(DOUBT,    "doubt")    /* silent, but not for long enough */                                  \
    X(HUNG,     "hung")

#define HANG_SIGNS(X)                                                                              \
    X(EXEMPT,   "exempt")   /* it may not be judged now: see hang_exemption() */                   \
    X(ALIVE,    "alive")    /* some sign of life, not long ago */                                  \
    X(QUIET,    "quiet")    /* none for half of the time that is a hang */                         \
    X(HANGS,    "hangs")    /* none for all of it */

#define HANG_ACTIONS(X)                                                                            \
    X(NOTHING,  "nothing")                                                                         \
    X(TELL,     "tell")     /* it hangs: event */                                                  \
    X(RESET,    "reset")    /* end it; its policy says where it starts again */
// clang-format on

#define HANG_ENUM_STATE(name, text)  HANG_##name,
#define HANG_ENUM_SIGN(name, text)   HANG_SIGN_##name,
#define HANG_ENUM_ACTION(name, text) HANG_ACT_##name,
enum hang_state {
    HANG_STATES(HANG_ENUM_STATE) HANG_N_STATES
};
enum hang_sign {
    HANG_SIGNS(HANG_ENUM_SIGN) HANG_N_SIGNS
};
enum hang_action {
    HANG_ACTIONS(HANG_ENUM_ACTION) HANG_N_ACTIONS
};

/* "To" of a row that leaves the state as it is. */
#define HANG_STAY HANG_N_STATES

/* What guards may look at. */
struct hang_facts {
    bool follows;  /* policy: a guest that hangs is reset */
    bool can;      /* armed, and there is somebody who starts it again */
    bool at_limit; /* it was started again as often as its policy allows in an hour */
    bool is_asked; /* its reset was ordered, and nothing came of it yet */
};

struct hang_rule {
    int id; /* stable: it appears in events and answers */
    unsigned from, on;
    bool (*when)(const struct hang_facts *facts); /* NULL: always */
    enum hang_state to;
    enum hang_action act;
    const char *why;
};

extern const struct hang_rule hang_rules[];
extern const size_t hang_n_rules;

/* The row for a sign in a state.  Never NULL. */
const struct hang_rule *hang_fsm_find(enum hang_state state, enum hang_sign sign,
                                      const struct hang_facts *facts);

/* ---- from a sample to a sign ------------------------------------------------------------------
 */

/* As the host reports them (agentproto/msg.h, struct domain_stats). */
struct hang_sample {
    int64_t agent_silent_ms; /* 0 also: it never answered */
    int64_t io_still_ms, cpu_still_ms, cpu_stuck_ms;
};

/* Circumstances under which silence means nothing. */
struct hang_case {
    bool runs;       /* it counts as running, and its host says so */
    bool is_handled; /* a task or HA works on it: migrated, paused, stopped, started, snapshot */
    bool is_new;     /* it was started, or came here, moments ago */
    bool stalled;    /* its host, or we, stood still: the sample came late */
};

/* Why it may not be judged now (static); NULL: it may. */
const char *hang_exemption(const struct hang_case *about);

/* For how long there has been no sign of life at all; watched_ms: since when we may judge it. */
int64_t hang_silence_ms(const struct hang_sample *sample, int64_t watched_ms);

enum hang_sign hang_sign_of(const struct hang_case *about, int64_t silence_ms, int64_t limit_ms);

/* One VM as judged so far; all zero at first. */
struct hang_watch {
    enum hang_state state;
    int64_t since_ms; /* what lies before does not count */
    bool is_watched;
    const struct hang_rule *rule; /* of the last look; NULL: none */
    int64_t silence_ms;           /* at the last look */
};

/* One look.  Returns the row, whose action the caller performs; never NULL. */
const struct hang_rule *hang_look(struct hang_watch *watch, const struct hang_case *about,
                                  const struct hang_sample *sample, const struct hang_facts *facts,
                                  int64_t limit_ms, int64_t now_ms);

const char *hang_state_name(enum hang_state state);
const char *hang_sign_name(enum hang_sign sign);
const char *hang_action_name(enum hang_action action);

#endif /* VRM_HA_HANG_FSM_H */
