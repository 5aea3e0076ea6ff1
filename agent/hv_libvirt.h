/* hv_libvirt.h - struct hv on libvirt's QEMU driver (or libvirt's test driver, for tests).
 *
 * The only door to libvirt in the project.  Its event loop is GLib's default main context. */
#ifndef VRM_AGENT_HV_LIBVIRT_H
#define VRM_AGENT_HV_LIBVIRT_H

#include <stdbool.h>

#include "agent/hostdevs.h"
#include "agent/hv.h"

struct hv_libvirt_options {
    const char *uri;             /* "qemu:///system" */
    const char *domain_type;     /* "auto", "kvm", "qemu" */
    const char *emulator;        /* "": libvirt's choice */
    const char *bridge;          /* "": network cards stay unplugged */
    const char *cpu_limit;       /* libvirt's model of the newest generation; "": all */
    const char *migrate_address; /* ours on the migration network; "" unknown */
    int64_t net_mbps;            /* of the uplinks; 0: as the kernel says */
    const HostDevs *devices;     /* configured; copied */
    bool migrate_tls;
    bool shared_storage_unchecked;
};

/* Once per process, before any other thread; connects only in start_link. */
struct hv hv_libvirt_new(const struct hv_libvirt_options *options);

#endif /* VRM_AGENT_HV_LIBVIRT_H */
