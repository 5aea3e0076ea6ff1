/* test_api_auth.c - sessions: idle time, bounds, log-out; roles and rights. */
#include "config.h"

#include "api/auth.h"

#include "tests/suite.h"

static char *open_session(Auth *auth, int64_t user_id, const char *user, const char *roles,
                          int64_t now_ms)
{
    char *token = auth_token_new();
    g_autofree char *hash = auth_token_hash(token);
    const struct auth_session session = {
        .hash = hash, .user_id = user_id, .user = user, .roles = roles, .used_ms = now_ms
    };

    auth_admit(auth, &session, now_ms);
    return token;
}

static bool alive(Auth *auth, const char *token, int64_t now_ms)
{
    struct auth_who who = { 0 };
    bool ok = auth_check(auth, token, now_ms, &who);

    auth_who_clear(&who);
    return ok;
}

START_TEST(a_session_lives_while_it_is_used)
{
    const struct auth_limits limits = { 1000, 10, 10 };
    g_autoptr(Auth) auth = auth_new(&limits);
    g_autofree char *token = open_session(auth, 7, "ops", "operator,auditer", 0);
    struct auth_who who = { 0 };

    ck_assert_uint_eq(strlen(token), 49);
    ck_assert(auth_check(auth, token, 900, &who));
    ck_assert_int_eq(who.user_id, 7);
    ck_assert_str_eq(who.user, "ops");
    ck_assert(roles_allow(who.roles, RIGHT_VM_OPERATE));
    ck_assert(roles_allow(who.roles, RIGHT_AUDIT_READ));
    ck_assert(!roles_allow(who.roles, RIGHT_CLUSTER_POLICY));
    auth_who_clear(&who);
    ck_assert(alive(auth, token, 1900));
    ck_assert(!alive(auth, token, 2901));
    ck_assert(!alive(auth, token, 1900));
    ck_assert_uint_eq(auth_count(auth), 0);
}
END_TEST

START_TEST(no_made_up_token_is_good)
{
    const struct auth_limits limits = { 1000, 10, 10 };
    g_autoptr(Auth) auth = auth_new(&limits);
    g_autofree char *token = open_session(auth, 7, "ops", "administrator", 0);

    ck_assert(!alive(auth, "", 1));
    ck_assert(!alive(auth, "x", 1));
    token[0] = token[0] == 'a' ? 'b' : 'a';
    ck_assert(!alive(auth, token, 1));
}
END_TEST

START_TEST(the_longest_idle_session_goes_when_there_are_too_many)
{
    const struct auth_limits limits = { 1000, 4, 2 };
    g_autoptr(Auth) auth = auth_new(&limits);
    g_autofree char *a = open_session(auth, 1, "a", "", 0);
    g_autofree char *b = open_session(auth, 1, "a", "", 1);

    ck_assert(alive(auth, a, 2));
    g_autofree char *c = open_session(auth, 1, "a", "", 3); /* the user's bound: b is oldest */
    ck_assert(alive(auth, a, 4));
    ck_assert(!alive(auth, b, 4));
    g_autofree char *d = open_session(auth, 2, "b", "", 5);
    g_autofree char *e = open_session(auth, 2, "b", "", 6);
    g_autofree char *f = open_session(auth, 3, "c", "", 7); /* the bound of all: c is oldest */
    ck_assert(!alive(auth, c, 8));
    ck_assert(alive(auth, a, 8) && alive(auth, d, 8) && alive(auth, e, 8) && alive(auth, f, 8));
    ck_assert_uint_eq(auth_count(auth), 4);
}
END_TEST

START_TEST(logging_out_ends_one_session_and_a_new_password_all_others)
{
    const struct auth_limits limits = { 1000, 10, 10 };
    g_autoptr(Auth) auth = auth_new(&limits);
    g_autofree char *a = open_session(auth, 1, "a", "", 0);
    g_autofree char *b = open_session(auth, 1, "a", "", 0);
    g_autofree char *c = open_session(auth, 1, "a", "", 0);
    g_autofree char *d = open_session(auth, 2, "b", "", 0);

    auth_close(auth, a);
    ck_assert(!alive(auth, a, 1));
    g_autofree char *keep = auth_token_hash(b);
    auth_close_user(auth, 1, keep);
    ck_assert(alive(auth, b, 1));
    ck_assert(!alive(auth, c, 1));
    ck_assert(alive(auth, d, 1));
}
END_TEST

