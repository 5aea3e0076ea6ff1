/* hald_dog.c - see hald_dog.h. */
#include "config.h"

#include "agent/hald_dog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"

#define UNIX_MARK "unix:"
#define MS_PER_S  1000
#define MAX_PATH  sizeof((struct sockaddr_un *)NULL)->sun_path

struct HaldDog {
    char *device;
    int fd;      /* -1: not open */
    int64_t set; /* device: the time-out it was given, s */
};

static const char *socket_of(const char *device)
{
    return strncmp(device, UNIX_MARK, strlen(UNIX_MARK)) == 0 ? device + strlen(UNIX_MARK) : NULL;
}

static bool is_none(const char *device)
{
    return strcmp(device, "none") == 0;
}

bool hald_dog_known(const char *device)
{
    const char *path = socket_of(device);

    if (path)
        return path[0] == '/' && strlen(path) < MAX_PATH;
    return is_none(device) || device[0] == '/';
}

bool hald_dog_exists(const char *device, GError **error)
{
    const char *path = socket_of(device);
    struct stat status;

    if (is_none(device))
        return true;
    if (stat(path ? path : device, &status) < 0)
        err_set_reason(error, VRM_ERR_INVALID, 0, "device",
                       "%s; want a watchdog (without hardware: modprobe softdog) or none",
                       g_strerror(errno));
    else if (path ? S_ISSOCK(status.st_mode) : S_ISCHR(status.st_mode))
        return true;
    else
        err_set_reason(error, VRM_ERR_INVALID, 0, "device", "this is no %s",
                       path ? "socket" : "character device");
    return false;
}

HaldDog *hald_dog_new(const char *device)
{
    HaldDog *dog = g_new0(HaldDog, 1);

    dog->device = g_strdup(device);
    dog->fd = -1;
    return dog;
}

const char *hald_dog_device(const HaldDog *dog)
{
    return dog->device;
}

static bool fail(const HaldDog *dog, const char *what, GError **error)
{
    err_set(error, VRM_ERR_UNAVAILABLE, "%s: %s: %s", dog->device, what, g_strerror(errno));
    return false;
}

/* ---- the socket ------------------------------------------------------------------------------ */

static bool tell(HaldDog *dog, const char *text, GError **error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (dog->fd < 0)
        dog->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (dog->fd < 0)
        return fail(dog, "socket", error);
    g_strlcpy(address.sun_path, socket_of(dog->device), sizeof address.sun_path);
    if (sendto(dog->fd, text, strlen(text), 0, (const struct sockaddr *)&address, sizeof address) <
        0)
        return fail(dog, "it cannot be told", error);
    return true;
}

/* ---- the device ------------------------------------------------------------------------------ */

/* The "magic close": without the letter the driver goes on. */
static void close_quietly(HaldDog *dog)
{
    if (dog->fd < 0)
        return;
    if (write(dog->fd, "V", 1) < 0)
        errno = 0; /* then it fires, as it would have */
    close(dog->fd);
    dog->fd = -1;
    dog->set = 0;
}

/* The driver may take another time-out than it was told: one that is longer is no protection. */
static bool set_length(HaldDog *dog, int64_t seconds, GError **error)
{
    int length = (int)seconds;

    if (ioctl(dog->fd, WDIOC_SETTIMEOUT, &length) < 0)
        return fail(dog, "WDIOC_SETTIMEOUT", error);
    dog->set = length;
    if (length > seconds) {
        err_set(error, VRM_ERR_UNAVAILABLE,
                "%s: it takes no time-out below %d s, the leases want %" G_GINT64_FORMAT " s",
                dog->device, length, seconds);
        return false;
    }
    dog->set = seconds; /* a device that rounds down is asked once */
    return true;
}

static bool pet(HaldDog *dog, int64_t seconds, GError **error)
{
    const bool first = dog->set == 0;

    if (seconds < 1) {
        err_set(error, VRM_ERR_UNAVAILABLE, "%s: it counts whole seconds; want longer leases",
                dog->device);
        return false;
    }
    if (dog->fd < 0)
        dog->fd = open(dog->device, O_WRONLY | O_CLOEXEC);
    if (dog->fd < 0)
        return fail(dog, "open", error);
    if (dog->set != seconds && !set_length(dog, seconds, error)) {
        if (first) /* never armed by us: an open one runs, whatever its time-out is */
            close_quietly(dog);
        return false;
    }
    if (ioctl(dog->fd, WDIOC_KEEPALIVE, NULL) < 0)
        return fail(dog, "WDIOC_KEEPALIVE", error);
    return true;
}

/* ---- both ------------------------------------------------------------------------------------ */

bool hald_dog_arm(HaldDog *dog, int64_t ms, GError **error)
{
    g_autofree char *text = NULL;

    if (is_none(dog->device))
        return true;
    if (!socket_of(dog->device))
        return pet(dog, ms / MS_PER_S, error);
    text = g_strdup_printf("arm %" G_GINT64_FORMAT, ms);
    return tell(dog, text, error);
}

int64_t hald_dog_length_ms(const HaldDog *dog)
{
    return dog->set * MS_PER_S;
}

void hald_dog_disarm(HaldDog *dog)
{
    if (is_none(dog->device))
        return;
    if (socket_of(dog->device))
        tell(dog, "disarm", NULL);
    else
        close_quietly(dog);
}

void hald_dog_free(HaldDog *dog)
{
    if (!dog)
        return;
    if (dog->fd >= 0)
        close(dog->fd);
    g_free(dog->device);
    g_free(dog);
}
