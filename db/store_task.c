/* store_task.c - see store_task.h. */
#include "config.h"

#include "db/store_task.h"

#include "base/err.h"
#include "db/query_impl.h"
#include "db/store_tables.h"
#include "model/reason.h"

enum {
    TASK_LIST_UNFINISHED,
    TASK_COUNT,
    TASK_PAGE,
    TASK_GET,
    TASK_INSERT,
    TASK_UPDATE,
    N_TASK_STMTS,
};

// clang-format off
#define TASK_COLUMNS \
    "parent_id, type, origin, entity_kind, entity_id, entity_name, user_name, status, " \
    "step, progress, cancel_wanted, reason, reason_text, why, start_ms, finish_ms, " \
    "source_host_id, target_host_id, force, auto_start, format_disks, recommendation_id"
#define TASK_VALUES \
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, " \
    "$19, $20, $21, $22"

#define TASK_MATCHES \
    " FROM task WHERE " QUERY_TEXT("$1", "type") " AND " QUERY_TEXT("$2", "user_name") \
    " AND " QUERY_TEXT("$3", "status") " AND " QUERY_PART("$4", "entity_name") \
    " AND " QUERY_TIMES("start_ms") " AND " QUERY_IDS("id") \
    " AND ($7::bigint = 0 OR (entity_id = $7 AND entity_kind = $8::text)" \
    "  OR ($8::text = 'hosts' AND (source_host_id = $7 OR target_host_id = $7)))" \
    " AND ($10::bigint < 0 OR cancel_wanted = ($10 = 1))"

static const struct stmt task_stmts[N_TASK_STMTS] = {
    [TASK_LIST_UNFINISHED] = { "task_list_unfinished",
        "SELECT id, generation, " TASK_COLUMNS " FROM task"
        " WHERE status NOT IN ('success', 'failed') OR parent_id IN"
        " (SELECT id FROM task WHERE status NOT IN ('success', 'failed')) ORDER BY id", 0 },
    [TASK_COUNT] = { "task_count", "SELECT count(*)" TASK_MATCHES, QUERY_N_PARAMS },
    [TASK_PAGE] = { "task_page",
        "SELECT id, generation, " TASK_COLUMNS TASK_MATCHES " ORDER BY id DESC" QUERY_PAGE,
        QUERY_N_PAGE_PARAMS },
    [TASK_GET] = { "task_get",
        "SELECT id, generation, " TASK_COLUMNS " FROM task WHERE id = $1", 1 },
    [TASK_INSERT] = { "task_insert",
        "INSERT INTO task (" TASK_COLUMNS ") VALUES (" TASK_VALUES ") RETURNING id, generation",
        22 },
    [TASK_UPDATE] = { "task_update",
        "WITH left_over AS (UPDATE recommendation SET state = 'failed', finish_ms = $16"
        " WHERE task_id = $23 AND state = 'applying' AND $8::text IN ('success', 'failed'))"
        " UPDATE task SET (" TASK_COLUMNS ", generation) = ROW (" TASK_VALUES ", generation + 1)"
        " WHERE id = $23 AND generation = $24 AND status NOT IN ('success', 'failed')", 24 },
};

static const struct col task_cols[] = {
    ROW_HEAD_COLS(Task),
    COL_REF(Task, "parent_id", parent_id),
    COL_ENUM(Task, "type", type, task_type),
    COL_ENUM(Task, "origin", origin, task_origin),
    COL_ENUM(Task, "entity_kind", entity_kind, object_kind),
    COL(Task, "entity_id", entity_id),
    COL(Task, "entity_name", entity_name),
    COL(Task, "user_name", user),
    COL_ENUM(Task, "status", status, task_status),
    COL(Task, "step", step),
    COL(Task, "progress", progress),
    COL(Task, "cancel_wanted", cancel_wanted),
    COL(Task, "reason", reason),
    COL(Task, "reason_text", reason_text),
    COL(Task, "why", why),
    COL(Task, "start_ms", start_ms),
    COL(Task, "finish_ms", finish_ms),
    COL(Task, "source_host_id", source_host_id),
    COL(Task, "target_host_id", target_host_id),
    COL(Task, "force", force),
    COL(Task, "auto_start", auto_start),
    COL(Task, "format_disks", format_disks),
    COL_REF(Task, "recommendation_id", recommendation_id),
};
// clang-format on

ROW_CLASS(task_class, Task, task_new, task_unref, task_cols);

const struct stmt_table store_task_table = { task_stmts, N_TASK_STMTS };

bool store_task_list_unfinished(Db *db, GPtrArray **ret_tasks, GError **error)
{
    return row_select(db, &task_stmts[TASK_LIST_UNFINISHED], NULL, &task_class, ret_tasks, error);
}

bool store_task_query(Db *db, const struct db_query *query, GPtrArray **ret_tasks,
                      int64_t *ret_total, GError **error)
{
    const struct query_plan plan = { &task_stmts[TASK_COUNT], &task_stmts[TASK_PAGE], &task_class };

    return query_run(db, &plan, query, ret_tasks, ret_total, error);
}

bool store_task_get(Db *db, int64_t id, Task **ret_task, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    g_autoptr(GPtrArray) tasks = NULL;

    stmt_add_int(&params, id);
    if (!row_select(db, &task_stmts[TASK_GET], &params, &task_class, &tasks, error))
        return false;
    if (tasks->len == 0) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_TASK_MISSING, NULL,
                       "task %" G_GINT64_FORMAT " does not exist", id);
        return false;
    }
    *ret_task = g_ptr_array_steal_index(tasks, 0);
    return true;
}

bool store_task_insert(Db *db, Task *task, GError **error)
{
    return row_insert(db, &task_stmts[TASK_INSERT], &task_class, task, error);
}

bool store_task_update(Db *db, Task *task, GError **error)
{
    return row_update(db, &task_stmts[TASK_UPDATE], &task_class, "task", task, error);
}
