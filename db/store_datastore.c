/* store_datastore.c - see store_datastore.h. */
#include "config.h"

#include "db/store_datastore.h"

#include "db/row.h"
#include "db/store_tables.h"

enum {
    DATASTORE_LIST,
    DATASTORE_INSERT,
    DATASTORE_UPDATE,
    DATASTORE_DELETE,
    N_DATASTORE_STMTS,
};

// clang-format off
#define DATASTORE_COLUMNS \
    "name, description, storage_type, path, capacity_gb, used_gb"
#define DATASTORE_VALUES \
    "$1, $2, $3, $4, $5, $6"

static const struct stmt datastore_stmts[N_DATASTORE_STMTS] = {
    [DATASTORE_LIST] = { "datastore_list",
        "SELECT id, generation, " DATASTORE_COLUMNS " FROM datastore ORDER BY id", 0 },
    [DATASTORE_INSERT] = { "datastore_insert",
        "INSERT INTO datastore (" DATASTORE_COLUMNS ") VALUES (" DATASTORE_VALUES ")"
        " RETURNING id, generation", 6 },
    [DATASTORE_UPDATE] = { "datastore_update",
        "UPDATE datastore SET (" DATASTORE_COLUMNS ", generation) ="
        " ROW (" DATASTORE_VALUES ", generation + 1) WHERE id = $7 AND generation = $8", 8 },
    [DATASTORE_DELETE] = { "datastore_delete",
        "DELETE FROM datastore WHERE id = $1 AND generation = $2", 2 },
};

static const struct col datastore_cols[] = {
    ROW_HEAD_COLS(Datastore),
    COL(Datastore, "name", name),
    COL(Datastore, "description", description),
    COL(Datastore, "storage_type", storage_type),
    COL(Datastore, "path", path),
    COL(Datastore, "capacity_gb", capacity_gb),
    COL(Datastore, "used_gb", used_gb),
};
// clang-format on

ROW_CLASS(datastore_class, Datastore, datastore_new, datastore_unref, datastore_cols);

const struct stmt_table store_datastore_table = { datastore_stmts, N_DATASTORE_STMTS };

bool store_datastore_list(Db *db, GPtrArray **ret_datastores, GError **error)
{
    return row_select(db, &datastore_stmts[DATASTORE_LIST], NULL, &datastore_class, ret_datastores,
                      error);
}

bool store_datastore_insert(Db *db, Datastore *datastore, GError **error)
{
    return row_insert(db, &datastore_stmts[DATASTORE_INSERT], &datastore_class, datastore, error);
}

bool store_datastore_update(Db *db, Datastore *datastore, GError **error)
{
    return row_update(db, &datastore_stmts[DATASTORE_UPDATE], &datastore_class, "datastore",
                      datastore, error);
}

bool store_datastore_delete(Db *db, int64_t id, int64_t generation, GError **error)
{
    return row_delete(db, &datastore_stmts[DATASTORE_DELETE], "datastore", id, generation, error);
}
