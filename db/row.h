/* row.h - tables that tie a row's columns to a struct's fields.  Internal to db/; DB workers.
 *
 * One table per aggregate gives the parameters of INSERT and UPDATE (in the table's order) and
 * reads results (by column name).  Texts in objects are never NULL. */
#ifndef VRM_DB_ROW_H
#define VRM_DB_ROW_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/stmt.h"
#include "model/id.h"
#include "model/state.h"

enum col_type {
    COL_INT,   /* int64_t */
    COL_ID,    /* int64_t; 0 is NULL */
    COL_CODE,  /* uint32_t, or an enum whose values are stored as numbers */
    COL_BOOL,  /* bool */
    COL_TEXT,  /* char *, owned */
    COL_WORD,  /* an enum stored as the word of its X-list */
    COL_HOURS, /* uint8_t[HOURS_PER_DAY] */
    COL_IDS,   /* int64_t *, owned, and a size_t count; read only: members have their own table */
};

/* model/id.h has no such list. */
extern const char *const object_kind_words[N_OBJECT_KINDS];

struct col {
    const char *name;
    enum col_type type;
    size_t offset;
    size_t count_offset;      /* COL_IDS */
    const char *const *words; /* COL_WORD: the X-list's words */
    size_t n_words;
};

/* The field's C type picks the column type; an enum without words counts as a number. */
#define COL(Type, column, field)                                                                     \
    {                                                                                                \
        .name = column,                                                                            \
        .type = _Generic(((Type *) NULL)->field, int64_t                                           \
                         : COL_INT, bool                                                           \
                         : COL_BOOL, char *                                                        \
                         : COL_TEXT, unsigned                                                      \
                         : COL_CODE, uint8_t *                                                     \
                         : COL_HOURS),                                                             \
        .offset = offsetof(Type, field) \
    }
#define COL_REF(Type, column, field)                                                               \
    {                                                                                              \
        .name = column,                                                                            \
        .type = _Generic(((Type *)NULL)->field, int64_t                                            \
                         : COL_ID),                                                                \
        .offset = offsetof(Type, field)                                                            \
    }
#define COL_ENUM(Type, column, field, list)                                                        \
    {                                                                                              \
        .name = column, .type = COL_WORD, .offset = offsetof(Type, field), .words = list##_words,  \
        .n_words = G_N_ELEMENTS(list##_words)                                                      \
    }
#define COL_LIST(Type, column, field, count)                                                       \
    {                                                                                              \
        .name = column,                                                                            \
        .type = _Generic(((Type *)NULL)->field, int64_t *                                          \
                         : COL_IDS),                                                               \
        .offset = offsetof(Type, field), .count_offset = offsetof(Type, count)                     \
    }

/* Adds a parameter per column, from object. */
void row_add_params(struct stmt_params *params, const struct col *cols, size_t n_cols,
                    const void *object);

/* What a store needs to turn rows into objects. */
struct row_class {
    void *(*create)(void);
    void (*destroy)(void *object);
    const struct col *cols;
    size_t n_cols;
};

/* ROW_CLASS(host_class, Host, host_new, host_unref, host_cols) */
#define ROW_CLASS(name, Type, new_fn, free_fn, columns)                                            \
    static void *name##_create(void)                                                               \
    {                                                                                              \
        return new_fn();                                                                           \
    }                                                                                              \
    static void name##_destroy(void *object)                                                       \
    {                                                                                              \
        free_fn((Type *)object);                                                                   \
    }                                                                                              \
    static const struct row_class name = { name##_create, name##_destroy, columns,                 \
                                           G_N_ELEMENTS(columns) }

/* All rows of a result as new objects.  A word, number or column that does not fit is
 * VRM_ERR_INTERNAL: the database holds what this program cannot have written. */
bool row_read_all(const PGresult *result, const struct row_class *cls, GPtrArray **ret_objects,
                  GError **error);
/* One row into an existing object. */
bool row_read_into(const PGresult *result, int row, const struct col *cols, size_t n_cols,
                   void *object, GError **error);

/* Runs stmt and reads all rows. */
bool row_select(Db *db, const struct stmt *stmt, const struct stmt_params *params,
                const struct row_class *cls, GPtrArray **ret_objects, GError **error);

/* A column as an integer; NULL is 0. */
bool row_get_int(const PGresult *result, int row, const char *column, int64_t *ret_value,
                 GError **error);

/* The columns of a stored object start with id and generation, which the database fills; the
 * statements below take the others as $1 .. $n, in order. */
#define ROW_HEAD            2
#define ROW_HEAD_COLS(Type) COL(Type, "id", id), COL(Type, "generation", generation)

/* INSERT ... RETURNING id, generation: both go into object. */
bool row_insert(Db *db, const struct stmt *stmt, const struct row_class *cls, void *object,
                GError **error);
/* UPDATE with id and generation as the last two parameters; raises object's generation. */
bool row_update(Db *db, const struct stmt *stmt, const struct row_class *cls, const char *what,
                void *object, GError **error);
/* DELETE with $1 id, $2 generation. */
bool row_delete(Db *db, const struct stmt *stmt, const char *what, int64_t id, int64_t generation,
                GError **error);
/* Fails with VRM_ERR_CONFLICT for this object unless stmt touches exactly one row. */
bool row_write_one(Db *db, const struct stmt *stmt, const struct stmt_params *params,
                   const char *what, int64_t id, GError **error);

#endif /* VRM_DB_ROW_H */
