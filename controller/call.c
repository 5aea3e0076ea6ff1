/* call.c - see call.h. */
#include "config.h"

#include "controller/call.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/work.h"
#include "controller/role.h"
#include "controller/task.h"
#include "model/reason.h"

static const call_fn handlers[] = {
    [OP_LOGIN] = on_login,
    [OP_LOGOUT] = on_logout,
    [OP_CLUSTER_CREATE] = on_cluster_create,
    [OP_CLUSTER_UPDATE] = on_cluster_update,
    [OP_CLUSTER_DELETE] = on_cluster_delete,
    [OP_GROUP_CREATE] = on_group_create,
    [OP_GROUP_UPDATE] = on_group_update,
    [OP_GROUP_DELETE] = on_group_delete,
    [OP_DATASTORE_CREATE] = on_datastore_create,
    [OP_DATASTORE_DELETE] = on_datastore_delete,
    [OP_HOST_ADD] = on_host_add,
    [OP_HOST_UPDATE] = on_host_update,
    [OP_HOST_DELETE] = on_host_delete,
    [OP_HOST_ENTER_MAINT] = on_host_maintenance,
    [OP_HOST_EXIT_MAINT] = on_host_maintenance,
    [OP_HOST_EVACUATE] = on_host_evacuate,
    [OP_HOST_POWER_ON] = on_host_power,
    [OP_HOST_POWER_OFF] = on_host_power,
    [OP_HOST_REBOOT] = on_host_reboot,
    [OP_VM_CREATE] = on_vm_create,
    [OP_VM_UPDATE] = on_vm_update,
    [OP_VM_DELETE] = on_vm_order,
    [OP_VM_START] = on_vm_order,
    [OP_VM_STOP] = on_vm_order,
    [OP_VM_REBOOT] = on_vm_order,
    [OP_VM_PAUSE] = on_vm_order,
    [OP_VM_RESUME] = on_vm_order,
    [OP_VM_MIGRATE] = on_vm_order,
    [OP_TASK_CANCEL] = on_task_cancel,
    [OP_TASK_WAIT] = on_task_wait,
    [OP_TASK_GET] = on_task_get,
    [OP_TASK_LIST] = on_task_list,
    [OP_DRS_REFRESH] = on_drs_refresh,
    [OP_DRS_APPLY] = on_drs_apply,
    [OP_DRS_LIST] = on_drs_list,
    [OP_DRS_HISTORY] = on_drs_history,
    [OP_DPM_STATUS] = on_dpm_status,
    [OP_DPM_REFRESH] = on_dpm_refresh,
    [OP_HOST_PROVE_WAKE] = on_host_prove_wake,
    [OP_IMC_CHECK] = on_imc_check,
    [OP_ALARM_ACTIVE] = on_alarm_active,
    [OP_ALARM_HISTORY] = on_alarm_history,
    [OP_VM_EXPLAIN] = on_vm_explain,
    [OP_FAILOVER] = on_failover,
    [OP_CAPACITY] = on_capacity,
    [OP_DRAIN_PLAN] = on_drain_plan,
    [OP_HA_STATUS] = on_ha_status,
    [OP_HA_ARM] = on_ha_arm,
    [OP_HA_DISARM] = on_ha_disarm,
    [OP_HOST_DRILL] = on_host_drill,
    [OP_HOST_TRUST] = on_host_trust,
    [OP_INCIDENT_LIST] = on_incident_list,
    [OP_INCIDENT_GET] = on_incident_get,
    [OP_EVENT_LIST] = on_event_list,
    [OP_AUDIT_LIST] = on_audit_list,
    [OP_USER_LIST] = on_user_list,
    [OP_PASSWORD_CHANGE] = on_password_change,
};

call_fn call_handler(enum op_kind kind)
{
    g_assert((size_t)kind < G_N_ELEMENTS(handlers));
    return handlers[kind];
}

/* ---- answers ----------------------------------------------------------------------------------
 */

void call_result(struct call *call, struct op_result *result)
{
    inventory_publish(call->app->inv); /* a caller reads its own write */
    call->done(result, call->user);
    op_result_clear(result);
    op_free(call->op);
    g_free(call);
}

void call_fail(struct call *call, const GError *error)
{
    struct op_result result = { .error = g_error_copy(error) };

    call_result(call, &result);
}

void call_done(struct call *call)
{
    call_task(call, 0, 0);
}

