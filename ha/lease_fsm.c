/* lease_fsm.c - see lease_fsm.h.  The table is the design; the functions below only keep the facts
 * its guards look at. */
#include "config.h"

#include "ha/lease_fsm.h"

#include <glib.h>

#define S(name)  (1U << LEASE_##name)
#define E(name)  (1U << LSE_##name)
#define ANY      (~0U)
#define REFUSALS (E(OURS) | E(OTHER) | E(FENCED))
#define ANSWERS  (E(RENEWED) | REFUSALS | E(UNKNOWN))

static bool is_over(const struct lease_fsm *fsm, int64_t now_ms)
{
    return now_ms >= fsm->until_ms;
}

static bool is_due(const struct lease_fsm *fsm, int64_t now_ms)
{
    return !fsm->in_flight && now_ms >= fsm->next_ms;
}

// clang-format off
/* First match wins.  Ids are stable; gaps are left for rows to come. */
const struct lease_rule lease_rules[] = {
    {  1, ANY,                E(STALE),   NULL,    LEASE_STAY,   LSA_NOTHING, "an answer to an older request" },
    {  2, S(HELD),            ANY,        is_over, LEASE_LAPSED, LSA_KILL,    "not renewed in time: another host may soon run these VMs" },

    { 10, S(OUT),             E(TICK),    is_due,  LEASE_STAY,   LSA_RENEW,   "no lease yet" },
    { 11, S(OUT),             E(RENEWED), NULL,    LEASE_HELD,   LSA_HOLD,    "the record is ours" },
    { 12, S(OUT), E(OURS) | E(OTHER),     NULL,    LEASE_STAY,   LSA_RENEW,   "now we know what the record says: again over that" },
    { 13, S(OUT),             E(FENCED),  NULL,    LEASE_STAY,   LSA_REBORN,  "this incarnation was buried: go on as the next one" },

    { 14, S(OUT) | S(HELD),   E(SPENT),   NULL,    LEASE_OUT,    LSA_REBORN,  "an incarnation writes to one file: go on as the next one" },

    { 20, S(HELD),            E(TICK),    is_due,  LEASE_STAY,   LSA_RENEW,   "time to renew" },
    { 21, S(HELD),            E(RENEWED), NULL,    LEASE_STAY,   LSA_HOLD,    "confirmed, counted from its sending" },
    { 22, S(HELD),            E(OURS),    NULL,    LEASE_STAY,   LSA_RENEW,   "an answer was lost, its write was not: again over that" },
    { 23, S(HELD),            E(FENCED),  NULL,    LEASE_LAPSED, LSA_KILL,    "buried: another host may already run these VMs" },
    { 24, S(HELD),            E(OTHER),   NULL,    LEASE_LAPSED, LSA_KILL,    "somebody else is this host now" },

    { 25, S(HELD),            E(GIVEN_UP), NULL,   LEASE_LAPSED, LSA_KILL,    "cut off from all others: its cluster wants its VMs ended here" },

    { 30, S(LAPSED),          E(EMPTY),   NULL,    LEASE_OUT,    LSA_REBORN,  "nothing of it runs any more: go on as the next incarnation" },
    { 31, S(LAPSED),          E(TICK),    NULL,    LEASE_STAY,   LSA_KILL,    "until none is left" },

    { 89, S(LAPSED),          E(SPENT),   NULL,    LEASE_STAY,   LSA_NOTHING, "it is over anyway" },
    { 88, S(OUT) | S(LAPSED), E(GIVEN_UP), NULL,   LEASE_STAY,   LSA_NOTHING, "it protects nothing any more" },
    { 90, ANY,                E(UNKNOWN), NULL,    LEASE_STAY,   LSA_NOTHING, "nothing new; the next tick asks again" },
    { 91, S(LAPSED), E(RENEWED) | REFUSALS, NULL,  LEASE_STAY,   LSA_NOTHING, "this incarnation is over, whatever the record says" },
    { 92, S(OUT) | S(HELD), E(TICK) | E(EMPTY), NULL, LEASE_STAY, LSA_NOTHING, "nothing is due" },
};
// clang-format on
const size_t lease_n_rules = sizeof lease_rules / sizeof lease_rules[0];

void lease_fsm_init(struct lease_fsm *fsm, const struct lease_times *times,
                    const struct ha_owner *self)
{
    *fsm = (struct lease_fsm){ .times = *times, .self = *self, .counted_ms = -1 };
}

static void end_at(struct lease_fsm *fsm, int64_t end_ms)
{
    fsm->end_ms = end_ms;
    fsm->until_ms = end_ms - fsm->times.kill_ms;
}

