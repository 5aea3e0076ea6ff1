/* h_vm.c - VMs: lists with FusionCompute's filters, VmInfo, counts.  Changes are in h_vm_put.c and
 * h_vm_action.c. */
#include "config.h"

#include "api/handlers.h"

#include <string.h>

#include "api/h_devices.h"
#include "api/h_vm_ha.h"
#include "api/read.h"
#include "base/err.h"
#include "model/id.h"
#include "model/imc.h"
#include "model/reason.h"

enum detail {
    DETAIL_BASIC = 0, /* no vmConfig */
    DETAIL_DEFAULT = 1,
    DETAIL_FULL = 2,
};

/* ---- VmInfo -------------------------------------------------------------------------------------
 */

static void put_cpu(struct jw *out, const struct vm_cpu *cpu)
{
    jw_object(out, "cpu");
    jw_int(out, "quantity", cpu->quantity);
    jw_int(out, "coresPerSocket", cpu->cores_per_socket);
    jw_int(out, "reservation", cpu->reservation_mhz);
    jw_int(out, "weight", cpu->weight);
    jw_int(out, "limit", cpu->limit_mhz);
    jw_int(out, "cpuHotPlug", cpu->hot_plug);
    jw_empty_array(out, "affinitySet");
    jw_object_end(out);
}

static void put_memory(struct jw *out, const struct vm_memory *memory)
{
    jw_object(out, "memory");
    jw_int(out, "quantityMB", memory->size_mb);
    jw_int(out, "reservation", memory->reservation_mb);
    jw_int(out, "weight", memory->weight);
    jw_int(out, "limit", memory->limit_mb);
    jw_int(out, "memHotPlug", memory->hot_plug);
    jw_object_end(out);
}

static void put_disk(struct request *req, const struct vm_disk *disk)
{
    const Datastore *datastore = snapshot_datastore(req->snap, disk->datastore_id);
    struct jw *out = &req->out;

    jw_object(out, NULL);
    jw_int(out, "sequenceNum", disk->sequence);
    jw_int(out, "quantityGB", disk->size_gb);
    read_put_urn(req, "datastoreUrn", OBJECT_DATASTORE, disk->datastore_id);
    jw_str(out, "datastoreName", datastore ? datastore->name : "");
    read_put_urn(req, "volumeUrn", OBJECT_VOLUME, disk->volume_id);
    jw_str(out, "volumeUrl", disk->path);
    jw_str(out, "diskName", disk->name);
    jw_bool(out, "isThin", disk->thin);
    jw_str(out, "pciType", disk->bus);
    jw_str(out, "type", "normal");
    jw_int(out, "volType", 0);
    jw_bool(out, "isDataCopy", true);
    jw_bool(out, "indepDisk", disk->independent);
    jw_bool(out, "persistentDisk", disk->persistent);
    jw_str(out, "storageType", datastore ? datastore->storage_type : "");
    jw_object_end(out);
}

static void put_nic(struct request *req, const Vm *vm, const struct vm_nic *nic)
{
    g_autofree char *urn = urn_format(req->site, OBJECT_VM, vm->id);
    g_autofree char *uri = uri_format(req->site, OBJECT_VM, vm->id);
    g_autofree char *nic_urn = g_strdup_printf("%s:nics:%" G_GINT64_FORMAT, urn, nic->sequence);
    g_autofree char *nic_uri = g_strdup_printf("%s/nics/%" G_GINT64_FORMAT, uri, nic->sequence);
    struct jw *out = &req->out;

    jw_object(out, NULL);
    jw_str(out, "name", nic->name);
    jw_str(out, "urn", nic_urn);
    jw_str(out, "uri", nic_uri);
    jw_str(out, "portGroupUrn", nic->port_group);
    jw_str(out, "portGroupName", "");
    jw_str(out, "mac", nic->mac);
    jw_str(out, "ip", nic->ip);
    jw_str(out, "ipList", nic->ip);
    jw_empty_array(out, "ips6");
    jw_int(out, "sequenceNum", nic->sequence);
    jw_int(out, "virtIo", nic->virtio);
    jw_int(out, "nicType", 0);
    jw_int_str(out, "portId", nic->sequence);
    jw_object_end(out);
}

static void put_properties(struct request *req, const Vm *vm)
{
    struct jw *out = &req->out;

    jw_object(out, "properties");
    jw_str(out, "bootOption", vm->boot_option);
    jw_str(out, "clockMode", vm->clock_mode);
    h_vm_ha_put(req, vm);
    jw_object_end(out);
}

