/* right.c - see right.h.
 *
 * tests/mutate_ha.sh takes the comparisons away one by one: the simulation, or a unit test, must
 * notice.  The words behind them tell it which is which. */
#include "config.h"

#include "ha/right.h"

#include <glib.h>

int64_t ha_length_ms(int32_t authority, int64_t said_ms)
{
    const int64_t longest_ms = authority == HA_ETCD ? HA_LONGEST_LEASE_MS : HA_LONGEST_SLOT_MS;

    return said_ms > 0 ? said_ms : longest_ms;
}

bool ha_inc_equal(struct ha_inc a, struct ha_inc b)
{
    return a.boot == b.boot && a.n == b.n;
}

bool ha_owner_equal(const struct ha_owner *a, const struct ha_owner *b)
{
    return a->host == b->host && a->authority == b->authority && ha_inc_equal(a->inc, b->inc);
}

bool ha_key_equal(const struct ha_key *a, const struct ha_key *b)
{
    return a->kind == b->kind && a->id == b->id && a->authority == b->authority &&
           ha_inc_equal(a->inc, b->inc);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static struct ha_key lease_key(const struct ha_owner *owner)
{
    return (struct ha_key){ HA_KEY_LEASE, owner->authority, owner->host, { 0 } };
}

static struct ha_key fence_key(const struct ha_owner *owner)
{
    return (struct ha_key){ HA_KEY_FENCE, owner->authority, owner->host, owner->inc };
}

static struct ha_key vm_key(int64_t vm)
{
    return (struct ha_key){ .kind = HA_KEY_VM, .id = vm };
}

/* ---- parts of transactions ------------------------------------------------------------------- */

static void compare(struct ha_txn *txn, enum ha_compare_kind kind, struct ha_key key,
                    int64_t revision)
{
    g_assert(txn->n_compares < HA_MAX_COMPARES);
    txn->compares[txn->n_compares++] = (struct ha_compare){ kind, key, revision };
}

static void put(struct ha_txn *txn, struct ha_key key, struct ha_record record)
{
    g_assert(txn->n_puts < HA_MAX_PUTS);
    txn->puts[txn->n_puts++] = (struct ha_put){ key, record };
}

static void put_vm(struct ha_txn *txn, int64_t vm, const struct ha_vm_right *right)
{
    put(txn, vm_key(vm), (struct ha_record){ .vm = *right });
}

static void require_alive(struct ha_txn *txn, const struct ha_owner *owner)
{
    compare(txn, HA_VERSION_IS, fence_key(owner), 0);
}

/* Nothing is decided by one who was replaced: a later leader, or for a recovery leader any. */
static void require_mandate(struct ha_txn *txn, const struct ha_mandate *mandate)
{
    const struct ha_key leader = { .kind = HA_KEY_LEADER };
    const struct ha_key recovery = { .kind = HA_KEY_RECOVERY };

    compare(txn, HA_CREATED_IS, mandate->recovery ? recovery : leader, mandate->epoch);
    if (mandate->recovery)
        compare(txn, HA_VERSION_IS, leader, 0);
}

static void require_version(struct ha_txn *txn, const struct ha_vm_seen *seen)
{
    compare(txn, HA_VERSION_IS, vm_key(seen->vm), seen->version);
}

/* ---- the host's ------------------------------------------------------------------------------ */

void right_renew(const struct ha_owner *self, int64_t version, struct ha_inc former,
                 const struct ha_lease_record *record, struct ha_txn *ret_txn)
{
    const struct ha_owner before = { self->host, self->authority, former };

    g_assert(ha_inc_equal(record->inc, self->inc));
    *ret_txn = (struct ha_txn){ 0 };
    compare(ret_txn, HA_VERSION_IS, lease_key(self), version);
    require_alive(ret_txn, self); /* renew */
    put(ret_txn, lease_key(self), (struct ha_record){ .lease = *record });
    if (former.boot != 0 && !ha_inc_equal(former, self->inc)) {
        const enum ha_proof proof =
            former.boot == self->inc.boot ? HA_PROOF_LAPSED : HA_PROOF_REBOOT;

        put(ret_txn, fence_key(&before), (struct ha_record){ .fence = { proof, 0 } });
    }
}

void right_claim(const struct ha_owner *self, const struct ha_vm_seen *seen, struct ha_txn *ret_txn)
{
    struct ha_vm_right right = seen->right;

    *ret_txn = (struct ha_txn){ 0 };
    require_version(ret_txn, seen); /* claim */
    require_alive(ret_txn, self);   /* claim */
    right.claimed = true;           /* claim */
    put_vm(ret_txn, seen->vm, &right);
}

static void drop_owner(struct ha_vm_right *right, const struct ha_owner *owner)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < right->n_owners; i++)
        if (!ha_owner_equal(&right->owners[i], owner))
            right->owners[kept++] = right->owners[i];
    right->n_owners = kept;
    for (unsigned i = kept; i < HA_MAX_OWNERS; i++)
        right->owners[i] = (struct ha_owner){ 0 };
}

