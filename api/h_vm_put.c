/* h_vm_put.c - creating and changing VMs.
 *
 * On creation hardware is under vmConfig; on change cpu, memory and properties stand at the top
 * level (both places are read).  What is absent on a change stays as it is. */
#include "config.h"

#include "api/handlers.h"

#include <stdlib.h>
#include <string.h>

#include "api/body.h"
#include "api/h_devices.h"
#include "api/h_vm_ha.h"
#include "base/err.h"
#include "model/id.h"
#include "model/reason.h"

#define VCPUS_MAX          255
#define MEMORY_MIN_MB      16
#define MEMORY_MAX_MB      16777216
#define DISK_MAX_GB        65536
#define DISKS_MAX          60
#define IDE_DISKS_MAX      4
#define NICS_MAX           12
#define WEIGHT_MAX         1000000000
#define CPU_WEIGHT_EACH    1000 /* FusionCompute's defaults per vCPU and per MB */
#define MEMORY_WEIGHT_EACH 10
#define URN_MAX            256
#define MAC_LENGTH         17

/* ---- what is not carried out ----------------------------------------------------------------- */

/* Fields of FusionCompute that no host would carry out: a VM made without them would not be the one
 * that was asked for.  "None of it" is fine, in whatever way it is written. */
struct lacking {
    const char *key;
    const char *usual; /* this word means "none of it" too; may be NULL */
    const char *want;
};

static bool is_none(const json_t *value, const char *usual)
{
    const char *text = json_string_value(value);

    if (text)
        return !*text || g_str_equal(text, "0") || g_ascii_strcasecmp(text, "false") == 0 ||
               (usual && g_ascii_strcasecmp(text, usual) == 0);
    return !json_is_true(value) && json_number_value(value) <= 0 && json_array_size(value) == 0 &&
           json_object_size(value) == 0;
}

static bool check_lacking(const struct json_reader *reader, const struct lacking *table, size_t n,
                          GError **error)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_get(reader, table[i].key);

        if (value && !is_none(value, table[i].usual))
            return body_fail(reader, table[i].key, 0, table[i].want, error);
    }
    return true;
}

/* ---- hardware -------------------------------------------------------------------------------- */

static bool read_cpu(const struct json_reader *parent, struct vm_cpu *cpu, GError **error)
{
    const struct int_field ints[] = {
        { "quantity", 1, VCPUS_MAX, REASON_VM_BAD_CPU, &cpu->quantity },
        { "coresPerSocket", 1, VCPUS_MAX, REASON_VM_BAD_CPU, &cpu->cores_per_socket },
        { "reservation", 0, INT32_MAX, REASON_VM_BAD_CPU_RESERVATION, &cpu->reservation_mhz },
        { "weight", 0, WEIGHT_MAX, REASON_VM_BAD_CPU_WEIGHT, &cpu->weight },
        { "limit", 0, INT32_MAX, REASON_VM_BAD_CPU_LIMIT, &cpu->limit_mhz },
        { "cpuHotPlug", 0, 2, 0, &cpu->hot_plug },
    };
    static const struct lacking lacking[] = {
        { "affinitySet", NULL, "an empty list: VMs are not bound to CPUs" },
    };
    bool usual_weight = cpu->weight == cpu->quantity * CPU_WEIGHT_EACH;
    struct json_reader reader;

    if (!json_read_object(parent, "cpu", &reader, error) ||
        !check_lacking(&reader, lacking, G_N_ELEMENTS(lacking), error) ||
        !body_ints(&reader, ints, G_N_ELEMENTS(ints), error))
        return false;
    if (cpu->weight == 0 || (usual_weight && !json_has(&reader, "weight")))
        cpu->weight = cpu->quantity * CPU_WEIGHT_EACH;
    if (cpu->cores_per_socket < 1 ||
        (cpu->quantity % cpu->cores_per_socket && !json_has(&reader, "coresPerSocket")))
        cpu->cores_per_socket = 1;
    if (cpu->quantity % cpu->cores_per_socket)
        return body_fail(&reader, "coresPerSocket", REASON_VM_BAD_CPU, "a divisor of quantity",
                         error);
    if (cpu->limit_mhz && cpu->limit_mhz < cpu->reservation_mhz)
        return body_fail(&reader, "limit", REASON_VM_BAD_CPU_LIMIT,
                         "0 (none) or at least the reservation", error);
    return true;
}

