/* store_user.c - see store_user.h. */
#include "config.h"

#include "db/store_user.h"

#include "db/row.h"
#include "db/store_tables.h"

enum {
    USER_LIST,
    USER_FIND,
    USER_INSERT,
    USER_UPDATE,
    USER_NOTE_LOGIN,
    USER_DELETE,
    USER_DROP_ROLES,
    USER_ADD_ROLES,
    USER_DROP_SESSIONS,
    N_USER_STMTS,
};

// clang-format off
#define USER_COLUMNS \
    "name, description, password_hash, must_change, create_ms, password_ms, failed_logins, " \
    "locked_until_ms"
#define USER_SELECT \
    "SELECT id, generation, " USER_COLUMNS ", (SELECT coalesce(string_agg(role, ',' ORDER BY" \
    " role), '') FROM account_role WHERE account_id = id) AS roles FROM account"

static const struct stmt user_stmts[N_USER_STMTS] = {
    [USER_LIST] = { "user_list", USER_SELECT " ORDER BY id", 0 },
    [USER_FIND] = { "user_find", USER_SELECT " WHERE name = $1", 1 },
    [USER_INSERT] = { "user_insert",
        "INSERT INTO account (" USER_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        " RETURNING id, generation", 8 },
    /* $7 and $8 are log-in bookkeeping, which has its own statement: mentioned, not written. */
    [USER_UPDATE] = { "user_update",
        "UPDATE account SET name = $1, description = $2, password_hash = $3, must_change = $4,"
        " create_ms = $5, password_ms = $6, generation = generation + 1"
        " WHERE id = $9 AND generation = $10 AND $7::bigint >= 0 AND $8::bigint >= 0", 10 },
    [USER_NOTE_LOGIN] = { "user_note_login",
        "UPDATE account SET failed_logins = $1, locked_until_ms = $2 WHERE id = $3", 3 },
    [USER_DELETE] = { "user_delete",
        "DELETE FROM account WHERE id = $1 AND generation = $2", 2 },
    [USER_DROP_ROLES] = { "user_drop_roles", "DELETE FROM account_role WHERE account_id = $1", 1 },
    [USER_ADD_ROLES] = { "user_add_roles",
        "INSERT INTO account_role (account_id, role)"
        " SELECT $1, unnest(string_to_array($2, ','))", 2 },
    [USER_DROP_SESSIONS] = { "user_drop_sessions", "DELETE FROM session WHERE account_id = $1", 1 },
};

static const struct col user_cols[] = {
    ROW_HEAD_COLS(User),
    COL(User, "name", name),
    COL(User, "description", description),
    COL(User, "password_hash", password_hash),
    COL(User, "must_change", must_change),
    COL(User, "create_ms", create_ms),
    COL(User, "password_ms", password_ms),
    COL(User, "failed_logins", failed_logins),
    COL(User, "locked_until_ms", locked_until_ms),
};

static const struct col role_cols[] = { COL(User, "roles", roles) };
// clang-format on

User *user_new(void)
{
    return g_new0(User, 1);
}

void user_free(User *user)
{
    if (!user)
        return;
    g_free(user->name);
    g_free(user->description);
    g_free(user->password_hash);
    g_free(user->roles);
    g_free(user);
}

ROW_CLASS(user_class, User, user_new, user_free, user_cols);

const struct stmt_table store_user_table = { user_stmts, N_USER_STMTS };

static bool select_users(Db *db, const struct stmt *stmt, const struct stmt_params *params,
                         GPtrArray **ret_users, GError **error)
{
    g_autoptr(PGresult) result = stmt_run(db, stmt, params, error);
    g_autoptr(GPtrArray) users = NULL;

    if (!result || !row_read_all(result, &user_class, &users, error))
        return false;
    for (guint i = 0; i < users->len; i++) {
        if (!row_read_into(result, (int)i, role_cols, G_N_ELEMENTS(role_cols),
                           g_ptr_array_index(users, i), error))
            return false;
    }
    *ret_users = g_steal_pointer(&users);
    return true;
}

bool store_user_list(Db *db, GPtrArray **ret_users, GError **error)
{
    return select_users(db, &user_stmts[USER_LIST], NULL, ret_users, error);
}

bool store_user_find(Db *db, const char *name, User **ret_user, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    g_autoptr(GPtrArray) users = NULL;

    stmt_add_text(&params, name);
    if (!select_users(db, &user_stmts[USER_FIND], &params, &users, error))
        return false;
    *ret_user = users->len ? g_ptr_array_steal_index(users, 0) : NULL;
    return true;
}

static bool add_roles(Db *db, const User *user, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, user->id);
    stmt_add_text(&params, user->roles);
    return stmt_do(db, &user_stmts[USER_ADD_ROLES], &params, NULL, error);
}

bool store_user_insert(Db *db, User *user, GError **error)
{
    return row_insert(db, &user_stmts[USER_INSERT], &user_class, user, error) &&
           add_roles(db, user, error);
}

bool store_user_update(Db *db, User *user, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, user->id);
    return row_update(db, &user_stmts[USER_UPDATE], &user_class, "user", user, error) &&
           stmt_do(db, &user_stmts[USER_DROP_ROLES], &params, NULL, error) &&
           stmt_do(db, &user_stmts[USER_DROP_SESSIONS], &params, NULL, error) &&
           add_roles(db, user, error);
}

bool store_user_note_login(Db *db, int64_t id, int64_t failed_logins, int64_t locked_until_ms,
                           GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, failed_logins);
    stmt_add_int(&params, locked_until_ms);
    stmt_add_int(&params, id);
    return row_write_one(db, &user_stmts[USER_NOTE_LOGIN], &params, "user", id, error);
}

bool store_user_delete(Db *db, int64_t id, int64_t generation, GError **error)
{
    return row_delete(db, &user_stmts[USER_DELETE], "user", id, generation, error);
}
