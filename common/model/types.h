/* types.h - the objects of the inventory.
 *
 * Life: built or duplicated by one thread, filled in, then published (in a Snapshot) and from then
 * on never changed; readers on any thread hold references.  X_new gives an object with one
 * reference; X_dup a private deep copy to change; X_ref/X_unref count.  Strings are never NULL
 * (""). Units: CPU MHz, memory MiB (the API calls them MB), disk GiB, times Unix ms unless "mono"
 * says CLOCK_BOOTTIME ms.  generation: the row's version in the database; a write that was prepared
 * against an older generation is refused.  Fields under "runtime" are not stored.  A new field also
 * gets its line in snapshot_fields.c. */
#ifndef VRM_MODEL_TYPES_H
#define VRM_MODEL_TYPES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ref.h"
#include "model/id.h"
#include "model/state.h"

#define HOURS_PER_DAY 24

/* ---- site ---------------------------------------------------------------------------------- */

typedef struct Site {
    struct ref ref;
    char *id; /* 8 upper-case hex digits */
    char *name;
    char *ip;               /* where the API is reached */
    int64_t ha_disarmed_ms; /* a person switched HA off then; 0: it is armed */
    char *ha_disarmed_by;   /* "": nobody */
} Site;

Site *site_new(void);
Site *site_dup(const Site *site);
Site *site_ref(const Site *site);
void site_unref(Site *site);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Site, site_unref)

/* ---- cluster ------------------------------------------------------------------------------- */

enum cycle_type {
    CYCLE_ALWAYS = 1,
    CYCLE_WEEKLY = 2,
    CYCLE_MONTHLY = 3,
};

struct cycle {
    enum cycle_type type;
    uint32_t days; /* bit n set: day n; 1..7 Sunday first, or 1..31 */
};

enum drs_level {
    DRS_MANUAL = 1,
    DRS_AUTOMATIC = 3,
};

enum drs_factor {
    DRS_FACTOR_CPU = 1,
    DRS_FACTOR_MEM = 2,
    DRS_FACTOR_BOTH = 3,
};

struct drs_policy {
    bool enabled;
    enum drs_level level;
    uint8_t limen[HOURS_PER_DAY]; /* per local hour: 0 off, 1 conservative .. 9 aggressive */
    struct cycle cycle;
    enum drs_factor factor;
    int64_t threshold_cpu, threshold_mem; /* percent; 0: unset (drsThreshold) */
    bool vm_overrides_enabled;            /* enableVmDrs */
};

/* In per cent of the capacity that is on; both 0: the level's own. */
struct dpm_threshold {
    uint8_t under, over; /* hosts sleep below, wake above */
};
#define DPM_LEVELS 9

struct dpm_policy {
    int64_t power_level; /* 0 off, 1 manual, 2 automatic */
    uint8_t limen[HOURS_PER_DAY];
    struct cycle cycle;
    int64_t electric_strategy; /* 1 off, 3 frequency scaling */
};

/* ha_policy.control_policy */
enum ha_control_policy {
    HA_POLICY_PERCENT = 0,
    HA_POLICY_FAILURES = 1,
    HA_POLICY_HOSTS = 2,
};

struct ha_policy {
    bool enabled;
    bool control_policy_on;
    int64_t control_policy;                   /* enum ha_control_policy */
    int64_t cpu_reservation, mem_reservation; /* percent 0..50 */
    int64_t hosts_fault_quantity;
    bool custom_slot;
    int64_t slot_cpu_mhz, slot_mem_mb;
    int64_t *failover_hosts; /* ids */
    size_t n_failover_hosts;
    enum ha_isolation isolation;
    int64_t max_restarts; /* of one VM in an hour, 1.. */
};
#define HA_MAX_RESTARTS 3 /* unless told otherwise */

