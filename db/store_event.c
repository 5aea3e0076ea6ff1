/* store_event.c - see store_event.h. */
#include "config.h"

#include "db/store_event.h"

#include "db/query_impl.h"
#include "db/store_tables.h"

/* One call of store_history_trim removes at most so many rows of each table, so that its
 * transaction stays short. */
#define TRIM_BATCH "1000"

enum {
    EVENT_INSERT,
    EVENT_COUNT,
    EVENT_PAGE,
    AUDIT_INSERT,
    AUDIT_COUNT,
    AUDIT_PAGE,
    TRIM_FIRST,
    TRIM_EVENTS = TRIM_FIRST,
    TRIM_AUDIT,
    TRIM_TASKS,
    TRIM_PLANS,
    N_EVENT_STMTS,
};

// clang-format off
#define EVENT_COLUMNS "at_ms, severity, name, kind, object_id, object_name, task_id, text"
#define EVENT_MATCHES \
    " FROM event WHERE " QUERY_TEXT("$1", "name") " AND " QUERY_NO_TEXT("$2") \
    " AND " QUERY_TEXT("$3", "severity") " AND " QUERY_PART("$4", "object_name") \
    " AND " QUERY_TIMES("at_ms") " AND " QUERY_IDS("id") " AND " QUERY_NO_INT("$10") \
    " AND ($7::bigint = 0 OR (object_id = $7 AND kind = $8::text)" \
    "  OR ($8::text = 'tasks' AND task_id = $7))"
#define AUDIT_COLUMNS \
    "at_ms, user_name, address, request_id, operation, object, result, task_id"
#define AUDIT_MATCHES \
    " FROM audit WHERE " QUERY_TEXT("$1", "operation") " AND " QUERY_TEXT("$2", "user_name") \
    " AND " QUERY_TEXT("$3", "result") " AND " QUERY_PART("$4", "object") \
    " AND " QUERY_TIMES("at_ms") " AND " QUERY_IDS("id") " AND " QUERY_NO_INT("$10") \
    " AND ($7::bigint = 0 OR ($8::text = 'tasks' AND task_id = $7))"

