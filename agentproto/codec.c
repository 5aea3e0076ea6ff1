/* codec.c - see codec.h. */
#include "config.h"

#include "agentproto/codec.h"

#include <string.h>

#include "agentproto/msg.h"
#include "base/err.h"
#include "base/json.h"

#define VERSION_KEY "v"

/* How much of a wrong value an error shows. */
#define SHOWN_CHARS 60

static char **string_at(void *base, size_t offset)
{
    return (char **)((char *)base + offset);
}

static char ***strings_at(void *base, size_t offset)
{
    return (char ***)((char *)base + offset);
}

static void *at(void *base, size_t offset)
{
    return (char *)base + offset;
}

static const void *const_at(const void *base, size_t offset)
{
    return (const char *)base + offset;
}

static unsigned tag_of(const struct field_table *table, const void *value)
{
    return *(const unsigned *)const_at(value, table->fields[0].offset);
}

static bool belongs(const struct field_table *table, const struct field *field, const void *value)
{
    return field->only == 0 || (field->only >> tag_of(table, value) & 1) != 0;
}

/* ---- kinds of text ------------------------------------------------------------------------- */

/* Like g_utf8_next_char, which casts const away. */
static size_t char_len(const char *text)
{
    return (size_t)g_utf8_skip[(guchar)*text];
}

