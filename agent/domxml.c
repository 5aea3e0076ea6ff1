/* domxml.c - see domxml.h.
 *
 * Machine type pc: it has an IDE bus, which the API offers, and plugs devices without prepared
 * ports.  Every domain is transient: after a host crash nothing may come back by itself. */
#include "config.h"

#include "agent/domxml.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/err.h"

#define CPU_PERIOD_US   100000
#define MIN_QUOTA_US    1000 /* the kernel's */
#define WEIGHT_PER_UNIT 10   /* 1000 a vCPU in the API, 100 in cgroups */
#define MIN_SHARES      2
#define MAX_SHARES      10000
#define LETTERS         26
#define MAX_IDE_DISKS   4
#define MAX_DISKS       60

static void add(GString *xml, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void add(GString *xml, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_markup_vprintf_escaped(format, args);
    va_end(args);
    g_string_append(xml, text);
}

/* ---- what libvirt could not take ----------------------------------------------------------- */

static bool check_text(const char *field, const char *text, GError **error)
{
    if (!g_utf8_validate(text, -1, NULL)) {
        err_set_reason(error, VRM_ERR_INVALID, 0, field, "%s: not valid UTF-8", field);
        return false;
    }
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < ' ') {
            err_set_reason(error, VRM_ERR_INVALID, 0, field,
                           "%s: control character 0x%02x is not allowed", field, (unsigned)*p);
            return false;
        }
    }
    return true;
}

static bool check_disk(const struct vm_disk *disk, GError **error)
{
    static const char *const buses[] = { "VIRTIO", "SCSI", "IDE", "", NULL };

    if (!check_text("disk path", disk->path, error))
        return false;
    if (!g_path_is_absolute(disk->path)) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "path",
                       "disk %" PRId64 ": path \"%s\" is not absolute", disk->sequence, disk->path);
        return false;
    }
    if (!g_strv_contains(buses, disk->bus)) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "bus",
                       "disk %" PRId64 ": bus \"%s\": want VIRTIO, SCSI or IDE", disk->sequence,
                       disk->bus);
        return false;
    }
    return true;
}

static bool check_disks(const Vm *vm, GError **error)
{
    size_t n_ide = 0;

    if (vm->n_disks > MAX_DISKS) {
        err_set(error, VRM_ERR_INVALID, "%zu disks: at most %d are possible", vm->n_disks,
                MAX_DISKS);
        return false;
    }
    for (size_t i = 0; i < vm->n_disks; i++) {
        if (!check_disk(&vm->disks[i], error))
            return false;
        n_ide += g_str_equal(vm->disks[i].bus, "IDE");
    }
    if (n_ide > MAX_IDE_DISKS) {
        err_set(error, VRM_ERR_INVALID, "%zu IDE disks: at most %d are possible", n_ide,
                MAX_IDE_DISKS);
        return false;
    }
    return true;
}

static bool check_vm(const Vm *vm, GError **error)
{
    if (!g_uuid_string_is_valid(vm->uuid)) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "uuid", "uuid \"%s\" is not a UUID", vm->uuid);
        return false;
    }
    if (vm->cpu.quantity < 1 || vm->memory.size_mb < 1) {
        err_set_reason(error, VRM_ERR_INVALID, 0, "cpu",
                       "%" PRId64 " vCPUs and %" PRId64 " MiB: want at least 1 of each",
                       vm->cpu.quantity, vm->memory.size_mb);
        return false;
    }
    for (size_t i = 0; i < vm->n_nics; i++) {
        if (!check_text("nic mac", vm->nics[i].mac, error))
            return false;
    }
    return check_text("name", vm->name, error) && check_text("cpu_model", vm->cpu_model, error) &&
           check_disks(vm, error);
}

/* ---- parts ---------------------------------------------------------------------------------- */

static void add_cpu_limits(GString *xml, const Vm *vm, const struct domxml_settings *settings)
{
    int64_t shares = CLAMP(vm->cpu.weight / WEIGHT_PER_UNIT, MIN_SHARES, MAX_SHARES);
    bool limited = vm->cpu.limit_mhz > 0 && settings->host_cpu_mhz > 0;

    if (vm->cpu.weight <= 0 && !limited)
        return;
    g_string_append(xml, "  <cputune>\n");
    if (vm->cpu.weight > 0)
        add(xml, "    <shares>%" PRId64 "</shares>\n", shares);
    if (limited) {
        double cores =
            (double)vm->cpu.limit_mhz / ((double)settings->host_cpu_mhz * (double)vm->cpu.quantity);
        int64_t quota = (int64_t)(cores * CPU_PERIOD_US);

        add(xml, "    <period>%d</period>\n    <quota>%" PRId64 "</quota>\n", CPU_PERIOD_US,
            MAX(quota, MIN_QUOTA_US));
    }
    g_string_append(xml, "  </cputune>\n");
}

