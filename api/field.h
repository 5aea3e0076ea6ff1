/* field.h - what an integer from outside must look like: one row of a table, or one argument. */
#ifndef VRM_API_FIELD_H
#define VRM_API_FIELD_H

#include <stdint.h>

struct int_field {
    const char *key;
    int64_t min, max;
    int reason; /* errorCode when it is wrong; 0: malformed request */
    int64_t *ret_value;
};
#define INT_FIELD(...) (&(const struct int_field){ __VA_ARGS__ })

#endif /* VRM_API_FIELD_H */
