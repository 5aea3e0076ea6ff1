/* snapshot_check.c - see snapshot_check.h.  Lists ascend by id, in a snapshot as in its file, so
 * that the place in one is the place in the other. */
#include "config.h"

#include "model/snapshot_check.h"

#include <inttypes.h>

#include "base/err.h"

static bool refuse_id(const char *list, size_t place, const char *field, int64_t id,
                      const char *want, GError **error)
{
    err_set(error, VRM_ERR_INVALID, "%s[%zu].%s = %" PRId64 ": want %s", list, place, field, id,
            want);
    return false;
}

/* ---- ids ------------------------------------------------------------------------------------ */

/* An id of another object; 0: none is named. */
struct link {
    const char *field;
    int64_t id;
    const void *found;
    const char *want;
};

static bool check_links(const char *list, size_t place, const struct link *links, size_t n,
                        GError **error)
{
    for (size_t i = 0; i < n; i++) {
        if (links[i].id != 0 && !links[i].found)
            return refuse_id(list, place, links[i].field, links[i].id, links[i].want, error);
    }
    return true;
}

#define CLUSTER_WANTED "the id of a cluster of the file, or 0 for none"
#define HOST_WANTED    "the id of a host of the file, or 0 for none"
#define VM_WANTED      "ids of VMs of the file"
#define HOSTS_WANTED   "ids of hosts of the file"

/* Policies that are numbers. */
static bool check_policy(const Snapshot *snap, size_t i, GError **error)
{
    const Cluster *cluster = snap->clusters[i];
    const struct {
        const char *field;
        int64_t value, max;
    } rows[] = {
        { "ha.controlPolicy", cluster->ha.control_policy, HA_POLICY_HOSTS },
        { "ha.cpuReservation", cluster->ha.cpu_reservation, 100 },
        { "ha.memReservation", cluster->ha.mem_reservation, 100 },
        { "dpm.powerLevel", cluster->dpm.power_level, 2 },
    };

    for (size_t k = 0; k < G_N_ELEMENTS(rows); k++) {
        g_autofree char *want = NULL;

        if (rows[k].value >= 0 && rows[k].value <= rows[k].max)
            continue;
        want = g_strdup_printf("a number 0..%" PRId64, rows[k].max);
        return refuse_id("clusters", i, rows[k].field, rows[k].value, want, error);
    }
    return true;
}

static bool check_cluster(const Snapshot *snap, size_t i, GError **error)
{
    const struct ha_policy *ha = &snap->clusters[i]->ha;

    if (!check_policy(snap, i, error))
        return false;
    for (size_t k = 0; k < ha->n_failover_hosts; k++) {
        if (!snapshot_host(snap, ha->failover_hosts[k]))
            return refuse_id("clusters", i, "ha.failoverHosts", ha->failover_hosts[k], HOSTS_WANTED,
                             error);
    }
    return true;
}

static bool check_host(const Snapshot *snap, size_t i, GError **error)
{
    const int64_t id = snap->hosts[i]->cluster_id;
    const struct link links[] = { { "clusterId", id, snapshot_cluster(snap, id), CLUSTER_WANTED } };

    return check_links("hosts", i, links, G_N_ELEMENTS(links), error);
}

static bool check_disks(const Snapshot *snap, size_t i, GError **error)
{
    const Vm *vm = snap->vms[i];

    for (size_t k = 0; k < vm->n_disks; k++) {
        const int64_t id = vm->disks[k].datastore_id;
        g_autofree char *field = NULL;

        if (id == 0 || snapshot_datastore(snap, id))
            continue;
        field = g_strdup_printf("disks[%zu].datastoreId", k);
        return refuse_id("vms", i, field, id, "the id of a datastore of the file, or 0 for none",
                         error);
    }
    return true;
}

static bool check_vm(const Snapshot *snap, size_t i, GError **error)
{
    const Vm *vm = snap->vms[i];
    const struct link links[] = {
        { "clusterId", vm->cluster_id, snapshot_cluster(snap, vm->cluster_id), CLUSTER_WANTED },
        { "hostId", vm->host_id, snapshot_host(snap, vm->host_id), HOST_WANTED },
        { "targetHostId", vm->target_host_id, snapshot_host(snap, vm->target_host_id),
          HOST_WANTED },
        { "startAfterId", vm->start_after_id, snapshot_vm(snap, vm->start_after_id),
          "the id of a VM of the file, or 0 for none" },
    };

    return check_links("vms", i, links, G_N_ELEMENTS(links), error) && check_disks(snap, i, error);
}

