/* target.h - the request target: path segments and query parameters.
 *
 * Takes origin form ("/service/sites?limit=1") and absolute form ("GET https://h:p/service/...",
 * which Huawei's Python kit sends), percent-decodes, drops blanks at the end of the path and empty
 * segments.  Parameter names compare without regard to case; empty values count as absent; a
 * repeated parameter keeps all values.  Pure; any thread. */
#ifndef VRM_API_TARGET_H
#define VRM_API_TARGET_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/field.h"

#define TARGET_MAX_LENGTH   16384
#define TARGET_MAX_SEGMENTS 16
#define TARGET_MAX_PARAMS   256

struct target_param {
    char *name, *value;
};

struct target {
    char *segments[TARGET_MAX_SEGMENTS];
    size_t n_segments;
    struct target_param *params;
    size_t n_params;
};

/* ret_target is zeroed by the caller and cleared with target_clear in either case. */
bool target_parse(const char *text, struct target *ret_target, GError **error);
void target_clear(struct target *target);

/* First non-empty value or NULL; borrowed. */
const char *target_param(const struct target *target, const char *name);
/* target_int(target, INT_FIELD("limit", 0, 100, REASON_BAD_LIMIT, &limit), error); absent: the
 * value is untouched. */
bool target_int(const struct target *target, const struct int_field *field, GError **error);
/* true/false in any case, 1/0. */
bool target_bool(const struct target *target, const char *name, bool *ret_value, GError **error);

#endif /* VRM_API_TARGET_H */
