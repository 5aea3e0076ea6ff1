/* ops_ask.h - answers of the controller to questions about decisions: why a VM is where it is, what
 * a host's death or maintenance would mean, how many more VMs fit.
 *
 * Owned copies of what the scheduler says, which the API does not know. */
#ifndef VRM_API_OPS_ASK_H
#define VRM_API_OPS_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* CAPACITY: a VM's size. */
struct op_size {
    int64_t vcpus, mem_mb, reserved_mhz;
    int64_t failures; /* hosts that may still die */
};

struct op_explain_host {
    int64_t id;
    char *name;
    bool here, fits;
    const char *filter; /* static; NULL: none excludes it */
    char *text;
    int64_t cpu_permille, mem_permille;
};

/* Who may run the VM, as etcd says. */
struct op_right_owner {
    int64_t host_id;
    char *authority;
    char *incarnation;
    int64_t lease_age_ms; /* since its renewal was seen; -1: it has no lease in this life */
    bool dead;            /* that life is over for good */
};

struct op_right {
    char *authority; /* who protects it, or would: "etcd", "storage:NAME", "local", "none" */
    char *text;
    int64_t generation;
    bool claimed;
    unsigned n_owners;
    struct op_right_owner owners[2];
};
void op_right_free(struct op_right *right);

struct op_explain {
    char *here;
    const char *why; /* static word: why it is not moved */
    char *stays;
    int64_t start_id; /* on no host: where it would start; 0: nowhere */
    char *start;      /* NULL: it is on a host */
    struct op_explain_host *hosts;
    size_t n_hosts;
    struct op_right *right; /* NULL: not known */
};

struct op_fate {
    int64_t vm_id, mem_mb, to_id;
    const char *end; /* static: "restarts", "lost", "tied", "withoutHa" */
    char *vm_name, *text;
};

struct op_loss {
    int64_t host_id;
    char *host_name, *text;
    int64_t n_vms, n_lost, n_tied, n_unguarded, lost_mb;
    struct op_fate *vms; /* n_vms of them */
};

/* FAILOVER; the policy is that of the cluster's HA settings. */
struct op_failover {
    bool wanted, holds;
    char *text; /* of the policy */
    int64_t n_bad;
    struct op_loss *hosts;
    size_t n_hosts;
};

struct op_capacity {
    struct op_size size; /* that was asked for */
    int64_t n_now, n_secure;
    char *text;
};

/* DRAIN_PLAN: one move of those that empty a host. */
struct op_drain_move {
    int64_t vm_id, from_id, to_id;
    char *vm_name;
    bool aside;  /* not one of the host's VMs: it makes room */
    bool detour; /* to a spare host first; a later move ends it */
    int64_t start_ms, cost_ms, cost_mb;
    uint32_t *after; /* indices of earlier moves that must have ended */
    size_t n_after;
    char *text, *rejected;
};

struct op_drain_stay {
    int64_t vm_id;
    char *vm_name;
    bool transient; /* busy now: a drain waits for it */
    char *text;
};

struct op_drain {
    char *text; /* the verdict */
    int64_t duration_ms;
    struct op_drain_move *moves; /* in order of execution */
    size_t n_moves;
    struct op_drain_stay *stays;
    size_t n_stays;
    bool wanted, holds; /* the HA policy, while the host is away */
    char *policy;
};

/* HA_STATUS: how the one who decides sees the site. */
struct op_ha_lease {
    char *authority;  /* "etcd", "storage:NAME" */
    uint64_t boot;    /* the host's life that it belongs to: a boot ... */
    int64_t n;        /* ... and a count within it */
    int64_t still_ms; /* unchanged for so long */
    bool buried;      /* that life is over for good */
    bool shown;       /* others see it: always in etcd; on storage, once its slot was read */
};

struct op_ha_host {
    int64_t id;
    char *name;
    const char *state, *why;            /* static */
    int64_t rule, since_ms;             /* wall clock */
    int64_t beat_ms, peer_ms, agent_ms; /* since the last sign of each witness; -1: none yet */
    int64_t n_failures;                 /* deaths that count towards quarantine */
    bool takes_vms, has_bmc;
    char **lost_stores; /* names of datastores that it cannot use now; NULL: none */
    struct op_ha_lease *leases;
    size_t n_leases;
};

/* A VM that HA looks after, and that does not simply run. */
struct op_ha_vm {
    int64_t id, host_id, rule;
    char *name, *why;
    const char *state; /* static */
};

struct op_ha {
    bool enabled, armed, braked, etcd_ok, ready;
    int64_t disarmed_ms;
    char *disarmed_by;
    char *text; /* "" or why it does not act */
    int64_t n_guarded, n_running;
    struct op_ha_host *hosts;
    size_t n_hosts;
    struct op_ha_vm *vms;
    size_t n_vms;
};

void op_ha_free(struct op_ha *ha);
void op_explain_free(struct op_explain *explain);
void op_failover_free(struct op_failover *failover);
void op_capacity_free(struct op_capacity *capacity);
void op_drain_free(struct op_drain *drain);

#endif /* VRM_API_OPS_ASK_H */
