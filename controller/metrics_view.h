/* metrics_view.h - vrmd's figures for /metrics, and the watch over the loop's own lateness.
 *
 * A timer measures how late the loop runs: more than 50 ms is logged.  Loop thread only. */
#ifndef VRM_CONTROLLER_METRICS_VIEW_H
#define VRM_CONTROLLER_METRICS_VIEW_H

#include "controller/app.h"

MetricsView *metrics_view_new(struct app *app);
void metrics_view_free(MetricsView *view);

#endif /* VRM_CONTROLLER_METRICS_VIEW_H */
