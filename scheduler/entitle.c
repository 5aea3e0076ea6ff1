/* entitle.c - see entitle.h.
 *
 * At water level L a claim holds L x shares, but at least its reservation and at most its demand.
 * The sum grows with L: the highest level that fits is found by halving, and the units left over,
 * fewer than one step of the level would take, go to the claims in order. */
#include "config.h"

#include "scheduler/entitle.h"

#include <inttypes.h>

/* Levels are this much finer than one unit for each share: with the most shares, the next level is
 * one unit more. */
#define LEVEL_BITS 24

static int64_t floor_of(const struct entitle_claim *claim)
{
    return MAX(MIN(claim->demand, claim->reserved), 0);
}

static int64_t shares_of(const struct entitle_claim *claim)
{
    return CLAMP(claim->shares, 1, ENTITLE_MAX_SHARES);
}

/* The level from which on the claim holds all its demand. */
static int64_t level_of_demand(const struct entitle_claim *claim)
{
    int64_t shares = shares_of(claim);

    return (((claim->demand << LEVEL_BITS) + shares - 1) / shares);
}

static int64_t held_at(const struct entitle_claim *claim, int64_t level)
{
    if (level >= level_of_demand(claim))
        return claim->demand;
    return MAX(level * shares_of(claim) >> LEVEL_BITS, floor_of(claim));
}

static int64_t sum_at(const struct entitle_claim *claims, size_t n, int64_t level)
{
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += held_at(&claims[i], level);
    return sum;
}

/* The highest level whose sum fits; the sum at `high` does not. */
static int64_t find_level(const struct entitle_claim *claims, size_t n, int64_t capacity,
                          int64_t high)
{
    int64_t low = 0;

    while (high - low > 1) {
        int64_t mid = low + (high - low) / 2;

        if (sum_at(claims, n, mid) <= capacity)
            low = mid;
        else
            high = mid;
    }
    return low;
}

static void share_at(const struct entitle_claim *claims, size_t n, int64_t capacity, int64_t level,
                     int64_t *ret_grants)
{
    int64_t left = capacity - sum_at(claims, n, level);

    for (size_t i = 0; i < n; i++) {
        int64_t grant = held_at(&claims[i], level);
        int64_t more = MIN(held_at(&claims[i], level + 1) - grant, MAX(left, 0));

        ret_grants[i] = grant + more;
        left -= more;
    }
}

void entitle_share(const struct entitle_claim *claims, size_t n, int64_t capacity,
                   int64_t *ret_grants)
{
    int64_t demand = 0, high = 0;

    for (size_t i = 0; i < n; i++) {
        demand += claims[i].demand;
        high = MAX(high, level_of_demand(&claims[i]));
    }
    if (demand <= capacity) {
        for (size_t i = 0; i < n; i++)
            ret_grants[i] = claims[i].demand;
    } else if (sum_at(claims, n, 0) >= capacity) {
        for (size_t i = 0; i < n; i++)
            ret_grants[i] = floor_of(&claims[i]);
    } else {
        share_at(claims, n, capacity, find_level(claims, n, capacity, high), ret_grants);
    }
}

char *entitle_cpu_terms(const Vm *vm)
{
    GString *text = g_string_new(NULL);

    if (vm->cpu.reservation_mhz > 0)
        g_string_append_printf(text, "%" PRId64 " MHz reserved, ", vm->cpu.reservation_mhz);
    if (vm->cpu.limit_mhz > 0)
        g_string_append_printf(text, "at most %" PRId64 " MHz, ", vm->cpu.limit_mhz);
    g_string_append_printf(text, "%" PRId64 " shares", MAX(vm->cpu.weight, 1));
    return g_string_free(text, FALSE);
}
