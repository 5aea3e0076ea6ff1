/* h_devices.c - see h_devices.h.
 *
 * FusionCompute lists the addresses of single cards; here a VM asks for kinds and counts, and its
 * host picks the cards when it starts. */
#include "config.h"

#include "api/h_devices.h"

#include "model/devices.h"

/* ---- out ---------------------------------------------------------------------------------------
 */

static const char *type_of(const char *name)
{
    return devices_is_mdev(name) ? "mdev" : "pci";
}

/* What the VMs on the host hold. */
static Devices *in_use(const Snapshot *snap, const Host *host)
{
    Devices *used = g_new0(Devices, 1);

    for (size_t i = 0; i < snap->n_vms; i++) {
        const Vm *vm = snap->vms[i];
        g_autoptr(Devices) its = NULL;

        if (vm->host_id != host->id || !*vm->devices || !vm_is_placed(vm))
            continue;
        its = devices_parse(vm->devices, NULL);
        for (size_t k = 0; its && k < its->n; k++)
            (void)devices_add(used, its->items[k].name, its->items[k].count);
    }
    return used;
}

void h_devices_put_host(struct request *req, const Host *host)
{
    g_autoptr(Devices) devices = devices_parse(host->devices, NULL);
    g_autoptr(Devices) used = in_use(req->snap, host);
    struct jw *out = &req->out;

    jw_int(out, "gpuCapacity", devices ? devices_total(devices) : 0);
    jw_array(out, "devices");
    for (size_t i = 0; devices && i < devices->n; i++) {
        const struct device_kind *kind = &devices->items[i];

        jw_object(out, NULL);
        jw_str(out, "name", kind->name);
        jw_str(out, "type", type_of(kind->name));
        jw_int(out, "quantity", kind->count);
        jw_int(out, "used", devices_count(used, kind->name));
        jw_object_end(out);
    }
    jw_array_end(out);
}

void h_devices_put_vm(struct jw *out, const Vm *vm)
{
    g_autoptr(Devices) devices = devices_parse(vm->devices, NULL);

    jw_array(out, "gpu");
    for (size_t i = 0; devices && i < devices->n; i++) {
        jw_object(out, NULL);
        jw_str(out, "name", devices->items[i].name);
        jw_str(out, "type", type_of(devices->items[i].name));
        jw_int(out, "quantity", devices->items[i].count);
        jw_object_end(out);
    }
    jw_array_end(out);
}

/* ---- in ----------------------------------------------------------------------------------------
 */

static bool read_kind(const struct json_reader *reader, Devices *devices, GError **error)
{
    g_autofree char *name = NULL;
    int64_t quantity = 1;

    if (!body_string(reader, "name", DEVICES_MAX_NAME, 0, &name, error) ||
        !body_int(reader, INT_FIELD("quantity", 1, DEVICES_MAX_COUNT, 0, &quantity), error))
        return false;
    if (!name || !devices_is_name(name))
        return body_fail(reader, "name", 0,
                         "a kind of device that hosts list under devices: 1..64 letters, digits, "
                         "'.', '_' and '-'",
                         error);
    return devices_add(devices, name, quantity) ||
           body_fail(reader, "quantity", 0, "at most 1024 of one kind", error);
}

/* Clients that want none say so in many ways; on a change only [] takes them all away. */
static bool is_none(const json_t *value)
{
    const char *text = json_string_value(value);

    return !value || json_is_null(value) || json_is_false(value) || (text && !*text) ||
           (json_is_integer(value) && json_integer_value(value) == 0);
}

bool h_devices_read_vm(const struct json_reader *parent, Vm *vm, GError **error)
{
    g_autoptr(Devices) devices = g_new0(Devices, 1);
    const json_t *array = NULL;

    if (is_none(json_get(parent, "gpu")))
        return true;
    if (!json_read_array(parent, "gpu", DEVICES_MAX_KINDS, &array, error))
        return false;
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct json_reader entry;

        if (!json_read_element(parent, "gpu", array, i, &entry, error) ||
            !read_kind(&entry, devices, error))
            return false;
    }
    g_free(vm->devices);
    vm->devices = devices_format(devices);
    return true;
}
