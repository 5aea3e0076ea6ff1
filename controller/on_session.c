/* on_session.c - log-in and users. */
#include "config.h"

#include "controller/call.h"
#include "controller/users.h"

static struct op_user describe(const User *user)
{
    return (struct op_user){ .id = user->id,
                             .name = g_strdup(user->name),
                             .roles = g_strdup(user->roles),
                             .description = g_strdup(user->description),
                             .create_ms = user->create_ms };
}

static void logged_in(const User *found, int64_t retry_ms, const GError *error, void *user)
{
    struct call *call = user;
    struct op_result result = { .retry_ms = retry_ms };

    if (error)
        result.error = g_error_copy(error);
    else
        result.user = describe(found);
    call_result(call, &result);
}

void on_login(struct call *call)
{
    users_login(call->app->users, call->op->login_name, call->op->login_key, logged_in, call);
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

static void password_changed(const GError *error, void *user)
{
    struct call *call = user;

    if (error)
        call_fail(call, error);
    else
        call_done(call);
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
