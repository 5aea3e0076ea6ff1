/* task_vm.h - tasks about one VM: each is one intent, one agent command and one record.
 *
 * Which statuses allow it, what the VM is called meanwhile and afterwards, and which command is
 * sent stands in one table (task_vm.c). */
#ifndef VRM_CONTROLLER_TASK_VM_H
#define VRM_CONTROLLER_TASK_VM_H

#include "controller/task.h"

/* For tasks_new(). */
extern const struct task_kind *const task_vm_kinds[];
extern const size_t task_vm_n_kinds;

/* What a VM task is asked to do. */
struct vm_order {
    enum task_type type;
    enum task_origin origin;
    const char *user, *address, *request_id; /* NULL: the controller itself */
    const char *why;                         /* for people; NULL: none */
    int64_t parent_id;
    int64_t target_host_id; /* start, migrate: 0 lets the scheduler choose */
    bool force, format_disks, bind;
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

/* After a take-over: the starts that the last controller still owed to VMs it had created. */
void task_vm_resume(struct app *app);

/* The queue that orders pass through, one at a time. */
Orders *orders_new(void);
/* Refuses what waits (before a reload: those who ordered are about to be forgotten). */
void orders_reset(Orders *orders);
void orders_free(Orders *orders);

#endif /* VRM_CONTROLLER_TASK_VM_H */
