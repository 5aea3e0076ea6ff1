/* h_vm_ha.h - what HA does with a VM, in the JSON of its "properties". */
#ifndef VRM_API_H_VM_HA_H
#define VRM_API_H_VM_HA_H

#include <glib.h>
#include <stdbool.h>

#include "api/read.h"

/* A new VM's: it comes back when its host dies. */
void h_vm_ha_default(Vm *vm);
/* Inside "properties". */
void h_vm_ha_put(struct request *req, const Vm *vm);
/* The same; absent: as it is.  Whether the VM to start after exists is the controller's to say. */
bool h_vm_ha_read(const struct request *req, const struct json_reader *properties, Vm *vm,
                  GError **error);

#endif /* VRM_API_H_VM_HA_H */
