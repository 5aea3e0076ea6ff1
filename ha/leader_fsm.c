/* leader_fsm.c - see leader_fsm.h.  The table is the design; the functions below only keep the
 * facts its guards look at. */
#include "config.h"

#include "ha/leader_fsm.h"

#define S(name)       (1U << LEADER_##name)
#define E(name)       (1U << LEV_##name)
#define ANY           (~0U)
#define HOLDING       (S(ELECTED) | S(ELECTED_UNSURE) | S(ACTIVE) | S(UNSURE))
#define CAMPAIGNING   (S(STANDBY) | S(LEASING) | S(CLAIMING) | S(CLAIM_UNSURE))
#define RUNNING       (CAMPAIGNING | HOLDING)
#define READ_NOT_OURS (E(READ_OTHER) | E(READ_ABSENT))
#define ANSWERS                                                                                    \
    (E(GRANTED) | E(CLAIMED) | E(RENEWED) | E(REFUSED) | E(LEASE_GONE) | E(READ_OURS) |            \
     READ_NOT_OURS | E(REVOKED) | E(UNKNOWN))

/* No request is out, and enough time went by since the last one. */
static bool is_due(const struct leader_fsm *fsm, int64_t now_ms)
{
    return !fsm->in_flight && now_ms >= fsm->next_ms;
}

static bool is_overdue(const struct leader_fsm *fsm, int64_t now_ms)
{
    return now_ms >= fsm->next_ms;
}

static bool may_campaign(const struct leader_fsm *fsm, int64_t now_ms)
{
    return fsm->nobody_leads && is_due(fsm, now_ms);
}

