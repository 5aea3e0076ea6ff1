/* json.c - see json.h. */
#include "config.h"

#include "base/json.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

/* Characters of a refused value that a message repeats. */
#define SHOWN_MAX 48

/* jansson's parser recurses once for each level: count before it runs. */
static bool check_nesting(const char *text, size_t len, GError **error)
{
    int depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_MAX_NESTING) {
                err_set(error, VRM_ERR_INVALID, "JSON is nested deeper than %d levels at byte %zu",
                        JSON_MAX_NESTING, i);
                return false;
            }
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return true;
}

json_t *json_parse(const char *text, size_t len, GError **error)
{
    json_error_t trouble;
    json_t *value;

    if (!check_nesting(text, len, error))
        return NULL;
    value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &trouble);
    if (!value)
        err_set(error, VRM_ERR_INVALID, "not JSON: line %d column %d: %s", trouble.line,
                trouble.column, trouble.text);
    return value;
}

char *json_format(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    g_assert(text); /* only a cycle or text that is not UTF-8 gets here, both made by us */
    return text;    /* jansson's malloc() is GLib's since 2.46 */
}

void json_reader_init(struct json_reader *reader, const json_t *object)
{
    reader->object = json_is_object(object) ? object : NULL;
    reader->path[0] = '\0';
}

/* jansson's iterators want a mutable object but only read it. */
static const json_t *find_any_case(const json_t *object, const char *key)
{
    union {
        const json_t *from;
        json_t *to;
    } cast = { .from = object };
    void *iter;

    for (iter = json_object_iter(cast.to); iter; iter = json_object_iter_next(cast.to, iter)) {
        if (g_ascii_strcasecmp(json_object_iter_key(iter), key) == 0)
            return json_object_iter_value(iter);
    }
    return NULL;
}

static bool refuse_twins(const json_t *value, const char *path, GError **error);

/* NOLINTNEXTLINE(misc-no-recursion): JSON_MAX_NESTING bounds it */
static bool refuse_twin_keys(const json_t *object, const char *path, GError **error)
{
    union {
        const json_t *from;
        json_t *to;
    } cast = { .from = object };
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    void *iter;

    for (iter = json_object_iter(cast.to); iter; iter = json_object_iter_next(cast.to, iter)) {
        const char *key = json_object_iter_key(iter);
        g_autofree char *below = g_strconcat(path, *path ? "." : "", key, NULL);
        char *folded = g_ascii_strdown(key, -1);
        const char *twin = g_hash_table_lookup(seen, folded);

        g_hash_table_replace(seen, folded, (char *)(uintptr_t)key);
        if (twin) {
            err_set_reason(error, VRM_ERR_INVALID, 0, below,
                           "%.160s: the keys \"%.60s\" and \"%.60s\" are the same but for their "
                           "case: want one of them",
                           below, twin, key);
            return false;
        }
        if (!refuse_twins(json_object_iter_value(iter), below, error))
            return false;
    }
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): JSON_MAX_NESTING bounds it */
static bool refuse_twins(const json_t *value, const char *path, GError **error)
{
    if (json_is_object(value))
        return refuse_twin_keys(value, path, error);
    for (size_t i = 0; i < json_array_size(value); i++) {
        g_autofree char *below = g_strdup_printf("%s[%zu]", path, i);

        if (!refuse_twins(json_array_get(value, i), below, error))
            return false;
    }
    return true;
}

bool json_refuse_twins(const json_t *value, GError **error)
{
    return refuse_twins(value, "", error);
}

const json_t *json_get(const struct json_reader *reader, const char *key)
{
    const json_t *value = json_object_get(reader->object, key);

    if (!value && reader->object)
        value = find_any_case(reader->object, key);
    return json_is_null(value) ? NULL : value;
}

bool json_has(const struct json_reader *reader, const char *key)
{
    return json_get(reader, key) != NULL;
}

/* "vmConfig.cpu" + "quantity"; a path too long for the buffer is cut, which only costs words. */
static void join_path(const struct json_reader *reader, const char *key, char *ret, size_t size)
{
    g_snprintf(ret, size, "%s%s%s", reader->path, reader->path[0] != '\0' ? "." : "", key);
}

/* The value as the client wrote it, cut to what a message can bear. */
static char *show_value(const json_t *value)
{
    g_autofree char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

    if (!text)
        return g_strdup("?");
    if (strlen(text) > SHOWN_MAX)
        memcpy(text + SHOWN_MAX - 3, "...", 4);
    return g_steal_pointer(&text);
}

static bool refuse_value(const char *field, const json_t *value, const char *want, GError **error)
{
    g_autofree char *shown = show_value(value);

    err_set_reason(error, VRM_ERR_INVALID, 0, field, "%s = %s: want %s", field, shown, want);
    return false;
}

