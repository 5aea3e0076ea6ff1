/* err.c - see err.h.  GError's extended errors carry the reason and the field. */
#include "config.h"

#include "base/err.h"

#include <string.h>

typedef struct VrmErrorPrivate {
    int reason;
    char *field;
} VrmErrorPrivate;

static void vrm_error_private_init(VrmErrorPrivate *priv)
{
    *priv = (VrmErrorPrivate){ 0 };
}

static void vrm_error_private_copy(const VrmErrorPrivate *from, VrmErrorPrivate *to)
{
    to->reason = from->reason;
    to->field = g_strdup(from->field);
}

static void vrm_error_private_clear(VrmErrorPrivate *priv)
{
    g_free(priv->field);
}

/* GLib's macro casts const away. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
G_DEFINE_EXTENDED_ERROR(VrmError, vrm_error)
#pragma GCC diagnostic pop

/* clang-format off */
static const char *const code_names[] = {
    [VRM_ERR_INVALID]     = "invalid",
    [VRM_ERR_NOT_FOUND]   = "not-found",
    [VRM_ERR_CONFLICT]    = "conflict",
    [VRM_ERR_DENIED]      = "denied",
    [VRM_ERR_BUSY]        = "busy",
    [VRM_ERR_NO_CAPACITY] = "no-capacity",
    [VRM_ERR_UNAVAILABLE] = "unavailable",
    [VRM_ERR_TIMEOUT]     = "timeout",
    [VRM_ERR_INTERNAL]    = "internal",
};
/* clang-format on */

/* GLib registers the domain, and makes the lock of its table of domains, with the first error. That
 * comes before there are threads, two of which could meet there. */
__attribute__((constructor)) static void make_first_error(void)
{
    GError *error = g_error_new_literal(VRM_ERROR, VRM_ERR_INTERNAL, "the first");

    g_error_free(error);
}

void err_set(GError **error, enum vrm_err code, const char *format, ...)
{
    va_list args;

    if (!error)
        return;
    va_start(args, format);
    g_propagate_error(error, g_error_new_valist(VRM_ERROR, (gint)code, format, args));
    va_end(args);
}

void err_set_reason(GError **error, enum vrm_err code, int reason, const char *field,
                    const char *format, ...)
{
    va_list args;
    GError *made;
    VrmErrorPrivate *priv;

    if (!error)
        return;
    va_start(args, format);
    made = g_error_new_valist(VRM_ERROR, (gint)code, format, args);
    va_end(args);
    priv = vrm_error_get_private(made);
    priv->reason = reason;
    priv->field = g_strdup(field);
    g_propagate_error(error, made);
}

static const VrmErrorPrivate *peek_private(const GError *error)
{
    return error && error->domain == VRM_ERROR ? vrm_error_get_private(error) : NULL;
}

int err_reason(const GError *error)
{
    const VrmErrorPrivate *priv = peek_private(error);

    return priv ? priv->reason : 0;
}

const char *err_field(const GError *error)
{
    const VrmErrorPrivate *priv = peek_private(error);

    return priv ? priv->field : NULL;
}

bool err_is(const GError *error, enum vrm_err code)
{
    return g_error_matches(error, VRM_ERROR, (gint)code);
}

const char *err_code_name(enum vrm_err code)
{
    g_assert((size_t)code < G_N_ELEMENTS(code_names));
    return code_names[code];
}

bool err_code_parse(const char *name, enum vrm_err *ret_code)
{
    for (size_t i = 0; name && i < G_N_ELEMENTS(code_names); i++) {
        if (strcmp(name, code_names[i]) == 0) {
            *ret_code = (enum vrm_err)i;
            return true;
        }
    }
    return false;
}
