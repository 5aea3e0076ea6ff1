/* test_api_http.c - the server on loopback, over TLS, as the oddest of the known clients use it. */
#include "config.h"

#include "api/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/cert.h"
#include "base/err.h"
#include "tests/api_fake.h"
#include "tests/suite.h"

/* ---- a controller with its own thread -------------------------------------------------------- */

struct job {
    struct op *op;
    op_done_fn done;
    void *user;
};

struct server {
    struct fake fake;
    struct api_ops ops;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    GQueue jobs;
    bool ending, frozen; /* frozen: operations stay unanswered */
    char *folder, *cert, *key;
    Api *api;
};

static struct server *server_of(void *ctx)
{
    return ctx;
}

static Snapshot *on_snapshot(void *ctx)
{
    return fake_ops.snapshot(&server_of(ctx)->fake);
}

static void on_status(void *ctx, struct controller_status *ret_status)
{
    fake_ops.status(&server_of(ctx)->fake, ret_status);
}

static char *on_metrics(void *ctx)
{
    return fake_ops.metrics(&server_of(ctx)->fake);
}

static void on_submit(void *ctx, struct op *op, op_done_fn done, void *user)
{
    struct server *server = ctx;
    struct job *job = g_new(struct job, 1);

    *job = (struct job){ op, done, user };
    pthread_mutex_lock(&server->lock);
    g_queue_push_tail(&server->jobs, job);
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

static void *loop(void *data)
{
    struct server *server = data;

    pthread_mutex_lock(&server->lock);
    for (;;) {
        struct job *job = server->frozen ? NULL : g_queue_pop_head(&server->jobs);

        if (job) {
            pthread_mutex_unlock(&server->lock);
            fake_ops.submit(&server->fake, job->op, job->done, job->user);
            g_free(job);
            pthread_mutex_lock(&server->lock);
        } else if (server->ending) {
            break;
        } else {
            pthread_cond_wait(&server->changed, &server->lock);
        }
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

static void server_init(struct server *server, bool tls, struct api_options *options)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "::1", NULL };
    g_autoptr(GError) error = NULL;

    memset(server, 0, sizeof(*server));
    fake_init(&server->fake);
    server->ops = (struct api_ops){ on_snapshot, on_submit, on_status, on_metrics };
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    server->folder = g_dir_make_tmp("vrm-api-XXXXXX", NULL);
    server->cert = g_build_filename(server->folder, "cert.pem", NULL);
    server->key = g_build_filename(server->folder, "key.pem", NULL);
    if (tls)
        ck_assert(cert_make_self_signed(server->cert, server->key, names, NULL));
    options->address = "127.0.0.1";
    options->port = 0;
    options->tls = tls;
    options->threads = 2;
    options->cert_file = server->cert;
    options->key_file = server->key;
    server->api = api_start(options, &server->ops, server, &error);
    suite_no_error(error);
    pthread_create(&server->thread, NULL, loop, server);
}

static void server_clear(struct server *server)
{
    api_stop(server->api);
    pthread_mutex_lock(&server->lock);
    server->ending = true;
    server->frozen = false;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
    pthread_join(server->thread, NULL);
    fake_clear(&server->fake);
    g_unlink(server->cert);
    g_unlink(server->key);
    g_rmdir(server->folder);
    g_free(server->cert);
    g_free(server->key);
    g_free(server->folder);
    pthread_mutex_destroy(&server->lock);
    pthread_cond_destroy(&server->changed);
}

/* ---- a client -------------------------------------------------------------------------------- */

struct answer {
    long status;
    GString *head, *body;
};

static size_t take(char *data, size_t size, size_t n, void *user)
{
    g_string_append_len(user, data, (gssize)(size * n));
    return size * n;
}

static size_t drop(char *data, size_t size, size_t n, void *user)
{
    (void)data;
    (void)user;
    return size * n;
}

static void answer_clear(struct answer *answer)
{
    g_string_free(answer->head, TRUE);
    g_string_free(answer->body, TRUE);
}

struct ask {
    const char *method, *path, *body; /* body NULL: none, and no Content-Length */
    const char *target;               /* instead of path on the request line */
    const char *headers[6];
};

static struct answer ask(const struct server *server, CURL *curl, const struct ask *ask)
{
    struct answer answer = { 0, g_string_new(""), g_string_new("") };
    g_autofree char *url = g_strdup_printf(
        "%s://127.0.0.1:%u%s",
        server->key[0] && g_file_test(server->key, G_FILE_TEST_EXISTS) ? "https" : "http",
        (unsigned)api_port(server->api), ask->path);
    struct curl_slist *list = NULL;
    CURLcode rc;

    for (size_t i = 0; i < G_N_ELEMENTS(ask->headers) && ask->headers[i]; i++)
        list = curl_slist_append(list, ask->headers[i]);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer.head);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer.body);
    if (ask->body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, ask->body);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, ask->method);
    if (ask->target)
        curl_easy_setopt(curl, CURLOPT_REQUEST_TARGET, ask->target);
    rc = curl_easy_perform(curl); /* allowed: a test has no loop */
    ck_assert_msg(rc == CURLE_OK, "%s %s: %s", ask->method, ask->path, curl_easy_strerror(rc));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_slist_free_all(list);
    return answer;
}