static bool check_group(const Snapshot *snap, size_t i, GError **error)
{
    const Group *group = snap->groups[i];
    const bool is_vm = group->type == GROUP_VM;
    const struct link links[] = { { "clusterId", group->cluster_id,
                                    snapshot_cluster(snap, group->cluster_id), CLUSTER_WANTED } };

    for (size_t k = 0; k < group->n_members; k++) {
        const int64_t id = group->members[k];

        if (is_vm ? !snapshot_vm(snap, id) : !snapshot_host(snap, id))
            return refuse_id("groups", i, "members", id,
                             is_vm ? VM_WANTED : HOSTS_WANTED ", as the group's type says", error);
    }
    return check_links("groups", i, links, G_N_ELEMENTS(links), error);
}

/* NULL if there is none, or of another type. */
static const Group *find_group(const Snapshot *snap, int64_t id, enum group_type type)
{
    const Group *group = snapshot_group(snap, id);

    return group && group->type == type ? group : NULL;
}

static bool check_rule(const Snapshot *snap, size_t i, GError **error)
{
    const Rule *rule = snap->rules[i];
    const struct link links[] = {
        { "clusterId", rule->cluster_id, snapshot_cluster(snap, rule->cluster_id), CLUSTER_WANTED },
        { "vmGroupId", rule->vm_group_id, find_group(snap, rule->vm_group_id, GROUP_VM),
          "the id of a group of VMs of the file, or 0 for none" },
        { "hostGroupId", rule->host_group_id, find_group(snap, rule->host_group_id, GROUP_HOST),
          "the id of a group of hosts of the file, or 0 for none" },
    };

    for (size_t k = 0; k < rule->n_vms; k++) {
        if (!snapshot_vm(snap, rule->vms[k]))
            return refuse_id("rules", i, "vms", rule->vms[k], VM_WANTED, error);
    }
    return check_links("rules", i, links, G_N_ELEMENTS(links), error);
}

/* ---- names ---------------------------------------------------------------------------------- */

/* The names seen so far; values are UUIDs, "" where a name must be the only one. */
static bool check_name(GHashTable *seen, const char *list, size_t place, char *name, char *uuid,
                       GError **error)
{
    gpointer other;

    if (*name == '\0') {
        err_set(error, VRM_ERR_INVALID, "%s[%zu].name = '': want a name", list, place);
        return false;
    }
    if (!g_hash_table_lookup_extended(seen, name, NULL, &other)) {
        g_hash_table_insert(seen, name, uuid);
        return true;
    }
    if (*uuid != '\0' && *(const char *)other != '\0' && !g_str_equal(uuid, other))
        return true;
    err_set(error, VRM_ERR_INVALID, "%s[%zu].name = '%s': want a name that no other of them has",
            list, place, name);
    return false;
}

static bool check_names(const Snapshot *snap, GError **error)
{
    g_autoptr(GHashTable) clusters = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) hosts = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) vms = g_hash_table_new(g_str_hash, g_str_equal);
    static char alone[] = "";

    for (size_t i = 0; i < snap->n_clusters; i++) {
        if (!check_name(clusters, "clusters", i, snap->clusters[i]->name, alone, error))
            return false;
    }
    for (size_t i = 0; i < snap->n_hosts; i++) {
        if (!check_name(hosts, "hosts", i, snap->hosts[i]->name, alone, error))
            return false;
    }
    for (size_t i = 0; i < snap->n_vms; i++) {
        if (!check_name(vms, "vms", i, snap->vms[i]->name, snap->vms[i]->uuid, error))
            return false;
    }
    return true;
}

/* ---- entry ---------------------------------------------------------------------------------- */

static bool check_ids(const Snapshot *snap, GError **error)
{
    static const struct {
        bool (*check)(const Snapshot *snap, size_t place, GError **error);
        size_t count; /* offset of n_* */
    } rows[] = {
        { check_cluster, offsetof(Snapshot, n_clusters) },
        { check_host, offsetof(Snapshot, n_hosts) },
        { check_vm, offsetof(Snapshot, n_vms) },
        { check_group, offsetof(Snapshot, n_groups) },
        { check_rule, offsetof(Snapshot, n_rules) },
    };

    for (size_t r = 0; r < G_N_ELEMENTS(rows); r++) {
        const size_t n = *(const size_t *)(const void *)((const char *)snap + rows[r].count);

        for (size_t i = 0; i < n; i++) {
            if (!rows[r].check(snap, i, error))
                return false;
        }
    }
    return true;
}

bool snapshot_check(const Snapshot *snap, GError **error)
{
    return check_names(snap, error) && check_ids(snap, error);
}
