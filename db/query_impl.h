/* query_impl.h - how stores answer a struct db_query.  Internal to db/. */
#ifndef VRM_DB_QUERY_IMPL_H
#define VRM_DB_QUERY_IMPL_H

#include "db/query.h"
#include "db/row.h"

/* The parameters of a count statement, in this order:
 *   $1 type, $2 user, $3 status, $4 name, $5 from_ms, $6 to_ms, $7 scope_id, $8 scope_kind,
 *   $9 ids, $10 cancelled
 * A page statement has two more: $11 limit, $12 offset.  A statement must mention all of them. */
#define QUERY_N_PARAMS            10
#define QUERY_N_PAGE_PARAMS       12
#define QUERY_TEXT(param, column) "(" param "::text = '' OR " column " = " param ")"
#define QUERY_PART(param, column)                                                                  \
    "(" param "::text = '' OR position(lower(" param ") IN lower(" column ")) > 0)"
#define QUERY_TIMES(column)                                                                        \
    "($5::bigint = 0 OR " column " >= $5) AND ($6::bigint = 0 OR " column " <= $6)"
#define QUERY_IDS(column) "(cardinality($9::bigint[]) = 0 OR " column " = ANY ($9))"
#define QUERY_PAGE        " LIMIT nullif($11::bigint, -1) OFFSET $12::bigint"
/* For a table without such a column: mentions the parameter and lets everything pass. */
#define QUERY_NO_TEXT(param) "(" param "::text IS NOT NULL)"
#define QUERY_NO_INT(param)  "(" param "::bigint IS NOT NULL)"

struct query_plan {
    const struct stmt *count, *page;
    const struct row_class *cls;
};

bool query_run(Db *db, const struct query_plan *plan, const struct db_query *query,
               GPtrArray **ret_objects, int64_t *ret_total, GError **error);

#endif /* VRM_DB_QUERY_IMPL_H */