/* "Server|Date|..." in order of arrival. */
static char *header_names(const struct answer *answer)
{
    g_auto(GStrv) lines = g_strsplit(answer->head->str, "\r\n", -1);
    g_autoptr(GString) names = g_string_new("");

    for (size_t i = 1; lines[i] && lines[i][0]; i++) {
        if (names->len)
            g_string_append_c(names, '|');
        g_string_append_len(names, lines[i], (gssize)strcspn(lines[i], ":"));
    }
    return g_string_free(g_steal_pointer(&names), FALSE);
}

static char *header_value(const struct answer *answer, const char *name)
{
    g_auto(GStrv) lines = g_strsplit(answer->head->str, "\r\n", -1);

    for (size_t i = 0; lines[i]; i++) {
        if (g_ascii_strncasecmp(lines[i], name, strlen(name)) == 0 && lines[i][strlen(name)] == ':')
            return g_strstrip(g_strdup(lines[i] + strlen(name) + 1));
    }
    return NULL;
}

static char *log_in(const struct server *server, CURL *curl)
{
    const struct ask login = {
        "POST", "/service/session", NULL, NULL, { "X-Auth-User: ops", "X-Auth-Key: secret" }
    };
    struct answer answer = ask(server, curl, &login);
    char *token = header_value(&answer, "X-Auth-Token");

    ck_assert_msg(answer.status == 200, "%ld %s", answer.status, answer.body->str);
    ck_assert(token);
    answer_clear(&answer);
    return token;
}

/* ---- tests ------------------------------------------------------------ */

START_TEST(a_login_answers_exactly_the_headers_that_old_clients_count)
{
    struct api_options options;
    struct server server;
    CURL *curl = curl_easy_init();
    const struct ask login = {
        "POST", "/service/session", NULL, NULL, { "X-Auth-User: ops", "X-Auth-Key: secret" }
    };
    struct answer answer;
    g_autofree char *names = NULL;
    g_autofree char *length = NULL;
    g_autofree char *real = NULL;

    api_options_init(&options);
    server_init(&server, true, &options);
    answer = ask(&server, curl, &login);
    ck_assert_int_eq(answer.status, 200);
    names = header_names(&answer);
    ck_assert_str_eq(names, "Server|Date|Content-Type|X-Auth-Token|Content-Length");
    length = header_value(&answer, "Content-Length");
    real = g_strdup_printf("%zu", answer.body->len);
    ck_assert_str_eq(length, real);
    answer_clear(&answer);
    curl_easy_cleanup(curl);
    server_clear(&server);
}
END_TEST

