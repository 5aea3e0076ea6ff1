/* hald_private.h - what the parts of hald.h share: hald.c life and clock, hald_setup.c the setup,
 * hald_vm.c requests about VMs, hald_etcd.c requests to etcd, hald_sweep.c processes, hald_save.c
 * the life on file, hald_store.c leases of datastores, hald_slots.c readings of slots,
 * hald_status.c. */
#ifndef VRM_AGENT_HALD_PRIVATE_H
#define VRM_AGENT_HALD_PRIVATE_H

#include <sys/types.h>

#include "agent/hald.h"
#include "agent/hald_beat.h"
#include "agent/hald_conf.h"
#include "agent/hald_dog.h"
#include "agent/hald_life.h"
#include "agent/hald_proc.h"
#include "agent/hald_slot.h"
#include "base/httpc.h"
#include "base/log.h"
#include "base/work.h"
#include "etcd/etcd.h"
#include "ha/keeper.h"

struct hald_pid {
    pid_t pid;
    int handle; /* of hald_proc_open */
};
VEC_DECLARE(hald_pids, struct hald_pid);

/* Somebody waits for an answer; conn 0: nobody does. */
struct asker {
    uint64_t conn;
    int64_t id;
    int64_t until_ms; /* then the answer is no */
};

/* What is known of a VM's processes, beside what the keeper knows of its right.  It lives as long
 * as the keeper knows the VM, it is banned, or somebody waits. */
struct held {
    struct ha_vm_seen seen; /* as of its token */
    int32_t authority;
    char uuid[37]; /* lower case */
    struct hald_pids pids;
    bool told;    /* the agent says that its process will be there at any moment */
    bool unseen;  /* it was let run, and its process cannot be seen from here */
    bool banned;  /* its right lapsed: a process of it is killed on sight */
    bool killing; /* said so in the log */
    struct asker ask, may_run, release;
};

/* A datastore with heartbeat slots.  Its file is opened once for an incarnation, and written by
 * that one alone; when the path leads elsewhere, hald_store.c gives up both (LSE_SPENT).  There is
 * one for each lease of a storage authority that the keeper has. */
struct store {
    Hald *hald;
    int32_t authority;
    char *name, *path;
    int64_t slot;
    uint64_t tag; /* of the cluster */
    HaldSlot *file;
    struct ha_inc file_inc; /* whose file is open; boot 0: none is */
    bool resumes; /* goes on in an earlier process's incarnation, whose file it did not see yet */
    bool written; /* file_inc's slot, maybe */
    bool strays;  /* the path leads to another file than that, when compared last */
    unsigned n_writes;
    struct keeper_action action; /* the renewal that is out */
    int64_t version;             /* of its registration */
    int64_t begun_ms, retry_ms;
    int64_t pause_ms;  /* before the next try; 0: it works */
    int64_t spend_ms;  /* before, no incarnation is given up for another file */
    int64_t answer_ms; /* what the last renewal took */
    struct slot_record foreign;
    int64_t foreign_ms; /* since when it stands there unmoved */
    char *why;          /* what is wrong; NULL: nothing */
    bool hangs;         /* said so in the log */
    enum lease_state noted_state;
    struct ha_inc noted_inc;
    struct log_limit trouble;
};

struct Hald {
    const struct hald_conf *conf;
    hald_reply_fn reply;
    void *user;
    uint64_t boot;
    bool locked, real_time;
    int64_t started_ms;
    HaldDog *dog;
    HaldBeat *beats;
    HaldProcs *procs;
    HttpClient *http;
    WorkPool *disk;
    bool set_up;
    struct ha_setup setup;
    char *setup_path, *setup_text; /* as last stored */
    Etcd *etcd;
    GHashTable *calls; /* set of struct call: requests that are out */
    struct keeper keeper;
    GPtrArray *held;      /* of struct held */
    struct asker *asking; /* whose keeper_ask is under way */
    GPtrArray *stores;    /* of struct store */
    uint32_t last_n;      /* the highest incarnation of stores that were taken away */
    int n_made;           /* stores ever made */
    unsigned *n_hanging;  /* those taken away whose thread hangs; see hald_slot.h */
    GPtrArray *reading;   /* requests for slots that wait */
    uint64_t n_readings;
    uint64_t saved; /* what the life as last written was made of */
    guint tick;
    int64_t ticked_ms, next_scan_ms;
    int64_t answer_ms; /* what the last renewal took */
    int64_t n_kills;
    bool shorter_unsaved;         /* the life as last written lets a lease run past its record */
    int64_t petted_until_ms;      /* the watchdog fires then */
    bool dog_failed;              /* said so in the log */
    enum lease_state noted_state; /* in the log */
    struct ha_inc noted_inc;
    enum isolation_step noted_step;
    struct log_limit late, etcd_trouble, save_trouble, crowded;
};

/* ---- hald.c ---------------------------------------------------------------------------------- */

