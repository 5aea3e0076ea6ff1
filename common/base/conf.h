/* conf.h - configuration files: INI, one table of settings per program.
 *
 * The table is the only description: defaults, ranges, help text, --check-config and
 * --print-config all come from it.  Errors name file, line, the value and what is allowed. */
#ifndef VRM_BASE_CONF_H
#define VRM_BASE_CONF_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type {
    CONF_STRING, /* char *; min/max: length */
    CONF_PATH,   /* char *; absolute */
    CONF_INT,    /* int64_t in [min, max] */
    CONF_BOOL,   /* bool; true/false/yes/no/on/off/1/0 */
    CONF_CHOICE, /* char *; one of choices, separated by '|' */
    CONF_LIST,   /* char ** (GStrv); comma-separated, trimmed */
};

struct conf_setting {
    const char *section;
    const char *name;
    enum conf_type type;
    size_t offset;            /* of the field in the program's settings struct */
    const char *default_text; /* as in the file; NULL: must be given */
    int64_t min, max;
    const char *choices;
    const char *doc; /* one line for --print-config and docs */
    bool reload;     /* takes effect at SIGHUP */
    bool secret;     /* never printed */
};

/* Fills the struct at settings (zeroed by the caller).  path NULL: defaults only (for tests).
 * On failure nothing in settings changes. */
bool conf_load(const char *path, const struct conf_setting *table, size_t n_table, void *settings,
               GError **error);
/* The same from text; name is used in messages.  For tests and the fuzzer. */
bool conf_parse(const char *text, const char *name, const struct conf_setting *table,
                size_t n_table, void *settings, GError **error);
/* Frees the strings and lists and zeroes them. */
void conf_clear(const struct conf_setting *table, size_t n_table, void *settings);
/* The settings as a commented file; secrets as "***". */
char *conf_format(const struct conf_setting *table, size_t n_table, const void *settings);

#endif /* VRM_BASE_CONF_H */
