/* h_devices.h - countable devices (GPUs) in the JSON of hosts and VMs. */
#ifndef VRM_API_H_DEVICES_H
#define VRM_API_H_DEVICES_H

#include <glib.h>
#include <stdbool.h>

#include "api/body.h"
#include "api/read.h"

/* "gpuCapacity": how many there are, and "devices": what kinds, and how many of each are in use. */
void h_devices_put_host(struct request *req, const Host *host);
/* "gpu": [{"name":"gpu-t4","quantity":1,"type":"pci"}] */
void h_devices_put_vm(struct jw *out, const Vm *vm);
/* The same list; absent: as it is. */
bool h_devices_read_vm(const struct json_reader *parent, Vm *vm, GError **error);

#endif /* VRM_API_H_DEVICES_H */