typedef struct Cluster {
    struct ref ref;
    int64_t id;
    int64_t generation;
    char *name, *description, *tag;
    char *dpm_thresholds; /* "5:40:70 9:50:90": level, dpm_threshold; ascending, "": none */
    bool mem_overcommit;
    bool imc_enabled;
    char *imc_setting;
    char *res_strategy; /* "loadBalance" or "random" */
    bool guest_numa, host_numa_drs, io_tailor;
    int64_t ds_fault_strategy; /* VMs whose datastore is lost: 0 stay, 1 are started elsewhere */
    struct drs_policy drs;
    struct dpm_policy dpm;
    struct ha_policy ha;
    int64_t vcpus_per_thread; /* most vCPUs for each thread of a host; 0: the site's setting */
    int64_t create_ms;
} Cluster;

/* False for a text that is none. */
bool dpm_thresholds_parse(const char *text, struct dpm_threshold ret_levels[DPM_LEVELS + 1]);
char *dpm_thresholds_format(const struct dpm_threshold levels[DPM_LEVELS + 1]);

Cluster *cluster_new(void); /* with FusionCompute's defaults */
Cluster *cluster_dup(const Cluster *cluster);
Cluster *cluster_ref(const Cluster *cluster);
void cluster_unref(Cluster *cluster);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Cluster, cluster_unref)

/* ---- host ---------------------------------------------------------------------------------- */

/* Measured load over the controller's window, see controller/load.h. */
struct load {
    int64_t cpu_mhz; /* high percentile of the window */
    int64_t mem_mb;  /* used by guests / resident, high percentile */
    int64_t net_kbps;
    int64_t last_cpu_mhz; /* newest sample, for people */
    int64_t last_mem_mb;
    int64_t sampled_mono_ms; /* newest sample; 0: never */
    int64_t window_ms;       /* how much time the samples span */
    uint32_t n_samples;
};

typedef struct Host {
    struct ref ref;
    int64_t id;
    int64_t generation;
    char *name, *description;
    char *ip; /* management address of its agent */
    int64_t port;
    char *bmc_ip, *bmc_user, *bmc_password;
    int64_t cluster_id; /* 0: none */
    bool maintaining;
    int64_t create_ms;
    /* power, through its BMC */
    int64_t off_since_ms;   /* we switched it off then; 0: it should be on */
    int64_t wake_proven_ms; /* a power-on of ours last brought it back; 0: never */
    int64_t slept_ms;       /* sum of the times DPM had it asleep, without the present one */
    bool off_by_dpm;        /* DPM switched it off, and may wake it; true until it is back */
    /* facts, stored as last reported */
    char *real_name, *uuid, *vendor, *model, *cpu_model, *hypervisor;
    /* model/cpu.h's words: what a guest's CPU can have here, and the generations it can present;
     * "": not known */
    char *cpu_vendor, *cpu_features, *cpu_generations;
    int64_t mem_mb, cpu_threads, cpu_sockets, cpu_cores, cpu_mhz, nic_count;
    bool mem_is_guests; /* mem_mb is what guests may have: nothing of it is kept for the host */
    int64_t net_mbps;   /* speeds of its physical uplinks, summed, Mbit/s; 0: not known */
    char *devices;      /* that VMs can be given, model/devices.h's words */
    char *rack;         /* fault domain, set by people; "": the host is one of its own */
    /* runtime */
    enum host_status status;
    bool connected;       /* the agent's watch stream is up and its full state was read */
    int64_t seen_mono_ms; /* last line from the agent; 0: never since we lead */
    char *agent_version;
    int64_t agent_protocol; /* of its last hello (agentproto/msg.h); 0: none since we lead */
    char *boot_id;
    char *migrate_address; /* where other hosts send VMs to; "": ip */
    char *trouble;         /* "" or why it is not normal, for people */
    bool draining;         /* DPM empties it: it takes no VMs */
    bool hald;             /* vrm-hald answers there: it can keep a right to run */
    bool no_rights;        /* rights are in use, and it does not: only VMs on local disks start */
    char *ha_address;      /* where it hears beats on the HA network; "": not known */
    char *ha_state;        /* ha/host_fsm.h's word; "": HA does not know the host */
    bool ha_closed;        /* HA lets no VM be started there, and none come */
    char *lost_stores; /* ids of datastores that it cannot use now, ",3,5,"; "": none is known */
    int64_t back_ms;   /* it came back then from a time off that we did not end; 0: no */
    struct load load;  /* the host itself: guests plus the system */
} Host;