static bool is_control(gunichar c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

static bool is_break(gunichar c)
{
    return c == '\n' || c == '\t';
}

static bool has_only(const char *text, const char *marks)
{
    for (; *text; text++) {
        if (!g_ascii_isalnum(*text) && !strchr(marks, *text))
            return false;
    }
    return true;
}

static bool text_valid(const char *text)
{
    for (; *text; text += char_len(text)) {
        gunichar c = g_utf8_get_char(text);

        if (is_control(c) && !is_break(c))
            return false;
    }
    return true;
}

static bool name_valid(const char *text)
{
    return text_valid(text) && !strpbrk(text, "\n\t");
}

static bool token_valid(const char *text)
{
    return has_only(text, "._-");
}

/* It becomes part of a libvirt URI: nothing that could end or extend the host there. */
static bool address_valid(const char *text)
{
    return has_only(text, ".:-");
}

static bool path_valid(const char *text)
{
    return text[0] == '/' && name_valid(text) && !strstr(text, "/../") &&
           !g_str_has_suffix(text, "/..");
}

static bool mac_valid(const char *text)
{
    const size_t len = strlen("52:54:00:00:00:01");

    if (strlen(text) != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (i % 3 == 2 ? text[i] != ':' : !g_ascii_isxdigit(text[i]))
            return false;
    }
    return true;
}

static bool uuid_valid(const char *text)
{
    return g_uuid_string_is_valid(text);
}

struct text_kind {
    bool (*valid)(const char *text);
    const char *want;
};

static const struct text_kind text_kinds[] = {
    [FIELD_TEXT] = { text_valid, "text" },
    [FIELD_NAME] = { name_valid, "text without control characters" },
    [FIELD_TOKEN] = { token_valid, "letters, digits, '.', '_' and '-'" },
    [FIELD_ADDRESS] = { address_valid, "a host name or address" },
    [FIELD_UUID] = { uuid_valid, "a UUID" },
    [FIELD_PATH] = { path_valid, "an absolute path without \"..\"" },
    [FIELD_MAC] = { mac_valid, "a MAC address" },
};

static bool is_string(enum field_type type)
{
    return type >= FIELD_TEXT && type <= FIELD_MAC;
}

/* The functions of a table call those of the tables inside it: recursion as deep as our tables,
 * which is three, whatever the message says. */
/* NOLINTBEGIN(misc-no-recursion) */

/* ---- life ---------------------------------------------------------------------------------- */

static void init_fields(const struct field_table *table, void *value)
{
    for (size_t i = 0; i < table->n_fields; i++) {
        const struct field *field = &table->fields[i];

        if (is_string(field->type) && !*string_at(value, field->offset))
            *string_at(value, field->offset) = g_strdup(""); /* a key may have two rows */
        else if (field->type == FIELD_LIST)
            *strings_at(value, field->offset) = g_new0(char *, 1);
        else if (field->type == FIELD_OBJECT)
            init_fields(field->table, at(value, field->offset));
    }
}

static void clear_array(const struct field *field, void *value)
{
    char **items = string_at(value, field->offset);
    size_t *n = at(value, field->n_offset);

    for (size_t i = 0; i < *n; i++)
        codec_clear(field->table, *items + i * field->table->size);
    g_clear_pointer(items, g_free);
    *n = 0;
}

static void clear_field(const struct field *field, void *value)
{
    switch (field->type) {
    case FIELD_INT:
    case FIELD_BOOL:
    case FIELD_WORD:
    case FIELD_ERR:
        break;
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_TOKEN:
    case FIELD_ADDRESS:
    case FIELD_UUID:
    case FIELD_PATH:
    case FIELD_MAC:
        g_clear_pointer(string_at(value, field->offset), g_free);
        break;
    case FIELD_OBJECT:
        codec_clear(field->table, at(value, field->offset));
        break;
    case FIELD_VM:
        vm_unref(*(Vm **)at(value, field->offset));
        *(Vm **)at(value, field->offset) = NULL;
        break;
    case FIELD_ARRAY:
        clear_array(field, value);
        break;
    case FIELD_LIST:
        g_clear_pointer(strings_at(value, field->offset), g_strfreev);
        break;
    }
}

void codec_clear(const struct field_table *table, void *value)
{
    /* Twice the same field (with different tags) is fine: the first clearing leaves NULL. */
    for (size_t i = 0; i < table->n_fields; i++)
        clear_field(&table->fields[i], value);
    memset(value, 0, table->size);
}

/* ---- encode -------------------------------------------------------------------------------- */

static json_t *encode_fields(const struct field_table *table, const void *value, json_t *object);

/* A copy that decoding will take: valid UTF-8, no foreign control characters, not too long. */
static char *fit_text(const struct field *field, const char *text)
{
    char *fit = g_utf8_make_valid(text ? text : "", -1);

    if (g_utf8_strlen(fit, -1) > field->max)
        *g_utf8_offset_to_pointer(fit, field->max) = '\0';
    for (char *c = fit; *c; c += char_len(c)) {
        gunichar code = g_utf8_get_char(c);

        if (is_control(code) && !(field->type == FIELD_TEXT && is_break(code)))
            memset(c, ' ', char_len(c));
    }
    return fit;
}

static json_t *encode_string(const struct field *field, const void *value)
{
    const char *const *string = const_at(value, field->offset);
    g_autofree char *fit = fit_text(field, *string);

    return *fit || field->required ? json_string(fit) : NULL;
}

static json_t *encode_int(const struct field *field, const void *value)
{
    int64_t number = *(const int64_t *)const_at(value, field->offset);

    if (number == 0 && !field->required)
        return NULL;
    return json_integer(CLAMP(number, field->min, field->max));
}

static json_t *encode_array(const struct field *field, const void *value)
{
    const char *const *items = const_at(value, field->offset);
    size_t n = MIN(*(const size_t *)const_at(value, field->n_offset), (size_t)field->max);
    json_t *array;

    if (n == 0 && !field->required)
        return NULL;
    array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            array, encode_fields(field->table, *items + i * field->table->size, json_object()));
    return array;
}

static json_t *encode_list(const struct field *field, const void *value)
{
    char *const *const *list = const_at(value, field->offset);
    json_t *array = json_array();

    for (size_t i = 0; *list && (*list)[i] && i < (size_t)field->max; i++) {
        g_autofree char *fit = fit_text(field->item, (*list)[i]);

        json_array_append_new(array, json_string(fit));
    }
    return array;
}

static json_t *encode_object(const struct field *field, const void *value)
{
    json_t *object = encode_fields(field->table, value, json_object());

    if (json_object_size(object) > 0 || field->required)
        return object;
    json_decref(object);
    return NULL;
}

