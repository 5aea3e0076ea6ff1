/* confcheck.c - see confcheck.h. */
#include "config.h"

#include "base/confcheck.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

#define PORT_MAX 65535

char *confcheck_address(const char *text)
{
    if (g_hostname_is_ip_address(text))
        return NULL;
    return g_strdup("an IPv4 or IPv6 address such as 192.0.2.10");
}

static bool is_known_scheme(const char *scheme)
{
    return g_ascii_strcasecmp(scheme, "http") == 0 || g_ascii_strcasecmp(scheme, "https") == 0;
}

char *confcheck_url(const char *text)
{
    g_autofree char *scheme = NULL;
    g_autofree char *user = NULL;
    g_autofree char *host = NULL;
    g_autofree char *path = NULL;
    g_autofree char *query = NULL;
    g_autofree char *fragment = NULL;
    int port = 0;
    bool ok = g_uri_split(text, G_URI_FLAGS_NONE, &scheme, &user, &host, &port, &path, &query,
                          &fragment, NULL);

    if (ok && scheme && is_known_scheme(scheme) && host && *host && !strpbrk(host, " \t") &&
        port != 0 && port <= PORT_MAX && !user && !query && !fragment &&
        (!*path || g_str_equal(path, "/")))
        return NULL;
    return g_strdup("a URL without a path, such as https://192.0.2.10:2379");
}

bool confcheck_blame(const char *setting, const char *value, GError **error)
{
    g_prefix_error(error, "%s = %s: ", setting, value);
    return false;
}

/* The nearest folder above path that exists. */
static char *nearest_folder(const char *path)
{
    char *folder = g_strdup(path);

    while (!g_file_test(folder, G_FILE_TEST_EXISTS) && !g_str_equal(folder, "/") &&
           !g_str_equal(folder, ".")) {
        char *parent = g_path_get_dirname(folder);

        g_free(folder);
        folder = parent;
    }
    return folder;
}

bool confcheck_folder(const char *setting, const char *path, GError **error)
{
    g_autofree char *folder = nearest_folder(path);

    if (!g_file_test(folder, G_FILE_TEST_IS_DIR)) {
        err_set_reason(error, VRM_ERR_INVALID, 0, setting, "%s is not a folder", folder);
        return confcheck_blame(setting, path, error);
    }
    if (access(folder, W_OK | X_OK) == 0)
        return true;
    err_set_reason(error, VRM_ERR_INVALID, 0, setting,
                   "cannot write in %s: %s; want a folder "
                   "that this program may write in",
                   folder, g_strerror(errno));
    return confcheck_blame(setting, path, error);
}

/* Does this line, trimmed, give the key? */
static bool gives(const char *line, const char *key)
{
    size_t len = strlen(key);

    return g_str_has_prefix(line, key) && line[len + strspn(line + len, " \t")] == '=';
}

/* The file was read without an error before; 0: nothing gives it. */
static int find_line(const char *path, const char *section, const char *key)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    bool inside = false;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    lines = g_strsplit(text, "\n", -1);
    for (int i = 0; lines[i]; i++) {
        char *line = g_strstrip(lines[i]);

        if (line[0] == '[')
            inside = g_str_has_prefix(line + 1, section) && line[1 + strlen(section)] == ']';
        else if (inside && gives(line, key))
            return i + 1;
    }
    return 0;
}

void confcheck_place(const char *path, GError **error)
{
    const char *text = error && *error ? (*error)->message : "";
    const char *end = *text == '[' ? strstr(text, "] ") : NULL;
    g_autofree char *section = end ? g_strndup(text + 1, (gsize)(end - text - 1)) : NULL;
    g_autofree char *key = end ? g_strndup(end + 2, strcspn(end + 2, " :")) : NULL;
    int line = path && key ? find_line(path, section, key) : 0;

    if (line)
        g_prefix_error(error, "%s:%d: ", path, line);
    else
        g_prefix_error(error, "%s: ", path ? path : "defaults");
}