/* Carries out what the keeper said, and saves. */
void hald_act(Hald *hald, struct keeper_actions *actions);
void hald_answer(Hald *hald, uint64_t conn, int64_t id, const char *why /* NULL: yes */);
/* Answers, if somebody waits; nobody does any more. */
void hald_settle(Hald *hald, struct asker *asker, const char *why /* NULL: yes */);

/* ---- hald_vm.c ------------------------------------------------------------------------------- */

struct held *hald_find(const Hald *hald, int64_t vm);
struct held *hald_add(Hald *hald, const struct ha_vm_seen *seen, int32_t authority,
                      const char *uuid);
/* A reason that the keeper gave, to whoever asked for this VM. */
void hald_decided(Hald *hald, int64_t vm, const char *why /* NULL: it is allowed */);
/* Those who waited long enough; entries that nobody needs. */
void hald_tidy(Hald *hald, int64_t now_ms);
void hald_vm_request(Hald *hald, uint64_t conn, const struct hald_request *request);

/* ---- hald_sweep.c ---------------------------------------------------------------------------- */

/* Looks at the processes of all VMs known, tells the keeper, and kills what has no right. */
void hald_sweep(Hald *hald, bool thorough);
/* Closes the handles. */
void hald_forget_pids(struct held *held);
/* Is one of them without a process, or to be killed when it comes? */
bool hald_awaits_process(const Hald *hald);
void hald_kill_authority(Hald *hald, int32_t authority, const char *why);
/* "process 123 still runs", or NULL; free with g_free. */
char *hald_still_there(const struct held *held);
void hald_told_keeper(Hald *hald, const struct held *held);

/* ---- hald_etcd.c ----------------------------------------------------------------------------- */

void hald_send(Hald *hald, const struct keeper_action *action);
/* A storage lease's: to etcd, as any other. */
void hald_send_etcd(Hald *hald, const struct keeper_action *action);
/* Forgets all that is out. */
void hald_cancel_calls(Hald *hald);
/* Asks the members of the present setup from now on; what is out counts as not answered. */
void hald_use_etcd(Hald *hald);

/* ---- hald_store.c ---------------------------------------------------------------------------- */

GPtrArray *hald_stores_new(void);
struct store *hald_store_find(const Hald *hald, int32_t authority);
/* A RENEW of a storage authority. */
void hald_store_renew(Hald *hald, const struct keeper_action *action);
/* Does it wait for etcd's answer to this? */
bool hald_store_expects(const Hald *hald, const struct keeper_action *action);
/* Its transaction won, at this version. */
void hald_store_registered(Hald *hald, const struct keeper_action *action, int64_t version);
/* Makes leases what the setup says: those it does not name go once no VM stands under them. */
void hald_stores_match(Hald *hald);
/* The setup's times, for the leases it names. */
void hald_stores_set_times(Hald *hald);
/* Goes on with a lease that an earlier process of this boot left. */
void hald_store_resume(Hald *hald, const struct life_lease *lease);
/* Is this what one of the setup's datastores says? */
bool hald_store_is_wanted(const struct ha_setup *setup, const struct store *store);
bool hald_stores_check(const Hald *hald, const struct ha_setup *setup, GError **error);
/* Says in the log which datastores hang, and whose lease changed. */
void hald_stores_note(Hald *hald, int64_t now_ms);
/* What is wrong, or NULL; free with g_free. */
char *hald_store_why(const struct store *store, int64_t now_ms);
/* Without their leases: of a keeper that is cleared. */
void hald_stores_clear(Hald *hald);

/* ---- hald_slots.c ---------------------------------------------------------------------------- */

void hald_slots_request(Hald *hald, uint64_t conn, const struct hald_request *request);
/* Answers those who waited long enough. */
void hald_slots_tidy(Hald *hald, int64_t now_ms);
/* Forgets those who wait. */
void hald_slots_drop(Hald *hald);

/* ---- hald_save.c ----------------------------------------------------------------------------- */

/* False: it could not be; what the next process must know first is not done then. */
bool hald_save(Hald *hald);
/* The life that an earlier process of this boot left; *ret_found false: there is none. */
bool hald_restore(Hald *hald, struct life *ret_life, bool *ret_found, GError **error);

/* ---- hald_setup.c ---------------------------------------------------------------------------- */

bool hald_load_setup(Hald *hald, GError **error);
void hald_setup_request(Hald *hald, uint64_t conn, const struct hald_request *request);
void hald_make_http(Hald *hald);
/* The watchdog's length, and what one answer of etcd may take: never later than the watchdog could
 * still be petted for it, and so that two late ones in a row do no harm. */
int64_t hald_watchdog_ms(const struct ha_setup *setup);
int64_t hald_reply_ms(const struct ha_setup *setup);

/* ---- hald_status.c --------------------------------------------------------------------------- */

void hald_tell_status(const Hald *hald, uint64_t conn, int64_t id);

#endif /* VRM_AGENT_HALD_PRIVATE_H */
