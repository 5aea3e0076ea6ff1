/* host_fsm.c - see host_fsm.h.  The table is the design. */
#include "config.h"

#include "ha/host_fsm.h"

#define S(name) (1U << HOST_##name)
#define E(name) (1U << SIGN_##name)
#define ANY     (~0U)
#define ALIVE   (E(WELL) | E(PARTLY) | E(ALONE))
#define GONE    (E(QUIET) | E(SILENT))

static bool in_maintenance(const struct host_facts *facts)
{
    return facts->in_maintenance;
}

static bool reboot_expected(const struct host_facts *facts)
{
    return facts->reboot_expected;
}

static bool may_shoot(const struct host_facts *facts)
{
    return facts->may_shoot;
}

static bool is_untrusted(const struct host_facts *facts)
{
    return facts->is_untrusted;
}

// clang-format off
/* First match wins.  Ids are stable; gaps are left for rows to come. */
const struct host_rule host_rules[] = {
    {  1, ANY & ~S(MAINTENANCE), ANY,      in_maintenance,   HOST_MAINTENANCE,     HOST_ACT_NOTHING, "an administrator put it into maintenance" },
    {  2, S(MAINTENANCE),        ANY,      in_maintenance,   HOST_STAY,            HOST_ACT_NOTHING, "in maintenance: silence is no failure" },
    {  3, S(MAINTENANCE),        ALIVE,    NULL,             HOST_REJOINING,       HOST_ACT_NOTHING, "maintenance is over" },
    {  4, S(MAINTENANCE),        GONE,     NULL,             HOST_SUSPECT,         HOST_ACT_ASK,     "maintenance is over, but it is silent" },
    {  5, S(MAINTENANCE),        E(DEAD),  NULL,             HOST_FENCED,          HOST_ACT_MOURN,   "maintenance is over, but it is dead" },

    { 10, S(OK) | S(REJOINING) | S(UNREACHABLE) | S(ISOLATED) | S(SUSPECT), ANY, reboot_expected, HOST_REBOOT_EXPECTED, HOST_ACT_NOTHING, "a planned reboot began" },
    { 11, S(REBOOT_EXPECTED),    GONE | E(DEAD) | E(ALONE), reboot_expected, HOST_STAY, HOST_ACT_NOTHING, "rebooting as planned" },
    { 12, S(REBOOT_EXPECTED),    ALIVE,    reboot_expected,  HOST_STAY,            HOST_ACT_NOTHING, "not down yet, or up again before its boot was seen" },
    { 13, S(REBOOT_EXPECTED),    ALIVE,    NULL,             HOST_REJOINING,       HOST_ACT_GREET,   "back from its reboot" },
    { 14, S(REBOOT_EXPECTED),    GONE,     NULL,             HOST_SUSPECT,         HOST_ACT_ASK,     "not back from its reboot in time" },
    { 15, S(REBOOT_EXPECTED),    E(DEAD),  NULL,             HOST_FENCED,          HOST_ACT_MOURN,   "not back from its reboot in time" },

    { 20, ANY & ~(S(FENCED) | S(QUARANTINE)), E(DEAD), NULL, HOST_FENCED,          HOST_ACT_MOURN,   "dead by proof" },

    { 30, S(OK),                 E(WELL),  NULL,             HOST_STAY,            HOST_ACT_NOTHING, "beats and agent" },
    { 31, S(OK),                 E(PARTLY) | E(ALONE) | GONE, NULL, HOST_SUSPECT,  HOST_ACT_ASK,     "a witness hears nothing: the others are asked" },

    { 40, S(SUSPECT) | S(UNREACHABLE) | S(ISOLATED), E(WELL), NULL, HOST_OK,       HOST_ACT_NOTHING, "it was only slow, or its network is back" },
    { 41, S(SUSPECT) | S(ISOLATED), E(PARTLY), NULL,         HOST_UNREACHABLE,     HOST_ACT_WARN,    "alive, but not by all its networks" },
    { 42, S(SUSPECT) | S(UNREACHABLE), E(ALONE), NULL,       HOST_ISOLATED,        HOST_ACT_WARN,    "alive by its leases alone: cut off from the networks" },
    { 43, S(SUSPECT) | S(UNREACHABLE) | S(ISOLATED), E(SILENT), may_shoot, HOST_FENCING, HOST_ACT_SHOOT, "silent everywhere: power it off to be sure" },
    { 44, S(SUSPECT) | S(UNREACHABLE) | S(ISOLATED), E(SILENT), NULL, HOST_FENCING, HOST_ACT_WARN,   "silent everywhere: its leases' end is awaited" },
    { 45, S(UNREACHABLE) | S(ISOLATED), E(QUIET), NULL,      HOST_SUSPECT,         HOST_ACT_ASK,     "now the last witness hears nothing either" },
    { 46, S(SUSPECT),            E(QUIET), NULL,             HOST_STAY,            HOST_ACT_NOTHING, "not silent for long enough" },
    { 47, S(UNREACHABLE),        E(PARTLY), NULL,            HOST_STAY,            HOST_ACT_NOTHING, "alive, but not by all its networks" },
    { 48, S(ISOLATED),           E(ALONE), NULL,             HOST_STAY,            HOST_ACT_NOTHING, "alive by its leases alone" },

    { 50, S(FENCING),            E(SILENT), may_shoot,       HOST_STAY,            HOST_ACT_SHOOT,   "the fence device gets another try" },
    { 51, S(FENCING),            GONE,     NULL,             HOST_STAY,            HOST_ACT_NOTHING, "never restart VMs of an unproved host" },
    { 52, S(FENCING),            ALIVE,    NULL,             HOST_REJOINING,       HOST_ACT_GREET,   "it lives" },

    { 60, S(FENCED),             ALIVE,    is_untrusted, HOST_QUARANTINE,      HOST_ACT_WARN,    "back, but it failed too often to be trusted" },
    { 61, S(FENCED),             ALIVE,    NULL,             HOST_REJOINING,       HOST_ACT_GREET,   "back in a new life" },
    { 62, S(FENCED),             GONE | E(DEAD), NULL,       HOST_STAY,            HOST_ACT_NOTHING, "dead" },

    { 70, S(REJOINING),          E(WELL),  NULL,             HOST_OK,              HOST_ACT_NOTHING, "beats and agent: whole again" },
    { 71, S(REJOINING),          E(PARTLY) | E(ALONE), NULL, HOST_STAY,            HOST_ACT_NOTHING, "not yet whole" },
    { 72, S(REJOINING),          GONE,     NULL,             HOST_SUSPECT,         HOST_ACT_ASK,     "silent again" },

    { 80, S(QUARANTINE),         ANY,      is_untrusted, HOST_STAY,            HOST_ACT_NOTHING, "in quarantine" },
    { 81, S(QUARANTINE),         ALIVE,    NULL,             HOST_REJOINING,       HOST_ACT_GREET,   "quarantine is over" },
    { 82, S(QUARANTINE),         GONE | E(DEAD), NULL,       HOST_FENCED,          HOST_ACT_NOTHING, "quarantine is over, but it is not there" },
};
// clang-format on
const size_t host_n_rules = sizeof host_rules / sizeof host_rules[0];

