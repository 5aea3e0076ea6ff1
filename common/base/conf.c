/* conf.c - see conf.h.
 *
 * Own scanner and not GKeyFile: that one forgets line numbers, takes a key twice and knows escapes
 * which nobody expects in an INI file. */
#include "config.h"

#include "base/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

#define MAX_FILE   ((size_t)1024 * 1024)
#define MAX_STRING 4096
#define MAX_ITEMS  64
/* Some foreign editors begin a UTF-8 file with it. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* One setting's value; which member holds is told by its type. */
union value {
    char *text;
    char **list;
    int64_t number;
    bool flag;
};

/* Where and as what a setting stands in the file. */
struct given {
    char *text; /* NULL: not given */
    int line;
};

struct scan {
    const char *name; /* of the file, for messages */
    const struct conf_setting *table;
    size_t n_table;
    struct given *given; /* n_table of them */
    const char *section; /* the current one; from the table */
    int line;
};

/* --- types ----------------------------------------------------------------------------------- */

static bool in_range(int64_t value, const struct conf_setting *setting, int64_t max_if_zero)
{
    return value >= setting->min && value <= (setting->max ? setting->max : max_if_zero);
}

static bool parse_string(const struct conf_setting *setting, const char *text, union value *ret)
{
    if (!in_range(g_utf8_strlen(text, -1), setting, MAX_STRING))
        return false;
    ret->text = g_strdup(text);
    return true;
}

static bool parse_path(const struct conf_setting *setting, const char *text, union value *ret)
{
    bool may_be_empty = setting->default_text && setting->default_text[0] == '\0';

    if (text[0] != '/' && !(text[0] == '\0' && may_be_empty))
        return false;
    if (strlen(text) >= MAX_STRING)
        return false;
    ret->text = g_strdup(text);
    return true;
}

static bool parse_int(const struct conf_setting *setting, const char *text, union value *ret)
{
    gint64 number;

    if (!g_ascii_string_to_signed(text, 10, setting->min, setting->max, &number, NULL))
        return false;
    ret->number = number;
    return true;
}

static bool parse_bool(const struct conf_setting *setting, const char *text, union value *ret)
{
    static const char *const words[][2] = {
        { "false", "true" }, { "no", "yes" }, { "off", "on" }, { "0", "1" }
    };

    (void)setting;
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(words); i++) {
        if (g_ascii_strcasecmp(text, words[i / 2][i % 2]) == 0) {
            ret->flag = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static bool parse_choice(const struct conf_setting *setting, const char *text, union value *ret)
{
    g_auto(GStrv) choices = g_strsplit(setting->choices, "|", -1);

    if (!g_strv_contains((const char *const *)choices, text))
        return false;
    ret->text = g_strdup(text);
    return true;
}

static bool parse_list(const struct conf_setting *setting, const char *text, union value *ret)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);

    if (text[0] == '\0')
        g_clear_pointer(&items[0], g_free); /* an empty list, not a list of one empty item */
    for (size_t i = 0; items[i]; i++) {
        if (g_strstrip(items[i])[0] == '\0')
            return false;
    }
    if (!in_range(g_strv_length(items), setting, MAX_ITEMS))
        return false;
    ret->list = g_steal_pointer(&items);
    return true;
}

static char *want_string(const struct conf_setting *setting)
{
    return g_strdup_printf("%" G_GINT64_FORMAT "..%" G_GINT64_FORMAT " characters", setting->min,
                           setting->max ? setting->max : MAX_STRING);
}

static char *want_path(const struct conf_setting *setting)
{
    (void)setting;
    return g_strdup("an absolute path");
}

static char *want_int(const struct conf_setting *setting)
{
    return g_strdup_printf("%" G_GINT64_FORMAT "..%" G_GINT64_FORMAT, setting->min, setting->max);
}

static char *want_bool(const struct conf_setting *setting)
{
    (void)setting;
    return g_strdup("true or false");
}

static char *want_choice(const struct conf_setting *setting)
{
    g_auto(GStrv) choices = g_strsplit(setting->choices, "|", -1);
    g_autofree char *joined = g_strjoinv(", ", choices);

    return g_strdup_printf("one of %s", joined);
}

static char *want_list(const struct conf_setting *setting)
{
    return g_strdup_printf("%" G_GINT64_FORMAT "..%" G_GINT64_FORMAT
                           " items with commas between them, none empty",
                           setting->min, setting->max ? setting->max : MAX_ITEMS);
}

