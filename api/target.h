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
/* Absent: *ret_value untouched.  reason: number for clients, 0 for the general one. */
bool target_int(const struct target *target, const char *name, int64_t min, int64_t max, int reason,
                int64_t *ret_value, GError **error);
/* true/false in any case, 1/0. */
bool target_bool(const struct target *target, const char *name, bool *ret_value, GError **error);

#endif /* VRM_API_TARGET_H */
