/* row.c - see row.h. */
#include "config.h"

#include "db/row.h"

#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "model/reason.h"
#include "model/types.h"

#define ROW_MAX_COLS 64

const char *const object_kind_words[N_OBJECT_KINDS] = {
#define X(name, segment) segment,
    OBJECT_KINDS(X)
#undef X
};

G_STATIC_ASSERT(sizeof(enum vm_status) == sizeof(unsigned));

/* ---- writing ------------------------------------------------------------------------------- */

static void add_hours(struct stmt_params *params, const uint8_t *hours)
{
    int64_t values[HOURS_PER_DAY];

    for (size_t i = 0; i < HOURS_PER_DAY; i++)
        values[i] = hours[i];
    stmt_add_ids(params, values, HOURS_PER_DAY);
}

static void add_param(struct stmt_params *params, const struct col *col, const void *field)
{
    switch (col->type) {
    case COL_INT:
        stmt_add_int(params, *(const int64_t *)field);
        break;
    case COL_ID:
        stmt_add_id(params, *(const int64_t *)field);
        break;
    case COL_CODE:
        stmt_add_int(params, *(const unsigned *)field);
        break;
    case COL_BOOL:
        stmt_add_bool(params, *(const bool *)field);
        break;
    case COL_TEXT:
        stmt_add_text(params, *(char *const *)field);
        break;
    case COL_WORD:
        stmt_add_text(params, state_word(col->words, col->n_words, *(const unsigned *)field));
        break;
    case COL_HOURS:
        add_hours(params, field);
        break;
    case COL_IDS:
        g_assert_not_reached();
    }
}

void row_add_params(struct stmt_params *params, const struct col *cols, size_t n_cols,
                    const void *object)
{
    for (size_t i = 0; i < n_cols; i++) {
        if (cols[i].type != COL_IDS)
            add_param(params, &cols[i], (const char *)object + cols[i].offset);
    }
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool parse_int(const char *text, int64_t *ret_value)
{
    return g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, ret_value, NULL);
}

/* "{1,2,3}" */
static bool parse_ids(const char *text, int64_t **ret_ids, size_t *ret_n)
{
    g_autofree char *inner = NULL;
    g_auto(GStrv) parts = NULL;
    g_autofree int64_t *ids = NULL;
    size_t n;

    if (*text == '\0' || strcmp(text, "{}") == 0) {
        *ret_ids = NULL;
        *ret_n = 0;
        return true;
    }
    if (text[0] != '{' || !g_str_has_suffix(text, "}"))
        return false;
    inner = g_strndup(text + 1, strlen(text) - 2);
    parts = g_strsplit(inner, ",", -1);
    n = g_strv_length(parts);
    ids = g_new0(int64_t, n);
    for (size_t i = 0; i < n; i++) {
        if (!parse_int(parts[i], &ids[i]))
            return false;
    }
    *ret_ids = g_steal_pointer(&ids);
    *ret_n = n;
    return true;
}

static bool parse_hours(const char *text, uint8_t *hours)
{
    g_autofree int64_t *values = NULL;
    size_t n;

    if (!parse_ids(text, &values, &n) || n != HOURS_PER_DAY)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (values[i] < 0 || values[i] > UINT8_MAX)
            return false;
        hours[i] = (uint8_t)values[i];
    }
    return true;
}

static bool parse_code(const char *text, unsigned *ret_value)
{
    int64_t value;

    if (!parse_int(text, &value) || value < 0 || value > UINT32_MAX)
        return false;
    *ret_value = (unsigned)value;
    return true;
}

static bool replace_ids(void *object, const struct col *col, const char *text)
{
    int64_t **field = (int64_t **)(void *)((char *)object + col->offset);
    size_t *count = (size_t *)(void *)((char *)object + col->count_offset);
    int64_t *ids;

    if (!parse_ids(text, &ids, count))
        return false;
    g_free(*field);
    *field = ids;
    return true;
}

/* text is "" for NULL. */
static bool read_field(void *object, const struct col *col, const char *text)
{
    void *field = (char *)object + col->offset;

    switch (col->type) {
    case COL_INT:
        return parse_int(text, field);
    case COL_ID:
        if (*text)
            return parse_int(text, field);
        *(int64_t *)field = 0;
        return true;
    case COL_CODE:
        return parse_code(text, field);
    case COL_BOOL:
        *(bool *)field = *text == 't';
        return *text == 't' || *text == 'f';
    case COL_TEXT:
        text_set(field, text);
        return true;
    case COL_WORD:
        return state_find(col->words, col->n_words, text, field);
    case COL_HOURS:
        return parse_hours(text, field);
    case COL_IDS:
        return replace_ids(object, col, text);
    }
    g_assert_not_reached();
}

/* Where each column of a table stands in a result. */
struct row_map {
    const struct col *cols;
    size_t n_cols;
    int places[ROW_MAX_COLS];
};

