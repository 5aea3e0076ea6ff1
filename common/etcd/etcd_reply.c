/* etcd_reply.c - see etcd_reply.h. */
#include "config.h"

#include "etcd/etcd_reply.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"

#define MAX_ITEMS             100000
#define MAX_BASE64            (2UL * 1024 * 1024) /* etcd's own limit of a request is 1.5 MiB */
#define MAX_TTL_S             9000000000          /* etcd's own limit */

#define GRPC_INVALID_ARGUMENT 3
#define GRPC_NOT_FOUND        5

static bool is_base64(const char *text)
{
    const size_t n_body = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789+/");
    const size_t n_pad = strspn(text + n_body, "=");

    return text[n_body + n_pad] == '\0' && n_pad <= 2 && (n_body + n_pad) % 4 == 0;
}

/* An absent field is empty: etcd leaves empty bytes out, too. */
static bool read_bytes(const struct json_reader *reader, const char *name, char **ret_bytes,
                       size_t *ret_len, GError **error)
{
    g_autofree char *text = NULL;

    if (!json_read_string(reader, name, MAX_BASE64, &text, error))
        return false;
    if (!text)
        text = g_strdup("");
    if (!is_base64(text)) {
        err_set(error, VRM_ERR_INVALID, "%s.%s is not base64", reader->path, name);
        return false;
    }
    *ret_bytes = (char *)g_base64_decode(text, ret_len);
    return true;
}

static void kv_clear(struct etcd_kv *kv)
{
    g_free(kv->key);
    g_free(kv->value);
}

void etcd_answer_clear(struct etcd_answer *answer)
{
    for (size_t i = 0; i < answer->kvs.len; i++)
        kv_clear(&answer->kvs.items[i]);
    etcd_kvs_clear(&answer->kvs);
    *answer = (struct etcd_answer){ 0 };
}

static bool read_key(const struct json_reader *reader, char **ret_key, GError **error)
{
    g_autofree char *key = NULL;
    size_t len = 0;

    if (!read_bytes(reader, "key", &key, &len, error))
        return false;
    if (len == 0 || strlen(key) != len) {
        err_set(error, VRM_ERR_INVALID, "%s.key is empty or holds a zero byte", reader->path);
        return false;
    }
    *ret_key = g_steal_pointer(&key);
    return true;
}

static bool read_kv(const struct json_reader *reader, struct etcd_kv *kv, GError **error)
{
    return read_key(reader, &kv->key, error) &&
           read_bytes(reader, "value", &kv->value, &kv->value_len, error) &&
           json_read_int(reader, "create_revision", 0, INT64_MAX, &kv->create_revision, error) &&
           json_read_int(reader, "mod_revision", 1, INT64_MAX, &kv->mod_revision, error) &&
           json_read_int(reader, "version", 0, INT64_MAX, &kv->version, error) &&
           json_read_int(reader, "lease", INT64_MIN, INT64_MAX, &kv->lease, error);
}

static bool push_kv(const struct json_reader *reader, struct etcd_answer *answer, GError **error)
{
    struct etcd_kv kv = { 0 };

    if (!read_kv(reader, &kv, error)) {
        kv_clear(&kv);
        return false;
    }
    etcd_kvs_push(&answer->kvs, kv);
    return true;
}

typedef bool (*read_fn)(const struct json_reader *reader, struct etcd_answer *answer,
                        GError **error);

static bool read_each(const struct json_reader *reader, const char *name, read_fn read_one,
                      struct etcd_answer *answer, GError **error)
{
    const json_t *array = NULL;

    if (!json_read_array(reader, name, MAX_ITEMS, &array, error))
        return false;
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct json_reader element;

        if (!json_read_element(reader, name, array, i, &element, error) ||
            !read_one(&element, answer, error))
            return false;
    }
    return true;
}

static bool read_range(const struct json_reader *reader, struct etcd_answer *answer, GError **error)
{
    return read_each(reader, "kvs", push_kv, answer, error);
}

/* Of a transaction's steps only ranges say something. */
static bool read_step(const struct json_reader *reader, struct etcd_answer *answer, GError **error)
{
    struct json_reader range;

    return json_read_object(reader, "response_range", &range, error) &&
           read_range(&range, answer, error);
}

static bool read_txn(const struct json_reader *reader, struct etcd_answer *answer, GError **error)
{
    return json_read_bool(reader, "succeeded", &answer->succeeded, error) &&
           read_each(reader, "responses", read_step, answer, error);
}

static bool read_lease(const struct json_reader *reader, struct etcd_answer *answer, GError **error)
{
    int64_t ttl_s = 0;

    if (!json_read_int(reader, "ID", INT64_MIN, INT64_MAX, &answer->lease, error) ||
        !json_read_int(reader, "TTL", INT64_MIN, MAX_TTL_S, &ttl_s, error))
        return false;
    if (answer->lease == 0)
        return json_refuse(reader, "ID", "a lease", error);
    answer->ttl_ms = MAX(ttl_s, 0) * 1000;
    return true;
}

