/* ha_shell_private.h - the object behind ha_shell.h, shared by controller/ha_*.c only. */
#ifndef VRM_CONTROLLER_HA_SHELL_PRIVATE_H
#define VRM_CONTROLLER_HA_SHELL_PRIVATE_H

#include "agentproto/beat.h"
#include "controller/ha_shell.h"
#include "controller/power.h"
#include "ha/ha.h"
#include "model/incident.h"

typedef struct HaBeats HaBeats;
typedef struct HaBook HaBook;
typedef struct HaPlan HaPlan;
typedef struct HaSlots HaSlots;

/* A host, or one that was: the Ha object knows it by index for ever. */
struct ha_host_slot {
    int64_t id;
    int index;
    bool gone;  /* from the inventory */
    char *name; /* as it was last */
    /* witnesses */
    struct beat beat; /* the last one taken */
    bool has_beat;
    int64_t beat_ms, peer_ms, agent_ms; /* 0: none since we lead */
    /* power */
    Power *power;   /* a question or an order that is out */
    void *question; /* ... and who it answers; owned by it */
    enum power_verb verb;
    int64_t asked_ms;  /* when that began */
    int64_t answer_ms; /* the last one's end */
    bool want_off;     /* SHOOT came while a question was out */
    bool fence_failed;
    bool buried_by_us;      /* its end was seen by this controller */
    int64_t doubt_ms;       /* in trouble without a break since then; 0: it is not */
    bool untold;            /* ... and people were not told yet, because it may pass */
    enum ha_proof proof;    /* of its last end, as etcd has it ... */
    int64_t proof_epoch;    /* ... and whose that was */
    bool drill;             /* we cut its power for a test, and switch it on again */
    bool on_ordering;       /* a change of its ha_tries (ha_count.h) is being written */
    int64_t forget_ms;      /* not to be forgotten again before this */
    bool is_told_off;       /* people were told that it stays off */
    int64_t slots_asked_ms; /* a question of ha_slots.c is out since; 0: none */
    HaPlan *plan; /* what becomes of its VMs; NULL: it lives, or they were not asked about */
};

struct ha_vm_slot {
    int64_t id;
    int index;
    bool gone;
    const Vm *vm;      /* as of the last look; owned */
    uint64_t starting; /* request of the start that is under way; 0: none */
    int64_t task_id;   /* of that start; 0: not accepted yet */
    bool is_unplaced;  /* no host took it when it was last asked */
    bool is_alarmed;   /* or may be, from before */
    bool is_ring;      /* ... of VMs that wait for each other, which ends at this one */
    bool is_written;   /* its new status is on its way to the database */
    int64_t write_ms;  /* ... again not before this */
    bool is_ending;    /* its host is being told to end it, because its guest hangs ... */
    char *ended_why;   /* ... which its incident will say; NULL: nothing of that kind */
    enum vm_fsm_state told;
    struct ha_vm_seen local; /* on disks of one host: etcd has no record, this stands for it */
    struct ha_inc life;      /* ... and the life of that host in which it was seen to run */
};

/* A VM that a stand-in brought back. */
struct ha_adopted {
    int64_t vm_id, from_id, to_id;
};

struct HaShell {
    struct app *app;
    Ha *ha;        /* NULL: not active, or the records were not read yet */
    uint64_t life; /* answers from before a reset are void */
    guint timer;
    int64_t began_ms;
    bool armed;
    GHashTable *hosts, *vms;    /* int64 id -> slot */
    GPtrArray *host_at, *vm_at; /* slots by index; owned */
    GArray *adopted;            /* struct ha_adopted, to be told of */
    GHashTable *reboots;        /* int64 host id -> int64 deadline */
    GHashTable *asked;          /* set of those who wait for an answer; see ha_act.c */
    HaBeats *beats;
    HaSlots *slots;
    HaBook *book;
    unsigned n_syncs, n_looks;
    unsigned n_guest_ends; /* ordered, never counted anew: part of their commands' ids */
    uint64_t n_books;
    Metric *hosts_in[HOST_N_STATES], *vms_in[VM_FSM_N_STATES], *acts[HA_N_ACTS];
    Metric *armed_gauge, *beats_taken, *beats_dropped, *restarted, *recovery;
};

/* ha_shell.c */
struct ha_host_slot *ha_shell_host(const HaShell *shell, int64_t id); /* NULL: not known */
struct ha_vm_slot *ha_shell_vm(const HaShell *shell, int64_t id);
/* The VM's record; of one on disks of one host, what stands for it.  NULL: it has none. */
const struct ha_vm_seen *ha_shell_seen(const HaShell *shell, const Vm *vm);
struct ha_host_slot *ha_shell_host_at(const HaShell *shell, int index); /* -1: NULL */
const char *ha_shell_host_name(const HaShell *shell, int64_t id);
/* Done of a commit that only tells: a failure is logged. */
void ha_shell_note_untold(const GError *error, void *user);
/* Alive, not heard by every witness, and only for a moment yet: no VM starts there, and people are
 * not told before it lasts. */
bool ha_shell_is_passing(const HaShell *shell, const struct ha_host_slot *host);
/* Not ok, and no more than that is known; or worse. */
bool ha_shell_is_trouble(enum host_fsm_state state);

