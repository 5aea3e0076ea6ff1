/* imc.h - one CPU baseline for a cluster of different hosts: may it be set so, may a host join,
 * and what stands in the way.
 *
 * Pure; any thread. */
#ifndef VRM_SCHEDULER_IMC_H
#define VRM_SCHEDULER_IMC_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "model/cpu.h"
#include "model/imc.h"
#include "model/snapshot.h"

enum imc_host_verdict {
    IMC_HOST_FITS,
    IMC_HOST_LACKS,   /* it cannot present the baseline */
    IMC_HOST_UNKNOWN, /* nobody has told what it can present */
};

enum imc_vm_verdict {
    IMC_VM_FITS,
    IMC_VM_GAINS,    /* would see more after a power cycle; nothing stands in the way */
    IMC_VM_HIDES,    /* sees what the baseline hides: has to be power-cycled */
    IMC_VM_UNSTABLE, /* between two states: what it sees may change any moment */
};

/* Hosts and VMs are those of the snapshot. */
struct imc_host {
    const Host *host;
    enum imc_host_verdict verdict;
    const struct imc_generation *newest; /* that it can present; NULL: none */
    CpuSet *missing;                     /* of the baseline; NULL: nothing, or not known */
    char *text;
};
VEC_DECLARE(imc_host_vec, struct imc_host);

struct imc_vm {
    const Vm *vm;
    enum imc_vm_verdict verdict;
    CpuSet *features; /* that it sees and would lose, or would gain; NULL: none, or not known */
    char *text;
};
VEC_DECLARE(imc_vm_vec, struct imc_vm);

typedef struct ImcPlan {
    bool possible;
    const char *mode, *model; /* "Sandy Bridge", "SandyBridge"; model NULL: IMC is off */
    const char *change; /* static: "on", "off", "raise", "lower", "other" (neither has all of the
                         * other, as with another maker), "none" */
    const struct imc_generation *common; /* newest that every host can present; NULL: none */
    struct imc_host_vec hosts;           /* all, by id */
    struct imc_vm_vec vms;               /* those that run, by id */
    char *text;                          /* what to do, in sentences */
} ImcPlan;

/* What it would mean to set the cluster as `wanted` is: the current one, or a changed copy.  The
 * plan borrows both. */
ImcPlan *imc_plan(const Snapshot *snap, const Cluster *wanted);
void imc_plan_free(ImcPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImcPlan, imc_plan_free)

/* May the cluster be changed to `wanted`?  Fails with VRM_ERR_CONFLICT, naming hosts and VMs:
 * REASON_IMC_HOST_INITIAL, REASON_IMC_HOST_LACKS, REASON_IMC_VM_UNSTABLE, REASON_IMC_VM_HIDES. What
 * leaves the baseline as it is passes. */
bool imc_check_change(const Snapshot *snap, const Cluster *current, const Cluster *wanted,
                      GError **error);

/* May the host, whose facts are known, be in the cluster?  Fails with REASON_IMC_JOIN, the features
 * it lacks and the three ways out. */
bool imc_check_join(const Snapshot *snap, const Cluster *cluster, const Host *host, GError **error);

/* libvirt's model with which a VM of the cluster starts; "": its host's own. */
const char *imc_start_model(const Cluster *cluster);

#endif /* VRM_SCHEDULER_IMC_H */
