/* known.c - see known.h. */
#include "config.h"

#include "api/known.h"

#include <string.h>

#include "base/err.h"
#include "model/reason.h"

#define COMPARED    40 /* characters of a name that are compared */
#define SHOWN       80 /* and that a message shows */
#define NEAR_ENOUGH 3  /* at most so many letters are wrong, and not more than half of them */

static bool is_among(const char *const *words, const char *name)
{
    for (size_t i = 0; words[i]; i++) {
        if (g_ascii_strcasecmp(words[i], name) == 0)
            return true;
    }
    return false;
}

/* Letters to put in, take out or change (Levenshtein). */
static unsigned distance(const char *a, const char *b)
{
    const size_t n_a = strnlen(a, COMPARED), n_b = strnlen(b, COMPARED);
    unsigned row[COMPARED + 1];

    for (size_t k = 0; k <= n_b; k++)
        row[k] = (unsigned)k;
    for (size_t i = 1; i <= n_a; i++) {
        unsigned corner = row[0];

        row[0] = (unsigned)i;
        for (size_t k = 1; k <= n_b; k++) {
            const bool same = g_ascii_tolower(a[i - 1]) == g_ascii_tolower(b[k - 1]);
            const unsigned change = corner + (same ? 0 : 1);

            corner = row[k];
            row[k] = MIN(MIN(row[k], row[k - 1]) + 1, change);
        }
    }
    return row[n_b];
}

static const char *nearest(const char *const *words, const char *name)
{
    const char *best = NULL;
    unsigned best_distance = NEAR_ENOUGH + 1;

    for (size_t i = 0; words[i]; i++) {
        unsigned d = distance(name, words[i]);

        if (d < best_distance && d <= strlen(words[i]) / 2) {
            best = words[i];
            best_distance = d;
        }
    }
    return best;
}

static bool refuse(const char *what, const char *field, const char *name, const char *const *words,
                   GError **error)
{
    const char *near = nearest(words, name);
    g_autofree char *list = g_strjoinv(", ", (char **)(uintptr_t)words);

    if (near)
        err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, field,
                       "%s is not a %s of this call: did you mean %s?", field, what, near);
    else
        err_set_reason(error, VRM_ERR_INVALID, REASON_MALFORMED, field,
                       "%s is not a %s of this call: want %s%s", field, what,
                       words[0] ? "one of " : "none", list);
    return false;
}

bool known_keys(const struct json_reader *reader, const char *const *words, GError **error)
{
    void *it = json_object_iter((json_t *)(uintptr_t)reader->object); /* only read */

    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)reader->object, it)) {
        g_autofree char *name = g_utf8_substring(
            json_object_iter_key(it), 0, MIN(g_utf8_strlen(json_object_iter_key(it), -1), SHOWN));
        g_autofree char *field =
            reader->path[0] ? g_strconcat(reader->path, ".", name, NULL) : g_strdup(name);

        if (!is_among(words, name))
            return refuse("field", field, name, words, error);
    }
    return true;
}

bool known_params(const struct target *target, const char *const *words, GError **error)
{
    for (size_t i = 0; i < target->n_params; i++) {
        const char *name = target->params[i].name;

        if (name[0] && !is_among(words, name)) {
            g_autofree char *field = g_strndup(name, SHOWN);
            g_autofree char *valid = g_utf8_make_valid(field, -1);

            return refuse("parameter", valid, valid, words, error);
        }
    }
    return true;
}
