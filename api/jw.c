/* jw.c - see jw.h.  The only state is the text: a comma is due unless the last byte opened
 * something. */
#include "config.h"

#include "api/jw.h"

#include <string.h>

#define TEXT_START 512

void jw_init(struct jw *jw)
{
    jw->text = g_string_sized_new(TEXT_START);
}

void jw_clear(struct jw *jw)
{
    if (jw->text)
        g_string_free(jw->text, TRUE);
    jw->text = NULL;
}

void jw_reset(struct jw *jw)
{
    g_string_truncate(jw->text, 0);
}

static void append_escaped(GString *text, const char *value)
{
    static const char hex[] = "0123456789abcdef";
    const char *plain = value;

    for (const char *p = value;; p++) {
        unsigned char c = (unsigned char)*p;

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        g_string_append_len(text, plain, p - plain);
        if (!c)
            break;
        plain = p + 1;
        g_string_append_c(text, '\\');
        if (c == '"' || c == '\\') {
            g_string_append_c(text, (char)c);
        } else if (c == '\n') {
            g_string_append_c(text, 'n');
        } else if (c == '\t') {
            g_string_append_c(text, 't');
        } else {
            g_string_append(text, "u00");
            g_string_append_c(text, hex[c >> 4]);
            g_string_append_c(text, hex[c & 15]);
        }
    }
}

static void append_quoted(GString *text, const char *value)
{
    g_string_append_c(text, '"');
    if (g_utf8_validate(value, -1, NULL)) {
        append_escaped(text, value);
    } else { /* a host may report anything; the client's decoder must not break on it */
        g_autofree char *valid = g_utf8_make_valid(value, -1);

        append_escaped(text, valid);
    }
    g_string_append_c(text, '"');
}

static void begin_value(struct jw *jw, const char *key)
{
    GString *text = jw->text;

    if (text->len && !strchr("{[:", text->str[text->len - 1]))
        g_string_append_c(text, ',');
    if (key) {
        append_quoted(text, key);
        g_string_append_c(text, ':');
    }
}

void jw_object(struct jw *jw, const char *key)
{
    begin_value(jw, key);
    g_string_append_c(jw->text, '{');
}

void jw_object_end(struct jw *jw)
{
    g_string_append_c(jw->text, '}');
}

void jw_array(struct jw *jw, const char *key)
{
    begin_value(jw, key);
    g_string_append_c(jw->text, '[');
}

void jw_array_end(struct jw *jw)
{
    g_string_append_c(jw->text, ']');
}

void jw_str(struct jw *jw, const char *key, const char *value)
{
    begin_value(jw, key);
    append_quoted(jw->text, value ? value : "");
}

void jw_int(struct jw *jw, const char *key, int64_t value)
{
    begin_value(jw, key);
    g_string_append_printf(jw->text, "%" G_GINT64_FORMAT, value);
}

void jw_bool(struct jw *jw, const char *key, bool value)
{
    begin_value(jw, key);
    g_string_append(jw->text, value ? "true" : "false");
}

void jw_decimal(struct jw *jw, const char *key, int64_t value, int64_t scale)
{
    int digits = 0;

    for (int64_t s = scale; s > 1; s /= 10)
        digits++;
    begin_value(jw, key);
    if (value < 0)
        g_string_append_c(jw->text, '-');
    g_string_append_printf(jw->text, "%" G_GINT64_FORMAT ".%0*" G_GINT64_FORMAT, ABS(value / scale),
                           digits, ABS(value % scale));
}

void jw_int_str(struct jw *jw, const char *key, int64_t value)
{
    begin_value(jw, key);
    g_string_append_printf(jw->text, "\"%" G_GINT64_FORMAT "\"", value);
}

void jw_empty_array(struct jw *jw, const char *key)
{
    begin_value(jw, key);
    g_string_append(jw->text, "[]");
}

void jw_empty_object(struct jw *jw, const char *key)
{
    begin_value(jw, key);
    g_string_append(jw->text, "{}");
}
