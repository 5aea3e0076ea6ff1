/* test_api_request.c - what holds for every call: log-in, conflicts, waiting, refusals. */
#include "config.h"

#include "base/err.h"
#include "model/reason.h"
#include "tests/api_fake.h"
#include "tests/suite.h"

#define START FAKE_S "/vms/i-00000037/action/start"

static struct fake_reply log_in(struct fake *fake, const char *user, const char *key)
{
    g_autofree char *user_line = g_strdup_printf("X-Auth-User: %s", user);
    g_autofree char *key_line = g_strdup_printf("X-Auth-Key: %s", key);
    const char *const headers[] = { user_line, key_line, "X-Auth-UserType: 2", NULL };

    return fake_call(fake, "POST", "/service/session", NULL, headers, NULL);
}

START_TEST(a_login_gives_a_token_that_works_until_log_out)
{
    struct fake fake;
    struct fake_reply in, use, out;

    fake_init(&fake);
    in = log_in(&fake, "ops", "secret");
    ck_assert_int_eq(in.status, 200);
    ck_assert_str_eq(in.text, "{\"validity\":600000,\"privilegeIds\":[],\"userId\":\"7\","
                              "\"userName\":\"ops\",\"roleList\":[\"administrator\"],"
                              "\"rightType\":1}");
    ck_assert_uint_eq(strlen(in.token), 49);
    ck_assert_str_eq(fake.last->login_name, "ops");
    ck_assert_str_eq(fake.last->login_key, "secret");
    use = fake_call(&fake, "GET", "/service/sites", in.token, NULL, NULL);
    ck_assert_int_eq(use.status, 200);
    fake_reply_clear(&use);
    out = fake_call(&fake, "DELETE", "/service/session", in.token, NULL, "{}");
    ck_assert_str_eq(out.text, "{}");
    fake_reply_clear(&out);
    use = fake_call(&fake, "GET", "/service/sites", in.token, NULL, NULL);
    ck_assert_int_eq(use.status, 401);
    fake_reply_clear(&use);
    fake_reply_clear(&in);
    fake_clear(&fake);
}
END_TEST

