/* ref.h - the reference count of published objects, and the only one in the project.
 *
 * Objects of a snapshot are shared by many threads and never change after publication; the count
 * only decides who frees.  C11 atomics, because those ThreadSanitizer understands. */
#ifndef VRM_BASE_REF_H
#define VRM_BASE_REF_H

#include <glib.h>
#include <stdatomic.h>
#include <stdbool.h>

struct ref {
    atomic_int count;
};

static inline void ref_init(struct ref *ref)
{
    atomic_init(&ref->count, 1);
}

static inline void ref_get(struct ref *ref)
{
    int old = atomic_fetch_add_explicit(&ref->count, 1, memory_order_relaxed);

    g_assert(old > 0);
}

/* One more reference to a const object whose first member is its struct ref; gives it back without
 * const, because whoever holds a reference must be able to drop it.  Counting is not changing. */
static inline void *ref_get_const(const void *object)
{
    union {
        const void *in;
        void *out;
    } same = { .in = object };

    ref_get((struct ref *)same.out);
    return same.out;
}

/* True when the caller held the last reference and must free the object. */
static inline bool ref_put(struct ref *ref)
{
    return atomic_fetch_sub_explicit(&ref->count, 1, memory_order_acq_rel) == 1;
}

#endif /* VRM_BASE_REF_H */
