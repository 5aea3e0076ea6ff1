/* hang_fsm.c - see hang_fsm.h.  The table is the design. */
#include "config.h"

#include "ha/hang_fsm.h"

#define S(name) (1U << HANG_##name)
#define E(name) (1U << HANG_SIGN_##name)
#define ANY     (~0U)

static bool is_left(const struct hang_facts *facts)
{
    return !facts->follows;
}

static bool is_helpless(const struct hang_facts *facts)
{
    return !facts->can;
}

static bool is_at_limit(const struct hang_facts *facts)
{
    return facts->at_limit;
}

static bool is_asked(const struct hang_facts *facts)
{
    return facts->is_asked;
}

// clang-format off
/* First match wins.  Ids are stable; gaps are left for rows to come. */
const struct hang_rule hang_rules[] = {
    {  1, ANY,                            E(EXEMPT), NULL,        HANG_UNJUDGED, HANG_ACT_NOTHING, "it cannot be judged now" },
    {  2, ANY,                            E(ALIVE),  NULL,        HANG_WELL,     HANG_ACT_NOTHING, "it shows signs of life" },

    { 10, ANY & ~S(HUNG),                 E(QUIET),  NULL,        HANG_DOUBT,    HANG_ACT_NOTHING, "no sign of life, for less time than a hang takes" },
    { 11, S(HUNG),                        E(QUIET),  NULL,        HANG_STAY,     HANG_ACT_NOTHING, "still no sign of life" },
    { 12, S(UNJUDGED) | S(WELL),          E(HANGS),  NULL,        HANG_DOUBT,    HANG_ACT_NOTHING, "no sign of life all at once: a second look follows" },
    { 13, S(DOUBT),                       E(HANGS),  NULL,        HANG_HUNG,     HANG_ACT_TELL,    "its guest hangs: its agent is silent, it reads and writes nothing, its CPUs spin or stand still" },

    { 20, S(HUNG),                        E(HANGS),  is_left,     HANG_STAY,     HANG_ACT_NOTHING, "its guest hangs, and its policy says: leave it" },
    { 21, S(HUNG),                        E(HANGS),  is_helpless, HANG_STAY,     HANG_ACT_NOTHING, "its guest hangs, and nobody would start it again now" },
    { 22, S(HUNG),                        E(HANGS),  is_at_limit, HANG_STAY,     HANG_ACT_NOTHING, "its guest hangs, and it was started again as often as its policy allows in an hour" },
    { 23, S(HUNG),                        E(HANGS),  is_asked,    HANG_STAY,     HANG_ACT_NOTHING, "its guest hangs, and is being reset" },
    { 24, S(HUNG),                        E(HANGS),  NULL,        HANG_STAY,     HANG_ACT_RESET,   "its guest hangs: it is ended and started again" },
};
// clang-format on
const size_t hang_n_rules = sizeof hang_rules / sizeof hang_rules[0];

const struct hang_rule *hang_fsm_find(enum hang_state state, enum hang_sign sign,
                                      const struct hang_facts *facts)
{
    for (size_t i = 0; i < hang_n_rules; i++) {
        const struct hang_rule *rule = &hang_rules[i];

        if ((rule->from >> state & 1U) != 0 && (rule->on >> sign & 1U) != 0 &&
            (!rule->when || rule->when(facts)))
            return rule;
    }
    return &hang_rules[0]; /* unreachable: the table is complete, which a test proves */
}

/* ---- from a sample to a sign ----------------------------------------------------------------- */

const char *hang_exemption(const struct hang_case *about)
{
    const struct {
        bool holds;
        const char *why;
    } exemptions[] = {
        { !about->runs, "it does not run" },
        { about->is_handled, "it is being worked on" },
        { about->is_new, "it has just been started, or has just come here" },
        { about->stalled, "its host stood still" },
    };

    for (size_t i = 0; i < sizeof exemptions / sizeof exemptions[0]; i++)
        if (exemptions[i].holds)
            return exemptions[i].why;
    return NULL;
}

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t hang_silence_ms(const struct hang_sample *sample, int64_t watched_ms)
{
    const int64_t cpu_ms = max_of(sample->cpu_still_ms, sample->cpu_stuck_ms);
    const int64_t told_ms = min_of(sample->agent_silent_ms, min_of(sample->io_still_ms, cpu_ms));

    return max_of(min_of(told_ms, watched_ms), 0);
}

enum hang_sign hang_sign_of(const struct hang_case *about, int64_t silence_ms, int64_t limit_ms)
{
    if (hang_exemption(about))
        return HANG_SIGN_EXEMPT;
    if (silence_ms >= limit_ms)
        return HANG_SIGN_HANGS;
    return silence_ms >= limit_ms / 2 ? HANG_SIGN_QUIET : HANG_SIGN_ALIVE;
}

const struct hang_rule *hang_look(struct hang_watch *watch, const struct hang_case *about,
                                  const struct hang_sample *sample, const struct hang_facts *facts,
                                  int64_t limit_ms, int64_t now_ms)
{
    const struct hang_rule *rule;
    enum hang_sign sign;

    if (!watch->is_watched || hang_exemption(about)) {
        watch->is_watched = true;
        watch->since_ms = now_ms;
    }
    watch->silence_ms = hang_silence_ms(sample, now_ms - watch->since_ms);
    sign = hang_sign_of(about, watch->silence_ms, limit_ms);
    rule = hang_fsm_find(watch->state, sign, facts);
    if (rule->to != HANG_STAY)
        watch->state = rule->to;
    watch->rule = rule;
    return rule;
}

/* ---- names ----------------------------------------------------------------------------------- */

#define NAME(name, text) text,

const char *hang_state_name(enum hang_state state)
{
    static const char *const names[] = { HANG_STATES(NAME) };

    return names[state];
}

const char *hang_sign_name(enum hang_sign sign)
{
    static const char *const names[] = { HANG_SIGNS(NAME) };

    return names[sign];
}

const char *hang_action_name(enum hang_action action)
{
    static const char *const names[] = { HANG_ACTIONS(NAME) };

    return names[action];
}
