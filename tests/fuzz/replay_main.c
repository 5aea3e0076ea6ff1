/* replay_main.c - main() of a fuzz target when no fuzzer is linked: runs its corpus once.
 *
 * Without arguments it takes every file in $srcdir/tests/fuzz/corpus/NAME for the program
 * fuzz_NAME; an empty corpus is a failure.  Arguments are single files, to look at one crash. */
#include "config.h"

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(const char *path)
{
    g_autofree char *data = NULL;
    g_autoptr(GError) error = NULL;
    size_t size;

    if (!g_file_get_contents(path, &data, &size, &error))
        g_error("%s", error->message);
    /* A copy of exactly this size: the sanitizer sees a read behind its end. */
    g_autofree uint8_t *exact = g_memdup2(data, size);
    LLVMFuzzerTestOneInput(exact, size);
}

static unsigned replay_folder(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) folder = g_dir_open(path, 0, &error);
    const char *name;
    unsigned n = 0;

    if (!folder)
        g_error("%s", error->message);
    while ((name = g_dir_read_name(folder))) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        replay(file);
        n++;
    }
    return n;
}

int main(int argc, char **argv)
{
    const char *srcdir = g_getenv("srcdir");
    g_autofree char *program = g_path_get_basename(argv[0]);
    g_autofree char *folder = NULL;
    unsigned n;

    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    if (argc > 1)
        return EXIT_SUCCESS;
    folder = g_build_filename(
        srcdir ? srcdir : ".", "tests/fuzz/corpus",
        g_str_has_prefix(program, "fuzz_") ? program + strlen("fuzz_") : program, NULL);
    n = replay_folder(folder);
    g_print("%s: %u inputs\n", folder, n);
    return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
