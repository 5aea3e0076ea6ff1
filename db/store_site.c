/* store_site.c - see store_site.h. */
#include "config.h"

#include "db/store_site.h"

#include "base/err.h"
#include "db/row.h"
#include "db/store_tables.h"

enum {
    SITE_GET,
    SITE_PUT,
    N_SITE_STMTS,
};

// clang-format off
static const struct stmt site_stmts[N_SITE_STMTS] = {
    [SITE_GET] = { "site_get", "SELECT id, name, ip, ha_disarmed_ms, ha_disarmed_by FROM site", 0 },
    [SITE_PUT] = { "site_put",
        "INSERT INTO site AS old (id, name, ip, ha_disarmed_ms, ha_disarmed_by)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (only_row) DO UPDATE SET name = excluded.name,"
        " ip = excluded.ip, ha_disarmed_ms = excluded.ha_disarmed_ms,"
        " ha_disarmed_by = excluded.ha_disarmed_by WHERE old.id = excluded.id", 5 },
};

static const struct col site_cols[] = {
    COL(Site, "id", id),
    COL(Site, "name", name),
    COL(Site, "ip", ip),
    COL(Site, "ha_disarmed_ms", ha_disarmed_ms),
    COL(Site, "ha_disarmed_by", ha_disarmed_by),
};
// clang-format on

ROW_CLASS(site_class, Site, site_new, site_unref, site_cols);

const struct stmt_table store_site_table = { site_stmts, N_SITE_STMTS };

bool store_site_get(Db *db, Site **ret_site, GError **error)
{
    g_autoptr(GPtrArray) sites = NULL;

    if (!row_select(db, &site_stmts[SITE_GET], NULL, &site_class, &sites, error))
        return false;
    *ret_site = sites->len ? g_ptr_array_steal_index(sites, 0) : NULL;
    return true;
}

bool store_site_put(Db *db, const Site *site, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    int64_t n_rows;

    row_add_params(&params, site_cols, G_N_ELEMENTS(site_cols), site);
    if (!stmt_do(db, &site_stmts[SITE_PUT], &params, &n_rows, error))
        return false;
    if (n_rows == 0) {
        err_set(error, VRM_ERR_CONFLICT, "this database belongs to another site than %s", site->id);
        return false;
    }
    return true;
}
