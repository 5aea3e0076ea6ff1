/* stmt.c - see stmt.h. */
#include "config.h"

#include "db/stmt.h"

#include "base/err.h"
#include "db/db_impl.h"

void stmt_params_clear(struct stmt_params *params)
{
    for (int i = 0; i < params->n; i++)
        g_free(params->values[i]);
    params->n = 0;
}

static void add_taken(struct stmt_params *params, char *value)
{
    g_assert(params->n < STMT_MAX_PARAMS);
    params->values[params->n++] = value;
}

void stmt_add_int(struct stmt_params *params, int64_t value)
{
    add_taken(params, g_strdup_printf("%" G_GINT64_FORMAT, value));
}

void stmt_add_id(struct stmt_params *params, int64_t id)
{
    add_taken(params, id ? g_strdup_printf("%" G_GINT64_FORMAT, id) : NULL);
}

void stmt_add_bool(struct stmt_params *params, bool value)
{
    add_taken(params, g_strdup(value ? "t" : "f"));
}

void stmt_add_text(struct stmt_params *params, const char *text)
{
    add_taken(params, g_strdup(text ? text : ""));
}

void stmt_add_ids(struct stmt_params *params, const int64_t *ids, size_t n)
{
    GString *text = g_string_new("{");

    for (size_t i = 0; i < n; i++)
        g_string_append_printf(text, "%s%" G_GINT64_FORMAT, i ? "," : "", ids[i]);
    g_string_append_c(text, '}');
    add_taken(params, g_string_free(text, FALSE));
}

PGresult *stmt_run(Db *db, const struct stmt *stmt, const struct stmt_params *params,
                   GError **error)
{
    static const struct stmt_params none = { 0 };
    const struct stmt_params *given = params ? params : &none;

    g_assert(given->n == stmt->n_params);
    return pg_exec_stmt(db_peek_pg(db), stmt, (const char *const *)given->values, error);
}

bool stmt_do(Db *db, const struct stmt *stmt, const struct stmt_params *params, int64_t *ret_rows,
             GError **error)
{
    g_autoptr(PGresult) result = stmt_run(db, stmt, params, error);

    if (!result)
        return false;
    if (ret_rows)
        *ret_rows = g_ascii_strtoll(PQcmdTuples(result), NULL, 10);
    return true;
}

bool stmt_get_int(Db *db, const struct stmt *stmt, const struct stmt_params *params,
                  int64_t *ret_value, GError **error)
{
    g_autoptr(PGresult) result = stmt_run(db, stmt, params, error);

    if (!result)
        return false;
    if (PQntuples(result) != 1 || PQgetisnull(result, 0, 0) ||
        !g_ascii_string_to_signed(PQgetvalue(result, 0, 0), 10, G_MININT64, G_MAXINT64, ret_value,
                                  NULL)) {
        err_set(error, VRM_ERR_INTERNAL, "%s: one number expected", stmt->name);
        return false;
    }
    return true;
}