/* NULL: leave the key out. */
static json_t *encode_field(const struct field *field, const void *value)
{
    const void *place = const_at(value, field->offset);

    switch (field->type) {
    case FIELD_INT:
        return encode_int(field, value);
    case FIELD_BOOL:
        return *(const bool *)place || field->required ? json_boolean(*(const bool *)place) : NULL;
    case FIELD_WORD:
        return json_string(state_word(field->words, field->n_words, *(const unsigned *)place));
    case FIELD_ERR:
        return json_string(err_code_name(*(const enum vrm_err *)place));
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_TOKEN:
    case FIELD_ADDRESS:
    case FIELD_UUID:
    case FIELD_PATH:
    case FIELD_MAC:
        return encode_string(field, value);
    case FIELD_OBJECT:
        return encode_object(field, place);
    case FIELD_VM:
        return *(const Vm *const *)place ? encode_object(field, *(const Vm *const *)place) : NULL;
    case FIELD_ARRAY:
        return encode_array(field, value);
    case FIELD_LIST:
        return encode_list(field, value);
    }
    g_assert_not_reached();
}

/* Adds to object and returns it. */
static json_t *encode_fields(const struct field_table *table, const void *value, json_t *object)
{
    for (size_t i = 0; i < table->n_fields; i++) {
        const struct field *field = &table->fields[i];
        json_t *item = belongs(table, field, value) ? encode_field(field, value) : NULL;

        if (item)
            json_object_set_new(object, field->key, item);
    }
    return object;
}

json_t *codec_encode(const struct field_table *table, const void *value)
{
    json_t *message = json_object();

    json_object_set_new(message, VERSION_KEY, json_integer(AGENT_PROTOCOL_VERSION));
    return encode_fields(table, value, message);
}

/* ---- decode -------------------------------------------------------------------------------- */

struct decoder {
    GString *path; /* of the value being read */
    bool tolerant; /* the sender is newer: it may say more than we know */
    GError **error;
};

static bool decode_fields(struct decoder *decoder, const struct field_table *table,
                          const json_t *json, size_t n_known, void *value);

static char *show(const json_t *json)
{
    g_autofree char *text = NULL;
    char *cut;

    if (json_is_object(json))
        return g_strdup("an object");
    if (json_is_array(json))
        return g_strdup_printf("an array of %zu", json_array_size(json));
    text = json_format(json);
    cut = g_utf8_substring(text, 0, MIN(g_utf8_strlen(text, -1), SHOWN_CHARS));
    return cut;
}

static bool refuse(const struct decoder *decoder, const json_t *json, const char *want)
{
    const char *path = decoder->path->str;
    g_autofree char *shown = NULL;

    if (json) {
        shown = show(json);
        err_set_reason(decoder->error, VRM_ERR_INVALID, 0, path, "%s is %s; want %s", path, shown,
                       want);
    } else {
        err_set_reason(decoder->error, VRM_ERR_INVALID, 0, path, "%s is missing; want %s", path,
                       want);
    }
    return false;
}

static bool decode_int(const struct decoder *decoder, const struct field *field, const json_t *json,
                       void *value)
{
    g_autofree char *want = NULL;
    json_int_t number = json_integer_value(json);

    if (json_is_integer(json) && number >= field->min && number <= field->max) {
        *(int64_t *)at(value, field->offset) = number;
        return true;
    }
    want = g_strdup_printf("an integer of %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, field->min,
                           field->max);
    return refuse(decoder, json, want);
}

static bool decode_bool(const struct decoder *decoder, const struct field *field,
                        const json_t *json, void *value)
{
    if (!json_is_boolean(json))
        return refuse(decoder, json, "true or false");
    *(bool *)at(value, field->offset) = json_is_true(json);
    return true;
}

