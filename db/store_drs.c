/* store_drs.c - see store_drs.h. */
#include "config.h"

#include "db/store_drs.h"

#include "base/err.h"
#include "db/query_impl.h"
#include "db/store_tables.h"
#include "model/reason.h"

enum {
    PLAN_LIST_LATEST,
    PLAN_INSERT,
    REC_LIST_LATEST,
    REC_EXPIRE,
    REC_INSERT,
    REC_KEEP,
    REC_UPDATE,
    REC_COUNT,
    REC_PAGE,
    N_DRS_STMTS,
};

// clang-format off
#define PLAN_COLUMNS \
    "cluster_id, at_ms, decided, imbalance_now, imbalance_planned, overload_now, " \
    "overload_planned, verdict, kind"
#define REC_COLUMNS \
    "vm_id, source_host_id, target_host_id, vm_name, source_name, target_name, reason, state, " \
    "rating, gain_overload, gain_balance, cost_ms, cost_mb, text, rejected, create_ms, " \
    "finish_ms, task_id, depends_on, type"
#define REC_VALUES \
    "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20"
#define REC_MATCHES \
    " FROM recommendation rec JOIN drs_plan plan ON plan.id = plan_id" \
    " WHERE " QUERY_TEXT("$1", "reason") " AND " QUERY_NO_TEXT("$2") \
    " AND " QUERY_TEXT("$3", "state") " AND " QUERY_PART("$4", "vm_name") \
    " AND " QUERY_TIMES("create_ms") " AND " QUERY_IDS("rec.id") " AND " QUERY_NO_INT("$10") \
    " AND ($7::bigint = 0 OR ($8::text = 'clusters' AND cluster_id = $7)" \
    "  OR ($8::text = 'vms' AND vm_id = $7)" \
    "  OR ($8::text = 'hosts' AND (source_host_id = $7 OR target_host_id = $7)))"

static const struct stmt drs_stmts[N_DRS_STMTS] = {
    [PLAN_LIST_LATEST] = { "plan_list_latest",
        "SELECT DISTINCT ON (cluster_id) id, " PLAN_COLUMNS " FROM drs_plan"
        " WHERE kind = 'drs' ORDER BY cluster_id, id DESC", 0 },
    [PLAN_INSERT] = { "plan_insert",
        "INSERT INTO drs_plan (" PLAN_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " RETURNING id", 9 },
    [REC_LIST_LATEST] = { "rec_list_latest",
        "SELECT rec.id, cluster_id, " REC_COLUMNS " FROM recommendation rec JOIN"
        " (SELECT cluster_id, max(id) AS newest FROM drs_plan WHERE kind = 'drs' GROUP BY cluster_id) latest"
        " ON plan_id = newest ORDER BY cluster_id, place", 0 },
    [REC_EXPIRE] = { "rec_expire",
        "UPDATE recommendation SET state = 'expired', finish_ms = $2 WHERE state = 'open'"
        " AND plan_id IN (SELECT id FROM drs_plan WHERE cluster_id = $1 AND kind = $3)"
        " AND plan_id <> $4", 4 },
    [REC_INSERT] = { "rec_insert",
        "INSERT INTO recommendation (" REC_COLUMNS ", plan_id, place)"
        " VALUES (" REC_VALUES ", $21, $22) RETURNING id", 22 },
    [REC_KEEP] = { "rec_keep",
        "UPDATE recommendation SET (" REC_COLUMNS ", plan_id, place) = (" REC_VALUES ", $21, $22)"
        " WHERE id = $23 AND state = 'open'", 23 },
    [REC_UPDATE] = { "rec_update",
        "UPDATE recommendation SET state = $1, finish_ms = $2, task_id = $3 WHERE id = $4", 4 },
    [REC_COUNT] = { "rec_count", "SELECT count(*)" REC_MATCHES, QUERY_N_PARAMS },
    [REC_PAGE] = { "rec_page",
        "SELECT rec.id, cluster_id, " REC_COLUMNS REC_MATCHES " ORDER BY rec.id DESC" QUERY_PAGE,
        QUERY_N_PAGE_PARAMS },
};

static const struct col plan_cols[] = {
    COL(DrsReport, "id", plan_id), /* given by the database */
    COL(DrsReport, "cluster_id", cluster_id),
    COL(DrsReport, "at_ms", at_ms),
    COL(DrsReport, "decided", decided),
    COL(DrsReport, "imbalance_now", imbalance_now),
    COL(DrsReport, "imbalance_planned", imbalance_planned),
    COL(DrsReport, "overload_now", overload_now),
    COL(DrsReport, "overload_planned", overload_planned),
    COL(DrsReport, "verdict", verdict),
    COL_ENUM(DrsReport, "kind", kind, plan_kind),
};

static const struct col rec_cols[] = {
    COL(Recommendation, "id", id), /* given by the database */
    COL(Recommendation, "cluster_id", cluster_id), /* the plan's */
    COL(Recommendation, "vm_id", vm_id),
    COL(Recommendation, "source_host_id", source_host_id),
    COL(Recommendation, "target_host_id", target_host_id),
    COL(Recommendation, "vm_name", vm_name),
    COL(Recommendation, "source_name", source_name),
    COL(Recommendation, "target_name", target_name),
    COL_ENUM(Recommendation, "reason", reason, move_reason),
    COL_ENUM(Recommendation, "state", state, recommendation_state),
    COL(Recommendation, "rating", rating),
    COL(Recommendation, "gain_overload", gain_overload),
    COL(Recommendation, "gain_balance", gain_balance),
    COL(Recommendation, "cost_ms", cost_ms),
    COL(Recommendation, "cost_mb", cost_mb),
    COL(Recommendation, "text", text),
    COL(Recommendation, "rejected", rejected),
    COL(Recommendation, "create_ms", create_ms),
    COL(Recommendation, "finish_ms", finish_ms),
    COL_REF(Recommendation, "task_id", task_id),
    COL_REF(Recommendation, "depends_on", depends_on),
    COL_ENUM(Recommendation, "type", type, recommendation_type),
};
#define PLAN_GIVEN 1
#define REC_GIVEN 2

