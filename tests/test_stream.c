/* test_stream.c - watching over a real connection: bytes arrive as they are made, and a stream ends
 * when it has to. */
#include "config.h"

#include <curl/curl.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <unistd.h>

#include "api/cert.h"
#include "api/http.h"
#include "tests/api_fake.h"
#include "tests/suite.h"

#define EPOCH     5
#define BASE      (INT64_C(5) << FEED_ID_SHIFT)
#define MAX_WATCH 4
#define STREAM    FAKE_S "/events/stream"
#define USER      "X-Auth-User: ops"
#define KEY       "X-Auth-Key: secret"

/* ---- the server: its loop is this thread -------------------------------------------------------
 */

struct server {
    struct fake fake;
    Feed *feed;
    Api *api;
    bool tls;
    char *folder, *cert, *key;
};

static void server_init(struct server *server, bool tls)
{
    static const char *const names[] = { "127.0.0.1", NULL };
    const struct feed_limits limits = { 8, 100000, MAX_WATCH };
    struct api_options options;
    g_autoptr(GError) error = NULL;

    *server = (struct server){ .tls = tls };
    fake_init(&server->fake);
    server->folder = g_dir_make_tmp("vrm-stream-XXXXXX", NULL);
    server->cert = g_build_filename(server->folder, "cert.pem", NULL);
    server->key = g_build_filename(server->folder, "key.pem", NULL);
    if (tls)
        ck_assert(cert_make_self_signed(server->cert, server->key, names, NULL));
    server->feed = feed_new(&limits);
    feed_start(server->feed, EPOCH);
    api_options_init(&options);
    options.address = "127.0.0.1";
    options.port = 0;
    options.tls = tls;
    options.threads = 2;
    options.cert_file = server->cert;
    options.key_file = server->key;
    options.feed = server->feed;
    server->api = api_start(&options, &fake_ops, &server->fake, &error);
    suite_no_error(error);
}

static void server_clear(struct server *server)
{
    api_stop(server->api);
    ck_assert_uint_eq(feed_count(server->feed), 0);
    feed_free(server->feed);
    fake_clear(&server->fake);
    g_unlink(server->cert);
    g_unlink(server->key);
    g_rmdir(server->folder);
    g_free(server->cert);
    g_free(server->key);
    g_free(server->folder);
}

/* ---- clients: one thread each ------------------------------------------------------------------
 */

struct client {
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    GString *head, *text;
    long status;
    CURLcode code;
    bool done, leave;
    CURL *curl;
    struct curl_slist *headers;
};

static size_t on_head(char *data, size_t size, size_t n, void *user)
{
    struct client *client = user;

    pthread_mutex_lock(&client->lock);
    g_string_append_len(client->head, data, (gssize)(size * n));
    pthread_mutex_unlock(&client->lock);
    return size * n;
}

static size_t on_text(char *data, size_t size, size_t n, void *user)
{
    struct client *client = user;
    bool leave;

    pthread_mutex_lock(&client->lock);
    g_string_append_len(client->text, data, (gssize)(size * n));
    leave = client->leave;
    pthread_mutex_unlock(&client->lock);
    g_main_context_wakeup(NULL);
    return leave ? 0 : size * n;
}

static void *run(void *user)
{
    struct client *client = user;
    CURLcode code = curl_easy_perform(client->curl); /* allowed: a test's thread */
    long status = 0;

    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(client->curl);
    pthread_mutex_lock(&client->lock);
    client->code = code;
    client->status = status;
    client->done = true;
    pthread_mutex_unlock(&client->lock);
    g_main_context_wakeup(NULL);
    return NULL;
}

