/* tempdir.h - a folder for one test. */
#ifndef VRM_TESTS_TEMPDIR_H
#define VRM_TESTS_TEMPDIR_H

#include <ftw.h>
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

static inline int tempdir_remove_one(const char *path, const struct stat *info, int type,
                                     struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    (void)g_remove(path);
    return 0;
}

/* Removes the folder with everything in it; frees the name. */
G_GNUC_UNUSED static inline void tempdir_free(char *dir)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the working folder meanwhile */
    (void)nftw(dir, tempdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    g_free(dir);
}

#endif /* VRM_TESTS_TEMPDIR_H */
