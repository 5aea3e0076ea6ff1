/* body.c - see body.h. */
#include "config.h"

#include "api/body.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "model/reason.h"

#define SHOWN_VALUE     80 /* characters of a bad value in a message */
#define URN_MAX         256
#define EXAMPLE_CLUSTER 101

bool body_retag(int reason, GError **error)
{
    GError *old;

    if (!error || !*error || !reason || err_reason(*error))
        return false;
    old = *error;
    *error = NULL;
    err_set_reason(error, VRM_ERR_INVALID, reason, err_field(old), "%s", old->message);
    g_error_free(old);
    return false;
}

bool body_fail(const struct json_reader *reader, const char *key, int reason, const char *want,
               GError **error)
{
    const json_t *value = json_get(reader, key);
    g_autofree char *field = NULL;
    g_autofree char *text = NULL;
    char *dumped = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

    field = reader->path[0] ? g_strconcat(reader->path, ".", key, NULL) : g_strdup(key);
    text = g_utf8_substring(dumped ? dumped : "(absent)", 0,
                            MIN(g_utf8_strlen(dumped ? dumped : "(absent)", -1), SHOWN_VALUE));
    free(dumped); /* jansson's allocator */
    err_set_reason(error, VRM_ERR_INVALID, reason ? reason : REASON_MALFORMED, field,
                   "%s = %s: want %s", field, text, want);
    return false;
}

bool body_int(const struct json_reader *reader, const struct int_field *field, GError **error)
{
    return json_read_int(reader, field->key, field->min, field->max, field->ret_value, error) ||
           body_retag(field->reason, error);
}

bool body_ints(const struct json_reader *reader, const struct int_field *table, size_t n,
               GError **error)
{
    for (size_t i = 0; i < n; i++) {
        if (!body_int(reader, &table[i], error))
            return false;
    }
    return true;
}

static char *list_values(uint32_t allowed)
{
    g_autoptr(GString) want = g_string_new("one of");

    for (unsigned value = 0; value < 32; value++) {
        if (allowed & ONE_OF(value))
            g_string_append_printf(want, "%s %u", want->len > strlen("one of") ? "," : "", value);
    }
    return g_string_free(g_steal_pointer(&want), FALSE);
}

bool body_one_of(const struct json_reader *reader, const char *key, uint32_t allowed, int reason,
                 int64_t *ret_value, GError **error)
{
    int64_t value = -1;
    g_autofree char *want = NULL;

    if (json_read_int(reader, key, 0, 31, &value, NULL)) {
        if (value < 0) /* absent */
            return true;
        if (allowed & ONE_OF(value)) {
            *ret_value = value;
            return true;
        }
    }
    want = list_values(allowed);
    return body_fail(reader, key, reason, want, error);
}

bool body_string(const struct json_reader *reader, const char *key, size_t max_len, int reason,
                 char **ret_value, GError **error)
{
    return json_read_string(reader, key, max_len, ret_value, error) || body_retag(reason, error);
}

bool body_word(const struct json_reader *reader, const char *key, const char *const *words,
               int reason, char **ret_value, GError **error)
{
    g_autofree char *value = NULL;
    g_autofree char *want = NULL;
    g_autofree char *list = NULL;

    if (!body_string(reader, key, BODY_NAME_MAX, reason, &value, error))
        return false;
    if (!value)
        return true;
    if (g_strv_contains(words, value)) {
        g_free(*ret_value);
        *ret_value = g_steal_pointer(&value);
        return true;
    }
    list = g_strjoinv("\", \"", (char **)(uintptr_t)words);
    want = g_strconcat("one of \"", list, "\"", NULL);
    return body_fail(reader, key, reason, want, error);
}

bool body_name(const struct json_reader *reader, const char *key, int reason, char **ret_value,
               GError **error)
{
    g_autofree char *value = NULL;

    if (!body_string(reader, key, BODY_NAME_MAX, reason, &value, error))
        return false;
    if (!value)
        return true;
    if (!value[strspn(value, " ")])
        return body_fail(reader, key, reason, "a name of 1..256 characters", error);
    g_free(*ret_value);
    *ret_value = g_steal_pointer(&value);
    return true;
}

static bool fail_urn(const struct json_reader *reader, const struct urn_field *field,
                     GError **error)
{
    const bool is_child = field->kind == OBJECT_GROUP || field->kind == OBJECT_RECOMMENDATION;
    g_autofree char *example =
        is_child ? urn_format_child(field->site, OBJECT_CLUSTER, EXAMPLE_CLUSTER, field->kind, 1)
                 : urn_format(field->site, field->kind, 1);
    g_autofree char *want = g_strdup_printf("a URN such as %s", example);

    return body_fail(reader, field->key, field->reason, want, error);
}

bool body_urn(const struct json_reader *reader, const struct urn_field *field, int64_t *ret_id,
              GError **error)
{
    g_autofree char *text = NULL;
    int64_t id;

    if (!body_string(reader, field->key, URN_MAX, field->reason, &text, error))
        return false;
    if (!text || !text[0])
        return true;
    if (!urn_parse(text, field->site, field->kind, &id))
        return fail_urn(reader, field, error);
    *ret_id = id;
    return true;
}

static size_t sort_unique(int64_t *ids, size_t n)
{
    size_t kept = 0;

    if (!n)
        return 0;
    qsort(ids, n, sizeof(*ids), id_cmp);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    }
    return kept;
}

static bool element_urn(const struct json_reader *reader, const char *key, const json_t *array,
                        size_t i, char **ret_text, GError **error)
{
    const json_t *item = json_array_get(array, i);
    struct json_reader element;

    if (json_is_string(item)) {
        *ret_text = g_strndup(json_string_value(item), URN_MAX);
        return true;
    }
    return json_read_element(reader, key, array, i, &element, error) &&
           json_read_string(&element, "urn", URN_MAX, ret_text, error);
}

/* ids has room for all. */
static bool read_ids(const struct json_reader *reader, const struct urn_field *field,
                     const json_t *array, int64_t *ids, GError **error)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        g_autofree char *text = NULL;

        if (!element_urn(reader, field->key, array, i, &text, error))
            return body_retag(field->reason, error);
        if (!text || !urn_parse(text, field->site, field->kind, &ids[i]))
            return fail_urn(reader, field, error);
    }
    return true;
}

bool body_urns(const struct json_reader *reader, const struct urn_field *field, int64_t **ret_ids,
               size_t *ret_n, GError **error)
{
    const json_t *array = NULL;
    int64_t *ids;

    if (!json_read_array(reader, field->key, BODY_LIST_MAX, &array, error))
        return body_retag(field->reason, error);
    if (!array)
        return true;
    ids = g_new(int64_t, json_array_size(array) + 1);
    if (!read_ids(reader, field, array, ids, error)) {
        g_free(ids);
        return false;
    }
    g_free(*ret_ids);
    *ret_n = sort_unique(ids, json_array_size(array));
    *ret_ids = ids;
    return true;
}

bool body_time(const struct json_reader *reader, const char *key, int64_t *ret_ms, GError **error)
{
    const json_t *value = json_get(reader, key);

    if (json_is_string(value)) {
        if (!json_string_value(value)[0] || clock_parse_local(json_string_value(value), ret_ms))
            return true;
    }
    if (json_read_int(reader, key, 0, INT64_MAX / 2, ret_ms, NULL))
        return true;
    return body_fail(reader, key, 0, "milliseconds or yyyy-MM-dd HH:mm:ss", error);
}