/* headers end with NULL. */
static void client_start(struct client *client, const struct server *server, const char *method,
                         const char *path, const char *const *headers)
{
    g_autofree char *url = g_strdup_printf("%s://127.0.0.1:%u%s", server->tls ? "https" : "http",
                                           (unsigned)api_port(server->api), path);

    *client = (struct client){ .head = g_string_new(""), .text = g_string_new("") };
    pthread_mutex_init(&client->lock, NULL);
    client->curl = curl_easy_init();
    for (; *headers; headers++)
        client->headers = curl_slist_append(client->headers, *headers);
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(client->curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(client->curl, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers);
    curl_easy_setopt(client->curl, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(client->curl, CURLOPT_HEADERDATA, client);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_text);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, client);
    if (g_str_equal(method, "HEAD"))
        curl_easy_setopt(client->curl, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, method);
    pthread_create(&client->thread, NULL, run, client);
}

/* Runs the loop until the text has this in it, or the answer is complete; true: it has. */
static bool client_wait(struct client *client, const char *part)
{
    for (;;) {
        bool done, found;

        pthread_mutex_lock(&client->lock);
        done = client->done;
        found = part && strstr(client->text->str, part);
        pthread_mutex_unlock(&client->lock);
        if (found || done)
            return found;
        g_main_context_iteration(NULL, TRUE);
    }
}

/* Waits for its end. */
static void client_end(struct client *client)
{
    (void)client_wait(client, NULL);
    pthread_join(client->thread, NULL);
}

static void client_clear(struct client *client)
{
    g_string_free(client->head, TRUE);
    g_string_free(client->text, TRUE);
    curl_slist_free_all(client->headers);
    pthread_mutex_destroy(&client->lock);
}

/* The header with the token of a new session. */
static char *log_in(const struct server *server)
{
    const char *const headers[] = { USER, KEY, NULL };
    struct client client;
    const char *token;
    char *header;

    client_start(&client, server, "POST", "/service/session", headers);
    client_end(&client);
    token = strstr(client.head->str, "X-Auth-Token: ");
    ck_assert_msg(token != NULL, "%s%s", client.head->str, client.text->str);
    header = g_strndup(token, strcspn(token, "\r\n"));
    client_clear(&client);
    return header;
}

static void watch(struct client *client, const struct server *server, const char *token,
                  const char *query)
{
    const char *const headers[] = { token, NULL };
    g_autofree char *path = g_strconcat(STREAM, query, NULL);

    client_start(client, server, "GET", path, headers);
    ck_assert(client_wait(client, "event: beat\n"));
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned n = 0;

    for (text = strstr(text, part); text; text = strstr(text + 1, part))
        n++;
    return n;
}

/* ---- tests -------------------------------------------------------------------------------------
 */

static const bool transports[] = { false, true };

START_TEST(what_is_added_arrives_at_those_who_watch_it)
{
    struct server server;
    struct client all, alarms;
    g_autofree char *token = NULL;

    server_init(&server, transports[_i]);
    token = log_in(&server);
    watch(&all, &server, token, "");
    watch(&alarms, &server, token, "?types=alarm,host");
    feed_add(server.feed, FEED_VM, "{\"n\":1}");
    ck_assert(client_wait(&all, "event: vm\ndata: {\"n\":1}\n\n"));
    feed_add(server.feed, FEED_HOST, "{\"n\":2}");
    ck_assert(client_wait(&all, "event: host\ndata: {\"n\":2}\n\n"));
    ck_assert(client_wait(&alarms, "id: 83886082\nevent: host\ndata: {\"n\":2}\n\n"));
    feed_stop(server.feed, "enough");
    client_end(&all);
    client_end(&alarms);
    ck_assert_int_eq(all.code, CURLE_OK);
    ck_assert_int_eq(all.status, 200);
    ck_assert_ptr_nonnull(
        strstr(all.head->str, "Content-Type: text/event-stream;charset=UTF-8\r\n"));
    ck_assert_ptr_nonnull(strstr(all.head->str, "Cache-Control: no-store\r\n"));
    ck_assert_ptr_nonnull(strstr(all.text->str, "event: end\ndata: {\"reason\":\"enough\"}\n\n"));
    ck_assert_ptr_null(strstr(alarms.text->str, "event: vm"));
    client_clear(&all);
    client_clear(&alarms);
    server_clear(&server);
}
END_TEST

