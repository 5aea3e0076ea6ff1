/* hald_dog.h - the watchdog: resets this machine when nobody pets it in time.
 *
 *   /dev/watchdog   the kernel's, by its ioctls; whole seconds
 *   unix:/PATH      a datagram socket that is told "arm MS" and "disarm"
 *   none            nothing: a vrm-hald that hangs lets VMs run on
 *
 * Nothing is opened before the first hald_dog_arm: an open device runs.  A process that ends
 * without hald_dog_disarm leaves it armed, for the next one to pet.  Loop thread. */
#ifndef VRM_AGENT_HALD_DOG_H
#define VRM_AGENT_HALD_DOG_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct HaldDog HaldDog;

/* Is it one of the three forms? */
bool hald_dog_known(const char *device);
/* Is it there?  VRM_ERR_INVALID says what would be. */
bool hald_dog_exists(const char *device, GError **error);

HaldDog *hald_dog_new(const char *device);
/* From now it fires in `ms` at the latest.  VRM_ERR_UNAVAILABLE: it was not petted. */
bool hald_dog_arm(HaldDog *dog, int64_t ms, GError **error);
/* The time-out that the device was left with, as far as is known; 0: none, or a socket.  Where a
 * device takes no shorter one, that is more than it was told. */
int64_t hald_dog_length_ms(const HaldDog *dog);
/* It does not fire any more, where the device allows that. */
void hald_dog_disarm(HaldDog *dog);
const char *hald_dog_device(const HaldDog *dog);
/* Leaves it armed.  NULL is fine. */
void hald_dog_free(HaldDog *dog);

#endif /* VRM_AGENT_HALD_DOG_H */
