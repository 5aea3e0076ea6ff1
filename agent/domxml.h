/* domxml.h - a VM as libvirt's domain XML, and the metadata element that travels with it.
 *
 * Pure: same VM and settings, same text.  Any thread. */
#ifndef VRM_AGENT_DOMXML_H
#define VRM_AGENT_DOMXML_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/hostdevs.h"
#include "model/types.h"

/* Namespace and prefix of the metadata element <vrm:vm id="26" gen="3"/>. */
#define DOMXML_METADATA_URI    "urn:vrm:domain:1"
#define DOMXML_METADATA_PREFIX "vrm"

/* What the host contributes to a domain. */
struct domxml_settings {
    const char *domain_type; /* "kvm" or "qemu" */
    const char *emulator;    /* NULL or "": libvirt's choice */
    const char *bridge;      /* NULL or "": network cards exist, unplugged */
    const char *disk_cache;  /* "none" unless the storage cannot do direct I/O */
    int64_t host_cpu_mhz;    /* of one core, for CPU limits; 0: unknown, no limit is set */
    /* devices that were picked for it */
    struct hostdev *const *hostdevs;
    size_t n_hostdevs;
};

/* The domain XML, or NULL with VRM_ERR_INVALID naming the field that libvirt could not take. */
char *domxml_format(const Vm *vm, int64_t gen, const struct domxml_settings *settings,
                    GError **error);

/* The metadata element alone, as virDomainSetMetadata wants it: libvirt adds the namespace. */
char *domxml_metadata_format(int64_t vm_id, int64_t gen);

#endif /* VRM_AGENT_DOMXML_H */
