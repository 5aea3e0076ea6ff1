/* it_db_account.c - users and their sessions in PostgreSQL. */
#include "config.h"

#include "base/text.h"
#include "db/store_session.h"
#include "db/store_user.h"
#include "tests/db_world.h"

static bool change_user(Db *db, void *data, GError **error)
{
    User *user = data;

    if (!store_user_insert(db, user, error))
        return false;
    text_set(&user->password_hash, "$y$new");
    text_set(&user->roles, "");
    user->password_ms = 91;
    return store_user_update(db, user, error) && store_user_note_login(db, user->id, 3, 92, error);
}

static bool find_user(Db *db, void *data, GError **error)
{
    User **user = data;

    return store_user_find(db, "ops", user, error);
}

static bool delete_user(Db *db, void *data, GError **error)
{
    const User *user = data;

    return store_user_delete(db, user->id, user->generation, error);
}

START_TEST(a_user_lives_from_insert_to_delete)
{
    g_autoptr(Db) db = scratch_db(NULL);
    g_autoptr(User) user = user_new();
    g_autoptr(User) found = NULL;
    g_autoptr(User) gone = NULL;

    user->name = g_strdup("ops");
    user->description = g_strdup("operator");
    user->password_hash = g_strdup("$y$old");
    user->roles = g_strdup("administrator");
    user->must_change = true;
    user->create_ms = 90;
    must_write(db, change_user, user);
    must_read(db, find_user, &found);
    ck_assert_str_eq(found->name, "ops");
    ck_assert_str_eq(found->description, "operator");
    ck_assert_str_eq(found->password_hash, "$y$new");
    ck_assert_str_eq(found->roles, "");
    ck_assert(found->must_change);
    ck_assert_int_eq(found->create_ms, 90);
    ck_assert_int_eq(found->password_ms, 91);
    ck_assert_int_eq(found->failed_logins, 3);
    ck_assert_int_eq(found->locked_until_ms, 92);
    ck_assert_int_eq(found->generation, 2);
    must_write(db, delete_user, found);
    must_read(db, find_user, &gone);
    ck_assert_ptr_null(gone);
}
END_TEST

static bool two_users(Db *db, void *data G_GNUC_UNUSED, GError **error)
{
    g_autoptr(User) admin = user_new();
    g_autoptr(User) other = user_new();

    admin->name = g_strdup("admin");
    admin->roles = g_strdup("administrator");
    other->name = g_strdup("other");
    return store_user_insert(db, admin, error) && store_user_insert(db, other, error);
}

START_TEST(users_are_listed_with_their_roles)
{
    g_autoptr(Db) db = scratch_db(NULL);
    g_autoptr(GPtrArray) users = NULL;

    must_write(db, two_users, NULL);
    users = read_list(db, store_user_list);
    ck_assert_uint_eq(users->len, 2);
    ck_assert_str_eq(((User *)g_ptr_array_index(users, 0))->roles, "administrator");
    ck_assert_str_eq(((User *)g_ptr_array_index(users, 1))->roles, "");
}
END_TEST

static GPtrArray *make_sessions(const char *letters, int64_t account_id, int64_t idle_ms)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)session_free);

    for (; *letters; letters++) {
        Session *session = session_new();

        session->hash = g_strnfill(64, *letters);
        session->account_id = account_id;
        session->idle_ms = idle_ms;
        g_ptr_array_add(list, session);
    }
    return list;
}

static bool put_sessions(Db *db, void *data, GError **error)
{
    return store_session_put(db, data, error);
}

static bool touch_sessions(Db *db, void *data, GError **error)
{
    return store_session_touch(db, data, error);
}

static bool drop_sessions(Db *db, void *data, GError **error)
{
    g_autoptr(GPtrArray) hashes = g_ptr_array_new_with_free_func(g_free);

    for (const char *letter = data; *letter; letter++)
        g_ptr_array_add(hashes, g_strnfill(64, *letter));
    return store_session_drop(db, hashes, error);
}

static bool trim_sessions(Db *db, void *data, GError **error)
{
    return store_session_trim(db, data, error);
}

static bool list_sessions(Db *db, void *data, GError **error)
{
    return store_session_list(db, 600000, data, error);
}