static bool read_memory(const struct json_reader *parent, struct vm_memory *memory, GError **error)
{
    const struct int_field ints[] = {
        { "quantityMB", MEMORY_MIN_MB, MEMORY_MAX_MB, REASON_VM_BAD_MEMORY, &memory->size_mb },
        { "reservation", 0, MEMORY_MAX_MB, REASON_VM_BAD_MEM_RESERVATION, &memory->reservation_mb },
        { "weight", 0, WEIGHT_MAX, 0, &memory->weight },
        { "limit", 0, MEMORY_MAX_MB, REASON_VM_BAD_MEMORY, &memory->limit_mb },
        { "memHotPlug", 0, 1, 0, &memory->hot_plug },
    };
    bool usual_weight = memory->weight == memory->size_mb * MEMORY_WEIGHT_EACH;
    struct json_reader reader;

    if (!json_read_object(parent, "memory", &reader, error) ||
        !body_ints(&reader, ints, G_N_ELEMENTS(ints), error))
        return false;
    if (memory->weight == 0 || (usual_weight && !json_has(&reader, "weight")))
        memory->weight = memory->size_mb * MEMORY_WEIGHT_EACH;
    if (memory->reservation_mb > memory->size_mb)
        return body_fail(&reader, "reservation", REASON_VM_BAD_MEM_RESERVATION,
                         "at most quantityMB", error);
    if (memory->limit_mb && memory->limit_mb < memory->reservation_mb)
        return body_fail(&reader, "limit", REASON_VM_BAD_MEMORY,
                         "0 (none) or at least the reservation", error);
    return true;
}

static bool read_properties(const struct request *req, const struct json_reader *parent, Vm *vm,
                            GError **error)
{
    static const char *const boots[] = { "disk", "cdrom", "pxe", NULL };
    static const char *const clocks[] = { "freeClock", "synchClock", NULL };
    static const struct lacking lacking[] = {
        { "isEnableFt", NULL, "false: there is no fault tolerance" },
        { "bootFirmware", "BIOS", "BIOS" },
    };
    struct json_reader reader;

    return json_read_object(parent, "properties", &reader, error) &&
           check_lacking(&reader, lacking, G_N_ELEMENTS(lacking), error) &&
           body_word(&reader, "bootOption", boots, 0, &vm->boot_option, error) &&
           body_word(&reader, "clockMode", clocks, 0, &vm->clock_mode, error) &&
           h_vm_ha_read(req, &reader, vm, error);
}

static bool read_hardware(const struct request *req, const struct json_reader *parent, Vm *vm,
                          GError **error)
{
    static const struct lacking lacking[] = {
        { "usb", NULL, "an empty list: USB devices are not passed through" },
    };

    return check_lacking(parent, lacking, G_N_ELEMENTS(lacking), error) &&
           read_cpu(parent, &vm->cpu, error) && read_memory(parent, &vm->memory, error) &&
           read_properties(req, parent, vm, error) && h_devices_read_vm(parent, vm, error);
}

/* The values of one disk beside those of the VM's other disks. */
static bool check_disk(const struct request *req, const struct json_reader *reader, const Vm *vm,
                       const struct vm_disk *disk, GError **error)
{
    size_t n_ide = 0;

    if (!snapshot_datastore(req->snap, disk->datastore_id))
        return body_fail(reader, "datastoreUrn", REASON_DATASTORE_MISSING, "an existing datastore",
                         error);
    if (disk->size_gb == 0) /* absent */
        return body_fail(reader, "quantityGB", 0, "an integer 1..65536", error);
    if (!disk->persistent)
        return body_fail(reader, "persistentDisk", 0, "true: every disk keeps what is written",
                         error);
    for (size_t i = 0; i < vm->n_disks; i++) {
        if (&vm->disks[i] != disk && vm->disks[i].sequence == disk->sequence)
            return body_fail(reader, "sequenceNum", 0, "a number no other disk of the VM has",
                             error);
        n_ide += g_str_equal(vm->disks[i].bus, "IDE");
    }
    if (n_ide > IDE_DISKS_MAX)
        return body_fail(reader, "pciType", 0, "VIRTIO or SCSI: a VM has at most 4 IDE disks",
                         error);
    return true;
}

