/* query.h - filter and page of a history query.  DB workers. */
#ifndef VRM_DB_QUERY_H
#define VRM_DB_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "model/id.h"

/* "", NULL and 0 mean "any"; a list looks only at the fields its table has. */
struct db_query {
    int64_t limit, offset;                   /* limit -1: all */
    const char *type, *user, *status, *name; /* exact, but name: a part of it, any case */
    int64_t from_ms, to_ms;                  /* inclusive */
    const int64_t *ids;
    size_t n_ids;
    enum object_kind scope_kind; /* with scope_id != 0: about this object */
    int64_t scope_id;
    int cancelled; /* -1 any, 0, 1 */
};

#endif /* VRM_DB_QUERY_H */
