/* call.h - operations from the API, on the loop: the controller's side of api/ops.h.
 *
 * An API thread posts a struct op; the loop looks its handler up in one table (call.c) and the
 * handler answers exactly once, now or later.  Handlers stand in on_*.c, one file per resource. */
#ifndef VRM_CONTROLLER_CALL_H
#define VRM_CONTROLLER_CALL_H

#include "api/ops.h"
#include "controller/app.h"

struct call {
    struct app *app;
    struct op *op;
    op_done_fn done;
    void *user;
    bool judge_policy; /* CLUSTER_UPDATE: its HA policy is another one than before */
};

/* Each answers and frees the call. */
void call_fail(struct call *call, const GError *error); /* borrowed */
void call_done(struct call *call);
void call_task(struct call *call, int64_t task_id, int64_t object_id);
void call_result(struct call *call, struct op_result *result);

/* Fails with NOT_FOUND and returns NULL when the object does not exist. */
const Cluster *call_cluster(const struct call *call, int64_t id, GError **error);
const Host *call_host(const struct call *call, int64_t id, GError **error);
const Vm *call_vm(const struct call *call, int64_t id, GError **error);

/* CONFLICT with REASON_OBJECT_CONFLICT unless the generation the caller read is still current. */
bool call_is_current(int64_t read_at, int64_t now, const char *name, GError **error);

/* An audit row for this call; task_id: where the task's id will stand, or NULL. */
void call_audit(const struct call *call, Commit *commit, const char *object,
                const int64_t *task_id);
/* A task that is over with the commit it is part of; its id is there afterwards. */
Task *call_finished_task(const struct call *call, Commit *commit, enum task_type type,
                         enum object_kind kind, const char *name, const int64_t *entity_id);

typedef void (*call_fn)(struct call *call);
/* Each kind has one. */
call_fn call_handler(enum op_kind kind);

/* on_session.c */
void on_login(struct call *call);
void on_logout(struct call *call);
void on_user_list(struct call *call);
void on_password_change(struct call *call);
/* on_alarm.c */
void on_alarm_active(struct call *call);
void on_alarm_history(struct call *call);
/* on_cluster.c */
void on_cluster_create(struct call *call);
void on_cluster_update(struct call *call);
void on_cluster_delete(struct call *call);
/* on_group.c */
void on_group_create(struct call *call);
void on_group_update(struct call *call);
void on_group_delete(struct call *call);
void on_datastore_create(struct call *call);
void on_datastore_delete(struct call *call);
/* on_host.c */
void on_host_add(struct call *call);
void on_host_update(struct call *call);
void on_host_delete(struct call *call);
void on_host_maintenance(struct call *call);
void on_host_evacuate(struct call *call);
void on_host_power(struct call *call); /* on, off */
void on_host_reboot(struct call *call);
/* on_vm.c */
void on_vm_create(struct call *call);
void on_vm_update(struct call *call);
void on_vm_order(struct call *call); /* delete, start, stop, reboot, pause, resume, migrate */
/* on_drs.c */
void on_drs_refresh(struct call *call);
void on_drs_apply(struct call *call);
void on_drs_list(struct call *call);
void on_drs_history(struct call *call);
/* on_dpm.c */
void on_dpm_status(struct call *call);
void on_dpm_refresh(struct call *call);
void on_host_prove_wake(struct call *call);
/* on_ha.c */
void on_ha_status(struct call *call);
void on_ha_arm(struct call *call);
void on_ha_disarm(struct call *call);
void on_host_drill(struct call *call);
void on_host_trust(struct call *call);
void on_incident_list(struct call *call);
void on_incident_get(struct call *call);
/* on_imc.c */
void on_imc_check(struct call *call);
void on_vm_explain(struct call *call);
/* Answers with result, and a note if the HA policy of cluster op->id does not hold now: starts will
 * be refused. */
void explain_policy(struct call *call, const struct op_result *result);
void on_failover(struct call *call);
void on_capacity(struct call *call);
void on_drain_plan(struct call *call);
/* on_history.c */
void on_task_cancel(struct call *call);
void on_task_wait(struct call *call);
void on_task_get(struct call *call);
void on_task_list(struct call *call);
void on_event_list(struct call *call);
void on_audit_list(struct call *call);

/* The door for API threads: posts to the loop. */
typedef struct CallBox CallBox;
CallBox *call_box_new(struct app *app);
/* Refuses later calls; those waiting are answered with UNAVAILABLE. */
void call_box_free(CallBox *box);
void call_box_submit(CallBox *box, struct op *op, op_done_fn done, void *user); /* any thread */

#endif /* VRM_CONTROLLER_CALL_H */
