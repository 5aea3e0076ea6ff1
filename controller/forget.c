/* forget.c - see forget.h. */
#include "config.h"

#include "controller/forget.h"

#include <string.h>

/* Removes id from an ascending list; false if it is not there. */
static bool drop_id(int64_t *ids, size_t *n, int64_t id)
{
    for (size_t i = 0; i < *n; i++) {
        if (ids[i] != id)
            continue;
        memmove(&ids[i], &ids[i + 1], (*n - i - 1) * sizeof ids[0]);
        *n -= 1;
        return true;
    }
    return false;
}

/* A root of its own: it has what was put since the last publication, too. */
static Snapshot *look(SnapshotBuilder *builder)
{
    return snapshot_builder_build(builder, 0);
}

static void drop_member(SnapshotBuilder *builder, const Snapshot *now, enum group_type type,
                        int64_t id)
{
    for (size_t i = 0; i < now->n_groups; i++) {
        g_autoptr(Group) group = group_dup(now->groups[i]);

        if (group->type == type && drop_id(group->members, &group->n_members, id))
            snapshot_builder_put_group(builder, g_steal_pointer(&group));
    }
}

void forget_uses_of_vm(SnapshotBuilder *builder, int64_t vm_id)
{
    g_autoptr(Snapshot) now = look(builder);

    drop_member(builder, now, GROUP_VM, vm_id);
    for (size_t i = 0; i < now->n_rules; i++) {
        g_autoptr(Rule) rule = rule_dup(now->rules[i]);

        if (drop_id(rule->vms, &rule->n_vms, vm_id))
            snapshot_builder_put_rule(builder, g_steal_pointer(&rule));
    }
    for (size_t i = 0; i < now->n_vms; i++) {
        Vm *vm;

        if (now->vms[i]->start_after_id != vm_id)
            continue;
        vm = vm_dup(now->vms[i]);
        vm->start_after_id = 0;
        snapshot_builder_put_vm(builder, vm);
    }
}

void forget_uses_of_host(SnapshotBuilder *builder, int64_t host_id)
{
    g_autoptr(Snapshot) now = look(builder);

    drop_member(builder, now, GROUP_HOST, host_id);
    for (size_t i = 0; i < now->n_clusters; i++) {
        g_autoptr(Cluster) cluster = cluster_dup(now->clusters[i]);

        if (drop_id(cluster->ha.failover_hosts, &cluster->ha.n_failover_hosts, host_id))
            snapshot_builder_put_cluster(builder, g_steal_pointer(&cluster));
    }
    for (size_t i = 0; i < now->n_vms; i++) {
        Vm *vm;

        if (now->vms[i]->host_id != host_id)
            continue;
        vm = vm_dup(now->vms[i]);
        vm->host_id = 0;
        snapshot_builder_put_vm(builder, vm);
    }
}

void forget_parts_of_cluster(SnapshotBuilder *builder, int64_t cluster_id)
{
    g_autoptr(Snapshot) now = look(builder);

    for (size_t i = 0; i < now->n_groups; i++) {
        if (now->groups[i]->cluster_id == cluster_id)
            snapshot_builder_remove_group(builder, now->groups[i]->id);
    }
    for (size_t i = 0; i < now->n_rules; i++) {
        if (now->rules[i]->cluster_id == cluster_id)
            snapshot_builder_remove_rule(builder, now->rules[i]->id);
    }
    snapshot_builder_remove_drs_report(builder, cluster_id);
}