static void put_config(struct request *req, const Vm *vm)
{
    struct jw *out = &req->out;

    jw_object(out, "vmConfig");
    put_cpu(out, &vm->cpu);
    put_memory(out, &vm->memory);
    jw_array(out, "disks");
    for (size_t i = 0; i < vm->n_disks; i++)
        put_disk(req, &vm->disks[i]);
    jw_array_end(out);
    jw_array(out, "nics");
    for (size_t i = 0; i < vm->n_nics; i++)
        put_nic(req, vm, &vm->nics[i]);
    jw_array_end(out);
    jw_empty_array(out, "usb");
    h_devices_put_vm(out, vm);
    put_properties(req, vm);
    jw_object_end(out);
}

static void put_place(struct request *req, const Vm *vm)
{
    enum object_kind kind = vm->location_is_host ? OBJECT_HOST : OBJECT_CLUSTER;
    int64_t location = vm->location_is_host ? vm->host_id : vm->cluster_id;
    struct jw *out = &req->out;

    read_put_urn(req, "location", kind, location);
    jw_str(out, "locationName", read_name(req, kind, location));
    read_put_urn(req, "hostUrn", OBJECT_HOST, vm->host_id);
    jw_str(out, "hostName", read_name(req, OBJECT_HOST, vm->host_id));
    read_put_urn(req, "clusterUrn", OBJECT_CLUSTER, vm->cluster_id);
    jw_str(out, "clusterName", read_name(req, OBJECT_CLUSTER, vm->cluster_id));
}

static void put_datastores(struct request *req, const Vm *vm)
{
    jw_array(&req->out, "dataStoreUrns");
    for (size_t i = 0; i < vm->n_disks; i++) {
        bool repeated = false;

        for (size_t k = 0; k < i; k++)
            repeated = repeated || vm->disks[k].datastore_id == vm->disks[i].datastore_id;
        if (!repeated && vm->disks[i].datastore_id)
            read_put_urn(req, NULL, OBJECT_DATASTORE, vm->disks[i].datastore_id);
    }
    jw_array_end(&req->out);
}

/* FusionCompute's guest tools; ours is the QEMU guest agent. */
static const char *tools_state(const Vm *vm)
{
    return vm_shown_status(vm) == VM_RUNNING && vm->agent_answers ? "running" : "notRunning";
}

/* Fields of features that this product does not have, as a VM without them shows them. */
static void put_fixed(struct jw *out, const Vm *vm)
{
    jw_str(out, "toolInstallStatus", "empty");
    jw_str(out, "cdRomStatus", "empty");
    jw_bool(out, "isTemplate", vm->is_template);
    jw_bool(out, "isLinkClone", false);
    jw_bool(out, "isBindingHost", vm->binding_host);
    jw_int(out, "idle", vm->is_template ? -1 : 0);
    jw_int(out, "vmType", 0);
    jw_int(out, "drStatus", 0);
    jw_int(out, "rpoStatus", 0);
    jw_int(out, "initSyncStatus", 0);
    jw_empty_array(out, "additionalStatus");
    jw_empty_array(out, "objectPrivs");
}

static void put_guest(struct request *req, const Vm *vm)
{
    const Host *host = snapshot_host(req->snap, vm->host_id);
    struct jw *out = &req->out;

    jw_object(out, "osOptions");
    jw_str(out, "osType", vm->os_type);
    jw_int(out, "osVersion", vm->os_version);
    jw_str(out, "guestOSName", vm->guest_os_name);
    jw_str(out, "hostname", vm->os_hostname);
    jw_str(out, "password", "");
    jw_object_end(out);
    jw_object(out, "vncAcessInfo");
    jw_str(out, "hostIp", host && vm->vnc_port ? host->ip : "");
    jw_int(out, "vncPort", vm->vnc_port);
    jw_str(out, "vncPassword", "");
    jw_object_end(out);
}

/* Measured load, and when it moved last. */
static void put_params(struct request *req, const Vm *vm)
{
    struct jw *out = &req->out;

    jw_object(out, "params");
    jw_int_str(out, "usedMHz", vm->load.last_cpu_mhz);
    jw_int_str(out, "usedMB", vm->load.last_mem_mb);
    if (vm->load.sampled_mono_ms)
        jw_int_str(out, "sampleAgeMs", MAX(req->core->now_ms() - vm->load.sampled_mono_ms, 0));
    if (vm->moved_ms)
        read_put_time(req, "lastMigration", vm->moved_ms);
    jw_object_end(out);
}

