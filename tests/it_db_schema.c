/* it_db_schema.c - migrations and statements against a real PostgreSQL. */
#include "config.h"

#include <sys/wait.h>
#include <unistd.h>

#include "db/migrate.h"
#include "tests/it_db.h"

static Pg *open_scratch(void)
{
    g_autofree char *conninfo = scratch_conninfo();
    GError *error = NULL;
    Pg *pg = pg_open(conninfo, SCRATCH_TIMEOUT_MS, SCRATCH_TIMEOUT_MS, &error);

    suite_no_error(error);
    return pg;
}

static char *ask(Pg *pg, const char *sql)
{
    GError *error = NULL;
    g_autoptr(PGresult) result = pg_exec(pg, sql, &error);

    suite_no_error(error);
    return g_strdup(PQgetvalue(result, 0, 0));
}

START_TEST(every_statement_prepares_against_the_migrated_schema)
{
    g_autoptr(Pg) pg = open_scratch();
    GError *error = NULL;

    migrate_run(pg, migrations, n_migrations, &error);
    suite_no_error(error);
    for (size_t t = 0; t < n_stmt_tables; t++) {
        for (size_t i = 0; i < stmt_tables[t]->n_stmts; i++) {
            const struct stmt *stmt = &stmt_tables[t]->stmts[i];
            g_autofree char *prepare = g_strdup_printf("PREPARE s_%s AS %s", stmt->name, stmt->sql);
            g_autofree char *count =
                g_strdup_printf("SELECT cardinality(parameter_types) FROM pg_prepared_statements"
                                " WHERE name = 's_%s'",
                                stmt->name);
            g_autoptr(PGresult) result = pg_exec(pg, prepare, &error);
            g_autofree char *n_params = NULL;

            ck_assert_msg(result != NULL, "%s: %s", stmt->name, error ? error->message : "");
            n_params = ask(pg, count);
            ck_assert_msg(g_ascii_strtoll(n_params, NULL, 10) == stmt->n_params,
                          "%s has %s parameters, not %d", stmt->name, n_params, stmt->n_params);
        }
    }
}
END_TEST

START_TEST(migrating_twice_changes_nothing)
{
    g_autoptr(Pg) pg = open_scratch();
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    ck_assert(migrate_run(pg, migrations, n_migrations, NULL));
    first = ask(pg, "SELECT string_agg(version || applied_ms::text, ' ') FROM schema_migration");
    ck_assert(migrate_run(pg, migrations, n_migrations, NULL));
    second = ask(pg, "SELECT string_agg(version || applied_ms::text, ' ') FROM schema_migration");
    ck_assert_str_eq(first, second);
}
END_TEST

static const struct migration one_two[] = {
    { 1, "0001_one", "CREATE TABLE one (a integer)" },
    { 2, "0002_two", "CREATE TABLE two (a integer)" },
};

START_TEST(a_newer_database_is_refused_by_name)
{
    g_autoptr(Pg) pg = open_scratch();
    GError *error = NULL;

    ck_assert(migrate_run(pg, one_two, 2, NULL));
    ck_assert(!migrate_run(pg, one_two, 1, &error));
    suite_take_error(&error, VRM_ERR_CONFLICT, "0002_two");
}
END_TEST

START_TEST(an_edited_migration_is_refused_by_name)
{
    const struct migration edited[] = {
        { 1, "0001_one", "CREATE TABLE one (a bigint)" },
        one_two[1],
    };
    g_autoptr(Pg) pg = open_scratch();
    GError *error = NULL;

    ck_assert(migrate_run(pg, one_two, 1, NULL));
    ck_assert(!migrate_run(pg, edited, 2, &error));
    suite_take_error(&error, VRM_ERR_CONFLICT, "0001_one");
}
END_TEST

START_TEST(a_failing_migration_leaves_nothing_and_names_itself)
{
    const struct migration failing[] = {
        one_two[0],
        { 2, "0002_bad", "CREATE TABLE two (a integer); CREATE TABLE one (a integer)" },
    };
    g_autoptr(Pg) pg = open_scratch();
    g_autofree char *tables = NULL;
    GError *error = NULL;

    ck_assert(!migrate_run(pg, failing, 2, &error));
    suite_take_error(&error, VRM_ERR_INTERNAL, "0002_bad");
    tables = ask(pg, "SELECT string_agg(relname::text, ' ' ORDER BY relname) FROM pg_class"
                     " WHERE relname IN ('one', 'two')");
    ck_assert_str_eq(tables, "one");
    ck_assert(migrate_run(pg, one_two, 2, &error)); /* the connection is fit for more */
}
END_TEST

START_TEST(several_programs_may_migrate_at_the_same_time)
{
    g_autofree char *conninfo = scratch_conninfo();
    g_autoptr(Db) db = db_new(conninfo, SCRATCH_TIMEOUT_MS);
    pid_t children[4];

    for (size_t i = 0; i < G_N_ELEMENTS(children); i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(db_migrate(db, NULL) ? 0 : 1);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(children); i++) {
        int status;

        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_int_eq(status, 0);
    }
}
END_TEST

SUITE_MAIN("db-schema", SUITE_TEST(every_statement_prepares_against_the_migrated_schema),
           SUITE_TEST(migrating_twice_changes_nothing),
           SUITE_TEST(a_newer_database_is_refused_by_name),
           SUITE_TEST(an_edited_migration_is_refused_by_name),
           SUITE_TEST(a_failing_migration_leaves_nothing_and_names_itself),
           SUITE_TEST(several_programs_may_migrate_at_the_same_time))
