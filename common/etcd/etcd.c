/* etcd.c - see etcd.h. */
#include "config.h"

#include "etcd/etcd.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"

#define MAX_REPLY (16UL * 1024 * 1024)

struct Etcd {
    HttpClient *http;
    char **endpoints;
    guint n_endpoints, current;
    unsigned timeout_ms;
    bool ok;
    GHashTable *calls; /* set of EtcdCall */
};

struct EtcdCall {
    Etcd *etcd;
    guint endpoint;
    HttpCall *http;
    etcd_reply_fn parse;
    etcd_change_fn on_change;
    etcd_done_fn done;
    void *user;
    GError *stream_error; /* why we ended the stream */
};

static const char *const request_headers[] = { "Grpc-Metadata-hasleader: true", NULL };

Etcd *etcd_new(HttpClient *http, const char *const *endpoints, unsigned timeout_ms)
{
    Etcd *etcd = g_new0(Etcd, 1);

    g_assert(endpoints[0]);
    etcd->http = http;
    while (endpoints[etcd->n_endpoints])
        etcd->n_endpoints++;
    etcd->endpoints = g_new0(char *, etcd->n_endpoints + 1);
    for (guint i = 0; i < etcd->n_endpoints; i++)
        etcd->endpoints[i] = g_strdup(endpoints[i]);
    etcd->timeout_ms = timeout_ms;
    etcd->calls = g_hash_table_new(NULL, NULL);
    return etcd;
}

static void call_free(EtcdCall *call)
{
    g_hash_table_remove(call->etcd->calls, call);
    g_clear_error(&call->stream_error);
    g_free(call);
}

void etcd_cancel(EtcdCall *call)
{
    http_call_cancel(call->http);
    call_free(call);
}

void etcd_free(Etcd *etcd)
{
    GHashTableIter iter;
    gpointer call;

    if (!etcd)
        return;
    g_hash_table_iter_init(&iter, etcd->calls);
    while (g_hash_table_iter_next(&iter, &call, NULL)) {
        etcd_cancel(call);
        g_hash_table_iter_init(&iter, etcd->calls);
    }
    g_hash_table_unref(etcd->calls);
    g_strfreev(etcd->endpoints);
    g_free(etcd);
}

bool etcd_ok(const Etcd *etcd)
{
    return etcd->ok;
}

/* Only the first of several calls that fail together turns to the next endpoint. */
static void note_failure(const EtcdCall *call)
{
    Etcd *etcd = call->etcd;

    etcd->ok = false;
    if (etcd->current == call->endpoint)
        etcd->current = (etcd->current + 1) % etcd->n_endpoints;
}

static bool is_certain(const GError *error)
{
    return err_is(error, VRM_ERR_NOT_FOUND) || err_is(error, VRM_ERR_INVALID);
}

static bool read_reply(const EtcdCall *call, const struct http_reply *reply,
                       struct etcd_answer *ret_answer, GError **error)
{
    if (call->stream_error)
        g_propagate_error(error, g_error_copy(call->stream_error));
    else if (reply->error)
        g_propagate_error(error, g_error_copy(reply->error));
    else if (reply->status != 200)
        etcd_reply_refusal(reply->status, reply->body, reply->body_len, error);
    else if (call->on_change)
        err_set(error, VRM_ERR_UNAVAILABLE, "etcd: end of the stream");
    else
        return call->parse(reply->body, reply->body_len, ret_answer, error);
    return false;
}

static void on_http_done(const struct http_reply *reply, void *user)
{
    EtcdCall *call = user;
    const etcd_done_fn done = call->done;
    void *done_user = call->user;
    g_autoptr(GError) error = NULL;
    struct etcd_answer answer = { 0 };

    if (read_reply(call, reply, &answer, &error) || is_certain(error))
        call->etcd->ok = true;
    else
        note_failure(call);
    call_free(call);
    done(error ? NULL : &answer, error, done_user); /* last: it may free the Etcd */
    etcd_answer_clear(&answer);
}

static bool on_http_line(const char *line, size_t len, void *user)
{
    EtcdCall *call = user;
    struct etcd_answer answer = { 0 };
    bool go_on;

    if (len == 0)
        return true;
    if (!etcd_reply_watch(line, len, &answer, &call->stream_error))
        return false;
    call->etcd->ok = true;
    go_on = call->on_change(&answer, call->user);
    if (!go_on)
        err_set(&call->stream_error, VRM_ERR_UNAVAILABLE,
                "etcd: watch cancelled, compacted at %" G_GINT64_FORMAT, answer.compact_revision);
    etcd_answer_clear(&answer);
    return go_on;
}

