/* incident.h - a failure that HA dealt with, as evidence: what was seen when, and what became of
 * each VM.
 *
 * An incident is about one host (silent, dead, cut off) or about one VM (its QEMU ended by itself).
 * Times are Unix ms, 0: not yet or never.  Its lines are the story in the order in which it was
 * seen, each with the row of the state table (ha/host_fsm.h, ha/vm_fsm.h) that decided; a VM is one
 * row with its times.  Both are bounded.  Plain objects; one thread at a time. */
#ifndef VRM_MODEL_INCIDENT_H
#define VRM_MODEL_INCIDENT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "model/id.h"
#include "model/state.h"

// clang-format off
/* What it is about. */
#define INCIDENT_KINDS(X)                    \
    X(INCIDENT_HOST,    "host")              \
    X(INCIDENT_VM,      "vm")                \
    X(INCIDENT_DRILL,   "drill")

/* Who or what a line is from. */
#define INCIDENT_SOURCES(X)                  \
    X(SOURCE_BEATS,     "beats")             \
    X(SOURCE_PEERS,     "peers")             \
    X(SOURCE_AGENT,     "agent")             \
    X(SOURCE_LEASE,     "lease")             \
    X(SOURCE_POWER,     "power")             \
    X(SOURCE_DECISION,  "decision")          \
    X(SOURCE_VM,        "vm")                \
    X(SOURCE_PERSON,    "person")

/* What became of a VM. */
#define INCIDENT_ENDS(X)                     \
    X(VM_END_WAITING,   "waiting")           \
    X(VM_END_STARTING,  "starting")          \
    X(VM_END_RUNNING,   "running")           \
    X(VM_END_HELD,      "held")              \
    X(VM_END_UNGUARDED, "withoutHa")         \
    X(VM_END_UNWANTED,  "unwanted")
// clang-format on
STATE_DECLARE(incident_kind, INCIDENT_KINDS, N_INCIDENT_KINDS)
STATE_DECLARE(incident_source, INCIDENT_SOURCES, N_INCIDENT_SOURCES)
STATE_DECLARE(incident_end, INCIDENT_ENDS, N_INCIDENT_ENDS)

/* More are counted, not kept. */
#define INCIDENT_MAX_LINES 1000

typedef struct IncidentLine {
    int64_t seq, at_ms;
    enum incident_source source;
    int64_t vm_id; /* 0: none */
    int64_t rule;  /* row of the state table; 0: none */
    char *text;
} IncidentLine;
IncidentLine *incident_line_new(void);
void incident_line_free(IncidentLine *line);

typedef struct IncidentVm {
    int64_t vm_id;
    char *vm_name;
    enum incident_end end;
    int64_t to_id; /* host; 0: none yet */
    char *to_name; /* "" */
    int64_t lost_ms, placed_ms, ordered_ms, running_ms;
    int64_t task_id; /* StartVmTask; 0: none */
    int64_t rule;    /* row of the state table that holds now */
    char *why;       /* why it is where, or as, it is */
} IncidentVm;
IncidentVm *incident_vm_new(void);
void incident_vm_free(IncidentVm *vm);

typedef struct Incident {
    int64_t id; /* 0: not stored yet */
    enum incident_kind kind;
    int64_t host_id; /* of a VM's: where it ran */
    char *host_name;
    int64_t vm_id; /* 0: it is about a host */
    char *vm_name;
    int64_t begin_ms; /* first doubt */
    int64_t end_ms;   /* 0: it goes on */
    int64_t last_ms;  /* last sign of life before */
    int64_t proof_ms; /* its death was proved; 0: not */
    char *proof;      /* "": none */
    int64_t first_ms; /* the first VM ran again */
    int64_t done_ms;  /* the last one did */
    int64_t n_vms, n_running, n_held;
    char *text; /* how it stands, in a sentence */
    int64_t n_lines;
    GPtrArray *lines; /* IncidentLine; owned; a list has none */
    GPtrArray *vms;   /* IncidentVm, ascending ids; owned */
} Incident;
Incident *incident_new(void);
/* Deep. */
Incident *incident_dup(const Incident *incident);
void incident_free(Incident *incident);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Incident, incident_free)

/* NULL: the VM is not in it. */
IncidentVm *incident_find_vm(const Incident *incident, int64_t vm_id);
/* Found or added. */
IncidentVm *incident_put_vm(Incident *incident, int64_t vm_id, const char *name);
/* Sets n_vms, n_running, n_held, first_ms and done_ms from its VMs. */
void incident_count(Incident *incident);
/* Sets text: "cna2 died: 3 of 3 VMs run elsewhere again, the last 14.2 s after its last sign of
 * life". */
void incident_tell(Incident *incident);

#endif /* VRM_MODEL_INCIDENT_H */
