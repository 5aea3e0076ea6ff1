/* auth.h - sessions, roles and rights.
 *
 * A session is known by the SHA-256 of its token, and ends after idle_ms without a request.
 * Clients that log in for each call and never log out are real, so a user may have many sessions;
 * both counts are bounded and the longest idle one goes first.
 *
 * This table decides.  For a change of the controller the sessions are kept in the database, too:
 * auth_news tells what is to be written there, auth_admit takes in what the one before us wrote.
 * Any thread. */
#ifndef VRM_API_AUTH_H
#define VRM_API_AUTH_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// clang-format off
/* right, name in refusals and in the API, roles besides administrator that have it */
#define RIGHTS(X)                                                                        \
    X(RIGHT_READ,            "inventory.read",     ROLE_OPERATOR | ROLE_DRSMANAGER | ROLE_AUDITER) \
    X(RIGHT_INVENTORY_WRITE, "inventory.write",    0)                                    \
    X(RIGHT_VM_OPERATE,      "vm.operate",         ROLE_OPERATOR)                        \
    X(RIGHT_HOST_OPERATE,    "host.operate",       ROLE_OPERATOR)                        \
    X(RIGHT_CLUSTER_POLICY,  "cluster.policy",     ROLE_DRSMANAGER)                      \
    X(RIGHT_DRS_APPLY,       "drs.apply",          ROLE_DRSMANAGER)                      \
    X(RIGHT_TASK_CANCEL,     "task.cancel",        ROLE_OPERATOR | ROLE_DRSMANAGER)      \
    X(RIGHT_AUDIT_READ,      "audit.read",         ROLE_AUDITER)                         \
    X(RIGHT_USER_READ,       "user.read",          ROLE_AUDITER)                         \
    X(RIGHT_USER_WRITE,      "user.write",         0)
#define ROLES(X)                                                                         \
    X(ROLE_ADMINISTRATOR, 1, "administrator", "everything")                              \
    X(ROLE_OPERATOR,      2, "operator",      "VM and host power, migration, maintenance") \
    X(ROLE_DRSMANAGER,    4, "drsmanager",    "cluster policy, rules, recommendations")  \
    X(ROLE_AUDITER,       8, "auditer",       "reads everything, and the audit trail")
// clang-format on

enum role {
#define X(name, bit, text, description) name = (bit),
    ROLES(X)
#undef X
};

enum right {
    RIGHT_NONE,    /* no login needed */
    RIGHT_SESSION, /* whoever is logged in */
#define X(name, text, roles) name,
    RIGHTS(X)
#undef X
    N_RIGHTS,
};

const char *right_name(enum right right);
/* "administrator,operator" -> bits; unknown words give nothing. */
unsigned roles_parse(const char *text);
/* Does a holder of these roles have the right? */
bool roles_allow(unsigned roles, enum right right);
/* The i-th role's name and description; false at the end.  For the list of roles. */
bool role_nth(size_t i, const char **ret_name, const char **ret_description);

#define AUTH_MAX_SESSIONS 4096
#define AUTH_MAX_PER_USER 1024

struct auth_limits {
    int64_t idle_ms;
    size_t max_sessions, max_per_user;
};

/* Who asks; clear with auth_who_clear. */
struct auth_who {
    int64_t user_id;
    char *user;
    unsigned roles;
};
void auth_who_clear(struct auth_who *who);

typedef struct Auth Auth;
Auth *auth_new(const struct auth_limits *limits);
void auth_free(Auth *auth);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Auth, auth_free)

int64_t auth_idle_ms(const Auth *auth);
const struct auth_limits *auth_limits(const Auth *auth);

/* A token that nobody has; it is good once its hash was admitted. */
char *auth_token_new(void);
/* What a session is known by: the hex SHA-256. */
char *auth_token_hash(const char *token);

struct auth_session {
    const char *hash;
    int64_t user_id;
    const char *user, *roles;
    int64_t used_ms;
    bool stored; /* the database has it */
};
void auth_admit(Auth *auth, const struct auth_session *session, int64_t now_ms);
/* False: no such token, or idle for too long.  True renews it. */
bool auth_check(Auth *auth, const char *token, int64_t now_ms, struct auth_who *ret_who);
/* Is it one, without being renewed? */
bool auth_is_open(Auth *auth, const char *token, int64_t now_ms);
void auth_close(Auth *auth, const char *token);
/* Ends all sessions of a user but the one of keep_hash (may be NULL): after a new password. */
void auth_close_user(Auth *auth, int64_t user_id, const char *keep_hash);
size_t auth_count(Auth *auth);

/* A session that was used since the last call, or that the database does not have. */
struct auth_news {
    char *hash;
    int64_t user_id, used_ms;
    bool stored;
};
/* GPtrArray of struct auth_news. */
GPtrArray *auth_news(Auth *auth);
/* Whether they were written: what was not is told again. */
void auth_news_written(Auth *auth, const GPtrArray *news, bool ok);

#endif /* VRM_API_AUTH_H */
