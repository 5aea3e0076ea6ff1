/* hald_slotio.c - see hald_slotio.h. */
#include "config.h"

#include "agent/hald_slotio.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FILE_MODE 0600

G_STATIC_ASSERT(SLOT_MAX % SLOTIO_CHUNK == 0);

bool slotio_init(struct slotio *io, int first_fd)
{
    void *blocks = NULL;

    *io = (struct slotio){ .fd = -1, .first_fd = first_fd };
    if (posix_memalign(&blocks, SLOT_SIZE, (size_t)SLOTIO_CHUNK * SLOT_SIZE) != 0)
        return false;
    io->blocks = blocks;
    return true;
}

void slotio_close(struct slotio *io)
{
    if (io->fd >= 0)
        close(io->fd);
    io->fd = -1;
}

void slotio_clear(struct slotio *io)
{
    free(io->blocks);
    io->blocks = NULL;
}

static int move_up(int low, int first)
{
    const int fd = fcntl(low, F_DUPFD_CLOEXEC, first);

    if (fd < 0)
        return low;
    (void)syscall(SYS_close, low);
    return fd;
}

static int open_as(int folder, int flags)
{
    return (int)syscall(SYS_openat, folder, SLOT_FILE,
                        O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_DSYNC | flags, FILE_MODE);
}

// clang-format off
/* What is not here is not trusted: a cache of another host would hide a slot that moves. */
static const struct slotio_cache caches[] = {
    /* on disks of this host, or in its memory: only this kernel has them mounted */
    { 0xef53,     "ext2, ext3 or ext4", true },
    { 0x58465342, "XFS",                true },
    { 0x9123683e, "Btrfs",              true },
    { 0xf2f52010, "F2FS",               true },
    { 0x2fc12fc1, "ZFS",                true },
    { 0xca451a4e, "bcachefs",           true },
    { 0x01021994, "tmpfs",              true },
    { 0x858458f6, "ramfs",              true },
    { 0x794c7630, "overlay",            true }, /* its upper layer, where we write, is one of these */
    /* of a server, or on disks that several hosts share: each host has a cache of its own */
    { 0x6969,     "NFS",                false },
    { 0xff534d42, "CIFS",               false },
    { 0xfe534d42, "SMB2",               false },
    { 0x517b,     "SMB",                false },
    { 0x65735546, "FUSE",               false }, /* also GlusterFS, sshfs, virtiofs */
    { 0x01021997, "9p",                 false },
    { 0x00c36400, "Ceph",               false },
    { 0x5346414f, "AFS",                false },
    { 0x0bd00bd0, "Lustre",             false },
    { 0x47504653, "GPFS",               false },
    { 0x01161970, "GFS2",               false },
    { 0x7461636f, "OCFS2",              false },
    { 0x19830326, "BeeGFS",             false },
};
// clang-format on

const struct slotio_cache *slotio_cache_of(int64_t type)
{
    static const struct slotio_cache unknown = { 0, "unknown", false };
    const int64_t wanted = type & 0xffffffff; /* a kernel's long may carry its sign */

    for (size_t i = 0; i < G_N_ELEMENTS(caches); i++)
        if (caches[i].type == wanted)
            return &caches[i];
    return &unknown;
}

/* NULL: it does without O_DIRECT. */
static const char *refuses(int folder)
{
    const struct slotio_cache *cache;
    struct statfs fs;

    if (syscall(SYS_fstatfs, folder, &fs) != 0)
        return "unknown";
    cache = slotio_cache_of(fs.f_type);
    return cache->is_one ? NULL : cache->name;
}

static int open_folder(const char *folder)
{
    return (int)syscall(SYS_openat, AT_FDCWD, folder, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

/* -1, with errno, or *ret_fs. */
static int open_in(int folder, bool *ret_direct, const char **ret_fs)
{
    const int fd = open_as(folder, O_DIRECT);

    *ret_direct = fd >= 0;
    if (fd >= 0 || errno != EINVAL)
        return fd;
    *ret_fs = refuses(folder);
    errno = EINVAL;
    return *ret_fs ? -1 : open_as(folder, 0);
}

int slotio_open(struct slotio *io, const char *folder, const char **ret_fs)
{
    struct stat st;
    int dir, fd, trouble;

    *ret_fs = NULL;
    slotio_close(io);
    dir = open_folder(folder);
    if (dir < 0)
        return errno;
    fd = open_in(dir, &io->direct, ret_fs);
    trouble = fd < 0 ? errno : 0;
    (void)syscall(SYS_close, dir);
    if (fd < 0)
        return trouble;
    io->fd = move_up(fd, io->first_fd);
    io->n_opens++;
    if (fstat(io->fd, &st) != 0) {
        trouble = errno;
        slotio_close(io);
        return trouble;
    }
    io->dev = st.st_dev;
    io->ino = st.st_ino;
    return 0;
}

static bool is_missing(int trouble)
{
    return trouble == ENOENT || trouble == ENOTDIR;
}

/* What the open file was is remembered: of one that is gone for good, the kernel cannot tell. */
bool slotio_is_elsewhere(const struct slotio *io, const char *folder)
{
    const int dir = open_folder(folder);
    struct stat st;
    bool is_elsewhere;

    if (dir < 0)
        return is_missing(errno);
    if (fstatat(dir, SLOT_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0)
        is_elsewhere = st.st_dev != io->dev || st.st_ino != io->ino;
    else
        is_elsewhere = is_missing(errno);
    (void)syscall(SYS_close, dir);
    return is_elsewhere;
}

/* Without O_DIRECT, what another host wrote may hide behind what this one remembers. */
static void forget_pages(const struct slotio *io)
{
    if (!io->direct)
        (void)posix_fadvise(io->fd, 0, 0, POSIX_FADV_DONTNEED);
}

int slotio_read(struct slotio *io, int64_t first, unsigned n, bool *ret_end)
{
    const size_t size = (size_t)n * SLOT_SIZE;
    size_t done = 0;

    g_assert(n <= SLOTIO_CHUNK);
    if (io->fd < 0)
        return EBADF;
    forget_pages(io);
    while (done < size) {
        const ssize_t got =
            pread(io->fd, io->blocks + done, size - done, (off_t)first * SLOT_SIZE + (off_t)done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (got == 0)
            break;
        done += (size_t)got;
        if (got % SLOT_SECTOR != 0)
            break; /* somebody cut it */
    }
    *ret_end = done < size;
    memset(io->blocks + done, 0, size - done);
    return 0;
}

int slotio_write(struct slotio *io, int64_t slot, const struct slot_record *record)
{
    ssize_t put;

    if (io->fd < 0)
        return EBADF;
    slot_format(record, io->blocks);
    do
        put = pwrite(io->fd, io->blocks, SLOT_SIZE, (off_t)slot * SLOT_SIZE);
    while (put < 0 && errno == EINTR);
    if (put < 0)
        return errno;
    return put == SLOT_SIZE ? 0 : EIO;
}
