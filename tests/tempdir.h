/* tempdir.h - a folder for one test. */
#ifndef VRM_TESTS_TEMPDIR_H
#define VRM_TESTS_TEMPDIR_H

#include <glib.h>
#include <glib/gstdio.h>

G_GNUC_UNUSED static inline char *tempdir_new(void)
{
    GError *error = NULL;
    char *dir = g_dir_make_tmp("vrm-test-XXXXXX", &error);

    if (!dir)
        g_error("%s", error->message);
    return dir;
}

/* Removes the folder and what stands directly in it; frees the name. */
G_GNUC_UNUSED static inline void tempdir_free(char *dir)
{
    GDir *open = g_dir_open(dir, 0, NULL);
    const char *name;

    while (open && (name = g_dir_read_name(open))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);

        g_remove(path);
    }
    if (open)
        g_dir_close(open);
    g_rmdir(dir);
    g_free(dir);
}

#endif /* VRM_TESTS_TEMPDIR_H */
