/* snapshot_json.c - see snapshot_json.h.  Tables say which field has which name; writing and
 * reading follow them. */
#include "config.h"

#include "model/snapshot_json.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "model/snapshot_fields.h"
#include "model/snapshot_part.h"

#define FORMAT         "vrm-snapshot"
#define FORMAT_VERSION 1
#define MAX_STRING     65536

static const void *at_const(const void *base, size_t offset)
{
    return (const char *)base + offset;
}

static void *at(void *base, size_t offset)
{
    return (char *)base + offset;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* Objects within objects go as deep as the tables: three levels. */
/* NOLINTBEGIN(misc-no-recursion) */
static json_t *encode_object(const struct snapshot_table *table, const void *object,
                             const void *fresh);

static json_t *encode_hours(const uint8_t *hours)
{
    json_t *array = json_array();

    for (int i = 0; i < HOURS_PER_DAY; i++)
        json_array_append_new(array, json_integer(hours[i]));
    return array;
}

static json_t *encode_ids(const int64_t *ids, size_t n)
{
    json_t *array = n > 0 ? json_array() : NULL;

    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_integer(ids[i]));
    return array;
}

/* Parts of arrays are compared with an empty one. */
static json_t *encode_array(const struct snapshot_table *table, const void *items, size_t n,
                            size_t size)
{
    json_t *array = n > 0 ? json_array() : NULL;

    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, encode_object(table, at_const(items, i * size), NULL));
    return array;
}

static json_t *encode_word(const struct snapshot_field *field, const void *value)
{
    unsigned number;

    memcpy(&number, value, sizeof(number));
    if (number < field->n_words && field->words[number])
        return json_string(field->words[number]);
    return json_integer(number); /* shown as it is; no reader takes it */
}

static json_t *encode_scalar(const struct snapshot_field *field, const void *value)
{
    switch (field->kind) {
    case K_INT:
    case K_SIZE:
        return json_integer(*(const int64_t *)value);
    case K_U32:
        return json_integer(*(const uint32_t *)value);
    case K_BOOL:
        return json_boolean(*(const bool *)value);
    case K_STRING:
        return json_string(*(char *const *)value);
    case K_ENUM:
        return encode_word(field, value);
    case K_HOURS:
    case K_IDS:
    case K_OBJECT:
    case K_DISKS:
    case K_NICS:
        break;
    }
    g_assert_not_reached();
}

static json_t *encode_part(const struct snapshot_field *field, const void *value, const void *fresh)
{
    json_t *part = encode_object(field->table, value, fresh);

    if (json_object_size(part) > 0)
        return part;
    json_decref(part);
    return NULL;
}

/* NULL: as in a fresh object, or empty. */
static json_t *encode_compound(const struct snapshot_field *field, const void *object,
                               const void *fresh)
{
    const void *value = at_const(object, field->offset);
    const void *usual = fresh ? at_const(fresh, field->offset) : NULL;
    const Vm *vm = object; /* for what only VMs have */

    switch (field->kind) {
    case K_HOURS:
        return usual && memcmp(value, usual, HOURS_PER_DAY) == 0 ? NULL : encode_hours(value);
    case K_IDS:
        return encode_ids(*(int64_t *const *)value,
                          *(const size_t *)at_const(object, field->count));
    case K_OBJECT:
        return encode_part(field, value, usual);
    case K_DISKS:
        return encode_array(field->table, vm->disks, vm->n_disks, sizeof(struct vm_disk));
    case K_NICS:
        return encode_array(field->table, vm->nics, vm->n_nics, sizeof(struct vm_nic));
    case K_INT:
    case K_SIZE:
    case K_U32:
    case K_BOOL:
    case K_STRING:
    case K_ENUM:
        break;
    }
    g_assert_not_reached();
}

static bool is_scalar(enum snapshot_field_kind kind)
{
    return kind <= K_ENUM;
}