static const struct col rec_update_cols[] = {
    COL_ENUM(Recommendation, "state", state, recommendation_state),
    COL(Recommendation, "finish_ms", finish_ms),
    COL_REF(Recommendation, "task_id", task_id),
};
// clang-format on

ROW_CLASS(plan_class, DrsReport, drs_report_new, drs_report_unref, plan_cols);
ROW_CLASS(rec_class, Recommendation, recommendation_new, recommendation_unref, rec_cols);

const struct stmt_table store_drs_table = { drs_stmts, N_DRS_STMTS };

/* Both lists ascend by cluster. */
static void hand_out(GPtrArray *reports, GPtrArray *recs)
{
    guint place = 0;

    for (guint i = 0; i < recs->len; i++) {
        const Recommendation *rec = g_ptr_array_index(recs, i);

        while (place < reports->len &&
               ((DrsReport *)g_ptr_array_index(reports, place))->cluster_id != rec->cluster_id)
            place++;
        if (place < reports->len)
            drs_report_take(g_ptr_array_index(reports, place), recommendation_ref(rec));
    }
}

bool store_drs_list_latest(Db *db, GPtrArray **ret_reports, GError **error)
{
    g_autoptr(GPtrArray) reports = NULL;
    g_autoptr(GPtrArray) recs = NULL;

    if (!row_select(db, &drs_stmts[PLAN_LIST_LATEST], NULL, &plan_class, &reports, error) ||
        !row_select(db, &drs_stmts[REC_LIST_LATEST], NULL, &rec_class, &recs, error))
        return false;
    hand_out(reports, recs);
    *ret_reports = g_steal_pointer(&reports);
    return true;
}

/* Of older plans; what the report keeps is its own by now. */
static bool expire_open(Db *db, const DrsReport *report, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, report->cluster_id);
    stmt_add_int(&params, report->at_ms);
    stmt_add_text(&params, plan_kind_name(report->kind));
    stmt_add_int(&params, report->plan_id);
    return stmt_do(db, &drs_stmts[REC_EXPIRE], &params, NULL, error);
}

/* depends_on arrives as a place in the report; only earlier ones have an id by now. */
static bool resolve_dependency(const DrsReport *report, size_t index, GError **error)
{
    Recommendation *rec = report->recommendations[index];

    if (rec->depends_on == 0)
        return true;
    if (rec->depends_on < 0 || (size_t)rec->depends_on > index) {
        err_set(error, VRM_ERR_INTERNAL,
                "recommendation %zu depends on place %" G_GINT64_FORMAT ", which is not before it",
                index + 1, rec->depends_on);
        return false;
    }
    rec->depends_on = report->recommendations[rec->depends_on - 1]->id;
    return true;
}

static void add_values(struct stmt_params *params, const DrsReport *report, size_t index)
{
    row_add_params(params, rec_cols + REC_GIVEN, G_N_ELEMENTS(rec_cols) - REC_GIVEN,
                   report->recommendations[index]);
    stmt_add_int(params, report->plan_id);
    stmt_add_int(params, (int64_t)index + 1);
}

/* What is no longer open stays as it ended: the move is then a new recommendation, with id 0. */
static bool keep_recommendation(Db *db, const DrsReport *report, size_t index, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    g_autoptr(GError) why = NULL;
    Recommendation *rec = report->recommendations[index];

    add_values(&params, report, index);
    stmt_add_int(&params, rec->id);
    if (row_write_one(db, &drs_stmts[REC_KEEP], &params, "recommendation", rec->id, &why))
        return true;
    if (!err_is(why, VRM_ERR_CONFLICT)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return false;
    }
    rec->id = 0;
    return true;
}

static bool insert_recommendation(Db *db, const DrsReport *report, size_t index, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    Recommendation *rec = report->recommendations[index];

    if (!resolve_dependency(report, index, error))
        return false;
    rec->cluster_id = report->cluster_id;
    if (rec->id && !keep_recommendation(db, report, index, error))
        return false;
    if (rec->id)
        return true;
    add_values(&params, report, index);
    return stmt_get_int(db, &drs_stmts[REC_INSERT], &params, &rec->id, error);
}

bool store_drs_insert(Db *db, DrsReport *report, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    row_add_params(&params, plan_cols + PLAN_GIVEN, G_N_ELEMENTS(plan_cols) - PLAN_GIVEN, report);
    if (!stmt_get_int(db, &drs_stmts[PLAN_INSERT], &params, &report->plan_id, error))
        return false;
    for (size_t i = 0; i < report->n_recommendations; i++) {
        if (!insert_recommendation(db, report, i, error))
            return false;
    }
    return expire_open(db, report, error);
}

bool store_drs_update_recommendation(Db *db, const Recommendation *rec, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    row_add_params(&params, rec_update_cols, G_N_ELEMENTS(rec_update_cols), rec);
    stmt_add_int(&params, rec->id);
    return row_write_one(db, &drs_stmts[REC_UPDATE], &params, "recommendation", rec->id, error);
}

bool store_drs_query(Db *db, const struct db_query *query, GPtrArray **ret_recommendations,
                     int64_t *ret_total, GError **error)
{
    const struct query_plan plan = { &drs_stmts[REC_COUNT], &drs_stmts[REC_PAGE], &rec_class };

    return query_run(db, &plan, query, ret_recommendations, ret_total, error);
}
