/* store_incident.c - see store_incident.h. */
#include "config.h"

#include "db/store_incident.h"

#include "base/err.h"
#include "db/query_impl.h"
#include "db/store_tables.h"
#include "model/reason.h"

enum {
    INCIDENT_INSERT,
    INCIDENT_UPDATE,
    INCIDENT_OPEN,
    INCIDENT_GET,
    INCIDENT_COUNT,
    INCIDENT_PAGE,
    INCIDENT_TRIM,
    LINE_INSERT,
    LINE_LIST,
    VM_PUT,
    VM_LIST,
    N_INCIDENT_STMTS,
};

// clang-format off
#define INCIDENT_COLUMNS \
    "kind, host_id, host_name, vm_id, vm_name, begin_ms, end_ms, last_ms, proof_ms, proof," \
    " first_ms, done_ms, n_vms, n_running, n_held, text, n_lines"
#define N_INCIDENT_COLUMNS 17
#define LINE_COLUMNS "seq, at_ms, source, vm_id, rule, text"
#define VM_COLUMNS \
    "vm_id, vm_name, ending, to_id, to_name, lost_ms, placed_ms, ordered_ms, running_ms, task_id," \
    " rule, why"
#define INCIDENT_MATCHES \
    " FROM ha_incident WHERE " QUERY_TEXT("$1", "kind") " AND " QUERY_NO_TEXT("$2") \
    " AND ($3::text = '' OR $3 = CASE WHEN end_ms = 0 THEN 'open' ELSE 'closed' END)" \
    " AND (" QUERY_PART("$4", "host_name") " OR " QUERY_PART("$4", "vm_name") ")" \
    " AND " QUERY_TIMES("begin_ms") " AND " QUERY_IDS("id") " AND " QUERY_NO_INT("$10") \
    " AND ($7::bigint = 0 OR (host_id = $7 AND $8::text = 'hosts')" \
    "  OR ($8::text = 'vms' AND EXISTS (SELECT FROM ha_incident_vm it" \
    "   WHERE it.incident_id = ha_incident.id AND it.vm_id = $7)))"

static const struct stmt incident_stmts[N_INCIDENT_STMTS] = {
    [INCIDENT_INSERT] = { "incident_insert",
        "INSERT INTO ha_incident (" INCIDENT_COLUMNS ") VALUES"
        " ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
        " RETURNING id", N_INCIDENT_COLUMNS },
    [INCIDENT_UPDATE] = { "incident_update",
        "UPDATE ha_incident SET (" INCIDENT_COLUMNS ") ="
        " ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
        " WHERE id = $18", N_INCIDENT_COLUMNS + 1 },
    [INCIDENT_OPEN] = { "incident_open",
        "SELECT id, " INCIDENT_COLUMNS " FROM ha_incident WHERE end_ms = 0 ORDER BY id", 0 },
    [INCIDENT_GET] = { "incident_get",
        "SELECT id, " INCIDENT_COLUMNS " FROM ha_incident WHERE $1::bigint IN (0, id)"
        " ORDER BY id DESC LIMIT 1", 1 },
    [INCIDENT_COUNT] = { "incident_count", "SELECT count(*)" INCIDENT_MATCHES, QUERY_N_PARAMS },
    [INCIDENT_PAGE] = { "incident_page",
        "SELECT id, " INCIDENT_COLUMNS INCIDENT_MATCHES " ORDER BY id DESC" QUERY_PAGE,
        QUERY_N_PAGE_PARAMS },
    [INCIDENT_TRIM] = { "incident_trim",
        "DELETE FROM ha_incident WHERE id IN (SELECT id FROM ha_incident old WHERE end_ms > 0 AND"
        " (end_ms < $1 OR id < (SELECT max(id) - 10000 FROM ha_incident))"
        " ORDER BY id LIMIT 100)", 1 },
    [LINE_INSERT] = { "incident_line_insert",
        "INSERT INTO ha_incident_line (" LINE_COLUMNS ", incident_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING", 7 },
    [LINE_LIST] = { "incident_line_list",
        "SELECT " LINE_COLUMNS " FROM ha_incident_line WHERE incident_id = $1 ORDER BY seq", 1 },
    [VM_PUT] = { "incident_vm_put",
        "INSERT INTO ha_incident_vm (" VM_COLUMNS ", incident_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        " ON CONFLICT (incident_id, vm_id) DO UPDATE SET ending = excluded.ending,"
        " to_id = excluded.to_id, to_name = excluded.to_name, lost_ms = excluded.lost_ms,"
        " placed_ms = excluded.placed_ms, ordered_ms = excluded.ordered_ms,"
        " running_ms = excluded.running_ms, task_id = excluded.task_id, rule = excluded.rule,"
        " why = excluded.why", 13 },
    [VM_LIST] = { "incident_vm_list",
        "SELECT " VM_COLUMNS " FROM ha_incident_vm WHERE incident_id = $1 ORDER BY vm_id", 1 },
};

static const struct col incident_cols[] = {
    COL(Incident, "id", id), /* given by the database */
    COL_ENUM(Incident, "kind", kind, incident_kind),
    COL(Incident, "host_id", host_id),
    COL(Incident, "host_name", host_name),
    COL(Incident, "vm_id", vm_id),
    COL(Incident, "vm_name", vm_name),
    COL(Incident, "begin_ms", begin_ms),
    COL(Incident, "end_ms", end_ms),
    COL(Incident, "last_ms", last_ms),
    COL(Incident, "proof_ms", proof_ms),
    COL(Incident, "proof", proof),
    COL(Incident, "first_ms", first_ms),
    COL(Incident, "done_ms", done_ms),
    COL(Incident, "n_vms", n_vms),
    COL(Incident, "n_running", n_running),
    COL(Incident, "n_held", n_held),
    COL(Incident, "text", text),
    COL(Incident, "n_lines", n_lines),
};
#define INCIDENT_GIVEN 1