/* What a part of an array has before anything is read into it. */
static bool is_zero(const struct snapshot_field *field, const void *value)
{
    static const uint64_t zero = 0;

    switch (field->kind) {
    case K_STRING:
        return **(char *const *)value == '\0';
    case K_INT:
    case K_SIZE:
        return *(const int64_t *)value == 0;
    case K_BOOL:
        return !*(const bool *)value;
    case K_U32:
    case K_ENUM:
        return memcmp(value, &zero, sizeof(uint32_t)) == 0;
    case K_HOURS:
    case K_IDS:
    case K_OBJECT:
    case K_DISKS:
    case K_NICS:
        break;
    }
    return false;
}

static bool is_same(const struct snapshot_field *field, const void *a, const void *b)
{
    switch (field->kind) {
    case K_STRING:
        return strcmp(*(char *const *)a, *(char *const *)b) == 0;
    case K_INT:
    case K_SIZE:
        return *(const int64_t *)a == *(const int64_t *)b;
    case K_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case K_U32:
    case K_ENUM:
        return memcmp(a, b, sizeof(uint32_t)) == 0;
    case K_HOURS:
    case K_IDS:
    case K_OBJECT:
    case K_DISKS:
    case K_NICS:
        break;
    }
    return false;
}

static bool is_default(const struct snapshot_field *field, const void *object, const void *fresh)
{
    const void *value = at_const(object, field->offset);

    return fresh ? is_same(field, value, at_const(fresh, field->offset)) : is_zero(field, value);
}

static json_t *encode_object(const struct snapshot_table *table, const void *object,
                             const void *fresh)
{
    json_t *json = json_object();

    for (size_t i = 0; i < table->n_fields; i++) {
        const struct snapshot_field *field = &table->fields[i];
        json_t *value = NULL;

        if (!is_scalar(field->kind))
            value = encode_compound(field, object, fresh);
        else if (!is_default(field, object, fresh))
            value = encode_scalar(field, at_const(object, field->offset));
        if (value)
            json_object_set_new_nocheck(json, field->key, value);
    }
    return json;
}

/* NOLINTEND(misc-no-recursion) */

static void write_object(GString *out, const struct snapshot_table *table, const void *object,
                         const void *fresh, bool first)
{
    g_autoptr(json_t) json = encode_object(table, object, fresh);
    g_autofree char *text = json_format(json);

    g_string_append(out, first ? "\n" : ",\n");
    g_string_append(out, text);
}

