/* vm_fsm.c - see vm_fsm.h.  The table is the design. */
#include "config.h"

#include "ha/vm_fsm.h"

#define S(name) (1U << VM_FSM_##name)
#define E(name) (1U << VM_SIGN_##name)
#define ANY     (~0U)
#define UPRIGHT (S(OFF) | S(RUNNING) | S(LOST))

static bool is_disarmed(const struct vm_facts *facts)
{
    return !facts->armed;
}

static bool stays_with_host(const struct vm_facts *facts)
{
    return !facts->may_place;
}

static bool stays_down(const struct vm_facts *facts)
{
    return !facts->follows_crash;
}

static bool is_at_limit(const struct vm_facts *facts)
{
    return facts->at_limit;
}

static bool is_due(const struct vm_facts *facts)
{
    return facts->is_due;
}

static bool has_turn(const struct vm_facts *facts)
{
    return facts->has_turn;
}

static bool awaits_slots(const struct vm_facts *facts)
{
    return facts->awaits_slots;
}

static bool should_leave(const struct vm_facts *facts)
{
    return facts->should_leave;
}

// clang-format off
/* First match wins.  Ids are stable; gaps are left for rows to come. */
const struct vm_rule vm_rules[] = {
    {  1, ANY,                      E(UNWANTED), NULL,            VM_FSM_OFF,        VM_ACT_NOTHING, "nobody wants it to run" },
    {  2, ANY,                      E(WIDOWED),  NULL,            VM_FSM_STAY,       VM_ACT_SETTLE,  "one host of its migration is dead: the other owns it" },
    {  3, ANY,                      E(STRAY),    NULL,            VM_FSM_STAY,       VM_ACT_RELEASE, "its migration is over: one host gives it up" },
    {  4, ANY,                      E(RUNS),     NULL,            VM_FSM_RUNNING,    VM_ACT_NOTHING, "it runs" },
    {  5, ANY,                      E(MOVING),   NULL,            VM_FSM_STAY,       VM_ACT_NOTHING, "it is being migrated" },
    {  6, ANY,                      E(BUSY),     NULL,            VM_FSM_STAY,       VM_ACT_NOTHING, "an answer is awaited" },
    {  7, ANY,                      E(UNHEARD),  NULL,            VM_FSM_STAY,       VM_ACT_NOTHING, "its host has said nothing of it yet" },
    {  8, ANY,                      E(FAILED),   NULL,            VM_FSM_BACKOFF,    VM_ACT_NOTHING, "the try failed: again later" },

    { 10, ANY & ~S(LOST),           E(SILENT),   NULL,            VM_FSM_LOST,       VM_ACT_NOTHING, "no word from its host" },
    { 11, S(LOST),                  E(SILENT),   NULL,            VM_FSM_STAY,       VM_ACT_NOTHING, "no word from its host, and no proof that it is dead" },

    { 20, ANY,                      E(FREE) | E(DOWN), is_disarmed, VM_FSM_HELD,     VM_ACT_NOTHING, "HA is disarmed" },
    { 21, UPRIGHT | S(HELD),        E(FREE),     stays_with_host, VM_FSM_HELD,       VM_ACT_NOTHING, "its policy says: not on another host, and its own is not back" },
    { 22, UPRIGHT | S(HELD),        E(FREE),     NULL,            VM_FSM_RECOVERING, VM_ACT_NOTHING, "its host lost it: it waits for its turn" },
    { 23, UPRIGHT | S(HELD),        E(DOWN),     stays_down,      VM_FSM_HELD,       VM_ACT_NOTHING, "it ended by itself, and its policy says: leave it" },
    { 25, UPRIGHT | S(HELD),        E(DOWN),     is_at_limit,     VM_FSM_HELD,       VM_ACT_NOTHING, "it ended by itself more often in an hour than its policy allows" },
    { 24, UPRIGHT | S(HELD),        E(DOWN),     NULL,            VM_FSM_RECOVERING, VM_ACT_NOTHING, "it ended, and its host lives" },

    { 29, S(RECOVERING),            E(FREE),     awaits_slots,    VM_FSM_STAY,       VM_ACT_NOTHING, "hosts that just came are to show their slots on its datastore" },
    { 30, S(RECOVERING),            E(FREE),     has_turn,        VM_FSM_STAY,       VM_ACT_PLACE,   "its turn: a host is sought" },
    { 31, S(RECOVERING),            E(DOWN),     should_leave,    VM_FSM_STAY,       VM_ACT_RELEASE, "this host does not get it to run: elsewhere" },
    { 32, S(RECOVERING),            E(DOWN),     has_turn,        VM_FSM_STAY,       VM_ACT_START,   "its turn: its host starts it" },
    { 33, S(RECOVERING),            E(FREE) | E(DOWN), NULL,      VM_FSM_STAY,       VM_ACT_NOTHING, "others go first" },

    { 40, S(BACKOFF),               E(FREE) | E(DOWN), is_due,    VM_FSM_RECOVERING, VM_ACT_NOTHING, "the pause is over" },
    { 41, S(BACKOFF),               E(FREE) | E(DOWN), NULL,      VM_FSM_STAY,       VM_ACT_NOTHING, "a pause after a failure" },
};
// clang-format on
const size_t vm_n_rules = sizeof vm_rules / sizeof vm_rules[0];

const struct vm_rule *vm_fsm_find(enum vm_fsm_state state, enum vm_sign sign,
                                  const struct vm_facts *facts)
{
    for (size_t i = 0; i < vm_n_rules; i++) {
        const struct vm_rule *rule = &vm_rules[i];

        if ((rule->from >> state & 1U) != 0 && (rule->on >> sign & 1U) != 0 &&
            (!rule->when || rule->when(facts)))
            return rule;
    }
    return &vm_rules[0]; /* unreachable: the table is complete, which a test proves */
}

int64_t vm_fsm_backoff_ms(unsigned n_failures)
{
    static const int64_t pauses_ms[] = { 0, 0, 10000, 30000, 60000, 300000, 1800000 };
    const unsigned last = sizeof pauses_ms / sizeof pauses_ms[0] - 1;

    return pauses_ms[n_failures < last ? n_failures : last];
}

#define NAME(name, text) text,

const char *vm_fsm_state_name(enum vm_fsm_state state)
{
    static const char *const names[] = { VM_FSM_STATES(NAME) };

    return names[state];
}

const char *vm_sign_name(enum vm_sign sign)
{
    static const char *const names[] = { VM_SIGNS(NAME) };

    return names[sign];
}

const char *vm_action_name(enum vm_action action)
{
    static const char *const names[] = { VM_ACTIONS(NAME) };

    return names[action];
}
