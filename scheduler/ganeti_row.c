/* ganeti_row.c - see ganeti_row.h. */
#include "config.h"

#include "scheduler/ganeti_row.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "scheduler/ganeti.h"

/* Characters of a refused value that a message repeats. */
#define SHOWN_MAX 48

/* ---- lines ---------------------------------------------------------------------------------- */

void ganeti_lines_init(struct ganeti_lines *lines, const char *file, char *text, size_t len)
{
    *lines = (struct ganeti_lines){ .file = file, .at = text, .end = text + len };
}

bool ganeti_lines_next(struct ganeti_lines *lines, char **ret_line)
{
    char *line = lines->at, *stop;

    if (line >= lines->end)
        return false;
    stop = memchr(line, '\n', (size_t)(lines->end - line));
    lines->at = stop ? stop + 1 : lines->end;
    if (!stop)
        stop = lines->end; /* the buffer has a NUL there */
    if (stop > line && stop[-1] == '\r')
        stop--;
    *stop = '\0';
    lines->number++;
    *ret_line = line;
    return true;
}

static unsigned line_number(const char *text, const char *at)
{
    unsigned number = 1;

    while (text < at)
        number += *text++ == '\n' ? 1 : 0;
    return number;
}

bool ganeti_lines_check(const char *file, const char *text, size_t len, GError **error)
{
    const char *bad = text, *end = text + len;

    if (len > 0 && !g_utf8_validate(text, (gssize)len, &bad)) {
        err_set(error, VRM_ERR_INVALID, "%s:%u: the byte 0x%02x is no text: want UTF-8", file,
                line_number(text, bad), (unsigned)(unsigned char)*bad);
        return false;
    }
    for (const char *line = text; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));

        if (!stop)
            stop = end;
        if (stop - line > GANETI_MAX_LINE) {
            err_set(error, VRM_ERR_INVALID, "%s:%u: a line of %zu bytes: want at most %d", file,
                    line_number(text, line), (size_t)(stop - line), GANETI_MAX_LINE);
            return false;
        }
        line = stop + 1;
    }
    return true;
}

/* ---- fields --------------------------------------------------------------------------------- */

/* "x.data:3: node h1 has 8 fields between '|', up to 'role': want 9..15, next 'group UUID'". */
static void refuse_count(const struct ganeti_row *row, char separator, size_t min, size_t max,
                         GError **error)
{
    g_autofree char *name = g_strndup(row->field[0], SHOWN_MAX);
    g_autofree char *wanted =
        min == max ? g_strdup_printf("%zu", min) : g_strdup_printf("%zu to %zu", min, max);
    const char *which = row->n < min ? "the next is" : "the last is";
    const char *column = row->columns[row->n < min ? row->n : max - 1];
    const char *end;

    if (!g_utf8_validate(name, -1, &end)) /* cut within a character */
        name[end - name] = '\0';
    err_set(error, VRM_ERR_INVALID,
            "%s:%u: %s '%s' has %zu field%s: want %s with '%c' between; %s "
            "'%s'",
            row->lines->file, row->lines->number, row->kind, name, row->n, row->n == 1 ? "" : "s",
            wanted, separator, which, column);
}

bool ganeti_row_split(struct ganeti_row *row, char *line, char separator, size_t min, size_t max,
                      GError **error)
{
    size_t n = 0;
    char *at = line;

    g_assert(max <= GANETI_MAX_FIELDS);
    while (at) {
        char *stop = strchr(at, separator);

        if (n < max)
            row->field[n] = at;
        n++;
        if (stop && n <= max)
            *stop = '\0';
        at = stop ? stop + 1 : NULL;
    }
    row->n = n;
    if (n >= min && n <= max)
        return true;
    refuse_count(row, separator, min, max, error);
    return false;
}

bool ganeti_row_refuse(const struct ganeti_row *row, size_t column, const char *want,
                       GError **error)
{
    g_autofree char *shown = g_strndup(row->field[column], SHOWN_MAX);
    const char *end;

    if (!g_utf8_validate(shown, -1, &end)) /* cut within a character */
        shown[end - shown] = '\0';
    err_set_reason(error, VRM_ERR_INVALID, 0, row->columns[column],
                   "%s:%u: %s%s%.*s: %s = '%s': want %s", row->lines->file, row->lines->number,
                   row->kind, column > 0 ? " " : "", column > 0 ? SHOWN_MAX : 0, row->field[0],
                   row->columns[column], shown, want);
    return false;
}

bool ganeti_row_name(const struct ganeti_row *row, size_t column, const char **ret_name,
                     GError **error)
{
    const char *name = row->field[column];

    for (const char *at = name; *at != '\0'; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            return ganeti_row_refuse(row, column, "a name without blanks", error);
    }
    if (*name == '\0' || strlen(name) > GANETI_MAX_NAME)
        return ganeti_row_refuse(row, column, "a name of 1 to 255 bytes", error);
    *ret_name = name;
    return true;
}

static bool read_number(const char *text, double *ret_value)
{
    char *end;
    double value;

    if (!g_ascii_isdigit(text[text[0] == '-' || text[0] == '+'])) /* no blanks, no "inf", no hex */
        return false;
    if (strpbrk(text, "xX"))
        return false;
    value = g_ascii_strtod(text, &end);
    if (*end != '\0')
        return false;
    *ret_value = value;
    return true;
}

bool ganeti_row_int(const struct ganeti_row *row, size_t column, int64_t min, int64_t max,
                    int64_t *ret_value, GError **error)
{
    g_autofree char *want = NULL;
    double value;

    if (read_number(row->field[column], &value) && value >= (double)min && value <= (double)max) {
        *ret_value = (int64_t)(value < 0 ? value - 0.5 : value + 0.5);
        return true;
    }
    want = g_strdup_printf("a number %" PRId64 "..%" PRId64, min, max);
    return ganeti_row_refuse(row, column, want, error);
}

bool ganeti_row_real(const struct ganeti_row *row, size_t column, double min, double max,
                     double *ret_value, GError **error)
{
    g_autofree char *want = NULL;
    double value;

    if (read_number(row->field[column], &value) && value >= min && value <= max) {
        *ret_value = value;
        return true;
    }
    want = g_strdup_printf("a number %g..%g", min, max);
    return ganeti_row_refuse(row, column, want, error);
}