static EtcdCall *send_call(Etcd *etcd, const char *path, const char *body, const EtcdCall *how,
                           unsigned idle_ms)
{
    EtcdCall *call = g_memdup2(how, sizeof(*how));
    g_autofree char *url = g_strconcat(etcd->endpoints[etcd->current], "/v3/", path, NULL);
    const struct http_request request = {
        .method = "POST",
        .url = url,
        .body = body,
        .headers = request_headers,
        .connect_timeout_ms = etcd->timeout_ms,
        .timeout_ms = how->on_change ? 0 : etcd->timeout_ms,
        .idle_timeout_ms = idle_ms,
        .max_reply = MAX_REPLY,
        .on_line = how->on_change ? on_http_line : NULL,
        .on_done = on_http_done,
        .user = call,
    };

    call->etcd = etcd;
    call->endpoint = etcd->current;
    g_hash_table_add(etcd->calls, call);
    call->http = http_client_send(etcd->http, &request);
    return call;
}

static EtcdCall *send_json(Etcd *etcd, const char *path, json_t *take_body, const EtcdCall *how,
                           unsigned idle_ms)
{
    g_autoptr(json_t) json = take_body;
    g_autofree char *body = json_format(json);

    return send_call(etcd, path, body, how, idle_ms);
}

static json_t *int_text(int64_t value)
{
    g_autofree char *digits = g_strdup_printf("%" G_GINT64_FORMAT, value);

    return json_string(digits);
}

static EtcdCall *send_lease(Etcd *etcd, const char *path, int64_t lease, const EtcdCall *how)
{
    return send_json(etcd, path, json_pack("{s:o}", "ID", int_text(lease)), how, 0);
}

EtcdCall *etcd_grant(Etcd *etcd, int64_t ttl_ms, etcd_done_fn done, void *user)
{
    const EtcdCall how = { .parse = etcd_reply_grant, .done = done, .user = user };
    const int64_t ttl_s = (ttl_ms + 999) / 1000;

    return send_json(etcd, "lease/grant", json_pack("{s:o}", "TTL", int_text(ttl_s)), &how, 0);
}

EtcdCall *etcd_keep_alive(Etcd *etcd, int64_t lease, etcd_done_fn done, void *user)
{
    const EtcdCall how = { .parse = etcd_reply_keep_alive, .done = done, .user = user };

    return send_lease(etcd, "lease/keepalive", lease, &how);
}

EtcdCall *etcd_revoke(Etcd *etcd, int64_t lease, etcd_done_fn done, void *user)
{
    const EtcdCall how = { .parse = etcd_reply_header, .done = done, .user = user };

    return send_lease(etcd, "lease/revoke", lease, &how);
}

EtcdCall *etcd_commit(Etcd *etcd, const EtcdTxn *txn, etcd_done_fn done, void *user)
{
    const EtcdCall how = { .parse = etcd_reply_txn, .done = done, .user = user };
    g_autofree char *body = etcd_txn_format(txn);

    return send_call(etcd, "kv/txn", body, &how, 0);
}

/* {"key": ..., "range_end": ...}: the end of all keys below "a/" is "a0", the next byte after '/'.
 */
static json_t *key_range(const char *key)
{
    g_autofree char *first = etcd_txn_base64(key);
    json_t *range = json_pack("{s:s}", "key", first);

    if (g_str_has_suffix(key, "/")) {
        g_autofree char *end = g_strdup(key);
        g_autofree char *encoded = NULL;

        end[strlen(end) - 1]++;
        encoded = etcd_txn_base64(end);
        json_object_set_new(range, "range_end", json_string(encoded));
    }
    return range;
}

EtcdCall *etcd_read(Etcd *etcd, const char *key, etcd_done_fn done, void *user)
{
    const EtcdCall how = { .parse = etcd_reply_range, .done = done, .user = user };

    return send_json(etcd, "kv/range", key_range(key), &how, 0);
}

EtcdCall *etcd_stream(Etcd *etcd, const struct etcd_stream *stream)
{
    const EtcdCall how = { .on_change = stream->on_change,
                           .done = stream->done,
                           .user = stream->user };
    json_t *create = key_range(stream->key);

    json_object_set_new(create, "start_revision", int_text(stream->revision));
    return send_json(etcd, "watch", json_pack("{s:o}", "create_request", create), &how,
                     stream->idle_ms);
}