// clang-format off
/* First match wins.  Ids are stable; gaps are left for rows to come. */
const struct leader_rule leader_rules[] = {
    {  1, ANY,               E(STALE),      NULL,         LEADER_STAY,           LA_NOTHING,    "an answer to an older request" },
    { 10, S(IDLE),           E(START),      NULL,         LEADER_STANDBY,        LA_WATCH,      "first see who leads" },
    { 11, S(IDLE) | S(STOPPED) | S(STANDBY) | S(LEASING), E(STOP), NULL, LEADER_STOPPED, LA_DONE, "nothing to give back" },

    { 20, S(STANDBY), E(KEY_ABSENT) | E(TICK), may_campaign, LEADER_LEASING,     LA_GRANT,      "nobody leads: each claim has a lease of its own" },

    { 30, S(LEASING),        E(KEY_OTHER),  NULL,         LEADER_STANDBY,        LA_STAND_BY,   "somebody was faster" },
    { 31, S(LEASING),        E(GRANTED),    NULL,         LEADER_CLAIMING,       LA_CLAIM,      "the lease is there" },
    { 32, S(LEASING),        E(UNKNOWN),    NULL,         LEADER_STAY,           LA_NOTHING,    "a lost lease binds nothing: another one later" },
    { 33, S(LEASING),        E(TICK),       is_due,       LEADER_STAY,           LA_GRANT,      "no lease yet: again" },

    { 40, S(CLAIMING),       E(CLAIMED),    NULL,         LEADER_ELECTED,        LA_TAKE_EPOCH, "the key is ours" },
    { 41, S(CLAIMING),       E(REFUSED),    NULL,         LEADER_STANDBY,        LA_STAND_BY,   "somebody was faster" },
    { 42, S(CLAIMING),       E(LEASE_GONE), NULL,         LEADER_STANDBY,        LA_STAND_BY,   "the lease lapsed before the claim" },
    { 43, S(CLAIMING),       E(UNKNOWN),    NULL,         LEADER_CLAIM_UNSURE,   LA_READ,       "the claim may have won" },

    { 50, S(CLAIM_UNSURE),   E(READ_OURS),  NULL,         LEADER_ELECTED,        LA_TAKE_EPOCH, "the claim had won" },
    { 51, S(CLAIM_UNSURE),   READ_NOT_OURS, NULL,         LEADER_STANDBY,        LA_STAND_BY,   "the claim had not won; without its lease it never can" },
    { 52, S(CLAIM_UNSURE),   E(TICK),       is_due,       LEADER_STAY,           LA_READ,       "still unknown: read again" },

    { 60, S(ELECTED),        E(DB_OK),      NULL,         LEADER_ACTIVE,         LA_ACT,        "etcd and database agree" },
    { 61, S(ELECTED_UNSURE), E(DB_OK),      NULL,         LEADER_UNSURE,         LA_ACT,        "the database agrees; only a renewal is in doubt" },
    { 62, HOLDING,           E(DB_NO),      NULL,         LEADER_DEPOSED,        LA_LOSE,       "the database refuses this epoch" },
    { 63, HOLDING,           E(REFUSED),    NULL,         LEADER_DEPOSED,        LA_LOSE,       "the guard failed: the key is not ours any more" },
    { 64, HOLDING,           E(LEASE_GONE), NULL,         LEADER_DEPOSED,        LA_LOSE,       "the lease is gone" },
    { 65, HOLDING,           READ_NOT_OURS, NULL,         LEADER_DEPOSED,        LA_LOSE,       "read: the key is not ours any more" },
    { 66, S(ELECTED) | S(ACTIVE), E(RENEWED), NULL,       LEADER_STAY,           LA_NOTHING,    "confirmed, counted from its sending" },
    { 67, S(ELECTED) | S(ACTIVE), E(TICK),  is_due,       LEADER_STAY,           LA_RENEW,      "time to renew" },

    { 70, S(ELECTED),        E(UNKNOWN),    NULL,         LEADER_ELECTED_UNSURE, LA_READ,       "a renewal without answer: ask, do not repeat" },
    { 71, S(ACTIVE),         E(UNKNOWN),    NULL,         LEADER_UNSURE,         LA_READ,       "a renewal without answer: ask, do not repeat" },
    { 72, S(ELECTED),        E(KEY_ABSENT) | E(KEY_OTHER), NULL, LEADER_ELECTED_UNSURE, LA_READ, "the watch contradicts: ask" },
    { 73, S(ACTIVE),         E(KEY_ABSENT) | E(KEY_OTHER), NULL, LEADER_UNSURE,  LA_READ,       "the watch contradicts: ask" },
    { 74, S(ELECTED_UNSURE), E(READ_OURS),  NULL,         LEADER_ELECTED,        LA_RENEW,      "still ours: renew at once" },
    { 75, S(UNSURE),         E(READ_OURS),  NULL,         LEADER_ACTIVE,         LA_RENEW,      "still ours: renew at once" },
    { 76, S(ELECTED_UNSURE) | S(UNSURE), E(TICK), is_due, LEADER_STAY,           LA_READ,       "still unknown: read again" },

    { 80, RUNNING | S(DEPOSED), E(STOP),    NULL,         LEADER_RESIGNING,      LA_REVOKE,     "give the lease back, and wait for it" },
    { 81, S(RESIGNING), E(REVOKED) | E(UNKNOWN), NULL,    LEADER_STOPPED,        LA_DONE,       "given back, or it lapses by itself" },
    { 82, S(RESIGNING),      E(TICK),       is_overdue,   LEADER_STOPPED,        LA_DONE,       "no answer in time: it lapses by itself" },

    { 90, S(IDLE) | S(DEPOSED) | S(RESIGNING) | S(STOPPED), ANY, NULL, LEADER_STAY, LA_NOTHING, "not in the race" },
    { 91, RUNNING,           E(TICK),       NULL,         LEADER_STAY,           LA_NOTHING,    "nothing is due" },
    { 92, RUNNING,           E(KEY_ABSENT) | E(KEY_OTHER), NULL, LEADER_STAY,    LA_NOTHING,    "noted; the request that is out decides, or the next tick" },
    { 93, RUNNING,           E(DB_OK) | E(DB_NO), NULL,   LEADER_STAY,           LA_NOTHING,    "that question is closed" },
    { 94, RUNNING,           E(START),      NULL,         LEADER_STAY,           LA_NOTHING,    "already started" },
    { 95, RUNNING,           ANSWERS,       NULL,         LEADER_STAY,           LA_NOTHING,    "nothing new; the next tick asks again" },
};
// clang-format on
const size_t leader_n_rules = sizeof leader_rules / sizeof leader_rules[0];

void leader_fsm_init(struct leader_fsm *fsm, int64_t ttl_ms)
{
    *fsm = (struct leader_fsm){ .state = LEADER_IDLE, .ttl_ms = ttl_ms };
}

const struct leader_rule *leader_fsm_find(const struct leader_fsm *fsm, enum leader_event event,
                                          int64_t now_ms)
{
    for (size_t i = 0; i < leader_n_rules; i++) {
        const struct leader_rule *rule = &leader_rules[i];

        if ((rule->from >> fsm->state & 1U) != 0 && (rule->on >> event & 1U) != 0 &&
            (!rule->when || rule->when(fsm, now_ms)))
            return rule;
    }
    return &leader_rules[0]; /* unreachable: the table is complete, which a test proves */
}

static bool is_answer(enum leader_event event)
{
    return (ANSWERS >> event & 1U) != 0;
}

/* An answer counts only for the request that is out, a verdict only for our epoch, and a key of our
 * lease only if it is the one we were elected with. */
