/* store_ha.c - see store_ha.h. */
#include "config.h"

#include "db/store_ha.h"

#include "db/row.h"
#include "db/store_tables.h"

enum {
    RESTART_LIST,
    RESTART_ADD,
    RESTART_TRIM,
    POWER_ON_LIST,
    POWER_ON_PUT,
    POWER_ON_DELETE,
    N_HA_STMTS,
};

// clang-format off
static const struct stmt ha_stmts[N_HA_STMTS] = {
    [RESTART_LIST] = { "ha_restart_list",
        "SELECT vm_id, at_ms FROM ha_restart WHERE at_ms > $1 ORDER BY at_ms, vm_id", 1 },
    [RESTART_ADD] = { "ha_restart_add",
        "INSERT INTO ha_restart (vm_id, at_ms) SELECT id, $2::bigint FROM vm WHERE id = $1", 2 },
    [RESTART_TRIM] = { "ha_restart_trim",
        "DELETE FROM ha_restart WHERE ctid IN (SELECT ctid FROM ha_restart WHERE at_ms < $1"
        " ORDER BY at_ms LIMIT 1000)", 1 },
    [POWER_ON_LIST] = { "ha_power_on_list",
        "SELECT host_id, tries, at_ms FROM ha_power_on ORDER BY host_id", 0 },
    [POWER_ON_PUT] = { "ha_power_on_put",
        "INSERT INTO ha_power_on (host_id, tries, at_ms)"
        " SELECT id, $2::bigint, $3::bigint FROM host WHERE id = $1"
        " ON CONFLICT (host_id) DO UPDATE SET tries = excluded.tries, at_ms = excluded.at_ms", 3 },
    [POWER_ON_DELETE] = { "ha_power_on_delete", "DELETE FROM ha_power_on WHERE host_id = $1", 1 },
};

static const struct col restart_cols[] = {
    COL(struct ha_restart_row, "vm_id", vm_id),
    COL(struct ha_restart_row, "at_ms", at_ms),
};

static const struct col power_on_cols[] = {
    COL(struct ha_power_on_row, "host_id", host_id),
    COL(struct ha_power_on_row, "tries", tries),
    COL(struct ha_power_on_row, "at_ms", at_ms),
};
// clang-format on

static struct ha_restart_row *new_restart(void)
{
    return g_new0(struct ha_restart_row, 1);
}

static struct ha_power_on_row *new_power_on(void)
{
    return g_new0(struct ha_power_on_row, 1);
}

ROW_CLASS(restart_class, struct ha_restart_row, new_restart, g_free, restart_cols);
ROW_CLASS(power_on_class, struct ha_power_on_row, new_power_on, g_free, power_on_cols);

const struct stmt_table store_ha_table = { ha_stmts, N_HA_STMTS };

bool store_ha_list_restarts(Db *db, int64_t after_ms, GPtrArray **ret_restarts, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, after_ms);
    return row_select(db, &ha_stmts[RESTART_LIST], &params, &restart_class, ret_restarts, error);
}

bool store_ha_add_restart(Db *db, const struct ha_restart_row *restart, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    row_add_params(&params, restart_cols, G_N_ELEMENTS(restart_cols), restart);
    return stmt_do(db, &ha_stmts[RESTART_ADD], &params, NULL, error);
}

bool store_ha_trim_restarts(Db *db, int64_t before_ms, int64_t *ret_removed, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, before_ms);
    return stmt_do(db, &ha_stmts[RESTART_TRIM], &params, ret_removed, error);
}

bool store_ha_list_power_ons(Db *db, GPtrArray **ret_power_ons, GError **error)
{
    return row_select(db, &ha_stmts[POWER_ON_LIST], NULL, &power_on_class, ret_power_ons, error);
}

bool store_ha_put_power_on(Db *db, const struct ha_power_on_row *power_on, GError **error)
{
    const bool is_over = power_on->tries == 0;
    g_auto(stmt_params_auto) params = { 0 };

    row_add_params(&params, power_on_cols, is_over ? 1 : G_N_ELEMENTS(power_on_cols), power_on);
    return stmt_do(db, &ha_stmts[is_over ? POWER_ON_DELETE : POWER_ON_PUT], &params, NULL, error);
}
