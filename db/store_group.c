/* store_group.c - resource groups; see store_rule.h. */
#include "config.h"

#include "db/row.h"
#include "db/store_rule.h"
#include "db/store_tables.h"

enum {
    GROUP_LIST,
    GROUP_INSERT,
    GROUP_UPDATE,
    GROUP_DELETE,
    GROUP_DROP_VMS,
    GROUP_DROP_HOSTS,
    GROUP_ADD_VMS,
    GROUP_ADD_HOSTS,
    N_GROUP_STMTS,
};

// clang-format off
static const struct stmt group_stmts[N_GROUP_STMTS] = {
    [GROUP_LIST] = { "group_list",
        "SELECT id, generation, cluster_id, type, use_type, name, ARRAY("
        "  SELECT vm_id FROM group_vm WHERE group_id = id"
        "  UNION ALL SELECT host_id FROM group_host WHERE group_id = id ORDER BY 1) AS members"
        " FROM resource_group ORDER BY id", 0 },
    [GROUP_INSERT] = { "group_insert",
        "INSERT INTO resource_group (cluster_id, type, use_type, name) VALUES ($1, $2, $3, $4)"
        " RETURNING id, generation", 4 },
    /* Cluster and type are part of the condition: they never change. */
    [GROUP_UPDATE] = { "group_update",
        "UPDATE resource_group SET use_type = $3, name = $4, generation = generation + 1"
        " WHERE id = $5 AND generation = $6 AND cluster_id = $1 AND type = $2", 6 },
    [GROUP_DELETE] = { "group_delete",
        "DELETE FROM resource_group WHERE id = $1 AND generation = $2", 2 },
    [GROUP_DROP_VMS] = { "group_drop_vms", "DELETE FROM group_vm WHERE group_id = $1", 1 },
    [GROUP_DROP_HOSTS] = { "group_drop_hosts", "DELETE FROM group_host WHERE group_id = $1", 1 },
    [GROUP_ADD_VMS] = { "group_add_vms",
        "INSERT INTO group_vm (group_id, cluster_id, vm_id) SELECT $1, $2, unnest($3::bigint[])",
        3 },
    [GROUP_ADD_HOSTS] = { "group_add_hosts",
        "INSERT INTO group_host (group_id, cluster_id, host_id)"
        " SELECT $1, $2, unnest($3::bigint[])", 3 },
};

static const struct col group_cols[] = {
    ROW_HEAD_COLS(Group),
    COL(Group, "cluster_id", cluster_id),
    COL_ENUM(Group, "type", type, group_type),
    COL(Group, "use_type", use_type),
    COL(Group, "name", name),
    COL_LIST(Group, "members", members, n_members),
};
// clang-format on

ROW_CLASS(group_class, Group, group_new, group_unref, group_cols);

const struct stmt_table store_group_table = { group_stmts, N_GROUP_STMTS };

bool store_group_list(Db *db, GPtrArray **ret_groups, GError **error)
{
    return row_select(db, &group_stmts[GROUP_LIST], NULL, &group_class, ret_groups, error);
}

static bool add_members(Db *db, const Group *group, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, group->id);
    stmt_add_int(&params, group->cluster_id);
    stmt_add_ids(&params, group->members, group->n_members);
    return stmt_do(db, &group_stmts[group->type == GROUP_VM ? GROUP_ADD_VMS : GROUP_ADD_HOSTS],
                   &params, NULL, error);
}

bool store_group_insert(Db *db, Group *group, GError **error)
{
    return row_insert(db, &group_stmts[GROUP_INSERT], &group_class, group, error) &&
           add_members(db, group, error);
}

bool store_group_update(Db *db, Group *group, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, group->id);
    return row_update(db, &group_stmts[GROUP_UPDATE], &group_class, "group", group, error) &&
           stmt_do(db, &group_stmts[GROUP_DROP_VMS], &params, NULL, error) &&
           stmt_do(db, &group_stmts[GROUP_DROP_HOSTS], &params, NULL, error) &&
           add_members(db, group, error);
}

bool store_group_delete(Db *db, int64_t id, int64_t generation, GError **error)
{
    return row_delete(db, &group_stmts[GROUP_DELETE], "group", id, generation, error);
}
