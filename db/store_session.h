/* store_session.h - who is logged in.  See store_cluster.h for the rules of all stores; sessions
 * have no generation: only the leader writes, and the last word counts. */
#ifndef VRM_DB_STORE_SESSION_H
#define VRM_DB_STORE_SESSION_H

#include "db/db.h"

typedef struct Session {
    char *hash; /* hex SHA-256 of the token */
    int64_t account_id;
    int64_t idle_ms;    /* since it was last used */
    char *user, *roles; /* of the account, as of now; only read */
} Session;
Session *session_new(void);
void session_free(Session *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Session, session_free)

struct session_bounds {
    int64_t idle_ms, max_sessions, max_per_account;
};

/* GPtrArrays of Session in all of these. */

/* Those used within idle_ms, the longest idle one first. */
bool store_session_list(Db *db, int64_t idle_ms, GPtrArray **ret_sessions, GError **error);
/* New ones, or new idle times of old ones; without those whose account is gone. */
bool store_session_put(Db *db, const GPtrArray *sessions, GError **error);
/* Idle times only; those that are gone stay so. */
bool store_session_touch(Db *db, const GPtrArray *sessions, GError **error);
/* hashes: of char *; unknown ones are no error. */
bool store_session_drop(Db *db, const GPtrArray *hashes, GError **error);
/* Those that have expired, and the longest idle ones beyond a bound. */
bool store_session_trim(Db *db, const struct session_bounds *bounds, GError **error);

#endif /* VRM_DB_STORE_SESSION_H */
