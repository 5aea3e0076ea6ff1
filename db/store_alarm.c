/* store_alarm.c - see store_alarm.h. */
#include "config.h"

#include "db/store_alarm.h"

#include "db/query_impl.h"
#include "db/store_tables.h"

enum {
    ALARM_LIST_ACTIVE,
    ALARM_INSERT,
    ALARM_UPDATE,
    ALARM_COUNT,
    ALARM_PAGE,
    ALARM_TRIM,
    N_ALARM_STMTS,
};

// clang-format off
#define ALARM_COLUMNS \
    "number, name, level, event_type, kind, object_id, object_name, cluster_id, text, occur_ms," \
    " update_ms, clear_ms"
#define LISTED(param, column) \
    "(" param "::text = '' OR position(',' || " column " || ',' IN " param ") > 0)"
#define WITHIN(column, from, to) \
    "(" from "::bigint = 0 OR " column " >= " from ") AND (" to "::bigint = 0 OR " column " <= " \
    to ")"
/* $1 number, $2 part of name, $3 levels, $4 types, $5 kind, $6 object, $7 $8 occurred, $9 $10
 * cleared; $11 oldest first, $12 limit, $13 offset */
#define ALARM_MATCHES \
    " FROM alarm WHERE clear_ms > 0 AND " QUERY_TEXT("$1", "number") " AND " \
    QUERY_PART("$2", "name") " AND " LISTED("$3", "level::text") " AND " \
    LISTED("$4", "event_type") " AND " QUERY_TEXT("$5", "kind") \
    " AND ($6::bigint = 0 OR object_id = $6) AND " WITHIN("occur_ms", "$7", "$8") \
    " AND " WITHIN("clear_ms", "$9", "$10")
#define N_MATCH_PARAMS 10

static const struct stmt alarm_stmts[N_ALARM_STMTS] = {
    [ALARM_LIST_ACTIVE] = { "alarm_list_active",
        "SELECT id, " ALARM_COLUMNS " FROM alarm WHERE clear_ms = 0 ORDER BY id", 0 },
    [ALARM_INSERT] = { "alarm_insert",
        "INSERT INTO alarm (" ALARM_COLUMNS ")"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        " ON CONFLICT (number, kind, object_id) WHERE clear_ms = 0"
        " DO UPDATE SET text = excluded.text, update_ms = excluded.update_ms RETURNING id", 12 },
    [ALARM_UPDATE] = { "alarm_update",
        "UPDATE alarm SET object_name = $2, text = $3, update_ms = $4, clear_ms = $5"
        " WHERE id = $1 AND clear_ms = 0", 5 },
    [ALARM_COUNT] = { "alarm_count", "SELECT count(*)" ALARM_MATCHES, N_MATCH_PARAMS },
    [ALARM_PAGE] = { "alarm_page",
        "SELECT id, " ALARM_COLUMNS ALARM_MATCHES
        " ORDER BY CASE WHEN $11::boolean THEN occur_ms ELSE -occur_ms END,"
        " CASE WHEN $11::boolean THEN id ELSE -id END"
        " LIMIT nullif($12::bigint, -1) OFFSET $13::bigint", N_MATCH_PARAMS + 3 },
    [ALARM_TRIM] = { "alarm_trim",
        "DELETE FROM alarm WHERE id IN (SELECT id FROM alarm WHERE clear_ms > 0 AND clear_ms < $1"
        " ORDER BY clear_ms LIMIT 1000)", 1 },
};

static const struct col alarm_cols[] = {
    COL(Alarm, "id", id), /* given by the database */
    COL(Alarm, "number", number),
    COL(Alarm, "name", name),
    COL(Alarm, "level", level),
    COL(Alarm, "event_type", event_type),
    COL_ENUM(Alarm, "kind", kind, object_kind),
    COL(Alarm, "object_id", object_id),
    COL(Alarm, "object_name", object_name),
    COL(Alarm, "cluster_id", cluster_id),
    COL(Alarm, "text", text),
    COL(Alarm, "occur_ms", occur_ms),
    COL(Alarm, "update_ms", update_ms),
    COL(Alarm, "clear_ms", clear_ms),
};
#define ALARM_GIVEN 1
// clang-format on

ROW_CLASS(alarm_class, Alarm, alarm_new, alarm_free, alarm_cols);

const struct stmt_table store_alarm_table = { alarm_stmts, N_ALARM_STMTS };

bool store_alarm_list_active(Db *db, GPtrArray **ret_alarms, GError **error)
{
    return row_select(db, &alarm_stmts[ALARM_LIST_ACTIVE], NULL, &alarm_class, ret_alarms, error);
}

bool store_alarm_insert(Db *db, Alarm *alarm, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    row_add_params(&params, alarm_cols + ALARM_GIVEN, G_N_ELEMENTS(alarm_cols) - ALARM_GIVEN,
                   alarm);
    return stmt_get_int(db, &alarm_stmts[ALARM_INSERT], &params, &alarm->id, error);
}

bool store_alarm_update(Db *db, const Alarm *alarm, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, alarm->id);
    stmt_add_text(&params, alarm->object_name);
    stmt_add_text(&params, alarm->text);
    stmt_add_int(&params, alarm->update_ms);
    stmt_add_int(&params, alarm->clear_ms);
    return row_write_one(db, &alarm_stmts[ALARM_UPDATE], &params, "alarm", alarm->id, error);
}

static void add_filter(struct stmt_params *params, const struct alarm_filter *filter)
{
    stmt_add_text(params, filter->number);
    stmt_add_text(params, filter->name);
    stmt_add_text(params, filter->levels);
    stmt_add_text(params, filter->event_types);
    stmt_add_text(params, filter->with_kind ? object_kind_segment(filter->kind) : "");
    stmt_add_int(params, filter->object_id);
    stmt_add_int(params, filter->occur_from_ms);
    stmt_add_int(params, filter->occur_to_ms);
    stmt_add_int(params, filter->clear_from_ms);
    stmt_add_int(params, filter->clear_to_ms);
}

bool store_alarm_query(Db *db, const struct alarm_filter *filter, GPtrArray **ret_alarms,
                       int64_t *ret_total, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    g_autoptr(GPtrArray) alarms = NULL;
    int64_t total;

    add_filter(&params, filter);
    if (!stmt_get_int(db, &alarm_stmts[ALARM_COUNT], &params, &total, error))
        return false;
    stmt_add_bool(&params, filter->oldest_first);
    stmt_add_int(&params, filter->limit);
    stmt_add_int(&params, filter->offset);
    if (!row_select(db, &alarm_stmts[ALARM_PAGE], &params, &alarm_class, &alarms, error))
        return false;
    *ret_alarms = g_steal_pointer(&alarms);
    *ret_total = total;
    return true;
}

bool store_alarm_trim(Db *db, int64_t before_ms, int64_t *ret_removed, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, before_ms);
    return stmt_do(db, &alarm_stmts[ALARM_TRIM], &params, ret_removed, error);
}
