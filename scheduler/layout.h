/* layout.h - who is where: an assignment of VMs to hosts with its score, kept up to date by running
 * sums, so that judging a move costs a few additions whatever the size of the cluster.
 *
 * Internal to the scheduler.  All sums are integers, hence exact: any way to the same assignment
 * gives the same score.  Pure; one thread at a time. */
#ifndef VRM_SCHEDULER_LAYOUT_H
#define VRM_SCHEDULER_LAYOUT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "scheduler/plan.h"
#include "scheduler/problem.h"

/* Load of a host in these units: LOAD_ONE is 100 %. */
#define LOAD_ONE          INT64_C(100000)
#define LOAD_PER_PERMILLE (LOAD_ONE / 1000)

/* The objective, most important first; smaller is better. */
struct score {
    int64_t must;     /* VMs at the wrong place by must-rules */
    int64_t shortage; /* MiB beyond capacity */
    int64_t overload; /* MHz of entitlement beyond capacity */
    int64_t crowd;    /* LOAD_ONE-th hosts beyond bounds: network, vCPUs for each thread */
    int64_t should;
    int64_t soft; /* LOAD_ONE-th hosts x seconds: imbalance over the horizon, and cost of moves */
};

/* < 0: a is better. */
int score_cmp(const struct score *a, const struct score *b);

/* How dear moves are; both 0: free. */
struct layout_price {
    int64_t lambda_percent;
    int64_t min_gain; /* per mille of one host over the horizon, per move */
};

VEC_DECLARE(layout_vms, uint32_t);

struct Layout {
    const Problem *problem;
    struct filter_lists filters;
    uint32_t *at;   /* host of each VM or NO_INDEX */
    uint32_t *slot; /* where the VM stands in its host's list */
    struct layout_vms *host_vms;
    int64_t *used[N_RESOURCES]; /* entitlement on each host */
    int64_t *load[N_RESOURCES]; /* the same over capacity, in LOAD_ONE */
    int64_t *committed;         /* MiB configured */
    int64_t *part[N_BOUNDED];   /* vCPUs, kbit/s */
    int64_t *reserved, *mem_reserved;
    int64_t *devices; /* in use, as DevFit.has; NULL: none are needed */
    uint32_t *count;  /* [rule * n_hosts + domain]: members there */
    int64_t *price;   /* of each VM for not being at home, in units of score.soft */
    uint32_t n_moved; /* VMs not at home */
    /* running sums over usable hosts */
    int64_t sum[N_RESOURCES], sum_sq[N_RESOURCES];
    uint32_t top[N_RESOURCES][3]; /* hosts with the highest load, NO_INDEX: none */
    int64_t price_sum;
    int64_t deviation[N_RESOURCES]; /* n x standard deviation of the last score: start for roots */
    struct score score;
};
typedef struct Layout Layout;

/* Every VM at home. */
Layout *layout_new(const Problem *problem, const struct layout_price *price);
void layout_free(Layout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Layout, layout_free)

/* The score if vm were on host `to` (NO_INDEX: nowhere).  Does not ask any filter. */
void layout_try(const Layout *layout, uint32_t vm, uint32_t to, struct score *ret_score);
/* An upper bound, quickly found, of how far score.soft could fall by that move before its price:
 * from sqrt(a) - sqrt(b) <= (a - b) / sqrt(a).  INT64_MAX if the move leaves a hottest host. */
int64_t layout_gain_bound(const Layout *layout, uint32_t vm, uint32_t to);
/* Puts it there. */
void layout_move(Layout *layout, uint32_t vm, uint32_t to);

void layout_measure(const Layout *layout, struct plan_measure *ret_measure);

/* How far the hottest host is above the mean, in per mille, by the resource where that is more. */
int64_t layout_spread(const Layout *layout, const struct plan_measure *measure);

/* How far the host is beyond its bounds, in LOAD_ONE of each, summed. */
int64_t layout_crowd(const Layout *layout, uint32_t host);

/* Members of the rule on the host or in its rack, without vm itself. */
uint32_t layout_others(const Layout *layout, uint32_t rule, uint32_t vm, uint32_t host);

/* How many more VMs stand wrong by the rule when vm goes to `to`. */
int64_t layout_rule_change(const Layout *layout, uint32_t rule, uint32_t vm, uint32_t to);

/* Load of a host in per mille. */
static inline int64_t layout_permille(const Layout *layout, enum resource res, uint32_t host)
{
    return layout->load[res][host] / LOAD_PER_PERMILLE;
}

/* Floor of the square root; near: a guess, any value. */
int64_t layout_root(int64_t square, int64_t near);

#endif /* VRM_SCHEDULER_LAYOUT_H */
