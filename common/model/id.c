/* id.c - see id.h.
 *
 * One walker reads both forms: a URN is "urn" and a URI "/service", followed by the same segments
 * behind different separators. */
#include "config.h"

#include "model/id.h"

#include <glib.h>
#include <string.h>

#define SITE_ID_LEN   8
#define VM_ID_PREFIX  "i-"
#define VM_ID_HEX     8
#define MAX_NESTING   2 /* site, then an object, then a child of it */
#define URN_PREFIX    "urn"
#define URI_PREFIX    "/service"
#define URN_SEPARATOR ':'
#define URI_SEPARATOR '/'

static const char *const segments[] = {
#define X(name, segment) segment,
    OBJECT_KINDS(X)
#undef X
};
G_STATIC_ASSERT(G_N_ELEMENTS(segments) == N_OBJECT_KINDS);

/* The two ways to write a name. */
struct form {
    const char *prefix;
    char separator;
};

static const struct form urn_form = { URN_PREFIX, URN_SEPARATOR };
static const struct form uri_form = { URI_PREFIX, URI_SEPARATOR };

/* A piece of the text between two separators. */
struct piece {
    const char *start;
    size_t len;
};

const char *object_kind_segment(enum object_kind kind)
{
    g_assert((size_t)kind < N_OBJECT_KINDS);
    return segments[kind];
}

static bool piece_equals(struct piece piece, const char *text)
{
    return strlen(text) == piece.len && memcmp(piece.start, text, piece.len) == 0;
}

static bool piece_kind(struct piece piece, enum object_kind *ret_kind)
{
    for (size_t i = 0; i < N_OBJECT_KINDS; i++) {
        if (piece_equals(piece, segments[i])) {
            *ret_kind = (enum object_kind)i;
            return true;
        }
    }
    return false;
}

bool object_kind_parse(const char *segment, enum object_kind *ret_kind)
{
    if (!segment)
        return false;
    return piece_kind((struct piece){ segment, strlen(segment) }, ret_kind);
}

bool site_id_valid(const char *site)
{
    if (!site || strlen(site) != SITE_ID_LEN)
        return false;
    for (size_t i = 0; i < SITE_ID_LEN; i++) {
        if (!g_ascii_isdigit(site[i]) && (site[i] < 'A' || site[i] > 'F'))
            return false;
    }
    return true;
}

char *object_id_format(enum object_kind kind, int64_t id)
{
    if (kind == OBJECT_VM)
        return g_strdup_printf(VM_ID_PREFIX "%08" G_GINT64_MODIFIER "X", (guint64)id);
    return g_strdup_printf("%" G_GINT64_FORMAT, id);
}

static bool parse_vm_id(struct piece piece, int64_t *ret_id)
{
    const size_t prefix = strlen(VM_ID_PREFIX);
    int64_t id = 0;

    if (piece.len != prefix + VM_ID_HEX || memcmp(piece.start, VM_ID_PREFIX, prefix) != 0)
        return false;
    for (size_t i = prefix; i < piece.len; i++) {
        int digit = g_ascii_xdigit_value(piece.start[i]);

        if (digit < 0)
            return false;
        id = id * 16 + digit;
    }
    if (id == 0)
        return false;
    *ret_id = id;
    return true;
}

/* Only the canonical writing: a second spelling would be a second name for the same object. */
static bool parse_decimal_id(struct piece piece, int64_t *ret_id)
{
    int64_t id = 0;

    if (piece.len == 0 || piece.start[0] == '0')
        return false;
    for (size_t i = 0; i < piece.len; i++) {
        int digit = g_ascii_digit_value(piece.start[i]);

        if (digit < 0 || id > (INT64_MAX - digit) / 10)
            return false;
        id = id * 10 + digit;
    }
    *ret_id = id;
    return true;
}

static bool piece_id(enum object_kind kind, struct piece piece, int64_t *ret_id)
{
    return kind == OBJECT_VM ? parse_vm_id(piece, ret_id) : parse_decimal_id(piece, ret_id);
}

bool object_id_parse(enum object_kind kind, const char *segment, int64_t *ret_id)
{
    if (!segment)
        return false;
    return piece_id(kind, (struct piece){ segment, strlen(segment) }, ret_id);
}

