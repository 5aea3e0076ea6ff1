/* it_db.c - see it_db.h. */
#include "config.h"

#include "tests/it_db.h"

#include "base/rng.h"

static char *with_database(const char *name)
{
    /* The later keyword wins. */
    return g_strdup_printf("%s dbname=%s", g_getenv("VRM_PG_CONNINFO"), name);
}

char *scratch_sql(const char *conninfo, const char *sql)
{
    GError *error = NULL;
    g_autoptr(Pg) pg = pg_open(conninfo, SCRATCH_TIMEOUT_MS, 10000, &error);
    g_autoptr(PGresult) result = NULL;

    suite_no_error(error);
    result = pg_exec(pg, sql, &error);
    suite_no_error(error);
    return g_strdup(PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
}

char *scratch_conninfo(void)
{
    /* Not of process ids: they come back within minutes on a busy machine. */
    g_autofree char *tag = rng_secret_hex(8);
    g_autofree char *name = g_strconcat("scratch_", tag, NULL);
    g_autofree char *sql = g_strdup_printf("CREATE DATABASE %s", name);

    ck_assert_msg(g_getenv("VRM_PG_CONNINFO") != NULL, "VRM_PG_CONNINFO: run tests/it_db.sh");
    g_free(scratch_sql(g_getenv("VRM_PG_CONNINFO"), sql));
    return with_database(name);
}

Db *scratch_db(char **ret_conninfo)
{
    g_autofree char *conninfo = scratch_conninfo();
    Db *db = db_new(conninfo, SCRATCH_TIMEOUT_MS);
    GError *error = NULL;

    db_migrate(db, &error);
    suite_no_error(error);
    db_take_epoch(db, 1, &error);
    suite_no_error(error);
    if (ret_conninfo)
        *ret_conninfo = g_steal_pointer(&conninfo);
    return db;
}

void must_write(Db *db, db_tx_fn fn, void *data)
{
    GError *error = NULL;
    bool ok = db_write(db, 1, fn, data, &error);

    suite_no_error(error);
    ck_assert(ok);
}

void must_read(Db *db, db_tx_fn fn, void *data)
{
    GError *error = NULL;
    bool ok = db_read(db, fn, data, &error);

    suite_no_error(error);
    ck_assert(ok);
}

void services(const char *verb)
{
    g_autofree char *command = g_strdup_printf("'%s' %s pg", g_getenv("VRM_TEST_SERVICES"), verb);
    GError *error = NULL;
    int status = -1;

    g_spawn_command_line_sync(command, NULL, NULL, &status, &error);
    suite_no_error(error);
    ck_assert_int_eq(status, 0);
}