static enum leader_event effective_event(const struct leader_fsm *fsm,
                                         const struct leader_input *input)
{
    if (is_answer(input->event) && (!fsm->in_flight || input->request != fsm->request))
        return LEV_STALE;
    if ((input->event == LEV_DB_OK || input->event == LEV_DB_NO) && input->value != fsm->epoch)
        return LEV_STALE;
    if (input->event == LEV_READ_OURS && leader_fsm_elected(fsm) && input->value != fsm->epoch)
        return LEV_READ_OTHER;
    return input->event;
}

static void learn_answer(struct leader_fsm *fsm, enum leader_event event)
{
    fsm->in_flight = false;
    if (event != LEV_UNKNOWN)
        fsm->n_failures = 0;
    else if (fsm->n_failures < 8)
        fsm->n_failures++;
}

/* What the event tells, before the table is asked. */
static void learn(struct leader_fsm *fsm, enum leader_event event, int64_t value)
{
    if (is_answer(event))
        learn_answer(fsm, event);
    if (event == LEV_KEY_ABSENT || event == LEV_READ_ABSENT)
        fsm->nobody_leads = true;
    if (event == LEV_KEY_OTHER || event == LEV_READ_OTHER)
        fsm->nobody_leads = false;
    if (event == LEV_GRANTED && value < fsm->ttl_ms)
        fsm->ttl_ms = value;
    /* A claim proves no more than its lease's grant did: it does not prolong the lease. */
    if (event == LEV_GRANTED || event == LEV_RENEWED)
        fsm->confirmed_ms = fsm->sent_ms;
    if (!leader_fsm_elected(fsm) && (event == LEV_CLAIMED || event == LEV_READ_OURS))
        fsm->epoch = value;
}

static int64_t pause_after(const struct leader_fsm *fsm, enum leader_action action)
{
    int64_t pause_ms = fsm->ttl_ms / 15;

    if (action == LA_RENEW)
        return fsm->ttl_ms / 3;
    if (action == LA_REVOKE)
        return leader_fsm_request_ms(fsm);
    if (action != LA_GRANT)
        return pause_ms;
    pause_ms <<= fsm->n_failures;
    return pause_ms < fsm->ttl_ms ? pause_ms : fsm->ttl_ms;
}

/* Numbers a new request; an action that ends a phase abandons the request that is out. */
static void note_request(struct leader_fsm *fsm, enum leader_action action, int64_t now_ms)
{
    if (leader_action_is_request(action)) {
        fsm->request++;
        fsm->in_flight = true;
        fsm->sent_ms = now_ms;
        fsm->next_ms = now_ms + pause_after(fsm, action);
    } else if (action == LA_STAND_BY || action == LA_LOSE || action == LA_DONE) {
        fsm->request++;
        fsm->in_flight = false;
    }
}

const struct leader_rule *leader_fsm_step(struct leader_fsm *fsm, const struct leader_input *input)
{
    const enum leader_event event = effective_event(fsm, input);
    const struct leader_rule *rule;

    learn(fsm, event, input->value);
    rule = leader_fsm_find(fsm, event, input->now_ms);
    if (rule->to != LEADER_STAY)
        fsm->state = rule->to;
    note_request(fsm, rule->act, input->now_ms);
    return rule;
}

int64_t leader_fsm_valid_until(const struct leader_fsm *fsm)
{
    if (fsm->state != LEADER_ACTIVE && fsm->state != LEADER_UNSURE)
        return 0;
    return fsm->confirmed_ms + fsm->ttl_ms * 7 / 10;
}

bool leader_fsm_elected(const struct leader_fsm *fsm)
{
    return (HOLDING >> fsm->state & 1U) != 0;
}

int64_t leader_fsm_request_ms(const struct leader_fsm *fsm)
{
    const int64_t third = fsm->ttl_ms / 3;

    if (third < 500)
        return 500;
    return third > 1500 ? 1500 : third;
}

bool leader_action_is_request(enum leader_action action)
{
    return action == LA_GRANT || action == LA_CLAIM || action == LA_RENEW || action == LA_READ ||
           action == LA_REVOKE;
}

#define NAME(name, text) text,

const char *leader_state_name(enum leader_state state)
{
    static const char *const names[] = { LEADER_STATES(NAME) };

    return names[state];
}

const char *leader_event_name(enum leader_event event)
{
    static const char *const names[] = { LEADER_EVENTS(NAME) };

    return names[event];
}

const char *leader_action_name(enum leader_action action)
{
    static const char *const names[] = { LEADER_ACTIONS(NAME) };

    return names[action];
}