/* ---- writing ------------------------------------------------------------------------------- */

static void append_segment(GString *text, const struct form *form, const char *segment)
{
    g_string_append_c(text, form->separator);
    g_string_append(text, segment);
}

static void append_object(GString *text, const struct form *form, enum object_kind kind, int64_t id)
{
    g_autofree char *last = object_id_format(kind, id);

    append_segment(text, form, object_kind_segment(kind));
    append_segment(text, form, last);
}

static GString *begin_name(const struct form *form, const char *site)
{
    GString *text = g_string_new(form->prefix);

    append_segment(text, form, object_kind_segment(OBJECT_SITE));
    append_segment(text, form, site);
    return text;
}

static char *name_format(const struct form *form, const char *site, enum object_kind kind,
                         int64_t id)
{
    GString *text = begin_name(form, site);

    if (kind != OBJECT_SITE)
        append_object(text, form, kind, id);
    return g_string_free(text, FALSE);
}

char *urn_format(const char *site, enum object_kind kind, int64_t id)
{
    return name_format(&urn_form, site, kind, id);
}

char *uri_format(const char *site, enum object_kind kind, int64_t id)
{
    return name_format(&uri_form, site, kind, id);
}

char *urn_format_child(const char *site, enum object_kind parent_kind, int64_t parent_id,
                       enum object_kind kind, int64_t id)
{
    GString *text = begin_name(&urn_form, site);

    append_object(text, &urn_form, parent_kind, parent_id);
    append_object(text, &urn_form, kind, id);
    return g_string_free(text, FALSE);
}

char *uri_format_child(const char *site, enum object_kind parent_kind, int64_t parent_id,
                       enum object_kind kind, int64_t id)
{
    GString *text = begin_name(&uri_form, site);

    append_object(text, &uri_form, parent_kind, parent_id);
    append_object(text, &uri_form, kind, id);
    return g_string_free(text, FALSE);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Takes the next segment, which must follow a separator; *rest moves behind it. */
static bool take_piece(const char **rest, char separator, struct piece *ret_piece)
{
    const char *start = *rest;

    if (*start != separator)
        return false;
    start++;
    ret_piece->start = start;
    ret_piece->len = strcspn(start, (const char[]){ separator, '\0' });
    *rest = start + ret_piece->len;
    return ret_piece->len > 0;
}

static const struct form *form_of(const char *text)
{
    if (g_str_has_prefix(text, URN_PREFIX))
        return &urn_form;
    if (g_str_has_prefix(text, URI_PREFIX))
        return &uri_form;
    return NULL;
}

/* What a name says: the object's kind and id (site: id 0) and how deep it stands below the site. */
struct name {
    enum object_kind kind;
    int64_t id;
    unsigned depth;
};

static bool name_parse(const char *text, const char *site, struct name *ret_name)
{
    const struct form *form = text ? form_of(text) : NULL;
    struct name name = { .kind = OBJECT_SITE };
    const char *rest;
    struct piece piece;

    if (!form)
        return false;
    rest = text + strlen(form->prefix);
    if (!take_piece(&rest, form->separator, &piece) || !piece_equals(piece, segments[OBJECT_SITE]))
        return false;
    if (!take_piece(&rest, form->separator, &piece) || piece.len != strlen(site) ||
        g_ascii_strncasecmp(piece.start, site, piece.len) != 0)
        return false;
    while (*rest) {
        if (++name.depth > MAX_NESTING || !take_piece(&rest, form->separator, &piece) ||
            !piece_kind(piece, &name.kind) || name.kind == OBJECT_SITE ||
            !take_piece(&rest, form->separator, &piece) || !piece_id(name.kind, piece, &name.id))
            return false;
    }
    *ret_name = name;
    return true;
}

bool urn_parse(const char *text, const char *site, enum object_kind kind, int64_t *ret_id)
{
    struct name name;

    if (!name_parse(text, site, &name) || name.kind != kind)
        return false;
    *ret_id = name.id;
    return true;
}

bool urn_parse_any(const char *text, const char *site, enum object_kind *ret_kind, int64_t *ret_id)
{
    struct name name;

    if (!name_parse(text, site, &name) || name.depth > 1)
        return false;
    *ret_kind = name.kind;
    *ret_id = name.id;
    return true;
}

int id_cmp(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}
