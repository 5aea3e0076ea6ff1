/* store_user.h - who may log in.  See store_cluster.h for the rules of all stores. */
#ifndef VRM_DB_STORE_USER_H
#define VRM_DB_STORE_USER_H

#include "db/db.h"

typedef struct User {
    int64_t id;
    int64_t generation;
    char *name, *description;
    char *password_hash; /* crypt(3) of the password's lower-case hex SHA-256 */
    char *roles;         /* comma-separated, ascending: "administrator" */
    bool must_change;
    int64_t create_ms, password_ms; /* made; password last set */
    int64_t failed_logins;          /* in a row */
    int64_t locked_until_ms;        /* 0: not locked */
} User;
User *user_new(void);
void user_free(User *user);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(User, user_free)

bool store_user_list(Db *db, GPtrArray **ret_users, GError **error);
/* NULL in *ret_user when there is none. */
bool store_user_find(Db *db, const char *name, User **ret_user, GError **error);
bool store_user_insert(Db *db, User *user, GError **error);
/* Name, description, roles, password, must_change.  Ends the account's stored sessions. */
bool store_user_update(Db *db, User *user, GError **error);
/* Log-in bookkeeping; needs no generation and changes none. */
bool store_user_note_login(Db *db, int64_t id, int64_t failed_logins, int64_t locked_until_ms,
                           GError **error);
bool store_user_delete(Db *db, int64_t id, int64_t generation, GError **error);

#endif /* VRM_DB_STORE_USER_H */
