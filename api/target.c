/* target.c - see target.h. */
#include "config.h"

#include "api/target.h"

#include <string.h>

#include "base/err.h"
#include "model/reason.h"

/* out has room for len + 1 bytes. */
static bool decode_to(const char *text, size_t len, bool plus_is_blank, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '%') {
            if (len - i < 3 || !g_ascii_isxdigit(text[i + 1]) || !g_ascii_isxdigit(text[i + 2]))
                return false;
            c = (char)(g_ascii_xdigit_value(text[i + 1]) * 16 + g_ascii_xdigit_value(text[i + 2]));
            if (!c)
                return false;
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return g_utf8_validate(out, (gssize)n, NULL);
}

/* Decodes text[0..len); NULL if an escape is broken, or gives a NUL or broken UTF-8. */
static char *decode(const char *text, size_t len, bool plus_is_blank)
{
    char *out = g_malloc(len + 1);

    if (decode_to(text, len, plus_is_blank, out))
        return out;
    g_free(out);
    return NULL;
}

static bool fail(GError **error, const char *what)
{
    err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, "url", "the request target %s", what);
    return false;
}

/* "https://host:port/path" -> "/path". */
static const char *skip_authority(const char *text)
{
    static const char *const schemes[] = { "https://", "http://" };

    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++) {
        size_t len = strlen(schemes[i]);

        if (g_ascii_strncasecmp(text, schemes[i], len) == 0) {
            text += len;
            return text + strcspn(text, "/?");
        }
    }
    return text;
}

/* One segment of the path; the last one may end with blanks. */
static bool parse_segment(const char *text, size_t len, bool last, struct target *target,
                          GError **error)
{
    char *segment = decode(text, len, false);

    if (!segment)
        return fail(error, "holds a broken escape or is not UTF-8");
    if (last)
        g_strchomp(segment);
    if (segment[0] && target->n_segments < TARGET_MAX_SEGMENTS) {
        target->segments[target->n_segments++] = segment;
        return true;
    }
    if (!segment[0]) {
        g_free(segment);
        return true;
    }
    g_free(segment);
    return fail(error, "has too many path segments");
}

static bool parse_path(const char *text, size_t len, struct target *target, GError **error)
{
    for (size_t at = 0; at < len;) {
        const char *slash = memchr(text + at, '/', len - at);
        size_t end = slash ? (size_t)(slash - text) : len;

        if (!parse_segment(text + at, end - at, end == len, target, error))
            return false;
        at = end + 1;
    }
    return true;
}

/* Takes both; keeps them if there is something to keep. */
static bool add_param(struct target *target, char *name, char *value, GError **error)
{
    bool ok = name && value;
    bool full = target->n_params == TARGET_MAX_PARAMS;

    if (ok && name[0] && g_strstrip(value)[0] && !full) {
        target->params = g_renew(struct target_param, target->params, target->n_params + 1);
        target->params[target->n_params++] = (struct target_param){ name, value };
        return true;
    }
    g_free(name);
    g_free(value);
    if (!ok)
        return fail(error, "holds a parameter with a broken escape or not in UTF-8");
    return !full || fail(error, "has too many parameters");
}

static bool parse_param(const char *text, size_t len, struct target *target, GError **error)
{
    const char *equals = memchr(text, '=', len);
    size_t name_len = equals ? (size_t)(equals - text) : len;

    return add_param(target, decode(text, name_len, true),
                     equals ? decode(equals + 1, len - name_len - 1, true) : g_strdup(""), error);
}

bool target_parse(const char *text, struct target *ret_target, GError **error)
{
    size_t path_len;
    const char *query;

    if (strlen(text) > TARGET_MAX_LENGTH)
        return fail(error, "is too long");
    text = skip_authority(text);
    path_len = strcspn(text, "?");
    if (!parse_path(text, path_len, ret_target, error))
        return false;
    query = text + path_len;
    while (*query) {
        size_t len = strcspn(++query, "&");

        if (!parse_param(query, len, ret_target, error))
            return false;
        query += len;
    }
    return true;
}

void target_clear(struct target *target)
{
    for (size_t i = 0; i < target->n_segments; i++)
        g_free(target->segments[i]);
    for (size_t i = 0; i < target->n_params; i++) {
        g_free(target->params[i].name);
        g_free(target->params[i].value);
    }
    g_free(target->params);
    memset(target, 0, sizeof(*target));
}

const char *target_param(const struct target *target, const char *name)
{
    for (size_t i = 0; i < target->n_params; i++) {
        if (g_ascii_strcasecmp(target->params[i].name, name) == 0)
            return target->params[i].value;
    }
    return NULL;
}

bool target_int(const struct target *target, const struct int_field *field, GError **error)
{
    const char *text = target_param(target, field->key);
    gint64 value;

    if (!text)
        return true;
    if (!g_ascii_string_to_signed(text, 10, field->min, field->max, &value, NULL)) {
        err_set_reason(error, VRM_ERR_INVALID, field->reason ? field->reason : REASON_MALFORMED,
                       field->key,
                       "%s = %.64s: want an integer in %" G_GINT64_FORMAT "..%" G_GINT64_FORMAT,
                       field->key, text, field->min, field->max);
        return false;
    }
    *field->ret_value = value;
    return true;
}

bool target_bool(const struct target *target, const char *name, bool *ret_value, GError **error)
{
    const char *text = target_param(target, name);

    if (!text)
        return true;
    if (g_ascii_strcasecmp(text, "true") == 0 || g_str_equal(text, "1")) {
        *ret_value = true;
    } else if (g_ascii_strcasecmp(text, "false") == 0 || g_str_equal(text, "0")) {
        *ret_value = false;
    } else {
        err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, name,
                       "%s = %.64s: want true or false", name, text);
        return false;
    }
    return true;
}