/* The generation it was started as; "": its host's own CPU. */
static const char *imc_setting(const Vm *vm)
{
    const struct imc_generation *generation = imc_generation_of(vm->cpu_model);

    return generation ? generation->mode : "";
}

/* VMs of one cluster see few different CPUs: what was found for one holds for the next. */
struct cpu_memo {
    const Vm *vm; /* NULL: none yet */
    const char *mode;
};

/* The lowest baseline with which it can go on running; "": none, or it does not run. */
static const char *min_imc_setting(const Vm *vm, struct cpu_memo *memo)
{
    const struct imc_generation *it;

    if (!vm_is_placed(vm))
        return "";
    if (memo->vm && g_str_equal(memo->vm->cpu_model, vm->cpu_model) &&
        g_str_equal(memo->vm->cpu_seen, vm->cpu_seen))
        return memo->mode;
    it = imc_oldest_for(vm->cpu_model, vm->cpu_seen);
    *memo = (struct cpu_memo){ vm, it ? it->mode : "" };
    return memo->mode;
}

static void put_vm(struct request *req, const Vm *vm, enum detail detail, struct cpu_memo *memo)
{
    struct jw *out = &req->out;

    jw_object(out, NULL);
    read_put_object(req, OBJECT_VM, vm->id);
    jw_str(out, "uuid", vm->uuid);
    jw_str(out, "externalUuid", vm->external_uuid);
    jw_str(out, "name", vm->name);
    jw_str(out, "description", vm->description);
    jw_str(out, "group", vm->group);
    put_place(req, vm);
    jw_str(out, "status", vm_status_name(vm_shown_status(vm)));
    if (vm->task_id)
        read_put_urn(req, "taskUrn", OBJECT_TASK, vm->task_id);
    if (*vm->start_wait)
        jw_str(out, "waitsToStart", vm->start_wait);
    jw_str(out, "pvDriverStatus", tools_state(vm));
    put_fixed(out, vm);
    jw_str(out, "imcSetting", imc_setting(vm));
    jw_str(out, "minCompatibleimcSetting", min_imc_setting(vm, memo));
    jw_str(out, "cpuSeen", vm->cpu_seen);
    read_put_time(req, "createTime", vm->create_ms);
    put_datastores(req, vm);
    put_params(req, vm);
    if (detail != DETAIL_BASIC) {
        put_guest(req, vm);
        put_config(req, vm);
    }
    jw_object_end(out);
}

