/* vm_after.c - see vm_after.h. */
#include "config.h"

#include "controller/vm_after.h"

#include "base/err.h"
#include "model/reason.h"

#define FIELD "properties.startAfterVmUrn"

G_GNUC_PRINTF(4, 5)
static bool refuse(const Vm *vm, int reason, GError **error, const char *format, ...)
{
    g_autofree char *segment = object_id_format(OBJECT_VM, vm->start_after_id);
    g_autofree char *why = NULL;
    va_list args;

    va_start(args, format);
    why = g_strdup_vprintf(format, args);
    va_end(args);
    err_set_reason(error, VRM_ERR_INVALID, reason, FIELD, FIELD " = vms/%s: %s", segment, why);
    return false;
}

/* Does one of those that this one waits for, wait for the VM itself? */
static bool is_ring(const Snapshot *snap, const Vm *after, int64_t vm_id)
{
    for (size_t i = 0; after && i <= snap->n_vms; i++) {
        if (after->start_after_id == vm_id)
            return true;
        after = snapshot_vm(snap, after->start_after_id);
    }
    return false;
}

int64_t vm_after_first(const Snapshot *snap, const Vm *vm, bool *ret_ring)
{
    const Vm *after = snapshot_vm(snap, vm->start_after_id);
    int64_t lowest = vm->id;
    bool ring = false;

    for (size_t i = 0; after && !ring && i <= snap->n_vms; i++) {
        lowest = MIN(lowest, after->id);
        ring = after->id == vm->id;
        after = snapshot_vm(snap, after->start_after_id);
    }
    ring = ring && lowest == vm->id;
    if (ret_ring)
        *ret_ring = ring;
    return ring ? 0 : vm->start_after_id;
}

bool vm_after_check(const Snapshot *snap, const Vm *vm, GError **error)
{
    const Vm *after = snapshot_vm(snap, vm->start_after_id);

    if (vm->start_after_id == 0)
        return true;
    if (!after)
        return refuse(vm, REASON_VM_MISSING, error,
                      "there is no such VM; want the URN of another VM, or \"\" for none");
    if (after->id == vm->id)
        return refuse(vm, REASON_MALFORMED, error,
                      "a VM cannot wait for itself; want the URN of another VM, or \"\" for none");
    if (after->is_template)
        return refuse(vm, REASON_VM_STATE, error, "VM %s is a template and never runs",
                      after->name);
    if (vm->id && is_ring(snap, after, vm->id))
        return refuse(vm, REASON_MALFORMED, error,
                      "VM %s already waits for %s, itself or through others; neither would start",
                      after->name, vm->name);
    return true;
}
