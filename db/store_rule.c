/* store_rule.c - DRS rules; see store_rule.h. */
#include "config.h"

#include "db/store_rule.h"

#include "db/row.h"
#include "db/store_tables.h"

enum {
    RULE_LIST,
    RULE_INSERT,
    RULE_UPDATE,
    RULE_DELETE,
    RULE_DROP_VMS,
    RULE_ADD_VMS,
    N_RULE_STMTS,
};

// clang-format off
static const struct stmt rule_stmts[N_RULE_STMTS] = {
    [RULE_LIST] = { "rule_list",
        "SELECT id, generation, cluster_id, name, type, strength, vm_group_id, host_group_id,"
        " create_ms, update_ms, fault_domain,"
        " ARRAY(SELECT vm_id FROM rule_vm WHERE rule_id = id ORDER BY vm_id) AS vms"
        " FROM drs_rule ORDER BY id", 0 },
    [RULE_INSERT] = { "rule_insert",
        "INSERT INTO drs_rule (cluster_id, name, type, strength, vm_group_id, host_group_id,"
        " create_ms, update_ms, fault_domain) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " RETURNING id, generation", 9 },
    /* The cluster never changes. */
    [RULE_UPDATE] = { "rule_update",
        "UPDATE drs_rule SET name = $2, type = $3, strength = $4, vm_group_id = $5,"
        " host_group_id = $6, create_ms = $7, update_ms = $8, fault_domain = $9,"
        " generation = generation + 1"
        " WHERE id = $10 AND generation = $11 AND cluster_id = $1", 11 },
    [RULE_DELETE] = { "rule_delete",
        "DELETE FROM drs_rule WHERE id = $1 AND generation = $2", 2 },
    [RULE_DROP_VMS] = { "rule_drop_vms", "DELETE FROM rule_vm WHERE rule_id = $1", 1 },
    [RULE_ADD_VMS] = { "rule_add_vms",
        "INSERT INTO rule_vm (rule_id, cluster_id, vm_id) SELECT $1, $2, unnest($3::bigint[])",
        3 },
};

static const struct col rule_cols[] = {
    ROW_HEAD_COLS(Rule),
    COL(Rule, "cluster_id", cluster_id),
    COL(Rule, "name", name),
    COL_ENUM(Rule, "type", type, rule_type),
    COL_ENUM(Rule, "strength", strength, rule_strength),
    COL_REF(Rule, "vm_group_id", vm_group_id),
    COL_REF(Rule, "host_group_id", host_group_id),
    COL(Rule, "create_ms", create_ms),
    COL(Rule, "update_ms", update_ms),
    COL(Rule, "fault_domain", domain),
    COL_LIST(Rule, "vms", vms, n_vms),
};
// clang-format on

ROW_CLASS(rule_class, Rule, rule_new, rule_unref, rule_cols);

const struct stmt_table store_rule_table = { rule_stmts, N_RULE_STMTS };

bool store_rule_list(Db *db, GPtrArray **ret_rules, GError **error)
{
    return row_select(db, &rule_stmts[RULE_LIST], NULL, &rule_class, ret_rules, error);
}

static bool add_vms(Db *db, const Rule *rule, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    if (rule->n_vms == 0)
        return true;
    stmt_add_int(&params, rule->id);
    stmt_add_int(&params, rule->cluster_id);
    stmt_add_ids(&params, rule->vms, rule->n_vms);
    return stmt_do(db, &rule_stmts[RULE_ADD_VMS], &params, NULL, error);
}

bool store_rule_insert(Db *db, Rule *rule, GError **error)
{
    return row_insert(db, &rule_stmts[RULE_INSERT], &rule_class, rule, error) &&
           add_vms(db, rule, error);
}

bool store_rule_update(Db *db, Rule *rule, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, rule->id);
    return row_update(db, &rule_stmts[RULE_UPDATE], &rule_class, "rule", rule, error) &&
           stmt_do(db, &rule_stmts[RULE_DROP_VMS], &params, NULL, error) &&
           add_vms(db, rule, error);
}

bool store_rule_delete(Db *db, int64_t id, int64_t generation, GError **error)
{
    return row_delete(db, &rule_stmts[RULE_DELETE], "rule", id, generation, error);
}
