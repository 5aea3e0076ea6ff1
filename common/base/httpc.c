/* httpc.c - see httpc.h.
 *
 * libcurl forbids most of its calls inside its own callbacks.  So those only collect bytes and note
 * what happened; drive() hands it to the users after libcurl has returned.  A call or client that a
 * user's callback ends while it is in use is marked and freed by whoever uses it. */
#include "config.h"

#include "base/httpc.h"

#include <curl/curl.h>
#include <glib-unix.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

#define DEFAULT_CONNECT_MS 2000
#define DEFAULT_MAX_REPLY  ((size_t)1024 * 1024)
#define MAX_HEADER_BYTES   ((size_t)64 * 1024)
/* Silence ends a call only when no byte waits to be read: the loop itself may have stood still. */
#define IDLE_PRIORITY (G_PRIORITY_DEFAULT + 10)
/* More idle connections than hosts in a cluster: else the oldest are closed all the time. */
#define MAX_KEPT_CONNECTIONS 512L

struct tls {
    char *ca_file, *cert_file, *key_file;
};

struct HttpClient {
    CURLM *multi;
    GSource *timer;      /* libcurl's one timer */
    GHashTable *watches; /* fd -> GSource */
    GQueue calls;        /* all */
    GQueue ready;        /* those with lines to deliver */
    struct tls tls;
    int64_t turn_limit_us; /* 0: none */
    int64_t turn;          /* which turn of the loop this is ... */
    int64_t turn_spent_us; /* ... and what we took of it */
    unsigned n_users;      /* how many drive()s are on the stack */
    bool dying;            /* freed by a callback: the last drive() does it */
};

struct HttpCall {
    HttpClient *client;
    CURL *easy; /* NULL: never started */
    struct curl_slist *headers;
    char *where;      /* the URL without its query, for messages */
    GString *in;      /* received, not yet delivered */
    size_t n_partial; /* bytes after the last newline in it */
    size_t n_header_bytes;
    size_t max_reply;
    unsigned idle_timeout_ms;
    int64_t last_byte_ms;
    GSource *timer; /* idle time-out, or the failure of a call that could not start */
    http_line_fn on_line;
    http_done_fn on_done;
    void *user;
    GError *failure; /* why we broke it off, better than libcurl's "write error" */
    bool in_multi;
    bool is_ready; /* in client->ready */
    bool in_use;   /* a user's on_line is on the stack */
    bool cancelled;
    bool ended; /* on_done has begun */
    GList link, ready_link;
    char trouble[CURL_ERROR_SIZE];
};

/* --- ending a call --------------------------------------------------------------------------- */

static void stop_timer(GSource **timer)
{
    if (!*timer)
        return;
    g_source_destroy(*timer);
    g_clear_pointer(timer, g_source_unref);
}

static void start_timer(GSource **timer, unsigned ms, GSourceFunc fired, void *user)
{
    stop_timer(timer);
    *timer = g_timeout_source_new(ms);
    g_source_set_callback(*timer, fired, user, NULL);
    g_source_attach(*timer, NULL);
}

/* Nothing of libcurl or the loop knows the call afterwards. */
static void detach_call(HttpCall *call)
{
    HttpClient *client = call->client;

    if (call->in_multi)
        curl_multi_remove_handle(client->multi, call->easy);
    call->in_multi = false;
    if (call->is_ready)
        g_queue_unlink(&client->ready, &call->ready_link);
    call->is_ready = false;
    stop_timer(&call->timer);
}

static void free_call(HttpCall *call)
{
    g_queue_unlink(&call->client->calls, &call->link);
    if (call->easy)
        curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    g_string_free(call->in, TRUE);
    g_free(call->where);
    g_clear_error(&call->failure);
    g_free(call);
}

void http_call_cancel(HttpCall *call)
{
    if (!call || call->ended || call->cancelled)
        return;
    detach_call(call);
    call->cancelled = true;
    if (!call->in_use)
        free_call(call);
}

static enum vrm_err code_for(CURLcode rc, bool sent)
{
    if (rc == CURLE_OPERATION_TIMEDOUT && sent)
        return VRM_ERR_TIMEOUT;
    /* libcurl also says "unsupported protocol" when the peer talks nonsense. */
    if (!sent && (rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL))
        return VRM_ERR_INVALID;
    return VRM_ERR_UNAVAILABLE;
}