/* Each is one oddity of a known client; all must be answered with this status. */
static const struct {
    struct ask ask;
    long status;
} oddities[] = {
    { { "POST", "/service/session", NULL, NULL, { "X-Auth-User: ops", "X-Auth-Key: secret" } },
      200 },
    { { "POST", "/service/session", "", NULL, { "x-auth-user: ops", "X-AUTH-KEY: secret" } }, 200 },
    { { "POST", "/service/session", "{}", NULL, { "X-Auth-User: ops", "X-Auth-Key: secret" } },
      200 },
    { { "POST",
        "/service/session",
        "{\"userName\":\"ops\",\"password\":\"secret\"}",
        NULL,
        { NULL } },
      200 },
    { { "PUT",
        "/service/session",
        "{\"userName\":\"ops\",\"password\":\"secret\"}",
        NULL,
        { NULL } },
      200 },
    { { "POST",
        "/service/session",
        NULL,
        NULL,
        { "X-Auth-Token: stale", "X-Auth-User: ops", "X-Auth-Key: secret" } },
      200 },
    { { "POST",
        "/service/session",
        NULL,
        NULL,
        { "X-Auth-Token;", "X-Auth-User: ops", "X-Auth-Key: secret" } },
      200 },
    { { "POST", "/service/session", NULL, NULL, { "X-Auth-User: ops", "X-Auth-Key: wrong" } },
      400 },
    { { "POST", "/service/session", NULL, NULL, { "X-Auth-User: ops", "X-Auth-Key: locked" } },
      400 },
    { { "GET", "/service/sites", NULL, "https://127.0.0.1:7443/service/sites", { "TOKEN" } }, 200 },
    { { "GET", FAKE_S "/vms", "{}", NULL, { "TOKEN" } }, 200 },
    { { "GET", FAKE_S "/vms", "not json", NULL, { "TOKEN" } }, 200 },
    { { "DELETE", FAKE_S "/vms/i-00000037?isReserveDisks=False", "{}", NULL, { "TOKEN" } }, 200 },
    { { "POST", FAKE_S "/vms/i-00000037/action/start", NULL, NULL, { "TOKEN" } }, 200 },
    { { "POST", FAKE_S "/vms/i-00000037/action/start", "", NULL, { "TOKEN" } }, 200 },
    { { "POST", FAKE_S "/vms/i-00000037/action/start", "null", NULL, { "TOKEN" } }, 200 },
    { { "POST", FAKE_S "/vms/i-00000037/action/start", "{}", NULL, { "TOKEN" } }, 200 },
    { { "POST",
        FAKE_S "/vms/i-00000037/action/start",
        "{}",
        NULL,
        { "TOKEN", "Expect: 100-continue" } },
      200 },
    { { "POST",
        FAKE_S "/vms/i-00000037/action/start",
        "{}",
        NULL,
        { "TOKEN", "Transfer-Encoding: chunked" } },
      200 },
    { { "POST", FAKE_S "/vms/i-00000037/action/start", "[]", NULL, { "TOKEN" } }, 400 },
    { { "POST", FAKE_S "/vms/i-00000037/action/start", "{", NULL, { "TOKEN" } }, 400 },
    { { "GET", FAKE_S "/vms", NULL, FAKE_S "/vms ", { "TOKEN" } }, 200 },
    { { "GET",
        FAKE_S "/vms?isTemplate=True&vmurns=&limit=1000&offset=0&unknown=1",
        NULL,
        NULL,
        { "TOKEN" } },
      200 },
    { { "GET",
        "/service/sites",
        NULL,
        NULL,
        { "TOKEN", "Accept: application/json;version=v8.0;charset=UTF-8;" } },
      200 },
    { { "GET",
        "/service/sites",
        NULL,
        NULL,
        { "TOKEN", "Accept: application/json;charset=UTF-8;version=5.0" } },
      200 },
    { { "GET", "/service/sites", NULL, NULL, { "TOKEN", "Accept: application/json;version=6.3" } },
      200 },
    { { "GET", "/service/sites", NULL, NULL, { "TOKEN", "Accept: application/json;version=v1.0" } },
      200 },
    { { "GET", "/service/sites", NULL, NULL, { "TOKEN", "Accept:" } }, 200 },
    { { "GET", "/service/sites", NULL, NULL, { "TOKEN", "Accept: application/json;version=12.0" } },
      401 },
    { { "GET", "/service/sites", NULL, NULL, { "TOKEN", "Accept: application/json;version=x" } },
      401 },
    { { "GET", "/service/versions", NULL, NULL, { "Accept: application/json;charset=UTF-8;" } },
      200 },
    { { "GET", "/service/sites", NULL, NULL, { NULL } }, 401 },
    { { "GET", "/nowhere", NULL, NULL, { "TOKEN" } }, 404 },
    { { "GET", "/healthz", NULL, NULL, { NULL } }, 200 },
    { { "GET", "/healthz/active", NULL, NULL, { NULL } }, 200 },
    { { "GET", "/metrics", NULL, NULL, { NULL } }, 200 },
};

START_TEST(every_oddity_of_known_clients_is_taken)
{
    struct api_options options;
    struct server server;
    CURL *curl = curl_easy_init();
    g_autofree char *token = NULL;

    api_options_init(&options);
    server_init(&server, true, &options);
    token = log_in(&server, curl);
    for (size_t i = 0; i < G_N_ELEMENTS(oddities); i++) {
        struct ask one = oddities[i].ask;
        g_autofree char *header = g_strdup_printf("X-Auth-Token: %s", token);
        struct answer answer;

        if (g_strcmp0(one.headers[0], "TOKEN") == 0)
            one.headers[0] = header;
        answer = ask(&server, curl, &one);
        ck_assert_msg(answer.status == oddities[i].status, "%zu: %s %s: %ld %s", i, one.method,
                      one.path, answer.status, answer.body->str);
        ck_assert_msg(answer.body->len >= 2, "%zu: an empty body", i);
        answer_clear(&answer);
    }
    curl_easy_cleanup(curl);
    server_clear(&server);
}
END_TEST

