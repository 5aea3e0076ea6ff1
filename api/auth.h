/* auth.h - sessions, roles and rights.
 *
 * A session lives in memory only, as the SHA-256 of its token, and ends after idle_ms without a
 * request; a fail-over therefore asks clients to log in again.  Clients that log in for each call
 * and never log out are real, so a user may have many sessions; both counts are bounded and the
 * longest idle one goes first.  Any thread. */
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
/* A new session; returns its token, which exists nowhere else. */
char *auth_open(Auth *auth, int64_t user_id, const char *user, const char *roles, int64_t now_ms);
/* False: no such token, or idle for too long.  True renews it. */
bool auth_check(Auth *auth, const char *token, int64_t now_ms, struct auth_who *ret_who);
void auth_close(Auth *auth, const char *token);
/* Ends all sessions of a user but the one of keep_token (may be NULL): after a new password. */
void auth_close_user(Auth *auth, int64_t user_id, const char *keep_token);
size_t auth_count(Auth *auth);

#endif /* VRM_API_AUTH_H */
