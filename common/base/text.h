/* text.h - fields that own a string.  Any thread, as for the field itself. */
#ifndef VRM_BASE_TEXT_H
#define VRM_BASE_TEXT_H

#include <glib.h>

/* Frees what the field holds and puts a copy of text in its place; text may be (in) the old one.
 * NULL stays NULL. */
static inline void text_set(char **field, const char *text)
{
    char *old = *field;

    *field = g_strdup(text);
    g_free(old);
}

#endif /* VRM_BASE_TEXT_H */