/* ha_sync.c: the inventory, told to the Ha object. */
void ha_sync(HaShell *shell, int64_t now_ms);
/* An id's lease or record came before the look that adds it. */
void ha_sync_soon(HaShell *shell);
/* Was it brought back as often as its policy allows in an hour? */
bool ha_sync_is_at_limit(const HaShell *shell, const struct ha_vm_slot *slot, const Vm *vm);
/* Hosts and VMs as HA sees them, for the scheduler and for people. */
void ha_sync_show(HaShell *shell);

/* ha_beats.c: the socket on the HA plane. */
HaBeats *ha_beats_new(HaShell *shell);
void ha_beats_free(HaBeats *beats);
/* The site's key is known, or another one. */
void ha_beats_set_key(HaBeats *beats, const char *hex);

/* ha_witness.c */
void ha_witness_beat(HaShell *shell, const struct beat *beat, int64_t now_ms);
/* What agents say of VMs, and questions that are due. */
void ha_witness_look(HaShell *shell, int64_t now_ms);
void ha_witness_ask(HaShell *shell, struct ha_host_slot *host);
void ha_witness_shoot(HaShell *shell, struct ha_host_slot *host);
void ha_witness_forget(struct ha_host_slot *host);

/* ha_slots.c: slots on shared datastores. */
HaSlots *ha_slots_new(HaShell *shell);
void ha_slots_free(HaSlots *slots);
void ha_slots_reset(HaSlots *slots);
/* Asks what is due. */
void ha_slots_look(HaSlots *slots, int64_t now_ms);
/* The host's slot stands still while others read it, or whoever is asked cannot read. */
bool ha_slots_misses(const HaSlots *slots, int64_t host_id, int32_t authority);
/* The host lives, and cannot use the datastore of that authority now. */
bool ha_slots_lacks(const HaSlots *slots, const struct ha_host_slot *host, int32_t authority);
/* All of those, for Host.lost_stores.  Free with g_free. */
char *ha_slots_lost(const HaSlots *slots, const struct ha_host_slot *host);
/* Was each datastore with slots read by somebody since we lead? */
bool ha_slots_read_all(const HaSlots *slots);
/* The host was told of its slots just now, and its slot there may be seen in a moment. */
bool ha_slots_awaits(const HaSlots *slots, int64_t host_id, int32_t authority);

/* ha_act.c: carries out; actions are taken from the list, which may grow meanwhile. */
void ha_act_all(HaShell *shell, struct ha_actions *actions);
/* Tells of hosts whose trouble did not pass. */
void ha_act_lasting(HaShell *shell);
/* From now on the VM counts as one that is down and should not be; until that is stored. */
void ha_act_resuming(HaShell *shell, struct ha_vm_slot *slot);

/* ha_again.c: hosts that are dead are switched on again. */
void ha_again_look(HaShell *shell, int64_t now_ms);
/* It is to be, and was not yet. */
bool ha_again_awaits(const HaShell *shell, const struct ha_host_slot *slot);

/* ha_place.c */
void ha_place_ask(HaShell *shell, const struct ha_action *action);
/* The host is dead: where would each of its VMs go?  Asked once, as GET failover?host= asks. */
void ha_place_plan(HaShell *shell, struct ha_host_slot *host);
void ha_plan_free(HaPlan *plan);

/* ha_book*.c: the story of each failure. */
HaBook *ha_book_new(HaShell *shell);
void ha_book_free(HaBook *book);
/* Those of the last controller go on. */
void ha_book_load(HaBook *book);
void ha_book_host(HaBook *book, struct ha_host_slot *host, int rule, const char *why);
/* Its trouble did not pass: the story is kept. */
void ha_book_lasting(const HaBook *book, const struct ha_host_slot *host);
/* One of the host's lives is over: in etcd, or on one datastore.  It is a death for the VMs that
 * lived by it; a host that is cut off may live on by its slots. */
void ha_book_buried(HaBook *book, struct ha_host_slot *host, const struct ha_owner *dead,
                    enum ha_proof proof);
void ha_book_note(HaBook *book, struct ha_host_slot *host, enum incident_source source,
                  const char *format, ...) G_GNUC_PRINTF(4, 5);
void ha_book_standin(HaBook *book, const struct ha_adopted *adopted);
void ha_book_drill(HaBook *book, struct ha_host_slot *host, const char *user);
void ha_book_vm(HaBook *book, struct ha_vm_slot *vm, int rule, const char *why);
void ha_book_placed(HaBook *book, struct ha_vm_slot *vm, int64_t host_id, const char *why);
void ha_book_ordered(HaBook *book, struct ha_vm_slot *vm, int64_t task_id);
void ha_book_failed(HaBook *book, struct ha_vm_slot *vm, const char *why);
/* "cna2 died: lease unchanged ..."; "" if no incident is about the VM.  Caller frees. */
char *ha_book_why(const HaBook *book, const struct ha_vm_slot *vm);
/* Does a story about the host go on; is that a fail-over test; does it wait for VMs to run? */
bool ha_book_knows(const HaBook *book, const struct ha_host_slot *host);
bool ha_book_is_drill(const HaBook *book, const struct ha_host_slot *host);
bool ha_book_waits(const HaBook *book, const struct ha_host_slot *host);
/* Ends what is over, writes what changed. */
void ha_book_tick(HaBook *book);

#endif /* VRM_CONTROLLER_HA_SHELL_PRIVATE_H */
