/* explain_vm.h - all there is to say about one VM's place: how it stands, what speaks against each
 * other host, why it is not moved, and where it would start.
 *
 * Pure; any thread. */
#ifndef VRM_SCHEDULER_EXPLAIN_VM_H
#define VRM_SCHEDULER_EXPLAIN_VM_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/sched_params.h"

struct vm_host_verdict {
    int64_t host_id;
    char *host_name;
    bool here, fits;
    const char *filter; /* the first that excludes the host; NULL: none */
    char *text;
    int64_t cpu_permille, mem_permille; /* load of the host as it is */
};

/* Owned by the caller; independent of the snapshot. */
typedef struct VmExplanation {
    int64_t vm_id;
    char *here;       /* how its host stands with it, and what is wrong there; or where it is not */
    const char *why;  /* why it is not moved, in a word: "balanced", "cool-down", "no-gain" ...;
                       * "stopped": it is on no host */
    char *stays;      /* the same in a sentence, with the numbers */
    int64_t start_id; /* on no host: where it would start now; 0: nowhere */
    char *start;      /* why there, or why nowhere; NULL: it is on a host */
    struct vm_host_verdict *hosts;
    size_t n_hosts;
} VmExplanation;

void vm_explanation_free(VmExplanation *explanation);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VmExplanation, vm_explanation_free)

/* host_id: only this host's verdict; 0: all of the cluster's.  VRM_ERR_NOT_FOUND for unknown ids.
 * A host of another cluster, and a VM without one, are answers, not errors. */
bool explain_vm(const Snapshot *snap, int64_t vm_id, int64_t host_id,
                const struct sched_params *params, VmExplanation **ret_explanation, GError **error);

#endif /* VRM_SCHEDULER_EXPLAIN_VM_H */