void right_release(const struct ha_owner *self, const struct ha_vm_seen *seen,
                   struct ha_txn *ret_txn)
{
    struct ha_vm_right right = seen->right;

    *ret_txn = (struct ha_txn){ 0 };
    require_version(ret_txn, seen); /* release */
    drop_owner(&right, self);
    right.claimed = right.n_owners > 0; /* a migration's target has it, or had it */
    put_vm(ret_txn, seen->vm, &right);
}

/* ---- the deciders ---------------------------------------------------------------------------- */

void right_fence(const struct ha_mandate *mandate, const struct ha_owner *dead, int64_t version,
                 enum ha_proof proof, struct ha_txn *ret_txn)
{
    *ret_txn = (struct ha_txn){ 0 };
    require_mandate(ret_txn, mandate);
    compare(ret_txn, HA_VERSION_IS, lease_key(dead), version);
    put(ret_txn, fence_key(dead), (struct ha_record){ .fence = { proof, mandate->epoch } });
}

void right_assign(const struct ha_mandate *mandate, const struct ha_vm_seen *seen,
                  const struct ha_owner *to, struct ha_txn *ret_txn)
{
    const struct ha_vm_right right = {
        .gen = seen->right.gen + 1,
        .n_owners = 1,
        .owners = { *to },
    };

    *ret_txn = (struct ha_txn){ 0 };
    require_mandate(ret_txn, mandate);
    require_version(ret_txn, seen); /* assign */
    if (seen->right.claimed)
        for (unsigned i = 0; i < seen->right.n_owners; i++)
            compare(ret_txn, HA_EXISTS, fence_key(&seen->right.owners[i]), 0);
    require_alive(ret_txn, to); /* assign */
    put_vm(ret_txn, seen->vm, &right);
}

void right_share(const struct ha_mandate *mandate, const struct ha_vm_seen *seen,
                 const struct ha_owner *to, struct ha_txn *ret_txn)
{
    struct ha_vm_right right = seen->right;

    g_assert(right.n_owners == 1);
    *ret_txn = (struct ha_txn){ 0 };
    require_mandate(ret_txn, mandate);
    require_version(ret_txn, seen); /* share */
    require_alive(ret_txn, &right.owners[0]);
    require_alive(ret_txn, to); /* share */
    right.owners[right.n_owners++] = *to;
    put_vm(ret_txn, seen->vm, &right);
}

void right_settle(const struct ha_mandate *mandate, const struct ha_vm_seen *seen, unsigned keep,
                  struct ha_txn *ret_txn)
{
    struct ha_vm_right right = seen->right;

    g_assert(right.n_owners == 2 && keep < 2);
    *ret_txn = (struct ha_txn){ 0 };
    require_mandate(ret_txn, mandate);
    require_version(ret_txn, seen); /* settle */
    right.gen += keep;              /* a new owner, a new generation */
    drop_owner(&right, &seen->right.owners[1 - keep]);
    put_vm(ret_txn, seen->vm, &right);
}

void right_take_recovery(struct ha_txn *ret_txn)
{
    const struct ha_key leader = { .kind = HA_KEY_LEADER };
    const struct ha_key recovery = { .kind = HA_KEY_RECOVERY };

    *ret_txn = (struct ha_txn){ 0 };
    compare(ret_txn, HA_VERSION_IS, leader, 0);
    compare(ret_txn, HA_VERSION_IS, recovery, 0);
    put(ret_txn, recovery, (struct ha_record){ 0 });
}

#define NAME(name, text) text,

const char *ha_proof_name(enum ha_proof proof)
{
    static const char *const names[] = { HA_PROOFS(NAME) };

    return names[proof];
}
