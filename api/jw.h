/* jw.h - writes compact JSON straight into a GString: a list of 8,000 VMs needs no tree.
 *
 * Keys come out in the order of the calls; a NULL key means "element of an array".  The caller
 * pairs begins and ends.  Any thread; a writer belongs to one. */
#ifndef VRM_API_JW_H
#define VRM_API_JW_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jw {
    GString *text;
};

void jw_init(struct jw *jw);
void jw_clear(struct jw *jw);
void jw_reset(struct jw *jw); /* back to "" */

void jw_object(struct jw *jw, const char *key);
void jw_object_end(struct jw *jw);
void jw_array(struct jw *jw, const char *key);
void jw_array_end(struct jw *jw);

void jw_str(struct jw *jw, const char *key, const char *value); /* NULL writes "" */
void jw_int(struct jw *jw, const char *key, int64_t value);
void jw_bool(struct jw *jw, const char *key, bool value);
/* value / scale, exactly, with as many decimals as scale has zeroes (10, 100, 1000). */
void jw_decimal(struct jw *jw, const char *key, int64_t value, int64_t scale);
/* An integer as a string: the maps named "params" hold strings only. */
void jw_int_str(struct jw *jw, const char *key, int64_t value);
void jw_empty_array(struct jw *jw, const char *key);
void jw_empty_object(struct jw *jw, const char *key);

#endif /* VRM_API_JW_H */
