/* dpm_private.h - between dpm.c (looking), dpm_order.c (orders) and dpm_gauge.c (figures). */
#ifndef VRM_CONTROLLER_DPM_PRIVATE_H
#define VRM_CONTROLLER_DPM_PRIVATE_H

#include "controller/dpm.h"

struct app *dpm_app(const Dpm *dpm);
/* The scheduler's parameters as of now, without bars and waiting VMs. */
void dpm_fill_params(const struct app *app, struct dpm_params *ret_params);
/* Replaces a recommendation of the cluster's report; takes rec. */
void dpm_put_recommendation(Dpm *dpm, Recommendation *rec);
/* Marks the cluster: something is being ordered, until dpm_end; nothing is planned meanwhile.
 * BUSY while that is so already. */
bool dpm_begin(Dpm *dpm, int64_t cluster_id, GError **error);
void dpm_end(Dpm *dpm, int64_t cluster_id);

/* Hosts asleep and Wh saved, for /metrics. */
void dpm_gauges_update(const struct app *app);

#endif /* VRM_CONTROLLER_DPM_PRIVATE_H */