static bool decode_word(const struct decoder *decoder, const struct field *field,
                        const json_t *json, void *value)
{
    g_autoptr(GString) want = NULL;
    unsigned word;

    if (state_find(field->words, field->n_words, json_string_value(json), &word)) {
        *(unsigned *)at(value, field->offset) = word;
        return true;
    }
    want = g_string_new("one of");
    for (size_t i = 0; i < field->n_words; i++)
        g_string_append_printf(want, " %s", field->words[i]);
    return refuse(decoder, json, want->str);
}

static bool decode_err(const struct decoder *decoder, const struct field *field, const json_t *json,
                       void *value)
{
    enum vrm_err code;

    if (!json_is_string(json) || !err_code_parse(json_string_value(json), &code))
        return refuse(decoder, json, "the name of an error code");
    *(enum vrm_err *)at(value, field->offset) = code;
    return true;
}

static bool decode_string(const struct decoder *decoder, const struct field *field,
                          const json_t *json, void *value)
{
    const struct text_kind *kind = &text_kinds[field->type];
    const char *text = json_string_value(json);
    g_autofree char *want = NULL;
    int64_t len = text ? g_utf8_strlen(text, -1) : -1;

    if (len >= field->min && len <= field->max && (len == 0 || kind->valid(text))) {
        g_free(*string_at(value, field->offset));
        *string_at(value, field->offset) = g_strdup(text);
        return true;
    }
    want = g_strdup_printf("%s, %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT " characters",
                           kind->want, field->min, field->max);
    return refuse(decoder, json, want);
}