void lease_fsm_resume(struct lease_fsm *fsm, const struct lease_times *times,
                      const struct ha_owner *self, int64_t end_ms)
{
    lease_fsm_init(fsm, times, self);
    fsm->state = LEASE_HELD;
    fsm->counted_ms = end_ms - times->length_ms;
    end_at(fsm, end_ms);
}

void lease_fsm_set_times(struct lease_fsm *fsm, const struct lease_times *times)
{
    fsm->times = *times;
    fsm->until_ms = MIN(fsm->until_ms, fsm->end_ms - times->kill_ms);
}

const struct lease_rule *lease_fsm_find(const struct lease_fsm *fsm, enum lease_event event,
                                        int64_t now_ms)
{
    for (size_t i = 0; i < lease_n_rules; i++) {
        const struct lease_rule *rule = &lease_rules[i];

        if ((rule->from >> fsm->state & 1U) != 0 && (rule->on >> event & 1U) != 0 &&
            (!rule->when || rule->when(fsm, now_ms)))
            return rule;
    }
    return &lease_rules[0]; /* unreachable: the table is complete, which a test proves */
}

static bool is_answer(enum lease_event event)
{
    return (ANSWERS >> event & 1U) != 0;
}

static enum lease_event effective_event(const struct lease_fsm *fsm,
                                        const struct lease_input *input)
{
    if (is_answer(input->event) && (!fsm->in_flight || input->request != fsm->request))
        return LSE_STALE;
    return input->event;
}

/* What the input tells, before the table is asked. */
static void learn(struct lease_fsm *fsm, const struct lease_input *input, enum lease_event event)
{
    if (event == LSE_STALE || !is_answer(input->event))
        return;
    fsm->in_flight = false;
    if (input->event == LSE_UNKNOWN || input->event == LSE_FENCED)
        return;
    fsm->version = input->version;
    fsm->former = input->event == LSE_OTHER ? input->inc : fsm->self.inc;
}

static void hold(struct lease_fsm *fsm)
{
    fsm->counted_ms = fsm->sent_ms;
    end_at(fsm, fsm->counted_ms + fsm->told_ms); /* kept */
}

static void send_request(struct lease_fsm *fsm, int64_t now_ms)
{
    fsm->request++;
    fsm->seq = now_ms > fsm->seq ? now_ms : fsm->seq + 1; /* seq */
    fsm->in_flight = true;
    fsm->sent_ms = now_ms;
    fsm->told_ms = MAX(fsm->times.length_ms, fsm->armed_ms - now_ms); /* told */
    fsm->end_ms = MIN(fsm->end_ms, now_ms + fsm->told_ms);            /* shorter */
    fsm->until_ms = MIN(fsm->until_ms, fsm->end_ms - fsm->times.kill_ms);
    fsm->next_ms = now_ms + fsm->times.renew_ms;
}

static void be_reborn(struct lease_fsm *fsm)
{
    fsm->request++; /* answers for the former life are stale */
    fsm->in_flight = false;
    fsm->self.inc.n++;
    fsm->counted_ms = -1;
    fsm->next_ms = 0;
}

const struct lease_rule *lease_fsm_step(struct lease_fsm *fsm, const struct lease_input *input)
{
    const enum lease_event event = effective_event(fsm, input);
    const struct lease_rule *rule;

    learn(fsm, input, event);
    rule = lease_fsm_find(fsm, event, input->now_ms);
    if (rule->to != LEASE_STAY)
        fsm->state = rule->to;
    if (rule->act == LSA_HOLD)
        hold(fsm);
    if (rule->act == LSA_RENEW)
        send_request(fsm, input->now_ms);
    if (rule->act == LSA_REBORN)
        be_reborn(fsm);
    return rule;
}

bool lease_fsm_holds(const struct lease_fsm *fsm, int64_t now_ms)
{
    return fsm->state == LEASE_HELD && now_ms < fsm->until_ms;
}

int64_t lease_fsm_deadline(const struct lease_fsm *fsm)
{
    if (fsm->state == LEASE_OUT)
        return INT64_MAX;
    return fsm->end_ms;
}

void lease_fsm_request(const struct lease_fsm *fsm, struct ha_txn *ret_txn)
{
    const struct ha_lease_record record = { fsm->self.inc, fsm->seq, fsm->told_ms };

    right_renew(&fsm->self, fsm->version, fsm->former, &record, ret_txn);
}

#define NAME(name, text) text,

const char *lease_state_name(enum lease_state state)
{
    static const char *const names[] = { LEASE_STATES(NAME) };

    return names[state];
}

const char *lease_event_name(enum lease_event event)
{
    static const char *const names[] = { LEASE_EVENTS(NAME) };

    return names[event];
}

const char *lease_action_name(enum lease_action action)
{
    static const char *const names[] = { LEASE_ACTIONS(NAME) };

    return names[action];
}
