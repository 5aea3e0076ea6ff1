/* h_session.c - log in, log out, versions.
 *
 * The key is the password or its hex SHA-256, as clients differ; the controller's OP_LOGIN takes
 * both, counts failures and locks out.  A token that comes along with a log-in is ignored. */
#include "config.h"

#include "api/handlers.h"

#include <string.h>

#include "api/body.h"
#include "base/err.h"
#include "model/reason.h"

#define USER_MAX 128
#define KEY_MAX  256

static bool check_credential(const char *text, const char *field, int max_len, GError **error)
{
    if (!text || !text[0]) {
        err_set_reason(error, VRM_ERR_DENIED, REASON_LOGIN_FAILED, field,
                       "%s is missing: log in needs the headers X-Auth-User and X-Auth-Key, or a "
                       "body with userName and password",
                       field);
        return false;
    }
    if (g_utf8_validate(text, -1, NULL) && g_utf8_strlen(text, -1) <= max_len)
        return true;
    err_set_reason(error, VRM_ERR_DENIED, REASON_LOGIN_FAILED, field,
                   "%s has %" G_GSIZE_FORMAT " bytes: want UTF-8 text of 1..%d characters", field,
                   strlen(text), max_len);
    return false;
}

/* {"userName","password"}: scripts that do not know the headers. */
static bool read_body(struct request *req, char **ret_user, char **ret_key, GError **error)
{
    g_autoptr(json_t) root = NULL;
    struct json_reader reader;

    if (!request_body_object(req, &root, error))
        return false;
    json_reader_init(&reader, root);
    return body_string(&reader, "userName", USER_MAX, 0, ret_user, error) &&
           body_string(&reader, "password", KEY_MAX, 0, ret_key, error);
}

struct op *h_session_open(struct request *req, GError **error)
{
    g_autofree char *user = g_strdup(req->headers[HEADER_USER]);
    g_autofree char *key = g_strdup(req->headers[HEADER_KEY]);
    struct op *op;

    if ((!user || !*user) && !read_body(req, &user, &key, error))
        return NULL;
    if (!check_credential(user, "X-Auth-User", USER_MAX, error) ||
        !check_credential(key, "X-Auth-Key", KEY_MAX, error))
        return NULL;
    op = op_new(OP_LOGIN);
    g_free(req->login_token);
    req->login_token = auth_token_new();
    op->session_hash = auth_token_hash(req->login_token);
    op->login_name = g_steal_pointer(&user);
    op->login_key = g_steal_pointer(&key);
    return op;
}

static void admit(struct request *req, const struct op_result *result)
{
    const struct op_user *user = &result->user;
    const struct api_core *core = req->core;
    g_autofree char *hash = auth_token_hash(req->login_token);
    const struct auth_session session = { .hash = hash,
                                          .user_id = user->id,
                                          .user = user->name,
                                          .roles = user->roles ? user->roles : "",
                                          .used_ms = core->now_ms(),
                                          .stored = result->session_stored };

    auth_admit(core->auth, &session, session.used_ms);
    req->new_token = g_steal_pointer(&req->login_token);
}

bool h_session_opened(struct request *req, struct op_result *result, GError **error)
{
    const struct op_user *user = &result->user;
    const struct api_core *core = req->core;
    struct jw *out = &req->out;
    g_auto(GStrv) roles = g_strsplit(user->roles ? user->roles : "", ",", -1);

    (void)error;
    admit(req, result);
    jw_object(out, NULL);
    jw_int(out, "validity", auth_idle_ms(core->auth));
    jw_empty_array(out, "privilegeIds");
    jw_int_str(out, "userId", user->id);
    jw_str(out, "userName", user->name);
    jw_array(out, "roleList");
    for (size_t i = 0; roles[i]; i++) {
        if (roles[i][0])
            jw_str(out, NULL, roles[i]);
    }
    jw_array_end(out);
    jw_int(out, "rightType", 1);
    jw_object_end(out);
    return true;
}

/* Here it ends at once, whatever becomes of the database's copy. */
struct op *h_session_close(struct request *req, GError **error)
{
    const char *token = request_token(req);
    struct op *op = op_new(OP_LOGOUT);

    (void)error;
    auth_close(req->core->auth, token); /* there is one: the route wants a session */
    op->session_hash = auth_token_hash(token);
    return op;
}

bool h_session_versions(struct request *req, GError **error)
{
    static const char *const versions[] = { "v6.0", "v6.3", "v6.5", "v8.0" };
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    jw_array(out, "versions");
    for (size_t i = 0; i < G_N_ELEMENTS(versions); i++) {
        jw_object(out, NULL);
        jw_str(out, "version", versions[i]);
        jw_str(out, "loginUri", "/service/session");
        jw_object_end(out);
    }
    jw_array_end(out);
    jw_object_end(out);
    return true;
}
