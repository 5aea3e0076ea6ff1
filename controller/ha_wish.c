/* ha_wish.c - see ha_wish.h. */
#include "config.h"

#include "controller/ha_wish.h"

#include <string.h>

#include "agentproto/msg.h"

static bool follows_host(const Vm *vm, const Cluster *cluster)
{
    return cluster && cluster->ha.enabled && vm->enable_ha && !vm->binding_host &&
           !vm->recover_by_host;
}

static bool follows_crash(const Vm *vm)
{
    return strcmp(vm->fault_process, "reboot") == 0 || strcmp(vm->fault_process, "ha") == 0;
}

void ha_wish_policy(const Vm *vm, const Cluster *cluster, struct ha_vm_spec *ret_spec)
{
    *ret_spec = (struct ha_vm_spec){
        .after = -1,
        .follows_host = follows_host(vm, cluster),
        .follows_crash = follows_crash(vm),
        .leaves_crash = strcmp(vm->fault_process, "ha") == 0 && follows_host(vm, cluster),
    };
}

bool ha_wish_is_guarded(const Vm *vm, const Cluster *cluster)
{
    return !vm->is_template &&
           (follows_host(vm, cluster) || follows_crash(vm) || vm->recover_by_host);
}

static bool agrees(const Vm *vm, const struct ha_vm_seen *seen)
{
    for (unsigned i = 0; seen && i < seen->right.n_owners; i++)
        if (seen->right.owners[i].host == vm->host_id)
            return true;
    return false;
}

bool ha_wish_is_wanted(const Vm *vm, const Cluster *cluster, const struct ha_vm_seen *seen)
{
    if (!ha_wish_is_guarded(vm, cluster))
        return false;
    switch (vm->status) {
    case VM_FAULT_RESUMING:
        return true;
    case VM_RUNNING:
    case VM_PAUSED:
    case VM_STARTING:
    case VM_MIGRATING:
        return agrees(vm, seen);
    case VM_UNKNOWN:
    case VM_CREATING:
    case VM_STOPPED:
    case VM_STOPPING:
    case VM_SHUTTING_DOWN:
    case VM_HIBERNATED:
    case VM_HIBERNATING:
    case VM_RECYCLING:
        return false;
    }
    return false;
}

enum ha_wish_end ha_wish_judge_end(const char *how)
{
    static const struct {
        const char *how;
        enum ha_wish_end end;
    } ends[] = {
        { "crashed", HA_WISH_CRASHED },    { "failed", HA_WISH_CRASHED },
        { "panicked", HA_WISH_CRASHED },   { DOMAIN_GIVEN_UP, HA_WISH_GIVEN_UP },
        { "found missing", HA_WISH_LOST }, { "", HA_WISH_LOST },
        { "stopped", HA_WISH_LOST },
    };

    for (size_t i = 0; how && i < G_N_ELEMENTS(ends); i++) {
        if (strcmp(how, ends[i].how) == 0)
            return ends[i].end;
    }
    return how ? HA_WISH_STOPPED : HA_WISH_LOST;
}