const struct host_rule *host_fsm_find(enum host_fsm_state state, enum host_sign sign,
                                      const struct host_facts *facts)
{
    for (size_t i = 0; i < host_n_rules; i++) {
        const struct host_rule *rule = &host_rules[i];

        if ((rule->from >> state & 1U) != 0 && (rule->on >> sign & 1U) != 0 &&
            (!rule->when || rule->when(facts)))
            return rule;
    }
    return &host_rules[0]; /* unreachable: the table is complete, which a test proves */
}

bool host_fsm_is_closed(enum host_fsm_state state)
{
    return state != HOST_OK;
}

bool host_fsm_is_in_doubt(enum host_fsm_state state)
{
    return ((S(SUSPECT) | S(ISOLATED) | S(FENCING)) >> state & 1U) != 0;
}

#define NAME(name, text) text,

const char *host_fsm_state_name(enum host_fsm_state state)
{
    static const char *const names[] = { HOST_FSM_STATES(NAME) };

    return names[state];
}

const char *host_sign_name(enum host_sign sign)
{
    static const char *const names[] = { HOST_SIGNS(NAME) };

    return names[sign];
}

const char *host_action_name(enum host_action action)
{
    static const char *const names[] = { HOST_ACTIONS(NAME) };

    return names[action];
}
