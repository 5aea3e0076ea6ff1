/* err.h - the one error domain.
 *
 * The code says what kind of trouble it is and so picks the HTTP status and the retry rule; the
 * optional reason is the number that FusionCompute's clients know (model/reason.h); the optional
 * field names the input that was wrong.  Any thread. */
#ifndef VRM_BASE_ERR_H
#define VRM_BASE_ERR_H

#include <glib.h>
#include <stdbool.h>

#define VRM_ERROR (vrm_error_quark())

enum vrm_err {
    VRM_ERR_INVALID,     /* the request is wrong; repeating it is useless */
    VRM_ERR_NOT_FOUND,   /* the object does not exist */
    VRM_ERR_CONFLICT,    /* somebody changed the object meanwhile, or its state forbids this */
    VRM_ERR_DENIED,      /* not allowed: rights, or a deposed controller */
    VRM_ERR_BUSY,        /* another operation holds the object; try again */
    VRM_ERR_NO_CAPACITY, /* no host can take it */
    VRM_ERR_UNAVAILABLE, /* a needed service or host does not answer now */
    VRM_ERR_TIMEOUT,     /* no answer in time: the outcome is unknown */
    VRM_ERR_INTERNAL,    /* our bug, or a broken peer */
};

GQuark vrm_error_quark(void);

void err_set(GError **error, enum vrm_err code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Like err_set; reason may be 0, field may be NULL (copied). */
void err_set_reason(GError **error, enum vrm_err code, int reason, const char *field,
                    const char *format, ...) G_GNUC_PRINTF(5, 6);

/* 0 when the error carries none or is not of VRM_ERROR. */
int err_reason(const GError *error);

/* NULL when the error carries none or is not of VRM_ERROR; borrowed. */
const char *err_field(const GError *error);

/* True if error is VRM_ERROR with this code. */
bool err_is(const GError *error, enum vrm_err code);

/* "invalid", "not-found", ...: stable words for logs, metrics and the agent protocol. */
const char *err_code_name(enum vrm_err code);
bool err_code_parse(const char *name, enum vrm_err *ret_code);

#endif /* VRM_BASE_ERR_H */