bool h_vm_get(struct request *req, GError **error)
{
    struct cpu_memo memo = { 0 };

    (void)error;
    put_vm(req, snapshot_vm(req->snap, req->ids[OBJECT_VM]), DETAIL_FULL, &memo);
    return true;
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* Texts that must be equal, and texts that must contain the parameter. */
enum text_filter {
    TEXT_GROUP,
    TEXT_STATUS,
    TEXT_UUID,
    TEXT_EXTERNAL_UUID,
    TEXT_NAME,
    TEXT_DESCRIPTION,
    TEXT_IMC,
    TEXT_TOOLS,
    N_TEXT_FILTERS,
};

struct filter {
    const char *texts[N_TEXT_FILTERS];
    const char *ip, *mac, *vm_id;
    int is_template, is_link_clone, is_bound; /* -1: any */
    struct read_scope scope;
    int64_t *ids;
    size_t n_ids;
    int64_t group_flag;
    int64_t rule_index;
};

static const struct {
    const char *param;
    bool whole;
} text_filters[N_TEXT_FILTERS] = {
    [TEXT_GROUP] = { "group", true },    [TEXT_STATUS] = { "status", true },
    [TEXT_UUID] = { "uuid", true },      [TEXT_EXTERNAL_UUID] = { "externalUuid", true },
    [TEXT_NAME] = { "name", false },     [TEXT_DESCRIPTION] = { "description", false },
    [TEXT_IMC] = { "imcSetting", true }, [TEXT_TOOLS] = { "pvDriverStatus", true },
};

static bool texts_fit(const Vm *vm, const struct filter *filter)
{
    const char *const texts[N_TEXT_FILTERS] = {
        [TEXT_GROUP] = vm->group,     [TEXT_STATUS] = vm_status_name(vm_shown_status(vm)),
        [TEXT_UUID] = vm->uuid,       [TEXT_EXTERNAL_UUID] = vm->external_uuid,
        [TEXT_NAME] = vm->name,       [TEXT_DESCRIPTION] = vm->description,
        [TEXT_IMC] = imc_setting(vm), [TEXT_TOOLS] = tools_state(vm),
    };

    for (size_t i = 0; i < N_TEXT_FILTERS; i++) {
        const char *want = filter->texts[i];

        if (want && (text_filters[i].whole ? g_ascii_strcasecmp(texts[i], want) != 0
                                           : !read_like(texts[i], want)))
            return false;
    }
    return true;
}

static bool uses_datastore(const Vm *vm, int64_t datastore_id)
{
    for (size_t i = 0; i < vm->n_disks; i++) {
        if (vm->disks[i].datastore_id == datastore_id)
            return true;
    }
    return false;
}

static bool uses_volume(const Vm *vm, int64_t volume_id)
{
    for (size_t i = 0; i < vm->n_disks; i++) {
        if (vm->disks[i].volume_id == volume_id)
            return true;
    }
    return false;
}

static bool in_scope(const Vm *vm, const struct read_scope *scope)
{
    if (!scope->given)
        return true;
    if (scope->kind == OBJECT_CLUSTER)
        return vm->cluster_id == scope->id;
    if (scope->kind == OBJECT_HOST)
        return vm->host_id == scope->id;
    if (scope->kind == OBJECT_DATASTORE)
        return uses_datastore(vm, scope->id);
    if (scope->kind == OBJECT_VOLUME)
        return uses_volume(vm, scope->id);
    return scope->kind == OBJECT_VM && vm->id == scope->id;
}

static bool nics_fit(const Vm *vm, const struct filter *filter)
{
    bool ip_ok = !filter->ip, mac_ok = !filter->mac;

    for (size_t i = 0; i < vm->n_nics; i++) {
        ip_ok = ip_ok || read_like(vm->nics[i].ip, filter->ip);
        mac_ok = mac_ok || g_ascii_strcasecmp(vm->nics[i].mac, filter->mac) == 0;
    }
    return ip_ok && mac_ok;
}

static bool is_grouped(const Snapshot *snap, const Vm *vm)
{
    for (size_t i = 0; i < snap->n_groups; i++) {
        const Group *group = snap->groups[i];

        if (group->type == GROUP_VM && read_contains(group->members, group->n_members, vm->id))
            return true;
    }
    return false;
}

static bool rule_fits(const Snapshot *snap, const Vm *vm, const struct filter *filter)
{
    const Rule *rule;
    const Group *group;

    if (filter->group_flag == 1 && is_grouped(snap, vm))
        return false;
    if (!filter->rule_index)
        return true;
    rule = snapshot_rule(snap, filter->rule_index);
    if (!rule)
        return false;
    group = snapshot_group(snap, rule->vm_group_id);
    return read_contains(rule->vms, rule->n_vms, vm->id) ||
           (group && read_contains(group->members, group->n_members, vm->id));
}

static bool flag_fits(int want, bool is)
{
    return want < 0 || want == is;
}

static bool fits(const struct request *req, const Vm *vm, const struct filter *filter)
{
    if (!flag_fits(filter->is_template, vm->is_template) ||
        !flag_fits(filter->is_link_clone, false) ||
        !flag_fits(filter->is_bound, vm->binding_host) || !in_scope(vm, &filter->scope) ||
        !texts_fit(vm, filter) || !nics_fit(vm, filter))
        return false;
    if (filter->ids && !read_contains(filter->ids, filter->n_ids, vm->id))
        return false;
    if (filter->vm_id) {
        g_autofree char *id = object_id_format(OBJECT_VM, vm->id);

        if (g_ascii_strcasecmp(id, filter->vm_id) != 0)
            return false;
    }
    return rule_fits(req->snap, vm, filter);
}

static bool read_flag(const struct request *req, const char *name, int *ret_flag, GError **error)
{
    bool value = false;

    if (!target_bool(&req->target, name, &value, error))
        return false;
    *ret_flag = target_param(&req->target, name) ? value : -1;
    return true;
}

/* filter->ids is owned by the caller. */
static bool read_filter(const struct request *req, struct filter *filter, GError **error)
{
    const struct target *target = &req->target;

    for (size_t i = 0; i < N_TEXT_FILTERS; i++)
        filter->texts[i] = target_param(target, text_filters[i].param);
    filter->ip = target_param(target, "ip");
    filter->mac = target_param(target, "mac");
    filter->vm_id = target_param(target, "vmId");
    return read_scope(req, NULL, &filter->scope, error) &&
           read_flag(req, "isTemplate", &filter->is_template, error) &&
           read_flag(req, "isLinkClone", &filter->is_link_clone, error) &&
           read_flag(req, "isBindingHost", &filter->is_bound, error) &&
           target_int(target, INT_FIELD("resourceGroupFlag", 0, 3, 0, &filter->group_flag),
                      error) &&
           target_int(target, INT_FIELD("drsRuleIndex", 0, INT64_MAX, 0, &filter->rule_index),
                      error) &&
           read_ids(req, "vmurns", OBJECT_VM, &filter->ids, &filter->n_ids, error);
}

bool h_vm_list(struct request *req, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    struct filter filter = { 0 };
    int64_t detail = DETAIL_DEFAULT;
    struct cpu_memo memo = { 0 };
    struct read_page page;
    size_t from, to;

    if (!read_page(req, &page, error) || !read_filter(req, &filter, error) ||
        !target_int(&req->target, INT_FIELD("detail", DETAIL_BASIC, DETAIL_FULL, 0, &detail),
                    error)) {
        g_free(filter.ids);
        return false;
    }
    for (size_t i = 0; i < req->snap->n_vms; i++) {
        if (fits(req, req->snap->vms[i], &filter))
            g_ptr_array_add(found, (void *)(uintptr_t)req->snap->vms[i]);
    }
    g_free(filter.ids);
    read_page_bounds(&page, found->len, &from, &to);
    jw_object(&req->out, NULL);
    jw_int(&req->out, "total", found->len);
    jw_array(&req->out, "vms");
    for (size_t i = from; i < to; i++)
        put_vm(req, g_ptr_array_index(found, i), (enum detail)detail, &memo);
    jw_array_end(&req->out);
    jw_object_end(&req->out);
    return true;
}

bool h_vm_statistics(struct request *req, GError **error)
{
    struct read_scope scope;
    struct jw *out = &req->out;
    int64_t counts[N_VM_STATUSES] = { 0 };
    int64_t total = 0;

    if (!read_scope(req, NULL, &scope, error))
        return false;
    for (size_t i = 0; i < req->snap->n_vms; i++) {
        const Vm *vm = req->snap->vms[i];

        if (vm->is_template || !in_scope(vm, &scope))
            continue;
        total++;
        counts[vm_shown_status(vm)]++;
    }
    jw_object(out, NULL);
    jw_int(out, "total", total);
    jw_int(out, "running", counts[VM_RUNNING] + counts[VM_MIGRATING]);
    jw_int(out, "stopped", counts[VM_STOPPED]);
    jw_int(out, "fault", counts[VM_FAULT_RESUMING] + counts[VM_UNKNOWN]);
    jw_int(out, "hibernated", counts[VM_HIBERNATED]);
    jw_object_end(out);
    return true;
}

/* ---- operating systems ----------------------------------------------------------------------- */

/* Any number is taken for osVersion; these are what a client may offer its user. */
static const struct {
    const char *family, *text;
    int64_t id;
} systems[] = {
    { "windows", "Windows 64-bit", 1 },
    { "linux", "Linux 64-bit", 2 },
    { "other", "Other 64-bit", 3 },
};

#define OS_MAX_VCPUS     255
#define OS_MAX_MEMORY_MB 16777216

bool h_vm_osversions(struct request *req, GError **error)
{
    struct jw *out = &req->out;

    (void)error;
    jw_object(out, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(systems); i++) {
        jw_array(out, systems[i].family);
        jw_object(out, NULL);
        jw_int(out, "id", systems[i].id);
        jw_str(out, "versionDes", systems[i].text);
        jw_int(out, "cpuQuantityLimit", OS_MAX_VCPUS);
        jw_int(out, "cpuSocketLimit", OS_MAX_VCPUS);
        jw_int(out, "memQuantityLimit", OS_MAX_MEMORY_MB);
        jw_int(out, "defaultCPUQuantity", 1);
        jw_int(out, "defaultMemoryQuantity", 1024);
        jw_bool(out, "supportCpuHotPlug", false);
        jw_bool(out, "supportMemHotPlug", false);
        jw_bool(out, "supportDiskHotPlug", false);
        jw_bool(out, "supportUEFIFirmware", false);
        jw_object_end(out);
        jw_array_end(out);
    }
    jw_object_end(out);
    return true;
}
