/* dpm_private.h - between dpm.c (looking), dpm_order.c (orders) and dpm_gauge.c (figures). */
#ifndef VRM_CONTROLLER_DPM_PRIVATE_H
#define VRM_CONTROLLER_DPM_PRIVATE_H

#include "controller/dpm.h"

struct app *dpm_app(const Dpm *dpm);
/* The scheduler's parameters as of now, without bars and waiting VMs. */
void dpm_fill_params(const struct app *app, struct dpm_params *ret_params);
/* Replaces a recommendation of the cluster's report; takes rec. */
void dpm_put_recommendation(Dpm *dpm, Recommendation *rec);
/* The cluster's turn: DPM looks at it or orders something, and nothing else meanwhile.  Plain value;
 * all 0: none. */
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