/* The first letters of the hashes, the longest idle one first. */
static char *stored_sessions(Db *db)
{
    g_autoptr(GPtrArray) list = NULL;
    GString *letters = g_string_new(NULL);

    must_read(db, list_sessions, &list);
    for (guint i = 0; i < list->len; i++)
        g_string_append_c(letters, *((Session *)list->pdata[i])->hash);
    return g_string_free(letters, FALSE);
}

static bool update_user(Db *db, void *data, GError **error)
{
    return store_user_update(db, data, error);
}

START_TEST(sessions_outlive_the_one_who_wrote_them)
{
    g_autoptr(Db) db = scratch_db(NULL);
    g_autoptr(GPtrArray) fresh = make_sessions("a", 1, 0), idle = make_sessions("b", 1, 300000),
                         old = make_sessions("c", 2, 600001), nobody = make_sessions("d", 77, 0),
                         again = make_sessions("bc", 2, 1000), gone = make_sessions("e", 1, 0);
    g_autoptr(GPtrArray) list = NULL;
    g_autofree char *first = NULL, *second = NULL, *third = NULL;
    const Session *session;

    must_write(db, two_users, NULL);
    must_write(db, put_sessions, fresh);
    must_write(db, put_sessions, idle);
    must_write(db, put_sessions, old);
    must_write(db, put_sessions, nobody); /* that account is gone: no error */
    must_read(db, list_sessions, &list);
    ck_assert_uint_eq(list->len, 2);
    session = list->pdata[0];
    ck_assert_int_eq(*session->hash, 'b');
    ck_assert_int_eq(session->account_id, 1);
    ck_assert_str_eq(session->user, "admin");
    ck_assert_str_eq(session->roles, "administrator");
    ck_assert_int_ge(session->idle_ms, 300000);
    ck_assert_int_lt(session->idle_ms, 600000);
    must_write(db, touch_sessions, again);
    must_write(db, touch_sessions, gone); /* not there: stays so */
    first = stored_sessions(db);
    ck_assert_uint_eq(strlen(first), 3);
    ck_assert_int_eq(first[2], 'a');
    must_write(db, drop_sessions, (void *)(uintptr_t) "bx");
    second = stored_sessions(db);
    ck_assert_str_eq(second, "ca");
    must_write(db, drop_sessions, (void *)(uintptr_t) "");
    third = stored_sessions(db);
    ck_assert_str_eq(third, "ca");
}
END_TEST

START_TEST(stored_sessions_are_bounded_and_end_with_the_password)
{
    g_autoptr(Db) db = scratch_db(NULL);
    g_autoptr(GPtrArray) oldest = make_sessions("1", 1, 700000),
                         older = make_sessions("2", 1, 500000), new = make_sessions("34", 1, 100),
                         other = make_sessions("5", 2, 200), last = make_sessions("6", 2, 0);
    struct session_bounds bounds = { 600000, 100, 2 };
    g_autofree char *first = NULL, *second = NULL, *third = NULL;
    g_autoptr(GPtrArray) users = NULL;

    must_write(db, two_users, NULL);
    must_write(db, put_sessions, oldest);
    must_write(db, put_sessions, older);
    must_write(db, put_sessions, new);
    must_write(db, put_sessions, other);
    must_write(db, put_sessions, last);
    must_write(db, trim_sessions, &bounds);
    first = stored_sessions(db);
    ck_assert_uint_eq(strlen(first), 4);
    ck_assert_ptr_null(strchr(first, '2')); /* beyond its user's bound */
    bounds.max_sessions = 1;
    must_write(db, trim_sessions, &bounds);
    second = stored_sessions(db);
    ck_assert_str_eq(second, "6");
    users = read_list(db, store_user_list);
    must_write(db, update_user, users->pdata[1]);
    third = stored_sessions(db);
    ck_assert_str_eq(third, "");
}
END_TEST

SUITE_MAIN("db-account", SUITE_TEST(a_user_lives_from_insert_to_delete),
           SUITE_TEST(users_are_listed_with_their_roles),
           SUITE_TEST(sessions_outlive_the_one_who_wrote_them),
           SUITE_TEST(stored_sessions_are_bounded_and_end_with_the_password))