static const char *or_none(const char *text)
{
    return text ? text : "none";
}

static GError *transport_error(const HttpCall *call, CURLcode rc, bool sent)
{
    const struct tls *tls = &call->client->tls;
    GError *error = NULL;

    err_set(&error, code_for(rc, sent), "%s: %s", call->where,
            call->trouble[0] != '\0' ? call->trouble : curl_easy_strerror(rc));
    if (rc == CURLE_SSL_CACERT_BADFILE || rc == CURLE_SSL_CERTPROBLEM)
        g_prefix_error(&error, "(authorities %s, certificate %s, key %s) ", or_none(tls->ca_file),
                       or_none(tls->cert_file), or_none(tls->key_file));
    return error;
}

static bool is_streaming(const HttpCall *call)
{
    long status = 0;

    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return call->on_line && status >= 200 && status < 300;
}

/* Notes why the call is broken off; the first reason counts. */
static void fail_call(HttpCall *call, enum vrm_err code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static void fail_call(HttpCall *call, enum vrm_err code, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    if (call->failure)
        return;
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    err_set(&call->failure, code, "%s: %s", call->where, text);
}

/* False if the call is over: cancelled, or failed with call->failure set. */
static bool deliver_line(HttpCall *call, char *line, size_t len)
{
    bool good;

    if (len > call->max_reply) {
        fail_call(call, VRM_ERR_INTERNAL, "a line is longer than %zu bytes", call->max_reply);
        return false;
    }
    if (len > 0 && line[len - 1] == '\r')
        len--;
    line[len] = '\0';
    call->in_use = true;
    good = call->on_line(line, len, call->user);
    call->in_use = false;
    if (call->cancelled)
        return false;
    if (!good) {
        g_autofree char *shown = g_utf8_make_valid(line, (gssize)MIN(len, 80));

        fail_call(call, VRM_ERR_INTERNAL, "a line made no sense: %s", shown);
    }
    return good;
}

/* The end: tells the user and frees the call. */
static void finish_call(HttpCall *call, CURLcode rc)
{
    struct http_reply reply = { .body = "" };
    g_autoptr(GError) error = NULL;
    long status = 0, request_size = 0;
    bool streamed = call->easy && is_streaming(call);

    detach_call(call);
    if (call->easy) {
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_size);
    }
    /* A reply that ended well may lack the last newline; one that broke off is not a line. */
    if (!call->failure && rc == CURLE_OK && streamed && call->in->len > 0)
        deliver_line(call, call->in->str, call->in->len);
    if (call->cancelled) {
        free_call(call);
        return;
    }
    reply.sent = request_size > 0;
    if (call->failure || rc != CURLE_OK) {
        error =
            call->failure ? g_steal_pointer(&call->failure) : transport_error(call, rc, reply.sent);
        reply.error = error;
    } else {
        reply.status = (int)status;
        reply.body = streamed ? "" : call->in->str;
        reply.body_len = streamed ? 0 : call->in->len;
    }
    call->ended = true;
    call->on_done(&reply, call->user);
    free_call(call);
}

static void deliver_lines(HttpCall *call)
{
    GString *in = call->in;
    size_t at = 0;
    char *newline;
    bool good = true;

    while (good && (newline = memchr(in->str + at, '\n', in->len - at)) != NULL) {
        char *line = in->str + at;

        at = (size_t)(newline - in->str) + 1;
        good = deliver_line(call, line, (size_t)(newline - line));
    }
    if (call->cancelled) {
        free_call(call);
        return;
    }
    g_string_erase(in, 0, (gssize)at);
    if (call->failure)
        finish_call(call, CURLE_OK);
}

/* --- driving libcurl ------------------------------------------------------------------------- */

static void destroy_client(HttpClient *client)
{
    curl_multi_cleanup(client->multi);
    stop_timer(&client->timer);
    g_hash_table_destroy(client->watches);
    g_free(client->tls.ca_file);
    g_free(client->tls.cert_file);
    g_free(client->tls.key_file);
    g_free(client);
}

static void enter_client(HttpClient *client)
{
    client->n_users++;
}

static void leave_client(HttpClient *client)
{
    if (--client->n_users == 0 && client->dying)
        destroy_client(client);
}

