/* fuzz_json.c - the JSON parser with its bounds, and the tolerant readers over what it accepts.
 *
 * What is accepted must print to text that is accepted again and is equal. */
#include "config.h"

#include "base/json.h"

#include <string.h>

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const keys[] = { "a", "name", "quantityMB", "" };

static void expect(bool good, GError **error)
{
    g_assert(good == (*error == NULL));
    g_assert(good || (err_is(*error, VRM_ERR_INVALID) && err_field(*error)));
    g_assert(good || g_utf8_validate((*error)->message, -1, NULL));
    g_clear_error(error);
}

/* NOLINTNEXTLINE(misc-no-recursion): depth bounds it */
static void read_key(const struct json_reader *reader, const char *key, int depth)
{
    struct json_reader child;
    GError *error = NULL;
    const json_t *array = NULL;
    g_autofree char *text = NULL;
    int64_t number = 0;
    bool flag, good;

    expect(json_read_int(reader, key, -5, 1000, &number, &error), &error);
    g_assert(number >= -5 && number <= 1000);
    expect(json_read_bool(reader, key, &flag, &error), &error);
    good = json_read_string(reader, key, 8, &text, &error);
    expect(good, &error);
    g_assert(!text || g_utf8_strlen(text, -1) <= 8);
    good = json_read_array(reader, key, 4, &array, &error);
    expect(good, &error);
    for (size_t i = 0; i < json_array_size(array); i++) {
        good = json_read_element(reader, key, array, i, &child, &error);
        expect(good, &error);
    }
    good = json_read_object(reader, key, &child, &error);
    expect(good, &error);
    for (size_t i = 0; good && depth < 2 && i < G_N_ELEMENTS(keys); i++)
        read_key(&child, keys[i], depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) value = json_parse((const char *)data, size, &error);
    g_autoptr(json_t) again = NULL;
    g_autofree char *text = NULL;
    struct json_reader reader;

    g_assert((value == NULL) == err_is(error, VRM_ERR_INVALID));
    if (!value)
        return 0;
    text = json_format(value);
    again = json_parse(text, strlen(text), NULL);
    g_assert(again && json_equal(value, again));
    json_reader_init(&reader, value);
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        read_key(&reader, keys[i], 0);
    return 0;
}