Host *host_new(void);
Host *host_dup(const Host *host);
Host *host_ref(const Host *host);
void host_unref(Host *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Host, host_unref)
/* Is the datastore among lost_stores? */
bool host_lacks_store(const Host *host, int64_t datastore_id);

/* ---- VM ------------------------------------------------------------------------------------ */

struct vm_disk {
    int64_t sequence; /* sequenceNum, 1.. */
    int64_t volume_id;
    int64_t datastore_id;
    char *name;
    char *path; /* file on its datastore, absolute */
    int64_t size_gb;
    bool thin;
    bool independent, persistent;
    char *bus; /* "VIRTIO", "SCSI", "IDE" */
};

struct vm_nic {
    int64_t sequence; /* sequenceNum, 0.. */
    char *name;
    char *mac;
    char *port_group; /* urn; "" none */
    char *ip;
    bool virtio;
};

enum drs_behavior {
    DRS_BEHAVIOR_CLUSTER = 0,
    DRS_BEHAVIOR_MANUAL = 1,
    DRS_BEHAVIOR_AUTOMATIC = 3,
    DRS_BEHAVIOR_DISABLED = 4,
};

struct vm_cpu {
    int64_t quantity; /* vCPUs */
    int64_t cores_per_socket;
    int64_t reservation_mhz, weight, limit_mhz; /* limit 0: none */
    int64_t hot_plug;                           /* 0 off, 1 add, 2 add and remove */
};

struct vm_memory {
    int64_t size_mb;
    int64_t reservation_mb, weight, limit_mb;
    int64_t hot_plug; /* 0, 1 */
    int64_t held_mb;  /* while it is down its host keeps this for it, and has it not in mem_mb */
};

typedef struct Vm {
    struct ref ref;
    int64_t id;
    int64_t generation;
    char *uuid;
    char *name, *description, *group, *external_uuid;
    int64_t cluster_id;
    int64_t host_id;       /* where it runs, or ran last, or is bound to; 0: none yet */
    bool location_is_host; /* created "on" a host rather than a cluster */
    bool binding_host;     /* may not leave its host */
    bool is_template;
    struct vm_cpu cpu;
    struct vm_memory memory;
    struct vm_disk *disks;
    size_t n_disks;
    struct vm_nic *nics;
    size_t n_nics;
    char *os_type;
    int64_t os_version;
    char *guest_os_name, *os_hostname;
    char *boot_option;   /* "disk", "cdrom", "pxe" */
    bool enable_ha;      /* it is started again when its host dies */
    char *fault_process; /* after a crash, panic or hang: "notprocess", "reboot" (here), "ha" */
    char *clock_mode;
    bool recover_by_host; /* only on its own host, when that is back */
    enum restart_priority restart_priority;
    int64_t start_after_id; /* VM that must run before this one is started again; 0: none */
    int64_t max_restarts;   /* in an hour; 0: what its cluster says */
    enum hang_sensitivity hang_sensitivity;
    enum drs_behavior drs_behavior;
    int64_t create_ms;
    enum vm_status status; /* stored; busy states follow the task that holds the VM */
    int64_t run_gen;       /* counts starts and moves; agents refuse an older one */
    int64_t moved_ms;      /* last migration, 0: never */
    /* why it is on its host: the decision behind its last start or move, as it was made */
    char *placed_why;       /* "": not known */
    int64_t placed_ms;      /* 0: never */
    int64_t placed_task_id; /* that carried it out; 0: none */
    char *cpu_model;        /* CPU model it was started with; "": its host's own */
    char *cpu_seen;         /* the CPU it sees, as its host reports: model/cpu.h; "": not known */
    char *devices;          /* of its host that it holds while it runs: model/devices.h; "": none */
    /* runtime */
    int64_t task_id;        /* task that holds the VM; 0: none */
    int64_t flaps;          /* moves by DRS that each came soon after the last: scheduler/rest.h */
    int64_t target_host_id; /* while migrating: memory is held there too */
    bool host_reported;     /* its host is connected and reported it since */
    enum domain_state domain; /* as reported */
    bool agent_answers;       /* the one inside of its guest, as reported */
    int64_t vnc_port;
    int64_t dirty_mbps; /* MiB/s of memory it dirties, from migrations; 0 unknown */
    char *start_wait;   /* its start after creation waits, and this is in the way; "": no */
    struct load load;
} Vm;

