/* lv_error.c - libvirt's errors as ours, with libvirt's words. */
#include "config.h"

#include <string.h>

#include "agent/lv.h"
#include "base/err.h"

// clang-format off
static const struct {
    int libvirt;
    enum vrm_err code;
} codes[] = {
    { VIR_ERR_NO_DOMAIN,           VRM_ERR_NOT_FOUND },
    { VIR_ERR_OPERATION_INVALID,   VRM_ERR_CONFLICT },
    { VIR_ERR_DOM_EXIST,           VRM_ERR_CONFLICT },
    { VIR_ERR_OPERATION_ABORTED,   VRM_ERR_CONFLICT },
    { VIR_ERR_MIGRATE_UNSAFE,      VRM_ERR_CONFLICT },
    { VIR_ERR_OPERATION_DENIED,    VRM_ERR_DENIED },
    { VIR_ERR_ACCESS_DENIED,       VRM_ERR_DENIED },
    { VIR_ERR_OPERATION_TIMEOUT,   VRM_ERR_BUSY },
    { VIR_ERR_RESOURCE_BUSY,       VRM_ERR_BUSY },
    { VIR_ERR_NO_MEMORY,           VRM_ERR_NO_CAPACITY },
    { VIR_ERR_XML_ERROR,           VRM_ERR_INVALID },
    { VIR_ERR_XML_DETAIL,          VRM_ERR_INVALID },
    { VIR_ERR_INVALID_ARG,         VRM_ERR_INVALID },
    { VIR_ERR_CONFIG_UNSUPPORTED,  VRM_ERR_INVALID },
    { VIR_ERR_CPU_INCOMPATIBLE,    VRM_ERR_INVALID },
};
// clang-format on

static enum vrm_err code_of(const virError *saved)
{
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        if (codes[i].libvirt == saved->code)
            return codes[i].code;
    }
    /* libvirt has no code of its own for these: QEMU said it. */
    if (saved->message && strstr(saved->message, "Cannot allocate memory"))
        return VRM_ERR_NO_CAPACITY;
    return VRM_ERR_INTERNAL;
}

static bool is_link_trouble(const virError *saved)
{
    return saved->code == VIR_ERR_RPC || saved->code == VIR_ERR_NO_CONNECT ||
           saved->code == VIR_ERR_INVALID_CONN || saved->domain == VIR_FROM_RPC ||
           saved->domain == VIR_FROM_REMOTE;
}

void lv_set_saved_error(GError **error, const virError *saved, const char *what, bool own_link)
{
    const char *text = saved && saved->message ? saved->message : "unknown error";

    if (saved && own_link && is_link_trouble(saved))
        err_set_reason(error, VRM_ERR_TIMEOUT, 0, HV_FIELD_LINK, "%s: libvirtd went away: %s", what,
                       text);
    else
        err_set(error, saved ? code_of(saved) : VRM_ERR_INTERNAL, "%s: %s", what, text);
}

void lv_set_error(GError **error, const char *what)
{
    lv_set_saved_error(error, virGetLastError(), what, true);
}
