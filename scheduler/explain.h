/* explain.h - decisions in words.
 *
 * Pure; any thread.  Callers free the texts. */
#ifndef VRM_SCHEDULER_EXPLAIN_H
#define VRM_SCHEDULER_EXPLAIN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/filter.h"
#include "scheduler/problem.h"
#include "scheduler/sched_params.h"

/* "Why is the VM not on that host?": the first filter in the way, or what it would cost.  NULL and
 * VRM_ERR_NOT_FOUND for unknown ids. */
char *explain_why_not(const Snapshot *snap, int64_t vm_id, int64_t host_id,
                      const struct sched_params *params, GError **error);

/* ---- for the scheduler itself --------------------------------------------------------------- */

struct Layout;
struct score;

/* Loads of two hosts, per mille. */
struct explain_loads {
    int64_t cpu_from, cpu_to, mem_from, mem_to;
};

struct explain_move {
    uint32_t vm, from, to;
    enum filter_use use;
    enum move_reason reason;
    bool detour;
    uint32_t helps;            /* VM for whose move it is made, NO_INDEX: it pays by itself */
    bool late, last;           /* it pays only with the moves after it; with those before it */
    bool unnamed;              /* whoever asks says himself what a move for balance is good for */
    const struct Layout *goal; /* that all moves lead to */
    const char *others;        /* explain_rejected() */
    struct explain_loads before;
    int64_t committed_before;       /* MiB configured on `from` */
    int64_t part_before[N_BOUNDED]; /* of `from`'s bounded resources */
    uint32_t mended; /* rule that the move, or one that it makes room for, mends; or NO_INDEX */
};

struct explain_loads explain_loads(const struct Layout *layout, uint32_t from, uint32_t to);

/* The first rule, must before should, that is broken less with vm on `to`; NO_INDEX: none. */
uint32_t explain_mended_rule(const struct Layout *layout, uint32_t vm, uint32_t to);

/* The reason of a move that has just been made in the layout. */
char *explain_move(const struct Layout *layout, const struct explain_move *move);

/* The best other host for a VM in the finished layout, and why it lost; "" if there is no other. */
char *explain_rejected(const struct Layout *goal, const struct explain_move *move);

/* "Why not there?" in a layout without prices; *ret_id: the filter in the way. */
char *explain_place(const struct Layout *layout, uint32_t vm, uint32_t host,
                    enum filter_id *ret_id);

/* Why the score `other`, of what is called name, lost against the chosen one. */
char *explain_scores(const struct Layout *layout, const char *name, const struct score *other,
                     const struct score *chosen);

/* "5 moved lately, 3 bound to their host": the VMs that DRS may not touch; "" if none. */
char *explain_pins(const Problem *problem);

#endif /* VRM_SCHEDULER_EXPLAIN_H */
