/* isolation.c - see isolation.h. */
#include "config.h"

#include "ha/isolation.h"

#include <glib.h>

#define NEAR_MS  5000
#define STALL_MS 1500 /* a longer pause between two looks is our own fault */

void isolation_init(struct isolation *isolation)
{
    *isolation = (struct isolation){ .heard_ms = -1, .begun_ms = -1 };
}

void isolation_set(struct isolation *isolation, const struct isolation_policy *policy)
{
    isolation->policy = *policy;
    if (policy->response == ISOLATION_LEAVE)
        isolation->begun_ms = -1;
}

void isolation_hear(struct isolation *isolation, int64_t at_ms)
{
    if (at_ms > isolation->heard_ms)
        isolation->heard_ms = at_ms;
}

static void forgive_stall(struct isolation *isolation, int64_t now_ms)
{
    const int64_t gap_ms = now_ms - isolation->ticked_ms;

    if (isolation->heard_ms < 0)
        isolation->heard_ms = now_ms;
    else if (gap_ms > STALL_MS) /* stall */
        isolation_hear(isolation, MIN(isolation->heard_ms + gap_ms, now_ms));
    isolation->ticked_ms = now_ms;
}

static bool is_cut_off(const struct isolation *isolation, int64_t now_ms)
{
    return now_ms - isolation->heard_ms >= isolation->policy.after_ms;
}

enum isolation_step isolation_tick(struct isolation *isolation, bool has_vms, int64_t now_ms)
{
    const struct isolation_policy *policy = &isolation->policy;

    forgive_stall(isolation, now_ms);
    if (!has_vms || policy->response == ISOLATION_LEAVE)
        isolation->begun_ms = -1;
    else if (isolation->begun_ms < 0 && is_cut_off(isolation, now_ms))
        isolation->begun_ms = now_ms;
    if (isolation->begun_ms < 0)
        return ISOLATION_NOTHING;
    if (policy->response == ISOLATION_SHUTDOWN &&
        now_ms - isolation->begun_ms < policy->shutdown_ms)
        return ISOLATION_ASK;
    return ISOLATION_END;
}

bool isolation_is_near(const struct isolation *isolation, int64_t now_ms)
{
    const struct isolation_policy *policy = &isolation->policy;

    if (policy->response == ISOLATION_LEAVE || isolation->heard_ms < 0)
        return false;
    return isolation->begun_ms >= 0 || is_cut_off(isolation, now_ms + NEAR_MS);
}