/* The limit is where the balloon stands: the guest keeps within it, nobody is killed. */
static void add_size(GString *xml, const Vm *vm)
{
    add(xml, "  <memory unit='MiB'>%" PRId64 "</memory>\n", vm->memory.size_mb);
    if (vm->memory.limit_mb > 0 && vm->memory.limit_mb < vm->memory.size_mb)
        add(xml, "  <currentMemory unit='MiB'>%" PRId64 "</currentMemory>\n", vm->memory.limit_mb);
    add(xml, "  <vcpu placement='static'>%" PRId64 "</vcpu>\n", vm->cpu.quantity);
}

static void add_boot(GString *xml, const Vm *vm)
{
    g_string_append(xml, "  <os>\n    <type arch='x86_64' machine='pc'>hvm</type>\n");
    if (g_str_equal(vm->boot_option, "cdrom"))
        g_string_append(xml, "    <boot dev='cdrom'/>\n");
    else if (g_str_equal(vm->boot_option, "pxe"))
        g_string_append(xml, "    <boot dev='network'/>\n");
    g_string_append(xml, "    <boot dev='hd'/>\n  </os>\n");
}

static void add_cpu(GString *xml, const Vm *vm, const struct domxml_settings *settings)
{
    int64_t cores = vm->cpu.cores_per_socket;

    if (cores < 1 || vm->cpu.quantity % cores != 0)
        cores = 1;
    if (*vm->cpu_model)
        add(xml,
            "  <cpu mode='custom' match='exact' check='partial'>\n"
            "    <model fallback='forbid'>%s</model>\n",
            vm->cpu_model);
    /* Emulation has one CPU model on every machine, so that any host can take the VM. */
    else if (g_str_equal(settings->domain_type, "kvm"))
        g_string_append(xml, "  <cpu mode='host-model' check='partial'>\n");
    else
        g_string_append(xml, "  <cpu mode='custom' match='exact' check='none'>\n"
                             "    <model fallback='forbid'>qemu64</model>\n");
    add(xml, "    <topology sockets='%" PRId64 "' cores='%" PRId64 "' threads='1'/>\n  </cpu>\n",
        vm->cpu.quantity / cores, cores);
}

static void add_features(GString *xml, const struct domxml_settings *settings)
{
    g_string_append(xml, "  <features>\n    <acpi/>\n    <apic/>\n");
    /* QEMU's own default is 1 GiB a VM. */
    if (!g_str_equal(settings->domain_type, "kvm"))
        g_string_append(xml, "    <tcg>\n      <tb-cache unit='MiB'>64</tb-cache>\n    </tcg>\n");
    g_string_append(xml, "  </features>\n");
}

static void add_clock(GString *xml, const Vm *vm)
{
    g_autofree char *os = g_ascii_strdown(vm->os_type, -1);

    add(xml,
        "  <clock offset='%s'>\n"
        "    <timer name='rtc' tickpolicy='catchup'/>\n"
        "    <timer name='pit' tickpolicy='delay'/>\n"
        "    <timer name='hpet' present='no'/>\n"
        "  </clock>\n",
        g_str_equal(os, "windows") ? "localtime" : "utc");
}

/* "vda" ... "vdz", "vdaa" ... */
static char *target_name(const char *prefix, size_t i)
{
    if (i < LETTERS)
        return g_strdup_printf("%s%c", prefix, (char)('a' + i));
    return g_strdup_printf("%s%c%c", prefix, (char)('a' + i / LETTERS - 1),
                           (char)('a' + i % LETTERS));
}

static void add_disk(GString *xml, const struct vm_disk *disk, size_t counts[3], const char *cache)
{
    static const struct {
        const char *bus, *prefix, *libvirt;
    } buses[] = { { "VIRTIO", "vd", "virtio" }, { "SCSI", "sd", "scsi" }, { "IDE", "hd", "ide" } };
    size_t b = 0;
    g_autofree char *target = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(buses); i++) {
        if (g_str_equal(disk->bus, buses[i].bus))
            b = i;
    }
    target = target_name(buses[b].prefix, counts[b]++);
    add(xml,
        "    <disk type='file' device='disk'>\n"
        "      <driver name='qemu' type='raw' cache='%s' io='%s' discard='%s'/>\n"
        "      <source file='%s'/>\n"
        "      <target dev='%s' bus='%s'/>\n"
        "    </disk>\n",
        cache, g_str_equal(cache, "none") ? "native" : "threads", disk->thin ? "unmap" : "ignore",
        disk->path, target, buses[b].libvirt);
    if (b == 1 && counts[b] == 1)
        g_string_append(xml, "    <controller type='scsi' index='0' model='virtio-scsi'/>\n");
}

static void add_nic(GString *xml, const struct vm_nic *nic, const struct domxml_settings *settings)
{
    bool plugged = settings->bridge && *settings->bridge;

    add(xml, "    <interface type='%s'>\n", plugged ? "bridge" : "ethernet");
    if (plugged)
        add(xml, "      <source bridge='%s'/>\n", settings->bridge);
    else
        g_string_append(xml, "      <link state='down'/>\n");
    if (*nic->mac)
        add(xml, "      <mac address='%s'/>\n", nic->mac);
    add(xml, "      <model type='%s'/>\n    </interface>\n", nic->virtio ? "virtio" : "e1000");
}

