/* h_user.c - users, roles, rights, new passwords. */
#include "config.h"

#include "api/handlers.h"

#include "api/answer.h"
#include "api/body.h"
#include "api/read.h"
#include "base/err.h"
#include "model/reason.h"

#define KEY_MIN 8
#define KEY_MAX 256

struct op *h_user_list(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_USER_LIST);
    struct read_page page;

    if (!read_page(req, &page, error))
        return NULL;
    op->query.limit = page.limit;
    op->query.offset = page.offset;
    return g_steal_pointer(&op);
}

static void put_user(struct request *req, const struct op_user *user)
{
    g_auto(GStrv) roles = g_strsplit(user->roles ? user->roles : "", ",", -1);
    struct jw *out = &req->out;

    jw_object(out, NULL);
    jw_int_str(out, "userId", user->id);
    jw_str(out, "userType", "0");
    jw_str(out, "userName", user->name);
    jw_array(out, "roles");
    for (size_t i = 0; roles[i]; i++) {
        if (roles[i][0])
            jw_str(out, NULL, roles[i]);
    }
    jw_array_end(out);
    jw_str(out, "description", user->description);
    read_put_time(req, "createTime", user->create_ms);
    jw_int(out, "rightType", 1);
    jw_object_end(out);
}

bool h_user_list_answer(struct request *req, struct op_result *result, GError **error)
{
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    jw_int(out, "total", result->total);
    jw_int(out, "itemSize", (int64_t)result->n_users);
    jw_array(out, "items");
    for (size_t i = 0; i < result->n_users; i++)
        put_user(req, &result->users[i]);
    jw_array_end(out);
    jw_object_end(out);
    return true;
}

bool h_user_roles(struct request *req, GError **error)
{
    const char *name, *description;
    struct jw *out = &req->out;
    struct read_page page;
    size_t n = 0, from, to;

    if (!read_page(req, &page, error))
        return false;
    while (role_nth(n, &name, &description))
        n++;
    read_page_bounds(&page, n, &from, &to);
    jw_object(out, NULL);
    jw_int(out, "total", (int64_t)n);
    jw_int(out, "itemSize", (int64_t)(to - from));
    jw_array(out, "items");
    for (size_t i = from; i < to && role_nth(i, &name, &description); i++) {
        jw_object(out, NULL);
        jw_str(out, "roleName", name);
        jw_int(out, "rightType", 1);
        jw_str(out, "description", description);
        jw_str(out, "createTime", "");
        jw_object_end(out);
    }
    jw_array_end(out);
    jw_object_end(out);
    return true;
}

bool h_user_rights(struct request *req, GError **error)
{
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    jw_array(out, "items");
    for (enum right right = RIGHT_READ; right < N_RIGHTS; right++) {
        jw_object(out, NULL);
        jw_str(out, "rightId", right_name(right));
        jw_str(out, "rightName", right_name(right));
        jw_empty_array(out, "subitems");
        jw_object_end(out);
    }
    jw_array_end(out);
    jw_object_end(out);
    return true;
}

/* {"userId","oldPassword","password"}: one's own, or with the right user.write another's. */
struct op *h_user_password(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_PASSWORD_CHANGE);
    const struct json_reader *json = &req->json;

    op->id = req->who.user_id;
    op->session_hash = auth_token_hash(request_token(req));
    op->old_key = g_strdup("");
    op->new_key = g_strdup("");
    if (!body_int(json, INT_FIELD("userId", 1, INT64_MAX, 0, &op->id), error) ||
        !body_string(json, "oldPassword", KEY_MAX, 0, &op->old_key, error) ||
        !body_string(json, "password", KEY_MAX, 0, &op->new_key, error))
        return NULL;
    if (op->id != req->who.user_id && !roles_allow(req->who.roles, RIGHT_USER_WRITE)) {
        req->missing_right = right_name(RIGHT_USER_WRITE);
        err_set_reason(error, VRM_ERR_DENIED, REASON_NO_PERMISSION, "userId",
                       "user %s may only change the own password", req->who.user);
        return NULL;
    }
    if (g_utf8_strlen(op->new_key, -1) < KEY_MIN) {
        err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "password",
                       "password: want %d..%d characters", KEY_MIN, KEY_MAX);
        return NULL;
    }
    return g_steal_pointer(&op);
}

bool h_user_password_answer(struct request *req, struct op_result *result, GError **error)
{
    int64_t id = req->who.user_id;
    g_autofree char *keep = NULL;

    /* the body was checked when the operation was built */
    body_int(&req->json, INT_FIELD("userId", 1, INT64_MAX, 0, &id), NULL);
    keep = auth_token_hash(request_token(req));
    auth_close_user(req->core->auth, id, keep);
    return answer_empty(req, result, error);
}
