/* ha_private.h - the object behind ha.h, shared by its three files only. */
#ifndef VRM_HA_HA_PRIVATE_H
#define VRM_HA_HA_PRIVATE_H

#include "ha/ha.h"

/* One host's lease under one authority, as seen from here. */
struct grip {
    int32_t authority;
    struct ha_inc inc;
    int64_t version;
    int64_t since_ms;     /* our first sight of this version */
    int64_t confirmed_ms; /* begin of the latest reading that found it unchanged */
    int64_t moved_ms;     /* the same as evidence of life: our own stalls are taken off */
    int64_t seq;          /* storage: of its slot as last seen; 0: of this incarnation none was */
    int64_t slot_ms;      /* storage: how long the host keeps it by that slot; 0: it did not say */
    int64_t record_seq;   /* the record's in etcd */
    int64_t record_ms;    /* ... and how long the host keeps it by that; 0: it did not say */
    uint64_t burial;      /* request that is out; 0: none */
    int64_t retry_ms;     /* no burial before this */
};
VEC_DECLARE(grips, struct grip);
VEC_DECLARE(failure_times, int64_t);

struct ha_host {
    int64_t id;
    bool has_fence_device;
    bool in_maintenance;
    int64_t reboot_until_ms; /* 0: no reboot is expected, or it is over */
    int64_t reboot_told_ms;
    enum host_fsm_state state;
    const struct host_rule *rule; /* that led there; NULL: none yet */
    int64_t since_ms;
    int64_t beat_ms, peer_ms, agent_ms; /* last sign of each witness */
    int64_t shot_ms;                    /* last try of the fence device */
    int64_t off_ms;                     /* power seen off; 0: not, or not since it lived again */
    struct grips grips;
    struct failure_times failures;
    unsigned n_starting;
};
VEC_DECLARE(ha_hosts, struct ha_host);

/* What one host's agent said last about one VM. */
struct vm_report {
    int host; /* -1: none yet */
    bool runs;
};

struct ha_vm {
    struct ha_vm_spec spec;
    bool wanted, moving, held;
    struct ha_vm_seen seen;
    enum vm_fsm_state state;
    const struct vm_rule *rule;
    struct vm_report reports[HA_MAX_OWNERS];
    uint64_t request; /* ours that is out; 0: none */
    enum ha_act asked;
    int starting_on;          /* host whose slot for starts it takes; -1: none */
    char *trouble;            /* why the last try failed; NULL: it did not, or nobody said */
    bool failed;              /* the last try did, and no tick has seen it */
    bool is_fresh;            /* we assigned it: its owner cannot have said anything of it yet */
    unsigned n_failures;      /* in a row */
    unsigned n_here;          /* of them by its present owner */
    unsigned n_crashes;       /* each soon after its start, in a row */
    bool leaves;              /* it crashed, and its policy says: elsewhere */
    bool was_free;            /* at the last look */
    int64_t due_ms;           /* end of the back-off */
    int64_t retry_ms;         /* no new request before this */
    int64_t running_ms;       /* since when it runs without a break */
    int64_t trusted_until_ms; /* just started: reports from before are on their way */
};
VEC_DECLARE(ha_vms, struct ha_vm);

struct Ha {
    struct ha_options options;
    struct ha_mandate mandate;
    bool armed;
    bool braked;
    bool deaf;
    int64_t etcd_ms;   /* last word from etcd */
    unsigned n_starts; /* under way, counted at the begin of a tick */
    int top_priority;  /* of those that wait for their turn and for nobody else */
    int64_t ticked_ms; /* -1: never */
    uint64_t n_requests;
    struct ha_hosts hosts;
    struct ha_vms vms;
    GHashTable *graves;   /* set of struct ha_owner: tombstones of years, asked for each VM */
    GHashTable *host_ids; /* int64_t id -> index, as pointer */
};

struct ha_action ha_action_of(enum ha_act act, int host, int vm, int rule, const char *why);

/* ha.c */
int ha_host_index(const Ha *ha, int64_t id); /* -1: there is none */
void ha_vm_fail(struct ha_vm *vm, const char *why, int64_t now_ms);
/* Hosts that just came may soon show that they keep VMs of this authority by their slots. */
bool ha_awaits_slots(const Ha *ha, int32_t authority);

/* ha_host.c */
void ha_hosts_tick(Ha *ha, int64_t now_ms, struct ha_actions *actions);
bool ha_host_speaks(const Ha *ha, const struct ha_host *host, int64_t now_ms);
unsigned ha_host_failures(const Ha *ha, const struct ha_host *host, int64_t now_ms);

/* ha_vm.c */
/* Does the host say, now, that a VM runs by this lease of its? */
bool ha_is_vouched(const Ha *ha, const struct ha_owner *owner, int64_t now_ms);
void ha_vms_tick(Ha *ha, int64_t now_ms, struct ha_actions *actions);

#endif /* VRM_HA_HA_PRIVATE_H */
