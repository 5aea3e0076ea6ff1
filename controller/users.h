/* users.h - who may log in: a copy of the users in memory, so that log-in works also while the
 * database is away.  Hashing runs on workers of its own (app.h).  Loop thread only. */
#ifndef VRM_CONTROLLER_USERS_H
#define VRM_CONTROLLER_USERS_H

#include "controller/app.h"
#include "db/store_user.h"

#define USERS_MAX_FAILURES 5
#define USERS_LOCK_MS      300000

Users *users_new(struct app *app);
void users_free(Users *users);

/* Replaces the copy (GPtrArray of User). */
void users_set(Users *users, GPtrArray *list);
/* If there is no user yet: makes "admin" with the password of the settings, or a random one that is
 * left in state_dir/admin.password.  done is called exactly once; of a call that comes while the
 * one before is still at it, only the newer done is called. */
typedef void (*users_done_fn)(const GError *error, void *user);
void users_ensure_admin(Users *users, users_done_fn done, void *user);

/* key: the password itself or the hex SHA-256 of it.  found is NULL when refused; retry_ms then
 * says how long the account stays locked (0: it is not). */
typedef void (*users_login_fn)(const User *found, int64_t retry_ms, const GError *error,
                               void *user);
void users_login(Users *users, const char *name, const char *key, users_login_fn done, void *user);

struct password_change {
    int64_t user_id;
    const char *old_key, *new_password;
};
void users_change_password(Users *users, const struct password_change *change, users_done_fn done,
                           void *user);

/* Borrowed; GPtrArray of User. */
const GPtrArray *users_list(const Users *users);

#endif /* VRM_CONTROLLER_USERS_H */
