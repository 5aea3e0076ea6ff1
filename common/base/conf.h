/* conf.h - configuration files: INI, one table of settings per program.
 *
 * The table is the only description: defaults, ranges, help text, --check-config and
 * --print-config all come from it.  Lines are "[section]", "key = value", blank, or comments that
 * start with # or ;.  An unknown section or key, a key given twice and a value out of range are
 * errors that name file, line, the value and what is allowed:
 *
 *     vrmd.conf:12: [api] port = 99999: want 1..65535
 *
 * Any thread. */
#ifndef VRM_BASE_CONF_H
#define VRM_BASE_CONF_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type {
    CONF_STRING, /* char *; min..max characters, max 0: 4096 */
    CONF_PATH,   /* char *; absolute; empty only if the default is */
    CONF_INT,    /* int64_t in [min, max] */
    CONF_BOOL,   /* bool; true/false/yes/no/on/off/1/0 in any case */
    CONF_CHOICE, /* char *; one of choices, separated by '|' */
    CONF_LIST,   /* char ** (GStrv); comma-separated, trimmed; min..max items, max 0: 64 */
};

struct conf_setting {
    const char *section; /* settings of one section stand together */
    const char *name;
    enum conf_type type;
    size_t offset;            /* of the field in the program's settings struct */
    const char *default_text; /* as in the file; NULL: must be given */
    int64_t min, max;
    const char *choices;
    const char *doc; /* one line for --print-config and docs */
    bool reload;     /* takes effect at SIGHUP */
    bool secret;     /* never printed */
    /* What type and range cannot say: returns what is wanted instead of text (g_free), or NULL if
     * it will do.  Asked for each item of a list, never for an empty text.  May be NULL. */
    char *(*wrong)(const char *text);
};

/* Fills the struct at settings (zeroed by the caller).  path NULL: defaults only (for tests);
 * settings that must be given then stay zero.  On failure nothing in settings changes;
 * VRM_ERR_NOT_FOUND if there is no such file, else VRM_ERR_INVALID. */
bool conf_load(const char *path, const struct conf_setting *table, size_t n_table, void *settings,
               GError **error);
/* The same from text; name is used in messages.  For tests and the fuzzer. */
bool conf_parse(const char *text, const char *name, const struct conf_setting *table,
                size_t n_table, void *settings, GError **error);
/* Frees the strings and lists and zeroes all fields of the table. */
void conf_clear(const struct conf_setting *table, size_t n_table, void *settings);
/* The settings as a commented file that conf_parse reads back once the secrets, shown as "***", are
 * put in.  g_free. */
char *conf_format(const struct conf_setting *table, size_t n_table, const void *settings);

#endif /* VRM_BASE_CONF_H */
