/* devices.h - countable devices: what a host has to give and what a VM is given.
 *
 * Written as words "NAME:COUNT" with blanks between them, ascending by name: "gpu-t4:2
 * mdev-nvidia-63:8".  A name is 1..64 letters, digits, '.', '_' and '-' and says the same thing on
 * every host of a cluster; one that begins with "mdev-" is a mediated device (a vGPU profile), any
 * other a PCI device that is passed through whole.  Pure; any thread. */
#ifndef VRM_MODEL_DEVICES_H
#define VRM_MODEL_DEVICES_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICES_MAX_KINDS 64
#define DEVICES_MAX_COUNT 1024
#define DEVICES_MAX_NAME  64
#define DEVICES_MDEV      "mdev-"

struct device_kind {
    char *name;
    int64_t count; /* >= 1 */
};

typedef struct Devices {
    struct device_kind *items; /* ascending by name, each name once */
    size_t n;
} Devices;

/* "": an empty list.  A name may come twice: the counts add up.  Fails with VRM_ERR_INVALID, the
 * error names the word. */
Devices *devices_parse(const char *text, GError **error);
void devices_free(Devices *devices);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Devices, devices_free)

bool devices_is_name(const char *name);
bool devices_is_mdev(const char *name);

/* False (nothing changed) if the name or the sum is out of bounds, or the list is full. */
bool devices_add(Devices *devices, const char *name, int64_t count);
/* 0: none of that name. */
int64_t devices_count(const Devices *devices, const char *name);
int64_t devices_total(const Devices *devices);

/* The words again.  Caller frees. */
char *devices_format(const Devices *devices);
/* "2 of gpu-t4, 1 of mdev-nvidia-63" for people; "none".  Caller frees. */
char *devices_text(const Devices *devices);

#endif /* VRM_MODEL_DEVICES_H */
