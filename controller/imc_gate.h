/* imc_gate.h - no VM starts in a cluster while its CPU baseline is being written.
 *
 * A start takes the baseline of the moment it is ordered, and a change of the baseline looks at the
 * VMs of the moment it is checked; both are true only once they are committed.  So the one is
 * refused while the other is on its way.  Loop thread only. */
#ifndef VRM_CONTROLLER_IMC_GATE_H
#define VRM_CONTROLLER_IMC_GATE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "controller/app.h"

ImcGate *imc_gate_new(void);
void imc_gate_free(ImcGate *gate);

/* A change of the cluster's baseline is submitted; it is over. */
void imc_gate_close(ImcGate *gate, int64_t cluster_id);
void imc_gate_open(ImcGate *gate, int64_t cluster_id);

/* May a VM start there?  VRM_ERR_BUSY while a change is being written. */
bool imc_gate_check_start(const ImcGate *gate, const Cluster *cluster, GError **error);
/* May the baseline be changed from current to wanted?  Fails with REASON_IMC_VM_UNSTABLE and the
 * VM when one is being started or made. */
bool imc_gate_check_change(const struct app *app, const Cluster *current, const Cluster *wanted,
                           GError **error);
/* Does wanted have another baseline? */
bool imc_gate_is_change(const Cluster *current, const Cluster *wanted);

#endif /* VRM_CONTROLLER_IMC_GATE_H */
