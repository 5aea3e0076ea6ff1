/* right.h - the right to run a VM, as records in etcd and the only transactions that change them.
 *
 *   lease(host, authority)       who the host is at present (its incarnation) and, of etcd's own
 *                                authority, that it lives: rewritten by vrm-hald every few seconds
 *   fence(host, authority, inc)  tombstone: this incarnation can never again hold a right
 *   vm(id)                       owners of a VM, at most two (during a migration), and a generation
 *   leader, recovery             who may decide: the key's create revision is its epoch
 *
 * Each function below fills one transaction with every comparison that makes it safe; the shells
 * (controller/, agent/, the simulation) send it as it is and decide nothing.  "Version" is always
 * etcd's mod revision of the record as the caller last saw it, 0: the record did not exist.
 *
 * Pure: structs in, structs out.  Any thread. */
#ifndef VRM_HA_RIGHT_H
#define VRM_HA_RIGHT_H

#include <stdbool.h>
#include <stdint.h>

/* One life of one host under one authority: the machine's boot and a count within it.  A host whose
 * lease lapsed goes on as the next incarnation and can never come back as an earlier one. */
struct ha_inc {
    uint64_t boot; /* from the kernel's boot id; 0: none */
    uint32_t n;
};

/* Whose leases protect a VM.  Numbers from 2 on stand for datastores with heartbeat slots (slot.h):
 * their leases are registered in etcd once an incarnation and kept by writing the slot. */
enum {
    HA_LOCAL,
    HA_ETCD,
    HA_STORAGE,
};

struct ha_owner {
    int64_t host;
    int32_t authority;
    struct ha_inc inc;
};

enum {
    HA_MAX_OWNERS = 2
};

struct ha_vm_right {
    int64_t gen; /* grows with each new owner */
    unsigned n_owners;
    struct ha_owner owners[HA_MAX_OWNERS]; /* 0: runs or may start; 1: a migration's target */
    bool claimed; /* owner 0 went to start it: only its tombstone or its own release frees it */
};

/* How long a lease may be set to last, at most: of one whose record does not say how long it lasts,
 * as vrm-hald wrote them before they carried that, nothing shorter can be excluded. */
enum {
    HA_LONGEST_LEASE_MS = 600000, /* etcd's */
    HA_LONGEST_SLOT_MS = 900000,  /* storage's */
};

struct ha_lease_record {
    struct ha_inc inc;
    int64_t seq;
    int64_t length_ms; /* so long, from its sending, the host keeps by it what it runs; 0: unsaid */
};

/* Why an incarnation is over for good. */
// clang-format off
#define HA_PROOFS(X)                                                                               \
    X(NONE,    "none")                                                                             \
    X(STILL,   "lease unchanged for its whole length") /* seen by ourselves from our first sight */\
    X(POWER,   "power is off")                         /* said or confirmed by the fence device */ \
    X(REBOOT,  "a new boot id")                        /* the host itself came up again */         \
    X(LAPSED,  "its own host ended it")                /* vrm-hald killed what it protected */
// clang-format on
#define HA_PROOF_ENUM(name, text) HA_PROOF_##name,
enum ha_proof {
    HA_PROOFS(HA_PROOF_ENUM) HA_N_PROOFS
};

struct ha_fence_record {
    enum ha_proof proof;
    int64_t epoch; /* of the one who proved it; 0: the host itself */
};

enum ha_key_kind {
    HA_KEY_LEADER,
    HA_KEY_RECOVERY,
    HA_KEY_LEASE, /* id: host */
    HA_KEY_FENCE, /* id: host */
    HA_KEY_VM,    /* id: VM */
};

struct ha_key {
    enum ha_key_kind kind;
    int32_t authority; /* LEASE, FENCE */
    int64_t id;
    struct ha_inc inc; /* FENCE */
};

struct ha_record {
    union {
        struct ha_lease_record lease;
        struct ha_fence_record fence;
        struct ha_vm_right vm;
    };
};

enum ha_compare_kind {
    HA_VERSION_IS, /* mod revision == revision; 0: does not exist */
    HA_CREATED_IS, /* create revision == revision; 0: does not exist */
    HA_EXISTS,
};

struct ha_compare {
    enum ha_compare_kind kind;
    struct ha_key key;
    int64_t revision;
};

struct ha_put {
    struct ha_key key;
    struct ha_record record;
};

enum {
    HA_MAX_COMPARES = 6,
    HA_MAX_PUTS = 2
};

/* All comparisons hold: all puts are done, at one revision.  Else nothing is, and the answer
 * carries the record of the first put as it stands. */
struct ha_txn {
    unsigned n_compares, n_puts;
    struct ha_compare compares[HA_MAX_COMPARES];
    struct ha_put puts[HA_MAX_PUTS];
};

/* Who decides: the active controller, or the recovery leader while there is none. */
struct ha_mandate {
    bool recovery;
    int64_t epoch;
};

/* A VM's record as last seen. */
struct ha_vm_seen {
    int64_t vm, version;
    struct ha_vm_right right;
};

/* How long a lease lasts that says this: itself, or, when it does not say, as long as any can. */
int64_t ha_length_ms(int32_t authority, int64_t said_ms);

bool ha_inc_equal(struct ha_inc a, struct ha_inc b);
bool ha_owner_equal(const struct ha_owner *a, const struct ha_owner *b);
bool ha_key_equal(const struct ha_key *a, const struct ha_key *b);

/* ---- said by the host (vrm-hald) --------------------------------------------------------------
 */

/* Renews the lease of `self` over a record of `version`; what is put says `record`, of the present
 * incarnation.  `former` is the incarnation found there: another one of the same host is buried in
 * the same transaction. */
void right_renew(const struct ha_owner *self, int64_t version, struct ha_inc former,
                 const struct ha_lease_record *record, struct ha_txn *ret_txn);

/* `self` goes to start the VM it was given. */
void right_claim(const struct ha_owner *self, const struct ha_vm_seen *seen,
                 struct ha_txn *ret_txn);

/* `self` has no process of the VM any more, and will start none by this right. */
void right_release(const struct ha_owner *self, const struct ha_vm_seen *seen,
                   struct ha_txn *ret_txn);

/* ---- said by the one who decides --------------------------------------------------------------
 */

/* Buries an incarnation that was proved dead; void when its lease's record in etcd moved since
 * `version`.  That holds for storage, too: an incarnation that held nothing yet and registers again
 * may still come to hold it. */
void right_fence(const struct ha_mandate *mandate, const struct ha_owner *dead, int64_t version,
                 enum ha_proof proof, struct ha_txn *ret_txn);

/* Gives a VM to a new owner; void while a former owner that claimed it is not buried. */
void right_assign(const struct ha_mandate *mandate, const struct ha_vm_seen *seen,
                  const struct ha_owner *to, struct ha_txn *ret_txn);

/* Before a migration: `to` becomes the second owner. */
void right_share(const struct ha_mandate *mandate, const struct ha_vm_seen *seen,
                 const struct ha_owner *to, struct ha_txn *ret_txn);

/* After a migration: `keep` (0: the source, 1: the target) is the only owner.  The caller knows
 * from the other one's host that nothing of the VM is left there. */
void right_settle(const struct ha_mandate *mandate, const struct ha_vm_seen *seen, unsigned keep,
                  struct ha_txn *ret_txn);

/* Takes the mandate of a recovery leader: only while nobody leads. */
void right_take_recovery(struct ha_txn *ret_txn);

const char *ha_proof_name(enum ha_proof proof);

#endif /* VRM_HA_RIGHT_H */