Vm *vm_new(void);
Vm *vm_dup(const Vm *vm);
Vm *vm_ref(const Vm *vm);
void vm_unref(Vm *vm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Vm, vm_unref)
/* Appends a zeroed disk or NIC with empty strings and returns it. */
struct vm_disk *vm_add_disk(Vm *vm);
struct vm_nic *vm_add_nic(Vm *vm);
void vm_remove_disk(Vm *vm, size_t place);

/* What people are told: a VM that should run on a host that does not answer is "unknown". */
enum vm_status vm_shown_status(const Vm *vm);

/* True while the VM occupies a host (running, paused, starting, migrating, stopping ...). */
bool vm_is_placed(const Vm *vm);

/* ---- rules and groups ---------------------------------------------------------------------- */

typedef struct Group {
    struct ref ref;
    int64_t id;
    int64_t generation;
    int64_t cluster_id;
    enum group_type type;
    int64_t use_type; /* as given by the client, returned unchanged */
    char *name;
    int64_t *members; /* VM or host ids, ascending */
    size_t n_members;
} Group;

Group *group_new(void);
Group *group_dup(const Group *group);
Group *group_ref(const Group *group);
void group_unref(Group *group);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Group, group_unref)

/* What a keep-apart rule keeps its VMs apart over. */
enum fault_domain {
    FAULT_DOMAIN_HOST,
    FAULT_DOMAIN_RACK,
};

typedef struct Rule {
    struct ref ref;
    int64_t id; /* the API's ruleIndex */
    int64_t generation;
    int64_t cluster_id;
    char *name;
    enum rule_type type;
    enum rule_strength strength; /* together and apart: must or should */
    enum fault_domain domain;    /* apart: no two on one host, or in one rack */
    int64_t *vms;                /* direct members, ascending */
    size_t n_vms;
    int64_t vm_group_id, host_group_id; /* 0: none; members of the group count too */
    int64_t create_ms, update_ms;
    /* runtime: what was seen last (scheduler/rules.h) */
    enum rule_state state;
    char *state_text; /* which VMs break it, and what is in the way; "": met */
} Rule;

Rule *rule_new(void);
Rule *rule_dup(const Rule *rule);
Rule *rule_ref(const Rule *rule);
void rule_unref(Rule *rule);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rule, rule_unref)

/* ---- datastore ----------------------------------------------------------------------------- */

typedef struct Datastore {
    struct ref ref;
    int64_t id;
    int64_t generation;
    char *name, *description;
    char *storage_type; /* "NAS", "LOCAL", ... */
    char *path;         /* directory, the same on each host that sees it */
    int64_t capacity_gb, used_gb;
} Datastore;

Datastore *datastore_new(void);
Datastore *datastore_dup(const Datastore *datastore);
Datastore *datastore_ref(const Datastore *datastore);
void datastore_unref(Datastore *datastore);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Datastore, datastore_unref)

/* ---- task ---------------------------------------------------------------------------------- */