void call_task(struct call *call, int64_t task_id, int64_t object_id)
{
    struct op_result result = { .task_id = task_id, .object_id = object_id };

    call_result(call, &result);
}

/* ---- look-ups ---------------------------------------------------------------------------------
 */

const Cluster *call_cluster(const struct call *call, int64_t id, GError **error)
{
    const Cluster *cluster = snapshot_builder_get_cluster(inventory_edit(call->app->inv), id);

    if (!cluster)
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_CLUSTER_MISSING, NULL,
                       "cluster %" G_GINT64_FORMAT " does not exist", id);
    return cluster;
}

const Host *call_host(const struct call *call, int64_t id, GError **error)
{
    const Host *host = snapshot_builder_get_host(inventory_edit(call->app->inv), id);

    if (!host)
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_HOST_MISSING, NULL,
                       "host %" G_GINT64_FORMAT " does not exist", id);
    return host;
}

const Vm *call_vm(const struct call *call, int64_t id, GError **error)
{
    const Vm *vm = snapshot_builder_get_vm(inventory_edit(call->app->inv), id);

    if (!vm)
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_VM_MISSING, NULL,
                       "VM i-%08" PRIX64 " does not exist", (uint64_t)id);
    return vm;
}

bool call_is_current(int64_t read_at, int64_t now, const char *name, GError **error)
{
    if (read_at == now)
        return true;
    err_set_reason(error, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, NULL,
                   "%s was changed by somebody else meanwhile; read it again", name);
    return false;
}

/* ---- audit and finished tasks -----------------------------------------------------------------
 */

void call_audit(const struct call *call, Commit *commit, const char *object, const int64_t *task_id)
{
    commit_audit(commit, &(struct commit_audit){ .user = call->op->user,
                                                 .address = call->op->address,
                                                 .request_id = call->op->request_id,
                                                 .operation = op_kind_name(call->op->kind),
                                                 .object = object,
                                                 .result = "done",
                                                 .task_id_from = task_id });
}

Task *call_finished_task(const struct call *call, Commit *commit, enum task_type type,
                         enum object_kind kind, const char *name, const int64_t *entity_id)
{
    Task *task = task_prepare(type, kind, *entity_id, name, call->op->user);

    task->status = TASK_SUCCESS;
    task->progress = 100;
    task->finish_ms = task->start_ms;
    commit_put_task(commit, task, entity_id);
    return task; /* the commit's reference keeps it until its done() has returned */
}

/* ---- the door ---------------------------------------------------------------------------------
 */

struct CallBox {
    struct app *app;
    Mailbox *mail;
};

static bool refuse_unless_active(const struct call *call, GError **error)
{
    const struct app *app = call->app;

    if (!role_is_active(app->role)) {
        err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                       "this controller is not active");
        return false;
    }
    if (!op_kind_mutates(call->op->kind))
        return true;
    if (!dbq_up(app->dbq)) {
        err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_DATABASE, NULL,
                       "the database does not answer: nothing can be changed until it does");
        return false;
    }
    if (role_epoch(app->role) == 0) {
        err_set_reason(error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                       "this controller is making sure that it still leads; try again");
        return false;
    }
    return true;
}

static void deliver(void *message, void *user)
{
    struct call *call = message;
    g_autoptr(GError) error = NULL;

    (void)user;
    if (refuse_unless_active(call, &error))
        call_handler(call->op->kind)(call);
    else
        call_fail(call, error);
}

static void drop(void *message)
{
    struct call *call = message;
    g_autoptr(GError) error = NULL;

    err_set_reason(&error, VRM_ERR_UNAVAILABLE, REASON_RECOVERING, NULL,
                   "this controller is stopping");
    call_fail(call, error);
}

CallBox *call_box_new(struct app *app)
{
    CallBox *box = g_new0(CallBox, 1);

    box->app = app;
    box->mail = mailbox_new(NULL, deliver, drop, box);
    return box;
}

void call_box_free(CallBox *box)
{
    if (!box)
        return;
    mailbox_close(box->mail);
    mailbox_free(box->mail);
    g_free(box);
}

void call_box_submit(CallBox *box, struct op *op, op_done_fn done, void *user)
{
    struct call *call = g_new(struct call, 1);

    *call = (struct call){ .app = box->app, .op = op, .done = done, .user = user };
    if (!mailbox_post(box->mail, call))
        drop(call);
}