/* What a client that comes back with this gets; the ring has +1 to +8. */
static const struct {
    const char *query, *header;
    const char *part; /* comes */
    unsigned n_vms;
} resumes[] = {
    { "", "Last-Event-ID: 83886086", "data: {8}", 2 },
    { "?lastEventId=83886085", "X: y", "data: {8}", 3 },
    { "?lastEventId=83886080", "Last-Event-ID: 83886087", "data: {8}", 1 },
    { "?lastEventId=", "Last-Event-ID:", "event: beat", 0 },
    { "", "Last-Event-ID: 83886088", "event: beat", 0 },
    { "", "Last-Event-ID: 1", "event: reset", 0 },
    { "?LASTEVENTID=99999999999", "X: y", "event: reset", 0 },
};

START_TEST(a_client_that_comes_back_goes_on_where_it_was)
{
    struct server server;
    struct client client;
    g_autofree char *token = NULL;
    g_autofree char *path = g_strconcat(STREAM, resumes[_i].query, NULL);
    const char *headers[] = { NULL, resumes[_i].header, NULL };

    server_init(&server, false);
    token = log_in(&server);
    headers[0] = token;
    for (int i = 0; i <= 8; i++) {
        g_autofree char *data = g_strdup_printf("{%d}", i);

        if (i > 0)
            feed_add(server.feed, FEED_VM, data);
    }
    if (strstr(resumes[_i].part, "reset")) /* so that +1 is gone */
        feed_add(server.feed, FEED_HOST, "{9}");
    client_start(&client, &server, "GET", path, headers);
    ck_assert(client_wait(&client, resumes[_i].part));
    feed_stop(server.feed, "enough");
    client_end(&client);
    ck_assert_uint_eq(count_of(client.text->str, "event: vm\n"), resumes[_i].n_vms);
    client_clear(&client);
    server_clear(&server);
}
END_TEST

static const struct {
    const char *query, *header;
    const char *part;
} refusals[] = {
    { "?types=vms", "X: y", "\"field\":\"types\"" },
    { "?type=vm", "X: y", "types" },
    { "", "Last-Event-ID: abc", "\"field\":\"Last-Event-ID\"" },
    { "?lastEventId=-3", "X: y", "\"field\":\"lastEventId\"" },
};

START_TEST(a_wrong_word_is_refused_by_name)
{
    struct server server;
    struct client client;
    g_autofree char *token = NULL;
    g_autofree char *path = g_strconcat(STREAM, refusals[_i].query, NULL);
    const char *headers[] = { NULL, refusals[_i].header, NULL };

    server_init(&server, false);
    token = log_in(&server);
    headers[0] = token;
    client_start(&client, &server, "GET", path, headers);
    client_end(&client);
    ck_assert_int_eq(client.status, 400);
    ck_assert_msg(strstr(client.text->str, refusals[_i].part) != NULL, "%s", client.text->str);
    ck_assert_uint_eq(feed_count(server.feed), 0);
    client_clear(&client);
    server_clear(&server);
}
END_TEST

START_TEST(a_log_out_ends_the_streams_of_the_session_and_of_no_other)
{
    struct server server;
    struct client mine, other, logout;
    g_autofree char *token = NULL;
    g_autofree char *other_token = NULL;
    const char *headers[] = { NULL, NULL };

    server_init(&server, false);
    token = log_in(&server);
    headers[0] = token;
    other_token = log_in(&server);
    watch(&mine, &server, token, "");
    watch(&other, &server, other_token, "");
    client_start(&logout, &server, "DELETE", "/service/session", headers);
    client_end(&logout);
    ck_assert_int_eq(logout.status, 200);
    client_end(&mine);
    ck_assert_ptr_nonnull(
        strstr(mine.text->str, "event: end\ndata: {\"reason\":\"the session has"));
    feed_add(server.feed, FEED_TASK, "{1}");
    ck_assert(client_wait(&other, "data: {1}"));
    feed_stop(server.feed, "enough");
    client_end(&other);
    client_clear(&mine);
    client_clear(&other);
    client_clear(&logout);
    server_clear(&server);
}
END_TEST