static bool deliver_one(HttpClient *client)
{
    GList *link = g_queue_pop_head_link(&client->ready);
    HttpCall *call;

    if (!link)
        return false;
    call = link->data;
    call->is_ready = false;
    deliver_lines(call);
    return true;
}

static bool finish_one(HttpClient *client)
{
    CURLMsg *message;
    HttpCall *call = NULL;
    int left;

    message = curl_multi_info_read(client->multi, &left);
    if (!message)
        return false;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
    if (message->msg == CURLMSG_DONE)
        finish_call(call, message->data.result);
    return true;
}

/* Lets libcurl work, then hands out what came of it: lines before the end of their call. */
static void drive(HttpClient *client, curl_socket_t fd, int events)
{
    int n_running;

    enter_client(client);
    curl_multi_socket_action(client->multi, fd, events, &n_running);
    while (!client->dying && (deliver_one(client) || finish_one(client)))
        ;
    leave_client(client);
}

static gboolean timer_fired(gpointer user)
{
    HttpClient *client = user;

    stop_timer(&client->timer);
    drive(client, CURL_SOCKET_TIMEOUT, 0);
    return G_SOURCE_REMOVE;
}

static int timer_wanted(CURLM *multi, long ms, void *user)
{
    HttpClient *client = user;

    (void)multi;
    if (ms < 0)
        stop_timer(&client->timer);
    else
        start_timer(&client->timer, (unsigned)MIN(ms, G_MAXINT), timer_fired, client);
    return 0;
}

/* What is ready now stays so: the next turn sees it, after all else that waits for the loop. */
static bool may_go_on(HttpClient *client)
{
    int64_t turn = g_source_get_time(g_main_current_source()); /* the same for a whole turn */

    if (turn != client->turn) {
        client->turn = turn;
        client->turn_spent_us = 0;
    }
    return client->turn_limit_us == 0 || client->turn_spent_us < client->turn_limit_us;
}

static gboolean fd_ready(gint fd, GIOCondition condition, gpointer user)
{
    HttpClient *client = user;
    int64_t begin_us;
    int events = 0;

    if (!may_go_on(client))
        return G_SOURCE_CONTINUE;

    if (condition & G_IO_IN)
        events |= CURL_CSELECT_IN;
    if (condition & G_IO_OUT)
        events |= CURL_CSELECT_OUT;
    if (condition & (G_IO_ERR | G_IO_HUP | G_IO_NVAL))
        events |= CURL_CSELECT_ERR;
    begin_us = clock_now_us();
    enter_client(client);
    drive(client, fd, events);
    client->turn_spent_us += clock_now_us() - begin_us;
    leave_client(client);
    return G_SOURCE_CONTINUE;
}

static void free_watch(gpointer data)
{
    GSource *watch = data;

    g_source_destroy(watch);
    g_source_unref(watch);
}

static int watch_wanted(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_data)
{
    HttpClient *client = user;
    GUnixFDSourceFunc ready = fd_ready;
    GIOCondition condition = 0;
    GSourceFunc func;
    GSource *watch;

    (void)easy;
    (void)socket_data;
    if (what == CURL_POLL_REMOVE) {
        g_hash_table_remove(client->watches, GINT_TO_POINTER(fd));
        return 0;
    }
    if (what & CURL_POLL_IN)
        condition |= G_IO_IN;
    if (what & CURL_POLL_OUT)
        condition |= G_IO_OUT;
    watch = g_unix_fd_source_new(fd, condition);
    memcpy(&func, &ready, sizeof(func)); /* GLib's own convention, without its cast warning */
    g_source_set_callback(watch, func, client, NULL);
    g_source_attach(watch, NULL);
    g_hash_table_replace(client->watches, GINT_TO_POINTER(fd), watch);
    return 0;
}

/* --- libcurl's data callbacks ---------------------------------------------------------------- */

static size_t header_came(char *data, size_t size, size_t n, void *user)
{
    HttpCall *call = user;

    (void)data;
    (void)size; /* always 1 */
    call->last_byte_ms = clock_now_ms();
    call->n_header_bytes += n;
    if (call->n_header_bytes <= MAX_HEADER_BYTES)
        return n;
    fail_call(call, VRM_ERR_INTERNAL, "the reply's headers exceed %zu bytes", MAX_HEADER_BYTES);
    return 0;
}