static bool read_disk(const struct request *req, const struct json_reader *reader, Vm *vm,
                      size_t index, GError **error)
{
    static const char *const buses[] = { "VIRTIO", "SCSI", "IDE", NULL };
    static const struct lacking lacking[] = {
        { "type", "normal", "normal: disks are not shared between VMs" },
        { "maxReadBytes", NULL, "0: disks have no limits" },
        { "maxWriteBytes", NULL, "0: disks have no limits" },
        { "maxReadRequest", NULL, "0: disks have no limits" },
        { "maxWriteRequest", NULL, "0: disks have no limits" },
    };
    struct vm_disk *disk = vm_add_disk(vm);

    disk->sequence = (int64_t)index + 1;
    disk->thin = true;
    disk->persistent = true;
    g_free(disk->bus);
    disk->bus = g_strdup(buses[0]);
    if (!body_int(reader, INT_FIELD("sequenceNum", 1, DISKS_MAX, 0, &disk->sequence), error) ||
        !body_int(reader, INT_FIELD("quantityGB", 1, DISK_MAX_GB, 0, &disk->size_gb), error) ||
        !body_urn(reader,
                  URN_FIELD("datastoreUrn", req->site, OBJECT_DATASTORE, REASON_DATASTORE_MISSING),
                  &disk->datastore_id, error) ||
        !body_urn(reader, URN_FIELD("volumeUrn", req->site, OBJECT_VOLUME, 0), &disk->volume_id,
                  error) ||
        !body_string(reader, "diskName", BODY_NAME_MAX, 0, &disk->name, error) ||
        !body_string(reader, "volumeUrl", BODY_NAME_MAX, 0, &disk->path, error) ||
        !json_read_bool(reader, "isThin", &disk->thin, error) ||
        !json_read_bool(reader, "indepDisk", &disk->independent, error) ||
        !json_read_bool(reader, "persistentDisk", &disk->persistent, error) ||
        !body_word(reader, "pciType", buses, 0, &disk->bus, error))
        return false;
    return check_lacking(reader, lacking, G_N_ELEMENTS(lacking), error) &&
           check_disk(req, reader, vm, disk, error);
}