static bool refuse_count(const struct decoder *decoder, const struct field *field,
                         const json_t *json)
{
    g_autofree char *want = g_strdup_printf("an array of %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                                            field->min, field->max);

    return refuse(decoder, json, want);
}

static bool decode_list(struct decoder *decoder, const struct field *field, const json_t *json,
                        void *value)
{
    const size_t n = json_array_size(json);
    char ***list = strings_at(value, field->offset);

    if (!json_is_array(json) || n < (size_t)field->min || n > (size_t)field->max)
        return refuse_count(decoder, field, json);
    g_strfreev(*list);
    *list = g_new0(char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        const size_t path_len = decoder->path->len;

        g_string_append_printf(decoder->path, "[%zu]", i);
        if (!decode_string(decoder, field->item, json_array_get(json, i), &(*list)[i]))
            return false;
        g_string_truncate(decoder->path, path_len);
    }
    return true;
}

static bool decode_array(struct decoder *decoder, const struct field *field, const json_t *json,
                         void *value)
{
    const size_t n = json_array_size(json), size = field->table->size;
    size_t *ret_n = at(value, field->n_offset);
    char *items;

    if (!json_is_array(json) || n < (size_t)field->min || n > (size_t)field->max)
        return refuse_count(decoder, field, json);
    items = g_malloc0_n(n, size);
    *string_at(value, field->offset) = items;
    for (size_t i = 0; i < n; i++) {
        const size_t path_len = decoder->path->len;

        init_fields(field->table, items + i * size);
        *ret_n = i + 1;
        g_string_append_printf(decoder->path, "[%zu]", i);
        if (!decode_fields(decoder, field->table, json_array_get(json, i), 0, items + i * size))
            return false;
        g_string_truncate(decoder->path, path_len);
    }
    return true;
}

static bool decode_field(struct decoder *decoder, const struct field *field, const json_t *json,
                         void *value)
{
    void *place = at(value, field->offset);

    switch (field->type) {
    case FIELD_INT:
        return decode_int(decoder, field, json, value);
    case FIELD_BOOL:
        return decode_bool(decoder, field, json, value);
    case FIELD_WORD:
        return decode_word(decoder, field, json, value);
    case FIELD_ERR:
        return decode_err(decoder, field, json, value);
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_TOKEN:
    case FIELD_ADDRESS:
    case FIELD_UUID:
    case FIELD_PATH:
    case FIELD_MAC:
        return decode_string(decoder, field, json, value);
    case FIELD_OBJECT:
        return decode_fields(decoder, field->table, json, 0, place);
    case FIELD_VM:
        *(Vm **)place = vm_new();
        return decode_fields(decoder, field->table, json, 0, *(Vm **)place);
    case FIELD_ARRAY:
        return decode_array(decoder, field, json, value);
    case FIELD_LIST:
        return decode_list(decoder, field, json, value);
    }
    g_assert_not_reached();
}

static bool known_key(const struct field_table *table, const char *key, const void *value)
{
    if (strcmp(key, VERSION_KEY) == 0)
        return true;
    for (size_t i = 0; i < table->n_fields; i++) {
        if (belongs(table, &table->fields[i], value) && strcmp(key, table->fields[i].key) == 0)
            return true;
    }
    return false;
}

/* jansson iterates only non-const objects, though it changes nothing. */
static bool refuse_unknown_key(struct decoder *decoder, const struct field_table *table,
                               const json_t *json, const void *value)
{
    union {
        const json_t *in;
        json_t *out;
    } same = { .in = json };
    void *iter = json_object_iter(same.out);

    while (iter && known_key(table, json_object_iter_key(iter), value))
        iter = json_object_iter_next(same.out, iter);
    if (decoder->path->len > 0)
        g_string_append_c(decoder->path, '.');
    g_string_append_printf(decoder->path, "%.*s", SHOWN_CHARS,
                           iter ? json_object_iter_key(iter) : VERSION_KEY);
    err_set_reason(decoder->error, VRM_ERR_INVALID, 0, decoder->path->str,
                   "%s is a key that does not belong into this %s", decoder->path->str,
                   table->what);
    return false;
}

/* Reads all fields of one object, of which n_known keys were read before. */
static bool decode_fields(struct decoder *decoder, const struct field_table *table,
                          const json_t *json, size_t n_known, void *value)
{
    const size_t path_len = decoder->path->len;

    if (!json_is_object(json))
        return refuse(decoder, json, "an object");
    for (size_t i = 0; i < table->n_fields; i++) {
        const struct field *field = &table->fields[i];
        const json_t *item;

        if (!belongs(table, field, value))
            continue;
        item = json_object_get(json, field->key);
        if (!item && !field->required)
            continue;
        if (path_len > 0)
            g_string_append_c(decoder->path, '.');
        g_string_append(decoder->path, field->key);
        if (!item)
            return refuse(decoder, NULL, "a value");
        if (!decode_field(decoder, field, item, value))
            return false;
        g_string_truncate(decoder->path, path_len);
        n_known++;
    }
    if (n_known < json_object_size(json) && !decoder->tolerant)
        return refuse_unknown_key(decoder, table, json, value);
    return true;
}

/* NOLINTEND(misc-no-recursion) */

static bool decode_version(struct decoder *decoder, const json_t *json)
{
    const json_t *version = json_object_get(json, VERSION_KEY);
    json_int_t number = json_integer_value(version);
    bool ok = json_is_integer(version) && number >= AGENT_PROTOCOL_OLDEST;

    g_string_assign(decoder->path, VERSION_KEY);
    if (!ok)
        refuse(decoder, version,
               "a protocol version of at least " G_STRINGIFY(AGENT_PROTOCOL_OLDEST));
    decoder->tolerant = number > AGENT_PROTOCOL_VERSION;
    g_string_truncate(decoder->path, 0);
    return ok;
}

bool codec_decode(const struct field_table *table, const json_t *json, void *ret_value,
                  GError **error)
{
    g_autoptr(GString) path = g_string_new(table->what);
    struct decoder decoder = { .path = path, .error = error };
    void *value;
    bool ok;

    if (!json_is_object(json))
        return refuse(&decoder, json, "an object");
    if (!decode_version(&decoder, json))
        return false;
    value = g_malloc0(table->size);
    init_fields(table, value);
    ok = decode_fields(&decoder, table, json, 1, value);
    if (ok)
        memcpy(ret_value, value, table->size);
    else
        codec_clear(table, value);
    g_free(value);
    return ok;
}