typedef struct Task {
    struct ref ref;
    int64_t id;
    int64_t generation;
    int64_t parent_id; /* 0: none */
    enum task_type type;
    enum task_origin origin;
    enum object_kind entity_kind;
    int64_t entity_id;
    char *entity_name;
    char *user;
    enum task_status status;
    int64_t step;     /* meaning belongs to the type's step table; steps are idempotent */
    int64_t progress; /* 0..100; 100 in every final state */
    bool cancel_wanted;
    int64_t reason; /* enum reason; 0: none */
    char *reason_text;
    char *why; /* why it was begun, for people: a move's reason, "requested by admin" */
    int64_t start_ms, finish_ms;
    /* arguments */
    int64_t source_host_id, target_host_id;
    bool force;        /* stop or reboot without asking the guest */
    bool auto_start;   /* CreateVmTask: start afterwards */
    bool format_disks; /* DeleteVmTask: remove its volumes (isReserveDisks=false) */
    int64_t recommendation_id;
} Task;

Task *task_new(void);
Task *task_dup(const Task *task);
Task *task_ref(const Task *task);
void task_unref(Task *task);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Task, task_unref)
bool task_is_final(const Task *task);

/* ---- DRS ----------------------------------------------------------------------------------- */

/* One proposed move, or switching a host off or on, with everything a person needs to judge it.
 * Power: target is the host; there is neither VM nor source. */
typedef struct Recommendation {
    struct ref ref;
    int64_t id;
    int64_t cluster_id;
    enum recommendation_type type;
    int64_t vm_id, source_host_id, target_host_id;
    char *vm_name, *source_name, *target_name;
    enum move_reason reason;
    enum recommendation_state state;
    int64_t rating;        /* 1..5, 5 most urgent */
    int64_t gain_overload; /* MHz of unmet demand removed */
    int64_t gain_balance;  /* imbalance removed, per mille of capacity */
    int64_t cost_ms;       /* expected duration */
    int64_t cost_mb;       /* expected MiB copied */
    int64_t depends_on;    /* recommendation that must finish first; 0: none */
    char *text;            /* the reason in a sentence */
    char *rejected;        /* best alternative and why it lost; "" none */
    int64_t create_ms, finish_ms;
    int64_t task_id;
} Recommendation;

Recommendation *recommendation_new(void);
Recommendation *recommendation_dup(const Recommendation *rec);
Recommendation *recommendation_ref(const Recommendation *rec);
void recommendation_unref(Recommendation *rec);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recommendation, recommendation_unref)

/* The latest verdict of a cluster, of DRS or of DPM (controller/dpm.h). */
typedef struct DrsReport {
    struct ref ref;
    int64_t cluster_id;
    enum plan_kind kind;
    int64_t plan_id;
    int64_t at_ms;
    bool decided; /* false: no decision, verdict says why (data too old ...) */
    int64_t imbalance_now, imbalance_planned; /* per mille of capacity: 0 = perfectly even */
    int64_t overload_now, overload_planned;   /* MHz of demand beyond capacity */
    char *verdict;                            /* one sentence */
    Recommendation **recommendations;         /* in order of execution */
    size_t n_recommendations;
} DrsReport;

DrsReport *drs_report_new(void);
DrsReport *drs_report_dup(const DrsReport *report); /* shares the recommendations */
DrsReport *drs_report_ref(const DrsReport *report);
void drs_report_unref(DrsReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DrsReport, drs_report_unref)
/* Appends; takes the reference. */
void drs_report_take(DrsReport *report, Recommendation *rec);

/* ---- history ------------------------------------------------------------------------------- */

struct event {
    int64_t id;
    int64_t at_ms;
    enum event_severity severity;
    const char *name; /* short and stable: "VmMigrated" */
    enum object_kind kind;
    int64_t object_id;
    const char *object_name;
    int64_t task_id;
    const char *text;
};

#endif /* VRM_MODEL_TYPES_H */
