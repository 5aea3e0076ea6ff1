/* on_session.c - log-in and users. */
#include "config.h"

#include "controller/call.h"
#include "controller/sessions.h"
#include "controller/users.h"

static struct op_user describe(const User *user)
{
    return (struct op_user){ .id = user->id,
                             .name = g_strdup(user->name),
                             .roles = g_strdup(user->roles),
                             .description = g_strdup(user->description),
                             .create_ms = user->create_ms };
}

struct login {
    struct call *call;
    struct op_result result;
};

static void login_kept(bool stored, void *user)
{
    g_autofree struct login *login = user;

    login->result.session_stored = stored;
    call_result(login->call, &login->result);
}

static void logged_in(const User *found, int64_t retry_ms, const GError *error, void *user)
{
    struct call *call = user;
    struct op_result refused = { .retry_ms = retry_ms };
    struct login *login;

    if (error) {
        refused.error = g_error_copy(error);
        call_result(call, &refused);
        return;
    }
    login = g_new0(struct login, 1);
    login->call = call;
    login->result.user = describe(found);
    sessions_put(call->app->sessions, call->op->session_hash, found->id, login_kept, login);
}

void on_login(struct call *call)
{
    users_login(call->app->users, call->op->login_name, call->op->login_key, logged_in, call);
}

static void logged_out(bool stored, void *user)
{
    (void)stored; /* written later, then */
    call_done(user);
}

void on_logout(struct call *call)
{
    sessions_drop(call->app->sessions, call->op->session_hash, logged_out, call);
}

void on_user_list(struct call *call)
{
    const GPtrArray *list = users_list(call->app->users);
    struct op_result result = { .total = list->len, .n_users = list->len };

    result.users = g_new0(struct op_user, list->len);
    for (guint i = 0; i < list->len; i++)
        result.users[i] = describe(list->pdata[i]);
    call_result(call, &result);
}

static void session_kept(bool stored, void *user)
{
    (void)stored; /* if not, it is written later */
    call_done(user);
}

/* All stored sessions of that user went with the old password; the one that asks stays. */
static void password_changed(const GError *error, void *user)
{
    struct call *call = user;

    if (error) {
        call_fail(call, error);
        return;
    }
    sessions_put(call->app->sessions, call->op->session_hash, call->op->user_id, session_kept,
                 call);
}

void on_password_change(struct call *call)
{
    const struct password_change change = {
        .user_id = call->op->id ? call->op->id : call->op->user_id,
        .old_key = call->op->old_key,
        .new_password = call->op->new_key,
    };

    users_change_password(call->app->users, &change, password_changed, call);
}
