/* store_cluster.c - see store_cluster.h. */
#include "config.h"

#include "db/store_cluster.h"

#include "db/row.h"
#include "db/store_tables.h"

enum {
    CLUSTER_LIST,
    CLUSTER_INSERT,
    CLUSTER_UPDATE,
    CLUSTER_DELETE,
    CLUSTER_DROP_FAILOVER,
    CLUSTER_ADD_FAILOVER,
    N_CLUSTER_STMTS,
};

// clang-format off
#define CLUSTER_COLUMNS \
    "name, description, tag, mem_overcommit, imc_enabled, imc_setting, res_strategy, " \
    "guest_numa, host_numa_drs, io_tailor, ds_fault_strategy, create_ms, drs_enabled, " \
    "drs_level, drs_limen, drs_cycle_type, drs_cycle_days, drs_factor, drs_threshold_cpu, " \
    "drs_threshold_mem, drs_vm_overrides, dpm_power_level, dpm_limen, dpm_cycle_type, " \
    "dpm_cycle_days, dpm_electric_strategy, ha_enabled, ha_control_on, ha_control_policy, " \
    "ha_cpu_reservation, ha_mem_reservation, ha_fault_hosts, ha_custom_slot, " \
    "ha_slot_cpu_mhz, ha_slot_mem_mb, vcpus_per_thread, dpm_thresholds, " \
    "ha_isolation, ha_max_restarts"
#define CLUSTER_VALUES \
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, " \
    "$19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, " \
    "$37, $38, $39"

static const struct stmt cluster_stmts[N_CLUSTER_STMTS] = {
    [CLUSTER_LIST] = { "cluster_list",
        "SELECT id, generation, " CLUSTER_COLUMNS ","
        " ARRAY(SELECT host_id FROM cluster_failover_host WHERE cluster_id = id ORDER BY host_id)"
        "  AS failover_hosts"
        " FROM cluster ORDER BY id", 0 },
    [CLUSTER_INSERT] = { "cluster_insert",
        "INSERT INTO cluster (" CLUSTER_COLUMNS ") VALUES (" CLUSTER_VALUES ")"
        " RETURNING id, generation", 39 },
    [CLUSTER_UPDATE] = { "cluster_update",
        "UPDATE cluster SET (" CLUSTER_COLUMNS ", generation) ="
        " ROW (" CLUSTER_VALUES ", generation + 1) WHERE id = $40 AND generation = $41", 41 },
    [CLUSTER_DELETE] = { "cluster_delete",
        "DELETE FROM cluster WHERE id = $1 AND generation = $2", 2 },
    [CLUSTER_DROP_FAILOVER] = { "cluster_drop_failover",
        "DELETE FROM cluster_failover_host WHERE cluster_id = $1", 1 },
    [CLUSTER_ADD_FAILOVER] = { "cluster_add_failover",
        "INSERT INTO cluster_failover_host (cluster_id, host_id)"
        " SELECT $1, unnest($2::bigint[])", 2 },
};

static const struct col cluster_cols[] = {
    ROW_HEAD_COLS(Cluster),
    COL(Cluster, "name", name),
    COL(Cluster, "description", description),
    COL(Cluster, "tag", tag),
    COL(Cluster, "mem_overcommit", mem_overcommit),
    COL(Cluster, "imc_enabled", imc_enabled),
    COL(Cluster, "imc_setting", imc_setting),
    COL(Cluster, "res_strategy", res_strategy),
    COL(Cluster, "guest_numa", guest_numa),
    COL(Cluster, "host_numa_drs", host_numa_drs),
    COL(Cluster, "io_tailor", io_tailor),
    COL(Cluster, "ds_fault_strategy", ds_fault_strategy),
    COL(Cluster, "create_ms", create_ms),
    COL(Cluster, "drs_enabled", drs.enabled),
    COL(Cluster, "drs_level", drs.level),
    COL(Cluster, "drs_limen", drs.limen),
    COL(Cluster, "drs_cycle_type", drs.cycle.type),
    COL(Cluster, "drs_cycle_days", drs.cycle.days),
    COL(Cluster, "drs_factor", drs.factor),
    COL(Cluster, "drs_threshold_cpu", drs.threshold_cpu),
    COL(Cluster, "drs_threshold_mem", drs.threshold_mem),
    COL(Cluster, "drs_vm_overrides", drs.vm_overrides_enabled),
    COL(Cluster, "dpm_power_level", dpm.power_level),
    COL(Cluster, "dpm_limen", dpm.limen),
    COL(Cluster, "dpm_cycle_type", dpm.cycle.type),
    COL(Cluster, "dpm_cycle_days", dpm.cycle.days),
    COL(Cluster, "dpm_electric_strategy", dpm.electric_strategy),
    COL(Cluster, "ha_enabled", ha.enabled),
    COL(Cluster, "ha_control_on", ha.control_policy_on),
    COL(Cluster, "ha_control_policy", ha.control_policy),
    COL(Cluster, "ha_cpu_reservation", ha.cpu_reservation),
    COL(Cluster, "ha_mem_reservation", ha.mem_reservation),
    COL(Cluster, "ha_fault_hosts", ha.hosts_fault_quantity),
    COL(Cluster, "ha_custom_slot", ha.custom_slot),
    COL(Cluster, "ha_slot_cpu_mhz", ha.slot_cpu_mhz),
    COL(Cluster, "ha_slot_mem_mb", ha.slot_mem_mb),
    COL(Cluster, "vcpus_per_thread", vcpus_per_thread),
    COL(Cluster, "dpm_thresholds", dpm_thresholds),
    COL_ENUM(Cluster, "ha_isolation", ha.isolation, ha_isolation),
    COL(Cluster, "ha_max_restarts", ha.max_restarts),
    COL_LIST(Cluster, "failover_hosts", ha.failover_hosts, ha.n_failover_hosts),
};
// clang-format on

ROW_CLASS(cluster_class, Cluster, cluster_new, cluster_unref, cluster_cols);

const struct stmt_table store_cluster_table = { cluster_stmts, N_CLUSTER_STMTS };

bool store_cluster_list(Db *db, GPtrArray **ret_clusters, GError **error)
{
    return row_select(db, &cluster_stmts[CLUSTER_LIST], NULL, &cluster_class, ret_clusters, error);
}

static bool add_failover_hosts(Db *db, const Cluster *cluster, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    if (cluster->ha.n_failover_hosts == 0)
        return true;
    stmt_add_int(&params, cluster->id);
    stmt_add_ids(&params, cluster->ha.failover_hosts, cluster->ha.n_failover_hosts);
    return stmt_do(db, &cluster_stmts[CLUSTER_ADD_FAILOVER], &params, NULL, error);
}

bool store_cluster_insert(Db *db, Cluster *cluster, GError **error)
{
    return row_insert(db, &cluster_stmts[CLUSTER_INSERT], &cluster_class, cluster, error) &&
           add_failover_hosts(db, cluster, error);
}

bool store_cluster_update(Db *db, Cluster *cluster, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, cluster->id);
    return row_update(db, &cluster_stmts[CLUSTER_UPDATE], &cluster_class, "cluster", cluster,
                      error) &&
           stmt_do(db, &cluster_stmts[CLUSTER_DROP_FAILOVER], &params, NULL, error) &&
           add_failover_hosts(db, cluster, error);
}

bool store_cluster_delete(Db *db, int64_t id, int64_t generation, GError **error)
{
    return row_delete(db, &cluster_stmts[CLUSTER_DELETE], "cluster", id, generation, error);
}