#define X(Type, field, prefix)                                                                     \
    static void write_##field(GString *out, const Snapshot *snap)                                  \
    {                                                                                              \
        g_autoptr(Type) fresh = prefix##_new();                                                    \
        bool first = true;                                                                         \
                                                                                                   \
        g_string_append(out, ",\n\"" #field "\":[");                                               \
        for (size_t i = 0; i < snap->n_##field; i++) {                                             \
            write_object(out, &snapshot_##prefix##_fields, snap->field[i], fresh, first);          \
            first = false;                                                                         \
        }                                                                                          \
        g_string_append(out, "]");                                                                 \
    }
SNAPSHOT_JSON_LISTS(X)
#undef X

static void write_measuring(GString *out, const struct measuring *measuring)
{
    if (measuring->min_samples == 0 && measuring->max_age_ms == 0)
        return;
    g_string_append(out, ",\"measuring\":");
    write_object(out, &snapshot_measuring_fields, measuring, NULL, true);
}

static char *write_all(const Snapshot *snap)
{
    GString *out = g_string_new(NULL);

    g_string_printf(out,
                    "{\"format\":\"" FORMAT "\",\"version\":%d,\"takenMonoMs\":%" G_GINT64_FORMAT,
                    FORMAT_VERSION, snap->taken_mono_ms);
    if (snap->taken_wall_ms)
        g_string_append_printf(out, ",\"takenWallMs\":%" G_GINT64_FORMAT, snap->taken_wall_ms);
    write_measuring(out, &snap->measuring);
    if (snap->site) {
        g_autoptr(Site) fresh = site_new();

        g_string_append(out, ",\"site\":");
        write_object(out, &snapshot_site_fields, snap->site, fresh, true);
    }
#define X(Type, field, prefix) write_##field(out, snap);
    SNAPSHOT_JSON_LISTS(X)
#undef X
    g_string_append(out, "}\n");
    return g_string_free(out, FALSE);
}

char *snapshot_json_write(const Snapshot *snap, int64_t cluster_id)
{
    g_autoptr(Snapshot) part = cluster_id != 0 ? snapshot_part(snap, cluster_id) : NULL;

    return write_all(part ? part : snap);
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool decode_object(const struct snapshot_table *table, const struct json_reader *reader,
                          void *object, GError **error);

/* Text as it is, also with line ends in it (descriptions). */
static bool decode_string(const struct json_reader *reader, const char *key, char **string,
                          GError **error)
{
    const json_t *value = json_get(reader, key);
    const char *text = json_string_value(value);

    if (!value)
        return true;
    if (!text || strlen(text) > MAX_STRING)
        return json_refuse(reader, key, "text of at most 65536 bytes", error);
    g_free(*string);
    *string = g_strdup(text);
    return true;
}

static char *join_words(const struct snapshot_field *field)
{
    GString *text = g_string_new("one of");

    for (size_t i = 0; i < field->n_words; i++) {
        if (field->words[i])
            g_string_append_printf(text, " %s", field->words[i]);
    }
    return g_string_free(text, FALSE);
}

static bool decode_word(const struct json_reader *reader, const struct snapshot_field *field,
                        void *place, GError **error)
{
    const json_t *value = json_get(reader, field->key);
    const char *text = json_string_value(value);
    g_autofree char *want = NULL;

    for (unsigned i = 0; value && text && i < field->n_words; i++) {
        if (g_strcmp0(field->words[i], text) == 0) {
            memcpy(place, &i, sizeof(i));
            return true;
        }
    }
    if (!value)
        return true;
    want = join_words(field);
    return json_refuse(reader, field->key, want, error);
}

static bool decode_u32(const struct json_reader *reader, const char *key, uint32_t *place,
                       GError **error)
{
    int64_t number = *place;

    if (!json_read_int(reader, key, 0, UINT32_MAX, &number, error))
        return false;
    *place = (uint32_t)number;
    return true;
}

static bool decode_hours(const struct json_reader *reader, const char *key, uint8_t *hours,
                         GError **error)
{
    const json_t *array = json_get(reader, key);

    if (!array)
        return true;
    if (json_array_size(array) != HOURS_PER_DAY)
        return json_refuse(reader, key, "24 numbers 0..9", error);
    for (size_t i = 0; i < HOURS_PER_DAY; i++) {
        const json_t *number = json_array_get(array, i);

        if (!json_is_integer(number) || json_integer_value(number) < 0 ||
            json_integer_value(number) > 9)
            return json_refuse(reader, key, "24 numbers 0..9", error);
        hours[i] = (uint8_t)json_integer_value(number);
    }
    return true;
}

static bool decode_ids(const struct json_reader *reader, const char *key, int64_t **ret_ids,
                       size_t *ret_n, GError **error)
{
    const json_t *array = NULL;
    g_autofree int64_t *ids = NULL;
    size_t n;

    if (!json_read_array(reader, key, SNAPSHOT_JSON_MAX, &array, error))
        return false;
    n = json_array_size(array);
    if (n == 0)
        return true;
    ids = g_new0(int64_t, n);
    for (size_t i = 0; i < n; i++) {
        ids[i] = json_integer_value(json_array_get(array, i));
        if (ids[i] <= 0 || ids[i] > SNAPSHOT_JSON_NUMBER || (i > 0 && ids[i] <= ids[i - 1]))
            return json_refuse(reader, key, "ids above 0, ascending", error);
    }
    g_free(*ret_ids);
    *ret_ids = g_steal_pointer(&ids);
    *ret_n = n;
    return true;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the tables */
/* Disks and NICs: a part for each element. */
static bool decode_parts(const struct json_reader *reader, const struct snapshot_field *field,
                         Vm *vm, GError **error)
{
    const json_t *array = NULL;

    if (!json_read_array(reader, field->key, SNAPSHOT_JSON_MAX, &array, error))
        return false;
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct json_reader element;
        void *part;

        if (!json_read_element(reader, field->key, array, i, &element, error))
            return false;
        part = field->kind == K_DISKS ? (void *)vm_add_disk(vm) : (void *)vm_add_nic(vm);
        if (!decode_object(field->table, &element, part, error))
            return false;
    }
    return true;
}

static bool decode_field(const struct json_reader *reader, const struct snapshot_field *field,
                         void *object, GError **error)
{
    void *place = at(object, field->offset);
    struct json_reader part;

    switch (field->kind) {
    case K_INT:
        return json_read_int(reader, field->key, -SNAPSHOT_JSON_NUMBER, SNAPSHOT_JSON_NUMBER, place,
                             error);
    case K_SIZE:
        return json_read_int(reader, field->key, 0, SNAPSHOT_JSON_SIZE, place, error);
    case K_U32:
        return decode_u32(reader, field->key, place, error);
    case K_BOOL:
        return json_read_bool(reader, field->key, place, error);
    case K_STRING:
        return decode_string(reader, field->key, place, error);
    case K_ENUM:
        return decode_word(reader, field, place, error);
    case K_HOURS:
        return decode_hours(reader, field->key, place, error);
    case K_IDS:
        return decode_ids(reader, field->key, place, at(object, field->count), error);
    case K_OBJECT:
        return json_read_object(reader, field->key, &part, error) &&
               (!part.object || decode_object(field->table, &part, place, error));
    case K_DISKS:
    case K_NICS:
        return decode_parts(reader, field, object, error);
    }
    g_assert_not_reached();
}

static const struct snapshot_field *find_field(const struct snapshot_table *table, const char *key)
{
    for (size_t i = 0; i < table->n_fields; i++) {
        if (strcmp(table->fields[i].key, key) == 0)
            return &table->fields[i];
    }
    return NULL;
}

/* jansson's iterators want a mutable object but only read it. */
static bool decode_object(const struct snapshot_table *table, const struct json_reader *reader,
                          void *object, GError **error)
{
    union {
        const json_t *from;
        json_t *to;
    } cast = { .from = reader->object };

    for (void *i = json_object_iter(cast.to); i; i = json_object_iter_next(cast.to, i)) {
        const char *key = json_object_iter_key(i);
        const struct snapshot_field *field = find_field(table, key);
        g_autofree char *want = NULL;

        if (!field) {
            want = g_strdup_printf("no such field, %s has none", table->what);
            return json_refuse(reader, key, want, error);
        }
        if (!decode_field(reader, field, object, error))
            return false;
    }
    return true;
}

/* NOLINTEND(misc-no-recursion) */

#define X(Type, field, prefix)                                                                     \
    static bool read_##field(SnapshotBuilder *builder, const struct json_reader *root,             \
                             GError **error)                                                       \
    {                                                                                              \
        const json_t *array = NULL;                                                                \
        int64_t last = 0;                                                                          \
                                                                                                   \
        if (!json_read_array(root, #field, SNAPSHOT_JSON_MAX, &array, error))                      \
            return false;                                                                          \
        for (size_t i = 0; i < json_array_size(array); i++) {                                      \
            g_autoptr(Type) object = prefix##_new();                                               \
            struct json_reader reader;                                                             \
                                                                                                   \
            if (!json_read_element(root, #field, array, i, &reader, error) ||                      \
                !decode_object(&snapshot_##prefix##_fields, &reader, object, error))               \
                return false;                                                                      \
            if (object->id <= last)                                                                \
                return json_refuse(&reader, "id", "a number above that of the object before",      \
                                   error);                                                         \
            last = object->id;                                                                     \
            snapshot_builder_put_##prefix(builder, g_steal_pointer(&object));                      \
        }                                                                                          \
        return true;                                                                               \
    }
SNAPSHOT_JSON_LISTS(X)
#undef X

static bool read_site(SnapshotBuilder *builder, const struct json_reader *root, GError **error)
{
    g_autoptr(Site) site = site_new();
    struct json_reader reader;

    if (!json_read_object(root, "site", &reader, error))
        return false;
    if (!reader.object)
        return true;
    if (!decode_object(&snapshot_site_fields, &reader, site, error))
        return false;
    snapshot_builder_set_site(builder, g_steal_pointer(&site));
    return true;
}

static bool read_measuring(SnapshotBuilder *builder, const struct json_reader *root, GError **error)
{
    struct measuring measuring = { 0 };
    struct json_reader reader;

    if (!json_read_object(root, "measuring", &reader, error))
        return false;
    if (reader.object && !decode_object(&snapshot_measuring_fields, &reader, &measuring, error))
        return false;
    snapshot_builder_set_measuring(builder, &measuring);
    return true;
}

static bool check_head(const struct json_reader *root, GError **error)
{
    const char *format = json_string_value(json_get(root, "format"));
    int64_t version = 0;

    if (g_strcmp0(format, FORMAT) != 0)
        return json_refuse(root, "format", "\"" FORMAT "\"", error);
    if (!json_read_int(root, "version", FORMAT_VERSION, FORMAT_VERSION, &version, error))
        return false;
    return version == FORMAT_VERSION || json_refuse(root, "version", "1", error);
}

static bool check_keys(const struct json_reader *root, const json_t *json, GError **error)
{
    static const char *const known[] = { "format",
                                         "version",
                                         "takenMonoMs",
                                         "takenWallMs",
                                         "measuring",
                                         "site",
#define X(Type, field, prefix) #field,
                                         SNAPSHOT_JSON_LISTS(X)
#undef X
                                             NULL };
    union {
        const json_t *from;
        json_t *to;
    } cast = { .from = json };

    for (void *i = json_object_iter(cast.to); i; i = json_object_iter_next(cast.to, i)) {
        const char *key = json_object_iter_key(i);

        if (!g_strv_contains(known, key))
            return json_refuse(root, key, "no such field, a snapshot has none", error);
    }
    return true;
}

/* They stand there even when they are empty: a file without them is cut off, or another one. */
static bool check_lists(const struct json_reader *root, const json_t *json, GError **error)
{
    static const char *const needed[] = { "clusters", "hosts", "vms" };

    for (size_t i = 0; i < G_N_ELEMENTS(needed); i++) {
        if (!json_is_array(json_object_get(json, needed[i])))
            return json_refuse(root, needed[i], "a list of objects, [] if there are none", error);
    }
    return true;
}

Snapshot *snapshot_json_parse(const char *text, size_t len, GError **error)
{
    g_autoptr(json_t) json = json_parse(text, len, error);
    g_autoptr(SnapshotBuilder) builder = NULL;
    struct json_reader root;
    int64_t taken_mono_ms = 0, taken_wall_ms = 0;

    if (!json)
        return NULL;
    json_reader_init(&root, json);
    builder = snapshot_builder_new();
    if (!check_head(&root, error) || !check_keys(&root, json, error) ||
        !json_read_int(&root, "takenMonoMs", 0, SNAPSHOT_JSON_NUMBER, &taken_mono_ms, error) ||
        !json_read_int(&root, "takenWallMs", 0, SNAPSHOT_JSON_NUMBER, &taken_wall_ms, error) ||
        !read_measuring(builder, &root, error) || !read_site(builder, &root, error))
        return NULL;
#define X(Type, field, prefix)                                                                     \
    if (!read_##field(builder, &root, error))                                                      \
        return NULL;
    SNAPSHOT_JSON_LISTS(X)
#undef X
    if (!check_lists(&root, json, error))
        return NULL;
    snapshot_builder_set_wall(builder, taken_wall_ms);
    return snapshot_builder_build(builder, taken_mono_ms);
}
