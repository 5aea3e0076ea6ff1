/* admission.h - is there room for failures: what if a host died, may a VM start, how many more fit.
 *
 * "Fits" always means: passes the filters that hold for a start (filter.h), memory and rules
 * included, with everything else staying where it is.  VMs without HA are not restarted and VMs
 * tied to their host cannot be: they are counted apart.  Two ways of packing are tried, so a "no"
 * may now and then be wrong, a "yes" never.  Pure; any thread. */
#ifndef VRM_SCHEDULER_ADMISSION_H
#define VRM_SCHEDULER_ADMISSION_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/snapshot.h"
#include "scheduler/sched_params.h"

/* ---- if host X died now --------------------------------------------------------------------- */

/* What becomes of one of its VMs. */
struct vm_fate {
    int64_t vm_id, mem_mb;
    char *vm_name;
    const char *end; /* "restarts", "lost", "tied", "withoutHa" */
    int64_t to_id;   /* host; 0: none */
    char *to_name;   /* "" */
    char *text;      /* why it does not restart; "" */
};

struct host_loss {
    int64_t host_id;
    char *host_name;
    uint32_t n_vms;       /* on the host, all of them */
    uint32_t n_unguarded; /* of them without HA */
    uint32_t n_tied;      /* of them tied to it */
    uint32_t n_lost;      /* of the others, without a place elsewhere */
    int64_t lost_mb;
    char *text;          /* "all 12 VMs fit elsewhere"; "web1 fits nowhere: needs 8192 MiB ..." */
    struct vm_fate *vms; /* admission_host_fates only */
};

/* Owned by the caller, independent of the snapshot; a row for each host that is usable. */
typedef struct HostLosses {
    struct host_loss *items;
    size_t n_items;
    uint32_t n_bad; /* hosts with n_lost > 0 */
} HostLosses;

void host_losses_free(HostLosses *losses);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostLosses, host_losses_free)

/* VRM_ERR_NOT_FOUND: no such cluster. */
bool admission_host_losses(const Snapshot *snap, int64_t cluster_id,
                           const struct sched_params *params, HostLosses **ret_losses,
                           GError **error);

/* "If the whole rack died now", for each rack with a name that has a usable host: host_id 0,
 * host_name "rack A (cna1, cna2)". */
bool admission_rack_losses(const Snapshot *snap, int64_t cluster_id,
                           const struct sched_params *params, HostLosses **ret_losses,
                           GError **error);

/* The same with the fate of each VM, and for every host of the cluster, or the one that is named.
 * VRM_ERR_CONFLICT: the host is not in the cluster. */
bool admission_host_fates(const Snapshot *snap, int64_t cluster_id, int64_t host_id,
                          const struct sched_params *params, HostLosses **ret_losses,
                          GError **error);

/* ---- the cluster's failover policy ---------------------------------------------------------- */

/* The policy of the cluster's HA settings, or `failures` hosts when that is not negative. */
struct admission_verdict {
    bool wanted; /* there is a policy */
    bool holds;
    char *text; /* what is kept free and what that takes, in numbers; caller frees */
};

bool admission_check(const Snapshot *snap, int64_t cluster_id, int failures,
                     const struct sched_params *params, struct admission_verdict *ret_verdict,
                     GError **error);

/* May the VM, which runs, grow to what `grown` is (memory, vCPUs, CPU reservation) under the
 * cluster's policy?  VRM_ERR_NO_CAPACITY with the numbers and what would be right. */
bool admission_check_growth(const Snapshot *snap, const Vm *grown,
                            const struct sched_params *params, GError **error);

/* ---- how many more -------------------------------------------------------------------------- */

/* More are not counted: every one of them is placed, again and again. */
#define ADMISSION_MAX_MORE 20000

struct admission_size {
    int64_t vcpus, mem_mb, reserved_mhz;
    uint32_t failures; /* hosts that may still die */
};

struct admission_room {
    uint32_t n_now;    /* as the cluster stands */
    uint32_t n_secure; /* so that the failures are still borne */
    uint32_t n_cool;   /* so that no host has more CPU demand than CPU, by the present load */
    int64_t new_mhz;   /* that each of them is taken to want then */
    char *text;        /* what ends it; caller frees */
};

/* VRM_ERR_INVALID for a size without vCPUs or memory. */
bool admission_room(const Snapshot *snap, int64_t cluster_id, const struct admission_size *size,
                    const struct sched_params *params, struct admission_room *ret_room,
                    GError **error);

/* ---- for the scheduler itself --------------------------------------------------------------- */

struct Layout;

/* There is a policy of HA settings to be kept. */
bool admission_is_wanted(const Cluster *cluster);

/* The policy in a layout whose problem has its fail-over hosts open.  ret_remedy: "" or what would
 * make it hold; caller frees both texts. */
void admission_check_layout(struct Layout *layout, int failures,
                            struct admission_verdict *ret_verdict, char **ret_remedy);

#endif /* VRM_SCHEDULER_ADMISSION_H */