bool json_refuse(const struct json_reader *reader, const char *key, const char *want,
                 GError **error)
{
    char field[sizeof(reader->path)];
    const json_t *value = json_get(reader, key);

    join_path(reader, key, field, sizeof(field));
    if (value)
        return refuse_value(field, value, want, error);
    err_set_reason(error, VRM_ERR_INVALID, 0, field, "%s is missing: want %s", field, want);
    return false;
}

bool json_read_object(const struct json_reader *reader, const char *key,
                      struct json_reader *ret_child, GError **error)
{
    const json_t *value = json_get(reader, key);
    struct json_reader child = { .object = value };

    if (value && !json_is_object(value))
        return json_refuse(reader, key, "an object", error);
    join_path(reader, key, child.path, sizeof(child.path));
    *ret_child = child;
    return true;
}

bool json_read_array(const struct json_reader *reader, const char *key, size_t max_items,
                     const json_t **ret_array, GError **error)
{
    const json_t *value = json_get(reader, key);
    char field[sizeof(reader->path)];

    if (value && !json_is_array(value))
        return json_refuse(reader, key, "an array", error);
    if (json_array_size(value) > max_items) {
        join_path(reader, key, field, sizeof(field));
        err_set_reason(error, VRM_ERR_INVALID, 0, field, "%s has %zu items: want at most %zu",
                       field, json_array_size(value), max_items);
        return false;
    }
    *ret_array = value;
    return true;
}

bool json_read_element(const struct json_reader *reader, const char *key, const json_t *array,
                       size_t i, struct json_reader *ret_element, GError **error)
{
    struct json_reader element = { .object = json_array_get(array, i) };
    g_autofree char *indexed = g_strdup_printf("%s[%zu]", key, i);

    join_path(reader, indexed, element.path, sizeof(element.path));
    if (!element.object || !json_is_object(element.object))
        return refuse_value(element.path, element.object, "an object", error);
    *ret_element = element;
    return true;
}

static bool parse_digits(const char *text, int64_t *ret_value)
{
    char *end;
    gint64 value;

    if (!g_ascii_isdigit(text[text[0] == '-' || text[0] == '+'])) /* no blanks, no empty text */
        return false;
    errno = 0;
    value = g_ascii_strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *ret_value = value;
    return true;
}

bool json_read_int(const struct json_reader *reader, const char *key, int64_t min, int64_t max,
                   int64_t *ret_value, GError **error)
{
    const json_t *value = json_get(reader, key);
    g_autofree char *want = NULL;
    int64_t number = 0;
    bool good;

    if (!value)
        return true;
    if (json_is_integer(value)) {
        number = json_integer_value(value);
        good = true;
    } else {
        good = json_is_string(value) && parse_digits(json_string_value(value), &number);
    }
    if (good && number >= min && number <= max) {
        *ret_value = number;
        return true;
    }
    want = g_strdup_printf("an integer %" G_GINT64_FORMAT "..%" G_GINT64_FORMAT, min, max);
    return json_refuse(reader, key, want, error);
}

bool json_read_bool(const struct json_reader *reader, const char *key, bool *ret_value,
                    GError **error)
{
    const json_t *value = json_get(reader, key);
    const char *text = json_string_value(value);

    if (!value)
        return true;
    if (json_is_boolean(value)) {
        *ret_value = json_is_true(value);
        return true;
    }
    if (json_is_integer(value) && (json_integer_value(value) | 1) == 1) {
        *ret_value = json_integer_value(value) == 1;
        return true;
    }
    if (text && (g_ascii_strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0)) {
        *ret_value = true;
        return true;
    }
    if (text && (g_ascii_strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0)) {
        *ret_value = false;
        return true;
    }
    return json_refuse(reader, key, "true or false", error);
}

/* C0, DEL and C1 (in UTF-8: C2 80 .. C2 9F).  jansson has checked the UTF-8 and refused U+0000. */
static bool has_control(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    for (; *at != '\0'; at++) {
        if (*at < 0x20 || *at == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0))
            return true;
    }
    return false;
}

bool json_read_string(const struct json_reader *reader, const char *key, size_t max_len,
                      char **ret_value, GError **error)
{
    const json_t *value = json_get(reader, key);
    const char *text = json_string_value(value);
    g_autofree char *want = NULL;

    if (!value)
        return true;
    if (text && !has_control(text) && (size_t)g_utf8_strlen(text, -1) <= max_len) {
        g_free(*ret_value);
        *ret_value = g_strdup(text);
        return true;
    }
    want = g_strdup_printf("text of at most %zu characters without control characters", max_len);
    return json_refuse(reader, key, want, error);
}
