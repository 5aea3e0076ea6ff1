/* devices.c - see devices.h. */
#include "config.h"

#include "model/devices.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"

void devices_free(Devices *devices)
{
    if (!devices)
        return;
    for (size_t i = 0; i < devices->n; i++)
        g_free(devices->items[i].name);
    g_free(devices->items);
    g_free(devices);
}

bool devices_is_name(const char *name)
{
    size_t len = strlen(name);

    for (const char *c = name; *c; c++) {
        if (!g_ascii_isalnum(*c) && !strchr("._-", *c))
            return false;
    }
    return len >= 1 && len <= DEVICES_MAX_NAME;
}

bool devices_is_mdev(const char *name)
{
    return g_str_has_prefix(name, DEVICES_MDEV);
}

/* The place of the name, or where it belongs. */
static size_t find(const Devices *devices, const char *name, bool *ret_found)
{
    size_t i = 0;

    while (i < devices->n && strcmp(devices->items[i].name, name) < 0)
        i++;
    *ret_found = i < devices->n && strcmp(devices->items[i].name, name) == 0;
    return i;
}

bool devices_add(Devices *devices, const char *name, int64_t count)
{
    bool found;
    size_t at = find(devices, name, &found);
    int64_t before = found ? devices->items[at].count : 0;

    if (!devices_is_name(name) || count < 1 || count > DEVICES_MAX_COUNT - before ||
        (!found && devices->n >= DEVICES_MAX_KINDS))
        return false;
    if (!found) {
        devices->items = g_renew(struct device_kind, devices->items, devices->n + 1);
        memmove(&devices->items[at + 1], &devices->items[at],
                (devices->n - at) * sizeof(*devices->items));
        devices->items[at] = (struct device_kind){ .name = g_strdup(name) };
        devices->n++;
    }
    devices->items[at].count = before + count;
    return true;
}

int64_t devices_count(const Devices *devices, const char *name)
{
    bool found;
    size_t at = find(devices, name, &found);

    return found ? devices->items[at].count : 0;
}

int64_t devices_total(const Devices *devices)
{
    int64_t total = 0;

    for (size_t i = 0; i < devices->n; i++)
        total += devices->items[i].count;
    return total;
}

/* "NAME:COUNT" */
static bool add_word(Devices *devices, const char *word)
{
    const char *colon = strchr(word, ':');
    g_autofree char *name = colon ? g_strndup(word, (gsize)(colon - word)) : NULL;
    char *end = NULL;
    int64_t count = colon && g_ascii_isdigit(colon[1]) ? g_ascii_strtoll(colon + 1, &end, 10) : 0;

    return name && end && *end == '\0' && devices_add(devices, name, count);
}

Devices *devices_parse(const char *text, GError **error)
{
    g_autoptr(Devices) devices = g_new0(Devices, 1);
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    for (char **word = words; *word; word++) {
        if (**word == '\0' || add_word(devices, *word))
            continue;
        err_set(error, VRM_ERR_INVALID,
                "devices: '%.80s' is wrong: want NAME:COUNT, NAME of 1 to %d letters, digits, '.', "
                "'_' and '-', COUNT 1 to %d, at most %d names",
                *word, DEVICES_MAX_NAME, DEVICES_MAX_COUNT, DEVICES_MAX_KINDS);
        return NULL;
    }
    return g_steal_pointer(&devices);
}

char *devices_format(const Devices *devices)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < devices->n; i++)
        g_string_append_printf(text, "%s%s:%" PRId64, i > 0 ? " " : "", devices->items[i].name,
                               devices->items[i].count);
    return g_string_free(text, FALSE);
}

char *devices_text(const Devices *devices)
{
    GString *text = g_string_new(devices->n == 0 ? "none" : NULL);

    for (size_t i = 0; i < devices->n; i++)
        g_string_append_printf(text, "%s%" PRId64 " of %s", i > 0 ? ", " : "",
                               devices->items[i].count, devices->items[i].name);
    return g_string_free(text, FALSE);
}