static char *show_text(const union value *value)
{
    return g_strdup(value->text);
}

static char *show_int(const union value *value)
{
    return g_strdup_printf("%" G_GINT64_FORMAT, value->number);
}

static char *show_bool(const union value *value)
{
    return g_strdup(value->flag ? "true" : "false");
}

static char *show_list(const union value *value)
{
    return value->list ? g_strjoinv(", ", value->list) : NULL;
}

static void clear_text(union value *value)
{
    g_free(value->text);
}

static void clear_list(union value *value)
{
    g_strfreev(value->list);
}

static void clear_nothing(union value *value)
{
    (void)value;
}

/* clang-format off */
static const struct type {
    size_t size;
    bool (*parse)(const struct conf_setting *setting, const char *text, union value *ret);
    char *(*want)(const struct conf_setting *setting);
    char *(*show)(const union value *value); /* NULL: not set */
    void (*clear)(union value *value);
} types[] = {
    [CONF_STRING] = { sizeof(char *),  parse_string, want_string, show_text, clear_text },
    [CONF_PATH]   = { sizeof(char *),  parse_path,   want_path,   show_text, clear_text },
    [CONF_INT]    = { sizeof(int64_t), parse_int,    want_int,    show_int,  clear_nothing },
    [CONF_BOOL]   = { sizeof(bool),    parse_bool,   want_bool,   show_bool, clear_nothing },
    [CONF_CHOICE] = { sizeof(char *),  parse_choice, want_choice, show_text, clear_text },
    [CONF_LIST]   = { sizeof(char **), parse_list,   want_list,   show_list, clear_list },
};
/* clang-format on */

/* The members of the union all start at its address, so memcpy moves any of them. */
static void load_field(const struct conf_setting *setting, const void *settings, union value *ret)
{
    memcpy(ret, (const char *)settings + setting->offset, types[setting->type].size);
}

static void store_field(const struct conf_setting *setting, void *settings,
                        const union value *value)
{
    memcpy((char *)settings + setting->offset, value, types[setting->type].size);
}

/* --- near matches ---------------------------------------------------------------------------- */

/* Levenshtein's distance; names longer than the row count as far away. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64];
    size_t len_b = strlen(b);

    if (len_b + 1 > G_N_ELEMENTS(row))
        return SIZE_MAX;
    for (size_t j = 0; j <= len_b; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < len_b; j++) {
            size_t above = row[j + 1];
            size_t change = diagonal + (g_ascii_tolower(a[i]) != g_ascii_tolower(b[j]));

            row[j + 1] = MIN(MIN(above, row[j]) + 1, change);
            diagonal = above;
        }
    }
    return row[len_b];
}

/* "did you mean NAME?" or "known: NAME, NAME": sections, or the keys of scan's section. */
static char *hint(const struct scan *scan, const char *word, bool sections)
{
    g_autoptr(GString) known = g_string_new(NULL);
    const char *near = NULL, *last = NULL;
    size_t best = 3; /* what is further away was not a slip of the fingers */

    for (size_t i = 0; i < scan->n_table; i++) {
        const struct conf_setting *setting = &scan->table[i];
        const char *name = sections ? setting->section : setting->name;
        size_t away;

        if (sections ? g_strcmp0(name, last) == 0 : strcmp(setting->section, scan->section) != 0)
            continue;
        last = name;
        g_string_append_printf(known, "%s%s", known->len ? ", " : "", name);
        away = distance(word, name);
        if (away < best && away < strlen(name)) {
            best = away;
            near = name;
        }
    }
    return near ? g_strdup_printf("did you mean %s?", near)
                : g_strdup_printf("known: %s", known->str);
}

/* --- scanner --------------------------------------------------------------------------------- */

static bool enter_section(struct scan *scan, char *line, GError **error)
{
    g_autofree char *near = NULL;
    size_t len = strlen(line);
    const char *name;

    if (line[len - 1] != ']') {
        err_set(error, VRM_ERR_INVALID, "%s:%d: \"%s\": want [section]", scan->name, scan->line,
                line);
        return false;
    }
    line[len - 1] = '\0';
    name = g_strstrip(line + 1);
    for (size_t i = 0; i < scan->n_table; i++) {
        if (strcmp(scan->table[i].section, name) == 0) {
            scan->section = scan->table[i].section;
            return true;
        }
    }
    near = hint(scan, name, true);
    err_set(error, VRM_ERR_INVALID, "%s:%d: unknown section [%s]; %s", scan->name, scan->line, name,
            near);
    return false;
}

