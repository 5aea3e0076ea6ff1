/* migrate.c - see migrate.h. */
#include "config.h"

#include "db/migrate.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "db/db_impl.h"

static const char create_table[] =
    "CREATE TABLE IF NOT EXISTS schema_migration ("
    " version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
    " applied_ms bigint NOT NULL)";

static const struct stmt list_applied = {
    "migration_list", "SELECT version, name, checksum FROM schema_migration ORDER BY version", 0
};
static const struct stmt insert_applied = {
    "migration_insert",
    "INSERT INTO schema_migration (version, name, checksum, applied_ms) VALUES ($1, $2, $3, $4)", 4
};

static char *checksum(const struct migration *migration)
{
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, migration->sql, -1);
}

static bool run_text(Pg *pg, const char *sql, GError **error)
{
    g_autoptr(PGresult) result = pg_exec(pg, sql, error);

    return result != NULL;
}

/* One row of schema_migration must be the list's entry of the same place. */
static bool check_applied(const PGresult *applied, int row, const struct migration *list,
                          unsigned n_list, GError **error)
{
    const char *version = PQgetvalue(applied, row, PQfnumber(applied, "version"));
    const char *name = PQgetvalue(applied, row, PQfnumber(applied, "name"));
    const char *sum = PQgetvalue(applied, row, PQfnumber(applied, "checksum"));
    unsigned expected = (unsigned)row + 1;
    g_autofree char *own_sum = NULL;

    if (g_ascii_strtoull(version, NULL, 10) != expected) {
        err_set(error, VRM_ERR_CONFLICT,
                "the database lacks migration %u but has %s: restore it from a backup", expected,
                name);
        return false;
    }
    if (expected > n_list) {
        err_set(error, VRM_ERR_CONFLICT,
                "the database is newer than this program: it has migration %s, the newest known "
                "here is %s; start the newer program",
                name, n_list ? list[n_list - 1].name : "none");
        return false;
    }
    own_sum = checksum(&list[row]);
    if (strcmp(name, list[row].name) != 0 || strcmp(sum, own_sum) != 0) {
        err_set(error, VRM_ERR_CONFLICT,
                "migration %s differs from the one applied to this database (%s, SHA-256 %.12s): "
                "applied migrations are never edited; write a new one",
                list[row].name, name, sum);
        return false;
    }
    return true;
}

static bool count_applied(Pg *pg, const struct migration *list, unsigned n_list,
                          unsigned *ret_n_applied, GError **error)
{
    g_autoptr(PGresult) applied = NULL;

    if (!run_text(pg, create_table, error))
        return false;
    applied = pg_exec_stmt(pg, &list_applied, NULL, error);
    if (!applied)
        return false;
    for (int row = 0; row < PQntuples(applied); row++) {
        if (!check_applied(applied, row, list, n_list, error))
            return false;
    }
    *ret_n_applied = (unsigned)PQntuples(applied);
    return true;
}

static bool apply_one(Pg *pg, const struct migration *migration, GError **error)
{
    g_autofree char *version = g_strdup_printf("%u", migration->version);
    g_autofree char *sum = checksum(migration);
    g_autofree char *now = g_strdup_printf("%" G_GINT64_FORMAT, clock_wall_ms());
    const char *const values[] = { version, migration->name, sum, now };
    g_autoptr(PGresult) result = NULL;

    if (!run_text(pg, "BEGIN", error))
        return false;
    if (run_text(pg, migration->sql, error))
        result = pg_exec_stmt(pg, &insert_applied, values, error);
    if (!result || !run_text(pg, "COMMIT", error)) {
        if (pg_usable(pg))
            run_text(pg, "ROLLBACK", NULL);
        g_prefix_error(error, "migration %s: ", migration->name);
        return false;
    }
    return true;
}

static bool apply_missing(Pg *pg, const struct migration *list, unsigned n_list, GError **error)
{
    unsigned n_applied;

    if (!count_applied(pg, list, n_list, &n_applied, error))
        return false;
    for (unsigned i = n_applied; i < n_list; i++) {
        if (!apply_one(pg, &list[i], error))
            return false;
    }
    return true;
}

bool migrate_run(Pg *pg, const struct migration *list, unsigned n_list, GError **error)
{
    bool ok;

    if (!run_text(pg, "SELECT pg_advisory_lock(" DB_LOCK_CLASS ", " DB_LOCK_MIGRATE ")", error))
        return false;
    ok = apply_missing(pg, list, n_list, error);
    if (pg_usable(pg)) /* else the lock is gone with the connection */
        run_text(pg, "SELECT pg_advisory_unlock(" DB_LOCK_CLASS ", " DB_LOCK_MIGRATE ")", NULL);
    return ok;
}
