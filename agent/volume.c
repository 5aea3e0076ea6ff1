/* volume.c - see volume.h.
 *
 * A new file gets its size under another name and is then linked to its own, which fails if
 * somebody else was first: no crash leaves a volume of the wrong size, no file is overwritten. */
#include "config.h"

#include "agent/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

#define MAX_SIZE_GB   65536
#define BYTES_PER_GIB ((off_t)1 << 30)
#define FILE_MODE     0600

static bool fail_errno(const char *what, const char *path, int code, GError **error)
{
    enum vrm_err kind = code == ENOSPC || code == EDQUOT ? VRM_ERR_NO_CAPACITY
                        : code == EIO || code == ESTALE  ? VRM_ERR_UNAVAILABLE
                                                         : VRM_ERR_INVALID;

    err_set_reason(error, kind, 0, "path", "%s %s: %s", what, path, g_strerror(code));
    return false;
}

static bool check_path(const char *path, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    size_t n = g_strv_length(parts);

    if (path[0] != '/') {
        err_set_reason(error, VRM_ERR_INVALID, 0, "path", "disk path \"%s\" is not absolute", path);
        return false;
    }
    for (size_t i = 1; i < n; i++) {
        if (*parts[i] && !g_str_equal(parts[i], ".") && !g_str_equal(parts[i], ".."))
            continue;
        err_set_reason(error, VRM_ERR_INVALID, 0, "path",
                       "disk path \"%s\": empty, \".\" and \"..\" parts are not allowed", path);
        return false;
    }
    return true;
}

/* Opens the folder that holds path, which must exist: volumes never make folders, so that an
 * unmounted datastore is noticed instead of filled underneath. */
static int open_folder(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        fail_errno("folder", folder, errno, error);
    return fd;
}

static bool check_existing(int folder, const char *name, const char *path, bool *ret_exists,
                           GError **error)
{
    struct stat st;

    if (fstatat(folder, name, &st, 0) < 0) {
        *ret_exists = false;
        return errno == ENOENT || fail_errno("look at", path, errno, error);
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "path",
                       "%s exists and is neither a file nor a block device", path);
        return false;
    }
    *ret_exists = true;
    return true;
}

/* Gives the file at fd its size, and a thick one its room; 0 or an errno. */
static int set_size(int fd, const struct vm_disk *disk)
{
    off_t size = disk->size_gb * BYTES_PER_GIB;

    if (ftruncate(fd, size) < 0 || (!disk->thin && fallocate(fd, 0, 0, size) < 0))
        return errno;
    return fsync(fd) < 0 ? errno : 0;
}

static bool make_file(int folder, const struct vm_disk *disk, const char *name, GError **error)
{
    g_autofree char *temporary = g_strdup_printf(".%s.vrm-new", name);
    int fd, code;

    if (unlinkat(folder, temporary, 0) < 0 && errno != ENOENT)
        return fail_errno("remove old", temporary, errno, error);
    fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return fail_errno("make", disk->path, errno, error);
    code = set_size(fd, disk);
    close(fd);
    if (code == 0 && linkat(folder, temporary, folder, name, 0) < 0)
        code = errno;
    unlinkat(folder, temporary, 0);
    if (code == 0 && fsync(folder) < 0)
        code = errno;
    return code == 0 || fail_errno(code == EOPNOTSUPP ? "reserve the room of a thick disk" : "make",
                                   disk->path, code, error);
}

static bool create_one(const struct vm_disk *disk, bool *ret_made, GError **error)
{
    g_autofree char *name = g_path_get_basename(disk->path);
    bool exists = false, ok;
    int folder;

    *ret_made = false;
    if (!check_path(disk->path, error))
        return false;
    if (disk->size_gb < 1 || disk->size_gb > MAX_SIZE_GB) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "size_gb",
                       "disk %s: size %" PRId64 " GiB: want 1 to %d", disk->path, disk->size_gb,
                       MAX_SIZE_GB);
        return false;
    }
    folder = open_folder(disk->path, error);
    if (folder < 0)
        return false;
    ok = check_existing(folder, name, disk->path, &exists, error);
    if (ok && !exists) {
        ok = make_file(folder, disk, name, error);
        *ret_made = ok;
    }
    close(folder);
    return ok;
}

bool volume_create_all(const Vm *vm, GError **error)
{
    g_autofree bool *made = g_new0(bool, vm->n_disks + 1);

    for (size_t i = 0; i < vm->n_disks; i++) {
        if (create_one(&vm->disks[i], &made[i], error))
            continue;
        while (i-- > 0) {
            if (made[i])
                unlink(vm->disks[i].path);
        }
        return false;
    }
    return true;
}

static bool remove_one(const struct vm_disk *disk, GError **error)
{
    struct stat st;

    if (!check_path(disk->path, error))
        return false;
    if (lstat(disk->path, &st) < 0)
        return errno == ENOENT || fail_errno("look at", disk->path, errno, error);
    if (!S_ISREG(st.st_mode)) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "path", "%s is not a file: it stays", disk->path);
        return false;
    }
    if (unlink(disk->path) < 0 && errno != ENOENT)
        return fail_errno("remove", disk->path, errno, error);
    return true;
}

bool volume_remove_all(const Vm *vm, GError **error)
{
    g_autoptr(GError) first = NULL;

    for (size_t i = 0; i < vm->n_disks; i++)
        remove_one(&vm->disks[i], first ? NULL : &first);
    if (!first)
        return true;
    g_propagate_error(error, g_steal_pointer(&first));
    return false;
}

const char *volume_cache_mode(const Vm *vm)
{
    for (size_t i = 0; i < vm->n_disks; i++) {
        int fd = open(vm->disks[i].path, O_RDONLY | O_DIRECT | O_CLOEXEC);

        if (fd < 0 && errno == EINVAL)
            return "writethrough";
        if (fd >= 0)
            close(fd);
    }
    return "none";
}
