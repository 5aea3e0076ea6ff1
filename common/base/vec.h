/* vec.h - typed growable arrays (nbdkit's idea): VEC_DECLARE(int_vec, int) makes struct int_vec
 * with items, len, cap and inline int_vec_push, int_vec_clear. */
#ifndef VRM_BASE_VEC_H
#define VRM_BASE_VEC_H

#include <glib.h>
#include <stddef.h>

#define VEC_DECLARE(name, type)                                                                    \
    struct name {                                                                                  \
        type *items;                                                                               \
        size_t len;                                                                                \
        size_t cap;                                                                                \
    };                                                                                             \
    G_GNUC_UNUSED static inline void name##_push(struct name *vec, type item)                      \
    {                                                                                              \
        if (vec->len == vec->cap) {                                                                \
            vec->cap = vec->cap ? vec->cap * 2 : 8;                                                \
            vec->items = g_renew(type, vec->items, vec->cap);                                      \
        }                                                                                          \
        vec->items[vec->len++] = item;                                                             \
    }                                                                                              \
    G_GNUC_UNUSED static inline void name##_clear(struct name *vec)                                \
    {                                                                                              \
        g_free(vec->items);                                                                        \
        *vec = (struct name){ 0 };                                                                 \
    }                                                                                              \
    struct name

#endif /* VRM_BASE_VEC_H */