static const struct stmt event_stmts[N_EVENT_STMTS] = {
    [EVENT_INSERT] = { "event_insert",
        "INSERT INTO event (" EVENT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", 8 },
    [EVENT_COUNT] = { "event_count", "SELECT count(*)" EVENT_MATCHES, QUERY_N_PARAMS },
    [EVENT_PAGE] = { "event_page",
        "SELECT id, " EVENT_COLUMNS EVENT_MATCHES " ORDER BY id DESC" QUERY_PAGE,
        QUERY_N_PAGE_PARAMS },
    [AUDIT_INSERT] = { "audit_insert",
        "INSERT INTO audit (" AUDIT_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", 8 },
    [AUDIT_COUNT] = { "audit_count", "SELECT count(*)" AUDIT_MATCHES, QUERY_N_PARAMS },
    [AUDIT_PAGE] = { "audit_page",
        "SELECT id, " AUDIT_COLUMNS AUDIT_MATCHES " ORDER BY id DESC" QUERY_PAGE,
        QUERY_N_PAGE_PARAMS },
    [TRIM_EVENTS] = { "trim_events",
        "DELETE FROM event WHERE id IN"
        " (SELECT id FROM event WHERE at_ms < $1 ORDER BY at_ms LIMIT " TRIM_BATCH ")", 1 },
    [TRIM_AUDIT] = { "trim_audit",
        "DELETE FROM audit WHERE id IN"
        " (SELECT id FROM audit WHERE at_ms < $1 ORDER BY at_ms LIMIT " TRIM_BATCH ")", 1 },
    /* Children go with their parent, so all of them must be finished. */
    [TRIM_TASKS] = { "trim_tasks",
        "DELETE FROM task WHERE id IN (SELECT id FROM task old"
        " WHERE status IN ('success', 'failed') AND finish_ms < $1 AND NOT EXISTS"
        "  (SELECT FROM task child WHERE child.parent_id = old.id"
        "   AND (child.status NOT IN ('success', 'failed') OR child.finish_ms >= $1))"
        " ORDER BY start_ms LIMIT " TRIM_BATCH ")", 1 },
    [TRIM_PLANS] = { "trim_plans",
        "DELETE FROM drs_plan WHERE id IN (SELECT id FROM drs_plan old WHERE at_ms < $1"
        " AND EXISTS (SELECT FROM drs_plan newer"
        "  WHERE newer.cluster_id = old.cluster_id AND newer.id > old.id)"
        " AND NOT EXISTS (SELECT FROM recommendation"
        "  WHERE plan_id = old.id AND state IN ('open', 'applying'))"
        " ORDER BY at_ms LIMIT " TRIM_BATCH ")", 1 },
};

static const struct col event_cols[] = {
    COL(StoredEvent, "id", id),
    COL(StoredEvent, "at_ms", at_ms),
    COL_ENUM(StoredEvent, "severity", severity, event_severity),
    COL(StoredEvent, "name", name),
    COL_ENUM(StoredEvent, "kind", kind, object_kind),
    COL(StoredEvent, "object_id", object_id),
    COL(StoredEvent, "object_name", object_name),
    COL_REF(StoredEvent, "task_id", task_id),
    COL(StoredEvent, "text", text),
};

static const struct col audit_cols[] = {
    COL(AuditEntry, "id", id),
    COL(AuditEntry, "at_ms", at_ms),
    COL(AuditEntry, "user_name", user),
    COL(AuditEntry, "address", address),
    COL(AuditEntry, "request_id", request_id),
    COL(AuditEntry, "operation", operation),
    COL(AuditEntry, "object", object),
    COL(AuditEntry, "result", result),
    COL_REF(AuditEntry, "task_id", task_id),
};
// clang-format on

StoredEvent *stored_event_new(void)
{
    return g_new0(StoredEvent, 1);
}

void stored_event_free(StoredEvent *event)
{
    if (!event)
        return;
    g_free(event->name);
    g_free(event->object_name);
    g_free(event->text);
    g_free(event);
}

AuditEntry *audit_entry_new(void)
{
    return g_new0(AuditEntry, 1);
}

void audit_entry_free(AuditEntry *entry)
{
    if (!entry)
        return;
    g_free(entry->user);
    g_free(entry->address);
    g_free(entry->request_id);
    g_free(entry->operation);
    g_free(entry->object);
    g_free(entry->result);
    g_free(entry);
}

ROW_CLASS(event_class, StoredEvent, stored_event_new, stored_event_free, event_cols);
ROW_CLASS(audit_class, AuditEntry, audit_entry_new, audit_entry_free, audit_cols);

const struct stmt_table store_event_table = { event_stmts, N_EVENT_STMTS };

bool store_event_insert(Db *db, const struct event *event, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, event->at_ms);
    stmt_add_text(&params, event_severity_name(event->severity));
    stmt_add_text(&params, event->name);
    stmt_add_text(&params, object_kind_segment(event->kind));
    stmt_add_int(&params, event->object_id);
    stmt_add_text(&params, event->object_name);
    stmt_add_id(&params, event->task_id);
    stmt_add_text(&params, event->text);
    return stmt_do(db, &event_stmts[EVENT_INSERT], &params, NULL, error);
}

bool store_event_query(Db *db, const struct db_query *query, GPtrArray **ret_events,
                       int64_t *ret_total, GError **error)
{
    const struct query_plan plan = { &event_stmts[EVENT_COUNT], &event_stmts[EVENT_PAGE],
                                     &event_class };

    return query_run(db, &plan, query, ret_events, ret_total, error);
}

bool store_audit_insert(Db *db, const AuditEntry *entry, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    row_add_params(&params, audit_cols + 1, G_N_ELEMENTS(audit_cols) - 1, entry);
    return stmt_do(db, &event_stmts[AUDIT_INSERT], &params, NULL, error);
}

bool store_audit_query(Db *db, const struct db_query *query, GPtrArray **ret_entries,
                       int64_t *ret_total, GError **error)
{
    const struct query_plan plan = { &event_stmts[AUDIT_COUNT], &event_stmts[AUDIT_PAGE],
                                     &audit_class };

    return query_run(db, &plan, query, ret_entries, ret_total, error);
}

bool store_history_trim(Db *db, int64_t before_ms, int64_t *ret_removed, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    int64_t total = 0;

    stmt_add_int(&params, before_ms);
    for (int i = TRIM_FIRST; i < N_EVENT_STMTS; i++) {
        int64_t n_rows;

        if (!stmt_do(db, &event_stmts[i], &params, &n_rows, error))
            return false;
        total += n_rows;
    }
    *ret_removed = total;
    return true;
}
