/* ganeti_row.h - lines and fields of Ganeti's text files, with errors that name the place.
 *
 * Internal to ganeti_*.c.  Pure. */
#ifndef VRM_SCHEDULER_GANETI_ROW_H
#define VRM_SCHEDULER_GANETI_ROW_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GANETI_MAX_FIELDS 16

/* Walks over lines of a text that it cuts up. */
struct ganeti_lines {
    const char *file;
    char *at, *end;
    unsigned number; /* of the last line */
};

void ganeti_lines_init(struct ganeti_lines *lines, const char *file, char *text, size_t len);
/* False at the end. *ret_line is without its end ("\n" or "\r\n"). */
bool ganeti_lines_next(struct ganeti_lines *lines, char **ret_line);
/* The text is UTF-8 without NUL and no line is too long. */
bool ganeti_lines_check(const char *file, const char *text, size_t len, GError **error);

/* One line's fields. */
struct ganeti_row {
    const struct ganeti_lines *lines;
    const char *kind;           /* "node" */
    const char *const *columns; /* names for messages */
    char *field[GANETI_MAX_FIELDS];
    size_t n;
};

/* Splits in place; false if there are fewer or more fields than that. */
bool ganeti_row_split(struct ganeti_row *row, char *line, char separator, size_t min, size_t max,
                      GError **error);
/* "FILE:LINE: node h1: free memory = 'x': want WANT". */
bool ganeti_row_refuse(const struct ganeti_row *row, size_t column, const char *want,
                       GError **error);
/* A name: not empty, no blanks or control characters, not too long. */
bool ganeti_row_name(const struct ganeti_row *row, size_t column, const char **ret_name,
                     GError **error);
/* A number, a fraction is cut off. */
bool ganeti_row_int(const struct ganeti_row *row, size_t column, int64_t min, int64_t max,
                    int64_t *ret_value, GError **error);
bool ganeti_row_real(const struct ganeti_row *row, size_t column, double min, double max,
                     double *ret_value, GError **error);

#endif /* VRM_SCHEDULER_GANETI_ROW_H */