static bool map_columns(const PGresult *result, const struct col *cols, size_t n_cols,
                        struct row_map *ret_map, GError **error)
{
    g_assert(n_cols <= ROW_MAX_COLS);
    ret_map->cols = cols;
    ret_map->n_cols = n_cols;
    for (size_t i = 0; i < n_cols; i++) {
        ret_map->places[i] = PQfnumber(result, cols[i].name);
        if (ret_map->places[i] < 0) {
            err_set(error, VRM_ERR_INTERNAL, "the query gives no column %s", cols[i].name);
            return false;
        }
    }
    return true;
}

static bool read_mapped(const PGresult *result, int row, const struct row_map *map, void *object,
                        GError **error)
{
    for (size_t i = 0; i < map->n_cols; i++) {
        const char *text = PQgetvalue(result, row, map->places[i]);

        if (!read_field(object, &map->cols[i], text)) {
            err_set(error, VRM_ERR_INTERNAL, "column %s: '%.80s' is not understood",
                    map->cols[i].name, text);
            return false;
        }
    }
    return true;
}

bool row_read_into(const PGresult *result, int row, const struct col *cols, size_t n_cols,
                   void *object, GError **error)
{
    struct row_map map;

    return map_columns(result, cols, n_cols, &map, error) &&
           read_mapped(result, row, &map, object, error);
}

bool row_read_all(const PGresult *result, const struct row_class *cls, GPtrArray **ret_objects,
                  GError **error)
{
    g_autoptr(GPtrArray) objects = g_ptr_array_new_with_free_func(cls->destroy);
    struct row_map map;

    if (!map_columns(result, cls->cols, cls->n_cols, &map, error))
        return false;
    for (int row = 0; row < PQntuples(result); row++) {
        void *object = cls->create();

        g_ptr_array_add(objects, object);
        if (!read_mapped(result, row, &map, object, error))
            return false;
    }
    *ret_objects = g_steal_pointer(&objects);
    return true;
}

bool row_select(Db *db, const struct stmt *stmt, const struct stmt_params *params,
                const struct row_class *cls, GPtrArray **ret_objects, GError **error)
{
    g_autoptr(PGresult) result = stmt_run(db, stmt, params, error);

    return result && row_read_all(result, cls, ret_objects, error);
}

bool row_get_int(const PGresult *result, int row, const char *column, int64_t *ret_value,
                 GError **error)
{
    const struct col col = { .name = column, .type = COL_ID };

    return row_read_into(result, row, &col, 1, ret_value, error);
}

static bool write_one(Db *db, const struct stmt *stmt, const struct stmt_params *params,
                      const char *object, GError **error)
{
    int64_t n_rows;

    if (!stmt_do(db, stmt, params, &n_rows, error))
        return false;
    if (n_rows != 1) {
        err_set_reason(error, VRM_ERR_CONFLICT, REASON_OBJECT_CONFLICT, NULL,
                       "%s was changed or deleted meanwhile", object);
        return false;
    }
    return true;
}

bool row_write_one(Db *db, const struct stmt *stmt, const struct stmt_params *params,
                   const char *what, int64_t id, GError **error)
{
    g_autofree char *object = g_strdup_printf("%s %" G_GINT64_FORMAT, what, id);

    return write_one(db, stmt, params, object, error);
}

/* As people know it: by its name, if its class has one. */
static char *describe(const struct row_class *cls, const char *what, const void *object)
{
    for (size_t i = ROW_HEAD; i < cls->n_cols; i++) {
        const struct col *col = &cls->cols[i];

        if (col->type == COL_TEXT && g_str_equal(col->name, "name"))
            return g_strdup_printf(
                "%s %s", what, *(char *const *)(const void *)((const char *)object + col->offset));
    }
    return g_strdup_printf(
        "%s %" G_GINT64_FORMAT, what,
        *(const int64_t *)(const void *)((const char *)object + cls->cols[0].offset));
}

bool row_insert(Db *db, const struct stmt *stmt, const struct row_class *cls, void *object,
                GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    g_autoptr(PGresult) result = NULL;

    row_add_params(&params, cls->cols + ROW_HEAD, cls->n_cols - ROW_HEAD, object);
    result = stmt_run(db, stmt, &params, error);
    return result && row_read_into(result, 0, cls->cols, ROW_HEAD, object, error);
}

bool row_update(Db *db, const struct stmt *stmt, const struct row_class *cls, const char *what,
                void *object, GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };
    int64_t *id = (int64_t *)(void *)((char *)object + cls->cols[0].offset);
    int64_t *generation = (int64_t *)(void *)((char *)object + cls->cols[1].offset);
    g_autofree char *shown = describe(cls, what, object);

    row_add_params(&params, cls->cols + ROW_HEAD, cls->n_cols - ROW_HEAD, object);
    stmt_add_int(&params, *id);
    stmt_add_int(&params, *generation);
    if (!write_one(db, stmt, &params, shown, error))
        return false;
    *generation += 1;
    return true;
}

bool row_delete(Db *db, const struct stmt *stmt, const char *what, int64_t id, int64_t generation,
                GError **error)
{
    g_auto(stmt_params_auto) params = { 0 };

    stmt_add_int(&params, id);
    stmt_add_int(&params, generation);
    return row_write_one(db, stmt, &params, what, id, error);
}