static bool read_grant(const struct json_reader *reader, struct etcd_answer *answer, GError **error)
{
    if (!read_lease(reader, answer, error))
        return false;
    return answer->ttl_ms > 0 || json_refuse(reader, "TTL", "a positive number", error);
}

static bool read_nothing(const struct json_reader *reader, struct etcd_answer *answer,
                         GError **error)
{
    (void)reader;
    (void)answer;
    (void)error;
    return true;
}

static bool read_event(const struct json_reader *reader, struct etcd_answer *answer, GError **error)
{
    struct json_reader kv;

    return json_read_object(reader, "kv", &kv, error) && push_kv(&kv, answer, error);
}

static bool read_watch(const struct json_reader *reader, struct etcd_answer *answer, GError **error)
{
    return json_read_bool(reader, "canceled", &answer->canceled, error) &&
           json_read_int(reader, "compact_revision", 0, INT64_MAX, &answer->compact_revision,
                         error) &&
           read_each(reader, "events", read_event, answer, error);
}

static bool read_header(const struct json_reader *reader, struct etcd_answer *answer,
                        GError **error)
{
    struct json_reader header;

    if (!json_read_object(reader, "header", &header, error))
        return false;
    if (!header.object)
        return json_refuse(reader, "header", "etcd's header", error);
    return json_read_int(&header, "revision", 0, INT64_MAX, &answer->revision, error);
}

static bool read_answer(const struct json_reader *reader, read_fn read_body,
                        struct etcd_answer *ret_answer, GError **error)
{
    struct etcd_answer answer = { 0 };

    if (read_header(reader, &answer, error) && read_body(reader, &answer, error)) {
        *ret_answer = answer;
        return true;
    }
    etcd_answer_clear(&answer);
    return false;
}

/* Whatever is wrong with an answer is not our caller's fault. */
static bool blame_etcd(GError **error)
{
    if (error && err_is(*error, VRM_ERR_INVALID)) {
        g_autoptr(GError) inner = g_steal_pointer(error);

        err_set(error, VRM_ERR_INTERNAL, "etcd's answer: %s", inner->message);
    }
    return false;
}

static bool parse_plain(const char *text, size_t len, read_fn read_body,
                        struct etcd_answer *ret_answer, GError **error)
{
    g_autoptr(json_t) json = json_parse(text, len, error);
    struct json_reader reader;

    if (!json)
        return blame_etcd(error);
    json_reader_init(&reader, json);
    return read_answer(&reader, read_body, ret_answer, error) || blame_etcd(error);
}

/* The gateway wraps messages of streams: {"result": ...} or {"error": ...}. */
static bool parse_streamed(const char *text, size_t len, read_fn read_body,
                           struct etcd_answer *ret_answer, GError **error)
{
    g_autoptr(json_t) json = json_parse(text, len, error);
    struct json_reader reader, result;
    const json_t *trouble;

    if (!json)
        return blame_etcd(error);
    json_reader_init(&reader, json);
    trouble = json_get(&reader, "error");
    if (trouble) {
        const char *message = json_string_value(json_object_get(trouble, "message"));

        err_set(error, VRM_ERR_UNAVAILABLE, "etcd: %s", message ? message : "stream ended");
        return false;
    }
    if (!json_read_object(&reader, "result", &result, error) ||
        !read_answer(&result, read_body, ret_answer, error))
        return blame_etcd(error);
    return true;
}

bool etcd_reply_range(const char *text, size_t len, struct etcd_answer *ret_answer, GError **error)
{
    return parse_plain(text, len, read_range, ret_answer, error);
}

bool etcd_reply_txn(const char *text, size_t len, struct etcd_answer *ret_answer, GError **error)
{
    return parse_plain(text, len, read_txn, ret_answer, error);
}

bool etcd_reply_grant(const char *text, size_t len, struct etcd_answer *ret_answer, GError **error)
{
    return parse_plain(text, len, read_grant, ret_answer, error);
}

bool etcd_reply_keep_alive(const char *text, size_t len, struct etcd_answer *ret_answer,
                           GError **error)
{
    return parse_streamed(text, len, read_lease, ret_answer, error);
}

bool etcd_reply_header(const char *text, size_t len, struct etcd_answer *ret_answer, GError **error)
{
    return parse_plain(text, len, read_nothing, ret_answer, error);
}

bool etcd_reply_watch(const char *text, size_t len, struct etcd_answer *ret_answer, GError **error)
{
    return parse_streamed(text, len, read_watch, ret_answer, error);
}

void etcd_reply_refusal(int status, const char *text, size_t len, GError **error)
{
    g_autoptr(json_t) json = json_parse(text, len, NULL);
    const char *message = json_string_value(json_object_get(json, "message"));
    const json_int_t code = json_integer_value(json_object_get(json, "code"));
    enum vrm_err kind = VRM_ERR_UNAVAILABLE;

    if (status == 404 && code == GRPC_NOT_FOUND)
        kind = VRM_ERR_NOT_FOUND;
    else if (status == 400 && code == GRPC_INVALID_ARGUMENT)
        kind = VRM_ERR_INVALID;
    err_set(error, kind, "etcd: HTTP status %d: %s", status, message ? message : "no reason given");
}