START_TEST(a_dry_run_does_nothing)
{
    struct fake fake;
    struct fake_reply reply;
    g_autofree char *token = NULL;

    fake_init(&fake);
    token = fake_token(&fake, "administrator");
    reply =
        fake_call(&fake, "POST", "/service/sites/43BC08E8/vms/i-00000035/action/stop?dryRun=true",
                  token, NULL, "{}");
    ck_assert_int_eq(reply.status, 400);
    ck_assert_ptr_nonnull(strstr(reply.text, "\"field\":\"dryRun\""));
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(a_bearer_token_works_as_well)
{
    struct fake fake;
    g_autofree char *token = NULL;
    g_autofree char *bearer = NULL;
    struct fake_reply use;

    fake_init(&fake);
    token = fake_token(&fake, "auditer");
    bearer = g_strdup_printf("Authorization: Bearer %s", token);
    {
        const char *const headers[] = { bearer, NULL };

        use = fake_call(&fake, "GET", "/service/sites", NULL, headers, NULL);
    }
    ck_assert_int_eq(use.status, 200);
    fake_reply_clear(&use);
    fake_clear(&fake);
}
END_TEST

static const struct {
    const char *user, *key, *code;
    int64_t retry_ms; /* 0: not named */
} refused[] = {
    { "ops", "wrong", "10100103", 0 },
    { "ops", "locked", "10100113", 90500 },
    { "", "secret", "10100103", 0 },
    { "ops", "", "10100103", 0 },
};

START_TEST(a_refused_login_has_status_400_and_its_number)
{
    struct fake fake;
    struct fake_reply in;

    fake_init(&fake);
    in = log_in(&fake, refused[_i].user, refused[_i].key);
    ck_assert_int_eq(in.status, 400);
    ck_assert_ptr_null(in.token);
    ck_assert_str_eq(fake_str(in.json, "errorCode"), refused[_i].code);
    if (refused[_i].retry_ms)
        ck_assert_int_eq(fake_int(in.json, "retryAfterMs"), refused[_i].retry_ms);
    fake_reply_clear(&in);
    fake_clear(&fake);
}
END_TEST

START_TEST(an_endless_login_name_is_refused_before_the_controller_sees_it)
{
    struct fake fake;
    g_autofree char *name = g_strnfill(5000, 'a');
    struct fake_reply in;

    fake_init(&fake);
    in = log_in(&fake, name, "secret");
    ck_assert_int_eq(in.status, 400);
    ck_assert_uint_eq(fake.n_ops, 0);
    ck_assert_str_eq(fake_str(in.json, "errorDes"),
                     "X-Auth-User has 5000 bytes: want UTF-8 text of 1..128 characters");
    fake_reply_clear(&in);
    in = log_in(&fake, "ops", name);
    ck_assert_str_eq(fake_str(in.json, "field"), "X-Auth-Key");
    fake_reply_clear(&in);
    fake_clear(&fake);
}
END_TEST

START_TEST(a_body_names_who_logs_in_when_the_headers_do_not)
{
    static const char *const headers[] = { "X-Auth-User: ", "X-Auth-Key: ", NULL };
    struct fake fake;
    struct fake_reply in;

    fake_init(&fake);
    in = fake_call(&fake, "PUT", "/service/session", NULL, headers,
                   "\xef\xbb\xbf {\"USERNAME\":\"ops\",\"password\":\"secret\"}\n");
    ck_assert_msg(in.status == 200, "%s", in.text);
    ck_assert_str_eq(fake.last->login_name, "ops");
    fake_reply_clear(&in);
    fake_clear(&fake);
}
END_TEST

START_TEST(what_is_too_long_is_refused_in_our_own_form)
{
    g_autofree char *much = g_strnfill(20000, 'a');
    g_autofree char *target = g_strconcat("/service/sites?x=", much, NULL);
    g_autofree char *header = g_strconcat("X-Other: ", much, NULL);
    const char *const headers[] = { header, NULL };
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    reply = fake_call(&fake, "GET", target, NULL, NULL, NULL);
    ck_assert_int_eq(reply.status, 414);
    ck_assert_str_eq(fake_str(reply.json, "errorCode"), "10000001");
    fake_reply_clear(&reply);
    reply = fake_call(&fake, "GET", "/service/sites", NULL, headers, NULL);
    ck_assert_int_eq(reply.status, 431);
    ck_assert_str_eq(fake_str(reply.json, "errorCode"), "10000001");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

/* The object changes under the first two attempts. */
static void answer_conflict(struct fake *fake, const struct op *op, struct op_result *result)
{
    Cluster *newer;

    if (op->cluster->generation == 9)
        return;
    newer = cluster_dup(snapshot_builder_get_cluster(fake->builder, 117));
    newer->generation++;
    g_free(newer->description);
    newer->description = g_strdup("changed meanwhile");
    snapshot_builder_put_cluster(fake->builder, newer);
    fake_publish(fake);
    err_set_reason(&result->error, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, NULL, "stale");
}

START_TEST(a_lost_race_is_run_again_on_the_newer_object)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    fake.answer = answer_conflict;
    reply = fake_ok(&fake, "PUT", C117, "{\"name\":\"renamed\"}");
    ck_assert_uint_eq(fake.n_ops, 3);
    ck_assert_int_eq(fake.last->cluster->generation, 9);
    ck_assert_str_eq(fake.last->cluster->name, "renamed");
    ck_assert_str_eq(fake.last->cluster->description, "changed meanwhile");
    ck_assert_str_eq(reply.text, "{}");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static void answer_always_conflict(struct fake *fake, const struct op *op, struct op_result *result)
{
    (void)fake;
    (void)op;
    err_set_reason(&result->error, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, NULL, "stale");
}

START_TEST(after_a_hundred_lost_races_the_client_is_told)
{
    struct fake fake;
    g_autofree char *token = NULL;
    struct fake_reply reply;

    fake_init(&fake);
    token = fake_token(&fake, "administrator");
    fake.answer = answer_always_conflict;
    reply = fake_call(&fake, "PUT", C117, token, NULL, "{\"name\":\"renamed\"}");
    ck_assert_uint_eq(fake.n_ops, 100);
    ck_assert_int_eq(reply.status, 400);
    ck_assert_str_eq(fake_str(reply.json, "errorCode"), "10000009");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static void answer_taken(struct fake *fake, const struct op *op, struct op_result *result)
{
    (void)fake;
    (void)op;
    err_set_reason(&result->error, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, "mac", "taken");
}

START_TEST(a_value_that_is_taken_is_not_tried_again)
{
    struct fake fake;
    g_autofree char *token = NULL;
    struct fake_reply reply;

    fake_init(&fake);
    token = fake_token(&fake, "administrator");
    fake.answer = answer_taken;
    reply = fake_call(&fake, "PUT", C117, token, NULL, "{\"name\":\"renamed\"}");
    ck_assert_uint_eq(fake.n_ops, 1);
    ck_assert_int_eq(reply.status, 400);
    ck_assert_str_eq(fake_str(reply.json, "errorCode"), "10000009");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static void answer_delete_cluster(struct fake *fake, const struct op *op, struct op_result *result)
{
    (void)op;
    snapshot_builder_remove_cluster(fake->builder, 117);
    fake_publish(fake);
    err_set_reason(&result->error, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, NULL, "stale");
}

START_TEST(an_object_that_vanished_meanwhile_is_missing_on_the_second_try)
{
    struct fake fake;
    g_autofree char *token = NULL;
    struct fake_reply reply;

    fake_init(&fake);
    token = fake_token(&fake, "administrator");
    fake.answer = answer_delete_cluster;
    reply = fake_call(&fake, "PUT", C117, token, NULL, "{}");
    ck_assert_uint_eq(fake.n_ops, 1);
    ck_assert_int_eq(reply.status, 400);
    ck_assert_str_eq(fake_str(reply.json, "errorCode"), "10300028");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(prefer_wait_brings_the_finished_task_along)
{
    static const char *const headers[] = { "Prefer: respond-async, wait=30", NULL };
    struct fake fake;
    g_autofree char *token = NULL;
    struct fake_reply reply;

    fake_init(&fake);
    token = fake_token(&fake, "operator");
    reply = fake_call(&fake, "POST", START, token, headers, NULL);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_uint_eq(fake.n_ops, 2);
    ck_assert_int_eq(fake.last->kind, OP_TASK_WAIT);
    ck_assert_int_eq(fake.last->id, 1207);
    ck_assert_int_eq(fake.last->wait_ms, 30000);
    ck_assert_str_eq(fake_str(reply.json, "taskUrn"), FAKE_URN ":tasks:1207");
    ck_assert_str_eq(fake_str(reply.json, "task.status"), "success");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static void answer_without_wait(struct fake *fake, const struct op *op, struct op_result *result)
{
    (void)fake;
    if (op->kind == OP_TASK_WAIT)
        err_set(&result->error, VRM_ERR_TIMEOUT, "still running");
    else
        result->task_id = 1207;
}

START_TEST(a_wait_that_ends_too_early_is_no_error)
{
    static const char *const headers[] = { "Prefer: wait=99999999999999999999", NULL };
    struct fake fake;
    g_autofree char *token = NULL;
    struct fake_reply reply;

    fake_init(&fake);
    token = fake_token(&fake, "operator");
    fake.answer = answer_without_wait;
    reply = fake_call(&fake, "POST", START, token, headers, NULL);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_int_eq(fake.last->wait_ms, 120000);
    ck_assert_ptr_null(json_object_get(reply.json, "task"));
    ck_assert_str_eq(fake_str(reply.json, "taskUri"), FAKE_S "/tasks/1207");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(while_the_database_is_away_reads_work_and_writes_are_refused)
{
    struct fake fake;
    g_autofree char *token = NULL;
    struct fake_reply reply;

    fake_init(&fake);
    token = fake_token(&fake, "administrator");
    fake.status.database_ok = false;
    reply = fake_call(&fake, "GET", FAKE_S "/vms", token, NULL, NULL);
    ck_assert_int_eq(reply.status, 200);
    fake_reply_clear(&reply);
    reply = fake_call(&fake, "POST", START, token, NULL, NULL);
    ck_assert_int_eq(reply.status, 503);
    ck_assert_str_eq(fake_str(reply.json, "errorCode"), "10000004");
    ck_assert_uint_eq(fake.n_ops, 0);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

static enum vrm_err wanted_code;
static int wanted_reason;

static void answer_error(struct fake *fake, const struct op *op, struct op_result *result)
{
    (void)fake;
    (void)op;
    err_set_reason(&result->error, wanted_code, wanted_reason, NULL, "as the test wants");
}

static const struct {
    enum vrm_err code;
    int reason;
    int status;
    const char *number;
} errors[] = {
    { VRM_ERR_INVALID, 0, 400, "10000001" },
    { VRM_ERR_NOT_FOUND, 0, 400, "10000008" },
    { VRM_ERR_CONFLICT, REASON_VM_ALREADY_RUNNING, 400, "10300094" },
    { VRM_ERR_DENIED, 0, 403, "10000003" },
    { VRM_ERR_BUSY, REASON_VM_BUSY, 400, "10300101" },
    { VRM_ERR_BUSY, 0, 400, "10000006" },
    { VRM_ERR_NO_CAPACITY, REASON_NO_HOST_MEMORY, 400, "10800126" },
    { VRM_ERR_UNAVAILABLE, 0, 503, "10000005" },
    { VRM_ERR_UNAVAILABLE, REASON_DATABASE, 503, "10000004" },
    { VRM_ERR_TIMEOUT, 0, 500, "10000010" },
    { VRM_ERR_INTERNAL, 0, 500, "10000010" },
};

START_TEST(the_controllers_errors_have_status_and_number)
{
    struct fake fake;
    g_autofree char *token = NULL;
    struct fake_reply reply;

    fake_init(&fake);
    token = fake_token(&fake, "administrator");
    wanted_code = errors[_i].code;
    wanted_reason = errors[_i].reason;
    fake.answer = answer_error;
    reply = fake_call(&fake, "POST", START, token, NULL, NULL);
    ck_assert_int_eq(reply.status, errors[_i].status);
    ck_assert_str_eq(fake_str(reply.json, "errorCode"), errors[_i].number);
    ck_assert_str_eq(fake_str(reply.json, "errorDes"), "as the test wants");
    ck_assert_int_eq(fake_int(reply.json, "status"), errors[_i].status);
    ck_assert(fake_str(reply.json, "requestId")[0]);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(the_request_id_of_a_client_is_kept_when_it_is_harmless)
{
    static const char *const good[] = { "X-Request-Id: abc-1.2_3", NULL };
    static const char *const bad[] = { "X-Request-Id: a\"b", NULL };
    struct fake fake;
    g_autofree char *token = NULL;
    struct fake_reply reply;

    fake_init(&fake);
    token = fake_token(&fake, "administrator");
    reply = fake_call(&fake, "GET", "/nowhere", token, good, NULL);
    ck_assert_str_eq(fake_str(reply.json, "requestId"), "abc-1.2_3");
    fake_reply_clear(&reply);
    reply = fake_call(&fake, "GET", "/nowhere", token, bad, NULL);
    ck_assert_uint_eq(strlen(fake_str(reply.json, "requestId")), 16);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(an_old_task_comes_from_the_database_or_is_missing)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    reply = fake_ok(&fake, "GET", FAKE_S "/tasks/1206", NULL);
    ck_assert_uint_eq(fake.n_ops, 0);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(only_an_administrator_changes_the_password_of_another)
{
    struct fake fake;
    g_autofree char *token = NULL;
    struct fake_reply reply;

    fake_init(&fake);
    token = fake_token(&fake, "operator");
    reply = fake_call(&fake, "POST", "/service/users/password/modify", token, NULL,
                      "{\"userId\":\"8\",\"password\":\"longenough\"}");
    ck_assert_int_eq(reply.status, 403);
    ck_assert_str_eq(fake_str(reply.json, "missingRight"), "user.write");
    ck_assert_uint_eq(fake.n_ops, 0);
    fake_reply_clear(&reply);
    reply = fake_ok(&fake, "POST", "/service/users/password/modify",
                    "{\"userId\":\"8\",\"password\":\"longenough\"}");
    ck_assert_int_eq(fake.last->id, 8);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(a_new_password_ends_the_users_other_sessions)
{
    struct fake fake;
    g_autofree char *mine = NULL;
    g_autofree char *other = NULL;
    struct fake_reply reply;

    fake_init(&fake);
    mine = fake_token(&fake, "operator");
    other = fake_token(&fake, "operator");
    reply = fake_call(&fake, "POST", "/service/users/password/modify", mine, NULL,
                      "{\"oldPassword\":\"x\",\"password\":\"longenough\"}");
    ck_assert_int_eq(reply.status, 200);
    fake_reply_clear(&reply);
    reply = fake_call(&fake, "GET", "/service/sites", mine, NULL, NULL);
    ck_assert_int_eq(reply.status, 200);
    fake_reply_clear(&reply);
    reply = fake_call(&fake, "GET", "/service/sites", other, NULL, NULL);
    ck_assert_int_eq(reply.status, 401);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

SUITE_MAIN("api_request", SUITE_TEST(a_login_gives_a_token_that_works_until_log_out),
           SUITE_TEST(a_dry_run_does_nothing), SUITE_TEST(a_bearer_token_works_as_well),
           SUITE_LOOP(a_refused_login_has_status_400_and_its_number, refused),
           SUITE_TEST(an_endless_login_name_is_refused_before_the_controller_sees_it),
           SUITE_TEST(a_body_names_who_logs_in_when_the_headers_do_not),
           SUITE_TEST(what_is_too_long_is_refused_in_our_own_form),
           SUITE_TEST(a_lost_race_is_run_again_on_the_newer_object),
           SUITE_TEST(after_a_hundred_lost_races_the_client_is_told),
           SUITE_TEST(a_value_that_is_taken_is_not_tried_again),
           SUITE_TEST(an_object_that_vanished_meanwhile_is_missing_on_the_second_try),
           SUITE_TEST(prefer_wait_brings_the_finished_task_along),
           SUITE_TEST(a_wait_that_ends_too_early_is_no_error),
           SUITE_TEST(while_the_database_is_away_reads_work_and_writes_are_refused),
           SUITE_LOOP(the_controllers_errors_have_status_and_number, errors),
           SUITE_TEST(the_request_id_of_a_client_is_kept_when_it_is_harmless),
           SUITE_TEST(an_old_task_comes_from_the_database_or_is_missing),
           SUITE_TEST(only_an_administrator_changes_the_password_of_another),
           SUITE_TEST(a_new_password_ends_the_users_other_sessions))
