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

/* Namespace and prefix of the metadata element <vrm:vm id="26" gen="3" right="runs"/>. */
#define DOMXML_METADATA_URI    "urn:vrm:domain:1"
#define DOMXML_METADATA_PREFIX "vrm"

/* By what the domain is here. */
enum domxml_right {
    DOMXML_NO_RIGHT, /* nobody was asked: "right" is missing */
    DOMXML_HALTED,   /* vrm-hald allowed a process; its guest was not let run yet */
    DOMXML_RUNS,     /* and it was let run */
};

struct domxml_mark {
    int64_t vm_id, gen;
    enum domxml_right right;
};

/* What the host contributes to a domain. */
struct domxml_settings {
    const char *domain_type; /* "kvm" or "qemu" */
    const char *emulator;    /* NULL or "": libvirt's choice */
    const char *bridge;      /* NULL or "": network cards exist, unplugged */
    const char *disk_cache;  /* "none" unless the storage cannot do direct I/O */
    int64_t host_cpu_mhz;    /* of one core, for CPU limits; 0: unknown, no limit is set */
    bool halted;             /* mark it so: it may run only when vrm-hald said so */
    /* devices that were picked for it */
    struct hostdev *const *hostdevs;
    size_t n_hostdevs;
};

/* The domain XML, or NULL with VRM_ERR_INVALID naming the field that libvirt could not take. */
char *domxml_format(const Vm *vm, int64_t gen, const struct domxml_settings *settings,
                    GError **error);

/* The metadata element alone, as virDomainSetMetadata wants it: libvirt adds the namespace. */
char *domxml_metadata_format(const struct domxml_mark *mark);
/* "halted", "runs"; "" for none. */
const char *domxml_right_word(enum domxml_right right);

#endif /* VRM_AGENT_DOMXML_H */
