/* test_api_route.c - the table of calls, and what holds for each of them. */
#include "config.h"

#include "api/route.h"

#include "base/err.h"
#include "tests/api_fake.h"
#include "tests/suite.h"

/* Values for the placeholders, of objects that exist. */
static char *example(const char *pattern)
{
    static const struct {
        const char *name, *value;
    } values[] = {
        { "{site}", FAKE_SITE },  { "{cluster}", "117" }, { "{host}", "112" },
        { "{vm}", "i-00000035" }, { "{task}", "1207" },   { "{group}", "3" },
        { "{rule}", "3" },        { "{datastore}", "1" }, { "{rec}", "501" },
        { "{incident}", "7" },
    };
    g_autoptr(GString) text = g_string_new(pattern);

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
        g_string_replace(text, values[i].name, values[i].value, 0);
    ck_assert_msg(!strchr(text->str, '{'), "no value for %s", text->str);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

START_TEST(every_row_is_complete_and_reached_by_its_own_url)
{
    for (size_t i = 0; i < n_routes; i++) {
        g_autofree char *url = example(routes[i].pattern);
        g_autofree char *allow = NULL;
        struct target target = { 0 };

        ck_assert_msg(!routes[i].read != !routes[i].build, "%s", url);
        ck_assert_msg(routes[i].summary && routes[i].summary[0], "%s", url);
        ck_assert(target_parse(url, &target, NULL));
        ck_assert_msg(route_find(routes[i].method, &target, &allow, NULL) == &routes[i],
                      "%s is hidden by an earlier row", routes[i].pattern);
        target_clear(&target);
    }
}
END_TEST

START_TEST(without_a_token_nothing_but_health_versions_and_login_answers)
{
    struct fake fake;
    size_t n_open = 0;

    fake_init(&fake);
    for (size_t i = 0; i < n_routes; i++) {
        g_autofree char *url = example(routes[i].pattern);
        struct fake_reply reply;

        if (routes[i].right == RIGHT_NONE) {
            n_open++;
            continue;
        }
        reply = fake_call(&fake, method_name(routes[i].method), url, NULL, NULL, NULL);
        ck_assert_msg(reply.status == 401, "%s: %d", url, reply.status);
        ck_assert_str_eq(fake_str(reply.json, "errorCode"), "10000002");
        fake_reply_clear(&reply);
        reply = fake_call(&fake, method_name(routes[i].method), url, "stale", NULL, NULL);
        ck_assert_msg(reply.status == 401, "%s: %d", url, reply.status);
        fake_reply_clear(&reply);
    }
    ck_assert_uint_eq(n_open, 6);
    ck_assert_uint_eq(fake.n_ops, 0);
    fake_clear(&fake);
}
END_TEST

START_TEST(without_the_right_a_call_is_refused_and_names_it)
{
    struct fake fake;

    fake_init(&fake);
    for (size_t i = 0; i < n_routes; i++) {
        g_autofree char *url = example(routes[i].pattern);
        g_autofree char *token = fake_token(&fake, "");
        struct fake_reply reply;

        if (routes[i].right == RIGHT_NONE || routes[i].right == RIGHT_SESSION)
            continue;
        reply = fake_call(&fake, method_name(routes[i].method), url, token, NULL, NULL);
        ck_assert_msg(reply.status == 403, "%s: %d", url, reply.status);
        ck_assert_str_eq(fake_str(reply.json, "errorCode"), "10000003");
        ck_assert_str_eq(fake_str(reply.json, "missingRight"), right_name(routes[i].right));
        fake_reply_clear(&reply);
    }
    ck_assert_uint_eq(fake.n_ops, 0);
    fake_clear(&fake);
}
END_TEST

START_TEST(a_standby_answers_503_with_the_active_controller)
{
    struct fake fake;

    fake_init(&fake);
    fake.status.active = false;
    g_strlcpy(fake.status.leader_url, "https://10.0.0.2:7443", sizeof(fake.status.leader_url));
    for (size_t i = 0; i < n_routes; i++) {
        g_autofree char *url = example(routes[i].pattern);
        g_autofree char *token = fake_token(&fake, "administrator");
        struct fake_reply reply;

        if (routes[i].flags & ROUTE_ANYWHERE)
            continue;
        reply = fake_call(&fake, method_name(routes[i].method), url, token, NULL, NULL);
        ck_assert_msg(reply.status == 503, "%s: %d", url, reply.status);
        ck_assert_str_eq(fake_str(reply.json, "errorCode"), "10000005");
        ck_assert_str_eq(fake_str(reply.json, "activeController"), "https://10.0.0.2:7443");
        ck_assert_str_eq(reply.active_url, "https://10.0.0.2:7443");
        fake_reply_clear(&reply);
    }
    ck_assert_uint_eq(fake.n_ops, 0);
    fake_clear(&fake);
}
END_TEST

START_TEST(every_read_answers_an_object_and_only_200)
{
    struct fake fake;

    fake_init(&fake);
    for (size_t i = 0; i < n_routes; i++) {
        g_autofree char *url = example(routes[i].pattern);
        struct fake_reply reply;

        if (!routes[i].read || g_str_equal(url, "/metrics") ||
            g_str_has_suffix(url, "/events/stream")) /* is no JSON */
            continue;
        reply = fake_ok(&fake, method_name(routes[i].method), url, NULL);
        ck_assert_msg(!strstr(reply.text, "\": ") && !strstr(reply.text, ", \""),
                      "%s is not compact", url);
        fake_reply_clear(&reply);
    }
    fake_clear(&fake);
}
END_TEST

static const struct {
    const char *method, *url;
    int status;
    const char *code;
} strays[] = {
    { "GET", "/", 404, "10000001" },
    { "GET", "/service", 404, "10000001" },
    { "GET", "/service/nonsense", 404, "10000001" },
    { "GET", FAKE_S "/vms/i-00000035/action/start", 405, "10000001" },
    { "PATCH", FAKE_S "/vms", 405, "10000001" },
    { "GET", "/service/sites/00000000/vms", 400, "10000020" },
    { "GET", "/service/sites/xyz", 400, "10000020" },
    { "GET", FAKE_S "/vms/i-000000FF", 400, "10300001" },
    { "GET", FAKE_S "/vms/53", 400, "10300001" },
    { "POST", FAKE_S "/vms/i-000000FF/action/start", 400, "10300001" },
    { "GET", FAKE_S "/hosts/99", 400, "10200120" },
    { "GET", FAKE_S "/hosts/none", 400, "10200120" },
    { "GET", FAKE_S "/clusters/1", 400, "10300028" },
    { "GET", FAKE_S "/clusters/99999999999999999999", 400, "10300028" },
    { "GET", FAKE_S "/datastores/9", 400, "10410006" },
    { "GET", FAKE_S "/clusters/118/resourcegroups/3", 400, "10000008" },
    { "GET", FAKE_S "/tasks/0", 400, "10800001" },
    { "GET", FAKE_S "/tasks/5", 400, "10800001" },
    { "GET", "/service/sites?x=%", 400, "10000001" },
};

START_TEST(what_does_not_exist_has_its_own_number)
{
    struct fake fake;
    g_autofree char *token = NULL;
    struct fake_reply reply;

    fake_init(&fake);
    token = fake_token(&fake, "administrator");
    reply = fake_call(&fake, strays[_i].method, strays[_i].url, token, NULL, NULL);
    ck_assert_msg(reply.status == strays[_i].status, "%d %s", reply.status, reply.text);
    ck_assert_str_eq(fake_str(reply.json, "errorCode"), strays[_i].code);
    ck_assert(fake_str(reply.json, "errorDes")[0]);
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

START_TEST(a_stray_call_is_told_what_it_was_and_what_would_do)
{
    struct fake fake;
    struct fake_reply reply;

    fake_init(&fake);
    reply = fake_call(&fake, "PURGE", "/service/nonsense?x=1", NULL, NULL, NULL);
    ck_assert_str_eq(fake_str(reply.json, "errorDes"),
                     "PURGE /service/nonsense?x=1: there is no such URL in this API");
    fake_reply_clear(&reply);
    reply = fake_call(&fake, "PATCH", FAKE_S "/clusters/117", NULL, NULL, NULL);
    ck_assert_str_eq(fake_str(reply.json, "errorDes"),
                     "PATCH " FAKE_S "/clusters/117: this URL does not take that method: want GET, "
                     "PUT, DELETE");
    fake_reply_clear(&reply);
    fake_clear(&fake);
}
END_TEST

/* ---- docs/api.md ----------------------------------------------------------------------------- */

#define ROW_BEGIN "| "
#define ROW_PATH  " | `"

/* How the document writes a pattern: the deepest object's own word instead of the way to it. */
static char *written(const char *pattern)
{
    static const struct {
        const char *way, *word;
    } words[] = {
        { "/service/sites/{site}/clusters/{cluster}/resourcegroups/{group}", "{group}" },
        { "/service/sites/{site}/clusters/{cluster}/drsrules/{rule}", "{rule}" },
        { "/service/sites/{site}/clusters/{cluster}/drsrecommendations/{rec}", "{rec}" },
        { "/service/sites/{site}/clusters/{cluster}", "{cluster}" },
        { "/service/sites/{site}/hosts/{host}", "{host}" },
        { "/service/sites/{site}/vms/{vm}", "{vm}" },
        { "/service/sites/{site}/tasks/{task}", "{task}" },
        { "/service/sites/{site}/datastores/{datastore}", "{datastore}" },
        { "/service/sites/{site}", "{site}" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_has_prefix(pattern, words[i].way))
            return g_strconcat(words[i].word, pattern + strlen(words[i].way), NULL);
    }
    return g_strdup(pattern);
}

/* The row of a route up to the right that it wants. */
static char *row_of(const struct route *route)
{
    g_autofree char *path = written(route->pattern);

    return g_strdup_printf(ROW_BEGIN "%s" ROW_PATH "%s` | %s | ", method_name(route->method), path,
                           right_name(route->right));
}

static char **read_document(void)
{
    const char *srcdir = g_getenv("srcdir");
    g_autofree char *path = g_build_filename(srcdir ? srcdir : ".", "docs", "api.md", NULL);
    g_autofree char *text = NULL;
    GError *error = NULL;

    (void)g_file_get_contents(path, &text, NULL, &error);
    suite_no_error(error);
    return g_strsplit(text, "\n", -1);
}

static bool is_route_row(const char *line)
{
    const char *path = strstr(line, ROW_PATH);

    return path && g_str_has_prefix(line, ROW_BEGIN) && strchr("/{", path[strlen(ROW_PATH)]);
}

START_TEST(the_document_has_every_route_with_its_right_once)
{
    g_auto(GStrv) lines = read_document();

    for (size_t i = 0; i < n_routes; i++) {
        g_autofree char *row = row_of(&routes[i]);
        size_t n = 0;

        for (size_t k = 0; lines[k]; k++)
            n += g_str_has_prefix(lines[k], row);
        ck_assert_msg(n == 1, "docs/api.md has %zu rows, want 1, for: %s", n, row);
    }
}
END_TEST

START_TEST(the_document_has_no_other_routes)
{
    g_auto(GStrv) lines = read_document();
    size_t n_rows = 0;

    for (size_t k = 0; lines[k]; k++) {
        bool known = false;

        if (!is_route_row(lines[k]))
            continue;
        n_rows++;
        for (size_t i = 0; i < n_routes && !known; i++) {
            g_autofree char *row = row_of(&routes[i]);

            known = g_str_has_prefix(lines[k], row);
        }
        ck_assert_msg(known, "docs/api.md line %zu is no route of the API: %s", k + 1, lines[k]);
    }
    ck_assert_uint_eq(n_rows, n_routes);
}
END_TEST

SUITE_MAIN("api_route", SUITE_TEST(every_row_is_complete_and_reached_by_its_own_url),
           SUITE_TEST(without_a_token_nothing_but_health_versions_and_login_answers),
           SUITE_TEST(without_the_right_a_call_is_refused_and_names_it),
           SUITE_TEST(a_standby_answers_503_with_the_active_controller),
           SUITE_TEST(every_read_answers_an_object_and_only_200),
           SUITE_LOOP(what_does_not_exist_has_its_own_number, strays),
           SUITE_TEST(a_stray_call_is_told_what_it_was_and_what_would_do),
           SUITE_TEST(the_document_has_every_route_with_its_right_once),
           SUITE_TEST(the_document_has_no_other_routes))
