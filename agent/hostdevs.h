/* hostdevs.h - the devices of this host that VMs can be given: which there are, which are free.
 *
 * They come from three places: the setting [devices] passthrough names PCI cards; libvirt lists the
 * graphics cards that are bound to vfio-pci (pci-VENDOR-PRODUCT) and the mediated devices that were
 * made (mdev-TYPE); and [devices] simulated counts some that do not exist.  Pure; any thread. */
#ifndef VRM_AGENT_HOSTDEVS_H
#define VRM_AGENT_HOSTDEVS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "model/devices.h"

struct hostdev {
    char *name;    /* its kind */
    char *address; /* of a PCI device "0000:65:00.0", of a mediated one its UUID */
    bool mdev;
};

typedef struct HostDevs {
    struct hostdev *items; /* in the order in which they are given out */
    size_t n;
    Devices *simulated; /* counted, nothing is attached */
} HostDevs;

/* passthrough: NULL or words "NAME=ADDRESS"; simulated: model/devices.h's words.  Fails with
 * VRM_ERR_INVALID, the error names the word. */
HostDevs *hostdevs_new(const char *const *passthrough, const char *simulated, GError **error);
HostDevs *hostdevs_dup(const HostDevs *devs);
void hostdevs_free(HostDevs *devs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostDevs, hostdevs_free)

/* libvirt's XML of a node device; anything that is not for guests is passed over, and so is one
 * whose address is known. */
void hostdevs_add_node(HostDevs *devs, const char *xml);

/* Kinds and counts, in model/devices.h's words.  Caller frees. */
char *hostdevs_words(const HostDevs *devs);

/* Adds the addresses that a running domain holds to the set `used` (keys are copied). */
void hostdevs_add_used(const char *domain_xml, GHashTable *used);

/* Devices that were picked and that no running domain holds yet: the set `promised` of addresses.
 */
void hostdevs_promise(GHashTable *promised, const GPtrArray *picked);
void hostdevs_end_promise(GHashTable *promised, const GPtrArray *picked);
/* They are used as well. */
void hostdevs_add_promised(GHashTable *promised, GHashTable *used);

/* Free devices for what the words ask for; borrowed from devs, which must outlive the array.
 * VRM_ERR_NO_CAPACITY says what is lacking: "needs 2 of gpu-t4, 1 of 2 free". */
bool hostdevs_pick(const HostDevs *devs, const char *wanted, GHashTable *used,
                   GPtrArray **ret_picked, GError **error);

#endif /* VRM_AGENT_HOSTDEVS_H */