static void note_lines(HttpCall *call, const char *data, size_t n)
{
    const char *newline = memrchr(data, '\n', n);

    if (!newline) {
        call->n_partial += n;
        return;
    }
    call->n_partial = (size_t)(data + n - newline) - 1;
    if (call->is_ready)
        return;
    call->is_ready = true;
    g_queue_push_tail_link(&call->client->ready, &call->ready_link);
}

static size_t data_came(char *data, size_t size, size_t n, void *user)
{
    HttpCall *call = user;
    bool streaming = is_streaming(call);

    (void)size; /* always 1 */
    call->last_byte_ms = clock_now_ms();
    if (!streaming && call->in->len + n > call->max_reply) {
        fail_call(call, VRM_ERR_INTERNAL, "the reply is longer than %zu bytes", call->max_reply);
        return 0;
    }
    g_string_append_len(call->in, data, (gssize)n);
    if (!streaming)
        return n;
    note_lines(call, data, n);
    if (call->n_partial <= call->max_reply)
        return n;
    /* The lines before it are still delivered. */
    fail_call(call, VRM_ERR_INTERNAL, "a line is longer than %zu bytes", call->max_reply);
    return 0;
}

/* --- starting a call ------------------------------------------------------------------------- */

static gboolean idle_too_long(gpointer user);

static void start_idle_timer(HttpCall *call, unsigned ms)
{
    start_timer(&call->timer, ms, idle_too_long, call);
    g_source_set_priority(call->timer, IDLE_PRIORITY);
}

static gboolean idle_too_long(gpointer user)
{
    HttpCall *call = user;
    HttpClient *client = call->client;
    int64_t idle_ms = clock_now_ms() - call->last_byte_ms;

    if (idle_ms < call->idle_timeout_ms) {
        start_idle_timer(call, call->idle_timeout_ms - (unsigned)MAX(idle_ms, 0));
        return G_SOURCE_REMOVE;
    }
    fail_call(call, VRM_ERR_TIMEOUT, "silent for %u ms", call->idle_timeout_ms);
    enter_client(client);
    finish_call(call, CURLE_OK);
    leave_client(client);
    return G_SOURCE_REMOVE;
}

static gboolean could_not_start(gpointer user)
{
    HttpCall *call = user;
    HttpClient *client = call->client;

    enter_client(client);
    finish_call(call, CURLE_OK);
    leave_client(client);
    return G_SOURCE_REMOVE;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if (g_ascii_iscntrl(*text))
            return true;
    }
    return false;
}

/* A line break in any of these would smuggle a header. */
static bool check_request(HttpCall *call, const struct http_request *request)
{
    bool good = !has_control(request->method) && !has_control(request->url);

    for (size_t i = 0; request->headers && request->headers[i]; i++)
        good = good && !has_control(request->headers[i]);
    if (!good)
        fail_call(call, VRM_ERR_INVALID, "control characters in method, URL or headers");
    return good;
}

/* Sets an option unless an earlier one failed: rc keeps the first failure. */
#define SET(option, value) (rc = rc != CURLE_OK ? rc : curl_easy_setopt(easy, option, value))

static CURLcode set_common(HttpCall *call, const struct http_request *request)
{
    CURL *easy = call->easy;
    CURLcode rc = CURLE_OK;
    unsigned connect_ms =
        request->connect_timeout_ms ? request->connect_timeout_ms : DEFAULT_CONNECT_MS;

    SET(CURLOPT_PRIVATE, call);
    SET(CURLOPT_ERRORBUFFER, call->trouble);
    SET(CURLOPT_NOSIGNAL, 1L);
    /* A hanging name server must not hold up the loop when a call is cancelled. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_USERAGENT, "vrm");
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    SET(CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    SET(CURLOPT_HEADERFUNCTION, header_came);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_WRITEFUNCTION, data_came);
    SET(CURLOPT_WRITEDATA, call);
    return rc;
}

static CURLcode set_tls(HttpCall *call)
{
    const struct tls *tls = &call->client->tls;
    CURL *easy = call->easy;
    CURLcode rc = CURLE_OK;

    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (tls->ca_file) {
        SET(CURLOPT_CAINFO, tls->ca_file);
        /* Otherwise libcurl also trusts, and loads for each connection (100 ms), every authority
         * of the system. */
        SET(CURLOPT_CAPATH, NULL);
    }
    if (tls->cert_file)
        SET(CURLOPT_SSLCERT, tls->cert_file);
    if (tls->key_file)
        SET(CURLOPT_SSLKEY, tls->key_file);
    return rc;
}

