/* json.h - jansson with bounds, for JSON from outside, and a tolerant object reader.
 *
 * Strict inside (agents, etcd: json_unpack_ex with JSON_STRICT), tolerant at the door: the public
 * API's readers match keys without regard to case, because real clients write quantityMb for
 * quantityMB (a key in the exact spelling wins, else the first one that fits).
 *
 * Every reader: an absent key or null leaves *ret untouched and succeeds; a value of the wrong type
 * or range fails with VRM_ERR_INVALID, its message and err_field() naming the full field
 * ("vmConfig.cpu.quantity"), the value and what is allowed.  Values inherit the lifetime of the
 * body; json_t itself must not be shared between threads that change or count it.  Any thread. */
#ifndef VRM_BASE_JSON_H
#define VRM_BASE_JSON_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

#define JSON_MAX_NESTING 32

/* Parses one value of at most len bytes, nested at most JSON_MAX_NESTING deep, no duplicate keys.
 */
json_t *json_parse(const char *text, size_t len, GError **error);
/* Refuses an object, at any depth, with two keys that differ only in case: readers below take
 * either, and nobody knows which one was meant. */
bool json_refuse_twins(const json_t *value, GError **error);
/* Compact, keys in insertion order, UTF-8 as it is; caller frees with g_free. */
char *json_format(const json_t *value);

/* A position in a body: the object and its path for messages. */
struct json_reader {
    const json_t *object; /* NULL: nothing there, all getters leave their outputs */
    char path[160];
};

void json_reader_init(struct json_reader *reader, const json_t *object);
/* Present and not null. */
bool json_has(const struct json_reader *reader, const char *key);
/* NULL if absent or null; borrowed. */
const json_t *json_get(const struct json_reader *reader, const char *key);
/* For checks of the caller's own: fails with "FIELD = VALUE: want WANT". */
bool json_refuse(const struct json_reader *reader, const char *key, const char *want,
                 GError **error);
/* Child object; absent or null gives a reader with object NULL. */
bool json_read_object(const struct json_reader *reader, const char *key,
                      struct json_reader *ret_child, GError **error);
/* Array; absent or null gives NULL; more than max_items is an error. */
bool json_read_array(const struct json_reader *reader, const char *key, size_t max_items,
                     const json_t **ret_array, GError **error);
/* Element i of array, which must be an object. */
bool json_read_element(const struct json_reader *reader, const char *key, const json_t *array,
                       size_t i, struct json_reader *ret_element, GError **error);
/* Integers may also come as a string of digits with an optional sign; floats and out-of-range
 * values are errors. */
bool json_read_int(const struct json_reader *reader, const char *key, int64_t min, int64_t max,
                   int64_t *ret_value, GError **error);
/* true/false, "true"/"false" in any case, 0/1, "0"/"1". */
bool json_read_bool(const struct json_reader *reader, const char *key, bool *ret_value,
                    GError **error);
/* Valid UTF-8 without control characters, at most max_len characters.  *ret_value is replaced (old
 * value freed) only on success; "" is a value. */
bool json_read_string(const struct json_reader *reader, const char *key, size_t max_len,
                      char **ret_value, GError **error);

#endif /* VRM_BASE_JSON_H */