static const struct col line_cols[] = {
    COL(IncidentLine, "seq", seq),
    COL(IncidentLine, "at_ms", at_ms),
    COL_ENUM(IncidentLine, "source", source, incident_source),
    COL(IncidentLine, "vm_id", vm_id),
    COL(IncidentLine, "rule", rule),
    COL(IncidentLine, "text", text),
};

static const struct col vm_cols[] = {
    COL(IncidentVm, "vm_id", vm_id),
    COL(IncidentVm, "vm_name", vm_name),
    COL_ENUM(IncidentVm, "ending", end, incident_end),
    COL(IncidentVm, "to_id", to_id),
    COL(IncidentVm, "to_name", to_name),
    COL(IncidentVm, "lost_ms", lost_ms),
    COL(IncidentVm, "placed_ms", placed_ms),
    COL(IncidentVm, "ordered_ms", ordered_ms),
    COL(IncidentVm, "running_ms", running_ms),
    COL(IncidentVm, "task_id", task_id),
    COL(IncidentVm, "rule", rule),
    COL(IncidentVm, "why", why),
};
// clang-format on

ROW_CLASS(incident_class, Incident, incident_new, incident_free, incident_cols);
ROW_CLASS(line_class, IncidentLine, incident_line_new, incident_line_free, line_cols);
ROW_CLASS(vm_class, IncidentVm, incident_vm_new, incident_vm_free, vm_cols);

const struct stmt_table store_incident_table = { incident_stmts, N_INCIDENT_STMTS };

static bool put_head(Db *db, Incident *incident, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    row_add_params(&params, incident_cols + INCIDENT_GIVEN,
                   G_N_ELEMENTS(incident_cols) - INCIDENT_GIVEN, incident);
    if (incident->id == 0)
        return stmt_get_int(db, &incident_stmts[INCIDENT_INSERT], &params, &incident->id, error);
    stmt_add_int(&params, incident->id);
    return row_write_one(db, &incident_stmts[INCIDENT_UPDATE], &params, "incident", incident->id,
                         error);
}

static bool put_parts(Db *db, const struct stmt *stmt, const struct row_class *cls,
                      const GPtrArray *parts, int64_t id, GError **error)
{
    for (guint i = 0; i < parts->len; i++) {
        g_auto(stmt_params_auto) params = { 0 };

        row_add_params(&params, cls->cols, cls->n_cols, parts->pdata[i]);
        stmt_add_int(&params, id);
        if (!stmt_do(db, stmt, &params, NULL, error))
            return false;
    }
    return true;
}

bool store_incident_put(Db *db, Incident *incident, GError **error)
{
    return put_head(db, incident, error) &&
           put_parts(db, &incident_stmts[LINE_INSERT], &line_class, incident->lines, incident->id,
                     error) &&
           put_parts(db, &incident_stmts[VM_PUT], &vm_class, incident->vms, incident->id, error);
}

static bool read_parts(Db *db, int stmt, const struct row_class *cls, int64_t id,
                       GPtrArray **ret_parts, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    GPtrArray *parts = NULL;

    stmt_add_int(&params, id);
    if (!row_select(db, &incident_stmts[stmt], &params, cls, &parts, error))
        return false;
    g_ptr_array_unref(*ret_parts);
    *ret_parts = parts;
    return true;
}

bool store_incident_list_open(Db *db, GPtrArray **ret_incidents, GError **error)
{
    g_autoptr(GPtrArray) incidents = NULL;

    if (!row_select(db, &incident_stmts[INCIDENT_OPEN], NULL, &incident_class, &incidents, error))
        return false;
    for (guint i = 0; i < incidents->len; i++) {
        Incident *incident = incidents->pdata[i];

        if (!read_parts(db, VM_LIST, &vm_class, incident->id, &incident->vms, error))
            return false;
    }
    *ret_incidents = g_steal_pointer(&incidents);
    return true;
}

bool store_incident_get(Db *db, int64_t id, Incident **ret_incident, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    g_autoptr(GPtrArray) found = NULL;
    Incident *incident;

    stmt_add_int(&params, id);
    if (!row_select(db, &incident_stmts[INCIDENT_GET], &params, &incident_class, &found, error))
        return false;
    if (found->len == 0 && id == 0) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_OBJECT_MISSING, NULL,
                       "there was no incident yet");
        return false;
    }
    if (found->len == 0) {
        err_set_reason(error, VRM_ERR_NOT_FOUND, REASON_OBJECT_MISSING, NULL,
                       "there is no incident %" G_GINT64_FORMAT, id);
        return false;
    }
    incident = found->pdata[0];
    if (!read_parts(db, LINE_LIST, &line_class, incident->id, &incident->lines, error) ||
        !read_parts(db, VM_LIST, &vm_class, incident->id, &incident->vms, error))
        return false;
    *ret_incident = g_ptr_array_steal_index(found, 0);
    return true;
}

bool store_incident_query(Db *db, const struct db_query *query, GPtrArray **ret_incidents,
                          int64_t *ret_total, GError **error)
{
    const struct query_plan plan = { &incident_stmts[INCIDENT_COUNT],
                                     &incident_stmts[INCIDENT_PAGE], &incident_class };

    return query_run(db, &plan, query, ret_incidents, ret_total, error);
}

bool store_incident_trim(Db *db, int64_t before_ms, int64_t *ret_removed, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, before_ms);
    return stmt_do(db, &incident_stmts[INCIDENT_TRIM], &params, ret_removed, error);
}
