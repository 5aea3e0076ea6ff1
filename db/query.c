/* query.c - see query.h and query_impl.h. */
#include "config.h"

#include "db/query_impl.h"

static void add_params(struct stmt_params *params, const struct db_query *query)
{
    stmt_add_text(params, query->type);
    stmt_add_text(params, query->user);
    stmt_add_text(params, query->status);
    stmt_add_text(params, query->name);
    stmt_add_int(params, query->from_ms);
    stmt_add_int(params, query->to_ms);
    stmt_add_int(params, query->scope_id);
    stmt_add_text(params, object_kind_segment(query->scope_kind));
    stmt_add_ids(params, query->ids, query->n_ids);
    stmt_add_int(params, query->cancelled);
}

bool query_run(Db *db, const struct query_plan *plan, const struct db_query *query,
               GPtrArray **ret_objects, int64_t *ret_total, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    g_autoptr(GPtrArray) objects = NULL;
    int64_t total;

    add_params(&params, query);
    if (!stmt_get_int(db, plan->count, &params, &total, error))
        return false;
    stmt_add_int(&params, query->limit);
    stmt_add_int(&params, query->offset);
    if (!row_select(db, plan->page, &params, plan->cls, &objects, error))
        return false;
    *ret_objects = g_steal_pointer(&objects);
    *ret_total = total;
    return true;
}
