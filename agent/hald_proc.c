/* hald_proc.c - see hald_proc.h. */
#include "config.h"

#include "agent/hald_proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

#define FIRST_READ    4096u
#define MAX_ARGUMENTS (512u << 10)
#define MAX_GROUP     4096u
#define UUID_LEN      36u
#define CGROUP_ROOT   "/sys/fs/cgroup"

struct HaldProcs {
    DIR *folder;
    GHashTable *kernel; /* set of ids: kernel's own threads, which never become anything else */
    GHashTable *kernel_now;
    char *buffer;
    size_t size;
};

HaldProcs *hald_procs_new(void)
{
    HaldProcs *procs = g_new0(HaldProcs, 1);

    procs->folder = opendir("/proc");
    procs->kernel = g_hash_table_new(NULL, NULL);
    procs->kernel_now = g_hash_table_new(NULL, NULL);
    procs->size = FIRST_READ;
    procs->buffer = g_malloc(procs->size);
    return procs;
}

void hald_procs_free(HaldProcs *procs)
{
    if (!procs)
        return;
    if (procs->folder)
        closedir(procs->folder);
    g_hash_table_unref(procs->kernel);
    g_hash_table_unref(procs->kernel_now);
    g_free(procs->buffer);
    g_free(procs);
}

/* ---- reading --------------------------------------------------------------------------------- */

static int open_file(const char *id, const char *name)
{
    char path[64];

    g_snprintf(path, sizeof path, "/proc/%s/%s", id, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* All of a file of /proc into the buffer, which grows; -1: it cannot be read. */
static ssize_t read_file(const char *id, const char *name, char **buffer, size_t *size)
{
    const int fd = open_file(id, name);
    size_t len = 0;
    ssize_t n = -1;

    if (fd < 0)
        return -1;
    while ((n = read(fd, *buffer + len, *size - len)) > 0) {
        len += (size_t)n;
        if (len < *size)
            continue;
        if (*size >= MAX_ARGUMENTS)
            break;
        *size *= 2;
        *buffer = g_realloc(*buffer, *size);
    }
    close(fd);
    return n < 0 ? -1 : (ssize_t)len;
}

char *hald_proc_uuid(const char *arguments, size_t len)
{
    static const char option[] = "-uuid";
    const char *at = arguments;
    const char *end;

    if (len == 0)
        return NULL;
    end = arguments + len;
    while (at < end) {
        const char *stop = memchr(at, '\0', (size_t)(end - at));

        if (!stop)
            return NULL;
        if (g_str_equal(at, option)) {
            const char *uuid = stop + 1;

            if ((size_t)(end - uuid) <= UUID_LEN || uuid[UUID_LEN] != '\0' ||
                !g_uuid_string_is_valid(uuid))
                return NULL;
            return g_ascii_strdown(uuid, UUID_LEN);
        }
        at = stop + 1;
    }
    return NULL;
}

/* A thread of the kernel's own has no program, nor has a zombie. */
static bool has_no_program(const char *id)
{
    char path[64], target[8];

    g_snprintf(path, sizeof path, "/proc/%s/exe", id);
    return readlink(path, target, sizeof target) < 0 && errno == ENOENT;
}

static bool is_id(const char *name)
{
    return strspn(name, "0123456789") == strlen(name);
}

static void look_at(HaldProcs *procs, const char *id, hald_proc_fn found, void *user)
{
    const gint64 number = g_ascii_strtoll(id, NULL, 10);
    void *key = GINT_TO_POINTER((int)number);
    g_autofree char *uuid = NULL;
    ssize_t len;

    if (g_hash_table_contains(procs->kernel, key)) {
        g_hash_table_add(procs->kernel_now, key);
        return;
    }
    len = read_file(id, "cmdline", &procs->buffer, &procs->size);
    if (len > 0)
        uuid = hald_proc_uuid(procs->buffer, (size_t)len);
    if (uuid)
        found((pid_t)number, uuid, user);
    else if (len == 0 && has_no_program(id))
        g_hash_table_add(procs->kernel_now, key);
}

bool hald_procs_scan(HaldProcs *procs, hald_proc_fn found, void *user)
{
    GHashTable *former = procs->kernel;
    const struct dirent *entry;

    if (!procs->folder)
        return false;
    rewinddir(procs->folder);
    while ((entry = readdir(procs->folder))) /* NOLINT(concurrency-mt-unsafe): one thread */
        if (is_id(entry->d_name))
            look_at(procs, entry->d_name, found, user);
    procs->kernel = procs->kernel_now;
    procs->kernel_now = former;
    g_hash_table_remove_all(former);
    return true;
}

static bool is_of(pid_t pid, const char *uuid)
{
    size_t size = FIRST_READ;
    g_autofree char *buffer = g_malloc(size);
    g_autofree char *id = g_strdup_printf("%d", (int)pid);
    const ssize_t len = read_file(id, "cmdline", &buffer, &size);
    g_autofree char *now = len > 0 ? hald_proc_uuid(buffer, (size_t)len) : NULL;

    return now && g_ascii_strcasecmp(now, uuid) == 0;
}

/* ---- killing --------------------------------------------------------------------------------- */

/* libvirt's names: machine-qemu...scope under systemd, NAME.libvirt-qemu without. */
static bool is_machine(const char *name)
{
    return (g_str_has_prefix(name, "machine-qemu") && g_str_has_suffix(name, ".scope")) ||
           g_str_has_suffix(name, ".libvirt-qemu");
}

char *hald_proc_group(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        g_auto(GStrv) names = NULL;
        g_autoptr(GString) path = g_string_new(NULL);

        if (!g_str_has_prefix(*line, "0::/"))
            continue;
        names = g_strsplit(*line + strlen("0::/"), "/", -1);
        for (char **name = names; *name; name++) {
            g_string_append_printf(path, "/%s", *name);
            if (is_machine(*name)) /* what is below goes with it */
                return g_strdup(path->str);
        }
    }
    return NULL;
}

/* Helpers of the VM (its TPM, its shared folders) go with it; it is no loss if that fails. */
static void kill_group(pid_t pid)
{
    size_t size = MAX_GROUP;
    g_autofree char *text = g_malloc0(size + 1);
    g_autofree char *id = g_strdup_printf("%d", (int)pid);
    const ssize_t len = read_file(id, "cgroup", &text, &size);
    g_autofree char *group = NULL;
    g_autofree char *path = NULL;
    int fd;

    if (len <= 0 || (size_t)len >= MAX_GROUP)
        return;
    text[len] = '\0';
    group = hald_proc_group(text);
    if (!group)
        return;
    path = g_strconcat(CGROUP_ROOT, group, "/cgroup.kill", NULL);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, "1", 1) < 0)
        errno = 0;
    close(fd);
}

int hald_proc_open(pid_t pid, const char *uuid)
{
    const int handle = (int)syscall(SYS_pidfd_open, pid, 0U);

    if (handle < 0 || is_of(pid, uuid)) /* it cannot become another one from here on */
        return handle;
    close(handle);
    return -1;
}

bool hald_proc_lives(int handle)
{
    struct pollfd poll_fd = { .fd = handle, .events = POLLIN };

    return poll(&poll_fd, 1, 0) == 0;
}

bool hald_proc_kill(int handle, pid_t pid, GError **error)
{
    if (!hald_proc_lives(handle))
        return true;
    kill_group(pid);
    if (syscall(SYS_pidfd_send_signal, handle, SIGKILL, NULL, 0U) == 0 || errno == ESRCH)
        return true;
    err_set(error, VRM_ERR_UNAVAILABLE, "process %d: %s", (int)pid, g_strerror(errno));
    return false;
}
