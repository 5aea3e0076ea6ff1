/* log.c - see log.h.
 *
 * Entries go to the sink directly and not through g_log_structured(): under G_DEBUG=fatal-warnings
 * (all our tests) that would turn each warning of ours into an abort. */
#include "config.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define MAX_FIELDS 24

static const struct level {
    const char *name;
    const char *priority; /* syslog's */
} levels[] = {
    [LOG_LEVEL_ERROR] = { "error", "3" },
    [LOG_LEVEL_WARNING] = { "warning", "4" },
    [LOG_LEVEL_INFO] = { "info", "6" },
    [LOG_LEVEL_DEBUG] = { "debug", "7" },
};

/* The one mutable global of the project: a log that had to be handed around would not be used. */
static struct {
    atomic_int level;
    bool to_journal;     /* set before threads start, then read only */
    char identifier[32]; /* likewise; "" until log_init */
} sink = { .level = LOG_LEVEL_INFO };

/* GLib's "error" aborts by itself; here it is an error like others. */
static enum log_level level_of_glib(GLogLevelFlags flags)
{
    if (flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
        return LOG_LEVEL_ERROR;
    if (flags & G_LOG_LEVEL_WARNING)
        return LOG_LEVEL_WARNING;
    if (flags & (G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO))
        return LOG_LEVEL_INFO;
    return LOG_LEVEL_DEBUG;
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&sink.level, memory_order_relaxed);
}

/* How many bytes here are a control character: C0 and DEL are one, C1 two (C2 80 .. C2 9F). */
static size_t control_len(const unsigned char *at, size_t n_left)
{
    if (at[0] < 0x20 || at[0] == 0x7f)
        return 1;
    return n_left >= 2 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0 ? 2 : 0;
}

static void append_escaped(GString *line, const char *text, size_t len, bool quoted)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + len;

    while (at < end) {
        size_t n_control = control_len(at, (size_t)(end - at));

        if (n_control > 0) {
            for (; n_control > 0; n_control--)
                g_string_append_printf(line, "\\x%02x", (unsigned)*at++);
            continue;
        }
        if (quoted && (*at == '"' || *at == '\\'))
            g_string_append_c(line, '\\');
        g_string_append_c(line, (char)*at++);
    }
}

static size_t field_len(const GLogField *field)
{
    return field->length < 0 ? strlen(field->value) : (size_t)field->length;
}

static bool needs_quotes(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strchr(" \"\\=", value[i]))
            return true;
    }
    return len == 0;
}

static void append_field(GString *line, const GLogField *field)
{
    size_t len = field_len(field);
    bool quoted = needs_quotes(field->value, len);

    g_string_append_printf(line, " %s=", field->key);
    if (quoted)
        g_string_append_c(line, '"');
    append_escaped(line, field->value, len, quoted);
    if (quoted)
        g_string_append_c(line, '"');
}

/* These say nothing that the line does not already show. */
static bool is_implicit_field(const char *key)
{
    static const char *const implicit[] = { "MESSAGE",          "PRIORITY",  "SYSLOG_IDENTIFIER",
                                            "GLIB_DOMAIN",      "CODE_FILE", "CODE_LINE",
                                            "GLIB_OLD_LOG_API", "CODE_FUNC" };

    for (size_t i = 0; i < G_N_ELEMENTS(implicit); i++) {
        if (strcmp(key, implicit[i]) == 0)
            return true;
    }
    return false;
}

/* The message, then its fields: what a person reads. */
static void append_text(GString *line, const GLogField *fields, size_t n_fields)
{
    for (size_t i = 0; i < n_fields; i++) {
        if (strcmp(fields[i].key, "MESSAGE") == 0)
            append_escaped(line, fields[i].value, field_len(&fields[i]), false);
    }
    for (size_t i = 0; i < n_fields; i++) {
        if (!is_implicit_field(fields[i].key))
            append_field(line, &fields[i]);
    }
}

/* One write() per entry: lines of several threads do not mix. */
static void write_stderr(enum log_level level, const GLogField *fields, size_t n_fields)
{
    g_autofree char *when = clock_format_log(clock_wall_ms());
    g_autoptr(GString) line = g_string_new(NULL);
    ssize_t ignored;

    g_string_append_printf(line, "%s %-5s ", when, levels[level].name);
    append_text(line, fields, n_fields);
    g_string_append_c(line, '\n');
    ignored = write(STDERR_FILENO, line->str, line->len);
    (void)ignored; /* a log that cannot be written has nobody to tell */
}