START_TEST(news_are_what_was_used_or_is_not_stored)
{
    const struct auth_limits limits = { 1000, 10, 10 };
    g_autoptr(Auth) auth = auth_new(&limits);
    g_autofree char *a = open_session(auth, 1, "a", "", 5);
    g_autofree char *hash = auth_token_hash(a);
    g_autoptr(GPtrArray) first = auth_news(auth);
    const struct auth_news *news;

    ck_assert_uint_eq(first->len, 1);
    news = first->pdata[0];
    ck_assert_str_eq(news->hash, hash);
    ck_assert_int_eq(news->user_id, 1);
    ck_assert_int_eq(news->used_ms, 5);
    ck_assert(!news->stored);
    auth_news_written(auth, first, false);
    g_autoptr(GPtrArray) again = auth_news(auth); /* it was not written: told once more */
    ck_assert_uint_eq(again->len, 1);
    auth_news_written(auth, again, true);
    g_autoptr(GPtrArray) none = auth_news(auth);
    ck_assert_uint_eq(none->len, 0);
    ck_assert(alive(auth, a, 9));
    g_autoptr(GPtrArray) used = auth_news(auth);
    ck_assert_uint_eq(used->len, 1);
    news = used->pdata[0];
    ck_assert(news->stored);
    ck_assert_int_eq(news->used_ms, 9);
    auth_close(auth, a);
    auth_news_written(auth, used, false); /* gone meanwhile: stays so */
    g_autoptr(GPtrArray) gone = auth_news(auth);
    ck_assert_uint_eq(gone->len, 0);
}
END_TEST

START_TEST(an_admitted_session_keeps_its_idle_time)
{
    const struct auth_limits limits = { 1000, 10, 10 };
    g_autoptr(Auth) auth = auth_new(&limits);
    g_autofree char *token = auth_token_new();
    g_autofree char *hash = auth_token_hash(token);
    const struct auth_session session = { .hash = hash,
                                          .user_id = 1,
                                          .user = "a",
                                          .roles = "operator",
                                          .used_ms = -400,
                                          .stored = true };

    auth_admit(auth, &session, 0);
    g_autoptr(GPtrArray) news = auth_news(auth);
    ck_assert_uint_eq(news->len, 0);
    ck_assert(!alive(auth, token, 601));
    auth_admit(auth, &session, 0);
    ck_assert(alive(auth, token, 600));
}
END_TEST

/* "administrator" has everything and is not listed. */
static const struct {
    const char *role;
    enum right right;
    bool allowed;
} matrix[] = {
    { "operator", RIGHT_READ, true },
    { "operator", RIGHT_VM_OPERATE, true },
    { "operator", RIGHT_HOST_OPERATE, true },
    { "operator", RIGHT_TASK_CANCEL, true },
    { "operator", RIGHT_INVENTORY_WRITE, false },
    { "operator", RIGHT_CLUSTER_POLICY, false },
    { "operator", RIGHT_DRS_APPLY, false },
    { "operator", RIGHT_AUDIT_READ, false },
    { "drsmanager", RIGHT_READ, true },
    { "drsmanager", RIGHT_CLUSTER_POLICY, true },
    { "drsmanager", RIGHT_DRS_APPLY, true },
    { "drsmanager", RIGHT_VM_OPERATE, false },
    { "drsmanager", RIGHT_INVENTORY_WRITE, false },
    { "auditer", RIGHT_READ, true },
    { "auditer", RIGHT_AUDIT_READ, true },
    { "auditer", RIGHT_USER_READ, true },
    { "auditer", RIGHT_VM_OPERATE, false },
    { "auditer", RIGHT_TASK_CANCEL, false },
    { "nobody", RIGHT_READ, false },
    { "", RIGHT_READ, false },
    { "", RIGHT_SESSION, true },
};

START_TEST(a_role_has_its_rights_and_no_others)
{
    ck_assert_msg(roles_allow(roles_parse(matrix[_i].role), matrix[_i].right) == matrix[_i].allowed,
                  "%s %s", matrix[_i].role, right_name(matrix[_i].right));
}
END_TEST

START_TEST(an_administrator_has_every_right)
{
    for (enum right right = RIGHT_NONE; right < N_RIGHTS; right++)
        ck_assert(roles_allow(roles_parse(" administrator "), right));
}
END_TEST

SUITE_MAIN("api_auth", SUITE_TEST(a_session_lives_while_it_is_used),
           SUITE_TEST(no_made_up_token_is_good),
           SUITE_TEST(the_longest_idle_session_goes_when_there_are_too_many),
           SUITE_TEST(logging_out_ends_one_session_and_a_new_password_all_others),
           SUITE_TEST(news_are_what_was_used_or_is_not_stored),
           SUITE_TEST(an_admitted_session_keeps_its_idle_time),
           SUITE_LOOP(a_role_has_its_rights_and_no_others, matrix),
           SUITE_TEST(an_administrator_has_every_right))
