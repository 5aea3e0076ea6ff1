/* vm_order.h - orders about VMs: from a wish to a committed intent and a task that has begun.
 *
 * Orders pass one at a time, so that each placement sees the one before it.  Loop thread only. */
#ifndef VRM_CONTROLLER_VM_ORDER_H
#define VRM_CONTROLLER_VM_ORDER_H

#include "controller/app.h"

/* What a VM task is asked to do. */
struct vm_order {
    enum task_type type;
    enum task_origin origin;
    const char *user, *address, *request_id; /* NULL: the controller itself */
    const char *why;                         /* for people; NULL: none */
    int64_t parent_id;
    int64_t target_host_id; /* start, migrate: 0 lets the scheduler choose */
    bool force, format_disks, bind;
    bool owed; /* start: only if it never ran; who ordered tells of refusals himself */
};

/* task_id is 0 when it was refused. */
typedef void (*vm_order_fn)(int64_t task_id, const GError *error, void *user);

/* Checks status, holds and target, commits the intent and begins the task.  done is called exactly
 * once, never from inside the call. */
void vm_order(struct app *app, int64_t vm_id, const struct vm_order *order, vm_order_fn done,
              void *user);

/* A new VM (id 0); takes vm.  A host that sees its datastores makes the volumes. */
void vm_order_create(struct app *app, Vm *vm, bool auto_start, const struct vm_order *order,
                     vm_order_fn done, void *user);

/* A turn of its own between orders: fn is called once none is being placed or written, and none
 * will be until vm_order_turn_over().  With an error there is no turn, and nothing to end. */
typedef void (*vm_turn_fn)(const GError *error, void *user);
void vm_order_turn(struct app *app, vm_turn_fn fn, void *user);
void vm_order_turn_over(struct app *app);

/* After a take-over: orders wait some seconds for hosts of which nothing is known yet. */
void vm_order_resume(struct app *app);

/* A take-over was seconds ago, and of some host, or of the rights to run VMs, nothing is known yet.
 */
bool vm_order_awaits_hosts(const struct app *app);
/* A refusal because the database is away or the lease in doubt: nothing was begun, it will pass. */
bool vm_order_may_pass(const struct app *app, const GError *error);

/* The queue that orders pass through, one at a time. */
Orders *orders_new(void);
/* Refuses what waits (before a reload: those who ordered are about to be forgotten). */
void orders_reset(Orders *orders);
/* The controller ends: refuses what waits and begins nothing more.  All modules must be there
 * still, those who ordered look around when they are refused. */
void orders_stop(Orders *orders);
/* After orders_stop(), and after the database workers, which may hold the order that is open. */
void orders_free(Orders *orders);

#endif /* VRM_CONTROLLER_VM_ORDER_H */