START_TEST(a_call_that_waits_for_the_controller_holds_no_thread)
{
    struct api_options options;
    struct server server;
    CURL *curl = curl_easy_init();
    g_autofree char *token = NULL;
    g_autofree char *header = NULL;
    CURLM *multi = curl_multi_init();
    CURL *waiting[8];
    int running = 1;

    api_options_init(&options);
    server_init(&server, false, &options);
    token = log_in(&server, curl);
    header = g_strdup_printf("X-Auth-Token: %s", token);
    server.frozen = true;
    for (size_t i = 0; i < G_N_ELEMENTS(waiting); i++) { /* four times as many as threads */
        g_autofree char *url =
            g_strdup_printf("http://127.0.0.1:%u" FAKE_S "/vms/i-00000037/action/start",
                            (unsigned)api_port(server.api));
        struct curl_slist *list = curl_slist_append(NULL, header);

        waiting[i] = curl_easy_init();
        curl_easy_setopt(waiting[i], CURLOPT_URL, url);
        curl_easy_setopt(waiting[i], CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(waiting[i], CURLOPT_HTTPHEADER, list);
        curl_easy_setopt(waiting[i], CURLOPT_PRIVATE, list);
        curl_easy_setopt(waiting[i], CURLOPT_WRITEFUNCTION, drop);
        curl_multi_add_handle(multi, waiting[i]);
    }
    for (;;) { /* until all eight are with the controller */
        bool all;

        curl_multi_perform(multi, &running);
        pthread_mutex_lock(&server.lock);
        all = g_queue_get_length(&server.jobs) == G_N_ELEMENTS(waiting);
        pthread_mutex_unlock(&server.lock);
        if (all)
            break;
        curl_multi_poll(multi, NULL, 0, 20, NULL);
    }
    { /* reads still work */
        const struct ask sites = { "GET", "/service/sites", NULL, NULL, { header } };
        struct answer answer = ask(&server, curl, &sites);

        ck_assert_int_eq(answer.status, 200);
        answer_clear(&answer);
    }
    api_stop(server.api); /* the controller never answered */
    server.api = NULL;
    while (running) {
        curl_multi_perform(multi, &running);
        curl_multi_poll(multi, NULL, 0, 20, NULL);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(waiting); i++) {
        long status = 0;
        struct curl_slist *list = NULL;

        curl_easy_getinfo(waiting[i], CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(waiting[i], CURLINFO_PRIVATE, &list);
        ck_assert_int_eq(status, 503);
        curl_multi_remove_handle(multi, waiting[i]);
        curl_easy_cleanup(waiting[i]);
        curl_slist_free_all(list);
    }
    curl_multi_cleanup(multi);
    curl_easy_cleanup(curl);
    server_clear(&server); /* its thread now answers tickets whose calls are gone */
}
END_TEST

START_TEST(a_new_certificate_is_used_without_a_restart_and_a_bad_one_is_refused)
{
    static const char *const other[] = { "other.example", NULL };
    struct api_options options;
    struct server server;
    g_autoptr(GError) error = NULL;
    CURL *curl = curl_easy_init();
    const struct ask alive = { "GET", "/healthz", NULL, NULL, { NULL } };
    struct answer answer;

    api_options_init(&options);
    server_init(&server, true, &options);
    answer = ask(&server, curl, &alive);
    ck_assert_int_eq(answer.status, 200);
    answer_clear(&answer);
    ck_assert(g_file_set_contents(server.cert, "nonsense", -1, NULL));
    ck_assert(!api_reload_tls(server.api, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "cert.pem");
    g_unlink(server.cert);
    g_unlink(server.key);
    ck_assert(cert_make_self_signed(server.cert, server.key, other, NULL));
    ck_assert(!cert_make_self_signed(server.cert, server.key, other, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "key.pem");
    ck_assert(api_reload_tls(server.api, NULL));
    curl_easy_cleanup(curl); /* no session of the old certificate */
    curl = curl_easy_init();
    {
        g_autofree char *url =
            g_strdup_printf("https://other.example:%u/healthz", (unsigned)api_port(server.api));
        g_autofree char *host =
            g_strdup_printf("other.example:%u:127.0.0.1", (unsigned)api_port(server.api));
        struct curl_slist *hosts = curl_slist_append(NULL, host);
        g_autoptr(GString) body = g_string_new("");

        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_RESOLVE, hosts);
        curl_easy_setopt(curl, CURLOPT_CAINFO, server.cert); /* trusts exactly the new one */
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
        ck_assert_int_eq(curl_easy_perform(curl), CURLE_OK); /* allowed: no loop here */
        curl_slist_free_all(hosts);
    }
    curl_easy_cleanup(curl);
    server_clear(&server);
}
END_TEST

START_TEST(a_body_beyond_the_bound_is_refused_announced_or_not)
{
    struct api_options options;
    struct server server;
    CURL *curl = curl_easy_init();
    g_autofree char *token = NULL;
    g_autofree char *header = NULL;
    g_autofree char *body = g_malloc0(5000);

    api_options_init(&options);
    options.body_max = 1000;
    server_init(&server, false, &options);
    token = log_in(&server, curl);
    header = g_strdup_printf("X-Auth-Token: %s", token);
    memset(body, ' ', 4999);
    for (int chunked = 0; chunked < 2; chunked++) {
        const struct ask big = { "POST",
                                 FAKE_S "/vms",
                                 body,
                                 NULL,
                                 { header, chunked ? "Transfer-Encoding: chunked" : "Expect:" } };
        struct answer answer = ask(&server, curl, &big);

        ck_assert_int_eq(answer.status, 413);
        ck_assert(strstr(answer.body->str, "10000001"));
        answer_clear(&answer);
    }
    curl_easy_cleanup(curl);
    server_clear(&server);
}
END_TEST

START_TEST(metrics_are_on_the_management_address_if_there_is_one)
{
    struct api_options options;
    struct server server;
    CURL *curl = curl_easy_init();
    const struct ask metrics = { "GET", "/metrics", NULL, NULL, { NULL } };
    struct answer answer;
    Api *api;

    api_options_init(&options);
    options.management_address = "127.0.0.1";
    server_init(&server, false, &options);
    answer = ask(&server, curl, &metrics);
    ck_assert_int_eq(answer.status, 404);
    answer_clear(&answer);
    {
        g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/metrics",
                                               (unsigned)api_management_port(server.api));
        g_autoptr(GString) body = g_string_new("");

        curl_easy_reset(curl);
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
        ck_assert_int_eq(curl_easy_perform(curl), CURLE_OK); /* allowed: no loop here */
        ck_assert(strstr(body->str, "vrm_fake 1"));
        ck_assert(strstr(body->str, "vrm_api_requests_total{status=\"4xx\"} 1"));
    }
    api = server.api;
    ck_assert_uint_ne(api_port(api), api_management_port(api));
    curl_easy_cleanup(curl);
    server_clear(&server);
}
END_TEST

START_TEST(a_port_in_use_or_a_bad_address_is_an_error_that_says_so)
{
    struct api_options options;
    struct server server;
    g_autoptr(GError) error = NULL;

    api_options_init(&options);
    server_init(&server, false, &options);
    options.port = api_port(server.api);
    ck_assert(!api_start(&options, &server.ops, &server, &error));
    suite_take_error(&error, VRM_ERR_UNAVAILABLE, "127.0.0.1");
    options.address = "not-an-address";
    ck_assert(!api_start(&options, &server.ops, &server, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "not-an-address");
    options.address = "127.0.0.1";
    options.tls = true;
    options.cert_file = "/nonexistent/cert.pem";
    ck_assert(!api_start(&options, &server.ops, &server, &error));
    suite_take_error(&error, VRM_ERR_INVALID, "/nonexistent/cert.pem");
    server_clear(&server);
}
END_TEST

SUITE_MAIN("api_http", SUITE_TEST(a_login_answers_exactly_the_headers_that_old_clients_count),
           SUITE_TEST(every_oddity_of_known_clients_is_taken),
           SUITE_TEST(a_call_that_waits_for_the_controller_holds_no_thread),
           SUITE_TEST(a_new_certificate_is_used_without_a_restart_and_a_bad_one_is_refused),
           SUITE_TEST(a_body_beyond_the_bound_is_refused_announced_or_not),
           SUITE_TEST(metrics_are_on_the_management_address_if_there_is_one),
           SUITE_TEST(a_port_in_use_or_a_bad_address_is_an_error_that_says_so))
