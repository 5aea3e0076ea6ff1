/* rights.h - the records of ha/right.h as etcd has them now, and the way to change them.
 *
 * While vrmd is active it watches PREFIX/ha/: hosts' leases, tombstones, VMs' rights, each with its
 * version.  Whoever decides by them (the tasks, the Ha object) is told of each change, and sends
 * transactions made by right.h through rights_send(): nothing is sent by one who may not act, every
 * transaction carries the leader's epoch, and an answer that never came is read, not guessed.
 *
 * A VM whose disks are all on one host (HA_LOCAL) has no record: nobody else can start it.
 *
 * Loop thread only; no callback runs from inside a call of this interface. */
#ifndef VRM_CONTROLLER_RIGHTS_H
#define VRM_CONTROLLER_RIGHTS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/httpc.h"
#include "base/metrics.h"
#include "controller/stores.h"
#include "ha/ha.h"
#include "ha/right.h"
#include "model/snapshot.h"

typedef struct Rights Rights;

struct rights_options {
    HttpClient *http;             /* borrowed; must outlive the Rights */
    const char *const *endpoints; /* "http://10.0.0.1:2379", ...; copied */
    const char *prefix;           /* "/vrm"; copied */
    unsigned timeout_ms;          /* of one request; 0: 1500 */
    unsigned patience_ms;         /* before an outcome is called unknown; 0: 8000 */
    unsigned idle_ms;             /* a silent watch is begun anew; 0: 5000 */
    bool slots;                   /* VMs are to live by slots on shared datastores (stores.h) */
    /* May we act, at this very moment, and under which epoch?  0: no. */
    int64_t (*epoch)(void *user);
    void *user;
    Metrics *metrics; /* NULL: none */
};

Rights *rights_new(const struct rights_options *options);
void rights_free(Rights *rights);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rights, rights_free)

/* Begins to watch (vrmd became active). */
void rights_start(Rights *rights);
/* Forgets every record, and every transaction without a callback (before a reload). */
void rights_reset(Rights *rights);

/* ---- what is there ----------------------------------------------------------------------------
 */

/* The records have been read since rights_start, though they may be of some seconds ago. */
bool rights_listed(const Rights *rights);
/* ... and etcd answers. */
bool rights_etcd_ok(const Rights *rights);

/* NULL: the VM has no record.  Borrowed until the next return to the loop. */
const struct ha_vm_seen *rights_of(const Rights *rights, int64_t vm);
bool rights_is_buried(const Rights *rights, const struct ha_owner *owner);
/* asked_ms is when the present version was first seen. */
bool rights_lease(const Rights *rights, int64_t host, int32_t authority,
                  struct ha_lease_seen *ret_seen);

/* May a VM be given to the host now?  If so, as which owner: of a storage authority when the host's
 * slot there is seen to move, else of etcd's.  UNAVAILABLE or CONFLICT says why not, in words for
 * people. */
bool rights_owner(const Rights *rights, int64_t host, int32_t authority, struct ha_owner *ret_owner,
                  GError **error);

/* Who should protect the VM (stores.h); who does is in its record. */
int32_t rights_authority(const Rights *rights, const Snapshot *snap, const Vm *vm);

/* The datastores on which hosts keep slots: those of today's setting, and those that VMs live by
 * since before it was changed. */
void rights_stores(Rights *rights, const Snapshot *snap, struct stores *ret_stores);
/* How many VMs live by a slot: a right's record names an owner of a storage authority that is not
 * buried. */
size_t rights_n_by_slots(Rights *rights);

/* Every record, in no order; nothing may be changed meanwhile. */
struct rights_item {
    struct ha_key key;
    struct ha_record record;
    int64_t version, seen_ms; /* first seen here then */
};
typedef void (*rights_item_fn)(const struct rights_item *item, void *user);
void rights_foreach(const Rights *rights, rights_item_fn fn, void *user);

/* ---- who is told ------------------------------------------------------------------------------
 */

/* Each may be NULL.  A record is told once for each version. */
struct rights_sink {
    void (*lease)(int64_t host, int32_t authority, const struct ha_lease_seen *seen, void *user);
    void (*fence)(const struct ha_owner *dead, const struct ha_fence_record *fence, void *user);
    void (*right)(const struct ha_vm_seen *seen, void *user);
    void (*gone)(const struct ha_key *key, void *user); /* the record was removed */
    void (*answered)(void *user);                       /* etcd did, whatever it said */
    void (*listed)(void *user);                         /* the first list is complete */
    /* The Ha object's word on a host, asked by rights_owner after its own checks; it may choose
     * HA_ETCD instead of a storage authority.  Without it nobody knows whether a slot moves. */
    bool (*may_take)(int64_t host, int32_t authority, struct ha_owner *ret_owner, void *user);
    void *user;
};

/* Copied; at most four.  What is there already is told from the loop. */
void rights_add_sink(Rights *rights, const struct rights_sink *sink);
void rights_remove_sink(Rights *rights, const void *user);

/* ---- changes ----------------------------------------------------------------------------------
 */

/* The mandate of the present epoch, for right.h's functions; false: we may not act now. */
bool rights_mandate(const Rights *rights, struct ha_mandate *ret_mandate);

/* HA_DONE: what was wanted stands, by this call or one before.  HA_FAILED: it does not, and this
 * transaction will never do it; error (never NULL then) says why.  HA_UNKNOWN: etcd did not answer
 * for some seconds; ask again what is there before deciding. */
typedef void (*rights_done_fn)(enum ha_outcome outcome, const GError *error, void *user);
typedef struct RightsCall RightsCall;

/* done is called exactly once, unless rights_reset or rights_forget comes first.  The table and the
 * sinks have the new record before. */
RightsCall *rights_send(Rights *rights, const struct ha_txn *txn, rights_done_fn done, void *user);
struct rights_removal {
    struct ha_key key;
    int64_t version;
    const struct ha_key *other; /* NULL: none; else it must still be of other_version */
    int64_t other_version;
};
/* Removes a record of this version: a VM's that was deleted, a tombstone that nobody needs. */
RightsCall *rights_remove(Rights *rights, const struct rights_removal *removal, rights_done_fn done,
                          void *user);
/* done will not be called any more; the change may still happen.  Not after done.  NULL is fine. */
void rights_forget(RightsCall *call);

#endif /* VRM_CONTROLLER_RIGHTS_H */