/* Runs the loop until so many are watching. */
static void wait_for_count(const struct server *server, unsigned n)
{
    while (feed_count(server->feed) != n)
        g_main_context_iteration(NULL, TRUE);
}

START_TEST(there_is_room_for_so_many_and_who_leaves_makes_room)
{
    struct server server;
    struct client clients[MAX_WATCH], refused;
    g_autofree char *token = NULL;
    const char *headers[] = { NULL, NULL };

    server_init(&server, false);
    token = log_in(&server);
    headers[0] = token;
    for (size_t i = 0; i < MAX_WATCH; i++)
        watch(&clients[i], &server, token, "");
    client_start(&refused, &server, "GET", STREAM, headers);
    client_end(&refused);
    ck_assert_int_eq(refused.status, 503);
    ck_assert_ptr_nonnull(strstr(refused.head->str, "Retry-After: 5\r\n"));
    ck_assert_ptr_nonnull(strstr(refused.text->str, "4 streams are being watched"));
    client_clear(&refused);

    pthread_mutex_lock(&clients[0].lock);
    clients[0].leave = true;
    pthread_mutex_unlock(&clients[0].lock);
    feed_add(server.feed, FEED_VM, "{1}");
    wait_for_count(&server, MAX_WATCH - 1); /* seen before the next beat */
    watch(&refused, &server, token, "");
    feed_stop(server.feed, "enough");
    client_end(&refused);
    client_clear(&refused);
    for (size_t i = 0; i < MAX_WATCH; i++) {
        client_end(&clients[i]);
        client_clear(&clients[i]);
    }
    server_clear(&server);
}
END_TEST

START_TEST(a_controller_that_no_longer_leads_ends_its_streams)
{
    struct server server;
    struct client client;
    g_autofree char *token = NULL;
    const char *headers[] = { NULL, NULL };

    server_init(&server, false);
    token = log_in(&server);
    headers[0] = token;
    watch(&client, &server, token, "");
    server.fake.status.active = false; /* only this thread looks while nobody asks */
    client_end(&client);
    ck_assert_ptr_nonnull(strstr(client.text->str, "no longer the active one"));
    client_clear(&client);
    client_start(&client, &server, "GET", STREAM, headers);
    client_end(&client);
    ck_assert_int_eq(client.status, 503);
    client_clear(&client);
    server_clear(&server);
}
END_TEST

START_TEST(the_server_ends_with_streams_open)
{
    struct server server;
    struct client client;
    g_autofree char *token = NULL;

    server_init(&server, true);
    token = log_in(&server);
    watch(&client, &server, token, "");
    server_clear(&server);
    client_end(&client);
    ck_assert_ptr_nonnull(strstr(client.text->str, "this controller is shutting down"));
    client_clear(&client);
}
END_TEST

START_TEST(head_answers_and_keeps_no_place)
{
    struct server server;
    struct client client;
    g_autofree char *token = NULL;
    const char *headers[] = { NULL, NULL };

    server_init(&server, false);
    token = log_in(&server);
    headers[0] = token;
    client_start(&client, &server, "HEAD", STREAM, headers);
    client_end(&client);
    ck_assert_int_eq(client.status, 200);
    wait_for_count(&server, 0);
    client_clear(&client);
    server_clear(&server);
}
END_TEST

/* clang-format off */
SUITE_MAIN("stream", SUITE_LOOP(what_is_added_arrives_at_those_who_watch_it, transports),
           SUITE_LOOP(a_client_that_comes_back_goes_on_where_it_was, resumes),
           SUITE_LOOP(a_wrong_word_is_refused_by_name, refusals),
           SUITE_TEST(a_log_out_ends_the_streams_of_the_session_and_of_no_other),
           SUITE_TEST(there_is_room_for_so_many_and_who_leaves_makes_room),
           SUITE_TEST(a_controller_that_no_longer_leads_ends_its_streams),
           SUITE_TEST(the_server_ends_with_streams_open),
           SUITE_TEST(head_answers_and_keeps_no_place))
/* clang-format on */
