/* snapshot_part.c - see snapshot_part.h. */
#include "config.h"

#include "model/snapshot_part.h"

struct part {
    const Snapshot *snap;
    SnapshotBuilder *builder;
    int64_t cluster_id;
};

/* ---- what is in it -------------------------------------------------------------------------- */

static bool has_host(const struct part *p, int64_t id)
{
    const Host *host = snapshot_host(p->snap, id);

    return host && host->cluster_id == p->cluster_id;
}

static bool has_vm(const struct part *p, int64_t id)
{
    const Vm *vm = snapshot_vm(p->snap, id);

    return vm && (vm->cluster_id == p->cluster_id || has_host(p, vm->host_id) ||
                  has_host(p, vm->target_host_id));
}

static bool has_group(const struct part *p, int64_t id)
{
    const Group *group = snapshot_group(p->snap, id);

    return group && group->cluster_id == p->cluster_id;
}

typedef bool (*has_fn)(const struct part *p, int64_t id);

/* Keeps the ids of what is in it; the new number. */
static size_t keep(const struct part *p, int64_t *ids, size_t n, has_fn has)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (has(p, ids[i]))
            ids[kept++] = ids[i];
    }
    return kept;
}

/* ---- objects -------------------------------------------------------------------------------- */

static void put_cluster(const struct part *p)
{
    const Cluster *was = snapshot_cluster(p->snap, p->cluster_id);
    Cluster *cluster;

    if (!was)
        return;
    cluster = cluster_dup(was);
    cluster->ha.n_failover_hosts =
        keep(p, cluster->ha.failover_hosts, cluster->ha.n_failover_hosts, has_host);
    snapshot_builder_put_cluster(p->builder, cluster);
}

static bool has_store(const struct part *p, int64_t id)
{
    return snapshot_datastore(p->snap, id) != NULL;
}

static bool is_whole(const struct part *p, const Vm *vm)
{
    for (size_t i = 0; i < vm->n_disks; i++) {
        if (!has_store(p, vm->disks[i].datastore_id))
            return false;
    }
    return vm->cluster_id == p->cluster_id && (vm->host_id == 0 || has_host(p, vm->host_id)) &&
           (vm->target_host_id == 0 || has_host(p, vm->target_host_id)) &&
           (vm->start_after_id == 0 || has_vm(p, vm->start_after_id));
}

static void put_vm(const struct part *p, const Vm *was)
{
    Vm *vm;

    if (is_whole(p, was)) {
        snapshot_builder_put_vm(p->builder, vm_ref(was));
        return;
    }
    vm = vm_dup(was);
    if (vm->cluster_id != p->cluster_id)
        vm->cluster_id = 0;
    if (!has_host(p, vm->host_id))
        vm->host_id = 0;
    if (!has_host(p, vm->target_host_id))
        vm->target_host_id = 0;
    if (!has_vm(p, vm->start_after_id))
        vm->start_after_id = 0;
    for (size_t i = 0; i < vm->n_disks; i++) {
        if (!has_store(p, vm->disks[i].datastore_id))
            vm->disks[i].datastore_id = 0;
    }
    snapshot_builder_put_vm(p->builder, vm);
}

static void put_group(const struct part *p, const Group *was)
{
    Group *group = group_dup(was);

    group->n_members =
        keep(p, group->members, group->n_members, group->type == GROUP_VM ? has_vm : has_host);
    snapshot_builder_put_group(p->builder, group);
}

static void put_rule(const struct part *p, const Rule *was)
{
    Rule *rule = rule_dup(was);

    rule->n_vms = keep(p, rule->vms, rule->n_vms, has_vm);
    if (!has_group(p, rule->vm_group_id))
        rule->vm_group_id = 0;
    if (!has_group(p, rule->host_group_id))
        rule->host_group_id = 0;
    snapshot_builder_put_rule(p->builder, rule);
}

/* ---- entry ---------------------------------------------------------------------------------- */

static void put_all(const struct part *p)
{
    const Snapshot *snap = p->snap;

    put_cluster(p);
    for (size_t i = 0; i < snap->n_hosts; i++) {
        if (snap->hosts[i]->cluster_id == p->cluster_id)
            snapshot_builder_put_host(p->builder, host_ref(snap->hosts[i]));
    }
    for (size_t i = 0; i < snap->n_vms; i++) {
        if (has_vm(p, snap->vms[i]->id))
            put_vm(p, snap->vms[i]);
    }
    for (size_t i = 0; i < snap->n_groups; i++) {
        if (snap->groups[i]->cluster_id == p->cluster_id)
            put_group(p, snap->groups[i]);
    }
    for (size_t i = 0; i < snap->n_rules; i++) {
        if (snap->rules[i]->cluster_id == p->cluster_id)
            put_rule(p, snap->rules[i]);
    }
    for (size_t i = 0; i < snap->n_datastores; i++)
        snapshot_builder_put_datastore(p->builder, datastore_ref(snap->datastores[i]));
}

Snapshot *snapshot_part(const Snapshot *snap, int64_t cluster_id)
{
    g_autoptr(SnapshotBuilder) builder = snapshot_builder_new();

    if (snap->site)
        snapshot_builder_set_site(builder, site_ref(snap->site));
    put_all(&(struct part){ snap, builder, cluster_id });
    snapshot_builder_set_wall(builder, snap->taken_wall_ms);
    snapshot_builder_set_measuring(builder, &snap->measuring);
    return snapshot_builder_build(builder, snap->taken_mono_ms);
}
