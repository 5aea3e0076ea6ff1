/* store_session.c - see store_session.h. */
#include "config.h"

#include "db/store_session.h"

#include "db/row.h"
#include "db/store_tables.h"

enum {
    SESSION_LIST,
    SESSION_PUT,
    SESSION_TOUCH,
    SESSION_DROP,
    SESSION_TRIM_IDLE,
    SESSION_TRIM_ACCOUNT,
    SESSION_TRIM_ALL,
    N_SESSION_STMTS,
};

// clang-format off
/* $1 hashes, $2 idle times: comma-separated, in the same order. */
#define GIVEN_IDLE \
    "unnest(string_to_array($1, ','), string_to_array($2, ',')::bigint[]) AS given (hash, idle_ms)"
#define GIVEN_USED_AT "now() - given.idle_ms * interval '1 millisecond'"

static const struct stmt session_stmts[N_SESSION_STMTS] = {
    [SESSION_LIST] = { "session_list",
        "SELECT token_hash, account_id, account.name AS user_name,"
        " greatest(0, extract(epoch FROM now() - used_at) * 1000)::bigint AS idle_ms,"
        " (SELECT coalesce(string_agg(role, ',' ORDER BY role), '') FROM account_role"
        " WHERE account_role.account_id = account.id) AS roles"
        " FROM session JOIN account ON account.id = session.account_id"
        " WHERE used_at >= now() - $1::bigint * interval '1 millisecond' ORDER BY used_at", 1 },
    [SESSION_PUT] = { "session_put",
        "INSERT INTO session (token_hash, account_id, used_at)"
        " SELECT given.hash, account.id, now() - given.idle_ms * interval '1 millisecond'"
        " FROM unnest(string_to_array($1, ','), string_to_array($2, ',')::bigint[],"
        " string_to_array($3, ',')::bigint[]) AS given (hash, idle_ms, account_id)"
        " JOIN account ON account.id = given.account_id"
        " ON CONFLICT (token_hash) DO UPDATE SET used_at = EXCLUDED.used_at", 3 },
    [SESSION_TOUCH] = { "session_touch",
        "UPDATE session SET used_at = " GIVEN_USED_AT " FROM " GIVEN_IDLE
        " WHERE token_hash = given.hash", 2 },
    [SESSION_DROP] = { "session_drop",
        "DELETE FROM session WHERE token_hash = ANY (string_to_array($1, ','))", 1 },
    [SESSION_TRIM_IDLE] = { "session_trim_idle",
        "DELETE FROM session WHERE used_at < now() - $1::bigint * interval '1 millisecond'", 1 },
    [SESSION_TRIM_ACCOUNT] = { "session_trim_account",
        "DELETE FROM session WHERE token_hash IN (SELECT token_hash FROM (SELECT token_hash,"
        " row_number() OVER (PARTITION BY account_id ORDER BY used_at DESC) AS place"
        " FROM session) AS placed WHERE place > $1)", 1 },
    [SESSION_TRIM_ALL] = { "session_trim_all",
        "DELETE FROM session WHERE token_hash IN"
        " (SELECT token_hash FROM session ORDER BY used_at DESC OFFSET $1)", 1 },
};

static const struct col session_cols[] = {
    COL(Session, "token_hash", hash),
    COL(Session, "account_id", account_id),
    COL(Session, "idle_ms", idle_ms),
    COL(Session, "user_name", user),
    COL(Session, "roles", roles),
};
// clang-format on

Session *session_new(void)
{
    return g_new0(Session, 1);
}

void session_free(Session *session)
{
    if (!session)
        return;
    g_free(session->hash);
    g_free(session->user);
    g_free(session->roles);
    g_free(session);
}

ROW_CLASS(session_class, Session, session_new, session_free, session_cols);

const struct stmt_table store_session_table = { session_stmts, N_SESSION_STMTS };

bool store_session_list(Db *db, int64_t idle_ms, GPtrArray **ret_sessions, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, idle_ms);
    return row_select(db, &session_stmts[SESSION_LIST], &params, &session_class, ret_sessions,
                      error);
}

static void add_separator(GString *list)
{
    if (list->len)
        g_string_append_c(list, ',');
}

static void add_hashes_and_idle(struct stmt_params *params, const GPtrArray *sessions)
{
    g_autoptr(GString) hashes = g_string_new(NULL), idle = g_string_new(NULL);

    for (guint i = 0; i < sessions->len; i++) {
        const Session *session = sessions->pdata[i];

        add_separator(hashes);
        add_separator(idle);
        g_string_append(hashes, session->hash);
        g_string_append_printf(idle, "%" G_GINT64_FORMAT, session->idle_ms);
    }
    stmt_add_text(params, hashes->str);
    stmt_add_text(params, idle->str);
}

bool store_session_put(Db *db, const GPtrArray *sessions, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    g_autoptr(GString) accounts = g_string_new(NULL);

    for (guint i = 0; i < sessions->len; i++) {
        const Session *session = sessions->pdata[i];

        add_separator(accounts);
        g_string_append_printf(accounts, "%" G_GINT64_FORMAT, session->account_id);
    }
    add_hashes_and_idle(&params, sessions);
    stmt_add_text(&params, accounts->str);
    return stmt_do(db, &session_stmts[SESSION_PUT], &params, NULL, error);
}

bool store_session_touch(Db *db, const GPtrArray *sessions, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    add_hashes_and_idle(&params, sessions);
    return stmt_do(db, &session_stmts[SESSION_TOUCH], &params, NULL, error);
}

bool store_session_drop(Db *db, const GPtrArray *hashes, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < hashes->len; i++) {
        add_separator(list);
        g_string_append(list, hashes->pdata[i]);
    }
    stmt_add_text(&params, list->str);
    return stmt_do(db, &session_stmts[SESSION_DROP], &params, NULL, error);
}

static bool trim(Db *db, int statement, int64_t bound, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, bound);
    return stmt_do(db, &session_stmts[statement], &params, NULL, error);
}

bool store_session_trim(Db *db, const struct session_bounds *bounds, GError **error)
{
    return trim(db, SESSION_TRIM_IDLE, bounds->idle_ms, error) &&
           trim(db, SESSION_TRIM_ACCOUNT, bounds->max_per_account, error) &&
           trim(db, SESSION_TRIM_ALL, bounds->max_sessions, error);
}
