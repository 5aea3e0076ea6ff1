/* journal_file.c - see journal.h: the files of the journal and how they survive a crash. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/journal.h"
#include "base/err.h"

#define FOLDER_MODE 0700
#define FILE_MODE   0600
#define MAX_FILE    (256u << 20)

struct Journal {
    char *folder_path;
    int folder;
    int lock;
    int fd;
    size_t good;  /* length up to which every line is whole and on disk */
    bool suspect; /* a write failed: cut the file back to good before the next */
};

static bool fail_errno(const Journal *journal, const char *what, GError **error)
{
    int code = errno;

    err_set(error, VRM_ERR_UNAVAILABLE, "%s/%s: %s", journal->folder_path, what, g_strerror(code));
    return false;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

/* Replaces the file at once or not at all: write beside it, flush, rename, flush the folder.
 * ret_fd may be NULL; else it gets the new file, open for appending. */
static bool replace_file(Journal *journal, const char *name, const char *text, int *ret_fd,
                         GError **error)
{
    g_autofree char *temporary = g_strconcat(name, ".new", NULL);
    int fd = openat(journal->folder, temporary,
                    O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    bool ok;

    if (fd < 0)
        return fail_errno(journal, temporary, error);
    ok = write_all(fd, text, strlen(text)) && fsync(fd) == 0 &&
         renameat(journal->folder, temporary, journal->folder, name) == 0 &&
         fsync(journal->folder) == 0;
    if (!ok)
        fail_errno(journal, name, error);
    if (ok && ret_fd)
        *ret_fd = fd;
    else
        close(fd);
    return ok;
}

bool journal_set_epoch(Journal *journal, int64_t epoch, GError **error)
{
    g_autofree char *text = g_strdup_printf("%" PRId64 "\n", epoch);

    return replace_file(journal, "epoch", text, NULL, error);
}

bool journal_append(Journal *journal, const char *line, GError **error)
{
    size_t len = strlen(line);

    if (journal->suspect && ftruncate(journal->fd, (off_t)journal->good) < 0)
        return fail_errno(journal, "journal", error);
    journal->suspect = !write_all(journal->fd, line, len) || fdatasync(journal->fd) < 0;
    if (journal->suspect)
        return fail_errno(journal, "journal", error);
    journal->good += len;
    return true;
}

bool journal_rewrite(Journal *journal, const char *lines, GError **error)
{
    int fd;

    if (!replace_file(journal, "journal", lines, &fd, error))
        return false;
    close(journal->fd);
    journal->fd = fd;
    journal->good = strlen(lines);
    journal->suspect = false;
    return true;
}

size_t journal_size(const Journal *journal)
{
    return journal->good;
}

/* ---- opening ------------------------------------------------------------------------------- */

static bool read_epoch(const Journal *journal, int64_t *ret_epoch, GError **error)
{
    g_autofree char *path = g_build_filename(journal->folder_path, "epoch", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) local = NULL;
    guint64 epoch = 0;

    if (!g_file_get_contents(path, &text, NULL, &local)) {
        if (g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
            *ret_epoch = 0;
            return true;
        }
        err_set(error, VRM_ERR_UNAVAILABLE, "%s", local->message);
        return false;
    }
    g_strchomp(text);
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &epoch, NULL)) {
        err_set(error, VRM_ERR_INTERNAL, "%s: \"%.40s\" is not an epoch (a number)", path, text);
        return false;
    }
    *ret_epoch = (int64_t)epoch;
    return true;
}

static bool open_files(Journal *journal, GError **error)
{
    if (g_mkdir_with_parents(journal->folder_path, FOLDER_MODE) < 0)
        return fail_errno(journal, "", error);
    journal->folder = open(journal->folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (journal->folder < 0)
        return fail_errno(journal, "", error);
    journal->lock = openat(journal->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (journal->lock < 0)
        return fail_errno(journal, "lock", error);
    if (flock(journal->lock, LOCK_EX | LOCK_NB) < 0) {
        err_set(error, VRM_ERR_BUSY, "%s: another vrm-agent uses it", journal->folder_path);
        return false;
    }
    journal->fd = openat(journal->folder, "journal",
                         O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (journal->fd < 0)
        return fail_errno(journal, "journal", error);
    return fsync(journal->folder) == 0 || fail_errno(journal, "", error);
}

static bool read_lines(Journal *journal, const char *boot_id, struct journal_state *state,
                       GError **error)
{
    g_autofree char *path = g_build_filename(journal->folder_path, "journal", NULL);
    g_autofree char *text = NULL;
    g_autofree char *boot_line = journal_line_boot(boot_id);
    struct stat st;
    gsize len;

    if (fstat(journal->fd, &st) < 0)
        return fail_errno(journal, "journal", error);
    if (st.st_size > MAX_FILE) {
        err_set(error, VRM_ERR_INTERNAL, "%s: %" PRId64 " bytes: no journal is that long", path,
                (int64_t)st.st_size);
        return false;
    }
    if (!g_file_get_contents(path, &text, &len, error))
        return false;
    if (!journal_parse(text, len, boot_id, state, &journal->good, error)) {
        g_prefix_error(error, "%s: ", path);
        return false;
    }
    journal->suspect = journal->good < len;
    return journal_append(journal, boot_line, error);
}

Journal *journal_open(const char *folder, const char *boot_id, struct journal_state *ret_state,
                      GError **error)
{
    g_autoptr(Journal) journal = g_new0(Journal, 1);
    struct journal_state state;

    journal->folder_path = g_strdup(folder);
    journal->folder = journal->lock = journal->fd = -1;
    journal_state_init(&state);
    if (!open_files(journal, error) || !read_epoch(journal, &state.epoch, error) ||
        !read_lines(journal, boot_id, &state, error)) {
        journal_state_clear(&state);
        return NULL;
    }
    *ret_state = state;
    return g_steal_pointer(&journal);
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

void journal_free(Journal *journal)
{
    if (!journal)
        return;
    close_if_open(journal->fd);
    close_if_open(journal->lock);
    close_if_open(journal->folder);
    g_free(journal->folder_path);
    g_free(journal);
}
