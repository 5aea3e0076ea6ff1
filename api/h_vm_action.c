/* h_vm_action.c - start, stop, reboot, pause, resume, migrate, delete. */
#include "config.h"

#include "api/handlers.h"

#include <string.h>

#include "api/body.h"
#include "base/err.h"
#include "model/id.h"
#include "model/reason.h"

#define URN_MAX 256

static struct op *vm_op(const struct request *req, enum op_kind kind)
{
    struct op *op = op_new(kind);

    op->id = req->ids[OBJECT_VM];
    return op;
}

struct op *h_vm_start(struct request *req, GError **error)
{
    (void)error;
    return vm_op(req, OP_VM_START);
}

struct op *h_vm_pause(struct request *req, GError **error)
{
    (void)error;
    return vm_op(req, OP_VM_PAUSE);
}

struct op *h_vm_resume(struct request *req, GError **error)
{
    (void)error;
    return vm_op(req, OP_VM_RESUME);
}

/* {"mode":"safe"|"force"}; safe asks the guest. */
static struct op *op_with_mode(const struct request *req, enum op_kind kind, GError **error)
{
    static const char *const modes[] = { "safe", "force", NULL };
    g_autofree char *mode = NULL;
    struct op *op;

    if (!body_word(&req->json, "mode", modes, 0, &mode, error))
        return NULL;
    op = vm_op(req, kind);
    op->force = g_strcmp0(mode, "force") == 0;
    return op;
}

struct op *h_vm_stop(struct request *req, GError **error)
{
    return op_with_mode(req, OP_VM_STOP, error);
}

struct op *h_vm_reboot(struct request *req, GError **error)
{
    return op_with_mode(req, OP_VM_REBOOT, error);
}

struct op *h_vm_delete(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = vm_op(req, OP_VM_DELETE);
    bool format = false;

    if (!target_bool(&req->target, "isReserveDisks", &op->keep_disks, error) ||
        !target_bool(&req->target, "isFormat", &format, error))
        return NULL;
    return g_steal_pointer(&op);
}

static bool read_target(const struct request *req, struct op *op, GError **error)
{
    const struct json_reader *json = &req->json;
    g_autofree char *text = NULL;
    int64_t id;

    if (!body_string(json, "location", URN_MAX, REASON_VM_BAD_LOCATION, &text, error))
        return false;
    if (!text || !text[0]) /* wherever it fits best */
        return true;
    if (urn_parse(text, req->site, OBJECT_HOST, &id)) {
        if (!snapshot_host(req->snap, id))
            return body_fail(json, "location", REASON_VM_HOST_MISSING, "an existing host", error);
        op->target_host_id = id;
        return true;
    }
    if (urn_parse(text, req->site, OBJECT_CLUSTER, &id)) {
        if (!snapshot_cluster(req->snap, id))
            return body_fail(json, "location", REASON_CLUSTER_MISSING, "an existing cluster",
                             error);
        op->target_cluster_id = id;
        return true;
    }
    return body_fail(json, "location", REASON_VM_BAD_LOCATION, "the URN of a host or a cluster",
                     error);
}

struct op *h_vm_migrate(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = vm_op(req, OP_VM_MIGRATE);

    if (!read_target(req, op, error) ||
        !json_read_bool(&req->json, "isBindingHost", &op->bind_target, error))
        return NULL;
    return g_steal_pointer(&op);
}