/* The first in order is the one that the VM boots from. */
static int by_disk_sequence(const void *left, const void *right)
{
    const struct vm_disk *a = left, *b = right;

    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

static bool read_disks(const struct request *req, const struct json_reader *config, Vm *vm,
                       GError **error)
{
    const json_t *array = NULL;

    if (!json_read_array(config, "disks", DISKS_MAX, &array, error))
        return false;
    for (size_t i = 0; array && i < json_array_size(array); i++) {
        struct json_reader reader;

        if (!json_read_element(config, "disks", array, i, &reader, error) ||
            !read_disk(req, &reader, vm, i, error))
            return false;
    }
    if (vm->n_disks)
        qsort(vm->disks, vm->n_disks, sizeof(*vm->disks), by_disk_sequence);
    return true;
}

static bool mac_valid(const char *mac)
{
    if (strlen(mac) != MAC_LENGTH)
        return false;
    for (size_t i = 0; i < MAC_LENGTH; i++) {
        if (i % 3 == 2 ? mac[i] != ':' && mac[i] != '-' : !g_ascii_isxdigit(mac[i]))
            return false;
    }
    /* the lowest bit of the first byte marks a group of receivers */
    return (g_ascii_xdigit_value(mac[1]) & 1) == 0;
}

static bool read_mac(const struct json_reader *reader, struct vm_nic *nic, GError **error)
{
    g_autofree char *mac = NULL;

    if (!body_string(reader, "mac", MAC_LENGTH, 0, &mac, error))
        return false;
    if (!mac || !mac[0])
        return true;
    if (!mac_valid(mac))
        return body_fail(reader, "mac", 0, "six hex bytes such as 28:6e:d4:00:00:01", error);
    g_free(nic->mac);
    nic->mac = g_ascii_strdown(g_strdelimit(mac, "-", ':'), -1);
    return true;
}

static bool read_nic(const struct json_reader *reader, Vm *vm, size_t index, GError **error)
{
    struct vm_nic *nic = vm_add_nic(vm);

    nic->sequence = (int64_t)index;
    nic->virtio = true;
    g_free(nic->name);
    nic->name = g_strdup_printf("Network Adapter %zu", index);
    if (!body_int(reader, INT_FIELD("sequenceNum", 0, 1000, 0, &nic->sequence), error) ||
        !body_string(reader, "name", BODY_NAME_MAX, 0, &nic->name, error) ||
        !body_string(reader, "portGroupUrn", URN_MAX, 0, &nic->port_group, error) ||
        !json_read_bool(reader, "virtIo", &nic->virtio, error) || !read_mac(reader, nic, error))
        return false;
    for (size_t i = 0; i < index; i++) {
        if (vm->nics[i].sequence == nic->sequence)
            return body_fail(reader, "sequenceNum", 0, "a number no other NIC of the VM has",
                             error);
    }
    return true;
}

static int by_nic_sequence(const void *left, const void *right)
{
    const struct vm_nic *a = left, *b = right;

    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

static bool read_nics(const struct json_reader *config, Vm *vm, GError **error)
{
    const json_t *array = NULL;

    if (!json_read_array(config, "nics", NICS_MAX, &array, error))
        return false;
    for (size_t i = 0; array && i < json_array_size(array); i++) {
        struct json_reader reader;

        if (!json_read_element(config, "nics", array, i, &reader, error) ||
            !read_nic(&reader, vm, i, error))
            return false;
    }
    if (vm->n_nics)
        qsort(vm->nics, vm->n_nics, sizeof(*vm->nics), by_nic_sequence);
    return true;
}

/* ---- identity and place ---------------------------------------------------------------------- */

static bool read_os(const struct json_reader *json, Vm *vm, GError **error)
{
    static const char *const types[] = { "Linux", "Windows", "Other", NULL };
    struct json_reader reader;

    return json_read_object(json, "osOptions", &reader, error) &&
           body_word(&reader, "osType", types, 0, &vm->os_type, error) &&
           body_int(&reader, INT_FIELD("osVersion", 0, INT32_MAX, 0, &vm->os_version), error) &&
           body_string(&reader, "guestOSName", BODY_NAME_MAX, 0, &vm->guest_os_name, error) &&
           body_string(&reader, "hostname", BODY_NAME_MAX, 0, &vm->os_hostname, error);
}

/* "location": a host or a cluster. */
static bool read_location(const struct request *req, Vm *vm, GError **error)
{
    const struct json_reader *json = &req->json;
    g_autofree char *text = NULL;
    const Host *host;
    int64_t id;

    if (!body_string(json, "location", URN_MAX, REASON_VM_BAD_LOCATION, &text, error))
        return false;
    if (!text || !text[0])
        return true;
    if (urn_parse(text, req->site, OBJECT_CLUSTER, &id)) {
        if (!snapshot_cluster(req->snap, id))
            return body_fail(json, "location", REASON_CLUSTER_MISSING, "an existing cluster",
                             error);
        vm->cluster_id = id;
        vm->location_is_host = false;
        return true;
    }
    if (!urn_parse(text, req->site, OBJECT_HOST, &id))
        return body_fail(json, "location", REASON_VM_BAD_LOCATION, "the URN of a cluster or a host",
                         error);
    host = snapshot_host(req->snap, id);
    if (!host || !host->cluster_id)
        return body_fail(json, "location", host ? REASON_HOST_NO_CLUSTER : REASON_VM_HOST_MISSING,
                         "an existing host that is in a cluster", error);
    vm->host_id = id;
    vm->cluster_id = host->cluster_id;
    vm->location_is_host = true;
    return true;
}

static bool read_identity(const struct json_reader *json, Vm *vm, GError **error)
{
    return body_name(json, "name", REASON_BAD_NAME, &vm->name, error) &&
           body_string(json, "description", BODY_DESCRIPTION_MAX, REASON_BAD_DESCRIPTION,
                       &vm->description, error) &&
           body_string(json, "group", BODY_DESCRIPTION_MAX, 0, &vm->group, error) &&
           body_string(json, "externalUuid", BODY_NAME_MAX, 0, &vm->external_uuid, error) &&
           json_read_bool(json, "isTemplate", &vm->is_template, error) &&
           json_read_bool(json, "isBindingHost", &vm->binding_host, error) &&
           read_os(json, vm, error);
}

static bool read_uuid(const struct json_reader *json, Vm *vm, GError **error)
{
    g_autofree char *uuid = NULL;

    if (!body_string(json, "uuid", BODY_NAME_MAX, 0, &uuid, error))
        return false;
    if (!uuid || !uuid[0])
        return true;
    if (!g_uuid_string_is_valid(uuid))
        return body_fail(json, "uuid", 0, "a UUID", error);
    g_free(vm->uuid);
    vm->uuid = g_ascii_strdown(uuid, -1);
    return true;
}

/* ---- operations ------------------------------------------------------------------------------ */

static bool check_required(const struct json_reader *json, const struct json_reader *config,
                           GError **error)
{
    struct json_reader cpu, memory;

    if (!json_has(json, "name"))
        return body_fail(json, "name", REASON_VM_NO_NAME, "a name of 1..256 characters", error);
    if (!json_has(json, "location"))
        return body_fail(json, "location", REASON_VM_BAD_LOCATION, "the URN of a cluster or a host",
                         error);
    if (!json_read_object(config, "cpu", &cpu, error) ||
        !json_read_object(config, "memory", &memory, error))
        return false;
    if (!json_has(&cpu, "quantity"))
        return body_fail(config, "cpu.quantity", REASON_VM_BAD_CPU, "1..255", error);
    if (!json_has(&memory, "quantityMB"))
        return body_fail(config, "memory.quantityMB", REASON_VM_BAD_MEMORY, "16..16777216", error);
    return true;
}

struct op *h_vm_create(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_VM_CREATE);
    const struct json_reader *json = &req->json;
    struct json_reader config;

    op->vm = vm_new();
    op->vm->cpu.weight = 0; /* from the quantity, unless given */
    op->vm->memory.weight = 0;
    h_vm_ha_default(op->vm);
    op->auto_start = true;
    if (!json_read_object(json, "vmConfig", &config, error) ||
        !read_identity(json, op->vm, error) || !read_uuid(json, op->vm, error) ||
        !read_location(req, op->vm, error) ||
        !json_read_bool(json, "autoBoot", &op->auto_start, error) ||
        !check_required(json, &config, error) || !read_hardware(req, &config, op->vm, error) ||
        !read_disks(req, &config, op->vm, error) || !read_nics(&config, op->vm, error))
        return NULL;
    op->auto_start = op->auto_start && !op->vm->is_template;
    return g_steal_pointer(&op);
}

struct op *h_vm_update(struct request *req, GError **error)
{
    g_autoptr(op_auto) op = op_new(OP_VM_UPDATE);
    const struct json_reader *json = &req->json;
    struct json_reader config;

    op->id = req->ids[OBJECT_VM];
    op->vm = vm_dup(snapshot_vm(req->snap, op->id));
    op->auto_start = true;
    if (!json_read_object(json, "vmConfig", &config, error) ||
        !read_identity(json, op->vm, error) || !read_location(req, op->vm, error) ||
        !json_read_bool(json, "autoBoot", &op->auto_start, error) ||
        !read_hardware(req, json, op->vm, error) || !read_hardware(req, &config, op->vm, error))
        return NULL;
    return g_steal_pointer(&op);
}
