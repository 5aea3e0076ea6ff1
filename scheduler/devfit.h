/* devfit.h - countable devices of one cluster in dense form: what each host has, what each VM of
 * the problem needs.
 *
 * Internal to the scheduler.  Texts that cannot be read (they come from a file) count as none.
 * Pure. */
#ifndef VRM_SCHEDULER_DEVFIT_H
#define VRM_SCHEDULER_DEVFIT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/types.h"

struct devfit_need {
    uint32_t kind;
    int64_t count;
};

typedef struct DevFit {
    char **names; /* of the kinds that VMs need, ascending */
    uint32_t n_kinds, n_hosts;
    int64_t *has;    /* [kind * n_hosts + host] */
    uint32_t *first; /* n_vms + 1 offsets into needs */
    struct devfit_need *needs;
} DevFit;

/* NULL: no VM needs a device. */
DevFit *devfit_new(const Vm *const *vm, uint32_t n_vms, const Host *const *host, uint32_t n_hosts);
void devfit_free(DevFit *fit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DevFit, devfit_free)

static inline bool devfit_needs(const DevFit *fit, uint32_t vm)
{
    return fit && fit->first[vm + 1] > fit->first[vm];
}

/* in_use: devices held, laid out as has.  Of the VM's first need that the host cannot meet; NULL:
 * it can meet all. */
const struct devfit_need *devfit_lack(const DevFit *fit, const int64_t *in_use, uint32_t vm,
                                      uint32_t host);
/* How much of the host's devices of the VM's kinds would be in use with it, per mille of the most
 * used kind; 0: it needs none. */
int64_t devfit_permille(const DevFit *fit, const int64_t *in_use, uint32_t vm, uint32_t host);

#endif /* VRM_SCHEDULER_DEVFIT_H */
