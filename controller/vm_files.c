/* vm_files.c - see vm_files.h. */
#include "config.h"

#include "controller/vm_files.h"

static bool has_file(const Vm *vm, const char *path)
{
    for (size_t i = 0; i < vm->n_disks; i++) {
        if (g_str_equal(vm->disks[i].path, path))
            return true;
    }
    return false;
}

static bool is_shared(const Snapshot *snap, const Vm *vm, const char *path)
{
    for (size_t i = 0; i < snap->n_vms; i++) {
        if (snap->vms[i]->id != vm->id && has_file(snap->vms[i], path))
            return true;
    }
    return false;
}

void vm_files_drop_kept(const Snapshot *snap, bool keep_all, Vm *vm)
{
    for (size_t i = vm->n_disks; i-- > 0;) {
        if (keep_all || is_shared(snap, vm, vm->disks[i].path))
            vm_remove_disk(vm, i);
    }
}