/* journalctl shows only MESSAGE, so the fields stand in there too. */
static bool write_journal(const GLogField *fields, size_t n_fields)
{
    g_autofree GLogField *shown = g_memdup2(fields, n_fields * sizeof(*fields));
    g_autoptr(GString) text = g_string_new(NULL);

    append_text(text, fields, n_fields);
    for (size_t i = 0; i < n_fields; i++) {
        if (strcmp(shown[i].key, "MESSAGE") == 0)
            shown[i] = (GLogField){ .key = "MESSAGE", .value = text->str, .length = -1 };
    }
    return g_log_writer_journald(G_LOG_LEVEL_INFO, shown, n_fields, NULL) == G_LOG_WRITER_HANDLED;
}

static void emit(enum log_level level, const GLogField *fields, size_t n_fields)
{
    if (!sink.to_journal || !write_journal(fields, n_fields))
        write_stderr(level, fields, n_fields);
}

/* What GLib and libraries on it have to say. */
static GLogWriterOutput write_glib(GLogLevelFlags flags, const GLogField *fields, gsize n_fields,
                                   gpointer user)
{
    enum log_level level = level_of_glib(flags);

    (void)user;
    if (log_enabled(level))
        emit(level, fields, n_fields);
    return G_LOG_WRITER_HANDLED;
}

void log_init(const char *program, enum log_level level)
{
    g_strlcpy(sink.identifier, program, sizeof(sink.identifier));
    sink.to_journal = g_log_writer_is_journald(STDERR_FILENO);
    log_set_level(level);
    g_log_set_writer_func(write_glib, NULL, NULL);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&sink.level, (int)level, memory_order_relaxed);
}

bool log_level_parse(const char *name, enum log_level *ret_level)
{
    for (size_t i = 0; name && i < G_N_ELEMENTS(levels); i++) {
        if (strcmp(name, levels[i].name) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static void add_field(GLogField *fields, size_t *n_fields, const char *key, const char *value)
{
    if (*n_fields < MAX_FIELDS + 3)
        fields[(*n_fields)++] =
            (GLogField){ .key = key, .value = value ? value : "-", .length = -1 };
}

static void log_entry(enum log_level level, const char *message, va_list args)
{
    GLogField fields[MAX_FIELDS + 3];
    size_t n_fields = 0;
    const char *key;

    if (!log_enabled(level))
        return;
    add_field(fields, &n_fields, "MESSAGE", message);
    add_field(fields, &n_fields, "PRIORITY", levels[level].priority);
    if (sink.identifier[0] != '\0')
        add_field(fields, &n_fields, "SYSLOG_IDENTIFIER", sink.identifier);
    while ((key = va_arg(args, const char *)) != NULL) {
        const char *value = va_arg(args, const char *);

        add_field(fields, &n_fields, key, value);
    }
    emit(level, fields, n_fields);
}

void log_error(const char *message, ...)
{
    va_list args;

    va_start(args, message);
    log_entry(LOG_LEVEL_ERROR, message, args);
    va_end(args);
}

void log_warning(const char *message, ...)
{
    va_list args;

    va_start(args, message);
    log_entry(LOG_LEVEL_WARNING, message, args);
    va_end(args);
}

void log_info(const char *message, ...)
{
    va_list args;

    va_start(args, message);
    log_entry(LOG_LEVEL_INFO, message, args);
    va_end(args);
}

void log_debug(const char *message, ...)
{
    va_list args;

    va_start(args, message);
    log_entry(LOG_LEVEL_DEBUG, message, args);
    va_end(args);
}

bool log_limit_pass(struct log_limit *limit, int64_t now_ms, int64_t interval_ms,
                    unsigned *ret_left_out)
{
    if (limit->last_ms != 0 && now_ms - limit->last_ms < interval_ms) {
        limit->suppressed++;
        return false;
    }
    if (ret_left_out)
        *ret_left_out = limit->suppressed;
    limit->last_ms = now_ms;
    limit->suppressed = 0;
    return true;
}