static bool note_given(struct scan *scan, const char *key, const char *text, GError **error)
{
    g_autofree char *near = NULL;

    for (size_t i = 0; i < scan->n_table; i++) {
        struct given *given = &scan->given[i];

        if (strcmp(scan->table[i].section, scan->section) != 0 ||
            strcmp(scan->table[i].name, key) != 0)
            continue;
        if (given->text) {
            err_set(error, VRM_ERR_INVALID, "%s:%d: [%s] %s is given twice, first in line %d",
                    scan->name, scan->line, scan->section, key, given->line);
            return false;
        }
        given->text = g_strdup(text);
        given->line = scan->line;
        return true;
    }
    near = hint(scan, key, false);
    err_set(error, VRM_ERR_INVALID, "%s:%d: unknown key %s in [%s]; %s", scan->name, scan->line,
            key, scan->section, near);
    return false;
}

static bool scan_line(struct scan *scan, char *line, GError **error)
{
    char *equals;

    g_strstrip(line);
    if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
        return true;
    if (line[0] == '[')
        return enter_section(scan, line, error);
    equals = strchr(line, '=');
    if (!equals || equals == line) {
        err_set(error, VRM_ERR_INVALID, "%s:%d: \"%.60s\": want key = value", scan->name,
                scan->line, line);
        return false;
    }
    if (!scan->section) {
        err_set(error, VRM_ERR_INVALID, "%s:%d: a key stands before the first [section]",
                scan->name, scan->line);
        return false;
    }
    *equals = '\0';
    return note_given(scan, g_strchomp(line), g_strchug(equals + 1), error);
}

static bool has_control(const char *line)
{
    for (; *line != '\0'; line++) {
        if (g_ascii_iscntrl(*line) && *line != '\t')
            return true;
    }
    return false;
}

static bool scan_text(struct scan *scan, const char *text, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(
        g_str_has_prefix(text, BYTE_ORDER_MARK) ? text + strlen(BYTE_ORDER_MARK) : text, "\n", -1);

    for (size_t i = 0; lines[i]; i++) {
        scan->line = (int)i + 1;
        g_strchomp(lines[i]); /* also the CR of a foreign editor */
        if (!g_utf8_validate(lines[i], -1, NULL) || has_control(lines[i])) {
            err_set(error, VRM_ERR_INVALID, "%s:%d: want UTF-8 text without control characters",
                    scan->name, scan->line);
            return false;
        }
        if (!scan_line(scan, lines[i], error))
            return false;
    }
    return true;
}

/* --- values ---------------------------------------------------------------------------------- */

static bool refuse(const struct scan *scan, size_t i, const char *text, const char *want,
                   GError **error)
{
    const struct conf_setting *setting = &scan->table[i];
    g_autofree char *where = scan->given[i].text
                                 ? g_strdup_printf("%s:%d:", scan->name, scan->given[i].line)
                                 : g_strdup_printf("%s (default):", scan->name);

    err_set_reason(error, VRM_ERR_INVALID, 0, setting->name, "%s [%s] %s = %.80s: want %s", where,
                   setting->section, setting->name, setting->secret ? "***" : text, want);
    return false;
}

/* The setting's own check.  True: text will do. */
static bool check_one(const struct scan *scan, size_t i, const char *text, GError **error)
{
    const struct conf_setting *setting = &scan->table[i];
    g_autofree char *want = setting->wrong && *text ? setting->wrong(text) : NULL;

    return !want || refuse(scan, i, text, want, error);
}

static bool check_value(const struct scan *scan, size_t i, const char *text,
                        const union value *value, GError **error)
{
    if (scan->table[i].type != CONF_LIST)
        return check_one(scan, i, text, error);
    for (char **item = value->list; *item; item++) {
        if (!check_one(scan, i, *item, error))
            return false;
    }
    return true;
}

static bool parse_value(const struct scan *scan, size_t i, const char *text, union value *ret_value,
                        GError **error)
{
    const struct conf_setting *setting = &scan->table[i];
    g_autofree char *want = NULL;

    if (types[setting->type].parse(setting, text, ret_value))
        return check_value(scan, i, text, ret_value, error);
    want = types[setting->type].want(setting);
    return refuse(scan, i, text, want, error);
}