static CURLcode set_message(HttpCall *call, const struct http_request *request)
{
    CURL *easy = call->easy;
    CURLcode rc = CURLE_OK;
    const char *method = request->method;
    bool bare = strcmp(method, "GET") == 0 || strcmp(method, "DELETE") == 0;
    const char *body = request->body ? request->body : "";

    call->headers = curl_slist_append(call->headers, "Expect:");
    if (request->body)
        call->headers = curl_slist_append(call->headers, "Content-Type: application/json");
    for (size_t i = 0; request->headers && request->headers[i]; i++)
        call->headers = curl_slist_append(call->headers, request->headers[i]);
    SET(CURLOPT_HTTPHEADER, call->headers);
    if (strcmp(method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
        return rc;
    }
    if (request->body || !bare) { /* others say Content-Length: 0 when they have no body */
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        SET(CURLOPT_COPYPOSTFIELDS, body);
    }
    SET(CURLOPT_CUSTOMREQUEST, method);
    return rc;
}

static bool start_call(HttpCall *call, const struct http_request *request)
{
    CURLcode rc;

    if (!check_request(call, request))
        return false;
    call->easy = curl_easy_init();
    rc = call->easy ? set_common(call, request) : CURLE_FAILED_INIT;
    if (rc == CURLE_OK)
        rc = set_tls(call);
    if (rc == CURLE_OK)
        rc = set_message(call, request);
    if (rc == CURLE_OK && curl_multi_add_handle(call->client->multi, call->easy) != CURLM_OK)
        rc = CURLE_FAILED_INIT;
    if (rc != CURLE_OK) {
        call->failure = transport_error(call, rc, false);
        return false;
    }
    call->in_multi = true;
    return true;
}

HttpCall *http_client_send(HttpClient *client, const struct http_request *request)
{
    HttpCall *call = g_new0(HttpCall, 1);

    g_assert(request->on_done && !client->dying);
    call->client = client;
    call->where = g_strndup(request->url, strcspn(request->url, "?"));
    call->in = g_string_new(NULL);
    call->max_reply = request->max_reply ? request->max_reply : DEFAULT_MAX_REPLY;
    call->idle_timeout_ms = request->idle_timeout_ms;
    call->last_byte_ms = clock_now_ms();
    call->on_line = request->on_line;
    call->on_done = request->on_done;
    call->user = request->user;
    call->link.data = call;
    call->ready_link.data = call;
    g_queue_push_tail_link(&client->calls, &call->link);
    if (!start_call(call, request))
        start_timer(&call->timer, 0, could_not_start, call);
    else if (call->idle_timeout_ms > 0)
        start_idle_timer(call, call->idle_timeout_ms);
    return call;
}

/* --- client ---------------------------------------------------------------------------------- */

static void init_libcurl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

HttpClient *http_client_new(const struct http_tls *tls)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    HttpClient *client = g_new0(HttpClient, 1);

    pthread_once(&once, init_libcurl);
    client->multi = curl_multi_init();
    g_assert(client->multi); /* fails for want of memory only */
    client->watches = g_hash_table_new_full(NULL, NULL, NULL, free_watch);
    g_queue_init(&client->calls);
    g_queue_init(&client->ready);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch_wanted);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, MAX_KEPT_CONNECTIONS);
    http_client_set_tls(client, tls);
    return client;
}

void http_client_set_tls(HttpClient *client, const struct http_tls *tls)
{
    static const struct http_tls none = { 0 };

    if (!tls)
        tls = &none;
    g_free(client->tls.ca_file);
    g_free(client->tls.cert_file);
    g_free(client->tls.key_file);
    client->tls.ca_file = g_strdup(tls->ca_file);
    client->tls.cert_file = g_strdup(tls->cert_file);
    client->tls.key_file = g_strdup(tls->key_file);
}

void http_client_limit_turn(HttpClient *client, unsigned ms)
{
    client->turn_limit_us = (int64_t)ms * 1000;
}

void http_client_free(HttpClient *client)
{
    GList *link, *next;

    if (!client || client->dying)
        return;
    client->dying = true;
    for (link = client->calls.head; link; link = next) {
        next = link->next;
        http_call_cancel(link->data);
    }
    if (client->n_users == 0)
        destroy_client(client);
}
