/* dpm_private.h - between dpm.c (when, and what is remembered), dpm_look.c (looking), dpm_order.c
 * (orders) and dpm_gauge.c (figures). */
#ifndef VRM_CONTROLLER_DPM_PRIVATE_H
#define VRM_CONTROLLER_DPM_PRIVATE_H

#include "controller/dpm.h"

/* What is known of a cluster.  dpm.c owns it; dpm_look.c writes plan, report and time. */
struct dpm_watch {
    int64_t cluster_id;
    int64_t since_mono_ms; /* its load is remembered since */
    bool busy;             /* dpm_begin */
    DpmPlan *plan;
    DrsReport *report;
    int64_t at_ms;
};

/* A start that found no room. */
struct dpm_wish {
    int64_t vm_id, cluster_id, until_mono_ms;
};

struct Dpm {
    struct app *app;
    guint timer, soon;
    GHashTable *watches; /* int64 cluster id -> struct dpm_watch */
    LoadBook *calm;      /* a sample of each VM's load at each look */
    DpmTroubles *troubles;
    GArray *wishes; /* struct dpm_wish */
    uint64_t age;   /* counts resets: what was begun before one means nothing after it */
};

struct dpm_watch *dpm_find_watch(const Dpm *dpm, int64_t cluster_id);

struct app *dpm_app(const Dpm *dpm);
/* The scheduler's parameters as of now, without bars and waiting VMs. */
void dpm_fill_params(const struct app *app, struct dpm_params *ret_params);
/* Replaces a recommendation of the cluster's report; takes rec. */
void dpm_put_recommendation(Dpm *dpm, Recommendation *rec);
/* The cluster's turn: DPM looks at it or orders something, and nothing else meanwhile.  Plain
 * value; all 0: none. */
struct dpm_turn {
    int64_t cluster_id;
    uint64_t age; /* of what is known; dpm_reset() ends it */
    bool begun;
};
/* Until dpm_end.  BUSY while another one has it. */
bool dpm_begin(Dpm *dpm, int64_t cluster_id, struct dpm_turn *ret_turn, GError **error);
void dpm_end(Dpm *dpm, struct dpm_turn *turn);
/* UNAVAILABLE if everything was forgotten since it began. */
bool dpm_still_counts(const Dpm *dpm, const struct dpm_turn *turn, GError **error);

/* Hosts asleep and Wh saved, for /metrics. */
void dpm_gauges_update(const struct app *app);

#endif /* VRM_CONTROLLER_DPM_PRIVATE_H */
