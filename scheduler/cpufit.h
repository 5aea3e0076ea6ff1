/* cpufit.h - does a host's CPU have what a VM needs?
 *
 * A VM that runs needs what it sees; one that is to start needs its cluster's baseline (IMC).  What
 * cannot be judged - a CPU nobody told of, a model that our map has not - is left to libvirt, which
 * looks again when it starts or takes in a guest; under IMC a host of unknown CPU is no target.
 *
 * Internal to the scheduler.  Pure. */
#ifndef VRM_SCHEDULER_CPUFIT_H
#define VRM_SCHEDULER_CPUFIT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/cpu.h"
#include "model/snapshot.h"

/* Can the host present libvirt's model? */
bool cpufit_can_present(const Host *host, const char *model);
/* "its CPU lacks aes"; what keeps the host from presenting it.  Caller frees. */
char *cpufit_lack_text(const Host *host, const char *model);
/* Every feature of the model that the host cannot present, also where the text above is cut short;
 * NULL: it cannot be told.  Caller frees. */
CpuSet *cpufit_lacks(const Host *host, const char *model);

/* NULL: nothing keeps the VM from this host of the cluster.  Caller frees. */
char *cpufit_trouble(const Snapshot *snap, const Cluster *cluster, const Vm *vm, const Host *host);

/* The same answers for all VMs and hosts of a problem, made once: VMs that need the same are one
 * kind. */
typedef struct CpuFit CpuFit;

struct cpufit_input {
    const Snapshot *snap;
    const Cluster *cluster;
    const Vm *const *vms;
    const Host *const *hosts;
    uint32_t n_vms, n_hosts;
};
/* NULL: no VM needs anything. */
CpuFit *cpufit_new(const struct cpufit_input *input);
void cpufit_free(CpuFit *fit);
/* fit may be NULL. */
bool cpufit_ok(const CpuFit *fit, uint32_t vm, uint32_t host);

#endif /* VRM_SCHEDULER_CPUFIT_H */
