/* store_host.c - see store_host.h. */
#include "config.h"

#include "db/store_host.h"

#include "db/row.h"
#include "db/store_tables.h"

enum {
    HOST_LIST,
    HOST_INSERT,
    HOST_UPDATE,
    HOST_FORGET,
    HOST_DELETE,
    N_HOST_STMTS,
};

// clang-format off
#define HOST_COLUMNS \
    "name, description, ip, port, bmc_ip, bmc_user, bmc_password, cluster_id, " \
    "maintaining, create_ms, real_name, uuid, vendor, model, cpu_model, hypervisor, " \
    "mem_mb, cpu_threads, cpu_sockets, cpu_cores, cpu_mhz, nic_count, " \
    "cpu_vendor, cpu_features, cpu_generations, off_since_ms, wake_proven_ms, slept_ms, " \
    "net_mbps, devices, rack, off_by_dpm"
#define HOST_VALUES \
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, " \
    "$19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32"

static const struct stmt host_stmts[N_HOST_STMTS] = {
    [HOST_LIST] = { "host_list",
        "SELECT id, generation, " HOST_COLUMNS " FROM host ORDER BY id", 0 },
    [HOST_INSERT] = { "host_insert",
        "INSERT INTO host (" HOST_COLUMNS ") VALUES (" HOST_VALUES ") RETURNING id, generation",
        32 },
    [HOST_UPDATE] = { "host_update",
        "UPDATE host SET (" HOST_COLUMNS ", generation) = ROW (" HOST_VALUES ", generation + 1)"
        " WHERE id = $33 AND generation = $34", 34 },
    [HOST_FORGET] = { "host_forget",
        "UPDATE vm SET host_id = NULL"
        " WHERE host_id = $1 AND status = 'stopped' AND NOT binding_host", 1 },
    [HOST_DELETE] = { "host_delete", "DELETE FROM host WHERE id = $1 AND generation = $2", 2 },
};

static const struct col host_cols[] = {
    ROW_HEAD_COLS(Host),
    COL(Host, "name", name),
    COL(Host, "description", description),
    COL(Host, "ip", ip),
    COL(Host, "port", port),
    COL(Host, "bmc_ip", bmc_ip),
    COL(Host, "bmc_user", bmc_user),
    COL(Host, "bmc_password", bmc_password),
    COL_REF(Host, "cluster_id", cluster_id),
    COL(Host, "maintaining", maintaining),
    COL(Host, "create_ms", create_ms),
    COL(Host, "real_name", real_name),
    COL(Host, "uuid", uuid),
    COL(Host, "vendor", vendor),
    COL(Host, "model", model),
    COL(Host, "cpu_model", cpu_model),
    COL(Host, "hypervisor", hypervisor),
    COL(Host, "mem_mb", mem_mb),
    COL(Host, "cpu_threads", cpu_threads),
    COL(Host, "cpu_sockets", cpu_sockets),
    COL(Host, "cpu_cores", cpu_cores),
    COL(Host, "cpu_mhz", cpu_mhz),
    COL(Host, "nic_count", nic_count),
    COL(Host, "cpu_vendor", cpu_vendor),
    COL(Host, "cpu_features", cpu_features),
    COL(Host, "cpu_generations", cpu_generations),
    COL(Host, "off_since_ms", off_since_ms),
    COL(Host, "wake_proven_ms", wake_proven_ms),
    COL(Host, "slept_ms", slept_ms),
    COL(Host, "net_mbps", net_mbps),
    COL(Host, "devices", devices),
    COL(Host, "rack", rack),
    COL(Host, "off_by_dpm", off_by_dpm),
};
// clang-format on

ROW_CLASS(host_class, Host, host_new, host_unref, host_cols);

const struct stmt_table store_host_table = { host_stmts, N_HOST_STMTS };

bool store_host_list(Db *db, GPtrArray **ret_hosts, GError **error)
{
    return row_select(db, &host_stmts[HOST_LIST], NULL, &host_class, ret_hosts, error);
}

bool store_host_insert(Db *db, Host *host, GError **error)
{
    return row_insert(db, &host_stmts[HOST_INSERT], &host_class, host, error);
}

bool store_host_update(Db *db, Host *host, GError **error)
{
    return row_update(db, &host_stmts[HOST_UPDATE], &host_class, "host", host, error);
}

bool store_host_delete(Db *db, int64_t id, int64_t generation, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, id);
    return stmt_do(db, &host_stmts[HOST_FORGET], &params, NULL, error) &&
           row_delete(db, &host_stmts[HOST_DELETE], "host", id, generation, error);
}
