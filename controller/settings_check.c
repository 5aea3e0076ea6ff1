/* settings_check.c - see settings_check.h. */
#include "config.h"

#include "controller/settings_check.h"

#include <errno.h>
#include <unistd.h>

#include "api/tls.h"
#include "base/confcheck.h"
#include "base/err.h"
#include "controller/settings.h"

static bool check_authorities(const char *section, const char *ca_file, GError **error)
{
    g_autofree char *setting = g_strdup_printf("[%s] ca_file", section);

    return !*ca_file || tls_check_authorities(ca_file, error) ||
           confcheck_blame(setting, ca_file, error);
}

static bool check_pair(const char *section, const char *cert_file, const char *key_file,
                       GError **error)
{
    g_autofree char *setting = g_strdup_printf("[%s] cert_file", section);
    g_autofree char *value = g_strdup_printf("%s, key_file = %s", cert_file, key_file);

    return !*cert_file || tls_check_pair(cert_file, key_file, error) ||
           confcheck_blame(setting, value, error);
}

/* The file may be gone: it is needed at the very first start only. */
static bool check_password_file(const char *path, GError **error)
{
    if (!*path || access(path, R_OK) == 0 || errno == ENOENT)
        return true;
    err_set_reason(error, VRM_ERR_INVALID, 0, "api.admin_password_file",
                   "cannot be read: %s; want a file that this program may read", g_strerror(errno));
    return confcheck_blame("[api] admin_password_file", path, error);
}

bool settings_check(const struct settings *settings, const char *path, GError **error)
{
    const struct settings *s = settings;

    if ((!s->api_tls || check_pair("api", s->api_cert_file, s->api_key_file, error)) &&
        check_password_file(s->admin_password_file, error) &&
        check_authorities("etcd", s->etcd_ca_file, error) &&
        check_pair("etcd", s->etcd_cert_file, s->etcd_key_file, error) &&
        check_authorities("agents", s->agents_ca_file, error) &&
        check_pair("agents", s->agents_cert_file, s->agents_key_file, error) &&
        confcheck_folder("[controller] state_dir", s->state_dir, error))
        return true;
    confcheck_place(path, error);
    return false;
}
