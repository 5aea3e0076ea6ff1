/* fuzz_conf.c - configuration files: whatever is accepted prints to a file that says the same. */
#include "config.h"

#include "base/conf.h"

#include <string.h>

#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct settings {
    char *text, *path, *choice;
    char **list;
    int64_t number;
    bool flag;
};

#define AT(field) offsetof(struct settings, field)

/* clang-format off */
static const struct conf_setting table[] = {
    { "api", "text",   CONF_STRING, AT(text),   "x",  0, 20, NULL, "t", false, false, NULL },
    { "api", "path",   CONF_PATH,   AT(path),   "",   0, 0, NULL, "p", false, false, NULL },
    { "api", "number", CONF_INT,    AT(number), "1", -9, 99, NULL, "n", true, false, NULL },
    { "log", "choice", CONF_CHOICE, AT(choice), "a",  0, 0, "a|bb", "c", false, false, NULL },
    { "log", "list",   CONF_LIST,   AT(list),   "",   0, 3, NULL, "l", false, false, NULL },
    { "log", "flag",   CONF_BOOL,   AT(flag),   "no", 0, 0, NULL, "f", false, false, NULL },
};
/* clang-format on */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size); /* up to the first zero byte */
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;
    g_autoptr(GError) error = NULL;
    struct settings settings = { 0 }, again = { 0 };

    if (!conf_parse(text, "fuzz.conf", table, G_N_ELEMENTS(table), &settings, &error)) {
        g_assert(err_is(error, VRM_ERR_INVALID));
        g_assert(g_str_has_prefix(error->message, "fuzz.conf:"));
        g_assert(!settings.text && !settings.list && !settings.number);
        return 0;
    }
    first = conf_format(table, G_N_ELEMENTS(table), &settings);
    g_assert(conf_parse(first, "again", table, G_N_ELEMENTS(table), &again, NULL));
    second = conf_format(table, G_N_ELEMENTS(table), &again);
    g_assert_cmpstr(first, ==, second);
    conf_clear(table, G_N_ELEMENTS(table), &settings);
    conf_clear(table, G_N_ELEMENTS(table), &again);
    return 0;
}