/* Both were checked when they were found: hex digits, ':', '.' and '-' only. */
static void add_hostdev(GString *xml, const struct hostdev *device)
{
    if (device->mdev)
        add(xml,
            "    <hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci'>\n"
            "      <source>\n        <address uuid='%s'/>\n      </source>\n    </hostdev>\n",
            device->address);
    else
        add(xml,
            "    <hostdev mode='subsystem' type='pci' managed='yes'>\n"
            "      <driver name='vfio'/>\n"
            "      <source>\n"
            "        <address domain='0x%.4s' bus='0x%.2s' slot='0x%.2s' function='0x%.1s'/>\n"
            "      </source>\n    </hostdev>\n",
            device->address, device->address + 5, device->address + 8, device->address + 11);
}

static void add_devices(GString *xml, const Vm *vm, const struct domxml_settings *settings)
{
    size_t counts[3] = { 0 };

    g_string_append(xml, "  <devices>\n");
    if (settings->emulator && *settings->emulator)
        add(xml, "    <emulator>%s</emulator>\n", settings->emulator);
    for (size_t i = 0; i < vm->n_disks; i++)
        add_disk(xml, &vm->disks[i], counts, settings->disk_cache);
    for (size_t i = 0; i < vm->n_nics; i++)
        add_nic(xml, &vm->nics[i], settings);
    for (size_t i = 0; i < settings->n_hostdevs; i++)
        add_hostdev(xml, settings->hostdevs[i]);
    g_string_append(xml, "    <controller type='usb' model='none'/>\n"
                         "    <serial type='pty'/>\n"
                         "    <channel type='unix'>\n"
                         "      <target type='virtio' name='org.qemu.guest_agent.0'/>\n"
                         "    </channel>\n"
                         "    <graphics type='vnc' autoport='yes' listen='127.0.0.1'/>\n"
                         "    <video>\n      <model type='vga' vram='16384'/>\n    </video>\n"
                         "    <memballoon model='virtio'>\n      <stats period='5'/>\n"
                         "    </memballoon>\n"
                         "    <rng model='virtio'>\n"
                         "      <backend model='random'>/dev/urandom</backend>\n    </rng>\n"
                         "    <panic model='isa'/>\n"
                         "  </devices>\n");
}

/* ---- the whole ----------------------------------------------------------------------------- */

const char *domxml_right_word(enum domxml_right right)
{
    static const char *const words[] = {
        [DOMXML_NO_RIGHT] = "",
        [DOMXML_HALTED] = "halted",
        [DOMXML_RUNS] = "runs",
    };

    return words[right];
}

static char *format_mark(const struct domxml_mark *mark)
{
    return g_strdup_printf("id='%" PRId64 "' gen='%" PRId64 "'%s%s%s", mark->vm_id, mark->gen,
                           mark->right != DOMXML_NO_RIGHT ? " right='" : "",
                           domxml_right_word(mark->right),
                           mark->right != DOMXML_NO_RIGHT ? "'" : "");
}

char *domxml_metadata_format(const struct domxml_mark *mark)
{
    g_autofree char *attributes = format_mark(mark);

    return g_strdup_printf("<vm %s/>", attributes);
}

static void add_metadata(GString *xml, const struct domxml_mark *mark)
{
    g_autofree char *attributes = format_mark(mark);

    g_string_append_printf(xml,
                           "  <metadata>\n"
                           "    <%s:vm xmlns:%s='%s' %s/>\n"
                           "  </metadata>\n",
                           DOMXML_METADATA_PREFIX, DOMXML_METADATA_PREFIX, DOMXML_METADATA_URI,
                           attributes);
}

char *domxml_format(const Vm *vm, int64_t gen, const struct domxml_settings *settings,
                    GError **error)
{
    g_autoptr(GString) xml = g_string_new(NULL);
    g_autofree char *name = object_id_format(OBJECT_VM, vm->id);
    const struct domxml_mark mark = {
        .vm_id = vm->id,
        .gen = gen,
        .right = settings->halted ? DOMXML_HALTED : DOMXML_NO_RIGHT,
    };

    if (!check_vm(vm, error))
        return NULL;
    add(xml,
        "<domain type='%s'>\n"
        "  <name>%s</name>\n"
        "  <uuid>%s</uuid>\n"
        "  <title>%s</title>\n",
        settings->domain_type, name, vm->uuid, vm->name);
    add_metadata(xml, &mark);
    add_size(xml, vm);
    add_cpu_limits(xml, vm, settings);
    add_boot(xml, vm);
    add_features(xml, settings);
    add_cpu(xml, vm, settings);
    add_clock(xml, vm);
    /* A crash ends the domain: the controller decides what follows. */
    g_string_append(xml, "  <on_poweroff>destroy</on_poweroff>\n"
                         "  <on_reboot>restart</on_reboot>\n"
                         "  <on_crash>destroy</on_crash>\n");
    add_devices(xml, vm, settings);
    g_string_append(xml, "</domain>\n");
    return g_string_free(g_steal_pointer(&xml), FALSE);
}