/* All settings into values; those not given take their default. */
static bool parse_values(const struct scan *scan, bool need_all, union value *values,
                         GError **error)
{
    for (size_t i = 0; i < scan->n_table; i++) {
        const struct conf_setting *setting = &scan->table[i];
        const char *text = scan->given[i].text ? scan->given[i].text : setting->default_text;

        if (!text && need_all) {
            err_set_reason(error, VRM_ERR_INVALID, 0, setting->name,
                           "%s: [%s] %s is missing; it has no default (%s)", scan->name,
                           setting->section, setting->name, setting->doc);
            return false;
        }
        if (text && !parse_value(scan, i, text, &values[i], error))
            return false;
    }
    return true;
}

/* text NULL: defaults only. */
static bool parse_all(struct scan *scan, const char *text, void *settings, GError **error)
{
    union value *values = g_new0(union value, scan->n_table);
    bool good;

    scan->given = g_new0(struct given, scan->n_table);
    good =
        (!text || scan_text(scan, text, error)) && parse_values(scan, text != NULL, values, error);
    for (size_t i = 0; i < scan->n_table; i++) {
        if (good)
            store_field(&scan->table[i], settings, &values[i]);
        else
            types[scan->table[i].type].clear(&values[i]);
        g_free(scan->given[i].text);
    }
    g_free(scan->given);
    g_free(values);
    return good;
}

bool conf_parse(const char *text, const char *name, const struct conf_setting *table,
                size_t n_table, void *settings, GError **error)
{
    struct scan scan = { .name = name, .table = table, .n_table = n_table };

    return parse_all(&scan, text, settings, error);
}

/* At most MAX_FILE bytes: a path to a device or a log must not fill the memory. */
static char *read_file(const char *path, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buf[4096];
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        err_set(error, errno == ENOENT ? VRM_ERR_NOT_FOUND : VRM_ERR_INVALID, "%s: %s", path,
                g_strerror(errno));
        return NULL;
    }
    while (text->len <= MAX_FILE && (n = read(fd, buf, sizeof(buf))) > 0)
        g_string_append_len(text, buf, n);
    if (n < 0)
        err_set(error, VRM_ERR_INVALID, "%s: %s", path, g_strerror(errno));
    close(fd);
    if (n < 0)
        return NULL;
    if (text->len > MAX_FILE || strlen(text->str) != text->len) {
        err_set(error, VRM_ERR_INVALID, "%s: not a configuration file: %s", path,
                text->len > MAX_FILE ? "larger than 1 MiB" : "contains a zero byte");
        return NULL;
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

bool conf_load(const char *path, const struct conf_setting *table, size_t n_table, void *settings,
               GError **error)
{
    struct scan scan = { .name = path ? path : "defaults", .table = table, .n_table = n_table };
    g_autofree char *text = NULL;

    if (path) {
        text = read_file(path, error);
        if (!text)
            return false;
    }
    return parse_all(&scan, text, settings, error);
}

void conf_clear(const struct conf_setting *table, size_t n_table, void *settings)
{
    const union value zero = { 0 };

    for (size_t i = 0; i < n_table; i++) {
        union value value = { 0 };

        load_field(&table[i], settings, &value);
        types[table[i].type].clear(&value);
        store_field(&table[i], settings, &zero);
    }
}

static void append_setting(GString *out, const struct conf_setting *setting, const void *settings)
{
    const struct type *type = &types[setting->type];
    union value value = { 0 };
    g_autofree char *want = type->want(setting);
    g_autofree char *shown = NULL;

    load_field(setting, settings, &value);
    shown = type->show(&value);
    if (shown && shown[0] != '\0' && setting->secret) {
        g_free(shown);
        shown = g_strdup("***");
    }
    g_string_append_printf(out, "# %s\n# %s", setting->doc, want);
    if (!setting->default_text)
        g_string_append(out, "; must be given");
    else if (setting->default_text[0] != '\0')
        g_string_append_printf(out, "; default %s", setting->default_text);
    g_string_append_printf(out, "%s\n", setting->reload ? "; read again at SIGHUP" : "");
    if (shown)
        g_string_append_printf(out, "%s = %s\n", setting->name, shown);
    else
        g_string_append_printf(out, "#%s =\n", setting->name);
}

char *conf_format(const struct conf_setting *table, size_t n_table, const void *settings)
{
    GString *out = g_string_new(NULL);
    const char *section = NULL;

    for (size_t i = 0; i < n_table; i++) {
        if (g_strcmp0(section, table[i].section) != 0)
            g_string_append_printf(out, "%s[%s]\n", section ? "\n" : "", table[i].section);
        section = table[i].section;
        append_setting(out, &table[i], settings);
    }
    return g_string_free(out, FALSE);
}
