/* plan_book.h - the published plan (agentproto/ha_plan.h) as it should be, beside what etcd has of
 * it: what to write next, and nothing twice.
 *
 * A VM's start is written before its host names it, and removed before its host drops it: whatever
 * is interrupted, the hosts' keys tell what there is.
 *
 * Knows no etcd and no inventory.  One thread at a time. */
#ifndef VRM_CONTROLLER_PLAN_BOOK_H
#define VRM_CONTROLLER_PLAN_BOOK_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agentproto/ha_plan.h"

typedef struct PlanBook PlanBook;

PlanBook *plan_book_new(void);
void plan_book_free(PlanBook *book);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PlanBook, plan_book_free)

/* ---- what etcd has ---------------------------------------------------------------------------
 */

/* A host's key as it was read; all of them, before anything is wanted. */
void plan_book_found(PlanBook *book, int64_t host, const struct ha_plan_host *plan,
                     const char *text);

/* ---- what should be there --------------------------------------------------------------------
 */

/* A version of all that a VM's text is made of: unchanged, the text is not made again. */
struct plan_version {
    int64_t generation, run_gen;
};

/* Without targets and digest: the book knows them. */
struct plan_wish {
    int64_t vm, host;
    int64_t authority, priority, after;
    struct plan_version version;
};

/* One look at all VMs: begin, want each, end.  What was not wanted is removed. */
void plan_book_begin(PlanBook *book);
/* False: its text is needed, see plan_book_tell; the look may go on without it. */
bool plan_book_want(PlanBook *book, const struct plan_wish *wish);
void plan_book_end(PlanBook *book);
/* The text of a VM that was wanted, of ha_plan_vm_format; taken. */
void plan_book_tell(PlanBook *book, int64_t vm, char *text);
/* Where the VM goes if its host dies; a VM that is not wanted is ignored. */
void plan_book_aim(PlanBook *book, int64_t vm, const int64_t targets[HA_PLAN_TARGETS]);

/* ---- what to write ---------------------------------------------------------------------------
 */

struct plan_op {
    enum ha_plan_kind kind;
    int64_t id;
    char *text; /* NULL: remove it */
};

/* The next operations, of struct plan_op; empty: etcd has what it should have, or a text is
 * missing. */
GArray *plan_book_next(PlanBook *book, unsigned max_ops, size_t max_bytes);
/* etcd has done them. */
void plan_book_done(PlanBook *book, const GArray *ops);

#endif /* VRM_CONTROLLER_PLAN_BOOK_H */
